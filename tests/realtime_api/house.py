"""The whole API on engines in memory: a small region, a shard that folds in this process, a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

import config.pathways
from config.settings import Settings
from domain.alerts.lifecycle import Step
from domain.capacity.fold import Item
from domain.errors import Unreadable
from domain.events import AlertStepped, Event, GrantGiven, GrantRevoked, SettingsPublished, Tick
from domain.followup.pathway import Pathway
from domain.places import Region
from event_log.codec import decode, encode
from event_log.ids import new_id
from event_log.log import LogAway
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, FOLLOWUP, NOTICES, followup_shards, init_shard
from launch.publish import parts
from live_state.memory import MemoryState
from live_state.state import Build, Commit, FeedEntry, Position, StateAway
from people.keys import Keys
from people.masters import named
from realtime_api.app import application, now, server
from realtime_api.issuer import LocalIssuer
from realtime_api.push.codecs import JSON, MSGPACK
from realtime_api.push.rooms import Rooms
from streams.capacity import Capacity
from streams.followup import Followup
from streams.notices import Notices
from tests.small_region import region as small_region

SHARD = "capacity:ici"
ALERTS = "notices:ici"
BOUNDARIES = b'{"type":"FeatureCollection","features":[]}'
WITHIN_S = 60.0  # a busy machine is no defect
PEOPLE = {
    "crisis": [("crisis_cell", "ici")],
    "regulator": [("regulator", "ici")],
    "facility": [("facility", "et:310000001")],
    "entity": [("facility", "ej:310000010")],
    "ward": [("ward", "ward:310000001/rea-adulte")],
    "placement": [("placement", "ward:310000002/had")],
    "software": [("source", "ej:310000010")],
    "physician": [("physician", "ici")],
    "nurse": [("nurse", "ici")],
    "ops": [("ops", "ici")],
    "unknown-role": [("astrologer", "ici")],
}


@cache
def pathways() -> tuple[Pathway, ...]:
    """Return the pathways that come with vigilits."""
    return config.pathways.load(Path(config.pathways.__file__).parent / "regions" / "occitanie")


class Log(MemoryLog):
    """A log whose appends can be waited for, and which can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.appended = asyncio.Event()
        self.away = False
        self.hangs: asyncio.Event | None = None  # appends wait for it

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        """Return the offset, or raise LogAway while the log is away."""
        if self.away:
            raise LogAway("away")
        if self.hangs is not None:
            await self.hangs.wait()
        offset = await super().append(topic, partition, key, value)
        self.appended.set()
        return offset

    async def partitions(self, topic: str) -> int:
        """Return how many partitions there are, or raise LogAway while the log is away."""
        if self.away:
            raise LogAway("away")
        return await super().partitions(topic)


class State(MemoryState):
    """A live state that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    async def current(self, shard: str) -> Build | None:
        """Return the build, or raise StateAway while the state is away."""
        if self.away:
            raise StateAway("away")
        return await super().current(shard)

    async def feed(self, build: Build, after: int, wait_ms: int = 0, most: int = 500) -> list[FeedEntry]:
        """Return entries, or raise StateAway while the state is away."""
        if self.away:
            raise StateAway("away")
        return await super().feed(build, after, min(wait_ms, 50), most)


class Shard:
    """A worker in small: folds one partition into the state, commit by commit; steps of alerts go to `forward`."""

    def __init__(self, log: Log, state: State, sort: Any, name: str, partition: int, epoch: str) -> None:
        self.log, self.state, self.sort, self.name = log, state, sort, name
        self.partition, self.epoch = partition, epoch
        self.memory = sort.empty()
        self.build: Build | None = None
        self.rebuilding = False
        self.working = asyncio.Event()  # cleared: what is appended waits
        self.working.set()
        self.forward: Shard | None = None

    async def step(self) -> None:
        """Fold what is there."""
        if self.build is None:
            version = self.sort.fold_version
            self.build = await self.state.begin(self.name, self.epoch, version, await self.state.current(self.name))
        start = self.memory.offset + 1
        items = [_item(r.offset, r.value) async for r in self.log.read(self.sort.topic, self.partition, start)]
        while items:
            await self.commit(items)
            items = [item for item in items if item.offset > self.memory.offset]

    async def commit(self, items: Sequence[Item]) -> None:
        """Fold these, and commit."""
        assert self.build is not None
        await self.sort.prepare(self.memory, items)
        draft = self.sort.fold(self.memory, items)
        if draft.offset == self.memory.offset:  # it wants something open that only folding could name
            return
        at = Position(self.epoch, self.memory.offset, self.sort.fold_version)
        to = Position(self.epoch, draft.offset, self.sort.fold_version)
        written = self.sort.written(draft, rebuilding=self.rebuilding)
        made = await self.state.commit(self.build, Commit(at, to, written.writes, written.feed))
        assert made
        self.sort.absorb(self.memory, draft)
        if self.forward is not None:
            await self.forward.put(*(self._stepped(place, packed) for place, packed in written.steps.items()))

    def _stepped(self, place: str, packed: bytes) -> AlertStepped:
        offset, _, n = place.partition("/")
        return AlertStepped(
            id=f"{self.name}/{self.epoch}/{int(offset)}/{n}",
            received_at=now(),
            region="ici",
            shard=self.name,
            epoch=self.epoch,
            offset=int(offset),
            n=int(n),
            step=msgspec.msgpack.decode(packed, type=Step),
        )

    async def run(self) -> None:
        """Fold for ever."""
        while True:
            await self.working.wait()
            self.log.appended.clear()
            await self.step()
            await self.log.appended.wait()

    async def put(self, *events: Event) -> None:
        """Append events."""
        for event in events:
            await self.log.append(self.sort.topic, self.partition, b"ici", encode(event))

    async def tick(self, at: int | None = None) -> None:
        """Let the clock go on."""
        await self.put(Tick(id=new_id(), received_at=at or now()))


def _item(offset: int, value: bytes | None) -> Item:
    try:
        return Item(offset, decode(value))
    except Unreadable as error:
        return Item(offset, error)


class Server(uvicorn.Server):
    """uvicorn, saying when it listens, and stopping when told instead of looking now and then."""

    listening: asyncio.Event
    told_to_stop: asyncio.Event

    async def startup(self, sockets: Any = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Return once told to stop."""
        await self.told_to_stop.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        """Shut down as uvicorn does, without its tenth of a second for nothing: it was a third of these tests' time."""
        for each in self.servers:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event
                    await asyncio.sleep(0.002)
                for each in self.servers:
                    await each.wait_closed()
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        await self.lifespan.shutdown()


class House:
    """A running API and its surroundings."""

    def __init__(
        self, home: Path, settings: Settings, document: Region, *, alerts: bool = False, patients: bool = False
    ) -> None:
        self.home, self.settings, self.document = home, settings, document
        self.has_alerts, self.has_patients = alerts, patients
        self.log, self.state = Log(), State()
        self.issuer = LocalIssuer(home)
        self.url = ""
        self.shard: Shard
        self.alerts: Shard  # the notices shard, of a house that has one
        self.patients: dict[str, Shard] = {}  # the followup shards, of a house that has them
        self.app: Starlette
        self._open = AsyncExitStack()
        self._folding: list[asyncio.Task[None]] = []
        self._at: int | None = None

    async def __aenter__(self) -> Self:
        """Return the house, once it shows its region."""
        await self._open.__aenter__()
        await self.found()
        self.app = application(self.settings, self.log, self.state, dist=self.home / "dist")
        await self._open.enter_async_context(_serving(self))
        self.http = await self._open.enter_async_context(
            httpx.AsyncClient(base_url=self.url, timeout=30, trust_env=False, verify=False)
        )
        await self.until_ready()
        return self

    async def __aexit__(self, *error: object) -> None:
        """End everything."""
        await self._open.__aexit__(None, None, None)
        for task in self._folding:
            await _end(task)

    async def found(self, at: int | None = None) -> None:
        """Make the log's shard, publish the region and what people may, and begin to fold; all of it at an instant."""
        self._at = at
        founded = await init_shard(self.log, SHARD, at or now())
        self.shard = Shard(self.log, self.state, Capacity(), SHARD, founded.partition, founded.epoch)
        await self.publish("region", msgspec.msgpack.encode(self.document))
        await self.publish("boundaries", BOUNDARIES)
        for subject, held in PEOPLE.items():
            for role, scope in held:
                await self.grant(subject, role, scope)
        await self.shard.step()
        for task in self._folding:
            await _end(task)
        self._folding = [asyncio.create_task(self.shard.run())]
        if self.has_alerts:
            await self.found_notices(at)
        if self.has_patients:
            await self.found_patients(at)
        self._at = None

    async def found_notices(self, at: int | None = None) -> None:
        """Make the notices shard, and begin to fold it."""
        self.has_alerts = True
        told = await init_shard(self.log, ALERTS, at or now(), NOTICES)
        self.alerts = Shard(self.log, self.state, Notices(), ALERTS, told.partition, told.epoch)
        self.shard.forward = self.alerts
        await self.alerts.tick(at)
        await self.alerts.step()
        self._folding.append(asyncio.create_task(self.alerts.run()))

    async def found_patients(self, at: int | None = None) -> None:
        """Make the followup shards, put the pathways in force, and begin to fold."""
        keys = Keys(self.home, named(self.home))
        for name in followup_shards("ici"):
            told = await init_shard(self.log, name, at or now(), FOLLOWUP)
            shard = Shard(self.log, self.state, Followup(keys), name, told.partition, told.epoch)
            self.patients[name] = shard
            for pathway in pathways():
                await self.publish(f"pathway/{pathway.id}/{pathway.version}", msgspec.json.encode(pathway), shard)
            await shard.tick(at)
            await shard.step()
            self._folding.append(asyncio.create_task(shard.run()))

    async def publish(self, name: str, content: bytes, on: Shard | None = None) -> None:
        """Publish a setting."""
        events: list[SettingsPublished] = parts(name, content, self._at or now())
        await (on or self.shard).put(*events)

    async def grant(
        self, subject: str, role: str, scope: str, *, since: int | None = None, until: int | None = None
    ) -> None:
        """Give a right, since a moment ago where it is not said."""
        at = self._at or now()
        since = at - 1000 if since is None else since
        await self.shard.put(
            GrantGiven(id=new_id(), received_at=at, subject=subject, role=role, scope=scope, since=since, until=until)
        )

    async def revoke(self, subject: str, role: str, scope: str) -> None:
        """Take a right away."""
        await self.shard.put(GrantRevoked(id=new_id(), received_at=now(), subject=subject, role=role, scope=scope))

    @property
    def rooms(self) -> Rooms:
        """Return the regions as the API knows them."""
        return self.app.state.rooms  # type: ignore[no-any-return]

    async def begin_anew(self, at: int | None = None) -> None:
        """Lose the log, and found it again: another epoch, the same region and rights, no report."""
        await self.log.delete(CAPACITY)
        await self.found(at)

    async def until_ready(self) -> None:
        """Return once the API has taken in all of the log, and says that it is ready."""
        if self.rooms:
            await self.settled()
        async with asyncio.timeout(WITHIN_S):
            while (await self.http.get("/readyz")).status_code != 200:
                await self.tick()

    async def tick(self, at: int | None = None) -> None:
        """Let every clock go on."""
        await self.shard.tick(at)
        if self.has_alerts:
            await self.alerts.tick(at)
        for shard in self.patients.values():
            await shard.tick(at)

    async def settled(self) -> None:
        """Return once the API has taken in all that is on the log, and what follows from it."""
        pairs: list[tuple[Shard, Any]] = [(self.shard, self.rooms.hubs)]
        pairs += [(self.alerts, self.rooms.alerts)] if self.has_alerts else []
        pairs += [(shard, {"ici": self.rooms.patients.get(name)}) for name, shard in self.patients.items()]
        async with asyncio.timeout(WITHIN_S):
            for shard, hubs in pairs:  # what the first emits is on the second's log once it is folded
                while not await self._is_settled(shard, hubs.get("ici")):  # noqa: ASYNC110 - a wait of some steps of this very loop
                    await asyncio.sleep(0)

    async def _is_settled(self, shard: Shard, hub: Any) -> bool:
        end = await self.log.end(shard.sort.topic, shard.partition)
        return hub is not None and hub.build == shard.build and hub.offset >= end - 1

    def bearer(self, subject: str, minutes: float = 10) -> dict[str, str]:
        """Return the header that says who asks."""
        return {"authorization": f"Bearer {self.issuer.issue(subject, minutes)}"}

    async def get(self, subject: str, path: str, **params: Any) -> httpx.Response:
        """Ask a door as someone."""
        return await self.http.get(f"/api/v1{path}", params=params, headers=self.bearer(subject))

    async def report(self, subject: str, rows: Any, key: str | None = None) -> httpx.Response:
        """Report as someone."""
        headers = self.bearer(subject) | ({} if key is None else {"idempotency-key": key})
        body = rows if isinstance(rows, bytes) else msgspec.json.encode(rows)
        return await self.http.post("/api/v1/bed-reports", content=body, headers=headers)

    async def picture(self, subject: str = "crisis") -> dict[str, Any]:
        """Return the whole picture as someone sees it."""
        answer = await self.get(subject, "/regions/ici/capacity")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def socket(self, subject: str, codec: str = MSGPACK.name, **more: Any) -> "Socket":
        """Return a socket, to be entered."""
        return Socket(self, codec, {"additional_headers": self.bearer(subject), **more})


class Socket:
    """A client of `/ws`: the real `websockets` library."""

    def __init__(self, house: House, codec: str, more: dict[str, Any]) -> None:
        self._house, self._codec, self._more = house, codec, more
        self.raw: ClientConnection

    async def __aenter__(self) -> Self:
        """Return the socket, connected."""
        address = self._house.url.replace("http", "ws") + "/ws"
        self.raw = await connect(
            address, subprotocols=[Subprotocol(self._codec)], compression=None, max_size=None, proxy=None, **self._more
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close it."""
        await self.raw.close()

    async def say(self, **message: Any) -> None:
        """Send a message."""
        if self._codec == JSON.name:
            await self.raw.send(msgspec.json.encode(message).decode())
        else:
            await self.raw.send(msgspec.msgpack.encode(message))

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(WITHIN_S):
            raw = await self.raw.recv()
        if isinstance(raw, str):
            return msgspec.json.decode(raw)  # type: ignore[no-any-return]
        return msgspec.msgpack.decode(raw)  # type: ignore[no-any-return]

    async def hear_a(self, *kinds: str) -> dict[str, Any]:
        """Return the next message of one of these kinds."""
        while True:
            message = await self.hear()
            if message["type"] in kinds:
                return message

    async def subscribe(
        self, since: str | None = None, region: str = "ici", channel: str | None = None
    ) -> dict[str, Any]:
        """Subscribe, and return the first picture or changes."""
        told = {} if since is None else {"since": since}
        await self.say(type="subscribe", channel=channel or f"capacity:{region}", **told)
        return await self.hear_a("snapshot", "changes")

    async def until_closed(self) -> tuple[int | None, str | None]:
        """Return code and reason of the end."""
        with suppress(ConnectionClosed):
            async with asyncio.timeout(WITHIN_S):
                while True:
                    await self.raw.recv()
        return self.raw.close_code, self.raw.close_reason


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    results: Iterable[object] = await asyncio.gather(task, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


@asynccontextmanager
async def _serving(house: House) -> AsyncIterator[None]:
    made = server(house.app, "127.0.0.1", 0)
    made.__class__ = Server
    async with serving(made) as url:
        house.url = url
        yield


@asynccontextmanager
async def serving(made: uvicorn.Server) -> AsyncIterator[str]:
    """Give the address of a running server."""
    assert isinstance(made, Server)
    made.listening, made.told_to_stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(made.serve())
    async with asyncio.timeout(WITHIN_S):
        await made.listening.wait()
    try:
        yield f"http://127.0.0.1:{made.servers[0].sockets[0].getsockname()[1]}"
    finally:
        made.told_to_stop.set()
        await task


@asynccontextmanager
async def open_house(
    home: Path, *, document: Region | None = None, alerts: bool = False, patients: bool = False, **settings: Any
) -> AsyncIterator[House]:
    """Give a running API over a small region, with a notices shard, and followup shards, where they are wanted."""
    home.mkdir(parents=True, exist_ok=True)
    made = House(
        home, Settings(home=str(home), **settings), document or small_region(), alerts=alerts, patients=patients
    )
    async with made as house:
        yield house
