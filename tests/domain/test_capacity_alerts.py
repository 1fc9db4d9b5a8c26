"""Alerts of a capacity shard: what must hold however the log is cut and loaded again; and timelines as they happen."""

import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.rule import Level, Ruleset
from domain.capacity.fold import MOST_ALERT_BYTES, CapacityState, Item, fold
from domain.errors import Unreadable
from domain.events import (
    AVAILABLE,
    CLOSED,
    INSTALLED,
    OCCUPIED,
    BedsReported,
    Event,
    Source,
    Split,
    Tick,
)
from domain.places import Freshness, Ward
from live_state import capacity
from live_state.commands import bytes_of
from live_state.state import Command, Position
from tests.alert_rules import CROWDED, EVERY_MEASURE, LAX, acted, rule, rules_published
from tests.small_region import DAY, HOUR, MINUTE, START, WARDS, items, opening, published, region, report

REA, ALBI_REA, MEDECINE = WARDS[0], WARDS[4], WARDS[1]
SECOND = 1000
ZERO = START - START % SECOND + SECOND  # a whole second: what is told at it is judged a second later

RULESETS = (
    Ruleset(EVERY_MEASURE),
    Ruleset((CROWDED, LAX)),
    Ruleset((LAX, *EVERY_MEASURE[2:5]), version=2),
    Ruleset((rule("lax", "occupancy", "departement", Level("info", above=0.2), Level("warning", above=0.8)),)),
    Ruleset(()),
)


class Stored:
    """What a live state would hold of a shard: hashes, and the outbox that nobody empties."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, bytes]] = {}

    def take(self, commands: Sequence[Command]) -> None:
        """Do what a commit would."""
        for name, key, *rest in commands:
            held = self.hashes.setdefault(str(key), {})
            if name == "HSET":
                held |= {str(field): bytes_of(value) for field, value in zip(rest[::2], rest[1::2], strict=True)}
            elif name == "HDEL":
                for field in rest:
                    held.pop(str(field), None)
            elif name == "DEL":
                held.clear()

    def load(self, offset: int) -> CapacityState:
        """Return the state that is loaded from it."""
        return capacity.load(Position("e1", offset, 2), {name: dict(held) for name, held in self.hashes.items()})


class Run:
    """A shard that is folded record by record, loaded anew whenever it is told to."""

    def __init__(self, first: Sequence[Event] = ()) -> None:
        self.items: list[Item] = []
        self.state, self.stored = CapacityState(), Stored()
        self.steps: list[tuple[int, int, Step]] = []
        self.more([*opening(), *first])

    def more(self, events: Sequence[Event | Unreadable]) -> list[Step]:
        """Return the steps that these events lead to, folded in one go."""
        items = [Item(len(self.items) + place, event) for place, event in enumerate(events)]
        self.items += items
        return self.fold(items)

    def fold(self, items: list[Item]) -> list[Step]:
        before = len(self.steps)
        while items:
            draft = fold(self.state, items)
            self.stored.take(capacity.writes(draft, rebuilding=False))
            self.steps += draft.steps
            self.state.absorb(draft)
            items = [item for item in items if item.offset > draft.offset]
        return [step for _, _, step in self.steps[before:]]

    def reload(self) -> None:
        self.state = self.stored.load(self.state.offset)

    def tick(self, at: int) -> list[Step]:
        """Return the steps of the time until then."""
        return self.more([Tick(id=f"tick-{len(self.items)}", received_at=at)])

    def alert(self, rule_id: str) -> Alert:
        """Return the alert of a rule that has only one."""
        (found,) = (alert for alert in self.state.alerts.values() if alert.rule == rule_id)
        return found


def seen(state: CapacityState) -> dict[str, object]:
    """Return all of a state that must not depend on cuts and loads."""
    fields = ("offset", "clock", "wards", "totals", "settings", "alerts", "sources", "dead_at", "first_offset_of")
    return {name: getattr(state, name) for name in fields}


GAPS = [0, 0, 1, 40, 499, 500, 1000, 1001, 1500, 3 * SECOND, 4 * MINUTE, 15 * MINUTE, HOUR, 13 * HOUR, 25 * HOUR]
WHATS = [*["report"] * 10, "tick", "tick", "act", "act", "act", "rules", "region", "unreadable"]
DRAWN = st.lists(st.tuples(st.sampled_from(GAPS), st.sampled_from(WHATS), st.integers(0, 999)), min_size=5, max_size=40)


def events_of(drawn: Sequence[tuple[int, str, int]]) -> list[Event | Unreadable]:
    """Return what was drawn as events: acts are on the alerts that are there by then."""
    run, now, made = Run([rules_published(RULESETS[0])]), START, list[Event | Unreadable]()
    for place, (gap, what, some) in enumerate(drawn):
        now += gap
        event = _event(f"id-{place}", now, what, some, run)
        made.append(event)
        run.more([event])
    return made


def _event(id_: str, now: int, what: str, some: int, run: Run) -> Event | Unreadable:
    alerts = sorted(run.state.alerts.values(), key=lambda alert: (alert.status == "resolved", alert.id))
    match what:
        case "tick":
            return Tick(id=id_, received_at=now)
        case "act" if alerts:
            alert = alerts[some % 3 % len(alerts)]
            act: Any = ("take", "take", "hand_over", "resolve", "comment")[some % 5]
            outcome = "acted" if some % 2 else None
            return acted(id_, alert.id, act, at=now, to="paul", outcome=outcome, text="vu")
        case "rules":
            return rules_published(RULESETS[some % len(RULESETS)], now, id_)
        case "region":
            freshness = Freshness(divided_by=3600.0 if some % 2 else 1.0)
            return published(region(freshness=freshness, wards=region().wards[: 1 + some % 6]), now, id_)
        case "unreadable":
            return Unreadable("not msgpack")
        case _:
            until = now + (some % 7 - 3) * 1200 if some % 3 == 0 else None
            status = (OCCUPIED, OCCUPIED, AVAILABLE, CLOSED, INSTALLED)[some % 5]
            count = (0, 1, 4, 8, 12, 19, 21, 30)[some % 8]
            return BedsReported(
                id=id_,
                received_at=now,
                happened_at=now - (0, 0, 0, 5 * MINUTE, HOUR)[some % 5 if some > 500 else 0],
                ward=(REA, ALBI_REA, MEDECINE)[some % 3],
                status=status,
                source=Source(("his", "ward-software", "anne")[some % 3], "api", "01" if some % 3 == 2 else "03"),
                splits=(Split(count, until=until if status == CLOSED else None),),
            )


@pytest.mark.parametrize("most", [1, MOST_ALERT_BYTES])
@settings(max_examples=60, deadline=None)
@given(DRAWN, st.data())
def test_alerts_and_steps_do_not_depend_on_how_the_log_was_cut_or_loaded_again(
    most: int, drawn: list[tuple[int, str, int]], data: st.DataObject
) -> None:
    """Nor where a record leads to more than one commit may hold, and the next one goes on with it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("domain.capacity.fold.MOST_ALERT_BYTES", most)
        cut_and_whole_agree([rules_published(RULESETS[0]), *events_of(drawn)], data)


def cut_and_whole_agree(run: list[Event | Unreadable], data: st.DataObject) -> None:
    whole = Run()
    whole.more(run)
    cut = Run()
    cuts = data.draw(st.lists(st.integers(0, len(run)), max_size=6).map(sorted))
    reloads = data.draw(st.sets(st.integers(0, 6)))
    for place, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(run)], strict=True)):
        cut.more(run[start:stop])
        if place in reloads:
            cut.reload()
    end = whole.state.clock + HOUR
    for each in (whole, cut):
        each.tick(end)
    assert cut.steps == whole.steps
    assert seen(cut.state) == seen(whole.state)
    loaded = cut.stored.load(cut.state.offset)
    assert seen(loaded) == seen(whole.state), "what is stored is what is held"
    assert set(cut.stored.hashes.get("outbox", ())) == {f"{offset:020}/{n}" for offset, n, _ in whole.steps}


# -- timelines: what is said at which second, with REA (20 beds) and ALBI_REA (8) all there is of adult intensive care


def occupied(n: int, at: int, ward: str = REA, id_: str = "", **more: Any) -> BedsReported:
    """Return a report of so many patients in a ward."""
    return report(id_ or f"{ward}-{at}-{n}", ward, OCCUPIED, n, at=at, **more)


def told(steps: Sequence[Step]) -> list[tuple[str, float]]:
    """Return what steps tell, and at which second."""
    return [(step.what, (step.at - ZERO) / SECOND) for step in steps]


def crowded_run(*rules: Any) -> Run:
    """Return a shard with rules in force, and nothing told yet."""
    return Run([rules_published(Ruleset(rules or (CROWDED,)), ZERO - SECOND)])


def fired_run() -> Run:
    """Return a shard whose *crowded* has fired, at 900 s."""
    run = crowded_run()
    run.more([occupied(19, ZERO)])
    assert told(run.tick(ZERO + 901 * SECOND)) == [("fired", 900)]
    return run


def test_a_condition_that_holds_for_as_long_as_the_rule_asks_fires_and_clears_below_its_own_edge() -> None:
    run = crowded_run()
    at_0 = run.more([occupied(19, ZERO), Tick(id="t", received_at=ZERO + 899_999)])
    assert at_0 == []
    assert run.alert("crowded").status == "pending"
    (fired,) = run.tick(ZERO + 900 * SECOND)
    assert (fired.what, fired.at, fired.alert.since, fired.alert.raised_at) == (
        "fired",
        ZERO + 900 * SECOND,
        ZERO,
        ZERO + 900 * SECOND,
    )
    assert fired.alert.text.fr == "rea-adulte à Haute-Garonne : 95\u00a0%"
    assert fired.alert.labels == {
        "rule": "crowded",
        "concern": "beds",
        "severity": "warning",
        "level": "departement",
        "region": "ici",
        "departement": "31",
        "bed_kind": "rea-adulte",
    }
    flapping = [occupied(n, ZERO + (910 + 10 * n) * SECOND) for n in (17, 18, 17, 18)]
    assert run.more(flapping) == [], "85 % is not below 85 %, and 90 % not beyond 90 %"
    (over,) = run.more([occupied(16, ZERO + 2000 * SECOND), Tick(id="t2", received_at=ZERO + 2001 * SECOND)])
    assert (over.what, over.at, over.alert.why) == ("resolved", ZERO + 2001 * SECOND, "cleared")


def test_a_condition_that_ends_before_its_time_tells_nobody() -> None:
    run = crowded_run()
    steps = run.more([occupied(19, ZERO), occupied(16, ZERO + 899 * SECOND)])
    assert steps + run.tick(ZERO + HOUR) == []
    assert run.state.alerts == {}


def test_it_is_judged_once_more_at_the_instant_at_which_it_would_fire() -> None:
    run = crowded_run()
    steps = run.more([occupied(19, ZERO + 400), occupied(16, ZERO + 899_900), Tick(id="t", received_at=ZERO + HOUR)])
    assert steps == []


def test_what_is_said_and_taken_back_within_a_second_was_never_so() -> None:
    run = crowded_run(CROWDED, rule("at-once", "occupancy", "ward", Level("info", above=0.9)))
    assert run.more([occupied(19, ZERO), occupied(10, ZERO + 900), Tick(id="t", received_at=ZERO + HOUR)]) == []


def test_severity_rises_at_once_and_falls_once_it_is_below_what_clears_it() -> None:
    run = fired_run()
    rises = run.more([occupied(21, ZERO + 1000 * SECOND), Tick(id="t", received_at=ZERO + 1001 * SECOND)])
    assert [(step.what, step.alert.severity, step.alert.threshold) for step in rises] == [("worsened", "critical", 1.0)]
    assert run.more([occupied(19, ZERO + 1010 * SECOND), Tick(id="t2", received_at=ZERO + 1011 * SECOND)]) == []
    assert run.alert("crowded").severity == "critical", "95 % is not below 95 %"
    eases = run.more([occupied(18, ZERO + 1020 * SECOND), Tick(id="t3", received_at=ZERO + 1021 * SECOND)])
    assert [(step.what, step.alert.severity, step.alert.threshold) for step in eases] == [("eased", "warning", 0.9)]
    assert (run.alert("crowded").severity, run.alert("crowded").labels["severity"]) == ("warning", "warning")


def test_who_takes_it_in_has_it_until_their_time_is_over_and_the_condition_holds() -> None:
    run = fired_run()
    id_ = run.alert("crowded").id
    taken = run.more([acted("a1", id_, "take", at=ZERO + 905 * SECOND)])
    assert [(step.what, step.by, step.alert.status) for step in taken] == [("taken", "anne", "acknowledged")]
    assert run.more([acted("a2", id_, "take", at=ZERO + 906 * SECOND, by="paul")]) == []
    assert run.state.said["a2"].reason == f"taken by anne at {ZERO + 905 * SECOND}"
    assert run.tick(ZERO + (905 + 7200) * SECOND - 1) == []
    (again,) = run.tick(ZERO + (905 + 7200) * SECOND)
    assert (again.what, again.alert.status, again.alert.reopened, again.alert.taken_by) == (
        "reopened",
        "firing",
        1,
        None,
    )
    assert run.more([acted("a3", id_, "take", at=ZERO + 3 * HOUR, by="paul")])[0].by == "paul"


def test_a_taking_in_that_is_over_when_the_condition_is_too_resolves() -> None:
    run = fired_run()
    run.more([acted("a1", run.alert("crowded").id, "take", at=ZERO + 1000 * SECOND)])
    end = ZERO + (1000 + 7200) * SECOND
    (over,) = run.more([occupied(10, end - 500), Tick(id="t", received_at=end)])
    assert (over.what, over.at, over.alert.taken_by) == ("resolved", end, "anne")


def test_it_is_opened_again_when_it_worsens_in_somebodys_hands() -> None:
    run = fired_run()
    run.more([acted("a1", run.alert("crowded").id, "take", at=ZERO + 905 * SECOND)])
    (again,) = run.more([occupied(21, ZERO + 1000 * SECOND), Tick(id="t", received_at=ZERO + 1001 * SECOND)])
    assert (again.what, again.alert.status, again.alert.severity) == ("reopened", "firing", "critical")


def test_it_is_handed_over_only_by_way_of_someone_who_has_it() -> None:
    run = fired_run()
    id_ = run.alert("crowded").id
    at = ZERO + 905 * SECOND
    run.more([acted("a1", id_, "hand_over", at=at, to="paul"), acted("a2", id_, "take", at=at)])
    (given,) = run.more([acted("a3", id_, "hand_over", at=at + 1, to="paul"), acted("a4", id_, "hand_over", at=at + 2)])
    assert (given.what, given.by, given.to, given.alert.taken_by) == ("handed_over", "anne", "paul", "paul")
    said = {id_: (said.outcome, said.reason) for id_, said in run.state.said.items()}
    assert (said["a1"], said["a4"]) == (("refused", "not taken"), ("refused", "to: nobody is named"))


def test_what_a_person_closed_stays_closed_until_the_condition_has_ended_once() -> None:
    run = fired_run()
    id_ = run.alert("crowded").id
    (over,) = run.more([acted("a1", id_, "resolve", at=ZERO + 905 * SECOND, outcome="no_action_needed")])
    assert (over.alert.why, over.alert.outcome, over.alert.resolved_at) == (
        "closed",
        "no_action_needed",
        ZERO + 905 * SECOND,
    )
    assert run.more([occupied(19, ZERO + HOUR), Tick(id="t1", received_at=ZERO + 2 * DAY)]) == []
    assert run.alert("crowded").id == id_, "it is kept for as long as its condition stands"
    ends_and_begins = [occupied(10, ZERO + 2 * DAY + HOUR), occupied(19, ZERO + 2 * DAY + 2 * HOUR)]
    (fired,) = run.more([*ends_and_begins, Tick(id="t2", received_at=ZERO + 2 * DAY + 3 * HOUR)])
    assert fired.what == "fired"
    assert fired.alert.id != id_


def test_what_a_person_closed_comes_again_when_the_severity_rises() -> None:
    run = fired_run()
    closed = run.alert("crowded").id
    run.more([acted("a1", closed, "resolve", at=ZERO + 905 * SECOND)])
    worse = run.more([occupied(21, ZERO + 1000 * SECOND), Tick(id="t", received_at=ZERO + 1901 * SECOND)])
    assert told(worse) == [("fired", 1900)]
    assert worse[0].alert.severity == "critical"
    assert {alert.status for alert in run.state.alerts.values()} == {"firing", "resolved"}
    (judged,) = run.more([acted("a2", closed, "resolve", at=ZERO + 2000 * SECOND, outcome="wrong")])
    assert (judged.what, judged.alert.id, judged.alert.outcome) == ("judged", closed, "wrong")
    assert run.state.alerts[closed].why == "closed"


def test_what_is_over_can_be_judged_for_a_day() -> None:
    run = fired_run()
    id_ = run.alert("crowded").id
    run.more([occupied(10, ZERO + 1000 * SECOND), Tick(id="t", received_at=ZERO + 1001 * SECOND)])
    late = ZERO + 23 * HOUR
    (judged,) = run.more(
        [acted("a1", id_, "resolve", at=late), acted("a2", id_, "resolve", at=late + 1, outcome="acted")]
    )
    assert (judged.what, judged.by, judged.alert.outcome, judged.alert.why) == ("judged", "anne", "acted", "cleared")
    assert run.state.said["a1"].reason == f"over at {ZERO + 1001 * SECOND}"
    run.more([Tick(id="t2", received_at=ZERO + 26 * HOUR), acted("a3", id_, "comment", at=ZERO + 26 * HOUR, text="x")])
    assert run.state.said["a3"].reason == "unknown alert"
    assert run.state.alerts == {}


def test_an_act_that_comes_too_late_or_on_what_nobody_was_told_of_is_refused() -> None:
    run = crowded_run()
    run.more([occupied(19, ZERO), Tick(id="t", received_at=ZERO + 2 * SECOND)])
    pending = run.alert("crowded").id
    run.more([acted("a1", pending, "take", at=ZERO + 3 * SECOND), acted("a2", "nothing", "take", at=ZERO + 3 * SECOND)])
    run.more([Tick(id="t2", received_at=ZERO + HOUR)])
    run.more([acted("a3", pending, "take", at=ZERO + HOUR + 1, not_after=ZERO + HOUR)])
    assert [run.state.said[id_].reason for id_ in ("a1", "a2", "a3")] == ["unknown alert", "unknown alert", "too late"]


def test_unknown_drops_what_has_not_fired_and_keeps_what_has() -> None:
    """The directory that says how many beds there are is published without that."""
    wards = tuple(Ward(ward.id, ward.facility, ward.kind) for ward in region().wards)
    run = fired_run()
    run.more([published(region(wards=wards), ZERO + 1000 * SECOND, "r2"), Tick(id="t", received_at=ZERO + HOUR)])
    assert run.state.totals["departement/31/rea-adulte"].occupancy is None
    assert run.alert("crowded").status == "firing"
    run = crowded_run()
    run.more([occupied(19, ZERO), published(region(wards=wards), ZERO + 100 * SECOND, "r2")])
    assert run.tick(ZERO + HOUR) == []
    assert run.state.alerts == {}


def test_what_a_new_directory_has_not_ends() -> None:
    run = fired_run()
    without = tuple(ward for ward in region().wards if ward.id != REA)
    steps = run.more([published(region(wards=without), ZERO + HOUR, "r2"), Tick(id="t", received_at=ZERO + 2 * HOUR)])
    assert [(step.what, step.alert.why) for step in steps] == [("resolved", "gone")]


def test_a_ward_that_goes_and_comes_back_within_a_batch_has_told_nothing() -> None:
    without = region(wards=tuple(ward for ward in region().wards if ward.id != REA))
    goes, back = published(without, ZERO + 10 * SECOND, "r2"), published(region(), ZERO + 20 * SECOND, "r3")
    whole, cut = crowded_run(), crowded_run()
    whole.more([occupied(19, ZERO), goes, back, Tick(id="t", received_at=ZERO + HOUR)])
    for event in (occupied(19, ZERO), goes, back, Tick(id="t", received_at=ZERO + HOUR)):
        cut.more([event])
    assert whole.steps == cut.steps == []
    assert whole.state.alerts == cut.state.alerts == {}


def test_rules_that_are_published_anew_hold_from_there_on_and_end_what_they_no_longer_have() -> None:
    run = fired_run()
    before = run.alert("crowded")
    higher = rule("crowded", "occupancy", "departement", Level("warning", above=0.97), bed_kinds=("rea-adulte",))
    at = ZERO + 1000 * SECOND
    other = rule("other", "occupancy", "ward", Level("info", above=0.9), hold_s=5)
    more = Ruleset((CROWDED, other))
    steps = run.more([rules_published(more, at, "two"), Tick(id="t1", received_at=at + 10 * SECOND)])
    assert told(steps) == [("fired", 1005)]
    assert run.state.alerts[before.key] == before, "to publish it again changes nothing of it"
    steps = run.more([rules_published(Ruleset((higher,)), at + HOUR, "3"), Tick(id="t2", received_at=at + 2 * HOUR)])
    assert [(step.alert.rule, step.what, step.alert.why) for step in steps] == [
        ("other", "resolved", "gone"),
        ("crowded", "resolved", "cleared"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"[",
        b"\xff",
        b"{}",
        b'{"rules": 1}',
        b'{"rules": [], "colour": "red"}',
        b'{"rules": [{"id": "a"}]}',
        b'{"rules": [{"id":"a","concern":"beds","on":"occupancy","at":"ward","levels":[],"title":{"fr":"a","en":"a"},'
        b'"text":{"fr":"a","en":"a"},"todo":{"fr":"a","en":"a"}}]}',
    ],
)
def test_rules_with_a_mistake_change_nothing(content: bytes) -> None:
    run = fired_run()
    run.more([rules_published(content, ZERO + 1000 * SECOND, "bad"), Tick(id="t", received_at=ZERO + HOUR)])
    assert run.state.said["bad"].outcome == "refused"
    assert run.alert("crowded").status == "firing"
    assert run.state.plan is not None
    assert run.state.plan.rules == Ruleset((CROWDED,))


def test_a_ward_whose_figures_are_too_old_costs_its_beds_from_that_second_on() -> None:
    run = crowded_run(rule("stale", "stale_beds", "departement", Level("warning", above=15), concern="data"))
    run.more([occupied(10, ZERO + 300), Tick(id="t", received_at=ZERO + DAY)])
    (fired,) = run.tick(ZERO + 2 * DAY)
    assert (fired.what, fired.at, fired.alert.since, fired.alert.value) == (
        "fired",
        ZERO + DAY + SECOND,
        ZERO + DAY,
        20.0,
    )
    (over,) = run.more([occupied(10, ZERO + 2 * DAY + 1), Tick(id="t2", received_at=ZERO + 2 * DAY + SECOND)])
    assert over.alert.why == "cleared"


def test_a_software_source_that_falls_silent_is_told_of_and_a_person_is_not() -> None:
    silent = rule("silent", "silent_for", "source", Level("warning", above=14_400), concern="data")
    run = crowded_run(silent)
    run.more([occupied(10, ZERO, by="03"), report("p", MEDECINE, OCCUPIED, 3, at=ZERO)])
    assert run.tick(ZERO + 4 * HOUR + SECOND) == [], "somebody has reported under the same name by hand"
    run = crowded_run(silent)
    run.more([occupied(10, ZERO, by="03")])
    (fired,) = run.tick(ZERO + 4 * HOUR + SECOND)
    assert (fired.at, fired.alert.subject, fired.alert.labels["source"]) == (
        ZERO + 4 * HOUR + SECOND,
        "source/someone",
        "someone",
    )
    (over,) = run.more([occupied(10, ZERO + 5 * HOUR, by="03"), Tick(id="t", received_at=ZERO + 5 * HOUR + SECOND)])
    assert over.what == "resolved"


def test_a_source_that_was_heard_before_the_rules_came_can_fall_silent_too() -> None:
    run = Run([occupied(10, ZERO, by="03")])
    silent = rule("silent", "silent_for", "source", Level("warning", above=14_400), concern="data")
    run.more([rules_published(Ruleset((silent,)), ZERO + HOUR)])
    assert told(run.tick(ZERO + 5 * HOUR)) == [("fired", 4 * 3600 + 1)]


def test_a_source_that_is_never_heard_again_is_forgotten_after_30_days() -> None:
    run = crowded_run(rule("silent", "silent_for", "source", Level("warning", above=14_400), concern="data"))
    run.more([occupied(10, ZERO, by="03"), Tick(id="t", received_at=ZERO + DAY)])
    assert run.state.sources
    steps = run.tick(ZERO + 31 * DAY)
    assert [(step.what, step.alert.why) for step in steps] == [("resolved", "gone")]
    assert run.state.sources == {}


def test_a_source_whose_reports_are_late_again_and_again_has_a_bad_clock() -> None:
    run = crowded_run(rule("clock", "history_in_a_row", "source", Level("warning", above=2), concern="data"))
    at = ZERO + HOUR
    late = [occupied(10, at + n * SECOND, happened_at=ZERO + n, id_=f"late-{n}") for n in range(3)]
    steps = run.more([occupied(11, at), *late, Tick(id="t", received_at=at + MINUTE)])
    assert told(steps) == [("fired", 3603)]
    assert run.state.sources["someone"].late == 3
    (over,) = run.more([occupied(9, at + HOUR), Tick(id="t2", received_at=at + 2 * HOUR)])
    assert over.alert.why == "cleared"


def test_beds_that_are_closed_past_their_date_are_told_of() -> None:
    def closed(count: int, at: int, until: int | None) -> BedsReported:
        event = report(f"c-{at}", REA, CLOSED, count, at=at)
        return BedsReported(
            **{name: getattr(event, name) for name in ("id", "received_at", "happened_at", "ward", "status", "source")},
            splits=(Split(count, until=until), Split(1, closing="01", until=ZERO + 30 * DAY)),
        )

    run = crowded_run(rule("past", "closed_past", "ward", Level("info", above=0), Level("warning", above=48)))
    run.more([closed(4, ZERO, ZERO + HOUR)])
    assert run.state.wards[REA].closed_until == ZERO + HOUR
    assert told(run.tick(ZERO + DAY)) == [("fired", 3601)]
    assert told(run.tick(ZERO + 3 * DAY)) == [("worsened", 49 * 3600 + 1)]
    (over,) = run.more([closed(4, ZERO + 4 * DAY, ZERO + 5 * DAY), Tick(id="t", received_at=ZERO + 4 * DAY + SECOND)])
    assert over.alert.why == "cleared"
    run.more([closed(0, ZERO + 4 * DAY + HOUR, ZERO)])
    assert run.state.wards[REA].closed_until == ZERO + 30 * DAY, "none of those are closed any more"


def test_more_patients_than_open_beds_are_told_of() -> None:
    run = crowded_run(rule("surge", "undeclared_surge", "ward", Level("warning", above=0), hold_s=60))
    assert told(run.more([occupied(21, ZERO), Tick(id="t", received_at=ZERO + 2 * MINUTE)])) == [("fired", 60)]


def test_dead_letters_are_told_of_while_the_last_hour_has_seen_too_many() -> None:
    run = crowded_run(rule("dead", "dead_letters", "shard", Level("critical", above=1), concern="system"))
    run.more([Tick(id="t0", received_at=ZERO), Unreadable("not msgpack")])
    assert run.tick(ZERO + 10 * SECOND) == []
    (fired,) = run.more([Unreadable("nor that"), Tick(id="t", received_at=ZERO + 20 * SECOND)])
    assert (fired.alert.subject, fired.alert.value, fired.at) == ("shard/capacity:ici", 2, ZERO + 11 * SECOND)
    assert told(run.tick(ZERO + 2 * HOUR)) == [("resolved", 3601)]
    assert run.state.dead_at == {}


def test_a_flood_of_dead_letters_is_counted_up_to_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.capacity.fold.MOST_DEAD_LETTERS", 3)
    run = crowded_run()
    for n in range(4):
        run.more([Tick(id=f"t-{n}", received_at=ZERO + n), Unreadable("not msgpack"), Unreadable("nor that")])
    assert sorted(run.state.dead_at.values()) == [ZERO + 2, ZERO + 3, ZERO + 3]


def test_steps_are_numbered_under_the_record_that_led_to_them() -> None:
    run = crowded_run(CROWDED, rule("each", "occupancy", "ward", Level("info", above=0.5), hold_s=900))
    run.more([occupied(19, ZERO), Tick(id="t", received_at=ZERO + HOUR)])
    assert [(offset, n) for offset, n, _ in run.steps] == [(4, 0), (4, 1)]
    id_ = run.alert("each").id
    run.more([acted("a", id_, "take", at=ZERO + HOUR), acted("b", id_, "comment", at=ZERO + HOUR, text="en route")])
    assert [(offset, n, step.what, step.text) for offset, n, step in run.steps[2:]] == [
        (5, 0, "taken", ""),
        (6, 0, "commented", "en route"),
    ]


def test_a_storm_is_spread_over_records_lest_a_commit_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.capacity.fold.MOST_ALERT_BYTES", 1)
    run = crowded_run(rule("each", "occupancy", "ward", Level("info", above=0)))
    wards = [ward for ward in WARDS if region().ward_of[ward].installed and not ward.endswith("had")]
    run.more([occupied(3, ZERO, ward=ward) for ward in wards])
    counts = [len(run.tick(ZERO + n * 2 * SECOND)) for n in range(1, 6)]
    assert counts == [1, 1, 1, 1, 0]


def test_what_breaks_the_judging_of_alerts_costs_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    run = fired_run()
    over, later = occupied(3, ZERO + HOUR), occupied(4, ZERO + HOUR + MINUTE)
    with monkeypatch.context() as patched:
        patched.setattr("domain.capacity.fold.of_group", lambda on, pictures, wards: 1 / 0)
        draft = fold(run.state, items([over, later], start=run.state.offset + 1))
        assert (draft.trouble, draft.dead, draft.steps) == ("ZeroDivisionError while judging alerts", {}, [])
        assert run.more([over, later]) == []
    assert run.state.wards[REA].occupied == 4
    assert [step.what for step in run.tick(ZERO + 2 * HOUR)] == ["resolved"], "as soon as they can be judged"


def test_a_draft_is_let_go_of_without_the_garbage_collector() -> None:
    run = fired_run()
    draft = weakref.ref(fold(run.state, [Item(run.state.offset + 1, occupied(3, ZERO + HOUR))]))
    assert draft() is None


def test_without_rules_nothing_is_remembered_of_sources() -> None:
    run = Run([occupied(10, ZERO, by="03"), Tick(id="t", received_at=ZERO + DAY)])
    assert (run.state.sources, run.state.unjudged, run.state.all_unjudged) == ({}, set(), False)


def test_a_clock_that_leaps_years_is_caught_up_with() -> None:
    run = fired_run()
    run.more([acted("a1", run.alert("crowded").id, "take", at=ZERO + 905 * SECOND)])
    assert [step.what for step in run.tick(ZERO + 3650 * DAY)] == ["reopened"]
