"""What a run found: one line for whoever looks on, and a JSON file to compare the next run with."""

import argparse
import asyncio
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

RESULTS = Path(__file__).parent / "results"
SHORT = RESULTS / "short"  # runs on tiny counts, which prove that a measurement works and measure nothing
DEPENDED_ON = ("faust-streaming", "aiokafka", "redis", "hiredis", "msgspec", "uvicorn", "uvloop", "websockets")
BUSY_ABOVE = 1.0  # load average at the start


class Finding(msgspec.Struct):
    """One run: what it says in a line, its figures, and the circumstances that they depend on."""

    name: str
    line: str
    figures: Mapping[str, Any]
    budget: str
    met: bool | None
    date: str
    engines: str | None
    cores: int
    busy: bool
    python: str
    versions: Mapping[str, str]


def arguments(about: str, *, engines: bool = False) -> argparse.ArgumentParser:
    """Return the arguments that every run knows: `--short`, and where it needs engines which of them."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--short", action="store_true", help="tiny counts: proves that it works, measures nothing")
    if engines:
        default = os.environ.get("VIGILITS_ENGINES") or "embedded"
        parser.add_argument("--engines", choices=("embedded", "apache"), default=default)
    return parser


class Run:
    """One run from its start: how busy the machine was then, and what is to be said at the end."""

    def __init__(self, name: str, told: argparse.Namespace) -> None:
        self.name, self.short = name, bool(told.short)
        self.engines: str | None = getattr(told, "engines", None)
        self.busy = os.getloadavg()[0] > BUSY_ABOVE

    def found(
        self,
        line: str,
        figures: Mapping[str, Any],
        *,
        budget: str,
        met: bool | None,
        beside: Sequence[str] = (),
    ) -> Finding:
        """Return the finding, having printed its line and written its file; `beside` names what it was run beside."""
        finding = Finding(
            name=self.name,
            line=line,
            figures=figures,
            budget=budget,
            met=None if self.short else met,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            engines=self.engines,
            cores=os.cpu_count() or 1,
            busy=self.busy,
            python=platform.python_version(),
            versions={name: version(name) for name in (*DEPENDED_ON, *beside)},
        )
        directory = SHORT if self.short else RESULTS
        directory.mkdir(parents=True, exist_ok=True)
        name = self.name if self.engines in (None, "embedded") else f"{self.name}.{self.engines}"
        (directory / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(finding), indent=2) + b"\n")
        print(f"{self.name}: {line}{' (the machine was busy)' if self.busy else ''}", flush=True)
        return finding


def processor_s(pid: int) -> float:
    """Return how much processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return how many there are, their median, 99th percentile and largest."""
    return {
        "n": len(values),
        "p50": round(statistics.median(values), 3),
        "p99": round(quantile(values, 0.99), 3),
        "max": round(max(values), 3),
    }


def run(main: Any) -> None:
    """Run a coroutine to its end, on the loop that our processes use."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
