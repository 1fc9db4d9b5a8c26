"""Settings and grants onto a log: cut into parts, only where they differ, and given again on another log."""

import asyncio
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts import fold as notices_fold
from domain.alerts.fold import NoticesState
from domain.alerts.routing import Chain, ChainStep, OnCall, People, Person, Route, Routing, Zone
from domain.alerts.rule import Ruleset
from domain.capacity.fold import CapacityState, Item, fold
from domain.events import (
    ChannelsChosen,
    GrantGiven,
    GrantRevoked,
    ShiftOverridden,
    SilenceEnded,
    SilenceMade,
    Source,
)
from domain.grants import Grant
from event_log.codec import decode, encode
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, FOLLOWUP, NOTICES, followup_shards, init_shard, shards
from launch import publish, regions
from launch.publish import NOTHING, Held, Place
from live_state.memory import MemoryState
from live_state.state import Commit, Position
from streams.capacity import Capacity
from streams.notices import Notices
from streams.shard import Sort
from tests.small_region import START, region

SHARD = "capacity:ici"
SORTS: dict[str, Any] = {CAPACITY: Capacity, NOTICES: Notices}
OUTLINES = b'{"type":"FeatureCollection","features":[]}'


async def folded(log: MemoryLog) -> CapacityState:
    """Return the fold of the whole capacity log of the small region."""
    state = CapacityState()
    items = [Item(r.offset, decode(r.value)) async for r in log.read(CAPACITY, 0)]
    while items:
        draft = fold(state, items)
        state.absorb(draft)
        items = [item for item in items if item.offset > draft.offset]
    return state


async def commit(log: MemoryLog, state: MemoryState, place: Place) -> None:
    """Bring the live state to the end of the log, as a worker does."""
    sort: Sort[Any, Any] = SORTS[place.topic]()
    version = sort.fold_version
    build = await state.begin(place.shard, place.epoch, version, await state.current(place.shard))
    assert build is not None
    items = [Item(r.offset, decode(r.value)) async for r in log.read(place.topic, place.partition)]
    draft = sort.fold(sort.empty(), items)
    at, to = Position(place.epoch, -1, version), Position(place.epoch, draft.offset, version)
    written = sort.written(draft, rebuilding=False)
    assert await state.commit(build, Commit(at, to, written.writes, written.feed))


async def founded(log: MemoryLog) -> Place:
    """Return where the small region stands on this log."""
    made = await init_shard(log, SHARD, START)
    return Place(SHARD, "ici", CAPACITY, made.partition, made.epoch)


def wanted(**changes: Any) -> Held:
    """Return the small region's settings."""
    return Held(publish.documents(region(**changes), OUTLINES), {})


@settings(max_examples=50)
@given(content=st.binary(max_size=200), most=st.integers(1, 64))
def test_the_parts_of_a_setting_are_small_enough_and_make_it_whole(content: bytes, most: int) -> None:
    parts = publish.parts("boundaries", content, START, most)
    assert b"".join(part.content for part in parts) == content
    assert all(len(part.content) <= most for part in parts)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert {(part.parts, part.digest) for part in parts} == {(len(parts), publish.digest_of(content))}


async def test_a_setting_in_parts_is_in_force_with_its_last_part() -> None:
    log = MemoryLog()
    place = await founded(log)
    parts = publish.parts("boundaries", OUTLINES, START, most=10)
    for part in parts[:-1]:
        await publish.append(log, place, part)
    assert "boundaries" not in (await publish.held(log, MemoryState(), place)).settings
    await publish.append(log, place, parts[-1])
    assert (await publish.held(log, MemoryState(), place)).settings == {"boundaries": OUTLINES}


async def test_a_directory_is_published_once_and_again_only_when_it_changed() -> None:
    log, state = MemoryLog(), MemoryState()
    first = await regions.settle(log, state, "ici", wanted())
    assert "a new log" in first
    assert "published region and boundaries" in first
    end = await log.end(CAPACITY, 0)

    assert await regions.settle(log, state, "ici", wanted()) == "all settings in force already"
    assert await log.end(CAPACITY, 0) == end

    assert await regions.settle(log, state, "ici", wanted(name="Là")) == "published region"
    assert (await folded(log)).region == region(name="Là")


def documents_of_alerts() -> dict[str, bytes]:
    """Return what a region's directory says of alerts, as it is published."""
    root = Route(id="root", match={}, chain="cell")
    routing = Routing(
        route=root,
        chains=(Chain("cell", (ChainStep(person="anne"),)),),
        zone=Zone("Europe/Paris", ((0, 3600),)),
        schedules=("garde",),
    )
    return {
        "alert_rules": msgspec.json.encode(Ruleset(())),
        "routing": msgspec.json.encode(routing),
        "people": msgspec.json.encode(People({"anne": Person({"critical": ("app",)})})),
        "on-call/garde": msgspec.json.encode(OnCall((), START)),
    }


async def settings_on(log: MemoryLog, topic: str) -> dict[str, bytes]:
    """Return what is in force on the small region's shard of a topic."""
    place = (await regions.places(log, topic))["ici"]
    return dict((await publish.held(log, MemoryState(), place)).settings)


async def test_each_setting_is_published_on_the_shards_that_fold_by_it() -> None:
    log, state = MemoryLog(), MemoryState()
    alerts = documents_of_alerts()
    both = Held({**wanted().settings, **alerts}, {})
    told = await regions.settle(log, state, "ici", both)
    assert "published region and boundaries and alert_rules; notices: a new log" in told
    assert "published alert_rules and routing and people and on-call/garde; followup: 4 new logs" in told
    assert await settings_on(log, CAPACITY) == {**wanted().settings, "alert_rules": alerts["alert_rules"]}
    assert await settings_on(log, NOTICES) == alerts
    assert await regions.settle(log, state, "ici", both) == "all settings in force already"
    other = {**alerts, "people": msgspec.json.encode(People({}))}
    assert await regions.settle(log, state, "ici", Held(other, {})) == "notices: published people"


async def test_a_region_that_was_founded_without_a_notices_shard_gets_one() -> None:
    log, state = MemoryLog(), MemoryState()
    place = await founded(log)
    await publish.publish(log, place, wanted().settings, NOTHING, START)
    told = await regions.settle(log, state, "ici", wanted())
    assert told.startswith("notices: a new log")
    assert (await regions.places(log))["ici"] == place
    assert (await regions.places(log, NOTICES))["ici"].shard == "notices:ici"


async def test_a_region_has_four_followup_shards_each_on_a_partition_of_its_own() -> None:
    log, state = MemoryLog(), MemoryState()
    assert "followup: 4 new logs on partitions 0, 1, 2, 3" in await regions.settle(log, state, "ici", wanted())
    await regions.settle(log, state, "la", wanted())
    where = await shards(log, FOLLOWUP)
    assert where == {
        f"followup:{code}:{index}": 4 * place + index for place, code in enumerate(("ici", "la")) for index in range(4)
    }


async def test_followup_shards_that_were_founded_in_part_are_founded_whole() -> None:
    log, state = MemoryLog(), MemoryState()
    await init_shard(log, "followup:ici:2", START, FOLLOWUP)
    told = await regions.settle(log, state, "ici", wanted())
    assert "followup: 3 new logs on partitions 1, 2, 3" in told
    assert set(await shards(log, FOLLOWUP)) == set(followup_shards("ici"))
    assert await regions.settle(log, state, "ici", wanted()) == "all settings in force already"


async def test_a_new_log_is_given_what_was_in_force_on_both_shards() -> None:
    old, state = MemoryLog(), MemoryState()
    await regions.settle(old, state, "ici", Held({**wanted().settings, **documents_of_alerts()}, {}))
    for topic in (CAPACITY, NOTICES):
        await commit(old, state, (await regions.places(old, topic))["ici"])
    before = await regions.region_held(state, "ici")
    assert before.settings == {**wanted().settings, **documents_of_alerts()}
    log = MemoryLog()
    await regions.settle(log, state, "ici", before, before)
    assert await settings_on(log, NOTICES) == documents_of_alerts()
    assert (await settings_on(log, CAPACITY)).keys() == {"region", "boundaries", "alert_rules"}


async def test_a_new_log_is_told_again_what_people_decided() -> None:
    """A silence in whose name nobody was told must not end because a broker lost its memory."""
    old, state = MemoryLog(), MemoryState()
    held = Held({**wanted().settings, **documents_of_alerts()}, {})
    await regions.settle(old, state, "ici", held)
    place = (await regions.places(old, NOTICES))["ici"]
    at, anne = regions.now(), Source("anne", "api")
    hour = 3_600_000
    ward: dict[str, tuple[str, ...]] = {"ward": ("w",)}
    decided = [
        SilenceMade(id="s1", received_at=at, source=anne, matchers=ward, since=at, until=at + hour, reason="travaux"),
        SilenceMade(id="s2", received_at=at, source=anne, matchers=ward, since=at, until=at + hour, reason="erreur"),
        SilenceEnded(id="s3", received_at=at, source=anne, silence="s2"),
        ShiftOverridden(
            id="o1", received_at=at, source=anne, schedule="garde", person="anne", since=at, until=at + hour
        ),
        ChannelsChosen(id="c1", received_at=at, source=anne, channels={"warning": ("smtp",)}),
    ]
    for event in decided:
        await old.append(NOTICES, place.partition, b"ici", encode(event))
    for topic in (CAPACITY, NOTICES):
        await commit(old, state, (await regions.places(old, topic))["ici"])

    before = await regions.region_held(state, "ici")
    log = MemoryLog()
    assert "said 3 decisions again" in await regions.settle(log, state, "ici", before, before)
    place = (await regions.places(log, NOTICES))["ici"]
    items = [Item(r.offset, decode(r.value)) async for r in log.read(NOTICES, place.partition)]
    now = notices_fold.fold(NoticesState(), items)
    [silence] = now.silences.changed.values()
    assert silence is not None
    assert (silence.id, silence.author, silence.until, silence.reason) == ("s1", "anne", at + hour, "travaux")
    [override] = now.overrides.changed.values()
    assert override is not None
    assert (override.id, override.author, override.until) == ("o1", "anne", at + hour)
    assert now.choices.changed == {"anne": {"warning": ("smtp",)}}
    for topic in (CAPACITY, NOTICES):
        await commit(log, state, (await regions.places(log, topic))["ici"])
    again = await regions.settle(log, state, "ici", before, await regions.region_held(state, "ici"))
    assert again == "all settings in force already"


async def test_what_is_in_force_is_the_live_states_word_and_then_the_logs() -> None:
    log, state = MemoryLog(), MemoryState()
    await regions.settle(log, state, "ici", wanted())
    place = (await regions.places(log))["ici"]
    anne = GrantGiven(id="1", received_at=START, subject="anne", role="ward", scope="ici", since=START)
    await publish.append(log, place, anne)
    await commit(log, state, place)
    await publish.append(log, place, GrantRevoked(id="2", received_at=START, subject="anne", role="ward", scope="ici"))
    await publish.publish(log, place, {"boundaries": b"[]"}, NOTHING, START)

    held = await publish.held(log, state, place)

    assert held.settings == {"region": msgspec.msgpack.encode(region()), "boundaries": b"[]"}
    assert held.grants == {}
    assert held == await publish.held(log, MemoryState(), place)


async def test_a_state_of_another_log_says_nothing_of_this_one() -> None:
    old, state = MemoryLog(), MemoryState()
    await regions.settle(old, state, "ici", wanted())
    await commit(old, state, (await regions.places(old))["ici"])

    log = MemoryLog()
    place = await founded(log)
    assert (await publish.held(log, state, place)).settings == {}
    assert (await publish.last_held(state, SHARD)).settings == wanted().settings


async def test_a_new_log_is_given_the_settings_and_rights_of_the_lost_one() -> None:
    old, state = MemoryLog(), MemoryState()
    await regions.settle(old, state, "ici", wanted())
    place = (await regions.places(old))["ici"]
    right = Grant(role="regulator", scope="ici", since=START, until=START + 1000)
    for event in publish.given("anne", (right,), START):
        await publish.append(old, place, event)
    await publish.publish(old, place, {"scenario": b"{}"}, NOTHING, START)
    await commit(old, state, place)

    before = await publish.last_held(state, SHARD)
    log = MemoryLog()
    told = await regions.settle(log, state, "ici", Held({**wanted().settings, **before.settings}, {}), before)

    assert "a new log" in told
    assert "gave 1 grants" in told
    now = await folded(log)
    assert now.region == region()
    assert now.settings["scenario"] == b"{}"
    assert now.grants == {"anne": (right,)}


async def test_rights_are_not_given_again_on_the_log_that_revoked_them() -> None:
    """A Redis restored from before a revocation must not bring the right back."""
    log, state = MemoryLog(), MemoryState()
    await regions.settle(log, state, "ici", wanted())
    place = (await regions.places(log))["ici"]
    for event in publish.given("anne", (Grant(role="ward", scope="ici", since=START),), START):
        await publish.append(log, place, event)
    await commit(log, state, place)
    await publish.append(log, place, GrantRevoked(id="2", received_at=START, subject="anne", role="ward", scope="ici"))

    await regions.settle(log, state, "ici", wanted(), await publish.last_held(state, SHARD))

    assert (await folded(log)).grants == {}


async def test_what_nobody_can_read_is_passed_over() -> None:
    log = MemoryLog()
    place = await founded(log)
    await log.append(CAPACITY, 0, b"ici", b"\xc1 not an event")
    await publish.publish(log, place, {"scenario": b"{}"}, NOTHING, START)
    assert (await publish.held(log, MemoryState(), place)).settings == {"scenario": b"{}"}


def test_an_event_survives_the_log() -> None:
    [part] = publish.parts("scenario", b"{}", START)
    assert decode(encode(part)) == part


async def test_grants_are_appended_whatever_their_number() -> None:
    log, state = MemoryLog(), MemoryState()
    many = {"replay": tuple(Grant(role="source", scope=f"ej:{n:09}", since=START) for n in range(200))}
    await asyncio.wait_for(regions.settle(log, state, "ici", Held(wanted().settings, many)), 20)
    assert (await folded(log)).grants == many


async def test_rights_are_on_a_log_before_the_region_is_that_they_are_for() -> None:
    """Whoever watches when a broker came back empty would be turned away by a region that knows nobody's right yet."""
    log = MemoryLog()
    right = Grant(role="regulator", scope="ici", since=START)
    await regions.settle(log, MemoryState(), "ici", Held(wanted().settings, {"anne": (right,)}))
    kinds = [type(decode(record.value)).__name__ async for record in log.read(CAPACITY, 0)]
    assert kinds.index("GrantGiven") < kinds.index("SettingsPublished")
