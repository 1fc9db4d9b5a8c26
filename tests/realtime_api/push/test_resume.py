"""Property 4: leaving and coming back from any token shows the picture that never leaving would have shown."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.capacity.fold import FOLD_VERSION, CapacityState, Item, fold
from domain.capacity.picture import WardPicture
from domain.capacity.totals import total_of
from domain.capacity.view import Sight, see_total, see_ward, visible
from domain.events import Event, Source, Tick
from domain.grants import Grant
from live_state import capacity
from live_state.capacity import read_feed
from live_state.memory import MemoryState
from live_state.state import Build, Commit, Position
from realtime_api.access import Eyes, View, view_of
from realtime_api.measures import Measures
from realtime_api.problems import Close
from realtime_api.push.codecs import JSON, MSGPACK, Codec
from realtime_api.push.hub import HASHES, Hub
from realtime_api.push.outbox import GAP_OF_MANY_S, GAP_S, MANY, Listener, Outbox
from tests.small_region import DAY, HOUR, START, WARDS, events, items, opening, report

SHARD = "capacity:ici"
GRANTED = (
    ("crisis_cell", "ici"),
    ("regulator", "ici"),
    ("physician", "ici"),
    ("facility", "ej:310000010"),
    ("ward", "ward:310000001/rea-adulte"),
    ("source", "ej:310000010"),
    ("ops", "ici"),
)


def view(role: str, scope: str, subject: str = "anne") -> View:
    """Return the view of someone with one right."""
    found = view_of(subject, [Grant(role=role, scope=scope, since=0)], "ici", 1)
    assert found is not None
    return found


class Transport:
    """A transport that keeps its frames for a client to read, and can be full."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.is_full = False
        self.written = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Keep a frame."""
        self.frames.append(data)
        self.written.set()

    def get_write_buffer_size(self) -> int:
        """Return how much waits."""
        return 10**6 if self.is_full else 0


class Client:
    """What a page does with frames: holds a picture, puts changes over it, keeps the last token."""

    def __init__(self, view: View, codec: Codec) -> None:
        self.view, self.codec = view, codec
        self.token: str | None = None
        self.picture: dict[str, Any] = {}
        self.listener: Listener | None = None
        self.transport = Transport()

    def come(self, outbox: Outbox) -> None:
        """Connect, with the token of last time."""
        self.transport = Transport()
        self.listener = Listener(self.transport, "anne", self.codec, self.view, lambda _: None, lambda: self.view)
        outbox.add(self.listener, self.token)

    def leave(self, outbox: Outbox) -> None:
        """Go, with what was read so far; what was still under way is lost."""
        if self.listener is not None:
            outbox.remove(self.listener)
        self.listener = None
        self.transport = Transport()

    def read(self) -> None:
        """Take in every frame that has come."""
        frames, self.transport.frames = self.transport.frames, []
        for frame in frames:
            message = decode(frame, self.codec)
            match message["type"]:
                case "snapshot":
                    self.picture = {"wards": message["data"]["wards"], "totals": message["data"]["totals"]}
                    self.token = message["token"]
                case "changes":
                    for name in ("wards", "totals"):
                        for key, value in message["changes"].get(name, {}).items():
                            if value is None:
                                self.picture[name].pop(key, None)
                            else:
                                self.picture[name][key] = value
                    self.token = message["token"]


def decode(frame: bytes, codec: Codec) -> Any:
    """Return the message of an unmasked frame."""
    size = frame[1]
    payload = frame[2:] if size < 126 else frame[4:] if size == 126 else frame[10:]
    return (msgspec.json if codec is JSON else msgspec.msgpack).decode(payload)


class World:
    """A shard, its state, and one API process over it that can be restarted."""

    def __init__(self) -> None:
        self.state, self.memory = MemoryState(), CapacityState()
        self.build: Build
        self.hub: Hub
        self.outbox: Outbox

    async def found(self) -> None:
        """Fold a region, and start the process."""
        made = await self.state.begin(SHARD, "e1", FOLD_VERSION, None)
        assert made is not None
        self.build = made
        await self.commit(items(opening()))
        await self.restart()

    async def commit(self, some: Sequence[Item]) -> None:
        """Fold these records into one commit or more."""
        while some:
            draft = fold(self.memory, some)
            at = Position("e1", self.memory.offset, FOLD_VERSION)
            to = Position("e1", draft.offset, FOLD_VERSION)
            done = Commit(at, to, capacity.writes(draft, rebuilding=False), capacity.feed(draft, rebuilding=False))
            assert await self.state.commit(self.build, done)
            self.memory.absorb(draft)
            some = [item for item in some if item.offset > draft.offset]

    async def load(self) -> None:
        """Let the hub read the state anew."""
        loaded = await self.state.load(self.build, HASHES)
        assert loaded is not None
        self.hub.replace(self.build, *loaded)
        entries = await self.state.feed(self.build, -1, most=10**6)
        self.hub.recall([(entry.offset, read_feed(entry.payload)) for entry in entries])

    async def restart(self) -> None:
        """Start another process in place of the one that is."""
        self.hub = Hub("ici")
        self.outbox = Outbox(self.hub, Measures())
        await self.load()

    async def follow(self) -> None:
        """Let the hub take in what was committed."""
        for entry in await self.state.feed(self.build, self.hub.offset, most=10**6):
            change = read_feed(entry.payload)
            if change.start != self.hub.offset or change.reload:
                await self.load()
                self.outbox.reset("reload")
                return
            self.outbox.changed(self.hub.apply(entry.offset, change))

    def flush(self) -> None:
        """Let the conflation's time pass."""
        if self.outbox._dirty:
            self.outbox._flush()

    def trim(self, most: int) -> None:
        """Forget all but the last entries of the feed."""
        feed = self.state._held[self.build].feed
        while len(feed) > most:
            feed.popleft()

    def truth(self, of: View) -> dict[str, Any]:
        """Return what a view shows, straight from the fold."""
        document, eyes = self.memory.region, Eyes(of, self.memory.region)  # type: ignore[arg-type]
        assert document is not None
        wards = {
            id_: see_ward(picture, eyes.ward(id_), document, self.memory.clock)
            for id_, picture in self.memory.wards.items()
        }
        totals = {}
        for key in self.memory.totals:
            sight = eyes.total(key)

            def drawn(id_: str, sight: Sight = sight) -> WardPicture | None:
                picture = self.memory.wards.get(id_)
                return None if picture is None else visible(picture, sight, document, self.memory.clock)

            total = total_of(key, self.memory.members[key], drawn, document)
            if sight.statuses and total is not None:
                totals[key] = see_total(total, sight)
        return {"wards": {id_: ward for id_, ward in wards.items() if ward is not None}, "totals": totals}


WHAT = ["commit"] * 6 + ["come", "come", "leave", "full", "drain", "flush", "read", "restart", "trim"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WHAT),
        st.integers(0, 7),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(log=events(), steps=STEPS)
def test_leaving_and_returning_shows_what_staying_would_have_shown(
    log: list[Event], steps: list[tuple[str, int]]
) -> None:
    asyncio.run(play(log, steps))


async def play(log: list[Event], steps: list[tuple[str, int]]) -> None:
    """Play any order of commits, departures, returns, full sockets and restarts, and compare at the end."""
    world = World()
    await world.found()
    left = items(log, start=len(opening()))
    clients = [
        Client(view(role, scope), codec) for place, (role, scope) in enumerate(GRANTED) for codec in _codec_of(place)
    ]
    for client in clients:
        client.come(world.outbox)
    for what, number in steps:
        client = clients[number % len(clients)]
        match what:
            case "commit":
                await world.commit(left[: number + 1])
                left = left[number + 1 :]
                await world.follow()
            case "come" if client.listener is None:
                client.come(world.outbox)
            case "leave":
                client.leave(world.outbox)
            case "full":
                client.transport.is_full = True
            case "drain":
                client.transport.is_full = False
                world.outbox._look()
            case "flush":
                world.flush()
            case "read":
                client.read()
            case "restart":
                for each in clients:
                    each.leave(world.outbox)
                await world.restart()
            case "trim":
                world.trim(number)
    await world.commit(left)
    await world.follow()
    for client in clients:
        client.transport.is_full = False
        if client.listener is None:
            client.come(world.outbox)
    world.flush()
    world.outbox._look()
    for client in clients:
        client.read()
        assert client.picture == world.truth(client.view), client.view
    world.outbox.close()


def _codec_of(place: int) -> list[Codec]:
    return [MSGPACK, JSON] if place == 0 else [(MSGPACK, JSON)[place % 2]]


@settings(max_examples=60)
@given(log=events(), at=st.integers(0, 30), trimmed=st.integers(1, 30))
def test_any_token_of_any_moment_leads_to_the_same_picture(log: list[Event], at: int, trimmed: int) -> None:
    async def told() -> None:
        world = World()
        await world.found()
        after = len(opening())
        client = Client(view("facility", "ej:310000010"), MSGPACK)
        for place, item in enumerate(items(log, start=after)):
            if place == at:
                client.come(world.outbox)
                client.read()
                client.leave(world.outbox)
            await world.commit([item])
            await world.follow()
        world.trim(trimmed)
        await world.restart()
        client.come(world.outbox)
        client.read()
        assert client.picture == world.truth(client.view)

    asyncio.run(told())


@pytest.mark.parametrize("of", range(len(GRANTED)))
def test_a_token_tells_nothing_but_where_its_reader_is(of: int) -> None:
    async def told() -> str:
        world = World()
        await world.found()
        return world.hub.token(view(*GRANTED[of]))

    token = asyncio.run(told())
    assert len(token) < 120
    assert "anne" not in token


def follow_of(*run: Event) -> list[dict[str, Any]]:
    """Return the pictures that a physician, who sees 02 alone, holds after each of these events."""

    async def told() -> list[dict[str, Any]]:
        world = World()
        await world.found()
        client = Client(view("physician", "ici"), MSGPACK)
        client.come(world.outbox)
        held = []
        for item in items(run, start=len(opening())):
            await world.commit([item])
            await world.follow()
            world.flush()
            client.read()
            assert client.picture == world.truth(client.view)
            held.append(dict(client.picture["wards"]))
        return held

    return asyncio.run(told())


def test_a_figure_grows_stale_in_a_view_where_the_others_are_hidden() -> None:
    """The ward as a whole was stale before, by its 03; that its 02 is too is told by no entry of the feed."""
    of_03, of_02 = (report("a", WARDS[0], "03", 3, at=START), report("b", WARDS[0], "02", 3, at=START + HOUR))
    early, late = (Tick(id=f"t{at}", received_at=START + DAY + at) for at in (1, HOUR + 1))
    pictures = follow_of(of_03, of_02, early, late)
    assert [held.get(WARDS[0], {}).get("stale") for held in pictures] == [None, False, False, True]


def test_a_sources_own_words_vanish_from_its_view_once_another_has_spoken() -> None:
    async def told() -> list[set[str]]:
        world = World()
        await world.found()
        client = Client(view("source", "ej:310000010", "anne"), MSGPACK)
        client.come(world.outbox)
        said = []
        for place, who in enumerate(("anne", "paul")):
            one = report(f"r{place}", WARDS[0], "02", place, at=START + place)
            event = msgspec.structs.replace(one, source=Source(id=who, door="api"))
            await world.commit(items([event], start=len(opening()) + place))
            await world.follow()
            world.flush()
            client.read()
            said.append(set(client.picture["wards"]))
        return said

    assert asyncio.run(told()) == [{WARDS[0]}, set()]


def test_what_a_view_never_shows_is_not_even_told_to_be_gone() -> None:
    assert follow_of(report("a", WARDS[0], "03", 3, at=START))[0] == {}


def test_the_first_change_goes_at_once_and_the_next_within_forty_milliseconds() -> None:
    async def told() -> tuple[int, int, int]:
        world = World()
        await world.found()
        client = Client(view("crisis_cell", "ici"), MSGPACK)
        client.come(world.outbox)
        client.read()
        client.transport.written.clear()
        after = len(opening())
        counts = []
        for place in range(5):
            await world.commit(items([report(f"r{place}", WARDS[0], "02", place, at=START)], start=after + place))
            await world.follow()
            counts.append(len(client.transport.frames))
        client.transport.written.clear()
        async with asyncio.timeout(30):
            await client.transport.written.wait()
        client.read()
        world.outbox.close()
        return counts[0], counts[-1], client.picture["wards"][WARDS[0]]["available"]

    assert asyncio.run(told()) == (1, 1, 4)


def test_readers_of_one_view_are_sent_the_very_same_bytes() -> None:
    async def told() -> list[list[bytes]]:
        world = World()
        await world.found()
        clients = [Client(view("crisis_cell", "ici"), MSGPACK) for _ in range(3)]
        for client in clients:
            client.come(world.outbox)
        await world.commit(items([report("a", WARDS[0], "02", 1, at=START)], start=len(opening())))
        await world.follow()
        return [client.transport.frames for client in clients]

    first, *others = asyncio.run(told())
    assert len(first) == 2
    for frames in others:
        assert all(ours is theirs for ours, theirs in zip(first, frames, strict=True))


def test_many_listeners_are_told_less_often() -> None:
    async def told(listeners: int) -> float:
        world = World()
        await world.found()
        client = Client(view("crisis_cell", "ici"), MSGPACK)
        client.come(world.outbox)
        world.outbox.count = listeners
        after, loop = len(opening()), asyncio.get_running_loop()
        for place in range(2):
            await world.commit(items([report(f"r{place}", WARDS[0], "02", place, at=START)], start=after + place))
            await world.follow()
        started = loop.time()
        client.transport.written.clear()
        async with asyncio.timeout(30):
            await client.transport.written.wait()
        world.outbox.close()
        return loop.time() - started

    assert asyncio.run(told(MANY + 1)) >= GAP_OF_MANY_S - 0.02
    assert GAP_S < GAP_OF_MANY_S


def test_who_stays_slow_is_closed_with_a_code_that_says_how_to_come_back() -> None:
    async def told() -> list[Close]:
        world = World()
        await world.found()
        world.outbox._stays_slow_s = 0.0
        closed: list[Close] = []
        transport = Transport()
        transport.is_full = True
        seen = view("crisis_cell", "ici")
        world.outbox.add(Listener(transport, "anne", MSGPACK, seen, closed.append, lambda: seen), None)
        assert transport.frames == []
        await asyncio.sleep(0)
        world.outbox._look()
        world.outbox.close()
        return closed

    assert [close.code for close in asyncio.run(told())] == [4409]
