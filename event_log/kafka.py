"""The log on Kafka, or on what speaks its protocol; nothing here relies on more than both engine sets do alike."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from domain.events import Genesis
from event_log.codec import genesis_of
from event_log.log import LogAway, Record, UnknownTopic

LINGER_MS = 2  # what is appended at the same time travels together
REPLICAS, IN_SYNC = 3, 2  # where there are as many brokers
TOPIC_EXISTS = 36
APPEND_TIME = 1  # Kafka's timestamp type for the broker's own stamp
FOR_EVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",  # the log is the truth: until there are checkpoints, all of it is kept
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",  # the broker's clock, beside which a worker can see its own go wrong
    "unclean.leader.election.enable": "false",
}


class KafkaLog:
    """A Kafka; it connects when first used, so that whoever needs it can start while it is away.

    Every wait is bounded by `answers_within_s`. An engine that answers a long poll late (Tansu does) is why a fetch
    waits so little.
    """

    def __init__(self, bootstrap: str, *, answers_within_s: float = 5.0, fetch_wait_ms: int = 20) -> None:
        self._bootstrap = bootstrap
        self._within_s = answers_within_s
        self._fetch_wait_ms = fetch_wait_ms
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._known: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        """Return the log itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Return once what was appended has gone out, or can't any more."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(self._within_s):
                    await _closed(producer.stop())

    # -- appending

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        """Return the offset at which the value was kept; raise LogAway within a bounded wait, or UnknownTopic."""
        async with self._producing(topic, partition) as producer:
            kept = await producer.send(topic, value, key=key, partition=partition)
            return int((await kept).offset)

    async def append_all(self, topic: str, partition: int, key: bytes, values: Sequence[bytes]) -> int:
        """Return the offset of the last of these values, once all were kept in their order.

        Each batch is kept whole or not at all, and acknowledged before the next is sent: that is what keeps the order
        where one has to be sent again.
        """
        last, left = -1, list(values)
        while left:
            async with self._producing(topic, partition) as producer:
                batch = producer.create_batch()
                count = 0
                while count < len(left) and batch.append(key=key, value=left[count], timestamp=None) is not None:
                    count += 1
                batch.close()
                kept = await producer.send_batch(batch, topic, partition=partition)
                last = int((await kept).offset) + count - 1
            del left[:count]
        return last

    @asynccontextmanager
    async def _producing(self, topic: str, partition: int) -> AsyncIterator[AIOKafkaProducer]:
        """Lend the producer for one bounded wait; raise LogAway or UnknownTopic for what aiokafka raises in it."""
        # Asked for a topic that is not there, a client makes some brokers (Tansu) create it: so it is looked up first.
        if partition >= (self._known.get(topic) or await self.partitions(topic)):
            raise UnknownTopic(f"{topic}, partition {partition}")
        try:
            with _by_name(topic):
                async with asyncio.timeout(self._within_s):
                    yield self._producer or await self._start()
        except UnknownTopic:
            self._known.pop(topic, None)
            raise
        except AssertionError as error:  # aiokafka, about a partition that is no more
            self._known.pop(topic, None)
            raise UnknownTopic(f"{topic}, partition {partition}") from error

    async def _start(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    acks="all",  # not idempotent: Tansu refuses that of aiokafka, and a fold knows the ids it has seen
                    linger_ms=LINGER_MS,
                    request_timeout_ms=int(self._within_s * 1000),
                )
                try:
                    await producer.start()
                except BaseException:
                    await _closed(producer.stop())
                    raise
                self._producer = producer
            return self._producer

    # -- reading

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic has; raise UnknownTopic."""
        async with self._admin(topic) as admin:
            # All topics are listed: to ask for one by name may create it.
            for found in await admin.describe_topics(None):
                if found["topic"] == topic and found["partitions"]:
                    self._known[topic] = len(found["partitions"])
                    return self._known[topic]
        self._known.pop(topic, None)
        raise UnknownTopic(topic)

    async def genesis(self, topic: str, partition: int) -> Genesis | None:
        """Return the event at offset 0, None for an empty partition; raise NotAGenesis for anything else."""
        async with aclosing(self._records(topic, partition, 0, at_once=1)) as records:
            async for record in records:
                return genesis_of(record)
        return None

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record will get: the high watermark of a fetch."""
        async with self._reading(topic, partition, 0, at_once=1) as (_, _, end):
            return end

    async def read(self, topic: str, partition: int, start: int = 0) -> AsyncIterator[Record]:
        """Yield the records from an offset to the end of the log as it was at the first fetch."""
        async for record in self._records(topic, partition, start, at_once=1 << 20):
            yield record

    async def _records(self, topic: str, partition: int, start: int, at_once: int) -> AsyncGenerator[Record, None]:
        async with self._reading(topic, partition, start, at_once) as (consumer, records, end):
            place = start
            heard_at = time.monotonic()
            while place < end:
                for record in records:
                    # A start beyond the end makes a client begin anew; what lies before it was not asked for.
                    if start <= record.offset < end:
                        stamped = record.timestamp_type == APPEND_TIME
                        yield Record(partition, record.offset, record.timestamp, record.value, stamped)
                    place = max(place, record.offset + 1)
                    heard_at = time.monotonic()
                if place >= end:
                    return
                if time.monotonic() - heard_at > self._within_s:
                    raise LogAway(f"{topic}, partition {partition} gave nothing after offset {place}")
                with _by_name(topic):
                    records = await _fetch(consumer, self._fetch_wait_ms)

    @asynccontextmanager
    async def _reading(
        self, topic: str, partition: int, start: int, at_once: int
    ) -> AsyncIterator[tuple[AIOKafkaConsumer, list[Any], int]]:
        """Lend a consumer of no group, what it fetched first, and the high watermark of that fetch."""
        if partition >= await self.partitions(topic):
            raise UnknownTopic(f"{topic}, partition {partition}")
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._fetch_wait_ms,
            max_partition_fetch_bytes=at_once,
            request_timeout_ms=int(self._within_s * 1000),
        )
        try:
            with _by_name(topic):
                async with asyncio.timeout(self._within_s):
                    await consumer.start()
                    place = TopicPartition(topic, partition)
                    consumer.assign([place])
                    consumer.seek(place, start)
                    records: list[Any] = []
                    while consumer.highwater(place) is None:
                        records += await _fetch(consumer, self._fetch_wait_ms)
                    end = int(consumer.highwater(place))
            yield consumer, records, end
        finally:
            with suppress(KafkaError, OSError):
                await _closed(consumer.stop())

    # -- topics

    async def create(self, topic: str, partitions: int) -> None:
        """Return once the topic is there, empty or as it was; records are then kept without an end."""
        async with self._admin(topic) as admin:
            brokers = len((await admin.describe_cluster())["brokers"])
            config = FOR_EVER | ({"min.insync.replicas": str(IN_SYNC)} if brokers >= REPLICAS else {})
            new = NewTopic(topic, partitions, min(REPLICAS, brokers), topic_configs=config)
            answer = await admin.create_topics([new], timeout_ms=int(self._within_s * 1000))
            for _, code, message in answer.topic_errors:
                if code not in (0, TOPIC_EXISTS):
                    raise LogAway(f"{topic} was not created: {message}")
        await self._until(topic, there=True)

    async def delete(self, topic: str) -> None:
        """Return once the topic is gone."""
        async with self._admin(topic) as admin:
            await admin.delete_topics([topic], timeout_ms=int(self._within_s * 1000))
        await self._until(topic, there=False)

    async def _until(self, topic: str, *, there: bool) -> None:
        """Return once the brokers tell of the topic what they were told to do."""
        give_up_at = time.monotonic() + self._within_s
        while time.monotonic() < give_up_at:
            try:
                await self.partitions(topic)
                seen = True
            except UnknownTopic:
                seen = False
            if seen is there:
                return
            await asyncio.sleep(0.05)
        raise LogAway(f"{topic} was not {'created' if there else 'deleted'} in {self._within_s:g} s")

    @asynccontextmanager
    async def _admin(self, topic: str) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=int(self._within_s * 1000))
        with _by_name(topic):
            try:
                async with asyncio.timeout(self._within_s):
                    await admin.start()
                    yield admin
            finally:
                with suppress(KafkaError, OSError):
                    await _closed(admin.close())


async def _fetch(consumer: AIOKafkaConsumer, wait_ms: int) -> list[Any]:
    # Little more than a fetch takes: where there is nothing, it waits to the end.
    return [record for batch in (await consumer.getmany(timeout_ms=wait_ms + 5)).values() for record in batch]


async def _closed(closing: Coroutine[Any, Any, None]) -> None:
    """Return once it is closed. aiokafka takes a cancellation that comes meanwhile for its own tasks': not ours."""
    await asyncio.shield(asyncio.ensure_future(closing))


@contextmanager
def _by_name(topic: str) -> Iterator[None]:
    """Give what aiokafka raises the names of our contract."""
    try:
        yield
    except MessageSizeTooLargeError:
        raise  # nobody makes such a record but by mistake
    except UnknownTopicOrPartitionError as error:
        raise UnknownTopic(topic) from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise LogAway(f"{topic}: {type(error).__name__}") from error
