"""What alert rules look at in a capacity shard: which rule holds for which subject, and what is measured of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from domain.alerts.measures import MEASURES, PLACES
from domain.alerts.rule import Rule, Ruleset
from domain.alerts.wording import Names
from domain.capacity.picture import WardPicture
from domain.events import MANUAL
from domain.places import Region

HOUR_MS = 3_600_000
BY_TIME = frozenset(("silent_for", "closed_past", "dead_letters"))  # what grows or falls though nothing is folded


class SourceSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a shard remembers of a source: when it last reported (ms, the shard's clock), and as which type (TRE_R335).

    `late` is how many of its reports in a row were older than the figure held.
    """

    last_at: int
    type: str
    late: int = 0


class Plan:
    """The rules of a region that a capacity shard judges, by the subjects that they hold for."""

    def __init__(self, rules: Ruleset, region: Region | None) -> None:
        self.rules, self.region = rules, region
        self.shard = f"shard/capacity:{region.code}" if region else ""
        mine = [rule for rule in rules.rules if rule.on in MEASURES and MEASURES[rule.on].owner == "capacity"]
        self._at = {level: tuple(rule for rule in mine if rule.at == level) for level in (*PLACES, "source", "shard")}
        self._names = Names(region)
        self._holding: dict[str, tuple[Rule, ...]] = {}
        on = {rule.on for rule in mine}
        self.reads_sources = not on.isdisjoint(("silent_for", "history_in_a_row"))
        self.reads_stale = "stale_beds" in on
        self.reads_past = "closed_past" in on

    def rules_of(self, subject: str) -> tuple[Rule, ...]:
        """Return the rules that hold for a subject."""
        holding = self._holding.get(subject)
        if holding is None:
            level = subject.partition("/")[0]
            holding = self._at.get(level, ())
            if level in PLACES:  # a region has so many of them, and no more; of sources there may be any number
                holding = self._holding[subject] = tuple(rule for rule in holding if self._fits(rule, subject))
        return holding

    def _fits(self, rule: Rule, subject: str) -> bool:
        if not rule.bed_kinds and not rule.places:
            return True
        labels = self._names.labels(subject)
        if rule.bed_kinds and labels.get("bed_kind") not in rule.bed_kinds:
            return False
        where = (labels.get(name) for name in ("ward", "facility", "departement", "region"))
        return not rule.places or any(place in rule.places for place in where)

    def subjects(self, groups: Iterable[str], sources: Iterable[str]) -> Iterator[str]:
        """Yield every subject that some rule holds for."""
        wards = (f"ward/{ward.id}" for ward in self.region.wards) if self.region else ()
        named = (f"source/{id_}" for id_ in sources)
        for each in (wards, groups, named, (self.shard,)):
            yield from (subject for subject in each if self.rules_of(subject))


def of_ward(on: str, picture: WardPicture | None, as_of: int) -> float | None:
    """Return what a measure is of a ward; None where that is unknown."""
    if picture is None:
        return None
    match on:
        case "occupancy":
            return picture.occupancy
        case "available":
            return picture.available
        case "undeclared_surge":
            return None if picture.occupied is None or picture.open is None else float(picture.undeclared_surge)
        case "stale_beds":
            return picture.installed if picture.stale else 0.0
        case "closed_past":
            if picture.closed is None:
                return None
            return 0.0 if picture.closed_until is None else max(0, as_of - picture.closed_until) / HOUR_MS
        case _:
            raise ValueError(f"{on} of a ward")


def of_group(on: str, pictures: Sequence[WardPicture], wards: int) -> float | None:
    """Return what a measure is of so many wards together, of which some have a picture; None where that is unknown.

    It is what their `Total` says, without adding up all that rules do not ask for, each second; but what fewer than
    half of the wards tell raises no alert (our own choice): after a start it would be the first few's figure.
    """
    match on:
        case "occupancy":
            told = [(ward.occupied, ward.open) for ward in pictures if ward.occupied is not None]
            counted = [(occupied, open_) for occupied, open_ in told if open_ is not None]
            beds = sum(open_ for _, open_ in counted)
            return sum(occupied for occupied, _ in counted) / beds if beds and 2 * len(counted) >= wards else None
        case "available":
            known = [ward.available for ward in pictures if ward.available is not None]
            return sum(known) if known and 2 * len(known) >= wards else None
        case "undeclared_surge":
            judged = [ward for ward in pictures if ward.occupied is not None and ward.open is not None]
            return sum(ward.undeclared_surge for ward in judged) if judged else None
        case "stale_beds":
            return sum(ward.installed or 0 for ward in pictures if ward.stale)
        case _:
            raise ValueError(f"{on} of a group")


def of_source(on: str, source: SourceSeen | None, as_of: int) -> float | None:
    """Return what a measure is of a source; None where that is unknown: a person may be silent."""
    if source is None:
        return None
    match on:
        case "silent_for":
            return None if source.type == MANUAL else (as_of - source.last_at) / 1000
        case "history_in_a_row":
            return source.late
        case _:
            raise ValueError(f"{on} of a source")


def of_shard(on: str, dead_at: Iterable[int], as_of: int) -> float:
    """Return what a measure is of the shard: how many dead letters the last hour has seen."""
    if on != "dead_letters":
        raise ValueError(f"{on} of a shard")
    return sum(at + HOUR_MS >= as_of for at in dead_at)


def turns(rule: Rule, since: Iterable[int]) -> Iterator[int]:
    """Yield the instants after which time alone changes what a rule says, of what has grown since then."""
    if rule.on == "dead_letters":
        yield from (at + HOUR_MS for at in since)
        return
    unit_ms = HOUR_MS if rule.on == "closed_past" else 1000
    for at in since:
        for level in rule.levels:
            edges = (level.above, level.below, level.clear_above, level.clear_below)
            yield from (at + int(edge * unit_ms) for edge in edges if edge is not None)


def sources_of(pictures: Iterable[WardPicture]) -> dict[str, SourceSeen]:
    """Return the sources of the figures held, as if they were seen when they said them."""
    found: dict[str, SourceSeen] = {}
    for picture in pictures:
        for row in picture.rows:
            held = found.get(row.source.id)
            if held is None or held.last_at < row.received_at:
                found[row.source.id] = SourceSeen(row.received_at, row.source.type)
    return found


def beds_of(
    subject: str,
    region: Region,
    members: Mapping[str, tuple[str, ...]],
    picture_of: Callable[[str], WardPicture | None],
) -> int | None:
    """Return the installed beds of a ward or a group, and of a source those of the wards whose figures it gave."""
    level, _, rest = subject.partition("/")
    pictures = {ward.id: picture_of(ward.id) for ward in region.wards} if level == "source" else {}
    match level:
        case "ward":
            wards: Iterable[str] = (rest,)
        case "source":
            wards = [id_ for id_, p in pictures.items() if p and any(row.source.id == rest for row in p.rows)]
        case _:
            wards = members.get(subject, ())
    known = [beds for id_ in wards if (beds := _installed(id_, region, picture_of)) is not None]
    return sum(known) if known else None


def _installed(id_: str, region: Region, picture_of: Callable[[str], WardPicture | None]) -> int | None:
    picture, ward = picture_of(id_), region.ward_of.get(id_)
    return picture.installed if picture else ward.installed if ward else None
