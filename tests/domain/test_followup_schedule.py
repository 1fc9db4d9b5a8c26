"""Slots at the patient's own local times: over both changes of the clocks none is asked twice or forgotten."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.alerts import zone
from config.pathways import load
from domain.alerts.routing import Zone
from domain.followup.pathway import NoAnswer, Slots
from domain.followup.schedule import between, in_risk, instant, no_answer, open_at, slots, steps

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
SHIPPED = {pathway.id: pathway for pathway in load(OCCITANIE)}
COVID = SHIPPED["medical-covid"]
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
NAMES = ("Europe/Paris", "Indian/Reunion", "America/Martinique", "America/Miquelon", "Pacific/Chatham", "Africa/Cairo")
AT = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000)
ZONES = {name: zone(name, AT) for name in NAMES}
PARIS = ZONES["Europe/Paris"]


def day_of(told: str) -> int:
    """Return a date as days since 1970."""
    return (date.fromisoformat(told) - date(1970, 1, 1)).days


def local(at: int, name: str = "Europe/Paris") -> str:
    """Return an instant as a wall clock shows it."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo(name)).strftime("%Y-%m-%d %H:%M")


def at_minute(told: str, minute: int) -> int:
    """Return the local milliseconds of a minute of a day."""
    return day_of(told) * DAY_MS + minute * 60_000


def test_the_slots_are_at_nine_by_the_patients_own_clocks_on_both_sides_of_each_change() -> None:
    for first in ("2026-03-24", "2026-10-20"):
        dues = slots(COVID, day_of(first), PARIS)
        assert [due.day for due in dues] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14]
        begin = date.fromisoformat(first)
        assert [local(due.due_at) for due in dues] == [f"{begin + timedelta(days=due.day - 1)} 09:00" for due in dues]
        assert len({due.due_at % DAY_MS for due in dues}) == 2


def test_a_time_that_comes_twice_is_its_first_and_one_that_never_comes_is_when_the_clocks_change() -> None:
    twice = instant(PARIS, at_minute("2026-10-25", 150))
    assert datetime.fromtimestamp(twice / 1000, UTC).isoformat() == "2026-10-25T00:30:00+00:00"
    never = instant(PARIS, at_minute("2026-03-29", 150))
    assert local(never) == "2026-03-29 03:00"
    assert never == instant(PARIS, at_minute("2026-03-29", 120)) == instant(PARIS, at_minute("2026-03-29", 180))


@given(st.sampled_from(NAMES), st.integers(day_of("2025-01-02"), day_of("2036-12-30")), st.integers(0, 1439))
def test_an_instant_shows_its_local_time_wherever_that_exists(name: str, day: int, minute: int) -> None:
    wanted = datetime(1970, 1, 1) + timedelta(days=day, minutes=minute)  # noqa: DTZ001 - a wall clock has no zone
    there = ZoneInfo(name)
    at = instant(ZONES[name], day * DAY_MS + minute * 60_000)
    shown = datetime.fromtimestamp(at / 1000, there)
    if wanted.replace(tzinfo=there).astimezone(UTC).astimezone(there).replace(tzinfo=None) == wanted:
        assert shown.replace(tzinfo=None) == wanted
        assert shown.fold == 0
    else:
        assert wanted < shown.replace(tzinfo=None) < wanted + timedelta(hours=2)


@given(
    st.sampled_from(NAMES),
    st.integers(day_of("2025-02-01"), day_of("2036-11-01")),
    st.lists(st.integers(0, 1439), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_no_slot_is_twice_or_forgotten_and_their_order_stays(name: str, first: int, times: list[int]) -> None:
    days = tuple(range(1, 15))
    pathway = msgspec.structs.replace(COVID, slots=Slots(days, tuple(times)))
    dues = slots(pathway, first, ZONES[name])
    assert len({due.slot for due in dues}) == len(dues) == len(days) * len(times)
    assert [due.due_at for due in dues] == sorted(due.due_at for due in dues)
    for due in dues:
        assert [step.at for step in steps(due)] == sorted({step.at for step in steps(due)})


@given(
    st.sampled_from(["2026-03-24", "2026-10-20", "2026-06-01"]).map(day_of),
    st.lists(st.integers(-12, 24 * 16), max_size=8),
    st.dictionaries(st.integers(0, 10), st.integers(-2, 13)),
)
def test_each_step_is_taken_once_whenever_time_is_looked_at(
    first: int, looked: list[int], answered: dict[int, int]
) -> None:
    dues = slots(COVID, first, PARIS)
    answered_at = {dues[place].slot: dues[place].due_at + hours * HOUR_MS for place, hours in answered.items()}
    begin, end = dues[0].due_at - DAY_MS, dues[-1].closes_at + DAY_MS
    looks = [begin, *sorted(begin + hours * HOUR_MS for hours in looked), end]
    parts = [between(dues, answered_at, since, until) for since, until in pairwise(looks)]
    whole = between(dues, answered_at, begin, end)
    assert [step for part in parts for step in part] == whole
    for due in dues:
        told = [step for step in whole if step.slot == due.slot]
        until = answered_at.get(due.slot, end)
        assert told == [step for step in steps(due) if step.at < until]
        assert len({step.step for step in told}) == len(told)


def test_an_answer_ends_its_reminders_and_no_answer_is_a_step() -> None:
    due = slots(COVID, day_of("2026-06-01"), PARIS)[0]
    every = ["due", "remind", "remind_again", "no_answer"]
    end = due.closes_at
    assert [step.step for step in between([due], {}, 0, end)] == every
    assert [step.step for step in between([due], {due.slot: due.due_at + 1}, 0, end)] == ["due"]
    assert between([due], {due.slot: due.opens_at}, 0, end) == []


def test_one_slot_is_open_at_a_time() -> None:
    for pathway in SHIPPED.values():
        for first in ("2026-03-24", "2026-10-20"):
            dues = slots(pathway, day_of(first), PARIS)
            for before, after in pairwise(dues):
                assert before.closes_at <= after.opens_at
            assert open_at(dues, dues[0].due_at) == dues[0]
            assert open_at(dues, dues[0].opens_at - 1) is None
            assert open_at(dues, dues[-1].closes_at) is None


def test_no_answer_is_orange_and_red_after_a_bad_one_or_on_the_days_of_risk() -> None:
    begun = day_of("2026-06-01")
    dues = slots(COVID, begun, PARIS)
    late = begun + 1 - 20  # the first symptoms were long ago
    assert no_answer(COVID.no_answer, "green", dues[0], late) == "orange"
    assert no_answer(COVID.no_answer, None, dues[0], late) == "orange"
    assert no_answer(COVID.no_answer, "orange", dues[0], late) == "red"
    assert no_answer(COVID.no_answer, "red", dues[0], late) == "red"
    assert no_answer(COVID.no_answer, "green", dues[0], begun - 6) == "red"


def test_the_days_of_risk_are_those_of_the_symptoms_and_the_safe_side_where_they_are_unknown() -> None:
    begun = day_of("2026-06-01")
    dues = slots(COVID, begun, PARIS)
    assert [due.day for due in dues if in_risk(COVID.no_answer, due, begun)] == [6, 7, 8, 10, 12]
    assert [due.day for due in dues if in_risk(COVID.no_answer, due, begun - 4)] == [2, 3, 4, 5, 6, 7, 8]
    assert [due.day for due in dues if in_risk(COVID.no_answer, due, None)] == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12]
    assert not in_risk(NoAnswer("orange"), dues[0], begun)
    since_start = NoAnswer("orange", risk_days=(1, 3), since="start")
    assert [due.day for due in dues if in_risk(since_start, due, None)] == [1, 2, 3]


@pytest.mark.parametrize("name", ["Europe/Paris", "Pacific/Chatham"])
def test_a_zone_of_one_offset_or_none_is_one(name: str) -> None:
    assert instant(Zone(name, ()), 5) == 5
    assert instant(Zone(name, ((0, 3600),)), 3_600_000) == 0
