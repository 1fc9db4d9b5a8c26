"""The clinicians' doors: enrolment, the board, search, a patient's page, acts, changes of the file, broken glass."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from domain.alerts.routing import Zone
from domain.capacity.fold import Said
from domain.events import (
    Deed,
    Event,
    FileChanged,
    GlassBroken,
    LinksRevoked,
    OnCallJoined,
    PatientEnrolled,
    Source,
)
from domain.followup.chart import Chart
from domain.followup.ending import CONFIRM
from domain.followup.holding import circle_of
from domain.followup.ins import plain
from domain.followup.pathway import Pathway
from domain.followup.patient import Member, MemberRole, Patient
from live_state import followup
from live_state.state import State
from people import trail
from people.directory import People
from people.keys import KeysAway, pseudonym
from people.patient_links import LinksAway, PatientLinks, address
from people.rights import MATRIX, Needs, overseers, rights_of
from people.signing import Signing
from people.traits import Traits, alike
from realtime_api.access import View, may_be_member, may_join, view_of
from realtime_api.alerts.bucket import Buckets
from realtime_api.answers import NEVER, Entry, in_path, in_query, json_answer, read_body
from realtime_api.commands import KEY, Command, Commands
from realtime_api.measures import Measures
from realtime_api.patients import acts, asked, board, shapes
from realtime_api.patients.asked import (
    Act,
    AnyAct,
    EnrolAsked,
    FileChangeAsked,
    GlassAsked,
    SearchAsked,
    local_day,
)
from realtime_api.patients.opening import Access, Opened, Opening, Where, traits_of
from realtime_api.patients.place import Place, order_of, place_of
from realtime_api.patients.rung import rings
from realtime_api.problems import Mistake, Problem, ProblemDocument
from realtime_api.push.hub import Hub
from realtime_api.push.patients import PatientsHub, row_of
from realtime_api.push.rooms import Rooms
from realtime_api.push.session import Who
from realtime_api.queries import Asked
from realtime_api.shapes import Links
from realtime_api.sign_in import Desk

REGION = "/api/v1/regions/{code}"
PATIENTS = f"{REGION}/patients"
MOST_ON_BOARD = 500  # each of them is opened, and is an entry of the trail
MOST_ASKED = 100  # of ids
MOST_SEARCHED = 5_000
GLASS_MS = 60 * 60_000
ON_CALL_MS = 12 * 60 * 60_000  # ⚠ OWN: a night
SEARCHES_AT_ONCE, SEARCHES_A_SECOND = 10, 0.2  # of one person
# ⚠ OWN: whether somebody is followed at all is told a few times a minute, and some dozen a day.
IDENTIFIED_AT_ONCE, IDENTIFIED_A_SECOND = 5, 1 / 20
IDENTIFIED_A_DAY = 50
LOOKED = "duplicates"  # the screen that the trail names where somebody was told who may be the same person
SEES: Needs = ("circle", "break_glass")
NOT_PRESCRIBED = Mistake("file.scale", "2 is a physician's to prescribe, signed in themselves")
PSEUDONYM = re.compile(r"[a-z2-7]{26}")

log = structlog.get_logger("patients")


class Own(NamedTuple):
    """A patient of whose circle the asker is, and as what."""

    hub: PatientsHub
    patient: Patient
    member: Member

    @property
    def where(self) -> Where:
        """Return where their content lies."""
        assert self.hub.build is not None
        return Where(self.hub.build, self.patient)


@dataclass(frozen=True)
class PatientDoors:
    """The doors of followed patients, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    state: State
    opening: Opening
    people: People
    links: Callable[[], PatientLinks]
    measures: Measures
    zone: Callable[[str, int], Zone]  # local time as data, by a zone's name, from an instant on
    now: Callable[[], int]
    signing: Callable[[], Signing]
    providers: tuple[shapes.Provider, ...] = ()
    public_url: str = ""
    search_buckets: Buckets = field(default_factory=lambda: Buckets(SEARCHES_AT_ONCE, SEARCHES_A_SECOND))
    identity_buckets: Buckets = field(default_factory=lambda: Buckets(IDENTIFIED_AT_ONCE, IDENTIFIED_A_SECOND))
    day_buckets: Buckets = field(default_factory=lambda: Buckets(IDENTIFIED_A_DAY, IDENTIFIED_A_DAY / 86_400))

    # -- what is there

    async def pathways(self, request: Request) -> Response:
        """Return the pathways that a patient can begin, each in its newest version."""
        place = await self._place(request, f"GET {REGION}/pathways")
        newest: dict[str, Pathway] = {}
        for pathway in place.hubs[0].pathways.values():
            held = newest.get(pathway.id)
            if held is None or order_of(held) < order_of(pathway):
                newest[pathway.id] = pathway
        found = sorted(newest.values(), key=lambda each: each.id)
        clinician, enrols, opens = (place.view.may(right) for right in ("clinical", "enrol", "open"))
        begins = [each.id for each in found if (_begins(each, clinician=clinician) if enrols else opens)]
        return json_answer(shapes.PathwaysShown(found, _region_zone(place.capacity), begins), headers=NEVER)

    async def board(self, request: Request) -> Response:
        """Return the patients of whose circle the asker is, opened, the gravest first; with `ids`, those alone."""
        place = await self._place(request, f"GET {PATIENTS}")
        query = Asked(request.query_params, ("ids",))
        ids = {each for each in (query.text("ids") or "").split(",") if each} if "ids" in request.query_params else None
        query.done()
        if ids is not None and len(ids) > MOST_ASKED:
            raise Problem("bad-parameter", f"ids: at most {MOST_ASKED}")
        now, subject = self.now(), place.who.subject
        own = [
            (hub, patient) for hub in place.hubs for patient in hub.of(subject, now) if ids is None or patient.id in ids
        ]
        own.sort(key=lambda each: board.gravity(each[1]))
        some = own[:MOST_ON_BOARD]
        names = await self._names(place.code)
        charts = await self.opening.many(
            [Where(hub.build, patient) for hub, patient in some if hub.build is not None],
            self._access(place, trail.Act.READ, "board"),
        )
        unread = await self._unread(some, subject)
        drawn = [
            board.drawn(patient, chart, hub.pathways.get(patient.pathway), now, unread.get(patient.id, 0), names)
            for hub, patient in some
            if (chart := charts.get(patient.id)) is not None
        ]
        channels = [hub.channel for hub in place.hubs]
        shown = shapes.BoardShown(max(hub.at for hub in place.hubs), channels, drawn, len(own) - len(some))
        return json_answer(shown, headers=NEVER)

    async def _unread(self, patients: Sequence[tuple[PatientsHub, Patient]], subject: str) -> dict[str, int]:
        """Return how many messages of others somebody has not read, where there are any."""
        found: dict[str, int] = {}
        for hub in {hub.shard: hub for hub, _ in patients}.values():
            upto = {
                patient.id: patient.read.get(subject, 0)
                for each, patient in patients
                if each is hub and (patient.written_at or 0) > patient.read.get(subject, 0)
            }
            if not upto or hub.build is None:
                continue
            loaded = await self.state.load(hub.build, [f"story:{id_}" for id_ in upto])
            for id_, at in upto.items():
                story = {} if loaded is None else loaded[1].get(f"story:{id_}", {})
                lines = [followup.read_line(packed) for name, packed in story.items() if name >= f"{at:013}"]
                found[id_] = sum(1 for each in lines if each.what == "message" and each.at > at and each.by != subject)
        return found

    async def search_patients(self, request: Request) -> Response:
        """Return whose files bear a name or an INS, of one's own; to a regulator, of whom the glass may be broken."""
        place = await self._place(request, f"POST {PATIENTS}/search")
        if not self.search_buckets.take(place.who.subject):
            raise Problem("too-many", "searches are for finding one patient, and are few")
        now = self.now()
        told = asked.read(await read_body(request, asked.MOST_BYTES), SearchAsked, now)
        found: list[str] = []
        elsewhere: list[str] = []
        if place.view.may("search"):
            found = await self._named(place, told, now)
        if told.name and place.view.may("break_glass"):
            elsewhere = await self._identified(place, told, needed=not place.view.may("search"))
        ids = [*found, *elsewhere]
        await self.opening.record(self._access(place, trail.Act.SEARCH, "search"), ids or [""])
        return json_answer(shapes.FoundShown(found, elsewhere), headers=NEVER)

    def _may_identify(self, subject: str) -> bool:
        """Return whether somebody may be told once more whether a person is followed, and count it."""
        return self.identity_buckets.take(subject) and self.day_buckets.take(subject)

    async def _named(self, place: Place, told: SearchAsked, now: int) -> list[str]:
        own = [(hub, patient) for hub in place.hubs for patient in hub.of(place.who.subject, now)]
        own.sort(key=lambda each: -each[1].changed)
        wheres = [Where(hub.build, patient) for hub, patient in own[:MOST_SEARCHED] if hub.build is not None]
        name, first, matricule = alike(told.name), alike(told.first_name), plain(told.matricule)

        def fits(chart: Chart) -> bool:
            file = chart.file
            names = [alike(each) for each in (file.birth_name, file.used_name) if each]
            return (
                any(each.startswith(name) for each in names)
                and any(alike(each).startswith(first) for each in file.first_names)
                and told.birth_date in ("", file.birth_date)
                and matricule in ("", "" if file.ins is None else plain(file.ins.matricule))
            )

        return await self.opening.find(wheres, fits)

    async def _identified(self, place: Place, told: SearchAsked, *, needed: bool) -> list[str]:
        """Return the pseudonyms of the patients of the region who are exactly this person, and nothing of them."""
        born = asked.day_of(told.birth_date)
        if not told.first_name.strip() or born is None:
            if not needed:
                return []
            missing = [name for name in ("first_name", "birth_date") if not getattr(told, name)]
            raise Problem("wrong-fields", mistakes=[Mistake(name, "is needed, whole") for name in missing])
        if not self._may_identify(place.subject):
            raise Problem("too-many", "whether somebody is followed is told a few times a minute and a day")
        return self._here(place, await self.opening.similar(Traits(told.name, told.first_name, born)))

    def _here(self, place: Place, ids: Iterable[str]) -> list[str]:
        """Return those of the pseudonyms that are the region's: of another's nothing is told, and nothing noted."""
        hubs = ((id_, self.rooms.hub_of(place.code, id_)) for id_ in ids)
        return [id_ for id_, hub in hubs if hub is not None and id_ in hub.patients]

    # -- a file begins

    async def enrol(self, request: Request) -> Response:
        """Open a file: a patient begins a pathway. Support does so for a professional that it names."""
        place = await self._place(request, f"POST {PATIENTS}")
        now, subject = self.now(), place.who.subject
        told = asked.read(await read_body(request, asked.MOST_BYTES), EnrolAsked, now)
        supports = not place.view.may("enrol")
        pathway = self._pathway(place, told.pathway)
        circle, wrong = self._circle(place, told, now, supports=supports)
        wrong += self._wrong_here(place, told, pathway, now)
        owner = told.professional if supports else subject
        opens = owner is not None and self._own_role(place, owner, now) is not None
        clinician = owner is not None and self._is_clinician(place, owner, now)
        if pathway is not None and opens and not _begins(pathway, clinician=clinician):
            wrong.append(Mistake("pathway", "is a clinician's to begin"))
        if wrong or pathway is None:
            raise Problem("wrong-fields", mistakes=wrong[: asked.MOST_MISTAKES])
        if told.file.prescribes() and not place.view.may("prescribe"):
            raise Problem("wrong-fields", mistakes=[NOT_PRESCRIBED])
        held = told.file.held(subject, now)
        traits = traits_of(held)
        id_, name = await self._new(request, subject, now)
        similar = None if supports else await self._similar(place, traits, name, now)
        key = await self.opening.create(place.code, traits, name)
        hub = self._hub_of(place, name)
        sealed = (await self.opening.seal(name, key, ("file", "", held)))[0]
        zone = self.zone(told.zone or _region_zone(place.capacity), now)
        event = PatientEnrolled(
            id=id_,
            received_at=now,
            region=place.code,
            source=Source(id=subject, door=acts.DOOR),
            patient=name,
            key=key,
            pathway=f"{pathway.id}/{pathway.version}",
            circle=circle,
            zone=zone,
            first_day=_first_day(told.starts_on, zone.name, now),
            file=sealed,
            channels=told.channels,
            departement=told.departement,
            facility=told.facility,
        )
        try:
            said = await self._run(place, hub, event, told)
        except Problem as problem:
            # Not one that may be on the log all the same, nor one of a request sent again: it may be a patient's.
            if problem.status != 503 and "idempotency-key" not in request.headers:
                await self.opening.give_up(key)
            raise
        # Sent again by one who has left the circle since, or may not be in any more, it opens nothing for them.
        theirs = not supports and (said is None or self._member(place, name, now) is not None)
        links = shapes.EnrolledLinks(
            page=f"/patients/{name}" if theirs else None,
            answer=await self._answer_link(request, hub, name, held.language) if theirs and said is not None else None,
        )
        told_back = shapes.Enrolled(
            id=name,
            outcome="pending" if said is None else "applied",
            links=links,
            command=Links(acts_link(event)),
            similar=similar,
            rings=await self._rings(hub, hub.patients.get(name)) if theirs and said is not None else None,
        )
        headers = NEVER | {"location": f"/api/v1/regions/{place.code}/patients/{name}"}
        return json_answer(told_back, 202 if said is None else 201, headers=headers)

    async def _new(self, request: Request, subject: str, now: int) -> tuple[str, str]:
        """Return an event's id and the pseudonym that goes with it: under the same key the same, else new ones.

        Neither follows from what was sent: an id on the log must not be one that a name can be guessed by.
        """
        key = request.headers.get("idempotency-key")
        id_ = await self.opening.deed_id(subject, key, now, "enrol")
        if key is None:
            return id_, pseudonym()
        return id_, await self.opening.pseudonym_of(id_)

    @staticmethod
    def _pathway(place: Place, named: str) -> Pathway | None:
        held = place.hubs[0].pathways
        if "/" in named:
            return held.get(named)
        versions = [pathway for pathway in held.values() if pathway.id == named]
        return max(versions, key=order_of, default=None)

    def _circle(
        self, place: Place, told: EnrolAsked, now: int, *, supports: bool
    ) -> tuple[tuple[Member, ...], list[Mistake]]:
        """Return the circle with whoever enrols in it, and who can't be there."""
        wrong = [
            Mistake(f"circle[{number}].subject", "has no right here that lets them be this")
            for number, member in enumerate(told.circle)
            if not self._may_be(place, member.subject, member.role, told.facility, now)
        ]
        owner = told.professional if supports else place.who.subject
        if supports and not owner:
            wrong.append(Mistake("for", "names the professional at whose request the file is opened"))
        if not supports and told.professional is not None:
            wrong.append(Mistake("for", "only goes with support"))
        members = [Member(subject=member.subject, role=member.role) for member in told.circle]
        if owner and owner not in {member.subject for member in members}:
            role = self._own_role(place, owner, now)
            if role is None:
                wrong.append(Mistake("for", "is nobody who may open files here"))
            else:
                members.insert(0, Member(subject=owner, role=role))
        elif supports and owner and self._own_role(place, owner, now) is None:
            wrong.append(Mistake("for", "is nobody who may open files here"))
        return tuple(members), wrong

    def _may_be(self, place: Place, subject: str, role: MemberRole, facility: str, now: int) -> bool:
        return may_be_member(place.capacity.grants.get(subject, ()), place.code, now, role, facility)

    @staticmethod
    def _own_role(place: Place, subject: str, now: int) -> MemberRole | None:
        """Return what somebody is in the circle of a file that they open, None where they may not open any."""
        for right in rights_of(subject, place.capacity.grants.get(subject, ()), place.code, now):
            patients = MATRIX.roles[right.role].patients
            if patients.enrol and patients.member:
                return patients.member[0]
        return None

    @staticmethod
    def _is_clinician(place: Place, subject: str, now: int) -> bool:
        rights = rights_of(subject, place.capacity.grants.get(subject, ()), place.code, now)
        return any(MATRIX.roles[right.role].may("clinical") for right in rights)

    @staticmethod
    def _is_facility(place: Place, finess: str, now: int) -> bool:
        """Return whether a facility is the region's: of its directory, or one whose staff hold a grant."""
        region = place.capacity.region
        if region is None or finess in region.facility_of:
            return True
        return any(
            right.scope == f"et:{finess}" and MATRIX.roles[right.role].may("sitting")
            for subject, grants in place.capacity.grants.items()
            for right in rights_of(subject, grants, place.code, now)
        )

    def _wrong_here(self, place: Place, told: EnrolAsked, pathway: Pathway | None, now: int) -> list[Mistake]:
        """Return what the region and the pathway say against a new file."""
        region, wrong = place.capacity.region, list[Mistake]()
        if (
            region is not None
            and told.departement
            and told.departement not in {each.code for each in region.departements}
        ):
            wrong.append(Mistake("departement", "is none of this region's"))
        if told.facility and not self._is_facility(place, told.facility, now):
            wrong.append(Mistake("facility", "is none of this region's"))
        if pathway is None:
            return [*wrong, Mistake("pathway", "there is no such pathway")]
        wrong += told.file.wrong_for(pathway, told.channels)
        by_staff = pathway.answered_by == "staff"
        if told.file.consent is None and pathway.first_call is None:
            wrong.append(Mistake("file.consent", "is needed: who agreed, and to which version of the text"))
        if not told.channels and not by_staff and pathway.first_call is None:
            wrong.append(Mistake("channels", "needs one: without it nobody is asked anything"))
        if by_staff and not told.facility:
            wrong.append(Mistake("facility", "is needed where staff answer"))
        return wrong

    async def _similar(self, place: Place, traits: Traits, name: str, now: int) -> shapes.Similar | None:
        """Return who of the region may be the same person: those that the asker sees, and whether there are others.

        Whoever enrols faster than people are met is told neither: files could be opened to learn who has one. The trail
        has every file that was found, seen or not, and for which one the asker looked.
        """
        if not self._may_identify(place.subject):
            return None
        found = [id_ for id_ in self._here(place, await self.opening.similar(traits)) if id_ != name]
        seen = [id_ for id_ in found if self._member(place, id_, now) is not None]
        await self.opening.record(self._access(place, trail.Act.SEARCH, LOOKED), [name, *found])
        return shapes.Similar(seen, elsewhere=len(seen) < len(found))

    async def _similar_now(self, place: Place, own: Own, opened: Opened, now: int) -> shapes.Similar | None:
        """Return who may be the same person, where whoever said who the patient is was not told since.

        That is the asker, or support, which is told nothing: then it is who may open files. None too where the asker is
        told too many: they are at a later opening.
        """
        pathway = own.hub.pathways.get(own.patient.pathway)
        if own.member.until is not None or not place.view.may("enrol") or pathway is None or pathway.first_call:
            return None  # whom a list brings is looked up when it is brought
        said = [told.line for told in opened.story if told.line.what in ("enrolled", "file_changed")]
        by = said[-1].by if said else ""
        if by != place.subject and by in {member.subject for member in own.patient.circle}:
            return None
        since = max((line.at for line in said if line.what == "file_changed"), default=0)
        who = trail.who_of(place.subject)
        entries = await self.opening.with_trail(lambda kept: kept.select(file=own.patient.id, who=who))
        if any(each.entry.screen == LOOKED and each.entry.at >= since for each in entries):
            return None
        return await self._similar(place, traits_of(opened.chart.file), own.patient.id, now)

    async def _answer_link(self, request: Request, hub: PatientsHub, name: str, language: str) -> str | None:
        """Return the address at which the patient answers the next slot, None where there is none."""
        patient = hub.patients.get(name)
        if patient is None or patient.slot is None:
            return None
        slot = patient.slot
        base = self.public_url or str(request.base_url)
        try:
            now = self.now()
            secret = await asyncio.to_thread(
                lambda: self.links().link(hub.code, name, slot.slot, slot.closes_at, now, patient.links)
            )
        except (LinksAway, KeysAway):
            return None  # the file is there all the same, and links are sent again
        return address(base, secret, language)

    async def summary_keys(self, request: Request) -> Response:
        """Return the public keys that signed summaries are verified with, as a JWK set."""
        who = await self.desk.identify(request)
        if not any(self._rights(hub, who) for hub in self.rooms.hubs.values()):
            unsure = not self.rooms or any(hub.why_not() for hub in self.rooms.hubs.values())
            raise Problem("not-ready" if unsure else "not-allowed")
        signing = await asyncio.to_thread(self.signing)
        return json_answer(shapes.SummaryKeys([signing.public()]), headers=NEVER)

    def _rights(self, hub: Hub, who: Who) -> View | None:
        return view_of(who.subject, hub.grants.get(who.subject, ()), hub.code, self.now())

    # -- one patient

    async def patient(self, request: Request) -> Response:
        """Return all that is known of a patient of whose circle the asker is."""
        place = await self._place(request, f"GET {PATIENTS}/{{id}}")
        own = self._own(place, request.path_params["id"])
        opened = await self.opening.page(own.where, self._access(place, trail.Act.READ, "patient"))
        pathway = own.hub.pathways.get(own.patient.pathway)
        if pathway is None:
            raise Problem("not-ready", "the pathway is not known here yet")
        names = await self._names(place.code)
        rung = await self._rings(own.hub, own.patient)
        similar = await self._similar_now(place, own, opened, self.now())
        shown = self._shown(own.patient, opened, pathway, names, rung)
        return json_answer(replace(shown, similar=similar), headers=NEVER)

    async def _rings(self, hub: PatientsHub, patient: Patient | None) -> bool | None:
        """Return whether a red of a patient would ring somebody now, None where it is not known."""
        pathway = None if patient is None else hub.pathways.get(patient.pathway)
        if patient is None or pathway is None:
            return None
        return await rings(pathway, patient, self.rooms.alerts.get(hub.code), self.state, self.people)

    def _shown(
        self, patient: Patient, opened: Opened, pathway: Pathway, names: Mapping[str, str], rung: bool | None
    ) -> shapes.PatientShown:
        contents = {content.slot: content for content in opened.slots}
        slots = []
        for slot in dict.fromkeys((*contents, *patient.slots)):
            content = contents.get(slot)
            slots.append(
                shapes.SlotShown(
                    slot=slot,
                    day=int(slot.partition("-")[0]) if content is None else content.day,
                    state=patient.slots.get(slot),
                    sent=() if content is None else content.sent,
                    answers={} if content is None else content.answers,
                    first={} if content is None else content.first,
                    result=None if content is None else content.result,
                )
            )
        slots.sort(key=lambda each: (each.day, each.slot))
        story = [
            shapes.StoryShown(
                id=line.id,
                at=line.at,
                what=line.what,
                by=line.by,
                to=line.to,
                detail=line.detail,
                until=line.until,
                text=text,
            )
            for line, text in opened.story
        ]
        named = (
            {member.subject for member in patient.circle} | {each.by for each in story} | {each.to for each in story}
        )
        chart = opened.chart
        return shapes.PatientShown(
            row=row_of(patient),
            file=chart.file,
            pathway=pathway,
            slots=slots,
            why=() if patient.alert is None else chart.why,
            mutes=chart.mutes,
            story=story,
            names={subject: names[subject] for subject in sorted(named & names.keys())},
            providers=list(self.providers),
            rings=rung,
            zone=patient.zone.name,
        )

    async def act_on_patient(self, request: Request) -> Response:
        """Do something about a patient: with the alert, the circle, the thread, memos, the pathway, calls."""
        place = await self._place(request, f"POST {PATIENTS}/{{id}}/acts")
        own, now = self._own(place, request.path_params["id"]), self.now()
        act = asked.read_act(await read_body(request, asked.MOST_BYTES), now)
        self._allow(place, own, act, now)
        subject, patient = place.who.subject, own.patient
        content = acts.content_of(act, subject, now)
        id_ = await self.opening.deed_id(
            subject,
            request.headers.get("idempotency-key"),
            now,
            patient.id,
            *act.kept,
            at_once=content is None,
        )
        sealed = {}
        if content is not None:
            (piece,) = await self.opening.seal(patient.id, patient.key, (content.kind, id_, content.content))
            sealed = {content.field: piece}
        event = acts.event_of(act, id_, patient.id, place.code, subject, now, sealed)
        said = await self._run(place, own.hub, event, act)
        return _acted(event, said)

    def _allow(self, place: Place, own: Own, act: Act, now: int) -> None:
        """Return where the act is the asker's to do; raise Problem for what it is not, or can't be."""
        if (own.member.broke_glass or not self._is_in(place, own)) and not isinstance(act, acts.OPEN_TO_GLASS):
            raise Problem("glass-broken")
        circle = {member.subject for member in own.patient.circle if not member.broke_glass}
        match act:
            case asked.Join() | asked.Leave() if own.member.until is not None and circle_of(own.patient):
                raise Problem("for-the-night")
            case asked.SummaryReceived() if own.member.role not in CONFIRM:
                raise Problem("not-allowed", "the physician or coordinator confirms what they received")
            case asked.Call() if not place.view.may("calls"):
                raise Problem("not-allowed", "calls are the tracing team's")
            case asked.HandOver() if act.to not in circle:
                raise Problem("wrong-fields", mistakes=[Mistake("to", "is not in the circle")])
            case asked.Join() if not self._may_be(place, act.subject, act.role, own.patient.facility, now):
                raise Problem("wrong-fields", mistakes=[Mistake("subject", "has no right here that lets them be this")])
            case asked.Leave() if act.subject not in circle:
                raise Problem("wrong-fields", mistakes=[Mistake("subject", "is not in the circle")])
            case asked.Leave() if not self._stays(place, own.patient, act.subject, now):
                raise Problem(
                    "wrong-fields",
                    mistakes=[Mistake("subject", "is the last who can see the patient: bring in somebody else")],
                )
            case asked.Teleconsultation() if act.provider not in {each.id for each in self.providers}:
                raise Problem("wrong-fields", mistakes=[Mistake("provider", "there is no such provider")])
            case asked.OfAlert() if not _is_alert_of(own.patient, act.alert):
                raise Problem("over")  # and it is not for the log: what is no alert's id may be content

    def _stays(self, place: Place, patient: Patient, gone: str, now: int) -> bool:
        """Return whether a circle has somebody else who stays, and whose grants let them see the patient."""
        return any(
            member.until is None
            and member.subject != gone
            and self._may_be(place, member.subject, member.role, patient.facility, now)
            for member in patient.circle
        )

    @staticmethod
    def _is_in(place: Place, own: Own) -> bool:
        """Return whether somebody's rights let them act as what they are in the circle."""
        return place.view.may("circle") or own.member.role == "samu"

    async def change_file(self, request: Request) -> Response:
        """Change what is known of a patient, and say why."""
        place = await self._place(request, f"PUT {PATIENTS}/{{id}}/file")
        own, now = self._own(place, request.path_params["id"]), self.now()
        told = asked.read(await read_body(request, asked.MOST_BYTES), FileChangeAsked, now)
        if own.member.broke_glass:
            raise Problem("glass-broken")
        patient, subject = own.patient, place.who.subject
        channels = patient.channels if told.channels is None else told.channels
        pathway = own.hub.pathways.get(patient.pathway)
        if pathway is None:
            raise Problem("not-ready", "the pathway is not known here yet")
        wrong = list(told.file.wrong_for(pathway, channels))
        if wrong:
            raise Problem("wrong-fields", mistakes=wrong[: asked.MOST_MISTAKES])
        chart = await self.opening.chart(own.where, self._access(place, trail.Act.READ, "file"))
        if told.file.prescribes(chart.file) and not place.view.may("prescribe"):
            raise Problem("wrong-fields", mistakes=[NOT_PRESCRIBED])
        held = told.file.held(subject, now, chart.file)
        id_ = await self.opening.deed_id(subject, request.headers.get("idempotency-key"), now, "file", patient.id)
        file, reason = await self.opening.seal(patient.id, patient.key, ("file", "", held), ("note", id_, told.reason))
        event = FileChanged(
            id=id_,
            received_at=now,
            region=place.code,
            source=Source(id=subject, door=acts.DOOR),
            not_after=now + acts.HOLDS_MS,
            patient=patient.id,
            file=file,
            reason=reason,
            channels=channels,
            zone=None if told.zone is None else self.zone(told.zone, now),
        )
        said = await self._run(place, own.hub, event, told)
        await self.opening.identify(patient.key, traits_of(held))
        return _acted(event, said)

    async def revoke_links(self, request: Request) -> Response:
        """Let no link that a patient was sent open any more, as where a telephone is lost; what is open is asked again.

        The shard counts it, so that no link of before opens as soon as it is done, and none ends where it is not.
        """
        place = await self._place(request, f"POST {PATIENTS}/{{id}}/revoke-links")
        own, now, subject = self._own(place, request.path_params["id"]), self.now(), place.who.subject
        if own.member.broke_glass:
            raise Problem("glass-broken")
        key = request.headers.get("idempotency-key")
        event = LinksRevoked(
            id=await self.opening.deed_id(subject, key, now, "revoke-links", own.patient.id, at_once=True),
            received_at=now,
            region=place.code,
            source=Source(id=subject, door=acts.DOOR),
            not_after=now + acts.HOLDS_MS,
            patient=own.patient.id,
        )
        return _acted(event, await self._run(place, own.hub, event, None))

    async def break_glass(self, request: Request) -> Response:
        """Open one file for an hour, with a reason: circle and DPO are told at once."""
        place = await self._place(request, f"POST {PATIENTS}/{{id}}/break-glass")
        now, subject = self.now(), place.who.subject
        told = asked.read(await read_body(request, asked.MOST_BYTES), GlassAsked, now)
        id_ = request.path_params["id"]
        hub = self._hub_of(place, id_)
        patient = hub.patients.get(id_)
        if patient is None:
            raise _unknown()
        await self.opening.record(self._access(place, trail.Act.BREAK_GLASS, "break-glass"), [id_])
        event_id = await self.opening.deed_id(subject, request.headers.get("idempotency-key"), now, "break-glass", id_)
        (reason,) = await self.opening.seal(id_, patient.key, ("note", event_id, told.reason))
        event = GlassBroken(
            id=event_id,
            received_at=now,
            region=place.code,
            source=Source(id=subject, door=acts.DOOR),
            not_after=now + acts.HOLDS_MS,
            patient=id_,
            reason=reason,
            until=now + GLASS_MS,
            tell=overseers(place.capacity.grants, place.code, now),
        )
        log.info("glass broken", patient=id_)
        said = await self._run(place, hub, event, told)
        outcome = "pending" if said is None else "applied"
        # Sent again, it is open until it was to be: a glass that is broken twice under one key is broken once.
        patient = hub.patients.get(id_)
        member = None if patient is None else next((each for each in patient.circle if each.subject == subject), None)
        until = event.until if said is None or member is None or member.until is None else member.until
        shown = shapes.GlassShown(id_, outcome, until, Links(acts_link(event)))  # type: ignore[arg-type]
        return json_answer(shown, 202 if said is None else 201, headers=NEVER)

    async def join_on_call(self, request: Request) -> Response:
        """Let whom a patient's open alert reached while on call into the circle for the night, which is told."""
        place = await self._place(request, f"POST {PATIENTS}/{{id}}/on-call")
        now, subject, id_ = self.now(), place.who.subject, request.path_params["id"]
        hub = self._hub_of(place, id_)
        patient = hub.patients.get(id_)
        if patient is None or not self._is_called(place, patient):
            raise _unknown()
        event = OnCallJoined(
            id=await self.opening.deed_id(
                subject, request.headers.get("idempotency-key"), now, "on-call", id_, at_once=True
            ),
            received_at=now,
            region=place.code,
            source=Source(id=subject, door=acts.DOOR),
            not_after=now + acts.HOLDS_MS,
            patient=id_,
            until=now + ON_CALL_MS,
            tell=overseers(place.capacity.grants, place.code, now),
        )
        return _acted(event, await self._run(place, hub, event, None))

    def _is_called(self, place: Place, patient: Patient) -> bool:
        """Return whether a patient's open alert calls the asker, and the circle did not send them away.

        That an alert was told to somebody is not enough: it is told to the whole circle, and they may have left it.
        """
        alerts = self.rooms.alerts.get(place.code)
        held = None if alerts is None or patient.alert is None else alerts.alerts.get(patient.alert.id)
        if alerts is None or held is None or alerts.why_not():
            return False
        return may_join(patient, held, place.subject, alerts.duties(place.subject), self.now())

    # -- what they have in common

    async def _place(self, request: Request, door: str) -> Place:
        """Return the region asked for; raise Problem for what the asker may not, or not now."""
        return await place_of(request, door, self.desk, self.rooms, self.now)

    def _hub_of(self, place: Place, id_: str) -> PatientsHub:
        hub = self.rooms.hub_of(place.code, id_)
        if hub is None:
            raise Problem("not-ready")
        return hub

    def _member(self, place: Place, id_: str, now: int) -> Own | None:
        hub = self.rooms.hub_of(place.code, id_[: asked.MOST_ID])
        patient = None if hub is None else hub.patients.get(id_)
        member = None if hub is None or patient is None else hub.member(patient, place.who.subject, now)
        return None if hub is None or patient is None or member is None else Own(hub, patient, member)

    def _own(self, place: Place, id_: str) -> Own:
        """Return a patient of whose circle the asker is; of any other, it is not told whether there is one."""
        own = self._member(place, id_, self.now())
        if own is None:
            raise _unknown()
        return own

    def _access(self, place: Place, act: trail.Act, screen: str) -> Access:
        """Return what the trail says of the asker: the first of their grants that opens files."""
        return Access(place.subject, place.grant(("circle", "break_glass", "enrol", "open")), act, screen)

    async def _run(self, place: Place, hub: PatientsHub, event: Deed, sent: object) -> Said | None:
        """Return the outcome of what was sent, None where it is not known yet; raise Problem for what was refused."""
        event = replace(event, digest=await self.opening.digest_of(place.subject, sent))
        (said,) = await self.commands.run([Command(event, hub)])
        word = "pending" if said is None else said.kind if isinstance(said, Problem) else said.outcome
        self.measures.follow_up(word)
        if isinstance(said, Problem):
            raise said
        if said is not None and said.outcome not in ("applied", "history"):
            names = await self._names(place.code)
            problem = acts.refusal(said, place.who.subject, self.now(), names)
            if problem is not None:
                raise problem
        return said

    async def _names(self, region: str) -> dict[str, str]:
        known = await asyncio.to_thread(self.people.names, region)
        return {subject: person.name for subject, person in known.items()}


def _begins(pathway: Pathway, *, clinician: bool) -> bool:
    """Return whether somebody who opens files may open one of a pathway."""
    return clinician or is_for_tracing(pathway)


def is_for_tracing(pathway: Pathway) -> bool:
    """Return whether a pathway is the tracing team's too: it begins with their call, or they are told."""
    return pathway.first_call is not None or any("tracing_team" in roles for roles in pathway.told.values())


def _is_alert_of(patient: Patient, alert: str) -> bool:
    known = {each.id for each in patient.closed}
    return alert in known or (patient.alert is not None and patient.alert.id == alert)


def _unknown() -> Problem:
    return Problem("unknown-patient")


def acts_link(event: Event) -> str:
    """Return where the outcome of an event can be asked for."""
    return f"/api/v1/commands/{event.id}"


def _acted(event: Event, said: Said | None) -> Response:
    outcome = "pending" if said is None else "applied"
    made = shapes.Acted(event.id, outcome, Links(acts_link(event)))  # type: ignore[arg-type]
    return json_answer(made, 202 if said is None else 200, headers=NEVER)


def _region_zone(hub: Hub) -> str:
    return "Europe/Paris" if hub.region is None else hub.region.time_zone


def _first_day(starts_on: str | None, zone: str, now: int) -> int:
    """Return the local day (since 1970) on which a pathway begins: as told, or today where the patient lives."""
    day = None if starts_on is None else asked.day_of(starts_on)
    return local_day(day or _today(zone, now))


def _today(zone: str, now: int) -> date:
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).date()


# --- the table -------------------------------------------------------------------------------------------------------

P = ProblemDocument
CODE = in_path("code", "A region's code, a slug such as `occitanie`.")
ID = in_path("id", "A patient's pseudonym.")
READ: dict[int, Any] = {401: P, 403: P, 404: P, 503: P}
WRITTEN: dict[int, Any] = READ | {400: P, 409: P, 413: P, 422: P}

_TABLE: tuple[Entry, ...] = (
    Entry("GET", f"{REGION}/pathways", "pathways", None, READ | {200: shapes.PathwaysShown}, (CODE,)),
    Entry(
        "GET",
        PATIENTS,
        "board",
        None,
        READ | {200: shapes.BoardShown, 400: P},
        (CODE, in_query("ids", {"type": "string"}, f"These patients alone, at most {MOST_ASKED}, parted by commas.")),
    ),
    Entry(
        "POST",
        PATIENTS,
        "enrol",
        EnrolAsked,
        WRITTEN | {201: shapes.Enrolled, 202: shapes.Enrolled},
        (CODE, KEY),
    ),
    Entry(
        "POST",
        f"{PATIENTS}/search",
        "search_patients",
        SearchAsked,
        WRITTEN | {200: shapes.FoundShown, 429: P},
        (CODE,),
    ),
    Entry("GET", "/api/v1/summary-keys", "summary_keys", None, {200: shapes.SummaryKeys, 401: P, 403: P, 503: P}),
    Entry("GET", f"{PATIENTS}/{{id}}", "patient", None, READ | {200: shapes.PatientShown}, (CODE, ID)),
    Entry(
        "POST",
        f"{PATIENTS}/{{id}}/acts",
        "act_on_patient",
        AnyAct,
        WRITTEN | {200: shapes.Acted, 202: shapes.Acted},
        (CODE, ID, KEY),
    ),
    Entry(
        "PUT",
        f"{PATIENTS}/{{id}}/file",
        "change_file",
        FileChangeAsked,
        WRITTEN | {200: shapes.Acted, 202: shapes.Acted},
        (CODE, ID, KEY),
    ),
    Entry(
        "POST",
        f"{PATIENTS}/{{id}}/revoke-links",
        "revoke_links",
        None,
        WRITTEN | {200: shapes.Acted, 202: shapes.Acted},
        (CODE, ID, KEY),
    ),
    Entry(
        "POST",
        f"{PATIENTS}/{{id}}/break-glass",
        "break_glass",
        GlassAsked,
        WRITTEN | {201: shapes.GlassShown, 202: shapes.GlassShown},
        (CODE, ID, KEY),
    ),
    Entry(
        "POST",
        f"{PATIENTS}/{{id}}/on-call",
        "join_on_call",
        None,
        READ | {200: shapes.Acted, 202: shapes.Acted, 400: P, 409: P},
        (CODE, ID, KEY),
    ),
)
PATIENT_DOORS: tuple[Entry, ...] = tuple(door._replace(of=PatientDoors) for door in _TABLE)
