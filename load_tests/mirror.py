"""A hub filled without engines: the real Occitanie after some thousand reports, and what one more batch changes."""

from collections.abc import Sequence

import msgspec

from domain.capacity.fold import FOLD_VERSION, CapacityState, Item, fold
from domain.events import BedsReported, Event, Genesis, GrantGiven
from domain.places import Region
from launch import publish, regions
from live_state import capacity
from live_state.capacity import Change
from live_state.memory import MemoryState
from live_state.state import Build, Commit, Position
from load_tests.reports import reports
from realtime_api.access import View, view_of
from realtime_api.push.codecs import MSGPACK
from realtime_api.push.hub import HASHES, Hub

GRANTED = "load-test"
EPOCH = "load"
BATCH = 8  # reports in 40 ms at 200 a second
AT_ONCE = 200


async def _committed(state: MemoryState, build: Build, held: CapacityState, items: Sequence[Item]) -> None:
    draft = fold(held, items)
    at = Position(EPOCH, held.offset, FOLD_VERSION)
    commit = Commit(at, at._replace(offset=draft.offset), capacity.writes(draft, rebuilding=False), b"")
    if not await state.commit(build, commit):
        raise RuntimeError("the memory refused a commit")
    held.absorb(draft)


async def filled(region: Region | None = None, count: int = 4_000) -> tuple[Hub, list[Change]]:
    """Return the hub after so many reports, and two changes by eight more of the same wards, to be told in turns."""
    region = region or regions.read("occitanie").region
    state, held, now = MemoryState(), CapacityState(), regions.now()
    shard = regions.shard_of(region.code)
    build = await state.begin(shard, EPOCH, FOLD_VERSION, None)
    if build is None:
        raise RuntimeError("the memory began no build")
    opening: list[Event] = [
        Genesis(id="genesis", received_at=now, epoch=EPOCH, shard=shard),
        *publish.parts("region", publish.documents(region, b"{}")["region"], now),
        GrantGiven(id="grant", received_at=now, subject=GRANTED, role="crisis_cell", scope=region.code, since=0),
    ]
    told = list(reports(region, count + BATCH, now, apart_ms=1))
    items = [Item(offset, event) for offset, event in enumerate([*opening, *told[:count]])]
    for start in range(0, len(items), AT_ONCE):
        await _committed(state, build, held, items[start : start + AT_ONCE])
    loaded = await state.load(build, HASHES)
    if loaded is None:
        raise RuntimeError("the memory lost its build")
    changes = []
    for turn in range(2):
        draft = fold(
            held, [Item(held.offset + 1 + place, _more(event, turn)) for place, event in enumerate(told[count:])]
        )
        changes.append(capacity.read_feed(capacity.feed(draft, rebuilding=False)))
        held.absorb(draft)
    hub = Hub(region.code)
    hub.replace(build, *loaded)
    hub.trouble = None
    return hub, changes


def _more(event: BedsReported, by: int) -> BedsReported:
    """Return the report again, of so many more beds."""
    first, *others = event.splits
    splits = (msgspec.structs.replace(first, count=first.count + by), *others)
    return msgspec.structs.replace(event, id=f"{event.id}-{by}", splits=splits)


def view(of: Hub) -> View:
    """Return the view of a crisis cell: the whole region."""
    seen = view_of(GRANTED, of.grants[GRANTED], of.code, of.at)
    if seen is None:
        raise RuntimeError("no grant, no view")
    return seen


def message(of: Hub, change: Change) -> bytes:
    """Return the message that tells of a change, as it travels, once the hub has taken it in."""
    before = of.offset
    effect = of.apply(before + BATCH, change)
    return MSGPACK.encode(of.changes(view(of), effect.keys, before))
