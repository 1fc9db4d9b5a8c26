"""Events as bytes: msgpack of `domain.events`, told apart by `kind` and `v`."""

import msgspec

from domain.errors import UnknownVersion, Unreadable
from domain.events import VERSIONS, AnyEvent, Event, Genesis
from event_log.log import NotAGenesis, Record

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


class _Head(msgspec.Struct):
    kind: str
    v: int = 1


_heads = msgspec.msgpack.Decoder(_Head)


def encode(event: Event) -> bytes:
    """Return the event as it goes on the log."""
    return _encoder.encode(event)


def decode(value: bytes | None) -> AnyEvent:
    """Return the event; raise Unreadable, or UnknownVersion for a known kind in a version that is not ours."""
    if value is None:
        raise Unreadable("a record without a value")
    try:
        event = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _refuse(value, error)
        raise
    kind = str(event.__struct_config__.tag)
    if event.v != VERSIONS[kind]:
        raise UnknownVersion(f"{kind} in version {event.v}")
    return event


def _refuse(value: bytes, error: Exception) -> None:
    """Raise what fits: a newer version of a kind that we know, or bytes that nobody can read."""
    try:
        head = _heads.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unreadable(f"not an event: {type(error).__name__}") from None
    if head.v != VERSIONS.get(head.kind, head.v):
        raise UnknownVersion(f"{head.kind} in version {head.v}") from None
    raise Unreadable(f"not a readable {head.kind[:40]!r}: {error}") from None


def genesis_of(record: Record) -> Genesis:
    """Return the event of a partition's first record; raise NotAGenesis where it is none."""
    try:
        event = decode(record.value) if record.offset == 0 else None
    except Unreadable:
        event = None
    if not isinstance(event, Genesis):
        raise NotAGenesis(f"partition {record.partition} begins with something else, at offset {record.offset}")
    return event
