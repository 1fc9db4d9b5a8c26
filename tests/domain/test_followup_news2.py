"""NEWS2, HOME-CoV and oximetry: every band edge, and ranges that hold whatever the missing turns out to be."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.followup import home_cov, oximetry
from domain.followup.news2 import PARAMETERS, Parameter, at_step, score, why_not

NORMAL: dict[Parameter, Any] = {
    "respiratory_rate": 16,
    "spo2": 97,
    "oxygen": False,
    "systolic": 120,
    "pulse": 70,
    "consciousness": "A",
    "temperature": 37.0,
}
# The chart of the RCP (domain facts §7.1), edge by edge.
EDGES: dict[Parameter, list[tuple[Any, int]]] = {
    "respiratory_rate": [(0, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3)],
    "spo2": [(50, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)],
    "oxygen": [(True, 2), (False, 0)],
    "systolic": [(50, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3), (280, 3)],
    "pulse": [
        *[(20, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0)],
        *[(91, 1), (110, 1), (111, 2), (130, 2), (131, 3), (250, 3)],
    ],
    "consciousness": [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)],
    "temperature": [
        *[(30.0, 3), (35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0)],
        *[(38.1, 1), (39.0, 1), (39.1, 2), (42.0, 2)],
    ],
}
SCALE_2_ON_AIR = [(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 0), (97, 0), (100, 0)]
SCALE_2_ON_OXYGEN = [
    *[(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0)],
    *[(93, 1), (94, 1), (95, 2), (96, 2), (97, 3), (100, 3)],
]
VALUES: dict[Parameter, st.SearchStrategy[Any]] = {
    "respiratory_rate": st.integers(0, 99) | st.floats(0, 99),
    "spo2": st.integers(30, 100) | st.floats(30, 100),
    "oxygen": st.booleans(),
    "systolic": st.integers(30, 300) | st.floats(30, 300),
    "pulse": st.integers(15, 300) | st.floats(15, 300),
    "consciousness": st.sampled_from("ACVPU"),
    "temperature": st.floats(25, 45),
}
WHOLE = st.fixed_dictionaries(VALUES)
PART = st.fixed_dictionaries({}, optional=VALUES)
SCALES = st.sampled_from([1, 2])


@pytest.mark.parametrize(("parameter", "value", "points"), [(p, v, n) for p, edges in EDGES.items() for v, n in edges])
def test_each_edge_of_the_chart_gives_its_points(parameter: Parameter, value: Any, points: int) -> None:
    made = score({**NORMAL, parameter: value})
    assert (made.low, made.high) == (points, points)
    assert made.single_3 == ((parameter,) if points == 3 else ())


@pytest.mark.parametrize(("oxygen", "edges"), [(False, SCALE_2_ON_AIR), (True, SCALE_2_ON_OXYGEN)])
def test_scale_2_gives_points_for_too_much_oxygen_and_none_on_air(oxygen: bool, edges: list[tuple[int, int]]) -> None:
    for value, points in edges:
        made = score({**NORMAL, "spo2": value, "oxygen": oxygen}, 2)
        assert made.low == made.high == points + 2 * oxygen


@pytest.mark.parametrize(
    ("parameter", "value", "read", "points"),
    [
        ("temperature", 38.05, "38.1", 1),
        ("temperature", 38.04, "38.0", 0),
        ("temperature", 35.05, "35.1", 1),
        ("temperature", 35.04, "35.0", 3),
        ("temperature", 39.05, "39.1", 2),
        ("spo2", 95.5, "96", 0),
        ("spo2", 95.4, "95", 1),
        ("pulse", 90.5, "91", 1),
        ("respiratory_rate", 24.5, "25", 3),
        ("systolic", 219.5, "220", 3),
    ],
)
def test_a_value_between_two_bands_is_read_at_the_charts_step(
    parameter: Parameter, value: float, read: str, points: int
) -> None:
    """38.05 °C lies between 38.0 and 38.1, where the chart has no band: rounded first, it has exactly one."""
    assert str(at_step(parameter, value)) == read
    assert score({**NORMAL, parameter: value}).low == points


def test_the_score_goes_from_0_to_20() -> None:
    worst = {
        "respiratory_rate": 30,
        "spo2": 80,
        "oxygen": True,
        "systolic": 80,
        "pulse": 140,
        "consciousness": "U",
        "temperature": 34.0,
    }
    assert (score(NORMAL).low, score(NORMAL).high) == (0, 0)
    assert score(worst).low == 20  # type: ignore[arg-type]
    assert (score({}).low, score({}).high) == (0, 20)
    assert score({}).missing == PARAMETERS


def test_on_scale_2_oxygen_and_saturation_are_ranged_together() -> None:
    """97 % is 0 points on air, and 3 and 2 with oxygen: never 3 without the 2."""
    made = score({**NORMAL, "spo2": 97, "oxygen": None}, 2)
    assert (made.low, made.high) == (0, 5)
    assert score({**NORMAL, "spo2": 90, "oxygen": None}, 2).high == 2
    # Of 85 % each of the two gives 2 whichever it is, and oxygen two more or not.
    assert (score({**NORMAL, "spo2": 85, "oxygen": None}, 2).low, score({**NORMAL, "spo2": 85}, 2).low) == (2, 2)


@given(WHOLE, st.sets(st.sampled_from(PARAMETERS)), SCALES)
def test_a_range_always_contains_the_score_of_any_completion(
    whole: dict[Parameter, Any], dropped: set[Parameter], scale: Any
) -> None:
    full = score(whole, scale)
    made = score({name: value for name, value in whole.items() if name not in dropped}, scale)
    assert full.low == full.high
    assert made.low <= full.low <= made.high
    assert set(made.missing) == dropped


@given(PART, st.sampled_from(PARAMETERS), SCALES)
def test_a_missing_answer_never_lowers_the_upper_end_nor_raises_the_lower(
    part: dict[Parameter, Any], dropped: Parameter, scale: Any
) -> None:
    made = score(part, scale)
    less = score({name: value for name, value in part.items() if name != dropped}, scale)
    assert less.high >= made.high
    assert less.low <= made.low


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.none()), SCALES)
def test_the_ends_of_a_range_are_reached(unknown: dict[Parameter, None], scale: Any) -> None:
    """A range that is wider than what can be would ask questions for nothing."""
    wanted = {**NORMAL, **unknown}
    choices: dict[Parameter, list[Any]] = {
        **{name: [value for value, _ in edges] for name, edges in EDGES.items()},
        "spo2": [83, 90, 97],
    }
    open_ = [name for name in PARAMETERS if wanted[name] is None][:3]
    wanted = {**NORMAL, **dict.fromkeys(open_)}
    totals = [
        score({**wanted, **dict(zip(open_, told, strict=True))}, scale).low
        for told in itertools.product(*(choices[name] for name in open_))
    ]
    made = score(wanted, scale)
    assert (made.low, made.high) == (min(totals), max(totals))


def test_it_is_not_made_for_whom_it_was_not_made() -> None:
    assert why_not(40, pregnant=False) == ""
    assert why_not(16, pregnant=False) == ""
    assert why_not(15, pregnant=False) == "under 16"
    assert why_not(None, pregnant=False) == "age unknown"
    assert why_not(30, pregnant=True) == "pregnant"
    assert why_not(70, pregnant=False, scale=2) == "scale 2 without a prescription"
    assert why_not(70, pregnant=False, scale=2, scale_2_prescribed=True) == ""


@pytest.mark.parametrize(
    ("criterion", "met", "not_met"),
    [
        ("spo2", 94, 95),
        ("respiratory_rate", 25, 24),
        ("systolic", 90, 91),
        ("pulse", 120, 119),
        *((name, True, False) for name in ("cannot_speak", "confusion", "worsening", "unsafe_at_home")),
    ],
)
def test_each_criterion_of_home_cov_has_its_edge(criterion: home_cov.Criterion, met: float, not_met: float) -> None:
    assert home_cov.met(criterion, met) is True
    assert home_cov.met(criterion, not_met) is False
    assert home_cov.met(criterion, None) is None


def test_home_cov_has_eight_criteria_and_judges_saturation_on_air() -> None:
    assert len(home_cov.CRITERIA) == 8
    assert home_cov.met("spo2", 90, oxygen=True) is None
    assert home_cov.met("spo2", 90, oxygen=None) is True
    assert home_cov.met("spo2", 90, own=88) is False


def test_the_bands_of_the_has() -> None:
    assert oximetry.band(94) == "samu"
    assert oximetry.band(94.9) == "samu"
    assert oximetry.band(95) == "borderline"
    assert oximetry.band(96) == "effort_next"
    assert oximetry.band(97, 96) == "good"
    assert oximetry.band(97, 95) == "borderline"
    assert oximetry.band(98, 94) == "samu"
    assert oximetry.band(None, 94) == "samu"
    assert oximetry.band(None) is None
    assert oximetry.band(89, samu_below=88) == "effort_next"
    assert oximetry.band(88, samu_below=88) == "borderline"
