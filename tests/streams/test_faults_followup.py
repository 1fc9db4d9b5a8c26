"""Letters to patients, by a real mail server and real engines: whatever is killed, each is sent, with one link."""

import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from domain.alerts.routing import Zone
from domain.events import Event, NoticeDelivered
from domain.followup.chart import Contact
from domain.followup.sealed import About, Sealed
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import FOLLOWUP, followup_shard, shards
from launch import pathways, regions
from launch.embedded import Engine
from launch.publish import Held
from live_state.redis import RedisState
from people.keys import Erased
from people.sealing import Key, seal
from people.stores import Stores
from tests.engines.chosen import EngineSet
from tests.followup_recount import counted_again, shown
from tests.recount import items_of, same
from tests.small_followup import CANARY, DAY, HOUR, WELL, Patients, Store, _pack, pathway, pseudonym
from tests.streams.running import holds, now
from tests.streams.test_faults_notices import Mailbox
from tests.streams.worker_process import WorkerProcess

pytestmark = [pytest.mark.engines, pytest.mark.asyncio(loop_scope="module")]

PUBLIC_URL = "https://suivi.example.fr"
DUE_IN_MS = 8_000


class InHome(Store):
    """The key store of a home, as a worker and its tests have it."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.stores = Stores(home)
        self.look_many = self.stores.look_many  # type: ignore[method-assign]

    def key(self, patient: str) -> Key:
        """Return a patient's key, made where there is none."""
        key = self.stores.keys().look(self.stores.keys().create(patient))
        assert not isinstance(key, Erased)
        return key

    def sealed(self, patient: str, kind: str, slot: str, content: object) -> Sealed:
        """Return content sealed with the patient's key."""
        return seal(self.key(patient), _pack(content), About(patient, kind, slot))


class Running(NamedTuple):
    """Engines, a region's followup shards, and a mail server; a worker at a time."""

    log: KafkaLog
    state: RedisState
    client: "Redis"
    engines: tuple[Engine, Engine]
    directory: Path
    partitions: dict[str, int]
    keys: InHome
    mail: Mailbox
    workers: list[WorkerProcess]

    def start(self) -> WorkerProcess:
        """Return a worker, which sends by the mail server."""
        kafka, redis = self.engines
        channels = {
            "smtp_url": f"smtp://127.0.0.1:{self.mail.port}",
            "smtp_from": "v@x.invalid",
            "smtp_starttls": False,
            "public_url": PUBLIC_URL,
        }
        directory = self.directory / f"worker-{len(self.workers)}"
        home = str(self.directory / "home")
        worker = WorkerProcess(directory, kafka.url, redis.url, home=home, channels=channels, tick_s=0.5)
        self.workers.append(worker)
        return worker

    async def say(self, number: int, event: Event) -> None:
        """Append an event of a patient to their shard's log."""
        shard = followup_shard("ici", pseudonym(number))
        await self.log.append(FOLLOWUP, self.partitions[shard], b"ici", encode(event))

    async def knows(self, number: int) -> bool:
        """Return whether the live state has the patient."""
        build = await self.state.current(followup_shard("ici", pseudonym(number)))
        return build is not None and (await self.state.fields(build, "patients", [pseudonym(number)])) != [None]

    async def receipts(self) -> int:
        """Return how many deliveries are on the logs."""
        found = [
            item
            for partition in self.partitions.values()
            for item in await items_of(self.log, FOLLOWUP, partition, 1 << 60)
            if isinstance(item.event, NoticeDelivered)
        ]
        return len(found)

    async def settled(self, number: int) -> None:
        """Return once the patient's shard is what the recount of its log says."""
        shard = followup_shard("ici", pseudonym(number))

        async def stands_still() -> bool:
            found = await shown(self.state, self.keys, shard)
            if found is None or not await self.knows(number):
                return False
            position = await self.state.position(found[0])
            if position is None or position.offset != found[1].offset:
                return False
            counted = await counted_again(self.log, self.keys, self.partitions[shard], found[1].offset)
            same(found[1], counted)
            return True

        await holds(stands_still)

    @property
    def links(self) -> list[str]:
        """Return the link in each message taken."""
        said = [message_from_bytes(mail.content, policy=policy.default).get_content() for mail in self.mail.taken]
        return [re.findall(rf"{PUBLIC_URL}/a#([^\s.]+)", str(text))[0] for text in said]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> AsyncIterator[Running]:
    directory = tmp_path_factory.mktemp("followup")
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    kafka.start()
    redis.start()
    workers: list[WorkerProcess] = []
    keys = InHome(directory / "home")
    try:
        async with (
            KafkaLog(kafka.url) as log,
            RedisState(redis.url) as state,
            Redis.from_url(redis.url) as client,
            Mailbox().serving() as mail,
        ):
            assert isinstance(mail, Mailbox)
            await regions.settle(log, state, "ici", Held(pathways.settings_of([pathway()]), {}))
            here = await shards(log, FOLLOWUP)
            yield Running(log, state, client, (kafka, redis), directory, here, keys, mail, workers)
    finally:
        for worker in workers:
            worker.kill()
        kafka.stop()
        redis.stop()


def due_soon() -> tuple[Zone, int, int]:
    """Return a zone in which it is nearly nine o'clock, its day (since 1970), and when it will be nine (ms)."""
    due_at = now() // 1000 * 1000 + DUE_IN_MS
    offset_ms = 9 * HOUR - due_at % DAY
    return Zone(name="Test", offsets=((0, offset_ms // 1000),)), (due_at + offset_ms) // DAY, due_at


async def test_a_worker_killed_at_nine_as_it_sends_forgets_no_questionnaire_and_another_sends_the_same(
    running: Running,
) -> None:
    patients = Patients(running.keys)
    zone, first_day, due_at = due_soon()
    file = patients.file(0, contact=Contact(email="zoe@example.invalid"))
    enrolled = patients.enrolled(0, now(), zone=zone, first_day=first_day, content=file, channels=("smtp",))
    await running.say(0, enrolled)
    worker = running.start()
    running.mail.before_answer = worker.kill

    async def is_taken() -> bool:
        return bool(running.mail.taken)

    await holds(is_taken)
    assert now() >= due_at
    running.mail.before_answer = None
    assert await running.receipts() == 0
    running.start()

    async def is_told() -> bool:
        return await running.receipts() == 1

    await holds(is_told)
    assert len(set(running.mail.keys)) == 1, "the same message, whoever sends it again"
    first, *again = running.links
    assert set(again) <= {first}
    opened = Stores(running.directory / "home").links().open(first, now())
    assert opened is not None
    assert (opened.patient, opened.slot, opened.state) == (pseudonym(0), "1-0900", "open")
    await running.settled(0)


async def test_an_answer_ends_what_is_asked_and_nothing_in_clear_is_in_redis_or_on_the_logs(running: Running) -> None:
    answers = WELL | {"comment": f"{CANARY} va bien"}
    await running.say(0, Patients(running.keys).answered(0, now(), answers, id="the-answer"))

    async def is_answered() -> bool:
        build = await running.state.current(followup_shard("ici", pseudonym(0)))
        if build is None:
            return False
        return (await running.state.fields(build, f"slots:{pseudonym(0)}", ["1-0900"])) != [None]

    await holds(is_answered)
    await running.client.flushall()
    await holds(is_answered, 40)  # once more, from the log
    await running.settled(0)
    everything = b""
    async for key in running.client.scan_iter():
        everything += await running.client.dump(key) or b""
    for partition in running.partitions.values():
        everything += b"".join([record.value or b"" async for record in running.log.read(FOLLOWUP, partition)])
    for worker in running.workers:
        everything += worker.log.read_bytes()
    assert pseudonym(0).encode() in everything
    secrets = [CANARY.encode(), b"bulon-canari", b"zoe@example.invalid", *(link.encode() for link in running.links)]
    assert not [secret for secret in secrets if secret in everything]
    assert await running.receipts() == 1, "what was sent is not sent again"
