"""The replay's deal: real daily figures become bed reports by ward, the same for the same seed; no IO, no clock."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from domain.events import (
    AVAILABLE,
    CLOSED,
    COVID_POSITIVE,
    CURRENT,
    INSTALLED,
    MANUAL,
    MOBILISED,
    OCCUPIED,
    RESERVED,
    SUPPLEMENTARY,
    Split,
)
from domain.places import BedKind, Region, Ward, Words

COVID_NEGATIVE, NOT_ASSIGNED = "03", "01"  # TRE_R337-AffectationTemporaire
PLAN_BLANC = "02"  # TRE_R336-TypeCrise: SSE (plan blanc)
BED_MANAGEMENT = "02"  # TRE_R335-TypeSourceCapacite

# COVID patients in critical care fill these kinds, tier after tier; who is left lies in supplementary beds of the
# first tier that the département has. Never children's wards, nor cardiac or stroke units.
TIERS = (("rea-adulte",), ("sc-adulte", "si-autres"))
TAKES_COVID = frozenset(kind for tier in TIERS for kind in tier)

# 2018's groups of beds mix adults and children: group -> (the kind that gets them, the kind taken off first).
GROUPS: dict[str, tuple[str, str | None]] = {
    "rea": ("rea-adulte", "rea-enfant"),
    "usic": ("usic", None),
    "usinv": ("usinv", None),
    "si-autres": ("si-autres", None),
    "sc": ("sc-adulte", "sc-enfant"),
}

# Kind -> the SAE unit whose bed-days tell how full it really is.
UNITS = {
    "rea-adulte": "rea-adulte",
    "usic": "si",
    "usinv": "si",
    "si-autres": "si",
    "sc-adulte": "sc-adulte",
    "medecine": "mco",
    "chirurgie": "mco",
    "obstetrique": "mco",
}

# A yearly mean above this is an error of the declaration (a site gives 194 %); real units run up to about 126 to 136 %.
MOST_PLAUSIBLE = 1.5

# How far operations were cancelled: 0 not at all, 1 wholly; straight lines between. Invented, after the national calls
# of 12 March 2020 (cancel) and 11 May 2020 (resume).
CANCELLATION = (
    (date(2020, 3, 12), 0.0),
    (date(2020, 3, 30), 1.0),
    (date(2020, 5, 11), 1.0),
    (date(2020, 6, 22), 0.0),
)


class Ordinary(NamedTuple):
    """How the patients without COVID of one kind behave. All invented, but `usual` where the SAE has bed-days.

    `usual` occupancy where no bed-days tell; the share of it `left` when operations are wholly cancelled; the share
    `kept` that can't make room for a COVID patient; the share of beds `closed` then; a factor for `weekend` days.
    """

    usual: float = 0.80
    left: float = 0.80
    kept: float = 0.0
    closed: float = 0.0
    weekend: float = 1.0


ORDINARY: dict[str, Ordinary] = {
    "rea-adulte": Ordinary(usual=0.85, left=0.50, kept=0.35),
    "rea-enfant": Ordinary(usual=0.70, left=0.60),
    "usic": Ordinary(usual=0.80, left=0.75),
    "usinv": Ordinary(usual=0.80, left=0.80),
    "si-autres": Ordinary(usual=0.80, left=0.70, kept=0.50),
    "sc-adulte": Ordinary(usual=0.75, left=0.50, kept=0.30),
    "sc-enfant": Ordinary(usual=0.65, left=0.55),
    "medecine": Ordinary(usual=0.85, left=0.65, closed=0.03),
    "chirurgie": Ordinary(usual=0.75, left=0.40, closed=0.25, weekend=0.85),
    "obstetrique": Ordinary(usual=0.70, left=0.95),
    "mco-places": Ordinary(usual=0.80, left=0.25, closed=0.40, weekend=0.0),
    "smr": Ordinary(usual=0.82, left=0.85, closed=0.04),
    "smr-places": Ordinary(usual=0.75, left=0.20, closed=0.50, weekend=0.0),
    "had": Ordinary(usual=0.78, left=1.0),
    "usld": Ordinary(usual=0.95, left=0.97),
}

NOISE = 0.06  # the most by which a day's ordinary figure strays from its mean, as a share of it
SOFTWARE_SITES = 0.12  # of the facilities whose software reports, all the others by hand
NEVER_TELLS = 0.03  # of the wards that take no COVID patient: they never report, and stay unknown
SILENT_SPELLS = 0.06  # chance that such a ward falls silent past its limit in a ten-day period
TELLS_NO_CLOSED = 0.12  # of the wards outside critical care: they never say 05, so that open is only a bound
LATE = 0.05  # of the reports

# Hours of the rounds: (earliest, latest), a ward keeps its habit in between. Wards that take COVID patients report
# three times, so that no gap reaches the 12 h of tension: in March 2020 crisis cells telephoned three times a day.
ROUNDS_COVID = ((6.0, 7.0), (13.0, 15.0), (20.5, 21.5))
ROUNDS_CRITICAL = ((6.0, 9.0), (14.0, 18.0))
ROUNDS_ORDINARY = ((6.5, 9.5), (15.0, 18.0))
ROUNDS_SLOW = ((8.0, 11.5),)
SOFTWARE_EVERY_H = 4.0
STRAY_H = 1 / 6  # from the habit, either way
LATE_H = 1.0  # at most, where COVID patients are
LATE_OTHERS_H = 5.0
LAST_H = 23.9  # a late report still comes within its day


class Covid(NamedTuple):
    """One day's COVID patients of a département: in hospital, and of those in critical care (SI-VIC `hosp`, `rea`)."""

    hospital: int
    critical: int


class BedDays(NamedTuple):
    """A unit's bed-days of a year, available and used (SAE)."""

    available: int
    used: int


class Tables(NamedTuple):
    """The real figures that the deal is made from."""

    covid: Mapping[tuple[date, str], Covid]  # by day and département
    beds_2018: Mapping[tuple[str, str], int]  # by département and group
    bed_days: Mapping[tuple[str, str], BedDays]  # by facility and unit


class Row(NamedTuple):
    """One row of a bed report, whole: a ward's figure of one nature, status and temporality."""

    ward: str
    nature: str
    status: str
    temporality: str
    splits: tuple[Split, ...]


class BedReport(NamedTuple):
    """What a ward says at one hour of a day; `last` of the day holds the day's figure."""

    hour: float
    ward: str
    source_type: str
    rows: tuple[Row, ...]
    last: bool


class Figure(NamedTuple):
    """A ward's patients and beds at the end of a day; COVID patients are part of `occupied`."""

    ordinary: int
    covid: int
    closed: int
    supplementary: int
    reserved: int

    @property
    def occupied(self) -> int:
        """Return all patients."""
        return self.ordinary + self.covid


class NoPlace(Exception):
    """A département has COVID patients in critical care and no ward that may take them; the message says which."""


def chance(*words: object) -> float:
    """Return a number in [0, 1) that depends on nothing but these words."""
    digest = blake2b("|".join(map(str, words)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def share(total: int, weights: Sequence[float], most: Sequence[int] | None = None) -> list[int]:
    """Return the total divided after the weights by largest remainder, at equal remainders to the earlier.

    With `most`, none gets more than it may; what is over goes to those that still have room. Where there is less room
    than the total, all of the room is filled.
    """
    room = [total] * len(weights) if most is None else list(most)
    shares = [0] * len(weights)
    left = min(total, sum(room))
    while left > 0:
        open_places = [place for place, size in enumerate(room) if size > shares[place]]
        sum_of_weights = sum(weights[place] for place in open_places)
        parts = {
            place: left * (weights[place] / sum_of_weights if sum_of_weights else 1 / len(open_places))
            for place in open_places
        }
        whole = {place: min(math.floor(part + 1e-9), room[place] - shares[place]) for place, part in parts.items()}
        for place, count in whole.items():
            shares[place] += count
        left -= sum(whole.values())
        # When nothing whole is left to give, one each by the largest remainder; else again, among those with room.
        if left > 0 and (sum(whole.values()) == 0 or left < len(open_places)):
            for place in sorted(open_places, key=lambda at: (whole[at] - parts[at], at)):
                if left > 0 and shares[place] < room[place]:
                    shares[place] += 1
                    left -= 1
    return shares


def capacities(region: Region, beds_2018: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return the beds of each ward in the scenario: 2018's spread over 2023's sites, 2023's where there is no 2018.

    Wards whose installed beds are unknown are not in it.
    """
    beds = {ward.id: ward.installed for ward in region.wards if ward.installed is not None}
    wards = _wards_by_place(region, beds)
    for (departement, group), total in beds_2018.items():
        kind, child_kind = GROUPS[group]
        sites = wards.get((departement, kind), [])
        children = sum(beds[ward.id] for ward in wards.get((departement, child_kind or ""), []))
        spread = share(max(0, total - children), [beds[ward.id] for ward in sites])
        beds.update(zip((ward.id for ward in sites), spread, strict=True))
    return beds


def _wards_by_place(region: Region, beds: Mapping[str, int]) -> dict[tuple[str, str], list[Ward]]:
    """Return the wards whose beds are known by (département, kind), in the order of their ids."""
    found: dict[tuple[str, str], list[Ward]] = defaultdict(list)
    for ward in sorted(region.wards, key=lambda each: each.id):
        if ward.id in beds:
            found[region.facility_of[ward.facility].departement, ward.kind].append(ward)
    return found


def cancelled(day: date) -> float:
    """Return how far operations are cancelled on a day, from 0 to 1."""
    for (begin, before), (end, after) in pairwise(CANCELLATION):
        if begin <= day <= end:
            return before + (after - before) * ((day - begin) / (end - begin))
    return 0.0


class Scenario:
    """A region's replay: for each of its days the reports of all wards, in the order of their hours."""

    def __init__(self, region: Region, tables: Tables, seed: int = 2020) -> None:
        self.region = region
        self.seed = seed
        self.days = tuple(sorted({day for day, _ in tables.covid}))
        self.beds = capacities(region, tables.beds_2018)
        self._covid = tables.covid
        self._wards = _wards_by_place(region, self.beds)
        self._departements = [departement.code for departement in region.departements]
        self._usual = {ward.id: self._usual_of(ward, tables.bed_days) for ward in region.wards}
        self._deals: dict[date, dict[str, Figure]] = {}
        for (day, departement), covid in tables.covid.items():
            if covid.critical and not self._covid_sites(departement):
                raise NoPlace(f"{departement} has {covid.critical} COVID patients in critical care on {day}: no ward")

    def banner(self, day: date) -> dict[str, object]:
        """Return the scenario's setting for a day, as the screens show it."""
        return {"label": {"fr": LABEL.fr, "en": LABEL.en}, "date": day.isoformat()}

    def covid_in_critical_care(self, day: date) -> dict[str, int]:
        """Return the real COVID patients in critical care of each département (SI-VIC): what must be read back."""
        return {code: self._covid.get((day, code), Covid(0, 0)).critical for code in self._departements}

    def figures(self, day: date) -> dict[str, Figure]:
        """Return each ward's figure at the end of a day."""
        if day not in self._deals:
            dealt: dict[str, Figure] = {}
            for departement in self._departements:
                dealt |= self._deal(day, departement)
            self._deals[day] = dealt
        return self._deals[day]

    def day(self, day: date, after: date | None = None) -> list[BedReport]:
        """Return a day's reports by hour; figures move there from those of `after` (if not said, the day before)."""
        now = self.figures(day)
        previous = after or day - timedelta(days=1)
        before = self.figures(previous) if previous in self.days else now
        reports: list[BedReport] = []
        for ward in self.region.wards:
            if ward.id not in now or self.is_silent(ward, day):
                continue
            hours = self._hours(ward, day)
            said: tuple[Row, ...] = ()
            for place, hour in enumerate(hours, 1):
                rows = self._rows(ward, _between(before[ward.id], now[ward.id], place / len(hours)))
                reports.append(
                    BedReport(
                        hour=hour,
                        ward=ward.id,
                        source_type=BED_MANAGEMENT if self._has_software(ward) else MANUAL,
                        # A day's first report says everything, later ones 02, 03 and what moved.
                        rows=tuple(row for row in rows if row.status in (AVAILABLE, OCCUPIED) or row not in said),
                        last=place == len(hours),
                    )
                )
                said = rows
        return sorted(reports, key=lambda report: (report.hour, report.ward))

    def is_silent(self, ward: Ward, day: date) -> bool:
        """Return whether a ward says nothing on a day; never one that may hold COVID patients."""
        if ward.kind in TAKES_COVID:
            return False
        if chance(self.seed, ward.id, "never") < NEVER_TELLS:
            return True
        period, place = divmod(day.toordinal(), 10)
        if chance(self.seed, ward.id, "silent", period) >= SILENT_SPELLS:
            return False
        # Longer than the limit of its kind: two to four days, five to eight for the slow kinds.
        slow = self.region.kind_of[ward.kind].slow
        length = (5 if slow else 2) + int(chance(self.seed, ward.id, "length", period) * (4 if slow else 3))
        begin = int(chance(self.seed, ward.id, "begin", period) * (11 - length))
        return begin <= place < begin + length

    # --- the deal ----------------------------------------------------------------------------------------------------

    def _usual_of(self, ward: Ward, bed_days: Mapping[tuple[str, str], BedDays]) -> float:
        """Return a ward's mean occupancy: its unit's own, else that of the region's units, else the invented one."""
        unit = UNITS.get(ward.kind, "")
        own = bed_days.get((ward.facility, unit))
        if own and own.available and own.used / own.available <= MOST_PLAUSIBLE:
            return own.used / own.available
        pooled = [each for (_, of), each in bed_days.items() if of == unit]
        available = sum(each.available for each in pooled)
        if available:
            return sum(each.used for each in pooled) / available
        return ORDINARY.get(ward.kind, Ordinary()).usual

    def _covid_sites(self, departement: str) -> list[Ward]:
        """Return the wards that may take COVID patients in critical care."""
        return [ward for tier in TIERS for kind in tier for ward in self._wards.get((departement, kind), [])]

    def _deal(self, day: date, departement: str) -> dict[str, Figure]:
        covid = self._covid.get((day, departement), Covid(0, 0))
        critical, supplementary = self._place_critical(covid.critical, departement)
        medicine = self._wards.get((departement, "medecine"), [])
        # SI-VIC counts patients, not wards: those outside critical care lie in medicine, after its beds.
        elsewhere = dict(
            zip(
                (ward.id for ward in medicine),
                share(max(0, covid.hospital - covid.critical), [self.beds[ward.id] for ward in medicine]),
                strict=True,
            )
        )
        return {
            ward.id: self._figure(
                ward, day, critical.get(ward.id, 0), elsewhere.get(ward.id, 0), supplementary.get(ward.id, 0)
            )
            for (place, _), wards in self._wards.items()
            if place == departement
            for ward in wards
        }

    def _place_critical(self, patients: int, departement: str) -> tuple[dict[str, int], dict[str, int]]:
        """Return the COVID patients by ward, and the supplementary beds opened for those that found no other."""
        placed: dict[str, int] = defaultdict(int)
        left = patients
        for tier in TIERS:
            wards = [ward for kind in tier for ward in self._wards.get((departement, kind), [])]
            room = [self.beds[ward.id] - self._kept(ward) for ward in wards]
            for ward, count in zip(wards, share(left, room, room), strict=True):
                placed[ward.id] += count
                left -= count
        supplementary: dict[str, int] = {}
        if left > 0:
            sites = self._covid_sites(departement)
            kinds = {sites[0].kind} if sites[0].kind in TIERS[0] else set(TIERS[1])
            wards = [ward for ward in sites if ward.kind in kinds]
            for ward, count in zip(wards, share(left, [self.beds[ward.id] + 1 for ward in wards]), strict=True):
                placed[ward.id] += count
                supplementary[ward.id] = count + count % 2  # rooms are opened for two
        return placed, supplementary

    def _kept(self, ward: Ward) -> int:
        """Return the patients without COVID for whom a bed stays taken whatever comes."""
        beds = self.beds[ward.id]
        return min(beds, math.floor(beds * min(1.0, self._usual[ward.id]) * ORDINARY[ward.kind].kept))

    def _figure(self, ward: Ward, day: date, covid: int, unlabelled: int, supplementary: int) -> Figure:
        kind = self.region.kind_of[ward.kind]
        ordinary = ORDINARY.get(ward.kind, Ordinary())
        beds, usual, depth = self.beds[ward.id], self._usual[ward.id], cancelled(day)
        level = 1 - depth * (1 - ordinary.left)
        weekend = day.weekday() >= 5
        if weekend:
            level *= ordinary.weekend
        noise = 1 + NOISE * (2 * chance(self.seed, ward.id, day, "noise") - 1)
        patients = round(beds * usual * level * noise) + unlabelled
        # Beyond its beds only where the unit's real yearly mean is: an overcapacity that nobody declares.
        if covid or usual <= 1:
            patients = min(patients, max(0, beds + supplementary - covid))
        # Day places that no one comes to at a weekend are closed, not free.
        closed = beds if weekend and not ordinary.weekend else round(beds * ordinary.closed * (0.2 + 0.8 * depth))
        closed = max(0, min(closed, beds - patients - covid))
        free = max(0, beds - closed + supplementary - patients - covid)
        reserved = 0
        if kind.critical and chance(self.seed, ward.id, day, "reserved") < 0.15:
            reserved = min(free, 1)
        return Figure(patients, covid, closed, supplementary, reserved)

    # --- the telling -------------------------------------------------------------------------------------------------

    def _has_software(self, ward: Ward) -> bool:
        return chance(self.seed, ward.facility, "software") < SOFTWARE_SITES

    def _hours(self, ward: Ward, day: date) -> list[float]:
        """Return the hours at which a ward reports on a day, in order, late ones within it."""
        kind = self.region.kind_of[ward.kind]
        takes_covid = ward.kind in TAKES_COVID
        hours = []
        for place, (earliest, latest) in enumerate(self._rounds(ward, kind)):
            habit = earliest + (latest - earliest) * chance(self.seed, ward.id, "habit", place)
            hour = habit + STRAY_H * (2 * chance(self.seed, ward.id, day, "stray", place) - 1)
            if chance(self.seed, ward.id, day, "late", place) < LATE:
                most = LATE_H if takes_covid else LATE_OTHERS_H
                hour += most * chance(self.seed, ward.id, day, "by", place)
            hours.append(min(LAST_H, max(0.0, hour)))
        return sorted(hours)

    def _rounds(self, ward: Ward, kind: BedKind) -> Iterable[tuple[float, float]]:
        if kind.slow:
            return ROUNDS_SLOW
        if self._has_software(ward):
            return [(hour, hour + 0.5) for hour in (SOFTWARE_EVERY_H * n + 1.0 for n in range(6))]
        if ward.kind in TAKES_COVID:
            return ROUNDS_COVID
        return ROUNDS_CRITICAL if kind.critical else ROUNDS_ORDINARY

    def _rows(self, ward: Ward, figure: Figure) -> tuple[Row, ...]:
        """Return all that a ward can say of a figure."""
        kind = self.region.kind_of[ward.kind]
        beds = self.beds[ward.id]
        rows: list[tuple[str, tuple[Split, ...]]] = [(INSTALLED, (Split(beds),))]
        if kind.critical or chance(self.seed, ward.id, "tells closed") >= TELLS_NO_CLOSED:
            rows.append((CLOSED, (Split(figure.closed),)))
        if ward.kind in TAKES_COVID:
            rows.append((SUPPLEMENTARY, (Split(figure.supplementary, extra=MOBILISED, crisis=PLAN_BLANC),)))
        if kind.critical:
            rows.append((RESERVED, (Split(figure.reserved),)))
            occupied: tuple[Split, ...] = (
                Split(figure.covid, assignment=COVID_POSITIVE),
                Split(figure.ordinary, assignment=COVID_NEGATIVE),
            )
        else:
            occupied = (Split(figure.occupied, assignment=NOT_ASSIGNED),)
        rows.append((OCCUPIED, occupied))
        open_beds = beds - figure.closed + figure.supplementary
        rows.append((AVAILABLE, (Split(max(0, open_beds - figure.occupied - figure.reserved)),)))
        return tuple(Row(ward.id, kind.nature, status, CURRENT, splits) for status, splits in rows)


LABEL = Words(
    fr="Rejeu du printemps 2020 : chiffres réels par département (SI-VIC, SAE), répartis par service",
    en="Replay of spring 2020: real figures by département (SI-VIC, SAE), dealt to wards",
)


def _between(before: Figure, now: Figure, progress: float) -> Figure:
    """Return a figure on its way from one day's to the next; at progress 1 it is the day's own."""
    if progress >= 1:
        return now
    moved = Figure(*(a + round((b - a) * progress) for a, b in zip(before, now, strict=True)))
    # Parts rounded one by one must not add up to a bed more than both ends have.
    most = max(before.occupied + before.closed - before.supplementary, now.occupied + now.closed - now.supplementary)
    over = moved.occupied + moved.closed - moved.supplementary - most
    return moved if over <= 0 else moved._replace(ordinary=max(0, moved.ordinary - over))
