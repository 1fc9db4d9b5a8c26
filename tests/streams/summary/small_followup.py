"""A follow-up that is over, as small as shows every part of a summary; what must be in no log is called canary."""

import hashlib
from pathlib import Path

from config.pathways import load
from domain.alerts.routing import Zone
from domain.followup import schedule, score
from domain.followup.chart import Caregiver, Consent, File, OwnThreshold, Sending, SlotContent
from domain.followup.holding import Line
from domain.followup.ins import Ins, Traits
from domain.followup.patient import Closed, Member, Patient, SlotState
from domain.followup.questionnaire import Value
from streams.summary.content import Told

OCCITANIE = Path(__file__).resolve().parents[3] / "config" / "regions" / "occitanie"
SHIPPED = {pathway.id: pathway for pathway in load(OCCITANIE)}
COVID = SHIPPED["medical-covid"]
DAY_MS = 86_400_000
FIRST_DAY = 18_341  # 20 March 2020; clocks go forward on the 29th
ENROLLED = FIRST_DAY * DAY_MS + 7 * 3_600_000
PARIS = Zone("Europe/Paris", ((0, 3600), (1_585_443_600_000, 7200), (1_603_587_600_000, 3600)))
DUES = schedule.slots(COVID, FIRST_DAY, PARIS)
OVER = DUES[-1].closes_at
NAMES = {"martin": "Dr Élodie Martin", "nicolas": "Nicolas Béziers", "jeanne": "Jeanne Œillet"}
FILE = File(
    birth_name="Lœwenbrück-Canary",
    first_names=("Zoé", "Marie-Françoise"),
    birth_date="1951-02-28",
    sex="female",
    used_name="D’Açaï",
    birth_place="34172",
    ins=Ins(
        "qualifiée",
        Traits("LOEWENBRUCK", ("ZOE", "MARIE-FRANCOISE"), "1951-02-28", "female", "34172"),
        "251023417200123",
        "1.2.250.1.213.1.4.10",
    ),
    caregivers=(Caregiver("Noël Canary", "époux"),),
    consent=Consent("covid-2", ENROLLED, "nicolas"),
    symptoms_day=FIRST_DAY - 3,
    thresholds={"oximetry/samu": OwnThreshold(92, "martin", ENROLLED, "BPCO connue : « sature » à 93 % d’habitude")},
)
WELL: dict[str, Value] = {
    "temperature": 37.2,
    "spo2": 97,
    "spo2-effort": 96,
    "pulse": 74,
    "respiratory-rate": 16,
    "systolic": None,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "unsafe-at-home": False,
    "warning-signs": ("none",),
}
WORSE = WELL | {
    "temperature": 38.7,
    "spo2": 91,
    "pulse": 112,
    "comment": "Très fatiguée ; « ça tourne » <b>beaucoup</b>\nœdème ?",
}


def slot(place: int, answers: dict[str, Value], *, first: dict[str, Value] | None = None) -> SlotContent:
    """Return a slot as it was answered, once, or corrected from what was said first."""
    due = DUES[place]
    facts = score.Facts(age=69, own={"oximetry/samu": 92})
    sent = [Sending(f"s{place}", due.due_at + 600_000, "caregiver", {**answers, **(first or {})})]
    if first:
        sent.append(Sending(f"c{place}", due.due_at + 900_000, "patient", answers))
    result = score.score(COVID, facts, answers, day=due.day)
    return SlotContent(due.slot, due.day, tuple(sent), answers, first or {}, result)


SLOTS = {
    content.slot: content
    for content in (
        slot(0, WELL),
        slot(1, WELL, first={"temperature": 73.2 / 2}),
        slot(2, WORSE),
        *(slot(place, WELL) for place in range(4, len(DUES))),
    )
}
PATIENT = Patient(
    id="q7xk2mzvd4wneo6ya3hj5rtbcf",
    key="k1",
    pathway="medical-covid/1",
    status="ended",
    circle=(Member("martin", "physician"), Member("nicolas", "nurse"), Member("jeanne", "samu", ENROLLED + DAY_MS)),
    zone=PARIS,
    first_day=FIRST_DAY,
    enrolled_at=ENROLLED,
    channels=("sms", "smtp"),
    over_at=OVER,
    erase_at=OVER + 30 * DAY_MS,
    summary="due",
    slots={DUES[3].slot: SlotState("missed", DUES[3].due_at, "orange")},
    closed=(
        Closed(
            id="a1",
            colour="red",
            opened_at=DUES[2].due_at + 600_000,
            closed_at=DUES[2].due_at + 5_400_000,
            closed_by="martin",
            outcome="acted",
            taken_at=DUES[2].due_at + 900_000,
        ),
    ),
)
STORY = (
    (Line(id="e1", at=ENROLLED, what="enrolled", by="nicolas"), ""),
    (Line(id="e2", at=DUES[2].due_at + 600_000, what="answered", by=f"patient:{PATIENT.id}"), ""),
    (Line(id="e3", at=DUES[2].due_at + 900_000, what="taken", by="martin"), ""),
    (Line(id="e4", at=DUES[2].due_at + 5_400_000, what="closed", by="martin", detail="acted"), "SAMU appelé ; O₂"),
    (Line(id=DUES[3].slot, at=DUES[3].no_answer_at, what="missed", detail=DUES[3].slot), ""),
    (Line(id="e5", at=DUES[4].due_at, what="message", by="nicolas"), "Vu à domicile : ça va mieux, à l’aise à 97 %."),
)
TOLD = Told(
    patient=PATIENT,
    pathway=COVID,
    file=FILE,
    slots=SLOTS,
    story=STORY,
    names=NAMES,
    region="Occitanie",
    made_at=OVER + 60_000,
    seed=hashlib.sha256(b"seed").digest(),
)
