"""All 105 days of the spring of 2020, as fast as they go: each verified against SI-VIC, by the API and by WebSocket."""

import asyncio
import time
from datetime import date
from functools import partial

from event_log.kafka import KafkaLog
from launch import regions
from launch.replay import differences, door, replay, verify
from launch.story import FIRST, LAST, TELLER, Story, rights_of_teller, show_day, story_of
from launch.up import Stage
from load_tests.finding import Run, arguments, run
from load_tests.system import crisis_cell, live, token
from tests.end_to_end.screen import Screen
from tests.recount import settled

REGION, LOOKER = "occitanie", "load-test"
SHOWN_WITHIN_S = 30.0
SHORT_LAST = "2020-03-19"


async def told(stage: Stage, story: Story, screen: Screen) -> tuple[int, list[str]]:
    """Return how many rows were told, and what differed from SI-VIC on which day; nothing is what it should be."""
    rows, wrong = 0, []
    async with (
        KafkaLog(stage.kafka_url) as log,
        door(stage.url, lambda: token(stage, TELLER)) as through,
        door(stage.url, lambda: token(stage, LOOKER)) as looked_at,
    ):
        for day in story.days:
            done = await replay(story.past, through, [day], on_day=partial(show_day, log, story))
            rows += done.rows
            wrong += [f"{day} by the API: {found}" for found in await verify(story.past, looked_at, day)]
            try:
                await asyncio.to_thread(screen.until, partial(shows, story, day), str(day), SHOWN_WITHIN_S)
            except AssertionError:
                wrong += [f"{day} by WebSocket: {found}" for found in differences(story.past, day, screen.picture)]
    return rows, wrong


def shows(story: Story, day: date, screen: Screen) -> bool:
    """Return whether a screen shows SI-VIC's figures of the day."""
    return differences(story.past, day, screen.picture) == []


async def main() -> None:
    """Replay, and say what was found."""
    parser = arguments(__doc__ or "", engines=True)
    asked = parser.parse_args()
    measured = Run("replay_105", asked)
    story = story_of(REGION, FIRST, SHORT_LAST if asked.short else LAST, speed=1)
    grants = crisis_cell(LOOKER, [REGION]) | rights_of_teller(story.document.region, 0)
    async with live(asked.engines, [story.document], grants) as (_, stage):
        begun = time.monotonic()
        with Screen(stage.url, token(stage, LOOKER), REGION) as screen:
            rows, wrong = await told(stage, story, screen)
            took = time.monotonic() - begun
            resets = list(screen.reasons)
        same = await is_its_log(stage)
    line = (
        f"{len(story.days)} days, {rows} rows in {took:.0f} s ({rows / took:,.0f} rows/s), each day equal to SI-VIC by "
        f"API and WebSocket: {'yes' if not wrong else f'no, {len(wrong)} differences, the first: {wrong[0]}'}; "
        f"state equals the recount of its log: {'yes' if same else 'no'}"
    )
    figures = {"days": len(story.days), "rows": rows, "seconds": round(took, 1), "rows_per_s": round(rows / took)}
    figures |= {"differences": len(wrong), "resets": len(resets)}
    measured.found(line, figures, budget="every day equal to SI-VIC", met=not wrong and same)
    if wrong or not same:
        raise SystemExit(1)


async def is_its_log(stage: Stage) -> bool:
    """Return whether the live state is the recount of its log."""
    async with regions.stores(stage.kafka_url, stage.redis_url) as (log, state):
        place = (await regions.places(log))[REGION]
        end = await log.end(place.topic, place.partition)
        try:
            await settled(log, state, place.shard, place.partition, end - 1, place.epoch)
        except AssertionError:
            return False
        return True


if __name__ == "__main__":
    run(main())
