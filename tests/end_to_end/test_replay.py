"""The real spring of 2020 through the public door: what is read back is what SI-VIC counted, day by day."""

import time
from datetime import date
from functools import partial

import pytest

from event_log.kafka import KafkaLog
from launch.replay import Told, differences, door, replay
from launch.story import TELLER, show_day, story_of
from tests.end_to_end.conftest import CELL
from tests.end_to_end.screen import Screen
from tests.end_to_end.system import OCCITANIE, System, beside

pytestmark = pytest.mark.engines

# The week in which Occitanie had the most COVID patients in critical care.
WEEK = story_of(OCCITANIE, "2020-04-06", "2020-04-12", speed=1)


@pytest.mark.timeout(300)
def test_seven_days_as_fast_as_they_go_end_each_with_the_figures_of_sivic(system: System) -> None:
    """Read back once the day's last report has its outcome: from the API, and from a screen that watched it all."""
    with system.screen(CELL, OCCITANIE) as screen:
        started = time.monotonic()
        told = beside(_told(system, screen))
        took_s = time.monotonic() - started
        print(f"7 days, {told.rows} rows in {took_s:.1f} s: {told.rows / took_s:.0f} rows/s, {told.history} history")
        assert told.rows > 20_000
        assert screen.reasons == []
        screen.until(lambda seen: seen.scenario and seen.scenario["date"] == "2020-04-12", "last day in the banner")
        screen.until(lambda seen: seen.picture == _picture(system), "picture that the API has too")
    system.is_the_fold_of_its_log(OCCITANIE, within_s=60)


async def _told(system: System, screen: Screen) -> Told:
    told = Told()
    async with KafkaLog(system.kafka.url) as log, door(system.url, lambda: system.issuer.issue(TELLER)) as through:
        on_day = partial(show_day, log, WEEK)
        for day in WEEK.days:
            told += await replay(WEEK.past, through, [day], on_day=on_day)
            # What a source reads is its own; the crisis cell reads the whole region.
            assert differences(WEEK.past, day, system.picture(CELL, OCCITANIE)) == [], day
            screen.until(partial(_is_sivics, day), f"SI-VIC's figures of {day}")
    return told


def _is_sivics(day: date, screen: Screen) -> bool:
    return differences(WEEK.past, day, screen.picture) == []


def _picture(system: System) -> dict[str, object]:
    told = system.picture(CELL, OCCITANIE)
    return {"wards": told["wards"], "totals": told["totals"]}
