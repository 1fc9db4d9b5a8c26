"""Whether a rule's alarms were worth raising, by day; and how much each person was told of late."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from domain.alerts.lifecycle import Alert, Outcome
from domain.alerts.notice import Worth

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
LOAD_MS = 120 * MINUTE_MS
MOST_TIMES = 500  # to take in, of a rule's day
MOST_LOADS = 500  # instants of one person
KEPT_MS = 92 * DAY_MS

COUNTED = ("raised", "notified", "taken", "escalated", "acted", "no_action_needed", "wrong")
NO_WORTH = Worth()


def worth_key(alert: Alert) -> str:
    """Return under which rule and day (UTC) an alert counts: the day on which it was raised, whatever comes later."""
    return f"{alert.rule}/{_day(raised_at(alert))}"


def raised_at(alert: Alert) -> int:
    """Return when an alert was raised; one that says nothing of it, when its condition began."""
    return alert.since if alert.raised_at is None else alert.raised_at


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()


def too_old(key: str, at: int) -> bool:
    """Return whether the counts under a key are no longer kept."""
    return key.rpartition("/")[2] < _day(max(0, at - KEPT_MS))


def took(worth: Worth, seconds: float) -> Worth:
    """Return the counts with one more alert taken in, so long after it was raised."""
    times = (*worth.took_s, seconds) if len(worth.took_s) < MOST_TIMES else worth.took_s
    return replace(worth, taken=worth.taken + 1, took_s=times)


def judged(worth: Worth, was: Outcome | None, now: Outcome) -> Worth:
    """Return the counts once it is said what came of an alert, or something else than before."""
    counts = {each: getattr(worth, each) for each in ("acted", "no_action_needed", "wrong")}
    if was is not None:
        counts[was] = max(0, counts[was] - 1)
    counts[now] += 1
    return replace(worth, **counts)


class Gain(NamedTuple):
    """By how much the counts of one rule grew, and the times to take in (s) that came to them."""

    rule: str
    counts: dict[str, int]
    took_s: tuple[float, ...]


def gains(changed: Mapping[str, Worth | None], base: Mapping[str, Worth]) -> list[Gain]:
    """Return by how much the counts of rules grew over what they were; what was taken back is left out."""
    found = []
    for key, now in changed.items():
        was = base.get(key, NO_WORTH)
        if now is not None and now != was:
            counts = {name: getattr(now, name) - getattr(was, name) for name in COUNTED}
            grown = {name: count for name, count in counts.items() if count > 0}
            found.append(Gain(key.rpartition("/")[0], grown, now.took_s[len(was.took_s) :]))
    return found


def told_again(load: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return when somebody was told something within the last 120 minutes, this time included."""
    return (*(each for each in load if each > at - LOAD_MS), at)[-MOST_LOADS:]
