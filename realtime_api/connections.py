"""uvicorn's HTTP protocol with two bounds that it lacks: how long a request may take to begin, how many connect."""

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_WITHIN_S = 10.0  # from connecting, or from a request's first bytes, to the end of its headers
MOST_CONNECTIONS = 24_000  # 20,000 sockets, and doors beside them
SPARE_FILES = 256  # of those that this process may open: the log, the live state, sqlite, pages


def most_connections() -> int:
    """Return how many connections to hold, so that files can still be opened when all are taken."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if files < 0 else max(1, min(MOST_CONNECTIONS, files - SPARE_FILES))


class BoundedProtocol(H11Protocol):
    """Passed as uvicorn's `http=`.

    Between requests uvicorn waits for a few seconds, but any byte ends that wait. The same deadline takes the
    connection from who was refused and goes on sending a body: until then it is thrown away, so that the sender gets to
    read the answer.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if there is room, for as long as a request may take to begin."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.abort()
        else:
            self._arm()

    def data_received(self, data: bytes) -> None:
        """Take in bytes; they put the deadline off only where they are a whole request's headers."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._disarm()
        elif self.transport.get_protocol() is self and not self.transport.is_closing():
            self._arm()

    def handle_websocket_upgrade(self, event: object) -> None:
        """Hand the connection over."""
        self._disarm()
        super().handle_websocket_upgrade(event)  # type: ignore[arg-type]

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
