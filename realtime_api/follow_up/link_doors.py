"""The doors that a patient's link opens: one slot to answer, stopping, and by code and birth date one's own file."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from domain.events import CodeAsked, Event, FollowUpMoved, Source
from domain.followup.answering import own_limits
from domain.followup.chart import File
from domain.followup.patient import OVER, AnsweredBy, Patient
from domain.followup.presence import presence
from domain.followup.questionnaire import Value
from domain.followup.red_flags import red_flags
from event_log.ids import new_id
from live_state.state import State
from people.directory import People
from people.patient_links import PatientLink
from people.trail import Act, Written, who_of
from realtime_api.answers import NEVER, Entry, json_answer, read_body
from realtime_api.commands import Command, Commands
from realtime_api.follow_up import answering, reading, shapes, words
from realtime_api.follow_up.answering import Followed
from realtime_api.follow_up.gate import Gate
from realtime_api.follow_up.reading import AnswersAsked, LinkAsked, ReadAsked
from realtime_api.follow_up.receipts import Kept, calls_15
from realtime_api.measures import Measures
from realtime_api.patients.asked import A, read
from realtime_api.patients.opening import Access, Opened, Opening, Where
from realtime_api.problems import MEANS, Problem, ProblemDocument
from realtime_api.push.patients import PatientsHub
from realtime_api.push.rooms import Rooms
from realtime_api.sign_in import Desk

log = structlog.get_logger("links")

DOOR = "link"
CODE_MS = 15 * 60_000
WAITS_AT_MOST_MS = 72 * 3_600_000  # erasure, for a person to close what is orange or red
AWAY: tuple[type[Exception], ...] = (TimeoutError, Problem, *MEANS)
LIMITS_WITHIN_S = 2.0  # a patient's own thresholds are read for a page, which does not wait for them
MOST_TRAIL = 500  # entries of the trail that a patient is shown, the newest


@dataclass(frozen=True)
class LinkDoors:
    """The doors, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    opening: Opening
    gate: Gate
    people: People
    measures: Measures
    state: State
    now: Callable[[], int]

    # -- answering

    async def open_link(self, request: Request) -> Response:
        """Tell what a patient's link asks: the questions of the slot that is open, and nothing of the person."""
        asked = await self._asked(request, LinkAsked)
        link = await self.gate.open(request, asked.link)
        place = self.place(request, link)
        own = await self._own_limits(place)
        return json_answer(self._page(place, link, _language(request), own), headers=NEVER)

    async def _own_limits(self, place: Followed) -> Mapping[str, float]:
        """Return the patient's own thresholds; the pathway's are in force on the page while the file does not open.

        A page without limits of its own is better than none: what is answered is judged by them all the same.
        """
        try:
            async with asyncio.timeout(LIMITS_WITHIN_S):
                charts = await self.opening.unshown([_where(place.hub, place.patient)])
        except AWAY as why:
            log.warning("a page without limits of its own", patient=place.patient.id, why=type(why).__name__)
            return {}
        chart = charts.get(place.patient.id)
        return {} if chart is None else own_limits(chart.file)

    def _page(self, place: Followed, link: PatientLink, language: Any, own: Mapping[str, float]) -> shapes.AnswerPage:
        patient, pathway = place.patient, place.pathway
        due, at = patient.slot, max(self.now(), place.hub.at)
        if patient.status != "followed" or (due is not None and link.slot not in ("", due.slot)):
            due = None
        is_open = due is not None and due.opens_at <= at < due.closes_at
        state = None if due is None else patient.slots.get(due.slot)
        is_answered = is_open and state is not None and state.state == "answered"
        return shapes.AnswerPage(
            at=self.now(),
            region=link.region,
            whose=_whose(patient),
            language=language,
            status=patient.status,
            slot=due.slot if due is not None and is_open else None,
            opens_at=None if due is None else due.opens_at,
            due_at=None if due is None else due.due_at,
            closes_at=None if due is None else due.closes_at,
            answered=is_answered,
            lacks=state.lacks if is_answered and state is not None else 0,
            questionnaire=pathway.questionnaire,
            flags=list(red_flags(pathway, own)),
            stop=words.stopping(pathway.end),
            presence=presence(pathway, patient.zone, self.now()),
        )

    async def answer_slot(self, request: Request) -> Response:
        """Take the answers to the slot that is open, whole or not; what is sent again under its name is kept once."""
        asked = await self._asked(request, AnswersAsked)
        link = await self.gate.open(request, asked.link)
        place = self.place(request, link)
        answering.must_be_heard(place, asked.slot, self.now(), link.slot)
        answers, wrong = reading.fitted(place.pathway.questionnaire, asked.answers, "answers")
        if wrong:
            raise Problem("wrong-fields", mistakes=wrong)
        self.gate.must_not_flood(place.patient.id)
        source = self.source(place.patient)
        told = await self.give(request, place, asked.id, asked.slot, asked.by, answers, source)
        return json_answer(told, 202 if told.pending else 201, headers=NEVER)

    async def give(
        self,
        request: Request,
        place: Followed,
        sending: str,
        slot: str,
        by: AnsweredBy,
        answers: Mapping[str, Value],
        source: Source,
    ) -> shapes.Received:
        """Return when answers were received, sealed and on the log; nothing of them where the key store is away."""
        hub, patient = place.hub, place.patient
        try:
            key = (await self.opening.keys_of([patient.key], afresh=True))[patient.key]
            event = answering.given(patient, key, sending, slot, by, answers, source, hub.code, self.now())
            (said,) = await self.commands.run([Command(event, hub)])
            self._count(said)
            folded = taken = answering.settle(said)
        except Problem as problem:
            if problem.kind != "too-many-corrections" or source != self.source(patient):
                raise self._gone(request, problem) from None
            # What is graver is taken however often it is corrected: to say that this was not would tell whoever holds
            # the link how grave the slot is.
            folded, taken = True, False
        kept = Kept(place, slot, answers, event.received_at, taken)
        (call_15,) = await calls_15(self.opening, [kept], self.now())
        return shapes.Received(event.received_at, pending=not folded, call_15=call_15)

    # -- stopping

    async def stop_follow_up(self, request: Request) -> Response:
        """Stop being asked, at once and for good: the circle is told, and all is erased by when the answer says."""
        asked = await self._asked(request, LinkAsked)
        place = self.place(request, await self.gate.open(request, asked.link))
        hub, patient = place.hub, place.patient
        if patient.status not in OVER:
            self.gate.must_not_flood(patient.id)
            source, now = self.source(patient), self.now()
            id_ = await self.opening.deed_id(source.id, "stop", now, patient.id, at_once=True)  # twice is once
            event = FollowUpMoved(
                id=id_, received_at=now, region=hub.code, source=source, patient=patient.id, move="stop"
            )
            (said,) = await self.commands.run([Command[Event](event, hub)])
            self._count(said)
            try:
                if not answering.settle(said):
                    return json_answer(shapes.Stopped(None, None, waits=False), 202, headers=NEVER)
            except Problem as problem:
                if problem.kind != "over":  # somebody else was faster: it is over, as was asked for
                    raise self._gone(request, problem) from None
        after = hub.patients.get(patient.id, patient)
        latest = None if after.over_at is None else after.over_at + WAITS_AT_MOST_MS
        waits = after.alert is not None
        told = shapes.Stopped(after.over_at, after.erase_at or latest, waits=waits)
        return json_answer(told, headers=NEVER)

    # -- reading

    async def send_code(self, request: Request) -> Response:
        """Send a code to the patient's own telephone or mailbox, where there is one: the answer never tells."""
        asked = await self._asked(request, LinkAsked)
        told = json_answer(shapes.CodeSent(CODE_MS // 60_000), 202, headers=NEVER)
        try:
            place = self.place(request, await self.gate.open(request, asked.link))
        except Problem as problem:
            if problem.kind != "no-such-link":
                raise
            return told
        hub, patient, now = place.hub, place.patient, self.now()
        event = CodeAsked(
            id=new_id(now),
            received_at=now,
            region=hub.code,
            source=self.source(patient),
            not_after=now + CODE_MS,
            patient=patient.id,
            give_up_at=now + CODE_MS,
        )
        if not await self.gate.with_links(lambda links: links.expect_code(patient.id, event.id, now + CODE_MS, now)):
            return told
        self.gate.asked_anew(patient.id)
        (said,) = await self.commands.run([Command[Event](event, hub)])
        self._count(said)
        if isinstance(said, Problem):  # it will not be sent: who waits for it should know
            raise said
        return told

    async def read_own(self, request: Request) -> Response:
        """Show patients what they answered, their file and who read it, for their birth date and the code."""
        asked = await self._asked(request, ReadAsked)
        place = self.place(request, await self.gate.open(request, asked.link))
        hub, patient, now = place.hub, place.patient, self.now()
        if not self.gate.may_try(patient.id):
            raise Problem("too-many", "ask for a new code")
        right_code = await self.gate.with_links(lambda links: links.try_code(patient.id, asked.code, now))
        where = _where(hub, patient)
        try:
            # Both are looked at whatever the other is: that one of the two was right is not to be told from the time.
            chart = (await self.opening.unshown([where])).get(patient.id)
            if chart is None:
                raise await self.opening.why_closed(patient)
            right_date = hmac.compare_digest(chart.file.birth_date.encode(), asked.birth_date.encode())
            if not (right_code & right_date):
                # Whoever holds the link need not be the patient, who reads in the trail that somebody tried.
                tried = Access(f"{DOOR}:{patient.id}", f"{DOOR}@{hub.code}", Act.REFUSED, "answer-code")
                await self.opening.record(tried, [patient.id])
                raise Problem("wrong-code")
            read_by = Access(f"patient:{patient.id}", f"{DOOR}@{hub.code}", Act.READ, "answer-read")
            opened = await self.opening.page(where, read_by)
        except Problem as problem:
            raise self._gone(request, problem) from None
        written = await self.opening.with_trail(lambda trail: trail.of_file(patient.id, MOST_TRAIL))
        known = await asyncio.to_thread(self.people.names, hub.code)
        names = {who_of(subject): each.name for subject, each in known.items()}
        shown = shapes.OwnFile(
            file=_own(opened.chart.file),
            questionnaire=place.pathway.questionnaire,
            slots=_slots(patient, opened),
            trail=[_access_of(each, patient, names) for each in written],
        )
        return json_answer(shown, headers=NEVER)

    # -- what they have in common

    async def _asked(self, request: Request, kind: type[A]) -> A:
        self.desk.check_origin(request.headers)
        return read(await read_body(request, reading.MOST_BYTES), kind, self.now())

    def place(self, request: Request, link: PatientLink) -> Followed:
        """Return whose link it is; one who is erased has none that opens anything, nor has one that was revoked."""
        hub = self.rooms.hub_of(link.region, link.patient)
        why = "not-ready" if hub is None else hub.why_not()
        if why is not None or hub is None:
            raise Problem(why or "not-ready")
        patient = hub.patients.get(link.patient)
        if patient is None or link.number < patient.links:
            raise self.gate.refusal(request)
        return Followed(hub, patient, hub.pathways[patient.pathway])

    @staticmethod
    def source(patient: Patient) -> Source:
        """Return who a patient's answers come from."""
        return Source(id=f"patient:{patient.id}", door=DOOR)

    def _gone(self, request: Request, problem: Problem) -> Problem:
        """Return a problem as the patient's own doors tell it: a file that is no more is a link that opens nothing."""
        return self.gate.refusal(request) if problem.kind == "unknown-patient" else problem

    def _count(self, said: Any) -> None:
        self.measures.follow_up("pending" if said is None else said.kind if isinstance(said, Problem) else said.outcome)


def _whose(patient: Patient) -> str:
    # A pseudonym is drawn by lot: whoever does not have it works nothing out from this.
    return hashlib.sha256(b"vigilits page 1\x00" + patient.id.encode()).hexdigest()[:24]


def _where(hub: PatientsHub, patient: Patient) -> Where:
    if hub.build is None:
        raise Problem("not-ready")
    return Where(hub.build, patient)


def _language(request: Request) -> str:
    """Return which of our languages a browser asks for: the patient's own is content, and opens with a code alone."""
    told = request.headers.get("accept-language", "").lower().replace("_", "-")
    wanted = [each.partition(";")[0].strip()[:2] for each in told.split(",")]
    return next((each for each in wanted if each in ("fr", "en")), "fr")


def _own(file: File) -> File:
    return replace(file, thresholds={id_: replace(each, reason="") for id_, each in file.thresholds.items()})


def _slots(patient: Patient, opened: Opened) -> list[shapes.OwnSlot]:
    current = opened.chart.current
    known = {slot.slot: slot for slot in opened.slots}
    if current is not None:
        known[current.slot] = current
    return [
        shapes.OwnSlot(
            slot=each.slot,
            due_at=patient.slots[each.slot].due_at if each.slot in patient.slots else None,
            sent=[shapes.OwnSending(sending.at, sending.by) for sending in each.sent],
            answers=each.answers,
            first=each.first,
        )
        for each in sorted(known.values(), key=lambda slot: (slot.day, slot.slot))
    ]


def _access_of(written: Written, patient: Patient, names: Mapping[str, str]) -> shapes.OwnAccess:
    entry = written.entry
    themselves = {f"patient:{patient.id}": "patient", f"{DOOR}:{patient.id}": DOOR}
    who = themselves.get(entry.who, entry.who)
    return shapes.OwnAccess(entry.at, who, names.get(entry.who), entry.act.value, entry.screen)


P = ProblemDocument
LINKED: dict[int, Any] = {400: P, 403: P, 404: P, 413: P, 422: P, 429: P, 503: P}

_TABLE: tuple[Entry, ...] = (
    Entry("POST", "/api/v1/answer/open", "open_link", LinkAsked, LINKED | {200: shapes.AnswerPage}),
    Entry(
        "POST",
        "/api/v1/answers",
        "answer_slot",
        AnswersAsked,
        LINKED | {201: shapes.Received, 202: shapes.Received, 409: P},
    ),
    Entry(
        "POST",
        "/api/v1/answer/stop",
        "stop_follow_up",
        LinkAsked,
        LINKED | {200: shapes.Stopped, 202: shapes.Stopped, 409: P},
    ),
    Entry("POST", "/api/v1/answer/code", "send_code", LinkAsked, LINKED | {202: shapes.CodeSent}),
    Entry("POST", "/api/v1/answer/read", "read_own", ReadAsked, LINKED | {200: shapes.OwnFile}),
)
LINK_DOORS: tuple[Entry, ...] = tuple(door._replace(of=LinkDoors) for door in _TABLE)
