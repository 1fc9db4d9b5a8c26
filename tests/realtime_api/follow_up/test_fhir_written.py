"""Questionnaires as FHIR: what is written is read as the same, and others' models of FHIR R4 take it too."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle as TheirBundle
from fhir.resources.R4B.operationoutcome import OperationOutcome as TheirOutcome
from fhir.resources.R4B.questionnaire import Questionnaire as Theirs
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.fhir import read_questionnaire
from domain.followup.questionnaire import Condition, Item, Kind, Option, Questionnaire
from domain.places import Words
from realtime_api.follow_up.fhir import ACCEPTED, bundle, outcome_of, written
from realtime_api.problems import KINDS, Mistake, Problem

SHIPPED = sorted((Path(__file__).parents[3] / "config/regions/occitanie/pathways").glob("*.json"))

KINDS_ASKED: tuple[Kind, ...] = ("display", "boolean", "integer", "decimal", "choice", "choices", "text")
sure: st.SearchStrategy[bool] = st.booleans()

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
words = st.builds(Words, fr=texts, en=texts)


@st.composite
def questionnaires(draw: Any) -> Questionnaire:
    """Return a questionnaire with items of every kind, in a group too, and conditions on earlier ones."""
    count = draw(st.integers(1, 6))
    items: list[Item] = []
    for place in range(count):
        kind = draw(st.sampled_from(KINDS_ASKED))
        more: dict[str, Any] = {}
        if kind in ("integer", "decimal"):
            low = draw(st.integers(-10, 10))
            more |= {"unit": draw(texts), "lowest": low, "highest": low + draw(st.sampled_from([1, 0.5, 40]))}
        if kind in ("choice", "choices"):
            more["options"] = tuple(Option(f"code-{n}", draw(words)) for n in range(draw(st.integers(1, 3))))
        if kind == "text":
            more["longest"] = draw(st.integers(1, 4_000))
        if kind != "display":
            more |= {"required": draw(sure), "unknowable": draw(sure)}
        asked = [each for each in items if each.kind not in ("display", "group")]
        if asked and draw(sure):
            more["when"] = tuple(_condition(each) for each in asked[-2:])
            more["any_of"] = len(more["when"]) > 1 and draw(sure)
        items.append(Item(f"item-{place}", kind, draw(words), **more))
    group = Item("group", "group", draw(words), items=tuple(items[1:])) if items[1:] and draw(sure) else None
    return Questionnaire("urn:q", draw(texts), draw(words), (items[0], group) if group else tuple(items))


def _condition(item: Item) -> Condition:
    if item.kind in ("integer", "decimal"):
        return Condition(item.link, ">=", item.lowest or 0)
    if item.kind == "boolean":
        return Condition(item.link, "=", answer=True)
    if item.options:
        return Condition(item.link, "!=", item.options[0].code)
    return Condition(item.link, "exists", answer=True)


@given(questionnaires())
def test_what_is_written_is_read_as_the_same(asked: Questionnaire) -> None:
    told = msgspec.json.encode(written(asked))
    assert read_questionnaire(told) == asked
    Theirs.model_validate_json(told)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_ones_come_back_as_they_were_read(path: Path) -> None:
    asked = read_questionnaire(path.read_bytes())
    assert read_questionnaire(msgspec.json.encode(written(asked))) == asked
    found = TheirBundle.model_validate_json(msgspec.json.encode(bundle([asked])))
    assert found.total == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_problem_is_an_operation_outcome(kind: str) -> None:
    told = outcome_of(Problem(kind, mistakes=[Mistake("item.spo2", "must be a number")]))
    TheirOutcome.model_validate_json(msgspec.json.encode(told))
    assert told.issue[0].expression == ("item.spo2",)
    assert (told.issue[0].code == "transient") == (KINDS[kind].status == 503)


def test_what_is_accepted_is_one_too() -> None:
    TheirOutcome.model_validate_json(msgspec.json.encode(ACCEPTED))
