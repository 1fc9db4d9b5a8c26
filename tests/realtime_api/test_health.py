"""Health: alive while it runs, ready only while everything goes on, and what does not is named."""

import asyncio

import pytest

from domain.capacity.fold import FOLD_VERSION
from live_state.state import Position
from realtime_api.shards import Shards
from tests.realtime_api.house import SHARD, WITHIN_S, House


async def readiness(house: House) -> tuple[int, list[str]]:
    """Return the status, and what is not ready."""
    answer = await house.http.get("/readyz")
    told = answer.json()
    assert told["ready"] == (answer.status_code == 200) == (told["not_ready"] == [])
    return answer.status_code, [f"{each['what']}: {each['why']}" for each in told["not_ready"]]


async def until(house: House, word: str) -> list[str]:
    """Return what is not ready, once a word of it is this one."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            status, told = await readiness(house)
            if any(word in each for each in told):
                assert status == 503
                return told


async def test_a_process_that_works_is_alive_and_ready(house: House) -> None:
    assert (await house.http.get("/healthz")).status_code == 200
    assert await readiness(house) == (200, [])


async def test_a_clock_that_stands_still_is_not_ready_though_alive(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = house.rooms.hubs["ici"].at + 11_000
    monkeypatch.setattr(house.app.state.health, "_now", lambda: later)
    assert await readiness(house) == (503, ["region ici: its clock stands still: 11 s ago"])
    assert (await house.http.get("/healthz")).status_code == 200
    await house.shard.tick(later)
    await house.settled()
    assert (await readiness(house))[0] == 200


async def test_a_clock_behind_the_workers_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.app.state.health, "_now", lambda: house.rooms.hubs["ici"].at - 5_000)
    assert await readiness(house) == (503, ["region ici: this machine's clock is 5 s behind the worker's"])


async def test_a_live_state_that_is_away_is_named_until_it_is_back(house: House) -> None:
    house.state.away = True
    assert await until(house, "live state") == ["region ici: the live state cannot be reached"]
    assert (await house.get("crisis", "/regions/ici/capacity")).status_code == 200  # as of its `at`
    house.state.away = False
    await house.until_ready()


async def test_a_log_that_is_away_is_named(house: House) -> None:
    house.log.away = True
    house.rooms._another_log.set()  # look now
    await until(house, "log: the log cannot be reached")
    house.log.away = False
    async with asyncio.timeout(WITHIN_S):
        while (await readiness(house))[0] != 200:
            await house.shard.tick()


async def test_a_state_written_by_a_newer_fold_is_not_read(house: House) -> None:
    held = house.state._held[await house.state.current(SHARD)]  # type: ignore[index]
    newer = await house.state.begin(SHARD, house.shard.epoch, FOLD_VERSION + 1, house.shard.build)
    assert newer is not None
    house.state._held[newer].hashes = held.hashes
    house.state._held[newer].position = Position(house.shard.epoch, 5, FOLD_VERSION + 1)
    assert await until(house, "unknown version") == ["region ici: the live state is in an unknown version"]


async def test_what_is_on_the_feed_in_a_form_that_nobody_knows_is_named(house: House) -> None:
    held = house.state._held[await house.state.current(SHARD)]  # type: ignore[index]
    held.feed.append(held.feed[-1]._replace(offset=held.feed[-1].offset + 1, payload=b"\xc1"))
    assert "unknown version" in (await until(house, "unknown version"))[0]


async def test_no_metric_names_a_place_or_a_person(house: House) -> None:
    await house.report("ward", {"ward": "310000001/rea-adulte", "status": "02", "count": 3})
    text = (await house.http.get("/metrics")).text
    assert "vigilits_reports_accepted_total" in text
    assert "310000001" not in text
    assert "crisis" not in text


@pytest.mark.parametrize("name", ["rooms", "checks", "cookies"])
async def test_a_process_that_lost_a_task_asks_to_be_restarted(house: House, name: str) -> None:
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == name)
    task.cancel()
    await asyncio.wait({task})
    answer = await house.http.get("/healthz")
    assert (answer.status_code, answer.json()["ended"]) == (500, [name])


async def test_regions_are_still_looked_for_after_what_nobody_foresaw(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = asyncio.Event()
    asked = 0

    async def fails(_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            again.set()
        asyncio.get_running_loop().call_later(0.01, house.rooms._another_log.set)
        raise RuntimeError("odd")

    monkeypatch.setattr(Shards, "learn", fails)
    house.rooms._another_log.set()
    async with asyncio.timeout(WITHIN_S):
        await again.wait()
    monkeypatch.undo()
    assert (await house.http.get("/healthz")).status_code == 200


async def test_a_relay_outlives_what_nobody_foresaw(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> list[object]:
        raise RuntimeError("odd")

    monkeypatch.setattr(house.state, "feed", fails)
    assert await until(house, "itself") == ["region ici: something is wrong with vigilits itself: its log says what"]
    assert (await house.http.get("/healthz")).status_code == 200
    monkeypatch.undo()
    await house.until_ready()
