"""What we override in Faust is still there, as it was: a new version that moves it fails here first."""

import inspect
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.app import WorkerSettings, faust_app
from streams.batches import LOOKS_FOR_S, Consumer, NoOffsets, PartitionBatch, PartitionBatches, Thread, Transport

SETTINGS = WorkerSettings(kafka="127.0.0.1:1,127.0.0.2:2", redis="redis://127.0.0.1:1", fetch_wait_ms=17)


def record(partition: int, offset: int) -> Any:
    return ConsumerRecord("t", partition, offset, 5, 0, b"k", b"v", None, 1, 1, ())


@pytest.fixture
async def consumer() -> AsyncIterator[Consumer]:
    """Return the consumer that a worker's app would start."""
    made = faust_app(SETTINGS).consumer
    assert isinstance(made, Consumer)
    yield made
    made._thread.thread_loop.close()


def test_the_overrides_were_written_for_this_version() -> None:
    assert version("faust-streaming") == "0.15.3"


def test_all_records_of_a_partition_travel_as_one() -> None:
    fetched = {TP("t", 0): [record(0, 1), record(0, 2)], TP("t", 1): [], TP("t", 2): [record(2, 9)]}
    batches = list(PartitionBatches().iterate(fetched))  # type: ignore[abstract]
    assert [(tp, batch.offset, batch.value) for tp, batch in batches] == [
        (TP("t", 0), 2, fetched[TP("t", 0)]),
        (TP("t", 2), 9, fetched[TP("t", 2)]),
    ]
    assert set(ConsumerRecord.__dataclass_fields__) <= set(PartitionBatch.__slots__)


@pytest.mark.parametrize(
    ("owner", "ours", "name"),
    [
        (driver.Consumer, Consumer, "_new_consumer_thread"),
        (driver.Consumer, Consumer, "perform_seek"),
        (driver.Consumer, Consumer, "_wait_next_records"),
        (driver.Consumer, Consumer, "resume_partitions"),
        (driver.Consumer, Consumer, "on_partitions_revoked"),
        (driver.AIOKafkaConsumerThread, Thread, "_create_worker_consumer"),
    ],
)
def test_what_is_overridden_takes_what_it_took(owner: type, ours: type, name: str) -> None:
    theirs, own = (list(inspect.signature(getattr(cls, name)).parameters) for cls in (owner, ours))
    assert own == theirs


def test_faust_asks_what_we_answer() -> None:
    """Where it would go on by itself after a rebalance, it calls what we override."""
    resumes = inspect.getsource(Recovery._resume_streams)
    assert "consumer.resume_partitions(" in resumes
    assert "consumer.perform_seek()" in resumes
    drains = inspect.getsource(faust_consumer.Consumer._drain_messages)
    assert "self._read_offset.__getitem__" in drains
    assert "self._read_offset.__setitem__" in drains


async def test_a_partition_that_is_let_does_not_wait_for_others(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the partitions that were let before it began ends soon, where none were and where nothing comes."""
    looked: list[tuple[Any, float]] = []

    async def getmany(active_partitions: Any, timeout: float) -> dict[TP, Any]:
        looked.append((active_partitions, timeout))
        return {}

    async def sleep(seconds: float) -> None:
        looked.append((None, seconds))

    monkeypatch.setattr(consumer, "_getmany", getmany)
    monkeypatch.setattr(consumer, "sleep", sleep)
    consumer.resume_flow()
    assert await consumer._wait_next_records(1.0) == ({}, set())
    consumer._active_partitions = {TP("t", 1)}
    await consumer._wait_next_records(1.0)
    assert looked == [(None, LOOKS_FOR_S), ({TP("t", 1)}, LOOKS_FOR_S)]


async def test_the_fetch_wait_is_ours(consumer: Consumer) -> None:
    transport = consumer.transport
    assert isinstance(transport, Transport)
    assert isinstance(consumer._read_offset, NoOffsets)
    aiokafka_consumer = consumer._thread._create_worker_consumer(transport)
    assert aiokafka_consumer._fetch_max_wait_ms == 17
    assert "fetch_max_wait_ms=1500" in inspect.getsource(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert aiokafka_consumer._group_id == "vigilits"
    await aiokafka_consumer.stop()
    assert [f"{url.host}:{url.port}" for url in transport.url] == ["127.0.0.1:1", "127.0.0.2:2"]


async def test_nothing_is_handed_on_of_a_partition_that_nobody_wants(consumer: Consumer) -> None:
    ours, others = TP("t", 0), TP("t", 1)
    consumer.resume_partitions({ours, others})
    assert consumer._get_active_partitions() == set()
    consumer.let(ours)
    consumer.resume_partitions({ours, others})
    assert consumer._get_active_partitions() == {ours}
    consumer.hold(ours)
    assert consumer._get_active_partitions() == set()


def test_faust_remembers_no_offsets() -> None:
    offsets = NoOffsets()
    offsets[TP("t", 0)] = 5
    assert offsets[TP("t", 0)] is None
    assert offsets.pop(TP("t", 0), None) is None
