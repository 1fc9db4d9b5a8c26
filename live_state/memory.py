"""A live state in memory, which takes the same commands as the real one: for tests, and for whatever needs no Redis."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from live_state.commands import ANY, HASH, KINDS, bound_of, bytes_of, mistake_in
from live_state.state import (
    Build,
    Command,
    Commit,
    FeedEntry,
    Position,
    StateRefused,
    TooLarge,
    feed_kept,
    most_bytes,
)


@dataclass(slots=True)
class Held:
    """What one build holds."""

    position: Position
    hashes: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    sorted: dict[str, dict[bytes, float]] = field(default_factory=dict)
    feed: deque[FeedEntry] = field(default_factory=deque)


class MemoryState:
    """Builds by shard; a wait for a feed entry ends with the next commit."""

    def __init__(self) -> None:
        self._current: dict[str, Build] = {}
        self._held: dict[Build, Held] = {}
        self._committed = asyncio.Event()

    async def current(self, shard: str) -> Build | None:
        """Return the build that readers are to read, None where the shard has never been folded."""
        return self._current.get(shard)

    async def begin(self, shard: str, epoch: str, fold_version: int, after: Build | None) -> Build | None:
        """Return the next build, empty and at offset -1 and pointed to; None if `after` is no longer current."""
        if self._current.get(shard) != after:
            return None
        build = Build(shard, epoch, after.number + 1 if after else 1)
        while build in self._held:  # its pointer was lost, and it is not
            build = build._replace(number=build.number + 1)
        self._held[build] = Held(Position(epoch, -1, fold_version))
        self._current[shard] = build
        return build

    async def sweep(self, shard: str) -> None:
        """Return once the builds that are no longer pointed to are gone."""
        for build in [b for b in self._held if b.shard == shard and b != self._current.get(shard)]:
            del self._held[build]

    async def position(self, build: Build) -> Position | None:
        """Return how far the build is folded, None if it is gone."""
        held = self._held.get(build)
        return None if held is None else held.position

    async def load(self, build: Build, names: Sequence[str]) -> tuple[Position, dict[str, dict[str, bytes]]] | None:
        """Return the position and the named hashes as they stand together at it; None if the build is gone."""
        held = self._held.get(build)
        if held is None:
            return None
        wanted = {
            name: {key.decode(): value for key, value in hashed.items()}
            for name, hashed in held.hashes.items()
            if any(name == n or (n.endswith("*") and name.startswith(n[:-1])) for n in names)
        }
        return held.position, wanted

    async def commit(self, build: Build, commit: Commit) -> bool:
        """Return whether the commit was made; False: the position is another one. Raise StateRefused, or TooLarge."""
        held = self._held.get(build)
        if held is None or held.position != commit.at:
            return False
        self._check(held, commit)
        for command in commit.writes:
            _write(held, command)
        held.feed.append(FeedEntry(commit.to.offset, commit.feed))
        while len(held.feed) > feed_kept(commit.feed):
            held.feed.popleft()
        held.position = commit.to
        self._committed.set()
        self._committed = asyncio.Event()
        return True

    def _check(self, held: Held, commit: Commit) -> None:
        size = len(commit.feed) + sum(len(bytes_of(part)) for command in commit.writes for part in command)
        if size > most_bytes(commit):
            raise TooLarge(f"{size} bytes")
        kinds: dict[str, str] = dict.fromkeys(held.hashes, HASH) | dict.fromkeys(held.sorted, "zset")
        for command in commit.writes:
            why = mistake_in(command)
            if why is None and KINDS[str(command[0])] != ANY:
                kind = KINDS[str(command[0])]
                if kinds.setdefault(str(command[1]), kind) != kind:
                    why = f"{command[1]!r} is a {kinds[str(command[1])]}"
            if why is not None:
                raise StateRefused(why)
        if held.feed and commit.to.offset <= held.feed[-1].offset:
            raise StateRefused("the feed is ahead of the position")

    async def feed(self, build: Build, after: int, wait_ms: int = 0, most: int = 500) -> list[FeedEntry]:
        """Return the entries of the commits that ended after an offset, oldest first; wait for one if there is none."""
        found = self._entries(build, after, most)
        if not found and wait_ms:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    while not found:
                        await self._committed.wait()
                        found = self._entries(build, after, most)
        return found

    def _entries(self, build: Build, after: int, most: int) -> list[FeedEntry]:
        held = self._held.get(build)
        return [] if held is None else [entry for entry in held.feed if entry.offset > after][:most]

    async def fields(self, build: Build, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """Return the named fields of one hash."""
        held = self._held.get(build)
        hashed = {} if held is None else held.hashes.get(name, {})
        return [hashed.get(field.encode()) for field in fields]

    async def latest(self, build: Build, name: str, most: int) -> list[bytes]:
        """Return the members of a sorted set with the highest scores, highest first."""
        held = self._held.get(build)
        members = {} if held is None else held.sorted.get(name, {})
        return sorted(members, key=lambda member: (members[member], member), reverse=True)[:most]


def _write(held: Held, command: Command) -> None:
    """Do what Redis would do; whatever is left empty is no more."""
    name, key, parts = command[0], str(command[1]), [bytes_of(part) for part in command[2:]]
    match name:
        case "HSET":
            held.hashes.setdefault(key, {}).update(zip(parts[::2], parts[1::2], strict=True))
        case "HDEL":
            for part in parts:
                held.hashes.get(key, {}).pop(part, None)
        case "ZADD":
            scores = zip(parts[1::2], map(float, parts[::2]), strict=True)
            held.sorted.setdefault(key, {}).update(scores)
        case "ZREM":
            for part in parts:
                held.sorted.get(key, {}).pop(part, None)
        case "ZREMRANGEBYSCORE":
            (low, low_in), (high, high_in) = bound_of(parts[0]), bound_of(parts[1])
            members = held.sorted.get(key, {})
            for member, score in list(members.items()):
                if (low < score or (low_in and low == score)) and (score < high or (high_in and score == high)):
                    del members[member]
        case _:
            held.hashes.pop(key, None)
            held.sorted.pop(key, None)
    if not held.hashes.get(key, True):
        del held.hashes[key]
    if not held.sorted.get(key, True):
        del held.sorted[key]
