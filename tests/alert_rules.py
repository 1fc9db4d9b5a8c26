"""Alert rules on the small invented region, and what publishes them."""

import hashlib
from typing import Any, Literal

import msgspec

from domain.alerts.rule import Level, Rule, Ruleset
from domain.events import AlertActed, SettingsPublished, Source
from domain.places import Words
from tests.small_region import START

WORDS = Words(fr="{kind} à {place} : {value}", en="{kind} in {place}: {value}")


def rule(id_: str, on: str, at: str, *levels: Level, **more: Any) -> Rule:
    """Return a rule of beds, unless it says another concern, with words of no account."""
    return Rule(**{"id": id_, "concern": "beds", "on": on, "at": at, "levels": levels} | _TEXTS | more)


_TEXTS: dict[str, Any] = {"title": WORDS, "text": WORDS, "todo": WORDS}

# The example of the issue: beyond 90 % for 15 min, clear below 85 %.
CROWDED = rule(
    "crowded",
    "occupancy",
    "departement",
    Level("warning", above=0.9, clear_below=0.85),
    Level("critical", above=1.0, clear_below=0.95),
    bed_kinds=("rea-adulte",),
    hold_s=900,
)


def rules_published(rules: Ruleset | bytes | None, at: int = START, id_: str = "rules-1") -> SettingsPublished:
    """Return the event that puts alert rules in force."""
    content = rules if isinstance(rules, bytes) else msgspec.json.encode(rules)
    digest = hashlib.sha256(content).hexdigest()
    return SettingsPublished(id=id_, received_at=at, name="alert_rules", digest=digest, content=content)


def acted(
    id_: str,
    alert: str,
    act: Literal["take", "hand_over", "resolve", "comment"],
    *,
    at: int,
    by: str = "anne",
    **more: Any,
) -> AlertActed:
    """Return what a person did with an alert."""
    return AlertActed(id=id_, received_at=at, alert=alert, act=act, source=Source(by, "api"), **more)
