"""Answers by chance and what the domain makes of them, for the patient's page to make the same of them.

`python -m tests.answer_cases` writes dashboards/test/answer_cases.json, which vitest reads.
"""

import json
import random
from pathlib import Path
from typing import Any

import msgspec

from config.pathways import load
from domain.followup.pathway import Pathway
from domain.followup.questionnaire import (
    Condition,
    Item,
    Option,
    Questionnaire,
    Value,
    enabled,
    missing,
    mistakes,
    why_impossible,
)
from domain.followup.red_flags import DEFAULT, Own, raised, red_flags
from domain.places import Words

ROOT = Path(__file__).parents[1]
CASES = ROOT / "dashboards" / "test" / "answer_cases.json"
SEED = 2020
OF_SHIPPED, OF_OWN, INVENTED, OF_INVENTED = 30, 2, 24, 10
ODD_TEXTS = ("", "Rien", "a\nb", "é" * 12, "😀" * 11, "a\x07b", "<b>x</b>")
NUMBERS = ("integer", "decimal")


def shipped() -> tuple[Pathway, ...]:
    """Return the pathways that come with vigilits."""
    return load(ROOT / "config" / "regions" / "occitanie")


def cases() -> dict[str, Any]:
    """Return questionnaires, each with its red flags and with answers and what the domain makes of them."""
    chance = random.Random(SEED)
    return {
        "made_by": "python -m tests.answer_cases",
        "sets": [
            *(_of_pathway(pathway, chance) for pathway in shipped()),
            *(_of_pathway(pathway, chance, own_of(pathway, chance)) for pathway in shipped() for _ in range(OF_OWN)),
            *(_of_questionnaire(_invented(chance), chance) for _ in range(INVENTED)),
        ],
    }


def written() -> str:
    """Return the cases as they stand in the file."""
    return json.dumps(cases(), ensure_ascii=True, separators=(",", ":")) + "\n"


def own_of(pathway: Pathway, chance: random.Random) -> dict[str, float]:
    """Return thresholds of a patient's own, each stricter or looser than the pathway's, down to beyond its floor."""
    return {
        id_: round(each.value + chance.uniform(-1.5, 1.5) * abs(each.value - each.floor), 1)
        for id_, each in pathway.thresholds.items()
        if each.floor is not None and chance.random() < 0.8
    }


def _of_pathway(pathway: Pathway, chance: random.Random, own: Own = DEFAULT) -> dict[str, Any]:
    made = _of_questionnaire(pathway.questionnaire, chance, OF_SHIPPED)
    for case in made["cases"]:
        answers = {link: tuple(told) if isinstance(told, list) else told for link, told in case["answers"].items()}
        case["raised"] = [f"{flag.rule} {flag.item}" for flag in raised(pathway, answers, own)]
    return made | {"flags": msgspec.to_builtins(red_flags(pathway, own))}


def _of_questionnaire(asked: Questionnaire, chance: random.Random, most: int = OF_INVENTED) -> dict[str, Any]:
    made = []
    for _ in range(most):
        answers = {
            link: value_of(item, chance)
            for link, item in asked.item_of.items()
            if item.kind not in ("group", "display") and chance.random() < 0.75
        }
        impossible = {link: why_impossible(asked.item_of[link], value) for link, value in answers.items()}
        made.append(
            {
                "answers": msgspec.to_builtins(answers),
                "enabled": enabled(asked, answers),
                "missing": missing(asked, answers),
                "impossible": {link: why for link, why in impossible.items() if why},
            }
        )
    return {"questionnaire": msgspec.to_builtins(asked), "flags": [], "cases": made}


def value_of(item: Item, chance: random.Random) -> Value:
    """Return an answer to an item, now and then one that is unknown or impossible."""
    if chance.random() < 0.08:
        return None
    if item.kind == "boolean":
        return chance.random() < 0.3
    if item.kind in NUMBERS:
        low, high = item.lowest or 0, item.highest or 0
        beyond = (high - low) * 0.05 + 1
        if item.kind == "integer":
            return chance.randint(int(low - beyond), int(high + beyond))
        # Halves and the ends themselves, as people say them; never a whole number that JSON would make an integer.
        return chance.choice((low, high, round(chance.uniform(low - beyond, high + beyond), 1) + 0.05))
    codes = sorted(item.codes)
    if item.kind == "choice":
        return chance.choice((*codes, *codes, "none-such"))
    if item.kind == "choices":
        return tuple(chance.sample((*codes, "none-such"), chance.randint(0, min(3, len(codes)))))
    return chance.choice(ODD_TEXTS)


def _invented(chance: random.Random) -> Questionnaire:
    """Return a questionnaire that nothing is wrong with: every kind, groups in groups, conditions of every operator."""
    while True:
        before: list[Item] = []
        items = tuple(_item(f"q{place}", chance, before, 0) for place in range(chance.randint(3, 7)))
        found = Questionnaire("urn:invented", "1", Words("Inventé", "Invented"), items)
        if not mistakes(found):
            return found


def _item(link: str, chance: random.Random, before: list[Item], depth: int) -> Item:
    kinds = ["display", "boolean", "integer", "decimal", "choice", "choices", "text", *["group"] * (depth < 3)]
    kind: Any = chance.choice(kinds)
    when = tuple(_condition(chance.choice(before), chance) for _ in range(chance.randint(0, 3)) if before)
    if kind == "group":
        within = tuple(_item(f"{link}-{place}", chance, before, depth + 1) for place in range(chance.randint(1, 3)))
        return Item(link, kind, Words(link, link), when=when, any_of=chance.random() < 0.5, items=within)
    if kind == "display":
        return Item(link, kind, Words(link, link), when=when)
    number = kind in NUMBERS
    item = Item(
        link,
        kind,
        Words(link, link),
        required=chance.random() < 0.5,
        unknowable=chance.random() < 0.4,
        unit="u" if number else "",
        lowest=chance.choice((0, 30, -5)) if number else None,
        highest=chance.choice((45, 60)) if number else None,
        longest=10,
        options=tuple(Option(code, Words(code, code)) for code in ("one", "two", "three")) if "choice" in kind else (),
        when=when,
        any_of=chance.random() < 0.5,
    )
    before.append(item)
    return item


def _condition(asked: Item, chance: random.Random) -> Condition:
    if chance.random() < 0.2:
        return Condition(asked.link, "exists", chance.random() < 0.6)
    same: Any = chance.choice(("=", "!="))
    if asked.kind == "boolean":
        return Condition(asked.link, same, chance.random() < 0.5)
    if asked.kind in NUMBERS:
        operator: Any = chance.choice(("=", "!=", "<", ">", "<=", ">="))
        return Condition(asked.link, operator, chance.randint(0, 45))
    return Condition(asked.link, same, chance.choice(sorted(asked.codes)) if asked.codes else "Rien")


if __name__ == "__main__":
    CASES.write_text(written())
    print(CASES.relative_to(ROOT), CASES.stat().st_size, "bytes")
