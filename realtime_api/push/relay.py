"""One task a shard: it loads the live state, follows its feed, and tells hub and outbox of every entry in order."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from live_state.state import Build, FeedEntry, NoCluster, Position, State, StateAway, StateRefused
from realtime_api.measures import Measures
from realtime_api.push.mirror import Change, Mirror
from realtime_api.push.outbox import Outbox

WAIT_MS = 1_000  # of one look at the feed; after each the pointer is looked at
MOST_ENTRIES = 500
LONGEST_BACKOFF_S = 1.0  # a look is cheap, and a page waits for it
AWAY = "the live state cannot be reached"
REFUSED = "the live state refuses to be read"
BUG = "something is wrong with vigilits itself: its log says what"
UNKNOWN = "the live state is in an unknown version"

log = structlog.get_logger("relay")


class Behind(Exception):
    """The mirror can't go on from where it is: what comes next does not follow, or all of it changed."""


class Relay:
    """Follows one shard's feed for as long as it is let."""

    def __init__(
        self,
        state: State,
        hub: Mirror[Any],
        outbox: Outbox,
        measures: Measures,
        now: Callable[[], int],
        another_log: Callable[[], None],
    ) -> None:
        self._state, self._hub, self._outbox, self._measures = state, hub, outbox, measures
        self._now, self._another_log = now, another_log

    async def run(self) -> None:
        """Follow; whatever happens to the live state, wait and go on."""
        failures = 0
        while True:
            try:
                if await self._load():
                    failures = 0
                    await self._follow()
                else:  # it answers, and a worker may begin at any moment: looking again soon costs next to nothing
                    failures = min(failures, 2)
            except Behind as why:
                log.info("reload", shard=self._hub.shard, why=str(why))
                continue
            except StateAway:
                self._trouble(AWAY)
            except NoCluster as why:
                self._trouble(str(why))
            except StateRefused as why:
                self._trouble(REFUSED)
                log.error("refused", shard=self._hub.shard, why=str(why))
            except (msgspec.MsgspecError, ValueError, KeyError) as error:
                # What is stored was not written by a version that we know: to guess would be worse than to stand still.
                self._trouble(UNKNOWN)
                log.error("unreadable", shard=self._hub.shard, error=type(error).__name__)
            except Exception as error:  # a bug: the picture stands until it is restarted, unless this passes
                self._trouble(BUG)
                log.error("failed", shard=self._hub.shard, exc_info=error)
            failures += 1
            await asyncio.sleep(min(LONGEST_BACKOFF_S, 0.05 * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0))

    def _trouble(self, what: str) -> None:
        if self._hub.trouble != what:
            log.warning("not following", shard=self._hub.shard, why=what)
        self._hub.trouble = what

    async def _load(self) -> bool:
        """Bring the mirror to where the live state is; return whether there is one that we can read."""
        hub = self._hub
        build = await self._state.current(hub.shard)
        if build is None:
            self._trouble("it was never folded")
            return False
        loaded = await self._state.load(build, hub.reading.names)
        if loaded is None:
            return False
        position, held = loaded
        if position.fold_version > hub.reading.fold_version:
            self._trouble(UNKNOWN)
            return False
        if not self._goes_on(build, position):
            reason = self._why_reset(build)
            if hub.build is not None and hub.build.epoch != build.epoch:
                self._another_log()
            entries = await self._feed(build, position)
            hub.replace(build, position, held)
            hub.recall(entries)
            self._outbox.reset(reason)
        hub.trouble = None
        return True

    def _goes_on(self, build: Build, position: Position) -> bool:
        """Return whether the mirror need not be loaded again: the live state was only away for a while."""
        hub = self._hub
        was_away = hub.build == build and hub.why_not() is None and hub.trouble == AWAY
        return was_away and hub.offset <= position.offset

    def _why_reset(self, build: Build) -> str:
        held = self._hub.build
        if held is None or held == build:
            return "the live picture was read anew"
        return "the log is another one" if held.epoch != build.epoch else "the live picture was rebuilt"

    async def _feed(self, build: Build, position: Position) -> list[tuple[int, Change]]:
        """Return the feed as far as it is kept, up to a position."""
        found: list[tuple[int, Change]] = []
        after = -1
        while after < position.offset:
            entries = await self._state.feed(build, after, most=MOST_ENTRIES)
            if not entries:
                break
            found += [(entry.offset, self._hub.reading.feed(entry.payload)) for entry in entries]
            after = entries[-1].offset
        return found

    async def _follow(self) -> None:
        """Take in entry after entry; raise Behind where the next one does not follow."""
        hub = self._hub
        while hub.build is not None:
            entries = await self._state.feed(hub.build, hub.offset, WAIT_MS, MOST_ENTRIES)
            for entry in entries:
                self._take(entry)
            if not entries and await self._state.current(hub.shard) != hub.build:
                raise Behind("another build is current")

    def _take(self, entry: FeedEntry) -> None:
        hub = self._hub
        change = hub.reading.feed(entry.payload)
        if change.start != hub.offset:
            raise Behind(f"the feed goes on from {change.start}, and the mirror stands at {hub.offset}")
        if change.reload:
            raise Behind("so much changed that it is read anew")
        if not hub.reading.by_digest.isdisjoint(change.set):
            raise Behind("a setting was published that is told by its digest alone")
        self._outbox.changed(hub.apply(entry.offset, change))
        self._measures.feed_entries.labels(hub.shard).inc()
        self._measures.feed_lag.labels(hub.shard).set(max(0, self._now() - hub.at) / 1000)
