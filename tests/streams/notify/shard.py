"""A notices shard as its senders see it: what they append is folded at once, or when told to; and it can die."""

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from domain.alerts.notice import ChannelState, Group, HeldAlert, Notice
from domain.events import ChannelChanged, Event, NoticeAttempted, NoticeDelivered, NoticeFailed
from event_log.log import LogAway
from streams.notify.channel import Letter
from streams.notify.pace import Limits
from tests.streams.notify.letters import GROUP, held

# Waits so short that a test lasts no longer than its work.
QUICK = Limits(send_within_s=2.0, first_wait_s=0.005, most_wait_s=0.02, fails=3, rest_s=0.02, most_rest_s=0.05)


class FoldedHere:
    """The view; `log` is what was appended, by whomever: a view that comes after begins from it."""

    shard = "notices:occitanie"

    def __init__(self, notices: list[Notice], log: list[Event] | None = None) -> None:
        self.outbox: dict[str, Notice] = {notice.id: notice for notice in notices}
        self.alerts: Mapping[str, HeldAlert] = {"a1": held()}
        self.groups: Mapping[str, Group] = {"g1": GROUP}
        self.channels: dict[str, ChannelState] = {}
        self.clock = 1_000
        self.ready = True
        self.folds = True  # else what is appended waits for `catch_up`
        self.away = False  # the log is
        self.refusals = 0
        self.log: list[Event] = [] if log is None else log
        self._folded = 0
        self._news = asyncio.Event()
        self._heard: list[tuple[Callable[[], bool], asyncio.Event]] = []
        self.catch_up()

    async def changed(self) -> None:
        """Return once something was folded."""
        await self._news.wait()
        self._news.clear()

    async def append(self, event: Event) -> None:
        """Return once the event is on the log."""
        if self.away:
            self.refusals += 1
            self.tell()
            raise LogAway("away")
        self.log.append(event)
        if self.folds:
            self.catch_up()
        self.tell()

    def catch_up(self) -> None:
        """Fold what was appended, as the notices fold does."""
        for event in self.log[self._folded :]:
            match event:
                case NoticeAttempted() if event.notice in self.outbox:
                    notice = self.outbox[event.notice]
                    self.outbox[event.notice] = replace(notice, attempts=max(notice.attempts, event.attempt))
                case NoticeDelivered() | NoticeFailed():
                    self.outbox.pop(event.notice, None)
                case ChannelChanged():
                    self.channels[event.channel] = ChannelState(event.up, event.received_at, event.reason)
        self._folded = len(self.log)
        self.tell()

    def put(self, *notices: Notice) -> None:
        """Have something more to be sent."""
        self.outbox |= {notice.id: notice for notice in notices}
        self.tell()

    def drop(self, id_: str) -> None:
        """No longer want something sent."""
        self.outbox.pop(id_, None)
        self.tell()

    def tell(self) -> None:
        """Say that something changed."""
        self._news.set()
        for holds, event in self._heard:
            if holds():
                event.set()

    async def until(self, holds: Callable[[], bool], within_s: float = 30.0) -> None:
        """Return once something holds that an append or a send brought about."""
        if holds():
            return
        event = asyncio.Event()
        self._heard.append((holds, event))
        async with asyncio.timeout(within_s):
            await event.wait()

    def said(self, kind: type[Event]) -> list[Event]:
        """Return what was appended of one kind."""
        return [event for event in self.log if isinstance(event, kind)]


class Recorder:
    """A channel that does what `does` says with each letter, and keeps those that it took."""

    def __init__(
        self, view: FoldedHere, name: str = "sms", does: Callable[[Letter], str] | None = None, per_second: float = 1e6
    ) -> None:
        self.name, self.per_second = name, per_second
        self.tried: list[Letter] = []
        self.taken: list[Letter] = []
        self.looks = 0
        self.works = True
        self.stalls = asyncio.Event()
        self.stalls.set()
        self._view, self._does = view, does

    async def send(self, letter: Letter) -> str:
        """Return a receipt, once nothing stalls it."""
        self.tried.append(letter)
        self._view.tell()
        await self.stalls.wait()
        receipt = self._does(letter) if self._does else f"r-{len(self.taken) + 1}"
        self.taken.append(letter)
        self._view.tell()
        return receipt

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where it works."""
        self.looks += 1
        self._view.tell()
        if self._does and not self.works:
            assert letter is not None
            self._does(letter)
