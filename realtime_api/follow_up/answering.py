"""From what was answered to an event: sealed, under an id that repeats with its sending; and what the fold says."""

import hmac
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.capacity.fold import Said
from domain.events import AnswersGiven, Source
from domain.followup.pathway import Pathway
from domain.followup.patient import OVER, AnsweredBy, Patient
from domain.followup.questionnaire import Value
from domain.followup.schedule import Due, slots
from domain.followup.sealed import About, Sealed
from people.sealing import Key, seal
from realtime_api.commands import OURS
from realtime_api.problems import Problem
from realtime_api.push.patients import PatientsHub

_NAMED = b"vigilits answer id 1\x00"

# What the fold says of answers that it refuses (domain/followup/fold.py).
REFUSALS: Mapping[str, tuple[str, str]] = {
    "over": ("over", "nothing is asked any more"),
    "paused": ("paused", "nothing is asked while it is paused"),
    "unknown slot": ("slot-closed", "there is no such slot"),
    "slot closed": ("slot-closed", "it was open until a while ago"),
    "slot not open yet": ("slot-not-open", "send it again once it is open"),
    "too many corrections": ("too-many-corrections", ""),
    "unknown patient": ("unknown-patient", ""),
    "erased": ("unknown-patient", ""),
}


class Followed(NamedTuple):
    """A patient as this process knows them: the mirror of their shard, and the pathway in their version."""

    hub: PatientsHub
    patient: Patient
    pathway: Pathway


def must_be_heard(place: Followed, slot: str, now: int, only: str = "") -> None:
    """Raise Problem for answers that are not the shard's to judge: to a slot to come, or by a link (`only`) of another.

    Whatever it refuses itself it hears: something grave that comes too late raises the patient's alert all the same. A
    slot that is over takes no more, so any link of the patient may bring what another was to bring in time; and what
    was taken before is known there by its name, and is received.
    """
    patient, at = place.patient, max(now, place.hub.at)
    asked = patient.slot
    if patient.status in OVER or asked is None:
        return
    due = next((each for each in _slots(place) if each.slot == slot), None)
    is_past = due is not None and due.due_at < asked.due_at
    if only not in ("", slot) and not is_past:
        raise Problem("slot-closed", "this link is for another slot")
    if due is None or is_past or patient.status == "paused":
        return
    if due.due_at > asked.due_at or patient.status == "calling" or at < due.opens_at:
        # Refused there it would be refused by this name for two days, and so once the slot is open.
        raise refusal("slot not open yet")


def slot_at(place: Followed, at: int) -> str | None:
    """Return the slot that was open at an instant, None where none was."""
    return next((due.slot for due in _slots(place) if due.opens_at <= at < due.closes_at), None)


def _slots(place: Followed) -> Sequence[Due]:
    patient = place.patient
    return slots(place.pathway, patient.first_day, patient.zone, patient.enrolled_at)


def given(
    patient: Patient,
    key: Key,
    sending: str,
    slot: str,
    by: AnsweredBy,
    answers: Mapping[str, Value],
    source: Source,
    region: str,
    now: int,
) -> AnswersGiven:
    """Return the event of answers: the same answers under the same sending's name are the same event.

    Others under the same name are another event, a correction: nothing that is sent is passed over as a repetition.
    """
    packed = msgspec.msgpack.encode(answers)
    return AnswersGiven(
        id=_id(key, sending, slot, by, answers),
        received_at=now,
        region=region,
        source=source,
        patient=patient.id,
        slot=slot,
        answers=_sealed(key, packed, patient.id, slot),
        by=by,
    )


def _sealed(key: Key, packed: bytes, patient: str, slot: str) -> Sealed:
    return seal(key, packed, About(patient, "answers", slot))


def _id(key: Key, *told: object) -> str:
    # Keyed with the patient's own key: a plain hash of so few possible answers could be looked up by whoever has ids.
    named = hmac.digest(key.secret, _NAMED + msgspec.msgpack.encode(told, order="deterministic"), "sha256")
    return str(uuid.uuid5(OURS, named.hex()))


def refusal(reason: str) -> Problem:
    """Return the problem of an outcome's reason."""
    kind, detail = REFUSALS.get(reason, ("refused", reason))
    return Problem(kind, detail)


def settle(said: Said | Problem | None) -> bool:
    """Return whether something is folded (not yet known, where it is False); raise the Problem where it was refused."""
    if isinstance(said, Problem):
        raise said
    if said is not None and said.outcome not in ("applied", "history"):
        raise refusal(said.reason or said.outcome)
    return said is not None
