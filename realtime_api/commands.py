"""Commands become events on the log, and are answered when they are applied: by their outcome, or a link to it."""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import structlog

from domain.capacity.fold import Said
from domain.events import BedsReported, Event
from event_log.codec import encode
from event_log.ids import new_id
from event_log.log import LogAway
from realtime_api.answers import Parameter
from realtime_api.measures import Measures
from realtime_api.problems import Problem
from realtime_api.push.mirror import Mirror
from realtime_api.shards import Shards

OUTCOME_WITHIN_S = 2.0
APPEND_WITHIN_S = 5.0
MOST_IN_FLIGHT = 4_000  # events on their way to the log
MOST_AT_ONCE = 250  # of one list: more would crowd out the single ones of others
MOST_PENDING = 10_000
MOST_KEY = 200  # characters of an Idempotency-Key
OURS = uuid.UUID("6d1f0a3e-6f2b-5f0e-9b1d-76696769c3b1")  # namespace of sources: any fixed UUID, never to be changed

KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": "^[!-~][ -~]*$"},
    False,
    "The sender's own name for this request: sent again, it changes nothing and is answered as before.",
)

log = structlog.get_logger("commands")

E = TypeVar("E", bound=Event)


class Command(NamedTuple, Generic[E]):
    """One event to be accepted, and the mirror of the shard whose it is, which will tell its outcome."""

    event: E
    hub: Mirror[Any]


def command_id(subject: str, key: str | None) -> str:
    """Return the id of a command: the same for the same source and key, so that sending it again changes nothing."""
    if key is None:
        return new_id()
    must_be_key(key)
    return str(uuid.uuid5(uuid.uuid5(OURS, subject), key))


def must_be_key(key: str) -> None:
    """Raise Problem for what can't be an Idempotency-Key."""
    if not 0 < len(key) <= MOST_KEY or not key.isascii() or not key.isprintable():
        raise Problem("bad-parameter", f"Idempotency-Key: 1 to {MOST_KEY} printable ASCII characters")


def deed_id(subject: str, key: str | None, now: int, *what: object) -> str:
    """Return the id of something done: the same for the same source, key and deed, so that it is done once.

    What is done is a part of it: the outcome of one deed is never told of another that was sent under the same key.
    """
    if key is None:
        return new_id(now)
    return str(uuid.uuid5(uuid.UUID(command_id(subject, key)), msgspec.json.encode(what).decode()))


def row_id(list_id: str, place: int) -> str:
    """Return the id of a row of a list."""
    return str(uuid.uuid5(uuid.UUID(list_id), str(place)))


class Commands:
    """The way of every command from a door to the log and back as an outcome."""

    def __init__(
        self,
        shards: Shards,
        measures: Measures,
        outcome_within_s: float = OUTCOME_WITHIN_S,
        append_within_s: float = APPEND_WITHIN_S,
    ) -> None:
        self._shards, self._measures = shards, measures
        self._outcome_within_s, self._append_within_s = outcome_within_s, append_within_s
        self._in_flight = 0
        self._pending: OrderedDict[str, None] = OrderedDict()

    async def run(self, commands: Sequence[Command[Any]]) -> list[Said | Problem | None]:
        """Return what became of each: its outcome, why it was not accepted, or None where that is not known yet."""
        if self._in_flight + len(commands) > MOST_IN_FLIGHT:
            raise Problem("busy", "too many commands are on their way to the log")
        self._in_flight += len(commands)
        waiting = [command.hub.expect(command.event.id) for command in commands]
        try:
            refused = await self._append_all(commands)
            return await self._outcomes(commands, waiting, refused)
        finally:
            self._in_flight -= len(commands)
            for command, future in zip(commands, waiting, strict=True):
                command.hub.forget(command.event.id, future)

    async def _append_all(self, commands: Sequence[Command[Any]]) -> list[Problem | None]:
        """Return for each command why the log did not take it, None where it did."""
        answers: list[Problem | None] = []
        deadline = time.monotonic() + self._append_within_s
        for start in range(0, len(commands), MOST_AT_ONCE):
            if answers and answers[-1] is not None:  # the log is away: waiting for it once is enough
                answers += [answers[-1]] * len(commands[start : start + MOST_AT_ONCE])
                continue
            appends = [self._append(command, deadline) for command in commands[start : start + MOST_AT_ONCE]]
            answers += await asyncio.gather(*appends)  # begun in this order, and so kept in it
        return answers

    async def _append(self, command: Command[Any], deadline: float) -> Problem | None:
        event = command.event
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, deadline - started)):
                shard = await self._shards.of(command.hub.shard)
                build = command.hub.build
                folded = command.hub.offset if build is not None and build.epoch == shard.epoch else 0
                offset = await self._shards.append(shard, encode(event), folded)
        except (LogAway, TimeoutError):
            log.warning("not kept", event_id=event.id, shard=command.hub.shard, why="the log is away")
            return Problem("log-away")
        except Problem as problem:
            log.warning("not kept", event_id=event.id, shard=command.hub.shard, why=problem.detail)
            return problem
        self._measures.produce_seconds.observe(time.monotonic() - started)
        if isinstance(event, BedsReported):
            self._measures.reports.labels(event.source.door).inc()
        log.debug("kept", event_id=event.id, shard=command.hub.shard, offset=offset)
        return None

    async def _outcomes(
        self,
        commands: Sequence[Command[Any]],
        waiting: Sequence[asyncio.Future[Said]],
        refused: Sequence[Problem | None],
    ) -> list[Said | Problem | None]:
        started = time.monotonic()
        kept = {future for future, problem in zip(waiting, refused, strict=True) if problem is None}
        if kept:
            await asyncio.wait(kept, timeout=self._outcome_within_s)
        answers: list[Said | Problem | None] = []
        for command, future, problem in zip(commands, waiting, refused, strict=True):
            if problem is not None:
                answers.append(problem)
            elif future.done():
                said = future.result()
                other = said.digest and said.digest != getattr(command.event, "digest", "")
                answers.append(Problem(_other(command.event)) if other else said)
                self._measures.outcome_seconds.observe(time.monotonic() - started)
            else:
                answers.append(None)
                self._remember(command.event.id)
        return answers

    def _remember(self, id_: str) -> None:
        self._measures.pending.inc()
        self._pending[id_] = None
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)

    def is_pending(self, id_: str) -> bool:
        """Return whether this process accepted the event, and has answered for it before it knew the outcome."""
        return id_ in self._pending


def _other(event: Event) -> str:
    """Return the kind of problem that something else is which was sent under the same key."""
    return "other-report" if isinstance(event, BedsReported) else "other-command"
