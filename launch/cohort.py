"""Invented patients and how they fare, the same for the same seed; and what a log tells of how they were asked."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from domain.capacity.fold import Item
from domain.events import AnswersGiven, Event, NoticeAttempted, NoticeDelivered, NoticeFailed, PatientEnrolled
from domain.followup.fold import clock_of
from domain.followup.pathway import Pathway
from domain.followup.schedule import Due, Step, between, slots

DOMAIN = "cohort.invalid"  # reserved: no mailbox in it ever is anybody's
HOUR_S = 3600.0
ASKING: tuple[Step, ...] = ("due", "remind", "remind_again")
LATE_MS = 1_000  # a letter that leaves so long after it was due is late
LOST_MS = 5_000  # one that an answer found unsent so long after it was due had been forgotten, not overtaken…
LATE = 0.25  # …or after this share of the time until the next one, if that is more: a machine may be that far behind

WORSENS, GIVES_UP = 0.12, 0.04  # shares of all; the rest stay well
MISSES = 0.08  # of slots, of whoever answers at all
FIRST_RISK, LAST_RISK = 6, 12  # days of the symptoms on which it begins to worsen, where it does
FIRST_NAMES = ("Alix", "Camille", "Claude", "Dominique", "Eden", "Jocelyn", "Lou", "Maxime", "Noa", "Sacha", "Yaël")
SOUNDS = "ba bre cha do fau gui la lo mar nou pel ra ro san ta ve".split()
ENDS = "bert court dès guet lard nac rac ron ville zou".split()
# When somebody answers, in hours after the slot was due, and how often: before a reminder, after one, after two, late.
DELAYS = ((0.05, 1.8, 70), (2.1, 3.8, 18), (4.1, 5.8, 9), (6.5, 10.5, 3))

# What somebody answers who is well.
WELL: Mapping[str, Any] = {
    "temperature": 36.8,
    "spo2": 98,
    "spo2-effort": 97,
    "pulse": 74,
    "respiratory-rate": 15,
    "systolic": 126,
    "oxygen": False,
    "breathless": "no",
    "cannot-speak": False,
    "confusion": False,
    "worsening": False,
    "unsafe-at-home": False,
    "warning-signs": ("none",),
}


class Answering(NamedTuple):
    """What somebody answers to one slot, so many hours after it was due."""

    after_h: float
    answers: Mapping[str, Any]


class Invented(NamedTuple):
    """One invented patient: their number, and what is told of them at the door of enrolment."""

    number: int
    file: Mapping[str, Any]
    departement: str


def email_of(number: int) -> str:
    """Return the address of an invented patient."""
    return f"patient-{number:06}@{DOMAIN}"


def number_of(address: str) -> int | None:
    """Return whose address it is, None where it is nobody's of the cohort."""
    name, _, host = address.partition("@")
    digits = name.removeprefix("patient-")
    return int(digits) if host == DOMAIN and digits.isdecimal() else None


def invented(seed: int, number: int, today: date, departements: Iterable[str]) -> Invented:
    """Return a patient of the cohort."""
    chance = _chance(seed, number, "who")
    name = "".join(chance.choices(SOUNDS, k=2)) + chance.choice(ENDS)
    born = date(1935, 1, 1) + timedelta(days=chance.randrange(70 * 365))
    file = {
        "birth_name": name.capitalize(),
        "first_names": [chance.choice(FIRST_NAMES)],
        "birth_date": born.isoformat(),
        "sex": chance.choice(("female", "male")),
        # Both are of ranges that are nobody's.
        "contact": {"email": email_of(number), "phone": f"+3363998{chance.randrange(10_000):04}"},
        "consent": {"text_version": "cohort"},
        "symptoms_date": (today - timedelta(days=chance.randrange(1, 4))).isoformat(),
        "language": chance.choice(("fr", "fr", "fr", "en")),
    }
    return Invented(number, file, chance.choice(sorted(departements)))


# --- courses ---------------------------------------------------------------------------------------------------------


def course(seed: int, number: int, days: Iterable[int]) -> dict[int, Answering]:
    """Return what somebody answers on which days of the *medical COVID* pathway; a day without is not answered.

    Most stay well; some worsen for some days around days 6 to 12 and get better again; a few answer no more.
    """
    chance = _chance(seed, number, "course")
    kind = chance.random()
    onset = chance.randrange(FIRST_RISK, LAST_RISK + 1) if kind < WORSENS else None
    silent_from = chance.randrange(2, 12) if WORSENS <= kind < WORSENS + GIVES_UP else None
    depth = chance.uniform(0.4, 1.0)
    own = {"temperature": chance.gauss(36.8, 0.2), "pulse": chance.gauss(74, 6), "systolic": chance.gauss(126, 8)}
    found = {}
    for day in days:
        rolls = chance.random(), chance.random(), chance.uniform(-1, 1)
        if (silent_from is not None and day >= silent_from) or rolls[0] < MISSES:
            continue
        ill = 0.0 if onset is None else depth * max(0.0, 1.0 - abs(day - onset - 1) / 3)
        found[day] = Answering(_delay_h(rolls[1], chance), _answers(own, ill, rolls[2]))
    return found


def _delay_h(roll: float, chance: random.Random) -> float:
    least, most, _ = DELAYS[-1]
    left = roll * 100
    for begin, end, share in DELAYS:
        if left < share:
            least, most = begin, end
            break
        left -= share
    return chance.uniform(least, most)


def _answers(own: Mapping[str, float], ill: float, noise: float) -> dict[str, Any]:
    """Return one set of answers of somebody who is so ill (0 well, 1 gravely)."""
    spo2 = round(98 + 0.8 * noise - 9 * ill)
    found = {
        **WELL,
        "temperature": round(own["temperature"] + 0.2 * noise + 2.2 * ill, 1),
        "spo2": spo2,
        "spo2-effort": spo2 - 1,
        "pulse": round(own["pulse"] + 4 * noise + 38 * ill),
        "respiratory-rate": round(15 + noise + 12 * ill),
        "systolic": round(own["systolic"] + 5 * noise - 12 * ill),
        "breathless": "no" if ill < 0.35 else "on-effort" if ill < 0.8 else "at-rest",
        "worsening": ill > 0.5,
    }
    if spo2 < 96:  # then it is not asked
        del found["spo2-effort"]
    return found


def _chance(seed: int, number: int, of: str) -> random.Random:
    return random.Random(f"{seed}/{number}/{of}")


# --- what the log tells ----------------------------------------------------------------------------------------------


def late_ms(pathway: Pathway) -> float:
    """Return from when on a letter is so late that the next one is near."""
    return pathway.reminders.first_s / pathway.divided_by * 1000 * LATE


class Count(NamedTuple):
    """What became of a cohort by its log: what was due by the schedule, beside what was sent.

    A slot's answer takes what is not sent yet of it out of the outbox (`answered_first`). `lost` was due, and neither
    sent nor given up, nor was its slot answered soon after: what does not leave before the slot is taken as not
    answered never does. `overtaken` are those of the lost whose slot's next letter was sent in their place. `uncalled`
    was sent and not due; `twice` was told to be delivered more than once.
    """

    patients: int
    slots: int
    answered: int
    missed: int
    due: Mapping[str, int]
    delivered: Mapping[str, int]
    attempted: int
    answered_first: int
    failed: Mapping[str, int]
    lost: int
    overtaken: int
    uncalled: int
    twice: int
    late: int
    late_ms: tuple[int, ...]

    @property
    def holds(self) -> bool:
        """Return whether every due letter left once, and none twice."""
        return not (self.lost or self.uncalled or self.twice or self.failed)


class _Followed(NamedTuple):
    dues: tuple[Due, ...]
    enrolled_at: int
    answered_at: dict[str, int]


class Ledger:
    """The log of a region's followup shards, taken in record by record as its folds do; asks for no content."""

    def __init__(self, pathway: Pathway) -> None:
        self._pathway, self._key = pathway, f"{pathway.id}/{pathway.version}"
        self._lost_ms = max(LOST_MS, late_ms(pathway))
        self._clock: dict[str, int] = {}
        self._followed: dict[str, _Followed] = {}
        self._attempted: set[str] = set()
        self._delivered: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._seen: set[str] = set()
        self._twice = 0

    def take(self, shard: str, item: Item) -> None:
        """Take in the next record of a shard."""
        clock = self._clock[shard] = max(self._clock.get(shard, 0), clock_of(item))
        if isinstance(item.event, Event):
            self._take(item.event, clock)

    def _take(self, event: Event, clock: int) -> None:
        match event:
            case PatientEnrolled(patient=patient) if event.pathway == self._key and patient not in self._followed:
                dues = slots(self._pathway, event.first_day, event.zone, clock)
                self._followed[patient] = _Followed(dues, clock, {})
            case AnswersGiven(patient=patient, slot=slot) if patient in self._followed:
                held = self._followed[patient]
                if any(due.slot == slot and due.opens_at <= clock < due.closes_at for due in held.dues):
                    held.answered_at.setdefault(slot, clock)
            case NoticeAttempted(notice=notice):
                self._attempted.add(notice)
            case NoticeDelivered(notice=notice):
                # The same receipt said again, because the log did not answer, is one; another would be another letter.
                self._twice += notice in self._delivered and event.id not in self._seen
                self._delivered.setdefault(notice, clock)
                self._seen.add(event.id)
            case NoticeFailed(notice=notice):
                self._failed.setdefault(notice, event.reason)

    @property
    def over_at(self) -> int:
        """Return when the last slot of all closes, 0 where nobody is followed."""
        return max((held.dues[-1].closes_at for held in self._followed.values()), default=0)

    def count(self, until: int) -> Count:
        """Return what became of the cohort by an instant (ms)."""
        due: Counter[str] = Counter()
        delivered: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        late_ms: list[int] = []
        lost = overtaken = answered_first = missed = came = 0
        for patient, held in self._followed.items():
            for timed in between(held.dues, held.answered_at, held.enrolled_at, until):
                if timed.step == "no_answer":
                    missed += 1
                    continue
                due[timed.step] += 1
                notice = f"{patient}/{timed.slot}/{timed.step}/smtp"
                sent_at = self._delivered.get(notice)
                if sent_at is not None:
                    came += 1
                    delivered[timed.step] += 1
                    late_ms.append(sent_at - timed.at)
                elif notice in self._failed:
                    failed[self._failed[notice]] += 1
                elif timed.slot in held.answered_at and held.answered_at[timed.slot] - timed.at <= self._lost_ms:
                    answered_first += 1
                else:
                    lost += 1
                    after = ASKING[ASKING.index(timed.step) + 1 :]
                    overtaken += any(f"{patient}/{timed.slot}/{step}/smtp" in self._delivered for step in after)
        ours = sum(map(self._is_of_a_slot, self._delivered))
        return Count(
            patients=len(self._followed),
            slots=sum(each.due_at <= until for held in self._followed.values() for each in held.dues),
            answered=sum(len(held.answered_at) for held in self._followed.values()),
            missed=missed,
            due={step: due[step] for step in ASKING},
            delivered={step: delivered[step] for step in ASKING},
            attempted=sum(map(self._is_of_a_slot, self._attempted)),
            answered_first=answered_first,
            failed=dict(failed),
            lost=lost,
            overtaken=overtaken,
            uncalled=ours - came,
            twice=self._twice,
            late=sum(each > LATE_MS for each in late_ms),
            late_ms=tuple(sorted(late_ms)),
        )

    def _is_of_a_slot(self, notice: str) -> bool:
        """Return whether a message asked one of the cohort something; there is one more at the end."""
        patient, _, rest = notice.partition("/")
        return patient in self._followed and any(f"/{step}/" in rest for step in ASKING)
