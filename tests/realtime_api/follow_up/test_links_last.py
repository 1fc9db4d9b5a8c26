"""How long a patient's link opens, to what, and what ends it before its time."""

from typing import Any

import pytest

from realtime_api.app import now
from tests.realtime_api.follow_up.test_link_doors import answer, code_of, kind_of, opened, read
from tests.realtime_api.followed import DOCTOR, NURSE, WELL, FollowedHouse
from tests.realtime_api.patients.followed import file_of

HOUR = 3_600_000


def link_of(home: FollowedHouse, patient: str, slot: str, closes_at: int) -> str:
    """Return the link that a patient was sent for a slot."""
    return home.links.link("ici", patient, slot, closes_at, closes_at - HOUR, 0)


def asked(home: FollowedHouse, patient: str) -> list[str]:
    """Return the messages that are to be sent to a patient."""
    held = home.shard_of(patient).memory.outbox
    return [id_.removeprefix(f"{patient}/") for id_ in held if id_.startswith(patient)]


async def act(home: FollowedHouse, patient: str, **told: Any) -> None:
    """Do something as the physician."""
    told_back = await home.post(f"/regions/ici/patients/{patient}/acts", told, DOCTOR)
    assert told_back.status_code == 200, told_back.text


async def test_between_two_slots_the_last_link_answers_nothing_more_and_reads_and_stops(home: FollowedHouse) -> None:
    patient = await home.enrol(starts=1)  # nothing is open now
    link = link_of(home, patient, "0-0900", now() - HOUR)
    page = await opened(home, link)
    assert (page.status_code, page.json()["slot"]) == (200, None)
    assert kind_of(await answer(home, link, WELL, home.slot(patient))) == (409, "slot-closed")
    code = await code_of(home, link, patient)
    assert (await read(home, link, code)).status_code == 200
    assert (await home.post("/answer/stop", {"link": link})).status_code == 200
    assert home.patient(patient).status == "stopped"


async def test_while_it_is_paused_a_patient_stops_by_the_last_link(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = link_of(home, patient, home.slot(patient), now() - HOUR)
    await act(home, patient, act="pause", reason="hospital")
    assert kind_of(await answer(home, link, WELL, home.slot(patient))) == (409, "paused")
    assert (await home.post("/answer/stop", {"link": link})).status_code == 200
    assert home.patient(patient).status == "stopped"


@pytest.mark.parametrize("who", [DOCTOR, NURSE])
async def test_where_a_telephone_is_lost_its_links_open_nothing_and_the_next_ones_do(
    home: FollowedHouse, who: str
) -> None:
    patient, other = await home.enrol(), await home.enrol()
    lost, theirs = home.link(patient), home.link(other)
    for _ in range(2):  # sent again it is done once
        told = await home.post(f"/regions/ici/patients/{patient}/revoke-links", {}, who, idempotency_key="lost")
        assert (told.status_code, told.json()["outcome"]) == (200, "applied")
    assert home.patient(patient).links == 1
    assert asked(home, patient) == [f"{home.slot(patient)}/again-1/sms"]
    assert kind_of(await opened(home, lost)) == (404, "no-such-link")
    assert home.link(patient) != lost
    for link in (home.link(patient), theirs):
        assert (await opened(home, link)).status_code == 200


async def test_nobody_outside_the_circle_revokes_links(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    told = await home.post(f"/regions/ici/patients/{patient}/revoke-links", {}, "colleague")
    assert kind_of(told) == (404, "unknown-patient")
    assert (await opened(home, link)).status_code == 200


async def test_another_address_ends_the_links_that_the_old_one_was_sent_and_another_name_none(
    home: FollowedHouse,
) -> None:
    patient = await home.enrol()
    path = f"/api/v1/regions/ici/patients/{patient}/file"

    async def change(**file: Any) -> None:
        body = {"file": file_of() | file, "reason": "x", "channels": ["sms"]}
        told = await home.http.put(path, json=body, headers=home.bearer(DOCTOR))
        assert told.status_code == 200, told.text

    await change(contact={"phone": "+33600000001", "email": ""})
    before = home.link(patient)
    await change(contact={"phone": "+33600000001", "email": ""}, used_name="AUTRE")
    assert (await opened(home, before)).status_code == 200
    await change(contact={"phone": "+33600000002", "email": ""})
    assert kind_of(await opened(home, before)) == (404, "no-such-link")
    assert (await opened(home, home.link(patient))).status_code == 200


async def test_a_change_of_number_that_is_refused_ends_no_link(home: FollowedHouse) -> None:
    patient = await home.enrol()
    path, link = f"/api/v1/regions/ici/patients/{patient}/file", home.link(patient)
    changed = file_of() | {"contact": {"phone": "+33600000009", "email": ""}}
    body = {"file": changed, "reason": "x", "channels": ["sms"]}
    headers = home.bearer(DOCTOR) | {"Idempotency-Key": "one"}
    told = await home.http.put(path, json=body | {"channels": ["smtp"]}, headers=headers)
    assert told.status_code == 422
    assert (await opened(home, link)).status_code == 200
    told = await home.http.put(path, json=body, headers=headers)
    assert told.status_code == 200
    assert kind_of(await opened(home, link)) == (404, "no-such-link")
    assert asked(home, patient) == [f"{home.slot(patient)}/again-1/sms"]
    fresh = home.link(patient)
    for other in (body, body | {"file": changed | {"used_name": "AUTRE"}}):  # sent again; something else by its name
        await home.http.put(path, json=other, headers=headers)
        assert home.patient(patient).links == 1
        assert (await opened(home, fresh)).status_code == 200


async def test_all_links_of_a_patient_say_the_same_of_whose_they_are_and_say_no_more(home: FollowedHouse) -> None:
    patient, other = await home.enrol(), await home.enrol()
    before = (await opened(home, home.link(patient))).json()["whose"]
    await home.post(f"/regions/ici/patients/{patient}/revoke-links", {}, DOCTOR)
    assert (await opened(home, home.link(patient))).json()["whose"] == before
    assert (await opened(home, home.link(other))).json()["whose"] != before
    assert patient not in (await opened(home, home.link(patient))).text
