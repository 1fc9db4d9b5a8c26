"""Events as bytes: what was written is read back, and no bytes raise anything but what is said."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UnknownVersion, Unreadable
from domain.events import KINDS, VERSIONS, Event
from event_log.codec import decode, encode
from tests.small_region import events, opening

JUNK = st.recursive(st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(), st.lists, max_leaves=5)


@given(events())
def test_what_was_written_is_read_back(run: list[Event]) -> None:
    for event in [*opening(), *run]:
        assert decode(encode(event)) == event


@given(st.binary(max_size=200) | JUNK.map(msgspec.msgpack.encode))
def test_no_bytes_raise_anything_but_unreadable(value: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(value)


@given(events(), st.data())
def test_a_damaged_event_is_unreadable_or_another_event(run: list[Event], data: st.DataObject) -> None:
    value = bytearray(encode((opening() + run)[-1]))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Unreadable, UnknownVersion):
        assert isinstance(decode(bytes(value)), Event)


@pytest.mark.parametrize("kind", sorted(VERSIONS))
def test_a_known_kind_in_a_newer_version_stops_its_reader_whatever_its_fields(kind: str) -> None:
    newer = {"kind": kind, "v": 2, "id": "x", "received_at": 1, "ward": {"in": "another shape"}}
    with pytest.raises(UnknownVersion):
        decode(msgspec.msgpack.encode(newer))


def test_an_unknown_kind_and_a_missing_value_are_unreadable_and_say_so() -> None:
    with pytest.raises(Unreadable, match="weather"):
        decode(msgspec.msgpack.encode({"kind": "weather", "v": 1}))
    with pytest.raises(Unreadable, match="without a value"):
        decode(None)


def test_every_kind_has_a_version() -> None:
    assert len(VERSIONS) == len(KINDS)
