"""What answers mean on the pathways that come with vigilits: no alarm hidden, every point explained."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.pathways import load
from domain.followup.pathway import COLOURS, Pathway, mistakes_of_own
from domain.followup.questionnaire import Item, Value, problems
from domain.followup.score import Day, Facts, Given, Result, score, settle

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
SHIPPED = {pathway.id: pathway for pathway in load(OCCITANIE)}
COVID = SHIPPED["medical-covid"]
WELL: dict[str, Value] = {
    "temperature": 37.0,
    "spo2": 98,
    "spo2-effort": 97,
    "pulse": 70,
    "respiratory-rate": 16,
    "systolic": 120,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "unsafe-at-home": False,
    "warning-signs": ("none",),
}
SOMEBODY = Facts(age=50)


def judged(facts: Facts = SOMEBODY, drop: tuple[str, ...] = (), **changed: Value) -> Result:
    """Return what the answers of somebody who is well mean, with some of them changed or left out."""
    answers = WELL | {link.replace("_", "-"): value for link, value in changed.items()}
    return score(COVID, facts, {link: value for link, value in answers.items() if link not in drop})


def rules(result: Result, *colours: str) -> list[str]:
    """Return the rules that speak in these colours."""
    return [finding.rule for finding in result.findings if finding.colour in (colours or COLOURS[1:])]


def test_somebody_who_is_well_is_green_and_nothing_is_suggested() -> None:
    """Nothing: no score ever says that less care is enough."""
    result = judged()
    assert (result.colour, result.incomplete, result.ask, result.suggestion) == ("green", False, (), None)
    assert result.news2 is not None
    assert (result.news2.low, result.news2.high) == (0, 0)
    assert not rules(result)


@pytest.mark.parametrize(
    ("link", "value", "colour", "rule"),
    [
        ("spo2", 94, "red", "oximetry/samu"),
        ("spo2", 95, "yellow", "oximetry/borderline"),
        ("spo2-effort", 94, "red", "oximetry/samu"),
        ("respiratory-rate", 25, "red", "home-cov/respiratory_rate"),
        ("respiratory-rate", 24, "green", None),
        ("pulse", 120, "red", "home-cov/pulse"),
        ("pulse", 119, "green", None),
        ("systolic", 90, "red", "home-cov/systolic"),
        ("systolic", 220, "orange", "news2"),
        ("confusion", True, "red", "home-cov/confusion"),
        ("cannot-speak", True, "red", "home-cov/cannot_speak"),
        ("worsening", True, "red", "home-cov/worsening"),
        ("unsafe-at-home", True, "red", "home-cov/unsafe_at_home"),
        ("breathless", "at-rest", "red", "flag/breathless-at-rest"),
        ("breathless", "on-effort", "orange", "flag/breathless-on-effort"),
        ("warning-signs", ("none", "chest-pain"), "red", "flag/chest-pain"),
        ("warning-signs", ("blue-lips",), "red", "flag/blue-lips"),
        ("temperature", 38.5, "yellow", "flag/fever"),
        ("temperature", 38.4, "green", None),
        ("temperature", 35.0, "orange", "news2"),
    ],
)
def test_one_answer_has_the_colour_of_its_rule(link: str, value: Value, colour: str, rule: str | None) -> None:
    result = score(COVID, SOMEBODY, WELL | {link: value})
    assert result.colour == colour
    assert (rule in rules(result)) if rule else not rules(result)


def test_the_total_has_the_colours_of_the_rcp() -> None:
    assert judged(temperature=38.1, pulse=111).colour == "green"  # 3 points
    assert judged(temperature=38.1, pulse=111, systolic=110).colour == "yellow"  # 4
    assert judged(temperature=38.1, pulse=111, systolic=100).colour == "orange"  # 5
    assert judged(temperature=38.1, pulse=111, systolic=100, respiratory_rate=24).colour == "red"  # 7


def test_a_finding_says_which_answer_which_threshold_whose_and_how_many_points() -> None:
    result = judged(Facts(age=50, own={"oximetry/samu": 90, "home-cov/spo2": 89}), spo2=90)
    speaks = {finding.rule: finding for finding in result.findings}
    assert speaks["news2/spo2"].points == 3
    assert speaks["news2/spo2"].value == 90
    assert speaks["news2"].points == 3
    assert speaks["oximetry/borderline"].threshold == 90
    assert speaks["oximetry/borderline"].whose == "own"
    assert speaks["oximetry/borderline"].version == "oximetry/has-2021-04-13"
    assert judged(spo2=90).findings[0].threshold == 94
    assert judged(spo2=90).findings[0].whose == "default"


def test_who_has_no_cuff_is_shown_a_range_and_is_not_asked_for_it_again() -> None:
    result = judged(systolic=None)
    assert result.news2 is not None
    assert (result.news2.low, result.news2.high, result.news2.missing) == (0, 3, ("systolic",))
    assert (result.colour, result.incomplete, result.ask) == ("green", False, ())
    assert "home-cov/systolic" in result.unknown


def test_what_only_the_upper_end_crosses_is_incomplete_and_at_least_yellow() -> None:
    """With one point more, what the cuff could say reaches a level: nothing can be asked, yet it is said."""
    result = judged(systolic=None, temperature=38.1)
    assert result.news2 is not None
    assert (result.news2.low, result.news2.high) == (1, 4)
    assert (result.colour, result.incomplete, result.ask) == ("yellow", True, ())


def test_a_question_that_was_not_answered_is_asked() -> None:
    result = judged(drop=("respiratory-rate",))
    assert (result.colour, result.incomplete, result.ask) == ("yellow", True, ("respiratory-rate",))
    assert judged(drop=("breathless",)).ask == ("breathless",)
    assert judged(drop=("breathless", "spo2"), cannot_speak=True).colour == "red"
    assert judged(drop=("comment",)).ask == ()


def test_three_points_for_one_parameter_may_still_come_where_it_can_still_be_asked() -> None:
    """Of a question that is not required too: 25 breaths a minute alone ask for a review."""
    items = tuple(optional(item) for item in COVID.questionnaire.items)
    pathway = msgspec.structs.replace(COVID, questionnaire=msgspec.structs.replace(COVID.questionnaire, items=items))
    without = {link: value for link, value in WELL.items() if link != "respiratory-rate"}
    result = score(pathway, SOMEBODY, without)
    assert (result.colour, result.incomplete, result.ask) == ("yellow", True, ("respiratory-rate",))
    assert score(pathway, SOMEBODY, without | {"respiratory-rate": None}).colour == "green"


def optional(item: Item) -> Item:
    """Return an item and those in it with nothing required."""
    return msgspec.structs.replace(item, required=False, items=tuple(map(optional, item.items)))


def test_nothing_answered_is_incomplete_and_never_green() -> None:
    result = score(COVID, SOMEBODY, {})
    assert (result.colour, result.incomplete) == ("yellow", True)
    assert result.news2 is not None
    assert (result.news2.low, result.news2.high) == (0, 20)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(age=15), "under 16"),
        (Facts(age=30, pregnant=True), "pregnant"),
        (Facts(age=70, scale=2), "scale 2 without a prescription"),
        (Facts(), "age unknown"),
    ],
)
def test_where_news2_is_not_made_the_other_rules_still_speak(facts: Facts, why: str) -> None:
    result = judged(facts, spo2=94)
    assert (result.news2, result.news2_why_not, result.colour) == (None, why, "red")
    assert not [rule for rule in rules(result) if rule.startswith("news2")]


def test_scale_2_holds_once_a_clinician_prescribed_it() -> None:
    facts = Facts(age=70, scale=2, scale_2_prescribed=True, own={"oximetry/samu": 88, "home-cov/spo2": 87})
    result = judged(facts, spo2=88)
    assert result.news2 is not None
    assert (result.news2.low, result.news2.scale) == (0, 2)
    assert result.colour == "yellow"  # at his own limit: borderline, as 95 % is by default


def test_a_threshold_of_ones_own_is_never_looser_than_the_floor() -> None:
    assert mistakes_of_own(COVID, {"oximetry/samu": 90, "home-cov/pulse": 130, "flag/fever": 38.0}) == []
    assert mistakes_of_own(COVID, {"oximetry/samu": 87}) == [("oximetry/samu", "looser than the pathway's floor, 88")]
    assert mistakes_of_own(COVID, {"home-cov/pulse": 131}) == [
        ("home-cov/pulse", "looser than the pathway's floor, 130")
    ]
    assert mistakes_of_own(COVID, {"flag/fever": 3.8})[0][0] == "flag/fever"
    assert mistakes_of_own(COVID, {"home-cov/systolic": 90})[0][1] == "nobody has a threshold of their own for this"
    assert mistakes_of_own(COVID, {"news2": 90})[0] == ("own", "nobody has a threshold of their own for this")
    # One that was let in all the same, by an older floor, holds as the floor.
    assert judged(Facts(age=50, own={"oximetry/samu": 10, "home-cov/spo2": 10}), spo2=87).colour == "red"


def test_a_threshold_that_is_no_number_is_refused_and_hides_nothing() -> None:
    for strange in (float("nan"), float("inf"), float("-inf")):
        assert [path for path, _ in mistakes_of_own(COVID, {"home-cov/pulse": strange})] == ["home-cov/pulse"]
        own = {"home-cov/pulse": strange, "oximetry/samu": strange}
        assert judged(Facts(age=50, own=own), pulse=131, spo2=87).colour == "red"


def test_a_trend_is_against_the_patients_own_days() -> None:
    before = [Day(1, WELL), Day(2, WELL | {"spo2": None}), Day(3, WELL | {"pulse": 80})]
    falls = score(COVID, SOMEBODY, WELL | {"spo2": 95, "pulse": 95}, before, 4)
    assert {"trend/spo2-falls", "trend/pulse-rises"} <= set(rules(falls))
    assert "trend/spo2-falls" not in rules(score(COVID, SOMEBODY, WELL | {"spo2": 96}, before, 4))
    assert "trend/spo2-falls" in rules(score(COVID, SOMEBODY, WELL | {"spo2": 95}, before[:1], 2))
    # What was long ago, or is still to come, is not what was usual.
    assert "trend/spo2-falls" not in rules(score(COVID, SOMEBODY, WELL | {"spo2": 95}, before, 9))
    assert "trend/spo2-falls" not in rules(score(COVID, SOMEBODY, WELL | {"spo2": 95}, before, 1))


def test_a_suggestion_is_of_more_care_with_its_reason_and_never_of_less() -> None:
    suggestion = judged(spo2=90).suggestion
    assert suggestion is not None
    assert (suggestion.care, suggestion.rule) == ("samu", "oximetry/samu")
    assert judged(Facts(age=50, care="samu"), spo2=90).suggestion is None
    visit = judged(Facts(age=50, care="teleconsultation"), breathless="on-effort").suggestion
    assert visit is not None
    assert visit.care == "nurse_visit"
    assert judged(Facts(age=50, care="emergency_department"), breathless="on-effort").suggestion is None


# --- properties ------------------------------------------------------------------------------------------------------


def possible(item: Item) -> st.SearchStrategy[Value]:
    """Return answers that an item can have."""
    low, high = item.lowest or 0, item.highest or 0
    of: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "integer": st.integers(int(low), int(high)),
        "decimal": st.floats(low, high),
        "choice": st.sampled_from(sorted(item.codes) or [""]),
        "choices": st.lists(st.sampled_from(sorted(item.codes) or [""]), unique=True, min_size=1).map(tuple),
        "text": st.text(st.characters(codec="utf-8", categories=["L", "P", "Zs"]), max_size=10),
    }
    return of[item.kind] | st.none() if item.unknowable else of[item.kind]


def answers_to(pathway: Pathway) -> st.SearchStrategy[dict[str, Value]]:
    """Return some answers to a pathway's questions."""
    items = pathway.questionnaire.item_of.values()
    return st.fixed_dictionaries(
        {}, optional={item.link: possible(item) for item in items if item.kind not in ("group", "display")}
    )


ANSWERED = st.sampled_from(sorted(SHIPPED)).flatmap(
    lambda id_: st.tuples(st.just(SHIPPED[id_]), answers_to(SHIPPED[id_]))
)
PEOPLE = st.builds(
    Facts,
    age=st.none() | st.integers(0, 110),
    pregnant=st.booleans(),
    scale=st.sampled_from([1, 2]),
    scale_2_prescribed=st.booleans(),
    own=st.dictionaries(st.sampled_from(sorted(COVID.thresholds)), st.integers(0, 200)),
)


def alarms(result: Result) -> set[str]:
    """Return the rules that speak by one answer alone, in orange or red; a sum and a band can change their ends."""
    return {rule for rule in rules(result, "orange", "red") if rule.partition("/")[0] in ("flag", "home-cov")}


@given(ANSWERED, PEOPLE)
@settings(max_examples=100)
def test_any_possible_answers_have_a_meaning_and_what_is_missing_is_never_green(
    told: tuple[Pathway, dict[str, Value]], facts: Facts
) -> None:
    pathway, answers = told
    assert problems(pathway.questionnaire, answers) == []
    result = score(pathway, facts, answers)
    assert result.colour == max(
        [f.colour for f in result.findings] + ["yellow"] * result.incomplete + ["green"], key=COLOURS.index
    )
    assert not (result.ask and result.colour == "green")
    assert set(result.ask).isdisjoint(answers)


@given(ANSWERED, PEOPLE)
def test_a_result_is_the_same_after_it_was_kept(told: tuple[Pathway, dict[str, Value]], facts: Facts) -> None:
    result = score(told[0], facts, told[1])
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


@given(ANSWERED, PEOPLE, st.data())
@settings(max_examples=100)
def test_a_missing_answer_hides_no_red_flag_of_another(
    told: tuple[Pathway, dict[str, Value]], facts: Facts, data: st.DataObject
) -> None:
    pathway, answers = told
    if not answers:
        return
    dropped = data.draw(st.sampled_from(sorted(answers)))
    # Saturation counts for HOME-CoV on air: where nobody says whether it was, it counts too.
    all_told = score(pathway, facts, answers)
    less = score(pathway, facts, {link: value for link, value in answers.items() if link != dropped})
    own = {finding.rule for finding in all_told.findings if finding.item == dropped}
    assert alarms(all_told) - own <= alarms(less)
    if less.news2 is not None and all_told.news2 is not None:
        assert less.news2.low <= all_told.news2.low
        assert less.news2.high >= all_told.news2.high


@given(answers_to(COVID), st.lists(st.tuples(st.integers(0, 5), answers_to(COVID)), max_size=4), st.randoms())
def test_any_order_and_repetition_of_answers_gives_one_result_a_slot(
    first: dict[str, Value], corrections: list[tuple[int, dict[str, Value]]], chance: Any
) -> None:
    sent = [Given("0", 0, first), *(Given(f"c{n}", at, told) for n, (at, told) in enumerate(corrections))]
    shuffled = sent + [chance.choice(sent) for _ in range(3)]
    chance.shuffle(shuffled)
    assert settle(shuffled) == settle(sent)
    assert score(COVID, SOMEBODY, settle(shuffled).answers) == score(COVID, SOMEBODY, settle(sent).answers)


def test_a_correction_counts_and_what_was_said_first_stays_visible() -> None:
    counted = settle(
        [Given("b", 2, {"spo2": 97}), Given("a", 1, {"spo2": 79, "pulse": 70}), Given("b", 2, {"spo2": 97})]
    )
    assert counted.answers == {"spo2": 97, "pulse": 70}
    assert counted.first == {"spo2": 79}
    assert counted.corrections == 1


def test_an_impossible_answer_counts_as_none() -> None:
    assert judged(spo2=9_999).ask == ("spo2",)
    assert judged(spo2="x").incomplete


def test_an_alarming_answer_to_a_question_that_is_not_shown_still_counts() -> None:
    assert judged(spo2=None, spo2_effort=85).colour == "red"
