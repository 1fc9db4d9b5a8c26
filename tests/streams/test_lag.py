"""What counts as standing behind, and what of it is told."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.events import Event, Genesis, SystemMeasured
from event_log.codec import encode
from event_log.log import LogAway
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY
from live_state.memory import MemoryState
from live_state.state import Commit, Position
from streams.lag import Lag, Lookout, Sight, siblings
from tests.small_region import START

SECOND = 1_000
SHARD = "capacity:ici"


def at(offset: int, end: int, clock: int = START, epoch: str = "e1") -> Sight:
    return Sight(epoch, offset, clock, end)


def test_at_the_logs_end_nothing_lags_whatever_the_clocks_say() -> None:
    assert Lag().seconds(at(9, 10, clock=1), START + 3_600 * SECOND) == 0


def test_what_is_on_its_way_is_no_lag() -> None:
    assert Lag().seconds(at(7, 10), START + 1_900) == 0
    assert Lag().seconds(at(7, 10), START + 2_000) == 2


def test_a_shard_behind_stands_behind_by_its_clock() -> None:
    assert Lag().seconds(at(7, 10), START + 75_250) == 75.2


@pytest.mark.parametrize("clock", [0, START + 3_600 * SECOND], ids=["nothing folded yet", "a record of the future"])
def test_where_the_clock_tells_nothing_it_is_how_long_it_stood(clock: int) -> None:
    lag = Lag()
    assert lag.seconds(at(-1, 10, clock), START) == 0
    assert lag.seconds(at(-1, 12, clock), START + 40 * SECOND) == 40
    assert lag.seconds(at(3, 12, clock), START + 50 * SECOND) == 0, "it goes on"
    assert lag.seconds(at(3, 12, clock), START + 70 * SECOND) == 20
    assert lag.seconds(at(3, 12, clock, epoch="e2"), START + 80 * SECOND) == 0, "another log"


def test_a_shard_whose_steps_do_not_arrive_stands_behind_however_well_it_folds() -> None:
    told = at(9, 10)._replace(waits_since=START - 45 * SECOND)
    assert Lag().seconds(told, START) == 45
    assert Lag().seconds(at(7, 10, clock=START - 90 * SECOND)._replace(waits_since=START), START) == 90


def test_a_stand_begins_when_it_fell_behind() -> None:
    lag, future = Lag(), START + 3_600 * SECOND
    assert lag.seconds(at(9, 10, future), START) == 0
    assert lag.seconds(at(9, 11, future), START + 9 * SECOND) == 0
    assert lag.seconds(at(9, 11, future), START + 14 * SECOND) == 5


def test_a_shard_to_which_nobody_tells_the_time_stands_behind_at_its_logs_end_too() -> None:
    lag = Lag()
    assert lag.seconds(at(9, 10, clock=START - 1), START) == 0, "after a night off it has yet to be told"
    assert lag.seconds(at(9, 10, clock=START - 1), START + 9_999) == 0
    assert lag.seconds(at(9, 10, clock=START - 1_000), START + 10 * SECOND) == 11
    assert lag.seconds(at(9, 11, clock=START - 1_000), START + 20 * SECOND) == 21, "a record that nobody folds"
    assert lag.seconds(at(10, 11, clock=START + 20 * SECOND), START + 21 * SECOND) == 0
    assert lag.seconds(at(10, 11, clock=START + 3_600 * SECOND), START + 36 * SECOND) == 15, "of a clock of the future"


@pytest.mark.parametrize(
    ("told", "now", "news"),
    [
        (None, 0.0, True),
        (0.0, 0.0, False),
        (0.0, 2.0, True),
        (30.0, 0.0, True),
        (30.0, 31.9, False),
        (30.0, 32.0, True),
        (30.0, 28.0, True),
        (1_000.0, 1_049.0, False),
        (1_000.0, 1_050.0, True),
    ],
)
def test_only_what_changed_is_told(told: float | None, now: float, news: bool) -> None:
    lag = Lag()
    if told is not None:
        lag.told(told)
    assert lag.is_news(now) is news


class Away(MemoryLog):
    """A log that is away for a while."""

    away = 0

    async def genesis(self, topic: str, partition: int) -> Genesis | None:
        if self.away:
            self.away -= 1
            raise LogAway("away")
        return await super().genesis(topic, partition)


async def folded(state: MemoryState, offset: int, clock: int) -> None:
    """Have the live state tell that so much of the capacity log is folded."""
    build = await state.current(SHARD) or await state.begin(SHARD, "e1", 1, None)
    assert build is not None
    was = await state.position(build)
    assert was is not None
    writes: list[Sequence[str | bytes | int]] = [["HSET", "meta", "clock", clock]]
    assert await state.commit(build, Commit(was, Position("e1", offset, 1), writes, b"f"))


def test_the_siblings_of_a_notices_shard_are_the_regions_beds_and_all_its_patients() -> None:
    assert list(siblings("notices:ici")) == ["capacity:ici", *(f"followup:ici:{index}" for index in range(4))]


async def test_a_lookout_tells_on_the_notices_log_how_its_siblings_stand() -> None:
    log, state, clock = Away(now=lambda: START), MemoryState(), [START]
    told: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    async def append(event: Event) -> None:
        assert isinstance(event, SystemMeasured)
        assert (event.measure, event.region, event.received_at) == ("position_lag", "ici", clock[0])
        told.put_nowait((event.subject, event.value))

    lookout = Lookout(log, state, siblings("notices:ici").items, append, lambda: clock[0])
    await lookout.look()
    assert told.empty(), "it is not on the log"
    await log.create(CAPACITY, 3)
    for epoch, region, partition in (("e0", "ailleurs", 0), ("e1", "ici", 2)):
        genesis = Genesis(id="g", received_at=START, epoch=epoch, shard=f"capacity:{region}")
        await log.append(CAPACITY, partition, b"x", encode(genesis))
    await folded(state, 0, START)
    await lookout.look()
    await lookout.look()
    assert told.get_nowait() == ("shard/capacity:ici", 0.0)
    assert told.empty()
    await log.append(CAPACITY, 2, b"x", b"more")
    clock[0] += 30 * SECOND
    log.away = 1
    running = asyncio.create_task(lookout.run(every_s=0.001))
    async with asyncio.timeout(5):
        assert await told.get() == ("shard/capacity:ici", 30.0)
        await folded(state, 1, clock[0])
        assert await told.get() == ("shard/capacity:ici", 0.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told.empty()
