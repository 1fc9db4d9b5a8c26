"""NEWS2 (Royal College of Physicians, 2017) in full; where a parameter is missing, the range of what it can be."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Literal, cast, get_args

import msgspec

VERSION = "news2/rcp-2017"
YOUNGEST = 16  # below it the score is not made for anyone, nor in pregnancy

Scale = Literal[1, 2]
Consciousness = Literal["A", "C", "V", "P", "U"]  # alert, new confusion, to voice, to pain, unresponsive
Parameter = Literal["respiratory_rate", "spo2", "oxygen", "systolic", "pulse", "consciousness", "temperature"]
PARAMETERS: tuple[Parameter, ...] = get_args(Parameter)
WhyNot = Literal["", "age unknown", "under 16", "pregnant", "scale 2 without a prescription"]

# Each band: the highest value that it holds, at the chart's step, and its points; the last has no upper end.
Bands = tuple[tuple[Decimal | None, int], ...]


def _bands(*told: tuple[str, int], last: int) -> Bands:
    return (*((Decimal(highest), points) for highest, points in told), (None, last))


CHART: dict[Parameter, Bands] = {
    "respiratory_rate": _bands(("8", 3), ("11", 1), ("20", 0), ("24", 2), last=3),
    "systolic": _bands(("90", 3), ("100", 2), ("110", 1), ("219", 0), last=3),
    "pulse": _bands(("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2), last=3),
    "temperature": _bands(("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), last=2),
}
SPO2_SCALE_1 = _bands(("91", 3), ("93", 2), ("95", 1), last=0)
SPO2_SCALE_2_ON_AIR = _bands(("83", 3), ("85", 2), ("87", 1), last=0)
SPO2_SCALE_2_ON_OXYGEN = _bands(("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2), last=3)
ON_OXYGEN = 2
NOT_ALERT = 3
STEP = {"temperature": Decimal("0.1")}  # the chart reads all else in whole numbers

# What is known of one moment, by parameter: a number, whether on oxygen, or consciousness. Missing or None: not known.
Readings = Mapping[Parameter, float | bool | Consciousness | None]


class Points(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one parameter can give: from `low` to `high` points, the same where it is known."""

    parameter: Parameter
    low: int
    high: int
    value: str = ""  # at the chart's step; empty where it is not known


class News2(msgspec.Struct, frozen=True, omit_defaults=True):
    """A score, or the range that it lies in, and the points of each parameter.

    The range can be narrower than the sum of its parameters': on scale 2 oxygen and saturation depend on each other.
    """

    low: int
    high: int
    points: tuple[Points, ...]
    scale: Scale = 1
    version: str = VERSION

    @property
    def missing(self) -> tuple[Parameter, ...]:
        """Return the parameters that are not known."""
        return tuple(each.parameter for each in self.points if not each.value)

    @property
    def single_3(self) -> tuple[Parameter, ...]:
        """Return the parameters that give 3 points for certain: one alone is an urgent review."""
        return tuple(each.parameter for each in self.points if each.low == 3)


def why_not(age: int | None, *, pregnant: bool, scale: Scale = 1, scale_2_prescribed: bool = False) -> WhyNot:
    """Return why NEWS2 is not computed for somebody, empty where it is."""
    if age is None:
        return "age unknown"
    if age < YOUNGEST:
        return "under 16"
    if pregnant:
        return "pregnant"
    if scale == 2 and not scale_2_prescribed:
        return "scale 2 without a prescription"
    return ""


def at_step(parameter: Parameter, value: float) -> Decimal:
    """Return a value at the chart's step, halves upwards: 38.05 °C is 38.1, and so in exactly one band."""
    # By way of its decimal digits: 38.05 as a binary fraction is a little less, and would round down.
    return Decimal(str(value)).quantize(STEP.get(parameter, Decimal(1)), rounding=ROUND_HALF_UP)


def score(readings: Readings, scale: Scale = 1) -> News2:
    """Return the score of what is known, from the least to the most that the missing can make of it."""
    readings = {each: readings.get(each) for each in PARAMETERS}
    oxygen = cast("bool | None", readings["oxygen"])
    either = (False, True) if oxygen is None else (oxygen,)
    points = [_points(each, readings[each], either, scale) for each in PARAMETERS]
    together = [
        sum(one.low if lowest else one.high for one in points if one.parameter not in ("oxygen", "spo2"))
        + ON_OXYGEN * on_oxygen
        + sorted(_of_spo2(cast("float | None", readings["spo2"]), on_oxygen, scale))[0 if lowest else -1]
        for on_oxygen, lowest in product(either, (True, False))
    ]
    return News2(min(together), max(together), tuple(points), scale)


def _points(parameter: Parameter, value: object, on_oxygen: tuple[bool, ...], scale: Scale) -> Points:
    if parameter == "oxygen":
        shown = "" if len(on_oxygen) > 1 else "oxygen" if on_oxygen[0] else "air"
        found = {ON_OXYGEN * each for each in on_oxygen}
    elif parameter == "consciousness":
        shown = "" if value is None else str(value)
        found = {0, NOT_ALERT} if value is None else {0 if value == "A" else NOT_ALERT}
    else:
        number = cast("float | None", value)
        shown = "" if number is None else str(at_step(parameter, number))
        if parameter == "spo2":
            found = {each for oxygen in on_oxygen for each in _of_spo2(number, oxygen, scale)}
        else:
            found = _of(CHART[parameter], parameter, number)
    return Points(parameter, min(found), max(found), shown)


def _of_spo2(value: float | None, on_oxygen: bool, scale: Scale) -> set[int]:
    chart = SPO2_SCALE_1 if scale == 1 else SPO2_SCALE_2_ON_OXYGEN if on_oxygen else SPO2_SCALE_2_ON_AIR
    return _of(chart, "spo2", value)


def _of(bands: Bands, parameter: Parameter, value: float | None) -> set[int]:
    """Return the points that a value has: one, or all that are possible where it is not known."""
    if value is None:
        return {points for _, points in bands}
    read = at_step(parameter, value)
    return {next(points for highest, points in bands if highest is None or read <= highest)}
