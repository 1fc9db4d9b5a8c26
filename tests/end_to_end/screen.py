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
OPENS_WITHIN_S = 30.0
WITHIN_S = 60.0  # a busy machine is no defect

Holds = Callable[["Screen"], object]


class Screen:
    """One client of `/ws` that keeps the picture it is told, in a thread of its own, so that it is never slow."""

    channel = "capacity"

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
            self._socket.send(
                msgspec.msgpack.encode({"type": "subscribe", "channel": f"{self.channel}:{region}", **told})
            )
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
                    self._see(message["data"])
                    self.token = message["token"]
                case "changes":
                    self._put(message["changes"])
                    self.token = message["token"]
                case "live":
                    self.at = message["at"]
                case "reset":
                    self.reasons.append(message["reason"])
                case "error":
                    self.reasons.append(f"error {message['code']}")
            self.types.append(message["type"])
            self._changed.notify_all()

    def _see(self, told: Mapping[str, Any]) -> None:
        """Show a whole picture in place of what was shown."""
        self.wards, self.totals = dict(told["wards"]), dict(told["totals"])
        self.scenario = told["scenario"]
        self._note(told)

    def _put(self, told: Mapping[str, Any]) -> None:
        """Show what changed."""
        put(self.wards, told.get("wards", {}))
        put(self.totals, told.get("totals", {}))
        self.scenario = told.get("scenario", self.scenario)
        self._note(told)

    def _note(self, told: Mapping[str, Any]) -> None:
        self.at = told["at"]
        self.rebuilding = told.get("rebuilding", False)


class AlertDesk(Screen):
    """A screen that shows a region's alerts as its desk has them."""

    channel = "alerts"

    def __init__(self, url: str, token: str, region: str, since: str | None = None) -> None:
        self.alerts: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}
        self.channels: dict[str, Any] = {}
        super().__init__(url, token, region, since)

    def alert_on(self, subject: str, **wanted: Any) -> dict[str, Any] | None:
        """Return the alert (not as the desk holds it) on a subject that has these values, None where there is none."""
        for held in self.alerts.values():
            alert: dict[str, Any] = held["alert"]
            if alert["subject"] == subject and all(alert.get(name) == value for name, value in wanted.items()):
                return alert
        return None

    def until_on(self, subject: str, **wanted: Any) -> dict[str, Any]:
        """Return the alert on a subject once it has these values."""
        self.until(lambda _: self.alert_on(subject, **wanted), f"{wanted} of {subject}")
        found = self.alert_on(subject, **wanted)
        assert found is not None
        return found

    def group_of(self, alert: str) -> dict[str, Any]:
        """Return the group of an alert, which has one."""
        [group] = self.alerts[alert]["groups"]
        found: dict[str, Any] = self.groups[group]
        return found

    def _see(self, told: Mapping[str, Any]) -> None:
        self.alerts, self.groups, self.channels = (dict(told[name]) for name in ("alerts", "groups", "channels"))
        self._note(told)

    def _put(self, told: Mapping[str, Any]) -> None:
        for name in ("alerts", "groups", "channels"):
            put(getattr(self, name), told.get(name, {}))
        self._note(told)

    def __str__(self) -> str:
        """Return what is shown, and what went on."""
        shown = [(held["alert"]["subject"], held["alert"]["status"]) for held in self.alerts.values()]
        return f"{shown}, groups {[group['status'] for group in self.groups.values()]}; {super().__str__()}"


def put(held: dict[str, Any], changed: Mapping[str, Any]) -> None:
    """Put whole new values in place of what is held, and drop what is gone."""
    for key, value in changed.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
