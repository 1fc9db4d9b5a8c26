"""The life of a patient's alert, one table: only a person closes it; and what each step of it says.

`python -m domain.followup.alert > docs/patient-alert-lifecycle.md` draws it anew.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal, NamedTuple

from domain.alerts.lifecycle import Alert, Outcome, Status, What, Why, drawn
from domain.alerts.routing import ChainStep
from domain.alerts.rule import Severity
from domain.followup.pathway import Colour
from domain.followup.patient import Patient, PatientAlert
from domain.places import Words

RULE = "patient"
TITLE = Words(fr="Patient suivi à domicile", en="Patient followed at home")
TEXT = Words(fr="Une réponse demande quelqu’un", en="An answer needs somebody")
TODO = Words(
    fr="Ouvrir la page du patient, dire « je prends en charge », et appeler.",
    en="Open the patient’s page, take it on, and call.",
)
SEVERITY: Mapping[Colour, Severity] = {"green": "info", "yellow": "info", "orange": "warning", "red": "critical"}

Happening = Literal[
    "raised",  # a slot is orange or red, by what was answered or because nothing was
    "worsens",  # and then red
    "greener",  # a later answer is less grave
    "silence",  # nothing more is answered
    "circle",  # others belong to the circle now, and are told of it
    "left",  # whoever took it belongs to the circle no longer
    "over",  # the follow-up is paused, stopped or at its end
    "expires",  # the instant at which whoever took it wanted to look again has passed
    "seen",  # somebody saw a message of it: that buys one delay
    "take",
    "hand_over",
    "comment",
    "close",
    "erased",  # the patient's key is destroyed
]


class Then(NamedTuple):
    """What a happening leads to: the status after it, and the step that is told of (None: nothing)."""

    status: Status
    what: What | None = None


# Status now (None: no alert is open) and what happens → status next. Anything absent changes nothing; a person is
# refused it. That what changes nothing is here too is for the reader: nothing but a person closes an alert.
PATIENT_NEXT: Mapping[tuple[Status | None, Happening], Then] = {
    (None, "raised"): Then("firing", "fired"),
    ("firing", "worsens"): Then("firing", "worsened"),
    ("firing", "greener"): Then("firing"),
    ("firing", "silence"): Then("firing"),
    ("firing", "circle"): Then("firing", "replanned"),
    ("firing", "over"): Then("firing"),
    ("firing", "seen"): Then("firing"),
    ("firing", "take"): Then("acknowledged", "taken"),
    ("firing", "comment"): Then("firing", "commented"),
    ("firing", "close"): Then("resolved", "resolved"),
    ("firing", "erased"): Then("resolved", "resolved"),
    ("acknowledged", "worsens"): Then("firing", "reopened"),
    ("acknowledged", "greener"): Then("acknowledged"),
    ("acknowledged", "silence"): Then("acknowledged"),
    ("acknowledged", "circle"): Then("acknowledged", "replanned"),
    ("acknowledged", "left"): Then("firing", "reopened"),
    ("acknowledged", "over"): Then("acknowledged"),
    ("acknowledged", "seen"): Then("acknowledged"),
    ("acknowledged", "expires"): Then("firing", "reopened"),
    ("acknowledged", "hand_over"): Then("acknowledged", "handed_over"),
    ("acknowledged", "comment"): Then("acknowledged", "commented"),
    ("acknowledged", "close"): Then("resolved", "resolved"),
    ("acknowledged", "erased"): Then("resolved", "resolved"),
}


def alert_id(patient: str, slot: str, colour: Colour, opened_at: int) -> str:
    """Return the id of an alert: of one slot, each is graver than the one before."""
    parts = "\0".join((patient, slot, colour, str(opened_at)))
    return blake2b(parts.encode(), digest_size=8).hexdigest()


class End(NamedTuple):
    """How an alert came to its end."""

    at: int
    why: Why
    outcome: Outcome | None = None


def told_as(
    patient: Patient, alert: PatientAlert, *, region: str, at: int, plan: tuple[ChainStep, ...], end: End | None = None
) -> Alert:
    """Return a patient's alert as the region's notices know one: neutral words, and no content."""
    severity = SEVERITY[alert.colour]
    labels = {"rule": RULE, "concern": "patients", "severity": severity, "region": region, "level": "patient"}
    return Alert(
        id=alert.id,
        rule=RULE,
        subject=f"patient/{patient.id}",
        status=alert.status if end is None else "resolved",
        severity=severity,
        since=alert.opened_at,
        labels=labels,
        title=TITLE,
        text=TEXT,
        todo=TODO,
        link=f"/patients/{patient.id}",
        raised_at=alert.opened_at,
        changed_at=at,
        taken_by=alert.taken_by,
        taken_at=alert.taken_at,
        expires_at=alert.check_at,
        reopened=alert.reopened,
        resolved_at=None if end is None else end.at,
        why=None if end is None else end.why,
        outcome=None if end is None else end.outcome,
        plan=plan,
    )


def drawing() -> str:
    """Return the page that draws the table: a diagram, and every row of it in words."""
    head = (
        "# The life of a patient's alert",
        "",
        "Drawn from `PATIENT_NEXT` in `domain/followup/alert.py` by `python -m domain.followup.alert`. On an",
        "arrow: what happens, and after the stroke the step that is told of. What is not drawn changes nothing.",
        "One alert of a patient is open at a time, and only a person closes it, with an outcome.",
    )
    return drawn(head, PATIENT_NEXT.items())


if __name__ == "__main__":
    print(drawing(), end="")
