"""A summary as a FHIR document: others' models of FHIR take it, and it says no more and no less than was answered."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace as but

from domain.followup import fhir
from domain.followup.alerting import NO_ANSWER, NOT_READ, NOT_TAKEN
from domain.followup.chart import Consent, OwnThreshold, SlotContent
from domain.followup.holding import Line
from domain.followup.patient import Member, SlotState
from domain.followup.questionnaire import Value
from streams.summary.content import Told, clean, rule_words, sections
from streams.summary.document import LOINC, bundle, document
from tests.streams.summary.small_followup import DUES, FILE, PATIENT, SLOTS, TOLD, WELL, slot

NAME = st.text(min_size=1, max_size=40)
LONG = st.text(max_size=1500)


def of_kind(told: Told, kind: str) -> list[dict[str, Any]]:
    """Return the document's resources of a kind."""
    return [entry["resource"] for entry in bundle(told)["entry"] if entry["resource"]["resourceType"] == kind]


def strange(name: str, text: str) -> Told:
    """Return a follow-up in which everything that anybody may type is this."""
    return replace(
        TOLD,
        file=but(
            FILE,
            birth_name=name,
            used_name=name,
            first_names=(name, name),
            consent=Consent(name, 1, "nicolas", "representative", name, name),
            thresholds={"oximetry/samu": OwnThreshold(92, name, 1, text)},
        ),
        slots={DUES[0].slot: slot(0, WELL | {"comment": text})},
        story=[(line, text) for line, _ in TOLD.story],
        names={"martin": name},
    )


def test_others_models_of_fhir_take_the_document() -> None:
    read = Bundle.model_validate_json(document(TOLD))
    assert read.type == "document"
    assert read.entry[0].resource.get_resource_type() == "Composition"


@settings(max_examples=25)
@given(NAME, LONG)
def test_whatever_people_are_called_and_type_the_document_is_one(name: str, text: str) -> None:
    told = strange(name, text)
    content = document(told)
    Bundle.model_validate_json(content)
    for section in json.loads(content)["entry"][0]["resource"]["section"]:
        etree.fromstring(section["text"]["div"])


def test_each_response_reads_back_as_what_was_answered() -> None:
    """By the same reader that takes other apps' responses: unknown stays unknown, and nothing is made up."""
    responses = {each["identifier"]["value"]: each for each in of_kind(TOLD, "QuestionnaireResponse")}
    assert set(responses) == set(SLOTS)
    for name, held in SLOTS.items():
        read = fhir.read_response(msgspec.json.encode(responses[name]))
        assert (read.url, read.version) == (TOLD.pathway.questionnaire.url, "1")
        assert read.to(TOLD.pathway.questionnaire) == held.answers
    assert [responses[DUES[place].slot]["status"] for place in (0, 1)] == ["completed", "amended"]


def test_readings_have_loinc_s_codes_and_an_unknown_one_is_absent_not_zero() -> None:
    told = replace(TOLD, slots={DUES[2].slot: SLOTS[DUES[2].slot]})
    found = {each["code"]["coding"][0]["code"]: each for each in of_kind(told, "Observation")}
    assert {code: found[code]["valueQuantity"]["value"] for code in ("8310-5", "2708-6", "8867-4", "9279-1")} == {
        "8310-5": 38.7,
        "2708-6": 91,
        "8867-4": 112,
        "9279-1": 16,
    }
    assert found["8310-5"]["valueQuantity"] | {"value": 0} == {
        "value": 0,
        "unit": "°C",
        "system": "http://unitsofmeasure.org",
        "code": "Cel",
    }
    assert [coding["system"] for coding in found["2708-6"]["code"]["coding"]] == [LOINC, LOINC]
    assert "valueQuantity" not in found["8480-6"]
    assert found["8480-6"]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert found["news2"]["valueRange"] == {"low": {"value": 6}, "high": {"value": 9}}
    assert found["spo2-effort"]["valueQuantity"]["value"] == 96


def test_it_names_no_pseudonym_and_is_named_alike_at_every_try() -> None:
    """Who has the document and the log must not be able to tell which lines of the log are this patient's."""
    content = document(TOLD).decode()
    assert PATIENT.id not in content
    assert PATIENT.key not in json.loads(content)["identifier"]["value"]
    again = bundle(replace(TOLD, made_at=TOLD.made_at + 1000))
    assert again["identifier"] == bundle(TOLD)["identifier"]
    assert bundle(replace(TOLD, seed=b"another"))["identifier"] != again["identifier"]


def test_every_reference_leads_somewhere_in_the_document() -> None:
    whole = bundle(TOLD)
    names = [entry["fullUrl"] for entry in whole["entry"]]
    assert len(set(names)) == len(names)
    text = json.dumps(whole)
    referred = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    assert referred <= set(names)


def test_who_was_in_the_circle_is_there_once_and_html_in_an_answer_is_text() -> None:
    assert [each["name"][0]["text"] for each in of_kind(TOLD, "Practitioner")] == list(TOLD.names.values())
    assert "<b>beaucoup</b>" not in "".join(part["text"]["div"] for part in of_kind(TOLD, "Composition")[0]["section"])


@pytest.mark.parametrize("oid", ["", "1.2.3"])
def test_a_matricule_without_its_oid_is_no_identifier(oid: str) -> None:
    assert FILE.ins is not None
    told = replace(TOLD, file=but(FILE, ins=but(FILE.ins, oid=oid)))
    assert "identifier" not in of_kind(told, "Patient")[0]


def test_a_follow_up_that_nobody_answered_says_so_and_a_pause_is_no_silence() -> None:
    told = replace(TOLD, slots={}, story=MISSED, patient=but(PATIENT, slots={}, closed=()))
    Bundle.model_validate_json(document(told))
    assert silent_days(told) == [SENT] * 4
    assert {part.name for part in sections(told)} == {"patient", "followup", "days", "limits"}


def silent_days(told: Told) -> list[str]:
    """Return what is said of the first four slots, which nobody answered."""
    days = next(part for part in sections(told) if part.name == "days").tables[0]
    return [row[1] for row in days.rows]


MISSED = tuple((Line(id=due.slot, at=due.no_answer_at, what="missed", detail=due.slot), "") for due in DUES[:4])
SENT, UNSENT = "sans réponse", "question non envoyée à temps"


def test_a_question_that_never_went_out_is_no_silence_of_the_patient_s() -> None:
    states = {due.slot: SlotState("missed", due.due_at, "orange", reached=place != 2) for place, due in enumerate(DUES)}
    told = replace(TOLD, slots={}, story=MISSED, patient=but(PATIENT, slots=states, closed=()))
    assert silent_days(told) == [SENT, SENT, UNSENT, SENT]
    followup = next(part for part in sections(told) if part.name == "followup").tables[0]
    assert ("Questionnaires", "3 demandés, 0 remplis, 3 sans réponse, 1 non envoyés à temps") in followup.rows
    assert silent_days(replace(told, patient=but(told.patient, channels=()))) == [UNSENT] * 4
    staff = replace(told, pathway=but(told.pathway, answered_by="staff"))
    assert silent_days(replace(staff, patient=but(PATIENT, slots={}, channels=()))) == [SENT] * 4


def test_of_slots_long_past_the_story_tells_what_never_went_out() -> None:
    ids = [
        f"{PATIENT.id}/{DUES[place].slot}/remind/{channel}" for place, channel in ((0, "sms"), (1, "sms"), (1, "smtp"))
    ]
    never = [(Line(id=id_, at=DUES[1].closes_at, what="not_reached", detail=id_.rpartition("/")[2]), "") for id_ in ids]
    told = replace(TOLD, slots={}, story=(*MISSED, *never), patient=but(PATIENT, slots={}, closed=()))
    assert silent_days(told) == [SENT, UNSENT, SENT, SENT]


def test_a_grave_answer_that_was_not_taken_is_in_the_story_with_its_questionnaire() -> None:
    line = Line(id="x", at=DUES[4].due_at, what="not_taken", by=f"patient:{PATIENT.id}", detail=DUES[3].slot)
    told = replace(TOLD, story=((line, ""),))
    [row] = next(part for part in sections(told) if part.name == "story").tables[0].rows
    assert row[1:3] == ("le patient", "réponse grave non prise en compte, questionnaire du 23/03/2020 09:00")


@pytest.mark.parametrize("rule", [NO_ANSWER, NOT_TAKEN, NOT_READ])
def test_what_raises_an_alert_by_itself_has_words(rule: str) -> None:
    assert rule_words(TOLD.pathway, rule) != rule


def test_marks_that_turn_a_line_about_are_taken_out() -> None:
    assert clean("Dupont\u202eadnom\x00\ud800") == "Dupont adnom"


def values() -> st.SearchStrategy[dict[str, Value]]:
    """Return answers of any kind, possible for their item or not."""
    one = st.none() | st.booleans() | st.integers(-9, 999) | st.floats(allow_nan=False, allow_infinity=False)
    many = one | st.text(max_size=20) | st.tuples(st.sampled_from(["none", "chest-pain"]))
    return st.dictionaries(st.sampled_from([*TOLD.pathway.questionnaire.item_of, "unknown-item"]), many)


@settings(max_examples=25)
@given(values())
def test_whatever_was_kept_of_a_slot_the_document_is_one(answers: dict[str, Value]) -> None:
    """The doors refuse what is impossible; should something have passed all the same, it must not stop the summary."""
    content = SlotContent(DUES[0].slot, 1, SLOTS[DUES[0].slot].sent, answers, answers, None)
    told = replace(
        TOLD,
        slots={DUES[0].slot: content},
        patient=but(PATIENT, circle=(Member("nobody", "nurse"),)),
    )
    Bundle.model_validate_json(document(told))
