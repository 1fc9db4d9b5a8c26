"""The follow-up fold: answers in, colours and alerts and reminders out; the state changes only when told to.

The shard's clock is the largest `received_at` seen (design, decision 2). With a record everything due by its clock is
run, each patient's own things in order and at their exact instants; so the outcome does not depend on how the log was
cut into batches. What one record may lead to is bounded, lest its commit be too large: other patients' things wait for
the next record then, but those of whoever the record names never do.

Content comes in clear, opened by whoever folds (`opened`, by event id; charts in the state); what is not open makes the
draft end before the record (`lacks`).
"""

from collections.abc import Mapping, Sequence, Set
from typing import TypeGuard, TypeVar

import msgspec

from domain.alerts.lifecycle import Step
from domain.alerts.notice import ChannelState
from domain.capacity.fold import APPLIED, HOUR_MS, IDS_KEPT_HOURS, Item, Said
from domain.documents import publish
from domain.errors import Unreadable
from domain.events import (
    AnswersGiven,
    CallMade,
    ChannelChanged,
    CircleChanged,
    CodeAsked,
    Deed,
    Event,
    FileChanged,
    FollowUpMoved,
    Genesis,
    GlassBroken,
    LinksRevoked,
    MembershipsJudged,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    OnCallJoined,
    PatientAlertActed,
    PatientEnrolled,
    PatientErased,
    RuleMuted,
    SettingsPublished,
    SummaryGiven,
    TeleconsultationStarted,
    Tick,
)
from domain.followup import questionnaire
from domain.followup.alert import told_as
from domain.followup.alerting import NOT_READ, refused
from domain.followup.chart import Chart, File, Mute
from domain.followup.circle import MOST_MEMBERS, Circle
from domain.followup.crossing import Standing, Stepped
from domain.followup.holding import (
    GONE,
    HOUR,
    MOST_AT_ONCE,
    PATHWAY,
    SHUT,
    Answers,
    FollowupState,
    Gone,
    Lacking,
    Line,
    Opened,
    Shut,
    circle_of,
    is_member,
    next_hour,
    read_pathway,
    whose,
)
from domain.followup.pathway import mistakes
from domain.followup.patient import OVER, Patient
from domain.followup.plan import plan_of
from domain.followup.score import VERSION, Finding
from domain.followup.times import wants_chart
from domain.places import Words
from domain.timers import Broken, breaking

C = TypeVar("C")

FOLLOWUP_FOLD_VERSION = 1
LONGEST_REASON = 1_000
MOST_MISTAKES = 5  # of a pathway, named in its refusal
MOST_WANTED = 2_000  # charts of which it is said beforehand that a run of records wants them

UNREADABLE = "its content, or the patient's file, can't be read"
UNREADABLE_WORDS = Words(fr="Un dossier ne peut pas être lu", en="A file cannot be read")

OfPatient = (
    AnswersGiven
    | CallMade
    | CircleChanged
    | CodeAsked
    | FileChanged
    | FollowUpMoved
    | GlassBroken
    | LinksRevoked
    | MembershipsJudged
    | MemoDone
    | MemoWritten
    | MessagesRead
    | MessageWritten
    | OnCallJoined
    | PatientAlertActed
    | PatientErased
    | RuleMuted
    | SummaryGiven
    | TeleconsultationStarted
)
OF_PATIENT: tuple[type[Event], ...] = OfPatient.__args__
READS_FILE = (AnswersGiven, FileChanged, RuleMuted)  # without which they come to nothing
HAS_CONTENT = (PatientEnrolled, AnswersGiven, FileChanged, RuleMuted)
NOT_WHEN_OVER = (CallMade, FollowUpMoved, RuleMuted, TeleconsultationStarted)
BY_NOBODY = (PatientErased, SummaryGiven, CodeAsked, MembershipsJudged)  # vigilits itself, or somebody
OF_OTHERS = (AnswersGiven, GlassBroken, OnCallJoined)  # who need not be in the circle
OF_GUESTS = (MessageWritten, MessagesRead)  # also of whoever broke the glass

__all__ = ["FOLLOWUP_FOLD_VERSION", "GONE", "Draft", "FollowupState", "Item", "Line", "Opened", "Said", "fold", "needs"]


class Draft(Circle):
    """What a run of records makes of a state, without touching it; what is broken is passed over when it is due."""

    def __init__(
        self, base: FollowupState, opened: Mapping[str, Opened] | None = None, broken: Set[str] = frozenset()
    ) -> None:
        super().__init__(base, opened or {}, broken)
        self._looked_again = not base.unreadable  # whether all rows that say so were compared with what is open now

    # -- folding

    def fold(self, item: Item) -> bool:
        """Fold one record and return whether it could be: not where it wants content that is not open (`lacks`).

        Whatever it raises, the draft is then worth nothing and must be thrown away.
        """
        offset, event, _ = item
        if isinstance(event, Unreadable):
            self.bury(offset, str(event), event.id)
            return True
        clock = max(clock_of(item), self.clock)
        due = self.due_by(clock)
        self.lacks = self._lacking(event, due, clock)
        if self.lacks:
            return False
        self.begin(offset)
        wanted = {timer for _, timer in due} | {str(getattr(event, "patient", None))}
        self._advance(due, clock)
        self._tell_readable(wanted)
        if isinstance(event, Genesis):
            self.shard = event.shard
        elif not isinstance(event, Tick):
            self._take_in(event)
        if 0 <= self.retells_from <= offset:
            self._tell_again()
        return True

    def _tell_again(self) -> None:
        """Tell how each open alert stands, once a log was folded anew, perhaps by a fold that decides otherwise.

        Of the steps until then the region's notices have heard, by their places; what they say now they may not have.
        """
        opened = (id_ for id_, patient in self.patients.items() if patient.alert is not None and id_ > self.retold_upto)
        for id_ in sorted(opened):
            if self.full:
                return  # with the next record
            if id_ not in self.broken:
                with breaking(id_, but=(Lacking,)):
                    self._tell_how_it_stands(self.patients.get(id_))
            self.retold_upto = id_
        stand = sorted(patient.alert.id for _, patient in self.patients.items() if patient.alert is not None)
        self.cross(Standing(self.clock, tuple(stand)))
        self.retells_from, self.retold_upto = -1, ""

    def _tell_how_it_stands(self, patient: Patient | None) -> None:
        assert patient is not None
        assert patient.alert is not None
        plan = plan_of(self.pathway_of(patient), patient, patient.alert.colour, patient.alert.planned_at)
        told = told_as(patient, patient.alert, region=self.region, at=self.clock, plan=plan)
        self.cross(Stepped(Step(what="replanned", at=self.clock, alert=told)))

    def _advance(self, due: list[tuple[int, str]], clock: int) -> None:
        """Run what is due, in order, and let it be then; a clock never goes back."""
        before, self.clock = self.clock, clock
        if before == 0:
            self.counted_at = clock // HOUR_MS * HOUR_MS
            self.time(HOUR, next_hour(self.counted_at, clock))
        self.run_all(due, clock, self.run)
        if clock // HOUR_MS > before // HOUR_MS:
            self._forget(clock // HOUR_MS)

    def _tell_readable(self, wanted: Set[str]) -> None:
        """Let rows say whether the file can be read: of those whose chart is wanted, and of those that said it can't.

        For that the circle is told, as the clear part alone is followed on. What was hidden by a mute that ended
        meanwhile is judged once it can be read.
        """
        for id_ in sorted(wanted if self._looked_again else wanted | self.base.unreadable):
            patient, chart = self.patients.get(id_), self.charts.get(id_)
            if self.full:
                return  # with the next record
            if patient is None or id_ in self.broken:
                continue
            with breaking(id_, but=(Lacking,)):
                if isinstance(chart, Shut) and not patient.unreadable:
                    self.put(msgspec.structs.replace(patient, unreadable=True))
                    to = circle_of(patient)
                    self.word(patient, f"{self.offset}/unreadable", self.clock, to, UNREADABLE_WORDS, "warning")
                elif isinstance(chart, Chart) and patient.unreadable:
                    patient = msgspec.structs.replace(patient, unreadable=False)
                    self.put(self.unmute(patient, self.clock))
        self._looked_again = True

    def _take_in(self, event: Event) -> None:
        known = self.outcome_of(event.id)
        if known is not None:
            self.repeated[event.id] = known
            return
        self._catch_up(event)
        # What is tried again is what it was: its texts are sealed under the name that it had first.
        first = event if event.retries is None else msgspec.structs.replace(event, id=event.retries)
        said = self._apply(first, self.opened.get(event.id))
        if isinstance(event, Deed) and event.digest:
            said = Said(said.outcome, said.reason, event.digest)
        self._say(event.id, said)

    def _catch_up(self, event: Event) -> None:
        """Run what is due of the patient whom a record names, also where the rest waits."""
        patient = getattr(event, "patient", None)
        if not isinstance(event, OF_PATIENT) or patient is None:
            return
        while (at := self.due.get(patient)) is not None and at <= self.clock:
            self.run_one(patient, at, self.run)

    def bury(self, offset: int, reason: str, id_: str | None = None) -> None:
        """Record that a record can't be folded, and is a dead letter for this reason."""
        self.offset = offset
        self.dead[offset] = reason
        if id_ is not None:
            self._say(id_, Said("dead", reason))

    def _say(self, id_: str, said: Said) -> None:
        self.say(self.clock // HOUR_MS, id_, said)

    def _forget(self, hour: int) -> None:
        """Let go, at a full hour, of the outcomes that are older than they are kept."""
        self.forget_before(hour - IDS_KEPT_HOURS)

    def _lacking(self, event: Event, due: list[tuple[int, str]], clock: int) -> set[str]:
        """Return the patients whose content a record wants and that is not open."""
        timers = {timer for _, timer in due}
        named = getattr(event, "patient", None)
        if isinstance(event, OF_PATIENT):
            timers.add(str(named))
        lacking = set()
        for timer in timers:
            patient = self.patients.get(timer)
            if (
                patient is not None
                and not self.is_open(timer)
                and wants_chart(patient, self.pathway_of(patient), clock)
            ):
                lacking.add(timer)
        if named is None or self.outcome_of(event.id) is not None:
            return lacking
        held = self.patients.get(str(named))
        is_due = isinstance(event, HAS_CONTENT) and (held is None) == isinstance(event, PatientEnrolled)
        if is_due and event.id not in self.opened:
            lacking.add(str(named))
        if held is not None and reads_chart(event) and not self.is_open(held.id):
            lacking.add(held.id)
        return lacking

    # -- events

    def _apply(self, event: Event, content: Opened | None) -> Said:
        if event.not_after is not None and self.clock > event.not_after:
            return refused("too late")
        if event.region and self.region and event.region != self.region:
            return refused("another region's")
        match event:
            case PatientEnrolled():
                return self._enrol(event, content)
            case NoticeAttempted() | NoticeDelivered() | NoticeFailed():
                return self._receive(event)
            case ChannelChanged():
                held = self.channels.get(event.channel)
                since = held.at if held is not None and held.up == event.up else self.clock
                self.channels.put(event.channel, ChannelState(event.up, since, event.reason[:LONGEST_REASON]))
                return APPLIED
            case SettingsPublished():
                return self._publish(event)
        if not isinstance(event, OF_PATIENT):
            raise TypeError(f"the follow-up fold does not know {type(event).__name__}")
        patient = self.patients.get(event.patient)  # type: ignore[attr-defined]
        if patient is None:  # first: whether their content was looked at depends on how the log is cut
            return refused("unknown patient")
        if isinstance(content, Gone):
            return refused("erased")
        why = self._why_not(patient, event)
        if why is not None:
            return refused(why)
        if isinstance(content, Shut) or (isinstance(event, READS_FILE) and self.is_shut(patient.id)):
            return self._shut(patient, event)
        return self._apply_to(patient, event, content)

    def _shut(self, patient: Patient, event: Event) -> Said:
        """Keep as a dead letter what can't be read now, to be tried again; it may be grave, so somebody is to call."""
        if isinstance(event, AnswersGiven):
            self.put(self.unheard(patient, event.slot, Finding(NOT_READ, VERSION, "red"), self.clock))
            why = "over" if patient.status in OVER else self._why_no_answer(patient, event.slot)
            if why is not None:
                return refused(why)
        self.dead[self.offset] = UNREADABLE
        return Said("dead", UNREADABLE)

    def _why_not(self, patient: Patient, event: Event) -> str | None:
        """Return why nobody, or not this one, may do that now."""
        if not isinstance(event, BY_NOBODY):
            by = whose(event)
            if not by:
                return "nobody did it"
            guests = isinstance(event, OF_GUESTS) or (isinstance(event, PatientAlertActed) and event.act == "comment")
            stops = isinstance(event, FollowUpMoved) and event.move == "stop" and by == f"patient:{patient.id}"
            others = stops or isinstance(event, OF_OTHERS)
            # Whether who has lapsed may act is for who lets it in: they may, by a grant that was given just now.
            if not others and not is_member(patient, by, self.clock, guests=guests, lapsed=True):
                return "not in the circle"
        return "over" if isinstance(event, NOT_WHEN_OVER) and patient.status in OVER else None

    def _apply_to(self, patient: Patient, event: Event, content: Opened | None) -> Said:
        match event:
            case AnswersGiven():
                return self.answer(patient, event, _answers(content))
            case PatientAlertActed():
                return self.act(patient, event)
            case RuleMuted():
                return self.mute(patient, event, _of(Mute, content))
            case FileChanged():
                return self.change_file(patient, event, _of(File, content))
            case CircleChanged():
                return self.change_circle(patient, event)
            case MembershipsJudged():
                return self.judge_memberships(patient, event)
            case FollowUpMoved():
                return self.move(patient, event)
            case CallMade():
                return self.call(patient, event)
            case MessageWritten():
                return self.write(patient, event)
            case MessagesRead():
                return self.has_read(patient, event)
            case MemoWritten():
                return self.think_of(patient, event)
            case MemoDone():
                return self.is_done(patient, event)
            case TeleconsultationStarted():
                return self.teleconsult(patient, event)
            case GlassBroken():
                return self.break_glass(patient, event)
            case OnCallJoined():
                return self.join_on_call(patient, event)
            case CodeAsked():
                return self.send_code(patient, event)
            case LinksRevoked():
                return self.revoke_links(patient, event)
            case SummaryGiven():
                return self.summarise(patient, event)
            case _:
                return self.erase(patient)

    def _enrol(self, event: PatientEnrolled, content: Opened | None) -> Said:
        """Begin a patient's pathway."""
        held = self.patients.get(event.patient)
        if held is not None and self.is_shut(held.id) and held.key == event.key and isinstance(content, File):
            # It was without a file since it could not be read, and is tried again.
            self.put_chart(held.id, Chart(file=content))
            self.put(msgspec.structs.replace(held, unreadable=False))
            return APPLIED
        if held is not None:
            return refused("exists already")
        if isinstance(content, Gone):
            return refused("erased")
        pathway = self.pathways.get(event.pathway)
        if pathway is None:
            return refused("unknown pathway")
        if event.source is None:
            return refused("nobody did it")
        if not any(member.until is None for member in event.circle) or len(event.circle) > MOST_MEMBERS:
            return refused(f"circle: from 1 to {MOST_MEMBERS} are needed")
        patient = Patient(
            id=event.patient,
            key=event.key,
            pathway=event.pathway,
            status="calling" if pathway.first_call is not None else "followed",
            circle=event.circle,
            zone=event.zone,
            first_day=event.first_day,
            enrolled_at=self.clock,
            channels=event.channels,
            departement=event.departement,
            facility=event.facility,
            call_at=self.clock if pathway.first_call is not None else None,
            ran_at=self.clock,
        )
        line = Line(id=event.id, at=self.clock, what="enrolled", by=event.source.id, detail=event.pathway)
        self.tell_story(patient.id, line)
        if isinstance(content, Shut):
            self.charts.put(patient.id, SHUT)  # their row is here all the same: somebody is to call them
            self.put(self.begin_slots(msgspec.structs.replace(patient, unreadable=True), self.clock))
            self.word(patient, "unreadable", self.clock, circle_of(patient), UNREADABLE_WORDS, "warning")
            self.dead[self.offset] = UNREADABLE
            return Said("dead", UNREADABLE)
        self.put_chart(patient.id, Chart(file=_of(File, content)))
        self.put(self.begin_slots(patient, self.clock))
        return APPLIED

    def _receive(self, event: NoticeAttempted | NoticeDelivered | NoticeFailed) -> Said:
        """Take in what became of a message to a patient."""
        notice = self.outbox.get(event.notice)
        if notice is None:
            return Said("history", "no longer to be sent")
        if isinstance(event, NoticeAttempted):
            self.outbox.put(notice.id, msgspec.structs.replace(notice, attempts=event.attempt))
            return APPLIED
        if isinstance(event, NoticeFailed) and notice.group in self.patients:
            line = Line(id=event.id, at=self.clock, what="not_reached", detail=notice.channel)
            self.tell_story(notice.group, line)
        self.withdraw([notice.id])
        return APPLIED

    # -- settings

    def _publish(self, event: SettingsPublished) -> Said:
        why = publish(self.settings, event, self._why_not_in_force)
        return APPLIED if why is None else refused(why)

    def _why_not_in_force(self, name: str, content: bytes) -> str | None:
        """Return why a setting can't be in force; a pathway that can, is. Once published, a version never changes."""
        if not name.startswith(PATHWAY):
            msgspec.json.decode(content)
            return None
        key, pathway = name.removeprefix(PATHWAY), read_pathway(content)
        if key != f"{pathway.id}/{pathway.version}":
            return f"{name}: the pathway in it is {pathway.id}/{pathway.version}"
        held = self.pathways.get(key)
        if held is not None:
            return None if held == pathway else f"{name} is published already: what is changed needs another version"
        wrong = [*mistakes(pathway), *questionnaire.mistakes(pathway.questionnaire)]
        if wrong:
            more = f"; and {len(wrong) - MOST_MISTAKES} more" if len(wrong) > MOST_MISTAKES else ""
            return "; ".join(f"{path}: {message}" for path, message in wrong[:MOST_MISTAKES]) + more
        self.pathways = {**self.pathways, key: pathway}
        return None


def _of(kind: type[C], content: Opened | None) -> C:
    if not isinstance(content, kind):
        raise TypeError(f"a {kind.__name__} was expected")
    return content


def _answers(content: Opened | None) -> Answers:
    if not isinstance(content, dict):
        raise TypeError("answers were expected")
    return content


def reads_chart(event: Event | Unreadable) -> TypeGuard[AnswersGiven | CallMade | FileChanged | RuleMuted]:
    """Return whether an event wants its patient's chart open; whatever else people do needs no key, and waits for none.

    A call that came to an agreement is written into the file.
    """
    return isinstance(event, READS_FILE) or (isinstance(event, CallMade) and event.outcome == "agreed")


def clock_of(item: Item) -> int:
    """Return what time it is by a record: neither later than it says itself, nor than the log does."""
    _, event, appended_at = item
    if isinstance(event, Unreadable):
        return 0
    return event.received_at if appended_at is None else min(event.received_at, appended_at)


def needs(state: FollowupState, items: Sequence[Item]) -> set[str]:
    """Return the patients whose charts records will want open: those they name, and those to whom something is due."""
    found = {item.event.patient for item in items if reads_chart(item.event) and item.event.patient in state.patients}
    clock = max((clock_of(item) for item in items), default=0)
    if clock < state.next_due:
        return found
    due = sorted((at, timer) for timer, at in state.due.items() if at <= clock)
    for _, timer in due[: min(MOST_AT_ONCE * len(items), MOST_WANTED)]:
        patient = state.patients.get(timer)
        if patient is not None and wants_chart(patient, state.pathways[patient.pathway], clock):
            found.add(timer)
    return found


def fold(state: FollowupState, items: Sequence[Item], opened: Mapping[str, Opened] | None = None) -> Draft:
    """Return the draft of a run of records that follow the state; a record that breaks the fold is a dead letter in it.

    A record that raises is left out and the run folded anew, so that none is ever half folded. So is whatever is due
    and raises; the record at which it was due is a dead letter then, though it is folded itself, so that it is seen.
    A record that wants content that is not open ends the draft before it.
    """
    broken: dict[int, str] = {}
    stuck: dict[str, tuple[int, str]] = {}
    lacks: set[str] = set()
    upto = len(items)
    while True:
        draft = Draft(state, opened, stuck.keys())
        for place, item in enumerate(items[:upto]):
            try:
                if item.offset in broken:
                    draft.bury(item.offset, broken[item.offset], getattr(item.event, "id", None))
                elif not draft.fold(item):
                    return _ended(draft, stuck, draft.lacks)
            except Broken as why:
                stuck[why.timer] = item.offset, str(why)
                break
            except Lacking as why:  # found in the midst of a record, of which nothing must be left
                upto, lacks = place, {why.patient}
                break
            except Exception as error:  # noqa: BLE001 - a bug must cost one record, with its name, and never the shard
                broken[item.offset] = f"{type(error).__name__} while folding"
                break
        else:
            return _ended(draft, stuck, lacks)


def _ended(draft: Draft, stuck: Mapping[str, tuple[int, str]], lacks: set[str]) -> Draft:
    """Return the draft with the records at which something that breaks was due, and with what it lacks to go on."""
    draft.dead |= {offset: why for offset, why in stuck.values() if offset <= draft.offset and offset not in draft.dead}
    draft.lacks = lacks
    return draft
