"""`vigilits demo`: Occitanie's spring of 2020 on this machine, with people to sign in as, gone when one leaves."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from config.settings import Settings
from domain.grants import Grant
from event_log.kafka import KafkaLog
from launch import home, regions
from launch.accounts import link
from launch.demo_patients import RESIDENCE, keep_patients
from launch.regions import UNSETTLED, UnknownRegion
from launch.replay import Away, Refused
from launch.story import FIRST, LAST, TELLER, Story, rights_of_teller, show_day, story_of, tell
from launch.supervise import Say, backoff_s
from launch.up import Plan, Stage, up
from realtime_api.issuer import LocalIssuer

REGION = "occitanie"
OTHER_ISSUER = frozenset(("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_AUDIENCE"))  # not the demo's
# A demo writes to nobody: its people are invented. Only a browser that asks for it on its pages is pushed to.
OTHER_CHANNELS = frozenset(
    ("SMTP_URL", "SMTP_FROM", "SMTP_STARTTLS", "MSSANTE_URL", "MSSANTE_FROM", "MSSANTE_DOMAINS", "SMS_GATEWAY")
)
OTHER_KEYS = frozenset(("MASTER_KEYS", "KMS_COMMAND"))  # it makes some in its home
PUSHES = {"PUSH_CONTACT": "mailto:demo@example.invalid"}
MOST_DEMOS = 20  # that run here at once


class Show(NamedTuple):
    """What is shown: how fast, from which day to which, and by how many workers."""

    speed: float = 3600.0
    first: str = FIRST
    last: str = LAST
    replay: bool = True
    workers: int = 1


class Person(NamedTuple):
    """Someone to sign in as: who, in which role and scope, what that person comes for, and on which page."""

    subject: str
    role: str
    scope: str
    comes_for: str
    page: str = "/"


PEOPLE = (
    Person("demo-crisis-cell", "crisis_cell", REGION, "regional crisis cell: the whole region"),
    Person("demo-regulator", "regulator", REGION, "SAMU regulator: the nearest free bed"),
    Person("demo-facility", "facility", "ej:310781406", "bed manager of the CHU de Toulouse"),
    Person("demo-physician", "physician", REGION, "physician: patients followed at home, free beds", "/patients"),
    Person("demo-nurse", "nurse", REGION, "nurse: patients followed at home, on call for them", "/patients"),
    Person("demo-geriatrician", "physician", REGION, "geriatrician: on call for EHPAD residents", "/patients"),
    Person("demo-ehpad", "ehpad", f"et:{RESIDENCE}", "EHPAD: answers for its residents", f"/sitting/{RESIDENCE}"),
    Person("demo-tracing", "tracing_agent", REGION, "tracing agent of the ARS: cases and contacts", "/calls"),
    Person("demo-support", "support", REGION, "support: opens files for demo-physician, reads none", "/patients/new"),
    Person("demo-dpo", "dpo", REGION, "data protection officer: who read what", "/trail"),
    Person("demo-on-call", "crisis_cell", REGION, "on call from 8 h to 20 h: told first of alerts"),
    Person("demo-on-call-night", "crisis_cell", REGION, "on call from 20 h to 8 h"),
    Person("demo-ops", "ops", REGION, "runs vigilits: alerts of the system and of sources"),
)


def rights_of_people(since: int) -> dict[str, tuple[Grant, ...]]:
    """Return the people's grants."""
    return {one.subject: (Grant(role=one.role, scope=one.scope, since=since),) for one in PEOPLE}


def own_home(environ: Mapping[str, str]) -> Path:
    """Return the home that the environment names, else the first under the working directory that no demo uses."""
    if environ.get("VIGILITS_HOME"):
        return Path(environ["VIGILITS_HOME"]).absolute()
    for number in range(1, MOST_DEMOS + 1):
        directory = home.DEMO if number == 1 else home.DEMO.with_name(f"{home.DEMO.name}-{number}")
        if not home.is_taken(directory):
            return directory.absolute()
    raise home.HomeTaken(f"{MOST_DEMOS} demos run here already")


async def demo(settings: Settings, directory: Path, say: Say, show: Show) -> None:
    """Return once asked to stop and nothing of the demo runs any more."""
    story = story_of(REGION, show.first, show.last, show.speed)
    since = regions.now()
    plan = Plan(
        home=directory,
        documents=[story.document],
        host=settings.host,
        port=settings.port,
        workers=show.workers,
        grants=rights_of_people(since) | rights_of_teller(story.document.region, since),
        anew=True,
        worker_port=settings.worker_port,
        without=OTHER_ISSUER | OTHER_CHANNELS | OTHER_KEYS,
        beside=PUSHES,
    )

    async def begin(stage: Stage) -> None:
        say(welcome(stage))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_patients(stage, story.document, say))
            if show.replay:
                tasks.create_task(tell_for_ever(stage, story, show.speed, say))

    await up(plan, say, begin)


def sign_in(stage: Stage, one: Person) -> str:
    """Return the address that signs somebody in where they work."""
    origin, _, secret = link(stage.home, stage.url, one.subject).partition("/#")
    return f"{origin}{one.page}#{secret}"


def welcome(stage: Stage) -> str:
    """Return what a newcomer reads: where the pages are, and a link for each role that has a screen."""
    width = max(len(one.comes_for) for one in PEOPLE)
    links = [f"  {one.comes_for:{width}}  {sign_in(stage, one)}" for one in PEOPLE]
    return "\n".join(
        ["", f"vigilits is live at {stage.url}", "Sign in with one click as:", *links, "Ctrl-C stops it.", ""]
    )


async def tell_for_ever(stage: Stage, story: Story, speed: float, say: Say) -> None:
    """Return never: tell the story over and over, and begin again where it broke off."""
    failures = 0
    issuer = LocalIssuer(stage.home)
    while True:
        try:
            async with KafkaLog(stage.kafka_url) as log:
                on_day = partial(show_day, log, story)
                await tell(
                    story, stage.url, lambda: issuer.issue(TELLER), speed=speed, on_day=on_day, after="loop", prime=True
                )
        except (Away, Refused, UnknownRegion, TimeoutError, *UNSETTLED) as error:
            # Such as a broker that came back empty: the pages stay, and the story begins again.
            wait_s = backoff_s(failures)
            failures += 1
            say(f"The replay stopped ({error or type(error).__name__}); it begins again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)
