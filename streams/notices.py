"""The notices shard in this worker, and what its senders see of it."""

from collections.abc import Mapping
from typing import Protocol

from domain.alerts.notice import Group, HeldAlert, Notice
from domain.events import Event


class NoticesView(Protocol):
    """One region's notices shard while this worker has it, as those see it who send its messages."""

    @property
    def shard(self) -> str:
        """Return the shard's name, such as `notices:occitanie`."""
        ...

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded: before, nothing is sent.

        It stays so while more comes in, and ends with whatever makes the shard load anew.
        """
        ...

    @property
    def outbox(self) -> Mapping[str, Notice]:
        """Return what is to be sent, by id, as folded; it may be one commit ahead of the live state."""
        ...

    @property
    def alerts(self) -> Mapping[str, HeldAlert]:
        """Return the alerts by id, as folded: a webhook's payload tells each of them with its labels."""
        ...

    @property
    def groups(self) -> Mapping[str, Group]:
        """Return the groups by id, as folded."""
        ...

    @property
    def clock(self) -> int:
        """Return the shard's clock (ms) as folded."""
        ...

    async def changed(self) -> None:
        """Return once something was folded, or `ready` changed, since this last returned: for one waiter a view."""
        ...

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log; raise LogAway or UnknownTopic, after a bounded wait."""
        ...
