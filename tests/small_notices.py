"""A small invented routing with its people, and a timeline on which alerts, people and senders do things."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from domain.alerts.fold import Item, NoticesState, Said, fold
from domain.alerts.lifecycle import Alert, Step, What
from domain.alerts.notice import Entry, Group, Notice
from domain.alerts.routing import Chain, ChainStep, OnCall, People, Person, Route, Routing, Shift, Window, Zone
from domain.alerts.rule import Ruleset, Severity
from domain.events import (
    AlertSeen,
    AlertStepped,
    Event,
    Genesis,
    NoticeAttempted,
    NoticeDelivered,
    NoticeFailed,
    SettingsPublished,
    Source,
    Tick,
)
from domain.places import Words
from live_state import notices
from live_state.state import Command, Position

START = 1_700_000_000_000  # a Tuesday of November 2023, 22:13 UTC, 23:13 in Paris
DAY_S = 86_400
OWNER = "capacity:ici"
SHARD = "notices:ici"
PARIS = Zone(name="Europe/Paris", offsets=((0, 3600), (1_711_846_800_000, 7200), (1_729_990_800_000, 3600)))

PEOPLE: dict[str, Person] = {
    "anne": Person(channels={"critical": ("sms", "smtp"), "warning": ("sms",), "info": ("smtp",)}),
    "paul": Person(channels={"critical": ("sms",), "warning": ("smtp",)}, team="cell"),
    "rose": Person(channels={"warning": ("push",)}, team="cell"),
    "leon": Person(channels={"warning": ("sms",)}, quiet=Window(start=22 * 60, end=7 * 60)),
}
TO_ANNE_THEN_PAUL = Chain(
    id="default", steps=(ChainStep(person="anne"), ChainStep(wait_s=540), ChainStep(person="paul"))
)


def chain(*steps: ChainStep, id_: str = "default") -> Chain:
    """Return a chain of these steps."""
    return Chain(id=id_, steps=steps)


def routing(*chains: Chain, route: Mapping[str, Any] | None = None, **more: Any) -> Routing:
    """Return a routing with one route, which groups by département and bed kind and waits 5 s."""
    options: dict[str, Any] = {
        "id": "root",
        "group_by": ("departement", "bed_kind"),
        "group_wait_s": 5,
        "chain": "default",
    }
    root = Route(**(options | dict(route or {})))
    zone, schedules = more.pop("zone", PARIS), more.pop("schedules", ("medical",))
    return Routing(route=root, chains=chains or (TO_ANNE_THEN_PAUL,), zone=zone, schedules=schedules, **more)


def alert(id_: str, severity: Severity = "warning", *, since: int = START, **more: Any) -> Alert:
    """Return an alert that fires on réanimation in Haute-Garonne, unless its labels say otherwise."""
    labels = {"rule": "full", "concern": "beds", "level": "ward", "region": "ici", "departement": "31"}
    labels |= {"bed_kind": "rea-adulte", "ward": id_, "severity": severity} | more.pop("labels", {})
    words = {"title": Words(fr=f"Réa pleine {id_}", en=f"ICU full {id_}"), "text": Words(fr="92 %", en="92%")}
    words["todo"] = Words(fr="Appeler le service", en="Call the ward")
    told: dict[str, Any] = {"rule": "full", "subject": f"ward/{id_}", "status": "firing", "raised_at": since}
    return Alert(**(told | words | {"id": id_, "severity": severity, "since": since, "labels": labels} | more))


def patient(
    id_: str, severity: Severity = "critical", plan: tuple[ChainStep, ...] = (), *, since: int = START, **more: Any
) -> Alert:
    """Return an alert of a patient as a followup shard tells it."""
    labels = {"rule": "patient", "concern": "patients", "severity": severity, "region": "ici", "level": "patient"}
    words = {
        "title": Words(fr="Patient suivi à domicile", en="Patient followed at home"),
        "text": Words(fr="Une réponse demande quelqu’un", en="An answer needs somebody"),
        "todo": Words(fr="Ouvrir le dossier", en="Open the file"),
    }
    told: dict[str, Any] = {"rule": "patient", "subject": f"patient/of-{id_}", "status": "firing", "raised_at": since}
    told |= {"id": id_, "severity": severity, "since": since, "labels": labels, "link": f"/patients/of-{id_}"}
    return Alert(**(told | words | {"plan": plan} | more))


class Timeline:
    """A notices shard that is told one thing after another: `at(905)` is 905 s after the start."""

    def __init__(self, *settings: SettingsPublished) -> None:
        self.state = NoticesState()
        self.events: list[Event] = []
        self.stored = Stored()
        self.lines: dict[str, list[Entry]] = {}
        self.alerts: dict[str, Alert] = {}
        self.now = START
        self.reload = False  # after each record: the memory is lost
        self._offset = 100
        self.fold(Genesis(id="genesis", received_at=START, epoch="e1", shard=SHARD))
        for event in settings or (published("people", People(people=PEOPLE)), published("routing", routing())):
            assert self.fold(event).outcome == "applied"

    def fold(self, event: Event) -> Said:
        """Return what became of the next record."""
        draft = fold(self.state, [Item(len(self.events), event)])
        assert not draft.dead, draft.dead
        self.events.append(event)
        for id_, _, entry in draft.timeline:
            self.lines.setdefault(id_, []).append(entry)
        self.stored.take(notices.writes(draft, rebuilding=False))
        self.state.absorb(draft)
        if self.reload:
            self.state = self.stored.load(self.state.offset)
        return draft.outcomes.get(event.id, Said("applied"))

    def at(self, seconds: float) -> Self:
        """Return the same, when so much has gone by since the start."""
        self.now = START + round(seconds * 1000)
        self.fold(Tick(id=f"tick-{len(self.events)}", received_at=self.now))
        return self

    def event(self, kind: type[Event], *, by: str | None = None, id_: str = "", **more: Any) -> Said:
        """Return what became of an event, of somebody where that matters."""
        source = Source(id=by, door="api") if by else None
        basics: dict[str, Any] = {"id": id_ or f"event-{len(self.events)}", "received_at": self.now, "source": source}
        return self.fold(kind(**(basics | more)))

    # -- what the owner of the alerts tells

    def step(self, what: What, told: Alert, **more: Any) -> Said:
        """Return what became of a step of an alert of the capacity shard."""
        self._offset += 1
        self.alerts[told.id] = told
        place = {"shard": OWNER, "epoch": more.pop("epoch", "e1"), "offset": self._offset, "n": 0}
        return self.event(AlertStepped, **place, step=Step(what=what, at=self.now, alert=told, **more))

    def fires(self, *ids: str, severity: Severity = "warning", **more: Any) -> None:
        """Let alerts begin to fire."""
        for id_ in ids:
            self.step("fired", alert(id_, severity, since=self.now, **more))

    def changes(self, what: What, id_: str, *, by: str | None = None, to: str | None = None, **changed: Any) -> None:
        """Let an alert take a step, and be otherwise then."""
        held = msgspec.structs.replace(self.alerts[id_], changed_at=self.now, **changed)
        if "severity" in changed:
            held = msgspec.structs.replace(held, labels=held.labels | {"severity": changed["severity"]})
        self.step(what, held, by=by, to=to)

    def takes(self, by: str, *ids: str) -> None:
        """Let somebody take alerts in."""
        for id_ in ids:
            self.changes("taken", id_, by=by, status="acknowledged", taken_by=by, taken_at=self.now)

    def reopens(self, *ids: str) -> None:
        """Let the time of whoever took alerts in be over."""
        for id_ in ids:
            times = self.alerts[id_].reopened + 1
            self.changes("reopened", id_, status="firing", taken_by=None, taken_at=None, reopened=times)

    def ends(self, *ids: str, **more: Any) -> None:
        """Let alerts be over."""
        end: dict[str, Any] = {"status": "resolved", "why": "cleared", "resolved_at": self.now}
        for id_ in ids:
            self.changes("resolved", id_, **(end | more))

    # -- what people and senders do

    def sees(self, by: str, *ids: str) -> Said:
        """Let somebody have seen alerts."""
        return self.event(AlertSeen, by=by, alerts=ids)

    def arrives(self, *, to: str = "", channel: str = "") -> list[Notice]:
        """Let all messages on their way arrive, or those to somebody or by a channel; return them."""
        chosen = [each for each in self.waiting() if to in ("", each.person) and channel in ("", each.channel)]
        for each in chosen:
            self.event(NoticeAttempted, notice=each.id, attempt=1)
            self.event(NoticeDelivered, notice=each.id, receipt="ok")
        return chosen

    def fails(self, *, to: str = "", channel: str = "", why: str = "refused") -> list[Notice]:
        """Let messages on their way be given up; return them."""
        chosen = [each for each in self.waiting() if to in ("", each.person) and channel in ("", each.channel)]
        for each in chosen:
            self.event(NoticeFailed, notice=each.id, reason=why)
        return chosen

    # -- what is so

    def waiting(self) -> list[Notice]:
        """Return the messages on their way, in the order of their ids."""
        return [self.state.outbox[id_] for id_ in sorted(self.state.outbox)]

    def told(self) -> list[tuple[str, str, str]]:
        """Return to whom, by what and why messages are on their way, and let them arrive."""
        return [(each.person, each.channel, each.reason) for each in self.arrives()]

    @property
    def group(self) -> Group:
        """Return the only group that there is."""
        (group,) = self.state.groups.values()
        return group


class Stored:
    """Hashes as Redis would hold them after the commands of a commit."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, bytes]] = {}

    def take(self, commands: Sequence[Command]) -> None:
        """Do what the commands say."""
        for name, key, *parts in commands:
            match name:
                case "HSET":
                    pairs = zip(parts[::2], parts[1::2], strict=True)
                    self.hashes.setdefault(str(key), {}).update((str(f), _bytes(value)) for f, value in pairs)
                case "HDEL":
                    for part in parts:
                        self.hashes.get(str(key), {}).pop(str(part), None)
                case "DEL":
                    self.hashes.pop(str(key), None)

    def load(self, offset: int) -> NoticesState:
        """Return the state that is stored, its hashes in another order than they were written in."""
        turned = {name: dict(reversed(fields.items())) for name, fields in self.hashes.items()}
        return notices.load(Position("e1", offset, 1), turned)


def _bytes(part: str | bytes | int) -> bytes:
    return part if isinstance(part, bytes) else str(part).encode()


def published(
    name: str, document: Routing | People | OnCall | Ruleset | bytes, at: int = START, id_: str = ""
) -> SettingsPublished:
    """Return the event that puts a setting in force."""
    content = document if isinstance(document, bytes) else msgspec.json.encode(document)
    digest = hashlib.sha256(content).hexdigest()
    return SettingsPublished(id=id_ or f"{name}-{at}", received_at=at, name=name, digest=digest, content=content)


def people(**changed: Person) -> SettingsPublished:
    """Return the event that publishes the people, some of them otherwise."""
    return published("people", People(people=PEOPLE | changed))


def shifts(*each: tuple[str, float, float]) -> OnCall:
    """Return a schedule: who, from and until how many seconds after the start."""
    spans = tuple(Shift(who, START + round(since * 1000), START + round(until * 1000)) for who, since, until in each)
    return OnCall(shifts=spans, read_at=START, source="medical.ics")
