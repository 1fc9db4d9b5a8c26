"""What the API writes down: JSON lines with the event's id and shard, and never a token, a link or a body."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from realtime_api.app import configure_logs, now
from realtime_api.links import Links
from tests.realtime_api.house import House

WARD = "310000001/rea-adulte"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Return what is written while a test runs."""
    into = io.StringIO()
    monkeypatch.setattr("sys.stderr", into)
    root = logging.getLogger()
    held = (root.handlers[:], root.level)
    root.handlers.clear()
    configure_logs("debug")
    yield into
    root.handlers[:], root.level = held
    structlog.reset_defaults()


async def test_lines_are_json_and_hold_no_secret_and_no_body(written: io.StringIO, house: House) -> None:
    link = Links(house.home).issue("crisis", now(), 5)
    await house.http.post("/api/v1/session", json={"link": link})
    session = house.http.cookies["vigilits"]
    token = house.issuer.issue("ward")
    report = {"ward": WARD, "status": "02", "count": 31_415}
    answer = await house.http.post("/api/v1/bed-reports", json=report, headers={"authorization": f"Bearer {token}"})
    house.log.away = True
    await house.report("ward", report)
    await house.http.post("/api/v1/session", json={"link": "not-a-link-of-ours"})
    await house.http.get("/api/v1/session", headers={"authorization": "Bearer not-a-token-of-ours"})
    async with house.socket("crisis") as socket:
        await socket.say(type="subscribe", channel="capacity:ici", since="not-a-token-of-ours")
        await socket.hear()
    logging.getLogger("another library").warning('a %s with "quotes"', "line")
    text = written.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"message", "level", "timestamp"} <= set(line) for line in lines)
    kept = next(line for line in lines if line["message"] == "kept")
    assert (kept["event_id"], kept["shard"]) == (answer.json()["id"], "capacity:ici")
    assert any(line["message"] == "not kept" and line["why"] == "the log is away" for line in lines)
    assert any(line["message"] == 'a line with "quotes"' for line in lines)
    for secret in (link, session, token, "31415", "31_415", "not-a-link-of-ours", "not-a-token-of-ours"):
        assert secret not in text
