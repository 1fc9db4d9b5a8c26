"""What patients, apps and desks send: read whole or refused by path, whatever the bytes, and never repeated."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unreadable
from domain.followup.questionnaire import Item, Option, Questionnaire, why_impossible
from domain.places import Words
from realtime_api.follow_up.reading import (
    AnswersAsked,
    CallsAsked,
    LinkAsked,
    ReadAsked,
    SittingAsked,
    fitted,
    read_calls,
    read_envelope,
)
from realtime_api.patients.asked import AT, Asked, read
from realtime_api.problems import Problem

SAME = Words(fr="x", en="x")
ASKED = Questionnaire(
    url="urn:asked",
    version="1",
    title=SAME,
    items=(
        Item(
            "measures",
            "group",
            SAME,
            items=(
                Item("spo2", "integer", SAME, unit="%", lowest=50, highest=100, unknowable=True),
                Item("temperature", "decimal", SAME, unit="°C", lowest=30, highest=45),
            ),
        ),
        Item("confused", "boolean", SAME),
        Item("breath", "choice", SAME, options=(Option("none", SAME), Option("at-rest", SAME))),
        Item("signs", "choices", SAME, options=(Option("pain", SAME), Option("sweats", SAME))),
        Item("words", "text", SAME, longest=50),
    ),
)
KINDS: tuple[type[Asked], ...] = (LinkAsked, AnswersAsked, ReadAsked, SittingAsked, CallsAsked)
ID = "0b6f9a34-2f4e-4c1d-9d0e-1a2b3c4d5e6f"
SENDING = {"link": "x" * 24, "id": ID, "slot": "1-0900", "answers": {"spo2": 97}}
NOW = 1_795_400_000_000  # in November 2026
SECRET = "Kanarienvogel"  # what must never come back
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def wrong(body: Any, kind: type[Asked]) -> dict[str, str]:
    """Return what is wrong with a body, by path."""
    with pytest.raises(Problem) as raised:
        read(msgspec.json.encode(body), kind, NOW)
    return dict(raised.value.mistakes)


def reads_or_refuses(body: bytes, kind: type[Asked], media: str) -> None:
    """Fail for anything that a reader raises but what a door expects."""
    for each in (lambda: read(body, kind, NOW), lambda: read_calls(body, media, "p", NOW), lambda: read_envelope(body)):
        with suppress(Unreadable, Problem):
            each()


@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_no_bytes_make_a_reader_raise_anything_else(body: bytes, kind: type[Asked]) -> None:
    reads_or_refuses(body, kind, "text/csv")


@given(JSON, st.sampled_from(KINDS))
def test_no_document_makes_a_reader_raise_anything_else(document: Any, kind: type[Asked]) -> None:
    reads_or_refuses(json.dumps(document).encode(), kind, "application/json")


@given(JSON, st.sampled_from(["link", "id", "by", "slot", "answers"]))
def test_a_field_that_is_anything_is_read_or_refused_by_its_path(value: Any, name: str) -> None:
    body = json.dumps(SENDING | {name: value}).encode()
    try:
        asked = read(body, AnswersAsked, NOW)
    except Problem as refused:
        problem = refused
    else:
        assert getattr(asked, name) == value
        return
    assert (problem.kind, {path.split(".")[0] for path, _ in problem.mistakes}) == ("wrong-fields", {name})


@given(st.dictionaries(st.sampled_from([*ASKED.item_of, "else"]), JSON, max_size=8))
def test_answers_are_fitted_or_refused_each_by_its_own_path(given_: dict[str, Any]) -> None:
    answers, mistakes = fitted(ASKED, json.loads(json.dumps(given_)), "answers")
    impossible = {link for link, value in answers.items() if why_impossible(ASKED.item_of[link], value)}
    paths = {path.removeprefix("answers.").rpartition("/")[2] for path, _ in mistakes if "#" not in path}
    assert paths == impossible
    assert ("else" in given_) == any("#" in path for path, _ in mistakes)


def test_wrong_values_are_told_by_their_path_of_linkids() -> None:
    given_ = {"spo2": 4000, "temperature": "37", "confused": 1, "breath": ["none"], "signs": {"a": 1}, "words": 5}
    _, mistakes = fitted(ASKED, given_, "answers")
    assert {path for path, _ in mistakes} == {
        "answers.measures/spo2",
        "answers.measures/temperature",
        "answers.confused",
        "answers.breath",
        "answers.signs",
        "answers.words",
    }


def test_unknown_is_an_answer_where_it_may_be_one_and_nothing_is_needed() -> None:
    assert fitted(ASKED, {"spo2": None}, "answers") == ({"spo2": None}, [])
    assert [path for path, _ in fitted(ASKED, {"confused": None}, "answers")[1]] == ["answers.confused"]


def test_html_is_text_like_any_other() -> None:
    text = "<script>alert(1)</script> & <b>fort</b>"
    assert fitted(ASKED, {"words": text}, "answers") == ({"words": text}, [])


def test_a_sending_of_nothing_is_no_answer() -> None:
    """It would count as one, and nobody would look why there was none."""
    assert wrong(SENDING | {"answers": {}}, AnswersAsked) == {"answers": "nothing is answered"}


def test_what_is_missing_unknown_and_mistyped_is_told_at_once() -> None:
    told = wrong({"link": 5, SECRET: 1, "id": "no", "slot": ""}, AnswersAsked)
    assert set(told) == {"answers", "link", "#1"}
    assert set(wrong(SENDING | {"id": ID.upper(), "slot": "", "link": ""}, AnswersAsked)) == {"id", "slot", "link"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (SENDING | {"by": SECRET}, AnswersAsked),
        (SENDING | {"id": SECRET, "slot": SECRET * 3}, AnswersAsked),
        (SENDING | {SECRET: SECRET}, AnswersAsked),
        ({"link": "x", "birth_date": SECRET, "code": SECRET}, ReadAsked),
        ({"link": [SECRET]}, LinkAsked),
        ({"rows": [{"patient": SECRET, SECRET: 1}]}, SittingAsked),
        ({"rows": [{"patient": SECRET * 9, "slot": SECRET * 3, "id": SECRET, "answers": {}}]}, SittingAsked),
        ({"pathway": [SECRET], "rows": SECRET}, CallsAsked),
    ],
)
def test_nothing_that_was_sent_comes_back(body: Any, kind: type[Asked]) -> None:
    assert SECRET not in str(wrong(body, kind))


def test_no_answer_and_no_name_of_a_question_comes_back() -> None:
    given_ = {link: [SECRET, {}] for link in ASKED.item_of} | {SECRET: 1}
    _, mistakes = fitted(ASKED, given_, "answers")
    assert len(mistakes) == len(given_)
    assert SECRET not in str(mistakes)


CSV = (
    "birth_name;first_names;birth_date;phone;email;symptoms_date\n"
    "Durand;Anne Marie;1950-02-28;06 00 00 00 01;a@example.fr;2026-11-20\n"
    ";Paul;1950-02-30;none;no;\n"
    "Petit;Jean;1960-01-01;+33600000002;;\n"
)


@pytest.mark.parametrize("comma", [";", ","])
def test_a_list_to_be_called_is_read_row_by_row(comma: str) -> None:
    pathway, rows = read_calls(b"\xef\xbb\xbf" + CSV.replace(";", comma).encode(), "text/csv", "ars-contact", NOW)
    assert pathway == "ars-contact"
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.asked is not None for row in rows] == [True, False, True]
    assert {path for path, _ in rows[1].mistakes} == {"birth_name", "birth_date", "phone", "email"}
    given_ = CSV.replace("\n;", f"\n{SECRET};").replace(";", comma)
    _, rows = read_calls(given_.encode(), "text/csv", "", NOW)
    assert {path for path, _ in rows[1].mistakes} == {"birth_date", "phone", "email"}
    assert SECRET not in str(rows[1].mistakes)


def test_a_list_is_the_same_as_json() -> None:
    _, of_csv = read_calls(CSV.encode(), "text/csv", "p", NOW)
    given_ = [msgspec.to_builtins(row.asked) for row in of_csv if row.asked]
    body = msgspec.json.encode({"pathway": "p", "rows": given_})
    assert [row.asked for row in read_calls(body, "application/json", "", NOW)[1]] == [
        row.asked for row in of_csv if row.asked
    ]


@pytest.mark.parametrize(
    "body", [b"", b"birth_name\n", b"surname;birth_name\nx;y\n", b"birth_name;birth_name\nx;y\n", b'a;"b\nc', b"\xff"]
)
def test_a_list_without_rows_or_with_strange_columns_is_refused_whole(body: bytes) -> None:
    with pytest.raises((Problem, Unreadable)):
        read_calls(body, "text/csv", "p", NOW)


def test_a_row_of_more_cells_than_columns_is_refused_by_itself() -> None:
    _, rows = read_calls(b"birth_name;first_names\nA;B;C\n", "text/csv", "p", NOW)
    assert rows[0].asked is None


def test_an_envelope_names_its_patient_and_itself() -> None:
    told = read_envelope(b'{"subject":{"reference":"https://x/fhir/Patient/abc"},"identifier":{"value":"7"},"item":[]}')
    assert told.patient == "abc"
    assert told.name == read_envelope(b'{"identifier":{"value":"7"}}').name != read_envelope(b"{}").name == ""
    assert read_envelope(b'{"subject":{"reference":"Group/abc"}}').patient == ""


def test_what_is_told_of_a_broken_envelope_is_where_and_not_what() -> None:
    with pytest.raises(Unreadable) as raised:
        read_envelope(msgspec.json.encode({"identifier": {"value": [SECRET]}}))
    assert SECRET not in str(raised.value)
    assert AT.search(str(raised.value))
