"""Ends the process where a shard with something to read stands still: a consumer can stall without dying."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

STOOD_STILL = 70  # exit status: EX_SOFTWARE
LOOKS_EVERY_S = 1.0

logger = structlog.get_logger("streams.watchdog")


class Sight(NamedTuple):
    """What is seen of a partition (topic and number) at one look.

    `able` is whether nothing but this process keeps it from going on.
    """

    partition: str
    offset: int
    behind: int
    able: bool


@dataclass(slots=True)
class Watch:
    """Since when each partition has stood where it stands, with something to read and nothing in its way."""

    limit_s: float
    _since: dict[str, tuple[int, float]] = field(default_factory=dict)
    _looked_at: float | None = None

    def stands_still(self, sights: Iterable[Sight], now: float) -> list[str]:
        """Return the partitions that have stood still for longer than the limit."""
        slept = self._looked_at is not None and now - self._looked_at > 3 * LOOKS_EVERY_S
        self._looked_at = now
        before, self._since = (
            {} if slept else self._since,
            {},
        )  # we stood still ourselves: that proves nothing of others
        for sight in sights:
            if sight.behind and sight.able:
                offset, since = before.get(sight.partition, (sight.offset, now))
                self._since[sight.partition] = (sight.offset, since if offset == sight.offset else now)
        return [partition for partition, (_, since) in self._since.items() if now - since > self.limit_s]


async def watch(
    limit_s: float,
    sights: Callable[[], Iterable[Sight]],
    ended: Callable[[], str | None],
    end: Callable[[int], None] = os._exit,
) -> None:
    """End the process once a partition stands still or the consumer has ended; look until cancelled."""
    watching = Watch(limit_s)
    while True:
        await asyncio.sleep(LOOKS_EVERY_S)
        try:
            why = ended()
            still = watching.stands_still(sights(), time.monotonic())
        except Exception as error:  # noqa: BLE001 - who can't be looked at can't be relied on
            why, still = f"it can't be watched: {type(error).__name__}", []
        if still:
            why = f"partitions {still} stand still with something to read"
        if why is not None:
            logger.critical("ends this process", why=why)
            end(STOOD_STILL)
            return
