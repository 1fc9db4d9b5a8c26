"""The access matrix, tried: every door that exists × every role × every field, live frames included."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Route, WebSocketRoute

from domain.alerts.notice import HeldAlert
from domain.alerts.routing import ChainStep, Zone
from domain.capacity.fold import HourlyTotal
from domain.capacity.picture import WardPicture
from domain.capacity.totals import Total
from domain.capacity.view import NEEDS
from domain.events import STATUSES
from domain.followup.patient import Patient
from domain.grants import Grant
from people.rights import MATRIX, MATRIX_FILE, read_matrix, rights_of
from realtime_api import access
from realtime_api.access import Eyes, is_told, may_join, view_of
from realtime_api.app import now
from realtime_api.doors import DOORS
from realtime_api.push.codecs import CODECS
from tests.realtime_api.house import PEOPLE, House, Socket, open_house
from tests.small_notices import alert, patient
from tests.small_region import region

REA = "310000001/rea-adulte"
READS = [
    name
    for name, door in MATRIX.doors.items()
    if door.open_to == "granted" and name.startswith(("GET", "WS")) and not {"alerts", "patients"} & set(door.shows)
]
# One scope of each sort that a role may have, for the facility 310000001 of the entity 310000010.
SCOPES = {"region": "ici", "et": "et:310000001", "ej": "ej:310000010", "ward": f"ward:{REA}"}
GIVEN = [(role, SCOPES[kind]) for role, rules in MATRIX.roles.items() for kind in rules.scopes]
WRITER = "someone-else"
WARD_FIELDS = tuple(field for field in WardPicture.__struct_fields__ if field != "rows")
TOTAL_FIELDS = Total.__struct_fields__


# --- the data file itself --------------------------------------------------------------------------------------------


async def test_every_door_of_the_application_is_in_the_matrix_and_no_other(house: House) -> None:
    found = set()
    for route in house.app.routes:
        if isinstance(route, Route):
            path = route.path.replace(":path", "")
            found |= {f"{method} {path}" for method in (route.methods or ()) if method != "HEAD"}
        else:
            assert isinstance(route, WebSocketRoute)
            found |= {"WS capacity:{region}", "WS alerts:{region}", "WS alerts:me", "WS patients:me:{region}:{shard}"}
    assert found == set(MATRIX.doors)


def test_the_doors_table_agrees_with_the_matrix() -> None:
    assert {door.name for door in DOORS} <= set(MATRIX.doors)
    for door in DOORS:
        assert 401 in door.answers or MATRIX.doors[door.name].open_to == "everyone", door.name


@pytest.mark.parametrize(
    "change",
    [
        ("crisis:", "crises:"),  # a class that roles name is gone
        ("scopes: [region]", "scopes: [world]"),
        ("version: 1", "version: one"),
        ("for: everyone", "for: anyone"),
        ("only_what_it_wrote", "only_what_they_wrote"),
    ],
)
def test_a_matrix_that_does_not_hang_together_is_refused(change: tuple[str, str]) -> None:
    text = MATRIX_FILE.read_text().replace(*change, 1)
    assert text != MATRIX_FILE.read_text()
    with pytest.raises((ValueError, msgspec.ValidationError)):
        read_matrix(text.encode())


# --- what a reader may see, worked out from the matrix alone ---------------------------------------------------------


def classes_of(role: str, thing: str, relation: str) -> set[str]:
    """Return the field classes that the data file gives."""
    return set(getattr(MATRIX.roles[role], thing).get(relation, ()))


def statuses_of(classes: set[str]) -> set[str]:
    """Return the statuses of these classes."""
    return {status for name in classes for status in MATRIX.classes[name].statuses}


def relation_of(scope: str, ward: str) -> str:
    """Return how a scope stands to a ward of the small region."""
    facility = region().ward_of[ward].facility
    entity = region().facility_of[facility].finess_ej
    return "own" if scope in ("ici", f"et:{facility}", f"ej:{entity}", f"ward:{ward}") else "other"


def relation_of_total(scope: str, key: str) -> str:
    """Return how a scope stands to a total."""
    level, code, _ = key.split("/")
    if scope == "ici":
        return "own"
    if level != "facility":
        return "region"
    return "own" if scope in (f"et:{code}", f"ej:{region().facility_of[code].finess_ej}") else "other"


def check_wards(role: str, scope: str, wards: Mapping[str, Any]) -> None:
    """Fail for any field of any ward that the matrix does not give, and for any that it gives and is not there."""
    for id_ in region().ward_of:
        classes = classes_of(role, "wards", relation_of(scope, id_))
        seen = statuses_of(classes)
        if not seen or MATRIX.roles[role].only_what_it_wrote:  # nothing here was written by the reader
            assert id_ not in wards, (role, scope, id_)
            continue
        check_fields(wards[id_], seen, WARD_FIELDS)
        assert "rows" not in wards[id_]


def check_fields(shown: Mapping[str, Any], seen: set[str], fields: Iterable[str]) -> None:
    """Fail for a field that needs a status that is not seen, and for one that is not there though all it needs is."""
    assert seen
    for name in fields:
        assert (name in shown) == (NEEDS.get(name, set()) <= seen), name
    assert set(shown) <= {*fields, "rows"}


def check_totals(role: str, scope: str, totals: Mapping[str, Any], every: Iterable[str]) -> None:
    """Fail for any field of any total that the matrix does not give, and for any that it gives and is not there."""
    for key in every:
        seen = statuses_of(classes_of(role, "totals", relation_of_total(scope, key)))
        if not seen:
            assert key not in totals, (role, scope, key)
        else:
            check_fields(totals[key], seen, TOTAL_FIELDS)


def check_rows(role: str, scope: str, id_: str, rows: list[dict[str, Any]]) -> None:
    """Fail for a row of a status that is not seen, and for a reporter's name where it is not."""
    classes = classes_of(role, "wards", relation_of(scope, id_))
    seen = set() if MATRIX.roles[role].only_what_it_wrote else statuses_of(classes)
    assert {row["status"] for row in rows} == seen
    for row in rows:
        assert ("id" in row["source"]) == ("reporter" in classes)


# --- every door × role × field ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "scope"), GIVEN)
async def test_every_door_shows_a_role_what_the_matrix_gives_it_and_nothing_else(
    tmp_path: Path, role: str, scope: str
) -> None:
    async with open_house(tmp_path / "home") as house:
        await house.grant("reader", role, scope)
        await house.settled()
        async with house.socket("reader") as socket:
            first = await socket.subscribe()
            assert first["data"]["wards"] == {}
            await everything_is_reported(house)
            await house.settled()
            await read_every_door(house, role, scope, (await house.picture("crisis"))["totals"])
            await hear_every_frame(house, role, scope, first["token"])
            await hear_the_live_ones(house, socket, role, scope, first["data"])


async def hear_the_live_ones(house: House, socket: Socket, role: str, scope: str, held: dict[str, Any]) -> None:
    """Take in what came by itself, frame by frame, until it makes the picture that the door shows."""
    whole = await house.picture("reader")
    while (held["wards"], held["totals"]) != (whole["wards"], whole["totals"]):
        told = (await socket.hear_a("changes"))["changes"]
        for id_, ward in told.get("wards", {}).items():
            check_fields(ward, statuses_of(classes_of(role, "wards", relation_of(scope, id_))), WARD_FIELDS)
        for key, total in told.get("totals", {}).items():
            seen = statuses_of(classes_of(role, "totals", relation_of_total(scope, key)))
            check_fields(total, seen, TOTAL_FIELDS)
        held["wards"] |= told.get("wards", {})
        held["totals"] |= told.get("totals", {})


async def everything_is_reported(house: House) -> None:
    """Report every status of every ward, as someone else."""
    await house.grant(WRITER, "crisis_cell", "ici")
    rows = [
        {"ward": id_, "status": status, "count": 1 if status in ("04", "05") else 2}
        for id_ in house.document.ward_of
        for status in STATUSES
    ]
    answer = await house.report(WRITER, rows)
    assert answer.status_code == 200, answer.text


async def read_every_door(house: House, role: str, scope: str, every: Iterable[str]) -> None:
    """Knock at every door that shows something of a region."""
    rules = MATRIX.roles[role]
    tried = set()
    for door in READS:
        if door.startswith("WS"):
            continue
        tried.add(door)
        path = door.removeprefix("GET /api/v1").replace("{code}", "ici")
        needed = rules.may(MATRIX.doors[door].needs)
        if "{id}" in path:
            for id_ in house.document.ward_of:
                answer = await house.get("reader", path.replace("{id}", id_))
                seen = statuses_of(classes_of(role, "wards", relation_of(scope, id_)))
                assert answer.status_code == (200 if seen else 403), (door, id_, answer.text)
                if seen:
                    told = answer.json()
                    check_rows(role, scope, id_, told["history"])
                    if told["ward"] is None:
                        assert rules.only_what_it_wrote
                    else:
                        check_fields(told["ward"], seen, WARD_FIELDS)
                        check_rows(role, scope, id_, told["ward"]["rows"])
            continue
        params = {"kind": "medecine"} if path.endswith(("hours", "beds")) else {}
        params |= {"lat": "43.6", "lon": "1.44"} if path.endswith("beds") else {}
        if path.endswith("hours"):
            await hours_of_every_total(house, role, scope)
            continue
        answer = await house.get("reader", path, **params)
        assert answer.status_code == (200 if needed else 403), (door, answer.text)
        if not needed:
            continue
        if path.endswith("capacity"):
            check_wards(role, scope, answer.json()["wards"])
            check_totals(role, scope, answer.json()["totals"], every)
        elif path.endswith("beds"):
            found = {id_ for result in answer.json()["results"] for id_ in result["wards"]}
            may_see = {
                id_
                for id_, ward in house.document.ward_of.items()
                if ward.kind == "medecine"
                and house.document.facility_of[ward.facility].lat is not None
                and "02" in statuses_of(classes_of(role, "wards", relation_of(scope, id_)))
                and not rules.only_what_it_wrote
            }
            assert found == may_see
        else:
            assert answer.content
    assert tried == {door for door in READS if not door.startswith("WS")}


async def hours_of_every_total(house: House, role: str, scope: str) -> None:
    """Ask for the hourly totals of the region and of a département."""
    for params in ({}, {"departement": "31"}):
        key = f"{'departement/31' if params else 'region/ici'}/medecine"
        seen = statuses_of(classes_of(role, "totals", relation_of_total(scope, key)))
        answer = await house.get("reader", "/regions/ici/hours", kind="medecine", **params)
        assert answer.status_code == (200 if seen else 403)
        for hour in answer.json().get("hours", []):
            check_fields(hour, seen, ("at", *HourlyTotal.__struct_fields__))


async def hear_every_frame(house: House, role: str, scope: str, token: str) -> None:
    """Take a snapshot, and come back with a token, in each codec: both make the picture that the door shows."""
    whole = await house.picture("reader")
    for codec in CODECS:
        async with house.socket("reader", codec) as socket:
            snapshot = (await socket.subscribe())["data"]
            assert (snapshot["wards"], snapshot["totals"]) == (whole["wards"], whole["totals"])
        async with house.socket("reader", codec) as socket:
            told = await socket.subscribe(since=token)
            assert told["type"] == "changes"
            seen = {id_: ward for id_, ward in told["changes"].get("wards", {}).items() if ward is not None}
            assert seen == whole["wards"]
            assert all(whole["totals"][key] == total for key, total in told["changes"].get("totals", {}).items())


@pytest.mark.parametrize(("role", "scope"), GIVEN)
async def test_a_role_writes_for_the_wards_that_the_matrix_gives_it_and_for_no_other(
    tmp_path: Path, role: str, scope: str
) -> None:
    async with open_house(tmp_path / "home") as house:
        await house.grant("writer", role, scope)
        for id_ in house.document.ward_of:
            door = MATRIX.roles[role].writes.get(relation_of(scope, id_))  # type: ignore[call-overload]
            answer = await house.report("writer", {"ward": id_, "status": "02", "count": 1})
            assert answer.status_code == (201 if door else 403), (id_, answer.text)
            if door:
                (row, *_) = (await house.get("crisis", f"/regions/ici/wards/{id_}")).json()["history"]
                assert row["source"] == {"id": "writer", "door": door}
        pictures = (await house.picture())["wards"]
        wrote = {
            id_ for id_ in house.document.ward_of if MATRIX.roles[role].writes and relation_of(scope, id_) == "own"
        }
        assert set(pictures) == wrote


# --- who is nobody here ----------------------------------------------------------------------------------------------


NOBODY = ("nobody-signed-in", "no-grant", "unknown-role", "wrong-scope", "too-late", "too-early")


@pytest.mark.parametrize("who", NOBODY)
async def test_without_a_right_no_door_shows_anything(tmp_path: Path, who: str) -> None:
    async with open_house(tmp_path / "home", alerts=True, patients=True, push_contact="mailto:a@example.fr") as house:
        await try_every_door(house, who)


async def try_every_door(house: House, who: str) -> None:
    """Fail if any door shows anything to one who has no right."""
    await house.grant("wrong-scope", "crisis_cell", "ailleurs")
    await house.grant("too-late", "crisis_cell", "ici", until=now() - 10)
    await house.grant("too-early", "crisis_cell", "ici", since=now() + 3_600_000)
    await house.settled()
    for door in (name for name, rules in MATRIX.doors.items() if rules.open_to != "everyone"):
        await knock(house, door, who)


async def knock(house: House, door: str, who: str) -> None:
    """Fail if the door shows anything."""
    method, _, path = door.partition(" ")
    if method == "WS":
        if who != "nobody-signed-in":  # that one is in test_sockets.py
            async with house.socket(who) as socket:
                await socket.say(type="subscribe", channel=path.replace("{region}", "ici").replace("{shard}", "0"))
                assert (await socket.until_closed())[0] == 4403
        return
    headers = {} if who == "nobody-signed-in" else house.bearer(who)
    path = path.replace("{code}", "ici").replace("{id}", REA if "wards" in path else "some-id")
    params = {"kind": "medecine", "lat": "43", "lon": "1"} if path.endswith("beds") else {}
    body = b'{"ward": "310000001/rea-adulte", "status": "02", "count": 1}' if method == "POST" else None
    answer = await house.http.request(method, path, headers=headers, params=params, content=body)
    if who != "nobody-signed-in" and path.endswith(("/session", "/regions")):  # one's own: that there is nothing
        told = answer.json()
        assert answer.status_code == 200
        assert (told["regions"] if path.endswith("/session") else told) == []
        return
    assert answer.status_code == (401 if who == "nobody-signed-in" else 403), (door, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"


# --- the view, as a property -----------------------------------------------------------------------------------------

SOME = st.lists(
    st.builds(
        Grant,
        role=st.sampled_from([*MATRIX.roles, "astrologer"]),
        scope=st.sampled_from([*SCOPES.values(), "et:810000001", "ailleurs", "ej:", "et"]),
        since=st.sampled_from([0, 50, 200]),
        until=st.sampled_from([None, 100, 300]),
    ),
    max_size=4,
)


@settings(max_examples=300)
@given(grants=SOME, at=st.integers(1, 400))
def test_no_mix_of_rights_shows_more_than_each_of_them_alone(grants: list[Grant], at: int) -> None:
    document = region()
    rights = rights_of("me", grants, "ici", at)
    assert len(rights) <= len({grant for grant in grants if grant.holds(at)})
    view = view_of("me", grants, "ici", at)
    assert (view is None) == (not rights)
    if view is None:
        return
    eyes = Eyes(view, document)
    for id_ in document.ward_of:
        sight = eyes.ward(id_)
        each = [(right, classes_of(right.role, "wards", relation_of(right.scope, id_))) for right in rights]
        given = set().union(*(statuses_of(classes) for _, classes in each))
        assert sight.statuses <= given
        if sight.only_from is None and sight.statuses:
            wide = [classes for right, classes in each if right.subject is None]
            assert sight.statuses == set().union(*(statuses_of(classes) for classes in wide))
            if sight.reporter:
                assert any("reporter" in classes and statuses_of(classes) >= sight.statuses for classes in wide)


def test_two_readers_with_equal_rights_have_one_view_and_a_source_its_own() -> None:
    def of(subject: str, role: str, scope: str) -> access.View | None:
        return view_of(subject, [Grant(role=role, scope=scope, since=0)], "ici", 1)

    assert of("anne", "physician", "ici") == of("paul", "physician", "ici")
    mine, theirs = of("anne", "source", "ej:310000010"), of("paul", "source", "ej:310000010")
    assert mine != theirs
    assert mine is not None
    assert theirs is not None
    assert mine.name != theirs.name


async def test_everyone_of_the_house_has_the_regions_that_are_theirs(house: House) -> None:
    answers = await asyncio.gather(*(house.get(subject, "/session") for subject in PEOPLE))
    for subject, answer in zip(PEOPLE, answers, strict=True):
        told = answer.json()
        assert told["subject"] == subject
        assert [(grant["role"], grant["scope"]) for grant in told["grants"]] == PEOPLE[subject]
        assert [each["code"] for each in told["regions"]] == ([] if subject == "unknown-role" else ["ici"])
        assert told["expires_at"] > now()


# -- a patient's alert

CIRCLE_THEN_NIGHTS = (ChainStep(person="nurse"), ChainStep(wait_s=540), ChainStep(on_call="nights"))
NIGHTS = frozenset({"nights"})


def told_of(*told: str, called: tuple[str, ...] = (), **more: Any) -> HeldAlert:
    """Return a patient's alert that reached these people."""
    return HeldAlert(
        alert=patient("p1", plan=more.pop("plan", CIRCLE_THEN_NIGHTS), **more), shard="s", told=told, called=called
    )


def followed(**more: Any) -> Patient:
    """Return a patient, as far as it matters who may see their alert."""
    zone = Zone(name="UTC", offsets=((0, 0),))
    basics: dict[str, Any] = {"id": "p", "key": "k", "pathway": "a/1", "status": "followed", "circle": (), "zone": zone}
    return Patient(**basics, first_day=0, enrolled_at=0, **more)


def test_a_patients_alert_is_theirs_whom_it_reached_and_its_plan_names_and_theirs_who_are_called_to_it() -> None:
    held = told_of("nurse", "left", "relieved", called=("relieved",))
    seen = {who: is_told(held, who) for who in ("nurse", "left", "relieved", "reliever", "stranger")}
    assert seen == {"nurse": True, "left": False, "relieved": True, "reliever": False, "stranger": False}
    assert is_told(held, "reliever", NIGHTS)
    assert not is_told(held, "reliever", frozenset({"days"}))
    assert not is_told(told_of("other"), "nurse"), "it has not come to them"


def test_whom_the_circle_took_out_on_a_night_on_call_joins_by_another_one_alone() -> None:
    held = told_of("nurse", "relieved", called=("relieved",))
    kept, away = followed(), followed(sent_away={"relieved": 100})
    assert may_join(kept, held, "relieved", frozenset(), 50)
    assert not may_join(kept, held, "nurse", frozenset(), 50), "the circle is told too, and they may have left it"
    assert not may_join(away, held, "relieved", NIGHTS, 99)
    assert not may_join(away, held, "relieved", frozenset(), 100), "that they were told then is no way back"
    assert may_join(away, held, "relieved", NIGHTS, 100)


def test_once_it_is_over_it_is_theirs_alone_whom_the_plan_names() -> None:
    over: dict[str, Any] = {"status": "resolved", "why": "gone"}
    held = told_of("nurse", "left", "relieved", called=("relieved",), **over)
    assert [who for who in ("nurse", "left", "relieved", "reliever") if is_told(held, who)] == ["nurse"]
    assert not is_told(held, "reliever", NIGHTS)
    assert is_told(held, "relieved", NIGHTS), "who was told, and is on call still"
    bare = told_of("nurse", "left", plan=(), **over)
    assert not any(is_told(bare, who) for who in ("nurse", "left")), "no plan names nobody"


def test_what_is_no_patients_is_whoevers_it_reached() -> None:
    held = HeldAlert(alert=alert("w1"), shard="s", told=("anne",))
    assert (is_told(held, "anne"), is_told(held, "paul", NIGHTS)) == (True, False)
