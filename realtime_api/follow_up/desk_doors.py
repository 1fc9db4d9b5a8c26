"""Two of the special desks: answering for residents in one sitting, and the access trail."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from domain.capacity.fold import Said
from domain.events import AnswersGiven, Source
from domain.followup.answering import own_limits
from domain.followup.chart import Chart, File
from domain.followup.pathway import Pathway
from domain.followup.patient import OVER, Member, Patient
from domain.followup.presence import says_15
from domain.followup.questionnaire import Value, missing
from domain.followup.red_flags import red_flags
from people.directory import People
from people.rights import MATRIX
from people.trail import Act, Written, who_of
from realtime_api.access import View
from realtime_api.answers import NEVER, Entry, in_path, in_query, json_answer, read_body
from realtime_api.commands import Command, Commands
from realtime_api.follow_up import answering, reading, shapes
from realtime_api.follow_up.answering import Followed
from realtime_api.follow_up.reading import SittingAsked, SittingRow
from realtime_api.follow_up.receipts import Kept, calls_15
from realtime_api.measures import Measures
from realtime_api.patients.asked import read
from realtime_api.patients.opening import Access, Opening, Where
from realtime_api.patients.place import Place, place_of
from realtime_api.problems import Problem, ProblemDocument, WrongField
from realtime_api.push.patients import PatientsHub
from realtime_api.push.rooms import Rooms
from realtime_api.queries import Asked
from realtime_api.sign_in import Desk

REGION = "/api/v1/regions/{code}"
DOOR = "sitting"
MOST_RESIDENTS = 500
MOST_TRAIL = 200  # entries of a page
MOST_WHO = 200  # characters of a subject or a file asked for


@dataclass(frozen=True)
class DeskDoors:
    """The doors, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    opening: Opening
    people: People
    measures: Measures
    now: Callable[[], int]

    # -- sittings

    async def sitting(self, request: Request) -> Response:
        """Return the residents of a facility whom the asker may answer for; earlier answers to their circle alone."""
        place = await self._place(request, f"GET {REGION}/sittings/{{finess}}")
        finess, now = request.path_params["finess"], self.now()
        found = [each for each in self._residents(place, finess) if each.patient.status not in OVER][:MOST_RESIDENTS]
        if not found and not _is_staff(place.view, finess):
            raise Problem("not-allowed", "the residents of this facility are not yours to answer for")
        access = Access(place.subject, place.grant(("sitting", "circle")), Act.READ, "sitting")
        charts = await self._charts(found, access)
        pathways = {each.patient.pathway: each.pathway for each in found if each.patient.id in charts}
        region = place.capacity.region
        facility = None if region is None else region.facility_of.get(finess)
        shown = shapes.Sitting(
            at=max(now, *(hub.at for hub in place.hubs)),
            facility=finess,
            name=finess if facility is None else facility.name,
            residents=sorted(
                (
                    _resident(each, charts[each.patient.id], now, in_circle=_reads(each, place, now))
                    for each in found
                    if each.patient.id in charts
                ),
                key=lambda each: (each.room, each.name),
            ),
            questionnaires={name: pathway.questionnaire for name, pathway in pathways.items()},
            flags={name: list(red_flags(pathway)) for name, pathway in pathways.items()},
        )
        return json_answer(shown, headers=NEVER)

    def _residents(self, place: Place, finess: str) -> Iterable[Followed]:
        """Yield whom the asker may answer for, also whose follow-up is over: their answers may come late."""
        now = self.now()
        return (
            each
            for each in _everybody(place.hubs)
            if each.patient.facility == finess
            and each.pathway.answered_by == "staff"
            and may_answer_for(
                place.view, each.hub.member(each.patient, place.subject, now), each.patient, each.pathway
            )
        )

    async def answer_in_sitting(self, request: Request) -> Response:
        """Take answers for many residents at once; each row is judged by itself."""
        place = await self._place(request, f"POST {REGION}/sittings/{{finess}}")
        asked = read(await read_body(request, reading.MOST_LIST_BYTES), SittingAsked, self.now())
        residents = {each.patient.id: each for each in self._residents(place, request.path_params["finess"])}
        if not residents and not _is_staff(place.view, request.path_params["finess"]):
            raise Problem("not-allowed", "the residents of this facility are not yours to answer for")
        named = {row.patient: residents[row.patient].patient.key for row in asked.rows if row.patient in residents}
        keys = await self.opening.keys_of(set(named.values()), erased_too=True, afresh=True)
        source = Source(id=place.subject, door=DOOR)
        judged: list[_Given | Problem] = []
        for number, row in enumerate(asked.rows):
            try:
                resident = residents.get(row.patient)
                key = keys.get(named.get(row.patient, ""))
                if resident is None or key is None:
                    raise Problem("unknown-patient")
                answering.must_be_heard(resident, row.slot, self.now())
                at = f"rows[{number}].answers"
                answers, wrong = reading.fitted(resident.pathway.questionnaire, row.answers, at)
                if wrong:
                    raise Problem("wrong-fields", mistakes=wrong)
            except Problem as problem:
                judged.append(problem)
                continue
            event = answering.given(
                resident.patient, key, row.id, row.slot, "staff", answers, source, resident.hub.code, self.now()
            )
            judged.append(_Given(Command(event, resident.hub), resident, answers))
        commands = [each.command for each in judged if isinstance(each, _Given)]
        outcomes = iter(await self.commands.run(commands) if commands else ())
        became = [_became(each, next(outcomes) if isinstance(each, _Given) else None) for each in judged]
        kept = [each for each in became if isinstance(each, Kept)]
        call_15 = iter(await calls_15(self.opening, kept, self.now()))
        told = [
            _row_answer(row, each, call_15=isinstance(each, Kept) and next(call_15))
            for row, each in zip(asked.rows, became, strict=True)
        ]
        for each in told:
            self.measures.follow_up(each.kind or "applied")
        away = [each for each in told if each.status == 503]
        if away and len(away) == len(told):
            raise Problem(away[0].kind or "busy")
        status = 200 if all(each.status < 300 for each in told) else 207
        return json_answer(shapes.SittingAnswers(told), status, headers=NEVER)

    # -- the trail

    async def access_trail(self, request: Request) -> Response:
        """Return who read what: all of it to the DPO, to others what they read themselves. It holds no content."""
        place = await self._place(request, f"GET {REGION}/trail")
        asked = Asked(request.query_params, ("file", "person", "before"))
        before = asked.count("before", 1 << 53, 1 << 53) if "before" in request.query_params else None
        file, person = (request.query_params.get(name, "")[:MOST_WHO] for name in ("file", "person"))
        asked.done()
        own = who_of(place.subject)
        person = person and who_of(person)
        if not place.view.may("trail"):
            if person not in ("", own):
                raise Problem("not-allowed", "only what you read yourself is yours to see")
            person = own
        region = place.capacity.code  # of a file in another one, this one's DPO sees nothing, whatever became of it
        entries = await self.opening.with_trail(
            lambda trail: trail.select(MOST_TRAIL, before, file=file, who=person, region=region)
        )
        known = await asyncio.to_thread(self.people.names, place.capacity.code)
        names = {who_of(subject): each.name for subject, each in known.items()}
        shown = shapes.TrailShown(
            [_line(each, names) for each in entries],
            entries[-1].number if len(entries) == MOST_TRAIL else None,
        )
        return json_answer(shown, headers=NEVER)

    # -- what they have in common

    async def _place(self, request: Request, door: str) -> Place:
        return await place_of(request, door, self.desk, self.rooms, self.now)

    async def _charts(self, found: Iterable[Followed], access: Access) -> dict[str, Chart]:
        wheres = [Where(each.hub.build, each.patient) for each in found if each.hub.build is not None]
        return await self.opening.many(wheres, access)


def may_answer_for(view: View, member: Member | None, patient: Patient, pathway: Pathway) -> bool:
    """Return whether somebody may answer in a patient's place: staff where they live, or one of the circle."""
    if pathway.answered_by == "staff" and _is_staff(view, patient.facility):
        return True
    return member is not None and member.until is None and view.may("circle")


def _is_staff(view: View, facility: str) -> bool:
    return bool(facility) and any(
        MATRIX.roles[right.role].may("sitting") and right.scope == f"et:{facility}" for right in view.rights
    )


def _reads(resident: Followed, place: Place, now: int) -> bool:
    """Return whether somebody reads what was answered for a resident, and does not only answer."""
    return place.view.may("circle") and resident.hub.member(resident.patient, place.subject, now) is not None


def _everybody(hubs: Iterable[PatientsHub]) -> Iterable[Followed]:
    return (
        Followed(hub, patient, hub.pathways[patient.pathway])
        for hub in hubs
        for patient in hub.patients.values()
        if patient.pathway in hub.pathways
    )


def _resident(place: Followed, chart: Chart, now: int, *, in_circle: bool) -> shapes.Resident:
    patient, file, due = place.patient, chart.file, place.patient.slot
    shown = shapes.Resident(
        id=patient.id,
        name=called(file),
        room="" if file.residence is None else file.residence.room,
        pathway=patient.pathway,
        status=patient.status,
        state="none",
    )
    if due is None or patient.status == "paused":
        return shown
    state = patient.slots.get(due.slot)
    answered = state is not None and state.state in ("answered", "missed")
    current = chart.current if chart.current is not None and chart.current.slot == due.slot else None
    return shapes.Resident(
        **{name: getattr(shown, name) for name in ("id", "name", "room", "pathway", "status")},
        state=state.state if answered else "open" if due.opens_at <= now else "waits",  # type: ignore[union-attr,arg-type]
        slot=due.slot,
        opens_at=due.opens_at,
        due_at=due.due_at,
        closes_at=due.closes_at,
        received_at=None if state is None else state.at,
        missing=tuple(missing(place.pathway.questionnaire, current.answers)) if answered and current else (),
        call_15=state is not None and answered and says_15(place.pathway, patient.zone, state.colour, now),
        answers=current.answers if in_circle and current is not None else None,
        flags=list(red_flags(place.pathway, own)) if (own := own_limits(file)) else None,
    )


def called(file: File) -> str:
    """Return how a patient is called: the name in use, and the first first name."""
    return " ".join(each for each in (file.used_name or file.birth_name, *file.first_names[:1]) if each)


class _Given(NamedTuple):
    """Answers of a row that goes to the log."""

    command: Command[AnswersGiven]
    resident: Followed
    answers: Mapping[str, Value]


def _became(judged: _Given | Problem, said: Said | Problem | None) -> Kept | Problem:
    """Return a row's answers as they are kept, or why they are not."""
    if isinstance(judged, Problem):
        return judged
    (event, _), resident, answers = judged
    try:
        return Kept(resident, event.slot, answers, event.received_at, answering.settle(said))
    except Problem as problem:
        return problem


def _row_answer(row: SittingRow, became: Kept | Problem, *, call_15: bool) -> shapes.SittingAnswer:
    if isinstance(became, Problem):
        wrong = [WrongField(*mistake) for mistake in became.mistakes] or None
        return shapes.SittingAnswer(row.patient, row.slot, row.id, became.status, became.kind, wrong)
    status, at = 201 if became.is_taken else 202, became.received_at
    state = became.patient.slots.get(row.slot) if became.is_taken else None
    lacks = 0 if state is None else state.lacks
    return shapes.SittingAnswer(row.patient, row.slot, row.id, status, received_at=at, lacks=lacks, call_15=call_15)


def _line(written: Written, names: Mapping[str, str]) -> shapes.TrailLine:
    at, who, grant, act, file, screen = written.entry
    return shapes.TrailLine(written.number, at, who, names.get(who), grant, act.value, file, screen)


P = ProblemDocument
CODE = in_path("code", "A region's code, a slug such as `occitanie`.")
FINESS = in_path("finess", "A facility's FINESS ET number.")
READ: dict[int, Any] = {401: P, 403: P, 404: P, 503: P}
WRITTEN: dict[int, Any] = READ | {400: P, 413: P, 422: P}
TEXT = {"type": "string"}

_TABLE: tuple[Entry, ...] = (
    Entry("GET", f"{REGION}/sittings/{{finess}}", "sitting", None, READ | {200: shapes.Sitting}, (CODE, FINESS)),
    Entry(
        "POST",
        f"{REGION}/sittings/{{finess}}",
        "answer_in_sitting",
        SittingAsked,
        WRITTEN | {200: shapes.SittingAnswers, 207: shapes.SittingAnswers},
        (CODE, FINESS),
    ),
    Entry(
        "GET",
        f"{REGION}/trail",
        "access_trail",
        None,
        READ | {200: shapes.TrailShown, 400: P},
        (
            CODE,
            in_query("file", TEXT, "Only of this file (a pseudonym)."),
            in_query("person", TEXT, "Only what this person read."),
            in_query("before", {"type": "integer", "minimum": 1}, "Only entries of a smaller number."),
        ),
    ),
)
DESK_DOORS: tuple[Entry, ...] = tuple(door._replace(of=DeskDoors) for door in _TABLE)
