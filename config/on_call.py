"""On-call schedules from iCalendar files: who is on call when, and by line what can't be read in them."""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar

from config.reading import Findings
from domain.alerts.routing import Shift

AHEAD = timedelta(days=90)  # what a schedule is read for; the worker reads it again long before that is over
BEHIND = timedelta(days=1)
MOST_BYTES = 1024 * 1024
MOST_EVENTS = 1000
MOST_RECURRING = 100
MOST_SHIFTS = 1000
MOST_TOLD = 3  # mistakes that `read` names
OLDEST = 2000  # the year before which no event begins: a daily one is counted from its beginning
# Finer ones would be counted for ever.
FREQUENCIES = frozenset(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
FINER_THAN_DAYS = ("BYHOUR", "BYMINUTE", "BYSECOND")  # with several values a day would hold thousands


class Turn(NamedTuple):
    """One event of a calendar, as it falls on one day."""

    since: int
    until: int
    person: str


def shifts(
    file: str, content: bytes, people: Collection[str], time_zone: str, at: int, findings: Findings
) -> tuple[Shift, ...]:
    """Return who is on call from a day before `at` (ms) until 90 days after, without overlaps; mistakes are noted.

    An event names its person by an attendee (the address, or what stands before its @) or by its summary, as one of
    `people`. Where two events overlap the one that begins later stands: so a swap is entered over the rule.
    """
    if len(content) > MOST_BYTES:
        findings.add(file, 0, f"larger than {MOST_BYTES // 1024} KiB")
        return ()
    before = len(findings.mistakes)
    calendar = _calendar(file, content, findings)
    lines = _lines_of_events(content)
    events = [] if calendar is None else list(calendar.walk("VEVENT"))
    if calendar is not None and not events:
        findings.add(file, 0, "no event (VEVENT)")
    if len(events) > MOST_EVENTS:
        findings.add(file, 0, f"{len(events)} events; {MOST_EVENTS} at most are read")
        return ()
    recurring = sum(1 for event in events if "RRULE" in event)
    if recurring > MOST_RECURRING:
        findings.add(file, 0, f"{recurring} events that recur; {MOST_RECURRING} at most are read")
        return ()
    known = {subject.casefold(): subject for subject in people}
    for place, event in enumerate(events):
        line = lines[place] if place < len(lines) else 0
        if event.errors:
            findings.add(file, line, f"{', '.join(sorted({str(name) for name, _ in event.errors}))} can't be read")
            continue
        _check(file, line, event, known, findings)
    if calendar is None or len(findings.mistakes) > before:
        return ()
    try:
        turns = list(_turns(calendar, known, ZoneInfo(time_zone), at))
    except Exception as error:  # noqa: BLE001 - whatever a foreign reader raises on a bad calendar is the file's mistake
        findings.add(file, 0, f"can't be read as a schedule ({type(error).__name__})")
        return ()
    if len(turns) > MOST_SHIFTS:
        findings.add(file, 0, f"{len(turns)} shifts in {AHEAD.days} days; {MOST_SHIFTS} at most are read")
        return ()
    return tuple(_apart(turns))


def _calendar(file: str, content: bytes, findings: Findings) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.add(file, content.count(b"\n", 0, error.start) + 1, "not UTF-8")
        return None
    try:
        found = Calendar.from_ical(text)
    except Exception as error:  # noqa: BLE001 - whatever a foreign parser raises on bad bytes is the file's mistake
        findings.add(file, _line_in(text, error), "not iCalendar")
        return None
    if found.name != "VCALENDAR":
        findings.add(file, 1, "not iCalendar: no VCALENDAR")
        return None
    return found


def _line_in(text: str, error: Exception) -> int:
    """Return the line that a parser's error quotes, 0 where it quotes none."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and repr(line.strip()) in str(error):
            return number
    return 0


def _lines_of_events(content: bytes) -> list[int]:
    return [number for number, line in enumerate(content.split(b"\n"), 1) if line.strip().upper() == b"BEGIN:VEVENT"]


def _check(file: str, line: int, event: Any, known: dict[str, str], findings: Findings) -> None:
    start = getattr(event.get("DTSTART"), "dt", None)
    end = getattr(event.get("DTEND"), "dt", None)
    zoned = (event.get(name) for name in ("DTSTART", "DTEND"))
    if any(each is not None and "TZID" in each.params and getattr(each.dt, "tzinfo", None) is None for each in zoned):
        findings.add(file, line, "the event is in a time zone that is not known")
    if not isinstance(start, date):
        findings.add(file, line, "the event has no DTSTART")
    elif start.year < OLDEST:
        findings.add(file, line, f"the event begins in {start.year}; none before {OLDEST} is read")
    elif isinstance(end, date):
        if isinstance(end, datetime) != isinstance(start, datetime):
            findings.add(file, line, "of DTSTART and DTEND one is a day and the other an instant")
        elif isinstance(end, datetime) and isinstance(start, datetime):
            if (end.tzinfo is None) == (start.tzinfo is None) and end <= start:
                findings.add(file, line, "the event ends before it begins")
        elif end <= start:
            findings.add(file, line, "the event ends before it begins")
    elif not any(name in event for name in ("DTEND", "DURATION")) and isinstance(start, datetime):
        findings.add(file, line, "the event has neither DTEND nor DURATION")
    _check_recurrence(file, line, event, findings)
    if not _is_cancelled(event) and _person(event, known) is None:
        # In no message a word of the calendar: one that was fetched from elsewhere may hold names, and goes on the log.
        findings.add(file, line, "the event names nobody of the contacts, neither by attendee nor by summary")


def _check_recurrence(file: str, line: int, event: Any, findings: Findings) -> None:
    rules = event.get("RRULE")
    for rule in rules if isinstance(rules, list) else [rules] if rules is not None else []:
        if not {str(each).upper() for each in _values(rule, "FREQ")} <= FREQUENCIES:
            findings.add(file, line, "the event recurs by less than days")
        if any(len(_values(rule, name)) > 1 for name in FINER_THAN_DAYS):
            findings.add(file, line, "the event recurs several times a day")


def _values(rule: Any, name: str) -> list[Any]:
    found = rule.get(name) if hasattr(rule, "get") else None
    return found if isinstance(found, list) else [] if found is None else [found]


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _person(event: Any, known: dict[str, str]) -> str | None:
    attendees = event.get("ATTENDEE")
    for attendee in attendees if isinstance(attendees, list) else [attendees] if attendees is not None else []:
        address = str(attendee)
        address = address[len("mailto:") :] if address.casefold().startswith("mailto:") else address
        for name in (address, address.partition("@")[0]):
            if name.strip().casefold() in known:
                return known[name.strip().casefold()]
    return known.get(str(event.get("SUMMARY", "")).strip().casefold())


def _turns(calendar: Any, known: dict[str, str], zone: tzinfo, at: int) -> Iterator[Turn]:
    now = datetime.fromtimestamp(at / 1000, UTC)
    # In the region's own time, so that a day without a zone is a day there.
    first, last = (now - BEHIND).astimezone(zone), (now + AHEAD).astimezone(zone)
    for event in recurring_ical_events.of(calendar).between(first, last):
        person = _person(event, known)
        if person is not None and not _is_cancelled(event):
            since, until = _instant(event.start, zone), _instant(event.end, zone)
            if until > since:
                yield Turn(since, until, person)


def _instant(told: date, zone: tzinfo) -> int:
    """Return a day's beginning, or an instant (without a zone: in the region's time), in milliseconds."""
    when = told if isinstance(told, datetime) else datetime(told.year, told.month, told.day)  # noqa: DTZ001 - next
    when = when if when.tzinfo is not None else when.replace(tzinfo=zone)
    return round(when.timestamp() * 1000)


def _apart(turns: list[Turn]) -> Iterator[Shift]:
    """Yield shifts that follow one another: of those that overlap the one that began last, then the shorter."""
    edges = sorted({edge for turn in turns for edge in (turn.since, turn.until)})
    open_: Shift | None = None
    for since, until in pairwise(edges):
        standing = [turn for turn in turns if turn.since <= since < turn.until]
        if not standing:
            continue
        person = max(standing, key=lambda turn: (turn.since, -turn.until, turn.person)).person
        if open_ is not None and open_.person == person and open_.until == since:
            open_ = Shift(person, open_.since, until)
            continue
        if open_ is not None:
            yield open_
        open_ = Shift(person, since, until)
    if open_ is not None:
        yield open_


def read(content: bytes, people: Collection[str], time_zone: str, at: int) -> tuple[tuple[Shift, ...], str]:
    """Return the shifts of a calendar, and "" or why it can't be read, in words that hold nothing of its content."""
    findings = Findings()
    found = shifts("", content, people, time_zone, at, findings)
    told = [
        f"line {mistake.line}: {mistake.message}" if mistake.line else mistake.message for mistake in findings.mistakes
    ]
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return found, "; ".join(told[:MOST_TOLD]) + more
