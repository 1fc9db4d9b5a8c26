"""A log in memory, with the manners of a Kafka: for tests, and for whatever needs no broker."""

import time
from collections.abc import AsyncIterator, Callable, Sequence

from domain.events import Genesis
from event_log.codec import genesis_of
from event_log.log import Record, UnknownTopic


def _clock() -> int:
    return time.time_ns() // 1_000_000


class MemoryLog:
    """Topics as lists of records; `now` gives their timestamps (milliseconds), as a broker's own if `stamped`."""

    def __init__(self, now: Callable[[], int] = _clock, *, stamped: bool = False) -> None:
        self._now, self.stamped = now, stamped
        self._topics: dict[str, list[list[Record]]] = {}

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        """Return the offset at which the value was kept."""
        records = self._records(topic, partition)
        records.append(Record(partition, len(records), self._now(), value, self.stamped))
        return len(records) - 1

    async def append_all(self, topic: str, partition: int, key: bytes, values: Sequence[bytes]) -> int:
        """Return the offset of the last of these values."""
        return [await self.append(topic, partition, key, value) for value in values][-1]

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic has."""
        if topic not in self._topics:
            raise UnknownTopic(topic)
        return len(self._topics[topic])

    async def genesis(self, topic: str, partition: int) -> Genesis | None:
        """Return the event at offset 0, None for an empty partition; raise NotAGenesis for anything else."""
        records = self._records(topic, partition)
        return genesis_of(records[0]) if records else None

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record will get."""
        return len(self._records(topic, partition))

    async def read(self, topic: str, partition: int, start: int = 0) -> AsyncIterator[Record]:
        """Yield the records from an offset to the end of the log as it was at the first of them."""
        for record in self._records(topic, partition)[start:]:
            yield record

    async def create(self, topic: str, partitions: int) -> None:
        """Return once the topic is there, empty or as it was."""
        self._topics.setdefault(topic, [[] for _ in range(partitions)])

    async def delete(self, topic: str) -> None:
        """Return once the topic is gone."""
        self._topics.pop(topic, None)

    def _records(self, topic: str, partition: int) -> list[Record]:
        try:
            return self._topics[topic][partition]
        except (KeyError, IndexError):
            raise UnknownTopic(f"{topic}, partition {partition}") from None
