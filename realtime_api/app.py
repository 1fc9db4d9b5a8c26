"""Process B wired together: `python -m realtime_api`, or the application over engines that are handed to it."""

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute, compile_path
from starlette.websockets import WebSocket

from config import settings as environment
from config.alerts import zone
from config.settings import Settings
from domain.alerts.routing import Zone
from event_log.kafka import KafkaLog
from event_log.log import Log
from live_state.redis import RedisState
from live_state.state import State
from people import masters, reach
from people.directory import People
from people.patient_links import PatientLinks
from people.signing import Signing
from realtime_api import asyncapi, openapi
from realtime_api.alerts.doors import AlertDoors
from realtime_api.alerts.me import OwnDoors
from realtime_api.answers import Entry, problem_response
from realtime_api.commands import Commands
from realtime_api.connections import BoundedProtocol
from realtime_api.doors import DOORS, Doors
from realtime_api.follow_up.calls import CallDoors
from realtime_api.follow_up.desk_doors import DeskDoors
from realtime_api.follow_up.fhir_doors import FhirDoors
from realtime_api.follow_up.gate import Gate
from realtime_api.follow_up.link_doors import LinkDoors
from realtime_api.health import Health
from realtime_api.issuer import LocalIssuer
from realtime_api.links import Links
from realtime_api.measures import Measures
from realtime_api.oidc import Issuer, SignInPage, Tokens, local_tokens
from realtime_api.pages import Pages
from realtime_api.patients.doors import PatientDoors
from realtime_api.patients.opening import Opening
from realtime_api.patients.providers import configured
from realtime_api.problems import MEANS, Problem, problem_of
from realtime_api.push.endpoint import Endpoint
from realtime_api.push.protocol import PushProtocol
from realtime_api.push.rooms import Rooms, tell_end
from realtime_api.push.session import Sessions
from realtime_api.queries import Documents
from realtime_api.shards import Shards
from realtime_api.sign_in import CALLBACK, Desk

DIST = Path(__file__).parent.parent / "dashboards" / "dist"
CHECKS_EVERY_S = 1.0  # of what ends sockets: a revoked right must end them within 5 s
COOKIES_EVERY_S = 1.5  # of asking which sign-ins are still there, in a task of its own: their file may be slow
MOST_FRAME = 64 * 1024  # bytes of one message that comes in
STOPS_WITHIN_S = 3
PUSHED_WITHIN_S = 10.0  # a test to a browser, which somebody waits for
BY_STATUS = {404: "unknown", 405: "wrong-method"}

log = structlog.get_logger("api")


def now() -> int:
    """Return this machine's clock in milliseconds."""
    return time.time_ns() // 1_000_000


def zone_at(name: str, at: int) -> Zone:
    """Return a time zone as data, from an instant on: it takes a while to make, and is the same for a year."""
    return _zone_of(name, datetime.fromtimestamp(at / 1000, UTC).year)


@lru_cache(maxsize=256)
def _zone_of(name: str, year: int) -> Zone:
    return zone(name, int(datetime(year, 7, 1, tzinfo=UTC).timestamp() * 1000))


def application(settings: Settings, event_log: Log, state: State, *, dist: Path = DIST) -> Starlette:
    """Return the whole API over a log and a live state."""
    measures = Measures()
    shards = Shards(event_log)
    rooms = Rooms(state, shards, measures, now)
    tasks: list[asyncio.Task[None]] = []
    sessions = Sessions()
    home = Path(settings.home)
    client: httpx.AsyncClient | None = None
    page: SignInPage | None = None
    if settings.oidc_issuer:
        client = httpx.AsyncClient(follow_redirects=False)
        issuer = Issuer(settings.oidc_issuer, client)
        tokens = Tokens(issuer, settings.oidc_issuer, settings.oidc_audience, now)
        callback = settings.public_url.rstrip("/") + CALLBACK
        page = SignInPage(issuer, tokens, client, settings.oidc_client_id, settings.oidc_client_secret, callback)
    else:
        tokens = local_tokens(LocalIssuer(home), now)
    people = People(home)
    desk = Desk(
        Links(home),
        tokens,
        people,
        settings.public_url,
        settings.session_hours,
        now,
        device_days=settings.device_days,
        by_links=not settings.oidc_issuer,
    )
    commands = Commands(shards, measures)
    documents = Documents(settings.tile_url)
    pushes = reach.client(within_s=PUSHED_WITHIN_S, guarded=not settings.push_allow_private)
    own = OwnDoors(
        desk, rooms, commands, state, people, pushes, settings.push_contact, now, settings.push_allow_private
    )
    opening = Opening(home, masters.named(home, settings.master_keys, settings.kms_command), state, now)
    patient_links = cache(lambda: PatientLinks(home, opening.derive))  # opened when first needed, as keys and trail are
    gate = Gate(home, opening.derive, now)
    links = LinkDoors(desk, rooms, commands, opening, gate, people, measures, state, now)
    doors: tuple[object, ...] = (
        Doors(desk, rooms, sessions, commands, state, documents, measures, now, opening.tag_of, page),
        AlertDoors(desk, rooms, commands, state, people, measures, now),
        own,
        PatientDoors(
            desk,
            rooms,
            commands,
            state,
            opening,
            people,
            patient_links,
            measures,
            zone_at,
            now,
            cache(lambda: Signing(home)),
            configured(environment.providers(settings.teleconsultation)),
            settings.public_url,
        ),
        links,
        FhirDoors(desk, rooms, gate, links, now),
        DeskDoors(desk, rooms, commands, opening, people, measures, now),
        CallDoors(desk, rooms, commands, opening, measures, zone_at, now),
    )
    health = Health(rooms, tasks, shards, measures, now)
    endpoint = Endpoint(desk.identify, desk.same_origin, rooms, sessions, now, measures)
    pages = Pages(dist, settings.tile_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async def check() -> None:
            sessions.check()

        async def sign_out() -> None:
            sessions.sign_out(await desk.ended(sessions.cookies()))

        tasks.extend(
            (
                asyncio.create_task(rooms.keep(), name="rooms"),
                asyncio.create_task(_again_and_again("checks", check, CHECKS_EVERY_S), name="checks"),
                asyncio.create_task(_again_and_again("cookies", sign_out, COOKIES_EVERY_S), name="cookies"),
            )
        )
        for task in tasks:
            task.add_done_callback(tell_end)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await rooms.close()
        opening.close()
        gate.close()
        for each in (client, pushes):
            if each is not None:
                await each.aclose()

    app = Starlette(
        routes=_routes(doors, health, pages, endpoint),
        lifespan=lifespan,
        exception_handlers=_handlers(measures, "/api/v1/sign-in" if page else None),
    )
    app.state.rooms, app.state.commands, app.state.health = rooms, commands, health
    app.state.own, app.state.gate, app.state.opening = own, gate, opening
    return app


def _routes(doors: Iterable[object], health: Health, pages: Pages, endpoint: Endpoint) -> list[BaseRoute]:
    of = {type(each): each for each in doors}
    described = {"/openapi.json": openapi.document(), "/asyncapi.json": asyncapi.document()}
    plain: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/healthz", health.alive),
        ("/readyz", health.ready),
        ("/metrics", health.metrics),
        *((path, _fixed(document)) for path, document in described.items()),
    ]

    async def ws(socket: WebSocket) -> None:
        await endpoint(socket)

    async def page(request: Request) -> Response:
        if _allowed(request.url.path) is not None:  # a door, asked by a method that it lacks
            raise HTTPException(405)
        return await pages.page(request)

    def route(door: Entry) -> Route:
        handler = getattr(of[door.of], door.handler)
        return Route(_routed(door.path), handler, methods=[door.method])

    return [
        *(Route(path, handler, methods=["GET"]) for path, handler in plain),
        *(route(door) for door in DOORS),
        WebSocketRoute("/ws", ws),
        Route("/{page:path}", page, methods=["GET"]),
    ]


def _routed(path: str) -> str:
    return path.replace("/wards/{id}", "/wards/{id:path}")  # a ward's id holds a slash


_PATTERNS = [(compile_path(_routed(door.path))[0], door.method) for door in DOORS]


def _allowed(path: str) -> str | None:
    """Return the methods of a path that is a door's, None for one that is no door's."""
    found = {method for pattern, method in _PATTERNS if pattern.match(path)}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found)) or None


def _fixed(document: dict[str, Any]) -> Callable[[Request], Awaitable[Response]]:
    body = msgspec.json.encode(document)

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return answer


def _handlers(measures: Measures, sign_in: str | None) -> dict[Any, Any]:
    def told(problem: Problem) -> Response:
        measures.problems.labels(problem.kind).inc()
        return problem_response(problem, sign_in)

    async def ours(_: Request, error: Exception) -> Response:
        return told(problem_of(error) or Problem("bug"))

    async def http(request: Request, error: HTTPException) -> Response:
        response = told(Problem(BY_STATUS.get(error.status_code, "bad-parameter")))
        response.headers.update(error.headers or {})
        if error.status_code == 405 and (allowed := _allowed(request.url.path)) is not None:
            response.headers["allow"] = allowed  # of all its doors: the router knows those of the first alone
        return response

    async def bug(_: Request, error: Exception) -> Response:
        log.error("bug", error=type(error).__name__)  # uvicorn writes the trace; a request's content is in neither
        return told(Problem("bug"))

    return {Problem: ours, **dict.fromkeys(MEANS, ours), HTTPException: http, Exception: bug}


async def _again_and_again(what: str, once: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Do it for ever, whatever fails: without it, sockets would outlive the rights that they were opened by."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await once()
        except Exception as error:
            log.error("failed", task=what, exc_info=error)


def configure_logs(level: str) -> None:
    """Write logs as JSON lines, ours and those of what we stand on."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    first: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    others = logging.StreamHandler(sys.stderr)
    unmarked = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    others.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[unmarked, *last]))
    logging.basicConfig(level=max(numeric, logging.INFO), handlers=[others])
    for name in ("httpx", "aiokafka"):  # the first writes whole addresses, and a sign-in's code is in one
        logging.getLogger(name).setLevel(logging.WARNING)


def server(app: Starlette, host: str, port: int, log_level: str = "warning") -> uvicorn.Server:
    """Return the server of the application: one port for pages, doors and sockets."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=BoundedProtocol,
            ws=PushProtocol,
            ws_per_message_deflate=False,  # a frame is encoded once for all, and compressing is per socket
            ws_max_size=MOST_FRAME,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            loop="uvloop",
            log_level=log_level,
            log_config=None,
            access_log=False,  # an address may hold what is nobody's to read
            server_header=False,
            timeout_graceful_shutdown=STOPS_WITHIN_S,
        )
    )


async def _serve(settings: Settings) -> None:
    async with AsyncExitStack() as open_:
        event_log = await open_.enter_async_context(KafkaLog(settings.kafka_url, fetch_wait_ms=settings.fetch_wait_ms))
        state = await open_.enter_async_context(RedisState(settings.redis_url))
        app = application(settings, event_log, state)
        await server(app, settings.host, settings.port, settings.log_level).serve()


def _collect_seldom() -> None:
    """Leave what is here to stay out of garbage collection, and the whole of it for seldom.

    With 500 sockets each such collection held up every one of them for 150 ms and more (load_tests/latency.py).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def main() -> None:
    """Run the API until it is told to stop."""
    try:
        settings = environment.read(os.environ)
    except environment.Mistakes as mistakes:
        sys.exit(str(mistakes))
    if not settings.kafka_url or not settings.redis_url:
        sys.exit("KAFKA_URL and REDIS_URL are needed; `vigilits up` starts the embedded engines and names them itself")
    configure_logs(settings.log_level)
    if settings.is_in_the_clear:
        log.warning("HOST is open to other machines and PUBLIC_URL is not set: sign-ins may travel without TLS")
    _collect_seldom()
    uvloop.run(_serve(settings))
