"""Whoever a patient's open alert has reached while on call opens the file for a night, and nobody else does."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.routing import ChainStep, OnCall, Shift
from domain.events import AlertStepped, MembershipsJudged, OnCallJoined
from domain.places import Words
from event_log.codec import decode
from event_log.ids import new_id
from realtime_api.app import now
from tests.realtime_api.house import House, Socket, open_house
from tests.realtime_api.patients.followed import (
    RED,
    act,
    answered,
    ask,
    enrol,
    fold,
    hub_of,
    kind_of,
    page,
    set_up,
    shard_of,
)

HOUR = 3_600_000
OFFSETS = count(1)


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API with followed patients and a notices shard."""
    async with open_house(tmp_path / "home", patients=True, alerts=True) as opened:
        await set_up(opened)
        yield opened


async def on_call(house: House, subject: str, since: int = -HOUR, until: int = HOUR) -> None:
    """Let somebody be on call by the schedule, from and until so long after now."""
    at = now()
    calendar = OnCall(shifts=(Shift(person=subject, since=at + since, until=at + until),), read_at=at, source="a.ics")
    await house.publish("on-call/astreinte", msgspec.json.encode(calendar), house.alerts)
    await house.settled()


async def told(
    house: House,
    patient: str,
    *subjects: str,
    schedule: str = "astreinte",
    what: Any = "fired",
    circle_first: bool = False,
    **more: Any,
) -> str:
    """Let a patient's open alert reach these people, and whoever is on call; return its id."""
    alert = hub_of(house, patient).patients[patient].alert
    assert alert is not None
    words = Words("Patient suivi à domicile", "Patient followed at home")
    on_call, circle = (ChainStep(on_call=schedule),), tuple(ChainStep(person=subject) for subject in subjects)
    plan = (*circle, ChainStep(wait_s=540), *on_call) if circle_first else (*on_call, *circle)
    seen = Alert(
        id=alert.id,
        rule="patient",
        subject=f"patient/{patient}",
        status=more.pop("status", "firing"),
        severity="critical",
        since=now(),
        labels={"rule": "patient", "concern": "patients", "severity": "critical", "region": "ici", "level": "patient"},
        title=words,
        text=words,
        todo=words,
        raised_at=now(),
        plan=plan,
        **more,
    )
    step = AlertStepped(
        id=new_id(),
        received_at=now(),
        region="ici",
        shard="followup:ici:0",
        epoch="e",
        offset=next(OFFSETS),
        n=0,
        step=Step(what, now(), seen),
    )
    await house.alerts.put(step)
    await house.settled()
    return alert.id


async def test_whom_the_alert_reached_joins_for_a_night_and_takes_it(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    alert = await told(night, patient, "nurse")
    assert kind_of(await page(night, "colleague", patient)) == (404, "unknown-patient")
    joined = await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")
    assert joined.status_code == 200, joined.text
    assert (await page(night, "colleague", patient)).status_code == 200
    taken = await act(night, "colleague", patient, "take", alert=alert, seen=1, check_at=now() + HOUR)
    assert taken.status_code == 200, taken.text
    [member] = [each for each in hub_of(night, patient).patients[patient].circle if each.subject == "colleague"]
    assert member.until is not None
    assert member.until - now() <= 12 * HOUR


async def test_nobody_else_learns_that_there_is_such_a_patient(night: House) -> None:
    patient = await enrol(night)
    quiet = await enrol(night)
    await answered(night, patient, RED)
    await told(night, patient, "nurse")
    for asked_of in (patient, quiet, "a" * 26):
        answer = await ask(night, "POST", f"/patients/{asked_of}/on-call", "colleague")
        assert kind_of(answer) == (404, "unknown-patient")


async def test_being_told_is_not_being_on_call(night: House) -> None:
    """The plan names the circle too: who was removed from it does not come back by an alert that they heard of."""
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague", -3 * HOUR, -2 * HOUR)
    await told(night, patient, "nurse", "colleague")
    assert (await act(night, "physician", patient, "leave", subject="nurse")).status_code == 200
    for who in ("nurse", "colleague"):
        answer = await ask(night, "POST", f"/patients/{patient}/on-call", who)
        assert kind_of(answer) == (404, "unknown-patient"), who


async def test_who_was_taken_out_of_the_circle_comes_for_a_night_on_call_and_once_taken_out_of_that_no_more(
    night: House,
) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await told(night, patient, "physician")
    assert (await act(night, "physician", patient, "leave", subject="nurse")).status_code == 200
    await on_call(night, "nurse")
    assert (await ask(night, "POST", f"/patients/{patient}/on-call", "nurse")).status_code == 200
    assert (await page(night, "nurse", patient)).status_code == 200
    assert (await act(night, "physician", patient, "leave", subject="nurse")).status_code == 200
    back = await ask(night, "POST", f"/patients/{patient}/on-call", "nurse")
    assert kind_of(back) == (404, "unknown-patient")


async def test_neither_who_was_told_before_a_change_of_shift_nor_who_comes_then_is_kept_from_it(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    alert = await told(night, patient, "nurse")
    async with night.socket("tracer") as socket:
        first = await socket.subscribe(channel="alerts:me:ici")
        assert first["data"]["alerts"] == {}
        await on_call(night, "tracer")
        assert (await heard(socket, alert))["alert"]["status"] == "firing"
    for who in ("colleague", "tracer"):
        assert alert in await own_alerts(night, who), who
        assert (await ask(night, "POST", f"/patients/{patient}/on-call", who)).status_code == 200, who
        assert (await page(night, who, patient)).status_code == 200, who


async def test_whoever_is_on_call_sees_what_their_schedule_is_named_for_before_its_turn_and_until_it_is_over(
    night: House,
) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    async with night.socket("colleague") as socket:
        assert (await socket.subscribe(channel="alerts:me:ici"))["data"]["alerts"] == {}
        alert = await told(night, patient, "nurse", circle_first=True)
        shown = await heard(socket, alert)
        assert shown["told"] == ["nurse"]
        assert not shown.keys() & {"plan", "called"}
        assert "plan" not in shown["alert"]
        await told(night, patient, what="resolved", status="resolved", why="gone")
        assert await heard(socket, alert) is None
    assert alert not in await own_alerts(night, "colleague")


async def test_the_schedule_is_one_that_the_alert_names(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    await told(night, patient, "colleague", schedule="another")
    assert kind_of(await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")) == (404, "unknown-patient")


async def test_a_night_on_call_changes_no_circle(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    await told(night, patient, "nurse")
    assert (await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")).status_code == 200
    for what in (
        {"act_": "join", "subject": "colleague", "role": "physician"},
        {"act_": "join", "subject": "tracer", "role": "tracing_agent"},
        {"act_": "leave", "subject": "physician"},
    ):
        assert kind_of(await act(night, "colleague", patient, **what)) == (403, "for-the-night")
    kept = await act(night, "physician", patient, "join", subject="colleague", role="physician")
    assert kept.status_code == 422
    held = {each.subject: each.until for each in hub_of(night, patient).patients[patient].circle}
    assert held.keys() == {"physician", "nurse", "colleague"}
    assert held["colleague"] is not None


async def test_where_nobody_is_left_whoever_is_on_call_brings_somebody_in(night: House) -> None:
    """Who brought somebody in has done so: then a night changes no circle again."""
    patient = await enrol(night)
    lapsed = hub_of(night, patient).patients[patient].circle
    ended = MembershipsJudged(id=new_id(), received_at=now(), region="ici", patient=patient, lapsed=lapsed)
    await fold(night, patient, ended)
    assert hub_of(night, patient).patients[patient].alert is not None
    await on_call(night, "colleague")
    await told(night, patient)
    assert (await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")).status_code == 200
    brought = {"act_": "join", "subject": "nurse", "role": "coordinator"}
    assert (await act(night, "colleague", patient, **brought)).status_code == 200
    assert kind_of(await act(night, "colleague", patient, **brought)) == (403, "for-the-night")


async def test_who_left_the_circle_sees_no_alert_that_they_were_told_of(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    alert = await told(night, patient, "nurse", "physician")
    for who in ("nurse", "physician", "colleague"):
        assert alert in await own_alerts(night, who), who
    async with night.socket("nurse") as socket:
        await socket.subscribe(channel="alerts:me:ici")
        await told(night, patient, "physician", what="worsened")  # the plan of whom the circle holds now
        assert (await socket.hear_a("changes"))["changes"]["alerts"] == {alert: None}
    assert alert in await own_alerts(night, "physician")
    assert alert not in await own_alerts(night, "nurse")


async def heard(socket: Socket, alert: str) -> Any:
    """Return what a socket is next told of an alert."""
    while True:
        message = await socket.hear_a("snapshot", "changes")
        alerts = (message.get("data") or message["changes"]).get("alerts", {})
        if alert in alerts:
            return alerts[alert]


async def own_alerts(house: House, who: str) -> dict[str, Any]:
    """Return what somebody sees of alerts that they were told of."""
    async with house.socket(who) as socket:
        return (await socket.subscribe(channel="alerts:me:ici"))["data"]["alerts"]  # type: ignore[no-any-return]


async def test_the_dpo_is_told_of_who_joins_for_a_night(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    await on_call(night, "colleague")
    await told(night, patient, "nurse")
    assert (await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")).status_code == 200
    shard = shard_of(night, patient)
    log = [decode(record.value or b"") async for record in night.log.read(shard.sort.topic, shard.partition, 0)]
    events = [each for each in log if isinstance(each, OnCallJoined)]
    assert [each.tell for each in events] == [("dpo",)]
