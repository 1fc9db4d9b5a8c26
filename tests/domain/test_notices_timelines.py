"""The notices fold as it happens: who is told what, when, and who is not, and why."""

import time
from typing import Any

import pytest

from domain.alerts.fold import Draft, Item, fold
from domain.alerts.lifecycle import Step
from domain.alerts.notice import NotTold
from domain.alerts.routing import ChainStep, People, Person, Route, Window
from domain.events import (
    AlertStepped,
    ChannelsChosen,
    NoticeAttempted,
    NoticeDelivered,
    OverrideEnded,
    ShiftOverridden,
    SilenceMade,
    Tick,
)
from domain.places import Words
from tests.small_notices import (
    DAY_S,
    OWNER,
    PEOPLE,
    START,
    Timeline,
    alert,
    chain,
    people,
    published,
    routing,
    shifts,
)

MINUTE, HOUR = 60, 3600
ANNE = ChainStep(person="anne")
PAUL = ChainStep(person="paul")
LEON = ChainStep(person="leon")
NINE_MINUTES = ChainStep(wait_s=540)


def day_of(*steps: ChainStep, **more: Any) -> Timeline:
    """Return a timeline on which these steps are the only chain."""
    return Timeline(people(), published("routing", routing(chain(*steps), **more)))


# -- groups


def test_one_notice_after_the_group_wait_and_the_next_person_when_nobody_takes_it() -> None:
    """At 900 s firing, at 905 s one notice to A, at 1,445 s not taken → B."""
    day = Timeline()
    day.at(900).fires("w1")
    assert (day.group.status, day.at(904.999).waiting()) == ("waiting", [])
    assert day.at(905).told() == [("anne", "sms", "first")]
    assert day.group.status == "telling"
    assert day.at(1_444.999).waiting() == []
    assert day.at(1_445).told() == [("paul", "smtp", "escalated")]


def test_what_comes_within_the_group_wait_is_told_at_once_and_together() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(3).fires("w2", "w3", severity="critical")
    (sms, mail) = day.at(5).waiting()
    assert (sms.channel, mail.channel, sms.severity) == ("sms", "smtp", "critical")
    assert set(sms.alerts) == {"w1", "w2", "w3"}
    assert sms.title.fr == "3 alertes · Réa pleine w2, Réa pleine w3, Réa pleine w1"
    assert sms.title.en == "3 alerts · ICU full w2, ICU full w3, ICU full w1"
    assert sms.link == f"/alerts?group={day.group.id}"
    assert day.state.alerts["w2"].told == ("anne",)


def test_each_group_is_told_apart() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.fires("w2", labels={"departement": "81"})
    assert len(day.state.groups) == 2
    assert day.at(5).told() == [("anne", "sms", "first")] * 2


def test_one_alert_is_told_in_its_own_words() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    (sms,) = day.at(5).waiting()
    assert (sms.title.fr, sms.text.en, sms.todo.fr) == ("Réa pleine w1", "92%", "Appeler le service")


def test_what_is_new_in_a_group_is_told_after_the_group_interval() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).fires("w2")
    day.at(90).fires("w3")
    assert day.at(304.9).told() == []
    assert day.at(305).told() == [("anne", "sms", "grew")]
    assert day.at(545).told() == [("paul", "smtp", "escalated")], "the chain kept its own time"


def test_an_alert_that_is_over_before_the_group_wait_tells_nobody() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(4).ends("w1")
    assert [(line.what, line.text) for line in day.lines["w1"]][-1] == ("not_told", "over")
    assert day.group.not_told == (NotTold("over", START + 4_000),)
    assert day.at(DAY_S).told() == []
    assert day.group.status == "resolved"


def test_those_told_are_told_once_that_it_is_over_by_their_channels_for_info() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2", severity="critical")
    assert day.at(5).told() == [("anne", "sms", "first"), ("anne", "smtp", "first")]
    day.at(60).ends("w1")
    assert day.told() == []
    day.at(70).ends("w2")
    assert day.at(369.9).told() == [], "they may be back at once"
    (over,) = day.at(370).arrives()
    assert (over.person, over.channel, over.reason, over.severity) == ("anne", "smtp", "resolved", "info")
    assert set(over.alerts) == {"w1", "w2"}
    assert over.title.fr.startswith("Terminé : 2 alertes")
    assert day.at(DAY_S).told() == []


def test_whoever_no_message_reached_is_not_told_that_it_is_over() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    assert len(day.at(5).waiting()) == 1
    day.at(60).ends("w1")
    assert day.waiting() == []
    assert day.group.not_told[-1].why == "over"
    assert day.group.told[-1].why == "over"


def test_a_message_that_may_have_arrived_is_followed_by_its_end() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    (sms,) = day.at(5).waiting()
    day.event(NoticeAttempted, notice=sms.id, attempt=1)
    day.at(60).ends("w1")
    assert day.at(360).told() == [("anne", "smtp", "resolved")]


def test_a_group_that_fires_again_waits_for_its_interval_and_names_no_message_twice() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    (first,) = day.at(5).arrives()
    day.at(10).ends("w1")
    assert day.at(310).told() == [("anne", "smtp", "resolved")]
    day.at(320).fires("w2")
    assert day.at(609.9).waiting() == [], "300 s after it was last told of anything, at 310 s"
    (again,) = day.at(610).arrives()
    assert (again.reason, again.person) == ("first", "anne")
    assert again.id != first.id


# -- taken in


def test_nobody_else_is_told_once_somebody_has_every_alert() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    assert day.group.status == "telling"
    day.at(70).takes("anne", "w2")
    assert (day.group.status, day.group.taken_by, day.group.next_at) == ("taken", "anne", None)
    assert day.at(DAY_S).told() == []


def test_what_is_opened_again_begins_its_chain_anew() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(545).told()
    day.at(600).takes("paul", "w1", "w2")
    day.at(7_800).reopens("w1", "w2")
    (again,) = day.at(7_805).arrives()
    assert (again.person, again.reason) == ("anne", "reopened")
    assert again.title.fr.startswith("Rouverte : 2 alertes")
    assert day.at(8_345).told() == [("paul", "smtp", "escalated")]


def test_what_is_new_in_a_group_that_somebody_has_begins_the_chain_after_the_interval() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.at(70).fires("w2")
    assert day.group.status == "waiting"
    assert day.at(304.9).told() == []
    assert day.at(305).told() == [("anne", "sms", "first")]


def test_the_rest_that_somebody_has_is_taken_when_the_other_alerts_are_over() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.at(70).ends("w2")
    assert (day.group.status, day.group.taken_by) == ("taken", "anne")


def test_what_is_handed_over_at_night_is_told_in_the_morning() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    day.changes("handed_over", "w1", by="anne", to="leon", taken_by="leon")
    assert day.at(65).told() == []
    assert day.at(46 * MINUTE + 40 + 7 * HOUR).told() == [("leon", "sms", "handed_over")]


def test_what_is_handed_over_is_told_to_whom_it_was_handed_once() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(60).takes("anne", "w1", "w2")
    for id_ in ("w1", "w2"):
        day.changes("handed_over", id_, by="anne", to="paul", taken_by="paul")
    (one,) = day.at(65).arrives()
    assert (one.person, one.channel, one.reason) == ("paul", "smtp", "handed_over")
    assert set(one.alerts) == {"w1", "w2"}
    assert day.group.taken_by == "paul"


def test_what_grows_worse_is_told_by_graver_channels_to_whom_the_chain_has_come() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    day.at(545).told()
    day.at(600).changes("worsened", "w1", severity="critical")
    day.at(602).changes("worsened", "w2", severity="critical")
    assert day.at(605).told() == [("anne", "sms", "worse"), ("anne", "smtp", "worse"), ("paul", "sms", "worse")]
    assert day.at(1_144).told() == []
    assert day.group.unanswered_at == START + 1_085_000, "the chain kept its time"
    assert day.at(1_145).told() == [("anne", "sms", "repeat"), ("anne", "smtp", "repeat")]


# -- chains


def test_having_seen_it_buys_one_delay_and_only_whom_was_told() -> None:
    day = day_of(ANNE, NINE_MINUTES, PAUL, NINE_MINUTES)
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).sees("rose", "w1")
    assert day.group.next_at == START + 545_000
    day.sees("anne", "w1")
    assert day.group.next_at == START + 1_085_000
    day.at(700).sees("anne", "w1")
    assert day.at(1_084).told() == []
    assert day.at(1_085).told() == [("paul", "smtp", "escalated")]
    day.at(1_100).sees("paul", "w1")
    assert day.group.next_at == START + (1_085 + 1_080) * 1_000
    assert day.state.alerts["w1"].seen_by == {"rose": START + 60_000, "anne": START + 60_000, "paul": START + 1_100_000}


def test_when_every_channel_fails_the_next_step_comes_at_once() -> None:
    day = Timeline()
    day.at(0).fires("w1", severity="critical")
    assert len(day.at(5).waiting()) == 2
    day.at(20).fails(channel="sms")
    assert [each.person for each in day.waiting()] == ["anne"], "the mail may still arrive"
    day.at(30).fails(channel="smtp")
    assert day.told() == [("paul", "sms", "escalated")]


def test_a_message_that_arrived_is_waited_for_though_another_failed() -> None:
    day = Timeline()
    day.at(0).fires("w1", severity="critical")
    day.at(5).arrives(channel="smtp")
    day.at(20).fails(channel="sms")
    assert day.at(544).told() == []


def test_the_app_alone_is_waited_for_but_proves_nothing_beside_a_channel_that_failed() -> None:
    app = Person(channels={"warning": ("app",)})
    both = Person(channels={"warning": ("app", "sms")})
    steps = (ChainStep(person="eva"), NINE_MINUTES, ChainStep(person="otto"), NINE_MINUTES, PAUL)
    day = Timeline(people(eva=app, otto=both), published("routing", routing(chain(*steps))))
    day.at(0).fires("w1")
    assert day.at(5).waiting() == []
    assert day.group.told[-1].delivered_at == START + 5_000
    assert day.at(545).fails()[0].person == "otto"
    assert day.told() == [("paul", "smtp", "escalated")]


def test_a_channel_that_was_never_set_up_is_no_sign_of_trouble_where_the_app_tells_too() -> None:
    """A browser that nobody allowed to be pushed to is not a push service that is down."""
    three = Person(channels={"warning": ("app", "push", "sms")})
    steps = (ChainStep(person="otto"), NINE_MINUTES, PAUL)
    day = Timeline(people(otto=three), published("routing", routing(chain(*steps))))
    day.at(0).fires("w1")
    day.at(5).fails(channel="push", why="no address")
    day.fails(channel="sms", why="not configured")
    assert day.waiting() == []
    assert day.at(545).told() == [("paul", "smtp", "escalated")]


def test_whatever_fails_beside_a_channel_that_was_never_set_up_takes_the_chain_on() -> None:
    three = Person(channels={"warning": ("app", "push", "sms")})
    steps = (ChainStep(person="otto"), NINE_MINUTES, PAUL)
    for first, second in (("push", "sms"), ("sms", "push")):
        day = Timeline(people(otto=three), published("routing", routing(chain(*steps))))
        day.at(0).fires("w1")
        day.at(5)
        for channel in (first, second):
            day.fails(channel=channel, why="no address" if channel == "push" else "refused")
        assert day.told() == [("paul", "smtp", "escalated")]


def test_a_message_is_given_up_when_the_next_step_is_due() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    (sms,) = day.at(5).waiting()
    assert sms.give_up_at == START + 545_000
    assert [each.person for each in day.at(545).waiting()] == ["paul"]
    assert day.group.not_told[-1].why == "late"


def test_a_chain_at_its_end_says_that_nobody_answered_and_goes_on() -> None:
    day = day_of(ANNE, NINE_MINUTES, PAUL, NINE_MINUTES)
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(545).told()
    assert day.group.status == "telling"
    assert day.at(1_085).told() == [("anne", "sms", "repeat")]
    assert (day.group.status, day.group.unanswered_at) == ("unanswered", START + 1_085_000)
    assert day.at(1_625).told() == [("paul", "smtp", "escalated")]
    day.takes("paul", "w1")
    assert (day.group.status, day.group.unanswered_at) == ("taken", None)


def test_whoever_is_last_of_a_chain_gets_as_long_as_the_one_before() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(545).told()
    assert day.at(1_084).group.status == "telling"
    assert (day.at(1_085).group.status, day.group.unanswered_at) == ("unanswered", START + 1_085_000)


def test_a_chain_that_never_waits_is_told_again_after_the_repeat_interval() -> None:
    day = day_of(ANNE)
    day.at(0).fires("w1")
    day.at(5).told()
    assert day.at(4 * HOUR + 4).told() == []
    assert day.at(4 * HOUR + 5).told() == [("anne", "sms", "repeat")]


def test_a_chain_whose_channels_are_dead_begins_anew_after_five_minutes_and_not_at_once() -> None:
    day = day_of(ANNE)
    day.at(0).fires("w1")
    day.at(5).fails()
    assert (day.group.status, day.waiting()) == ("unanswered", [])
    assert day.at(304).waiting() == []
    assert len(day.at(305).waiting()) == 1


def test_a_loop_goes_back_so_many_times_before_the_end() -> None:
    day = day_of(ANNE, NINE_MINUTES, ChainStep(loop=2), PAUL, NINE_MINUTES)
    day.at(0).fires("w1")
    told = [day.at(5 + 540 * turn).told() for turn in range(5)]
    assert [each[0][0] for each in told] == ["anne", "anne", "anne", "paul", "anne"]
    assert day.group.unanswered_at == START + (5 + 540 * 4) * 1_000


def test_a_cell_is_told_whole() -> None:
    day = day_of(ChainStep(cell="cell"), NINE_MINUTES)
    day.at(0).fires("w1")
    assert day.at(5).told() == [("paul", "smtp", "first"), ("rose", "push", "first")]


def test_nobody_is_told_twice_of_the_same_in_one_step() -> None:
    day = day_of(PAUL, ChainStep(cell="cell"), NINE_MINUTES)
    day.at(0).fires("w1")
    assert [each[0] for each in day.at(5).told()] == ["paul", "rose"]


# -- on call


def test_whoever_is_on_call_is_told_and_whoever_stands_in_before_them() -> None:
    day = day_of(ChainStep(on_call="medical"), NINE_MINUTES)
    day.fold(published("on-call/medical", shifts(("anne", 0, HOUR), ("paul", HOUR, 2 * HOUR))))
    assert (
        day.event(
            ShiftOverridden, by="boss", id_="o1", schedule="medical", person="rose", since=START, until=START + 60_000
        ).outcome
        == "applied"
    )
    day.at(0).fires("w1")
    assert day.at(5).told() == [("rose", "push", "first")]
    assert day.at(545).told() == [("anne", "sms", "repeat")]
    assert day.at(HOUR + 6 * MINUTE).told()[-1][0] == "paul"
    assert day.at(HOUR + 6 * MINUTE).state.overrides == {}


def test_a_stand_in_that_is_taken_back_is_none() -> None:
    day = day_of(ChainStep(on_call="medical"), NINE_MINUTES)
    day.fold(published("on-call/medical", shifts(("anne", 0, HOUR))))
    span = {"since": START, "until": START + 60_000}
    day.event(ShiftOverridden, by="boss", id_="o1", schedule="medical", person="rose", **span)
    day.event(OverrideEnded, by="boss", override="o1")
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "sms", "first")]


def test_when_nobody_is_on_call_the_next_step_comes_at_once() -> None:
    day = day_of(ChainStep(on_call="medical"), NINE_MINUTES, PAUL)
    day.at(0).fires("w1")
    assert day.at(5).told() == [("paul", "smtp", "first")]
    assert day.group.not_told == (NotTold("nobody on call", START + 5_000, by="medical"),)


def test_a_chain_that_reaches_nobody_says_so_and_tries_again() -> None:
    day = day_of(ChainStep(on_call="medical"))
    day.at(0).fires("w1")
    assert day.at(5).group.status == "unanswered"
    day.at(100).fold(published("on-call/medical", shifts(("anne", 0, HOUR))))
    assert day.at(305).told() == [("anne", "sms", "first")]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"schedule": "nursing"}, "schedule"),
        ({"person": "nobody"}, "person"),
        ({"until": START - 1}, "until"),
        ({"since": START + 100_000}, "until"),
    ],
)
def test_a_stand_in_that_makes_no_sense_is_refused(wrong: dict[str, Any], why: str) -> None:
    day = Timeline()
    sound: dict[str, Any] = {"schedule": "medical", "person": "rose", "since": START, "until": START + 60_000}
    said = day.event(ShiftOverridden, by="boss", **(sound | wrong))
    assert said.outcome == "refused"
    assert why in (said.reason or "")
    assert day.state.overrides == {}


# -- quiet hours


def test_quiet_hours_hold_back_what_is_not_critical_to_their_end() -> None:
    """It is 23:13 in Paris: Léon sleeps until 7."""
    day = day_of(LEON, ANNE, NINE_MINUTES)
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "sms", "first")]
    (decision,) = day.group.not_told
    seven = START + 1_000 * (46 * MINUTE + 40 + 7 * HOUR)
    assert (decision.why, decision.person, decision.until) == ("quiet hours", "leon", seven)
    morning = (seven - START) // 1_000
    before = day.at(morning - 1).told()
    assert "leon" not in {who for who, _, _ in before}
    assert ("leon", "sms") in {(who, how) for who, how, _ in day.at(morning).told()}


def test_quiet_hours_never_hold_back_what_is_critical() -> None:
    day = day_of(LEON, NINE_MINUTES)
    day.at(0).fires("w1", severity="critical")
    day.at(5)
    assert [(told.person, told.channel) for told in day.group.told] == [("leon", "app")]


def test_where_everybody_sleeps_the_chain_begins_in_the_morning() -> None:
    day = day_of(LEON, NINE_MINUTES)
    day.at(0).fires("w1")
    assert (day.at(5).group.status, day.waiting()) == ("quiet", [])
    assert day.group.unanswered_at is None
    morning = 46 * MINUTE + 40 + 7 * HOUR
    assert day.at(morning - 1).waiting() == []
    assert day.at(morning).told() == [("leon", "sms", "first")]
    day.at(morning + 60).takes("leon", "w1")


def test_what_was_taken_in_at_night_wakes_nobody_in_the_morning() -> None:
    day = day_of(LEON, ANNE, NINE_MINUTES)
    day.at(0).fires("w1")
    day.at(5).told()
    day.at(60).takes("anne", "w1")
    assert day.at(DAY_S).told() == []


def test_whoever_sleeps_is_told_in_the_morning_that_it_is_over_once() -> None:
    day = day_of(LEON, NINE_MINUTES)
    day.at(0).fires("w1", severity="critical")
    day.at(5).told()
    day.at(60).ends("w1")
    assert day.told() == []
    morning = 46 * MINUTE + 40 + 7 * HOUR
    day.at(morning)
    assert [(told.person, told.reason) for told in day.group.told][-1] == ("leon", "resolved")


# -- people and channels


def test_ones_own_choice_of_channels_is_before_the_published_one() -> None:
    day = Timeline()
    assert day.event(ChannelsChosen, by="anne", channels={"warning": ("push", "smtp")}).outcome == "applied"
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "push", "first"), ("anne", "smtp", "first")]


def test_whoever_wants_no_channel_is_passed_over_and_that_can_be_seen() -> None:
    day = Timeline()
    day.event(ChannelsChosen, by="anne", channels={"warning": ()})
    day.at(0).fires("w1")
    assert day.at(5).told() == [("paul", "smtp", "first")]
    assert [each.why for each in day.group.not_told] == ["no channel"]


@pytest.mark.parametrize("channels", [{"warning": ("fax",)}, {"grave": ("sms",)}, {"critical": ()}])
def test_channels_that_are_none_are_refused(channels: dict[str, tuple[str, ...]]) -> None:
    day = Timeline()
    assert day.event(ChannelsChosen, by="anne", channels=channels).outcome == "refused"
    assert day.state.choices == {}


def test_somebody_who_left_is_passed_over_and_that_can_be_seen() -> None:
    day = Timeline()
    rest = {name: person for name, person in PEOPLE.items() if name != "anne"}
    assert day.fold(published("people", People(people=rest), at=START + 1)).outcome == "applied"
    day.at(1).fires("w1")
    assert day.at(6).told() == [("paul", "smtp", "first")]
    assert [(each.why, each.person) for each in day.group.not_told] == [("unknown person", "anne")]


def test_webhooks_are_told_beside_when_it_begins_grows_and_ends() -> None:
    day = Timeline(people(), published("routing", routing(route={"webhooks": ("sims",)})))
    day.at(0).fires("w1")
    assert day.at(5).told() == [("anne", "sms", "first"), ("webhook:sims", "webhook", "first")]
    day.at(60).fires("w2")
    assert ("webhook:sims", "webhook", "grew") in day.at(305).told()
    assert day.at(545).told() == [("paul", "smtp", "escalated")]
    day.at(600).ends("w1", "w2")
    assert ("webhook:sims", "webhook", "resolved") in day.at(900).told()


def test_a_webhook_is_told_though_nobody_can_be() -> None:
    day = day_of(ChainStep(on_call="medical"), route={"webhooks": ("sims",)})
    day.at(0).fires("w1")
    assert day.at(5).told() == [("webhook:sims", "webhook", "first")]
    assert day.at(HOUR).told() == [], "and not again with every pass of the chain"


# -- receipts, and what comes again


def test_a_receipt_takes_a_message_off_and_is_remembered() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    (sms,) = day.at(7).waiting()
    day.at(8).event(NoticeDelivered, notice=sms.id, receipt="id-1")
    assert day.waiting() == []
    assert day.group.told[-1].delivered_at == START + 8_000
    assert day.event(NoticeDelivered, notice=sms.id).outcome == "history"


def test_steps_at_or_below_the_mark_change_nothing() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    before = day.state.alerts["w1"]
    old = Step(what="resolved", at=START, alert=alert("w1", status="resolved"))
    said = day.event(AlertStepped, id_="again", shard=OWNER, epoch="e1", offset=101, n=0, step=old)
    assert said.outcome == "history"
    assert day.state.alerts["w1"] == before


def test_another_epoch_of_a_shard_ends_what_the_old_one_told() -> None:
    day = Timeline()
    day.at(0).fires("w1", "w2")
    day.at(5).told()
    new = Step(what="fired", at=day.now, alert=alert("w3"))
    day.event(AlertStepped, id_="n", shard=OWNER, epoch="e2", offset=3, n=0, step=new)
    over = [day.state.alerts[id_].alert for id_ in ("w1", "w2")]
    assert [(each.status, each.why) for each in over] == [("resolved", "gone")] * 2
    assert day.state.alerts["w3"].alert.status == "firing"
    late = day.event(AlertStepped, id_="o", shard=OWNER, epoch="e1", offset=900, n=0, step=new)
    assert late.outcome == "refused", "the old epoch does not come back"


# -- the tree


def test_the_first_route_that_matches_ends_the_search_unless_it_says_continue() -> None:
    routes = (
        Route(id="all-critical", match={"severity": ("critical",)}, goes_on=True, chain="b"),
        Route(id="haute-garonne", match={"departement": ("31",)}, chain="c"),
        Route(id="beds", match={"concern": ("beds",)}, chain="d"),
    )
    chains = [chain(ANNE, id_="default"), chain(PAUL, id_="b"), chain(ChainStep(person="rose"), id_="c")]
    day = Timeline(people(), published("routing", routing(*chains, chain(LEON, id_="d"), route={"routes": routes})))
    day.at(0).fires("w1")
    assert [each.route for each in day.state.groups.values()] == ["haute-garonne"]
    day.fires("w2", severity="critical")
    assert sorted(each.route for each in day.state.groups.values()) == ["all-critical", "haute-garonne"]
    day.fires("w3", labels={"departement": "09"})
    assert "beds" in {each.route for each in day.state.groups.values()}
    day.fires("w4", labels={"departement": "09", "concern": "data"})
    assert "root" in {each.route for each in day.state.groups.values()}


def test_a_route_holds_only_at_its_hours() -> None:
    night = Route(id="night", hours=(Window(start=22 * 60, end=6 * 60),), chain="b")
    day = Timeline(
        people(), published("routing", routing(chain(ANNE), chain(PAUL, id_="b"), route={"routes": (night,)}))
    )
    day.at(0).fires("w1")
    day.at(8 * HOUR).fires("w2")
    assert {each.route: each.alerts for each in day.state.groups.values()} == {"night": ("w1",), "root": ("w2",)}


def test_another_routing_moves_alerts_to_its_groups_and_tells_what_is_new_there() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    moved = routing(chain(PAUL, id_="p"), route={"id": "top", "chain": "p"})
    assert day.fold(published("routing", moved, at=START + 6_000)).outcome == "applied"
    assert day.at(11).told() == [("paul", "smtp", "first")]
    assert sorted(each.status for each in day.state.groups.values()) == ["resolved", "telling"]


def test_the_same_routing_again_tells_nobody_again() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    day.at(5).told()
    before = day.group
    day.fold(published("routing", routing(version=2), at=day.now))
    assert day.group == before


def test_alerts_from_before_the_first_routing_are_told_once_there_is_one() -> None:
    day = Timeline(people())
    day.at(0).fires("w1")
    assert day.at(60).state.groups == {}
    day.fold(published("routing", routing(), at=day.now))
    assert day.at(65).told() == [("anne", "sms", "first")]


# -- many at once


def test_a_storm_of_900_alerts_is_one_notice_for_each_group_person_and_channel() -> None:
    day = Timeline()
    places = [(f"w{n}", {"departement": f"{n % 13:02}", "bed_kind": f"kind-{n % 8}"}) for n in range(900)]
    steps = [
        AlertStepped(
            id=f"s{n}",
            received_at=START + 1_000,
            shard=OWNER,
            epoch="e1",
            offset=n,
            n=0,
            step=Step(what="fired", at=START, alert=alert(id_, "critical", labels=labels)),
        )
        for n, (id_, labels) in enumerate(places)
    ]
    batch = [
        Item(len(day.events) + n, each) for n, each in enumerate([*steps, Tick(id="t", received_at=START + 6_000)])
    ]
    began = time.process_time()
    draft = fold(day.state, batch)
    took = time.process_time() - began
    assert len({tuple(sorted(labels.items())) for _, labels in places}) == 104
    assert len(draft.outbox.changed) == 104 * 2, "Anne, by SMS and by mail"
    assert len(draft.alerts.changed) == 900
    assert took < 2.0, "well under a second on a machine that does nothing else"


def test_a_group_of_900_alerts_is_folded_as_fast() -> None:
    day = Timeline(people(), published("routing", routing(route={"group_by": ()})))
    fired = [
        AlertStepped(
            id=f"{what}{n}",
            received_at=START + 1_000 + at,
            shard=OWNER,
            epoch="e1",
            offset=at + n,
            n=0,
            step=Step(what=what, at=START, alert=alert(f"w{n}", status=status)),  # type: ignore[arg-type]
        )
        for what, status, at in (
            ("fired", "firing", 0),
            ("taken", "acknowledged", 10_000),
            ("resolved", "resolved", 20_000),
        )
        for n in range(900)
    ]
    began = time.process_time()
    draft = fold(day.state, [Item(len(day.events) + n, each) for n, each in enumerate(fired)])
    assert time.process_time() - began < 5.0
    (group,) = (group for _, group in draft.groups.items())
    assert group.status == "resolved"
    assert len([each for each in draft.outbox.changed.values() if each is not None]) == 0


def test_what_one_record_leads_to_is_bounded_and_the_rest_comes_with_the_next() -> None:
    day = Timeline(people(), published("routing", routing(route={"group_by": ("ward",)})))
    day.at(0).fires(*(f"w{n}" for n in range(1_500)))
    day.at(5)
    first = len(day.state.outbox)
    assert 500 <= first < 1_500
    for turn in range(3):
        day.at(5.1 + turn)
    assert len(day.state.outbox) == 1_500


def test_a_silence_on_many_alerts_with_long_texts_takes_several_records_and_reloads_change_nothing() -> None:
    long = Words(fr="é" * 2_000, en="e" * 2_000)
    whole, pieces = Timeline(), Timeline()
    for day in (whole, pieces):
        day.at(0).fires(*(f"w{n}" for n in range(600)), text=long, todo=long)
        day.reload = day is pieces
        span: dict[str, Any] = {"since": START, "until": START + 60_000}
        day.event(SilenceMade, by="boss", id_="s1", matchers={"level": ("ward",)}, reason="panne", **span)
        silenced = [held for held in day.state.alerts.values() if held.silenced_by]
        assert 0 < len(silenced) < 600
        assert day.state.again
        for turn in range(4):
            day.at(1 + turn)
        assert all(held.silenced_by == "s1" for held in day.state.alerts.values())
        assert (day.state.again, day.group.status, day.waiting()) == ({}, "quiet", [])
        for turn in range(4):
            day.at(60 + turn)
        assert [each.person for each in day.waiting()] == ["anne"]
    assert whole.state.alerts == pieces.state.alerts


def test_what_breaks_when_it_is_due_keeps_nobody_else_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug costs one group, with its name, and never the shard."""
    day = Timeline()
    day.at(0).fires("w1")
    day.fires("w2", labels={"departement": "81"})
    broken = next(id_ for id_, group in day.state.groups.items() if group.alerts == ("w1",))
    turn = Draft.turn

    def fails(draft: Draft, id_: str) -> None:
        if id_ == broken:
            raise KeyError(id_)
        turn(draft, id_)

    monkeypatch.setattr(Draft, "turn", fails)
    offset = len(day.events)
    draft = fold(day.state, [Item(offset, Tick(id="t", received_at=START + 6_000))])
    assert draft.dead == {offset: "KeyError when it was due"}
    assert [each.alerts for each in draft.outbox.changed.values() if each] == [("w2",)]
