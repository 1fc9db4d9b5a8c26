"""The shapes of what the clinicians' doors say, from which they are described."""

from typing import Any, Literal

import msgspec

from domain.followup.chart import File, Mute, Sending
from domain.followup.pathway import Colour, Pathway
from domain.followup.patient import SlotState
from domain.followup.questionnaire import Value
from domain.followup.score import Finding, Result, Source, Suggestion
from domain.places import Words
from realtime_api.push.patients import RowShown
from realtime_api.shapes import Links

Trend = Literal["up", "down", "flat"]


class PathwaysShown(msgspec.Struct, frozen=True):
    """The pathways that a patient can begin, each in its newest version, and the region's time zone.

    `begins` are the ids of those that the asker may open a file of.
    """

    pathways: list[Pathway]
    zone: str
    begins: list[str]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that speaks, in words: for which answer, beyond which threshold and whose, with which points."""

    rule: str
    words: Words
    colour: Colour
    item: str = ""
    value: Value = None
    threshold: float | None = None
    whose: Source = "default"
    points: int | None = None
    unit: str = ""


class ToAsk(msgspec.Struct, frozen=True):
    """A question that is still to be answered, and as what its number is read, for short."""

    item: str
    words: Words
    reading: str = ""


class BoardPatient(RowShown, frozen=True, omit_defaults=False, kw_only=True):
    """A row with what is opened of it: who it is, and why they have their colour. A trend that goes up is worse."""

    name: str
    age: int | None
    title: Words
    range: tuple[int, int] | None
    trend: Trend | None
    reasons: list[Reason]
    ask: list[ToAsk]
    suggestion: Suggestion | None
    unread: int
    memos_due: int
    taken_by_name: str | None


class BoardShown(msgspec.Struct, frozen=True):
    """The patients of whose circle the asker is, the gravest first; `left_off` of them were too many to be opened.

    `channels` are those of `/ws` on which their rows live on.
    """

    at: int
    channels: list[str]
    patients: list[BoardPatient]
    left_off: int


class FoundShown(msgspec.Struct, frozen=True):
    """The pseudonyms of the patients of one's own circle that were found, and of those whose glass one may break.

    Of these nothing else is told: a pathway's name can say which illness they have.
    """

    patients: list[str]
    elsewhere: list[str]


class SummaryKeys(msgspec.Struct, frozen=True):
    """The public keys of summaries' signatures (a JWK set, RFC 7517)."""

    keys: list[dict[str, Any]]


class EnrolledLinks(msgspec.Struct, frozen=True):
    """Where the patient's page is, and where they answer; null where that is not for the asker, or not known yet."""

    page: str | None
    answer: str | None


class Similar(msgspec.Struct, frozen=True):
    """The files that may be the same person's and are the asker's to see, and whether there are others beyond those."""

    patients: list[str]
    elsewhere: bool


class Enrolled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A patient who began a pathway: `applied`, or `pending` (ask the link).

    `similar` is left out where nobody looked: support is told nothing, nor is who opens files faster than people are
    met; who opens the patient's page is, then. `rings` is as on that page.
    """

    id: str
    outcome: Literal["applied", "pending"]
    links: EnrolledLinks
    command: Links
    similar: Similar | None = None
    rings: bool | None = None


class SlotShown(msgspec.Struct, frozen=True, kw_only=True):
    """One slot: what became of it, all that was sent, what counts, what was said first of it, and what that means."""

    slot: str
    day: int
    state: SlotState | None
    sent: tuple[Sending, ...]
    answers: dict[str, Value]
    first: dict[str, Value]
    result: Result | None


class StoryShown(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a patient's story."""

    id: str
    at: int
    what: str
    by: str
    to: str
    detail: str
    until: int | None
    text: str | None


class Provider(msgspec.Struct, frozen=True):
    """A teleconsultation provider; its address says nothing of a patient."""

    id: str
    name: str
    url: str


class PatientShown(msgspec.Struct, frozen=True):
    """All that is known of a patient: the pathway in their version, slots in order, the story from the first line.

    `rings` is whether a red would ring somebody now, by more than the app; null where that is not known. `zone` is the
    time zone that their slots are in. `similar` is told once, to who said who the patient is or who
    has the file from support, and once more when they changed it; null at every other opening.
    """

    row: RowShown
    file: File
    pathway: Pathway
    slots: list[SlotShown]
    why: tuple[Finding, ...]
    mutes: tuple[Mute, ...]
    story: list[StoryShown]
    names: dict[str, str]
    providers: list[Provider]
    rings: bool | None
    zone: str
    similar: Similar | None = None


class Acted(msgspec.Struct, frozen=True):
    """What was done: `applied`, or `pending` (ask the link); `id` is that of what was made, such as a memo."""

    id: str
    outcome: Literal["applied", "pending"]
    links: Links


class GlassShown(msgspec.Struct, frozen=True):
    """Until when the file is open."""

    id: str
    outcome: Literal["applied", "pending"]
    until: int
    links: Links
