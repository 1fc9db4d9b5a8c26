"""Two shards, and what goes between: whatever befalls live state and log, no step is lost and none counts twice."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.rule import Level, Ruleset
from domain.capacity.fold import CapacityState, fold
from domain.events import AlertStepped, Event, Genesis, Tick
from event_log.codec import encode
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, DEAD_LETTERS, NOTICES
from live_state.memory import MemoryState
from streams.forwarder import OUTBOX
from tests import notices_recount, recount
from tests.alert_rules import rule, rules_published
from tests.recount import items_of, same
from tests.small_region import START, WARDS, opening, report
from tests.streams.beside import AnyShard, BadDays, Consumer, notices_on, shard_on, working
from tests.streams.test_capacity_recovery import DAYS, SIZES
from tests.streams.test_forwarder import BadLog

BESIDE = Genesis(id="genesis-2", received_at=START, epoch="n1", shard="notices:ici")
# Whatever is said of a ward begins or ends something.
RULES = Ruleset(
    (
        rule("few", "available", "ward", Level("warning", below=15.0)),
        rule("many", "occupancy", "departement", Level("warning", above=0.2), Level("critical", above=0.6)),
        rule("old", "stale_beds", "region", Level("info", above=0.0), concern="data"),
    )
)
EVERYTHING = 1 << 60
TURNS = st.lists(
    st.tuples(
        st.sampled_from(WARDS), st.sampled_from(["02", "03"]), st.sampled_from([2, 14, 16, 40]), st.integers(0, 3)
    ),
    min_size=4,
    max_size=30,
)


def reported(turns: list[tuple[str, str, int, int]]) -> list[Event]:
    """Return reports, each some seconds after the one before: every turn of an alert is a step or more."""
    made: list[Event] = []
    at = START
    for n, (ward, status, count, gap_s) in enumerate(turns):
        at += gap_s * 1_000
        nature = "02" if ward.endswith("had") else "01"
        made.append(report(f"r{n}", ward, status, count, at=at, nature=nature))
    return [*made, Tick(id="last", received_at=at + 5_000)]


async def log_of(follow: list[Event], log: MemoryLog) -> MemoryLog:
    """Return the log with both shards on it, the rules in force, and these events on the first."""
    for topic in (CAPACITY, NOTICES, DEAD_LETTERS):
        await log.create(topic, 1)
    for event in [*opening(), rules_published(RULES), *follow]:
        await log.append(CAPACITY, 0, b"ici", encode(event))
    await log.append(NOTICES, 0, b"ici", encode(BESIDE))
    return log


async def told(log: MemoryLog) -> list[tuple[int, int]]:
    """Return the number of each step that the capacity log leads to."""
    held, found = CapacityState(), []
    items = await items_of(log, CAPACITY, 0, EVERYTHING)
    while items:
        draft = fold(held, items)
        found += [(offset, n) for offset, n, _ in draft.steps]
        held.absorb(draft)
        items = [item for item in items if item.offset > draft.offset]
    return found


async def arrived(log: MemoryLog) -> list[tuple[int, int]]:
    """Return the number of each step on the notices log, each once."""
    items = await items_of(log, NOTICES, 0, EVERYTHING)
    numbers = [(item.event.offset, item.event.n) for item in items if isinstance(item.event, AlertStepped)]
    return list(dict.fromkeys(numbers))


async def until(done: Callable[[], Awaitable[bool]], *shards: tuple[AnyShard, Consumer]) -> None:
    """Return once something holds, the consumers offering what there is."""
    for _ in range(20_000):
        if await done():
            return
        for shard, consumer in shards:
            await consumer.offer_next(shard)
        await asyncio.sleep(0)
    raise AssertionError(f"never came to hold: {[(shard.offset, shard.trouble) for shard, _ in shards]}")


async def settled(log: MemoryLog, state: MemoryState, *shards: tuple[AnyShard, Consumer]) -> None:
    """Return once both shards are folded and nothing is on its way; they then equal their recounts."""
    (capacity, _), (notices, _) = shards

    async def folded() -> bool:
        nothing_waits = capacity.forwarder is not None and capacity.forwarder.waiting == 0
        ends = await log.end(CAPACITY, 0) - 1, await log.end(NOTICES, 0) - 1
        return nothing_waits and (capacity.offset, notices.offset) == ends

    await until(folded, *shards)
    # The last commits may have been taken back since: what comes next finds out, and strikes out what has arrived.
    for topic in (CAPACITY, NOTICES):
        await log.append(topic, 0, b"ici", b"\xc1")
    await until(folded, *shards)
    await log.append(CAPACITY, 0, b"ici", b"\xc1")
    await until(folded, *shards)
    assert await arrived(log) == await told(log)
    build = await state.current("capacity:ici")
    loaded = None if build is None else await state.load(build, [OUTBOX])
    assert loaded is not None
    assert loaded[1] == {}
    figures, shown = await recount.shown(state, "capacity:ici"), await notices_recount.shown(state, "notices:ici")
    assert figures is not None
    assert shown is not None
    same(figures[1], await recount.counted_again(log, 0, capacity.offset))
    same(shown[1], await notices_recount.counted_again(log, 0, notices.offset))


LOG_DAYS = st.lists(st.sampled_from(["good"] * 2 + ["away", "part", "unanswered"]), max_size=15)


@given(turns=TURNS, days=DAYS, log_days=LOG_DAYS, sizes=SIZES)
@settings(max_examples=75)
def test_after_any_bad_days_every_step_has_arrived_in_order_and_both_shards_are_the_fold_of_their_log(
    turns: list[tuple[str, str, int, int]], days: list[str], log_days: list[str], sizes: list[int]
) -> None:
    async def run() -> None:
        log = await log_of(reported(turns), BadLog(log_days))
        state = BadDays(days)
        consumers = Consumer(log, iter(sizes)), Consumer(log, topic=NOTICES)
        capacity, notices = shard_on(log, state, consumers[0]), notices_on(log, state, consumers[1])
        async with working(capacity), working(notices):
            last = await log.end(CAPACITY, 0) - 1

            async def folded() -> bool:
                return capacity.offset == last

            await until(folded, (capacity, consumers[0]), (notices, consumers[1]))
            state.recover()
            await settled(log, state, (capacity, consumers[0]), (notices, consumers[1]))

    asyncio.run(run())


@given(turns=TURNS, stops=st.lists(st.integers(1, 60), max_size=6), sizes=SIZES)
@settings(max_examples=75)
def test_workers_that_come_and_go_leave_no_step_behind(
    turns: list[tuple[str, str, int, int]], stops: list[int], sizes: list[int]
) -> None:
    """Each worker is ended after some turns of the loop, wherever its shards and what goes between them then are."""

    async def run() -> None:
        log, state = await log_of(reported(turns), BadLog()), MemoryState()
        for stop in stops:
            consumers = Consumer(log, iter(sizes)), Consumer(log, topic=NOTICES)
            capacity, notices = shard_on(log, state, consumers[0]), notices_on(log, state, consumers[1])
            async with working(capacity), working(notices):
                for _ in range(stop):
                    await consumers[0].offer_next(capacity)
                    await consumers[1].offer_next(notices)
                    await asyncio.sleep(0)
        consumers = Consumer(log), Consumer(log, topic=NOTICES)
        capacity, notices = shard_on(log, state, consumers[0]), notices_on(log, state, consumers[1])
        async with working(capacity), working(notices):
            await settled(log, state, (capacity, consumers[0]), (notices, consumers[1]))

    asyncio.run(run())
