"""Alerts of patients at the doors of alerts: done on the patient's page alone, seen by whom they were told, counted."""

import asyncio
from itertools import count
from typing import Any

import pytest

from domain.alerts.lifecycle import Step
from domain.alerts.notice import HeldAlert
from domain.alerts.routing import ChainStep
from domain.events import AlertStepped, CaseFound, Counted, Event, WordSent
from domain.followup.crossing import Case, Count, Word
from domain.followup.pathway import Cluster
from domain.places import Words
from event_log.ids import new_id
from people.directory import People as Directory
from realtime_api.app import now
from tests.realtime_api.alarmed import act, hub, kind_of, set_up, until_there
from tests.realtime_api.house import WITHIN_S, House
from tests.small_notices import patient

PLAN = (ChainStep(person="physician"), ChainStep(person="nurse"), ChainStep(wait_s=540), ChainStep(loop=5))
DESK, MINE = "alerts:ici", "alerts:me"
FACILITY = "310780192"
HOUR = 3_600_000
OFFSETS = count(1_000)


async def tell(house: House, kind: type[Event], shard: int = 0, **what: Any) -> None:
    """Let a followup shard tell the notices shard something."""
    told: dict[str, Any] = {"id": new_id(), "received_at": now(), "region": "ici"}
    place: dict[str, Any] = {"shard": f"followup:ici:{shard}", "epoch": "e1", "offset": next(OFFSETS), "n": 0}
    await house.alerts.put(kind(**(told | place | what)))
    await house.settled()


async def red(house: House, id_: str = "p1") -> HeldAlert:
    """Let a patient's red begin, and return the alert of it."""
    told = patient(id_, plan=PLAN, since=now())
    await tell(house, AlertStepped, step=Step("fired", now(), told))
    return await until_there(house, "patient", id_)


async def cluster(house: House) -> HeldAlert:
    """Let three residents of a facility fall ill, and return the alert of it."""
    case = Case(at=now(), facility=FACILITY, rule=Cluster(cases=3, days=4), tell=("nurse",))
    for shard in range(3):
        await tell(house, CaseFound, shard, case=case)
    return await until_there(house, "ehpad-cluster")


@pytest.mark.parametrize(
    ("what", "more"), [("take", {}), ("hand_over", {"to": "nurse"}), ("resolve", {"outcome": "acted"}), ("comment", {})]
)
async def test_a_patients_alert_is_acted_on_where_the_file_is_open(desk: House, what: str, more: Any) -> None:
    await set_up(desk)
    held = await red(desk)
    words = {"text": "vu au téléphone"} if what == "comment" else {}
    answer = await act(desk, "physician", what, held.alert.id, **more, **words)
    assert kind_of(answer) == (409, "open-the-file")
    assert hub(desk).alerts[held.alert.id].alert.status == "firing"


async def test_a_patients_alert_may_be_seen(desk: House) -> None:
    await set_up(desk)
    held = await red(desk)
    assert (await act(desk, "physician", "seen", held.alert.id)).status_code == 200
    await desk.settled()
    assert "physician" in hub(desk).alerts[held.alert.id].seen_by


async def test_whom_it_reached_on_call_may_say_that_they_have_seen_it(desk: House) -> None:
    await set_up(desk)
    told = patient("p9", plan=(ChainStep(on_call="astreinte"), ChainStep(wait_s=540), ChainStep(loop=5)), since=now())
    await tell(desk, AlertStepped, step=Step("fired", now(), told))
    held = await until_there(desk, "patient", "p9")
    assert held.told == ("nurse",)
    assert (await act(desk, "nurse", "seen", held.alert.id)).status_code == 200
    secret = Directory(desk.home).link("ici", held.groups[0], "nurse", now() + HOUR)
    assert (await desk.http.post("/api/v1/seen", json={"link": secret})).status_code == 200


async def test_acting_on_many_says_of_a_patients_where_it_is_done(desk: House) -> None:
    await set_up(desk)
    first, second = await red(desk), await cluster(desk)
    answer = await act(desk, "nurse", "take", first.alert.id, second.alert.id)
    assert [each["status"] for each in answer.json()["alerts"]] == [409, 200]


async def test_to_the_cell_and_the_desk_a_patients_alert_is_not_there(desk: House) -> None:
    await set_up(desk)
    held = await red(desk)
    for who in ("crisis", "ops"):
        picture = (await desk.get(who, "/regions/ici/alerts")).json()
        assert (picture["alerts"], picture["groups"]) == ({}, {})
        assert (await desk.get(who, f"/regions/ici/alerts/{held.alert.id}")).status_code == 404
        assert kind_of(await act(desk, who, "take", held.alert.id)) == (404, "unknown")


async def test_whom_it_was_told_sees_it_and_not_whom_its_plan_names(desk: House) -> None:
    await set_up(desk)
    held = await red(desk)
    picture = (await desk.get("physician", "/regions/ici/alerts", mine=True)).json()
    shown = picture["alerts"][held.alert.id]
    assert shown["alert"]["title"]["fr"] == "Patient suivi à domicile"
    assert shown["alert"]["link"] == "/patients/of-p1"
    assert "plan" not in shown["alert"]


async def test_whom_it_was_told_sees_who_else_is_on_it(desk: House) -> None:
    await set_up(desk)
    held = await red(desk)
    assert (await act(desk, "nurse", "seen", held.alert.id)).status_code == 200
    await desk.settled()
    picture = (await desk.get("physician", "/regions/ici/alerts", mine=True)).json()
    shown = picture["alerts"][held.alert.id]
    assert set(shown["told"]) == {"physician", "nurse"}
    assert list(shown["seen_by"]) == ["nurse"]


async def test_a_word_is_shown_to_whom_it_is_sent_and_to_nobody_else(desk: House) -> None:
    await set_up(desk)
    words = Words("Un dossier a été ouvert en urgence", "A file was opened in an emergency")
    word = Word(
        at=now(),
        id="glass/1",
        to=("physician", "somebody"),
        severity="warning",
        title=words,
        text=words,
        link="/patients/of-p1",
    )
    await tell(desk, WordSent, word=word)
    own = (await desk.get("physician", "/regions/ici/alerts", mine=True)).json()["words"]
    assert own["glass/1"]["title"]["fr"] == words.fr
    assert own["glass/1"]["to"] == ["physician"]
    assert (await desk.get("nurse", "/regions/ici/alerts", mine=True)).json()["words"] == {}
    assert (await desk.get("crisis", "/regions/ici/alerts")).json()["words"] == {}


async def test_the_cell_sees_a_facilitys_flag_without_a_number(desk: House) -> None:
    await set_up(desk)
    held = await cluster(desk)
    async with desk.socket("crisis") as socket:
        first = await socket.subscribe(channel=DESK)
    shown = first["data"]["alerts"][held.alert.id]["alert"]
    assert shown["labels"]["facility"] == FACILITY
    assert not {"value", "threshold", "plan"} & set(shown)


async def test_published_counts_are_the_cells_alone(desk: House) -> None:
    await set_up(desk)
    hour = now() // HOUR * HOUR
    async with desk.socket("crisis") as cell, desk.socket("ops") as ops:
        assert (await cell.subscribe(channel=DESK))["data"]["counts"] == {}
        assert (await ops.subscribe(channel=DESK))["data"]["counts"] == {}
        for index in range(4):
            numbers = {"31/green": 9, "31/red": index, "09/red": 1}
            await tell(desk, Counted, index, count=Count(at=hour, index=index, of=4, numbers=numbers))
        async with asyncio.timeout(WITHIN_S):
            while "counts" not in (told := await cell.hear_a("changes"))["changes"]:
                pass
        shown = told["changes"]["counts"][str(hour)]
        assert shown["cells"] == {"31/green": 36}
        assert (await ops.subscribe(channel=DESK))["data"]["counts"] == {}
    answer = await desk.get("crisis", "/regions/ici/follow-up-counts")
    assert answer.json()["hours"] == [
        {
            "at": hour,
            "cells": {"31/green": 36},
            "departements": {"31": 36},
            "colours": {"green": {"least": 36, "most": 46}},
            "all": {"least": 36, "most": 86},
        }
    ]
    assert answer.json()["least"] == 11


@pytest.mark.parametrize("who", ["ops", "physician", "nurse", "software"])
async def test_counts_are_nobody_elses(desk: House, who: str) -> None:
    answer = await desk.get(who, "/regions/ici/follow-up-counts")
    assert kind_of(answer) == (403, "not-allowed")


async def test_what_alarms_were_worth_counts_no_patients(desk: House) -> None:
    await set_up(desk)
    await red(desk)
    await cluster(desk)
    rules = (await desk.get("crisis", "/regions/ici/worth")).json()["rules"]
    assert [(rule["rule"], rule["title"]["fr"]) for rule in rules] == [("ehpad-cluster", "Cas groupés dans un EHPAD")]


async def test_a_link_out_of_a_message_marks_it_seen_and_leads_to_the_patients_page(desk: House) -> None:
    await set_up(desk)
    held = await red(desk)
    (group,) = held.groups
    secret = Directory(desk.home).link("ici", group, "nurse", now() + HOUR)
    answer = await desk.http.post("/api/v1/seen", json={"link": secret})
    assert answer.json() == {
        "title": {"fr": "Patient suivi à domicile", "en": "Patient followed at home"},
        "seen": True,
        "group": group,
        "link": "/patients/of-p1",
    }
    await desk.settled()
    assert list(hub(desk).alerts[held.alert.id].seen_by) == ["nurse"]
