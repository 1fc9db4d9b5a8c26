"""The facts on the log, one frozen type a kind; instants are milliseconds since 1970 (UTC).

Every kind carries its schema version `v`; a reader that meets a known kind in a version it does not know stops
(`domain.errors.UnknownVersion`). What is optional has a default, so that a field may be added within a version.
"""

from typing import Literal

import msgspec

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
    """One part of a row's count, with what sets it apart (ROR TRE_R332…R337); None where it is not said."""

    count: int
    gender: str | None = None
    closing: str | None = None
    extra: str | None = None
    crisis: str | None = None
    assignment: str | None = None


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


KINDS: tuple[type[Event], ...] = (Genesis, Tick, SettingsPublished, BedsReported, GrantGiven, GrantRevoked)
VERSIONS: dict[str, int] = {str(kind.__struct_config__.tag): 1 for kind in KINDS}

AnyEvent = Genesis | Tick | SettingsPublished | BedsReported | GrantGiven | GrantRevoked

Outcome = Literal["applied", "history", "refused", "dead"]
