"""What a capacity shard works beside in tests: a consumer over a log in memory, and a live state that has bad days."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from domain.alerts.fold import Draft as NoticesDraft
from domain.alerts.fold import NoticesState
from domain.capacity.fold import CapacityState, Draft
from domain.events import Event
from event_log.codec import encode
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, DEAD_LETTERS
from live_state.memory import MemoryState
from live_state.state import Build, Commit, Position, StateAway
from streams.capacity import Capacity
from streams.forwarder import Waits
from streams.inlet import Batch
from streams.measures import Measures
from streams.notices import Notices
from streams.shard import Limits, Shard
from tests.small_region import START

AnyShard = Shard[Any, Any]
CapacityShard = Shard[CapacityState, Draft]
NoticesShard = Shard[NoticesState, NoticesDraft]

AT_ONCE = Limits(tick_s=1e6, first_wait_s=0.0, longest_wait_s=0.0, look_again_s=0.0, forwarding=Waits(0.0, 0.0))


async def log_of(events: Iterable[Event | bytes], partitions: int = 1, stamped_at: int | None = None) -> MemoryLog:
    """Return a log whose first partition holds these events, some of them perhaps as bytes."""
    log = MemoryLog(now=lambda: stamped_at or START, stamped=stamped_at is not None)
    await log.create(CAPACITY, partitions)
    await log.create(DEAD_LETTERS, 1)
    for event in events:
        await log.append(CAPACITY, 0, b"ici", event if isinstance(event, bytes) else encode(event))
    return log


class Consumer:
    """Reads a partition on from where it was sought, unless it is held; offers batches of the sizes given (0: none)."""

    def __init__(self, log: MemoryLog, sizes: Iterator[int] | None = None, topic: str = CAPACITY) -> None:
        self._log, self._sizes, self._topic = log, sizes, topic
        self.place: int | None = None
        self.held = False
        self.sought: list[int] = []
        self.shown_end = 0

    async def seek(self, partition: int, offset: int) -> None:
        self.place, self.held = offset, False
        self.sought.append(offset)

    def hold(self, partition: int) -> None:
        self.held = True

    def resume(self, partition: int) -> None:
        self.held = False

    def end(self, partition: int) -> int:
        return self.shown_end

    async def offer_next(self, shard: AnyShard) -> bool:
        """Return whether there was a batch to offer."""
        if self.place is None or self.held:
            return False
        records = [record async for record in self._log.read(self._topic, 0, self.place)]
        if not records:
            return False
        self.shown_end = records[-1].offset + 1
        batch = records[: next(self._sizes, 1000) if self._sizes else 1000]
        if not batch:
            return False
        self.place = batch[-1].offset + 1
        shard.inlet.offer(Batch(batch, self.shown_end, self._log.stamped))
        return True


class BadDays(MemoryState):
    """A live state whose days are drawn from a list, one for each call that matters; then all days are good.

    Bad ones: `away` (nothing happens), `unanswered` (it happens, and no answer comes), `back<n>` (it becomes what it
    was n changes ago), `empty`.
    """

    def __init__(self, days: Sequence[str] = ()) -> None:
        super().__init__()
        self._days = iter(days)
        self._before: list[Any] = []

    def recover(self) -> None:
        """Have good days alone from here on."""
        self._days = iter(())

    def _remember(self) -> None:
        self._before.append(copy.deepcopy((self._current, self._held)))

    def _goes_back(self, far: int) -> None:
        if self._before:
            self._current, self._held = copy.deepcopy(self._before[-min(far, len(self._before))])

    def _befalls(self) -> str:
        day = next(self._days, "good")
        if day.startswith("back"):
            self._goes_back(int(day.removeprefix("back")))
        elif day == "empty":
            self._current, self._held = {}, {}
        elif day == "away":
            raise StateAway("away")
        return day

    async def load(self, build: Build, names: Sequence[str]) -> tuple[Position, dict[str, dict[str, bytes]]] | None:
        self._befalls()
        return await super().load(build, names)

    async def begin(self, shard: str, epoch: str, fold_version: int, after: Build | None) -> Build | None:
        day = self._befalls()
        begun = await super().begin(shard, epoch, fold_version, after)
        self._remember()
        if day == "unanswered":
            raise StateAway("no answer")
        return begun

    async def commit(self, build: Build, commit: Commit) -> bool:
        day = self._befalls()
        made = await super().commit(build, commit)
        self._remember()
        if day == "unanswered":
            raise StateAway("no answer")
        return made


def shard_on(
    log: MemoryLog,
    state: MemoryState,
    consumer: Consumer,
    limits: Limits = AT_ONCE,
    now: Callable[[], int] = lambda: START,
) -> CapacityShard:
    """Return a shard on the log's first partition."""
    return Shard(Capacity(), 0, log, state, consumer, Measures(), now=now, limits=limits)


def notices_on(log: MemoryLog, state: MemoryState, consumer: Consumer, limits: Limits = AT_ONCE) -> NoticesShard:
    """Return a notices shard on the first partition of its topic."""
    return Shard(Notices(), 0, log, state, consumer, Measures(), now=lambda: START, limits=limits)


@asynccontextmanager
async def working(shard: AnyShard) -> AsyncIterator[None]:
    """Have the shard's task run meanwhile."""
    task = asyncio.create_task(shard.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(done: Callable[[], bool], shard: AnyShard, consumer: Consumer, turns: int = 20_000) -> None:
    """Return once something holds, the consumer offering what there is; raise where it does not come to hold."""
    for turn in range(turns):
        if done():
            return
        await consumer.offer_next(shard)
        await asyncio.sleep(0 if turn < turns // 2 else 0.001)  # something may be at work in another thread
    raise AssertionError(f"never came to hold: at {shard.offset} of {shard.epoch!r}, {shard.trouble}")
