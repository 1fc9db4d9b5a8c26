"""The two codecs of `/ws`, and what a message becomes on the wire: one frame, serialised once for all who get it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from websockets.frames import Frame, Opcode


class Codec(NamedTuple):
    """A way to write messages; `name` is its WebSocket subprotocol."""

    name: str
    opcode: Opcode
    encode: Callable[[Any], bytes]

    def frame(self, message: Any) -> bytes:
        """Return the bytes of the whole WebSocket frame."""
        return Frame(self.opcode, self.encode(message)).serialize(mask=False)


MSGPACK = Codec("vigilits.v1+msgpack", Opcode.BINARY, msgspec.msgpack.Encoder().encode)
JSON = Codec("vigilits.v1+json", Opcode.TEXT, msgspec.json.Encoder().encode)
MOST_TOKEN = 1000  # characters
CODECS = {codec.name: codec for codec in (MSGPACK, JSON)}


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """Wants a channel; `since` is the token of the last frame that the client has of it."""

    channel: str
    since: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True):
    """Wants a channel no longer."""

    channel: str


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Wants to hear a pong."""


Asked = Subscribe | Unsubscribe | Ping
READ: dict[str, Callable[[bytes | str], Asked]] = {
    MSGPACK.name: msgspec.msgpack.Decoder(Asked).decode,  # type: ignore[dict-item]
    JSON.name: msgspec.json.Decoder(Asked).decode,
}


class Token(NamedTuple):
    """Where a reader is: which view of it (by name), and for each shard the epoch, build and offset last sent."""

    view: str
    at: tuple[tuple[str, str, int], ...]

    def __str__(self) -> str:
        """Return the opaque form that travels."""
        return base64url(msgspec.msgpack.encode([self.view, sorted(self.at)]))


_token = msgspec.msgpack.Decoder(tuple[str, tuple[tuple[str, str, int], ...]]).decode


def base64url(value: bytes) -> str:
    """Return the bytes in the alphabet of URLs, unpadded."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """Return the bytes that `base64url` wrote; raise ValueError for anything else."""
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


def read_token(text: str) -> Token | None:
    """Return the token, None for anything that is none of ours: its bearer takes a snapshot."""
    if len(text) > MOST_TOKEN:
        return None
    try:
        return Token(*_token(unbase64url(text)))
    except (ValueError, msgspec.MsgspecError):  # binascii.Error and UnicodeError are ValueErrors
        return None
