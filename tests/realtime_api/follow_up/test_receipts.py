"""What a receipt says of calling 15: by what was just sent, and never by what others answered before."""

import uuid
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.events import Source
from domain.followup.chart import OwnThreshold
from domain.followup.news2 import Parameter
from domain.followup.pathway import Levels, Scoring, mistakes
from domain.followup.questionnaire import Item
from realtime_api.app import now
from realtime_api.follow_up.answering import given
from tests.realtime_api import followed
from tests.realtime_api.follow_up.test_desks import SITTING, resident, row
from tests.realtime_api.follow_up.test_link_doors import answer
from tests.realtime_api.followed import DOCTOR, STAFF, FollowedHouse, person, words

WELL = followed.WELL | {"spo2": 97}  # whole
ORANGE, RED = WELL | {"pain": True}, WELL | {"breathless": True}


async def used_up(home: FollowedHouse, first: dict[str, Any]) -> tuple[str, str, str]:
    """Return a patient whose corrections are used up, their link and their slot."""
    patient = await home.enrol()
    link, slot = home.link(patient), home.slot(patient)
    for each in (first, *({"remark": str(number)} for number in range(4))):  # the first remark only adds to it
        assert (await answer(home, link, each, slot)).status_code == 201
    return patient, link, slot


async def test_once_corrections_are_used_up_a_receipt_goes_by_what_was_just_sent(home: FollowedHouse) -> None:
    patient, link, slot = await used_up(home, RED)
    receipt = await answer(home, link, WELL, slot)
    assert len((await home.current(patient)).sent) == 5, "it was one too many"
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


# --- what a file says ------------------------------------------------------------------------------------------------

READINGS: dict[Parameter, str] = {
    "spo2": "spo2",
    "respiratory_rate": "breaths",
    "systolic": "systolic",
    "pulse": "pulse",
}
VITALS = tuple(
    Item(name, "integer", words(name), required=True, unit="u", lowest=0, highest=300) for name in READINGS.values()
)
NEWS2_8 = {"spo2": 91, "breaths": 25, "systolic": 100, "pulse": 80}  # 3 + 3 + 2


async def scored(home: FollowedHouse, on: str = "small") -> str:
    """Return a pathway like another that is scored by NEWS2 alone: no answer of it is red by itself."""
    like = home.pathways[on]
    name = f"{on}-scored"
    made = replace(
        like,
        id=name,
        questionnaire=replace(like.questionnaire, url=f"https://example.invalid/{name}", items=VITALS),
        scoring=Scoring(readings=READINGS, news2=Levels(1, 5, 7)),
    )
    assert not mistakes(made), mistakes(made)
    for shard in home.patients.values():
        await home.publish(f"pathway/{name}/1", msgspec.json.encode(made), shard)
    await home.settled()
    return name


async def waits_for_the_shard(home: FollowedHouse, patient: str) -> None:
    home.shard_of(patient).working.clear()
    home.app.state.commands._outcome_within_s = 0.0


@pytest.mark.parametrize(("born", "call_15"), [("1956-03-01", True), ("2015-03-01", None)])
async def test_a_red_by_score_alone_says_so_before_the_shard_does(
    home: FollowedHouse, born: str, call_15: bool | None
) -> None:
    """NEWS2 is made of nobody's answers whose age is not known, nor of a child's."""
    patient = await home.enrol(person(birth_date=born), await scored(home))
    await waits_for_the_shard(home, patient)
    receipt = await answer(home, home.link(patient), NEWS2_8, home.slot(patient))
    assert (receipt.status_code, receipt.json().get("call_15")) == (202, call_15)


@pytest.mark.parametrize(("value", "spo2", "call_15"), [(97.0, 96, True), (97.0, 97, None), (86.0, 87, None)])
async def test_thresholds_of_their_own_count_before_the_shard_says_so(
    home: FollowedHouse, value: float, spo2: int, call_15: bool | None
) -> None:
    own = {"flag/low": OwnThreshold(value, DOCTOR, now(), "prescribed")}
    patient = await home.enrol(person(thresholds=own))
    await waits_for_the_shard(home, patient)
    receipt = await answer(home, home.link(patient), WELL | {"spo2": spo2}, home.slot(patient))
    assert (receipt.status_code, receipt.json().get("call_15")) == (202, call_15)


# --- at the bedside --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
async def test_a_resident_who_is_red_by_score_alone_is_told_of_in_their_row(home: FollowedHouse, waits: bool) -> None:
    await scored(home, "ehpad")
    nobody, ill, well = [await resident(home, on="ehpad-scored") for _ in range(3)]
    rows = [
        row(home, nobody, NEWS2_8 | {"spo2": 4711}),
        row(home, ill, NEWS2_8),
        row(home, well, NEWS2_8 | {"spo2": 97, "breaths": 16}),
    ]
    if waits:
        for patient in (ill, well):
            await waits_for_the_shard(home, patient)
    told = (await home.post(SITTING, {"rows": rows}, STAFF)).json()["rows"]
    taken = 202 if waits else 201
    assert [(each["status"], each.get("call_15")) for each in told] == [(422, None), (taken, True), (taken, None)]


async def test_a_row_of_a_sitting_does_not_tell_how_grave_what_was_answered_before_is(home: FollowedHouse) -> None:
    """Staff need not be of the circle, and read nothing back."""
    patient = await resident(home)
    for answers, call_15 in ((RED, True), ({"remark": "-"}, None)):
        (told,) = (await home.post(SITTING, {"rows": [row(home, patient, answers)]}, STAFF)).json()["rows"]
        assert (told["status"], told.get("call_15")) == (201, call_15)
