"""Our questionnaires as FHIR R4 has them, and what doors answer to programs that speak FHIR."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from domain.followup import fhir
from domain.followup.questionnaire import CHOICES, LONGEST_TEXT, Condition, Item, Kind, Questionnaire
from domain.places import Words
from realtime_api.problems import Mistake, Problem

MEDIA = "application/fhir+json"
TYPES: dict[Kind, str] = {"choices": "choice"}  # of the others the name is FHIR's
# Our kinds of problems as FHIR's types of issues (http://hl7.org/fhir/issue-type); what is not here is `invalid`.
ISSUES: dict[str, str] = {
    "unreadable": "structure",
    "wrong-fields": "value",
    "unknown-questionnaire": "not-supported",
    "not-signed-in": "login",
    "not-allowed": "forbidden",
    "other-origin": "forbidden",
    "no-such-link": "not-found",
    "unknown-patient": "not-found",
    "slot-closed": "conflict",
    "slot-not-open": "conflict",
    "over": "conflict",
    "paused": "conflict",
    "too-many-corrections": "conflict",
    "refused": "processing",
    "too-large": "too-long",
    "too-many": "throttled",
    "bug": "exception",
}
AWAY = "transient"  # of whatever may be well in a moment

Resource = dict[str, Any]


# --- what we answer --------------------------------------------------------------------------------------------------


class Issue(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong; `expression` says where."""

    severity: Literal["error", "information"]
    code: str
    diagnostics: str = ""
    expression: tuple[str, ...] = ()


class OperationOutcome(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a request, as FHIR says it."""

    issue: tuple[Issue, ...]
    resource_type: Literal["OperationOutcome"] = "OperationOutcome"


def outcome_of(problem: Problem) -> OperationOutcome:
    """Return a problem as FHIR says it, every wrong field at once."""
    code = AWAY if problem.status == 503 else ISSUES.get(problem.kind, "invalid")
    told = problem.detail or problem.document.title
    wrong = problem.mistakes or (Mistake("", told),)
    return OperationOutcome(tuple(Issue("error", code, why, (at,) if at else ()) for at, why in wrong))


ACCEPTED = OperationOutcome((Issue("information", "informational", "accepted"),))


class BundleEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One resource that was found."""

    full_url: str
    resource: dict[str, Any]


class Bundle(msgspec.Struct, frozen=True, rename="camel"):
    """What a search found."""

    total: int
    entry: tuple[BundleEntry, ...]
    type: Literal["searchset"] = "searchset"
    resource_type: Literal["Bundle"] = "Bundle"


def bundle(found: Iterable[Questionnaire]) -> Bundle:
    """Return questionnaires as a search's result."""
    entries = tuple(BundleEntry(each.url, written(each)) for each in found)
    return Bundle(len(entries), entries)


# --- questionnaires --------------------------------------------------------------------------------------------------


def written(questionnaire: Questionnaire) -> Resource:
    """Return a FHIR Questionnaire that `domain.followup.fhir.read_questionnaire` reads as the same one."""
    return {
        "resourceType": "Questionnaire",
        "url": questionnaire.url,
        "version": questionnaire.version,
        "language": "fr",
        "status": "active",
        **_words("title", questionnaire.title),
        "subjectType": ["Patient"],
        "item": [_item(each, questionnaire) for each in questionnaire.items],
    }


def _words(name: str, words: Words) -> Resource:
    """Return a text in French, and beside it its English."""
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": words.en}]
    return {name: words.fr, f"_{name}": {"extension": [{"url": fhir.TRANSLATION, "extension": parts}]}}


def _item(item: Item, of: Questionnaire) -> Resource:
    told: Resource = {"linkId": item.link, "type": TYPES.get(item.kind, item.kind), **_words("text", item.text)}
    if item.required:
        told["required"] = True
    if item.kind == "choices":
        told["repeats"] = True
    if item.kind == "text" and item.longest != LONGEST_TEXT:
        told["maxLength"] = item.longest
    if item.when:
        told["enableWhen"] = [_condition(each, of.item_of[each.item].kind) for each in item.when]
        told["enableBehavior"] = "any" if item.any_of else "all"
    if item.options:
        told["answerOption"] = [
            {"valueCoding": {"code": option.code, **_words("display", option.label)}} for option in item.options
        ]
    extensions = list(_extensions(item))
    if extensions:
        told["extension"] = extensions
    if item.items:
        told["item"] = [_item(each, of) for each in item.items]
    return told


def _extensions(item: Item) -> Sequence[Resource]:
    found: list[Resource] = []
    if item.unit:
        found.append({"url": fhir.UNIT, "valueCoding": {"display": item.unit}})
    for url, limit in ((fhir.LOWEST, item.lowest), (fhir.HIGHEST, item.highest)):
        if limit is not None:
            found.append({"url": url, **_number(limit)})
    if item.unknowable:
        found.append({"url": fhir.UNKNOWABLE, "valueBoolean": True})
    return found


def _number(value: float) -> Resource:
    return {"valueInteger": int(value)} if float(value).is_integer() else {"valueDecimal": value}


def _condition(condition: Condition, kind: Kind) -> Resource:
    answer = condition.answer
    told: Resource = {"question": condition.item, "operator": condition.operator}
    if isinstance(answer, bool):
        return told | {"answerBoolean": answer}
    if isinstance(answer, int):
        return told | {"answerInteger": answer}
    if isinstance(answer, float):
        return told | {"answerDecimal": answer}
    return told | ({"answerCoding": {"code": answer}} if kind in CHOICES else {"answerString": answer})
