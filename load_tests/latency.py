"""From a bed report's POST to the frame at the last of 500 dashboards: at 200 reports a second, beside an idle run.

The whole system runs: engines, worker, API. A report's way begins when its request is sent (so the door is part of
it) and ends when the last dashboard has the frame in which its ward shows its figure. Idle and loaded spells take
turns; what is printed is the loaded 99th percentile above the idle median.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from domain.events import AVAILABLE
from launch import regions
from launch.up import Stage, Up
from load_tests.finding import Run, arguments, processor_s, quantile, run, spread
from load_tests.listening import Seen
from load_tests.poster import Poster
from load_tests.system import crisis_cell, live, token

REGION, SUBJECT = "occitanie", "load-test"
BUDGET_MS = 80.0
COUNTS = 90  # a ward's figure comes back after so many of its reports: long after it was seen
READY_WITHIN_S = 60.0
IDLE, LOADED = "idle", "loaded"


class Sent(NamedTuple):
    """One report: in which spell, of which ward, which figure, and when it was sent and answered."""

    spell: str
    ward: str
    figure: int
    at: float
    answered_at: float
    status: int


class Reporter:
    """Reports of one ward after the other, each with a figure that tells it from the ward's last one."""

    def __init__(self, poster: Poster, wards: Sequence[tuple[str, str]]) -> None:
        self._poster, self._wards = poster, wards
        self._place = 0
        self.sent: list[Sent] = []

    async def report(self, spell: str) -> None:
        """Return once a report has its answer."""
        ward, nature = self._wards[self._place % len(self._wards)]
        figure = self._place // len(self._wards) % COUNTS
        self._place += 1
        row = {"ward": ward, "nature": nature, "status": AVAILABLE, "count": figure}
        answer = await self._poster.post("/api/v1/bed-reports", row)
        self.sent.append(Sent(spell, ward, figure, answer.sent_at, answer.answered_at, answer.status))

    async def spell(self, name: str, a_second: float, seconds: float) -> None:
        """Return after a spell of so many reports a second, sent when they are due whatever became of the last."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for place in range(round(a_second * seconds)):
                await asyncio.sleep(max(0.0, started + place / a_second - time.monotonic()))
                tasks.create_task(self.report(name))


class Crowded:
    """The dashboards' process."""

    def __init__(self, process: asyncio.subprocess.Process, out: Path) -> None:
        self.process, self._out = process, out

    @classmethod
    async def listening(cls, stage: Stage, count: int) -> "Crowded":
        """Return it once every dashboard has its snapshot."""
        address = urlsplit(stage.url)
        out = stage.home / "seen.msgpack"
        env = {"HOST": address.hostname or "", "PORT": str(address.port), "COUNT": str(count), "OUT": str(out)}
        env |= {"CHANNEL": regions.shard_of(REGION), "TOKEN": token(stage, SUBJECT)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "load_tests.listening",
            env={**os.environ, **env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the dashboards did not come up")
        return cls(process, out)

    async def told(self) -> list[Seen]:
        """Return what they saw, after which they are gone."""
        await self.process.communicate(b"\n")
        return msgspec.msgpack.decode(self._out.read_bytes(), type=list[Seen])


def wards_in(message: bytes) -> Mapping[str, Any]:
    """Return the wards that a message tells of."""
    told = msgspec.msgpack.decode(message)
    inner = told.get("changes") or told.get("data") or {}
    return {id_: ward for id_, ward in inner.get("wards", {}).items() if ward}


def last_seen(seen: Sequence[Seen], sent: Sequence[Sent]) -> tuple[list[tuple[Sent, float]], list[Sent]]:
    """Return the reports with the instant at which the last dashboard knew of them, and those that some never saw."""
    shown: dict[tuple[str, int], list[Seen]] = {}
    for one in seen:
        for id_, ward in wards_in(one.message).items():
            shown.setdefault((id_, ward["available"]), []).append(one)
    reached, missed = [], []
    for report in sent:
        # A client that fell behind got another message than the rest: each counts by the first that told it.
        arrivals = [
            min((at for at in by_client if at >= report.at), default=0.0)
            for by_client in zip(*(one.at for one in shown.get((report.ward, report.figure), ())), strict=True)
        ]
        if arrivals and all(arrivals):
            reached.append((report, max(arrivals)))
        else:
            missed.append(report)
    return reached, missed


def shares(up: Up, crowd: int) -> dict[str, float]:
    """Return how much processor time each of our processes has used so far."""
    pids = {program.name: program.pid for program in up._programs()} | {"dashboards": crowd, "reporter": os.getpid()}
    return {name: processor_s(pid) for name, pid in pids.items() if pid is not None}


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "", engines=True)
    parser.add_argument("--dashboards", type=int, default=500)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each spell")
    parser.add_argument("--rounds", type=int, default=2)
    told = parser.parse_args()
    measured = Run("latency", told)
    if told.short:
        told.dashboards, told.rate, told.seconds, told.rounds = 10, 20.0, 1.0, 1
    document = regions.read(REGION)
    region = document.region
    wards = [(ward.id, region.kind_of[ward.kind].nature) for ward in region.wards]
    async with live(told.engines, [document], crisis_cell(SUBJECT, [REGION])) as (up, stage):
        address = urlsplit(stage.url)
        poster = Poster(address.hostname or "", address.port or 0, token(stage, SUBJECT))
        reporter = Reporter(poster, wards)
        crowd = await Crowded.listening(stage, told.dashboards)
        await reporter.spell("warm", 20, 0.1 * told.seconds)
        used: dict[str, float] = {}
        for _ in range(told.rounds):
            await reporter.spell(IDLE, 2 if told.short else 1, told.seconds)
            before = shares(up, crowd.process.pid)
            await reporter.spell(LOADED, told.rate, told.seconds)
            for name, value in shares(up, crowd.process.pid).items():
                used[name] = used.get(name, 0.0) + value - before[name]
        await asyncio.sleep(0.5)
        seen = await crowd.told()
        poster.close()
    refused = [report for report in reporter.sent if report.status != 201]
    reached, missed = last_seen(seen, [report for report in reporter.sent if report.status == 201])
    ways = {name: [(at - r.at) * 1000 for r, at in reached if r.spell == name] for name in (IDLE, LOADED)}
    doors = {name: [(r.answered_at - r.at) * 1000 for r in reporter.sent if r.spell == name] for name in (IDLE, LOADED)}
    above = quantile(ways[LOADED], 0.99) - statistics.median(ways[IDLE])
    busiest = {name: round(value / (told.rounds * told.seconds), 2) for name, value in used.items()}
    idle_ms = statistics.median(ways[IDLE])
    p50_ms, p99_ms = statistics.median(ways[LOADED]), quantile(ways[LOADED], 0.99)
    door_ms, door99_ms = statistics.median(doors[LOADED]), quantile(doors[LOADED], 0.99)
    line = (
        f"report to frame at the last of {told.dashboards} dashboards: idle p50 {idle_ms:.0f} ms; at {told.rate:.0f} "
        f"reports/s p50 {p50_ms:.0f}, p99 {p99_ms:.0f} ms: {above:.0f} ms above idle (budget {BUDGET_MS:.0f}); the "
        f"door's own answer p50 {door_ms:.0f}, p99 {door99_ms:.0f} ms; processor shares "
        f"{', '.join(f'{name} {share:.0%}' for name, share in busiest.items())}; {len(missed)} not seen by all, "
        f"{len(refused)} not answered 201"
    )
    figures = {
        "dashboards": told.dashboards,
        "rate": told.rate,
        "above_idle_ms": round(above, 2),
        **{f"{name}_ms": spread(values) for name, values in ways.items()},
        **{f"{name}_answer_ms": spread(values) for name, values in doors.items()},
        "processor_share_loaded": busiest,
        "frames": len(seen),
        "not_seen_by_all": len(missed),
        "not_201": len(refused),
    }
    met = above <= BUDGET_MS and not missed and not refused
    measured.found(line, figures, budget=f"p99 ≤ {BUDGET_MS:.0f} ms above an idle run's p50", met=met)


if __name__ == "__main__":
    run(main())
