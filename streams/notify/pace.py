"""How fast a channel may be used, and when it is left alone: values and arithmetic, the time is an argument."""

from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "half", "open"]
STATES: tuple[State, ...] = ("closed", "half", "open")  # as the metric numbers them


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one channel's sender; times in seconds."""

    at_once: int = 4  # with the provider, or sent and not yet told of
    under_way: int = 64  # those, and what is written and waits for its turn
    most_waiting: int = 500  # of one channel; what is beyond stays in the shard's outbox
    send_within_s: float = 20.0
    first_wait_s: float = 1.0  # doubled at each further try
    most_wait_s: float = 30.0
    fails: int = 5  # in a row, until the channel is left alone
    rest_s: float = 15.0  # doubled each time that it proves down still
    most_rest_s: float = 300.0
    looks_again_s: float = 1.0  # at the outbox, where nothing tells of a change


def backoff_s(limits: Limits, tries: int, roll: float, asked_s: float | None = None) -> float:
    """Return how long to wait after so many tries: full jitter (`roll` from 0 to 1), never less than was asked for."""
    most = min(limits.most_wait_s, limits.first_wait_s * 2.0 ** min(tries - 1, 30))
    return max(roll * most, limits.first_wait_s / 10, asked_s or 0.0)


class Bucket:
    """A token bucket: so many a second, and as many at once after a rest (one at least)."""

    def __init__(self, per_second: float, now: float) -> None:
        self._rate, self._most = per_second, max(1.0, per_second)
        self._held, self._at = self._most, now

    def wait_s(self, now: float) -> float:
        """Return how long until one more may go, 0 where it may now."""
        self._fill(now)
        return 0.0 if self._held >= 1.0 else (1.0 - self._held) / self._rate

    def whole(self, now: float) -> int:
        """Return how many may go now."""
        self._fill(now)
        return int(self._held)

    def take(self, now: float, count: int = 1) -> None:
        """Count those that go."""
        self._fill(now)
        self._held -= count

    def _fill(self, now: float) -> None:
        self._held = min(self._most, self._held + max(0.0, now - self._at) * self._rate)
        self._at = now


class Breaker:
    """Leaves a channel alone that fails: closed → open after failures in a row → half after a rest, for one try.

    That try closes it or opens it for a longer rest. A refusal of one letter is no failure of the channel.
    """

    def __init__(self, limits: Limits, *, down: bool = False) -> None:
        self._limits = limits
        self.state: State = "open" if down else "closed"
        self._failed = limits.fails if down else 0
        self._rest_s = limits.rest_s
        self._until = 0.0  # who starts with a channel that was down tries it at once

    @property
    def up(self) -> bool:
        """Return whether the channel works as far as we know: it does again only once a try has shown it."""
        return self.state == "closed"

    def wait_s(self, now: float) -> float:
        """Return how long until a letter may be tried, 0 where one may now."""
        if self.state == "closed":
            return 0.0
        return max(0.0, self._until - now) if self.state == "open" else self._limits.most_rest_s

    def begin(self) -> bool:
        """Return whether what goes now is the one try of a channel that is open, which is over with `let` at least."""
        if self.state != "open":
            return False
        self.state = "half"
        return True

    def let(self) -> None:
        """Take note that the one try came to nothing, neither good nor bad."""
        if self.state == "half":
            self.state = "open"

    def worked(self) -> None:
        """Take note that the channel did what it is for."""
        self.state, self._failed, self._rest_s = "closed", 0, self._limits.rest_s

    def failed(self, now: float) -> None:
        """Take note that it did not."""
        self._failed += 1
        if self.state == "half":
            self._rest_s = min(self._limits.most_rest_s, self._rest_s * 2)
        elif self.state == "open" or self._failed < self._limits.fails:
            return  # one that began before it was open tells nothing new
        self.state, self._until = "open", now + self._rest_s
