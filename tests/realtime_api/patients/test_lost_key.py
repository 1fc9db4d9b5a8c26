"""A patient whose key is lost: the file can't be read, and the alert is somebody's all the same."""

import sqlite3
from contextlib import closing

import pytest

from people.keys import FILE as KEYS
from realtime_api.app import now
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import RED, act, answered, enrol, hub_of, kind_of, page

HOUR = 3_600_000


@pytest.fixture
async def lost(ward: House) -> str:
    """Return a patient with a red alert whose key is lost since."""
    patient, _ = await enrol(ward), await enrol(ward)  # an empty store would be one that is yet to be brought back
    await answered(ward, patient, RED)
    with closing(sqlite3.connect(ward.home / KEYS)) as database, database:
        database.execute("DELETE FROM keys WHERE pseudonym = ?", (patient,))
    ward.app.state.opening.forget_keys()
    return patient


async def test_the_page_says_that_it_cannot_be_read_and_not_that_it_is_not_there(ward: House, lost: str) -> None:
    """Also before the worker has come upon it: whoever is told of the alert has to find it."""
    assert kind_of(await page(ward, "nurse", lost)) == (503, "file-unreadable")
    assert kind_of(await page(ward, "colleague", lost)) == (404, "unknown-patient")


async def test_its_alert_is_taken_handed_over_and_closed(ward: House, lost: str) -> None:
    alert = hub_of(ward, lost).patients[lost].alert
    assert alert is not None
    assert (await act(ward, "nurse", lost, "take", alert=alert.id, seen=1, check_at=now() + HOUR)).status_code == 200
    assert (await act(ward, "nurse", lost, "hand_over", alert=alert.id, to="physician")).status_code == 200
    told = await act(ward, "physician", lost, "close", alert=alert.id, seen=1, outcome="acted", text="appelée")
    assert told.status_code == 503  # a text can't be sealed
    assert hub_of(ward, lost).patients[lost].alert is not None
    told = await act(ward, "physician", lost, "close", alert=alert.id, seen=1, outcome="acted")
    assert told.status_code == 200
    assert hub_of(ward, lost).patients[lost].alert is None
