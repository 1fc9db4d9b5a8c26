"""A patient's content, as it is when opened: who it is, what was answered and what it means. Never stored in clear."""

import msgspec

from domain.followup.ins import Ins, Sex
from domain.followup.news2 import Scale
from domain.followup.pathway import Care
from domain.followup.patient import AnsweredBy
from domain.followup.questionnaire import Value
from domain.followup.score import Finding, Result
from domain.places import Place

LONGEST_NOTE = 4_000  # characters of a message, a memo, a reason


class Content(Place, frozen=True, forbid_unknown_fields=False):
    """Any part of it: what a newer vigilits added is passed over, lest after a rollback no file could be read."""


class Contact(Content, frozen=True):
    """By what somebody can be reached."""

    phone: str = ""
    email: str = ""


class Caregiver(Content, frozen=True):
    """Somebody near, who may answer in the patient's place."""

    name: str
    relation: str = ""
    contact: Contact = Contact()


class Consent(Content, frozen=True):
    """Who agreed to which version of the text, when, and who recorded it; in which capacity, for a representative."""

    text_version: str
    given_at: int
    recorded_by: str
    by: str = "patient"  # or representative
    representative: str = ""
    capacity: str = ""


class OwnThreshold(Content, frozen=True):
    """A threshold of this patient's own: by whom, when and why."""

    value: float
    set_by: str
    set_at: int
    reason: str


class Residence(Content, frozen=True):
    """What an EHPAD has on file of a resident."""

    room: str = ""
    level_of_care: str = ""
    directives: str = ""
    person_of_trust: str = ""
    coordinating_physician: str = ""
    geriatric_hotline: str = ""


class File(Content, frozen=True):
    """Who a patient is and what is known of them. Dates are ISO; `symptoms_day` counts local days since 1970."""

    birth_name: str
    first_names: tuple[str, ...]
    birth_date: str
    sex: Sex
    used_name: str = ""
    birth_place: str = ""
    ins: Ins | None = None
    language: str = "fr"
    contact: Contact = Contact()
    caregivers: tuple[Caregiver, ...] = ()
    consent: Consent | None = None
    consent_before: Consent | None = None  # that stood until what they agreed to on the telephone
    symptoms_day: int | None = None
    pregnant: bool = False
    scale: Scale = 1
    scale_2_prescribed_by: str = ""
    care: Care | None = None  # what they have now
    thresholds: dict[str, OwnThreshold] = msgspec.field(default_factory=dict)
    residence: Residence | None = None


class Mute(Content, frozen=True):
    """A rule that raises no alert for a while, and why."""

    rule: str
    reason: str
    by: str = ""
    until: int = 0
    since: int = 0  # when it was muted first, without an end between


class Sending(Content, frozen=True):
    """Answers as they were sent once."""

    id: str
    at: int
    by: AnsweredBy
    answers: dict[str, Value]


class SlotContent(Content, frozen=True):
    """All that was answered to one slot, what counts of it, and what that means; None where nobody answered."""

    slot: str
    day: int
    sent: tuple[Sending, ...] = ()
    answers: dict[str, Value] = msgspec.field(default_factory=dict)
    first: dict[str, Value] = msgspec.field(
        default_factory=dict
    )  # what was said first of items that were corrected since
    result: Result | None = None


class Earlier(Content, frozen=True):
    """What was answered on an earlier day, as far as some trend looks at it."""

    day: int
    answers: dict[str, Value]


class Heard(Content, frozen=True):
    """What is grave in a slot, and what of it somebody was made to answer for, by rule.

    What is muted is grave and not told. What an answer takes back is neither any more: should it come again, it is new.
    """

    grave: tuple[Finding, ...] = ()
    told: dict[str, Finding] = msgspec.field(default_factory=dict)


class Chart(Content, frozen=True):
    """What the fold reads of a patient: the file, the open slot, the days before it, mutes, and why there is an alert.

    `why` is of the alert that is open, else of the last one: to close it is in the patient's row, and needs no key.
    `heard` is by slot: of the present one, and of those in which something is muted still.

    One sealed piece; the slots that are past, and the story, are pieces of their own that the fold never reads back.
    """

    file: File
    current: SlotContent | None = None
    before: tuple[Earlier, ...] = ()
    mutes: tuple[Mute, ...] = ()
    why: tuple[Finding, ...] = ()
    heard: dict[str, Heard] = msgspec.field(default_factory=dict)
