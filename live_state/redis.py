"""The live state in Redis or Valkey; `commit.lua` is the only way in."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from importlib.resources import files
from typing import Any, Self

import msgpack
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from live_state.state import (
    Build,
    Commit,
    FeedEntry,
    NoCluster,
    Position,
    StateAway,
    StateRefused,
    TooLarge,
    feed_kept,
    most_bytes,
)

LONGEST_BLOCK_MS = 2_000  # below the socket's own limit: a read that times out may have missed its answer
SLICE = 500  # what is scanned or unlinked at once, so that others are answered in between
STEADY_TRIES = 2
# What a server that is there says when it can't, or may not, write for now: redis-py has classes for some of it.
FOR_NOW = (ReadOnlyError, OutOfMemoryError, ClusterDownError, TryAgainError)
SAID_FOR_NOW = ("NOREPLICAS", "MISCONF", "BUSY", "UNBLOCKED", "NOMASTERLINK")


class Script:
    """A Lua script, called by its digest; sent whole where the server has forgotten it."""

    def __init__(self, redis: Any, name: str) -> None:
        self._redis = redis
        self._text = files("live_state").joinpath(name).read_text()
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> int:
        """Return what the script answers."""
        try:
            return int(await self._redis.evalsha(self._digest, len(keys), *keys, *arguments))
        except NoScriptError:
            return int(await self._redis.eval(self._text, len(keys), *keys, *arguments))


class RedisState:
    """A Redis; it connects when first used. Nothing is tried again here: who asked knows whether that is safe."""

    def __init__(self, url: str, *, answers_within_s: float = 5.0) -> None:
        # Typed by nothing: redis-py has one type for the answers of both its clients, awaited or not.
        self._redis: Any = Redis.from_url(
            url,
            socket_timeout=answers_within_s,
            socket_connect_timeout=answers_within_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._commit = Script(self._redis, "commit.lua")
        self._begin = Script(self._redis, "begin.lua")
        # Lua's cmsgpack knows no bin type: what the script unpacks is packed without one.
        self._pack = msgpack.Packer(use_bin_type=False).pack

    async def __aenter__(self) -> Self:
        """Return the state itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Return once its connections are closed."""
        await self._redis.aclose()

    async def shards(self) -> set[str]:
        """Return the shards that were ever folded here; of one server, of a cluster only those of one node."""
        with _by_name():
            found = [key async for key in self._redis.scan_iter(match=_pointer("*"), count=SLICE)]
        return {key.decode()[1:].partition("}")[0] for key in found}

    # -- builds

    async def current(self, shard: str) -> Build | None:
        """Return the build that readers are to read, None where the shard has never been folded."""
        with _by_name():
            label = await self._redis.get(_pointer(shard))
        return None if label is None else _build(shard, label)

    async def begin(self, shard: str, epoch: str, fold_version: int, after: Build | None) -> Build | None:
        """Return the next build, empty and at offset -1 and pointed to; None if `after` is no longer current."""
        number = after.number if after else 0
        while True:
            number += 1
            build = Build(shard, epoch, number)
            keys = [_pointer(shard), build.key("position"), _left(shard)]
            at = Position(epoch, -1, fold_version)
            with _by_name():
                answer = await self._begin(keys, [after.label if after else "", build.label, str(at)])
            if answer == 1:
                return build
            if answer == 0:
                return None

    async def sweep(self, shard: str) -> None:
        """Return once the builds that are no longer pointed to are gone, position first, in slices."""
        with _by_name():
            for label in await self._redis.smembers(_left(shard)):
                if label == await self._redis.get(_pointer(shard)):
                    continue
                build = _build(shard, label)
                await self._redis.unlink(build.key("position"))  # from here on nothing is committed to it
                names = build.key("keys")
                cursor = -1
                while cursor:
                    cursor, keys = await self._redis.sscan(names, max(cursor, 0), count=SLICE)
                    if keys:
                        await self._redis.unlink(*keys)
                await self._redis.unlink(build.key("feed"), names)
                await self._redis.srem(_left(shard), label)

    # -- one build

    async def position(self, build: Build) -> Position | None:
        """Return how far the build is folded, None if it is gone."""
        with _by_name():
            text = await self._redis.get(build.key("position"))
        return None if text is None else Position.parse(text.decode())

    async def load(self, build: Build, names: Sequence[str]) -> tuple[Position, dict[str, dict[str, bytes]]] | None:
        """Return the position and the named hashes as they stand together at it; None if the build is gone.

        By HSCAN, which holds nobody up, kept if the position is the same after; beside a writer that commits all the
        time that never comes, and then all is read in one step.
        """
        for _ in range(STEADY_TRIES):
            before = await self.position(build)
            if before is None:
                return None
            with _by_name():
                held = {name: await self._scanned(build, name) for name in await self._named(build, names)}
            if await self.position(build) == before:
                return before, {name: hashed for name, hashed in held.items() if hashed}
        return await self._load_at_once(build, names)

    async def _load_at_once(
        self, build: Build, names: Sequence[str]
    ) -> tuple[Position, dict[str, dict[str, bytes]]] | None:
        starred = any(name.endswith("*") for name in names)  # else what there is beside need not be known: it is much
        with _by_name():
            found = await self._named(build, names)
            while True:
                async with self._redis.pipeline(transaction=True) as step:
                    step.get(build.key("position"))
                    for name in found:
                        step.hgetall(build.key(name))
                    if starred:
                        step.smembers(build.key("keys"))
                    text, *hashes = await step.execute()
                meant = _meant(build, hashes.pop(), names) if starred else found
                if meant == found:
                    break
                found = meant  # a hash came since its name was asked for: in each hour one does
        if text is None:
            return None
        held = {
            name: {field.decode(): value for field, value in hashed.items()}
            for name, hashed in zip(found, hashes, strict=True)
            if hashed
        }
        return Position.parse(text.decode()), held

    async def _named(self, build: Build, names: Sequence[str]) -> list[str]:
        """Return the bare names of the hashes that are meant."""
        if not any(name.endswith("*") for name in names):
            return _meant(build, (), names)
        keys = [key async for key in self._redis.sscan_iter(build.key("keys"), count=SLICE)]
        return _meant(build, keys, names)

    async def _scanned(self, build: Build, name: str) -> dict[str, bytes]:
        fields = self._redis.hscan_iter(build.key(name), count=SLICE)
        return {field.decode(): value async for field, value in fields}

    async def commit(self, build: Build, commit: Commit) -> bool:
        """Return whether the commit was made; False: the position is another one. Raise StateAway or StateRefused.

        After StateAway it may have been made all the same: whoever asked must look at the position.
        """
        keys = [build.key("position"), build.key("feed"), build.key("keys")]
        number: dict[str | bytes | int, int] = {}
        commands: list[list[str | bytes | int]] = []
        for command in commit.writes:
            name = command[1]
            key = number.get(name)
            if key is None:
                keys.append(build.key(str(name)))
                key = number[name] = len(keys)
            commands.append([command[0], key, *command[2:]])
        arguments: list[str | bytes | int] = [
            str(commit.at),
            str(commit.to),
            f"{commit.to.offset + 1}-0",
            commit.feed,
            feed_kept(commit.feed),
            most_bytes(commit),
            self._pack(commands),
        ]
        with _by_name():
            return await self._commit(keys, arguments) == 1

    # -- small reads

    async def feed(self, build: Build, after: int, wait_ms: int = 0, most: int = 500) -> list[FeedEntry]:
        """Return the entries of the commits that ended after an offset, oldest first; wait for one if there is none."""
        block = min(wait_ms, LONGEST_BLOCK_MS) or None
        with _by_name():
            found = await self._redis.xread({build.key("feed"): f"{after + 1}-0"}, count=most, block=block)
        entries = found[0][1] if found else ()
        return [FeedEntry(int(id_.partition(b"-")[0]) - 1, entry[b"d"]) for id_, entry in entries]

    async def fields(self, build: Build, name: str, fields: Sequence[str]) -> list[bytes | None]:
        """Return the named fields of one hash."""
        if not fields:
            return []
        with _by_name():
            return list(await self._redis.hmget(build.key(name), list(fields)))

    async def latest(self, build: Build, name: str, most: int) -> list[bytes]:
        """Return the members of a sorted set with the highest scores, highest first."""
        if most < 1:
            return []
        with _by_name():
            return list(await self._redis.zrevrange(build.key(name), 0, most - 1))


def _pointer(shard: str) -> str:
    return f"{{{shard}}}:current"


def _left(shard: str) -> str:
    """Return the key of the set of builds that are to be swept."""
    return f"{{{shard}}}:left"


def _build(shard: str, label: bytes) -> Build:
    epoch, _, number = label.decode().rpartition(".")
    return Build(shard, epoch, int(number))


def _meant(build: Build, keys: Iterable[bytes], names: Sequence[str]) -> list[str]:
    """Return the bare names that are meant, in order; of those with a `*`, the keys that begin so."""
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    bare = len(build.key(""))
    found = {name for key in keys if (name := key.decode()[bare:]).startswith(starts)} if starts else set()
    return sorted(found.union(name for name in names if not name.endswith("*")))


@contextmanager
def _by_name() -> Iterator[None]:
    """Give what redis-py raises the names of our contract."""
    try:
        yield
    except ResponseError as error:
        said = str(error)
        if isinstance(error, AskError):  # or MOVED, which is one
            raise NoCluster from error
        if isinstance(error, FOR_NOW) or said.startswith(SAID_FOR_NOW):
            raise StateAway(said) from error
        if "REFUSED TOOLARGE" in said:
            raise TooLarge("larger than a commit may be") from error
        raise StateRefused(said) from error
    except (RedisError, TimeoutError, OSError) as error:
        raise StateAway(type(error).__name__) from error
