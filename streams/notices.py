"""The notices shard as a worker has it, and what those see of it who send its messages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from domain.alerts.fold import NOTICES_FOLD_VERSION, Draft, Item, NoticesState, fold
from domain.alerts.notice import ChannelState, Group, HeldAlert, Notice
from domain.alerts.worth import gains
from domain.events import Event
from event_log.topics import NOTICES
from live_state import notices
from live_state.state import Position
from streams.measures import Measures
from streams.shard import Written
from streams.view import View


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
    def channels(self) -> Mapping[str, ChannelState]:
        """Return what the senders last said of each channel, as folded: who starts anew begins with it."""
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


class Notices:
    """The sort of shard that decides which people are told of a region's alerts, when and by what."""

    topic = NOTICES
    fold_version = NOTICES_FOLD_VERSION
    names: Sequence[str] = notices.NAMES
    forwards = False

    def empty(self, end: int = -1) -> NoticesState:
        """Return the state before the first record."""
        return NoticesState()

    def load(self, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> NoticesState:
        """Return the state that these hashes hold."""
        return notices.load(position, held)

    async def prepare(self, state: NoticesState, items: Sequence[Item]) -> None:
        """Return at once: all that the fold reads is in the records and in the state."""

    def fold(self, state: NoticesState, items: Sequence[Item]) -> Draft:
        """Return the draft of records that follow the state."""
        return fold(state, items)

    def absorb(self, state: NoticesState, draft: Draft) -> None:
        """Have the state become what the draft says."""
        state.absorb(draft)

    def written(self, draft: Draft, *, rebuilding: bool) -> Written:
        """Return what the draft is in the live state."""
        packed = notices.packed(draft)  # once, for both
        writes = notices.writes(draft, packed, rebuilding=rebuilding)
        feed = notices.feed(draft, packed, rebuilding=rebuilding)
        return Written(writes, feed, gains=gains(draft.worth.changed, draft.worth.base))

    def waits(self, state: NoticesState) -> bool:
        """Return False: what one record leaves is soon run by one of the many others."""
        return False

    def measure(self, shard: str, state: NoticesState, measures: Measures, now: int) -> None:
        """Set what the app shows nobody for lack of room; what else is done its senders count."""
        measures.words_left_off.labels(shard).set(sum(state.left_off.values()))


class Viewed(View[NoticesState, Draft]):
    """A notices shard of this worker, as its senders see it (a `NoticesView`)."""

    @property
    def alerts(self) -> Mapping[str, HeldAlert]:
        """Return the alerts by id."""
        return self._shard.held.alerts

    @property
    def groups(self) -> Mapping[str, Group]:
        """Return the groups by id."""
        return self._shard.held.groups

    @property
    def cases(self) -> Iterable[str]:
        """Return the facilities that have cases."""
        return self._shard.held.cases

    @property
    def settings(self) -> Mapping[str, bytes]:
        """Return the settings by name."""
        return self._shard.held.settings
