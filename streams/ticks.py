"""When a shard's worker appends the time, and whether its own clock can be believed."""

from dataclasses import dataclass

from domain.events import Tick
from event_log.ids import new_id

SKEW_MS = 2_000
DOUBT_MS = 10_000  # how long a doubt lasts that only a record of someone else could lift


@dataclass(slots=True)
class OwnClock:
    """What fresh records tell of this machine's clock.

    The broker's own stamp (Kafka, by append time) of a tick of ours, beside when we sent it, settles it either way. A
    record of someone else that arrives while the shard waits was made just now: its timestamp is beside our time. A
    stamp of whoever appended it (Tansu knows no other) says nothing if that was us, and else the doubt may be theirs.
    """

    off_ms: int | None = None
    asked: bool = False  # whether the broker's clock has been compared, or will not be
    _doubted_at: int = 0

    def compare(self, timestamp: int, now: int, *, stamped: bool, own: bool) -> None:
        """Take in a record's timestamp, beside our time when it was made as far as we know."""
        self.asked = self.asked or own
        if own and not stamped:
            return
        if abs(now - timestamp) > SKEW_MS:
            self.off_ms, self._doubted_at = now - timestamp, now
        else:
            self.off_ms = None

    def is_off(self, now: int, *, stamped: bool) -> bool:
        """Return whether our time is not to be told; a doubt that nobody can lift ends by itself."""
        if self.off_ms is not None and not stamped and abs(now - self._doubted_at) > DOUBT_MS:
            self.off_ms = None
        return self.off_ms is not None


def tick(now: int, clock: int, own: OwnClock, *, stamped: bool) -> Tick:
    """Return the tick to append: the time, or, where that is in doubt, one that only asks the broker for its own.

    Such a tick carries the shard's clock as it is, which changes nothing; its append time comes back with it. The first
    one after a start is such a question too: a clock that is ahead, once told, could not be taken back.
    """
    doubtful = not own.asked or own.is_off(now, stamped=stamped)
    return Tick(id=new_id(now), received_at=clock if doubtful else now)
