"""The shapes of what doors say, from which they are described: a view that grants less leaves keys out."""

from typing import Any, Literal

import msgspec

from domain.capacity.search import Found
from domain.places import Ward
from realtime_api.problems import ProblemDocument


class Links(msgspec.Struct, frozen=True):
    """Where to look again."""

    self: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report that was accepted: `applied`, `history` (a newer figure stands), or `pending` (ask the link)."""

    id: str
    ward: str
    status: str
    outcome: Literal["applied", "history", "pending"]
    reason: str | None = None
    links: Links


class RowAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one row of a list; `status` is the HTTP status that it would have had alone."""

    index: int
    status: int
    id: str | None = None
    outcome: Literal["applied", "history", "pending"] | None = None
    reason: str | None = None
    problem: ProblemDocument | None = None


class RowAnswers(msgspec.Struct, frozen=True):
    """What became of every row of a list."""

    rows: list[RowAnswer]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command."""

    id: str
    outcome: Literal["applied", "history", "refused", "dead", "pending"]
    reason: str | None = None


class RegionName(msgspec.Struct, frozen=True):
    """A region, and whether its live picture is there."""

    code: str
    name: str
    ready: bool


class GrantShown(msgspec.Struct, frozen=True):
    """A right of one's own."""

    role: str
    scope: str
    until: int | None


class SessionShown(msgspec.Struct, frozen=True):
    """Who one is, what one may, and until when one is signed in."""

    subject: str
    grants: list[GrantShown]
    expires_at: int
    regions: list[RegionName]


class LinkGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The secret of a sign-in link, out of its fragment (`#connexion=…`)."""

    link: str


class CapacityShown(msgspec.Struct, frozen=True):
    """A region's whole picture, as far as it is shown; `token` resumes from it over `/ws`."""

    region: str
    token: str
    at: int
    rebuilding: bool
    region_digest: str | None
    scenario: dict[str, Any] | None
    wards: dict[str, Any]
    totals: dict[str, Any]


class WardShown(msgspec.Struct, frozen=True):
    """A ward, its place, and the last rows said of it, the latest first; `stands`: it became the live figure then."""

    ward: Any
    directory: Ward
    history: list[dict[str, Any]]


class HoursShown(msgspec.Struct, frozen=True):
    """A total at every full hour that is kept."""

    hours: list[dict[str, Any]]


class Nearby(msgspec.Struct, frozen=True):
    """Facilities with free beds of a kind, nearest first; `at` is the shard's clock, of several the oldest."""

    results: list[Found]
    at: int


class NotReady(msgspec.Struct, frozen=True):
    """One thing that is not ready, and why."""

    what: str
    why: str


class Readiness(msgspec.Struct, frozen=True):
    """Whether all goes on, and what does not."""

    ready: bool
    not_ready: list[NotReady]
