"""A small invented pathway with a patient on it, and a timeline on which patients, circles and senders do things."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from domain.alerts.notice import Notice
from domain.alerts.routing import Window, Zone
from domain.capacity.fold import Item, Said
from domain.events import (
    AnswersGiven,
    Event,
    FileChanged,
    Genesis,
    PatientEnrolled,
    RuleMuted,
    SettingsPublished,
    Source,
    Tick,
)
from domain.followup.chart import Chart, Contact, File, Mute, SlotContent
from domain.followup.crossing import Case, Count, Crossing, Stepped, Word
from domain.followup.fold import Draft, FollowupState, fold
from domain.followup.holding import GONE, Line, Opened
from domain.followup.pathway import (
    End,
    Flag,
    Limits,
    NoAnswer,
    Outside,
    Pathway,
    Reminders,
    Scoring,
    Slots,
)
from domain.followup.patient import Member, Patient
from domain.followup.questionnaire import Item as Question
from domain.followup.questionnaire import Questionnaire, Value
from domain.followup.sealed import NONCE_BYTES, Sealed
from domain.places import Words

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FIRST_DAY = 20_605  # 1 June 2026, a Monday
MIDNIGHT = FIRST_DAY * DAY_MS - 2 * HOUR_MS  # there, in summer
START = MIDNIGHT + 8 * HOUR_MS  # an hour before the first slot is due
SHARD = "followup:ici:0"
CHANGES = (0, 3600), (1_774_746_000_000, 7200), (1_792_890_000_000, 3600), (1_806_195_600_000, 7200)
PARIS = Zone(name="Europe/Paris", offsets=CHANGES)
PATIENT = "p1"
DOCTOR, NURSE, AGENT, HOME = "doctor", "nurse", "agent", "home"
CIRCLE = (Member(DOCTOR, "physician"), Member(NURSE, "nurse"))


def words(text: str) -> Words:
    """Return a text in both languages."""
    return Words(fr=text, en=text)


def pathway(**more: Any) -> Pathway:
    """Return a pathway that asks for temperature and breath at nine, on three days; it is staffed from 8 to 20."""
    asked: dict[str, Any] = {"required": True, "unit": "Cel", "lowest": 30.0, "highest": 45.0}
    items = (
        Question("temperature", "decimal", words("Température"), **asked),
        Question("breathless", "boolean", words("Essoufflé"), required=True),
        Question("pain", "boolean", words("Douleur"), required=True),
    )
    flag: dict[str, Any] = {"words": words("…"), "source": "invented"}
    flags = (
        Flag("breath", "breathless", "is", True, "red", **flag),
        Flag("pain", "pain", "is", True, "orange", **flag),
        Flag("fever", "temperature", "at_least", 38.5, "yellow", floor=39.0, **flag),
        Flag("high-fever", "temperature", "at_least", 40.0, "orange", **flag),
    )
    told: dict[str, Any] = {
        "id": "small",
        "version": "1",
        "title": words("Petit"),
        "questionnaire": Questionnaire("https://example.invalid/small", "1", words("Petit"), items),
        "slots": Slots((1, 2, 3), (9 * 60,)),
        "reminders": Reminders(3600.0, 7200.0, 10_800.0),
        "limits": Limits(3600.0, 43_200.0, 2),
        "scoring": Scoring(flags=flags),
        "no_answer": NoAnswer("orange", (6, 12), "red"),
        "told": {"yellow": ("nurse",), "orange": ("nurse",), "red": ("circle", "on_call")},
        "answer_within_s": {"orange": 3600.0, "red": 540.0},
        "staffed": (Window(8 * 60, 20 * 60),),
        "outside": {"orange": Outside(on_call="nights"), "red": Outside(on_call="nights")},
        "end": End("summary", 30, 7),
    }
    return Pathway(**(told | more))


def file(**more: Any) -> File:
    """Return who a patient is."""
    told: dict[str, Any] = {
        "birth_name": "DUPONT",
        "first_names": ("Jeanne",),
        "birth_date": "1956-03-01",
        "sex": "female",
        "contact": Contact(phone="+33600000000", email="jeanne@example.invalid"),
        "symptoms_day": FIRST_DAY,
    }
    return File(**(told | more))


def sealed(text: str = "…", key: str = "k1") -> Sealed:
    """Return what stands for sealed content: no key ever opens it."""
    return Sealed(key, bytes(NONCE_BYTES), text.encode())


def answers(**told: Value) -> dict[str, Value]:
    """Return the answers of somebody who is well, but for what is said; None leaves one out."""
    well: dict[str, Value] = {"temperature": 37.0, "breathless": False, "pain": False}
    return {link: value for link, value in (well | told).items() if value is not None}


WELL = answers()
RED = answers(breathless=True)
ORANGE = answers(pain=True)
YELLOW = answers(temperature=38.7)


def published(told: Pathway, *, at: int = START, id_: str = "") -> SettingsPublished:
    """Return a pathway as it is published on a shard."""
    content = msgspec.json.encode(told)
    name = f"pathway/{told.id}/{told.version}"
    digest = hashlib.sha256(content).hexdigest()
    return SettingsPublished(
        id=id_ or f"{name}-{digest[:8]}", received_at=at, name=name, digest=digest, content=content
    )


def enrolled(patient: str = PATIENT, *, at: int = START, id_: str = "", **more: Any) -> PatientEnrolled:
    """Return the enrolment of a patient on the small pathway, by their doctor."""
    told: dict[str, Any] = {
        "id": id_ or f"enrol-{patient}",
        "received_at": at,
        "source": Source(id=DOCTOR, door="api"),
        "patient": patient,
        "key": f"key-{patient}",
        "pathway": "small/1",
        "circle": CIRCLE,
        "zone": PARIS,
        "first_day": FIRST_DAY,
        "file": sealed(),
        "channels": ("sms", "smtp"),
        "departement": "31",
    }
    return PatientEnrolled(**(told | more))


class FollowUp:
    """A followup shard that is told one thing after another: `at("1 9:00")` is nine o'clock on the first day."""

    def __init__(self, *pathways: Pathway, enrol: bool = True, since: int = START, **more: Any) -> None:
        self.state = FollowupState()
        self.items: list[Item] = []
        self.opened: dict[str, Opened] = {}
        self.now = since
        self.steps: list[tuple[int, int, Crossing]] = []
        self.story: list[tuple[str, Line]] = []
        self.slots: dict[tuple[str, str], SlotContent] = {}
        self.notices: dict[str, Notice] = {}  # all that ever were in the outbox
        self.reload = False  # after each record: the memory is lost, and charts are closed
        self.kept: dict[str, Chart] = {}  # charts as a live state would keep them, sealed
        self.fold(Genesis(id="genesis", received_at=since, epoch="e1", shard=SHARD))
        for each in pathways or (pathway(),):
            assert self.fold(published(each, at=since)).outcome == "applied"
        if enrol:
            said = self.enrol(pathway=f"{pathways[0].id}/{pathways[0].version}" if pathways else "small/1", **more)
            assert said.outcome == "applied", said

    # -- the log

    def fold(self, event: Event, content: Opened | None = None, appended_at: int | None = None) -> Said:
        """Return what became of the next record; charts are opened as a worker would."""
        if content is not None:
            self.opened[event.id] = content
        item = Item(len(self.items), event, appended_at)
        self.items.append(item)
        draft = self.try_to_fold([item])
        assert not draft.dead, draft.dead
        self.take(draft)
        return draft.outcomes.get(event.id, Said("applied"))

    def try_to_fold(self, items: Sequence[Item]) -> Draft:
        """Return a draft of records; where it lacks charts and has folded none, these are opened first."""
        draft = fold(self.state, items, self.opened)
        while draft.lacks and draft.offset < items[0].offset:
            for patient in draft.lacks:
                assert patient not in self.state.charts
                self.state.charts[patient] = self.kept[patient]
            draft = fold(self.state, items, self.opened)
        return draft

    def take(self, draft: Draft) -> None:
        """Take a draft in, as a writer would."""
        self.steps += draft.steps
        self.story += draft.story
        self.slots |= draft.slots
        for id_, notice in draft.outbox.changed.items():
            if notice is not None:
                self.notices[id_] = notice
        for id_, chart in draft.charts.changed.items():
            if chart is None:
                self.kept.pop(id_, None)
            else:
                self.kept[id_] = chart
        for id_ in draft.gone:
            self.kept.pop(id_, None)
            self.slots = {key: slot for key, slot in self.slots.items() if key[0] != id_}
        self.state.absorb(draft)
        if self.reload:
            self.state = reloaded(self.state)

    def event(self, kind: type[Event], *, by: str | None = DOCTOR, id_: str = "", **more: Any) -> Said:
        """Return what became of an event of somebody, of the patient unless it says otherwise."""
        content = more.pop("content", None)
        source = Source(id=by, door="api") if by else None
        basics: dict[str, Any] = {"id": id_ or f"event-{len(self.items)}", "received_at": self.now, "source": source}
        if "patient" in kind.__struct_fields__:
            basics["patient"] = PATIENT
        return self.fold(kind(**(basics | more)), content)

    # -- time

    def at(self, told: str) -> "FollowUp":
        """Return the same, when it is so late: "2 13:05:30" is on the second day there, in summer."""
        self.now = instant(told)
        self.fold(Tick(id=f"tick-{len(self.items)}", received_at=self.now))
        return self

    # -- patients and people

    def enrol(self, patient: str = PATIENT, *, content: Opened | None = None, **more: Any) -> Said:
        """Return what became of an enrolment."""
        return self.fold(enrolled(patient, at=self.now, **more), content or file())

    def answer(self, told: Mapping[str, Value] = WELL, *, slot: str = "", **more: Any) -> Said:
        """Return what became of the patient's answers to the present slot."""
        patient = more.pop("patient", PATIENT)
        held = self.state.patients.get(patient)
        slot = slot or (held.slot.slot if held is not None and held.slot is not None else "none")
        basics: dict[str, Any] = {"by": more.pop("source", f"patient:{patient}"), "patient": patient}
        by = more.pop("answered_by", "patient")
        id_ = more.pop("id_", f"answers-{len(self.items)}")
        source = Source(id=basics["by"], door="api")
        told_at = more.pop("received_at", self.now)
        event = AnswersGiven(
            id=id_, received_at=told_at, source=source, patient=patient, slot=slot, answers=sealed(), by=by, **more
        )
        return self.fold(event, dict(told))

    def mute(self, rule: str, hours: float = 4, *, by: str = DOCTOR, reason: str = "connu") -> Said:
        """Return what became of a mute."""
        until = self.now + round(hours * HOUR_MS)
        return self.event(RuleMuted, by=by, mute=sealed(), until=until, content=Mute(rule=rule, reason=reason))

    def change_file(self, **more: Any) -> Said:
        """Return what became of another file."""
        return self.event(FileChanged, file=sealed(), reason=sealed(), channels=("sms",), content=file(**more))

    # -- what is seen

    @property
    def patient(self) -> Patient:
        """Return the patient as anybody may see them."""
        return self.state.patients[PATIENT]

    @property
    def chart(self) -> Chart:
        """Return the patient's chart."""
        return self.kept[PATIENT]

    def told(self) -> list[str]:
        """Return the steps of alerts that crossed, each once."""
        return [each.step.what for _, _, each in self.steps if isinstance(each, Stepped)]

    def crossed(self) -> list[Crossing]:
        """Return all that crossed, in order."""
        return [each for _, _, each in self.steps]

    def words(self) -> list[Word]:
        """Return the words that crossed."""
        return [each for each in self.crossed() if isinstance(each, Word)]

    def cases(self) -> list[Case]:
        """Return the cases that crossed."""
        return [each for each in self.crossed() if isinstance(each, Case)]

    def counts(self) -> list[Count]:
        """Return the counts that crossed."""
        return [each for each in self.crossed() if isinstance(each, Count)]

    def lines(self, patient: str = PATIENT) -> list[str]:
        """Return the kinds of lines of a patient's story, in order."""
        return [line.what for id_, line in self.story if id_ == patient]


def instant(told: str) -> int:
    """Return an instant: "2 13:05:30" is on the second day of the pathway there, in summer."""
    day, _, clock = told.partition(" ")
    hours, minutes, seconds = (*(float(part) for part in clock.split(":")), 0.0)[:3]
    return MIDNIGHT + round(((int(day) - 1) * 24 + hours) * HOUR_MS + (minutes * 60 + seconds) * 1000)


def reloaded(state: FollowupState) -> FollowupState:
    """Return a state as a worker has it that loads what was stored: no chart is open, and the rest is worked out."""
    kept = ("offset", "clock", "shard", "counted_at", "settings", "patients", "sealed", "outbox", "channels")
    fresh = FollowupState(**{name: getattr(state, name) for name in kept})
    for hour, ids in state.said_in.items():
        fresh.remember(hour, {id_: state.said[id_] for id_ in ids})
    fresh.charts = {id_: chart for id_, chart in state.charts.items() if chart == GONE}
    fresh.settle()
    return fresh


def everything(state: FollowupState) -> dict[str, Any]:
    """Return all of a state that is stored."""
    names = ("offset", "clock", "shard", "settings", "patients", "outbox", "channels", "counted_at", "said")
    return {name: copy.deepcopy(getattr(state, name)) for name in names}
