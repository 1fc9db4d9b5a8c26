"""Looks what is due in a shard's outbox and hands each notice to its channel's sender, addressed and written."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress

import structlog

from domain.alerts.notice import Notice
from streams.measures import Measures
from streams.notices import NoticesView
from streams.notify.channel import RECEIVER, Channel
from streams.notify.letters import Letters, Written
from streams.notify.pace import Limits
from streams.notify.sender import Sender

FORGETS_EACH_S = 3600.0
RESTS = 9  # times as long as a look took, until the next: a tenth of the time at most is spent on it
SOON_MS = 1  # what is due is taken a moment after, never a moment before
WEBHOOK = "webhook"

logger = structlog.get_logger("streams.notify")


class Notifier:
    """Sends one shard's notices while this worker has it.

    Nothing is sent before the shard is folded to its log's end. What is in the outbox is in hand once at most; a
    worker that comes after us finds there what has no receipt, and sends it under the same key.
    """

    def __init__(
        self,
        view: NoticesView,
        letters: Letters,
        channels: Iterable[Channel],
        now: Callable[[], int],
        measures: Measures,
        *,
        limits: Limits | None = None,
        threads: Executor | None = None,
    ) -> None:
        """Send by these channels; `threads` are those that letters are written in, which waits for stores."""
        self._threads = threads
        self._view, self._letters, self._now, self._measures = view, letters, now, measures
        self._channels = {channel.name: channel for channel in channels}
        self._limits = limits or Limits()
        self._senders: dict[str, Sender] = {}

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forget_links(), name="forget links")
            while True:
                began = time.monotonic()
                again_s = self._look(tasks)
                for sender in self._senders.values():
                    sender.wake(self._view.outbox.keys())
                took_s = time.monotonic() - began
                with suppress(TimeoutError):
                    async with asyncio.timeout(again_s):
                        await self._view.changed()
                # Through thousands that wait it takes a while, and each of their receipts asks for it: the more there
                # are, the more receipts are looked at together.
                await asyncio.sleep(took_s * RESTS)

    def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Hand on what is due, and return in how many seconds to look again at the latest.

        That is when the next is due, and soon, for a queue that was full.
        """
        now, next_at = self._now(), None
        due: dict[str, list[Notice]] = {}
        for notice in self._view.outbox.values():
            if notice.due_at <= now:
                due.setdefault(_lane(notice), []).append(notice)
            elif next_at is None or notice.due_at < next_at:
                next_at = notice.due_at
        if self._view.ready:
            for name, channel in self._view.channels.items():
                if not channel.up:
                    self._sender(name, tasks)  # so that it is tried again, though nothing is to be sent
            for lane, notices in due.items():
                self._sender(lane, tasks).take(notices)
        ahead_s = [] if next_at is None else [(next_at - now + SOON_MS) / 1000]
        return min([self._limits.looks_again_s, *ahead_s])

    def _sender(self, lane: str, tasks: asyncio.TaskGroup) -> Sender:
        sender = self._senders.get(lane)
        if sender is None:
            channel = self._channels.get(WEBHOOK if lane.startswith(RECEIVER) else lane)
            held = self._view.channels.get(lane)
            sender = Sender(
                lane,
                channel,
                self._view,
                self.compose,
                self._measures,
                self._now,
                self._limits,
                down=held is not None and not held.up,
            )
            self._senders[lane] = sender
            tasks.create_task(sender.run(), name=f"send {lane}")
        return sender

    async def _forget_links(self) -> None:
        """Keep no more links than can still be opened."""
        while True:
            try:
                await asyncio.to_thread(self._letters.forget_links, self._now())
            except (sqlite3.Error, OSError) as why:
                logger.warning("links not forgotten", error=type(why).__name__)
            await asyncio.sleep(FORGETS_EACH_S)

    async def compose(self, notices: Sequence[Notice]) -> list[Written]:
        """Return each notice as it is sent now, or why it can't be."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._letters.compose, notices)


def _lane(notice: Notice) -> str:
    """Return whose queue a notice goes in: each receiver of webhooks has its own, as each channel has."""
    return notice.person if notice.person.startswith(RECEIVER) else notice.channel
