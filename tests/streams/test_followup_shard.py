"""A followup shard as a worker has it: answers scored and sealed, nothing in clear, nothing lost without keys."""

import asyncio
import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import Event
from domain.followup.chart import SlotContent
from domain.followup.holding import FollowupState
from domain.followup.sealed import About
from event_log.codec import encode
from event_log.memory import MemoryLog
from event_log.topics import DEAD_LETTERS, FOLLOWUP
from live_state import followup
from live_state.memory import MemoryState
from streams.followup import KEYS_AWAY, Followup
from streams.measures import Measures
from streams.shard import Shard
from tests.followup_recount import counted_again, opened, shown
from tests.recount import same
from tests.small_followup import (
    CANARY,
    DAY,
    HOUR,
    MINUTE,
    PHONE,
    RED,
    SHARD,
    START,
    WELL,
    Patients,
    Store,
    opening,
    pseudonym,
    tick,
)
from tests.streams.beside import AT_ONCE, AnyShard, BadDays, Consumer, until, working

DUE = START + HOUR  # the first slot
QUICK_TURNS = 50


async def log_of(events: Iterable[Event | bytes]) -> MemoryLog:
    """Return a log whose first partition holds a followup shard and these events."""
    log = MemoryLog(now=lambda: START)
    await log.create(FOLLOWUP, 1)
    await log.create(DEAD_LETTERS, 1)
    for event in [*opening(), *events]:
        await put(log, event)
    return log


async def put(log: MemoryLog, event: Event | bytes) -> int:
    return await log.append(FOLLOWUP, 0, b"ici", event if isinstance(event, bytes) else encode(event))


def followup_on(log: MemoryLog, state: MemoryState, consumer: Consumer, store: Store, **more: Any) -> AnyShard:
    """Return a shard on the first partition of its topic."""
    sort = Followup(store, **more)
    return Shard(sort, 0, log, state, consumer, Measures(), now=lambda: START, limits=AT_ONCE)


@asynccontextmanager
async def worker(
    log: MemoryLog, state: MemoryState, store: Store, sizes: Iterator[int] | None = None, **more: Any
) -> Any:
    """Have a worker fold the log meanwhile; it gives what awaits something."""
    consumer = Consumer(log, sizes, topic=FOLLOWUP)
    shard = followup_on(log, state, consumer, store, **more)
    async with working(shard):

        async def reaches(done: Callable[[AnyShard], bool]) -> AnyShard:
            for turn in range(20_000):
                if done(shard):
                    return shard
                await consumer.offer_next(shard)
                await asyncio.sleep(0 if turn < QUICK_TURNS else 0.001)  # content is opened in another thread
            raise AssertionError(f"never came to hold: at {shard.offset}, {shard.trouble}")

        yield reaches


async def folded(log: MemoryLog, state: MemoryState, store: Store, **more: Any) -> FollowupState:
    """Return the state once all of the log is folded; what is shown then equals the recount."""
    last = await log.end(FOLLOWUP, 0) - 1
    async with worker(log, state, store, **more) as reaches:
        shard = await reaches(lambda shard: shard.offset == last)
        held: FollowupState = copy.deepcopy(shard.held)
    found = await shown(state, store, SHARD)
    assert found is not None
    same(found[1], await counted_again(log, store, 0, last))
    return held


async def letters(log: MemoryLog) -> int:
    return await log.end(DEAD_LETTERS, 0)


def in_clear(held: object) -> bool:
    """Return whether a patient's name, telephone or text is somewhere in it."""
    told = repr(held)  # bytes are shown as their own signs, but for what is not ASCII
    signs = (CANARY, CANARY[1:], "bulon-canari", PHONE, PHONE[1:], "tousse", "1960-02-29")
    return any(sign in told for sign in signs)


async def test_an_answer_is_scored_and_sealed_and_the_row_in_clear_is_red() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.answered(0, START + 30 * MINUTE, RED), tick(START + HOUR)])
    held = await folded(log, state, store)
    patient = held.patients[pseudonym(0)]
    assert (patient.colour, patient.answered_at) == ("red", START + 30 * MINUTE)
    assert patient.alert is not None
    build = await state.current(SHARD)
    assert build is not None
    [packed] = await state.fields(build, f"slots:{patient.id}", ["1-0900"])
    assert packed is not None
    slot = await opened(store, followup.read_sealed(packed), About(patient.id, "slot", "1-0900"), SlotContent)
    assert slot.answers == msgspec.to_builtins(RED) | {"warning-signs": ("none",)}
    assert slot.result is not None
    assert slot.result.colour == "red"
    [entry] = [each for each in await state.feed(build, -1) if pseudonym(0).encode() in each.payload][-1:]
    change = followup.read_feed(entry.payload)
    row = change.set[f"patient/{patient.id}"]
    assert row is not None
    assert followup.read_patient(row).colour == "red"


async def test_nothing_of_a_patient_is_in_clear_in_hashes_feed_outbox_log_or_dead_letters() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    broken = msgspec.structs.replace(patients.answered(0, START, RED, "2-0900"), slot="1-0900")  # sealed for another
    events = [
        patients.enrolled(0),
        patients.answered(0, START + MINUTE, RED),
        broken,
        patients.muted(0, START + 2 * MINUTE, "flag/breathless-at-rest"),
        patients.wrote(0, START + 3 * MINUTE),
        patients.filed(0, START + 4 * MINUTE, birth_place=f"{CANARY}-ville"),
        tick(DUE + DAY + MINUTE),
    ]
    log = await log_of(events)
    await folded(log, state, store)
    assert await letters(log) == 1
    build = await state.current(SHARD)
    assert build is not None
    everything = await state.load(build, ["*"])
    assert everything is not None
    assert {"charts", "patients", "letters", "outbox", f"slots:{pseudonym(0)}", f"story:{pseudonym(0)}"} <= everything[
        1
    ].keys()
    assert not in_clear(everything)
    assert not in_clear(await state.feed(build, -1))
    for topic in (FOLLOWUP, DEAD_LETTERS):
        assert not in_clear([record.value async for record in log.read(topic, 0)])
    assert in_clear(patients.file(0))  # it would be found


async def test_content_that_does_not_open_is_a_dead_letter_and_its_patient_is_followed_on() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    theirs = store.sealed(pseudonym(1), "answers", "1-0900", RED)
    no_answers = store.sealed(pseudonym(0), "answers", "1-0900", ["not", "a", "mapping"])
    broken = [msgspec.structs.replace(patients.answered(0, START, RED), answers=each) for each in (theirs, no_answers)]
    log = await log_of(
        [
            patients.enrolled(0),
            patients.enrolled(1),
            *broken,
            patients.answered(0, START, WELL),
        ]
    )
    held = await folded(log, state, store)
    assert await letters(log) == 2
    assert held.patients[pseudonym(0)].colour == "green"


async def test_a_mute_that_was_a_dead_letter_can_be_tried_again() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    mute = patients.muted(0, START + MINUTE, "flag/fever")
    again = msgspec.structs.replace(mute, id="again", retries=mute.id)
    held = await folded(await log_of([patients.enrolled(0), again]), state, store)
    assert held.patients[pseudonym(0)].muted_until == mute.until


async def test_while_the_key_store_is_away_the_shard_waits_loses_nothing_and_goes_on() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0)])
    async with worker(log, state, store) as reaches:
        await reaches(lambda shard: shard.offset == 2)
        store.away = True
        await put(log, patients.enrolled(1))
        shard = await reaches(lambda shard: shard.trouble == KEYS_AWAY)
        assert not shard.ready
        assert not shard.able  # to end this process would mend nothing
        asked = store.asked
        await reaches(lambda shard: store.asked > asked + 3)
        assert shard.offset == 2
        store.away = False
        shard = await reaches(lambda shard: shard.offset == 3)
        await reaches(lambda shard: shard.trouble is None)
        assert pseudonym(1) in shard.held.patients
    assert await letters(log) == 0


async def test_what_needs_no_key_goes_on_while_the_key_store_is_away() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0, START)])
    await folded(log, state, store)
    store.away = True
    await put(log, patients.wrote(0, START + MINUTE))
    await put(log, tick(START + 2 * MINUTE))
    async with worker(log, state, store) as reaches:
        shard = await reaches(lambda shard: shard.offset == 4)
        assert shard.held.patients[pseudonym(0)].written_at == START + MINUTE


async def test_a_worker_without_a_home_waits_too() -> None:
    store, state = Store(), MemoryState()
    log = await log_of([Patients(store).enrolled(0)])
    consumer = Consumer(log, topic=FOLLOWUP)
    shard: AnyShard = Shard(Followup(None), 0, log, state, consumer, Measures(), now=lambda: START, limits=AT_ONCE)
    async with working(shard):
        await until(lambda: shard.trouble == KEYS_AWAY, shard, consumer)


async def test_of_a_patient_whose_key_is_destroyed_nothing_is_enrolled_again_and_nothing_is_a_dead_letter() -> None:
    """As when a shard is rebuilt from a log on which erased patients still stand."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    store.destroy(pseudonym(0))
    log = await log_of(
        [
            patients.enrolled(0),
            patients.enrolled(1),
            patients.answered(0, START, RED),
            patients.answered(1, START, WELL),
            tick(START + DAY),
        ]
    )
    held = await folded(log, state, store)
    assert list(held.patients) == [pseudonym(1)]
    assert await letters(log) == 0


async def test_an_erased_patient_leaves_nothing_in_the_live_state_nor_in_memory() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.enrolled(1), patients.answered(0, START, RED)])
    await folded(log, state, store)
    store.destroy(pseudonym(0))
    await put(log, patients.erased(0, START + MINUTE))
    await put(log, patients.answered(0, START + 2 * MINUTE, RED))
    async with worker(log, state, store) as reaches:
        shard = await reaches(lambda shard: shard.offset == 6)
        assert list(shard.held.patients) == [pseudonym(1)]
        assert pseudonym(0) not in shard.held.sealed
        assert pseudonym(0) not in shard.held.charts
        assert store.key(pseudonym(0)).id not in shard.sort._keys
    build = await state.current(SHARD)
    assert build is not None
    loaded = await state.load(build, ["*"])
    assert loaded is not None
    assert not [name for name in loaded[1] if name.endswith(pseudonym(0))]
    assert not [name for name in ("patients", "charts", "letters") if pseudonym(0) in repr(loaded[1].get(name))]


async def test_more_patients_than_charts_may_be_open_are_followed_alike() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    events: list[Event] = [patients.enrolled(number) for number in range(8)]
    for day in range(2):
        events += [patients.answered(n, DUE + day * DAY + n, WELL, f"{day + 1}-0900") for n in range(8)]
        events += [tick(DUE + day * DAY + HOUR)]
    log = await log_of(events)
    held = await folded(log, state, store, sizes=iter([3] * 100), most_charts=2, most_keys=2)
    assert {patient.colour for patient in held.patients.values()} == {"green"}
    last = await log.end(FOLLOWUP, 0) - 1
    async with worker(log, MemoryState(), store, sizes=iter([3] * 100), most_charts=2, most_keys=2) as reaches:
        shard = await reaches(lambda shard: shard.offset == last)
        assert len(shard.held.charts) <= 3  # what one batch of three needs


async def test_what_one_record_leaves_is_run_at_once_and_not_with_the_next_tick() -> None:
    """Thousands are due at nine: with two seconds between the records that run them, the last would wait a minute."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), tick(DUE)])

    class Waiting(Followup):
        """A sort in which something waits for three records more."""

        left = 3

        def waits(self, state: FollowupState) -> bool:
            return state.offset >= 3 and self.left > state.offset - 3

    consumer = Consumer(log, topic=FOLLOWUP)
    limits = AT_ONCE._replace(next_tick_s=0.001)
    shard: AnyShard = Shard(Waiting(store), 0, log, state, consumer, Measures(), now=lambda: DUE, limits=limits)
    async with working(shard):
        await until(lambda: shard.offset == 6, shard, consumer)
        assert not shard.sort.waits(shard.held)
        assert await log.end(FOLLOWUP, 0) == 7
    assert not Followup(store).waits(shard.held)


DAYS = st.lists(st.sampled_from(["good"] * 3 + ["away", "unanswered", "back1", "back3", "empty"]), max_size=12)
TURNS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([WELL, RED]), st.integers(0, 40)), min_size=2, max_size=15
)


@given(turns=TURNS, days=DAYS, sizes=st.lists(st.integers(1, 4), min_size=200, max_size=200), away=st.integers(0, 5))
@settings(max_examples=25)
def test_after_any_bad_days_the_shard_is_the_fold_of_its_log(
    turns: list[tuple[int, Any, int]], days: list[str], sizes: list[int], away: int
) -> None:
    async def run() -> None:
        store, state = Store(), BadDays(days)
        patients = Patients(store)
        events: list[Event] = [patients.enrolled(number) for number in range(4)]
        at = START
        for number, answers, hours in turns:
            at += hours * 10 * MINUTE
            events.append(patients.answered(number, at, answers, f"{(at - START) // DAY + 1}-0900"))
        log = await log_of([*events, tick(at + HOUR)])
        last = await log.end(FOLLOWUP, 0) - 1
        async with worker(log, state, store, sizes=iter(sizes)) as reaches:
            store.away = away > 2
            asked = store.asked
            await reaches(lambda shard: shard.offset == last or (store.away and store.asked > asked + away))
            store.away = False
            state.recover()
            await reaches(lambda shard: shard.offset == last and shard.inlet.waiting == 0)
            await put(log, tick(at + 2 * HOUR))  # the last commit may have been taken back since
            await reaches(lambda shard: shard.offset == last + 1)
        found = await shown(state, store, SHARD)
        assert found is not None
        same(found[1], await counted_again(log, store, 0, last + 1))
        assert await letters(log) == 0

    asyncio.run(run())


@pytest.mark.parametrize("kills", [1, 5])
async def test_workers_that_are_killed_forget_no_reminder_and_ask_for_none_twice(kills: int) -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    times = [DUE - MINUTE, DUE, DUE + 2 * HOUR, DUE + 4 * HOUR - 1, DUE + 4 * HOUR, DUE + 5 * HOUR]
    log = await log_of([patients.enrolled(0), patients.enrolled(1)])
    asked: dict[str, int] = {}  # what the outbox ever held
    await folded(log, state, store)
    for place, at in enumerate(times):
        last = await put(log, tick(at))
        for _ in range(kills):
            async with worker(log, state, store) as reaches:
                await reaches(lambda shard, last=last: shard.offset >= last)
        found = await shown(state, store, SHARD)
        assert found is not None
        for name in found[1].values:
            if name.startswith("outbox/"):
                asked.setdefault(name, place)
    steps = sorted(
        (name.split("/")[3], name.split("/")[4], place) for name, place in asked.items() if pseudonym(0) in name
    )
    assert len(steps) == 5
    assert [(channel, place) for _, channel, place in steps if place == 1] == [("sms", 1)]
    assert sorted(channel for _, channel, place in steps if place == 2) == ["sms", "smtp"]
    assert sorted(channel for _, channel, place in steps if place == 4) == ["sms", "smtp"]
