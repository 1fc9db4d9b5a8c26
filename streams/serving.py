"""What a worker shows of itself over HTTP: /healthz, /readyz with the names of what is not ready, /metrics."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

NotReady = Mapping[str, str]


def pages(registry: CollectorRegistry, measure: Callable[[], None], not_ready: Callable[[], NotReady]) -> Starlette:
    """Return the three pages; what only a look can tell is measured when it is asked for."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> Response:
        names = dict(not_ready())
        return JSONResponse({"ready": not names, "not_ready": names}, status_code=503 if names else 200)

    async def metrics(_: Request) -> Response:
        measure()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


class Server(uvicorn.Server):
    """uvicorn, leaving signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def serve(app: Starlette, on: socket.socket) -> None:
    """Serve until cancelled."""
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[on]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
