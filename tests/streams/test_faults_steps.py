"""Steps of alerts between two shards, on real engines: whatever is killed, each arrives, in order, and counts once."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from domain.alerts.rule import Level, Ruleset
from domain.capacity.fold import CapacityState, fold
from domain.events import AlertStepped, SystemMeasured, Tick
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, NOTICES, init_shard
from launch.embedded import Engine
from live_state.redis import RedisState
from streams.forwarder import OUTBOX, place_of
from tests import notices_recount
from tests.alert_rules import rule, rules_published
from tests.engines.chosen import EngineSet
from tests.recount import items_of
from tests.streams.running import Clients, Place, holds, now
from tests.streams.worker_process import WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]

# So low, and so much at once, that reports of chance numbers begin and end alerts all the time.
RULES = Ruleset(
    (
        rule("few", "available", "ward", Level("warning", below=15.0)),
        rule("fewer", "available", "facility", Level("warning", below=30.0), Level("critical", below=15.0)),
        rule("none", "available", "departement", Level("critical", below=15.0)),
    )
)
Number = tuple[int, int]


class Running(NamedTuple):
    """Engines, and as many workers as a test starts."""

    clients: Clients
    client: "Redis"
    kafka: Engine
    redis: Engine
    directory: Path
    workers: list[WorkerProcess]

    def start(self) -> WorkerProcess:
        """Return a worker more."""
        home = self.directory / f"worker-{len(self.workers)}"
        worker = WorkerProcess(home, self.kafka.url, self.redis.url, looks_s=1.0, tick_s=0.5)
        self.workers.append(worker)
        return worker

    async def founded(self, code: str, *, notices: bool = True) -> tuple[Place, Place]:
        """Return a new region's two shards, its directory and its rules on the log; the second founded or yet to be."""
        capacity = await self.clients.founded(code)
        published = msgspec.structs.replace(rules_published(RULES), received_at=now())
        await self.clients.log.append(CAPACITY, capacity.partition, b"x", encode(published))
        return capacity, await self.founded_beside(code) if notices else Place(f"notices:{code}", -1)

    async def founded_beside(self, code: str) -> Place:
        """Return a region's notices shard."""
        name = f"notices:{code}"
        return Place(name, (await init_shard(self.clients.log, name, now(), NOTICES)).partition)

    async def outbox(self, place: Place) -> dict[str, bytes]:
        """Return what the live state holds of steps on their way."""
        build = await self.clients.state.current(place.shard)
        loaded = None if build is None else await self.clients.state.load(build, [OUTBOX])
        return {} if loaded is None else loaded[1].get(OUTBOX, {})

    async def told(self, capacity: Place) -> list[Number]:
        """Return the number of each step that the capacity log leads to, as far as it is folded."""
        build = await self.clients.state.current(capacity.shard)
        position = None if build is None else await self.clients.state.position(build)
        assert position is not None
        held, told = CapacityState(), []
        items = await items_of(self.clients.log, CAPACITY, capacity.partition, position.offset)
        while items:
            draft = fold(held, items[:500])
            told += [(offset, n) for offset, n, _ in draft.steps]
            held.absorb(draft)
            items = [item for item in items if item.offset > draft.offset]
        return told

    async def arrived(self, notices: Place) -> list[Number]:
        """Return the number of each step on the notices log, those that came again too."""
        items = await items_of(self.clients.log, NOTICES, notices.partition, 1 << 60)
        return [(item.event.offset, item.event.n) for item in items if isinstance(item.event, AlertStepped)]

    async def settled(self, capacity: Place, notices: Place, offset: int, least: int) -> list[Number]:
        """Return every step that arrived, once both shards equal the recount of their log and no step was lost."""
        await self.clients.settled(capacity, offset)
        told: list[Number] = []

        async def nothing_waits() -> bool:
            told[:] = await self.told(capacity)
            return set(told) <= set(await self.arrived(notices)) and not await self.outbox(capacity)

        await holds(nothing_waits)
        arrived = await self.arrived(notices)
        first_sights = list(dict.fromkeys(arrived))
        assert first_sights[: len(told)] == told
        assert len(told) >= least, "too few to show anything"
        end = await self.clients.log.end(NOTICES, notices.partition)
        log, state = self.clients.log, self.clients.state
        await notices_recount.settled(log, state, notices.shard, notices.partition, end - 1)
        await self._none_counts_twice(notices)
        return arrived

    async def _none_counts_twice(self, notices: Place) -> None:
        """Show that what came again changed nothing: without it, the log makes the same of everything."""
        items = await items_of(self.clients.log, NOTICES, notices.partition, 1 << 60)
        seen: set[Number] = set()
        once = []
        for item in items:
            if isinstance(item.event, AlertStepped):
                number = item.event.offset, item.event.n
                if number in seen:
                    item = item._replace(event=Tick(id=item.event.id, received_at=item.event.received_at))
                seen.add(number)
            once.append(item)
        with_repeats, without = notices_recount.of_fold(items), notices_recount.of_fold(once)
        assert with_repeats.values == without.values
        assert with_repeats.timelines == without.timelines


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("steps")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    kafka.start()
    redis.start()
    workers: list[WorkerProcess] = []
    try:
        async with KafkaLog(kafka.url) as log, RedisState(redis.url) as state, Redis.from_url(redis.url) as client:
            for topic in (CAPACITY, NOTICES):
                await log.create(topic, 8)
            yield Running(Clients(log, state), client, kafka, redis, directory, workers)
    finally:
        for worker in workers:
            worker.kill()
        kafka.stop()
        redis.stop()


async def test_workers_killed_while_steps_are_on_their_way_lose_none(running: Running) -> None:
    capacity, notices = await running.founded("ici")
    running.start()
    running.start()
    for turn in range(3):
        loading = asyncio.create_task(running.clients.load(capacity, 500, pace_s=0.005))
        await asyncio.sleep(1.0 + 0.37 * turn)
        running.workers[turn].kill()
        running.start()
        last = await loading
    await running.settled(capacity, notices, last, least=30)


async def test_a_live_state_wiped_while_steps_are_on_their_way_costs_none(running: Running) -> None:
    capacity, notices = await running.founded("vide")
    await running.settled(capacity, notices, await running.clients.load(capacity, 300, pace_s=0.005), least=5)
    before = await running.arrived(notices)
    loading = asyncio.create_task(running.clients.load(capacity, 300, pace_s=0.005))
    await asyncio.sleep(0.7)
    await running.client.flushall()
    arrived = await running.settled(capacity, notices, await loading, least=10)
    assert arrived[: len(before)] == before


async def test_a_worker_killed_between_its_commit_and_the_append_leaves_the_steps_to_the_next(running: Running) -> None:
    capacity, nowhere = await running.founded("avant", notices=False)
    last = await running.clients.load(capacity, 300, pace_s=0.01)
    await running.clients.settled(capacity, last)
    held = sorted(map(place_of, await running.outbox(capacity)))
    assert len(held) >= 10
    assert held == await running.told(capacity)
    for worker in running.workers:
        worker.kill()
    notices = await running.founded_beside("avant")
    assert notices.shard == nowhere.shard
    running.start()
    last = await running.clients.load(capacity, 50)
    await running.settled(capacity, notices, last, least=len(held))


async def test_a_worker_killed_between_the_append_and_its_next_commit_doubles_nothing(running: Running) -> None:
    capacity, _ = await running.founded("apres", notices=False)
    last = await running.clients.load(capacity, 300, pace_s=0.01)
    await running.clients.settled(capacity, last)
    held = sorted(map(place_of, await running.outbox(capacity)))
    assert len(held) >= 10
    # From here on no commit is taken: what is appended can't be struck out.
    await running.client.config_set("min-replicas-to-write", 1)
    notices = await running.founded_beside("apres")

    async def all_arrived() -> bool:
        return set(held) <= set(await running.arrived(notices))

    await holds(all_arrived)
    for worker in running.workers:
        worker.kill()
    assert sorted(map(place_of, await running.outbox(capacity))) == held
    await running.client.config_set("min-replicas-to-write", 0)
    running.start()
    last = await running.clients.load(capacity, 50)
    await running.settled(capacity, notices, last, least=len(held))


async def test_a_lag_is_measured_beside_the_shard_that_lags(running: Running) -> None:
    """A worker whose capacity shard a newer event has stopped tells on the notices log how far it stands behind."""
    capacity, notices = await running.founded("retard")
    await running.clients.settled(capacity, await running.clients.load(capacity, 5))
    newer = msgspec.msgpack.encode({"kind": "beds.reported", "v": 2, "id": "x", "received_at": now()})
    stopped_at = time.monotonic()
    await running.clients.log.append(CAPACITY, capacity.partition, b"x", newer)

    async def measured() -> bool:
        items = await items_of(running.clients.log, NOTICES, notices.partition, 1 << 60)
        found = [item.event for item in items if isinstance(item.event, SystemMeasured)]
        assert {(event.measure, event.subject) for event in found} <= {("position_lag", "shard/capacity:retard")}
        return len(found) > 1 and 2 < found[-1].value < time.monotonic() - stopped_at + 15

    await holds(measured)
