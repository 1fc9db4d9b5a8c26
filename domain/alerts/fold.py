"""The notices fold: a region's alerts in, groups and messages to people out; the state changes only when told to.

The shard's clock is the largest `received_at` seen (design, decision 2). Before a record is folded, everything due by
its clock is run in order, each at its exact instant; and after it, what it made due at once. So the outcome does not
depend on how the log was cut into batches. What one record may lead to is bounded, lest its commit be too large: groups
that are due, and alerts that something else changed (a silence, other routes), wait for the next record then.
"""

import dataclasses
from collections.abc import Sequence, Set

import msgspec
from msgspec.structs import replace

from domain.alerts import cluster
from domain.alerts.grouping import Grouping
from domain.alerts.holding import (
    CASES,
    CROSSING,
    DUTY,
    GIVE_UP,
    GROUP,
    MOST_BYTES_AT_ONCE,
    OWN,
    SILENCE,
    Choice,
    NoticesState,
    Timer,
    due_of_silence,
    is_over,
    next_crossing,
    own_rules,
    read_on_call,
    read_people,
    read_routing,
    read_rules,
)
from domain.alerts.matching import PLANNED
from domain.alerts.measures import MEASURES, check
from domain.alerts.notice import ChannelState, Entry, Mark, Measured, Override, Silence
from domain.alerts.routing import OnCall, Routing, mistakes, mistakes_in_choice, mistakes_in_people
from domain.alerts.telling import IN_TELLING, MOST_NAMED
from domain.alerts.wording import Names
from domain.alerts.worth import LOAD_MS, too_old
from domain.capacity.fold import APPLIED, HOUR_MS, IDS_KEPT_HOURS, NEVER, Item, Said
from domain.documents import publish
from domain.errors import Unreadable
from domain.events import (
    AlertActed,
    AlertSeen,
    AlertsStood,
    AlertStepped,
    CaseFound,
    ChannelChanged,
    ChannelsChosen,
    Counted,
    EpochBegan,
    Event,
    Genesis,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    OverrideEnded,
    SettingsPublished,
    ShiftOverridden,
    SilenceEnded,
    SilenceMade,
    SystemMeasured,
    Tick,
    WordSent,
)
from domain.followup import counts
from domain.followup.counts import Counting
from domain.timers import Broken, breaking

NOTICES_FOLD_VERSION = 1
Crossed = AlertStepped | CaseFound | Counted | WordSent | AlertsStood  # what another shard tells, in its order
MOST_CHANGED = 1_000  # alerts that one feed entry tells of
MOST_BYTES_TOLD = 6 << 20  # or so much, once it is written and told
MOST_SILENCES = 500
MOST_OVERRIDES = 1_000
MOST_EPOCHS = 8  # of a shard that ended, remembered
MOST_MISTAKES = 5  # of a setting, named in its refusal
DAY_MS = 24 * HOUR_MS
LONGEST_SILENCE_MS = 30 * DAY_MS
LONGEST_OVERRIDE_MS = 366 * DAY_MS
LONGEST_REASON = 1_000
PAST_KEPT_MS = 30 * DAY_MS
OVER_KEPT_MS = DAY_MS  # alerts and groups, on the desk

__all__ = ["NOTICES_FOLD_VERSION", "Choice", "Draft", "Item", "NoticesState", "Said", "fold"]


class Draft(Grouping):
    """What a run of records makes of a state, without touching it; what is broken is passed over when it is due."""

    def __init__(self, base: NoticesState, broken: Set[Timer] = frozenset()) -> None:
        super().__init__(base, broken)
        self._steps = 0  # of our own alerts, that are taken in

    @property
    def anew(self) -> bool:
        """Return whether so much changed that readers do better to load everything again."""
        return len(self.alerts.changed) > MOST_CHANGED or self.size > MOST_BYTES_TOLD

    # -- time

    def advance(self, clock: int) -> None:
        """Run everything due by then, in order, and let it be then; a clock never goes back."""
        if self.clock == 0:
            self.clock = clock
        hour = self.clock // HOUR_MS
        self._run(max(clock, self.clock))
        if self.clock // HOUR_MS > hour:
            self._forget(self.clock // HOUR_MS)

    def _run(self, by: int) -> None:
        """Run what is due by then; groups that are due once this record has led to enough wait for the next one."""
        waiting: list[tuple[int, Timer]] = []
        while (due := self.next_timer(by)) is not None:
            at, timer = due
            if timer[0] == GROUP and self.full and not self._goes_first(timer[1]):
                waiting.append((at, timer))
                continue
            self.clock = max(self.clock, at)
            if timer in self.broken:
                continue
            with breaking(timer):
                self._run_one(*timer)
                self.look_again()
        for at, timer in waiting:
            self.time(timer, at)
        self.clock = by

    def _goes_first(self, id_: str) -> bool:
        """Return whether a group does not wait until a storm of others has room for it: what has a plan does not."""
        group = self.groups.get(id_)
        return group is not None and group.route == PLANNED and not self.overfull

    def _run_one(self, kind: int, key: str) -> None:
        if kind == GROUP:
            self.turn(key)
        elif kind == GIVE_UP:
            self.late(key)
        elif kind == SILENCE:
            self._silence_due(key)
        elif kind == CROSSING:
            self._judge_channel(key)
        elif kind == CASES:
            self._judge_cases(key)
        elif kind == DUTY:
            self.relieve(key)
        else:
            self.own.run(self.clock)
            self._told_ourselves()
            if self.own.next_due <= self.clock:  # whatever could not be run would be due for ever
                self.time((OWN, ""), self.clock + 1_000)

    def _forget(self, hour: int) -> None:
        """Let go, at a full hour, of what is older than it is kept."""
        self.forget_before(hour - IDS_KEPT_HOURS)
        self.own.forget(self.clock)
        over = self.clock - OVER_KEPT_MS
        for id_, held in list(self.alerts.items()):
            if is_over(held) and (held.alert.resolved_at or held.alert.changed_at) <= over:
                self.alerts.drop(id_)
        for id_, group in list(self.groups.items()):
            if group.status == "resolved" and (group.resolved_at or group.began_at) <= over and not group.alerts:
                self.groups.drop(id_)
                self.time((GROUP, id_), None)
        for id_, past in list(self.past.items()):
            if past.resolved_at <= self.clock - PAST_KEPT_MS:
                self.past.drop(id_)
        for id_, override in list(self.overrides.items()):
            if override.until <= self.clock:
                self.overrides.drop(id_)
        self.forget_words(self.clock - DAY_MS)
        for person, load in list(self.loads.items()):
            if load[-1] <= self.clock - LOAD_MS:
                self.loads.drop(person)
        for key in [key for key, _ in self.worth.items() if too_old(key, self.clock)]:
            self.worth.drop(key)

    # -- folding

    def fold(self, item: Item) -> None:
        """Fold one record; whatever it raises, the draft is then worth nothing and must be thrown away."""
        offset, event, appended_at = item
        if isinstance(event, Unreadable):
            self.bury(offset, str(event), event.id)
            return
        self.most = self.size + MOST_BYTES_AT_ONCE
        self.note_anew()
        self.look_again()  # what was left to this record
        self.advance(event.received_at if appended_at is None else min(event.received_at, appended_at))
        self.offset = offset
        if isinstance(event, Genesis):
            self.shard = event.shard
            self.own.names = Names(code=self.region)
            return
        if isinstance(event, Tick):
            return
        known = self.outcome_of(event.id)
        if known is not None:
            self.repeated[event.id] = known
            return
        self._say(event.id, self._apply(event))
        self.look_again()
        self._run(self.clock)

    def bury(self, offset: int, reason: str, id_: str | None = None) -> None:
        """Record that a record can't be folded, and is a dead letter for this reason."""
        self.offset = offset
        self.dead[offset] = reason
        if id_ is not None:
            self._say(id_, Said("dead", reason))

    def _say(self, id_: str, said: Said) -> None:
        self.say(self.clock // HOUR_MS, id_, said)

    def _apply(self, event: Event) -> Said:
        if event.not_after is not None and self.clock > event.not_after:
            return _refused("too late")
        if event.region and self.region and event.region != self.region:
            return _refused("another region's")
        match event:
            case AlertStepped():
                return self._step(event)
            case EpochBegan():
                return self._begin_epoch(event)
            case CaseFound() | Counted() | WordSent() | AlertsStood():
                return self._hear_from_patients(event)
            case NoticeAttempted() | NoticeDelivered() | NoticeFailed():
                return self._receive(event)
            case AlertSeen():
                return self._see(event)
            case AlertActed():
                held = self.alerts.get(event.alert)
                if held is not None and held.alert.labels.get("concern") == "patients":
                    return _refused("open the file")  # the shard that owns it takes what is done on its page alone
                answer = self.own.act(event, self.clock)
                self._told_ourselves()
                return Said(answer.outcome, answer.reason) if answer.reason else APPLIED
            case SilenceMade() | SilenceEnded():
                return self._silence(event)
            case ShiftOverridden() | OverrideEnded():
                return self._override(event)
            case ChannelsChosen():
                return self._choose(event)
            case ChannelChanged():
                return self._change_channel(event)
            case SystemMeasured():
                return self._measure(event)
            case SettingsPublished():
                return self._publish(event)
            case _:
                raise TypeError(f"the notices fold does not know {type(event).__name__}")

    # -- alerts

    def _step(self, event: AlertStepped) -> Said:
        """Take in a step that another shard told, once."""
        known = self._know(event)
        if known is None:
            self.take_in(event.step, event.shard, event.epoch)
        return known or APPLIED

    def _know(self, event: Crossed) -> Said | None:
        """Return why what another shard told is not taken in, None where it is; at or below its mark it is known."""
        refused = self._begin_epoch(event)
        if refused.outcome == "refused":
            return refused
        mark = self.upto.get(event.shard)
        if mark is not None and (event.offset, event.n) <= (mark.offset, mark.n):
            return Said("history", "known already")
        over = mark.over if mark else ()
        self.upto.put(event.shard, Mark(event.epoch, event.offset, event.n, over))
        return None

    def _begin_epoch(self, event: Crossed | EpochBegan) -> Said:
        """Take note of the life of a shard's log: what an earlier one told of is over, and it does not come back."""
        mark = self.upto.get(event.shard)
        if mark is not None and event.epoch == mark.epoch:
            return Said("history", "known already")
        over = mark.over if mark else ()
        if event.epoch in over:
            return _refused("of an epoch that is over")
        if mark is not None:
            self.end_epochs_before(event.shard)
            over = (*over, mark.epoch)[-MOST_EPOCHS:]
        self.upto.put(event.shard, Mark(event.epoch, -1, -1, over))
        return APPLIED

    def _told_ourselves(self) -> None:
        """Take in the steps of the alerts that this shard evaluates itself."""
        steps, self._steps = self.own.steps[self._steps :], len(self.own.steps)
        for step in steps:
            if step.alert.rule != cluster.RULE.id:
                self.take_in(step, self.shard)
                continue
            facility = cluster.facility_of(step.alert.subject)
            staff = self.in_force.staff.get(facility, ())
            self.take_in(cluster.told(step, self.cases.get(facility), self.region, staff), self.shard)
            if step.what == "resolved" and step.alert.why == "closed":  # what it was closed with counts no more
                self.cases.drop(facility)
                self._judge_cases(facility)
        self.time((OWN, ""), self.own.next_due if self.own.next_due < NEVER else None)

    # -- what followup shards tell beside alerts

    def _hear_from_patients(self, event: CaseFound | Counted | WordSent | AlertsStood) -> Said:
        """Take in what a followup shard told, once."""
        known = self._know(event)
        if known is not None:
            return known
        match event:
            case CaseFound():
                facility = event.case.facility
                held = cluster.with_case(self.cases.get(facility), event.case, self.clock)
                if held is not None:
                    self.cases.put(facility, held)
                    self._judge_cases(facility)
            case Counted():
                self._count_patients(event)
            case WordSent():
                self.tell_word(event.word)
            case AlertsStood():
                self.end_all_but(event.shard, event.standing.alerts)
        return APPLIED

    def _put_staff(self, facility: str, staff: tuple[str, ...]) -> None:
        """Let these be a facility's staff; whoever is so no longer is told no more of what goes on there."""
        gone = set(self.in_force.staff.get(facility, ())) - set(staff)
        self.in_force = dataclasses.replace(self.in_force, staff=dict(self.in_force.staff) | {facility: staff})
        if facility in self.cases:
            self._judge_cases(facility, gone)

    def _judge_cases(self, facility: str, gone: Set[str] = frozenset()) -> None:
        """Forget a facility's cases that are too old, and hold what is left against the rule."""
        held = self.cases.get(facility)
        held = None if held is None else cluster.recent(held, self.clock)
        if held is None:
            self.cases.drop(facility)
        else:
            self.cases.put(facility, held)
        self.time((CASES, facility), cluster.forgets_at(held) if held else None)
        self.own.judge(cluster.RULE, cluster.subject_of(facility), cluster.measure(held), self.clock)
        self._told_ourselves()
        alert = self.own.get(f"{cluster.RULE.id}|{cluster.subject_of(facility)}")
        told = self.alerts.get(alert.id) if alert else None
        if told is not None and not is_over(told):
            plan = cluster.plan_of(held, self.in_force.staff.get(facility, ()))
            stays = [step for step in told.alert.plan if step in plan or step.person not in gone]
            self.replan(told, tuple(dict.fromkeys((*stays, *plan))))

    def _count_patients(self, event: Counted) -> None:
        """Publish an hour once all shards told theirs; one that is older than those kept is none any more."""
        count, key = event.count, str(event.count.at)
        oldest = self.clock - counts.KEPT_HOURS * HOUR_MS
        if count.at > oldest and key not in self.counts:
            before = self.counting.get(key)
            told = (before.told if before else {}) | {count.index: count.numbers}
            held = Counting(count.of, told)
            cells = counts.together(held)
            if cells is None:
                self.counting.put(key, held)
            else:
                self.counting.drop(key)
                self.counts.put(key, counts.published(count.at, cells))
        for hours in (self.counting, self.counts):
            for hour in [hour for hour, _ in hours.items() if int(hour) <= oldest]:
                hours.drop(hour)

    def _see(self, event: AlertSeen) -> Said:
        """Keep who has seen alerts; that buys the groups of those who were told one delay, once in each wait."""
        if event.source is None:
            return _refused("nobody saw it")
        subject, groups = event.source.id, dict[str, None]()
        held = [each for each in self.held(dict.fromkeys(event.alerts[:MOST_NAMED])) if not is_over(each)]
        if not held:
            return _refused("unknown alert, or over")
        for each in held:
            if subject not in each.seen_by and len(each.seen_by) < MOST_NAMED:
                self.note((each.alert.id,), Entry(at=self.clock, what="seen", by=subject))
                self.put_alert(replace(each, seen_by=each.seen_by | {subject: self.clock}))
            if subject in each.told:
                groups |= dict.fromkeys(each.groups)
        for id_ in groups:
            group = self.groups.get(id_)
            if group is None or group.status not in IN_TELLING or group.delayed:
                continue
            if group.wait_ms and group.next_at is not None:
                self.put_group(replace(group, delayed=True, next_at=group.next_at + group.wait_ms))
        return APPLIED

    # -- messages

    def _receive(self, event: NoticeAttempted | NoticeDelivered | NoticeFailed) -> Said:
        notice = self.outbox.get(event.notice)
        if notice is None:
            return Said("history", "no longer to be sent")
        match event:
            case NoticeAttempted():
                self.attempted(notice, event.attempt)
            case NoticeDelivered():
                self.delivered(notice)
            case NoticeFailed():
                self.failed(notice, event.reason[:LONGEST_REASON])
        return APPLIED

    # -- silences

    def _silence(self, event: SilenceMade | SilenceEnded) -> Said:
        if isinstance(event, SilenceEnded):
            if event.silence not in self.silences:
                return _refused("unknown silence")
            self._end_silence(event.silence)
            return APPLIED
        why = self._why_no_silence(event)
        if why is not None or event.source is None:
            return _refused(why or "nobody made it")
        silence = Silence(
            id=event.id,
            matchers=event.matchers,
            since=event.since,
            until=event.until,
            reason=event.reason,
            author=event.source.id,
        )
        self.silences.put(silence.id, silence)
        self.time((SILENCE, silence.id), due_of_silence(silence, self.clock))
        if silence.since <= self.clock:
            self.mark_silenced(silence)
        return APPLIED

    def _why_no_silence(self, event: SilenceMade) -> str | None:
        if not event.matchers or not all(event.matchers.values()):
            return "matchers: at least one label with at least one value is needed"
        if not event.reason.strip() or len(event.reason) > LONGEST_REASON:
            return f"reason: from 1 to {LONGEST_REASON} characters are needed"
        if event.until <= max(self.clock, event.since):
            return "until: is over already, or before it begins"
        if event.until > self.clock + LONGEST_SILENCE_MS:
            return "until: at most 30 days from now"
        if sum(1 for _ in self.silences.items()) >= MOST_SILENCES:
            return f"there are {MOST_SILENCES} silences already"
        return None

    def _silence_due(self, id_: str) -> None:
        silence = self.silences.get(id_)
        if silence is None:
            return
        if silence.until <= self.clock:
            self._end_silence(id_)
        else:
            self.time((SILENCE, id_), due_of_silence(silence, self.clock))
            self.mark_silenced(silence)

    def _end_silence(self, id_: str) -> None:
        silence = self.silences.get(id_)
        self.silences.drop(id_)
        self.time((SILENCE, id_), None)
        if silence is not None:
            self.mark_silenced(silence)

    # -- people

    def _override(self, event: ShiftOverridden | OverrideEnded) -> Said:
        if isinstance(event, OverrideEnded):
            ended = self.overrides.get(event.override)
            if ended is None:
                return _refused("unknown stand-in")
            self.overrides.drop(event.override)
            self.relieve(ended.schedule)
            return APPLIED
        why = self._why_no_override(event)
        if why is not None or event.source is None:
            return _refused(why or "nobody made it")
        override = Override(
            id=event.id,
            schedule=event.schedule,
            person=event.person,
            since=event.since,
            until=event.until,
            author=event.source.id,
            reason=event.reason,
        )
        self.overrides.put(override.id, override)
        self.relieve(override.schedule)
        return APPLIED

    def _why_no_override(self, event: ShiftOverridden) -> str | None:
        if event.schedule not in self.in_force.schedules:
            return f"schedule: there is no schedule {event.schedule!r}"
        if self.in_force.people is None or event.person not in self.in_force.people.people:
            return f"person: there is no person {event.person!r}"
        if event.until <= event.since:
            return "until: ends before it begins"
        if event.until <= self.clock or event.until - event.since > LONGEST_OVERRIDE_MS:
            return "until: is over already, or more than a year after it begins"
        if len(event.reason) > LONGEST_REASON:
            return f"reason: at most {LONGEST_REASON} characters"
        if sum(1 for _ in self.overrides.items()) >= MOST_OVERRIDES:
            return f"there are {MOST_OVERRIDES} stand-ins already"
        return None

    def _choose(self, event: ChannelsChosen) -> Said:
        if event.source is None:
            return _refused("nobody chose")
        wrong = mistakes_in_choice(event.channels)
        if wrong:
            return _refused(_first(wrong))
        if event.channels:
            self.choices.put(event.source.id, event.channels)
        else:
            self.choices.drop(event.source.id)
        return APPLIED

    # -- what vigilits itself measures

    def _change_channel(self, event: ChannelChanged) -> Said:
        held = self.channels.get(event.channel)
        since = held.at if held is not None and held.up == event.up else self.clock
        self.channels.put(event.channel, ChannelState(event.up, since, event.reason[:LONGEST_REASON]))
        self._judge_channel(event.channel)
        if not event.up and (held is None or held.up):
            self.channel_lost(event.channel)
        return APPLIED

    def _judge_channel(self, name: str) -> None:
        self._judge("channel_down", f"channel/{name}")
        channel = self.channels.get(name)
        self.time((CROSSING, name), next_crossing(self.in_force.rules, channel, self.clock) if channel else None)

    def _measure(self, event: SystemMeasured) -> Said:
        measure = MEASURES.get(event.measure)
        if measure is None or measure.owner != "notices" or "shard" not in measure.levels:
            return _refused(f"measure: {event.measure!r} is none that is measured here")
        name = event.subject.removeprefix("shard/")
        self.measured.put(f"{event.measure}/{name}", Measured(event.value, self.clock))
        self._judge(event.measure, f"shard/{name}")
        return APPLIED

    def _judge(self, measure: str, subject: str) -> None:
        """Hold what a subject measures now against every rule on it."""
        for rule in self.in_force.rules.rules:
            if rule.on == measure:
                self.own.judge(rule, subject, self.measure(rule, subject), self.clock)
        self._told_ourselves()

    # -- settings

    def _publish(self, event: SettingsPublished) -> Said:
        why = publish(self.settings, event, self._put_in_force)
        return APPLIED if why is None else _refused(why)

    def _put_in_force(self, name: str, content: bytes) -> str | None:
        """Return why a setting can't be in force; where it can, it is."""
        if name == "routing":
            return self._publish_routing(read_routing(content))
        if name == "people":
            people = read_people(content)
            wrong = mistakes_in_people(people)
            if wrong:
                return _first(wrong)
            self.in_force = dataclasses.replace(self.in_force, people=people)
        elif name == "alert_rules":
            return self._publish_rules(content)
        elif name.startswith("on-call/"):
            calendar: OnCall = read_on_call(content)
            schedule = name.removeprefix("on-call/")
            on_call = dict(self.in_force.on_call) | {schedule: calendar}
            self.in_force = dataclasses.replace(self.in_force, on_call=on_call)
            self.relieve(schedule)
        elif name.startswith(cluster.STAFF):
            self._put_staff(name.removeprefix(cluster.STAFF), cluster.read_staff(content))
        else:
            msgspec.json.decode(content)
        return None

    def _publish_routing(self, routing: Routing) -> str | None:
        wrong = mistakes(routing, self.in_force.people)
        if wrong:
            return _first(wrong)
        self.reroute(routing)
        return None

    def _publish_rules(self, content: bytes) -> str | None:
        """Put the rules in force that are evaluated here, and judge by them all that was measured."""
        ruleset = read_rules(content)
        wrong = check(ruleset)
        if wrong:
            return _first(wrong)
        mine = own_rules(ruleset)
        self.in_force = dataclasses.replace(self.in_force, rules=mine)
        levels = {rule.id: rule.at for rule in mine.rules}
        self.own.publish(mine)
        self.own.end_gone(self.clock, lambda rule, subject: levels.get(rule) == subject.partition("/")[0])
        for key in sorted(key for key, _ in self.measured.items()):
            measure, _, name = key.partition("/")
            self._judge(measure, f"shard/{name}")
        for channel in sorted(name for name, _ in self.channels.items()):
            self._judge_channel(channel)
        self._told_ourselves()
        return None


def _refused(why: str) -> Said:
    return Said("refused", why)


def _first(wrong: Sequence[tuple[str, str]]) -> str:
    """Return the first mistakes, and how many more there are."""
    more = f"; and {len(wrong) - MOST_MISTAKES} more" if len(wrong) > MOST_MISTAKES else ""
    return "; ".join(f"{path}: {message}" for path, message in wrong[:MOST_MISTAKES]) + more


def fold(state: NoticesState, items: Sequence[Item]) -> Draft:
    """Return the draft of a run of records that follow the state; a record that breaks the fold is a dead letter in it.

    A record that raises is left out and the run folded anew, so that none is ever half folded. So is whatever is due
    and raises; the record at which it was due is a dead letter then, though it is folded itself, so that it is seen.
    """
    broken: dict[int, str] = {}
    stuck: dict[Timer, tuple[int, str]] = {}
    while True:
        draft = Draft(state, stuck.keys())
        for item in items:
            try:
                if item.offset in broken:
                    draft.bury(item.offset, broken[item.offset], getattr(item.event, "id", None))
                else:
                    draft.fold(item)
            except Broken as why:
                stuck[why.timer] = item.offset, str(why)
                break
            except Exception as error:  # noqa: BLE001 - a bug must cost one record, with its name, and never the shard
                broken[item.offset] = f"{type(error).__name__} while folding"
                break
        else:
            draft.dead |= {offset: why for offset, why in stuck.values() if offset not in draft.dead}
            return draft
