"""From a POST to a screen: what is told is shown alike at every door, what is wrong is named and changes nothing."""

import json
import time
from typing import Any

import pytest

from domain.events import AVAILABLE, OCCUPIED
from tests.end_to_end.conftest import CELL, ICI, NIGHT_NURSE, VITE
from tests.end_to_end.system import System, heard

pytestmark = pytest.mark.engines

REA, MEDICINE, HAD = "310100001/rea-adulte", "310100001/medecine", "310100002/had"
ALBI, TOLD_BADLY = "810100001/rea-adulte", "310100002/medecine"
MINUTE, DAY = 60_000, 86_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


def history(system: System, ward: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = system.get(CELL, f"/regions/{ICI}/wards/{ward}").json()["history"]
    return lines


def test_a_report_reaches_the_crisis_cell_and_every_door_tells_the_same(system: System) -> None:
    with system.screen(CELL, ICI) as screen:
        answer = system.tell_and_hear(CELL, {"ward": REA, "status": AVAILABLE, "count": 3})
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert told["outcome"] == "applied"
        screen.until_shown(REA, available=3)

        shown = screen.wards[REA]
        assert shown["state"] == "free"
        assert screen.totals[f"region/{ICI}/rea-adulte"]["available"] == 3
        picture = system.picture(CELL, ICI)
        assert picture["wards"] == screen.wards
        assert picture["totals"] == screen.totals

    ward = system.get(CELL, f"/regions/{ICI}/wards/{REA}").json()
    assert {name: value for name, value in ward["ward"].items() if name != "rows"} == shown
    assert [split["count"] for split in ward["history"][0]["splits"]] == [3]
    assert ward["history"][0]["source"] == {"id": CELL, "door": "telephone"}
    near = system.get(CELL, "/search/beds", lat=43.6, lon=1.44, kind="rea-adulte", region=ICI).json()["results"]
    assert [(place["facility"], place["free"], place["stale"]) for place in near] == [("310100001", 3, False)]
    assert system.http.get(told["links"]["self"], headers=system.bearer(CELL)).json()["outcome"] == "applied"


def test_a_picture_that_did_not_change_is_not_sent_again(system: System) -> None:
    for _ in range(20):  # a tick between the two questions makes it another picture: its clock is part of it
        etag = system.get(CELL, f"/regions/{ICI}/capacity").headers["etag"]
        again = system.get(CELL, f"/regions/{ICI}/capacity", headers={"if-none-match": etag})
        if again.status_code == 304:
            break
    assert again.status_code == 304
    assert again.content == b""
    assert system.tell_and_hear(CELL, {"ward": MEDICINE, "status": OCCUPIED, "count": 31}).status_code == 201
    changed = system.get(CELL, f"/regions/{ICI}/capacity", headers={"if-none-match": etag})
    assert changed.status_code == 200
    assert changed.json()["wards"][MEDICINE]["occupied"] == 31


def test_an_older_figure_is_history_changes_nothing_live_and_the_answer_says_so(system: System) -> None:
    at = now()
    row = {"ward": ALBI, "status": OCCUPIED, "count": 6, "happened_at": at}
    assert system.tell_and_hear(CELL, row).status_code == 201
    with system.screen(CELL, ICI) as screen:
        before = system.picture(CELL, ICI)
        answer = system.tell_and_hear(CELL, row | {"count": 2, "happened_at": at - 10 * MINUTE})
        assert answer.status_code == 201
        assert answer.json()["outcome"] == "history"
        assert answer.json()["reason"] == "older than the figure held"
        after = system.picture(CELL, ICI)
        assert (after["wards"], after["totals"]) == (before["wards"], before["totals"])
        assert screen.wards[ALBI]["occupied"] == 6
    lines = history(system, ALBI)
    assert [(line["splits"][0]["count"], line["stands"]) for line in lines[:2]] == [(2, False), (6, True)]


def test_a_report_that_is_sent_again_is_one_report(system: System) -> None:
    before = len(history(system, HAD))
    row = {"ward": HAD, "status": OCCUPIED, "count": 12}
    first, again = (heard(lambda: system.tell(CELL, row, key="night-of-the-12th")) for _ in range(2))
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(history(system, HAD)) == before + 1


def test_each_row_of_a_list_has_its_own_answer(system: System) -> None:
    rows = [
        {"ward": MEDICINE, "status": AVAILABLE, "count": 4},
        {"ward": MEDICINE, "status": AVAILABLE, "count": -4},
        {"ward": "310100001/nowhere", "status": AVAILABLE, "count": 4},
    ]
    answer = system.tell_and_hear(CELL, rows)
    assert answer.status_code == 207
    told = answer.json()["rows"]
    assert [row["status"] for row in told] == [201, 422, 422]
    assert told[0]["outcome"] == "applied"
    assert [row["problem"]["errors"][0]["path"] for row in told[1:]] == ["rows[1].count", "rows[2].ward"]
    assert system.picture(CELL, ICI)["wards"][MEDICINE]["available"] == 4


def row(**changes: Any) -> bytes:
    """Return a row with changes."""
    return json.dumps({"ward": TOLD_BADLY, "status": OCCUPIED, "count": 5} | changes).encode()


BAD: dict[str, tuple[str, bytes, int, set[str]]] = {
    "malformed JSON": (CELL, b'{"ward": "310100002/medecine", "status": "03", "cou', 400, set()),
    "neither a row nor a list": (CELL, b'"twelve beds"', 422, {""}),
    "wrong type": (CELL, row(count="five"), 422, {"count"}),
    "unknown ward": (CELL, row(ward="310100002/nowhere"), 422, {"ward"}),
    "another ward's token": (NIGHT_NURSE, row(), 403, {"ward"}),
    "someone who reports for nobody": ("nobody", row(), 403, set()),
    "negative": (CELL, row(count=-1), 422, {"count"}),
    "more than 5 min in the future": (CELL, row(happened_at=now() + DAY), 422, {"happened_at"}),
    "a body over 1 MiB": (CELL, row(pad="x" * (1 << 20)), 413, set()),
    "a list over 1,000": (CELL, b"[" + b",".join([row()] * 1001) + b"]", 413, set()),
    "all wrong fields at once": (
        CELL,
        row(status="07", count=-1, colour="red", happened_at="yesterday", source_type="09"),
        422,
        {"status", "count", "colour", "happened_at", "source_type"},
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_changes_nothing(system: System, name: str) -> None:
    who, body, status, paths = BAD[name]
    before, lines = system.picture(CELL, ICI), history(system, TOLD_BADLY)
    answer = system.tell(who, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:vigilits:problem:")
    assert problem["title"]
    assert {wrong["path"] for wrong in problem.get("errors", [])} == paths
    assert all(wrong["message"] for wrong in problem.get("errors", []))
    after = system.picture(CELL, ICI)
    assert (after["wards"], after["totals"]) == (before["wards"], before["totals"])
    assert history(system, TOLD_BADLY) == lines


def test_a_figure_grows_stale_by_itself_and_the_screen_is_told(system: System) -> None:
    """Nobody reports, and no wall clock is asked: the shard's own clock makes it so."""
    ward = "310300001/rea-adulte"
    with system.screen(CELL, VITE) as screen:
        assert system.tell_and_hear(CELL, {"ward": ward, "status": AVAILABLE, "count": 2}).status_code == 201
        screen.until(lambda seen: ward in seen.wards, "report on the screen")
        fresh = screen.wards[ward]
        assert (fresh["stale"], fresh["stale_at"] - fresh["told_at"]) == (False, 4_000)
        screen.until(lambda seen: seen.wards[ward]["stale"], "staleness")
        assert screen.at >= fresh["stale_at"]
        assert screen.totals[f"region/{VITE}/rea-adulte"]["stale"] == 1
        assert screen.wards[ward] == fresh | {"stale": True}
        picture = system.picture(CELL, VITE)
        assert (picture["wards"], picture["totals"]) == (screen.wards, screen.totals)


def test_what_was_told_is_what_the_log_comes_to(system: System) -> None:
    for region in (ICI, VITE):
        system.is_the_fold_of_its_log(region)
