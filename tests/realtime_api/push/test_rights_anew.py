"""Once rights are read anew nobody is sent a picture by what they were before."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.realtime_api.house import House, Socket, open_house
from tests.realtime_api.patients.followed import enrol, hub_of, set_up

REA = "310000001/rea-adulte"


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API over a small region whose patients are followed."""
    async with open_house(tmp_path / "home", patients=True) as opened:
        await set_up(opened)
        yield opened


async def all_until_closed(socket: Socket) -> list[dict[str, Any]]:
    """Return what a socket is told until it is closed."""
    told = []
    with suppress(ConnectionClosed):
        while True:
            told.append(await socket.hear())
    return told


async def anew(house: House, *revoked: tuple[str, str, str]) -> None:
    """Have rights rebuilt, and these be gone once they are."""
    house.shard.rebuilding = True
    for each in revoked:
        await house.revoke(*each)
    await house.shard.tick()
    await house.settled()
    house.shard.rebuilding = False
    await house.shard.tick()
    await house.settled()


async def test_whose_grant_is_gone_after_a_rebuild_is_shown_no_patient_any_more(ward: House) -> None:
    patient = await enrol(ward)
    async with ward.socket("nurse") as socket:
        first = await socket.subscribe(channel=hub_of(ward, patient).channel)
        assert set(first["data"]["patients"]) == {patient}
        await anew(ward, ("nurse", "nurse", "ici"))
        told = await all_until_closed(socket)
        assert not any(patient in str(each) for each in told), told


async def test_who_keeps_another_right_goes_on_by_that_alone(ward: House) -> None:
    """They are told so on the channel that they lose, and the other one goes on with one picture."""
    patient = await enrol(ward)
    await ward.grant("nurse", "ops", "ici")
    await ward.settled()
    channel = hub_of(ward, patient).channel
    async with ward.socket("nurse") as socket:
        await socket.subscribe()
        await socket.subscribe(channel=channel)
        await anew(ward, ("nurse", "nurse", "ici"))
        told = [await socket.hear()]
        while told[-1]["type"] != "live":
            told.append(await socket.hear())
        assert not any(patient in str(each) for each in told), told
        lost = [each["code"] for each in told if each["type"] == "error" and each["channel"] == channel]
        assert lost == ["not-allowed"]
        assert [each["channel"] for each in told if each["type"] == "snapshot"] == ["capacity:ici"]


async def test_a_picture_after_a_rebuild_is_by_what_one_may_see_now(ward: House) -> None:
    await ward.report("crisis", [{"ward": REA, "status": status, "count": 3} for status in ("02", "05")])
    await ward.grant("crisis", "physician", "ici")
    await ward.settled()
    async with ward.socket("crisis") as socket:
        before = await socket.subscribe()
        await anew(ward, ("crisis", "crisis_cell", "ici"))
        after = (await socket.hear_a("snapshot"))["data"]
        assert after["wards"] == (await ward.picture("physician"))["wards"]
        assert after["wards"] != before["data"]["wards"]


async def test_who_has_left_for_good_while_others_are_told_is_told_nothing(ward: House) -> None:
    """A socket whose last right is gone ends with all that it follows, of this shard and of others."""
    patient = await enrol(ward)
    async with ward.socket("nurse") as socket:
        for name in ("capacity:ici", *(f"patients:me:ici:{number}" for number in range(4))):
            await socket.subscribe(channel=name)
        await anew(ward, ("nurse", "nurse", "ici"))
        told = await all_until_closed(socket)
        assert not any(each["type"] == "snapshot" for each in told), told
    async with ward.socket("physician") as socket:
        assert set((await socket.subscribe(channel=hub_of(ward, patient).channel))["data"]["patients"]) == {patient}
