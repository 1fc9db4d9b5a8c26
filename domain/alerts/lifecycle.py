"""The life of an alert: pending → firing → acknowledged → resolved, one table; and what each step of it says."""

from typing import Literal

import msgspec

from domain.alerts.rule import Severity
from domain.places import Words

Status = Literal["pending", "firing", "acknowledged", "resolved"]
What = Literal[
    "fired",  # the condition held for as long as the rule asks
    "worsened",  # the severity rose
    "reopened",  # taken in, and its time is over while the condition still holds, or the severity rose meanwhile
    "taken",  # somebody has it
    "handed_over",  # and gave it to somebody else
    "commented",
    "judged",  # what came of it was said after it was over
    "resolved",
]
Outcome = Literal["acted", "no_action_needed", "wrong"]
OUTCOMES: tuple[Outcome, ...] = ("acted", "no_action_needed", "wrong")
Why = Literal["cleared", "closed", "gone"]  # the condition ended, a person closed it, its subject or rule is no more


class Alert(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A condition on a subject, from when it began on; instants in ms. Identity is rule + subject (`key`).

    `id` names this one episode (a digest of rule, subject and `since`): links in old messages never mean a later one.
    `labels` (strings) are what routes, silences and inhibition match: rule, concern, severity, level, region, and where
    there is one departement, facility, ward, bed_kind, source, shard, channel. `expires_at` is when a taken alert is
    opened again. An alert that a person closed while its condition holds stays closed until the condition has ended.
    """

    id: str
    rule: str
    subject: str
    status: Status
    severity: Severity
    since: int
    labels: dict[str, str]
    title: Words
    text: Words
    todo: Words
    value: float | None = None
    threshold: float | None = None
    link: str = ""
    raised_at: int | None = None
    changed_at: int = 0
    taken_by: str | None = None
    taken_at: int | None = None
    expires_at: int | None = None
    reopened: int = 0
    resolved_at: int | None = None
    why: Why | None = None
    outcome: Outcome | None = None

    @property
    def key(self) -> str:
        """Return what the alert is about: one rule and one subject have one alert at a time."""
        return f"{self.rule}|{self.subject}"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of an alert's life, as its owner tells the region's notices: the alert as it is after it."""

    what: What
    at: int
    alert: Alert
    by: str | None = None
    to: str | None = None
    text: str = ""
