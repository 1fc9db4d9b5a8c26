"""The cohort is the same for the same seed and fares as it is said; its letters are counted as they are."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config.alerts import zone
from config.pathways import load
from domain.capacity.fold import Item
from domain.events import AnswersGiven, Event, NoticeAttempted, NoticeDelivered, NoticeFailed, PatientEnrolled, Source
from domain.followup import questionnaire
from domain.followup.pathway import Pathway, mistakes
from domain.followup.patient import Member
from domain.followup.schedule import Due, slots, steps
from domain.followup.score import Facts, score
from domain.followup.sealed import Sealed
from launch import cohort
from launch.cohort import Count, Ledger
from launch.pathways import hastened

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
COVID = next(pathway for pathway in load(OCCITANIE) if pathway.id == "medical-covid")
DAYS = COVID.slots.days
TODAY = date(2026, 6, 1)
NOON = 1_780_308_000_000  # of that day, in Paris
PARIS = zone("Europe/Paris", NOON)
FAST = hastened(COVID, 3600, 15)
SHARD = "followup:ici:0"
SEALED = Sealed(key="k", nonce=b"", content=b"")
PATIENTS = 300


# --- who they are and how they fare ----------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_patients_and_another_makes_others() -> None:
    one, again, another = ([cohort.invented(seed, n, TODAY, ["31", "34"]) for n in range(1, 50)] for seed in (1, 1, 2))
    assert one == again != another
    assert [cohort.course(1, n, DAYS) for n in range(50)] == [cohort.course(1, n, DAYS) for n in range(50)]
    assert len({(each.file["birth_name"], each.file["birth_date"]) for each in one}) == len(one)


def test_nobody_can_be_written_to_or_called_at_what_is_invented() -> None:
    for number in (1, 20_000):
        contact = cohort.invented(1, number, TODAY, ["31"]).file["contact"]
        assert contact["email"].endswith(".invalid")
        assert contact["phone"].startswith("+3363998")
        assert cohort.number_of(contact["email"]) == number
    assert cohort.number_of("somebody@example.org") is None


def test_every_answer_fits_the_questionnaire_most_are_green_and_those_who_worsen_do_so_in_the_days_of_risk() -> None:
    colours: Counter[str] = Counter()
    grave: Counter[int] = Counter()
    missing = 0
    for number in range(PATIENTS):
        course = cohort.course(1, number, DAYS)
        missing += len(DAYS) - len(course)
        for day, answering in course.items():
            assert not questionnaire.problems(COVID.questionnaire, answering.answers)
            assert not questionnaire.missing(COVID.questionnaire, answering.answers)
            result = score(COVID, Facts(age=50), dict(answering.answers), (), day)
            colours[result.colour] += 1
            grave[day] += result.colour in ("orange", "red")
    assert colours["green"] > 0.75 * colours.total()
    assert colours["red"] > 0
    assert 0.05 < missing / (PATIENTS * len(DAYS)) < 0.2
    assert sum(grave[day] for day in DAYS if day < 5) < 0.1 * grave.total()


# --- a hastened pathway ----------------------------------------------------------------------------------------------


def test_a_hastened_pathway_is_a_version_of_its_own_and_sound() -> None:
    assert FAST.version == "1-x3600"
    assert hastened(COVID, 2.5, 6).version == "1-x2.5-d6"
    assert hastened(COVID, 2.5, 6).slots.days == (1, 2, 3, 4, 5, 6)
    assert not mistakes(FAST)
    assert [path for path, _ in mistakes(hastened(COVID, 0.5, 15))] == ["divided_by"]
    assert (FAST.answer_within_s, FAST.end, FAST.scoring) == (COVID.answer_within_s, COVID.end, COVID.scoring)


def test_what_follows_enrolment_comes_so_many_times_sooner_and_what_was_before_stays() -> None:
    first = (TODAY - date(1970, 1, 1)).days
    plain, fast = (slots(pathway, first, PARIS, NOON) for pathway in (COVID, FAST))
    for ours, told in zip(fast, plain, strict=True):
        assert (ours.slot, ours.day, ours.local_day) == (told.slot, told.day, told.local_day)
        for sooner, step in zip(steps(ours), steps(told), strict=True):
            after = step.at - NOON
            assert sooner.at - NOON == (after if after <= 0 else pytest.approx(after / 3600, abs=1))
        assert ours.opens_at <= ours.due_at < ours.remind_at < ours.closes_at


# --- what the log tells ----------------------------------------------------------------------------------------------


class Told:
    """A shard's log, on which things happen to one patient of a cohort."""

    def __init__(self, pathway: Pathway = FAST) -> None:
        self.items: list[Item] = []
        self.pathway = pathway
        self.at(0, NOON, PatientEnrolled, pathway=f"{pathway.id}/{pathway.version}", **ENROLLED)

    @property
    def dues(self) -> tuple[Due, ...]:
        """Return the patient's slots."""
        return slots(self.pathway, ENROLLED["first_day"], PARIS, NOON)

    def at(self, place: int, at: int, kind: type[Event], **more: object) -> None:
        """Let something be on the log at an instant."""
        event = kind(id=f"{kind.__name__}/{place}/{at}", received_at=at, **more)  # type: ignore[arg-type]
        self.items.append(Item(len(self.items), event))

    def sent(self, due: Due, step: str, at: int) -> None:
        """Let a letter leave."""
        notice = f"p/{due.slot}/{step}/smtp"
        self.at(1, at, NoticeAttempted, notice=notice, attempt=1)
        self.at(2, at, NoticeDelivered, notice=notice)

    def answered(self, due: Due, at: int) -> None:
        """Let the patient answer a slot."""
        self.at(3, at, AnswersGiven, patient="p", slot=due.slot, answers=SEALED, by="patient")

    def counted(self, until: int) -> Count:
        """Return what the ledger makes of it."""
        ledger = Ledger(self.pathway)
        for item in self.items:
            ledger.take(SHARD, item)
        return ledger.count(until)


ENROLLED: dict[str, Any] = {
    "source": Source(id="d", door="api"),
    "patient": "p",
    "key": "k",
    "circle": (Member("d", "physician"),),
    "zone": PARIS,
    "first_day": (TODAY - date(1970, 1, 1)).days + 1,
    "file": SEALED,
}


def test_every_due_letter_of_a_slot_is_counted_until_it_is_answered() -> None:
    told = Told()
    first, second = told.dues[:2]
    told.sent(first, "due", first.due_at + 3)
    told.answered(first, first.due_at + 5)
    for step in ("due", "remind", "remind_again"):
        told.sent(second, step, {str(each.step): each.at for each in steps(second)}[step] + 1_500)
    found = told.counted(second.closes_at)
    assert found.holds
    assert (found.patients, found.slots, found.answered, found.missed) == (1, 2, 1, 1)
    assert found.due == found.delivered == {"due": 2, "remind": 1, "remind_again": 1}
    assert (found.attempted, found.late, found.late_ms) == (4, 3, (3, 1_500, 1_500, 1_500))


def test_a_letter_that_never_left_is_lost_and_one_whose_slot_was_answered_before_is_not() -> None:
    told = Told()
    first, second = told.dues[:2]
    told.answered(first, first.due_at + 1)
    found = told.counted(second.due_at)
    assert (found.lost, found.answered_first) == (1, 1)
    assert not found.holds

    slow = hastened(COVID, 360, 15)
    told = Told(slow)
    first = told.dues[0]
    told.answered(first, first.due_at + cohort.LOST_MS + 1)
    assert told.counted(first.closes_at).lost == 1, "the answer did not come before it could have left"


def test_a_lost_letter_whose_slot_had_a_later_one_was_overtaken() -> None:
    told = Told()
    first = told.dues[0]
    at = {str(each.step): each.at for each in steps(first)}
    told.sent(first, "remind", at["remind"] + 1)
    found = told.counted(first.closes_at)
    assert (found.delivered["remind"], found.lost, found.overtaken) == (1, 2, 1)
    assert not found.holds


def test_a_letter_that_was_not_due_or_came_twice_or_was_given_up_is_told() -> None:
    told = Told()
    first = told.dues[0]
    told.answered(first, first.due_at - 1)
    told.sent(first, "due", first.due_at)
    assert told.counted(first.closes_at).uncalled == 1

    told = Told()
    told.sent(first, "due", first.due_at + 1)
    told.items.append(told.items[-1]._replace(offset=99))
    assert told.counted(first.due_at).twice == 0, "one receipt, said twice"
    told.sent(first, "due", first.due_at + 2)
    assert told.counted(first.due_at).twice == 1

    told = Told()
    told.at(1, first.due_at, NoticeFailed, notice=f"p/{first.slot}/due/smtp", reason="too late")
    found = told.counted(first.due_at)
    assert (found.failed, found.lost) == ({"too late": 1}, 0)
    assert not found.holds


def test_an_answer_to_a_slot_that_is_closed_and_the_letter_of_the_end_count_for_nothing() -> None:
    told = Told()
    first = told.dues[0]
    told.sent(first, "due", first.due_at + 1)
    told.answered(first, first.closes_at)
    told.at(4, first.closes_at, NoticeDelivered, notice="p//end/smtp")
    found = told.counted(first.due_at)
    assert (found.answered, found.uncalled, found.holds) == (0, 0, True)
