"""From a group whose time has come to messages: chains run, people told or not told with the reason, receipts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from domain.alerts.composing import compose, gravest_first
from domain.alerts.escalation import Stand, leads_on, pause_ms, walk
from domain.alerts.holding import BYTES_OF_A_NAME, DUTY, GIVE_UP, Holding, is_over, standing
from domain.alerts.lifecycle import Alert
from domain.alerts.matching import PLAN_BRANCH, PLANNED, Branch, end_of, within
from domain.alerts.notice import NEVER_SET_UP, Entry, Group, HeldAlert, Notice, NotTold, Reason, Told
from domain.alerts.oncall import Duty, on_duty
from domain.alerts.routing import Chain, ChainStep
from domain.alerts.rule import Severity
from domain.alerts.worth import told_again, worth_key
from domain.capacity.fold import HOUR_MS
from domain.followup.crossing import Word
from domain.places import Words

APP = "app"  # delivered by the commit itself: whoever looks sees it, and nobody is made to look
WEBHOOK = "webhook"
MSSANTE = "mssante"  # of what is critical of a patient a trace: nobody looks at a mailbox at once
DEFAULT_CHANNELS = (APP,)
GIVE_UP_MS = 30 * 60_000
WORD_GIVE_UP_MS = 24 * 3_600_000
MOST_WORDS = 5_000  # that the app shows, of those that are not critical
MOST_CRITICAL_WORDS = 5_000  # and of those that are: room that nothing else takes from them
MOST_IN_WORD = 1_000  # people of one word: a circle has 500 at most, a sitting those of a facility's circles
NO_WORDS = Words(fr="", en="")
MOST_TOLD = 50  # messages that a group remembers
MOST_NAMED = 200  # alerts in a notice, people in an alert
MOST_IN_CELL = 200
BYTES_OF_A_MESSAGE = 500  # beside its texts, and the ids of its alerts
BYTES_OF_AN_ID = 16

IN_TELLING = ("telling", "unanswered")


@dataclass(slots=True)
class Round:
    """One telling of a group: who is told by which channels, who is not and why, and whom quiet hours hold back."""

    group: Group
    severity: Severity
    people: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_told: list[NotTold] = field(default_factory=list)
    quiet: dict[str, int] = field(default_factory=dict)
    know: frozenset[str] = frozenset()  # who was told at this very instant, and is not told once more
    traces: dict[str, None] = field(default_factory=dict)  # who is written to beside, which tells nobody
    called: dict[str, None] = field(default_factory=dict)  # who is told because they are on call

    @property
    def rings(self) -> bool:
        """Return whether it makes anybody look, beside what stands in the app for whoever looks by themselves."""
        return any(channels != (APP,) for channels in self.people.values())


class Telling(Holding):
    """A draft that tells people of groups of alerts."""

    _by_group: dict[str, dict[str, None]] | None = None  # the messages on their way, once somebody asked
    _shown: Counter[bool] | None = None  # how many words the app shows, by whether they are critical; likewise

    def turn(self, id_: str) -> None:
        """Do with a group what is due by now."""
        group = self.groups.get(id_)
        if group is None:
            return
        if group.next_at is not None and group.next_at <= self.clock:
            group = self._go_on(replace(group, next_at=None))
        if group.worse_at is not None and group.worse_at <= self.clock:
            group = self._tell_news(replace(group, worse_at=None, news_at=None), "worse")
        if group.news_at is not None and group.news_at <= self.clock:
            group = self._tell_news(replace(group, news_at=None), "grew")
        if group.call_at is not None and group.call_at <= self.clock:
            group = self._tell_on_call(replace(group, call_at=None))
        if group.kept is not None and group.kept.until <= self.clock:
            group = replace(group, kept=None)
            group = self.tell_end(group) if group.status == "resolved" else group
        for person in sorted(person for person, at in group.handed.items() if at <= self.clock):
            group = self._tell_handed(group, person)
        for person in sorted(person for person, at in group.quiet.items() if at <= self.clock):
            group = self._tell_after_quiet(group, person)
        self.put_group(group)

    # -- the chain

    def _way(self, group: Group) -> tuple[Branch | None, Chain | None]:
        """Return a group's branch and chain; where its alert has a plan, this is the chain."""
        if group.route == PLANNED:
            held = self.held((*group.alerts, *group.over))
            return PLAN_BRANCH, Chain(id=PLANNED, steps=held[0].alert.plan) if held else None
        branch = self.in_force.branches.get(group.route)
        return branch, self.in_force.chains.get(branch.chain) if branch else None

    def _go_on(self, group: Group) -> Group:
        """Return the group once its chain has been run from where it stands until a wait."""
        branch, chain = self._way(group)
        alerts = self.open_alerts(group)
        if branch is None or chain is None or not alerts:
            return group
        begins = group.next_step == 0
        reason: Reason = group.reason if begins else "escalated"
        round_, stand = self._walked(group, chain, alerts[0].severity)
        if reason == "escalated" and stand.loops > group.loops:
            reason = "repeat"
        group = self._not_told(replace(group, to=() if begins else group.to), round_)
        webhooks = self._webhooks_due(group, branch, reason) if begins else ()
        if not round_.people:
            group = self._nobody_told(group, chain, stand)
            traces = Round(group, round_.severity, traces=round_.traces)
            return self._beside(group, traces, alerts, reason, webhooks)
        if group.route == PLANNED and stand.loops > group.loops:  # all whom the plan names had their time
            group = self._unanswered(group)
        next_at = self.clock + (branch.repeat_interval_ms if stand.wait_ms is None else stand.wait_ms)
        group = replace(
            group,
            status="unanswered" if group.unanswered_at is not None else "telling",
            next_at=next_at,
            next_step=stand.position,
            loops=stand.loops,
            delayed=False,
            wait_ms=stand.wait_ms or 0,
            news_at=None if begins else group.news_at,
            run=group.step + 1,
        )
        give_up_at = self.clock + GIVE_UP_MS if stand.wait_ms is None else next_at
        return self._hastened(self._send(group, round_, alerts, reason, give_up_at, webhooks))

    def _walked(self, group: Group, chain: Chain, severity: Severity) -> tuple[Round, Stand]:
        """Return whom a group's chain tells now, and how far it comes by that.

        Of a patient's red whoever has the app alone is told too and buys no wait, in no loop: they may not look for
        hours. Only where nobody whom the chain names has anything else is there nothing better than to wait for them.
        """
        if group.route == PLANNED and severity == "critical":
            round_ = self._begun_round(group, severity)
            stand = walk(
                chain, group.next_step, group.loops, lambda step: self._tell_step(round_, step) and round_.rings
            )
            if round_.rings:
                return round_, stand
        anyhow = self._begun_round(group, severity)
        return anyhow, walk(chain, group.next_step, group.loops, lambda step: self._tell_step(anyhow, step))

    def _begun_round(self, group: Group, severity: Severity) -> Round:
        round_ = Round(group, severity)
        round_.not_told += self._muted(group)
        if group.next_step == 0 and group.reason == "worse":  # who knows of it hears that, whoever's turn it is
            for person in group.to:
                self._address(round_, person)
        return round_

    def _webhooks_due(self, group: Group, branch: Branch, reason: Reason) -> tuple[str, ...]:
        """Return the receivers to be told when a chain begins: a machine needs no reminder at every pass."""
        last = group.webhooks_at or 0
        again = reason == "repeat" or (reason == "first" and group.unanswered_at is not None)
        return () if again and self.clock < last + branch.repeat_interval_ms else branch.webhooks

    def _nobody_told(self, group: Group, chain: Chain, stand: Stand) -> Group:
        """Return the group at the end of its chain: whoever was told before has not taken it in, or nobody could be."""
        if not group.to and group.quiet:  # everybody sleeps who could be told, and may
            until = min(group.quiet.values())
            return replace(group, status="quiet", next_at=until, next_step=0, loops=0, quiet={})
        began = group.told_at if group.to and group.told_at is not None else self.clock
        return replace(
            self._unanswered(group),
            status="unanswered",
            reason="repeat" if group.told_at is not None else group.reason,
            next_at=max(self.clock, began + pause_ms(chain)),
            next_step=0,
            loops=0,
            wait_ms=0,
            hopes=0,
        )

    def _unanswered(self, group: Group) -> Group:
        """Return the group of which nobody has taken anything in, from now on where that was not so before."""
        if group.unanswered_at is not None:
            return group
        self._count_escalated(self._open(group))
        self.note_telling(group.alerts, Entry(at=self.clock, what="unanswered"))
        return replace(group, unanswered_at=self.clock)

    def _tell_step(self, round_: Round, step: ChainStep) -> bool:
        """Return whether somebody whom a step names is told."""
        people: Iterable[str] = ()
        if step.person is not None:
            people = (step.person,)
        elif step.cell is not None and self.in_force.people is not None:
            people = self.in_force.people.team(step.cell)[:MOST_IN_CELL]
        elif step.on_call is not None:
            duty = self.on_duty(step.on_call)
            people = () if duty.person is None else (duty.person,)
            if duty.person is None:
                round_.not_told.append(NotTold("nobody on call", self.clock, until=duty.until, by=step.on_call))
        on_duty = step.on_call is not None and round_.group.route == PLANNED
        # Every one of them is addressed, not the first alone.
        told = [person for person in people if self._address(round_, person, on_duty=on_duty)]
        round_.called |= dict.fromkeys(told if on_duty else ())
        return bool(told)

    def first_untold(self, chain: Chain, told: Sequence[str]) -> int:
        """Return the first step of a chain that names somebody who was not told yet; its end where none does."""
        for place, step in enumerate(chain.steps):
            people: Iterable[str | None] = (step.person,)
            if step.cell is not None and self.in_force.people is not None:
                people = self.in_force.people.team(step.cell)[:MOST_IN_CELL]
            elif step.on_call is not None:
                people = (self.on_duty(step.on_call).person,)
            if any(person is not None and person not in told for person in people):
                return place
        return len(chain.steps)

    def on_duty(self, schedule: str) -> Duty:
        """Return who is on call on a schedule now."""
        calendar = self.in_force.on_call.get(schedule)
        return on_duty(schedule, calendar, (each for _, each in self.overrides.items()), self.clock)

    def _address(self, round_: Round, person: str, *, on_duty: bool = False) -> bool:
        """Return whether a person is told in this round, by the channels of its severity; why not is kept.

        Whoever is on duty for patients has no quiet hours meanwhile.
        """
        if person in round_.people or person in round_.know:
            return True
        severity = round_.severity
        planned = round_.group.route == PLANNED
        if not planned and not self._is_known(person):
            round_.not_told.append(NotTold("unknown person", self.clock, person))
            return False
        until = None if on_duty else self.quiet_until(person, severity)
        if until is not None:
            if person not in round_.quiet:
                round_.not_told.append(NotTold("quiet hours", self.clock, person, until))
            round_.quiet[person] = until
            return False
        channels = self.channels_of(person, severity)
        if planned and severity == "critical" and MSSANTE in channels:
            round_.traces[person] = None
            channels = tuple(each for each in channels if each != MSSANTE)
        if not channels:
            round_.not_told.append(NotTold("no channel", self.clock, person))
            return False
        round_.people[person] = tuple(dict.fromkeys(channels))
        return True

    def _is_known(self, person: str) -> bool:
        return self.in_force.people is not None and person in self.in_force.people.people

    def quiet_until(self, person: str, severity: Severity) -> int | None:
        """Return when the quiet hours end that a person has now; None where they have none, or it is critical."""
        known = self.in_force.people.people.get(person) if self.in_force.people else None
        routing = self.in_force.routing
        if severity == "critical" or known is None or known.quiet is None or routing is None:
            return None
        zone = routing.zone
        return end_of(known.quiet, zone, self.clock) if within(known.quiet, zone, self.clock) else None

    def channels_of(self, person: str, severity: Severity) -> tuple[str, ...]:
        """Return the channels of a person for a severity; who is not among the people has the app in any case."""
        chosen = (self.choices.get(person) or {}).get(severity)
        known = self.in_force.people.people.get(person) if self.in_force.people else None
        if known is None:
            return (APP, *(chosen or ()))
        return known.channels.get(severity, DEFAULT_CHANNELS) if chosen is None else chosen

    def _muted(self, group: Group) -> list[NotTold]:
        """Return why some of a group's alerts are not told of, each reason once."""
        if not any(stood == "muted" for _, stood in self.tally(group.id)):
            return []
        muted = [held for held in self.held(group.alerts) if not is_over(held) and standing(held) == "muted"]
        return list(dict.fromkeys(self.why_muted(held) for held in muted))

    def why_muted(self, held: HeldAlert) -> NotTold:
        """Return the decision not to tell of an alert that is held back."""
        if held.silenced_by is None:
            return NotTold("inhibited", self.clock, by=held.inhibited_by or "")
        silence = self.silences.get(held.silenced_by)
        return NotTold("silenced", self.clock, until=silence.until if silence else None, by=held.silenced_by)

    def _not_told(self, group: Group, round_: Round) -> Group:
        """Return the group with whom this round did not tell, and who is told when their quiet hours are over."""
        quiet = {person: at for person, at in (group.quiet | round_.quiet).items() if person not in round_.people}
        return self.hold_back(replace(group, quiet=quiet), *round_.not_told)

    # -- beside the chain

    def _tell_news(self, group: Group, reason: Literal["grew", "worse"]) -> Group:
        """Return the group once those told already are told of what is new in it; the chain keeps its place and time.

        That it is worse hears everybody to whom the chain has come, as it may reach them now where it could not before.
        """
        alerts, (branch, chain) = self.open_alerts(group), self._way(group)
        if not alerts or branch is None or group.status not in IN_TELLING:
            return group
        know = frozenset(told.person for told in group.told if told.at == self.clock)  # by a step that is due as well
        round_ = Round(group, alerts[0].severity, know=know)
        for person in group.to:
            self._address(round_, person)
        if reason == "worse" and chain is not None:
            for step in chain.steps[: group.next_step]:
                if step.wait_s is None and step.loop is None:
                    self._tell_step(round_, step)
            if round_.people:  # they are those who are waited for
                group = replace(group, run=group.step + 1, delayed=False)
        webhooks = tuple(name for name in branch.webhooks if f"{WEBHOOK}:{name}" not in know)
        return self._beside(group, round_, alerts, reason, webhooks)

    def come_past(self, group: Group, plan: tuple[ChainStep, ...]) -> tuple[ChainStep, ...]:
        """Return the steps of a group's plan whose turn has come: all, once it has been gone through."""
        return plan if group.unanswered_at is not None or group.status == "quiet" else plan[: group.next_step]

    def tell_newcomers(self, group: Group, steps: Sequence[ChainStep]) -> Group:
        """Return the group once those whom these steps name know of it too; the chain keeps its place and time.

        Where it waits for the morning, as everybody sleeps, it begins anew: who is new may be up.
        """
        alerts = self.open_alerts(group)
        steps = [step for step in steps if step.wait_s is None and step.loop is None]
        if not alerts or not steps:
            return group
        if group.status == "quiet":
            return again(group, group.reason, self.clock)
        if group.status not in IN_TELLING:
            return group
        round_ = Round(group, alerts[0].severity, know=frozenset(group.to))
        for step in steps:
            self._tell_step(round_, step)
        return self._beside(group, round_, alerts, "first")

    def relieve(self, schedule: str) -> None:
        """Let whoever is on call now be told of the patients' alerts that came to whoever was before."""
        duty = self.on_duty(schedule)
        self.time((DUTY, schedule), duty.until)
        for _, group in list(self.groups.items()) if duty.person is not None else ():
            if group.route != PLANNED or group.next_at is None or duty.person in group.to:
                continue
            _, chain = self._way(group)
            if chain is not None and any(step.on_call == schedule for step in chain.steps):
                self.put_group(replace(group, call_at=self.clock))

    def _tell_on_call(self, group: Group) -> Group:
        """Return the group once whoever is on call now knows of it, where its chain has come to them already."""
        _, chain = self._way(group)
        come = () if chain is None else self.come_past(group, chain.steps)
        return self.tell_newcomers(group, [step for step in come if step.on_call is not None])

    def _tell_handed(self, group: Group, person: str) -> Group:
        """Return the group once somebody is told of what was handed over to them."""
        group = replace(group, handed={each: at for each, at in group.handed.items() if each != person})
        theirs = [held.alert for held in self.held(group.alerts) if held.alert.taken_by == person]
        if not theirs:
            return group
        alerts = gravest_first(theirs)
        round_ = Round(group, alerts[0].severity)
        self._address(round_, person)
        group = self._beside(group, round_, alerts, "handed_over")
        return group if person in round_.people or person in group.quiet else self._set_adrift(group, person)

    def _lost(self, group: Group, notice: Notice) -> Group:
        """Return the group; what was handed over by messages of which none can arrive any more is to be told again."""
        if notice.reason != "handed_over" or not _counts(group, notice):
            return group
        made = [each for each in group.told if (each.person, each.at) == (notice.person, notice.made_at)]
        ways = [each for each in made if each.reason == "handed_over" and each.channel != APP]
        ways = [each for each in ways if _counts_by(group, each.channel, notice.severity)]
        if not all(each.failed_at for each in ways) or _has_app_alone(group, notice):
            return group
        return self._set_adrift(group, notice.person)

    def _set_adrift(self, group: Group, person: str) -> Group:
        """Return the group, whose chain begins again with the alerts that somebody has whom nothing can reach."""
        self.put_group(group)
        for held in self.held(group.alerts):
            if is_over(held) or held.alert.taken_by != person or standing(held) != "taken":
                continue
            now = replace(held, adrift=True)
            self.recount(held, now)
            self.note((held.alert.id,), Entry(at=self.clock, what="adrift", to=person))
            for id_ in now.groups if standing(now) == "open" else ():
                other = self.groups.get(id_)
                if other is not None and other.status in ("taken", "quiet"):
                    self.put_group(again(other, "reopened", self.clock))
        return self.groups.get(group.id) or group

    def _tell_after_quiet(self, group: Group, person: str) -> Group:
        """Return the group once somebody is told what they were not told while their quiet hours lasted."""
        group = replace(group, quiet={each: at for each, at in group.quiet.items() if each != person})
        if group.status == "resolved":
            return self._tell_over(group, [person])
        if group.status == "taken":
            return self._tell_handed(group, person)
        alerts = self.open_alerts(group)
        if not alerts or group.status not in IN_TELLING or person in group.to:
            return group  # who was told meanwhile knows
        round_ = Round(group, alerts[0].severity)
        self._address(round_, person)
        return self._beside(group, round_, alerts, group.reason)

    def _tell_over(self, group: Group, people: Sequence[str], webhooks: Sequence[str] = ()) -> Group:
        """Return the group once these are told that it is over, by the channels that they have for `info`.

        People hear of what people were told of; a machine, which was told though nobody could be, of all of it.
        """
        over = self.held(group.over)
        alerts = gravest_first([held.alert for held in over if held.told])
        if alerts:
            round_ = Round(group, "info")
            for person in people:
                self._address(round_, person)
            group = self._beside(group, round_, alerts, "resolved")
        if not over:
            return group
        return self._beside(group, Round(group, "info"), gravest_first([h.alert for h in over]), "resolved", webhooks)

    def _beside(
        self, group: Group, round_: Round, alerts: Sequence[Alert], reason: Reason, webhooks: Sequence[str] = ()
    ) -> Group:
        group = self._not_told(group, round_)
        if not round_.people and not webhooks and not round_.traces:
            return group
        return self._send(group, round_, alerts, reason, self.clock + GIVE_UP_MS, webhooks)

    def tell_end(self, group: Group) -> Group:
        """Return the group once all whom a message reached, or may have, are told that it is over."""
        people = [person for person in group.reached if not person.startswith(f"{WEBHOOK}:")]
        webhooks = [person.removeprefix(f"{WEBHOOK}:") for person in group.reached if person not in people]
        return self._tell_over(group, people, webhooks)

    # -- messages

    def _send(
        self,
        group: Group,
        round_: Round,
        alerts: Sequence[Alert],
        reason: Reason,
        give_up_at: int,
        webhooks: Sequence[str],
    ) -> Group:
        """Return the group with one message a person and channel of the round on its way."""
        step = group.step + 1
        title, text, todo = compose(alerts, reason)
        ids = tuple(alert.id for alert in alerts[:MOST_NAMED])
        for_machines = tuple(dict.fromkeys((*ids, *self._ended_since(group))))[:MOST_NAMED] if webhooks else ()
        told, reached, hopes = list(group.told), list(group.reached), 0
        ways = [(person, channel) for person, channels in round_.people.items() for channel in channels]
        ways += [(person, MSSANTE) for person in round_.traces]
        ways += [(f"{WEBHOOK}:{name}", WEBHOOK) for name in webhooks]
        own_page = alerts[0].link if group.route == PLANNED else ""
        others_ring = group.route == PLANNED and round_.severity == "critical" and round_.rings
        for person, channel in ways:
            made = Told(person, channel, self.clock, reason)
            if channel == APP:
                made = replace(made, delivered_at=self.clock)
                reached.append(person)
                # With others beside, it proves nothing.
                hopes += round_.people[person] == (APP,) and not others_ring
            else:
                notice = Notice(
                    id=f"{group.id}/{group.began_at}.{step}/{person}/{channel}",
                    group=group.id,
                    alerts=for_machines if channel == WEBHOOK else ids,
                    person=person,
                    channel=channel,
                    severity=round_.severity,
                    reason=reason,
                    title=title,
                    text=text,
                    todo=todo,
                    link=own_page or f"/alerts?group={group.id}",
                    made_at=self.clock,
                    due_at=self.clock,
                    give_up_at=give_up_at,
                    step=step,
                )
                self.outbox.put(notice.id, notice)
                if self._by_group is not None:
                    self._by_group.setdefault(group.id, {})[notice.id] = None
                self.time((GIVE_UP, notice.id), give_up_at)
                hopes += channel != WEBHOOK and _counts(group, notice)
            told.append(made)
        words = sum(len(each.fr) + len(each.en) for each in (title, text, todo))
        self.size += len(ways) * (BYTES_OF_A_MESSAGE + 2 * words + BYTES_OF_AN_ID * len(ids))
        self._told_of(alerts, round_, reason)
        return replace(
            group,
            step=step,
            told=tuple(told[-MOST_TOLD:]),
            told_at=self.clock if round_.people else group.told_at,
            webhooks_at=self.clock if webhooks else group.webhooks_at,
            to=tuple(dict.fromkeys((*group.to, *round_.people))),
            reached=tuple(dict.fromkeys(reached)),
            hopes=hopes if group.run == step else group.hopes,
        )

    def _ended_since(self, group: Group) -> list[str]:
        """Return the alerts of a group that ended since its receivers were last told: these expect to hear of each."""
        last = group.webhooks_at
        over = self.held(group.over) if last is not None else []
        return [held.alert.id for held in over if last is not None and (held.alert.resolved_at or 0) >= last]

    def _told_of(self, alerts: Sequence[Alert], round_: Round, reason: Reason) -> None:
        """Keep on alerts, timelines and counts that these people are told."""
        what = "escalated" if reason == "escalated" else "told"
        ids = [alert.id for alert in alerts]
        for person, channels in round_.people.items():
            self.note_telling(ids, Entry(at=self.clock, what=what, to=person, channel=", ".join(channels), text=reason))
            self.loads.put(person, told_again(self.loads.get(person) or (), self.clock))
        held = self.held(ids)
        for each in held:
            to = tuple(dict.fromkeys((*each.told, *round_.people)))[:MOST_NAMED]
            called = tuple(dict.fromkeys((*each.called, *round_.called)))[:MOST_NAMED]
            if (to, called) == (each.told, each.called):
                continue
            if self.overfull:  # of hundreds with texts of many pages each, the gravest must do
                break
            if not each.told:
                counts = self.worth_of(each.alert)
                self.worth.put(worth_key(each.alert), replace(counts, notified=counts.notified + 1))
            self.put_alert(replace(each, told=to, called=called))
        if reason == "escalated":
            self._count_escalated(held)

    def _count_escalated(self, alerts: Iterable[HeldAlert]) -> None:
        for held in [self.alerts.get(each.alert.id) for each in alerts]:
            if held is not None and not held.escalated and not self.overfull:
                counts = self.worth_of(held.alert)
                self.worth.put(worth_key(held.alert), replace(counts, escalated=counts.escalated + 1))
                self.put_alert(replace(held, escalated=True))

    # -- words

    def tell_word(self, word: Word) -> None:
        """Tell people something once, as many shards and patients as say it; who has quiet hours is told after them.

        The app shows it for a day, unless it is but for information: that stands where it is of.
        """
        shown = self.words.get(word.id)
        known = frozenset(shown.to) if shown else frozenset()
        to = [person for person in dict.fromkeys(word.to) if person not in known][:MOST_IN_WORD]
        if word.severity != "info" and to:
            self._show(word, shown, to)
        for person in to:
            self._send_word(word, person)

    def _show(self, word: Word, shown: Word | None, to: Sequence[str]) -> None:
        """Let the app show people a word, where there is room; that there was none is counted."""
        if shown is None:
            critical = word.severity == "critical"
            if self._words_shown()[critical] >= (MOST_CRITICAL_WORDS if critical else MOST_WORDS):
                self._leave_off()
                return
            self._words_shown()[critical] += 1
        everybody = (*(shown.to if shown else ()), *to)
        if len(everybody) > MOST_IN_WORD:
            self._leave_off()
        self.words.put(word.id, replace(shown or word, to=everybody[:MOST_IN_WORD]))
        self.size += BYTES_OF_A_MESSAGE + BYTES_OF_A_NAME * min(len(everybody), MOST_IN_WORD)

    def _words_shown(self) -> Counter[bool]:
        """Return how many words the app shows, by whether they are critical."""
        if self._shown is None:
            self._shown = Counter(word.severity == "critical" for _, word in self.words.items())
        return self._shown

    def _leave_off(self) -> None:
        """Count that the app has no room for a word, or for some of whom it is told."""
        hour = str(self.clock // HOUR_MS)
        self.left_off.put(hour, (self.left_off.get(hour) or 0) + 1)

    def forget_words(self, before: int) -> None:
        """Show words no longer that are as old, nor count what there was no room for then."""
        for id_, word in list(self.words.items()):
            if word.at <= before:
                self.words.drop(id_)
        for hour in [hour for hour, _ in self.left_off.items() if int(hour) * HOUR_MS <= before]:
            self.left_off.drop(hour)
        self._shown = None

    def _send_word(self, word: Word, person: str) -> None:
        group = f"word/{word.id}"
        until = self.quiet_until(person, word.severity)
        due_at = self.clock if until is None else until
        for channel in dict.fromkeys(self.channels_of(person, word.severity)):
            if channel == APP:
                continue
            notice = Notice(
                id=f"{group}/{person}/{channel}",
                group=group,
                alerts=(),
                person=person,
                channel=channel,
                severity=word.severity,
                reason="word",
                title=word.title,
                text=word.text,
                todo=NO_WORDS,
                link=word.link,
                made_at=self.clock,
                due_at=due_at,
                give_up_at=due_at + WORD_GIVE_UP_MS,
                step=0,
            )
            self.outbox.put(notice.id, notice)
            self.time((GIVE_UP, notice.id), notice.give_up_at)
            self.size += BYTES_OF_A_MESSAGE + 2 * (len(word.title.fr) + len(word.text.fr))
        self.loads.put(person, told_again(self.loads.get(person) or (), self.clock))

    # -- what a group is told of

    def _open(self, group: Group) -> list[HeldAlert]:
        return [held for held in self.held(group.alerts) if not is_over(held) and standing(held) == "open"]

    def open_alerts(self, group: Group) -> list[Alert]:
        """Return the alerts that a group's people are to be told of, the gravest first."""
        return gravest_first([held.alert for held in self._open(group)])

    # -- receipts

    def attempted(self, notice: Notice, attempt: int) -> None:
        """Keep that a message is being handed to its provider: whether it arrives is open from now on."""
        self.outbox.put(notice.id, replace(notice, attempts=max(1, attempt, notice.attempts)))

    def delivered(self, notice: Notice) -> None:
        """Keep that a provider took a message."""
        self._off(notice)
        self.note_telling(
            notice.alerts, Entry(at=self.clock, what="delivered", to=notice.person, channel=notice.channel)
        )
        group = self.groups.get(notice.group)
        if group is not None:
            self.put_group(_reached(_receipt(group, notice, delivered_at=self.clock), notice))

    def failed(self, notice: Notice, why: str) -> None:
        """Keep that a message was given up; when nobody can be reached any more, the next step comes at once."""
        self._off(notice)
        entry = Entry(at=self.clock, what="failed", to=notice.person, channel=notice.channel, text=why)
        self.note_telling(notice.alerts, entry)
        group = self.groups.get(notice.group)
        if group is not None:
            group = self._hope_less(_receipt(group, notice, failed_at=self.clock, why=why), notice)
            self.put_group(self._lost(self._hastened(group), notice))

    def late(self, id_: str) -> None:
        """Give up a message for which it is too late: the next step is due, or long was."""
        notice = self.outbox.get(id_)
        if notice is not None:
            self._drop(notice, NotTold("late", self.clock, notice.person))

    def drop_over(self, group: str) -> None:
        """Drop the messages of a group whose alerts have all ended, but for those that say so."""
        for notice in self._on_their_way(group):
            if notice.reason != "resolved" and self._all_over(notice.alerts):
                self._drop(notice, NotTold("over", self.clock, notice.person))

    def _on_their_way(self, group: str) -> list[Notice]:
        if self._by_group is None:
            self._by_group = {}
            for id_, notice in self.outbox.items():
                self._by_group.setdefault(notice.group, {})[id_] = None
        ids = sorted(self._by_group.get(group, ()))
        return [held for id_ in ids if (held := self.outbox.get(id_)) is not None]

    def _all_over(self, ids: Iterable[str]) -> bool:
        return all((held := self.alerts.get(id_)) is None or is_over(held) for id_ in ids)

    def _drop(self, notice: Notice, decision: NotTold) -> None:
        self._off(notice)
        group = self.groups.get(notice.group)
        if group is None:
            return
        group = _receipt(group, notice, failed_at=self.clock, why=decision.why)
        if notice.attempts:  # it may have arrived, and the word of that be lost
            group = _reached(group, notice)
        if decision.why == "late":
            group = self._lost(self._hope_less(group, notice), notice)
        self.put_group(self.hold_back(group, decision))

    def _off(self, notice: Notice) -> None:
        self.outbox.drop(notice.id)
        if self._by_group is not None:
            self._by_group.get(notice.group, {}).pop(notice.id, None)
        self.time((GIVE_UP, notice.id), None)

    def _hope_less(self, group: Group, notice: Notice) -> Group:
        """Return the group with one message less that may still arrive; after the last one, the chain goes on.

        Someone of whose channels none was ever set up but the app is as good as one who has the app alone: of a
        patient's red nobody waits for them while the chain names somebody else, or comes back to somebody who is rung.
        """
        if group.status not in IN_TELLING or notice.step != group.run or notice.channel == WEBHOOK or not group.hopes:
            return group
        if not _counts(group, notice):
            return group
        _, chain = self._way(group)
        hurries = False
        if group.route == PLANNED and notice.severity == "critical" and chain is not None:
            hurries = leads_on(chain, group.next_step) or _rings_another(group, notice.person)
        hopes = group.hopes - (hurries or not _has_app_alone(group, notice))
        goes_on = hopes == 0 and group.next_at is not None and not group.delayed  # who has seen it bought the delay
        return replace(group, hopes=hopes, next_at=self.clock if goes_on else group.next_at)

    def channel_lost(self, name: str) -> None:
        """Let groups go on that wait for what only a channel could bring that is down from now on."""
        for id_ in sorted({notice.group for _, notice in self.outbox.items() if notice.channel == name}):
            group = self.groups.get(id_)
            if group is not None:
                self.put_group(self._hastened(group))

    def _hastened(self, group: Group) -> Group:
        """Return the group; all that it waits for goes by channels that are down: it is the next person's turn at once.

        What waits may still arrive. Where there is no next person they keep their time: nobody is told the sooner.
        """
        if group.status not in IN_TELLING or group.delayed or not group.hopes or group.next_at is None:
            return group
        down = {name for name, channel in self.channels.items() if not channel.up}
        _, chain = self._way(group)
        if not down or chain is None or not leads_on(chain, group.next_step):
            return group
        on_their_way = [each for each in self._on_their_way(group.id) if _counts(group, each)]
        awaited = [each.channel for each in on_their_way if each.step == group.run]
        awaited = [channel for channel in awaited if channel != WEBHOOK]
        if len(awaited) < group.hopes or not down.issuperset(awaited):  # something arrived, or is on the desk
            return group
        return replace(group, next_at=self.clock)


def _counts(group: Group, notice: Notice) -> bool:
    """Return whether a message may tell somebody of the group, and is not only a trace."""
    return _counts_by(group, notice.channel, notice.severity)


def _counts_by(group: Group, channel: str, severity: Severity) -> bool:
    return group.route != PLANNED or channel != MSSANTE or severity != "critical"


def _reached(group: Group, notice: Notice) -> Group:
    """Return the group that has reached a message's person, unless that was only a trace."""
    if not _counts(group, notice):
        return group
    return replace(group, reached=tuple(dict.fromkeys((*group.reached, notice.person))))


def _has_app_alone(group: Group, notice: Notice) -> bool:
    """Return whether a message's person was told by the app, and has none of the other channels that they chose."""
    told = [each for each in group.told if (each.person, each.at) == (notice.person, notice.made_at)]
    others = [each for each in told if each.channel != APP and _counts_by(group, each.channel, notice.severity)]
    return len(others) < len(told) and all(each.failed_at and each.why in NEVER_SET_UP for each in others)


def _rings_another(group: Group, person: str) -> bool:
    """Return whether somebody else was told since the chain began by a message that may have rung."""
    return any(
        each.person in group.to and each.person != person and each.channel != APP and each.why not in NEVER_SET_UP
        for each in group.told
    )


def _receipt(group: Group, notice: Notice, **what: int | str) -> Group:
    """Return the group that remembers what became of a message."""
    told = list(group.told)
    for place in range(len(told) - 1, -1, -1):
        made = told[place]
        same = (made.person, made.channel, made.at) == (notice.person, notice.channel, notice.made_at)
        if same and made.reason == notice.reason and made.delivered_at is None and made.failed_at is None:
            told[place] = replace(made, **what)
            return replace(group, told=tuple(told))
    return group


def again(group: Group, reason: Reason, at: int) -> Group:
    """Return a group whose chain begins again then, for this reason."""
    begins = replace(stopped(group), status="waiting", next_at=at, reason=reason, taken_by=None)
    return replace(begins, unanswered_at=group.unanswered_at)


def stopped(group: Group) -> Group:
    """Return a group of which nothing more is told for now."""
    return replace(
        group,
        next_at=None,
        news_at=None,
        worse_at=None,
        call_at=None,
        kept=None,
        next_step=0,
        loops=0,
        delayed=False,
        quiet={},
        hopes=0,
        wait_ms=0,
        unanswered_at=None,
        reason="first",
    )
