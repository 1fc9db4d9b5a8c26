"""HOME-CoV (Angers, Delphi of 51 experts, 2020): eight criteria; any one asks for hospital to be considered."""

from collections.abc import Mapping
from typing import Literal, get_args

VERSION = "home-cov/2020"

Criterion = Literal[
    "spo2", "respiratory_rate", "cannot_speak", "systolic", "pulse", "confusion", "worsening", "unsafe_at_home"
]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
# The measured ones: at least or at most so much. SpO2 counts on air; the others are yes or no.
AT_MOST: dict[Criterion, float] = {"spo2": 94, "systolic": 90}
AT_LEAST: dict[Criterion, float] = {"respiratory_rate": 25, "pulse": 120}

# What is known, by criterion: a measure, or whether it is so. Missing or None: not known.
Known = Mapping[Criterion, float | bool | None]


def limit(criterion: Criterion) -> float | None:
    """Return the published limit of a measured criterion, None of one that is yes or no."""
    return AT_MOST.get(criterion, AT_LEAST.get(criterion))


def met(
    criterion: Criterion, value: float | bool | None, *, oxygen: bool | None = None, own: float | None = None
) -> bool | None:
    """Return whether a criterion is met, None where that is not known; `own` replaces the published limit.

    SpO2 is judged on air: on oxygen it says nothing, and where nobody knows which, it is taken as on air.
    """
    if value is None or (criterion == "spo2" and oxygen):
        return None
    if criterion in AT_MOST:
        return value <= (AT_MOST[criterion] if own is None else own)
    if criterion in AT_LEAST:
        return value >= (AT_LEAST[criterion] if own is None else own)
    return bool(value)
