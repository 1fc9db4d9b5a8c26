"""The queue between the consumer and a partition's task: bounded, in order, nothing swallowed."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_log.log import Record
from streams import inlet as inlets
from streams.inlet import MOST, PAUSE_AT, STRAY_S, Astray, Batch, Inlet, NoAnswer


class Reader:
    def __init__(self) -> None:
        self.sought: list[int] = []
        self.held = True

    async def seek(self, partition: int, offset: int) -> None:
        self.sought.append(offset)
        self.held = False

    def hold(self, partition: int) -> None:
        self.held = True

    def resume(self, partition: int) -> None:
        self.held = False

    def end(self, partition: int) -> int:
        return 0


def batch(first: int, last: int) -> Batch:
    return Batch([Record(0, offset, 0, b"") for offset in range(first, last + 1)], last + 1)


def offsets(taken: Batch | None) -> list[int]:
    assert taken is not None
    return [record.offset for record in taken.records]


async def opened(offset: int = 0) -> tuple[Inlet, Reader, list[float]]:
    now = [100.0]
    inlet = Inlet(0, reader := Reader(), clock=lambda: now[0])
    await inlet.open(offset)
    return inlet, reader, now


async def test_batches_come_out_as_they_came_in() -> None:
    inlet, _, _ = await opened()
    inlet.offer(batch(0, 3))
    inlet.offer(batch(4, 4))
    assert offsets(await inlet.take()) == [0, 1, 2, 3]
    assert offsets(await inlet.take()) == [4]


async def test_taking_waits_for_a_batch_but_not_for_ever() -> None:
    inlet, _, _ = await opened()
    assert await inlet.take(0.001) is None
    waiting = asyncio.create_task(inlet.take(1))
    await asyncio.sleep(0)
    inlet.offer(batch(0, 0))
    assert offsets(await waiting) == [0]


async def test_a_closed_inlet_takes_nothing_and_holds_the_consumer() -> None:
    inlet, reader, _ = await opened()
    inlet.close()
    assert reader.held
    inlet.offer(batch(0, 3))
    await inlet.open(0)
    assert await inlet.take(0) is None


async def test_what_was_on_its_way_before_a_seek_is_dropped() -> None:
    inlet, reader, _ = await opened(10)
    assert reader.sought == [10]
    inlet.offer(batch(20, 25))
    inlet.offer(batch(3, 9))
    inlet.offer(batch(10, 11))
    assert offsets(await inlet.take()) == [10, 11]
    assert await inlet.take(0) is None


async def test_of_a_batch_that_begins_too_early_the_rest_is_taken() -> None:
    inlet, _, _ = await opened(10)
    inlet.offer(batch(8, 12))
    assert offsets(await inlet.take()) == [10, 11, 12]


@pytest.mark.parametrize("stray", [batch(9, 12), batch(0, 3)], ids=["a gap", "back"])
async def test_what_does_not_follow_is_noticed(stray: Batch) -> None:
    inlet, _, _ = await opened()
    inlet.offer(batch(0, 5))
    inlet.offer(stray)
    assert offsets(await inlet.take()) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(Astray):
        await inlet.take(1)


async def test_a_hole_within_a_batch_is_noticed() -> None:
    inlet, _, _ = await opened()
    inlet.offer(batch(0, 1))
    whole = batch(2, 5)
    inlet.offer(whole._replace(records=[*whole.records[:1], *whole.records[2:]]))
    assert offsets(await inlet.take()) == [0, 1]
    with pytest.raises(Astray):
        await inlet.take(1)


async def test_a_seek_that_never_arrives_where_it_should_is_noticed() -> None:
    """A log that was cut: what comes begins after what was asked for, for ever."""
    inlet, _, now = await opened(10)
    inlet.offer(batch(15, 20))
    assert await inlet.take(0) is None
    now[0] += STRAY_S + 0.1
    inlet.offer(batch(21, 22))
    with pytest.raises(Astray):
        await inlet.take(1)


async def test_a_seek_that_is_never_answered_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Reader):
        async def seek(self, partition: int, offset: int) -> None:
            await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(inlets, "SEEKS_WITHIN_S", 0.001)
    inlet = Inlet(0, Stuck())
    for times in (1, 2):
        with pytest.raises(NoAnswer):
            await inlet.open(0)
        assert inlet.unanswered == times


async def test_the_consumer_is_held_while_enough_waits() -> None:
    inlet, reader, _ = await opened()
    for n in range(PAUSE_AT):
        assert not reader.held
        inlet.offer(batch(n, n))
    assert reader.held
    for _ in range(PAUSE_AT):
        await inlet.take()
    assert await inlet.take(0) is None
    assert not reader.held
    assert reader.sought == [0], "nothing was dropped, so nothing is asked for again"


async def test_what_comes_although_held_is_dropped_and_asked_for_again() -> None:
    inlet, reader, _ = await opened()
    for n in range(MOST + 5):
        inlet.offer(batch(n, n))
    assert [offsets(await inlet.take()) for _ in range(MOST)] == [[n] for n in range(MOST)]
    assert await inlet.take(0) is None
    assert reader.sought == [0, MOST]
    inlet.offer(batch(MOST, MOST + 4))
    assert offsets(await inlet.take()) == list(range(MOST, MOST + 5))


@given(sizes=st.lists(st.integers(1, 5), max_size=80), takes=st.lists(st.integers(0, 4), max_size=200))
def test_nothing_is_lost_or_repeated_however_slowly_it_is_taken(sizes: list[int], takes: list[int]) -> None:
    async def run() -> None:
        inlet, reader, _ = await opened()
        total, got, place = sum(sizes), list[int](), 0
        bounds = iter(sizes)
        slow = iter(takes)
        while len(got) < total:
            if len(reader.sought) > 1:  # asked for again from somewhere: all the rest in one go
                place = reader.sought.pop()
                bounds = iter([total - place])
            size = next(bounds, 0)
            if size:  # held or not: what was fetched arrives
                inlet.offer(batch(place, place + size - 1))
                place += size
            for _ in range(next(slow, 3)):
                taken = await inlet.take(0)
                if taken is None:
                    break
                got += offsets(taken)
            assert len(inlet._batches) <= MOST
        assert got == list(range(total))

    asyncio.run(run())
