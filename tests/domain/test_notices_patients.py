"""Alerts of patients, which have a plan of their own: who is told at once, who next, and what holds nothing back."""

from typing import Any

import pytest

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.notice import NO_ADDRESS, Group, NotTold
from domain.alerts.routing import ChainStep, Inhibition, Person, Route, Window
from domain.events import (
    AlertActed,
    AlertStepped,
    ChannelChanged,
    ChannelsChosen,
    EpochBegan,
    NoticeAttempted,
    OverrideEnded,
    ShiftOverridden,
    SilenceMade,
)
from tests.small_notices import (
    DAY_S,
    START,
    Timeline,
    alert,
    patient,
    people,
    published,
    routing,
    shifts,
)

MINUTE, HOUR = 60, 3_600
NINE = ChainStep(wait_s=540)
HOUR_WAIT = ChainStep(wait_s=3_600)
LOOP = ChainStep(loop=5)
BY_SMS = Person(channels={"critical": ("sms",), "warning": ("sms",)})
ON_CALL = ChainStep(on_call="medical")
RED_PLAN = (ChainStep(person="anne"), ChainStep(person="paul"), NINE, ON_CALL, NINE, LOOP)
ORANGE_PLAN = (ChainStep(person="anne"), ChainStep(person="leon"), HOUR_WAIT, LOOP)


class Ward(Timeline):
    """A timeline on which followup shards tell of patients."""

    def red(self, id_: str, plan: tuple[ChainStep, ...] = RED_PLAN, **more: Any) -> None:
        """Let a patient's red begin."""
        self.tells(patient(id_, plan=plan, since=self.now, **more))

    def orange(self, id_: str, plan: tuple[ChainStep, ...] = ORANGE_PLAN, **more: Any) -> None:
        """Let a patient's orange begin."""
        self.tells(patient(id_, "warning", plan, since=self.now, **more))

    def tells(self, told: Alert) -> None:
        """Let the shard of the patient tell that an alert fires."""
        self.step("fired", told)

    def of(self, id_: str) -> Group:
        """Return the group of an alert."""
        (group,) = (self.state.groups[each] for each in self.state.alerts[id_].groups)
        return group


def ward(persons: dict[str, Person] | None = None, **routed: Any) -> Ward:
    """Return a timeline on which Rose is on call, and some people are others than usual."""
    on_call = published("on-call/medical", shifts(("rose", 0, 40 * DAY_S)))
    return Ward(people(**(persons or {})), published("routing", routing(**routed)), on_call)


# -- a red, from its beginning to its end


def test_a_red_is_told_at_once_and_goes_on_until_somebody_takes_it_and_a_person_closes_it() -> None:
    day = ward({"rose": BY_SMS})
    day.at(900).red("p1")
    assert day.told() == [("anne", "sms", "first"), ("anne", "smtp", "first"), ("paul", "sms", "first")]
    assert day.of("p1").status == "telling"
    day.at(960).sees("anne", "p1")
    day.at(970).sees("paul", "p1")
    assert day.of("p1").next_at == START + (900 + 2 * 540) * 1000, "seen by two, and it buys nine minutes once"
    assert day.at(900 + 540).waiting() == []
    day.at(900 + 1_080)
    assert (day.of("p1").told[-1].person, day.of("p1").told[-1].reason) == ("rose", "escalated")
    assert day.of("p1").unanswered_at is None
    day.at(900 + 1_080 + 540)
    assert day.told() == [("anne", "sms", "repeat"), ("anne", "smtp", "repeat"), ("paul", "sms", "repeat")]
    assert (day.of("p1").status, day.of("p1").unanswered_at) == ("unanswered", START + 2_520_000)
    assert [line.what for line in day.lines["p1"]].count("unanswered") == 1
    day.at(2_600).takes("paul", "p1")
    assert (day.of("p1").status, day.of("p1").taken_by, day.of("p1").next_at) == ("taken", "paul", None)
    assert day.at(2 * HOUR).told() == []
    day.reopens("p1")
    assert [told[:2] for told in day.told()] == [("anne", "sms"), ("anne", "smtp"), ("paul", "sms")]
    assert day.of("p1").told[-1].reason == "reopened"
    day.at(2 * HOUR + 60).takes("paul", "p1")
    day.ends("p1", why="closed", outcome="acted")
    assert day.of("p1").status == "resolved"
    assert {told[2] for told in day.told()} == {"resolved"}
    assert day.at(DAY_S).told() == []
    held = day.state.alerts["p1"]
    assert held.alert.outcome == "acted"
    assert held.seen_by == {"anne": START + 960_000, "paul": START + 970_000}


def test_a_red_that_nobody_takes_is_never_let_be() -> None:
    """The loop has an end, and begins anew after it."""
    day = ward()
    day.red("p1")
    times = 0
    for minute in range(0, 24 * 60, 3):
        told = day.at(minute * 60).told()
        times += any(person == "anne" for person, _, _ in told)
    assert times >= 24 * 60 / 18 - 8, "at every pass of 18 minutes, but for the pause between two of the chain"
    assert day.of("p1").status == "unanswered"


def test_a_plan_without_anybody_on_call_goes_on_with_whom_it_names() -> None:
    day = Ward(people(), published("routing", routing()))
    day.red("p1")
    day.told()
    day.at(540)
    assert NotTold("nobody on call", START + 540_000, by="medical") in day.of("p1").not_told
    assert [told[2] for told in day.told()] == ["repeat"] * 3, "to wait for nobody would help nobody"


def test_outside_staffed_hours_the_plan_itself_begins_with_whoever_is_on_call() -> None:
    day = ward({"rose": BY_SMS})
    day.red("p1", plan=(ON_CALL, NINE, ChainStep(person="paul"), NINE, LOOP))
    assert day.of("p1").to == ("rose",)
    day.told()
    day.at(540)
    assert day.told() == [("paul", "sms", "escalated")]


def test_an_orange_that_turns_red_begins_the_plan_of_the_red_at_once() -> None:
    day = ward({"leon": Person(channels={})})
    day.orange("p1")
    day.told()
    day.at(60).changes("worsened", "p1", severity="critical", plan=RED_PLAN)
    assert day.told() == [("anne", "sms", "worse"), ("anne", "smtp", "worse"), ("paul", "sms", "worse")]
    assert day.of("p1").next_at == START + 600_000
    day.at(600)
    assert "rose" in day.of("p1").to


def test_a_red_that_somebody_has_and_that_worsens_is_told_again() -> None:
    day = ward()
    day.orange("p1")
    day.told()
    day.at(60).takes("anne", "p1")
    day.at(120).changes("reopened", "p1", severity="critical", status="firing", taken_by=None, plan=RED_PLAN)
    assert {told[2] for told in day.told()} == {"worse"}


def test_another_plan_of_a_running_alert_goes_on_with_whom_it_did_not_tell() -> None:
    day = ward()
    day.red("p1")
    day.told()
    wider = (ChainStep(person="anne"), ChainStep(person="paul"), ChainStep(person="leon"), NINE, LOOP)
    day.at(60).changes("commented", "p1", by="anne", plan=wider)
    day.at(540)
    assert day.of("p1").to == ("anne", "paul", "leon")


def test_each_patient_has_a_group_of_their_own() -> None:
    day = ward()
    day.red("p1")
    day.red("p2")
    assert day.of("p1").id != day.of("p2").id
    assert {notice.alerts for notice in day.waiting()} == {("p1",), ("p2",)}
    assert day.of("p1").route == "", "no route of the region has this name"


def test_the_next_alert_of_a_patient_is_another_one_with_a_telling_of_its_own() -> None:
    day = ward()
    day.red("p1")
    day.told()
    day.at(30).ends("p1", why="closed")
    day.told()
    day.at(60).red("p1-again", subject="patient/of-p1")
    assert {told[2] for told in day.told()} == {"first"}


def test_a_message_leads_to_the_patients_page_and_says_nothing_of_them() -> None:
    day = ward()
    day.red("p1")
    for notice in day.waiting():
        assert notice.link == "/patients/of-p1"
        assert notice.title.fr == "Patient suivi à domicile"


# -- what holds a red back: nothing


def test_no_silence_holds_a_patients_alert_back() -> None:
    day = ward()
    for matchers in ({"concern": ("patients",)}, {"region": ("ici",)}, {"severity": ("critical", "warning")}):
        span: dict[str, Any] = {"since": day.now, "until": START + DAY_S * 1_000}
        assert day.event(SilenceMade, by="anne", matchers=matchers, reason="travaux", **span).outcome == "applied"
    day.red("p1")
    day.orange("p2")
    assert day.state.alerts["p1"].silenced_by is None
    assert {notice.alerts for notice in day.waiting()} == {("p1",), ("p2",)}


def test_a_silence_that_is_made_later_stops_no_escalation() -> None:
    day = ward()
    day.red("p1")
    day.told()
    span: dict[str, Any] = {"since": day.now, "until": START + DAY_S * 1_000}
    day.event(SilenceMade, by="anne", matchers={"rule": ("patient",)}, reason="travaux", **span)
    day.at(540)
    assert "rose" in day.of("p1").to


def test_no_other_alert_covers_a_patients_red_and_it_covers_none() -> None:
    covers = Inhibition(source={"severity": ("critical",)}, target={"region": ("ici",)}, equal=("region",))
    day = ward(inhibitions=(covers,))
    day.fires("w1", severity="critical")
    day.at(10).red("p1")
    assert day.state.alerts["p1"].inhibited_by is None
    assert ("p1",) in {notice.alerts for notice in day.waiting()}
    day.ends("w1")
    day.at(20).fires("w2")
    assert day.state.alerts["w2"].inhibited_by is None


def test_quiet_hours_hold_an_orange_back_and_no_red() -> None:
    sleeper = Person(channels={"critical": ("sms",), "warning": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60))
    day = ward({"anne": sleeper, "leon": sleeper})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, LOOP))
    assert day.told() == [("anne", "sms", "first")]
    day.orange("p2")
    assert day.told() == []
    assert {each.why for each in day.of("p2").not_told} == {"quiet hours"}
    day.at(8 * HOUR)
    assert {told[0] for told in day.told() if told[2] == "first"} == {"anne", "leon"}


def test_whoever_is_on_call_has_no_quiet_hours_for_patients() -> None:
    sleeper = Person(channels={"critical": ("sms",), "warning": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60))
    day = ward({"anne": sleeper, "rose": sleeper})
    day.orange("p1", plan=(ON_CALL, HOUR_WAIT, ChainStep(person="anne"), HOUR_WAIT, LOOP))
    assert day.told() == [("rose", "sms", "first")]
    day.at(3_600)
    assert NotTold("quiet hours", day.now, "anne", START + 8 * HOUR * 1_000) in day.of("p1").not_told or day.of(
        "p1"
    ).quiet.keys() == {"anne"}


def test_an_orange_that_turns_red_at_night_wakes_whom_it_let_sleep() -> None:
    sleeper = Person(channels={"critical": ("sms",), "warning": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60))
    day = ward({"anne": sleeper, "leon": sleeper})
    day.orange("p1")
    assert (day.of("p1").status, day.waiting()) == ("quiet", [])
    day.at(60).changes("worsened", "p1", severity="critical", plan=RED_PLAN)
    assert day.told() == [("anne", "sms", "worse"), ("paul", "sms", "worse")]


def test_a_group_wait_delays_no_red() -> None:
    day = ward(route={"group_wait_s": 600, "group_interval_s": 3_600, "group_by": ("region",)})
    day.red("p1")
    day.at(1).red("p2")
    assert {notice.alerts for notice in day.waiting()} == {("p1",), ("p2",)}


def test_a_route_that_matches_all_sends_no_patients_alert_anywhere() -> None:
    day = ward(route={"routes": (Route(id="all", match={"region": ("ici",)}, webhooks=("elsewhere",)),)})
    day.red("p1")
    assert day.of("p1").route == ""
    assert all(not notice.person.startswith("webhook:") for notice in day.waiting())
    before = dict(day.state.groups)
    day.fold(published("routing", routing(), at=day.now, id_="another"))
    assert day.state.groups == before, "another routing changes nothing of it"


def test_a_storm_of_other_alerts_does_not_make_a_red_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.alerts.fold.MOST_BYTES_AT_ONCE", 1)
    day = ward()
    for number in range(5):
        day.fires(f"w{number}", labels={"departement": str(number)})
    day.at(4.9)
    day.red("p1")
    assert {notice.alerts for notice in day.waiting()} >= {("p1",)}


# -- who is told, and who is not


def test_a_person_of_whom_nothing_is_known_is_told_by_the_app() -> None:
    day = ward()
    day.red("p1", plan=(ChainStep(person="somebody"), NINE, LOOP))
    assert day.waiting() == []
    assert [(told.person, told.channel) for told in day.of("p1").told] == [("somebody", "app")]
    assert day.state.alerts["p1"].told == ("somebody",)
    assert day.of("p1").next_at == START + 540_000, "they get their time"
    assert day.sees("somebody", "p1").outcome == "applied"
    assert day.of("p1").delayed


def test_a_person_of_whom_nothing_is_known_may_still_have_chosen() -> None:
    day = ward()
    day.event(ChannelsChosen, by="somebody", channels={"critical": ("push",)})
    day.red("p1", plan=(ChainStep(person="somebody"), NINE, LOOP))
    assert day.told() == [("somebody", "push", "first")]
    assert {told.channel for told in day.of("p1").told} == {"app", "push"}


def test_a_circle_that_has_the_app_alone_buys_no_wait_while_the_plan_names_somebody_else() -> None:
    """Nobody may look at the app for hours."""
    plan = (ChainStep(person="one"), ChainStep(person="other"), NINE, ON_CALL, NINE, LOOP)
    day = ward({"rose": BY_SMS})
    day.red("p1", plan=plan)
    assert day.told() == [("rose", "sms", "first")]
    assert day.of("p1").to == ("one", "other", "rose")
    assert (day.of("p1").next_at, day.of("p1").unanswered_at) == (START + 540_000, None)
    day = ward({"rose": BY_SMS})
    day.red("p1", plan=plan)
    day.at(10).fails(to="rose")
    assert day.of("p1").unanswered_at == START + 10_000, "whoever has the app alone is nobody to be waited for"
    day = ward({"rose": BY_SMS})
    day.orange("p1", plan=plan)
    assert day.waiting() == [], "an orange can wait"
    day = ward()
    day.red("p1", plan=plan)
    assert day.of("p1").to == ("one", "other"), "whoever is on call has no more than they: each gets their time"


def test_who_was_never_given_an_address_buys_no_wait_of_a_red_either() -> None:
    day = ward({"anne": Person(channels={"critical": ("app", "sms")}), "rose": BY_SMS})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, ON_CALL, NINE, LOOP))
    day.at(10).fails(to="anne", why=NO_ADDRESS)
    assert day.told() == [("rose", "sms", "escalated")]


def test_who_has_the_app_alone_buys_no_wait_in_any_loop() -> None:
    """Else whoever is on call would be rung half as often from the second loop on as in the first."""
    circle_first = (ChainStep(person="one"), NINE, ON_CALL, NINE, LOOP)
    circle_last = (ON_CALL, NINE, ChainStep(person="one"), NINE, LOOP)
    for plan in (circle_first, circle_last):
        day = ward({"rose": BY_SMS})
        day.red("p1", plan=plan)
        rung = []
        for minute in range(5 * 9 + 1):
            rung += [minute for person, _, _ in day.at(minute * MINUTE).told() if person == "rose"]
        assert rung == [0, 9, 18, 27, 36, 45], plan


def test_who_was_never_given_an_address_buys_no_wait_at_the_end_of_a_loop_either() -> None:
    plan = (ChainStep(person="paul"), NINE, ChainStep(person="anne"), NINE, LOOP)
    day = ward({"anne": Person(channels={"critical": ("app", "sms")})})
    day.red("p1", plan=plan)
    day.told()
    day.at(540).fails(to="anne", why=NO_ADDRESS)
    assert day.told() == [("paul", "sms", "repeat")]
    assert day.of("p1").next_at == START + 1_080_000
    day = ward({"anne": Person(channels={"critical": ("app", "sms")}), "paul": Person(channels={})})
    day.red("p1", plan=plan)
    day.at(10).fails(to="anne", why=NO_ADDRESS)
    assert day.waiting() == [], "nobody else rings: there is nothing better than to wait for them"


def with_mssante(*channels: str) -> Person:
    """Return a person who is told by these channels whatever it is."""
    return Person(channels={"critical": channels, "warning": channels, "info": channels})


def test_mssante_alone_has_told_nobody_of_a_red() -> None:
    day = ward({"anne": with_mssante("mssante")})
    day.red("p1")
    assert day.told() == [("anne", "mssante", "first"), ("paul", "sms", "first")]
    assert day.of("p1").to == ("paul",)
    assert day.state.alerts["p1"].told == ("paul",)
    assert NotTold("no channel", START, "anne") in day.of("p1").not_told
    assert day.of("p1").reached == ("paul",), "that the mailbox took it reaches nobody"


def test_where_all_have_mssante_alone_nobody_is_told_and_that_is_said() -> None:
    day = ward({"anne": with_mssante("mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, LOOP))
    assert [notice.channel for notice in day.waiting()] == ["mssante"]
    assert (day.of("p1").status, day.of("p1").unanswered_at) == ("unanswered", START)
    day.told()
    day.at(540)
    assert [notice.channel for notice in day.waiting()] == ["mssante"], "and again: it may be set right meanwhile"


def test_an_orange_may_be_told_by_mssante() -> None:
    day = ward({"anne": with_mssante("mssante")})
    day.orange("p1", plan=(ChainStep(person="anne"), HOUR_WAIT, LOOP))
    assert day.told() == [("anne", "mssante", "first")]
    assert day.of("p1").reached == ("anne",)


def test_a_trace_that_is_still_on_its_way_makes_nobody_wait_for_it() -> None:
    day = ward({"anne": with_mssante("sms", "mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, ChainStep(person="paul"), NINE, LOOP))
    day.at(10).fails(channel="sms")
    assert day.of("p1").to == ("anne", "paul"), "the only message that could have told somebody is lost"


def test_a_trace_that_is_lost_changes_nothing() -> None:
    day = ward({"anne": with_mssante("sms", "mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, ChainStep(person="paul"), NINE, LOOP))
    day.at(10).fails(channel="mssante")
    assert day.of("p1").next_at == START + 540_000
    assert day.told() == [("anne", "sms", "first")]


def test_a_channel_that_goes_down_brings_the_next_person_of_the_plan() -> None:
    day = ward({"anne": with_mssante("sms", "mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, ChainStep(person="paul"), NINE, LOOP))
    day.at(10).event(ChannelChanged, channel="sms", up=False)
    assert "paul" in day.of("p1").to


def test_whom_a_trace_may_have_reached_is_not_told_of_the_end() -> None:
    day = ward({"anne": with_mssante("mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, LOOP))
    for notice in day.waiting():
        day.event(NoticeAttempted, notice=notice.id, attempt=1)
    day.at(10).ends("p1", why="closed")
    assert day.waiting() == []


# -- who comes to it later

SLEEPER = Person(channels={"critical": ("sms",), "warning": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60))
NIGHT_PLAN = (ON_CALL, NINE, ChainStep(person="anne"), NINE, LOOP)


def night(*duties: tuple[str, float, float], **persons: Person) -> Ward:
    """Return a ward where these are on call, from and until so many seconds after the start; all are rung."""
    everybody = dict.fromkeys(("anne", "paul", "rose", "leon"), BY_SMS) | persons
    return Ward(people(**everybody), published("routing", routing()), published("on-call/medical", shifts(*duties)))


def test_who_comes_into_a_circle_of_which_nobody_could_be_told_is_told_at_once() -> None:
    """Between two loops nobody is told for minutes."""
    day = ward({"anne": with_mssante("mssante")})
    day.red("p1", plan=(ChainStep(person="anne"), NINE, LOOP))
    day.told()
    assert (day.of("p1").status, day.of("p1").next_step) == ("unanswered", 0)
    day.at(60).changes("replanned", "p1", plan=(ChainStep(person="anne"), ChainStep(person="paul"), NINE, LOOP))
    assert day.told() == [("paul", "sms", "first")]
    assert day.of("p1").next_at == START + 540_000, "the chain keeps its time"


def test_who_comes_into_a_plan_that_was_gone_through_once_is_told_at_once_wherever_it_names_them() -> None:
    day = night(("rose", 0, DAY_S))
    day.red("p1", plan=(ChainStep(person="anne"), NINE, ON_CALL, NINE, LOOP))
    for minute in (0, 9, 18):
        day.at(minute * MINUTE).told()
    assert (day.of("p1").loops, day.of("p1").next_step) == (1, 2)
    later = (ChainStep(person="anne"), NINE, ON_CALL, ChainStep(person="leon"), NINE, LOOP)
    day.at(19 * MINUTE).changes("replanned", "p1", plan=later)
    assert day.told() == [("leon", "sms", "first")]
    assert day.of("p1").next_at == START + 27 * MINUTE * 1_000


def test_who_comes_into_a_circle_that_sleeps_is_told_at_once() -> None:
    day = ward({"anne": SLEEPER})
    day.orange("p1", plan=(ChainStep(person="anne"), HOUR_WAIT, LOOP))
    assert (day.of("p1").status, day.told()) == ("quiet", [])
    day.at(60).changes("replanned", "p1", plan=(ChainStep(person="anne"), ChainStep(person="paul"), HOUR_WAIT, LOOP))
    assert day.told() == [("paul", "smtp", "first")]
    assert day.of("p1").quiet.keys() == {"anne"}


def test_the_same_plan_told_again_tells_nobody_anything() -> None:
    """As of a shard that was folded anew."""
    day = ward({"anne": SLEEPER})
    day.orange("p1", plan=(ChainStep(person="anne"), HOUR_WAIT, LOOP))
    before = day.of("p1")
    day.at(60).changes("replanned", "p1")
    assert (day.told(), day.of("p1")) == ([], before)


def test_who_relieves_somebody_on_call_is_told_at_once_of_what_came_to_them() -> None:
    for torn in (False, True):
        day = night(("rose", 0, 300), ("paul", 300, DAY_S))
        day.reload = torn
        day.red("p1", plan=NIGHT_PLAN)
        day.red("p2")
        day.tells(patient("p3", plan=NIGHT_PLAN, since=day.now))
        day.takes("rose", "p3")
        day.told()
        day.at(299)
        assert day.told() == []
        day.at(300)
        assert [(notice.person, notice.alerts) for notice in day.arrives()] == [("paul", ("p1",))]
        assert day.of("p1").next_at == START + 540_000, "the chain keeps its time"
        assert day.of("p2").to == ("anne", "paul"), "it has not come to whoever is on call"
        assert day.at(539).told() == []


def test_who_stands_in_and_who_another_calendar_names_is_told_at_once_too() -> None:
    day = night(("rose", 0, DAY_S))
    day.red("p1", plan=NIGHT_PLAN)
    day.told()
    day.at(60)
    span: dict[str, Any] = {"since": day.now, "until": day.now + 3_600_000}
    leon: dict[str, Any] = {"schedule": "medical", "person": "leon", "reason": "malade"}
    assert day.event(ShiftOverridden, by="boss", id_="leon", **leon, **span).outcome == "applied"
    assert day.told() == [("leon", "sms", "first")]
    assert day.event(OverrideEnded, by="boss", override="leon").outcome == "applied"
    assert day.told() == [], "who was told knows"
    day.at(120).fold(published("on-call/medical", shifts(("paul", 0, DAY_S)), at=day.now, id_="anew"))
    assert day.told() == [("paul", "sms", "first")]


def test_who_comes_on_call_while_all_others_sleep_is_told_at_once() -> None:
    day = night(("paul", 600, DAY_S), anne=SLEEPER)
    day.orange("p1", plan=(ON_CALL, HOUR_WAIT, ChainStep(person="anne"), HOUR_WAIT, LOOP))
    assert (day.of("p1").status, day.told()) == ("quiet", [])
    day.at(600)
    assert day.told() == [("paul", "sms", "first")]


def test_who_was_told_while_on_call_is_remembered_beside_those_whom_the_plan_names() -> None:
    day = night(("rose", 0, 300), ("paul", 300, DAY_S))
    day.red("p1", plan=NIGHT_PLAN)
    assert day.state.alerts["p1"].called == ("rose",)
    day.at(540)
    held = day.state.alerts["p1"]
    assert (held.called, held.told) == (("rose", "paul"), ("rose", "paul", "anne"))


# -- handed over


def test_what_is_handed_over_is_told_at_once_also_to_one_of_whom_nothing_is_known() -> None:
    day = ward()
    day.red("p1")
    day.told()
    day.at(60).takes("anne", "p1")
    day.changes("handed_over", "p1", by="anne", to="somebody", taken_by="somebody")
    assert day.of("p1").told[-1].person == "somebody"
    assert day.of("p1").status == "taken"


def test_what_was_handed_over_to_a_mailbox_alone_waits_for_somebody_again() -> None:
    day = ward({"leon": with_mssante("mssante")})
    day.red("p1")
    day.told()
    day.at(60).takes("anne", "p1")
    day.changes("handed_over", "p1", by="anne", to="leon", taken_by="leon")
    assert day.state.alerts["p1"].adrift
    assert next(told for told in day.told() if told[2] == "reopened")[0] == "anne"


# -- what is not for this shard


def test_what_is_done_on_a_patients_page_alone_is_refused_here() -> None:
    day = ward()
    day.red("p1")
    for act in ("take", "hand_over", "resolve", "comment"):
        said = day.event(AlertActed, by="anne", alert="p1", act=act, to="paul", text="x")
        assert (said.outcome, said.reason) == ("refused", "open the file")
    assert day.state.alerts["p1"].alert.status == "firing"


def test_another_life_of_a_shards_log_ends_what_the_one_before_told_of_and_no_other() -> None:
    day = ward()
    for number in (1, 2):
        place: dict[str, Any] = {"shard": f"followup:ici:{number}", "epoch": "e1", "offset": 7, "n": 0}
        day.event(AlertStepped, **place, step=Step("fired", day.now, patient(f"p{number}", plan=RED_PLAN)))
    day.told()
    assert day.event(EpochBegan, shard="followup:ici:2", epoch="e2").outcome == "applied"
    assert day.state.alerts["p2"].alert.why == "gone"
    assert day.of("p2").status == "resolved"
    assert day.state.alerts["p1"].alert.status == "firing"
    assert day.of("p1").status == "telling"


def test_each_of_the_four_shards_has_a_mark_of_its_own() -> None:
    day = ward()
    for number in range(4):
        told = patient(f"p{number}")
        shard = f"followup:ici:{number}"
        place: dict[str, Any] = {"shard": shard, "epoch": "e1", "offset": 7, "n": 0}
        said = day.event(AlertStepped, **place, step=Step("fired", day.now, told))
        assert said.outcome == "applied"
        assert day.event(AlertStepped, **place, step=Step("fired", day.now, told)).outcome == "history"
    assert {shard: (mark.offset, mark.n) for shard, mark in day.state.upto.items()} == {
        f"followup:ici:{number}": (7, 0) for number in range(4)
    }


def test_patients_alerts_are_counted_by_what_they_were_worth() -> None:
    day = ward()
    day.red("p1")
    day.told()
    day.at(60).takes("anne", "p1")
    day.at(120).ends("p1", why="closed", outcome="acted")
    (key,) = (key for key in day.state.worth if key.startswith("patient/"))
    worth = day.state.worth[key]
    assert (worth.raised, worth.notified, worth.taken, worth.acted, worth.took_s) == (1, 1, 1, 1, (60.0,))


def test_an_alert_of_a_patient_without_any_plan_goes_down_no_route() -> None:
    """It would be told to strangers; that nobody is told is said."""
    day = ward()
    day.red("p1", plan=())
    assert day.waiting() == []
    assert day.of("p1").status == "unanswered"


def test_other_alerts_are_told_of_as_ever() -> None:
    day = ward()
    day.red("p1")
    day.told()
    day.at(10).step("fired", alert("w1", since=day.now))
    assert day.waiting() == []
    assert day.at(15).told() == [("anne", "sms", "first")]
