"""What the patient's doors and the special desks answer, as types that `/openapi.json` describes."""

from typing import Literal

import msgspec

from domain.followup.chart import File
from domain.followup.patient import AnsweredBy, Status
from domain.followup.presence import Span
from domain.followup.questionnaire import Questionnaire, Value
from domain.followup.red_flags import RedFlag
from domain.places import Words
from realtime_api.problems import WrongField


class AnswerPage(msgspec.Struct, frozen=True):
    """What the answering page needs: what is asked and until when. It tells nothing of the person.

    `slot` is null where nothing can be answered now; `opens_at` is then when the next one can, if there is one.
    `lacks` is how many required answers are missing from those that were sent, not which. `flags` are the answers on
    which the page itself says to call 15, by the limits in force for this patient; `stop` says what is deleted when.
    `presence` tells, on from `at` (our clock, ms) and for some days, when somebody is there to read a red: a page
    that is open or without a network for long says by itself when nobody is. `whose` is the same for all links of one
    patient, and says no more: what one link could not bring any more, the patient's next one may.
    """

    at: int
    region: str
    whose: str
    language: Literal["fr", "en"]
    status: Status
    slot: str | None
    opens_at: int | None
    due_at: int | None
    closes_at: int | None
    answered: bool
    lacks: int
    questionnaire: Questionnaire
    flags: list[RedFlag]
    stop: Words
    presence: list[Span]


class Received(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers that are kept, since when (ms); with `pending`, on the log, and not known to be taken yet: ask again.

    With `call_15` the page says to call 15, whatever its own flags say: the slot is red now, by a score or a limit that
    the page does not know, or it is graver than anybody is there for at this hour.
    """

    received_at: int
    pending: bool = False
    call_15: bool = False


class Stopped(msgspec.Struct, frozen=True):
    """Since when nothing is asked any more, by when all is erased, and whether that waits for a person.

    Both instants are null where the outcome is not known yet.
    """

    over_at: int | None
    erased_by: int | None
    waits: bool


class CodeSent(msgspec.Struct, frozen=True):
    """For how many minutes a code is good, if one was sent: what is answered is the same whether or not."""

    minutes: int


class OwnSending(msgspec.Struct, frozen=True):
    """When answers were sent, and by whom."""

    at: int
    by: AnsweredBy


class OwnSlot(msgspec.Struct, frozen=True):
    """What was answered to a slot: what counts of it, and what was said first of items that were corrected since."""

    slot: str
    due_at: int | None
    sent: list[OwnSending]
    answers: dict[str, Value]
    first: dict[str, Value]


class OwnAccess(msgspec.Struct, frozen=True):
    """Who saw the file, or tried to: a person's id and, where known, name.

    `patient` is whoever holds the link and the code, `link` whoever holds the link alone.
    """

    at: int
    who: str
    name: str | None
    act: str
    screen: str


class OwnFile(msgspec.Struct, frozen=True):
    """All that a patient reads of themselves; of thresholds of their own, the values without the reasons."""

    file: File
    questionnaire: Questionnaire
    slots: list[OwnSlot]
    trail: list[OwnAccess]


class Resident(msgspec.Struct, frozen=True, omit_defaults=True):
    """A resident, and the slot that is open or next; what was answered to it so far is told to their circle alone.

    `state` is of that slot: `none` where nothing is to be asked. `missing` names the required items that are not
    among what was answered. With `call_15` what was answered asks for the 15: it stays for the round, whoever
    looks then. `flags` are theirs where limits of their own are in force, else the pathway's are.
    """

    id: str
    name: str
    room: str
    pathway: str
    status: Status
    state: Literal["none", "waits", "open", "answered", "missed"]
    slot: str | None = None
    opens_at: int | None = None
    due_at: int | None = None
    closes_at: int | None = None
    received_at: int | None = None
    missing: tuple[str, ...] = ()
    call_15: bool = False
    answers: dict[str, Value] | None = None
    flags: list[RedFlag] | None = None


class Sitting(msgspec.Struct, frozen=True):
    """The residents of a facility; questionnaires and red flags by `<pathway>/<version>`."""

    at: int
    facility: str
    name: str
    residents: list[Resident]
    questionnaires: dict[str, Questionnaire]
    flags: dict[str, list[RedFlag]]


class SittingAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one resident's answers; `kind` is that of a problem, `call_15` is as in `Received`.

    `lacks` is how many required answers the slot is still without, whoever gave the others.
    """

    patient: str
    slot: str
    id: str
    status: int
    kind: str | None = None
    errors: list[WrongField] | None = None
    received_at: int | None = None
    lacks: int = 0
    call_15: bool = False


class SittingAnswers(msgspec.Struct, frozen=True):
    """What became of each row, in their order."""

    rows: list[SittingAnswer]


class Call(msgspec.Struct, frozen=True):
    """Somebody to be called for the first time, how often that was tried, when to try next, and what is said.

    `birth_date` is for whoever calls to be sure whom they have on the line; `title` is the pathway's.
    """

    id: str
    name: str
    birth_date: str
    departement: str
    title: Words
    phone: str
    calls: int
    call_at: int | None
    script: Words
    pathway: str


class Calls(msgspec.Struct, frozen=True):
    """Who is to be called, in the order of the agreed times."""

    at: int
    calls: list[Call]


class Imported(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one row (1 is the first below the header): the file's id, or all that is wrong with it.

    `line` is the row's own in a spreadsheet, header and blank lines counted.

    Kind `similar`: there is a file of this pathway that may be the same person's, and a second is not made.
    """

    row: int
    line: int
    id: str | None = None
    pending: bool = False
    kind: str | None = None
    errors: list[WrongField] | None = None


class ImportedRows(msgspec.Struct, frozen=True):
    """What became of each row."""

    rows: list[Imported]


class TrailLine(msgspec.Struct, frozen=True):
    """One access: who, by which grant, did what to which file (a pseudonym), on which screen. Never what it held."""

    number: int
    at: int
    who: str
    name: str | None
    grant: str
    act: str
    file: str
    screen: str


class TrailShown(msgspec.Struct, frozen=True):
    """A page of the access trail, newest first; `next` goes into `before` for the page below."""

    entries: list[TrailLine]
    next: int | None
