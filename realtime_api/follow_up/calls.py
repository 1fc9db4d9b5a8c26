"""The tracing team's desk: who is to be called for the first time, and lists of people who are to be."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from domain.alerts.routing import Zone
from domain.events import PatientEnrolled, Source
from domain.followup.chart import File
from domain.followup.circle import MOST_MEMBERS
from domain.followup.pathway import Pathway
from domain.followup.patient import Channel, Member
from people.keys import pseudonym
from people.trail import Act
from realtime_api.access import may_be_member
from realtime_api.alerts.bucket import Buckets
from realtime_api.answers import NEVER, Entry, in_query, json_answer, read_body
from realtime_api.commands import KEY, Command, Commands
from realtime_api.follow_up import reading, shapes
from realtime_api.follow_up.answering import Followed
from realtime_api.follow_up.desk_doors import CODE, READ, REGION, WRITTEN, called
from realtime_api.follow_up.reading import CallRow, CallsAsked, Row
from realtime_api.measures import Measures
from realtime_api.patients.asked import local_day
from realtime_api.patients.opening import Access, Opening, Where, traits_of
from realtime_api.patients.place import Place, order_of, place_of
from realtime_api.problems import Mistake, Problem, ProblemDocument, WrongField
from realtime_api.push.rooms import Rooms
from realtime_api.sign_in import Desk

DOOR = "calls"
CALLS = f"{REGION}/calls"
MOST_CALLS = 500  # opened at once, each of them an entry of the trail
ROWS_AT_ONCE, ROWS_A_SECOND = 1_000, 0.2  # of lists that one person brings: two whole ones, then 720 an hour. ⚠ OWN
LONGEST_PATHWAY = 100  # characters
USUAL_ZONE = "Europe/Paris"


@dataclass(frozen=True)
class CallDoors:
    """The doors, and all that they hand over to; `zone` tells local time as data, from an instant on."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    opening: Opening
    measures: Measures
    zone: Callable[[str, int], Zone]
    now: Callable[[], int]
    rows: Buckets = field(default_factory=lambda: Buckets(ROWS_AT_ONCE, ROWS_A_SECOND))  # of lists, by who brings them

    async def first_calls(self, request: Request) -> Response:
        """Return whom the asker is to call for the first time, in the order of the agreed times, and what is said."""
        place = await self._place(request, f"GET {CALLS}")
        now = self.now()
        found = [
            Followed(hub, patient, hub.pathways[patient.pathway])
            for hub in place.hubs
            for patient in hub.of(place.subject, now)
            if patient.status == "calling" and patient.pathway in hub.pathways
        ]
        found.sort(key=lambda each: (each.patient.call_at or each.patient.enrolled_at, each.patient.id))
        wheres = [Where(each.hub.build, each.patient) for each in found[:MOST_CALLS] if each.hub.build is not None]
        charts = await self.opening.many(wheres, Access(place.subject, place.grant("calls"), Act.READ, "calls"))
        told = [_call(each, charts[each.patient.id].file) for each in found if each.patient.id in charts]
        return json_answer(shapes.Calls(max(now, *(hub.at for hub in place.hubs)), told), headers=NEVER)

    async def import_calls(self, request: Request) -> Response:
        """Open a file for each row of a list (JSON, or CSV with a line of column names): all are to be called.

        The circle is the tracing team. A row that is like a file of the same pathway opens no second one.
        """
        place = await self._place(request, f"POST {CALLS}/import")
        now = self.now()
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await read_body(request, reading.MOST_LIST_BYTES)
        named, rows = reading.read_calls(body, media, request.query_params.get("pathway", ""), now)
        pathway = _pathway(place, named)
        team = self._team(place, now)
        key = request.headers.get("idempotency-key")
        named_rows = [(row, *await self._name(place, pathway, row, key, now)) for row in rows]
        if not self.rows.take(place.subject, sum(not self._is_known(place, name) for _, _, name in named_rows)):
            raise Problem("too-many", "lists are for people who are to be called, and each new row looks one up")
        judged: list[Command[PatientEnrolled] | Problem] = []
        alike: list[str] = []
        for row, id_, name in named_rows:  # one after another: the same person may be in two of them
            made = {each.event.patient for each in judged if isinstance(each, Command)}
            judged.append(await self._judge(row, place, pathway, team, id_, name, made, alike, now))
        if alike:  # whom the rows looked up, before anything is said of them
            await self.opening.record(Access(place.subject, place.grant("calls"), Act.SEARCH, "calls-import"), alike)
        commands = [each for each in judged if isinstance(each, Command)]
        outcomes = iter(await self.commands.run(commands) if commands else ())
        told = [
            _imported(row, each, next(outcomes) if isinstance(each, Command) else None)
            for row, each in zip(rows, judged, strict=True)
        ]
        for each in told:
            self.measures.follow_up(each.kind or "applied")
        status = 200 if all(each.kind is None for each in told) else 207
        return json_answer(shapes.ImportedRows(told), status, headers=NEVER)

    async def _name(self, place: Place, pathway: Pathway, row: Row, key: str | None, now: int) -> tuple[str, str]:
        """Return a row's event id and the pseudonym that goes with it, a new one without a key.

        What the row says, and the pathway, are a part of both: brought under the same key with another, it is another.
        """
        id_ = await self.opening.deed_id(place.subject, key, now, "import", pathway.id, row.number, row.asked)
        return id_, await self.opening.pseudonym_of(id_) if key else pseudonym()

    def _is_known(self, place: Place, name: str) -> bool:
        """Return whether a row was brought before, by its pseudonym: it looks nobody up."""
        hub = self.rooms.hub_of(place.code, name)
        return hub is not None and name in hub.patients

    def _team(self, place: Place, now: int) -> tuple[Member, ...]:
        """Return the region's tracing agents, whoever asks first."""
        others = sorted(
            subject
            for subject, grants in place.capacity.grants.items()
            if subject != place.subject and may_be_member(grants, place.capacity.code, now, "tracing_agent", "")
        )
        return tuple(Member(subject, "tracing_agent") for subject in (place.subject, *others)[:MOST_MEMBERS])

    async def _judge(
        self,
        row: Row,
        place: Place,
        pathway: Pathway,
        team: Sequence[Member],
        id_: str,
        name: str,
        made: Set[str],
        alike: list[str],
        now: int,
    ) -> Command[PatientEnrolled] | Problem:
        """Return the enrolment that a row becomes, its key made, or why none; `alike` takes whom it found."""
        asked = row.asked
        if asked is None:
            return Problem("wrong-fields", mistakes=row.mistakes)
        region = place.capacity.region
        known = () if region is None else tuple(each.code for each in region.departements)
        if asked.departement and asked.departement not in known:
            return Problem("wrong-fields", mistakes=[Mistake("departement", "is none of this region's")])
        file = asked.file.held(place.subject, now)
        traits = traits_of(file)
        similar = [each for each in await self.opening.similar(traits) if each != name]
        held = [hub.patients.get(each) for each in similar if (hub := self.rooms.hub_of(place.code, each))]
        here = [each for each in held if each is not None]
        alike += [each.id for each in here] or [""]  # a search that found none is one all the same
        is_there = any(each.pathway.partition("/")[0] == pathway.id for each in here)
        if is_there or not made.isdisjoint(similar):
            return Problem("similar")
        key = await self.opening.create(place.capacity.code, traits, name)
        hub = self.rooms.hub_of(place.capacity.code, name)
        if hub is None:
            return Problem("not-ready")
        (sealed,) = await self.opening.seal(name, key, ("file", "", file))
        zone = USUAL_ZONE if region is None else region.time_zone
        today = datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).date()
        event = PatientEnrolled(
            id=id_,
            received_at=now,
            region=place.capacity.code,
            source=Source(id=place.subject, door=DOOR),
            patient=name,
            key=key,
            pathway=f"{pathway.id}/{pathway.version}",
            circle=tuple(team),
            zone=self.zone(zone, now),
            first_day=local_day(today),
            file=sealed,
            channels=_channels(asked),
            departement=asked.departement,
        )
        return Command(event, hub)

    async def _place(self, request: Request, door: str) -> Place:
        return await place_of(request, door, self.desk, self.rooms, self.now)


def _pathway(place: Place, named: str) -> Pathway:
    """Return the newest version of a pathway that begins by telephone; raise Problem for any other."""
    held = place.hubs[0].pathways.values()
    found = [each for each in held if named in (each.id, f"{each.id}/{each.version}") and each.first_call is not None]
    if not found or len(named) > LONGEST_PATHWAY:
        raise Problem("wrong-fields", mistakes=[Mistake("pathway", "is none that begins by telephone")])
    return max(found, key=order_of)


def _channels(row: CallRow) -> tuple[Channel, ...]:
    # After the first call they are written to by e-mail; who has none, by SMS.
    return ("smtp",) if row.email else ("sms",)


def _call(place: Followed, file: File) -> shapes.Call:
    patient, first = place.patient, place.pathway.first_call
    assert first is not None
    return shapes.Call(
        id=patient.id,
        name=called(file),
        birth_date=file.birth_date,
        departement=patient.departement,
        title=place.pathway.title,
        phone=file.contact.phone,
        calls=patient.calls,
        call_at=patient.call_at,
        script=first.script,
        pathway=patient.pathway,
    )


def _imported(row: Row, judged: Command[PatientEnrolled] | Problem, said: Any) -> shapes.Imported:
    problem = judged if isinstance(judged, Problem) else said if isinstance(said, Problem) else None
    if problem is None and said is not None and said.outcome not in ("applied", "history"):
        problem = Problem("refused", said.reason or said.outcome)
    if problem is not None:
        wrong = [WrongField(*mistake) for mistake in problem.mistakes] or None
        return shapes.Imported(row.number, row.line, kind=problem.kind, errors=wrong)
    assert isinstance(judged, Command)
    return shapes.Imported(row.number, row.line, id=judged.event.patient, pending=said is None)


_TABLE: tuple[Entry, ...] = (
    Entry("GET", CALLS, "first_calls", None, READ | {200: shapes.Calls}, (CODE,)),
    Entry(
        "POST",
        f"{CALLS}/import",
        "import_calls",
        CallsAsked,
        WRITTEN | {200: shapes.ImportedRows, 207: shapes.ImportedRows, 429: ProblemDocument},
        (CODE, in_query("pathway", {"type": "string"}, "The pathway, of a list that is CSV."), KEY),
    ),
)
CALL_DOORS: tuple[Entry, ...] = tuple(door._replace(of=CallDoors) for door in _TABLE)
