"""A small SQLite file of VIGILITS_HOME that several processes share, and that holds nothing of what was deleted."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

AGAIN_S = 0.02


class OwnFile:
    """The file, made where it is missing, mode 600; each transaction has a connection of its own.

    What SQLite says against it is raised as `away`, with the error's name and never its text, which may quote values.
    """

    def __init__(
        self, path: Path, tables: Sequence[str], away: Callable[[str], Exception], busy_within_s: float
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path, self._away, self._busy_within_s = path.absolute(), away, busy_within_s
        self._path.touch(mode=0o600)
        self._path.chmod(0o600)  # whatever it was copied with; SQLite gives its -wal and -shm the same
        with self.open() as database:
            share(database, self._busy_within_s)
        with self.writing() as database:
            for table in tables:
                database.execute(table)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Hold a connection, each statement its own transaction."""
        try:
            # mode=rw: a file that is away since must not be taken for an empty one, or begun anew in silence.
            database = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw", uri=True, timeout=self._busy_within_s, isolation_level=None
            )
            try:
                database.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten in the file
                database.execute("PRAGMA synchronous = FULL")  # what is committed is on the disk
                yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise self._away(error_name(error)) from None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold one moment of the file, whatever is written meanwhile."""
        with self.open() as database:
            database.execute("BEGIN")
            yield database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one's own: all is written, or nothing."""
        with self.open() as database:
            database.execute("BEGIN IMMEDIATE")
            with database:
                yield database

    def wipe(self) -> bool:
        """Return whether what was deleted is in no file any more; not, where another keeps the file open too long."""
        # It is overwritten in the file, and still lies in the write-ahead log: empty that too. SQLite waits for readers
        # by itself, but gives up at once where another connection is just writing its log back.
        deadline = time.monotonic() + self._busy_within_s
        with self.open() as database:
            while database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    return False
                time.sleep(AGAIN_S)
        return True


def share(database: sqlite3.Connection, busy_within_s: float) -> None:
    """Return once readers of several processes go on beside one writer: the file stays so from then on."""
    deadline = time.monotonic() + busy_within_s
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Where several begin at once, SQLite waits for nobody here.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)
        else:
            return


def error_name(error: Exception) -> str:
    """Return what an error is called, without a word of what it is about."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
