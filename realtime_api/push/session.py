"""One socket: what it asks for, what it may see, and when it must end."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import msgspec

from domain.grants import Grant
from realtime_api.access import MINE, changes_at
from realtime_api.problems import COME_BACK, NOT_ALLOWED, SIGN_IN_AGAIN, TOO_MANY_MESSAGES, Close
from realtime_api.push.codecs import READ, Codec, Ping, Subscribe, Unsubscribe
from realtime_api.push.mirror import Mirror, Named
from realtime_api.push.outbox import Listener, Outbox, Transport

MOST_CHANNELS = 16
MOST_MESSAGES_S, BURST = 20.0, 40.0
MOST_MESSAGE = 16 * 1024  # bytes


class Who(NamedTuple):
    """Who is at the other end, until when that was proven (ms), and the sign-in that proved it, if a cookie did."""

    subject: str
    expires_at: int
    cookie: str | None = None


class Connection(Protocol):
    """The socket as `protocol.PushProtocol` lends it."""

    gone: Callable[[], None] | None

    @property
    def transport(self) -> Transport:
        """Return what frames are written to."""

    def cut(self, close: Close) -> None:
        """Close the socket."""


class Room(NamedTuple):
    """A shard as sockets know it."""

    hub: Mirror[Any]
    outbox: Outbox


class Session:
    """One socket's subscriptions. All of it is synchronous: it runs in the step in which a message came in."""

    def __init__(
        self, connection: Connection, codec: Codec, who: Who, rooms: Mapping[str, Room], now: Callable[[], int]
    ) -> None:
        self.who = who
        self._connection, self._codec, self._rooms, self._now = connection, codec, rooms, now
        self._read = READ[codec.name]
        self._held: dict[str, tuple[Room, Listener]] = {}
        self._allowance, self._counted_at = BURST, time.monotonic()
        self._ended = False
        connection.gone = self.leave

    def receive(self, raw: bytes | str) -> None:
        """Do what a message asks for."""
        if self._ended:  # it was waiting when the socket went
            return
        if not self._within_rate():
            self._connection.cut(TOO_MANY_MESSAGES)
            return
        if len(raw) > MOST_MESSAGE:
            self._error("unreadable", f"a message has at most {MOST_MESSAGE} bytes")
            return
        try:
            asked = self._read(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError) as error:
            self._error("unreadable", str(error)[:200])
            return
        match asked:
            case Ping():
                self._say({"type": "pong"})
            case Subscribe():
                self._subscribe(asked)
            case Unsubscribe():
                self._drop(asked.channel)

    def _within_rate(self) -> bool:
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * MOST_MESSAGES_S) - 1
        self._counted_at = now
        return self._allowance >= 0

    def _subscribe(self, asked: Subscribe) -> None:
        if not self._rooms:  # the log was not reached yet: there may well be such a channel
            self._connection.cut(COME_BACK)
            return
        room = self._room_of_mine() if asked.channel == MINE else self._rooms.get(asked.channel)
        if room is None:
            self._error("unknown", "there is no such channel", asked.channel[:100])
            return
        if asked.channel not in self._held and len(self._held) >= MOST_CHANNELS:
            self._error("too-many", f"at most {MOST_CHANNELS} channels", asked.channel)
            return
        self._drop(asked.channel)
        view, grants, edge = self._view(room.hub, asked.channel)
        if view is None:
            self._deny(room.hub, asked.channel)
            return
        listener = Listener(
            self._connection.transport,
            self.who.subject,
            self._codec,
            view,
            self._connection.cut,
            partial(self._look, asked.channel),
        )
        listener.grants, listener.edge = grants, edge
        self._held[asked.channel] = (room, listener)
        room.outbox.add(listener, asked.since)

    def _room_of_mine(self) -> Room | None:
        """Return the room of one's own alerts, where there is only one that it can be; others name their region."""
        rooms = [room for name, room in self._rooms.items() if name.startswith(f"{MINE}:")]
        allowed = [room for room in rooms if self._view(room.hub, MINE)[0] is not None]
        return (allowed or rooms)[0] if len(allowed or rooms) == 1 else None

    def _view(self, hub: Mirror[Any], channel: str) -> tuple[Named | None, tuple[Grant, ...], int | None]:
        grants, now = hub.rights.grants.get(self.who.subject, ()), self._now()
        return hub.view(self.who.subject, grants, now, channel), grants, changes_at(grants, now)

    def _look(self, channel: str) -> Named | None:
        """Return what is seen on a channel by the grants of now; where that is nothing, it is followed no more."""
        room, listener = self._held[channel]
        view, listener.grants, listener.edge = self._view(room.hub, channel)
        if view is None:
            self._deny(room.hub, channel)
        return view

    def _deny(self, hub: Mirror[Any], channel: str) -> None:
        """End the socket of one who may see nothing here, and only this channel of one who follows others too."""
        self._drop(channel)
        if hub.rights.why_not() is not None:
            self._connection.cut(COME_BACK)  # their grants may not be there yet
        elif not self._held or self._view(hub.rights, hub.rights.channel)[0] is None:
            self._connection.cut(NOT_ALLOWED)
        else:
            self._error("not-allowed", "this is not yours to see", channel)

    def check(self) -> None:
        """End the socket if its proof has expired, or with the last of its grants; narrow or widen what it sees."""
        now = self._now()
        # Of a cookie it is asked every now and then whether it is there: on a device that is pushed to, that goes on.
        if self.who.cookie is None and now >= self.who.expires_at:
            self._connection.cut(SIGN_IN_AGAIN)
            return
        for channel, (room, listener) in list(self._held.items()):
            held = room.hub.rights.grants.get(self.who.subject, ())
            in_time = (listener.edge is None or now < listener.edge) and room.hub.holds(listener.view, now)
            if held is listener.grants and in_time:
                continue
            if room.hub.rights.why_not() is not None:
                # Its grants may not be there yet; nothing is shown until they are. Those it had may end all the same.
                if not in_time and room.hub.view(self.who.subject, listener.grants, now, channel) is None:
                    self._connection.cut(COME_BACK)
                    return
                continue
            view = self._look(channel)
            if self._ended:
                return
            if view is not None and view != listener.view:
                room.outbox.see_anew(listener, view)

    def end(self, close: Close) -> None:
        """Close the socket."""
        self._connection.cut(close)

    def _drop(self, channel: str) -> None:
        held = self._held.pop(channel, None)
        if held is not None:
            held[0].outbox.remove(held[1])

    def leave(self) -> None:
        """Give up every subscription: nothing is written to this socket from here on."""
        self._ended = True
        for channel in list(self._held):
            self._drop(channel)

    def _error(self, code: str, detail: str, channel: str | None = None) -> None:
        told = {"type": "error", "code": code, "detail": detail}
        self._say(told if channel is None else told | {"channel": channel})

    def _say(self, message: object) -> None:
        self._connection.transport.write(self._codec.frame(message))


class Sessions:
    """Every socket of this process."""

    def __init__(self) -> None:
        self.all: dict[Session, None] = {}

    def check(self) -> None:
        """Look after what time and revoked grants end."""
        for session in list(self.all):
            session.check()

    def cookies(self) -> set[str]:
        """Return the sign-ins by which sockets are here."""
        return {session.who.cookie for session in self.all if session.who.cookie is not None}

    def sign_out(self, cookies: Iterable[str]) -> None:
        """Close the sockets of sign-ins that have ended."""
        ended = set(cookies)
        for session in list(self.all):
            if session.who.cookie in ended:
                session.end(SIGN_IN_AGAIN)
