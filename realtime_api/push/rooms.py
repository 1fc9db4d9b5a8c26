"""The regions that sockets and doors can ask for: found on the log, each shard with its hub, outbox and relay."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog

from event_log.log import LogAway
from event_log.topics import followup_shard, followup_shards
from live_state.state import State
from realtime_api.access import MINE
from realtime_api.intake.bed_reports import WardPlace
from realtime_api.measures import Measures
from realtime_api.push.alerts import AlertsHub
from realtime_api.push.hub import Hub
from realtime_api.push.mirror import Mirror
from realtime_api.push.outbox import Outbox
from realtime_api.push.patients import PatientsHub
from realtime_api.push.relay import Relay
from realtime_api.push.session import Room
from realtime_api.shards import Shards

LEARN_EVERY_S = 10.0
LEARN_AT_FIRST_S = 0.5

log = structlog.get_logger("rooms")


class Rooms(Mapping[str, Room]):
    """Rooms by channel. A shard that was found once stays: its log may only be away."""

    def __init__(self, state: State, shards: Shards, measures: Measures, now: Callable[[], int]) -> None:
        self._state, self._shards, self._measures, self._now = state, shards, measures, now
        self._rooms: dict[str, Room] = {}
        self.hubs: dict[str, Hub] = {}  # by region
        self.alerts: dict[str, AlertsHub] = {}  # by region; one whose notices were never founded has none
        self.patients: dict[str, PatientsHub] = {}  # by shard
        self._grants: dict[str, Outbox] = {}  # by region, of the shard whose grants show all others
        self._relays: list[asyncio.Task[None]] = []
        self._wards: dict[str, WardPlace] = {}
        self._wards_of: tuple[object, ...] = ()
        self._another_log = asyncio.Event()  # a live state of a log that is not the one we learnt

    def __getitem__(self, channel: str) -> Room:
        """Return the room of a channel."""
        return self._rooms[channel]

    def __iter__(self) -> Iterator[str]:
        """Yield the channels."""
        return iter(self._rooms)

    def __len__(self) -> int:
        """Return how many channels there are."""
        return len(self._rooms)

    @property
    def mirrors(self) -> Iterator[tuple[str, Mirror[Any]]]:
        """Yield every mirror of a shard that there is, with what it is called where it is told of."""
        yield from (("region", hub) for hub in self.hubs.values())
        founded = (hub for hub in self.alerts.values() if hub.build is not None or hub.shard in self._shards.by_name)
        yield from (("alerts of", hub) for hub in founded)
        yield from (("patients of", hub) for hub in self.patients.values())

    def patients_of(self, region: str) -> list[PatientsHub]:
        """Return the hubs of a region's patients, in order; none where home follow-up was never founded there."""
        return [self.patients[shard] for shard in followup_shards(region) if shard in self.patients]

    def hub_of(self, region: str, patient: str) -> PatientsHub | None:
        """Return the hub of the shard on which a patient of a region is, whether there is such a patient or not."""
        return self.patients.get(followup_shard(region, patient))

    @property
    def wards(self) -> Mapping[str, WardPlace]:
        """Return where every ward is, over all regions."""
        regions = tuple(hub.region for hub in self.hubs.values())
        if len(regions) != len(self._wards_of) or any(a is not b for a, b in zip(regions, self._wards_of, strict=True)):
            self._wards_of = regions
            self._wards = {
                ward.id: WardPlace(
                    region=code,
                    facility=ward.facility,
                    entity=region.facility_of[ward.facility].finess_ej,
                    nature=region.kind_of[ward.kind].nature,
                )
                for code, region in zip(self.hubs, regions, strict=True)
                if region is not None
                for ward in region.wards
            }
        return self._wards

    async def keep(self) -> None:
        """Find regions, and open a room for each: often until there is one, then now and then."""
        while True:
            try:
                await self._shards.learn()
                self._open_all()
            except LogAway:
                log.warning("the log is away")
            except Exception as error:  # whatever it is, the regions that are still to be found wait for this task
                log.error("failed", task="rooms", exc_info=error)
            wait_s = LEARN_EVERY_S if self._rooms and not self._shards.trouble else LEARN_AT_FIRST_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._another_log.wait()
            self._another_log.clear()

    def _open_all(self) -> None:
        for region in self._shards.regions:
            if region not in self.hubs:
                hub = self.hubs[region] = Hub(region)
                self._grants[region] = self._open(hub, hub.channel)
                # Its notices shard is founded after: who asks for alerts before waits for a picture of them.
                alerts = self.alerts[region] = AlertsHub(hub)
                self._grants[region].followers.append(self._open(alerts, alerts.channel, f"{MINE}:{region}"))
            for index, shard in enumerate(followup_shards(region)):
                if shard in self._shards.by_name and shard not in self.patients:
                    patients = self.patients[shard] = PatientsHub(self.hubs[region], index)
                    self._grants[region].followers.append(self._open(patients, patients.channel))

    def _open(self, hub: Mirror[Any], *channels: str) -> Outbox:
        outbox = Outbox(hub, self._measures)
        self._rooms |= dict.fromkeys(channels, Room(hub, outbox))
        relay = Relay(self._state, hub, outbox, self._measures, self._now, self._another_log.set)
        task = asyncio.create_task(relay.run(), name=f"relay {hub.shard}")
        task.add_done_callback(tell_end)
        self._relays.append(task)
        log.info("shard", shard=hub.shard)
        return outbox

    @property
    def broken(self) -> list[str]:
        """Return the relays that have ended, which none should: a bug."""
        return [task.get_name() for task in self._relays if task.done()]

    async def close(self) -> None:
        """End the relays."""
        for room in self._rooms.values():
            room.outbox.close()
        for task in self._relays:
            task.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)


def tell_end(task: asyncio.Task[None]) -> None:
    """Write down why a task ended, which only a bug can make it; `/healthz` then asks to be restarted."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("ended", task=task.get_name(), exc_info=error)
