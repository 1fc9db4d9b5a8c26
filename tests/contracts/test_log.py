"""Contract 1: what every log does, in memory and on a real broker."""

from collections.abc import AsyncIterator

import pytest

from domain.events import Genesis, Tick
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.log import LogAway, LogKeeper, NotAGenesis, UnknownTopic
from event_log.memory import MemoryLog
from event_log.topics import DEAD_LETTERS, NoRoom, init_shard, shards
from launch.embedded import free_port

GENESIS = Genesis(id="g", received_at=1, epoch="e1", shard="capacity:ici")


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.engines)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[LogKeeper]:
    if request.param == "memory":
        yield MemoryLog()
    else:
        async with KafkaLog(request.getfixturevalue("kafka").url) as log:
            yield log


@pytest.fixture
async def topic(log: LogKeeper, topic_prefix: str) -> str:
    await log.create(f"{topic_prefix}capacity", 3)
    return f"{topic_prefix}capacity"


async def test_records_are_read_in_the_order_they_were_appended(log: LogKeeper, topic: str) -> None:
    assert [await log.append(topic, 1, b"k", b"%d" % n) for n in range(5)] == [0, 1, 2, 3, 4]
    read = [record async for record in log.read(topic, 1)]
    assert [(r.partition, r.offset, r.value) for r in read] == [(1, n, b"%d" % n) for n in range(5)]
    assert all(r.timestamp > 1_600_000_000_000 for r in read)


async def test_many_values_are_kept_in_their_order(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 1, b"k", b"before")
    values = [b"%d" % n + b"x" * 1_000 for n in range(100)]
    assert await log.append_all(topic, 1, b"k", values) == 100
    assert await log.append_all(topic, 1, b"k", [b"y" * 100_000]) == 101
    read = [(r.offset, r.value) async for r in log.read(topic, 1)]
    assert read == list(enumerate([b"before", *values, b"y" * 100_000]))


async def test_reading_starts_where_it_is_told_to(log: LogKeeper, topic: str) -> None:
    for n in range(5):
        await log.append(topic, 0, b"k", b"%d" % n)
    assert [r.offset async for r in log.read(topic, 0, 3)] == [3, 4]
    assert [r.offset async for r in log.read(topic, 0, 5)] == []
    assert [r.offset async for r in log.read(topic, 0, 50)] == []


async def test_reading_ends_at_the_end_that_it_saw_first(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"0")
    seen = []
    async for record in log.read(topic, 0):
        seen.append(record.offset)
        await log.append(topic, 0, b"k", b"more")
    assert seen == [0]


async def test_partitions_do_not_share_their_records(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"0")
    assert await log.end(topic, 0) == 1
    assert await log.end(topic, 1) == 0
    assert [record async for record in log.read(topic, 1)] == []


async def test_the_end_is_right_after_a_batch_of_records(log: LogKeeper, topic: str) -> None:
    """Tansu's ListOffsets tells another one; what counts is what a fetch says."""
    for _ in range(30):
        await log.append(topic, 2, b"k", b"x" * 100)
    assert await log.end(topic, 2) == 30


async def test_a_partition_begins_with_its_genesis_or_with_nothing(log: LogKeeper, topic: str) -> None:
    assert await log.genesis(topic, 0) is None
    await log.append(topic, 0, b"ici", encode(GENESIS))
    await log.append(topic, 0, b"ici", encode(Tick(id="t", received_at=2)))
    assert await log.genesis(topic, 0) == GENESIS


@pytest.mark.parametrize("first", [b"nonsense", encode(Tick(id="t", received_at=2))])
async def test_anything_else_at_the_beginning_is_not_a_genesis(log: LogKeeper, topic: str, first: bytes) -> None:
    await log.append(topic, 0, b"ici", first)
    with pytest.raises(NotAGenesis):
        await log.genesis(topic, 0)


async def test_an_unknown_topic_is_said_to_be_unknown_and_is_not_made(log: LogKeeper, topic_prefix: str) -> None:
    unknown = f"{topic_prefix}nothing"
    for _ in range(2):
        with pytest.raises(UnknownTopic):
            await log.append(unknown, 0, b"k", b"v")
        with pytest.raises(UnknownTopic):
            await log.append_all(unknown, 0, b"k", [b"v", b"w"])
        with pytest.raises(UnknownTopic):
            await log.genesis(unknown, 0)
        with pytest.raises(UnknownTopic):
            await log.end(unknown, 0)
        with pytest.raises(UnknownTopic):
            await log.partitions(unknown)
        with pytest.raises(UnknownTopic):
            [record async for record in log.read(unknown, 0)]


async def test_an_unknown_partition_is_said_to_be_unknown(log: LogKeeper, topic: str) -> None:
    assert await log.partitions(topic) == 3
    with pytest.raises(UnknownTopic):
        await log.append(topic, 3, b"k", b"v")
    with pytest.raises(UnknownTopic):
        await log.end(topic, 3)


async def test_creating_a_topic_again_changes_nothing(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"v")
    await log.create(topic, 7)
    assert await log.partitions(topic) == 3
    assert await log.end(topic, 0) == 1


async def test_a_deleted_topic_is_gone_and_comes_back_empty(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"v")
    await log.delete(topic)
    with pytest.raises(UnknownTopic):
        await log.partitions(topic)
    await log.create(topic, 2)
    assert await log.end(topic, 0) == 0
    assert await log.append(topic, 1, b"k", b"v") == 0


async def test_a_shard_is_founded_once(log: LogKeeper, topic_prefix: str) -> None:
    topic = f"{topic_prefix}founded"
    first = await init_shard(log, "capacity:ici", 5, topic, 2)
    again = await init_shard(log, "capacity:ici", 6, topic, 2)
    assert (first.partition, first.new) == (0, True)
    assert again == first._replace(new=False)
    genesis = await log.genesis(topic, 0)
    assert genesis is not None
    assert (genesis.shard, genesis.epoch, genesis.received_at) == ("capacity:ici", first.epoch, 5)
    assert await log.end(topic, 0) == 1
    assert await log.partitions(DEAD_LETTERS) == 1


async def test_every_shard_has_a_partition_of_its_own(log: LogKeeper, topic_prefix: str) -> None:
    topic = f"{topic_prefix}founded"
    assert await shards(log, topic) == {}
    here = await init_shard(log, "capacity:ici", 5, topic, 2)
    there = await init_shard(log, "capacity:ailleurs", 5, topic, 2)
    assert await shards(log, topic) == {"capacity:ici": 0, "capacity:ailleurs": 1}
    assert here.epoch != there.epoch
    with pytest.raises(NoRoom):
        await init_shard(log, "capacity:partout", 5, topic, 2)


async def test_a_topic_that_a_broker_made_by_itself_is_made_anew(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"a stray report")
    founded = await init_shard(log, "capacity:ici", 5, topic, 3)
    assert founded.partition == 0
    assert await shards(log, topic) == {"capacity:ici": 0}


async def test_an_empty_topic_of_another_size_is_used_as_it_is(log: LogKeeper, topic: str) -> None:
    assert (await init_shard(log, "capacity:ici", 5, topic, 8)).partition == 0
    assert await log.partitions(topic) == 3


async def test_a_topic_that_looks_empty_for_a_moment_is_never_made_anew() -> None:
    class Short(MemoryLog):
        looks = 12

        async def genesis(self, topic: str, partition: int) -> Genesis | None:
            self.looks -= 1
            return None if self.looks > 0 else await super().genesis(topic, partition)

    log = Short()
    await log.create("t", 12)
    await log.append("t", 0, b"ici", encode(GENESIS))
    for _ in range(9):
        await log.append("t", 0, b"ici", b"a report")
    await init_shard(log, "capacity:ici", 5, "t", 8)
    assert await log.partitions("t") == 12
    assert [record.value async for record in log.read("t", 0)][:10] == [encode(GENESIS), *[b"a report"] * 9]


async def test_a_topic_with_a_shard_is_never_made_anew(log: LogKeeper, topic: str) -> None:
    await log.append(topic, 0, b"k", b"a stray report")
    await log.append(topic, 1, b"ici", encode(GENESIS))
    assert (await init_shard(log, "capacity:ici", 5, topic, 3)).epoch == "e1"
    assert (await init_shard(log, "capacity:ailleurs", 5, topic, 3)).partition == 2
    assert await log.end(topic, 0) == 1


@pytest.mark.engines
async def test_a_log_that_is_away_says_so_in_time() -> None:
    async with KafkaLog(f"127.0.0.1:{free_port()}", answers_within_s=1) as log:
        with pytest.raises(LogAway):
            await log.append("any", 0, b"k", b"v")
        with pytest.raises(LogAway):
            await log.end("any", 0)
        with pytest.raises(LogAway):
            await log.create("any", 1)
