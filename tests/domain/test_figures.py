"""Rows: what can be folded, and every mistake of what can't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capacity.figures import MOST_BEDS, mistakes_in
from domain.capacity.picture import standing
from domain.events import Split


def test_a_row_that_keeps_the_rules_has_no_mistakes() -> None:
    assert mistakes_in("01", "03", "01", (Split(3, assignment="02"), Split(4, assignment="03"))) == []


def test_all_mistakes_are_told_at_once_and_where() -> None:
    wrong = mistakes_in("03", "09", "06", (Split(-1, gender="09"), Split(MOST_BEDS + 1)))
    assert [path for path, _ in wrong] == [
        "nature",
        "status",
        "temporality",
        "splits[0].count",
        "splits[0].gender",
        "splits[1].count",
    ]


@pytest.mark.parametrize(
    ("status", "split"),
    [("03", {"gender": "01"}), ("02", {"closing": "01"}), ("02", {"extra": "01"}), ("01", {"crisis": "02"})],
)
def test_what_qualifies_another_status_is_refused(status: str, split: dict[str, str]) -> None:
    assert [path for path, _ in mistakes_in("01", status, "01", (Split(1, **split),))] == [
        f"splits[0].{next(iter(split))}"
    ]


def test_the_same_indicator_twice_in_a_row_is_refused_and_so_is_none_at_all() -> None:
    assert [p for p, _ in mistakes_in("01", "03", "01", (Split(1), Split(2)))] == ["splits[1]"]
    assert [p for p, _ in mistakes_in("01", "03", "01", ())] == ["splits"]


@pytest.mark.parametrize(
    ("available", "open_", "shown"),
    [
        (None, 10, "unknown"),
        (0, 10, "full"),
        (1, 100, "nearly"),
        (1, None, "nearly"),
        (2, 20, "nearly"),
        (3, 20, "free"),
        (2, None, "free"),
        (3, 0, "free"),
    ],
)
def test_full_is_none_available_and_nearly_a_tenth_of_open_or_one(
    available: int | None, open_: int | None, shown: str
) -> None:
    assert standing(available, open_) == shown


@given(st.text(max_size=3), st.text(max_size=3), st.lists(st.builds(Split, st.integers()), max_size=3))
def test_no_row_makes_the_rules_raise(nature: str, status: str, splits: list[Split]) -> None:
    mistakes_in(nature, status, "01", splits)
