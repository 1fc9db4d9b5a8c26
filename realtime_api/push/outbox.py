"""What goes out to a region's listeners, and when: the first change at once, then newest values each 40 ms at most."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from domain.grants import Grant
from realtime_api.measures import Measures
from realtime_api.problems import TOO_SLOW, Close
from realtime_api.push.codecs import Codec
from realtime_api.push.mirror import Effect, Mirror, Named

GAP_S, GAP_OF_MANY_S, MANY = 0.040, 0.100, 2_000
MOST_BUFFERED = 64 * 1024  # bytes that wait in a socket's buffer; with more it is skipped, not queued
LIVE_EVERY_S = 1.0
LOOK_EVERY_S = 0.25  # at those who are behind
STAYS_SLOW_S = 15.0


class Transport(Protocol):
    """What is written to: asyncio's transport, or a test's."""

    def write(self, data: bytes) -> None:
        """Take the bytes, and send them when it can."""

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent."""


class Listener:
    """One socket's interest in one channel: through which view and in which codec it is told.

    `look` returns what may be seen there now; where that is nothing, it ends the interest, and says so.
    """

    __slots__ = ("behind_since", "close", "codec", "edge", "grants", "look", "offset", "subject", "transport", "view")

    def __init__(
        self,
        transport: Transport,
        subject: str,
        codec: Codec,
        view: Named,
        close: Callable[[Close], None],
        look: Callable[[], Named | None],
    ) -> None:
        self.transport, self.subject, self.codec, self.view = transport, subject, codec, view
        self.close, self.look = close, look
        self.offset: int | None = None  # how far it was told, once it is behind; None: from nothing
        self.behind_since = 0.0
        self.grants: tuple[Grant, ...] = ()  # those that the view follows from
        self.edge: int | None = None  # when one of them begins or ends


class Audience:
    """All who see the same in the same codec; `offset` is how far they were told."""

    __slots__ = ("codec", "in_step", "offset", "view")

    def __init__(self, view: Named, codec: Codec, offset: int) -> None:
        self.view, self.codec, self.offset = view, codec, offset
        self.in_step: dict[Listener, Transport] = {}


class Outbox:
    """The listeners of one shard. Nothing here awaits: a picture and who is sent it never come apart."""

    def __init__(self, hub: Mirror[Any], measures: Measures, stays_slow_s: float = STAYS_SLOW_S) -> None:
        self._hub, self._measures, self._stays_slow_s = hub, measures, stays_slow_s
        self._audiences: dict[tuple[Named, str], Audience] = {}
        self._behind: dict[Listener, None] = {}
        self._waiting: dict[Listener, None] = {}  # for a picture to be there at all
        self._why: str | None = None  # they will be told: a new log is read in more than one step, and the first is why
        self._dirty: dict[str, None] = {}
        self._flushed_at = self._live_at = -1e9
        self._flush_timer: asyncio.TimerHandle | None = None
        self._live_timer: asyncio.TimerHandle | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self.count = 0
        self.followers: list[Outbox] = []  # of the shards that this one's grants show

    # -- coming and going

    def add(self, listener: Listener, since: str | None) -> None:
        """Tell a listener what is, or what changed since their token, and from now on what changes."""
        self.count += 1
        why = self._hub.hidden()
        if why is not None:
            self._waiting[listener] = None
            told = {"type": "error", "channel": listener.view.channel, "code": why, "detail": "a snapshot follows"}
            self._say(listener, told)
            return
        listener.offset = None if since is None else self._hub.offset_of(listener.view, since)
        if since is not None and listener.offset is None:
            self._say(listener, _reset(listener, "this token cannot be resumed from"))
        self._start(listener)

    def remove(self, listener: Listener) -> None:
        """Forget a listener."""
        self.count -= 1
        self._waiting.pop(listener, None)
        self._behind.pop(listener, None)
        audience = self._audiences.get((listener.view, listener.codec.name))
        if audience is not None:
            audience.in_step.pop(listener, None)
            if not audience.in_step:
                del self._audiences[listener.view, listener.codec.name]

    def see_anew(self, listener: Listener, view: Named) -> None:
        """Give a listener another view, since what they are granted changed."""
        self.remove(listener)
        listener.view = view
        self.count += 1
        if self._hub.hidden() is not None:
            self._waiting[listener] = None
            return
        self._say(listener, _reset(listener, "what you may see changed"))
        listener.offset = None
        self._start(listener)

    @property
    def listeners(self) -> list[Listener]:
        """Return everyone."""
        told = [listener for audience in self._audiences.values() for listener in audience.in_step]
        return [*told, *self._behind, *self._waiting]

    def _start(self, listener: Listener) -> None:
        """Bring a listener up to date and into step, or behind where their socket is full already."""
        if listener.transport.get_write_buffer_size() > MOST_BUFFERED:
            self._fall_behind(listener)
            return
        if listener.offset is not None and listener.offset >= self._hub.floor:
            frame = self._hub.resume_frame(listener.view, listener.codec, listener.offset)
            self._measures.resumes.inc()
        else:
            frame = self._hub.snapshot_frame(listener.view, listener.codec)
            self._measures.snapshots.inc()
        self._write(listener, frame)
        self._in_step(listener)

    def _in_step(self, listener: Listener) -> None:
        key = (listener.view, listener.codec.name)
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(listener.view, listener.codec, self._hub.offset)
        audience.in_step[listener] = listener.transport

    # -- what the relay says

    def changed(self, effect: Effect) -> None:
        """Take in what a feed entry changed, and send it when its time has come."""
        self._let_follow()
        if self._hub.hidden() is not None:
            if self._audiences or self._behind:
                self._suspend()
            return
        if self._waiting:
            self._resume_all()
        if self._audiences or self._behind:
            for key in effect.keys:
                self._dirty[key] = None
        if self._dirty and self._flush_timer is None:
            loop = asyncio.get_running_loop()
            gap = GAP_OF_MANY_S if self.count > MANY else GAP_S
            wait = self._flushed_at + gap - loop.time()
            if wait <= 0:
                self._flush()
            else:
                self._flush_timer = loop.call_later(wait, self._flush)
        if effect.advanced and self._live_timer is None:
            loop = asyncio.get_running_loop()
            wait = self._live_at + LIVE_EVERY_S - loop.time()
            if wait <= 0:
                self._live()
            else:
                self._live_timer = loop.call_later(wait, self._live)

    def reset(self, reason: str) -> None:
        """Tell everyone that what they hold is void, why, and what is instead: now, or once there is something."""
        self._why = self._why or reason
        self._let_follow()
        if self._hub.hidden() is not None:
            self._suspend()
            return
        self._waiting = dict.fromkeys(self.listeners)
        self._dirty.clear()
        self._audiences.clear()
        self._behind.clear()
        self._resume_all()

    def _let_follow(self) -> None:
        for each in self.followers:
            each.rights_changed()

    def rights_changed(self) -> None:
        """Show nothing while nobody can tell who may see it, and all of it from then on."""
        if self._hub.hidden() is not None:
            if self._audiences or self._behind:
                self._suspend()
        elif self._waiting:
            self._resume_all()

    def _suspend(self) -> None:
        """Tell everyone that the picture is being rebuilt; they wait for a whole one."""
        told = [*(each for audience in self._audiences.values() for each in audience.in_step), *self._behind]
        for listener in told:
            changes = {"at": self._hub.at, "rebuilding": True}
            token = self._hub.token(listener.view)
            message = {"type": "changes", "channel": listener.view.channel, "token": token, "changes": changes}
            self._say(listener, message)
        self._dirty.clear()
        self._audiences.clear()
        self._behind.clear()
        self._waiting |= dict.fromkeys(told)

    def _resume_all(self) -> None:
        """Send everyone who waits a whole picture, by what they may see now: their rights may be others since."""
        reason, self._why = self._why or "the live picture was rebuilt", None
        while self._waiting:  # one who may see nothing any more goes, and others of the same socket with them
            listener = next(iter(self._waiting))
            del self._waiting[listener]
            view = listener.look()
            if view is None:
                continue
            listener.view, listener.offset = view, None
            self._say(listener, _reset(listener, reason))
            self._start(listener)
            self._measures.resets.inc()

    def close(self) -> None:
        """Send nothing more."""
        for timer in (self._flush_timer, self._live_timer, self._look_timer):
            if timer is not None:
                timer.cancel()

    # -- frames

    def _flush(self) -> None:
        """Send what changed: one frame for each (view, codec), encoded once and written to every transport."""
        self._flush_timer = None
        self._flushed_at = asyncio.get_running_loop().time()
        keys, self._dirty = list(self._dirty), {}
        told: dict[Named, int] = {}
        for (view, _), audience in self._audiences.items():
            told[view] = min(audience.offset, told.get(view, audience.offset))
        messages = {view: self._hub.changes(view, keys, after) for view, after in told.items()}
        for audience in list(self._audiences.values()):
            message = messages[audience.view]
            if message is not None:
                self._send(audience, audience.codec.frame(message))
            audience.offset = self._hub.offset

    def _live(self) -> None:
        self._live_timer = None
        if self._hub.hidden() is not None:
            return
        self._live_at = asyncio.get_running_loop().time()
        frames: dict[tuple[str, str], bytes] = {}
        for audience in list(self._audiences.values()):
            key = (audience.view.channel, audience.codec.name)
            if key not in frames:
                message = {"type": "live", "channel": audience.view.channel, "at": self._hub.at}
                frames[key] = audience.codec.frame(message)
            self._send(audience, frames[key])

    def _send(self, audience: Audience, frame: bytes) -> None:
        # The hot path (load_tests/fan_out.py): a look at the buffer and a write for each socket, nothing else.
        full: list[Listener] = []
        for listener, transport in audience.in_step.items():
            if transport.get_write_buffer_size() > MOST_BUFFERED:
                full.append(listener)
            else:
                transport.write(frame)
        sent = len(audience.in_step) - len(full)
        self._measures.frames.inc(sent)
        self._measures.bytes.inc(sent * len(frame))
        for listener in full:
            del audience.in_step[listener]
            listener.offset = audience.offset
            self._fall_behind(listener)

    def _write(self, listener: Listener, frame: bytes) -> None:
        listener.transport.write(frame)
        self._measures.frames.inc()
        self._measures.bytes.inc(len(frame))

    def _say(self, listener: Listener, message: object) -> None:
        self._write(listener, listener.codec.frame(message))

    # -- those whose sockets are full

    def _fall_behind(self, listener: Listener) -> None:
        listener.behind_since = asyncio.get_running_loop().time()
        self._behind[listener] = None
        self._measures.fallen_behind.inc()
        if self._look_timer is None:
            self._look_timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        """Bring those up to date whose sockets have room again, and close those that stay full."""
        self._look_timer = None
        now = asyncio.get_running_loop().time()
        for listener in list(self._behind):
            if listener.transport.get_write_buffer_size() <= MOST_BUFFERED:
                del self._behind[listener]
                self._start(listener)
            elif now - listener.behind_since > self._stays_slow_s:
                self._measures.closed_slow.inc()
                listener.close(TOO_SLOW)
        if self._behind:
            self._look_timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)


def _reset(listener: Listener, reason: str) -> dict[str, str]:
    return {"type": "reset", "channel": listener.view.channel, "reason": reason}
