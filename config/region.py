"""A region directory, `config/regions/<code>/`: loaded and checked as a whole, all mistakes at once."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from config.reading import (
    Entry,
    Findings,
    Row,
    count,
    json_document,
    lines_of,
    number,
    shown,
    table,
    text,
    tree,
)
from domain.places import (
    NATURE_BED,
    NATURE_PLACE,
    BedKind,
    Departement,
    Facility,
    Freshness,
    NoData,
    Region,
    Source,
    Ward,
    Words,
)

REGION, KINDS, FACILITIES, WARDS = "region.yaml", "bed_kinds.yaml", "facilities.csv", "wards.csv"
BOUNDARIES = "boundaries.geojson"
FACILITY_COLUMNS = ("finess_et", "finess_ej", "name", "commune", "departement", "lat", "lon")
WARD_COLUMNS = ("id", "facility", "kind", "installed")

SLUG = re.compile(r"[a-z0-9]{1,40}(-[a-z0-9]{1,40}){0,9}", re.ASCII)
DEPARTEMENT = re.compile(r"\d{2}|2[AB]|9[78]\d", re.ASCII)
INSEE = re.compile(r"\d{2}", re.ASCII)
ROR = re.compile(r"\d{2,3}", re.ASCII)
FINESS = re.compile(r"\d[0-9AB]\d{7}", re.ASCII)

KM_PER_DEGREE = 111.2  # of latitude
SLACK_KM = 2.0  # the outlines are simplified, and a site may stand right at an edge


class Box(NamedTuple):
    """The smallest box of longitudes and latitudes around a département."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        """Return whether a point is in the box, or so near that the outline's own error may be why it is not."""
        up = SLACK_KM / KM_PER_DEGREE
        aside = up / max(0.1, math.cos(math.radians(self.north)))
        return self.west - aside <= lon <= self.east + aside and self.south - up <= lat <= self.north + up


def load(directory: Path) -> Region:
    """Return the region of a directory; raises DirectoryErrors with everything that is wrong in it."""
    findings = Findings()
    frame = _frame(directory, findings)
    kinds = _kinds(directory, frame, findings)
    boxes = _boxes(directory, [departement.code for departement in frame.departements], findings)
    facilities = _facilities(directory, frame.departements, boxes, findings)
    wards = _wards(directory, facilities, kinds, findings)
    findings.settle()
    return Region(
        code=frame.code,
        insee=frame.insee,
        name=frame.name,
        departements=tuple(frame.departements),
        kinds=tuple(kinds),
        facilities=tuple(facilities),
        wards=tuple(wards),
        kinds_version=frame.kinds_version,
        time_zone=frame.time_zone,
        freshness=frame.freshness,
        sources=frame.sources,
        no_data=frame.no_data,
    )


def boundaries(directory: Path) -> bytes:
    """Return the départements' outlines (GeoJSON) of a directory; raises DirectoryErrors where they can't be read."""
    findings = Findings()
    content = text(directory / BOUNDARIES, BOUNDARIES, findings)
    if content is not None:
        outlines(content, findings)
    findings.settle()
    return (content or "").encode()


# --- region.yaml -----------------------------------------------------------------------------------------------------


class _Frame(NamedTuple):
    """What region.yaml says, as far as it could be read."""

    code: str = ""
    insee: str = ""
    name: str = ""
    time_zone: str = ""
    kinds_version: str = ""
    kinds_version_line: int = 0
    departements: list[Departement] = []  # noqa: RUF012 - never changed
    freshness: Freshness = Freshness()
    sources: tuple[Source, ...] = ()
    no_data: tuple[NoData, ...] = ()


def _frame(directory: Path, findings: Findings) -> _Frame:
    content = text(directory / REGION, REGION, findings)
    node = None if content is None else tree(REGION, content, findings)
    if node is None:
        return _Frame()
    entry = Entry(node, "the region", findings)
    code = entry.word("code")
    if code and not SLUG.fullmatch(code):
        findings.add(REGION, entry.where("code"), f"code {shown(code)} must be lower-case words joined by hyphens")
    insee = entry.word("insee")
    if insee and not INSEE.fullmatch(insee):
        findings.add(REGION, entry.where("insee"), f"insee {shown(insee)} must be two digits")
    time_zone = entry.word("time_zone", default="Europe/Paris")
    if time_zone not in available_timezones():
        findings.add(REGION, entry.where("time_zone"), f"time zone {shown(time_zone)} is not known")
    frame = _Frame(
        code=code,
        insee=insee,
        name=entry.word("name"),
        time_zone=time_zone,
        kinds_version=entry.word("kinds_version"),
        kinds_version_line=entry.where("kinds_version"),
        departements=_departements(entry, findings),
        freshness=_freshness(entry, findings),
        sources=tuple(_source(each) for each in entry.entries("sources", "a source")),
        no_data=tuple(_no_data(each, findings) for each in entry.entries("no_data", "a no_data entry", needed=False)),
    )
    entry.finish()
    return frame


def _departements(entry: Entry, findings: Findings) -> list[Departement]:
    found: dict[str, Departement] = {}
    for each in entry.entries("departements", "a département"):
        departement = Departement(code=each.word("code"), name=each.word("name"))
        each.finish()
        if departement.code in found:
            findings.add(REGION, each.where("code"), f"département {shown(departement.code)} is given twice")
        elif departement.code and not DEPARTEMENT.fullmatch(departement.code):
            findings.add(REGION, each.where("code"), f"{shown(departement.code)} is not a département's code")
        found.setdefault(departement.code, departement)
    return list(found.values())


def _freshness(entry: Entry, findings: Findings) -> Freshness:
    limits = entry.entry("freshness", "freshness")
    if limits is None:
        return Freshness()
    found = Freshness(
        ordinary_s=3600 * limits.number("ordinary_hours", 24),
        slow_s=3600 * limits.number("slow_hours", 72),
        critical_in_tension_s=3600 * limits.number("critical_in_tension_hours", 12),
        in_tension=limits.flag("in_tension"),
    )
    limits.finish()
    # Each pair that disagrees is told together: which of the two is meant, only the writer knows.
    if found.critical_in_tension_s > found.ordinary_s:
        findings.add(
            REGION,
            limits.where("critical_in_tension_hours"),
            f"critical_in_tension_hours (line {limits.where('critical_in_tension_hours')}) is longer than "
            f"ordinary_hours (line {limits.where('ordinary_hours')})",
        )
    if found.slow_s < found.ordinary_s:
        findings.add(
            REGION,
            limits.where("slow_hours"),
            f"slow_hours (line {limits.where('slow_hours')}) is shorter than "
            f"ordinary_hours (line {limits.where('ordinary_hours')})",
        )
    return found


def _source(entry: Entry) -> Source:
    source = Source(name=entry.word("name"), licence=entry.word("licence"), url=entry.word("url", default=""))
    entry.finish()
    return source


def _no_data(entry: Entry, findings: Findings) -> NoData:
    found = NoData(label=both_languages(entry, "label"), reason=both_languages(entry, "reason"))
    entry.finish()
    return found


def both_languages(entry: Entry, name: str) -> Words:
    """Return a field's text in French and English; both are needed."""
    both = entry.entry(name, f"{name} (fr and en)")
    if both is None:
        return Words(fr="", en="")
    words = Words(fr=both.word("fr"), en=both.word("en"))
    both.finish()
    return words


# --- bed_kinds.yaml --------------------------------------------------------------------------------------------------


def _kinds(directory: Path, frame: _Frame, findings: Findings) -> list[BedKind]:
    content = text(directory / KINDS, KINDS, findings)
    node = None if content is None else tree(KINDS, content, findings)
    if node is None:
        return []
    entry = Entry(node, "the table of bed kinds", findings)
    version = entry.word("version")
    if version and frame.kinds_version and version != frame.kinds_version:
        findings.add(
            REGION,
            frame.kinds_version_line,
            f"kinds_version {shown(frame.kinds_version)} is not the version {shown(version)} of "
            f"{KINDS}:{entry.where('version')}",
        )
    found: dict[str, BedKind] = {}
    ror_of: dict[str, str] = {}
    for each in entry.entries("kinds", "a bed kind"):
        kind = _kind(each, findings)
        if kind.code in found:
            findings.add(KINDS, each.where("code"), f"bed kind {shown(kind.code)} is given twice")
        for code in kind.ror:
            # One activity on two kinds would make an incoming report mean either.
            if ror_of.setdefault(code, kind.code) != kind.code:
                findings.add(KINDS, each.where("ror"), f"ROR activity {shown(code)} is {ror_of[code]}'s already")
        found.setdefault(kind.code, kind)
    entry.finish()
    return list(found.values())


def _kind(entry: Entry, findings: Findings) -> BedKind:
    kind = BedKind(
        code=entry.word("code"),
        label=both_languages(entry, "label"),
        short=both_languages(entry, "short"),
        nature=entry.word("nature", default=NATURE_BED),
        ror=entry.words("ror"),
        ror_mode=entry.words("ror_mode"),
        critical=entry.flag("critical"),
        slow=entry.flag("slow"),
        paediatric=entry.flag("paediatric"),
        contains_critical=entry.flag("contains_critical"),
    )
    entry.finish()
    if kind.code and not SLUG.fullmatch(kind.code):
        findings.add(KINDS, entry.where("code"), f"code {shown(kind.code)} must be lower-case words joined by hyphens")
    if kind.nature not in (NATURE_BED, NATURE_PLACE):
        findings.add(KINDS, entry.where("nature"), f"nature {shown(kind.nature)} must be 01 (beds) or 02 (places)")
    for name, codes in (("ror", kind.ror), ("ror_mode", kind.ror_mode)):
        for code in codes:
            if not ROR.fullmatch(code):
                findings.add(KINDS, entry.where(name), f"{name} {shown(code)} must be two or three digits")
    if kind.critical and (kind.slow or kind.contains_critical):
        findings.add(KINDS, entry.where("critical"), "a critical kind is neither slow nor contains_critical")
    return kind


# --- boundaries.geojson ----------------------------------------------------------------------------------------------


def _boxes(directory: Path, departements: list[str], findings: Findings) -> dict[str, Box]:
    made_by = f"make it with `vigilits region boundaries --departements {','.join(departements)} --out …/{BOUNDARIES}`"
    content = text(directory / BOUNDARIES, BOUNDARIES, findings, made_by)
    if content is None:
        return {}
    boxes = outlines(content, findings)
    for code in boxes:
        if departements and code not in departements:
            findings.add(BOUNDARIES, 0, f"département {shown(code)} is not in {REGION}")
    for code in departements:
        if boxes and code not in boxes:
            findings.add(BOUNDARIES, 0, f"no outline of département {shown(code)}")
    return boxes


def outlines(content: str, findings: Findings) -> dict[str, Box]:
    """Return the box of each département whose outline a GeoJSON text holds; what is wrong with others is noted."""
    document = json_document(BOUNDARIES, content, findings)
    if document is None:
        return {}
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        findings.add(BOUNDARIES, 1, "not a GeoJSON FeatureCollection")
        return {}
    line_of = lines_of(content, '"Feature"')
    boxes: dict[str, Box] = {}
    for place, feature in enumerate(features):
        line = line_of(place)
        try:
            code, box = _outline(feature)
        except _NoOutline as problem:
            findings.add(BOUNDARIES, line, f"feature {place + 1}: {problem}")
            continue
        if code in boxes:
            findings.add(BOUNDARIES, line, f"département {shown(code)} is given twice")
        boxes[code] = box
    return boxes


class _NoOutline(Exception):
    """What a feature lacks to be a département's outline."""


def _outline(feature: Any) -> tuple[str, Box]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise _NoOutline("no properties or no geometry")
    code, name = properties.get("code"), properties.get("name")
    if not isinstance(code, str) or not isinstance(name, str) or not code or not name:
        raise _NoOutline("properties must have the texts code and name")
    coordinates = geometry.get("coordinates")
    match geometry.get("type"):
        case "Polygon":
            polygons = [coordinates]
        case "MultiPolygon" if isinstance(coordinates, list):
            polygons = coordinates
        case _:
            raise _NoOutline("geometry must be a Polygon or a MultiPolygon")
    points = [point for polygon in polygons for ring in _rings(polygon) for point in ring]
    if not points:
        raise _NoOutline("no ring")
    lons, lats = [lon for lon, _ in points], [lat for _, lat in points]
    return code, Box(min(lons), min(lats), max(lons), max(lats))


def _rings(polygon: Any) -> list[list[tuple[float, float]]]:
    if not isinstance(polygon, list) or not polygon:
        raise _NoOutline("a polygon must be a list of rings")
    rings = []
    for ring in polygon:
        if not isinstance(ring, list) or len(ring) < 4:
            raise _NoOutline("a ring must have four positions or more")
        if ring[0] != ring[-1]:
            raise _NoOutline("a ring must end where it begins")
        rings.append([_position(position) for position in ring])
    return rings


def _position(position: Any) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) not in (2, 3):
        raise _NoOutline("a position must be [longitude, latitude]")
    lon, lat = position[:2]
    for value, most in ((lon, 180), (lat, 90)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
            raise _NoOutline("a position must be [longitude, latitude] in degrees")
    return float(lon), float(lat)


# --- facilities.csv and wards.csv ------------------------------------------------------------------------------------


def _facilities(
    directory: Path, departements: list[Departement], boxes: dict[str, Box], findings: Findings
) -> list[Facility]:
    content = text(directory / FACILITIES, FACILITIES, findings)
    codes = {departement.code for departement in departements}
    found: dict[str, Facility] = {}
    first_line: dict[str, int] = {}
    for row in [] if content is None else table(FACILITIES, content, FACILITY_COLUMNS, findings):
        finess = row["finess_et"]
        if finess in found:
            findings.add(FACILITIES, row.line, f"FINESS {shown(finess)} is on line {first_line[finess]} already")
            continue
        for column in ("finess_et", "finess_ej"):
            if not FINESS.fullmatch(row[column]):
                findings.add(
                    FACILITIES, row.line, f"{column} {shown(row[column])} is not a FINESS number (9 characters)"
                )
        for column in ("name", "commune"):
            if not row[column]:
                findings.add(FACILITIES, row.line, f"{column} is blank")
        if codes and row["departement"] not in codes:
            findings.add(FACILITIES, row.line, f"département {shown(row['departement'])} is not in {REGION}")
        lat, lon = _coordinates(row, boxes.get(row["departement"]), findings)
        first_line[finess] = row.line
        found[finess] = Facility(
            finess_et=finess,
            finess_ej=row["finess_ej"],
            name=row["name"],
            commune=row["commune"],
            departement=row["departement"],
            lat=lat,
            lon=lon,
        )
    return list(found.values())


def _coordinates(row: Row, box: Box | None, findings: Findings) -> tuple[float | None, float | None]:
    """Return latitude and longitude, both None where they are unknown (blank)."""
    if not row["lat"] and not row["lon"]:
        return None, None
    lat, lon = number(row["lat"]), number(row["lon"])
    if lat is None or lon is None or not -90 <= lat <= 90 or not -180 <= lon <= 180:
        findings.add(FACILITIES, row.line, f"coordinates {shown(row['lat'])}, {shown(row['lon'])} are not degrees")
        return None, None
    if box is not None and not box.holds(lon, lat):
        findings.add(
            FACILITIES,
            row.line,
            f"coordinates {lat}, {lon} are more than {SLACK_KM:g} km outside département {row['departement']}",
        )
    return lat, lon


def _wards(directory: Path, facilities: list[Facility], kinds: list[BedKind], findings: Findings) -> list[Ward]:
    content = text(directory / WARDS, WARDS, findings)
    sites = {facility.finess_et for facility in facilities}
    codes = {kind.code for kind in kinds}
    found: dict[str, Ward] = {}
    first_line: dict[str, int] = {}
    for row in [] if content is None else table(WARDS, content, WARD_COLUMNS, findings, optional=("name",)):
        ward, facility, kind = row["id"], row["facility"], row["kind"]
        if ward in found:
            findings.add(WARDS, row.line, f"ward {shown(ward)} is on line {first_line[ward]} already")
            continue
        if ward != f"{facility}/{kind}":
            findings.add(WARDS, row.line, f"id {shown(ward)} must be {shown(f'{facility}/{kind}')}")
        if sites and facility not in sites:
            findings.add(WARDS, row.line, f"facility {shown(facility)} is not in {FACILITIES}")
        if codes and kind not in codes:
            findings.add(WARDS, row.line, f"bed kind {shown(kind)} is not in {KINDS}")
        installed = count(row["installed"])
        if installed is None and row["installed"]:
            findings.add(
                WARDS, row.line, f"installed {shown(row['installed'])} must be a whole number, or blank where unknown"
            )
        first_line[ward] = row.line
        found[ward] = Ward(id=ward, facility=facility, kind=kind, installed=installed, name=row["name"])
    return list(found.values())
