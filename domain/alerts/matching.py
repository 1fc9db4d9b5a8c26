"""Which branches of the routing tree an alert goes down, and local time as data."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

from domain.alerts.routing import Matchers, Route, Routing, Window, Zone

DAY_MIN = 24 * 60
MINUTE_MS = 60_000
DAY_MS = DAY_MIN * MINUTE_MS
EPOCH_WEEKDAY = 4  # 1970-01-01 was a Thursday (ISO)

GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S = 30.0, 300.0, 4 * 3600.0  # as Alertmanager has them


class Branch(NamedTuple):
    """One route with all that it inherits: how what goes down it is grouped, timed and told."""

    id: str
    chain: str
    group_by: tuple[str, ...] = ()
    group_wait_ms: int = round(GROUP_WAIT_S * 1000)
    group_interval_ms: int = round(GROUP_INTERVAL_S * 1000)
    repeat_interval_ms: int = round(REPEAT_INTERVAL_S * 1000)
    webhooks: tuple[str, ...] = ()


# What is told by a plan of its own: the group has no route (none has this id), and what is in it is told of at once.
PLANNED = ""
PLAN_BRANCH = Branch(id=PLANNED, chain=PLANNED, group_wait_ms=0, group_interval_ms=0)


def matches(matchers: Matchers, labels: Mapping[str, str]) -> bool:
    """Return whether every label named has one of its values; a label that is not there is empty."""
    return all(labels.get(label, "") in values for label, values in matchers.items())


# -- local time


def _local(zone: Zone, at: int) -> int:
    """Return an instant as milliseconds of local time."""
    place = bisect_right(zone.offsets, at, key=lambda change: change[0]) - 1
    return at + (zone.offsets[max(0, place)][1] * 1000 if zone.offsets else 0)


def _day_it_began(window: Window, local_ms: int) -> int | None:
    """Return the local day on which the window began that holds this moment, None where none does."""
    day, minute = local_ms // DAY_MS, local_ms % DAY_MS // MINUTE_MS
    if window.end > window.start:
        began = day if window.start <= minute < window.end else None
    elif minute >= window.start:
        began = day
    else:
        began = day - 1 if minute < window.end else None
    if began is None or (window.days and (began + EPOCH_WEEKDAY - 1) % 7 + 1 not in window.days):
        return None
    return began


def within(window: Window, zone: Zone, at: int) -> bool:
    """Return whether an instant is within the window, by the zone's clocks."""
    return _day_it_began(window, _local(zone, at)) is not None


def end_of(window: Window, zone: Zone, at: int) -> int:
    """Return when the window that holds this instant ends; a day on which the clocks change has its own end."""
    local = _local(zone, at)
    began = _day_it_began(window, local)
    if began is None:
        return at
    local_end = (began + (window.end <= window.start)) * DAY_MS + window.end * MINUTE_MS
    first = at + local_end - local
    second = first - (_local(zone, first) - local_end)  # where the clocks change meanwhile
    return next((end for end in sorted((first, second)) if end > at and not within(window, zone, end)), first)


# -- the tree


def branches(routing: Routing, labels: Mapping[str, str], at: int) -> list[Branch]:
    """Return the branches that an alert goes down: at each level the first that matches, and on where it says so."""
    return list(_down(routing.route, _root(routing.route), labels, routing.zone, at))


def every_branch(routing: Routing) -> dict[str, Branch]:
    """Return all branches of the tree by the id of their route."""
    found: dict[str, Branch] = {}

    def walk(route: Route, branch: Branch) -> None:
        found[route.id] = branch
        for below in route.routes:
            walk(below, _inherited(below, branch))

    walk(routing.route, _root(routing.route))
    return found


def _root(route: Route) -> Branch:
    return _inherited(route, Branch(id=route.id, chain=""))


def _down(route: Route, branch: Branch, labels: Mapping[str, str], zone: Zone, at: int) -> Iterator[Branch]:
    ends_here = True
    for below in route.routes:
        if not matches(below.match, labels):
            continue
        if below.hours and not any(within(window, zone, at) for window in below.hours):
            continue
        ends_here = False
        yield from _down(below, _inherited(below, branch), labels, zone, at)
        if not below.goes_on:
            return
    if ends_here:
        yield branch


def _inherited(route: Route, above: Branch) -> Branch:
    return Branch(
        id=route.id,
        chain=above.chain if route.chain is None else route.chain,
        group_by=above.group_by if route.group_by is None else route.group_by,
        group_wait_ms=_ms(route.group_wait_s, above.group_wait_ms),
        group_interval_ms=_ms(route.group_interval_s, above.group_interval_ms),
        repeat_interval_ms=_ms(route.repeat_interval_s, above.repeat_interval_ms),
        webhooks=above.webhooks if route.webhooks is None else route.webhooks,
    )


def _ms(seconds: float | None, above_ms: int) -> int:
    return above_ms if seconds is None else max(0, round(seconds * 1000))


def grouped(branch: Branch, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that say which group of a branch an alert belongs to."""
    return {label: labels[label] for label in branch.group_by if label in labels}


def group_id(route: str, labels: Mapping[str, str]) -> str:
    """Return the id of a group: a digest of its route and the labels that it is grouped by."""
    parts = [route, *(part for label in sorted(labels) for part in (label, labels[label]))]
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
