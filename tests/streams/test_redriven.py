"""Dead letters of patients that are tried again, once what they failed at is mended: they are what they were."""

from domain.events import Event
from domain.followup.chart import SlotContent
from domain.followup.patient import Patient
from domain.followup.sealed import About
from event_log.memory import MemoryLog
from event_log.topics import FOLLOWUP
from live_state import followup
from live_state.memory import MemoryState
from streams import dead_letters
from tests.followup_recount import opened
from tests.small_followup import CANARY, HOUR, MINUTE, RED, SHARD, START, WELL, Patients, Store, pseudonym, tick
from tests.streams.test_followup_shard import DUE, folded, log_of, put, worker
from tests.streams.test_followup_unreadable import FORGIVING

BACK = DUE + 3 * HOUR


async def lost_at(event: Event, *before: Event) -> tuple[MemoryLog, MemoryState, Store]:
    """Return what is there three hours after the key was lost for what one patient sent, once the key is back."""
    store, state = Store(), MemoryState()
    log = await log_of([*before, tick(START + MINUTE)])
    await folded(log, state, store)
    store.lose(pseudonym(0))
    end = await put(log, event)
    async with worker(log, state, store, **FORGIVING) as reaches:
        await reaches(lambda shard: shard.offset == end)
    store.lost.clear()
    await put(log, tick(BACK))
    return log, state, store


async def slot_of(state: MemoryState, store: Store) -> SlotContent:
    build = await state.current(SHARD)
    assert build is not None
    [packed] = await state.fields(build, f"slots:{pseudonym(0)}", ["1-0900"])
    assert packed is not None
    content: SlotContent = await opened(
        store, followup.read_sealed(packed), About(pseudonym(0), "slot", "1-0900"), SlotContent
    )
    return content


async def row_of(log: MemoryLog, state: MemoryState, store: Store) -> Patient:
    """Return the patient once all is folded: a log folded anew would open what was a dead letter at its own place."""
    last = await log.end(FOLLOWUP, 0) - 1
    async with worker(log, state, store, **FORGIVING) as reaches:
        shard = await reaches(lambda shard: shard.offset == last)
        row: Patient = shard.held.patients[pseudonym(0)]
    return row


async def redriven(log: MemoryLog, at: int) -> None:
    for letter in [each async for each in dead_letters.letters(log)]:
        await dead_letters.redrive(log, letter, at)


async def test_an_answer_that_is_tried_again_was_given_when_it_was_sent() -> None:
    patients = Patients(Store())
    log, state, store = await lost_at(patients.answered(0, DUE, RED), patients.enrolled(0))
    await redriven(log, BACK + MINUTE)
    row = await row_of(log, state, store)
    assert (row.colour, row.slots["1-0900"].at) == ("red", DUE)
    assert [sending.at for sending in (await slot_of(state, store)).sent] == [DUE]


async def test_what_was_said_after_it_counts_and_its_red_is_heard_all_the_same() -> None:
    patients = Patients(Store())
    log, state, store = await lost_at(patients.answered(0, DUE, RED), patients.enrolled(0))
    await put(log, patients.answered(0, BACK + MINUTE, WELL))
    await redriven(log, BACK + 2 * MINUTE)
    row = await row_of(log, state, store)
    assert row.colour == "green"
    assert row.slots["1-0900"].at == BACK + MINUTE
    assert row.alert is not None
    assert row.alert.colour == "red"


async def test_a_change_of_file_that_is_tried_again_is_in_the_story_with_its_reason() -> None:
    """It is sealed under the name that the change had first, and a page with a line that does not open is none."""
    patients = Patients(Store())
    log, state, store = await lost_at(patients.filed(0, DUE, birth_place="34172"), patients.enrolled(0))
    await redriven(log, BACK + MINUTE)
    await row_of(log, state, store)
    build = await state.current(SHARD)
    assert build is not None
    loaded = await state.load(build, [f"story:{pseudonym(0)}"])
    assert loaded is not None
    lines = [followup.read_line(packed) for packed in loaded[1][f"story:{pseudonym(0)}"].values()]
    [changed] = [line for line in lines if line.what == "file_changed"]
    assert changed.text is not None
    assert changed.at == BACK + MINUTE
    about = About(pseudonym(0), "note", changed.id)
    assert await opened(store, changed.text, about, str) == f"{CANARY} a déménagé"


async def test_an_answer_that_a_shard_folded_anew_opens_at_its_own_place_is_known_when_it_comes_again() -> None:
    patients = Patients(Store())
    log, _, store = await lost_at(patients.answered(0, DUE, RED), patients.enrolled(0))
    await redriven(log, BACK + MINUTE)
    anew = MemoryState()
    row = (await folded(log, anew, store, **FORGIVING)).patients[pseudonym(0)]
    assert row.slots["1-0900"].corrections == 0
    assert [sending.at for sending in (await slot_of(anew, store)).sent] == [DUE]
