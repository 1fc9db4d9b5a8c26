"""A followup shard that is folded anew: people hear how each open alert stands by what this fold says of it."""

import msgspec
import pytest

from domain.followup.crossing import Crossing, Stepped
from live_state.memory import MemoryState
from tests.small_followup import MINUTE, RED, SHARD, START, WELL, Patients, Store, pseudonym, tick
from tests.streams.test_followup_shard import DUE, log_of, put, worker


async def steps_of(state: MemoryState) -> list[tuple[int, str, str]]:
    """Return the steps in the forwarder's outbox: by which record, what, of whom."""
    build = await state.current(SHARD)
    assert build is not None
    loaded = await state.load(build, ["outbox"])
    assert loaded is not None
    crossed = {
        name: msgspec.msgpack.decode(packed, type=Crossing) for name, packed in loaded[1].get("outbox", {}).items()
    }
    return [
        (int(name.partition("/")[0]), told.step.what, told.step.alert.subject)
        for name, told in sorted(crossed.items())
        if isinstance(told, Stepped)
    ]


@pytest.mark.parametrize("breaks_off", [False, True])
async def test_folded_anew_a_shard_tells_once_and_beyond_all_it_told_before_how_each_open_alert_stands(
    breaks_off: bool,
) -> None:
    """The notices know its earlier steps by their places; where another fold decides otherwise, nobody would hear."""
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of(
        [
            *(patients.enrolled(number) for number in range(3)),
            patients.answered(0, DUE, RED),
            patients.answered(1, DUE, WELL),
            patients.answered(2, DUE, RED),
            tick(DUE + MINUTE),
        ]
    )
    last = await log.end("vigilits.followup", 0) - 1
    if breaks_off:  # in the midst of it another worker takes the shard
        async with worker(log, state, store, sizes=iter([1] * 100)) as reaches:
            await reaches(lambda shard: shard.offset == last - 2)
    async with worker(log, state, store) as reaches:
        await reaches(lambda shard: shard.offset == last)
        subjects = [f"patient/{pseudonym(number)}" for number in (0, 2)]
        assert [(what, subject) for _, what, subject in await steps_of(state)] == [
            ("fired", subject) for subject in subjects
        ]
        for minute in (2, 3):
            await put(log, tick(DUE + minute * MINUTE))
        await reaches(lambda shard: shard.offset == last + 2)
    told = [step for step in await steps_of(state) if step[1] != "fired"]
    assert told == [(last + 1, "replanned", subject) for subject in subjects]
    async with worker(log, state, store) as reaches:  # loaded as it was left it tells nothing again
        await put(log, tick(START + 90 * MINUTE))
        await reaches(lambda shard: shard.offset == last + 3)
    assert [step for step in await steps_of(state) if step[1] != "fired"] == told
