"""The doors of a region's alerts: the desk and one's own feed, acts, silences, stand-ins, worth, and links to seen."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from domain.alerts.notice import HeldAlert
from domain.alerts.rule import SEVERITIES
from domain.events import Event, OverrideEnded, ShiftOverridden, SilenceEnded, SilenceMade, Source
from domain.followup.counts import LEAST
from live_state import notices
from live_state.state import State
from people.directory import People
from people.rights import MATRIX
from realtime_api.access import MINE, AlertsView, View, is_told, may_act, view_of
from realtime_api.alerts import acts, shapes, worth
from realtime_api.alerts.bucket import Bucket
from realtime_api.answers import (
    ALWAYS_ASK,
    NEVER,
    Entry,
    encode,
    has_etag,
    in_path,
    in_query,
    json_answer,
    read_body,
)
from realtime_api.commands import KEY, Command, Commands, deed_id
from realtime_api.intake import alerts as intake
from realtime_api.intake.alerts import ActAsked, OverrideAsked, SeenAsked, SilenceAsked, span
from realtime_api.measures import Measures
from realtime_api.problems import Mistake, Problem, ProblemDocument
from realtime_api.push.alerts import AlertsHub, see_alert, see_group
from realtime_api.push.rooms import Rooms
from realtime_api.push.session import Who
from realtime_api.queries import Asked
from realtime_api.shapes import Links
from realtime_api.sign_in import Desk

REGION = "/api/v1/regions/{code}"
MOST_TIMELINE = 500  # lines
USUAL_DAYS, MOST_DAYS = 30, 90
SHIFTS_MS = 14 * 24 * 3_600_000
SEEN_AT_ONCE, SEEN_A_SECOND = 40, 10.0  # links tried in vain in this process: none of 144 bits is found by trying
TOLD_OF = ("told", "delivered", "failed", "not_told")  # lines of a timeline that name whom somebody was told by


class AlertsPlace(NamedTuple):
    """A region's alerts, who asks for them, what they may there, and what they see of it: the desk's, and their own."""

    who: Who
    hub: AlertsHub
    view: View
    desk: AlertsView | None
    mine: AlertsView | None


@dataclass(frozen=True)
class AlertDoors:
    """The doors of alerts, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    state: State
    people: People
    measures: Measures
    now: Callable[[], int]
    seen_bucket: Bucket = field(default_factory=lambda: Bucket(SEEN_AT_ONCE, SEEN_A_SECOND))

    # -- what is seen

    async def alerts(self, request: Request) -> Response:
        """Return a region's alerts as the desk sees them, or with `mine` what the asker was told of or has taken."""
        place = await self._place(request, f"GET {REGION}/alerts")
        asked = Asked(request.query_params, ("mine",))
        mine = asked.flag("mine")
        asked.done()
        view = place.mine if mine else place.desk
        if view is None:
            raise Problem("not-allowed", "the desk is not yours to see; ask with mine=true for what you were told of")
        etag = f'"{place.hub.token(view)}"'
        headers = ALWAYS_ASK | {"etag": etag}
        if has_etag(request, etag):
            return Response(status_code=304, headers=headers)
        return Response(place.hub.body(view, encode), media_type="application/json", headers=headers)

    async def alert(self, request: Request) -> Response:
        """Return an alert with its groups and its timeline, also for 30 days after it was over."""
        place = await self._place(request, f"GET {REGION}/alerts/{{id}}")
        id_, hub = request.path_params["id"], place.hub
        if len(id_) > intake.MOST_ID or hub.build is None:
            raise _unknown_alert()
        members = await self.state.latest(hub.build, f"timeline:{id_}", MOST_TIMELINE)
        timeline = notices.read_timeline(members)[::-1]
        desk, mine = place.desk, place.mine
        held = hub.alerts.get(id_)
        if held is not None:
            view = next((each for each in (desk, mine) if each is not None and each.shows(held)), None)
            if view is None:
                raise _unknown_alert()
            groups = [see_group(hub.groups[group], view, hub.alerts) for group in held.groups if group in hub.groups]
            alert: Any = see_alert(held, view)
        else:
            (packed,) = await self.state.fields(hub.build, "past", [id_])
            if packed is None:
                raise _unknown_alert()
            alert, groups = notices.read_past(packed), []
            view = desk if desk is not None and alert.labels.get("concern") in desk.concerns else mine
            subject = place.who.subject
            was_told = alert.taken_by == subject or any(line.to == subject for line in timeline)
            if view is None or (view.subject is not None and not was_told):
                raise _unknown_alert()
        if view.subject is not None:
            timeline = [line for line in timeline if line.what not in TOLD_OF or line.to == view.subject]
        shown = shapes.AlertShown(alert, [group for group in groups if group is not None], timeline)
        return json_answer(shown, headers=NEVER)

    # -- acts

    async def act(self, request: Request) -> Response:
        """Mark alerts as seen, take them, hand them over, resolve them or comment on them: up to 200 at once."""
        place = await self._place(request, f"POST {REGION}/alerts/acts")
        now = self.now()
        asked = intake.read(await read_body(request, intake.MOST_BYTES), ActAsked, now)
        hub, subject = place.hub, place.who.subject
        if asked.to is not None and (hub.people is None or asked.to not in hub.people.people):
            raise Problem("wrong-fields", mistakes=[Mistake("to", "is nobody who can be told here")])
        ids = list(dict.fromkeys(asked.alerts))
        judged = {id_: self._judge(place, hub.alerts.get(id_), asked.act) for id_ in ids}
        allowed = {id_: held for id_, held in judged.items() if isinstance(held, HeldAlert)}
        commands: dict[str, Command[Event]] = {}
        key = _key(request)
        if asked.act == "seen" and allowed:
            commands = dict.fromkeys(allowed, Command(acts.seen(list(allowed), subject, hub.code, now, key=key), hub))
        elif allowed:
            mirrors = {mirror.shard: mirror for _, mirror in self.rooms.mirrors}
            for id_, held in allowed.items():
                event = acts.act_on(asked, held, subject, hub.code, now, key)
                commands[id_] = Command(event, acts.owner(held, mirrors))
        unique = {command.event.id: command for command in commands.values()}
        outcomes = dict(zip(unique, await self.commands.run(list(unique.values())), strict=True))
        told: list[acts.Told] = []
        names: Mapping[str, str] = {}
        for id_ in ids:
            why = judged[id_]
            said: acts.Told = why if isinstance(why, Problem) else outcomes[commands[id_].event.id]
            if not isinstance(said, Problem | None) and said.outcome in ("refused", "dead"):
                names = names or await self._names(hub.code)
                said = acts.refusal(said, subject, asked.act, self.now(), names) or said
            told.append(said)
            self.measures.acts.labels(asked.act, _word(said)).inc()
        answers = [acts.answer_of(id_, commands.get(id_), said) for id_, said in zip(ids, told, strict=True)]
        return acts.answer(answers, told)

    def _judge(self, place: AlertsPlace, held: HeldAlert | None, act: str) -> HeldAlert | Problem:
        """Return an alert that the asker may act on, or why not: one that they don't see might as well not be there."""
        if held is None:
            return _unknown_alert()
        if may_act(place.view.rights, held, place.who.subject, place.hub.duties(place.who.subject)):
            if act != "seen" and held.alert.labels.get("concern") == "patients":
                return Problem("open-the-file")
            return held
        if place.desk is not None and place.desk.shows(held):
            return Problem("not-allowed", "you see this alert, and were not told of it: it is not yours to act on")
        return _unknown_alert()

    # -- counts of patients

    async def follow_up_counts(self, request: Request) -> Response:
        """Return how many patients are followed at home, by hours."""
        hub = (await self._place(request, f"GET {REGION}/follow-up-counts")).hub
        hours = sorted(hub.counts.values(), key=lambda each: -each.at)
        return json_answer(shapes.FollowUpCounts(hub.code, hub.at, LEAST, hours), headers=NEVER)

    # -- silences

    async def silences(self, request: Request) -> Response:
        """Return the silences in force or to come."""
        place = await self._place(request, f"GET {REGION}/silences")
        return json_answer(shapes.SilencesShown(place.hub.at, place.hub.silences), headers=NEVER)

    async def silence(self, request: Request) -> Response:
        """Make a silence: alerts that match it are not told of."""
        place = await self._place(request, f"POST {REGION}/silences")
        now = self.now()
        asked = intake.read(await read_body(request, intake.MOST_BYTES), SilenceAsked, now)
        since, until = span(asked.since, asked.until, now)
        assert since is not None
        assert until is not None
        matchers = {label: tuple(values) for label, values in asked.matchers.items()}
        common = self._common(request, place, now, asked)
        return await self._make(
            place, SilenceMade(**common, matchers=matchers, since=since, until=until, reason=asked.reason)
        )

    async def end_silence(self, request: Request) -> Response:
        """End a silence before its time."""
        place = await self._place(request, f"DELETE {REGION}/silences/{{id}}")
        id_ = request.path_params["id"]
        gone = Problem("unknown", "there is no such silence (any more)")
        if id_ not in place.hub.silences and _key(request) is None:
            raise gone
        event = SilenceEnded(**self._common(request, place, self.now(), "end", id_), silence=id_)
        return await self._end(place, id_, event, {"unknown silence": gone})

    # -- on call

    async def on_call(self, request: Request) -> Response:
        """Return who is on call by each schedule, the shifts of the next 14 days, and who stands in."""
        hub = (await self._place(request, f"GET {REGION}/on-call")).hub
        shifts = {
            name: [shift for shift in schedule.shifts if shift.until > hub.at and shift.since < hub.at + SHIFTS_MS]
            for name, schedule in hub.schedules.items()
        }
        return json_answer(shapes.OnCallShown(hub.at, hub.on_call, shifts, hub.overrides), headers=NEVER)

    async def stand_in(self, request: Request) -> Response:
        """Let somebody stand in on a schedule."""
        place = await self._place(request, f"POST {REGION}/on-call/overrides")
        now, hub = self.now(), place.hub
        asked = intake.read(await read_body(request, intake.MOST_BYTES), OverrideAsked, now)
        wrong = []
        if asked.schedule not in hub.on_call:
            wrong.append(Mistake("schedule", "there is no such schedule"))
        if hub.people is None or asked.person not in hub.people.people:
            wrong.append(Mistake("person", "is nobody who can be told here"))
        if wrong:
            raise Problem("wrong-fields", mistakes=wrong)
        since, until = span(asked.since, asked.until, now)
        assert since is not None
        assert until is not None
        common = self._common(request, place, now, asked)
        event = ShiftOverridden(
            **common, schedule=asked.schedule, person=asked.person, since=since, until=until, reason=asked.reason
        )
        return await self._make(place, event)

    async def end_stand_in(self, request: Request) -> Response:
        """End a stand-in before its time."""
        place = await self._place(request, f"DELETE {REGION}/on-call/overrides/{{id}}")
        id_ = request.path_params["id"]
        gone = Problem("unknown", "there is no such stand-in (any more)")
        if id_ not in place.hub.overrides and _key(request) is None:
            raise gone
        event = OverrideEnded(**self._common(request, place, self.now(), "end", id_), override=id_)
        return await self._end(place, id_, event, {"unknown stand-in": gone})

    # -- worth, people

    async def worth(self, request: Request) -> Response:
        """Return what alarms were worth: rules and teams to the crisis cell, one's own load to everyone."""
        place = await self._place(request, f"GET {REGION}/worth")
        asked = Asked(request.query_params, ("days",))
        days = asked.count("days", USUAL_DAYS, MOST_DAYS)
        asked.done()
        hub = place.hub
        loaded = await self.state.load(hub.build, ("worth", "loads")) if hub.build is not None else None
        held = loaded[1] if loaded is not None else {}
        loads = {subject: notices.read_load(value) for subject, value in held.get("loads", {}).items()}
        mine = shapes.OwnLoad(worth.load(loads.get(place.who.subject, ()), hub.at))
        if not place.view.may("manage"):
            return json_answer(shapes.WorthShown([], [], mine), headers=NEVER)
        counts = {key: notices.read_worth(value) for key, value in held.get("worth", {}).items()}
        rules = worth.rules_worth(counts, hub.alerts.values(), hub.rules, hub.at, days)
        teams = worth.teams_load(loads, hub.people, hub.at)
        return json_answer(shapes.WorthShown(rules, teams, mine), headers=NEVER)

    async def persons(self, request: Request) -> Response:
        """Return who can be told in a region, by name."""
        place = await self._place(request, f"GET {REGION}/people")
        known = place.hub.people.people if place.hub.people else {}
        names = await self._names(place.hub.code)
        found = [shapes.PersonShown(subject, names.get(subject), person.team) for subject, person in known.items()]
        found.sort(key=lambda each: (each.name or "", each.subject))
        return json_answer(found, headers=NEVER)

    # -- a link out of a message

    async def seen(self, request: Request) -> Response:
        """Mark what a link stands for as seen by whom it was sent to: that and nothing else, and only when told to."""
        self.desk.check_origin(request.headers)
        now = self.now()
        asked = intake.read(await read_body(request, intake.MOST_BYTES), SeenAsked, now)
        opened = await asyncio.to_thread(self.people.open_link, asked.link, now)
        if opened is None:
            # Counted only here: whoever tries many must not keep those out whose links open something.
            raise Problem("link-over" if self.seen_bucket.take() else "too-many")
        hub = self.rooms.alerts.get(opened.region)
        if hub is None or hub.why_not() is not None:
            raise Problem((hub and hub.why_not()) or "not-ready")
        group = hub.groups.get(opened.group)
        there = [] if group is None else [hub.alerts[id_] for id_ in group.alerts if id_ in hub.alerts]
        told = [held for held in there if is_told(held, opened.person, hub.duties(opened.person))]
        if not told:
            raise Problem("link-over")  # what its person was told of is over, and long so
        gravest = max(told, key=lambda held: SEVERITIES.index(held.alert.severity))
        ids = [held.alert.id for held in told][: intake.MOST_ALERTS]
        (said,) = await self.commands.run([Command(acts.seen(ids, opened.person, hub.code, now, "link"), hub)])
        self.measures.acts.labels("seen", _word(said)).inc()
        if isinstance(said, Problem):
            raise said
        if said is not None and said.outcome not in ("applied", "history"):
            raise Problem("refused", said.reason or said.outcome)
        status = 202 if said is None else 200
        link = (gravest.alert.planned and gravest.alert.link) or f"/alerts?group={opened.group}"
        shown = shapes.SeenShown(gravest.alert.title, seen=True, group=opened.group, link=link)
        return json_answer(shown, status, NEVER)

    # -- what they have in common

    async def _place(self, request: Request, door: str) -> AlertsPlace:
        """Return the region asked for; raise Problem for what the asker may not, or not now."""
        who = await self.desk.identify(request)
        capacity = self.rooms.hubs.get(request.path_params["code"])
        if capacity is None:
            raise Problem("unknown" if self.rooms else "not-ready", "there is no such region")
        why, now = capacity.why_not(), self.now()
        view = view_of(who.subject, capacity.grants.get(who.subject, ()), capacity.code, now)
        if view is None or not view.may(MATRIX.doors[door].needs):
            raise Problem(why or "not-allowed")
        hub = self.rooms.alerts.get(capacity.code)
        why = why or ("not-ready" if hub is None else hub.why_not())
        if why is not None or hub is None:
            raise Problem(why or "not-ready", "" if hub else "this region has no notices shard yet")
        desk, mine = (hub.view(who.subject, capacity.grants[who.subject], now, each) for each in (hub.channel, MINE))
        return AlertsPlace(who, hub, view, desk, mine)

    def _common(self, request: Request, place: AlertsPlace, now: int, *what: object) -> dict[str, Any]:
        """Return what every event has that says `what` somebody decided here: the same under the same key is one."""
        source = Source(id=place.who.subject, door=acts.DOOR)
        return {
            "id": deed_id(place.who.subject, _key(request), now, request.method, request.url.path, *what),
            "received_at": now,
            "region": place.hub.code,
            "source": source,
            "not_after": now + acts.HOLDS_MS,
        }

    async def _make(self, place: AlertsPlace, event: Event) -> Response:
        """Return the answer to an event that makes something under its own id."""
        status, made = await self._said(place, event, event.id)
        return json_answer(made, 202 if status == 202 else 201, headers=NEVER | {"location": acts.link_to(event)})

    async def _end(self, place: AlertsPlace, id_: str, event: Event, gone: Mapping[str, Problem]) -> Response:
        """Return the answer to an event that ends something; raise what `gone` has for the fold's word of it."""
        status, made = await self._said(place, event, id_, gone)
        return json_answer(made, status, headers=NEVER | {"location": acts.link_to(event)})

    async def _said(
        self, place: AlertsPlace, event: Event, id_: str, gone: Mapping[str, Problem] = MappingProxyType({})
    ) -> tuple[int, shapes.Made]:
        (said,) = await self.commands.run([Command(event, place.hub)])
        self.measures.acts.labels(str(event.__struct_config__.tag), _word(said)).inc()
        if isinstance(said, Problem):
            raise said
        if said is not None and said.outcome not in ("applied", "history"):
            raise gone.get(said.reason or "", Problem("refused", said.reason or said.outcome))
        links = Links(acts.link_to(event))
        return (202, shapes.Made(id_, "pending", links)) if said is None else (200, shapes.Made(id_, "applied", links))

    async def _names(self, region: str) -> dict[str, str]:
        known = await asyncio.to_thread(self.people.names, region)
        return {subject: person.name for subject, person in known.items()}


def _unknown_alert() -> Problem:
    return Problem("unknown", "there is no alert of this id that you were told of")


def _key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")


def _word(said: acts.Told) -> str:
    return "pending" if said is None else said.kind if isinstance(said, Problem) else said.outcome


P = ProblemDocument
CODE = in_path("code", "A region's code, a slug such as `occitanie`.")
ID = in_path("id", "Its id.")
READ: dict[int, Any] = {401: P, 403: P, 404: P, 503: P}
WRITTEN: dict[int, Any] = READ | {400: P, 413: P, 422: P}
ENDED: dict[int, Any] = READ | {200: shapes.Made, 202: shapes.Made, 422: P}

_TABLE: tuple[Entry, ...] = (
    Entry(
        "GET",
        f"{REGION}/alerts",
        "alerts",
        None,
        READ | {200: shapes.AlertsShown, 304: None, 400: P},
        (CODE, in_query("mine", {"type": "boolean"}, "Only what the asker was told of, or has taken.")),
    ),
    Entry(
        "GET",
        f"{REGION}/alerts/{{id}}",
        "alert",
        None,
        READ | {200: shapes.OneAlertShown},
        (CODE, in_path("id", "An alert's id.")),
    ),
    Entry(
        "POST",
        f"{REGION}/alerts/acts",
        "act",
        ActAsked,
        WRITTEN
        | {
            200: shapes.ActAnswers,
            202: shapes.ActAnswers,
            207: shapes.ActAnswers,
            403: (P, shapes.ActAnswers),
            404: (P, shapes.ActAnswers),
            409: (P, shapes.ActAnswers),
            422: (P, shapes.ActAnswers),
        },
        (CODE, KEY),
    ),
    Entry("GET", f"{REGION}/follow-up-counts", "follow_up_counts", None, READ | {200: shapes.FollowUpCounts}, (CODE,)),
    Entry("GET", f"{REGION}/silences", "silences", None, READ | {200: shapes.SilencesShown}, (CODE,)),
    Entry(
        "POST",
        f"{REGION}/silences",
        "silence",
        SilenceAsked,
        WRITTEN | {201: shapes.Made, 202: shapes.Made},
        (CODE, KEY),
    ),
    Entry("DELETE", f"{REGION}/silences/{{id}}", "end_silence", None, ENDED, (CODE, ID, KEY)),
    Entry("GET", f"{REGION}/on-call", "on_call", None, READ | {200: shapes.OnCallShown}, (CODE,)),
    Entry(
        "POST",
        f"{REGION}/on-call/overrides",
        "stand_in",
        OverrideAsked,
        WRITTEN | {201: shapes.Made, 202: shapes.Made},
        (CODE, KEY),
    ),
    Entry("DELETE", f"{REGION}/on-call/overrides/{{id}}", "end_stand_in", None, ENDED, (CODE, ID, KEY)),
    Entry(
        "GET",
        f"{REGION}/worth",
        "worth",
        None,
        READ | {200: shapes.WorthShown, 400: P},
        (
            CODE,
            in_query(
                "days",
                {"type": "integer", "minimum": 1, "maximum": MOST_DAYS},
                "How many days of UTC, today included: 1 is today alone, not the last 24 h.",
            ),
        ),
    ),
    Entry("GET", f"{REGION}/people", "persons", None, READ | {200: list[shapes.PersonShown]}, (CODE,)),
    Entry(
        "POST",
        "/api/v1/seen",
        "seen",
        SeenAsked,
        {200: shapes.SeenShown, 202: shapes.SeenShown, 400: P, 403: P, 410: P, 413: P, 422: P, 429: P, 503: P},
    ),
)
ALERT_DOORS: tuple[Entry, ...] = tuple(door._replace(of=AlertDoors) for door in _TABLE)
