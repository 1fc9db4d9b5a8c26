"""A followup shard in Redis: what a draft writes, what its feed entry says, and how both are read back.

In clear are pseudonyms, instants, colours and settings; a patient's content is written as ciphertext alone: the chart,
what was answered to each slot, and every text of the story (decision 0015).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from domain.alerts.notice import ChannelState, Notice
from domain.followup.chart import Chart, SlotContent
from domain.followup.fold import Draft
from domain.followup.holding import FollowupState, Line
from domain.followup.patient import Patient
from domain.followup.sealed import About, Sealed
from live_state.capacity import Change, read_feed
from live_state.hashes import hash_commands, pack, pack_each, raw, read_said
from live_state.state import Command, Position

__all__ = ["NAMES", "Change", "Packed", "Seal", "feed", "load", "packed", "read_feed", "writes"]

# What is stored by key in clear, in which hash, and what each value is. The hash `outbox` is the forwarder's.
KINDS: dict[str, tuple[str, Any]] = {
    "patients": ("patients", Patient),
    "outbox": ("letters", Notice),
    "channels": ("channels", ChannelState),
}
NAMES = ("meta", "settings", *(name for name, _ in KINDS.values()), "charts", "ids:*")

# What readers are told of, and under which name each key stands in a feed entry.
TOLD = {"patients": "patient", "channels": "channel"}

Seal = Callable[[About, Chart | SlotContent], Sealed]

_decoders = {of: (name, msgspec.msgpack.Decoder(kind).decode) for of, (name, kind) in KINDS.items()}
_patient = msgspec.msgpack.Decoder(Patient).decode
_sealed = msgspec.msgpack.Decoder(Sealed).decode
_line = msgspec.msgpack.Decoder(Line).decode
_channel = msgspec.msgpack.Decoder(ChannelState).decode


def load(position: Position, held: Mapping[str, Mapping[str, bytes]]) -> FollowupState:
    """Return the state that these hashes hold: every chart sealed, none open."""
    meta = held.get("meta", {})
    values: dict[str, Any] = {
        of: {key: read(value) for key, value in held.get(name, {}).items()} for of, (name, read) in _decoders.items()
    }
    state = FollowupState(
        offset=position.offset,
        clock=int(meta.get("clock", 0)),
        shard=bytes(meta.get("shard", b"")).decode(),
        counted_at=int(meta.get("counted_at", 0)),
        retells_from=int(meta.get("retells_from", -1)),
        settings=dict(held.get("settings", {})),
        sealed={id_: _sealed(value) for id_, value in held.get("charts", {}).items()},
        **values,
    )
    for name, said in held.items():
        if name.startswith("ids:"):
            state.remember(int(name.removeprefix("ids:")), {id_: read_said(value) for id_, value in said.items()})
    state.settle()
    return state


class Packed(NamedTuple):
    """What both the writes and the feed entry of a draft hold, packed; `charts` are those that changed, sealed.

    `steps` are what the forwarder's outbox takes in: `<offset, 20 digits>/<n>` → what crosses.
    """

    values: dict[str, dict[str, bytes | None]]
    charts: dict[str, Sealed]
    slots: dict[str, dict[str, bytes]]
    story: dict[str, dict[str, bytes]]
    steps: dict[str, bytes]


def packed(draft: Draft, seal: Seal) -> Packed:
    """Return all that changed as it is stored and sent; a chart and a slot are sealed anew by each call."""
    slots: dict[str, dict[str, bytes]] = {}
    for (patient, slot), content in draft.slots.items():
        if patient not in draft.gone:
            slots.setdefault(patient, {})[slot] = pack(seal(About(patient, "slot", slot), content))
    story: dict[str, dict[str, bytes]] = {}
    for patient, line in draft.story:
        if patient not in draft.gone:
            story.setdefault(patient, {})[f"{line.at:013}/{line.id}/{line.what}"] = pack(line)
    return Packed(
        values={of: pack_each(getattr(draft, of).changed) for of in KINDS},
        charts={
            patient: seal(About(patient, "chart"), chart)
            for patient, chart in draft.charts.changed.items()
            if isinstance(chart, Chart) and patient not in draft.gone
        },
        slots=slots,
        story=story,
        steps={f"{offset:020}/{n}": pack(crossing) for offset, n, crossing in draft.steps},
    )


def writes(draft: Draft, done: Packed, *, rebuilding: bool) -> list[Command]:
    """Return the commands that make the stored state what the draft says; absolute, so harmless to repeat."""
    gone = sorted(draft.gone)
    charts: dict[str, bytes | None] = {**pack_each(done.charts), **dict.fromkeys(gone)}
    return [
        *(command for of, (name, _) in KINDS.items() for command in hash_commands(name, done.values[of])),
        *hash_commands("charts", charts),
        *hash_commands("settings", draft.settings.changed),
        *hash_commands("outbox", done.steps),
        *hash_commands("dead", {str(offset): reason.encode() for offset, reason in draft.dead.items()}),
        *(["DEL", f"ids:{hour}"] for hour in sorted(draft.forgotten_hours)),
        *(command for hour, said in draft.said.items() for command in hash_commands(f"ids:{hour}", pack_each(said))),
        *(command for patient, held in done.slots.items() for command in hash_commands(f"slots:{patient}", held)),
        *(command for patient, held in done.story.items() for command in hash_commands(f"story:{patient}", held)),
        *(["DEL", f"{name}:{patient}"] for patient in gone for name in ("slots", "story")),
        ["HSET", "meta", "clock", draft.clock, "rebuilding", int(rebuilding), "shard", draft.shard],
        ["HSET", "meta", "counted_at", draft.counted_at, "retells_from", draft.retells_from],
    ]


def feed(draft: Draft, done: Packed, *, rebuilding: bool) -> bytes:
    """Return the feed entry of a draft: rows in clear and settings; content is read where it is stored, sealed."""
    changed: dict[str, Any] = {}
    for of, shown in TOLD.items():
        changed |= {f"{shown}/{key}": raw(value) for key, value in done.values[of].items()}
    changed |= {f"setting/{name}": value for name, value in _settings(draft.settings.changed)}
    entry: dict[str, Any] = {"from": draft.base.offset, "at": draft.clock, "set": changed, "outcomes": draft.outcomes}
    return pack(entry | {"rebuilding": rebuilding})


def _settings(changed: Mapping[str, bytes | None]) -> Iterator[tuple[str, Any]]:
    for name, content in changed.items():
        if ":" not in name:
            yield name, None if content is None else msgspec.json.decode(content)


def read_patient(value: bytes | msgspec.Raw) -> Patient:
    """Return a patient's row (hash `patients`, feed `patient/<id>`)."""
    return _patient(value)


def read_sealed(value: bytes) -> Sealed:
    """Return a sealed piece of content (hashes `charts`, `slots:<patient>`)."""
    return _sealed(value)


def read_line(value: bytes) -> Line:
    """Return a line of a patient's story (hash `story:<patient>`)."""
    return _line(value)


def read_channel(value: bytes | msgspec.Raw) -> ChannelState:
    """Return whether a channel works."""
    return _channel(value)
