"""A cohort is enrolled as fast as its letters come, and no faster."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from config.alerts import zone
from domain.followup.schedule import slots
from launch import cohort, cohort_run, regions
from launch.cohort_command import enrolled
from launch.cohort_run import Cohort, Doors, Told, morning, until_first_ms
from launch.mailbox import Letter
from launch.pathways import hastened

DOCUMENT = regions.read("occitanie")
COVID = next(each for each in DOCUMENT.pathways if each.id == "medical-covid")
SPEED = 36_000  # a day lasts 2.4 s, and a letter is due 0.1 to 0.2 s after an enrolment
WITHIN_S = 10.0


class Written(Doors):
    """Doors behind which letters leave at once where they are let, and else never."""

    def __init__(self) -> None:
        self.leave, self.due_at = True, 0
        self.enrolled: list[int] = []
        self.cohort: Cohort | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, subject: str = "", key: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Enrol somebody, or open a letter's page."""
        if path == "/api/v1/answer/open":
            return 200, {"slot": "1-0900", "due_at": self.due_at or regions.now(), "status": "followed"}
        if path == "/api/v1/answers":
            return 201, {}
        number = cohort.number_of(body["file"]["contact"]["email"])
        assert number is not None
        self.enrolled.append(number)
        if self.leave:
            self.write(number)
        return 201, {}

    def write(self, number: int) -> None:
        """Let somebody's letter come."""
        assert self.cohort is not None
        self.cohort.take(Letter(cohort.email_of(number), f"letter-{number}", f"secret-{number}"))


async def until(holds: Callable[[], bool]) -> None:
    """Return once something holds that time alone brings."""
    async with asyncio.timeout(WITHIN_S):
        for _ in iter(holds, True):
            await asyncio.sleep(0.01)


def enrolling(patients: int) -> tuple[Cohort, Written]:
    """Return a cohort at such doors."""
    doors = Written()
    told = Told(patients, hastened(COVID, SPEED, 1), DOCUMENT.region, at_once=2)
    doors.cohort = Cohort(told, doors)
    return doors.cohort, doors


@pytest.mark.parametrize("minute", [0, 17, 59])
def test_when_the_first_letter_is_due_is_what_the_schedule_says(minute: int) -> None:
    fast = hastened(COVID, 120, 15)
    now = regions.now() // cohort_run.HOUR_MS * cohort_run.HOUR_MS + minute * cohort_run.MINUTE_MS + 1
    name, today = morning(now)
    first = slots(fast, (today - date(1970, 1, 1)).days, zone(name, now), now)[0]
    assert first.due_at - now == pytest.approx(until_first_ms(fast, now), abs=2)


async def test_nobody_is_enrolled_while_letters_do_not_come_and_all_are_once_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cohort_run, "ALWAYS_LATE_MS", 0)
    one, doors = enrolling(60)
    doors.leave = False
    task = asyncio.create_task(one.enrol())
    await until(lambda: one.late_ms() > 200)
    before = len(doors.enrolled)
    assert 0 < before < 20
    await asyncio.sleep(0.3)
    assert len(doors.enrolled) <= before + 2, "but for those who were at the door"
    doors.leave = True
    for number in list(doors.enrolled):
        doors.write(number)
    async with asyncio.timeout(WITHIN_S):
        await task
    assert sorted(doors.enrolled) == list(range(1, 61))
    assert one.tally.held_s > 0.2
    await one.leave()


async def test_letters_that_come_late_hold_enrolment_for_as_long_as_they_did_of_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cohort_run, "RECENT_MS", 400)
    one, doors = enrolling(4)
    doors.due_at = regions.now() - 5_000
    one._courses[1] = {}
    doors.write(1)
    await until(lambda: one.late_ms() > 0)
    assert one.late_ms() >= 5_000
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*(one._keeps_up() for _ in range(2)))
    assert one.late_ms() == 0
    assert one.tally.held_s >= 0.2
    await one.leave()


async def test_a_letter_that_never_comes_holds_no_cohort_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_run, "ALWAYS_LATE_MS", 0)
    one, doors = enrolling(3)
    doors.leave = False
    async with asyncio.timeout(WITHIN_S):
        await one.enrol()
    assert sorted(doors.enrolled) == [1, 2, 3]
    await one.leave()


def test_a_speed_is_told_at_which_letters_keep_up_where_they_did_not() -> None:
    told = Told(20_000, hastened(COVID, 240, 15), DOCUMENT.region)
    assert enrolled(told, 361.0, 0.4) == "20000 patients enrolled in 361 s"
    assert enrolled(told, 720.0, 90.0).endswith("90 s of it waiting for letters: they keep up at a speed of about 120")
    assert enrolled(told, 300.0, 90.0).endswith("about 240"), "they did"
