"""Local time as data, and who is on call: windows past midnight and on days when the clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.escalation import pause_ms, walk
from domain.alerts.matching import MINUTE_MS, end_of, group_id, matches, within
from domain.alerts.notice import Override
from domain.alerts.oncall import on_duty
from domain.alerts.routing import ChainStep, OnCall, Shift, Window, Zone
from tests.small_notices import PARIS, chain

ZONE = ZoneInfo("Europe/Paris")
SPRING, AUTUMN = 1_711_846_800_000, 1_729_990_800_000  # 2024-03-31 and 2024-10-27, 1:00 UTC


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    """Return an instant by the clocks of Paris."""
    return round(datetime(year, month, day, hour, minute, tzinfo=ZONE).timestamp() * 1000)


INSTANTS = st.one_of(
    st.integers(1_700_000_000_000, 1_735_000_000_000),
    st.sampled_from([SPRING, AUTUMN]).flatmap(lambda edge: st.integers(edge - 86_400_000, edge + 86_400_000)),
)
WINDOWS = st.builds(
    Window,
    st.integers(0, 1_439),
    st.integers(0, 1_440),
    st.lists(st.integers(1, 7), unique=True, max_size=6).map(tuple),
)


@given(WINDOWS, INSTANTS)
def test_a_window_holds_by_the_clocks_of_its_place(window: Window, instant: int) -> None:
    local = datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZONE)
    minute, today = local.hour * 60 + local.minute, local.isoweekday()
    yesterday = (today - 2) % 7 + 1
    if window.end > window.start:
        began = today if window.start <= minute < window.end else None
    else:
        began = today if minute >= window.start else yesterday if minute < window.end else None
    expected = began is not None and (not window.days or began in window.days)
    assert within(window, PARIS, instant) == expected


@given(WINDOWS, INSTANTS)
def test_the_end_of_a_window_is_later_and_outside_of_it(window: Window, instant: int) -> None:
    if not within(window, PARIS, instant):
        assert end_of(window, PARIS, instant) == instant
        return
    end = end_of(window, PARIS, instant)
    assert instant < end <= instant + 26 * 60 * MINUTE_MS
    whole_week = window.start == window.end % 1_440 and len(window.days) != 1
    next_day_begins = window.start == 0 and window.end == 1_440
    skipped = end in dict(PARIS.offsets)  # the clocks may leave out all that is between two nights
    assert not within(window, PARIS, end) or whole_week or next_day_begins or skipped


def test_a_night_ends_at_seven_whatever_the_clocks_do_meanwhile() -> None:
    night = Window(start=22 * 60, end=7 * 60)
    assert end_of(night, PARIS, at(2024, 3, 30, 23)) == at(2024, 3, 31, 7)
    assert end_of(night, PARIS, at(2024, 10, 26, 23)) == at(2024, 10, 27, 7)
    assert end_of(night, PARIS, at(2024, 6, 1, 3)) == at(2024, 6, 1, 7)


def test_days_are_those_on_which_a_window_begins() -> None:
    friday_night = Window(start=22 * 60, end=7 * 60, days=(5,))
    assert within(friday_night, PARIS, at(2024, 6, 7, 23))
    assert within(friday_night, PARIS, at(2024, 6, 8, 6))
    assert not within(friday_night, PARIS, at(2024, 6, 7, 6))
    assert not within(friday_night, PARIS, at(2024, 6, 8, 23))


def test_a_zone_that_never_changes_is_that_everywhere() -> None:
    assert within(Window(60, 120), Zone(name="+1", offsets=((0, 3_600),)), 30 * MINUTE_MS)


def test_every_label_that_is_named_must_have_one_of_its_values() -> None:
    assert matches({}, {})
    assert matches({"a": ("1", "2"), "b": ("3",)}, {"a": "2", "b": "3", "c": "4"})
    assert not matches({"a": ("1",), "b": ("3",)}, {"a": "1"})
    assert matches({"b": ("",)}, {"a": "1"}), "a label that is not there is empty"


def test_a_group_is_the_same_whatever_the_order_of_its_labels() -> None:
    assert group_id("r", {"a": "1", "b": "2"}) == group_id("r", {"b": "2", "a": "1"})
    assert group_id("r", {"a": "1b"}) != group_id("r", {"a": "1", "b": ""})


# -- on call


def test_who_is_on_call_and_until_when() -> None:
    calendar = OnCall(shifts=(Shift("anne", 0, 100), Shift("paul", 100, 200)), read_at=0)
    rose = Override(id="o", schedule="medical", person="rose", since=50, until=150, author="boss")
    other = Override(id="p", schedule="nursing", person="leon", since=0, until=500, author="boss")

    def duty(instant: int) -> tuple[str | None, int | None]:
        return on_duty("medical", calendar, [rose, other], instant)[:2]

    assert [duty(instant) for instant in (0, 49, 50, 149, 150, 199, 200)] == [
        ("anne", 50),
        ("anne", 50),
        ("rose", 100),
        ("rose", 150),
        ("paul", 200),
        ("paul", 200),
        (None, None),
    ]
    assert on_duty("none", None, [], 5) == (None, None, None)


def test_of_two_who_stand_in_the_one_who_began_last_is_on_call() -> None:
    both = [
        Override(id="a", schedule="s", person="anne", since=0, until=100, author="boss"),
        Override(id="b", schedule="s", person="paul", since=10, until=50, author="boss"),
    ]
    assert [on_duty("s", None, order, 20).person for order in (both, both[::-1])] == ["paul", "paul"]


# -- chains


def test_a_chain_is_walked_step_by_step() -> None:
    told: list[str | None] = []

    def tell(step: ChainStep) -> bool:
        told.append(step.person)
        return step.person != "away"

    steps = (ChainStep(person="away"), ChainStep(wait_s=60), ChainStep(person="a"), ChainStep(wait_s=30))
    stand = walk(chain(*steps), 0, 0, tell)
    assert (stand.position, stand.wait_ms, told) == (4, 30_000, ["away", "a"]), "it waits for nobody in vain"
    assert walk(chain(*steps), 4, 0, tell) == (4, 0, 30_000, False)
    assert pause_ms(chain(*steps)) == 300_000
