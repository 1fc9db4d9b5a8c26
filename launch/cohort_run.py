"""A cohort at the public doors: enrolled by invented physicians, written to, and answering by the links in its mail."""

import asyncio
import time
import uuid
from collections import Counter, deque
from collections.abc import Coroutine, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import msgspec

from domain.capacity.fold import Item
from domain.errors import Unreadable
from domain.events import Event
from domain.followup.pathway import DAY_S, Pathway
from domain.grants import Grant
from domain.places import Region
from event_log.codec import decode
from event_log.log import Log
from event_log.topics import FOLLOWUP, followup_shards
from launch import cohort, regions
from launch.cohort import Answering, Count, Ledger
from launch.mailbox import Letter
from launch.supervise import backoff_s
from launch.up import Stage
from live_state import followup
from live_state.state import State
from realtime_api.issuer import LocalIssuer

SETTLED_MS = 3_000  # after the last slot closed, for the last receipts
PATIENTS_OF_EACH = 100  # of an invented physician
FEW_APART_S = 0.1  # a small cohort is not spread over a day
MORNING = 7  # o'clock, by the clocks of whoever is enrolled now: two hours before their first slot
ALWAYS_LATE_MS = 2_500  # a letter may always be, as a worker looks at the time every 2 s at least
RECENT_MS = 5_000
MOST_OF = 0.9
LOOKS_EVERY_S = 0.2
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
NEVER = 2**63
PATIENCE_S = 120.0  # a door that can't for longer ends the simulation
REQUEST_TIMEOUT_S = 30.0
RENEWS_S = 1800.0  # a token lives an hour
CAN_NOT_NOW = (429, 502, 503, 504)
OVER = (404, 409)  # the slot closed, or the link did, before the answer came


class Refused(Exception):
    """A door will not take what the cohort says, and why."""


class Told(NamedTuple):
    """What to simulate: whom, on which pathway, from which seed, and how many requests at once."""

    patients: int
    pathway: Pathway
    region: Region
    seed: int = 1
    at_once: int = 16


class Tally:
    """What the cohort itself saw, as the simulation goes."""

    def __init__(self) -> None:
        self.enrolled = self.letters = self.again = self.answered = self.late = self.silent = 0
        self.held_s = 0.0  # in which nobody was enrolled, as letters were late
        self.most_a_second = 0.0  # letters, over a few seconds


def physicians(patients: int) -> list[str]:
    """Return the subjects of the physicians whom so many patients need."""
    return [f"cohort-physician-{number}" for number in range(1, (patients - 1) // PATIENTS_OF_EACH + 2)]


def rights(patients: int, region: str, since: int) -> dict[str, tuple[Grant, ...]]:
    """Return the physicians' grants."""
    return {subject: (Grant(role="physician", scope=region, since=since),) for subject in physicians(patients)}


def morning(now: int) -> tuple[str, date]:
    """Return a time zone where it is early in the morning, and which day it is there: nobody waits for the next one."""
    ahead = MORNING - datetime.fromtimestamp(now / 1000, UTC).hour
    ahead += 24 if ahead < -12 else 0
    there = datetime.fromtimestamp(now / 1000, UTC) + timedelta(hours=ahead)
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT", there.date()


def until_first_ms(pathway: Pathway, now: int) -> int:
    """Return in how many milliseconds the first letter is due of somebody who is enrolled where it is morning."""
    there = MORNING * HOUR_MS + now % HOUR_MS
    return round((pathway.slots.times[0] * MINUTE_MS - there) / pathway.divided_by)


class Doors:
    """The public doors, as everybody of the cohort comes to them: so many at once, and patient where they can't."""

    def __init__(self, stage: Stage, at_once: int) -> None:
        self._issuer = LocalIssuer(stage.home)
        self._turns = asyncio.Semaphore(at_once)
        self._tokens: dict[str, tuple[str, float]] = {}
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        self.client = httpx.AsyncClient(base_url=stage.url, timeout=REQUEST_TIMEOUT_S, limits=limits, trust_env=False)

    async def ask(
        self, method: str, path: str, body: Any = None, subject: str = "", key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Return a door's answer, be it a refusal; raise Refused where it can't say for too long."""
        headers = {"content-type": "application/json"} | ({"idempotency-key": key} if key else {})
        headers |= {"authorization": f"Bearer {self._token(subject)}"} if subject else {}
        content = None if body is None else msgspec.json.encode(body)
        give_up_at, tries = time.monotonic() + PATIENCE_S, 0
        while True:
            async with self._turns:
                try:
                    answer = await self.client.request(method, path, content=content, headers=headers)
                    why = str(answer.status_code)
                except httpx.TransportError as error:
                    answer, why = None, type(error).__name__
            if answer is not None and answer.status_code not in CAN_NOT_NOW:
                return answer.status_code, dict(answer.json())
            if time.monotonic() > give_up_at:
                raise Refused(f"{method} {path}: {why} for {PATIENCE_S:g} s")
            await asyncio.sleep(backoff_s(tries))
            tries += 1

    def _token(self, subject: str) -> str:
        token, until = self._tokens.get(subject, ("", 0.0))
        if time.monotonic() > until:
            token, until = self._issuer.issue(subject), time.monotonic() + RENEWS_S
            self._tokens[subject] = token, until
        return token


class Cohort:
    """The patients, from their enrolment to their last slot."""

    def __init__(self, told: Told, doors: Doors) -> None:
        self.told, self.tally = told, Tally()
        self._doors = doors
        self._courses: dict[int, dict[int, Answering]] = {}
        self._links: dict[str, None] = {}
        self._names: set[str] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._awaited: dict[int, int] = {}  # who has had no letter yet → when the first is due
        self._came: deque[tuple[int, int]] = deque()  # when letters came of late, and how late
        self._recent: deque[int] = deque()  # when letters came
        self._patience_ms = max(cohort.late_ms(told.pathway), ALWAYS_LATE_MS)
        self._closes_ms = told.pathway.limits.closes_s / told.pathway.divided_by * 1000
        self.failure: BaseException | None = None

    # -- enrolling

    async def until_known(self) -> None:
        """Return once the doors know the pathway and the physicians."""
        path, give_up_at = f"/api/v1/regions/{self.told.region.code}/pathways", time.monotonic() + PATIENCE_S
        wanted = (self.told.pathway.id, self.told.pathway.version)
        while time.monotonic() < give_up_at:
            status, answer = await self._doors.ask("GET", path, subject=physicians(1)[0])
            if status == 200 and any((each["id"], each["version"]) == wanted for each in answer["pathways"]):
                return
            await asyncio.sleep(0.2)
        raise Refused(f"{'/'.join(wanted)} is not in force after {PATIENCE_S:g} s")

    async def enrol(self) -> None:
        """Return once everybody is enrolled: a large cohort evenly over one of its days, or longer.

        Nobody is enrolled while letters are late. What is due at one hour of a day is due at it again each day, and
        then without the enrolments beside it: so letters that keep up now keep up until the end.
        """
        numbers = iter(range(1, self.told.patients + 1))
        apart_s = min(FEW_APART_S, DAY_S / self.told.pathway.divided_by / self.told.patients)
        next_at = time.monotonic()

        async def some() -> None:
            nonlocal next_at
            for number in numbers:
                await self._keeps_up()
                next_at = max(time.monotonic(), next_at + apart_s)
                await asyncio.sleep(next_at - time.monotonic())
                self._awaited[number] = regions.now() + until_first_ms(self.told.pathway, regions.now())
                await self._enrol(number)
                self.tally.enrolled += 1

        await _all(some() for _ in range(self.told.at_once))

    async def _keeps_up(self) -> None:
        """Return once letters keep up with what is due."""
        since = time.monotonic()
        while self.late_ms() > self._patience_ms:
            if self.failure is not None:
                raise self.failure
            await asyncio.sleep(LOOKS_EVERY_S)
        self.tally.held_s += (time.monotonic() - since) / self.told.at_once

    def late_ms(self) -> float:
        """Return by how much letters are late now: most of those that came just now, or the first that has not come."""
        now = regions.now()
        while self._came and self._came[0][0] < now - RECENT_MS:
            self._came.popleft()
        while self._awaited and self._first_awaited_at < now - self._closes_ms:
            del self._awaited[next(iter(self._awaited))]  # it never came, as is told at the end
        came = sorted(late for _, late in self._came)
        return max(came[int(len(came) * MOST_OF)] if came else 0, now - min(now, self._first_awaited_at))

    @property
    def _first_awaited_at(self) -> int:
        return next(iter(self._awaited.values()), NEVER)

    async def _enrol(self, number: int) -> None:
        told = self.told
        departements = [each.code for each in told.region.departements]
        zone, today = morning(regions.now())
        one = cohort.invented(told.seed, number, today, departements)
        body = {
            "pathway": f"{told.pathway.id}/{told.pathway.version}",
            "file": one.file,
            "channels": ["smtp"],
            "departement": one.departement,
            "zone": zone,
            "starts_on": today.isoformat(),
        }
        subject = physicians(told.patients)[(number - 1) // PATIENTS_OF_EACH]
        self._courses[number] = cohort.course(told.seed, number, told.pathway.slots.days)
        path = f"/api/v1/regions/{told.region.code}/patients"
        status, answer = await self._doors.ask("POST", path, body, subject, key=f"cohort-{uuid.uuid4()}")
        if status not in (201, 202):
            raise Refused(f"enrolment: {status} {answer.get('title', '')} {answer.get('errors', '')}")

    # -- being written to

    def take(self, letter: Letter) -> None:
        """Read a letter: the first of a slot makes its patient answer when they will; one that came before is told."""
        number = cohort.number_of(letter.to)
        if number is None:
            return
        self.tally.letters += 1
        self._count_recent(regions.now())
        self.tally.again += letter.name in self._names
        self._names.add(letter.name)
        if letter.secret and letter.secret not in self._links:
            self._links[letter.secret] = None
            self._awaited.pop(number, None)
            task = asyncio.get_running_loop().create_task(self._answer(number, letter.secret, regions.now()))
            self._answering.add(task)
            task.add_done_callback(self._done)

    def _count_recent(self, now: int) -> None:
        """Count a letter among those of the last seconds."""
        self._recent.append(now)
        while self._recent[0] < now - RECENT_MS:
            self._recent.popleft()
        self.tally.most_a_second = max(self.tally.most_a_second, len(self._recent) / RECENT_MS * 1000)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = self.failure or task.exception()

    async def _answer(self, number: int, link: str, came_at: int) -> None:
        """Open the page of a link that came, and send what its patient answers when they do, if they do."""
        status, page = await self._doors.ask("POST", "/api/v1/answer/open", {"link": link})
        slot = page.get("slot") if status == 200 else None
        if slot is None:
            self.tally.late += page.get("status") == "followed" or status != 200  # else it is the letter of the end
            return
        self._came.append((came_at, came_at - page["due_at"]))
        wanted = self._courses[number].get(int(slot.partition("-")[0]))
        if wanted is None:
            self.tally.silent += 1
            return
        after_ms = wanted.after_h * cohort.HOUR_S * 1000 / self.told.pathway.divided_by
        await asyncio.sleep((page["due_at"] + after_ms - regions.now()) / 1000)
        body = {"link": link, "id": str(uuid.uuid4()), "slot": slot, "answers": dict(wanted.answers)}
        status, answer = await self._doors.ask("POST", "/api/v1/answers", body)
        if status in (201, 202):
            self.tally.answered += 1
        elif status in OVER:
            self.tally.late += 1
        else:
            raise Refused(f"answers: {status} {answer.get('title', '')} {answer.get('errors', '')}")

    async def over(self, log: Log) -> Count:
        """Return what became of everybody by the log, once the last slot is closed; raise what went wrong before."""
        code, pathway = self.told.region.code, self.told.pathway
        at = (await ledger_of(log, code, pathway)).over_at + SETTLED_MS
        while regions.now() < at:
            if self.failure is not None:
                raise self.failure
            await asyncio.sleep(min(0.5, max(0.0, at - regions.now()) / 1000))
        return (await ledger_of(log, code, pathway)).count(at)

    async def leave(self) -> None:
        """Return once nobody waits to answer any more."""
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)


async def _all(doing: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Return once all of these are done; the first that fails ends the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in doing:
                group.create_task(each)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


# --- read back -------------------------------------------------------------------------------------------------------


async def ledger_of(log: Log, region: str, pathway: Pathway) -> Ledger:
    """Return all that the logs of a region's followup shards tell of a cohort."""
    ledger = Ledger(pathway)
    for place in await regions.places_of(log, region, FOLLOWUP):
        async for record in log.read(FOLLOWUP, place.partition):
            event: Event | Unreadable
            try:
                event = decode(record.value)
            except Unreadable as unreadable:
                event = unreadable
            ledger.take(place.shard, Item(record.offset, event, record.appended_at))
    return ledger


class Shown(NamedTuple):
    """A cohort as the live state has it: patients by the colour of their last slot, and how many alerts are open."""

    colours: dict[str, int]
    alerts: int


async def shown(state: State, region: str, pathway: Pathway) -> Shown:
    """Return how the live state has a cohort."""
    colours: Counter[str] = Counter()
    alerts = 0
    for shard in followup_shards(region):
        build = await state.current(shard)
        held = None if build is None else await state.load(build, ["patients"])
        for packed in ({} if held is None else held[1].get("patients", {})).values():
            patient = followup.read_patient(packed)
            if patient.pathway == f"{pathway.id}/{pathway.version}":
                colours[patient.colour or "unanswered"] += 1
                alerts += patient.alert is not None
    return Shown(dict(colours), alerts)
