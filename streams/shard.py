"""One partition's shard in this worker: loaded, folded, committed, and begun again where that must be."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import structlog

from domain.alerts.worth import Gain
from domain.capacity.fold import Item
from domain.errors import UnknownVersion, Unreadable
from domain.events import Event, Genesis
from event_log.codec import decode, encode
from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import region_of
from live_state.state import (
    MOST_BYTES,
    Build,
    Command,
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
from streams.forwarder import OUTBOX, WAITS_SINCE, Forwarder, Waits
from streams.inlet import Astray, Batch, Inlet, NoAnswer, Reader
from streams.measures import Measures
from streams.ticks import OwnClock, tick

MOST_ITEMS = 500  # records of one commit; fewer once they proved too large, then more again
MOST_BURIED = 10_000  # offsets remembered, lest a dead letter is appended at each try
MOST_UNPREPARED = 3  # drafts in a row that hold nothing, before their first record is taken for one that never will
SENDING_TURNS = 10  # of the loop, in which a commit of many hundred kB is handed to the network
FAILS_OFTEN = 3
STOOD_STILL_S = 0.25  # later than asked by so much, it was we who stood still
UNHEARD_MS = 10_000  # what has not got to the notices by then is told of: its forwarder may be stuck
REBUILDING_MS = 10_000  # further than this behind the log's end nothing is shown as live

logger = structlog.get_logger("streams.shard")


class Folded(Protocol):
    """What every fold's state tells of itself."""

    offset: int
    clock: int


class Drafted(Protocol):
    """What every fold's draft tells of itself."""

    offset: int
    clock: int
    dead: dict[int, str]


class Written(NamedTuple):
    """What a draft is in the live state: writes, a feed entry, and the steps that the writes put in the outbox.

    `gains` is what is to be counted once it is there.
    """

    writes: list[Command]
    feed: bytes
    steps: Mapping[str, bytes] = {}
    gains: Sequence[Gain] = ()


S = TypeVar("S", bound=Folded)
D = TypeVar("D", bound=Drafted)


class Sort(Protocol[S, D]):
    """A sort of shard: on which topic it lives, how it is folded, and how it is kept in the live state.

    `forwards`: it has an outbox of steps that go to the region's notices shard.
    """

    topic: str
    fold_version: int
    names: Sequence[str]
    forwards: bool

    def empty(self, end: int = -1) -> S:
        """Return the state before the first record; `end` is where the log ends now that is folded anew."""
        ...

    def load(self, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> S:
        """Return the state that these hashes hold."""
        ...

    async def prepare(self, state: S, items: Sequence[Item]) -> None:
        """Return once what these records' fold will want is at hand; raise NotPrepared where that can't be now."""
        ...

    def fold(self, state: S, items: Sequence[Item]) -> D:
        """Return the draft of records that follow the state; it may end before they do.

        One that ends before the first wants something that only folding it could name: `prepare` knows by then.
        """
        ...

    def absorb(self, state: S, draft: D) -> None:
        """Have the state become what the draft says."""
        ...

    def written(self, draft: D, *, rebuilding: bool) -> Written:
        """Return what the draft is in the live state; whatever it raises is one record's fault."""
        ...

    def waits(self, state: S) -> bool:
        """Return whether something that is due is left to the next record, whatever that is."""
        ...

    def measure(self, shard: str, state: S, measures: Measures, now: int) -> None:
        """Set the gauges that only a look at this sort's state can tell."""
        ...


class Limits(NamedTuple):
    """How long things may take, in seconds."""

    tick_s: float = 2.0  # without a record, before we append the time
    next_tick_s: float = 0.2  # the same, where something that is due waits for a record
    first_wait_s: float = 0.05  # after a failure, doubling
    longest_wait_s: float = 2.0
    look_again_s: float = 1.0  # a log's end may be told too low for a moment, after a broker has lost its leader
    recognise_s: float = 10.0  # between two looks at whether it is still the same log
    forwarding: Waits = Waits()


class Sent(NamedTuple):
    """A commit on its way: what will be its answer, and what is so once that is yes."""

    answer: asyncio.Task[bool]
    to: Position
    rebuilding: bool
    folded: int
    at: float
    steps: Mapping[str, bytes]  # that it put in the outbox
    forgot: Sequence[str]  # that it took out of it
    gains: Sequence[Gain]


class BeginAgain(Exception):
    """What is held in memory is not what the live state or the log hold; the message is the reason's name."""


class NotPrepared(Exception):
    """What the next records are folded with can't be had now; the message is the reason's name: wait, lose nothing."""


class Stopped(Exception):
    """This worker is too old for the shard; a newer one has to take it."""


def backoff_s(failures: int, limits: Limits) -> float:
    """Return how long to wait after so many failures in a row: doubling, bounded, half of it by chance."""
    longest = min(limits.longest_wait_s, limits.first_wait_s * 2.0 ** min(failures, 16))
    return longest * random.uniform(0.5, 1.0)


class Shard(Generic[S, D]):
    """One partition, and the shard that lives on it: this worker is its only writer while the partition is its own.

    `trouble` names what keeps it from folding, None while nothing does.

    While the live state takes one commit in, the next is folded already, on a memory that is then one commit ahead
    (`held` is; `offset` and all that others ask is not). Whenever the answer is anything but yes, that memory is
    dropped and loaded anew, like after any other trouble; and with nothing more to fold it is never ahead.
    """

    def __init__(
        self,
        sort: Sort[S, D],
        partition: int,
        log: Log,
        state: State,
        reader: Reader,
        measures: Measures,
        *,
        now: Callable[[], int],
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
    ) -> None:
        self.sort, self.topic, self.partition = sort, sort.topic, partition
        self.inlet = Inlet(partition, reader)
        self.shard: str | None = None
        self.epoch = ""
        self.trouble: str | None = "starting"
        self._loading, self._failures = False, 0  # in a row, without any progress
        self._outside = False  # whether the trouble is another's, so that ending this process would mend nothing
        self.rebuilding = False
        self.held = sort.empty()
        self.forwarder: Forwarder | None = None
        self._log, self._state, self._reader = log, state, reader
        self._measures = measures
        self._now, self._limits = now, limits
        self._build: Build | None = None
        self._position = Position("", -1, sort.fold_version)
        self._sent: Sent | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._folds_from = 0  # the end of the log as it was when the shard was loaded
        self._folded_to_there = False
        self._changed = asyncio.Event()
        self._most = MOST_ITEMS
        self._unprepared = 0
        self._waits_since = 0  # as it is in the live state
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
    def life(self) -> tuple[str, str] | None:
        """Return the shard's name and the epoch of its log, None while none lives here."""
        return None if self.shard is None else (self.shard, self.epoch)

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

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded; it stays so until loaded anew."""
        return self._folded_to_there and not self.rebuilding and self.trouble is None

    async def changed(self) -> None:
        """Return once something was committed, or `ready` changed, since this last returned: for one waiter."""
        await self._changed.wait()
        self._changed.clear()

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log; raise LogAway or UnknownTopic."""
        await self._log.append(self.topic, self.partition, self._key, encode(event))

    @property
    def told_now(self) -> int:
        """Return the time as it may be told on the log: the shard's own clock while ours is in doubt."""
        return self.held.clock if self._clock.off_ms is not None else self._now()

    @property
    def _key(self) -> bytes:
        return region_of(self.shard or "").encode()

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
            if self._forwarding is not None:
                _forget(self._forwarding)

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
        self._changed.set()
        self.trouble, self._outside = trouble, outside
        if self.shard is not None:
            self._measures.shard_ready.labels(self.shard).set(self.why_not_ready is None)

    def _again(self, reason: str, why: Exception, *, outside: bool = False) -> None:
        say = logger.debug if reason == self.trouble else logger.warning  # what goes on for hours is said once
        say(
            "begins again",
            shard=self.shard,
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            reason=reason,
            why=str(why),
        )
        self._say(reason, outside=outside)
        self._measures.reloads.labels(self.topic, str(self.partition), reason).inc()

    # -- from the live state's position on

    async def _open(self) -> None:
        """Return once the shard is in memory as the live state has it, and is read on from there."""
        await self._forget_sent()
        await self._end_forwarding()
        self._forget_look()
        self._folded_to_there = False
        genesis = await self._log.genesis(self.topic, self.partition)
        while genesis is None:  # a free partition: whoever founds a shard here appends its genesis
            self.shard = None
            self._say(None)
            self._loading = False
            await self.inlet.open(0)
            await self.inlet.take()
            genesis = await self._log.genesis(self.topic, self.partition)
        self._loading = True
        self.inlet.close()
        if genesis.epoch != self.epoch:
            self._buried.clear()
        self.shard, self.epoch = genesis.shard, genesis.epoch
        self._known_end = await self._log.end(self.topic, self.partition)
        self._folds_from = self._known_end
        self._waits_since = 0
        self._build, self._position, self.held, outbox = await self._loaded(genesis.shard, genesis.epoch)
        self._folded_to_there = self.offset + 1 >= self._folds_from
        if self.sort.forwards:
            self._forward(self._build, outbox)
        await self.inlet.open(self.offset + 1)
        self._most, self._rebuilds_to = MOST_ITEMS, 0
        self._quiet_since = self._recognised_at = time.monotonic()
        self._say(None)
        self._measures.position.labels(self.shard).set(self.offset)
        logger.info("folds", shard=self.shard, partition=self.partition, build=self._build.label, offset=self.offset)
        await self._state.sweep(genesis.shard)

    async def _loaded(self, shard: str, epoch: str) -> tuple[Build, Position, S, Mapping[str, bytes]]:
        version = self.sort.fold_version
        current = await self._state.current(shard)
        if current is not None and current.epoch == epoch:
            loaded = await self._state.load(current, (*self.sort.names, *([OUTBOX] if self.sort.forwards else ())))
            if loaded is not None and loaded[0].fold_version > version:
                raise Stopped(f"folded by version {loaded[0].fold_version}, this is version {version}")
            if loaded is not None and loaded[0].fold_version == version and await self._on_the_log(loaded[0].offset):
                self._waits_since = int(loaded[1].get("meta", {}).get(WAITS_SINCE, 0))
                return current, loaded[0], self.sort.load(*loaded), loaded[1].get(OUTBOX, {})
        build = await self._state.begin(shard, epoch, version, current)
        if build is None:
            raise BeginAgain("build")
        logger.warning(
            "rebuilds", shard=shard, partition=self.partition, build=build.label, instead=current and current.label
        )
        return build, Position(epoch, -1, version), self.sort.empty(self._known_end), {}

    def _forward(self, build: Build, outbox: Mapping[str, bytes]) -> None:
        """Have what is in the outbox, and what will be, taken to the region's notices shard meanwhile."""
        self.forwarder = Forwarder(
            build, self._log, self._state, self._measures, now=lambda: self.told_now, waits=self._limits.forwarding
        )
        self.forwarder.load(outbox)
        self._forwarding = asyncio.create_task(self.forwarder.run(), name=f"forward {build.shard}")

    async def _end_forwarding(self) -> None:
        """Return once nothing more is forwarded of what the live state held when it was last loaded."""
        forwarding, self._forwarding, self.forwarder = self._forwarding, None, None
        if forwarding is not None:
            _forget(forwarding)
            await asyncio.wait([forwarding])

    async def _on_the_log(self, offset: int) -> bool:
        """Return whether the log reaches as far as the live state does; told that it does not, ask once more."""
        if offset >= self._known_end:
            await asyncio.sleep(self._limits.look_again_s)
            self._known_end = await self._log.end(self.topic, self.partition)
        return offset < self._known_end

    # -- one step

    async def _step(self) -> None:
        self._recognise()
        waiting = self.behind == 0
        before = self._quiet_since
        quiet_s = self._limits.next_tick_s if self.sort.waits(self.held) else self._limits.tick_s
        batch = await self.inlet.take(max(0.0, quiet_s - (time.monotonic() - before)))
        self._quiet_since = time.monotonic()
        late = self._quiet_since - before > quiet_s + STOOD_STILL_S
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
                self._look = asyncio.create_task(self._log.genesis(self.topic, self.partition))
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
        event = tick(now, self.held.clock, self._clock, stamped=self._stamped)
        try:
            offset = await self._log.append(self.topic, self.partition, self._key, encode(event))
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
        await self._prepare(items, done)
        started = time.perf_counter()
        draft = self.sort.fold(self.held, items[done : done + self._most])
        count = draft.offset - self.held.offset
        self._measures.fold_seconds.labels(self.shard).observe(time.perf_counter() - started)
        if not count:
            self._unprepared += 1
            if self._unprepared > MOST_UNPREPARED:
                self._cut(items, done, 1, "what it is folded with can't be had")
            return 0
        self._unprepared = 0
        try:
            commit, size, sent = self._commit_of(draft)
        except TooLarge:
            self._cut(items, done, count, "it changes more than a commit may hold")
            return 0
        except Exception as error:  # noqa: BLE001 - as in the fold: a bug must cost one record, and never the shard
            self._cut(items, done, count, f"{type(error).__name__} while packing")
            return 0
        for offset, reason in draft.dead.items():
            await self._bury(offset, reason, batch.records[offset - batch.records[0].offset].value)
        await self._send(draft, commit, sent)
        if size <= MOST_BYTES // 2:  # what would not fit would be folded for nothing
            self._most = min(MOST_ITEMS, self._most * 2)
        return count

    async def _prepare(self, items: list[Item], done: int) -> None:
        """Return once the next items can be folded, however long that takes: nothing is given up meanwhile."""
        failures = 0
        while True:
            wanted = items[done : done + self._most]
            self._outside = True  # however long it takes, ending this process would not hasten it
            try:
                await self.sort.prepare(self.held, wanted)
            except NotPrepared as why:
                await self._answered()  # what was folded before is to be seen meanwhile
                if self.trouble != str(why):
                    logger.warning("waits", shard=self.shard, offset=self.offset, reason=str(why))
                self._say(str(why), outside=True)
                await asyncio.sleep(backoff_s(failures, self._limits))
                failures += 1
            else:
                self._outside = False
                if failures:
                    self._say(None)
                return

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

    def _commit_of(self, draft: D) -> tuple[Commit, int, Written]:
        """Return the commit of a draft, its size and what it is made of; raise TooLarge, or whatever packing raises."""
        at = self._sent.to if self._sent else self._position
        written = self.sort.written(draft, rebuilding=self._is_rebuilding(draft))
        commit = Commit(at, at._replace(offset=draft.offset), written.writes, written.feed)
        size = bytes_at_most(commit)
        if size > most_bytes(commit):
            raise TooLarge(f"{size} bytes")
        return commit, size, written

    def _is_rebuilding(self, draft: D) -> bool:
        return draft.offset + 1 < self._rebuilds_to

    async def _send(self, draft: D, commit: Commit, written: Written) -> None:
        """Return once the commit is on its way, the one before it in the live state, and both in memory."""
        assert self._build is not None
        await self._answered()
        forgot = self.forwarder.done() if self.forwarder else ()
        if forgot:
            cleared = commit._replace(writes=[*commit.writes, ["HDEL", OUTBOX, *forgot]])
            if bytes_at_most(cleared) <= most_bytes(commit):  # or else the next one does it
                commit = cleared
            else:
                forgot = ()
        waits_since = self._unheard_since()
        if waits_since != self._waits_since:
            told = commit._replace(writes=[*commit.writes, ["HSET", "meta", WAITS_SINCE, waits_since]])
            if bytes_at_most(told) <= most_bytes(commit):
                commit, self._waits_since = told, waits_since  # loaded anew, should the commit fail
        answer = asyncio.create_task(self._state.commit(self._build, commit))
        folded = commit.to.offset - commit.at.offset
        rebuilding = self._is_rebuilding(draft)
        self._sent = Sent(
            answer, commit.to, rebuilding, folded, time.perf_counter(), written.steps, forgot, written.gains
        )
        self.sort.absorb(self.held, draft)
        for _ in range(SENDING_TURNS):
            await asyncio.sleep(0)

    def _unheard_since(self) -> int:
        """Return of when the oldest is of what could not get to the notices for long, 0 without any such."""
        if self.forwarder is None or not self.forwarder.waiting or self.rebuilding:
            return 0
        oldest_at = self.forwarder.oldest_at
        if oldest_at is None:
            return self._waits_since
        return oldest_at if self.told_now - oldest_at >= UNHEARD_MS else 0

    async def _answered(self) -> None:
        """Return once what is on its way is in the live state; raise for any other answer."""
        if self._sent is None:
            return
        if not await asyncio.shield(self._sent.answer):
            raise BeginAgain("position")
        sent, self._sent = self._sent, None
        self._position, self.rebuilding = sent.to, sent.rebuilding
        self._folded_to_there = self._folded_to_there or self.offset + 1 >= self._folds_from
        if self.forwarder is not None:
            self.forwarder.committed(sent.steps, sent.forgot)
        self._changed.set()
        if sent.gains and not sent.rebuilding:  # what is told again was counted when it was told
            self._measures.gained(region_of(self.shard or ""), sent.gains)
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
            topic=self.topic,
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
