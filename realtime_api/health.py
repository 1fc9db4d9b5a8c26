"""`/healthz`, `/readyz` and `/metrics`: readiness is progress, and what is not ready is named."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from realtime_api.measures import Measures
from realtime_api.push.mirror import Mirror
from realtime_api.push.rooms import Rooms
from realtime_api.shapes import NotReady, Readiness
from realtime_api.shards import Shards

STALLED_AFTER_S = 10.0  # without an advance of a shard's clock, which a worker moves every 2 s
MOST_SKEW_S = 2.0

WORDS = {"rebuilding": "it is being rebuilt", "not-ready": "nothing was published"}


class Health:
    """What tells whether this process works, and whether what it shows goes on."""

    def __init__(
        self,
        rooms: Rooms,
        tasks: Sequence[asyncio.Task[None]],
        shards: Shards,
        measures: Measures,
        now: Callable[[], int],
    ) -> None:
        self._rooms, self._shards, self._measures, self._now = rooms, shards, measures, now
        self._tasks = tasks  # what must go on for as long as the process does, beside the relays

    async def alive(self, request: Request) -> Response:
        """Return 200 while this process runs as it should; it is to be restarted otherwise."""
        broken = [*self._rooms.broken, *(task.get_name() for task in self._tasks if task.done())]
        body = msgspec.json.encode({"alive": not broken, "ended": broken})
        return Response(body, 500 if broken else 200, media_type="application/json")

    async def ready(self, request: Request) -> Response:
        """Return 200 when everything goes on, 503 with all that does not."""
        readiness = self.readiness()
        body = msgspec.json.encode(readiness)
        return Response(
            body,
            200 if readiness.ready else 503,
            headers={"cache-control": "no-store"},
            media_type="application/json",
        )

    async def metrics(self, request: Request) -> Response:
        """Return the metrics for Prometheus."""
        return Response(generate_latest(self._measures.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    def readiness(self) -> Readiness:
        """Return what is not ready."""
        found = [NotReady("log", self._shards.trouble)] if self._shards.trouble else []
        for what, hub in self._rooms.mirrors:
            found += [NotReady(f"{what} {hub.code}", why) for why in self._shard(hub)]
        return Readiness(not found, found)

    def _shard(self, hub: Mirror[Any]) -> Iterator[str]:
        if hub.trouble is not None:
            yield hub.trouble
        why = hub.why_not()
        if why is not None:
            yield WORDS[why]
            return
        shard = self._shards.by_name.get(hub.shard)
        if shard is not None and hub.build is not None and shard.epoch != hub.build.epoch:
            yield "the live state is of another log than the one there is"
        age_s = (self._now() - hub.at) / 1000
        if age_s > STALLED_AFTER_S:
            yield f"its clock stands still: {age_s:.0f} s ago"
        elif -age_s > MOST_SKEW_S:
            yield f"this machine's clock is {-age_s:.0f} s behind the worker's"
