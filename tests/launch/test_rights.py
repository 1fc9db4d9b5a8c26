"""Who may be given which right, and on which region's log it goes."""

import pytest

from domain.events import GrantGiven
from domain.grants import Grant
from event_log.memory import MemoryLog
from launch import publish, regions, rights
from launch.publish import Held
from live_state.memory import MemoryState
from tests.launch.test_publish import commit, folded, wanted
from tests.small_region import region


@pytest.mark.parametrize(
    ("scope", "there"),
    [
        ("ici", True),
        ("là", False),
        ("et:310000001", True),
        ("et:310000010", False),
        ("ej:310000010", True),
        ("ward:310000001/medecine", True),
        ("ward:310000001", False),
        ("310000001", False),
        ("departement:31", False),
    ],
)
def test_a_scope_is_something_of_the_region(scope: str, there: bool) -> None:
    assert rights.scope_is_in(region(), scope) is there


@pytest.mark.parametrize(
    ("subject", "role", "scope", "why"),
    [
        ("anne", "king", "ici", "no role 'king'; there is crisis_cell"),
        ("anne", "regulator", "et:310000001", "a regulator acts within a region's code, not within 'et:310000001'"),
        ("anne", "ward", "ici", "a ward acts within ward:<id>"),
        ("", "regulator", "ici", "subject ''"),
        ("anne\n", "regulator", "ici", "may hold letters"),
    ],
)
def test_what_the_matrix_does_not_know_is_not_given(subject: str, role: str, scope: str, why: str) -> None:
    with pytest.raises(rights.NotGranted, match=why):
        rights.given(subject, role, scope)
    with pytest.raises(rights.NotGranted, match=why):
        rights.revoked(subject, role, scope)


def test_a_right_ends_after_it_begins() -> None:
    with pytest.raises(rights.NotGranted, match="must end after it begins"):
        rights.given("anne", "regulator", "ici", since=10, until=10)


def test_a_date_is_meant_in_the_regions_own_time() -> None:
    assert rights.instant("2026-07-01", "Europe/Paris") == rights.instant("2026-06-30T22:00+00:00", "America/Cayenne")
    with pytest.raises(rights.NotGranted, match="neither a date"):
        rights.instant("tomorrow", "Europe/Paris")


async def test_a_right_goes_on_the_log_of_the_region_that_it_concerns() -> None:
    log, state = MemoryLog(), MemoryState()
    await regions.settle(log, state, "là", wanted(code="là", facilities=(), wards=()))
    await regions.settle(log, state, "ici", wanted())

    place, found = rights.concerned(await rights.directories(log, state), "ward:310000001/medecine")
    assert (place.region, found) == ("ici", region())
    with pytest.raises(rights.NotGranted, match=r"no region on the log knows scope 'et:999999999'.*\(là, ici\)"):
        rights.concerned(await rights.directories(log, state), "et:999999999")


async def test_put_tells_whether_it_was_folded() -> None:
    log, state = MemoryLog(), MemoryState()
    await regions.settle(log, state, "ici", wanted())
    place = (await regions.places(log))["ici"]
    event: GrantGiven = rights.given("anne", "regulator", "ici")

    assert not await rights.put(log, state, place, [event], within_s=0.1)
    await commit(log, state, place)
    assert await rights.put(log, state, place, [], within_s=0.1)
    assert (await folded(log)).grants == {"anne": (Grant(role="regulator", scope="ici", since=event.since),)}


async def test_a_grant_that_is_in_force_is_not_given_again() -> None:
    log, state = MemoryLog(), MemoryState()
    right = Held(wanted().settings, {"anne": (Grant(role="regulator", scope="ici", since=1),)})
    assert "gave 1 grants" in await regions.settle(log, state, "ici", right)
    assert await regions.settle(log, state, "ici", right) == "all settings in force already"
    place = (await regions.places(log))["ici"]
    assert (await publish.held(log, state, place)).grants == right.grants
