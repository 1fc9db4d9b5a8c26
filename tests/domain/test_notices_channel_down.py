"""A channel that is down holds nobody up: the next person is told at once, and what waits may still arrive."""

from domain.alerts.routing import ChainStep, Person
from domain.events import ChannelChanged
from tests.small_notices import START, Timeline, chain, people, published, routing

ANNE, PAUL = ChainStep(person="anne"), ChainStep(person="paul")
NINE_MINUTES = ChainStep(wait_s=540)


def changes(day: Timeline, channel: str, *, up: bool) -> None:
    """Say that a channel stopped, or began again, to work."""
    day.event(ChannelChanged, channel=channel, up=up)


def sent(day: Timeline) -> list[str]:
    """Return to whom messages are on their way."""
    return [each.person for each in day.waiting()]


def test_nobody_waits_for_what_goes_by_a_channel_that_is_down() -> None:
    day = Timeline()
    changes(day, "sms", up=False)
    day.at(0).fires("w1")
    assert sent(day.at(5)) == ["anne", "paul"]
    assert day.group.next_at == START + (5 + 540) * 1_000, "the next wait is Paul's"
    assert [each.give_up_at for each in day.waiting()] == [START + 545_000] * 2, "Anne's may still arrive"


def test_a_channel_that_goes_down_meanwhile_lets_the_chain_go_on() -> None:
    day = Timeline()
    day.at(0).fires("w1")
    changes(day.at(60), "smtp", up=False)
    assert sent(day) == ["anne"], "it is another one"
    changes(day.at(65), "smtp", up=True)
    changes(day.at(70), "sms", up=False)
    assert sent(day) == ["anne", "paul"]
    changes(day.at(75), "sms", up=False)
    changes(day.at(80), "sms", up=True)
    changes(day.at(85), "sms", up=False)
    assert sent(day) == ["anne", "paul"], "once"
    day.arrives(channel="sms")
    assert day.group.told[0].delivered_at == START + 85_000


def test_what_arrived_or_may_yet_arrive_is_waited_for() -> None:
    day = Timeline()
    day.at(0).fires("w1", severity="critical")
    assert sent(day.at(5)) == ["anne", "anne"]
    changes(day.at(20), "sms", up=False)
    assert sent(day) == ["anne", "anne"], "the mail may still arrive"
    day.arrives(channel="smtp")
    changes(day.at(30), "smtp", up=False)
    assert sent(day.at(544)) == ["anne"]


def test_one_that_failed_and_one_that_is_down_are_as_good_as_two_that_failed() -> None:
    day = Timeline()
    day.at(0).fires("w1", severity="critical")
    changes(day.at(20), "sms", up=False)
    assert set(sent(day)) == {"anne"}
    day.at(30).fails(channel="smtp")
    assert set(sent(day)) == {"anne", "paul"}


def test_whom_nobody_follows_keeps_their_time() -> None:
    day = Timeline(people(), published("routing", routing(chain(ANNE, NINE_MINUTES, ChainStep(loop=3)))))
    changes(day, "sms", up=False)
    day.at(0).fires("w1")
    assert sent(day.at(5)) == ["anne"]
    assert sent(day.at(544)) == ["anne"], "not thrice at once"
    assert day.group.unanswered_at is None


def test_who_looks_at_the_desk_alone_is_waited_for() -> None:
    app = Person(channels={"warning": ("app",)})
    steps = (ChainStep(person="eva"), ANNE, NINE_MINUTES, PAUL)
    day = Timeline(people(eva=app), published("routing", routing(chain(*steps))))
    changes(day, "sms", up=False)
    day.at(0).fires("w1")
    assert sent(day.at(5)) == ["anne"]
    assert day.group.to == ("eva", "anne")
    assert sent(day.at(544)) == ["anne"]
