"""Makes a region directory from two open files: the SAE's beds by site, and the geocoded FINESS register."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from config.reading import Findings, Row, count, number, shown, table, text
from config.region import (
    BOUNDARIES,
    FACILITIES,
    FACILITY_COLUMNS,
    FINESS,
    KINDS,
    REGION,
    SLUG,
    WARD_COLUMNS,
    WARDS,
    Box,
    outlines,
)
from domain.places import Departement, Facility, Ward
from launch import departements, french_names

# Bed kind -> the SAE file's column of its beds or places on 31 December.
COLUMNS = {
    "rea-adulte": "rea_adulte",
    "rea-enfant": "rea_enfant",
    "usic": "si_cardio_usic",
    "usinv": "si_neurovasc",
    "si-autres": "si_autres",
    "sc-adulte": "sc_adulte",
    "sc-enfant": "sc_enfant",
    "medecine": "medecine_lits",
    "chirurgie": "chirurgie_lits",
    "obstetrique": "obstetrique_lits",
    "mco-places": "mco_places",
    "smr": "ssr_lits",
    "smr-places": "ssr_places",
    "had": "had_places",
    "usld": "usld_lits",
}

# A site is taken where it has one of these: critical care, medicine, SMR or HAD. Its other kinds come along.
TAKEN_FOR = (
    *("rea_adulte", "rea_enfant", "si_total", "si_cardio_usic", "si_neurovasc", "si_autres", "sc_adulte", "sc_enfant"),
    *("medecine_lits", "ssr_lits", "ssr_places", "had_places"),
)

IDENTITY = ("annee", "finess_et", "finess_ej", "name", "region", "departement", "commune")
BEDS = tuple(dict.fromkeys((*COLUMNS.values(), *TAKEN_FOR)))
PLACES_OF_FINESS = ("finess_et", "lat", "lon")

TABLE_OF_KINDS = Path(__file__).resolve().parent.parent / "config" / KINDS


class LeftOut(NamedTuple):
    """A row of the sources that did not make it into the directory, or a coordinate, and why."""

    finess_et: str
    name: str
    reason: str


class Cells(NamedTuple):
    """How the sites taken declare one kind: in numbers above 0, as 0, or not at all (blank)."""

    declared: int
    zero: int
    blank: int
    beds: int


class Report(NamedTuple):
    """What a build took and what it left out."""

    out: Path
    facilities: int
    wards: int
    located: int
    cells: dict[str, Cells]
    left_out: list[LeftOut]
    not_located: list[LeftOut]
    other_rows: dict[str, int]
    kept_files: list[str]

    def lines(self) -> list[str]:
        """Return the report as it is printed."""
        lines = [
            f"{self.out}: {self.facilities} facilities, {self.located} with coordinates, {self.wards} wards",
            "",
            "kind          wards   beds   declared 0   blank (no ward is made for 0 or blank)",
        ]
        for kind, cells in self.cells.items():
            lines.append(f"{kind:12} {cells.declared:6} {cells.beds:6} {cells.zero:12} {cells.blank:7}")
        lines += ["", f"Rows left out ({len(self.left_out)}):"]
        lines += [f"  {row.finess_et} {row.name}: {row.reason}" for row in self.left_out]
        lines += [f"  {number_of} rows: {reason}" for reason, number_of in self.other_rows.items()]
        lines += ["", f"Without coordinates ({len(self.not_located)}):"]
        lines += [f"  {row.finess_et} {row.name}: {row.reason}" for row in self.not_located]
        if self.kept_files:
            lines += ["", f"Kept as they were: {', '.join(self.kept_files)}"]
        return lines


def build(
    sae: Path,
    finess: Sequence[Path],
    codes: list[str],
    out: Path,
    code: str | None = None,
    insee: str | None = None,
    name: str | None = None,
    year: int = 2023,
) -> Report:
    """Return what was taken and left out, once the directory is written.

    `finess` files are read in turn, and the first that has a site's coordinates gives them. `region.yaml` and
    `bed_kinds.yaml` are written where there are none: what an operator set there stays. Raises DirectoryErrors with
    every mistake in the sources, and then nothing is written.
    """
    places = departements.named(codes)
    findings = Findings()
    rows = _rows(sae, IDENTITY + BEDS, findings)
    coordinates = _coordinates(finess, findings)
    taken, left_out, others = _choose(rows, {place.code for place in places}, str(year), sae.name, findings)
    frame = _frame(sae.name, taken, code or out.name, insee, name, findings)
    boxes = _boxes(out, findings)
    findings.settle()

    communes = sorted({row["commune"] for row in taken})
    facilities, not_located = [], []
    for row in taken:
        facility = _facility(row, communes)
        located, reason = _locate(facility, coordinates, boxes.get(facility.departement))
        facilities.append(located)
        if reason:
            not_located.append(LeftOut(facility.finess_et, facility.name, reason))
    wards = [ward for row in taken for ward in _wards(row)]
    kept = _write(out, frame, places, facilities, wards, year)
    return Report(
        out=out,
        facilities=len(facilities),
        wards=len(wards),
        located=sum(facility.lat is not None for facility in facilities),
        cells={kind: _cells(taken, column) for kind, column in COLUMNS.items()},
        left_out=left_out,
        not_located=not_located,
        other_rows=others,
        kept_files=kept,
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def _rows(path: Path, columns: tuple[str, ...], findings: Findings) -> list[Row]:
    content = text(path, path.name, findings)
    return [] if content is None else table(path.name, content, columns, findings, strict=False)


def _coordinates(files: Sequence[Path], findings: Findings) -> dict[str, tuple[float, float] | None]:
    """Return each site's (latitude, longitude), or None where the register knows the site and not its place."""
    found: dict[str, tuple[float, float] | None] = {}
    for path in files:
        for row in _rows(path, PLACES_OF_FINESS, findings):
            lat, lon = number(row["lat"]), number(row["lon"])
            if (row["lat"] or row["lon"]) and (lat is None or lon is None):
                findings.add(path.name, row.line, f"{shown(row['lat'])}, {shown(row['lon'])} are not coordinates")
            place = None if lat is None or lon is None else (lat, lon)
            found[row["finess_et"]] = found.get(row["finess_et"]) or place
    return found


def _choose(
    rows: Iterable[Row], codes: set[str], year: str, file: str, findings: Findings
) -> tuple[list[Row], list[LeftOut], dict[str, int]]:
    """Return the rows of these départements and this year that are taken, those left out, and a count of the others."""
    taken: dict[str, Row] = {}
    left_out: list[LeftOut] = []
    others = {"of another year": 0, "of other départements": 0}
    for row in rows:
        if row["annee"] != year:
            others["of another year"] += 1
        elif row["departement"] not in codes:
            others["of other départements"] += 1
        elif row["finess_et"] in taken:
            findings.add(file, row.line, f"FINESS {shown(row['finess_et'])} is on line {taken[row['finess_et']].line}")
        elif _holds(row, file, findings):
            if any(count(row[column]) for column in TAKEN_FOR):
                taken[row["finess_et"]] = row
            else:
                has = ", ".join(f"{column} {row[column]}" for column in BEDS if count(row[column]))
                reason = f"no critical care, medicine, SMR or HAD (only {has or 'blanks and zeros'})"
                left_out.append(LeftOut(row["finess_et"], row["name"], reason))
    if not taken:
        findings.add(file, 0, f"no site of {', '.join(sorted(codes))} in {year}")
    return [taken[finess] for finess in sorted(taken)], left_out, {reason: n for reason, n in others.items() if n}


def _holds(row: Row, file: str, findings: Findings) -> bool:
    before = len(findings.mistakes)
    for column in ("finess_et", "finess_ej"):
        if not FINESS.fullmatch(row[column]):
            findings.add(file, row.line, f"{column} {shown(row[column])} is not a FINESS number (9 characters)")
    for column in ("name", "commune"):
        if not row[column]:
            findings.add(file, row.line, f"{column} is blank")
    for column in BEDS:
        if row[column] and count(row[column]) is None:
            findings.add(
                file, row.line, f"{column} {shown(row[column])} must be a whole number, or blank where unknown"
            )
    return len(findings.mistakes) == before


class _RegionFrame(NamedTuple):
    code: str
    insee: str
    name: str


def _frame(
    file: str, taken: list[Row], code: str, insee: str | None, name: str | None, findings: Findings
) -> _RegionFrame:
    if not SLUG.fullmatch(code):
        findings.add("--code", 0, f"{shown(code)} must be lower-case words joined by hyphens")
    regions = sorted({row["region"] for row in taken})
    if insee is None and len(regions) > 1:
        findings.add(file, 0, f"the départements are of regions {', '.join(regions)}; say which with --insee")
    insee = insee or (regions[0] if regions else "")
    name = name or departements.REGIONS.get(insee, "")
    if not name:
        findings.add("--name", 0, f"region {shown(insee)} is not known; say its name with --name")
    return _RegionFrame(code, insee, name)


def _boxes(out: Path, findings: Findings) -> dict[str, Box]:
    """Return the départements' boxes where the directory has its outlines already."""
    if not (out / BOUNDARIES).exists():
        return {}
    content = text(out / BOUNDARIES, BOUNDARIES, findings)
    return {} if content is None else outlines(content, findings)


# --- making ----------------------------------------------------------------------------------------------------------


def _facility(row: Row, communes: list[str]) -> Facility:
    return Facility(
        finess_et=row["finess_et"],
        finess_ej=row["finess_ej"],
        name=french_names.facility(row["name"], row["commune"], communes),
        commune=french_names.commune(row["commune"]),
        departement=row["departement"],
    )


def _locate(
    facility: Facility, coordinates: dict[str, tuple[float, float] | None], box: Box | None
) -> tuple[Facility, str]:
    """Return the facility with its coordinates, or as it is with the reason why they stay unknown."""
    if facility.finess_et not in coordinates:
        return facility, "not in the FINESS files"
    place = coordinates[facility.finess_et]
    if place is None:
        return facility, "in the FINESS files without coordinates"
    lat, lon = place
    if box is not None and not box.holds(lon, lat):
        return facility, f"{lat}, {lon} is outside département {facility.departement}"
    return Facility(
        finess_et=facility.finess_et,
        finess_ej=facility.finess_ej,
        name=facility.name,
        commune=facility.commune,
        departement=facility.departement,
        lat=lat,
        lon=lon,
    ), ""


def _wards(row: Row) -> list[Ward]:
    """Return a ward for each kind that the site declares above 0: a blank says nothing, and 0 that there is none."""
    return [
        Ward(id=f"{row['finess_et']}/{kind}", facility=row["finess_et"], kind=kind, installed=beds)
        for kind, column in COLUMNS.items()
        if (beds := count(row[column]))
    ]


def _cells(taken: list[Row], column: str) -> Cells:
    beds = [count(row[column]) for row in taken]
    return Cells(
        declared=sum(1 for each in beds if each),
        zero=sum(1 for each in beds if each == 0),
        blank=sum(1 for each in beds if each is None),
        beds=sum(each or 0 for each in beds),
    )


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(
    out: Path,
    frame: _RegionFrame,
    places: list[Departement],
    facilities: list[Facility],
    wards: list[Ward],
    year: int,
) -> list[str]:
    """Return the names of the files that were there already and are kept."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        FACILITIES: csv_text(
            FACILITY_COLUMNS, ([_cell(getattr(each, column)) for column in FACILITY_COLUMNS] for each in facilities)
        ),
        WARDS: csv_text(WARD_COLUMNS, ([each.id, each.facility, each.kind, _cell(each.installed)] for each in wards)),
    }
    for file, content in tables.items():
        (out / file).write_text(content, encoding="utf-8")
    kinds = TABLE_OF_KINDS.read_text(encoding="utf-8")
    settings = {REGION: _region_yaml(frame, places, year, kinds), KINDS: kinds}
    kept = [file for file in settings if (out / file).exists()]
    for file, content in settings.items():
        if file not in kept:
            (out / file).write_text(content, encoding="utf-8")
    return kept


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV text with a header and LF line ends."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()


def _cell(value: str | float | None) -> str:
    return "" if value is None else str(value)


def _region_yaml(frame: _RegionFrame, places: list[Departement], year: int, kinds: str) -> str:
    (version,) = re.findall(r'^version: "([^"]+)"$', kinds, re.MULTILINE)
    listed = "\n".join(f'  - {{code: "{place.code}", name: {place.name}}}' for place in places)
    return f"""# The region {frame.name}: made by `vigilits region build` and yours to change: a later build keeps it.
code: {frame.code}
insee: "{frame.insee}"
name: {frame.name}
time_zone: Europe/Paris
kinds_version: "{version}"
departements:
{listed}

# For how long a figure is fresh. 24 h, and 12 h for critical care in tension: decree 2023-1057 as reported; 72 h for
# the slow kinds (SMR, HAD, long-term care) is vigilits' own choice.
freshness:
  ordinary_hours: 24
  slow_hours: 72
  critical_in_tension_hours: 12
  in_tension: false

# Named on the screens.
sources:
  - name: DREES, Statistique annuelle des établissements de santé (SAE) {year}
    licence: Licence Ouverte
    url: https://data.drees.solidarites-sante.gouv.fr
  - name: FINESS (ministère de la Santé), géocodage Eurostat GISCO
    licence: Licence Ouverte
    url: https://finess.esante.gouv.fr
  - name: jvectormap-content, paquet npm (contours des départements)
    licence: MIT

# What these sources say nothing of: unknown, not zero.
no_data:
  - label: {{fr: Réanimation et soins intensifs néonatals, en: Newborn intensive care}}
    reason:
      fr: Le fichier SAE utilisé n'a pas de colonne pour les lits de néonatologie.
      en: The SAE file that this directory was built from has no column for newborn beds.
"""
