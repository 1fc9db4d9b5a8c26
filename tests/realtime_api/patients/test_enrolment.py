"""A file begins: with consent, within the floors of its pathway, and with a circle that may be one."""

import asyncio
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.events import PatientEnrolled
from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from event_log.codec import decode
from people.trail import Act, Trail
from realtime_api.app import now
from realtime_api.patients.doors import PatientDoors
from tests.realtime_api.house import House, pathways
from tests.realtime_api.patients.followed import (
    CANARY,
    PHONE,
    act,
    ask,
    at_eight,
    board,
    body_of,
    enrol,
    file_of,
    hub_of,
    kind_of,
    page,
    wrong_in,
)

INS = {"status": "qualifiée", "matricule": "260022B001234", "oid": "1.2.250.1.213.1.4.8"}


def held(house: House, patient: str) -> Patient:
    """Return a patient as the API knows them."""
    return hub_of(house, patient).patients[patient]


async def refused(house: House, subject: str = "physician", **more: Any) -> set[str]:
    """Return the paths of what is wrong with a new file, and fail where anything was appended or made."""
    before = [await house.log.end(shard.sort.topic, shard.partition) for shard in house.patients.values()]
    answer = await ask(house, "POST", "/patients", subject, body_of(**more))
    after = [await house.log.end(shard.sort.topic, shard.partition) for shard in house.patients.values()]
    assert before == after
    return wrong_in(answer)


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_who_enrols_a_patient_and_their_circle_see_all_that_was_said(ward: House) -> None:
    patient = await enrol(ward)
    told = held(ward, patient)
    assert {(member.subject, member.role) for member in told.circle} == {("physician", "physician"), ("nurse", "nurse")}
    assert (told.pathway, told.status, told.departement) == ("medical-covid/1", "followed", "31")
    for subject in ("physician", "nurse"):
        file = (await page(ward, subject, patient)).json()["file"]
        assert (file["birth_name"], file["first_names"]) == (CANARY, ["Zoé", "Anne"])
        assert file["consent"] == {"text_version": "2026-1", "given_at": told.enrolled_at, "recorded_by": "physician"}


async def test_nothing_of_a_file_is_on_the_log_or_in_the_live_state_in_clear(ward: House) -> None:
    patient = await enrol(ward)
    assert (await act(ward, "nurse", patient, "message", text=f"{CANARY} va bien")).status_code == 200
    for shard in ward.patients.values():
        kept = b"".join([r.value or b"" async for r in ward.log.read(shard.sort.topic, shard.partition, 0)])
        assert patient.encode() in kept or shard.name != hub_of(ward, patient).shard
        for secret in (CANARY, PHONE, "1960-02-29"):
            assert secret.encode() not in kept
    assert CANARY.encode() not in repr(vars(ward.state)).encode()


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_and_the_link_to_answer_are_told_to_a_clinician(ward: House, language: str) -> None:
    file = file_of(language=language)
    links = (await ask(ward, "POST", "/patients", "physician", body_of(file=file))).json()["links"]
    assert links["page"].startswith("/patients/")
    assert re.search(rf"/a#[\w-]{{24}}\.{language}$", links["answer"])


async def test_a_patient_begins_today_where_they_live_or_on_the_day_that_is_said(ward: House) -> None:
    today = datetime.now(UTC).date()
    far = held(ward, await enrol(ward, zone="Pacific/Kiritimati"))
    near = held(ward, await enrol(ward, zone="Pacific/Pago_Pago"))
    assert far.first_day - near.first_day in (1, 2)  # 25 hours apart
    later = held(ward, await enrol(ward, starts_on=(today + timedelta(days=3)).isoformat()))
    assert later.first_day == (today + timedelta(days=3) - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    assert held(ward, await enrol(ward, zone="")).zone.name == "Europe/Paris"


async def test_the_same_key_opens_one_file_however_often_it_is_sent(ward: House) -> None:
    answers = [
        await ask(ward, "POST", "/patients", "physician", body_of(), **{"idempotency-key": "a-form"}) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await board(ward, "physician"))["patients"]) == 1


async def test_under_one_key_no_second_person_is_taken_for_the_first(ward: House) -> None:
    headers = {"idempotency-key": "a-form"}
    first = await ask(ward, "POST", "/patients", "physician", body_of(), **headers)
    assert first.status_code == 201
    another = body_of(file=file_of(birth_name="AUTRE", first_names=["Paul"], birth_date="1940-01-01"))
    answer = await ask(ward, "POST", "/patients", "physician", another, **headers)
    assert kind_of(answer) == (409, "other-command")
    assert first.json()["id"] not in answer.text


async def test_who_was_taken_out_gets_no_link_by_sending_their_form_again(ward: House) -> None:
    headers = {"idempotency-key": "a-form"}
    patient = (await ask(ward, "POST", "/patients", "physician", body_of(), **headers)).json()["id"]
    assert (await act(ward, "nurse", patient, "leave", subject="physician")).status_code == 200
    await ward.settled()
    again = (await ask(ward, "POST", "/patients", "physician", body_of(), **headers)).json()
    assert again["links"] == {"page": None, "answer": None}


async def test_a_key_sent_again_after_days_is_refused_and_takes_nothing_from_the_patient(ward: House) -> None:
    first = await ask(ward, "POST", "/patients", "physician", body_of(), **{"idempotency-key": "a-form"})
    patient = first.json()["id"]
    await ward.patients[hub_of(ward, patient).shard].tick(now() + 50 * 3_600_000)  # what was said is forgotten by now
    again = await ask(ward, "POST", "/patients", "physician", body_of(), **{"idempotency-key": "a-form"})
    assert kind_of(again) == (422, "refused")
    ward.app.state.opening.forget_keys()
    assert (await page(ward, "physician", patient)).json()["file"]["birth_name"] == CANARY


async def test_of_a_file_that_came_to_nothing_no_key_and_no_trait_is_kept(
    ward: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_api.patients.doors.PatientDoors._pathway", lambda *_: unheard_of())
    answer = await ask(ward, "POST", "/patients", "physician", body_of())
    assert wrong_in(answer) == {"pathway"}
    with sqlite3.connect(ward.home / "keys.sqlite3") as store:
        assert store.execute("SELECT count(*) FROM keys").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM traits").fetchone() == (0,)


def unheard_of() -> Pathway:
    """Return a pathway that the doors know and no shard does: one that was published a moment ago."""
    (known,) = [pathway for pathway in pathways() if pathway.id == "medical-covid"]
    return msgspec.structs.replace(known, version="99")


async def test_the_id_on_the_log_does_not_follow_from_what_was_sent(ward: House) -> None:
    """A hash of a name, under whatever namespace, is a name to whoever has a list of names."""
    ids, digests = set(), set()
    for name in (CANARY, f"{CANARY}-autre"):
        body = body_of(file=file_of(birth_name=name))
        await ask(ward, "POST", "/patients", "physician", body, **{"idempotency-key": "a-form"})
    for shard in ward.patients.values():
        async for record in ward.log.read(shard.sort.topic, shard.partition, 0):
            if isinstance(event := decode(record.value or b""), PatientEnrolled):
                ids.add(event.id)
                digests.add(event.digest)
    assert (len(ids), len(digests)) == (1, 2)


# --- what is refused -------------------------------------------------------------------------------------------------

BAD_FILES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no consent": ({"consent": None}, {"file.consent"}),
    "a representative without a name": (
        {"consent": {"text_version": "1", "by": "representative"}},
        {"file.consent.representative", "file.consent.capacity"},
    ),
    "no version of the text": ({"consent": {"text_version": " "}}, {"file.consent.text_version"}),
    "looser than the floor": (
        {"thresholds": {"oximetry/samu": {"value": 80, "reason": "BPCO"}}},
        {"file.thresholds.oximetry/samu"},
    ),
    "a threshold without a reason": (
        {"thresholds": {"oximetry/samu": {"value": 90, "reason": ""}}},
        {"file.thresholds.oximetry/samu.reason"},
    ),
    "a threshold that nobody has": (
        {"thresholds": {f"flag/{CANARY}": {"value": 1, "reason": "x"}}},
        {"file.thresholds"},
    ),
    "a threshold that is no number": (
        {"thresholds": {"oximetry/samu": {"value": CANARY, "reason": "x"}}},
        {"file.thresholds"},
    ),
    "a mistyped INS": ({"birth_place": "2A004", "ins": INS | {"matricule": "260022B00123499"}}, {"file.ins.matricule"}),
    "an INS without a matricule": (
        {"birth_place": "2A004", "ins": {"status": "récupérée"}},
        {"file.ins.matricule"},
    ),
    "an INS without a place of birth": ({"ins": {"status": "provisoire"}}, {"file.birth_place"}),
    "born tomorrow": ({"birth_date": (datetime.now(UTC) + timedelta(days=2)).date().isoformat()}, {"file.birth_date"}),
    "born too long ago": ({"birth_date": "1720-01-01"}, {"file.birth_date"}),
    "no day": ({"birth_date": "2023-02-30"}, {"file.birth_date"}),
    "ill before the birth": ({"birth_date": "2026-11-02", "symptoms_date": "2026-11-01"}, {"file.symptoms_date"}),
    "ill tomorrow": (
        {"symptoms_date": (datetime.now(UTC) + timedelta(days=3)).date().isoformat()},
        {"file.symptoms_date"},
    ),
    "no name": ({"birth_name": "", "first_names": []}, {"file.birth_name", "file.first_names"}),
    "a name with signs that are none": ({"used_name": f"{CANARY}\x07"}, {"file.used_name"}),
    "no address": ({"contact": {"phone": PHONE, "email": f"{CANARY}@"}}, {"file.contact.email"}),
    "no telephone": ({"contact": {"phone": CANARY}}, {"file.contact.phone"}),
    "a field that is none": ({CANARY: 1}, {"file.#6"}),
    "another type": ({"sex": CANARY, "pregnant": CANARY}, {"file.sex", "file.pregnant"}),
}


async def test_a_file_that_can_t_be_is_refused_by_field_and_without_its_values(ward: House) -> None:
    for name, (more, paths) in BAD_FILES.items():
        assert await refused(ward, file=file_of() | more) == paths, name


BAD_BODIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "no such pathway": ({"pathway": "astrology"}, {"pathway"}),
    "no such version": ({"pathway": "medical-covid/7"}, {"pathway"}),
    "no such zone": ({"zone": "Europe/Atlantis"}, {"zone"}),
    "a zone that is a path": ({"zone": "../../etc/passwd"}, {"zone"}),
    "a channel without an address": ({"channels": ["sms", "smtp"]}, {"channels[1]"}),
    "a channel twice": ({"channels": ["sms", "sms"]}, {"channels"}),
    "nobody to be asked": ({"channels": []}, {"channels"}),
    "another region's": ({"departement": "75"}, {"departement"}),
    "a stranger in the circle": (
        {"circle": [{"subject": "nurse", "role": "nurse"}, {"subject": "stranger", "role": "nurse"}]},
        {"circle[1].subject"},
    ),
    "a nurse as a physician": ({"circle": [{"subject": "nurse", "role": "physician"}]}, {"circle[0].subject"}),
    "the crisis cell in the circle": (
        {"circle": [{"subject": "crisis", "role": "coordinator"}]},
        {"circle[0].subject"},
    ),
    "somebody twice": ({"circle": [{"subject": "nurse", "role": "nurse"}] * 2}, {"circle"}),
    "too early": ({"starts_on": "2020-03-17"}, {"starts_on"}),
    "for somebody": ({"for": "colleague"}, {"for"}),
    "no facility": ({"pathway": "ehpad-resident", "channels": []}, {"facility"}),
    "another facility's staff": (
        {
            "pathway": "ehpad-resident",
            "channels": [],
            "facility": "310000002",
            "circle": [{"subject": "home", "role": "ehpad"}],
        },
        {"circle[0].subject"},
    ),
}


async def test_what_the_region_or_the_pathway_says_against_is_refused(ward: House) -> None:
    for name, (more, paths) in BAD_BODIES.items():
        assert await refused(ward, **more) == paths, name


async def test_what_is_no_file_at_all_is_refused(ward: House) -> None:
    for body in (b"", b"[]", b'"x"', b"{", b'{"file": ' * 2000, b"\xff"):
        answer = await ask(ward, "POST", "/patients", "physician", body)
        assert answer.status_code in (400, 422), body[:20]


async def test_everything_that_is_wrong_is_told_at_once(ward: House) -> None:
    file = file_of(birth_date="x", contact={"phone": "x"})
    assert await refused(ward, file=file, circle=[], zone="x") == {"file.birth_date", "file.contact.phone", "zone"}


async def test_an_ins_that_is_one_is_kept_with_the_file_s_own_traits(ward: House) -> None:
    corsican = "26002" + "2B" + "001234"
    key = 97 - int("26002" + "18" + "001234") % 97
    ins = INS | {"matricule": f"{corsican} {key:02}"}
    patient = await enrol(ward, file=file_of(birth_place="2B001", ins=ins))
    told = (await page(ward, "physician", patient)).json()["file"]["ins"]
    assert told["matricule"] == f"{corsican}{key:02}"
    assert told["traits"]["birth_place"] == "2B001"


async def test_thresholds_of_one_s_own_say_who_set_them_when_and_why(ward: House) -> None:
    patient = await enrol(ward, file=file_of(thresholds={"oximetry/samu": {"value": 90, "reason": "BPCO"}}))
    told = (await page(ward, "nurse", patient)).json()["file"]["thresholds"]["oximetry/samu"]
    assert (told["value"], told["set_by"], told["reason"]) == (90, "physician", "BPCO")
    assert abs(told["set_at"] - now()) < 60_000


async def test_staff_of_the_facility_are_in_a_resident_s_circle_and_need_no_channel(ward: House) -> None:
    circle = [{"subject": "home", "role": "ehpad"}]
    patient = await enrol(ward, pathway="ehpad-resident", channels=[], facility="310000009", circle=circle)
    assert {member.role for member in held(ward, patient).circle} == {"ehpad", "physician"}


# --- support ---------------------------------------------------------------------------------------------------------


async def test_support_opens_a_file_for_a_professional_and_can_read_nothing_back(ward: House) -> None:
    await enrol(ward)  # the same person, so that there is something that support might be told
    body = body_of(**{"for": "colleague"})
    answer = await ask(ward, "POST", "/patients", "support", body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["links"] == {"page": None, "answer": None}
    assert "similar" not in told
    patient = told["id"]
    assert {member.subject for member in held(ward, patient).circle} == {"colleague", "nurse"}
    assert (await page(ward, "colleague", patient)).json()["file"]["consent"]["recorded_by"] == "support"
    for method, path in (
        ("GET", f"/patients/{patient}"),
        ("GET", "/patients"),
        ("POST", "/patients/search"),
        ("POST", f"/patients/{patient}/acts"),
        ("PUT", f"/patients/{patient}/file"),
    ):
        assert (await ask(ward, method, path, "support", {})).status_code == 403


async def test_support_names_a_professional_who_may_open_files(ward: House) -> None:
    for named in (None, "", "nobody", "support", "crisis", "home"):
        assert await refused(ward, "support", **{"for": named}) == {"for"}, named


async def test_a_tracing_agent_begins_what_the_tracing_team_follows_and_nothing_else(ward: House) -> None:
    assert await refused(ward, "tracer", circle=[]) == {"pathway"}
    assert await refused(ward, "support", circle=[], **{"for": "tracer"}) == {"pathway"}
    assert await enrol(ward, "tracer", pathway="ars-contact", circle=[])


async def test_where_a_call_comes_first_its_agreement_is_the_consent_and_one_of_before_is_kept(ward: House) -> None:
    for told in (None, {"text_version": "courrier-2"}):
        patient = await enrol(ward, "tracer", pathway="ars-contact", circle=[], file=file_of(consent=told))
        before = (await page(ward, "tracer", patient)).json()["file"].get("consent")
        assert (before is None) == (told is None)
        called = {"act": "call", "outcome": "agreed"}
        answer = await ask(ward, "POST", f"/patients/{patient}/acts", "tracer", called)
        assert answer.status_code == 200, answer.text
        after = (await page(ward, "tracer", patient)).json()["file"]
        assert after["consent"]["text_version"].startswith("ars-contact/")
        assert after.get("consent_before") == before
        changed = {"file": file_of(consent=None, used_name="Martin"), "reason": "mariage"}
        assert (await ask(ward, "PUT", f"/patients/{patient}/file", "tracer", changed)).status_code == 200
        kept = (await page(ward, "tracer", patient)).json()["file"]
        assert (kept["consent"], kept.get("consent_before")) == (after["consent"], before)


async def test_a_facility_is_one_of_the_region(ward: House) -> None:
    assert await refused(ward, "physician", facility="999999999") == {"facility"}
    assert await enrol(ward, facility="310000009"), "whose staff hold a grant here"
    assert await enrol(ward, facility="310000001"), "of the directory"


async def test_nobody_but_who_did_something_is_told_what_became_of_it(ward: House) -> None:
    answer = await ask(ward, "POST", "/patients", "physician", body_of())
    door = answer.json()["command"]["self"]
    own = await ward.http.get(door, headers=ward.bearer("physician"))
    assert (own.status_code, own.json()["outcome"]) == (200, "applied")
    for who in ("nurse", "regulator", "crisis"):
        assert kind_of(await ward.http.get(door, headers=ward.bearer(who))) == (404, "unknown")


async def test_the_second_scale_is_a_physician_s_to_prescribe_and_signed_by_them(ward: House) -> None:
    for who, more in (("nurse", {}), ("support", {"for": "physician"}), ("tracer", {"pathway": "ars-contact"})):
        assert await refused(ward, who, file=file_of(scale=2), circle=[], **more) == {"file.scale"}, who
    patient = await enrol(ward, file=file_of(scale=2))
    assert (await page(ward, "nurse", patient)).json()["file"]["scale_2_prescribed_by"] == "physician"
    kept = {"file": file_of(scale=2), "reason": "x"}
    assert (await ask(ward, "PUT", f"/patients/{patient}/file", "nurse", kept)).status_code == 200
    assert (await page(ward, "nurse", patient)).json()["file"]["scale_2_prescribed_by"] == "physician"
    other = await enrol(ward, file=file_of(birth_name="AUTRE"))
    answer = await ask(ward, "PUT", f"/patients/{other}/file", "nurse", {"file": file_of(scale=2), "reason": "x"})
    assert wrong_in(answer) == {"file.scale"}


# --- duplicates ------------------------------------------------------------------------------------------------------


async def test_the_same_person_is_proposed_to_who_may_see_them_and_only_hinted_at_to_others(ward: House) -> None:
    first = await enrol(ward)
    again = body_of(file=file_of(birth_name=CANARY.upper().replace("-", " "), first_names=["Zoe"]))
    mine = (await ask(ward, "POST", "/patients", "physician", again)).json()
    assert mine["similar"] == {"patients": [first], "elsewhere": False}
    theirs = (await ask(ward, "POST", "/patients", "colleague", again | {"circle": []})).json()
    assert theirs["similar"] == {"patients": [], "elsewhere": True}
    other = (await ask(ward, "POST", "/patients", "physician", body_of(file=file_of(birth_date="1961-02-28")))).json()
    assert other["similar"] == {"patients": [], "elsewhere": False}


async def test_the_trail_has_each_file_that_was_hinted_at(ward: House) -> None:
    first = await enrol(ward)
    theirs = await enrol(ward, "colleague", circle=[])
    assert {written.entry.file for written in Trail(ward.home).of_person("colleague")} == {first, theirs}


async def similar(ward: House, subject: str, patient: str) -> Any:
    """Return what somebody's opening of a page tells of who may be the same person."""
    return (await page(ward, subject, patient)).json()["similar"]


async def test_of_a_file_that_support_opened_the_professional_is_told_who_may_be_the_same_and_support_is_not(
    ward: House,
) -> None:
    first = await enrol(ward, "colleague", circle=[])
    told = (await ask(ward, "POST", "/patients", "support", body_of(**{"for": "colleague"}))).json()
    assert "similar" not in told
    assert await similar(ward, "colleague", told["id"]) == {"patients": [first], "elsewhere": False}
    assert await similar(ward, "colleague", told["id"]) is None, "it is told once"
    assert await similar(ward, "colleague", first) is None, "it was at the enrolment"


async def test_whoever_was_told_too_many_is_told_when_they_open_the_file_later(
    ward: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await enrol(ward)
    with monkeypatch.context() as too_many:
        too_many.setattr(PatientDoors, "_may_identify", lambda *_: False)
        again = (await ask(ward, "POST", "/patients", "physician", body_of())).json()
        assert "similar" not in again
        assert await similar(ward, "physician", again["id"]) is None
    assert await similar(ward, "nurse", again["id"]) is None, "who opened the file is told"
    assert await similar(ward, "physician", again["id"]) == {"patients": [first], "elsewhere": False}


async def test_a_file_whose_traits_are_changed_is_looked_for_anew(ward: House) -> None:
    first = await enrol(ward)
    other = await enrol(ward, file=file_of(birth_date="1971-03-04"))
    assert await similar(ward, "physician", other) is None
    changed = await ask(ward, "PUT", f"/patients/{other}/file", "physician", {"file": file_of(), "reason": "misread"})
    assert changed.status_code == 200, changed.text
    assert await similar(ward, "physician", other) == {"patients": [first], "elsewhere": False}
    assert await similar(ward, "physician", other) is None


async def test_whoever_opens_files_one_after_another_is_not_told_who_has_one(ward: House) -> None:
    await enrol(ward)
    told = []
    for day in range(1, 9):
        body = body_of(circle=[], file=file_of(birth_date=f"1971-03-{day:02}"))
        answer = await ask(ward, "POST", "/patients", "colleague", body)
        assert answer.status_code == 201, "nobody is kept from opening a file"
        told.append("similar" in answer.json())
    assert told == [True] * 5 + [False] * 3


async def test_looking_for_duplicates_is_a_search_and_is_in_the_trail(ward: House) -> None:
    first = await enrol(ward)
    again = await enrol(ward)
    entries = [written.entry for written in Trail(ward.home).of_person("physician")]
    assert [(entry.act, entry.file, entry.screen) for entry in entries] == [
        (Act.SEARCH, first, "duplicates"),
        (Act.SEARCH, again, "duplicates"),
        (Act.SEARCH, first, "duplicates"),
    ]


# --- when a store is away --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "kind"), [("keys.sqlite3", "key-store-away"), ("trail.sqlite3", "trail-away")])
async def test_while_a_store_is_away_nobody_is_enrolled_in_clear_or_unseen(ward: House, file: str, kind: str) -> None:
    await enrol(ward)
    before = [await ward.log.end(shard.sort.topic, shard.partition) for shard in ward.patients.values()]
    away = (ward.home / file).rename(ward.home / "elsewhere")
    for left in ward.home.glob(f"{file}-*"):
        left.unlink()
    answer = await ask(ward, "POST", "/patients", "physician", body_of())
    assert kind_of(answer) == (503, kind)
    assert answer.headers["retry-after"]
    assert [await ward.log.end(shard.sort.topic, shard.partition) for shard in ward.patients.values()] == before
    away.rename(ward.home / file)
    assert (await ask(ward, "POST", "/patients", "physician", body_of())).status_code == 201


async def test_while_the_log_is_away_a_file_is_not_accepted(ward: House) -> None:
    ward.log.away = True
    assert kind_of(await ask(ward, "POST", "/patients", "physician", body_of())) == (503, "log-away")
    ward.log.away = False


async def test_what_is_not_folded_in_time_is_accepted_and_can_be_asked_for(
    ward: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ward.app.state.commands, "_outcome_within_s", 0.05)
    for shard in ward.patients.values():
        shard.working.clear()
        ward.log.appended.set()
    await asyncio.sleep(0)
    answer = await ask(ward, "POST", "/patients", "physician", body_of())
    assert (answer.status_code, answer.json()["outcome"], answer.json()["links"]["answer"]) == (202, "pending", None)
    for shard in ward.patients.values():
        shard.working.set()
    await ward.settled()
    said = await ward.get("physician", answer.json()["command"]["self"].removeprefix("/api/v1"))
    assert said.json()["outcome"] == "applied"


async def test_every_event_of_the_doors_can_be_read_back(ward: House) -> None:
    patient = await enrol(ward, zone=at_eight())
    shard = ward.patients[hub_of(ward, patient).shard]
    events = [decode(r.value or b"") async for r in ward.log.read(shard.sort.topic, shard.partition, 0)]
    assert msgspec.structs.asdict(events[-1])["patient"] == patient
