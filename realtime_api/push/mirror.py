"""What every hub is: a mirror of one shard's state in this process, with what makes its changes resumable."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from domain.capacity.fold import Said
from domain.grants import Grant
from live_state.state import Build, Position
from realtime_api.push.codecs import Codec, Token, read_token

if TYPE_CHECKING:
    from realtime_api.push.hub import Hub

MOST_OUTCOMES = 10_000  # the last ones; older ones are asked of the live state
MOST_FRAMES = 256

Message = dict[str, Any]


class Named(Protocol):
    """What is seen of a shard by one or many readers; equal ones are sent the very same bytes."""

    @property
    def name(self) -> str:
        """Return what tells it from all others, in tokens."""
        ...

    @property
    def channel(self) -> str:
        """Return what its frames say they are of."""
        ...


V = TypeVar("V", bound=Named)


class Change(Protocol):
    """One feed entry: whole new values by key (None: gone), from which offset on, at what time of the clock."""

    @property
    def start(self) -> int:
        """Return the offset that it follows."""
        ...

    @property
    def at(self) -> int:
        """Return the shard's clock after it."""
        ...

    @property
    def rebuilding(self) -> bool:
        """Return whether the state is being rebuilt."""
        ...

    @property
    def reload(self) -> bool:
        """Return whether readers do better to load everything."""
        ...

    @property
    def set(self) -> Mapping[str, msgspec.Raw | None]:
        """Return the new values."""
        ...

    @property
    def outcomes(self) -> Mapping[str, Said]:
        """Return what became of commands."""
        ...


class Reading(NamedTuple):
    """How a relay reads a kind of shard: its hashes, up to which fold version, its feed, and what that only names."""

    names: tuple[str, ...]
    fold_version: int
    feed: Callable[[bytes], Change]
    by_digest: frozenset[str] = frozenset()  # keys of which the feed says only that they changed


class Effect(NamedTuple):
    """What a feed entry changed for those who listen."""

    keys: list[str]
    advanced: bool


class Mirror(ABC, Generic[V]):
    """The mirror of one shard; changed by its relay alone, read by every door."""

    reading: ClassVar[Reading]

    def __init__(self, code: str, shard: str, channel: str) -> None:
        self.code, self.shard, self.channel = code, shard, channel
        self.build: Build | None = None
        self.offset, self.at, self.floor = -1, 0, -1
        self.rebuilding = False
        self.trouble: str | None = "not loaded yet"  # what keeps the relay from following, for `/readyz`
        self.outcomes: OrderedDict[str, Said] = OrderedDict()
        self._changed: dict[str, int] = {}  # key → offset of its last change, in the order of those changes
        self._waiting: dict[str, list[asyncio.Future[Said]]] = {}
        self._frames: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()

    # -- what differs

    @abstractmethod
    def why_not(self) -> str | None:
        """Return the kind of problem that keeps doors from showing anything, None where they may."""

    @abstractmethod
    def replace(self, build: Build, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> None:
        """Become what the live state holds."""

    @abstractmethod
    def apply(self, offset: int, change: Change) -> Effect:
        """Become what the next feed entry says, and return what that changed."""

    @property
    @abstractmethod
    def rights(self) -> "Hub":
        """Return the hub that knows who may see this: grants are on the capacity shard alone."""

    def hidden(self) -> str | None:
        """Return what keeps it from being shown on channels: that nobody can tell who may see it, or what it is."""
        return self.rights.why_not() or self.why_not()

    @abstractmethod
    def view(self, subject: str, grants: Iterable[Grant], now: int, channel: str) -> V | None:
        """Return what these grants let the subject see on a channel at this moment, None where they see nothing."""

    def holds(self, view: V, now: int) -> bool:
        """Return whether a view still shows what it should, where time alone may have ended some of it."""
        return True

    @abstractmethod
    def picture(self, view: V) -> Message:
        """Return all that the view shows."""

    @abstractmethod
    def changes(
        self, view: V, keys: Iterable[str], after: int | None = None, *, even_none: bool = False
    ) -> Message | None:
        """Return the message that tells what these keys are now, None where nothing changed that the view shows."""

    # -- what changed after which offset

    def _become(self, build: Build, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> None:
        """Take in where the live state stands, and forget what followed from what was before."""
        if build != self.build:
            self.outcomes.clear()
        meta = held.get("meta", {})
        self.build, self.offset, self.at = build, position.offset, int(meta.get("clock", 0))
        self.rebuilding = meta.get("rebuilding") == b"1"
        self.floor, self._changed = position.offset, {}
        self._frames.clear()

    def recall(self, entries: Iterable[tuple[int, Change]]) -> None:
        """Take in the feed up to where the mirror stands: what changed after which offset, for tokens to resume by."""
        self.floor, self._changed = self.offset, {}
        expected = None
        for offset, change in entries:
            if offset > self.offset:
                break
            if expected != change.start or change.reload:  # whoever is from before has missed more than this tells
                self.floor, self._changed = offset if change.reload else change.start, {}
            for key in change.set:
                self._mark(key, offset)
            self._learn(change.outcomes)
            expected = offset
        if expected != self.offset:
            self.floor, self._changed = self.offset, {}

    def _mark(self, key: str, offset: int) -> None:
        self._changed.pop(key, None)  # so that it comes last
        self._changed[key] = offset

    def changed_after(self, offset: int) -> list[str]:
        """Return the keys that changed after an offset, the latest first."""
        found = []
        for key, at in reversed(self._changed.items()):
            if at <= offset:
                break
            found.append(key)
        return found

    # -- outcomes of commands

    def _learn(self, outcomes: Mapping[str, Said]) -> None:
        for id_, said in outcomes.items():
            self.outcomes[id_] = said
            self.outcomes.move_to_end(id_)
            for waiting in self._waiting.pop(id_, ()):
                if not waiting.done():
                    waiting.set_result(said)
        while len(self.outcomes) > MOST_OUTCOMES:
            self.outcomes.popitem(last=False)

    def expect(self, id_: str) -> asyncio.Future[Said]:
        """Return what will hold the outcome of an event, once it is folded; give it back to `forget`."""
        waiting: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id_, []).append(waiting)
        return waiting

    def forget(self, id_: str, waiting: asyncio.Future[Said]) -> None:
        """Stop waiting for an outcome."""
        others = self._waiting.get(id_)
        if others and waiting in others:
            others.remove(waiting)
            if not others:
                del self._waiting[id_]

    # -- tokens and frames

    def token(self, view: V) -> str:
        """Return where a reader of this view is who was sent everything."""
        build = self.build
        return str(Token(view.name, ((self.shard, build.label if build else "", self.offset),)))

    def offset_of(self, view: V, token: str) -> int | None:
        """Return the offset from which a token's bearer can resume, None for one who must take a snapshot."""
        told = read_token(token)
        if told is None or self.build is None or told.view != view.name or len(told.at) != 1:
            return None
        shard, build, offset = told.at[0]
        if (shard, build) != (self.shard, self.build.label) or not self.floor <= offset <= self.offset:
            return None
        return offset

    def snapshot(self, view: V) -> Message:
        """Return the message that tells all that the view shows."""
        return {"type": "snapshot", "channel": view.channel, "token": self.token(view), "data": self.picture(view)}

    def snapshot_frame(self, view: V, codec: Codec) -> bytes:
        """Return the frame of a snapshot, made once for all who take it before the next change."""
        return self._framed((view, codec.name, None), codec, lambda: self.snapshot(view))

    def resume_frame(self, view: V, codec: Codec, offset: int) -> bytes:
        """Return the frame of all that changed after an offset, made once for all who return from there."""

        def made() -> Message:
            message = self.changes(view, self.changed_after(offset), offset, even_none=True)
            assert message is not None
            return message

        return self._framed((view, codec.name, offset), codec, made)

    def body(self, view: V, encode: Callable[[Any], bytes]) -> bytes:
        """Return the picture as the body of its door, made once for all who ask before the next change."""
        key = (view, "body", None)
        held = self._frames.get(key)
        if held is None:
            held = encode({"region": self.code, "token": self.token(view), **self.picture(view)})
            self._keep(key, held)
        return held

    def _framed(self, key: tuple[Any, ...], codec: Codec, made: Callable[[], Message]) -> bytes:
        frame = self._frames.get(key)
        if frame is None:
            frame = codec.frame(made())
            self._keep(key, frame)
        return frame

    def _keep(self, key: tuple[Any, ...], value: bytes) -> None:
        self._frames[key] = value
        if len(self._frames) > MOST_FRAMES:
            self._frames.popitem(last=False)
