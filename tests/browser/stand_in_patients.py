"""The stand-in's followed patients: the clinicians' doors over invented people, scored by the domain's own code."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgpack
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.alerts.routing import Zone
from domain.followup.alerting import NOT_TAKEN, grave_of, graver, gravest, news
from domain.followup.answering import facts_of
from domain.followup.chart import Chart, Consent, Contact, File, Mute, Sending, SlotContent
from domain.followup.pathway import Colour, Pathway
from domain.followup.patient import Closed, Member, MemberRole, Patient, PatientAlert, SlotState
from domain.followup.questionnaire import Value
from domain.followup.schedule import Due, slots
from domain.followup.score import Day, Finding, Result, score
from realtime_api.patients.asked import EnrolAsked, FileChangeAsked, GlassAsked, SearchAsked, read, read_act
from realtime_api.patients.board import drawn, gravity
from realtime_api.patients.doors import is_for_tracing
from realtime_api.patients.shapes import (
    BoardShown,
    Enrolled,
    EnrolledLinks,
    FoundShown,
    PathwaysShown,
    PatientShown,
    Provider,
    Similar,
    SlotShown,
    StoryShown,
)
from realtime_api.problems import PROBLEM_JSON, Problem
from realtime_api.push.patients import row_of
from realtime_api.shapes import Links
from tests.browser.stand_in_alerts import PEOPLE, problem

CHANNELS = tuple(f"patients:me:occitanie:{n}" for n in range(4))
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ZONE = Zone(name="Etc/UTC", offsets=((0, 0),))
WELL: dict[str, Value] = {
    "temperature": 37.1,
    "spo2": 97,
    "pulse": 76,
    "respiratory-rate": 16,
    "systolic": 128,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "unsafe-at-home": False,
    "warning-signs": ("none",),
}
ROLE: dict[str, MemberRole] = {"demo-physician": "physician", "demo-nurse": "nurse", "demo-deputy": "coordinator"}
PROVIDER = Provider("teleo", "Téléo", "https://teleo.example/")


@dataclass
class Followed:
    """One invented patient: in clear, opened, and what happened."""

    patient: Patient
    chart: Chart
    slots: dict[str, SlotContent] = field(default_factory=dict)
    story: list[StoryShown] = field(default_factory=list)


class StandInPatients:
    """Who is followed, and what a test may make of them; `tell` runs on the stand-in's loop."""

    def __init__(self, pathways: tuple[Pathway, ...], now: Callable[[], int]) -> None:
        self.now = now
        self.pathways = {each.id: each for each in pathways}
        self.followed: dict[str, Followed] = {}
        self.acts: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.revoked: list[str] = []  # whose links
        self.enrolled: list[dict[str, Any]] = []
        self.opened: list[tuple[str, str]] = []  # who opened whose file: what the trail would hold
        self.most_on_board = 500
        self.rings = True  # whether a red would ring anybody
        self.similar: Similar | None = None  # what the next page that is opened tells, and no enrolment before it
        self.away = ""  # the kind of problem that content is refused with
        self.hearers: dict[tuple[WebSocket, str], str] = {}  # a socket and a channel, and whose it is
        self.act_slowly = 0.0  # s
        self._held: dict[tuple[WebSocket, str], dict[str, Any]] = {}
        self._changes = 0

    # -- what a test may make it do, from the stand-in's own thread

    def enrol(
        self,
        id_: str,
        name: tuple[str, str],
        birth_date: str,
        days: int,
        *,
        pathway: str = "medical-covid",
        circle: tuple[str, ...] = ("demo-physician", "demo-nurse"),
        **file: Any,
    ) -> Followed:
        """Follow somebody since so many days; nothing is answered yet."""
        of, now = self.pathways[pathway], self.now()
        first_day = now // DAY_MS - days + 1
        consent = Consent("2026-1", now - days * DAY_MS, "demo-physician")
        held = File(
            birth_name=name[1],
            first_names=(name[0],),
            birth_date=birth_date,
            consent=consent,
            **{"sex": "female", "contact": Contact(phone="+33 6 39 98 00 01"), "symptoms_day": first_day - 1, **file},
        )
        patient = Patient(
            id=id_,
            key=f"key-{id_}",
            pathway=f"{of.id}/{of.version}",
            status="followed",
            circle=tuple(Member(subject=each, role=ROLE[each]) for each in circle),
            zone=ZONE,
            first_day=first_day,
            enrolled_at=now - days * DAY_MS,
            channels=("sms",),
            departement="31",
            changed=self._change(),
        )
        found = self.followed[id_] = Followed(patient, Chart(file=held))
        self._say(found, "enrolled", "demo-physician", at=patient.enrolled_at)
        return found

    def _dues(self, found: Followed) -> list[Due]:
        pathway = self.pathways[found.patient.pathway.split("/")[0]]
        return [due for due in slots(pathway, found.patient.first_day, ZONE) if due.due_at <= self.now()]

    def answer(self, id_: str, slot: int = -1, **changed: Value) -> Result:
        """Answer one of the slots that were due, as who is well but for what is `changed` (`_` stands for a hyphen)."""
        found = self.followed[id_]
        pathway = self.pathways[found.patient.pathway.split("/")[0]]
        due = self._dues(found)[slot]
        given = {key.replace("_", "-"): value for key, value in changed.items()}
        before = found.slots.get(due.slot)
        # A first answer comes soon after it was asked for, a correction now.
        at = min(self.now(), due.due_at + 12 * MINUTE_MS) if before is None else self.now()
        sending = {**WELL, **given} if before is None else given
        sending = {link: value for link, value in sending.items() if value != "unsaid"}
        answers = ({} if before is None else before.answers) | sending
        was = {} if before is None else before.first
        if before is not None:
            was = was | {key: before.answers[key] for key, value in given.items() if before.answers.get(key) != value}
        earlier = [Day(each.day, each.answers) for each in found.slots.values() if each.day < due.day]
        result = score(pathway, facts_of(found.chart.file, due.local_day), answers, earlier, due.day)
        sent = (*(() if before is None else before.sent), Sending(f"s{len(found.story)}", at, "patient", sending))
        content = SlotContent(slot=due.slot, day=due.day, sent=sent, answers=answers, first=was, result=result)
        found.slots[due.slot] = content
        found.chart = msgspec.structs.replace(found.chart, current=content)
        state = SlotState(
            "answered", due.due_at, result.colour, result.incomplete, at=at, by="patient", corrections=len(sent) - 1
        )
        self._put(
            found,
            slots={**found.patient.slots, due.slot: state},
            colour=result.colour,
            colour_at=at,
            incomplete=result.incomplete,
            answered_at=at,
        )
        self._say(found, "answered" if before is None else "corrected", f"patient:{id_}", at=at, detail=due.slot)
        if result.colour in ("orange", "red"):
            self._raise(found, result.colour, due.slot, at, result.findings)
        return result

    def miss(self, id_: str) -> None:
        """Let the last slot that was due go by without an answer."""
        found = self.followed[id_]
        due = self._dues(found)[-1]
        at = min(self.now(), due.no_answer_at)
        state = SlotState("missed", due.due_at, "orange", at=at)
        self._put(found, slots={**found.patient.slots, due.slot: state}, colour="orange", colour_at=at)
        self._say(found, "missed", at=at, detail=due.slot)
        self._raise(found, "orange", due.slot, at, [Finding("no-answer", "1", "orange")])

    def refuse_answer(self, id_: str) -> None:
        """Let something grave be answered that is not taken in any more."""
        found = self.followed[id_]
        self._say(found, "not_taken", f"patient:{id_}")
        self._raise(found, "red", self._dues(found)[-1].slot, self.now(), [Finding(NOT_TAKEN, "1", "red")])

    def lose(self, id_: str) -> None:
        """Let a file be one that can't be read: its key is lost. An answer that comes raises an alert all the same."""
        found = self.followed[id_]
        alert = found.patient.alert
        slot = self._dues(found)[-1].slot
        if alert is None:
            opened = PatientAlert(id=f"al-{id_}", colour="red", status="firing", opened_at=self.now(), slot=slot)
        else:
            opened = msgspec.structs.replace(alert, news=alert.news + 1)
        self._put(found, unreadable=True, alert=opened)

    def _raise(self, found: Followed, colour: Colour, slot: str, at: int, findings: Iterable[Finding]) -> None:
        alert, known = found.patient.alert, gravest(found.chart.why)
        new = news(grave_of(findings), known if alert is not None else {})
        if not new:
            return
        found.chart = msgspec.structs.replace(found.chart, why=tuple((known | new).values()))
        if alert is None:
            opened = PatientAlert(id=f"al-{found.patient.id}", colour=colour, status="firing", opened_at=at, slot=slot)
            self._put(found, alert=opened)
            self._say(found, "fired", at=at, detail=colour)
            return
        alert = msgspec.structs.replace(alert, news=alert.news + 1)
        if graver(colour, alert.colour):
            alert = msgspec.structs.replace(alert, colour=colour, status="firing", worsened_at=at, taken_by=None)
            self._say(found, "worsened", at=at, detail=colour)
        self._put(found, alert=alert)

    def take(self, id_: str, by: str, ago_min: float = 0, check_min: float = 30) -> None:
        """Have somebody take a patient's alert."""
        found = self.followed[id_]
        assert found.patient.alert is not None
        at = self.now() - round(ago_min * MINUTE_MS)
        check_at = self.now() + round(check_min * MINUTE_MS)
        taken = msgspec.structs.replace(
            found.patient.alert, status="acknowledged", taken_by=by, taken_at=at, check_at=check_at
        )
        self._put(found, alert=taken)
        self._say(found, "taken", by, at=at, until=check_at)

    def has_read(self, id_: str, by: str, ago_min: float) -> None:
        """Have somebody of the circle read all that was written until then."""
        found = self.followed[id_]
        at = self.now() - round(ago_min * MINUTE_MS)
        self._put(found, read={**found.patient.read, by: at})
        self._say(found, "read", by, at=at, until=at)

    def write(self, id_: str, by: str, text: str, ago_min: float = 0) -> None:
        """Have somebody of the circle write to the others."""
        found = self.followed[id_]
        at = self.now() - round(ago_min * MINUTE_MS)
        self._say(found, "message", by, at=at, text=text)
        self._put(found, written_at=at, read={**found.patient.read, by: at})

    def remember(self, id_: str, by: str, text: str, due_min: float) -> None:
        """Have somebody set a memo."""
        found = self.followed[id_]
        line = self._say(found, "memo", by, text=text)
        self._put(found, memos={**found.patient.memos, line.id: self.now() + round(due_min * MINUTE_MS)})

    def remove(self, id_: str, subject: str) -> None:
        """Take somebody out of a circle."""
        found = self.followed[id_]
        self._put(found, circle=tuple(each for each in found.patient.circle if each.subject != subject))

    def lapse(self, id_: str, *subjects: str, on_call: str = "") -> None:
        """Let the grants of these end, and somebody come for a night on call."""
        found = self.followed[id_]
        circle = [msgspec.structs.replace(each, lapsed=each.subject in subjects) for each in found.patient.circle]
        guest = (Member(subject=on_call, role="on_call", until=self.now() + 60 * MINUTE_MS),) if on_call else ()
        self._put(found, circle=(*(each for each in circle if each.subject != on_call), *guest))

    def invent(self) -> None:
        """Follow a few people of every colour."""
        self.enrol("p-martin", ("Odette", "Martin"), "1944-03-02", 7)
        for back, told in (
            (6, {}),
            (5, {"temperature": 37.8}),
            (4, {"temperature": 38.4}),
            (3, {"spo2": 96, "pulse": 88}),
        ):
            self.answer("p-martin", -1 - back, **told)
        self.answer("p-martin", -3, temperature=38.2, spo2=95, pulse=92, respiratory_rate=20)
        self.answer("p-martin", -2, temperature=38.9, spo2=95, pulse=98, respiratory_rate=21, systolic=None)
        self.answer(
            "p-martin",
            -1,
            temperature=38.7,
            spo2=92,
            pulse=112,
            respiratory_rate=24,
            systolic=None,
            breathless="on-effort",
        )
        self.answer("p-martin", -1, spo2=91)
        self.write("p-martin", "demo-nurse", "Je l’ai eue au téléphone hier soir, elle était fatiguée.", 900)
        self.has_read("p-martin", "demo-physician", 610)
        self.write("p-martin", "demo-physician", "Merci. À rappeler si la saturation baisse.", 600)
        self.has_read("p-martin", "demo-nurse", 25)
        self.write("p-martin", "demo-nurse", "Elle baisse ce matin : 92 puis 91 %.", 20)
        self.remember("p-martin", "demo-nurse", "Rappeler sa fille après la visite", -10)
        self.enrol("p-roche", ("Jean", "Roche"), "1957-11-21", 5, sex="male")
        for back in (4, 3, 2, 1):
            self.answer("p-roche", -1 - back, temperature=37.5 + back / 10)
        self.answer("p-roche", -1, breathless="on-effort", temperature=38.6, pulse=96)
        self.take("p-roche", "demo-nurse", 12)
        self.enrol("p-leroy", ("Nadia", "Leroy"), "1971-06-30", 9)
        self.answer("p-leroy", -2)
        self.miss("p-leroy")
        self.enrol("p-blanc", ("Paul", "Blanc"), "1980-01-15", 4, sex="male")
        self.answer("p-blanc", -2)
        self.answer(
            "p-blanc", -1, temperature="unsaid", systolic="unsaid", respiratory_rate="unsaid", pulse=112, spo2=96
        )
        self.enrol("p-girard", ("Lucie", "Girard"), "1990-09-09", 3)
        self.answer("p-girard", -2, temperature=38.8)
        self.answer("p-girard", -1)
        self.enrol("p-noel", ("Yves", "Noël"), "1949-12-24", 1, sex="male")
        self.enrol("p-petit", ("Anne", "Petit"), "1962-05-05", 12)
        self.answer("p-petit", -1)
        self._put(self.followed["p-petit"], status="paused")

    def _change(self) -> int:
        self._changes += 1
        return self._changes

    def _put(self, found: Followed, **fields: Any) -> None:
        found.patient = msgspec.structs.replace(found.patient, changed=self._change(), **fields)

    def _say(self, found: Followed, what: str, by: str = "", **more: Any) -> StoryShown:
        at = more.pop("at", None) or self.now()
        told = {"to": "", "detail": "", "until": None, "text": None} | more
        line = StoryShown(id=str(uuid.UUID(int=self._change())), at=at, what=what, by=by, **told)
        found.story.append(line)
        return line

    # -- what is told

    def _sees(self, found: Followed, subject: str) -> bool:
        now = self.now()
        return any(each.subject == subject and (each.until or now + 1) > now for each in found.patient.circle)

    def _rows(self, subject: str, channel: str) -> dict[str, Any]:
        return {
            id_: msgspec.to_builtins(row_of(found.patient))
            for id_, found in self.followed.items()
            if CHANNELS[sum(id_.encode()) % len(CHANNELS)] == channel and self._sees(found, subject)
        }

    async def hear(self, socket: WebSocket, subject: str, channel: str) -> None:
        """Let a socket hear a channel, from a whole picture on."""
        rows = self._rows(subject, channel)
        self._held[socket, channel] = rows
        self.hearers[socket, channel] = subject
        data = {"at": self.now(), "rebuilding": False, "patients": rows}
        await socket.send_bytes(msgpack.packb({"type": "snapshot", "channel": channel, "token": "1:0", "data": data}))

    async def tell(self) -> None:
        """Tell those who listen what changed for them."""
        for (socket, channel), subject in list(self.hearers.items()):
            rows, before = self._rows(subject, channel), self._held[socket, channel]
            told = {id_: row for id_, row in rows.items() if before.get(id_) != row} | {
                id_: None for id_ in before if id_ not in rows
            }
            self._held[socket, channel] = rows
            frame = {
                "type": "changes",
                "channel": channel,
                "token": "1:1",
                "changes": {"at": self.now(), "patients": told},
            }
            if told:
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.send_bytes(msgpack.packb(frame))

    async def tick(self) -> None:
        """Say that the clock goes on."""
        await self.tell()
        for socket, channel in list(self.hearers):
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_bytes(msgpack.packb({"type": "live", "channel": channel, "at": self.now()}))

    def leave(self, socket: WebSocket) -> None:
        """Forget a socket."""
        for each in [each for each in self.hearers if each[0] is socket]:
            del self.hearers[each], self._held[each]

    # -- doors

    def routes(self, guarded: Callable[[Any], Any], who: Callable[[Request], str]) -> list[Route]:
        """Return the doors, behind the stand-in's own sign-in."""
        self.who = who
        code = "/api/v1/regions/{code}"
        doors: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
            (f"{code}/pathways", self._pathways, "GET"),
            (f"{code}/patients", self._board, "GET"),
            (f"{code}/patients", self._enrol, "POST"),
            (f"{code}/patients/search", self._search, "POST"),
            (f"{code}/patients/{{id}}", self._patient, "GET"),
            (f"{code}/patients/{{id}}/acts", self._act, "POST"),
            (f"{code}/patients/{{id}}/file", self._file, "PUT"),
            (f"{code}/patients/{{id}}/revoke-links", self._revoke, "POST"),
            (f"{code}/patients/{{id}}/break-glass", self._glass, "POST"),
        ]
        return [Route(path, guarded(_with_problems(door)), methods=[method]) for path, door, method in doors]

    async def _pathways(self, request: Request) -> Response:
        found = list(self.pathways.values())
        tracing = self.who(request) == "demo-tracing"
        begins = [each.id for each in found if is_for_tracing(each) or not tracing]
        return _json(PathwaysShown(found, "Europe/Paris", begins))

    async def _board(self, request: Request) -> Response:
        subject, ids = self.who(request), request.query_params.get("ids")
        wanted = None if ids is None else {id_ for id_ in ids.split(",") if id_}
        if self.away and wanted != set():
            return problem(503, self.away)
        own = [
            found.patient
            for id_, found in self.followed.items()
            if self._sees(found, subject) and (wanted is None or id_ in wanted)
        ]
        some = {each.id for each in sorted(own, key=gravity)[: self.most_on_board]}
        shown = []
        for id_, found in self.followed.items():
            if id_ in some and not found.patient.unreadable:
                self.opened.append((subject, id_))
                pathway = self.pathways[found.patient.pathway.split("/")[0]]
                after = found.patient.read.get(subject, 0)
                unread = sum(each.what == "message" and each.at > after and each.by != subject for each in found.story)
                shown.append(drawn(found.patient, found.chart, pathway, self.now(), unread, PEOPLE))
        return _json(BoardShown(self.now(), list(CHANNELS), shown, len(own) - len(some)))

    async def _patient(self, request: Request) -> Response:
        if self.away:
            return problem(503, self.away)
        subject, found = self.who(request), self.followed.get(request.path_params["id"])
        if found is None or not self._sees(found, subject):
            return problem(404, "unknown-patient")
        if found.patient.unreadable:
            return problem(503, "file-unreadable")
        self.opened.append((subject, found.patient.id))
        patient = found.patient
        told = []
        for due in self._dues(found):
            content = found.slots.get(due.slot, SlotContent(slot=due.slot, day=due.day))
            told.append(
                SlotShown(
                    slot=due.slot,
                    day=due.day,
                    state=patient.slots.get(due.slot),
                    sent=content.sent,
                    answers=content.answers,
                    first=content.first,
                    result=content.result,
                )
            )
        similar, self.similar = self.similar, None  # it is told once
        return _json(
            PatientShown(
                row=row_of(patient),
                file=found.chart.file,
                pathway=self.pathways[patient.pathway.split("/")[0]],
                slots=told,
                why=found.chart.why,
                mutes=found.chart.mutes,
                story=found.story,
                names=PEOPLE,
                providers=[PROVIDER],
                rings=self.rings,
                zone=patient.zone.name,
                similar=similar,
            )
        )

    async def _act(self, request: Request) -> Response:
        asked, by = await request.json(), self.who(request)
        read_act(await request.body(), self.now())  # as the doors do: what they would refuse is refused
        found = self.followed[request.path_params["id"]]
        self.acts.append(asked | {"by": by, "patient": found.patient.id})
        if self.act_slowly:
            await asyncio.sleep(self.act_slowly)
        if self.away and (asked["act"] not in ("take", "hand_over", "close") or "text" in asked):
            return problem(503, self.away)  # what holds no content needs no key
        refusal = self._do(found, asked, by)
        await self.tell()
        return refusal or JSONResponse({"id": "e1", "outcome": "applied", "links": {"self": "/"}})

    def _do(self, found: Followed, asked: dict[str, Any], by: str) -> Response | None:
        patient, now = found.patient, self.now()
        alert = patient.alert
        if alert is not None and asked["act"] in ("take", "close") and alert.news > asked["seen"]:
            return problem(409, "news")
        match asked["act"]:
            case "take":
                assert alert is not None
                if alert.status == "acknowledged" and alert.taken_by != by:
                    document = {"type": "urn:vigilits:problem:taken", "title": "Somebody has it", "status": 409}
                    more = {"taken_by": alert.taken_by, "taken_by_name": PEOPLE[alert.taken_by or ""]}
                    return JSONResponse(document | more, 409, media_type="application/problem+json")
                assert now < asked["check_at"] <= now + (2 if alert.colour == "red" else 12) * HOUR_MS
                self.take(patient.id, by, check_min=(asked["check_at"] - now) / MINUTE_MS)
            case "hand_over":
                self.take(patient.id, asked["to"], check_min=(asked["check_at"] - now) / MINUTE_MS)
            case "close":
                assert alert is not None
                closed = Closed(
                    id=alert.id,
                    colour=alert.colour,
                    opened_at=alert.opened_at,
                    closed_at=now,
                    closed_by=by,
                    outcome=asked["outcome"],
                )
                found.chart = msgspec.structs.replace(found.chart, why=())
                self._put(found, alert=None, closed=(*patient.closed, closed))
                self._say(found, "closed", by, detail=asked["outcome"], text=asked.get("text"))
            case "comment":
                self._put(found)
                self._say(found, "commented", by, text=asked["text"])
            case "mute":
                until = now + asked["minutes"] * MINUTE_MS
                mute = Mute(asked["rule"], asked["reason"], by, until)
                found.chart = msgspec.structs.replace(found.chart, mutes=(*found.chart.mutes, mute))
                self._put(found, muted_until=until)
            case "message":
                self.write(patient.id, by, asked["text"])
            case "read":
                self._put(found, read={**patient.read, by: asked["upto"]})
                self._say(found, "read", by, until=asked["upto"])
            case "memo":
                self.remember(patient.id, by, asked["text"], (asked["due_at"] - now) / MINUTE_MS)
            case "memo_done":
                self._put(found, memos={id_: due for id_, due in patient.memos.items() if id_ != asked["memo"]})
                self._say(found, "memo_done", by)
            case "join":
                member = Member(subject=asked["subject"], role=asked["role"])
                self._put(found, circle=(*patient.circle, member))
            case "leave":
                self.remove(patient.id, asked["subject"])
            case "pause" | "resume" | "stop" | "end" as move:
                status = {"pause": "paused", "resume": "followed", "stop": "stopped", "end": "ended"}[move]
                self._put(found, status=status)
                self._say(found, {"paused": "paused", "followed": "resumed"}.get(status, status), by)
            case "teleconsultation":
                self._put(found, teleconsultations=patient.teleconsultations + 1)
                self._say(found, "teleconsultation", by, detail=asked["provider"])
        return None

    async def _file(self, request: Request) -> Response:
        told, by = read(await request.body(), FileChangeAsked, self.now()), self.who(request)
        self.files.append(await request.json())
        found = self.followed[request.path_params["id"]]
        pathway = self.pathways[found.patient.pathway.split("/")[0]]
        if wrong := list(told.file.wrong_for(pathway, told.channels or ())):
            raise Problem("wrong-fields", mistakes=wrong)
        found.chart = msgspec.structs.replace(found.chart, file=told.file.held(by, self.now(), found.chart.file))
        self._put(found, **({} if told.zone is None else {"zone": Zone(name=told.zone, offsets=((0, 0),))}))
        self._say(found, "file_changed", by, text=told.reason)
        await self.tell()
        return JSONResponse({"id": "e2", "outcome": "applied", "links": {"self": "/"}})

    async def _revoke(self, request: Request) -> Response:
        self.revoked.append(request.path_params["id"])
        return JSONResponse({"revoked": 1})

    async def _glass(self, request: Request) -> Response:
        found, by = self.followed[request.path_params["id"]], self.who(request)
        until = self.now() + 60 * MINUTE_MS
        self._put(found, circle=(*found.patient.circle, Member(subject=by, role="samu", until=until)))
        reason = read(await request.body(), GlassAsked, self.now()).reason
        self._say(found, "glass_broken", by, until=until, text=reason)
        await self.tell()
        return JSONResponse({"id": "e3", "outcome": "applied", "until": until, "links": {"self": "/"}})

    async def _search(self, request: Request) -> Response:
        asked = read(await request.body(), SearchAsked, self.now())
        if asked.matricule:
            own = [each for each in self.followed.values() if self._sees(each, self.who(request))]
            known = [each.patient.id for each in own if _matricule(each) == asked.matricule]
            return _json(FoundShown(known, []))
        found = [each.patient for each in self.followed.values() if each.chart.file.birth_name == asked.name]
        return _json(FoundShown([], [each.id for each in found]))

    async def _enrol(self, request: Request) -> Response:
        told = read(await request.body(), EnrolAsked, self.now())
        if wrong := list(told.file.wrong_for(self.pathways[told.pathway.split("/")[0]], told.channels)):
            raise Problem("wrong-fields", mistakes=wrong)
        self.enrolled.append(await request.json())
        links = EnrolledLinks("/patients/p-new", None)
        looks = told.professional is None and self.similar is None
        similar = Similar([*self.followed][:1], elsewhere=False) if looks else None
        rings = None if told.professional else self.rings
        found = {"links": links, "command": Links("/"), "similar": similar, "rings": rings}
        made = Enrolled(id="p-new", outcome="applied", **found)
        return _json(made, 201)


def _matricule(found: Followed) -> str:
    ins = found.chart.file.ins
    return "" if ins is None else ins.matricule


def _with_problems(door: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            return await door(request)
        except Problem as refused:
            body = msgspec.json.encode(refused.document)
            return Response(body, refused.status, media_type=PROBLEM_JSON)

    return answered


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
