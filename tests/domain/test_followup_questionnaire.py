"""What is asked and what may be answered: by field, by condition, and from FHIR whatever the bytes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unreadable
from domain.followup import fhir
from domain.followup.questionnaire import (
    Condition,
    Item,
    Option,
    Questionnaire,
    Value,
    enabled,
    missing,
    mistakes,
    problems,
)
from domain.places import Words

W = Words(fr="fr", en="en")


def number(link: str, **more: Any) -> Item:
    """Return a question for a number from 30 to 100."""
    told: dict[str, Any] = {"kind": "integer", "unit": "%", "lowest": 30, "highest": 100, "unknowable": True} | more
    return Item(link=link, text=W, **told)


ASKED = Questionnaire(
    url="urn:q",
    version="1",
    title=W,
    items=(
        Item(
            link="measures",
            kind="group",
            text=W,
            items=(
                number("spo2", required=True),
                number("effort", when=(Condition("spo2", ">=", 96),)),
                number("heat", kind="decimal", unit="°C", lowest=25.0, highest=45.0),
            ),
        ),
        Item(link="ill", kind="boolean", text=W, required=True),
        Item(
            link="how",
            kind="group",
            text=W,
            when=(Condition("ill", "=", True),),
            items=(
                Item(
                    link="where",
                    kind="choice",
                    text=W,
                    required=True,
                    options=(Option("head", W), Option("chest", W)),
                ),
            ),
        ),
        Item(link="signs", kind="choices", text=W, options=(Option("pain", W), Option("sweats", W))),
        Item(link="words", kind="text", text=W, longest=20),
        Item(
            link="either",
            kind="boolean",
            text=W,
            when=(Condition("where", "=", "chest"), Condition("signs", "=", "pain")),
            any_of=True,
        ),
        Item(link="note", kind="display", text=W, when=(Condition("words", "exists", True),)),
    ),
)
GOOD: dict[str, Value] = {
    "spo2": 97,
    "heat": 38.05,
    "ill": True,
    "where": "chest",
    "signs": ("pain",),
    "words": "ça va",
}


def test_good_answers_have_no_problem_and_the_example_no_mistake() -> None:
    assert problems(ASKED, GOOD) == []
    assert mistakes(ASKED) == []


@pytest.mark.parametrize(
    ("link", "value", "path", "message"),
    [
        ("spo2", 29, "measures/spo2", "must be from 30 to 100 %"),
        ("spo2", 101, "measures/spo2", "must be from 30 to 100 %"),
        ("spo2", 97.0, "measures/spo2", "must be a whole number"),
        ("spo2", True, "measures/spo2", "must be a whole number"),
        ("spo2", "97", "measures/spo2", "must be a whole number"),
        ("heat", float("nan"), "measures/heat", "must be a number"),
        ("heat", float("inf"), "measures/heat", "must be a number"),
        ("heat", 10**400, "measures/heat", "must be from 25 to 45 °C"),
        ("ill", 1, "ill", "must be true or false"),
        ("ill", None, "ill", "an answer is needed"),
        ("where", "foot", "how/where", "must be one of what can be chosen"),
        ("signs", ("pain", "pain"), "signs", "must be some of what can be chosen, each once"),
        ("signs", "pain", "signs", "must be some of what can be chosen, each once"),
        ("words", "x" * 21, "words", "at most 20 characters"),
        ("words", "a\x00", "words", "holds a character that no text has"),
        ("words", "\ud800", "words", "holds a character that no text has"),
        ("words", 5, "words", "must be a text"),
        ("note", True, "note", "nothing is asked here"),
        ("measures", True, "measures", "nothing is asked here"),
        ("nobody", True, "nobody", "no such question"),
    ],
)
def test_an_impossible_answer_is_refused_by_its_field(link: str, value: Value, path: str, message: str) -> None:
    assert problems(ASKED, {**GOOD, link: value}) == [(path, message)]


def test_every_impossible_answer_is_told_and_none_repeated() -> None:
    wrong: dict[str, Value] = {"spo2": 4711, "words": "secret" * 10, "x" * 500: "secret"}
    found = problems(ASKED, wrong)
    assert [path for path, _ in found] == ["measures/spo2", "words", "x" * 60]
    assert not any("secret" in message or "4711" in message for _, message in found)


def test_html_in_free_text_is_text() -> None:
    assert problems(ASKED, {"words": "<b>x</b>\n<script>"}) == []


def test_not_having_the_device_is_unknown_and_neither_zero_nor_missing() -> None:
    told: dict[str, Value] = {"spo2": None, "ill": False}
    assert problems(ASKED, told) == []
    assert missing(ASKED, told) == []
    assert "effort" not in enabled(ASKED, told)


def test_what_is_required_and_shown_is_missing_until_it_is_answered() -> None:
    assert missing(ASKED, {}) == ["spo2", "ill"]
    assert missing(ASKED, {"spo2": 97, "ill": True}) == ["where"]
    assert missing(ASKED, {"spo2": 97, "ill": False}) == []


def test_items_are_shown_by_their_conditions() -> None:
    assert enabled(ASKED, {}) == ["measures", "spo2", "heat", "ill", "signs", "words"]
    assert "effort" in enabled(ASKED, {"spo2": 96})
    assert "effort" not in enabled(ASKED, {"spo2": 95})
    assert "either" in enabled(ASKED, {"signs": ("sweats", "pain")})
    assert "either" in enabled(ASKED, {"ill": True, "where": "chest"})
    # The answer of a question that is not shown itself counts as none.
    assert "either" not in enabled(ASKED, {"ill": False, "where": "chest"})
    assert "note" in enabled(ASKED, {"words": "x"})


@given(
    st.dictionaries(st.sampled_from(list(ASKED.item_of)), st.sampled_from([*GOOD.values(), None, False, 31, "", ()]))
)
def test_an_item_in_a_group_is_only_shown_with_it(answers: dict[str, Value]) -> None:
    shown = enabled(ASKED, answers)
    assert len(shown) == len(set(shown))
    assert all(ASKED.group_of.get(link, shown[0]) in shown for link in shown)
    assert set(missing(ASKED, answers)) <= set(shown)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (number("n", lowest=None), "a number needs minValue and maxValue: beyond them it is refused"),
        (number("n", lowest=100), "minValue must be below maxValue"),
        (number("n", unit=""), "a number needs a unit"),
        (Item("B", "boolean", W), "linkId must be lower-case words joined by hyphens"),
        (Item("b", "boolean", Words("fr", " ")), "text lacks its English"),
        (Item("c", "choice", W), "a choice needs answerOption"),
        (Item("c", "choice", W, options=(Option("a", W), Option("a", W))), "two options have the same code"),
        (Item("g", "group", W), "a group needs items"),
        (Item("d", "display", W, required=True), "nothing is asked here, so it can't be required or unknown"),
        (Item("t", "text", W, longest=0), "maxLength must be from 1 to 4000"),
        (
            Item("b", "boolean", W, when=(Condition("later", "=", True),)),
            "enableWhen 'later': must be a question that is asked earlier",
        ),
        (
            Item("b", "boolean", W, when=(Condition("first", ">", True),)),
            "enableWhen 'first': > only goes with a number",
        ),
        (Item("first", "boolean", W), "linkId is an earlier item's too"),
    ],
)
def test_a_mistake_in_a_questionnaire_is_told_at_its_item(item: Item, message: str) -> None:
    asked = Questionnaire("urn:q", "1", W, (Item("first", "boolean", W), item))
    assert mistakes(asked) == [(item.link, message)]


# --- FHIR ------------------------------------------------------------------------------------------------------------


def response(*items: dict[str, Any], **more: Any) -> bytes:
    """Return a QuestionnaireResponse with these items."""
    told = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "urn:q|1",
        "status": "completed",
        "subject": {"reference": "Patient/1"},
        "item": list(items),
    }
    return json.dumps(told | more).encode()


ABSENT = {"extension": [{"url": fhir.ABSENT, "valueCode": "not-performed"}]}


def test_a_response_is_read_with_its_groups_choices_and_unknowns() -> None:
    found = fhir.read_response(
        response(
            {"linkId": "measures", "item": [{"linkId": "spo2", "answer": [ABSENT]}]},
            {"linkId": "heat", "answer": [{"valueDecimal": 38.05}]},
            {"linkId": "ill", "answer": [{"valueBoolean": True}]},
            {"linkId": "where", "answer": [{"valueCoding": {"code": "chest", "system": "x"}}]},
            {"linkId": "signs", "answer": [{"valueCoding": {"code": "pain"}}]},
            {"linkId": "words", "answer": [{"valueString": "<i>"}]},
            {"linkId": "either"},
        )
    )
    answers = found.to(ASKED)
    assert (found.url, found.version) == ("urn:q", "1")
    assert answers == {**GOOD, "spo2": None, "words": "<i>"}
    assert problems(ASKED, answers) == []


def test_a_text_that_reads_like_a_choice_is_none() -> None:
    found = fhir.read_response(response({"linkId": "where", "answer": [{"valueString": "chest"}]}))
    assert problems(ASKED, found.to(ASKED)) == [("how/where", "must be one of what can be chosen")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"resourceType": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b" " * (fhir.MOST_BYTES + 1),
        response(resourceType="Patient"),
        response(status="in-progress"),
        response(questionnaire="urn:q"),
        response(modifierExtension=[{"url": "x"}]),
        response({"linkId": "a", "answer": [{"valueInteger": 1, "valueString": "x"}]}),
        response({"linkId": "a", "answer": [{}]}),
        response({"linkId": "a", "answer": [{"valueInteger": 1}, {"valueInteger": 2}]}),
        response({"linkId": "a", "answer": [{"valueBoolean": True}]}, {"linkId": "a", "answer": [ABSENT]}),
        response({"linkId": "a", "answer": [{"valueBoolean": True, "item": [{"linkId": "b"}]}]}),
        response({"linkId": "a", "answer": [{"valueInteger": 1.5}]}),
        response({"linkId": "a", "answer": [{"valueInteger": 1}]}).replace(b"1}", b"9" * 5_000 + b"}"),
        response(*({"linkId": f"a{n}", "answer": [{"valueBoolean": True}]} for n in range(201))),
    ],
)
def test_what_is_no_response_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        fhir.read_response(content)


def test_what_is_unreadable_is_not_repeated() -> None:
    for told in ({"valueInteger": "canary-canary"}, {"valueCoding": "canary-canary"}, {"valueBoolean": ["canary"]}):
        with pytest.raises(Unreadable) as caught:
            fhir.read_response(response({"linkId": "canary", "answer": [told]}))
        assert "canary" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "resourceType questionnaire status item linkId answer extension url version valueInteger valueDecimal "
                "valueCoding code type text _text answerOption".split(" ")
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(st.binary(max_size=200) | JSON.map(lambda told: json.dumps(told).encode()))
def test_no_bytes_make_a_reader_raise_anything_but_unreadable(content: bytes) -> None:
    for reader in (fhir.read_response, fhir.read_questionnaire):
        try:
            reader(content)
        except Unreadable:
            continue


@given(JSON)
def test_a_response_of_any_items_is_read_and_judged_or_unreadable(items: Any) -> None:
    told = {"resourceType": "QuestionnaireResponse", "questionnaire": "urn:q|1", "status": "completed", "item": items}
    try:
        answers = fhir.read_response(json.dumps(told).encode()).to(ASKED)
    except Unreadable:
        return
    problems(ASKED, answers)
    assert set(missing(ASKED, answers)) <= set(enabled(ASKED, answers))


def test_answers_survive_being_kept_as_json() -> None:
    """They are encrypted as JSON one day: a choice and several, a number and unknown must come back as they were."""
    kept = msgspec.json.encode(GOOD | {"spo2": None})
    assert msgspec.json.decode(kept, type=dict[str, Value]) == GOOD | {"spo2": None}
