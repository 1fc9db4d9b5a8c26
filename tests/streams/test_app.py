"""The worker's wiring, as far as it needs no engines."""

import asyncio
from contextlib import suppress

from streams.app import end


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
