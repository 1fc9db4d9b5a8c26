"""What a followup shard tells its region's notices shard: alerts' steps, cases of a facility, counts, and words."""

import msgspec

from domain.alerts.lifecycle import Step
from domain.alerts.rule import Severity
from domain.followup.pathway import Cluster
from domain.places import Words


class Case(msgspec.Struct, frozen=True, omit_defaults=True, tag="case"):
    """A resident of a facility fell ill, at an instant (ms); who of their circle is told once there are so many."""

    at: int
    facility: str
    rule: Cluster
    tell: tuple[str, ...] = ()


class Count(msgspec.Struct, frozen=True, omit_defaults=True, tag="count"):
    """How many patients one shard follows at a full hour (ms), by `<département>/<colour>`; `of` shards tell theirs.

    `unanswered` is the colour of one who has not answered yet.
    """

    at: int
    index: int
    of: int
    numbers: dict[str, int]


class Word(msgspec.Struct, frozen=True, omit_defaults=True, tag="word"):
    """Something that some people are told of once, at an instant (ms): it names no patient and asks for no answer."""

    at: int
    id: str
    to: tuple[str, ...]
    severity: Severity
    title: Words
    text: Words
    link: str


class Stepped(msgspec.Struct, frozen=True, tag="step"):
    """A step of a patient's alert."""

    step: Step

    @property
    def at(self) -> int:
        """Return the instant of the step."""
        return self.step.at


class Standing(msgspec.Struct, frozen=True, tag="standing"):
    """The alerts that are open, by id, and no others: told once a log was folded anew, at an instant (ms)."""

    at: int
    alerts: tuple[str, ...]


Crossing = Case | Count | Word | Stepped | Standing
