"""What doors answer from a region's mirror and from the live state, always through the asker's view."""

import gzip
import hashlib
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.capacity.fold import HOUR_MS, Said
from domain.capacity.search import Found, Free, nearest
from domain.capacity.view import NEEDS, Sight, see_ward
from domain.places import Region
from live_state import capacity
from live_state.capacity import HistoryEntry
from live_state.state import State
from realtime_api.access import View
from realtime_api.problems import Mistake, Problem
from realtime_api.push.hub import Hub
from realtime_api.push.mirror import Mirror
from realtime_api.shapes import HoursShown, Nearby, WardShown

MOST_HISTORY = 50
LOOKED_AT = (MOST_HISTORY, 400, 2_000)  # rows, until so many of them are the asker's to see
MOST_HOURS, USUAL_HOURS = 720, 24
MOST_RESULTS, USUAL_RESULTS = 50, 10
OUTCOMES_KEPT_HOURS = 48

NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")

encode = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """A region as its asker sees it."""

    hub: Hub
    view: View


class Document(NamedTuple):
    """A body that is the same for everyone until it changes."""

    body: bytes
    packed: bytes
    etag: str


class Documents:
    """Region directories and boundaries as they are sent, made once for each digest."""

    def __init__(self, tile_url: str) -> None:
        self._tile_url = tile_url or None
        self._held: dict[tuple[str, str], tuple[object, Document]] = {}

    def directory(self, hub: Hub) -> Document:
        """Return the region's directory."""

        def made() -> bytes:
            told = msgspec.to_builtins(hub.region)
            return encode(told | {"digest": hub.region_digest, "tile_url": self._tile_url})

        return self._document(hub, "directory", hub.region, made)

    def boundaries(self, hub: Hub) -> Document:
        """Return the region's outlines (GeoJSON); raise Problem where none were published."""
        content = hub.settings.get("boundaries")
        if content is None:
            raise Problem("unknown", "no boundaries were published for this region")
        return self._document(hub, "boundaries", content, lambda: content)

    def _document(self, hub: Hub, name: str, of: object, made: Callable[[], bytes]) -> Document:
        held = self._held.get((hub.code, name))
        if held is None or held[0] is not of:
            body = made()
            document = Document(body, gzip.compress(body, 6, mtime=0), f'"{name}-{_digest(body)}"')
            held = self._held[hub.code, name] = (of, document)
        return held[1]


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


async def ward(state: State, place: Place, id_: str) -> WardShown:
    """Return a ward with its last rows, as far as they are the asker's to see."""
    hub = place.hub
    region = region_of(hub)
    directory = region.ward_of.get(id_)
    if directory is None:
        raise Problem("unknown", "the directory has no such ward")
    sight = hub.seen(place.view).eyes.ward(id_)
    if not sight.statuses or hub.build is None:
        raise Problem("not-allowed", "this ward is not yours to see")
    lines: list[dict[str, Any]] = []
    for most in LOOKED_AT:
        entries = capacity.read_history(await state.latest(hub.build, f"history:{id_}", most))
        lines = [_line(entry, sight) for entry in entries if _is_seen(entry, sight)][:MOST_HISTORY]
        if len(lines) == MOST_HISTORY or len(entries) < most:
            break
    picture = hub.wards.get(id_)
    shown = None if picture is None else see_ward(picture, sight, region, hub.at, rows=True)
    return WardShown(shown, directory, lines)


def _is_seen(entry: HistoryEntry, sight: Sight) -> bool:
    return entry.row.status in sight.statuses and sight.only_from in (None, entry.row.source.id)


def _line(entry: HistoryEntry, sight: Sight) -> dict[str, Any]:
    row = msgspec.structs.asdict(entry.row)
    source = entry.row.source
    told: Any = source if sight.reporter else {"door": source.door, "type": source.type}
    return row | {"source": told, "stands": entry.stood}


async def hours(state: State, place: Place, kind: str, departement: str | None, most: int) -> HoursShown:
    """Return a total at the last full hours, as far as its figures are the asker's to see."""
    hub = place.hub
    key = f"region/{hub.code}/{kind}" if departement is None else f"departement/{departement}/{kind}"
    sight = hub.seen(place.view).eyes.total(key)
    if not sight.statuses or hub.build is None:
        raise Problem("not-allowed", "this total is not yours to see")
    last = hub.at // HOUR_MS
    wanted = list(range(last - most + 1, last + 1))
    kept = capacity.read_hours(await state.fields(hub.build, "hours", [str(hour) for hour in wanted]))
    found = [(hour, totals[key]) for hour, totals in zip(wanted, kept, strict=True) if totals and key in totals]
    return HoursShown([{"at": hour * HOUR_MS} | _seen_of(total, sight) for hour, total in found])


def _seen_of(total: Any, sight: Sight) -> dict[str, Any]:
    told = msgspec.structs.asdict(total)
    return {name: value for name, value in told.items() if NEEDS.get(name, frozenset()) <= sight.statuses}


def search(places: Sequence[Place], lat: float, lon: float, kind: str, limit: int) -> Nearby:
    """Return the nearest facilities with free beds of a kind, over all regions that the asker sees."""
    found: list[Found] = []
    for place in places:
        wards = place.hub.seen(place.view).wards
        found += nearest(place.hub.sites.get(kind, ()), lat, lon, limit, _offers(wards))
    found.sort(key=lambda facility: facility.distance_km)
    return Nearby(found[:limit], min(place.hub.at for place in places))


def _offers(wards: Mapping[str, Any]) -> Callable[[str], Free | None]:
    """Return what tells what a ward offers, from its picture as it is shown."""

    def offer(id_: str) -> Free | None:
        shown = wards.get(id_)
        if shown is None or shown.get("available") is None:
            return None
        return Free(shown["available"], shown["told_at"], shown["stale"])

    return offer


async def outcome(state: State, hubs: Sequence[Mirror[Any]], id_: str) -> Said | None:
    """Return what became of an event of the last 48 h, None for one that is not known."""
    for hub in hubs:
        told = hub.outcomes.get(id_)
        if told is not None:
            return told
    for hub in hubs:
        if hub.build is None:
            continue
        now = hub.at // HOUR_MS
        for hour in range(now, now - OUTCOMES_KEPT_HOURS - 1, -1):  # newest first: that is what is asked for
            (packed,) = await state.fields(hub.build, f"ids:{hour}", [id_])
            if packed is not None:
                return msgspec.msgpack.decode(packed, type=Said)
    return None


def region_of(hub: Hub) -> Region:
    """Return the region's directory; raise Problem where it is not there yet."""
    if hub.region is None:
        raise Problem("not-ready")
    return hub.region


# --- parameters ------------------------------------------------------------------------------------------------------


def strange(given: Iterable[str], known: Collection[str]) -> list[Mistake]:
    """Return the parameters that are none of these, told by their place: a name that was made up may be content."""
    told = f"is no parameter of this door, whose are {', '.join(known)}" if known else "this door has no parameter"
    return [Mistake(f"#{place}", told) for place, name in enumerate(given) if name not in known]


class Asked:
    """A request's parameters, read one by one; `done` tells all that is wrong with them at once."""

    def __init__(self, given: Mapping[str, str], known: Sequence[str]) -> None:
        self._given = given
        self._wrong = strange(given, known)

    def number(self, name: str, low: float, high: float) -> float:
        """Return a number within bounds."""
        text = self.text(name)
        value = float(text) if text is not None and NUMBER.fullmatch(text) else math.nan
        if text is not None and not low <= value <= high:
            self._wrong.append(Mistake(name, f"must be a number from {low:g} to {high:g}"))
        return value

    def count(self, name: str, usual: int, most: int) -> int:
        """Return a whole number from 1, the usual one where none is given."""
        text = self._given.get(name)
        if text is None:
            return usual
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= value <= most:
            self._wrong.append(Mistake(name, f"must be a whole number from 1 to {most}"))
        return value

    def flag(self, name: str) -> bool:
        """Return whether something is wanted, which it is not where nothing is said."""
        text = self._given.get(name)
        if text not in (None, "true", "false"):
            self._wrong.append(Mistake(name, "must be true or false"))
        return text == "true"

    def one_of(self, name: str, known: Collection[str]) -> str:
        """Return a text that must be there, and one of these."""
        value = self.text(name)
        if value is not None and value not in known:
            self._wrong.append(Mistake(name, f"is not one of {', '.join(known)}"))
        return value or ""

    def text(self, name: str) -> str | None:
        """Return a text that must be there."""
        value = self._given.get(name)
        if value is None:
            self._wrong.append(Mistake(name, "is missing"))
        return value

    def done(self) -> None:
        """Raise Problem if anything was wrong."""
        if self._wrong:
            raise Problem("bad-parameter", mistakes=self._wrong)
