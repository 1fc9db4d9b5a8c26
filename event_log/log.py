"""The log as the rest of vigilits sees it: partitions one can append to and read from the start."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from domain.events import Genesis


class LogAway(Exception):
    """The log could not be reached, or did not answer in time; whether an append was kept is not known."""


class UnknownTopic(Exception):
    """No such topic, or no such partition of it."""


class NotAGenesis(Exception):
    """Record 0 of a partition is something else than a genesis: this is not a log of ours."""


class Record(NamedTuple):
    """One record as it stands on the log; `timestamp` in milliseconds, of the broker's clock if `stamped`, or else of
    whoever appended it.
    """

    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    stamped: bool = False

    @property
    def appended_at(self) -> int | None:
        """Return when it was appended by the broker's clock, None where only its sender says so."""
        return self.timestamp if self.stamped else None


class Log(Protocol):
    """A Kafka, or its like in memory."""

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        """Return the offset at which the value was kept; raise LogAway within a bounded wait, or UnknownTopic."""
        ...

    async def append_all(self, topic: str, partition: int, key: bytes, values: Sequence[bytes]) -> int:
        """Return the offset of the last of these values, once all were kept in their order.

        Raise as `append` does: then the first so many of them may have been kept, and none without those before it.
        """
        ...

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic has; raise UnknownTopic."""
        ...

    async def genesis(self, topic: str, partition: int) -> Genesis | None:
        """Return the event at offset 0, None for an empty partition; raise NotAGenesis for anything else."""
        ...

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record will get (by a fetch: an engine's ListOffsets may be wrong)."""
        ...

    def read(self, topic: str, partition: int, start: int = 0) -> AsyncIterator[Record]:
        """Yield the records from an offset to the end of the log as it was at the first fetch."""
        ...


class LogKeeper(Log, Protocol):
    """A log whose topics one may make and unmake: what `vigilits region init` needs, and nothing else does."""

    async def create(self, topic: str, partitions: int) -> None:
        """Return once the topic is there, empty or as it was; records are then kept without an end."""
        ...

    async def delete(self, topic: str) -> None:
        """Return once the topic is gone."""
        ...
