"""Invented patients for the API's tests, enrolled by its own doors and folded by the real fold."""

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from domain.events import AnswersGiven, Event, PatientErased, Source
from domain.followup.sealed import About
from event_log.ids import new_id
from event_log.topics import followup_shard
from people.directory import Contact, People
from people.keys import Keys
from people.masters import named
from people.sealing import Key, seal
from realtime_api.app import now
from realtime_api.push.patients import PatientsHub
from tests.realtime_api.house import House, Shard
from tests.small_followup import CANARY, RED, WELL

__all__ = ["CANARY", "RED", "WELL"]

PHONE = "+33639981234"
NAMES = {"physician": "Paul Médecin", "nurse": "Nina Infirmière", "tracer": "Théo Traceur"}
REGION = "/api/v1/regions/ici"
# Who is there beside the people of every house: the roles of the follow-up.
ROLES = {
    "tracer": ("tracing_agent", "ici"),
    "home": ("ehpad", "et:310000009"),
    "support": ("support", "ici"),
    "dpo": ("dpo", "ici"),
    "colleague": ("physician", "ici"),
    "samu": ("regulator", "ici"),
}


async def set_up(house: House) -> None:
    """Give the roles of the follow-up, and name some of the people."""
    contacts = [Contact(subject, name, "soins") for subject, name in NAMES.items()]
    People(house.home).import_contacts("ici", contacts)
    for subject, (role, scope) in ROLES.items():
        await house.grant(subject, role, scope)
    await house.settled()


def file_of(**more: Any) -> dict[str, Any]:
    """Return a file as it is sent."""
    return {
        "birth_name": CANARY,
        "first_names": ["Zoé", "Anne"],
        "birth_date": "1960-02-29",
        "sex": "female",
        "contact": {"phone": PHONE},
        "consent": {"text_version": "2026-1"},
        **more,
    }


def at_eight() -> str:
    """Return a time zone where it is between 8 and 9 now: an hour or less before slots are due, and they are open."""
    ahead = 8 - datetime.fromtimestamp(now() / 1000, UTC).hour
    ahead += 24 if ahead < -12 else 0
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def body_of(**more: Any) -> dict[str, Any]:
    """Return what opens a file."""
    return {
        "pathway": "medical-covid",
        "file": file_of(),
        "circle": [{"subject": "nurse", "role": "nurse"}],
        "channels": ["sms"],
        "departement": "31",
        "zone": at_eight(),
        **more,
    }


async def ask(house: House, method: str, path: str, subject: str, body: Any = None, **headers: str) -> httpx.Response:
    """Knock at a door of the region as someone."""
    told = house.bearer(subject) | headers
    if isinstance(body, bytes):
        return await house.http.request(method, f"{REGION}{path}", content=body, headers=told)
    return await house.http.request(method, f"{REGION}{path}", json=body, headers=told)


async def enrol(house: House, subject: str = "physician", **more: Any) -> str:
    """Return the pseudonym of a patient whom somebody enrolled."""
    answer = await ask(house, "POST", "/patients", subject, body_of(**more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def act(house: House, who: str, patient: str, act_: str, key: str = "", **more: Any) -> httpx.Response:
    """Do something about a patient as someone."""
    headers = {"idempotency-key": key} if key else {}
    return await ask(house, "POST", f"/patients/{patient}/acts", who, {"act": act_, **more}, **headers)


async def page(house: House, subject: str, patient: str) -> httpx.Response:
    """Return a patient's page as someone sees it."""
    return await ask(house, "GET", f"/patients/{patient}", subject)


async def board(house: House, subject: str) -> dict[str, Any]:
    """Return somebody's board."""
    answer = await ask(house, "GET", "/patients", subject)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def hub_of(house: House, patient: str) -> PatientsHub:
    """Return the API's mirror of a patient's shard."""
    return house.rooms.patients[followup_shard("ici", patient)]


def shard_of(house: House, patient: str) -> Shard:
    """Return the shard that a patient is on."""
    return house.patients[followup_shard("ici", patient)]


async def answered(house: House, patient: str, answers: Any) -> None:
    """Let a patient answer the slot that is open."""
    held = hub_of(house, patient).patients[patient]
    assert held.slot is not None
    store = Keys(house.home, named(house.home))
    key = store.look(held.key)
    assert isinstance(key, Key)
    sealed = seal(key, msgspec.msgpack.encode(answers), About(patient, "answers", held.slot.slot))
    event = AnswersGiven(
        id=new_id(),
        received_at=now(),
        region="ici",
        source=Source(id=f"patient:{patient}", door="link"),
        patient=patient,
        slot=held.slot.slot,
        answers=sealed,
    )
    await shard_of(house, patient).tick()
    await fold(house, patient, event)


async def fold(house: House, patient: str, *events: Event) -> None:
    """Append events to a patient's shard, and return once the API has taken them in."""
    await shard_of(house, patient).put(*events)
    await house.settled()


async def erase(house: House, patient: str) -> None:
    """Destroy a patient's key, and tell the log."""
    Keys(house.home, named(house.home)).destroy(hub_of(house, patient).patients[patient].key, now())
    source = Source(id="vigilits", door="eraser")
    await fold(house, patient, PatientErased(id=new_id(), received_at=now(), source=source, patient=patient))


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the kind of problem of an answer."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def wrong_in(answer: httpx.Response) -> set[str]:
    """Return the paths of what is wrong, and fail where it repeats what was sent."""
    assert answer.status_code == 422, answer.text
    assert CANARY not in answer.text
    assert PHONE not in answer.text
    return {each["path"] for each in answer.json()["errors"]}
