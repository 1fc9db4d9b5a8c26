"""How far a region's other shards stand behind their logs, as the worker tells it that has its notices shard."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from domain.events import Event, SystemMeasured
from event_log.ids import new_id
from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import region_of, shards, shards_of
from live_state.state import State, StateAway
from streams.forwarder import WAITS_SINCE

LOOKS_EVERY_S = 10.0
AT_ONCE_S = 2.0  # behind by less is on its way
UNTOLD_S = 10.0  # five times as long as a shard's worker waits for anything before it tells the time
CHANGED_S, CHANGED_SHARE = 2.0, 0.05  # from what was told last: less is no news

logger = structlog.get_logger("streams.lag")


class Sight(NamedTuple):
    """How far a shard is folded, and where its log ends; `clock` (ms) is 0 before anything is folded of this log.

    `waits_since` (ms) is of when the oldest is of what it tells the notices and could not get there, 0 without any.
    """

    epoch: str
    offset: int
    clock: int
    end: int
    waits_since: int = 0


@dataclass(slots=True)
class Lag:
    """What sight after sight tells of one shard."""

    _stands_at: tuple[str, int] | None = None
    _stands_since: int = 0
    _ended: bool = False
    _told: float | None = None

    def seconds(self, sight: Sight, now: int) -> float:
        """Return how far it stands behind: by its clock, or for as long as it stood still; 0 at the log's end.

        And by what it has to tell of alerts and can't: whoever is to be told of them hears nothing either way.

        Its clock alone could hide that it stands: one record of a machine whose clock is ahead is enough. And the end
        is no excuse for long: where even the time is told no more, its worker is not at work.
        """
        at, ended = (sight.epoch, sight.offset), sight.offset + 1 >= sight.end
        untold = at == self._stands_at and now - self._stands_since >= UNTOLD_S * 1000
        if at != self._stands_at or (self._ended and not ended and not untold):
            self._stands_at, self._stands_since = at, now
        self._ended = ended
        behind_s = max(now - (sight.clock or now), now - self._stands_since) / 1000
        unheard_s = (now - sight.waits_since) / 1000 if sight.waits_since else 0.0
        return round(max(behind_s if (untold if ended else behind_s >= AT_ONCE_S) else 0.0, unheard_s), 1)

    def is_news(self, seconds: float) -> bool:
        """Return whether this is to be told: nothing was yet, it began or ended, or changed by more than a little."""
        told = self._told
        return told is None or (
            seconds != told and (not told or not seconds or abs(seconds - told) >= max(CHANGED_S, CHANGED_SHARE * told))
        )

    def told(self, seconds: float) -> None:
        """Note what was told."""
        self._told = seconds


async def sight_of(log: Log, state: State, shard: str, topic: str, partition: int) -> Sight | None:
    """Return how far a shard is folded and where its log ends, None where it does not live on that partition."""
    genesis = await log.genesis(topic, partition)
    if genesis is None or genesis.shard != shard:
        return None
    end = await log.end(topic, partition)  # first: what is folded meanwhile is no lag
    build = await state.current(shard)
    position = await state.position(build) if build is not None and build.epoch == genesis.epoch else None
    if build is None or position is None:
        return Sight(genesis.epoch, -1, 0, end)
    clock, waits_since = await state.fields(build, "meta", ["clock", WAITS_SINCE])
    return Sight(genesis.epoch, position.offset, int(clock or 0), end, int(waits_since or 0))


def measured(shard: str, seconds: float, now: int) -> SystemMeasured:
    """Return the event that tells how far a shard stands behind."""
    return SystemMeasured(
        id=new_id(now),
        received_at=now,
        region=region_of(shard),
        measure="position_lag",
        subject=f"shard/{shard}",
        value=seconds,
    )


def siblings(notices_shard: str) -> dict[str, str]:
    """Return the other shards of the region, and the topic of each."""
    return {name: topic for name, topic in shards_of(region_of(notices_shard)).items() if name != notices_shard}


class Lookout:
    """Looks at the siblings of one notices shard now and then, and tells of them on that shard's log."""

    def __init__(
        self,
        log: Log,
        state: State,
        beside: Callable[[], Iterable[tuple[str, str]]],
        append: Callable[[Event], Awaitable[None]],
        now: Callable[[], int],
    ) -> None:
        self._log, self._state = log, state
        self._beside, self._append, self._now = beside, append, now
        self._lags: dict[str, Lag] = {}
        self._partitions: dict[str, int] = {}

    async def look(self) -> None:
        """Return once what is new of each sibling has been told."""
        for shard, topic in self._beside():
            sight = await self._sight(shard, topic)
            if sight is None:
                continue
            lag, now = self._lags.setdefault(shard, Lag()), self._now()
            seconds = lag.seconds(sight, now)
            if lag.is_news(seconds):
                await self._append(measured(shard, seconds, now))
                lag.told(seconds)

    async def _sight(self, shard: str, topic: str) -> Sight | None:
        """Return a sight of a shard, None where it is nowhere to be seen; where it lives is remembered."""
        partition = self._partitions.pop(shard, None)
        if partition is None:
            partition = (await shards(self._log, topic)).get(shard)
        sight = None if partition is None else await sight_of(self._log, self._state, shard, topic, partition)
        if partition is not None and sight is not None:
            self._partitions[shard] = partition
        return sight

    async def run(self, every_s: float = LOOKS_EVERY_S) -> None:
        """Look until cancelled; what can't be looked at now is looked at later."""
        while True:
            try:
                await self.look()
            except (LogAway, UnknownTopic, NotAGenesis, StateAway) as why:
                logger.debug("not measured", why=str(why))
            await asyncio.sleep(every_s)
