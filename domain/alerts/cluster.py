"""Residents of one facility who fell ill: how many lie within how many days, and the alert that is told of it.

How many there are is said nowhere: the alert's value is whether there are enough, and its words hold no number.
"""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.routing import ChainStep
from domain.alerts.rule import Level, Rule, Ruleset
from domain.followup.crossing import Case
from domain.places import Words

DAY_MS = 24 * 3_600_000
STAFF = "staff/"  # what the settings' names begin with that say who a facility's staff are, by FINESS number
MOST_CASES = 200  # of one facility, remembered: enough to tell a cluster by
NONE, SOME, MANY = 0.0, 1.0, 2.0

RULE = Rule(
    id="ehpad-cluster",
    concern="cluster",
    on="cluster",
    at="facility",
    # It begins with as many cases as the pathway says, and is over once there was none for as many days.
    levels=(Level(severity="warning", above=(SOME + MANY) / 2, clear_below=(NONE + SOME) / 2),),
    title=Words(fr="Cas groupés dans un EHPAD", en="Cluster of cases in a care home"),
    text=Words(
        fr="Plusieurs résidents de cet établissement sont à surveiller de près depuis quelques jours.",
        en="Several residents of this facility have needed a close watch for some days.",
    ),
    todo=Words(
        fr="Appeler l’établissement et son médecin coordonnateur.",
        en="Call the facility and its coordinating physician.",
    ),
    taken_s=24 * 3600.0,
)


class Cases(msgspec.Struct, frozen=True):
    """The cases of one facility that are not too old, the oldest first."""

    cases: tuple[Case, ...]


def with_cluster(rules: Iterable[Rule] = (), version: int = 1) -> Ruleset:
    """Return the rules that a notices shard evaluates itself: those published, and that of clusters."""
    return Ruleset(rules=(*(rule for rule in rules if rule.id != RULE.id), RULE), version=version)


read_staff = msgspec.json.Decoder(tuple[str, ...]).decode


def facility_of(subject: str) -> str:
    """Return the FINESS number of a cluster's subject."""
    return subject.removeprefix("facility/")


def subject_of(facility: str) -> str:
    """Return the subject of a facility's cluster."""
    return f"facility/{facility}"


def with_case(held: Cases | None, case: Case, at: int) -> Cases | None:
    """Return a facility's cases with one more; None where none of them is still counted."""
    cases = sorted((*(held.cases if held else ()), case), key=lambda each: each.at)
    return recent(Cases(tuple(cases)[-MOST_CASES:]), at)


def recent(held: Cases, at: int) -> Cases | None:
    """Return the cases that are still counted then, by the rule that came with the last one; None where there is none.

    At the instant at which it is as many days old, a case is not counted any more.
    """
    oldest = at - held.cases[-1].rule.days * DAY_MS
    cases = tuple(each for each in held.cases if each.at > oldest)
    return Cases(cases) if cases else None


def forgets_at(held: Cases) -> int:
    """Return when the oldest of the cases is not counted any more."""
    return held.cases[0].at + held.cases[-1].rule.days * DAY_MS


def measure(held: Cases | None) -> float:
    """Return whether there is no case, some, or as many as are told of."""
    if held is None:
        return NONE
    return MANY if len(held.cases) >= held.cases[-1].rule.cases else SOME


def plan_of(held: Cases | None, staff: Iterable[str] = ()) -> tuple[ChainStep, ...]:
    """Return who is told, all at once: the facility's staff, whom one of the cases names, and whoever is on call."""
    cases = held.cases if held else ()
    people = dict.fromkeys((*staff, *(person for case in cases for person in case.tell)))
    schedules = dict.fromkeys(case.rule.on_call for case in cases if case.rule.on_call)
    on_call = (ChainStep(on_call=schedule) for schedule in schedules)
    return (*(ChainStep(person=person) for person in people), *on_call)


def told(step: Step, held: Cases | None, region: str, staff: Iterable[str] = ()) -> Step:
    """Return a step of a cluster's alert as it is told of: where it is and to whom, and without a number."""
    alert, facility = step.alert, facility_of(step.alert.subject)
    labels = {"rule": RULE.id, "concern": RULE.concern, "severity": alert.severity, "level": RULE.at}
    labels |= {"region": region, "facility": facility}
    shown: Alert = replace(alert, labels=labels, value=None, threshold=None, plan=plan_of(held, staff))
    return replace(step, alert=shown)
