"""Which regions there are, and where their logs are: learnt from the genesis records, and learnt again in doubt."""

import asyncio
from typing import NamedTuple

from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import CAPACITY, region_of
from realtime_api.problems import Problem


class Shard(NamedTuple):
    """One region's capacity shard on the log."""

    region: str
    partition: int
    epoch: str


class Shards:
    """The map of regions, and for each partition the last offset that an append was answered with."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.by_region: dict[str, Shard] = {}
        self.trouble: str | None = "the log was not reached yet"
        self._last: dict[int, int] = {}
        self._learning = asyncio.Lock()

    async def learn(self) -> None:
        """Read the genesis records; raise LogAway where the log can't be reached."""
        try:
            count = await self._log.partitions(CAPACITY)
        except UnknownTopic:
            self.by_region, self._last = {}, {}
            self.trouble = f"there is no topic {CAPACITY}: vigilits region init makes it"
            return
        except LogAway:
            self.trouble = "the log cannot be reached"
            raise
        found: dict[str, Shard] = {}
        for partition in range(count):
            try:
                genesis = await self._log.genesis(CAPACITY, partition)
            except (NotAGenesis, UnknownTopic):
                continue  # not a log of ours: nothing is written there
            except LogAway:
                self.trouble = "the log cannot be reached"
                raise
            if genesis is not None:
                shard = Shard(region_of(genesis.shard), partition, genesis.epoch)
                found.setdefault(shard.region, shard)
        for region, shard in found.items():
            if self.by_region.get(region) != shard:
                self._last.pop(shard.partition, None)
        self.by_region = found
        self.trouble = None if found else "no region has been published: vigilits region init does it"

    async def of(self, region: str) -> Shard:
        """Return a region's shard, learning it first where that is needed; raise a Problem where there is none."""
        if region not in self.by_region:
            async with self._learning:  # many reports may be in doubt at once, and one look is enough for all
                if region not in self.by_region:
                    await self.learn()
        try:
            return self.by_region[region]
        except KeyError:
            raise Problem("not-ready", "this region is not on the log") from None

    async def append(self, shard: Shard, value: bytes, folded: int = 0) -> int:
        """Return the offset at which the value was kept, on a log that is known to have been folded so far.

        A broker that came back empty, or makes topics by itself, acknowledges at an offset that we have seen before.
        What it acknowledged is then on no log of ours, and is not accepted.
        """
        before = max(folded, self._last.get(shard.partition, 0))
        try:
            offset = await self._log.append(CAPACITY, shard.partition, shard.region.encode(), value)
        except UnknownTopic:
            self.doubt(shard)
            raise Problem("log-changed", "the partition is gone") from None
        if offset <= before or self.by_region.get(shard.region) != shard:
            self.doubt(shard)
            raise Problem("log-changed", "the log begins anew")
        self._last[shard.partition] = max(offset, self._last.get(shard.partition, 0))
        return offset

    def doubt(self, shard: Shard) -> None:
        """Forget a shard, so that it is learnt again before anything else is written to it."""
        if self.by_region.get(shard.region) == shard:
            del self.by_region[shard.region]
        self._last.pop(shard.partition, None)
