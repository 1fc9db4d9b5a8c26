"""A region's pathways: a YAML file and a FHIR Questionnaire each, checked as a whole, every mistake with its line."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from config.alerts import ROUTING, duration, minutes, one_of, slug, tell, window
from config.reading import Entry, Findings, Node, count, json_document, number, shown, text, tree
from config.region import both_languages
from domain.alerts.routing import Window
from domain.errors import Unreadable
from domain.followup import fhir, questionnaire
from domain.followup.home_cov import CRITERIA, Criterion
from domain.followup.news2 import PARAMETERS, Parameter
from domain.followup.pathway import (
    CARES,
    COLOURS,
    GRAVE,
    LATEST_ORANGE,
    LATEST_RED,
    ROLES,
    Care,
    Cluster,
    Colour,
    End,
    FirstCall,
    Flag,
    HomeCov,
    Levels,
    Limits,
    NoAnswer,
    Outside,
    Oximetry,
    Pathway,
    Reminders,
    Role,
    Scoring,
    Since,
    Slots,
    Test,
    Trend,
    mistakes,
)
from domain.followup.questionnaire import Mistake, Questionnaire
from domain.places import Words

PATHWAYS = "pathways"
MOST_PATHWAYS = 100
TESTS = cast("tuple[Test, ...]", get_args(Test))
SPAN = re.compile(r"(\d{1,3})\s*-\s*(\d{1,3})", re.ASCII)
# Where msgspec and our reader of FHIR say a mistake is: … - at `$.item[0].linkId`
AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
STEP = re.compile(r"[^.\[\]]+")
WRITTEN: dict[str, str] = {}  # the domain's paths are those of these files

NO_WORDS = Words(fr="", en="")
NO_QUESTIONS = Questionnaire(url="", version="", title=NO_WORDS, items=())

T = TypeVar("T")


def is_there(directory: Path) -> bool:
    """Return whether a region's directory has pathways."""
    return (directory / PATHWAYS).is_dir()


def load(directory: Path) -> tuple[Pathway, ...]:
    """Return a region directory's pathways; raises DirectoryErrors with everything that is wrong in any of them."""
    findings = Findings()
    found = read(directory, findings)
    findings.settle()
    return found


def read(directory: Path, findings: Findings, schedules: Collection[str] | None = None) -> tuple[Pathway, ...]:
    """Return the pathways that could be read, by the names of their files; what is wrong is noted.

    `schedules` are those that the region's routing has: whoever is to be on call for patients must be on one of them.
    """
    paths = sorted((directory / PATHWAYS).glob("*.yaml"))
    if not paths:
        findings.add(PATHWAYS, 0, "has no pathway: <id>.yaml, and <id>.json, its FHIR Questionnaire")
    if len(paths) > MOST_PATHWAYS:
        findings.add(PATHWAYS, 0, f"at most {MOST_PATHWAYS} pathways")
    found = [_pathway(path, findings, schedules) for path in paths[:MOST_PATHWAYS]]
    known = {path.stem for path in paths}
    for path in sorted((directory / PATHWAYS).glob("*.json")):
        if path.stem not in known:
            findings.add(f"{PATHWAYS}/{path.name}", 0, f"belongs to no pathway: there is no {path.stem}.yaml")
    return tuple(each for each in found if each is not None)


def _pathway(path: Path, findings: Findings, schedules: Collection[str] | None) -> Pathway | None:
    file = f"{PATHWAYS}/{path.name}"
    before = len(findings.mistakes)
    asked = _questionnaire(path.with_suffix(".json"), findings)
    content = text(path, file, findings)
    node = None if content is None else tree(file, content, findings)
    if node is None:
        return None
    entry = Entry(node, "the pathway", findings)
    if not entry.readable:
        return None
    found = _read(entry, asked or NO_QUESTIONS)
    entry.finish()
    if found.id and found.id != path.stem:
        entry.refuse("id", f"id {shown(found.id)} must be the file's name, {shown(path.stem)}")
    # What could not be read was told already; the domain would tell it a second time, in other words.
    if len(findings.mistakes) == before:
        tell([*mistakes(found), *_mistakes_of_schedules(found, schedules)], node, findings, WRITTEN)
    return found


def _mistakes_of_schedules(found: Pathway, schedules: Collection[str] | None) -> Iterator[Mistake]:
    named = {f"outside.{colour}.on_call": outside.on_call for colour, outside in found.outside.items()}
    named["cluster.on_call"] = found.cluster.on_call if found.cluster is not None else ""
    for place, schedule in named.items():
        if schedules is not None and schedule and schedule not in schedules:
            there = ", ".join(schedules) or "none"
            yield place, f"the region's {ROUTING} has no schedule {shown(schedule)}; there is {there}"


def _read(entry: Entry, asked: Questionnaire) -> Pathway:
    return Pathway(
        id=slug(entry, "id"),
        version=entry.word("version"),
        title=both_languages(entry, "title"),
        questionnaire=asked,
        slots=_within(entry, "slots", _slots, Slots((), ())),
        reminders=_within(entry, "reminders", _reminders, Reminders(0, 0, 0)),
        limits=_within(entry, "limits", _limits, Limits(0, 0, 0)),
        scoring=_scoring(entry),
        no_answer=_within(entry, "no_answer", _no_answer, NoAnswer("orange")),
        told=_told(entry),
        answer_within_s=_by_colour(entry, "answer_within", lambda told, name: duration(told, name) or 0.0),
        staffed=_staffed(entry),
        outside=_by_colour(entry, "outside", _outside, needed=False),
        end=_within(entry, "end", _end, End("erase")),
        answered_by=cast(
            "Any", one_of(entry, "answered_by", ("patient", "staff")) if "answered_by" in entry.fields else "patient"
        ),
        first_call=_maybe(entry, "first_call", _first_call),
        cluster=_maybe(entry, "cluster", _cluster),
    )


# --- parts -----------------------------------------------------------------------------------------------------------


def _maybe(entry: Entry, name: str, reads: Callable[[Entry], T]) -> T | None:
    told = entry.entry(name, name, needed=False)
    if told is None:
        return None
    found = reads(told)
    told.finish()
    return found


def _within(entry: Entry, name: str, reads: Callable[[Entry], T], nothing: T) -> T:
    entry.take(name)
    found = _maybe(entry, name, reads)
    return nothing if found is None else found


def _slots(entry: Entry) -> Slots:
    days: list[int] = []
    for told in entry.words("days"):
        span = _span(told)
        if span is None:
            entry.refuse("days", f"{shown(told)} must be a day such as 10, or days such as 1-8")
        else:
            days += range(span[0], span[1] + 1)
    times = []
    for told in entry.words("times"):
        minute = minutes(told)
        if minute is None:
            entry.refuse("times", f"{shown(told)} must be a time of the day such as 09:00 (in quotes)")
        else:
            times.append(minute)
    return Slots(tuple(days), tuple(times))


def _span(told: str) -> tuple[int, int] | None:
    span = SPAN.fullmatch(told)
    day = count(told)
    return (int(span[1]), int(span[2])) if span else None if day is None or day > 999 else (day, day)


def _reminders(entry: Entry) -> Reminders:
    first, again, missed = (duration(entry, name, needed=True) or 0.0 for name in ("first", "again", "no_answer"))
    return Reminders(first, again, missed)


def _limits(entry: Entry) -> Limits:
    opens, closes = (duration(entry, name, needed=True, zero=True) or 0.0 for name in ("opens", "closes"))
    return Limits(opens, closes, _count(entry, "corrections"))


def _count(entry: Entry, name: str, default: int | None = None) -> int:
    told = entry.word(name, default=None if default is None else str(default))
    found = count(told)
    if found is None and told:
        entry.refuse(name, f"{name} {shown(told)} must be a whole number")
    return found or 0


def _no_answer(entry: Entry) -> NoAnswer:
    span = None
    if "risk_days" in entry.fields:
        told = entry.word("risk_days")
        span = _span(told)
        if span is None and told:
            entry.refuse("risk_days", f"{shown(told)} must be days such as 6-12")
    return NoAnswer(
        colour=_colour(entry, "colour"),
        risk_days=span,
        risk_colour=_colour(entry, "risk_colour") if "risk_colour" in entry.fields else "red",
        since=cast("Since", one_of(entry, "since", get_args(Since)) if "since" in entry.fields else "symptoms"),
    )


def _colour(entry: Entry, name: str) -> Colour:
    return cast("Colour", one_of(entry, name, COLOURS))


def _by_colour(entry: Entry, name: str, reads: Callable[[Entry, str], T], *, needed: bool = True) -> dict[Colour, T]:
    told = entry.entry(name, name, needed=needed)
    if told is None:
        return {}
    found = {colour: reads(told, colour) for colour in GRAVE if colour in told.fields}
    told.finish()
    return dict(found)


def _told(entry: Entry) -> dict[Colour, tuple[Role, ...]]:
    told = entry.entry("told", "told")
    if told is None:
        return {}
    found: dict[Colour, tuple[Role, ...]] = {}
    for colour in COLOURS[1:]:
        roles = _roles(told, colour)
        if roles:
            found[colour] = roles
    told.finish()
    return found


def _roles(entry: Entry, name: str) -> tuple[Role, ...]:
    roles = entry.words(name)
    for role in roles:
        if role not in ROLES:
            entry.refuse(name, f"{shown(role)} is none of {', '.join(ROLES)}")
    return tuple(cast("Role", role) for role in roles)


def _staffed(entry: Entry) -> tuple[Window, ...]:
    # What is left out is told by the domain, with the reason why it must be said.
    return tuple(window(each) for each in entry.entries("staffed", "an entry of staffed", needed=False))


def _outside(entry: Entry, name: str) -> Outside:
    told = entry.entry(name, name)
    if told is None:
        return Outside()
    schedule = slug(told, "on_call") if "on_call" in told.fields else ""
    found = Outside(on_call=schedule, call_15=told.flag("call_15"))
    told.finish()
    return found


def _end(entry: Entry) -> End:
    how = cast("Any", one_of(entry, "how", ("erase", "summary")))
    return End(how, _count(entry, "keep_days", 0), _count(entry, "tell_days", 0))


def _first_call(entry: Entry) -> FirstCall:
    return FirstCall(both_languages(entry, "script"), duration(entry, "late", needed=True) or 0.0)


def _cluster(entry: Entry) -> Cluster:
    schedule = slug(entry, "on_call") if "on_call" in entry.fields else ""
    return Cluster(_count(entry, "cases"), _count(entry, "days"), _roles(entry, "told"), schedule)


# --- what answers mean -----------------------------------------------------------------------------------------------


def _scoring(entry: Entry) -> Scoring:
    readings = cast("dict[Parameter, str]", _links(entry, "readings", PARAMETERS))
    score = entry.entry("score", "score")
    if score is None:
        return Scoring(readings=readings)
    found = Scoring(
        readings=readings,
        flags=tuple(_flag(each) for each in score.entries("flags", "a flag", needed=False)),
        trends=tuple(_trend(each) for each in score.entries("trends", "a trend", needed=False)),
        news2=_maybe(score, "news2", _levels),
        home_cov=_maybe(score, "home_cov", _home_cov),
        oximetry=_maybe(score, "oximetry", _oximetry),
        care=_care(score),
    )
    score.finish()
    return found


def _links(entry: Entry, name: str, allowed: tuple[str, ...]) -> dict[str, str]:
    """Return a map from some of a few words to linkIds."""
    told = entry.entry(name, name, needed=False)
    if told is None:
        return {}
    found = {key: told.word(key) for key in allowed if key in told.fields}
    told.finish()
    return {key: link for key, link in found.items() if link}


def _flag(entry: Entry) -> Flag:
    tests = [test for test in TESTS if test in entry.fields]
    if len(tests) != 1:
        entry.refuse("", f"a flag is exactly one of {', '.join(TESTS)}")
    test: Test = tests[0] if tests else "is"
    told = entry.word(test) if tests else ""
    value: bool | float | str = told
    if test in ("at_least", "at_most", "below"):
        value = _number(entry, test) or 0.0
    elif told in ("true", "false"):
        value = told == "true"
    found = Flag(
        id=slug(entry, "id"),
        item=entry.word("item"),
        test=test,
        value=value,
        colour=_colour(entry, "colour"),
        words=both_languages(entry, "words"),
        source=entry.word("source"),
        floor=_number(entry, "floor"),
        care=cast("Care", one_of(entry, "care", CARES)) if "care" in entry.fields else None,
    )
    entry.finish()
    return found


def _number(entry: Entry, name: str) -> float | None:
    node = entry.take(name, needed=False)
    if node is None:
        return None
    told = number(node.value.strip()) if isinstance(node.value, str) else None
    if told is None:
        entry.refuse(name, f"{name} must be a number")
    return told


def _trend(entry: Entry) -> Trend:
    found = Trend(
        id=slug(entry, "id"),
        item=entry.word("item"),
        worse=cast("Any", one_of(entry, "worse", ("lower", "higher"))),
        by=entry.number("by", 0.0),
        days=_count(entry, "days"),
        colour=_colour(entry, "colour"),
        words=both_languages(entry, "words"),
        source=entry.word("source"),
    )
    entry.finish()
    return found


def _levels(entry: Entry) -> Levels:
    return Levels(
        yellow=_count(entry, "yellow"),
        orange=_count(entry, "orange", LATEST_ORANGE),
        red=_count(entry, "red", LATEST_RED),
        single_3=_colour(entry, "single_3") if "single_3" in entry.fields else "orange",
    )


def _home_cov(entry: Entry) -> HomeCov:
    floors = entry.entry("floors", "floors", needed=False)
    found: dict[Criterion, float] = {}
    for criterion in CRITERIA if floors is not None else ():
        floor = None if floors is None else _number(floors, criterion)
        if floor is not None:
            found[criterion] = floor
    if floors is not None:
        floors.finish()
    return HomeCov(
        items=cast("dict[Criterion, str]", _links(entry, "items", CRITERIA)),
        colour=_colour(entry, "colour"),
        floors=found,
    )


def _oximetry(entry: Entry) -> Oximetry:
    return Oximetry(
        samu=_colour(entry, "samu") if "samu" in entry.fields else "red",
        borderline=_colour(entry, "borderline") if "borderline" in entry.fields else "yellow",
        after_effort=entry.word("after_effort", default="") if "after_effort" in entry.fields else "",
        floor=_number(entry, "floor"),
    )


def _care(entry: Entry) -> dict[Colour, Care]:
    told = entry.entry("care", "care", needed=False)
    if told is None:
        return {}
    found = {colour: cast("Care", one_of(told, colour, CARES)) for colour in COLOURS if colour in told.fields}
    told.finish()
    return found


# --- the FHIR Questionnaire ------------------------------------------------------------------------------------------


def _questionnaire(path: Path, findings: Findings) -> Questionnaire | None:
    file = f"{PATHWAYS}/{path.name}"
    content = text(path, file, findings, "the pathway's FHIR R4 Questionnaire")
    if content is None or json_document(file, content, findings) is None:
        return None
    # JSON is YAML too, and its reader knows lines; what it would say besides of JSON is nobody's mistake.
    aside = Findings()
    node = tree(file, content, aside)
    for mistake in aside.mistakes:
        if mistake.message.endswith("is given twice"):
            findings.add(*mistake)
    try:
        found = fhir.read_questionnaire(content.encode())
    except Unreadable as unreadable:
        reason = str(unreadable)
        at = AT.search(reason)
        findings.add(file, _line(node, at["path"] if at else ""), reason)
        return None
    lines = dict(_lines_of_links(node))
    for link, message in questionnaire.mistakes(found):
        findings.add(file, lines.get(link, 1), f"{shown(link)}: {message}" if link else message)
    return found


def _line(node: Node | None, path: str) -> int:
    """Return the line of a place such as `item[0].linkId`, or of the innermost place above it that is there."""
    for step in STEP.findall(path):
        if node is None:
            return 0
        if isinstance(node.value, dict) and step in node.value:
            node = node.value[step]
        elif isinstance(node.value, list) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
    return node.line if node is not None else 0


def _lines_of_links(node: Node | None) -> Iterator[tuple[str, int]]:
    if node is None or isinstance(node.value, str):
        return
    if isinstance(node.value, list):
        for each in node.value:
            yield from _lines_of_links(each)
        return
    link = node.value.get("linkId")
    if link is not None and isinstance(link.value, str):
        yield link.value, link.line
    yield from _lines_of_links(node.value.get("item"))
