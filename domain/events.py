"""The facts on the log, one frozen type a kind; instants are milliseconds since 1970 (UTC).

Every kind carries its schema version `v`; a reader that meets a known kind in a version it does not know stops
(`domain.errors.UnknownVersion`). What is optional has a default, so that a field may be added within a version.
"""

from typing import Literal

import msgspec

from domain.alerts.lifecycle import Step
from domain.alerts.routing import Matchers
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
    `retries` is the id of the event that is tried again, a dead letter until then.
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
)

Outcome = Literal["applied", "history", "refused", "dead"]
