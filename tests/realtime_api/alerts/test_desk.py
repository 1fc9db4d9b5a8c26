"""The desk and one's own feed from outside: pictures, changes, resuming, and who sees what of them."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.alerts.rule import Level, Ruleset
from domain.events import EpochBegan
from live_state.notices import read_feed
from realtime_api.alerts.shapes import AlertsShown
from realtime_api.app import now
from realtime_api.push import messages
from realtime_api.push.alerts import Shown
from realtime_api.push.codecs import CODECS
from tests.realtime_api.alarmed import MED, REA, RULES, act, behind, hub, kind_of, no_bed, older, set_up, until_there
from tests.realtime_api.house import WITHIN_S, House, Socket

DESK, MINE = "alerts:ici", "alerts:me"


async def heard(socket: Socket, part: str, key: str) -> Any:
    """Return the first value that is told of a key."""
    while True:
        told = (await socket.hear_a("changes"))["changes"]
        if key in told.get(part, {}):
            return told[part][key]


@pytest.mark.parametrize("codec", list(CODECS))
async def test_an_alert_reaches_the_desk_and_whom_it_was_told_to(desk: House, codec: str) -> None:
    await set_up(desk)
    async with desk.socket("crisis", codec) as cell, desk.socket("physician", codec) as told:
        first = await cell.subscribe(channel=DESK)
        own = await told.subscribe(channel=MINE)
        assert (first["channel"], own["channel"]) == (DESK, MINE)
        assert first["data"]["alerts"] == own["data"]["alerts"] == {}
        assert first["data"]["on_call"]["astreinte"]["person"] == "nurse"
        held = await no_bed(desk)
        for socket in (cell, told):
            alert = await heard(socket, "alerts", held.alert.id)
            assert alert["alert"]["status"] == "firing"


async def test_what_is_said_has_the_shapes_that_asyncapi_describes(desk: House) -> None:
    await set_up(desk)
    async with desk.socket("crisis") as socket:
        told = [await socket.subscribe(channel=DESK)]
        await no_bed(desk)
        told.append(await socket.hear_a("changes"))
        told.append(await socket.hear_a("live"))
        await socket.say(type="subscribe", channel="alerts:nowhere")
        told.append(await socket.hear_a("error"))
        for message in told:
            msgspec.convert(message, messages.AlertsTold)


async def test_the_desk_over_a_socket_is_the_one_over_http(desk: House) -> None:
    await set_up(desk)
    for raise_one in (no_bed, behind, older):
        await raise_one(desk)
    for subject, channel, params in (
        ("crisis", DESK, {}),
        ("ops", DESK, {}),
        ("physician", MINE, {"mine": "true"}),
        ("nurse", "alerts:me:ici", {"mine": "true"}),
    ):
        async with desk.socket(subject) as socket:
            over_socket = await socket.subscribe(channel=channel)
            answer = await desk.get(subject, "/regions/ici/alerts", **params)
            over_http = answer.json()
            msgspec.convert(over_http, AlertsShown)
            assert over_socket["data"] == {k: v for k, v in over_http.items() if k not in ("region", "token")}
            etag = {"if-none-match": answer.headers["etag"]} | desk.bearer(subject)
            again = await desk.http.get("/api/v1/regions/ici/alerts", params=params, headers=etag)
            assert again.status_code == 304


async def test_ops_sees_what_concerns_data_and_the_system_alone(desk: House) -> None:
    await set_up(desk)
    beds, system, data = [await raise_one(desk) for raise_one in (no_bed, behind, older)]
    shown = (await desk.get("ops", "/regions/ici/alerts")).json()
    assert set(shown["alerts"]) == {system.alert.id, data.alert.id}
    assert set(shown["groups"]) == {*system.groups, *data.groups}
    assert (await desk.get("ops", f"/regions/ici/alerts/{system.alert.id}")).status_code == 200
    assert kind_of(await desk.get("ops", f"/regions/ici/alerts/{beds.alert.id}")) == (404, "unknown")
    everything = (await desk.get("crisis", "/regions/ici/alerts")).json()
    assert set(everything["alerts"]) == {beds.alert.id, system.alert.id, data.alert.id}


async def test_ones_own_feed_holds_what_one_was_told_or_took_and_names_nobody_else(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    (group,) = held.groups
    mine = (await desk.get("physician", "/regions/ici/alerts", mine="true")).json()
    assert mine["alerts"][held.alert.id]["told"] == ["physician"]
    assert {told["person"] for told in mine["groups"][group]["told"]} == {"physician"}
    assert mine["silences"] == mine["overrides"] == mine["channels"] == {}
    assert (await desk.get("nurse", "/regions/ici/alerts", mine="true")).json()["alerts"] == {}
    assert (await act(desk, "physician", "take", held.alert.id)).status_code == 200
    await desk.settled()
    assert (await act(desk, "physician", "hand_over", held.alert.id, to="nurse")).status_code == 200
    await desk.settled()
    theirs = (await desk.get("nurse", "/regions/ici/alerts", mine="true")).json()
    assert theirs["alerts"][held.alert.id]["alert"]["taken_by"] == "nurse"
    assert "physician" not in {told["person"] for told in theirs["groups"][group].get("told", [])}
    assert "physician" not in theirs["alerts"][held.alert.id].get("told", [])
    one = (await desk.get("nurse", f"/regions/ici/alerts/{held.alert.id}")).json()
    assert not any(line["what"] == "told" and line["to"] == "physician" for line in one["timeline"])
    assert any(line["what"] == "handed_over" and line["by"] == "physician" for line in one["timeline"])


async def test_what_is_hidden_is_not_told_at_all(desk: House) -> None:
    await set_up(desk)
    async with desk.socket("ops") as ops, desk.socket("nurse") as nurse:
        token = (await ops.subscribe(channel=DESK))["token"]
        await nurse.subscribe(channel=MINE)
        beds = await no_bed(desk)
        system = await behind(desk)
        told = await ops.hear_a("changes")
        while system.alert.id not in told["changes"].get("alerts", {}):
            assert beds.alert.id not in msgspec.json.encode(told).decode()
            told = await ops.hear_a("changes")
        await nurse.say(type="ping")
        assert (await nurse.hear_a("changes", "pong"))["type"] == "pong"
    for forgotten in (False, True):
        if forgotten:
            hub(desk)._shown.clear()
        async with desk.socket("ops") as back:
            told = await back.subscribe(since=token, channel=DESK)
            shown = told["changes"] if told["type"] == "changes" else told["data"]
            assert set(shown["alerts"]) == {system.alert.id}


async def test_a_return_is_told_what_changed_and_nothing_else(desk: House) -> None:
    await set_up(desk)
    first = await no_bed(desk)
    async with desk.socket("crisis") as socket:
        token = (await socket.subscribe(channel=DESK))["token"]
    second = await no_bed(desk, MED)
    for forgotten in (False, True):
        if forgotten:
            hub(desk)._shown.clear()
        async with desk.socket("crisis") as socket:
            told = await socket.subscribe(since=token, channel=DESK)
            assert told["type"] == "changes"
            assert set(told["changes"]["alerts"]) == {second.alert.id}
            assert first.alert.id in told["changes"]["groups"][first.groups[0]]["alerts"]
    async with desk.socket("crisis") as socket:
        again = await socket.subscribe(since=told["token"], channel=DESK)
        assert (again["type"], set(again["changes"])) == ("changes", {"at"})
    async with desk.socket("crisis") as socket:  # a token of another view
        assert (await socket.subscribe(since=token, channel=MINE))["type"] == "snapshot"


async def test_where_it_cannot_be_told_what_was_shown_a_snapshot_is_sent(desk: House) -> None:
    """An act took it out of the feed of somebody, in a process that has forgotten what it showed them."""
    await set_up(desk)
    held = await no_bed(desk)
    await act(desk, "crisis", "take", held.alert.id)
    await desk.settled()
    async with desk.socket("crisis") as socket:
        first = await socket.subscribe(channel=MINE)
        assert held.alert.id in first["data"]["alerts"]
        await act(desk, "crisis", "hand_over", held.alert.id, to="nurse")
        assert await heard(socket, "alerts", held.alert.id) is None
    hub(desk)._shown.clear()
    async with desk.socket("crisis") as socket:
        again = await socket.subscribe(since=first["token"], channel=MINE)
        assert (again["type"], again["data"]["alerts"]) == ("snapshot", {})


async def test_a_revoked_right_narrows_and_closes(desk: House) -> None:
    await set_up(desk)
    await desk.grant("both", "crisis_cell", "ici")
    await desk.grant("both", "ops", "ici")
    beds, system = await no_bed(desk), await behind(desk)
    async with desk.socket("both") as socket, desk.socket("ops") as other:
        assert set((await socket.subscribe(channel=DESK))["data"]["alerts"]) == {beds.alert.id, system.alert.id}
        await other.subscribe(channel=DESK)
        await desk.revoke("both", "crisis_cell", "ici")
        assert (await socket.hear_a("reset"))["channel"] == DESK
        assert set((await socket.hear_a("snapshot"))["data"]["alerts"]) == {system.alert.id}
        await desk.revoke("both", "ops", "ici")
        assert (await socket.until_closed())[0] == 4403
        await other.say(type="ping")
        await other.hear_a("pong")


async def test_who_loses_the_desk_and_keeps_the_map_loses_that_channel_alone(desk: House) -> None:
    await set_up(desk)
    await desk.grant("both", "crisis_cell", "ici")
    await desk.grant("both", "regulator", "ici")
    async with desk.socket("both") as socket:
        await socket.subscribe(channel=DESK)
        await socket.subscribe()
        await desk.revoke("both", "crisis_cell", "ici")
        told = await socket.hear_a("error")
        assert (told["code"], told["channel"]) == ("not-allowed", DESK)
        await socket.say(type="subscribe", channel=DESK)
        assert (await socket.hear_a("error"))["code"] == "not-allowed"
        assert (await socket.subscribe(channel=MINE))["type"] == "snapshot"


async def test_a_socket_for_the_desk_alone_is_closed_to_who_may_not_see_it(desk: House) -> None:
    for subject, channel in (("physician", DESK), ("software", MINE)):
        async with desk.socket(subject) as socket:
            await socket.say(type="subscribe", channel=channel)
            assert (await socket.until_closed())[0] == 4403


async def test_one_alert_is_told_with_its_groups_and_its_timeline(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    await act(desk, "crisis", "take", held.alert.id)
    await act(desk, "crisis", "comment", held.alert.id, text="J'appelle le service.")
    await desk.settled()
    told = (await desk.get("crisis", f"/regions/ici/alerts/{held.alert.id}")).json()
    assert told["alert"]["alert"]["status"] == "acknowledged"
    assert [group["id"] for group in told["groups"]] == list(held.groups)
    assert [line["what"] for line in told["timeline"] if line["what"] in ("fired", "taken", "commented")] == [
        "fired",
        "taken",
        "commented",
    ]
    assert any(line["what"] == "told" and line["to"] == "physician" for line in told["timeline"])
    for id_ in ("nothing", "x" * 500):
        assert kind_of(await desk.get("crisis", f"/regions/ici/alerts/{id_}")) == (404, "unknown")
    assert kind_of(await desk.get("nurse", f"/regions/ici/alerts/{held.alert.id}")) == (404, "unknown")


async def test_a_region_without_a_notices_shard_has_no_desk_and_is_ready(house: House) -> None:
    assert kind_of(await house.get("crisis", "/regions/ici/alerts")) == (503, "not-ready")
    assert (await house.http.get("/readyz")).status_code == 200
    async with house.socket("crisis") as socket:
        await socket.say(type="subscribe", channel=DESK)
        assert (await socket.hear_a("error"))["code"] == "not-ready", "it may be founded at any moment"


async def test_who_asks_for_the_desk_before_its_shard_is_founded_gets_it_then(house: House) -> None:
    async with house.socket("crisis") as socket:
        await socket.say(type="subscribe", channel=DESK)
        await socket.hear_a("error")
        await house.found_notices()
        assert (await socket.hear_a("snapshot"))["data"]["alerts"] == {}


async def test_while_notices_are_rebuilt_the_desk_says_so(desk: House) -> None:
    await set_up(desk)
    async with desk.socket("crisis") as socket:
        await socket.subscribe(channel=DESK)
        desk.alerts.rebuilding = True
        await desk.alerts.tick()
        assert (await socket.hear_a("changes"))["changes"]["rebuilding"] is True
        assert kind_of(await desk.get("crisis", "/regions/ici/alerts")) == (503, "rebuilding")
        assert any("alerts of ici" in each["what"] for each in (await desk.http.get("/readyz")).json()["not_ready"])
        assert (await desk.get("crisis", "/regions/ici/capacity")).status_code == 200
        desk.alerts.rebuilding = False
        await desk.alerts.tick()
        assert (await socket.hear_a("snapshot"))["channel"] == DESK


async def test_a_shift_that_ends_is_told_by_the_clock_alone(desk: House) -> None:
    await set_up(desk)
    until = hub(desk).on_call["astreinte"].until
    assert until is not None
    async with desk.socket("crisis") as socket:
        token = (await socket.subscribe(channel=DESK))["token"]
        await desk.alerts.tick(until + 1)
        assert (await heard(socket, "on_call", "astreinte"))["person"] is None
    for anew in (False, True):
        if anew:  # as another process reads it, which never saw who was on call before
            assert desk.alerts.build is not None
            entries = await desk.state.feed(desk.alerts.build, -1)
            hub(desk)._shown.clear()
            hub(desk)._frames.clear()
            hub(desk).recall([(entry.offset, read_feed(entry.payload)) for entry in entries])
        async with desk.socket("crisis") as socket:
            told = await socket.subscribe(since=token, channel=DESK)
            assert told["changes"]["on_call"]["astreinte"]["person"] is None


async def test_what_is_over_and_forgotten_is_gone_from_the_desk(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    async with desk.socket("crisis") as socket:
        await socket.subscribe(channel=DESK)
        await desk.report("crisis", {"ward": REA, "status": "02", "count": 5})
        await desk.shard.tick(now() + 2_000)
        while (await heard(socket, "alerts", held.alert.id))["alert"]["status"] != "resolved":
            pass
        for subject, params in (("crisis", {}), ("physician", {"mine": "true"})):
            shown = (await desk.get(subject, "/regions/ici/alerts", **params)).json()
            assert shown["groups"][held.groups[0]]["over"] == [held.alert.id]
        await desk.tick(now() + 26 * 3_600_000)
        assert await heard(socket, "alerts", held.alert.id) is None
    told = (await desk.get("crisis", f"/regions/ici/alerts/{held.alert.id}")).json()
    assert (told["alert"]["rule"], told["groups"]) == ("no-bed", [])
    assert (await desk.get("physician", f"/regions/ici/alerts/{held.alert.id}")).status_code == 200
    assert (await desk.get("nurse", f"/regions/ici/alerts/{held.alert.id}")).status_code == 404


async def test_a_view_that_changed_very_often_forgets_how(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_api.push.shown.MOST_REMEMBERED", 2)
    await set_up(desk)
    async with desk.socket("crisis") as socket:
        token = (await socket.subscribe(channel=DESK))["token"]
        held = await no_bed(desk)
        await no_bed(desk, MED)
        await until_there(desk, "no-bed", MED)
        assert isinstance(next(iter(hub(desk)._shown.values())), Shown)
    async with desk.socket("crisis") as socket:
        told = await socket.subscribe(since=token, channel=DESK)
        assert told["type"] == "snapshot"
        assert held.alert.id in told["data"]["alerts"]


async def test_an_alert_that_eases_is_the_same_one_less_grave_for_whom_it_is_and_in_their_hands(desk: House) -> None:
    """Both of the capacity shard's and of the notices shard's own."""
    await set_up(desk)
    levels = {
        "no-bed": (Level(severity="warning", below=3), Level(severity="critical", below=1)),
        "behind": (Level(severity="warning", above=10), Level(severity="critical", above=100)),
    }
    rules = Ruleset(rules=tuple(replace(each, levels=levels.get(each.id, each.levels)) for each in RULES.rules))
    for shard in (desk.alerts, desk.shard):
        await desk.publish("alert_rules", msgspec.json.encode(rules), shard)
    await desk.settled()
    beds = await no_bed(desk)
    system = await behind(desk, 200.0)
    grave = (await desk.get("crisis", "/regions/ici/alerts")).json()["alerts"]
    assert {grave[each.alert.id]["alert"]["severity"] for each in (beds, system)} == {"critical"}
    async with desk.socket("crisis") as cell, desk.socket("physician") as told:
        await cell.subscribe(channel=DESK)
        await told.subscribe(channel=MINE)
        assert (await desk.report("crisis", {"ward": REA, "status": "02", "count": 2})).status_code == 201
        assert (await behind(desk, 50.0)).alert.id == system.alert.id
        async with asyncio.timeout(WITHIN_S):
            while {held.alert.severity for held in hub(desk).alerts.values()} != {"warning"}:
                await desk.tick(now() + 1_001)
                await desk.settled()
        for socket, ids in ((cell, {beds.alert.id, system.alert.id}), (told, {beds.alert.id})):
            shown: dict[str, str] = {}
            while shown != dict.fromkeys(ids, "warning"):
                changed = (await socket.hear_a("changes"))["changes"].get("alerts", {})
                shown |= {id_: each["alert"]["severity"] for id_, each in changed.items() if id_ in ids}
    for each in (beds, system):
        assert (await act(desk, "crisis", "take", each.alert.id)).status_code == 200
    await desk.settled()
    assert [(held.alert.severity, held.alert.status) for held in hub(desk).alerts.values()] == [
        ("warning", "acknowledged")
    ] * 2
    one = (await desk.get("crisis", f"/regions/ici/alerts/{beds.alert.id}")).json()
    assert "eased" in {line["what"] for line in one["timeline"]}


async def test_a_new_epoch_of_the_beds_ends_its_alerts_on_the_desk_and_leaves_the_notices_shards_own(
    desk: House,
) -> None:
    await set_up(desk)
    beds, system = await no_bed(desk), await behind(desk)
    async with desk.socket("crisis") as cell, desk.socket("physician") as told:
        await cell.subscribe(channel=DESK)
        await told.subscribe(channel=MINE)
        began = EpochBegan(id="capacity:ici/e2", received_at=now(), region="ici", shard="capacity:ici", epoch="e2")
        await desk.alerts.put(began)
        for socket in (cell, told):
            assert (await heard(socket, "alerts", beds.alert.id))["alert"]["status"] == "resolved"
    await desk.settled()
    assert hub(desk).outcomes[began.id].outcome == "applied"
    assert hub(desk).alerts[system.alert.id].alert.status == "firing"
    assert (await act(desk, "crisis", "take", system.alert.id)).status_code == 200
