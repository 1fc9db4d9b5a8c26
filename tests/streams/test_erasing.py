"""Erasure beside a shard: the key first, then the word of it; repeated harmlessly whatever it is killed between."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import generate_latest

from domain.events import Event, PatientErased
from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from event_log.log import LogAway
from people.keys import FILE, Awaited, Erased, Keys, pseudonym
from people.masters import FileMasters
from people.patient_links import PatientLinks
from people.trail import KEPT_MS, Act, Entry, Trail
from people.traits import Traits
from streams.erasing import DAY_MS, LOST_AFTER_MS, MOST_AT_ONCE, SEEN_LOST_MS, TOLD_AGAIN_MS, Eraser
from streams.measures import Measures
from tests.streams.summary.small_followup import OVER, PATIENT


class Followed:
    """A followup shard that folds an erasure as soon as it is told, unless it is told not to."""

    shard = "followup:occitanie:0"
    ready = True

    def __init__(self, patients: list[Patient], clock: int) -> None:
        self.patients = {patient.id: patient for patient in patients}
        self.clock = clock
        self.due: dict[str, int] = {}
        self.pathways: dict[str, Pathway] = {}
        self.log: list[Event] = []
        self.folds, self.away = True, False
        self.told = asyncio.Event()

    async def append(self, event: Event) -> None:
        """Return once the event is on the log."""
        if self.away:
            raise LogAway("away")
        self.log.append(event)
        self.told.set()
        if self.folds:
            assert isinstance(event, PatientErased)
            self.patients.pop(event.patient, None)


class Home:
    """A home with a key store, a trail and links, and patients in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = Keys(path, FileMasters(path / "master-keys.json"), busy_within_s=0.05)
        self.trail, self.links = Trail(path), PatientLinks(path, self.keys.derived)
        self.now = OVER + DAY_MS

    def patient(self, erase_at: int | None) -> Patient:
        """Return a patient with a key, and a link that opens."""
        name = pseudonym()
        self.links.link("occitanie", name, "1-0900", self.now + DAY_MS, self.now, 0)
        return replace(PATIENT, id=name, key=self.keys.create(name), erase_at=erase_at)

    def eraser(self, view: Followed) -> Eraser:
        """Return what erases beside a shard."""
        return Eraser(view, self.keys, self.trail, self.links.forget_patient, lambda: self.now, Measures())

    def erased(self, *patients: Patient) -> list[bool]:
        """Return whose key is destroyed."""
        return [isinstance(self.keys.look(patient.key), Erased) for patient in patients]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home of the test's own."""
    return Home(tmp_path)


async def test_who_is_due_is_erased_and_nobody_else(home: Home) -> None:
    due, later, never = home.patient(OVER), home.patient(OVER + 1), home.patient(None)
    view = Followed([due, later, never], OVER)
    assert await home.eraser(view).erase() == 1
    assert home.erased(due, later, never) == [True, False, False]
    assert [event.patient for event in view.log if isinstance(event, PatientErased)] == [due.id]


async def test_time_is_the_shard_s_so_a_machine_whose_clock_is_ahead_erases_nobody(home: Home) -> None:
    due = home.patient(OVER)
    home.now = OVER + 400 * DAY_MS
    assert await home.eraser(Followed([due], OVER - 1)).erase() == 0
    assert home.erased(due) == [False]


async def test_who_has_something_due_that_was_not_run_yet_is_not_erased_before_it_is(home: Home) -> None:
    """It may raise an alert, which holds the erasure back; and what one record runs of thousands is some hundreds."""
    due = home.patient(OVER)
    view = Followed([due], OVER)
    view.due[due.id] = OVER
    assert await home.eraser(view).erase() == 0
    assert home.erased(due) == [False]
    view.due[due.id] = OVER + 1
    assert await home.eraser(view).erase() == 1


async def test_how_many_are_due_and_were_erased_is_shown_in_tens(home: Home) -> None:
    """Anybody may read metrics."""
    measures = Measures()
    view = Followed([home.patient(OVER) for _ in range(3)], OVER)
    eraser = Eraser(view, home.keys, home.trail, home.links.forget_patient, lambda: home.now, measures)
    assert await eraser.erase() == 3
    told = generate_latest(measures.registry).decode()
    assert re.findall(r"vigilits_(erasures_due|patients_erased_total){[^}]*} ([0-9.]+)", told) == [
        ("erasures_due", "10.0"),
        ("patients_erased_total", "10.0"),
    ]
    await eraser.erase()
    assert f'vigilits_erasures_due{{shard="{view.shard}"}} 0.0' in generate_latest(measures.registry).decode()


async def test_with_the_log_away_the_key_is_gone_and_who_comes_after_tells_it(home: Home) -> None:
    due = home.patient(OVER)
    view = Followed([due], OVER)
    view.away = True
    with pytest.raises(LogAway):
        await home.eraser(view).erase()
    assert home.erased(due) == [True]
    view.away = False
    assert await home.eraser(view).erase() == 1
    assert len(view.log) == 1


async def test_it_is_told_under_one_id_however_often(home: Home) -> None:
    due = home.patient(OVER)
    view = Followed([due], OVER)
    view.folds = False
    eraser = home.eraser(view)
    await eraser.erase()
    assert await eraser.erase() == 0  # told and on its way: once is enough
    home.now += TOLD_AGAIN_MS
    await eraser.erase()
    await home.eraser(view).erase()  # as whoever takes over does
    assert len(view.log) == 3
    assert len({event.id for event in view.log}) == 1


async def test_a_key_store_that_is_away_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds the file: nothing is told on the log until the key is destroyed."""
    monkeypatch.setattr("streams.erasing.FIRST_WAIT_S", 0.01)
    due = home.patient(OVER)
    view = Followed([due], OVER)
    holding = sqlite3.connect(home.path / FILE, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    running = asyncio.create_task(home.eraser(view).run())
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await view.told.wait()
        assert home.erased(due) == [False]
        holding.execute("ROLLBACK")
        async with asyncio.timeout(10):
            await view.told.wait()
        assert home.erased(due) == [True]
    finally:
        holding.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_shard_that_is_not_folded_to_its_end_erases_nobody(home: Home) -> None:
    due, eraser_ran = home.patient(OVER), asyncio.Event()
    view = Followed([due], OVER)
    view.ready = False
    eraser = home.eraser(view)
    forget = eraser.forget_entries

    async def ran() -> None:
        await forget()
        eraser_ran.set()

    eraser.forget_entries = ran  # type: ignore[method-assign]
    running = asyncio.create_task(eraser.run())
    async with asyncio.timeout(10):
        await eraser_ran.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert home.erased(due) == [False]


async def test_links_go_with_the_key(home: Home) -> None:
    due, other = home.patient(OVER), home.patient(None)
    links = [home.links.link("occitanie", each.id, "1-0900", home.now + DAY_MS, home.now, 0) for each in (due, other)]
    await home.eraser(Followed([due, other], OVER)).erase()
    assert [home.links.open(link, home.now) is None for link in links] == [True, False]


async def test_many_go_in_turns_the_longest_due_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.erasing.MOST_AT_ONCE", 2)
    patients = [home.patient(OVER - place) for place in range(5)]
    view = Followed(patients, OVER)
    eraser = home.eraser(view)
    assert [await eraser.erase() for _ in range(4)] == [2, 2, 1, 0]
    assert [event.patient for event in view.log if isinstance(event, PatientErased)] == [
        patient.id for patient in reversed(patients)
    ]
    assert MOST_AT_ONCE == 500


async def test_a_key_whose_patient_never_came_is_destroyed_and_no_other(home: Home) -> None:
    """An enrolment that was refused, or killed before it was on the log: nothing in any fold would erase its key."""
    here, there, elsewhere = pseudonym(), pseudonym(), pseudonym()
    since, shard = home.now, Followed.shard
    keys = [
        home.keys.create(here, None, Awaited(shard, since)),
        home.keys.create(there, Traits("Canary", "Zoé", date(1951, 2, 28)), Awaited(shard, since)),
        home.keys.create(elsewhere, None, Awaited("followup:occitanie:1", since)),
        home.keys.create(pseudonym()),
    ]
    view = Followed([replace(PATIENT, id=here, key=keys[0], erase_at=None)], since)
    eraser = home.eraser(view)
    assert await eraser.give_up_lost() == 0
    assert set(home.keys.awaited(shard)) == {keys[1]}  # who is there is expected no more
    home.now += LOST_AFTER_MS
    view.clock = since + LOST_AFTER_MS - 1
    assert await eraser.give_up_lost() == 0  # by the shard's clock it may be on its way
    view.clock += 1
    home.now += DAY_MS
    assert await eraser.give_up_lost() == 0  # whoever made the key may have had a clock that is far behind
    home.now += SEEN_LOST_MS
    assert await eraser.give_up_lost() == 1
    assert [isinstance(home.keys.look(each), Erased) for each in keys] == [False, True, False, False]
    assert home.keys.similar(Traits("Canary", "Zoé", date(1951, 2, 28))) == []


async def test_a_shard_that_is_not_folded_to_its_end_gives_nobody_up(home: Home) -> None:
    key = home.keys.create(pseudonym(), None, Awaited(Followed.shard, home.now))
    view = Followed([], home.now + 2 * LOST_AFTER_MS)
    view.ready = False
    eraser = home.eraser(view)
    for _ in range(3):
        assert await eraser.give_up_lost() == 0
        home.now += LOST_AFTER_MS
    assert not isinstance(home.keys.look(key), Erased)


async def test_what_the_trail_keeps_of_an_erased_patient_is_forgotten_years_after_and_once_a_night(home: Home) -> None:
    gone, kept = home.patient(OVER), home.patient(None)
    at = home.now
    for patient in (gone, kept):
        home.trail.write(Entry(at, "martin", "physician@occitanie", Act.READ, patient.id, "patient"))
    eraser = home.eraser(Followed([gone, kept], OVER))
    await eraser.erase()
    seen: Callable[[], list[str]] = lambda: [each.entry.file for each in home.trail.of_person("martin")]  # noqa: E731
    home.now = at + KEPT_MS - DAY_MS
    await eraser.forget_entries()
    assert seen() == [kept.id, gone.id]
    home.now = at + KEPT_MS + DAY_MS
    await eraser.forget_entries()
    assert seen() == [kept.id]
    assert not home.trail.check().faults


async def test_only_one_shard_of_a_region_forgets(home: Home) -> None:
    view = Followed([], OVER)
    view.shard = "followup:occitanie:3"
    home.trail.write(Entry(home.now, "martin", "physician@occitanie", Act.READ, pseudonym(), "patient"))
    home.now += KEPT_MS + DAY_MS
    await home.eraser(view).forget_entries()
    assert len(home.trail.newest()) == 1
