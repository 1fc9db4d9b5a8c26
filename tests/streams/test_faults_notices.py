"""Messages to people, by a real mail server: whatever is killed or wiped, each is sent, and under one key."""

import asyncio
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from domain.alerts.routing import Chain, ChainStep, People, Person, Route, Routing, Zone
from domain.alerts.rule import Level, Ruleset
from domain.events import NoticeDelivered
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, NOTICES
from launch import publish, regions
from launch.embedded import Engine
from launch.publish import Held
from live_state.redis import RedisState
from people.directory import Contact
from people.directory import People as Directory
from tests import notices_recount
from tests.alert_rules import rule
from tests.engines.chosen import EngineSet
from tests.recount import items_of
from tests.small_region import WARDS, region, report
from tests.streams.notify.peers import MailServer
from tests.streams.running import Clients, Place, holds, now
from tests.streams.worker_process import WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]

RULES = Ruleset((rule("few", "available", "ward", Level("warning", below=5.0)),))
ROUTING = Routing(
    route=Route(id="all", group_by=("ward",), group_wait_s=0.0, chain="cell"),
    chains=(Chain("cell", (ChainStep(person="anne"), ChainStep(wait_s=3_600.0))),),
    zone=Zone("UTC", ((0, 0),)),
)
PEOPLE = People({"anne": Person(dict.fromkeys(("info", "warning", "critical"), ("smtp",)))})
DIRECTORY = {
    "region": msgspec.msgpack.encode(region()),
    "alert_rules": msgspec.json.encode(RULES),
    "routing": msgspec.json.encode(ROUTING),
    "people": msgspec.json.encode(PEOPLE),
}


class Mailbox(MailServer):
    """A mail server that may do something once it has taken a message and before it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.before_answer: Callable[[], None] | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Answer to a whole message."""
        answer = await super().handle_DATA(server, session, envelope)
        if self.before_answer is not None:
            self.before_answer()
            await asyncio.Event().wait()
        return answer

    @property
    def keys(self) -> list[str]:
        """Return the Message-ID of each message taken."""
        return [str(message_from_bytes(mail.content)["Message-ID"]) for mail in self.taken]


class Running(NamedTuple):
    """Engines, a region with both shards, and a mail server; a worker at a time."""

    clients: Clients
    client: "Redis"
    engines: tuple[Engine, Engine]
    directory: Path
    capacity: Place
    notices: Place
    mail: Mailbox
    workers: list[WorkerProcess]

    def start(self) -> WorkerProcess:
        """Return a worker, which sends by the mail server."""
        kafka, redis = self.engines
        channels = {
            "smtp_url": f"smtp://127.0.0.1:{self.mail.port}",
            "smtp_from": "v@x.invalid",
            "smtp_starttls": False,
        }
        home = str(self.directory / "home")
        directory = self.directory / f"worker-{len(self.workers)}"
        # Nothing is judged, and nobody told, before the time is: every half second, so that a test waits less.
        worker = WorkerProcess(directory, kafka.url, redis.url, home=home, channels=channels, tick_s=0.5)
        self.workers.append(worker)
        return worker

    async def say(self, ward: int, count: int) -> None:
        """Report how many beds a ward has left: below five is an alert."""
        event = report(f"{ward}-{now()}", WARDS[ward], "02", count, at=now())
        await self.clients.log.append(CAPACITY, self.capacity.partition, b"ici", encode(event))

    async def receipts(self) -> list[str]:
        """Return the notices whose delivery is on the log."""
        items = await items_of(self.clients.log, NOTICES, self.notices.partition, 1 << 60)
        return [item.event.notice for item in items if isinstance(item.event, NoticeDelivered)]

    async def received(self, receipts: int) -> None:
        """Return once so many receipts are on the log."""

        async def are_there() -> bool:
            return len(await self.receipts()) >= receipts

        await holds(are_there)

    async def settled(self) -> None:
        """Return once the notices log is folded, the recount says the same, and nothing is to be sent."""
        end = await self.clients.log.end(NOTICES, self.notices.partition)
        log, state = self.clients.log, self.clients.state
        await notices_recount.settled(log, state, self.notices.shard, self.notices.partition, end - 1)
        found = await notices_recount.shown(state, self.notices.shard)
        assert found is not None
        assert [key for key in found[1].values if key.startswith("outbox/")] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("notices")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    kafka.start()
    redis.start()
    contact = Contact("anne", "Anne", addresses={"smtp": ("anne@example.invalid",)}, invented=True)
    Directory(directory / "home").import_contacts("ici", [contact])
    workers: list[WorkerProcess] = []
    try:
        async with (
            KafkaLog(kafka.url) as log,
            RedisState(redis.url) as state,
            Redis.from_url(redis.url) as client,
            Mailbox().serving() as mail,
        ):
            assert isinstance(mail, Mailbox)
            await regions.settle(log, state, "ici", Held(DIRECTORY, {}))
            assert publish.topics_of("people") == (NOTICES,)
            here = [(await regions.places(log, topic))["ici"] for topic in (CAPACITY, NOTICES)]
            capacity, notices = [Place(place.shard, place.partition) for place in here]
            yield Running(Clients(log, state), client, (kafka, redis), directory, capacity, notices, mail, workers)
    finally:
        for worker in workers:
            worker.kill()
        kafka.stop()
        redis.stop()


async def test_an_alert_is_told_once_and_a_wiped_live_state_tells_nobody_again(running: Running) -> None:
    worker = running.start()
    await running.say(0, 1)
    await running.received(1)
    assert len(running.mail.taken) == 1
    await running.settled()
    await running.client.flushall()
    await running.say(1, 1)
    await running.received(2)
    await running.settled()
    assert len(set(running.mail.keys)) == len(running.mail.taken) == 2
    worker.kill()


async def test_a_live_state_wiped_between_commit_and_send_costs_no_message(running: Running) -> None:
    before = len(running.mail.taken)
    running.mail.slow = True
    worker = running.start()
    connections = running.mail.connections
    await running.say(2, 1)

    async def is_sending() -> bool:
        return running.mail.connections > connections

    await holds(is_sending)
    await running.client.flushall()
    worker.kill()
    running.mail.slow = False
    worker = running.start()
    await running.received(before + 1)
    await running.settled()
    assert len(set(running.mail.keys)) == len(running.mail.taken) == before + 1
    worker.kill()


async def test_a_worker_killed_before_it_could_note_a_receipt_sends_again_under_the_same_key(running: Running) -> None:
    before = len(running.mail.taken)
    worker = running.start()
    running.mail.before_answer = worker.kill
    await running.say(4, 1)  # the ward before it has no beds, but places

    async def is_taken() -> bool:
        return len(running.mail.taken) > before

    await holds(is_taken)
    running.mail.before_answer = None
    assert len(await running.receipts()) == before
    running.start()
    await running.received(before + 1)
    await running.settled()
    first, again = running.mail.keys[before:]
    assert first == again
    assert len(set(running.mail.keys)) == before + 1
