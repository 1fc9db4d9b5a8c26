"""A followup shard that is folded anew: people hear how each open alert stands by what this fold says of it."""

from itertools import chain, repeat

import msgspec
import pytest

from domain.events import Genesis
from domain.followup.crossing import Crossing, Stepped
from event_log.codec import encode
from event_log.topics import FOLLOWUP, NOTICES
from live_state.memory import MemoryState
from streams.followup import Followup
from streams.forwarder import WAITS_SINCE
from streams.measures import Measures
from streams.shard import Shard
from tests.small_followup import MINUTE, RED, SHARD, START, WELL, Patients, Store, pseudonym, tick
from tests.streams.beside import AT_ONCE, AnyShard, Consumer, until, working
from tests.streams.test_followup_shard import DUE, log_of, put, worker


async def steps_of(state: MemoryState) -> list[tuple[int, str, str]]:
    """Return the steps in the forwarder's outbox: by which record, what, of whom."""
    build = await state.current(SHARD)
    assert build is not None
    loaded = await state.load(build, ["outbox"])
    assert loaded is not None
    crossed = {
        name: msgspec.msgpack.decode(packed, type=Crossing) for name, packed in loaded[1].get("outbox", {}).items()
    }
    return [
        (int(name.partition("/")[0]), told.step.what, told.step.alert.subject)
        for name, told in sorted(crossed.items())
        if isinstance(told, Stepped)
    ]


@pytest.mark.parametrize("breaks_off", [False, True])
async def test_folded_anew_a_shard_tells_once_and_beyond_all_it_told_before_how_each_open_alert_stands(
    breaks_off: bool,
) -> None:
    """The notices know its earlier steps by their places; where another fold decides otherwise, nobody would hear."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of(
        [
            *(patients.enrolled(number) for number in range(3)),
            patients.answered(0, DUE, RED),
            patients.answered(1, DUE, WELL),
            patients.answered(2, DUE, RED),
            tick(DUE + MINUTE),
        ]
    )
    last = await log.end(FOLLOWUP, 0) - 1
    if breaks_off:  # in the midst of it another worker takes the shard
        async with worker(log, state, store, sizes=chain([last - 1], repeat(0))) as reaches:
            await reaches(lambda shard: shard.offset == last - 2)
    async with worker(log, state, store) as reaches:
        await reaches(lambda shard: shard.offset == last)
        subjects = [f"patient/{pseudonym(number)}" for number in (0, 2)]
        assert [(what, subject) for _, what, subject in await steps_of(state)] == [
            ("fired", subject) for subject in subjects
        ]
        for minute in (2, 3):
            await put(log, tick(DUE + minute * MINUTE))
        await reaches(lambda shard: shard.offset == last + 2)
    told = [step for step in await steps_of(state) if step[1] != "fired"]
    assert told == [(last + 1, "replanned", subject) for subject in subjects]
    async with worker(log, state, store) as reaches:  # loaded as it was left it tells nothing again
        await put(log, tick(START + 90 * MINUTE))
        await reaches(lambda shard: shard.offset == last + 3)
    assert [step for step in await steps_of(state) if step[1] != "fired"] == told


async def test_what_does_not_get_to_the_notices_for_long_is_seen_in_the_live_state_until_it_does() -> None:
    """A stuck forwarder must be heard of well before an alert's chain would have gone on."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.answered(0, DUE, RED)])
    consumer, clock = Consumer(log, topic=FOLLOWUP), [DUE]
    shard: AnyShard = Shard(Followup(store), 0, log, state, consumer, Measures(), now=lambda: clock[0], limits=AT_ONCE)

    async def seen() -> int:
        build = await state.current(SHARD)
        assert build is not None
        [since] = await state.fields(build, "meta", [WAITS_SINCE])
        return int(since or 0)

    async def folds(at: int) -> None:
        clock[0] = at
        last = await put(log, tick(at))
        await until(lambda: shard.offset >= last, shard, consumer)

    async with working(shard):
        await folds(DUE + MINUTE)
        await folds(DUE + MINUTE + 1)
        assert await seen() == START, "that of the hour's count, the first that crosses"
        await log.create(NOTICES, 1)
        genesis = Genesis(id="notices", received_at=START, epoch="n1", shard="notices:ici")
        await log.append(NOTICES, 0, b"ici", encode(genesis))
        assert shard.forwarder is not None
        forwarder = shard.forwarder
        await until(lambda: forwarder.waiting == 0, shard, consumer)
        await folds(DUE + MINUTE + 2)
        assert await seen() == 0
