"""Bed reports to load a log with: of real wards, the same for the same seed."""

import random
import uuid
from collections.abc import Iterator

from domain.events import AVAILABLE, COVID_POSITIVE, OCCUPIED, BedsReported, Source, Split
from domain.places import Region

SOURCE = Source("load-test", "api", "03")


def reports(region: Region, count: int, since: int, *, apart_ms: float = 1.0, seed: int = 1) -> Iterator[BedsReported]:
    """Yield reports of wards chosen by chance, so many milliseconds apart: free beds, or patients in two parts."""
    chance = random.Random(seed)
    for place in range(count):
        at = since + round(place * apart_ms)
        ward = chance.choice(region.wards)
        status = chance.choice((AVAILABLE, OCCUPIED))
        covid = chance.randrange(4)
        yield BedsReported(
            id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            received_at=at,
            happened_at=at,
            ward=ward.id,
            status=status,
            nature=region.kind_of[ward.kind].nature,
            source=SOURCE,
            splits=(Split(chance.randrange(20)), Split(covid, assignment=COVID_POSITIVE))
            if status == OCCUPIED
            else (Split(chance.randrange(8)),),
        )
