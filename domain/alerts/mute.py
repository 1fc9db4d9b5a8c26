"""What keeps an alert from being told of: silences, and alerts that cover it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain.alerts.lifecycle import Alert
from domain.alerts.matching import matches
from domain.alerts.notice import Silence
from domain.alerts.routing import Inhibition

LinkKey = tuple[int, tuple[str, ...]]  # which inhibition, and the values of the labels that must be equal


class Link(NamedTuple):
    """The alerts that cover others by one inhibition and equal labels, and those that are covered.

    Each says whether it is on both sides: two such do not cover one another.
    """

    sources: dict[str, bool]
    targets: dict[str, bool]

    def covering(self, alert: str) -> Iterator[str]:
        """Yield the alerts that cover one of the targets."""
        both = self.targets[alert]
        return (other for other, also in self.sources.items() if other != alert and not (both and also))


class Side(NamedTuple):
    """On which side of a link an alert is."""

    key: LinkKey
    source: bool
    target: bool


def sides(inhibitions: Iterable[Inhibition], alert: Alert) -> list[Side]:
    """Return the links of an alert; one that has a plan of its own covers none, and none covers it."""
    found: list[Side] = []
    if alert.planned:
        return found
    labels = alert.labels
    for place, rule in enumerate(inhibitions):
        source, target = matches(rule.source, labels), matches(rule.target, labels)
        if source or target:
            found.append(Side((place, tuple(labels.get(label, "") for label in rule.equal)), source, target))
    return found


def silence_of(alert: Alert, silences: Iterable[Silence], at: int) -> str | None:
    """Return the silence that holds an alert back, of several the one that lasts longest; none one with a plan."""
    if alert.planned:
        return None
    found = [each for each in silences if each.since <= at < each.until and matches(each.matchers, alert.labels)]
    return max(found, key=lambda each: (each.until, each.id)).id if found else None
