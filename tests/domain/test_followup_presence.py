"""Who is there to read: what a patient is told of it says the same as what decides whom an alert tells."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.alerts.matching import within
from domain.alerts.routing import Window, Zone
from domain.followup.pathway import Outside, Pathway
from domain.followup.presence import Span, is_there, presence, says_15
from tests.small_followup import pathway

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
PARIS = Zone(name="Europe/Paris", offsets=((0, 3600), (1_711_846_800_000, 7200), (1_729_990_800_000, 3600)))
NIGHT = 1_732_044_600_000  # 19 November 2024, 20:30 in Paris
WINDOWS = st.builds(
    Window,
    start=st.integers(0, 1439),
    end=st.integers(1, 1440),
    days=st.lists(st.integers(1, 7), max_size=3, unique=True).map(tuple),
)


def staffed(*windows: Window, **outside: Outside) -> Pathway:
    """Return a pathway with these hours."""
    return replace(pathway(), staffed=windows, outside=outside)


def test_at_half_past_eight_in_the_evening_nobody_is_there_until_eight() -> None:
    told = pathway()
    assert not is_there(told, PARIS, NIGHT)
    assert presence(told, PARIS, NIGHT)[0].since == NIGHT + 11 * HOUR + 30 * MINUTE
    assert is_there(told, PARIS, NIGHT + 12 * HOUR)


@given(st.lists(WINDOWS, max_size=3), st.integers(1_700_000_000_000, 1_705_000_000_000), st.integers(0, 8 * DAY))
def test_spans_hold_the_instants_at_which_somebody_is_there_and_no_other(
    windows: list[Window], at: int, later: int
) -> None:
    told, then = staffed(*windows), at + later
    held = any(span.since <= then < span.until for span in presence(told, PARIS, at))
    assert held == any(within(window, PARIS, then) for window in windows)


@given(st.lists(WINDOWS, max_size=3), st.integers(1_700_000_000_000, 1_800_000_000_000))
def test_spans_are_in_order_and_apart_and_none_is_over(windows: list[Window], at: int) -> None:
    found = presence(staffed(*windows), PARIS, at)
    assert all(span.since < span.until and span.until > at for span in found)
    assert all(one.until < next_.since for one, next_ in pairwise(found))


def test_hours_stay_those_of_the_patients_clock_when_clocks_change() -> None:
    for change in (1_711_846_800_000, 1_729_990_800_000):
        for span in presence(staffed(Window(480, 1200)), PARIS, change - DAY):
            offset = next(offset for since, offset in reversed(PARIS.offsets) if since <= span.since)
            assert (span.since // 1000 + offset) % 86_400 == 8 * 3600
            assert span.until - span.since == 12 * HOUR


def test_whoever_is_on_call_for_a_red_is_there_at_any_hour() -> None:
    told = staffed(Window(480, 1200), red=Outside(on_call="geriatrie"))
    assert is_there(told, PARIS, NIGHT)
    assert presence(told, PARIS, NIGHT) == [Span(NIGHT - DAY, NIGHT + 9 * DAY)]


@pytest.mark.parametrize(
    ("colour", "at", "says"),
    [
        ("red", NIGHT, True),
        ("red", NIGHT - 9 * HOUR, True),
        ("orange", NIGHT, True),
        ("orange", NIGHT - 9 * HOUR, False),
        ("yellow", NIGHT, False),
        ("green", NIGHT, False),
    ],
)
def test_red_says_15_and_so_does_what_only_the_15_is_there_for(colour: str, at: int, says: bool) -> None:
    told = staffed(Window(480, 1200), red=Outside(call_15=True), orange=Outside(call_15=True))
    assert says_15(told, PARIS, colour, at) == says  # type: ignore[arg-type]
