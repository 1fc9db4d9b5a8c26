"""What must hold of a notices shard, whatever happens and however its log was cut and its memory lost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.alerts.fold
from domain.alerts.evaluate import NEVER, Book
from domain.alerts.fold import Draft, Item, NoticesState, fold
from domain.alerts.holding import MOST_BYTES_AT_ONCE, OWN, STORED, number_of
from domain.alerts.notice import Entry
from domain.alerts.routing import Chain, ChainStep, Inhibition, People, Route, Routing
from domain.alerts.rule import Level, Rule, Ruleset, Severity
from domain.alerts.wording import Names
from domain.events import (
    AlertActed,
    CaseFound,
    ChannelChanged,
    ChannelsChosen,
    Counted,
    Event,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    ShiftOverridden,
    SilenceEnded,
    SilenceMade,
    SystemMeasured,
    WordSent,
)
from domain.followup.crossing import Case, Count, Word
from domain.followup.pathway import Cluster
from domain.places import Words
from live_state import notices
from tests.small_notices import PEOPLE, START, Stored, Timeline, alert, patient, people, published, routing, shifts

PERSONS = ("anne", "paul", "rose", "leon")
ANNE, PAUL, CELL = ChainStep(person="anne"), ChainStep(person="paul"), ChainStep(cell="cell")
ON_CALL, LEON = ChainStep(on_call="medical"), ChainStep(person="leon")
COVERS = Inhibition(source={"severity": ("critical",)}, target={"severity": ("warning",)}, equal=("departement",))
DATA = Route(id="data", match={"departement": ("81",)}, goes_on=True, chain="b", webhooks=("sims",), group_by=())
ROUTINGS: tuple[Routing, ...] = (
    routing(Chain("default", (ANNE, ChainStep(wait_s=540), PAUL))),
    routing(
        Chain("default", (LEON, ON_CALL, ChainStep(wait_s=60), CELL, ChainStep(wait_s=60), ChainStep(loop=1))),
        Chain("b", (ANNE,)),
        route={"routes": (DATA,), "group_interval_s": 60},
        inhibitions=(COVERS,),
    ),
    routing(Chain("default", (ON_CALL, LEON)), route={"group_by": (), "group_wait_s": 0, "repeat_interval_s": 600}),
)
PLANS = (
    (ANNE, PAUL, ChainStep(wait_s=540), ON_CALL, ChainStep(wait_s=540), ChainStep(loop=5)),
    (ON_CALL, ChainStep(wait_s=540), LEON, ChainStep(wait_s=540), ChainStep(loop=1)),
    (ChainStep(person="ines"), ChainStep(wait_s=60), ChainStep(loop=2)),
    (),
)
WORDS = Words(fr="{place}", en="{place}")
RULES = Ruleset(
    rules=(
        Rule("lag", "system", "position_lag", "shard", (Level("warning", above=10),), WORDS, WORDS, WORDS, hold_s=30),
        Rule("dead", "system", "channel_down", "channel", (Level("critical", above=60),), WORDS, WORDS, WORDS),
    )
)

Action = tuple[float, str, int, int]  # seconds after the one before, what, and two choices
_WHAT = (
    ["fire"] * 6 + ["end", "take", "reopen", "worsen"] * 3 + ["arrive", "arrive", "fail", "attempt", "seen"] * 2
) + ["tick", "silence", "unsilence", "override", "choose", "channel", "lag", "act", "route", "people", "again"]
_WHAT += ["red", "red", "orange", "worse_patient", "replan", "case", "case", "word", "count"]
_WHAT += ["hand_over", "comment", "judge", "epoch", "ease", "ease", "back", "back"]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0.5, 5, 60, 541, 3_600, 30_000]),
        st.sampled_from(_WHAT),
        st.integers(0, 7),
        st.integers(0, 3),
    ),
    max_size=30,
)


def do(day: Timeline, action: Action, epochs: list[str]) -> None:
    """Let one thing happen, as far as it can."""
    gap, what, some, other = action
    day.now += round(gap * 1_000)
    ids = list(day.alerts)
    id_, who = (ids[some % len(ids)] if ids else ""), PERSONS[other]
    waiting = day.waiting()
    notice = waiting[some % len(waiting)].id if waiting else f"none-{some}"
    more: dict[str, Any] = {}
    match what:
        case "fire":
            labels = {"departement": ("31", "81")[some % 2], "bed_kind": ("rea", "med")[some // 2 % 2]}
            day.fires(f"w{len(day.events)}", severity=("warning", "critical", "info", "warning")[other], labels=labels)
        case "end" if id_:
            day.ends(id_, **(more | ({"outcome": "acted"} if other else {})))
        case "take" if id_:
            day.takes(who, id_)
        case "reopen" if id_:
            day.reopens(id_)
        case "worsen" if id_:
            day.changes("worsened", id_, severity="critical", status="firing")
        case "ease" if id_:
            day.changes("eased", id_, severity="warning")
        case "back" if id_:
            day.fires(f"w{len(day.events)}", severity=day.alerts[id_].severity, labels=day.alerts[id_].labels)
        case "hand_over" if id_:
            day.changes("handed_over", id_, by="anne", to=who, taken_by=who, status="acknowledged")
        case "comment" if id_:
            day.changes("commented", id_, by=who)
        case "judge" if id_:
            day.changes("judged", id_, by=who, outcome="wrong")
        case "seen" if id_:
            day.sees(who, id_)
        case "epoch":
            epochs.append(f"e{len(epochs) + 1}")
            day.step("fired", alert(f"n{len(day.events)}", since=day.now), epoch=epochs[-1])
        case "arrive":
            day.event(NoticeDelivered, notice=notice)
        case "attempt":
            day.event(NoticeAttempted, notice=notice, attempt=1)
        case "fail":
            day.event(NoticeFailed, notice=notice, reason="refused")
        case "silence":
            since, until = day.now + (some - 2) * 30_000, day.now + 60_000 * (some + 1)
            matchers = {"departement": (("31", "81")[other % 2],)}
            day.event(SilenceMade, by=who, since=since, until=until, matchers=matchers, reason="travaux")
        case "unsilence":
            held = sorted(day.state.silences)
            day.event(SilenceEnded, by=who, silence=held[some % len(held)] if held else "none")
        case "override":
            span: dict[str, Any] = {"since": day.now - 1_000, "until": day.now + 60_000 * some}
            day.event(ShiftOverridden, by="anne", schedule="medical", person=who, **span)
        case "choose":
            channels = (("app",), ("sms", "app"), (), ("fax",))[some % 4]
            day.event(ChannelsChosen, by=who, channels={"warning": channels})
        case "channel":
            day.event(ChannelChanged, channel="sms", up=some % 2 == 0)
        case "lag":
            day.event(SystemMeasured, measure="position_lag", subject="capacity:ici", value=some * 5.0)
        case "act":
            mine = sorted(held.id for held in day.state.own.values())
            day.event(AlertActed, by=who, alert=mine[0] if mine else "none", act=("take", "resolve")[some % 2])
        case "route":
            day.fold(published("routing", ROUTINGS[some % 3], at=day.now, id_=f"r{len(day.events)}"))
        case "people":
            day.fold(published("people", people_of(some), at=day.now, id_=f"p{len(day.events)}"))
        case "red" | "orange":
            grave: Severity = "critical" if what == "red" else "warning"
            day.step("fired", patient(f"p{len(day.events)}", grave, PLANS[other], since=day.now))
        case "worse_patient" if id_ and day.alerts[id_].planned:
            changed: dict[str, Any] = {"severity": "critical", "status": "firing", "plan": PLANS[some % 4]}
            day.changes("worsened", id_, **changed)
        case "replan" if id_ and day.alerts[id_].planned:
            day.changes("replanned", id_, plan=PLANS[some % 4])
        case "case":
            found = Case(at=day.now, facility="310780192", rule=Cluster(cases=2 + other, days=1), tell=(who,))
            tell(day, CaseFound, case=found)
        case "word":
            title = Words("Suivi", "Follow-up")
            severity: Severity = ("info", "warning", "critical", "info")[other]
            tell(day, WordSent, word=Word(day.now, f"w{len(day.events)}", (who, "ines"), severity, title, title, ""))
        case "count":
            hour = day.now // 3_600_000 * 3_600_000
            tell(day, Counted, count=Count(at=hour, index=some % 2, of=2, numbers={"31/red": some}))
        case "again":
            day.fold(day.events[some % len(day.events)])
        case _:
            day.at((day.now - START) / 1_000)


def tell(day: Timeline, kind: type[Event], **what: Any) -> None:
    """Let a followup shard tell something beside alerts."""
    day.event(kind, shard="followup:ici:1", epoch="e1", offset=len(day.events), n=0, **what)


def people_of(some: int) -> People:
    """Return the people, Rose among them or not."""
    return People(people={name: person for name, person in PEOPLE.items() if some or name != "rose"})


def begun() -> Timeline:
    """Return a timeline with settings, on which Anne is on call for an hour."""
    on_call = published("on-call/medical", shifts(("anne", 0, 3_600), ("paul", 7_200, 90_000)))
    return Timeline(people(), published("routing", ROUTINGS[1]), on_call, published("alert_rules", RULES))


class Seen(NamedTuple):
    """All that a state holds, and what was told besides."""

    stored: dict[str, Any]
    follows: dict[str, Any]
    timeline: list[tuple[str, int, Entry]]


def seen(state: NoticesState, drafts: Sequence[Draft]) -> Seen:
    """Return a state as it can be compared."""
    said_in = {hour: sorted(ids) for hour, ids in state.said_in.items() if ids}
    stored = {name: getattr(state, name) for name in (*STORED, "offset", "clock", "shard", "said")}
    follows: dict[str, Any] = {name: getattr(state, name) for name in ("in_force", "tallies", "links")}
    follows["due"] = {timer: at for timer, at in state.due.items() if timer[0] != OWN}
    soonest = Book(state.own, state.in_force.rules, Names()).next_due  # the timer of our own rules may be too early
    assert state.due.get((OWN, ""), NEVER) <= soonest
    assert state.next_due == min(state.due.values(), default=NEVER)
    return Seen(stored | {"said_in": said_in}, follows, [line for draft in drafts for line in draft.timeline])


def folded(events: Sequence[Event], cuts: Sequence[int], *, reload: bool) -> Seen:
    """Return what a log cut into batches leads to, the memory lost after each where asked."""
    state, stored, drafts = NoticesState(), Stored(), []
    records = [Item(offset, event) for offset, event in enumerate(events)]
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(records)], strict=True):
        draft = fold(state, records[start:stop])
        assert not draft.dead, draft.dead
        stored.take(notices.writes(draft, rebuilding=False))
        state.absorb(draft)
        drafts.append(draft)
        if reload:
            state = stored.load(state.offset)
    return seen(state, drafts)


@settings(max_examples=30, deadline=None)
@given(ACTIONS, st.sampled_from([MOST_BYTES_AT_ONCE, 10_000, 1]), st.data())
def test_the_state_does_not_depend_on_how_the_log_was_cut_or_the_memory_lost(
    actions: list[Action], most: int, data: st.DataObject
) -> None:
    """Also where next to nothing may be done at each record, so that much is left to the next one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domain.alerts.fold, "MOST_BYTES_AT_ONCE", most)
        _cuts_and_losses(actions, data)


def _cuts_and_losses(actions: list[Action], data: st.DataObject) -> None:
    day, epochs = begun(), ["e1"]
    for action in actions:
        do(day, action, epochs)
    cuts = data.draw(st.lists(st.integers(1, len(day.events) - 1), unique=True, max_size=6))
    whole = folded(day.events, (), reload=False)
    assert seen(day.state, []).stored == whole.stored, "one by one, as in one go"
    for reload in (False, True):
        pieces = folded(day.events, cuts, reload=reload)
        assert pieces.stored == whole.stored
        assert pieces.timeline == whole.timeline
        assert pieces.follows == whole.follows


@settings(max_examples=50, deadline=None)
@given(ACTIONS)
def test_no_message_is_made_twice_none_is_forgotten_and_no_group_is_left_alone(actions: list[Action]) -> None:
    day, epochs = begun(), ["e1"]
    gone: set[str] = set()
    waiting: set[str] = set()
    for action in actions:
        do(day, action, epochs)
        state = day.state
        if state.next_due <= state.clock:  # so much was due that some of it was left to the next record
            waiting |= set(state.outbox)
            day.at((day.now - START) / 1_000)
        assert state.next_due > state.clock
        now = set(state.outbox)
        gone |= waiting - now
        assert not now & gone, "a message that was sent or given up is made again"
        waiting = now
        assert all(notice.give_up_at > state.clock for notice in state.outbox.values()), "none is left past its wait"
        for id_, group in state.groups.items():
            made = {(each.person, each.channel, each.made_at) for each in state.outbox.values() if each.group == id_}
            for told in group.told:
                open_ = told.delivered_at is None and told.failed_at is None
                assert not open_ or (told.person, told.channel, told.at) in made, "a message is lost"
            to_tell = number_of(state.tallies.get(id_, {}), "open")
            assert not to_tell or group.next_at is not None, "nobody will be told"
            assert (group.status == "resolved") == (id_ not in state.tallies)


@settings(max_examples=20, deadline=None)
@given(ACTIONS)
def test_a_replay_raises_the_same_and_tells_nobody_again(actions: list[Action]) -> None:
    """The same log folded anew; and a log on which everything comes a second time, as after a worker's death."""
    day, epochs = begun(), ["e1"]
    for action in actions:
        do(day, action, epochs)
    assert folded(day.events, (), reload=False).stored == seen(day.state, []).stored
    for _ in range(2):  # the second one is for what the first left to it
        day.at((day.now - START) / 1_000)
    assert day.state.next_due > day.state.clock
    before = dict(day.state.outbox), dict(day.state.groups), dict(day.state.alerts)
    if day.state.clock < START + 48 * 3_600_000:
        draft = fold(day.state, [Item(len(day.events) + n, event) for n, event in enumerate(day.events[1:])])
        day.state.absorb(draft)
        assert (day.state.outbox, day.state.groups, day.state.alerts) == before
