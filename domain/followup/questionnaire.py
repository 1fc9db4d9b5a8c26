"""What patients are asked: items, when each is shown, and what is wrong with or missing from a set of answers."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Literal

from domain.places import Place, Words

Kind = Literal["group", "display", "boolean", "integer", "decimal", "choice", "choices", "text"]
Operator = Literal["exists", "=", "!=", ">", "<", ">=", "<="]
# One answer: a choice is its option's code, several choices are a tuple of codes, and None is *known to be unknown*
# (no device at home): it was asked and answered, and there is no value. It is never 0.
Value = bool | int | float | str | tuple[str, ...] | None
Answers = Mapping[str, Value]  # by linkId; an item that is not in it has not been answered

MOST_ITEMS = 200
MOST_OPTIONS = 50
MOST_DEPTH = 5
MOST_MISTAKES = 50
LONGEST_TEXT = 4_000  # characters of one answer
LONGEST_SHOWN = 60  # characters of a linkId that nobody knows, in what is told of it
LINK = re.compile(r"[a-z][a-z0-9]{0,39}(-[a-z0-9]{1,40}){0,9}", re.ASCII)
NUMBERS: tuple[Kind, ...] = ("integer", "decimal")
CHOICES: tuple[Kind, ...] = ("choice", "choices")
UNASKED: tuple[Kind, ...] = ("group", "display")  # have no answer of their own
COMPARED: tuple[Operator, ...] = (">", "<", ">=", "<=")

Mistake = tuple[str, str]  # path, message


class Option(Place, frozen=True):
    """One thing that can be chosen."""

    code: str
    label: Words


class Condition(Place, frozen=True):
    """What must hold for an item to be shown: the answer of an earlier item, compared (as FHIR's enableWhen)."""

    item: str
    operator: Operator
    answer: bool | int | float | str


class Item(Place, frozen=True):
    """A question, a text to be read, or a group of items.

    A number lies from `lowest` to `highest`, beyond which no living person's lies. `unknowable` offers *I have not got
    the device*. It is shown while `when` hold: all of them, or any of them where `any_of`.
    """

    link: str
    kind: Kind
    text: Words
    required: bool = False
    unknowable: bool = False
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    longest: int = LONGEST_TEXT
    options: tuple[Option, ...] = ()
    when: tuple[Condition, ...] = ()
    any_of: bool = False
    items: tuple["Item", ...] = ()

    @cached_property
    def codes(self) -> frozenset[str]:
        """Return the codes that can be chosen."""
        return frozenset(option.code for option in self.options)


class Questionnaire(Place, frozen=True):
    """All that is asked at once, in order; a canonical address and a version say which it is."""

    url: str
    version: str
    title: Words
    items: tuple[Item, ...]

    @cached_property
    def path_of(self) -> dict[str, str]:
        """Return the path of each linkId: those of its groups and its own, joined by slashes."""
        return {item.link: path for path, item in _walk(self.items)}

    @cached_property
    def item_of(self) -> dict[str, Item]:
        """Return the items by linkId, those of groups too, in the order in which they are asked."""
        return {item.link: item for _, item in _walk(self.items)}

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Return the linkId of the group that holds an item, for those that are in one."""
        return {below.link: item.link for item in self.item_of.values() for below in item.items}


def _walk(items: Iterable[Item], above: str = "") -> Iterator[tuple[str, Item]]:
    for item in items:
        yield f"{above}{item.link}", item
        yield from _walk(item.items, f"{above}{item.link}/")


# --- answers ---------------------------------------------------------------------------------------------------------


def problems(questionnaire: Questionnaire, answers: Answers) -> list[Mistake]:
    """Return what is wrong with answers as (path of linkIds, message), none of which repeats what was answered.

    An answer that is missing is no problem here, nor is one to an item that is not shown: what is alarming is never
    refused for what stands beside it.
    """
    found: list[Mistake] = []
    for link, value in answers.items():
        item = questionnaire.item_of.get(link)
        if item is None:
            found.append((_shown(link), "no such question"))
        else:
            wrong = why_impossible(item, value)
            if wrong:
                found.append((questionnaire.path_of[link], wrong))
        if len(found) == MOST_MISTAKES:
            break
    return found


def why_impossible(item: Item, value: Value) -> str:
    """Return why an item can't have this answer, empty where it can."""
    if item.kind in UNASKED:
        return "nothing is asked here"
    if value is None:
        return "" if item.unknowable else "an answer is needed"
    if item.kind == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if item.kind in NUMBERS:
        return _why_no_number(item, value)
    if item.kind == "choice":
        return "" if isinstance(value, str) and value in item.codes else "must be one of what can be chosen"
    if item.kind == "choices":
        chosen = isinstance(value, tuple) and len(set(value)) == len(value) and item.codes.issuperset(value)
        return "" if chosen else "must be some of what can be chosen, each once"
    return _why_no_text(item, value)


def _why_no_number(item: Item, value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, int if item.kind == "integer" else (int, float)):
        return "must be a whole number" if item.kind == "integer" else "must be a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a number"
    low, high = item.lowest, item.highest
    if (low is not None and value < low) or (high is not None and value > high):
        unit = f" {item.unit}" if item.unit else ""
        return f"must be from {_plain(low)} to {_plain(high)}{unit}"
    return ""


def _why_no_text(item: Item, value: Value) -> str:
    """Return why a text can't be kept: its length and its control characters; HTML in it is text like any other."""
    if not isinstance(value, str):
        return "must be a text"
    if len(value) > item.longest:
        return f"at most {item.longest} characters"
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\r\t" for sign in value):
        return "holds a character that no text has"
    return ""


def _plain(number: float | None) -> str:
    return "any" if number is None else f"{number:g}"


def _shown(link: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in link[:LONGEST_SHOWN])


def enabled(questionnaire: Questionnaire, answers: Answers) -> list[str]:
    """Return the linkIds of the items that are shown with these answers, in order.

    The answer of an item that is itself not shown counts as none, and so does *unknown*.
    """
    shown: dict[str, None] = {}
    for link, item in questionnaire.item_of.items():
        group = questionnaire.group_of.get(link)
        if group is not None and group not in shown:
            continue
        held = (_holds(one, answers.get(one.item) if one.item in shown else None) for one in item.when)
        if not item.when or (any(held) if item.any_of else all(held)):
            shown[link] = None
    return list(shown)


def _holds(condition: Condition, value: Value) -> bool:
    """Return whether a condition holds; where nothing is answered only `!=` does, and *exists* no."""
    wanted = condition.answer
    if condition.operator == "exists":
        return (value is not None and value != ()) == wanted
    if condition.operator in COMPARED:
        if isinstance(value, (bool, str, tuple)) or value is None or isinstance(wanted, str):
            return False
        return compare(condition.operator, value, wanted)
    same = wanted in value if isinstance(value, tuple) else value is not None and value == wanted
    return same == (condition.operator == "=")


def compare(operator: Operator, value: float, wanted: float) -> bool:
    """Return whether a number is above, below or at least, at most another."""
    match operator:
        case ">":
            return value > wanted
        case "<":
            return value < wanted
        case ">=":
            return value >= wanted
        case "<=":
            return value <= wanted
        case "=":
            return value == wanted
        case _:
            return value != wanted


def missing(questionnaire: Questionnaire, answers: Answers) -> list[str]:
    """Return the linkIds of required items that are shown and not answered, in order; unknown is an answer."""
    found = []
    for link in enabled(questionnaire, answers):
        item = questionnaire.item_of[link]
        if item.required and item.kind not in UNASKED and (link not in answers or answers[link] in ("", ())):
            found.append(link)
    return found


# --- a questionnaire as a whole --------------------------------------------------------------------------------------


def mistakes(questionnaire: Questionnaire) -> list[Mistake]:
    """Return everything that is wrong with a questionnaire as (linkId, message); the linkId is empty for the whole."""
    found: list[Mistake] = []
    if not questionnaire.url or "|" in questionnaire.url:
        found.append(("", "url must be an address without |"))
    if not questionnaire.version or "|" in questionnaire.version:
        found.append(("", "version must be a text without |"))
    found += _mistakes_of_words("", "title", questionnaire.title)
    before: dict[str, Item] = {}
    for path, item in _walk(questionnaire.items):
        if not LINK.fullmatch(item.link):
            found.append((item.link, "linkId must be lower-case words joined by hyphens"))
        if item.link in before:
            found.append((item.link, "linkId is an earlier item's too"))
        if path.count("/") >= MOST_DEPTH:
            found.append((item.link, "groups are nested too deeply"))
        found += [(item.link, message) for message in _mistakes_of_item(item)]
        found += _mistakes_of_words(item.link, "text", item.text)
        for condition in item.when:
            wrong = _mistake_of_condition(condition, before.get(condition.item))
            if wrong:
                found.append((item.link, f"enableWhen {_shown(condition.item)!r}: {wrong}"))
        before.setdefault(item.link, item)
    if all(item.kind in UNASKED for item in before.values()):
        found.append(("", "asks nothing"))
    if len(before) > MOST_ITEMS:
        found.append(("", f"at most {MOST_ITEMS} items"))
    return found


def _mistakes_of_words(link: str, name: str, words: Words) -> list[Mistake]:
    told = (("French", words.fr), ("English", words.en))
    return [(link, f"{name} lacks its {language}") for language, text in told if not text.strip()]


def _mistakes_of_item(item: Item) -> Iterator[str]:
    if item.kind in NUMBERS:
        if item.lowest is None or item.highest is None:
            yield "a number needs minValue and maxValue: beyond them it is refused"
        elif item.lowest >= item.highest:
            yield "minValue must be below maxValue"
        if not item.unit:
            yield "a number needs a unit"
    elif item.lowest is not None or item.highest is not None or item.unit:
        yield "only a number has minValue, maxValue and a unit"
    if (item.kind in CHOICES) != bool(item.options):
        yield "a choice needs answerOption" if item.kind in CHOICES else "only a choice has answerOption"
    if len(item.options) > MOST_OPTIONS:
        yield f"at most {MOST_OPTIONS} options"
    if len(item.codes) < len(item.options):
        yield "two options have the same code"
    for option in item.options:
        if not LINK.fullmatch(option.code):
            yield f"option {_shown(option.code)!r} must be lower-case words joined by hyphens"
        yield from (message for _, message in _mistakes_of_words("", f"option {option.code!r}", option.label))
    if (item.kind == "group") != bool(item.items):
        yield "a group needs items" if item.kind == "group" else "only a group has items"
    if item.kind in UNASKED and (item.required or item.unknowable):
        yield "nothing is asked here, so it can't be required or unknown"
    if not 1 <= item.longest <= LONGEST_TEXT:
        yield f"maxLength must be from 1 to {LONGEST_TEXT}"


def _mistake_of_condition(condition: Condition, asked: Item | None) -> str:
    if asked is None or asked.kind in UNASKED:
        return "must be a question that is asked earlier"
    if condition.operator == "exists":
        return "" if isinstance(condition.answer, bool) else "exists needs answerBoolean"
    if condition.operator in COMPARED and asked.kind not in NUMBERS:
        return f"{condition.operator} only goes with a number"
    if asked.kind == "boolean":
        return "" if isinstance(condition.answer, bool) else "needs answerBoolean"
    if asked.kind in NUMBERS:
        number = isinstance(condition.answer, (int, float)) and not isinstance(condition.answer, bool)
        return "" if number else "needs answerInteger or answerDecimal"
    if asked.kind in CHOICES:
        return "" if condition.answer in asked.codes else "is none of what can be chosen there"
    return "" if isinstance(condition.answer, str) else "needs answerString"
