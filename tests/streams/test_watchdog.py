"""What stands still, and what only seems to."""

import asyncio

import pytest

from streams import watchdog
from streams.watchdog import STOOD_STILL, Sight, Watch, watch


def look(watching: Watch, until: int, *sights: Sight, start: int = 0) -> list[str]:
    """Return what stood still at the last of looks made each second."""
    still: list[str] = []
    for now in range(start, until + 1):
        still = watching.stands_still(sights, float(now))
    return still


def test_a_shard_with_something_to_read_may_not_stand_still() -> None:
    watching = Watch(15)
    assert look(watching, 15, Sight("3", 7, 1, able=True)) == []
    assert look(watching, 16, Sight("3", 7, 1, able=True), start=16) == ["3"]


@pytest.mark.parametrize(
    "sight",
    [Sight("3", 7, 0, able=True), Sight("3", 7, 5, able=False)],
    ids=["nothing to read", "something known is in its way"],
)
def test_a_shard_that_can_not_go_on_stands_rightly(sight: Sight) -> None:
    assert look(Watch(15), 100, sight) == []


def test_progress_begins_the_count_anew() -> None:
    watching = Watch(15)
    for now in range(100):
        assert watching.stands_still([Sight("3", now // 10, 50, able=True)], float(now)) == []


def test_what_is_in_its_way_for_a_moment_begins_the_count_anew() -> None:
    watching = Watch(15)
    look(watching, 14, Sight("3", 7, 1, able=True))
    watching.stands_still([Sight("3", 7, 1, able=False)], 15.0)
    assert look(watching, 30, Sight("3", 7, 1, able=True), start=16) == []
    assert look(watching, 32, Sight("3", 7, 1, able=True), start=31) == ["3"]


def test_a_process_that_was_stopped_itself_blames_nobody() -> None:
    watching = Watch(15)
    look(watching, 5, Sight("3", 7, 1, able=True))
    assert watching.stands_still([Sight("3", 7, 1, able=True)], 60.0) == []
    assert look(watching, 75, Sight("3", 7, 1, able=True), start=61) == []
    assert look(watching, 76, Sight("3", 7, 1, able=True), start=76) == ["3"]


def test_each_partition_is_watched_by_itself() -> None:
    watching = Watch(15)
    still = []
    for now in range(20):
        still = watching.stands_still([Sight("1", now, 9, able=True), Sight("2", 4, 9, able=True)], float(now))
    assert still == ["2"]


async def test_the_process_ends_where_the_consumer_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOKS_EVERY_S", 0.001)
    ended: list[int] = []
    reasons = iter([None, None, "Faust has ended"])
    await asyncio.wait_for(watch(15, list, lambda: next(reasons), ended.append), 5)
    assert ended == [STOOD_STILL]


async def test_what_can_not_be_looked_at_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOKS_EVERY_S", 0.001)
    ended: list[int] = []

    def raises() -> list[Sight]:
        raise RuntimeError("the consumer was never started")

    await asyncio.wait_for(watch(15, raises, lambda: None, ended.append), 5)
    assert ended == [STOOD_STILL]
