"""Invented patients on a pathway that comes with vigilits, their content sealed, and a key store that can be away."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from config import pathways
from domain.alerts.routing import Zone
from domain.events import (
    AnswersGiven,
    Event,
    FileChanged,
    Genesis,
    MessageWritten,
    PatientEnrolled,
    PatientErased,
    RuleMuted,
    SettingsPublished,
    Source,
    Tick,
)
from domain.followup.chart import Contact, File, Mute
from domain.followup.holding import Answers
from domain.followup.pathway import Pathway
from domain.followup.patient import Member
from domain.followup.sealed import About, Sealed
from people.keys import Erased, KeysAway, KeysLost
from people.sealing import Key, seal

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
START = 1_700_006_400_000 - 1_700_006_400_000 % DAY + 7 * HOUR  # 8 h in Paris, an hour before a slot is due
PARIS = Zone(name="Europe/Paris", offsets=((0, 3600),))
SHARD = "followup:ici:2"
PATHWAY = "medical-covid/1"
NURSE = Source(id="anne", door="api")
# No line, entry or message in clear may hold any of these: each patient's name, telephone and text has one.
CANARY = "Zébulon-canari"
PHONE = "+33639981234"

WELL: Answers = {
    "temperature": 36.8,
    "spo2": 97,
    "spo2-effort": 97,
    "pulse": 70,
    "respiratory-rate": 16,
    "systolic": 120,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "unsafe-at-home": False,
    "warning-signs": ("none",),
}
RED: Answers = WELL | {"breathless": "at-rest", "comment": f"{CANARY} tousse"}

_pack = msgspec.msgpack.Encoder().encode


@cache
def pathway() -> Pathway:
    """Return the pathway that the patients are on."""
    directory = Path(pathways.__file__).parent / "regions" / "occitanie"
    return next(each for each in pathways.load(directory) if f"{each.id}/{each.version}" == PATHWAY)


def pseudonym(number: int) -> str:
    """Return a patient's name."""
    return "abcdefghij"[number % 10] * 26


class Store:
    """A key store in memory: a key for each patient, away when it is told to be; `asked` counts the look-ups."""

    def __init__(self) -> None:
        self.away, self.asked = False, 0
        self.lost: set[str] = set()  # ids of keys that it answers not to have
        self._erased: set[str] = set()

    def key(self, patient: str) -> Key:
        """Return a patient's key, whatever became of it."""
        return Key(f"key-of-{patient[:4]}", hashlib.sha256(patient.encode()).digest())

    def destroy(self, patient: str) -> None:
        """Let a patient's key be gone."""
        self._erased.add(self.key(patient).id)

    def look_many(self, key_ids: Iterable[str]) -> dict[str, Key | Erased]:
        """Return each key, or that it is erased."""
        self.asked += 1
        if self.away:
            raise KeysAway("away")
        held = {self.key(pseudonym(number)).id: self.key(pseudonym(number)) for number in range(10)}
        wanted = set(key_ids)
        found = {id_: Erased(id_, START) if id_ in self._erased else held[id_] for id_ in wanted - self.lost}
        if wanted & self.lost:
            raise KeysLost(frozenset(wanted & self.lost), found)
        return found

    def lose(self, patient: str) -> None:
        """Let a patient's key be neither there nor destroyed."""
        self.lost.add(self.key(patient).id)

    def sealed(self, patient: str, kind: str, slot: str, content: object) -> Sealed:
        """Return content sealed with the patient's key."""
        return seal(self.key(patient), _pack(content), About(patient, kind, slot))


class Patients:
    """Makes the events of patients; each has an id of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._made = 0

    def _basics(self, at: int, more: Mapping[str, Any], source: Source = NURSE) -> dict[str, Any]:
        self._made += 1
        return {"id": f"event-{self._made}", "received_at": at, "region": "ici", "source": source} | dict(more)

    def file(self, number: int, **changes: Any) -> File:
        """Return who a patient is."""
        told: dict[str, Any] = {
            "birth_name": f"{CANARY}{number}",
            "first_names": ("Zoé",),
            "birth_date": "1960-02-29",
            "sex": "female",
            "contact": Contact(phone=PHONE, email=f"{CANARY}@example.invalid"),
            "symptoms_day": START // DAY,
        }
        return File(**(told | changes))

    def enrolled(self, number: int, at: int = START, **more: Any) -> PatientEnrolled:
        """Return how a patient begins."""
        patient = pseudonym(number)
        told = {
            "patient": patient,
            "key": self.store.key(patient).id,
            "pathway": PATHWAY,
            "circle": (Member("anne", "nurse"), Member("paul", "physician")),
            "zone": PARIS,
            "first_day": START // DAY,
            "file": self.store.sealed(patient, "file", "", more.pop("content", self.file(number))),
            "channels": ("sms", "smtp"),
            "departement": "31",
        }
        return PatientEnrolled(**self._basics(at, told | more))

    def answered(self, number: int, at: int, answers: Answers, slot: str = "1-0900", **more: Any) -> AnswersGiven:
        """Return what a patient answers."""
        patient = pseudonym(number)
        told = {"patient": patient, "slot": slot, "answers": self.store.sealed(patient, "answers", slot, answers)}
        return AnswersGiven(**self._basics(at, told | more, Source(f"patient:{patient}", "link")))

    def muted(self, number: int, at: int, rule: str) -> RuleMuted:
        """Return how a rule is muted for an hour."""
        patient, until = pseudonym(number), at + HOUR
        basics = self._basics(at, {"patient": patient, "until": until})
        mute = Mute(rule, f"{CANARY} dort", "anne", until)
        return RuleMuted(**basics, mute=self.store.sealed(patient, "mute", basics["id"], mute))

    def filed(self, number: int, at: int, **changes: Any) -> FileChanged:
        """Return how a patient's file changes."""
        patient = pseudonym(number)
        basics = self._basics(at, {"patient": patient})
        reason = self.store.sealed(patient, "note", basics["id"], f"{CANARY} a déménagé")
        file = self.store.sealed(patient, "file", "", self.file(number, **changes))
        return FileChanged(**basics, file=file, reason=reason)

    def wrote(self, number: int, at: int) -> MessageWritten:
        """Return a message to the circle."""
        patient = pseudonym(number)
        basics = self._basics(at, {"patient": patient})
        return MessageWritten(**basics, text=self.store.sealed(patient, "note", basics["id"], f"{CANARY} va mieux"))

    def erased(self, number: int, at: int) -> PatientErased:
        """Return the end of a patient whose key is destroyed."""
        return PatientErased(**self._basics(at, {"patient": pseudonym(number)}, Source("vigilits", "eraser")))


def opening(shard: str = SHARD, epoch: str = "e1") -> list[Event]:
    """Return a shard's first records: its genesis, and the pathway in force."""
    return [Genesis(id="genesis", received_at=START - HOUR, epoch=epoch, shard=shard), published(pathway())]


def published(told: Pathway, at: int = START - HOUR) -> SettingsPublished:
    """Return the event that puts a pathway in force."""
    content = msgspec.json.encode(told)
    digest, name = hashlib.sha256(content).hexdigest(), f"pathway/{told.id}/{told.version}"
    return SettingsPublished(id=f"{name}-{at}", received_at=at, name=name, digest=digest, content=content)


def tick(at: int) -> Tick:
    """Return the time."""
    return Tick(id=f"tick-{at}", received_at=at)
