"""A worker as a process of its own, to be killed and stopped; run as a module it is that process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from launch import child
from streams.app import WorkerSettings, run
from streams.notify.channels import ChannelSettings
from tests.engines.chosen import chosen

SESSION_S = 6.0 if chosen().kafka_persists else 3.0  # the least that Apache Kafka allows; Tansu allows any
REBALANCE_S = 3.0 if chosen().kafka_persists else 1.5  # Tansu always waits for so long, Apache Kafka for who is late
ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """A worker that folds what the engines hold; `limits` are fields of its settings."""

    def __init__(self, directory: Path, kafka: str, redis: str, **limits: Any) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "worker.log"
        told = {
            "kafka": kafka,
            "redis": redis,
            "session_s": SESSION_S,
            "rebalance_s": REBALANCE_S,
            "heartbeat_s": 0.5,
            **limits,
        }
        self._process: subprocess.Popen[bytes] = child.spawn(
            [sys.executable, "-m", "tests.streams.worker_process", json.dumps(told)], log=self.log, cwd=ROOT
        )

    def kill(self) -> None:
        """Return once it is gone, by SIGKILL."""
        child.kill(self._process)

    def stop(self) -> int:
        """Return its exit status, having asked it to end."""
        child.stop(self._process, 10)
        return self._process.wait()

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self._process.pid, signal.SIGCONT)

    def ended_with(self, within_s: float) -> int:
        """Return its exit status once it has ended by itself."""
        return self._process.wait(within_s)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return its log lines about an event."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    async def ask(self, path: str) -> httpx.Response:
        """Return what it answers over HTTP."""
        [listening] = self.said("listening")
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{listening['port']}{path}", timeout=10)

    async def not_ready(self) -> dict[str, str]:
        """Return what it says is not ready; itself, before it says anything."""
        if not self.said("listening"):
            return {"worker": "starting"}
        found: dict[str, str] = (await self.ask("/readyz")).json()["not_ready"]
        return found


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    run(WorkerSettings(**{**told, "channels": ChannelSettings(**told.get("channels", {}))}))
