"""What the patient's page looks at without a network is what the score calls red for one answer alone."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.pathway import Pathway
from domain.followup.questionnaire import Value
from domain.followup.red_flags import raised, red_flags
from domain.followup.score import Facts, score
from tests.answer_cases import CASES, own_of, shipped, value_of, written

SHIPPED = {pathway.id: pathway for pathway in shipped()}
COVID = SHIPPED["medical-covid"]


@pytest.mark.parametrize("pathway", SHIPPED.values(), ids=SHIPPED.keys())
@given(chance=st.randoms(use_true_random=False), has_own=st.booleans())
def test_the_page_calls_for_the_15_exactly_where_one_answer_alone_is_red(
    pathway: Pathway, chance: Random, has_own: bool
) -> None:
    own = own_of(pathway, chance) if has_own else {}
    answers: dict[str, Value] = {
        link: value_of(item, chance)
        for link, item in pathway.questionnaire.item_of.items()
        if item.kind not in ("group", "display")
    }
    findings = score(pathway, Facts(age=50, own=own), answers).findings
    red = {each.item for each in findings if each.colour == "red" and each.item}
    on_page = {flag.item for flag in raised(pathway, answers, own)}
    # Of rest and effort the score names the worse; the page may name both.
    assert red <= on_page <= red | {"spo2", "spo2-effort"}
    # On oxygen HOME-CoV says nothing of a saturation, and the page does.
    assert bool(red) == bool(on_page) or (answers.get("oxygen") is True and on_page == {"spo2"})


def test_an_impossible_or_unknown_answer_raises_nothing() -> None:
    assert not raised(COVID, {"spo2": 9, "pulse": 4000, "temperature": None, "breathless": "none-such"})
    assert [flag.rule for flag in raised(COVID, {"spo2": 90})] == ["home-cov/spo2", "oximetry/samu"]


@pytest.mark.parametrize(
    ("spo2", "samu", "home_cov", "called"), [(90, 88, 87, False), (87, 88, 87, True), (96, 97, 96, True)]
)
def test_a_page_calls_for_the_15_by_the_patients_own_limits(
    spo2: int, samu: float, home_cov: float, called: bool
) -> None:
    own = {"oximetry/samu": samu, "home-cov/spo2": home_cov}
    assert bool(raised(COVID, {"spo2": spo2}, own)) is called
    assert (score(COVID, Facts(age=70, own=own), {"spo2": spo2}).colour == "red") is called


def test_no_limit_on_a_page_is_looser_than_its_floor() -> None:
    for pathway in SHIPPED.values():
        floors = {id_: each.floor for id_, each in pathway.thresholds.items()}
        for flag in red_flags(pathway, dict.fromkeys(floors, 0.0)):
            if flag.rule in floors and flag.test != "at_least":
                floor = floors[flag.rule]
                assert flag.value == (pathway.thresholds[flag.rule].value if floor is None else floor)


def test_every_red_flag_says_in_words_what_was_answered() -> None:
    for pathway in SHIPPED.values():
        for flag in red_flags(pathway):
            assert flag.words.fr
            assert flag.words.en
            assert flag.item in pathway.questionnaire.item_of


def test_the_cases_that_the_page_is_checked_by_are_those_that_the_script_makes() -> None:
    """Else: python -m tests.answer_cases."""
    assert CASES.read_text() == written()
