"""Who asks at a special desk, by which of their rights, and the shards that a region's patients are on."""

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from realtime_api.access import MATRIX, Needs, View, view_of
from realtime_api.problems import Problem
from realtime_api.push.hub import Hub
from realtime_api.push.patients import PatientsHub
from realtime_api.push.rooms import Rooms
from realtime_api.sign_in import Desk


class DeskPlace(NamedTuple):
    """A region, who asks for it, and what they may there."""

    subject: str
    capacity: Hub
    hubs: list[PatientsHub]
    view: View

    def grant(self, needs: Needs) -> str:
        """Return by which of their grants they may do something, as the trail has it."""
        right = next(right for right in self.view.rights if MATRIX.roles[right.role].may(needs))
        return f"{right.role}@{right.scope}"


async def place_of(request: Request, door: str, desk: Desk, rooms: Rooms, now: Callable[[], int]) -> DeskPlace:
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
    why = why or next((why for hub in hubs if (why := hub.why_not()) is not None), None)
    if why is not None or not hubs:
        raise Problem(why or "not-ready", "" if hubs else "nobody is followed at home in this region yet")
    return DeskPlace(who.subject, capacity, hubs, view)
