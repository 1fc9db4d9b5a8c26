"""A broker that goes and comes back: with its log (Apache Kafka), or without (the embedded one, a new epoch)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.log import LogAway, UnknownTopic
from event_log.topics import CAPACITY, init_shard
from launch.embedded import Engine, free_port
from live_state.redis import RedisState
from streams.app import LOG_AWAY
from tests.engines.chosen import EngineSet
from tests.small_region import WARDS, published, region, report
from tests.streams.running import Clients, Place, holds, now
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.engines


class Running(NamedTuple):
    """A broker of the test's own, and a worker that folds what it holds."""

    clients: Clients
    kafka: Engine
    worker: WorkerProcess
    place: Place

    async def appended(self, id_: str, within_s: float = 30) -> int:
        """Return the offset of a report, tried until the broker takes it."""
        give_up_at = asyncio.get_running_loop().time() + within_s
        value = encode(report(id_, WARDS[0], "02", 5, at=now()))
        while True:
            try:
                return await self.clients.log.append(CAPACITY, self.place.partition, b"x", value)
            except (LogAway, UnknownTopic):
                assert asyncio.get_running_loop().time() < give_up_at
                await asyncio.sleep(0.1)

    async def stray(self) -> int:
        """Return the offset at which a broker took what it should not have."""
        value = encode(report("stray", WARDS[0], "02", 5, at=now()))
        return await self.clients.log.append(CAPACITY, self.place.partition, b"x", value)

    async def epoch(self) -> str:
        """Return the identity of the log that is shown."""
        build = await self.clients.state.current(self.place.shard)
        assert build is not None
        return build.epoch


@pytest.fixture
async def running(
    tmp_path: Path, own_kafka: Callable[[], Engine], own_redis: Callable[[], Engine]
) -> AsyncIterator[Running]:
    kafka, redis = own_kafka(), own_redis()
    async with KafkaLog(kafka.url, answers_within_s=2) as log, RedisState(redis.url) as state:
        clients = Clients(log, state)
        place = await clients.founded("ici")
        worker = WorkerProcess(tmp_path, kafka.url, redis.url, watchdog_s=60.0)
        try:
            await clients.settled(place, await clients.load(place, 50))
            yield Running(clients, kafka, worker, place)
        finally:
            worker.kill()


@pytest.mark.parametrize("stray", [False, True], ids=["founded first", "reported to first"])
async def test_a_broker_that_comes_back_is_read_on_or_begun_anew(
    running: Running, engines: EngineSet, stray: bool
) -> None:
    clients, place = running.clients, running.place
    before_end = await clients.log.end(CAPACITY, place.partition)
    before = await running.epoch()
    running.kafka.kill()
    await holds(lambda: _names(running, "log away"))
    running.kafka.start()
    if engines.kafka_persists:
        await clients.settled(place, await running.appended("after"))
        assert await running.epoch() == before
    else:
        # Its log is gone. Whatever a client makes it take now is on no log of ours, until the region is founded again.
        await holds(lambda: _not_live(running))
        if stray:
            with suppress(LogAway, UnknownTopic):
                assert await running.stray() <= before_end
            await holds(lambda: _not_live(running))
        founded = await init_shard(clients.log, place.shard, now())
        assert founded.new
        assert founded.epoch != before
        await clients.log.append(CAPACITY, founded.partition, b"x", encode(published(region(), now())))
        offset = await clients.load(place._replace(partition=founded.partition), 30)
        await holds(lambda: _shows(running, founded.epoch))
        await clients.settled(place._replace(partition=founded.partition), offset)
    await holds(lambda: _all_ready(running))


async def _names(running: Running, why: str) -> bool:
    return why in (await running.worker.not_ready()).values()


async def _not_live(running: Running) -> bool:
    return await running.worker.not_ready() != {}


async def _shows(running: Running, epoch: str) -> bool:
    return await running.epoch() == epoch


async def _all_ready(running: Running) -> bool:
    return await running.worker.not_ready() == {}


async def test_a_worker_without_a_broker_ends_and_says_so(tmp_path: Path) -> None:
    """Faust starts with a broker or not at all; `vigilits up` starts it again, later each time."""
    nowhere = f"127.0.0.1:{free_port()}"
    worker = WorkerProcess(tmp_path, nowhere, f"redis://{nowhere}")
    try:
        assert await asyncio.to_thread(worker.ended_with, 60) == LOG_AWAY
        assert worker.said("log away")
    finally:
        worker.kill()
