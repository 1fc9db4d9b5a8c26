"""The worker process: a Faust app whose agents, one a topic, hand partition batches to one task a partition."""

import asyncio
import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, get_args

import faust
import structlog
import uvloop
from aiokafka.errors import KafkaError
from faust.contrib.asgi import faust_app_running
from faust.types import TP

from config import on_call, sms_gateway
from config import settings as environment
from domain.followup.patient import Channel as ToPatientBy
from event_log.kafka import APPEND_TIME, KafkaLog
from event_log.topics import region_of
from live_state.redis import RedisState
from people import reach
from people.directory import People
from people.keys import KeysAway
from people.patient_links import LinksAway
from people.stores import Stores
from people.trail import TrailAway
from streams.batches import Consumer, PartitionBatches, Transport
from streams.capacity import Capacity
from streams.companions import Companions, attend, end
from streams.erasing import Eraser
from streams.followup import Followed, Followup
from streams.inlet import Batch
from streams.lag import LOOKS_EVERY_S, Lookout, siblings
from streams.logs import log_as_json
from streams.measures import Measures
from streams.memberships import Memberships
from streams.notices import Notices, Viewed
from streams.notify.channels import ChannelSettings, channels_of
from streams.notify.letters import ToPatients, ToPeople
from streams.notify.notifier import Notifier
from streams.notify.smtp import Smtp
from streams.on_call import OnCallReader, fetching
from streams.serving import listen, pages, serve
from streams.shard import Limits, Shard, Sort, backoff_s
from streams.staff import Staff
from streams.summary.sending import Summaries
from streams.watchdog import STOOD_STILL, Sight, watch

STOPS_WITHIN_S = 8.0
ANSWERS_WITHIN_S = 20.0  # whoever a calendar is fetched from, or a message handed to
MAX_POLL = 1000  # records of one batch at most
METADATA_MS = 10_000  # a topic that is made, or made anew, after we started is noticed within so long
OPENS_WITHIN_S = 30.0  # between two tries to open a store that is away
LOG_AWAY = 69  # exit status: EX_UNAVAILABLE

TOPICS = (Capacity.topic, Notices.topic, Followup.topic)
AnyShard = Shard[Any, Any]

T = TypeVar("T")

_timestamp_type = attrgetter("timestamp_type")

logger = structlog.get_logger("streams.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """All that a worker is told; times in seconds.

    Tansu gathers a group for as long as the rebalance timeout, so short ones make a worker join in about 5 s; a worker
    that is stopped for longer than its session loses its partitions.
    """

    kafka: str
    redis: str
    group: str = "vigilits"
    fetch_wait_ms: int = 20
    session_s: float = 6.0
    rebalance_s: float = 6.0
    heartbeat_s: float = 1.0
    tick_s: float = 2.0
    looks_s: float = LOOKS_EVERY_S
    watchdog_s: float = 15.0
    rebalanced_within_s: float = 60.0
    home: str = ""  # of the stores of people and patients; without it nobody is told, and no calendar or content read
    master_keys: str = ""
    kms_command: str = field(default="", repr=False)
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    host: str = "127.0.0.1"
    port: int = 0
    log_level: str = "info"


class OfConsumer:
    """Faust's consumer, as the task of a partition of one topic wants it."""

    def __init__(self, app: faust.App, topic: str) -> None:
        self._app, self._topic = app, topic

    @property
    def _consumer(self) -> Consumer:
        consumer = self._app.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    async def seek(self, partition: int, offset: int) -> None:
        """Return once batches of the partition come from this offset on."""
        await self._consumer.begin_at(TP(self._topic, partition), offset)

    def hold(self, partition: int) -> None:
        """Fetch nothing more of the partition for now."""
        self._consumer.hold(TP(self._topic, partition))

    def resume(self, partition: int) -> None:
        """Go on where it was held."""
        self._consumer.let(TP(self._topic, partition))

    def end(self, partition: int) -> int:
        """Return the log's end as far as a fetch has seen it."""
        tp = TP(self._topic, partition)
        return int(self._consumer.highwater(tp) or 0) if tp in self._consumer.assignment() else 0


class Worker:
    """The partitions that are ours for now, each with its task."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.measures = Measures()
        self.log = KafkaLog(settings.kafka, fetch_wait_ms=settings.fetch_wait_ms)
        self.state = RedisState(settings.redis)
        self.app = faust_app(settings)
        self.people = People(Path(settings.home)) if settings.home else None
        self.stores = Stores(Path(settings.home), settings.master_keys, settings.kms_command) if settings.home else None
        self.sorts: Mapping[str, Callable[[], Sort[Any, Any]]] = {
            Capacity.topic: Capacity,
            Notices.topic: Notices,
            Followup.topic: partial(Followup, self.stores),
        }
        self.http = reach.client(within_s=ANSWERS_WITHIN_S)
        self.channels = channels_of(settings.channels, self.people) if self.people else []
        # All shards' letters to patients wait for one file of links: here, and not where the folds wait for keys.
        self.writing_to_patients = ThreadPoolExecutor(1, "letters to patients")
        self._companions: Mapping[str, Callable[[AnyShard, str], Companions]] = {
            Notices.topic: self._beside_notices,
            Followup.topic: self._beside_followup,
        }
        self.shards: dict[TP, AnyShard] = {}
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._attending: dict[TP, asyncio.Task[None]] = {}
        self._rebalancing_since: float | None = time.monotonic()
        self._stopping = False
        self._agree()

    def _agree(self) -> None:
        """Have Faust call us: with each batch, and when partitions come and go."""
        app = self.app

        async def hand_on(batches: Any) -> None:
            async for records in batches:
                self.hand_on(records)

        for name in TOPICS:
            # One that is not there yet is taken up within METADATA_MS of its being made.
            topic = app.topic(name, key_serializer="raw", value_serializer="raw", acks=False)
            app.agent(topic, name=f"{name}.fold")(hand_on)

        @app.on_partitions_revoked.connect(weak=False)
        async def revoked(_: Any, partitions: Iterable[TP], **__: Any) -> None:
            self._rebalancing_since = time.monotonic()
            await self.lose(set(partitions) & set(self.shards))

        @app.on_partitions_assigned.connect(weak=False)
        async def assigned(_: Any, partitions: Iterable[TP], **__: Any) -> None:
            self._rebalancing_since = None
            await self.gain({tp for tp in partitions if tp.topic in TOPICS})

    # -- partitions

    def hand_on(self, records: list[Any]) -> None:
        """Offer a batch to its partition's task."""
        shard = self.shards.get(TP(records[0].topic, records[0].partition))
        if shard is not None:
            end = max(records[-1].offset + 1, shard.end)
            for stamp, alike in groupby(records, key=_timestamp_type):  # one, unless the topic was set otherwise since
                shard.inlet.offer(Batch(list(alike), end, stamped=stamp == APPEND_TIME))

    async def gain(self, partitions: set[TP]) -> None:
        """Start a task for each partition that is ours, and for no other."""
        await self.lose(set(self.shards))
        limits = Limits(self.settings.tick_s)
        ours: dict[str, list[int]] = {}
        for topic, partition in sorted(partitions):
            ours.setdefault(topic, []).append(partition)
            reader = OfConsumer(self.app, topic)
            shard: AnyShard = Shard(
                self.sorts[topic](), partition, self.log, self.state, reader, self.measures, now=_now, limits=limits
            )
            self.shards[TP(topic, partition)] = shard
            self._tasks[TP(topic, partition)] = asyncio.create_task(shard.run(), name=f"{topic} {partition}")
            if topic in self._companions:
                self._attending[TP(topic, partition)] = asyncio.create_task(
                    attend(partial(getattr, shard, "life"), partial(self._companions[topic], shard)),
                    name=f"beside {topic} {partition}",
                )
        logger.info("assigned", partitions=ours)

    async def lose(self, partitions: set[TP]) -> None:
        """Return once the tasks of these partitions have ended and their memory is dropped."""
        tasks = [each.pop(tp) for each in (self._attending, self._tasks) for tp in partitions if tp in each]
        await end(tasks)
        for partition in partitions:
            shard = self.shards.pop(partition, None)
            if shard is not None and shard.shard is not None:
                self.measures.forget(shard.shard)

    def _beside_notices(self, shard: AnyShard, name: str) -> Companions:
        """Return what runs beside a notices shard."""
        beside, now = siblings(name), partial(getattr, shard, "told_now")
        lookout = Lookout(self.log, self.state, lambda: beside.items() if shard.ready else (), shard.append, now)
        looks = partial(lookout.run, self.settings.looks_s)
        staff = Staff(Viewed(shard), self.state, now).run
        if self.people is None:
            return {"lookout": looks, "staff": staff}
        region, home = region_of(name), Path(self.settings.home)
        calendars = OnCallReader(
            partial(self.people.calendars, region), fetching(home, region, self.http), on_call.read
        )
        return {
            "lookout": looks,
            "staff": staff,
            "on-call": partial(calendars.keep, lambda: shard.held.settings if shard.ready else None, shard.append, now),
            "notifier": partial(self._notify, self.people, shard, now),
        }

    async def _notify(self, people: People, shard: AnyShard, now: Callable[[], int]) -> None:
        """Send what the shard has in its outbox, until cancelled."""
        view = Viewed(shard)
        letters = ToPeople(view, people, now, public_url=self.settings.channels.public_url)
        await Notifier(view, letters, self.channels, now, self.measures).run()

    def _beside_followup(self, shard: AnyShard, name: str) -> Companions:
        """Return what runs beside a followup shard: who writes to its patients, sends summaries, erases, and judges."""
        if self.people is None or self.stores is None:
            return {}
        return {
            "notifier": partial(self._write_to_patients, self.stores, shard),
            "summaries": partial(self._summarise, self.stores, self.people, shard),
            "eraser": partial(self._erase, self.stores, shard),
            "memberships": Memberships(Followed(shard), self.state, partial(getattr, shard, "told_now")).run,
        }

    async def _write_to_patients(self, stores: Stores, shard: AnyShard) -> None:
        view, now = Followed(shard), partial(getattr, shard, "told_now")
        letters = ToPatients(view, stores, now, public_url=self.settings.channels.public_url)
        channels = [channel for channel in self.channels if channel.name in get_args(ToPatientBy)]
        await Notifier(view, letters, channels, now, self.measures, threads=self.writing_to_patients).run()

    async def _summarise(self, stores: Stores, people: People, shard: AnyShard) -> None:
        keys, trail = await _opened(stores.keys), await _opened(stores.trail)
        mailbox = next((each for each in self.channels if isinstance(each, Smtp) and each.name == "mssante"), None)
        await Summaries(
            Followed(shard),
            self.state,
            keys,
            trail,
            people,
            Path(self.settings.home),
            mailbox,
            partial(getattr, shard, "told_now"),
            self.measures,
            public_url=self.settings.channels.public_url,
        ).run()

    async def _erase(self, stores: Stores, shard: AnyShard) -> None:
        keys, trail, links = await _opened(stores.keys), await _opened(stores.trail), await _opened(stores.links)
        now = partial(getattr, shard, "told_now")
        await Eraser(Followed(shard), keys, trail, links.forget_patient, now, self.measures).run()

    # -- what others ask

    def not_ready(self) -> dict[str, str]:
        """Return what is not ready, by name, and why."""
        names = {
            shard.shard or f"{topic} {partition}": why
            for (topic, partition), shard in self.shards.items()
            if (why := shard.why_not_ready) is not None
        }
        if self._rebalancing_since is not None:
            names["partitions"] = "not assigned"
        return names

    def measure(self) -> None:
        """Set what only a look can tell."""
        now = _now()
        for shard in self.shards.values():
            if shard.shard is None:
                continue
            self.measures.position_lag.labels(shard.shard).set(shard.behind)
            self.measures.shard_ready.labels(shard.shard).set(shard.why_not_ready is None)
            if shard.held.clock:
                self.measures.clock_age.labels(shard.shard).set((now - shard.held.clock) / 1000)
            if shard.forwarder is not None:
                oldest_at = shard.forwarder.oldest_at
                self.measures.steps_waiting.labels(shard.shard).set(shard.forwarder.waiting)
                self.measures.steps_age.labels(shard.shard).set(0 if oldest_at is None else (now - oldest_at) / 1000)
            shard.sort.measure(shard.shard, shard.held, self.measures, now)

    def sights(self) -> Iterator[Sight]:
        """Yield what the watchdog wants to know of each partition."""
        for (topic, partition), shard in self.shards.items():
            yield Sight(f"{topic} {partition}", shard.offset, shard.behind, able=shard.able)

    def ended(self) -> str | None:
        """Return why this process is of no more use, None while it is."""
        if self._stopping:
            return None
        if self.app.crashed or self.app.should_stop:
            return "Faust has ended"
        for task in (*self._tasks.values(), *self._attending.values()):
            if task.done():
                return f"the task {task.get_name()!r} has ended"
        if any(shard.inlet.unanswered > 1 for shard in self.shards.values()):
            return "the consumer answers no seek"
        since = self._rebalancing_since
        if since is not None and time.monotonic() - since > self.settings.rebalanced_within_s:
            return f"no partitions were assigned in {self.settings.rebalanced_within_s:g} s"
        return None

    # -- its life

    async def run(self, on: Any) -> None:
        """Return once told to stop (SIGTERM, SIGINT), everything closed."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        shown = asyncio.create_task(
            serve(pages(self.measures.registry, self.measure, self.not_ready), on), name="serve"
        )
        watched = asyncio.create_task(watch(self.settings.watchdog_s, self.sights, self.ended), name="watch")
        for task in (shown, watched):
            task.add_done_callback(self._ended_early)
        try:
            async with faust_app_running(self.app, discover=False):
                logger.info("started", group=self.settings.group)
                await stop.wait()
                logger.info("stopping")
                self._stopping = True
                # Faust may wait for a broker that is away; whatever it still holds was never promised to anybody.
                loop.call_later(STOPS_WITHIN_S, os._exit, 0)
                await self.lose(set(self.shards))
        finally:
            self._stopping = True
            for task in (watched, shown):
                task.cancel()
            await asyncio.gather(watched, shown, return_exceptions=True)
            await self.log.close()
            await self.state.close()
            await self.http.aclose()

    def _ended_early(self, task: asyncio.Task[None]) -> None:
        """End the process where it goes on without what watches it or what tells of it."""
        if not self._stopping:
            why = None if task.cancelled() else repr(task.exception())
            logger.critical("ends this process", why=f"the task {task.get_name()!r} has ended", error=why)
            os._exit(STOOD_STILL)


def faust_app(settings: WorkerSettings) -> faust.App:
    """Return the Faust app, without agents yet."""
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.kafka.replace(',', ';kafka://')}",
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / f"vigilits-faust-{os.getuid()}"),
        ConsumerScheduler=PartitionBatches,
        stream_buffer_maxsize=8,  # it counts batches
        stream_wait_empty=False,  # a batch that was not committed is read again
        broker_max_poll_records=MAX_POLL,
        broker_session_timeout=settings.session_s,
        broker_rebalance_timeout=settings.rebalance_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_request_timeout=max(10.0, 2 * settings.session_s),
        consumer_metadata_max_age_ms=METADATA_MS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.transport = Transport(app.conf.broker, app, fetch_wait_ms=settings.fetch_wait_ms)
    return app


async def _opened(store: Callable[[], T]) -> T:
    """Return a store once it can be opened, however long it is away; the shard says so meanwhile."""
    failures = 0
    while True:
        try:
            return await asyncio.to_thread(store)
        except (KeysAway, TrailAway, LinksAway):
            await asyncio.sleep(backoff_s(failures, Limits(longest_wait_s=OPENS_WITHIN_S)))
            failures += 1


def _now() -> int:
    return time.time_ns() // 1_000_000


def run(settings: WorkerSettings) -> None:
    """Run a worker until it is told to stop."""
    log_as_json(settings.log_level)
    on = listen(settings.host, settings.port)
    logger.info("listening", host=settings.host, port=on.getsockname()[1])

    async def work() -> None:
        await Worker(settings).run(on)

    # What is here to stay is left out of garbage collection, and the whole of it left for seldom: it stops the fold.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        uvloop.run(work())
    except KafkaError as why:  # Faust starts with a broker or not at all: whoever keeps us up tries again
        logger.critical("log away", why=str(why))
        sys.exit(LOG_AWAY)


def main() -> None:
    """Run a worker as the environment says."""
    try:
        told = environment.read(os.environ)
    except environment.Mistakes as mistakes:
        sys.exit(str(mistakes))
    if not told.kafka_url or not told.redis_url:
        sys.exit("settings:\n  KAFKA_URL and REDIS_URL must name the engines (`vigilits up` starts some of its own)")
    run(
        WorkerSettings(
            kafka=told.kafka_url,
            redis=told.redis_url,
            group=told.group,
            fetch_wait_ms=told.fetch_wait_ms,
            host=told.worker_host,
            port=told.worker_port,
            log_level=told.log_level,
            home=told.home,
            master_keys=told.master_keys,
            kms_command=told.kms_command,
            channels=ChannelSettings(
                public_url=told.public_url,
                smtp_url=told.smtp_url,
                smtp_from=told.smtp_from,
                smtp_starttls=told.smtp_starttls,
                smtp_per_second=told.smtp_per_second,
                mssante_url=told.mssante_url,
                mssante_from=told.mssante_from,
                mssante_domains=told.mssante_domains,
                sms_gateway=sms_gateway.read(told.sms_gateway) if told.sms_gateway else None,
                push_contact=told.push_contact,
                push_allow_private=told.push_allow_private,
            ),
        )
    )


if __name__ == "__main__":
    main()
