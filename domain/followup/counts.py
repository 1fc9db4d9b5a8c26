"""Counts of patients as they are published: exact from 11 on, and nothing by which a smaller one can be worked out.

Cells are of a département and a colour. A cell of 0 to 10 is hidden, zero like the rest: who could tell a zero from a
few would know the colour of everybody else there. What would give hidden cells away are the margins, so these are what
is suppressed beside them: a margin is the exact sum of the cells that are shown, and of those hidden in it only in
which span of ten their sum lies. Other cells are never hidden in place of a margin: one that stays as it was from one
hour to the next is known from when it was shown, and would give its neighbour away; so would an exact margin once a
cell falls below 11. A span depends on hidden cells alone, so that nothing that is shown can be used to measure them.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.followup.pathway import COLOURS

COLUMNS = (*COLOURS, "unanswered")
LEAST = 11  # the smallest number that is shown (our own choice, as the issue has it)
KEPT_HOURS = 48


class Counting(msgspec.Struct, frozen=True):
    """What shards told of an hour until now, by their index; `of` of them will. Never shown."""

    of: int
    told: dict[int, dict[str, int]]


class Span(msgspec.Struct, frozen=True):
    """A margin: at least so many, and at most so many."""

    least: int
    most: int


class Counts(msgspec.Struct, frozen=True):
    """A published hour: cells of `<département>/<colour>` that are shown, and margins of those that tell anything."""

    at: int
    cells: dict[str, int]
    departements: dict[str, Span]
    colours: dict[str, Span]
    all: Span


def together(held: Counting) -> dict[str, int] | None:
    """Return the sums of what all shards told, None while one of them has not."""
    if len(held.told) < held.of:
        return None
    cells: dict[str, int] = {}
    for numbers in held.told.values():
        for cell, number in numbers.items():
            cells[cell] = cells.get(cell, 0) + number
    return cells


def published(at: int, cells: Mapping[str, int], least: int = LEAST, colours: Sequence[str] = COLUMNS) -> Counts:
    """Return the table of an hour as anybody may see it who may see counts."""
    rows: dict[str, dict[str, int]] = {}
    columns: dict[str, list[int]] = {}
    for cell, number in sorted(cells.items()):
        departement, _, colour = cell.partition("/")
        rows.setdefault(departement, {})[colour] = number
        columns.setdefault(colour, []).append(number)
    departements = {
        departement: span(row.values(), least, whole=all(row.get(colour, 0) >= least for colour in colours))
        for departement, row in rows.items()
    }
    return Counts(
        at=at,
        cells={cell: number for cell, number in sorted(cells.items()) if number >= least},
        departements=_telling(departements),
        colours=_telling({colour: span(numbers, least) for colour, numbers in columns.items()}),
        all=span(cells.values(), least),
    )


def _telling(spans: Mapping[str, Span]) -> dict[str, Span]:
    """Return the margins that tell anything; of a line with less than is shown not even that it is there."""
    return {name: found for name, found in spans.items() if found.least}


def span(numbers: Iterable[int], least: int = LEAST, *, whole: bool = False) -> Span:
    """Return a margin as it is told: what is shown of it, and the span in which all lies that is hidden.

    `whole` says that all cells of the line are shown. Else a cell may be hidden that is zero, and none of these
    numbers: so that there is none is told by nothing.
    """
    shown = hidden = 0
    for number in numbers:
        if number >= least:
            shown += number
        else:
            hidden += number
    if whole:
        return Span(shown, shown)
    width = least - 1
    low = 0 if hidden <= width else (hidden - 1) // width * width + 1
    return Span(shown + low, shown + max(width, low + width - 1))
