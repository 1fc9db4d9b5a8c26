"""Whose grants ended leaves no circle: they are passed by while none is in force, and never while one is."""

from collections.abc import Mapping
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.events import Event, MembershipsJudged
from domain.followup.patient import Member, MemberRole, Patient
from domain.grants import Grant
from event_log.log import LogAway
from live_state.memory import MemoryState
from live_state.state import Build, Command, Commit, Position, StateAway
from people.rights import MATRIX, places_of, stands
from streams.memberships import BELIEVED_AFTER_MS, MOST_AT_ONCE, Memberships
from tests.streams.summary.small_followup import OVER, PATIENT

HERE = "occitanie"
CAPACITY = f"capacity:{HERE}"
EHPAD = "310000001"
DOCTOR, NURSE, HOME = Member("doctor", "physician"), Member("nurse", "nurse"), Member("home", "ehpad")
IN_FORCE: Mapping[str, tuple[Grant, ...]] = {
    "doctor": (Grant("physician", HERE, 0),),
    "nurse": (Grant("nurse", HERE, 0),),
    "home": (Grant("ehpad", f"et:{EHPAD}", 0),),
    "dpo": (Grant("dpo", HERE, 0),),
}


class Followed:
    """A followup shard whose circles change as it is told."""

    shard = f"followup:{HERE}:0"
    ready = True

    def __init__(self, *patients: Patient) -> None:
        self.patients = {patient.id: patient for patient in patients}
        self.log: list[MembershipsJudged] = []
        self.away = False

    async def append(self, event: Event) -> None:
        """Return once the event is on the log, and folded."""
        if self.away:
            raise LogAway("away")
        assert isinstance(event, MembershipsJudged)
        self.log.append(event)
        patient = self.patients[event.patient]
        lapsed, valid = ({(each.subject, each.role) for each in told} for told in (event.lapsed, event.valid))
        circle = tuple(
            replace(each, lapsed=who in lapsed or (each.lapsed and who not in valid))
            for each in patient.circle
            for who in [(each.subject, each.role)]
        )
        self.patients[patient.id] = replace(patient, circle=circle)


class Region:
    """A region's live state that says who holds which grants, and who looks at circles beside one of its shards."""

    def __init__(self, *patients: Patient) -> None:
        self.state, self.now = MemoryState(), OVER
        self.view = Followed(*patients)
        self.beside = Memberships(self.view, self.state, lambda: self.now)
        self._build: Build | None = None
        self._offset = -1

    async def anew(self) -> None:
        """Return once the capacity shard's state is another build, which holds nothing yet."""
        self._build, self._offset = await self.state.begin(CAPACITY, "e1", 1, self._build), -1

    async def hold(self, grants: Mapping[str, tuple[Grant, ...]], *, rebuilding: bool = False) -> None:
        """Return once these grants are those that there are."""
        if self._build is None:
            await self.anew()
        assert self._build is not None
        writes: list[Command] = [["DEL", "grants"], ["HSET", "meta", "clock", self.now, "rebuilding", int(rebuilding)]]
        writes += [["HSET", "grants", subject, msgspec.msgpack.encode(held)] for subject, held in grants.items()]
        at, to = (Position("e1", offset, 1) for offset in (self._offset, self._offset + 1))
        assert await self.state.commit(self._build, Commit(at, to, writes, b"\x80"))
        self._offset += 1

    async def look(self, *, after_ms: int = 0) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Return who has lapsed and who is back, of each patient told of when it is looked so much later."""
        self.now += after_ms
        before = len(self.view.log)
        await self.beside.look()
        return [
            (tuple(each.subject for each in event.lapsed), tuple(each.subject for each in event.valid))
            for event in self.view.log[before:]
        ]


def followed(*circle: Member, id_: str = "p1") -> Patient:
    """Return a patient with this circle."""
    return replace(PATIENT, id=id_, circle=circle or (DOCTOR, NURSE, HOME), facility=EHPAD)


async def test_whose_grants_are_in_force_stays() -> None:
    region = Region(followed())
    await region.hold(IN_FORCE)
    assert await region.look() == []
    assert await region.look(after_ms=10 * BELIEVED_AFTER_MS) == []


@pytest.mark.parametrize(
    "ended",
    [(), (Grant("nurse", HERE, 0, OVER - 1),), (Grant("nurse", "bretagne", 0),), (Grant("regulator", HERE, 0),)],
    ids=["revoked", "dated", "of another region", "of another role"],
)
async def test_whose_grants_ended_is_passed_by_once_that_was_seen_for_a_while(ended: tuple[Grant, ...]) -> None:
    region = Region(followed())
    await region.hold(dict(IN_FORCE) | {"nurse": ended})
    assert await region.look() == []
    assert await region.look(after_ms=BELIEVED_AFTER_MS - 1) == []
    assert await region.look(after_ms=1) == [(("nurse",), ())]
    assert await region.look(after_ms=BELIEVED_AFTER_MS) == [], "once"


async def test_a_grant_that_is_given_again_brings_them_back_at_once() -> None:
    region = Region(followed(DOCTOR, replace(NURSE, lapsed=True)))
    await region.hold(IN_FORCE)
    assert await region.look() == [((), ("nurse",))]


async def test_a_grant_that_begins_later_brings_them_back_then() -> None:
    region = Region(followed(DOCTOR, replace(NURSE, lapsed=True)))
    await region.hold(dict(IN_FORCE) | {"nurse": (Grant("nurse", HERE, OVER + 60_000),)})
    assert await region.look(after_ms=59_999) == []
    assert await region.look(after_ms=1) == [((), ("nurse",))]


async def test_a_grant_that_was_away_for_a_moment_is_no_end() -> None:
    region = Region(followed())
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    await region.look()
    await region.hold(IN_FORCE)
    assert await region.look(after_ms=BELIEVED_AFTER_MS // 2) == []
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    assert await region.look(after_ms=BELIEVED_AFTER_MS) == [], "it begins anew"


async def test_what_is_being_folded_anew_or_holds_no_grant_ends_nobodys() -> None:
    region = Region(followed())
    assert await region.look() == [], "nothing was folded yet"
    await region.hold({"dpo": IN_FORCE["dpo"]}, rebuilding=True)
    await region.look()
    assert await region.look(after_ms=2 * BELIEVED_AFTER_MS) == []
    await region.hold({})
    await region.look()
    assert await region.look(after_ms=2 * BELIEVED_AFTER_MS) == []


async def test_what_another_build_showed_says_nothing_of_this_one() -> None:
    region = Region(followed())
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    await region.look()
    await region.anew()
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    assert await region.look(after_ms=BELIEVED_AFTER_MS) == [], "its grants may still be on their way"
    assert await region.look(after_ms=BELIEVED_AFTER_MS) == [(("nurse",), ())]


async def test_who_looks_after_grants_is_told_where_nobody_is_left_and_only_there() -> None:
    region = Region(followed(DOCTOR, NURSE), followed(NURSE, id_="p2"))
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    await region.look()
    await region.look(after_ms=BELIEVED_AFTER_MS)
    assert {event.patient: event.tell for event in region.view.log} == {"p1": (), "p2": ("dpo",)}


async def test_who_broke_the_glass_is_left_to_the_hour() -> None:
    region = Region(followed(DOCTOR, Member("regulator", "samu", OVER * 2)))
    await region.hold(IN_FORCE)
    await region.look()
    assert await region.look(after_ms=BELIEVED_AFTER_MS) == []


async def test_so_many_are_told_of_in_one_look_and_the_rest_in_the_next() -> None:
    region = Region(*(followed(NURSE, id_=f"p{number}") for number in range(MOST_AT_ONCE + 7)))
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    await region.look()
    assert len(await region.look(after_ms=BELIEVED_AFTER_MS)) == MOST_AT_ONCE
    assert len(await region.look()) == 7


async def test_a_log_or_live_state_that_is_away_ends_nobodys_membership() -> None:
    region = Region(followed())
    await region.hold(dict(IN_FORCE) | {"nurse": ()})
    await region.look()
    region.view.away = True
    with pytest.raises(LogAway):
        await region.look(after_ms=BELIEVED_AFTER_MS)
    region.view.away = False
    assert await region.look() == [(("nurse",), ())]

    async def away(shard: str) -> Build | None:
        raise StateAway("away")

    region.state.current = away  # type: ignore[method-assign]
    with pytest.raises(StateAway):
        await region.look()


ROLES = st.sampled_from([*MATRIX.roles, "astrologer"])
GRANTS = st.lists(
    st.builds(
        Grant,
        role=ROLES,
        scope=st.sampled_from([HERE, f"et:{EHPAD}", "et:340000001", "bretagne"]),
        since=st.sampled_from([0, OVER, OVER + 1, OVER + 2 * BELIEVED_AFTER_MS]),
        until=st.sampled_from([None, OVER, OVER + BELIEVED_AFTER_MS, OVER * 2]),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(
    held=st.dictionaries(st.sampled_from(["doctor", "nurse", "home"]), GRANTS.map(tuple)),
    roles=st.lists(st.sampled_from(get_args(MemberRole)), min_size=3, max_size=3),
    waits=st.lists(st.sampled_from([0, 1, BELIEVED_AFTER_MS // 2, BELIEVED_AFTER_MS, OVER]), min_size=1, max_size=5),
)
async def test_nobody_is_passed_by_while_a_grant_is_in_force_and_nobody_waited_for_who_has_none(
    held: dict[str, tuple[Grant, ...]], roles: list[MemberRole], waits: list[int]
) -> None:
    region = Region(
        followed(*(Member(who, role) for who, role in zip(("doctor", "nurse", "home"), roles, strict=True)))
    )
    await region.hold(held | {"dpo": IN_FORCE["dpo"]})
    for wait in waits:
        await region.look(after_ms=wait)
        for member in region.view.patients["p1"].circle:
            may = stands(member, EHPAD, places_of(held.get(member.subject, ()), HERE, region.now))
            assert not (member.lapsed and may), "whose grant is in force is never passed by"
        await region.look(after_ms=BELIEVED_AFTER_MS)
        await region.look(after_ms=BELIEVED_AFTER_MS)
        for member in region.view.patients["p1"].circle:
            may = stands(member, EHPAD, places_of(held.get(member.subject, ()), HERE, region.now))
            ended_at = {grant.until for grant in held.get(member.subject, ())}
            just_now = any(at is not None and region.now - BELIEVED_AFTER_MS < at <= region.now for at in ended_at)
            assert member.lapsed == (not may) or just_now
