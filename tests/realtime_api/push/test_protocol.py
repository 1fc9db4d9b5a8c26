"""What the push takes from uvicorn without being promised it: this says so when a new version moves a name."""

import inspect

import pytest
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from realtime_api.app import server
from realtime_api.push.protocol import EXTENSION, PushProtocol


@pytest.mark.parametrize("name", ["run_asgi", "connection_lost", "handle_close", "shutdown"])
def test_what_is_overridden_is_there_and_is_called_with_the_same_things(name: str) -> None:
    theirs, ours = getattr(WebSocketsSansIOProtocol, name), getattr(PushProtocol, name)
    assert list(inspect.signature(theirs).parameters) == list(inspect.signature(ours).parameters)


async def test_what_is_used_is_there() -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    config = uvicorn.Config(app, ws_per_message_deflate=False)
    config.load()
    protocol = PushProtocol(config, ServerState(), {})
    used = ("conn", "queue", "close_sent", "close_timer", "disconnected", "read_paused", "loop", "transport")
    assert all(hasattr(protocol, name) for name in used)
    assert "self.scope" in inspect.getsource(WebSocketsSansIOProtocol.run_asgi)
    assert '"extensions"' in inspect.getsource(WebSocketsSansIOProtocol.handle_connect)
    assert EXTENSION not in inspect.getsource(WebSocketsSansIOProtocol)


def test_nothing_is_compressed_socket_by_socket() -> None:
    config = server(Starlette(), "127.0.0.1", 0).config
    assert config.ws is PushProtocol
    assert config.ws_per_message_deflate is False
