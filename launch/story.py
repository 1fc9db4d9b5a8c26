"""A region's past told through the public door: by whom, from which day to which, with the day shown on the screens."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

import msgspec

from domain.grants import Grant
from domain.places import Region
from event_log.log import Log
from launch import publish, regions, replay_data
from launch.publish import NOTHING
from launch.regions import Document, UnknownRegion
from launch.replay import OnDay, Token, Told, days_between, door, replay
from launch.scenario import Scenario

TELLER = "demo-replay"
FIRST, LAST = "2020-03-18", "2020-06-30"


class NoStory(Exception):
    """What was asked to be replayed is not there, and why."""


class Story(NamedTuple):
    """What is told: a region, with limits of freshness that fit the speed, and days of its past."""

    document: Document
    past: Scenario
    days: Sequence[date]


def story_of(code: str, first: str, last: str, speed: float) -> Story:
    """Return the story; raise DirectoryErrors where its files are wrong, NoStory where it has no such days."""
    document = regions.read(code, divided_by=max(1.0, speed))
    past = Scenario(document.region, replay_data.load(regions.DIRECTORIES / code, document.region))
    try:
        days = days_between(past, date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise NoStory(str(error)) from None
    return Story(document, past, days)


def rights_of_teller(region: Region, since: int) -> dict[str, tuple[Grant, ...]]:
    """Return the teller's rights: as the software of each legal entity, which writes for that entity's sites alone."""
    entities = sorted({facility.finess_ej for facility in region.facilities})
    return {TELLER: tuple(Grant(role="source", scope=f"ej:{entity}", since=since) for entity in entities)}


async def tell(
    story: Story,
    url: str,
    token: Token,
    *,
    speed: float,
    on_day: OnDay | None,
    after: Literal["stop", "hold", "loop"] = "stop",
    prime: bool = False,
) -> Told:
    """Return how much was told, through the door at an address."""
    async with door(url, token) as through:
        return await replay(story.past, through, story.days, speed=speed, on_day=on_day, after=after, prime=prime)


async def show_day(log: Log, story: Story, day: date) -> None:
    """Return once the log says which day of the past is told, for the screens to show."""
    # Looked up each day: a broker that came back empty may have given the region another partition.
    place = (await regions.places(log)).get(story.document.code)
    if place is None:
        raise UnknownRegion(f"the log has no {story.document.code!r}: `vigilits region init` makes it")
    content = msgspec.json.encode(story.past.banner(day))
    await publish.publish(log, place, {"scenario": content}, NOTHING, regions.now())
