"""The access trail: written before anything is shown, and no entry of it changed, lost or put in unseen."""

import multiprocessing
import os
import signal
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people.keys import pseudonym
from people.trail import DAY_MS, FILE, MOST_AT_ONCE, Act, Checked, Entry, Head, Trail, TrailAway

NOW = 1_772_000_000_000
ANNE, PAUL = "a" * 26, "b" * 26

spawned = multiprocessing.get_context("spawn")


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    """Return a trail of the test's own."""
    return Trail(tmp_path)


def read(file: str = ANNE, who: str = "dr-martin", at: int = NOW, act: Act = Act.READ) -> Entry:
    """Return an entry."""
    return Entry(at, who, "physician@occitanie", act, file, "patient-page")


def tampered(home: Path, *statements: str) -> None:
    """Change the file as somebody does who may write it, and knows how."""
    with closing(sqlite3.connect(home / FILE)) as database, database:
        database.execute("DROP TRIGGER entries_stay")
        database.execute("DROP TRIGGER entries_are_as_written")
        for statement in statements:
            database.execute(statement)


def test_who_saw_a_file_and_what_a_person_saw_are_read_newest_first(trail: Trail) -> None:
    first, second = read(at=NOW), read(file=PAUL, at=NOW + 1)
    third = read(who="nurse-leroy", at=NOW + 2, act=Act.EXPORT)
    for entry in (first, second, third):
        trail.write(entry)
    assert [told.entry for told in trail.of_file(ANNE)] == [third, first]
    assert [told.entry for told in trail.of_person("dr-martin")] == [second, first]
    assert [told.number for told in trail.newest()] == [3, 2, 1]
    assert [told.entry for told in trail.newest(most=1, before=3)] == [second]
    assert trail.check() == Checked(3, [])


def test_a_search_that_showed_nobody_is_written_without_a_file(trail: Trail) -> None:
    search = read(file="", act=Act.SEARCH)
    trail.write(search, read(act=Act.SEARCH))
    assert [told.entry for told in trail.of_person("dr-martin")][-1] == search
    assert [told.number for told in trail.of_file(ANNE)] == [2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "Zoé Canari"},
        {"file": ""},
        {"who": ""},
        {"who": "Zoé Canari"},
        {"screen": "fièvre 39 canari"},
        {"grant": "vu le 3 mars canari"},
        {"at": 0},
        {"act": Act.FORGET},
    ],
)
def test_what_might_be_content_is_refused_and_not_repeated(trail: Trail, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="can't be in an access entry") as error:
        trail.write(read(), read()._replace(**wrong))
    assert "anari" not in str(error.value)
    assert trail.newest() == []  # all or none


def test_too_many_at_once_and_none_are_refused(trail: Trail) -> None:
    for entries in ([], [read()] * (MOST_AT_ONCE + 1)):
        with pytest.raises(ValueError, match="at once"):
            trail.write(*entries)


def test_where_nothing_can_be_written_it_is_said_and_nothing_is_begun_anew(tmp_path: Path, trail: Trail) -> None:
    trail.write(read())
    kept = (tmp_path / FILE).rename(tmp_path / "away")
    with pytest.raises(TrailAway):
        trail.write(read())
    assert not (tmp_path / FILE).exists()
    kept.rename(tmp_path / FILE)
    trail.write(read())
    assert trail.check() == Checked(2, [])


def test_a_trail_that_another_holds_is_away_within_its_time(tmp_path: Path) -> None:
    trail = Trail(tmp_path, busy_within_s=0.1)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TrailAway, match="SQLITE_BUSY"):
            trail.write(read())
    trail.write(read())


def test_a_full_disk_is_said(tmp_path: Path, trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that may not grow answers as a full disk does."""
    connect = sqlite3.connect

    def small(*args: object, **kwargs: object) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(*args, **kwargs)  # type: ignore[call-overload]
        database.execute("PRAGMA max_page_count = 1")
        return database

    monkeypatch.setattr("people.own_file.sqlite3.connect", small)
    with pytest.raises(TrailAway, match="SQLITE_FULL"):
        trail.write(*[read()] * MOST_AT_ONCE)


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(mode=0o644)
    Trail(tmp_path).write(read())
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_an_entry_can_t_be_changed_or_deleted_by_mistake(tmp_path: Path, trail: Trail) -> None:
    trail.write(read(), read())
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        for statement in ("DELETE FROM entries WHERE number = 1", "UPDATE entries SET who = 'nobody' WHERE number = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(statement)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE entries SET who = 'nobody' WHERE number = 3", "entry 3 was changed"),
        ("UPDATE entries SET at = at + 1 WHERE number = 1", "entry 1 was changed"),
        ("UPDATE entries SET salt = NULL WHERE number = 2", "entry 2 was changed"),
        ("DELETE FROM entries WHERE number = 2", "entries 2 to 2 are missing"),
        ("DELETE FROM entries WHERE number = 1", "entries 1 to 1 are missing"),
        ("DELETE FROM entries WHERE number = 5", "the trail ends at 4, and was written up to 5"),
        (
            "UPDATE entries SET at = NULL, who = NULL, granted = NULL, act = NULL, file = NULL, screen = NULL,"
            " salt = NULL WHERE number = 4",
            "entry 4 was emptied",
        ),
        (
            "INSERT INTO entries SELECT 6, at, who, granted, act, file, screen, salt, leaf, chain FROM entries"
            " WHERE number = 5",
            "entry 6 does not follow the one before it",
        ),
    ],
)
def test_a_changed_a_missing_and_an_added_entry_are_found(
    tmp_path: Path, trail: Trail, change: str, found: str
) -> None:
    for number in range(5):
        trail.write(read(at=NOW + number))
    tampered(tmp_path, change)
    assert found in trail.check().faults


def test_a_trail_written_anew_is_found_by_a_head_that_was_kept_elsewhere(tmp_path: Path, trail: Trail) -> None:
    trail.write(read(who="culprit"))
    kept = trail.head()
    trail.write(read())
    assert trail.check(kept) == Checked(2, [])
    (tmp_path / FILE).unlink()
    forged = Trail(tmp_path)
    assert forged.check(kept).faults == ["entry 1 was kept elsewhere, and is missing"]
    forged.write(read(who="somebody-else"), read())
    assert forged.check() == Checked(2, [])
    assert forged.check(kept).faults == ["entry 1 is not the one that was kept elsewhere"]


# -- what is forgotten


def test_old_entries_are_forgotten_save_those_of_files_that_are_kept(tmp_path: Path, trail: Trail) -> None:
    trail.write(read(who="old-of-erased"), read(file=PAUL, who="old-of-kept"), read(file="", act=Act.SEARCH))
    trail.write(read(who="young", at=NOW + 2 * DAY_MS))
    head = trail.head()
    assert trail.forget(NOW + 3 * DAY_MS, NOW + DAY_MS, {PAUL}) == 2
    assert [told.entry.who for told in trail.newest()] == ["vigilits", "young", "old-of-kept"]
    assert trail.check(head) == Checked(5, [])
    assert b"old-of-erased" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert trail.forget(NOW + 4 * DAY_MS, NOW + DAY_MS, {PAUL}) == 0
    assert trail.forget(NOW + 4 * DAY_MS, NOW + DAY_MS, ()) == 1
    trail.write(read())
    assert trail.check(head) == Checked(7, [])


def test_what_is_forgotten_and_not_yet_wiped_is_said(tmp_path: Path) -> None:
    trail = Trail(tmp_path, busy_within_s=0.1)
    trail.write(read(who="old-of-erased"))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM entries").fetchall()
        with pytest.raises(TrailAway, match="not yet wiped"):
            trail.forget(NOW + 2 * DAY_MS, NOW + DAY_MS, ())
    assert trail.forget(NOW + 2 * DAY_MS, NOW + DAY_MS, ()) == 0
    assert b"old-of-erased" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_an_entry_emptied_as_if_it_were_forgotten_is_found(tmp_path: Path, trail: Trail) -> None:
    trail.write(read(), read(at=NOW + 2 * DAY_MS))
    trail.forget(NOW + 3 * DAY_MS, NOW + DAY_MS, ())
    tampered(
        tmp_path,
        "UPDATE entries SET at = NULL, who = NULL, granted = NULL, act = NULL, file = NULL, screen = NULL, salt = NULL"
        " WHERE number = 2",
        "INSERT INTO forgotten (entry, number) VALUES (3, 2)",
    )
    assert trail.check().faults == ["what entry 3 forgot is not what it says"]


def test_what_is_forgotten_can_t_be_guessed_from_what_stands(tmp_path: Path, trail: Trail) -> None:
    """Two entries that say the same leave different hashes, and the salt goes with the entry."""
    trail.write(read(), read())
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        assert len(set(database.execute("SELECT leaf FROM entries").fetchall())) == 2
    trail.forget(NOW + 2 * DAY_MS, NOW + DAY_MS, ())
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        left = database.execute("SELECT at, who, granted, act, file, screen, salt FROM entries").fetchall()
    assert left[:2] == [(None,) * 7] * 2


# -- several processes, and those that are killed


def _write_on(home: Path, who: str, said: Connection) -> None:
    trail, number = Trail(home), 0
    while True:
        number += 1
        said.send(trail.write(read(who=who, at=NOW + number), read(file=PAUL, who=who, at=NOW + number)).number)


def test_what_was_written_stands_whoever_is_killed_and_the_chain_is_whole(tmp_path: Path) -> None:
    pipes = [spawned.Pipe() for _ in range(2)]
    writers = [
        spawned.Process(target=_write_on, args=(tmp_path, f"writer-{place}", theirs), daemon=True)
        for place, (_, theirs) in enumerate(pipes)
    ]
    for writer in writers:
        writer.start()
    told = [[ours.recv() for _ in range(20)][-1] for ours, _ in pipes]
    for writer in writers:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(60)
    trail = Trail(tmp_path)
    checked = trail.check()
    assert checked.faults == []
    assert checked.entries >= max(told)
    assert checked.entries % 2 == 0  # both of a pair, or neither
    trail.write(read())
    assert trail.check().faults == []


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 3), st.sampled_from((ANNE, PAUL))),
            st.tuples(st.just("forget"), st.integers(0, 20), st.sampled_from((ANNE, PAUL, ""))),
        ),
        max_size=15,
    )
)
def test_whatever_is_written_and_forgotten_the_chain_is_whole(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, str]]
) -> None:
    trail, clock = Trail(tmp_path_factory.mktemp("trail")), NOW
    heads: list[Head] = []
    for act, number, file in acts:
        clock += 1
        if act == "write":
            heads.append(trail.write(*[read(file=file, at=clock)] * number))
        else:
            trail.forget(clock, NOW + number, {file} if file else ())
            left = [told.entry for told in trail.newest() if told.entry.act is not Act.FORGET]
            assert all(entry.file == file or entry.at >= NOW + number for entry in left)
    checked = trail.check(*heads)
    assert checked.faults == []
    assert len(trail.newest()) <= checked.entries


def test_a_pathway_s_pseudonym_is_what_a_file_is_named_by(trail: Trail) -> None:
    name = pseudonym()
    trail.write(read(file=name))
    assert len(trail.of_file(name)) == 1


def test_no_error_tells_where_the_trail_is_or_who_is_in_it(tmp_path: Path, trail: Trail) -> None:
    trail.write(read(who="canary"))
    (tmp_path / FILE).write_bytes(b"canary" * 1000)
    asks: list[Callable[[], object]] = [trail.newest, trail.head, trail.check, lambda: trail.write(read(who="canary"))]
    for ask in asks:
        with pytest.raises(TrailAway) as error:
            ask()
        assert "canary" not in str(error.value)
        assert str(tmp_path) not in str(error.value)
