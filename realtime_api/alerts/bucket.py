"""How often something may be done in this process: a bucket of tokens that fills up by itself."""

import time
from collections.abc import Callable


class Bucket:
    """So many at once, and so many a second from then on."""

    def __init__(self, most: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._a_second, self._clock = most, a_second, clock
        self._left, self._counted_at = most, clock()

    def take(self) -> bool:
        """Return whether there was one to take."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._a_second)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
