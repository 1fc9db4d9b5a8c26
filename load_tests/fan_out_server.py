"""One server of four for `load_tests.fan_out`: the same frame to all sockets, as fast as it can.

The first argument names it: `vigilits` (our endpoint, hub and outbox on our uvicorn), `websockets` (`broadcast`),
`picows`, or `bare` (write(2) in a loop, which is what one call to the kernel for each socket costs at least). A flush
waits until nobody has more than 32 KiB unread, by the same rule for all that have buffers.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import cycle
from typing import Any

import uvloop

COUNT = int(os.environ.get("COUNT", "500"))
PORT = int(os.environ.get("PORT", "0"))
FRAME = os.environ.get("FRAME", "200")  # 200: so many bytes; changes: what a batch of reports makes
MOST_UNREAD = 32 * 1024


async def payload() -> bytes:
    """Return what is sent: 200 bytes, or a message of changes as the hub makes it."""
    from load_tests.mirror import filled, message

    if FRAME == "200":
        return b"x" * 200
    hub, changes = await filled()
    return message(hub, changes[0])


async def pump(ready: Callable[[], bool], send: Callable[[], None], unread: Callable[[], Iterable[int]]) -> None:
    """Return never: send, let the loop turn, and wait for those who read slowly."""
    while not ready():  # noqa: ASYNC110 - whoever comes tells nobody
        await asyncio.sleep(0.02)
    while True:
        send()
        await asyncio.sleep(0)
        while max(unread(), default=0) > MOST_UNREAD:  # noqa: ASYNC110 - nor who reads
            await asyncio.sleep(0.0005)


async def ours() -> None:
    """Serve with what serves people: endpoint, session, hub and outbox, on the API's own server."""
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    from load_tests.mirror import BATCH, GRANTED, filled
    from realtime_api.app import now, server
    from realtime_api.measures import Measures
    from realtime_api.push.endpoint import Endpoint
    from realtime_api.push.outbox import Outbox
    from realtime_api.push.session import Room, Sessions, Who

    hub, (one, other) = await filled()
    turns = cycle((one, other))
    measures = Measures()
    outbox = Outbox(hub, measures)

    async def identify(_: WebSocket) -> Who:
        return Who(GRANTED, now() + 3_600_000)

    endpoint = Endpoint(identify, lambda _: True, {hub.channel: Room(hub, outbox)}, Sessions(), now, measures)

    async def ws(socket: WebSocket) -> None:
        await endpoint(socket)

    def audience() -> Any:
        return next(iter(outbox._audiences.values()), None)

    def send() -> None:
        if FRAME == "200":
            outbox._send(audience(), frame)
        else:
            # As the relay and the outbox's timer do with what comes in 40 ms.
            outbox._dirty = dict.fromkeys(hub.apply(hub.offset + BATCH, next(turns)).keys)
            outbox._flush()

    def unread() -> Iterable[int]:
        return [transport.get_write_buffer_size() for transport in audience().in_step.values()]

    from websockets.frames import Frame, Opcode

    frame = Frame(Opcode.BINARY, b"x" * 200).serialize(mask=False)
    app = Starlette(routes=[WebSocketRoute("/ws", ws)])
    pumping = asyncio.create_task(pump(lambda: bool(audience()) and len(audience().in_step) >= COUNT, send, unread))
    await server(app, "127.0.0.1", PORT).serve()
    pumping.cancel()


async def websockets() -> None:
    """Serve with websockets' own `broadcast`."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    clients: set[ServerConnection] = set()
    message = await payload()

    async def stay(socket: ServerConnection) -> None:
        clients.add(socket)
        await socket.wait_closed()

    async with serve(stay, "127.0.0.1", PORT, compression=None, ping_interval=None):
        await pump(
            lambda: len(clients) >= COUNT,
            lambda: broadcast(clients, message),
            lambda: [client.transport.get_write_buffer_size() for client in clients],
        )


async def picows() -> None:
    """Serve with picows, which is written in Cython."""
    from picows import WSListener, WSMsgType, ws_create_server

    clients: set[Any] = set()
    message = await payload()

    class Stay(WSListener):
        def on_ws_connected(self, transport: Any) -> None:
            clients.add(transport)

    def send() -> None:
        for client in clients:
            client.send(WSMsgType.BINARY, message)

    async with await ws_create_server(lambda _: Stay(), "127.0.0.1", PORT):
        await pump(
            lambda: len(clients) >= COUNT,
            send,
            lambda: [client.underlying_transport.get_write_buffer_size() for client in clients],
        )


async def bare() -> None:
    """Serve with nothing but the kernel's own call, once the sockets are open."""
    from websockets.frames import Frame, Opcode

    frame = Frame(Opcode.BINARY, await payload()).serialize(mask=False)
    sockets: list[int] = []

    class Opened(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            if b"Upgrade: websocket" in data:
                self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                sockets.append(self.transport.get_extra_info("socket").fileno())

    def send() -> None:
        write = os.write
        with suppress(BlockingIOError):  # full: the rest of this turn is left out
            for number in sockets:
                write(number, frame)

    await asyncio.get_running_loop().create_server(Opened, "127.0.0.1", PORT)
    await pump(lambda: len(sockets) >= COUNT, send, list)


SERVERS = {"vigilits": ours, "websockets": websockets, "picows": picows, "bare": bare}

if __name__ == "__main__":
    uvloop.run(SERVERS[sys.argv[1]]())
