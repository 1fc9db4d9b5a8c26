"""What a notices shard holds, what follows from it, and a draft of what it becomes."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.alerts import cluster
from domain.alerts.cluster import Cases
from domain.alerts.evaluate import Book
from domain.alerts.lifecycle import Alert
from domain.alerts.matching import Branch, every_branch
from domain.alerts.measures import MEASURES
from domain.alerts.mute import Link, LinkKey, sides
from domain.alerts.notice import (
    ChannelState,
    Entry,
    Group,
    HeldAlert,
    Mark,
    Measured,
    Notice,
    NotTold,
    Override,
    Past,
    Silence,
    Worth,
)
from domain.alerts.oncall import on_duty
from domain.alerts.routing import Chain, OnCall, People, Routing
from domain.alerts.rule import SEVERITIES, Rule, Ruleset, Severity
from domain.alerts.wording import Names
from domain.alerts.worth import NO_WORTH, raised_at, worth_key
from domain.capacity.fold import NEVER, Said
from domain.followup.counts import Counting, Counts
from domain.followup.crossing import Word
from domain.known import Known
from domain.overlay import Overlay, absorb
from domain.timers import Timers

MOST_IN_GROUP = 5_000  # alerts
MOST_NOT_TOLD = 20
MOST_TIMELINES = 60  # alerts of a group on whose timelines it is written what was told; of more, the group says it
BYTES_BESIDE_TEXT = 1_000  # of an alert, packed
BYTES_OF_A_NAME = 32
BYTES_OF_A_LINE = 120  # of a timeline
BYTES_OF_A_GROUP = 3_000  # on average, and twice
MOST_BYTES_AT_ONCE = 6 << 20  # or a little more, that one record changes, lest its commit be too large
MARKS = ("look", "route", "over", "gone")
TOLD_ON_TIMELINES_MS = 24 * 3_600_000
IN_AN_INSTANT = 1_000  # entries of a timeline, in order

Choice = dict[str, tuple[str, ...]]  # severity → channels
Again = Literal["look", "route", "over", "gone"]  # at what holds it back; at that and its routes; whether it is over
Standing = Literal["open", "muted", "taken"]  # of an alert that is not over: to be told of, held back, somebody has it
Tally = dict[tuple[Severity, Standing], int]

# Timers: of which kind, and of what. Those of one instant run in the order of their kinds.
OWN, CROSSING, CASES, SILENCE, DUTY, GIVE_UP, GROUP, MARKED = range(8)
Timer = tuple[int, str]

# What of a state is stored, and changed by key.
STORED = (
    "settings",
    "alerts",
    "own",
    "groups",
    "outbox",
    "silences",
    "overrides",
    "channels",
    "choices",
    "upto",
    "worth",
    "loads",
    "past",
    "measured",
    "again",
    "cases",
    "counting",
    "counts",
    "words",
    "left_off",
)

read_routing = msgspec.json.Decoder(Routing).decode
read_people = msgspec.json.Decoder(People).decode
read_on_call = msgspec.json.Decoder(OnCall).decode
read_rules = msgspec.json.Decoder(Ruleset).decode


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings that hold, as they are read; a draft has new ones from the moment they are published."""

    routing: Routing | None = None
    people: People | None = None
    on_call: Mapping[str, OnCall] = field(default_factory=dict)
    staff: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of facilities with cases
    rules: Ruleset = field(default_factory=cluster.with_cluster)  # those that this shard evaluates itself
    branches: Mapping[str, Branch] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)

    @property
    def schedules(self) -> frozenset[str]:
        """Return the names of the schedules that there are."""
        return frozenset(self.on_call) | frozenset(self.routing.schedules if self.routing else ())


def routed(in_force: InForce, routing: Routing) -> InForce:
    """Return what holds once this routing is in force."""
    chains = {chain.id: chain for chain in routing.chains}
    return dataclasses.replace(in_force, routing=routing, branches=every_branch(routing), chains=chains)


def own_rules(rules: Ruleset) -> Ruleset:
    """Return those of a region's rules that the notices shard evaluates."""
    mine = (rule for rule in rules.rules if rule.on in MEASURES and MEASURES[rule.on].owner == "notices")
    return cluster.with_cluster(mine, rules.version)


@dataclass(slots=True)
class NoticesState:
    """All that a notices shard remembers; changed by `absorb` alone.

    `own` are the alerts that this shard evaluates itself, by key; `worth` is by `<rule>/<day>`, `loads` the instants at
    which each person was told something within the last 120 minutes; `again` are alerts that something else changed,
    and that are still to be looked at: they may be more than one commit can hold. What stands from `in_force` on is not
    stored: it follows from the rest (`settle`).
    """

    offset: int = -1
    clock: int = 0
    shard: str = ""
    settings: dict[str, bytes] = field(default_factory=dict)
    alerts: dict[str, HeldAlert] = field(default_factory=dict)
    own: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    outbox: dict[str, Notice] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    channels: dict[str, ChannelState] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    upto: dict[str, Mark] = field(default_factory=dict)
    worth: dict[str, Worth] = field(default_factory=dict)
    loads: dict[str, tuple[int, ...]] = field(default_factory=dict)
    past: dict[str, Past] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    again: dict[str, Again] = field(default_factory=dict)
    cases: dict[str, Cases] = field(default_factory=dict)  # by facility
    counting: dict[str, Counting] = field(default_factory=dict)  # by hour (ms)
    counts: dict[str, Counts] = field(default_factory=dict)  # by hour (ms), those that are published
    words: dict[str, Word] = field(default_factory=dict)  # of the last day, as the app shows them
    left_off: dict[str, int] = field(default_factory=dict)  # by hour, how often it had no room for one
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    in_force: InForce = field(default_factory=InForce)
    tallies: dict[str, Tally] = field(default_factory=dict)  # of each group's alerts that are not over
    links: dict[LinkKey, Link] = field(default_factory=dict)
    due: dict[Timer, int] = field(default_factory=dict)
    next_due: int = NEVER  # nothing is due before

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)

    def settle(self) -> None:
        """Work out what is not stored but follows from what is: settings as read, counts, links, timers."""
        settings = self.settings
        in_force = InForce(
            people=read_people(settings["people"]) if "people" in settings else None,
            on_call={
                name.removeprefix("on-call/"): read_on_call(content)
                for name, content in settings.items()
                if name.startswith("on-call/") and ":" not in name
            },
            staff={
                name.removeprefix(cluster.STAFF): cluster.read_staff(content)
                for name, content in settings.items()
                if name.startswith(cluster.STAFF) and ":" not in name
            },
            rules=own_rules(read_rules(settings["alert_rules"]) if "alert_rules" in settings else Ruleset(rules=())),
        )
        self.in_force = routed(in_force, read_routing(settings["routing"])) if "routing" in settings else in_force
        self.tallies, self.links = {}, {}
        inhibitions = self.in_force.routing.inhibitions if self.in_force.routing else ()
        for id_, held in self.alerts.items():
            if is_over(held):
                continue
            for group in held.groups:
                count(self.tallies.setdefault(group, {}), held, 1)
            for side in sides(inhibitions, held.alert):
                join(self.links.setdefault(side.key, Link({}, {})), id_, side.source, side.target)
        self.due = dict(self._timers())
        self.next_due = min(self.due.values(), default=NEVER)

    def _timers(self) -> Iterator[tuple[Timer, int]]:
        own = Book(self.own, self.in_force.rules, Names())
        if own.next_due < NEVER:
            yield (OWN, ""), own.next_due
        for name, channel in self.channels.items():
            at = next_crossing(self.in_force.rules, channel, self.clock)
            if at is not None:
                yield (CROSSING, name), at
        for facility, cases in self.cases.items():
            yield (CASES, facility), cluster.forgets_at(cases)
        for id_, silence in self.silences.items():
            yield (SILENCE, id_), due_of_silence(silence, self.clock)
        for schedule in {*self.in_force.on_call, *(each.schedule for each in self.overrides.values())}:
            until = on_duty(schedule, self.in_force.on_call.get(schedule), self.overrides.values(), self.clock).until
            if until is not None:
                yield (DUTY, schedule), until
        for id_, notice in self.outbox.items():
            yield (GIVE_UP, id_), notice.give_up_at
        for id_, group in self.groups.items():
            due = due_of_group(group)
            if due is not None:
                yield (GROUP, id_), due

    def absorb(self, draft: "Holding") -> None:
        """Become what the draft says, once it has been committed."""
        self.offset, self.clock, self.shard = draft.offset, draft.clock, draft.shard
        self.in_force = draft.in_force
        for name in STORED:
            absorb(getattr(self, name), getattr(draft, name).changed)
        for hour in draft.forgotten_hours:  # first, as an id that was forgotten may have been said anew since
            for id_ in self.said_in.pop(hour, ()):
                self.said.pop(id_, None)
        for hour, said in draft.said.items():
            self.remember(hour, said)
        absorb(self.tallies, draft.tallies.changed)
        absorb(self.links, draft.links.changed)
        if draft.due.changed:
            absorb(self.due, draft.due.changed)
            self.next_due = min(self.due.values(), default=NEVER)


# -- what follows from a value


def size_of(alert: Alert) -> int:
    """Return about how many bytes an alert takes: most of it are its texts, in which accents are two bytes each."""
    texts = (alert.title, alert.text, alert.todo)
    return BYTES_BESIDE_TEXT + 2 * sum(len(words.fr) + len(words.en) for words in texts)


def is_over(held: HeldAlert) -> bool:
    """Return whether an alert has ended."""
    return held.alert.status == "resolved"


def standing(held: HeldAlert) -> Standing:
    """Return how an alert that is not over stands."""
    if held.alert.status == "acknowledged" and not held.adrift:
        return "taken"
    return "muted" if held.silenced_by or held.inhibited_by else "open"


def count(tally: Tally, held: HeldAlert, by: int) -> None:
    """Count an alert into a group, or out of it."""
    key = held.alert.severity, standing(held)
    number = tally.get(key, 0) + by
    if number:
        tally[key] = number
    else:
        tally.pop(key, None)


def number_of(tally: Tally, which: Standing) -> int:
    """Return how many alerts of a group stand so."""
    return sum(number for (_, stands), number in tally.items() if stands == which)


def gravest(tally: Tally) -> Severity | None:
    """Return the highest severity of those to be told of, else of all, None where there are none."""
    for stands in (("open",), ("taken", "muted")):
        ranks = [SEVERITIES.index(severity) for severity, stood in tally if stood in stands]
        if ranks:
            return SEVERITIES[max(ranks)]
    return None


def join(link: Link, alert: str, source: bool, target: bool) -> None:
    """Put an alert on its sides of a link."""
    if source:
        link.sources[alert] = target
    if target:
        link.targets[alert] = source


def due_of_group(group: Group) -> int | None:
    """Return when something happens to a group by time alone."""
    kept_until = None if group.kept is None else group.kept.until
    timed = (group.next_at, group.news_at, group.worse_at, group.call_at, kept_until)
    instants = [at for at in timed if at is not None]
    return min((*instants, *group.quiet.values(), *group.handed.values()), default=None)


def due_of_silence(silence: Silence, clock: int) -> int:
    """Return when a silence begins, or once it has, when it ends."""
    return silence.since if clock < silence.since else silence.until


def crossings(rule: Rule, channel: ChannelState) -> list[int]:
    """Return when a channel that is down will have been so for longer than each of a rule's thresholds."""
    if channel.up or rule.on != "channel_down":
        return []
    return [channel.at + round(level.above * 1000) + 1 for level in rule.levels if level.above is not None]


def next_crossing(rules: Ruleset, channel: ChannelState, clock: int) -> int | None:
    """Return when a channel that is down will next have been so for longer than a threshold."""
    instants = [at for rule in rules.rules for at in crossings(rule, channel)]
    return min((at for at in instants if at > clock), default=None)


# -- a draft


class Holding(Known[Said]):
    """What a state becomes, without touching it: all it holds as overlays, and its timers (broken ones passed over)."""

    def __init__(self, base: NoticesState, broken: Set[Timer] = frozenset()) -> None:
        super().__init__(base.said, base.said_in)
        self.base, self.broken = base, broken
        self.offset, self.clock, self.shard = base.offset, base.clock, base.shard
        self.in_force = base.in_force
        self.settings: Overlay[str, bytes] = Overlay(base.settings)
        self.alerts: Overlay[str, HeldAlert] = Overlay(base.alerts)
        self.groups: Overlay[str, Group] = Overlay(base.groups)
        self.outbox: Overlay[str, Notice] = Overlay(base.outbox)
        self.silences: Overlay[str, Silence] = Overlay(base.silences)
        self.overrides: Overlay[str, Override] = Overlay(base.overrides)
        self.channels: Overlay[str, ChannelState] = Overlay(base.channels)
        self.choices: Overlay[str, Choice] = Overlay(base.choices)
        self.upto: Overlay[str, Mark] = Overlay(base.upto)
        self.worth: Overlay[str, Worth] = Overlay(base.worth)
        self.loads: Overlay[str, tuple[int, ...]] = Overlay(base.loads)
        self.past: Overlay[str, Past] = Overlay(base.past)
        self.measured: Overlay[str, Measured] = Overlay(base.measured)
        self.again: Overlay[str, Again] = Overlay(base.again)
        self.cases: Overlay[str, Cases] = Overlay(base.cases)
        self.counting: Overlay[str, Counting] = Overlay(base.counting)
        self.counts: Overlay[str, Counts] = Overlay(base.counts)
        self.words: Overlay[str, Word] = Overlay(base.words)
        self.left_off: Overlay[str, int] = Overlay(base.left_off)
        self.marked = len(base.again)
        self.size = 0  # about what of alerts, groups and messages is changed, in bytes, in the writes and the feed
        self.most = 0  # size at which the present record has led to enough: the rest is the next one's
        self.own = Book(
            base.own,
            base.in_force.rules,
            Names(code=self.region),
            measured=self.measure,
            next_due=base.due.get((OWN, ""), NEVER),
        )
        self.timeline: list[tuple[str, int, Entry]] = []  # alert, where in its timeline, what happened
        self.dead: dict[int, str] = {}
        self.tallies: Overlay[str, Tally] = Overlay(base.tallies)
        self.links: Overlay[LinkKey, Link] = Overlay(base.links)
        self.timers = Timers(base.due, base.next_due)
        self.due, self.time = self.timers.due, self.timers.set
        self._noted_at, self._noted = -1, 0

    @property
    def region(self) -> str:
        """Return the code of the shard's region."""
        return self.shard.partition(":")[2]

    def measure(self, rule: Rule, subject: str) -> float | None:
        """Return what a subject of this shard's own rules measures now."""
        name = subject.partition("/")[2]
        if rule.on == cluster.RULE.on:
            return cluster.measure(self.cases.get(name))
        if rule.on == "channel_down":
            channel = self.channels.get(name)
            if channel is None:
                return None
            return 0.0 if channel.up else (self.clock - channel.at) / 1000
        measured = self.measured.get(f"{rule.on}/{name}")
        return None if measured is None else measured.value

    # -- what one record leads to

    @property
    def full(self) -> bool:
        """Return whether the present record has led to so much that the rest is left to the next one."""
        return self.size >= self.most

    @property
    def overfull(self) -> bool:
        """Return whether it has led to twice as much: no commit can hold much more."""
        return self.size >= self.most + MOST_BYTES_AT_ONCE

    def put_alert(self, held: HeldAlert) -> None:
        """Keep an alert as it is now."""
        self.alerts.put(held.alert.id, held)
        self.size += 2 * (size_of(held.alert) + BYTES_OF_A_NAME * len(held.told))

    def mark(self, id_: str, what: Again) -> None:
        """Let an alert be looked at again; that it is over goes before its routes, and these before the rest."""
        before = self.again.get(id_)
        if before is None:
            self.marked += 1
        if before is None or MARKS.index(what) > MARKS.index(before):
            self.again.put(id_, what)

    def next_marked(self) -> list[tuple[str, Again]]:
        """Return the alerts that are to be looked at again, in their order."""
        return sorted(self.again.items()) if self.marked else []

    def unmark(self, id_: str) -> None:
        """Let an alert not be looked at again."""
        self.again.drop(id_)
        self.marked -= 1

    # -- timers

    def next_timer(self, by: int) -> tuple[int, Timer] | None:
        """Return the first timer that is due by then, and take it away; None where there is none."""
        due = self.timers.first(by)
        if due is not None:
            self.due.drop(due[1])
        return due

    # -- groups

    def put_group(self, group: Group) -> None:
        """Keep a group, with when it is due."""
        self.groups.put(group.id, group)
        self.size += BYTES_OF_A_GROUP
        self.time((GROUP, group.id), due_of_group(group))

    def tally(self, group: str) -> Tally:
        """Return the counts of a group's alerts that are not over."""
        return self.tallies.get(group) or {}

    def count(self, group: str, held: HeldAlert, by: int) -> None:
        """Count an alert into a group, or out of it."""
        tally = dict(self.tally(group))
        count(tally, held, by)
        if tally:
            self.tallies.put(group, tally)
        else:
            self.tallies.drop(group)

    def held(self, ids: Iterable[str]) -> list[HeldAlert]:
        """Return the alerts of these ids that there are."""
        return [held for id_ in ids if (held := self.alerts.get(id_)) is not None]

    def hold_back(self, group: Group, *decisions: NotTold) -> Group:
        """Return the group with decisions not to tell, the last of which are kept; they are on the timelines too."""
        for decision in decisions:
            entry = Entry(at=decision.at, what="not_told", to=decision.person, text=decision.why)
            self.note_telling(group.alerts, entry)
        return replace(group, not_told=(*group.not_told, *decisions)[-MOST_NOT_TOLD:])

    def recount(self, was: HeldAlert | None, held: HeldAlert) -> None:
        """Keep an alert, and count it out of the groups where it was and into those where it is."""
        if was is not None:
            for id_ in was.groups:
                self.count(id_, was, -1)
        if not is_over(held):
            for id_ in held.groups:
                self.count(id_, held, 1)
        self.put_alert(held)

    # -- what is kept of what happened

    def note_anew(self) -> None:
        """Begin to number the lines of an instant again: with every record, so that it does not matter who cuts."""
        self._noted_at = -1

    def note(self, alerts: Iterable[str], entry: Entry) -> None:
        """Write a line into the timelines of alerts."""
        if self.clock != self._noted_at:
            self._noted_at, self._noted = self.clock, 0
        place = self.clock * IN_AN_INSTANT + min(self._noted, IN_AN_INSTANT - 1)
        self._noted += 1
        lines = [(id_, place, entry) for id_ in alerts]
        self.timeline += lines
        self.size += BYTES_OF_A_LINE * len(lines)

    def note_telling(self, alerts: Iterable[str], entry: Entry) -> None:
        """Write who is told, or is not, into the timelines of the first 60 alerts, for a day from when each was raised.

        So that no timeline grows for ever: beyond that, the group tells it.
        """
        first = self.held(id_ for _, id_ in zip(range(MOST_TIMELINES), alerts, strict=False))
        young = [held.alert.id for held in first if raised_at(held.alert) > self.clock - TOLD_ON_TIMELINES_MS]
        if young:
            self.note(young, entry)

    def worth_of(self, alert: Alert) -> Worth:
        """Return what is counted of a rule's alerts of the day on which this one was raised."""
        return self.worth.get(worth_key(alert)) or NO_WORTH
