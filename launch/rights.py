"""`vigilits grant` and `vigilits token`: who may act where, put on the log of the region that it concerns."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from config.alerts import SUBJECT
from domain.events import Event, GrantGiven, GrantRevoked
from domain.places import Region
from event_log.ids import new_id
from event_log.log import Log
from launch import publish
from launch.publish import Place
from launch.regions import now, places
from live_state.state import State
from people.rights import MATRIX

ROLES = tuple(MATRIX.roles)
SCOPES = {"region": "a region's code", "et": "et:<FINESS>", "ej": "ej:<FINESS>", "ward": "ward:<id>"}
LOOKS_EVERY_S = 0.05


class NotGranted(Exception):
    """A right that can't be given as it was asked for, and why."""


def scope_is_in(region: Region, scope: str) -> bool:
    """Return whether the region has what the scope names."""
    sort, colon, name = scope.partition(":")
    match sort if colon else "":
        case "et":
            return name in region.facility_of
        case "ej":
            return any(facility.finess_ej == name for facility in region.facilities)
        case "ward":
            return name in region.ward_of
    return scope == region.code


def check(subject: str, role: str, scope: str) -> None:
    """Raise NotGranted where the access matrix has no such right, or nobody can be called so."""
    if not SUBJECT.fullmatch(subject):
        raise NotGranted(f"subject {subject!r} may hold letters, digits and . _ @ : + - alone")
    if role not in MATRIX.roles:
        raise NotGranted(f"no role {role!r}; there is {', '.join(ROLES)}")
    sort = scope.partition(":")[0] if ":" in scope else "region"
    scopes = MATRIX.roles[role].scopes
    if sort not in scopes:
        raise NotGranted(f"a {role} acts within {' or '.join(SCOPES[each] for each in scopes)}, not within {scope!r}")


def instant(text: str, time_zone: str) -> int:
    """Return a date or an instant in milliseconds; without an offset it is meant in the region's own time."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise NotGranted(f"{text!r} is neither a date (2026-03-01) nor an instant (2026-03-01T08:00+01:00)") from None
    told = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(time_zone))
    return int(told.timestamp() * 1000)


async def directories(log: Log, state: State) -> Mapping[Place, Region]:
    """Return the directory in force of every region on the log that has one."""
    found = {}
    for place in (await places(log)).values():
        content = (await publish.held(log, state, place)).settings.get("region")
        if content is not None:
            found[place] = msgspec.msgpack.decode(content, type=Region)
    return found


def concerned(found: Mapping[Place, Region], scope: str) -> tuple[Place, Region]:
    """Return the region that a scope is in; raise NotGranted where none is."""
    for place, region in found.items():
        if scope_is_in(region, scope):
            return place, region
    known = ", ".join(region.code for region in found.values()) or "none"
    raise NotGranted(
        f"no region on the log knows scope {scope!r}; a scope is a region's code ({known}), et:<FINESS>, ej:<FINESS> "
        "or ward:<id>"
    )


def given(subject: str, role: str, scope: str, since: int | None = None, until: int | None = None) -> GrantGiven:
    """Return the event that gives a right, from now on where it is not said."""
    check(subject, role, scope)
    at = now()
    since = at if since is None else since
    if until is not None and until <= since:
        raise NotGranted("a right must end after it begins")
    return GrantGiven(id=new_id(), received_at=at, subject=subject, role=role, scope=scope, since=since, until=until)


def revoked(subject: str, role: str, scope: str) -> GrantRevoked:
    """Return the event that ends a right."""
    check(subject, role, scope)
    return GrantRevoked(id=new_id(), received_at=now(), subject=subject, role=role, scope=scope)


async def put(log: Log, state: State, place: Place, events: Iterable[Event], within_s: float) -> bool:
    """Return whether the events were folded within the time given; they are on the log either way."""
    last = -1
    for event in events:
        last = await publish.append(log, place, event)
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        build = await state.current(place.shard)
        position = await state.position(build) if build and build.epoch == place.epoch else None
        if position is not None and position.offset >= last:
            return True
        await asyncio.sleep(LOOKS_EVERY_S)
    return False
