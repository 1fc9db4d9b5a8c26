"""`vigilits up`: engines, workers and API as our children, kept up, and stopped in order when we are."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx

from domain.grants import Grant
from launch import alerting, home
from launch.embedded import LOOPBACK, Engine, EngineFailed, Tansu, Valkey, listens
from launch.publish import NOTHING, Held
from launch.regions import UNSETTLED, Document, last_held, make_topics, settle, stores
from launch.supervise import Program, Say, backoff_s, finished, gone, keep

READY_WITHIN_S = 60.0  # after that it is said, again and again, what is not ready
ASKS_EVERY_S = 0.1
PORTS_TRIED = 100
MOST_LOG_BYTES = 16 * 1024 * 1024
API_STOPS_WITHIN_S = 5.0
LOOKS_AT_API_EVERY_S = 5.0
BROKEN_LOOKS = 3  # in a row, at which the API said that it wants to be restarted
CANCELS_EVERY_S = 1.0

T = TypeVar("T")


class NoPort(Exception):
    """No free port at or after the one asked for."""


class Plan(NamedTuple):
    """What is to run: where it keeps its things, the region directories, how many workers, and where its pages are."""

    home: Path
    documents: Sequence[Document]
    host: str
    port: int
    workers: int = 1
    kafka_url: str | None = None
    redis_url: str | None = None
    grants: Mapping[str, tuple[Grant, ...]] = {}
    anew: bool = False  # forget what embedded engines kept from an earlier run
    worker_port: int = 0  # the first worker's, for its metrics; the others' follow
    without: frozenset[str] = frozenset()  # variables that our programs are not told
    beside: Mapping[str, str] = {}  # variables that they are told unless the environment says otherwise


class Stage(NamedTuple):
    """Where everything is, once the pages are live."""

    url: str
    kafka_url: str
    redis_url: str
    home: Path


Then = Callable[[Stage], Awaitable[None]]


def free_port(host: str, wanted: int) -> int:
    """Return the port, or the first free one after it; raise NoPort."""
    if wanted == 0:
        return _bound(host, 0) or 0
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        if _bound(host, port):
            return port
    raise NoPort(f"no port from {wanted} to {min(wanted + PORTS_TRIED, 65536) - 1} is free on {host}")


def _bound(host: str, port: int) -> int | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as s:
        # As servers do: a port whose last connections are only fading away is free.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
            s.listen(1)
        except OSError:
            return None
        bound: int = s.getsockname()[1]
        return bound


def run(package: str) -> list[str]:
    """Return how one of our programs is run; without the working directory, which may hold packages of our names."""
    return [sys.executable, "-P", "-m", package]


class Up:
    """One vigilits on this machine, from start to end."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.broker: Engine | None = None if plan.kafka_url else Tansu(plan.home / "tansu")
        self.store: Engine | None = None if plan.redis_url else Valkey(plan.home / "valkey")
        self.port = plan.port
        self.api: Program | None = None
        self.workers: list[Program] = []

    @property
    def kafka_url(self) -> str:
        """Return where the broker is."""
        return self.plan.kafka_url or (self.broker.url if self.broker else "")

    @property
    def redis_url(self) -> str:
        """Return where the live state is."""
        return self.plan.redis_url or (self.store.url if self.store else "")

    @property
    def url(self) -> str:
        """Return the address of the pages."""
        host = LOOPBACK if self.plan.host in ("0.0.0.0", "::", "") else self.plan.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    # -- one life

    async def run(self, then: Then) -> None:
        """Return never; `then` runs once, when the pages are live."""
        await asyncio.to_thread(self._fill_home)
        await self._start_engines()
        self._tell()
        async with asyncio.TaskGroup() as tasks:
            if self.store is not None:
                tasks.create_task(self._keep_store(self.store))
            # Before anyone asks for them, which would make some brokers create them as they like.
            await make_topics(self.kafka_url)
            self.make_programs()
            for program in self._programs():
                await finished(program.start)
                again = self._find_port if program is self.api else None
                tasks.create_task(keep(program, self.say, again=again, started=self._tell))
            self._tell()
            await self._open_shards()  # while the programs are still loading
            if self.broker is not None:
                tasks.create_task(self._keep_broker(self.broker))
            tasks.create_task(self.watch_api())
            await self._live()
            await then(Stage(self.url, self.kafka_url, self.redis_url, self.plan.home))

    async def stop(self) -> None:
        """Return once every child has ended: first who takes reports, then who folds them, then the engines."""
        if self.api is not None:
            await asyncio.to_thread(self.api.stop)
        await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in self.workers))
        await asyncio.gather(*(asyncio.to_thread(engine.stop) for engine in (self.broker, self.store) if engine))
        home.hush(self.plan.home)

    def kill(self) -> None:
        """Return once every child is gone, without asking them."""
        for child in (*self._programs(), self.broker, self.store):
            if child is not None:
                with suppress(ProcessLookupError):  # it ended just now
                    child.kill()
        home.hush(self.plan.home)

    # -- engines

    async def _start_engines(self) -> None:
        engines = [engine for engine in (self.broker, self.store) if engine is not None]
        if self.plan.anew:
            for name in ("valkey", "tansu"):
                shutil.rmtree(self.plan.home / name, ignore_errors=True)
        if engines:
            self.say(f"Starting {' and '.join(type(engine).__name__ for engine in engines)}")
        await asyncio.gather(*(finished(engine.start) for engine in engines))

    async def _keep_store(self, store: Engine) -> None:
        while True:
            await gone(lambda: store.pid)
            self.say("Valkey ended; starting it again with what it had written down")
            await self._until_it_works("Valkey", lambda: finished(store.start))
            self._tell()

    async def _keep_broker(self, broker: Engine) -> None:
        while True:
            await gone(lambda: broker.pid)
            self.say("Tansu ended, and with it the log, which it kept in memory; starting an empty one")
            # What the old log said of settings and rights stands in the live state until a new log is folded.
            held = await self._until_it_works("reading what was in force", self._last_held)
            await self._until_it_works("Tansu", lambda: finished(broker.start))
            self._tell()
            await self._until_it_works("opening the new log", partial(self._begin_again, held))

    async def _until_it_works(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        failures = 0
        while True:
            try:
                return await attempt()
            except (EngineFailed, *UNSETTLED) as error:
                wait_s = backoff_s(failures)
                failures += 1
                self.say(f"{what} failed ({error}); trying again in {wait_s:.1f} s")
                await asyncio.sleep(wait_s)

    # -- shards

    def _fill_home(self) -> None:
        """Have the directory store know whom the directories' files name."""
        for document in self.plan.documents:
            if document.alerting is not None:
                alerting.fill(self.plan.home, document.code, document.alerting, anew=self.plan.anew)
                if (warning := alerting.nobody_real(self.plan.home, document.code)) is not None:
                    self.say(warning)

    async def _last_held(self) -> dict[str, Held]:
        return await last_held(self.redis_url)

    async def _open_shards(self) -> None:
        """Bring every region's directory in force, and from an earlier run what its files do not say."""
        earlier = await self._last_held() if self.broker else {}
        told = {document.code: document.settings for document in self.plan.documents}
        for code in {**told, **earlier}:
            before = earlier.get(code, NOTHING)
            ours = alerting.due(told.get(code, {}), before.settings)
            await self._settle(code, Held({**before.settings, **ours}, self._grants(code)), before)

    async def _begin_again(self, held: Mapping[str, Held]) -> None:
        """Put on the new log what was in force on the old one; it may be newer than the directory's files."""
        told = {document.code: document.settings for document in self.plan.documents}
        for code in {**told, **held}:
            before = held.get(code, NOTHING)
            grants = {**self._grants(code), **before.grants}
            await self._settle(code, Held({**told.get(code, {}), **before.settings}, grants), before)

    def _grants(self, code: str) -> Mapping[str, tuple[Grant, ...]]:
        return self.plan.grants if code in {document.code for document in self.plan.documents} else {}

    async def _settle(self, code: str, wanted: Held, before: Held) -> None:
        async with stores(self.kafka_url, self.redis_url) as (log, state):
            self.say(f"{code}: {await settle(log, state, code, wanted, before)}")

    # -- programs

    def _programs(self) -> list[Program]:
        return [*self.workers, *([self.api] if self.api else [])]

    def make_programs(self) -> None:
        """Settle on a port, and on how each of our programs is run."""
        self.port = free_port(self.plan.host, self.plan.port)
        if self.plan.port not in (0, self.port):
            self.say(f"Port {self.plan.port} is taken; using {self.port}")
        logs = self.plan.home / "logs"
        logs.mkdir(exist_ok=True)
        env = {
            **self.plan.beside,
            **{name: value for name, value in os.environ.items() if name not in self.plan.without},
            "KAFKA_URL": self.kafka_url,
            "REDIS_URL": self.redis_url,
            "VIGILITS_HOME": str(self.plan.home),
            "HOST": self.plan.host,
        }
        links = {} if env.get("PUBLIC_URL") else {"PUBLIC_URL": self.url}  # in messages; the API knows by its requests
        for number in range(1, self.plan.workers + 1):
            log = _fresh(logs / f"worker-{number}.log")
            port = {"WORKER_PORT": str(self.plan.worker_port + number - 1)} if self.plan.worker_port else {}
            self.workers.append(Program(f"worker {number}", run("streams"), env | links | port, log))
        log = _fresh(logs / "api.log")
        self.api = Program("api", run("realtime_api"), {**env, "PORT": str(self.port)}, log, API_STOPS_WITHIN_S)

    async def _find_port(self) -> None:
        """Give the API another port where somebody took the one that it had."""
        port = free_port(self.plan.host, self.port)
        if self.api is not None and port != self.port:
            self.say(f"Port {self.port} was taken meanwhile; the pages are now at port {port}")
            self.port = port
            self.api.env = {**self.api.env, "PORT": str(port)}

    def _tell(self) -> None:
        pids = {program.name: program.pid for program in self._programs()}
        pids |= {name: engine.pid for name, engine in (("kafka", self.broker), ("redis", self.store)) if engine}
        url = self.url if self.api else None
        home.tell(self.plan.home, home.Running(os.getpid(), self.kafka_url, self.redis_url, url, pids))

    async def watch_api(self) -> None:
        """Return never: end an API that says of itself, look after look, that it lost a part; it is then kept up."""
        looks = 0
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            while True:
                await asyncio.sleep(LOOKS_AT_API_EVERY_S)
                looks = looks + 1 if await self._is_broken(client) else 0
                if looks >= BROKEN_LOOKS and self.api is not None:
                    looks = 0
                    self.say("The API says that it is broken; ending it")
                    await finished(self.api.stop)

    async def _is_broken(self, client: httpx.AsyncClient) -> bool:
        with suppress(httpx.HTTPError):
            return (await client.get(f"{self.url}/healthz")).status_code == 500
        return False

    async def _live(self) -> None:
        """Return once the pages are live; say from time to time what they wait for."""
        started = said = time.monotonic()
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            while True:
                waits_for = await self._not_ready(client)
                if waits_for is None:
                    return
                if time.monotonic() - said > READY_WITHIN_S:
                    said = time.monotonic()
                    self.say(f"Not ready after {said - started:.0f} s: {waits_for}")
                await asyncio.sleep(ASKS_EVERY_S)

    async def _not_ready(self, client: httpx.AsyncClient) -> str | None:
        """Return what is not ready, None when all is; somebody else's server on our port is not ours to ask."""
        pid = self.api.pid if self.api else None
        if pid is None or not await asyncio.to_thread(listens, pid, self.port):
            return "the API does not listen yet"
        try:
            answer = await client.get(f"{self.url}/readyz")
        except httpx.HTTPError as error:
            return f"the API does not answer ({type(error).__name__})"
        return None if answer.status_code == 200 else answer.text[:500]


def _fresh(log: Path) -> Path:
    """Return a log file to append to, the last one put aside where it has grown large."""
    if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log


@asynccontextmanager
async def asked_to_stop() -> AsyncIterator[asyncio.Queue[signal.Signals]]:
    """Give the queue in which Ctrl-C and the like arrive, instead of ending us where we stand."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Queue[signal.Signals]()
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # started by nohup, we are to outlive the terminal
        signals.append(signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, arrived.put_nowait, number)
    try:
        yield arrived
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def up(plan: Plan, say: Say, then: Then) -> None:
    """Return once asked to stop and every child has ended; a second Ctrl-C stops them without asking."""
    with home.taken(plan.home):
        one = Up(plan, say)
        async with asked_to_stop() as asked:
            running = asyncio.ensure_future(one.run(then))
            waiting = asyncio.ensure_future(asked.get())
            try:
                await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                say("Stopping")
                waiting.cancel()
                failure = await _ended(running)
                await _stop(one, asked, say)
        if failure is not None:
            raise failure


async def _ended(task: asyncio.Future[None]) -> BaseException | None:
    """Return why the task ended, None where it was only cancelled."""
    while not task.done():
        # Again and again: there are libraries that take a cancellation for one of their own tasks'.
        task.cancel()
        await asyncio.wait({task}, timeout=CANCELS_EVERY_S)
    if task.cancelled():
        return None
    failure = task.exception()
    if isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        return failure.exceptions[0]
    return failure


async def _stop(one: Up, asked: asyncio.Queue[signal.Signals], say: Say) -> None:
    stopping = asyncio.ensure_future(one.stop())
    again = asyncio.ensure_future(asked.get())
    await asyncio.wait({stopping, again}, return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if not stopping.done():
        say("Stopping at once")
        one.kill()
    await stopping
