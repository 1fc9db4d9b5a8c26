"""A region's outbox is sent, each channel at its own pace, and what became of each notice is on the log."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace as with_
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from domain.alerts.gateway import Gateway
from domain.alerts.notice import ChannelState, Notice
from domain.alerts.rule import SEVERITIES
from domain.events import ChannelChanged, NoticeAttempted, NoticeDelivered, NoticeFailed
from people.directory import Contact, People
from streams.measures import Measures
from streams.notify import sender
from streams.notify.channel import Channel, Letter, Refused, TryAgain, key_of
from streams.notify.channels import ChannelSettings, channels_of, relay_of
from streams.notify.letters import LINK_MS, ToPeople, Written
from streams.notify.notifier import Notifier
from streams.notify.pace import Limits
from tests.streams.notify.letters import NOTICE
from tests.streams.notify.peers import Answered, HttpPeer, MailServer
from tests.streams.notify.shard import QUICK, FoldedHere, Recorder

PERSON, NUMBER = "anne-canary", "+33639980142"


@pytest.fixture
def people(tmp_path: Path) -> People:
    """Return a directory store that knows one person."""
    store = People(tmp_path)
    store.import_contacts(
        "occitanie",
        [Contact(PERSON, "Anne Canary", language="en", addresses={"sms": (NUMBER,), "smtp": ("anne@canary.fr",)})],
    )
    return store


def notice(number: int = 1, channel: str = "sms", **told: Any) -> Notice:
    """Return a notice that is due, and is given up in ten minutes."""
    now = time.time_ns() // 1_000_000
    at = {"made_at": now, "due_at": now, "give_up_at": now + 600_000}
    person = told.get("person", PERSON)
    return replace(NOTICE, **{"id": f"g1/0.{number}/{person}/{channel}", "channel": channel, **at, **told})


@asynccontextmanager
async def notifying(
    view: FoldedHere,
    people: People,
    *channels: Channel,
    limits: Limits = QUICK,
    measures: Measures | None = None,
    now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> AsyncIterator[Notifier]:
    """Run a notifier until left; one that ended by itself is a failure."""
    letters = ToPeople(view, people, now, public_url="https://lits.example.fr")
    it = Notifier(view, letters, channels, now, measures or Measures(), limits=limits)
    task = asyncio.create_task(it.run())
    try:
        yield it
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def failing(*reasons: Exception) -> Callable[[Letter], str]:
    """Return what raises these in turns, and takes all that comes after."""
    left = list(reasons)

    def does(letter: Letter) -> str:
        if left:
            raise left.pop(0)
        return "taken"

    return does


async def nothing_more() -> None:
    """Return when what was going to happen would have: there is nothing to await in what must not come."""
    await asyncio.sleep(0.1)


def attempts(view: FoldedHere) -> list[int]:
    """Return the numbers of the attempts on the log."""
    return [event.attempt for event in view.said(NoticeAttempted) if isinstance(event, NoticeAttempted)]


def reasons(view: FoldedHere) -> list[str]:
    """Return why notices were given up."""
    return [event.reason for event in view.said(NoticeFailed) if isinstance(event, NoticeFailed)]


async def test_what_is_due_is_attempted_on_the_log_then_sent_then_its_receipt_is_there(people: People) -> None:
    view = FoldedHere([notice()])
    on_log_when_sent: list[int] = []

    def does(letter: Letter) -> str:
        on_log_when_sent.append(len(view.said(NoticeAttempted)))
        return "r-17"

    channel = Recorder(view, does=does)
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert on_log_when_sent == [1]
    (delivered,) = view.said(NoticeDelivered)
    assert isinstance(delivered, NoticeDelivered)
    assert delivered.receipt == "r-17"
    (letter,) = channel.taken
    assert (letter.to, letter.language, letter.late_min) == ((NUMBER,), "en", 0)
    assert letter.key == key_of(notice().id)


async def test_what_is_not_due_yet_waits(people: People) -> None:
    soon = time.time_ns() // 1_000_000 + 80
    view = FoldedHere([notice(due_at=soon)])
    channel = Recorder(view)
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert isinstance(view.log[0], NoticeAttempted)
    assert view.log[0].received_at >= soon


async def test_nothing_is_sent_before_the_shard_is_folded_to_its_end(people: People) -> None:
    view = FoldedHere([notice(1), notice(2)])
    view.ready = False
    channel = Recorder(view)
    async with notifying(view, people, channel):
        view.tell()
        await nothing_more()
        assert channel.tried == []
        view.drop(notice(1).id)  # it proves delivered, a little further on the log
        view.ready = True
        view.tell()
        await view.until(lambda: not view.outbox)
    assert [letter.notice.step for letter in channel.taken] == [1]
    assert channel.taken[0].notice.id == notice(2).id


async def test_a_shard_that_is_no_longer_ready_stops_what_was_not_sent_yet(people: People) -> None:
    """It may have lost its place: what is on the log since may say that this was delivered."""
    view = FoldedHere([notice()])
    channel = Recorder(view)
    append = view.append

    async def appended(event: Any) -> None:
        await append(event)
        view.ready = view.ready and not isinstance(event, NoticeAttempted)

    view.append = appended  # type: ignore[method-assign]
    async with notifying(view, people, channel):
        await view.until(lambda: bool(view.log))
        await nothing_more()
        assert channel.tried == []


async def test_a_person_without_an_address_fails_at_once_and_is_not_attempted(people: People) -> None:
    view = FoldedHere(
        [notice(1, "mssante"), notice(2, "push"), notice(3, person="nobody"), notice(4, person="webhook:x")]
    )
    channels = [Recorder(view, name) for name in ("mssante", "push", "sms", "webhook")]
    async with notifying(view, people, *channels):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["no address"] * 4
    assert attempts(view) == []


async def test_a_channel_that_is_not_configured_fails_at_once(people: People) -> None:
    view = FoldedHere([notice(1), notice(2, "smtp")])
    async with notifying(view, people, Recorder(view)):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["not configured"]
    assert len(view.said(NoticeDelivered)) == 1


async def test_a_dead_channel_delays_no_other(people: People) -> None:
    view = FoldedHere([notice(number, channel) for number in range(20) for channel in ("sms", "smtp")])
    dead, alive = Recorder(view), Recorder(view, "smtp")
    dead.stalls.clear()
    async with notifying(view, people, dead, alive):
        await view.until(lambda: len(view.said(NoticeDelivered)) == 20 and len(dead.tried) == QUICK.at_once)
        await nothing_more()
        assert len(dead.tried) == QUICK.at_once, "and no more of its own are in the air"
        assert {letter.notice.channel for letter in alive.taken} == {"smtp"}


async def test_a_receiver_that_is_dead_delays_no_other_receiver(people: People) -> None:
    for name in ("dead", "alive"):
        people.set_webhook(name, f"https://{name}.example", "s")
    view = FoldedHere(
        [notice(number, "webhook", person=f"webhook:{name}") for number in range(6) for name in ("dead", "alive")]
    )

    def does(letter: Letter) -> str:
        assert letter.webhook is not None
        if letter.webhook.name == "dead":
            raise TryAgain("unreachable")
        assert [each.alert.id for each in letter.alerts] == ["a1"]
        assert letter.group is not None
        assert letter.seen == ""
        return ""

    async with notifying(view, people, Recorder(view, "webhook", does)):
        await view.until(lambda: len(view.said(NoticeDelivered)) == 6 and bool(view.said(ChannelChanged)))
    changed = view.said(ChannelChanged)[0]
    assert isinstance(changed, ChannelChanged)
    assert (changed.channel, changed.up, changed.reason) == ("webhook:dead", False, "unreachable")


async def test_what_failed_is_tried_again_under_the_same_key_and_link(people: People) -> None:
    view = FoldedHere([notice()])
    channel = Recorder(view, does=failing(TryAgain("busy"), TryAgain("slow")))
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert attempts(view) == [1, 2, 3]
    assert len({(letter.key, letter.seen) for letter in channel.tried}) == 1
    opened = people.open_link(channel.tried[0].seen, NOTICE.made_at)
    assert opened is not None
    assert (opened.group, opened.person, opened.region) == ("g1", PERSON, "occitanie")
    assert opened.expires_at == channel.tried[0].notice.made_at + LINK_MS


async def test_what_a_provider_asks_us_to_wait_is_waited(people: People) -> None:
    view = FoldedHere([notice()])
    at: list[float] = []

    def does(letter: Letter) -> str:
        at.append(time.monotonic())
        if len(at) == 1:
            raise TryAgain("busy", 0.15)
        return ""

    async with notifying(view, people, Recorder(view, does=does)):
        await view.until(lambda: not view.outbox)
    assert at[1] - at[0] >= 0.15


async def test_what_can_t_be_tried_again_in_time_is_given_up_at_once(people: People) -> None:
    """So that who comes next in the chain is told the sooner."""
    view = FoldedHere([notice()])
    async with notifying(view, people, Recorder(view, does=failing(TryAgain("busy", 3600.0)))):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["busy"]


async def test_what_is_refused_is_not_tried_again_and_the_channel_is_well(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(8)])
    channel = Recorder(view, does=failing(*(Refused("address refused") for _ in range(6))))
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["address refused"] * 6
    assert attempts(view) == [1] * 8
    assert view.said(ChannelChanged) == []


async def test_what_came_too_late_is_not_sent(people: People) -> None:
    view = FoldedHere([notice(made_at=1, due_at=1, give_up_at=2)])
    channel = Recorder(view)
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["too late"]
    assert channel.tried == []


async def test_what_is_late_says_how_late(people: People) -> None:
    now = time.time_ns() // 1_000_000
    view = FoldedHere([notice(due_at=now - 7 * 60_000), notice(2, due_at=now - 30_000)])
    channel = Recorder(view)
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert sorted(letter.late_min for letter in channel.taken) == [0, 7]


async def test_what_is_no_longer_wanted_is_not_sent(people: People) -> None:
    view = FoldedHere([notice(1)])
    channel = Recorder(view, does=failing(*(TryAgain("busy") for _ in range(1000))))
    async with notifying(view, people, channel, limits=with_(QUICK, fails=10_000)):
        await view.until(lambda: len(channel.tried) >= 2)
        view.drop(notice(1).id)  # somebody took it in
        tried = len(channel.tried)
        await nothing_more()
        assert len(channel.tried) <= tried + 1, "one may have been on its way"
    assert view.said(NoticeFailed) == [], "nothing is told of what nobody waits for"


async def test_what_is_delivered_is_not_sent_again_while_its_receipt_waits_to_be_folded(people: People) -> None:
    view = FoldedHere([notice()])
    channel = Recorder(view)
    view.folds = False
    async with notifying(view, people, channel):
        await view.until(lambda: len(view.log) == 2)
        view.tell()
        await nothing_more()
        view.ready, before, view.outbox = False, view.outbox, {}  # the shard loads anew…
        view.tell()
        await nothing_more()
        view.ready, view.outbox = True, before  # …and is where it was
        view.tell()
        await nothing_more()
        assert len(channel.tried) == 1
        view.catch_up()
        assert view.outbox == {}
        view.put(notice(2))
        await view.until(lambda: len(channel.taken) == 2)
    assert len(channel.tried) == 2


async def test_nothing_is_sent_while_the_log_can_t_be_told_and_nothing_twice_after(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "LOG_WAIT_S", 0.005)
    monkeypatch.setattr(sender, "ATTEMPT_WITHIN_S", 0.02)
    view = FoldedHere([notice(1), notice(2)])
    view.away = True

    def does(letter: Letter) -> str:
        view.away = not channel.taken  # the log goes away as the first is sent
        return ""

    channel = Recorder(view, does=does)
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=1)):
        await view.until(lambda: view.refusals >= 6)
        await nothing_more()
        assert channel.tried == []
        view.away = False
        await view.until(lambda: len(channel.taken) == 1)
        assert view.away
        view.away = False
        await view.until(lambda: not view.outbox)
    assert len(channel.taken) == 2


async def test_a_letter_that_a_channel_stumbles_over_stops_no_other(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(5)])
    channel = Recorder(view, does=failing(ValueError(f"canary {NUMBER}")))
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert reasons(view) == ["error of ours"]
    assert len(view.said(NoticeDelivered)) == 4


async def test_a_full_queue_leaves_the_rest_in_the_outbox_and_the_gravest_go_first(people: People) -> None:
    severities = list(enumerate(SEVERITIES))
    view = FoldedHere([notice(n * 3 + place, severity=severity) for n in range(10) for place, severity in severities])
    channel = Recorder(view)
    limits = with_(QUICK, most_waiting=5, at_once=1, looks_again_s=0.01)
    async with notifying(view, people, channel, limits=limits):
        await view.until(lambda: not view.outbox)
    told = [letter.notice.severity for letter in channel.taken]
    assert told[:10] == ["critical"] * 10
    assert len(told) == 30


async def test_no_more_is_in_hand_than_a_queue_may_hold(people: People) -> None:
    view, measures = FoldedHere([notice(number) for number in range(20)]), Measures()
    channel = Recorder(view)
    channel.stalls.clear()
    async with notifying(view, people, channel, limits=with_(QUICK, most_waiting=5, at_once=2), measures=measures):
        await view.until(lambda: len(channel.tried) == 2)
        view.tell()
        await nothing_more()
        labels = {"shard": "notices:occitanie", "channel": "sms"}
        assert measures.registry.get_sample_value("vigilits_notices_waiting", labels) == 5


async def test_what_is_graver_goes_before_what_is_written_already(people: People) -> None:
    view = FoldedHere([notice(number, severity="info") for number in range(40)])
    code = notice(99, severity="warning")

    def does(letter: Letter) -> str:
        channel.stalls.clear()  # one letter each time that it is let
        return ""

    channel = Recorder(view, does=does)
    channel.stalls.clear()
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=1, under_way=16)):
        await view.until(lambda: len(channel.tried) == 1 and len(view.said(NoticeAttempted)) == 16)
        view.put(code)
        channel.stalls.set()
        # There is room for one more: and though more are written together, this one is at once.
        await view.until(lambda: len(channel.tried) == 2 and len(view.said(NoticeAttempted)) == 17)
        channel.stalls.set()
        await view.until(lambda: len(channel.tried) == 3)
    assert [letter.notice.severity for letter in channel.tried] == ["info", "info", "warning"]


async def test_letters_are_written_and_attempts_told_of_many_together(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(200)])
    together: list[int] = []

    class Counted(ToPeople):
        def compose(self, notices: Sequence[Notice]) -> list[Written]:
            together.append(len(notices))
            return super().compose(notices)

    letters = Counted(view, people, lambda: time.time_ns() // 1_000_000)
    channel = Recorder(view)
    it = Notifier(view, letters, [channel], lambda: time.time_ns() // 1_000_000, Measures(), limits=QUICK)
    task = asyncio.create_task(it.run())
    await view.until(lambda: not view.outbox)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert sum(together) == len(channel.taken) == len(view.said(NoticeAttempted)) == 200
    assert len(together) <= 10, "one by one each takes a transaction of its own"


async def test_no_more_are_sent_and_not_told_of_than_go_at_once(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes after us, should we die then, sends those again."""
    monkeypatch.setattr(sender, "LOG_WAIT_S", 0.005)
    view = FoldedHere([notice(number) for number in range(40)])

    def does(letter: Letter) -> str:
        view.away = True
        return ""

    channel = Recorder(view, does=does)
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=3)):
        await view.until(lambda: len(channel.taken) == 3)
        await nothing_more()
        assert len(channel.tried) == 3
        assert len(view.said(NoticeAttempted)) == 40, "the others are written, and wait for their turn"


async def test_what_is_written_and_no_longer_wanted_is_not_sent(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(10)])
    channel = Recorder(view)
    channel.stalls.clear()
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=1)):
        await view.until(lambda: len(channel.tried) == 1 and len(view.said(NoticeAttempted)) == 10)
        for id_ in [id_ for id_ in view.outbox if id_ != channel.tried[0].notice.id]:
            view.drop(id_)
        channel.stalls.set()
        await view.until(lambda: not view.outbox)
        await nothing_more()
    assert len(channel.tried) == 1


async def test_a_channel_is_handed_no_more_than_its_rate(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(14)])
    channel = Recorder(view, per_second=10.0)
    began = time.monotonic()
    async with notifying(view, people, channel):
        await view.until(lambda: not view.outbox)
    assert time.monotonic() - began >= 0.35, "ten at once, then one each tenth of a second"


# -- the breaker


async def test_a_channel_that_fails_is_left_alone_said_down_and_said_up_once_it_works(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(4)])
    channel = Recorder(view, does=failing(*(TryAgain("unreachable") for _ in range(5))))
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=1)):
        await view.until(lambda: not view.outbox and len(view.said(ChannelChanged)) == 2)
    told = [(event.channel, event.up) for event in view.said(ChannelChanged) if isinstance(event, ChannelChanged)]
    assert told == [("sms", False), ("sms", True)]
    assert len(channel.taken) == 4


async def test_a_channel_that_is_left_alone_is_not_tried(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(10)])
    channel = Recorder(view, does=failing(*(TryAgain("unreachable") for _ in range(1000))))
    async with notifying(view, people, channel, limits=with_(QUICK, at_once=1, rest_s=60.0, most_rest_s=60.0)):
        await view.until(lambda: bool(view.said(ChannelChanged)))
        await nothing_more()
    assert len(channel.tried) == QUICK.fails


async def test_a_channel_that_is_left_alone_gives_up_in_time(people: People) -> None:
    now = time.time_ns() // 1_000_000
    view = FoldedHere([notice(number, give_up_at=now + 250) for number in range(4)])
    channel = Recorder(view, does=failing(*(TryAgain("unreachable") for _ in range(1000))))
    async with notifying(view, people, channel, limits=with_(QUICK, rest_s=60.0, most_rest_s=60.0)):
        await view.until(lambda: not view.outbox, within_s=5)
    assert set(reasons(view)) <= {"unreachable", "too late"}


async def test_a_channel_with_nothing_to_send_is_looked_at_until_it_works(people: People) -> None:
    now = time.time_ns() // 1_000_000
    view = FoldedHere([notice(number, give_up_at=now + 60_000) for number in range(3)])
    channel = Recorder(view, does=failing(*(TryAgain("busy", 3600) for _ in range(3)), TryAgain("no"), TryAgain("no")))
    channel.works = False
    async with notifying(view, people, channel):
        await view.until(lambda: len(view.said(ChannelChanged)) == 2)
    assert view.outbox == {}
    assert channel.looks == 3
    assert view.channels["sms"].up


async def test_one_letter_alone_tries_a_channel_that_was_left_alone(people: People) -> None:
    view = FoldedHere([notice(number) for number in range(6)])
    view.channels["sms"] = ChannelState(False, 1, "unreachable")
    channel = Recorder(view)
    channel.stalls.clear()
    async with notifying(view, people, channel):
        await view.until(lambda: len(channel.tried) == 1)
        await nothing_more()
        assert len(channel.tried) == 1
        channel.stalls.set()
        await view.until(lambda: not view.outbox and view.channels["sms"].up)
    assert channel.looks == 0


async def test_who_begins_where_a_channel_was_said_down_finds_out_whether_it_still_is(people: People) -> None:
    view = FoldedHere([])
    view.channels["sms"] = ChannelState(False, 1, "unreachable")
    view.channels["pigeon"] = ChannelState(False, 1, "unreachable")
    channel = Recorder(view)
    async with notifying(view, people, channel):
        await view.until(lambda: view.channels["sms"].up)
    assert channel.looks == 1


async def test_a_channel_that_was_taken_out_while_it_was_down_is_said_to_be_in_no_trouble(people: People) -> None:
    view = FoldedHere([])
    view.channels["pigeon"] = ChannelState(False, 1, "unreachable")
    async with notifying(view, people):
        await view.until(lambda: view.channels["pigeon"].up)
        await nothing_more()
    told = [(event.channel, event.up, event.reason) for event in view.said(ChannelChanged)]  # type: ignore[attr-defined]
    assert told == [("pigeon", True, "not configured")]


async def test_links_that_are_over_are_forgotten(people: People) -> None:
    people.link("occitanie", "g", PERSON, 1)
    kept = people.link("occitanie", "g", PERSON, 10**15)
    view = FoldedHere([notice()])
    async with notifying(view, people, Recorder(view)):
        await view.until(lambda: not view.outbox)
        await nothing_more()
    assert people.open_link(kept, 5) is not None
    assert people.forget_links(1) == 0, "there was none left to forget"


# -- what others see of it


async def test_what_is_sent_is_counted(people: People) -> None:
    view, measures = FoldedHere([notice(1), notice(2), notice(3, "push")]), Measures()

    def value(name: str, told: dict[str, str]) -> float | None:
        return measures.registry.get_sample_value(name, told)

    channel = Recorder(view, does=failing(TryAgain("busy"), Refused("refused")))
    async with notifying(view, people, channel, measures=measures, limits=with_(QUICK, at_once=1)):
        await view.until(lambda: not view.outbox)
        labels = {"shard": "notices:occitanie", "channel": "sms"}
        await nothing_more()
        assert value("vigilits_notices_waiting", labels) == 0
        assert value("vigilits_channel_breaker", labels) == 0

    assert value("vigilits_notices_sent_total", {"channel": "sms"}) == 1
    assert value("vigilits_notices_failed_total", {"channel": "sms", "reason": "refused"}) == 1
    assert value("vigilits_notices_failed_total", {"channel": "push", "reason": "not configured"}) == 1
    assert value("vigilits_notice_retries_total", {"channel": "sms", "reason": "busy"}) == 1
    assert value("vigilits_notice_seconds_count", {"channel": "sms"}) == 1
    assert value("vigilits_notices_waiting", {"shard": "notices:occitanie", "channel": "sms"}) is None


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Return all that is logged of sending, whatever other tests silenced."""
    before, capture = structlog.get_config(), structlog.testing.LogCapture()
    debug = structlog.make_filtering_bound_logger("debug")
    structlog.configure(processors=[capture], wrapper_class=debug, cache_logger_on_first_use=False)
    monkeypatch.setattr(sender, "logger", structlog.get_logger())
    yield capture.entries
    structlog.configure(**before)


async def test_no_log_line_names_anybody(
    people: People, logged: list[Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    view = FoldedHere([notice(number) for number in range(8)])
    errors = [TryAgain("unreachable")] * 4 + [Refused("refused"), ValueError(f"canary {NUMBER}")]
    async with notifying(view, people, Recorder(view, does=failing(*errors))):
        await view.until(lambda: not view.outbox)
    printed = capfd.readouterr()
    assert {line["event"] for line in logged} >= {"delivered", "put off", "given up", "channel stumbled"}
    lines = f"{logged}{caplog.text}{printed.out}{printed.err}"
    for canary in (NUMBER, NUMBER[-6:], "Anne", "canary.fr"):
        assert canary not in lines + str(view.log)
    assert PERSON not in lines, "a subject is on the log, and yet in no line that many read"


async def test_no_line_of_a_library_names_an_address(people: People, caplog: pytest.LogCaptureFixture) -> None:
    """httpx tells whole addresses at INFO, httpcore headers at DEBUG: both hold secrets."""
    caplog.set_level(logging.DEBUG)
    server = MailServer()
    async with HttpPeer(Answered(500), Answered(200)).serving() as peer, server.serving():
        people.set_webhook("desk", f"{peer.url}/canary", "canary-secret", allow_private=True)
        gateway = Gateway(url=f"{peer.url}/canary", body={"to": "{to}", "text": "{text}"}, headers={"key": "canary"})
        told = ChannelSettings(
            smtp_url=f"smtp://127.0.0.1:{server.port}",
            smtp_from="vigilits@example.fr",
            smtp_starttls=False,
            sms_gateway=gateway,
        )
        view = FoldedHere([notice(1), notice(2, "smtp"), notice(3, "webhook", person="webhook:desk")])
        async with notifying(view, people, *channels_of(told, people)):
            await view.until(lambda: not view.outbox)
    assert len(view.said(NoticeDelivered)) == 3
    ours = [
        f"{line.name} {line.getMessage()}" for line in caplog.records if line.name != "mail.log"
    ]  # the server's own
    for canary in ("canary", NUMBER):
        assert not [line for line in ours if canary in line]


def test_what_is_not_configured_is_not_there(people: People) -> None:
    assert [channel.name for channel in channels_of(ChannelSettings(), people)] == ["webhook"]
    told = ChannelSettings(
        smtp_url="smtps://u:canary@mail.example.fr",
        smtp_from="a@example.fr",
        mssante_url="smtp://mss.example.fr:2525",
        mssante_from="c@ars.mssante.fr",
        mssante_domains="mssante.fr, Apicrypt.org",
        sms_gateway=Gateway(url="https://canary.example", body={"to": "{to}", "text": "{text}"}),
        push_contact="mailto:a@example.fr",
    )
    assert sorted(channel.name for channel in channels_of(told, people)) == [
        "mssante",
        "push",
        "sms",
        "smtp",
        "webhook",
    ]
    assert "canary" not in repr(told)


def test_a_server_s_address_is_read_with_its_password() -> None:
    relay = relay_of("smtps://u%40x:p%2F%3F@mail.example.fr", "a@example.fr", 5.0)
    assert (relay.host, relay.port, relay.user, relay.password, relay.tls) == (
        "mail.example.fr",
        465,
        "u@x",
        "p/?",
        True,
    )
    assert relay_of("smtp://mail.example.fr", "a@example.fr", 5.0).port == 587
    assert "p/?" not in repr(relay)
