"""A region's picture as this process knows it: a mirror of the shard's state, and the messages that tell of it."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from domain.capacity.fold import FOLD_VERSION
from domain.capacity.picture import WardPicture
from domain.capacity.search import Site, sites
from domain.capacity.totals import Total, group_keys, groups, total_of
from domain.capacity.view import Sight, see_total, see_ward, visible
from domain.events import AVAILABLE, CURRENT, OCCUPIED
from domain.grants import Grant
from domain.places import Region
from live_state.capacity import load, read_feed, read_grants, read_picture, read_total
from live_state.state import Build, Position
from realtime_api.access import Eyes, View, view_of
from realtime_api.push.mirror import Change, Effect, Message, Mirror, Reading

HASHES = ("meta", "wards", "totals", "settings", "grants")
MOST_VIEWS = 2_000

Shown = tuple[frozenset[str], str | None]  # what makes the figures of two sights the same


class Seen:
    """A region through a view: every ward and total as it is shown there, drawn once for all readers of the view.

    It remembers when what is shown last became another one. A change of what is hidden is none here: that there was one
    is not told either.
    """

    def __init__(self, hub: "Hub", view: View, region: Region) -> None:
        self._hub, self._region, self.view = hub, region, view
        self.eyes = Eyes(view, region)
        self._wards: dict[str, Any] = {}
        self._totals: dict[str, Any] = {}
        self._upto: int | None = None
        self._since = hub.offset  # of what was before, what is shown alone can tell whether it changed
        self._changed: dict[str, int] = {}

    @property
    def wards(self) -> Mapping[str, Any]:
        """Return the wards that are shown."""
        self._catch_up()
        return self._wards

    @property
    def totals(self) -> Mapping[str, Any]:
        """Return the totals that are shown."""
        self._catch_up()
        return self._totals

    def _catch_up(self) -> None:
        """Draw again what changed since it was last drawn."""
        if self._upto == self._hub.offset:
            return
        if self._upto is None:
            self._since = self._hub.offset
        everything = (*(f"ward/{id_}" for id_ in self._hub.wards), *(f"total/{key}" for key in self._hub.totals))
        first = self._upto is None
        for key in everything if self._upto is None else self._hub.changed_after(self._upto):
            name, _, rest = key.partition("/")
            if name not in ("ward", "total"):
                continue
            shown, value = (self._wards, self._ward(rest)) if name == "ward" else (self._totals, self._total(rest))
            if value == shown.get(rest):
                continue
            _put(shown, rest, value)
            if not first:
                self._changed[key] = self._hub.offset
        self._upto = self._hub.offset

    def _ward(self, id_: str) -> Any:
        picture, sight = self._hub.wards.get(id_), self.eyes.ward(id_)
        return see_ward(picture, sight, self._region, self._hub.at) if picture and sight.statuses else None

    def _total(self, key: str) -> Any:
        sight = self.eyes.total(key)
        total = self._hub.total(key, sight) if sight.statuses else None
        return None if total is None else see_total(total, sight)

    def changes(self, keys: Iterable[str], after: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is shown of these keys now, None for what is gone; only what changed here after the offset."""
        self._catch_up()
        wards: dict[str, Any] = {}
        totals: dict[str, Any] = {}
        for key in keys:
            name, _, rest = key.partition("/")
            if name in ("ward", "total") and self._is_news(name, key, rest, after):
                told, shown = (wards, self._wards) if name == "ward" else (totals, self._totals)
                told[rest] = shown.get(rest)
        return wards, totals

    def _is_news(self, name: str, key: str, rest: str, after: int | None) -> bool:
        """Return whether something that is shown has changed after an offset, or may have.

        Rows are replaced and never taken away, so what shows nothing now never did; to say that it is gone would tell
        that something was reported. Only who sees their own words alone can lose sight of a ward.
        """
        if after is not None and self._changed.get(key, -1) > after:
            return True
        if after is not None and after >= self._since:
            return False
        if name == "total":
            return rest in self._totals and self._hub.may_have_changed(rest, self.eyes.total(rest), after)
        sight = self.eyes.ward(rest)
        if rest not in self._wards:
            return bool(sight.statuses) and sight.only_from is not None
        return self._hub.may_have_changed(rest, sight, after)


class Hub(Mirror[View]):
    """The mirror of one region's capacity shard."""

    reading = Reading(HASHES, FOLD_VERSION, read_feed, frozenset(("setting/region", "setting/boundaries")))

    def __init__(self, code: str) -> None:
        super().__init__(code, f"capacity:{code}", f"capacity:{code}")
        self.region: Region | None = None
        self.region_digest: str | None = None
        self.settings: dict[str, bytes] = {}
        self.scenario: Any = None
        self.wards: dict[str, WardPicture] = {}
        self.totals: dict[str, Total] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        self.grants: dict[str, tuple[Grant, ...]] = {}
        self.sites: dict[str, tuple[Site, ...]] = {}
        self._due: list[tuple[int, str]] = []
        self._due_of: dict[str, int] = {}
        self._seen: OrderedDict[View, Seen] = OrderedDict()
        self._visible: dict[Shown, dict[str, WardPicture | None]] = {}  # drawn once for all views that see as much
        self._totals_of: dict[Shown, dict[str, Total | None]] = {}

    # -- what doors ask first

    def why_not(self) -> str | None:
        """Return the kind of problem that keeps doors from showing anything, None where they may."""
        if self.region is None:
            return "rebuilding" if self.rebuilding else "not-ready"
        return "rebuilding" if self.rebuilding else None

    @property
    def rights(self) -> "Hub":
        """Return the hub that knows who may see this: itself."""
        return self

    def view(self, subject: str, grants: Iterable[Grant], now: int, channel: str) -> View | None:
        """Return what these grants let the subject see of the region at this moment, None where they see nothing."""
        return view_of(subject, grants, self.code, now)

    # -- changed by the relay

    def replace(self, build: Build, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> None:
        """Become what the live state holds."""
        state = load(position, held)
        self._become(build, position, held)
        self.region, self.settings = state.region, {k: v for k, v in state.settings.items() if ":" not in k}
        self.region_digest = _digest(state.settings, "region")
        self.scenario = _json(self.settings.get("scenario"))
        self.wards, self.totals, self.grants = state.wards, state.totals, state.grants
        self.sites = sites(state.region) if state.region else {}
        self.members = groups(state.region) if state.region else {}
        self._seen.clear()
        self._visible.clear()
        self._totals_of.clear()
        self._due_of = {id_: due for id_, picture in self.wards.items() if (due := self._next_due(picture)) is not None}
        self._due = [(due, id_) for id_, due in self._due_of.items()]
        heapify(self._due)

    def recall(self, entries: Iterable[tuple[int, Change]]) -> None:
        """Take in the feed up to where the mirror stands: what changed after which offset, for tokens to resume by."""
        super().recall(entries)
        for id_, picture in self.wards.items():
            # In a view that hides some of its figures a ward may have grown stale without an entry that says so.
            if any(due <= self.at for due in self._dues(picture)):
                for key in self._told_by(self.wards[id_]):
                    self._mark(key, self.offset)

    def apply(self, offset: int, change: Change) -> Effect:
        """Become what the next feed entry says, and return what that changed."""
        keys = list(change.set)
        for key, packed in change.set.items():
            self._set(key, packed)
        was, self.at, self.offset = self.at, change.at, offset
        self.rebuilding = change.rebuilding
        keys += [key for key in self._ripe() if key not in change.set]
        for key in keys:
            self._mark(key, offset)
            self._redraw(key)
        self._frames.clear()
        self._learn(change.outcomes)
        return Effect(keys, advanced=self.at > was)

    def _set(self, key: str, packed: msgspec.Raw | None) -> None:
        name, _, rest = key.partition("/")
        match name:
            case "ward":
                _put(self.wards, rest, None if packed is None else read_picture(packed))
                if packed is not None:
                    self._schedule(self.wards[rest])
            case "total":
                _put(self.totals, rest, None if packed is None else read_total(packed))
            case "grant":
                _put(self.grants, rest, None if packed is None else read_grants(bytes(packed)))
            case "setting" if rest == "scenario":
                self.scenario = None if packed is None else msgspec.msgpack.decode(packed)
            case _:
                pass  # a setting that no listener is told of

    def _redraw(self, key: str) -> None:
        name, _, rest = key.partition("/")
        for drawn in self._visible.values() if name == "ward" else ():
            drawn.pop(rest, None)
        for added in self._totals_of.values() if name == "total" else ():
            added.pop(rest, None)

    # -- figures that grow stale: a view that hides some of a ward's figures judges by the others

    def _dues(self, picture: WardPicture) -> Iterator[int]:
        if self.region is None or picture.kind not in self.region.kind_of:
            return
        limit = self.region.freshness.limit_ms(self.region.kind_of[picture.kind])
        for row in picture.rows:
            if row.status in (AVAILABLE, OCCUPIED) and row.temporality == CURRENT:
                yield row.happened_at + limit

    def _next_due(self, picture: WardPicture) -> int | None:
        return min((due for due in self._dues(picture) if due > self.at), default=None)

    def _schedule(self, picture: WardPicture) -> None:
        due = self._next_due(picture)
        if due is not None and due < self._due_of.get(picture.id, due + 1):
            self._due_of[picture.id] = due
            heappush(self._due, (due, picture.id))

    def _ripe(self) -> list[str]:
        """Return the keys of the wards of which a figure grew stale by now."""
        found: dict[str, None] = {}
        while self._due and self._due[0][0] <= self.at:
            due, id_ = heappop(self._due)
            if self._due_of.get(id_) != due:
                continue
            del self._due_of[id_]
            picture = self.wards.get(id_)
            if picture is None:
                continue
            if any(due <= each <= self.at for each in self._dues(picture)):
                found |= dict.fromkeys(self._told_by(picture))
            self._schedule(picture)
        return list(found)

    def _told_by(self, picture: WardPicture) -> Iterator[str]:
        """Yield the keys of a ward and of the totals that it counts in."""
        yield f"ward/{picture.id}"
        if self.region is not None and picture.facility in self.region.facility_of:
            yield from (f"total/{key}" for key in group_keys(self.region, picture.facility, picture.kind))

    # -- totals: of a view that hides some figures, the sum of what its wards show

    def total(self, key: str, sight: Sight) -> Total | None:
        """Return a total as it follows from the rows that may be seen, None where there is none."""
        if sight.every_figure or self.region is None:
            return self.totals.get(key)
        added = self._totals_of.setdefault((sight.statuses, sight.only_from), {})
        if key not in added:
            ids = self.members.get(key, ())
            added[key] = total_of(key, ids, lambda id_: self._picture(id_, sight), self.region) if ids else None
        return added[key]

    def _picture(self, id_: str, sight: Sight) -> WardPicture | None:
        drawn = self._visible.setdefault((sight.statuses, sight.only_from), {})
        if id_ not in drawn:
            picture = self.wards.get(id_)
            known = picture is not None and self.region is not None
            drawn[id_] = visible(picture, sight, self.region, self.at) if known else None  # type: ignore[arg-type]
        return drawn[id_]

    def may_have_changed(self, rest: str, sight: Sight, after: int | None) -> bool:
        """Return whether what can be seen of a ward or a total may have changed after an offset.

        It did with a row from after it; and it may have grown stale.
        """
        if after is None:
            return True
        for id_ in self.members.get(rest, (rest,)):
            picture = self._picture(id_, sight)
            if picture is not None and (picture.stale or any(row.offset > after for row in picture.rows)):
                return True
        return False

    # -- read by doors

    def seen(self, view: View) -> Seen:
        """Return the region through a view; ask `why_not` first."""
        if self.region is None:
            raise LookupError(f"{self.code} has no directory")
        seen = self._seen.get(view)
        if seen is None:
            seen = self._seen[view] = Seen(self, view, self.region)
            if len(self._seen) > MOST_VIEWS:
                self._seen.popitem(last=False)
        self._seen.move_to_end(view)
        return seen

    def picture(self, view: View) -> Message:
        """Return all that the view shows."""
        seen = self.seen(view)
        return {
            "at": self.at,
            "rebuilding": self.rebuilding,
            "region_digest": self.region_digest,
            "scenario": self.scenario,
            "wards": seen.wards,
            "totals": seen.totals,
        }

    def changes(
        self, view: View, keys: Iterable[str], after: int | None = None, *, even_none: bool = False
    ) -> Message | None:
        """Return the message that tells what these keys are now, None where nothing changed that the view shows.

        Of the keys, what a reader of this view who was told everything up to `after` holds already is left out.
        """
        keys = list(keys)
        wards, totals = self.seen(view).changes(keys, after)
        told: Message = {"at": self.at}
        if "setting/scenario" in keys:
            told["scenario"] = self.scenario
        if wards:
            told["wards"] = wards
        if totals:
            told["totals"] = totals
        if len(told) == 1 and not even_none:
            return None
        return {"type": "changes", "channel": view.channel, "token": self.token(view), "changes": told}


def _put(held: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value


def _digest(settings: Mapping[str, bytes], name: str) -> str | None:
    digest = settings.get(f"{name}:digest")
    return None if digest is None else digest.decode()


def _json(content: bytes | None) -> Any:
    return None if content is None else msgspec.json.decode(content)
