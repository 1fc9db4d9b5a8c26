"""What one record may lead to in a followup shard, who waits for the next one; and what a mistake of ours costs."""

import copy

import pytest

from domain.capacity.fold import Item
from domain.events import AnswersGiven, MessageWritten, Source, Tick
from domain.followup.fold import Draft, fold, needs
from tests.follow_up_days import PATIENT, WELL, FollowUp, enrolled, everything, file, instant, sealed

# -- how much one record may lead to


def test_five_thousand_patients_who_are_due_at_one_instant_wait_for_one_another_and_none_is_left_out() -> None:
    day = FollowUp(enrol=False)
    number = 5_000
    for place in range(number):
        day.fold(enrolled(f"q{place:05}", channels=("sms",)), file())
    drafts: list[Draft] = []
    for place in range(40):
        at = instant("1 9:00") + place * 1_000
        drafts.append(day.try_to_fold([Item(len(day.items), Tick(id=f"t{place}", received_at=at))]))
        day.items.append(Item(len(day.items), Tick(id=f"t{place}", received_at=at)))
        day.take(drafts[-1])
        if len(day.state.outbox) == number:
            break
    assert len(day.state.outbox) == number
    assert {notice.made_at for notice in day.state.outbox.values()} == {instant("1 9:00")}
    assert all(len(draft.patients.changed) <= 500 for draft in drafts)
    assert len(drafts) >= 10
    day.at("1 9:30")
    assert len(day.notices) == number, "each once"


@pytest.mark.parametrize("at", ["1 9:00", "1 10:00"])
def test_who_waits_waits_for_the_same_record_however_the_log_is_cut(at: str) -> None:
    day = FollowUp(enrol=False)
    for place in range(600):
        day.fold(enrolled(f"q{place:05}", channels=("sms",)), file())
    again = copy.deepcopy(day)
    ticks = [Item(1_000 + n, Tick(id=f"t{n}", received_at=instant(at) + n * 1_000)) for n in range(8)]
    for tick in ticks:
        day.take(day.try_to_fold([tick]))
    again.take(again.try_to_fold(ticks))
    assert everything(again.state) == everything(day.state)
    assert len({patient.changed for patient in day.state.patients.values()}) > 1, "some waited"
    assert all(patient.slots for patient in day.state.patients.values()), "and none is left out"


def test_so_many_charts_are_wanted_at_once_and_no_more() -> None:
    day = FollowUp(enrol=False)
    for place in range(600):
        day.fold(enrolled(f"q{place:05}", channels=()), file())
    day.state.charts = {}
    tick = Item(1_000, Tick(id="t", received_at=instant("1 12:00")))
    draft = fold(day.state, [tick], day.opened)
    assert 400 < len(draft.lacks) <= 500
    assert draft.lacks <= needs(day.state, [tick])
    assert draft.offset < 1_000


def test_what_is_due_of_whom_a_record_names_is_run_before_it() -> None:
    """Else a slot that closed meanwhile would be answered still, or a memo be told after it was done with."""
    day = FollowUp(enrol=False)
    for place in range(600):
        day.fold(enrolled(f"q{place:05}", channels=("sms",)), file())
    day.now = instant("1 12:00")
    day.event(MessageWritten, patient="q00599", text=sealed())
    assert day.state.patients["q00599"].slots["1-0900"].state == "missed"
    assert [state for state in day.state.patients.values() if not state.slots], "others wait"


def test_whom_a_record_names_never_waits_for_the_others() -> None:
    day = FollowUp(enrol=False)
    for place in range(600):
        day.fold(enrolled(f"q{place:05}", channels=("sms",)), file())
    day.now = instant("1 9:00")
    day.answer(WELL, patient="q00599", slot="1-0900")
    assert day.state.patients["q00599"].slots["1-0900"].state == "answered"
    assert "q00599/1-0900/due/sms" not in day.state.outbox
    assert 200 <= len(day.state.outbox) < 500, "others wait"


# -- what breaks


def test_what_is_due_and_breaks_costs_one_patient_and_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    day = FollowUp()
    day.enrol("p2")
    run = Draft.run

    def breaking(self: Draft, timer: str, at: int) -> None:
        if timer == PATIENT:
            raise ZeroDivisionError
        run(self, timer, at)

    monkeypatch.setattr(Draft, "run", breaking)
    draft = fold(day.state, [Item(50, Tick(id="t", received_at=instant("1 9:00")))], day.opened)
    assert draft.dead == {50: "ZeroDivisionError when it was due"}
    assert list(draft.outbox.changed) == ["p2/1-0900/due/sms"]


def test_what_is_due_for_ever_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    day = FollowUp()
    monkeypatch.setattr(Draft, "run", lambda *_: None)
    draft = fold(day.state, [Item(50, Tick(id="t", received_at=instant("1 9:00")))], day.opened)
    assert draft.dead == {50: "RuntimeError when it was due"}


def test_a_record_that_wants_a_chart_that_is_not_open_ends_the_draft_before_it() -> None:
    day = FollowUp()
    day.state.charts = {}
    ticks = [Item(50 + place, Tick(id=f"t{place}", received_at=instant(f"1 {9 + place}:00"))) for place in range(5)]
    draft = fold(day.state, ticks, day.opened)
    assert (draft.offset, draft.lacks) == (52, {PATIENT})
    assert draft.clock == instant("1 11:00")


def test_content_that_is_not_open_ends_the_draft_before_its_event() -> None:
    day = FollowUp()
    for event in (
        enrolled("p9"),
        AnswersGiven(
            id="x", received_at=day.now, source=Source("s", "api"), patient=PATIENT, slot="1-0900", answers=sealed()
        ),
    ):
        draft = fold(day.state, [Item(50, event)], {})
        assert (draft.offset, draft.lacks) == (day.state.offset, {event.patient})
