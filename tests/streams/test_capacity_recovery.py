"""Properties 2 and 3: whatever happens to the worker and the live state, in the end it is the fold of the log."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.rule import Ruleset
from domain.events import Event
from event_log.codec import encode
from event_log.topics import CAPACITY
from live_state.memory import MemoryState
from tests.alert_rules import EVERY_MEASURE, rules_published
from tests.recount import counted_again, same, shown
from tests.small_region import START, events, opening, report
from tests.streams.beside import BadDays, Consumer, log_of, shard_on, until, working

DAYS = st.lists(st.sampled_from(["good"] * 3 + ["away", "unanswered", "back1", "back2", "back9", "empty"]), max_size=30)
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=40)


async def _final(state: MemoryState, log: object, last: int) -> None:
    found = await shown(state, "capacity:ici")
    assert found is not None
    assert found[1].offset == last
    same(found[1], await counted_again(log, 0, last))  # type: ignore[arg-type]


@given(follow=events(), days=DAYS, sizes=SIZES)
@settings(max_examples=150)
def test_after_any_bad_days_the_live_state_is_the_fold_of_the_log(
    follow: list[Event], days: list[str], sizes: list[int]
) -> None:
    async def run() -> None:
        log = await log_of([*opening(), rules_published(Ruleset(EVERY_MEASURE)), *follow])
        state, consumer = BadDays(days), Consumer(log, iter(sizes))
        last = await log.end(CAPACITY, 0) - 1
        shard = shard_on(log, state, consumer)
        async with working(shard):
            await until(lambda: shard.offset == last, shard, consumer)
            # The last commit may have been taken back since: what comes next finds out.
            state.recover()
            await log.append(CAPACITY, 0, b"ici", b"\xc1")
            await until(lambda: shard.offset == last + 1, shard, consumer)
        await _final(state, log, last + 1)

    asyncio.run(run())


@given(follow=events(), stops=st.lists(st.integers(1, 12), max_size=6), sizes=SIZES)
@settings(max_examples=75)
def test_workers_that_come_and_go_leave_the_fold_of_the_log(
    follow: list[Event], stops: list[int], sizes: list[int]
) -> None:
    """Each worker is ended after some turns of the loop, wherever it then is, and another begins without its memory."""

    async def run() -> None:
        log = await log_of([*opening(), rules_published(Ruleset(EVERY_MEASURE)), *follow])
        state, last = BadDays(), await log.end(CAPACITY, 0) - 1
        for turns in stops:
            consumer = Consumer(log, iter(sizes))
            shard = shard_on(log, state, consumer)
            async with working(shard):
                for _ in range(turns):
                    await consumer.offer_next(shard)
                    await asyncio.sleep(0)
        consumer = Consumer(log)
        shard = shard_on(log, state, consumer)
        async with working(shard):
            await until(lambda: shard.offset == last, shard, consumer)
        await _final(state, log, last)

    asyncio.run(run())


@given(follow=events(), again=st.lists(st.integers(0, 99), max_size=10), sizes=SIZES)
@settings(max_examples=50)
def test_an_event_twice_is_an_event_once(follow: list[Event], again: list[int], sizes: list[int]) -> None:
    async def figures(log_events: list[Event]) -> object:
        log = await log_of([*opening(), *log_events])
        state, consumer = MemoryState(), Consumer(log, iter(sizes))
        last = await log.end(CAPACITY, 0) - 1
        shard = shard_on(log, state, consumer)
        async with working(shard):
            await until(lambda: shard.offset == last, shard, consumer)
        held = shard.held
        wards = {id_: [(row.key, row.count) for row in ward.rows] for id_, ward in held.wards.items()}
        return wards, held.totals, held.grants, held.said

    async def run() -> None:
        follows = [event for event in follow if event.received_at < START + 40 * 3_600_000]
        # An event may come again at any time while its id is known; when it was received does not change.
        repeated = [*follows, *(follows[place % len(follows)] for place in again if follows)]
        assert await figures(repeated) == await figures(follows)

    asyncio.run(run())


async def test_two_writers_of_one_shard_never_mix() -> None:
    """One of them was stopped past its session, and goes on unaware that another has its shard."""
    log = await log_of([*opening(), *(report(f"a{n}", "310000001/medecine", "02", n, at=START + n) for n in range(20))])
    state = MemoryState()
    consumers = [Consumer(log, iter([3, 1, 4, 1, 5, 9] * 9)), Consumer(log, iter([2, 7, 1, 8, 2, 8] * 9))]
    shards = [shard_on(log, state, consumer) for consumer in consumers]
    async with working(shards[0]), working(shards[1]):
        for turn in range(400):
            if turn % 3 == 0 and turn < 300:
                event = report(f"b{turn}", "310000001/medecine", "03", turn, at=START + 100 + turn)
                await log.append(CAPACITY, 0, b"ici", encode(event))
            for shard, consumer in zip(shards, consumers, strict=True):
                await consumer.offer_next(shard)
            await asyncio.sleep(0)
    await _final(state, log, await log.end(CAPACITY, 0) - 1)
