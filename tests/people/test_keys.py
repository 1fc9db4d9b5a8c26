"""The key store: keys that are there, erased or away, and bytes that are really gone."""

import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.sealed import About, Sealed
from people import keys as key_store
from people.keys import (
    BACKUP_LIFE_MS,
    FILE,
    AlreadyErased,
    Erased,
    Keys,
    KeysAway,
    KeysLost,
    NotRestored,
    Restored,
    Rotating,
    pseudonym,
)
from people.masters import FILE as MASTERS
from people.masters import CommandMasters, FileMasters, MasterAway, Wrapped, Wrapping
from people.sealing import Key, NotOpened, open_, seal
from people.traits import Traits, alike, digests

KMS = Path(__file__).with_name("kms.py")
NOW = 1_772_000_000_000
CANARY = Traits("Canari-Béranger", "Zoé Marie", date(1950, 2, 28), ins="250027512345612")

spawned = multiprocessing.get_context("spawn")


@pytest.fixture
def masters(tmp_path: Path) -> FileMasters:
    """Return master keys in a file apart from the store."""
    return FileMasters(tmp_path / "kept-apart" / MASTERS)


@pytest.fixture
def keys(tmp_path: Path, masters: FileMasters) -> Keys:
    """Return a store of the test's own."""
    return Keys(tmp_path / "home", masters)


def key_of(keys: Keys, key_id: str) -> Key:
    """Return a key that is there."""
    found = keys.look(key_id)
    assert isinstance(found, Key)
    return found


def bytes_of(home: Path) -> bytes:
    """Return all that the store's files hold, write-ahead log and free pages included."""
    return b"".join(file.read_bytes() for file in sorted(home.rglob("*")) if file.is_file())


def wrapped_of(home: Path) -> dict[str, bytes]:
    """Return the wrapped keys by id, as they lie in the file."""
    with closing(sqlite3.connect(home / FILE)) as database:
        return dict(database.execute("SELECT id, wrapped FROM keys").fetchall())


def digests_of(home: Path) -> dict[str, set[bytes]]:
    """Return the keyed hashes of traits by key id, as they lie in the file."""
    with closing(sqlite3.connect(home / FILE)) as database:
        found: dict[str, set[bytes]] = {}
        for digest, key_id in database.execute("SELECT digest, id FROM traits"):
            found.setdefault(key_id, set()).add(digest)
        return found


# -- a key's life


def test_a_pathway_has_one_key_whoever_asks_again(keys: Keys) -> None:
    name = pseudonym()
    key_id = keys.create(name)
    assert keys.create(name) == key_id
    assert keys.create(pseudonym()) != key_id
    assert key_of(keys, key_id).secret == key_of(keys, key_id).secret


def test_a_pseudonym_is_random_and_a_name_is_none(keys: Keys) -> None:
    assert len({pseudonym() for _ in range(1000)}) == 1000
    for wrong in ("Zoé Canari", "", "a" * 25, "A" * 26, "a" * 26 + "\n"):
        with pytest.raises(ValueError, match="pseudonym") as error:
            keys.create(wrong)
        assert "Canari" not in str(error.value)


def test_a_destroyed_key_is_erased_for_good_and_another_s_stays(keys: Keys) -> None:
    anne, paul = pseudonym(), pseudonym()
    of_anne, of_paul = keys.create(anne), keys.create(paul)
    kept = key_of(keys, of_paul)
    assert keys.destroy(of_anne, NOW)
    assert not keys.destroy(of_anne, NOW + 1)
    assert keys.look_many([of_anne, of_paul]) == {of_anne: Erased(of_anne, NOW), of_paul: kept}
    assert keys.erased() == [Erased(of_anne, NOW)]
    with pytest.raises(AlreadyErased):
        keys.create(anne)


def test_an_id_never_seen_is_waited_for_and_not_taken_for_erased(keys: Keys) -> None:
    with pytest.raises(KeysAway):
        keys.look("never")
    assert not keys.destroy("never", NOW)
    assert keys.look("never") == Erased("never", NOW)


def test_a_store_that_is_away_is_said_and_not_made_anew(tmp_path: Path, keys: Keys) -> None:
    key_id = keys.create(pseudonym())
    (tmp_path / "home" / FILE).unlink()
    for ask in (lambda: keys.look(key_id), lambda: keys.create(pseudonym()), lambda: keys.similar(CANARY)):
        with pytest.raises(KeysAway):
            ask()
    assert not (tmp_path / "home" / FILE).exists()


@pytest.mark.parametrize("broken", [b"", b"no database at all" * 100])
def test_a_broken_store_is_away(tmp_path: Path, keys: Keys, broken: bytes) -> None:
    key_id = keys.create(pseudonym())
    (tmp_path / "home" / FILE).write_bytes(broken)
    with pytest.raises(KeysAway):
        keys.look(key_id)


def test_a_lost_master_key_is_said_and_a_new_one_does_not_hide_it(
    tmp_path: Path, keys: Keys, masters: FileMasters
) -> None:
    key_id = keys.create(pseudonym())
    away = masters.path.rename(tmp_path / "away")
    again = Keys(tmp_path / "home", FileMasters(masters.path))
    for ask in (lambda: again.look(key_id), lambda: again.create(pseudonym()), again.rotate):
        with pytest.raises(KeysAway, match="master key"):
            ask()
    assert not masters.path.exists()
    away.rename(masters.path)
    assert isinstance(again.look(key_id), Key)


def test_a_key_put_in_another_patient_s_place_does_not_open(tmp_path: Path, keys: Keys) -> None:
    one, other = keys.create(pseudonym()), keys.create(pseudonym())
    with closing(sqlite3.connect(tmp_path / "home" / FILE)) as database, database:
        database.execute("UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE id = ?) WHERE id = ?", (one, other))
    assert isinstance(keys.look(one), Key)
    with pytest.raises(KeysAway):
        keys.look(other)


def test_the_files_are_their_owner_s_alone(tmp_path: Path, masters: FileMasters) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / FILE).touch(mode=0o644)
    keys = Keys(tmp_path / "home", masters)
    keys.create(pseudonym(), CANARY)
    with closing(sqlite3.connect(tmp_path / "home" / FILE)) as reader:
        reader.execute("SELECT * FROM keys").fetchall()
        keys.create(pseudonym())
        for file in [*(tmp_path / "home").iterdir(), masters.path]:
            assert file.suffix in (".rotating", ".lock") or stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def _make(home: Path, master: Path, names: list[str], together: Barrier, told: Any) -> None:
    together.wait(60)
    keys = Keys(home, FileMasters(master))
    told.put([keys.create(name) for name in names])


def test_several_processes_that_begin_at_once_agree_on_masters_and_keys(tmp_path: Path, masters: FileMasters) -> None:
    names = [pseudonym() for _ in range(10)]
    together, told = spawned.Barrier(3), spawned.Queue()
    others = [
        spawned.Process(target=_make, args=(tmp_path / "home", masters.path, names, together, told)) for _ in range(3)
    ]
    for process in others:
        process.start()
    first, *rest = [told.get(timeout=60) for _ in others]
    for process in others:
        process.join(60)
    assert all(ids == first for ids in rest)
    assert len(set(first)) == len(names)
    found = Keys(tmp_path / "home", masters).look_many(first)
    assert all(isinstance(key, Key) for key in found.values())


# -- what is destroyed is gone


def test_of_a_destroyed_key_no_byte_is_left_in_any_file(tmp_path: Path, keys: Keys) -> None:
    """Among hundreds made and destroyed in any order, so that pages fill, split, move and are freed."""
    home, dice = tmp_path / "home", random.Random(4)
    held = sqlite3.connect(home / FILE)  # while another has it open, its write-ahead log stays
    live, gone = list[str](), list[bytes]()
    for _ in range(240):
        born = date(1940, 1, 1).replace(year=1940 + dice.randrange(60), day=1 + dice.randrange(28))
        live.append(keys.create(pseudonym(), Traits(f"Nom {dice.random()}", "Anne Marie", born)))
        if len(live) > 60:
            wrapped, found = wrapped_of(home), digests_of(home)
            dead = dice.sample(live, 30)
            gone += [part for key_id in dead for part in (wrapped[key_id], *found[key_id])]
            keys.destroy_many(dead, NOW)
            live = [key_id for key_id in live if key_id not in dead]
    assert len(gone) > 150
    kept = bytes_of(home)
    # Not only whole: no eight bytes of them in a row.
    left = [part for part in gone if any(part[at : at + 8] in kept for at in range(0, len(part) - 8, 8))]
    assert left == []
    assert all(wrapped in kept for wrapped in wrapped_of(home).values())
    held.close()


def test_a_destroyed_key_that_could_not_be_wiped_is_said_and_wiped_when_asked_again(
    tmp_path: Path, masters: FileMasters
) -> None:
    home = tmp_path / "home"
    keys = Keys(home, masters, busy_within_s=0.2)
    key_id = keys.create(pseudonym())
    wrapped = wrapped_of(home)[key_id]
    with closing(sqlite3.connect(home / FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM keys").fetchall()
        with pytest.raises(KeysAway, match="not yet wiped"):
            keys.destroy(key_id, NOW)
        assert wrapped in bytes_of(home)
        assert keys.look(key_id) == Erased(key_id, NOW)  # for everybody else it is gone already
        reader.execute("ROLLBACK")
        assert not keys.destroy(key_id, NOW)
        assert wrapped not in bytes_of(home)


def test_erasure_holds_against_old_copies_of_everything_but_the_store(
    tmp_path: Path, keys: Keys, masters: FileMasters
) -> None:
    """The log and Redis as they were, the key store and the master key as they are: A is nobody's, B is read."""
    home, names = tmp_path / "home", (pseudonym(), pseudonym())
    ids = [keys.create(name, CANARY) for name in names]
    abouts = [About(name, "answer", "1") for name in names]
    old_log = msgspec.msgpack.encode(
        [seal(key_of(keys, key_id), b"39.2", about) for key_id, about in zip(ids, abouts, strict=True)]
    )
    shutil.copytree(home, tmp_path / "old-home")
    of_a, of_b = msgspec.msgpack.decode(old_log, type=list[Sealed])
    old = Keys(tmp_path / "old-home", masters)
    assert open_(key_of(old, of_a.key), of_a, abouts[0]) == b"39.2"  # so the test can fail
    destroyed = key_of(keys, ids[0]).secret
    keys.destroy(ids[0], NOW)
    now = Keys(home, FileMasters(masters.path))
    assert now.look(of_a.key) == Erased(of_a.key, NOW)
    assert open_(key_of(now, of_b.key), of_b, abouts[1]) == b"39.2"
    with pytest.raises(NotOpened):
        open_(Key(of_a.key, key_of(now, of_b.key).secret), of_a, abouts[0])
    with pytest.raises(NotOpened):
        open_(Key(of_a.key, next(iter(msgspec_masters(masters).values()))), of_a, abouts[0])
    assert destroyed not in bytes_of(tmp_path / "home") + masters.path.read_bytes()
    assert now.similar(CANARY) == [names[1]]
    # And once the master is changed, the old copy of the store is worth nothing either.
    now.rotate()
    with pytest.raises(KeysAway):
        Keys(tmp_path / "old-home", FileMasters(masters.path)).look(of_a.key)
    assert open_(key_of(now, of_b.key), of_b, abouts[1]) == b"39.2"


def msgspec_masters(masters: FileMasters) -> dict[str, bytes]:
    """Return the master keys in a file."""
    found: dict[str, bytes] = msgspec.convert(
        msgspec.json.decode(masters.path.read_bytes())["masters"], dict[str, bytes], builtin_types=()
    )
    return found


# -- duplicates


def test_the_same_person_is_found_however_it_is_written_and_another_is_not(keys: Keys) -> None:
    first = pseudonym()
    keys.create(first, CANARY)
    born = CANARY.birth_date
    for same in (
        CANARY,
        Traits("CANARI BERANGER", "zoe", born),
        Traits("Zoé", "Canari-Béranger", born),
        Traits("Martin", "Zoé", born, used_name="Canari Béranger"),
        Traits("Autre", "Autre", date(1999, 1, 1), ins="2500275123456"),
    ):
        assert keys.similar(same) == [first], same
    for other in (
        Traits("Canari-Béranger", "Zoé", date(1950, 2, 27)),
        Traits("Canari", "Zoé", born),
        Traits("Canari-Béranger", "Marie", born),
        Traits("", "", born),
        Traits("Autre", "Autre", date(1999, 1, 1), ins="25002"),
    ):
        assert keys.similar(other) == [], other


def test_the_likeliest_is_proposed_first(keys: Keys) -> None:
    less, more = sorted((pseudonym(), pseudonym()))
    keys.create(less, Traits("Canari-Béranger", "Zoé", CANARY.birth_date))
    keys.create(more, CANARY)
    assert keys.similar(CANARY) == [more, less]


def test_corrected_traits_replace_the_old_ones_and_leave_nothing_of_them(tmp_path: Path, keys: Keys) -> None:
    name = pseudonym()
    key_id = keys.create(name, CANARY)
    old = digests_of(tmp_path / "home")[key_id]
    right = Traits("Juste", "Anne", date(1961, 5, 4))
    keys.identify(key_id, right)
    assert keys.similar(CANARY) == []
    assert keys.similar(right) == [name]
    assert not any(digest in bytes_of(tmp_path / "home") for digest in old)
    keys.identify("never", CANARY)
    assert keys.similar(CANARY) == []


def test_hashes_of_traits_can_t_be_guessed_without_the_store_s_own_key(tmp_path: Path, masters: FileMasters) -> None:
    """Names and birth dates are few: who has the file and not the master key learns nobody from it."""
    found = []
    for home in (tmp_path / "one", tmp_path / "two"):
        keys = Keys(home, masters)
        key_id = keys.create(pseudonym(), CANARY)
        found.append(digests_of(home)[key_id])
    assert not found[0] & found[1]
    assert not found[0] & digests(CANARY, bytes(32))


@given(st.text(max_size=20))
def test_a_name_is_alike_itself_in_capitals_and_without_hyphens(name: str) -> None:
    assert alike(alike(name)) == alike(name)
    assert alike(f" {name}-") == alike(name)


def test_what_names_are_alike() -> None:
    assert alike("Œdipe d’Alençon-L'Œuvre") == alike("OEDIPE D ALENCON L OEUVRE") == "oedipedalenconloeuvre"


# -- the master key


def test_a_rotation_leaves_keys_as_they_were_and_the_old_master_gone(
    tmp_path: Path, keys: Keys, masters: FileMasters
) -> None:
    ids = [keys.create(pseudonym(), CANARY) for _ in range(5)]
    before, [old] = keys.look_many(ids), msgspec_masters(masters)
    wrapped = wrapped_of(tmp_path / "home")
    slices: list[int] = []
    assert keys.rotate(slices.append) == 5
    assert slices == [5]
    assert keys.look_many(ids) == before
    assert len(keys.similar(CANARY)) == 5
    assert len(msgspec_masters(masters)) == 1
    assert old not in msgspec_masters(masters)
    assert not any(one in bytes_of(tmp_path / "home") for one in wrapped.values())
    assert Keys(tmp_path / "home", FileMasters(masters.path)).look_many(ids) == before
    assert keys.rotate() == 5


def _go_on_reading(home: Path, master: Path, ids: list[str], begun: Event, stop: Event, told: Any) -> None:
    keys = Keys(home, FileMasters(master))
    held, done, made = keys.look_many(ids), 0, list[str]()
    begun.set()
    while not stop.is_set():
        key_id = ids[done % len(ids)]
        if keys.look(key_id) != held[key_id]:
            break
        done += 1
        if done % 50 == 0:
            made.append(keys.create(pseudonym()))
    told.put((stop.is_set(), done, made))


def test_others_read_and_write_on_while_the_master_changes(
    tmp_path: Path, keys: Keys, masters: FileMasters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_store, "SLICE", 10)
    ids = [keys.create(pseudonym()) for _ in range(60)]
    begun, stop, told = spawned.Event(), spawned.Event(), spawned.Queue()
    reader = spawned.Process(
        target=_go_on_reading, args=(tmp_path / "home", masters.path, ids, begun, stop, told), daemon=True
    )
    reader.start()
    assert begun.wait(60)
    for _ in range(4):
        keys.rotate()
    stop.set()
    unbroken, reads, made = told.get(timeout=60)
    reader.join(60)
    assert unbroken
    assert reads > 0
    assert len(list(msgspec_masters(masters))) == 1
    found = Keys(tmp_path / "home", FileMasters(masters.path)).look_many([*ids, *made])
    assert all(isinstance(key, Key) for key in found.values())


def _rotate_and_stop(home: Path, master: Path, after: str, said: Connection) -> None:
    key_store.SLICE = 5
    masters: Wrapping = FileMasters(master)

    def stop() -> None:
        said.send("here")
        said.recv()  # for ever: it is killed here

    class Stopping(FileMasters):
        def renew(self) -> str:
            made = super().renew()
            if after == "renewed":
                stop()
            return made

        def retire(self, master: str) -> None:
            if after == "rewrapped":
                stop()
            super().retire(master)
            if after == "retired":
                stop()

    masters = Stopping(master)
    Keys(home, masters).rotate(lambda done: stop() if after == "slices" and done == 10 else None)


@pytest.mark.parametrize("after", ["renewed", "slices", "rewrapped", "retired"])
def test_a_rotation_that_is_killed_anywhere_loses_nothing_and_is_continued(
    tmp_path: Path, keys: Keys, masters: FileMasters, after: str
) -> None:
    ids = [keys.create(pseudonym(), CANARY) for _ in range(20)]
    before, [old] = keys.look_many(ids), msgspec_masters(masters)
    ours, theirs = spawned.Pipe()
    rotating = spawned.Process(target=_rotate_and_stop, args=(tmp_path / "home", masters.path, after, theirs))
    rotating.start()
    assert ours.poll(60)
    with pytest.raises(Rotating):
        keys.rotate()
    assert rotating.pid is not None
    os.kill(rotating.pid, signal.SIGKILL)
    rotating.join(60)
    fresh = Keys(tmp_path / "home", FileMasters(masters.path))
    assert fresh.look_many(ids) == before
    late = fresh.create(pseudonym())
    held = key_of(fresh, late)
    left = {"renewed": 21, "slices": 10, "rewrapped": 0, "retired": 0}[after]
    slices = [0]
    assert fresh.rotate(slices.append) == 21
    assert slices[-1] == left
    assert old not in msgspec_masters(masters)
    # One that was made and not yet written down wraps nothing, and may stay.
    assert len(msgspec_masters(masters)) == (2 if after == "renewed" else 1)
    last = Keys(tmp_path / "home", FileMasters(masters.path))
    assert last.look_many([*ids, late]) == before | {late: held}
    assert last.similar(CANARY)


def test_stores_that_share_a_file_of_masters_do_not_retire_each_other_s(
    tmp_path: Path, keys: Keys, masters: FileMasters
) -> None:
    other = Keys(tmp_path / "other", masters)
    key_id = other.create(pseudonym())
    keys.rotate()
    assert isinstance(Keys(tmp_path / "other", FileMasters(masters.path)).look(key_id), Key)


def test_a_key_made_just_as_the_master_changes_is_not_lost_with_the_old_one(
    tmp_path: Path, keys: Keys, masters: FileMasters
) -> None:
    """Wrapped by the old master before, and put in the store after: it would never open again."""
    meanwhile = [keys.rotate]

    class Slow(FileMasters):
        def wrap(self, master: str, keys: Sequence[tuple[bytes, str]]) -> list[Wrapped]:
            wrapped = super().wrap(master, keys)
            if meanwhile:
                meanwhile.pop()()
            return wrapped

    key_id = Keys(tmp_path / "home", Slow(masters.path)).create(pseudonym())
    assert meanwhile == []
    assert isinstance(Keys(tmp_path / "home", FileMasters(masters.path)).look(key_id), Key)


def test_a_key_read_just_as_the_master_changes_is_read_again(tmp_path: Path, keys: Keys, masters: FileMasters) -> None:
    key_id = keys.create(pseudonym(), CANARY)
    held, meanwhile = keys.look(key_id), [keys.rotate]

    class Slow(FileMasters):
        def unwrap(self, wrapped: Sequence[tuple[Wrapped, str]]) -> list[bytes]:
            if meanwhile:
                meanwhile.pop()()
            return super().unwrap(wrapped)

    slow = Keys(tmp_path / "home", Slow(masters.path))
    assert slow.look(key_id) == held
    assert meanwhile == []
    meanwhile.append(keys.rotate)
    assert len(slow.similar(CANARY)) == 1


def test_a_key_destroyed_while_the_master_changes_does_not_come_back(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_store, "SLICE", 2)
    ids = [keys.create(pseudonym()) for _ in range(6)]

    def destroy_all(done: int) -> None:
        keys.destroy_many(ids, NOW)

    keys.rotate(destroy_all)
    assert all(isinstance(told, Erased) for told in keys.look_many(ids).values())


# -- a KMS behind a command


@pytest.fixture
def kms(tmp_path: Path) -> Path:
    """Return the directory of a KMS."""
    (tmp_path / "kms").mkdir()
    return tmp_path / "kms"


def command(kms: Path, within_s: float = 20.0) -> CommandMasters:
    """Return master keys in that KMS."""
    return CommandMasters((sys.executable, str(KMS), str(kms)), within_s)


def test_a_kms_behind_a_command_does_all_that_a_file_does(tmp_path: Path, kms: Path) -> None:
    keys = Keys(tmp_path / "home", command(kms))
    ids = [keys.create(pseudonym()) for _ in range(2)]
    before = keys.look_many(ids)
    assert keys.rotate() == 2
    assert len(list(kms.glob("*.master"))) == 1
    assert Keys(tmp_path / "home", command(kms)).look_many(ids) == before


def test_a_kms_is_asked_once_for_many_keys_and_not_again(tmp_path: Path, kms: Path) -> None:
    keys = Keys(tmp_path / "home", command(kms))
    ids = [keys.create(pseudonym()) for _ in range(3)]
    (kms / "asked").unlink()
    for _ in range(2):
        keys.look_many(ids)
        keys.look(ids[0])
    assert (kms / "asked").read_text().split() == ["unwrap"]
    keys.destroy(ids[0], NOW)
    assert isinstance(keys.look(ids[0]), Erased)  # what is kept in memory does not outlive the key


@pytest.mark.parametrize(
    ("mood", "said"),
    [("away", "status 3"), ("broken", "something else"), ("short", "answered 0 keys"), ("silent", "within 0.5 s")],
)
def test_a_kms_that_is_away_is_said_without_what_it_said(tmp_path: Path, kms: Path, mood: str, said: str) -> None:
    keys = Keys(tmp_path / "home", command(kms))
    key_id = keys.create(pseudonym())
    (kms / "mood").write_text(mood)
    again = Keys(tmp_path / "home", command(kms, 0.5 if mood == "silent" else 20.0))
    with pytest.raises(KeysAway, match=said) as error:
        again.look(key_id)
    assert "canary" not in repr(error.value)


def test_a_command_that_is_not_there_is_said() -> None:
    with pytest.raises(MasterAway, match="FileNotFoundError"):
        CommandMasters(("no-such-command-anywhere",)).renew()


def test_a_file_of_masters_that_can_t_be_read_shows_nothing_of_it(masters: FileMasters) -> None:
    masters.renew()
    masters.path.write_text('{"masters": "canary"}')
    with pytest.raises(MasterAway) as error:
        masters.renew()
    assert "canary" not in str(error.value)
    assert "canary" not in repr(masters)


def test_a_wrapped_key_that_was_changed_does_not_open(masters: FileMasters) -> None:
    master = masters.renew()
    [wrapped] = masters.wrap(master, [(b"k" * 32, "key a")])
    assert masters.unwrap([(wrapped, "key a")]) == [b"k" * 32]
    changed = Wrapped(master, bytes((wrapped.content[0] ^ 1,)) + wrapped.content[1:])
    for wrong in ((wrapped, "key b"), (changed, "key a"), (Wrapped(master, b""), "")):
        with pytest.raises(MasterAway):
            masters.unwrap([wrong])


# -- backups


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return where a backup goes."""
    return tmp_path / "saved.sqlite3"


def test_a_lost_store_comes_back_from_a_backup_with_its_keys_and_traits(
    tmp_path: Path, keys: Keys, masters: FileMasters, saved: Path
) -> None:
    name = pseudonym()
    key_id = keys.create(name, CANARY)
    held = key_of(keys, key_id)
    made = keys.backup(saved, NOW)
    assert made.expires_at == NOW + BACKUP_LIFE_MS
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert held.secret not in saved.read_bytes()
    new = Keys(tmp_path / "new-home", masters)
    assert new.restore(saved, NOW + 1, erased=()) == Restored(1, 0)
    assert new.look(key_id) == held
    assert new.similar(CANARY) == [name]
    new.create(pseudonym(), CANARY)
    assert len(new.similar(CANARY)) == 2
    new.rotate()  # the lost store's master goes too: whoever has found it has nothing
    assert len(msgspec_masters(masters)) == 1
    with pytest.raises(KeysAway):
        Keys(tmp_path / "home", FileMasters(masters.path)).look(key_id)


def test_a_backup_that_is_over_is_refused(keys: Keys, saved: Path) -> None:
    key_id = keys.create(pseudonym())
    made = keys.backup(saved, NOW)
    with pytest.raises(NotRestored, match="over"):
        keys.restore(saved, made.expires_at)
    assert isinstance(keys.look(key_id), Key)


def test_a_backup_s_life_can_t_be_made_longer_by_who_holds_it(keys: Keys, saved: Path) -> None:
    keys.create(pseudonym())
    made = keys.backup(saved, NOW)
    with closing(sqlite3.connect(saved)) as database, database:
        database.execute("UPDATE about SET value = ? WHERE name = 'expires_at'", (made.expires_at + BACKUP_LIFE_MS,))
    with pytest.raises(NotRestored, match="changed"):
        keys.restore(saved, made.expires_at + 1)


def test_a_destroyed_key_never_comes_back_with_a_backup(
    tmp_path: Path, keys: Keys, masters: FileMasters, saved: Path
) -> None:
    names = [pseudonym() for _ in range(3)]
    first, second, third = (keys.create(name, CANARY) for name in names)
    keys.destroy(third, NOW - 1)
    keys.backup(saved, NOW)
    keys.destroy(first, NOW + 1)
    assert keys.restore(saved, NOW + 2) == Restored(0, 1)
    assert keys.look(first) == Erased(first, NOW + 1)
    new = Keys(tmp_path / "new-home", masters)
    with pytest.raises(NotRestored, match="does not know what was destroyed"):
        new.restore(saved, NOW + 2)
    assert new.restore(saved, NOW + 2, erased=[told.id for told in keys.erased()]) == Restored(1, 1)
    assert isinstance(new.look(first), Erased)
    assert new.look(third) == Erased(third, NOW - 1)
    with pytest.raises(AlreadyErased):
        new.create(names[0])
    assert isinstance(new.look(second), Key)
    assert new.restore(saved, NOW + 3) == Restored(0, 1)


def test_what_was_destroyed_before_is_in_no_backup(tmp_path: Path, keys: Keys, saved: Path) -> None:
    key_id = keys.create(pseudonym(), CANARY)
    gone = [wrapped_of(tmp_path / "home")[key_id], *digests_of(tmp_path / "home")[key_id]]
    keys.destroy(key_id, NOW)
    keys.backup(saved, NOW)
    assert not any(part in saved.read_bytes() for part in gone)


def test_a_backup_from_before_a_rotation_is_worth_nothing(keys: Keys, saved: Path) -> None:
    keys.create(pseudonym())
    keys.backup(saved, NOW)
    keys.rotate()
    with pytest.raises(NotRestored, match="master key"):
        keys.restore(saved, NOW + 1)


def test_a_backup_from_the_middle_of_a_rotation_is_worth_nothing_after_it(
    keys: Keys, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_store, "SLICE", 2)
    for _ in range(4):
        keys.create(pseudonym())

    def save(done: int) -> None:
        if done == 2:
            keys.backup(saved, NOW)

    keys.rotate(save)
    with pytest.raises(NotRestored, match="does not open"):
        keys.restore(saved, NOW + 1)


def test_another_store_s_backup_and_files_that_are_none_change_nothing(
    tmp_path: Path, keys: Keys, masters: FileMasters, saved: Path
) -> None:
    key_id = keys.create(pseudonym())
    held = keys.look(key_id)
    other = Keys(tmp_path / "other", masters)
    other.create(pseudonym())
    other.backup(saved, NOW)
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"canary" * 1000)
    for path, why in ((saved, "another key store"), (rubbish, "can't be read"), (tmp_path / "none", "can't be read")):
        with pytest.raises(NotRestored, match=why):
            keys.restore(path, NOW + 1, erased=())
    with pytest.raises(NotRestored, match="no backup"):
        keys.restore(tmp_path / "home" / FILE, NOW)
    assert keys.look(key_id) == held


def test_a_backup_is_never_written_over_another(keys: Keys, saved: Path) -> None:
    keys.backup(saved, NOW)
    kept = saved.read_bytes()
    with pytest.raises(FileExistsError):
        keys.backup(saved, NOW)
    assert saved.read_bytes() == kept
    assert [file.name for file in saved.parent.glob("saved*")] == [saved.name]


# -- nothing is told


def test_no_error_and_no_repr_names_a_key_or_a_trait(tmp_path: Path, keys: Keys, masters: FileMasters) -> None:
    name = pseudonym()
    key_id = keys.create(name, CANARY)
    secret = key_of(keys, key_id).secret
    shown = [repr(one) for one in (keys, masters, CANARY, key_of(keys, key_id), keys.erased())]
    tries: list[Callable[[], object]] = [
        lambda: keys.look("never"),
        lambda: keys.create("Zoé Canari"),
        lambda: keys.restore(tmp_path / "none", NOW),
        lambda: masters.unwrap([(Wrapped("no", secret), name)]),
    ]
    for ask in tries:
        with pytest.raises((KeysAway, ValueError, NotRestored, MasterAway)) as error:
            ask()
        shown += [repr(error.value), str(error.value), repr(error.value.__cause__)]
    told = " ".join(shown)
    for canary in ("anari", "Zoé", "1950", "2500275", name, repr(secret), secret.hex(), str(tmp_path / "home")):
        assert canary not in told


def test_a_derived_secret_is_the_store_s_alone_and_outlives_master_keys(
    keys: Keys, masters: FileMasters, tmp_path: Path
) -> None:
    told = keys.derived("links")
    assert len({told, keys.derived("names"), Keys(tmp_path / "other", masters).derived("links")}) == 3
    keys.rotate()
    assert Keys(tmp_path / "home", masters).derived("links") == told
    assert told not in bytes_of(tmp_path)
    with pytest.raises(KeysAway):
        Keys(tmp_path / "home", FileMasters(tmp_path / "none" / MASTERS)).derived("links")


def test_a_key_that_is_not_there_is_told_from_a_store_that_is_away(keys: Keys, tmp_path: Path) -> None:
    """As after a restore of a copy that lacks the last keys."""
    first = keys.create("a" * 26)
    keys.backup(tmp_path / "copy", NOW)
    late, gone = keys.create("b" * 26), keys.create("c" * 26)
    fresh = Keys(tmp_path / "anew", keys._masters)
    with pytest.raises(KeysAway, match="empty") as away:
        fresh.look(first)  # nobody has brought anything back yet: nothing is lost
    assert not isinstance(away.value, KeysLost)
    fresh.restore(tmp_path / "copy", NOW + 1, [gone])
    with pytest.raises(KeysLost) as lost:
        fresh.look_many([first, late, gone])
    assert lost.value.ids == {late}
    assert lost.value.found == {first: keys.look(first), gone: Erased(gone, NOW + 1)}


def test_a_key_that_does_not_open_costs_the_others_nothing(keys: Keys, tmp_path: Path) -> None:
    ids = [keys.create(pseudonym()) for _ in range(7)]
    with closing(sqlite3.connect(tmp_path / "home" / FILE)) as database, database:
        database.execute("UPDATE keys SET wrapped = zeroblob(60) WHERE id IN (?, ?)", (ids[2], ids[5]))
    with pytest.raises(KeysLost) as lost:
        keys.look_many(ids)
    assert lost.value.ids == {ids[2], ids[5]}
    assert set(lost.value.found) == set(ids) - lost.value.ids


def test_while_no_master_key_works_no_key_is_lost(keys: Keys, masters: FileMasters) -> None:
    ids = [keys.create(pseudonym()) for _ in range(3)]
    masters.path.rename(masters.path.with_name("elsewhere"))
    masters.kept.clear()
    with pytest.raises(KeysAway) as away:
        keys.look_many(ids)
    assert not isinstance(away.value, KeysLost)
