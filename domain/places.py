"""Where beds are: a region's départements, facilities, wards and kinds of bed."""

from functools import cached_property

import msgspec

NATURE_BED = "01"  # TRE_R329-NatureCapacite: lit
NATURE_PLACE = "02"  # place (HAD, day care); never added to beds


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """Anything of a region directory: frozen, and strict about its fields."""


class Words(Place, frozen=True):
    """One label in the two languages of the screens."""

    fr: str
    en: str


class BedKind(Place, frozen=True):
    """A kind of bed, in the region's versioned table (`bed_kinds.yaml`).

    `ror` lists the TRE_R211-ActiviteOperationnelle codes that it covers (TRE_R213 for HAD and places: `ror_mode`).
    `critical` kinds have the shorter freshness limit in tension; `slow` ones (SMR, HAD) the longer limit.
    `contains_critical`: its figures hold the facility's critical-care beds too (as the SAE counts MCO), so that adding
    the two would count those beds twice.
    """

    code: str
    label: Words
    short: Words
    nature: str = NATURE_BED
    ror: tuple[str, ...] = ()
    ror_mode: tuple[str, ...] = ()
    critical: bool = False
    slow: bool = False
    paediatric: bool = False
    contains_critical: bool = False


class Departement(Place, frozen=True):
    """A département: its INSEE code ("09", "2A") and name."""

    code: str
    name: str


class Facility(Place, frozen=True):
    """A hospital site (FINESS ET) of a legal entity (FINESS EJ); coordinates in WGS84 degrees, None where unknown."""

    finess_et: str
    finess_ej: str
    name: str
    commune: str
    departement: str
    lat: float | None = None
    lon: float | None = None


class Ward(Place, frozen=True):
    """A ward of a facility: id `<FINESS ET>/<bed kind>` in a built directory; installed None where unknown."""

    id: str
    facility: str
    kind: str
    installed: int | None = None
    name: str = ""


class Freshness(Place, frozen=True):
    """How long a figure stays fresh, in seconds; `divided_by` serves the demo, where days pass in seconds.

    24 h ordinarily and 12 h for critical care in tension: decree 2023-1057 as reported (domain facts §1.7);
    72 h for SMR and HAD is our own choice.
    """

    ordinary_s: float = 24 * 3600
    slow_s: float = 72 * 3600
    critical_in_tension_s: float = 12 * 3600
    in_tension: bool = False
    divided_by: float = 1.0

    def limit_ms(self, kind: BedKind) -> int:
        """Return for how many milliseconds a figure of this kind is fresh."""
        seconds = self.slow_s if kind.slow else self.ordinary_s
        if kind.critical and self.in_tension:
            seconds = self.critical_in_tension_s
        return max(1, round(seconds * 1000 / self.divided_by))


class Source(Place, frozen=True):
    """A data source to be named on the screens, with its licence."""

    name: str
    licence: str
    url: str = ""


class NoData(Place, frozen=True):
    """A kind of bed that the region's sources say nothing of, and why: it is unknown, not zero."""

    label: Words
    reason: Words


class Region(Place, frozen=True):
    """A region directory as it is published on the log and read by every fold."""

    code: str
    insee: str
    name: str
    departements: tuple[Departement, ...]
    kinds: tuple[BedKind, ...]
    facilities: tuple[Facility, ...]
    wards: tuple[Ward, ...]
    kinds_version: str = "1"
    time_zone: str = "Europe/Paris"
    freshness: Freshness = Freshness()
    sources: tuple[Source, ...] = ()
    no_data: tuple[NoData, ...] = ()

    @cached_property
    def kind_of(self) -> dict[str, BedKind]:
        """Return the kinds by code."""
        return {kind.code: kind for kind in self.kinds}

    @cached_property
    def facility_of(self) -> dict[str, Facility]:
        """Return the facilities by FINESS ET."""
        return {facility.finess_et: facility for facility in self.facilities}

    @cached_property
    def ward_of(self) -> dict[str, Ward]:
        """Return the wards by id."""
        return {ward.id: ward for ward in self.wards}
