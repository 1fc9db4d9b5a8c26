"""A screen as the system's people have it, without the drawing: a WebSocket, the picture it tells, and how it ended."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

SUBPROTOCOL = Subprotocol("vigilits.v1+msgpack")
OPENS_WITHIN_S = 10.0
WITHIN_S = 10.0

Holds = Callable[["Screen"], object]


class Screen:
    """One client of `/ws` that keeps the picture it is told, in a thread of its own, so that it is never slow."""

    def __init__(self, url: str, token: str, region: str, since: str | None = None) -> None:
        self.wards: dict[str, Any] = {}
        self.totals: dict[str, Any] = {}
        self.at = 0
        self.rebuilding = False
        self.scenario: Any = None
        self.token: str | None = None
        self.types: list[str] = []  # of the messages, in their order
        self.reasons: list[str] = []  # of resets
        self.closed: tuple[int, str] | None = None
        self._changed = threading.Condition()
        self._opened = connect(
            f"{url.replace('http', 'ws')}/ws",
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            max_size=None,
            open_timeout=OPENS_WITHIN_S,
            proxy=None,
        )
        self._socket: ClientConnection = self._opened.__enter__()
        told = {} if since is None else {"since": since}
        with suppress(ConnectionClosed):  # the reader hears of it
            self._socket.send(msgspec.msgpack.encode({"type": "subscribe", "channel": f"capacity:{region}", **told}))
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        """Return the screen, once it shows a picture."""
        return self.until(lambda screen: screen.token is not None, "a picture")

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._opened.__exit__(None, None, None)
        self._reading.join(WITHIN_S)

    def until(self, holds: Holds, what: str, within_s: float = WITHIN_S) -> Self:
        """Return the screen once something holds; raise AssertionError where it does not come to hold in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: holds(self), within_s):
                raise AssertionError(f"no {what} within {within_s:g} s: {self}")
        return self

    def until_shown(self, ward: str, within_s: float = WITHIN_S, **figures: Any) -> Self:
        """Return the screen once a ward has these figures on it."""

        def shown(_: "Screen") -> bool:
            held = self.wards.get(ward, {})
            return all(held.get(name) == value for name, value in figures.items())

        return self.until(shown, f"{figures} of {ward}", within_s)

    def still(self, holds: Holds, what: str, for_s: float) -> None:
        """Return once something has held for so long; raise AssertionError as soon as it does not."""
        give_up_at = time.monotonic() + for_s
        with self._changed:
            while (left_s := give_up_at - time.monotonic()) > 0:
                assert holds(self), f"{what} no longer: {self}"
                self._changed.wait(left_s)

    def until_closed(self, within_s: float) -> tuple[int, str]:
        """Return code and reason of the end."""
        self.until(lambda screen: screen.closed, "end", within_s)
        assert self.closed is not None
        return self.closed

    @property
    def picture(self) -> Mapping[str, Any]:
        """Return what is shown, as the API would tell it."""
        with self._changed:
            return {"wards": dict(self.wards), "totals": dict(self.totals)}

    def __str__(self) -> str:
        """Return what went on, in a line."""
        return (
            f"{len(self.wards)} wards, at {self.at}, {len(self.types)} messages, the last {self.types[-8:]}, "
            f"resets {self.reasons}, closed {self.closed}"
        )

    def _read(self) -> None:
        try:
            for raw in self._socket:
                assert isinstance(raw, bytes)
                self._take(msgspec.msgpack.decode(raw))
        except ConnectionClosed:
            pass
        with self._changed:
            self.closed = (self._socket.close_code or 1006, self._socket.close_reason or "")
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        with self._changed:
            match message["type"]:
                case "snapshot":
                    told = message["data"]
                    self.wards, self.totals = dict(told["wards"]), dict(told["totals"])
                    self._note(told | {"scenario": told["scenario"]})
                    self.token = message["token"]
                case "changes":
                    told = message["changes"]
                    put(self.wards, told.get("wards", {}))
                    put(self.totals, told.get("totals", {}))
                    self._note(told)
                    self.token = message["token"]
                case "live":
                    self.at = message["at"]
                case "reset":
                    self.reasons.append(message["reason"])
                case "error":
                    self.reasons.append(f"error {message['code']}")
            self.types.append(message["type"])
            self._changed.notify_all()

    def _note(self, told: Mapping[str, Any]) -> None:
        self.at = told["at"]
        self.rebuilding = told.get("rebuilding", False)
        self.scenario = told.get("scenario", self.scenario)


def put(held: dict[str, Any], changed: Mapping[str, Any]) -> None:
    """Put whole new values in place of what is held, and drop what is gone."""
    for key, value in changed.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
