"""What a directory says of alerts put in force: nothing where anything is wrong, and nobody's people overwritten."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from config import alerts
from config.alerts import CONTACTS, ON_CALL, ROUTING, RULES
from config.reading import DirectoryErrors
from domain.alerts.routing import OnCall, People, Shift
from domain.alerts.rule import Ruleset
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, NOTICES
from launch import alert_command, alerting, publish, regions
from launch.alert_command import NotPublished
from launch.publish import Held
from live_state.memory import MemoryState
from people import reach
from people.directory import People as Directory
from tests.config.test_alerts import SMALL
from tests.launch import tiny_directory
from tests.small_region import region


class Here:
    """A small region's directory, its logs and a home; no engine and no process."""

    def __init__(self, root: Path) -> None:
        self.directory = tiny_directory.write(root / "ici")
        self.home = root / "home"
        self.log, self.state = MemoryLog(), MemoryState()
        for file, content in SMALL.items():
            path = self.directory / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")

    def change(self, file: str, old: str, new: str) -> None:
        """Change a file of the directory."""
        path = self.directory / file
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new), encoding="utf-8")

    async def found(self, divided_by: float = 1.0) -> None:
        """Open the region's shards, with its directory in force and nothing said of alerts."""
        document = regions.read("ici", self.directory, divided_by)
        await regions.settle(self.log, self.state, "ici", Held(document._replace(alerting=None).settings, {}))

    async def publish(self) -> list[str]:
        """Publish the directory's alert files."""
        document = regions.read("ici", self.directory)
        return await alert_command.published_whole(
            self.log, self.state, self.home, document=document, directory=self.directory
        )

    async def import_(self, content: str) -> str:
        """Import contacts."""
        path = self.home.parent / "elsewhere.csv"
        path.write_text(content, encoding="utf-8")
        rows, people = alerts.contacts(path)
        return await alert_command.imported(self.log, self.state, self.home, code="ici", rows=rows, people=people)

    async def add(self, schedule: str = "cell", file: Path | None = None, url: str | None = None) -> str:
        """Name a calendar."""
        return await alert_command.calendar_added(
            self.log, self.state, self.home, code="ici", schedule=schedule, file=file, url=url
        )

    async def held(self) -> alert_command.InForce:
        """Return what is in force."""
        return await alert_command.in_force(self.log, self.state, "ici")

    async def length(self) -> int:
        """Return how many records both logs have."""
        return sum([len([r async for r in self.log.read(topic, 0)]) for topic in (CAPACITY, NOTICES)])


@pytest.fixture
async def here(tmp_path: Path) -> Here:
    """Return a small region that is founded."""
    made = Here(tmp_path)
    await made.found()
    return made


async def refused(here: Here, why: str, doing: Callable[[], Awaitable[Any]]) -> None:
    """Make sure that something is refused so, and that nothing has changed."""
    before = await here.length()
    with pytest.raises((NotPublished, DirectoryErrors, regions.UnknownRegion), match=why):
        await doing()
    assert await here.length() == before


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        (ROUTING, "  chain: cell\n", "", "routing.yaml:3: chain: the root needs a chain"),
        (ROUTING, "person: alice", "person: zoe", "routing.yaml:21: person: there is no person 'zoe'"),
        (RULES, "on: occupancy", "on: fullness", "alert_rules.yaml:4: on 'fullness'"),
        (f"{ON_CALL}/cell.ics", "BEGIN:VCALENDAR", "what", "on-call/cell.ics:1: not iCalendar"),
        ("region.yaml", '"name": "Ici"', '"title": "Ici"', "the region lacks name"),
    ],
)
async def test_with_one_mistake_nothing_is_published(here: Here, file: str, old: str, new: str, why: str) -> None:
    here.change(file, old, new)
    await refused(here, re.escape(why), here.publish)
    assert not (here.home / "directory.sqlite3").exists()


async def test_mistakes_of_places_and_of_alerts_are_told_together(here: Here) -> None:
    here.change("wards.csv", "310000001/medecine", "310000001/x")
    here.change(RULES, "on: occupancy", "on: fullness")
    with pytest.raises(DirectoryErrors) as raised:
        regions.read("ici", here.directory)
    assert {mistake.file for mistake in raised.value.errors} == {"wards.csv", RULES}


async def test_a_region_that_the_log_does_not_have_is_told_to_be_founded(tmp_path: Path) -> None:
    with pytest.raises(regions.UnknownRegion, match="vigilits region init"):
        await Here(tmp_path).publish()


async def test_routing_must_fit_the_people_in_force_and_not_those_of_the_directory(here: Here) -> None:
    await here.publish()
    await here.import_(SMALL[CONTACTS].replace("bob@ars", "carol"))
    here.change(CONTACTS, "bob@ars", "dave")
    here.change(ROUTING, "person: alice", "person: dave")
    await refused(here, "routing.yaml:21: person: there is no person 'dave'", here.publish)
    here.change(ROUTING, "person: dave", "person: carol")
    here.change(CONTACTS, "dave", "carol")
    assert "~ chain cell" in await here.publish()


async def test_people_whom_the_routing_needs_can_not_be_imported_away(here: Here) -> None:
    await here.publish()
    before = Directory(here.home).names("ici")
    await refused(here, "there is no person 'alice'", lambda: here.import_(SMALL[CONTACTS].replace("alice,", "zoe,")))
    assert Directory(here.home).names("ici") == before


async def test_a_calendar_that_can_not_be_read_or_is_of_no_schedule_is_refused(here: Here, tmp_path: Path) -> None:
    calendar = here.directory / ON_CALL / "cell.ics"
    await refused(here, "no routing in force", lambda: here.add(file=calendar))
    await here.publish()
    await refused(here, "no schedule 'night'; there is cell", lambda: here.add("night", file=calendar))
    bad = tmp_path / "bad.ics"
    bad.write_text("what")
    await refused(here, "line 1: not iCalendar", lambda: here.add(file=bad))
    with pytest.raises(FileNotFoundError):
        await here.add(file=tmp_path / "none.ics")


@pytest.mark.parametrize("url", ["http://calendar.example.org/4711", "https://127.0.0.1/4711", "file:cell.ics", "4711"])
async def test_a_calendar_is_fetched_over_tls_from_the_internet_alone(here: Here, url: str) -> None:
    await here.publish()
    with pytest.raises(NotPublished) as raised:
        await here.add(url=url)
    assert "4711" not in str(raised.value)
    assert Directory(here.home).calendars("ici") == {"cell": "file:cell.ics"}


# --- what is published -----------------------------------------------------------------------------------------------


async def test_all_of_it_is_in_force_on_both_logs_and_people_are_in_the_store(here: Here) -> None:
    lines = await here.publish()
    assert {"+ rule rea-full", "+ chain cell", "+ person alice", "+ on-call/cell"} <= set(lines)
    told = regions.read("ici", here.directory).alerting
    assert told is not None
    held = await here.held()
    assert msgspec.json.decode(held.settings["alert_rules"], type=Ruleset) == told.rules
    assert (held.routing, held.people) == (told.routing, told.people)
    assert (await publish.held(here.log, here.state, held.capacity)).settings.keys() == {
        "region",
        "boundaries",
        "alert_rules",
    }
    directory = Directory(here.home)
    assert [one.name for one in directory.names("ici").values()] == ["Alice A.", "Bob"]
    assert directory.addresses("alice", "sms") == ["+33639980001"]
    assert (here.home / ON_CALL / "ici" / "cell.ics").read_text() == SMALL[f"{ON_CALL}/cell.ics"]


async def test_publishing_again_changes_nothing_and_a_change_is_named(here: Here) -> None:
    await here.publish()
    length = await here.length()
    assert await here.publish() == ["all settings in force already"]
    assert await here.length() == length
    here.change(RULES, "above: 90 %", "above: 91 %")
    here.change(RULES, "id: silent", "id: mute")
    here.change(ROUTING, "target: {rule: silent}", "target: {rule: mute}")
    assert (await here.publish())[:-1] == [
        "+ rule mute",
        "~ rule rea-full",
        "- rule silent",
        "~ inhibitions",
    ]


async def test_people_imported_from_elsewhere_are_never_overwritten_by_the_directory(here: Here) -> None:
    await here.publish()
    elsewhere = SMALL[CONTACTS].replace("Alice A.", "Alice Real").replace("app push sms", "sms")
    assert (await here.import_(elsewhere)).startswith("0 added, 1 changed, 0 removed; notices: published people")
    told = await here.publish()
    assert "contacts import" in told[-1]
    people = (await here.held()).people
    assert people is not None
    assert people.people["alice"].channels["critical"] == ("sms",)
    assert Directory(here.home).person("alice").name == "Alice Real"  # type: ignore[union-attr]


async def test_a_calendar_behind_an_address_is_kept_as_a_secret_and_not_put_aside_by_a_file(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "https://calendar.example.org/4711.ics"
    content = SMALL[f"{ON_CALL}/cell.ics"].replace("SUMMARY:alice", "SUMMARY:bob@ars")
    monkeypatch.setattr(
        reach,
        "client",
        lambda within_s: httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=content))),
    )
    await here.publish()
    assert (await here.add(url=secret)).endswith("shifts from calendar.example.org")
    assert Directory(here.home).calendars("ici") == {"cell": secret}
    assert await here.publish() == ["all settings in force already"]
    assert Directory(here.home).calendars("ici") == {"cell": secret}
    schedule = (await here.held()).schedule("cell")
    assert schedule is not None
    assert {shift.person for shift in schedule.shifts} == {"bob@ars"}
    assert not any([b"4711" in (r.value or b"") async for r in here.log.read(NOTICES, 0)])


async def test_who_is_on_call_is_shown_with_where_it_was_read_and_what_troubles_it(here: Here) -> None:
    async def shown() -> str:
        return "\n".join(await alert_command.who_is_on_call(here.log, here.state, here.home, code="ici"))

    assert await shown() == "no schedule is in force"
    await here.publish()
    told = await shown()
    assert told.startswith("cell: alice (Alice A.) until ")
    assert "read from on-call/cell.ics at " in told
    now = regions.now()
    away = OnCall((Shift("bob@ars", now + 1000, now + 2000),), now - 1, "x.example.org", "its host answers 503")
    setting = {"on-call/cell": msgspec.json.encode(away)}
    await regions.settle(here.log, here.state, "ici", Held(setting, {}))
    assert re.match(
        r"cell: nobody until .*\n.*x.example.org.*\n  trouble: its host answers 503;.*\n.*  bob@ars$", await shown()
    )


# --- what `up` gives in force ----------------------------------------------------------------------------------------


def test_people_of_a_directory_are_due_once_and_calendars_only_with_news() -> None:
    now = regions.now()
    shifts = (Shift("alice", now, now + 1000),)

    def on_call(at: int, source: str, *, more: tuple[Shift, ...] = ()) -> bytes:
        return msgspec.json.encode(OnCall((*shifts, *more), at, source))

    people, none = msgspec.json.encode(People({})), b"{}"
    later = (Shift("bob", now + 1000, now + 2000),)
    held = {"alert_rules": none, "people": none, "on-call/cell": on_call(now, "on-call/cell.ics")}
    wanted = {"alert_rules": b"[]", "people": people, "on-call/cell": on_call(now + 1, "on-call/cell.ics")}
    assert alerting.due(wanted, {}) == wanted
    assert alerting.due(wanted, held).keys() == {"alert_rules"}
    news = {"on-call/cell": on_call(now + 1, "on-call/cell.ics", more=later)}
    assert alerting.due(news, held) == news
    assert alerting.due(news, {"on-call/cell": on_call(now, "calendar.example.org")}) == {}


async def test_in_a_demo_conditions_hold_for_as_much_less_as_its_days_are_shorter(tmp_path: Path) -> None:
    here = Here(tmp_path)
    await here.found(divided_by=3600)
    told = regions.read("ici", here.directory, 3600).alerting
    assert told is not None
    assert [rule.hold_s for rule in told.rules.rules] == [0.25, 0]
    await here.publish()
    held = (await here.held()).settings["alert_rules"]
    assert [rule.hold_s for rule in msgspec.json.decode(held, type=Ruleset).rules] == [0.25, 0]


def test_a_home_that_knows_a_regions_people_keeps_them(tmp_path: Path) -> None:
    here = Here(tmp_path)
    told = regions.read("ici", here.directory).alerting
    assert told is not None
    alerting.import_contacts(here.home, "ici", [{**told.contacts[0], "name": "Alice Real"}])
    alerting.fill(here.home, "ici", told)
    assert [one.name for one in Directory(here.home).names("ici").values()] == ["Alice Real"]
    alerting.fill(here.home, "ici", told, anew=True)
    assert [one.name for one in Directory(here.home).names("ici").values()] == ["Alice A.", "Bob"]


def test_of_whom_nobody_real_is_told_is_said_in_a_line(tmp_path: Path) -> None:
    anne = {"subject": "anne", "name": "A", "team": "", "language": "fr", "smtp": "", "sms": "", "mssante": ""}
    paul = anne | {"subject": "paul"}
    assert alerting.nobody_real(tmp_path, "ici") is None, "nobody is known, and nobody invented"
    for told, line in (
        (("yes", "yes"), "ici: its people are invented, so nobody real is told of its alerts"),
        (("yes", "no"), "ici: 1 of its 2 people are invented"),
        (("no", "no"), ""),
    ):
        rows = [row | {"invented": invented} for row, invented in zip((anne, paul), told, strict=True)]
        alerting.import_contacts(tmp_path, "ici", rows)
        said = alerting.nobody_real(tmp_path, "ici") or ""
        assert said.startswith(line)
        assert bool(said) == bool(line)


def test_the_small_region_of_these_tests_is_the_one_that_the_rules_are_checked_against(tmp_path: Path) -> None:
    assert regions.read("ici", Here(tmp_path).directory).region.kind_of.keys() == region().kind_of.keys()
