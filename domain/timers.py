"""What is due by time alone: the timers of a draft over those of its state, in their order; a broken one is named."""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from domain.overlay import Overlay

K = TypeVar("K")


class Broken(Exception):
    """Something that is due can't be run: a bug, which must not keep all else that is due from being run."""

    def __init__(self, timer: object, error: Exception) -> None:
        super().__init__(f"{type(error).__name__} when it was due")
        self.timer: Any = timer


@contextmanager
def breaking(timer: object, *, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Raise Broken, by whose timer it was, for whatever raises within that is a bug; `but` these are none."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (Broken, *but)):
            raise
        raise Broken(timer, error) from error


class Timers(Generic[K]):
    """When (ms) each is due, over those of a state, of which the first is due at `next_due`."""

    def __init__(self, due: Mapping[K, int], next_due: int) -> None:
        self.due: Overlay[K, int] = Overlay(due)
        self._next_due = next_due
        self._heap: list[tuple[int, K]] = []
        self._knows_base = False  # whether the heap holds the timers of the state

    def set(self, timer: K, at: int | None) -> None:
        """Let a timer be due then, or never."""
        if self.due.get(timer) == at:
            return
        if at is None:
            self.due.drop(timer)
        else:
            self.due.put(timer, at)
            heapq.heappush(self._heap, (at, timer))

    def first(self, by: int) -> tuple[int, K] | None:
        """Return the first that is due by then, once each time that it is set; None where there is none."""
        if not self._knows_base and by >= self._next_due:
            self._knows_base = True
            self._heap += [(at, timer) for timer, at in self.due.base.items()]
            heapq.heapify(self._heap)
        while self._heap and self._heap[0][0] <= by:
            at, timer = heapq.heappop(self._heap)
            if self.due.get(timer) == at:
                return at, timer
        return None

    def wait(self, timer: K, at: int) -> None:
        """Let one that `first` returned be returned again, as it was not run."""
        heapq.heappush(self._heap, (at, timer))
