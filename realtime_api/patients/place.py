"""Who asks at a door of patients, by which of their rights, and the shards that a region's patients are on."""

import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from domain.followup.pathway import Pathway
from people.rights import MATRIX, Needs
from realtime_api.access import View, view_of
from realtime_api.problems import Problem
from realtime_api.push.hub import Hub
from realtime_api.push.patients import PatientsHub
from realtime_api.push.rooms import Rooms
from realtime_api.push.session import Who
from realtime_api.sign_in import Desk

NUMBER = re.compile(r"\d+")


class Place(NamedTuple):
    """A region's patients: who asks, by which rights, and the shards that they are on."""

    who: Who
    capacity: Hub
    view: View
    hubs: list[PatientsHub]

    @property
    def code(self) -> str:
        """Return the region's code."""
        return self.capacity.code

    @property
    def subject(self) -> str:
        """Return who asks."""
        return self.who.subject

    def grant(self, needs: Needs) -> str:
        """Return by which of their grants they do something, as the trail has it: the first that lets them, and where.

        The region is always told: of a file that is erased nothing else says whose trail it is in.
        """
        rights = self.view.rights
        lets = [right for right in rights if MATRIX.roles[right.role].may(needs)]
        right = (lets or rights)[0]
        return f"{right.role}@{right.scope}" + ("" if right.scope == self.code else f"@{self.code}")


async def place_of(request: Request, door: str, desk: Desk, rooms: Rooms, now: Callable[[], int]) -> Place:
    """Return the region asked for; raise Problem for what the asker may not, or not now."""
    who = await desk.identify(request)
    capacity = rooms.hubs.get(request.path_params["code"])
    if capacity is None:
        raise Problem("unknown" if rooms else "not-ready", "there is no such region")
    why = capacity.why_not()
    view = view_of(who.subject, capacity.grants.get(who.subject, ()), capacity.code, now())
    if view is None or not view.may(MATRIX.doors[door].needs):
        raise Problem(why or "not-allowed")
    hubs = rooms.patients_of(capacity.code)
    why = why or next((found for hub in hubs if (found := hub.why_not())), None)
    if why is not None or not hubs:
        raise Problem(why or "not-ready", "" if hubs else "this region follows nobody at home yet")
    return Place(who, capacity, view, hubs)


def order_of(pathway: Pathway) -> tuple[tuple[int, ...], str]:
    """Return what orders the versions of a pathway: their numbers, then all of it."""
    return tuple(int(each) for each in NUMBER.findall(pathway.version)), pathway.version
