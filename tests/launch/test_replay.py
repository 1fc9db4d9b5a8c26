"""The replay posts every report through the door, whatever the door does, and what is read back is what was real."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from config.region import load
from domain.capacity.fold import CapacityState, fold
from domain.events import BedsReported, Event, Source, Split
from launch import replay_data
from launch.replay import (
    MOST_ROWS,
    Away,
    Difference,
    Door,
    Refused,
    Told,
    covid_of_totals,
    covid_of_wards,
    days_between,
    differences,
    list_body,
    lists,
    replay,
    verify,
)
from launch.scenario import BedReport, Scenario
from tests.small_region import items, published

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
FIRST = date(2020, 3, 18)
PEAK = date(2020, 4, 8)


@pytest.fixture(scope="module")
def occitanie() -> Scenario:
    """Return the spring of 2020 in Occitanie."""
    region = load(OCCITANIE)
    return Scenario(region, replay_data.load(OCCITANIE, region))


class FoldingDoor:
    """A door with the real fold right behind it; `trouble` may answer a request in the door's place."""

    def __init__(self, scenario: Scenario) -> None:
        self.state = CapacityState()
        self._fold([published(scenario.region)])
        self.keys: dict[str, list[str]] = {}
        self.rows_posted = 0
        self.lists_posted = 0
        self.tokens: set[str] = set()
        self.pending: set[str] = set()
        self.trouble: Callable[[httpx.Request, int], httpx.Response | None] = lambda request, place: None
        self.answer_pending = False
        self._requests = 0

    def _fold(self, events: list[Event]) -> None:
        draft = fold(self.state, items(events, self.state.offset + 1))
        draft.draw()
        self.state.absorb(draft)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Return what the API would."""
        self._requests += 1
        self.tokens.add(request.headers["Authorization"])
        instead = self.trouble(request, self._requests)
        if instead is not None:
            return instead
        path = request.url.path
        if request.method == "POST" and path == "/api/v1/bed-reports":
            return self.take(request)
        if path.startswith("/api/v1/commands/"):
            command = path.rpartition("/")[2]
            if command in self.pending:
                self.pending.discard(command)
                return httpx.Response(404)
            return httpx.Response(200, json={"outcome": "applied"})
        assert path == "/api/v1/regions/occitanie/capacity"
        return httpx.Response(
            200,
            json={
                "wards": msgspec.to_builtins(self.state.wards),
                "totals": msgspec.to_builtins(self.state.totals),
            },
        )

    def take(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a list; a key that was taken before changes nothing."""
        key = request.headers["Idempotency-Key"]
        rows: list[dict[str, Any]] = json.loads(request.content)
        assert 0 < len(rows) <= MOST_ROWS
        if key not in self.keys:
            ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key}/{place}")) for place in range(len(rows))]
            self.keys[key] = ids
            self.lists_posted += 1
            self.rows_posted += len(rows)
            clock = self.state.clock + 1
            self._fold([self.event(id_, row, clock) for id_, row in zip(ids, rows, strict=True)])
            if self.answer_pending:
                self.pending.update(ids)
        outcome = (
            {"status": 202, "outcome": "pending"} if self.answer_pending else {"status": 201, "outcome": "applied"}
        )
        taken = [{"index": place, "id": id_, **outcome} for place, id_ in enumerate(self.keys[key])]
        return httpx.Response(202 if self.answer_pending else 200, json={"rows": taken})

    def event(self, id_: str, row: dict[str, Any], clock: int) -> BedsReported:
        """Return a row as the event that it becomes."""
        return BedsReported(
            id=id_,
            received_at=clock,
            happened_at=clock,
            ward=row["ward"],
            nature=row["nature"],
            status=row["status"],
            temporality=row["temporality"],
            source=Source(id="replay", door="api", type=row["source_type"]),
            splits=tuple(msgspec.convert(split, Split) for split in row["splits"]),
        )

    @asynccontextmanager
    async def opened(self, **limits: float) -> AsyncIterator[Door]:
        """Give the replay's client of this door."""
        transport = httpx.MockTransport(self.answer)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            yield Door(client, lambda: "the-token", **limits)


@pytest.fixture
def behind(occitanie: Scenario) -> FoldingDoor:
    """Return a door that takes everything."""
    return FoldingDoor(occitanie)


def expected(scenario: Scenario, day: date) -> tuple[int, int]:
    """Return how many reports and rows a day has."""
    reports = scenario.day(day)
    return len(reports), sum(len(report.rows) for report in reports)


async def test_after_each_day_the_picture_is_si_vics(occitanie: Scenario, behind: FoldingDoor) -> None:
    days = days_between(occitanie, date(2020, 4, 5), date(2020, 4, 7))
    begun: list[date] = []
    async with behind.opened() as through:

        async def on_day(day: date) -> None:
            if begun:
                assert await verify(occitanie, through, begun[-1]) == []
            begun.append(day)

        told = await replay(occitanie, through, days, on_day=on_day)
        assert await verify(occitanie, through, days[-1]) == []
        other_day = await verify(occitanie, through, FIRST)
        assert "31" in [difference.departement for difference in other_day], "verify can find a difference"
    assert begun == days
    assert told.rows == behind.rows_posted == sum(expected(occitanie, day)[1] for day in days)
    assert told.history == 0
    assert behind.tokens == {"Bearer the-token"}


async def test_a_door_that_is_away_for_a_while_loses_and_repeats_nothing(
    occitanie: Scenario, behind: FoldingDoor
) -> None:
    """Refused for now, cut off before it took the list, or after: each time the same list comes again."""
    seen: Counter[str] = Counter()

    def trouble(request: httpx.Request, place: int) -> httpx.Response | None:
        key = request.headers.get("Idempotency-Key", "")
        seen[key] += 1
        if seen[key] > 1 or request.method != "POST":
            return None
        match place % 5:
            case 0:
                return httpx.Response(503, headers={"Retry-After": "0"})
            case 1:
                return httpx.Response(429)
            case 2:
                raise httpx.ConnectError("refused")
            case 3:
                behind.take(request)
                raise httpx.ReadTimeout("taken, but the answer was lost")
            case _:
                rows = [{"index": n, "status": 503} for n in range(len(json.loads(request.content)))]
                return httpx.Response(207, json={"rows": rows})

    behind.trouble = trouble
    async with behind.opened() as through:
        told = await replay(occitanie, through, [PEAK])
        assert await verify(occitanie, through, PEAK) == []
    assert (told.reports, told.rows) == expected(occitanie, PEAK)
    assert behind.rows_posted == told.rows
    assert max(seen.values()) == 2


async def test_outcomes_that_come_later_are_waited_for(occitanie: Scenario, behind: FoldingDoor) -> None:
    behind.answer_pending = True
    async with behind.opened() as through:
        reports = [report for report in occitanie.day(PEAK) if report.last][:60]
        told, pending = await through.post(reports)
        assert len(pending) == told.rows == len(behind.pending)
        assert await through.settle(pending) == 0
    assert behind.pending == set()


async def test_an_outcome_that_never_comes_ends_the_wait(behind: FoldingDoor) -> None:
    behind.trouble = lambda request, place: httpx.Response(404)
    async with behind.opened(outcome_patience_s=0.1) as through:
        with pytest.raises(Away, match=r"no outcome of row some-id in 0\.1 s"):
            await through.settle(["some-id"])


async def test_a_door_that_stays_away_ends_the_replay(occitanie: Scenario, behind: FoldingDoor) -> None:
    behind.trouble = lambda request, place: httpx.Response(503)
    async with behind.opened(patience_s=0.2) as through:
        with pytest.raises(Away, match="503"):
            await replay(occitanie, through, [PEAK])


async def test_retry_after_is_heeded(behind: FoldingDoor, occitanie: Scenario) -> None:
    asked_at: list[float] = []
    clock = asyncio.get_running_loop().time

    def trouble(request: httpx.Request, place: int) -> httpx.Response | None:
        asked_at.append(clock())
        return httpx.Response(503, headers={"Retry-After": "1"}) if len(asked_at) == 1 else None

    behind.trouble = trouble
    async with behind.opened() as through:
        await through.post(occitanie.day(PEAK)[:1])
    assert asked_at[1] - asked_at[0] >= 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"title": "sign in"}),
        httpx.Response(413),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"rows": []}),
        httpx.Response(422, json={"rows": [{"index": 0, "status": 422, "problem": {"detail": "unknown ward"}}] * 3}),
    ],
)
async def test_what_the_door_will_never_take_is_said_and_not_dropped(
    occitanie: Scenario, behind: FoldingDoor, answer: httpx.Response
) -> None:
    behind.trouble = lambda request, place: answer
    report = next(report for report in occitanie.day(PEAK) if len(report.rows) == 3)
    async with behind.opened() as through:
        with pytest.raises(Refused, match=str(answer.status_code) if answer.status_code != 422 else "unknown ward"):
            await through.post([report])


async def test_one_refused_row_ends_the_replay_with_its_reason(occitanie: Scenario, behind: FoldingDoor) -> None:
    """From whichever of the lists under way it comes."""

    def trouble(request: httpx.Request, place: int) -> httpx.Response | None:
        if place < 3:
            return None
        rows: list[dict[str, Any]] = [{"index": n, "status": 201} for n in range(len(json.loads(request.content)))]
        rows[-1] = {"index": len(rows) - 1, "status": 403, "problem": {"detail": "another ward's token"}}
        return httpx.Response(207, json={"rows": rows})

    behind.trouble = trouble
    async with behind.opened() as through:
        with pytest.raises(Refused, match="another ward's token"):
            await replay(occitanie, through, [PEAK])


async def test_a_paced_day_takes_its_time_and_keeps_its_order(occitanie: Scenario, behind: FoldingDoor) -> None:
    clock = asyncio.get_running_loop().time
    async with behind.opened() as through:
        begun_at = clock()
        told = await replay(occitanie, through, [PEAK], speed=86_400)
        took = clock() - begun_at
        assert await verify(occitanie, through, PEAK) == []
    assert took >= 1.0
    assert (told.reports, told.rows) == expected(occitanie, PEAK)


async def test_a_primed_replay_has_its_first_picture_at_once(occitanie: Scenario, behind: FoldingDoor) -> None:
    """Before the first hour of the first day comes, the picture is that day's."""
    begun: list[date] = []

    async def on_day(day: date) -> None:
        begun.append(day)
        if len(begun) == 2:
            raise asyncio.CancelledError

    async with behind.opened() as through:
        with pytest.raises(asyncio.CancelledError):
            await replay(occitanie, through, [PEAK], speed=3600, on_day=on_day, prime=True)
        assert await verify(occitanie, through, PEAK) == []
    assert begun == [PEAK, PEAK]


@pytest.mark.parametrize(("after", "told_again"), [("loop", [FIRST, FIRST, FIRST]), ("hold", [FIRST])])
async def test_after_the_last_day_it_loops_or_holds_the_last_picture(
    occitanie: Scenario, behind: FoldingDoor, after: Any, told_again: list[date]
) -> None:
    """Both go on until they are stopped, and the picture stays alive; only a loop begins days again."""
    begun: list[date] = []
    _, rows = expected(occitanie, FIRST)
    enough = asyncio.Event()

    def trouble(request: httpx.Request, place: int) -> httpx.Response | None:
        if behind.rows_posted > 2 * rows:
            enough.set()
        return None

    async def on_day(day: date) -> None:
        begun.append(day)

    behind.trouble = trouble
    async with behind.opened() as through, asyncio.TaskGroup() as group:
        going = group.create_task(replay(occitanie, through, [FIRST], on_day=on_day, after=after))
        await asyncio.wait_for(enough.wait(), 30)
        going.cancel()
    assert begun[:3] == told_again


def test_lists_are_as_long_as_the_door_takes_and_divide_no_report(occitanie: Scenario) -> None:
    reports = occitanie.day(PEAK)
    cut = list(lists(reports))
    assert [report for each in cut for report in each] == reports
    sizes = [len(list_body(each)) for each in cut]
    assert max(sizes) <= MOST_ROWS
    assert all(size > MOST_ROWS - 10 for size in sizes[:-1])


def test_a_row_on_the_wire_has_what_the_door_knows(occitanie: Scenario) -> None:
    report: BedReport = next(
        report for report in occitanie.day(PEAK) if report.ward == "310783055/rea-adulte" and len(report.rows) > 4
    )
    rows = {row["status"]: row for row in list_body([report])}
    assert set(rows) == {"01", "02", "03", "04", "05", "06"}
    assert set(rows["03"]) == {"ward", "nature", "status", "temporality", "source_type", "splits"}
    assert [split["assignment"] for split in rows["03"]["splits"]] == ["02", "03"]
    assert rows["06"]["splits"][0] == {"count": 0, "extra": "01", "crisis": "02"}
    assert json.loads(json.dumps(rows)) == rows


def test_days_outside_the_scenario_are_refused(occitanie: Scenario) -> None:
    assert len(days_between(occitanie, FIRST, date(2020, 3, 24))) == 7
    with pytest.raises(ValueError, match="the replay has 2020-03-18 to 2020-06-30"):
        days_between(occitanie, FIRST, date(2020, 7, 1))
    with pytest.raises(ValueError, match="is after"):
        days_between(occitanie, PEAK, FIRST)


def test_a_difference_names_the_departement_and_both_readings(occitanie: Scenario) -> None:
    """A total that lost a ward is as wrong as a ward."""
    ward = next(ward for ward in occitanie.region.wards if ward.id.startswith("4600") and ward.kind == "rea-adulte")
    real = occitanie.covid_in_critical_care(FIRST)
    wards = {ward.id: {"covid": real["46"]}, "unknown": None}
    totals = {f"departement/{code}/rea-adulte": {"covid": patients or None} for code, patients in real.items()}
    assert covid_of_wards(occitanie.region, wards)["46"] == real["46"]
    assert covid_of_totals(occitanie.region, totals) == real
    found = differences(occitanie, PEAK, {"wards": wards, "totals": totals})
    peak = occitanie.covid_in_critical_care(PEAK)
    assert Difference("46", peak["46"], real["46"], real["46"]) in found


def test_what_was_told_adds_up() -> None:
    assert Told(1, 2, 3) + Told(10, 20, 30) == Told(11, 22, 33)
