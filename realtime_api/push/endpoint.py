"""`/ws`: who comes in, by which subprotocol, and the loop that hands over what they say."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime_api.measures import Measures
from realtime_api.problems import COME_BACK, SIGN_IN_AGAIN, Problem
from realtime_api.push.codecs import CODECS, JSON, Codec
from realtime_api.push.protocol import EXTENSION, PushProtocol
from realtime_api.push.session import Room, Session, Sessions, Who

MOST_SOCKETS = 20_000

Identify = Callable[[WebSocket], Awaitable[Who]]
SameOrigin = Callable[[Mapping[str, str]], bool]


class Endpoint:
    """The door of all sockets."""

    def __init__(
        self,
        identify: Identify,
        same_origin: SameOrigin,
        rooms: Mapping[str, Room],
        sessions: Sessions,
        now: Callable[[], int],
        measures: Measures,
    ) -> None:
        self._identify, self._same_origin, self._rooms = identify, same_origin, rooms
        self._sessions, self._now, self._measures = sessions, now, measures

    async def __call__(self, socket: WebSocket) -> None:
        """Serve one socket to its end."""
        if not self._same_origin(socket.headers):
            await socket.send_denial_response(Response("another origin", 403))
            return
        offered: list[str] = socket.scope["subprotocols"]
        known = [name for name in offered if name in CODECS]
        if offered and not known:
            await socket.send_denial_response(Response(f"subprotocols: {', '.join(CODECS)}", 400))
            return
        await socket.accept(known[0] if known else None)
        connection: PushProtocol = socket.scope["extensions"][EXTENSION]["connection"]
        try:
            who = await self._identify(socket)
        except Problem as problem:
            # Only an accepted socket can be told a close code, and the page must know these from a broken network.
            connection.cut(SIGN_IN_AGAIN if problem.kind == "not-signed-in" else COME_BACK)
            return
        if len(self._sessions.all) >= MOST_SOCKETS:
            connection.cut(COME_BACK)
            return
        await self._serve(socket, connection, CODECS[known[0]] if known else JSON, who)

    async def _serve(self, socket: WebSocket, connection: PushProtocol, codec: Codec, who: Who) -> None:
        if connection.disconnected or connection.close_sent:
            return
        session = Session(connection, codec, who, self._rooms, self._now)
        self._sessions.all[session] = None
        self._measures.clients.labels(codec.name).inc()
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                raw = message.get("bytes")
                session.receive(message.get("text", "") if raw is None else raw)
        except WebSocketDisconnect:
            return
        finally:
            del self._sessions.all[session]
            session.leave()
            self._measures.clients.labels(codec.name).dec()
