"""The nearest free beds: as a plain sort by great circle would have it."""

import math
import time

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.capacity.search import EARTH_KM, Free, nearest, sites
from domain.places import Facility, Ward
from tests.small_region import region

PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def haversine(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the kilometres between two places, the textbook's way."""
    (lat, lon), (other_lat, other_lon) = [(math.radians(p[0]), math.radians(p[1])) for p in (a, b)]
    h = math.sin((lat - other_lat) / 2) ** 2
    h += math.cos(lat) * math.cos(other_lat) * math.sin((lon - other_lon) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


@given(
    st.lists(st.tuples(PLACES, st.none() | st.integers(0, 3)), max_size=20),
    PLACES,
    st.integers(1, 5),
)
def test_the_nearest_are_those_of_a_plain_sort(
    given_places: list[tuple[tuple[float, float], int | None]], here: tuple[float, float], limit: int
) -> None:
    facilities = tuple(
        Facility(str(n), "ej", f"F{n}", "", "31", lat=place[0], lon=place[1])
        for n, (place, _) in enumerate(given_places)
    )
    wards = tuple(Ward(f"{n}/medecine", str(n), "medecine") for n in range(len(given_places)))
    free = {f"{n}/medecine": beds for n, (_, beds) in enumerate(given_places)}
    document = msgspec.structs.replace(region(), facilities=facilities, wards=wards)

    def offer(id_: str) -> Free | None:
        beds = free[id_]
        return None if beds is None else Free(beds, 1, False)

    found = nearest(sites(document).get("medecine", ()), *here, limit, offer)
    distances = sorted(haversine(place, here) for place, beds in given_places if beds)
    assert len(found) == min(limit, len(distances))
    for result, distance in zip(found, distances, strict=False):
        assert math.isclose(result.distance_km, distance, abs_tol=0.2)
        assert result.free > 0


def test_a_result_tells_its_wards_the_sum_and_the_oldest_of_their_figures() -> None:
    wards = (
        Ward("310000001/medecine", "310000001", "medecine"),
        Ward("310000001/b", "310000001", "medecine"),
        Ward("310000001/full", "310000001", "medecine"),
        Ward("810000001/medecine", "810000001", "medecine"),  # a facility whose place nobody knows
    )
    offers = {
        "310000001/medecine": Free(2, 500, False),
        "310000001/b": Free(3, 100, True),
        "310000001/full": Free(0, 1, True),
        "810000001/medecine": Free(9, 1, False),
    }
    document = msgspec.structs.replace(region(), wards=wards)
    (found,) = nearest(sites(document)["medecine"], 43.6, 1.44, 10, offers.get)
    assert (found.facility, found.name, found.free, found.told_at, found.stale) == ("310000001", "Nord", 5, 100, True)
    assert found.wards == ["310000001/medecine", "310000001/b"]
    assert found.distance_km == 0.0


def test_two_thousand_wards_are_searched_in_well_under_ten_milliseconds() -> None:
    """The budget is load_tests/search.py's to measure; this only notices a slip of an order of magnitude."""
    facilities = tuple(
        Facility(str(n), "ej", f"F{n}", "", "31", lat=42 + n % 97 / 30, lon=n % 89 / 25) for n in range(2000)
    )
    wards = tuple(Ward(f"{n}/medecine", str(n), "medecine") for n in range(2000))
    places = sites(msgspec.structs.replace(region(), facilities=facilities, wards=wards))["medecine"]
    free = {f"{n}/medecine": Free(n % 5, 1, False) for n in range(2000)}
    best = math.inf
    for _ in range(5):
        started = time.perf_counter()
        assert len(nearest(places, 43.6, 1.44, 10, free.get)) == 10
        best = min(best, time.perf_counter() - started)
    assert best < 0.1
