"""Patients who are all due at one moment: how many letters a second leave, and what one costs the worker.

A worker alone on its own engines follows so many patients on a region's four shards; at nine by their clocks all are
due, and a mailbox on loopback takes their letters. Timed from the moment when they are due to the last receipt on the
log, so the fold, the log, the live state and the stores of keys and links are all in it.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from domain.alerts.routing import Zone
from domain.events import NoticeAttempted, NoticeDelivered, NoticeFailed
from domain.followup.schedule import DAY_MS
from event_log.codec import decode, encode
from event_log.kafka import KafkaLog
from event_log.topics import FOLLOWUP
from launch import regions
from launch.mailbox import Letter, Mailbox
from launch.publish import Held, Place
from load_tests import fold
from load_tests.engines import Engines, started
from load_tests.finding import Run, arguments, processor_s, quantile, run
from load_tests.follow_up_fold import enrolled
from people.keys import Keys
from people.masters import named

REGION, PATHWAY = "occitanie", "medical-covid"
NINE_MS = 9 * 3_600_000
READY_S = 8.0  # a worker has its partitions
ENROLS_MS = 40  # at most, by patient: a key each is flushed to the disk
WITHIN_S = 600.0
BUDGET = 100.0  # letters a second


class Sent(NamedTuple):
    """What became of everybody's letter."""

    patients: int
    letters_a_second: float
    first_s: float
    half_s: float
    whole_s: float
    receipt_s: float
    worker_us: float
    kafka_us: float
    redis_us: float
    told: dict[str, int]
    twice: int


def zone_of(due_at: int) -> tuple[Zone, int]:
    """Return a zone where it is nine at an instant, and which day it is there then."""
    ahead = NINE_MS - due_at % DAY_MS
    return Zone("Etc/here", ((0, ahead // 1000),)), (due_at + ahead) // DAY_MS


async def sent(engines: Engines, patients: int) -> Sent:
    """Return what was found, on engines that hold nothing yet."""
    document = regions.read(REGION)
    plain = next(each for each in document.pathways if each.id == PATHWAY)
    document = document._replace(pathways=(plain,))
    home = engines.directory / "home"
    home.mkdir()
    keys = Keys(home, named(home))
    came: list[float] = []
    names: Counter[str] = Counter()
    everybody = asyncio.Event()

    def take(letter: Letter) -> None:
        came.append(time.time())
        names[letter.name] += 1
        if len(names) == patients:
            everybody.set()

    async with (
        Mailbox(take).serving() as mailbox,
        regions.stores(engines.kafka.url, engines.redis.url) as (log, state),
    ):
        await regions.settle(log, state, document.code, Held(document.settings, {}))
        places = await regions.places_of(log, document.code, FOLLOWUP)
        env = {"KAFKA_URL": engines.kafka.url, "REDIS_URL": engines.redis.url, "VIGILITS_HOME": str(home)}
        env |= {"LOG_LEVEL": "warning", "PUBLIC_URL": "https://suivi.invalid", **mailbox.settings}
        with fold.side("letters", [sys.executable, "-m", "streams"], env, engines.directory) as worker:
            due_at = (regions.now() + int(READY_S * 1000) + patients * ENROLS_MS) // 1000 * 1000 + 1000
            zone, day = zone_of(due_at)
            for place, count in shares(places, patients):
                _, events = enrolled(keys, document, place, count, zone, day, ("smtp",))
                await fold.append_all(log, place, [encode(event) for event in events])
            if regions.now() > due_at - 1000:
                raise RuntimeError("enrolling took longer than thought: more are due than at one moment")
            await asyncio.sleep((due_at - regions.now()) / 1000)
            running = {"worker": worker.pid, "kafka": engines.kafka.pid, "redis": engines.redis.pid}
            processes = {name: pid for name, pid in running.items() if pid is not None}
            before = {name: processor_s(pid) for name, pid in processes.items()}
            async with asyncio.timeout(WITHIN_S):
                await everybody.wait()
            used = {name: processor_s(pid) - before[name] for name, pid in processes.items()}
            told, receipt_s = await receipts(log, places, patients, due_at)
    after = sorted(at - due_at / 1000 for at in came)
    return Sent(
        patients=patients,
        letters_a_second=round(len(after) / after[-1], 1),
        first_s=round(after[0], 3),
        half_s=round(quantile(after, 0.5), 3),
        whole_s=round(after[-1], 3),
        receipt_s=round(receipt_s, 3),
        worker_us=round(used["worker"] / len(after) * 1e6),
        kafka_us=round(used["kafka"] / len(after) * 1e6),
        redis_us=round(used["redis"] / len(after) * 1e6),
        told=told,
        twice=sum(count > 1 for count in names.values()),
    )


def shares(places: Sequence[Place], patients: int) -> list[tuple[Place, int]]:
    """Return how many patients live on each shard: as many on each, as far as that goes."""
    each, more = divmod(patients, len(places))
    return [(place, each + (number < more)) for number, place in enumerate(places)]


async def receipts(log: KafkaLog, places: Sequence[Place], patients: int, due_at: int) -> tuple[dict[str, int], float]:
    """Return what the log tells of letters once it has told what became of all, and how long after they were due."""
    give_up_at = time.monotonic() + WITHIN_S
    while time.monotonic() < give_up_at:
        told: Counter[str] = Counter()
        last = due_at
        for place in places:
            async for record in log.read(FOLLOWUP, place.partition):
                event = decode(record.value)
                if isinstance(event, NoticeAttempted | NoticeDelivered | NoticeFailed):
                    told[type(event).__name__] += 1
                    last = max(last, event.received_at)
        if told["NoticeDelivered"] + told["NoticeFailed"] >= patients:
            return dict(told), (last - due_at) / 1000
        await asyncio.sleep(0.5)
    raise TimeoutError(f"of {patients} letters the log tells {dict(told)}")


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "", engines=True)
    parser.add_argument("--patients", type=int, default=1_000, help="who are all due at one moment")
    chosen = parser.parse_args()
    measured = Run("reminders", chosen)
    if chosen.short:
        chosen.patients = 40
    with started(chosen.engines) as engines:
        found = await sent(engines, chosen.patients)
    measured.found(
        f"{found.patients} patients due at one moment: {found.letters_a_second:g} letters a second, the first after "
        f"{found.first_s:g} s, half after {found.half_s:g} s, all after {found.whole_s:g} s (with their receipts on "
        f"the log {found.receipt_s:g} s); {found.twice} twice; of processor time a letter takes the worker "
        f"{found.worker_us} µs, the broker {found.kafka_us}, Redis {found.redis_us}",
        found._asdict(),
        budget=f"≥ {BUDGET:g} letters a second; none twice",
        met=found.letters_a_second >= BUDGET and not found.twice,
    )


if __name__ == "__main__":
    run(main())
