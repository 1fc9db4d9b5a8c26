"""Any run of commits leaves the same in memory and in Redis; one that is refused or repeated leaves nothing."""

import asyncio
import secrets
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.embedded import Engine
from live_state.memory import MemoryState
from live_state.redis import RedisState
from live_state.state import Build, Command, Commit, Position, State, StateRefused

pytestmark = pytest.mark.engines

HASHES, SORTED = ("wards", "ids:1", "ids:2"), ("history:a", "history:b")
FIELDS = st.sampled_from(["a", "b", "ç", b"\x00", ""])
VALUES = st.one_of(st.binary(max_size=6), st.integers(-5, 1 << 52), st.text(max_size=3))
SCORES = st.one_of(st.integers(0, 6), st.sampled_from(["3", "4.5", "1e2"]))
BOUNDS = st.sampled_from(["-inf", "+inf", "3", "(3", 4, "(0"])


def _flat(pairs: list[tuple[Any, Any]]) -> list[Any]:
    return [part for pair in pairs for part in pair]


def _command(name: str, key: st.SearchStrategy[str], rest: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[Command]:
    return st.tuples(key, rest).map(lambda drawn: [name, drawn[0], *drawn[1]])


def some(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw one to four."""
    return st.lists(of, min_size=1, max_size=4)


hash_, sorted_ = st.sampled_from(HASHES), st.sampled_from(SORTED)
good = st.one_of(
    _command("HSET", hash_, some(st.tuples(FIELDS, VALUES)).map(_flat)),
    _command("HDEL", hash_, some(FIELDS)),
    _command("ZADD", sorted_, some(st.tuples(SCORES, FIELDS)).map(_flat)),
    _command("ZREM", sorted_, some(FIELDS)),
    _command("ZREMRANGEBYSCORE", sorted_, st.tuples(BOUNDS, BOUNDS).map(list)),
    _command("DEL", st.sampled_from([*HASHES, *SORTED]), st.just([])),
)
bad = st.sampled_from(
    [["INCR", "wards"], ["HSET", "wards", "a"], ["ZADD", "history:a", "x", "m"], ["HSET", "history:a", "a", b"1"]]
)
writes = st.lists(good, max_size=5)
steps: st.SearchStrategy[list[tuple[str, list[Command], int]]] = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), writes, st.integers(1, 9)),
        st.tuples(st.just("repeat"), st.just([]), st.just(1)),
        st.tuples(st.just("elsewhere"), writes, st.sampled_from([-1, 1, 7])),
        st.tuples(st.just("wrong"), st.tuples(writes, bad, writes).map(lambda w: [*w[0], w[1], *w[2]]), st.just(1)),
        st.tuples(st.just("rebuild"), st.just([]), st.just(1)),
    ),
    max_size=12,
)


async def _all_of(state: State, build: Build) -> object:
    loaded = await state.load(build, ("wards", "ids:*"))
    feed = [(entry.offset, entry.payload) for entry in await state.feed(build, -1, most=999)]
    return loaded, [await state.latest(build, name, 999) for name in SORTED], feed


async def _run(state: State, shard: str, steps: list[tuple[str, list[Command], int]]) -> list[object]:
    """Return all that is seen after each step; check on the way that what must change nothing does not."""
    build = await state.begin(shard, "e", 1, None)
    assert build is not None
    at, seen, last = Position("e", -1, 1), list[object](), Commit(Position("e", -1, 1), Position("e", 0, 1), [], b"")
    for what, commands, far in steps:
        before = await _all_of(state, build)
        to = at._replace(offset=at.offset + far)
        if what == "commit":
            last = Commit(at, to, [["HSET", "wards", "kept", b"1"], ["ZADD", "history:a", 1, "kept"], *commands], b"f")
            assert await state.commit(build, last)
            at = to
        elif what == "rebuild":
            following = await state.begin(shard, "e", 1, build)
            assert following is not None
            build, at = following, at._replace(offset=-1)
            await state.sweep(shard)
        else:
            if what == "repeat":
                made = last.at == at and await state.commit(build, last)
            elif what == "elsewhere":
                made = await state.commit(build, Commit(at._replace(offset=at.offset + far), to, commands, b"f"))
            else:
                made = False
                with pytest.raises(StateRefused):
                    await state.commit(build, Commit(at, to, [["ZADD", "history:a", 1, "kept"], *commands], b"f"))
            if made:  # the same commit, in a build that began again
                at = last.to
            else:
                assert await _all_of(state, build) == before
        seen.append(await _all_of(state, build))
    return seen


@given(steps=steps)
@settings(max_examples=60)
def test_memory_and_redis_never_differ(redis_engine: Engine, steps: list[tuple[str, list[Command], int]]) -> None:
    async def both() -> None:
        async with RedisState(redis_engine.url) as redis:
            shard = f"capacity:{secrets.token_hex(6)}"
            assert await _run(redis, shard, steps) == await _run(MemoryState(), shard, steps)

    asyncio.run(both())


@given(commits=st.lists(writes, min_size=1, max_size=6), split=st.integers(0, 6))
@settings(max_examples=40)
def test_writes_made_again_change_nothing(redis_engine: Engine, commits: list[list[Command]], split: int) -> None:
    """Had a script been cut short after some writes, the same ones again would lead to the same state."""

    async def run() -> None:
        async with RedisState(redis_engine.url) as redis:
            for state in (redis, MemoryState()):
                shard = f"capacity:{secrets.token_hex(6)}"
                build = await state.begin(shard, "e", 1, None)
                assert build is not None
                at = Position("e", -1, 1)
                for commands in commits:
                    for again in (0, 1):
                        to = at._replace(offset=at.offset + 1)
                        assert await state.commit(build, Commit(at, to, commands[: split if not again else None], b""))
                        at = to
                    first = (await _all_of(state, build))[:2]  # type: ignore[index]
                    to = at._replace(offset=at.offset + 1)
                    assert await state.commit(build, Commit(at, to, commands, b""))
                    at = to
                    held, sorted_sets = (await _all_of(state, build))[:2]  # type: ignore[index]
                    assert held[1] == first[0][1]
                    assert sorted_sets == first[1]

    asyncio.run(run())
