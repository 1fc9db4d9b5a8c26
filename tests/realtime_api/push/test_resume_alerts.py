"""Alerts as property 4 has it: leaving and coming back from any token shows what never leaving would have shown."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import Group, HeldAlert, Mark, Silence
from domain.places import Words
from live_state.notices import read_feed
from live_state.state import Build, Position
from realtime_api.access import AlertsView
from realtime_api.measures import Measures
from realtime_api.push.alerts import AlertsHub, Shown
from realtime_api.push.codecs import MSGPACK
from realtime_api.push.hub import Hub
from realtime_api.push.outbox import Listener, Outbox
from tests.realtime_api.push.test_resume import Transport, decode
from tests.small_region import region

BUILD = Build("notices:ici", "e1", 1)
VIEWS = (
    AlertsView("ici", "alerts:ici", ("beds", "data", "system")),
    AlertsView("ici", "alerts:ici", ("data", "system")),
    AlertsView("ici", "alerts:me", subject="anne"),
    AlertsView("ici", "alerts:me", subject="paul"),
)
PARTS = ("alerts", "groups", "silences", "overrides", "channels", "on_call", "counts", "words")
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
        rights = Hub("ici")
        rights.region = region()  # it is known who may see what
        self.hub = AlertsHub(rights)
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
        self.listener = Listener(self.transport, "x", MSGPACK, self.view, lambda _: None, lambda: self.view)
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


async def test_a_storm_is_not_drawn_for_those_whom_it_does_not_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    storm = [f"a{n}" for n in range(300)]
    group = Group(
        id="g",
        route="root",
        labels={},
        severity="info",
        status="telling",
        alerts=tuple(storm),
        began_at=0,
        chain="c",
    )
    raised: dict[str, Any] = {f"alert/{id_}": held(id_, "beds", ["anne"], None, 0) for id_ in storm}
    world.commit(raised | {"group/g": group, "alert/mine": held("mine", "beds", ["paul"], None, 0)})
    drawn: list[str] = []
    draw = Shown._draw

    def counted(self: Shown, key: str) -> Any:
        drawn.append(key)
        return draw(self, key)

    monkeypatch.setattr(Shown, "_draw", counted)
    paul = next(view for view in VIEWS if view.subject == "paul")
    assert set(world.hub.picture(paul)["alerts"]) == {"mine"}
    world.commit({f"alert/{id_}": held(id_, "beds", ["anne"], "anne", 1) for id_ in storm})
    assert world.hub.changes(paul, (), world.offset - 1) is None
    assert set(drawn) <= {"alert/mine", "group/g"}
    world.commit({"alert/a0": held("a0", "beds", ["anne", "paul"], None, 2), "alert/mine": None})
    told = world.hub.changes(paul, (), world.offset - 1)
    assert told is not None
    assert (set(told["changes"]["alerts"]), told["changes"]["groups"]["g"].alerts) == ({"a0", "mine"}, ("a0",))
    assert len(drawn) < 10


async def test_an_alert_that_eases_is_shown_with_its_newer_severity_and_words_at_the_desk_and_to_those_told() -> None:
    """The step `eased` is no news to anybody; the alert it leaves is another one to see."""
    world = World()
    grave = held("a", "beds", ["anne"], None, 0)
    grave = replace(grave, alert=replace(grave.alert, severity="critical", labels={"concern": "beds", "severity": "3"}))
    words = Words(fr="60 %", en="60 %")
    labels = {"concern": "beds", "severity": "2"}
    eased = replace(grave, alert=replace(grave.alert, severity="warning", title=words, text=words, labels=labels))
    world.commit({"alert/a": grave})
    for view in VIEWS:
        world.hub.picture(view)
    world.commit({"alert/a": eased})
    for view in VIEWS:
        told = world.hub.changes(view, (), world.offset - 1)
        if view.shows(eased):
            assert told is not None
            assert told["changes"]["alerts"]["a"].alert == eased.alert
        else:
            assert told is None


async def test_what_is_known_of_another_shards_epoch_changes_nothing_that_is_shown() -> None:
    """A mark that another epoch began has an outcome, and a place on the log; whatever ended by it is told beside."""
    world = World()
    world.commit({"alert/a": held("a", "beds", ["anne"], None, 0)})
    before = [world.hub.picture(view) for view in VIEWS]
    mark = msgspec.msgpack.encode(Mark(epoch="e2", offset=-1, n=0, over=("e1",)))
    told = {
        "from": world.offset,
        "at": 9,
        "rebuilding": False,
        "set": {},
        "outcomes": {"began/e2": {"outcome": "applied"}},
    }
    for changed in (
        {},
        {"upto/capacity:ici": msgspec.Raw(mark)},
    ):  # readers are told nothing of marks; nor would it matter
        entry = msgspec.msgpack.encode(told | {"from": world.offset, "set": changed})
        world.offset += 1
        world.outbox.changed(world.hub.apply(world.offset, read_feed(entry)))
        for view, was in zip(VIEWS, before, strict=True):
            assert world.hub.picture(view) == was | {"at": 9}
            assert world.hub.changes(view, (), world.offset - 1) is None
    assert world.hub.outcomes["began/e2"].outcome == "applied"


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
