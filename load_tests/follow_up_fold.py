"""What a followed patient costs a worker in memory, and how fast its fold is with opening and sealing."""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
from redis import Redis

from domain.alerts.routing import Zone
from domain.events import AnswersGiven, Event, PatientEnrolled, Source
from domain.followup.chart import Consent, Contact, File
from domain.followup.fold import FOLLOWUP_FOLD_VERSION
from domain.followup.patient import Channel, Member
from domain.followup.schedule import DAY_MS, slots
from domain.followup.sealed import About
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import FOLLOWUP, followup_shard
from launch import cohort, regions
from launch.publish import Held, Place
from launch.regions import Document
from live_state.redis import RedisState
from live_state.state import Build, Position
from load_tests import fold
from load_tests.engines import Engines
from people.keys import Erased, Keys, pseudonym
from people.masters import named
from people.sealing import Key, seal

HALF_PAST_SEVEN_MS = 27_000_000
LOOK_EVERY_S, WITHIN_S = 0.05, 240.0
EPOCH = date(1970, 1, 1)
DOCTOR = Source(id="load-test", door="api")


class Patient(NamedTuple):
    """One who is followed here: pseudonym, key, and the slot that is open."""

    id: str
    key: Key
    slot: str


class Cost(NamedTuple):
    """What an answer costs a side in its quickest round, in microseconds: wall time, and its own processor time."""

    whole: float
    processor: float


class Found(NamedTuple):
    """What was measured: a worker's memory before and after so many patients, and what an answer costs each side."""

    patients: int
    bytes_a_patient: float
    memory_before: int
    memory_after: int
    answers: int
    sides: Mapping[str, Cost]


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def zone_here(now: int) -> tuple[Zone, int]:
    """Return a zone where it is half past seven now, and which day it is there: its slot is open, and not due."""
    ahead = HALF_PAST_SEVEN_MS - now % DAY_MS
    return Zone("Etc/here", ((0, ahead // 1000),)), (now + ahead) // DAY_MS


async def measured(engines: Engines, document: Document, patients: int, answers: int, rounds: int, batch: int) -> Found:
    """Return what was found, on engines that hold nothing yet."""
    (pathway,) = document.pathways
    home = engines.directory / "home"
    home.mkdir()
    keys = Keys(home, named(home))
    async with regions.stores(engines.kafka.url, engines.redis.url) as (log, state):
        await regions.settle(log, state, document.code, Held(document.settings, {}))
        place = (await regions.places_of(log, document.code, FOLLOWUP))[0]
        env = {"KAFKA_URL": engines.kafka.url, "REDIS_URL": engines.redis.url}
        env |= {"VIGILITS_HOME": str(home), "LOG_LEVEL": "warning"}
        redis = Redis.from_url(engines.redis.url, protocol=2)
        command, build = [sys.executable, "-m", "streams"], Build(place.shard, place.epoch, 1)
        with fold.side("memory", command, env, engines.directory) as worker:
            reach(redis, build, await log.end(FOLLOWUP, place.partition) - 1)
            await asyncio.sleep(3.0)  # what it does once, at its start, is done
            before = resident(worker.pid)
            followed, enrolments = enrolled(keys, document, place, patients, *zone_here(regions.now()))
            await fold.append_all(log, place, [encode(event) for event in enrolments])
            reach(redis, build, await log.end(FOLLOWUP, place.partition) - 1)
            after = resident(worker.pid)
        logged = await answered(log, place, followed, answers)
        (engines.directory / "pathway.json").write_bytes(msgspec.json.encode(pathway))
        where = {"SHARD": place.shard, "BUILD": f"{place.epoch}.1", "TOPIC": FOLLOWUP, "BATCH": str(batch)}
        where |= {"PATHWAY": str(engines.directory / "pathway.json")}
        sides = {
            "vigilits": (command, env),
            "quixstreams": ([sys.executable, "-m", "load_tests.follow_up_on_quixstreams"], env | where),
        }
        runs: dict[str, list[Cost]] = {}
        for _ in range(rounds):
            for name, (its_command, its_env) in sides.items():
                runs.setdefault(name, []).append(await timed(name, its_command, its_env, engines, logged, redis))
        redis.close()
    return Found(
        patients=patients,
        bytes_a_patient=(after - before) / patients,
        memory_before=before,
        memory_after=after,
        answers=answers,
        # Whatever else the machine does only ever adds: the quickest round was the least disturbed.
        sides={name: min(costs, key=lambda one: one.whole) for name, costs in runs.items()},
    )


def enrolled(
    keys: Keys,
    document: Document,
    place: Place,
    count: int,
    zone: Zone,
    day: int,
    channels: tuple[Channel, ...] = (),
) -> tuple[list[Patient], list[Event]]:
    """Return so many patients whose keys are in the store, and the events by which they begin on a day, on a shard."""
    (pathway,) = document.pathways
    now = regions.now()
    slot = slots(pathway, day, zone)[0].slot
    departements = [each.code for each in document.region.departements]
    names = list(islice((name for name in iter(pseudonym, "") if of_shard(place, name)), count))
    ids = [keys.create(name) for name in names]
    held = {id_: key for start in range(0, count, 500) for id_, key in keys.look_many(ids[start : start + 500]).items()}
    patients, events = [], list[Event]()
    for number, (name, id_) in enumerate(zip(names, ids, strict=True), 1):
        key = held[id_]
        assert not isinstance(key, Erased)
        one = cohort.invented(1, number, EPOCH + timedelta(days=day), departements)
        file = msgspec.msgpack.encode(file_of(one, day, now))
        patients.append(Patient(name, key, slot))
        events.append(
            PatientEnrolled(
                id=str(uuid.uuid4()),
                received_at=regions.now(),
                region=document.code,
                source=DOCTOR,
                patient=name,
                key=id_,
                pathway=f"{pathway.id}/{pathway.version}",
                circle=(Member(DOCTOR.id, "physician"), Member("nurse", "nurse")),
                zone=zone,
                first_day=day,
                file=seal(key, file, About(name, "file")),
                departement=one.departement,
                channels=channels,
            )
        )
    return patients, events


def of_shard(place: Place, name: str) -> bool:
    """Return whether a patient of this pseudonym lives on a shard."""
    return followup_shard(place.region, name) == place.shard


def file_of(one: cohort.Invented, day: int, now: int) -> File:
    """Return an invented patient's file as it is kept."""
    told = one.file
    return File(
        birth_name=told["birth_name"],
        first_names=tuple(told["first_names"]),
        birth_date=told["birth_date"],
        sex=told["sex"],
        contact=Contact(**told["contact"]),
        consent=Consent(text_version="load-test", given_at=now, recorded_by=DOCTOR.id),
        symptoms_day=day - 2,
    )


async def answered(log: KafkaLog, place: Place, followed: list[Patient], count: int) -> fold.Log:
    """Return the log once so many answers are on it, of patients in no order; a patient's second is a correction."""
    chance = random.Random(1)
    order = [chance.sample(followed, len(followed)) for _ in range(-(-count // len(followed)))]
    opening = await log.end(FOLLOWUP, place.partition)
    values = []
    for number, one in enumerate(islice((one for each in order for one in each), count)):
        day = int(one.slot.partition("-")[0])
        course = cohort.course(number, number, (day,)).get(day)
        answers = course.answers if course is not None else {"temperature": 37.0, "spo2": 97}
        event = AnswersGiven(
            id=str(uuid.uuid4()),
            received_at=regions.now(),
            region=place.region,
            source=Source(id=f"patient:{one.id}", door="link"),
            patient=one.id,
            slot=one.slot,
            answers=seal(one.key, msgspec.msgpack.encode(answers), About(one.id, "answers", one.slot)),
            by="patient",
        )
        values.append(encode(event))
    await fold.append_all(log, place, values)
    # Not measured: a tenth in which a side warms up, and the last, where one waits for a full batch.
    return fold.Log(place, [], opening + count // 10, opening + count - count // 10)


def reach(redis: Redis, build: Build, offset: int) -> None:
    """Return once a build is folded up to an offset; raise TimeoutError."""
    give_up_at = time.monotonic() + WITHIN_S
    while time.monotonic() < give_up_at:
        text = redis.get(build.key("position"))
        if isinstance(text, bytes) and Position.parse(text.decode()).offset >= offset:
            return
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"not folded to offset {offset} in {WITHIN_S:g} s")


async def timed(
    name: str, command: list[str], env: Mapping[str, str], engines: Engines, log: fold.Log, redis: Redis
) -> Cost:
    """Return what an answer costs a side that folds the log from its start into an empty Redis."""
    redis.flushall()
    build = Build(log.place.shard, log.place.epoch, 1)
    if name == "quixstreams":  # which begins nothing by itself
        async with RedisState(engines.redis.url) as state:
            await state.begin(log.place.shard, log.place.epoch, FOLLOWUP_FOLD_VERSION, None)
    group = {"GROUP": f"load-{uuid.uuid4().hex[:8]}"}
    with fold.side(name, command, {**env, **group}, engines.directory) as process:
        try:
            first, last = fold.watch(redis, build, process, log)
        except fold.Ended as error:
            tail = (engines.directory / f"{name}.log").read_text()[-2000:]
            raise fold.Ended(f"{name}: {error}; its log ends:\n{tail}") from None
    count = last.offset - first.offset
    whole, processor = last.at - first.at, last.processor_s - first.processor_s
    return Cost(whole=whole / count * 1e6, processor=processor / count * 1e6)
