"""What a region's directory says of alerts is checked as a whole, and a mistake says where it is."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import region as directories
from config.alerts import (
    CONTACTS,
    LABELS,
    ON_CALL,
    ROUTING,
    RULES,
    Alerting,
    contacts,
    is_there,
    load,
    load_rules,
    minutes,
    read,
    seconds,
    share,
    zone,
)
from config.reading import DirectoryErrors, Findings
from domain.alerts.measures import MEASURES
from domain.alerts.routing import Chain, ChainStep, Inhibition, People, Person, Route, Routing, Window
from domain.alerts.rule import Level, Rule, Ruleset
from domain.places import Words
from tests.small_region import region

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
AT = int(datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp() * 1000)
CALENDAR = f"{ON_CALL}/cell.ics"

SMALL = {
    RULES: """\
rules:
  - id: rea-full
    concern: beds
    on: occupancy
    at: departement
    bed_kinds: [rea-adulte]
    places: ["31"]
    for: 15m
    levels:
      - {severity: warning, above: 90 %, clear_below: 85 %}
      - {severity: critical, above: 97.5 %}
    title: {fr: "Réanimation à {value}", en: "Intensive care at {value}"}
    text: {fr: a, en: b}
    todo: {fr: c, en: d}
    link: /?kind=rea-adulte
    taken_for: 4h
  - id: silent
    concern: data
    on: silent_for
    at: source
    levels: [{severity: warning, above: 6h}]
    title: {fr: a, en: b}
    text: {fr: a, en: b}
    todo: {fr: c, en: d}
""",
    ROUTING: """\
schedules: [cell]
route:
  id: all
  group_by: [departement]
  group_wait: 0s
  group_interval: 5m
  repeat_interval: 4h
  chain: cell
  routes:
    - id: night
      match: {severity: critical, concern: [beds, data]}
      hours: [{from: "20:00", to: "07:30", days: [mon, sat]}]
      continue: true
      group_by: []
      webhooks: [tower]
chains:
  - id: cell
    steps:
      - on_call: cell
      - wait: 90s
      - person: alice
      - wait: 9m
      - cell: crisis
      - wait: 1h
      - loop: 2
inhibitions:
  - source: {rule: rea-full}
    target: {rule: silent}
    equal: [region]
""",
    CONTACTS: """\
subject,name,team,language,smtp,sms,mssante,channels_info,channels_warning,channels_critical,quiet,invented
alice,Alice A.,crisis,fr,alice@example.invalid,+33639980001,,app,app smtp,app push sms,22:00-07:00,yes
bob@ars,Bob,,en,,,,,app,app,,no
""",
    CALENDAR: """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//invented//FR
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20261024
RRULE:FREQ=DAILY
SUMMARY:alice
END:VEVENT
END:VCALENDAR
""",
}

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return what writes the small files, with changes: a file's name, what to replace and by what."""

    def write(*changes: tuple[str, str, str]) -> Path:
        for file, content in SMALL.items():
            changed = content
            for name, old, new in changes:
                if name == file:
                    assert old in changed
                    changed = changed.replace(old, new)
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(changed, encoding="utf-8")
        return tmp_path

    return write


def wrong(directory: Path) -> list[str]:
    """Return what is wrong with a directory."""
    with pytest.raises(DirectoryErrors) as raised:
        load(directory, region(), AT)
    return [str(mistake) for mistake in raised.value.errors]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "mistake"),
    [
        # rules
        (RULES, "on: occupancy", "on: fullness", f"{RULES}:4: on 'fullness' is none of occupancy"),
        (RULES, "at: departement", "at: bed", f"{RULES}:5: at: occupancy can't be measured at 'bed'"),
        (RULES, "concern: beds", "concern: cats", f"{RULES}:3: concern 'cats' is none of beds, data, system"),
        (RULES, "concern: beds", "concern: data", f"{RULES}:3: concern: occupancy concerns beds, not data"),
        (RULES, "[rea-adulte]", "[rea]", f"{RULES}:6: bed kind 'rea' is not in bed_kinds.yaml"),
        (RULES, '["31"]', '["75"]', f"{RULES}:7: place '75' is no département, facility or ward of the region"),
        (RULES, "for: 15m", "for: 15", f"{RULES}:8: for must be a duration such as 90s, 15m or 4h"),
        (RULES, "for: 15m", "for: [15m]", f"{RULES}:8: for must be a duration such as 90s, 15m or 4h"),
        (RULES, "above: 90 %", "above: 90", f"{RULES}:10: above '90' of occupancy must be written like 90 %"),
        (RULES, "above: 6h", "above: 21600", f"{RULES}:21: above '21600' of silent_for must be written like 15m"),
        (RULES, "above: 97.5 %", "above: 80 %", f"{RULES}:11: above: levels must rise: 0.8 is not beyond 0.9"),
        (RULES, "clear_below: 85 %", "clear_below: 95 %", f"{RULES}:10: clear_below: must not be beyond above"),
        (RULES, "severity: critical", "severity: info", f"{RULES}:11: severity: levels must rise"),
        (RULES, "severity: critical", "severity: red", f"{RULES}:11: severity 'red' is none of info, warning"),
        (RULES, "{value}\", en", "{vale}\", en", f"{RULES}:12: fr: {{vale}} is not one of"),
        (RULES, "fr: a, en: b}\n    todo: {fr: c, en: d}\n    link", "fr: a}\n    todo: {fr: c, en: d}\n    link",
            f"{RULES}:13: text (fr and en) lacks en"),
        (RULES, "id: silent", "id: rea-full", f"{RULES}:17: id: 'rea-full' is the id of an earlier rule too"),
        (RULES, "id: silent", "id: Silent!", f"{RULES}:17: id 'Silent!' must be lower-case words joined by hyphens"),
        (RULES, "taken_for", "take_for", f"{RULES}:16: a rule has no field 'take_for'"),
        (RULES, "rules:", "rules: &all", f"{RULES}:1: anchors"),
        # routing
        (ROUTING, "  chain: cell\n", "", f"{ROUTING}:3: chain: the root needs a chain"),
        (ROUTING, "route:\n", "tree:\n", f"{ROUTING}:1: the routing lacks route"),
        (ROUTING, "chain: cell", "chain: nobody", f"{ROUTING}:8: chain: there is no chain 'nobody'"),
        (ROUTING, "person: alice", "person: zoe", f"{ROUTING}:21: person: there is no person 'zoe'"),
        (ROUTING, "cell: crisis", "cell: crises", f"{ROUTING}:23: cell: nobody is of the team 'crises'"),
        (ROUTING, "on_call: cell", "on_call: cells", f"{ROUTING}:19: on_call: there is no schedule 'cells'"),
        (ROUTING, "wait: 90s", "pause: 90s", f"{ROUTING}:20: a step is exactly one of wait, person, on_call"),
        (ROUTING, "wait: 90s", "wait: soon", f"{ROUTING}:20: wait must be a duration"),
        (ROUTING, "loop: 2", "loop: 999", f"{ROUTING}:25: loop: must be from 1 to 20 times"),
        (ROUTING, "loop: 2", "loop: for ever", f"{ROUTING}:25: loop must be how many times"),
        (ROUTING, "severity: critical,", "severty: critical,", f"{ROUTING}:11: 'severty' is no label of an alert"),
        (ROUTING, "severity: critical,", "severity: [],", f"{ROUTING}:11: severity: at least one value is needed"),
        (ROUTING, "group_by: [departement]", "group_by: [department]", f"{ROUTING}:4: 'department' is no label"),
        (ROUTING, "equal: [region]", "equal: [regions]", f"{ROUTING}:29: 'regions' is no label of an alert"),
        (ROUTING, '"20:00"', "20h", f"{ROUTING}:12: from '20h' must be a time of the day such as 22:00"),
        (ROUTING, "[mon, sat]", "[mon, samedi]", f"{ROUTING}:12: 'samedi' is none of mon, tue"),
        (ROUTING, "id: night", "id: all", f"{ROUTING}:10: id: 'all' is the id of an earlier route too"),
        (ROUTING, "target: {rule: silent}", "target: {}", f"{ROUTING}:28: target: matches everything"),
        (ROUTING, "[cell]\nroute", "[Cell]\nroute", f"{ROUTING}:1: schedule 'Cell' must be lower-case words"),
        # contacts
        (CONTACTS, "alice,", "al ice,", f"{CONTACTS}:2: subject 'al ice' may hold letters"),
        (CONTACTS, "bob@ars", "alice", f"{CONTACTS}:3: 'alice' is on line 2 already"),
        (CONTACTS, "Alice A.", "", f"{CONTACTS}:2: name is blank"),
        (CONTACTS, ",fr,", ",de,", f"{CONTACTS}:2: language 'de' must be fr or en"),
        (CONTACTS, "alice@example.invalid", "alice", f"{CONTACTS}:2: smtp must be a mailbox"),
        (CONTACTS, "+33639980001", "0639980001", f"{CONTACTS}:2: sms must be a telephone"),
        (CONTACTS, "example.invalid", "ars.fr", f"{CONTACTS}:2: smtp of somebody invented might be somebody's"),
        (CONTACTS, "+33639980001", "+33612345678", f"{CONTACTS}:2: sms of somebody invented might be somebody's"),
        (CONTACTS, "app push sms", "app fax", f"{CONTACTS}:2: channel 'fax' is none of app, push"),
        (CONTACTS, "app push sms", "mssante", f"{CONTACTS}:2: channels_critical names mssante, and mssante is blank"),
        (CONTACTS, "app push sms", "app app", f"{CONTACTS}:2: channels_critical names a channel twice"),
        (CONTACTS, "22:00-07:00", "at night", f"{CONTACTS}:2: quiet 'at night' must be hours"),
        (CONTACTS, ",no", ",perhaps", f"{CONTACTS}:3: invented must be yes or no"),
        (CONTACTS, ",quiet,", ",", f"{CONTACTS}:1: no column quiet"),
        # on call
        (CALENDAR, "SUMMARY:alice", "SUMMARY:zoe", f"{CALENDAR}:4: the event names nobody of the contacts"),
        (CALENDAR, "BEGIN:VCALENDAR", "what", f"{CALENDAR}:1: not iCalendar"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_file_and_line(
    written: Written, file: str, old: str, new: str, mistake: str
) -> None:
    found = wrong(written((file, old, new)))
    assert any(each.startswith(mistake) for each in found), found


def test_all_mistakes_of_all_files_are_told_at_once(written: Written) -> None:
    found = wrong(
        written(
            (RULES, "on: occupancy", "on: fullness"),
            (RULES, "on: silent_for", "on: noise"),
            (ROUTING, "person: alice", "person: zoe"),
            (CONTACTS, "Alice A.", ""),
            (CALENDAR, "RRULE:FREQ=DAILY", "RRULE:FREQ=SECONDLY"),
        )
    )
    assert [each.partition(":")[0] for each in found] == [RULES, RULES, CONTACTS, CALENDAR, ROUTING]


def test_a_file_that_is_missing_is_a_mistake_and_no_file_at_all_is_none(written: Written, tmp_path: Path) -> None:
    assert not is_there(tmp_path)
    directory = written()
    assert is_there(directory)
    for name in (RULES, ROUTING, CONTACTS):
        (directory / name).unlink()
    assert [each for each in wrong(directory) if "missing" in each] == [
        f"{RULES}: missing",
        f"{CONTACTS}: missing",
        f"{ROUTING}: missing",
    ]


def test_a_calendar_of_no_schedule_is_a_mistake(written: Written) -> None:
    directory = written()
    (directory / ON_CALL / "cel.ics").write_text(SMALL[CALENDAR])
    assert wrong(directory) == [f"{ON_CALL}/cel.ics: {ROUTING} has no schedule 'cel'"]


def test_no_message_holds_an_address(written: Written) -> None:
    """What goes wrong is printed, and what is printed is kept."""
    found = wrong(
        written((CONTACTS, "alice@example.invalid", "4711 at home"), (CONTACTS, "+33639980001", "+33611223344"))
    )
    assert len(found) == 2
    assert not any(secret in each for each in found for secret in ("4711", "112233"))


FUZZ = st.text(max_size=12) | st.sampled_from(
    ["\n", "  ", "- ", ": ", "[", "]", "{", "}", '"', ",", "%", "15m", "severity", "rules:", "\x00", "&a", "*a", "|\n"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(SMALL)), st.integers(0, 900), st.integers(0, 40), st.lists(FUZZ, max_size=4))
def test_whatever_the_files_hold_they_are_read_or_their_mistakes_are_told(
    tmp_path: Path, file: str, at: int, cut: int, put: list[str]
) -> None:
    for name, content in SMALL.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        changed = content[:at] + "".join(put) + content[at + cut :] if name == file else content
        path.write_text(changed, encoding="utf-8", newline="")
    try:
        found = load(tmp_path, region(), AT)
    except DirectoryErrors:
        return
    assert isinstance(found, Alerting)
    for part in (found.rules, found.routing, found.people):
        assert msgspec.json.decode(msgspec.json.encode(part), type=type(part)) == part


# --- what is read ----------------------------------------------------------------------------------------------------


def test_everything_is_read_as_it_is_meant(written: Written) -> None:
    found = load(written(), region(), AT)
    a_b, c_d = Words(fr="a", en="b"), Words(fr="c", en="d")
    assert found.rules == Ruleset(
        (
            Rule(
                id="rea-full",
                concern="beds",
                on="occupancy",
                at="departement",
                levels=(Level("warning", above=0.9, clear_below=0.85), Level("critical", above=0.975)),
                title=Words(fr="Réanimation à {value}", en="Intensive care at {value}"),
                text=a_b,
                todo=c_d,
                link="/?kind=rea-adulte",
                hold_s=900,
                taken_s=14_400,
                bed_kinds=("rea-adulte",),
                places=("31",),
            ),
            Rule("silent", "data", "silent_for", "source", (Level("warning", above=21_600),), a_b, a_b, c_d),
        )
    )
    night = Route(
        id="night",
        match={"severity": ("critical",), "concern": ("beds", "data")},
        hours=(Window(start=1200, end=450, days=(1, 6)),),
        goes_on=True,
        group_by=(),
        webhooks=("tower",),
    )
    assert found.routing == Routing(
        route=Route(
            id="all",
            group_by=("departement",),
            group_wait_s=0,
            group_interval_s=300,
            repeat_interval_s=14_400,
            chain="cell",
            routes=(night,),
        ),
        chains=(
            Chain(
                "cell",
                (
                    *(ChainStep(on_call="cell"), ChainStep(wait_s=90), ChainStep(person="alice")),
                    *(ChainStep(wait_s=540), ChainStep(cell="crisis"), ChainStep(wait_s=3600), ChainStep(loop=2)),
                ),
            ),
        ),
        zone=zone("Europe/Paris", AT),
        inhibitions=(Inhibition({"rule": ("rea-full",)}, {"rule": ("silent",)}, ("region",)),),
        schedules=("cell",),
    )
    assert found.people == People(
        {
            "alice": Person(
                {"info": ("app",), "warning": ("app", "smtp"), "critical": ("app", "push", "sms")},
                "crisis",
                Window(1320, 420),
            ),
            "bob@ars": Person({"warning": ("app",), "critical": ("app",)}),
        }
    )
    assert [row["name"] for row in found.contacts] == ["Alice A.", "Bob"]
    assert found.on_call["cell"].source == CALENDAR
    assert {shift.person for shift in found.on_call["cell"].shifts} == {"alice"}
    assert found.calendars == {"cell": SMALL[CALENDAR].encode()}


def test_rules_and_contacts_are_read_alone_too(written: Written) -> None:
    directory = written()
    assert [rule.id for rule in load_rules(directory / RULES, region()).rules] == ["rea-full", "silent"]
    rows, people = contacts(directory / CONTACTS)
    assert [row["subject"] for row in rows] == [*people.people] == ["alice", "bob@ars"]
    (directory / CONTACTS).write_text(SMALL[CONTACTS].replace("app push sms", "fax"))
    with pytest.raises(DirectoryErrors, match="channel 'fax' is none of"):
        contacts(directory / CONTACTS)


def test_without_a_region_the_rest_is_checked(written: Written) -> None:
    """So that a region directory whose own files are wrong still hears of all its mistakes."""
    findings = Findings()
    read(written((RULES, "[rea-adulte]", "[other]"), (ROUTING, "person: alice", "person: zoe")), None, AT, findings)
    assert [mistake.file for mistake in findings.mistakes] == [ROUTING]


@pytest.mark.parametrize(
    ("cell", "found"),
    [("90s", 90.0), ("15m", 900.0), ("15 m", 900.0), ("4h", 14_400.0), ("2d", 172_800.0), ("1.5h", 5_400.0),
     ("15", None), ("m", None), ("-1s", None), ("1 h 30 m", None), ("1e3s", None), ("", None)],
)  # fmt: skip
def test_durations(cell: str, found: float | None) -> None:
    assert seconds(cell) == found


@pytest.mark.parametrize(
    ("cell", "found"), [("90 %", 0.9), ("97.5%", 0.975), ("110 %", 1.1), ("90", None), ("%", None)]
)
def test_shares(cell: str, found: float | None) -> None:
    assert share(cell) == found


@pytest.mark.parametrize(
    ("cell", "found"), [("00:00", 0), ("22:30", 1350), ("24:00", 1440), ("24:01", None), ("9:00", None)]
)
def test_times_of_the_day(cell: str, found: int | None) -> None:
    assert minutes(cell) == found


@given(
    st.sampled_from(["Europe/Paris", "Indian/Reunion", "America/Cayenne", "UTC"]), st.integers(0, 10 * 365 * 24 * 60)
)
def test_a_zone_tells_the_same_time_as_the_tables_for_ten_years(name: str, minute: int) -> None:
    told = zone(name, AT)
    at = AT + minute * 60_000
    offset = next(offset for since, offset in reversed(told.offsets) if since <= at)
    there = datetime.fromtimestamp(at / 1000, ZoneInfo(name)).utcoffset()
    assert there is not None
    assert offset == there.total_seconds()


def test_a_zone_is_the_same_all_year_so_that_publishing_again_changes_nothing() -> None:
    assert zone("Europe/Paris", AT) == zone("Europe/Paris", AT + 40 * 86_400_000)


# --- Occitanie -------------------------------------------------------------------------------------------------------


def test_occitanies_files_have_nothing_wrong_and_name_what_there_is_to_be_alerted_of() -> None:
    place = directories.load(OCCITANIE)
    found = load(OCCITANIE, place, AT)
    measured = {(rule.on, rule.at) for rule in found.rules.rules}
    assert measured >= {
        *(("occupancy", "departement"), ("occupancy", "region"), ("closed_past", "ward"), ("silent_for", "source")),
        *(("history_in_a_row", "source"), ("position_lag", "shard"), ("dead_letters", "shard")),
        ("channel_down", "channel"),
    }
    assert {on for on, _ in measured} >= {"available", "undeclared_surge", "stale_beds"}
    assert set(found.on_call) == set(found.routing.schedules)


def test_occitanies_people_are_invented_and_can_not_be_reached() -> None:
    place = directories.load(OCCITANIE)
    found = load(OCCITANIE, place, AT)
    assert {row["invented"] for row in found.contacts} == {"yes"}
    used = {
        channel for person in found.people.people.values() for names in person.channels.values() for channel in names
    }
    assert used == {"app", "push"}  # and pushes reach only browsers whose people allow it


def test_somebody_is_always_on_call_in_occitanie() -> None:
    found = load(OCCITANIE, directories.load(OCCITANIE), AT)
    for name, schedule in found.on_call.items():
        gaps = [
            (one.until, then.since)
            for one, then in zip(schedule.shifts, schedule.shifts[1:], strict=False)
            if one.until != then.since
        ]
        assert gaps == [], name
        assert schedule.shifts[0].since <= AT < schedule.shifts[-1].until


# --- the page that says how to write them ----------------------------------------------------------------------------

PAGE = (OCCITANIE.parents[2] / "docs" / "alerting.md").read_text(encoding="utf-8")
EXAMPLES = [part.partition("\n```")[0] for part in PAGE.split("```yaml\n")[1:]]


def test_every_measure_is_on_the_page_that_says_how_to_write_a_rule() -> None:
    assert [name for name in MEASURES if f"| `{name}` |" not in PAGE] == []
    assert [label for label in LABELS if label not in PAGE.partition("Labels: ")[2].partition(".")[0]] == []


def test_the_pages_own_examples_have_nothing_wrong(tmp_path: Path) -> None:
    place = directories.load(OCCITANIE)
    rule, route, chain = EXAMPLES
    (tmp_path / RULES).write_text("rules:\n" + rule, encoding="utf-8")
    assert [each.id for each in load_rules(tmp_path / RULES, place).rules] == ["rea-departement-tendue"]
    others = "".join(f"- {{id: {name}, steps: [{{on_call: cellule}}]}}\n" for name in ("nuit", "exploitation"))
    routing = f"schedules: [cellule]\n{route}\nchains:\n{chain}\n{others}"
    (tmp_path / ROUTING).write_text(routing, encoding="utf-8")
    (tmp_path / CONTACTS).write_text((OCCITANIE / CONTACTS).read_text(encoding="utf-8"), encoding="utf-8")
    found = load(tmp_path, place, AT).routing
    assert [each.id for each in found.route.routes] == ["systeme", "critique-la-nuit"]
