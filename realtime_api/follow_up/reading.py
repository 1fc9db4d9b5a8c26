"""What patients, their apps and special desks send: bytes to typed values, or all mistakes by path, none of a value."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec

from domain.errors import Unreadable
from domain.followup.ins import Sex
from domain.followup.questionnaire import MOST_ITEMS, Questionnaire, Value, why_impossible
from realtime_api.patients.asked import AT, UUID, Asked, Contact, FileAsked, day_of, read
from realtime_api.problems import Mistake, Problem

MOST_BYTES = 128 * 1024  # of one set of answers: its texts are the long part
MOST_LIST_BYTES = 1024 * 1024  # of a sitting, or of a list to be called
MOST_SITTING, MOST_CALLS = 200, 500  # rows
MOST_MISTAKES = 50
MOST_LINK = 200  # characters
PSEUDONYM = re.compile(r"[a-z2-7]{26}", re.ASCII)
SLOT = re.compile(r"[0-9]{1,4}-[0-9]{4}", re.ASCII)  # the day of the pathway, and the local time

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)  # FHIR's, whole
CODE = re.compile(r"[0-9]{6}", re.ASCII)
DEPARTEMENT = re.compile(r"\d{2,3}|2[AB]", re.ASCII)
DAY_FIRST = re.compile(r"(?P<day>\d\d?)/(?P<month>\d\d?)/(?P<year>\d{4})", re.ASCII)
NO_TEXT = "must be text"
OTHER_CELLS = "another number of cells"  # than the line of columns has
NEEDED = ("birth_name", "first_names", "birth_date", "phone")  # columns
Language = Literal["fr", "en"]
NONE_OF_THESE = ("\x00",)  # stands for a value of a type that no answer has: no item takes it


class LinkAsked(Asked, frozen=True):
    """The secret of a patient's link, from its fragment (`/a#…`)."""

    link: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        if not 0 < len(self.link) <= MOST_LINK:
            yield Mistake("link", "is no link's secret")


class AnswersAsked(LinkAsked, frozen=True):
    """Answers to the slot that is open: `id` is the sending's own, so that it is kept once however often it is sent.

    Answers are by linkId: true or false, a number, a text, a choice's code, several codes; null is *known to be
    unknown*. What was not answered is left out.
    """

    id: str
    slot: str
    answers: dict[str, Any]
    by: Literal["patient", "caregiver"] = "patient"

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for what the questionnaire says of it."""
        yield from super().mistakes(now)
        yield from _mistakes_of_sending("", self.id, self.slot, self.answers)


class ReadAsked(LinkAsked, frozen=True):
    """What opens one's own answers: the link, the birth date (YYYY-MM-DD), and the code that was sent."""

    birth_date: str
    code: str

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it."""
        yield from super().mistakes(now)
        if day_of(self.birth_date) is None:
            yield Mistake("birth_date", "must be a date: YYYY-MM-DD")
        if not CODE.fullmatch(self.code):
            yield Mistake("code", "must be six digits")


class SittingRow(Asked, frozen=True):
    """Answers of one resident, as in an answering page."""

    patient: str
    slot: str
    id: str
    answers: dict[str, Any]


class SittingAsked(Asked, frozen=True):
    """What staff asked of many residents in one sitting."""

    rows: list[SittingRow]

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for what the questionnaires say of it."""
        if not 0 < len(self.rows) <= MOST_SITTING:
            yield Mistake("rows", f"at least one is needed, and at most {MOST_SITTING}")
        for place, row in enumerate(self.rows):
            if not PSEUDONYM.fullmatch(row.patient):
                yield Mistake(f"rows[{place}].patient", "is no patient's id")
            yield from _mistakes_of_sending(f"rows[{place}].", row.id, row.slot, row.answers)
        if len({row.id for row in self.rows}) < len(self.rows):
            yield Mistake("rows", "two have the same id")


class CallRow(Asked, frozen=True):
    """Somebody to be called for the first time; dates are YYYY-MM-DD or DD/MM/YYYY, first names are parted by spaces.

    Every column is text that may be left out: what is wrong or missing is told of all of them at once.
    """

    birth_name: str = ""
    first_names: str = ""
    birth_date: str = ""
    phone: str = ""
    sex: str = "unknown"
    used_name: str = ""
    email: str = ""
    language: str = "fr"
    departement: str = ""
    symptoms_date: str = ""

    @property
    def file(self) -> FileAsked:
        """Return what is known of them, as the doors of enrolment have it."""
        return FileAsked(
            birth_name=self.birth_name,
            first_names=tuple(self.first_names.split()),
            birth_date=_iso(self.birth_date),
            sex=cast("Sex", self.sex),
            used_name=self.used_name,
            language=cast("Language", self.language),
            contact=Contact(phone=self.phone, email=self.email),
            symptoms_date=_iso(self.symptoms_date) or None,
        )

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, each by its column."""
        columns = {name: Mistake(name, "is missing") for name in NEEDED if not getattr(self, name)}
        for path, message in self.file.mistakes(now):
            column = path.removeprefix("contact.").partition("[")[0]
            columns.setdefault(column, Mistake(column, message))
        yield from columns.values()
        for name, known in (("sex", get_args(Sex)), ("language", get_args(Language))):
            if getattr(self, name) not in known:
                yield Mistake(name, f"must be one of {', '.join(known)}")
        if self.departement and not DEPARTEMENT.fullmatch(self.departement):
            yield Mistake("departement", "must be a département's code")


def _iso(told: str) -> str:
    """Return a date as ISO has it, where it is written as in France, the day first."""
    found = DAY_FIRST.fullmatch(told)
    return told if found is None else f"{found['year']}-{int(found['month']):02}-{int(found['day']):02}"


COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(CallRow))


class CallsAsked(Asked, frozen=True):
    """A list of people to be called, for a pathway that begins so."""

    pathway: str
    rows: list[dict[str, Any]]

    def mistakes(self, now: int) -> Iterator[Mistake]:
        """Yield what is wrong with it, but for its rows."""
        if not 0 < len(self.rows) <= MOST_CALLS:
            yield Mistake("rows", f"at least one is needed, and at most {MOST_CALLS}")


class Row(NamedTuple):
    """A row of a list, from 1 on, and its line in the sheet: what it says, or what is wrong with it."""

    number: int
    line: int
    asked: CallRow | None
    mistakes: Sequence[Mistake]


def _mistakes_of_sending(at: str, id_: str, slot: str, answers: Mapping[str, Any]) -> Iterator[Mistake]:
    if not UUID.fullmatch(id_):
        yield Mistake(f"{at}id", "must be a UUID, in small letters")
    if not SLOT.fullmatch(slot):
        yield Mistake(f"{at}slot", "is no slot")
    if not answers:  # it would count as an answer, and nobody would look why there was none
        yield Mistake(f"{at}answers", "nothing is answered")
    if len(answers) > MOST_ITEMS:
        yield Mistake(f"{at}answers", f"at most {MOST_ITEMS}")


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
    def authored_at(self) -> int | None:
        """Return when it was answered (ms), None where it does not say so to the second and with its zone."""
        if not INSTANT.fullmatch(self.authored):
            return None
        try:
            return round(datetime.fromisoformat(self.authored).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None

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


def read_calls(body: bytes, media: str, pathway: str, now: int) -> tuple[str, list[Row]]:
    """Return the pathway and the rows of a list, as JSON or CSV (`;` or `,`); raise Unreadable or a Problem."""
    if media == "text/csv":
        return pathway, list(_rows(_csv(body), now))
    asked = read(body, CallsAsked, now)
    return asked.pathway, list(_rows(enumerate(asked.rows, 1), now))


def _csv(body: bytes) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """Return the rows, each with its line in a spreadsheet."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True)
    try:
        cells = ((number, [cell.strip() for cell in line]) for number, line in enumerate(reader, 1))
        lines = [(number, line) for number, line in cells if any(line)]
    except csv.Error:
        raise Unreadable("not CSV") from None
    header, rows = (lines[0][1] if lines else []), lines[1:]
    wrong = [
        Mistake(f"header.#{place}", "is no column of this") for place, name in enumerate(header) if name not in COLUMNS
    ]
    if len(set(header)) < len(header):
        wrong.append(Mistake("header", "names a column twice"))
    if not 0 < len(rows) <= MOST_CALLS:
        wrong.append(Mistake("rows", f"at least one is needed, and at most {MOST_CALLS}"))
    if wrong:
        raise Problem("wrong-fields", mistakes=wrong[:MOST_MISTAKES])
    return [
        (number, dict(zip(header, line, strict=True)) if len(line) == len(header) else {"": OTHER_CELLS})
        for number, line in ((number, [*line, *[""] * (len(header) - len(line))]) for number, line in rows)
    ]


def _rows(given: Iterable[tuple[int, Mapping[str, Any]]], now: int) -> Iterator[Row]:
    for number, (line, row) in enumerate(given, 1):
        if "" in row:
            yield Row(number, line, None, (Mistake("row", OTHER_CELLS),))
            continue
        odd = {name: Mistake(name, NO_TEXT) for name in COLUMNS if not isinstance(row.get(name, ""), str)}
        # An empty cell says nothing: what it may leave out, it leaves out.
        told = msgspec.json.encode({name: value for name, value in row.items() if value != "" and name not in odd})
        asked: CallRow | None = None
        wrong: Sequence[Mistake] = ()
        try:
            asked = read(told, CallRow, now)
        except Problem as problem:
            wrong = [each for each in problem.mistakes if each.path not in odd]
        wrong = (*odd.values(), *wrong)
        yield Row(number, line, None if wrong else asked, wrong)
