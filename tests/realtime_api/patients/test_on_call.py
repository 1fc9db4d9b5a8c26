"""Whoever a patient's open alert has reached while on call opens the file for a night, and nobody else does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.routing import ChainStep
from domain.events import AlertStepped
from domain.places import Words
from event_log.ids import new_id
from realtime_api.app import now
from tests.realtime_api.house import House, open_house
from tests.realtime_api.patients.followed import RED, act, answered, ask, enrol, hub_of, kind_of, page, set_up

HOUR = 3_600_000


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API with followed patients and a notices shard."""
    async with open_house(tmp_path / "home", patients=True, alerts=True) as opened:
        await set_up(opened)
        yield opened


async def told(house: House, patient: str, subject: str) -> str:
    """Let a patient's open alert reach somebody, and return its id."""
    alert = hub_of(house, patient).patients[patient].alert
    assert alert is not None
    words = Words("Patient suivi à domicile", "Patient followed at home")
    seen = Alert(
        id=alert.id,
        rule="patient",
        subject=f"patient/{patient}",
        status="firing",
        severity="critical",
        since=now(),
        labels={"rule": "patient", "concern": "patients", "severity": "critical", "region": "ici", "level": "patient"},
        title=words,
        text=words,
        todo=words,
        raised_at=now(),
        plan=(ChainStep(person=subject),),
    )
    step = AlertStepped(
        id=new_id(),
        received_at=now(),
        region="ici",
        shard="followup:ici:0",
        epoch="e",
        offset=1,
        n=0,
        step=Step("fired", now(), seen),
    )
    await house.alerts.put(step)
    await house.settled()
    return alert.id


async def test_whom_the_alert_reached_joins_for_a_night_and_takes_it(night: House) -> None:
    patient = await enrol(night)
    await answered(night, patient, RED)
    alert = await told(night, patient, "colleague")
    assert kind_of(await page(night, "colleague", patient)) == (404, "unknown-patient")
    joined = await ask(night, "POST", f"/patients/{patient}/on-call", "colleague")
    assert joined.status_code == 200, joined.text
    assert (await page(night, "colleague", patient)).status_code == 200
    taken = await act(night, "colleague", patient, "take", alert=alert, check_at=now() + HOUR)
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
