"""The key store: each patient's own key, kept wrapped beside the log, and really gone once it is destroyed."""

import base64
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from people.masters import MasterAway, Wrapped, Wrapping
from people.own_file import OwnFile, error_name
from people.sealing import KEY_BYTES, Key
from people.traits import Traits, digests

FILE = "keys.sqlite3"
ROTATING = "keys.rotating"
BUSY_WITHIN_S = 10.0
SLICE = 200  # keys that are re-wrapped, restored or looked up at a time: readers and writers go in between
TRIES = 5
MOST_SIMILAR = 20
DAY_MS = 86_400_000
BACKUP_LIFE_MS = 7 * DAY_MS
PSEUDONYM = re.compile(r"[a-z2-7]{26}")  # a name put here by mistake would be on the log for ever

_TABLES = (
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE, master TEXT NOT NULL,"
    " wrapped BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS traits (digest BLOB NOT NULL, id TEXT NOT NULL, PRIMARY KEY (digest, id))"
    " WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS traits_of ON traits (id)",
    "CREATE TABLE IF NOT EXISTS erased (id TEXT PRIMARY KEY, pseudonym TEXT, erased_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS erased_named ON erased (pseudonym)",
    "CREATE TABLE IF NOT EXISTS awaited (id TEXT PRIMARY KEY, shard TEXT NOT NULL, since INTEGER NOT NULL)"
    " WITHOUT ROWID",
)
# What a backup's seal is taken over; the same order whoever asks.
_SEALED = (
    "SELECT name, value FROM about WHERE name IN ('store', 'traits', 'traits_master', 'made_at', 'expires_at')"
    " ORDER BY name",
    "SELECT id, pseudonym, master, wrapped FROM keys ORDER BY id",
    "SELECT digest, id FROM traits ORDER BY digest, id",
    "SELECT id, pseudonym, erased_at FROM erased ORDER BY id",
)


class KeysAway(Exception):
    """The key store can't answer now, and why: wait, accept nothing in clear, and give nothing up for lost."""


class KeysLost(KeysAway):
    """The key store answers, but some keys are not in it or do not open, though nobody destroyed them.

    They may come back with a backup. `found` is what it says of the others that were asked for.
    """

    def __init__(self, ids: frozenset[str], found: "dict[str, Key | Erased]") -> None:
        super().__init__(f"{len(ids)} keys are not in the key store or do not open: is it an older one's copy?")
        self.ids, self.found = ids, found


class AlreadyErased(Exception):
    """A pathway whose key is destroyed; it has no other."""


class Rotating(Exception):
    """Another process changes the master key."""


class NotRestored(Exception):
    """A backup that may not or can't be brought back, and why; nothing has changed."""


class Erased(NamedTuple):
    """What stays of a destroyed key."""

    id: str
    erased_at: int


class Awaited(NamedTuple):
    """A key whose patient is expected on a shard's log, since when (ms): if they never come, nothing else erases it."""

    shard: str
    since: int


class Backup(NamedTuple):
    """A copy of the store, and when nobody may bring it back any more."""

    path: Path
    made_at: int
    expires_at: int


class Restored(NamedTuple):
    """What a backup brought back, in keys, and how many of its keys stay destroyed."""

    keys: int
    stay_erased: int


class _Row(NamedTuple):
    id: str
    pseudonym: str
    wrapped: Wrapped


def pseudonym() -> str:
    """Return a new pathway's name: 128 random bits that say nothing of the patient."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


class Keys:
    """The file in VIGILITS_HOME. Its methods block, for as long as a KMS takes: call them off the loop.

    Worker, API and commands open it at the same time: every call is short transactions on a connection of its own.
    """

    def __init__(self, home: Path, masters: Wrapping, *, busy_within_s: float = BUSY_WITHIN_S) -> None:
        self._lock, self._masters = home / ROTATING, masters
        self._file = OwnFile(
            home / FILE, _TABLES, lambda why: KeysAway(f"the key store can't be used: {why}"), busy_within_s
        )
        with self._file.writing() as database:
            if _about(database, "store") is None:  # whoever comes first makes them; everybody reads what is there
                self._found(database)

    def _found(self, database: sqlite3.Connection) -> None:
        store = secrets.token_hex(16)
        with _asked():
            master = self._masters.renew()  # one of its own: who retires it takes it from no other store
            [traits] = self._masters.wrap(master, [(secrets.token_bytes(KEY_BYTES), _of_traits(store))])
        made = {"store": store, "master": master, "traits_master": master, "traits": traits.content}
        database.executemany("INSERT INTO about (name, value) VALUES (?, ?)", made.items())

    # -- a key's life

    def create(self, pseudonym: str, traits: Traits | None = None, awaited: Awaited | None = None) -> str:
        """Return the id of a pathway's key: made and on the disk, or the one that it has. Raise AlreadyErased.

        `awaited` says where the patient will be, until `arrived` says that they are.
        """
        if not PSEUDONYM.fullmatch(pseudonym):
            raise ValueError("a pathway is named by a pseudonym alone")
        key_id, secret = secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)
        found = () if traits is None else digests(traits, self._traits_key())
        for _ in range(TRIES):
            with self._file.reading() as database:
                held = self._held(database, pseudonym)
                master = str(_about(database, "master"))
            if held is not None:
                return held
            with _asked():
                [wrapped] = self._masters.wrap(master, [(secret, _of_key(key_id, pseudonym))])
            with self._file.writing() as database:
                if _about(database, "master") != master:
                    continue  # a new master meanwhile: the old one will be retired, and what it wraps lost
                held = self._held(database, pseudonym)
                if held is None:
                    database.execute(
                        "INSERT INTO keys (id, pseudonym, master, wrapped) VALUES (?, ?, ?, ?)",
                        (key_id, pseudonym, *wrapped),
                    )
                    _identify(database, key_id, found)
                    if awaited is not None:
                        database.execute(
                            "INSERT OR REPLACE INTO awaited (id, shard, since) VALUES (?, ?, ?)", (key_id, *awaited)
                        )
                return held or key_id
        raise KeysAway("the master key changed again and again")

    def _held(self, database: sqlite3.Connection, pseudonym: str) -> str | None:
        if database.execute("SELECT 1 FROM erased WHERE pseudonym = ?", (pseudonym,)).fetchone():
            raise AlreadyErased("the pathway's key is destroyed, and it has no other")
        found = database.execute("SELECT id FROM keys WHERE pseudonym = ?", (pseudonym,)).fetchone()
        return None if found is None else str(found[0])

    def look(self, key_id: str) -> Key | Erased:
        """Return the key, or that it is erased; raise KeysAway where neither can be said, as of an id never seen."""
        return self.look_many((key_id,))[key_id]

    def look_many(self, key_ids: Iterable[str]) -> dict[str, Key | Erased]:
        """Return what `look` says of each, asking a KMS once for many; raise KeysLost where only some are wanting."""
        wanted, told = list(dict.fromkeys(key_ids)), dict[str, Key | Erased]()
        for start in range(0, len(wanted), SLICE):
            told |= self._look(wanted[start : start + SLICE])
        lost = frozenset(wanted) - told.keys()
        if lost:
            raise KeysLost(lost, told)
        return told

    def _look(self, key_ids: Sequence[str]) -> dict[str, Key | Erased]:
        """Return what can be said of keys; of one that is lost nothing is."""
        before: list[_Row] | None = None
        for _ in range(TRIES):
            with self._file.reading() as database:  # a key is there or among the erased, never in neither
                erased = _erased_of(database, key_ids)
                rows = _rows(database, f"WHERE id IN ({_marks(key_ids)})", tuple(key_ids))
                holds = database.execute("SELECT 1 FROM keys UNION ALL SELECT 1 FROM erased").fetchone()
            if holds is None:
                raise KeysAway("the key store is empty: is it yet to be brought back?")
            try:
                opened = self._unwrapped(rows)
            except KeysAway:
                if rows != before:
                    before = rows  # they may be wrapped anew by now, and their master retired
                    continue
                opened = self._those_that_open(rows)
            return erased | {row.id: Key(row.id, secret) for row, secret in opened}
        raise KeysAway("the master key changed again and again")

    def _those_that_open(self, rows: Sequence[_Row]) -> list[tuple[_Row, bytes]]:
        """Return keys that can be unwrapped, out of some that can't all be; raise KeysAway where no master key works.

        That is asked with something new, which a KMS can't have answered before, after each key that does not open.
        """
        with self._file.reading() as database:
            master = str(_about(database, "master"))
        found: list[tuple[_Row, bytes]] = []
        halves = [list(rows)]
        while halves:
            some = halves.pop()
            try:
                found += self._unwrapped(some)
            except KeysAway:
                with _asked():
                    about = f"probe {secrets.token_hex(8)}"
                    [probe] = self._masters.wrap(master, [(secrets.token_bytes(KEY_BYTES), about)])
                    self._masters.unwrap([(probe, about)])
                if len(some) > 1:
                    halves += [some[len(some) // 2 :], some[: len(some) // 2]]
        return found

    def destroy(self, key_id: str, now: int) -> bool:
        """Return whether there was a key to destroy, once its bytes are in no file of the store.

        Raise KeysAway where that can't be had yet; destroying again what is destroyed wipes again. An id that is not
        known is erased too: it must not come back with a backup.
        """
        return self.destroy_many((key_id,), now) == 1

    def destroy_many(self, key_ids: Iterable[str], now: int) -> int:
        """Return how many keys there were to destroy; the files are wiped once for all of them."""
        destroyed = 0
        with self._file.writing() as database:
            for key_id in key_ids:
                destroyed += _erase(database, key_id, now)
        self._wipe()
        return destroyed

    def _wipe(self) -> None:
        if not self._file.wipe():
            raise KeysAway("what was destroyed is not yet wiped: another process keeps the store open")

    def awaited(self, shard: str) -> dict[str, tuple[str, int]]:
        """Return the keys whose patients are still expected on a shard, with their pseudonyms, and since when."""
        with self._file.open() as database:
            rows = database.execute(
                "SELECT id, pseudonym, since FROM awaited JOIN keys USING (id) WHERE shard = ?", (shard,)
            ).fetchall()
        return {key_id: (pseudonym, since) for key_id, pseudonym, since in rows}

    def arrived(self, key_ids: Iterable[str]) -> None:
        """Return once these are expected no more: their patients are there."""
        with self._file.writing() as database:
            database.executemany("DELETE FROM awaited WHERE id = ?", [(key_id,) for key_id in key_ids])

    def erased(self) -> list[Erased]:
        """Return every destroyed key, the first destroyed first: what a store made anew must be told."""
        with self._file.open() as database:
            return [Erased(*row) for row in database.execute("SELECT id, erased_at FROM erased ORDER BY erased_at, id")]

    def pseudonyms_kept(self, since: int) -> set[str]:
        """Return the pathways that have a key, or lost it at `since` or later: their access trail must be kept."""
        with self._file.reading() as database:
            live = database.execute("SELECT pseudonym FROM keys").fetchall()
            late = database.execute(
                "SELECT pseudonym FROM erased WHERE erased_at >= ? AND pseudonym IS NOT NULL", (since,)
            ).fetchall()
        return {row[0] for row in live + late}

    # -- duplicates

    def identify(self, key_id: str, traits: Traits) -> None:
        """Return once a patient is found by these traits, in place of what was; nothing for a key that is not there."""
        found = digests(traits, self._traits_key())
        with self._file.writing() as database:
            if database.execute("SELECT 1 FROM keys WHERE id = ?", (key_id,)).fetchone():
                _identify(database, key_id, found)
        self._wipe()

    def similar(self, traits: Traits) -> list[str]:
        """Return the pathways that may be the same person's, the likeliest first: to be proposed, never merged here."""
        found = tuple(digests(traits, self._traits_key()))
        with self._file.open() as database:
            rows = database.execute(
                f"SELECT pseudonym FROM traits JOIN keys USING (id) WHERE digest IN ({_marks(found)})"
                " GROUP BY id ORDER BY count(*) DESC, pseudonym LIMIT ?",
                (*found, MOST_SIMILAR),
            ).fetchall()
        return [row[0] for row in rows]

    # -- what names are derived from

    def derived(self, purpose: str) -> bytes:
        """Return a secret for one purpose, derived from the store's own: whoever has a copy of the file has it not.

        It is the same in every process and after a new master key, and goes with the master keys.
        """
        return hmac.digest(self._traits_key(), b"vigilits secret 1\x00" + purpose.encode(), "sha256")

    def _traits_key(self) -> bytes:
        try:
            return self._traits_opened()
        except KeysAway:
            return self._traits_opened()  # it may be wrapped anew by now, and its master retired

    def _traits_opened(self) -> bytes:
        with self._file.reading() as database:
            wrapped, about = _traits_wrapped(database)
        with _asked():
            return self._masters.unwrap([(wrapped, about)])[0]

    # -- the master key

    def rotate(self, on_slice: Callable[[int], None] = lambda done: None) -> int:
        """Return how many keys a new master wraps now, the old one being retired; readers and writers go on meanwhile.

        One that was interrupted is continued. Raise Rotating where another process does it.
        """
        with self._alone():
            with self._file.reading() as database:
                target = _about(database, "rotating")
            self._traits_key()  # a lost master key is not mended by a new one: what it wraps would be lost for good
            if target is None:
                with _asked():
                    target = self._masters.renew()
                with self._file.writing() as database:  # from here on nothing new is wrapped by the old one
                    _retire_later(database, [str(_about(database, "master"))])
                    _tell(database, master=target, rotating=target)
            master, done = str(target), 0
            while rewrapped := self._rewrap(master):
                done += rewrapped
                on_slice(done)
            self._rewrap_traits(master)
            self._wipe()  # the write-ahead log too is on the disk and emptied
            with self._file.reading() as database:
                retired = _to_retire(database)
            with _asked():
                for old in retired:
                    self._masters.retire(old)  # only now: every row is wrapped by the new one, and on the disk
            with self._file.writing() as database:
                database.execute("DELETE FROM about WHERE name IN ('rotating', 'retiring')")
                return int(database.execute("SELECT count(*) FROM keys").fetchone()[0])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Rotating("another process is changing the master key") from None
            yield

    def _rewrap(self, master: str) -> int:
        with self._file.open() as database:
            rows = _rows(database, "WHERE master != ? ORDER BY id LIMIT ?", (master, SLICE))
        fresh = self._wrapped(master, self._unwrapped(rows))
        with self._file.writing() as database:
            database.executemany(  # one destroyed meanwhile is not there
                "UPDATE keys SET master = ?, wrapped = ? WHERE id = ?", [(*row.wrapped, row.id) for row in fresh]
            )
        return len(rows)

    def _rewrap_traits(self, master: str) -> None:
        traits = self._traits_key()
        with self._file.reading() as database:
            about = _of_traits(_about(database, "store"))
        with _asked():
            [fresh] = self._masters.wrap(master, [(traits, about)])
        with self._file.writing() as database:
            _tell(database, traits_master=fresh.master, traits=fresh.content)

    def _unwrapped(self, rows: Sequence[_Row]) -> list[tuple[_Row, bytes]]:
        if not rows:
            return []
        with _asked():
            opened = self._masters.unwrap([(row.wrapped, _of_key(row.id, row.pseudonym)) for row in rows])
        return list(zip(rows, opened, strict=True))

    def _wrapped(self, master: str, opened: Sequence[tuple[_Row, bytes]]) -> list[_Row]:
        if not opened:
            return []
        with _asked():
            wrapped = self._masters.wrap(master, [(secret, _of_key(row.id, row.pseudonym)) for row, secret in opened])
        return [row._replace(wrapped=fresh) for (row, _), fresh in zip(opened, wrapped, strict=True)]

    # -- backups

    def backup(self, path: Path, now: int, life_ms: int = BACKUP_LIFE_MS) -> Backup:
        """Return a copy of the store at a path where nothing is yet; it names when it may not be brought back any more.

        What was destroyed is in no copy made after; a copy made before must be deleted when it says so.
        """
        made, part = Backup(path, now, now + life_ms), path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with self._file.open() as database:
                database.execute("VACUUM INTO ?", (str(part),))
            self._finish(part, made)
            os.link(part, path)  # whole, or not at all; never over another
        finally:
            part.unlink(missing_ok=True)
        return made

    def _finish(self, part: Path, made: Backup) -> None:
        with _copy(part, "rw") as copy:
            _tell(copy, made_at=made.made_at, expires_at=made.expires_at)
            master = str(_about(copy, "master"))
            with _asked():  # its holder can't give it a longer life: whoever has the master key has said this one
                [seal] = self._masters.wrap(master, [(_digest(copy), _of_backup(copy))])
            _tell(copy, seal_master=seal.master, seal=seal.content)
        with part.open("rb") as written:
            os.fsync(written.fileno())

    def restore(self, path: Path, now: int, erased: Iterable[str] | None = None) -> Restored:
        """Return what a backup brought back: keys that are missing here, and none that was destroyed.

        A store that was made anew does not know what was destroyed: it must be told, by `erased`. Raise NotRestored.
        """
        try:
            with _copy(path, "ro") as copy:
                self._accept(copy, now)
                return self._bring_back(copy, now, erased)
        except (sqlite3.Error, OSError) as error:
            raise NotRestored(f"the backup can't be read: {error_name(error)}") from None

    def _accept(self, copy: sqlite3.Connection, now: int) -> None:
        expires_at, seal, master = (_about(copy, name) for name in ("expires_at", "seal", "seal_master"))
        if not (isinstance(expires_at, int) and isinstance(seal, bytes) and isinstance(master, str)):
            raise NotRestored("the file is no backup of a key store")
        if now >= expires_at:
            raise NotRestored("the backup is over: patients may have been erased since, and must stay so")
        try:
            [told] = self._masters.unwrap([(Wrapped(master, seal), _of_backup(copy))])
        except MasterAway as why:
            raise NotRestored(f"the backup was sealed with a master key that does not open it: {why}") from None
        if told != _digest(copy):
            raise NotRestored("the backup was changed since it was made")

    def _bring_back(self, copy: sqlite3.Connection, now: int, erased: Iterable[str] | None) -> Restored:
        with self._file.reading() as database:
            master = str(_about(database, "master"))
        rows, fresh = _rows(copy, "", ()), list[_Row]()
        for start in range(0, len(rows), SLICE):
            try:
                opened = self._unwrapped(rows[start : start + SLICE])
            except KeysAway as why:  # it was made in the middle of a rotation that is over
                raise NotRestored(f"the backup does not open: {why}") from None
            fresh += self._wrapped(master, opened)
        with self._file.writing() as database:
            if _about(database, "master") != master:
                raise NotRestored("the master key was changed meanwhile: restore again")
            self._same_store(database, copy, master, told=erased is not None)
            for key_id, named, erased_at in copy.execute("SELECT id, pseudonym, erased_at FROM erased").fetchall():
                _erase(database, key_id, erased_at, named)
            names = {row.id: row.pseudonym for row in rows}
            for key_id in erased or ():
                _erase(database, key_id, now, names.get(key_id))
            gone = {row[0] for row in database.execute("SELECT id FROM erased")}
            known = {row[0] for row in database.execute("SELECT id FROM keys")}
            back = [row for row in fresh if row.id not in gone and row.id not in known]
            database.executemany(
                "INSERT INTO keys (id, pseudonym, master, wrapped) VALUES (?, ?, ?, ?)",
                [(row.id, row.pseudonym, *row.wrapped) for row in back],
            )
            for row in back:
                found = copy.execute("SELECT digest FROM traits WHERE id = ?", (row.id,)).fetchall()
                _identify(database, row.id, [digest for (digest,) in found])
        self._wipe()
        return Restored(len(back), sum(1 for row in fresh if row.id in gone))

    def _same_store(self, database: sqlite3.Connection, copy: sqlite3.Connection, master: str, *, told: bool) -> None:
        """Return where the store is the backup's own, or a new one, which takes its name; else raise NotRestored."""
        store = _about(copy, "store")
        if _about(database, "store") == store:
            return
        if database.execute("SELECT 1 FROM keys UNION ALL SELECT 1 FROM erased").fetchone():
            raise NotRestored("the backup is another key store's")
        if not told:
            raise NotRestored("this store is new and does not know what was destroyed since: name it, or name nothing")
        wrapped, about = _traits_wrapped(copy)
        # What the lost store was wrapped by goes with the next rotation: then its other copies are worth nothing.
        _retire_later(database, [str(_about(copy, "master")), wrapped.master, *_to_retire(copy)])
        with _asked():
            [traits] = self._masters.wrap(master, [(self._masters.unwrap([(wrapped, about)])[0], about)])
        _tell(database, store=store, traits_master=traits.master, traits=traits.content)


@contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except MasterAway as why:
        raise KeysAway(f"the key store can't open its keys: {why}") from None


@contextmanager
def _copy(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Hold a backup open; in a file of its own, with nothing beside it."""
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    try:
        if mode == "rw":
            database.execute("PRAGMA journal_mode = DELETE")
        yield database
    finally:
        database.close()


def _about(database: sqlite3.Connection, name: str) -> object:
    found = database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def _tell(database: sqlite3.Connection, **told: object) -> None:
    database.executemany("INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)", told.items())


def _to_retire(database: sqlite3.Connection) -> list[str]:
    return str(_about(database, "retiring") or "").split()


def _retire_later(database: sqlite3.Connection, masters: list[str]) -> None:
    _tell(database, retiring=" ".join(sorted({*_to_retire(database), *masters})))


def _rows(database: sqlite3.Connection, which: str, values: tuple[object, ...]) -> list[_Row]:
    found = database.execute(f"SELECT id, pseudonym, master, wrapped FROM keys {which}", values).fetchall()
    return [_Row(key_id, pseudonym, Wrapped(master, wrapped)) for key_id, pseudonym, master, wrapped in found]


def _erased_of(database: sqlite3.Connection, key_ids: Sequence[str]) -> dict[str, Key | Erased]:
    found = database.execute(
        f"SELECT id, erased_at FROM erased WHERE id IN ({_marks(key_ids)})", tuple(key_ids)
    ).fetchall()
    return {row[0]: Erased(*row) for row in found}


def _traits_wrapped(database: sqlite3.Connection) -> tuple[Wrapped, str]:
    told = dict(database.execute("SELECT name, value FROM about WHERE name IN ('store', 'traits', 'traits_master')"))
    return Wrapped(told["traits_master"], told["traits"]), _of_traits(told["store"])


def _identify(database: sqlite3.Connection, key_id: str, found: Iterable[bytes]) -> None:
    database.execute("DELETE FROM traits WHERE id = ?", (key_id,))
    database.executemany("INSERT INTO traits (digest, id) VALUES (?, ?)", [(digest, key_id) for digest in found])


def _erase(database: sqlite3.Connection, key_id: str, now: int, named: str | None = None) -> int:
    held = database.execute("SELECT pseudonym FROM keys WHERE id = ?", (key_id,)).fetchone()
    database.execute(
        "INSERT OR IGNORE INTO erased (id, pseudonym, erased_at) VALUES (?, ?, ?)",
        (key_id, named if held is None else held[0], now),
    )
    database.execute("DELETE FROM traits WHERE id = ?", (key_id,))
    database.execute("DELETE FROM awaited WHERE id = ?", (key_id,))
    return database.execute("DELETE FROM keys WHERE id = ?", (key_id,)).rowcount


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _digest(copy: sqlite3.Connection) -> bytes:
    told = hashlib.sha256()
    for question in _SEALED:
        for row in copy.execute(question):
            told.update(msgspec.msgpack.encode(row))
        told.update(b"\xc1")  # a byte that msgpack never writes: where one table ends
    return told.digest()


def _of_key(key_id: str, pseudonym: str) -> str:
    return f"key {key_id} of {pseudonym}"


def _of_traits(store: object) -> str:
    return f"traits of {store}"


def _of_backup(copy: sqlite3.Connection) -> str:
    return f"backup of {_about(copy, 'store')}"
