"""A shard that has messages to send, as those see it who work beside it."""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from domain.alerts.notice import ChannelState, Notice
from domain.events import Event
from streams.shard import Drafted, Folded, Shard


class Sends(Folded, Protocol):
    """What the state of a fold that sends messages tells of itself."""

    outbox: dict[str, Notice]
    channels: dict[str, ChannelState]


S = TypeVar("S", bound=Sends)
D = TypeVar("D", bound=Drafted)


class View(Generic[S, D]):
    """A shard of this worker, as folded."""

    def __init__(self, shard: Shard[S, D]) -> None:
        self._shard = shard

    @property
    def shard(self) -> str:
        """Return the shard's name."""
        return self._shard.shard or ""

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded."""
        return self._shard.ready

    @property
    def outbox(self) -> Mapping[str, Notice]:
        """Return what is to be sent, by id."""
        return self._shard.held.outbox

    @property
    def channels(self) -> Mapping[str, ChannelState]:
        """Return what the senders last said of each channel."""
        return self._shard.held.channels

    @property
    def clock(self) -> int:
        """Return the shard's clock (ms)."""
        return self._shard.held.clock

    async def changed(self) -> None:
        """Return once something was folded, or `ready` changed, since this last returned: for one waiter."""
        await self._shard.changed()

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log."""
        await self._shard.append(event)
