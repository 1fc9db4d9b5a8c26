"""What a reader may see of wards and totals: drawn again from the rows that are theirs, so that nothing leaks."""

from typing import Any

import msgspec

from domain.capacity.figures import Row
from domain.capacity.picture import WardPicture, draw, standing
from domain.capacity.totals import Total
from domain.events import AVAILABLE, CLOSED, INSTALLED, OCCUPIED, RESERVED, STATUSES, SUPPLEMENTARY
from domain.places import Region

EVERY = frozenset(STATUSES)
FIGURES = frozenset((INSTALLED, OCCUPIED, RESERVED, CLOSED))

# The statuses that a reader must see for a field of a ward or a total to be theirs; one absent here is always seen.
NEEDS: dict[str, frozenset[str]] = {
    "available": frozenset((AVAILABLE,)),
    "available_lacking": frozenset((AVAILABLE,)),
    "state": frozenset((AVAILABLE,)),
    "installed": frozenset((INSTALLED,)),
    "occupied": frozenset((OCCUPIED,)),
    "covid": frozenset((OCCUPIED,)),
    "reserved": frozenset((RESERVED,)),
    "closed": frozenset((CLOSED,)),
    "closed_until": frozenset((CLOSED,)),
    "stale_beds": frozenset((INSTALLED,)),
    "supplementary": frozenset((SUPPLEMENTARY,)),
    "supplementary_unknown": frozenset((SUPPLEMENTARY,)),
    **{field: FIGURES | {SUPPLEMENTARY} for field in ("open", "open_is_bound", "occupancy", "occupancy_is_bound")},
    **{field: FIGURES | {SUPPLEMENTARY} for field in ("undeclared_surge", "counted", "lacking")},
}


class Sight(msgspec.Struct, frozen=True):
    """What a reader sees of a ward: figures of these statuses, who reported them or not, and of whom (None: anyone)."""

    statuses: frozenset[str] = frozenset()
    reporter: bool = False
    only_from: str | None = None

    @property
    def every_figure(self) -> bool:
        """Return whether no figure is hidden."""
        return self.only_from is None and self.statuses >= EVERY


def visible(picture: WardPicture, sight: Sight, region: Region, clock: int) -> WardPicture | None:
    """Return the picture as it follows from the rows that are the reader's to see, None where there are none."""
    rows = [row for row in picture.rows if row.status in sight.statuses and sight.only_from in (None, row.source.id)]
    if not rows:
        return None
    if len(rows) == len(picture.rows):
        return picture
    ward, kind = region.ward_of[picture.id], region.kind_of[picture.kind]
    return draw(
        ward=picture.id,
        facility=picture.facility,
        kind=picture.kind,
        nature=kind.nature,
        installed=ward.installed,
        rows=rows,
        limit_ms=region.freshness.limit_ms(kind),
        clock=clock,
    )


def see_ward(
    picture: WardPicture, sight: Sight, region: Region, clock: int, *, rows: bool = False
) -> dict[str, Any] | None:
    """Return a ward as the reader may see it, with its rows if asked; None where nothing of it is theirs to see."""
    drawn = visible(picture, sight, region, clock)
    if drawn is None:
        return None
    seen = _only(msgspec.structs.asdict(drawn), sight)
    del seen["rows"]
    return seen | {"rows": [_row(row, sight) for row in drawn.rows]} if rows else seen


def _row(row: Row, sight: Sight) -> Any:
    if sight.reporter:
        return row
    seen = msgspec.structs.asdict(row)
    return seen | {"source": {"door": row.source.door, "type": row.source.type}}


def see_total(total: Total, sight: Sight) -> dict[str, Any]:
    """Return the fields that are the reader's to see, of a total of the pictures that are `visible` to them.

    Of a total of whole pictures that would not do: `unknown`, `stale` and `oldest_at` follow from more than one status.
    """
    return _only(msgspec.structs.asdict(total), sight)


def _only(fields: dict[str, Any], sight: Sight) -> dict[str, Any]:
    seen = {name: value for name, value in fields.items() if NEEDS.get(name, frozenset()) <= sight.statuses}
    if "state" in seen and "open" not in seen:  # *nearly full* would tell of how many
        seen["state"] = standing(fields["available"], None)
    return seen
