"""The pulse oximeter at home, as the HAS has it (13 April 2021): bands of SpO2, at rest and after effort."""

from typing import Literal

VERSION = "oximetry/has-2021-04-13"

SAMU_BELOW = 95.0  # %: below it, SAMU or hospital
EFFORT_FROM = 96.0  # %: from it at rest, measure after effort too (about 40 steps)
RISK_DAYS = (6, 12)  # since the first symptoms: when it worsens, it mostly does so then

Band = Literal["samu", "borderline", "effort_next", "good"]


def band(at_rest: float | None, after_effort: float | None = None, *, samu_below: float = SAMU_BELOW) -> Band | None:
    """Return the band of one moment, the worse of rest and effort, or None where neither was measured.

    `borderline` is between the two limits of the HAS: it asks nothing of the SAMU there, nor is it enough for effort.
    """
    measured = [each for each in (at_rest, after_effort) if each is not None]
    if not measured:
        return None
    if min(measured) < samu_below:
        return "samu"
    if min(measured) < EFFORT_FROM and min(measured) < samu_below + EFFORT_FROM - SAMU_BELOW:
        return "borderline"
    return "effort_next" if after_effort is None else "good"
