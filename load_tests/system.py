"""A whole vigilits for a run: its own engines, workers and API, as `vigilits up` runs them, gone after."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from domain.grants import Grant
from launch import regions
from launch.regions import Document
from launch.up import Plan, Stage, Up
from load_tests.engines import started
from realtime_api.issuer import LocalIssuer

LIVE_WITHIN_S = 90.0


def crisis_cell(subject: str, codes: Sequence[str]) -> dict[str, tuple[Grant, ...]]:
    """Return the rights of someone who sees and tells everything of these regions."""
    return {subject: tuple(Grant(role="crisis_cell", scope=code, since=regions.now()) for code in codes)}


def token(stage: Stage, subject: str) -> str:
    """Return a token that says who its bearer is."""
    return LocalIssuer(stage.home).issue(subject, minutes=240)


@asynccontextmanager
async def live(
    engines: str,
    documents: Sequence[Document],
    grants: Mapping[str, tuple[Grant, ...]],
    workers: int = 1,
    beside: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[tuple[Up, Stage]]:
    """Lend a vigilits whose pages are live; `beside` are variables that its programs are told."""
    with started(engines) as real:
        plan = Plan(
            home=real.directory / "home",
            documents=documents,
            host="127.0.0.1",
            port=0,
            workers=workers,
            kafka_url=real.kafka.url,
            redis_url=real.redis.url,
            grants=grants,
            beside=beside,
        )
        plan.home.mkdir()
        said: list[str] = []
        up = Up(plan, said.append)
        reached: asyncio.Future[Stage] = asyncio.get_running_loop().create_future()

        async def then(stage: Stage) -> None:
            reached.set_result(stage)

        running = asyncio.create_task(up.run(then))
        try:
            running.add_done_callback(lambda _: None if reached.done() else reached.cancel())
            async with asyncio.timeout(LIVE_WITHIN_S):
                try:
                    stage = await reached
                except asyncio.CancelledError:
                    if running.done():  # what failed there is why
                        await running
                    raise
            yield up, stage
        except BaseException as error:
            error.add_note("\n".join([*said, *(f"{p.name}: {p.log.read_text()[-1500:]}" for p in up._programs())]))
            raise
        finally:
            running.cancel()
            await asyncio.wait({running})
            await up.stop()
