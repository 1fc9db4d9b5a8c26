"""Patients whose file can't be read: a lost key, a missing or broken chart. Nobody else's records wait or are lost."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from domain.events import PatientAlertActed
from domain.followup.crossing import Crossing, Word
from domain.followup.sealed import Sealed
from event_log.topics import FOLLOWUP
from live_state.hashes import pack
from live_state.memory import MemoryState
from streams import dead_letters
from tests.small_followup import DAY, HOUR, MINUTE, NURSE, RED, SHARD, START, WELL, Patients, Store, pseudonym, tick
from tests.streams.test_followup_shard import DUE, folded, letters, log_of, put, worker

FORGIVING: dict[str, Any] = {"lost_after_s": 0.0, "looks_again_s": 0.0}


async def charts_of(state: MemoryState) -> dict[bytes, bytes]:
    """Return the stored charts themselves."""
    build = await state.current(SHARD)
    assert build is not None
    return state._held[build].hashes["charts"]


async def broken(state: MemoryState, store: Store) -> None:
    charts = await charts_of(state)
    one = msgspec.msgpack.decode(charts[pseudonym(0).encode()], type=Sealed)
    charts[pseudonym(0).encode()] = pack(Sealed(one.key, one.nonce, one.content[::-1]))


async def missing(state: MemoryState, store: Store) -> None:
    del (await charts_of(state))[pseudonym(0).encode()]


async def of_another_kind(state: MemoryState, store: Store) -> None:
    (await charts_of(state))[pseudonym(0).encode()] = pack(store.sealed(pseudonym(0), "chart", "", {"files": 1}))


async def without_key(state: MemoryState, store: Store) -> None:
    store.lose(pseudonym(0))


async def words_of(state: MemoryState) -> list[Word]:
    """Return what the circle is to be told, as it waits to be forwarded."""
    build = await state.current(SHARD)
    assert build is not None
    loaded = await state.load(build, ["outbox"])
    assert loaded is not None
    told = [msgspec.msgpack.decode(step, type=Crossing) for _, step in sorted(loaded[1].get("outbox", {}).items())]
    return [each for each in told if isinstance(each, Word)]


@pytest.mark.parametrize("spoil", [broken, missing, of_another_kind, without_key])
async def test_one_patient_s_unreadable_file_stops_and_buries_nobody_else_s_records(
    spoil: Callable[[MemoryState, Store], Awaitable[None]],
) -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.enrolled(1), tick(START + MINUTE)])
    await folded(log, state, store)
    await spoil(state, store)
    await put(log, patients.answered(0, DUE, RED))
    await put(log, patients.answered(1, DUE, RED))
    await put(log, tick(DUE + MINUTE))
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 7)
        theirs, others = (shard.held.patients[pseudonym(number)] for number in range(2))
        assert others.alert is not None
        assert others.colour == "red"
        assert not others.unreadable
        assert theirs.unreadable
        assert theirs.colour is None
        assert theirs.alert is not None, "it may be a red: somebody has to call"
        assert theirs.alert.colour == "red"
        shard.sort.measure(SHARD, shard.held, shard._measures, START)
        assert shard._measures.patients_unreadable.labels(SHARD)._value.get() == 1
    assert await letters(log) == 1
    words = await words_of(state)
    assert [(word.severity, set(word.to)) for word in words] == [("warning", {"anne", "paul"})]


async def test_answers_that_cant_be_decoded_though_the_key_is_there_have_somebody_call_all_the_same() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    spoilt = store.sealed(pseudonym(0), "answers", "1-0900", ["neither", "item", "nor", "value"])
    log = await log_of(
        [
            patients.enrolled(0),
            patients.answered(0, DUE, WELL),
            msgspec.structs.replace(patients.answered(0, DUE + MINUTE, WELL), answers=spoilt),
        ]
    )
    held = await folded(log, state, store)
    row = held.patients[pseudonym(0)]
    assert row.alert is not None
    assert (row.alert.colour, row.colour, row.unreadable) == ("red", "green", False)
    assert await letters(log) == 1


async def test_what_a_mute_hid_is_judged_once_the_file_can_be_read_again() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    told = [patients.enrolled(0), patients.muted(0, DUE, "home-cov/dyspnea"), patients.answered(0, DUE + MINUTE, RED)]
    rules = ["flag/breathless-at-rest", "oximetry/samu", "home-cov/spo2", "news2"]
    log = await log_of([told[0], *(patients.muted(0, DUE, rule) for rule in rules), *told[1:]])
    held = await folded(log, state, store)
    assert held.patients[pseudonym(0)].alert is None, "all of it is muted"
    last = await log.end(FOLLOWUP, 0) - 1
    store.lose(pseudonym(0))
    await put(log, tick(DUE + HOUR + MINUTE))
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == last + 1)
        row = shard.held.patients[pseudonym(0)]
        assert (row.unreadable, row.mute_ends, row.alert) == (True, (), None)
        store.lost.clear()
        await put(log, tick(DUE + HOUR + 2 * MINUTE))
        shard = await reaches(lambda shard: shard.offset == last + 2)
        row = shard.held.patients[pseudonym(0)]
        assert not row.unreadable
        assert row.alert is not None
        assert row.alert.colour == "red"


async def test_each_lost_key_is_waited_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was lost long ago must not let another be given up at once, which may be on its way from a backup."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.enrolled(1), tick(START + MINUTE)])
    await folded(log, state, store)
    clock = [0.0]
    monkeypatch.setattr("streams.followup.time", SimpleNamespace(monotonic=lambda: clock[0]))
    store.lose(pseudonym(0))
    await put(log, patients.answered(0, DUE, RED))
    async with worker(log, state, store, lost_after_s=30.0) as reaches:
        await reaches(lambda shard: shard.trouble == "key lost")
        clock[0] = 31.0
        await reaches(lambda shard: shard.offset == 5)
        store.lose(pseudonym(1))
        await put(log, patients.answered(1, DUE, RED))
        await reaches(lambda shard: shard.trouble == "key lost")
        store.lost.discard(store.key(pseudonym(1)).id)
        shard = await reaches(lambda shard: shard.offset == 6)
        assert shard.held.patients[pseudonym(1)].colour == "red"
    assert await letters(log) == 1


async def test_nobody_answers_for_a_patient_whose_file_cant_be_read_and_people_are_told_all_the_same() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.enrolled(1), tick(START + MINUTE)])
    await folded(log, state, store)
    await missing(state, store)
    await put(log, tick(DUE + DAY - HOUR))
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 5 and shard.held.offset == 5)
        rows = [shard.held.patients[pseudonym(number)] for number in range(2)]
        assert [row.slots["1-0900"].state for row in rows] == ["missed", "missed"]
        assert rows[0].alert is not None
        assert rows[0].unreadable
    assert await letters(log) == 0


async def test_a_key_that_comes_back_opens_the_file_and_what_was_a_dead_letter_is_tried_again() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), tick(START + MINUTE)])
    await folded(log, state, store)
    store.lose(pseudonym(0))
    await put(log, patients.answered(0, DUE, RED))
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 4)
        assert shard.held.patients[pseudonym(0)].unreadable
        store.lost.clear()
        await put(log, tick(DUE + MINUTE))
        shard = await reaches(lambda shard: shard.offset == 5)
        assert not shard.held.patients[pseudonym(0)].unreadable
        [letter] = [each async for each in dead_letters.letters(log)]
        await dead_letters.redrive(log, letter, DUE + 2 * MINUTE)
        shard = await reaches(lambda shard: shard.offset == 6)
        row = shard.held.patients[pseudonym(0)]
        assert row.colour == "red"
        assert row.alert is not None
        assert row.alert.news == 2, "whoever closes it has seen more than that it could not be read"


async def test_who_is_enrolled_under_a_lost_key_is_there_without_a_file_until_it_is_back() -> None:
    """As when a shard is rebuilt after a restore that lacks the last keys."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    store.lose(pseudonym(0))
    log = await log_of([patients.enrolled(0), patients.enrolled(1), patients.answered(1, DUE, WELL)])
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 4)
        assert shard.held.patients[pseudonym(0)].unreadable
        assert shard.held.patients[pseudonym(1)].colour == "green"
    async with worker(log, state, store, **FORGIVING) as reaches:  # and for another worker too
        store.lost.clear()
        [letter] = [each async for each in dead_letters.letters(log)]
        await dead_letters.redrive(log, letter, DUE + MINUTE)
        await put(log, patients.answered(0, DUE + 2 * MINUTE, RED))
        shard = await reaches(lambda shard: shard.offset == 6)
        row = shard.held.patients[pseudonym(0)]
        assert (row.unreadable, row.colour) == (False, "red")


async def test_a_lost_key_is_waited_for_before_it_is_given_up_and_only_once() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), tick(START + MINUTE)])
    await folded(log, state, store)
    store.lose(pseudonym(0))
    await put(log, patients.answered(0, DUE, RED))
    async with worker(log, state, store, lost_after_s=30.0) as reaches:
        shard = await reaches(lambda shard: shard.trouble == "key lost")
        asked = store.asked
        await reaches(lambda shard: store.asked > asked + 1)
        assert shard.offset == 3
        store.lost.clear()
        shard = await reaches(lambda shard: shard.offset == 4)
        assert shard.held.patients[pseudonym(0)].colour == "red"
    store.lose(pseudonym(0))
    await put(log, patients.answered(0, DUE + MINUTE, WELL))
    async with worker(log, state, store, **FORGIVING) as reaches:
        await reaches(lambda shard: shard.offset == 5)
    await put(log, patients.answered(0, DUE + 2 * MINUTE, WELL))
    async with worker(log, state, store, lost_after_s=30.0) as reaches:
        await reaches(lambda shard: shard.offset == 6)  # the row says so already: nobody waits again
    assert await letters(log) == 2


async def test_a_mute_that_cant_be_read_is_a_dead_letter_and_the_alert_is_closed_all_the_same() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.answered(0, DUE, RED)])
    held = await folded(log, state, store)
    alert = held.patients[pseudonym(0)].alert
    assert alert is not None
    await missing(state, store)
    await put(log, patients.muted(0, DUE + MINUTE, "flag/breathless-at-rest"))
    await put(log, patients.filed(0, DUE + MINUTE))
    taken = PatientAlertActed(
        id="taken",
        received_at=DUE + MINUTE,
        source=NURSE,
        patient=pseudonym(0),
        alert=alert.id,
        act="take",
        check_at=DUE + HOUR,
    )
    await put(log, taken)
    await put(log, msgspec.structs.replace(taken, id="closed", act="close", outcome="acted", check_at=None))
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == 7)
        assert shard.held.patients[pseudonym(0)].alert is None
        assert shard.held.patients[pseudonym(0)].closed[0].id == alert.id
    assert await letters(log) == 2


async def test_a_chart_that_a_newer_vigilits_has_added_to_is_read_all_the_same() -> None:
    """As after a rollback."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), tick(START + MINUTE)])
    await folded(log, state, store)
    file = msgspec.to_builtins(patients.file(0)) | {"newer": {"x": 1}}
    chart = store.sealed(pseudonym(0), "chart", "", {"file": file, "newest": [1]})
    (await charts_of(state))[pseudonym(0).encode()] = pack(chart)
    await put(log, patients.answered(0, DUE, RED))
    async with worker(log, state, store) as reaches:
        shard = await reaches(lambda shard: shard.offset == 4)
        assert shard.held.patients[pseudonym(0)].colour == "red"
