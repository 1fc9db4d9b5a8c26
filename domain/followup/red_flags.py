"""Which answers are red by themselves: what the patient's own page looks at, without a network and without a score."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from domain.followup.home_cov import CRITERIA, Criterion
from domain.followup.pathway import MEASURED, Pathway, Test
from domain.followup.questionnaire import Answers, Item, Value, compare, why_impossible
from domain.places import Words

Own = Mapping[str, float]  # a patient's own thresholds, by id
DEFAULT: Own = {}
Operator = Literal[">=", "<=", "<"]
OPERATOR: dict[Test, Operator] = {"at_least": ">=", "at_most": "<=", "below": "<"}
# What measured rules say to a patient: no more than what was measured. Flags have words of their own.
WORDS: dict[str, Words] = {
    "home-cov/spo2": Words("Saturation basse", "Low saturation"),
    "home-cov/respiratory_rate": Words("Respiration rapide", "Fast breathing"),
    "home-cov/cannot_speak": Words("Souffle trop court pour parler", "Too short of breath to speak"),
    "home-cov/systolic": Words("Tension basse", "Low blood pressure"),
    "home-cov/pulse": Words("Pouls rapide", "Fast pulse"),
    "home-cov/confusion": Words("Confusion ou somnolence nouvelle", "New confusion or drowsiness"),
    "home-cov/worsening": Words("Nette aggravation depuis 24 heures", "Clearly worse within 24 hours"),
    "home-cov/unsafe_at_home": Words("Les soins chez vous ne suffisent plus", "Care at home no longer suffices"),
    "oximetry/samu": Words("Saturation basse", "Low saturation"),
}
NOT_ALERT = ("c", "v", "p", "u")  # of a choice that gives consciousness: new confusion, to voice, to pain, unresponsive


class RedFlag(msgspec.Struct, frozen=True):
    """One answer that alone asks for the 15: the answer to `item`, tested against `value`; and what is said of it."""

    rule: str
    item: str
    test: Test
    value: bool | float | str
    words: Words


def red_flags(pathway: Pathway, own: Own = DEFAULT) -> tuple[RedFlag, ...]:
    """Return the red flags of a pathway, each with the limit in force: the patient's own, as the score has it.

    Saturation is looked at whether on oxygen or not: to call once too often harms less than once too seldom.
    """
    return (*_flags(pathway, own), *_home_cov(pathway, own), *_oximetry(pathway, own))


def raised(pathway: Pathway, answers: Answers, own: Own = DEFAULT) -> tuple[RedFlag, ...]:
    """Return the red flags that answers raise; one that is impossible raises none."""
    items = pathway.questionnaire.item_of
    return tuple(flag for flag in red_flags(pathway, own) if _is_raised(flag, items[flag.item], answers.get(flag.item)))


def _is_raised(flag: RedFlag, item: Item, value: Value) -> bool:
    if value is None or why_impossible(item, value):
        return False
    if flag.test in MEASURED:
        if isinstance(value, (bool, str, tuple)) or isinstance(flag.value, (bool, str)):
            return False
        return compare(OPERATOR[flag.test], value, flag.value)
    if flag.test == "includes":
        return isinstance(value, tuple) and flag.value in value
    return value == flag.value


def _limit(pathway: Pathway, own: Own, id_: str) -> float:
    return pathway.thresholds[id_].effective(own.get(id_))


def _flags(pathway: Pathway, own: Own) -> Iterator[RedFlag]:
    for flag in pathway.scoring.flags:
        if flag.colour == "red":
            id_ = f"flag/{flag.id}"
            value = _limit(pathway, own, id_) if id_ in pathway.thresholds else flag.value
            yield RedFlag(id_, flag.item, flag.test, value, flag.words)


def _home_cov(pathway: Pathway, own: Own) -> Iterator[RedFlag]:
    rule = pathway.scoring.home_cov
    if rule is None or rule.colour != "red":
        return
    for criterion in CRITERIA:
        id_ = f"home-cov/{criterion}"
        if id_ in pathway.thresholds:
            threshold = pathway.thresholds[id_]
            yield RedFlag(id_, threshold.item, threshold.test, _limit(pathway, own, id_), WORDS[id_])
        else:
            yield from _said(pathway, rule.items, criterion, WORDS[id_])


def _said(pathway: Pathway, asked: dict[Criterion, str], criterion: Criterion, words: Words) -> Iterator[RedFlag]:
    """Yield a criterion of yes or no; confusion may be a choice, of which all but alert count."""
    rule = f"home-cov/{criterion}"
    if criterion in asked:
        yield RedFlag(rule, asked[criterion], "is", True, words)
    elif criterion == "confusion" and "consciousness" in pathway.scoring.readings:
        item = pathway.questionnaire.item_of[pathway.scoring.readings["consciousness"]]
        for value in (True,) if item.kind == "boolean" else NOT_ALERT:
            yield RedFlag(rule, item.link, "is", value, words)


def _oximetry(pathway: Pathway, own: Own) -> Iterator[RedFlag]:
    rule, id_ = pathway.scoring.oximetry, "oximetry/samu"
    if rule is None or rule.samu != "red":
        return
    for link in (pathway.thresholds[id_].item, rule.after_effort):
        if link:
            yield RedFlag(id_, link, "below", _limit(pathway, own, id_), WORDS[id_])
