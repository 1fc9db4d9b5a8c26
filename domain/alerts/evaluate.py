"""From measured values, time and what people do to alerts and their steps: an overlay over the alerts that are held."""

import base64
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from domain.alerts.lifecycle import NEXT, OUTCOMES, Alert, Happening, Step
from domain.alerts.measures import level_of
from domain.alerts.rule import SEVERITIES, Rule, Ruleset
from domain.alerts.wording import Language, Names, duration, quantity, render, unit_of, weakly
from domain.events import AlertActed
from domain.places import Words

NEVER = 2**62
KEPT_MS = 24 * 3_600_000  # after an alert was over: what came of it may be said as long
BYTES_BESIDE_TEXT = 800  # of an alert, packed
TAKEN_S = 7200.0  # for an alert whose rule is no more
LONGEST_TEXT = 2_000  # characters of what a person says of an alert
NO_WORDS = Words(fr="", en="")  # of what nobody is told yet

Measured = Callable[[Rule, str], float | None]  # what a subject measures now


class Answer(NamedTuple):
    """What became of what a person did: applied, or refused and why."""

    outcome: Literal["applied", "refused"]
    reason: str | None = None


DONE = Answer("applied")


class Book:
    """What a draft makes of the alerts that its state holds, without touching them.

    A fold makes one for each draft: `Book(state.alerts, rules, names)`, and drives it so:

    * `judge(rule, subject, value, at)` whenever what a rule measures of a subject may have changed (None: unknown); to
      judge the same value again changes nothing. `since` is when that value began, where that was not `at`.
    * `run(at)` before anything later than `next_due` is folded, with `at` = `next_due`: it runs what is due by then
      (conditions held for long enough, takings-in that expire), each at its own instant. `next_due` may be too early
      (then nothing happens), never too late.
    * `act(event, at)` for an `AlertActed`; `publish(rules)` when other rules come into force, then
      `end_gone(at, exists)`, also when subjects go; `forget(at)` at full hours.
    * `steps` are to be told, in order; the fold numbers those that a record led to from 0 on. `changed` goes into the
      state by `alerts.update` or removal (None): an alert is filed under its `key`, and one that is over under its id
      once another one of the same key has begun.

    With `measured`, a condition is judged once more at the instant at which it is held or a taking-in expires, and
    texts tell the value of that instant; without, they tell the last value judged while it was pending. `size` is about
    what changes and steps take in bytes, so that a fold can stop once it is `most`, and go on with its next record.
    """

    def __init__(
        self,
        base: Mapping[str, Alert],
        rules: Ruleset | None,
        names: Names,
        *,
        measured: Measured | None = None,
        next_due: int | None = None,
    ) -> None:
        self.base, self.names = base, names
        self.changed: dict[str, Alert | None] = {}
        self.steps: list[Step] = []
        self.size = 0
        self._measured = None if measured is None else weakly(measured)
        self._ids: dict[str, str] | None = None
        self._rules = rules.rule_of if rules else {}
        self.next_due = self._soonest() if next_due is None else next_due

    # -- what is so

    def get(self, key: str) -> Alert | None:
        """Return the alert that is filed there."""
        return self.changed[key] if key in self.changed else self.base.get(key)

    def find(self, id_: str) -> Alert | None:
        """Return the alert of this id."""
        for alert in self.changed.values():
            if alert is not None and alert.id == id_:
                return alert
        if self._ids is None:
            self._ids = {alert.id: key for key, alert in self.base.items()}
        key = self._ids.get(id_)
        held = None if key is None else self.get(key)
        return held if held is not None and held.id == id_ else None

    def items(self) -> Iterator[tuple[str, Alert]]:
        """Yield every alert with where it is filed."""
        yield from ((key, alert) for key, alert in self.base.items() if key not in self.changed)
        yield from ((key, alert) for key, alert in self.changed.items() if alert is not None)

    def _put(self, key: str, alert: Alert | None) -> None:
        self.changed[key] = alert
        self.size += _size(alert)

    # -- conditions

    def judge(self, rule: Rule, subject: str, value: float | None, at: int, since: int | None = None) -> None:
        """Hold a value against a rule, and let what follows from it happen."""
        alert = self.get(f"{rule.id}|{subject}")
        live = alert is not None and (alert.status != "resolved" or alert.stands)
        if value is None:
            if alert is not None:
                self._happens(alert, "unknown", at)
            return
        held = next(
            (i for i, each in enumerate(rule.levels) if live and alert and each.severity == alert.severity), None
        )
        level = level_of(rule.levels, held, value)
        if alert is None or not live:
            if level is not None:
                self._begin(rule, subject, level, value, at, at if since is None else since)
        elif level is None:
            self._happens(alert, "ends", at, why="cleared", resolved_at=at)
        elif (rises := _rank(rule, level) - SEVERITIES.index(alert.severity)) > 0 and alert.status == "resolved":
            self._begin(rule, subject, level, value, at, at if since is None else since)
        elif rises:
            self._happens(alert, "worsens" if rises > 0 else "eases", at, **self._words(rule, alert, level, value, at))
        elif alert.status == "pending" and self._measured is None and value != alert.value:
            self._put(alert.key, replace(alert, value=value))

    def _begin(self, rule: Rule, subject: str, level: int, value: float, at: int, since: int) -> None:
        """Raise a new alert; one of the same key that is over is filed under its id."""
        over = self.get(f"{rule.id}|{subject}")
        status = NEXT[None if over is None else over.status, "worsens" if over and over.stands else "begins"].status
        assert status is not None
        severity = rule.levels[level].severity
        labels = {"rule": rule.id, "concern": rule.concern, "severity": severity} | self.names.labels(subject)
        alert = Alert(
            id=_id(rule.id, subject, since),
            rule=rule.id,
            subject=subject,
            status=status,
            severity=severity,
            since=since,
            labels=labels,
            title=NO_WORDS,
            text=NO_WORDS,
            todo=NO_WORDS,
            value=value,
            link=rule.link,
            changed_at=at,
        )
        if over is not None:  # it keeps its id, to be judged by; what stands of it stands in the new one
            self._put(over.id, replace(over, stands=False))
        due = since + _ms(rule.hold_s)
        if due <= at:
            self._hold(rule, alert, level, value, at)
        else:
            self._put(alert.key, alert)
            self.next_due = min(self.next_due, due)

    def _hold(self, rule: Rule, alert: Alert, level: int, value: float | None, at: int) -> None:
        self._happens(alert, "held", at, raised_at=at, **self._words(rule, alert, level, value, at))

    def _words(self, rule: Rule, alert: Alert, level: int, value: float | None, at: int) -> dict[str, Any]:
        """Return what an alert says of a level that it is at now."""
        at_level, unit = rule.levels[level], unit_of(rule)
        threshold = at_level.above if at_level.above is not None else at_level.below
        languages: tuple[Language, ...] = ("fr", "en")
        words = {
            each: self.names.words(alert.subject, each)
            | {
                "value": quantity(value, unit, each),
                "threshold": quantity(threshold, unit, each),
                "since": duration((at - alert.since) / 1000, each),
            }
            for each in languages
        }
        title, text, todo = render(rule, words)
        said = {"title": title, "text": text, "todo": todo, "value": value, "threshold": threshold}
        labels = alert.labels | {"severity": at_level.severity}
        return said | {"severity": at_level.severity, "labels": labels, "link": rule.link}

    def _happens(
        self,
        alert: Alert,
        happening: Happening,
        at: int,
        *,
        by: str | None = None,
        to: str | None = None,
        said: str = "",
        **changes: Any,
    ) -> bool:
        """Return whether the table lets it happen; then it has."""
        then = NEXT.get((alert.status, happening))
        if then is None:
            return False
        key = alert.key if self.get(alert.id) is None else alert.id
        if then.status is None:
            self._put(key, None)
            return True
        if alert.status == "resolved":  # its own end stays as it was
            changes = {name: value for name, value in changes.items() if name not in ("why", "resolved_at")}
            changes |= {"stands": alert.stands and happening not in ("ends", "gone")}
        if then.what == "reopened":
            changes |= {"taken_by": None, "taken_at": None, "expires_at": None, "reopened": alert.reopened + 1}
        now = replace(alert, status=then.status, **changes)
        if then.what is not None:
            now = replace(now, changed_at=at)
            self.size += _size(now)
            self.steps.append(Step(what=then.what, at=at, alert=now, by=by, to=to, text=said))
        if now != alert or alert.status == "pending":
            self._put(key, now)
        return True

    # -- time

    def _due(self, alert: Alert) -> int | None:
        """Return when something happens to an alert by time alone."""
        if alert.status not in ("pending", "acknowledged"):
            return None
        rule = self._rules.get(alert.rule)
        if rule is None:  # it is gone, and its alerts end with it
            return None
        return alert.since + _ms(rule.hold_s) if alert.status == "pending" else alert.expires_at

    def _soonest(self) -> int:
        return min((due for _, alert in self.items() if (due := self._due(alert)) is not None), default=NEVER)

    def run(self, at: int, most: int = NEVER) -> None:
        """Run what is due by then, in order, each at its own instant, until `size` is `most`: the rest stays due."""
        if at < self.next_due:
            return
        due = sorted(
            (when, key) for key, alert in self.items() if (when := self._due(alert)) is not None and when <= at
        )
        for when, key in due:
            if self.size >= most:
                break
            self._run_one(key, when)
        self.next_due = self._soonest()

    def _run_one(self, key: str, at: int) -> None:
        alert = self.get(key)
        rule = None if alert is None else self._rules.get(alert.rule)
        if alert is None or rule is None:
            return
        value = alert.value
        if self._measured is not None:
            now = self._measured(rule, alert.subject)
            self.judge(rule, alert.subject, now, at)
            value, alert = (value if now is None else now), self.get(key)
        if alert is None or (due := self._due(alert)) is None or due > at:
            return
        level = _level(rule, alert)
        if alert.status == "pending":
            self._hold(rule, alert, level, value, at)
        else:
            self._happens(alert, "expires", at, **self._words(rule, alert, level, value, at))

    def forget(self, at: int) -> None:
        """Let go of what was over for a day, but for what a person closed and whose condition still holds."""
        for _, alert in sorted(self.items()):
            if alert.resolved_at is not None and alert.resolved_at <= at - KEPT_MS and not alert.stands:
                self._happens(alert, "forgotten", at)

    # -- rules and subjects

    def publish(self, rules: Ruleset | None) -> None:
        """Put rules in force in place of those before; what they end, `end_gone` ends."""
        self._rules = rules.rule_of if rules else {}
        self.next_due = self._soonest()

    def end_gone(self, at: int, exists: Callable[[str, str], bool], most: int = NEVER) -> bool:
        """End the alerts whose rule and subject (arguments of `exists`) are no more; return whether all are ended."""
        for _, alert in sorted(self.items()):
            if (alert.status != "resolved" or alert.stands) and not exists(alert.rule, alert.subject):
                if self.size >= most:
                    return False
                self._happens(alert, "gone", at, why="gone", resolved_at=at)
        return True

    # -- people

    def act(self, event: AlertActed, at: int) -> Answer:
        """Let a person do something with an alert, and return what became of that."""
        alert = self.find(event.alert)
        if alert is None or alert.status == "pending":
            return Answer("refused", "unknown alert")
        if event.source is None:
            return Answer("refused", "nobody did it")
        wrong = _why_not(event, alert)
        if wrong is not None:
            return Answer("refused", wrong)
        by, rule = event.source.id, self._rules.get(alert.rule)
        changes: dict[str, Any] = {}
        if event.act in ("take", "hand_over"):
            taken_by = event.to if event.act == "hand_over" else by
            expires_at = at + _ms(rule.taken_s if rule else TAKEN_S)
            changes = {"taken_by": taken_by, "taken_at": at, "expires_at": expires_at}
            self.next_due = min(self.next_due, expires_at)
        elif event.act == "resolve":
            outcome = event.outcome or alert.outcome
            changes = {"outcome": outcome, "why": "closed", "resolved_at": at, "stands": True}
        self._happens(alert, event.act, at, by=by, to=event.to, said=event.text, **changes)
        return DONE


def _why_not(event: AlertActed, alert: Alert) -> str | None:
    """Return why a person can't do that now, None where they can; what it names is data, and no sentence."""
    if len(event.text) > LONGEST_TEXT:
        return f"text: at most {LONGEST_TEXT} characters"
    if event.outcome is not None and event.outcome not in OUTCOMES:
        return f"outcome: {event.outcome!r} is not one of {', '.join(OUTCOMES)}"
    if (alert.status, event.act) not in NEXT:
        if alert.status == "resolved":
            return f"over at {alert.resolved_at}"
        return f"taken by {alert.taken_by} at {alert.taken_at}" if alert.status == "acknowledged" else "not taken"
    if event.act == "resolve" and alert.status == "resolved" and event.outcome is None:
        return f"over at {alert.resolved_at}"
    if event.act == "hand_over" and not event.to:
        return "to: nobody is named"
    if event.act == "comment" and not event.text.strip():
        return "text: nothing is said"
    return None


def _rank(rule: Rule, level: int) -> int:
    return SEVERITIES.index(rule.levels[level].severity)


def _level_held(rule: Rule, alert: Alert) -> int | None:
    """Return the level of a rule that an alert was raised at, None where the rule has it no more."""
    return next((place for place, level in enumerate(rule.levels) if level.severity == alert.severity), None)


def _level(rule: Rule, alert: Alert) -> int:
    """Return at which level of a rule an alert is; of other rules than it was raised by, the nearest below it."""
    rank = SEVERITIES.index(alert.severity)
    return max((i for i in range(len(rule.levels)) if _rank(rule, i) <= rank), default=0)


def _size(alert: Alert | None) -> int:
    """Return about how many bytes an alert takes: most of it are its texts, in which accents are two bytes each."""
    if alert is None:
        return BYTES_BESIDE_TEXT
    texts = (alert.title, alert.text, alert.todo)
    return BYTES_BESIDE_TEXT + 2 * sum(len(words.fr) + len(words.en) for words in texts)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _id(rule: str, subject: str, since: int) -> str:
    digest = blake2b(f"{rule}|{subject}|{since}".encode(), digest_size=8).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()
