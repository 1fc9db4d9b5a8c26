"""A stand-in for the API: the contract's doors over a real region and invented figures, to be told what to do.

It lets the browser tests stop the clock, cut sockets and start anew at will; the domain's own code draws the figures.
"""

import asyncio
import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from config import pathways
from config.region import load
from domain.capacity.figures import Row
from domain.capacity.picture import WardPicture, draw
from domain.capacity.search import Free, nearest, sites
from domain.capacity.totals import add_up, group_keys, groups
from domain.events import Source, Split
from realtime_api.pages import ROUTES
from tests.browser.stand_in_alerts import ROLES, StandInAlerts
from tests.browser.stand_in_follow_up import EHPAD, StandInFollowUp
from tests.browser.stand_in_patients import StandInPatients

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "config" / "regions" / "occitanie"
DIST = ROOT / "dashboards" / "dist"
CHANNEL = "capacity:occitanie"
COOKIE = "vigilits"
SECRET = "stand-in"  # of a link that opens nothing but this; `stand-in.<subject>` signs in as somebody else
LIVE_EVERY_S = 1.0
PAGES = tuple(f"/{path.replace('*', '{of}')}" for path in ROUTES)
HOUR_MS = 3_600_000

# As strict as the app allows: nothing inline, nothing from elsewhere.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",  # the tab's icon is drawn
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def now_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


class Policy:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [(b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff")]
                message = message | {"headers": [*message["headers"], *headers]}
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class StandIn:
    """The doors of one region, and what a test may make them do; start it with `with`."""

    def __init__(self, seed: int = 2020) -> None:
        self.region = load(DIRECTORY)
        self.groups = groups(self.region)
        self.sites = sites(self.region)
        self.boundaries = json.loads((DIRECTORY / "boundaries.geojson").read_text())
        self.epoch, self.offset = 1, 0
        self.rows: dict[str, dict[str, Row]] = {}
        self.history: dict[str, list[Row]] = {}
        self.wards: dict[str, WardPicture] = {}
        self.totals: dict[str, Any] = {}
        self.changed: list[tuple[int, dict[str, Any]]] = []  # offset and what it set, to resume by
        self.scenario: dict[str, Any] | None = {
            "label": {"fr": "Rejeu du printemps 2020", "en": "Replay of spring 2020"},
            "date": "2020-04-08",
        }
        self.rebuilding = False
        self.ticking = True
        self.stopped_at: int | None = None
        self.away = False
        self.signed_in: dict[str, str] = {}  # whose, by cookie
        self.alerts = StandInAlerts(self.region, lambda: self.clock)
        self.follow_up = StandInFollowUp(lambda: self.clock)
        self.patients = StandInPatients(pathways.load(DIRECTORY), lambda: self.clock)
        self.hidden: frozenset[str] = frozenset()  # fields that the reader's view leaves out
        self.sign_in_url: str | None = None
        self.sockets: set[WebSocket] = set()
        self.subscribed: set[WebSocket] = set()
        self.since_tokens: list[str | None] = []
        self._invent(random.Random(seed))

    # -- invented figures

    def _invent(self, chance: random.Random) -> None:
        now = now_ms()
        for ward in self.region.wards:
            fate = chance.random()
            installed = ward.installed
            if fate < 0.05 or installed is None:
                continue
            age = int(chance.expovariate(1 / (3 * HOUR_MS))) + 5_000
            if fate < 0.13:
                age = 26 * HOUR_MS + int(chance.random() * 60 * HOUR_MS)
            elif self.region.kind_of[ward.kind].slow is False:
                age = min(age, 20 * HOUR_MS)
            told = now - age
            closed = chance.choice((0, 0, 0, 1, 2)) if installed > 6 else 0
            extra = chance.choice((0, 0, 0, 0, 2, 4)) if self.region.kind_of[ward.kind].critical else 0
            open_ = max(1, installed - closed + extra)
            occupied = round(open_ * min(1.0, max(0.55, chance.gauss(0.9, 0.08))))
            if fate > 0.97:
                occupied = open_ + chance.randint(1, 3)
            reserved = 1 if chance.random() < 0.12 and occupied < open_ else 0
            available = max(0, open_ - occupied - reserved - (1 if chance.random() < 0.3 else 0))
            self._tell(ward.id, "03", occupied, told, assignment=self.region.kind_of[ward.kind].critical)
            self._tell(ward.id, "02", available, told + 60_000)
            if fate < 0.9:
                self._tell(ward.id, "05", closed, told)
            if reserved:
                self._tell(ward.id, "04", reserved, told)
            if extra:
                self._tell(ward.id, "06", extra, told)
        for ward in self.region.wards:
            self._draw(ward.id)
        for key in self.groups:
            self._add_up(key)

    def _tell(self, ward: str, status: str, count: int, at: int, *, assignment: bool = False) -> None:
        self.offset += 1
        splits: tuple[Split, ...] = (Split(count=count),)
        if assignment and count > 2:
            splits = (Split(count=count // 3, assignment="02"), Split(count=count - count // 3, assignment="01"))
        by = Source(id=f"{ward.split('/')[0]}-lits", door="api", type="02" if int(ward[2:9]) % 3 else "01")
        row = Row(
            nature=self.region.kind_of[self.region.ward_of[ward].kind].nature,
            status=status,
            temporality="01",
            happened_at=at,
            received_at=at + 900,
            offset=self.offset,
            source=by,
            splits=splits,
        )
        self.rows.setdefault(ward, {})[status] = row
        self.history.setdefault(ward, []).insert(0, row)

    def _draw(self, ward_id: str) -> None:
        rows = self.rows.get(ward_id)
        if not rows:
            return
        ward = self.region.ward_of[ward_id]
        kind = self.region.kind_of[ward.kind]
        limit = self.region.freshness.limit_ms(kind)
        self.wards[ward_id] = draw(
            ward.id, ward.facility, ward.kind, kind.nature, ward.installed, rows.values(), limit, now_ms()
        )

    def _add_up(self, key: str) -> None:
        members = self.groups[key]
        told = [self.wards[ward] for ward in members if ward in self.wards]
        silent = [self.region.ward_of[ward] for ward in members if ward not in self.wards]
        self.totals[key] = add_up(told, silent)

    # -- what a test may make it do; safe from any thread

    def report(self, ward: str, *, available: int | None = None, occupied: int | None = None) -> None:
        """Fold a report of a ward, and tell those who listen."""
        self._do(self._report(ward, available, occupied))

    async def _report(self, ward: str, available: int | None, occupied: int | None) -> None:
        now = now_ms()
        if occupied is not None:
            self._tell(ward, "03", occupied, now)
        if available is not None:
            self._tell(ward, "02", available, now)
        self._draw(ward)
        place = self.region.ward_of[ward]
        keys = group_keys(self.region, place.facility, place.kind)
        for key in keys:
            self._add_up(key)
        told = {
            "wards": {ward: self._see(self.wards[ward])},
            "totals": {key: self._see(self.totals[key]) for key in keys},
        }
        self.changed.append((self.offset, told))
        await self._send(self._changes(told))

    def report_all(self, free: Callable[[WardPicture], int]) -> None:
        """Fold a report of every ward that ever told, and tell of them in one frame."""
        self._do(self._report_all(free))

    async def _report_all(self, free: Callable[[WardPicture], int]) -> None:
        for ward, picture in list(self.wards.items()):
            self._tell(ward, "02", free(picture), now_ms())
            self._draw(ward)
        for key in self.groups:
            self._add_up(key)
        told = {
            "wards": {ward: self._see(picture) for ward, picture in self.wards.items()},
            "totals": {key: self._see(total) for key, total in self.totals.items()},
        }
        self.changed.append((self.offset, told))
        await self._send(self._changes(told))

    def stop_clock(self) -> None:
        """Let the shard's clock stand still: sockets stay open, nothing is said, as when the worker is stopped."""
        self.ticking, self.stopped_at = False, now_ms()

    def start_clock(self) -> None:
        """Let the clock go on."""
        self.ticking, self.stopped_at = True, None

    def cut(self, code: int = 1006, reason: str = "") -> None:
        """Close every socket with a code."""
        self._do(self._cut(self.sockets, code, reason))

    def cut_alerts(self, code: int) -> None:
        """Close the sockets by which alerts are heard, and no other."""
        self._do(self._cut(self.alerts.hearers, code, ""))

    async def _cut(self, sockets: Collection[WebSocket], code: int, reason: str) -> None:
        for one in list(sockets):
            with contextlib.suppress(RuntimeError):
                await one.close(1011 if code == 1006 else code, reason)

    def go_away(self) -> None:
        """Answer nothing any more: cut all sockets, and turn new ones and requests away."""
        self.away = True
        self.cut()

    def come_back(self) -> None:
        """Answer again."""
        self.away = False

    def reset(self) -> None:
        """Begin another log: those who listen get a reset and a snapshot."""
        self._do(self._reset())

    async def _reset(self) -> None:
        self.epoch += 1
        self.changed.clear()
        await self._send({"type": "reset", "channel": CHANNEL, "reason": "new epoch"})
        await self._send(self._snapshot())

    def say_rebuilding(self, rebuilding: bool) -> None:
        """Say whether the picture is being rebuilt."""
        self.rebuilding = rebuilding
        self._do(self._send(self._changes({"rebuilding": rebuilding})))

    def say_scenario(self, scenario: dict[str, Any] | None) -> None:
        """Set the scenario."""
        self.scenario = scenario
        self._do(self._send(self._changes({"scenario": scenario})))

    def with_alerts(self, does: Callable[[StandInAlerts], object]) -> None:
        """Do something to the alerts, and tell those who listen."""

        async def done() -> None:
            does(self.alerts)
            await self.alerts.tell()

        self._do(done())

    def with_patients(self, does: Callable[[StandInPatients], object]) -> None:
        """Do something to the followed patients, and tell those who listen."""

        async def done() -> None:
            does(self.patients)
            await self.patients.tell()

        self._do(done())

    def _do(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(timeout=10)

    # -- frames

    @property
    def clock(self) -> int:
        """Return the shard's clock."""
        return self.stopped_at or now_ms()

    @property
    def token(self) -> str:
        """Return the token of now."""
        return f"{self.epoch}:{self.offset}"

    @property
    def digest(self) -> str:
        """Return the directory's digest."""
        return f"stand-in-{self.region.kinds_version}"

    def _see(self, picture: Any) -> dict[str, Any]:
        seen: dict[str, Any] = msgspec.to_builtins(picture)
        seen.pop("rows", None)
        return {name: value for name, value in seen.items() if name not in self.hidden}

    def _picture(self) -> dict[str, Any]:
        return {
            "at": self.clock,
            "rebuilding": self.rebuilding,
            "region_digest": self.digest,
            "scenario": self.scenario,
            "wards": {ward: self._see(picture) for ward, picture in self.wards.items()},
            "totals": {key: self._see(total) for key, total in self.totals.items()},
        }

    def _snapshot(self) -> dict[str, Any]:
        return {"type": "snapshot", "channel": CHANNEL, "token": self.token, "data": self._picture()}

    def _changes(self, told: dict[str, Any]) -> dict[str, Any]:
        return {"type": "changes", "channel": CHANNEL, "token": self.token, "changes": {"at": self.clock, **told}}

    def _since(self, token: str | None) -> dict[str, Any]:
        epoch, _, offset = (token or "0:0").partition(":")
        if int(epoch) != self.epoch:
            return self._snapshot()
        told: dict[str, Any] = {"wards": {}, "totals": {}, "rebuilding": self.rebuilding, "scenario": self.scenario}
        for at, change in self.changed:
            if at > int(offset):
                told["wards"] |= change["wards"]
                told["totals"] |= change["totals"]
        return self._changes(told)

    async def _send(self, message: dict[str, Any]) -> None:
        packed = msgpack.packb(message)
        for one in list(self.subscribed):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await one.send_bytes(packed)

    async def _tick(self) -> None:
        while True:
            if self.ticking:
                await self._send({"type": "live", "channel": CHANNEL, "at": self.clock})
                await self.alerts.tick()
                await self.patients.tick()
            await asyncio.sleep(LIVE_EVERY_S)

    # -- doors

    def _guarded(self, door: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if self.away:
                return self._problem(503, "away")
            if self._subject(request) is None:
                return self._problem(401, "sign in", sign_in=self.sign_in_url)
            return await door(request)

        return guarded

    @staticmethod
    def _problem(status: int, title: str, **more: Any) -> Response:
        body = {"type": "about:blank", "title": title, "status": status, **more}
        return JSONResponse(body, status, media_type="application/problem+json")

    def _subject(self, asking: HTTPConnection) -> str | None:
        return self.signed_in.get(asking.cookies.get(COOKIE, ""))

    def _session(self, subject: str) -> dict[str, Any]:
        role = ROLES.get(subject, "crisis_cell")
        return {
            "subject": subject,
            "grants": [{"role": role, "scope": f"et:{EHPAD}" if role == "ehpad" else "occitanie", "until": None}],
            "expires_at": now_ms() + 8 * HOUR_MS,
            "regions": [{"code": "occitanie", "name": self.region.name, "ready": True}],
        }

    async def _sign_in(self, request: Request) -> Response:
        secret, _, subject = (await request.json()).get("link", "").partition(".")
        if secret != SECRET:
            return self._problem(401, "this link is no longer valid", sign_in=self.sign_in_url)
        ticket = f"ticket-{random.getrandbits(64):x}"
        self.signed_in[ticket] = subject or "stand-in"
        response = JSONResponse(self._session(self.signed_in[ticket]), 201)
        response.set_cookie(COOKIE, ticket, httponly=True, samesite="strict")
        return response

    async def _who(self, request: Request) -> Response:
        return JSONResponse(self._session(self._subject(request) or ""))

    async def _sign_out(self, request: Request) -> Response:
        self.signed_in.pop(request.cookies.get(COOKIE, ""), None)
        return Response(status_code=204)

    async def _directory(self, _: Request) -> Response:
        return JSONResponse(msgspec.to_builtins(self.region) | {"digest": self.digest})

    async def _outlines(self, _: Request) -> Response:
        return JSONResponse(self.boundaries)

    async def _capacity(self, _: Request) -> Response:
        if self.rebuilding:
            return self._problem(503, "rebuilding")
        return JSONResponse({"region": "occitanie", "token": self.token, **self._picture()})

    async def _ward(self, request: Request) -> Response:
        ward = request.path_params["ward"]
        if ward not in self.region.ward_of:
            return self._problem(404, "no such ward")
        standing = {row.offset for row in self.rows.get(ward, {}).values()}
        picture = self.wards.get(ward)
        history = [
            msgspec.to_builtins(row) | {"stands": row.offset in standing} for row in self.history.get(ward, [])[:50]
        ]
        return JSONResponse(
            {
                "ward": None if picture is None else msgspec.to_builtins(picture),
                "directory": msgspec.to_builtins(self.region.ward_of[ward]),
                "history": history,
            }
        )

    async def _hours(self, request: Request) -> Response:
        kind, departement = request.query_params["kind"], request.query_params.get("departement")
        key = f"departement/{departement}/{kind}" if departement else f"region/{self.region.code}/{kind}"
        total = self.totals[key]
        chance = random.Random(key)
        hour = now_ms() // HOUR_MS * HOUR_MS
        free, hours = total.available or 0, []
        for back in range(24):
            hours.append({"at": hour - back * HOUR_MS, "available": free, "wards": total.wards, "lacking": 0})
            free = max(0, free + chance.randint(-3, 3))
        return JSONResponse({"hours": hours[::-1]})

    async def _nearby(self, request: Request) -> Response:
        asked = request.query_params

        def free(ward: str) -> Free | None:
            picture = self.wards.get(ward)
            if picture is None or picture.available is None:
                return None
            return Free(picture.available, picture.told_at, picture.stale)

        places = self.sites.get(asked["kind"], ())
        found = nearest(places, float(asked["lat"]), float(asked["lon"]), int(asked.get("limit", "10")), free)
        return JSONResponse({"results": msgspec.to_builtins(found), "at": self.clock})

    async def _live(self, websocket: WebSocket) -> None:
        if self.away:
            await websocket.close(1011)
            return
        await websocket.accept(subprotocol="vigilits.v1+msgpack")
        subject = self._subject(websocket)
        if subject is None:
            await websocket.close(4401, "sign in again")
            return
        self.sockets.add(websocket)
        try:
            while True:
                asked = msgpack.unpackb(await websocket.receive_bytes())
                if asked["type"] == "ping":
                    await websocket.send_bytes(msgpack.packb({"type": "pong"}))
                elif asked["type"] == "subscribe" and asked["channel"].startswith("alerts:"):
                    await self.alerts.hear(websocket, subject, asked["channel"])
                elif asked["type"] == "subscribe" and asked["channel"].startswith("patients:"):
                    await self.patients.hear(websocket, subject, asked["channel"])
                elif asked["type"] == "subscribe":
                    since = asked.get("since")
                    self.since_tokens.append(since)
                    first = self._snapshot() if since is None else self._since(since)
                    await websocket.send_bytes(msgpack.packb(first))
                    self.subscribed.add(websocket)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass
        finally:
            self.sockets.discard(websocket)
            self.subscribed.discard(websocket)
            self.alerts.leave(websocket)
            self.patients.leave(websocket)

    async def _page(self, _: Request) -> Response:
        return FileResponse(DIST / "index.html")

    def app(self) -> Starlette:
        """Return the application."""
        api, guarded = "/api/v1", self._guarded
        return Starlette(
            routes=[
                Route(f"{api}/session", self._sign_in, methods=["POST"]),
                Route(f"{api}/session", guarded(self._who)),
                Route(f"{api}/session", self._sign_out, methods=["DELETE"]),
                Route(f"{api}/regions/{{code}}", guarded(self._directory)),
                Route(f"{api}/regions/{{code}}/boundaries", guarded(self._outlines)),
                Route(f"{api}/regions/{{code}}/capacity", guarded(self._capacity)),
                Route(f"{api}/regions/{{code}}/hours", guarded(self._hours)),
                Route(f"{api}/regions/{{code}}/wards/{{ward:path}}", guarded(self._ward)),
                Route(f"{api}/search/beds", guarded(self._nearby)),
                *self.alerts.routes(guarded, lambda request: self._subject(request) or ""),
                *self.follow_up.routes(guarded),
                *self.patients.routes(guarded, lambda request: self._subject(request) or ""),
                WebSocketRoute("/ws", self._live),
                *(Route(path, self._page) for path in PAGES),
                Mount("/", StaticFiles(directory=DIST, html=True)),
            ],
            middleware=[Middleware(Policy), Middleware(GZipMiddleware, minimum_size=1000)],
        )

    # -- coming and going

    def __enter__(self) -> "StandIn":
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started = threading.Event()

        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            config = uvicorn.Config(self.app(), log_level="error", ws="websockets-sansio", lifespan="off")
            self.server = uvicorn.Server(config)
            ticking = asyncio.create_task(self._tick())
            serving = asyncio.create_task(self.server.serve(sockets=[listening]))
            started.set()  # the socket listens already: who comes too early waits in its backlog
            await serving
            ticking.cancel()

        self.thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self.thread.start()
        if not started.wait(10):
            raise TimeoutError("the stand-in did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(timeout=10)


if __name__ == "__main__":
    with StandIn() as stand_in:
        stand_in.alerts.invent()
        stand_in.patients.invent()
        print(f"{stand_in.url}/#connexion={SECRET}", flush=True)
        print(f"{stand_in.url}/patients#connexion={SECRET}.demo-physician", flush=True)
        chance = random.Random(1)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(0.5)
                known = chance.choice(list(stand_in.wards))
                beds = stand_in.wards[known].open or 1
                taken = min(beds, max(0, (stand_in.wards[known].occupied or 0) + chance.randint(-1, 1)))
                stand_in.report(known, available=beds - taken, occupied=taken)
