"""Engines that go away and come back as they were, older, or empty: it is said, and what was accepted is there."""

import shutil
import time
from collections.abc import Iterator

import httpx
import pytest
import redis

from domain.events import AVAILABLE
from launch.embedded import LoopbackServer
from tests.end_to_end.conftest import CELL, ICI, everyone
from tests.end_to_end.screen import Screen
from tests.end_to_end.system import System, small
from tests.engines.chosen import EngineSet

pytestmark = pytest.mark.engines

REA = "310100001/rea-adulte"
REFUSED_WITHIN_S = 8.0  # 5 s for the log to answer, and what a busy machine takes


@pytest.fixture
def screen(frail: System) -> Iterator[Screen]:
    """Return a screen that shows a first report, once all is well again after whatever came before."""
    frail.until_ready()
    with frail.screen(CELL, ICI) as watching:
        _tell(frail, 1)
        yield watching.until_shown(REA, available=1)


def _tell(system: System, count: int, within_s: float = 30.0) -> None:
    """Return once a report is accepted by a system that may still be recovering: refused, it is sent again."""
    give_up_at = time.monotonic() + within_s
    while (answer := _report(system, count)).status_code == 503 and time.monotonic() < give_up_at:
        assert "retry-after" in answer.headers
        time.sleep(0.2)
    assert answer.status_code in (201, 202), answer.text


def _report(system: System, count: int) -> httpx.Response:
    return system.tell(CELL, {"ward": REA, "status": AVAILABLE, "count": count})


def test_without_the_log_nothing_is_accepted_and_the_picture_stays(
    frail: System, engines: EngineSet, screen: Screen
) -> None:
    frail.kafka.kill()
    started = time.monotonic()
    answer = _report(frail, 9)
    took = time.monotonic() - started
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert took < REFUSED_WITHIN_S
    print(f"refused after {took:.1f} s")
    assert frail.picture(CELL, ICI)["wards"][REA]["available"] == 1
    assert frail.command("dead-letters", "list").returncode == 3
    began = time.monotonic()
    frail.kafka.start()
    if not engines.kafka_persists:  # the log was in memory: whoever is on call founds the region anew
        frail.settle(small(ICI, 1), everyone(ICI))
        screen.until(lambda seen: "the log is another one" in seen.reasons, "reset")
    _tell(frail, 2)
    screen.until_shown(REA, available=2)
    print(f"live again {time.monotonic() - began:.1f} s after the log came back")
    assert screen.closed is None
    frail.is_the_fold_of_its_log(ICI)
    counts = [line["splits"][0]["count"] for line in frail.get(CELL, f"/regions/{ICI}/wards/{REA}").json()["history"]]
    assert 9 not in counts
    assert counts[0] == 2


def test_without_the_live_state_reports_are_kept_and_shown_when_it_is_back(frail: System, screen: Screen) -> None:
    frail.redis.kill()
    answer = _report(frail, 2)
    assert answer.status_code == 202, answer.text
    link = answer.json()["links"]["self"]
    away = frail.get(CELL, f"/regions/{ICI}/wards/{REA}")
    assert (away.status_code, away.json()["type"]) == (503, "urn:vigilits:problem:state-away")
    assert int(away.headers["retry-after"]) > 0
    frail.until(lambda: "the live state cannot be reached" in (frail.not_ready() or {}).values(), "word of it")
    assert screen.wards[REA]["available"] == 1
    began = time.monotonic()
    frail.redis.start()
    screen.until_shown(REA, available=2)
    print(f"live again {time.monotonic() - began:.1f} s after the live state came back")
    assert frail.http.get(link, headers=frail.bearer(CELL)).json()["outcome"] == "applied"
    frail.is_the_fold_of_its_log(ICI)


def test_a_log_that_lost_its_end_is_another_picture_and_screens_are_told(
    frail: System, engines: EngineSet, screen: Screen
) -> None:
    """What was accepted since is gone with the log, and nobody goes on looking at it as if it were there."""
    server = frail.kafka
    assert isinstance(server, LoopbackServer)
    before = server.directory.with_name("before")
    if engines.kafka_persists:
        server.stop()
        shutil.copytree(server.directory, before)
        server.start()
    for count in (2, 3, 4):
        _tell(frail, count)
    screen.until_shown(REA, available=4)
    print(f"resets by a broker that was only restarted: {screen.reasons}")
    server.kill()
    if engines.kafka_persists:
        shutil.rmtree(server.directory)
        before.rename(server.directory)
        server.start()
    else:  # it forgets all that it knew
        server.start()
        frail.settle(small(ICI, 1), everyone(ICI))
    left = 1 if engines.kafka_persists else None
    screen.until(lambda seen: seen.wards.get(REA, {}).get("available") == left, "what is left of the picture")
    assert screen.reasons
    assert screen.closed is None
    _tell(frail, 7)
    screen.until_shown(REA, available=7)
    frail.is_the_fold_of_its_log(ICI)
    screen.until(lambda seen: seen.picture == _picture(frail), "picture that the API has too")


def test_a_live_state_that_went_back_in_time_is_brought_up_to_date(frail: System, screen: Screen) -> None:
    server = frail.redis
    assert isinstance(server, LoopbackServer)
    before = server.directory.with_name("before")
    server.stop()
    shutil.copytree(server.directory, before)
    server.start()
    for count in (2, 3, 4):
        _tell(frail, count)
    screen.until_shown(REA, available=4)
    server.kill()
    shutil.rmtree(server.directory)
    before.rename(server.directory)
    server.start()
    _tell(frail, 5)
    screen.until_shown(REA, available=5)
    frail.is_the_fold_of_its_log(ICI)
    screen.until(lambda seen: seen.picture == _picture(frail), "picture that the API has too")


def test_a_live_state_that_was_emptied_is_rebuilt_and_screens_are_told(frail: System, screen: Screen) -> None:
    with redis.Redis.from_url(frail.redis.url) as server:
        server.flushall()
    screen.until(lambda seen: seen.reasons, "reset")
    screen.until_shown(REA, available=1)
    _tell(frail, 6)
    screen.until_shown(REA, available=6)
    frail.is_the_fold_of_its_log(ICI)
    screen.until(lambda seen: seen.picture == _picture(frail), "picture that the API has too")


def _picture(system: System) -> dict[str, object]:
    told = system.picture(CELL, ICI)
    return {"wards": told["wards"], "totals": told["totals"]}
