"""The special desks: a sitting for many residents, first calls and their lists, and the access trail."""

import asyncio
import uuid
from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.followup.chart import OwnThreshold, Residence
from domain.followup.patient import Member
from people.keys import pseudonym
from people.trail import Act, Entry
from people.traits import Traits
from realtime_api.app import now
from tests.realtime_api.follow_up.test_link_doors import kind_of
from tests.realtime_api.followed import AGENT, CIRCLE, EHPAD, RED, STAFF, WELL, FollowedHouse, person

SECRET = "Kanarienvogel"
SITTING = f"/regions/ici/sittings/{EHPAD}"
CALLS = "/regions/ici/calls"
TRAIL = "/regions/ici/trail"
TEAM = (Member(AGENT, "tracing_agent"), Member("agent-2", "tracing_agent"))


async def resident(home: FollowedHouse, name: str = "DUPONT", room: str = "1", on: str = "ehpad", **more: Any) -> str:
    """Return a resident of the EHPAD, with a nurse of it in the circle."""
    told: dict[str, Any] = {"circle": (*CIRCLE, Member("ehpad-nurse", "nurse")), "facility": EHPAD} | more
    return await home.enrol(person(birth_name=name, residence=Residence(room=room)), on, **told)


def row(home: FollowedHouse, patient: str, answers: Any = None, **more: Any) -> dict[str, Any]:
    """Return a row of a sitting."""
    given = {"patient": patient, "slot": home.slot(patient), "id": str(uuid.uuid4()), "answers": answers or WELL}
    return given | more


# --- sittings --------------------------------------------------------------------------------------------------------


async def test_staff_see_whom_to_ask_and_no_answer(home: FollowedHouse) -> None:
    first, second = await resident(home, "ZOLA", "2"), await resident(home, "ARP", "1")
    await home.enrol(facility=EHPAD)  # who answers for themselves
    await resident(home, "LOIN", facility="310000001")
    told = await home.post(SITTING, {"rows": [row(home, first, WELL | {"remark": SECRET})]}, STAFF)
    assert told.status_code == 200, told.text
    shown = await home.get(STAFF, SITTING)
    sitting = shown.json()
    assert shown.status_code == 200
    assert [(each["name"], each["room"], each["state"]) for each in sitting["residents"]] == [
        ("ARP Jeanne", "1", "open"),
        ("ZOLA Jeanne", "2", "answered"),
    ]
    assert sitting["name"] == "Sud"
    assert set(sitting["questionnaires"]) == set(sitting["flags"]) == {"ehpad/1"}
    assert SECRET not in shown.text
    assert not any("answers" in each for each in sitting["residents"])
    seen = [each.entry for each in home.trail.of_person(STAFF)]
    assert {each.file for each in seen} == {first, second}
    assert {(each.act, each.grant, each.screen) for each in seen} == {(Act.READ, f"ehpad@et:{EHPAD}@ici", "sitting")}


async def test_who_is_in_the_circle_sees_what_was_answered(home: FollowedHouse) -> None:
    patient = await resident(home)
    await home.post(SITTING, {"rows": [row(home, patient, WELL | {"remark": SECRET})]}, STAFF)
    (shown,) = (await home.get("ehpad-nurse", SITTING)).json()["residents"]
    assert shown["answers"]["remark"] == SECRET
    assert shown["received_at"] is not None


async def test_a_sitting_says_what_is_missing_and_what_asks_for_the_15_also_to_whoever_comes_later(
    home: FollowedHouse,
) -> None:
    part, red, whole = await resident(home, room="1"), await resident(home, room="2"), await resident(home, room="3")
    rows = [row(home, part, {"temperature": 37.0}), row(home, red, RED), row(home, whole, WELL | {"spo2": None})]
    told = (await home.post(SITTING, {"rows": rows}, STAFF)).json()["rows"]
    assert [(each.get("lacks", 0), each.get("call_15", False)) for each in told] == [(3, False), (1, True), (0, False)]
    shown = (await home.get(STAFF, SITTING)).json()["residents"]
    assert [(each.get("missing", []), each.get("call_15", False)) for each in shown] == [
        (["spo2", "breathless", "pain"], False),
        (["spo2"], True),
        ([], False),
    ]


async def test_a_row_is_looked_at_by_the_limits_of_the_resident(home: FollowedHouse) -> None:
    own = {"flag/low": OwnThreshold(88.0, "physician", now(), SECRET)}
    residence = Residence(room="1")
    one = await home.enrol(person(thresholds=own, residence=residence), "ehpad", facility=EHPAD)
    two = await resident(home, room="2")
    shown = await home.get(STAFF, SITTING)
    first, second = shown.json()["residents"]
    assert [(each["rule"], each["value"]) for each in first["flags"]] == [("flag/breath", True), ("flag/low", 88.0)]
    assert (first["id"], second["id"], "flags" in second) == (one, two, False)
    assert SECRET not in shown.text


async def test_each_row_is_judged_by_itself(home: FollowedHouse) -> None:
    one, two, three = await resident(home), await resident(home), await resident(home)
    other = await home.enrol()
    rows = [
        row(home, one, RED),
        row(home, two, WELL | {"temperature": 4711.5}),
        row(home, three, slot="3-0000"),
        row(home, other),
        row(home, one) | {"patient": "a" * 26},
    ]
    told = await home.post(SITTING, {"rows": rows}, STAFF)
    assert told.status_code == 207
    answers = told.json()["rows"]
    assert [(each["status"], each.get("kind")) for each in answers] == [
        (201, None),
        (422, "wrong-fields"),
        (409, "slot-closed"),
        (404, "unknown-patient"),
        (404, "unknown-patient"),
    ]
    assert [each["path"] for each in answers[1]["errors"]] == ["rows[1].answers.measures/temperature"]
    assert "4711" not in told.text
    assert home.patient(one).colour == "red"
    assert (await home.current(one)).sent[0].by == "staff"
    assert home.patient(other).answered_at is None


async def test_a_sitting_sent_again_is_kept_once(home: FollowedHouse) -> None:
    patient = await resident(home)
    rows = [row(home, patient)]
    for _ in range(2):
        assert (await home.post(SITTING, {"rows": rows}, STAFF)).status_code == 200
    assert len((await home.current(patient)).sent) == 1


async def test_a_row_that_was_received_is_received_when_it_comes_again_after_its_slot(home: FollowedHouse) -> None:
    patient = await resident(home)
    rows = [row(home, patient)]
    for status in (200, 200):
        told = await home.post(SITTING, {"rows": rows}, STAFF)
        assert (told.status_code, told.json()["rows"][0]["status"]) == (status, 201)
        if home.slot(patient) == rows[0]["slot"]:
            await home.pass_slot(patient)
    assert home.patient(patient).answered_at is not None


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_grave_row_that_comes_too_late_is_heard(home: FollowedHouse, is_over: bool) -> None:
    patient = await resident(home)
    late = row(home, patient, RED)
    if is_over:
        told = await home.post(f"/regions/ici/patients/{patient}/acts", {"act": "end", "reason": "x"}, "physician")
        assert told.status_code == 200, told.text
    else:
        await home.pass_slot(patient)
    told = await home.post(SITTING, {"rows": [late]}, STAFF)
    (answer,) = told.json()["rows"]
    assert (answer["status"], answer["kind"]) == (409, "over" if is_over else "slot-closed")
    held = home.patient(patient)
    assert held.alert is not None
    assert (held.alert.colour, held.answered_at) == ("red", None)


async def test_a_row_of_a_slot_to_come_is_not_refused_for_good(home: FollowedHouse) -> None:
    patient = await resident(home, starts=1)
    rows = [row(home, patient)]
    (early,) = (await home.post(SITTING, {"rows": rows}, STAFF)).json()["rows"]
    assert (early["status"], early["kind"]) == (409, "slot-not-open")
    due = home.patient(patient).slot
    assert due is not None
    await home.shard_of(patient).tick(due.opens_at)
    await home.settled()
    (taken,) = (await home.post(SITTING, {"rows": rows}, STAFF)).json()["rows"]
    assert taken["status"] == 201


@pytest.mark.parametrize("subject", ["staff-elsewhere", "colleague", "agent", "dpo", "support", "crisis", "ward"])
async def test_a_sitting_is_the_facilitys_own(home: FollowedHouse, subject: str) -> None:
    patient = await resident(home)
    assert (await home.get(subject, SITTING)).status_code == 403
    assert (await home.post(SITTING, {"rows": [row(home, patient)]}, subject)).status_code == 403
    assert home.patient(patient).answered_at is None
    assert not home.trail.of_person(subject)


async def test_with_the_key_store_away_no_row_is_taken(home: FollowedHouse) -> None:
    patient = await resident(home)
    store = home.home / "keys.sqlite3"
    store.rename(home.home / "elsewhere")
    assert kind_of(await home.post(SITTING, {"rows": [row(home, patient)]}, STAFF)) == (503, "key-store-away")
    (home.home / "elsewhere").rename(store)


async def test_with_the_log_away_the_whole_sitting_is_refused(home: FollowedHouse) -> None:
    rows = [row(home, await resident(home)), row(home, await resident(home))]
    home.log.away = True
    assert kind_of(await home.post(SITTING, {"rows": rows}, STAFF)) == (503, "log-away")
    home.log.away = False
    assert (await home.post(SITTING, {"rows": rows}, STAFF)).status_code == 200


async def test_with_the_trail_away_no_resident_is_shown(home: FollowedHouse) -> None:
    await resident(home, SECRET)
    assert (await home.get(STAFF, SITTING)).status_code == 200
    store = home.home / "trail.sqlite3"
    store.rename(home.home / "elsewhere")
    refused = await home.get(STAFF, SITTING)
    assert kind_of(refused) == (503, "trail-away")
    assert SECRET not in refused.text
    (home.home / "elsewhere").rename(store)


# --- first calls -----------------------------------------------------------------------------------------------------

LIST = (
    "birth_name;first_names;birth_date;phone;email;departement;symptoms_date\n"
    "Durand;Anne Marie;1950-02-28;06 00 00 00 01;a@example.fr;31;\n"
    f"{SECRET};;1950-02-30;none;no;99;\n"
    "Petit;Jean;1960-01-01;+33600000002;;;\n"
    "PETIT;jean;1960-01-01;+33600000009;;;\n"
)


async def bring(
    home: FollowedHouse, body: str = LIST, subject: str = AGENT, pathway: str = "ars", key: str = ""
) -> Any:
    """Send a list of people to be called."""
    headers = home.bearer(subject) | {"content-type": "text/csv"} | ({"idempotency-key": key} if key else {})
    path = f"/api/v1{CALLS}/import?pathway={pathway}"
    return await home.http.post(path, content=body.encode(), headers=headers)


async def test_a_list_opens_a_file_a_row_and_says_what_is_wrong_with_the_others(home: FollowedHouse) -> None:
    told = await bring(home)
    assert told.status_code == 207, told.text
    rows = told.json()["rows"]
    assert [each["row"] for each in rows] == [1, 2, 3, 4]
    assert [each["line"] for each in rows] == [2, 3, 4, 5]
    wrong = {"first_names", "birth_date", "phone", "email"}
    assert {each["path"] for each in rows[1]["errors"]} == wrong, "all of it, not the first alone"
    assert rows[3]["kind"] == "similar"  # the same person as the row above
    assert SECRET not in told.text
    patient = home.patient(rows[0]["id"])
    assert (patient.status, patient.pathway, patient.departement) == ("calling", "ars/1", "31")
    assert [member.subject for member in patient.circle] == ["agent", "agent-2"]
    assert patient.channels == ("smtp",)
    assert home.patient(rows[2]["id"]).channels == ("sms",)


async def test_a_list_takes_dates_with_the_day_first_and_counts_lines_as_a_spreadsheet(home: FollowedHouse) -> None:
    body = (
        "birth_name;first_names;birth_date;phone;sex\n"
        "Durand;Anne;5/06/1988;0600000001;\n"
        ";;;;\n"
        "Petit;Jean;31/02/1960;0600000002;homme\n"
    )
    first, second = (await bring(home, body)).json()["rows"]
    assert (await home.chart(first["id"])).file.birth_date == "1988-06-05"
    assert (second["row"], second["line"], {each["path"] for each in second["errors"]}) == (2, 4, {"birth_date", "sex"})


async def test_every_agent_of_the_region_is_in_the_circle_of_a_list(home: FollowedHouse) -> None:
    for number in range(60):
        await home.grant(f"agent-{number:03}", "tracing_agent", "ici")
    await home.settled()
    patient = home.patient((await bring(home)).json()["rows"][0]["id"])
    assert len(patient.circle) == 62
    calls = (await home.get("agent-059", CALLS)).json()["calls"]
    assert patient.id in {each["id"] for each in calls}


async def test_the_same_list_again_opens_no_second_file(home: FollowedHouse) -> None:
    rows = (await bring(home)).json()["rows"]
    again = (await bring(home)).json()["rows"]
    assert [each.get("kind") for each in again] == ["similar", "wrong-fields", "similar", "similar"]
    assert sum(len(hub.patients) for hub in home.rooms.patients_of("ici")) == len(
        [each for each in rows if "id" in each]
    )


async def test_whom_a_list_looks_up_is_in_the_trail_before_it_is_answered_and_no_row_tells_of_other_regions(
    home: FollowedHouse,
) -> None:
    known = await home.enrol(person(birth_name="PETIT", first_names=("Jean",), birth_date="1960-01-01"), "ars")
    home.keys.create(pseudonym(), Traits("Durand", "Anne Marie", date(1950, 2, 28)))  # of another region
    rows = (await bring(home)).json()["rows"]
    assert [each.get("kind") for each in rows] == [None, "wrong-fields", "similar", "similar"]
    assert not any("similar" in each for each in rows)
    seen = [each.entry for each in home.trail.of_person(AGENT)]
    assert {(each.act, each.grant, each.screen) for each in seen} == {(Act.SEARCH, "tracing_agent@ici", "calls-import")}
    assert sorted(each.file for each in seen) == sorted(["", known, known])


async def test_a_list_is_no_way_to_ask_for_many_names(home: FollowedHouse) -> None:
    body = LIST.splitlines(keepends=True)[0] + "Durand;Anne;1950-02-28;none;;;\n" * 400
    assert [(await bring(home, body)).status_code for _ in range(3)] == [207, 207, 429]
    assert (await bring(home, subject="agent-2")).status_code == 207


async def test_without_the_trail_no_list_is_answered(home: FollowedHouse) -> None:
    assert (await bring(home)).status_code == 207
    (home.home / "trail.sqlite3").rename(home.home / "elsewhere")
    assert kind_of(await bring(home)) == (503, "trail-away")


async def test_a_list_of_the_same_name_is_answered_alike(home: FollowedHouse) -> None:
    """Sent again where the answer was lost, before it is folded: the ids that were given are those that are there."""
    shards = list(home.patients.values())
    for shard in shards:
        shard.working.clear()
    home.app.state.commands._outcome_within_s = 0.05
    first, second = [(await bring(home, key="list-1")).json()["rows"] for _ in range(2)]
    assert first == second
    assert first[0]["pending"]
    for shard in shards:
        shard.working.set()
        home.log.appended.set()
    await home.tick()
    await home.settled()
    assert {first[0]["id"], first[2]["id"]} == {id_ for hub in home.rooms.patients_of("ici") for id_ in hub.patients}


async def test_a_list_under_its_key_for_another_pathway_opens_files_there(home: FollowedHouse) -> None:
    other = replace(home.pathways["ars"], id="ars-2")
    for shard in home.patients.values():
        await home.publish("pathway/ars-2/1", msgspec.json.encode(other), shard)
    await home.settled()
    first, again = [(await bring(home, key="list-1")).json()["rows"] for _ in range(2)]
    assert first == again
    second = (await bring(home, key="list-1", pathway="ars-2")).json()["rows"]
    opened = [(home.patient(each["id"]).pathway, each["id"]) for each in (*first, *second) if "id" in each]
    assert [pathway for pathway, _ in opened] == ["ars/1", "ars/1", "ars-2/1", "ars-2/1"]
    assert len({id_ for _, id_ in opened}) == 4


async def test_a_row_that_says_something_else_under_the_same_key_is_not_told_as_done(home: FollowedHouse) -> None:
    head, line = "birth_name;first_names;birth_date;phone\n", "Durand;Anne;1950-02-28;0600000001\n"
    (first,) = (await bring(home, head + line, key="list-1")).json()["rows"]
    (other,) = (await bring(home, head + line.replace("Durand", "Zola"), key="list-1")).json()["rows"]
    assert first["id"] != other["id"]
    assert (await home.chart(other["id"])).file.birth_name == "Zola"


async def test_what_is_brought_again_takes_nothing_of_what_one_may_bring(home: FollowedHouse) -> None:
    head = "birth_name;first_names;birth_date;phone\n"
    body = head + "".join(f"Durand{chr(65 + n)};Anne;1950-02-{n + 1:02};06000000{n:02}\n" for n in range(20))
    strangers = head + "Durand;Anne;1950-02-28;none\n" * 480
    assert (await bring(home, body, key="list-1")).status_code == 200
    assert [(await bring(home, strangers)).status_code for _ in range(2)] == [207, 207]
    assert [(await bring(home, body, key="list-1")).status_code for _ in range(4)] == [200] * 4
    assert [(await bring(home, strangers)).status_code for _ in range(2)] == [429, 429]


async def test_the_team_calls_in_the_order_of_the_agreed_times(home: FollowedHouse) -> None:
    one, two = await home.enrol(on="ars", circle=TEAM), await home.enrol(person(birth_name="ZOLA"), "ars", circle=TEAM)
    await home.enrol(on="ars", circle=(Member("agent-2", "tracing_agent"),))  # another's
    later = {"act": "call", "outcome": "call_again", "next_at": now() + 3_600_000}
    assert (await home.post(f"/regions/ici/patients/{one}/acts", later, AGENT)).status_code == 200
    told = (await home.get(AGENT, CALLS)).json()
    assert [(each["id"], each["calls"]) for each in told["calls"]] == [(two, 0), (one, 1)]
    assert told["calls"][0] | {"call_at": 0} == {
        "id": two,
        "name": "ZOLA Jeanne",
        "birth_date": "1956-03-01",
        "departement": "31",
        "title": {"fr": "Petit", "en": "Petit"},
        "phone": "+33600000000",
        "calls": 0,
        "call_at": 0,
        "script": {"fr": "Bonjour", "en": "Bonjour"},
        "pathway": "ars/1",
    }
    assert {each.entry.file for each in home.trail.of_person(AGENT)} == {one, two}
    agreed = {"act": "call", "outcome": "agreed"}
    assert (await home.post(f"/regions/ici/patients/{two}/acts", agreed, AGENT)).status_code == 200
    assert [each["id"] for each in (await home.get(AGENT, CALLS)).json()["calls"]] == [one]


@pytest.mark.parametrize("subject", ["physician", "nurse", STAFF, "dpo", "support", "crisis"])
async def test_calls_are_the_tracing_teams(home: FollowedHouse, subject: str) -> None:
    assert (await home.get(subject, CALLS)).status_code == 403
    assert (await bring(home, subject=subject)).status_code == 403


@pytest.mark.parametrize("pathway", ["", "small", "ehpad", "none", "ars/2", "x" * 500])
async def test_only_a_pathway_that_begins_by_telephone_takes_a_list(home: FollowedHouse, pathway: str) -> None:
    assert kind_of(await bring(home, pathway=pathway)) == (422, "wrong-fields")


@pytest.mark.parametrize("body", ["", "\ufeff", "birth_name\n", "a;b\n1;2\n", '"'])
async def test_a_list_that_cannot_be_read_is_refused_whole(home: FollowedHouse, body: str) -> None:
    assert (await bring(home, body)).status_code in (400, 422)


async def test_a_list_may_be_json(home: FollowedHouse) -> None:
    some = {"birth_name": "Durand", "first_names": "Anne", "birth_date": "1950-02-28", "phone": "0600000001"}
    told = await home.post(f"{CALLS}/import", {"pathway": "ars", "rows": [some, {"birth_name": 5}]}, AGENT)
    assert told.status_code == 207
    assert "id" in told.json()["rows"][0]
    assert {each["path"] for each in told.json()["rows"][1]["errors"]} >= {"birth_name", "phone"}


# --- the trail -------------------------------------------------------------------------------------------------------


async def test_the_dpo_sees_who_read_what_and_no_content(home: FollowedHouse) -> None:
    patient, other = await home.enrol(person(birth_name=SECRET)), await home.enrol()
    for id_ in (patient, other):
        assert (await home.get("physician", f"/regions/ici/patients/{id_}")).status_code == 200
    told = await home.get("dpo", TRAIL)
    entries = told.json()["entries"]
    assert {each["file"] for each in entries} == {patient, other}
    assert {each["who"] for each in entries} == {"physician"}
    assert entries == sorted(entries, key=lambda each: -each["number"])
    assert told.json()["next"] is None
    assert SECRET not in told.text
    assert not home.trail.of_person("dpo")  # it is itself no content
    (one,) = {each["file"] for each in (await home.get("dpo", TRAIL, file=other)).json()["entries"]}
    assert one == other
    assert (await home.get("dpo", TRAIL, person="nurse")).json()["entries"] == []


async def test_others_see_what_they_read_themselves(home: FollowedHouse) -> None:
    patient = await home.enrol()
    for subject in ("physician", "nurse"):
        assert (await home.get(subject, f"/regions/ici/patients/{patient}")).status_code == 200
    for params in ({}, {"file": patient}, {"person": "nurse"}):
        assert {each["who"] for each in (await home.get("nurse", TRAIL, **params)).json()["entries"]} == {"nurse"}
    assert kind_of(await home.get("nurse", TRAIL, person="physician")) == (403, "not-allowed")
    for subject in ("support", "crisis", "ward"):
        assert (await home.get(subject, TRAIL)).status_code == 403


async def test_a_page_of_one_s_own_says_nothing_of_what_others_read(home: FollowedHouse) -> None:
    file = "a" * 26
    home.trail.write(*[Entry(n + 1, "physician", "physician@ici", Act.READ, file, "board") for n in range(450)])
    for params in ({"file": file}, {}):
        told = (await home.get("nurse", TRAIL, **params)).json()
        assert told == {"entries": [], "next": None}
    told = (await home.get("dpo", TRAIL, file=file, person="nurse")).json()
    assert told == {"entries": [], "next": None}


async def test_of_what_was_read_in_another_region_this_one_s_dpo_sees_nothing_though_it_is_erased(
    home: FollowedHouse,
) -> None:
    grants = ("physician@ailleurs", "ehpad@et:310000002@ailleurs", "link@ailleurs", "circle:nurse@pas-ici")
    ours = Entry(9, "nurse", f"ehpad@et:{EHPAD}@ici", Act.READ, "b" * 26, "sitting")
    home.trail.write(ours, *[Entry(n + 1, "who", grant, Act.READ, "a" * 26, "x") for n, grant in enumerate(grants)])
    told = (await home.get("dpo", TRAIL)).json()
    assert [each["file"] for each in told["entries"]] == ["b" * 26]
    assert (await home.get("dpo", TRAIL, file="a" * 26)).json() == {"entries": [], "next": None}


async def test_the_trail_is_read_page_by_page(home: FollowedHouse) -> None:
    entries = [Entry(n + 1, "physician", "physician@ici", Act.READ, "a" * 26, "board") for n in range(450)]
    home.trail.write(*entries)
    found, before = [], None
    for _ in range(3):
        told = (await home.get("dpo", TRAIL, **({} if before is None else {"before": before}))).json()
        found += [each["at"] for each in told["entries"]]
        before = told["next"]
    assert found == list(range(450, 0, -1))
    assert before is None


@pytest.mark.parametrize("params", [{"before": "x"}, {"before": "0"}, {"before": "9" * 30}, {SECRET: "1"}])
async def test_a_wrong_parameter_is_refused(home: FollowedHouse, params: dict[str, str]) -> None:
    assert kind_of(await home.get("dpo", TRAIL, **params)) == (400, "bad-parameter")


async def test_desks_take_many_at_once(home: FollowedHouse) -> None:
    """Rows of residents on all four shards are folded together, and each gets its own answer."""
    patients = [await resident(home, room=str(number)) for number in range(12)]
    answers = await asyncio.gather(
        *(home.post(SITTING, {"rows": [row(home, each) for each in patients]}, STAFF) for _ in range(2))
    )
    assert [each.status_code for each in answers] == [200, 200]
    assert {len(home.patient(each).slots) for each in patients} == {1}
    assert len({home.shard_of(each).name for each in patients}) > 1
