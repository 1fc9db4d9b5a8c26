"""What must hold of a followup shard, whatever happens and however its log was cut and its memory lost."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.alerts import zone
from domain.alerts.routing import Zone
from domain.capacity.fold import Item
from domain.events import (
    AnswersGiven,
    CircleChanged,
    CodeAsked,
    FollowUpMoved,
    GlassBroken,
    MembershipsJudged,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    PatientAlertActed,
    PatientErased,
    Source,
    SummaryGiven,
    Tick,
)
from domain.followup.crossing import Stepped
from domain.followup.fold import fold, needs
from domain.followup.holding import FollowupState
from domain.followup.pathway import COLOURS, GRAVE, Cluster, Colour, End, Limits, Pathway, Reminders, Slots
from domain.followup.patient import Member
from domain.followup.plan import plan_of
from domain.followup.schedule import slots, steps
from domain.followup.score import Facts, score
from tests.follow_up_days import (
    DAY_MS,
    DOCTOR,
    FIRST_DAY,
    HOUR_MS,
    NURSE,
    ORANGE,
    PARIS,
    PATIENT,
    RED,
    START,
    WELL,
    YELLOW,
    FollowUp,
    answers,
    enrolled,
    everything,
    file,
    instant,
    pathway,
    reloaded,
    sealed,
)

PERSONS = (DOCTOR, NURSE, DOCTOR, NURSE, "stranger", f"patient:{PATIENT}")
TOLD = (WELL, YELLOW, ORANGE, RED, answers(breathless=None), answers(pain=True, breathless=None))
QUICK = pathway(cluster=Cluster(2, 1, ("nurse",)), end=End("summary", 3, 1), slots=Slots(tuple(range(1, 11)), (540,)))
OFTEN = pathway(
    slots=Slots((1, 2, 3), (540, 660, 780, 900)),
    reminders=Reminders(600.0, 1200.0, 1500.0),
    limits=Limits(1200.0, 1800.0, 2),
)
BRIEF = pathway(id="brief", slots=Slots((1, 2), (540,)), end=End("erase"))

Action = tuple[float, str, int, int]  # hours after the one before, what, and two choices
_WHAT = ["answer"] * 8 + ["take", "hand_over", "close", "comment", "mute"] * 2 + ["tick"] * 4 + ["circle"] * 5
_WHAT += ["pause", "resume", "stop", "end", "enrol", "again", "memo", "done", "message", "read", "glass", "circle"]
_WHAT += ["grants"] * 4 + ["code", "summary", "erase", "delivered", "failed", "attempted", "file", "jump"]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.01, 0.25, 1.0, 3.0, 12.0]),
        st.sampled_from(_WHAT),
        st.integers(0, 7),
        st.integers(0, 5),
    ),
    max_size=30,
)


def do(day: FollowUp, action: Action) -> None:
    """Let one thing happen, as far as it can."""
    hours, what, some, other = action
    day.now += round(hours * HOUR_MS)
    who, patient = PERSONS[other], (PATIENT, "p2")[some % 2]
    held = day.state.patients.get(patient)
    alert = held.alert.id if held and held.alert else "none"
    acts: dict[str, Any] = {"patient": patient, "by": who, "alert": alert}
    notices = sorted(day.state.outbox)
    notice = notices[some % len(notices)] if notices else "none"
    match what:
        case "answer":
            day.answer(TOLD[some % 6], patient=patient, source=who, received_at=day.now - other * 1_000)
        case "take":
            day.event(PatientAlertActed, act="take", check_at=day.now + (some + 1) * HOUR_MS // 2, **acts)
        case "hand_over":
            day.event(PatientAlertActed, act="hand_over", to=(DOCTOR, NURSE)[some % 2], **acts)
        case "close":
            day.event(PatientAlertActed, act="close", outcome="acted", **acts)
        case "comment":
            day.event(PatientAlertActed, act="comment", text=sealed(), **acts)
        case "mute":
            day.mute(("flag/breath", "flag/pain", "no-answer")[some % 3], other + 0.5, by=DOCTOR)
        case "pause" | "resume" | "stop" | "end":
            day.event(FollowUpMoved, by=who, patient=patient, move=what, reason=sealed())
        case "enrol":
            # Somebody new, or who is there already: the pseudonym of one who was erased never comes again.
            id_ = patient if held is not None and some < 3 else f"n{len(day.items)}"
            told = ("small/1", "brief/1")[other % 2]
            day.enrol(id_, id_=f"e{len(day.items)}", pathway=told, facility="310000001")
        case "again":
            item = day.items[some * 3 % len(day.items)]
            assert not isinstance(item.event, Exception)
            if getattr(item.event, "patient", patient) in day.state.patients:  # what was erased can't be opened again
                day.fold(item.event)
        case "memo":
            day.event(MemoWritten, by=who, patient=patient, text=sealed(), due_at=day.now + some * HOUR_MS)
        case "done":
            memos = sorted(held.memos) if held else []
            day.event(MemoDone, by=who, patient=patient, memo=memos[0] if memos else "none")
        case "message":
            day.event(MessageWritten, by=who, patient=patient, text=sealed())
        case "read":
            day.event(MessagesRead, by=who, patient=patient, upto=day.now - some)
        case "glass":
            until = day.now + some * HOUR_MS // 4
            day.event(GlassBroken, by="stranger", patient=patient, reason=sealed(), until=until, tell=("dpo",))
        case "circle":
            add = (Member("ehpad", "ehpad"),) if some % 3 else ()
            day.event(CircleChanged, by=who, patient=patient, add=add, remove=() if add else (NURSE,))
        case "grants":
            judged = {("lapsed", "valid")[some % 2]: (Member(DOCTOR, "physician"), Member(NURSE, "nurse"))[: other % 3]}
            day.event(MembershipsJudged, by=None, patient=patient, tell=("dpo",), **judged)
        case "code":
            day.event(CodeAsked, by=None, patient=patient, give_up_at=day.now + some * 300_000)
        case "summary":
            day.event(SummaryGiven, by=None, patient=patient, what=("sent", "failed", "received")[some % 3])
        case "erase":
            day.event(PatientErased, by=None, patient=patient)
        case "delivered":
            day.event(NoticeDelivered, by=None, notice=notice)
        case "failed":
            day.event(NoticeFailed, by=None, notice=notice, reason="no address")
        case "attempted":
            day.event(NoticeAttempted, by=None, notice=notice, attempt=other)
        case "file":
            day.change_file(pregnant=some % 2 == 0)
        case "jump":
            day.now += some * DAY_MS // 4
            day.fold(Tick(id=f"tick-{len(day.items)}", received_at=day.now))
        case _:
            day.fold(Tick(id=f"tick-{len(day.items)}", received_at=day.now))


@dataclass
class Ears:
    """What somebody was made to answer for in each slot, as the tests keep it: by rule, of which colour."""

    said: dict[str, dict[str, Any]] = field(default_factory=dict)  # by slot, what was said last of each item
    told: dict[str, dict[str, Colour]] = field(default_factory=dict)

    def grave(self, day: FollowUp, slot: str) -> dict[str, Colour]:
        """Return what is grave in a slot, by what counts of it or by what was said last, but for what is muted."""
        patient, content = day.patient, day.slots.get((PATIENT, slot))
        found: list[tuple[str, Colour]] = []
        if patient.slots[slot].state == "missed":
            found.append(("no-answer", patient.slots[slot].colour))
        elif content is not None and content.result is not None:
            spoken = *content.result.findings, *score(OFTEN, Facts(), self.said[slot]).findings
            found += [(finding.rule, finding.colour) for finding in spoken]
        muted = {mute.rule for mute in day.chart.mutes if mute.until > day.state.clock}
        worst = {rule: max((c for r, c in found if r == rule), key=COLOURS.index) for rule, _ in found}
        for rule in [rule for rule in self.told.get(slot, ()) if rule not in worst]:
            del self.told[slot][rule]  # it was taken back: should it come again, it is new
        return {rule: colour for rule, colour in worst.items() if colour in GRAVE and rule not in muted}

    def listen(self, day: FollowUp) -> None:
        """Assert that somebody answers, or did, for all that is grave."""
        alert = day.patient.alert
        for slot in day.patient.slots:
            told = self.told.setdefault(slot, {})
            for rule, colour in self.grave(day, slot).items():
                if rule not in told or COLOURS.index(told[rule]) < COLOURS.index(colour):
                    assert alert is not None, (slot, rule, colour)
                    assert COLOURS.index(alert.colour) >= COLOURS.index(colour), (slot, rule, colour)
                told[rule] = colour


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["answer"] * 4 + ["close"] * 2 + ["mute"] * 2),
            st.sampled_from([0, 1, 10, 110, 110]),
            st.sampled_from([WELL, WELL, ORANGE, RED, answers(pain=True, breathless=True), answers(breathless=None)]),
            st.integers(0, 3),
        ),
        min_size=8,
        max_size=25,
    )
)
def test_whatever_is_grave_has_somebody_who_answers_for_it_or_did(
    actions: list[tuple[str, int, dict[str, Any], int]],
) -> None:
    """After closes, behind mutes that end, and by clocks that differ: an answer's stamp is some minutes before it."""
    day, ears = FollowUp(OFTEN).at("1 8:45"), Ears()
    for what, minutes, told, some in actions:
        day.now += minutes * 60_000
        day.fold(Tick(id=f"tick-{len(day.items)}", received_at=day.now))
        slot = day.patient.slot
        alert = day.patient.alert
        ears.listen(day)
        if what == "answer" and slot is not None:
            if day.answer(told, received_at=day.now - some * 60_000).outcome == "applied":
                ears.said[slot.slot] = ears.said.get(slot.slot, {}) | told
        elif what == "mute":
            day.mute(("flag/breath", "flag/pain", "no-answer")[some % 3], some + 1)
        elif what == "close" and alert is not None:
            close = {"act": "close", "outcome": "acted", "seen": alert.news}
            assert day.event(PatientAlertActed, alert=alert.id, **close).outcome == "applied"
        ears.listen(day)
        holds(day)


def lived(actions: list[Action], *, reload: bool = False) -> FollowUp:
    """Return a shard that lived through actions."""
    day = FollowUp(QUICK, BRIEF)
    day.enrol("p2", pathway="brief/1", facility="310000001")
    day.reload = reload
    for action in actions:
        do(day, action)
        holds(day)
    return day


def holds(day: FollowUp) -> None:
    """Assert what is always so."""
    fresh = reloaded(day.state)
    assert day.state.due == fresh.due, "timers follow from what is stored"
    assert day.state.pathways == fresh.pathways
    for id_, patient in day.state.patients.items():
        chart = day.kept[id_]
        assert patient.alert is None or chart.why, "an alert has its reasons"
        assert patient.slot is None or patient.over_at is None
        if patient.alert is not None:
            assert patient.alert.colour in ("orange", "red")
            assert (patient.alert.status == "acknowledged") == (patient.alert.taken_by is not None)
            assert patient.alert.taken_by in {None, *(member.subject for member in patient.circle)}
            told = [each.step.alert for each in day.crossed() if isinstance(each, Stepped)]
            plan = next(alert.plan for alert in reversed(told) if alert.id == patient.alert.id)
            now = plan_of(day.state.pathways[patient.pathway], patient, patient.alert.colour, patient.alert.planned_at)
            assert plan == now, "it is told to whoever belongs to the circle now"
        for slot, state in patient.slots.items():
            asked = [each for name, each in day.state.outbox.items() if name.startswith(f"{id_}/{slot}/")]
            waits = state.state == "open" or (state.state == "missed" and not state.reached)
            assert not asked or (waits and patient.status == "followed")
            assert len({notice.channel for notice in asked}) == len(asked), "one message a channel, whatever was missed"
    for id_ in day.state.outbox:
        assert id_.split("/")[0] in day.state.patients, "nobody who is gone is written to"


@settings(max_examples=120, deadline=None)
@given(ACTIONS)
def test_what_always_holds_holds_whatever_happens(actions: list[Action]) -> None:
    lived(actions)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.lists(st.integers(1, 30), max_size=6), st.booleans())
def test_it_does_not_matter_how_the_log_is_cut_nor_whether_memory_is_lost(
    actions: list[Action], cuts: list[int], reload: bool
) -> None:
    day = lived(actions)
    again = FollowUp.__new__(FollowUp)
    again.__dict__.update(
        state=FollowupState(), items=[], opened=day.opened, steps=[], story=[], slots={}, notices={}, kept={}, now=0
    )
    again.reload = reload
    ends = sorted({0, *(cut for cut in cuts if cut < len(day.items)), len(day.items)})
    for since, until in pairwise(ends):
        left = list(day.items[since:until])
        while left:
            for patient in needs(again.state, left):
                again.state.charts.setdefault(patient, again.kept[patient])
            draft = again.try_to_fold(left)
            again.take(draft)
            left = [item for item in left if item.offset > draft.offset]
    assert everything(again.state) == everything(day.state)
    assert again.kept == day.kept
    assert again.slots == day.slots
    assert again.steps == day.steps
    gone = {item.event.patient for item in day.items if isinstance(item.event, PatientErased)}
    assert [line for line in again.story if line[0] not in gone] == [line for line in day.story if line[0] not in gone]


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_a_draft_that_is_thrown_away_leaves_nothing_and_is_the_same_again(actions: list[Action]) -> None:
    day = FollowUp(QUICK, BRIEF)
    end = len(day.items)
    for action in actions:
        do(day, action)
    fresh = FollowUp(QUICK, BRIEF)
    fresh.opened = day.opened
    items = day.items[end:]
    before = everything(fresh.state), dict(fresh.state.charts), dict(fresh.state.due)
    first, second = (fold(fresh.state, items, day.opened) for _ in range(2))
    assert (everything(fresh.state), fresh.state.charts, fresh.state.due) == before
    for name in ("patients", "outbox", "settings", "channels", "charts", "due"):
        assert getattr(first, name).changed == getattr(second, name).changed
    assert (first.steps, first.story, first.outcomes) == (second.steps, second.story, second.outcomes)


# -- answers


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(TOLD), st.integers(0, 3)), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
    st.integers(1, 3),
)
def test_any_order_and_repetition_of_sendings_gives_one_result_a_slot(
    sent: list[tuple[dict[str, Any], int]], chance: Any, times: int
) -> None:
    """By when they were received, as API instances say; the shard's clock is that of the latest."""
    base = instant("1 9:00")
    events = [
        AnswersGiven(
            id=f"a{place}",
            received_at=base + after * 1_000,
            source=Source(id=f"patient:{PATIENT}", door="api"),
            patient=PATIENT,
            slot="1-0900",
            answers=sealed(),
        )
        for place, (_, after) in enumerate(sent)
    ]
    opened = {event.id: told for event, (told, _) in zip(events, sent, strict=True)}

    def result(order: list[AnswersGiven]) -> tuple[Any, ...]:
        day = FollowUp().at("1 9:00:10")
        for event in order:
            day.fold(event, opened[event.id])
        content = day.slots[PATIENT, "1-0900"]
        return content.answers, content.first, content.result, day.patient.colour, len(content.sent)

    shuffled = events * times
    chance.shuffle(shuffled)
    assert result(shuffled) == result(events)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([*TOLD, None, "close", "mute"]), min_size=3, max_size=3))
def test_nothing_but_a_person_lowers_or_ends_an_alert(told: list[Any]) -> None:
    """Answers, greener ones and missing ones, and silences only ever raise it."""
    day = FollowUp()
    held: tuple[str, int] | None = None
    for number, each in enumerate(told, 1):
        day.at(f"{number} 9:05")
        if isinstance(each, dict):
            day.answer(each)
        if each == "mute":
            day.mute("flag/breath", 2)
        if each == "close" and day.patient.alert is not None:
            day.event(PatientAlertActed, alert=day.patient.alert.id, act="close", outcome="acted")
            held = None
        for clock in ("9:05", "12:00", "21:00"):
            day.at(f"{number} {clock}")
            now = day.patient.alert
            if held is not None:
                assert now is not None
                assert now.id == held[0]
                assert COLOURS.index(now.colour) >= held[1]
            held = None if now is None else (now.id, COLOURS.index(now.colour))


@given(st.sets(st.sampled_from(["temperature", "pain"])), st.sampled_from([RED, answers(breathless=True, pain=True)]))
def test_a_missing_answer_hides_no_red_flag(dropped: set[str], told: dict[str, Any]) -> None:
    day = FollowUp().at("1 9:05")
    day.answer({link: value for link, value in told.items() if link not in dropped})
    assert day.patient.colour == "red"
    assert day.told() == ["fired"]


# -- time


ZONES = {name: zone(name, START) for name in ("Europe/Paris", "America/Martinique", "Pacific/Chatham")}
SPRING, AUTUMN = 20_541, 20_751  # 29 March and 25 October 2026: days on which the clocks change in Paris


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([SPRING - 2, AUTUMN - 2, FIRST_DAY]),
    st.sampled_from(sorted(ZONES)),
    st.sampled_from([(540,), (150,), (120, 600), (60, 180)]),
    st.lists(st.integers(0, 6 * 24 * 60), max_size=12),
    st.booleans(),
    st.integers(0, 40),
)
def test_over_both_changes_of_the_clocks_no_step_of_a_slot_is_run_twice_or_left_out(
    first: int, name: str, times: tuple[int, ...], looked: list[int], reload: bool, killed: int
) -> None:
    """Whenever time is looked at, and wherever the worker is killed: what it has not kept it runs again."""
    told = _brief_slots(times)
    there: Zone = ZONES[name]
    dues = slots(told, first, there)
    begin = dues[0].due_at - DAY_MS
    day = FollowUp(told, enrol=False, since=begin)
    day.fold(enrolled(at=begin, zone=there, first_day=first), file(symptoms_day=first))
    day.reload = reload
    told_at: list[tuple[int, str]] = []
    last = dues[-1].closes_at
    for place, at in enumerate([*sorted(begin + minutes * 60_000 for minutes in looked), last]):
        tick = Tick(id=f"t{place}", received_at=at)
        item = Item(len(day.items), tick)
        day.items.append(item)
        if place == killed % 12:
            day.try_to_fold([item])  # and never kept
        draft = day.try_to_fold([item])
        new = {id_ for id_ in draft.outbox.changed if id_ not in day.state.outbox}
        told_at += [(notice.made_at, id_) for id_ in new if (notice := draft.outbox.get(id_)) is not None]
        day.take(draft)
    wanted = [(step.at, step.step) for due in dues for step in steps(due)]
    missed = sorted(line.at for _, line in day.story if line.what == "missed")
    assert missed == sorted(at for at, step in wanted if step == "no_answer")
    ids = [id_ for _, id_ in told_at]
    assert len(ids) == len(set(ids))
    assert day.patient.status == "ended"
    assert list(day.patient.slots) == [due.slot for due in dues][-10:]


def _brief_slots(times: tuple[int, ...]) -> Pathway:
    quick: dict[str, Any] = {"reminders": Reminders(300.0, 600.0, 900.0), "limits": Limits(300.0, 1200.0, 2)}
    return pathway(slots=Slots((1, 2, 3, 4, 5), times), **quick)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([SPRING - 1, AUTUMN - 1]),
    st.lists(st.integers(1, 72 * 12), max_size=10),
)
def test_each_reminder_over_a_change_of_the_clocks_is_made_once_at_its_instant(first: int, looked: list[int]) -> None:
    """Looked at every five minutes too, so that no message is given up before it is seen."""
    told = _brief_slots((150, 540))
    dues = slots(told, first, PARIS)
    begin = dues[0].due_at - HOUR_MS
    day = FollowUp(told, enrol=False, since=begin)
    day.fold(enrolled(at=begin, first_day=first, channels=("sms",)), file(symptoms_day=first))
    made: Counter[tuple[str, int]] = Counter()
    ends = sorted(
        {*(begin + minutes * 300_000 for minutes in looked), *(each.at for due in dues for each in steps(due))}
    )
    for place, at in enumerate(ends):
        item = Item(1_000 + place, Tick(id=f"t{place}", received_at=at))
        draft = day.try_to_fold([item])
        for id_, notice in draft.outbox.changed.items():
            if notice is not None and id_ not in day.state.outbox:
                made[id_, notice.made_at] += 1
        day.take(draft)
    wanted = {
        (f"{PATIENT}/{due.slot}/{step.step}/sms", step.at)
        for due in dues
        for step in steps(due)
        if step.step != "no_answer"
    }
    assert made == Counter(dict.fromkeys(wanted, 1))


def test_words_have_an_id_of_their_own() -> None:
    day = lived([(0.25, "message", 0, 0), (0.25, "message", 0, 1), (1.0, "memo", 2, 0), (12.0, "jump", 7, 0)])
    ids = [word.id for word in day.words()]
    assert len(ids) == len(set(ids)) >= 3
