"""The same oracle for a notices shard: its log folded in one go, beside what the live state holds at its position."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.alerts.fold import Item, NoticesState, fold
from domain.alerts.notice import Entry
from event_log.log import Log
from event_log.topics import NOTICES
from live_state import notices
from live_state.state import Build, Position, State
from tests.recount import items_of, same

SLICE = 500
STORED = (*notices.KINDS, "settings")


class Told(NamedTuple):
    """Everything that a notices shard shows, in a form that can be compared; timelines are newest first."""

    offset: int
    clock: int
    shard: str
    values: Mapping[str, Any]  # by hash and key
    said: Mapping[str, Any]
    dead: Mapping[int, str]
    timelines: Mapping[str, Sequence[Entry]]


async def counted_again(log: Log, partition: int, upto: int) -> Told:
    """Return what the log makes of nothing, up to an offset."""
    return of_fold(await items_of(log, NOTICES, partition, upto))


def of_fold(items: list[Item]) -> Told:
    """Return what a fold in one go makes of these records."""
    held = NoticesState()
    dead: dict[int, str] = {}
    timelines: dict[str, dict[bytes, int]] = {}  # as the live state keeps them: equal lines are one
    done = 0
    while done < len(items):
        draft = fold(held, items[done : done + SLICE])
        done += draft.offset - held.offset
        dead |= draft.dead
        for alert, place, entry in draft.timeline:
            timelines.setdefault(alert, {})[msgspec.msgpack.encode(entry)] = place
        for alert, past in draft.past.changed.items():
            if past is None:
                timelines.pop(alert, None)
        held.absorb(draft)
    return _told(held, dead, {alert: notices.read_timeline(newest_first(by)) for alert, by in timelines.items()})


def newest_first(place_of: Mapping[bytes, int]) -> list[bytes]:
    """Return the members of a sorted set as they come from its end."""
    return sorted(place_of, key=lambda member: (place_of[member], member), reverse=True)


async def shown(state: State, shard: str) -> tuple[Build, Told] | None:
    """Return what the live state holds of a shard, and in which build; None where there is nothing yet."""
    build = await state.current(shard)
    loaded = None if build is None else await state.load(build, (*notices.NAMES, "dead"))
    if build is None or loaded is None:
        return None
    held = notices.load(*loaded)
    dead = {int(offset): reason.decode() for offset, reason in loaded[1].get("dead", {}).items()}
    timelines = {
        alert: notices.read_timeline(await state.latest(build, f"timeline:{alert}", 1_000_000))
        for alert in {*held.alerts, *held.past}
    }
    return build, _told(held, dead, timelines)


def _told(held: NoticesState, dead: Mapping[int, str], timelines: Mapping[str, Sequence[Entry]]) -> Told:
    values = {f"{name}/{key}": value for name in STORED for key, value in getattr(held, name).items()}
    kept = {alert: timelines.get(alert, ()) for alert in {*held.alerts, *held.past}}
    return Told(
        held.offset,
        held.clock,
        held.shard,
        values,
        held.said,
        dead,
        {alert: lines for alert, lines in kept.items() if lines},
    )


async def settled(log: Log, state: State, shard: str, partition: int, offset: int, within_s: float = 60.0) -> Position:
    """Return the position once the live state is past the offset; it then equals the recount of the log up to there.

    Raise AssertionError where it does not get there in time, or differs.
    """
    give_up_at = time.monotonic() + within_s
    at = None
    while time.monotonic() < give_up_at:
        found = await shown(state, shard)
        at = None if found is None else found[1].offset
        if found is not None and found[1].offset >= offset:
            now = await state.position(found[0])
            if now is not None and now.offset == found[1].offset:  # what was read in several steps is of one position
                same(found[1], await counted_again(log, partition, found[1].offset))
                return now
        await asyncio.sleep(0.05)
    raise AssertionError(f"{shard} is at {at} after {within_s} s, not at {offset}, or never stood still")
