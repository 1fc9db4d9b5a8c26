"""A whole vigilits over a test's own engines: people who look and report, and handles on every part of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from redis import Redis

from domain.capacity.fold import Item
from domain.events import Event, GrantGiven, GrantRevoked
from domain.grants import Grant
from domain.places import Freshness
from event_log.codec import encode
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, NOTICES
from launch import accounts, regions, rights
from launch.embedded import Engine
from launch.publish import Held, Place
from launch.regions import Document
from launch.supervise import Program
from launch.up import free_port
from live_state.state import Position
from realtime_api.issuer import LocalIssuer
from tests import notices_recount, recount
from tests.end_to_end.screen import AlertDesk, Screen
from tests.launch.running import Vigilits, none_left, vigilits
from tests.small_region import region as small_region

T = TypeVar("T")

READY_WITHIN_S = UNTIL_WITHIN_S = HEARD_WITHIN_S = 60.0  # a busy machine is no defect
NO_OUTLINES = b'{"type":"FeatureCollection","features":[]}'
OCCITANIE = "occitanie"


def small(code: str, digit: int, freshness: Freshness | None = None) -> Document:
    """Return the invented region under another code; `digit` keeps its FINESS apart from other regions'."""
    made = small_region(code=code, name=code.title(), freshness=freshness or Freshness())

    def of(finess: str) -> str:
        return finess.replace("0000", f"0{digit}00", 1)

    facilities = tuple(
        msgspec.structs.replace(each, finess_et=of(each.finess_et), finess_ej=of(each.finess_ej))
        for each in made.facilities
    )
    wards = tuple(msgspec.structs.replace(each, id=of(each.id), facility=of(each.facility)) for each in made.wards)
    return Document(msgspec.structs.replace(made, facilities=facilities, wards=wards), NO_OUTLINES)


def beside(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; in another thread, since a browser may hold this one's loop."""
    with ThreadPoolExecutor(1, "beside") as thread:
        return thread.submit(asyncio.run, work).result()


def heard(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Return the first answer that says what came of something: sent under a key, it is done once however often."""
    give_up_at = time.monotonic() + HEARD_WITHIN_S
    while _is_pending(answer := ask()) and time.monotonic() < give_up_at:
        time.sleep(0.1)  # it took longer than the door waits for it
    return answer


def _is_pending(answer: httpx.Response) -> bool:
    rows = answer.json()["rows"] if answer.status_code == 207 else ()
    return 202 in (answer.status_code, *(row["status"] for row in rows))


def right(role: str, scope: str) -> tuple[Grant, ...]:
    """Return one right, in force from now on."""
    return (Grant(role=role, scope=scope, since=regions.now()),)


class System(Vigilits):
    """A running `vigilits up` on a Kafka and a Redis that are the test's own."""

    def __init__(self, home: Path, kafka: Engine, redis: Engine, settings: Mapping[str, str]) -> None:
        self.kafka, self.redis = kafka, redis
        home.mkdir(parents=True, exist_ok=True)
        self.issuer = LocalIssuer(home)
        super().__init__(home, {"KAFKA_URL": kafka.url, "REDIS_URL": redis.url, **settings}, words=[])

    def begin(self) -> None:
        """Return once everything is live."""
        self.hear("vigilits is live at")
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def end_all(self) -> None:
        """Return once nothing of it runs any more."""
        if self.process.poll() is None:
            self.end(signal.SIGTERM)
        for pid in none_left(self):
            os.kill(pid, signal.SIGKILL)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Return how a `vigilits` command ended, and what it said."""
        return subprocess.run([*vigilits(), *words], env=self.env, capture_output=True, text=True, timeout=60)

    # -- people

    def bearer(self, subject: str, minutes: float = 60) -> dict[str, str]:
        """Return the header that says who asks."""
        return {"authorization": f"Bearer {self.issuer.issue(subject, minutes)}"}

    def get(
        self, subject: str, path: str, *, headers: Mapping[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        """Ask a door as someone."""
        return self.http.get(f"/api/v1{path}", params=params, headers=self.bearer(subject) | dict(headers or {}))

    def tell(self, subject: str, rows: Any, key: str | None = None, *, url: str = "") -> httpx.Response:
        """Report as someone."""
        headers = self.bearer(subject) | ({} if key is None else {"idempotency-key": key})
        body = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        return self.http.post(f"{url}/api/v1/bed-reports", content=body, headers=headers)

    def tell_and_hear(self, subject: str, rows: Any, *, url: str = "") -> httpx.Response:
        """Report as someone, and return the answer that says what became of it."""
        key = uuid.uuid4().hex
        return heard(lambda: self.tell(subject, rows, key, url=url))

    def picture(self, subject: str, region: str) -> dict[str, Any]:
        """Return the whole picture as someone sees it."""
        answer = self.get(subject, f"/regions/{region}/capacity")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def screen(
        self, subject: str, region: str, since: str | None = None, *, url: str = "", minutes: float = 60
    ) -> Screen:
        """Return a screen of someone's, to be entered."""
        return Screen(url or self.url, self.issuer.issue(subject, minutes), region, since)

    def desk(self, subject: str, region: str) -> AlertDesk:
        """Return somebody's desk of a region's alerts, to be entered."""
        return AlertDesk(self.url, self.issuer.issue(subject), region)

    def act(self, subject: str, region: str, alert: str, act: str, **more: Any) -> httpx.Response:
        """Do something with an alert as someone."""
        body = {"act": act, "alerts": [alert], **more}
        return self.http.post(f"/api/v1/regions/{region}/alerts/acts", json=body, headers=self.bearer(subject))

    def sign_in(self, subject: str) -> str:
        """Return the address that signs someone in."""
        return accounts.link(self.home, self.url, subject)

    def give(self, subject: str, role: str, scope: str, region: str) -> None:
        """Return once someone's right is folded."""
        self._put(region, rights.given(subject, role, scope))

    def revoke(self, subject: str, role: str, scope: str, region: str) -> None:
        """Return once someone's right is folded away."""
        self._put(region, rights.revoked(subject, role, scope))

    def _put(self, region: str, event: GrantGiven | GrantRevoked) -> None:
        async def put() -> bool:
            async with regions.stores(self.kafka.url, self.redis.url) as (log, state):
                place = (await regions.places(log))[region]
                return await rights.put(log, state, place, [event], within_s=UNTIL_WITHIN_S)

        assert beside(put()), f"{event} was not folded{self.logs()}"

    # -- the log, and what the live state makes of it

    def settle(self, document: Document, grants: Mapping[str, tuple[Grant, ...]]) -> None:
        """Return once a region is on the log, with these rights."""
        beside(_settle(self.kafka.url, self.redis.url, document, grants))

    def place(self, region: str, topic: str = CAPACITY) -> Place:
        """Return where a region stands on a topic of the log."""

        async def found() -> Place:
            async with regions.stores(self.kafka.url, self.redis.url) as (log, _):
                return (await regions.places(log, topic))[region]

        return beside(found())

    def append(self, region: str, *what: Event | bytes) -> int:
        """Return the offset of the last of these, put on the log behind the doors' back."""
        place = self.place(region)

        async def put() -> int:
            offset = -1
            async with regions.stores(self.kafka.url, self.redis.url) as (log, _):
                for each in what:
                    value = each if isinstance(each, bytes) else encode(each)
                    offset = await log.append(place.topic, place.partition, region.encode(), value)
            return offset

        return beside(put())

    def is_the_fold_of_its_log(self, region: str, within_s: float = 30.0, *, on: str = "") -> Position:
        """Return the position once a region's state is folded to the log's end; it then equals the log's recount.

        `on` is the address of another live state than the system's own.
        """
        place = self.place(region)

        async def settled() -> Position:
            async with regions.stores(self.kafka.url, on or self.redis.url) as (log, state):
                end = await log.end(place.topic, place.partition)
                return await recount.settled(log, state, place.shard, place.partition, end - 1, place.epoch, within_s)

        return beside(settled())

    def tells_what_its_log_says(self, region: str, within_s: float = 30.0, *, on: str = "") -> Position:
        """Return the position once a region's notices are folded to their log's end; they then equal its recount."""
        place = self.place(region, NOTICES)

        async def settled() -> Position:
            async with regions.stores(self.kafka.url, on or self.redis.url) as (log, state):
                end = await log.end(place.topic, place.partition)
                return await notices_recount.settled(log, state, place.shard, place.partition, end - 1, within_s)

        return beside(settled())

    def log_of(self, region: str, topic: str) -> list[Item]:
        """Return all that stands on a region's log."""
        place = self.place(region, topic)

        async def read() -> list[Item]:
            async with KafkaLog(self.kafka.url) as log:
                return await recount.items_of(log, topic, place.partition, 1 << 60)

        return beside(read())

    def wipe(self) -> None:
        """Have the live state hold nothing any more."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()

    # -- its parts

    def stop(self, name: str) -> None:
        """Stop a child where it stands (SIGSTOP): it is there, and does nothing."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let a stopped child go on."""
        os.kill(self.pid(name), signal.SIGCONT)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Have a child stand still meanwhile."""
        self.stop(name)
        try:
            yield
        finally:
            self.go_on(name)

    def kill(self, name: str) -> int:
        """Return the id of a child that was just killed (SIGKILL); `up` starts it again."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    @contextmanager
    def another_api(self) -> Iterator[str]:
        """Give the address of one more API beside the first, once it is ready."""
        port = free_port("127.0.0.1", 0)
        env = self.env | {"PORT": str(port)}
        program = Program("api 2", [sys.executable, "-m", "realtime_api"], env, self.home / "logs" / "api-2.log", 5.0)
        program.start()
        try:
            url = f"http://127.0.0.1:{port}"
            self.until(lambda: self.not_ready(url) == {}, "second API")
            yield url
        finally:
            program.stop()

    def not_ready(self, url: str = "") -> Mapping[str, str] | None:
        """Return what `/readyz` names as not ready, nothing where all is; None where nobody answers."""
        try:
            answer = self.http.get(f"{url}/readyz")
        except httpx.TransportError:
            return None
        return {each["what"]: each["why"] for each in answer.json()["not_ready"]}

    def until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return once everything is ready."""
        self.until(lambda: self.not_ready() == {}, "readiness", within_s)

    def until(self, holds: Callable[[], object], what: str, within_s: float = UNTIL_WITHIN_S) -> None:
        """Return once something holds that nobody tells of by itself; raise AssertionError after a while."""
        give_up_at = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < give_up_at, f"no {what} within {within_s:g} s; {self.not_ready()}{self.logs()}"
            time.sleep(0.05)


async def _settle(kafka_url: str, redis_url: str, document: Document, grants: Mapping[str, tuple[Grant, ...]]) -> None:
    async with regions.stores(kafka_url, redis_url) as (log, state):
        await regions.settle(log, state, document.code, Held(document.settings, grants))


@contextmanager
def running(
    home: Path,
    kafka: Engine,
    redis: Engine,
    founded: Sequence[tuple[Document, Mapping[str, tuple[Grant, ...]]]],
    settings: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """Give a live vigilits with these regions and rights; whatever a test did with it, nothing is left of it."""
    for document, grants in founded:
        beside(_settle(kafka.url, redis.url, document, grants))
    one = System(home, kafka, redis, settings or {})
    try:
        one.begin()
        yield one
    finally:
        one.end_all()
