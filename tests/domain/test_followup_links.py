"""When the links that a patient was sent open no more: the question that is open goes again, with another link."""

from typing import Any

import pytest

from domain.events import CircleChanged, FollowUpMoved, LinksRevoked, NoticeDelivered
from domain.followup.chart import Caregiver, Contact
from domain.followup.patient import Member
from tests.follow_up_days import NURSE, PATIENT, WELL, FollowUp, answers, file, pathway, sealed

PHONE, EMAIL = "+33600000000", "jeanne@example.invalid"
ELSEWHERE = Contact(phone="+33611111111", email=EMAIL)


def waits(day: FollowUp) -> list[str]:
    """Return the messages that are to be sent to the patient."""
    return sorted(id_.removeprefix(f"{PATIENT}/") for id_ in day.state.outbox)


def sent(day: FollowUp) -> FollowUp:
    """Return the same, all that is to be sent having been."""
    for id_ in list(day.state.outbox):
        day.event(NoticeDelivered, by=None, notice=id_)
    return day


def moved(day: FollowUp, **more: Any) -> FollowUp:
    """Return the same, the patient being written to elsewhere."""
    assert day.change_file(**({"contact": ELSEWHERE} | more)).outcome == "applied"
    return day


def test_where_links_are_revoked_the_open_question_goes_again_under_a_name_of_its_own() -> None:
    day = sent(FollowUp().at("1 9:10"))
    assert day.event(LinksRevoked, id_="lost", by=NURSE).outcome == "applied"
    assert (day.patient.links, waits(day)) == (1, ["1-0900/again-1/sms"])
    notice = day.state.outbox[f"{PATIENT}/1-0900/again-1/sms"]
    assert (notice.reason, notice.give_up_at) == ("questionnaire", day.patient.slot and day.patient.slot.closes_at)
    assert day.lines()[-1] == "links_revoked"


def test_a_deed_that_is_told_twice_is_done_once() -> None:
    day = sent(FollowUp().at("1 9:10"))
    for _ in range(2):
        day.event(LinksRevoked, id_="lost")
    assert (day.patient.links, waits(day)) == (1, ["1-0900/again-1/sms"])
    day.event(LinksRevoked, id_="lost again")
    assert (day.patient.links, waits(day)) == (2, ["1-0900/again-2/sms"]), "what has not gone yet goes once"


def test_whoever_was_reminded_is_asked_again_by_every_channel() -> None:
    day = sent(FollowUp().at("1 10:10"))
    day.event(LinksRevoked)
    assert waits(day) == ["1-0900/again-1/smtp", "1-0900/again-1/sms"] or waits(day) == [
        "1-0900/again-1/sms",
        "1-0900/again-1/smtp",
    ]


def test_an_answer_takes_the_question_back() -> None:
    day = sent(FollowUp().at("1 9:10"))
    day.event(LinksRevoked)
    assert day.answer(WELL).outcome == "applied"
    assert waits(day) == []


def test_a_reminder_says_no_more_than_the_question_that_did_not_go_yet() -> None:
    day = sent(FollowUp().at("1 9:10"))
    day.event(LinksRevoked)
    day.at("1 10:00")
    assert waits(day) == ["1-0900/remind/sms", "1-0900/remind/smtp"]


def test_nothing_is_sent_where_nothing_is_asked() -> None:
    early = FollowUp()
    early.event(LinksRevoked)
    assert (early.patient.links, waits(early)) == (1, [])
    done = sent(FollowUp().at("1 9:10"))
    done.answer(WELL)
    done.event(LinksRevoked)
    assert (done.patient.links, waits(done)) == (1, [])
    paused = sent(FollowUp().at("1 9:10"))
    paused.event(FollowUpMoved, move="pause", reason=sealed())
    paused.event(LinksRevoked)
    assert (paused.patient.links, waits(paused)) == (1, [])
    by_staff = FollowUp(pathway(answered_by="staff")).at("1 9:10")
    by_staff.event(LinksRevoked)
    assert (by_staff.patient.links, waits(by_staff)) == (1, [])


def test_whom_the_question_reached_elsewhere_alone_was_not_asked() -> None:
    """What went to a number that is no longer theirs asked nobody: that no answer came says so."""
    day = moved(sent(FollowUp().at("1 9:10")))
    assert not day.patient.slots["1-0900"].reached
    sent(day).at("1 10:00")
    assert day.patient.slots["1-0900"].reached


def test_another_address_revokes_links_with_the_change_itself() -> None:
    day = moved(sent(FollowUp().at("1 9:10")))
    assert (day.patient.links, waits(day)) == (1, ["1-0900/again-1/sms"])


def test_a_change_that_is_refused_revokes_nothing() -> None:
    day = sent(FollowUp().at("1 9:10"))
    day.event(CircleChanged, add=(Member("other", "nurse"),))
    assert day.event(LinksRevoked, by="nobody").reason == "not in the circle"
    assert (day.patient.links, waits(day)) == (0, [])


@pytest.mark.parametrize(
    ("before", "after", "is_moved"),
    [
        ({}, {}, False),
        ({}, {"used_name": "AUTRE"}, False),
        ({}, {"contact": Contact(phone="+33 6 00 00 00 00", email=EMAIL)}, False),
        ({}, {"contact": Contact(phone=PHONE, email="elsewhere@example.invalid")}, False),  # not written to there
        ({}, {"contact": ELSEWHERE}, True),
        ({}, {"contact": Contact(phone="", email=EMAIL)}, True),
        (
            {"contact": Contact(), "caregivers": (Caregiver("Luc", "fils", Contact(phone=PHONE)),)},
            {"contact": Contact(), "caregivers": (Caregiver("Luc", "fils", Contact(phone="+33622222222")),)},
            True,
        ),
    ],
)
def test_links_end_where_the_patient_is_no_longer_written_to(
    before: dict[str, Any], after: dict[str, Any], is_moved: bool
) -> None:
    day = FollowUp(content=file(**before), channels=("sms",)).at("1 9:10")
    assert day.change_file(**after).outcome == "applied"
    assert day.patient.links == int(is_moved)


def test_memory_that_is_lost_in_between_changes_nothing() -> None:
    day = FollowUp()
    day.reload = True
    moved(sent(day.at("1 9:10")))
    assert (day.patient.links, waits(day)) == (1, ["1-0900/again-1/sms"])
    assert day.answer(answers(pain=True)).outcome == "applied"
    assert waits(day) == []
