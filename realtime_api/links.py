"""Sign-in links, sessions and the devices that stay signed in: random secrets, kept as hashes in one SQLite file."""

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from people.own_file import share

FILE = "sign-in.sqlite3"
SECRET_BYTES = 32  # 256 bits: what is stored needs no salt and no slow hash, there is nothing to guess
SIGN_IN = "sign-in"  # the one purpose of links in this issue; another purpose's link opens no session
BUSY_WITHIN_S = 2.0
MOST_SECRET = 200  # characters

_TABLES = """
CREATE TABLE IF NOT EXISTS links (
    digest BLOB PRIMARY KEY, purpose TEXT NOT NULL, subject TEXT NOT NULL,
    expires_at INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    digest BLOB PRIMARY KEY, subject TEXT NOT NULL, expires_at INTEGER NOT NULL, link BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS devices (
    digest BLOB PRIMARY KEY, subject TEXT NOT NULL, device TEXT NOT NULL, expires_at INTEGER NOT NULL, link BLOB
) WITHOUT ROWID;
"""
_FOUND = (
    "SELECT digest, subject, expires_at, NULL AS device FROM sessions WHERE expires_at > ?"
    " UNION ALL SELECT digest, subject, expires_at, device FROM devices WHERE expires_at > ?"
)


class Held(NamedTuple):
    """Whose a link or session is, and until when (ms); with a device, only while that is pushed to in their name."""

    subject: str
    expires_at: int
    device: str | None = None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Links:
    """The file in VIGILITS_HOME. Its methods block for a moment: the API calls them off its loop."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = home / FILE
        self._path.touch(mode=0o600)
        with self._open() as database:
            share(database, BUSY_WITHIN_S)
            database.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=BUSY_WITHIN_S)
        try:
            with database:
                yield database
        finally:
            database.close()

    def issue(self, subject: str, now: int, minutes: float, purpose: str = SIGN_IN) -> str:
        """Return the secret of a new link; until it expires or is revoked it may be used again and again."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        with self._open() as database:
            database.execute(
                "INSERT INTO links (digest, purpose, subject, expires_at) VALUES (?, ?, ?, ?)",
                (_digest(secret), purpose, subject, now + round(minutes * 60_000)),
            )
        return secret

    def revoke(self, subject: str) -> int:
        """Return how many links of a subject were revoked; the sessions that they opened end with them."""
        with self._open() as database:
            for table in ("sessions", "devices"):
                database.execute(
                    f"DELETE FROM {table} WHERE link IN (SELECT digest FROM links WHERE subject = ?)", (subject,)
                )
            return database.execute(
                "UPDATE links SET revoked = 1 WHERE subject = ? AND NOT revoked", (subject,)
            ).rowcount

    def exchange(self, secret: str, now: int, session_ms: int, purpose: str = SIGN_IN) -> tuple[str, Held] | None:
        """Return a new session's secret for a link's; None for a link that is unknown, spent or of another purpose."""
        if len(secret) > MOST_SECRET:
            return None
        with self._open() as database:
            found = database.execute(
                "SELECT subject FROM links WHERE digest = ? AND purpose = ? AND expires_at > ? AND NOT revoked",
                (_digest(secret), purpose, now),
            ).fetchone()
        return None if found is None else self.begin(found[0], now, session_ms, _digest(secret))

    def begin(self, subject: str, now: int, session_ms: int, link: bytes | None = None) -> tuple[str, Held]:
        """Return a new session's secret, and whose it is until when."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        held = Held(subject, now + session_ms)
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
            database.execute("DELETE FROM devices WHERE expires_at <= ?", (now,))
            # A link that a device came by is kept as long as the device: revoking it ends that too.
            database.execute(
                "DELETE FROM links WHERE expires_at <= ? AND digest NOT IN"
                " (SELECT link FROM devices WHERE link IS NOT NULL)",
                (now,),
            )
            database.execute(
                "INSERT INTO sessions (digest, subject, expires_at, link) VALUES (?, ?, ?, ?)",
                (_digest(secret), subject, held.expires_at, link),
            )
        return secret, held

    def end_opened(self) -> None:
        """Return once every session that a link opened is gone."""
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE link IS NOT NULL")
            database.execute("DELETE FROM devices WHERE link IS NOT NULL")

    def session(self, secret: str, now: int) -> list[Held]:
        """Return whose a session is, none where it is not (or no longer) there; on an enrolled device, in both ways."""
        if len(secret) > MOST_SECRET:
            return []
        with self._open() as database:
            rows = database.execute(
                f"SELECT subject, expires_at, device FROM ({_FOUND}) WHERE digest = ?", (now, now, _digest(secret))
            ).fetchall()
        return [Held(*row) for row in rows]

    def sessions(self, secrets: Iterable[str], now: int) -> dict[str, list[Held]]:
        """Return of each of many sessions whose it is, without those that are not (or no longer) there."""
        named = {_digest(secret): secret for secret in secrets}
        found: dict[str, list[Held]] = {}
        with self._open() as database:
            for digest, *held in database.execute(_FOUND, (now, now)):
                if digest in named:
                    found.setdefault(named[digest], []).append(Held(*held))
        return found

    # -- devices that stay signed in

    def enrol(self, secret: str, device: str, now: int, device_ms: int) -> None:
        """Let a session stay open on its device for so long; one that is not (or no longer) there stays what it is."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO devices (digest, subject, device, expires_at, link)"
                " SELECT digest, subject, ?, ?, link FROM"
                " (SELECT digest, subject, link FROM sessions WHERE digest = ?"
                "  UNION SELECT digest, subject, link FROM devices WHERE digest = ?) LIMIT 1",
                (device, now + device_ms, _digest(secret), _digest(secret)),
            )

    def forget_device(self, subject: str, device: str, but: str | None) -> None:
        """Return once no session is open on a device of a subject's, `but` the one in whose hand it is."""
        kept = None if but is None else _digest(but)
        with self._open() as database:
            of = "SELECT digest FROM devices WHERE subject = ? AND device = ? AND digest IS NOT ?"
            database.execute(f"DELETE FROM sessions WHERE digest IN ({of})", (subject, device, kept))
            database.execute("DELETE FROM devices WHERE subject = ? AND device = ?", (subject, device))

    def sign_out(self, subject: str) -> int:
        """Return how many sessions of a subject were ended; no link of theirs opens any more."""
        with self._open() as database:
            database.execute("UPDATE links SET revoked = 1 WHERE subject = ?", (subject,))
            found = database.execute(
                "SELECT count(*) FROM (SELECT digest FROM sessions WHERE subject = ?"
                " UNION SELECT digest FROM devices WHERE subject = ?)",
                (subject, subject),
            ).fetchone()
            for table in ("sessions", "devices"):
                database.execute(f"DELETE FROM {table} WHERE subject = ?", (subject,))
        return int(found[0])

    def end(self, secret: str) -> None:
        """Return once the session is gone."""
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE digest = ?", (_digest(secret),))
            database.execute("DELETE FROM devices WHERE digest = ?", (_digest(secret),))
