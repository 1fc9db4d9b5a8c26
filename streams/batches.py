"""Every place where Faust 0.15.3 is overridden: whole partition batches, read from where the live state says.

Faust does not promise these methods: tests/streams/test_batches.py says so when a new version moves them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

from event_log.log import LogAway

LOOKS_FOR_S = 0.05


class PartitionBatch:
    """All records fetched for one partition, worn as one record, so that Faust pays its 100 µs once."""

    __slots__ = ("checksum", "headers", "key", "offset", "partition", "serialized_key_size", "serialized_value_size",
                 "timestamp", "timestamp_type", "topic", "value")  # fmt: skip

    def __init__(self, records: Sequence[Any]) -> None:
        last = records[-1]
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.headers, self.key, self.checksum = (), None, None
        self.serialized_key_size = self.serialized_value_size = 0
        self.value = records


class PartitionBatches(DefaultSchedulingStrategy):
    """Faust's own point of extension (setting ConsumerScheduler): decides what the consumer hands on."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield one batch for each partition."""
        for partition, batch in records.items():
            if batch:
                yield partition, PartitionBatch(batch)


class NoOffsets(dict[TP, Any]):
    """Forgets what Faust notes of offsets: it would drop what is read again, and that is for our inlet to judge."""

    def __getitem__(self, _: TP) -> None:
        return None

    def __setitem__(self, _: TP, offset: Any) -> None:
        pass


class Thread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka's consumer lives."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes 1,500 ms, which an engine that answers a long poll late (Tansu does) turns into latency.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        return consumer


class Consumer(driver.Consumer):
    """Hands on nothing of a partition until its task has said from where, and never seeks by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = NoOffsets()
        self._wanted: set[TP] = set()

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Return at once: after a rebalance each partition's task seeks, when it has loaded its shard."""

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:
        """Return what was fetched, having looked for a moment only: a partition let meanwhile is in no look yet.

        Faust looks for a second, and sleeps for one where nothing is let.
        """
        if self.flow_active and not self._get_active_partitions():
            await self.sleep(LOOKS_FOR_S)
            return {}, set()
        return await super()._wait_next_records(min(timeout, LOOKS_FOR_S))

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume those whose tasks want them: after a rebalance Faust would resume all, wherever they stood."""
        super().resume_partitions({tp for tp in tps if tp in self._wanted})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget what was wanted of them before anything else happens."""
        self._wanted -= revoked
        await super().on_partitions_revoked(revoked)

    async def begin_at(self, tp: TP, offset: int) -> None:
        """Return once the partition is read from the offset on; in aiokafka's own thread, where it is safe."""
        if tp not in self.assignment():
            raise LogAway(f"partition {tp.partition} is no longer ours")
        seek = self._thread._ensure_consumer().seek
        await self._thread.call_thread(seek, TopicPartition(tp.topic, tp.partition), offset)
        self.let(tp)

    def let(self, tp: TP) -> None:
        """Hand on the partition's batches from where it stands."""
        self._wanted.add(tp)
        super().resume_partitions({tp})

    def hold(self, tp: TP) -> None:
        """Fetch nothing of the partition for now."""
        self._wanted.discard(tp)
        self.pause_partitions({tp})


class Transport(driver.Transport):
    """Faust's transport over aiokafka, with our consumer."""

    Consumer = Consumer

    def __init__(self, *args: Any, fetch_wait_ms: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fetch_wait_ms = fetch_wait_ms
