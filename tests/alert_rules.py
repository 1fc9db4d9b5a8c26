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

LAX = rule("lax", "occupancy", "departement", Level("critical", above=0.5), hold_s=1.5, taken_s=2)
EVERY_MEASURE = (
    CROWDED,
    rule("few", "available", "region", Level("info", below=5), Level("critical", below=2, clear_above=3)),
    rule("surge", "undeclared_surge", "ward", Level("warning", above=0), hold_s=0.3, taken_s=0.5),
    rule("surges", "undeclared_surge", "region", Level("warning", above=1)),
    rule("past", "closed_past", "ward", Level("info", above=0), Level("warning", above=0.001), taken_s=3600),
    rule("stale", "stale_beds", "departement", Level("info", above=15), concern="data"),
    rule("stale-ward", "stale_beds", "ward", Level("warning", above=0), concern="data", places=("31",)),
    rule("silent", "silent_for", "source", Level("info", above=1), Level("warning", above=3600), concern="data"),
    rule("bad-clock", "history_in_a_row", "source", Level("warning", above=1), concern="data"),
    rule("dead", "dead_letters", "shard", Level("warning", above=0), Level("critical", above=1), concern="system"),
    rule("lag", "position_lag", "shard", Level("warning", above=10), concern="system"),
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
