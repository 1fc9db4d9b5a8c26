"""One worker process on real engines, and a live state that has its bad days: each ends with the recount of the log."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, NOTICES, PARTITIONS, init_shard
from launch.embedded import Engine
from live_state.capacity import read_feed
from live_state.redis import RedisState
from live_state.state import FeedEntry
from streams.dead_letters import letters
from tests import notices_recount
from tests.engines.chosen import EngineSet
from tests.recount import shown
from tests.small_region import WARDS, report
from tests.streams.running import Clients, Place, holds, now
from tests.streams.worker_process import WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]


class Running(NamedTuple):
    """Engines, the worker beside them, and clients of both."""

    clients: Clients
    redis: "Redis"
    engine: Engine
    worker: WorkerProcess

    @property
    def log(self) -> KafkaLog:
        return self.clients.log

    @property
    def state(self) -> RedisState:
        return self.clients.state

    async def reloads(self, place: Place) -> str:
        """Return the reasons for which a shard has begun again."""
        lines = (await self.worker.ask("/metrics")).text.splitlines()
        return "\n".join(line for line in lines if f'partition="{place.partition}",reason=' in line)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-days")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(directory: Path, engines: EngineSet) -> AsyncIterator[Running]:
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    kafka.start()
    redis.start()
    worker = None
    try:
        async with KafkaLog(kafka.url) as log, RedisState(redis.url) as state, Redis.from_url(redis.url) as client:
            if not engines.kafka_persists:  # Tansu makes the topic, small, as soon as the worker asks for it
                for topic, partitions in PARTITIONS.items():
                    await log.create(topic, partitions)
            worker = begun = WorkerProcess(directory, kafka.url, redis.url)
            await holds(lambda: _is_assigned(begun))
            # Only now: a worker that was there before any region finds the first one by itself.
            await init_shard(log, "capacity:first", now())
            await holds(lambda: _has_begun(state))
            yield Running(Clients(log, state), client, redis, worker)
    finally:
        if worker is not None:
            worker.kill()
        kafka.stop()
        redis.stop()


async def _is_assigned(worker: WorkerProcess) -> bool:
    return worker.said("assigned") != []


async def _has_begun(state: RedisState) -> bool:
    build = await state.current("capacity:first")
    return build is not None and await state.feed(build, -1) != []


async def test_a_sort_of_shard_whose_topic_came_later_is_taken_up(running: Running) -> None:
    """As where a version that has notices starts on a log from before."""
    founded = await init_shard(running.log, "notices:first", now(), NOTICES)
    await holds(lambda: _is_folded(running.state, "notices:first"))
    await notices_recount.settled(running.log, running.state, "notices:first", founded.partition, 0)
    await holds(lambda: _all_ready(running))


async def _is_folded(state: RedisState, shard: str) -> bool:
    return await state.current(shard) is not None


async def test_a_report_reaches_the_feed(running: Running) -> None:
    place = await running.clients.founded("feed")
    await running.clients.settled(place, 1)
    build = await running.state.current(place.shard)
    assert build is not None
    took = []
    offset = 1
    for n in range(30):
        started = time.perf_counter()
        event = report(f"feed-{n}", WARDS[0], "02", n, at=now())
        appended = asyncio.create_task(running.log.append(CAPACITY, place.partition, b"x", encode(event)))
        found: list[FeedEntry] = []
        while not any(f"feed-{n}" in read_feed(entry.payload).outcomes for entry in found):
            found = await running.state.feed(build, offset, wait_ms=1_000)
            offset = found[-1].offset if found else offset
        took.append(time.perf_counter() - started)
        await appended
    assert sorted(took)[15] < 0.25, "half of them in a quarter of a second, on a busy machine"
    await running.clients.settled(place, offset)
    assert await running.worker.not_ready() == {}


async def test_writes_refused_from_the_very_first_are_made_when_they_may_be(running: Running) -> None:
    await running.redis.config_set("min-replicas-to-write", 1)
    place = await running.clients.founded("refused")
    await running.clients.load(place, 50)
    await holds(lambda: _says(running, place.shard, "live state away"))
    await asyncio.sleep(1)
    assert await running.state.current(place.shard) is None
    await running.redis.config_set("min-replicas-to-write", 0)
    await running.clients.settled(place, await running.clients.load(place, 50))
    await holds(lambda: _all_ready(running))


async def _all_ready(running: Running) -> bool:
    return await running.worker.not_ready() == {}


async def _says(running: Running, shard: str, why: str) -> bool:
    return (await running.worker.not_ready()).get(shard) == why


async def test_a_live_state_that_went_back_mid_run_is_brought_forward(running: Running) -> None:
    place = await running.clients.founded("back")
    await running.clients.settled(place, await running.clients.load(place, 300))
    old = {key: await running.redis.dump(key) or b"" async for key in running.redis.scan_iter(match="{*")}
    await running.clients.settled(place, await running.clients.load(place, 300))
    loading = asyncio.create_task(running.clients.load(place, 150, pace_s=0.002))
    await asyncio.sleep(0.1)
    async with running.redis.pipeline(transaction=True) as step:
        step.flushall()
        for key, value in old.items():
            step.restore(key, 0, value)
        await step.execute()
    await running.clients.settled(place, await loading)
    assert 'reason="position"' in await running.reloads(place)


async def test_a_live_state_that_came_back_empty_is_rebuilt(running: Running) -> None:
    place = await running.clients.founded("empty")
    await running.clients.settled(place, await running.clients.load(place, 300))
    loading = asyncio.create_task(running.clients.load(place, 100, pace_s=0.002))
    await asyncio.sleep(0.05)
    await running.redis.flushall()
    await running.clients.settled(place, await loading)


async def test_a_live_state_that_is_away_is_waited_for(running: Running) -> None:
    place = await running.clients.founded("away")
    await running.clients.settled(place, await running.clients.load(place, 50))
    running.engine.kill()
    last = await running.clients.load(place, 100, pace_s=0.005)
    await holds(lambda: _says(running, place.shard, "live state away"))
    running.engine.start()
    await running.clients.settled(place, last)


async def test_one_regions_poison_stops_no_other(running: Running) -> None:
    sick, well = await running.clients.founded("sick"), await running.clients.founded("well")
    poison = []
    for n in range(5):
        await running.clients.load(sick, 5)
        await running.clients.load(well, 5)
        poison.append(await running.log.append(CAPACITY, sick.partition, b"x", b"\xc1 poison %d" % n))
    await running.clients.settled(sick, await running.clients.load(sick, 5))
    await running.clients.settled(well, await running.clients.load(well, 5))
    buried = [letter async for letter in letters(running.log) if letter.shard == sick.shard]
    assert [letter.offset for letter in buried] == poison
    found = await shown(running.state, sick.shard)
    assert found is not None
    assert sorted(found[1].dead) == poison

    newer = msgspec.msgpack.encode({"kind": "beds.reported", "v": 2, "id": "x", "received_at": now()})
    stops_at = await running.log.append(CAPACITY, sick.partition, b"x", newer)
    why = f"beds.reported in version 2, after offset {stops_at - 1}"
    await holds(lambda: _says(running, sick.shard, why))
    await running.clients.load(sick, 5)
    await running.clients.settled(well, await running.clients.load(well, 5))
    await running.clients.settled(sick, stops_at - 1)
    assert await running.worker.not_ready() == {sick.shard: why}
