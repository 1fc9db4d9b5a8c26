"""Batches on their way to one partition's task: few, in order, and what had to be dropped is asked for again."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

PAUSE_AT = 8  # batches waiting: the consumer is asked to hold back
MOST = (
    16  # batches waiting: what comes all the same is dropped, and read again later. A batch that waits is real memory
)
SEEKS_WITHIN_S = 10.0
STRAY_S = 2.0  # after a seek, batches from before it may still arrive for so long


class Read(Protocol):
    """What is needed of a record that was read."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Batch(NamedTuple):
    """Records of one partition that were fetched together; `end` is the log's end as it was then.

    `stamped`: their timestamps are of the broker's clock, not of whoever appended them.
    """

    records: Sequence[Read]
    end: int
    stamped: bool = False


class Reader(Protocol):
    """The consumer, as a partition's task sees it."""

    async def seek(self, partition: int, offset: int) -> None:
        """Return once batches of the partition come from this offset on, held back before or not."""
        ...

    def hold(self, partition: int) -> None:
        """Fetch nothing more of the partition for now; what was fetched may still arrive."""
        ...

    def resume(self, partition: int) -> None:
        """Go on where it was held."""
        ...

    def end(self, partition: int) -> int:
        """Return the log's end as far as it was seen, 0 where nothing was."""
        ...


class Astray(Exception):
    """What arrives does not follow what came before: the log was cut, or the reader went elsewhere."""


class NoAnswer(Exception):
    """The consumer does not do what it is asked: nothing outside of this process is known to be the cause."""


class Inlet:
    """The queue of one partition, between the consumer, which offers, and the partition's task, which takes."""

    def __init__(self, partition: int, reader: Reader, clock: Callable[[], float] = time.monotonic) -> None:
        self._partition, self._reader, self._clock = partition, reader, clock
        self._batches: deque[Batch] = deque()
        self._ready = asyncio.Event()
        self._expected: int | None = None
        self._sought_at = 0.0
        self._following = False  # whether what was sought has begun to arrive
        self._held = self._dropped = self._astray = False
        self.unanswered = 0  # seeks in a row

    @property
    def waiting(self) -> bool:
        """Return whether there is a batch to take at once."""
        return bool(self._batches)

    def close(self) -> None:
        """Take nothing in until it is opened again."""
        self._expected = None
        self._batches.clear()
        self._ready.clear()
        self._reader.hold(self._partition)

    async def open(self, offset: int) -> None:
        """Return once batches are taken in from this offset on."""
        self._batches.clear()
        self._ready.clear()
        self._expected = offset
        self._held = self._dropped = self._astray = self._following = False
        await self._seek(offset)

    async def _seek(self, offset: int) -> None:
        try:
            async with asyncio.timeout(SEEKS_WITHIN_S):
                await self._reader.seek(self._partition, offset)
        except TimeoutError as late:
            self.unanswered += 1
            raise NoAnswer(f"no answer to a seek in {SEEKS_WITHIN_S:g} s") from late
        self.unanswered = 0
        self._sought_at = self._clock()

    def offer(self, batch: Batch) -> None:
        """Take a batch in, drop it, or notice that it does not follow; never wait."""
        if self._expected is None:
            return  # the task asks for it when it is ready
        first, last = batch.records[0].offset, batch.records[-1].offset
        if first > self._expected or last < self._expected or last - first + 1 != len(batch.records):
            # Right after a seek this may be of before it; at any other time something is missing, or came back.
            if self._following or self._clock() - self._sought_at > STRAY_S:
                self._astray = True
                self._ready.set()
            return
        if len(self._batches) >= MOST:
            self._dropped, self._following = True, False
            self._sought_at = self._clock()
            return
        if first < self._expected:
            batch = batch._replace(records=batch.records[self._expected - first :])
        self._batches.append(batch)
        self._expected, self._following = last + 1, True
        self._ready.set()
        if len(self._batches) >= PAUSE_AT and not self._held:
            self._held = True
            self._reader.hold(self._partition)

    async def take(self, within_s: float | None = None) -> Batch | None:
        """Return the next batch, None where there was none in time; raise Astray where what came does not follow."""
        if self._held and len(self._batches) <= PAUSE_AT // 2 and not self._dropped:
            self._held = False
            self._reader.resume(self._partition)
        if not self._batches and self._dropped and self._expected is not None:
            self._held = self._dropped = False
            await self._seek(self._expected)
        if not self._batches and not self._astray:
            self._ready.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._ready.wait()
            except TimeoutError:
                return None
        if self._batches:
            return self._batches.popleft()
        self._astray = False
        raise Astray(f"expected offset {self._expected}")
