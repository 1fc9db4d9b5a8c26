"""What patients, their apps and special desks send: bytes to typed values, or all mistakes by path, none of a value."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple, TypeVar, get_type_hints

import msgspec

from domain.errors import Unreadable
from domain.followup.ins import LONGEST_NAME, Sex
from domain.followup.questionnaire import MOST_ITEMS, Questionnaire, Value, why_impossible
from realtime_api.problems import Mistake, Problem

MOST_BYTES = 128 * 1024  # of one set of answers: its texts are the long part
MOST_LIST_BYTES = 1024 * 1024  # of a sitting, or of a list to be called
MOST_SITTING, MOST_CALLS = 200, 500  # rows
MOST_MISTAKES = 50
MOST_LINK, MOST_ID, MOST_SLOT = 200, 64, 20  # characters
MOST_CONTACT = 200
SENDING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
BIRTH_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
PHONE = re.compile(r"\+?[0-9][0-9 .()-]{5,24}", re.ASCII)
EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,180}\.[^@\s<>\".]{2,}")
DEPARTEMENT = re.compile(r"\d{2,3}|2[AB]", re.ASCII)
EARLIEST_BIRTH = "1890-01-01"
# What msgspec says of a wrong value, where it would repeat the value or a name that its sender made up.
TELLING = re.compile(r"(Invalid enum value|Object contains unknown field)\b.*?(?= - at |$)", re.DOTALL)
AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
NONE_OF_THESE = ("\x00",)  # stands for a value of a type that no answer has: no item takes it


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a door is sent."""


class LinkAsked(Asked, frozen=True):
    """The secret of a patient's link, from its fragment (`/a#…`)."""

    link: str


class AnswersAsked(Asked, frozen=True):
    """Answers to the slot that is open: `id` is the sending's own, so that it is kept once however often it is sent.

    Answers are by linkId: true or false, a number, a text, a choice's code, several codes; null is *known to be
    unknown*. What was not answered is left out.
    """

    link: str
    id: str
    slot: str
    answers: dict[str, Any]
    by: Literal["patient", "caregiver"] = "patient"


class ReadAsked(Asked, frozen=True):
    """What opens one's own answers: the link, the birth date (YYYY-MM-DD), and the code that was sent."""

    link: str
    birth_date: str
    code: str


class SittingRow(Asked, frozen=True):
    """Answers of one resident, as in an answering page."""

    patient: str
    slot: str
    id: str
    answers: dict[str, Any]


class SittingAsked(Asked, frozen=True):
    """What staff asked of many residents in one sitting."""

    rows: list[SittingRow]


class CallRow(Asked, frozen=True):
    """Somebody to be called for the first time; dates are YYYY-MM-DD, several first names are parted by spaces."""

    birth_name: str
    first_names: str
    birth_date: str
    phone: str
    sex: Sex = "unknown"
    used_name: str = ""
    email: str = ""
    language: str = "fr"
    departement: str = ""
    symptoms_date: str = ""


class CallsAsked(Asked, frozen=True):
    """A list of people to be called, for a pathway that begins so."""

    pathway: str
    rows: list[dict[str, Any]]


class Row(NamedTuple):
    """A row of a list, from 1 on: what it says, or what is wrong with it."""

    number: int
    asked: CallRow | None
    mistakes: list[Mistake]


A = TypeVar("A", bound=Asked)


# --- one body --------------------------------------------------------------------------------------------------------


def read(body: bytes, kind: type[A]) -> A:
    """Return what a body says; raise Unreadable, or a Problem with all that is wrong with it."""
    given = _json(body)
    if not isinstance(given, dict):
        raise Problem("wrong-fields", mistakes=[Mistake("", "must be an object")])
    asked, wrong = _read(given, kind)
    if asked is None:
        raise Problem("wrong-fields", mistakes=wrong[:MOST_MISTAKES])
    return asked


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise Unreadable("not JSON: nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreadable("not JSON") from None


def _read(given: Mapping[str, Any], kind: type[A]) -> tuple[A | None, list[Mistake]]:
    wrong = list(_wrong_fields(given, kind))
    if wrong:
        return None, wrong
    asked = msgspec.convert(given, kind)
    wrong = list(_mistakes(asked))
    return (None, wrong) if wrong else (asked, [])


def _wrong_fields(given: Mapping[str, Any], kind: type[msgspec.Struct]) -> Iterator[Mistake]:
    """Yield a mistake for each field that is missing, mistyped, or unknown (by its place: its name may be content)."""
    types = get_type_hints(kind)
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in known.items():
        if field.required and name not in given:
            yield Mistake(name, "is missing")
    for place, (name, value) in enumerate(given.items()):
        if name not in known:
            yield Mistake(f"#{place}", "is no field of this")
            continue
        try:
            msgspec.convert(value, types[known[name].name])
        except msgspec.ValidationError as error:
            said = TELLING.sub("is none of what can be said here", str(error))
            at = AT.search(said)
            within = "" if at is None else at["path"]
            joined = name if not within else f"{name}{within}" if within.startswith("[") else f"{name}.{within}"
            yield Mistake(joined[:MOST_CONTACT], AT.sub("", said)[:MOST_CONTACT])


def _mistakes(asked: Asked) -> Iterator[Mistake]:
    """Yield what is wrong with what is well typed."""
    if isinstance(asked, (LinkAsked, AnswersAsked, ReadAsked)) and not 0 < len(asked.link) <= MOST_LINK:
        yield Mistake("link", "is no link's secret")
    if isinstance(asked, AnswersAsked):
        yield from _mistakes_of_sending("", asked.id, asked.slot, asked.answers)
    elif isinstance(asked, ReadAsked):
        if not is_date(asked.birth_date):
            yield Mistake("birth_date", "must be a date: YYYY-MM-DD")
        if not (len(asked.code) == 6 and asked.code.isascii() and asked.code.isdigit()):
            yield Mistake("code", "must be six digits")
    elif isinstance(asked, SittingAsked):
        if not 0 < len(asked.rows) <= MOST_SITTING:
            yield Mistake("rows", f"at least one is needed, and at most {MOST_SITTING}")
        for place, row in enumerate(asked.rows):
            if not 0 < len(row.patient) <= MOST_ID:
                yield Mistake(f"rows[{place}].patient", "is no patient's id")
            yield from _mistakes_of_sending(f"rows[{place}].", row.id, row.slot, row.answers)
        ids = [row.id for row in asked.rows]
        if len(set(ids)) < len(ids):
            yield Mistake("rows", "two have the same id")
    elif isinstance(asked, CallsAsked):
        if not 0 < len(asked.rows) <= MOST_CALLS:
            yield Mistake("rows", f"at least one is needed, and at most {MOST_CALLS}")
    elif isinstance(asked, CallRow):
        yield from _mistakes_of_call(asked)


def _mistakes_of_sending(at: str, id_: str, slot: str, answers: Mapping[str, Any]) -> Iterator[Mistake]:
    if not SENDING.fullmatch(id_):
        yield Mistake(f"{at}id", "must be a UUID, in small letters")
    if not 0 < len(slot) <= MOST_SLOT:
        yield Mistake(f"{at}slot", "is no slot")
    if not answers:  # it would count as an answer, and nobody would look why there was none
        yield Mistake(f"{at}answers", "nothing is answered")
    if len(answers) > MOST_ITEMS:
        yield Mistake(f"{at}answers", f"at most {MOST_ITEMS}")


def is_date(told: str) -> bool:
    """Return whether a text is a day since 1890."""
    try:
        return bool(BIRTH_DATE.fullmatch(told)) and bool(date.fromisoformat(told)) and told >= EARLIEST_BIRTH
    except ValueError:
        return False


# --- answers ---------------------------------------------------------------------------------------------------------


def fitted(questionnaire: Questionnaire, given: Mapping[str, Any], at: str) -> tuple[dict[str, Value], list[Mistake]]:
    """Return answers as the questionnaire's own, and what is wrong with them by path, in words that repeat nothing.

    What nobody asked is told by its place: the name that its sender gave it may be content.
    """
    answers: dict[str, Value] = {}
    wrong: list[Mistake] = []
    for place, (link, value) in enumerate(given.items()):
        item = questionnaire.item_of.get(link)
        if item is None:
            wrong.append(Mistake(f"{at}.#{place}", "no such question"))
            continue
        answers[link] = _value(value)
        why = why_impossible(item, answers[link])
        if why:
            wrong.append(Mistake(f"{at}.{questionnaire.path_of[link]}", why))
    return answers, wrong[:MOST_MISTAKES]


def _value(given: Any) -> Value:
    if given is None or isinstance(given, (bool, int, float, str)):
        return given
    if isinstance(given, (list, tuple)) and all(isinstance(each, str) for each in given):
        return tuple(given)
    return NONE_OF_THESE


class FhirIdentifier(msgspec.Struct, frozen=True):
    """The sender's own name for a response."""

    value: str = ""
    system: str = ""


class FhirReference(msgspec.Struct, frozen=True):
    """Whom a response is about."""

    reference: str = ""


class FhirEnvelope(msgspec.Struct, frozen=True):
    """What a QuestionnaireResponse says of itself beside its answers."""

    identifier: FhirIdentifier | None = None
    authored: str = ""
    subject: FhirReference | None = None

    @property
    def patient(self) -> str:
        """Return the id of the patient that it names, empty where it names none."""
        reference = "" if self.subject is None else self.subject.reference
        kind, _, id_ = reference.rpartition("/")
        return id_ if kind == "Patient" or kind.endswith("/Patient") else ""

    @property
    def name(self) -> str:
        """Return what tells this response from the sender's others, empty where nothing does."""
        told = (self.identifier and (self.identifier.system, self.identifier.value), self.authored)
        return hashlib.sha256(repr(told).encode()).hexdigest() if any(told) else ""


_envelope = msgspec.json.Decoder(FhirEnvelope)


def read_envelope(body: bytes) -> FhirEnvelope:
    """Return what a QuestionnaireResponse says of itself; raise Unreadable."""
    try:
        return _envelope.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        at = AT.search(str(error))
        raise Unreadable("not readable" + (at[0] if at else "")) from None


# --- lists to be called ----------------------------------------------------------------------------------------------


def read_calls(body: bytes, media: str, pathway: str) -> tuple[str, list[Row]]:
    """Return the pathway and the rows of a list, as JSON or CSV (`;` or `,`); raise Unreadable or a Problem."""
    if media == "text/csv":
        return pathway, list(_rows(_csv(body)))
    asked = read(body, CallsAsked)
    return asked.pathway, list(_rows(asked.rows))


def _csv(body: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True)
    try:
        lines = [[cell.strip() for cell in line] for line in reader if any(cell.strip() for cell in line)]
    except csv.Error:
        raise Unreadable("not CSV") from None
    header, rows = (lines[0] if lines else []), lines[1:]
    known = {field.encode_name for field in msgspec.structs.fields(CallRow)}
    wrong = [
        Mistake(f"header.#{place}", "is no column of this") for place, name in enumerate(header) if name not in known
    ]
    if len(set(header)) < len(header):
        wrong.append(Mistake("header", "names a column twice"))
    if not 0 < len(rows) <= MOST_CALLS:
        wrong.append(Mistake("rows", f"at least one is needed, and at most {MOST_CALLS}"))
    if wrong:
        raise Problem("wrong-fields", mistakes=wrong[:MOST_MISTAKES])
    return [
        dict(zip(header, line, strict=True)) if len(line) == len(header) else {"": "another number of cells"}
        for line in ([*line, *[""] * (len(header) - len(line))] for line in rows)
    ]


def _rows(given: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for number, row in enumerate(given, 1):
        # An empty cell says nothing: what it may leave out, it leaves out.
        told = {name: value for name, value in row.items() if value != ""}
        asked, wrong = _read(told, CallRow)
        yield Row(number, asked, wrong[:MOST_MISTAKES])


def _mistakes_of_call(row: CallRow) -> Iterator[Mistake]:
    for name, text, needed in (
        ("birth_name", row.birth_name, True),
        ("first_names", row.first_names, True),
        ("used_name", row.used_name, False),
    ):
        if (needed and not text.strip()) or len(text) > LONGEST_NAME or not _is_a_name(text):
            yield Mistake(name, f"must be a name of at most {LONGEST_NAME} characters")
    if not is_date(row.birth_date):
        yield Mistake("birth_date", "must be a date: YYYY-MM-DD")
    if row.symptoms_date and not is_date(row.symptoms_date):
        yield Mistake("symptoms_date", "must be a date: YYYY-MM-DD")
    if not PHONE.fullmatch(row.phone):
        yield Mistake("phone", "must be a telephone number")
    if row.email and (len(row.email) > MOST_CONTACT or not EMAIL.fullmatch(row.email)):
        yield Mistake("email", "must be an e-mail address")
    if row.language not in ("fr", "en"):
        yield Mistake("language", "must be fr or en")
    if row.departement and not DEPARTEMENT.fullmatch(row.departement):
        yield Mistake("departement", "must be a département's code")


def _is_a_name(text: str) -> bool:
    return all(sign.isprintable() for sign in text)
