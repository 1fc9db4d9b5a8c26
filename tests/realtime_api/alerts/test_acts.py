"""Acting on alerts: who may, what becomes of it, two at once, too late, many at once, and all that is refused."""

import asyncio
from typing import Any

import msgspec
import pytest

from domain.alerts.notice import HeldAlert
from realtime_api.alerts import acts
from realtime_api.alerts.shapes import ActAnswers
from realtime_api.app import now
from realtime_api.intake.alerts import MOST_ALERTS
from tests.realtime_api.alarmed import MED, NAMES, act, behind, hub, kind_of, no_bed, set_up
from tests.realtime_api.house import House


async def status_of(house: House, held: HeldAlert) -> str:
    """Return the status of an alert as the API knows it by now."""
    await house.settled()
    return hub(house).alerts[held.alert.id].alert.status


async def test_who_was_told_takes_it_and_everybody_sees_that(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    answer = await act(desk, "physician", "take", held.alert.id)
    assert answer.status_code == 200
    assert answer.json() == {"alerts": [{"id": held.alert.id, "status": 200, "outcome": "applied"}]}
    assert await status_of(desk, held) == "acknowledged"
    assert hub(desk).alerts[held.alert.id].alert.taken_by == "physician"


async def test_two_at_once_both_see_the_outcome(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    answers = await asyncio.gather(*(act(desk, who, "take", held.alert.id) for who in ("crisis", "physician")))
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    told = lost.json()
    first, second = ("crisis", "physician") if answers[0] is won else ("physician", "crisis")
    assert lost.headers["content-type"] == "application/problem+json"
    assert told["type"] == "urn:vigilits:problem:taken"
    assert (told["taken_by"], told["taken_by_name"]) == (first, NAMES[first])
    assert abs(told["taken_at"] - now()) < 10_000
    assert told["detail"].endswith(f"s ago by {NAMES[first]}")
    await desk.settled()
    assert hub(desk).alerts[held.alert.id].alert.taken_by == first != second


async def test_taking_again_what_one_has_is_done_already(desk: House) -> None:
    """A phone that lost the first answer asks again."""
    await set_up(desk)
    held = await no_bed(desk)
    for _ in range(2):
        assert (await act(desk, "physician", "take", held.alert.id)).status_code == 200


async def test_an_act_sent_again_under_its_key_is_done_once(desk: House) -> None:
    """A comment of which the answer was lost stands there once; under the same key, another act is another one."""
    await set_up(desk)
    one, other = await no_bed(desk), await no_bed(desk, MED)
    for _ in range(2):
        answer = await act(desk, "crisis", "comment", one.alert.id, other.alert.id, key="k", text="Vu avec le SAMU.")
        assert [each["outcome"] for each in answer.json()["alerts"]] == ["applied", "applied"]
    assert (await act(desk, "crisis", "comment", one.alert.id, key="k", text="Encore.")).status_code == 200
    assert (await act(desk, "crisis", "take", one.alert.id, key="k")).status_code == 200
    for _ in range(2):
        assert (await act(desk, "crisis", "seen", other.alert.id, key="k")).status_code == 200
    await desk.settled()
    assert [hub(desk).alerts[each.alert.id].comments for each in (one, other)] == [2, 1]
    assert await status_of(desk, one) == "acknowledged"
    theirs = await act(desk, "physician", "comment", one.alert.id, key="k", text="Vu avec le SAMU.")
    assert theirs.status_code == 200
    await desk.settled()
    assert hub(desk).alerts[one.alert.id].comments == 3
    assert kind_of(await act(desk, "crisis", "take", one.alert.id, key="x" * 201)) == (400, "bad-parameter")


async def test_an_act_goes_to_the_shard_that_owns_the_alert(desk: House) -> None:
    await set_up(desk)
    beds, system = await no_bed(desk), await behind(desk)
    answer = await act(desk, "crisis", "take", beds.alert.id, system.alert.id)
    assert answer.status_code == 200
    msgspec.convert(answer.json(), ActAnswers)
    assert await status_of(desk, beds) == await status_of(desk, system) == "acknowledged"
    assert [(held.rule, held.status) for held in desk.alerts.memory.own.values()] == [("behind", "acknowledged")]
    assert [held.status for held in desk.shard.memory.alerts.values()] == ["acknowledged"]


async def test_resolving_says_what_came_of_it_and_is_over_for_the_next(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    answer = await act(desk, "crisis", "resolve", held.alert.id, outcome="acted", text="Deux lits rouverts.")
    assert answer.status_code == 200
    assert await status_of(desk, held) == "resolved"
    assert hub(desk).alerts[held.alert.id].alert.outcome == "acted"
    late = await act(desk, "physician", "take", held.alert.id)
    assert kind_of(late) == (409, "over")
    assert isinstance(late.json()["over_at"], int)
    again = await act(desk, "physician", "resolve", held.alert.id, outcome="wrong")
    assert again.status_code == 200  # only another word on what came of it


async def test_seen_is_marked_for_all_at_once_and_stops_nothing(desk: House) -> None:
    await set_up(desk)
    one, other = await no_bed(desk), await no_bed(desk, MED)
    end = await desk.log.end("vigilits.notices", desk.alerts.partition)
    answer = await act(desk, "crisis", "seen", one.alert.id, other.alert.id)
    assert answer.status_code == 200
    assert await status_of(desk, one) == "firing"
    assert set(hub(desk).alerts[one.alert.id].seen_by) == {"crisis"}
    assert await desk.log.end("vigilits.notices", desk.alerts.partition) == end + 1


async def test_what_one_was_not_told_of_might_as_well_not_be_there(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    there, not_there = [await act(desk, "nurse", "take", id_) for id_ in (held.alert.id, "nothing")]
    assert kind_of(there) == (404, "unknown")
    assert there.json() == not_there.json()
    assert kind_of(await act(desk, "software", "take", held.alert.id)) == (403, "not-allowed")
    assert kind_of(await act(desk, "nobody", "take", held.alert.id)) == (403, "not-allowed")
    assert await status_of(desk, held) == "firing"


async def test_ops_sees_an_alert_of_the_system_and_acts_only_if_told(desk: House) -> None:
    await set_up(desk)
    beds, system = await no_bed(desk), await behind(desk)
    assert kind_of(await act(desk, "ops", "take", system.alert.id)) == (403, "not-allowed")
    assert kind_of(await act(desk, "ops", "take", beds.alert.id)) == (404, "unknown")


async def test_another_regions_alert_is_not_to_be_had(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    await desk.grant("elsewhere", "crisis_cell", "ailleurs")
    body = {"act": "take", "alerts": [held.alert.id]}
    headers = desk.bearer("elsewhere")
    elsewhere = await desk.http.post("/api/v1/regions/ailleurs/alerts/acts", json=body, headers=headers)
    assert kind_of(elsewhere) == (404, "unknown")
    assert kind_of(await act(desk, "elsewhere", "take", held.alert.id)) == (403, "not-allowed")
    assert await status_of(desk, held) == "firing"


async def test_some_done_and_some_refused(desk: House) -> None:
    await set_up(desk)
    one, other = await no_bed(desk), await no_bed(desk, MED)
    await act(desk, "physician", "take", one.alert.id)
    answer = await act(desk, "crisis", "take", one.alert.id, other.alert.id, "nothing", other.alert.id)
    assert answer.status_code == 207
    told = {each["id"]: each for each in answer.json()["alerts"]}
    assert [each["status"] for each in told.values()] == [409, 200, 404]
    assert told[one.alert.id]["problem"]["taken_by"] == "physician"
    refused = await act(desk, "crisis", "take", one.alert.id, "nothing")
    assert (refused.status_code, [each["status"] for each in refused.json()["alerts"]]) == (422, [409, 404])
    same = await act(desk, "nurse", "take", one.alert.id, other.alert.id)
    assert (same.status_code, len(same.json()["alerts"])) == (404, 2)


async def test_an_act_that_nobody_waits_for_any_more_is_refused(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    await desk.shard.tick(now() + acts.HOLDS_MS + 5_000)  # its shard's clock is further than the act may wait
    answer = await act(desk, "crisis", "take", held.alert.id)
    assert kind_of(answer) == (422, "refused")
    assert answer.json()["detail"] == "too late"
    assert await status_of(desk, held) == "firing"


async def test_an_act_without_an_outcome_yet_is_answered_with_where_to_ask(
    desk: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    monkeypatch.setattr(desk.app.state.commands, "_outcome_within_s", 0.05)
    desk.shard.working.clear()
    desk.log.appended.set()
    await desk.shard.tick()
    await asyncio.sleep(0)
    answer = await act(desk, "physician", "take", held.alert.id)
    assert answer.status_code == 202
    (told,) = answer.json()["alerts"]
    link = told["links"]["self"]
    assert answer.headers["location"] == link
    pending = await desk.http.get(link, headers=desk.bearer("physician"))
    assert pending.json()["outcome"] == "pending"
    desk.shard.working.set()
    await desk.settled()
    told = (await desk.http.get(link, headers=desk.bearer("physician"))).json()
    assert told["outcome"] == "applied"
    assert kind_of(await desk.http.get(link, headers=desk.bearer("nobody"))) == (403, "not-allowed")


async def test_while_the_log_is_away_nothing_is_accepted(desk: House) -> None:
    await set_up(desk)
    one, other = await no_bed(desk), await no_bed(desk, MED)
    desk.log.away = True
    for ids in ([one.alert.id], [one.alert.id, other.alert.id]):
        answer = await act(desk, "crisis", "take", *ids)
        assert kind_of(answer) == (503, "log-away")
        assert "retry-after" in answer.headers
    desk.log.away = False


async def test_while_the_owner_is_rebuilt_nobody_acts(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    desk.shard.rebuilding = True
    await desk.shard.tick()
    await desk.settled()
    assert kind_of(await act(desk, "crisis", "take", held.alert.id)) == (503, "rebuilding")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "act"),
    ({"act": "destroy", "alerts": ["a"]}, "act"),
    ({"act": "take"}, "alerts"),
    ({"act": "take", "alerts": []}, "alerts"),
    ({"act": "take", "alerts": "a"}, "alerts"),
    ({"act": "take", "alerts": [""]}, "alerts[0]"),
    ({"act": "take", "alerts": ["a"] * (MOST_ALERTS + 1)}, "alerts"),
    ({"act": "take", "alerts": ["a"], "to": "nurse"}, "to"),
    ({"act": "take", "alerts": ["a"], "outcome": "acted"}, "outcome"),
    ({"act": "take", "alerts": ["a"], "why": "?"}, "why"),
    ({"act": "hand_over", "alerts": ["a"]}, "to"),
    ({"act": "hand_over", "alerts": ["a"], "to": "a stranger"}, "to"),
    ({"act": "resolve", "alerts": ["a"]}, "outcome"),
    ({"act": "resolve", "alerts": ["a"], "outcome": "great"}, "outcome"),
    ({"act": "comment", "alerts": ["a"]}, "text"),
    ({"act": "comment", "alerts": ["a"], "text": "x" * 2_001}, "text"),
    ({"act": "seen", "alerts": ["a"], "text": "x"}, "text"),
]


async def test_a_wrong_act_is_told_where_it_is_wrong_and_changes_nothing(desk: House) -> None:
    await set_up(desk)
    ends = [await desk.log.end(topic, 0) for topic in ("vigilits.capacity", "vigilits.notices")]
    for body, path in WRONG:
        answer = await desk.http.post("/api/v1/regions/ici/alerts/acts", json=body, headers=desk.bearer("crisis"))
        assert kind_of(answer) == (422, "wrong-fields"), body
        assert path in {wrong["path"] for wrong in answer.json()["errors"]}, body
    for raw in (b"", b"[]", b"nonsense", b"\xff", b"[" * 5_000):
        answer = await desk.http.post("/api/v1/regions/ici/alerts/acts", content=raw, headers=desk.bearer("crisis"))
        assert answer.status_code == (422 if raw == b"[]" else 400)
    huge = b'{"act": "' + b"x" * 70_000 + b'"}'
    answer = await desk.http.post("/api/v1/regions/ici/alerts/acts", content=huge, headers=desk.bearer("crisis"))
    assert answer.status_code == 413
    assert [await desk.log.end(topic, 0) for topic in ("vigilits.capacity", "vigilits.notices")] == ends


async def test_acts_are_counted_by_what_became_of_them_and_name_nobody(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    await act(desk, "physician", "take", held.alert.id)
    await act(desk, "crisis", "take", held.alert.id)
    text = (await desk.http.get("/metrics")).text
    assert 'vigilits_acts_total{act="take",outcome="applied"} 1.0' in text
    assert 'vigilits_acts_total{act="take",outcome="taken"} 1.0' in text
    assert "physician" not in text
    assert held.alert.id not in text
