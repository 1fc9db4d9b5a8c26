"""FHIR at the door: questionnaires for other apps, and their responses, taken as an answering page's are."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from domain.followup.fhir import read_questionnaire
from domain.followup.patient import Member
from realtime_api.app import now
from tests.realtime_api.followed import CIRCLE, DAY_MS, EHPAD, FollowedHouse, person

SECRET = "Kanarienvogel"
URL = "https://example.invalid/small"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
WELL = {"temperature": {"valueDecimal": 37.2}, "breathless": {"valueBoolean": False}}


def authored(at: int | None = None) -> str:
    """Return an instant (now, unless another is meant) as FHIR writes it."""
    return datetime.fromtimestamp((now() if at is None else at) / 1000, UTC).isoformat(timespec="milliseconds")


def response(answers: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a QuestionnaireResponse, as an app sends it."""
    given = (
        {"temperature": {"valueDecimal": 37.2}, "breathless": {"valueBoolean": False}} if answers is None else answers
    )
    items = [{"linkId": link, "answer": each if isinstance(each, list) else [each]} for link, each in given.items()]
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": f"{URL}|1",
        "item": items,
        "authored": authored(),
        **more,
    }


async def send(home: FollowedHouse, body: Any, bearer: str = "", subject: str = "") -> Any:
    """Send a response, by a link's secret or as someone."""
    headers = {"authorization": f"Bearer {bearer}"} if bearer else home.bearer(subject) if subject else {}
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return await home.http.post(
        "/api/v1/fhir/QuestionnaireResponse",
        content=content,
        headers=headers | {"content-type": "application/fhir+json"},
    )


def issues(answer: Any) -> list[tuple[str, str]]:
    """Return what an answer says is wrong, as (code, where), as others' model of FHIR reads it."""
    assert answer.headers["content-type"] == "application/fhir+json"
    told = OperationOutcome.model_validate_json(answer.content)
    return [(str(each.code), str((each.expression or [""])[0])) for each in told.issue]


# --- questionnaires --------------------------------------------------------------------------------------------------


async def test_questionnaires_are_found_by_address_and_version(home: FollowedHouse) -> None:
    for params in ({}, {"url": URL}, {"url": f"{URL}|1"}, {"url": URL, "version": "1"}):
        answer = await home.http.get("/api/v1/fhir/Questionnaire", params=params)
        assert answer.status_code == 200
        assert Bundle.model_validate_json(answer.content).total == 1
        (entry,) = answer.json()["entry"]
        assert read_questionnaire(msgspec.json.encode(entry["resource"])) == home.pathways["small"].questionnaire
    for params in ({"url": f"{URL}|2"}, {"url": URL, "version": "2"}, {"url": "urn:other"}):
        assert (await home.http.get("/api/v1/fhir/Questionnaire", params=params)).json()["total"] == 0
    refused = await home.http.get("/api/v1/fhir/Questionnaire", params={"title": SECRET})
    assert refused.status_code == 400
    assert SECRET not in refused.text


# --- responses, by a link --------------------------------------------------------------------------------------------


async def test_a_response_by_a_link_is_kept_and_scored(home: FollowedHouse) -> None:
    patient = await home.enrol()
    answers = {
        "temperature": {"valueDecimal": 38.05},
        "spo2": {"extension": [{"url": ABSENT, "valueCode": "unknown"}]},
        "breathless": {"valueBoolean": True},
        "sleep": {"valueCoding": {"code": "bad"}},
        "signs": [{"valueCoding": {"code": "cough"}}, {"valueCoding": {"code": "rash"}}],
        "remark": {"valueString": "<b>fort</b>"},
    }
    answer = await send(home, response(answers), home.link(patient))
    assert answer.status_code == 201
    assert answer.headers["location"].startswith("/api/v1/fhir/QuestionnaireResponse/")
    assert issues(answer) == [("informational", "")]
    assert home.patient(patient).colour == "red"
    current = await home.current(patient)
    assert current.answers == {
        "temperature": 38.05,
        "spo2": None,
        "breathless": True,
        "sleep": "bad",
        "signs": ("cough", "rash"),
        "remark": "<b>fort</b>",
    }
    assert current.sent[0].by == "app"


async def test_a_named_response_that_comes_again_is_kept_once(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    named = response(identifier={"system": "urn:app", "value": "17"})
    for _ in range(2):
        assert (await send(home, named, link)).status_code == 201
    assert len((await home.current(patient)).sent) == 1
    assert (await send(home, response(identifier={"system": "urn:app", "value": "18"}), link)).status_code == 201
    assert len((await home.current(patient)).sent) == 2


@pytest.mark.parametrize("named", [f"{URL}|2", f"{URL}|", URL, f"{SECRET}|1", ""])
async def test_an_unknown_questionnaire_or_version_is_refused(home: FollowedHouse, named: str) -> None:
    patient = await home.enrol()
    answer = await send(home, response(questionnaire=named), home.link(patient))
    assert answer.status_code == 422
    assert issues(answer)[0][0] in ("not-supported", "value")
    assert SECRET not in answer.text
    assert home.patient(patient).answered_at is None


async def test_wrong_answers_are_told_by_where_they_are_and_not_repeated(home: FollowedHouse) -> None:
    patient = await home.enrol()
    answers = {
        "temperature": {"valueDecimal": 4711.5},
        "sleep": {"valueCoding": {"code": SECRET}},
        SECRET: {"valueBoolean": True},
    }
    answer = await send(home, response(answers), home.link(patient))
    assert answer.status_code == 422
    assert {where.partition(".#")[0] for _, where in issues(answer)} == {
        "item.measures/temperature",
        "item.sleep",
        "item",
    }
    assert SECRET not in answer.text
    assert "4711" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 50_000,
        response(status="in-progress"),
        response(resourceType="Observation"),
        response(modifierExtension=[{"url": SECRET}]),
        response(item=[{"linkId": "pain", "answer": [{"valueBoolean": True, "valueString": SECRET}]}]),
        response(item=[{"linkId": "pain", "answer": [{"valueBoolean": SECRET}]}]),
        response(item=[]),
        response(subject={"reference": f"Patient/{SECRET}"}),
    ],
)
async def test_what_cannot_be_read_is_refused_as_fhir_says_it(home: FollowedHouse, body: Any) -> None:
    patient = await home.enrol()
    answer = await send(home, body, home.link(patient))
    assert answer.status_code in (400, 422)
    assert issues(answer)
    assert SECRET not in answer.text
    assert home.patient(patient).answered_at is None


async def test_a_link_that_opens_nothing_is_told_so(home: FollowedHouse) -> None:
    patient = await home.enrol()
    links = ["x" * 24, home.link(patient, expires_at=1)]
    answers = [await send(home, response(), link) for link in links]
    assert [(each.status_code, issues(each)) for each in answers] == [(404, [("not-found", "")])] * 2
    assert issues(await send(home, response())) == [("login", "")]


async def test_with_the_key_store_away_it_is_said_in_fhir_too(home: FollowedHouse) -> None:
    patient = await home.enrol()
    link = home.link(patient)
    store = home.home / "keys.sqlite3"
    store.rename(home.home / "elsewhere")
    answer = await send(home, response(), link)
    assert (answer.status_code, issues(answer)) == (503, [("transient", "")])
    assert int(answer.headers["retry-after"]) > 0
    (home.home / "elsewhere").rename(store)


async def test_a_flood_of_wrong_bearers_is_held_up(home: FollowedHouse) -> None:
    statuses = {(await send(home, response(), f"{number:024}")).status_code for number in range(60)}
    assert statuses == {404, 429}


# --- responses of somebody signed in ---------------------------------------------------------------------------------


async def test_staff_and_the_circle_answer_for_residents_and_nobody_else_does(home: FollowedHouse) -> None:
    member = (*CIRCLE, Member("ehpad-nurse", "nurse"))
    resident = await home.enrol(person(), "ehpad", circle=member, facility=EHPAD)
    body = response(subject={"reference": f"Patient/{resident}"}, identifier={"value": str(uuid.uuid4())})
    for subject in ("colleague", "staff-elsewhere", "dpo", "crisis", "support"):
        refused = await send(home, body, subject=subject)
        assert (refused.status_code, issues(refused)) == (404, [("not-found", "")]), subject
    for subject in ("staff", "ehpad-nurse"):
        assert (await send(home, body, subject=subject)).status_code == 201, subject
    sent = (await home.current(resident)).sent
    assert {each.by for each in sent} == {"staff"}


async def test_what_staff_send_again_or_late_is_never_of_the_next_slot(home: FollowedHouse) -> None:
    patient = await home.enrol(starts=-1)  # yesterday's slot is over, today's is open
    subject = {"reference": f"Patient/{patient}"}
    red = {"breathless": {"valueBoolean": True}}
    late = await send(home, response(red, subject=subject, authored=authored(now() - DAY_MS)), subject="physician")
    assert (late.status_code, issues(late)) == (409, [("conflict", "")])
    held = home.patient(patient)
    assert held.answered_at is None
    assert held.alert is not None, "what is grave is heard however late"
    assert (await send(home, response(subject=subject), subject="physician")).status_code == 201
    assert home.patient(patient).answered_at is not None


@pytest.mark.parametrize("given", [None, "2026", "2026-11-22", "2026-11-22T08:30:00", SECRET, "9999-12-31T23:59:59Z"])
async def test_staff_say_when_they_asked(home: FollowedHouse, given: str | None) -> None:
    patient = await home.enrol()
    body = response(subject={"reference": f"Patient/{patient}"}, authored=given)
    if given is None:
        del body["authored"]
    answer = await send(home, body, subject="physician")
    assert (answer.status_code, issues(answer)) == (422, [("value", "authored")])
    assert SECRET not in answer.text
    assert home.patient(patient).answered_at is None


async def test_what_was_answered_between_two_slots_is_of_neither(home: FollowedHouse) -> None:
    patient = await home.enrol()
    body = response(subject={"reference": f"Patient/{patient}"}, authored=authored(now() - DAY_MS))
    assert issues(await send(home, body, subject="physician")) == [("value", "authored")]


async def test_what_was_received_is_received_when_it_comes_again_after_its_slot(home: FollowedHouse) -> None:
    patient = await home.enrol()
    slot, link = home.slot(patient), home.link(patient)
    by_staff, by_link = response(subject={"reference": f"Patient/{patient}"}), response(identifier={"value": "8"})
    for _ in range(2):
        assert (await send(home, by_link, link)).status_code == 201
        assert (await send(home, by_staff, subject="physician")).status_code == 201
        if home.slot(patient) == slot:
            await home.pass_slot(patient)
    assert home.slot(patient) != slot
    assert (await send(home, response(), link)).status_code == 409, "what is new is too late"


async def test_staff_do_not_answer_for_those_who_answer_themselves(home: FollowedHouse) -> None:
    patient = await home.enrol(facility=EHPAD)
    body = response(subject={"reference": f"Patient/{patient}"})
    assert (await send(home, body, subject="staff")).status_code == 404
    assert (await send(home, body, subject="physician")).status_code == 201


async def test_somebody_signed_in_says_for_whom(home: FollowedHouse) -> None:
    answer = await send(home, response(), subject="physician")
    assert (answer.status_code, issues(answer)) == (422, [("value", "subject.reference")])
    for reference in ("Patient/" + "a" * 26, "Patient/" + "é" * 300, "Patient/"):
        answer = await send(home, response(subject={"reference": reference}), subject="physician")
        assert answer.status_code in (404, 422)
