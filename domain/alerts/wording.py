"""What alerts are called: labels and names of their subjects, and the words of a rule with the values in them."""

from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import ismethod
from typing import Literal, ParamSpec, TypeVar
from weakref import WeakMethod

from domain.alerts.measures import BRACES, MEASURES, Unit
from domain.alerts.rule import Rule
from domain.places import Region, Words

Language = Literal["fr", "en"]
P = ParamSpec("P")
T = TypeVar("T")

NO_BREAK = "\u00a0"  # between a number and its unit
UNKNOWN = "?"
CHANNELS = {
    "app": Words(fr="application", en="app"),
    "push": Words(fr="notifications", en="push"),
    "sms": Words(fr="SMS", en="SMS"),
    "smtp": Words(fr="courriel", en="e-mail"),
    "mssante": Words(fr="MSSanté", en="MSSanté"),
}


class Names:
    """What subjects are called and labelled, by a region directory where there is one.

    `beds` tells how many installed beds a subject has, for {beds}; None where nobody knows.
    """

    def __init__(
        self, region: Region | None = None, code: str = "", beds: Callable[[str], int | None] | None = None
    ) -> None:
        self._region = region
        self._beds = None if beds is None else weakly(beds)
        self._code = region.code if region else code

    @cached_property
    def _departements(self) -> dict[str, str]:
        return {each.code: each.name for each in self._region.departements} if self._region else {}

    def labels(self, subject: str) -> dict[str, str]:
        """Return what routes, silences and inhibition match of a subject: its level, and where it belongs."""
        level, _, rest = subject.partition("/")
        labels = {"level": level}
        if self._code:
            labels["region"] = self._code
        match level:
            case "ward":
                ward = self._region.ward_of.get(rest) if self._region else None
                labels["ward"] = rest
                if ward is not None:
                    labels |= self._facility(ward.facility) | {"bed_kind": ward.kind}
            case "facility":
                code, _, kind = rest.rpartition("/")
                labels |= self._facility(code) | {"bed_kind": kind}
            case "departement":
                code, _, kind = rest.rpartition("/")
                labels |= {"departement": code, "bed_kind": kind}
            case "region":
                labels["bed_kind"] = rest.rpartition("/")[2]
            case _:
                labels[level] = rest
        return labels

    def _facility(self, code: str) -> dict[str, str]:
        facility = self._region.facility_of.get(code) if self._region else None
        return {"facility": code} | ({"departement": facility.departement} if facility else {})

    def words(self, subject: str, language: Language) -> dict[str, str]:
        """Return what a subject's placeholders stand for, in a language."""
        labels, region = self.labels(subject), self._region
        level = labels["level"]
        facility = region.facility_of.get(labels.get("facility", "")) if region else None
        kind = region.kind_of.get(labels.get("bed_kind", "")) if region else None
        names = {
            "facility": facility.name if facility else labels.get("facility", ""),
            "departement": self._departements.get(labels.get("departement", ""), labels.get("departement", "")),
            "region": region.name if region else self._code,
            "kind": getattr(kind.label, language) if kind else labels.get("bed_kind", ""),
            "source": labels.get("source", ""),
        }
        ward = region.ward_of.get(labels["ward"]) if region and "ward" in labels else None
        if level == "ward":
            place = f"{names['facility']} – {ward.name}" if ward and ward.name else names["facility"]
        elif level == "channel":
            named = CHANNELS.get(labels["channel"])
            place = getattr(named, language) if named else labels["channel"]
        else:
            place = names[level] if level in names else labels.get(level, subject)
        beds = self._beds(subject) if self._beds else None
        return names | {"place": place, "beds": UNKNOWN if beds is None else number(beds, language)}


def weakly(ask: Callable[P, T]) -> Callable[P, T | None]:
    """Return the same question without a hold on whom it is put to; None once that is no more.

    A draft has a book that asks it: were each to keep the other alive, both would wait for the garbage collector.
    """
    if not ismethod(ask):
        return ask
    weak = WeakMethod(ask)

    def answer(*args: P.args, **kwargs: P.kwargs) -> T | None:
        asked = weak()
        return None if asked is None else asked(*args, **kwargs)

    return answer


def render(rule: Rule, words: Mapping[Language, Mapping[str, str]]) -> tuple[Words, Words, Words]:
    """Return a rule's title, text and what to do, in both languages, with these words put in."""

    def filled(template: Words) -> Words:
        return Words(fr=_fill(template.fr, words["fr"]), en=_fill(template.en, words["en"]))

    return filled(rule.title), filled(rule.text), filled(rule.todo)


def _fill(template: str, words: Mapping[str, str]) -> str:
    return BRACES.sub(lambda found: words.get(found[1]) or UNKNOWN, template)


def unit_of(rule: Rule) -> Unit:
    """Return in which unit a rule measures."""
    return MEASURES[rule.on].unit if rule.on in MEASURES else "count"


def quantity(value: float | None, unit: Unit, language: Language) -> str:
    """Return a measure in words: 92 %, 1 200, 2 h 05."""
    if value is None:
        return UNKNOWN
    match unit:
        case "ratio":
            percent = number(_rounded(value * 100), language)
            return f"{percent}{NO_BREAK}%" if language == "fr" else f"{percent}%"
        case "hours":
            return duration(value * 3600, language)
        case "seconds":
            return duration(value, language)
        case "count":
            return number(_rounded(value), language)


def _rounded(value: float) -> float:
    """Return a value to a tenth, as an integer where it is one."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def number(value: float, language: Language) -> str:
    """Return a number as it is written: 1 200,5 or 1,200.5."""
    text = f"{value:,}"
    return text.replace(",", NO_BREAK).replace(".", ",") if language == "fr" else text


def duration(seconds: float, language: Language) -> str:
    """Return a span of time in its two largest units: 40 s, 15 min, 2 h 05, 3 j 4 h."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}{NO_BREAK}s"
    if whole < 3600:
        return f"{whole // 60}{NO_BREAK}min"
    days, hours, minutes = whole // 86_400, whole // 3600, whole % 3600 // 60
    if days < 2:
        return f"{hours}{NO_BREAK}h{NO_BREAK}{minutes:02}" if minutes else f"{hours}{NO_BREAK}h"
    day = {"fr": "j", "en": "d"}[language]
    return f"{days}{NO_BREAK}{day}" + (f"{NO_BREAK}{rest}{NO_BREAK}h" if (rest := hours % 24) else "")
