"""A house whose region follows patients at home: four real followup shards, their key store, and small pathways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from config.settings import Settings
from domain.alerts.routing import Window, Zone
from domain.events import PatientEnrolled, Source
from domain.followup.chart import Chart, Contact, File, Residence, SlotContent
from domain.followup.pathway import (
    Cluster,
    End,
    FirstCall,
    Flag,
    Limits,
    NoAnswer,
    Pathway,
    Reminders,
    Scoring,
    Slots,
    mistakes,
)
from domain.followup.patient import Member, Patient
from domain.followup.questionnaire import Item as Question
from domain.followup.questionnaire import Option, Questionnaire
from domain.followup.sealed import About, Sealed
from domain.places import Region, Words
from event_log.ids import new_id
from event_log.topics import FOLLOWUP, followup_shard, followup_shards, init_shards
from people.keys import Keys, pseudonym
from people.masters import named
from people.patient_links import READS_MS, PatientLinks
from people.sealing import Key, open_, seal
from people.trail import Trail
from realtime_api.app import now
from realtime_api.follow_up.gate import Gate
from realtime_api.patients.opening import traits_of
from realtime_api.push.patients import PatientsHub
from streams.followup import Followup
from tests.realtime_api.house import House, Shard
from tests.small_region import region as small_region

UTC = Zone(name="UTC", offsets=((0, 0),))
DAY_MS, MINUTE_MS = 86_400_000, 60_000
EHPAD = "310000002"  # of the small region
DOCTOR, NURSE, AGENT, STAFF = "physician", "nurse", "agent", "staff"
CIRCLE = (Member(DOCTOR, "physician"), Member(NURSE, "nurse"))
PEOPLE = {
    "colleague": [("physician", "ici")],
    AGENT: [("tracing_agent", "ici")],
    "agent-2": [("tracing_agent", "ici")],
    STAFF: [("ehpad", f"et:{EHPAD}")],
    "staff-elsewhere": [("ehpad", "et:310000001")],
    "ehpad-nurse": [("nurse", f"et:{EHPAD}")],
    "support": [("support", "ici")],
    "dpo": [("dpo", "ici")],
}


def words(text: str) -> Words:
    """Return a text in both languages."""
    return Words(fr=text, en=text)


# What is asked on every pathway here: numbers, yes or no, a choice, several choices, and a text.
ITEMS = (
    Question(
        "measures",
        "group",
        words("Mesures"),
        items=(
            Question(
                "temperature", "decimal", words("Température"), required=True, unit="°C", lowest=30.0, highest=45.0
            ),
            Question(
                "spo2", "integer", words("Saturation"), required=True, unknowable=True, unit="%", lowest=50, highest=100
            ),
        ),
    ),
    Question("breathless", "boolean", words("Essoufflé"), required=True),
    Question("pain", "boolean", words("Douleur"), required=True),
    Question(
        "sleep", "choice", words("Sommeil"), options=(Option("good", words("bon")), Option("bad", words("mauvais")))
    ),
    Question(
        "signs", "choices", words("Signes"), options=(Option("cough", words("toux")), Option("rash", words("rash")))
    ),
    Question("remark", "text", words("Remarque")),
)
FLAGS = (
    Flag("breath", "breathless", "is", True, "red", words("Essoufflé"), "invented"),
    Flag("low", "spo2", "below", 90.0, "red", words("Saturation basse"), "invented", floor=85.0),
    Flag("pain", "pain", "is", True, "orange", words("Douleur"), "invented"),
)
WELL = {"temperature": 37.0, "breathless": False, "pain": False}
RED = WELL | {"breathless": True}


def pathways(at: int) -> tuple[Pathway, ...]:
    """Return three pathways whose slot of today is open at this instant: for a physician, for an EHPAD, for the ARS."""
    small = Pathway(
        id="small",
        version="1",
        title=words("Petit"),
        questionnaire=Questionnaire("https://example.invalid/small", "1", words("Petit"), ITEMS),
        slots=Slots((1, 2, 3), (at // MINUTE_MS % 1440,)),
        reminders=Reminders(3600.0, 7200.0, 10_800.0),
        limits=Limits(11 * 3600.0, 11 * 3600.0, 3),
        scoring=Scoring(flags=FLAGS),
        no_answer=NoAnswer("orange"),
        told={"orange": ("nurse",), "red": ("circle", "on_call")},
        answer_within_s={"orange": 3600.0, "red": 540.0},
        staffed=(Window(0, 1440),),
        outside={},
        end=End("summary", 30, 7),
    )
    assert not mistakes(small), mistakes(small)
    ehpad = replace(small, id="ehpad", answered_by="staff", cluster=Cluster(3, 4, ("ehpad", "coordinator")))
    return small, ehpad, replace(small, id="ars", first_call=FirstCall(words("Bonjour"), 86_400.0), end=End("erase"))


def today(at: int) -> int:
    """Return a local day of UTC."""
    return at // DAY_MS


def person(**more: Any) -> File:
    """Return who somebody is."""
    told: dict[str, Any] = {
        "birth_name": "DUPONT",
        "first_names": ("Jeanne", "Marie"),
        "birth_date": "1956-03-01",
        "sex": "female",
        "contact": Contact(phone="+33600000000", email="jeanne@example.invalid"),
        "residence": Residence(room="12"),
    }
    return File(**(told | more))


class FollowedHouse(House):
    """A running API over a region that follows patients at home, and their stores."""

    def __init__(self, home: Path, settings: Settings, document: Region) -> None:
        super().__init__(home, settings, document, alerts=True, patients=True)
        self.masters = named(home)
        self.keys, self.trail = Keys(home, self.masters), Trail(home)
        self.links = PatientLinks(home, self.keys.derived)
        self.pathways = {each.id: each for each in pathways(now())}

    async def found_patients(self, at: int | None = None) -> None:
        """Found the shards of patients, on small pathways, and give the people of the follow-up their rights."""
        for subject, held in PEOPLE.items():
            for role, scope in held:
                await self.grant(subject, role, scope)
        for name, told in (await init_shards(self.log, followup_shards("ici"), at or now(), FOLLOWUP)).items():
            shard = self.patients[name] = Shard(
                self.log, self.state, Followup(self.keys), name, told.partition, told.epoch
            )
            for each in self.pathways.values():
                await self.publish(f"pathway/{each.id}/{each.version}", msgspec.json.encode(each), shard)
            await shard.tick(at)
            await shard.step()
            self._folding.append(asyncio.create_task(shard.run()))

    # -- patients

    @property
    def gate(self) -> Gate:
        """Return where the API opens links."""
        return self.app.state.gate  # type: ignore[no-any-return]

    def shard_of(self, patient: str) -> Shard:
        """Return the shard that a patient is on."""
        return self.patients[followup_shard("ici", patient)]

    def hub_of(self, patient: str) -> PatientsHub:
        """Return the API's mirror of it."""
        found = self.rooms.hub_of("ici", patient)
        assert found is not None
        return found

    def patient(self, id_: str) -> Patient:
        """Return a patient as the API knows them."""
        return self.hub_of(id_).patients[id_]

    def key_of(self, patient: str) -> Key:
        """Return a patient's key."""
        key = self.keys.look(self.patient(patient).key)
        assert isinstance(key, Key)
        return key

    async def enrol(
        self,
        file: File | None = None,
        on: str = "small",
        *,
        circle: tuple[Member, ...] = CIRCLE,
        starts: int = 0,
        facility: str = "",
        channels: Any = ("sms", "smtp"),
    ) -> str:
        """Return the pseudonym of somebody who begins a pathway today, or so many days from now."""
        file = file or person()
        id_, at = pseudonym(), now()
        key_id = self.keys.create(id_, traits_of(file))
        key = self.keys.look(key_id)
        assert isinstance(key, Key)
        event = PatientEnrolled(
            id=new_id(),
            received_at=at,
            region="ici",
            source=Source(id=circle[0].subject, door="api"),
            patient=id_,
            key=key_id,
            pathway=f"{on}/1",
            circle=circle,
            zone=UTC,
            first_day=today(at) + starts,
            file=seal(key, msgspec.msgpack.encode(file), About(id_, "file")),
            channels=channels,
            departement="31",
            facility=facility,
        )
        await self.shard_of(id_).put(event)
        await self.settled()
        assert id_ in self.hub_of(id_).patients
        return id_

    def link(self, patient: str, slot: str | None = None, *, expires_at: int | None = None) -> str:
        """Return the secret of a patient's link to the slot that is asked, or to another."""
        due = self.patient(patient).slot
        named_ = (due.slot if due is not None else "") if slot is None else slot
        closes_at = now() + 3_600_000 if expires_at is None else expires_at - READS_MS
        return self.links.link("ici", patient, named_, closes_at, now(), self.patient(patient).links)

    def slot(self, patient: str) -> str:
        """Return the name of the slot that is asked."""
        due = self.patient(patient).slot
        assert due is not None
        return due.slot

    async def pass_slot(self, patient: str) -> None:
        """Let the slot that is asked be over."""
        due = self.patient(patient).slot
        assert due is not None
        await self.shard_of(patient).tick(due.closes_at + MINUTE_MS)
        await self.settled()

    async def chart(self, patient: str) -> Chart:
        """Return a patient's chart as it is kept, opened."""
        build = self.hub_of(patient).build
        assert build is not None
        (packed,) = await self.state.fields(build, "charts", [patient])
        assert packed is not None
        sealed = msgspec.msgpack.decode(packed, type=Sealed)
        return msgspec.msgpack.decode(open_(self.key_of(patient), sealed, About(patient, "chart")), type=Chart)

    async def current(self, patient: str) -> SlotContent:
        """Return what a patient answered to the slot that is asked."""
        found = (await self.chart(patient)).current
        assert found is not None
        return found

    async def post(self, path: str, body: Any, subject: str = "", **headers: str) -> Any:
        """Send a body to a door: as JSON where it is no bytes, as someone where they are named."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        told = {"content-type": "application/json", **(self.bearer(subject) if subject else {})}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/api/v1{path}", content=content, headers=told)


@asynccontextmanager
async def open_followed(home: Path, **settings: Any) -> AsyncIterator[FollowedHouse]:
    """Give a running API over a region that follows patients at home."""
    home.mkdir(parents=True, exist_ok=True)
    async with FollowedHouse(home, Settings(home=str(home), **settings), small_region()) as house:
        yield house
