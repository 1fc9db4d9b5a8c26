"""What people do with alerts: from what was asked to events on the owners' shards, and from outcomes to answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from domain.alerts.notice import HeldAlert
from domain.capacity.fold import Said
from domain.events import AlertActed, AlertSeen, Event, Source
from realtime_api.alerts.shapes import ActAnswer, ActAnswers
from realtime_api.answers import NEVER, json_answer
from realtime_api.commands import Command, deed_id
from realtime_api.intake.alerts import ActAsked
from realtime_api.problems import Problem
from realtime_api.push.mirror import Mirror
from realtime_api.shapes import Links

HOLDS_MS = 10_000  # an act that is folded later is refused: nobody waits for it any more
DOOR = "api"
# What the fold says of an act that it refuses (domain/alerts/evaluate.py).
TAKEN = re.compile(r"taken by (.+) at ([0-9]+)")
OVER = re.compile(r"over at ([0-9]+)")

Told = Said | Problem | None


def link_to(event: Event) -> str:
    """Return where the outcome of an event can be asked for."""
    return f"/api/v1/commands/{event.id}"


def act_on(asked: ActAsked, held: HeldAlert, subject: str, region: str, now: int, key: str | None = None) -> AlertActed:
    """Return the event of an act on one alert: the same act under the same key is the same event."""
    assert asked.act != "seen"
    return AlertActed(
        id=deed_id(subject, key, now, asked.act, held.alert.id, asked.to, asked.outcome, asked.text),
        received_at=now,
        region=region,
        source=Source(id=subject, door=DOOR),
        not_after=now + HOLDS_MS,
        alert=held.alert.id,
        act=asked.act,
        to=asked.to,
        outcome=asked.outcome,
        text=asked.text,
    )


def seen(
    ids: Sequence[str], subject: str, region: str, now: int, door: str = DOOR, key: str | None = None
) -> AlertSeen:
    """Return the event of somebody having seen alerts."""
    source = Source(id=subject, door=door)
    return AlertSeen(
        id=deed_id(subject, key, now, "seen", *ids), received_at=now, region=region, source=source, alerts=tuple(ids)
    )


def refusal(said: Said, subject: str, act: str, now: int, names: Mapping[str, str]) -> Problem | None:
    """Return why an act was refused, None where what it was for is so already."""
    reason = said.reason or said.outcome
    if (taken := TAKEN.fullmatch(reason)) is not None:
        by, at = taken[1], int(taken[2])
        if by == subject and act == "take":
            return None  # sent again by one who has it
        detail = f"taken {max(0, now - at) // 1000} s ago by {names.get(by, by)}"
        return Problem("taken", detail, taken_by=by, taken_by_name=names.get(by, msgspec.UNSET), taken_at=at)
    if (over := OVER.fullmatch(reason)) is not None:
        return Problem("over", over_at=int(over[1]))
    kind = {"not taken": "not-taken", "unknown alert": "unknown", "open the file": "open-the-file"}.get(reason)
    return Problem(kind) if kind else Problem("refused", reason)


def answer_of(id_: str, command: Command[Event] | None, told: Told) -> ActAnswer:
    """Return what became of an act on one alert."""
    if isinstance(told, Problem):
        return ActAnswer(id=id_, status=told.status, problem=told.document)
    if told is None:
        assert command is not None
        return ActAnswer(id=id_, status=202, outcome="pending", links=Links(link_to(command.event)))
    return ActAnswer(id=id_, status=200, outcome="applied")


def answer(answers: Sequence[ActAnswer], told: Sequence[Told]) -> Response:
    """Return all answers as one: raise the problem where there is only one."""
    refused = [each for each in told if isinstance(each, Problem)]
    if len(refused) == len(told) and (len(told) == 1 or all(each.status == 503 for each in refused)):
        raise refused[0]
    headers = NEVER
    if not refused:
        pending = [each for each in answers if each.outcome == "pending"]
        status = 202 if pending else 200
        if len(answers) == 1 and pending and pending[0].links:
            headers = NEVER | {"location": pending[0].links.self}
    elif len(refused) < len(told):
        status = 207
    else:
        statuses = {each.status for each in refused}
        status = statuses.pop() if len(statuses) == 1 else 422
    return json_answer(ActAnswers(list(answers)), status, headers=headers)


def owner(held: HeldAlert, mirrors: Mapping[str, Mirror[Any]]) -> Mirror[Any]:
    """Return the mirror of the shard that owns an alert; raise Problem where it can't tell outcomes now."""
    mirror = mirrors.get(held.shard)
    if mirror is None:
        raise Problem("not-ready")
    why = mirror.why_not()
    if why is not None:
        raise Problem(why)
    return mirror
