"""The two FHIR doors: questionnaires to read, and a QuestionnaireResponse to send, by a patient's app or by staff."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domain.errors import Unreadable
from domain.events import Source
from domain.followup import fhir as ours
from domain.followup.questionnaire import Questionnaire
from realtime_api.access import view_of
from realtime_api.answers import ALWAYS_ASK, NEVER, Entry, encode, in_query, read_body
from realtime_api.follow_up import answering, fhir, reading
from realtime_api.follow_up.answering import Followed
from realtime_api.follow_up.desk_doors import may_answer_for
from realtime_api.follow_up.fhir import MEDIA, Bundle, OperationOutcome
from realtime_api.follow_up.gate import Gate
from realtime_api.follow_up.link_doors import LinkDoors
from realtime_api.patients.asked import AT
from realtime_api.problems import MEANS, Mistake, Problem, problem_of
from realtime_api.push.rooms import Rooms
from realtime_api.queries import strange
from realtime_api.sign_in import Desk

LONGEST_QUERY = 500  # characters of a parameter
AHEAD_MS = 5 * 60_000  # that a sender's clock may be
TOLD: tuple[type[Exception], ...] = (Problem, *MEANS)


@dataclass(frozen=True)
class FhirDoors:
    """The doors, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    gate: Gate
    links: LinkDoors
    now: Callable[[], int]

    async def questionnaires(self, request: Request) -> Response:
        """Return the questionnaires in force as a FHIR searchset: all, or those of a canonical address and version."""
        try:
            found = self._found(request)
        except Problem as problem:
            return _refused(problem)
        return Response(encode(fhir.bundle(found)), headers=ALWAYS_ASK, media_type=MEDIA)

    def _found(self, request: Request) -> list[Questionnaire]:
        given = request.query_params
        known = ("url", "version", "_format")
        wrong = strange(given, known)
        if wrong:
            raise Problem("bad-parameter", mistakes=wrong)
        url, _, version = given.get("url", "")[:LONGEST_QUERY].partition("|")
        version = given.get("version", version)
        hubs = list(self.rooms.patients.values())
        if not self.rooms or any(hub.why_not() is not None for hub in hubs):
            raise Problem("not-ready")
        asked = [pathway.questionnaire for hub in hubs for pathway in hub.pathways.values()]
        every = {(each.url, each.version): each for each in asked}
        return [
            each
            for _, each in sorted(every.items())
            if (not url or each.url == url) and (not version or each.version == version)
        ]

    async def respond(self, request: Request) -> Response:
        """Take a FHIR QuestionnaireResponse to the slot that is open: by a link's secret as bearer, or signed in."""
        try:
            id_, pending = await self._taken(request)
        except TOLD as error:
            problem = problem_of(error)
            assert problem is not None
            self.links.measures.problems.labels(problem.kind).inc()
            return _refused(problem)
        location = {"location": f"/api/v1/fhir/QuestionnaireResponse/{id_}"}
        return Response(encode(fhir.ACCEPTED), 202 if pending else 201, headers=NEVER | location, media_type=MEDIA)

    async def _taken(self, request: Request) -> tuple[str, bool]:
        self.desk.check_origin(request.headers)
        body = await read_body(request, reading.MOST_BYTES)
        secret = _link_of(request)
        who = None if secret is not None else await self.desk.identify(request)
        link = None if secret is None else await self.gate.open(request, secret)
        response, envelope = _read(body)
        if link is not None:
            place = self.links.place(request, link)
            if envelope.patient not in ("", place.patient.id):
                raise Problem("wrong-fields", mistakes=[Mistake("subject.reference", "is not whose link this is")])
            source, by, slot = self.links.source(place.patient), "app", link.slot
        else:
            assert who is not None
            place = self._place(who.subject, envelope.patient)
            source, by, slot = Source(id=who.subject, door="fhir"), "staff", ""
        asked = place.pathway.questionnaire
        if (response.url, response.version) != (asked.url, asked.version):
            # Compared before the slot: an app that asks something else never asks what is open.
            raise Problem("unknown-questionnaire", "this patient is asked another questionnaire, or another version")
        slot = slot or self._slot_at(place, envelope)
        answering.must_be_heard(place, slot, self.now())
        if not response.answers:
            raise Problem("wrong-fields", mistakes=[Mistake("item", "nothing is answered")])
        answers, wrong = reading.fitted(asked, response.to(asked), "item")
        if wrong:
            raise Problem("wrong-fields", mistakes=wrong)
        sending = envelope.name or uuid.uuid4().hex
        if link is not None:
            self.gate.must_not_flood(place.patient.id)
        told = await self.links.give(request, place, sending, slot, by, answers, source)  # type: ignore[arg-type]
        return uuid.uuid5(uuid.NAMESPACE_URL, sending).hex, told.pending

    def _slot_at(self, place: Followed, envelope: reading.FhirEnvelope) -> str:
        """Return the slot that was open when staff asked: what comes late, or again, is not of the next one."""
        at = envelope.authored_at
        if at is None:
            why = "is needed, with its time and zone: it says of which slot the answers are"
        elif at > self.now() + AHEAD_MS:
            why = "is to come"
        else:
            slot = answering.slot_at(place, at)
            if slot is not None:
                return slot
            why = "is in no slot of this patient's"
        raise Problem("wrong-fields", mistakes=[Mistake("authored", why)])

    def _place(self, subject: str, patient: str) -> Followed:
        """Return a patient for whom somebody signed in may answer; of another's there is none."""
        if not patient:
            raise Problem("wrong-fields", mistakes=[Mistake("subject.reference", "is needed: Patient/<id>")])
        now = self.now()
        for code, capacity in self.rooms.hubs.items():
            hub = self.rooms.hub_of(code, patient)
            why = capacity.why_not() or ("not-ready" if hub is None else hub.why_not())
            found = None if hub is None else hub.patients.get(patient)
            if why is not None and (found is not None or len(self.rooms.hubs) == 1):
                raise Problem(why)
            if found is None or hub is None:
                continue
            view = view_of(subject, capacity.grants.get(subject, ()), code, now)
            pathway = hub.pathways[found.pathway]
            if view is not None and may_answer_for(view, hub.member(found, subject, now), found, pathway):
                return Followed(hub, found, pathway)
        raise Problem("unknown-patient")


def _link_of(request: Request) -> str | None:
    """Return the bearer that is a link's secret: a token has dots, a secret has none."""
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    told = told.strip()
    return told if scheme.lower() == "bearer" and told and "." not in told else None


def _read(body: bytes) -> tuple[ours.Response, reading.FhirEnvelope]:
    envelope = reading.read_envelope(body)
    try:
        return ours.read_response(body), envelope
    except Unreadable as error:
        at = AT.search(str(error))
        if at is None:
            raise
        told = AT.sub("", str(error)).removeprefix("not readable: ")
        raise Problem("wrong-fields", mistakes=[Mistake(at["path"], told)]) from None


def _refused(problem: Problem) -> Response:
    headers = problem.headers | NEVER
    return Response(encode(fhir.outcome_of(problem)), problem.status, headers=headers, media_type=MEDIA)


F = OperationOutcome
_TABLE: tuple[Entry, ...] = (
    Entry(
        "GET",
        "/api/v1/fhir/Questionnaire",
        "questionnaires",
        None,
        {200: Bundle, 400: F, 503: F},
        (
            in_query("url", {"type": "string"}, "A canonical address, with or without `|version`."),
            in_query("version", {"type": "string"}, "A version."),
            in_query("_format", {"type": "string"}, "Whatever it says, the answer is JSON."),
        ),
        MEDIA,
    ),
    Entry(
        "POST",
        "/api/v1/fhir/QuestionnaireResponse",
        "respond",
        dict[str, Any],
        {201: F, 202: F, 400: F, 401: F, 403: F, 404: F, 409: F, 413: F, 422: F, 429: F, 503: F},
        (),
        MEDIA,
    ),
)
FHIR_DOORS: tuple[Entry, ...] = tuple(door._replace(of=FhirDoors) for door in _TABLE)
