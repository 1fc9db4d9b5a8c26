"""What a shard's worker does at each turn of its life."""

import asyncio

import msgspec
import pytest

from domain.capacity.fold import FOLD_VERSION, Draft, Said
from domain.events import Event, SettingsPublished, Tick
from event_log.codec import decode, encode
from event_log.log import LogAway, Record
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, DEAD_LETTERS, init_shard
from live_state import capacity
from live_state.capacity import Packed, read_feed
from live_state.memory import MemoryState
from live_state.state import MOST_BYTES, Build, Commit, State, StateAway, StateRefused
from streams.dead_letters import letters
from tests.recount import counted_again, same, shown
from tests.small_region import START, opening, published, region, report
from tests.streams.beside import AT_ONCE, BadDays, Consumer, log_of, shard_on, until, working

WARD = "310000001/medecine"
SECOND = 1_000


def reports(count: int, start: int = 0, at: int = START) -> list[Event]:
    return [report(f"r{n}", WARD, "02", n % 50, at=at + n) for n in range(start, start + count)]


def tick_of(record: Record) -> Tick:
    event = decode(record.value)
    assert isinstance(event, Tick)
    return event


async def values(log: MemoryLog, start: int = 0) -> list[Record]:
    return [record async for record in log.read(CAPACITY, 0, start)]


async def is_the_fold(state: State, log: MemoryLog, last: int) -> Build:
    found = await shown(state, "capacity:ici")
    assert found is not None
    build, figures = found
    assert figures.offset == last
    same(figures, await counted_again(log, 0, last))
    return build


@pytest.fixture
async def log() -> MemoryLog:
    return await log_of([*opening(), *reports(20)])


# -- opening


async def test_a_shard_never_folded_is_folded_from_the_first_record(log: MemoryLog) -> None:
    state, consumer = MemoryState(), Consumer(log)
    shard = shard_on(log, state, consumer)
    assert shard.why_not_ready == "starting"
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    assert consumer.sought == [0]
    assert shard.why_not_ready is None
    assert await is_the_fold(state, log, 21) == Build("capacity:ici", "e1", 1)


async def test_a_shard_goes_on_from_the_live_states_position(log: MemoryLog) -> None:
    state = MemoryState()
    first = shard_on(log, state, consumer := Consumer(log))
    async with working(first):
        await until(lambda: first.offset == 21, first, consumer)
    await log.append(CAPACITY, 0, b"ici", encode(report("more", WARD, "03", 7, at=START + 99)))
    second = shard_on(log, state, consumer := Consumer(log))
    async with working(second):
        await until(lambda: second.offset == 22, second, consumer)
    assert consumer.sought == [22]
    assert await is_the_fold(state, log, 22) == Build("capacity:ici", "e1", 1)


async def test_a_free_partition_waits_for_a_shard_to_be_founded_there() -> None:
    log, state = MemoryLog(now=lambda: START), MemoryState()
    await log.create(CAPACITY, 1)
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        for _ in range(20):
            await consumer.offer_next(shard)
            await asyncio.sleep(0)
        assert shard.shard is None
        assert shard.why_not_ready is None
        await init_shard(log, "capacity:ici", START, partitions=1)
        await log.append(CAPACITY, 0, b"ici", encode(published(region(), START)))
        await until(lambda: shard.offset == 1, shard, consumer)
    assert shard.shard == "capacity:ici"
    await is_the_fold(state, log, 1)


async def test_a_log_with_another_identity_is_folded_into_a_build_of_its_own(log: MemoryLog) -> None:
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    old = await state.current("capacity:ici")
    assert old is not None
    events = opening()
    anew = await log_of([msgspec.structs.replace(events[0], epoch="e2"), *events[1:], *reports(3)])
    shard = shard_on(anew, state, consumer := Consumer(anew))
    async with working(shard):
        await until(lambda: shard.offset == 4, shard, consumer)
    assert await is_the_fold(state, anew, 4) == Build("capacity:ici", "e2", 2)
    assert await state.position(old) is None


async def test_a_log_that_ends_before_the_position_is_folded_anew(log: MemoryLog) -> None:
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    shorter = await log_of([*opening(), *reports(5)])
    shard = shard_on(shorter, state, consumer := Consumer(shorter))
    async with working(shard):
        await until(lambda: shard.offset == 6, shard, consumer)
    assert await is_the_fold(state, shorter, 6) == Build("capacity:ici", "e1", 2)


async def test_what_an_older_fold_made_is_made_anew(log: MemoryLog) -> None:
    state = MemoryState()
    await state.begin("capacity:ici", "e1", FOLD_VERSION - 1, None)
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    assert await is_the_fold(state, log, 21) == Build("capacity:ici", "e1", 2)


async def test_what_a_newer_fold_made_is_left_alone(log: MemoryLog) -> None:
    state = MemoryState()
    build = await state.begin("capacity:ici", "e1", FOLD_VERSION + 1, None)
    assert build is not None
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.trouble != "starting", shard, consumer)
        for _ in range(50):
            await consumer.offer_next(shard)
            await asyncio.sleep(0)
    assert shard.trouble == f"folded by version {FOLD_VERSION + 1}, this is version {FOLD_VERSION}"
    assert await state.current("capacity:ici") == build
    assert consumer.sought == []


async def test_a_partition_that_is_none_of_ours_is_named_and_left_alone() -> None:
    log = await log_of([b"a stray record"])
    shard = shard_on(
        log, MemoryState(), consumer := Consumer(log), AT_ONCE._replace(first_wait_s=60, longest_wait_s=60)
    )
    async with working(shard):
        await until(lambda: shard.trouble == "not a log of ours", shard, consumer)
    assert consumer.sought == []


# -- what can't be folded


async def test_a_poison_record_is_a_dead_letter_and_the_shard_goes_on() -> None:
    log = await log_of([*opening(), *reports(3), b"\xc1poison", *reports(3, start=3)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 8, shard, consumer)
    build = await is_the_fold(state, log, 8)
    [letter] = [letter async for letter in letters(log)]
    assert (letter.id, letter.offset, letter.value) == ("capacity:ici/e1/5", 5, b"\xc1poison")
    assert await state.fields(build, "dead", ["5"]) == [letter.reason.encode()]


class NoDeadLetters(MemoryLog):
    """A log that takes no dead letters for a while."""

    refusals = 3

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        if topic == DEAD_LETTERS and self.refusals:
            self.refusals -= 1
            raise LogAway(topic)
        return await super().append(topic, partition, key, value)


async def test_nothing_is_committed_past_a_dead_letter_that_is_not_kept() -> None:
    log = NoDeadLetters(now=lambda: START)
    await log.create(CAPACITY, 1)
    await log.create(DEAD_LETTERS, 1)
    for event in [*opening(), *reports(3)]:
        await log.append(CAPACITY, 0, b"ici", encode(event))
    await log.append(CAPACITY, 0, b"ici", b"\xc1")
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: log.refusals == 0, shard, consumer)
        build = await state.current("capacity:ici")
        assert build is not None
        position = await state.position(build)
        assert position is not None
        assert position.offset < 5
        await until(lambda: shard.offset == 5, shard, consumer)
    assert [letter.offset async for letter in letters(log)] == [5]


async def test_an_event_that_only_a_newer_worker_can_read_stops_the_shard_before_it() -> None:
    newer = msgspec.msgpack.encode({"kind": "beds.reported", "v": 2, "id": "x", "received_at": START, "how": "new"})
    log = await log_of([*opening(), *reports(3), newer, *reports(3, start=3)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 4, shard, consumer)
        await until(lambda: shard.trouble is not None, shard, consumer)
        for _ in range(50):
            await consumer.offer_next(shard)
            await asyncio.sleep(0)
    assert shard.trouble == "beds.reported in version 2, after offset 4"
    await is_the_fold(state, log, 4)
    assert [letter async for letter in letters(log)] == []


async def test_a_batch_too_large_for_one_commit_is_committed_in_parts() -> None:
    piece = b"x" * (MOST_BYTES // 3)
    large: list[Event] = [
        SettingsPublished(
            id=f"s{n}", received_at=START + n, name="scenario", digest="d" * 64, content=piece, part=n, parts=9
        )
        for n in range(8)
    ]
    log = await log_of([*opening(), *large, *reports(3)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 12, shard, consumer)
    assert consumer.sought == [0]
    await is_the_fold(state, log, 12)


async def test_a_record_too_large_for_any_commit_is_a_dead_letter() -> None:
    huge = SettingsPublished(
        id="huge", received_at=START, name="note", digest="d" * 64, content=b"x" * (9 * MOST_BYTES), part=0, parts=2
    )
    log = await log_of([*opening(), huge, *reports(3)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 5, shard, consumer)
    assert [letter.offset async for letter in letters(log)] == [2]
    found = await shown(state, "capacity:ici")
    assert found is not None
    assert found[1].dead == {2: "it changes more than a commit may hold"}
    assert found[1].wards[WARD].available == 2


async def test_who_waits_for_a_record_that_was_buried_after_it_was_read_is_told() -> None:
    huge = SettingsPublished(
        id="huge", received_at=START, name="note", digest="d", content=b"x" * (9 * MOST_BYTES), parts=2
    )
    log = await log_of([*opening(), *reports(3), huge, *reports(3, start=3)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 8, shard, consumer)
    build = await state.current("capacity:ici")
    assert build is not None
    said = [outcome for e in await state.feed(build, -1) for outcome in read_feed(e.payload).outcomes.items()]
    assert dict(said)["huge"] == Said("dead", "it changes more than a commit may hold")


async def test_a_record_that_breaks_the_packing_is_a_dead_letter_and_the_shard_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packs = capacity.feed

    def breaks(draft: Draft, packed: Packed, *, rebuilding: bool) -> bytes:
        if any(said.get("r4") == Said("applied") for said in draft.said.values()):
            raise OverflowError("Integer value out of range")
        return packs(draft, packed, rebuilding=rebuilding)

    monkeypatch.setattr(capacity, "feed", breaks)
    log, state = await log_of([*opening(), *reports(20)]), MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    assert [(letter.offset, letter.reason) async for letter in letters(log)] == [(6, "OverflowError while packing")]
    assert consumer.sought == [0], "nothing was loaded anew"


class WritesRefused(MemoryState):
    """A live state that takes no commits for a while."""

    refusals = 20

    async def commit(self, build: Build, commit: Commit) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise StateAway("READONLY")
        return await super().commit(build, commit)


async def test_a_dead_letter_is_appended_once_however_often_its_commit_is_tried() -> None:
    log = await log_of([*opening(), b"\xc1", *reports(3)])
    shard = shard_on(log, WritesRefused(), consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 5, shard, consumer)
    assert await log.end(DEAD_LETTERS, 0) == 1


async def test_no_report_is_received_later_than_the_broker_took_it() -> None:
    log = await log_of(
        [*opening(), report("ahead", WARD, "03", 1, at=START + 3_600 * SECOND), *reports(3)], stamped_at=START
    )
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.offset == 5, shard, consumer)
    assert shard.held.clock == START
    await is_the_fold(state, log, 5)


class Refusing(MemoryState):
    """A live state that holds something of another type where a commit wants to write."""

    refuses = True

    async def commit(self, build: Build, commit: Commit) -> bool:
        if self.refuses and commit.to.offset > 5:
            raise StateRefused("wards is a string")
        return await super().commit(build, commit)


async def test_a_commit_that_is_refused_is_named_and_tried_again(log: MemoryLog) -> None:
    state = Refusing()
    shard = shard_on(log, state, consumer := Consumer(log, iter([3] * 999)))
    async with working(shard):
        await until(lambda: shard.trouble == "live state refuses the commit", shard, consumer)
        state.refuses = False
        await until(lambda: shard.offset == 21, shard, consumer)
    await is_the_fold(state, log, 21)
    assert [letter async for letter in letters(log)] == []


class Slow(MemoryState):
    """A live state that takes its time over the first commit, and then answers as it is told."""

    def __init__(self, refuses: bool) -> None:
        super().__init__()
        self.refuses, self.answers, self.asked = refuses, asyncio.Event(), 0

    async def commit(self, build: Build, commit: Commit) -> bool:
        self.asked += 1
        first = self.asked == 1
        await self.answers.wait()
        if first and self.refuses:
            return False
        return await super().commit(build, commit)


@pytest.mark.parametrize("refuses", [False, True])
async def test_while_a_commit_is_on_its_way_the_next_is_folded_and_dropped_with_it(
    log: MemoryLog, refuses: bool
) -> None:
    """Others are told of what is committed alone, and no commit goes out before the last is answered."""
    state = Slow(refuses)
    shard = shard_on(log, state, consumer := Consumer(log, iter([5] * 99)))
    async with working(shard):
        await until(lambda: shard.held.offset == 4 and shard.inlet.waiting, shard, consumer)
        for _ in range(100):
            await asyncio.sleep(0)
        assert (shard.offset, state.asked) == (-1, 1)
        state.answers.set()
        await until(lambda: shard.offset == 21, shard, consumer)
        assert shard.held.offset == 21
    assert len(consumer.sought) == (2 if refuses else 1)
    await is_the_fold(state, log, 21)


@pytest.mark.parametrize("epoch", ["e1", "e2"])
async def test_a_log_made_anew_that_has_grown_past_our_place_is_noticed(log: MemoryLog, epoch: str) -> None:
    """It follows without a gap: only its first record tells."""
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log), AT_ONCE._replace(recognise_s=0.0))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
        genesis, *rest = opening()
        await log.delete(CAPACITY)
        await log.create(CAPACITY, 1)
        for event in [msgspec.structs.replace(genesis, epoch=epoch), *rest, *reports(40, start=100)]:
            await log.append(CAPACITY, 0, b"ici", encode(event))
        await until(lambda: shard.offset == 41, shard, consumer)
        if epoch == "e2":
            for n in range(40, 60):  # an inlet that waits looks again with the next record, or tick
                await log.append(CAPACITY, 0, b"ici", encode(report(f"m{n}", WARD, "02", n, at=START + n)))
                for _ in range(10):
                    await consumer.offer_next(shard)
                    await asyncio.sleep(0)
            await until(lambda: shard.epoch == "e2" and shard.offset == 61, shard, consumer)
            assert await is_the_fold(state, log, 61) == Build("capacity:ici", "e2", 2)
        else:
            assert consumer.sought == [0]


async def test_what_only_this_process_is_the_cause_of_is_no_leave_to_stand_still(log: MemoryLog) -> None:
    class Dead(Consumer):
        def hold(self, partition: int) -> None:
            if self.place is not None:
                raise RuntimeError("the consumer's thread has ended")
            super().hold(partition)

    shard = shard_on(log, BadDays(["good", "good", "away"]), consumer := Dead(log, iter([5] * 99)))
    task = asyncio.create_task(shard.run())
    await until(lambda: shard.trouble == "failed", shard, consumer)
    for _ in range(200):
        await consumer.offer_next(shard)
        await asyncio.sleep(0)
    assert not task.done()
    assert (shard.trouble, shard.able) == ("failed", True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_engines_that_are_away_are_leave_to_stand_still(log: MemoryLog) -> None:
    shard = shard_on(log, BadDays(["away"] * 999), consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.trouble == "live state away", shard, consumer)
        assert not shard.able


class Broken(MemoryState):
    """A live state with a bug, for a while."""

    days = 3

    async def load(self, *_: object) -> None:
        if self.days:
            self.days -= 1
            raise ZeroDivisionError


async def test_a_bug_does_not_end_the_task(log: MemoryLog) -> None:
    state = Broken()
    await state.begin("capacity:ici", "e1", FOLD_VERSION, None)
    shard = shard_on(log, state, consumer := Consumer(log))
    async with working(shard):
        await until(lambda: shard.trouble == "failed", shard, consumer)
        await until(lambda: shard.offset == 21, shard, consumer)


async def test_what_does_not_follow_is_asked_for_again(log: MemoryLog) -> None:
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log, iter([5] * 99)))
    async with working(shard):
        await until(lambda: consumer.place == 5, shard, consumer)
        consumer.place = 8
        await until(lambda: shard.offset == 21, shard, consumer)
    assert consumer.sought[0] == 0
    assert len(consumer.sought) == 2
    await is_the_fold(state, log, 21)


# -- rebuilding


async def test_a_shard_far_behind_says_so_until_it_is_not() -> None:
    log = await log_of([*opening(), *reports(30)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log, iter([8] * 9)), now=lambda: START + 60 * SECOND)
    async with working(shard):
        await until(lambda: shard.offset == 7, shard, consumer)
        assert shard.why_not_ready == "rebuilding"
        await until(lambda: shard.offset == 31, shard, consumer)
    assert shard.why_not_ready is None
    build = await is_the_fold(state, log, 31)
    feed = [read_feed(entry.payload).rebuilding for entry in await state.feed(build, -1)]
    assert feed == [True, True, True, False]
    assert await state.fields(build, "meta", ["rebuilding"]) == [b"0"]


async def test_a_report_from_the_future_hides_no_rebuild() -> None:
    log = await log_of([*opening(), report("ahead", WARD, "03", 1, at=START + 3_600 * SECOND), *reports(29)])
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log, iter([8] * 9)), now=lambda: START + 1_800 * SECOND)
    async with working(shard):
        await until(lambda: shard.offset == 31, shard, consumer)
    build = await state.current("capacity:ici")
    assert build is not None
    feed = [read_feed(entry.payload).rebuilding for entry in await state.feed(build, -1)]
    assert feed == [True, True, True, False]


async def test_a_shard_a_little_behind_is_live() -> None:
    log = await log_of([*opening(), *reports(30)])
    shard = shard_on(log, MemoryState(), consumer := Consumer(log, iter([8] * 9)), now=lambda: START + 9 * SECOND)
    async with working(shard):
        await until(lambda: shard.offset == 7, shard, consumer)
        assert shard.why_not_ready is None


# -- ticks


async def test_the_time_is_told_when_nothing_else_happens(log: MemoryLog) -> None:
    shard = shard_on(
        log, MemoryState(), consumer := Consumer(log), AT_ONCE._replace(tick_s=0.001), now=lambda: START + 5 * SECOND
    )
    async with working(shard):
        await until(lambda: shard.offset >= 25, shard, consumer)
    [question, *told] = [tick_of(record) for record in await values(log, 22)]
    assert question.received_at == START + 19, "the first asks the broker for its time, and tells none"
    assert {event.received_at for event in told} == {START + 5 * SECOND}
    assert shard.held.clock == START + 5 * SECOND


async def test_no_time_is_told_while_records_come(log: MemoryLog) -> None:
    shard = shard_on(log, MemoryState(), consumer := Consumer(log, iter([1] * 99)), AT_ONCE._replace(tick_s=30))
    async with working(shard):
        await until(lambda: shard.offset == 21, shard, consumer)
    assert await log.end(CAPACITY, 0) == 22


@pytest.mark.parametrize("off", [-60 * SECOND, -3 * SECOND, 3 * SECOND, 3_600 * SECOND])
async def test_a_worker_whose_clock_is_off_tells_no_time_until_it_is_right(off: int) -> None:
    right = START + 500
    log = await log_of([*opening(), *reports(20)], stamped_at=right)
    clock = [right + off]
    shard = shard_on(
        log, MemoryState(), consumer := Consumer(log), AT_ONCE._replace(tick_s=0.001), now=lambda: clock[0]
    )
    async with working(shard):
        said = f"this machine's clock is {abs(off) / 1000:.1f} s off"
        await until(lambda: shard.why_not_ready == said, shard, consumer)
        upto = shard.offset + 3
        await until(lambda: shard.offset >= upto, shard, consumer)
        assert {tick_of(record).received_at for record in await values(log, 22)} == {START + 19}
        clock[0] = right
        await until(lambda: shard.why_not_ready is None and shard.held.clock == right, shard, consumer)


async def test_a_tick_kept_at_an_offset_already_folded_means_another_log(log: MemoryLog) -> None:
    state = MemoryState()
    shard = shard_on(log, state, consumer := Consumer(log), AT_ONCE._replace(tick_s=0.001))
    async with working(shard):
        await until(lambda: shard.offset >= 22, shard, consumer)
        await log.delete(CAPACITY)
        await log.create(CAPACITY, 1)
        events = opening()
        await log.append(CAPACITY, 0, b"ici", encode(msgspec.structs.replace(events[0], epoch="e2")))
        await log.append(CAPACITY, 0, b"ici", encode(events[1]))
        await until(lambda: shard.epoch == "e2" and shard.offset >= 2, shard, consumer)
    assert (await state.current("capacity:ici")) == Build("capacity:ici", "e2", 2)


class Silent(MemoryLog):
    """A log that can be read and takes nothing, for a while."""

    silent = False

    async def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        if self.silent:
            raise LogAway(topic)
        return await super().append(topic, partition, key, value)


async def test_a_log_that_takes_no_tick_is_named_and_costs_no_memory() -> None:
    log = Silent(now=lambda: START)
    await log.create(CAPACITY, 1)
    for event in [*opening(), *reports(3)]:
        await log.append(CAPACITY, 0, b"ici", encode(event))
    shard = shard_on(log, MemoryState(), consumer := Consumer(log), AT_ONCE._replace(tick_s=0.001))
    async with working(shard):
        await until(lambda: shard.offset == 4, shard, consumer)
        log.silent = True
        await until(lambda: shard.trouble == "log away", shard, consumer)
        log.silent = False
        await until(lambda: shard.trouble is None and shard.offset > 4, shard, consumer)
    assert consumer.sought == [0]
