"""Who is told of what: a tree of routes, chains of escalation, inhibition, people's channels; all of it data."""

import msgspec

from domain.alerts.rule import Severity
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
    in it after `group_interval_s`, and told again after `repeat_interval_s` while nobody has it. `chain` names whom;
    `webhooks` are receivers that are told beside.
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
