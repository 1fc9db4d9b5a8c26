"""A cohort followed at home while beds are reported: both ways to a screen, reminders, memory, and the fold's speed.

First a worker alone: its memory before and after so many patients, and its fold beside quixstreams. Then, on other
engines, a whole vigilits: a cohort goes through its days (as `vigilits simulate cohort` does), and once it is enrolled
reports of one ward are timed to the frame on the map, and answers of patients apart to their row on the physician's
board. When the cohort is over every letter that was due is looked for on the log.
"""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection

from domain.grants import Grant
from launch import cohort, cohort_run, regions
from launch.cohort import Count
from launch.cohort_run import Cohort, Doors, Shown, Told, morning
from launch.mailbox import Letter, Mailbox
from launch.pathways import hastened
from launch.up import Stage, Up
from load_tests import follow_up_fold
from load_tests.alert_storm import PLENTY, SUBJECT, Probe, Screen, opened, told_of
from load_tests.engines import started
from load_tests.finding import Run, arguments, quantile, run, spread
from load_tests.follow_up_fold import Found, resident
from load_tests.poster import Poster
from load_tests.system import crisis_cell, live, token
from people.patient_links import secret_in

REGION, PATHWAY = "occitanie", "medical-covid"
MOST_TIMES_BEDS = 3.0
SEEN_WITHIN_S = 15.0
APART_S = 0.05
ANSWERS_OF_EACH = 2  # the second is a correction


class Board:
    """The physician's screen: one socket a shard, and when each answer was first seen on it."""

    def __init__(self, sockets: Sequence[ClientConnection]) -> None:
        self._sockets = sockets
        self.seen_at: dict[tuple[str, int], float] = {}
        self._came = asyncio.Condition()

    async def follow(self) -> None:
        """Take frames in until cancelled."""
        await asyncio.gather(*(self._follow(socket) for socket in self._sockets))

    async def _follow(self, socket: ClientConnection) -> None:
        async for frame in socket:
            now = time.monotonic()
            assert isinstance(frame, bytes)
            told = msgspec.msgpack.decode(frame)
            inner = told.get("data") or told.get("changes") or {}
            for id_, row in (inner.get("patients") or {}).items():
                for state in (row or {}).get("slots", {}).values():
                    if state["state"] == "answered":
                        self.seen_at.setdefault((id_, state.get("corrections", 0)), now)
            async with self._came:
                self._came.notify_all()

    async def until(self, patient: str, corrections: int) -> float:
        """Return when an answer was first seen; raise TimeoutError."""
        key = patient, corrections
        async with asyncio.timeout(SEEN_WITHIN_S), self._came:
            await self._came.wait_for(lambda: key in self.seen_at)
        return self.seen_at[key]


class Asked(NamedTuple):
    """A patient whose answers are timed: the pseudonym, and the secret of the link to the slot that is open."""

    id: str
    link: str


async def apart(poster: Poster, departements: Sequence[str], count: int) -> list[Asked]:
    """Return patients on the pathway as it is, whose slot is open and not yet due: nobody writes to them."""
    zone, today = morning(regions.now())
    found = []
    for number in range(1_000_001, 1_000_001 + count):
        one = cohort.invented(1, number, today, departements)
        body = {
            "pathway": f"{PATHWAY}/1",
            "file": one.file,
            "channels": ["smtp"],
            "departement": one.departement,
            "zone": zone,
            "starts_on": today.isoformat(),
        }
        answer = await poster.post(f"/api/v1/regions/{REGION}/patients", body)
        told = msgspec.json.decode(answer.body)
        if answer.status != 201 or told["links"]["answer"] is None:
            raise RuntimeError(f"an enrolment was answered {answer.status}: {answer.body[:300]!r}")
        found.append(Asked(told["id"], secret_in(told["links"]["answer"])))
    return found


async def answered(poster: Poster, board: Board, one: Asked, slot: str, corrections: int) -> float:
    """Return the milliseconds from an answer's sending to its row on the board."""
    answers = {**cohort.WELL, "pulse": 70 + corrections}
    body = {"link": one.link, "id": str(uuid.uuid4()), "slot": slot, "answers": answers}
    answer = await poster.post("/api/v1/answers", body)
    if answer.status not in (201, 202):
        raise RuntimeError(f"an answer was answered {answer.status}: {answer.body[:300]!r}")
    return (await board.until(one.id, corrections) - answer.sent_at) * 1000


class Ways(NamedTuple):
    """How long reports and answers took to a screen, in ms."""

    beds: list[float]
    answers: list[float]


async def timed(poster: Poster, probe: Probe, board: Board, patients: Sequence[Asked], slot: str) -> Ways:
    """Return both ways, each sent in turns when it is due, whatever became of the last."""
    beds: list[asyncio.Task[float]] = []
    answers: list[asyncio.Task[float]] = []
    async with asyncio.TaskGroup() as tasks:
        for corrections in range(ANSWERS_OF_EACH):
            for one in patients:
                beds.append(tasks.create_task(at_most(probe.once())))
                await asyncio.sleep(APART_S)
                answers.append(tasks.create_task(at_most(answered(poster, board, one, slot, corrections))))
                await asyncio.sleep(APART_S)
    return Ways([one.result() for one in beds], [one.result() for one in answers])


async def at_most(way: Coroutine[Any, Any, float]) -> float:
    """Return how long it took (ms); what was given up counts as the longest that is waited for."""
    try:
        return await way
    except TimeoutError:
        return SEEN_WITHIN_S * 1000


class Lived(NamedTuple):
    """What the whole vigilits showed."""

    ways: Ways
    counted: Count
    again: int
    letters: int
    shown: Shown
    enrolled_s: float
    held_s: float
    most_a_second: float
    memory: dict[str, dict[str, int]]


def memory(up: Up) -> dict[str, int]:
    """Return how many bytes each of our processes has."""
    return {program.name: resident(program.pid) for program in up._programs() if program.pid is not None}


async def lived(chosen: Any) -> Lived:
    """Return what a whole vigilits shows while a cohort lives through its days."""
    document = regions.read(REGION)
    plain = next(each for each in document.pathways if each.id == PATHWAY)
    fast = hastened(plain, chosen.speed, chosen.days)
    told = Told(chosen.patients, fast, document.region, at_once=8)
    ward = document.region.wards[0].id
    since = regions.now()
    grants = cohort_run.rights(chosen.patients, REGION, since)
    grants |= crisis_cell(SUBJECT, [REGION])
    grants[SUBJECT] = (*grants[SUBJECT], Grant(role="physician", scope=REGION, since=since))
    waiting: list[Cohort] = []

    def take(letter: Letter) -> None:
        for one in waiting:
            one.take(letter)

    async with (
        Mailbox(take).serving() as mailbox,
        live(chosen.engines, [document._replace(pathways=(plain, fast))], grants, chosen.workers, mailbox.settings) as (
            up,
            stage,
        ),
        regions.stores(stage.kafka_url, stage.redis_url) as (log, state),
    ):
        before = memory(up)
        doors = Doors(stage, told.at_once)
        one = Cohort(told, doors)
        waiting.append(one)
        async with doors.client:
            await one.until_known()
            address = urlsplit(stage.url)
            poster = Poster(address.hostname or "", address.port or 0, token(stage, SUBJECT))
            departements = [each.code for each in document.region.departements]
            asked = await apart(poster, departements, max(1, chosen.probes // ANSWERS_OF_EACH))
            begun = time.monotonic()
            await one.enrol()
            enrolled_s = time.monotonic() - begun
            ways = await both_ways(stage, poster, ward, asked)
            poster.close()
            count = await one.over(log)
            shown = await cohort_run.shown(state, REGION, fast)
            await one.leave()
        held = {"before": before, "after": memory(up)}
    tally = one.tally
    return Lived(ways, count, tally.again, tally.letters, shown, enrolled_s, tally.held_s, tally.most_a_second, held)


async def both_ways(stage: Stage, poster: Poster, ward: str, patients: Sequence[Asked]) -> Ways:
    """Return how long reports and answers take, beside whatever else runs."""
    channels = [f"capacity:{REGION}", *(f"patients:me:{REGION}:{shard}" for shard in range(4))]
    on_map, *on_board = [await opened(stage, channel) for channel in channels]
    shown, board = Screen(on_map, ["wards"]), Board(on_board)
    following = [asyncio.create_task(shown.follow()), asyncio.create_task(board.follow())]
    try:
        await told_of(poster, [ward], PLENTY, 0.1)
        page = await poster.post("/api/v1/answer/open", {"link": patients[0].link})
        slot = msgspec.json.decode(page.body)["slot"]
        return await timed(poster, Probe(poster, shown, ward), board, patients, slot)
    finally:
        for task in following:
            task.cancel()
        for socket in (on_map, *on_board):
            await socket.close()


async def main() -> None:
    """Measure, and say what was found."""
    parser = arguments(__doc__ or "", engines=True)
    parser.add_argument("--patients", type=int, default=400, help="of the cohort")
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--speed", type=float, default=4_000, help="how many times faster than life its days pass")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--probes", type=int, default=600, help="reports, and as many answers, that are timed")
    parser.add_argument("--followed", type=int, default=20_000, help="patients whose memory is measured")
    parser.add_argument("--answers", type=int, default=20_000, help="answers that are folded")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=500, help="events after which quixstreams makes a checkpoint")
    chosen = parser.parse_args()
    measured = Run("follow_up", chosen)
    if chosen.short:
        chosen.patients, chosen.days, chosen.speed, chosen.probes = 12, 1, 4_800, 20
        chosen.followed, chosen.answers, chosen.rounds = 400, 1_600, 1
    document = regions.read(REGION)
    plain = next(each for each in document.pathways if each.id == PATHWAY)
    with started(chosen.engines) as engines:
        alone = await follow_up_fold.measured(
            engines,
            document._replace(pathways=(plain,)),
            chosen.followed,
            chosen.answers,
            chosen.rounds,
            chosen.batch,
        )
    whole = await lived(chosen)
    ratio = quantile(whole.ways.answers, 0.99) / quantile(whole.ways.beds, 0.99)
    met = ratio <= MOST_TIMES_BEDS and whole.counted.holds and not whole.again
    measured.found(
        line_of(whole, alone, ratio, chosen.days),
        figures_of(whole, alone, ratio, chosen),
        budget=f"answers ≤ {MOST_TIMES_BEDS:g} × beds (p99 of each); every due letter once",
        met=met,
        beside=("quixstreams",),
    )


def line_of(whole: Lived, alone: Found, ratio: float, days: int) -> str:
    """Return all of it in a line."""
    beds, answers, count = whole.ways.beds, whole.ways.answers, whole.counted
    ours, theirs = alone.sides["vigilits"], alone.sides["quixstreams"]
    due, sent = sum(count.due.values()), sum(count.delivered.values())
    return (
        f"{count.patients} patients through {days} days: a report reaches the map in p50 {quantile(beds, 0.5):.0f}, "
        f"p99 {quantile(beds, 0.99):.0f} ms, an answer the physician's board in p50 {quantile(answers, 0.5):.0f}, "
        f"p99 {quantile(answers, 0.99):.0f} ms: {ratio:.1f} × at p99; {sent} letters of {due} due, "
        f"{count.answered_first} answered before they left, at most "
        f"{whole.most_a_second:.0f} a second, {count.lost} lost ({count.overtaken} overtaken by their "
        f"slot's next), {count.twice + whole.again} twice; "
        f"{alone.bytes_a_patient / 1024:.1f} KiB a followed patient in a worker ({alone.patients} of them); the fold "
        f"with opening and sealing {1e6 / ours.whole:.0f} answers/s, quixstreams opening and scoring alone "
        f"{1e6 / theirs.whole:.0f}: {theirs.whole / ours.whole:.2f} × its speed"
    )


def figures_of(whole: Lived, alone: Found, ratio: float, chosen: Any) -> dict[str, Any]:
    """Return all of it as figures."""
    count = whole.counted
    return {
        "patients": count.patients,
        "days": chosen.days,
        "speed": chosen.speed,
        "times_beds": round(ratio, 2),
        "beds_ms": spread(whole.ways.beds),
        "answers_ms": spread(whole.ways.answers),
        "letters": {
            **{name: value for name, value in count._asdict().items() if name != "late_ms"},
            "delivered_after_ms": spread(count.late_ms or (0,)),
            "in_the_mailbox": whole.letters,
            "twice_in_the_mailbox": whole.again,
        },
        "at_the_end": whole.shown._asdict(),
        "enrolled_s": round(whole.enrolled_s, 2),
        "held_s": round(whole.held_s, 2),
        "most_letters_a_second": whole.most_a_second,
        "memory_bytes": whole.memory,
        "alone": {
            **{name: value for name, value in alone._asdict().items() if name != "sides"},
            "answer_us": {name: cost._asdict() for name, cost in alone.sides.items()},
        },
    }


if __name__ == "__main__":
    run(main())
