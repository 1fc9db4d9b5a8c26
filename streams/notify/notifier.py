"""Looks what is due in a region's outbox and hands each notice to its channel's sender, addressed and written."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from domain.alerts.notice import NO_ADDRESS, Notice
from domain.alerts.rule import SEVERITIES
from event_log.topics import region_of
from people.directory import People
from streams.measures import Measures
from streams.notices import NoticesView
from streams.notify.channel import RECEIVER, Channel, Language, Letter, Refused, key_of
from streams.notify.pace import Limits
from streams.notify.sender import Sender

LINK_MS = 24 * 3600 * 1000  # from when a notice was made on its link marks it seen
LATE_MS = 60_000
FORGETS_EACH_S = 3600.0
SOON_MS = 1  # what is due is taken a moment after, never a moment before
WEBHOOK, PUSH = "webhook", "push"

logger = structlog.get_logger("streams.notify")


class Notifier:
    """Sends one region's notices while this worker has its shard.

    Nothing is sent before the shard is folded to its log's end. What is in the outbox is in hand once at most; a
    worker that comes after us finds there what has no receipt, and sends it under the same key.
    """

    def __init__(
        self,
        view: NoticesView,
        people: People,
        channels: Iterable[Channel],
        now: Callable[[], int],
        measures: Measures,
        *,
        public_url: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._view, self._people, self._now, self._measures = view, people, now, measures
        self._channels = {channel.name: channel for channel in channels}
        self._base, self._limits = public_url.rstrip("/"), limits or Limits()
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
                await asyncio.to_thread(self._people.forget_links, self._now())
            except sqlite3.Error as why:
                logger.warning("links not forgotten", error=type(why).__name__)
            await asyncio.sleep(FORGETS_EACH_S)

    def _until_due_s(self) -> float:
        """Return when to look again at the latest: when the next notice is due, and for a queue that was full."""
        now = self._now()
        ahead = [notice.due_at - now + SOON_MS for notice in self._view.outbox.values() if notice.due_at > now]
        return min([self._limits.looks_again_s, *(ms / 1000 for ms in ahead)])

    async def compose(self, notice: Notice) -> Letter:
        """Return a notice as it is sent now: addressed, in its person's language; raise Refused where it can't be."""
        return await asyncio.to_thread(self._compose, notice)

    def _compose(self, notice: Notice) -> Letter:
        people, now = self._people, self._now()
        receiver = notice.person.removeprefix(RECEIVER) if notice.person.startswith(RECEIVER) else ""
        webhook = people.webhook(receiver) if receiver else None
        subscriptions = tuple(people.subscriptions(notice.person)) if notice.channel == PUSH else ()
        to = () if receiver or subscriptions else tuple(people.addresses(notice.person, notice.channel))
        if not webhook and not subscriptions and not to:
            raise Refused(NO_ADDRESS)
        person, region = people.person(notice.person), region_of(self._view.shard)
        language: Language = "en" if person and person.language == "en" else "fr"
        wants_link = not receiver and notice.reason != "resolved"  # there is nothing left to see to
        expires_at = notice.made_at + LINK_MS  # of the notice alone: sent again, it has the same link
        held = (self._view.alerts.get(alert) for alert in notice.alerts) if receiver else ()
        late_ms = now - notice.due_at
        return Letter(
            notice=notice,
            key=key_of(notice.id),
            region=region,
            language=language,
            late_min=late_ms // 60_000 if late_ms > LATE_MS else 0,
            ttl_s=max(0, notice.give_up_at - now) // 1000,
            base=self._base,
            seen=people.link(region, notice.group, notice.person, expires_at) if wants_link else "",
            to=to,
            subscriptions=subscriptions,
            webhook=webhook,
            group=self._view.groups.get(notice.group),
            alerts=tuple(alert for alert in held if alert is not None),
        )


def _lane(notice: Notice) -> str:
    """Return whose queue a notice goes in: each receiver of webhooks has its own, as each channel has."""
    return notice.person if notice.person.startswith(RECEIVER) else notice.channel
