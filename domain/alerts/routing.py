"""Who is told of what: a tree of routes, chains of escalation, inhibition, people's channels; all of it data."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from domain.alerts.rule import SEVERITIES, Severity
from domain.places import Place

Matchers = dict[str, tuple[str, ...]]  # label → the values of which it must have one; every label named must match


class Zone(Place, frozen=True):
    """Local time as data, so that a fold needs no tables of its machine: from each instant (ms), its offset (s)."""

    name: str
    offsets: tuple[tuple[int, int], ...]  # rising; the first holds before its instant too


class Window(Place, frozen=True):
    """A part of local days: minutes of the day from `start` to before `end` (past midnight where end ≤ start).

    `days` are ISO weekdays (1 Monday … 7 Sunday) on which it begins; empty means every day.
    """

    start: int
    end: int
    days: tuple[int, ...] = ()


class Route(Place, frozen=True, rename={"goes_on": "continue"}):
    """A branch of the tree: alerts that match it go down it; None is inherited from the branch above.

    Routes are tried in order; the first that matches ends the search at its level unless it says `continue`.
    Each alert is grouped by the labels `group_by`. A group is first told of after `group_wait_s`, told of what is new
    in it after `group_interval_s`, and that it is over once it has been for as long. `chain` names whom, and by its
    waits how often, while nobody has it; where it never waits, again after `repeat_interval_s`. `webhooks` are
    receivers that are told beside, and reminded after `repeat_interval_s`.
    """

    id: str
    match: Matchers = msgspec.field(default_factory=dict)
    hours: tuple[Window, ...] = ()
    goes_on: bool = False
    group_by: tuple[str, ...] | None = None
    group_wait_s: float | None = None
    group_interval_s: float | None = None
    repeat_interval_s: float | None = None
    chain: str | None = None
    webhooks: tuple[str, ...] | None = None
    routes: tuple["Route", ...] = ()


class ChainStep(Place, frozen=True):
    """One step of a chain, exactly one of: wait (s), a person, whoever is on call, a cell (team), loop (times)."""

    wait_s: float | None = None
    person: str | None = None
    on_call: str | None = None
    cell: str | None = None
    loop: int | None = None


class Chain(Place, frozen=True):
    """Whom to tell, in order, until someone takes the group in."""

    id: str
    steps: tuple[ChainStep, ...]


class Inhibition(Place, frozen=True):
    """While an alert fires that matches `source`, those that match `target` and have equal labels are not told."""

    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()


class Routing(Place, frozen=True):
    """All of a region's routing, as it is published (setting `routing`, JSON). The root route matches everything.

    `schedules` are the names of on-call schedules; what is on them is published apart (setting `on-call/<name>`).
    """

    route: Route
    chains: tuple[Chain, ...]
    zone: Zone
    inhibitions: tuple[Inhibition, ...] = ()
    schedules: tuple[str, ...] = ()
    version: int = 1


class Person(Place, frozen=True):
    """Someone who can be told, without a name or an address: those are in the directory store.

    `channels` by severity, in order; `team` is the cell they belong to; within `quiet` (local minutes of the day) only
    what is critical reaches them, the rest waits for its end.
    """

    channels: dict[Severity, tuple[str, ...]]
    team: str = ""
    quiet: Window | None = None


class People(Place, frozen=True):
    """The people of a region by subject, as they are published (setting `people`, JSON)."""

    people: dict[str, Person]

    def team(self, name: str) -> list[str]:
        """Return who belongs to a cell."""
        return sorted(subject for subject, person in self.people.items() if name and person.team == name)


class Shift(Place, frozen=True):
    """Who is on call from one instant (ms) until before another."""

    person: str
    since: int
    until: int


class OnCall(Place, frozen=True):
    """A schedule as it was last read, in UTC (setting `on-call/<name>`, JSON); `trouble` says why no newer one is."""

    shifts: tuple[Shift, ...]
    read_at: int
    source: str = ""  # where from, in words that hold no secret: a file's name, a host
    trouble: str = ""


CHANNELS = ("app", "push", "sms", "smtp", "mssante")  # of people; a webhook is no person's
MOST_ROUTES = 500
MOST_LOOPS = 20
LONGEST_WAIT_S = 7 * 86_400.0

Mistake = tuple[str, str]  # path, message


def mistakes(routing: Routing, people: People | None) -> list[Mistake]:
    """Return every mistake of a routing as (path, message); without people, none about who is named."""
    found = list(_mistakes_of_routes(routing))
    ids: set[str] = set()
    for place, chain in enumerate(routing.chains):
        path = f"chains[{place}]"
        if not chain.id or chain.id in ids:
            found.append((f"{path}.id", f"{chain.id!r} is the id of an earlier chain too" if chain.id else "is empty"))
        ids.add(chain.id)
        found += [(f"{path}.{where}", message) for where, message in _mistakes_of_chain(chain, routing, people)]
    for place, rule in enumerate(routing.inhibitions):
        for name in ("source", "target"):
            matchers: Matchers = getattr(rule, name)
            if not matchers:
                found.append((f"inhibitions[{place}].{name}", "matches everything: name at least one label"))
            found += _mistakes_of_matchers(f"inhibitions[{place}].{name}", matchers)
    instants = [at for at, _ in routing.zone.offsets]
    if not instants:
        found.append(("zone.offsets", "at least one is needed"))
    elif any(after <= before for before, after in pairwise(instants)):
        found.append(("zone.offsets", "must rise"))
    return found


def mistakes_in_people(people: People) -> list[Mistake]:
    """Return every mistake of the people published as (path, message)."""
    found: list[Mistake] = []
    for subject, person in people.people.items():
        for severity, channels in person.channels.items():
            found += [
                (f"people.{subject}.channels.{severity}", f"{channel!r} is not one of {', '.join(CHANNELS)}")
                for channel in channels
                if channel not in CHANNELS
            ]
        if person.quiet is not None:
            found += [
                (f"people.{subject}.quiet{where}", message) for where, message in _mistakes_of_window(person.quiet)
            ]
    return found


def mistakes_in_choice(channels: dict[str, tuple[str, ...]]) -> list[Mistake]:
    """Return why nobody can be told by these channels; nobody can choose to miss what is critical."""
    found: list[Mistake] = []
    for severity, chosen in channels.items():
        if severity not in SEVERITIES:
            found.append((severity, f"is not one of {', '.join(SEVERITIES)}"))
        found += [
            (severity, f"{channel!r} is not one of {', '.join(CHANNELS)}")
            for channel in chosen
            if channel not in CHANNELS
        ]
    if channels.get("critical") == ():
        found.append(("critical", "at least one channel is needed"))
    return found


def _mistakes_of_routes(routing: Routing) -> Iterator[Mistake]:
    chains, ids = {chain.id for chain in routing.chains}, set()
    for path, route in _walk("route", routing.route):
        if not route.id or route.id in ids:
            yield f"{path}.id", f"{route.id!r} is the id of an earlier route too" if route.id else "is empty"
        ids.add(route.id)
        if route.chain is not None and route.chain not in chains:
            yield f"{path}.chain", f"there is no chain {route.chain!r}"
        yield from _mistakes_of_matchers(f"{path}.match", route.match)
        for place, window in enumerate(route.hours):
            yield from ((f"{path}.hours[{place}]{where}", why) for where, why in _mistakes_of_window(window))
        for name in ("group_wait_s", "group_interval_s", "repeat_interval_s"):
            seconds = getattr(route, name)
            if seconds is not None and not 0 <= seconds <= LONGEST_WAIT_S:
                yield f"{path}.{name}", "must be a duration of at most 7 days"
        if any(not name or "/" in name for name in route.webhooks or ()):
            yield f"{path}.webhooks", "a name is empty, or has a slash"
    if routing.route.chain is None:
        yield "route.chain", "the root needs a chain: it is told of whatever no other route matches"
    if routing.route.match or routing.route.hours:
        yield "route.match", "the root matches everything, at every hour"
    if len(ids) > MOST_ROUTES:
        yield "route.routes", f"at most {MOST_ROUTES} routes"


def _walk(path: str, route: Route) -> Iterator[tuple[str, Route]]:
    yield path, route
    for place, below in enumerate(route.routes):
        yield from _walk(f"{path}.routes[{place}]", below)


def _mistakes_of_matchers(path: str, matchers: Matchers) -> Iterator[Mistake]:
    yield from ((f"{path}.{label}", "at least one value is needed") for label, values in matchers.items() if not values)


def _mistakes_of_window(window: Window) -> Iterator[Mistake]:
    for name in ("start", "end"):
        if not 0 <= getattr(window, name) <= 24 * 60:
            yield f".{name}", "is not a minute of a day"
    if any(not 1 <= day <= 7 for day in window.days):
        yield ".days", "days are 1 (Monday) to 7 (Sunday)"


def _mistakes_of_chain(chain: Chain, routing: Routing, people: People | None) -> Iterator[Mistake]:
    waited = False
    for place, step in enumerate(chain.steps):
        path = f"steps[{place}]"
        said = [name for name in step.__struct_fields__ if getattr(step, name) is not None]
        if len(said) != 1:
            yield path, "a step is exactly one of wait, person, on_call, cell, loop"
        if step.wait_s is not None:
            waited = True
            if not 1 <= step.wait_s <= LONGEST_WAIT_S:
                yield f"{path}.wait_s", "must be from 1 second to 7 days"
        if step.loop is not None:
            if not 1 <= step.loop <= MOST_LOOPS:
                yield f"{path}.loop", f"must be from 1 to {MOST_LOOPS} times"
            if not waited:
                yield f"{path}.loop", "needs a wait before it"
        if step.on_call is not None and step.on_call not in routing.schedules:
            yield f"{path}.on_call", f"there is no schedule {step.on_call!r}"
        if people is not None and step.person is not None and step.person not in people.people:
            yield f"{path}.person", f"there is no person {step.person!r}"
        if people is not None and step.cell is not None and not people.team(step.cell):
            yield f"{path}.cell", f"nobody is of the team {step.cell!r}"
    if not any(step.person or step.on_call or step.cell for step in chain.steps):
        yield "steps", "names nobody"
