"""One channel's sender: a bounded queue, so many at once, tries and waits, and what became of each on the log."""

import asyncio
import heapq
import random
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, stop_never, wait_random_exponential

from domain.alerts.notice import NOT_CONFIGURED, Notice
from domain.alerts.rule import SEVERITIES
from domain.events import ChannelChanged, Event, NoticeAttempted, NoticeDelivered, NoticeFailed
from event_log.log import LogAway, UnknownTopic
from streams.measures import Measures
from streams.notices import NoticesView
from streams.notify.channel import Channel, Letter, Refused, TryAgain, key_of
from streams.notify.letters import Written
from streams.notify.pace import STATES, Breaker, Bucket, Limits, backoff_s

OURS = uuid.UUID("6f1f7b0e-3b0c-5d3c-9a53-2f6f0c1a7d11")  # namespace of what a sender says of a notice
LOG_WAIT_S, MOST_LOG_WAIT_S = 0.2, 5.0
ATTEMPT_WITHIN_S = 10.0  # on the log, before a letter is put off
IDLE_S = 60.0

logger = structlog.get_logger("streams.notify")

Compose = Callable[[Sequence[Notice]], Awaitable[list[Written]]]
Rank = tuple[int, int, str]


@dataclass(slots=True, eq=False)
class InHand:
    """A notice that we have taken from the outbox."""

    notice: Notice
    next_at: float  # of our own clock (monotonic, s)
    tries: int = 0
    why: str = "too late"
    attempted: bool = False  # that it is tried is on the log, and it was not yet
    flying: bool = False
    trial: bool = False  # the one try of a channel that was left alone

    @property
    def rank(self) -> Rank:
        """Return its place among those that could go now."""
        return _rank(self.notice)


class Sender:
    """Sends the notices of one channel (of one webhook's receiver), whatever any other channel is doing.

    `channel` None is one that is not configured: each notice for it fails at once. `down` is what the log says of it.
    """

    def __init__(
        self,
        name: str,
        channel: Channel | None,
        view: NoticesView,
        compose: Compose,
        measures: Measures,
        now: Callable[[], int],
        limits: Limits,
        *,
        down: bool = False,
    ) -> None:
        self.name = name
        self._channel, self._view, self._compose = channel, view, compose
        self._measures, self._now, self._limits = measures, now, limits
        self._breaker = Breaker(limits, down=down and channel is not None)
        self._bucket = Bucket(channel.per_second if channel else 1000.0, time.monotonic())
        self._in_hand: dict[str, InHand] = {}
        self._prepared: asyncio.PriorityQueue[tuple[Rank, InHand, Written]] = asyncio.PriorityQueue()
        self._told: set[str] = set()  # what became of them is on the log, and not yet folded
        self._woken = asyncio.Event()
        self._said_up, self._why = not down, ""
        self._changed = asyncio.Event()
        self._missed: Letter | None = None
        if channel is None:
            self._agree(NOT_CONFIGURED)  # what nobody has set up any more is in no trouble
        self._show()

    # -- what the notifier hands in

    def take(self, notices: Iterable[Notice]) -> None:
        """Take notices in hand that are not already, the gravest first, as the queue has room: the rest stay there."""
        room = self._limits.most_waiting - len(self._in_hand)
        if room <= 0:
            return
        fresh = (each for each in notices if each.id not in self._in_hand and each.id not in self._told)
        for notice in heapq.nsmallest(room, fresh, key=_rank):
            self._in_hand[notice.id] = InHand(notice, time.monotonic())
            self._woken.set()
        self._show()

    def wake(self, outbox: Container[str]) -> None:
        """Look again: something was folded, of which the outbox is what is left to send."""
        if self._view.ready:
            self._told = {id_ for id_ in self._told if id_ in outbox}
        if self._in_hand or not self._breaker.up:  # else there is nothing that it could change
            self._woken.set()

    async def run(self) -> None:
        """Send what is handed in, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tell_changes())
                for _ in range(self._limits.at_once):
                    tasks.create_task(self._work())
                while True:
                    some = await self._next()
                    if not some:
                        self._breaker.begin()
                        tasks.create_task(self._look())
                    for one, written in await self._written(some):
                        self._prepared.put_nowait((one.rank, one, written))
        finally:
            labels = {"shard": self._view.shard, "channel": self.name}
            self._measures.notices_waiting.remove_by_labels(labels)
            self._measures.channel_breaker.remove_by_labels(labels)

    # -- some at a time: whether they can go, and how they are written

    async def _next(self) -> list[InHand]:
        """Return what is to be handled now, the gravest first; nothing where the channel is to be looked at instead."""
        while True:
            now, now_ms, ready = time.monotonic(), self._now(), self._view.ready
            waiting = [one for one in self._in_hand.values() if not one.flying]
            room = self._room(waiting)
            wait_s = IDLE_S
            if waiting and room > 0:
                over = [one for one in waiting if now_ms >= one.notice.give_up_at or self._is_gone(one)]
                if over:
                    return self._fly(over, room)
                if self._channel is None:
                    return self._fly(waiting, room)
                held_s = max(self._breaker.wait_s(now), self._bucket.wait_s(now))
                able = [one for one in waiting if one.next_at <= now] if ready and held_s <= 0 else []
                if able:
                    is_trial = self._breaker.begin()
                    flying = self._fly(able, 1 if is_trial else min(room, self._bucket.whole(now)))
                    flying[0].trial = is_trial
                    self._bucket.take(now, len(flying))
                    return flying
                if ready:
                    wait_s = max(held_s, min(one.next_at for one in waiting) - now)
                wait_s = min(wait_s, (min(one.notice.give_up_at for one in waiting) - now_ms) / 1000)
            elif not waiting and ready and self._breaker.state == "open":
                wait_s = max(self._breaker.wait_s(now), self._bucket.wait_s(now))
                if wait_s <= 0:
                    return []
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.001, min(wait_s, IDLE_S))):
                    await self._woken.wait()

    def _room(self, waiting: list[InHand]) -> int:
        """Return how many of these may be written now: none while enough are under way that are as grave.

        Written one by one, as room is made for them, each would cost what many cost together.
        """
        flying = len(self._in_hand) - len(waiting)
        room = self._limits.under_way - flying
        if room >= min(len(waiting), flying):
            return room
        mildest = max(one.rank[0] for one in self._in_hand.values() if one.flying)
        return room if any(one.rank[0] < mildest for one in waiting) else 0

    def _fly(self, some: list[InHand], most: int) -> list[InHand]:
        flying = heapq.nsmallest(most, some, key=lambda one: one.rank)
        for one in flying:
            one.flying = True
        return flying

    def _is_gone(self, one: InHand) -> bool:
        """Return whether the shard no longer wants it sent."""
        return self._view.ready and one.notice.id not in self._view.outbox

    async def _written(self, some: list[InHand]) -> list[tuple[InHand, Written]]:
        """Return each with its letter, of which an attempt is on the log, or with why there is none.

        They are written together, and told of together: a store opens once for all of them, and the log is asked once.
        """
        if self._channel is None:
            return [(one, Refused(NOT_CONFIGURED)) for one in some]
        now = self._now()
        able = [one for one in some if now < one.notice.give_up_at and not self._is_gone(one)]
        # Of the others nothing is written: they are let go, unless the shard loads anew meanwhile and wants them again.
        told: list[tuple[InHand, Written]]
        told = [(one, TryAgain("shard not ready")) for one in some if one not in able]
        if not able:
            return told
        written = await self._compose([one.notice for one in able])
        told += [(one, why) for one, why in zip(able, written, strict=True) if isinstance(why, Exception)]
        letters = [(one, each) for one, each in zip(able, written, strict=True) if isinstance(each, Letter)]
        fresh = [one for one, _ in letters if not one.attempted]
        if not await self._append(map(self._attempt, fresh), ATTEMPT_WITHIN_S):
            return told + [(one, TryAgain("log away")) for one, _ in letters]
        for one in fresh:
            one.attempted = True
        return [*told, *letters]

    def _attempt(self, one: InHand) -> NoticeAttempted:
        """Return what is said of a notice before it is sent, each try by a name of its own."""
        notice = one.notice
        one.tries = max(self._view.outbox.get(notice.id, notice).attempts, one.tries) + 1
        id_ = _name(notice, f"attempted {one.tries}")
        return NoticeAttempted(id=id_, received_at=self._now(), notice=notice.id, attempt=one.tries)

    # -- so many at once: sent, and what became of them

    async def _work(self) -> None:
        while True:
            _, one, written = await self._prepared.get()
            try:
                await self._handle(one, written)
            finally:
                if one.trial:
                    self._breaker.let()
                one.flying = one.trial = False
                self._show()
                self._woken.set()

    async def _handle(self, one: InHand, written: Written) -> None:
        """Return once the notice is told of, let go, or put off."""
        if self._is_gone(one):  # perhaps while it waited for its turn
            del self._in_hand[one.notice.id]
            return
        if self._now() >= one.notice.give_up_at:
            written = Refused(one.why)
        match written:
            case Letter() if not self._view.ready:
                await self._put_off(one, "shard not ready")
            case Letter() if not self._breaker.up and not one.trial:
                pass  # it is in hand still, for when the channel is used again
            case Letter():
                assert self._channel is not None
                one.attempted = False
                await self._send(self._channel, one, written)
            case Refused():
                await self._give_up(one, written.reason)
            case TryAgain():
                await self._put_off(one, written.reason, written.after_s)
            case sqlite3.Error() | OSError():
                await self._put_off(one, "directory away")
            case _:  # as in _send
                logger.error("not written", channel=self.name, error=type(written).__name__, key=key_of(one.notice.id))
                await self._give_up(one, "error of ours")

    async def _send(self, channel: Channel, one: InHand, letter: Letter) -> None:
        try:
            async with asyncio.timeout(self._limits.send_within_s):
                receipt = await channel.send(letter)
        except TryAgain as why:
            self._channel_failed(letter, why.reason)
            await self._put_off(one, why.reason, why.after_s)
        except TimeoutError:
            self._channel_failed(letter, "slow")
            await self._put_off(one, "slow")
        except Refused as why:
            self._channel_worked()
            await self._give_up(one, why.reason)
        except Exception as bug:  # noqa: BLE001 - one letter that a channel stumbles over must not stop all others
            # Its words may hold an address; its kind and the key are enough to look for it.
            logger.error("channel stumbled", channel=self.name, error=type(bug).__name__, key=letter.key)
            await self._give_up(one, "error of ours")
        else:
            self._channel_worked()
            await self._delivered(one, receipt)

    async def _delivered(self, one: InHand, receipt: str) -> None:
        now = self._now()
        self._measures.notices_sent.labels(self.name).inc()
        self._measures.notice_seconds.labels(self.name).observe(max(0, now - one.notice.due_at) / 1000)
        logger.info("delivered", channel=self.name, key=key_of(one.notice.id), tries=one.tries)
        said = NoticeDelivered(
            id=_name(one.notice, "delivered"), received_at=now, notice=one.notice.id, receipt=receipt
        )
        await self._tell(one, said)

    async def _give_up(self, one: InHand, reason: str) -> None:
        self._measures.notices_failed.labels(self.name, reason).inc()
        logger.warning("given up", channel=self.name, key=key_of(one.notice.id), tries=one.tries, reason=reason)
        said = NoticeFailed(
            id=_name(one.notice, "failed"), received_at=self._now(), notice=one.notice.id, reason=reason
        )
        await self._tell(one, said)

    async def _tell(self, one: InHand, said: Event) -> None:
        """Return once the log has it; until it is folded too the notice is not taken in hand again."""
        self._told.add(one.notice.id)
        await self._append([said])
        del self._in_hand[one.notice.id]

    async def _put_off(self, one: InHand, reason: str, asked_s: float | None = None) -> None:
        """Have it wait, or give it up where it could not be tried again in time: who comes next is told the sooner."""
        one.why = reason
        wait_s = backoff_s(self._limits, max(1, one.tries), random.random(), asked_s)
        if self._now() + wait_s * 1000 >= one.notice.give_up_at:
            await self._give_up(one, reason)
            return
        one.next_at = time.monotonic() + wait_s
        self._measures.notice_retries.labels(self.name, reason).inc()
        logger.info("put off", channel=self.name, key=key_of(one.notice.id), tries=one.tries, reason=reason)

    # -- the channel itself

    def _channel_worked(self) -> None:
        self._breaker.worked()
        self._missed = None
        self._agree("")

    def _channel_failed(self, letter: Letter, reason: str) -> None:
        self._breaker.failed(time.monotonic())
        self._missed = letter
        self._agree(reason)

    def _agree(self, why: str) -> None:
        """Have the log say what the breaker says."""
        if self._breaker.state != "half" and self._breaker.up != self._said_up:
            self._why = why
            self._changed.set()

    async def _look(self) -> None:
        """Try a channel that is down and has nothing to send, so that it is not thought down for ever."""
        assert self._channel is not None
        self._show()
        try:
            async with asyncio.timeout(self._limits.send_within_s):
                await self._channel.look(self.name, self._missed)
        except (TryAgain, TimeoutError):
            self._breaker.failed(time.monotonic())
        except Exception as bug:  # noqa: BLE001 - as above: what is looked at may be anything
            logger.error("channel stumbled", channel=self.name, error=type(bug).__name__)
            self._breaker.failed(time.monotonic())
        else:
            self._channel_worked()
        self._show()
        self._woken.set()

    async def _tell_changes(self) -> None:
        """Append channel.changed whenever the channel is up or down and the log says otherwise."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            up = self._breaker.up
            if up == self._said_up:
                continue
            logger.warning("channel changed", channel=self.name, up=up, reason=self._why)
            said = ChannelChanged(
                id=str(uuid.uuid4()), received_at=self._now(), channel=self.name, up=up, reason=self._why
            )
            await self._append([said])
            self._said_up = up
            if self._breaker.up != up:
                self._changed.set()

    def _show(self) -> None:
        labels = (self._view.shard, self.name)
        self._measures.notices_waiting.labels(*labels).set(len(self._in_hand))
        self._measures.channel_breaker.labels(*labels).set(STATES.index(self._breaker.state))

    async def _append(self, events: Iterable[Event], within_s: float | None = None) -> bool:
        """Return whether the log has all of them: always, in the end, where no time is set."""
        left = list(events)
        tries = AsyncRetrying(
            retry=retry_if_exception_type((LogAway, UnknownTopic)),
            wait=wait_random_exponential(multiplier=LOG_WAIT_S, max=MOST_LOG_WAIT_S),
            stop=stop_never if within_s is None else stop_after_delay(within_s),
            reraise=True,
        )
        try:
            async for one in tries:
                with one:
                    # What is appended at the same time travels together.
                    answers = await asyncio.gather(*map(self._view.append, left), return_exceptions=True)
                    left = [event for event, why in zip(left, answers, strict=True) if why is not None]
                    for why in answers:
                        if why is not None:
                            raise why
        except (LogAway, UnknownTopic):
            return False
        return True


def _rank(notice: Notice) -> Rank:
    """Return a notice's place among those that could go now: the gravest first, then the oldest."""
    return (-SEVERITIES.index(notice.severity), notice.due_at, notice.id)


def _name(notice: Notice, what: str) -> str:
    """Return the id of what is said of a notice: said twice, because no answer came, it is said once."""
    return str(uuid.uuid5(OURS, f"{notice.id} {what}"))
