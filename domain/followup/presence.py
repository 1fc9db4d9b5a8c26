"""Whether somebody is there to read what a patient answers, else from when; and when a colour says to call 15."""

from collections.abc import Iterator

import msgspec

from domain.alerts.matching import EPOCH_WEEKDAY, within
from domain.alerts.routing import Window, Zone
from domain.followup.pathway import Colour, Pathway
from domain.followup.schedule import DAY_MS, MINUTE_MS, instant

SHOWN_DAYS = 9  # of presence, on from now: a window of one weekday comes again within them


class Span(msgspec.Struct, frozen=True):
    """A time in which somebody is there: from the first instant (ms), until before the second."""

    since: int
    until: int


def is_there(pathway: Pathway, zone: Zone, at: int) -> bool:
    """Return whether a red is told at once to somebody who is there: on site, or on call for it."""
    return _on_call(pathway) or any(within(window, zone, at) for window in pathway.staffed)


def presence(pathway: Pathway, zone: Zone, at: int) -> list[Span]:
    """Return when somebody is there in the days from an instant on, in order; spans that touch are one."""
    until = at + SHOWN_DAYS * DAY_MS
    if _on_call(pathway):
        return [Span(at - DAY_MS, until)]
    found: list[Span] = []
    for span in sorted(_spans(pathway.staffed, zone, at, until), key=lambda span: span.since):
        if found and span.since <= found[-1].until:
            found[-1] = Span(found[-1].since, max(found[-1].until, span.until))
        else:
            found.append(span)
    return found


def _spans(windows: tuple[Window, ...], zone: Zone, at: int, until: int) -> Iterator[Span]:
    for day in range(at // DAY_MS - 2, until // DAY_MS + 2):  # no clock is more than a day from UTC
        for window in windows:
            if window.days and (day + EPOCH_WEEKDAY - 1) % 7 + 1 not in window.days:
                continue
            last = day + (window.end <= window.start)
            began = instant(zone, day * DAY_MS + window.start * MINUTE_MS)
            ended = instant(zone, last * DAY_MS + window.end * MINUTE_MS)
            if began < ended and began < until and ended > at:
                yield Span(began, ended)


def _on_call(pathway: Pathway) -> bool:
    outside = pathway.outside.get("red")
    return outside is not None and outside.on_call != ""


def says_15(pathway: Pathway, zone: Zone, colour: Colour, at: int) -> bool:
    """Return whether a patient whose answers are of that colour is told to call 15.

    A red says so at any hour: the page's own flags do not know a score, nor a patient's own thresholds. A colour below
    does where the pathway has nobody for it at that hour but the 15.
    """
    if colour == "red":
        return True
    outside = pathway.outside.get(colour)
    there = any(within(window, zone, at) for window in pathway.staffed)
    return not there and outside is not None and outside.call_15
