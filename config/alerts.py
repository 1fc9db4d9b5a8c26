"""What a region's directory says of alerts: rules, routing, contacts, on-call; checked as a whole, at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast, get_args
from zoneinfo import ZoneInfo

from config import on_call
from config.reading import Entry, Findings, Node, Row, count, shown, table, text, tree
from config.region import SLUG, both_languages
from domain.alerts import measures
from domain.alerts.routing import (
    CHANNELS,
    Chain,
    ChainStep,
    Inhibition,
    Matchers,
    OnCall,
    People,
    Person,
    Route,
    Routing,
    Window,
    Zone,
    mistakes,
)
from domain.alerts.rule import SEVERITIES, Concern, Level, Rule, Ruleset, Severity
from domain.places import Region

RULES, ROUTING, CONTACTS, ON_CALL = "alert_rules.yaml", "routing.yaml", "contacts.csv", "on-call"
ADDRESSES = ("smtp", "sms", "mssante")
CONTACT_COLUMNS = (
    *("subject", "name", "team", "language"),
    *ADDRESSES,
    *(f"channels_{severity}" for severity in SEVERITIES),
    *("quiet", "invented"),
)
LANGUAGES = ("fr", "en")
LABELS = (
    *("rule", "concern", "severity", "level", "region", "departement", "facility", "ward", "bed_kind", "source"),
    *("shard", "channel"),
)
STEPS = ("wait", "person", "on_call", "cell", "loop")

SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,199}", re.ASCII)
DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(s|m|h|d)", re.ASCII)
SHARE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) ?%", re.ASCII)
CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
MAILBOX = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
TELEPHONE = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)
# Of these nobody can be reached: domains that RFC 2606 keeps free, and numbers that the ARCEP keeps for fiction.
NOBODYS_MAILBOX = re.compile(r".*[@.](invalid|example|example\.(com|net|org))", re.ASCII)
NOBODYS_TELEPHONE = re.compile(r"\+33(63998|19900|26191|35301|46571|53649)\d{4}", re.ASCII)
FORMS = {
    "smtp": (MAILBOX, NOBODYS_MAILBOX, "a mailbox such as name@example.org"),
    "mssante": (MAILBOX, NOBODYS_MAILBOX, "a mailbox such as name@example.org"),
    "sms": (TELEPHONE, NOBODYS_TELEPHONE, "a telephone such as +33639980000, without spaces"),
}
INVENTED = {
    "smtp": "take a domain that ends in .invalid",
    "mssante": "take a domain that ends in .invalid",
    "sms": "take +3363998xxxx",
}

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)}
MINUTES_OF_A_DAY = 24 * 60
YEARS_OF_ZONE = (-1, 11)  # whole years, so that publishing twice within one year publishes the same


class Alerting(NamedTuple):
    """All that a region's directory says of alerts; `calendars` are its on-call files by schedule, as they are."""

    rules: Ruleset
    routing: Routing
    people: People
    contacts: tuple[Mapping[str, str], ...]
    on_call: Mapping[str, OnCall]
    calendars: Mapping[str, bytes]


def is_there(directory: Path) -> bool:
    """Return whether a directory says anything of alerts."""
    return any((directory / name).exists() for name in (RULES, ROUTING, CONTACTS, ON_CALL))


def load(directory: Path, region: Region, at: int, people: People | None = None) -> Alerting:
    """Return what a region's directory says of alerts; raises DirectoryErrors with everything that is wrong in it.

    With `people`, routing and calendars are checked against these, and not those of the directory.
    """
    findings = Findings()
    found = read(directory, region, at, findings, people)
    findings.settle()
    return found


def load_rules(path: Path, region: Region) -> Ruleset:
    """Return the rules of one file; raises DirectoryErrors with everything that is wrong in it."""
    findings = Findings()
    found = _rules(path, region, findings)
    findings.settle()
    return found


def read(directory: Path, region: Region | None, at: int, findings: Findings, people: People | None = None) -> Alerting:
    """Return what could be read; what is wrong is noted. Without a region its places and kinds are not checked."""
    rules = _rules(directory / RULES, region, findings)
    rows = _contacts(directory / CONTACTS, findings)
    told = People({row["subject"]: _person(row, CONTACTS, findings) for row in rows})
    known = told if people is None else people
    routing = _routing(directory, region, known, at, findings)
    calendars = _calendars(directory, routing, findings)
    schedules = {}
    for name, content in calendars.items():
        file = f"{ON_CALL}/{name}.ics"
        zone = routing.zone.name
        shifts = on_call.shifts(file, content, known.people, zone, at, findings)
        schedules[name] = OnCall(shifts=shifts, read_at=at, source=file)
    return Alerting(rules, routing, told, tuple(row.cells for row in rows), schedules, calendars)


# --- values ----------------------------------------------------------------------------------------------------------


def seconds(cell: str) -> float | None:
    """Return the seconds of a duration such as `90s`, `15m`, `4h` or `2d`, None where the text is none."""
    found = DURATION.fullmatch(cell)
    return None if found is None else float(found[1]) * SECONDS[found[2]]


def share(cell: str) -> float | None:
    """Return the part of one that a percentage such as `90 %` is, None where the text is none."""
    found = SHARE.fullmatch(cell)
    return None if found is None else round(float(found[1]) / 100, 6)


class Unit(NamedTuple):
    """How a measure's thresholds are written: by which reader, and an example for who wrote it otherwise."""

    reads: Callable[[str], float | None]
    example: str


def _hours(cell: str) -> float | None:
    told = seconds(cell)
    return None if told is None else told / 3600


def _whole(cell: str) -> float | None:
    told = count(cell)
    return None if told is None else float(told)


UNITS: dict[measures.Unit, Unit] = {
    "ratio": Unit(share, "90 %"),
    "count": Unit(_whole, "5"),
    "hours": Unit(_hours, "24h"),
    "seconds": Unit(seconds, "15m"),
}


def duration(entry: Entry, name: str, *, needed: bool = False, zero: bool = False) -> float | None:
    """Return a field's duration in seconds, None where there is none or it is a mistake."""
    node = entry.take(name, needed=needed)
    if node is None:
        return None
    told = seconds(node.value.strip()) if isinstance(node.value, str) else None
    if told is None or (told <= 0 and not zero):
        entry.refuse(name, f"{name} must be a duration such as 90s, 15m or 4h")
        return None
    return told


def one_of(entry: Entry, name: str, allowed: tuple[str, ...]) -> str:
    """Return a field that is one of a few words."""
    told = entry.word(name)
    if told and told not in allowed:
        entry.refuse(name, f"{name} {shown(told)} is none of {', '.join(allowed)}")
    # One of them either way: what follows from a mistake would only be told beside it.
    return told if told in allowed else allowed[0]


def slug(entry: Entry, name: str) -> str:
    """Return a field that names something."""
    told = entry.word(name)
    if told and not SLUG.fullmatch(told):
        entry.refuse(name, f"{name} {shown(told)} must be lower-case words joined by hyphens")
    return told


def _list(entry: Entry, name: str) -> tuple[str, ...]:
    """Return a field's texts: a list of them, or one alone."""
    node = entry.fields.get(name)
    return (entry.word(name),) if node is not None and isinstance(node.value, str) else entry.words(name)


# How the domain calls what these files call otherwise.
WRITTEN = {
    "hold_s": "for",
    "taken_s": "taken_for",
    "wait_s": "wait",
    "goes_on": "continue",
    "group_wait_s": "group_wait",
    "group_interval_s": "group_interval",
    "repeat_interval_s": "repeat_interval",
    "start": "from",
    "end": "to",
}
PART = re.compile(r"[^.\[\]]+")


def tell(
    found: Iterable[tuple[str, str]], root: Node, findings: Findings, written: Mapping[str, str] = WRITTEN
) -> None:
    """Note what the domain finds wrong at a path such as `rules[0].levels[1].above`, at its line and in our words."""
    for path, message in found:
        node, words = root, []
        for part in PART.findall(path):
            name = written.get(part, part)
            if isinstance(node.value, dict) and name in node.value:
                node = node.value[name]
            elif isinstance(node.value, list) and part.isdigit() and int(part) < len(node.value):
                node = node.value[int(part)]
            if not part.isdigit():
                words.append(name)
        findings.add(root.file, node.line, ": ".join([*words[-1:], message]))


# --- alert_rules.yaml ------------------------------------------------------------------------------------------------


def _rules(path: Path, region: Region | None, findings: Findings) -> Ruleset:
    content = text(path, path.name, findings)
    node = None if content is None else tree(path.name, content, findings)
    if node is None:
        return Ruleset(rules=())
    before = len(findings.mistakes)
    entry = Entry(node, "the rules", findings)
    found = Ruleset(rules=tuple(_rule(each, region) for each in entry.entries("rules", "a rule")))
    entry.finish()
    # What could not be read was told already; the domain would tell it a second time, in other words.
    if len(findings.mistakes) == before:
        tell(measures.check(found), node, findings)
    return found


def _rule(entry: Entry, region: Region | None) -> Rule:
    measure = entry.word("on")
    if measure and measure not in measures.MEASURES:
        entry.refuse("on", f"on {shown(measure)} is none of {', '.join(measures.MEASURES)}")
    taken_s = duration(entry, "taken_for")
    rule = Rule(
        id=slug(entry, "id"),
        concern=cast("Concern", one_of(entry, "concern", get_args(Concern))),
        on=measure,
        at=entry.word("at"),
        levels=tuple(_level(each, measure) for each in entry.entries("levels", "a level")),
        title=both_languages(entry, "title"),
        text=both_languages(entry, "text"),
        todo=both_languages(entry, "todo"),
        link=entry.word("link", default=""),
        hold_s=duration(entry, "for", zero=True) or 0.0,
        bed_kinds=entry.words("bed_kinds"),
        places=entry.words("places"),
        **({} if taken_s is None else {"taken_s": taken_s}),
    )
    entry.finish()
    if region is not None:
        _check_places(entry, rule, region)
    return rule


def _level(entry: Entry, measure: str) -> Level:
    level = Level(
        severity=cast("Severity", one_of(entry, "severity", SEVERITIES)),
        **{name: _quantity(entry, name, measure) for name in ("above", "below", "clear_below", "clear_above")},
    )
    entry.finish()
    return level


def _quantity(entry: Entry, name: str, measure: str) -> float | None:
    """Return a threshold in the measure's own unit; it must be written in that unit, so that 90 is never 9,000 %."""
    node = entry.take(name, needed=False)
    if node is None:
        return None
    told = node.value.strip() if isinstance(node.value, str) else ""
    if measure not in measures.MEASURES:  # which was told
        return None
    unit = UNITS[measures.MEASURES[measure].unit]
    value = unit.reads(told)
    if value is None:
        entry.refuse(name, f"{name} {shown(told)} of {measure} must be written like {unit.example}")
    return value


def _check_places(entry: Entry, rule: Rule, region: Region) -> None:
    for code in rule.bed_kinds:
        if code not in region.kind_of:
            entry.refuse("bed_kinds", f"bed kind {shown(code)} is not in bed_kinds.yaml")
    departements = {departement.code for departement in region.departements}
    for place in rule.places:
        if place not in departements and place not in region.facility_of and place not in region.ward_of:
            entry.refuse("places", f"place {shown(place)} is no département, facility or ward of the region")


# --- routing.yaml ----------------------------------------------------------------------------------------------------


def _routing(directory: Path, region: Region | None, people: People, at: int, findings: Findings) -> Routing:
    time_zone = region.time_zone if region else "Europe/Paris"
    nothing = Routing(route=Route(id=""), chains=(), zone=zone(time_zone, at))
    content = text(directory / ROUTING, ROUTING, findings)
    node = None if content is None else tree(ROUTING, content, findings)
    if node is None:
        return nothing
    before = len(findings.mistakes)
    entry = Entry(node, "the routing", findings)
    root = entry.entry("route", "the route")
    routing = Routing(
        route=nothing.route if root is None else _route(root),
        chains=tuple(_chain(each) for each in entry.entries("chains", "a chain")),
        zone=nothing.zone,
        inhibitions=tuple(_inhibition(each) for each in entry.entries("inhibitions", "an inhibition", needed=False)),
        schedules=entry.words("schedules"),
    )
    entry.finish()
    for name in routing.schedules:
        if not SLUG.fullmatch(name):
            entry.refuse("schedules", f"schedule {shown(name)} must be lower-case words joined by hyphens")
    if len(findings.mistakes) == before:
        tell(mistakes(routing, people), node, findings)
    return routing


def _route(entry: Entry) -> Route:
    route = Route(
        id=slug(entry, "id"),
        match=_matchers(entry, "match", needed=False),
        hours=tuple(window(each) for each in entry.entries("hours", "an entry of hours", needed=False)),
        goes_on=entry.flag("continue"),
        group_by=_list(entry, "group_by") if "group_by" in entry.fields else None,
        group_wait_s=duration(entry, "group_wait", zero=True),
        group_interval_s=duration(entry, "group_interval"),
        repeat_interval_s=duration(entry, "repeat_interval"),
        chain=entry.word("chain") if "chain" in entry.fields else None,
        webhooks=_list(entry, "webhooks") if "webhooks" in entry.fields else None,
        routes=tuple(_route(each) for each in entry.entries("routes", "a route", needed=False)),
    )
    _check_labels(entry, "group_by", route.group_by or ())
    entry.finish()
    return route


def _matchers(entry: Entry, name: str, *, needed: bool = True) -> Matchers:
    told = entry.entry(name, name, needed=needed)
    if told is None:
        return {}
    found = {}
    for label in told.fields:
        found[label] = _list(told, label)
        # The domain takes any: what has no such label is never matched, in silence.
        _check_labels(told, label, (label,))
    told.finish()
    return found


def _check_labels(entry: Entry, name: str, labels: tuple[str, ...]) -> None:
    for label in labels:
        if label not in LABELS:
            entry.refuse(name, f"{shown(label)} is no label of an alert; there is {', '.join(LABELS)}")


def window(entry: Entry) -> Window:
    """Return a part of local days: `from` and `to`, and the `days` on which it begins."""
    days = _list(entry, "days")
    for day in days:
        if day not in DAYS:
            entry.refuse("days", f"{shown(day)} is none of {', '.join(DAYS)}")
    window = Window(
        start=_minutes(entry, "from"),
        end=_minutes(entry, "to"),
        days=tuple(sorted({DAYS[day] for day in days if day in DAYS})),
    )
    entry.finish()
    return window


def _minutes(entry: Entry, name: str) -> int:
    told = entry.word(name)
    found = minutes(told)
    if found is None and told:
        entry.refuse(name, f"{name} {shown(told)} must be a time of the day such as 22:00 (in quotes)")
    return found or 0


def minutes(cell: str) -> int | None:
    """Return the minute of the day of a time such as `22:00`, None where the text is none; 24:00 is its end."""
    found = CLOCK.fullmatch(cell)
    told = None if found is None else 60 * int(found[1]) + int(found[2])
    return told if told is not None and told <= MINUTES_OF_A_DAY else None


def _chain(entry: Entry) -> Chain:
    chain = Chain(id=slug(entry, "id"), steps=tuple(_step(each) for each in entry.entries("steps", "a step")))
    entry.finish()
    return chain


def _step(entry: Entry) -> ChainStep:
    if len([sort for sort in STEPS if sort in entry.fields]) != 1:
        entry.refuse("", f"a step is exactly one of {', '.join(STEPS)}")
    times = count(entry.word("loop")) if "loop" in entry.fields else None
    if "loop" in entry.fields and times is None:
        entry.refuse("loop", "loop must be how many times the chain begins again")
    step = ChainStep(
        wait_s=duration(entry, "wait"),
        loop=times,
        **{sort: entry.word(sort) for sort in ("person", "on_call", "cell") if sort in entry.fields},
    )
    entry.finish()
    return step


def _inhibition(entry: Entry) -> Inhibition:
    found = Inhibition(
        source=_matchers(entry, "source"), target=_matchers(entry, "target"), equal=_list(entry, "equal")
    )
    _check_labels(entry, "equal", found.equal)
    entry.finish()
    return found


def zone(name: str, at: int) -> Zone:
    """Return a time zone's offsets from UTC, from the last year's beginning until ten years after this one's end."""
    year = datetime.fromtimestamp(at / 1000, UTC).year
    there = ZoneInfo(name)
    begin, end = (int(datetime(year + years, 1, 1, tzinfo=UTC).timestamp()) for years in YEARS_OF_ZONE)
    offsets = [(begin * 1000, _offset(there, begin))]
    for day in range(begin, end, 86_400):
        before, after = _offset(there, day), _offset(there, day + 86_400)
        if before != after:
            low, high = day, day + 86_400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(there, middle) == before else (low, middle)
            offsets.append((high * 1000, after))
    return Zone(name=name, offsets=tuple(offsets))


def _offset(there: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, there).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


# --- contacts.csv ----------------------------------------------------------------------------------------------------


def contacts(path: Path) -> tuple[tuple[Mapping[str, str], ...], People]:
    """Return the rows of a file of contacts, and the people that they are; raises DirectoryErrors with all mistakes."""
    findings = Findings()
    rows = _contacts(path, findings)
    people = People({row["subject"]: _person(row, path.name, findings) for row in rows})
    findings.settle()
    return tuple(row.cells for row in rows), people


def _contacts(path: Path, findings: Findings) -> list[Row]:
    content = text(path, path.name, findings)
    rows: dict[str, Row] = {}
    for row in [] if content is None else table(path.name, content, CONTACT_COLUMNS, findings):
        subject = row["subject"]
        if subject in rows:
            findings.add(path.name, row.line, f"{shown(subject)} is on line {rows[subject].line} already")
            continue
        rows[subject] = row
        if not SUBJECT.fullmatch(subject):
            findings.add(
                path.name, row.line, f"subject {shown(subject)} may hold letters, digits and . _ @ : + - alone"
            )
        if not row["name"]:
            findings.add(path.name, row.line, "name is blank")
        if row["language"] not in LANGUAGES:
            findings.add(path.name, row.line, f"language {shown(row['language'])} must be fr or en")
        if row["invented"] not in ("yes", "no"):
            findings.add(path.name, row.line, "invented must be yes or no")
        _check_addresses(path.name, row, findings)
    return list(rows.values())


def _check_addresses(file: str, row: Row, findings: Findings) -> None:
    # No message holds the address itself: what goes wrong is printed, and printed things are kept.
    for column in ADDRESSES:
        form, nobodys, words = FORMS[column]
        addresses = row[column].split()
        if not all(map(form.fullmatch, addresses)):
            findings.add(file, row.line, f"{column} must be {words}; several with a space between")
        elif row["invented"] == "yes" and not all(map(nobodys.fullmatch, addresses)):
            findings.add(file, row.line, f"{column} of somebody invented might be somebody's: {INVENTED[column]}")


def _person(row: Row, file: str, findings: Findings) -> Person:
    channels: dict[Severity, tuple[str, ...]] = {}
    for severity in SEVERITIES:
        names = tuple(row[f"channels_{severity}"].split())
        if names:
            channels[severity] = names
        for name in names:
            if name not in CHANNELS:
                findings.add(file, row.line, f"channel {shown(name)} is none of {', '.join(CHANNELS)}")
            elif name in ADDRESSES and not row[name]:
                findings.add(file, row.line, f"channels_{severity} names {name}, and {name} is blank")
        if len(set(names)) < len(names):
            findings.add(file, row.line, f"channels_{severity} names a channel twice")
    if row["team"] and not SLUG.fullmatch(row["team"]):
        findings.add(file, row.line, f"team {shown(row['team'])} must be lower-case words joined by hyphens")
    return Person(channels=channels, team=row["team"], quiet=_quiet(row, file, findings))


def _quiet(row: Row, file: str, findings: Findings) -> Window | None:
    if not row["quiet"]:
        return None
    start, _, end = row["quiet"].partition("-")
    begins, ends = minutes(start.strip()), minutes(end.strip())
    if begins is None or ends is None or begins == ends:
        findings.add(file, row.line, f"quiet {shown(row['quiet'])} must be hours such as 22:00-07:00")
        return None
    return Window(start=begins, end=ends)


# --- on-call/*.ics ---------------------------------------------------------------------------------------------------


def _calendars(directory: Path, routing: Routing, findings: Findings) -> dict[str, bytes]:
    found = {}
    for path in sorted((directory / ON_CALL).glob("*.ics")):
        file = f"{ON_CALL}/{path.name}"
        content = text(path, file, findings)
        if path.stem not in routing.schedules and routing.route.id:
            findings.add(file, 0, f"{ROUTING} has no schedule {shown(path.stem)}")
        if content is not None:
            found[path.stem] = content.encode()
    return found
