"""All 105 days of the spring of 2020 through the public door, as fast as they go, each read back by API and WebSocket.

Once a day's last report has its outcome, the COVID patients in critical care of each département (status 03 by
assignment, as sum over its wards and as sum over its totals) must be SI-VIC's figure of that day: in what the API
answers then, and on a screen that was open from the start and only ever took in changes.
"""

import asyncio
import time
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from event_log.kafka import KafkaLog
from launch.replay import Difference, Told, differences, door, replay
from launch.story import FIRST, LAST, TELLER, Story, rights_of_teller, show_day, story_of
from launch.up import Stage
from load_tests.finding import Run, arguments, run
from load_tests.system import crisis_cell, live, token
from tests.end_to_end.screen import Screen

REGION, WATCHER = "occitanie", "load-test"
SHORT_LAST = FIRST
SEEN_WITHIN_S = 30.0
# Which département had more COVID patients in critical care than réanimation beds: 2018's beds, as the issue has it.
EXCEEDING = {"11": "Aude", "46": "Lot", "66": "Pyrénées-Orientales", "81": "Tarn"}


class Read(NamedTuple):
    """What was otherwise than SI-VIC had it on one day, as the API and as the screen told it."""

    by_api: list[Difference]
    on_screen: list[Difference]


class Beyond(NamedTuple):
    """A département's worst day: patients in critical care with COVID, and its beds in réanimation."""

    name: str
    day: str
    patients: int
    beds: int


def is_sivics(story: Story, day: date, screen: Screen) -> bool:
    """Return whether a screen shows SI-VIC's figures of a day."""
    return not differences(story.past, day, screen.picture)


async def tell_and_read(
    stage: Stage, story: Story, screen: Screen
) -> tuple[Told, list[Read], dict[str, Beyond], float]:
    """Return what was told, what was read back of each day, who had too few beds, and how long telling took."""
    told, read, beyond, took_s = Told(), list[Read](), dict[str, Beyond](), 0.0
    names = {departement.code: departement.name for departement in story.document.region.departements}
    async with (
        KafkaLog(stage.kafka_url) as log,
        door(stage.url, lambda: token(stage, TELLER)) as through,
        door(stage.url, lambda: token(stage, WATCHER)) as watching,
    ):
        for day in story.days:
            started = time.perf_counter()
            told += await replay(story.past, through, [day], on_day=partial(show_day, log, story))
            took_s += time.perf_counter() - started
            picture = await watching.capacity(REGION)
            by_api = differences(story.past, day, picture)
            try:
                shown = partial(is_sivics, story, day)
                await asyncio.to_thread(screen.until, shown, f"SI-VIC's figures of {day}", SEEN_WITHIN_S)
                on_screen: list[Difference] = []
            except AssertionError:
                on_screen = differences(story.past, day, screen.picture)
            read.append(Read(by_api, on_screen))
            for code, patients in story.past.covid_in_critical_care(day).items():
                beds = picture["totals"][f"departement/{code}/rea-adulte"]["installed"] or 0
                if patients > beds and patients > beyond.get(code, Beyond("", "", 0, 0)).patients:
                    beyond[code] = Beyond(names[code], day.isoformat(), patients, beds)
    return told, read, beyond, took_s


async def main() -> None:
    """Replay, read back, and say what was found."""
    options = arguments(__doc__ or "", engines=True).parse_args()
    measured = Run("replay_105", options)
    story = story_of(REGION, FIRST, SHORT_LAST if options.short else LAST, speed=1)
    rights = crisis_cell(WATCHER, [REGION]) | rights_of_teller(story.document.region, 0)
    started = time.perf_counter()
    async with live(options.engines, [story.document], rights) as (_, stage):
        screen = await asyncio.to_thread(Screen(stage.url, token(stage, WATCHER), REGION).__enter__)
        told, read, beyond, took_s = await tell_and_read(stage, story, screen)
        messages = {kind: screen.types.count(kind) for kind in sorted(set(screen.types))}
        resets = list(screen.reasons)
        await asyncio.to_thread(screen.__exit__)
    count = len(story.days) * len(story.document.region.departements)
    by_api, on_screen = sum(len(day.by_api) for day in read), sum(len(day.on_screen) for day in read)
    short_of_beds = (
        ", ".join(f"{one.name} ({one.patients} for {one.beds})" for _, one in sorted(beyond.items())) or "none"
    )
    line = (
        f"{len(story.days)} days, {told.rows:,} rows in {took_s:.0f} s: {told.rows / took_s:,.0f} rows/s; "
        f"{count - by_api} of {count} départements-days equal to SI-VIC by the API, {count - on_screen} on the screen, "
        f"{by_api + on_screen} mismatches; more patients in critical care than réanimation beds: {short_of_beds}"
    )
    figures: dict[str, Any] = {
        "days": len(story.days),
        "reports": told.reports,
        "rows": told.rows,
        "history": told.history,
        "seconds_telling": round(took_s, 1),
        "seconds_in_all": round(time.perf_counter() - started, 1),
        "rows_per_s": round(told.rows / took_s),
        "departement_days": count,
        "mismatches_by_api": by_api,
        "mismatches_on_screen": on_screen,
        "first_mismatches": [difference._asdict() for day in read for difference in (*day.by_api, *day.on_screen)][:10],
        "messages": messages,
        "resets": resets,
        "beyond_reanimation_beds": {code: one._asdict() for code, one in sorted(beyond.items())},
    }
    met = by_api == on_screen == 0 and not resets and set(beyond) >= set(EXCEEDING)
    measured.found(line, figures, budget="every département's figure equals SI-VIC's on every day", met=met)


if __name__ == "__main__":
    run(main())
