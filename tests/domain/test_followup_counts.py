"""Published counts of patients: whoever tries to work out a hidden cell is left with more than one answer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.followup.counts import LEAST, Counting, Counts, Span, published, span, together

PLACES = ("09", "31", "65")
COLOURS = ("green", "red")


def table(rows: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return cells as shards tell them."""
    return {f"{place}/{colour}": number for place, row in rows.items() for colour, number in row.items()}


# -- what is shown


def test_from_eleven_on_a_number_is_exact_and_below_it_is_not_there() -> None:
    shown = published(0, table({"31": {"green": 40, "yellow": 11, "orange": 10, "red": 1}, "09": {"orange": 9}}))
    assert shown.cells == {"31/green": 40, "31/yellow": 11}
    assert shown.departements == {"31": 51}, "at least so many"
    assert shown.colours == {"green": Span(40, 50), "yellow": Span(11, 21), "orange": Span(11, 20)}
    assert shown.all == Span(62, 111)


def test_zero_is_hidden_like_a_few() -> None:
    """Were it shown, everybody of a département would be known to be green."""
    none = published(0, table({"31": {"green": 40, "yellow": 0, "orange": 0, "red": 0, "unanswered": 0}}))
    few = published(0, table({"31": {"green": 40, "yellow": 3, "red": 10}}))
    absent = published(0, table({"31": {"green": 40}}))
    assert none == few == absent


def test_a_departement_of_a_few_is_not_there_at_all() -> None:
    assert published(0, table({"48": {"green": 3, "red": 2}})) == published(0, {})


def test_many_small_cells_still_make_a_margin_that_is_of_use() -> None:
    shown = published(0, {f"{place:02}/red": 5 for place in range(1, 14)})
    assert shown.cells == {}
    assert shown.colours == {"red": Span(61, 70)}


@given(st.lists(st.integers(0, 40), max_size=13))
def test_a_span_holds_what_it_is_of(numbers: list[int]) -> None:
    found = span(numbers)
    assert found.least <= sum(numbers) <= found.most
    assert found.most - found.least in (9, 10)


def test_an_hour_is_whole_once_all_shards_told() -> None:
    two = Counting(of=4, told={0: {"31/red": 5}, 3: {"31/red": 7}})
    assert together(two) is None
    assert together(Counting(of=4, told={**two.told, 1: {}, 2: {"31/green": 1}})) == {"31/red": 12, "31/green": 1}


# -- whoever tries to work out what is hidden: by all tables that there are


def every_table(places: int, colours: tuple[str, ...], most: int) -> Iterator[tuple[int, ...]]:
    """Yield every table of so many lines, each cell from 0 to `most`."""
    return product(range(most + 1), repeat=places * len(colours))


def shown_of(numbers: tuple[int, ...], colours: tuple[str, ...], least: int) -> Counts:
    """Return what is published of a table."""
    names = [f"{PLACES[place // len(colours)]}/{colours[place % len(colours)]}" for place in range(len(numbers))]
    return published(0, dict(zip(names, numbers, strict=True)), least, colours)


def as_key(shown: Counts) -> tuple[object, ...]:
    """Return everything that is published, as one that can be looked up."""
    parts = (shown.cells, shown.departements, shown.colours)
    return (*(tuple(sorted(part.items())) for part in parts), shown.all)


Published = tuple[object, ...]


@pytest.mark.parametrize(
    ("places", "colours", "least", "most"),
    [
        (2, COLOURS, 5, 8),
        (2, COLOURS, 3, 6),
        (3, COLOURS, 3, 4),
        (2, (*COLOURS, "orange"), 3, 4),
        (2, ("red",), 11, 40),
    ],
)
def test_of_one_hour_each_hidden_cell_may_be_anything_that_is_hidden(
    places: int, colours: tuple[str, ...], least: int, most: int
) -> None:
    """By all tables that there are: what is published of one is published of others, with each other hidden value.

    The smallest that is shown is smaller here than 11, so that all can be tried; whoever tries knows it, and how.
    """
    possible: defaultdict[Published, list[set[int]]] = defaultdict(
        lambda: [set() for _ in range(places * len(colours))]
    )
    for numbers in every_table(places, colours, most):
        key = as_key(shown_of(numbers, colours, least))
        for cell, number in zip(possible[key], numbers, strict=True):
            cell.add(number)
    for key, cells in possible.items():
        for cell in cells:
            assert len(cell) > 1 or min(cell) >= least, f"{key} gives {cell} away"


@pytest.mark.parametrize(("places", "hours", "least", "most"), [(2, 2, 11, 12), (3, 2, 6, 7), (2, 3, 6, 7)])
def test_of_many_hours_no_hidden_cell_is_given_away_even_to_whoever_knows_what_did_not_change(
    places: int, hours: int, least: int, most: int
) -> None:
    """By all that may have happened: all hours are seen, and of each cell is known in which of them it was the same.

    One colour is enough: nothing that is published is of more than one, but for sums of what is published of each.
    """
    tables = list(every_table(places, ("red",), most))
    keys = {numbers: as_key(shown_of(numbers, ("red",), least)) for numbers in tables}
    possible: dict[tuple[object, ...], list[set[int]]] = {}
    for story in product(tables, repeat=hours):
        same = tuple(before == after for one, two in pairwise(story) for before, after in zip(one, two, strict=True))
        seen = (*(keys[numbers] for numbers in story), same)
        cells = possible.setdefault(seen, [set() for _ in range(places * hours)])
        for cell, number in zip(cells, chain.from_iterable(story), strict=True):
            cell.add(number)
    for cells in possible.values():
        for cell in cells:
            assert len(cell) > 1 or min(cell) >= least


# -- whoever tries by reasoning, on tables as they are

Run = tuple[str, int]  # a cell, and the hour since when it is as it is: whoever tries knows that


def closed_in(story: Sequence[Mapping[str, int]], least: int = LEAST) -> dict[Run, tuple[int, int]]:
    """Return from what to what each hidden cell can be, by all that was published and what did not change.

    Every margin bounds what is hidden in it; each bound narrows the others, until nothing moves any more.
    """
    runs: list[dict[str, Run]] = []
    for hour, cells in enumerate(story):
        same = {cell for cell, number in cells.items() if hour and story[hour - 1].get(cell) == number}
        runs.append({cell: runs[-1][cell] if cell in same else (cell, hour) for cell in cells})
    bounds = {run: (0, least - 1) for of in runs for run in of.values()}
    lines: list[tuple[list[Run], int, int]] = []
    for cells, of in zip(story, runs, strict=True):
        told = published(0, cells, least)
        for cell, number in told.cells.items():
            bounds[of[cell]] = (number, number)
        margins = [(told.all, "")] + [(margin, f"/{colour}") for colour, margin in told.colours.items()]
        lines += [
            ([of[cell] for cell in cells if cell.endswith(end)], margin.least, margin.most) for margin, end in margins
        ]
    moves = True
    while moves:
        moves = False
        for line, low, high in lines:
            least_of_all = sum(bounds[run][0] for run in line)
            most_of_all = sum(bounds[run][1] for run in line)
            for run in line:
                lowest, highest = bounds[run]
                narrowed = (
                    max(lowest, low - (most_of_all - highest)),
                    min(highest, high - (least_of_all - lowest)),
                )
                if narrowed != (lowest, highest):
                    bounds[run], moves = narrowed, True
                    least_of_all += narrowed[0] - lowest
                    most_of_all += narrowed[1] - highest
    hidden = {
        of[cell] for cells, of in zip(story, runs, strict=True) for cell, number in cells.items() if number < least
    }
    return {run: bounds[run] for run in hidden}


NUMBERS = st.one_of(st.integers(0, 13), st.sampled_from([0, 1, 9, 10, 11, 12, 20, 21, 30, 300]))
TABLES = st.dictionaries(
    st.tuples(st.sampled_from(("09", "31", "48", "65")), st.sampled_from(("green", "red", "unanswered"))).map("/".join),
    NUMBERS,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(TABLES, st.lists(st.tuples(st.integers(0, 11), st.sampled_from([-11, -2, -1, 1, 1, 2, 10])), max_size=24))
def test_no_hidden_cell_is_closed_in_on_by_many_hours_of_small_changes(
    first: dict[str, int], changes: list[tuple[int, int]]
) -> None:
    story = [first]
    for which, by in changes:
        now = dict(story[-1])
        if now:
            cell = sorted(now)[which % len(now)]
            now[cell] = max(0, now[cell] + by)
        story.append(now)
    for run, (lowest, highest) in closed_in(story).items():
        assert highest > lowest, f"{run} can only be {lowest}"


def test_whoever_tries_would_find_what_plain_margins_give_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reasoning itself is tried: with exact margins it names the hidden cell."""
    exact = Counts(0, {"31/red": 40}, {"31": 40}, {"red": Span(47, 47)}, Span(47, 47))
    monkeypatch.setattr(f"{__name__}.published", lambda *_: exact)
    assert closed_in([{"31/red": 40, "09/red": 7}]) == {("09/red", 0): (7, 7)}


def test_whoever_tries_would_find_what_a_comparison_of_two_hours_gives_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that is hidden to guard another, and was shown an hour before, guards nothing."""
    hours = iter(
        (
            Counts(0, {"09/red": 11, "31/red": 20}, {}, {"red": Span(31, 31)}, Span(31, 31)),
            Counts(0, {}, {}, {"red": Span(30, 30)}, Span(30, 30)),
        )
    )
    monkeypatch.setattr(f"{__name__}.published", lambda *_: next(hours))
    assert closed_in([{"09/red": 11, "31/red": 20}, {"09/red": 10, "31/red": 20}]) == {("09/red", 1): (10, 10)}
