"""The notices fold: a region's alerts in, groups and messages to people out; the state changes only when told to.

The shard's clock is the largest `received_at` seen (design, decision 2). Before a record is folded, everything due by
its clock is run in order, each at its exact instant. So the outcome does not depend on how the log was cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from domain.alerts.lifecycle import Alert
from domain.alerts.notice import (
    ChannelState,
    Entry,
    Group,
    HeldAlert,
    Mark,
    Measured,
    Notice,
    Override,
    Past,
    Silence,
    Worth,
)
from domain.alerts.routing import OnCall, People, Person, Routing
from domain.capacity.fold import APPLIED, HOUR_MS, IDS_KEPT_HOURS, Item, Said
from domain.documents import gather, put_in_force
from domain.errors import Unreadable
from domain.events import Event, Genesis, Outcome, SettingsPublished, Tick
from domain.overlay import Overlay, absorb

NOTICES_FOLD_VERSION = 1
MOST_TOLD = 1_000  # alerts that one feed entry tells of

Choice = dict[str, tuple[str, ...]]  # severity → channels

_read_routing = msgspec.json.Decoder(Routing).decode
_read_people = msgspec.json.Decoder(People).decode
_read_on_call = msgspec.json.Decoder(OnCall).decode

__all__ = ["NOTICES_FOLD_VERSION", "Choice", "Draft", "Item", "NoticesState", "Said", "fold"]

# What of a state is stored, and changed by key.
STORED = (
    "settings",
    "alerts",
    "own",
    "groups",
    "outbox",
    "silences",
    "overrides",
    "channels",
    "choices",
    "upto",
    "worth",
    "loads",
    "past",
    "measured",
)


@dataclass(slots=True)
class NoticesState:
    """All that a notices shard remembers; changed by `absorb` alone.

    `own` are the alerts that this shard evaluates itself, by key; `worth` is by `<rule>/<day>`, `loads` the instants at
    which each person was told something within the last 120 minutes.
    """

    offset: int = -1
    clock: int = 0
    shard: str = ""
    settings: dict[str, bytes] = field(default_factory=dict)
    alerts: dict[str, HeldAlert] = field(default_factory=dict)
    own: dict[str, Alert] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    outbox: dict[str, Notice] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    channels: dict[str, ChannelState] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    upto: dict[str, Mark] = field(default_factory=dict)
    worth: dict[str, Worth] = field(default_factory=dict)
    loads: dict[str, tuple[int, ...]] = field(default_factory=dict)
    past: dict[str, Past] = field(default_factory=dict)
    measured: dict[str, Measured] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    said_in: dict[int, list[str]] = field(default_factory=dict)
    routing: Routing | None = None
    people: dict[str, Person] = field(default_factory=dict)
    on_call: dict[str, OnCall] = field(default_factory=dict)

    def remember(self, hour: int, said: dict[str, Said]) -> None:
        """Take in the outcomes of an hour of the shard's clock, as they were stored."""
        self.said.update(said)
        self.said_in.setdefault(hour, []).extend(said)

    def settle(self) -> None:
        """Work out what is not stored but follows from what is."""
        self.routing = _read_routing(self.settings["routing"]) if "routing" in self.settings else None
        self.people = _read_people(self.settings["people"]).people if "people" in self.settings else {}
        self.on_call = {
            name.removeprefix("on-call/"): _read_on_call(content)
            for name, content in self.settings.items()
            if name.startswith("on-call/") and ":" not in name
        }

    def absorb(self, draft: "Draft") -> None:
        """Become what the draft says, once it has been committed."""
        self.offset, self.clock, self.shard = draft.offset, draft.clock, draft.shard
        self.routing, self.people, self.on_call = draft.routing, draft.people, draft.on_call
        for name in STORED:
            absorb(getattr(self, name), getattr(draft, name).changed)
        for hour in draft.forgotten_hours:  # first, as an id that was forgotten may have been said anew since
            for id_ in self.said_in.pop(hour, ()):
                self.said.pop(id_, None)
        for hour, said in draft.said.items():
            self.remember(hour, said)


class Draft:
    """What a run of records makes of a state, without touching it."""

    def __init__(self, base: NoticesState) -> None:
        self.base = base
        self.offset, self.clock, self.shard = base.offset, base.clock, base.shard
        self.routing, self.people, self.on_call = base.routing, base.people, base.on_call
        self.settings: Overlay[str, bytes] = Overlay(base.settings)
        self.alerts: Overlay[str, HeldAlert] = Overlay(base.alerts)
        self.own: Overlay[str, Alert] = Overlay(base.own)
        self.groups: Overlay[str, Group] = Overlay(base.groups)
        self.outbox: Overlay[str, Notice] = Overlay(base.outbox)
        self.silences: Overlay[str, Silence] = Overlay(base.silences)
        self.overrides: Overlay[str, Override] = Overlay(base.overrides)
        self.channels: Overlay[str, ChannelState] = Overlay(base.channels)
        self.choices: Overlay[str, Choice] = Overlay(base.choices)
        self.upto: Overlay[str, Mark] = Overlay(base.upto)
        self.worth: Overlay[str, Worth] = Overlay(base.worth)
        self.loads: Overlay[str, tuple[int, ...]] = Overlay(base.loads)
        self.past: Overlay[str, Past] = Overlay(base.past)
        self.measured: Overlay[str, Measured] = Overlay(base.measured)
        self.said: dict[int, dict[str, Said]] = {}
        self.repeated: dict[str, Said] = {}
        self.forgotten_hours: set[int] = set()
        self._forgotten: set[str] = set()  # the ids of those hours, which the base still knows
        self.timeline: list[tuple[str, int, Entry]] = []  # alert, where in its timeline, what happened
        self.dead: dict[int, str] = {}

    @property
    def anew(self) -> bool:
        """Return whether so much changed that readers do better to load everything again."""
        return len(self.alerts.changed) > MOST_TOLD

    def outcome_of(self, id_: str) -> Said | None:
        """Return what became of an event of the last 48 h, None for one that was never seen."""
        for said in self.said.values():
            if id_ in said:
                return said[id_]
        return None if id_ in self._forgotten else self.base.said.get(id_)

    @property
    def outcomes(self) -> dict[str, Said]:
        """Return the outcomes that this draft gives, those of events that came again included."""
        return {id_: said for hour in self.said.values() for id_, said in hour.items()} | self.repeated

    # -- time

    def advance(self, clock: int) -> None:
        """Run everything due by then, in order, and let it be then; a clock never goes back."""
        if self.clock == 0:
            self.clock = clock
        hour = self.clock // HOUR_MS
        self.clock = max(clock, self.clock)
        if self.clock // HOUR_MS > hour:
            self._forget(self.clock // HOUR_MS)

    def _forget(self, hour: int) -> None:
        """Let go, at a full hour, of what is older than it is kept."""
        for old in [h for h in self.said if h < hour - IDS_KEPT_HOURS]:
            del self.said[old]
        for old in [h for h in self.base.said_in if h < hour - IDS_KEPT_HOURS and h not in self.forgotten_hours]:
            self.forgotten_hours.add(old)
            self._forgotten.update(self.base.said_in[old])

    # -- folding

    def fold(self, item: Item) -> None:
        """Fold one record; whatever it raises, the draft is then worth nothing and must be thrown away."""
        offset, event, appended_at = item
        if isinstance(event, Unreadable):
            self.bury(offset, str(event), event.id)
            return
        self.advance(event.received_at if appended_at is None else min(event.received_at, appended_at))
        self.offset = offset
        if isinstance(event, Genesis):
            self.shard = event.shard
            return
        if isinstance(event, Tick):
            return
        known = self.outcome_of(event.id)
        if known is not None:
            self.repeated[event.id] = known
            return
        self._say(event.id, self._apply(event))

    def bury(self, offset: int, reason: str, id_: str | None = None) -> None:
        """Record that a record can't be folded, and is a dead letter for this reason."""
        self.offset = offset
        self.dead[offset] = reason
        if id_ is not None:
            self._say(id_, Said("dead", reason))

    def _say(self, id_: str, said: Said) -> None:
        self.said.setdefault(self.clock // HOUR_MS, {})[id_] = said

    def _apply(self, event: Event) -> Said:
        if event.not_after is not None and self.clock > event.not_after:
            return refused("too late")
        match event:
            case SettingsPublished():
                return self._publish(event)
            case _:
                raise TypeError(f"the notices fold does not know {type(event).__name__}")

    def _publish(self, event: SettingsPublished) -> Said:
        whole = gather(self.settings, event)
        if whole is None:
            return APPLIED
        if whole.refused:
            return refused(whole.refused)
        try:
            self._put_in_force(event.name, whole.content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refused(f"{event.name} can't be read: {error}")
        put_in_force(self.settings, event, whole.content)
        return APPLIED

    def _put_in_force(self, name: str, content: bytes) -> None:
        if name == "routing":
            self.routing = _read_routing(content)
        elif name == "people":
            self.people = _read_people(content).people
        elif name.startswith("on-call/"):
            self.on_call = self.on_call | {name.removeprefix("on-call/"): _read_on_call(content)}
        else:
            msgspec.json.decode(content)


def refused(why: str) -> Said:
    """Return the outcome of what is refused."""
    outcome: Outcome = "refused"
    return Said(outcome, why)


def fold(state: NoticesState, items: Sequence[Item]) -> Draft:
    """Return the draft of a run of records that follow the state; a record that breaks the fold is a dead letter in it.

    A record that raises is left out and the run folded anew, so that none is ever half folded.
    """
    broken: dict[int, str] = {}
    while True:
        draft = Draft(state)
        for item in items:
            try:
                if item.offset in broken:
                    draft.bury(item.offset, broken[item.offset], getattr(item.event, "id", None))
                else:
                    draft.fold(item)
            except Exception as error:  # noqa: BLE001 - a bug must cost one record, with its name, and never the shard
                broken[item.offset] = f"{type(error).__name__} while folding"
                break
        else:
            return draft
