"""The demo's patients at home: invented, enrolled and answering by the public doors, at whatever hour it starts."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
from msgspec.structs import replace

from domain.followup.pathway import Pathway, Reminders
from event_log.kafka import KafkaLog
from event_log.topics import FOLLOWUP
from launch import regions
from launch.pathways import settings_of
from launch.publish import Held
from launch.regions import UNSETTLED, Document
from launch.supervise import Say, backoff_s
from launch.up import Stage
from people.patient_links import secret_in
from realtime_api.issuer import LocalIssuer

PHYSICIAN, NURSE, GERIATRICIAN = "demo-physician", "demo-nurse", "demo-geriatrician"
EHPAD, TRACING = "demo-ehpad", "demo-tracing"
RESIDENCE = "090000019"  # of the region's directory: demo-ehpad's
REQUEST_TIMEOUT_S = 10.0
LOOKS_EVERY_S = 10.0
TRIES = 12  # of one request, with growing waits
DAY_MIN = 24 * 60
OURS = uuid.UUID("2f0c61a8-0d0e-5a57-9a6b-64656d6f7374")  # namespace of what is sent: any fixed UUID
HASTY = Reminders(60.0, 120.0, 180.0)
Answers = Mapping[str, Any]

AT_HOME: Answers = {
    "temperature": 36.9,
    "spo2": 97,
    "pulse": 74,
    "respiratory-rate": 15,
    "systolic": 126,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "warning-signs": ["none"],
}
COVID: Answers = {**AT_HOME, "spo2-effort": 96, "unsafe-at-home": False}
DISCHARGED: Answers = {**AT_HOME, "pain": 2, "operated": True, "wound": False, "takes-medicine": True}
RESIDENT: Answers = {
    **{name: AT_HOME[name] for name in AT_HOME if name not in ("cannot-speak", "confusion")},
    "consciousness": "a",
    "drinks": True,
    "fall": False,
}


class Invented(NamedTuple):
    """Somebody invented: who, on which pathway and day of it, what they answered (None: nothing yet), what is said."""

    first_name: str
    name: str
    sex: str
    born: str
    pathway: str
    day: int = 1
    answers: Answers | None = None
    ill_for: int | None = None  # days since the first symptoms
    hasty: bool = False  # is missed after some minutes, for the demo not to wait for hours
    message: str = ""  # the nurse's
    memo: str = ""  # the physician's
    room: str = ""
    departement: str = "31"


AT_HOME_NOW = (
    Invented("Odile", "Sarrazin", "female", "1948-05-02", "medical-covid", 6, None, 6),
    Invented(
        "Bernard",
        "Lacombe",
        "male",
        "1951-11-19",
        "medical-covid",
        7,
        {**COVID, "temperature": 38.6, "spo2": 91, "pulse": 104, "respiratory-rate": 26, "breathless": "on-effort"},
        8,
        message="Vu lundi : seul chez lui, sa fille passe le soir.",
    ),
    Invented(
        "Nadia",
        "Belkacem",
        "female",
        "1969-02-08",
        "medical-covid",
        4,
        {**COVID, "spo2": 96, "pulse": 88, "respiratory-rate": 19, "breathless": "on-effort"},
        5,
        memo="Rappeler Mme Belkacem : comment va l’essoufflement ?",
        departement="34",
    ),
    Invented(
        "Thierry",
        "Montagne",
        "male",
        "1974-07-30",
        "medical-covid",
        3,
        {**COVID, "temperature": 38.7, "pulse": 86},
        3,
        departement="81",
    ),
    Invented(
        "Fatou",
        "Diallo",
        "female",
        "1982-09-14",
        "medical-covid",
        5,
        {**COVID, "temperature": 38.2, "spo2": None, "respiratory-rate": 21},  # has no oximeter: a score from 3 to 6
        6,
    ),
    Invented("Lucas", "Pradel", "male", "1991-04-25", "medical-covid", 10, COVID, 11, departement="30"),
    Invented(
        "Simone",
        "Castaing",
        "female",
        "1939-12-11",
        "after-discharge",
        3,
        {**DISCHARGED, "pain": 8, "wound": True, "comment": "La cicatrice est rouge depuis hier soir."},
    ),
    Invented("Michel", "Fournes", "male", "1956-06-17", "after-discharge", 10, DISCHARGED, departement="82"),
    Invented("Hélène", "Teyssier", "female", "1944-03-03", "after-discharge", 10, hasty=True, departement="65"),
)
RESIDENTS = (
    Invented("Marcelle", "Aubrac", "female", "1931-01-22", "ehpad-resident", 2, room="101"),
    Invented("Jean", "Combelles", "male", "1934-08-09", "ehpad-resident", 2, room="102"),
    Invented("Yvonne", "Darrieux", "female", "1929-10-30", "ehpad-resident", 4, room="104"),
    Invented(
        "Roger",
        "Estève",
        "male",
        "1936-05-15",
        "ehpad-resident",
        4,
        {**RESIDENT, "temperature": 38.6, "drinks": False},
        3,
        room="107",
    ),
    Invented("Lucienne", "Gayral", "female", "1933-02-27", "ehpad-resident", 1, room="110"),
)
CONTACTS = (
    Invented("Karim", "Vernhes", "male", "1988-03-21", "ars-contact", departement="31"),
    Invented("Élise", "Routaboul", "female", "1996-07-05", "ars-contact", departement="12"),
)


class NotTaken(Exception):
    """A door did not take what the demo said, and why."""


class Stay(NamedTuple):
    """On which logs patients are enrolled, and since when: what is said again of the same stay is done once."""

    epochs: frozenset[str]
    at: datetime


async def keep_patients(stage: Stage, document: Document, say: Say) -> None:
    """Return never: enrol the patients, and again where a broker came back empty."""
    failures, stay = 0, Stay(frozenset(), datetime.now(UTC))
    while True:
        try:
            epochs = await _epochs(stage, document.code)
            if epochs != stay.epochs:
                stay = Stay(epochs, datetime.now(ZoneInfo(document.region.time_zone)))
            link = await enrol(stage, document, stay)
            failures = 0
            say(f"Patients are followed at home, all invented. One of them answers here, on a phone best:\n  {link}")
            await _another_log(stage, document.code, stay.epochs)
        except (NotTaken, httpx.HTTPError, TimeoutError, *UNSETTLED) as error:
            wait_s = backoff_s(failures)
            failures += 1
            say(f"The patients are not all there ({error or type(error).__name__}); again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)


async def enrol(stage: Stage, document: Document, stay: Stay) -> str:
    """Return the link of one who has not answered, once every patient is enrolled and said what they say."""
    pathways = copies(document.pathways, stay.at)
    async with regions.stores(stage.kafka_url, stage.redis_url) as (log, state):
        await regions.settle(log, state, document.code, Held(settings_of(pathways), {}))
    async with httpx.AsyncClient(base_url=stage.url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as client:
        doors = _Doors(client, LocalIssuer(stage.home), document.code, stay, pathways)
        await doors.until_pathways_are_known()
        links = [await doors.enrolled(one, PHYSICIAN, {NURSE: "nurse"}) for one in AT_HOME_NOW]
        for one in RESIDENTS:
            await doors.enrolled(one, GERIATRICIAN, {GERIATRICIAN: "coordinator", EHPAD: "ehpad"})
        await doors.asked_by_staff(RESIDENTS)
        await doors.to_be_called(CONTACTS)
    return links[0]


async def _epochs(stage: Stage, code: str) -> frozenset[str]:
    """Return which logs the region's patients are on now."""
    async with KafkaLog(stage.kafka_url) as log:
        return frozenset(place.epoch for place in await regions.places_of(log, code, FOLLOWUP))


async def _another_log(stage: Stage, code: str, epochs: frozenset[str]) -> None:
    """Return once the region's patients are on other logs: their broker came back, and knows nothing of these."""
    found = epochs
    while found == epochs or len(found) < len(epochs):
        await asyncio.sleep(LOOKS_EVERY_S)
        with suppress(*UNSETTLED):  # it is away for now
            found = await _epochs(stage, code)


# --- when ------------------------------------------------------------------------------------------------------------


def copies(pathways: Sequence[Pathway], at: datetime) -> tuple[Pathway, ...]:
    """Return pathways as versions of their own whose slots are due now, and hasty ones, which are missed in minutes.

    What is asked, what answers mean and who is told stays as it is. The hasty ones are the older versions: whoever
    enrols a patient by hand gets the others.
    """
    made = [_due_at(pathway, at) for pathway in pathways]
    hasty = [replace(each, version=f"{each.version}.0.{at:%Y%m%d%H%M}", reminders=HASTY) for each in made]
    return (*hasty, *(replace(each, version=f"{each.version}.1.{at:%Y%m%d%H%M}") for each in made))


def _due_at(pathway: Pathway, at: datetime) -> Pathway:
    times = pathway.slots.times
    ahead = at.hour * 60 + at.minute - times[0]
    return replace(
        pathway, slots=replace(pathway.slots, times=tuple(sorted((time + ahead) % DAY_MIN for time in times)))
    )


# --- what is said at the doors ----------------------------------------------------------------------------------------


class _Doors:
    """The public doors of the demo's region, as the demo's people come to them; what is sent again is done once."""

    def __init__(
        self, client: httpx.AsyncClient, issuer: LocalIssuer, code: str, stay: Stay, pathways: Sequence[Pathway]
    ) -> None:
        self._client, self._issuer, self._at = client, issuer, stay.at
        self._region = f"/api/v1/regions/{code}"
        self._stay = uuid.uuid5(OURS, " ".join(sorted(stay.epochs)))
        self._versions = {(each.id, each.reminders == HASTY): each.version for each in pathways}

    async def until_pathways_are_known(self) -> None:
        """Return once these are the pathways that a patient begins here."""
        wanted = {(id_, version) for (id_, hasty), version in self._versions.items() if not hasty}
        for tried in range(TRIES):
            told = await self._ask("GET", f"{self._region}/pathways", PHYSICIAN)
            if wanted <= {(each["id"], each["version"]) for each in told["pathways"]}:
                return
            await asyncio.sleep(backoff_s(tried))
        raise NotTaken("the pathways are not in force")

    async def enrolled(self, one: Invented, by: str, circle: Mapping[str, str]) -> str:
        """Return the link by which somebody answers, once they are enrolled and have said what they say."""
        told = await self._applied(
            "POST",
            f"{self._region}/patients",
            by,
            f"enrol {one.name}",
            pathway=self._pathway(one),
            file=self._file(one),
            circle=[{"subject": subject, "role": role} for subject, role in circle.items()],
            channels=[] if one.room else ["smtp", "sms"],
            departement="09" if one.room else one.departement,
            facility=RESIDENCE if one.room else "",
            starts_on=(self._at.date() - timedelta(days=one.day - 1)).isoformat(),
        )
        patient, link = told["id"], told["links"]["answer"] or ""
        if one.answers is not None and not one.room:
            await self._answer(secret_in(link), one)
        acts = f"{self._region}/patients/{patient}/acts"
        if one.message:
            await self._applied("POST", acts, NURSE, f"message {one.name}", act="message", text=one.message)
        if one.memo:
            due_at = round((self._at + timedelta(hours=2)).timestamp() * 1000)
            await self._applied("POST", acts, by, f"memo {one.name}", act="memo", text=one.memo, due_at=due_at)
        return str(link)

    async def _answer(self, secret: str, one: Invented) -> None:
        slot = (await self._ask("POST", "/api/v1/answer/open", link=secret))["slot"]
        await self._applied(
            "POST",
            "/api/v1/answers",
            link=secret,
            slot=slot,
            answers=one.answers,
            id=self._named(f"answers {one.name}"),
        )

    async def asked_by_staff(self, residents: Sequence[Invented]) -> None:
        """Return once the staff have said what they say of their residents."""
        path = f"{self._region}/sittings/{RESIDENCE}"
        ids = {each["room"]: each for each in (await self._ask("GET", path, EHPAD))["residents"]}
        rows = [
            {
                "patient": ids[one.room]["id"],
                "slot": ids[one.room]["slot"],
                "id": self._named(f"answers {one.name}"),
                "answers": one.answers,
            }
            for one in residents
            if one.answers is not None and one.room in ids
        ]
        told = await self._ask("POST", path, EHPAD, rows=rows)
        if any(each["status"] not in (201, 202) for each in told["rows"]):
            raise NotTaken("a resident's answers were not taken")

    async def to_be_called(self, contacts: Sequence[Invented]) -> None:
        """Return once these wait for their first call; whoever waits already is not taken twice."""
        rows = [
            {
                "birth_name": one.name,
                "first_names": one.first_name,
                "birth_date": one.born,
                "sex": one.sex,
                "phone": phone(one),
                "email": _email(one),
                "departement": one.departement,
            }
            for one in contacts
        ]
        pathway = self._pathway(contacts[0])
        await self._ask("POST", f"{self._region}/calls/import", TRACING, "calls", pathway=pathway, rows=rows)

    # -- how

    def _pathway(self, one: Invented) -> str:
        return f"{one.pathway}/{self._versions[one.pathway, one.hasty]}"

    def _file(self, one: Invented) -> dict[str, Any]:
        consent: dict[str, Any] = {"text_version": "demo"}
        more: dict[str, Any] = {}
        if one.room:
            consent |= {"by": "representative", "representative": f"Famille {one.name}", "capacity": "famille"}
            more["residence"] = {
                "room": one.room,
                "level_of_care": "Soins en EHPAD, hospitalisation si utile",
                "coordinating_physician": "Marc Olivier (inventé)",
                "geriatric_hotline": "+33639980035",
            }
        if one.ill_for is not None:
            more["symptoms_date"] = (self._at.date() - timedelta(days=one.ill_for)).isoformat()
        return {
            "birth_name": one.name,
            "first_names": [one.first_name],
            "birth_date": one.born,
            "sex": one.sex,
            "contact": {"phone": phone(one), "email": _email(one)},
            "consent": consent,
            **more,
        }

    def _named(self, what: str) -> str:
        return str(uuid.uuid5(self._stay, what))

    async def _applied(self, method: str, path: str, subject: str = "", key: str = "", **body: Any) -> dict[str, Any]:
        """Return what a door answers once what was asked is done, not only taken."""
        for tried in range(TRIES):
            told = await self._ask(method, path, subject, key, **body)
            if told.get("outcome") != "pending" and not told.get("pending"):
                return told
            await asyncio.sleep(backoff_s(tried))
        raise NotTaken(f"{path} stays pending")

    async def _ask(self, method: str, path: str, subject: str = "", key: str = "", **body: Any) -> dict[str, Any]:
        """Return what a door answers; one that can't now is asked again, some times."""
        headers = {"authorization": f"Bearer {self._issuer.issue(subject)}"} if subject else {}
        headers |= {"idempotency-key": self._named(key)} if key else {}
        for tried in range(TRIES):
            answer = await self._client.request(method, path, json=body or None, headers=headers)
            if answer.status_code < 300:
                return dict(answer.json())
            if answer.status_code not in (429, 503):
                # Not what it says: that may name what was sent.
                raise NotTaken(f"{method} {path.partition('/patients/')[0]}: {answer.status_code}")
            await asyncio.sleep(backoff_s(tried))
        raise NotTaken(f"{path.partition('/patients/')[0]} is not ready")


def _number(one: Invented) -> int:
    return (*AT_HOME_NOW, *RESIDENTS, *CONTACTS).index(one) + 1


def phone(one: Invented) -> str:
    return f"+336399801{_number(one):02}"  # of a range that is nobody's


def _email(one: Invented) -> str:
    return f"patient-{_number(one)}@example.invalid"
