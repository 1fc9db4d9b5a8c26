"""Looks whether grants still let people be what they are in circles, and tells the followup shard what changed."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import structlog

from domain.events import Event, MembershipsJudged
from domain.followup.holding import circle_of
from domain.followup.patient import Member, Patient
from domain.grants import Grant
from event_log.ids import new_id
from event_log.log import LogAway, UnknownTopic
from event_log.topics import region_of
from live_state.capacity import read_grants
from live_state.state import Build, State, StateAway
from people.rights import Places, overseers, places_of, stands

LOOKS_EVERY_S = 30.0
BELIEVED_AFTER_MS = 60_000  # ⚠ OWN: for so long grants are seen to have ended; grants that are given anew come at once
MOST_AT_ONCE = 500  # patients told of in one look
MOST_TOLD = 50  # of those who are told where nobody is left
BETWEEN = 500  # patients looked at, before others of this process have their turn

logger = structlog.get_logger("streams.memberships")


class CirclesView(Protocol):
    """One followup shard while this worker has it, as far as its circles go."""

    @property
    def shard(self) -> str:
        """Return the shard's name, such as `followup:occitanie:0`."""
        ...

    @property
    def ready(self) -> bool:
        """Return whether it is folded to the end that its log had when it was loaded: before, nothing is told."""
        ...

    @property
    def patients(self) -> Mapping[str, Patient]:
        """Return the patients by pseudonym, as folded."""
        ...

    async def append(self, event: Event) -> None:
        """Return once the event is on the shard's own log; raise LogAway or UnknownTopic, after a bounded wait."""
        ...


class Known(NamedTuple):
    """Who holds which grants, as one build of the capacity shard's state says."""

    build: Build
    grants: Mapping[str, tuple[Grant, ...]]


async def known(state: State, region: str) -> Known | None:
    """Return who holds which grants in a region, None where that is not known now.

    What is being folded anew has not come to all of them yet; and where nobody holds any, they were not given yet.
    """
    build = await state.current(f"capacity:{region}")
    loaded = None if build is None else await state.load(build, ["meta", "grants"])
    if build is None or loaded is None:
        return None
    meta, packed = loaded[1].get("meta", {}), loaded[1].get("grants", {})
    if int(meta.get("rebuilding", 1)) or not packed:
        return None
    return Known(build, {subject: read_grants(each) for subject, each in packed.items()})


class Memberships:
    """Works beside one followup shard. Whatever it does twice changes nothing."""

    def __init__(self, view: CirclesView, state: State, now: Callable[[], int]) -> None:
        self._view, self._state, self._now = view, state, now
        self._build: Build | None = None
        self._seen: dict[tuple[str, Member], int] = {}  # whose grants have ended, of which patient, and since when

    async def run(self, every_s: float = LOOKS_EVERY_S) -> None:
        """Look until cancelled; while log or live state is away, nobody's membership changes."""
        while True:
            told = 0
            try:
                told = await self.look() if self._view.ready else 0
            except (LogAway, UnknownTopic, StateAway) as why:
                logger.warning("not looked at", shard=self._view.shard, why=str(why))
            await asyncio.sleep(0 if told == MOST_AT_ONCE else every_s)

    async def look(self) -> int:
        """Return of how many patients something was told.

        Circles are taken first: who came into one by a grant that was given meanwhile is not among them yet.
        """
        patients = list(self._view.patients.values())
        region, now = region_of(self._view.shard), self._now()
        held = await known(self._state, region)
        if held is None or held.build != self._build:
            self._build, self._seen = held and held.build, {}
        if held is None:
            return 0
        judging = Judging(held.grants, region, now)
        seen: dict[tuple[str, Member], int] = {}
        events: list[MembershipsJudged] = []
        for place, patient in enumerate(patients):
            if place % BETWEEN == BETWEEN - 1:
                await asyncio.sleep(0)
            ended, valid = judging.of(patient)
            since = {(patient.id, each): self._seen.get((patient.id, each), now) for each in ended}
            seen |= since
            lapsed = tuple(each for each in ended if now - since[patient.id, each] >= BELIEVED_AFTER_MS)
            if (lapsed or valid) and len(events) < MOST_AT_ONCE:
                events.append(judging.event(patient, lapsed, valid))
        self._seen = seen
        for event in events:
            await self._view.append(event)
        if events:
            logger.info("memberships judged", shard=self._view.shard, patients=len(events))
        return len(events)


class Judging:
    """What grants let people be at an instant, each person looked at once."""

    def __init__(self, grants: Mapping[str, tuple[Grant, ...]], region: str, now: int) -> None:
        self._grants, self._region, self._now = grants, region, now
        self._places: dict[str, Places] = {}
        self._told: tuple[str, ...] | None = None

    def of(self, patient: Patient) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
        """Return whose grants have ended who are in a circle still, and whose are in force again who had lapsed."""
        circle = [each for each in patient.circle if not each.broke_glass]  # theirs ends by itself
        allowed = [each for each in circle if stands(each, patient.facility, self._of(each.subject))]
        ended = tuple(each for each in circle if not each.lapsed and each not in allowed)
        return ended, tuple(each for each in allowed if each.lapsed)

    def event(self, patient: Patient, lapsed: tuple[Member, ...], valid: tuple[Member, ...]) -> MembershipsJudged:
        """Return what the log is told of a circle."""
        return MembershipsJudged(
            id=new_id(self._now),
            received_at=self._now,
            region=self._region,
            patient=patient.id,
            lapsed=lapsed,
            valid=valid,
            tell=() if valid or set(circle_of(patient)) - {each.subject for each in lapsed} else self._overseers(),
        )

    def _of(self, subject: str) -> Places:
        places = self._places.get(subject)
        if places is None:
            places = places_of(self._grants.get(subject, ()), self._region, self._now)
            self._places[subject] = places
        return places

    def _overseers(self) -> tuple[str, ...]:
        if self._told is None:
            self._told = overseers(self._grants, self._region, self._now)[:MOST_TOLD]
        return self._told
