"""Every measurement still runs: on tiny counts, which measure nothing, so no figure is looked at."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from load_tests.finding import SHORT, Finding

ROOT = Path(__file__).parents[2]
AT_ONCE = 3  # most of their time they wait for a broker to gather its group
ENDS_WITHIN_S = 150.0
ENGINES, BROWSER = pytest.mark.engines, pytest.mark.browser
ON_ENGINES = ("alert_storm", "fold", "follow_up", "killed_worker", "latency", "reminders", "replay_105")
RUNS = [
    "fan_out",
    "search",
    *(pytest.param(name, marks=ENGINES) for name in ON_ENGINES),
    pytest.param("page", marks=BROWSER),
]

Ended = subprocess.CompletedProcess[str]


def short(name: str) -> Ended:
    """Return how a short run ended."""
    command = [sys.executable, "-m", f"load_tests.{name}", "--short"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ENDS_WITHIN_S, check=False)


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Ended]]]:
    """Return all the short runs that were asked for, begun beside one another."""
    names = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {name: threads.submit(short, name) for name in names}


@pytest.mark.timeout(len(RUNS) * ENDS_WITHIN_S)
@pytest.mark.parametrize("name", RUNS)
def test_a_measurement_runs_prints_one_line_and_writes_what_it_found(
    name: str, started: dict[str, Future[Ended]]
) -> None:
    ended = started[name].result()
    assert ended.returncode == 0, ended.stderr[-4000:]
    (line,) = ended.stdout.strip().splitlines()
    assert line.startswith(f"{name}: ")
    chosen = os.environ.get("VIGILITS_ENGINES") or "embedded"
    ours = (SHORT / f"{name}.json", SHORT / f"{name}.{chosen}.json")
    finding = msgspec.json.decode(max((p for p in ours if p.exists()), key=os.path.getmtime).read_bytes(), type=Finding)
    assert finding.line in line
    assert finding.met is None, "a short run measures nothing"
    assert finding.figures
    assert finding.budget
    told = msgspec.json.encode(finding).decode()
    assert not re.search(r"/(home|root|tmp|work|Users)/", told), "a path of this machine"
