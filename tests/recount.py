"""The oracle of every fault test: the log folded in one go, beside what the live state holds at its position."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from domain.capacity.fold import CapacityState, HourlyTotal, Item, fold
from domain.errors import Unreadable
from event_log.codec import decode
from event_log.log import Log
from event_log.topics import CAPACITY
from live_state import capacity
from live_state.state import Build, Position, State

SLICE = 500
History = Mapping[str, list[tuple[int, bool]]]  # a ward's offsets, newest first, and whether each stood


F = TypeVar("F", bound=NamedTuple)


class Figures(NamedTuple):
    """Everything that a shard shows, in a form that can be compared."""

    offset: int
    clock: int
    wards: Mapping[str, Any]
    totals: Mapping[str, Any]
    settings: Mapping[str, bytes]
    grants: Mapping[str, Any]
    said: Mapping[str, Any]
    dead: Mapping[int, str]
    hours: Mapping[int, Mapping[str, HourlyTotal]]
    history: History
    alerts: Mapping[str, Any]
    sources: Mapping[str, Any]
    dead_at: Mapping[int, int]


async def counted_again(log: Log, partition: int, upto: int) -> Figures:
    """Return what the log makes of nothing, up to an offset."""
    return of_fold(await items_of(log, CAPACITY, partition, upto))


async def items_of(log: Log, topic: str, partition: int, upto: int) -> list[Item]:
    """Return the records of a log up to an offset, as a fold wants them."""
    items = []
    async for record in log.read(topic, partition):
        if record.offset > upto:
            break
        try:
            items.append(Item(record.offset, decode(record.value), record.appended_at))
        except Unreadable as why:
            items.append(Item(record.offset, why, record.appended_at))
    return items


def of_fold(items: list[Item]) -> Figures:
    """Return what a fold in one go makes of these records."""
    held = CapacityState()
    dead: dict[int, str] = {}
    hours: dict[int, Mapping[str, HourlyTotal]] = {}
    history: dict[str, list[tuple[int, bool]]] = {}
    done = 0
    while done < len(items):
        draft = fold(held, items[done : done + SLICE])
        done += draft.offset - held.offset
        dead |= draft.dead
        hours |= draft.hours
        hours = {hour: totals for hour, totals in hours.items() if draft.first_offset_of.get(hour, 0) is not None}
        for told in draft.history:
            history.setdefault(told.ward, []).insert(0, (told.row.offset, told.stood))
        if draft.trims:
            kept_from = draft.history_from
            history = {ward: [line for line in lines if line[0] >= kept_from] for ward, lines in history.items()}
        held.absorb(draft)
    return _figures(held, dead, hours, history)


async def shown(state: State, shard: str) -> tuple[Build, Figures] | None:
    """Return what the live state holds of a shard, and in which build; None where there is nothing yet."""
    build = await state.current(shard)
    loaded = None if build is None else await state.load(build, (*capacity.NAMES, "hours", "dead"))
    if build is None or loaded is None:
        return None
    position, hashes = loaded
    held = capacity.load(position, hashes)
    dead = {int(offset): reason.decode() for offset, reason in hashes.get("dead", {}).items()}
    decode_hours = msgspec.msgpack.Decoder(dict[str, HourlyTotal]).decode
    hours = {int(hour): decode_hours(packed) for hour, packed in hashes.get("hours", {}).items()}
    history = {}
    for ward in _wards(held):
        lines = capacity.read_history(await state.latest(build, f"history:{ward}", 1_000_000))
        history[ward] = [(line.row.offset, line.stood) for line in lines]
    return build, _figures(held, dead, hours, history)


def _figures(held: CapacityState, dead: Any, hours: Any, history: History) -> Figures:
    kept = {ward: history.get(ward, []) for ward in _wards(held)}
    return Figures(
        held.offset,
        held.clock,
        held.wards,
        held.totals,
        held.settings,
        held.grants,
        held.said,
        dead,
        hours,
        {ward: lines for ward, lines in kept.items() if lines},
        held.alerts,
        held.sources,
        held.dead_at,
    )


def _wards(held: CapacityState) -> list[str]:
    return list(held.region.ward_of) if held.region else []


async def settled(
    log: Log, state: State, shard: str, partition: int, offset: int, epoch: str | None = None, within_s: float = 60.0
) -> Position:
    """Return the position once the live state is past the offset; it then equals the recount of the log up to there.

    Raise AssertionError where it does not get there in time, or differs.
    """
    give_up_at = time.monotonic() + within_s
    build = at = None
    while time.monotonic() < give_up_at:
        build = await state.current(shard)
        at = None if build is None else await state.position(build)
        if at is not None and at.offset >= offset and epoch in (None, at.epoch):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(f"{shard} is at {at} after {within_s} s, not at {offset} of {epoch or 'any epoch'}")
    for _ in range(20):  # ticks go on: what was read in several steps is kept if nothing was folded meanwhile
        found = await shown(state, shard)
        assert found is not None
        build, figures = found
        now = await state.position(build)
        if now is not None and now.offset == figures.offset:
            same(figures, await counted_again(log, partition, figures.offset))
            return now
    raise AssertionError(f"{shard} never stood still")


def same(figures: F, counted: F) -> None:
    """Raise AssertionError with the first thing that differs."""
    for name, one, other in zip(figures._fields, figures, counted, strict=True):
        if one != other:
            if isinstance(one, Mapping) and isinstance(other, Mapping):
                keys = [key for key in {*one, *other} if one.get(key) != other.get(key)]
                detail = [(key, one.get(key), other.get(key)) for key in sorted(keys, key=str)[:3]]
                raise AssertionError(f"{len(keys)} {name} differ (shown, counted): {detail}")
            raise AssertionError(f"{name}: shown {one}, counted {other}")
