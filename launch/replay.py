"""Posts a scenario's bed reports through the public door, at its pace, and reads back what became of them."""

import asyncio
import uuid
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, Literal, NamedTuple, TypeVar

import httpx
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from domain.places import Region
from launch.scenario import BedReport, Scenario

DAY_H = 24.0
MOST_ROWS = 1000  # in one list, the door's own bound
LANES = 4  # lists under way at once when nothing paces them; a ward keeps to one lane, so that its order stays
GATHER_S = 0.2  # reports due within this time travel in one list
PATIENCE_S = 300.0  # a door away for longer ends the replay
OUTCOME_PATIENCE_S = 120.0
OUTCOMES_AT_ONCE = 16
REQUEST_TIMEOUT_S = 30.0

OnDay = Callable[[date], Awaitable[None]]
Token = Callable[[], str]
T = TypeVar("T")


class Away(Exception):
    """The door can't take it now; it says after how many seconds to come back (0: it did not)."""

    def __init__(self, why: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Refused(Exception):
    """The door will never take it: scenario, region or rights don't fit. It ends the replay: nothing is dropped."""


class Told(NamedTuple):
    """How many reports and rows were told, and how many of the rows changed nothing live (older than what was held)."""

    reports: int = 0
    rows: int = 0
    history: int = 0

    def __add__(self, other: "Told") -> "Told":  # type: ignore[override]
        """Return both together."""
        return Told(self.reports + other.reports, self.rows + other.rows, self.history + other.history)


class Difference(NamedTuple):
    """A département whose COVID patients in critical care are not SI-VIC's, as read back."""

    departement: str
    expected: int
    wards: int  # sum over its critical wards
    totals: int  # sum over its totals by kind


def list_body(reports: Sequence[BedReport]) -> list[dict[str, Any]]:
    """Return the reports as the door's list of rows, in their order."""
    return [
        {
            "ward": row.ward,
            "nature": row.nature,
            "status": row.status,
            "temporality": row.temporality,
            "source_type": report.source_type,
            "splits": [msgspec.to_builtins(split) for split in row.splits],
        }
        for report in reports
        for row in report.rows
    ]


def lists(reports: Sequence[BedReport]) -> Iterator[list[BedReport]]:
    """Yield the reports in lists that the door takes; a report is never divided."""
    gathered: list[BedReport] = []
    size = 0
    for report in reports:
        if gathered and size + len(report.rows) > MOST_ROWS:
            yield gathered
            gathered, size = [], 0
        gathered.append(report)
        size += len(report.rows)
    if gathered:
        yield gathered


class Door:
    """The public HTTP door, as a patient client: what is away is tried again, with the same key, within a limit."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        token: Token,
        patience_s: float = PATIENCE_S,
        outcome_patience_s: float = OUTCOME_PATIENCE_S,
    ) -> None:
        self._client = client
        self._token = token
        self._patience_s = patience_s
        self._outcome_patience_s = outcome_patience_s
        self._run = uuid.uuid4().hex
        self._posted = 0

    async def post(self, reports: Sequence[BedReport]) -> tuple[Told, list[str]]:
        """Return what was told and the ids of the rows whose outcome is still to come."""
        self._posted += 1
        # The key makes a list that is tried again the same list: its rows keep their ids, and count once.
        key = f"replay-{self._run}-{self._posted}"
        body = list_body(reports)
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer: list[dict[str, Any]] = []
        async for attempt in self._attempts():
            with attempt:
                response = await self._send("POST", "/api/v1/bed-reports", content=content, headers=headers)
                answer = _rows_of(response, len(body))
        pending = [str(row["id"]) for row in answer if row.get("outcome") == "pending"]
        history = sum(1 for row in answer if row.get("outcome") == "history")
        return Told(len(reports), len(body), history), pending

    async def settle(self, pending: Sequence[str]) -> int:
        """Return how many of these rows became history, once every one has its outcome."""
        history = 0
        for begin in range(0, len(pending), OUTCOMES_AT_ONCE):
            outcomes = await _all(self._settled(command) for command in pending[begin : begin + OUTCOMES_AT_ONCE])
            history += sum(outcome == "history" for outcome in outcomes)
        return history

    async def capacity(self, region: str) -> dict[str, Any]:
        """Return the region's live picture, as the API gives it."""
        picture: dict[str, Any] = {}
        async for attempt in self._attempts():
            with attempt:
                response = await self._send("GET", f"/api/v1/regions/{region}/capacity")
                if response.status_code != 200:
                    raise Refused(f"capacity of {region}: {response.status_code} {response.text[:300]}")
                picture = _json(response)
        return picture

    async def _settled(self, command: str) -> str:
        pause = 0.02
        try:
            async with asyncio.timeout(self._outcome_patience_s):
                while (outcome := await self._outcome(command)) == "pending":
                    await asyncio.sleep(pause)
                    pause = min(1.0, pause * 2)
        except TimeoutError as error:
            raise Away(f"no outcome of row {command} in {self._outcome_patience_s:g} s") from error
        if outcome not in ("applied", "history"):
            raise Refused(f"row {command}: {outcome}")
        return outcome

    async def _outcome(self, command: str) -> str:
        outcome = "pending"
        async for attempt in self._attempts():
            with attempt:
                response = await self._send("GET", f"/api/v1/commands/{command}")
                if response.status_code == 200:
                    outcome = str(_json(response).get("outcome", "pending"))
                elif response.status_code not in (202, 404):  # 404: not folded yet
                    raise Refused(f"row {command}: {response.status_code} {response.text[:300]}")
        return outcome

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {**request.pop("headers", {}), "Authorization": f"Bearer {self._token()}"}
        try:
            response = await self._client.request(method, path, headers=headers, **request)
        except httpx.TransportError as error:
            raise Away(f"{type(error).__name__}: {error}") from error
        if response.status_code in (429, 502, 503, 504):
            raise Away(f"{method} {path}: {response.status_code}", _retry_after_s(response))
        return response

    def _attempts(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(Away),
            stop=stop_after_delay(self._patience_s),
            wait=_wait,
            reraise=True,
        )


_BACKOFF = wait_random_exponential(multiplier=0.1, max=5)


def _wait(state: RetryCallState) -> float:
    """Return how long to wait: what the door asked for, and never less than our own backoff."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, Away) else 0.0
    return max(asked, _BACKOFF(state))


def _retry_after_s(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(60.0, float(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0.0


def _rows_of(response: httpx.Response, expected: int) -> list[dict[str, Any]]:
    """Return the answer's rows; one that was not taken raises, as Away where it may be tried again."""
    rows = _json(response).get("rows") if response.status_code in (200, 202, 207, 422) else None
    if not isinstance(rows, list) or len(rows) != expected:
        raise Refused(f"bed reports: {response.status_code} {response.text[:500]}")
    lost = [row for row in rows if row.get("status", 500) >= 300]
    if any(row["status"] in (429, 503) for row in lost):
        raise Away(f"bed reports: {len(lost)} rows were not taken yet", _retry_after_s(response))
    if lost:
        raise Refused(f"bed reports: {len(lost)} of {expected} rows refused, the first: {lost[0]}")
    return rows


def _json(response: httpx.Response) -> dict[str, Any]:
    """Return an answer's JSON object; what is none is an empty one, which holds nothing that was hoped for."""
    try:
        found = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


@asynccontextmanager
async def door(base_url: str, token: Token) -> AsyncIterator[Door]:
    """Give a door of an address, closed at the end."""
    async with httpx.AsyncClient(base_url=base_url, timeout=REQUEST_TIMEOUT_S) as client:
        yield Door(client, token)


def days_between(scenario: Scenario, first: date, last: date) -> list[date]:
    """Return the scenario's days from the first to the last, both in; raises ValueError where it has not them all."""
    if first > last:
        raise ValueError(f"{first} is after {last}")
    if first not in scenario.days or last not in scenario.days:
        raise ValueError(f"the replay has {scenario.days[0]} to {scenario.days[-1]}, not all of {first} to {last}")
    return [day for day in scenario.days if first <= day <= last]


async def replay(
    scenario: Scenario,
    through: Door,
    days: Sequence[date],
    *,
    speed: float = 0.0,
    on_day: OnDay | None = None,
    after: Literal["stop", "hold", "loop"] = "stop",
    prime: bool = False,
) -> Told:
    """Return how much was told once the last day's reports have their outcomes.

    `speed` 3600 tells a day in 24 s; 0 tells as fast as they go. Each day has its outcomes before the next begins.
    `on_day` is awaited as a day begins. With `prime` the first day's figures are told at once, so that a screen is not
    empty for a day. `after` the last day: stop; hold its picture alive by telling it again; or loop from the first.
    """
    told = Told()
    if prime:
        await _begin(on_day, days[0])
        told += await _tell([report for report in scenario.day(days[0]) if report.last], through, 0.0)
    previous: date | None = None
    while True:
        for day in days:
            await _begin(on_day, day)
            told += await _tell(scenario.day(day, after=previous), through, speed)
            previous = day
        if after == "stop":
            return told
        while after == "hold":
            told += await _tell(scenario.day(days[-1], after=days[-1]), through, speed)


async def _begin(on_day: OnDay | None, day: date) -> None:
    if on_day is not None:
        await on_day(day)


async def _tell(reports: Sequence[BedReport], through: Door, speed: float) -> Told:
    """Return what one day's reports came to, once all have their outcomes."""
    told, pending = await (_paced(reports, through, speed) if speed else _at_once(reports, through))
    return told + Told(history=await through.settle(pending))


async def _at_once(reports: Sequence[BedReport], through: Door) -> tuple[Told, list[str]]:
    lanes: dict[int, list[BedReport]] = defaultdict(list)
    for report in reports:
        lanes[zlib.crc32(report.ward.encode()) % LANES].append(report)
    told, pending = Told(), list[str]()
    for lane_told, lane_pending in await _all(_one_lane(lane, through) for lane in lanes.values()):
        told += lane_told
        pending += lane_pending
    return told, pending


async def _all(doing: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what all of these come to, done at once; the first that fails ends the others and is raised itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in doing]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]


async def _one_lane(reports: Sequence[BedReport], through: Door) -> tuple[Told, list[str]]:
    told, pending = Told(), list[str]()
    for each in lists(reports):
        list_told, list_pending = await through.post(each)
        told += list_told
        pending += list_pending
    return told, pending


async def _paced(reports: Sequence[BedReport], through: Door, speed: float) -> tuple[Told, list[str]]:
    clock = asyncio.get_running_loop().time
    begun_at = clock()
    told, pending = Told(), list[str]()
    due = 0
    while due < len(reports):
        first_due_s = reports[due].hour * 3600 / speed
        await asyncio.sleep(max(0.0, begun_at + first_due_s - clock()))
        # A door slower than the pace finds more due each time, in lists as long as it takes.
        until_h = max(first_due_s, clock() - begun_at) * speed / 3600 + GATHER_S * speed / 3600
        end = next((place for place in range(due, len(reports)) if reports[place].hour > until_h), len(reports))
        lane_told, lane_pending = await _one_lane(reports[due:end], through)
        told += lane_told
        pending += lane_pending
        due = end
    await asyncio.sleep(max(0.0, begun_at + DAY_H * 3600 / speed - clock()))
    return told, pending


# --- reading back ----------------------------------------------------------------------------------------------------


def covid_of_wards(region: Region, wards: Mapping[str, Mapping[str, Any] | None]) -> dict[str, int]:
    """Return the COVID patients in critical care by département: the sum over ward pictures (REST or WebSocket)."""
    found = dict.fromkeys((departement.code for departement in region.departements), 0)
    for ward in region.wards:
        picture = wards.get(ward.id)
        if picture and region.kind_of[ward.kind].critical:
            found[region.facility_of[ward.facility].departement] += picture.get("covid") or 0
    return found


def covid_of_totals(region: Region, totals: Mapping[str, Mapping[str, Any] | None]) -> dict[str, int]:
    """Return the COVID patients in critical care by département: the sum over its totals by critical kind."""
    return {
        departement.code: sum(
            (totals.get(f"departement/{departement.code}/{kind.code}") or {}).get("covid") or 0
            for kind in region.kinds
            if kind.critical
        )
        for departement in region.departements
    }


def differences(scenario: Scenario, day: date, picture: Mapping[str, Any]) -> list[Difference]:
    """Return the départements whose picture is not SI-VIC's figure of the day; `picture` holds wards and totals."""
    wards = covid_of_wards(scenario.region, picture["wards"])
    totals = covid_of_totals(scenario.region, picture["totals"])
    return [
        Difference(code, expected, wards[code], totals[code])
        for code, expected in scenario.covid_in_critical_care(day).items()
        if not expected == wards[code] == totals[code]
    ]


async def verify(scenario: Scenario, through: Door, day: date) -> list[Difference]:
    """Return what the API, read now, has otherwise than SI-VIC had on this day; nothing is what it should be."""
    return differences(scenario, day, await through.capacity(scenario.region.code))
