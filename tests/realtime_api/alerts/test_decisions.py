"""Silences, stand-ins, who is on call, who can be told, and what alarms are worth."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import HeldAlert, Worth
from domain.alerts.routing import People, Person
from domain.alerts.worth import LOAD_MS
from realtime_api.alerts import shapes
from realtime_api.alerts.worth import actionable, percentile, rules_worth, teams_load
from realtime_api.app import now
from tests.realtime_api.alarmed import MED, NAMES, RULES, SAME, TEAM, act, hub, kind_of, no_bed, set_up
from tests.realtime_api.house import House

HOUR = 3_600_000


async def send(house: House, method: str, path: str, body: Any = None, who: str = "crisis", key: str = "") -> Any:
    """Return the answer to a request as someone."""
    headers = house.bearer(who) | ({"idempotency-key": key} if key else {})
    return await house.http.request(method, f"/api/v1/regions/ici{path}", json=body, headers=headers)


def silence(**changes: Any) -> dict[str, Any]:
    """Return a silence of the ward that has no bed."""
    return {"matchers": {"rule": ["no-bed"]}, "until": now() + HOUR, "reason": "Exercice."} | changes


async def test_a_silence_is_made_holds_alerts_back_and_is_ended(desk: House) -> None:
    await set_up(desk)
    made = await send(desk, "POST", "/silences", silence())
    assert (made.status_code, made.json()["outcome"]) == (201, "applied")
    id_ = made.json()["id"]
    await desk.settled()
    shown = (await send(desk, "GET", "/silences", who="ops")).json()
    msgspec.convert(shown, shapes.SilencesShown)
    assert shown["silences"][id_]["author"] == "crisis"
    held = await no_bed(desk)
    assert (held.silenced_by, held.told) == (id_, ())
    ended = await send(desk, "DELETE", f"/silences/{id_}")
    assert (ended.status_code, ended.json()["id"]) == (200, id_)
    await desk.settled()
    assert kind_of(await send(desk, "DELETE", f"/silences/{id_}")) == (404, "unknown")
    assert hub(desk).alerts[held.alert.id].silenced_by is None


async def test_what_is_sent_again_under_its_key_is_made_once_and_answered_as_before(desk: House) -> None:
    await set_up(desk)
    stand_in = {"schedule": "astreinte", "person": "physician", "until": now() + HOUR}
    for path, body, held in (
        ("/silences", silence(), "silences"),
        ("/on-call/overrides", stand_in, "overrides"),
    ):
        made, again = [await send(desk, "POST", path, body, key="a") for _ in range(2)]
        assert (made.status_code, made.json()) == (again.status_code, again.json())
        assert (await send(desk, "POST", path, body, key="b")).json()["id"] != made.json()["id"]
        later = await send(desk, "POST", path, body | {"until": now() + 2 * HOUR}, key="a")
        assert later.json()["id"] != made.json()["id"]  # another one: never answered with what became of the first
        await desk.settled()
        assert len(getattr(hub(desk), held)) == 3
        one = f"{path}/{made.json()['id']}"
        for _ in range(2):  # the second time it is gone from the picture
            assert (await send(desk, "DELETE", one, key="c")).status_code == 200
            await desk.settled()
        assert kind_of(await send(desk, "DELETE", one, key="d")) == (404, "unknown")
        assert kind_of(await send(desk, "POST", path, body, key="x" * 201)) == (400, "bad-parameter")


WRONG_SILENCES: list[tuple[dict[str, Any], str]] = [
    ({"matchers": {}}, "matchers"),
    ({"matchers": {"rule": []}}, "matchers.rule"),
    ({"matchers": {"rule": [""]}}, "matchers.rule"),
    ({"matchers": {"patient": ["x"]}}, "matchers.patient"),
    ({"matchers": [1]}, "matchers"),
    ({"reason": " "}, "reason"),
    ({"reason": "x" * 1_001}, "reason"),
    ({"until": 5}, "until"),
    ({"until": "tomorrow"}, "until"),
    ({"until": "2099-01-01T00:00:00"}, "until"),
    ({"until": "2099-01-01T00:00:00Z"}, "until"),
    ({"since": -1}, "since"),
    ({"since": 1 << 60}, "since"),
    ({"forever": True}, "forever"),
]


async def test_a_wrong_silence_is_refused_and_changes_nothing(desk: House) -> None:
    for changes, path in WRONG_SILENCES:
        answer = await send(desk, "POST", "/silences", silence(**changes))
        assert kind_of(answer) == (422, "wrong-fields"), changes
        assert path in {wrong["path"] for wrong in answer.json()["errors"]}, changes
    await desk.settled()
    assert hub(desk).silences == {}


async def test_a_silence_takes_instants_with_an_offset(desk: House) -> None:
    body = silence(until=now() // 1000 * 1000 + HOUR) | {"since": "2020-01-01T00:00:00+01:00"}
    assert (await send(desk, "POST", "/silences", body)).status_code == 201
    await desk.settled()
    (made,) = hub(desk).silences.values()
    assert made.since == 1_577_833_200_000


async def test_somebody_stands_in_and_is_on_call_at_once(desk: House) -> None:
    await set_up(desk)
    body = {"schedule": "astreinte", "person": "physician", "until": now() + HOUR, "reason": "Échange."}
    made = await send(desk, "POST", "/on-call/overrides", body)
    assert made.status_code == 201
    await desk.settled()
    shown = (await send(desk, "GET", "/on-call", who="nurse")).json()
    msgspec.convert(shown, shapes.OnCallShown)
    assert (shown["on_call"]["astreinte"]["person"], shown["on_call"]["astreinte"]["until"]) == (
        "physician",
        body["until"],
    )
    assert shown["shifts"]["astreinte"][0]["person"] == "nurse"
    assert (await send(desk, "DELETE", f"/on-call/overrides/{made.json()['id']}")).status_code == 200
    await desk.settled()
    assert hub(desk).on_call["astreinte"].person == "nurse"
    assert kind_of(await send(desk, "DELETE", "/on-call/overrides/nothing")) == (404, "unknown")


WRONG_STAND_INS: list[tuple[dict[str, Any], str]] = [
    ({"schedule": "nowhere"}, "schedule"),
    ({"person": "a stranger"}, "person"),
    ({"schedule": ""}, "schedule"),
    ({"until": 5}, "until"),
    ({"since": 4_000_000_000_000}, "until"),
    ({"reason": "x" * 1_001}, "reason"),
]


async def test_a_wrong_stand_in_is_refused_and_changes_nothing(desk: House) -> None:
    await set_up(desk)
    for changes, path in WRONG_STAND_INS:
        body = {"schedule": "astreinte", "person": "physician", "until": now() + HOUR} | changes
        answer = await send(desk, "POST", "/on-call/overrides", body)
        assert kind_of(answer) == (422, "wrong-fields"), changes
        assert path in {wrong["path"] for wrong in answer.json()["errors"]}, changes
    await desk.settled()
    assert hub(desk).overrides == {}


async def test_people_are_named_and_those_without_a_name_are_there_too(desk: House) -> None:
    await set_up(desk)
    told = (await send(desk, "GET", "/people", who="nurse")).json()
    assert {each["subject"]: each["name"] for each in told} == NAMES | dict.fromkeys(TEAM)
    assert "+336" not in str(told)


# --- worth -----------------------------------------------------------------------------------------------------------


async def test_worth_is_told_to_the_cell_and_ones_own_load_to_oneself_alone(desk: House) -> None:
    await set_up(desk)
    held, other = await no_bed(desk), await no_bed(desk, MED)
    await act(desk, "physician", "take", held.alert.id)
    await act(desk, "physician", "resolve", held.alert.id, outcome="acted")
    await desk.settled()
    told = (await send(desk, "GET", "/worth?days=7")).json()
    msgspec.convert(told, shapes.WorthShown)
    (rule,) = told["rules"]
    assert (rule["rule"], rule["raised"], rule["taken"], rule["acted"]) == ("no-bed", 2, 1, 1)
    assert rule["p50_s"] is not None
    assert (rule["actionable"], rule["proposed"]) == (1.0, False)
    assert told["me"] == {"notices": 0}
    assert {team["team"] for team in told["teams"]} == {"cellule"}  # the other has three people
    assert "physician" not in str(told)
    own = (await send(desk, "GET", "/worth", who="physician")).json()
    assert (own["rules"], own["teams"]) == ([], [])
    assert own["me"]["notices"] >= 1
    assert other.alert.id
    for days in ("0", "91", "x"):
        assert kind_of(await send(desk, "GET", f"/worth?days={days}")) == (400, "bad-parameter")


def test_only_days_that_are_asked_for_count() -> None:
    worth = {f"no-bed/2026-11-{day:02}": Worth(raised=1) for day in range(1, 23)}
    at = 1_795_300_000_000  # 2026-11-21T21:46 UTC
    assert [rules_worth(worth, [], RULES, at, days)[0].raised for days in (1, 7)] == [2, 8]
    (rule,) = rules_worth({"gone/2026-11-21": Worth(raised=3)}, [], RULES, at, 1)
    assert rule.title is None


def test_a_rule_that_is_acted_on_seldom_is_proposed_for_change_once_it_was_raised_often() -> None:
    def proposed(raised: int, acted: int) -> bool:
        worth = {"no-bed/2026-11-21": Worth(raised=raised, acted=acted)}
        (rule,) = rules_worth(worth, [], RULES, 1_795_300_000_000, 1)
        return rule.proposed

    assert proposed(raised=20, acted=3)
    assert not proposed(raised=20, acted=4)
    assert not proposed(raised=19, acted=0)


@given(acted=st.integers(0, 50), other=st.integers(0, 50), unsaid=st.integers(0, 50))
def test_an_actionable_share_is_a_share(acted: int, other: int, unsaid: int) -> None:
    share = actionable(acted, acted + other, unsaid)
    assert share is None or 0 <= share <= 1
    if share is None:
        assert acted + other + unsaid == 0


def test_what_goes_on_is_unsaid_only_once_it_is_over_and_counts_by_the_day_on_which_it_was_raised() -> None:
    at = 1_795_300_000_000  # 2026-11-21T21:46 UTC
    worth = {"no-bed/2026-11-21": Worth(raised=6, acted=1), "no-bed/2026-11-19": Worth(raised=9)}
    today = [going_on(str(n), at - n) for n in range(3)]
    earlier = [going_on(f"{n} days ago", at - 2 * 86_400_000) for n in range(4)]

    def asked(days: int) -> tuple[int, float | None]:
        (rule,) = rules_worth(worth, [*today, *earlier], RULES, at, days)
        return rule.unsaid, rule.actionable

    assert asked(1) == (2, 0.333)  # six, of which three go on and one was acted on: what is older takes none away
    assert asked(7) == (7, 0.125)


def going_on(id_: str, raised_at: int) -> HeldAlert:
    """Return an alert that goes on."""
    alert = Alert(
        id=id_,
        rule="no-bed",
        subject=id_,
        status="firing",
        severity="info",
        since=raised_at,
        raised_at=raised_at,
        labels={},
        title=SAME,
        text=SAME,
        todo=SAME,
    )
    return HeldAlert(alert=alert, shard="capacity:ici")


@given(st.lists(st.floats(0, 1e6), max_size=20), st.sampled_from([0.5, 0.9]))
def test_a_percentile_is_one_of_the_values_and_not_exceeded_by_its_share(values: list[float], share: float) -> None:
    found = percentile(sorted(values), share)
    if found is None:
        assert not values
    else:
        assert found in values
        assert sum(value <= found for value in values) >= share * len(values)


def test_a_team_of_fewer_than_five_is_not_told_of() -> None:
    at = 10 * LOAD_MS
    people = People(
        people={
            **{f"a{n}": Person(channels={}, team="large") for n in range(5)},
            **{f"b{n}": Person(channels={}, team="small") for n in range(4)},
            "alone": Person(channels={}),
        }
    )
    loads = {"a0": (at - 1, at - LOAD_MS - 1), "a1": (at,), "b0": (at,), "alone": (at,)}
    assert teams_load(loads, people, at) == [shapes.TeamLoad("large", 5, 2)]
