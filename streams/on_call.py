"""Reads on-call calendars now and then and publishes what they say; the last good one stays where one fails."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from domain.alerts.routing import OnCall, People, Routing, Shift
from domain.events import Event, SettingsPublished, Source
from event_log.ids import new_id
from event_log.log import LogAway, UnknownTopic
from people import reach

EVERY_S = 300.0
STRAYS_S = 30.0  # so that several regions' calendars are not asked for at once
PUBLISHED_EVERY_MS = 3_600_000  # although nothing changed: a reading's age is shown
FETCHED_WITHIN_S = 20.0
MOST_BYTES = 1024 * 1024
SURE_AHEAD_MS = 80 * 86_400_000  # of the 90 days read: beyond them a later reading always knows more
FILE = "file:"  # before the name of a calendar that is kept in the home
KEPT_IN = "on-call"
WORKER = Source(id="vigilits", door="worker")

# What a calendar's content says: the shifts, or why it can't be read ("" where it can).
Read = Callable[[bytes, Collection[str], str, int], tuple[tuple[Shift, ...], str]]
Fetch = Callable[[str], Awaitable[bytes]]

_routing = msgspec.json.Decoder(Routing).decode
_people = msgspec.json.Decoder(People).decode
_on_call = msgspec.json.Decoder(OnCall).decode

logger = structlog.get_logger("streams.on_call")


class NotFetched(Exception):
    """A calendar can't be had; the reason holds nothing of its address."""


def setting(schedule: str) -> str:
    """Return the name of the setting under which a schedule is published."""
    return f"on-call/{schedule}"


def kept(home: Path, region: str, schedule: str) -> Path:
    """Return where the home keeps a calendar that was given as a file."""
    return home / KEPT_IN / region / f"{schedule}.ics"


def source_of(address: str) -> str:
    """Return where a calendar comes from, in words that hold no secret: its host, or the name of its file."""
    return f"{KEPT_IN}/{address.removeprefix(FILE)}" if address.startswith(FILE) else urlsplit(address).hostname or "?"


def fetching(home: Path, region: str, http: httpx.AsyncClient) -> Fetch:
    """Return what fetches a calendar by its address: https to machines on the internet, or a file of the home."""

    async def fetch(address: str) -> bytes:
        if address.startswith(FILE):
            return await asyncio.to_thread(_from_home, kept(home, region, Path(address.removeprefix(FILE)).stem))
        try:
            async with asyncio.timeout(FETCHED_WITHIN_S):
                return await _from_afar(http, address)
        except (TimeoutError, httpx.HTTPError) as error:
            raise NotFetched(f"its host does not answer ({type(error).__name__})") from None
        except reach.NotAllowed as why:
            raise NotFetched(f"its address {why}") from None

    return fetch


def _from_home(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise NotFetched(f"can't be read: {error.strerror or type(error).__name__}") from None


async def _from_afar(http: httpx.AsyncClient, address: str) -> bytes:
    # Unpacked bytes are counted as they come, so that what is packed small can't grow without end.
    async with http.stream("GET", address, headers={"Accept": "text/calendar"}) as response:
        if response.status_code != 200:
            raise NotFetched(f"its host answers {response.status_code}")
        content = b""
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise NotFetched(f"larger than {MOST_BYTES // 1024} KiB")
        return content


def is_news(held: OnCall | None, found: OnCall) -> bool:
    """Return whether a reading is to be published: it says something else, or the last one published is old."""
    if held is None or held.trouble != found.trouble or held.source != found.source:
        return True
    if found.read_at - held.read_at >= PUBLISHED_EVERY_MS:
        return True
    begin, end = found.read_at, held.read_at + SURE_AHEAD_MS
    return _within(held.shifts, begin, end) != _within(found.shifts, begin, end)


def _within(shifts: tuple[Shift, ...], begin: int, end: int) -> list[Shift]:
    """Return the shifts cut to a span that both of two readings cover."""
    return [
        Shift(shift.person, max(shift.since, begin), min(shift.until, end))
        for shift in shifts
        if shift.until > begin and shift.since < end
    ]


def published(schedule: str, on_call: OnCall, now: int) -> SettingsPublished:
    """Return the event that publishes a schedule."""
    return publishing(setting(schedule), msgspec.json.encode(on_call), now)


def publishing(name: str, content: bytes, now: int) -> SettingsPublished:
    """Return the event by which a worker publishes a setting of its own."""
    digest = hashlib.sha256(content).hexdigest()
    return SettingsPublished(id=new_id(now), received_at=now, source=WORKER, name=name, digest=digest, content=content)


class OnCallReader:
    """One region's calendars: where they are, how they are fetched and read; what is in force is handed in.

    `calendars` blocks for a moment (it asks the directory store), and so does `read`: both run beside the loop.
    """

    def __init__(self, calendars: Callable[[], Mapping[str, str]], fetch: Fetch, read: Read) -> None:
        self._calendars, self._fetch, self._read = calendars, fetch, read

    async def look(self, settings: Mapping[str, bytes], now: int) -> list[SettingsPublished]:
        """Return the schedules to be published, having read every calendar once."""
        if "routing" not in settings or "people" not in settings:
            return []
        routing, people = _routing(settings["routing"]), _people(settings["people"])
        found = []
        for schedule, address in sorted((await asyncio.to_thread(self._calendars)).items()):
            if schedule not in routing.schedules:
                continue
            content = settings.get(setting(schedule))
            held = None if content is None else _on_call(content)
            read = await self._look(held, address, people, routing.zone.name, now)
            if is_news(held, read):
                found.append(published(schedule, read, now))
        return found

    async def _look(self, held: OnCall | None, address: str, people: People, zone: str, now: int) -> OnCall:
        """Return a schedule as its calendar says it now; where that can't be read the last good one, and why."""
        source = source_of(address)
        try:
            content = await self._fetch(address)
            shifts, trouble = await asyncio.to_thread(self._read, content, people.people, zone, now)
        except NotFetched as why:
            shifts, trouble = (), str(why)
        if not trouble:
            return OnCall(shifts=shifts, read_at=now, source=source)
        if held is None:
            return OnCall(shifts=(), read_at=now, source=source, trouble=trouble)
        return OnCall(shifts=held.shifts, read_at=held.read_at, source=source, trouble=trouble)

    async def keep(
        self,
        settings: Callable[[], Mapping[str, bytes] | None],
        append: Callable[[Event], Awaitable[None]],
        now: Callable[[], int],
        every_s: float = EVERY_S,
    ) -> None:
        """Return never: look every so often, where `settings` gives those in force (None: not folded yet)."""
        while True:
            held = settings()
            if held is not None:
                await self._publish(held, append, now())
            # A region that has only just come to this worker is looked at soon.
            await asyncio.sleep(1.0 if held is None else every_s + random.uniform(0, min(STRAYS_S, every_s)))

    async def _publish(self, held: Mapping[str, bytes], append: Callable[[Event], Awaitable[None]], now: int) -> None:
        try:
            for event in await self.look(held, now):
                await append(event)
                logger.info("on-call published", setting=event.name)
        except (LogAway, UnknownTopic, OSError) as error:  # the next look finds the same news again
            logger.warning("on-call not published", error=type(error).__name__)
