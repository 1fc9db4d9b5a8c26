"""What runs beside a shard begins, ends and begins again as it should."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from streams import companions
from streams.companions import Companions, attend, end


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    """As redis-py's do before Python 3.12: a rebalance that waited for one would never end."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    async def failing() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise RuntimeError("as it ended")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end(tasks)
    assert swallowed == 2
    assert all(task.done() for task in tasks)
    await end([])


class Beside:
    """One companion, which notes for whom it runs, and fails as often as it is told to."""

    def __init__(self, fails: int = 0) -> None:
        self.running: list[str] = []
        self.begun: list[str] = []
        self.fails = fails

    def of(self, shard: str) -> Companions:
        async def run() -> None:
            self.begun.append(shard)
            if self.fails:
                self.fails -= 1
                raise RuntimeError("a bug")
            self.running.append(shard)
            try:
                await asyncio.Event().wait()
            finally:
                self.running.remove(shard)

        return {"it": run}


async def until(done: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("never came to hold")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOKS_EVERY_S", "FIRST_WAIT_S"):
        monkeypatch.setattr(companions, name, 0.0)


async def test_what_runs_beside_a_shard_is_begun_for_it_by_name_and_ends_with_it() -> None:
    shard: list[tuple[str, str] | None] = [None]
    beside = Beside()
    task = asyncio.create_task(attend(lambda: shard[0], beside.of))
    for _ in range(20):
        await asyncio.sleep(0)
    assert beside.begun == [], "nobody lives there yet"
    shard[0] = ("notices:ici", "e1")
    await until(lambda: beside.running == ["notices:ici"])
    shard[0] = ("notices:ailleurs", "e1")
    await until(lambda: beside.running == ["notices:ailleurs"])
    shard[0] = None
    await until(lambda: beside.running == [])
    shard[0] = ("notices:ici", "e1")
    await until(lambda: beside.running == ["notices:ici"])
    await end([task])
    assert beside.running == []
    assert beside.begun == ["notices:ici", "notices:ailleurs", "notices:ici"]


async def test_what_runs_beside_a_shard_begins_anew_with_its_log() -> None:
    """It remembers what it told the old one: that a channel is down, how far another shard stood behind."""
    life = [("notices:ici", "e1")]
    beside = Beside()
    task = asyncio.create_task(attend(lambda: life[0], beside.of))
    await until(lambda: beside.running == ["notices:ici"])
    life[0] = ("notices:ici", "e2")
    await until(lambda: len(beside.begun) == 2)
    await until(lambda: beside.running == ["notices:ici"])
    await end([task])


async def test_what_fails_beside_a_shard_is_begun_again() -> None:
    beside = Beside(fails=3)
    task = asyncio.create_task(attend(lambda: ("notices:ici", "e1"), beside.of))
    await until(lambda: beside.running == ["notices:ici"])
    assert len(beside.begun) == 4
    await end([task])
