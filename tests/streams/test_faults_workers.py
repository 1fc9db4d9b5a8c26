"""Workers that are killed and stopped under load, on real engines: nothing lost, nothing twice, others carry on."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from event_log.kafka import KafkaLog
from launch.embedded import Engine
from live_state.redis import RedisState
from tests.engines.chosen import EngineSet
from tests.streams.running import Clients, Place, holds
from tests.streams.worker_process import SESSION_S, WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]

CARRIES_ON_WITHIN_S = 15.0


class Running(NamedTuple):
    """Engines, two regions, and as many workers as a test starts."""

    clients: Clients
    kafka: Engine
    redis: Engine
    directory: Path
    places: tuple[Place, Place]
    workers: list[WorkerProcess]

    def start(self) -> WorkerProcess:
        """Return a worker more."""
        worker = WorkerProcess(self.directory / f"worker-{len(self.workers)}", self.kafka.url, self.redis.url)
        self.workers.append(worker)
        return worker

    async def load(self, count: int) -> tuple[int, int]:
        """Return the last offset in each region, after so many reports to both at once."""
        one, other = await asyncio.gather(*(self.clients.load(place, count, pace_s=0.004) for place in self.places))
        return one, other

    async def settled(self, offsets: tuple[int, int]) -> None:
        """Return once both regions are past their offset and equal to the recount of their log."""
        for place, offset in zip(self.places, offsets, strict=True):
            await self.clients.settled(place, offset)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("workers")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    kafka.start()
    redis.start()
    workers: list[WorkerProcess] = []
    try:
        async with KafkaLog(kafka.url) as log, RedisState(redis.url) as state:
            clients = Clients(log, state)
            places = await clients.founded("ici"), await clients.founded("ailleurs")
            yield Running(clients, kafka, redis, directory, places, workers)
    finally:
        for worker in workers:
            worker.kill()
        kafka.stop()
        redis.stop()


async def test_workers_killed_under_load_leave_what_the_log_says(running: Running) -> None:
    running.start()
    running.start()
    await running.settled((1, 1))
    for turn in range(2):
        loading = asyncio.create_task(running.load(400))
        await asyncio.sleep(0.5)
        running.workers[turn].kill()
        killed_at = time.monotonic()
        last = await loading
        await running.settled(last)
        carried_on_s = time.monotonic() - killed_at
        assert carried_on_s < CARRIES_ON_WITHIN_S
        running.start()


async def test_a_worker_stopped_past_its_session_writes_nothing_when_it_goes_on(running: Running) -> None:
    first, second = running.workers[-2:]
    await running.settled(await running.load(20))
    await holds(lambda: _has_all(first, second))
    for worker in (first, second):
        loading = asyncio.create_task(running.load(300))
        await asyncio.sleep(0.3)
        worker.pause()
        await loading
        await asyncio.sleep(SESSION_S)  # the one wait that is the point: its session must be over
        during = await running.load(100)
        await running.settled(during)
        loading = asyncio.create_task(running.load(200))
        worker.go_on()
        await running.settled(await loading)


async def _has_all(first: WorkerProcess, second: WorkerProcess) -> bool:
    """Return whether the two share the partitions, and none is waiting for any."""
    return await first.not_ready() == {} and await second.not_ready() == {}


async def test_a_worker_told_to_stop_stops_in_time_and_another_takes_over(running: Running) -> None:
    leaving = running.workers[-1]
    loading = asyncio.create_task(running.load(200))
    started = time.monotonic()
    assert await asyncio.to_thread(leaving.stop) == 0
    assert time.monotonic() - started < 10
    await running.settled(await loading)
