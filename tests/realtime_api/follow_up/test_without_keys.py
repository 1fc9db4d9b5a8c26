"""What is done about a patient without a word of content: it needs no key, and is done while the key store is away."""

from typing import Any

import pytest

from domain.followup.patient import Member
from people.keys import KeysAway
from realtime_api.app import now
from realtime_api.patients import opening
from tests.realtime_api.follow_up.test_link_doors import answer, kind_of
from tests.realtime_api.followed import CIRCLE, DOCTOR, NURSE, RED, WELL, FollowedHouse

HOUR = 3_600_000


def lose_keys(home: FollowedHouse) -> None:
    """Let the API be one that began while the key store was away: it has no key in memory, nor what names are of."""
    home.app.state.opening.forget_keys()
    home.app.state.opening._naming = None
    (home.home / "keys.sqlite3").rename(home.home / "elsewhere")


def find_keys(home: FollowedHouse) -> None:
    (home.home / "elsewhere").rename(home.home / "keys.sqlite3")


async def act(home: FollowedHouse, who: str, patient: str, act_: str, key: str = "", **more: Any) -> Any:
    headers = {"Idempotency_Key": key} if key else {}
    return await home.post(f"/regions/ici/patients/{patient}/acts", {"act": act_, **more}, who, **headers)


async def red(home: FollowedHouse, **more: Any) -> tuple[str, str]:
    """Return a patient whose alert is open, and which it is."""
    patient = await home.enrol(**more)
    assert (await answer(home, home.link(patient), RED, home.slot(patient))).status_code == 201
    alert = home.patient(patient).alert
    assert alert is not None
    return patient, alert.id


async def test_a_red_is_taken_handed_over_and_closed_while_the_key_store_is_away(home: FollowedHouse) -> None:
    patient, alert = await red(home)
    lose_keys(home)
    for who, name, more in (
        (NURSE, "take", {"seen": 1, "check_at": now() + HOUR}),
        (NURSE, "hand_over", {"to": DOCTOR}),
        (DOCTOR, "close", {"seen": 1, "outcome": "acted"}),
    ):
        told = await act(home, who, patient, name, "the-same-key", alert=alert, **more)
        assert told.status_code == 200, (name, told.text)
    assert home.patient(patient).closed[-1].closed_by == DOCTOR
    assert kind_of(await act(home, NURSE, patient, "message", text="x")) == (503, "key-store-away"), "it has content"


async def test_whatever_has_no_content_is_done_while_the_key_store_is_away(home: FollowedHouse) -> None:
    patient, called = await home.enrol(), await home.enrol(on="ars", circle=(*CIRCLE, Member("agent", "tracing_agent")))
    assert (await act(home, NURSE, patient, "message", text="x")).status_code == 200
    assert (await act(home, NURSE, patient, "memo", text="x", due_at=now() + HOUR)).status_code == 200
    [memo] = home.patient(patient).memos
    assert (await act(home, NURSE, patient, "pause", reason="x")).status_code == 200
    lose_keys(home)
    for who, whom, name, more in (
        (DOCTOR, patient, "read", {"upto": now()}),
        (NURSE, patient, "memo_done", {"memo": memo}),
        (NURSE, patient, "resume", {}),
        (NURSE, patient, "join", {"subject": "colleague", "role": "physician"}),
        (NURSE, patient, "leave", {"subject": "colleague"}),
        ("agent", called, "call", {"outcome": "unreachable"}),
    ):
        told = await act(home, who, whom, name, **more)
        assert told.status_code == 200, (name, told.text)
    row = home.patient(patient)
    assert (row.status, row.memos, row.circle) == ("followed", {}, CIRCLE)
    assert home.patient(called).calls == 1


async def test_an_act_sent_again_while_the_key_store_is_away_is_done_once_and_its_author_sees_what_became_of_it(
    home: FollowedHouse,
) -> None:
    called = await home.enrol(on="ars", circle=(*CIRCLE, Member("agent", "tracing_agent")))
    lose_keys(home)
    told = [await act(home, "agent", called, "call", "k", outcome="unreachable") for _ in range(2)]
    assert home.patient(called).calls == 1
    assert len({each.json()["id"] for each in told}) == 1
    other = await act(home, "agent", called, "call", "k", outcome="call_again")
    assert kind_of(other) == (409, "other-command")
    seen = await home.get("agent", f"/commands/{told[0].json()['id']}")
    assert (seen.status_code, seen.json()["outcome"]) == (200, "applied")
    assert (await home.get(NURSE, f"/commands/{told[0].json()['id']}")).status_code == 404


async def test_patients_stop_while_the_key_store_is_away(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    lose_keys(home)
    assert (await home.post("/answer/stop", {"link": link})).status_code == 200
    row = home.patient(patient)
    assert (row.status, row.stopped_by_patient) == ("stopped", True)
    assert (await home.post("/answer/stop", {"link": link})).status_code == 200
    assert kind_of(await answer(home, link, WELL, "1-0900")) == (503, "key-store-away")


async def test_nobody_waits_for_a_key_store_that_hangs_and_once_it_is_back_names_are_its_own(
    home: FollowedHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "SOON_S", 0.0)
    held = home.app.state.opening
    first = await held.deed_id(NURSE, "k", 0, "pause")
    lose_keys(home)
    meanwhile = await held.deed_id(NURSE, "k", 0, "pause", at_once=True)
    assert meanwhile == await held.deed_id(NURSE, "k", 0, "pause", at_once=True)
    assert meanwhile != first
    with pytest.raises(KeysAway):  # what names a file for ever is never named otherwise
        await held.deed_id(NURSE, "k", 0, "pause")
    find_keys(home)
    assert await held.deed_id(NURSE, "k", 0, "pause") == first
    assert await held.deed_id(NURSE, "k", 0, "pause", at_once=True) == first
