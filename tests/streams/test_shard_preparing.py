"""What a shard does with a sort that must have its records prepared: it asks again, waits, and goes on."""

from collections.abc import Sequence

from domain.capacity.fold import CapacityState, Draft, Item, fold
from domain.errors import Unreadable
from live_state.memory import MemoryState
from streams import dead_letters
from streams.capacity import Capacity
from streams.measures import Measures
from streams.shard import MOST_UNPREPARED, NotPrepared, Shard
from tests.small_region import START, WARDS, opening, report
from tests.streams.beside import AT_ONCE, AnyShard, Consumer, log_of, until, working


class Preparing(Capacity):
    """A capacity shard of which one report wants something before it is folded."""

    def __init__(self, wants: str, after: int = 0, away: int = 0) -> None:
        self._wants, self._after, self._away = wants, after, away
        self.lacked = 0

    async def prepare(self, state: CapacityState, items: Sequence[Item]) -> None:
        """Return once what they want is not away."""
        if self._away:
            self._away -= 1
            raise NotPrepared("cupboard away")

    def fold(self, state: CapacityState, items: Sequence[Item]) -> Draft:
        """Return a draft that ends before what it wants, until that was found so often."""
        for place, item in enumerate(items):
            if not isinstance(item.event, Unreadable) and item.event.id == self._wants and self.lacked < self._after:
                self.lacked += 1
                return fold(state, items[:place])
        return fold(state, items)


async def after(sort: Preparing) -> tuple[AnyShard, list[str]]:
    """Return the shard once three reports are folded, and the reasons of its dead letters."""
    log = await log_of([*opening(), *(report(f"r{n}", WARDS[0], "02", n, at=START + n) for n in range(3))])
    last, consumer = await log.end(sort.topic, 0) - 1, Consumer(log)
    shard: AnyShard = Shard(sort, 0, log, MemoryState(), consumer, Measures(), now=lambda: START, limits=AT_ONCE)
    async with working(shard):
        await until(lambda: shard.offset == last, shard, consumer)
        assert shard.trouble is None
    assert shard.held.said["r2"].outcome == "applied"
    return shard, [letter.reason async for letter in dead_letters.letters(log)]


async def test_a_draft_that_ends_before_a_record_is_followed_by_one_that_does_not() -> None:
    shard, dead = await after(Preparing("r1", after=1))
    assert shard.held.said["r1"].outcome == "applied"
    assert dead == []


async def test_what_can_never_be_had_costs_one_record_and_not_the_shard() -> None:
    sort = Preparing("r1", after=1_000)
    shard, dead = await after(sort)
    assert dead == ["what it is folded with can't be had"]
    assert shard.held.said["r1"].outcome == "dead"
    assert sort.lacked == MOST_UNPREPARED + 2  # once with what comes before it


async def test_what_is_away_is_waited_for() -> None:
    shard, dead = await after(Preparing("r1", away=5))
    assert shard.held.said["r1"].outcome == "applied"
    assert dead == []
