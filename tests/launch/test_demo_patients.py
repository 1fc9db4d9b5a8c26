"""The demo's patients: whoever starts it, at whatever hour, each has a slot to answer, and none of them is anybody."""

from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.routing import Zone
from domain.followup.pathway import mistakes
from domain.followup.schedule import open_at, slots
from launch import demo, demo_patients, regions
from launch.demo_patients import AT_HOME_NOW, CONTACTS, HASTY, RESIDENCE, RESIDENTS, copies

OCCITANIE = regions.read(demo.REGION)
HERE = ZoneInfo(OCCITANIE.region.time_zone)
EVERYBODY = (*AT_HOME_NOW, *RESIDENTS, *CONTACTS)


@settings(max_examples=50, deadline=None)
@given(at=st.integers(1_767_225_600, 1_830_297_600).map(partial(datetime.fromtimestamp, tz=UTC)))
def test_each_pathway_has_a_slot_open_now_for_hours_whatever_the_hour(at: datetime) -> None:
    here = at.astimezone(HERE)
    offset = here.utcoffset()
    assert offset is not None
    now, zone = round(at.timestamp() * 1000), Zone(HERE.key, ((0, round(offset.total_seconds())),))
    today = (here.date() - date(1970, 1, 1)).days
    for pathway in copies(OCCITANIE.pathways, here):
        assert not [told for told in mistakes(pathway) if told[0].startswith(("slots", "limits", "reminders"))]
        due = open_at(slots(pathway, today, zone), now)
        assert due is not None, pathway.id
        assert due.due_at <= now
        assert due.closes_at - now > 3_600_000


def test_copies_change_when_and_nothing_else_and_a_patient_enrolled_by_hand_gets_the_patient_one() -> None:
    early, late = (copies(OCCITANIE.pathways, datetime(2026, 11, day, 3, 15, tzinfo=HERE)) for day in (2, 3))
    for made, pathway in zip(early[len(early) // 2 :], OCCITANIE.pathways, strict=True):
        assert (made.scoring, made.told, made.outside, made.limits) == (
            pathway.scoring,
            pathway.told,
            pathway.outside,
            pathway.limits,
        )
        assert made.reminders == pathway.reminders
        assert len(made.slots.times) == len(pathway.slots.times)
    for id_ in {each.id for each in early}:
        hasty = [each for each in (*early, *late) if each.id == id_ and each.reminders == HASTY]
        others = [each for each in (*early, *late) if each.id == id_ and each.reminders != HASTY]
        numbers = [[int(part) for part in each.version.split(".")] for each in (*hasty, *others)]
        assert numbers[0] > [1]  # that of the directory
        assert all(one < other for one, other in pairwise(numbers))


def test_everybody_is_invented_and_can_be_told_apart() -> None:
    phones = [demo_patients.phone(one) for one in EVERYBODY]
    assert len(set(phones)) == len(EVERYBODY)
    assert all(phone.startswith("+3363998") for phone in phones)  # of a range that is nobody's
    assert len({(one.first_name, one.name) for one in EVERYBODY}) == len(EVERYBODY)
    assert RESIDENCE in OCCITANIE.region.facility_of
    known = {each.code for each in OCCITANIE.region.departements}
    assert {one.departement for one in EVERYBODY} <= known


def test_what_they_answer_is_asked_of_them() -> None:
    asked = {each.id: each.questionnaire.item_of for each in OCCITANIE.pathways}
    for one in EVERYBODY:
        assert set(one.answers or {}) <= set(asked[one.pathway]), one.name
