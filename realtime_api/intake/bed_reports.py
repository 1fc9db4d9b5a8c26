"""Bed reports as JSON: bytes to rows that can be accepted, or to all that is wrong with each of them."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple, get_type_hints

import msgspec

from domain.capacity.figures import AHEAD_MS, mistakes_in
from domain.errors import Unreadable
from domain.events import CODES, CURRENT, INSTALLED, MANUAL, BedsReported, Source, Split
from domain.places import NATURE_BED
from realtime_api.problems import Mistake, Problem

MOST_BYTES = 1024 * 1024
MOST_ROWS = 1000
MOST_SPLITS = 64  # more than anyone tells apart
MOST_MISTAKES = 50  # of one row
LONGEST = 200  # characters of a message or path: some of it is what was sent


class SplitReport(Split, frozen=True, forbid_unknown_fields=True):
    """One part of a row's count, and what sets it apart from the others.

    `until` (status 05 alone): when closed beds are to be open again, RFC 3339 with an offset, or ms since 1970.
    """

    until: int | str | None = None  # type: ignore[assignment]


class BedReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row: all of one (ward, nature, status, temporality), as one `count` or as `splits`.

    Codes are those of the ROR: `status` TRE_R330 (01 installed, 02 available, 03 occupied, 04 reserved, 05 closed,
    06 supplementary), `nature` TRE_R329 (the ward's own where it is not given), `temporality` TRE_R331, `source_type`
    TRE_R335. `happened_at`: RFC 3339 with an offset, or milliseconds since 1970; when it is not given, now.
    """

    ward: str
    status: str
    nature: str | None = None
    temporality: str = CURRENT
    happened_at: int | str | None = None
    source_type: str = MANUAL
    count: int | None = None
    splits: list[SplitReport] | None = None


class WardPlace(NamedTuple):
    """Where a ward is, for those who judge and route its reports."""

    region: str
    facility: str
    entity: str
    nature: str


class Row(NamedTuple):
    """A row that can be accepted."""

    ward: str
    region: str
    status: str
    nature: str
    temporality: str
    happened_at: int
    source_type: str
    splits: tuple[Split, ...]
    digest: str  # of the row as it was sent: without an instant, for one, that the door gave it

    def event(self, id_: str, subject: str, door: str, now: int, *, named: bool = False) -> BedsReported:
        """Return the fact that the row becomes; with its digest where its sender named it."""
        return BedsReported(
            id=id_,
            received_at=now,
            region=self.region,
            ward=self.ward,
            status=self.status,
            nature=self.nature,
            temporality=self.temporality,
            happened_at=self.happened_at,
            source=Source(id=subject, door=door, type=self.source_type),
            splits=self.splits,
            digest=self.digest if named else "",
        )


class Intake(NamedTuple):
    """What a body says: each of its rows, or what is wrong with it; `listed` where it was a list."""

    rows: Sequence[Row | list[Mistake]]
    listed: bool


_in_order = msgspec.json.Encoder(order="sorted").encode
_types = get_type_hints(BedReport) | {"splits": list[Any] | None}
_split_types = get_type_hints(SplitReport)


def read(body: bytes, now: int, places: Mapping[str, WardPlace]) -> Intake:
    """Return what the body says; raise Unreadable, or a Problem for a body that is refused as a whole."""
    if len(body) > MOST_BYTES:
        raise Problem("too-large", f"a body is at most {MOST_BYTES} bytes")
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    if isinstance(document, dict):
        return Intake([_judge(document, "", now, places)], listed=False)
    if not isinstance(document, list):
        raise Problem(
            "wrong-rows", "a report is a row, or a list of rows", [Mistake("", "neither an object nor a list")]
        )
    if not document:
        raise Problem("wrong-rows", "a list needs at least one row", [Mistake("rows", "the list is empty")])
    if len(document) > MOST_ROWS:
        raise Problem("too-large", f"a list has at most {MOST_ROWS} rows, and this one {len(document)}")
    rows = [_judge(each, f"rows[{place}].", now, places) for place, each in enumerate(document)]
    return Intake(rows, listed=True)


def _judge(given: Any, path: str, now: int, places: Mapping[str, WardPlace]) -> Row | list[Mistake]:
    """Return the row, or every mistake in it."""
    if not isinstance(given, dict):
        return [Mistake(path.removesuffix("."), "a row must be an object")]
    fields, wrong = _fields(given, _types, ("ward", "status"))
    place = places.get(fields["ward"]) if "ward" in fields else None
    if "ward" in fields and place is None:
        wrong.append(Mistake("ward", "unknown ward"))
    happened_at, why = _instant(fields.get("happened_at"), now)
    if why:
        wrong.append(Mistake("happened_at", why))
    source_type = fields.get("source_type", MANUAL)
    if source_type not in CODES["source_type"]:
        wrong.append(Mistake("source_type", f"{source_type!r} is not one of {', '.join(sorted(CODES['source_type']))}"))
    splits, mistakes = _splits(given, fields)
    wrong += mistakes
    nature = fields.get("nature") or (place.nature if place else NATURE_BED)
    temporality = fields.get("temporality", CURRENT)
    wrong += _whole(nature, fields.get("status"), temporality, splits, {mistake.path for mistake in wrong})
    if wrong or place is None:
        return _told(wrong, path)
    return Row(
        ward=fields["ward"],
        region=place.region,
        status=fields["status"],
        nature=nature,
        temporality=temporality,
        happened_at=happened_at,
        source_type=source_type,
        splits=tuple(splits),
        digest=blake2b(_in_order(given), digest_size=8).hexdigest(),
    )


def _whole(
    nature: str, status: str | None, temporality: str, splits: Sequence[Split], told: Container[str]
) -> list[Mistake]:
    """Return what the domain says of the row as a whole, less what was said already."""
    found = mistakes_in(nature, status or INSTALLED, temporality, splits or [Split(0)])
    if status is None:  # what a split goes with can't be judged
        found = [(path, message) for path, message in found if not message.startswith("only goes with")]
    return [Mistake(path, message) for path, message in found if path not in told]


def _told(wrong: Sequence[Mistake], path: str) -> list[Mistake]:
    """Return the mistakes with their whole path; bounded, so that a small body can't make a huge answer."""
    shown = [Mistake(path + at[:LONGEST], message[:LONGEST]) for at, message in wrong[:MOST_MISTAKES]]
    if len(wrong) > MOST_MISTAKES:
        shown.append(Mistake(path.removesuffix("."), f"and {len(wrong) - MOST_MISTAKES} more"))
    return shown


def _fields(
    given: Mapping[str, Any], types: Mapping[str, Any], required: Sequence[str]
) -> tuple[dict[str, Any], list[Mistake]]:
    """Return the fields that have the right type, and a mistake for each of the others."""
    right: dict[str, Any] = {}
    wrong = [Mistake(name, "is missing") for name in required if name not in given]
    for name, value in given.items():
        if name not in types:
            wrong.append(Mistake(name, "is not a field of a report"))
            continue
        try:
            right[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            wrong.append(Mistake(name, str(error)))
    return right, wrong


def _splits(given: Mapping[str, Any], fields: Mapping[str, Any]) -> tuple[list[Split], list[Mistake]]:
    """Return the splits of a row, one where it gives a count alone, and what is wrong with them."""
    count, listed = fields.get("count"), fields.get("splits")
    if given.get("count") is None and given.get("splits") is None:
        return [], [Mistake("count", "either count or splits is needed")]
    if given.get("count") is not None and given.get("splits") is not None:
        return [], [Mistake("splits", "count and splits exclude one another")]
    if count is not None:
        wrong = [Mistake("count", why) for _, why in mistakes_in(NATURE_BED, INSTALLED, CURRENT, [Split(count)])]
        return ([] if wrong else [Split(count)]), wrong
    if listed is None:
        return [], []  # of the wrong type, and told so
    if not 0 < len(listed) <= MOST_SPLITS:
        return [], [Mistake("splits", f"at least one count is needed, and at most {MOST_SPLITS}")]
    splits: list[Split] = []
    mistakes: list[Mistake] = []
    for place, each in enumerate(listed):
        if not isinstance(each, dict):
            mistakes.append(Mistake(f"splits[{place}]", "must be an object"))
            splits.append(Split(0))  # keeps the places of the others
            continue
        right, wrong = _fields(each, _split_types, ("count",))
        if right.get("until") is not None:
            right["until"], why = _moment(right["until"])
            if why:
                wrong.append(Mistake("until", why))
        mistakes += [Mistake(f"splits[{place}].{mistake.path}", mistake.message) for mistake in wrong]
        splits.append(Split(**{"count": 0, **right}))
    return splits, mistakes


def _instant(given: int | str | None, now: int) -> tuple[int, str | None]:
    """Return the instant in ms, and what is wrong with it; the fold clamps what is a little ahead."""
    at, why = (now, None) if given is None else _moment(given)
    if at is not None and at > now + AHEAD_MS:
        why = "is more than 5 min in the future"
    elif at is not None and at < 0:
        why = "is before 1970"
    return (now if at is None or why else at), why


def _moment(given: int | str) -> tuple[int | None, str | None]:
    """Return an instant in ms as it was given, or what is wrong with it."""
    if isinstance(given, int):
        return given, None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        return None, "must be RFC 3339 with an offset, or milliseconds since 1970"
    if moment.tzinfo is None:
        return None, "lacks an offset from UTC (2026-01-31T08:00:00+01:00)"
    try:
        return round(moment.timestamp() * 1000), None
    except (OverflowError, ValueError):
        return None, "is not within the years that a clock can show"
