"""The board: whose circle one is in, opened, the gravest first; and the trail of it."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from domain.followup.chart import Chart, File
from domain.followup.patient import Patient, SlotState
from people.keys import FILE as KEYS
from people.trail import Act, Trail
from realtime_api.app import now
from realtime_api.patients.board import trend_of
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import (
    CANARY,
    RED,
    WELL,
    act,
    answered,
    ask,
    board,
    enrol,
    file_of,
    hub_of,
    kind_of,
)
from tests.small_followup import PARIS


def of(shown: dict[str, Any], patient: str) -> dict[str, Any]:
    """Return a patient of a board."""
    return next(each for each in shown["patients"] if each["id"] == patient)


async def test_a_board_is_one_s_own_circle_the_gravest_first(ward: House) -> None:
    well, red, silent = [await enrol(ward, file=file_of(birth_name=name)) for name in ("Sain", "Grave", "Muet")]
    await enrol(ward, "colleague", circle=[])  # not the nurse's
    await answered(ward, well, WELL)
    await answered(ward, red, RED)
    shown = await board(ward, "nurse")
    assert [each["id"] for each in shown["patients"]] == [red, well, silent]
    assert shown["left_off"] == 0
    assert shown["channels"] == [f"patients:me:ici:{index}" for index in range(4)]
    told = of(shown, red)
    assert (told["name"], told["colour"], told["alert"]["status"]) == ("Zoé Grave", "red", "firing")
    assert told["age"] in (66, 67)
    assert told["title"]["fr"] == "Suivi médical COVID"
    assert told["suggestion"]["care"] == "samu"
    assert len(told["reasons"]) <= 2
    assert told["reasons"][0]["rule"] == "flag/breathless-at-rest"
    assert told["reasons"][0]["words"]["fr"] == "Essoufflé au repos"
    assert told["reasons"][0]["value"] == "at-rest"
    assert told["range"] == [0, 0]
    assert (of(shown, silent)["range"], of(shown, silent)["reasons"], of(shown, silent)["trend"]) == (None, [], None)
    for hidden in ("key", "zone", "first_day"):
        assert hidden not in told


async def test_reasons_are_of_different_answers_with_their_values_and_units(ward: House) -> None:
    patient = await enrol(ward)
    await answered(ward, patient, WELL | {"spo2": 90, "spo2-effort": 90})  # which two rules speak of
    told = of(await board(ward, "nurse"), patient)["reasons"]
    assert (told[0]["item"], told[0]["value"], told[0]["unit"], told[0]["colour"]) == ("spo2", 90, "%", "red")
    assert len({each["item"] for each in told}) == len(told)


@pytest.mark.parametrize(
    ("colours", "trend"),
    [
        ((), None),
        (("red",), None),
        (("green", "orange"), "up"),
        (("red", "green", "yellow"), "up"),
        (("red", "yellow"), "down"),
        (("yellow", "yellow"), "flat"),
    ],
)
def test_a_trend_is_worse_better_or_neither_of_the_last_two_slots(colours: tuple[Any, ...], trend: str | None) -> None:
    slots = {f"{day}-0900": SlotState("answered", day, colour=colour) for day, colour in enumerate(colours, 1)}
    slots["9-0900"] = SlotState("open", 9)  # says nothing yet
    patient = Patient(
        id="a" * 26,
        key="k",
        pathway="p/1",
        status="followed",
        circle=(),
        zone=PARIS,
        first_day=0,
        enrolled_at=0,
        slots=slots,
    )
    file = File(birth_name="x", first_names=("y",), birth_date="1960-01-01", sex="unknown")
    assert trend_of(patient, Chart(file)) == trend


async def test_a_board_says_who_has_it_what_is_unread_and_what_is_due(ward: House) -> None:
    patient = await enrol(ward)
    await answered(ward, patient, RED)
    alert = of(await board(ward, "nurse"), patient)["alert"]["id"]
    for text in ("un", "deux"):
        assert (await act(ward, "physician", patient, "message", text=text)).status_code == 200
    assert (await act(ward, "nurse", patient, "take", alert=alert, seen=1, check_at=now() + 600_000)).status_code == 200
    shown = of(await board(ward, "nurse"), patient)
    assert (shown["unread"], shown["taken_by_name"], shown["memos_due"]) == (2, "Nina Infirmière", 0)
    assert of(await board(ward, "physician"), patient)["unread"] == 0
    assert (await act(ward, "nurse", patient, "read", upto=shown["written_at"])).status_code == 200
    assert of(await board(ward, "nurse"), patient)["unread"] == 0


async def test_asked_for_some_alone_a_board_opens_those_and_no_more(ward: House) -> None:
    first, second = [await enrol(ward) for _ in range(2)]
    theirs = await enrol(ward, "colleague", circle=[])
    before = len(Trail(ward.home).of_person("nurse"))
    answer = await ask(ward, "GET", f"/patients?ids={second},{theirs},nothing", "nurse")
    assert [each["id"] for each in answer.json()["patients"]] == [second]
    entries = Trail(ward.home).of_person("nurse")[: -before or None]
    assert [(written.entry.act, written.entry.file) for written in entries] == [(Act.READ, second)]
    assert first != second
    too_many = ",".join(["a"] * 1) + "".join(f",b{n}" for n in range(101))
    assert kind_of(await ask(ward, "GET", f"/patients?ids={too_many}", "nurse")) == (400, "bad-parameter")


async def test_each_patient_that_a_board_shows_is_in_the_trail_with_the_grant_and_the_screen(ward: House) -> None:
    patients = {await enrol(ward) for _ in range(3)}
    await board(ward, "nurse")
    entries = [written.entry for written in Trail(ward.home).of_person("nurse")]
    assert {entry.file for entry in entries} == patients
    assert {(entry.act, entry.grant, entry.screen) for entry in entries} == {(Act.READ, "nurse@ici", "board")}


async def test_what_can_t_be_written_down_is_not_shown(ward: House) -> None:
    patient = await enrol(ward)
    away = (ward.home / "trail.sqlite3").rename(ward.home / "elsewhere")
    for path in ("/patients", f"/patients/{patient}", f"/patients?ids={patient}"):
        answer = await ask(ward, "GET", path, "nurse")
        assert kind_of(answer) == (503, "trail-away")
        assert CANARY not in answer.text
    answer = await ask(ward, "POST", "/patients/search", "nurse", {"name": CANARY})
    assert kind_of(answer) == (503, "trail-away")
    assert patient not in answer.text
    away.rename(ward.home / "trail.sqlite3")
    assert of(await board(ward, "nurse"), patient)["name"] == f"Zoé {CANARY}"


async def test_a_board_without_patients_is_empty_and_one_of_a_region_without_follow_up_is_not_ready(
    ward: House, house: House
) -> None:
    assert (await board(ward, "nurse"))["patients"] == []
    answer = await house.get("nurse", "/regions/ici/patients")
    assert kind_of(answer) == (503, "not-ready")


async def test_where_the_rows_live_is_told_with_nobody_opened_and_no_key(ward: House) -> None:
    await enrol(ward)
    before = len(Trail(ward.home).select(region="ici"))
    ward.app.state.opening.forget_keys()
    (ward.home / KEYS).rename(ward.home / "away")
    answer = await ask(ward, "GET", "/patients?ids=", "nurse")
    assert answer.status_code == 200
    assert answer.json()["channels"] == [f"patients:me:ici:{index}" for index in range(4)]
    assert answer.json()["patients"] == []
    assert len(Trail(ward.home).select(region="ici")) == before


async def test_a_board_is_not_shown_while_a_part_of_it_is_rebuilt(ward: House) -> None:
    patient = await enrol(ward)
    shard = ward.patients[hub_of(ward, patient).shard]
    shard.rebuilding = True
    await shard.tick()
    await ward.settled()
    assert kind_of(await ask(ward, "GET", "/patients", "nurse")) == (503, "rebuilding")


async def test_pathways_are_told_in_their_newest_versions(ward: House) -> None:
    told = (await ask(ward, "GET", "/pathways", "physician")).json()
    assert {each["id"] for each in told["pathways"]} == {
        "medical-covid",
        "ars-case",
        "ars-contact",
        "after-discharge",
        "ehpad-resident",
    }
    assert told["zone"] == "Europe/Paris"


async def test_of_pathways_it_is_told_which_the_asker_may_begin(ward: House) -> None:
    """What is offered is what the door of enrolment takes."""
    every = {"medical-covid", "ars-case", "ars-contact", "after-discharge", "ehpad-resident"}
    for who, begins in (
        ("physician", every),
        ("tracer", {"ars-case", "ars-contact"}),
        ("support", every),  # for a professional whom it names
        ("samu", set()),
    ):
        told = (await ask(ward, "GET", "/pathways", who)).json()
        assert {each["id"] for each in told["pathways"]} == every
        assert set(told["begins"]) == begins


async def test_a_lost_key_costs_one_file_and_leaves_the_others_on_the_board(ward: House) -> None:
    lost, seen = [await enrol(ward, file=file_of(birth_name=name)) for name in ("Perdu", "Vu")]
    with closing(sqlite3.connect(ward.home / KEYS)) as database, database:
        database.execute("DELETE FROM keys WHERE pseudonym = ?", (lost,))
    ward.app.state.opening.forget_keys()
    assert [each["id"] for each in (await board(ward, "nurse"))["patients"]] == [seen]
