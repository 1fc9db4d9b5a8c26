"""Who is on call: what a schedule says, and who stands in."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.alerts.notice import Override
from domain.alerts.routing import OnCall


class Duty(NamedTuple):
    """Who is on call (None: nobody), until when that holds (None: for good), and by which stand-in."""

    person: str | None
    until: int | None = None
    override: str | None = None


def on_duty(schedule: str, calendar: OnCall | None, overrides: Iterable[Override], at: int) -> Duty:
    """Return who is on call: whoever stands in, else whose shift it is; of several, the one that began last."""
    theirs = [each for each in overrides if each.schedule == schedule]
    shifts = calendar.shifts if calendar else ()
    edges = [edge for each in theirs for edge in (each.since, each.until)]
    edges += [edge for shift in shifts for edge in (shift.since, shift.until)]
    until = min((edge for edge in edges if edge > at), default=None)
    standing_in = [each for each in theirs if each.since <= at < each.until]
    if standing_in:
        last = max(standing_in, key=lambda each: (each.since, each.id))
        return Duty(last.person, until, last.id)
    on_shift = [each for each in shifts if each.since <= at < each.until]
    if on_shift:
        return Duty(max(on_shift, key=lambda each: (each.since, each.person)).person, until)
    return Duty(None, until)
