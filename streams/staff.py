"""Looks who the staff are of facilities with cases, by their grants, and publishes it on the notices shard."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec
import structlog

from domain.alerts.cluster import STAFF
from domain.events import Event
from event_log.log import LogAway, UnknownTopic
from event_log.topics import region_of
from live_state.state import State, StateAway
from people.rights import staff_of
from streams.memberships import known
from streams.on_call import publishing

LOOKS_EVERY_S = 30.0
MOST_STAFF = 100  # of one facility

logger = structlog.get_logger("streams.staff")


class CasesView(Protocol):
    """One notices shard while this worker has it, as far as its facilities with cases go."""

    @property
    def shard(self) -> str:
        """Return the shard's name, such as `notices:occitanie`."""
        ...

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded: before, nothing is told."""
        ...

    @property
    def cases(self) -> Iterable[str]:
        """Return the facilities that have cases, as folded."""
        ...

    @property
    def settings(self) -> Mapping[str, bytes]:
        """Return the settings by name, as folded."""
        ...

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log; raise LogAway or UnknownTopic, after a bounded wait."""
        ...


class Staff:
    """Works beside one notices shard: from the first case of a facility on it is known there whom to tell of more."""

    def __init__(self, view: CasesView, state: State, now: Callable[[], int]) -> None:
        self._view, self._state, self._now = view, state, now

    async def run(self, every_s: float = LOOKS_EVERY_S) -> None:
        """Look until cancelled; while log or live state is away, those stay who were known."""
        while True:
            try:
                if self._view.ready:
                    await self.look()
            except (LogAway, UnknownTopic, StateAway) as why:
                logger.warning("not looked at", shard=self._view.shard, why=str(why))
            await asyncio.sleep(every_s)

    async def look(self) -> int:
        """Return of how many facilities the staff were published, because they are others than is known."""
        facilities, region, now = sorted(self._view.cases), region_of(self._view.shard), self._now()
        held = await known(self._state, region) if facilities else None
        if held is None:
            return 0
        found = {f"{STAFF}{each}": staff_of(each, held.grants, region, now)[:MOST_STAFF] for each in facilities}
        contents = {name: msgspec.json.encode(staff) for name, staff in found.items()}
        news = [
            publishing(name, content, now)
            for name, content in contents.items()
            if self._view.settings.get(name, b"[]") != content
        ]
        for event in news:
            await self._view.append(event)
        return len(news)
