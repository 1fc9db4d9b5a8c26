"""Two workers under load, one of them killed with -9 every few seconds: who carries on when, and is anything lost?

Several regions share the two. Every append that the log acknowledged is remembered; at the end the live state of each
region must be the recount of its log, each of its records folded once, and each remembered event have an outcome.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY
from launch import regions
from launch.publish import Held, Place
from launch.supervise import Program
from live_state.capacity import read_feed
from live_state.redis import RedisState
from live_state.state import StateAway
from load_tests.engines import Engines, started
from load_tests.finding import Run, arguments, run
from load_tests.made_region import made
from load_tests.reports import reports
from tests.recount import settled

BUDGET_S = 15.0
STARTS_WITHIN_S = 90.0
AWAY_S = 2.0  # from a kill until the worker is started again
WARDS = 60
UNDER_WAY = 500  # appends that wait for their acknowledgement


class Step(NamedTuple):
    """One commit as its feed told it: of which records, with which outcomes, and when it was seen."""

    start: int
    end: int
    ids: tuple[str, ...]
    at: float


class Followed:
    """One region's feed, read as it goes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.steps: list[Step] = []
        self.builds: set[str] = set()
        self.acknowledged: dict[str, int] = {}

    async def follow(self, state: RedisState) -> None:
        """Return never: note every commit."""
        while True:
            with suppress(StateAway):
                build = await state.current(self.place.shard)
                if build is None:
                    await asyncio.sleep(0.05)
                    continue
                self.builds.add(build.label)
                after = self.steps[-1].end if self.steps else -1
                for entry in await state.feed(build, after, wait_ms=200):
                    change = read_feed(entry.payload)
                    self.steps.append(Step(change.start, entry.offset, tuple(change.outcomes), time.monotonic()))

    def wrong(self) -> tuple[int, int]:
        """Return how many records or acknowledged events were lost, and how many were folded twice."""
        lost = twice = 0
        expected = -1
        for step in self.steps:
            lost += max(0, step.start - expected)
            twice += max(0, expected - step.start)
            expected = step.end
        told = Counter(id_ for step in self.steps for id_ in step.ids)
        return lost + sum(1 for id_ in self.acknowledged if not told[id_]), twice


async def load(
    followed: Followed, region_of_wards: regions.Document, log: KafkaLog, a_second: float, seed: int
) -> None:
    """Return never: append reports to one region's log at a rate, and remember those that were acknowledged."""
    started_at, place = time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()

    async def append(id_: str, value: bytes) -> None:
        at = followed.place
        followed.acknowledged[id_] = await log.append(CAPACITY, at.partition, at.region.encode(), value)

    try:
        for event in reports(region_of_wards.region, 1 << 30, regions.now(), apart_ms=1000 / a_second, seed=seed):
            await asyncio.sleep(max(0.0, started_at + place / a_second - time.monotonic()))
            place += 1
            while len(under_way) >= UNDER_WAY:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(append(event.id, encode(event)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    finally:
        await asyncio.gather(*under_way)


def workers(engines: Engines, count: int) -> list[Program]:
    """Return the workers, not started yet."""
    env = {**os.environ, "KAFKA_URL": engines.kafka.url, "REDIS_URL": engines.redis.url, "GROUP": "load"}
    env["VIGILITS_HOME"] = str(engines.directory)
    return [
        Program(f"worker {n}", [sys.executable, "-m", "streams"], env, engines.directory / f"worker-{n}.log")
        for n in range(1, count + 1)
    ]


async def all_folding(followed: list[Followed], since: float) -> None:
    """Return once every region was committed to since an instant."""
    async with asyncio.timeout(STARTS_WITHIN_S):
        while not all(one.steps and one.steps[-1].at > since for one in followed):  # noqa: ASYNC110 - a feed is followed
            await asyncio.sleep(0.02)


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "", engines=True)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--every", type=float, default=10.0, help="seconds from one kill to the next")
    parser.add_argument("--rate", type=float, default=400.0, help="reports a second, of all regions together")
    parser.add_argument("--regions", type=int, default=4)
    told = parser.parse_args()
    measured = Run("killed_worker", told)
    if told.short:
        told.kills, told.rate, told.regions = 1, 40.0, 2
    documents = [made(f"region-{number}", WARDS, seed=number) for number in range(told.regions)]
    with started(told.engines) as engines:
        async with (
            regions.stores(engines.kafka.url, engines.redis.url) as (log, _),
            RedisState(engines.redis.url) as state,
        ):
            for document in documents:
                await regions.settle(log, state, document.code, Held(document.settings, {}))
            places = await regions.places(log)
            followed = [Followed(places[document.code]) for document in documents]
            pair = workers(engines, 2)
            running = [asyncio.create_task(one.follow(state)) for one in followed]
            try:
                for program in pair:
                    await asyncio.to_thread(program.start)
                await all_folding(followed, 0.0)
                loads = [
                    asyncio.create_task(load(one, document, log, told.rate / told.regions, seed))
                    for seed, (one, document) in enumerate(zip(followed, documents, strict=True))
                ]
                running += loads
                await asyncio.sleep(2.0)
                gaps = await kill_in_turns(pair, followed, told.kills, told.every)
                for task in loads:
                    task.cancel()
                await asyncio.wait(loads)
                for one in followed:
                    last = max(one.acknowledged.values())
                    at = one.place
                    await settled(log, state, at.shard, at.partition, last, at.epoch, within_s=60.0)
                async with asyncio.timeout(10):
                    while any(one.steps[-1].end < max(one.acknowledged.values()) for one in followed):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
            finally:
                for program in pair:
                    await asyncio.to_thread(program.kill)
                for task in running:
                    task.cancel()
                await asyncio.wait(running)
    lost, twice = (sum(values) for values in zip(*(one.wrong() for one in followed), strict=True))
    count = sum(len(one.acknowledged) for one in followed)
    rebuilt = sum(len(one.builds) - 1 for one in followed)
    line = (
        f"{told.kills} kills of one of two workers under {told.rate:.0f} reports/s: others carried on after at most "
        f"{max(gaps):.1f} s (budget {BUDGET_S:.0f}); of {count} acknowledged events {lost} lost, {twice} twice; "
        f"{told.regions} regions equal the recount of their logs"
    )
    measured.found(
        line,
        {"gaps_s": [round(gap, 2) for gap in gaps], "events": count, "lost": lost, "twice": twice, "rebuilt": rebuilt}
        | {"kills": told.kills, "every_s": told.every, "rate": told.rate, "regions": told.regions},
        budget=f"others carry on in ≤ {BUDGET_S:.0f} s, nothing lost, nothing twice",
        met=max(gaps) <= BUDGET_S and lost == twice == 0,
    )
    if lost or twice:
        raise SystemExit(1)


async def kill_in_turns(pair: list[Program], followed: list[Followed], kills: int, every_s: float) -> list[float]:
    """Return how long, after each kill, some region stood still at most."""
    at = []
    for number in range(kills):
        victim = pair[number % 2]
        at.append(time.monotonic())
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(AWAY_S)
        await asyncio.to_thread(victim.start)
        await asyncio.sleep(max(0.0, at[-1] + every_s - time.monotonic()))
    await all_folding(followed, at[-1] + AWAY_S)
    await asyncio.sleep(1.0)
    ends = [*at[1:], time.monotonic()]
    # Who stands still for longer than until the next kill is counted whole.
    return [max(gap_from(one, since, until) for one in followed) for since, until in zip(at, ends, strict=True)]


def gap_from(one: Followed, since: float, until: float) -> float:
    """Return the longest time without a commit that began before `until` and ended after `since`."""
    times = [step.at for step in one.steps]
    pairs = [(a, b) for a, b in pairwise(times) if b > since and a < until]
    return max((b - max(a, since) for a, b in pairs), default=until - since)


if __name__ == "__main__":
    run(main())
