"""What people of a circle do: from what was asked to events with sealed content, and from outcomes to answers."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.capacity.fold import Said
from domain.events import (
    CallMade,
    CircleChanged,
    Deed,
    FollowUpMoved,
    MemoDone,
    MemoWritten,
    MessagesRead,
    MessageWritten,
    PatientAlertActed,
    RuleMuted,
    Source,
    SummaryGiven,
    TeleconsultationStarted,
)
from domain.followup.chart import Mute
from domain.followup.patient import Member
from domain.followup.sealed import Sealed
from realtime_api.patients import asked
from realtime_api.patients.asked import Act, OfAlert, Read
from realtime_api.problems import Mistake, Problem

DOOR = "api"
HOLDS_MS = 10_000  # an act that is folded later is refused: nobody waits for it any more
MINUTE_MS = 60_000
OPEN_TO_GLASS = (asked.Comment, asked.Message, asked.Read)  # of who broke it
MOVES: Mapping[type[Act], Any] = {asked.Pause: "pause", asked.Stop: "stop", asked.End: "end"}
# What the fold says of what it refuses (domain/followup/fold.py).
TAKEN = re.compile(r"taken by (.+) at ([0-9]+)")
OF_FIELD = re.compile(r"(check_at|until|due_at|next_at|to|outcome|text|reason|circle): (.+)")
KINDS = {
    "unknown patient": "unknown-patient",
    "erased": "unknown-patient",
    "not in the circle": "unknown-patient",
    "in the circle already": "in-the-circle",
    "over": "over",
    "not taken": "not-taken",
    "news meanwhile": "news",
    "unknown alert": "over",  # it was there when the page was drawn
    "unknown memo": "over",
    "paused": "paused",
    "for a while": "for-the-night",
    "not theirs to confirm": "not-allowed",
}
# States in which something can't be done; the fold's own words for them say which.
NOT_NOW = frozenset(
    (
        "not paused",
        "not followed yet",
        "nobody is to be called",
        "not over",
        "no summary is given",
        "not sent yet",
        "no channel",
    )
)


class Content(NamedTuple):
    """What of an act is to be sealed, and under which field its event has it."""

    field: str
    kind: str
    content: object


def content_of(act: Act, subject: str, now: int) -> Content | None:
    """Return the content of an act, None of one that has none."""
    match act:
        case asked.MuteRule():
            until = now + act.minutes * MINUTE_MS
            return Content("mute", "mute", Mute(rule=act.rule, reason=act.reason, by=subject, until=until))
        case asked.Pause() | asked.Stop() | asked.End():
            return Content("reason", "note", act.reason)
        case asked.Comment() | asked.Message() | asked.Memo():
            return Content("text", "note", act.text)
        case asked.Close() if act.text.strip():
            return Content("text", "note", act.text)
        case asked.Call() if act.note.strip():
            return Content("note", "note", act.note)
    return None


def event_of(
    act: Act, id_: str, patient: str, region: str, subject: str, now: int, sealed: Mapping[str, Sealed]
) -> Deed:
    """Return the event of an act; `sealed` is its content by the event's field."""
    told: dict[str, Any] = {
        "id": id_,
        "received_at": now,
        "region": region,
        "source": Source(id=subject, door=DOOR),
        "not_after": now + HOLDS_MS,
        "patient": patient,
        **sealed,
    }
    match act:
        case OfAlert():
            told |= {"alert": act.alert, "act": act.__struct_config__.tag}
            told |= {name: getattr(act, name) for name in ("seen", "check_at", "to", "outcome") if hasattr(act, name)}
            return PatientAlertActed(**told)
        case asked.MuteRule():
            return RuleMuted(**told, until=now + act.minutes * MINUTE_MS)
        case asked.Message():
            return MessageWritten(**told)
        case Read():
            return MessagesRead(**told, upto=act.upto)
        case asked.Memo():
            return MemoWritten(**told, due_at=act.due_at)
        case asked.MemoDone():
            return MemoDone(**told, memo=act.memo)
        case asked.Join():
            return CircleChanged(**told, add=(Member(subject=act.subject, role=act.role),))
        case asked.Leave():
            return CircleChanged(**told, remove=(act.subject,))
        case asked.Resume():
            return FollowUpMoved(**told, move="resume")
        case asked.Teleconsultation():
            return TeleconsultationStarted(**told, provider=act.provider)
        case asked.SummaryReceived():
            return SummaryGiven(**told, what="received")
        case asked.Call():
            return CallMade(**told, outcome=act.outcome, next_at=act.next_at)
    return FollowUpMoved(**told, move=MOVES[type(act)])


def refusal(said: Said, subject: str, now: int, names: Mapping[str, str]) -> Problem | None:
    """Return why something was refused, None where what it was for is so already."""
    reason = said.reason or said.outcome
    if (taken := TAKEN.fullmatch(reason)) is not None:
        by, at = taken[1], int(taken[2])
        if by == subject:
            return None  # sent again by one who has it
        name = names.get(by)
        detail = f"taken {max(0, now - at) // 1000} s ago by {name or by}"
        more: dict[str, Any] = {} if name is None else {"taken_by_name": name}
        return Problem("taken", detail, taken_by=by, taken_at=at, **more)
    if (wrong := OF_FIELD.fullmatch(reason)) is not None:
        return Problem("wrong-fields", mistakes=[Mistake(wrong[1], wrong[2])])
    if reason == "unknown pathway":
        return Problem("wrong-fields", mistakes=[Mistake("pathway", "there is no such pathway")])
    kind = KINDS.get(reason)
    if kind is not None:
        return Problem(kind)
    return Problem("not-now" if reason in NOT_NOW else "refused", reason)
