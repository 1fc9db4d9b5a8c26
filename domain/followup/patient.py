"""A followed patient as anybody who runs vigilits may see one: a pseudonym, instants and colours, and no content."""

from typing import Literal

import msgspec

from domain.alerts.routing import Zone
from domain.followup.pathway import Colour
from domain.followup.schedule import Due

MemberRole = Literal["physician", "nurse", "coordinator", "tracing_agent", "ehpad", "samu", "geriatrics", "on_call"]
Channel = Literal["sms", "smtp"]  # by which a patient is written to, in the order of their wish
AnsweredBy = Literal["patient", "caregiver", "staff", "app"]
Status = Literal[
    "calling",  # waits for a first call, and for an agreement
    "followed",
    "paused",
    "stopped",  # by the patient or the circle: nothing is asked any more
    "ended",
    "refused",
]
OVER: tuple[Status, ...] = ("stopped", "ended", "refused")


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A professional of a patient's circle; with an end, one who was on call, or who broke the glass.

    Who has lapsed is passed by: no grant lets them be this any more, until one does again.
    """

    subject: str
    role: MemberRole
    until: int | None = None
    lapsed: bool = False

    @property
    def broke_glass(self) -> bool:
        """Return whether this one only looks: acts are the circle's."""
        return self.until is not None and self.role != "on_call"


class SlotState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one slot: of which colour its answers are, when and by whom they were given, or that none were.

    `lacks` is how many of those that are required are still missing.
    """

    state: Literal["open", "answered", "missed", "skipped"]
    due_at: int
    colour: Colour = "green"
    incomplete: bool = False
    lacks: int = 0
    at: int | None = None
    by: AnsweredBy | None = None
    corrections: int = 0
    reached: bool = True  # False: no message that asks for it went out by now
    asked_by: tuple[Channel, ...] = ()  # the channels that such a message was put on, while none went out


class PatientAlert(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The alert of a patient that is open, one at a time: only a person closes it. Why it is there is in the chart.

    `colour` is the gravest since it was opened; `news`, how often something grave was found, what raised it among it.
    Who took it looks again at `check_at`; when that passes, or the colour rises, it is opened again.
    """

    id: str
    colour: Colour
    status: Literal["firing", "acknowledged"]
    opened_at: int
    slot: str
    news: int = 1
    worsened_at: int | None = None
    taken_by: str | None = None
    taken_at: int | None = None
    check_at: int | None = None
    reopened: int = 0
    planned_at: int = 0  # as of when whoever is told was worked out: when it was last opened, or worsened


class Closed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An alert that a person closed, and what came of it."""

    id: str
    colour: Colour
    opened_at: int
    closed_at: int
    closed_by: str
    outcome: str
    taken_at: int | None = None


class Patient(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One patient of one pathway; instants in ms. Content is in the chart, the slots and the story, which are sealed.

    `slot` is the one that is due next or open now; `asked` counts the steps of it that were run. `slots` are what
    became of the last ones. `changed` is the offset of the last record that changed anything of the patient.
    """

    id: str
    key: str
    pathway: str
    status: Status
    circle: tuple[Member, ...]
    zone: Zone
    first_day: int
    enrolled_at: int
    channels: tuple[Channel, ...] = ()
    departement: str = ""
    facility: str = ""
    changed: int = 0
    slot: Due | None = None
    asked: int = 0
    slots: dict[str, SlotState] = {}
    colour: Colour | None = None  # of the last slot that was answered or missed
    colour_at: int | None = None
    incomplete: bool = False
    answered_at: int | None = None
    alert: PatientAlert | None = None
    closed: tuple[Closed, ...] = ()  # the last 20
    muted_until: int | None = None  # the last mute's end
    mute_ends: tuple[int, ...] = ()  # of those that last, rising
    memos: dict[str, int] = {}  # by id, when each is due; those that are not done
    memos_by: dict[str, str] = {}  # and whose each is
    read: dict[str, int] = {}  # by subject, up to when they have read the thread
    written_at: int | None = None  # the thread's last message
    call_at: int | None = None  # the next call
    calls: int = 0
    late_call: int | None = None  # the `call_at` of the last call that was found late
    teleconsultations: int = 0
    over_at: int | None = None
    stopped_by_patient: bool = False
    summary: Literal["", "due", "sent", "received"] = ""
    erase_at: int | None = None  # when the key is to be destroyed
    erase_told: bool = False  # the circle was told that it will be
    case_at: int | None = None  # when a resident was last counted as a case of their facility
    sent_away: dict[str, int] = {}  # whom others took out on a night on call, and until when that night lasts
    links: int = 0  # how often those that were sent were revoked: none of before opens any more
    codes: dict[str, int] = {}  # when a code was asked for of late, by the event that asked
    unreadable: bool = False  # the file can't be read: what is answered can't be either, until it can
    refused_at: dict[Colour, int] = {}  # when somebody was last made to answer for one of that colour not taken in
    ran_at: int = 0  # up to when whatever happens by time alone has happened

    def sent_off(self, subject: str, at: int) -> bool:
        """Return whether others took somebody out of the circle on the night on call that still lasts then."""
        return at < self.sent_away.get(subject, 0)
