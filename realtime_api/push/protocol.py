"""uvicorn's WebSocket protocol, lending its transport: frames are written to it directly, encoded once for many."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from realtime_api.problems import Close

EXTENSION = "vigilits.push"
CLOSE_WITHIN_S = 3.0  # then the socket is cut, whatever still waits to be written to it


class PushProtocol(WebSocketsSansIOProtocol):
    """Passed as uvicorn's `ws=`.

    What it adds relies on names that uvicorn does not promise (run_asgi, handle_close, conn, queue, close_sent,
    close_timer, read_paused, transport): pyproject.toml keeps its version, tests/realtime_api/push says when one moves.
    """

    gone: Any = None  # called once, at the very moment at which nothing may be written any more

    async def run_asgi(self) -> None:
        """Run the application with this connection lent to it."""
        self.scope["extensions"][EXTENSION] = {"connection": self}
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever writes here that there is nobody left."""
        self._leave()
        super().connection_lost(exc)

    def handle_close(self, event: Any) -> None:
        """Tell whoever writes here before the closing handshake ends."""
        self._leave()
        super().handle_close(event)

    def shutdown(self) -> None:
        """Close with "restarting", which a client answers by coming back."""
        self._leave()
        super().shutdown()

    def _leave(self) -> None:
        if self.gone is not None:
            gone, self.gone = self.gone, None
            gone()

    def cut(self, close: Close) -> None:
        """Close the socket without waiting for what it has not read: say why, and end the connection soon."""
        if self.close_sent or self.disconnected:
            return
        self._leave()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        try:
            self.conn.send_close(close.code, close.reason)
        except InvalidState:  # the peer was closing at the same moment
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)
