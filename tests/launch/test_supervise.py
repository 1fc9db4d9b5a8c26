"""Programs kept up: said, started again later each time, stopped in time."""

import asyncio
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from launch.supervise import FIRST_WAIT_S, LONGEST_WAIT_S, Program, backoff_s, finished, gone, how_it_ended, keep

SLEEPS = "import time; print('here', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"
ENDS = "print('here', flush=True); raise SystemExit(7)"


def program(tmp_path: Path, code: str, stops_within_s: float = 10.0) -> Program:
    """Return a Python program."""
    return Program("it", [sys.executable, "-c", code], {}, tmp_path / "it.log", stops_within_s)


async def here(one: Program, times: int = 1) -> None:
    """Return once it has said so often that it runs."""
    async with asyncio.timeout(20):
        while not one.log.exists() or one.log.read_text().count("here") < times:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)


@given(st.integers(0, 10_000))
def test_waits_grow_and_are_bounded(failures: int) -> None:
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures, 60))
    assert longest / 2 <= backoff_s(failures) <= longest


def test_an_end_is_told_in_words() -> None:
    assert how_it_ended(3) == "exit status 3"
    assert how_it_ended(-9) == "killed by SIGKILL"
    assert how_it_ended(-250) == "killed by signal 250"


async def test_a_program_that_ends_is_started_again_and_said_to_be(tmp_path: Path) -> None:
    one, said, starts = program(tmp_path, ENDS), list[str](), list[int]()
    one.start()
    again = asyncio.Event()

    async def before() -> None:
        again.set()

    keeping = asyncio.create_task(keep(one, said.append, again=before, started=lambda: starts.append(1)))
    await here(one, times=3)
    keeping.cancel()
    await asyncio.wait({keeping})
    one.kill()
    assert again.is_set()
    assert len(starts) >= 2
    assert "it ended (exit status 7); starting it again in" in said[0]
    assert str(one.log) in said[0]


async def test_a_killed_program_comes_back_with_another_process(tmp_path: Path) -> None:
    one, said = program(tmp_path, SLEEPS), list[str]()
    one.start()
    await here(one)
    first = one.process
    assert first is not None
    keeping = asyncio.create_task(keep(one, said.append, started=lambda: None))
    first.kill()
    await here(one, times=2)
    keeping.cancel()
    await asyncio.wait({keeping})
    assert one.pid not in (None, first.pid)
    assert "killed by SIGKILL" in said[0]
    one.stop()
    assert one.pid is None


def test_a_program_that_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    one = program(tmp_path, DEAF, stops_within_s=0.2)
    one.start()
    asyncio.run(here(one))
    one.stop()
    assert one.pid is None
    assert one.how() == "killed by SIGKILL"


async def test_a_start_under_way_is_waited_for_when_we_stop(tmp_path: Path) -> None:
    """Else the child would be there after we said that all had ended."""
    one = program(tmp_path, SLEEPS)
    starting = asyncio.create_task(finished(one.start))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait({starting})
    assert one.pid is not None
    one.kill()
    await gone(lambda: one.pid)
