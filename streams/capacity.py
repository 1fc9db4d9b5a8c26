"""One partition's capacity shard in this worker: loaded, folded, committed, and begun again where that must be."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from domain.capacity.fold import FOLD_VERSION, CapacityState, Draft, Item, fold
from domain.errors import UnknownVersion, Unreadable
from domain.events import Genesis
from event_log.codec import decode, encode
from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import CAPACITY, region_of
from live_state import capacity
from live_state.state import (
    MOST_BYTES,
    Build,
    Commit,
    NoCluster,
    Position,
    State,
    StateAway,
    StateRefused,
    TooLarge,
    bytes_at_most,
    most_bytes,
)
from streams.dead_letters import DeadLetter, bury, letter_id
from streams.inlet import Astray, Batch, Inlet, NoAnswer, Reader
from streams.measures import Measures
from streams.ticks import OwnClock, tick

MOST_ITEMS = 500  # records of one commit; fewer once they proved too large, then more again
MOST_BURIED = 10_000  # offsets remembered, lest a dead letter is appended at each try
SENDING_TURNS = 10  # of the loop, in which a commit of many hundred kB is handed to the network
FAILS_OFTEN = 3
STOOD_STILL_S = 0.25  # later than asked by so much, it was we who stood still
REBUILDING_MS = 10_000  # further than this behind the log's end nothing is shown as live

logger = structlog.get_logger("streams.capacity")


class Limits(NamedTuple):
    """How long things may take, in seconds."""

    tick_s: float = 2.0  # without a record, before we append the time
    first_wait_s: float = 0.05  # after a failure, doubling
    longest_wait_s: float = 2.0
    look_again_s: float = 1.0  # a log's end may be told too low for a moment, after a broker has lost its leader
    recognise_s: float = 10.0  # between two looks at whether it is still the same log


class Sent(NamedTuple):
    """A commit on its way: what will be its answer, and what is so once that is yes."""

    answer: asyncio.Task[bool]
    to: Position
    rebuilding: bool
    folded: int
    at: float


class BeginAgain(Exception):
    """What is held in memory is not what the live state or the log hold; the message is the reason's name."""


class Stopped(Exception):
    """This worker is too old for the shard; a newer one has to take it."""


def backoff_s(failures: int, limits: Limits) -> float:
    """Return how long to wait after so many failures in a row: doubling, bounded, half of it by chance."""
    longest = min(limits.longest_wait_s, limits.first_wait_s * 2.0 ** min(failures, 16))
    return longest * random.uniform(0.5, 1.0)


class CapacityShard:
    """One partition, and the shard that lives on it: this worker is its only writer while the partition is its own.

    `trouble` names what keeps it from folding, None while nothing does.

    While the live state takes one commit in, the next is folded already, on a memory that is then one commit ahead
    (`capacity` is; `offset` and all that others ask is not). Whenever the answer is anything but yes, that memory is
    dropped and loaded anew, like after any other trouble; and with nothing more to fold it is never ahead.
    """

    def __init__(
        self,
        partition: int,
        log: Log,
        state: State,
        reader: Reader,
        measures: Measures,
        *,
        now: Callable[[], int],
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
    ) -> None:
        self.partition = partition
        self.inlet = Inlet(partition, reader)
        self.shard: str | None = None
        self.epoch = ""
        self.trouble: str | None = "starting"
        self._loading, self._failures = False, 0  # in a row, without any progress
        self._outside = False  # whether the trouble is another's, so that ending this process would mend nothing
        self.rebuilding = False
        self.capacity = CapacityState()
        self._log, self._state, self._reader = log, state, reader
        self._measures = measures
        self._now, self._limits = now, limits
        self._build: Build | None = None
        self._position = Position("", -1, FOLD_VERSION)
        self._sent: Sent | None = None
        self._most = MOST_ITEMS
        self._buried: set[int] = set()  # offsets of this epoch that are with the dead letters already
        self._clock = OwnClock()
        self._stamped = False
        self._own_tick, self._ticked_at = -1, 0
        self._quiet_since = self._recognised_at = time.monotonic()
        self._look: asyncio.Task[Genesis | None] | None = None
        self._known_end = 0
        self._rebuilds_to = 0  # the end of the log as it was when what came was last too old

    # -- what others ask

    @property
    def offset(self) -> int:
        """Return the last offset folded and committed."""
        return self._position.offset

    @property
    def end(self) -> int:
        """Return the log's end as far as it is known: fetched, or acknowledged to a tick of ours."""
        return max(self._known_end, self._reader.end(self.partition))

    @property
    def behind(self) -> int:
        """Return how many records are known to be on the log and not folded."""
        return max(0, self.end - self.offset - 1)

    @property
    def able(self) -> bool:
        """Return whether nothing but this process keeps it from folding, as far as that is known.

        To load may take long, and each of its waits is bounded; only what fails time and again gets no such leave.
        """
        return not self._outside and not (self._loading and self._failures < FAILS_OFTEN)

    @property
    def why_not_ready(self) -> str | None:
        """Return why nobody should rely on what this shard shows, None where they can."""
        if self.trouble is not None:
            return self.trouble
        if self._clock.off_ms is not None:
            return f"this machine's clock is {abs(self._clock.off_ms) / 1000:.1f} s off"
        return "rebuilding" if self.rebuilding else None

    # -- its life

    async def run(self) -> None:
        """Fold until cancelled. Nothing that happens here ends it: one region's trouble stops no other."""
        try:
            while True:
                before = self.offset, self.epoch
                try:
                    await self._until_trouble()
                    self.inlet.close()
                except Exception:  # a bug in one shard must not stop the others: it is named, and tried again
                    self.trouble, self._outside = "failed", False
                    logger.exception("failed", shard=self.shard, partition=self.partition)
                self._failures = 0 if (self.offset, self.epoch) != before else self._failures + 1
                await asyncio.sleep(backoff_s(self._failures, self._limits))
        finally:
            self._forget_look()
            if self._sent is not None:
                _forget(self._sent.answer)

    async def _until_trouble(self) -> None:
        """Fold until something is in the way, and name it."""
        try:
            self._loading = True
            try:
                await self._open()
            finally:
                self._loading = False
            while True:
                await self._step()
        except Stopped as why:
            self._say(str(why), outside=True)
            self.inlet.close()
            logger.error("stopped", shard=self.shard, partition=self.partition, why=str(why))
            await asyncio.get_running_loop().create_future()  # until the partition goes, or the process
        except (BeginAgain, NoAnswer) as why:
            self._again(str(why), why)
        except Astray as why:
            self._again("gap", why)
        except StateAway as why:
            self._again("live state away", why, outside=True)
        except (LogAway, UnknownTopic) as why:
            self._again("log away", why, outside=True)
        except NotAGenesis as why:
            self._again("not a log of ours", why, outside=True)
        except NoCluster as why:
            self._again(str(why), why, outside=True)
        except StateRefused as why:
            self._again("live state refuses the commit", why, outside=True)
        except Exception as bug:
            logger.exception("failed", shard=self.shard, partition=self.partition)
            self._again("failed", bug)

    def _say(self, trouble: str | None, *, outside: bool = False) -> None:
        self.trouble, self._outside = trouble, outside
        if self.shard is not None:
            self._measures.shard_ready.labels(self.shard).set(self.why_not_ready is None)

    def _again(self, reason: str, why: Exception, *, outside: bool = False) -> None:
        say = logger.debug if reason == self.trouble else logger.warning  # what goes on for hours is said once
        say("begins again", shard=self.shard, partition=self.partition, offset=self.offset, reason=reason, why=str(why))
        self._say(reason, outside=outside)
        self._measures.reloads.labels(str(self.partition), reason).inc()

    # -- from the live state's position on

    async def _open(self) -> None:
        """Return once the shard is in memory as the live state has it, and is read on from there."""
        await self._forget_sent()
        self._forget_look()
        genesis = await self._log.genesis(CAPACITY, self.partition)
        while genesis is None:  # a free partition: whoever founds a shard here appends its genesis
            self.shard = None
            self._say(None)
            self._loading = False
            await self.inlet.open(0)
            await self.inlet.take()
            genesis = await self._log.genesis(CAPACITY, self.partition)
        self._loading = True
        self.inlet.close()
        if genesis.epoch != self.epoch:
            self._buried.clear()
        self.shard, self.epoch = genesis.shard, genesis.epoch
        self._known_end = await self._log.end(CAPACITY, self.partition)
        self._build, self._position, self.capacity = await self._loaded(genesis.shard, genesis.epoch)
        await self.inlet.open(self.offset + 1)
        self._most, self._rebuilds_to = MOST_ITEMS, 0
        self._quiet_since = self._recognised_at = time.monotonic()
        self._say(None)
        self._measures.position.labels(self.shard).set(self.offset)
        logger.info("folds", shard=self.shard, partition=self.partition, build=self._build.label, offset=self.offset)
        await self._state.sweep(genesis.shard)

    async def _loaded(self, shard: str, epoch: str) -> tuple[Build, Position, CapacityState]:
        current = await self._state.current(shard)
        if current is not None and current.epoch == epoch:
            loaded = await self._state.load(current, capacity.NAMES)
            if loaded is not None and loaded[0].fold_version > FOLD_VERSION:
                raise Stopped(f"folded by version {loaded[0].fold_version}, this is version {FOLD_VERSION}")
            if (
                loaded is not None
                and loaded[0].fold_version == FOLD_VERSION
                and await self._on_the_log(loaded[0].offset)
            ):
                return current, loaded[0], capacity.load(*loaded)
        build = await self._state.begin(shard, epoch, FOLD_VERSION, current)
        if build is None:
            raise BeginAgain("build")
        logger.warning(
            "rebuilds", shard=shard, partition=self.partition, build=build.label, instead=current and current.label
        )
        return build, Position(epoch, -1, FOLD_VERSION), CapacityState()

    async def _on_the_log(self, offset: int) -> bool:
        """Return whether the log reaches as far as the live state does; told that it does not, ask once more."""
        if offset >= self._known_end:
            await asyncio.sleep(self._limits.look_again_s)
            self._known_end = await self._log.end(CAPACITY, self.partition)
        return offset < self._known_end

    # -- one step

    async def _step(self) -> None:
        self._recognise()
        waiting = self.behind == 0
        before = self._quiet_since
        batch = await self.inlet.take(max(0.0, self._limits.tick_s - (time.monotonic() - before)))
        self._quiet_since = time.monotonic()
        late = self._quiet_since - before > self._limits.tick_s + STOOD_STILL_S
        if batch is None:
            await self._tick()
            return
        self._known_end = max(self._known_end, batch.end)
        self._stamped = batch.stamped
        if self._now() - batch.records[0].timestamp > REBUILDING_MS:
            # By when it was appended, not by the shard's clock: one report from the future would hide a rebuild.
            self._rebuilds_to = self.end
        if not late:  # while we stood still, or waited for the log, records got older
            self._compare_clocks(batch, waiting)
        await self._fold(batch)
        if not self.inlet.waiting:
            await self._answered()
        self._say(None)

    def _recognise(self) -> None:
        """Look at the log's identity now and then, beside the folding; raise BeginAgain once it is another log.

        One that was made anew, and has grown past where we stand meanwhile, would follow without a gap.
        """
        if self._look is None:
            if time.monotonic() - self._recognised_at >= self._limits.recognise_s:
                self._look = asyncio.create_task(self._log.genesis(CAPACITY, self.partition))
        elif self._look.done():
            look, self._look, self._recognised_at = self._look, None, time.monotonic()
            try:
                genesis = look.result()
            except LogAway:
                return  # that says nothing of what it is
            if genesis is None or (genesis.shard, genesis.epoch) != (self.shard, self.epoch):
                raise BeginAgain("log")

    def _forget_look(self) -> None:
        look, self._look = self._look, None
        if look is not None:
            _forget(look)

    def _compare_clocks(self, batch: Batch, waiting: bool) -> None:
        first, last = batch.records[0].offset, batch.records[-1].offset
        if first <= self._own_tick <= last:
            kept_at = batch.records[self._own_tick - first].timestamp
            self._clock.compare(kept_at, self._ticked_at, stamped=batch.stamped, own=True)
        elif waiting:
            self._clock.compare(batch.records[-1].timestamp, self._now(), stamped=batch.stamped, own=False)

    async def _tick(self) -> None:
        """Append the time, as nobody else appended anything."""
        if self.behind:
            return  # something else was, or the last tick has yet to come back: if nothing does, the watchdog sees it
        now = self._now()
        event = tick(now, self.capacity.clock, self._clock, stamped=self._stamped)
        try:
            offset = await self._log.append(
                CAPACITY, self.partition, region_of(self.shard or "").encode(), encode(event)
            )
        except UnknownTopic as why:
            raise BeginAgain("log") from why
        except LogAway as why:
            if self.trouble is None:
                logger.warning("log away", shard=self.shard, partition=self.partition, why=str(why))
            self._say("log away", outside=True)
            return
        self._measures.ticks.labels(self.shard).inc()
        if offset <= self.offset:
            raise BeginAgain("log")  # it has begun anew
        self._own_tick, self._ticked_at = offset, now
        self._known_end = max(self._known_end, offset + 1)
        self._say(None)

    # -- folding

    async def _fold(self, batch: Batch) -> None:
        items, newer = _items(batch)
        done = 0
        while done < len(items):
            done += await self._commit_some(items, done, batch)
        if newer is not None:
            await self._answered()
            raise Stopped(f"{newer}, after offset {self.offset}")

    async def _commit_some(self, items: list[Item], done: int, batch: Batch) -> int:
        """Return how many items were folded and committed, or found to need another cut: then none."""
        started = time.perf_counter()
        draft = fold(self.capacity, items[done : done + self._most])
        count = draft.offset - self.capacity.offset
        self._measures.fold_seconds.labels(self.shard).observe(time.perf_counter() - started)
        try:
            commit, size = self._commit_of(draft)
        except TooLarge:
            self._cut(items, done, count, "it changes more than a commit may hold")
            return 0
        except Exception as error:  # noqa: BLE001 - as in the fold: a bug must cost one record, and never the shard
            self._cut(items, done, count, f"{type(error).__name__} while packing")
            return 0
        for offset, reason in draft.dead.items():
            await self._bury(offset, reason, batch.records[offset - batch.records[0].offset].value)
        await self._send(draft, commit)
        if size <= MOST_BYTES // 2:  # what would not fit would be folded for nothing
            self._most = min(MOST_ITEMS, self._most * 2)
        return count

    def _cut(self, items: list[Item], done: int, count: int, reason: str) -> None:
        """Have half as many be tried next; a lone record that can't be committed becomes a dead letter."""
        event = items[done].event
        if count > 1:
            self._most = count // 2
        elif not isinstance(event, Unreadable):
            items[done] = items[done]._replace(event=Unreadable(reason, event.id))
        elif event.id is not None:  # not even its outcome can be told
            items[done] = items[done]._replace(event=Unreadable(reason))
        else:
            raise RuntimeError(f"a dead letter alone can't be committed: {reason}")

    def _commit_of(self, draft: Draft) -> tuple[Commit, int]:
        """Return the commit of a draft and its size; raise TooLarge, or whatever packing raises."""
        at = self._sent.to if self._sent else self._position
        rebuilding = self._is_rebuilding(draft)
        packed = capacity.packed(draft)  # once, for both
        writes = capacity.writes(draft, packed, rebuilding=rebuilding)
        feed = capacity.feed(draft, packed, rebuilding=rebuilding)
        commit = Commit(at, at._replace(offset=draft.offset), writes, feed)
        size = bytes_at_most(commit)
        if size > most_bytes(commit):
            raise TooLarge(f"{size} bytes")
        return commit, size

    def _is_rebuilding(self, draft: Draft) -> bool:
        return draft.offset + 1 < self._rebuilds_to

    async def _send(self, draft: Draft, commit: Commit) -> None:
        """Return once the commit is on its way, the one before it in the live state, and both in memory."""
        assert self._build is not None
        await self._answered()
        answer = asyncio.create_task(self._state.commit(self._build, commit))
        folded = commit.to.offset - commit.at.offset
        self._sent = Sent(answer, commit.to, self._is_rebuilding(draft), folded, time.perf_counter())
        self.capacity.absorb(draft)
        for _ in range(SENDING_TURNS):
            await asyncio.sleep(0)

    async def _answered(self) -> None:
        """Return once what is on its way is in the live state; raise for any other answer."""
        if self._sent is None:
            return
        if not await asyncio.shield(self._sent.answer):
            raise BeginAgain("position")
        sent, self._sent = self._sent, None
        self._position, self.rebuilding = sent.to, sent.rebuilding
        self._measures.committed(self.shard or "", sent.folded, sent.to.offset, time.perf_counter() - sent.at)

    async def _forget_sent(self) -> None:
        """Return once nothing is on its way any more, whatever became of it: the live state is looked at next."""
        sent, self._sent = self._sent, None
        if sent is not None:
            await asyncio.gather(sent.answer, return_exceptions=True)

    async def _bury(self, offset: int, reason: str, value: bytes | None) -> None:
        """Return once the record is with the dead letters: before the commit, so that none is lost between the two."""
        if offset in self._buried:
            return  # at an earlier try of this commit
        letter = DeadLetter(
            id=letter_id(self.shard or "", self.epoch, offset),
            shard=self.shard or "",
            topic=CAPACITY,
            partition=self.partition,
            offset=offset,
            reason=reason,
            at=self._now(),
            value=value,
        )
        await bury(self._log, letter)
        if len(self._buried) >= MOST_BURIED:
            self._buried.clear()
        self._buried.add(offset)
        self._measures.dead_letters.labels(self.shard).inc()
        logger.error("dead letter", shard=self.shard, letter=letter.id, reason=reason)


def _forget(task: asyncio.Task[Any]) -> None:
    """Cancel what nobody waits for any more, and look at how it ended, which would otherwise be complained about."""
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    task.cancel()


def _items(batch: Batch) -> tuple[list[Item], UnknownVersion | None]:
    """Return the records as the fold wants them, up to the first that only a newer reader can read."""
    items: list[Item] = []
    for record in batch.records:
        appended_at = record.timestamp if batch.stamped else None
        try:
            items.append(Item(record.offset, decode(record.value), appended_at))
        except Unreadable as why:
            items.append(Item(record.offset, why, appended_at))
        except UnknownVersion as why:
            return items, why
    return items, None
