"""Slots as a draft drives them: asked, reminded, not answered, closed; every step at its instant, and once."""

from msgspec.structs import replace

from domain.alerts.notice import Reason
from domain.capacity.fold import HOUR_MS
from domain.followup.alerting import Alerting
from domain.followup.chart import SlotContent
from domain.followup.crossing import Count
from domain.followup.holding import HOUR, Line, circle_of, members, next_hour
from domain.followup.pathway import Colour
from domain.followup.patient import Patient, SlotState
from domain.followup.schedule import Due, Step, no_answer, steps
from domain.followup.times import is_asked, next_of_slot, tell_at
from domain.places import Words

MOST_SLOTS = 10  # whose state is kept in clear
SHARDS = 4  # of a region

SITTING_WORDS = Words(fr="Des réponses de résidents sont attendues", en="Residents’ answers are awaited")
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
            self.withdraw([timer])
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
                self.word(patient, f"memo/{memo}", at, [patient.memos_by[memo]], MEMO_WORDS, "warning")
        if any(member.until is not None and member.until <= at for member in patient.circle):
            circle = tuple(member for member in patient.circle if member.until is None or member.until > at)
            there = {member.subject for member in circle}
            read = {subject: upto for subject, upto in patient.read.items() if subject in there}
            patient = replace(patient, circle=circle, read=read)
        told_at = tell_at(patient, self.pathways.get(patient.pathway))
        if told_at is not None and told_at <= at:
            patient = self.tell_of_erasure(patient, at)
        return patient

    def _next_step(self, patient: Patient, due: Due, at: int) -> Patient:
        step = steps(due)[patient.asked].step
        patient = replace(patient, asked=patient.asked + 1)
        if step == "no_answer":
            return self._miss(patient, due, at)
        if step == "due":
            return self._ask(patient, due, at)
        if self.pathway_of(patient).answered_by == "staff":
            if step == "remind":
                to = members(patient, ("ehpad", "nurse")) or circle_of(patient)
                self.word(patient, f"{due.slot}/remind", at, to, SITTING_WORDS, "warning")
        else:
            self._send(patient, due, step, at)
        return patient

    def _ask(self, patient: Patient, due: Due, at: int) -> Patient:
        if self.pathway_of(patient).answered_by != "staff":
            self._send(patient, due, "due", at)
        return keep_slot(patient, due.slot, SlotState("open", due.due_at))

    def _send(self, patient: Patient, due: Due, step: Step, at: int) -> None:
        """Let a patient be asked on their first channel, or reminded on all of them."""
        reason: Reason = "questionnaire" if step == "due" else "reminder"
        channels = patient.channels[:1] if step == "due" else patient.channels
        number = ("due", "remind", "remind_again").index(step)
        sent: dict[str, int] = {"at": at, "give_up_at": due.closes_at, "number": number}
        self.message(patient, reason, due.slot, step, channels=channels, **sent)

    def _miss(self, patient: Patient, due: Due, at: int) -> Patient:
        """Let a slot that nobody answered be a finding; a late answer is taken until it closes."""
        self.hush(patient)
        chart = self.chart(patient.id)
        symptoms = None if chart is None else chart.file.symptoms_day
        colour = no_answer(self.pathway_of(patient).no_answer, last_answered(patient), due, symptoms)
        patient = keep_slot(patient, due.slot, SlotState("missed", due.due_at, colour=colour))
        patient = replace(patient, colour=colour, colour_at=at, incomplete=False)
        if chart is not None:
            self.slots[(patient.id, due.slot)] = SlotContent(slot=due.slot, day=due.day)
        self.tell_story(patient.id, Line(id=due.slot, at=at, what="missed", detail=due.slot))
        return self.missed(patient, due.slot, colour, at)

    def _close_slot(self, patient: Patient, due: Due, at: int) -> Patient:
        """Close a slot, and wait for the next one; after the last one the follow-up has ended."""
        self.hush(patient)
        state = patient.slots.get(due.slot)
        if patient.status != "calling" and (state is None or state.state == "open"):
            patient = keep_slot(patient, due.slot, SlotState("skipped", due.due_at))
        after = next((each for each in self.slots_of(patient) if each.due_at > due.due_at), None)
        if after is None:
            return self.over(patient, "ended", at)
        return replace(patient, slot=after, asked=0)

    # -- where it begins, and goes on

    def begin_slots(self, patient: Patient, at: int) -> Patient:
        """Return the patient with the slot that can be answered now, else the next one; without any it is over.

        Reminders of before are left out, and so is that nobody answered: nobody had been asked. The question itself is
        put now.
        """
        due = next((each for each in self.slots_of(patient) if each.closes_at > at), None)
        if due is None:
            return self.over(patient, "ended", at)
        state = patient.slots.get(due.slot)
        asked = sum(1 for step in steps(due) if step.at <= at)
        patient = replace(patient, slot=due, asked=asked)
        if asked and state is None and patient.status == "followed":
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


def last_answered_slot(slots: dict[str, SlotState]) -> str | None:
    """Return the last slot that was answered, None where none was."""
    return next((name for name, state in reversed(slots.items()) if state.state == "answered"), None)


def last_answered(patient: Patient) -> Colour | None:
    """Return the colour of the last slot that was answered, None where none was."""
    slot = last_answered_slot(patient.slots)
    return None if slot is None else patient.slots[slot].colour
