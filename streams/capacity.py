"""The capacity shard as a worker has it: what the one shard class needs to know of its fold and of its live state."""

from collections.abc import Mapping, Sequence

import structlog

from domain.capacity.fold import FOLD_VERSION, CapacityState, Draft, Item, fold
from event_log.topics import CAPACITY, region_of
from live_state import capacity
from live_state.state import Position
from streams.measures import Measures
from streams.shard import Written

logger = structlog.get_logger("streams.capacity")


class Capacity:
    """The sort of shard that keeps a region's beds, its grants, and the alerts on them."""

    topic = CAPACITY
    fold_version = FOLD_VERSION
    names: Sequence[str] = capacity.NAMES
    forwards = True

    def empty(self, end: int = -1) -> CapacityState:
        """Return the state before the first record."""
        return CapacityState()

    def load(self, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> CapacityState:
        """Return the state that these hashes hold."""
        return capacity.load(position, held)

    async def prepare(self, state: CapacityState, items: Sequence[Item]) -> None:
        """Return at once: all that the fold reads is in the records and in the state."""

    def fold(self, state: CapacityState, items: Sequence[Item]) -> Draft:
        """Return the draft of records that follow the state."""
        draft = fold(state, items)
        if draft.trouble is not None:  # beds come first
            logger.error("alerts are not judged", region=state.region and state.region.code, why=draft.trouble)
        return draft

    def absorb(self, state: CapacityState, draft: Draft) -> None:
        """Have the state become what the draft says."""
        state.absorb(draft)

    def written(self, draft: Draft, *, rebuilding: bool) -> Written:
        """Return what the draft is in the live state."""
        packed = capacity.packed(draft)  # once, for both
        writes = capacity.writes(draft, packed, rebuilding=rebuilding)
        return Written(writes, capacity.feed(draft, packed, rebuilding=rebuilding), packed.steps)

    def waits(self, state: CapacityState) -> bool:
        """Return False: what one record leaves is soon run by one of the many others."""
        return False

    def measure(self, shard: str, state: CapacityState, measures: Measures, now: int) -> None:
        """Set the age of the oldest figure that each of the region's totals rests on."""
        region = region_of(shard)
        for key, total in state.totals.items():
            if key.startswith("region/") and total.oldest_at is not None:
                kind = key.rpartition("/")[2]
                measures.oldest_figure.labels(region, kind).set((now - total.oldest_at) / 1000)
