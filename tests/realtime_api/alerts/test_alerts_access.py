"""The access matrix of alerts, tried: every door of theirs × every role, and what each of them lets be done."""

from typing import Any

from domain.alerts.notice import HeldAlert
from people.rights import MATRIX, Right, Role
from realtime_api.access import may_act
from realtime_api.answers import Entry
from realtime_api.app import now
from realtime_api.doors import DOORS
from tests.realtime_api.alarmed import act, behind, no_bed, older, set_up
from tests.realtime_api.house import House

SCOPES = {"region": "ici", "et": "et:310000001", "ej": "ej:310000010", "ward": "ward:310000001/rea-adulte"}
HOUR = 3_600_000
OURS = [
    door
    for door in DOORS
    if "/patients/" not in door.path
    and any(part in door.path for part in ("alerts", "silences", "on-call", "worth", "people", "/me/"))
]


def bodies() -> dict[str, Any]:
    """Return a body that each door takes."""
    until = now() + HOUR
    return {
        "act": {"act": "seen", "alerts": ["nothing"]},
        "silence": {"matchers": {"rule": ["x"]}, "until": until, "reason": "x"},
        "stand_in": {"schedule": "astreinte", "person": "nurse", "until": until},
        "choose": {"channels": {}},
        "subscribe": {"endpoint": "no", "keys": {"p256dh": "", "auth": ""}},
    }


async def test_every_door_of_alerts_opens_to_whom_the_matrix_names_and_to_nobody_else(desk: House) -> None:
    await set_up(desk)
    assert len(OURS) == 18
    for role, rules in MATRIX.roles.items():
        await desk.grant(f"a-{role}", role, SCOPES[rules.scopes[0]])
        await desk.settled()
        for door in OURS:
            await knock(desk, door, f"a-{role}", rules)
        shown = await desk.get(f"a-{role}", "/regions/ici/alerts")
        assert shown.status_code == (200 if rules.desk else 403)


async def knock(house: House, door: Entry, reader: str, rules: Role) -> None:
    """Fail where a door opens to a role that the matrix does not name, or is shut to one that it does."""
    needs = MATRIX.doors[door.name].needs
    assert needs is not None
    path = door.path.replace("{code}", "ici").replace("{id}", "nothing")
    params = {"mine": "true"} if door.handler == "alerts" else {}
    body = bodies().get(door.handler)
    answer = await house.http.request(door.method, path, headers=house.bearer(reader), json=body, params=params)
    if not rules.may(needs):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:vigilits:problem:not-allowed"), door.name
    elif door.handler == "choose":  # in no region someone to tell
        assert answer.status_code == 403
    else:
        assert answer.status_code in (200, 201, 404, 422), (door.name, answer.text)


async def test_a_role_sees_and_acts_on_the_alerts_that_the_matrix_gives_it(desk: House) -> None:
    await set_up(desk)
    raised = {"beds": await no_bed(desk), "system": await behind(desk), "data": await older(desk)}
    for role, rules in MATRIX.roles.items():
        await desk.grant(f"a-{role}", role, SCOPES[rules.scopes[0]])
        await desk.settled()
        await check_role(desk, role, raised)


async def check_role(house: House, role: str, raised: dict[str, HeldAlert]) -> None:
    """Fail where somebody of a role, who was told of nothing, sees or does more or less than the matrix says."""
    rules, reader = MATRIX.roles[role], f"a-{role}"
    for mine in (False, True):
        params = {"mine": "true"} if mine else {}
        shown = (await house.get(reader, "/regions/ici/alerts", **params)).json().get("alerts", {})
        assert set(shown) == {
            raised[concern].alert.id for concern in (() if mine else rules.alerts.desk) if concern in raised
        }
    for concern, held in raised.items():
        on_desk = concern in rules.alerts.desk
        answer = await act(house, reader, "comment", held.alert.id, text="x")
        expected = 200 if rules.alerts.act and on_desk else 403 if on_desk or not rules.mine else 404
        assert answer.status_code == expected, (role, concern)
        one = await house.get(reader, f"/regions/ici/alerts/{held.alert.id}")
        assert one.status_code == (200 if on_desk else 404 if rules.mine else 403), (role, concern)


async def test_who_was_told_sees_and_acts_whatever_their_role(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    await desk.revoke("physician", "physician", "ici")
    for role, rules in MATRIX.roles.items():
        scope = SCOPES[rules.scopes[0]]
        await desk.grant("physician", role, scope)
        await desk.settled()
        mine = (await desk.get("physician", "/regions/ici/alerts", mine="true")).json().get("alerts", {})
        assert set(mine) == ({held.alert.id} if rules.mine else set()), role
        answer = await act(desk, "physician", "comment", held.alert.id, text=role)
        assert answer.status_code == (200 if rules.mine else 403), role
        await desk.revoke("physician", role, scope)


async def test_who_was_told_and_has_no_right_any_more_neither_sees_nor_acts(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    async with desk.socket("physician") as socket:
        assert held.alert.id in (await socket.subscribe(channel="alerts:me"))["data"]["alerts"]
        await desk.revoke("physician", "physician", "ici")
        assert (await socket.until_closed())[0] == 4403
    assert (await act(desk, "physician", "take", held.alert.id)).status_code == 403


async def test_having_been_told_is_nothing_without_a_role_that_may_act(desk: House) -> None:
    await set_up(desk)
    held = await no_bed(desk)
    for role, rules in MATRIX.roles.items():
        rights = (Right(role, SCOPES[rules.scopes[0]], None),)
        assert may_act(rights, held, "physician") == (rules.mine or rules.alerts.act)
        assert may_act(rights, held, "nurse") == rules.alerts.act
    assert not may_act((), held, "physician")
