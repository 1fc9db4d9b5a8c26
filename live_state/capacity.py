"""The capacity shard in Redis: what a draft writes, what its feed entry says, and how both are read back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.alerts.lifecycle import Alert
from domain.capacity.figures import Row
from domain.capacity.fold import CapacityState, Draft, HourlyTotal, Said, Told
from domain.capacity.picture import WardPicture
from domain.capacity.totals import Total
from domain.capacity.watch import SourceSeen
from domain.grants import Grant
from domain.places import Region
from live_state.hashes import hash_commands, pack, pack_each, raw, read_said, sorted_commands
from live_state.state import Command, Position

NAMES = ("meta", "wards", "totals", "settings", "grants", "offsets", "alerts", "sources", "dead_at", "ids:*")
BY_DIGEST_ONLY = ("region", "boundaries")  # settings too large for a feed entry: readers fetch them by their digest

_picture = msgspec.msgpack.Decoder(WardPicture).decode
_total = msgspec.msgpack.Decoder(Total).decode
_grants = msgspec.msgpack.Decoder(tuple[Grant, ...]).decode
_alert = msgspec.msgpack.Decoder(Alert).decode
_source = msgspec.msgpack.Decoder(SourceSeen).decode
_region = msgspec.msgpack.Decoder(Region).decode


class HistoryEntry(msgspec.Struct, frozen=True):
    """One member of a ward's history: the row, and whether it became the live figure when it was folded."""

    row: Row
    stood: bool


class Change(msgspec.Struct, frozen=True, rename={"start": "from"}):
    """One feed entry: whole new values by key (None: gone), from which offset on, at what time of the shard's clock.

    `reload` says that everything changed, and that a reader does better to load the state again.
    """

    start: int
    at: int
    rebuilding: bool = False
    reload: bool = False
    set: dict[str, msgspec.Raw | None] = {}
    outcomes: dict[str, Said] = {}


class _Change(Change, frozen=True, rename={"start": "from"}):
    """A feed entry as its bytes are read: a Raw takes a nil too, and beside None msgspec would read nothing else."""

    set: dict[str, msgspec.Raw] = {}  # type: ignore[assignment]


_NIL = b"\xc0"
_change = msgspec.msgpack.Decoder(_Change).decode
_history = msgspec.msgpack.Decoder(HistoryEntry).decode


def load(position: Position, held: Mapping[str, Mapping[str, bytes]]) -> CapacityState:
    """Return the state that these hashes hold."""
    settings = dict(held.get("settings", {}))
    state = CapacityState(
        offset=position.offset,
        clock=int(held.get("meta", {}).get("clock", 0)),
        region=_region(settings["region"]) if "region" in settings else None,
        wards={id_: _picture(packed) for id_, packed in held.get("wards", {}).items()},
        totals={key: _total(packed) for key, packed in held.get("totals", {}).items()},
        settings=settings,
        grants={subject: _grants(packed) for subject, packed in held.get("grants", {}).items()},
        first_offset_of={int(hour): int(offset) for hour, offset in held.get("offsets", {}).items()},
        alerts={key: _alert(packed) for key, packed in held.get("alerts", {}).items()},
        sources={id_: _source(packed) for id_, packed in held.get("sources", {}).items()},
        dead_at={int(offset): int(at) for offset, at in held.get("dead_at", {}).items()},
    )
    for name, said in held.items():
        if name.startswith("ids:"):
            state.remember(int(name.removeprefix("ids:")), {id_: read_said(packed) for id_, packed in said.items()})
    state.settle()
    return state


class Packed(NamedTuple):
    """What the writes of a draft and others hold, packed once: the most of what a commit costs us.

    `steps` are what the outbox takes in: `<offset, 20 digits>/<n>` → the n-th step that the record there led to.
    """

    wards: dict[str, bytes | None]
    totals: dict[str, bytes | None]
    grants: dict[str, bytes | None]
    steps: dict[str, bytes]


def packed(draft: Draft) -> Packed:
    """Return the draft's pictures, totals, grants and steps as they are stored and sent."""
    steps = {f"{offset:020}/{n}": pack(step) for offset, n, step in draft.steps}
    return Packed(pack_each(draft.wards), pack_each(draft.totals), pack_each(draft.grants), steps)


def writes(draft: Draft, done: Packed | None = None, *, rebuilding: bool) -> list[Command]:
    """Return the commands that make the stored state what the draft says; absolute, so harmless to repeat."""
    done = done or packed(draft)
    return [
        *hash_commands("wards", done.wards),
        *hash_commands("totals", done.totals),
        *hash_commands("grants", done.grants),
        *hash_commands("settings", draft.settings.changed),
        *hash_commands("offsets", {str(hour): _text(offset) for hour, offset in draft.first_offset_of.items()}),
        *hash_commands("hours", {str(hour): pack(totals) for hour, totals in draft.hours.items()}),
        *hash_commands("hours", {str(hour): None for hour, offset in draft.first_offset_of.items() if offset is None}),
        *hash_commands("alerts", pack_each(draft.book.changed)),
        *hash_commands("sources", pack_each(draft.sources)),
        *hash_commands("outbox", done.steps),
        *hash_commands("dead_at", {str(offset): _text(at) for offset, at in draft.dead_at.items()}),
        *hash_commands("dead", {str(offset): reason.encode() for offset, reason in draft.dead.items()}),
        *(["DEL", f"ids:{hour}"] for hour in sorted(draft.forgotten_hours)),
        *(command for hour, said in draft.said.items() for command in hash_commands(f"ids:{hour}", pack_each(said))),
        *_histories(draft),
        ["HSET", "meta", "clock", draft.clock, "rebuilding", int(rebuilding)],
    ]


def _text(number: int | None) -> bytes | None:
    return None if number is None else str(number).encode()


def _histories(draft: Draft) -> Iterator[Command]:
    by_ward: dict[str, list[Told]] = {}
    for told in draft.history:
        by_ward.setdefault(told.ward, []).append(told)
    kept_from = draft.history_from if draft.trims else 0
    for ward, lines in by_ward.items():
        members = [part for line in lines for part in (line.row.offset, pack(HistoryEntry(line.row, line.stood)))]
        yield from sorted_commands(f"history:{ward}", members)
    if kept_from > 0:
        for ward in draft.base.wards.keys() | draft.wards.keys():
            yield ["ZREMRANGEBYSCORE", f"history:{ward}", "-inf", f"({kept_from}"]


def feed(draft: Draft, done: Packed | None = None, *, rebuilding: bool) -> bytes:
    """Return the feed entry of a draft."""
    changed: dict[str, Any] = {}
    if not draft.anew:
        done = done or packed(draft)
        changed |= {f"ward/{id_}": raw(picture) for id_, picture in done.wards.items()}
        changed |= {f"total/{key}": raw(total) for key, total in done.totals.items()}
        changed |= {f"grant/{subject}": raw(held) for subject, held in done.grants.items()}
        changed |= {f"setting/{name}": value for name, value in _settings(draft.settings.changed)}
    entry: dict[str, Any] = {"from": draft.base.offset, "at": draft.clock, "set": changed, "outcomes": draft.outcomes}
    return pack(entry | {"rebuilding": rebuilding, "reload": draft.anew})


def _settings(changed: Mapping[str, bytes | None]) -> Iterator[tuple[str, Any]]:
    """Yield the settings that came into force: their content (JSON), or for the large ones their digest."""
    for name, content in changed.items():
        if ":" in name:
            continue
        if content is None:
            yield name, None
        elif name in BY_DIGEST_ONLY:
            yield name, {"digest": (changed[f"{name}:digest"] or b"").decode()}
        else:
            yield name, msgspec.json.decode(content)


def read_feed(payload: bytes) -> Change:
    """Return what a feed entry says."""
    change = _change(payload)
    gone = [key for key, value in change.set.items() if value is not None and bytes(value) == _NIL]
    return msgspec.structs.replace(change, set={**change.set, **dict.fromkeys(gone)}) if gone else change


def read_history(members: Sequence[bytes]) -> list[HistoryEntry]:
    """Return the lines of a ward's history, in the order given."""
    return [_history(member) for member in members]


def read_hours(fields: Sequence[bytes | None]) -> list[dict[str, HourlyTotal] | None]:
    """Return the hourly totals by key, None for an hour that was not kept."""
    decode = msgspec.msgpack.Decoder(dict[str, HourlyTotal]).decode
    return [None if packed is None else decode(packed) for packed in fields]


def read_grants(packed: bytes) -> tuple[Grant, ...]:
    """Return a subject's grants."""
    return _grants(packed)


def read_picture(packed: bytes | msgspec.Raw) -> WardPicture:
    """Return a ward's picture."""
    return _picture(packed)


def read_total(packed: bytes | msgspec.Raw) -> Total:
    """Return a total."""
    return _total(packed)
