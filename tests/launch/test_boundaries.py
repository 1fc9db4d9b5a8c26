"""Outlines from jvectormap's SVG paths."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.places import Departement
from launch.boundaries import Inset, UnreadableMap, area_of, make, polygons_of, rings_of

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie" / "boundaries.geojson"

# 100 x 100 map units that show one radian each way, from the meridian eastwards and from the equator southwards.
RADIAN = Inset(0, 0, 100, 100, west_m=0, north_m=0, east_m=6_381_372, south_m=6_381_372)
NORTH = Inset(0, 0, 100, 100, west_m=0, north_m=-6_381_372, east_m=6_381_372, south_m=0)
LOT = Departement(code="46", name="Lot")

MAP = """
  var map = {
    insets: [{
      width: 100,
      top: 0,
      height: 100,
      bbox: [{
        y: -6381372,
        x: 0
      }, {
        y: 0,
        x: 6381372
      }],
      left: 0
    }],
    paths: {
      "FR-46": {
        path: "M10,90l10,0l0,-10l-10,0Z",
        name: "L\\xF4t"
      }
    },
    projection: {
      type: "merc",
      centralMeridian: 0.0
    },
    width: 100.0
  };
"""


def test_a_path_is_drawn_in_relative_steps_and_closed() -> None:
    assert rings_of("M0,0l50,0l0,50Z", [RADIAN]) == [[(0, 0), (28.6479, 0), (28.6479, -27.5238), (0, 0)]]


def test_y_points_down_and_is_mercators() -> None:
    """One radian of Mercator northwards is the Gudermannian of 1: 49.6° (Snyder, 1987)."""
    assert NORTH.degrees(0, 0) == (0, 49.6049)
    assert NORTH.degrees(100, 100) == (57.2958, 0)


def test_points_that_rounding_makes_one_are_one() -> None:
    (ring,) = rings_of("M0,0l50,0l0.000001,0l0,50l0,-0.00001Z", [RADIAN])
    assert len(ring) == 4


def test_an_islet_smaller_than_the_rounding_is_left_out() -> None:
    assert rings_of("M0,0l0.00001,0l0,0.00001Z", [RADIAN]) == []


def test_a_ring_belongs_to_the_inset_that_it_begins_in() -> None:
    overseas = RADIAN._replace(left=200, west_m=-6_381_372)
    (ring,) = rings_of("M200,0l50,0l0,50Z", [RADIAN, overseas])
    assert ring[0] == (-57.2958, 0)


@pytest.mark.parametrize("path", ["M0,0c1,1", "l1,1", "M0,0L5,5Z", "M0,0l1,1 garbage", "M500,500l1,0l0,1Z", "1,1"])
def test_a_path_that_is_not_understood_is_refused(path: str) -> None:
    with pytest.raises(UnreadableMap):
        rings_of(path, [RADIAN])


@given(st.text(alphabet="MlZ0123456789.,- x", max_size=40))
def test_no_path_raises_anything_but_unreadable(path: str) -> None:
    try:
        rings = rings_of(path, [RADIAN])
    except UnreadableMap:
        return
    assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in rings)


def test_exteriors_turn_left_and_holes_right() -> None:
    outer = [(0.0, 0.0), (0.0, 9.0), (9.0, 9.0), (9.0, 0.0), (0.0, 0.0)]
    hole = [(2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0), (2.0, 2.0)]
    island = [(20.0, 0.0), (21.0, 0.0), (21.0, 1.0), (20.0, 0.0)]
    polygons = polygons_of([hole, outer, island])
    assert [len(polygon) for polygon in polygons] == [2, 1]
    assert [area_of(ring) > 0 for ring in polygons[0]] == [True, False]
    assert area_of(polygons[1][0]) > 0


def test_a_map_is_read_and_named_by_us() -> None:
    document = json.loads(make(MAP, [LOT]))
    (feature,) = document["features"]
    assert feature["properties"] == {"code": "46", "name": "Lot"}
    assert feature["geometry"]["type"] == "Polygon"
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert len(ring) == 5


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("var map = ", "var other = ", "no `var map"),
        ('"FR-46"', '"FR-47"', "département 46 is not on the map"),
        ('"merc"', '"mill"', "not in Mercator"),
        ("insets:", "corners:", "no insets or no paths"),
        ("left: 0", "lefft: 0", "not as expected"),
        ("width: 100,", "width: wide,", "not as expected"),
        ("bbox: [{", "bbox: {{", "the map's object"),
    ],
)
def test_another_map_says_what_it_lacks(before: str, after: str, reason: str) -> None:
    with pytest.raises(UnreadableMap, match=reason):
        make(MAP.replace(before, after, 1), [LOT])


def test_occitanies_outlines_are_valid_geojson() -> None:
    """Closed rings, exteriors counter-clockwise, holes clockwise (RFC 7946), no more than four decimals."""
    features = json.loads(OCCITANIE.read_bytes())["features"]
    assert [feature["properties"]["code"] for feature in features] == sorted(
        ["09", "11", "12", "30", "31", "32", "34", "46", "48", "65", "66", "81", "82"]
    )
    for feature in features:
        geometry = feature["geometry"]
        polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        for polygon in polygons:
            for place, ring in enumerate(polygon):
                assert ring[0] == ring[-1]
                assert len(ring) >= 4
                assert (area_of([(lon, lat) for lon, lat in ring]) > 0) == (place == 0)
                assert all(round(value, 4) == value for point in ring for value in point)


def test_enclaves_are_where_they_are() -> None:
    """Llívia is a hole in the Pyrénées-Orientales; two enclaves of the Hautes-Pyrénées lie within Béarn."""
    shapes = {
        feature["properties"]["code"]: feature["geometry"] for feature in json.loads(OCCITANIE.read_bytes())["features"]
    }
    assert [len(ring) for ring in shapes["66"]["coordinates"]][1:] == [11]
    assert shapes["65"]["type"] == "MultiPolygon"
    assert len(shapes["65"]["coordinates"]) == 3
