"""The life of an alert: pending → firing → acknowledged → resolved, one table; and what each step of it says.

`python -m domain.alerts.lifecycle > docs/alert-lifecycle.md` draws it anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from domain.alerts.routing import ChainStep
from domain.alerts.rule import Severity
from domain.places import Words

Status = Literal["pending", "firing", "acknowledged", "resolved"]
What = Literal[
    "fired",  # the condition held for as long as the rule asks
    "worsened",  # the severity rose
    "eased",  # the severity fell: shown, and no news to anybody
    "reopened",  # taken in, and its time is over while the condition still holds, or the severity rose meanwhile
    "taken",  # somebody has it
    "handed_over",  # and gave it to somebody else
    "replanned",  # others than before are told of it: a patient's circle changed
    "commented",
    "judged",  # what came of it was said after it was over
    "resolved",
]
APART = ("patients", "cluster")  # concerns of which people are told by a plan alone
Outcome = Literal["acted", "no_action_needed", "wrong"]
OUTCOMES: tuple[Outcome, ...] = ("acted", "no_action_needed", "wrong")
Why = Literal["cleared", "closed", "gone"]  # the condition ended, a person closed it, its subject or rule is no more

Happening = Literal[
    "begins",  # the condition is there (resolved: there anew)
    "held",  # and has been for as long as the rule asks
    "worsens",
    "eases",
    "ends",
    "unknown",  # nobody knows any more whether it is there
    "gone",  # its subject or its rule is no more
    "expires",  # the time of whoever has it is over, and the condition holds
    "take",  # from here on, what people do
    "hand_over",
    "comment",
    "resolve",
    "forgotten",  # long after it was over
]


class Then(NamedTuple):
    """What a happening leads to: the status after it (None: no alert), and the step that is told of (None: nothing)."""

    status: Status | None
    what: What | None = None


# Status now (None: no alert) and what happens → status next. Anything absent changes nothing; a person is refused it.
NEXT: Mapping[tuple[Status | None, Happening], Then] = {
    (None, "begins"): Then("pending"),
    ("pending", "held"): Then("firing", "fired"),
    ("pending", "worsens"): Then("pending"),
    ("pending", "eases"): Then("pending"),
    ("pending", "ends"): Then(None),
    ("pending", "unknown"): Then(None),
    ("pending", "gone"): Then(None),
    ("firing", "worsens"): Then("firing", "worsened"),
    ("firing", "eases"): Then("firing", "eased"),
    ("firing", "ends"): Then("resolved", "resolved"),
    ("firing", "gone"): Then("resolved", "resolved"),
    ("firing", "take"): Then("acknowledged", "taken"),
    ("firing", "comment"): Then("firing", "commented"),
    ("firing", "resolve"): Then("resolved", "resolved"),
    ("acknowledged", "worsens"): Then("firing", "reopened"),
    ("acknowledged", "eases"): Then("acknowledged", "eased"),
    ("acknowledged", "ends"): Then("resolved", "resolved"),
    ("acknowledged", "gone"): Then("resolved", "resolved"),
    ("acknowledged", "expires"): Then("firing", "reopened"),
    ("acknowledged", "hand_over"): Then("acknowledged", "handed_over"),
    ("acknowledged", "comment"): Then("acknowledged", "commented"),
    ("acknowledged", "resolve"): Then("resolved", "resolved"),
    ("resolved", "begins"): Then("pending"),  # another one: the one that is over keeps its id
    ("resolved", "worsens"): Then("pending"),  # that of one that a person closed while its condition held
    ("resolved", "eases"): Then("resolved"),
    ("resolved", "ends"): Then("resolved"),
    ("resolved", "gone"): Then("resolved"),
    ("resolved", "comment"): Then("resolved", "commented"),
    ("resolved", "resolve"): Then("resolved", "judged"),
    ("resolved", "forgotten"): Then(None),
}


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
    stands: bool = False  # closed by a person while its condition held: no new one until that has ended
    plan: tuple[ChainStep, ...] = ()  # a chain of its own, which no route, silence, inhibition or group delay touches

    @property
    def key(self) -> str:
        """Return what the alert is about: one rule and one subject have one alert at a time."""
        return f"{self.rule}|{self.subject}"

    @property
    def planned(self) -> bool:
        """Return whether people are told of it by its own plan, and by no route; an empty one tells nobody."""
        return bool(self.plan) or self.labels.get("concern") in APART


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of an alert's life, as its owner tells the region's notices: the alert as it is after it."""

    what: What
    at: int
    alert: Alert
    by: str | None = None
    to: str | None = None
    text: str = ""


Row = tuple[tuple[str | None, str], tuple[str | None, str | None]]  # status, what happens; then, and the step told of


def drawing() -> str:
    """Return the page that draws the table: a diagram, and every row of it in words."""
    head = (
        "# The life of an alert",
        "",
        "Drawn from `NEXT` in `domain/alerts/lifecycle.py` by `python -m domain.alerts.lifecycle`. On an arrow:",
        "what happens, and after the stroke the step that is told of. What is not drawn changes nothing.",
    )
    return drawn(head, NEXT.items())


def drawn(head: Sequence[str], table: Iterable[Row]) -> str:
    """Return a page that draws such a table, below what it begins with."""
    shown: dict[tuple[str, str], list[str]] = {}
    rows = []
    for (status, happening), (then, what) in table:
        told = f"{happening} / {what}" if what else happening
        shown.setdefault((status or "[*]", then or "[*]"), []).append(told)
        rows.append(f"| {status or '–'} | {happening} | {then or '–'} | {what or '–'} |")
    arrows = [f"    {one} --> {other}: {'<br>'.join(told)}" for (one, other), told in shown.items()]
    return "\n".join(
        [
            *head,
            "",
            "```mermaid",
            "stateDiagram-v2",
            *arrows,
            "```",
            "",
            "| status | what happens | then | told as |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(drawing(), end="")
