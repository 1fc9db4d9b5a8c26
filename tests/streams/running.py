"""What a test of the running whole does: found regions, report beds, and compare with the recount."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, init_shard
from live_state.redis import RedisState
from tests.recount import settled
from tests.small_region import WARDS, published, region, report


class Place(NamedTuple):
    """A shard, and the partition it lives on."""

    shard: str
    partition: int


class Clients(NamedTuple):
    """A client of each engine, and what a test does through them."""

    log: KafkaLog
    state: RedisState

    async def founded(self, code: str) -> Place:
        """Return a new region's shard, its directory on the log."""
        place = Place(f"capacity:{code}", (await init_shard(self.log, f"capacity:{code}", now())).partition)
        await self.log.append(CAPACITY, place.partition, b"x", encode(published(region(code=code), now())))
        return place

    async def load(self, place: Place, count: int, pace_s: float = 0.0) -> int:
        """Return the last offset of so many reports."""
        return max([await self.one(place, pace_s) for _ in range(count)])

    async def one(self, place: Place, pace_s: float = 0.0) -> int:
        """Return the offset of a report."""
        await asyncio.sleep(pace_s)
        event = report(
            random.randbytes(8).hex(), random.choice(WARDS), random.choice(["02", "03"]), random.randrange(30), at=now()
        )
        return await self.log.append(CAPACITY, place.partition, b"x", encode(event))

    async def settled(self, place: Place, offset: int, within_s: float = 60) -> None:
        """Return once the shard is past the offset, and equal to the recount of its log."""
        await settled(self.log, self.state, place.shard, place.partition, offset, within_s=within_s)


def now() -> int:
    return time.time_ns() // 1_000_000


async def holds(what: Callable[[], Awaitable[bool]], within_s: float = 60) -> None:
    """Return once something holds."""
    give_up_at = time.monotonic() + within_s
    while not await what():
        assert time.monotonic() < give_up_at, "never came to hold"
        await asyncio.sleep(0.05)
