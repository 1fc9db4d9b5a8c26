"""The access matrix at the special desks: every role there is, at each door, and none by a token alone."""

from typing import Any

import pytest

from people.rights import MATRIX
from tests.realtime_api.follow_up.test_link_doors import kind_of
from tests.realtime_api.followed import EHPAD, FollowedHouse

SCOPES = {"region": "ici", "et": f"et:{EHPAD}", "ej": "ej:310000010", "ward": "ward:310000002/had"}
EVERYBODY = [(role, SCOPES[kind]) for role, rules in MATRIX.roles.items() for kind in rules.scopes]
DESKS: dict[str, Any] = {
    "GET /api/v1/regions/{code}/sittings/{finess}": None,
    "POST /api/v1/regions/{code}/sittings/{finess}": {"rows": []},
    "GET /api/v1/regions/{code}/calls": None,
    "POST /api/v1/regions/{code}/calls/import": {"pathway": "ars", "rows": []},
    "GET /api/v1/regions/{code}/trail": None,
}


async def knock(home: FollowedHouse, door: str, body: Any, subject: str, code: str = "ici") -> Any:
    """Knock at a desk as someone."""
    method, _, path = door.partition(" ")
    address = path.replace("{code}", code).replace("{finess}", EHPAD)
    headers = home.bearer(subject) if subject else {}
    return await home.http.request(method, address, json=body, headers=headers)


@pytest.mark.parametrize("door", DESKS)
async def test_a_desk_opens_to_the_roles_that_the_matrix_names_and_to_no_other(home: FollowedHouse, door: str) -> None:
    for role, scope in EVERYBODY:
        await home.grant(f"{role}/{scope}", role, scope)
    await home.settled()
    resident = await home.enrol(on="ehpad", facility=EHPAD)
    for role, scope in EVERYBODY:
        told = await knock(home, door, DESKS[door], f"{role}/{scope}")
        named = MATRIX.roles[role].may(MATRIX.doors[door].needs)
        # At a sitting a right of the role is not enough: one is staff of that facility, or in a resident's circle.
        sits = MATRIX.roles[role].may("sitting") and scope == f"et:{EHPAD}"
        may = named and (sits or "sittings" not in door or door.startswith("POST"))
        expected = {200, 422} if may else {403}
        assert told.status_code in expected, (role, scope, told.text)
        assert resident not in told.text or sits


@pytest.mark.parametrize("door", DESKS)
async def test_a_desk_opens_to_nobody_without_a_right(home: FollowedHouse, door: str) -> None:
    assert kind_of(await knock(home, door, DESKS[door], "")) == (401, "not-signed-in")
    assert kind_of(await knock(home, door, DESKS[door], "stranger")) == (403, "not-allowed")
    assert kind_of(await knock(home, door, DESKS[door], "staff", "ailleurs")) == (404, "unknown")
    await home.grant("late", "dpo", "ici", since=1, until=2)
    await home.grant("elsewhere", "dpo", "ailleurs")
    await home.settled()
    for subject in ("late", "elsewhere"):
        assert kind_of(await knock(home, door, DESKS[door], subject)) == (403, "not-allowed")


async def test_a_right_that_is_revoked_closes_the_desk_at_once(home: FollowedHouse) -> None:
    door = "GET /api/v1/regions/{code}/trail"
    assert (await knock(home, door, None, "dpo")).status_code == 200
    await home.revoke("dpo", "dpo", "ici")
    await home.settled()
    assert (await knock(home, door, None, "dpo")).status_code == 403
