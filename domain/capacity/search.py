"""The nearest facilities with free beds of a kind, by great circle."""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.places import Region

EARTH_KM = 6371.0088  # mean radius; also Redis's GEOSEARCH to within 0.1 %


class Site(NamedTuple):
    """A facility with wards of one kind, and where it is as a unit vector: the nearest has the largest dot product."""

    facility: str
    name: str
    lat: float
    lon: float
    x: float
    y: float
    z: float
    wards: tuple[str, ...]


class Free(NamedTuple):
    """What a ward offers: beds that can take a patient now, when that was told, and whether that is too long ago."""

    beds: int
    told_at: int | None
    stale: bool


class Found(msgspec.Struct, frozen=True):
    """A facility with free beds; `told_at` and `stale` are those of its oldest figure that counts here."""

    facility: str
    name: str
    lat: float
    lon: float
    distance_km: float
    free: int
    told_at: int | None
    stale: bool
    wards: list[str]


def unit(lat: float, lon: float) -> tuple[float, float, float]:
    """Return the unit vector of a place given in degrees."""
    north, east = math.radians(lat), math.radians(lon)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def sites(region: Region) -> dict[str, tuple[Site, ...]]:
    """Return the facilities whose place is known, by kind of bed."""
    wards: dict[tuple[str, str], list[str]] = {}
    for ward in region.wards:
        wards.setdefault((ward.kind, ward.facility), []).append(ward.id)
    found: dict[str, list[Site]] = {}
    for (kind, code), ids in wards.items():
        facility = region.facility_of[code]
        if facility.lat is not None and facility.lon is not None:
            where = unit(facility.lat, facility.lon)
            site = Site(code, facility.name, facility.lat, facility.lon, *where, tuple(ids))
            found.setdefault(kind, []).append(site)
    return {kind: tuple(places) for kind, places in found.items()}


def nearest(
    places: Sequence[Site], lat: float, lon: float, limit: int, free: Callable[[str], Free | None]
) -> list[Found]:
    """Return up to `limit` facilities that have free beds, nearest first."""
    x, y, z = unit(lat, lon)
    near = heapq.nlargest(
        limit,
        (
            (site.x * x + site.y * y + site.z * z, place)
            for place, site in enumerate(places)
            if any((ward := free(id_)) is not None and ward.beds > 0 for id_ in site.wards)
        ),
    )
    return [_found(places[place], dot, {id_: free(id_) for id_ in places[place].wards}) for dot, place in near]


def _found(site: Site, dot: float, wards: Mapping[str, Free | None]) -> Found:
    giving = {id_: ward for id_, ward in wards.items() if ward is not None and ward.beds > 0}
    told = [ward.told_at for ward in giving.values() if ward.told_at is not None]
    return Found(
        facility=site.facility,
        name=site.name,
        lat=site.lat,
        lon=site.lon,
        distance_km=round(EARTH_KM * math.acos(max(-1.0, min(1.0, dot))), 3),
        free=sum(ward.beds for ward in giving.values()),
        told_at=min(told, default=None),
        stale=any(ward.stale for ward in giving.values()),
        wards=list(giving),
    )
