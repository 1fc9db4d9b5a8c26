"""Alerts as property 4 has it: leaving and coming back from any token shows what never leaving would have shown."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import Group, HeldAlert, Silence
from domain.places import Words
from live_state.notices import read_feed
from live_state.state import Build, Position
from realtime_api.access import AlertsView
from realtime_api.measures import Measures
from realtime_api.push.alerts import AlertsHub
from realtime_api.push.codecs import MSGPACK
from realtime_api.push.hub import Hub
from realtime_api.push.outbox import Listener, Outbox
from tests.realtime_api.push.test_resume import Transport, decode

BUILD = Build("notices:ici", "e1", 1)
VIEWS = (
    AlertsView("ici", "alerts:ici", ("beds", "data", "system")),
    AlertsView("ici", "alerts:ici", ("data", "system")),
    AlertsView("ici", "alerts:me", subject="anne"),
    AlertsView("ici", "alerts:me", subject="paul"),
)
PARTS = ("alerts", "groups", "silences", "overrides", "channels", "on_call")
NO_WORDS = Words(fr="", en="")


def held(id_: str, concern: str, told: Sequence[str], taken_by: str | None, n: int) -> HeldAlert:
    """Return an alert that some were told of."""
    alert = Alert(
        id=id_,
        rule="r",
        subject=id_,
        status="firing",
        severity="info",
        since=n,
        labels={"concern": concern},
        title=NO_WORDS,
        text=NO_WORDS,
        todo=NO_WORDS,
        taken_by=taken_by,
    )
    return HeldAlert(alert=alert, shard="capacity:ici", groups=("g",), told=tuple(told))


class World:
    """What a notices shard holds, told entry by entry to one process that may be restarted."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Any]] = {"alerts": {}, "groups": {}, "silences": {}}
        self.entries: list[tuple[int, bytes]] = []
        self.offset = 0
        self.restart()

    def restart(self) -> None:
        """Start another process in place of the one that is."""
        self.hub = AlertsHub(Hub("ici"))
        stored = {
            part: {key: msgspec.msgpack.encode(value) for key, value in values.items()}
            for part, values in self.parts.items()
        }
        meta = {"clock": str(self.offset).encode()}
        self.hub.replace(BUILD, Position("e1", self.offset, 1), {**stored, "meta": meta})
        self.hub.recall([(offset, read_feed(payload)) for offset, payload in self.entries])
        self.outbox = Outbox(self.hub, Measures())

    def commit(self, changed: dict[str, Any]) -> None:
        """Change these keys."""
        names = {"alert": "alerts", "group": "groups", "silence": "silences"}
        for key, value in changed.items():
            name, _, rest = key.partition("/")
            if value is None:
                self.parts[names[name]].pop(rest, None)
            else:
                self.parts[names[name]][rest] = value
        entry = {"from": self.offset, "at": self.offset + 1, "set": changed, "outcomes": {}}
        self.offset += 1
        payload = msgspec.msgpack.encode(entry | {"rebuilding": False, "reload": False})
        self.entries.append((self.offset, payload))
        self.outbox.changed(self.hub.apply(self.offset, read_feed(payload)))

    def truth(self, view: AlertsView) -> dict[str, Any]:
        """Return what a view shows, by a process that has just begun."""
        fresh = World.__new__(World)
        fresh.parts, fresh.entries, fresh.offset = self.parts, self.entries, self.offset
        fresh.restart()
        picture = fresh.hub.picture(view)
        shown = {part: picture[part] for part in PARTS}
        return msgspec.msgpack.decode(msgspec.msgpack.encode(shown))  # type: ignore[no-any-return]


class Client:
    """What a page does with frames."""

    def __init__(self, view: AlertsView) -> None:
        self.view, self.token = view, None
        self.listener: Listener | None = None
        self.picture: dict[str, dict[str, Any]] = {}
        self.transport = Transport()
        self.heard: list[Any] = []

    def come(self, outbox: Outbox) -> None:
        """Connect, with the token of last time."""
        self.transport = Transport()
        self.listener = Listener(self.transport, "x", MSGPACK, self.view, lambda _: None)
        outbox.add(self.listener, self.token)

    def leave(self, outbox: Outbox) -> None:
        """Go."""
        self.read()
        if self.listener is not None:
            outbox.remove(self.listener)
        self.listener = None

    def read(self) -> None:
        """Take in every frame that has come."""
        frames, self.transport.frames = self.transport.frames, []
        for frame in frames:
            message = decode(frame, MSGPACK)
            self.heard.append(message)
            if message["type"] == "snapshot":
                self.picture = {part: dict(message["data"][part]) for part in PARTS}
                self.token = message["token"]
            elif message["type"] == "changes":
                for part in PARTS:
                    for key, value in message["changes"].get(part, {}).items():
                        self.picture[part].pop(key, None)
                        if value is not None:
                            self.picture[part][key] = value
                self.token = message["token"]


def change(step: tuple[str, str, str, list[str], str | None, int], n: int) -> dict[str, Any]:
    """Return what one commit changes."""
    what, id_, concern, told, taken_by, some = step
    match what:
        case "gone":
            return {f"alert/{id_}": None}
        case "group":
            group = Group(
                id="g",
                route="root",
                labels={},
                severity="info",
                status="telling",
                alerts=("a", "b", "c")[: some % 4],
                began_at=n,
                chain="c",
            )
            return {"group/g": group if some else None}
        case "silence":
            made = Silence(id=id_, matchers={}, since=n, until=n + 1, reason="", author="anne")
            return {f"silence/{id_}": made if some else None}
        case _:
            return {f"alert/{id_}": held(id_, concern, told, taken_by, n)}


CHANGES = st.tuples(
    st.sampled_from(["alert", "alert", "alert", "gone", "group", "silence"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["beds", "data", "system"]),
    st.lists(st.sampled_from(["anne", "paul"]), unique=True),
    st.sampled_from([None, None, "anne", "paul"]),
    st.integers(0, 3),
)
STEPS = st.lists(
    st.one_of(CHANGES, st.tuples(st.sampled_from(["come", "leave", "flush", "restart"]), st.integers(0, 3))),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(steps=STEPS)
def test_leaving_and_returning_shows_what_staying_would_have_shown(steps: list[Any]) -> None:
    asyncio.run(play(steps))


async def play(steps: list[Any]) -> None:
    """Play any order of commits, departures, returns and restarts, and compare at the end."""
    world = World()
    clients = [Client(view) for view in VIEWS]
    for n, step in enumerate(steps):
        if step[0] == "restart":
            for each in clients:
                each.leave(world.outbox)
            world.outbox.close()
            world.restart()
        elif step[0] == "flush":
            world.outbox._flush()
        elif step[0] in ("come", "leave"):
            client = clients[step[1]]
            client.leave(world.outbox)
            if step[0] == "come":
                client.come(world.outbox)
        else:
            world.commit(change(step, n))
    for client in clients:
        if client.listener is None:
            client.come(world.outbox)
    world.outbox._flush()
    for client in clients:
        client.read()
        assert client.picture == world.truth(client.view), client.view
        check_heard(client)
    world.outbox.close()


def check_heard(client: Client) -> None:
    """Fail for any alert that was ever told and was not the reader's to see, and for a word of one that never was."""
    shown: set[str] = set()
    for message in client.heard:
        told = message.get("data") or message.get("changes") or {}
        for id_, alert in told.get("alerts", {}).items():
            if alert is None:
                assert id_ in shown, "gone, and it was never there"
            else:
                shown.add(id_)
                assert client.view.shows(msgspec.convert(alert, HeldAlert))
