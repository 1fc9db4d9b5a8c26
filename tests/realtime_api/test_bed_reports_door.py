"""POST /api/v1/bed-reports from outside: what is accepted, what is refused and how precisely, and what then holds."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest

from realtime_api import commands
from realtime_api.app import now
from realtime_api.intake.bed_reports import MOST_BYTES
from realtime_api.problems import KINDS
from tests.realtime_api.house import WITHIN_S, House

REA, MED, OTHER = "310000001/rea-adulte", "310000001/medecine", "810000001/medecine"
RIGHT = {"ward": REA, "status": "02", "count": 3}


def told(answer: httpx.Response, kind: str) -> dict[str, Any]:
    """Return the problem of an answer, which is of this kind."""
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:vigilits:problem:{kind}", document
    assert (document["status"], document["title"]) == (answer.status_code, KINDS[kind].title)
    assert ("retry-after" in answer.headers) == (KINDS[kind].retry_after_s is not None)
    return document


async def log_end(house: House) -> int:
    """Return where the log ends."""
    return await house.log.end("vigilits.capacity", house.shard.partition)


async def test_a_report_is_applied_before_it_is_answered(house: House) -> None:
    answer = await house.report("ward", RIGHT)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["ward"], said["status"], said["outcome"]) == (REA, "02", "applied")
    assert (await house.picture())["wards"][REA]["available"] == 3
    assert answer.headers["location"] == said["links"]["self"]
    again = await house.http.get(said["links"]["self"], headers=house.bearer("ward"))
    assert again.json() == {"id": said["id"], "outcome": "applied"}


async def test_an_older_figure_is_kept_as_history_and_the_answer_says_so(house: House) -> None:
    await house.report("ward", RIGHT)
    before = (await house.picture())["wards"]
    answer = await house.report("ward", RIGHT | {"count": 9, "happened_at": now() - 60_000})
    assert (answer.status_code, answer.json()["outcome"]) == (201, "history")
    assert answer.json()["reason"] == "older than the figure held"
    assert (await house.picture())["wards"] == before


async def test_a_list_is_answered_row_by_row(house: House) -> None:
    rows = [RIGHT, {"ward": "nowhere", "status": "02", "count": 1}, {"ward": OTHER, "status": "02", "count": 1}]
    answer = await house.report("facility", rows)
    assert answer.status_code == 207
    first, second, third = answer.json()["rows"]
    assert (first["index"], first["status"], first["outcome"]) == (0, 201, "applied")
    assert (second["status"], second["problem"]["errors"][0]["path"]) == (422, "rows[1].ward")
    assert (third["status"], third["problem"]["errors"][0]["path"]) == (403, "rows[2].ward")
    assert set((await house.picture())["wards"]) == {REA}


async def test_a_list_that_is_right_or_wrong_throughout_says_so_by_its_status(house: House) -> None:
    assert (await house.report("facility", [RIGHT, RIGHT | {"status": "03"}])).status_code == 200
    assert (await house.report("facility", [{"ward": "nowhere"}, {}])).status_code == 422
    assert (await house.report("facility", [RIGHT | {"ward": OTHER}] * 2)).status_code == 403


async def test_a_thousand_rows_are_taken_in_their_order(house: House) -> None:
    answer = await house.report("ward", [RIGHT | {"count": n} for n in range(1000)])
    assert answer.status_code == 200
    assert all(row["outcome"] == "applied" for row in answer.json()["rows"])
    assert (await house.picture())["wards"][REA]["available"] == 999


@pytest.mark.parametrize(
    ("body", "status", "kind", "path"),
    [
        (b"{", 400, "unreadable", None),
        (b"[" * 50_000, 400, "unreadable", None),
        (b"3", 422, "wrong-rows", ""),
        (b"[]", 422, "wrong-rows", "rows"),
        (json.dumps(RIGHT | {"count": "three"}).encode(), 422, "wrong-rows", "count"),
        (json.dumps(RIGHT | {"count": -1}).encode(), 422, "wrong-rows", "count"),
        (json.dumps(RIGHT | {"ward": "999999999/x"}).encode(), 422, "wrong-rows", "ward"),
        (json.dumps(RIGHT | {"happened_at": 10**15}).encode(), 422, "wrong-rows", "happened_at"),
        (json.dumps(RIGHT | {"ward": MED}).encode(), 403, "not-allowed", "ward"),
        (json.dumps([RIGHT] * 1001).encode(), 413, "too-large", None),
        (b" " * (MOST_BYTES + 1), 413, "too-large", None),
    ],
)
async def test_bad_input_is_a_precise_problem_and_changes_nothing(
    house: House, body: bytes, status: int, kind: str, path: str | None
) -> None:
    before, end = await house.picture(), await log_end(house)
    answer = await house.report("ward", body)
    assert answer.status_code == status, answer.text
    errors = told(answer, kind).get("errors", [])
    assert [error["path"] for error in errors] == ([] if path is None else [path])
    assert await log_end(house) == end
    assert await house.picture() == before


async def test_a_body_that_grows_over_the_limit_is_refused_while_it_comes(house: House) -> None:
    """Without a length told beforehand, nobody waits for the end of it."""
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 64 * MOST_BYTES:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    try:
        answer = await house.http.post("/api/v1/bed-reports", content=endless(), headers=house.bearer("ward"))
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError):
        pass  # the server had its say, and hung up
    assert sent < 32 * MOST_BYTES


async def test_the_same_key_twice_is_one_report(house: House) -> None:
    first = await house.report("ward", RIGHT, key="ward-42-morning")
    second = await house.report("ward", dict(reversed(RIGHT.items())), key="ward-42-morning")
    assert first.json() == second.json()
    assert (await house.picture())["wards"][REA]["available"] == 3
    other = await house.report("facility", RIGHT | {"count": 8}, key="ward-42-morning")
    assert other.json()["id"] != first.json()["id"]


async def test_another_report_under_the_same_key_is_refused_and_not_said_to_be_applied(house: House) -> None:
    first = await house.report("ward", RIGHT, key="k")
    told(await house.report("ward", RIGHT | {"count": 8}, key="k"), "other-report")
    assert (await house.report("ward", RIGHT, key="k")).json() == first.json()
    assert (await house.get("ward", f"/commands/{first.json()['id']}")).json()["outcome"] == "applied"
    assert (await house.picture())["wards"][REA]["available"] == 3
    rows = [RIGHT, RIGHT | {"status": "03"}]
    assert (await house.report("ward", rows, key="list")).status_code == 200
    answer = await house.report("ward", [RIGHT, RIGHT | {"status": "03", "count": 9}], key="list")
    assert answer.status_code == 207
    assert [row["status"] for row in answer.json()["rows"]] == [201, 422]


async def test_the_same_list_twice_is_one_list(house: House) -> None:
    rows = [RIGHT, RIGHT | {"status": "03"}]
    first, second = [await house.report("ward", rows, key="k") for _ in range(2)]
    assert first.json() == second.json()
    assert len((await house.get("ward", f"/regions/ici/wards/{REA}")).json()["history"]) == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_a_key_that_is_none_is_refused(house: House, key: str) -> None:
    told(await house.report("ward", RIGHT, key=key), "bad-parameter")


async def test_the_log_being_away_is_said_within_a_bounded_wait(house: House) -> None:
    house.log.away = True
    told(await house.report("ward", RIGHT), "log-away")
    answer = await house.report("ward", [RIGHT, RIGHT])
    told(answer, "log-away")
    house.log.away = False
    assert (await house.report("ward", RIGHT)).status_code == 201


async def test_a_list_of_which_some_may_be_accepted_later_says_when(house: House) -> None:
    house.log.away = True
    answer = await house.report("ward", [RIGHT, {"ward": "nowhere", "status": "02", "count": 1}])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert [row["status"] for row in answer.json()["rows"]] == [503, 422]


async def test_a_log_that_does_not_answer_is_not_waited_for_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.app.state.commands, "_append_within_s", 0.2)
    house.log.hangs = asyncio.Event()
    started = asyncio.get_running_loop().time()
    told(await house.report("ward", [RIGHT] * 600), "log-away")
    assert asyncio.get_running_loop().time() - started < 3
    house.log.hangs.set()


async def test_too_many_reports_on_their_way_are_refused_and_not_queued(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MOST_IN_FLIGHT", 10)
    house.log.hangs = asyncio.Event()
    waiting = [asyncio.create_task(house.report("ward", [RIGHT] * 5)) for _ in range(2)]
    async with asyncio.timeout(WITHIN_S):
        while house.app.state.commands._in_flight < 10:  # noqa: ASYNC110 - a wait of some steps of this loop
            await asyncio.sleep(0)
    told(await house.report("ward", RIGHT), "busy")
    house.log.hangs.set()
    assert [(await each).status_code for each in waiting] == [200, 200]


async def test_an_outcome_that_does_not_come_is_linked_to(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.app.state.commands, "_outcome_within_s", 0.1)
    house.shard.working.clear()
    answer = await house.report("ward", RIGHT)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")
    link = answer.json()["links"]["self"]
    assert (await house.http.get(link, headers=house.bearer("ward"))).json()["outcome"] == "pending"
    rows = await house.report("ward", [RIGHT, {"ward": "x"}])
    assert (rows.status_code, rows.json()["rows"][0]["status"]) == (207, 202)
    assert (await house.report("ward", [RIGHT])).status_code == 202
    house.shard.working.set()
    await house.settled()
    assert (await house.http.get(link, headers=house.bearer("ward"))).json()["outcome"] == "applied"


async def test_an_outcome_is_found_where_the_feed_no_longer_tells_it(house: House) -> None:
    id_ = (await house.report("ward", RIGHT)).json()["id"]
    house.rooms.hubs["ici"].outcomes.clear()
    assert (await house.get("ward", f"/commands/{id_}")).json() == {"id": id_, "outcome": "applied"}
    assert (await house.get("ward", "/commands/019a0000-0000-7000-8000-000000000000")).status_code == 404


async def test_while_a_region_is_being_read_no_command_is_said_to_be_unknown(house: House) -> None:
    house.rooms.hubs["ici"].trouble = "the live state cannot be reached"
    told(await house.get("ward", "/commands/019a0000-0000-7000-8000-000000000000"), "not-ready")


async def test_a_ward_that_a_new_directory_dropped_is_refused_by_the_fold_too(house: House) -> None:
    """Between the door's look at the directory and the fold another may have been published."""
    house.shard.working.clear()
    fewer = msgspec.structs.replace(house.document, wards=house.document.wards[1:])
    await house.publish("region", msgspec.msgpack.encode(fewer))
    end = await log_end(house)
    asking = asyncio.create_task(house.report("facility", RIGHT))
    async with asyncio.timeout(WITHIN_S):
        while await log_end(house) == end:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    house.shard.working.set()
    answer = await asking
    assert told(answer, "refused")["detail"] == "unknown ward"


async def test_reports_are_accepted_while_the_live_state_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.app.state.commands, "_outcome_within_s", 0.1)
    house.state.away = True
    house.shard.working.clear()
    answer = await house.report("ward", RIGHT)
    assert answer.status_code in (201, 202)
    house.state.away = False
    house.shard.working.set()


async def test_what_is_counted_shows_in_the_metrics(house: House) -> None:
    await house.report("ward", RIGHT)
    await house.report("ward", b"{")
    async with house.socket("crisis") as socket:
        await socket.subscribe()
        text = (await house.http.get("/metrics")).text
    for line in (
        'vigilits_reports_accepted_total{door="api"} 1.0',
        'vigilits_problems_total{kind="unreadable"} 1.0',
        'vigilits_clients{codec="vigilits.v1+msgpack"} 1.0',
        "vigilits_snapshots_total 1.0",
        "vigilits_produce_seconds_count 1.0",
        "vigilits_outcome_seconds_count 1.0",
    ):
        assert line in text
    assert REA not in text
