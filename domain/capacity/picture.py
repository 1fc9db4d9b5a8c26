"""A ward as it stands: its rows, and all that follows from them at a moment."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from domain.capacity.figures import Row
from domain.events import (
    AVAILABLE,
    CLOSED,
    COVID_POSITIVE,
    CURRENT,
    INSTALLED,
    MOBILISED,
    OCCUPIED,
    RESERVED,
    SUPPLEMENTARY,
)

Standing = Literal["free", "nearly", "full", "unknown"]


class WardPicture(msgspec.Struct, frozen=True):
    """What is known of a ward; None is unknown, never zero. Beds, or places for a kind of nature 02.

    `open` = installed − closed + mobilised supplementary, an upper bound where closed is unknown
    (`open_is_bound`), and occupancy = occupied / open then a lower one; it is not clipped at 1.
    `told_at` is the older of the latest 02 and 03 that the ward has given; `stale_at` when that grows too old.
    `covid` is the part of 03 assigned to Covid+ (TRE_R337 02). `closed_until` is the earliest date at which closed beds
    are to be open again, among those that say one.
    """

    id: str
    facility: str
    kind: str
    state: Standing
    stale: bool
    told_at: int | None
    stale_at: int | None
    installed: int | None
    available: int | None
    occupied: int | None
    reserved: int | None
    closed: int | None
    supplementary: int | None
    open: int | None
    open_is_bound: bool
    occupancy: float | None
    occupancy_is_bound: bool
    undeclared_surge: bool
    covid: int | None
    rows: tuple[Row, ...]
    closed_until: int | None = None


def standing(available: int | None, open_: int | None) -> Standing:
    """Return how a number of available beds is to be shown: full at 0, nearly at ≤ 10 % of open, or 1."""
    if available is None:
        return "unknown"
    if available == 0:
        return "full"
    if available == 1 or (open_ is not None and available * 10 <= open_):
        return "nearly"
    return "free"


def draw(
    ward: str,
    facility: str,
    kind: str,
    nature: str,
    installed: int | None,
    rows: Iterable[Row],
    limit_ms: int,
    clock: int,
) -> WardPicture:
    """Return the picture of a ward from its rows; `installed` is the directory's, for want of a reported one."""
    rows = tuple(rows)
    now = {row.status: row for row in rows if row.temporality == CURRENT and row.nature == nature}
    count = {status: row.count for status, row in now.items()}
    extra = now.get(SUPPLEMENTARY)
    mobilised = None if extra is None else sum(s.count for s in extra.splits if s.extra in (None, MOBILISED))
    closed = count.get(CLOSED)
    installed = count.get(INSTALLED, installed)
    open_ = None if installed is None else max(0, installed - (closed or 0) + (mobilised or 0))
    occupied = count.get(OCCUPIED)
    told = [now[status].happened_at for status in (AVAILABLE, OCCUPIED) if status in now]
    told_at = min(told) if told else None
    occupancy = occupied / open_ if occupied is not None and open_ else None
    return WardPicture(
        id=ward,
        facility=facility,
        kind=kind,
        state=standing(count.get(AVAILABLE), open_),
        stale=told_at is not None and clock >= told_at + limit_ms,
        told_at=told_at,
        stale_at=None if told_at is None else told_at + limit_ms,
        installed=installed,
        available=count.get(AVAILABLE),
        occupied=occupied,
        reserved=count.get(RESERVED),
        closed=closed,
        supplementary=mobilised,
        open=open_,
        open_is_bound=open_ is not None and closed is None,
        occupancy=occupancy,
        occupancy_is_bound=occupancy is not None and closed is None,
        undeclared_surge=occupied is not None and open_ is not None and occupied > open_,
        covid=_covid(now.get(OCCUPIED)),
        rows=rows,
        closed_until=_until(now.get(CLOSED)),
    )


def _until(row: Row | None) -> int | None:
    """Return the earliest date at which some of a row's closed beds are to be open again."""
    dates = [split.until for split in row.splits if split.until is not None and split.count > 0] if row else []
    return min(dates, default=None)


def _covid(row: Row | None) -> int | None:
    """Return the Covid+ part of a row, None where the row does not tell Covid+ from the rest."""
    if row is None or all(split.assignment is None for split in row.splits):
        return None
    return sum(split.count for split in row.splits if split.assignment == COVID_POSITIVE)
