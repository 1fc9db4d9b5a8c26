"""Every HTTP door: receive, ask who it is and what they may, hand over, answer. Routes and OpenAPI read its table."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.capacity.fold import Said
from domain.errors import Unreadable
from domain.events import BedsReported
from domain.grants import Grant
from live_state.state import State
from people.rights import MATRIX, Needs, Right, rights_of
from realtime_api import access, commands, queries, shapes
from realtime_api.access import View, view_of
from realtime_api.alerts.doors import ALERT_DOORS
from realtime_api.alerts.me import OWN_DOORS
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
from realtime_api.commands import KEY, Command, Commands, command_id, row_id
from realtime_api.follow_up.calls import CALL_DOORS
from realtime_api.follow_up.desk_doors import DESK_DOORS
from realtime_api.follow_up.fhir_doors import FHIR_DOORS
from realtime_api.follow_up.link_doors import LINK_DOORS
from realtime_api.intake import bed_reports
from realtime_api.intake.bed_reports import BedReport, Intake, Row
from realtime_api.measures import Measures
from realtime_api.oidc import FLOW_MINUTES, SignInPage
from realtime_api.patients.doors import PATIENT_DOORS
from realtime_api.problems import Mistake, Problem, ProblemDocument
from realtime_api.push.hub import Hub
from realtime_api.push.patients import PatientsHub
from realtime_api.push.rooms import Rooms
from realtime_api.push.session import Sessions, Who
from realtime_api.queries import Asked, Document, Documents, Place
from realtime_api.sign_in import FLOW_COOKIE, Desk, safe_path

MOST_LINK_BODY = 4096

decode_link = msgspec.json.Decoder(shapes.LinkGiven).decode

Reported = Command[BedsReported]


@dataclass(frozen=True)
class Doors:
    """The doors, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    sessions: Sessions
    commands: Commands
    state: State
    documents: Documents
    measures: Measures
    now: Callable[[], int]
    tag_of: Callable[[str], Awaitable[str]]  # by which somebody's deeds about patients are known
    page: SignInPage | None = None

    # -- reports

    async def report(self, request: Request) -> Response:
        """Accept bed reports: a row, or a list of up to 1,000."""
        who = await self.desk.identify(request)
        body = await read_body(request, bed_reports.MOST_BYTES)
        now = self.now()
        if not self._may("writes", who, now):
            raise self._why_not_allowed()
        intake = bed_reports.read(body, now, self.rooms.wards)
        key = request.headers.get("idempotency-key")
        list_id = command_id(who.subject, key)
        # Once, not for each row: a list has up to 1,000 of them, and a source may have 200 grants.
        rights = {hub.code: rights_of(who.subject, self._grants(hub, who), hub.code, now) for hub in self._hubs()}
        judged = [
            self._admit(row, place, intake, list_id, who, now, rights, named=key is not None)
            for place, row in enumerate(intake.rows)
        ]
        accepted = [report for report in judged if isinstance(report, Command)]
        answers = iter(await self.commands.run(accepted) if accepted else ())
        told = [next(answers) if isinstance(each, Command) else each for each in judged]
        if intake.listed:
            return _of_list(judged, told)
        return _of_one(judged[0], told[0])

    def _may(self, needs: Needs, who: Who, now: int) -> bool:
        """Return whether someone's rights in any region meet a need."""
        views = (view_of(who.subject, self._grants(hub, who), hub.code, now) for hub in self._hubs())
        return any(view is not None and view.may(needs) for view in views)

    def _why_not_allowed(self) -> Problem:
        # While a region's grants are not known, that there are none says nothing.
        unsure = not self.rooms or any(hub.why_not() for hub in self._hubs())
        return Problem("not-ready" if unsure else "not-allowed")

    def _admit(
        self,
        row: Row | list[Mistake],
        place: int,
        intake: Intake,
        list_id: str,
        who: Who,
        now: int,
        rights: Mapping[str, Sequence[Right]],
        *,
        named: bool,
    ) -> Reported | Problem:
        """Return the event that a row becomes, or why it becomes none."""
        if isinstance(row, list):
            if any(mistake.message == "unknown ward" for mistake in row) and any(hub.why_not() for hub in self._hubs()):
                return Problem("not-ready", "the ward may be one of a region that is being read")
            return Problem("wrong-rows", mistakes=row)
        ward, hub = self.rooms.wards[row.ward], self.rooms.hubs[row.region]
        door = access.writes_by(rights[hub.code], hub.code, row.ward, ward.facility, ward.entity)
        path = f"rows[{place}].ward" if intake.listed else "ward"
        if hub.why_not() is not None:
            return Problem(hub.why_not() or "not-ready")
        if door is None:
            return Problem("not-allowed", mistakes=[Mistake(path, "this ward is not yours to report for")])
        id_ = row_id(list_id, place) if intake.listed else list_id
        return Command(row.event(id_, who.subject, door, now, named=named), hub)

    async def command(self, request: Request) -> Response:
        """Return what became of a command."""
        who = await self.desk.identify(request)
        if not self._may("commands", who, self.now()):
            raise self._why_not_allowed()
        id_ = request.path_params["id"]
        if len(id_) > commands.MOST_KEY:
            raise Problem("unknown", "no command of the last 48 h has this id")
        mirrors = [mirror for _, mirror in self.rooms.mirrors]
        patients = list(self.rooms.patients.values())
        said = await queries.outcome(self.state, [each for each in mirrors if each not in patients], id_)
        if said is None:
            said = await self._deed(patients, who, id_)
        if said is not None:
            return json_answer(shapes.Outcome(id=id_, outcome=said.outcome, reason=said.reason), headers=NEVER)
        if self.commands.is_pending(id_):
            return json_answer(shapes.Outcome(id=id_, outcome="pending"), headers=NEVER)
        for hub in mirrors:
            if hub.why_not() or hub.trouble:  # it may be one of what is not read yet
                raise Problem(hub.why_not() or "not-ready", "not every region's outcomes are known right now")
        raise Problem("unknown", "no command of the last 48 h has this id")

    async def _deed(self, patients: Sequence[PatientsHub], who: Who, id_: str) -> Said | None:
        """Return what became of something done about a patient, None to anybody but who did it."""
        said = await queries.outcome(self.state, patients, id_)
        theirs = said is not None and said.digest and said.digest.startswith(await self.tag_of(who.subject))
        return said if theirs else None

    # -- the picture

    async def regions(self, request: Request) -> Response:
        """Return the regions that the asker may see something of."""
        who = await self.desk.identify(request)
        return json_answer(self._regions(who), headers=NEVER)

    def _regions(self, who: Who) -> list[shapes.RegionName]:
        found = []
        for hub in self._hubs():
            ready = hub.why_not() is None
            view = view_of(who.subject, self._grants(hub, who), hub.code, self.now())
            if view is not None or not ready:  # of a region that is not ready nobody's grants are known
                found.append(shapes.RegionName(hub.code, hub.region.name if hub.region else hub.code, ready))
        return found

    async def directory(self, request: Request) -> Response:
        """Return a region's directory: places, kinds of bed, facilities, wards."""
        place = await self._place(request, "GET /api/v1/regions/{code}")
        return _document(request, self.documents.directory(place.hub), "application/json")

    async def boundaries(self, request: Request) -> Response:
        """Return the outlines of a region's départements."""
        place = await self._place(request, "GET /api/v1/regions/{code}/boundaries")
        return _document(request, self.documents.boundaries(place.hub), "application/geo+json")

    async def capacity(self, request: Request) -> Response:
        """Return a region's whole picture."""
        place = await self._place(request, "GET /api/v1/regions/{code}/capacity")
        etag = f'"{place.hub.token(place.view)}"'
        headers = ALWAYS_ASK | {"etag": etag}
        if has_etag(request, etag):
            return Response(status_code=304, headers=headers)
        return Response(place.hub.body(place.view, encode), media_type="application/json", headers=headers)

    async def ward(self, request: Request) -> Response:
        """Return a ward with its last 50 rows and their sources."""
        place = await self._place(request, "GET /api/v1/regions/{code}/wards/{id}")
        return json_answer(await queries.ward(self.state, place, request.path_params["id"]), headers=NEVER)

    async def hours(self, request: Request) -> Response:
        """Return a total at the last full hours."""
        place = await self._place(request, "GET /api/v1/regions/{code}/hours")
        region = queries.region_of(place.hub)
        asked = Asked(request.query_params, ("kind", "departement", "hours"))
        kind = asked.one_of("kind", region.kind_of)
        most = asked.count("hours", queries.USUAL_HOURS, queries.MOST_HOURS)
        departement = None
        if "departement" in request.query_params:
            departement = asked.one_of("departement", [each.code for each in region.departements])
        asked.done()
        return json_answer(await queries.hours(self.state, place, kind, departement, most), headers=NEVER)

    async def search(self, request: Request) -> Response:
        """Return the nearest facilities with free beds of a kind."""
        who = await self.desk.identify(request)
        asked = Asked(request.query_params, ("lat", "lon", "kind", "limit", "region"))
        lat, lon = asked.number("lat", -90, 90), asked.number("lon", -180, 180)
        limit = asked.count("limit", queries.USUAL_RESULTS, queries.MOST_RESULTS)
        region = request.query_params.get("region")
        hubs = self._hubs() if region is None else [self._hub(region)]
        views = [(hub, self._view(hub, who)) for hub in hubs]
        places = [
            Place(hub, view) for hub, view in views if view is not None and view.may("wards") and not hub.why_not()
        ]
        kinds = {kind: None for place in places for kind in queries.region_of(place.hub).kind_of}
        kind = asked.one_of("kind", kinds) if places else asked.text("kind") or ""
        asked.done()
        if not places:
            why = next((why for hub in hubs if (why := hub.why_not())), None)
            raise Problem(why or ("not-allowed" if hubs else "not-ready"))
        return json_answer(queries.search(places, lat, lon, kind, limit), headers=NEVER)

    @staticmethod
    def _grants(hub: Hub, who: Who) -> Sequence[Grant]:
        return hub.grants.get(who.subject, ())

    def _hubs(self) -> list[Hub]:
        return list(self.rooms.hubs.values())

    def _hub(self, code: str) -> Hub:
        hub = self.rooms.hubs.get(code)
        if hub is None:
            raise Problem("unknown" if self.rooms else "not-ready", "there is no such region")
        return hub

    def _view(self, hub: Hub, who: Who) -> View | None:
        return view_of(who.subject, self._grants(hub, who), hub.code, self.now())

    async def _place(self, request: Request, door: str) -> Place:
        """Return the region asked for, through the asker's view; raise Problem for what they may not, or not now."""
        who = await self.desk.identify(request)
        hub = self._hub(request.path_params["code"])
        why, view = hub.why_not(), self._view(hub, who)
        if view is None or not view.may(MATRIX.doors[door].needs):
            raise Problem(why or "not-allowed")
        if why is not None:
            raise Problem(why)
        return Place(hub, view)

    # -- signing in and out

    async def session(self, request: Request) -> Response:
        """Return who the asker is, and what they may."""
        who = await self.desk.identify(request)
        return json_answer(self._session(who), headers=NEVER)

    def _session(self, who: Who) -> shapes.SessionShown:
        now = self.now()
        held = [grant for hub in self._hubs() for grant in self._grants(hub, who) if grant.holds(now)]
        shown = [shapes.GrantShown(grant.role, grant.scope, grant.until) for grant in held]
        return shapes.SessionShown(who.subject, shown, who.expires_at, self._regions(who))

    async def sign_in_by_link(self, request: Request) -> Response:
        """Exchange a link's secret for a session's cookie."""
        self.desk.check_origin(request.headers)
        try:
            given = decode_link(await read_body(request, MOST_LINK_BODY))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unreadable('not {"link": "…"}') from None
        secret, held = await self.desk.exchange(given.link)
        response = json_answer(self._session(Who(held.subject, held.expires_at, secret)), headers=NEVER)
        self.desk.give(response, secret, held)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session, and the sockets that it opened."""
        self.desk.check_origin(request.headers)
        secret = request.cookies.get(self.desk.cookie)
        if secret is not None:
            await self.desk.end(secret)
            self.sessions.sign_out([secret])
        response = Response(status_code=204)
        self.desk.take(response)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Send a person to the issuer's sign-in page."""
        if self.page is None:
            raise Problem("unknown", "there is no identity provider here: use the sign-in link that you were given")
        address, sealed = await self.page.go(safe_path(request.query_params.get("to")), self.now())
        response = RedirectResponse(address, 302, headers=NEVER)
        self.desk.remember_flow(response, sealed, FLOW_MINUTES)
        return response

    async def signed_in(self, request: Request) -> Response:
        """Take a person back from the issuer's sign-in page."""
        if self.page is None:
            raise Problem("unknown", "there is no identity provider here")
        asked = request.query_params
        subject, to = await self.page.back(
            asked.get("code", "")[:4096], asked.get("state", "")[:200], request.cookies.get(FLOW_COOKIE, ""), self.now()
        )
        secret, held = await self.desk.begin(subject)
        response = RedirectResponse(to, 303, headers=NEVER)
        self.desk.give(response, secret, held)
        self.desk.forget_flow(response)
        return response


# --- answers ---------------------------------------------------------------------------------------------------------


def _document(request: Request, document: Document, media_type: str) -> Response:
    headers = ALWAYS_ASK | {"etag": document.etag, "vary": "accept-encoding"}
    if has_etag(request, document.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(document.packed, headers=headers | {"content-encoding": "gzip"}, media_type=media_type)
    return Response(document.body, headers=headers, media_type=media_type)


def _refusal(said: Said) -> Problem:
    return Problem("refused", said.reason or said.outcome)


def _of_one(report: Reported | Problem, told: Said | Problem | None) -> Response:
    if isinstance(report, Problem):
        raise report
    if isinstance(told, Problem):
        raise told
    if told is not None and told.outcome not in ("applied", "history"):
        raise _refusal(told)
    event = report.event
    link = f"/api/v1/commands/{event.id}"
    answer = shapes.Accepted(
        id=event.id,
        ward=event.ward,
        status=event.status,
        outcome="pending" if told is None else told.outcome,  # type: ignore[arg-type]
        reason=None if told is None else told.reason,
        links=shapes.Links(link),
    )
    return json_answer(answer, 202 if told is None else 201, headers=NEVER | {"location": link})


def _of_list(judged: Sequence[Reported | Problem], told: Sequence[Said | Problem | None]) -> Response:
    rows = [_row(place, report, said) for place, (report, said) in enumerate(zip(judged, told, strict=True))]
    refused = [row for row in rows if row.problem is not None]
    away = {problem.kind: problem for problem in told if isinstance(problem, Problem) and problem.status == 503}
    if len(away) == 1 and len(refused) == len(rows) and all(row.status == 503 for row in refused):
        raise next(iter(away.values()))
    if not refused:
        status = 202 if any(row.outcome == "pending" for row in rows) else 200
    elif len(refused) < len(rows):
        status = 207
    elif away:  # sent again, some of it may be accepted
        status = 503
    else:
        status = 403 if all(row.status == 403 for row in refused) else 422
    headers = NEVER
    if away:
        headers = NEVER | {"retry-after": str(max(problem.retry_after_s or 1 for problem in away.values()))}
    return json_answer(shapes.RowAnswers(rows), status, headers=headers)


def _row(place: int, report: Reported | Problem, said: Said | Problem | None) -> shapes.RowAnswer:
    problem = report if isinstance(report, Problem) else said if isinstance(said, Problem) else None
    id_ = report.event.id if isinstance(report, Command) else None
    if problem is None and isinstance(said, Said) and said.outcome not in ("applied", "history"):
        problem = _refusal(said)
    if problem is not None:
        return shapes.RowAnswer(index=place, status=problem.status, id=id_, problem=problem.document)
    if not isinstance(said, Said):
        return shapes.RowAnswer(index=place, status=202, id=id_, outcome="pending")
    return shapes.RowAnswer(
        index=place,
        status=201,
        id=id_,
        outcome=said.outcome,  # type: ignore[arg-type]
        reason=said.reason,
    )


# --- the table -------------------------------------------------------------------------------------------------------


CODE = in_path("code", "A region's code, a slug such as `occitanie`.")
TEXT = {"type": "string"}
KIND = in_query("kind", TEXT, "A kind of bed of the region's table.", needed=True)
P = ProblemDocument

_TABLE: tuple[Entry, ...] = (
    Entry(
        "POST",
        "/api/v1/bed-reports",
        "report",
        BedReport | list[BedReport],
        {
            201: shapes.Accepted,
            200: shapes.RowAnswers,
            202: (shapes.Accepted, shapes.RowAnswers),
            207: shapes.RowAnswers,
            400: P,
            401: P,
            403: (P, shapes.RowAnswers),
            413: P,
            422: (P, shapes.RowAnswers),
            503: (P, shapes.RowAnswers),
        },
        (KEY,),
    ),
    Entry(
        "GET",
        "/api/v1/commands/{id}",
        "command",
        None,
        {200: shapes.Outcome, 401: P, 403: P, 404: P, 503: P},
        (in_path("id", "A command's id."),),
    ),
    Entry("GET", "/api/v1/regions", "regions", None, {200: list[shapes.RegionName], 401: P}),
    Entry(
        "GET",
        "/api/v1/regions/{code}",
        "directory",
        None,
        {200: dict[str, Any], 304: None, 401: P, 403: P, 404: P, 503: P},
        (CODE,),
    ),
    Entry(
        "GET",
        "/api/v1/regions/{code}/boundaries",
        "boundaries",
        None,
        {200: dict[str, Any], 304: None, 401: P, 403: P, 404: P, 503: P},
        (CODE,),
        "application/geo+json",
    ),
    Entry(
        "GET",
        "/api/v1/regions/{code}/capacity",
        "capacity",
        None,
        {200: shapes.CapacityShown, 304: None, 401: P, 403: P, 404: P, 503: P},
        (CODE,),
    ),
    Entry(
        "GET",
        "/api/v1/regions/{code}/wards/{id}",
        "ward",
        None,
        {200: shapes.WardShown, 401: P, 403: P, 404: P, 503: P},
        (CODE, in_path("id", "A ward's id, `<FINESS ET>/<bed kind>`.")),
    ),
    Entry(
        "GET",
        "/api/v1/regions/{code}/hours",
        "hours",
        None,
        {200: shapes.HoursShown, 400: P, 401: P, 403: P, 404: P, 503: P},
        (
            CODE,
            KIND,
            in_query("departement", TEXT, "A département's code; without it, the region's total."),
            in_query("hours", {"type": "integer", "minimum": 1, "maximum": queries.MOST_HOURS}, "How many hours back."),
        ),
    ),
    Entry(
        "GET",
        "/api/v1/search/beds",
        "search",
        None,
        {200: shapes.Nearby, 400: P, 401: P, 403: P, 404: P, 503: P},
        (
            in_query("lat", {"type": "number", "minimum": -90, "maximum": 90}, "Degrees north (WGS84).", needed=True),
            in_query("lon", {"type": "number", "minimum": -180, "maximum": 180}, "Degrees east (WGS84).", needed=True),
            KIND,
            in_query("limit", {"type": "integer", "minimum": 1, "maximum": queries.MOST_RESULTS}, "How many at most."),
            in_query("region", TEXT, "Only this region; without it, every one that the asker sees."),
        ),
    ),
    Entry("GET", "/api/v1/session", "session", None, {200: shapes.SessionShown, 401: P, 503: P}),
    Entry(
        "POST",
        "/api/v1/session",
        "sign_in_by_link",
        shapes.LinkGiven,
        {200: shapes.SessionShown, 400: P, 401: P, 403: P, 413: P},
    ),
    Entry("DELETE", "/api/v1/session", "sign_out", None, {204: None, 403: P}),
    Entry(
        "GET",
        "/api/v1/sign-in",
        "sign_in",
        None,
        {302: None, 404: P, 503: P},
        (in_query("to", TEXT, "Where to go afterwards, a path of ours."),),
    ),
    Entry(
        "GET",
        "/api/v1/sign-in/callback",
        "signed_in",
        None,
        {303: None, 401: P, 404: P, 503: P},
        (in_query("code", TEXT, "The issuer's code."), in_query("state", TEXT, "What we sent there.")),
    ),
)
DOORS: tuple[Entry, ...] = (
    *(door._replace(of=Doors) for door in _TABLE),
    *ALERT_DOORS,
    *OWN_DOORS,
    *PATIENT_DOORS,
    *LINK_DOORS,
    *FHIR_DOORS,
    *DESK_DOORS,
    *CALL_DOORS,
)
