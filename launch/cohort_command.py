"""`vigilits simulate`: invented patients followed at home by a vigilits of their own, days passing in seconds."""

import asyncio
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from config import settings as environment
from config.settings import Settings
from domain.followup.pathway import COLOURS, DAY_S, MOST_DIVIDED_BY, Pathway
from launch import cohort_run, regions
from launch.cohort import ASKING, Count
from launch.cohort_run import Cohort, Doors, Shown, Told
from launch.mailbox import Letter, Mailbox
from launch.pathways import hastened
from launch.supervise import Say
from launch.up import Plan, Stage, up

PATHWAY = "medical-covid"
SAYS_EVERY_S = 10.0
HELD_S = 1.0  # less is not worth a word
HIDDEN = frozenset(  # a simulation writes to nobody, and its keys are nobody's
    "OIDC_ISSUER OIDC_CLIENT_ID OIDC_CLIENT_SECRET OIDC_AUDIENCE SMTP_URL SMTP_FROM SMTP_STARTTLS SMTP_PER_SECOND "
    "MSSANTE_URL MSSANTE_FROM MSSANTE_DOMAINS SMS_GATEWAY MASTER_KEYS KMS_COMMAND PUBLIC_URL".split()
)
EPILOG = "Exit status: 0 every due reminder left once, 1 not so, or failed, 2 asked for wrongly, 3 an engine is away."

simulate_app = typer.Typer(no_args_is_help=True, help="Simulate what can't be waited for.")


class NotOurs(Exception):
    """A log that others are followed on: no invented patient is put there."""


class NotSo(Exception):
    """What the simulation was to show is not so."""


class Wanted(NamedTuple):
    """What to simulate."""

    patients: int
    days: int
    speed: float
    region: str
    seed: int
    workers: int
    at_once: int


@simulate_app.callback()
def simulate() -> None:
    """Simulate what can't be waited for."""


@simulate_app.command(epilog=EPILOG)
def cohort(
    patients: Annotated[int, typer.Option("--patients", min=1, max=100_000, help="How many.")] = 20_000,
    days: Annotated[int, typer.Option("--days", min=1, max=15, help="How many days of the pathway.")] = 15,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", min=1, max=MOST_DIVIDED_BY, help="How many times faster than life days pass for patients."
        ),
    ] = 120,
    region: Annotated[str, typer.Option("--region", help="In which region.")] = "occitanie",
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same patients.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, help="How many workers fold.")] = 1,
    at_once: Annotated[int, typer.Option("--at-once", min=1, max=256, help="Requests under way at once.")] = 16,
) -> None:
    """Follow invented patients at home through the public doors, and count what became of every due reminder.

    It runs a vigilits of its own, with a mailbox of its own, and both are gone after; with KAFKA_URL and REDIS_URL
    set, on those engines, which must know nothing of the region. Patients are enrolled, get mail, open its links and
    answer: most stay well, some worsen around days 6 to 12, some answer late, or not at all.

    What is hastened: from a patient's enrolment on, their slots, reminders, no-answers and limits come so many times
    sooner, in a version of the pathway of its own (medical-covid/<version>-x<speed>); and each lives in a time zone
    where it is morning when they are enrolled, so that their first slot is near. Nothing else is: who is told of
    an alert has as long to answer as ever, files are kept as many days, and machines are as fast as they are. So
    patients are enrolled only while letters keep up: at a higher speed that takes longer, and fewer are followed at
    once. A letter that has not left when its slot's next one is due never does, and counts as lost. 20,000 patients
    through 15 days get some 360,000 letters; at speed 120 that is 33 a second, for three hours.
    """
    settings = environment.read(os.environ)
    wanted = Wanted(patients, days, speed, region, seed, workers, at_once)
    asyncio.run(run(settings, wanted, lambda line: print(line, flush=True)))


async def run(settings: Settings, wanted: Wanted, say: Say) -> None:
    """Return once the simulation is over, or was asked to stop, and nothing of it runs any more."""
    document = regions.read(wanted.region)
    plain = next((each for each in document.pathways if each.id == PATHWAY), None)
    if plain is None:
        raise regions.UnknownRegion(f"{wanted.region!r} has no pathway {PATHWAY!r}")
    pathway = hastened(plain, wanted.speed, wanted.days)
    if settings.kafka_url:
        await must_be_empty(settings, wanted.region)
    found: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="vigilits-cohort-") as directory:
        told = Told(wanted.patients, pathway, document.region, wanted.seed, wanted.at_once)
        simulated = Simulation(told, say)
        async with Mailbox(simulated.take).serving() as mailbox:
            plan = Plan(
                home=Path(directory) / "home",
                documents=[document._replace(pathways=(pathway,))],
                host=settings.host,
                port=0,
                workers=wanted.workers,
                kafka_url=settings.kafka_url or None,
                redis_url=settings.redis_url or None,
                grants=cohort_run.rights(wanted.patients, wanted.region, regions.now()),
                without=HIDDEN,
                beside=mailbox.settings,
            )

            async def then(stage: Stage) -> None:
                found.append(await simulated.run(stage))
                raise Over

            with suppress(Over):
                await up(plan, say, then)
    if found and not found[0]:
        raise NotSo("not every due reminder left once")


class Over(Exception):
    """The simulation is over: the vigilits that it ran in may stop."""


async def must_be_empty(settings: Settings, region: str) -> None:
    """Return where a log knows nothing of a region; raise NotOurs."""
    async with regions.stores(settings.kafka_url, settings.redis_url) as (log, _):
        if region in await regions.places(log):
            raise NotOurs(f"the log at KAFKA_URL has {region!r} already: a simulation is not mixed with anything else")


class Simulation:
    """A cohort in a running vigilits, told of as it goes."""

    def __init__(self, told: Told, say: Say) -> None:
        self.told, self._say = told, say
        self.cohort: Cohort | None = None
        self.count: Count | None = None

    def take(self, letter: Letter) -> None:
        """Hand a letter to whom it is for."""
        if self.cohort is not None:
            self.cohort.take(letter)

    async def run(self, stage: Stage) -> bool:
        """Return whether every due reminder left once, having enrolled everybody and waited until their last slot."""
        told, say = self.told, self._say
        doors = Doors(stage, told.at_once)
        one = self.cohort = Cohort(told, doors)
        telling = asyncio.create_task(self._tell(one))
        try:
            async with doors.client, regions.stores(stage.kafka_url, stage.redis_url) as (log, state):
                await one.until_known()
                started = time.monotonic()
                await one.enrol()
                say(enrolled(told, time.monotonic() - started, one.tally.held_s))
                self.count = await one.over(log)
                shown = await cohort_run.shown(state, told.region.code, told.pathway)
        finally:
            telling.cancel()
            await one.leave()
        say(summary(told.pathway, self.count, one, shown))
        return self.count.holds and not one.tally.again

    async def _tell(self, one: Cohort) -> None:
        while True:
            await asyncio.sleep(SAYS_EVERY_S)
            tally = one.tally
            late = f"letters are {one.late_ms() / 1000:.1f} s late"
            self._say(f"{tally.enrolled} enrolled, {tally.letters} letters, {tally.answered} answers; {late}")


def enrolled(told: Told, took_s: float, held_s: float) -> str:
    """Return how long it took to enrol a cohort, and at which speed its letters would have kept up with all at once."""
    said = f"{told.patients} patients enrolled in {took_s:.0f} s"
    if held_s < HELD_S:
        return said
    feasible = min(1.0, DAY_S / told.pathway.divided_by / took_s) * told.pathway.divided_by
    return f"{said}, {held_s:.0f} s of it waiting for letters: they keep up at a speed of about {feasible:.0f}"


def summary(pathway: Pathway, count: Count, one: Cohort, shown: Shown) -> str:
    """Return what became of a cohort, in a few lines."""
    of_steps = ", ".join(f"{count.delivered[step]} of {count.due[step]} {step.replace('_', ' ')}" for step in ASKING)
    held = "every due letter left once" if count.holds and not one.tally.again else "NOT every due letter left once"
    late = count.late_ms[int(len(count.late_ms) * 0.99)] if count.late_ms else 0
    failed = ", ".join(f"{number} × {why}" for why, number in sorted(count.failed.items())) or "none"
    colours = ", ".join(f"{shown.colours[each]} {each}" for each in (*COLOURS, "unanswered") if each in shown.colours)
    return "\n".join(
        [
            f"{count.patients} patients on {pathway.id}/{pathway.version}: {count.slots} slots due, "
            f"{count.answered} answered, {count.missed} taken as not answered",
            f"letters by the log: {of_steps}; {count.answered_first} answered before they left; failed: {failed}",
            f"{held}: {count.lost} lost ({count.overtaken} overtaken by their slot's next), "
            f"{count.twice + one.tally.again} twice, {count.uncalled} that were not due; "
            f"99 % delivered within {late / 1000:.1f} s",
            f"in the mailbox: {one.tally.letters} letters, at most {one.tally.most_a_second:.0f} a second; "
            f"{one.tally.late} opened too late to be answered",
            f"at the end: {colours}; {shown.alerts} alerts open",
        ]
    )
