"""The stand-in's alerts: the contract's doors and channels over alerts that a test fires, in the domain's own types."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import msgpack
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.alerts.cluster import RULE as CLUSTER
from domain.alerts.lifecycle import Alert
from domain.alerts.notice import ChannelState, Entry, Group, HeldAlert, NotTold, Override, Silence, Told
from domain.alerts.rule import Severity
from domain.followup.counts import Counts, published
from domain.places import Region, Words

DESK, MINE = "alerts:occitanie", "alerts:me:occitanie"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# A point of P-256 in base64url, as a push service wants it; nothing is ever sent with it.
PUSH_KEY = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"
TEAM = "cellule-regionale"
PEOPLE = {
    "stand-in": "Camille Roux",
    "demo-deputy": "Maxime Soler",
    "demo-on-call": "Dominique Vidal",
    "demo-nurse": "Alix Bonnet",
    "demo-physician": "Sacha Morel",
    "demo-regulator": "Lou Garnier",
}
ROLES = {
    "demo-nurse": "nurse",
    "demo-physician": "physician",
    "demo-regulator": "regulator",
    "demo-support": "support",
    "demo-ehpad": "ehpad",
    "demo-tracing": "tracing_agent",
    "demo-dpo": "dpo",
}  # everybody else is of the crisis cell

Rule = Literal["rea", "surge", "stale", "silent", "closed", "channel"]
TEXTS: dict[Rule, tuple[str, str, str, str]] = {
    "rea": (
        "Réanimation à {value} % · {place}",
        "Intensive care at {value} % · {place}",
        "Les lits de réanimation adulte de {place} sont occupés à {value} % (seuil 90 %), depuis 15 min.",
        "Confirmer les chiffres des services les plus anciens ; ouvrir des lits ou orienter vers un voisin.",
    ),
    "surge": (
        "Surcapacité non déclarée · {place}",
        "Undeclared surge · {place}",
        "{place} occupe plus de lits que déclaré.",
        "Appeler le service : des lits supplémentaires sont-ils ouverts ?",
    ),
    "stale": (
        "{value} lits aux chiffres périmés · {place}",
        "{value} beds with stale figures · {place}",
        "Des services de {place} n’ont rien dit depuis plus de 24 h.",
        "Rappeler les services en retard.",
    ),
    "silent": (
        "Source muette · {place}",
        "Silent source · {place}",
        "La source {place} n’a rien envoyé depuis 6 h.",
        "Prévenir l’éditeur ou l’établissement.",
    ),
    "closed": (
        "Lits fermés au-delà de la date dite · {place}",
        "Beds closed beyond their date · {place}",
        "{place} a des lits fermés dont la date de réouverture est passée.",
        "",
    ),
    "channel": (
        "SMS en panne",
        "SMS is down",
        "La passerelle SMS ne répond plus depuis 12 min.",
        "Prévenir l’exploitant de la passerelle.",
    ),
}
CONCERNS = {"stale": "data", "silent": "data", "channel": "system"}


def builtin(value: Any) -> Any:
    """Return a value of the domain as it travels."""
    return msgspec.to_builtins(value)


class StandInAlerts:
    """What the desk sees, and what a test may make of it; `tell` runs on the stand-in's loop."""

    def __init__(self, region: Region, now: Callable[[], int]) -> None:
        self.region, self.now = region, now
        self.alerts: dict[str, HeldAlert] = {}
        self.groups: dict[str, Group] = {}
        self.silences: dict[str, Silence] = {}
        self.overrides: dict[str, Override] = {}
        self.channels: dict[str, ChannelState] = {}
        self.on_call: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, Counts] = {}
        self.timelines: dict[str, list[Entry]] = {}
        self.rules: list[dict[str, Any]] = []
        self.choices: dict[str, list[str]] = {"info": ["app"], "warning": ["app", "push"], "critical": ["app", "push"]}
        self.subscriptions: list[dict[str, Any]] = []
        self.acts: list[dict[str, Any]] = []
        self.seen_links: list[str] = []
        self.links = {"a-link", "another-link"}
        self.hearers: dict[WebSocket, tuple[str, str]] = {}  # whose socket, and by which channel
        self.act_slowly = 0.0  # s
        self._held: dict[WebSocket, dict[tuple[str, str], Any]] = {}  # what each socket was told, by map and key
        self._made = 0

    # -- what a test may make it do, from the stand-in's own thread

    def fire(
        self,
        rule: Rule = "rea",
        departement: str = "31",
        severity: Severity = "warning",
        value: float = 92,
        *,
        group: str | None = None,
        place: str | None = None,
        subject: str | None = None,
        ago_min: float = 0,
        **more: Any,
    ) -> str:
        """Raise an alert, in a group of its own or one named; return its id. `more` are fields of the group."""
        self._made += 1
        id_ = f"a{self._made:07}"
        name = next((each.name for each in self.region.departements if each.code == departement), departement)
        fr, en, text, todo = (words.format(value=f"{value:g}", place=place or name) for words in TEXTS[rule])
        now = self.now()
        since = now - round(ago_min * MINUTE_MS)
        labels = {
            "rule": f"{rule}-departement",
            "concern": CONCERNS.get(rule, "beds"),
            "severity": severity,
            "level": "departement",
            "region": "occitanie",
        }
        if rule != "channel":
            labels |= {"departement": departement, "bed_kind": "rea-adulte"}
        alert = Alert(
            id=id_,
            rule=labels["rule"],
            subject=subject or f"departement/{departement}/rea-adulte",
            status="firing",
            severity=severity,
            since=since,
            labels=labels,
            title=Words(fr=fr, en=en),
            text=Words(fr=text, en=text),
            todo=Words(fr=todo, en=todo),
            value=value / 100,
            threshold=0.9,
            link="/?kind=rea-adulte",
            raised_at=since,
            changed_at=since,
        )
        group = group or f"g{self._made:07}"
        held = self.groups.get(group)
        self.groups[group] = (
            msgspec.structs.replace(held, alerts=(*held.alerts, id_))
            if held
            else Group(
                **{
                    "id": group,
                    "route": "region",
                    "labels": {"departement": departement},
                    "severity": severity,
                    "status": "telling",
                    "alerts": (id_,),
                    "began_at": since,
                    "chain": "cellule",
                    "next_at": now + 5 * MINUTE_MS,
                }
                | more
            )
        )
        told = tuple({each.person for each in self.groups[group].told})
        self.alerts[id_] = HeldAlert(alert=alert, shard="capacity:occitanie", groups=(group,), told=told)
        self.timelines[id_] = [Entry(at=since, what="fired")]
        return id_

    def fire_apart(self, concern: str, severity: Severity, told: str, *, ago_min: float = 0, **fields: Any) -> str:
        """Raise an alert that has a plan of its own, of a patient or a facility, told to somebody; return its id."""
        since = self.now() - round(ago_min * MINUTE_MS)
        got = (Told(told, "app", since, "first", since), Told(told, "push", since, "first", since + 900))
        id_ = self.fire(
            severity=severity, ago_min=ago_min, told=got, route="", labels={}, next_at=since + 9 * MINUTE_MS
        )
        labels = {"concern": concern, "severity": severity, "region": "occitanie"} | fields.pop("labels", {})
        self.change(id_, labels=labels, value=None, threshold=None, **fields)
        return id_

    def follow_up(self, told: str) -> None:
        """Hold what a home follow-up shows on pages of alerts: patients' of one person's, a flag, counts of an hour."""
        for number, (severity, ago_min) in enumerate((("critical", 3.0), ("warning", 40.0))):
            self.fire_apart(
                "patients",
                severity,  # type: ignore[arg-type]
                told,
                ago_min=ago_min,
                rule="patient",
                subject=f"patient/p{number}",
                title=Words(fr="Patient suivi à domicile", en="Patient followed at home"),
                text=Words(fr="Une réponse demande quelqu’un", en="An answer needs somebody"),
                todo=Words(fr="Ouvrir le dossier", en="Open the file"),
                link=f"/patients/p{number}",
            )
        self.fire_apart(
            "cluster",
            "warning",
            "demo-deputy",
            ago_min=95,
            labels={"level": "facility", "facility": "310780192"},
            subject="facility/310780192",
            link="",
            **{name: getattr(CLUSTER, name) for name in ("title", "text", "todo")},
            rule=CLUSTER.id,
        )
        hour = self.now() // HOUR_MS * HOUR_MS
        greens = {"31": 412, "34": 305, "30": 188, "66": 96, "11": 74, "81": 58, "65": 40, "82": 33, "12": 21, "46": 9}
        cells = {f"{code}/green": number for code, number in greens.items()}
        cells |= {f"{code}/yellow": number // 5 for code, number in greens.items()}
        cells |= {f"{code}/unanswered": number // 9 for code, number in greens.items()}
        cells |= {f"{code}/orange": number // 20 for code, number in greens.items()}
        cells |= {f"{code}/red": number // 60 for code, number in greens.items()}
        self.counts[str(hour)] = published(hour, cells)

    def change(self, id_: str, **fields: Any) -> None:
        """Change an alert's own fields."""
        held = self.alerts[id_]
        alert = msgspec.structs.replace(held.alert, changed_at=self.now(), **fields)
        self.alerts[id_] = msgspec.structs.replace(held, alert=alert)

    def take(self, id_: str, by: str, ago_min: float = 0) -> None:
        """Have somebody take an alert, and its group with it."""
        at = self.now() - round(ago_min * MINUTE_MS)
        self.change(id_, status="acknowledged", taken_by=by, taken_at=at, expires_at=at + 2 * HOUR_MS)
        self.timelines[id_].append(Entry(at=at, what="taken", by=by))
        for group in self.alerts[id_].groups:
            if all(self.alerts[each].alert.status == "acknowledged" for each in self.groups[group].alerts):
                taken = msgspec.structs.replace(self.groups[group], status="taken", taken_by=by, next_at=None)
                self.groups[group] = taken

    def invent(self) -> None:
        """Hold a little of everything that the desk can show."""
        now = self.now()

        def told(person: str, minutes: float, **channels: str) -> Iterator[Told]:
            at = now - round(minutes * MINUTE_MS)
            for channel, came in channels.items():
                yield Told(
                    person=person,
                    channel=channel,
                    at=at,
                    reason="first",
                    delivered_at=at + 900 if came == "ok" else None,
                    failed_at=at + 8_000 if came == "no" else None,
                    why="unreachable" if came == "no" else "",
                )

        first = (*told("demo-on-call", 9, app="ok", push="ok", sms="no"), *told("stand-in", 1, app="ok", push=""))
        worst = self.fire("rea", "31", "critical", 98, ago_min=24, told=first, next_at=now + 245_000)
        self.alerts[worst] = msgspec.structs.replace(
            self.alerts[worst], seen_by={"demo-on-call": now - 2 * MINUTE_MS}, told=("demo-on-call", "stand-in")
        )
        self.timelines[worst] += [
            Entry(at=now - 9 * MINUTE_MS, what="told", to="demo-on-call", channel="push"),
            Entry(at=now - 9 * MINUTE_MS + 8_000, what="failed", to="demo-on-call", channel="sms"),
            Entry(at=now - 2 * MINUTE_MS, what="seen", by="demo-on-call"),
            Entry(at=now - MINUTE_MS, what="escalated", to="stand-in"),
        ]
        self.fire(
            "rea",
            "66",
            "critical",
            100,
            ago_min=52,
            status="unanswered",
            unanswered_at=now - 11 * MINUTE_MS,
            told=tuple(told("demo-deputy", 40, app="ok", push="ok")),
            next_at=now + 15 * MINUTE_MS,
        )
        for place in ("Nîmes Carémeau", "Bagnols-sur-Cèze", "Alès", "Les Franciscaines", "Bonnefon"):
            several = tuple(told("demo-deputy", 6, smtp="ok"))
            self.fire("surge", "30", "warning", 4, group="g-surge", place=place, ago_min=31, told=several)
        self.fire("rea", "34", "warning", 93, ago_min=18, status="waiting", next_at=now + 22_000)
        mine = self.fire("rea", "09", "warning", 91, ago_min=75, told=tuple(told("stand-in", 70, app="ok")))
        self.take(mine, "stand-in", 64)
        other = self.fire("closed", "81", "warning", 6, ago_min=190, told=tuple(told("demo-deputy", 180, smtp="ok")))
        self.take(other, "demo-deputy", 38)
        self.fire("stale", "12", "info", 38, ago_min=140, told=tuple(told("demo-nurse", 120, app="ok")))
        self.fire("channel", "", "warning", 12, ago_min=12, subject="channel/sms", next_at=now + 3 * MINUTE_MS)
        quiet = self.fire("rea", "46", "warning", 94, ago_min=300, status="quiet", next_at=None)
        self.silences["s-46"] = Silence(
            id="s-46",
            matchers={"departement": ("46",), "rule": ("rea-departement",)},
            since=now - HOUR_MS,
            until=now + 95 * MINUTE_MS,
            reason="Travaux au CH de Cahors, connus",
            author="demo-deputy",
        )
        self.alerts[quiet] = msgspec.structs.replace(self.alerts[quiet], silenced_by="s-46")
        covered = self.fire("rea", "82", "warning", 92, ago_min=20, status="quiet", next_at=None)
        self.alerts[covered] = msgspec.structs.replace(self.alerts[covered], inhibited_by=worst)
        self.fire(
            "stale",
            "65",
            "info",
            12,
            ago_min=90,
            status="quiet",
            next_at=None,
            not_told=(NotTold(why="quiet hours", at=now - HOUR_MS, person="demo-nurse", until=now + 3 * HOUR_MS),),
        )
        over = self.fire("rea", "48", "warning", 91, ago_min=400, status="resolved", next_at=None)
        self.change(
            over, status="resolved", resolved_at=now - HOUR_MS, why="closed", outcome="acted", taken_by="demo-deputy"
        )
        self.channels["sms"] = ChannelState(up=False, at=now - 12 * MINUTE_MS, why="slow")
        self.channels["smtp"] = ChannelState(up=True, at=now)
        self.on_call = {
            "cellule": {
                "person": "demo-on-call",
                "until": now + 5 * HOUR_MS,
                "read_at": now - 4 * MINUTE_MS,
                "source": "cellule.ics",
                "trouble": "",
            },
            "exploitation": {
                "person": None,
                "until": None,
                "read_at": now - 31 * HOUR_MS,
                "source": "agenda.example.invalid",
                "trouble": "l’agenda n’a pas pu être lu (HTTP 503)",
            },
        }
        self.overrides["o-1"] = Override(
            id="o-1",
            schedule="cellule",
            person="stand-in",
            since=now + 5 * HOUR_MS,
            until=now + 13 * HOUR_MS,
            author="demo-deputy",
        )
        self.rules = [
            rule_worth(
                "rea-departement-tendue", "Réanimation à {value} · {place}", 42, 61, 38, 210, 840, 6, (29, 5, 2)
            ),
            rule_worth("chiffres-perimes", "Chiffres périmés", 118, 140, 51, 1_900, 3_500, 22, (9, 31, 11), 40),
            rule_worth("surcapacite", "Surcapacité non déclarée", 27, 31, 25, 480, 1_260, 2, (14, 6, 0)),
            rule_worth("canal-en-panne", "Canal en panne", 3, 6, 3, 45, 130, 0, (3, 0, 0)),
            rule_worth("lits-fermes", "Lits fermés, date passée", 11, 11, 2, None, None, 1, (0, 0, 0)),
        ]

    # -- frames

    def picture(self, subject: str, channel: str) -> dict[str, Any]:
        """Return all that somebody sees by a channel."""
        maps: dict[str, Any] = {
            "alerts": builtin(self.alerts),
            "groups": builtin(self.groups),
            "silences": builtin(self.silences),
            "overrides": builtin(self.overrides),
            "channels": builtin(self.channels),
            "on_call": self.on_call,
            "counts": builtin(self.counts),
        }
        patients = {id_ for id_, held in self.alerts.items() if held.alert.labels.get("concern") == "patients"}
        if channel != MINE:
            maps["alerts"] = {id_: held for id_, held in maps["alerts"].items() if id_ not in patients}
            maps["groups"] = {
                id_: group for id_, group in maps["groups"].items() if not patients & set(group["alerts"])
            }
        if channel == MINE:
            mine = {id_ for id_, held in self.alerts.items() if subject in held.told or held.alert.taken_by == subject}
            maps["alerts"] = {id_: held for id_, held in maps["alerts"].items() if id_ in mine}
            maps["groups"] = {id_: group for id_, group in maps["groups"].items() if mine & set(group["alerts"])}
            maps |= {"silences": {}, "overrides": {}, "channels": {}, "counts": {}}
        return {"at": self.now(), "rebuilding": False, **maps}

    async def tell(self) -> None:
        """Tell everybody who listens how things are: whole maps, what is gone as null."""
        for socket, (subject, channel) in list(self.hearers.items()):
            picture = self.picture(subject, channel)
            before, after = self._held.get(socket, {}), {}
            changes: dict[str, Any] = {"at": picture.pop("at")}
            picture.pop("rebuilding")
            for name, held in picture.items():
                after |= {(name, key): value for key, value in held.items()}
                changed = {key: value for key, value in held.items() if before.get((name, key)) != value}
                gone = {key: None for of, key in before if of == name and key not in held}
                if changed or gone:
                    changes[name] = changed | gone
            self._held[socket] = after
            frame = {"type": "changes", "channel": channel, "token": f"1:{self.now()}", "changes": changes}
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_bytes(msgpack.packb(frame))

    async def hear(self, socket: WebSocket, subject: str, channel: str) -> None:
        """Let a socket hear a channel, from a whole picture on."""
        picture = self.picture(subject, channel)
        self._held[socket] = {
            (name, key): value
            for name, held in picture.items()
            if isinstance(held, dict)
            for key, value in held.items()
        }
        self.hearers[socket] = (subject, channel)
        frame = {"type": "snapshot", "channel": channel, "token": f"1:{self.now()}", "data": picture}
        await socket.send_bytes(msgpack.packb(frame))

    async def tick(self) -> None:
        """Say that the clock goes on."""
        for socket, (_, channel) in list(self.hearers.items()):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_bytes(msgpack.packb({"type": "live", "channel": channel, "at": self.now()}))

    def leave(self, socket: WebSocket) -> None:
        """Forget a socket."""
        self.hearers.pop(socket, None)
        self._held.pop(socket, None)

    # -- doors

    def routes(self, guarded: Callable[[Any], Any], who: Callable[[Request], str]) -> list[Route]:
        """Return the doors, behind the stand-in's own sign-in."""
        self.who = who
        code, me = "/api/v1/regions/{code}", "/api/v1/me"
        doors: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
            (f"{code}/alerts/acts", self._act, "POST"),
            (f"{code}/alerts/{{id}}", self._alert, "GET"),
            (f"{code}/alerts", self._alerts, "GET"),
            (f"{code}/silences", self._silence, "POST"),
            (f"{code}/silences/{{id}}", self._end_silence, "DELETE"),
            (f"{code}/on-call/overrides", self._stand_in, "POST"),
            (f"{code}/on-call/overrides/{{id}}", self._end_stand_in, "DELETE"),
            (f"{code}/worth", self._worth, "GET"),
            (f"{code}/people", self._people, "GET"),
            (f"{me}/channels", self._channels, "GET"),
            (f"{me}/channels", self._choose, "PUT"),
            (f"{me}/push-key", self._key, "GET"),
            (f"{me}/push-subscriptions", self._subscribe, "POST"),
            (f"{me}/push-subscriptions/{{id}}", self._unsubscribe, "DELETE"),
        ]
        seen = Route("/api/v1/seen", self._seen, methods=["POST"])
        return [seen, *(Route(path, guarded(door), methods=[method]) for path, door, method in doors)]

    async def _alerts(self, request: Request) -> Response:
        subject = self.who(request)
        mine = "mine" in request.query_params
        if not mine and ROLES.get(subject):
            return problem(403, "not-allowed")
        return JSONResponse({"token": "1:0", **self.picture(subject, MINE if mine else DESK)})

    async def _alert(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        if id_ not in self.alerts:
            return problem(404, "unknown")
        groups = [builtin(self.groups[group]) for group in self.alerts[id_].groups]
        lines = builtin(self.timelines[id_])
        return JSONResponse({"alert": builtin(self.alerts[id_]), "groups": groups, "timeline": lines})

    async def _act(self, request: Request) -> Response:
        asked, by, now = await request.json(), self.who(request), self.now()
        self.acts.append(asked | {"by": by})
        if self.act_slowly:
            await asyncio.sleep(self.act_slowly)
        answers: list[dict[str, Any]] = []
        for id_ in asked["alerts"]:
            why = self._do(id_, asked, by, now)
            answers.append({"id": id_, **({"status": 200, "outcome": "applied"} if why is None else why)})
        await self.tell()
        refused = [each for each in answers if "problem" in each]
        if len(refused) == len(answers) == 1:
            return JSONResponse(refused[0]["problem"], refused[0]["status"], media_type="application/problem+json")
        status = 200 if not refused else 207 if len(refused) < len(answers) else refused[0]["status"]
        return JSONResponse({"alerts": answers}, status)

    def _do(self, id_: str, asked: dict[str, Any], by: str, now: int) -> dict[str, Any] | None:
        alert = self.alerts[id_].alert
        match asked["act"]:
            case "take" if alert.status == "acknowledged" and alert.taken_by != by:
                taken_by = alert.taken_by or ""
                said = {
                    "taken_by": taken_by,
                    "taken_by_name": PEOPLE.get(taken_by, taken_by),
                    "taken_at": alert.taken_at,
                }
                document = {"type": "urn:vigilits:problem:taken", "title": "Somebody has it already", "status": 409}
                return {"status": 409, "problem": document | said}
            case "take":
                self.take(id_, by)
            case "seen":
                held = self.alerts[id_]
                self.alerts[id_] = msgspec.structs.replace(held, seen_by={**held.seen_by, by: now})
            case "hand_over":
                self.take(id_, asked["to"])
                self.timelines[id_].append(Entry(at=now, what="handed_over", by=by, to=asked["to"]))
            case "resolve":
                self.change(id_, status="resolved", resolved_at=now, why="closed", outcome=asked["outcome"])
            case "comment":
                held = self.alerts[id_]
                self.alerts[id_] = msgspec.structs.replace(held, comments=held.comments + 1)
                self.timelines[id_].append(Entry(at=now, what="commented", by=by, text=asked["text"]))
        return None

    async def _silence(self, request: Request) -> Response:
        asked = await request.json()
        id_ = f"s{len(self.silences)}-{self.now()}"
        matchers = {label: tuple(values) for label, values in asked["matchers"].items()}
        self.silences[id_] = Silence(
            id=id_,
            matchers=matchers,
            since=self.now(),
            until=asked["until"],
            reason=asked["reason"],
            author=self.who(request),
        )
        for alert, held in self.alerts.items():
            if all(held.alert.labels.get(label) in values for label, values in matchers.items()):
                self.alerts[alert] = msgspec.structs.replace(held, silenced_by=id_)
        await self.tell()
        return JSONResponse({"id": id_, "outcome": "applied", "links": {"self": "/"}}, 201)

    async def _end_silence(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        self.silences.pop(id_, None)
        for alert, held in self.alerts.items():
            if held.silenced_by == id_:
                self.alerts[alert] = msgspec.structs.replace(held, silenced_by=None)
        await self.tell()
        return JSONResponse({"id": id_, "outcome": "applied", "links": {"self": "/"}})

    async def _stand_in(self, request: Request) -> Response:
        asked = await request.json()
        id_ = f"o{len(self.overrides)}-{self.now()}"
        self.overrides[id_] = Override(id=id_, author=self.who(request), **asked)
        self.on_call[asked["schedule"]] = self.on_call[asked["schedule"]] | {"person": asked["person"]}
        await self.tell()
        return JSONResponse({"id": id_, "outcome": "applied", "links": {"self": "/"}}, 201)

    async def _end_stand_in(self, request: Request) -> Response:
        self.overrides.pop(request.path_params["id"], None)
        await self.tell()
        return JSONResponse({"id": request.path_params["id"], "outcome": "applied", "links": {"self": "/"}})

    async def _worth(self, request: Request) -> Response:
        own = {"rules": [], "teams": [], "me": {"notices": 7}}
        if ROLES.get(self.who(request)):
            return JSONResponse(own)
        return JSONResponse(own | {"rules": self.rules, "teams": [{"team": TEAM, "people": 6, "notices": 41}]})

    async def _people(self, _: Request) -> Response:
        return JSONResponse([{"subject": subject, "name": name, "team": TEAM} for subject, name in PEOPLE.items()])

    def _mine(self) -> dict[str, Any]:
        known = [{"channel": "sms", "address": "+33 6 •• •• •• 01"}, {"channel": "smtp", "address": "c•••@ars.example"}]
        known += [{"channel": "push", "address": each["label"]} for each in self.subscriptions]
        return {"channels": self.choices, "known": known}

    async def _channels(self, _: Request) -> Response:
        return JSONResponse(self._mine())

    async def _choose(self, request: Request) -> Response:
        self.choices = (await request.json())["channels"]
        return JSONResponse(self._mine())

    async def _key(self, _: Request) -> Response:
        return JSONResponse({"key": PUSH_KEY})

    async def _subscribe(self, request: Request) -> Response:
        asked = await request.json()
        shown = {"id": "p-1", "label": asked.get("label", ""), "made_at": self.now(), "service": "push.example"}
        self.subscriptions = [shown | {"asked": asked}]
        return JSONResponse(shown, 201)

    async def _unsubscribe(self, _: Request) -> Response:
        self.subscriptions = []
        return Response(status_code=204)

    async def _seen(self, request: Request) -> Response:
        link = (await request.json()).get("link")
        self.seen_links.append(link)
        if link not in self.links:
            return problem(410, "link-over")
        return JSONResponse(
            {
                "title": {"fr": "Réanimation à 98 % · Haute-Garonne", "en": "Intensive care"},
                "seen": True,
                "group": "g1",
                "link": "/alerts?group=g1",
            }
        )


def problem(status: int, kind: str) -> Response:
    """Return a problem as the doors say it."""
    document = {"type": f"urn:vigilits:problem:{kind}", "title": kind, "status": status}
    return JSONResponse(document, status, media_type="application/problem+json")


def rule_worth(
    rule: str,
    title: str,
    raised: int,
    notified: int,
    taken: int,
    p50_s: float | None,
    p90_s: float | None,
    escalated: int,
    judged: tuple[int, int, int],
    unsaid: int = 0,
) -> dict[str, Any]:
    """Return what a rule's alarms were worth, as the door says it."""
    acted, no_action_needed, wrong = judged
    all_ = sum(judged) + unsaid
    actionable = acted / all_ if all_ else None
    return {
        "rule": rule,
        "title": {"fr": title, "en": title},
        "raised": raised,
        "notified": notified,
        "taken": taken,
        "p50_s": p50_s,
        "p90_s": p90_s,
        "escalated": escalated,
        "acted": acted,
        "no_action_needed": no_action_needed,
        "wrong": wrong,
        "unsaid": unsaid,
        "actionable": actionable,
        "proposed": actionable is not None and actionable < 0.3,
    }
