"""Reading bed reports: every mistake at once, by path, and no bytes that raise anything else."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capacity.figures import AHEAD_MS, mistakes_in
from domain.errors import Unreadable
from domain.events import STATUSES, Source, Split
from realtime_api.intake.bed_reports import MOST_BYTES, MOST_MISTAKES, MOST_ROWS, Intake, Row, WardPlace, read
from realtime_api.problems import Problem

NOW = 1_700_000_000_000
WARD = "310000001/rea-adulte"
HAD = "310000002/had"
PLACES = {
    WARD: WardPlace("ici", "310000001", "310000010", "01"),
    HAD: WardPlace("ici", "310000002", "310000010", "02"),
}
RIGHT = {"ward": WARD, "status": "02", "count": 3}


def of(document: Any) -> Intake:
    """Return what a document says."""
    return read(msgspec.json.encode(document), NOW, PLACES)


def row(**changes: Any) -> Row:
    """Return a row that was read."""
    (found,) = of(RIGHT | changes).rows
    assert isinstance(found, Row), found
    return found


def paths(document: Any) -> list[str]:
    """Return the paths of all mistakes of a document's rows."""
    return [mistake.path for each in of(document).rows if isinstance(each, list) for mistake in each]


def test_a_row_has_what_it_says_and_the_usual_for_the_rest() -> None:
    assert row() == Row(WARD, "ici", "02", "01", "01", NOW, "01", (Split(3),), row().digest)
    assert row(ward=HAD).nature == "02"
    assert row(nature="02", temporality="03", source_type="04")[3:7] == ("02", "03", NOW, "04")


def test_splits_are_kept_as_they_are_told() -> None:
    given = [{"count": 2, "gender": "01"}, {"count": 1, "gender": "02"}]
    document = {"ward": WARD, "status": "02", "splits": given}
    assert of(document).rows[0][7] == (Split(2, gender="01"), Split(1, gender="02"))


@pytest.mark.parametrize("told", [1_800_000_000_000, "2027-01-15T09:00:00+01:00"])
def test_closed_beds_may_have_a_date_at_which_they_are_open_again(told: Any) -> None:
    given = [{"count": 2, "closing": "01", "until": told}, {"count": 1, "closing": "01"}]
    document = {"ward": WARD, "status": "05", "splits": given}
    assert of(document).rows[0][7] == (Split(2, closing="01", until=1_800_000_000_000), Split(1, closing="01"))


def test_a_row_becomes_the_fact_that_someone_said() -> None:
    event = row(happened_at=NOW - 5).event("id-1", "anne", "telephone", NOW)
    assert (event.id, event.received_at, event.happened_at) == ("id-1", NOW, NOW - 5)
    assert event.source == Source(id="anne", door="telephone", type="01")


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (NOW - 1000, NOW - 1000),
        (NOW + AHEAD_MS, NOW + AHEAD_MS),  # the fold clamps it
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000_000),
        ("2023-11-14T22:13:19.500+00:00", 1_699_999_999_500),
    ],
)
def test_an_instant_is_understood_in_both_forms(told: Any, meant: int) -> None:
    assert row(happened_at=told).happened_at == meant


@pytest.mark.parametrize(
    "told",
    [
        NOW + AHEAD_MS + 1,
        10**17,
        -1,
        "2023-11-14T22:13:20",
        "2023-11-14",
        "yesterday",
        "",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        1.5,
        True,
        [],
    ],
)
def test_an_instant_that_cannot_be_is_refused(told: Any) -> None:
    assert paths(RIGHT | {"happened_at": told}) == ["happened_at"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"ward": "999999999/rea-adulte"}, ["ward"]),
        ({"ward": 3}, ["ward"]),
        ({"status": "07"}, ["status"]),
        ({"status": 2}, ["status"]),
        ({"nature": "03"}, ["nature"]),
        ({"temporality": "00"}, ["temporality"]),
        ({"source_type": "09"}, ["source_type"]),
        ({"count": -1}, ["count"]),
        ({"count": 1.5}, ["count"]),
        ({"count": "3"}, ["count"]),
        ({"count": True}, ["count"]),
        ({"count": 10**30}, ["count"]),
        ({"count": None}, ["count"]),
        ({"splits": [{"count": 1}]}, ["splits"]),
        ({"count": None, "splits": []}, ["splits"]),
        ({"count": None, "splits": [{"count": 1}] * 65}, ["splits"]),
        ({"count": None, "splits": [{"count": 1}, {"count": 2}]}, ["splits[1]"]),
        ({"count": None, "splits": [{"count": 1, "closing": "01"}]}, ["splits[0].closing"]),
        (
            {"count": None, "splits": [{"count": -1}, {"count": 1, "gender": "09"}]},
            ["splits[0].count", "splits[1].gender"],
        ),
        ({"count": None, "splits": [{"gender": "01"}, 4]}, ["splits[0].count", "splits[1]"]),
        ({"count": None, "splits": [{"count": 1, "colour": "red"}]}, ["splits[0].colour"]),
        ({"count": None, "splits": {"count": 1}}, ["splits"]),
        ({"count": None, "splits": [{"count": 1, "until": 5}]}, ["splits[0].until"]),
        *(
            ({"status": "05", "count": None, "splits": [{"count": 1, "until": told}]}, ["splits[0].until"])
            for told in ("soon", "2026-01-31T08:00:00", -1, 10**18, True, 1.5)
        ),
        ({"colour": "red"}, ["colour"]),
    ],
)
def test_each_wrong_field_is_told_by_its_path(changes: dict[str, Any], wrong: list[str]) -> None:
    assert paths(RIGHT | changes) == wrong
    assert paths([RIGHT, RIGHT | changes]) == [f"rows[1].{path}" for path in wrong]


def test_all_wrong_fields_are_told_at_once() -> None:
    wrong = {"status": "99", "count": -2, "happened_at": "soon", "nature": "07", "shape": 1}
    assert set(paths(wrong)) == {"ward", "status", "count", "happened_at", "nature", "shape"}
    assert len(paths([wrong, {}, 3, RIGHT])) == 6 + 3 + 1


def test_a_bad_row_does_not_spoil_its_neighbours() -> None:
    first, second, third = of([RIGHT, {"ward": "x"}, RIGHT]).rows
    assert isinstance(first, Row)
    assert isinstance(second, list)
    assert isinstance(third, Row)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"\xff\xfe", b"[" * 100_000, b'"\xed\xa0\x80"', b"1e999", b"NaN"]
)
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body, NOW, PLACES)


@pytest.mark.parametrize("document", [3, "x", None, True, [], [RIGHT] * (MOST_ROWS + 1)])
def test_what_is_neither_a_row_nor_a_list_of_some_is_refused_as_a_whole(document: Any) -> None:
    with pytest.raises(Problem):
        of(document)


def test_the_longest_list_is_read_and_a_body_over_a_mebibyte_is_not() -> None:
    assert len(of([RIGHT] * MOST_ROWS).rows) == MOST_ROWS
    with pytest.raises(Problem) as refused:
        read(b" " * (MOST_BYTES + 1), NOW, PLACES)
    assert refused.value.status == 413


def test_a_small_body_cannot_make_a_huge_answer() -> None:
    (wrong,) = of({f"field {n}": "x" * 1000 for n in range(900)}).rows
    assert isinstance(wrong, list)
    assert len(wrong) == MOST_MISTAKES + 1
    assert len(msgspec.json.encode([[*each] for each in wrong])) < 30_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ["ward", "status", "nature", "temporality", "happened_at", "source_type", "count", "splits", "other"]
ROWS = st.dictionaries(
    st.sampled_from(FIELDS),
    st.sampled_from([WARD, HAD, *STATUSES, 0, 3, NOW, [{"count": 1, "gender": "01"}], [{"count": 1, "until": NOW}]])
    | JSON_VALUES,
)


@given(st.binary(max_size=200) | JSON_VALUES.map(msgspec.json.encode) | st.lists(ROWS).map(msgspec.json.encode))
def test_no_bytes_raise_anything_but_unreadable_or_a_problem(body: bytes) -> None:
    try:
        intake = read(body, NOW, PLACES)
    except (Unreadable, Problem):
        return
    assert intake.rows


@given(ROWS)
def test_a_row_that_is_read_is_one_that_the_fold_takes(given_row: dict[str, Any]) -> None:
    (found,) = of(given_row).rows
    if isinstance(found, list):
        assert found
        return
    assert mistakes_in(found.nature, found.status, found.temporality, found.splits) == []
    assert 0 <= found.happened_at <= NOW + AHEAD_MS
    assert found.ward in PLACES


def test_the_clock_of_the_tests_is_what_it_says() -> None:
    assert datetime.fromtimestamp(NOW / 1000, UTC).isoformat() == "2023-11-14T22:13:20+00:00"
