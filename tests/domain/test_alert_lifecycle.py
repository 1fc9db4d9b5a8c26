"""The table of an alert's life, walked whole; its page; and the book that drives it, as any fold may."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.evaluate import NEVER, Book
from domain.alerts.lifecycle import NEXT, Alert, Happening, Status, What, drawing
from domain.alerts.measures import beyond, left, level_of
from domain.alerts.rule import SEVERITIES, Level, Ruleset
from domain.alerts.wording import Names
from domain.events import AlertActed
from domain.places import Words
from tests.alert_rules import acted, rule

SUBJECT = "shard/capacity:ici"
LAG = rule(
    "lag",
    "position_lag",
    "shard",
    Level("warning", above=10, clear_below=5),
    Level("critical", above=60, clear_below=30),
    concern="system",
    hold_s=10,
    taken_s=100,
)
AT = 1_000_000


def book(**more: Any) -> Book:
    """Return a book with nothing in it."""
    return Book({}, Ruleset((LAG,)), Names(code="ici"), **more)


def in_status(status: Status | None, value: float = 20) -> Book:
    """Return a book whose alert, if any, has come to be in a status."""
    made = book()
    if status is None:
        return made
    made.judge(LAG, SUBJECT, value, AT)
    if status != "pending":
        made.run(AT + 10_000)
        id_ = the(made).id
        if status != "firing":
            made.act(acted("a", id_, "take" if status == "acknowledged" else "resolve", at=0), AT + 11_000)
    assert the(made).status == status
    return made


def the(made: Book) -> Alert:
    """Return the alert of a book, which has one."""
    alert = made.get(f"lag|{SUBJECT}")
    assert alert is not None
    return alert


def happen(made: Book, happening: Happening, at: int) -> None:
    """Have something happen by way of what a fold calls for it."""
    alert = made.get(f"lag|{SUBJECT}")
    match happening:
        case "begins":
            if alert is not None and alert.stands:
                made.judge(LAG, SUBJECT, 0, at)  # its condition ends first: what stands does not begin
            made.judge(LAG, SUBJECT, 20, at)
        case "held":
            made.run(AT + 10_000)
        case "worsens" | "eases" if alert is None:
            made.judge(LAG, SUBJECT, 0, at)  # of nothing, nothing
        case "worsens":
            made.judge(LAG, SUBJECT, 61, at)
        case "eases":
            made.judge(LAG, SUBJECT, 20, at)
        case "ends":
            made.judge(LAG, SUBJECT, 0, at)
        case "unknown":
            made.judge(LAG, SUBJECT, None, at)
        case "gone":
            made.end_gone(at, lambda rule, subject: False)
        case "expires":
            made.run(AT + 111_000 if alert is not None and alert.taken_by else AT + 5_000)
        case "forgotten":
            if alert is not None and alert.stands:
                made.judge(LAG, SUBJECT, 0, at)
            made.forget(at + 25 * 3_600_000)
        case _:
            event = AlertActed(id="x", received_at=at, alert=alert.id if alert else "", act=happening)
            more: dict[str, Any] = {"to": "paul", "text": "vu", "outcome": "acted"}
            made.act(acted(event.id, event.alert, happening, at=at, by="anne", **more), at)


STATUSES: tuple[Status | None, ...] = (None, *get_args(Status))


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("happening", get_args(Happening))
def test_everything_that_may_happen_leads_to_what_the_table_says_and_to_nothing_else(
    status: Status | None, happening: Happening
) -> None:
    made = in_status(status, 61 if happening == "eases" else 20)
    before, told = made.get(f"lag|{SUBJECT}"), len(made.steps)
    happen(made, happening, AT + 12_000)
    after, steps = made.get(f"lag|{SUBJECT}"), [step.what for step in made.steps[told:]]
    then = NEXT.get((status, happening))
    if then is None:
        assert (after, steps) == (before, [])
    else:
        assert (after.status if after else None) == then.status
        assert steps == ([then.what] if then.what else [])
        assert happening == "unknown" or after != before


def test_every_row_of_the_table_can_be_reached_and_tells_of_what_there_is() -> None:
    assert {status for status, _ in NEXT} == set(STATUSES)
    assert {happening for _, happening in NEXT} == set(get_args(Happening))
    of_patients = {"replanned"}  # of their own table: no rule's alert has a plan
    assert {then.what for then in NEXT.values()} == {None, *get_args(What)} - of_patients
    assert {then.status for then in NEXT.values()} == set(STATUSES)


def test_the_page_in_the_docs_is_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "alert-lifecycle.md"
    assert page.read_text() == drawing(), "python -m domain.alerts.lifecycle > docs/alert-lifecycle.md"


def test_an_alerts_id_is_that_of_its_episode() -> None:
    made = in_status("firing")
    first = the(made).id
    assert len(first) == 13
    assert first == the(in_status("acknowledged")).id
    made.judge(LAG, SUBJECT, 0, AT + 20_000)
    made.judge(LAG, SUBJECT, 20, AT + 30_000)
    assert the(made).id != first
    over = made.find(first)
    assert over is not None
    assert (over.status, over.why) == ("resolved", "cleared")
    assert {key for key, _ in made.items()} == {f"lag|{SUBJECT}", first}


def test_a_pending_alert_fires_with_the_value_last_judged_where_nobody_measures_then() -> None:
    made = book()
    made.judge(LAG, SUBJECT, 20, AT)
    made.judge(LAG, SUBJECT, 25, AT + 5_000)
    assert made.next_due == AT + 10_000
    made.run(AT + 60_000)
    (step,) = made.steps
    assert (step.at, step.alert.value, step.alert.since) == (AT + 10_000, 25, AT), "at its own instant"
    assert made.next_due == NEVER


def test_timers_run_in_order_and_no_more_than_asked_for() -> None:
    made = book()
    for n in range(5):
        made.judge(LAG, f"shard/s{n}", 20, AT - n * 1000)
    made.run(AT + 20_000, made.size + 1)
    assert [step.at - AT for step in made.steps] == [6_000]
    assert made.next_due == AT + 7_000
    made.run(AT + 8_000)
    assert [step.at - AT for step in made.steps] == [6_000, 7_000, 8_000]
    assert made.next_due == AT + 9_000
    made.run(made.next_due)
    assert [step.at - AT for step in made.steps][3:] == [9_000]


@pytest.mark.parametrize("length", [1, 2000])
def test_the_size_of_changes_and_steps_is_about_what_they_take(length: int) -> None:
    words = Words(fr="é" * length, en="é" * length)
    wordy = msgspec.structs.replace(LAG, title=words, text=words, todo=words, hold_s=0)
    made = Book({}, Ruleset((wordy,)), Names(code="ici"))
    made.judge(wordy, SUBJECT, 20, AT)
    packed = sum(len(msgspec.msgpack.encode(each)) for each in (the(made), *made.steps))
    assert packed <= made.size <= packed + 1200


def test_what_is_gone_ends_in_as_many_turns_as_it_takes() -> None:
    made = book()
    for n in range(4):
        made.judge(LAG, f"shard/s{n}", 20, AT)
    assert not made.end_gone(AT, lambda rule, subject: False, most=made.size + 1)
    assert made.end_gone(AT, lambda rule, subject: subject == "shard/s0")
    assert made.end_gone(AT, lambda rule, subject: False)
    assert list(made.items()) == []


@pytest.mark.parametrize(
    ("act", "more", "reason"),
    [
        ("comment", {"text": "  "}, "text: nothing is said"),
        ("comment", {"text": "x" * 2001}, "text: at most 2000 characters"),
        ("hand_over", {}, "not taken"),
        ("resolve", {"outcome": "bad"}, "outcome: 'bad' is not one of acted, no_action_needed, wrong"),
    ],
)
def test_an_act_that_lacks_something_is_refused(act: Any, more: dict[str, Any], reason: str) -> None:
    made = in_status("firing")
    before = the(made)
    assert made.act(acted("x", before.id, act, at=AT, **more), AT + 12_000) == ("refused", reason)
    assert the(made) == before


def test_an_act_of_nobody_is_refused() -> None:
    made = in_status("firing")
    nobody = AlertActed(id="x", received_at=AT, alert=the(made).id, act="take")
    assert made.act(nobody, AT) == ("refused", "nobody did it")


def test_an_alert_whose_rule_is_no_more_can_still_be_acted_on_and_never_expires() -> None:
    made = in_status("firing")
    made.publish(None)
    made.act(acted("x", the(made).id, "take", at=AT), AT + 12_000)
    made.run(AT + 10_000_000)
    assert the(made).status == "acknowledged"


LEVELS = (Level("info", above=1), Level("warning", above=3, clear_below=2), Level("critical", above=5, clear_below=3))
BELOW = (Level("info", below=5, clear_above=6), Level("critical", below=2, clear_above=4))


@given(st.lists(st.integers(0, 14).map(lambda half: half / 2), max_size=12), st.sampled_from([LEVELS, BELOW]))
def test_a_level_is_at_least_what_is_beyond_and_the_same_value_again_changes_nothing(
    values: list[float], levels: tuple[Level, ...]
) -> None:
    held = None
    for value in values:
        before, held = held, level_of(levels, held, value)
        assert held == level_of(levels, held, value)
        highest = max((n for n, level in enumerate(levels) if beyond(level, value)), default=-1)
        assert (-1 if held is None else held) >= highest
        if held is not None and held > highest:
            assert before is not None
            assert held <= before, "it rises by thresholds alone"
            assert not left(levels[held], value)


@given(st.lists(st.tuples(st.sampled_from([None, 0.0, 4.0, 7.0, 20.0, 40.0, 70.0]), st.integers(0, 40)), max_size=20))
def test_of_any_values_steps_tell_a_life_that_the_table_knows(values: list[tuple[float | None, int]]) -> None:
    made, now = book(), AT
    for value, gap in values:
        now += gap * 1000
        while made.next_due <= now:
            made.run(made.next_due)
        made.judge(LAG, SUBJECT, value, now)
        made.judge(LAG, SUBJECT, value, now)  # changes nothing
        alert = made.get(f"lag|{SUBJECT}")
        if alert is not None and alert.status == "firing" and gap % 3 == 0:
            made.act(acted("a", alert.id, "take", at=now), now)
    by_id: dict[str, list[str]] = {}
    for step in made.steps:
        by_id.setdefault(step.alert.id, []).append(step.what)
        assert step.alert.status in ("firing", "acknowledged", "resolved")
        assert step.alert.severity in SEVERITIES
    for whats in by_id.values():
        assert whats[0] == "fired"
        assert whats.count("fired") == 1
        assert "resolved" not in whats[:-1]
    assert [step.at for step in made.steps] == sorted(step.at for step in made.steps)
