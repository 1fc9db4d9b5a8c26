"""Looks what is due in a shard's outbox and hands each notice to its channel's sender, addressed and written."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from domain.alerts.notice import Notice
from domain.alerts.rule import SEVERITIES
from streams.measures import Measures
from streams.notices import NoticesView
from streams.notify.channel import RECEIVER, Channel
from streams.notify.letters import Letters, Written
from streams.notify.pace import Limits
from streams.notify.sender import Sender

FORGETS_EACH_S = 3600.0
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
    ) -> None:
        self._view, self._letters, self._now, self._measures = view, letters, now, measures
        self._channels = {channel.name: channel for channel in channels}
        self._limits = limits or Limits()
        self._senders: dict[str, Sender] = {}

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forget_links(), name="forget links")
            while True:
                if self._view.ready:
                    self._look(tasks)
                for sender in self._senders.values():
                    sender.wake(self._view.outbox.keys())
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._until_due_s()):
                        await self._view.changed()

    def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Hand on what is due, the gravest first: a queue may be nearly full."""
        now = self._now()
        for name, channel in self._view.channels.items():
            if not channel.up:
                self._sender(name, tasks)  # so that it is tried again, though nothing is to be sent
        due = [notice for notice in self._view.outbox.values() if notice.due_at <= now]
        for notice in sorted(due, key=lambda notice: (-SEVERITIES.index(notice.severity), notice.due_at)):
            self._sender(_lane(notice), tasks).take(notice)

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

    def _until_due_s(self) -> float:
        """Return when to look again at the latest: when the next notice is due, and for a queue that was full."""
        now = self._now()
        ahead = [notice.due_at - now + SOON_MS for notice in self._view.outbox.values() if notice.due_at > now]
        return min([self._limits.looks_again_s, *(ms / 1000 for ms in ahead)])

    async def compose(self, notices: Sequence[Notice]) -> list[Written]:
        """Return each notice as it is sent now, or why it can't be."""
        return await asyncio.to_thread(self._letters.compose, notices)


def _lane(notice: Notice) -> str:
    """Return whose queue a notice goes in: each receiver of webhooks has its own, as each channel has."""
    return notice.person if notice.person.startswith(RECEIVER) else notice.channel
