"""Where the logs are: learnt from genesis records, doubted at a suspicious acknowledgement, and learnt again."""

import pytest

from event_log.codec import encode
from event_log.log import LogAway
from event_log.topics import CAPACITY, init_shard
from realtime_api.problems import Problem
from realtime_api.shards import Shards
from tests.realtime_api.house import SHARD, Log
from tests.small_region import START, report

EVENT = encode(report("r", "310000001/rea-adulte", "02", 1, at=START))


async def founded() -> tuple[Log, Shards]:
    """Return a log with one region, and what is known of it."""
    log = Log()
    await init_shard(log, SHARD, START)
    shards = Shards(log)
    await shards.learn()
    return log, shards


async def test_regions_are_those_that_the_log_begins_with() -> None:
    log, shards = await founded()
    await init_shard(log, "capacity:ailleurs", START)
    assert shards.regions == ["ici"]
    assert (await shards.of("capacity:ailleurs")).region == "ailleurs"
    assert shards.trouble is None


async def test_an_append_is_kept_after_the_genesis() -> None:
    _, shards = await founded()
    shard = await shards.of("capacity:ici")
    assert [await shards.append(shard, EVENT) for _ in range(3)] == [1, 2, 3]


async def test_a_log_that_came_back_empty_is_not_written_to_as_if_it_were_the_old_one() -> None:
    log, shards = await founded()
    shard = await shards.of("capacity:ici")
    for _ in range(3):
        await shards.append(shard, EVENT)
    await log.delete(CAPACITY)
    await log.create(CAPACITY, 8)  # as a broker does by itself: offset 0
    with pytest.raises(Problem) as refused:
        await shards.append(shard, EVENT)
    assert refused.value.kind == "log-changed"
    with pytest.raises(Problem) as refused:  # its record 0 is no genesis: there is no such region on it
        await shards.of("capacity:ici")
    assert refused.value.kind == "not-ready"


async def test_what_others_wrote_is_known_by_what_was_folded() -> None:
    """A process that has appended nothing yet sees a log that came back empty, too."""
    _, shards = await founded()
    shard = await shards.of("capacity:ici")
    assert await shards.append(shard, EVENT, folded=0) == 1
    for folded in (2, 40):
        with pytest.raises(Problem) as refused:
            await shards.append(await shards.of("capacity:ici"), EVENT, folded=folded)
        assert refused.value.kind == "log-changed"


async def test_a_log_that_was_founded_anew_is_learnt_before_the_next_append() -> None:
    log, shards = await founded()
    shard = await shards.of("capacity:ici")
    for _ in range(3):
        await shards.append(shard, EVENT)
    await log.delete(CAPACITY)
    await init_shard(log, SHARD, START)
    with pytest.raises(Problem):  # acknowledged at 1, and 3 was seen
        await shards.append(shard, EVENT)
    again = await shards.of("capacity:ici")
    assert again.epoch != shard.epoch
    assert await shards.append(again, EVENT) == 2


async def test_a_topic_that_is_gone_is_a_doubt_and_not_a_bug() -> None:
    log, shards = await founded()
    shard = await shards.of("capacity:ici")
    await log.delete(CAPACITY)
    with pytest.raises(Problem) as refused:
        await shards.append(shard, EVENT)
    assert refused.value.status == 503
    await shards.learn()
    assert shards.by_name == {}
    assert "region init" in (shards.trouble or "")


async def test_a_log_that_is_away_keeps_what_was_learnt() -> None:
    log, shards = await founded()
    log.away = True
    with pytest.raises(LogAway):
        await shards.learn()
    assert shards.trouble == "the log cannot be reached"
    assert shards.regions == ["ici"]
