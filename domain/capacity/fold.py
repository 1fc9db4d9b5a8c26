"""The capacity fold: records of one shard in, a draft of what they change out; the state changes only when told to.

The shard's clock is the largest `received_at` seen (design, decision 2). Before a record is folded, everything due by
its clock is run in order: wards that become stale, the census of every full hour, and alerts. What changed within a
second is judged when that second is over, as it is then. So the outcome does not depend on how the log was cut into
batches, and what waits to be judged need not be kept: to judge everything once more changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import msgspec

from domain import grants
from domain.alerts.evaluate import Book
from domain.alerts.lifecycle import Alert, Step
from domain.alerts.measures import MOST_DEAD_LETTERS, check
from domain.alerts.rule import Rule, Ruleset
from domain.alerts.wording import Names
from domain.capacity.figures import OLDER, Key, Row, mistakes_in, row_of, why_history
from domain.capacity.picture import WardPicture, draw
from domain.capacity.totals import Total, group_keys, groups, total_of
from domain.capacity.watch import (
    BY_TIME,
    Plan,
    SourceSeen,
    beds_of,
    of_group,
    of_shard,
    of_source,
    of_ward,
    sources_of,
    turns,
)
from domain.documents import gather, put_in_force
from domain.errors import Unreadable
from domain.events import (
    AlertActed,
    BedsReported,
    Event,
    Genesis,
    GrantGiven,
    GrantRevoked,
    Outcome,
    SettingsPublished,
    Source,
    Tick,
)
from domain.grants import Grant
from domain.known import Known
from domain.overlay import Overlay, absorb
from domain.places import Region

FOLD_VERSION = 2
HOUR_MS = 3_600_000
SECOND_MS = 1_000
IDS_KEPT_HOURS = 48  # an event's id, and with it the outcome of a command, is known for so long
HISTORY_KEPT_HOURS = 30 * 24  # and the hourly censuses
HOURS_STRUCK = 48  # at once, after a gap: of the hours before them nobody knew anything either
SOURCES_KEPT_HOURS = 30 * 24  # after a source last reported
MOST_TOLD = 1_000  # wards that one feed entry tells of
MOST_ALERT_BYTES = 1 << 20  # of alerts that one record changes, lest beds wait: what is left is judged a second later
NEVER = 2**62


_read_region = msgspec.msgpack.Decoder(Region)
_read_rules = msgspec.json.Decoder(Ruleset)
_read_json = msgspec.json.Decoder().decode


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an event: applied, history (kept, but not the live figure), refused, or dead (a dead letter).

    `digest` is the event's, where it has one: by it a reader sees whether this is the outcome of what they sent.
    """

    outcome: Outcome
    reason: str | None = None
    digest: str = ""


APPLIED = Said("applied")  # one for all: a busy region's 48 hours hold a million of them


class Told(NamedTuple):
    """One line of a ward's history: a row as it was said, and whether it became the live figure then."""

    ward: str
    row: Row
    stood: bool


class HourlyTotal(msgspec.Struct, frozen=True, array_like=True):
    """What the 24-hour curve needs of a total, as it stood at the full hour."""

    available: int | None
    occupied: int | None
    open: int | None
    wards: int
    lacking: int


class Item(NamedTuple):
    """One record as the fold wants it: an event, or why there is none."""

    offset: int
    event: Event | Unreadable
    appended_at: int | None = None  # by the broker's clock, where it says so: no `received_at` is later than that


@dataclass(slots=True)
class CapacityState:
    """All that a capacity shard remembers; changed by `absorb` alone."""

    offset: int = -1
    clock: int = 0
    region: Region | None = None
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    wards: dict[str, WardPicture] = field(default_factory=dict)
    totals: dict[str, Total] = field(default_factory=dict)
    settings: dict[str, bytes] = field(default_factory=dict)
    grants: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    first_offset_of: dict[int, int] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    sources: dict[str, SourceSeen] = field(default_factory=dict)  # while some rule looks at them
    dead_at: dict[int, int] = field(default_factory=dict)  # dead letters of the last hour or two: offset → when
    next_due: int = NEVER  # no ward becomes stale before
    plan: Plan | None = None
    unjudged: set[str] = field(default_factory=set)  # subjects that have changed since they were last judged
    all_unjudged: bool = False
    next_alert: int = NEVER  # nothing is due of an alert before
    next_turn: int = NEVER  # time alone changes nothing that rules say before

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)

    def settle(self) -> None:
        """Work out what is not stored but follows from what is: the region's groups, rules and timers."""
        self.members = groups(self.region) if self.region else {}
        if "alert_rules" in self.settings:
            self.plan = Plan(_read_rules.decode(self.settings["alert_rules"]), self.region)
            self.all_unjudged, self.next_alert = True, 0
        self.next_due = min((p.stale_at for p in self.wards.values() if p.stale_at and not p.stale), default=NEVER)

    def absorb(self, draft: "Draft") -> None:
        """Become what the draft says, once it has been committed."""
        self.offset, self.clock = draft.offset, draft.clock
        if draft.region is not self.region:
            self.region, self.members = draft.region, draft.members
        absorb(self.wards, draft.wards)
        absorb(self.totals, draft.totals)
        absorb(self.settings, draft.settings.changed)
        absorb(self.grants, draft.grants)
        for hour in draft.forgotten_hours:  # first, as an id that was forgotten may have been said anew since
            for id_ in self.said_in.pop(hour, ()):
                self.said.pop(id_, None)
        for hour, said in draft.said.items():
            self.remember(hour, said)
        absorb(self.first_offset_of, draft.first_offset_of)
        self.next_due = draft.next_due
        absorb(self.alerts, draft.book.changed)
        absorb(self.sources, draft.sources)
        absorb(self.dead_at, draft.dead_at)
        self.plan, self.unjudged, self.all_unjudged = draft.plan, draft.unjudged, draft.all_unjudged
        self.next_alert, self.next_turn = draft.book.next_due, draft.next_turn


class Draft(Known[Said]):
    """What a run of records makes of a state, without touching it. None in an overlay means: gone."""

    def __init__(self, base: CapacityState, judges: bool = True) -> None:
        super().__init__(base.said, base.said_in)
        self.base = base
        self.judges, self.judging = judges, False
        self.trouble: str | None = None  # why no alerts were judged
        self.offset, self.clock = base.offset, base.clock
        self._hour = base.clock // HOUR_MS  # the last that has struck
        self.region, self.members = base.region, base.members
        self.wards: dict[str, WardPicture | None] = {}
        self.totals: dict[str, Total | None] = {}
        self.settings: Overlay[str, bytes] = Overlay(base.settings)
        self.grants: dict[str, tuple[Grant, ...] | None] = {}
        self.first_offset_of: dict[int, int | None] = {}
        self.history: list[Told] = []
        self.hours: dict[int, dict[str, HourlyTotal]] = {}
        self.dead: dict[int, str] = {}
        self.next_due = base.next_due
        self.trims = False  # an hour is over: what history is too old by now goes
        self.anew = False  # so much changed that readers do better to load everything again
        self._rows: dict[str, dict[Key, Row]] = {}  # wards touched since the pictures were last drawn
        self._stale: set[str] = set()
        self._groups: set[str] = set()
        self.plan = base.plan
        self.book = Book(
            base.alerts,
            base.plan.rules if base.plan else None,
            Names(base.region, beds=self._beds),
            measured=self._measured,
            next_due=base.next_alert,
        )
        self.steps: list[tuple[int, int, Step]] = []  # offset, number among those of that record, step
        self.sources: dict[str, SourceSeen | None] = {}
        self.dead_at: dict[int, int | None] = {}
        self.unjudged, self.all_unjudged = set(base.unjudged), base.all_unjudged
        self.next_turn = base.next_turn
        self._as_of = base.clock  # at which what grows with time is measured
        self._most = MOST_ALERT_BYTES

    # -- what is so, as far as this draft is folded

    def ward(self, id_: str) -> WardPicture | None:
        """Return a ward's picture as last drawn."""
        return self.wards[id_] if id_ in self.wards else self.base.wards.get(id_)

    # -- time

    def advance(self, clock: int) -> None:
        """Run everything due by then, in order, and let it be then; a clock never goes back."""
        if self.clock == 0:
            self.clock, self._hour = clock, clock // HOUR_MS
            self.first_offset_of[clock // HOUR_MS] = 0
        last = clock // HOUR_MS
        if self.plan is not None and self.judges:
            self.judging = True
            self._run_alerts(clock)
            self.judging = False
        for full in range(max(self._hour, last - HOURS_STRUCK) + 1, last + 1):
            self._strike(full)
        self.clock = max(clock, self.clock)

    def _run_alerts(self, clock: int) -> None:
        """Run everything due by then in order, full hours too: what it is to judge may end with them, or begin.

        Nothing is due within the second that the clock is in, but timers.
        """
        while clock // SECOND_MS > self.clock // SECOND_MS or clock >= self.book.next_due:
            judged, timer = self._judged_at(), max(self.book.next_due, self.clock)
            if self.book.size >= self._most:  # the rest is the next record's
                judged = timer = NEVER
            full = (max(self._hour, clock // HOUR_MS - HOURS_STRUCK) + 1) * HOUR_MS
            at = min(judged, timer, full)
            if at > clock:
                return
            if at == judged:
                self._judge(at)
            elif at == timer:
                self._run_timers(at)
            else:
                self._strike(at // HOUR_MS)

    def _strike(self, hour: int) -> None:
        """Let it be the full hour: keep its census, and forget what is older than it is kept."""
        self._hour, self.clock = hour, hour * HOUR_MS
        self.draw()
        self.hours[hour] = {
            key: HourlyTotal(total.available, total.occupied, total.open, total.wards, total.lacking)
            for key, total in self._all_totals()
            if not key.startswith("facility/")
        }
        self.trims = True
        self.forget_before(hour - IDS_KEPT_HOURS)
        self.first_offset_of |= {h: None for h in self._offset_hours() if h < hour - HISTORY_KEPT_HOURS}
        self.first_offset_of[hour] = self.offset + 1
        self._forget()

    def _forget(self) -> None:
        """Let go of alerts that are long over, of sources that were not seen for long, and of old dead letters."""
        self.book.forget(self.clock)
        silent = [id_ for id_, seen in self._seen() if seen.last_at < self.clock - SOURCES_KEPT_HOURS * HOUR_MS]
        self.sources |= dict.fromkeys(silent)
        self.all_unjudged = self.all_unjudged or bool(silent)
        self.dead_at |= {offset: None for offset, at in self._dead_at() if at < self.clock - HOUR_MS}

    def _offset_hours(self) -> set[int]:
        return set(self.base.first_offset_of) | set(self.first_offset_of)

    def _total(self, key: str) -> Total | None:
        return self.totals[key] if key in self.totals else self.base.totals.get(key)

    def _all_totals(self) -> Iterable[tuple[str, Total]]:
        for key in self.members:
            total = self._total(key)
            if total is not None:
                yield key, total

    @property
    def history_from(self) -> int:
        """Return the first offset whose history is still kept."""
        return min(o for o in (self.base.first_offset_of | self.first_offset_of).values() if o is not None)

    # -- folding

    def fold(self, item: Item) -> None:
        """Fold one record; whatever it raises, the draft is then worth nothing and must be thrown away."""
        self._most = self.book.size + MOST_ALERT_BYTES
        self._fold(item)
        numbered = len(self.steps)
        if len(self.book.steps) > numbered:
            self.steps += [(item.offset, n, step) for n, step in enumerate(self.book.steps[numbered:])]

    def _fold(self, item: Item) -> None:
        offset, event, appended_at = item
        if isinstance(event, Unreadable):
            self.bury(offset, str(event), event.id)
            return
        now = event.received_at if appended_at is None else min(event.received_at, appended_at)
        self.advance(now)
        self.offset = offset
        if isinstance(event, (Genesis, Tick)):
            return
        known = self.outcome_of(event.id)
        if known is not None:
            self.repeated[event.id] = known
            return
        said = self._apply(event, offset, now)
        if isinstance(event, BedsReported) and event.digest:
            said = Said(said.outcome, said.reason, event.digest)
        self._say(event.id, said)

    def bury(self, offset: int, reason: str, id_: str | None = None) -> None:
        """Record that a record can't be folded, and is a dead letter for this reason."""
        self.offset = offset
        self.dead[offset] = reason
        counted = [each for each, _ in self._dead_at()]
        if len(counted) >= MOST_DEAD_LETTERS:
            self.dead_at[min(counted)] = None
        self.dead_at[offset] = self.clock
        if self.plan is not None:
            self._touch(self.plan.shard)
        if id_ is not None:
            self._say(id_, Said("dead", reason))

    def _say(self, id_: str, said: Said) -> None:
        self.say(self.clock // HOUR_MS, id_, said)

    def _apply(self, event: Event, offset: int, now: int) -> Said:
        if event.not_after is not None and self.clock > event.not_after:
            return Said("refused", "too late")
        if event.region and self.region and event.region != self.region.code:
            return Said("refused", "another region's")
        match event:
            case BedsReported():
                return self._report(event, offset, now)
            case SettingsPublished():
                return self._publish(event)
            case GrantGiven() | GrantRevoked():
                return self._grant(event)
            case AlertActed():
                return Said(*self.book.act(event, self.clock))
            case _:
                raise TypeError(f"the capacity fold does not know {type(event).__name__}")

    def _report(self, event: BedsReported, offset: int, now: int) -> Said:
        ward = self.region.ward_of.get(event.ward) if self.region else None
        if ward is None or self.region is None:
            return Said("refused", "unknown ward")
        wrong = mistakes_in(event.nature, event.status, event.temporality, event.splits)
        if wrong:
            return Said("refused", f"{wrong[0][0]}: {wrong[0][1]}")
        row = row_of(event, offset, now)
        rows = self._rows.get(ward.id)
        if rows is None:
            picture = self.ward(ward.id)
            rows = {held.key: held for held in picture.rows} if picture else {}
        limit_ms = self.region.freshness.limit_ms(self.region.kind_of[ward.kind])
        reason = why_history(rows.get(row.key), row, self.clock, limit_ms)
        self.history.append(Told(ward.id, row, stood=reason is None))
        if self.plan is not None and self.plan.reads_sources:
            self._hear(event.source, reason)
        if reason is not None:
            return Said("history", reason)
        rows[row.key] = row
        self._rows[ward.id] = rows
        return APPLIED

    def _grant(self, event: GrantGiven | GrantRevoked) -> Said:
        held = (self.grants if event.subject in self.grants else self.base.grants).get(event.subject) or ()
        now = grants.give(held, event) if isinstance(event, GrantGiven) else grants.revoke(held, event)
        self.grants[event.subject] = now or None
        return APPLIED

    # -- settings

    def _publish(self, event: SettingsPublished) -> Said:
        whole = gather(self.settings, event)
        if whole is None:
            return APPLIED  # more parts are to come
        if whole.refused:
            return Said("refused", whole.refused)
        content = whole.content
        if event.name == "region":
            try:
                region = _read_region.decode(content)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return Said("refused", f"not a region directory: {error}")
            self._redraw(region)
        elif event.name == "alert_rules":
            wrong = self._put_in_force(content)
            if wrong is not None:
                return Said("refused", wrong)
        elif not _is_json(content):
            return Said("refused", "not JSON")
        put_in_force(self.settings, event, content)
        return APPLIED

    def _redraw(self, region: Region) -> None:
        """Put a region directory in force: every picture and every total is drawn again by it."""
        self.draw()
        ids = set(self.base.wards) | set(self.wards)
        for id_ in ids:
            picture = self.ward(id_)
            if picture is not None and id_ in region.ward_of:
                self._rows[id_] = {row.key: row for row in picture.rows}
            else:
                self.wards[id_] = None
        for key in set(self.base.totals) | set(self.totals):
            self.totals[key] = None
        self.region, self.members, self.anew = region, groups(region), True
        self.book.names = Names(region, beds=self._beds)
        if self.plan is not None:
            self._plan(self.plan.rules)
        self._groups.update(self.members)
        self.next_due = NEVER

    # -- drawing

    def draw(self) -> None:
        """Draw what changed since it was last drawn, as it is by now: pictures of wards, then their totals."""
        if self.region is None:
            return
        self._draw_touched(self.region)
        for key in self._groups:
            self.totals[key] = total_of(key, self.members[key], self.ward, self.region)
        self._groups = set()
        self.anew = self.anew or len(self.wards) > MOST_TOLD

    def _draw_touched(self, region: Region) -> None:
        """Draw the wards that were touched or have become stale; the totals that they count in are to follow."""
        self._wake()
        for id_ in self._stale - self._rows.keys():
            picture = self.ward(id_)
            if picture is not None:
                self._rows[id_] = {row.key: row for row in picture.rows}
        if self._rows:
            self._draw_wards(region)
        self._rows, self._stale = {}, set()

    def _wake(self) -> None:
        """Find the wards that have become stale by now.

        One instant is remembered, before which none does, and every ward is looked at when it has come: a timer each
        would have to be moved with every report.
        """
        if self.clock < self.next_due:
            return
        self.next_due = NEVER
        for id_ in self.base.wards.keys() | self.wards.keys():
            picture = self.ward(id_)
            if picture is None or picture.stale or picture.stale_at is None:
                continue
            if picture.stale_at <= self.clock:
                self._stale.add(id_)
            else:
                self.next_due = min(self.next_due, picture.stale_at)

    def _draw_wards(self, region: Region) -> None:
        for id_, rows in self._rows.items():
            ward = region.ward_of[id_]
            kind = region.kind_of[ward.kind]
            picture = draw(
                ward=id_,
                facility=ward.facility,
                kind=ward.kind,
                nature=kind.nature,
                installed=ward.installed,
                rows=rows.values(),
                limit_ms=region.freshness.limit_ms(kind),
                clock=self.clock,
            )
            self.wards[id_] = picture
            keys = group_keys(region, ward.facility, ward.kind)
            self._groups.update(keys)
            if self.plan is not None:
                self._touch(f"ward/{id_}", *keys)
            if picture.stale_at is not None and not picture.stale:
                self.next_due = min(self.next_due, picture.stale_at)

    # -- alerts

    def _seen(self) -> Iterable[tuple[str, SourceSeen]]:
        held = ((id_, seen) for id_, seen in self.base.sources.items() if id_ not in self.sources)
        return chain(held, ((id_, seen) for id_, seen in self.sources.items() if seen is not None))

    def _source(self, id_: str) -> SourceSeen | None:
        return self.sources[id_] if id_ in self.sources else self.base.sources.get(id_)

    def _dead_at(self) -> Iterable[tuple[int, int]]:
        held = ((offset, at) for offset, at in self.base.dead_at.items() if offset not in self.dead_at)
        return chain(held, ((offset, at) for offset, at in self.dead_at.items() if at is not None))

    def _touch(self, *subjects: str) -> None:
        """Have subjects judged once their second is over, where some rule holds for them."""
        assert self.plan is not None
        self.unjudged.update(subject for subject in subjects if self.plan.rules_of(subject))

    def _hear(self, source: Source, reason: str | None) -> None:
        """Remember that a source has reported, and whether it was late again."""
        seen = self._source(source.id)
        late = seen.late if seen else 0
        late = 0 if reason is None else late + 1 if reason == OLDER else late
        self.sources[source.id] = SourceSeen(self.clock, source.type, late)
        self._touch(f"source/{source.id}")

    def _put_in_force(self, content: bytes) -> str | None:
        """Put a set of alert rules in force, or return why it can't be."""
        try:
            rules = _read_rules.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return f"not a set of alert rules: {error}"
        wrong = check(rules)
        if wrong:
            return f"{wrong[0][0]}: {wrong[0][1]}"
        before = self.plan
        self.book.publish(rules)
        plan = self._plan(rules)
        if not plan.reads_sources:
            self.sources = dict.fromkeys(chain(self.base.sources, self.sources))
        elif before is None or not before.reads_sources:
            self.draw()  # the figures held tell of them, as far as anything does
            pictures = (self.ward(id_) for id_ in self.base.wards.keys() | self.wards.keys())
            self.sources |= sources_of(picture for picture in pictures if picture is not None)
        return None

    def _plan(self, rules: Ruleset) -> Plan:
        """Return the plan by which rules are judged here from now on; everything is to be judged by it."""
        self.plan, self.all_unjudged = Plan(rules, self.region), True
        return self.plan

    def _judged_at(self) -> int:
        """Return when something is to be judged next, if nothing else happens before: at the end of a second."""
        if self.all_unjudged or self.unjudged or self._rows:
            first = self.clock
        else:
            first = self.next_turn
            if self.plan is not None and self.plan.reads_stale:
                first = min(first, self.next_due)
        return NEVER if first >= NEVER else (max(first, self.clock) // SECOND_MS + 1) * SECOND_MS

    def _judge(self, at: int) -> None:
        """Judge what changed within the second that is over by then, as it was at its end."""
        assert self.plan is not None
        plan, book = self.plan, self.book
        self.clock, self._as_of = at - 1, at
        if self.region is not None:
            self._draw_touched(self.region)  # wards alone: of totals only what rules ask for is added up
        self.clock = at
        if self.all_unjudged:
            if not book.end_gone(at, self._exists, self._most):
                return
            self.unjudged.update(plan.subjects(self.members, (id_ for id_, _ in self._seen())))
            self.all_unjudged = False
        if self.next_turn < at:
            self.unjudged.update(self._by_time(plan))
            self.next_turn = NEVER
        for subject in sorted(self.unjudged):
            if book.size >= self._most:
                return
            for rule in plan.rules_of(subject):
                book.judge(rule, subject, self._measured(rule, subject), at, at - SECOND_MS)
                if rule.on in BY_TIME:
                    later = (turn for turn in turns(rule, self._grows_from(rule, subject)) if turn >= at)
                    self.next_turn = min(self.next_turn, min(later, default=NEVER))
            self.unjudged.discard(subject)

    def _run_timers(self, at: int) -> None:
        """Run what is due of alerts by then."""
        self.clock = self._as_of = at
        if self.region is not None:
            self._draw_touched(self.region)
        self.book.run(at, self._most)

    def _by_time(self, plan: Plan) -> Iterable[str]:
        """Yield the subjects of which time alone may change what rules say."""
        if plan.reads_past:
            ids = self.base.wards.keys() | self.wards.keys()
            past = (id_ for id_ in ids if (picture := self.ward(id_)) is not None and picture.closed_until is not None)
            yield from (f"ward/{id_}" for id_ in past)
        if plan.reads_sources:
            yield from (f"source/{id_}" for id_, _ in self._seen())
        yield plan.shard

    def _exists(self, rule: str, subject: str) -> bool:
        """Return whether a rule holds for a subject that is there."""
        level, _, rest = subject.partition("/")
        assert self.plan is not None
        if all(each.id != rule for each in self.plan.rules_of(subject)):
            return False
        match level:
            case "ward":
                return self.region is not None and rest in self.region.ward_of
            case "source":
                return self._source(rest) is not None
            case "shard":
                return subject == self.plan.shard
            case _:
                return subject in self.members

    def _measured(self, rule: Rule, subject: str) -> float | None:
        """Return what a rule measures of a subject now, None where that is unknown, or the subject no longer its."""
        level, _, rest = subject.partition("/")
        if self.plan is None or rule not in self.plan.rules_of(subject):
            return None
        match level:
            case "ward":
                return of_ward(rule.on, self.ward(rest), self._as_of)
            case "source":
                return of_source(rule.on, self._source(rest), self._as_of)
            case "shard":
                return of_shard(rule.on, (at for _, at in self._dead_at()), self._as_of)
            case _:
                return of_group(rule.on, self._pictures(subject), len(self.members.get(subject, ())))

    def _pictures(self, group: str) -> list[WardPicture]:
        """Return the pictures of a group's wards, as last drawn."""
        changed, held = self.wards, self.base.wards
        drawn = (changed[id_] if id_ in changed else held.get(id_) for id_ in self.members.get(group, ()))
        return [picture for picture in drawn if picture is not None]

    def _grows_from(self, rule: Rule, subject: str) -> Iterable[int]:
        """Return since when that grows which a rule measures of a subject by time."""
        level, _, rest = subject.partition("/")
        if level == "shard":
            return [at for _, at in self._dead_at()]
        if level == "source":
            seen = self._source(rest)
            return [] if seen is None else [seen.last_at]
        picture = self.ward(rest)
        return [] if picture is None or picture.closed_until is None else [picture.closed_until]

    def _beds(self, subject: str) -> int | None:
        return beds_of(subject, self.region, self.members, self.ward) if self.region else None


def _is_json(content: bytes) -> bool:
    try:
        _read_json(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def fold(state: CapacityState, items: Sequence[Item]) -> Draft:
    """Return the draft of a run of records that follow the state; a record that breaks the fold is a dead letter in it.

    A record that raises is left out and the run folded anew, so that none is ever half folded. Where it is the alerts
    that raise, which time runs whatever the record, they are left for later, and `draft.trouble` says so. The draft may
    end before the run does (`draft.offset`): commit it, and fold the rest.
    """
    broken: dict[int, str] = {}
    trouble: str | None = None
    while True:
        draft = Draft(state, judges=trouble is None)
        for item in items:
            try:
                if item.offset in broken:
                    draft.bury(item.offset, broken[item.offset], getattr(item.event, "id", None))
                else:
                    draft.fold(item)
            except Exception as error:  # noqa: BLE001 - a bug must cost one record, with its name, and never the shard
                if draft.judging:
                    trouble = f"{type(error).__name__} while judging alerts"
                else:
                    broken[item.offset] = f"{type(error).__name__} while folding"
                break
        else:
            try:
                draft.draw()
            except Exception as error:  # noqa: BLE001 - as above; which record it was shows when they are folded alone
                if len(items) > 1:
                    return fold(state, items[:1])
                broken[items[0].offset] = f"{type(error).__name__} while drawing"
                continue
            draft.trouble = trouble
            return draft
