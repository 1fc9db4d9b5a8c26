"""`vigilits simulate cohort` as it is run: a small cohort to its end, one that is stopped, one that is not let in."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import Settings
from event_log.kafka import KafkaLog
from event_log.topics import CAPACITY, init_shard
from launch.cohort_command import NotOurs, must_be_empty
from launch.embedded import Engine
from launch.regions import now
from tests.launch.running import SLOW_S, Vigilits, none_left

ENDS_WITHIN_S = 120.0
TWELVE = ["cohort", "--patients", "12"]


@contextmanager
def simulating(directory: Path, *words: str) -> Iterator[Vigilits]:
    """Give a simulation that runs; its own home is in this directory."""
    one = Vigilits(directory / "nobody", {"TMPDIR": str(directory)}, [*TWELVE, *words], what="simulate")
    try:
        one.hear("Starting Tansu")
        (one.home,) = directory.glob("vigilits-cohort-*/home")
        yield one
    finally:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)


@pytest.mark.timeout(SLOW_S)
def test_a_small_cohort_is_asked_reminded_and_answers_and_every_due_letter_leaves_once(tmp_path: Path) -> None:
    # A reminder after 6 s, as workers look at the time every 2 s at least, and a machine may be busy besides: one that
    # is overtaken by the next is rightly left out, and counts as lost here.
    with simulating(tmp_path, "--days", "1", "--speed", "1200") as one:
        assert "12 slots due" in one.hear("12 patients on medical-covid/1-x1200-d1", ENDS_WITHIN_S)
        assert "12 of 12 due" in one.hear("letters by the log")
        assert "every due letter left once: 0 lost (0 overtaken by their slot's next), 0 twice, 0 that" in one.hear(
            "due letter left once"
        )
        one.hear("at the end")
        assert one.process.wait(ENDS_WITHIN_S) == 0
    assert none_left(one) == {}
    assert not list(tmp_path.glob("vigilits-cohort-*"))


@pytest.mark.timeout(SLOW_S)
def test_one_that_is_stopped_leaves_nothing_behind(tmp_path: Path) -> None:
    with simulating(tmp_path, "--speed", "1") as one:
        one.hear("12 patients enrolled")
        assert one.end(signal.SIGINT) == 0
    assert none_left(one) == {}
    assert not list(tmp_path.glob("vigilits-cohort-*"))


@pytest.mark.engines
def test_invented_patients_are_not_put_on_a_log_that_has_the_region(kafka: Engine, redis_engine: Engine) -> None:
    at = Settings(kafka_url=kafka.url, redis_url=redis_engine.url)

    async def tried() -> None:
        async with KafkaLog(kafka.url) as log:
            await init_shard(log, "capacity:here", now(), CAPACITY)
        await must_be_empty(at, "elsewhere")
        await must_be_empty(at, "here")

    with pytest.raises(NotOurs, match="here"):
        asyncio.run(tried())
