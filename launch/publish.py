"""Settings and grants onto the log: what is in force there, and the events that change it."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.alerts import fold as notices_fold
from domain.alerts.fold import NoticesState
from domain.capacity.fold import CapacityState, Item, fold
from domain.errors import Unreadable
from domain.events import (
    AnyEvent,
    ChannelsChosen,
    Event,
    GrantGiven,
    GrantRevoked,
    SettingsPublished,
    ShiftOverridden,
    SilenceMade,
    Source,
)
from domain.followup import fold as followup_fold
from domain.followup.holding import PATHWAY, FollowupState
from domain.grants import Grant
from domain.places import Region
from event_log.codec import decode, encode
from event_log.ids import new_id
from event_log.log import Log
from event_log.topics import CAPACITY, FOLLOWUP, NOTICES, sort_of
from live_state import capacity, followup, notices
from live_state.state import Build, State

Settled = CapacityState | NoticesState | FollowupState

MOST_PART_BYTES = 512 * 1024  # half of what Kafka takes for one record by default
COMMAND = Source(id="vigilits", door="command")
EMPTY: Mapping[str, Callable[[], Settled]] = {CAPACITY: CapacityState, NOTICES: NoticesState, FOLLOWUP: FollowupState}
OF_THE_DIRECTORY = ("region", "boundaries")
ON_BOTH = ("alert_rules",)
ON_NOTICES = ("routing", "people")
DECISIONS = ("silences", "overrides", "choices")  # hashes
ON_CALL = "on-call/"  # and the name of a schedule


class Place(NamedTuple):
    """Where a shard of a region stands on the log."""

    shard: str
    region: str
    topic: str
    partition: int
    epoch: str


class Held(NamedTuple):
    """What a shard, or a region's shards together, hold that no report ever says again: settings by name, and grants.

    `grants` are by subject; `epoch` is that of the log from which they were folded, the capacity shard's where they are
    of both. `decisions` are what people decided about alerts, as it is said again, and `decided_on` the epoch of the
    notices log where they did: silences, stand-ins, channels.
    """

    settings: Mapping[str, bytes]
    grants: Mapping[str, tuple[Grant, ...]]
    epoch: str | None = None
    decisions: tuple[Event, ...] = ()
    decided_on: str | None = None

    def digest(self, name: str) -> str | None:
        """Return the digest of the setting in force, None where there is none."""
        content = self.settings.get(name)
        return None if content is None else digest_of(content)


NOTHING = Held({}, {})


def digest_of(content: bytes) -> str:
    """Return what tells one content from another: its SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()


def documents(region: Region, boundaries: bytes) -> dict[str, bytes]:
    """Return the settings that a region directory is published as."""
    return {"region": msgspec.msgpack.encode(region), "boundaries": boundaries}


def parts(name: str, content: bytes, now: int, most: int = MOST_PART_BYTES) -> list[SettingsPublished]:
    """Return the events that publish a setting, in parts small enough for the log."""
    pieces = [content[start : start + most] for start in range(0, len(content), most)] or [b""]
    digest = digest_of(content)
    return [
        SettingsPublished(
            id=new_id(), received_at=now, name=name, digest=digest, content=piece, part=place, parts=len(pieces)
        )
        for place, piece in enumerate(pieces)
    ]


def given(subject: str, grants: tuple[Grant, ...], now: int) -> Iterator[GrantGiven]:
    """Yield the events that give a subject these grants (again)."""
    for grant in grants:
        yield GrantGiven(
            id=new_id(),
            received_at=now,
            subject=subject,
            role=grant.role,
            scope=grant.scope,
            since=grant.since,
            until=grant.until,
        )


def topics_of(name: str) -> tuple[str, ...]:
    """Return on which of a region's logs a setting is published: on those of the shards that fold by it."""
    if name in ON_BOTH:
        return CAPACITY, NOTICES
    if name.startswith(PATHWAY):
        return (FOLLOWUP,)
    return (NOTICES,) if name in ON_NOTICES or name.startswith(ON_CALL) else (CAPACITY,)


async def held(log: Log, state: State, place: Place) -> Held:
    """Return what is in force at the end of the log: the live state's word as far as it goes, then the log's own."""
    settled = await _settled(state, place)
    items = [
        Item(record.offset, event)
        async for record in log.read(place.topic, place.partition, settled.offset + 1)
        if isinstance(event := _event(record.value), SettingsPublished | GrantGiven | GrantRevoked)
    ]
    while items:
        upto = _fold(settled, items)
        items = [item for item in items if item.offset > upto]
    return _of(settled, place.epoch)


async def last_held(state: State, shard: str) -> Held:
    """Return what the live state holds, whichever log it was folded from; nothing where there is no state."""
    build = await state.current(shard)
    settled = None if build is None else await _loaded(state, build)
    return NOTHING if build is None or settled is None else _of(settled, build.epoch)


async def _settled(state: State, place: Place) -> Settled:
    build = await state.current(place.shard)
    known = await _loaded(state, build) if build is not None and build.epoch == place.epoch else None
    return known or EMPTY[place.topic]()


async def _loaded(state: State, build: Build) -> Settled | None:
    sort = sort_of(build.shard)
    names = {"notices": ("meta", "settings", *DECISIONS), "followup": ("meta", "settings")}
    loaded = await state.load(build, names.get(sort, ("settings", "grants")))
    if loaded is None:
        return None
    if sort == "followup":
        return followup.load(*loaded)  # without its patients: who asks for what is in force is to see none
    return notices.load(*loaded) if sort == "notices" else capacity.load(*loaded)


def _fold(settled: Settled, items: list[Item]) -> int:
    """Return up to which offset the state was brought."""
    if isinstance(settled, NoticesState):
        told = notices_fold.fold(settled, items)
        settled.absorb(told)
        return told.offset
    if isinstance(settled, FollowupState):
        followed = followup_fold.fold(settled, items)
        settled.absorb(followed)
        return followed.offset
    draft = fold(settled, items)
    settled.absorb(draft)
    return draft.offset


def _of(settled: Settled, epoch: str) -> Held:
    # Names with a colon are digests, and parts of what is not whole yet.
    whole = {name: content for name, content in settled.settings.items() if ":" not in name}
    if isinstance(settled, CapacityState):
        return Held(whole, settled.grants, epoch)
    if isinstance(settled, FollowupState):
        return Held(whole, {}, epoch)
    return Held(whole, {}, epoch, tuple(_decisions(settled)), epoch)


def _decisions(held: NoticesState) -> Iterator[Event]:
    """Yield what says again, under the same ids and in the same names, what people decided and still holds."""
    for silence in held.silences.values():
        if silence.until > held.clock:
            yield SilenceMade(
                id=silence.id,
                received_at=held.clock,
                source=Source(silence.author, COMMAND.door),
                matchers=silence.matchers,
                since=silence.since,
                until=silence.until,
                reason=silence.reason,
            )
    for override in held.overrides.values():
        if override.until > held.clock:
            yield ShiftOverridden(
                id=override.id,
                received_at=held.clock,
                source=Source(override.author, COMMAND.door),
                schedule=override.schedule,
                person=override.person,
                since=override.since,
                until=override.until,
                reason=override.reason,
            )
    for person, channels in held.choices.items():
        source = Source(person, COMMAND.door)
        yield ChannelsChosen(id=f"{person} on another log", received_at=held.clock, source=source, channels=channels)


def _event(value: bytes | None) -> AnyEvent | None:
    try:
        return decode(value)
    except Unreadable:  # the worker makes a dead letter of it
        return None


async def append(log: Log, place: Place, event: Event) -> int:
    """Return the offset at which the event was kept, as said by this command about this region."""
    said = msgspec.structs.replace(event, region=place.region, source=COMMAND)
    return await log.append(place.topic, place.partition, place.region.encode(), encode(said))


async def publish(log: Log, place: Place, wanted: Mapping[str, bytes], in_force: Held, now: int) -> list[str]:
    """Return the names of the settings that had to be published, because another content was in force."""
    changed = [name for name, content in wanted.items() if in_force.digest(name) != digest_of(content)]
    for name in changed:
        for part in parts(name, wanted[name], now):
            await append(log, place, part)
    return changed


async def give(log: Log, place: Place, wanted: Mapping[str, tuple[Grant, ...]], in_force: Held, now: int) -> int:
    """Return how many grants had to be given, because they are not in force as they are wanted."""
    lacking = [
        event
        for subject, grants in wanted.items()
        for event in given(subject, tuple(g for g in grants if g not in in_force.grants.get(subject, ())), now)
    ]
    # Together: one after the other, each would wait for the broker.
    await asyncio.gather(*(append(log, place, event) for event in lacking))
    return len(lacking)


async def say_again(log: Log, place: Place, decisions: Sequence[Event], now: int) -> None:
    """Return once these decisions are on the log, in their order; those that it has already change nothing."""
    for event in decisions:
        again = msgspec.structs.replace(event, region=place.region, received_at=now)
        await log.append(place.topic, place.partition, place.region.encode(), encode(again))
