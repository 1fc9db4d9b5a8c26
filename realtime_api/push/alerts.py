"""A region's alerts as this process knows them: a mirror of its notices shard, through the desk's view or one's own."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from domain.alerts.fold import NOTICES_FOLD_VERSION
from domain.alerts.notice import ChannelState, Group, HeldAlert, Override, Silence
from domain.alerts.oncall import on_duty
from domain.alerts.routing import OnCall, People, Routing
from domain.alerts.rule import Ruleset
from domain.followup.counts import Counts
from domain.followup.crossing import Word
from domain.grants import Grant
from live_state import notices
from live_state.state import Build, Position
from realtime_api.access import AlertsView, alerts_view, schedules_of
from realtime_api.push.hub import Hub
from realtime_api.push.mirror import Change, Effect, Message, Reading
from realtime_api.push.shown import Drawing, DrawnMirror, put

# What a key of the feed begins with → the hash, and the part of a picture, that it is of; and how it is read.
PARTS: dict[str, tuple[str, Callable[[bytes | msgspec.Raw], Any]]] = {
    "alert": ("alerts", notices.read_alert),
    "group": ("groups", notices.read_group),
    "silence": ("silences", notices.read_silence),
    "override": ("overrides", notices.read_override),
    "channel": ("channels", notices.read_channel),
    "counts": ("counts", notices.read_counts),
    "word": ("words", notices.read_word),
}
EVERY_PART = (*(part for part, _ in PARTS.values()), "on_call")
ON_CALL = "on-call/"  # settings of this name hold a schedule each
SETTINGS: dict[str, type] = {"routing": Routing, "people": People, "alert_rules": Ruleset}
EVERYONE_SEES = ("alert", "group", "on_call", "word")  # as far as it is theirs; the rest is the desk's


class OnCallNow(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call by a schedule, until when that holds, and how old the schedule is; nobody where person is null."""

    person: str | None
    until: int | None
    read_at: int | None = None
    source: str = ""
    trouble: str = ""


def subjects_of(held: HeldAlert | None) -> set[str]:
    """Return whose an alert is, whoever is on call: whom `realtime_api.access.is_told` may hold for."""
    if held is None:
        return set()
    return {*held.told, held.alert.taken_by} - {None}  # type: ignore[return-value]


def see_alert(held: HeldAlert, view: AlertsView) -> HeldAlert | None:
    """Return an alert as a view shows it, None where it does not: who else was told is the desk's to know.

    Of a patient's alert those whom it reached see who else is on it: the circle, and who is on call with it. Whom its
    plan still names, and who was told as on call, is nobody's.
    """
    if not view.shows(held):
        return None
    if held.alert.plan or held.called:
        held = msgspec.structs.replace(held, alert=msgspec.structs.replace(held.alert, plan=()), called=())
    if view.subject is None or held.alert.labels.get("concern") == "patients":
        return held
    told = (view.subject,) if view.subject in held.told else ()
    seen_by = {subject: at for subject, at in held.seen_by.items() if subject == view.subject}
    return msgspec.structs.replace(held, told=told, seen_by=seen_by)


def see_group(group: Group, view: AlertsView, alerts: Mapping[str, HeldAlert]) -> Group | None:
    """Return a group with those of its alerts that a view shows, None where there are none."""

    def shown(ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(id_ for id_ in ids if id_ in alerts and view.shows(alerts[id_]))

    going_on, over = shown(group.alerts), shown(group.over)
    if not going_on and not over:
        return None
    if view.subject is None:
        return msgspec.structs.replace(group, alerts=going_on, over=over)

    def own(subjects: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each for each in subjects if each == view.subject)

    return msgspec.structs.replace(
        group,
        alerts=going_on,
        over=over,
        told=tuple(each for each in group.told if each.person == view.subject),
        not_told=tuple(each for each in group.not_told if each.person == view.subject),
        to=own(group.to),
        reached=own(group.reached),
        quiet={subject: at for subject, at in group.quiet.items() if subject == view.subject},
        handed={subject: at for subject, at in group.handed.items() if subject == view.subject},
    )


def _file(index: dict[str, set[str]], id_: str, before: set[str], after: set[str]) -> None:
    """File an id under other names than before."""
    for name in before - after:
        index[name].discard(id_)
        if not index[name]:
            del index[name]
    for name in after - before:
        index.setdefault(name, set()).add(id_)


class Touched(NamedTuple):
    """What changed after an offset: every key, those of what somebody was told of or has, and those that all see."""

    keys: dict[str, None]
    of: dict[str, dict[str, None]]
    everyones: dict[str, None]


class Shown(Drawing):
    """A region's alerts through a view, by the keys of its feed."""

    def __init__(self, hub: "AlertsHub", view: AlertsView) -> None:
        super().__init__(hub.offset)
        self._hub, self._view = hub, view

    def _keys_to_draw(self) -> Iterable[str]:
        """Return the keys of which what is shown may have become another: of one's own view, of what is theirs alone.

        A storm's alerts are told to few, and a hundred phones that it does not concern must cost next to nothing.
        """
        subject = self._view.subject
        if self._upto is None:
            return self._hub.keys() if subject is None else self._hub.keys_of(subject)
        touched = self._hub.touched_after(self._upto)
        if subject is None:
            return touched.keys
        return {
            **dict.fromkeys(self.held.keys() & touched.keys),
            **touched.of.get(subject, {}),
            **touched.everyones,
        }

    def _draw(self, key: str) -> Any:
        name, _, rest = key.partition("/")
        value = self._hub.value(name, rest)
        subject = self._view.subject
        if value is None or (subject is not None and name not in EVERYONE_SEES):
            return None
        if isinstance(value, Counts):
            return value if self._view.counts else None
        if isinstance(value, Word):
            return msgspec.structs.replace(value, to=(subject,)) if subject in value.to else None
        if isinstance(value, HeldAlert):
            return see_alert(value, self._view)
        if isinstance(value, Group):
            return see_group(value, self._view, self._hub.alerts)
        return value

    def _keys_after(self, offset: int) -> Iterable[str]:
        return self._hub.with_groups(self._hub.changed_after(offset))


def _by_part(found: Iterable[tuple[str, Any]], parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for key, value in found:
        name, _, rest = key.partition("/")
        parts.setdefault(PARTS[name][0] if name in PARTS else name, {})[rest] = value
    return parts


class AlertsHub(DrawnMirror[AlertsView]):
    """The mirror of one region's notices shard."""

    reading = Reading(
        ("meta", "settings", *(part for part, _ in PARTS.values())), NOTICES_FOLD_VERSION, notices.read_feed
    )

    def __init__(self, capacity: Hub) -> None:
        super().__init__(capacity.code, f"notices:{capacity.code}", f"alerts:{capacity.code}")
        self._rights = capacity
        self.alerts: dict[str, HeldAlert] = {}
        self.groups: dict[str, Group] = {}
        self.silences: dict[str, Silence] = {}
        self.overrides: dict[str, Override] = {}
        self.channels: dict[str, ChannelState] = {}
        self.counts: dict[str, Counts] = {}  # of patients, by hour
        self.words: dict[str, Word] = {}
        self.on_call: dict[str, OnCallNow] = {}
        self.schedules: dict[str, OnCall] = {}
        self.routing: Routing | None = None
        self.people: People | None = None
        self.rules: Ruleset | None = None
        self._on_call_due: int | None = None  # when somebody else may be on call
        self._alerts_of: dict[str, set[str]] = {}  # subject → the ids of those that they were told of, or have
        self._alerts_for: dict[
            str, set[str]
        ] = {}  # schedule → the ids of those to which who is on call by it is called
        self._touched: dict[int, Touched] = {}  # by the offset after which, for all views that were drawn then

    def why_not(self) -> str | None:
        """Return the kind of problem that keeps doors from showing anything, None where they may."""
        return "rebuilding" if self.rebuilding else "not-ready" if self.build is None else None

    @property
    def rights(self) -> Hub:
        """Return the hub that knows who may see this: the capacity shard's of the same region."""
        return self._rights

    def view(self, subject: str, grants: Iterable[Grant], now: int, channel: str) -> AlertsView | None:
        """Return what these grants let the subject see on a channel at this moment, None where they see nothing."""
        view = alerts_view(subject, grants, self.code, now, channel)
        return view if view is None or view.subject is None else view._replace(duties=self.duties(subject))

    def holds(self, view: AlertsView, now: int) -> bool:
        """Return whether a view still shows what it should: whoever is on call changes by the clock alone."""
        return view.subject is None or view.duties == self.duties(view.subject)

    def duties(self, subject: str) -> frozenset[str]:
        """Return the schedules by which somebody is on call now."""
        return frozenset(schedule for schedule, duty in self.on_call.items() if duty.person == subject)

    # -- changed by the relay

    def replace(self, build: Build, position: Position, held: Mapping[str, Mapping[str, bytes]]) -> None:
        """Become what the live state holds."""
        self._become(build, position, held)
        for part, read in PARTS.values():
            setattr(self, part, {id_: read(packed) for id_, packed in held.get(part, {}).items()})
        self.routing = self.people = self.rules = None
        self.schedules = {}
        for name, content in held.get("settings", {}).items():
            if ":" not in name:
                self._setting(name, msgspec.json.decode(content))
        self._shown.clear()
        self._touched.clear()
        self._alerts_of, self._alerts_for = {}, {}
        for id_, alert in self.alerts.items():
            self._index(id_, None, alert)
        self.on_call = {}
        self._see_who_is_on_call()

    def recall(self, entries: Iterable[tuple[int, Change]]) -> None:
        """Take in the feed up to where the mirror stands."""
        super().recall(entries)
        self._touched.clear()
        for schedule in self.on_call:  # no entry tells of a shift that ended: whoever comes back is told
            self._mark(f"on_call/{schedule}", self.offset)

    def apply(self, offset: int, change: Change) -> Effect:
        """Become what the next feed entry says, and return what that changed."""
        # A group is shown with those of its alerts that are there: it changes with one that is gone, too.
        keys = [*change.set, *(key for key in self._groups_of(change.set) if key not in change.set)]
        for key, packed in change.set.items():
            self._set(key, packed)
        was, self.at, self.offset = self.at, change.at, offset
        self.rebuilding = change.rebuilding
        if any(key.startswith(("override/", "setting/")) for key in keys) or self._is_due():
            keys += self._see_who_is_on_call()
        for key in keys:
            self._mark(key, offset)
        self.forget_oldest()
        self._touched.clear()
        self._frames.clear()
        self._learn(change.outcomes)
        return Effect(keys, advanced=self.at > was)

    def _groups_of(self, keys: Iterable[str]) -> dict[str, None]:
        """Return the keys of the groups that alerts are in, as they are held now."""
        ids = (key.removeprefix("alert/") for key in keys if key.startswith("alert/"))
        return {f"group/{group}": None for id_ in ids if id_ in self.alerts for group in self.alerts[id_].groups}

    def _set(self, key: str, packed: msgspec.Raw | None) -> None:
        name, _, rest = key.partition("/")
        if name in PARTS:
            part, read = PARTS[name]
            value = None if packed is None else read(packed)
            if name == "alert":
                self._index(rest, self.alerts.get(rest), value)
            put(getattr(self, part), rest, value)
        elif name == "setting":
            self._setting(rest, None if packed is None else msgspec.msgpack.decode(packed))

    def _index(self, id_: str, was: HeldAlert | None, held: HeldAlert | None) -> None:
        """Keep whose an alert is, and by which schedules."""
        _file(self._alerts_of, id_, subjects_of(was), subjects_of(held))
        _file(self._alerts_for, id_, schedules_of(was) if was else set(), schedules_of(held) if held else set())

    def _whose(self, held: HeldAlert | None) -> set[str]:
        """Return whose an alert is now."""
        duties = [self.on_call.get(schedule) for schedule in schedules_of(held)] if held else []
        return subjects_of(held) | {duty.person for duty in duties if duty is not None and duty.person is not None}

    def _setting(self, name: str, content: Any) -> None:
        if name.startswith(ON_CALL):
            put(self.schedules, name.removeprefix(ON_CALL), content and msgspec.convert(content, OnCall))
        elif name in SETTINGS:
            field = "rules" if name == "alert_rules" else name
            setattr(self, field, content and msgspec.convert(content, SETTINGS[name]))

    # -- who is on call: no entry of the feed says so, it follows from schedules, stand-ins and the clock

    def _is_due(self) -> bool:
        return self._on_call_due is not None and self.at >= self._on_call_due

    def _see_who_is_on_call(self) -> list[str]:
        """Return the keys of the schedules that another is on call by than before."""
        schedules = dict.fromkeys((*(self.routing.schedules if self.routing else ()), *self.schedules))
        now = {schedule: self._on_call(schedule) for schedule in schedules}
        changed = [key for key in {**self.on_call, **now} if self.on_call.get(key) != now.get(key)]
        self.on_call = now
        self._on_call_due = min((each.until for each in now.values() if each.until is not None), default=None)
        return [f"on_call/{key}" for key in changed]

    def _on_call(self, schedule: str) -> OnCallNow:
        held = self.schedules.get(schedule)
        duty = on_duty(schedule, held, self.overrides.values(), self.at)
        if held is None:
            return OnCallNow(person=duty.person, until=duty.until)
        read_at, source, trouble = held.read_at, held.source, held.trouble
        return OnCallNow(person=duty.person, until=duty.until, read_at=read_at, source=source, trouble=trouble)

    # -- read by views and doors

    def keys(self) -> Iterator[str]:
        """Yield the keys of all there is."""
        for name, (part, _) in PARTS.items():
            yield from (f"{name}/{id_}" for id_ in getattr(self, part))
        yield from (f"on_call/{schedule}" for schedule in self.on_call)

    def with_groups(self, keys: Iterable[str]) -> Iterator[str]:
        """Yield those of the keys that a picture has a part for, and the groups of their alerts: once each."""
        found: dict[str, None] = {}
        for key in keys:
            name, _, rest = key.partition("/")
            if name in PARTS or name == "on_call":
                found[key] = None
            held = self.alerts.get(rest) if name == "alert" else None
            for group in held.groups if held else ():
                if group in self.groups:
                    found[f"group/{group}"] = None
        return iter(found)

    def keys_of(self, subject: str) -> Iterator[str]:
        """Yield the keys of what somebody was told of, has or is called to, of its groups, and of what all see."""
        called = (self._alerts_for.get(schedule, ()) for schedule in self.duties(subject))
        own = self._alerts_of.get(subject, set()).union(*called)
        yield from (f"alert/{id_}" for id_ in own)
        for id_, group in self.groups.items() if own else ():
            if not own.isdisjoint(group.alerts) or not own.isdisjoint(group.over):
                yield f"group/{id_}"
        yield from (f"word/{id_}" for id_, word in self.words.items() if subject in word.to)
        yield from (f"on_call/{schedule}" for schedule in self.on_call)

    def touched_after(self, offset: int) -> Touched:
        """Return what changed after an offset: found once for all views that were drawn then."""
        touched = self._touched.get(offset)
        if touched is None:
            touched = self._touched[offset] = self._touched_after(offset)
        return touched

    def _touched_after(self, offset: int) -> Touched:
        touched = Touched(dict.fromkeys(self.with_groups(self.changed_after(offset))), {}, {})
        for key in touched.keys:
            name, _, rest = key.partition("/")
            if name == "on_call":
                touched.everyones[key] = None
            elif name == "word" and (word := self.words.get(rest)) is not None:
                for subject in word.to:
                    touched.of.setdefault(subject, {})[key] = None
            elif name == "alert":
                for subject in self._whose(self.alerts.get(rest)):
                    touched.of.setdefault(subject, {})[key] = None
            elif name == "group" and (group := self.groups.get(rest)) is not None:
                whose: set[str] = set()
                for id_ in (*group.alerts, *group.over):
                    whose |= self._whose(self.alerts.get(id_))
                for subject in whose:
                    touched.of.setdefault(subject, {})[key] = None
        return touched

    def value(self, name: str, rest: str) -> Any:
        """Return what is held under a key, None where nothing is."""
        return self.on_call.get(rest) if name == "on_call" else getattr(self, PARTS[name][0]).get(rest)

    def drawing(self, view: AlertsView) -> Shown:
        """Return a drawing of this shard through a view, with nothing drawn yet."""
        return Shown(self, view)

    def parts(self, found: Iterable[tuple[str, Any]]) -> Message:
        """Return what stands under these keys, as the parts of a message that have any."""
        return _by_part(found, {})

    def picture(self, view: AlertsView) -> Message:
        """Return all that the view shows."""
        parts: dict[str, dict[str, Any]] = {name: {} for name in EVERY_PART}
        return {"at": self.at, "rebuilding": self.rebuilding, **_by_part(self.through(view).held.items(), parts)}
