"""Sign-in links and the sessions that they open: random secrets, kept as hashes in one small SQLite file."""

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
"""


class Held(NamedTuple):
    """Whose a link or session is, and until when (ms)."""

    subject: str
    expires_at: int


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
            database.execute(
                "DELETE FROM sessions WHERE link IN (SELECT digest FROM links WHERE subject = ?)", (subject,)
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
            database.execute("DELETE FROM links WHERE expires_at <= ?", (now,))
            database.execute(
                "INSERT INTO sessions (digest, subject, expires_at, link) VALUES (?, ?, ?, ?)",
                (_digest(secret), subject, held.expires_at, link),
            )
        return secret, held

    def end_opened(self) -> None:
        """Return once every session that a link opened is gone."""
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE link IS NOT NULL")

    def session(self, secret: str, now: int) -> Held | None:
        """Return whose a session is, None for one that is not (or no longer) there."""
        if len(secret) > MOST_SECRET:
            return None
        with self._open() as database:
            found = database.execute(
                "SELECT subject, expires_at FROM sessions WHERE digest = ? AND expires_at > ?", (_digest(secret), now)
            ).fetchone()
        return None if found is None else Held(*found)

    def ended(self, secrets: Iterable[str], now: int) -> set[str]:
        """Return those of the sessions that are not (or no longer) there."""
        with self._open() as database:
            there = {row[0] for row in database.execute("SELECT digest FROM sessions WHERE expires_at > ?", (now,))}
        return {secret for secret in secrets if _digest(secret) not in there}

    def end(self, secret: str) -> None:
        """Return once the session is gone."""
        with self._open() as database:
            database.execute("DELETE FROM sessions WHERE digest = ?", (_digest(secret),))
