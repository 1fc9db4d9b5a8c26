"""Counts of patients as they are published: exact from 11 on, and nothing by which a smaller one can be worked out.

Cells are of a département and a colour. A cell of 0 to 10 is hidden, zero like the rest: who could tell a zero from a
few would know the colour of everybody else there. What would give hidden cells away are exact margins, so these are
what is suppressed beside them. Of a colour it is told in which span of ten the sum of its hidden cells lies, of a
département only how many are shown; no cell is in two spans, by which it could be closed in on. Other cells are never
hidden in place of a margin: one that stays as it was from one hour to the next is known from when it was shown, and
would give its neighbour away. A span depends on hidden cells alone, so that nothing that is shown measures them.
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
    """A published hour: the cells `<département>/<colour>` that are shown, and the margins that tell anything.

    Of a département it is how many there are at least.
    """

    at: int
    cells: dict[str, int]
    departements: dict[str, int]
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
    shown = {cell: number for cell, number in sorted(cells.items()) if number >= least}
    departements: dict[str, int] = {}
    for cell, number in shown.items():
        departement = cell.partition("/")[0]
        departements[departement] = departements.get(departement, 0) + number
    columns: dict[str, list[int]] = {colour: [] for colour in colours}
    for cell, number in cells.items():
        columns.setdefault(cell.partition("/")[2], []).append(number)
    spans = {colour: span(numbers, least) for colour, numbers in columns.items()}
    return Counts(
        at=at,
        cells=shown,
        departements=departements,
        colours={colour: found for colour, found in spans.items() if found.least},
        all=Span(sum(each.least for each in spans.values()), sum(each.most for each in spans.values())),
    )


def span(numbers: Iterable[int], least: int = LEAST) -> Span:
    """Return a margin as it is told: what is shown of it, and the span in which all lies that is hidden.

    A cell that is none of these numbers may be hidden too, as it is zero: that there is none is told by nothing.
    """
    shown = hidden = 0
    for number in numbers:
        if number >= least:
            shown += number
        else:
            hidden += number
    width = least - 1
    if hidden <= width:
        return Span(shown, shown + width)
    low = (hidden - 1) // width * width + 1
    return Span(shown + low, shown + low + width - 1)
