"""On-call calendars: who is on call when, in the region's own time, and what can't be read, by its line."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.on_call import MOST_BYTES, MOST_EVENTS, read, shifts
from config.reading import Findings

ZONE = "Europe/Paris"
PEOPLE = ("alice", "bob", "carol@astreinte")
AT = int(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp() * 1000)  # the day before summer time ends

DAILY = """\
DTSTART;TZID=Europe/Paris:20260105T080000
DTEND;TZID=Europe/Paris:20260105T200000
RRULE:FREQ=DAILY
SUMMARY:alice"""


def calendar(*events: str) -> bytes:
    """Return a calendar of these events; the first begins on line 4."""
    told = "\n".join(f"BEGIN:VEVENT\nUID:{place}\n{event}\nEND:VEVENT" for place, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//invented//FR\n{told}\nEND:VCALENDAR\n".encode()


def told(content: bytes) -> list[tuple[str, str, str]]:
    """Return the shifts of a calendar that has nothing wrong: person, begin and end in UTC."""
    findings = Findings()
    found = shifts("x.ics", content, PEOPLE, ZONE, AT, findings)
    assert findings.mistakes == []
    return [(shift.person, _utc(shift.since), _utc(shift.until)) for shift in found]


def wrong(content: bytes) -> list[str]:
    """Return what is wrong with a calendar, having made sure that nothing is taken from it."""
    findings = Findings()
    assert shifts("x.ics", content, PEOPLE, ZONE, AT, findings) == ()
    return [str(mistake) for mistake in findings.mistakes]


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%d %H:%M")


# --- what can't be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"", "x.ics: not iCalendar"),
        (b"\n\xff\xfe", "x.ics:2: not UTF-8"),
        (b"hello", "x.ics:1: not iCalendar"),
        (b"BEGIN:VCALENDAR\nVERSION:2.0\nwhat\nEND:VCALENDAR", "x.ics:3: not iCalendar"),
        (b"BEGIN:VEVENT\nEND:VEVENT", "x.ics:1: not iCalendar: no VCALENDAR"),
        (calendar(), "x.ics: no event (VEVENT)"),
        (calendar(DAILY)[: -len("END:VCALENDAR\n")], "x.ics: not iCalendar"),
        (calendar("SUMMARY:alice"), "x.ics:4: the event has no DTSTART"),
        (calendar(DAILY.replace("20260105T080000", "soon")), "x.ics:4: DTSTART can't be read"),
        (calendar(DAILY.replace("FREQ=DAILY", "FREQ=DAILY;BYDAY=ZZ")), "x.ics:4: RRULE can't be read"),
        (calendar(DAILY.replace("DAILY", "SECONDLY")), "x.ics:4: the event recurs by less than days"),
        (calendar(DAILY.replace("DAILY", "DAILY;BYHOUR=1,2,3")), "x.ics:4: the event recurs several times a day"),
        (calendar(DAILY.replace("Europe/Paris", "Mars/Phobos")), "x.ics:4: the event is in a time zone"),
        (calendar(DAILY.replace("20260105T200000", "20260105T070000")), "x.ics:4: the event ends before it begins"),
        (calendar(DAILY.replace("2026", "1801")), "x.ics:4: the event begins in 1801; none before 2000 is read"),
        (calendar("DTSTART:20261024T080000\nSUMMARY:bob"), "x.ics:4: the event has neither DTEND nor DURATION"),
        (calendar("DTSTART:20261024T080000\nDTEND;VALUE=DATE:20261025\nSUMMARY:bob"), "x.ics:4: of DTSTART and DTEND"),
        (calendar(DAILY, DAILY.replace("alice", "Zoé")), "x.ics:11: the event names nobody of the contacts"),
        (calendar(*[DAILY] * 101), "x.ics: 101 events that recur; 100 at most are read"),
        (calendar(*["DTSTART;VALUE=DATE:20261024\nSUMMARY:bob"] * (MOST_EVENTS + 1)), "x.ics: 1001 events"),
        (b"X" * (MOST_BYTES + 1), "x.ics: larger than 1024 KiB"),
    ],
)
def test_a_mistake_has_its_line_and_nothing_is_taken_from_the_file(content: bytes, mistake: str) -> None:
    found = wrong(content)
    assert len(found) == 1
    assert found[0].startswith(mistake)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(wrong(calendar(DAILY.replace("alice", "x"), DAILY.replace("DAILY", "HOURLY"), DAILY))) == 2


def test_no_message_holds_a_word_of_the_calendar() -> None:
    """One that is fetched from elsewhere may name patients, and what is wrong with it is shown and logged."""
    content = calendar(DAILY.replace("alice", "M. Durand, chambre 12"), DAILY.replace("20260105T080000", "Durand"))
    assert not any("Durand" in mistake for mistake in wrong(content))
    assert "Durand" not in read(content, PEOPLE, ZONE, AT)[1]
    assert "Durand" not in "".join(wrong(b"BEGIN:VCALENDAR\nDurand\nEND:VCALENDAR"))


def test_a_reading_says_its_first_mistakes_in_one_line() -> None:
    found, trouble = read(calendar(*[DAILY.replace("alice", "x")] * 5), PEOPLE, ZONE, AT)
    assert found == ()
    assert trouble.startswith("line 4: the event names nobody of the contacts")
    assert trouble.endswith("; and 2 more")
    assert read(calendar(DAILY), PEOPLE, ZONE, AT)[1] == ""


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: calendar(t)) | st.tuples(
    st.integers(0, 300), st.integers(1, 40), st.binary(max_size=20)
).map(lambda cut: calendar(DAILY)[: cut[0]] + cut[2] + calendar(DAILY)[cut[0] + cut[1] :]))  # fmt: skip
def test_whatever_a_file_holds_it_is_read_or_its_mistakes_are_told(content: bytes) -> None:
    findings = Findings()
    found = shifts("x.ics", content, PEOPLE, ZONE, AT, findings)
    assert not (found and findings.mistakes)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_shift_is_told_in_utc_across_the_end_of_summer_time() -> None:
    assert told(calendar(DAILY))[:3] == [
        ("alice", "10-23 06:00", "10-23 18:00"),
        ("alice", "10-24 06:00", "10-24 18:00"),
        ("alice", "10-25 07:00", "10-25 19:00"),
    ]


def test_it_is_read_for_ninety_days_ahead() -> None:
    assert len(told(calendar(DAILY))) == 92
    assert told(calendar(DAILY.replace("DAILY", "DAILY;UNTIL=20260301T000000Z"))) == []


def test_a_day_or_an_instant_without_a_zone_is_one_of_the_region() -> None:
    assert told(calendar("DTSTART;VALUE=DATE:20261025\nSUMMARY:bob")) == [("bob", "10-24 22:00", "10-25 23:00")]
    assert told(calendar("DTSTART:20261026T080000\nDURATION:PT4H\nSUMMARY:bob")) == [
        ("bob", "10-26 07:00", "10-26 11:00")
    ]


@pytest.mark.parametrize(
    ("names", "person"),
    [
        ("SUMMARY:Bob", "bob"),
        ("SUMMARY:Astreinte\nATTENDEE;CN=Bob B.:mailto:bob@example.invalid", "bob"),
        ("SUMMARY:Astreinte\nATTENDEE:mailto:carol@astreinte", "carol@astreinte"),
        ("SUMMARY:alice\nATTENDEE:mailto:room-3@example.invalid\nATTENDEE:MAILTO:BOB@example.invalid", "bob"),
    ],
)
def test_an_event_names_its_person_by_attendee_before_summary(names: str, person: str) -> None:
    found = told(calendar(f"DTSTART;VALUE=DATE:20261025\n{names}"))
    assert [shift[0] for shift in found] == [person]


def test_of_two_that_overlap_the_one_that_began_last_stands_so_a_swap_is_entered_over_the_rule() -> None:
    swap = "DTSTART:20261024T120000Z\nDTEND:20261024T140000Z\nSUMMARY:bob"
    assert told(calendar(swap, DAILY))[1:4] == [
        ("alice", "10-24 06:00", "10-24 12:00"),
        ("bob", "10-24 12:00", "10-24 14:00"),
        ("alice", "10-24 14:00", "10-24 18:00"),
    ]


def test_a_moved_turn_replaces_its_own_and_a_cancelled_one_is_nobodys() -> None:
    moved = (
        "RECURRENCE-ID;TZID=Europe/Paris:20261024T080000\n"
        "DTSTART;TZID=Europe/Paris:20261024T100000\nDTEND;TZID=Europe/Paris:20261024T110000\nSUMMARY:bob"
    )
    content = calendar(DAILY, moved).replace(b"UID:1", b"UID:0")
    assert told(content)[1] == ("bob", "10-24 08:00", "10-24 09:00")
    cancelled = calendar("DTSTART;VALUE=DATE:20261025\nSTATUS:CANCELLED\nSUMMARY:whoever")
    assert told(cancelled) == []


def test_shifts_of_one_person_that_meet_are_one() -> None:
    days = [f"DTSTART;VALUE=DATE:202610{day}\nSUMMARY:bob" for day in (25, 26)]
    assert told(calendar(*days)) == [("bob", "10-24 22:00", "10-26 23:00")]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60), st.sampled_from(PEOPLE[:2])), min_size=1, max_size=12)
)
def test_shifts_never_overlap_and_cover_just_what_the_events_cover(turns: list[tuple[int, int, str]]) -> None:
    begin = int(datetime(2026, 10, 26, tzinfo=UTC).timestamp())

    def at(hour: int) -> str:
        return datetime.fromtimestamp(begin + 3600 * hour, UTC).strftime("%Y%m%dT%H%M%SZ")

    content = calendar(
        *(f"DTSTART:{at(since)}\nDTEND:{at(since + hours)}\nSUMMARY:{who}" for since, hours, who in turns)
    )
    found = shifts("x.ics", content, PEOPLE, ZONE, AT, Findings())
    assert all(one.until <= next_.since for one, next_ in pairwise(found))
    covered = {hour for since, hours, _ in turns for hour in range(since, since + hours)}
    told_hours = {
        hour
        for shift in found
        for hour in range((shift.since // 1000 - begin) // 3600, (shift.until // 1000 - begin) // 3600)
    }
    assert told_hours == covered
