"""A region on the log: its shards opened, its directory read and put in force, and what was in force given again."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from config import alerts
from config import pathways as pathway_files
from config import region as directories
from config.alerts import Alerting
from config.reading import DirectoryErrors, Findings
from domain.events import Event, Genesis, SilenceMade
from domain.followup.holding import PATHWAY
from domain.followup.pathway import Pathway
from domain.places import Region
from event_log.kafka import KafkaLog
from event_log.log import Log, LogAway, LogKeeper, NotAGenesis, UnknownTopic
from event_log.topics import (
    CAPACITY,
    NOTICES,
    PARTITIONS,
    TOPIC_OF,
    Founded,
    NoRoom,
    beginnings,
    followup_shards,
    init_shards,
    region_of,
    shards_of,
    sort_of,
)
from launch import alerting, pathways, publish
from launch.publish import NOTHING, Held, Place
from live_state.redis import RedisState
from live_state.state import State, StateAway

# What may pass by itself while engines come and go.
UNSETTLED = (LogAway, StateAway, UnknownTopic, NotAGenesis, NoRoom, OSError)
DIRECTORIES = Path(directories.__file__).parent / "regions"


class UnknownRegion(Exception):
    """No directory, or no shard on the log, of that name."""


class Document(NamedTuple):
    """A region directory, read and checked."""

    region: Region
    boundaries: bytes
    alerting: Alerting | None = None
    pathways: tuple[Pathway, ...] = ()

    @property
    def code(self) -> str:
        """Return the region's code."""
        return self.region.code

    @property
    def settings(self) -> dict[str, bytes]:
        """Return the settings that it is published as."""
        of_alerts = {} if self.alerting is None else alerting.settings_of(self.alerting)
        of_patients = pathways.settings_of(self.pathways)
        return publish.documents(self.region, self.boundaries) | of_alerts | of_patients


def known() -> list[str]:
    """Return the codes of the regions that come with vigilits."""
    return sorted(path.name for path in DIRECTORIES.iterdir() if (path / directories.REGION).is_file())


def read(code: str | None, directory: Path | None = None, divided_by: float = 1.0) -> Document:
    """Return a region's directory; raise DirectoryErrors with all its mistakes, or UnknownRegion."""
    if directory is None:
        directory = DIRECTORIES / (code or "")
        if code not in known():
            raise UnknownRegion(f"no region {code!r}; there is {', '.join(known())}, or name a --directory")
    found, told, followed = _checked(directory)
    if code is not None and found.code != code:
        raise UnknownRegion(f"{directory} is the directory of {found.code!r}, not of {code!r}")
    fresh = msgspec.structs.replace(found.freshness, divided_by=found.freshness.divided_by * divided_by)
    told = told if told is None else alerting.hastened(told, divided_by)
    changed = msgspec.structs.replace(found, freshness=fresh)
    return Document(changed, directories.boundaries(directory), told, followed)


def _checked(directory: Path) -> tuple[Region, Alerting | None, tuple[Pathway, ...]]:
    """Return what a directory says of places, and of alerts and patients where it does.

    Raise DirectoryErrors with all mistakes.
    """
    findings, found = Findings(), None
    try:
        found = directories.load(directory)
    except DirectoryErrors as errors:
        findings.mistakes += errors.errors
    told = alerts.read(directory, found, now(), findings) if alerts.is_there(directory) else None
    followed: tuple[Pathway, ...] = ()
    if pathway_files.is_there(directory):
        schedules = None if told is None and alerts.is_there(directory) else told.routing.schedules if told else ()
        followed = pathway_files.read(directory, findings, schedules)
    findings.settle()
    assert found is not None
    return found, told, followed


@asynccontextmanager
async def stores(kafka_url: str, redis_url: str) -> AsyncIterator[tuple[KafkaLog, State]]:
    """Give the log and the live state at these addresses."""
    async with KafkaLog(kafka_url) as log, RedisState(redis_url) as state:
        yield log, state


async def last_held(redis_url: str) -> dict[str, Held]:
    """Return, by region, what was in force when it was last folded, whichever log that was."""
    async with RedisState(redis_url) as state:
        codes = sorted({region_of(shard) for shard in await state.shards() if shard == shard_of(region_of(shard))})
        return {code: await region_held(state, code) for code in codes}


async def region_held(state: State, code: str) -> Held:
    """Return what a region's shards together were last folded to hold."""
    held, told = [await publish.last_held(state, shard_of(code, sort)) for sort in ("capacity", "notices")]
    followed = [await publish.last_held(state, shard) for shard in followup_shards(code)]
    settings = {name: content for each in (held, told, *followed) for name, content in each.settings.items()}
    return held._replace(settings=settings, decisions=told.decisions, decided_on=told.decided_on)


def shard_of(code: str, sort: str = "capacity") -> str:
    """Return the name of a region's shard."""
    return f"{sort}:{code}"


async def make_topics(kafka_url: str) -> None:
    """Return once the topics are there, empty or as they were."""
    async with KafkaLog(kafka_url) as log:
        for topic, partitions in PARTITIONS.items():
            await log.create(topic, partitions)


async def places(log: Log, topic: str = CAPACITY) -> dict[str, Place]:
    """Return where every region's (first) shard stands on a topic, by the region's code."""
    standing: dict[str, Place] = {}
    for place in await _places(log, topic):
        standing.setdefault(place.region, place)
    return standing


async def places_of(log: Log, code: str, topic: str) -> list[Place]:
    """Return where all shards of a region stand on a topic."""
    return [place for place in await _places(log, topic) if place.region == code]


async def _places(log: Log, topic: str) -> list[Place]:
    return [
        Place(genesis.shard, region_of(genesis.shard), topic, partition, genesis.epoch)
        for partition, genesis in (await beginnings(log, topic)).items()
        if isinstance(genesis, Genesis)
    ]


async def settle(log: LogKeeper, state: State, code: str, wanted: Held, before: Held = NOTHING) -> str:
    """Return, in words, what had to be done for a region's shards to exist and all this to be in force on them.

    Each setting is published on the shards that fold by it. Where a log turns out to be another one than `before` was
    folded from, its grants are given again too, and what people decided about alerts.
    """
    said = []
    for sort in TOPIC_OF:  # the capacity shard first: what it says of alerts waits for the others
        here = [shard for shard in shards_of(code) if sort_of(shard) == sort]
        founded = await init_shards(log, here, now(), TOPIC_OF[sort])
        words = _told([await _settle(log, state, shard, founded[shard], wanted, before) for shard in here])
        said += [words if sort == "capacity" else f"{sort}: {words}"] if words else []
    return "; ".join(said) or "all settings in force already"


class _Done(NamedTuple):
    """What had to be done for one shard: where it was founded, if only now, and what was put in force on it."""

    new: Place | None
    published: tuple[str, ...]
    decided: int
    given: int
    left: tuple[str, ...]


async def _settle(log: LogKeeper, state: State, shard: str, founded: Founded, wanted: Held, before: Held) -> _Done:
    """Return what had to be done for one shard, which is founded."""
    at, code, topic = now(), region_of(shard), TOPIC_OF[sort_of(shard)]
    place = Place(shard, code, topic, founded.partition, founded.epoch)
    in_force = await publish.held(log, state, place)
    given = 0
    if topic == CAPACITY:
        lost = before.grants if before.epoch not in (None, place.epoch) else {}
        # Rights first: a region that is there without them would turn everyone away who watches it (close code 4403).
        given = await publish.give(log, place, {**lost, **wanted.grants}, in_force, at)
    decided: list[Event] = []
    if topic == NOTICES and before.decided_on not in (None, place.epoch):
        decided = list(before.decisions)
    # Silences too come first, lest somebody is told meanwhile; the rest names schedules, which must be known.
    silences = [event for event in decided if isinstance(event, SilenceMade)]
    await publish.say_again(log, place, silences, at)
    here = {name: content for name, content in wanted.settings.items() if topic in publish.topics_of(name)}
    left = pathways.altered(here, in_force.settings)
    here = {name: content for name, content in here.items() if name.removeprefix(PATHWAY) not in left}
    published = await publish.publish(log, place, here, in_force, at)
    await publish.say_again(log, place, [event for event in decided if event not in silences], at)
    return _Done(place if founded.new else None, tuple(published), len(decided), given, tuple(left))


def _told(done: Sequence[_Done]) -> str:
    """Return in words what was done for the shards of one sort, which mostly is the same for all of them."""
    new = [each.new for each in done if each.new is not None]
    published = dict.fromkeys(name for each in done for name in each.published)
    decided, given = sum(each.decided for each in done), sum(each.given for each in done)
    words = [f"a new log ({new[0].epoch}) on partition {new[0].partition}"] if len(new) == 1 else []
    if len(new) > 1:
        words = [f"{len(new)} new logs on partitions {', '.join(str(place.partition) for place in new)}"]
    words += [f"published {' and '.join(published)}"] if published else []
    words += [f"said {decided} decisions again"] if decided else []
    words += [f"gave {given} grants"] if given else []
    left = dict.fromkeys(name for each in done for name in each.left)
    words += [f"left {' and '.join(left)} as it is in force: what is changed needs another version"] if left else []
    return ", ".join(words)


def now() -> int:
    """Return the machine's clock in milliseconds."""
    return time.time_ns() // 1_000_000
