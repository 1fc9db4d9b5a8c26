"""What the patient's page looks at without a network is what the score calls red for one answer alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.pathway import Pathway
from domain.followup.questionnaire import Value
from domain.followup.red_flags import raised, red_flags
from domain.followup.score import Facts, score
from tests.answer_cases import CASES, shipped, value_of, written

SHIPPED = {pathway.id: pathway for pathway in shipped()}
COVID = SHIPPED["medical-covid"]


@pytest.mark.parametrize("pathway", SHIPPED.values(), ids=SHIPPED.keys())
@given(chance=st.randoms(use_true_random=False))
def test_the_page_calls_for_the_15_exactly_where_one_answer_alone_is_red(pathway: Pathway, chance: object) -> None:
    answers: dict[str, Value] = {
        link: value_of(item, chance)  # type: ignore[arg-type]
        for link, item in pathway.questionnaire.item_of.items()
        if item.kind not in ("group", "display")
    }
    findings = score(pathway, Facts(age=50), answers).findings
    red = {each.item for each in findings if each.colour == "red" and each.item}
    on_page = {flag.item for flag in raised(pathway, answers)}
    # Of rest and effort the score names the worse; the page may name both.
    assert red <= on_page <= red | {"spo2", "spo2-effort"}
    assert bool(red) == bool(on_page)


def test_an_impossible_or_unknown_answer_raises_nothing() -> None:
    assert not raised(COVID, {"spo2": 9, "pulse": 4000, "temperature": None, "breathless": "none-such"})
    assert [flag.rule for flag in raised(COVID, {"spo2": 90})] == ["home-cov/spo2", "oximetry/samu"]


def test_every_red_flag_says_in_words_what_was_answered() -> None:
    for pathway in SHIPPED.values():
        for flag in red_flags(pathway):
            assert flag.words.fr
            assert flag.words.en
            assert flag.item in pathway.questionnaire.item_of


def test_the_cases_that_the_page_is_checked_by_are_those_that_the_script_makes() -> None:
    """Else: python -m tests.answer_cases."""
    assert CASES.read_text() == written()
