"""What nobody can fold: kept apart with its reason, and in nobody else's way."""

import re
import time

import pytest
import redis

from domain.events import AVAILABLE, OCCUPIED, BedsReported, Source, Split
from event_log.codec import encode
from event_log.ids import new_id
from launch import regions
from streams.dead_letters import DeadLetter, bury
from tests.end_to_end.conftest import CELL, ICI, LABAS
from tests.end_to_end.system import System, beside

pytestmark = pytest.mark.engines

MEDICINE, HAD = "810100001/medecine", "310100002/had"
THERE = "310200001/rea-adulte"


def test_a_poison_record_goes_to_the_dead_letters_and_the_shard_goes_on(system: System) -> None:
    with system.screen(CELL, ICI) as screen:
        offset = system.append(ICI, b"\xc1 what nobody can read")
        answer = system.tell_and_hear(CELL, {"ward": MEDICINE, "status": AVAILABLE, "count": 11})
        assert answer.status_code == 201, answer.text
        screen.until_shown(MEDICINE, available=11)

    listed = system.run("dead-letters", "list").splitlines()
    (line,) = [line for line in listed if f"offset {offset} " in line]
    letter = line.split()[0]
    assert re.fullmatch(rf"capacity:{ICI}/[0-9a-f]+/{offset}", letter)
    assert "what nobody can read" not in line  # contents are not shown
    assert line.split(f"offset {offset}")[1].strip()  # the reason

    refused = system.command("dead-letters", "replay", letter)
    assert refused.returncode == 1
    assert "still can't be read" in refused.stderr
    system.is_the_fold_of_its_log(ICI)


def test_a_dead_letter_that_can_be_read_by_now_is_folded_when_it_is_put_back(system: System) -> None:
    """As one that an earlier version could not fold."""
    told = _report(HAD, 17)
    place = system.place(ICI)
    letter = DeadLetter(
        id=f"{place.shard}/{place.epoch}/999999",
        shard=place.shard,
        topic=place.topic,
        partition=place.partition,
        offset=999999,
        reason="of an earlier version",
        at=regions.now(),
        value=encode(told),
    )

    async def buried() -> None:
        async with regions.stores(system.kafka.url, system.redis.url) as (log, _):
            await bury(log, letter)

    beside(buried())
    with system.screen(CELL, ICI) as screen:
        said = system.run("dead-letters", "replay", letter.id)
        assert said.startswith(f"{letter.id} is on the log again as ")
        screen.until_shown(HAD, occupied=17)
    again = said.split()[-1]
    assert system.get(CELL, f"/commands/{again}").json() == {"id": again, "outcome": "applied"}
    system.is_the_fold_of_its_log(ICI)


def test_a_region_that_stands_still_delays_no_other(system: System) -> None:
    """Its live state is broken by hand: its shard can't write, until somebody mends it."""
    assert system.tell_and_hear(CELL, {"ward": THERE, "status": AVAILABLE, "count": 1}).status_code == 201
    server = redis.Redis.from_url(system.redis.url)
    place = system.place(LABAS)
    label = server.get(f"{{{place.shard}}}:current")
    assert isinstance(label, bytes)
    wards = f"{{{place.shard}}}:{label.decode()}:wards"
    aside = f"{{{place.shard}}}:aside"
    server.rename(wards, aside)
    server.set(wards, "not a hash")
    try:
        pending = system.tell(CELL, {"ward": THERE, "status": AVAILABLE, "count": 2})
        assert pending.status_code == 202, pending.text
        answered = []
        for count in range(20):
            started = time.monotonic()
            answer = system.tell_and_hear(CELL, {"ward": MEDICINE, "status": AVAILABLE, "count": count})
            answered.append(time.monotonic() - started)
            assert answer.status_code == 201, answer.text
        print(f"beside a region that stands still, answers took {max(answered) * 1000:.0f} ms at most")
    finally:
        server.rename(aside, wards)  # in one step: what is folded in between would be lost
        server.close()
    with system.screen(CELL, LABAS) as screen:
        screen.until_shown(THERE, available=2)
    for region in (ICI, LABAS):
        system.is_the_fold_of_its_log(region)


def _report(ward: str, count: int) -> BedsReported:
    at = regions.now()
    return BedsReported(
        id=new_id(),
        received_at=at,
        happened_at=at,
        ward=ward,
        nature="02" if ward.endswith("had") else "01",
        status=OCCUPIED,
        source=Source(id="older", door="api"),
        splits=(Split(count),),
    )
