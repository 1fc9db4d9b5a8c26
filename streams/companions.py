"""What runs beside a shard for as long as this worker has it: begun for the shard by its name, and ended with it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

LOOKS_EVERY_S = 0.5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
CANCELS_AGAIN_S = 0.1

Companions = Mapping[str, Callable[[], Awaitable[None]]]  # by name: each runs until cancelled

Life = tuple[str, str]  # a shard: its name, and the epoch of its log

logger = structlog.get_logger("streams.companions")


async def attend(life: Callable[[], Life | None], companions: Callable[[str], Companions]) -> None:
    """Keep up what belongs beside the shard until cancelled; where another lives there by now, it gets its own.

    So does the same shard with a log that began anew: what its companions remember is of the old one.
    """
    running: list[asyncio.Task[None]] = []
    attended: Life | None = None
    try:
        while True:
            now = life()
            if now != attended:
                await end(running)
                name = now and now[0]
                begun = {} if name is None else companions(name)
                running = [
                    asyncio.create_task(keep(f"{what} of {name}", run), name=f"{what} of {name}")
                    for what, run in begun.items()
                ]
                attended = now
            await asyncio.sleep(LOOKS_EVERY_S)
    finally:
        await end(running)


async def keep(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run until cancelled, and again whenever it ends: a companion's trouble is no other's."""
    failures = 0
    while True:
        try:
            await run()
            logger.error("ended", companion=name)
        except Exception:
            logger.exception("failed", companion=name)
        await asyncio.sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1.0))
        failures += 1


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Return once the tasks have ended, cancelled as often as that takes.

    Before Python 3.12 `asyncio.wait_for` swallows a cancellation that comes as what it waited for is done, and redis-py
    sends by it: a worker that waited for such a task in a rebalance waited for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=CANCELS_AGAIN_S)
        for task in ended:
            if not task.cancelled():
                task.exception()  # told where it was raised
