"""Systems that run: one that tests share and leave as they found it, one whose engines may go away."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from domain.grants import Grant
from domain.places import Freshness
from event_log.kafka import KafkaLog
from launch import regions
from launch.replay import door, replay
from launch.story import TELLER, rights_of_teller, show_day, story_of
from tests.browser.conftest import browser, built
from tests.end_to_end.system import OCCITANIE, System, beside, right, running, small
from tests.engines.chosen import EngineSet
from tests.launch.running import Vigilits

CELL, PHYSICIAN, NIGHT_NURSE = "cell", "physician", "night-nurse"  # of another ward than those told of
ICI, LABAS, VITE = "ici", "labas", "vite"
QUICK = Freshness(divided_by=24 * 3600 / 4)  # what is fresh for a day elsewhere is so for 4 s


def everyone(region: str) -> dict[str, tuple[Grant, ...]]:
    """Return the rights of the people whom the tests know."""
    return {CELL: right("crisis_cell", region), PHYSICIAN: right("physician", region)}


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[System]:
    """Return a vigilits with Occitanie and three small regions, whose engines nobody harms."""
    occitanie = regions.read(OCCITANIE)
    teller = rights_of_teller(occitanie.region, regions.now())
    founded = [
        (occitanie, everyone(OCCITANIE) | teller),
        (small(ICI, 1), everyone(ICI) | {NIGHT_NURSE: right("ward", "ward:810100001/medecine")}),
        (small(LABAS, 2), everyone(LABAS)),
        (small(VITE, 3, QUICK), everyone(VITE)),
    ]
    yield from _on_engines(tmp_path_factory, engines, "shared", founded)


@pytest.fixture(scope="package")
def another_api(system: System) -> Iterator[str]:
    """Return the address of an API beside the first, which nobody harms."""
    with system.another_api() as url:
        yield url


@pytest.fixture(scope="package")
def spring(system: System) -> None:
    """Return once Occitanie has told all that it tells on a day of April 2020."""
    if system.picture(CELL, OCCITANIE)["scenario"] is not None:
        return  # it was replayed already
    story = story_of(OCCITANIE, "2020-04-08", "2020-04-08", speed=1)

    async def told() -> None:
        async with KafkaLog(system.kafka.url) as log, door(system.url, lambda: system.issuer.issue(TELLER)) as through:
            await replay(story.past, through, story.days, on_day=partial(show_day, log, story))

    beside(told())


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[System]:
    """Return a vigilits with one small region, whose engines may be killed."""
    yield from _on_engines(tmp_path_factory, engines, "frail", [(small(ICI, 1), everyone(ICI))])


def _on_engines(
    tmp_path_factory: pytest.TempPathFactory, engines: EngineSet, name: str, founded: list[Any]
) -> Iterator[System]:
    directory = tmp_path_factory.mktemp(name)
    kafka, redis = engines.kafka(directory / "kafka"), engines.redis(directory / "redis")
    with ExitStack() as open_:
        for engine in (kafka, redis):
            open_.callback(engine.stop)
            engine.start()
        yield open_.enter_context(running(directory / "home", kafka, redis, founded))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show what the processes wrote, where a test of theirs failed."""
    report: pytest.TestReport = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Vigilits):
                report.sections.append(("the system's logs", value.logs()))
    return report


# Fixtures of theirs are ours too: named in a conftest, or pytest would keep a browser to the session's end.
__all__ = ["browser", "built"]
