"""A worker that dies anywhere between attempted, sent and delivered: nothing is left unsent, nothing arrives twice."""

import asyncio
import time
from collections import Counter
from dataclasses import replace as with_
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.alerts.notice import Notice
from domain.events import Event, NoticeAttempted, NoticeDelivered, NoticeFailed
from people.directory import Contact, People
from streams.measures import Measures
from streams.notify.channel import Letter, TryAgain, key_of
from streams.notify.letters import ToPeople
from streams.notify.notifier import Notifier
from streams.notify.pace import Limits
from tests.streams.notify.letters import NOTICE
from tests.streams.notify.shard import QUICK, FoldedHere

LAST = 10**9


def clock() -> int:
    """Return the time (ms)."""
    return time.time_ns() // 1_000_000


class Life:
    """One worker's life, which ends at its so-manieth step: whoever takes it stands still for ever."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self.over = asyncio.Event()

    async def step(self) -> None:
        """Return while it lasts."""
        if self._left <= 0:
            self.over.set()
            await asyncio.Event().wait()
        self._left -= 1


class Mortal(FoldedHere):
    """A view whose worker may die before an append or after it."""

    def __init__(self, notices: list[Notice], log: list[Event], life: Life) -> None:
        super().__init__(notices, log)
        self._life = life

    async def append(self, event: Event) -> None:
        """Append, if life lasts."""
        await self._life.step()
        await super().append(event)
        await self._life.step()


class Provider:
    """Keeps the keys of what it took; of one it has it says that it has it. It outlives every worker."""

    def __init__(self, fails: list[bool]) -> None:
        self.keys: Counter[str] = Counter()
        self.shown: list[str] = []  # to people
        self._fails = fails

    def take(self, letter: Letter) -> str:
        """Return a receipt."""
        if self._fails and self._fails.pop():
            raise TryAgain("busy")
        if letter.key not in self.keys:
            self.shown.append(letter.key)
        self.keys[letter.key] += 1
        return "taken"


class Through:
    """The channel of one worker's life: it may end before the provider took a letter, or before we heard of it."""

    name, per_second = "sms", 1e6

    def __init__(self, provider: Provider, life: Life) -> None:
        self._provider, self._life = provider, life

    async def send(self, letter: Letter) -> str:
        """Send, if life lasts."""
        await self._life.step()
        receipt = self._provider.take(letter)
        await self._life.step()
        return receipt

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return at once."""


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    """Return a store that all examples share."""
    store = People(tmp_path_factory.mktemp("people"))
    store.import_contacts("occitanie", [Contact("anne", "Anne", addresses={"sms": ("+33639980001",)})])
    return store


def made(count: int) -> list[Notice]:
    """Return so many notices that are due."""
    now = time.time_ns() // 1_000_000
    told: dict[str, Any] = {"person": "anne", "made_at": now, "due_at": now, "give_up_at": now + 600_000}
    return [replace(NOTICE, id=f"g1/0.{number}/anne/sms", **told) for number in range(count)]


async def lived(
    people: People, notices: list[Notice], lives: list[int], fails: list[bool], limits: Limits = QUICK
) -> tuple[Provider, list[Event]]:
    """Return what the provider and the log have once every worker but the last died where its life ended."""
    provider = Provider(list(fails))
    log: list[Event] = []
    for steps in [*lives, LAST]:
        life = Life(steps)
        view = Mortal(notices, log, life)
        notifier = Notifier(
            view, ToPeople(view, people, clock), [Through(provider, life)], clock, Measures(), limits=limits
        )
        task = asyncio.create_task(notifier.run())
        done = asyncio.create_task(view.until(lambda view=view: not view.outbox))  # type: ignore[misc]
        dead = asyncio.create_task(life.over.wait())
        await asyncio.wait([done, dead], return_when=asyncio.FIRST_COMPLETED)
        for each in (task, done, dead):
            each.cancel()
        await asyncio.gather(task, done, dead, return_exceptions=True)
    return provider, log


@settings(max_examples=40)
@given(
    st.integers(1, 8),
    st.lists(st.integers(0, 30), max_size=5),
    st.lists(st.booleans(), max_size=4),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 3, 64]),
)
@example(1, [0], [], 1, 1)  # before attempted is on the log
@example(1, [1], [], 1, 1)  # after
@example(1, [2], [], 1, 1)  # before the provider took it
@example(1, [3], [], 1, 1)  # after, unheard of
@example(1, [4], [], 1, 1)  # before delivered is on the log
@example(1, [5], [], 1, 1)  # after
@example(1, [3, 3, 3, 3], [], 1, 1)  # and again
@example(8, [5], [], 4, 64)  # some attempts are on the log, others not
@example(8, [16, 16], [], 4, 64)  # all are, and none is sent
@example(8, [20, 8], [True, True, True, True], 4, 64)  # some are sent, and the channel is left alone
def test_whatever_dies_where_each_is_shown_once_and_none_is_left(
    people: People, count: int, lives: list[int], fails: list[bool], at_once: int, under_way: int
) -> None:
    notices = made(count)
    limits = with_(QUICK, at_once=at_once, under_way=under_way)
    provider, log = asyncio.run(lived(people, notices, lives, fails, limits))
    keys = [key_of(notice.id) for notice in notices]
    assert sorted(provider.shown) == sorted(keys)
    assert not [event for event in log if isinstance(event, NoticeFailed)]
    delivered = [event.notice for event in log if isinstance(event, NoticeDelivered)]
    assert sorted(set(delivered)) == sorted(notice.id for notice in notices)
    assert len({event.id for event in log if isinstance(event, NoticeDelivered)}) == count
    # Each try after the first is one more death or failure, not a habit.
    tries = Counter(event.notice for event in log if isinstance(event, NoticeAttempted))
    assert sum(tries.values()) <= count * (len(lives) + 1) + sum(fails)
    # Sent again is what was sent and not told of, when somebody died: as many as go at once.
    assert sum(count - 1 for count in provider.keys.values()) <= at_once * len(lives)


def test_who_replays_the_whole_log_tells_nobody_again(people: People) -> None:
    notices = made(3)
    _, log = asyncio.run(lived(people, notices, [], []))

    last = replace(notices[0], id="g1/0.last/anne/sms")  # has no receipt: once it is told, all were looked at

    async def replayed() -> Provider:
        provider, life = Provider([]), Life(LAST)
        view = Mortal([*notices, last], log, life)
        notifier = Notifier(
            view, ToPeople(view, people, clock), [Through(provider, life)], clock, Measures(), limits=QUICK
        )
        task = asyncio.create_task(notifier.run())
        await view.until(lambda: not view.outbox)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return provider

    assert asyncio.run(replayed()).keys == Counter([key_of(last.id)])


def test_what_has_no_receipt_is_sent_after_a_rebuild_and_says_how_late_it_is(people: People) -> None:
    now = time.time_ns() // 1_000_000
    (notice,) = made(1)
    notice = replace(notice, made_at=now - 5 * 60_000, due_at=now - 5 * 60_000)
    said: list[int] = []

    class Late(Provider):
        def take(self, letter: Letter) -> str:
            said.append(letter.late_min)
            return super().take(letter)

    async def rebuilt() -> None:
        life = Life(LAST)
        attempted = NoticeAttempted(id="1", received_at=now, notice=notice.id, attempt=1)
        view = Mortal([notice], [attempted], life)
        letters = ToPeople(view, people, lambda: now)
        notifier = Notifier(view, letters, [Through(Late([]), life)], lambda: now, Measures(), limits=QUICK)
        task = asyncio.create_task(notifier.run())
        await view.until(lambda: not view.outbox)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [event.attempt for event in view.log if isinstance(event, NoticeAttempted)] == [1, 2]

    asyncio.run(rebuilt())
    assert said == [5]
