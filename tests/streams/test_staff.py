"""Who a facility's staff are follows from grants, and is published where cases of it are known."""

from domain.events import Event, SettingsPublished
from domain.grants import Grant
from streams.staff import Staff
from tests.streams.summary.small_followup import OVER
from tests.streams.test_memberships import EHPAD, HERE, IN_FORCE, Region


class Notices:
    """A notices shard that puts in force what it is told."""

    shard = f"notices:{HERE}"
    ready = True

    def __init__(self, *cases: str) -> None:
        self.cases = cases
        self.settings: dict[str, bytes] = {}

    async def append(self, event: Event) -> None:
        """Return once the event is on the log, and folded."""
        assert isinstance(event, SettingsPublished)
        self.settings[event.name] = event.content


def beside(region: Region, view: Notices) -> Staff:
    """Return who looks beside a notices shard."""
    return Staff(view, region.state, lambda: region.now)


async def test_the_staff_of_a_facility_with_cases_are_published_once() -> None:
    region, view = Region(), Notices(EHPAD)
    coordinator = {"coordinator": (Grant("physician", f"et:{EHPAD}", 0),)}
    others = {"other": (Grant("ehpad", "et:340000001", 0),), "beds": (Grant("facility", f"et:{EHPAD}", 0),)}
    await region.hold(dict(IN_FORCE) | coordinator | others)
    assert await beside(region, view).look() == 1
    assert view.settings == {f"staff/{EHPAD}": b'["coordinator","home"]'}
    assert await beside(region, view).look() == 0


async def test_whose_grant_ended_is_staff_no_longer() -> None:
    region, view = Region(), Notices(EHPAD)
    await region.hold(IN_FORCE)
    await beside(region, view).look()
    await region.hold(dict(IN_FORCE) | {"home": (Grant("ehpad", f"et:{EHPAD}", 0, OVER),)})
    assert await beside(region, view).look() == 1
    assert view.settings == {f"staff/{EHPAD}": b"[]"}


async def test_where_no_case_is_or_nobodys_grants_are_known_nothing_is_published() -> None:
    region, view = Region(), Notices()
    await region.hold(IN_FORCE)
    assert await beside(region, view).look() == 0
    await region.anew()
    assert await beside(region, Notices(EHPAD)).look() == 0
    await region.hold(IN_FORCE, rebuilding=True)
    assert await beside(region, Notices(EHPAD)).look() == 0
