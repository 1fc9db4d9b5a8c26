"""What every shard's state in Redis is written with: values packed by field, in commands that are not too long."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from domain.capacity.fold import APPLIED, Said
from live_state.state import Command

MOST_ARGUMENTS = 800  # Lua's unpack ends at some thousands; a commit refuses a command of more than 1,000

pack = msgspec.msgpack.Encoder().encode
_said = msgspec.msgpack.Decoder(Said).decode
_PACKED_APPLIED = pack(APPLIED)


def pack_each(changed: Mapping[str, object | None]) -> dict[str, bytes | None]:
    """Return the values as they are stored; None stays None: gone."""
    return {key: None if value is None else pack(value) for key, value in changed.items()}


def hash_commands(name: str, fields: Mapping[str, bytes | None]) -> Iterator[Command]:
    """Yield what makes a hash have these fields, and no more those that are None."""
    pairs = [part for field, value in fields.items() if value is not None for part in (field, value)]
    gone = [field for field, value in fields.items() if value is None]
    for start in range(0, len(pairs), MOST_ARGUMENTS):
        yield ["HSET", name, *pairs[start : start + MOST_ARGUMENTS]]
    for start in range(0, len(gone), MOST_ARGUMENTS):
        yield ["HDEL", name, *gone[start : start + MOST_ARGUMENTS]]


def sorted_commands(name: str, members: Sequence[str | bytes | int]) -> Iterator[Command]:
    """Yield what adds members to a sorted set: score, member, score, member…"""
    for start in range(0, len(members), MOST_ARGUMENTS):
        yield ["ZADD", name, *members[start : start + MOST_ARGUMENTS]]


def raw(value: bytes | None) -> msgspec.Raw | None:
    """Return a packed value as it stands within something that is packed."""
    return None if value is None else msgspec.Raw(value)


def read_said(packed: bytes) -> Said:
    """Return an outcome; the usual one is one for all."""
    return APPLIED if packed == _PACKED_APPLIED else _said(packed)
