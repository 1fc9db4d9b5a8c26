"""The doors that show: directory, boundaries, picture, ward, hours, search, and what they refuse."""

from typing import Any

import httpx
import pytest

from domain.events import BedsReported, Source, Split, Tick
from event_log.ids import new_id
from realtime_api.app import now
from tests.realtime_api.house import BOUNDARIES, House
from tests.small_region import region

REA, MED = "310000001/rea-adulte", "310000001/medecine"


async def test_the_directory_is_the_published_one_and_is_not_sent_twice(house: House) -> None:
    answer = await house.get("physician", "/regions/ici")
    told = answer.json()
    assert (told["code"], told["name"], len(told["facilities"])) == ("ici", "Ici", 3)
    assert [ward["id"] for ward in told["wards"]] == list(region().ward_of)
    assert told["digest"] == (await house.picture())["region_digest"]
    assert told["tile_url"] is None
    headers = house.bearer("ward") | {"if-none-match": answer.headers["etag"]}
    assert (await house.http.get("/api/v1/regions/ici", headers=headers)).status_code == 304
    plain = await house.http.get("/api/v1/regions/ici", headers=house.bearer("ward") | {"accept-encoding": "identity"})
    assert plain.json() == told


async def test_the_boundaries_are_geojson(house: House) -> None:
    answer = await house.get("ward", "/regions/ici/boundaries")
    assert (answer.content, answer.headers["content-type"]) == (BOUNDARIES, "application/geo+json")
    await house.publish("boundaries", b'{"type":"FeatureCollection","features":[1]}')
    await house.settled()
    assert (await house.get("ward", "/regions/ici/boundaries")).content.endswith(b"[1]}")


async def test_the_picture_has_an_etag_that_changes_with_it_and_with_who_asks(house: House) -> None:
    answer = await house.get("crisis", "/regions/ici/capacity")
    etag = answer.headers["etag"]

    async def ask(subject: str) -> int:
        headers = house.bearer(subject) | {"if-none-match": etag}
        return (await house.http.get("/api/v1/regions/ici/capacity", headers=headers)).status_code

    assert await ask("crisis") == 304
    assert await ask("physician") == 200
    await house.report("ward", {"ward": REA, "status": "02", "count": 1})
    assert await ask("crisis") == 200


async def test_a_ward_tells_its_last_fifty_rows_their_sources_and_whether_each_stood(house: House) -> None:
    await house.report("ward", [{"ward": REA, "status": "02", "count": n} for n in range(60)])
    await house.report("crisis", {"ward": REA, "status": "02", "count": 99, "happened_at": now() - 3_600_000})
    told = (await house.get("crisis", f"/regions/ici/wards/{REA}")).json()
    assert told["ward"]["available"] == 59
    assert told["directory"] == {"id": REA, "facility": "310000001", "kind": "rea-adulte", "installed": 20}
    assert len(told["history"]) == 50
    first, second, *_ = told["history"]
    assert (first["splits"], first["stands"], first["source"]["id"]) == ([{"count": 99}], False, "crisis")
    assert first["source"]["door"] == "telephone"
    assert (second["splits"], second["stands"], second["source"]["id"]) == ([{"count": 59}], True, "ward")
    assert [row["offset"] for row in told["history"]] == sorted((r["offset"] for r in told["history"]), reverse=True)
    (row,) = told["ward"]["rows"]
    assert row["source"]["id"] == "ward"


async def test_the_last_rows_that_one_may_see_are_told_however_many_others_came_since(house: House) -> None:
    await house.report("ward", [{"ward": REA, "status": "02", "count": n} for n in range(60)])
    for _ in range(3):
        await house.report("ward", [{"ward": REA, "status": "03", "count": n} for n in range(100)])
    told = (await house.get("physician", f"/regions/ici/wards/{REA}")).json()["history"]
    assert [row["splits"][0]["count"] for row in told] == list(range(59, 9, -1))


async def test_a_ward_that_never_reported_is_known_and_unknown(house: House) -> None:
    told = (await house.get("crisis", f"/regions/ici/wards/{MED}")).json()
    assert (told["ward"], told["history"]) == (None, [])


async def test_full_hours_are_told_from_the_past(house: House) -> None:
    hour = 3_600_000
    full = now() // hour * hour
    await house.begin_anew(at=full - 3 * hour - 5)
    await house.shard.put(
        BedsReported(
            id=new_id(),
            received_at=full - 2 * hour - 5,
            happened_at=full - 2 * hour - 5,
            ward=REA,
            status="02",
            source=Source(id="x", door="api"),
            splits=(Split(4),),
        ),
        Tick(id=new_id(), received_at=now()),
    )
    await house.until_ready()
    told = (await house.get("crisis", "/regions/ici/hours", kind="rea-adulte")).json()["hours"]
    assert [(each["at"], each["available"]) for each in told][-3:] == [
        (full - 2 * hour, 4),
        (full - hour, 4),
        (full, 4),
    ]
    assert told[0]["available"] is None
    one = (await house.get("crisis", "/regions/ici/hours", kind="rea-adulte", hours="1", departement="31")).json()
    assert [each["available"] for each in one["hours"]] == [4]
    of_02 = (await house.get("physician", "/regions/ici/hours", kind="rea-adulte", hours="1")).json()["hours"]
    assert set(of_02[0]) == {"at", "available", "wards"}


async def test_the_nearest_free_beds_are_found_with_their_age(house: House) -> None:
    for ward, count in ((MED, 0), ("310000002/medecine", 4), (REA, 2)):
        await house.report("crisis", {"ward": ward, "status": "02", "count": count})
    told = (await house.get("regulator", "/search/beds", lat="43.6", lon="1.44", kind="medecine")).json()
    (found,) = told["results"]
    assert (found["facility"], found["free"], found["wards"]) == ("310000002", 4, ["310000002/medecine"])
    assert 17 < found["distance_km"] < 19
    assert not found["stale"]
    assert found["told_at"] <= told["at"]
    await house.report("crisis", {"ward": MED, "status": "02", "count": 1})
    told = (await house.get("regulator", "/search/beds", lat="43.6", lon="1.44", kind="medecine", limit="1")).json()
    assert [each["facility"] for each in told["results"]] == ["310000001"]


def paths(answer: httpx.Response) -> set[str]:
    """Return the paths that a problem tells."""
    return {error["path"] for error in answer.json().get("errors", [])}


@pytest.mark.parametrize(
    ("path", "params", "wrong"),
    [
        ("/search/beds", {}, {"lat", "lon", "kind"}),
        ("/search/beds", {"lat": "north", "lon": "181", "kind": "medecine", "limit": "0"}, {"lat", "lon", "limit"}),
        ("/search/beds", {"lat": "nan", "lon": "inf", "kind": "medecine"}, {"lat", "lon"}),
        ("/search/beds", {"lat": "4_3", "lon": " 1", "kind": "sofa"}, {"lat", "lon", "kind"}),
        ("/search/beds", {"lat": "43", "lon": "1", "kind": "sofa"}, {"kind"}),
        ("/search/beds", {"lat": "43", "lon": "1", "kind": "medecine", "colour": "red"}, {"#3"}),
        ("/regions/ici/hours", {}, {"kind"}),
        (
            "/regions/ici/hours",
            {"kind": "sofa", "departement": "75", "hours": "1_0"},
            {"kind", "departement", "hours"},
        ),
        ("/regions/ici/hours", {"kind": "medecine", "hours": "721"}, {"hours"}),
        ("/regions/ici/hours", {"kind": "medecine", "hours": "²"}, {"hours"}),
    ],
)
async def test_wrong_parameters_are_all_told(house: House, path: str, params: dict[str, Any], wrong: set[str]) -> None:
    answer = await house.get("crisis", path, **params)
    assert answer.status_code == 400, answer.text
    assert paths(answer) == wrong


@pytest.mark.parametrize(
    "path",
    [
        "/regions/nowhere",
        "/regions/nowhere/capacity",
        "/regions/ici/wards/999999999/rea-adulte",
        "/regions/ici/wards/..%2f..%2fetc",
        "/nothing",
        "/search/beds?lat=1&lon=1&kind=medecine&region=nowhere",
    ],
)
async def test_what_there_is_not_is_not_found(house: House, path: str) -> None:
    answer = await house.http.get(f"/api/v1{path}", headers=house.bearer("crisis"))
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_wrong_method_is_a_problem_too(house: House) -> None:
    answer = await house.http.delete("/api/v1/regions", headers=house.bearer("crisis"))
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:vigilits:problem:wrong-method")
    assert "GET" in answer.headers["allow"]


async def test_a_wrong_method_is_told_the_right_ones(house: House) -> None:
    for method, path, allowed in (
        ("GET", "/bed-reports", "POST"),
        ("PUT", "/session", "DELETE, GET, HEAD, POST"),
        ("POST", "/regions/ici/wards/310000001/rea-adulte", "GET, HEAD"),
    ):
        answer = await house.http.request(method, f"/api/v1{path}", headers=house.bearer("crisis"))
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_regions_are_those_that_one_may_see(house: House) -> None:
    assert (await house.get("ward", "/regions")).json() == [{"code": "ici", "name": "Ici", "ready": True}]
    assert (await house.get("nobody", "/regions")).json() == []
