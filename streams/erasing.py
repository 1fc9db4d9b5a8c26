"""Destroys the keys of patients whose time has come, and only then says so on the log; forgets old access entries."""

import asyncio
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from domain.events import Event, PatientErased
from domain.followup.pathway import Pathway
from domain.followup.patient import Patient
from event_log.log import LogAway, UnknownTopic
from event_log.topics import region_of
from people.keys import Keys, KeysAway
from people.patient_links import LinksAway
from people.trail import KEPT_MS, Trail, TrailAway
from streams.measures import Measures, tens

LOOKS_EVERY_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
MOST_AT_ONCE = 500  # keys: the store's files are wiped once for all of them
LOOKS_FOR_LOST_EACH_MS = 60_000
LOST_AFTER_MS = 86_400_000  # a patient who is enrolled is on the log within seconds, or never
SEEN_LOST_MS = 600_000  # by our own clock besides: the one that made the key may have been far behind
TOLD_AGAIN_MS = 60_000  # what was told and is not folded by then is told once more
DAY_MS, NIGHT_MS = 86_400_000, 2 * 3_600_000  # a night begins at 2 o'clock UTC
NAMES = uuid.UUID("6f6d7b0e-4a53-5c0b-9a3f-0d1c6f8f2c11")  # of the ids of what we tell

logger = structlog.get_logger("streams.erasing")


class FollowupView(Protocol):
    """One followup shard while this worker has it, as those see it who work beside it."""

    @property
    def shard(self) -> str:
        """Return the shard's name, such as `followup:occitanie:0`."""
        ...

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded: before, nothing is done."""
        ...

    @property
    def clock(self) -> int:
        """Return the shard's clock (ms) as folded."""
        ...

    @property
    def patients(self) -> Mapping[str, Patient]:
        """Return the patients by pseudonym, as folded."""
        ...

    @property
    def pathways(self) -> Mapping[str, Pathway]:
        """Return the pathways by `<id>/<version>`, as published."""
        ...

    @property
    def due(self) -> Mapping[str, int]:
        """Return when something next happens to each patient by time alone (ms), as folded."""
        ...

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log; raise LogAway or UnknownTopic, after a bounded wait."""
        ...


class Eraser:
    """Works beside one followup shard. Whatever it is killed between is done again, and harmless to repeat.

    The key goes first: should the log never be told, the content is as unreadable as it will ever be, and who comes
    after us finds the patient due still. By the shard's own clock: a machine whose clock is ahead erases nobody.
    """

    def __init__(
        self,
        view: FollowupView,
        keys: Keys,
        trail: Trail,
        forget: Callable[[str], None],
        now: Callable[[], int],
        measures: Measures,
    ) -> None:
        self._view, self._keys, self._trail, self._forget = view, keys, trail, forget
        self._now, self._measures = now, measures
        self._told: dict[str, int] = {}
        self._night: int | None = None
        self._looked_at = 0
        self._lost: dict[str, int] = {}  # keys whose patients are not there, and since when we see that

    async def run(self, every_s: float = LOOKS_EVERY_S) -> None:
        """Erase who is due, until cancelled; while the key store or the log is away, wait and lose nothing."""
        failures = 0
        while True:
            try:
                done = await self.erase() if self._view.ready else 0
                await self.give_up_lost()
                await self.forget_entries()
            except (KeysAway, LinksAway, TrailAway, LogAway, UnknownTopic) as why:
                if not failures:
                    logger.warning("waits", shard=self._view.shard, why=str(why))
                await asyncio.sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**failures) * random.uniform(0.5, 1.0))
                failures = min(failures + 1, 16)
            else:
                failures = 0
                await asyncio.sleep(0 if done == MOST_AT_ONCE else every_s)

    async def erase(self) -> int:
        """Return how many patients were erased and told of: those whose time has come, as many as go at once."""
        due, now = self.due(), self._now()
        self._measures.erasures_due.labels(self._view.shard).set(tens(len(due)))
        self._told = {id_: at for id_, at in self._told.items() if id_ in self._view.patients}
        due = [patient for patient in due if now - self._told.get(patient.id, 0) >= TOLD_AGAIN_MS][:MOST_AT_ONCE]
        if not due:
            return 0
        destroyed = await asyncio.to_thread(self._destroy, due, now)
        for patient in due:
            await self._view.append(erased(self._view.shard, patient.id, now))
            self._told[patient.id] = now
        logger.info("erased", shard=self._view.shard, patients=len(due), keys=destroyed)
        self._measures.erased(self._view.shard, destroyed)
        return len(due)

    def due(self) -> list[Patient]:
        """Return whose time has come, by the shard's clock; who was waiting longest comes first.

        Not who has something due that was not run yet: it may raise an alert, which holds the erasure back.
        """
        clock, runs = self._view.clock, self._view.due
        found = [
            (each.erase_at, each)
            for each in self._view.patients.values()
            if each.erase_at is not None and each.erase_at <= clock < runs.get(each.id, clock + 1)
        ]
        return [patient for _, patient in sorted(found, key=lambda pair: pair[0])]

    def _destroy(self, patients: list[Patient], now: int) -> int:
        destroyed = self._keys.destroy_many((patient.key for patient in patients), now)
        for patient in patients:
            self._forget(patient.id)
        return destroyed

    async def give_up_lost(self) -> int:
        """Return how many keys were destroyed whose patients never came: enrolments that were refused or broken off.

        Their sealed content may be on the log all the same, and the hashes by which duplicates are found are kept.
        """
        now = self._now()
        if not self._view.ready or now - self._looked_at < LOOKS_FOR_LOST_EACH_MS:
            return 0
        awaited = await asyncio.to_thread(self._keys.awaited, self._view.shard)
        patients, clock = self._view.patients, self._view.clock
        here = [key_id for key_id, (patient, _) in awaited.items() if patient in patients]
        late = [key_id for key_id, (_, since) in awaited.items() if clock - since >= LOST_AFTER_MS]
        self._lost = {key_id: self._lost.get(key_id, now) for key_id in late if key_id not in here}
        lost = [key_id for key_id, seen_at in self._lost.items() if now - seen_at >= SEEN_LOST_MS]
        if here:
            await asyncio.to_thread(self._keys.arrived, here)
        if lost:
            await asyncio.to_thread(self._keys.destroy_many, lost, now)
            logger.warning("gave up keys whose patients never came", shard=self._view.shard, keys=len(lost))
        self._looked_at = now
        return len(lost)

    async def forget_entries(self) -> None:
        """Forget once a night what the access trail need keep no longer: years after the erasure, not with it.

        One shard of a region does it for all; two regions that share a home do it twice, which changes nothing.
        """
        night = (self._now() - NIGHT_MS) // DAY_MS
        if night == self._night or not self._view.shard.endswith(":0"):
            return
        forgotten = await asyncio.to_thread(self._forget_entries, self._now())
        self._night = night
        if forgotten:
            logger.info("access entries forgotten", entries=forgotten)

    def _forget_entries(self, now: int) -> int:
        before = now - KEPT_MS
        return self._trail.forget(now, before, self._keys.pseudonyms_kept(before))


def erased(shard: str, patient: str, now: int) -> PatientErased:
    """Return what the log is told of an erasure: the same event however often it is told."""
    id_ = str(uuid.uuid5(NAMES, f"{patient}/erased"))
    return PatientErased(id=id_, received_at=now, region=region_of(shard), patient=patient)
