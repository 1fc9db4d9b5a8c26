"""Rows live: whose circle one is in, as they change; and gone within moments where one is in it no more."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from domain.followup.patient import Patient
from realtime_api.app import now
from realtime_api.push.codecs import CODECS
from realtime_api.push.patients import SHOWN, RowShown
from tests.realtime_api.house import House, Socket, open_house
from tests.realtime_api.patients.followed import (
    CANARY,
    RED,
    act,
    answered,
    ask,
    board,
    enrol,
    erase,
    hub_of,
    page,
    set_up,
)

HOLDS_WITHIN_S = 5.0


def test_a_row_is_all_of_a_patient_but_what_no_screen_needs() -> None:
    of = {field.name: field for field in fields(Patient)}
    of_the_fold = {
        "case_at",
        "codes",
        "late_call",
        "links",
        "memos_by",
        "mute_ends",
        "ran_at",
        "refused_at",
        "sent_away",
    }
    assert {*SHOWN} == {*of} - {"zone", "key", "first_day"} - of_the_fold
    for field in fields(RowShown):
        held = of[field.name]
        assert (field.type, field.default) == (held.type, held.default), field.name
        assert field.default_factory in (held.default_factory, dict), field.name


async def until_row(socket: Socket, patient: str, holds: Any) -> Any:
    """Return a patient's row once something holds of it."""
    while True:
        told = (await socket.hear_a("changes"))["changes"].get("patients", {})
        if patient in told and holds(told[patient]):
            return told[patient]


@pytest.mark.parametrize("codec", CODECS)
async def test_an_answer_is_on_the_screens_of_the_circle_and_on_no_other(ward: House, codec: str) -> None:
    patient = await enrol(ward)
    channel = hub_of(ward, patient).channel
    async with ward.socket("nurse", codec) as nurse, ward.socket("colleague", codec) as colleague:
        first = await nurse.subscribe(channel=channel)
        assert set(first["data"]["patients"]) == {patient}
        row = first["data"]["patients"][patient]
        assert not {"key", "zone", "first_day"} & set(row)
        assert (await colleague.subscribe(channel=channel))["data"]["patients"] == {}
        await answered(ward, patient, RED)
        row = await until_row(nurse, patient, lambda row: row.get("colour") == "red")
        assert row["alert"]["status"] == "firing"
        assert CANARY not in str(row)
        await act(ward, "nurse", patient, "join", subject="colleague", role="physician")
        told = await colleague.hear_a("changes")  # the first that there is for them: of what was before nothing is told
        assert told["changes"]["patients"][patient]["colour"] == "red"


async def test_who_is_taken_out_of_a_circle_loses_the_row_at_once(ward: House) -> None:
    patient = await enrol(ward)
    async with ward.socket("nurse") as socket:
        await socket.subscribe(channel=hub_of(ward, patient).channel)
        async with asyncio.timeout(HOLDS_WITHIN_S):
            await act(ward, "physician", patient, "leave", subject="nurse")
            assert await until_row(socket, patient, lambda row: row is None) is None
        await act(ward, "physician", patient, "message", text="x")
        await ward.settled()
        message = await socket.hear_a("changes", "live")
        assert message["type"] == "live"


async def test_a_revoked_grant_shuts_the_channel_within_5_s_as_the_process_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the checks are as far apart as they are outside of tests
    async with open_house(tmp_path / "home", patients=True) as house:
        await set_up(house)
        await shut_by_revoking(house)


async def shut_by_revoking(ward: House) -> None:
    """Fail where a channel outlives the grant that it was opened by."""
    patient = await enrol(ward)
    async with ward.socket("nurse") as socket:
        await socket.subscribe(channel=hub_of(ward, patient).channel)
        await ward.revoke("nurse", "nurse", "ici")
        async with asyncio.timeout(HOLDS_WITHIN_S):
            assert (await socket.until_closed())[0] == 4403


async def test_a_membership_that_the_grants_allow_no_more_opens_nothing(ward: House) -> None:
    """Once a nurse of the circle, then the emergency call centre's: the file wants its glass broken as anybody's."""
    patient = await enrol(ward)
    channel = hub_of(ward, patient).channel
    async with ward.socket("nurse") as socket:
        assert set((await socket.subscribe(channel=channel))["data"]["patients"]) == {patient}
        await ward.grant("nurse", "regulator", "ici")
        await ward.revoke("nurse", "nurse", "ici")
        await ward.settled()
        assert (await socket.hear_a("snapshot"))["data"]["patients"] == {}
    assert (await page(ward, "nurse", patient)).status_code == 404
    assert (await board(ward, "nurse"))["patients"] == []


async def test_who_keeps_another_right_loses_this_channel_alone(ward: House) -> None:
    patient = await enrol(ward)
    await ward.grant("nurse", "ops", "ici")
    await ward.settled()
    async with ward.socket("nurse") as socket:
        await socket.subscribe()
        channel = hub_of(ward, patient).channel
        await socket.subscribe(channel=channel)
        await ward.revoke("nurse", "nurse", "ici")
        told = await socket.hear_a("error")
        assert (told["code"], told["channel"]) == ("not-allowed", channel)


async def test_who_was_away_is_told_what_changed_and_what_is_not_theirs_any_more(ward: House) -> None:
    patient = await enrol(ward)
    channel = hub_of(ward, patient).channel
    async with ward.socket("nurse") as socket:
        token = (await socket.subscribe(channel=channel))["token"]
    await answered(ward, patient, RED)
    async with ward.socket("nurse") as socket:
        told = await socket.subscribe(since=token, channel=channel)
        assert told["type"] == "changes"
        assert told["changes"]["patients"][patient]["colour"] == "red"
        token = told["token"]
    await act(ward, "physician", patient, "leave", subject="nurse")
    await ward.settled()
    async with ward.socket("nurse") as socket:
        told = await socket.subscribe(since=token, channel=channel)
        shown = told["data"]["patients"] if told["type"] == "snapshot" else told["changes"]["patients"]
        assert shown.get(patient) is None


async def test_of_others_patients_nothing_is_told_not_even_that_something_changed(ward: House) -> None:
    patient = await enrol(ward, "colleague", circle=[])
    channel = hub_of(ward, patient).channel
    async with ward.socket("nurse") as socket:
        first = await socket.subscribe(channel=channel)
        assert first["data"]["patients"] == {}
    await answered(ward, patient, RED)
    async with ward.socket("nurse") as socket:
        told = await socket.subscribe(since=first["token"], channel=channel)
        assert patient not in str(told)


async def test_an_erased_patient_s_row_is_gone_from_screens(ward: House) -> None:
    patient = await enrol(ward)
    async with ward.socket("nurse") as socket:
        await socket.subscribe(channel=hub_of(ward, patient).channel)
        await erase(ward, patient)
        assert await until_row(socket, patient, lambda row: row is None) is None


async def test_a_channel_names_its_region_and_shard(ward: House) -> None:
    async with ward.socket("nurse") as socket:
        for channel in ("patients:me", "patients:me:ici", "patients:me:ici:4", "patients:me:ailleurs:0"):
            await socket.say(type="subscribe", channel=channel)
            assert (await socket.hear_a("error"))["code"] == "unknown"


async def test_the_page_and_the_row_are_of_one_moment_after_an_act(ward: House) -> None:
    patient = await enrol(ward)
    assert (await act(ward, "nurse", patient, "pause", reason="x")).status_code == 200
    assert (await page(ward, "nurse", patient)).json()["row"]["status"] == "paused"
    assert (await ask(ward, "GET", "/patients", "nurse")).json()["patients"][0]["status"] == "paused"


async def test_while_rights_are_rebuilt_rows_are_shown_to_nobody(ward: House) -> None:
    """Nobody can tell then whose grants are over: screens wait, and those whose time has come are shut all the same."""
    patient = await enrol(ward)
    channel = hub_of(ward, patient).channel
    await ward.grant("late", "nurse", "ici", until=now() + 1_500)
    await ward.settled()
    await act(ward, "physician", patient, "join", subject="late", role="nurse")
    await ward.settled()
    async with ward.socket("nurse") as nurse, ward.socket("late") as late:
        for socket in (nurse, late):
            assert set((await socket.subscribe(channel=channel))["data"]["patients"]) == {patient}
        ward.shard.rebuilding = True
        await ward.grant("samu", "regulator", "ici")
        for socket in (nurse, late):
            assert (await socket.hear_a("changes"))["changes"]["rebuilding"] is True
        async with ward.socket("nurse") as another:
            await another.say(type="subscribe", channel=channel)
            assert (await another.hear())["code"] == "rebuilding"
        await answered(ward, patient, RED)
        assert (await late.until_closed())[0] == 1013
        ward.shard.rebuilding = False
        await ward.grant("samu", "regulator", "ici", until=now() + 1_000_000)
        assert (await nurse.hear_a("snapshot"))["data"]["patients"][patient]["colour"] == "red"
