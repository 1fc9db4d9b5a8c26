"""A `vigilits up` of a test's own: started as a person would, watched from outside, and looked for once it ended."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.launch import tiny_directory

LIVE_WITHIN_S = 90.0  # 8 s by itself; much more where others keep every core busy
SLOW_S = 240  # for a test that starts, kills and stops whole systems
CLEAN = ("KAFKA_URL", "REDIS_URL", "OIDC_ISSUER", "PUBLIC_URL", "VIGILITS_HOME", "WORKER_PORT", "HOST")


class Vigilits:
    """A running `vigilits up` (or demo) in a home of its own."""

    def __init__(
        self, home: Path, engines: Mapping[str, str], words: Sequence[str] | None = None, what: str = "up"
    ) -> None:
        self.home = home
        if words is None:
            words = ["--directory", str(tiny_directory.write(home.with_name("ici")))]
        env = {name: value for name, value in os.environ.items() if name not in CLEAN}
        self.env = env | {"VIGILITS_HOME": str(home), "PORT": "0"} | engines
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        command = [*vigilits(), what, *words]
        self.process = subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def hear(self, words: str, within_s: float = LIVE_WITHIN_S) -> str:
        """Return the next line said that holds these words."""
        give_up_at = time.monotonic() + within_s
        while (left_s := give_up_at - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self.said.append(self._lines.get(timeout=left_s))
                if words in self.said[-1]:
                    return self.said[-1]
        raise AssertionError(f"{words!r} was not said in {within_s:g} s{self.logs()}")

    def logs(self) -> str:
        """Return what it said itself, and the ends of the children's logs."""
        with suppress(queue.Empty):
            while True:
                self.said.append(self._lines.get_nowait())
        ends = [(log.name, log.read_text(errors="replace")[-1500:]) for log in sorted(self.home.glob("logs/*.log"))]
        return "".join(f"\n--- {name}\n{end}" for name, end in (("said", "\n".join(self.said)), *ends))

    @property
    def told(self) -> dict[str, Any]:
        """Return what it tells other commands."""
        told: dict[str, Any] = json.loads((self.home / "engines.json").read_bytes())
        return told

    @property
    def url(self) -> str:
        """Return where its pages are."""
        return str(self.told["url"])

    def pid(self, name: str) -> int:
        """Return the process id of a child."""
        return int(self.told["pids"][name])

    def run(self, *words: str) -> str:
        """Return what a `vigilits` command prints, which must succeed."""
        done = subprocess.run([*vigilits(), *words], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def token(self, role: str, scope: str) -> str:
        """Return a token of someone who was just granted this."""
        return self.run("token", "--role", role, "--scope", scope)

    def report(self, token: str, ward: str, count: int) -> httpx.Response:
        """Return the answer to a report of occupied beds."""
        row = {"ward": ward, "status": "03", "count": count}
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/api/v1/bed-reports", json=row, headers=headers, timeout=30, trust_env=False)

    def processes(self) -> dict[int, str]:
        """Return every process that belongs to this home: it is named in their environment, or they work in it."""
        return {pid: what for pid, what in _processes() if _is_of(pid, str(self.home))}

    def end(self, number: signal.Signals, within_s: float = 40.0) -> int:
        """Return its exit status once it has ended of this signal."""
        self.process.send_signal(number)
        return self.process.wait(within_s)


def vigilits() -> list[str]:
    """Return how to run the command under test."""
    return [sys.executable, "-c", "from launch.command import main; main()"]


@contextmanager
def up(home: Path, engines: Mapping[str, str]) -> Iterator[Vigilits]:
    """Give a live vigilits; whatever a test did with it, nothing of it is left afterwards."""
    one = Vigilits(home, engines)
    try:
        one.hear("vigilits is live at")
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)
        for pid in one.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def none_left(one: Vigilits, within_s: float = 20.0) -> dict[int, str]:
    """Return the processes that are still there when it should have none."""
    give_up_at = time.monotonic() + within_s
    while (left := one.processes()) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return left


def _processes() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _is_of(pid: int, home: str) -> bool:
    with suppress(OSError):
        if f"VIGILITS_HOME={home}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes() + b"\0":
            return True
        return str(Path(f"/proc/{pid}/cwd").readlink()).startswith(f"{home}/")
    return False
