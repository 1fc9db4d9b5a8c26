"""Links by which patients answer, and codes by which they read: derived when they are sent, and nowhere in clear."""

import base64
import hashlib
import hmac
import secrets
import sqlite3
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from people.own_file import OwnFile

FILE = "patient-links.sqlite3"
BUSY_WITHIN_S = 5.0
KEY_BYTES = 32
LINK_BYTES = 18  # 144 bits in 24 characters: a link must fit an SMS
DIGITS = 6  # of a code
TRIES = 5  # of a code, those that were right included
MOST_CODES = 5  # of a patient, within
CODES_WITHIN_MS = 24 * 3_600_000
OVER_KEPT_MS = 7 * 24 * 3_600_000  # a link says so long that it is over

State = Literal["open", "expired", "revoked"]

_TABLES = (
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, region TEXT NOT NULL, patient TEXT NOT NULL,"
    " slot TEXT NOT NULL, expires_at INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS links_of ON links (patient)",
    "CREATE INDEX IF NOT EXISTS links_end ON links (expires_at)",
    "CREATE TABLE IF NOT EXISTS codes (patient TEXT NOT NULL, event TEXT NOT NULL, expires_at INTEGER NOT NULL,"
    " asked_at INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (patient, event)) WITHOUT ROWID",
)


class LinksAway(Exception):
    """The file of links can't be used, and why: no link opens, and none is sent, until it can."""


class PatientLink(NamedTuple):
    """What a link stands for: one slot of one patient may be answered until an instant (ms), while it is `open`."""

    region: str
    patient: str
    slot: str
    expires_at: int
    state: State


class PatientLinks:
    """The file in VIGILITS_HOME. Its methods block for a moment: call them off the loop.

    Worker and API open it at the same time: every call is one short transaction on a connection of its own.
    """

    def __init__(self, home: Path, *, busy_within_s: float = BUSY_WITHIN_S) -> None:
        self._file = OwnFile(
            home / FILE, _TABLES, lambda why: LinksAway(f"patients' links can't be used: {why}"), busy_within_s
        )
        with self._file.writing() as database:
            # Whoever comes first makes it; everybody reads what is there.
            made = ("key", secrets.token_bytes(KEY_BYTES))
            database.execute("INSERT OR IGNORE INTO about (name, value) VALUES (?, ?)", made)
            self._key: bytes = database.execute("SELECT value FROM about WHERE name = 'key'").fetchone()[0]

    # -- links

    def link(self, region: str, patient: str, slot: str, expires_at: int) -> str:
        """Return the secret of the link by which a patient answers a slot until `expires_at` (ms).

        The same four give the same secret, so that a message sent again is the same message; what was revoked stays so.
        """
        secret = base64.urlsafe_b64encode(self._derived("link", region, patient, slot, expires_at)[:LINK_BYTES])
        with self._file.writing() as database:
            database.execute(
                "INSERT OR IGNORE INTO links (digest, region, patient, slot, expires_at) VALUES (?, ?, ?, ?, ?)",
                (hashlib.sha256(secret).digest(), region, patient, slot, expires_at),
            )
        return secret.decode()

    def open(self, secret: str, now: int) -> PatientLink | None:
        """Return what a link stands for and whether it still opens, None for one never made; asking changes nothing.

        Each takes one look-up, whatever it is: the time that it takes tells nothing.
        """
        digest = hashlib.sha256(secret.encode(errors="replace")).digest()
        with self._file.open() as database:
            found = database.execute(
                "SELECT region, patient, slot, expires_at, revoked FROM links WHERE digest = ?", (digest,)
            ).fetchone()
        if found is None:
            return None
        region, patient, slot, expires_at, revoked = found
        state: State = "revoked" if revoked else "open" if now < expires_at else "expired"
        return PatientLink(region, patient, slot, expires_at, state)

    def revoke(self, patient: str) -> int:
        """Return how many of a patient's links opened and do so no more."""
        with self._file.writing() as database:
            return database.execute(
                "UPDATE links SET revoked = 1 WHERE patient = ? AND NOT revoked", (patient,)
            ).rowcount

    # -- codes

    def code(self, patient: str, event_id: str) -> str:
        """Return the code that a patient asked for with this event: the same whenever it is sent."""
        number = int.from_bytes(self._derived("code", patient, event_id)[:8])
        return f"{number % 10**DIGITS:0{DIGITS}}"

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

        A try counts before it is looked at, and on the disk: whoever is interrupted has tried too.
        """
        with self._file.writing() as database:
            rows = database.execute(
                "SELECT event FROM codes WHERE patient = ? AND expires_at > ? AND tries < ?", (patient, now, TRIES)
            ).fetchall()
            database.execute(
                "UPDATE codes SET tries = tries + 1 WHERE patient = ? AND expires_at > ? AND tries < ?",
                (patient, now, TRIES),
            )
        told = code.encode(errors="replace")
        right = [hmac.compare_digest(self.code(patient, event).encode(), told) for (event,) in rows]
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

    def _derived(self, *told: str | int) -> bytes:
        return hmac.digest(self._key, msgspec.msgpack.encode(told), "sha256")


def address(base: str, secret: str) -> str:
    """Return where a patient answers; the secret is in the fragment, which browsers send nobody."""
    return f"{base.rstrip('/')}/a#{secret}"


def _drop(database: sqlite3.Connection, patient: str) -> None:
    for table in ("links", "codes"):
        database.execute(f"DELETE FROM {table} WHERE patient = ?", (patient,))
