"""Takes what a shard tells of, alerts' steps first, from its outbox to the region's notices shard: in order, all."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import structlog

from domain.alerts.lifecycle import Step
from domain.alerts.notice import Mark
from domain.events import AlertsStood, AlertStepped, CaseFound, Counted, EpochBegan, Event, WordSent
from domain.followup.crossing import Case, Count, Crossing, Standing, Stepped, Word
from event_log.codec import encode
from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import NOTICES, region_of, shards, sort_of
from live_state.notices import read_mark
from live_state.state import Build, State, StateAway
from streams.measures import Measures

NOTHING = (-1, -1)  # before the first step of the first record
WAITS_SINCE = "waits_since"  # in the hash `meta`: of when the oldest of it is, where that is long ago
OUTBOX = "outbox"  # the hash: `<offset, 20 digits>/<n>` → the step, packed
AT_ONCE = 100  # steps that are appended before any of them is struck out
MOST_HELD = 1_000  # steps in memory; of those that wait behind them only their names are
MOST_STRUCK_OUT = 800  # by one commit: a command has no more parts than Lua unpacks

_step = msgspec.msgpack.Decoder(Step).decode


def _stepped(packed: bytes) -> Crossing:
    return Stepped(_step(packed))


# How a sort's outbox is read: what a capacity shard tells are steps, and nothing else.
READ: Mapping[str, Callable[[bytes], Crossing]] = {
    "capacity": _stepped,
    "followup": msgspec.msgpack.Decoder(Crossing).decode,
}

logger = structlog.get_logger("streams.forwarder")


class Waits(NamedTuple):
    """How long to wait after a failure, in seconds: doubling."""

    first_s: float = 0.1
    longest_s: float = 5.0


class NoNotices(Exception):
    """The region has no notices shard on the log (yet)."""


class Anew(Exception):
    """What took our steps is another log than the one looked at: they go again, to wherever the shard is by now."""


class Destination(NamedTuple):
    """The region's notices shard: its partition, the end of its log when last seen, and what it knows of us.

    `knows` tells whether it has been told of this life of our log at all.
    """

    partition: int
    end: int
    upto: tuple[int, int]
    knows: bool


def place_of(field: str) -> tuple[int, int]:
    """Return the offset of the record that led to a step, and which of that record's steps it is."""
    offset, _, n = field.partition("/")
    return int(offset), int(n)


class Forwarder:
    """One task beside one shard, from one load of it to the next; whatever befalls it, the shard folds on.

    First it marks which life of our log this is, so that what an earlier one told of ends though this one may tell of
    nothing for long; a notices shard that knows is not told again.

    A step is struck out of the outbox by the first commit after the notices log has acknowledged it: so one may be
    appended again, under its own id, and none is lost. Each append is acknowledged before the next begins, and begins
    with the first step that was not, or before. So however many of these are at work, or were a moment ago, the notices
    log has the first sight of each step in the steps' own order.
    """

    def __init__(
        self,
        build: Build,
        log: Log,
        state: State,
        measures: Measures,
        *,
        now: Callable[[], int],
        waits: Waits = Waits(),  # noqa: B008 - a frozen value
    ) -> None:
        self._build, self._region, self._read = build, region_of(build.shard), READ[sort_of(build.shard)]
        self._log, self._state, self._measures = log, state, measures
        self._now, self._waits = now, waits
        self._waiting: deque[str] = deque()
        self._held: dict[str, bytes] = {}  # of the first of those, the steps themselves
        self._done: dict[str, None] = {}
        self._something = asyncio.Event()
        self._to: Destination | None = None
        self._marked = False
        self.trouble: str | None = None

    # -- what the shard does

    def load(self, outbox: Mapping[str, bytes]) -> None:
        """Take in what the outbox held when the shard was loaded."""
        self._add({field: outbox[field] for field in sorted(outbox, key=place_of)})

    def committed(self, steps: Mapping[str, bytes], forgot: Iterable[str]) -> None:
        """Take in what a commit has put in the outbox, and what it struck out of it."""
        for field in forgot:
            self._done.pop(field, None)
        self._add(steps)

    def done(self) -> Sequence[str]:
        """Return what the next commit may strike out."""
        return list(islice(self._done, MOST_STRUCK_OUT))

    @property
    def waiting(self) -> int:
        """Return how many steps are still to be appended."""
        return len(self._waiting)

    @property
    def oldest_at(self) -> int | None:
        """Return the instant of the step that has waited longest, None where none waits or it is not in memory."""
        packed = self._held.get(self._waiting[0]) if self._waiting else None
        return None if packed is None else self._read(packed).at

    def _add(self, steps: Mapping[str, bytes]) -> None:
        for field, packed in steps.items():
            if len(self._held) < MOST_HELD and len(self._held) == len(self._waiting):
                self._held[field] = packed
            self._waiting.append(field)
        if self._waiting:
            self._something.set()

    # -- its own task

    async def run(self) -> None:
        """Forward until cancelled."""
        failures = 0
        while True:
            if self._marked:
                await self._something.wait()
            try:
                await (self._forward() if self._marked else self._mark())
                failures, self.trouble = 0, None
                continue
            except NoNotices:
                self._again("no notices shard")
            except (LogAway, UnknownTopic, NotAGenesis, Anew) as why:
                self._again("log away", why)
            except StateAway as why:
                self._again("live state away", why)
            except Exception:  # a bug here must not stop the fold: it is named, and tried again
                self.trouble = "failed"
                logger.exception("failed", shard=self._build.shard)
            self._to = None
            failures += 1
            longest_s = min(self._waits.longest_s, self._waits.first_s * 2.0 ** min(failures - 1, 16))
            await asyncio.sleep(longest_s * random.uniform(0.5, 1.0))

    def _again(self, trouble: str, why: Exception | None = None) -> None:
        if trouble != self.trouble:  # what goes on for hours is said once
            logger.warning("forwards later", shard=self._build.shard, reason=trouble, why=str(why or ""))
        self.trouble = trouble

    async def _mark(self) -> None:
        """Append which life of our log this is, unless that is known there."""
        try:
            to = self._to = await self._destination()
        except (NoNotices, UnknownTopic):  # of one that is yet to be founded nothing has to end
            self._marked = True
            return
        if not to.knows:
            began = EpochBegan(
                id=f"{self._build.shard}/{self._build.epoch}/began",
                received_at=self._now(),
                region=self._region,
                shard=self._build.shard,
                epoch=self._build.epoch,
            )
            await self._log.append(NOTICES, to.partition, self._region.encode(), encode(began))
        self._marked = True

    async def _forward(self) -> None:
        """Append the first of what waits, and note it as done."""
        to = self._to = self._to or await self._destination()
        fields = list(islice(self._waiting, AT_ONCE))
        packed = await self._packed(fields)
        fresh = [self._event(field, step) for field, step in packed.items() if place_of(field) > to.upto]
        if fresh:
            key = self._region.encode()
            last = await self._log.append_all(NOTICES, to.partition, key, [encode(event) for event in fresh])
            if last - len(fresh) + 1 < to.end:
                raise Anew(f"kept at {last}, where {to.end} records were before")
            self._to = to._replace(end=last + 1)
            self._measures.steps_forwarded.labels(self._build.shard).inc(len(fresh))
        for field in fields:
            self._waiting.popleft()
            self._held.pop(field, None)
            self._done[field] = None
        if not self._waiting:
            self._something.clear()

    async def _packed(self, fields: Sequence[str]) -> dict[str, bytes]:
        """Return these steps, from memory or from the outbox itself."""
        lacking = [field for field in fields if field not in self._held]
        found = dict(zip(lacking, await self._state.fields(self._build, OUTBOX, lacking), strict=True))
        packed = {field: self._held.get(field) or found.get(field) for field in fields}
        if None in packed.values():
            # The live state went back, or is another by now: the shard notices with its next commit, and loads anew.
            raise StateAway("the outbox lacks what was committed to it")
        return {field: step for field, step in packed.items() if step is not None}

    def _event(self, field: str, packed: bytes) -> Event:
        """Return what the notices shard is told: each under an id of its own, and in its place among ours."""
        offset, n = place_of(field)
        shard, epoch = self._build.shard, self._build.epoch
        told: dict[str, Any] = {
            "id": f"{shard}/{epoch}/{offset}/{n}",
            "received_at": self._now(),
            "region": self._region,
            "shard": shard,
            "epoch": epoch,
            "offset": offset,
            "n": n,
        }
        match self._read(packed):
            case Stepped(step):
                return AlertStepped(**told, step=step)
            case Case() as case:
                return CaseFound(**told, case=case)
            case Count() as count:
                return Counted(**told, count=count)
            case Word() as word:
                return WordSent(**told, word=word)
            case Standing() as standing:
                return AlertsStood(**told, standing=standing)

    async def _destination(self) -> Destination:
        """Return where the region's notices shard is; raise NoNotices where it is nowhere."""
        name = f"notices:{self._region}"
        partition = (await shards(self._log, NOTICES)).get(name)
        genesis = None if partition is None else await self._log.genesis(NOTICES, partition)
        if partition is None or genesis is None or genesis.shard != name:
            raise NoNotices(name)
        end = await self._log.end(NOTICES, partition)
        mark = await self._known_there(name, genesis.epoch)
        return Destination(partition, end, (mark.offset, mark.n) if mark else NOTHING, mark is not None)

    async def _known_there(self, name: str, epoch: str) -> Mark | None:
        """Return up to which step the notices shard has folded ours, as the live state tells of that very log."""
        build = await self._state.current(name)
        if build is None or build.epoch != epoch:
            return None
        [packed] = await self._state.fields(build, "upto", [self._build.shard])
        mark = None if packed is None else read_mark(packed)
        return mark if mark is not None and mark.epoch == self._build.epoch else None
