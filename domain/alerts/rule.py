"""Alert rules as data: what is measured, beyond which threshold, for how long, and what people are told of it."""

from functools import cached_property
from typing import Literal

from domain.places import Place, Words

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")  # rising

Concern = Literal["beds", "data", "system", "patients", "cluster"]


class Level(Place, frozen=True):
    """A threshold and how grave it is to be beyond it: `above` it or `below` it, one of the two.

    It is left again only once the measure is back below `clear_below` (above `clear_above`); without one, once it is no
    longer beyond the threshold itself.
    """

    severity: Severity
    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None


class Rule(Place, frozen=True):
    """One rule: the measure `on` of each subject `at` a level of places, held against its thresholds.

    `at` is ward, facility, departement, region, source, shard or channel, as the measure allows
    (`domain/alerts/measures.py`). `bed_kinds` and `places` (codes of départements, FINESS numbers, ward ids) narrow
    the subjects; empty means all. `levels` rise in severity. A condition must hold for `hold_s` seconds by the shard's
    clock before the alert fires; who took it in has `taken_s` seconds before it is opened again while that holds.
    Title, text and what to do may name {place}, {kind}, {value}, {threshold}, {since}, {facility}, {departement},
    {region}, {source}, {beds}.
    """

    id: str
    concern: Concern
    on: str
    at: str
    levels: tuple[Level, ...]
    title: Words
    text: Words
    todo: Words
    link: str = ""
    hold_s: float = 0.0
    taken_s: float = 7200.0
    bed_kinds: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class Ruleset(Place, frozen=True):
    """The rules of a region, as they are published (setting `alert_rules`, JSON)."""

    rules: tuple[Rule, ...]
    version: int = 1

    @cached_property
    def rule_of(self) -> dict[str, Rule]:
        """Return the rules by id."""
        return {rule.id: rule for rule in self.rules}
