"""Ids that nobody has, in the order they were made."""

import uuid

from event_log.ids import new_id


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    made = uuid.UUID(new_id(1_700_000_000_123))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == 1_700_000_000_123


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_id(n) for n in range(0, 10**13, 10**11)]
    assert made == sorted(made)


def test_no_id_is_made_twice() -> None:
    assert len({new_id(5) for _ in range(1_000)}) == 1_000
