"""Which events a shard knows again, and what became of each: one that comes twice changes nothing the second time."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Known(Generic[T]):
    """The outcomes (T) of a draft, over those that its state remembers; an hour's are forgotten together.

    `said` are those that it gives, by the hour of the shard's clock; `repeated` those of events that came again.
    """

    def __init__(self, said: Mapping[str, T], said_in: Mapping[int, Sequence[str]]) -> None:
        self._before, self._before_in = said, said_in
        self.said: dict[int, dict[str, T]] = {}
        self.repeated: dict[str, T] = {}
        self.forgotten_hours: set[int] = set()
        self._forgotten: set[str] = set()  # the ids of those hours, which the state still remembers

    def outcome_of(self, id_: str) -> T | None:
        """Return what became of an event, None for one that is not known."""
        for said in self.said.values():
            if id_ in said:
                return said[id_]
        return None if id_ in self._forgotten else self._before.get(id_)

    @property
    def outcomes(self) -> dict[str, T]:
        """Return the outcomes that this draft gives, those of events that came again included."""
        return {id_: said for hour in self.said.values() for id_, said in hour.items()} | self.repeated

    def say(self, hour: int, id_: str, said: T) -> None:
        """Let this be what became of an event, in an hour of the shard's clock."""
        self.said.setdefault(hour, {})[id_] = said

    def forget_before(self, hour: int) -> None:
        """Know no event any more of the hours before this one."""
        for old in [each for each in self.said if each < hour]:
            del self.said[old]
        for old in [each for each in self._before_in if each < hour and each not in self.forgotten_hours]:
            self.forgotten_hours.add(old)
            self._forgotten.update(self._before_in[old])
