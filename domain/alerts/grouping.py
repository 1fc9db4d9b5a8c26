"""Alerts come into groups, are held back, taken in and end: what each change means for the telling."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

from msgspec.structs import replace

from domain.alerts.holding import (
    MARKED,
    MOST_IN_GROUP,
    Again,
    gravest,
    is_over,
    join,
    number_of,
    routed,
    standing,
)
from domain.alerts.lifecycle import Alert, Step
from domain.alerts.matching import PLAN_BRANCH, PLANNED, Branch, branches, group_id, grouped, matches
from domain.alerts.mute import Link, LinkKey, sides, silence_of
from domain.alerts.notice import Entry, Group, HeldAlert, Kept, NotTold, Past, Reason, Silence
from domain.alerts.routing import Chain, ChainStep, Inhibition, Routing
from domain.alerts.rule import SEVERITIES
from domain.alerts.telling import IN_TELLING, MOST_NAMED, WEBHOOK, Telling, again, stopped
from domain.alerts.worth import judged, raised_at, took, worth_key
from domain.timers import breaking

MOST_KEPT_MS = 3_600_000  # a chain's place, and the word that it is over, for what may be back
MOST_HANDED_MS = 10_000  # gathers what is handed over to the same person, alert by alert

# Why an alert is to be told of that was not before, or is graver than it was.
News = Literal["fired", "worsened", "eased", "reopened", "unsilenced", "uninhibited"]
_NEWS: dict[str, News] = {"worsened": "worsened", "eased": "eased", "reopened": "reopened"}
_ROUTED = ("fired", "worsened", "eased", "reopened")  # steps after which an alert may belong to other routes


class Grouping(Telling):
    """A draft that takes in what happens to alerts, and keeps their groups."""

    # -- steps

    def take_in(self, step: Step, shard: str, epoch: str = "") -> None:
        """Let an alert be as it is after a step of its life, and its groups follow."""
        alert, before = step.alert, self.alerts.get(step.alert.id)
        held = HeldAlert(alert=alert, shard=shard) if before is None else replace(before, alert=alert, shard=shard)
        adrift = held.adrift and step.what in ("commented", "eased", "replanned")
        held = replace(held, epoch=epoch, comments=held.comments + (step.what == "commented"), adrift=adrift)
        self.note((alert.id,), Entry(at=step.at, what=step.what, by=step.by, to=step.to, text=step.text))
        self._count(step, before)
        if alert.status == "resolved" and (before is None or not is_over(before) or step.what == "judged"):
            self.past.put(alert.id, _past(alert))
        if step.what == "replanned" and before is not None and before.alert.plan != alert.plan:
            self._tell_newcomers(held, before.alert.plan)
        self._move(before, held, step.what, route=step.what in _ROUTED or before is None)
        if step.what == "handed_over" and step.to and step.to != step.by:  # who takes it over is there
            self._hand_over(held, step.to)

    def end_epochs_before(self, shard: str) -> None:
        """End the alerts that an earlier life of a shard's log told of: nobody will tell how they go on."""
        for held in self._active():
            if held.shard == shard:
                self.mark(held.alert.id, "over")

    def end_all_but(self, shard: str, alerts: Iterable[str]) -> None:
        """End the alerts of a shard that are not among those that it says are open."""
        opened = frozenset(alerts)
        for held in self._active():
            if held.shard == shard and held.alert.id not in opened:
                self.mark(held.alert.id, "gone")

    def look_again(self) -> None:
        """Look at the alerts that something else changed, as many as this record may still change."""
        while self.marked and not self.full:
            for id_, what in self.next_marked():
                if self.full:
                    return
                self.unmark(id_)
                held = self.alerts.get(id_)
                if held is not None and not is_over(held) and (MARKED, id_) not in self.broken:
                    with breaking((MARKED, id_)):
                        self._look(held, what)

    def _look(self, held: HeldAlert, what: Again) -> None:
        mark = self.upto.get(held.shard)
        if what == "gone" or (what == "over" and mark is not None and held.epoch != mark.epoch):
            over = replace(held.alert, status="resolved", why="gone", resolved_at=self.clock, changed_at=self.clock)
            self.take_in(Step("resolved", self.clock, over), held.shard, held.epoch)
        elif what == "route":
            self._move(held, held, "rerouted", route=True)
        else:
            self._look_what_mutes(held)

    def _active(self) -> list[HeldAlert]:
        active = (held for _, held in self.alerts.items() if not is_over(held))
        return sorted(active, key=lambda held: (held.alert.since, held.alert.id))

    def _count(self, step: Step, before: HeldAlert | None) -> None:
        """Count for its rule's day that an alert was raised, first taken in, or judged."""
        alert, counts = step.alert, self.worth_of(step.alert)
        was = before.alert if before else None
        now = counts
        if was is None and step.what == "fired":
            now = replace(now, raised=now.raised + 1)
        first = alert.reopened == 0 and (was is None or was.taken_at is None)
        if step.what == "taken" and alert.taken_at is not None and first:
            now = took(now, max(0.0, (alert.taken_at - raised_at(alert)) / 1000))
        if alert.outcome is not None and alert.outcome != (was.outcome if was else None):
            now = judged(now, was.outcome if was else None, alert.outcome)
        if now != counts:
            self.worth.put(worth_key(alert), now)

    # -- one alert, from how it was to how it is

    def _move(self, before: HeldAlert | None, held: HeldAlert, what: str, *, route: bool = False) -> None:
        """Keep an alert as it is now, in the groups where it belongs and held back or not, and let all that follow."""
        was = before if before is not None and not is_over(before) else None
        if was is not None:
            self._unlink(was)
        active = not is_over(held)
        if active:
            held = self._link(held)
            if route:
                held = replace(held, groups=self._groups_of(held))
        self.recount(was, held)
        if was is not None and held.alert.plan != was.alert.plan:
            self._replan(held)
        news = _NEWS.get(what, "fired")
        knew = self._who_knew(was, held) if active and was is not None else ()
        groups = dict.fromkeys((*(was.groups if was else ()), *(held.groups if active else ())))
        for id_ in groups:
            if not active or id_ not in held.groups:
                self._leaves(id_, held, is_over(held))
            elif was is None or id_ not in was.groups:
                self._follow(id_, held, news)
            else:
                again = standing(held) == "open" and (standing(was) != "open" or what in ("worsened", "reopened"))
                self._follow(id_, held, news if again else None)
        if knew:
            self._let_hear(held, knew)
        self._cover(was, held if active else None)

    def _who_knew(self, was: HeldAlert, held: HeldAlert) -> tuple[str, ...]:
        """Return whom an alert's message reached in a group that it leaves: they are to hear of its end elsewhere."""
        left = [group for id_ in was.groups if id_ not in held.groups and (group := self.groups.get(id_)) is not None]
        reached = dict.fromkeys(person for group in left for person in group.reached)
        return tuple(each for each in reached if each in was.told or each.startswith(f"{WEBHOOK}:"))

    def _let_hear(self, held: HeldAlert, people: tuple[str, ...]) -> None:
        """Let people be told once that a group is over into which an alert has come that they know of."""
        for id_ in held.groups[:1]:
            group = self.groups.get(id_)
            if group is not None:
                self.put_group(replace(group, reached=tuple(dict.fromkeys((*group.reached, *people)))))

    def _remark(self, held: HeldAlert, news: News, *, silenced_by: str | None, inhibited_by: str | None) -> None:
        """Keep by what an alert is held back now, and let its groups follow."""
        now = replace(held, silenced_by=silenced_by, inhibited_by=inhibited_by)
        if now == held:
            return
        self.recount(held, now)
        opens = standing(now) == "open" and standing(held) != "open"
        for id_ in now.groups:
            self._follow(id_, now, news if opens else None)

    def _groups_of(self, held: HeldAlert) -> tuple[str, ...]:
        ids = []
        for branch, labels in self._ways_of(held.alert):
            id_ = group_id(branch.id, labels)
            ids.append(id_)
            if self.groups.get(id_) is None:
                made = Group(
                    id=id_,
                    route=branch.id,
                    labels=labels,
                    severity=held.alert.severity,
                    status="resolved",
                    alerts=(),
                    began_at=self.clock,
                    chain=branch.chain,
                )
                self.groups.put(id_, made)
        return tuple(dict.fromkeys(ids))

    def _ways_of(self, alert: Alert) -> list[tuple[Branch, dict[str, str]]]:
        """Return the branches that an alert goes down, each with what it is grouped by there.

        One that has a plan goes down none, and is alone in its group.
        """
        if alert.planned:
            return [(PLAN_BRANCH, {"alert": alert.id})]
        routing = self.in_force.routing
        found = branches(routing, alert.labels, self.clock) if routing else []
        return [(branch, grouped(branch, alert.labels)) for branch in found]

    # -- groups

    def _follow(self, id_: str, held: HeldAlert, news: News | None) -> None:
        """Let a group follow what one of its alerts has become."""
        group, tally = self.groups.get(id_), self.tally(id_)
        if group is None:
            return
        was = group.severity
        if held.alert.id not in group.alerts and len(group.alerts) < MOST_IN_GROUP:
            group = replace(group, alerts=(*group.alerts, held.alert.id))
        group = replace(group, severity=gravest(tally) or group.severity)
        worse = SEVERITIES.index(group.severity) > SEVERITIES.index(was)
        if news is not None and standing(held) == "open":
            if group.kept is not None and news not in ("reopened", "unsilenced"):
                group = self._back(group, group.kept, held, worse=worse)
            else:
                group = self._hear(group, news, worse=worse, urgent=worse or held.alert.severity == "critical")
        elif not number_of(tally, "open"):
            group = self._taken(group, held) if number_of(tally, "taken") else self._hushed(group, held)
        self.put_group(group)

    def _hear(self, group: Group, news: News, *, worse: bool, urgent: bool) -> Group:
        """Return the group with when it will be told of an alert that is new, or graver, or open again."""
        branch = self._branch(group)
        soon, calm = self._soon_and_calm(group, branch)
        if group.route == PLANNED and group.status in IN_TELLING and (worse or news == "reopened"):
            return again(group, "worse" if worse else "reopened", soon)  # its plan is another one now
        if news == "eased":  # it comes from another route, where whoever had to know was told
            calm = max(calm, self.clock + branch.group_interval_ms)
        elif urgent:
            calm = soon
        match group.status:
            case "resolved":
                return replace(self._begun(group, branch), next_at=calm)
            case "waiting":
                return replace(group, next_at=min(group.next_at or soon, soon)) if urgent else group
            case "quiet" if group.next_at is None:  # all was held back
                return again(group, group.reason, self.clock if news == "unsilenced" else soon)
            case "quiet":  # everybody who could be told has quiet hours
                return again(group, "worse", soon) if worse else group
            case "taken":
                reason: Reason = "worse" if worse else "reopened" if news in ("reopened", "worsened") else "first"
                return again(group, reason, calm if reason == "first" else soon)
            case _:
                return self._hear_more(group, worse=worse, news_at=None if news == "eased" else calm)

    def _hear_more(self, group: Group, *, worse: bool, news_at: int | None) -> Group:
        """Return the group whose chain is running, with when those told hear of what is new: it keeps its own time.

        Else whatever comes and goes with a graver one would keep the chain at its first step for ever.
        """
        soon, calm = self._soon_and_calm(group, self._branch(group))
        if worse and not group.next_step:  # it has come to its end, and waits to begin anew
            return again(group, "worse", soon)
        if worse:
            return replace(group, worse_at=soon if group.worse_at is None else min(group.worse_at, soon))
        return group if group.news_at is not None or news_at is None else replace(group, news_at=max(calm, news_at))

    def _soon_and_calm(self, group: Group, branch: Branch) -> tuple[int, int]:
        """Return when a group is told of what can't wait, and of what can."""
        soon = self.clock + branch.group_wait_ms
        return soon, soon if group.told_at is None else max(soon, group.told_at + branch.group_interval_ms)

    def _back(self, group: Group, kept: Kept, held: HeldAlert, *, worse: bool) -> Group:
        """Return a group whose chain goes on from its place: what it told of had ended moments ago.

        If that same condition is back, and all who were told of it heard of it, then it is no news to them.
        """
        same = [each for each in self.held(group.over) if each.alert.key == held.alert.key]
        if same:
            now = self.alerts.get(held.alert.id) or held
            told = tuple(dict.fromkeys((*same[-1].told, *now.told)))[:MOST_NAMED]
            self.put_alert(replace(now, told=told))
        soon, calm = self._soon_and_calm(group, self._branch(group))
        group = replace(
            stopped(group),
            status=kept.status,
            resolved_at=None,
            taken_by=None,
            next_at=max(self.clock, kept.next_at),
            next_step=kept.next_step,
            loops=kept.loops,
            wait_ms=kept.wait_ms,
            delayed=kept.delayed,
            reason=kept.reason,
            unanswered_at=kept.unanswered_at,
        )
        if group.status == "waiting":
            return replace(group, next_at=min(group.next_at or soon, soon)) if worse else group
        if same and not worse:
            return group if set(group.to) <= set(group.reached) else replace(group, news_at=soon)
        return self._hear_more(group, worse=worse, news_at=calm)

    def _kept(self, group: Group, held: HeldAlert) -> Kept | None:
        """Return where the chain stands of a group whose last alert to tell of has ended; None where that is no matter.

        It is none where a person closed it, or has it.
        """
        if group.status == "taken":
            return group.kept
        if group.status not in ("waiting", "telling", "unanswered") or group.next_at is None:
            return None
        if held.alert.why == "closed" or group.route == PLANNED:  # whatever comes next has a group of its own
            return None
        return Kept(
            until=self.clock + min(self._branch(group).group_interval_ms, MOST_KEPT_MS),
            status=group.status,
            next_at=group.next_at,
            next_step=group.next_step,
            loops=group.loops,
            wait_ms=group.wait_ms,
            delayed=group.delayed,
            reason=group.reason,
            unanswered_at=group.unanswered_at,
        )

    def _branch(self, group: Group) -> Branch:
        """Return a group's branch; of one that is gone, and that its alerts are about to leave, what is usual."""
        if group.route == PLANNED:
            return PLAN_BRANCH
        return self.in_force.branches.get(group.route) or Branch(id=group.route, chain=group.chain)

    def _begun(self, group: Group, branch: Branch) -> Group:
        """Return a group that begins a life; what it was told before stays, so that no message has another's id."""
        return Group(
            id=group.id,
            route=group.route,
            labels=group.labels,
            severity=group.severity,
            status="waiting",
            alerts=group.alerts,
            began_at=self.clock,
            chain=branch.chain,
            step=group.step,
            told=group.told,
            not_told=group.not_told,
            told_at=group.told_at,
            webhooks_at=group.webhooks_at,
        )

    def _taken(self, group: Group, held: HeldAlert) -> Group:
        """Return a group of which somebody has every alert that is not held back: nobody else is told."""
        by = held.alert.taken_by if held.alert.status == "acknowledged" else group.taken_by
        if group.status == "taken":
            return replace(group, taken_by=by)
        group = self._alive(group)
        return replace(stopped(group), status="taken", taken_by=by)

    def _alive(self, group: Group) -> Group:
        """Return a group that begins a life where its last one is over; or goes on with it if none heard the end."""
        if group.status != "resolved":
            return group
        return replace(group, resolved_at=None) if group.kept else self._begun(group, self._branch(group))

    def _hushed(self, group: Group, held: HeldAlert) -> Group:
        """Return a group of which every alert is held back: nobody is told, and why is kept."""
        if group.status == "quiet" and group.next_at is None:
            return group
        group = self._alive(group)
        if standing(held) == "muted":
            group = self.hold_back(group, self.why_muted(held))
        return replace(stopped(group), status="quiet")

    def _leaves(self, id_: str, held: HeldAlert, ended: bool) -> None:
        """Let a group go on without an alert that has ended, or belongs elsewhere by now."""
        group, tally = self.groups.get(id_), self.tally(id_)
        if group is None:
            return
        rest = self._filled(id_, tuple(each for each in group.alerts if each != held.alert.id), sum(tally.values()))
        over = (*group.over, held.alert.id)[-MOST_NAMED:] if ended else group.over
        group = replace(group, alerts=rest, over=over, severity=gravest(tally) or group.severity)
        self.put_group(group)
        self.drop_over(id_)
        group = self.groups.get(id_)
        if group is None:
            return
        if not tally:
            if ended and group.status == "waiting" and not held.told:
                self.note_telling((held.alert.id,), Entry(at=self.clock, what="not_told", text="over"))
                group = self.hold_back(group, NotTold("over", self.clock))
            kept = self._kept(group, held) if ended else None
            group = replace(stopped(group), status="resolved", resolved_at=self.clock, kept=kept)
            self.put_group(self.tell_end(group) if ended and kept is None else group)
        elif not number_of(tally, "open"):
            others = self.held(rest)
            taken = [each for each in others if not is_over(each) and standing(each) == "taken"]
            if taken:
                kept = self._kept(group, held) if ended else None
                self.put_group(replace(self._taken(group, taken[0]), kept=kept))
            else:
                self.put_group(self._hushed(group, next(each for each in others if not is_over(each))))

    def _filled(self, id_: str, rest: tuple[str, ...], number: int) -> tuple[str, ...]:
        """Return a group's alerts, with those for which it had no room once it runs low."""
        if len(rest) >= number or len(rest) > MOST_IN_GROUP // 2:
            return rest
        more = (held.alert.id for held in self._active() if id_ in held.groups and held.alert.id not in rest)
        return (*rest, *islice(more, MOST_IN_GROUP - len(rest)))

    def _hand_over(self, held: HeldAlert, to: str) -> None:
        """Let somebody be told of what was handed over to them."""
        for id_ in held.groups[:1]:  # once, however many routes it went down
            group = self.groups.get(id_)
            if group is not None and not is_over(held):
                branch = self._branch(group)
                at = self.clock + min(branch.group_wait_ms, MOST_HANDED_MS)
                self.put_group(replace(group, handed={to: at} | group.handed))

    # -- what holds alerts back

    def _look_what_mutes(self, held: HeldAlert) -> None:
        """Look again whether a silence or another alert holds one back."""
        silence = silence_of(held.alert, (each for _, each in self.silences.items()), self.clock)
        cover = self._covered_by(held)
        for what, was, by in (("silenced", held.silenced_by, silence), ("inhibited", held.inhibited_by, cover)):
            if by != was:
                self.note((held.alert.id,), Entry(at=self.clock, what=what if by else f"un{what}", text=by or ""))
        news: News = "unsilenced" if held.silenced_by is not None and silence is None else "uninhibited"
        self._remark(held, news, silenced_by=silence, inhibited_by=cover)

    def mark_silenced(self, silence: Silence) -> None:
        """Let the alerts be looked at again that a silence holds back, or would."""
        for held in self._active():
            if held.silenced_by == silence.id or (
                not held.alert.planned and matches(silence.matchers, held.alert.labels)
            ):
                self.mark(held.alert.id, "look")

    def _inhibitions(self) -> tuple[Inhibition, ...]:
        return self.in_force.routing.inhibitions if self.in_force.routing else ()

    def _link(self, held: HeldAlert) -> HeldAlert:
        """Return an alert that stands on its sides of every link, marked with what holds it back."""
        id_, alert = held.alert.id, held.alert
        for side in sides(self._inhibitions(), alert):
            join(self._own_link(side.key), id_, side.source, side.target)
        by = silence_of(alert, (silence for _, silence in self.silences.items()), self.clock)
        if by is not None and by != held.silenced_by:
            self.note((id_,), Entry(at=self.clock, what="silenced", text=by))
        return replace(held, silenced_by=by, inhibited_by=self._covered_by(held))

    def _unlink(self, held: HeldAlert) -> None:
        for side in sides(self._inhibitions(), held.alert):
            link = self._own_link(side.key)
            link.sources.pop(held.alert.id, None)
            link.targets.pop(held.alert.id, None)
            if not link.sources and not link.targets:
                self.links.drop(side.key)

    def _own_link(self, key: LinkKey) -> Link:
        """Return a link that this draft may change."""
        if self.links.changed.get(key) is None:
            held = self.links.get(key)
            self.links.put(key, Link(dict(held.sources), dict(held.targets)) if held else Link({}, {}))
        link = self.links.get(key)
        assert link is not None
        return link

    def _covered_by(self, held: HeldAlert) -> str | None:
        """Return the alert that covers this one, None where none does; it keeps to the one that does already."""
        found: set[str] = set()
        for side in sides(self._inhibitions(), held.alert):
            link = self.links.get(side.key)
            if side.target and link is not None:
                covering = [id_ for id_ in link.covering(held.alert.id) if not self._is_graver(held, id_)]
                if held.inhibited_by in covering:
                    return held.inhibited_by
                first = min(covering, default=None)
                if first is not None:
                    found.add(first)
        return min(found, default=None)

    def _is_graver(self, held: HeldAlert, than: str) -> bool:
        """Return whether an alert is graver than another, which then never covers it."""
        other = self.alerts.get(than)
        return other is None or SEVERITIES.index(held.alert.severity) > SEVERITIES.index(other.alert.severity)

    def _cover(self, was: HeldAlert | None, held: HeldAlert | None) -> None:
        """Let the alerts be held back, or no longer, that one covers which began, ended or is another now."""
        one = held or was
        if one is None:
            return
        before = {side.key for side in sides(self._inhibitions(), was.alert) if side.source} if was else set()
        after = {side.key for side in sides(self._inhibitions(), held.alert) if side.source} if held else set()
        same = was is not None and held is not None and was.alert.severity == held.alert.severity
        for key in sorted(before ^ after if same else before | after):
            link = self.links.get(key)
            for id_ in sorted(link.targets) if link else ():
                target = self.alerts.get(id_)
                if target is None or id_ == one.alert.id:
                    continue
                if target.inhibited_by == one.alert.id or (target.inhibited_by is None and key in after):
                    self.mark(id_, "look")

    # -- other routes

    def reroute(self, routing: Routing) -> None:
        """Put a routing in force: every alert that is not over goes down it anew."""
        for key, _ in list(self.links.items()):
            self.links.drop(key)
        before, self.in_force = self.in_force.chains, routed(self.in_force, routing)
        active = self._active()
        for held in active:
            for side in sides(self._inhibitions(), held.alert):
                join(self._own_link(side.key), held.alert.id, side.source, side.target)
            self.mark(held.alert.id, "route")
        for _, group in list(self.groups.items()):
            branch = self.in_force.branches.get(group.route)
            chain = self.in_force.chains.get(branch.chain) if branch else None
            if chain is None:
                continue
            was, now = before.get(group.chain), replace(group, chain=chain.id)
            if was is None or was.steps != chain.steps:
                now = self._placed(now, chain)
            if now != group:
                self.put_group(now)

    def replan(self, held: HeldAlert, plan: tuple[ChainStep, ...]) -> None:
        """Let an alert be told by this plan from now on, and at once to whom that names beside those told."""
        if plan == held.alert.plan:
            return
        now = replace(held, alert=replace(held.alert, plan=plan))
        self.put_alert(now)
        self._replan(now)
        for id_ in now.groups:
            group = self.groups.get(id_)
            if group is not None and group.status in IN_TELLING and group.next_step < len(plan):
                self.put_group(replace(group, next_at=self.clock))

    def _tell_newcomers(self, held: HeldAlert, plan: tuple[ChainStep, ...]) -> None:
        """Let whom another plan names be told at once, beside the chain, where it has come past their turn.

        Once it has been gone through, it has come past everybody's, wherever in a loop or between two it stands.
        """
        for id_ in held.groups:
            group = self.groups.get(id_)
            if group is None or group.route != PLANNED:
                continue
            come = self.come_past(group, plan)
            waits = len(plan) if come == plan else len([step for step in come if step.wait_s is not None])
            new = [step for step in _within(held.alert.plan, waits) if step not in come]
            self.put_group(self.tell_newcomers(group, new))

    def _replan(self, held: HeldAlert) -> None:
        """Let the telling of an alert whose plan is another one now go on with whoever was not told yet."""
        for id_ in held.groups:
            group = self.groups.get(id_)
            if group is not None and group.route == PLANNED:
                self.put_group(self._placed(group, Chain(id=PLANNED, steps=held.alert.plan)))

    def _placed(self, group: Group, chain: Chain) -> Group:
        """Return a group whose running chain has other steps now: it goes on with whoever was not told yet."""
        place, kept = self.first_untold(chain, group.to), group.kept
        if kept is not None and kept.next_step:
            group = replace(group, kept=replace(kept, next_step=place, loops=0))
        return replace(group, next_step=place, loops=0) if group.next_step else group


def _within(plan: tuple[ChainStep, ...], waits: int) -> Iterator[ChainStep]:
    """Yield the steps of a plan before so many of its waits are over."""
    for step in plan:
        if waits <= 0:
            return
        waits -= step.wait_s is not None
        yield step


def _past(alert: Alert) -> Past:
    return Past(
        id=alert.id,
        rule=alert.rule,
        subject=alert.subject,
        severity=alert.severity,
        title=alert.title,
        labels=alert.labels,
        raised_at=raised_at(alert),
        resolved_at=alert.changed_at if alert.resolved_at is None else alert.resolved_at,
        taken_by=alert.taken_by,
        outcome=alert.outcome,
    )
