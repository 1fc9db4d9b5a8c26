"""How often something may be done in this process: a bucket of tokens that fills up by itself."""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BUCKETS = 1_000  # those used last; one that is forgotten is full again


class Bucket:
    """So many at once, and so many a second from then on."""

    def __init__(self, most: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._a_second, self._clock = most, a_second, clock
        self._left, self._counted_at = most, clock()

    def take(self, wanted: int = 1) -> bool:
        """Return whether there were so many to take; where there were not, none is taken."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._a_second)
        self._counted_at = now
        if self._left < wanted:
            return False
        self._left -= wanted
        return True


class Buckets:
    """A bucket for each name: whoever empties theirs takes nothing from others."""

    def __init__(self, most: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._a_second, self._clock = most, a_second, clock
        self._held: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, wanted: int = 1) -> bool:
        """Return whether there were so many to take in the bucket of that name."""
        bucket = self._held.get(name)
        if bucket is None:
            bucket = self._held[name] = Bucket(self._most, self._a_second, self._clock)
            if len(self._held) > MOST_BUCKETS:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        return bucket.take(wanted)
