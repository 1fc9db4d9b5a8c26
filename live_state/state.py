"""The live state as the rest of vigilits sees it: one build a shard, changed by whole commits only."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

Command = Sequence[str | bytes | int]

MOST_PARTS = 1_000  # of a command: Lua's unpack ends at some thousands, and then after the writes before it
MOST_BYTES = 1 << 20  # of a commit: Redis answers nobody else meanwhile, so a longer batch is split between two records
MOST_BYTES_ALONE = 8 << 20  # of a single record's: a region directory redraws every ward, and can't be split
COMMAND_BYTES = 40  # a command's name, the number of its key, and what packing adds
FEED_ENTRIES = 10_000  # some minutes under load, hours otherwise
FEED_BYTES = 64 << 20
FEED_FEWEST = 64


class StateAway(Exception):
    """The live state could not be reached, or refuses writes for now; wait and try again."""


class StateRefused(Exception):
    """The commit can never be written as it is (too large, a wrong command): nothing of it was."""


class NoCluster(StateRefused):
    """The live state is a Redis Cluster, which we do not speak to yet: its nodes send us on to one another."""

    def __init__(self) -> None:
        super().__init__("a Redis Cluster is not supported yet")


class TooLarge(StateRefused):
    """The commit is larger than one may be: split it."""


class Position(NamedTuple):
    """How far a shard is folded: the log's identity, the last offset folded (-1: none), and by which fold."""

    epoch: str
    offset: int
    fold_version: int

    def __str__(self) -> str:
        """Return the one form in which positions are compared: `epoch:offset:fold_version`."""
        return f"{self.epoch}:{self.offset}:{self.fold_version}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Return the position that `str` wrote; raise ValueError for anything else."""
        epoch, offset, fold_version = text.split(":")
        return cls(epoch, int(offset), int(fold_version))


class Build(NamedTuple):
    """One life of a shard's state: a rebuild, or a log with another identity, takes the next number and new keys."""

    shard: str
    epoch: str
    number: int

    def key(self, name: str) -> str:
        """Return the Redis key of a collection of this build; the hash tag keeps a shard in one slot."""
        return f"{{{self.shard}}}:{self.epoch}.{self.number}:{name}"

    @property
    def label(self) -> str:
        """Return what the shard's pointer holds."""
        return f"{self.epoch}.{self.number}"


class Commit(NamedTuple):
    """One step: absolute, repeatable writes (a command's key is a bare name: `wards`), a feed entry, a position."""

    at: Position
    to: Position
    writes: Sequence[Command]
    feed: bytes


def most_bytes(commit: Commit) -> int:
    """Return how large the writes and the feed entry of a commit may be together."""
    return MOST_BYTES_ALONE if commit.to.offset - commit.at.offset == 1 else MOST_BYTES


def bytes_at_most(commit: Commit) -> int:
    """Return what a commit's writes and feed entry take when packed, or a little more."""
    return len(commit.feed) + sum(
        COMMAND_BYTES + sum(_packed_bytes(part) for part in command[2:]) for command in commit.writes
    )


def _packed_bytes(part: str | bytes | int) -> int:
    if isinstance(part, int):
        return 9
    return 5 + (len(part) if isinstance(part, bytes) or part.isascii() else len(part.encode()))


def feed_kept(payload: bytes) -> int:
    """Return how many feed entries to keep beside this one: fewer of large ones, lest they fill the memory."""
    return max(FEED_FEWEST, min(FEED_ENTRIES, FEED_BYTES // max(1, len(payload))))


class FeedEntry(NamedTuple):
    """What one commit changed; `offset` is the last record of that commit, `payload` a msgpack map."""

    offset: int
    payload: bytes


class State(Protocol):
    """A Redis, or its like in memory. Every method raises StateAway within a bounded wait when it can't be reached."""

    async def current(self, shard: str) -> Build | None:
        """Return the build that readers are to read, None where the shard has never been folded."""
        ...

    async def begin(self, shard: str, epoch: str, fold_version: int, after: Build | None) -> Build | None:
        """Return the next build, empty and at offset -1 and pointed to; None if `after` is no longer current.

        What `after` holds stays until it is swept: the batch that begins a build is short whatever there was before.
        """
        ...

    async def sweep(self, shard: str) -> None:
        """Return once the builds that are no longer pointed to are gone, position first, in slices."""
        ...

    async def position(self, build: Build) -> Position | None:
        """Return how far the build is folded, None if it is gone."""
        ...

    async def load(self, build: Build, names: Sequence[str]) -> tuple[Position, dict[str, dict[str, bytes]]] | None:
        """Return the position and the named hashes as they stand together at it; None if the build is gone.

        A name ending in `*` stands for every hash whose bare name begins so (`ids:*`).
        """
        ...

    async def commit(self, build: Build, commit: Commit) -> bool:
        """Return whether the commit was made; False: the position is another one. Raise StateAway or StateRefused."""
        ...

    async def feed(self, build: Build, after: int, wait_ms: int = 0, most: int = 500) -> list[FeedEntry]:
        """Return the entries of the commits that ended after an offset, oldest first; wait for one if there is none."""
        ...

    async def fields(self, build: Build, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """Return the named fields of one hash."""
        ...

    async def latest(self, build: Build, name: str, most: int) -> list[bytes]:
        """Return the members of a sorted set with the highest scores, highest first."""
        ...
