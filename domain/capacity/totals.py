"""Totals by facility, département and region, each for one kind of bed: sums of wards, and how honest they are."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from domain.capacity.picture import Standing, WardPicture, standing
from domain.places import Region, Ward

LEVELS = ("region", "departement", "facility")


class Total(msgspec.Struct, frozen=True):
    """The sum of a group's wards of one kind: of what is known, with how much is not.

    `unknown` wards have given neither 02 nor 03; `available_lacking` have not given 02. Occupancy is over the
    `counted` wards that know both 03 and open; `lacking` are the others. Stale wards stay in, counted.
    `oldest_at` is the age of the oldest contributor (ms), `undeclared_surge` how many wards are beyond open,
    `stale_beds` the installed beds of stale wards, as far as known.
    """

    wards: int
    unknown: int
    stale: int
    state: Standing
    installed: int | None
    available: int | None
    available_lacking: int
    occupied: int | None
    reserved: int | None
    closed: int | None
    supplementary: int | None
    supplementary_unknown: int
    open: int | None
    covid: int | None
    occupancy: float | None
    occupancy_is_bound: bool
    counted: int
    lacking: int
    undeclared_surge: int
    oldest_at: int | None
    stale_beds: int = 0


def group_keys(region: Region, facility: str, kind: str) -> tuple[str, ...]:
    """Return the keys `<level>/<code>/<kind>` of the three totals that a ward of this facility and kind counts in."""
    departement = region.facility_of[facility].departement
    return (f"region/{region.code}/{kind}", f"departement/{departement}/{kind}", f"facility/{facility}/{kind}")


def groups(region: Region) -> dict[str, tuple[str, ...]]:
    """Return the wards of every total."""
    members: dict[str, list[str]] = {}
    for ward in region.wards:
        for key in group_keys(region, ward.facility, ward.kind):
            members.setdefault(key, []).append(ward.id)
    return {key: tuple(wards) for key, wards in members.items()}


def total_of(
    key: str, ids: Sequence[str], picture_of: Callable[[str], WardPicture | None], region: Region
) -> Total | None:
    """Return the total of these wards; None for a facility of which nothing has ever been told."""
    pictures: list[WardPicture] = []
    silent: list[Ward] = []
    for id_ in ids:
        picture = picture_of(id_)
        if picture is None:
            silent.append(region.ward_of[id_])
        else:
            pictures.append(picture)
    return None if not pictures and key.startswith("facility/") else add_up(pictures, silent)


def _plus(total: int | None, part: int | None) -> int | None:
    if part is None:
        return total
    return part if total is None else total + part


def add_up(pictures: Iterable[WardPicture], silent: Iterable[Ward]) -> Total:
    """Return the total of a group: the wards that have ever reported, and those of the directory that have not."""
    installed = available = occupied = reserved = closed = supplementary = open_ = covid = oldest = None
    told = stale = stale_beds = lacks_available = lacks_supplementary = counted = surge = counted_occupied = (
        counted_open
    ) = 0
    size, bound = 0, False
    for never in silent:
        size += 1
        lacks_available += 1
        lacks_supplementary += 1
        installed = _plus(installed, never.installed)
    for ward in pictures:
        size += 1
        installed = _plus(installed, ward.installed)
        reserved = _plus(reserved, ward.reserved)
        closed = _plus(closed, ward.closed)
        open_ = _plus(open_, ward.open)
        covid = _plus(covid, ward.covid)
        if ward.supplementary is None:
            lacks_supplementary += 1
        else:
            supplementary = _plus(supplementary, ward.supplementary)
        if ward.told_at is not None:
            told += 1
            oldest = ward.told_at if oldest is None or ward.told_at < oldest else oldest
        if ward.stale:
            stale += 1
            stale_beds += ward.installed or 0
        surge += ward.undeclared_surge
        if ward.available is None:
            lacks_available += 1
        else:
            available = _plus(available, ward.available)
        if ward.occupied is not None:
            occupied = _plus(occupied, ward.occupied)
            if ward.open is not None:
                counted += 1
                counted_occupied += ward.occupied
                counted_open += ward.open
                bound = bound or ward.open_is_bound
    return Total(
        wards=size,
        unknown=size - told,
        stale=stale,
        state=standing(available, open_),
        installed=installed,
        available=available,
        available_lacking=lacks_available,
        occupied=occupied,
        reserved=reserved,
        closed=closed,
        supplementary=supplementary,
        supplementary_unknown=lacks_supplementary,
        open=open_,
        covid=covid,
        occupancy=counted_occupied / counted_open if counted_open else None,
        occupancy_is_bound=bound and counted_open > 0,
        counted=counted,
        lacking=size - counted,
        undeclared_surge=surge,
        oldest_at=oldest,
        stale_beds=stale_beds,
    )
