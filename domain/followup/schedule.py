"""When a patient is asked and reminded: slots at the patient's own local times, resolved to UTC when scheduled."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from domain.alerts.routing import Zone
from domain.followup.pathway import Colour, NoAnswer, Pathway, worst

Step = Literal["due", "remind", "remind_again", "no_answer"]

DAY_MS, MINUTE_MS = 86_400_000, 60_000


class Due(msgspec.Struct, frozen=True):
    """One slot of one patient, all instants in ms UTC: what is decided on the day it is scheduled stays so.

    `slot` is its name among the patient's: the day of the pathway and the local time. `local_day` counts since 1970.
    """

    slot: str
    day: int
    local_day: int
    opens_at: int
    due_at: int
    remind_at: int
    remind_again_at: int
    no_answer_at: int
    closes_at: int


class Timed(NamedTuple):
    """Something that a slot asks for at an instant."""

    at: int
    slot: str
    step: Step


def instant(zone: Zone, local_ms: int) -> int:
    """Return the instant (ms UTC) of a local time.

    One that comes twice, as clocks go back, is its first. One that never comes, as they go forward, is the moment when
    they do: so slots keep their order, and none is left out.
    """
    changes = zone.offsets or ((0, 0),)
    for (_, offset), (until, after) in pairwise(changes):
        at = local_ms - offset * 1000
        if at < until:
            return at
        # This offset ends before that time comes; where the next one's clocks are past it already, it is skipped.
        if local_ms < until + after * 1000:
            return until
    return local_ms - changes[-1][1] * 1000


def slots(pathway: Pathway, first_day: int, zone: Zone, since: int = 0) -> tuple[Due, ...]:
    """Return all slots of a patient whose pathway's first day is that local day (days since 1970), in order.

    On a hastened pathway, what follows `since` (ms UTC, when the patient was enrolled) comes so many times sooner.
    """
    told, reminders, limits = pathway.slots, pathway.reminders, pathway.limits
    found = []
    for day in told.days:
        for minute in told.times:
            local_day = first_day + day - 1
            at = instant(zone, local_day * DAY_MS + minute * MINUTE_MS)
            due = Due(
                slot=f"{day}-{minute // 60:02}{minute % 60:02}",
                day=day,
                local_day=local_day,
                opens_at=at - _ms(limits.opens_s),
                due_at=at,
                remind_at=at + _ms(reminders.first_s),
                remind_again_at=at + _ms(reminders.again_s),
                no_answer_at=at + _ms(reminders.missed_s),
                closes_at=at + _ms(limits.closes_s),
            )
            found.append(due if pathway.divided_by == 1 else hastened(due, since, pathway.divided_by))
    return tuple(found)


def hastened(due: Due, since: int, by: float) -> Due:
    """Return a slot whose instants after `since` come so many times sooner; its day and its name stay as they are."""

    def sooner(at: int) -> int:
        return at if at <= since else since + round((at - since) / by)

    instants = (
        sooner(at)
        for at in (due.opens_at, due.due_at, due.remind_at, due.remind_again_at, due.no_answer_at, due.closes_at)
    )
    return Due(due.slot, due.day, due.local_day, *instants)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def steps(due: Due) -> tuple[Timed, ...]:
    """Return what a slot that nobody answers asks for, in order."""
    told: tuple[tuple[int, Step], ...] = (
        (due.due_at, "due"),
        (due.remind_at, "remind"),
        (due.remind_again_at, "remind_again"),
        (due.no_answer_at, "no_answer"),
    )
    return tuple(Timed(at, due.slot, step) for at, step in told)


def between(dues: Iterable[Due], answered_at: Mapping[str, int], since: int, until: int) -> list[Timed]:
    """Return what slots ask for after `since` and until `until`, in order; an answer ends what its slot asks for.

    Each step is in exactly one of any intervals that follow one another: a timer is run once by construction.
    """
    found = [
        step
        for due in dues
        for step in steps(due)
        if since < step.at <= until and step.at < answered_at.get(due.slot, step.at + 1)
    ]
    return sorted(found)


def open_at(dues: Iterable[Due], at: int) -> Due | None:
    """Return the slot that can be answered at an instant, None where none can."""
    return next((due for due in dues if due.opens_at <= at < due.closes_at), None)


def no_answer(rule: NoAnswer, last: Colour | None, due: Due, symptoms_day: int | None) -> Colour:
    """Return the colour of a slot that was not answered: graver after an orange or red, or on the days of risk.

    `symptoms_day` is the local day of the first symptoms.
    """
    graver = last in ("orange", "red") or in_risk(rule, due, symptoms_day)
    return worst((rule.colour, rule.risk_colour if graver else "green"))


def in_risk(rule: NoAnswer, due: Due, symptoms_day: int | None) -> bool:
    """Return whether a slot lies on the days when it mostly worsens.

    The day of the first symptoms is day 0 to some and day 1 to others: a day that either calls so is one. Where nobody
    knows that day, it was before the pathway began: each day until the last of risk may be one, and is taken as one.
    """
    if rule.risk_days is None:
        return False
    first, last = rule.risk_days
    if rule.since == "start":
        return first <= due.day <= last
    if symptoms_day is None:
        return due.day <= last
    since = due.local_day - symptoms_day
    return first - 1 <= since <= last
