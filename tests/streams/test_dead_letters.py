"""Dead letters: kept once, listed once, and put on the log again where that makes sense."""

import msgspec
import pytest

from domain.events import AnswersGiven, BedsReported, Genesis
from domain.followup.sealed import Sealed
from event_log.codec import decode, encode
from event_log.memory import MemoryLog
from event_log.topics import CAPACITY, DEAD_LETTERS, NOTICES
from streams.dead_letters import MOST_BYTES, DeadLetter, NotRedriven, bury, letters, redrive
from tests.small_region import START, opening, report
from tests.streams.beside import log_of

EVENT = report("lost", "310000001/medecine", "02", 3, at=START)


def letter(offset: int, value: bytes | None, shard: str = "capacity:ici") -> DeadLetter:
    return DeadLetter(f"{shard}/e1/{offset}", shard, CAPACITY, 0, offset, "a reason", START, value)


@pytest.fixture
async def log() -> MemoryLog:
    return await log_of(opening())


async def test_a_dead_letter_is_listed_once_however_often_it_was_buried(log: MemoryLog) -> None:
    first, second = letter(5, b"\xc1"), letter(6, None)
    for buried in (first, second, first, second, first):
        await bury(log, buried)
    assert [found async for found in letters(log)] == [first, second]


async def test_what_is_no_dead_letter_is_passed_over(log: MemoryLog) -> None:
    await log.append(DEAD_LETTERS, 0, b"x", b"stray")
    await log.append(DEAD_LETTERS, 0, b"x", b"\x81\xa2id\xa1\xff")
    await bury(log, letter(5, b"\xc1"))
    assert [found.offset async for found in letters(log)] == [5]


async def test_an_event_that_can_be_read_goes_on_the_log_under_a_new_id(log: MemoryLog) -> None:
    new = await redrive(log, letter(5, encode(EVENT)), START + 9)
    [record] = [record async for record in log.read(CAPACITY, 0, 2)]
    again = decode(record.value)
    assert isinstance(again, BedsReported)
    assert (again.id, again.retries, again.received_at) == (new, "lost", START + 9)
    assert (again.ward, again.happened_at, again.splits) == (EVENT.ward, EVENT.happened_at, EVENT.splits)
    assert new != "lost"


async def test_an_event_says_when_it_happened_and_its_first_name_however_often_it_is_tried(log: MemoryLog) -> None:
    sealed = Sealed("key", b"n" * 24, b"content" * 9)
    given = AnswersGiven(id="given", received_at=START, patient="p" * 26, slot="1-0900", answers=sealed)
    await redrive(log, letter(5, encode(given)), START + 9)
    [record] = [record async for record in log.read(CAPACITY, 0, 2)]
    await redrive(log, letter(2, record.value), START + 20)
    again = [decode(record.value) async for record in log.read(CAPACITY, 0, 2)]
    assert [(each.happened_at, each.received_at, each.retries) for each in again] == [
        (START, START + 9, "given"),
        (START, START + 20, "given"),
    ]


async def test_an_event_goes_back_on_the_log_of_its_own_sort(log: MemoryLog) -> None:
    await log.create(NOTICES, 3)
    genesis = Genesis(id="g", received_at=START, epoch="n1", shard="notices:ici")
    await log.append(NOTICES, 2, b"ici", encode(genesis))
    lost = DeadLetter("notices:ici/n1/7", "notices:ici", NOTICES, 0, 7, "a reason", START, encode(EVENT))
    await redrive(log, lost, START + 9)
    assert await log.end(NOTICES, 2) == 2
    assert await log.end(CAPACITY, 0) == 2


@pytest.mark.parametrize("value", [None, b"\xc1", b"stray"])
async def test_what_nobody_can_read_stays_where_it_is(log: MemoryLog, value: bytes | None) -> None:
    with pytest.raises(NotRedriven, match="still can't be read"):
        await redrive(log, letter(5, value), START)
    assert await log.end(CAPACITY, 0) == 2


async def test_nothing_is_redriven_to_a_shard_that_is_not_there(log: MemoryLog) -> None:
    with pytest.raises(NotRedriven, match="not on the log"):
        await redrive(log, letter(5, encode(EVENT), shard="capacity:ailleurs"), START)


async def test_a_record_too_large_to_be_sent_again_stays_on_its_log_and_can_be_redriven(log: MemoryLog) -> None:
    large = msgspec.structs.replace(EVENT, ward="w" * MOST_BYTES)
    offset = await log.append(CAPACITY, 0, b"ici", encode(large))
    await bury(log, letter(offset, encode(large)))
    [kept] = [found async for found in letters(log)]
    assert kept.value is None
    assert kept.reason.startswith("a reason (its ")
    new = await redrive(log, kept, START + 9)
    [record] = [record async for record in log.read(CAPACITY, 0, offset + 1)]
    again = decode(record.value)
    assert isinstance(again, BedsReported)
    assert (again.id, again.retries, again.ward) == (new, "lost", large.ward)


async def test_what_was_left_on_a_log_that_is_no_more_is_not_redriven(log: MemoryLog) -> None:
    gone = msgspec.structs.replace(letter(1, None), id="capacity:ici/e0/1")
    with pytest.raises(NotRedriven, match="a log that is no more"):
        await redrive(log, gone, START)
