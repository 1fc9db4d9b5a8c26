"""The access matrix of patients, tried: every door of theirs × every role, in the circle and outside it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup.patient import Member, Patient
from domain.grants import Grant
from people.rights import MATRIX, Role
from realtime_api.access import may_be_member, member_of, patients_view
from realtime_api.answers import Entry
from realtime_api.patients.doors import PATIENT_DOORS
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import ask, body_of, enrol, file_of, hub_of, kind_of
from tests.small_followup import PARIS

SCOPES = {"region": "ici", "et": "et:310000009", "ej": "ej:310000010", "ward": "ward:310000001/rea-adulte"}
GIVEN = [(role, SCOPES[kind]) for role, rules in MATRIX.roles.items() for kind in rules.scopes]
OF_ONE = [door for door in PATIENT_DOORS if "{id}" in door.path]
BODIES: dict[str, Any] = {
    "search_patients": {"name": "x", "first_name": "x", "birth_date": "1960-01-01"},
    "act_on_patient": {"act": "message", "text": "x"},
    "change_file": {"file": file_of(), "reason": "x"},
    "break_glass": {"reason": "x"},
}
MEMBERS = ("physician", "nurse", "coordinator", "tracing_agent", "ehpad", "samu", "geriatrics")


async def knock(house: House, door: Entry, who: str, patient: str) -> tuple[int, str]:
    """Return what a door answers: its status, and the kind of problem where it is one."""
    more = {"a-support": {"for": "colleague"}, "a-tracing_agent": {"pathway": "ars-contact"}}.get(who, {})
    body = body_of(circle=[], **more) if door.handler == "enrol" else None
    path = door.path.replace("{code}", "ici").replace("{id}", patient)
    told = body or BODIES.get(door.handler)
    answer = await house.http.request(door.method, path, json=told, headers=house.bearer(who))
    return kind_of(answer) if answer.status_code >= 400 else (answer.status_code, "")


@pytest.mark.parametrize(("role", "scope"), GIVEN)
async def test_every_door_of_patients_opens_to_whom_the_matrix_names_and_a_file_to_its_circle(
    ward: House, role: str, scope: str
) -> None:
    rules, who = MATRIX.roles[role], f"a-{role}"
    await ward.grant(who, role, scope)
    await ward.settled()
    others = await enrol(ward, "colleague", circle=[], facility="310000009")
    for door in PATIENT_DOORS:
        told = await knock(ward, door, who, others)
        if not rules.may(MATRIX.doors[door.name].needs):
            assert told == (403, "not-allowed"), door.name
        elif door in OF_ONE and door.handler != "break_glass":
            assert told == (404, "unknown-patient"), door.name
        else:
            assert told[0] in (200, 201), (door.name, told)
    await hears(ward, who, rules, others)
    others = await enrol(ward, "colleague", circle=[], facility="310000009")  # of whom no glass is broken
    for as_ in MEMBERS:
        allowed = as_ in rules.patients.member
        assert await joined(ward, others, who, as_) == allowed, as_
    if rules.patients.member and not rules.patients.sitting:
        await opens(ward, who, rules, others)


async def joined(house: House, patient: str, who: str, as_: str) -> bool:
    """Return whether somebody may be brought into a circle as this."""
    body = {"act": "join", "subject": who, "role": as_}
    answer = await ask(house, "POST", f"/patients/{patient}/acts", "colleague", body)
    assert answer.status_code in (200, 422), answer.text
    return answer.status_code == 200


async def opens(house: House, who: str, rules: Role, patient: str) -> None:
    """Fail where a door of a patient is shut to one of the circle whose role opens it."""
    for door in OF_ONE:
        if rules.may(MATRIX.doors[door.name].needs) and door.handler not in ("break_glass", "join_on_call"):
            assert (await knock(house, door, who, patient))[0] == 200, door.name
    async with house.socket(who) as socket:
        shown = await socket.subscribe(channel=hub_of(house, patient).channel)
        assert patient in shown["data"]["patients"]


async def hears(house: House, who: str, rules: Role, patient: str) -> None:
    """Fail where the live channel shows anything to one who is not in the circle, or opens to a role that may not."""
    async with house.socket(who) as socket:
        channel = hub_of(house, patient).channel
        if rules.may(MATRIX.doors["WS patients:me:{region}:{shard}"].needs):
            shown = await socket.subscribe(channel=channel)
            assert patient not in shown["data"]["patients"] or rules.patients.break_glass  # they broke it above
        else:
            await socket.say(type="subscribe", channel=channel)
            assert (await socket.until_closed())[0] == 4403


async def test_staff_are_in_the_circles_of_their_own_residents_alone(ward: House) -> None:
    patient = await enrol(ward, "colleague", circle=[], facility="310000002")
    assert not await joined(ward, patient, "home", "ehpad")


def test_the_doors_of_patients_are_those_of_the_matrix() -> None:
    named = {name for name in MATRIX.doors if "/patients" in name or name.endswith(("/pathways", "/summary-keys"))}
    assert {door.name for door in PATIENT_DOORS} == named


def test_nobody_but_these_may_have_anything_to_do_with_patients() -> None:
    silent = {"facility", "ward", "placement", "source", "ops"}
    for name in silent:
        assert not any(getattr(MATRIX.roles[name].patients, field) for field in ("circle", "enrol", "open", "trail"))
    assert [name for name, role in MATRIX.roles.items() if role.patients.trail] == ["dpo"]
    assert not any(role.patients.circle for role in (MATRIX.roles["dpo"], MATRIX.roles["support"]))


GRANTS = st.lists(
    st.builds(
        Grant,
        role=st.sampled_from([*MATRIX.roles, "astrologer"]),
        scope=st.sampled_from([*SCOPES.values(), "et:310000008", "ailleurs"]),
        since=st.sampled_from([0, 50, 200]),
        until=st.sampled_from([None, 100, 300]),
    ),
    max_size=4,
)


@given(grants=GRANTS, at=st.integers(1, 400), as_=st.sampled_from(MEMBERS))
def test_a_mix_of_grants_lets_somebody_be_what_one_of_them_lets_them_be(grants: list[Grant], at: int, as_: Any) -> None:
    for facility in ("310000009", "310000008", ""):
        alone = [may_be_member([grant], "ici", at, as_, facility) for grant in grants]
        assert may_be_member(grants, "ici", at, as_, facility) == any(alone)
    seen = patients_view("me", grants, "ici", at, "c")
    assert (seen is not None) == any(patients_view("me", [grant], "ici", at, "c") for grant in grants)


@given(untils=st.lists(st.sampled_from([None, 50, 150]), max_size=3), at=st.integers(1, 200))
def test_membership_ends_with_the_glass_and_not_with_it_where_somebody_is_in_the_circle_anyhow(
    untils: list[int | None], at: int
) -> None:
    circle = tuple(Member("me", "samu", until) for until in untils)
    patient = Patient(
        id="a" * 26,
        key="k",
        pathway="p/1",
        status="followed",
        circle=(*circle, Member("other", "nurse")),
        zone=PARIS,
        first_day=0,
        enrolled_at=0,
    )
    every = frozenset({("samu", ""), ("glass", "")})
    member = member_of(patient, "me", at, every)
    assert (member is not None) == any(until is None or at < until for until in untils)
    if None in untils:
        assert member is not None
        assert member.until is None
    assert member_of(patient, "nobody", at, every) is None
