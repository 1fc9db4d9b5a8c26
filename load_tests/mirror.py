"""A hub filled without engines: the real Occitanie after a day's reports, and what one more batch changes in it."""

from collections.abc import Sequence
from itertools import pairwise

from domain.capacity.fold import FOLD_VERSION, CapacityState, Draft, Item, fold
from domain.events import Event, Genesis, GrantGiven
from domain.places import Region
from launch import publish, regions
from live_state import capacity
from live_state.memory import MemoryState
from live_state.state import Build, Commit, Position
from load_tests.reports import reports
from realtime_api.access import View, view_of
from realtime_api.push.codecs import MSGPACK
from realtime_api.push.hub import Hub
from realtime_api.push.relay import HASHES

GRANTED = "load-test"
EPOCH = "load"
BATCH = 8  # reports in 40 ms at 200 a second
AT_ONCE = 200


async def _committed(state: MemoryState, build: Build, held: CapacityState, items: Sequence[Item]) -> Draft:
    draft = fold(held, items)
    at = Position(EPOCH, held.offset, FOLD_VERSION)
    commit = Commit(at, at._replace(offset=draft.offset), capacity.writes(draft, rebuilding=False), b"")
    if not await state.commit(build, commit):
        raise RuntimeError("the memory refused a commit")
    held.absorb(draft)
    return draft


async def filled(region: Region | None = None, count: int = 4_000) -> tuple[Hub, list[str]]:
    """Return the hub after so many reports, and the keys that its last batch of eight changed."""
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
    events = [*opening, *reports(region, count, now, apart_ms=1)]
    items = [Item(offset, event) for offset, event in enumerate(events)]
    cuts = [*range(0, len(items) - BATCH, AT_ONCE), len(items) - BATCH]
    for start, end in pairwise(cuts):
        await _committed(state, build, held, items[start:end])
    last = await _committed(state, build, held, items[len(items) - BATCH :])
    loaded = await state.load(build, HASHES)
    if loaded is None:
        raise RuntimeError("the memory lost its build")
    hub = Hub(region.code)
    hub.replace(build, *loaded)
    hub.trouble = None
    return hub, [*(f"ward/{id_}" for id_ in last.wards), *(f"total/{key}" for key in last.totals)]


def view(of: Hub) -> View:
    """Return the view of a crisis cell: the whole region."""
    seen = view_of(GRANTED, of.grants[GRANTED], of.code, of.at)
    if seen is None:
        raise RuntimeError("no grant, no view")
    return seen


def changes(of: Hub, keys: Sequence[str]) -> bytes:
    """Return the message that tells of these keys, as it travels."""
    return MSGPACK.encode(of.changes(view(of), keys))
