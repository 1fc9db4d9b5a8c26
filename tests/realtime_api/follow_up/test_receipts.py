"""What a receipt says of calling 15: by what was just sent, and never by what others answered before."""

import uuid
from typing import Any

import pytest

from domain.events import Source
from realtime_api.app import now
from realtime_api.follow_up.answering import given
from tests.realtime_api import followed
from tests.realtime_api.follow_up.test_link_doors import answer
from tests.realtime_api.followed import FollowedHouse

WELL = followed.WELL | {"spo2": 97}  # whole
ORANGE, RED = WELL | {"pain": True}, WELL | {"breathless": True}


async def used_up(home: FollowedHouse, first: dict[str, Any]) -> tuple[str, str, str]:
    """Return a patient whose corrections are used up, their link and their slot."""
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    for each in (first, *({"remark": str(number)} for number in range(3))):
        assert (await answer(home, link, each, slot)).status_code == 201
    return patient, link, slot


async def test_once_corrections_are_used_up_a_receipt_goes_by_what_was_just_sent(home: FollowedHouse) -> None:
    patient, link, slot = await used_up(home, RED)
    receipt = await answer(home, link, WELL, slot)
    assert len((await home.current(patient)).sent) == 4, "it was one too many"
    assert (receipt.status_code, "call_15" in receipt.json()) == (201, False), "nor is it told what was answered before"
    assert (await answer(home, link, RED, slot)).json()["call_15"] is True


@pytest.mark.parametrize("first", [WELL, ORANGE, RED])
@pytest.mark.parametrize("last", [RED, {"breathless": True}])
async def test_whoever_has_just_answered_something_red_is_told_to_call_15(
    home: FollowedHouse, first: dict[str, Any], last: dict[str, Any]
) -> None:
    _, link, slot = await used_up(home, first)
    for _ in range(2):
        assert (await answer(home, link, last, slot)).json()["call_15"] is True


async def test_a_red_whose_stamp_is_of_a_clock_behind_is_told_so_though_another_answer_counts(
    home: FollowedHouse,
) -> None:
    patient, ahead = await home.enrol(), now() + 60_000
    link, slot, held = home.link(patient), home.slot(patient), home.patient(patient)
    key, source = home.key_of(patient), Source(f"patient:{patient}", "link")
    elsewhere = given(held, key, str(uuid.uuid4()), slot, "patient", WELL, source, "ici", ahead)
    await home.shard_of(patient).put(elsewhere)
    await home.settled()
    assert (await answer(home, link, RED, slot)).json()["call_15"] is True
    row = home.patient(patient)
    assert (row.colour, row.slots[slot].at) == ("green", ahead)


async def test_whoever_waits_for_the_shard_is_told_by_what_they_sent(home: FollowedHouse) -> None:
    patient = await home.enrol()
    home.shard_of(patient).working.clear()
    home.app.state.commands._outcome_within_s = 0.0
    receipt = await answer(home, home.link(patient), RED, home.slot(patient))
    assert (receipt.status_code, receipt.json()["pending"], receipt.json()["call_15"]) == (202, True, True)
