"""Slots as a draft drives them: asked, reminded, not answered, closed; every step at its instant, and once."""

from collections.abc import Iterable

from msgspec.structs import replace

from domain.alerts.lifecycle import Step as Stage
from domain.alerts.notice import Reason
from domain.capacity.fold import HOUR_MS
from domain.followup.alert import told_as
from domain.followup.alerting import FIRST_CALL, NO_ANSWER, NOT_CALLED, Alerting
from domain.followup.chart import SlotContent
from domain.followup.crossing import Count, Stepped, Word
from domain.followup.ending import asking, notice_id
from domain.followup.holding import HOUR, Line, circle_of, is_member, members, next_hour
from domain.followup.pathway import Colour
from domain.followup.patient import Channel, Patient, SlotState
from domain.followup.plan import plan_of
from domain.followup.schedule import Due, Step, no_answer, steps
from domain.followup.score import VERSION, Finding
from domain.followup.times import STEPS, is_asked, late_call_at, next_of_slot, tell_at
from domain.places import Words

ASKING: tuple[Step, ...] = ("due", "remind", "remind_again")
MOST_SLOTS = 10  # whose state is kept in clear
SHARDS = 4  # of a region
NOT_REACHED = "not-reached"  # the value of a finding that nobody answered, where no question went out
EVERY_CHANNEL: tuple[Channel, ...] = ("sms", "smtp")

SITTING_WORDS = Words(fr="Des réponses de résidents sont attendues", en="Residents’ answers are awaited")
SITTING_TEXT = Words(fr="Ouvrir la séance de l’établissement.", en="Open the facility’s sitting.")
MEMO_WORDS = Words(fr="Un mémo est à échéance", en="A memo is due")


class Asking(Alerting):
    """A draft, and what its patients are asked."""

    # -- time

    def run(self, timer: str, at: int) -> None:
        """Let happen what time alone brings at an instant: to a patient, to a message, or at a full hour."""
        if timer == HOUR:
            self._count(at)
            return
        if timer in self.outbox:
            self._run_out([timer], at)
            return
        patient = self.patients.get(timer)
        if patient is None:
            self.time(timer, None)
            return
        self.put(self._run_patient(replace(patient, ran_at=at), patient.ran_at, at))

    def _run_patient(self, patient: Patient, since: int, at: int) -> Patient:
        due = patient.slot
        if due is not None and next_of_slot(patient, due) <= at:
            patient = (
                self._next_step(patient, due, at) if is_asked(patient, due) else self._close_slot(patient, due, at)
            )
        if patient.alert is not None and patient.alert.check_at is not None and patient.alert.check_at <= at:
            patient = self.expire(patient, at)
        if patient.mute_ends and patient.mute_ends[0] <= at:
            patient = self.unmute(patient, at)
        for memo, due_at in patient.memos.items():
            if since < due_at <= at:
                author = patient.memos_by[memo]
                to = [author] if is_member(patient, author, at) else circle_of(patient)
                self.word(patient, f"memo/{memo}", at, to, MEMO_WORDS, "warning")
        if any(member.until is not None and member.until <= at for member in patient.circle):
            circle = tuple(member for member in patient.circle if member.until is None or member.until > at)
            there = {member.subject for member in circle}
            read = {subject: upto for subject, upto in patient.read.items() if subject in there}
            patient = self.tell_circle(patient, replace(patient, circle=circle, read=read), at)
        late_at = late_call_at(patient, self.pathways.get(patient.pathway))
        if late_at is not None and late_at <= at:
            patient = self._find_not_called(replace(patient, late_call=patient.call_at), at)
        told_at = tell_at(patient, self.pathways.get(patient.pathway))
        if told_at is not None and told_at <= at:
            patient = self.tell_of_erasure(patient, at)
        return patient

    def tell_circle(self, before: Patient, patient: Patient, at: int, *, by: str | None = None) -> Patient:
        """Return the patient whose circle is another than before: an open alert is told to whoever belongs to it now.

        Where whoever has it is there no longer, or has lapsed, nobody has it.
        """
        held = patient.alert
        if held is None:
            return patient
        there = {member.subject for member in patient.circle if not member.lapsed}
        if held.taken_by is not None and held.taken_by not in there:
            return self.happens(patient, "left", at, by=by)
        pathway = self.pathway_of(patient)
        plan = plan_of(pathway, patient, held.colour, held.planned_at)
        if plan != plan_of(pathway, before, held.colour, held.planned_at):
            told = told_as(patient, held, region=self.region, at=at, plan=plan)
            self.cross(Stepped(Stage(what="replanned", at=at, alert=told, by=by)))
        return patient

    def _next_step(self, patient: Patient, due: Due, at: int) -> Patient:
        step = steps(due)[patient.asked].step
        patient = replace(self.reckoned(patient), asked=patient.asked + 1)
        if step == "no_answer":
            return self._miss(patient, due, at)
        if step == "due":
            return self._ask(patient, due, at)
        if self.pathway_of(patient).answered_by == "staff":
            if step == "remind":
                self._remind_staff(patient, due, at)
        else:
            return self._send(patient, due, step, at)
        return patient

    def _remind_staff(self, patient: Patient, due: Due, at: int) -> None:
        """Tell staff that residents' answers are awaited: once for all of a facility's who are reminded of then.

        Each resident says it, on whichever shard they are, under the one name: the notices shard tells everybody once.
        """
        to = members(patient, ("ehpad", "nurse")) or circle_of(patient)
        if not patient.facility:
            self.word(patient, f"{due.slot}/remind", at, to, SITTING_WORDS, "warning")
            return
        id_, link = f"sitting/{patient.facility}/{at}", f"/sitting/{patient.facility}"
        self.cross(Word(at, id_, tuple(to), "warning", SITTING_WORDS, SITTING_TEXT, link))

    def _ask(self, patient: Patient, due: Due, at: int) -> Patient:
        patient = keep_slot(patient, due.slot, SlotState("open", due.due_at))
        if self.pathway_of(patient).answered_by == "staff":
            return patient
        state = replace(patient.slots[due.slot], reached=False)
        return self._send(keep_slot(patient, due.slot, state), due, "due", at)

    def _send(self, patient: Patient, due: Due, step: Step, at: int) -> Patient:
        """Let a patient be asked on their first channel, or reminded on all of them: by one message on each.

        What was not sent by then says no more than this one: after an outage nobody gets all of them at once.
        """
        reason: Reason = "questionnaire" if step == "due" else "reminder"
        channels = patient.channels[:1] if step == "due" else patient.channels
        self.withdraw(self._asking(patient, due, channels))
        return self._asked_by(patient, due, step, ASKING.index(step), reason, channels, at)

    def ask_again(self, patient: Patient, at: int) -> Patient:
        """Return the patient to whom the question that is open goes again, once links of before open no more.

        It goes by what it went by so far. Who got it before may be nobody: until this one goes out nobody was asked.
        """
        due = patient.slot
        state = None if due is None else patient.slots.get(due.slot)
        if due is None or state is None or patient.status != "followed" or state.state not in ("open", "missed"):
            return patient
        if self.pathway_of(patient).answered_by == "staff" or not patient.channels:
            return patient
        if state.state == "open":
            patient = keep_slot(patient, due.slot, replace(state, reached=False, asked_by=()))
        step = min(patient.asked, len(ASKING)) - 1
        channels = patient.channels[:1] if step == 0 else patient.channels
        return self._asked_by(patient, due, asking(patient)[-1], step, "questionnaire", channels, at)

    def _asked_by(
        self, patient: Patient, due: Due, step: str, number: int, reason: Reason, channels: tuple[Channel, ...], at: int
    ) -> Patient:
        give_up_at = due.closes_at
        self.message(patient, reason, due.slot, step, channels=channels, at=at, give_up_at=give_up_at, number=number)
        state = patient.slots.get(due.slot)
        if state is None or state.reached:
            return patient
        asked_by = tuple(dict.fromkeys((*state.asked_by, *channels)))
        return keep_slot(patient, due.slot, replace(state, asked_by=asked_by))

    def _miss(self, patient: Patient, due: Due, at: int) -> Patient:
        """Let a slot that nobody answered be a finding; a late answer is taken until it closes.

        Whom no message reached was never asked: what is on its way to them is left there until then.
        """
        reached = is_reached(patient, due)
        if reached:
            self.hush(patient)
        chart = self.chart(patient.id)
        symptoms = None if chart is None else chart.file.symptoms_day
        colour = no_answer(self.pathway_of(patient).no_answer, last_answered(patient), due, symptoms)
        patient = keep_slot(patient, due.slot, SlotState("missed", due.due_at, colour=colour, reached=reached))
        patient = replace(patient, colour=colour, colour_at=at, incomplete=False)
        if chart is not None:
            self.slots[(patient.id, due.slot)] = SlotContent(slot=due.slot, day=due.day)
        self.tell_story(patient.id, Line(id=due.slot, at=at, what="missed", detail=due.slot))
        found = Finding(NO_ANSWER, VERSION, colour, value=None if reached else NOT_REACHED)
        return self.judge(patient, due.slot, [found], at)

    def _close_slot(self, patient: Patient, due: Due, at: int) -> Patient:
        """Close a slot, and wait for the next one; after the last one the follow-up has ended."""
        self._run_out(self._asking(patient, due, EVERY_CHANNEL), at)
        state = patient.slots.get(due.slot)
        if patient.status != "calling" and (state is None or state.state == "open"):
            patient = keep_slot(patient, due.slot, SlotState("skipped", due.due_at))
        after = next((each for each in self.slots_of(patient) if each.due_at > due.due_at), None)
        if after is None:
            if patient.status == "calling":
                patient = self._find_not_called(patient, at)  # nobody is forgotten: what is open holds the erasure back
            return self.over(patient, "ended", at)
        return replace(patient, slot=after, asked=0)

    def _find_not_called(self, patient: Patient, at: int) -> Patient:
        """Let it be found that nobody made a first call, or that nothing came of any."""
        return self.unheard(patient, FIRST_CALL, Finding(NOT_CALLED, VERSION, "orange"), at)

    # -- what is on its way

    def _asking(self, patient: Patient, due: Due, channels: Iterable[Channel]) -> list[str]:
        """Return the messages that ask for a slot and are still to be sent by these channels."""
        ids = (notice_id(patient.id, due.slot, step, channel) for channel in channels for step in asking(patient))
        return [id_ for id_ in ids if id_ in self.outbox]

    def _run_out(self, notices: Iterable[str], at: int) -> None:
        """Let it be too late for messages: nobody was reached by them."""
        for id_ in notices:
            notice = self.outbox.get(id_)
            if notice is not None and notice.group in self.patients:
                self.tell_story(notice.group, Line(id=id_, at=at, what="not_reached", detail=notice.channel))
            self.withdraw([id_])

    def reckoned(self, patient: Patient) -> Patient:
        """Return the patient with whether any message that asks for the open slot is on its way no longer."""
        due = patient.slot
        if due is None or is_reached(patient, due):
            return patient
        state = patient.slots[due.slot]
        if all(self._asking(patient, due, (channel,)) for channel in state.asked_by):
            return patient
        return keep_slot(patient, due.slot, replace(state, reached=True, asked_by=()))

    # -- where it begins, and goes on

    def begin_slots(self, patient: Patient, at: int) -> Patient:
        """Return the patient with the slot that can be answered now, else the next one; without any it is over.

        Reminders of before are left out, and so is that nobody answered, where nobody had been asked. The question
        itself is put now, where it was not or reached nobody. Whoever was asked before a pause and did not answer is
        given as much time after it as after the last reminder.
        """
        due = next((each for each in self.slots_of(patient) if each.closes_at > at), None)
        if due is None:
            return self.over(patient, "ended", at)
        state = patient.slots.get(due.slot)
        asked = sum(1 for step in steps(due) if step.at <= at)
        if state is not None and state.state == "open" and asked == STEPS:
            due = replace(due, no_answer_at=min(at + due.no_answer_at - due.remind_again_at, due.closes_at - 1))
            asked = STEPS - 1
        patient = replace(patient, slot=due, asked=asked)
        if asked and patient.status == "followed" and (state is None or (state.state == "open" and not state.reached)):
            patient = self._ask(patient, due, at)
        return patient

    # -- counts

    def _count(self, at: int) -> None:
        """Tell how many patients there are at a full hour, of which colours; and wait for the next one.

        After a gap, only of its last hours: of earlier ones nobody wants to know any more.
        """
        self.counted_at = at
        self.time(HOUR, next_hour(at, self.clock))
        if next_hour(at - HOUR_MS, self.clock) > at:
            return
        numbers: dict[str, int] = {}
        for _, patient in self.patients.items():  # noqa: PERF102 - an overlay has no values()
            if patient.status in ("followed", "calling"):
                key = f"{patient.departement or '?'}/{patient.colour or 'unanswered'}"
                numbers[key] = numbers.get(key, 0) + 1
        self.cross(Count(at, self.index, SHARDS, dict(sorted(numbers.items()))))


def keep_slot(patient: Patient, slot: str, state: SlotState) -> Patient:
    """Return the patient with what became of a slot; of earlier ones the last few are kept, one answered among them."""
    slots = patient.slots | {slot: state}
    answered = last_answered_slot(slots)
    while len(slots) > MOST_SLOTS:
        del slots[next(name for name in slots if name != answered)]
    return replace(patient, slots=slots)


def is_reached(patient: Patient, due: Due) -> bool:
    """Return whether a slot was asked for by a message that went out, or otherwise than by messages."""
    state = patient.slots.get(due.slot)
    return state is None or state.reached


def last_answered_slot(slots: dict[str, SlotState]) -> str | None:
    """Return the last slot that was answered, None where none was."""
    return next((name for name, state in reversed(slots.items()) if state.state == "answered"), None)


def last_answered(patient: Patient) -> Colour | None:
    """Return the colour of the last slot that was answered, None where none was."""
    slot = last_answered_slot(patient.slots)
    return None if slot is None else patient.slots[slot].colour
