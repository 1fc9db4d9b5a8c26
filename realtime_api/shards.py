"""Which regions there are, and where their logs are: learnt from the genesis records, and learnt again in doubt."""

import asyncio
from typing import NamedTuple

from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import CAPACITY, FOLLOWUP, NOTICES, region_of
from realtime_api.problems import Problem

LOOKS_AT_ONCE = 8  # partitions: those of patients are many, and mostly empty
TOPICS = (CAPACITY, NOTICES, FOLLOWUP)


class Shard(NamedTuple):
    """One shard on the log: where it lives, and the identity of that log."""

    name: str
    topic: str
    partition: int
    epoch: str

    @property
    def region(self) -> str:
        """Return the code of its region."""
        return region_of(self.name)


class Shards:
    """The map of shards, and for each partition the last offset that an append was answered with."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.by_name: dict[str, Shard] = {}
        self.trouble: str | None = "the log was not reached yet"
        self._last: dict[tuple[str, int], int] = {}
        self._learning = asyncio.Lock()

    @property
    def regions(self) -> list[str]:
        """Return the codes of the regions."""
        return [shard.region for shard in self.by_name.values() if shard.topic == CAPACITY]

    async def learn(self) -> None:
        """Read the genesis records; raise LogAway where the log can't be reached."""
        found: dict[str, Shard] = {}
        try:
            for topic in TOPICS:
                for shard in await self._shards_of(topic):
                    found.setdefault(shard.name, shard)
        except LogAway:
            self.trouble = "the log cannot be reached"
            raise
        for name, shard in found.items():
            if self.by_name.get(name) != shard:
                self._last.pop((shard.topic, shard.partition), None)
        self.by_name = found
        if not self.regions:
            self._last = {}
            self.trouble = "no region has been published: vigilits region init does it"
        else:
            self.trouble = None

    async def _shards_of(self, topic: str) -> list[Shard]:
        try:
            count = await self._log.partitions(topic)
        except UnknownTopic:
            return []
        found: list[Shard | None] = []
        for start in range(0, count, LOOKS_AT_ONCE):
            some = range(start, min(count, start + LOOKS_AT_ONCE))
            found += await asyncio.gather(*(self._shard_at(topic, partition) for partition in some))
        return [shard for shard in found if shard is not None]

    async def _shard_at(self, topic: str, partition: int) -> Shard | None:
        try:
            genesis = await self._log.genesis(topic, partition)
        except (NotAGenesis, UnknownTopic):
            return None  # not a log of ours: nothing is written there
        return None if genesis is None else Shard(genesis.shard, topic, partition, genesis.epoch)

    async def of(self, name: str) -> Shard:
        """Return a shard, learning it first where that is needed; raise a Problem where there is none."""
        if name not in self.by_name:
            async with self._learning:  # many commands may be in doubt at once, and one look is enough for all
                if name not in self.by_name:
                    await self.learn()
        try:
            return self.by_name[name]
        except KeyError:
            raise Problem("not-ready", "this region is not on the log") from None

    async def append(self, shard: Shard, value: bytes, folded: int = 0) -> int:
        """Return the offset at which the value was kept, on a log that is known to have been folded so far.

        A broker that came back empty, or makes topics by itself, acknowledges at an offset that we have seen before.
        What it acknowledged is then on no log of ours, and is not accepted.
        """
        place = (shard.topic, shard.partition)
        before = max(folded, self._last.get(place, 0))
        try:
            offset = await self._log.append(shard.topic, shard.partition, shard.region.encode(), value)
        except UnknownTopic:
            self.doubt(shard)
            raise Problem("log-changed", "the partition is gone") from None
        if offset <= before or self.by_name.get(shard.name) != shard:
            self.doubt(shard)
            raise Problem("log-changed", "the log begins anew")
        self._last[place] = max(offset, self._last.get(place, 0))
        return offset

    def doubt(self, shard: Shard) -> None:
        """Forget a shard, so that it is learnt again before anything else is written to it."""
        if self.by_name.get(shard.name) == shard:
            del self.by_name[shard.name]
        self._last.pop((shard.topic, shard.partition), None)
