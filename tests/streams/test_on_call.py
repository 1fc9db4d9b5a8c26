"""On-call calendars read now and then: what is news is published, and where one fails the last good one stays."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from domain.alerts.routing import OnCall, People, Person, Route, Routing, Shift, Zone
from domain.events import Event, SettingsPublished
from event_log.log import LogAway
from people import reach
from streams import on_call
from streams.on_call import MOST_BYTES, NotFetched, OnCallReader, fetching, kept, setting, source_of

NOW = 1_790_000_000_000
HOUR, DAY = 3_600_000, 86_400_000
SECRET = "https://calendar.example.org/private-4711/basic.ics"
SHIFTS = (Shift("alice", NOW - HOUR, NOW + HOUR), Shift("bob", NOW + HOUR, NOW + DAY))
IN_FORCE = {
    "routing": msgspec.json.encode(
        Routing(route=Route(id="all"), chains=(), zone=Zone("Europe/Paris", ((0, 3600),)), schedules=("cell",))
    ),
    "people": msgspec.json.encode(People({"alice": Person({}), "bob": Person({})})),
}


class Calendar:
    """A calendar that says what a test makes it say, or can't be had."""

    def __init__(self) -> None:
        self.shifts: tuple[Shift, ...] = SHIFTS
        self.away: str | None = None
        self.trouble = ""
        self.known: list[str] = []
        self.addresses = {"cell": SECRET}

    async def fetch(self, address: str) -> bytes:
        """Return something."""
        assert address == SECRET
        if self.away:
            raise NotFetched(self.away)
        return b"content"

    def read(self, content: bytes, people: Collection[str], zone: str, now: int) -> tuple[tuple[Shift, ...], str]:
        """Return what is on it."""
        assert (content, zone) == (b"content", "Europe/Paris")
        self.known = sorted(people)
        return (() if self.trouble else self.shifts), self.trouble

    def reader(self) -> OnCallReader:
        """Return who reads it."""
        return OnCallReader(lambda: self.addresses, self.fetch, self.read)


@pytest.fixture
def calendar() -> Calendar:
    """Return a calendar."""
    return Calendar()


def said(event: SettingsPublished) -> OnCall:
    """Return what is published."""
    return msgspec.json.decode(event.content, type=OnCall)


def with_(event: SettingsPublished) -> dict[str, bytes]:
    """Return the settings with this one in force."""
    return {**IN_FORCE, event.name: event.content}


# --- what can't be had or read ---------------------------------------------------------------------------------------


async def test_the_last_good_one_stays_and_its_trouble_is_told_once(calendar: Calendar) -> None:
    (good,) = await calendar.reader().look(IN_FORCE, NOW)
    calendar.away = "its host answers 503"
    (bad,) = await calendar.reader().look(with_(good), NOW + 2 * HOUR)
    assert said(bad) == OnCall(SHIFTS, NOW, "calendar.example.org", "its host answers 503")
    assert await calendar.reader().look(with_(bad), NOW + 9 * HOUR) == []
    calendar.away = None
    (mended,) = await calendar.reader().look(with_(bad), NOW + 9 * HOUR)
    assert said(mended) == OnCall(SHIFTS, NOW + 9 * HOUR, "calendar.example.org")


async def test_one_that_was_never_read_is_told_with_its_trouble_and_nobody_on_it(calendar: Calendar) -> None:
    calendar.trouble = "not iCalendar"
    (found,) = await calendar.reader().look(IN_FORCE, NOW)
    assert said(found) == OnCall((), NOW, "calendar.example.org", "not iCalendar")


async def test_nothing_of_a_secret_address_is_published(calendar: Calendar) -> None:
    calendar.away = "its host does not answer"
    (found,) = await calendar.reader().look(IN_FORCE, NOW)
    assert b"4711" not in found.content


@pytest.mark.parametrize("lacking", ["routing", "people"])
async def test_without_routing_or_people_nothing_is_read(calendar: Calendar, lacking: str) -> None:
    settings = {name: content for name, content in IN_FORCE.items() if name != lacking}
    assert await calendar.reader().look(settings, NOW) == []


async def test_a_schedule_that_the_routing_does_not_name_is_not_read(calendar: Calendar) -> None:
    calendar.addresses = {"other": SECRET}
    assert await calendar.reader().look(IN_FORCE, NOW) == []


# --- what is news ----------------------------------------------------------------------------------------------------


async def test_the_same_again_is_news_only_after_an_hour(calendar: Calendar) -> None:
    (first,) = await calendar.reader().look(IN_FORCE, NOW)
    assert first.name == setting("cell") == "on-call/cell"
    assert said(first) == OnCall(SHIFTS, NOW, "calendar.example.org")
    assert calendar.known == ["alice", "bob"]
    assert await calendar.reader().look(with_(first), NOW + HOUR - 1) == []
    (again,) = await calendar.reader().look(with_(first), NOW + HOUR)
    assert said(again).read_at == NOW + HOUR


async def test_another_shift_is_news_at_once(calendar: Calendar) -> None:
    (first,) = await calendar.reader().look(IN_FORCE, NOW)
    calendar.shifts = (Shift("bob", NOW - HOUR, NOW + DAY),)
    (swap,) = await calendar.reader().look(with_(first), NOW + 1)
    assert said(swap).shifts == calendar.shifts


async def test_what_is_over_or_too_far_ahead_to_have_been_read_is_no_news(calendar: Calendar) -> None:
    (first,) = await calendar.reader().look(IN_FORCE, NOW)
    calendar.shifts = (*SHIFTS[1:], Shift("bob", NOW + 89 * DAY, NOW + 90 * DAY))
    assert await calendar.reader().look(with_(first), NOW + HOUR - 1) != []  # alice's last minutes are missing
    calendar.shifts = (*SHIFTS, Shift("bob", NOW + 89 * DAY, NOW + 90 * DAY))
    assert await calendar.reader().look(with_(first), NOW + HOUR - 1) == []


async def test_it_looks_again_and_what_the_log_did_not_take_is_found_again(calendar: Calendar) -> None:
    kept_: list[Event] = []
    tries = 0
    done = asyncio.Event()

    async def append(event: Event) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise LogAway("away")
        kept_.append(event)
        done.set()

    answers: list[Mapping[str, bytes] | None] = [None, IN_FORCE]
    keeping = asyncio.create_task(
        calendar.reader().keep(lambda: answers.pop(0) if len(answers) > 1 else answers[0], append, lambda: NOW, 0.01)
    )
    async with asyncio.timeout(10):
        await done.wait()
    keeping.cancel()
    assert tries == 2
    assert [event.name for event in kept_ if isinstance(event, SettingsPublished)] == ["on-call/cell"]


# --- fetching --------------------------------------------------------------------------------------------------------


def answering(answer: Any) -> httpx.AsyncClient:
    """Return a client whose every request is answered so."""
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(404), "its host answers 404"),
        (httpx.Response(302, headers={"Location": SECRET}), "its host answers 302"),
        (httpx.Response(200, content=b"x" * (MOST_BYTES + 1)), "larger than 1024 KiB"),
        (httpx.ConnectTimeout("to 10.0.0.1"), r"its host does not answer \(ConnectTimeout\)"),
        (reach.NotAllowed("must be on the internet"), "its address must be on the internet"),
    ],
)
async def test_what_can_not_be_fetched_says_why_and_not_from_where(
    tmp_path: Path, answer: httpx.Response | Exception, why: str
) -> None:
    def told(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with answering(told) as http:
        with pytest.raises(NotFetched, match=f"^{why}$"):
            await fetching(tmp_path, "ici", http)(SECRET)


async def test_only_https_to_the_internet_is_fetched(tmp_path: Path) -> None:
    async with reach.client(within_s=1) as http:
        for address in ("http://calendar.example.org/x", "https://127.0.0.1/x", "https://localhost/x", "ftp://x/y"):
            with pytest.raises(NotFetched):
                await fetching(tmp_path, "ici", http)(address)


async def test_a_slow_host_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_call, "FETCHED_WITHIN_S", 0.01)

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(never) as http:
        with pytest.raises(NotFetched, match="does not answer"):
            await fetching(tmp_path, "ici", http)(SECRET)


async def test_a_file_is_read_from_the_home_and_from_nowhere_else(tmp_path: Path) -> None:
    path = kept(tmp_path, "ici", "cell")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    (tmp_path / "other.ics").write_bytes(b"secret")
    async with answering(lambda _: httpx.Response(500)) as http:
        fetch = fetching(tmp_path, "ici", http)
        assert await fetch("file:cell.ics") == b"content"
        for address in ("file:../../other.ics", "file:none.ics", f"file:{tmp_path}/other.ics"):
            with pytest.raises(NotFetched, match="can't be read"):
                await fetch(address)


def test_a_source_is_named_without_its_secret() -> None:
    assert source_of(SECRET) == "calendar.example.org"
    assert source_of("file:cell.ics") == "on-call/cell.ics"
