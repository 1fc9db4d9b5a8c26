"""`vigilits rules replay`: the log's past folded with other rules, in memory, and whom the routing would have told."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from domain.alerts.fold import NoticesState
from domain.alerts.fold import fold as fold_notices
from domain.alerts.lifecycle import Step
from domain.alerts.measures import MEASURES
from domain.alerts.routing import OnCall, Shift
from domain.alerts.rule import SEVERITIES, Ruleset, Severity
from domain.capacity.fold import CapacityState, Item, fold
from domain.errors import Unreadable
from domain.events import AlertStepped, Event, Genesis, SettingsPublished, Tick
from event_log.codec import decode
from event_log.ids import new_id
from event_log.log import Log
from launch import publish
from launch.publish import Place
from streams.on_call import setting

AT_ONCE = 500
STEPS_AT_ONCE = 200
EPOCH = "tried"


class Episode(msgspec.Struct):
    """One alert from when it was raised until it was over (None: it still holds), and how grave it became."""

    id: str
    rule: str
    subject: str
    title: str
    severity: Severity
    since: int
    raised_at: int
    over_at: int | None = None
    to: set[str] = msgspec.field(default_factory=set)

    def is_of(self, other: "Episode") -> bool:
        """Return whether two are about the same thing at the same time, though other rules may have raised them."""
        if (self.rule, self.subject) != (other.rule, other.subject):
            return False
        return _before(self.since, other.over_at) and _before(other.since, self.over_at)


def _before(at: int, end: int | None) -> bool:
    return end is None or at < end


class Past:
    """A capacity log folded anew with a set of rules in force from its first record on, whatever it says of rules.

    What people did with alerts is part of that log, and counts where the same alert is raised again.
    """

    def __init__(self, rules: Ruleset, region: str, told_by: Mapping[str, bytes]) -> None:
        self._state = CapacityState(settings={"alert_rules": msgspec.json.encode(rules)})
        self._state.settle()
        self._region, self._told_by = region, told_by
        self._notices = NoticesState()
        self._offset = -1
        self.episodes: dict[str, Episode] = {}
        self.told: list[tuple[int, str, str]] = []  # when, whom, why

    def fold(self, items: Sequence[Item]) -> None:
        """Fold the next records."""
        left = [item for item in items if not _is_rules(item)]
        while left:
            draft = fold(self._state, left)
            self._state.absorb(draft)
            for offset, n, step in draft.steps:
                self._note(step)
                self._tell(self._stepped(offset, n, step))
            left = [item for item in left if item.offset > draft.offset]

    def end(self) -> None:
        """Let the time be that of the last record: what was due until then is told."""
        self._tell(Tick(id=new_id(), received_at=self._state.clock))

    @property
    def clock(self) -> int:
        """Return the time of the last record."""
        return self._state.clock

    def _note(self, step: Step) -> None:
        alert = step.alert
        if step.what == "fired":
            self.episodes[alert.id] = Episode(
                alert.id, alert.rule, alert.subject, alert.title.fr, alert.severity, alert.since, step.at
            )
        held = self.episodes.get(alert.id)
        if held is not None:
            held.severity = max(held.severity, alert.severity, key=SEVERITIES.index)
            held.over_at = alert.resolved_at

    def _stepped(self, offset: int, n: int, step: Step) -> AlertStepped:
        shard = f"capacity:{self._region}"
        return AlertStepped(
            id=f"{shard}/{EPOCH}/{offset}/{n}",
            received_at=step.at,
            shard=shard,
            epoch=EPOCH,
            offset=offset,
            n=n,
            step=step,
        )

    def _tell(self, event: Event) -> None:
        """Fold an event as the region's notices shard does, and keep whom it tells."""
        events: list[Event] = [event]
        if self._offset < 0:
            at = event.received_at
            genesis = Genesis(id=new_id(), received_at=at, epoch=EPOCH, shard=f"notices:{self._region}")
            settings = (part for name, content in self._told_by.items() for part in publish.parts(name, content, at))
            events = [genesis, *settings, event]
        draft = fold_notices(self._notices, [Item(self._offset + 1 + n, each) for n, each in enumerate(events)])
        self._offset += len(events)
        self._keep(draft)
        self._notices.absorb(draft)

    def _keep(self, draft: Any) -> None:
        tellings = {}
        for alert, place, entry in draft.timeline:
            if entry.what in ("told", "escalated") and entry.to is not None and entry.text != "resolved":
                tellings[place, entry.to] = (entry.at, entry.to, entry.text)
                if alert in self.episodes:
                    self.episodes[alert].to.add(entry.to)
        self.told += tellings.values()


def _is_rules(item: Item) -> bool:
    return isinstance(item.event, SettingsPublished) and item.event.name == "alert_rules"


async def items_of(log: Log, place: Place) -> AsyncIterator[list[Item]]:
    """Yield all records of a capacity log, some at a time."""
    held: list[Item] = []
    async for record in log.read(place.topic, place.partition):
        try:
            held.append(Item(record.offset, decode(record.value), record.appended_at))
        except Unreadable as reason:
            held.append(Item(record.offset, reason, record.appended_at))
        if len(held) >= AT_ONCE:
            yield held
            held = []
    if held:
        yield held


async def calendars_of(log: Log, place: Place) -> dict[str, bytes]:
    """Return the settings of a notices log's on-call schedules, each with all the shifts that it ever told."""
    told: dict[str, list[OnCall]] = {}
    async for record in log.read(place.topic, place.partition):
        with suppress(Unreadable, msgspec.MsgspecError):
            event = decode(record.value)
            if isinstance(event, SettingsPublished) and event.name.startswith(setting("")) and event.parts == 1:
                told.setdefault(event.name, []).append(msgspec.json.decode(event.content, type=OnCall))
    return {name: msgspec.json.encode(whole(readings)) for name, readings in told.items()}


def whole(readings: Sequence[OnCall]) -> OnCall:
    """Return all shifts that a schedule's readings told, where they differ as the later one did."""
    shifts: tuple[Shift, ...] = ()
    for reading in readings:
        begin = min((shift.since for shift in reading.shifts), default=reading.read_at)
        before = (Shift(each.person, each.since, min(each.until, begin)) for each in shifts if each.since < begin)
        shifts = (*before, *reading.shifts)
    return OnCall(shifts=shifts, read_at=readings[-1].read_at)


# --- what came of it -------------------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True):
    """What one rule raised at one severity: by the rules in force, by those tried; what is new in these, what gone."""

    rule: str
    severity: Severity
    in_force: int
    tried: int
    new: int
    gone: int
    to: dict[str, int]  # of how many of those tried each person was told


class Outcome(msgspec.Struct, frozen=True):
    """What a replay found; `messages` count what each person is sent, of however many alerts."""

    since: int
    until: int
    lines: list[Line]
    new: list[str]
    gone: list[str]
    messages: dict[str, dict[str, int]]  # person → {in_force, tried}
    escalated: dict[str, int]  # {in_force, tried}: how many of those because nobody had acted
    not_tried: list[str]  # rules of the notices shard: what they measure is not on this log


def outcome(in_force: Past, tried: Past, rules: Ruleset, since: int) -> Outcome:
    """Return what two replays of one past have otherwise from an instant on."""
    before, after = ([e for e in past.episodes.values() if e.raised_at >= since] for past in (in_force, tried))
    # Beside all of the other's: an alert that was raised before the instant there is not gone.
    new = [e for e in after if not _is_among(e, in_force)]
    gone = [e for e in before if not _is_among(e, tried)]
    lines = []
    for key in sorted({_key(e) for e in (*before, *after)}, key=lambda key: (key[0], -SEVERITIES.index(key[1]))):
        is_, are, added, lost = (sum(_key(e) == key for e in found) for found in (before, after, new, gone))
        to = Counter(person for e in after if _key(e) == key for person in sorted(e.to))
        lines.append(Line(*key, in_force=is_, tried=are, new=added, gone=lost, to=dict(to.most_common())))
    sent, sent_tried = (Counter(person for at, person, _ in past.told if at >= since) for past in (in_force, tried))
    return Outcome(
        since=since,
        until=tried.clock,
        lines=lines,
        new=[_words(e) for e in new],
        gone=[_words(e) for e in gone],
        messages={
            person: {"in_force": sent[person], "tried": sent_tried[person]} for person in sorted(sent | sent_tried)
        },
        escalated={
            "in_force": _escalated(in_force, since),
            "tried": _escalated(tried, since),
        },
        not_tried=[rule.id for rule in rules.rules if MEASURES[rule.on].owner == "notices"],
    )


def _key(episode: Episode) -> tuple[str, Severity]:
    return episode.rule, episode.severity


def _is_among(episode: Episode, past: Past) -> bool:
    return any(episode.is_of(other) for other in past.episodes.values())


def _words(episode: Episode) -> str:
    return f"{episode.rule} | {episode.subject} | {episode.title}"


def _escalated(past: Past, since: int) -> int:
    return sum(1 for at, _, why in past.told if at >= since and why in ("escalated", "repeat"))


def table(found: Outcome) -> list[str]:
    """Return an outcome as lines to be read."""
    lines = _counted(found) if found.lines else ["no alert, neither by the rules in force nor by those tried"]
    if found.not_tried:
        lines.append(f"not tried, as their measures are not on this log: {', '.join(found.not_tried)}")
    return lines


def _counted(found: Outcome) -> list[str]:
    width = max(len("rule"), *(len(line.rule) for line in found.lines))
    lines = [f"{'rule':{width}}  severity  in force  tried   new  gone  told"]
    for line in found.lines:
        to = ", ".join(f"{person} {count}" for person, count in line.to.items()) or "nobody"
        counts = f"{line.in_force:8}  {line.tried:5}  {line.new:4}  {line.gone:4}"
        lines.append(f"{line.rule:{width}}  {line.severity:8}  {counts}  {to}")
    lines += [f"new   {each}" for each in found.new] + [f"gone  {each}" for each in found.gone]
    lines += [
        f"{person}: told {times['tried']} times, {times['in_force']} by the rules in force"
        for person, times in found.messages.items()
    ]
    again = found.escalated
    lines.append(f"because nobody had acted: {again['tried']} times, {again['in_force']} by the rules in force")
    return lines
