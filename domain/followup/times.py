"""When something happens to a patient by time alone: slots and their reminders, mutes, memos, checks, erasure."""

from collections.abc import Iterator

from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from domain.followup.schedule import DAY_MS, Due, slots, steps

STEPS = 4  # of a slot: due, reminded, reminded again, not answered


def next_at(patient: Patient, pathway: Pathway | None) -> int | None:
    """Return when something next happens to a patient by time alone, None where nothing will."""
    return min(_instants(patient, pathway), default=None)


def _instants(patient: Patient, pathway: Pathway | None) -> Iterator[int]:
    if patient.slot is not None:
        yield next_of_slot(patient, patient.slot)
    if patient.alert is not None and patient.alert.check_at is not None:
        yield patient.alert.check_at
    yield from patient.mute_ends[:1]
    yield from (at for at in patient.memos.values() if at > patient.ran_at)
    yield from (member.until for member in patient.circle if member.until is not None)
    for at in (late_call_at(patient, pathway), tell_at(patient, pathway)):
        if at is not None:
            yield at


def late_call_at(patient: Patient, pathway: Pathway | None) -> int | None:
    """Return when a first call that nobody makes is found late, None where none is due, or it was."""
    if pathway is None or pathway.first_call is None or patient.status != "calling" or patient.call_at is None:
        return None
    return None if patient.late_call == patient.call_at else patient.call_at + round(pathway.first_call.late_s * 1000)


def next_of_slot(patient: Patient, due: Due) -> int:
    """Return when the present slot next asks for something, or closes."""
    return steps(due)[patient.asked].at if is_asked(patient, due) else due.closes_at


def is_asked(patient: Patient, due: Due) -> bool:
    """Return whether the present slot still asks for something: nobody has answered it, and not all was done."""
    state = patient.slots.get(due.slot)
    answered = state is not None and state.state == "answered"
    return patient.status == "followed" and not answered and patient.asked < STEPS


def tell_at(patient: Patient, pathway: Pathway | None) -> int | None:
    """Return when the circle is to be told that all of a patient will be erased, None where it won't or was."""
    if pathway is None or patient.erase_at is None or patient.erase_told or not pathway.end.tell_days:
        return None
    at = patient.erase_at - pathway.end.tell_days * DAY_MS
    return at if patient.over_at is not None and at > patient.over_at else None


def wants_chart(patient: Patient, pathway: Pathway, clock: int) -> bool:
    """Return whether what time alone brings until then may need the patient's chart."""
    if patient.mute_ends and patient.mute_ends[0] <= clock:
        return True
    late_at = late_call_at(patient, pathway)
    if late_at is not None and late_at <= clock:
        return True
    due = patient.slot
    if due is None or patient.status != "followed":
        return due is not None and patient.status == "calling" and due.closes_at <= clock
    if is_asked(patient, due) and due.no_answer_at <= clock:
        return True
    if clock < due.closes_at:
        return False
    dues = slots(pathway, patient.first_day, patient.zone, patient.enrolled_at)
    return any(due.due_at < each.due_at and each.no_answer_at <= clock for each in dues)
