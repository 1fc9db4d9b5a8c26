"""The capacity fold: records of one shard in, a draft of what they change out; the state changes only when told to.

The shard's clock is the largest `received_at` seen (design, decision 2). Before a record is folded, everything due by
its clock is run in order: wards that become stale, and the census of every full hour. So the outcome does not depend
on how the log was cut into batches.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from domain import grants
from domain.capacity.figures import Key, Row, mistakes_in, row_of, why_history
from domain.capacity.picture import WardPicture, draw
from domain.capacity.totals import Total, group_keys, groups, total_of
from domain.errors import Unreadable
from domain.events import (
    BedsReported,
    Event,
    Genesis,
    GrantGiven,
    GrantRevoked,
    Outcome,
    SettingsPublished,
    Tick,
)
from domain.grants import Grant
from domain.places import Region

FOLD_VERSION = 1
HOUR_MS = 3_600_000
IDS_KEPT_HOURS = 48  # an event's id, and with it the outcome of a command, is known for so long
HISTORY_KEPT_HOURS = 30 * 24  # and the hourly censuses
HOURS_STRUCK = 48  # at once, after a gap: of the hours before them nobody knew anything either
MOST_TOLD = 1_000  # wards that one feed entry tells of
NEVER = 2**62

K = TypeVar("K")
V = TypeVar("V")

MOST_PARTS = 15  # of a setting, of half a MiB each: a commit of one record holds 8 MiB

_read_region = msgspec.msgpack.Decoder(Region)
_read_json = msgspec.json.Decoder().decode


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an event: applied, history (kept, but not the live figure), refused, or dead (a dead letter).

    `digest` is the event's, where it has one: by it a reader sees whether this is the outcome of what they sent.
    """

    outcome: Outcome
    reason: str | None = None
    digest: str = ""


APPLIED = Said("applied")  # one for all: a busy region's 48 hours hold a million of them


class Told(NamedTuple):
    """One line of a ward's history: a row as it was said, and whether it became the live figure then."""

    ward: str
    row: Row
    stood: bool


class HourlyTotal(msgspec.Struct, frozen=True, array_like=True):
    """What the 24-hour curve needs of a total, as it stood at the full hour."""

    available: int | None
    occupied: int | None
    open: int | None
    wards: int
    lacking: int


class Item(NamedTuple):
    """One record as the fold wants it: an event, or why there is none."""

    offset: int
    event: Event | Unreadable
    appended_at: int | None = None  # by the broker's clock, where it says so: no `received_at` is later than that


@dataclass(slots=True)
class CapacityState:
    """All that a capacity shard remembers; changed by `absorb` alone."""

    offset: int = -1
    clock: int = 0
    region: Region | None = None
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wards: dict[str, WardPicture] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)
    settings: dict[str, bytes] = field(default_factory=dict)
    grants: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    first_offset_of: dict[int, int] = field(default_factory=dict)
    next_due: int = NEVER  # no ward becomes stale before

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)

    def settle(self) -> None:
        """Work out what is not stored but follows from what is: the region's groups and the timers."""
        self.members = groups(self.region) if self.region else {}
        self.next_due = min((p.stale_at for p in self.wards.values() if p.stale_at and not p.stale), default=NEVER)

    def absorb(self, draft: "Draft") -> None:
        """Become what the draft says, once it has been committed."""
        self.offset, self.clock = draft.offset, draft.clock
        if draft.region is not self.region:
            self.region, self.members = draft.region, draft.members
        _overlay(self.wards, draft.wards)
        _overlay(self.totals, draft.totals)
        _overlay(self.settings, draft.settings)
        _overlay(self.grants, draft.grants)
        for hour in draft.forgotten_hours:  # first, as an id that was forgotten may have been said anew since
            for id_ in self.said_in.pop(hour, ()):
                self.said.pop(id_, None)
        for hour, said in draft.said.items():
            self.remember(hour, said)
        _overlay(self.first_offset_of, draft.first_offset_of)
        self.next_due = draft.next_due


def _overlay(held: dict[K, V], changed: Mapping[K, V | None]) -> None:
    for key, value in changed.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value


class Draft:
    """What a run of records makes of a state, without touching it. None in an overlay means: gone."""

    def __init__(self, base: CapacityState) -> None:
        self.base = base
        self.offset, self.clock = base.offset, base.clock
        self.region, self.members = base.region, base.members
        self.wards: dict[str, WardPicture | None] = {}
        self.totals: dict[str, Total | None] = {}
        self.settings: dict[str, bytes | None] = {}
        self.grants: dict[str, tuple[Grant, ...] | None] = {}
        self.said: dict[int, dict[str, Said]] = {}
        self.repeated: dict[str, Said] = {}
        self.forgotten_hours: set[int] = set()
        self._forgotten: set[str] = set()  # the ids of those hours, which the base still knows
        self.first_offset_of: dict[int, int | None] = {}
        self.history: list[Told] = []
        self.hours: dict[int, dict[str, HourlyTotal]] = {}
        self.dead: dict[int, str] = {}
        self.next_due = base.next_due
        self.trims = False  # an hour is over: what history is too old by now goes
        self.anew = False  # so much changed that readers do better to load everything again
        self._rows: dict[str, dict[Key, Row]] = {}  # wards touched since the pictures were last drawn
        self._stale: set[str] = set()
        self._groups: set[str] = set()

    # -- what is so, as far as this draft is folded

    def ward(self, id_: str) -> WardPicture | None:
        """Return a ward's picture as last drawn."""
        return self.wards[id_] if id_ in self.wards else self.base.wards.get(id_)

    def outcome_of(self, id_: str) -> Said | None:
        """Return what became of an event of the last 48 h, None for one that was never seen."""
        for said in self.said.values():
            if id_ in said:
                return said[id_]
        return None if id_ in self._forgotten else self.base.said.get(id_)

    @property
    def outcomes(self) -> dict[str, Said]:
        """Return the outcomes that this draft gives, those of events that came again included."""
        return {id_: said for hour in self.said.values() for id_, said in hour.items()} | self.repeated

    # -- time

    def advance(self, clock: int) -> None:
        """Run everything due by then, in order, and let it be then; a clock never goes back."""
        if self.clock == 0:
            self.clock = clock
            self.first_offset_of[clock // HOUR_MS] = 0
        hour, last = self.clock // HOUR_MS, clock // HOUR_MS
        for full in range(max(hour, last - HOURS_STRUCK) + 1, last + 1):
            self.clock = full * HOUR_MS
            self.draw()
            self._strike(full)
        self.clock = max(clock, self.clock)

    def _strike(self, hour: int) -> None:
        """Keep the census of the full hour, and forget what is older than it is kept."""
        self.hours[hour] = {
            key: HourlyTotal(total.available, total.occupied, total.open, total.wards, total.lacking)
            for key, total in self._all_totals()
            if not key.startswith("facility/")
        }
        self.trims = True
        for old in [h for h in self.said if h < hour - IDS_KEPT_HOURS]:
            del self.said[old]
        for old in [h for h in self.base.said_in if h < hour - IDS_KEPT_HOURS and h not in self.forgotten_hours]:
            self.forgotten_hours.add(old)
            self._forgotten.update(self.base.said_in[old])
        self.first_offset_of |= {h: None for h in self._offset_hours() if h < hour - HISTORY_KEPT_HOURS}
        self.first_offset_of[hour] = self.offset + 1

    def _offset_hours(self) -> set[int]:
        return set(self.base.first_offset_of) | set(self.first_offset_of)

    def _all_totals(self) -> Iterable[tuple[str, Total]]:
        for key in self.members:
            total = self.totals[key] if key in self.totals else self.base.totals.get(key)
            if total is not None:
                yield key, total

    @property
    def history_from(self) -> int:
        """Return the first offset whose history is still kept."""
        return min(o for o in (self.base.first_offset_of | self.first_offset_of).values() if o is not None)

    # -- folding

    def fold(self, item: Item) -> None:
        """Fold one record; whatever it raises, the draft is then worth nothing and must be thrown away."""
        offset, event, appended_at = item
        if isinstance(event, Unreadable):
            self.bury(offset, str(event), event.id)
            return
        now = event.received_at if appended_at is None else min(event.received_at, appended_at)
        self.advance(now)
        self.offset = offset
        if isinstance(event, (Genesis, Tick)):
            return
        known = self.outcome_of(event.id)
        if known is not None:
            self.repeated[event.id] = known
            return
        said = self._apply(event, offset, now)
        if isinstance(event, BedsReported) and event.digest:
            said = Said(said.outcome, said.reason, event.digest)
        self._say(event.id, said)

    def bury(self, offset: int, reason: str, id_: str | None = None) -> None:
        """Record that a record can't be folded, and is a dead letter for this reason."""
        self.offset = offset
        self.dead[offset] = reason
        if id_ is not None:
            self._say(id_, Said("dead", reason))

    def _say(self, id_: str, said: Said) -> None:
        self.said.setdefault(self.clock // HOUR_MS, {})[id_] = said

    def _apply(self, event: Event, offset: int, now: int) -> Said:
        if event.not_after is not None and self.clock > event.not_after:
            return Said("refused", "too late")
        if event.region and self.region and event.region != self.region.code:
            return Said("refused", "another region's")
        match event:
            case BedsReported():
                return self._report(event, offset, now)
            case SettingsPublished():
                return self._publish(event)
            case GrantGiven() | GrantRevoked():
                return self._grant(event)
            case _:
                raise TypeError(f"the capacity fold does not know {type(event).__name__}")

    def _report(self, event: BedsReported, offset: int, now: int) -> Said:
        ward = self.region.ward_of.get(event.ward) if self.region else None
        if ward is None or self.region is None:
            return Said("refused", "unknown ward")
        wrong = mistakes_in(event.nature, event.status, event.temporality, event.splits)
        if wrong:
            return Said("refused", f"{wrong[0][0]}: {wrong[0][1]}")
        row = row_of(event, offset, now)
        rows = self._rows.get(ward.id)
        if rows is None:
            picture = self.ward(ward.id)
            rows = {held.key: held for held in picture.rows} if picture else {}
        limit_ms = self.region.freshness.limit_ms(self.region.kind_of[ward.kind])
        reason = why_history(rows.get(row.key), row, self.clock, limit_ms)
        self.history.append(Told(ward.id, row, stood=reason is None))
        if reason is not None:
            return Said("history", reason)
        rows[row.key] = row
        self._rows[ward.id] = rows
        return APPLIED

    def _grant(self, event: GrantGiven | GrantRevoked) -> Said:
        held = (self.grants if event.subject in self.grants else self.base.grants).get(event.subject) or ()
        now = grants.give(held, event) if isinstance(event, GrantGiven) else grants.revoke(held, event)
        self.grants[event.subject] = now or None
        return APPLIED

    # -- settings

    def _publish(self, event: SettingsPublished) -> Said:
        if ":" in event.name:
            return Said("refused", "a colon in the name")  # it is ours: digests and parts are kept beside under such
        if not 0 <= event.part < event.parts <= MOST_PARTS:
            return Said("refused", f"part {event.part} of {event.parts}")
        self._drop_parts(event.name, but=event.digest)
        self.settings[_part(event.name, event.digest, event.part)] = event.content
        parts = [self._setting(_part(event.name, event.digest, place)) for place in range(event.parts)]
        if any(part is None for part in parts):
            return APPLIED  # more parts are to come
        for place in range(event.parts):
            self.settings[_part(event.name, event.digest, place)] = None
        content = b"".join(part for part in parts if part is not None)
        if hashlib.sha256(content).hexdigest() != event.digest:
            return Said("refused", "the content does not match its digest")
        if event.name == "region":
            try:
                region = _read_region.decode(content)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return Said("refused", f"not a region directory: {error}")
            self._redraw(region)
        elif not _is_json(content):
            return Said("refused", "not JSON")
        self.settings[event.name] = content
        self.settings[f"{event.name}:digest"] = event.digest.encode()
        return APPLIED

    def _drop_parts(self, name: str, but: str) -> None:
        """Forget the parts of a publication that was broken off."""
        for held in set(self.base.settings) | set(self.settings):
            named, _, rest = held.partition(":")
            if named == name and ":" in rest and not rest.startswith(f"{but}:"):
                self.settings[held] = None

    def _setting(self, name: str) -> bytes | None:
        return self.settings[name] if name in self.settings else self.base.settings.get(name)

    def _redraw(self, region: Region) -> None:
        """Put a region directory in force: every picture and every total is drawn again by it."""
        self.draw()
        ids = set(self.base.wards) | set(self.wards)
        for id_ in ids:
            picture = self.ward(id_)
            if picture is not None and id_ in region.ward_of:
                self._rows[id_] = {row.key: row for row in picture.rows}
            else:
                self.wards[id_] = None
        for key in set(self.base.totals) | set(self.totals):
            self.totals[key] = None
        self.region, self.members, self.anew = region, groups(region), True
        self._groups.update(self.members)
        self.next_due = NEVER

    # -- drawing

    def draw(self) -> None:
        """Draw what changed since it was last drawn, as it is by now: pictures of wards, then their totals."""
        if self.region is None:
            return
        self._wake()
        for id_ in self._stale - self._rows.keys():
            picture = self.ward(id_)
            if picture is not None:
                self._rows[id_] = {row.key: row for row in picture.rows}
        if self._rows:
            self._draw_wards(self.region)
        for key in self._groups:
            self.totals[key] = total_of(key, self.members[key], self.ward, self.region)
        self._rows, self._stale, self._groups = {}, set(), set()
        self.anew = self.anew or len(self.wards) > MOST_TOLD

    def _wake(self) -> None:
        """Find the wards that have become stale by now.

        One instant is remembered, before which none does, and every ward is looked at when it has come: a timer each
        would have to be moved with every report.
        """
        if self.clock < self.next_due:
            return
        self.next_due = NEVER
        for id_ in self.base.wards.keys() | self.wards.keys():
            picture = self.ward(id_)
            if picture is None or picture.stale or picture.stale_at is None:
                continue
            if picture.stale_at <= self.clock:
                self._stale.add(id_)
            else:
                self.next_due = min(self.next_due, picture.stale_at)

    def _draw_wards(self, region: Region) -> None:
        for id_, rows in self._rows.items():
            ward = region.ward_of[id_]
            kind = region.kind_of[ward.kind]
            picture = draw(
                ward=id_,
                facility=ward.facility,
                kind=ward.kind,
                nature=kind.nature,
                installed=ward.installed,
                rows=rows.values(),
                limit_ms=region.freshness.limit_ms(kind),
                clock=self.clock,
            )
            self.wards[id_] = picture
            self._groups.update(group_keys(region, ward.facility, ward.kind))
            if picture.stale_at is not None and not picture.stale:
                self.next_due = min(self.next_due, picture.stale_at)


def _is_json(content: bytes) -> bool:
    try:
        _read_json(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _part(name: str, digest: str, place: int) -> str:
    return f"{name}:{digest}:{place}"


def fold(state: CapacityState, items: Sequence[Item]) -> Draft:
    """Return the draft of a run of records that follow the state; a record that breaks the fold is a dead letter in it.

    A record that raises is left out and the run folded anew, so that none is ever half folded. The draft may end before
    the run does (`draft.offset`): commit it, and fold the rest.
    """
    broken: dict[int, str] = {}
    while True:
        draft = Draft(state)
        for item in items:
            try:
                if item.offset in broken:
                    draft.bury(item.offset, broken[item.offset], getattr(item.event, "id", None))
                else:
                    draft.fold(item)
            except Exception as error:  # noqa: BLE001 - a bug must cost one record, with its name, and never the shard
                broken[item.offset] = f"{type(error).__name__} while folding"
                break
        else:
            try:
                draft.draw()
            except Exception as error:  # noqa: BLE001 - as above; which record it was shows when they are folded alone
                if len(items) > 1:
                    return fold(state, items[:1])
                broken[items[0].offset] = f"{type(error).__name__} while drawing"
                continue
            return draft
