"""The access trail: who read or exported which patient's content, or searched a name; written before it is shown."""

import hashlib
import re
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from people.own_file import OwnFile

FILE = "trail.sqlite3"
BUSY_WITHIN_S = 5.0
DAY_MS = 86_400_000
KEPT_MS = 3 * 365 * DAY_MS  # from the entry on, and from the file's erasure on where that is later
MOST_AT_ONCE = 1000
MOST_READ = 1000
MOST_FAULTS = 100
LONGEST_WHO = 200  # characters of a subject
SALT_BYTES = 16
BEGINNING = bytes(32)

# No content: a name, a symptom or what was searched for is written otherwise than these, and is refused.
_WORD = re.compile(rf"[!-~]{{1,{LONGEST_WHO}}}")
_FILE = re.compile(r"[a-z2-7]{26}|")
_SCREEN = re.compile(r"[a-z0-9-]{1,40}")

_FIELDS = "at, who, granted, act, file, screen"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, at INTEGER, who TEXT, granted TEXT, act TEXT,"
    " file TEXT, screen TEXT, salt BLOB, leaf BLOB NOT NULL, chain BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS entries_of_file ON entries (file, number)",
    "CREATE INDEX IF NOT EXISTS entries_of_person ON entries (who, number)",
    "CREATE TABLE IF NOT EXISTS forgotten (entry INTEGER NOT NULL, number INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL,"
    " chain BLOB NOT NULL)",
    # Whoever changes a row must first take these away; that is one step more, and `check` finds it all the same.
    "CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE DELETE ON entries"
    " BEGIN SELECT raise(ABORT, 'the trail is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS entries_are_as_written BEFORE UPDATE ON entries"
    " WHEN NEW.number IS NOT OLD.number OR NEW.leaf IS NOT OLD.leaf OR NEW.chain IS NOT OLD.chain"
    " OR NEW.salt IS NOT NULL OR NEW.who IS NOT NULL OR NEW.file IS NOT NULL"
    " BEGIN SELECT raise(ABORT, 'the trail is append-only'); END",
)


class TrailAway(Exception):
    """The trail can't be written or read, and why: nothing may be shown that would have to be in it."""


class Act(StrEnum):
    """What somebody did with a file's content."""

    READ = "read"
    EXPORT = "export"
    SEARCH = "search"
    BREAK_GLASS = "break-glass"
    REFUSED = "refused"  # tried, and shown nothing
    FORGET = "forget"  # entries older than they are kept for; the trail's own


class Entry(NamedTuple):
    """One access. `file` is a pseudonym, empty where a search showed none; what was searched for is not written.

    `grant` ends in @ and the region: `physician@occitanie`, `ehpad@et:310000001@occitanie`, `link@occitanie`.
    """

    at: int
    who: str
    grant: str
    act: Act
    file: str
    screen: str


class Written(NamedTuple):
    """An entry as it stands in the trail."""

    number: int
    entry: Entry


class Head(NamedTuple):
    """Where the trail ends: kept elsewhere too, it shows that nothing before it was changed since."""

    number: int
    chain: bytes


class Checked(NamedTuple):
    """What a check of the whole trail found; without faults it is as it was written."""

    entries: int
    faults: list[str]


class Trail:
    """The file in VIGILITS_HOME. Its methods block for a moment: call them off the loop.

    API and commands open it at the same time: every call is one short transaction on a connection of its own.
    """

    def __init__(self, home: Path, *, busy_within_s: float = BUSY_WITHIN_S) -> None:
        self._file = OwnFile(
            home / FILE, _TABLES, lambda why: TrailAway(f"the access trail can't be used: {why}"), busy_within_s
        )
        with self._file.writing() as database:
            database.execute("INSERT OR IGNORE INTO head (one, number, chain) VALUES (1, 0, ?)", (BEGINNING,))

    # -- writing

    def write(self, *entries: Entry) -> Head:
        """Return once the entries are on the disk, all or none; raise TrailAway, and then show nothing.

        Raise ValueError for what can't be an entry: free text, which might be content, has no place in one.
        """
        if not 0 < len(entries) <= MOST_AT_ONCE:
            raise ValueError(f"{len(entries)} entries: one to {MOST_AT_ONCE} are written at once")
        for entry in entries:
            _must_fit(entry)
        with self._file.writing() as database:
            return _append(database, entries)

    def forget(self, at: int, before: int, kept: Collection[str]) -> int:
        """Return how many entries from before an instant are forgotten, save those of files that must be kept.

        `kept` names the files that are not erased, or were so only since. The chain stays whole: of what is forgotten
        stands its salted hash, and an entry of its own says that it was.
        """
        files = msgspec.json.encode(sorted(kept)).decode()
        with self._file.writing() as database:
            numbers = [
                row[0]
                for row in database.execute(
                    "SELECT number FROM entries WHERE at < ? AND act != ?"
                    " AND file NOT IN (SELECT value FROM json_each(?)) ORDER BY number",
                    (before, Act.FORGET, files),
                )
            ]
            if numbers:
                # Which they were stands beside; a hash in the place of a grant holds the chain to it.
                entry = Entry(at, "vigilits", _told(numbers), Act.FORGET, "", "trail")
                number = _append(database, (entry,)).number
                database.executemany(
                    "INSERT INTO forgotten (entry, number) VALUES (?, ?)", [(number, gone) for gone in numbers]
                )
                database.executemany(
                    "UPDATE entries SET at = NULL, who = NULL, granted = NULL, act = NULL, file = NULL, screen = NULL,"
                    " salt = NULL WHERE number = ?",
                    [(gone,) for gone in numbers],
                )
        if not self._file.wipe():
            raise TrailAway("what was forgotten is not yet wiped: another process keeps the access trail open")
        return len(numbers)

    # -- reading

    def of_file(self, file: str, most: int = MOST_READ, before: int | None = None) -> list[Written]:
        """Return who saw a file, newest first; `before` is the number of the last entry of the page above."""
        return self.select(most, before, file=file)

    def of_person(self, who: str, most: int = MOST_READ, before: int | None = None) -> list[Written]:
        """Return what a person saw, newest first."""
        return self.select(most, before, who=who)

    def newest(self, most: int = MOST_READ, before: int | None = None) -> list[Written]:
        """Return what anybody saw, newest first."""
        return self.select(most, before)

    def select(
        self, most: int = MOST_READ, before: int | None = None, *, file: str = "", who: str = "", region: str = ""
    ) -> list[Written]:
        """Return the newest entries of a file, a person and a region, as far as they are named, newest first.

        Of which region an entry is its grant says, also of files that are erased; what was forgotten is every region's.
        """
        clauses = {
            "file = :file": file,
            "who = :who": who,
            "(substr(granted, -length(:of)) = :of OR act = :forget)": region,
        }
        which = " AND ".join(["who IS NOT NULL", *(clause for clause, wanted in clauses.items() if wanted)])
        upto = (1 << 62) if before is None else before
        with self._file.open() as database:
            rows = database.execute(
                f"SELECT number, {_FIELDS} FROM entries WHERE {which} AND number < :upto"
                " ORDER BY number DESC LIMIT :most",
                {
                    "file": file,
                    "who": who,
                    "of": f"@{region}",
                    "forget": Act.FORGET,
                    "upto": upto,
                    "most": min(most, MOST_READ),
                },
            ).fetchall()
        return [Written(row[0], _entry(row[1:])) for row in rows]

    def head(self) -> Head:
        """Return where the trail ends: to be kept where who can change the trail can't change it."""
        with self._file.open() as database:
            return Head(*database.execute("SELECT number, chain FROM head").fetchone())

    def check(self, *heads: Head) -> Checked:
        """Return whether the trail is as it was written: no entry changed, missing or put in, and every head as told.

        Who may write the file can write the whole of it anew: only a head that was kept elsewhere shows that.
        """
        with self._file.reading() as database:
            return _checked(database, {told.number: told.chain for told in heads})


def who_of(subject: str) -> str:
    """Return a subject as the trail has it: what is not plain ASCII is percent-encoded."""
    plain = subject.isascii() and subject.isprintable() and " " not in subject
    return (subject if plain else quote(subject, safe=""))[:LONGEST_WHO]


def _must_fit(entry: Entry) -> None:
    """Return for what may be written; the error names the field, never what was in it."""
    fits = {
        "at": type(entry.at) is int and 0 < entry.at < 1 << 53,
        "who": bool(_WORD.fullmatch(entry.who)),
        "grant": bool(_WORD.fullmatch(entry.grant)),
        "act": isinstance(entry.act, Act) and entry.act is not Act.FORGET,
        "file": bool(_FILE.fullmatch(entry.file)) and (bool(entry.file) or entry.act is Act.SEARCH),
        "screen": bool(_SCREEN.fullmatch(entry.screen)),
    }
    wrong = [name for name, fit in fits.items() if not fit]
    if wrong:
        raise ValueError(f"{' and '.join(wrong)} can't be in an access entry")


def _append(database: sqlite3.Connection, entries: Sequence[Entry]) -> Head:
    head = Head(*database.execute("SELECT number, chain FROM head").fetchone())
    for entry in entries:
        salt = secrets.token_bytes(SALT_BYTES)
        leaf = _leaf(salt, entry)
        head = Head(head.number + 1, _next(head.chain, head.number + 1, leaf))
        database.execute(
            f"INSERT INTO entries (number, {_FIELDS}, salt, leaf, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (head.number, *entry, salt, leaf, head.chain),
        )
    database.execute("UPDATE head SET number = ?, chain = ?", head)
    return head


def _leaf(salt: bytes, entry: Entry) -> bytes:
    # With a salt of its own, so that what is forgotten can't be guessed again from its hash.
    return hashlib.sha256(salt + msgspec.msgpack.encode(tuple(entry))).digest()


def _next(chain: bytes, number: int, leaf: bytes) -> bytes:
    return hashlib.sha256(chain + number.to_bytes(8) + leaf).digest()


def _told(numbers: Sequence[int]) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(list(numbers))).hexdigest()


def _entry(row: Sequence[object]) -> Entry:
    at, who, grant, act, file, screen = row
    return Entry(at, who, grant, Act(act), file, screen)  # type: ignore[arg-type]


def _checked(database: sqlite3.Connection, heads: dict[int, bytes]) -> Checked:
    faults: list[str] = []
    chain, number, forgettings = BEGINNING, 0, dict[int, str]()
    forgotten: dict[int, list[int]] = {}
    for entry, gone in database.execute("SELECT entry, number FROM forgotten ORDER BY number"):
        forgotten.setdefault(entry, []).append(gone)
    may_be_empty = {gone for numbers in forgotten.values() for gone in numbers}
    for found, at, who, grant, act, file, screen, salt, leaf, kept in database.execute(
        f"SELECT number, {_FIELDS}, salt, leaf, chain FROM entries ORDER BY number"
    ):
        if found != number + 1:
            faults.append(f"entries {number + 1} to {found - 1} are missing")
        if salt is None and who is None:
            if found not in may_be_empty:
                faults.append(f"entry {found} was emptied")
        elif _leaf(salt or b"", Entry(at, who, grant, act, file, screen)) != leaf:
            faults.append(f"entry {found} was changed")
        if act == Act.FORGET:
            forgettings[found] = grant
        if _next(chain, found, leaf) != kept:
            faults.append(f"entry {found} does not follow the one before it")
        if heads.get(found, kept) != kept:
            faults.append(f"entry {found} is not the one that was kept elsewhere")
        number, chain = found, kept
        if len(faults) >= MOST_FAULTS:
            return Checked(number, faults)
    faults += [
        f"what entry {entry} forgot is not what it says"
        for entry in sorted(forgotten.keys() | forgettings.keys())
        if forgettings.get(entry) != _told(forgotten.get(entry, []))
    ]
    end = Head(*database.execute("SELECT number, chain FROM head").fetchone())
    if end != (number, chain):
        faults.append(f"the trail ends at {number}, and was written up to {end.number}")
    faults += [f"entry {told} was kept elsewhere, and is missing" for told in sorted(heads) if told > number]
    return Checked(number, faults)
