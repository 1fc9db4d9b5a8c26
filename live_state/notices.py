"""The notices shard in Redis: what a draft writes, what its feed entry says, and how both are read back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.alerts.cluster import Cases
from domain.alerts.fold import Choice, Draft, NoticesState
from domain.alerts.holding import Again
from domain.alerts.lifecycle import Alert
from domain.alerts.notice import (
    ChannelState,
    Entry,
    Group,
    HeldAlert,
    Mark,
    Measured,
    Notice,
    Override,
    Past,
    Silence,
    Worth,
)
from domain.followup.counts import Counting, Counts
from domain.followup.crossing import Word
from live_state.capacity import Change, read_feed
from live_state.hashes import hash_commands, pack, pack_each, raw, read_said, sorted_commands
from live_state.state import Command, Position

__all__ = ["NAMES", "Change", "Packed", "feed", "load", "packed", "read_feed", "writes"]


# What is stored by key, and what each value is.
KINDS: dict[str, Any] = {
    "alerts": HeldAlert,
    "own": Alert,
    "groups": Group,
    "outbox": Notice,
    "silences": Silence,
    "overrides": Override,
    "channels": ChannelState,
    "choices": Choice,
    "upto": Mark,
    "worth": Worth,
    "loads": tuple[int, ...],
    "past": Past,
    "measured": Measured,
    "again": Again,
    "cases": Cases,
    "counting": Counting,
    "counts": Counts,
    "words": Word,
    "left_off": int,
}
NAMES = ("meta", "settings", *KINDS, "ids:*")

# What readers are told of, and under which name each key stands in a feed entry.
TOLD = {
    "alerts": "alert",
    "groups": "group",
    "silences": "silence",
    "overrides": "override",
    "channels": "channel",
    "counts": "counts",
    "words": "word",
}

_decoders = {name: msgspec.msgpack.Decoder(kind).decode for name, kind in KINDS.items()}
_held = msgspec.msgpack.Decoder(HeldAlert).decode
_group = msgspec.msgpack.Decoder(Group).decode
_silence = msgspec.msgpack.Decoder(Silence).decode
_override = msgspec.msgpack.Decoder(Override).decode
_channel = msgspec.msgpack.Decoder(ChannelState).decode
_choice = msgspec.msgpack.Decoder(Choice).decode
_mark = msgspec.msgpack.Decoder(Mark).decode
_past = msgspec.msgpack.Decoder(Past).decode
_worth = msgspec.msgpack.Decoder(Worth).decode
_counts = msgspec.msgpack.Decoder(Counts).decode
_word = msgspec.msgpack.Decoder(Word).decode
_load = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_entry = msgspec.msgpack.Decoder(Entry).decode


def load(position: Position, held: Mapping[str, Mapping[str, bytes]]) -> NoticesState:
    """Return the state that these hashes hold."""
    meta = held.get("meta", {})
    values: dict[str, Any] = {
        name: {key: read(value) for key, value in held.get(name, {}).items()} for name, read in _decoders.items()
    }
    state = NoticesState(
        offset=position.offset,
        clock=int(meta.get("clock", 0)),
        shard=bytes(meta.get("shard", b"")).decode(),
        settings=dict(held.get("settings", {})),
        **values,
    )
    for name, said in held.items():
        if name.startswith("ids:"):
            state.remember(int(name.removeprefix("ids:")), {id_: read_said(value) for id_, value in said.items()})
    state.settle()
    return state


class Packed(NamedTuple):
    """What both the writes and the feed entry of a draft hold, packed, by hash and key."""

    values: dict[str, dict[str, bytes | None]]


def packed(draft: Draft) -> Packed:
    """Return all that changed as it is stored and sent."""
    return Packed({name: pack_each(getattr(draft, name).changed) for name in KINDS})


def writes(draft: Draft, done: Packed | None = None, *, rebuilding: bool) -> list[Command]:
    """Return the commands that make the stored state what the draft says; absolute, so harmless to repeat."""
    done = done or packed(draft)
    return [
        *(command for name, values in done.values.items() for command in hash_commands(name, values)),
        *hash_commands("settings", draft.settings.changed),
        *hash_commands("dead", {str(offset): reason.encode() for offset, reason in draft.dead.items()}),
        *(["DEL", f"ids:{hour}"] for hour in sorted(draft.forgotten_hours)),
        *(command for hour, said in draft.said.items() for command in hash_commands(f"ids:{hour}", pack_each(said))),
        *_timelines(draft.timeline),
        *(["DEL", f"timeline:{id_}"] for id_, past in draft.past.changed.items() if past is None),
        ["HSET", "meta", "clock", draft.clock, "rebuilding", int(rebuilding), "shard", draft.shard],
    ]


def _timelines(lines: Iterable[tuple[str, int, Entry]]) -> Iterator[Command]:
    by_alert: dict[str, list[str | bytes | int]] = {}
    for alert, place, entry in lines:
        by_alert.setdefault(alert, []).extend((place, pack(entry)))
    for alert, members in by_alert.items():
        yield from sorted_commands(f"timeline:{alert}", members)


def feed(draft: Draft, done: Packed | None = None, *, rebuilding: bool) -> bytes:
    """Return the feed entry of a draft."""
    changed: dict[str, Any] = {}
    if not draft.anew:
        done = done or packed(draft)
        for name, shown in TOLD.items():
            changed |= {f"{shown}/{key}": raw(value) for key, value in done.values[name].items()}
        changed |= {f"setting/{name}": value for name, value in _settings(draft.settings.changed)}
    entry: dict[str, Any] = {"from": draft.base.offset, "at": draft.clock, "set": changed, "outcomes": draft.outcomes}
    return pack(entry | {"rebuilding": rebuilding, "reload": draft.anew})


def _settings(changed: Mapping[str, bytes | None]) -> Iterator[tuple[str, Any]]:
    for name, content in changed.items():
        if ":" not in name:
            yield name, None if content is None else msgspec.json.decode(content)


def read_alert(value: bytes | msgspec.Raw) -> HeldAlert:
    """Return an alert as the notices shard has it."""
    return _held(value)


def read_group(value: bytes | msgspec.Raw) -> Group:
    """Return a group of alerts."""
    return _group(value)


def read_silence(value: bytes | msgspec.Raw) -> Silence:
    """Return a silence."""
    return _silence(value)


def read_override(value: bytes | msgspec.Raw) -> Override:
    """Return a stand-in on a schedule."""
    return _override(value)


def read_channel(value: bytes | msgspec.Raw) -> ChannelState:
    """Return whether a channel works."""
    return _channel(value)


def read_counts(value: bytes | msgspec.Raw) -> Counts:
    """Return an hour's counts of patients, as they are published."""
    return _counts(value)


def read_choice(value: bytes) -> Choice:
    """Return the channels that somebody chose, by severity."""
    return _choice(value)


def read_mark(value: bytes) -> Mark:
    """Return how far a shard's steps are folded (hash `upto`)."""
    return _mark(value)


def read_past(value: bytes) -> Past:
    """Return what is kept of an alert that is over."""
    return _past(value)


def read_worth(value: bytes) -> Worth:
    """Return what a rule's alarms of one day were worth."""
    return _worth(value)


def read_word(value: bytes | msgspec.Raw) -> Word:
    """Return something that people are told of once."""
    return _word(value)


def read_load(value: bytes) -> tuple[int, ...]:
    """Return the instants at which somebody was told something."""
    return _load(value)


def read_timeline(members: Sequence[bytes]) -> list[Entry]:
    """Return the lines of an alert's timeline (sorted set `timeline:<alert id>`), in the order given."""
    return [_entry(member) for member in members]
