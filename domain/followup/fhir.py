"""The part of FHIR R4 that pathways use: Questionnaire and QuestionnaireResponse, bytes to ours or `Unreadable`."""

from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeVar, get_args

import msgspec

from domain.errors import Unreadable
from domain.followup.questionnaire import (
    LONGEST_TEXT,
    MOST_DEPTH,
    MOST_ITEMS,
    Condition,
    Item,
    Kind,
    Operator,
    Option,
    Questionnaire,
    Value,
)
from domain.places import Words

MOST_BYTES = 256 * 1024
STRUCTURES: Final = "http://hl7.org/fhir/StructureDefinition"
TRANSLATION = f"{STRUCTURES}/translation"
UNIT = f"{STRUCTURES}/questionnaire-unit"
LOWEST, HIGHEST = f"{STRUCTURES}/minValue", f"{STRUCTURES}/maxValue"
# R4 has nothing by which a questionnaire offers *I have not got the device*: ours, on the item.
UNKNOWABLE = "urn:vigilits:fhir:may-be-unknown"
ABSENT = f"{STRUCTURES}/data-absent-reason"  # on the answer, in place of a value
ABSENT_REASONS = frozenset(
    ("unknown", "asked-unknown", "temp-unknown", "asked-declined", "not-performed", "unsupported")
)
OPERATORS: dict[str, Operator] = {each: each for each in get_args(Operator)}
KINDS: dict[str, Kind] = {
    "group": "group",
    "display": "display",
    "boolean": "boolean",
    "integer": "integer",
    "decimal": "decimal",
    "choice": "choice",
    "string": "text",
    "text": "text",
}
# The states in which a response is one; the others say that it is not, or not yet.
ANSWERED = frozenset(("completed", "amended"))

T = TypeVar("T")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What others send: fields that we do not use are passed over."""


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a region's files say: a field that we would pass over in silence is a mistake."""


class Coding(Read, frozen=True):
    """A code; of which system it is, the questionnaire knows."""

    code: str


class Extension(Written, frozen=True):
    """What FHIR has no field for; of its values those that we know."""

    url: str
    extension: tuple["Extension", ...] = ()
    value_code: str | None = msgspec.field(default=None, name="valueCode")
    value_string: str | None = msgspec.field(default=None, name="valueString")
    value_boolean: bool | None = msgspec.field(default=None, name="valueBoolean")
    value_integer: int | None = msgspec.field(default=None, name="valueInteger")
    value_decimal: float | None = msgspec.field(default=None, name="valueDecimal")
    value_coding: dict[str, str] | None = msgspec.field(default=None, name="valueCoding")

    @property
    def number(self) -> float | None:
        """Return its number, whole or not."""
        return self.value_integer if self.value_integer is not None else self.value_decimal


class Translated(Written, frozen=True):
    """What FHIR keeps beside a text: its translations."""

    extension: tuple[Extension, ...] = ()


class OptionCoding(Written, frozen=True):
    """The code of an option, with its French label and, beside it, the English one."""

    code: str
    system: str = ""
    display: str = ""
    beside: Translated = msgspec.field(default=Translated(), name="_display")


class AnswerOption(Written, frozen=True):
    """One thing that can be chosen."""

    coding: OptionCoding = msgspec.field(name="valueCoding")


class EnableWhen(Written, frozen=True):
    """When an item is shown."""

    question: str
    operator: str
    boolean: bool | None = msgspec.field(default=None, name="answerBoolean")
    integer: int | None = msgspec.field(default=None, name="answerInteger")
    decimal: float | None = msgspec.field(default=None, name="answerDecimal")
    string: str | None = msgspec.field(default=None, name="answerString")
    coding: Coding | None = msgspec.field(default=None, name="answerCoding")


class QuestionnaireItem(Written, frozen=True):
    """A question, a text or a group."""

    link_id: str = msgspec.field(name="linkId")
    type: str
    text: str = ""
    beside: Translated = msgspec.field(default=Translated(), name="_text")
    required: bool = False
    repeats: bool = False
    max_length: int | None = msgspec.field(default=None, name="maxLength")
    enable_when: tuple[EnableWhen, ...] = msgspec.field(default=(), name="enableWhen")
    enable_behavior: str = msgspec.field(default="", name="enableBehavior")
    answer_option: tuple[AnswerOption, ...] = msgspec.field(default=(), name="answerOption")
    extension: tuple[Extension, ...] = ()
    item: tuple["QuestionnaireItem", ...] = ()


class QuestionnaireResource(Written, frozen=True):
    """A FHIR Questionnaire, as far as we read one."""

    resource_type: str = msgspec.field(name="resourceType")
    url: str
    version: str
    title: str = ""
    beside: Translated = msgspec.field(default=Translated(), name="_title")
    language: str = "fr"
    status: str = "active"
    item: tuple[QuestionnaireItem, ...] = ()
    id: str = ""
    name: str = ""
    date: str = ""
    publisher: str = ""
    description: str = ""
    copyright: str = ""
    subject_type: tuple[str, ...] = msgspec.field(default=(), name="subjectType")


class ResponseAnswer(Read, frozen=True):
    """One answer; items below an answer are none that we ask."""

    boolean: bool | None = msgspec.field(default=None, name="valueBoolean")
    integer: int | None = msgspec.field(default=None, name="valueInteger")
    decimal: float | int | None = msgspec.field(default=None, name="valueDecimal")
    string: str | None = msgspec.field(default=None, name="valueString")
    coding: Coding | None = msgspec.field(default=None, name="valueCoding")
    extension: tuple[dict[str, Any], ...] = ()
    item: tuple[Any, ...] = ()


class ResponseItem(Read, frozen=True):
    """What was answered to one item, or the items of a group."""

    link_id: str = msgspec.field(name="linkId")
    answer: tuple[ResponseAnswer, ...] = ()
    item: tuple["ResponseItem", ...] = ()


class ResponseResource(Read, frozen=True):
    """A FHIR QuestionnaireResponse, as far as we read one."""

    resource_type: str = msgspec.field(name="resourceType")
    questionnaire: str
    status: str
    item: tuple[ResponseItem, ...] = ()
    implicit_rules: str = msgspec.field(default="", name="implicitRules")
    modifiers: tuple[Any, ...] = msgspec.field(default=(), name="modifierExtension")


class Response(msgspec.Struct, frozen=True):
    """What was answered to which version of which questionnaire; codes are tuples, one alone too (see `to`)."""

    url: str
    version: str
    answers: dict[str, Value]

    def to(self, questionnaire: Questionnaire) -> dict[str, Value]:
        """Return the answers as the questionnaire's own: FHIR writes one of several choices like the choice of one."""
        return {link: _fitted(questionnaire.item_of.get(link), value) for link, value in self.answers.items()}


def _fitted(item: Item | None, value: Value) -> Value:
    if item is None or item.kind != "choice":
        return value
    if isinstance(value, tuple) and len(value) == 1:
        return value[0]
    return (value,) if isinstance(value, str) else value  # a text is no choice, though it may read like one


_questionnaire = msgspec.json.Decoder(QuestionnaireResource)
_response = msgspec.json.Decoder(ResponseResource)


def read_questionnaire(content: bytes) -> Questionnaire:
    """Return a FHIR Questionnaire as ours; raise Unreadable for one that uses what pathways do not.

    What it says wrongly (`questionnaire.mistakes`) is another matter: all of that can be told at once.
    """
    told = _decoded(_questionnaire, content)
    if told.resource_type != "Questionnaire":
        _refuse("resourceType", "is not Questionnaire")
    if told.language not in ("fr", "fr-FR"):
        _refuse("language", "must be fr: the English stands beside it, as a translation")
    return Questionnaire(
        url=told.url,
        version=told.version,
        title=_words("title", told.title, told.beside),
        items=tuple(_item(f"item[{place}]", each, 0) for place, each in enumerate(told.item)),
    )


def read_response(content: bytes) -> Response:
    """Return what a FHIR QuestionnaireResponse answers; raise Unreadable, in words that repeat none of it."""
    told = _decoded(_response, content)
    if told.resource_type != "QuestionnaireResponse":
        _refuse("resourceType", "is not QuestionnaireResponse")
    if told.implicit_rules or told.modifiers:
        _refuse("modifierExtension", "is not understood here")
    if told.status not in ANSWERED:
        _refuse("status", "must be completed or amended")
    url, _, version = told.questionnaire.partition("|")
    if not url or not version:
        _refuse("questionnaire", "must name the questionnaire and its version: url|version")
    answers: dict[str, Value] = {}
    _gather("item", told.item, answers, 0)
    return Response(url, version, answers)


def _decoded(decoder: msgspec.json.Decoder[T], content: bytes) -> T:
    if len(content) > MOST_BYTES:
        raise Unreadable(f"larger than {MOST_BYTES // 1024} KiB")
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not readable: {error}"[:300]) from None


def _refuse(path: str, message: str) -> NoReturn:
    raise Unreadable(f"{message} - at `$.{path}`")


# --- questionnaires --------------------------------------------------------------------------------------------------


def _words(path: str, french: str, beside: Translated) -> Words:
    """Return a text in both languages; what is not there is empty, and told by `mistakes`."""
    english = ""
    for place, extension in enumerate(beside.extension):
        where = f"{path.rpartition('.')[0]}._{path.rpartition('.')[2]}".lstrip(".") + f".extension[{place}]"
        if extension.url != TRANSLATION:
            _refuse(f"{where}.url", "is no translation")
        parts = {part.url: part.value_code or part.value_string or "" for part in extension.extension}
        if set(parts) != {"lang", "content"}:
            _refuse(where, "a translation has lang and content")
        if parts["lang"] == "en":
            english = parts["content"]
    return Words(fr=french, en=english)


def _item(path: str, told: QuestionnaireItem, depth: int) -> Item:
    if depth > MOST_DEPTH:
        _refuse(path, "nested too deeply")
    if told.type not in KINDS:
        _refuse(f"{path}.type", f"must be one of {', '.join(KINDS)}")
    kind = KINDS[told.type]
    if told.repeats and kind != "choice":
        _refuse(f"{path}.repeats", "only a choice repeats")
    if told.enable_behavior not in ("", "all", "any"):
        _refuse(f"{path}.enableBehavior", "must be all or any")
    if len(told.enable_when) > 1 and not told.enable_behavior:
        _refuse(f"{path}.enableWhen", "several need enableBehavior")
    known: dict[str, Extension] = {}
    for place, extension in enumerate(told.extension):
        if extension.url not in (UNIT, LOWEST, HIGHEST, UNKNOWABLE) or extension.url in known:
            _refuse(f"{path}.extension[{place}].url", "is not known here, or there twice")
        known[extension.url] = extension
    unit = known[UNIT].value_coding or {} if UNIT in known else {}
    return Item(
        link=told.link_id,
        kind="choices" if told.repeats else kind,
        text=_words(f"{path}.text", told.text, told.beside),
        required=told.required,
        unknowable=UNKNOWABLE in known and known[UNKNOWABLE].value_boolean is True,
        unit=unit.get("display") or unit.get("code") or "",
        lowest=known[LOWEST].number if LOWEST in known else None,
        highest=known[HIGHEST].number if HIGHEST in known else None,
        longest=LONGEST_TEXT if told.max_length is None else told.max_length,
        options=tuple(
            Option(option.coding.code, _words(f"{path}.answerOption[{place}].valueCoding.display", *_of(option.coding)))
            for place, option in enumerate(told.answer_option)
        ),
        when=tuple(_condition(f"{path}.enableWhen[{place}]", each) for place, each in enumerate(told.enable_when)),
        any_of=told.enable_behavior == "any",
        items=tuple(_item(f"{path}.item[{place}]", each, depth + 1) for place, each in enumerate(told.item)),
    )


def _of(coding: OptionCoding) -> tuple[str, Translated]:
    return coding.display, coding.beside


def _condition(path: str, told: EnableWhen) -> Condition:
    if told.operator not in OPERATORS:
        _refuse(f"{path}.operator", f"must be one of {', '.join(OPERATORS)}")
    coded = None if told.coding is None else told.coding.code
    given = [each for each in (told.boolean, told.integer, told.decimal, told.string, coded) if each is not None]
    if len(given) != 1:
        _refuse(path, "needs exactly one answer to compare with")
    return Condition(told.question, OPERATORS[told.operator], given[0])


# --- responses -------------------------------------------------------------------------------------------------------


def _gather(path: str, items: Sequence[ResponseItem], answers: dict[str, Value], depth: int) -> None:
    """Put what items answer into `answers`; an item without an answer has none."""
    if depth > MOST_DEPTH:
        _refuse(path, "nested too deeply")
    for place, told in enumerate(items):
        here = f"{path}[{place}]"
        _gather(f"{here}.item", told.item, answers, depth + 1)
        if not told.answer:
            continue
        if told.link_id in answers:
            _refuse(here, "is answered twice")
        if len(answers) >= MOST_ITEMS:
            _refuse(here, f"more than {MOST_ITEMS} answers")
        answers[told.link_id] = _value(f"{here}.answer", told.answer)


def _value(path: str, told: Sequence[ResponseAnswer]) -> Value:
    """Return one answer, or all that was chosen."""
    found = [_one(f"{path}[{place}]", each) for place, each in enumerate(told)]
    codes = tuple(answer.coding.code for answer in told if answer.coding is not None)
    if len(found) == 1 and not codes:
        return found[0]
    if len(codes) < len(found):
        _refuse(path, "only a choice has several answers")
    return codes


def _one(path: str, told: ResponseAnswer) -> bool | int | float | str | None:
    if told.item:
        _refuse(f"{path}.item", "no items are asked below an answer")
    coded = None if told.coding is None else told.coding.code
    given = [each for each in (told.boolean, told.integer, told.decimal, told.string, coded) if each is not None]
    absent = any(each.get("url") == ABSENT and each.get("valueCode") in ABSENT_REASONS for each in told.extension)
    if len(given) == 1 and not absent:
        return given[0]
    if absent and not given:
        return None
    _refuse(path, "must have exactly one value of a known type, or data-absent-reason")
