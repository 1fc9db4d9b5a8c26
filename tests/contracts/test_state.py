"""Contract 2: what every live state does, in memory and on a real server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from redis.asyncio import Redis
from redis.exceptions import AskError, MovedError, ResponseError

from launch.embedded import Engine, free_port
from live_state.memory import MemoryState
from live_state.redis import RedisState, _by_name
from live_state.state import (
    FEED_FEWEST,
    MOST_BYTES,
    MOST_BYTES_ALONE,
    Build,
    Command,
    Commit,
    NoCluster,
    Position,
    State,
    StateAway,
    StateRefused,
    TooLarge,
)

ALL = ("wards", "totals", "settings", "meta", "ids:*")


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.engines)])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[State]:
    if request.param == "memory":
        yield MemoryState()
    else:
        async with RedisState(request.getfixturevalue("redis_engine").url) as state:
            yield state


@pytest.fixture
def shard() -> str:
    return f"capacity:{secrets.token_hex(6)}"


@pytest.fixture
async def build(state: State, shard: str) -> Build:
    build = await state.begin(shard, "e1", 1, None)
    assert build is not None
    return build


def at(offset: int, epoch: str = "e1", fold_version: int = 1) -> Position:
    return Position(epoch, offset, fold_version)


async def put(state: State, build: Build, start: int, end: int, *writes: Command, feed: bytes = b"f") -> bool:
    return await state.commit(build, Commit(at(start), at(end), writes, feed))


async def all_of(state: State, build: Build) -> object:
    """Return everything that a build holds and that one can ask for."""
    sorted_sets = [await state.latest(build, f"history:{n}", 9_999) for n in range(3)]
    return await state.load(build, ALL), sorted_sets, await state.feed(build, -1, most=9_999)


# -- commits


async def test_a_commit_is_its_writes_its_feed_entry_and_its_position(state: State, build: Build) -> None:
    writes: list[Command] = [
        ["HSET", "wards", "w1", b"\x00\xff", "w2", "é"],
        ["HSET", "meta", "clock", 1_700_000_000_000],
        ["ZADD", "history:w1", 3, b"three", 2, b"two"],
        ["HSET", "ids:5", "a", b"x"],
    ]
    assert await put(state, build, -1, 4, *writes, feed=b"\x81\x00")
    assert await state.position(build) == at(4)
    assert await state.load(build, ALL) == (
        at(4),
        {"wards": {"w1": b"\x00\xff", "w2": "é".encode()}, "meta": {"clock": b"1700000000000"}, "ids:5": {"a": b"x"}},
    )
    assert await state.feed(build, -1) == [(4, b"\x81\x00")]
    assert await state.latest(build, "history:w1", 10) == [b"three", b"two"]


async def test_every_command_does_what_it_says(state: State, build: Build) -> None:
    await put(state, build, -1, 0, ["HSET", "wards", "a", b"1", "b", b"2", "c", b"3"], ["HSET", "ids:1", "a", b"1"])
    await put(state, build, 0, 1, ["ZADD", "history:0", *[part for n in range(9) for part in (n, b"%d" % n)]])
    changes: list[Command] = [
        ["HDEL", "wards", "a", "missing"],
        ["HSET", "wards", "b", b"22"],
        ["DEL", "ids:1"],
        ["DEL", "nothing"],
        ["ZREM", "history:0", b"8", b"missing"],
        ["ZREMRANGEBYSCORE", "history:0", "-inf", "(2"],
        ["ZREMRANGEBYSCORE", "history:0", 6, "+inf"],
        ["ZADD", "history:0", 99, b"3"],
    ]
    assert await put(state, build, 1, 2, *changes)
    assert await state.load(build, ALL) == (at(2), {"wards": {"b": b"22", "c": b"3"}})
    assert await state.latest(build, "history:0", 3) == [b"3", b"5", b"4"]
    assert await state.latest(build, "history:0", 99) == [b"3", b"5", b"4", b"2"]


@pytest.mark.parametrize(
    "other", [at(4), at(6), at(5, epoch="e2"), at(5, fold_version=2), at(-1)], ids=lambda position: str(position)
)
async def test_a_commit_from_another_position_changes_nothing(state: State, build: Build, other: Position) -> None:
    await put(state, build, -1, 5, ["HSET", "wards", "a", b"1"])
    before = await all_of(state, build)
    assert not await state.commit(build, Commit(other, at(9), [["HSET", "wards", "a", b"2"]], b"f"))
    assert await all_of(state, build) == before


async def test_a_commit_to_a_build_that_is_not_there_is_not_made(state: State, build: Build) -> None:
    gone = build._replace(number=77)
    assert not await put(state, gone, -1, 5, ["HSET", "wards", "a", b"1"])
    assert await state.position(gone) is None
    assert await state.load(gone, ALL) is None
    assert await state.feed(gone, -1) == []
    assert await state.fields(gone, "wards", ["a"]) == [None]
    assert await state.latest(gone, "history:0", 5) == []


BAD: list[Command] = [
    ["INCR", "n"],
    ["EVAL", "x", 0],
    ["HSET", "wards", "a"],
    ["HSET", "wards"],
    ["HSET", "wards", "a", b"1", "b"],
    ["HSET", "wards", *["x"] * 1_000],
    ["HDEL", "wards"],
    ["DEL", "wards", "totals"],
    ["ZADD", "history:0", "x", b"m"],
    ["ZADD", "history:0", "nan", b"m"],
    ["ZADD", "history:0", 1],
    ["ZADD", "history:0", 1, b"m", 2],
    ["ZREM", "history:0"],
    ["ZREMRANGEBYSCORE", "history:0", "-inf"],
    ["ZREMRANGEBYSCORE", "history:0", "x", "+inf"],
    ["ZREMRANGEBYSCORE", "history:0", "-inf", "((3"],
    ["ZADD", "wards", 1, b"m"],
    ["HSET", "history:0", "a", b"1"],
]


@pytest.mark.parametrize("bad", BAD, ids=lambda command: " ".join(map(str, command[:4])))
async def test_a_commit_with_one_wrong_command_writes_nothing_at_all(state: State, build: Build, bad: Command) -> None:
    await put(state, build, -1, 0, ["HSET", "wards", "a", b"1"], ["ZADD", "history:0", 1, b"m"])
    before = await all_of(state, build)
    with pytest.raises(StateRefused):
        await put(state, build, 0, 1, ["HSET", "wards", "a", b"2"], bad, ["HSET", "wards", "c", b"2"])
    assert await all_of(state, build) == before
    assert await put(state, build, 0, 1, ["HSET", "wards", "a", b"2"])


async def test_a_command_may_have_a_thousand_parts(state: State, build: Build) -> None:
    pairs = [part for n in range(499) for part in (f"f{n}", b"v")]
    assert await put(state, build, -1, 0, ["HSET", "wards", *pairs])
    loaded = await state.load(build, ALL)
    assert loaded is not None
    assert len(loaded[1]["wards"]) == 499


async def test_a_batch_is_at_most_a_mebibyte_and_a_lone_record_eight(state: State, build: Build) -> None:
    half = b"x" * (MOST_BYTES // 2)
    large: list[Command] = [["HSET", "settings", "region", half]]
    with pytest.raises(TooLarge):
        await put(state, build, -1, 1, *large, feed=half)
    assert await put(state, build, -1, 0, *large, feed=half)
    with pytest.raises(TooLarge):
        await put(state, build, 0, 1, ["HSET", "settings", "region", b"x" * MOST_BYTES_ALONE])
    assert await state.position(build) == at(0)


async def test_empty_collections_are_no_collections(state: State, build: Build) -> None:
    await put(state, build, -1, 0, ["HSET", "wards", "a", b"1"], ["ZADD", "history:0", 1, b"m"])
    await put(state, build, 0, 1, ["HDEL", "wards", "a"], ["ZREM", "history:0", b"m"])
    assert await state.load(build, ALL) == (at(1), {})
    assert await put(state, build, 1, 2, ["ZADD", "wards", 1, b"m"], ["HSET", "history:0", "a", b"1"])


# -- builds


async def test_a_shard_that_was_never_folded_has_no_build(state: State, shard: str) -> None:
    assert await state.current(shard) is None


async def test_a_build_begins_empty_before_the_first_record(state: State, shard: str) -> None:
    build = await state.begin(shard, "e1", 3, None)
    assert build == Build(shard, "e1", 1)
    assert await state.current(shard) == build
    assert await state.load(build, ALL) == (at(-1, fold_version=3), {})
    assert await state.feed(build, -1) == []


async def test_the_next_build_takes_over_from_the_one_it_names(state: State, build: Build, shard: str) -> None:
    await put(state, build, -1, 0, ["HSET", "wards", "a", b"1"])
    following = await state.begin(shard, "e2", 1, build)
    assert following == Build(shard, "e2", 2)
    assert await state.current(shard) == following
    assert await state.load(following, ALL) == (at(-1, "e2"), {})


async def test_of_two_who_begin_a_build_one_wins(state: State, build: Build, shard: str) -> None:
    begun = await asyncio.gather(*(state.begin(shard, "e1", 1, build) for _ in range(5)))
    assert len([b for b in begun if b is not None]) == 1
    assert await state.begin(shard, "e1", 1, None) is None


async def test_the_build_before_stays_until_it_is_swept(state: State, build: Build, shard: str) -> None:
    writes: list[Command] = [["HSET", f"ids:{n}", "a", b"1"] for n in range(900)]
    await put(state, build, -1, 0, *writes, ["ZADD", "history:0", 1, b"m"])
    following = await state.begin(shard, "e1", 2, build)
    assert following is not None
    await put(state, following, -1, 0)
    await state.commit(following, Commit(at(-1, fold_version=2), at(0, fold_version=2), [["DEL", "wards"]], b"f"))
    assert await state.position(build) == at(0)
    await state.sweep(shard)
    assert await state.load(build, ALL) is None
    assert await state.latest(build, "history:0", 5) == []
    assert await state.feed(build, -1) == []
    assert await state.position(following) == at(0, fold_version=2)
    assert not await put(state, build, 0, 1, ["HSET", "wards", "a", b"1"])
    await state.sweep(shard)


# -- the feed


async def test_the_feed_gives_what_came_after_an_offset(state: State, build: Build) -> None:
    ends = [-1, 0, 4, 5, 99]
    for start, end in pairwise(ends):
        assert await put(state, build, start, end, feed=b"%d" % end)
    assert [e.offset for e in await state.feed(build, -1)] == [0, 4, 5, 99]
    assert await state.feed(build, 4) == [(5, b"5"), (99, b"99")]
    assert [e.offset for e in await state.feed(build, 2)] == [4, 5, 99]
    assert await state.feed(build, 99) == []
    assert [e.offset for e in await state.feed(build, -1, most=2)] == [0, 4]


async def test_waiting_for_the_feed_ends_with_the_next_commit(state: State, build: Build) -> None:
    await put(state, build, -1, 3)
    waiting = asyncio.create_task(state.feed(build, 3, wait_ms=2_000))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await put(state, build, 3, 4, feed=b"four")
    assert await asyncio.wait_for(waiting, 1) == [(4, b"four")]


async def test_waiting_for_the_feed_is_bounded(state: State, build: Build) -> None:
    assert await asyncio.wait_for(state.feed(build, -1, wait_ms=30), 1) == []


async def test_the_feed_keeps_fewer_of_large_entries(state: State, build: Build) -> None:
    large = b"x" * (MOST_BYTES - 100)
    for offset in range(FEED_FEWEST + 60):
        assert await put(state, build, offset - 1, offset, feed=large)
    kept = [entry.offset for entry in await state.feed(build, -1, most=9_999)]
    assert kept[-1] == FEED_FEWEST + 59
    assert FEED_FEWEST <= len(kept) < FEED_FEWEST + 30


# -- small reads


async def test_fields_come_in_the_order_they_were_asked_for(state: State, build: Build) -> None:
    await put(state, build, -1, 0, ["HSET", "wards", "a", b"1", "b", b"2"])
    assert await state.fields(build, "wards", ["b", "x", "a"]) == [b"2", None, b"1"]
    assert await state.fields(build, "wards", []) == []
    assert await state.latest(build, "wards-none", 0) == []


async def test_what_is_loaded_stands_together_while_a_writer_goes_on(state: State, build: Build) -> None:
    """Each commit sets all fields to its own number: a load that mixes two commits shows two numbers."""
    fields = [f"f{n}" for n in range(400)]
    stop = asyncio.Event()

    async def write() -> None:
        offset = -1
        while not stop.is_set():
            value = b"%d" % (offset + 1)
            pairs = [part for field in fields for part in (field, value)]
            await put(state, build, offset, offset + 1, ["HSET", "wards", *pairs], ["HSET", "totals", *pairs])
            offset += 1
            await asyncio.sleep(0)

    writer = asyncio.create_task(write())
    for _ in range(10):
        loaded = await state.load(build, ALL)
        assert loaded is not None
        position, held = loaded
        numbers = {int(value) for hashed in held.values() for value in hashed.values()}
        assert numbers == ({position.offset} if position.offset >= 0 else set())
        await asyncio.sleep(0.002)
    stop.set()
    await writer


# -- what only a server can do


@pytest.mark.engines
async def test_a_state_that_is_away_says_so_in_time() -> None:
    async with RedisState(f"redis://127.0.0.1:{free_port()}", answers_within_s=1) as state:
        with pytest.raises(StateAway):
            await state.current("capacity:ici")
        with pytest.raises(StateAway):
            await state.begin("capacity:ici", "e1", 1, None)
        with pytest.raises(StateAway):
            await put(state, Build("capacity:ici", "e1", 1), -1, 0)


@pytest.mark.engines
async def test_a_server_that_refuses_writes_has_written_nothing(own_redis: object, shard: str) -> None:
    engine: Engine = own_redis()  # type: ignore[operator]
    async with RedisState(engine.url) as state, Redis.from_url(engine.url) as redis:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        await put(state, build, -1, 0, ["HSET", "wards", "a", b"1", "b", b"1"])
        for setting, refusing, allowing in (("min-replicas-to-write", "1", "0"), ("maxmemory", "1", "0")):
            before = await all_of(state, build)
            await redis.config_set(setting, refusing)
            with pytest.raises(StateAway):
                await put(state, build, 0, 1, ["HDEL", "wards", "a"], ["HSET", "wards", "c", b"1"])
            with pytest.raises(StateAway):
                await state.begin(shard, "e2", 1, build)
            await redis.config_set(setting, allowing)
            assert await all_of(state, build) == before
            assert await state.current(shard) == build


@pytest.mark.engines
async def test_a_server_that_forgot_its_scripts_is_told_them_again(redis_engine: Engine, shard: str) -> None:
    async with RedisState(redis_engine.url) as state, Redis.from_url(redis_engine.url) as redis:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        assert await put(state, build, -1, 0)
        await redis.script_flush()
        assert await put(state, build, 0, 1)


@pytest.mark.engines
async def test_a_lost_pointer_never_leads_into_what_was_left(redis_engine: Engine, shard: str) -> None:
    async with RedisState(redis_engine.url) as state, Redis.from_url(redis_engine.url) as redis:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        await put(state, build, -1, 0, ["HSET", "wards", "a", b"1"])
        await redis.delete(f"{{{shard}}}:current")
        following = await state.begin(shard, "e1", 1, None)
        assert following == Build(shard, "e1", 2)
        assert await state.load(following, ALL) == (at(-1), {})
        await state.sweep(shard)
        assert await state.position(build) is None


@pytest.mark.engines
async def test_a_swept_build_leaves_no_key(redis_engine: Engine, shard: str) -> None:
    async with RedisState(redis_engine.url) as state, Redis.from_url(redis_engine.url) as redis:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        writes: list[Command] = [["HSET", f"ids:{n}", "a", b"1"] for n in range(700)]
        await put(state, build, -1, 0, ["HSET", "wards", "a", b"1"], *writes)
        following = await state.begin(shard, "e1", 1, build)
        assert following is not None
        await state.sweep(shard)
        left = [key.decode() async for key in redis.scan_iter(match=f"{{{shard}}}:*", count=1_000)]
        assert sorted(left) == sorted([f"{{{shard}}}:current", following.key("position")])


@pytest.mark.engines
async def test_a_feed_that_is_ahead_of_the_position_is_refused_before_anything_is_written(
    redis_engine: Engine, shard: str
) -> None:
    async with RedisState(redis_engine.url) as state, Redis.from_url(redis_engine.url) as redis:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        await put(state, build, -1, 5, ["HSET", "wards", "a", b"1"])
        await redis.set(build.key("position"), str(at(2)))
        with pytest.raises(StateRefused):
            await put(state, build, 2, 4, ["HSET", "wards", "a", b"2"])
        assert await state.fields(build, "wards", ["a"]) == [b"1"]


@pytest.mark.engines
async def test_a_hash_that_comes_while_all_is_read_in_one_step_is_read_too(redis_engine: Engine, shard: str) -> None:
    """The names are asked for before that step: a commit may come between."""

    class Busy(RedisState):
        committed = -1

        async def _named(self, build: Build, names: Sequence[str]) -> list[str]:
            found = await super()._named(build, names)
            self.committed += 1
            await put(self, build, self.committed - 1, self.committed, ["HSET", f"ids:{self.committed}", "a", b"1"])
            return found

    async with Busy(redis_engine.url) as state:
        build = await state.begin(shard, "e1", 1, None)
        assert build is not None
        loaded = await state.load(build, ALL)
        assert loaded == (at(2), {"ids:0": {"a": b"1"}, "ids:1": {"a": b"1"}, "ids:2": {"a": b"1"}})


@pytest.mark.parametrize("error", [MovedError("12182 127.0.0.1:7002"), AskError("12182 127.0.0.1:7002")])
def test_a_cluster_that_sends_us_on_is_named(error: ResponseError) -> None:
    with pytest.raises(NoCluster, match="a Redis Cluster is not supported yet"), _by_name():
        raise error
