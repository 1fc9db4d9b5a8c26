"""Links by which patients answer, and codes by which they read: derived when they are sent, and nowhere in clear."""

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from people.own_file import OwnFile

FILE = "patient-links.sqlite3"
BUSY_WITHIN_S = 5.0
SECRET = "patients' links"  # what of the key store's they are derived from
LINK_BYTES = 18  # 144 bits in 24 characters: a link must fit an SMS
DIGITS = 6  # of a code
TRIES = 5  # of a code, those that were right included
MOST_CODES = 5  # of a patient, within
CODES_WITHIN_MS = 24 * 3_600_000
DAY_MS = 24 * 3_600_000
# A link answers its slot until that closes. Whoever has none newer stops by it and reads by it for so long after, as
# where a follow-up is paused or over; and for so long once there is a newer one, which may not have come. ⚠ OWN
READS_MS = 30 * DAY_MS
GRACE_MS = DAY_MS
OVER_KEPT_MS = 7 * DAY_MS  # a link says so long that it is over

State = Literal["open", "expired"]

_TABLES = (
    "CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, region TEXT NOT NULL, patient TEXT NOT NULL,"
    " slot TEXT NOT NULL, closes_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, number INTEGER NOT NULL)"
    " WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS links_of ON links (patient)",
    "CREATE INDEX IF NOT EXISTS links_end ON links (expires_at)",
    "CREATE TABLE IF NOT EXISTS codes (patient TEXT NOT NULL, event TEXT NOT NULL, expires_at INTEGER NOT NULL,"
    " asked_at INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (patient, event)) WITHOUT ROWID",
)


class LinksAway(Exception):
    """The file of links can't be used, and why: no link opens, and none is sent, until it can."""


class PatientLink(NamedTuple):
    """What a link stands for: a slot of a patient, who may answer it, stop and read until an instant (ms).

    Whether the slot can still be answered is the shard's to say: a link opens for longer. So is whether it was revoked:
    one whose `number` is below the patient's (`Patient.links`) was.
    """

    region: str
    patient: str
    slot: str
    expires_at: int
    number: int
    state: State


class Wanted(NamedTuple):
    """A link that is to be: of a patient's slot, which closes then (ms), among those of their so-manieth revocation."""

    region: str
    patient: str
    slot: str
    closes_at: int
    number: int


class PatientLinks:
    """The file in VIGILITS_HOME. Its methods block for a moment: call them off the loop.

    Worker and API open it at the same time: every call is one short transaction on a connection of its own.
    """

    def __init__(self, home: Path, derive: Callable[[str], bytes], *, busy_within_s: float = BUSY_WITHIN_S) -> None:
        """Open the file; `derive` is the key store's, which alone has the secret: a copy of this file makes no link."""
        self._derive = derive
        self._file = OwnFile(
            home / FILE, _TABLES, lambda why: LinksAway(f"patients' links can't be used: {why}"), busy_within_s
        )

    # -- links

    def link(self, region: str, patient: str, slot: str, closes_at: int, now: int, number: int) -> str:
        """Return the secret of the link by which a patient answers a slot until it closes (ms); raise KeysAway."""
        return self.link_many([Wanted(region, patient, slot, closes_at, number)], now)[0]

    def link_many(self, wanted: Sequence[Wanted], now: int) -> list[str]:
        """Return the secrets of links, on the disk together; raise KeysAway.

        The same slot gives the same secret until the patient's links are revoked, which counts their `number` up, so
        that a message sent again is the same message. The links of slots that close before go on for a while, as the
        new one may not come.
        """
        if not wanted:
            return []
        key = self._derive(SECRET)
        secrets = [_secret(key, one) for one in wanted]
        with self._file.writing() as database:
            for one, secret in zip(wanted, secrets, strict=True):
                database.execute(
                    "INSERT OR IGNORE INTO links (digest, region, patient, slot, closes_at, expires_at, number)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (hashlib.sha256(secret).digest(), *one[:4], one.closes_at + READS_MS, one.number),
                )
                database.execute(
                    "UPDATE links SET expires_at = max(closes_at, ?) WHERE patient = ?"
                    " AND expires_at > max(closes_at, ?)"
                    " AND closes_at < (SELECT max(closes_at) FROM links WHERE patient = ?)",
                    (now + GRACE_MS, one.patient, now + GRACE_MS, one.patient),
                )
        return [secret.decode() for secret in secrets]

    def open(self, secret: str, now: int) -> PatientLink | None:
        """Return what a link stands for and whether it still opens, None for one never made; asking changes nothing.

        Each takes one look-up, whatever it is: the time that it takes tells nothing.
        """
        digest = hashlib.sha256(secret.encode(errors="replace")).digest()
        with self._file.open() as database:
            found = database.execute(
                "SELECT region, patient, slot, expires_at, number FROM links WHERE digest = ?", (digest,)
            ).fetchone()
        if found is None:
            return None
        region, patient, slot, expires_at, number = found
        return PatientLink(region, patient, slot, expires_at, number, "open" if now < expires_at else "expired")

    # -- codes

    def code(self, patient: str, event_id: str) -> str:
        """Return the code that a patient asked for with this event: the same whenever it is sent; raise KeysAway."""
        return _code(self._derive(SECRET), patient, event_id)

    def expect_code(self, patient: str, event_id: str, expires_at: int, now: int) -> bool:
        """Return whether the code of this event opens from now on; not, where a patient asked for too many of late."""
        with self._file.writing() as database:
            asked = database.execute(
                "SELECT count(*) FROM codes WHERE patient = ? AND asked_at > ? AND event != ?",
                (patient, now - CODES_WITHIN_MS, event_id),
            ).fetchone()[0]
            if asked >= MOST_CODES:
                return False
            database.execute(
                "INSERT OR IGNORE INTO codes (patient, event, expires_at, asked_at) VALUES (?, ?, ?, ?)",
                (patient, event_id, expires_at, now),
            )
        return True

    def try_code(self, patient: str, code: str, now: int) -> bool:
        """Return whether it is a code that this patient was sent and that is not over; five tries each, then never.

        A try counts before it is looked at, and on the disk: whoever is interrupted has tried too. Raise KeysAway.
        """
        key = self._derive(SECRET)
        with self._file.writing() as database:
            rows = database.execute(
                "SELECT event FROM codes WHERE patient = ? AND expires_at > ? AND tries < ?", (patient, now, TRIES)
            ).fetchall()
            database.execute(
                "UPDATE codes SET tries = tries + 1 WHERE patient = ? AND expires_at > ? AND tries < ?",
                (patient, now, TRIES),
            )
        told = code.encode(errors="replace")
        right = [hmac.compare_digest(_code(key, patient, event).encode(), told) for (event,) in rows]
        return any(right)

    # -- their end

    def forget(self, now: int) -> int:
        """Return how many links were over for so long that they need not be known as such; old codes go too."""
        with self._file.writing() as database:
            database.execute("DELETE FROM codes WHERE max(expires_at, asked_at) <= ?", (now - CODES_WITHIN_MS,))
            return database.execute("DELETE FROM links WHERE expires_at <= ?", (now - OVER_KEPT_MS,)).rowcount

    def forget_patient(self, patient: str) -> None:
        """Return once nothing here is of this patient any more."""
        with self._file.writing() as database:
            _drop(database, patient)
        if not self._file.wipe():
            raise LinksAway("what was forgotten is not yet wiped: another process keeps the file open")


def address(base: str, secret: str, language: str) -> str:
    """Return where a patient answers, and in which language; both are in the fragment, which browsers send nobody."""
    return f"{base.rstrip('/')}/a#{secret}.{language}"


def secret_in(page: str) -> str:
    """Return the secret in the address of a page, empty where there is none."""
    return page.partition("#")[2].partition(".")[0]


def _derived(key: bytes, *told: str | int) -> bytes:
    return hmac.digest(key, msgspec.msgpack.encode(told), "sha256")


def _secret(key: bytes, one: Wanted) -> bytes:
    return base64.urlsafe_b64encode(_derived(key, "link", one.region, one.patient, one.slot, one.number)[:LINK_BYTES])


def _code(key: bytes, patient: str, event_id: str) -> str:
    number = int.from_bytes(_derived(key, "code", patient, event_id)[:8])
    return f"{number % 10**DIGITS:0{DIGITS}}"


def _drop(database: sqlite3.Connection, patient: str) -> None:
    for table in ("links", "codes"):
        database.execute(f"DELETE FROM {table} WHERE patient = ?", (patient,))
