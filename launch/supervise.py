"""Child processes kept up: one that ended is started again, later each time, and never without a word."""

import asyncio
import random
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from launch import child

LOOKS_EVERY_S = 0.05
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 15.0
STEADY_AFTER_S = 20.0  # a child that lived so long starts again as if for the first time

T = TypeVar("T")
Say = Callable[[str], None]


def backoff_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row: doubling, bounded, and half of it by chance."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures, 30))
    return longest * random.uniform(0.5, 1.0)


def how_it_ended(code: int) -> str:
    """Return an exit status in words."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


@dataclass(slots=True)
class Program:
    """One of our own programs as a child: what it is called, what runs it, and where its output goes."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    stops_within_s: float = 10.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """Return the process's id while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        """Return once its process exists; whether it works is for others to find out."""
        self.process = child.spawn(self.command, log=self.log, env=self.env)

    def stop(self) -> None:
        """Return once it has ended, killed if it would not in time."""
        if self.process is not None and self.process.poll() is None:
            child.stop(self.process, self.stops_within_s)

    def kill(self) -> None:
        """Return once it is gone, without being asked."""
        if self.process is not None:
            child.kill(self.process)

    def how(self) -> str:
        """Return how it ended, in words."""
        code = self.process.poll() if self.process is not None else None
        return "not running" if code is None else how_it_ended(code)


async def gone(pid_of: Callable[[], int | None]) -> None:
    """Return once there is no process any more."""
    while pid_of() is not None:  # noqa: ASYNC110 - nothing tells of a process's end on every platform
        await asyncio.sleep(LOOKS_EVERY_S)


async def keep(
    program: Program, say: Say, *, again: Callable[[], Awaitable[None]] | None = None, started: Callable[[], None]
) -> None:
    """Return never: start the program again whenever it ends; `again` is awaited before, `started` called after."""
    failures = 0
    while True:
        since = time.monotonic()
        await gone(lambda: program.pid)
        failures = 0 if time.monotonic() - since > STEADY_AFTER_S else failures
        wait_s = backoff_s(failures)
        failures += 1
        say(f"{program.name} ended ({program.how()}); starting it again in {wait_s:.1f} s. Its log: {program.log}")
        await asyncio.sleep(wait_s)
        if again is not None:
            await again()
        await finished(program.start)
        started()


async def finished(call: Callable[[], T]) -> T:
    """Return what the call returns, in a thread; cancelled, wait for it first, or what it starts would outlive us."""
    task = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
