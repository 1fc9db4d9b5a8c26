"""What is forwarded of an outbox, in which order, and what becomes of it where things go wrong."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.lifecycle import Alert, Step
from domain.alerts.notice import Mark
from domain.events import AlertsStood, AlertStepped, CaseFound, Counted, EpochBegan, Event, Genesis, WordSent
from domain.followup.crossing import Case, Count, Crossing, Standing, Stepped, Word
from domain.followup.pathway import Cluster
from domain.places import Words
from event_log.codec import decode, encode
from event_log.log import LogAway
from event_log.memory import MemoryLog
from event_log.topics import NOTICES
from live_state.memory import MemoryState
from live_state.state import Build, Commit, Position, StateAway
from streams import forwarder
from streams.forwarder import AT_ONCE, MOST_STRUCK_OUT, OUTBOX, Forwarder, Waits, place_of
from streams.measures import Measures
from tests.small_region import START

SHARD, BESIDE = "capacity:ici", "notices:ici"
WORDS = Words(fr="mots", en="words")
AT_ONCE_AGAIN = Waits(0.0, 0.0)
pack = msgspec.msgpack.Encoder().encode


def step(n: int) -> bytes:
    alert = Alert(
        id=f"a{n}",
        rule="r",
        subject="ward/w",
        status="firing",
        severity="warning",
        since=START,
        labels={},
        title=WORDS,
        text=WORDS,
        todo=WORDS,
    )
    return pack(Step("fired", START + n, alert))


def field(offset: int, n: int = 0) -> str:
    return f"{offset:020}/{n}"


def steps(start: int, end: int) -> dict[str, bytes]:
    return {field(offset): step(offset) for offset in range(start, end)}


# What a followup shard tells beside its alerts' steps, and as which event each arrives.
CROSSINGS: dict[type[Event], Crossing] = {
    AlertStepped: Stepped(msgspec.msgpack.decode(step(3), type=Step)),
    CaseFound: Case(START + 4, "310000001", Cluster(cases=3, days=4), ("anne",)),
    Counted: Count(START + 5, 2, 4, {"31/red": 1}),
    AlertsStood: Standing(START + 7, ("a1", "a2")),
    WordSent: Word(START + 6, "w1", ("anne",), "info", WORDS, WORDS, "/patients/x"),
}


class BadLog(MemoryLog):
    """A log that has bad days with the notices: `away` keeps nothing, `part` the first half, `unanswered` all of it."""

    def __init__(self, days: Sequence[str] = ()) -> None:
        super().__init__(now=lambda: START)
        self.days = iter(days)

    async def append_all(self, topic: str, partition: int, key: bytes, values: Sequence[bytes]) -> int:
        day = next(self.days, "good")
        await asyncio.sleep(0)
        kept = {"away": 0, "part": len(values) // 2}.get(day, len(values))
        last = -1
        for value in values[:kept]:
            last = await self.append(topic, partition, key, value)
        if day != "good":
            raise LogAway(day)
        return last


async def founded(log: MemoryLog, epoch: str = "n1") -> None:
    """Return once the region's notices shard is on the log, on the third partition."""
    await log.create(NOTICES, 8)
    genesis = Genesis(id="g", received_at=START, epoch="x", shard="notices:ailleurs")
    await log.append(NOTICES, 0, b"ailleurs", encode(genesis))
    await log.append(NOTICES, 2, b"ici", encode(msgspec.structs.replace(genesis, epoch=epoch, shard=BESIDE)))


async def arrived(log: MemoryLog) -> list[AlertStepped]:
    """Return what is on the notices log of the region."""
    events = [decode(record.value) async for record in log.read(NOTICES, 2, 1)]
    assert all(isinstance(event, AlertStepped | EpochBegan) for event in events)
    return [event for event in events if isinstance(event, AlertStepped)]


async def marks(log: MemoryLog) -> list[tuple[str, str, str]]:
    """Return which lives of which log are marked there, each time that it was."""
    events = [decode(record.value) async for record in log.read(NOTICES, 2, 1)]
    return [(event.id, event.shard, event.epoch) for event in events if isinstance(event, EpochBegan)]


def first_sights(events: list[AlertStepped]) -> list[tuple[int, int]]:
    return list(dict.fromkeys((event.offset, event.n) for event in events))


class Side:
    """A capacity shard's live state, as its commits write it, and a forwarder of its outbox."""

    def __init__(self, log: MemoryLog, state: MemoryState) -> None:
        self.log, self.state = log, state
        self.measures = Measures()
        self.build = Build(SHARD, "e1", 1)
        self.at = Position("e1", -1, 1)
        self.forwarder = self.made()

    async def begin(self) -> None:
        await self.state.begin(SHARD, "e1", 1, None)

    def made(self) -> Forwarder:
        return Forwarder(self.build, self.log, self.state, self.measures, now=lambda: START + 7, waits=AT_ONCE_AGAIN)

    async def commit(self, new: dict[str, bytes]) -> None:
        """Return once the next commit has put steps in the outbox, and struck out what it may."""
        forgot = self.forwarder.done()
        to = self.at._replace(offset=self.at.offset + 1)
        writes: list[list[str | bytes | int]] = []
        if new:
            writes.append(["HSET", OUTBOX, *[part for pair in new.items() for part in pair]])
        if forgot:
            writes.append(["HDEL", OUTBOX, *forgot])
        assert await self.state.commit(self.build, Commit(self.at, to, writes, b"f"))
        self.at = to
        self.forwarder.committed(new, forgot)

    async def loaded_again(self) -> None:
        """Begin again from the live state, as after a kill."""
        self.forwarder = self.made()
        self.forwarder.load(await self.outbox())

    async def outbox(self) -> dict[str, bytes]:
        loaded = await self.state.load(self.build, [OUTBOX])
        assert loaded is not None
        return loaded[1].get(OUTBOX, {})


async def until(done: Callable[[], bool], turns: int = 5_000) -> None:
    for _ in range(turns):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("never came to hold")


@pytest.fixture
async def side() -> Side:
    log = BadLog()
    await founded(log)
    made = Side(log, MemoryState())
    await made.begin()
    return made


async def forwarded(side: Side) -> None:
    """Return once nothing waits any more."""
    task = asyncio.create_task(side.forwarder.run())
    try:
        await until(lambda: side.forwarder.waiting == 0 and side.forwarder._marked)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def known_there(side: Side, theirs: str, ours: str) -> None:
    """Have the notices shard's live state tell, of that log of its own, how far it has folded that one of ours."""
    beside = await side.state.begin(BESIDE, theirs, 1, None)
    assert beside is not None
    upto: list[str | bytes | int] = ["HSET", "upto", SHARD, pack(Mark(ours, 5, 1))]
    at = Position(theirs, -1, 1)
    assert await side.state.commit(beside, Commit(at, at._replace(offset=0), [upto], b"f"))


async def test_steps_go_in_their_order_to_the_regions_own_shard(side: Side) -> None:
    await side.commit({field(9, n): step(n) for n in range(12)})
    await side.commit({field(10): step(99)})
    await forwarded(side)
    events = await arrived(side.log)
    assert [event.id for event in events] == [*(f"capacity:ici/e1/9/{n}" for n in range(12)), "capacity:ici/e1/10/0"]
    assert [event.step.at - START for event in events] == [*range(12), 99]
    assert {(event.received_at, event.region, event.source) for event in events} == {(START + 7, "ici", None)}
    assert await side.log.end(NOTICES, 0) == 1


async def test_what_was_acknowledged_is_struck_out_by_the_next_commit(side: Side) -> None:
    await side.commit(steps(0, 3))
    await forwarded(side)
    assert len(await side.outbox()) == 3
    await side.commit({})
    assert await side.outbox() == {}
    assert side.forwarder.done() == []


MARK = ("capacity:ici/e1/began", SHARD, "e1")


async def test_a_life_of_the_log_is_marked_once_a_load_though_it_has_no_step_to_tell_of(side: Side) -> None:
    await forwarded(side)
    assert await marks(side.log) == [MARK]
    await side.commit(steps(0, 2))
    await forwarded(side)
    assert await marks(side.log) == [MARK]
    await side.loaded_again()
    await forwarded(side)
    assert await marks(side.log) == [MARK, MARK], "the notices shard drops it by its id"


@pytest.mark.parametrize(("known", "marked"), [("e1", []), ("e0", [MARK])], ids=["this life", "an earlier one"])
async def test_only_a_notices_shard_that_does_not_know_this_life_is_told_of_it(
    side: Side, known: str, marked: list[tuple[str, str, str]]
) -> None:
    await known_there(side, "n1", known)
    await forwarded(side)
    assert await marks(side.log) == marked


async def test_where_there_is_no_notices_shard_yet_nothing_is_marked_and_nothing_is_in_trouble() -> None:
    side = Side(BadLog(), MemoryState())
    await side.begin()
    await forwarded(side)
    assert side.forwarder.trouble is None


async def test_what_is_left_in_the_outbox_goes_first_after_a_load(side: Side) -> None:
    await side.commit({field(offset, n): step(0) for offset in (7, 100, 21) for n in (2, 10, 0)})
    await side.loaded_again()
    await side.commit(steps(200, 202))
    await forwarded(side)
    assert first_sights(await arrived(side.log)) == [
        *((offset, n) for offset in (7, 21, 100) for n in (0, 2, 10)),
        (200, 0),
        (201, 0),
    ]


async def test_what_the_notices_shard_has_folded_is_struck_out_without_being_told_again(side: Side) -> None:
    await known_there(side, "n1", "e1")
    await side.commit({field(offset, n): step(n) for offset in (4, 5, 6) for n in (0, 1, 2)})
    await forwarded(side)
    assert first_sights(await arrived(side.log)) == [(5, 2), (6, 0), (6, 1), (6, 2)]
    await side.commit({})
    assert await side.outbox() == {}


@pytest.mark.parametrize(
    "other", [("n2", "e1"), ("n1", "e0")], ids=["of another notices log", "of another log of ours"]
)
async def test_what_was_folded_of_another_log_proves_nothing(side: Side, other: tuple[str, str]) -> None:
    theirs, ours = other
    await known_there(side, theirs, ours)
    await side.commit(steps(0, 3))
    await forwarded(side)
    assert first_sights(await arrived(side.log)) == [(0, 0), (1, 0), (2, 0)]


async def test_steps_wait_for_a_notices_shard_that_is_yet_to_be_founded() -> None:
    log = BadLog()
    side = Side(log, MemoryState())
    await side.begin()
    await side.commit(steps(0, 3))
    task = asyncio.create_task(side.forwarder.run())
    await until(lambda: side.forwarder.trouble == "no notices shard")
    await founded(log)
    await until(lambda: side.forwarder.waiting == 0)
    assert side.forwarder.trouble is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(await arrived(log)) == 3


async def test_far_more_than_is_held_in_memory_is_forwarded_all_the_same(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "MOST_HELD", 7)
    many = 3 * AT_ONCE + 5
    for start in range(0, many, 61):
        await side.commit(steps(start, min(many, start + 61)))
    assert len(side.forwarder._held) == 7
    await forwarded(side)
    assert first_sights(await arrived(side.log)) == [(offset, 0) for offset in range(many)]
    await side.commit(steps(many, many + 2))
    assert len(side.forwarder._held) == 2
    await forwarded(side)
    assert len(await arrived(side.log)) == many + 2


async def test_a_commit_strikes_out_no_more_than_a_command_may_hold(side: Side) -> None:
    many = MOST_STRUCK_OUT + 9
    for start in range(0, many, 300):
        await side.commit(steps(start, min(many, start + 300)))
    await forwarded(side)
    await side.commit({})
    assert len(await side.outbox()) == 9
    await side.commit({})
    assert await side.outbox() == {}


async def test_a_log_that_begins_anew_under_us_gets_the_steps_once_its_shard_is_found(side: Side) -> None:
    await side.commit(steps(0, 3))
    await forwarded(side)
    await side.log.delete(NOTICES)
    await side.log.create(NOTICES, 8)
    await side.commit(steps(3, 5))
    task = asyncio.create_task(side.forwarder.run())
    await until(lambda: side.forwarder.trouble is not None)
    assert side.forwarder.waiting == 2
    await side.log.delete(NOTICES)  # as `region init` does with what holds no genesis
    await founded(side.log, "n2")
    await until(lambda: side.forwarder.waiting == 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert first_sights(await arrived(side.log)) == [(3, 0), (4, 0)]


class Absent(MemoryState):
    """A live state that answers no small reads for a while."""

    away = 3

    async def fields(self, build: Build, name: str, fields: Sequence[str]) -> list[bytes | None]:
        if self.away:
            self.away -= 1
            raise StateAway("away")
        return await super().fields(build, name, fields)


class Buggy(MemoryState):
    """A live state with a bug, for a while."""

    days = 3

    async def current(self, shard: str) -> Build | None:
        if self.days and shard == BESIDE:
            self.days -= 1
            raise ZeroDivisionError
        return await super().current(shard)


@pytest.mark.parametrize("state", [Absent, Buggy])
async def test_no_trouble_ends_the_task(state: type[MemoryState], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "MOST_HELD", 0)
    log = BadLog()
    await founded(log)
    side = Side(log, state())
    await side.begin()
    await side.commit(steps(0, 3))
    await forwarded(side)
    assert len(await arrived(log)) == 3


TURNS = st.lists(st.one_of(st.integers(0, 12), st.sampled_from(["kill", "zombie"])), max_size=25)


@given(
    days=st.lists(st.sampled_from(["good", "good", "away", "part", "unanswered"]), max_size=30),
    turns=TURNS,
    breath=st.lists(st.integers(0, 9), min_size=1, max_size=25),
)
@settings(max_examples=150)
def test_whatever_is_killed_each_steps_first_sight_is_there_and_in_order(
    days: list[str], turns: list[int | str], breath: list[int]
) -> None:
    """A zombie goes on beside the one that took its place, as a worker does that was stopped past its session."""

    async def run() -> None:
        log = BadLog(days)
        await founded(log)
        side = Side(log, MemoryState())
        await side.begin()
        tasks = [asyncio.create_task(side.forwarder.run())]
        made = 0
        for place, turn in enumerate(turns):
            if isinstance(turn, int):
                await side.commit(steps(made, made + turn))
                made += turn
            else:
                if turn == "kill":
                    tasks[-1].cancel()
                await side.loaded_again()
                tasks.append(asyncio.create_task(side.forwarder.run()))
            for _ in range(breath[place % len(breath)]):
                await asyncio.sleep(0)
        log.days = iter(())
        await until(lambda: side.forwarder.waiting == 0)
        await side.commit({})
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        events = await arrived(log)
        assert first_sights(events) == [(offset, 0) for offset in range(made)]
        assert await side.outbox() == {}

    asyncio.run(run())


def test_places_are_in_the_order_of_their_numbers() -> None:
    assert sorted([field(10, 2), field(9, 11), field(10, 10), field(9, 2)], key=place_of) == [
        field(9, 2),
        field(9, 11),
        field(10, 2),
        field(10, 10),
    ]


async def test_a_followup_shard_tells_of_cases_counts_and_words_in_their_order_among_its_steps() -> None:
    log, state = BadLog(), MemoryState()
    await founded(log)
    build = await state.begin("followup:ici:2", "f1", 1, None)
    assert build is not None
    outbox = {field(offset): pack(crossing) for offset, crossing in enumerate(CROSSINGS.values(), 7)}
    made = Forwarder(build, log, state, Measures(), now=lambda: START + 7, waits=AT_ONCE_AGAIN)
    made.load(outbox)
    assert made.oldest_at == START + 3
    task = asyncio.create_task(made.run())
    try:
        await until(lambda: made.waiting == 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    began, *told = [decode(record.value) async for record in log.read(NOTICES, 2, 1)]
    assert isinstance(began, EpochBegan)
    assert (began.shard, began.epoch, began.region) == ("followup:ici:2", "f1", "ici")
    assert [type(event) for event in told] == list(CROSSINGS)
    assert [event.id for event in told] == [f"followup:ici:2/f1/{offset}/0" for offset in range(7, 7 + len(CROSSINGS))]
    found = [
        getattr(event, name) for event, name in zip(told, ("step", "case", "count", "standing", "word"), strict=True)
    ]
    assert found == [CROSSINGS[AlertStepped].step, *list(CROSSINGS.values())[1:]]  # type: ignore[union-attr]
