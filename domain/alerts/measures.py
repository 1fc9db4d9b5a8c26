"""What alert rules can measure, at which levels of places, in which unit; and what is wrong with a set of rules."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from domain.alerts.rule import SEVERITIES, Concern, Level, Rule, Ruleset

Unit = Literal["ratio", "count", "hours", "seconds"]
Owner = Literal["capacity", "notices"]

PLACES = ("ward", "facility", "departement", "region")


class Measure(NamedTuple):
    """Where a measure can be taken, in which unit, of what concern, and in whose fold."""

    levels: tuple[str, ...]
    unit: Unit
    concern: Concern
    owner: Owner = "capacity"


MEASURES: dict[str, Measure] = {
    "occupancy": Measure(PLACES, "ratio", "beds"),  # occupied of open, once half the wards say both
    "available": Measure(PLACES, "count", "beds"),  # beds that can take a patient now, once half the wards say so
    "undeclared_surge": Measure(PLACES, "count", "beds"),  # wards with more patients than open beds
    "closed_past": Measure(("ward",), "hours", "beds"),  # since the earliest date at which closed beds were to open
    "stale_beds": Measure(PLACES, "count", "data"),  # installed beds of the wards whose figures are too old
    "silent_for": Measure(("source",), "seconds", "data"),  # since a software source last reported
    "history_in_a_row": Measure(("source",), "count", "data"),  # reports older than the figure held, one after another
    "dead_letters": Measure(("shard",), "count", "system"),  # within the last hour; up to MOST_DEAD_LETTERS
    "position_lag": Measure(("shard",), "seconds", "system", "notices"),  # how far a shard is behind its log's end
    "channel_down": Measure(("channel",), "seconds", "system", "notices"),  # since a channel stopped to work
}

PLACEHOLDERS = frozenset(
    ("place", "kind", "value", "threshold", "since", "facility", "departement", "region", "source", "beds")
)
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
BRACES = re.compile(r"\{([^{}]*)\}")
RESERVED = ("patient", "ehpad-cluster")  # what followup shards tell of, and what is made of it
MOST_RULES = 500
MOST_DEAD_LETTERS = 1_000  # that are counted: where there are so many, more of them tell nothing new
LONGEST_LINK = 500
LONGEST_TEXT = 2_000  # characters, of a title, a text or what to do

Mistake = tuple[str, str]  # path, message


def check(ruleset: Ruleset) -> list[Mistake]:
    """Return every mistake of a set of rules as (path, message); an empty list for one that can be in force."""
    found: list[Mistake] = []
    if len(ruleset.rules) > MOST_RULES:
        found.append(("rules", f"at most {MOST_RULES} rules, and these are {len(ruleset.rules)}"))
    ids: set[str] = set()
    for place, rule in enumerate(ruleset.rules):
        found += [(f"rules[{place}].{path}", message) for path, message in _mistakes_of(rule)]
        if rule.id in ids:
            found.append((f"rules[{place}].id", f"{rule.id!r} is the id of an earlier rule too"))
        ids.add(rule.id)
    return found


def _mistakes_of(rule: Rule) -> Iterator[Mistake]:
    if not SLUG.fullmatch(rule.id):
        yield "id", "is not a slug of up to 64 lower-case letters, digits, '-', '_' and '.'"
    if rule.id in RESERVED:
        yield "id", f"{rule.id!r} is not a rule's that measures beds"
    measure = MEASURES.get(rule.on)
    if measure is None:
        yield "on", f"{rule.on!r} is not one of {', '.join(MEASURES)}"
    elif rule.at not in measure.levels:
        yield "at", f"{rule.on} can't be measured at {rule.at!r}, but at {', '.join(measure.levels)}"
    if measure is not None and rule.concern != measure.concern:
        yield "concern", f"{rule.on} concerns {measure.concern}, not {rule.concern}"
    if rule.at not in PLACES:
        for name in ("bed_kinds", "places"):
            if getattr(rule, name):
                yield name, f"narrows nothing at {rule.at!r}"
    for name in ("hold_s", "taken_s"):
        if not 0 <= getattr(rule, name) < float("inf"):
            yield name, "must be a duration, and not a negative one"
    if len(rule.link) > LONGEST_LINK or not re.fullmatch(r"(https?://|/)[^\s\"'<>\\]*|", rule.link):
        yield "link", f"must be a path or an http address of at most {LONGEST_LINK} characters"
    if rule.on == "dead_letters":
        for place, level in enumerate(rule.levels):
            if level.above is not None and level.above >= MOST_DEAD_LETTERS:
                yield f"levels[{place}].above", f"no more than {MOST_DEAD_LETTERS} dead letters are counted"
    yield from _mistakes_of_levels(rule.levels)
    for name in ("title", "text", "todo"):
        for language in ("fr", "en"):
            text: str = getattr(getattr(rule, name), language)
            yield from ((f"{name}.{language}", message) for message in _mistakes_of_text(text))


def _mistakes_of_levels(levels: tuple[Level, ...]) -> Iterator[Mistake]:
    if not levels:
        yield "levels", "at least one is needed"
    last: Level | None = None
    for place, level in enumerate(levels):
        yield from ((f"levels[{place}].{path}", message) for path, message in _mistakes_of_level(level))
        if last is not None:
            yield from ((f"levels[{place}].{path}", message) for path, message in _does_not_rise(last, level))
        last = level


def _mistakes_of_level(level: Level) -> Iterator[Mistake]:
    if (level.above is None) == (level.below is None):
        yield "above", "a level has either above or below"
        return
    for name in ("above", "below", "clear_below", "clear_above"):
        value = getattr(level, name)
        if value is not None and not -float("inf") < value < float("inf"):
            yield name, "is not a number"
    if level.above is not None:
        if level.clear_above is not None:
            yield "clear_above", "goes with below, not with above"
        if level.clear_below is not None and level.clear_below > level.above:
            yield "clear_below", f"must not be beyond above: {level.clear_below} is more than {level.above}"
    if level.below is not None:
        if level.clear_below is not None:
            yield "clear_below", "goes with above, not with below"
        if level.clear_above is not None and level.clear_above < level.below:
            yield "clear_above", f"must not be beyond below: {level.clear_above} is less than {level.below}"


def _does_not_rise(last: Level, level: Level) -> Iterator[Mistake]:
    """Yield how a level is no graver than the one before it, or easier to reach, or left earlier."""
    if SEVERITIES.index(level.severity) <= SEVERITIES.index(last.severity):
        yield "severity", f"levels must rise: {level.severity} is not graver than {last.severity}"
    if last.above is not None and level.above is not None:
        if level.above <= last.above:
            yield "above", f"levels must rise: {level.above} is not beyond {last.above}"
        if _left(level) < _left(last):
            yield "clear_below", "a graver level can't be left later than the one before it"
    elif last.below is not None and level.below is not None:
        if level.below >= last.below:
            yield "below", f"levels must rise: {level.below} is not beyond {last.below}"
        if _left(level) > _left(last):
            yield "clear_above", "a graver level can't be left later than the one before it"
    elif (last.above is None) != (level.above is None):
        yield "above", "all levels of a rule are above, or all are below"


def _left(level: Level) -> float:
    """Return where a level is left again."""
    edges = (level.clear_below, level.clear_above, level.above, level.below)
    return next(edge for edge in edges if edge is not None)


def _mistakes_of_text(text: str) -> Iterator[str]:
    if not text.strip():
        yield "is empty"
    elif len(text) > LONGEST_TEXT:
        yield f"is longer than {LONGEST_TEXT} characters"
    for name in BRACES.findall(text):
        if name not in PLACEHOLDERS:
            yield f"{{{name}}} is not one of {', '.join(f'{{{each}}}' for each in sorted(PLACEHOLDERS))}"
    if "{" in (rest := BRACES.sub("", text)) or "}" in rest:
        yield "has a brace without its other"


def beyond(level: Level, value: float) -> bool:
    """Return whether a value is beyond the threshold of a level."""
    return (level.above is not None and value > level.above) or (level.below is not None and value < level.below)


def left(level: Level, value: float) -> bool:
    """Return whether a value is so far back that a level which it was beyond is left."""
    if level.above is not None:
        return value <= level.above if level.clear_below is None else value < level.clear_below
    if level.below is not None:
        return value >= level.below if level.clear_above is None else value > level.clear_above
    return True


def level_of(levels: tuple[Level, ...], held: int | None, value: float) -> int | None:
    """Return which level a value is at, by its place; `held` is where it was until now.

    It rises by thresholds alone, and falls only past what was left: so the answer to the same value stays the same.
    """
    highest = next((place for place in range(len(levels) - 1, -1, -1) if beyond(levels[place], value)), None)
    if held is None or (highest is not None and highest > held):
        return highest
    return next((place for place in range(held, -1, -1) if not left(levels[place], value)), None)
