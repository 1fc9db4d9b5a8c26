"""A followup shard and its region's notices, joined as the forwarder joins them: from an answer to who is told."""

from typing import Any

from domain.alerts.lifecycle import Step
from domain.alerts.notice import Group
from domain.alerts.routing import OnCall, People, Person, Shift
from domain.events import (
    AlertSeen,
    AlertsStood,
    AlertStepped,
    CaseFound,
    CircleChanged,
    Counted,
    PatientAlertActed,
    SilenceMade,
    Tick,
    WordSent,
)
from domain.followup.crossing import Case, Count, Crossing, Standing, Stepped, Word
from domain.followup.patient import Member
from tests.follow_up_days import DOCTOR, NURSE, ORANGE, RED, SHARD, WELL, FollowUp, instant, sealed
from tests.small_notices import PEOPLE, Timeline, published, routing

NIGHT_DOCTOR = "night-doctor"
BY_SMS = Person(channels={"critical": ("sms",), "warning": ("sms",)})
NOBODY_OF_THE_CIRCLE = People(people=PEOPLE | {NIGHT_DOCTOR: Person(channels={"critical": ("sms",)})})
EVERYBODY = People(people=NOBODY_OF_THE_CIRCLE.people | {DOCTOR: BY_SMS, NURSE: BY_SMS})
MINUTE_MS = 60_000


class Region:
    """The two shards: each minute is folded in both, and whatever crosses is taken over at once."""

    def __init__(self, people: People = EVERYBODY) -> None:
        self.home = FollowUp()
        self.notices = Timeline(published("people", people), published("routing", routing(schedules=("nights",))))
        nights = Shift(NIGHT_DOCTOR, instant("1 0:00"), instant("9 0:00"))
        self.notices.fold(published("on-call/nights", OnCall(shifts=(nights,), read_at=instant("1 0:00"))))
        self.now = instant("1 8:00")
        self._taken_over = 0

    def at(self, told: str) -> "Region":
        """Return the same, when it is so late."""
        until = instant(told)
        while self.now < until:
            self.now = min(until, self.now + MINUTE_MS)
            self.home.now = self.notices.now = self.now
            self.home.fold(Tick(id=f"home-{self.now}", received_at=self.now))
            self.cross()
            self.notices.fold(Tick(id=f"notices-{self.now}", received_at=self.now))
        return self

    def cross(self) -> None:
        """Take over what crosses, twice each, as after a worker's death."""
        fresh, self._taken_over = self.home.steps[self._taken_over :], len(self.home.steps)
        for _ in range(2):
            for offset, n, crossing in fresh:
                self.take_over(offset, n, crossing)

    def take_over(self, offset: int, n: int, crossing: Crossing) -> None:
        """Take over one thing that crosses."""
        place: dict[str, Any] = {"shard": SHARD, "epoch": "e1", "offset": offset, "n": n}
        place["id_"] = f"{SHARD}/e1/{offset}/{n}"
        match crossing:
            case Stepped(step=step):
                self.notices.event(AlertStepped, step=step, **place)
            case Case():
                self.notices.event(CaseFound, case=crossing, **place)
            case Count():
                self.notices.event(Counted, count=crossing, **place)
            case Word():
                self.notices.event(WordSent, word=crossing, **place)
            case Standing():
                self.notices.event(AlertsStood, standing=crossing, **place)

    def answer(self, told: Any) -> None:
        """Let the patient answer."""
        assert self.home.answer(told).outcome == "applied"
        self.cross()

    def acts(self, act: str, by: str, **more: Any) -> None:
        """Let somebody of the circle do something with the alert that is open."""
        alert = self.home.patient.alert
        assert alert is not None
        assert self.home.event(PatientAlertActed, by=by, alert=alert.id, act=act, **more).outcome == "applied"
        self.cross()

    def sees(self, by: str) -> None:
        """Let somebody have seen the alert that is open."""
        alert = self.home.patient.alert
        assert alert is not None
        self.notices.event(AlertSeen, by=by, alerts=(alert.id,))

    @property
    def group(self) -> Group:
        """Return how the alert is told of."""
        return self.notices.group

    @property
    def told(self) -> list[tuple[str, str, int]]:
        """Return who was told why, and at which minute of the first day."""
        return [(each.person, each.reason, (each.at - instant("1 0:00")) // MINUTE_MS) for each in self.group.told]


def test_a_red_by_day_goes_to_the_circle_then_to_whoever_is_on_call_until_a_person_closes_it() -> None:
    region = Region().at("1 9:05")
    region.answer(RED)
    nine_five = 9 * 60 + 5
    circle = [(DOCTOR, "first", nine_five), (NURSE, "first", nine_five)]
    assert region.told == circle
    region.at("1 9:06").sees(DOCTOR)
    region.at("1 9:22")
    assert region.told == circle, "having seen it bought nine minutes"
    region.at("1 9:23")
    assert region.told[2:] == [(NIGHT_DOCTOR, "escalated", nine_five + 18)]
    region.at("1 9:31")
    assert region.group.unanswered_at is None
    region.at("1 9:32")
    assert region.group.unanswered_at == region.now
    assert region.told[3:] == [(DOCTOR, "repeat", nine_five + 27), (NURSE, "repeat", nine_five + 27)]
    region.at("1 9:35").acts("take", NURSE, check_at=instant("1 10:00"))
    assert (region.group.next_at, region.group.taken_by) == (None, NURSE)
    region.at("1 10:00")
    assert region.told[5:] == [(DOCTOR, "reopened", 600), (NURSE, "reopened", 600)]
    region.at("1 10:02").acts("take", DOCTOR, check_at=instant("1 11:00"))
    region.acts("close", DOCTOR, outcome="acted", text=sealed("vue"))
    assert region.group.resolved_at == region.now
    before = len(region.told)
    assert len(region.at("1 18:00").told) == before


def test_a_red_of_a_circle_that_nothing_rings_is_told_to_whoever_is_on_call_at_once() -> None:
    """Who enrolled a patient need not be among the region's people: they have the app, and may not look at it."""
    region = Region(NOBODY_OF_THE_CIRCLE).at("1 9:05")
    region.answer(RED)
    assert [person for person, _, _ in region.told] == [DOCTOR, NURSE, NIGHT_DOCTOR]
    assert {at for _, _, at in region.told} == {9 * 60 + 5}


def test_a_red_at_night_begins_with_whoever_is_on_call() -> None:
    region = Region().at("1 9:05")
    region.answer(WELL)
    region.at("1 20:30").answer(RED)
    assert region.told == [(NIGHT_DOCTOR, "first", 20 * 60 + 30)]
    region.at("1 20:39")
    assert [person for person, _, _ in region.told[1:]] == [DOCTOR, NURSE]


def test_an_orange_that_worsens_is_told_by_the_plan_of_the_red() -> None:
    region = Region().at("1 9:05")
    region.answer(ORANGE)
    assert [person for person, _, _ in region.told] == [NURSE]
    region.at("1 9:20").answer(RED)
    assert region.told[1:] == [(NURSE, "worse", 9 * 60 + 20), (DOCTOR, "worse", 9 * 60 + 20)]
    region.at("1 9:29")
    assert region.told[3:] == [(NIGHT_DOCTOR, "escalated", 9 * 60 + 29)]


def test_whoever_comes_into_the_circle_of_an_open_alert_is_told_of_it_at_once_and_who_left_no_more() -> None:
    region = Region().at("1 9:05")
    region.answer(RED)
    region.at("1 9:07")
    add = (Member("successor", "physician"),)
    assert region.home.event(CircleChanged, by=DOCTOR, add=add, remove=(NURSE, DOCTOR)).outcome == "applied"
    region.cross()
    nine_seven = 9 * 60 + 7
    assert region.told[2:] == [("successor", "first", nine_seven)]
    region.at("1 9:14")
    assert region.told[3:] == [(NIGHT_DOCTOR, "escalated", 9 * 60 + 14)], "the chain keeps its time"
    region.at("1 9:40")
    assert {person for person, _, _ in region.told[4:]} == {"successor", NIGHT_DOCTOR}


def test_at_a_change_of_shift_whoever_comes_is_told_at_once_and_who_was_told_is_remembered() -> None:
    region = Region(People(people=EVERYBODY.people | {"day-doctor": BY_SMS})).at("1 9:05")
    evening, night = instant("1 20:00"), instant("9 0:00")
    shifts = (Shift("day-doctor", instant("1 0:00"), evening), Shift(NIGHT_DOCTOR, evening, night))
    region.notices.fold(published("on-call/nights", OnCall(shifts=shifts, read_at=region.now), at=region.now))
    region.answer(WELL)
    region.at("1 19:50").answer(RED)
    assert [person for person, _, _ in region.told] == [DOCTOR, NURSE]
    region.at("1 19:59")
    assert region.told[2:] == [("day-doctor", "escalated", 19 * 60 + 59)]
    region.at("1 20:00")
    assert region.told[3:] == [(NIGHT_DOCTOR, "first", 20 * 60)]
    (held,) = region.notices.state.alerts.values()
    assert held.called == ("day-doctor", NIGHT_DOCTOR)
    region.at("1 20:07")
    assert len(region.told) == 4
    assert region.at("1 20:08").told[4:] == [(DOCTOR, "repeat", 20 * 60 + 8), (NURSE, "repeat", 20 * 60 + 8)]


def test_what_somebody_had_who_left_the_circle_is_told_to_those_who_are_there() -> None:
    region = Region().at("1 9:05")
    region.answer(RED)
    region.acts("take", NURSE, check_at=instant("1 11:00"))
    before = len(region.told)
    assert region.home.event(CircleChanged, by=DOCTOR, remove=(NURSE,)).outcome == "applied"
    region.cross()
    region.at("1 9:06")
    assert region.told[before:] == [(DOCTOR, "reopened", 9 * 60 + 5)]


def test_a_silence_of_everything_in_the_region_changes_nothing_of_it() -> None:
    silenced, free = Region(), Region()
    for region in (silenced, free):
        region.at("1 9:05")
    span: dict[str, Any] = {"since": silenced.now, "until": instant("2 9:00")}
    made = silenced.notices.event(SilenceMade, by="boss", matchers={"region": ("ici",)}, reason="travaux", **span)
    assert made.outcome == "applied"
    for region in (silenced, free):
        region.answer(RED)
        region.at("1 10:00")
    assert silenced.told == free.told


def test_of_a_shard_that_was_folded_anew_what_is_open_is_told_once_and_what_is_not_is_over() -> None:
    before, after = Region().at("1 9:05"), Region().at("1 9:05")
    before.answer(RED)
    [fired] = [crossing for _, _, crossing in before.home.steps if isinstance(crossing, Stepped)]
    alert = fired.step.alert
    stands = Stepped(Step(what="replanned", at=before.now, alert=alert))
    told = list(before.told)
    for region in (before, after):  # one knows the alert, to the other it was never told
        region.take_over(10_000, 0, stands)
        region.take_over(10_000, 1, Standing(region.now, (alert.id,)))
        region.at("1 9:06")
        assert region.told == told
        assert region.notices.state.alerts[alert.id].alert.status == "firing"
        region.take_over(10_001, 0, Standing(region.now, ()))
        assert region.notices.state.alerts[alert.id].alert.status == "resolved"
        region.at("1 10:00")
        assert region.told == told
