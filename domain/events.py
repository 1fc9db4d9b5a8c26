"""The facts on the log, one frozen type a kind; instants are milliseconds since 1970 (UTC).

Every kind carries its schema version `v`; a reader that meets a known kind in a version it does not know stops
(`domain.errors.UnknownVersion`). What is optional has a default, so that a field may be added within a version.
"""

from typing import Literal

import msgspec

from domain.alerts.lifecycle import Step
from domain.alerts.routing import Matchers, Zone
from domain.followup.crossing import Case, Count, Standing, Word
from domain.followup.patient import AnsweredBy, Channel, Member
from domain.followup.sealed import Sealed
from domain.places import NATURE_BED

# TRE_R330-TypeStatutCapacite
INSTALLED, AVAILABLE, OCCUPIED, RESERVED, CLOSED, SUPPLEMENTARY = "01", "02", "03", "04", "05", "06"
STATUSES = (INSTALLED, AVAILABLE, OCCUPIED, RESERVED, CLOSED, SUPPLEMENTARY)
CURRENT = "01"  # TRE_R331-TemporaliteCapacite: courant
MANUAL = "01"  # TRE_R335-TypeSourceCapacite: saisie manuelle, that is a person
COVID_POSITIVE = "02"  # TRE_R337-AffectationTemporaire
MOBILISED = "01"  # TRE_R334-TypeLitSupplementaire: mobilisé

CODES = {
    "status": frozenset(STATUSES),
    "nature": frozenset(("01", "02")),
    "temporality": frozenset(("01", "02", "03", "04", "05")),
    "gender": frozenset(("01", "02", "03", "04")),
    "closing": frozenset(("01", "02", "03")),
    "extra": frozenset(("01", "02", "03")),
    "crisis": frozenset(("01", "02")),
    "assignment": frozenset(("01", "02", "03")),
    "source_type": frozenset(("01", "02", "03", "04")),
}


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who said it (an id; names are in a directory), through which door, and the ROR source type (TRE_R335)."""

    id: str
    door: str
    type: str = MANUAL


class Split(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a row's count, with what sets it apart (ROR TRE_R332…R337); None where it is not said.

    `until` (ms; status 05 alone) is when closed beds are to be open again: ours, the ROR has no such field.
    """

    count: int
    gender: str | None = None
    closing: str | None = None
    extra: str | None = None
    crisis: str | None = None
    assignment: str | None = None
    until: int | None = None


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="kind"):
    """What every event carries: an id (a UUID), its schema version, the region, who said it, when it was received.

    `region` empty is that of its partition (a genesis, a tick), whose source, None, is vigilits itself; `happened_at`
    None is when it was received. What promises something carries `not_after`, and is refused when it is folded later.
    `retries` is the id that an event which is tried again had first; it was a dead letter until then.
    """

    id: str
    received_at: int
    v: int = 1
    region: str = ""
    happened_at: int | None = None
    source: Source | None = None
    not_after: int | None = None
    retries: str | None = None


class Genesis(Event, frozen=True, tag="genesis"):
    """Record 0 of a partition: the identity of this log, and the shard that lives on it."""

    epoch: str
    shard: str


class Tick(Event, frozen=True, tag="tick"):
    """The worker's clock, when nothing else said what time it is; `received_at` is that time."""


class SettingsPublished(Event, frozen=True, tag="settings.published"):
    """One part of a settings document; in force from the offset of its last part on.

    `digest` is the SHA-256 (hex) of the whole content; `part` counts from 0 to `parts` - 1.
    """

    name: str
    digest: str
    content: bytes
    part: int = 0
    parts: int = 1


class BedsReported(Event, frozen=True, tag="beds.reported"):
    """One row of a bed report: all of one (ward, nature, status, temporality), which it replaces whole.

    `digest` is that of the row as it was sent, where its id follows from a name that its sender gave it: under the same
    name another row may come one day.
    """

    ward: str
    status: str
    happened_at: int
    source: Source
    splits: tuple[Split, ...]
    nature: str = NATURE_BED
    temporality: str = CURRENT
    digest: str = ""


class GrantGiven(Event, frozen=True, tag="grant.given"):
    """A right: the subject may act in the role, within the scope, between two instants (None: without an end).

    The scope is a region's code, `et:<FINESS>`, `ej:<FINESS>` or `ward:<id>`.
    """

    subject: str
    role: str
    scope: str
    since: int
    until: int | None = None


class GrantRevoked(Event, frozen=True, tag="grant.revoked"):
    """A right ended: every grant of this subject with this role and scope."""

    subject: str
    role: str
    scope: str


# --- alerts: acts are folded by the shard that owns the alert, all the rest by the region's notices shard -------------


class AlertActed(Event, frozen=True, tag="alert.acted"):
    """What a person (the source) did with an alert: take, hand_over (`to`), resolve (`outcome`), comment (`text`).

    Resolving one that is over already only says what came of it.
    """

    alert: str
    act: Literal["take", "hand_over", "resolve", "comment"]
    to: str | None = None
    outcome: Literal["acted", "no_action_needed", "wrong"] | None = None
    text: str = ""


class AlertStepped(Event, frozen=True, tag="alert.stepped"):
    """A step of an alert of another shard: the n-th that the record at this offset of that shard's log led to."""

    shard: str
    epoch: str
    offset: int
    n: int
    step: Step


class EpochBegan(Event, frozen=True, tag="epoch.began"):
    """Another shard's log lives its life of this name: whatever an earlier one told of has ended."""

    shard: str
    epoch: str


class AlertSeen(Event, frozen=True, tag="alert.seen"):
    """Somebody (the source) has seen alerts: that buys one delay, and never stops an escalation."""

    alerts: tuple[str, ...]


class SilenceMade(Event, frozen=True, tag="silence.made"):
    """Alerts that match are not told of from one instant until another; the event's id is the silence's."""

    matchers: Matchers
    since: int
    until: int
    reason: str


class SilenceEnded(Event, frozen=True, tag="silence.ended"):
    """A silence is over before its time."""

    silence: str


class ShiftOverridden(Event, frozen=True, tag="shift.overridden"):
    """Somebody stands in on a schedule; the event's id is the override's."""

    schedule: str
    person: str
    since: int
    until: int
    reason: str = ""


class OverrideEnded(Event, frozen=True, tag="shift.override_ended"):
    """A stand-in is over before its time."""

    override: str


class ChannelsChosen(Event, frozen=True, tag="channels.chosen"):
    """A person (the source) chose by which channels they want to be told, by severity."""

    channels: dict[str, tuple[str, ...]]


class NoticeAttempted(Event, frozen=True, tag="notice.attempted"):
    """A message is about to be handed to its provider, for the `attempt`-th time."""

    notice: str
    attempt: int


class NoticeDelivered(Event, frozen=True, tag="notice.delivered"):
    """A provider took a message; `receipt` is its own word for that, and holds no address."""

    notice: str
    receipt: str = ""


class NoticeFailed(Event, frozen=True, tag="notice.failed"):
    """A message was given up, and why."""

    notice: str
    reason: str


class ChannelChanged(Event, frozen=True, tag="channel.changed"):
    """A channel stopped or began to work again."""

    channel: str
    up: bool
    reason: str = ""


class SystemMeasured(Event, frozen=True, tag="system.measured"):
    """A measure of vigilits itself, by the worker that looked: `position_lag` (s) of a shard."""

    measure: str
    subject: str
    value: float


# --- home follow-up: folded by the shard that a pseudonym falls on; what describes a patient is sealed ---------------
#
# What each sealed content is about (`domain.followup.sealed.About`), and what is packed in it: `file` a File, `answers`
# (of the slot) a mapping of answers, `mute` (of the event's id) a Mute, `note` (of the event's id) a text.


class Deed(Event, frozen=True, kw_only=True):
    """Something that somebody did about a patient at a door.

    `digest` is keyed, and says whose it is and what was sent: under one name of its sender's, something else may come.
    """

    digest: str = ""


class PatientEnrolled(Deed, frozen=True, tag="patient.enrolled"):
    """A patient begins a pathway (`<id>/<version>`), with consent; the pseudonym is of this pathway alone.

    `zone` is the patient's local time as data and `first_day` its first local day (since 1970). `departement` and
    `facility` (FINESS ET, of a resident) are what is counted by.
    """

    patient: str
    key: str
    pathway: str
    circle: tuple[Member, ...]
    zone: Zone
    first_day: int
    file: Sealed
    channels: tuple[Channel, ...] = ()
    departement: str = ""
    facility: str = ""


class FileChanged(Deed, frozen=True, tag="patient.file_changed"):
    """A patient's file is another from now on, and why; so are channels and zone, where these are told."""

    patient: str
    file: Sealed
    reason: Sealed
    channels: tuple[Channel, ...] = ()
    zone: Zone | None = None


class CircleChanged(Deed, frozen=True, tag="patient.circle_changed"):
    """Professionals come into a patient's circle, or leave it."""

    patient: str
    add: tuple[Member, ...] = ()
    remove: tuple[str, ...] = ()


class MembershipsJudged(Event, frozen=True, tag="patient.memberships"):
    """Whom of a circle no grant lets be what they are there any more, and whom one does again, as vigilits found.

    `tell` are told besides where nobody is left: who looks after grants, as it is they who can mend that.
    """

    patient: str
    lapsed: tuple[Member, ...] = ()
    valid: tuple[Member, ...] = ()
    tell: tuple[str, ...] = ()


class FollowUpMoved(Deed, frozen=True, tag="patient.moved"):
    """A follow-up is paused, resumed, stopped (by the patient too, who is the source then) or ended."""

    patient: str
    move: Literal["pause", "resume", "stop", "end"]
    reason: Sealed | None = None


class CallMade(Deed, frozen=True, tag="patient.called"):
    """A tracing agent's first call, and what came of it; the next one is at `next_at`."""

    patient: str
    outcome: Literal["agreed", "refused", "unreachable", "call_again"]
    next_at: int | None = None
    note: Sealed | None = None


class AnswersGiven(Event, frozen=True, tag="patient.answered"):
    """Answers to one slot: the first, a repetition, or a correction."""

    patient: str
    slot: str
    answers: Sealed
    by: AnsweredBy = "patient"


class PatientAlertActed(Deed, frozen=True, tag="patient.alert_acted"):
    """What a person of the circle did with a patient's alert; who takes it says when they look again (`check_at`).

    `seen` is how much of it they had seen when they decided (`PatientAlert.news`): nobody takes or closes what they did
    not see.
    """

    patient: str
    alert: str
    act: Literal["take", "hand_over", "close", "comment"]
    seen: int | None = None
    check_at: int | None = None
    to: str | None = None
    outcome: Literal["acted", "no_action_needed", "wrong"] | None = None
    text: Sealed | None = None


class RuleMuted(Deed, frozen=True, tag="patient.rule_muted"):
    """One rule raises no alert of one patient until an instant; which rule and why is sealed."""

    patient: str
    mute: Sealed
    until: int


class MessageWritten(Deed, frozen=True, tag="patient.message"):
    """Somebody of the circle wrote to the others."""

    patient: str
    text: Sealed


class MessagesRead(Deed, frozen=True, tag="patient.read"):
    """Somebody of the circle has read the messages up to an instant (ms)."""

    patient: str
    upto: int


class MemoWritten(Deed, frozen=True, tag="patient.memo"):
    """Something to be thought of at an instant; the event's id is the memo's."""

    patient: str
    text: Sealed
    due_at: int


class MemoDone(Deed, frozen=True, tag="patient.memo_done"):
    """A memo is done with."""

    patient: str
    memo: str


class TeleconsultationStarted(Deed, frozen=True, tag="patient.teleconsultation"):
    """Somebody opened a teleconsultation with a patient at a configured provider."""

    patient: str
    provider: str


class GlassBroken(Deed, frozen=True, tag="patient.glass_broken"):
    """A regulator (the source) opened one file until an instant, and why; the circle and these others are told."""

    patient: str
    reason: Sealed
    until: int
    tell: tuple[str, ...] = ()


class OnCallJoined(Deed, frozen=True, tag="patient.on_call"):
    """Somebody (the source) whom a patient's open alert reached as on call comes into the circle until an instant.

    The circle and these others are told.
    """

    patient: str
    until: int
    tell: tuple[str, ...] = ()


class CodeAsked(Event, frozen=True, tag="patient.code_asked"):
    """A patient wants to read; the code is derived from this event's id when it is sent, and is on no log."""

    patient: str
    give_up_at: int


class LinksRevoked(Deed, frozen=True, tag="patient.links_revoked"):
    """No link that a patient was sent opens any more, as where a telephone is lost; what is open is asked again."""

    patient: str


class SummaryGiven(Deed, frozen=True, tag="patient.summary"):
    """The signed summary was handed over to the physician's mailbox, or could not be, or its receipt was confirmed."""

    patient: str
    what: Literal["sent", "failed", "received"]


class PatientErased(Event, frozen=True, tag="patient.erased"):
    """The patient's key is destroyed: nothing of their content can be read any more, wherever it lies."""

    patient: str


# --- what followup shards tell their region's notices shard, beside alerts' steps -------------------------------------


class CaseFound(Event, frozen=True, tag="followup.case"):
    """A case of a facility, as the n-th thing that the record at this offset of that shard's log led to."""

    shard: str
    epoch: str
    offset: int
    n: int
    case: Case


class Counted(Event, frozen=True, tag="followup.counted"):
    """How many patients one followup shard has at a full hour; crosses as a case does."""

    shard: str
    epoch: str
    offset: int
    n: int
    count: Count


class WordSent(Event, frozen=True, tag="followup.word"):
    """Something that people of a circle are told of once; crosses as a case does."""

    shard: str
    epoch: str
    offset: int
    n: int
    word: Word


class AlertsStood(Event, frozen=True, tag="followup.standing"):
    """Which alerts are open of a followup shard that was folded anew: what it told of others is over."""

    shard: str
    epoch: str
    offset: int
    n: int
    standing: Standing


KINDS: tuple[type[Event], ...] = (
    Genesis,
    Tick,
    SettingsPublished,
    BedsReported,
    GrantGiven,
    GrantRevoked,
    AlertActed,
    AlertStepped,
    EpochBegan,
    AlertSeen,
    SilenceMade,
    SilenceEnded,
    ShiftOverridden,
    OverrideEnded,
    ChannelsChosen,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    ChannelChanged,
    SystemMeasured,
    PatientEnrolled,
    FileChanged,
    CircleChanged,
    MembershipsJudged,
    FollowUpMoved,
    CallMade,
    AnswersGiven,
    PatientAlertActed,
    RuleMuted,
    MessageWritten,
    MessagesRead,
    MemoWritten,
    MemoDone,
    TeleconsultationStarted,
    GlassBroken,
    OnCallJoined,
    CodeAsked,
    LinksRevoked,
    SummaryGiven,
    PatientErased,
    CaseFound,
    Counted,
    WordSent,
    AlertsStood,
)
VERSIONS: dict[str, int] = {str(kind.__struct_config__.tag): 1 for kind in KINDS}

AnyEvent = (
    Genesis
    | Tick
    | SettingsPublished
    | BedsReported
    | GrantGiven
    | GrantRevoked
    | AlertActed
    | AlertStepped
    | EpochBegan
    | AlertSeen
    | SilenceMade
    | SilenceEnded
    | ShiftOverridden
    | OverrideEnded
    | ChannelsChosen
    | NoticeAttempted
    | NoticeDelivered
    | NoticeFailed
    | ChannelChanged
    | SystemMeasured
    | PatientEnrolled
    | FileChanged
    | CircleChanged
    | MembershipsJudged
    | FollowUpMoved
    | CallMade
    | AnswersGiven
    | PatientAlertActed
    | RuleMuted
    | MessageWritten
    | MessagesRead
    | MemoWritten
    | MemoDone
    | TeleconsultationStarted
    | GlassBroken
    | OnCallJoined
    | CodeAsked
    | LinksRevoked
    | SummaryGiven
    | PatientErased
    | CaseFound
    | Counted
    | WordSent
    | AlertsStood
)

Outcome = Literal["applied", "history", "refused", "dead"]
