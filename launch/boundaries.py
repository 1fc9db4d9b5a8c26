"""Départements' outlines as GeoJSON, made from the map of the npm package `jvectormap-content` (MIT)."""

import math
import re
import subprocess
import tarfile
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from domain.places import Departement

PACKAGE = "jvectormap-content@0.2.0"
MAP = "package/fr-merc.js"
RADIUS_M = 6_381_372.0  # of jvectormap's sphere
DECIMALS = 4  # 11 m, finer than the map itself
PACK_TIMEOUT_S = 120

Point = tuple[float, float]
Ring = list[Point]


class UnreadableMap(Exception):
    """The map file is not what jvectormap-content 0.2 holds; the message says where."""


class Inset(NamedTuple):
    """A part of the map in map units, and the metres of spherical Mercator (y downwards) that it shows."""

    left: float
    top: float
    width: float
    height: float
    west_m: float
    north_m: float
    east_m: float
    south_m: float

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point in map units lies in this inset."""
        return self.left <= x <= self.left + self.width and self.top <= y <= self.top + self.height

    def degrees(self, x: float, y: float) -> Point:
        """Return a point in map units as (longitude, latitude)."""
        east = self.west_m + (x - self.left) / self.width * (self.east_m - self.west_m)
        down = self.north_m + (y - self.top) / self.height * (self.south_m - self.north_m)
        latitude = 2 * math.atan(math.exp(-down / RADIUS_M)) - math.pi / 2
        return round(math.degrees(east / RADIUS_M), DECIMALS), round(math.degrees(latitude), DECIMALS)


def download() -> str:
    """Return the map file of the package, fetched by `npm pack`; raises UnreadableMap with npm's own words."""
    with tempfile.TemporaryDirectory(prefix="vigilits-map-") as place:
        try:
            packed = subprocess.run(
                ["npm", "pack", PACKAGE, "--silent", "--pack-destination", place],
                capture_output=True,
                text=True,
                timeout=PACK_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnreadableMap(f"npm pack {PACKAGE}: {error}") from error
        if packed.returncode != 0:
            raise UnreadableMap(f"npm pack {PACKAGE}: {packed.stderr.strip()[-400:]}")
        archives = list(Path(place).glob("*.tgz"))
        if not archives:
            raise UnreadableMap(f"npm pack {PACKAGE}: no archive")
        try:
            with tarfile.open(archives[0]) as archive:
                member = archive.extractfile(MAP)
                content = member.read() if member else b""
        except (KeyError, tarfile.TarError, OSError) as error:
            raise UnreadableMap(f"{PACKAGE} holds no {MAP}") from error
    return content.decode()


def make(map_js: str, departements: list[Departement]) -> bytes:
    """Return the GeoJSON of these départements, one feature a line; raises UnreadableMap where one is missing."""
    document = _object(map_js)
    try:
        insets = [_inset(each) for each in document["insets"]]
        paths = {code: str(shape["path"]) for code, shape in document["paths"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableMap(f"insets or paths are not as expected: {error!r}") from error
    lines = []
    for departement in departements:
        path = paths.get(f"FR-{departement.code}")
        if path is None:
            raise UnreadableMap(f"département {departement.code} is not on the map")
        polygons = polygons_of(rings_of(path, insets))
        one = len(polygons) == 1
        feature = {
            "type": "Feature",
            # The names are ours: the map's have misprints (Seien-et-Marne).
            "properties": {"code": departement.code, "name": departement.name},
            "geometry": {
                "type": "Polygon" if one else "MultiPolygon",
                "coordinates": polygons[0] if one else polygons,
            },
        }
        lines.append(msgspec.json.encode(feature))
    return b'{"type":"FeatureCollection","features":[\n' + b",\n".join(lines) + b"\n]}\n"


def _object(map_js: str) -> dict:  # type: ignore[type-arg]
    """Return the map's object literal; it is written as YAML would have it, escapes included."""
    begin, end = map_js.find("var map = "), map_js.find("\n  };")
    if begin < 0 or end < begin:
        raise UnreadableMap("no `var map = {…};`")
    try:
        document = YAML(typ="safe", pure=True).load(map_js[begin + len("var map = ") : end + len("\n  }")])
    except YAMLError as error:
        raise UnreadableMap(f"the map's object: {str(error)[:200]}") from error
    if not isinstance(document, dict) or not {"insets", "paths"} <= document.keys():
        raise UnreadableMap("the map has no insets or no paths")
    projection = document.get("projection")
    if not isinstance(projection, dict) or projection.get("type") != "merc":
        raise UnreadableMap("the map is not in Mercator's projection")
    return document


def _inset(inset: dict) -> Inset:  # type: ignore[type-arg]
    first, second = inset["bbox"]
    edges = (first["x"], first["y"], second["x"], second["y"])
    return Inset(*(float(each) for each in (inset["left"], inset["top"], inset["width"], inset["height"], *edges)))


STEP = re.compile(r"([MlZ])|(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)")


def rings_of(path: str, insets: list[Inset]) -> list[Ring]:
    """Return the closed rings of an SVG path `M x,y l dx,dy … Z`, in degrees, with no point twice in a row."""
    drawn: list[Ring] = []
    x = y = 0.0
    command = ""
    end = 0
    for step in STEP.finditer(path):
        if path[end : step.start()].strip():
            raise UnreadableMap(f"path: {path[end : step.start()][:20]!r} is not M, l or Z")
        end = step.end()
        if step[1]:
            command = step[1]
            continue
        dx, dy = float(step[2]), float(step[3])
        if command == "M":
            x, y = dx, dy
            drawn.append([(x, y)])
            command = "l"
        elif command == "l" and drawn:
            x, y = x + dx, y + dy
            drawn[-1].append((x, y))
        else:
            raise UnreadableMap("path: a point outside M and l")
    if path[end:].strip():
        raise UnreadableMap(f"path: {path[end:][:20]!r} is not M, l or Z")
    rings = []
    for points in drawn:
        inset = next((each for each in insets if each.holds(*points[0])), None)
        if inset is None:
            raise UnreadableMap("path: a ring begins outside all insets")
        ring: Ring = []
        for point in points:
            degrees = inset.degrees(*point)
            if not ring or ring[-1] != degrees:
                ring.append(degrees)
        if ring[0] != ring[-1]:
            ring.append(ring[0])
        if len(ring) >= 4:  # fewer is an islet smaller than the rounding
            rings.append(ring)
    return rings


def polygons_of(rings: list[Ring]) -> list[list[Ring]]:
    """Return the rings as polygons, exterior first and counter-clockwise, holes clockwise (RFC 7946)."""
    outer = [ring for ring in rings if not any(other is not ring and _within(ring[0], other) for other in rings)]
    polygons = [[_turned(ring, left=True)] for ring in outer]
    for ring in rings:
        if all(ring is not exterior for exterior in outer):
            home = next(place for place, exterior in enumerate(outer) if _within(ring[0], exterior))
            polygons[home].append(_turned(ring, left=False))
    return polygons


def area_of(ring: Ring) -> float:
    """Return the ring's signed area in square degrees, above 0 where it turns counter-clockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring)) / 2


def _turned(ring: Ring, *, left: bool) -> Ring:
    return ring if (area_of(ring) > 0) == left else ring[::-1]


def _within(point: Point, ring: Ring) -> bool:
    """Return whether a point is inside a ring (ray to the east)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside
