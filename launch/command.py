"""The `vigilits` command: words in, one thing done through its module, and what went wrong said in a sentence."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import typer

from config import settings as environment
from config.reading import DirectoryErrors
from config.settings import Settings
from domain.events import Event
from event_log.kafka import KafkaLog
from event_log.log import Log, LogAway, NotAGenesis, UnknownTopic
from event_log.topics import NoRoom
from launch import accounts, alerting, home, regions, rights
from launch import demo as demonstration
from launch import up as one_machine
from launch.accounts import NoLocalIssuer
from launch.alert_command import NotPublished, contacts_app, on_call_app, rules_app, webhooks_app
from launch.cohort_command import NotOurs, NotSo, simulate_app
from launch.cohort_run import Refused as CohortRefused
from launch.embedded import EngineFailed
from launch.engines_here import NoEngines, here
from launch.home import HomeTaken
from launch.keys_command import keys_app
from launch.pathway_command import pathway_app
from launch.publish import Held, Place
from launch.region_command import region_app
from launch.regions import UnknownRegion
from launch.replay import Away, Refused
from launch.rights import NotGranted
from launch.story import FIRST, LAST, TELLER, NoStory, Story, rights_of_teller, show_day, story_of, tell
from launch.up import NoPort
from live_state.state import State, StateAway
from people.keys import KeysAway, NotRestored, Rotating
from people.signing import NoSigning
from streams import dead_letters
from streams.dead_letters import NotRedriven

USAGE, FAILED, AWAY = 2, 1, 3
FOLDED_WITHIN_S = 10.0
EPILOG = "Exit status: 0 done, 1 failed, 2 asked for wrongly, 3 an engine is away."

T = TypeVar("T")

app = typer.Typer(
    name="vigilits",
    help="A live picture of a region's hospital beds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog=EPILOG,
)
grant_app = typer.Typer(no_args_is_help=True, help="Give and revoke rights: who may act where, as events on the log.")
dead_letters_app = typer.Typer(no_args_is_help=True, help="Look at what could not be folded, and try it again.")
app.add_typer(region_app, name="region")
app.add_typer(grant_app, name="grant")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(rules_app, name="rules")
app.add_typer(contacts_app, name="contacts")
app.add_typer(on_call_app, name="on-call")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(keys_app, name="keys")
app.add_typer(pathway_app, name="pathway")
app.add_typer(simulate_app, name="simulate")


# What we know how to say in a sentence, and the exit status that goes with it; anything else is a bug and shows itself.
SAID: dict[type[Exception], int] = {
    environment.Mistakes: USAGE,
    DirectoryErrors: USAGE,
    UnknownRegion: USAGE,
    NotGranted: USAGE,
    NoLocalIssuer: USAGE,
    NoStory: USAGE,
    NotPublished: USAGE,
    NotRedriven: FAILED,
    Refused: FAILED,
    CohortRefused: FAILED,
    NotSo: FAILED,
    NotOurs: USAGE,
    Away: AWAY,
    NoEngines: AWAY,
    HomeTaken: FAILED,
    NoSigning: FAILED,
    NotRestored: FAILED,
    Rotating: FAILED,
    KeysAway: AWAY,
    NoPort: FAILED,
    NoRoom: FAILED,
    NotAGenesis: FAILED,
    EngineFailed: AWAY,
    UnknownTopic: AWAY,
    LogAway: AWAY,
    StateAway: AWAY,
    OSError: FAILED,  # a directory that can't be written, a file that can't be read
}


def main() -> NoReturn:
    """Run the command."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of brokers away, we say in a sentence
    try:
        app(prog_name="vigilits")
    except tuple(SAID) as error:
        typer.echo(f"vigilits: {error}", err=True)
        sys.exit(next(status for kind, status in SAID.items() if isinstance(error, kind)))
    sys.exit(0)


def told(work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns."""
    return asyncio.run(work)


def say(line: str) -> None:
    """Print a line now, not when a buffer is full: it may be the last."""
    try:
        print(line, flush=True)
    except OSError:  # whoever read it has gone; what runs goes on, and is stopped in order
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as we run


Region = Annotated[str, typer.Option("--region", help="The region's code, such as occitanie.")]
Directory = Annotated[
    Path | None, typer.Option("--directory", help="Its directory, where it is not one that comes with vigilits.")
]


# --- everything at once ----------------------------------------------------------------------------------------------


@app.command(epilog=EPILOG)
def up(
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, help="How many workers fold.")] = 1,
    region: Annotated[
        list[str] | None, typer.Option("--region", help="A region to publish; may be repeated. Default: all we know.")
    ] = None,
    directory: Annotated[
        list[Path] | None, typer.Option("--directory", help="A region directory to publish; may be repeated.")
    ] = None,
) -> None:
    """Start all of vigilits here: engines (unless KAFKA_URL and REDIS_URL name some), workers, API and pages."""
    settings = environment.read(os.environ)
    codes = region if region is not None or directory or settings.kafka_url else regions.known()
    documents = [regions.read(code) for code in codes or []] + [regions.read(None, path) for path in directory or []]
    plan = one_machine.Plan(
        home=Path(settings.home),
        documents=documents,
        host=settings.host,
        port=settings.port,
        workers=workers,
        worker_port=settings.worker_port,
        kafka_url=settings.kafka_url or None,
        redis_url=settings.redis_url or None,
    )
    told(one_machine.up(plan, say, _live))


async def _live(stage: one_machine.Stage) -> None:
    say(f"vigilits is live at {stage.url}  (Ctrl-C stops it)")


@app.command(epilog=EPILOG)
def demo(
    speed: Annotated[
        float, typer.Option("--speed", min=1, help="How many times faster than life the replay goes.")
    ] = 3600,
    first: Annotated[str, typer.Option("--from", help="First day of the replay.")] = "2020-03-18",
    last: Annotated[str, typer.Option("--to", help="Last day of the replay.")] = "2020-06-30",
    replay: Annotated[
        bool, typer.Option("--replay/--no-replay", help="Replay the spring of 2020, or only start.")
    ] = True,
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, help="How many workers fold.")] = 1,
) -> None:
    """Show Occitanie's spring of 2020, live, with nothing installed: real engines, in memory, gone when you leave."""
    settings = environment.read(os.environ)
    show = demonstration.Show(speed, first, last, replay, workers)
    told(demonstration.demo(settings, demonstration.own_home(os.environ), say, show))


@app.command(epilog=EPILOG)
def worker() -> None:
    """Run one worker in the foreground; the environment names the engines."""
    environment.read(os.environ)
    os.execv(sys.executable, one_machine.run("streams"))


@app.command(epilog=EPILOG)
def api() -> None:
    """Run the API with its pages in the foreground; the environment names the engines."""
    environment.read(os.environ)
    os.execv(sys.executable, one_machine.run("realtime_api"))


@app.command(epilog=EPILOG)
def settings() -> None:
    """Print every setting: its value, where that comes from, and what it is for."""
    found = environment.read(os.environ)
    for variable, name, sentence in ((v, environment.VARIABLES[v], s) for v, _, s in environment.describe()):
        source = "environment" if os.environ.get(variable, "").strip() else "default"
        typer.echo(f"{variable}={shown(name, getattr(found, name))}  ({source})\n    {sentence}")


def shown(name: str, value: object) -> str:
    """Return a setting's value without what is nobody's to read."""
    text = str(value)
    if "secret" in name:
        return "(set, not shown)" if text else ""
    address = urlsplit(text) if "://" in text else None
    if address is not None and address.password is not None:
        address = address._replace(netloc=f"***@{address.netloc.rpartition('@')[2]}")
    if address is not None and "password" in address.query.lower():  # redis-py takes one there
        address = address._replace(query="***")
    return text if address is None else address.geturl()


@app.command(epilog=EPILOG)
def replay(
    region: Region,
    first: Annotated[str, typer.Option("--from", help="First day.")] = FIRST,
    last: Annotated[str, typer.Option("--to", help="Last day.")] = LAST,
    speed: Annotated[
        float, typer.Option("--speed", min=0, help="Times faster than life; 0: as fast as they go.")
    ] = 3600,
    url: Annotated[str | None, typer.Option("--url", help="The API; default: the one that runs here.")] = None,
    token: Annotated[
        str | None, typer.Option("--token", help="A token that may report for the region's wards; `-` reads it.")
    ] = None,
) -> None:
    """Tell a region's past as bed reports through the public door, and show its date on the screens."""
    told(_replay(story_of(region, first, last, speed), url, token, speed))


async def _replay(story: Story, url: str | None, token: str | None, speed: float) -> None:
    at = None if url and token else here()
    async with AsyncExitStack() as open_:
        shown = None
        if at is not None:
            log = await open_.enter_async_context(KafkaLog(at.kafka_url))
            shown = partial(show_day, log, story)

        async def on_day(day: date) -> None:
            say(day.isoformat())
            if shown is not None:
                await shown(day)

        if token is None and at is not None:
            teller = rights_of_teller(story.document.region, regions.now())
            await _settle(at, story.document.code, Held({}, teller))
            issuer = accounts.local_issuer(at)
            bearer = lambda: issuer.issue(TELLER)  # noqa: E731 - a token lives an hour, a replay may take longer
        else:
            told_token = sys.stdin.readline().strip() if token == "-" else token or ""
            bearer = lambda: told_token  # noqa: E731
        done = await tell(story, url or address_here(), bearer, speed=speed, on_day=on_day)
    say(f"{done.reports} reports told, {done.rows} rows, {done.history} of them older than what was held")


def address_here() -> str:
    """Return the address of the API that runs here."""
    found = home.found(os.environ, Path(environment.read(os.environ).home))
    if found is None or found[1].url is None:
        raise NoEngines("no vigilits runs here: say --url")
    return found[1].url


# --- regions ---------------------------------------------------------------------------------------------------------


@region_app.command("check", epilog=EPILOG)
def check(directory: Annotated[Path, typer.Argument(help="A region directory.")]) -> None:
    """Check a region directory as a whole: all mistakes at once, with file and line."""
    document = regions.read(None, directory)
    found, told_ = document.region, document.alerting
    of_alerts = "" if told_ is None else f"{len(told_.rules.rules)} alert rules, {len(told_.people.people)} people, "
    of_patients = f"{len(document.pathways)} pathways, " if document.pathways else ""
    places = f"{len(found.facilities)} facilities, {len(found.wards)} wards"
    typer.echo(f"{found.name}: {places}, {of_alerts}{of_patients}nothing wrong")


@region_app.command("init", epilog=EPILOG)
def init(region: Region, directory: Directory = None) -> None:
    """Open the region's shard on the log (topic and genesis), and publish its directory where another is in force."""
    document, at = regions.read(region, directory), here()
    _fill_home(at, document)
    typer.echo(f"{document.region.name}: {told(_init(at, document))}")


@region_app.command("publish", epilog=EPILOG)
def publish(region: Region, directory: Directory = None) -> None:
    """Publish the region's directory on a log that has its shard already."""
    document, at = regions.read(region, directory), here()
    _fill_home(at, document)
    typer.echo(f"{document.region.name}: {told(_publish(at, document))}")


def _fill_home(at: Settings, document: regions.Document) -> None:
    if document.alerting is not None:
        alerting.fill(Path(at.home), document.code, document.alerting)
        if (warning := alerting.nobody_real(Path(at.home), document.code)) is not None:
            typer.echo(warning)


async def _init(at: Settings, document: regions.Document) -> str:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        return await regions.settle(log, state, document.code, await _wanted(state, document))


async def _wanted(state: State, document: regions.Document) -> Held:
    in_force = await regions.region_held(state, document.code)
    return Held(alerting.due(document.settings, in_force.settings), {})


async def _settle(at: Settings, code: str, wanted: Held) -> str:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        return await regions.settle(log, state, code, wanted)


async def _publish(at: Settings, document: regions.Document) -> str:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        if document.code not in await regions.places(log):
            raise UnknownRegion(f"the log has no {document.code!r}: `vigilits region init` makes it")
        return await regions.settle(log, state, document.code, await _wanted(state, document))


# --- rights ----------------------------------------------------------------------------------------------------------

Subject = Annotated[str, typer.Option("--subject", help="Who: the subject that the issuer's tokens name.")]
RoleName = Annotated[str, typer.Option("--role", help=f"One of {', '.join(rights.ROLES)}.")]
Scope = Annotated[str, typer.Option("--scope", help="Where: a region's code, et:<FINESS>, ej:<FINESS> or ward:<id>.")]


@grant_app.command("give", epilog=EPILOG)
def give(
    subject: Subject,
    role: RoleName,
    scope: Scope,
    since: Annotated[str | None, typer.Option("--from", help="From when on (2026-03-01, or an instant).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, not included.")] = None,
) -> None:
    """Give a right. One of the same subject, role and scope is replaced."""
    told(_give(here(), subject, role, scope, since, until))
    typer.echo(f"{subject} is {role} of {scope}")


@grant_app.command("revoke", epilog=EPILOG)
def revoke(subject: Subject, role: RoleName, scope: Scope) -> None:
    """End a right; what it let someone watch is closed within seconds."""
    told(_revoke(here(), subject, role, scope))
    typer.echo(f"{subject} is no longer {role} of {scope}")


async def _give(at: Settings, subject: str, role: str, scope: str, since: str | None, until: str | None) -> None:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        place, region = rights.concerned(await rights.directories(log, state), scope)
        begin, end = (rights.instant(text, region.time_zone) if text else None for text in (since, until))
        await _put(log, state, place, rights.given(subject, role, scope, begin, end))


async def _revoke(at: Settings, subject: str, role: str, scope: str) -> None:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        place, _ = rights.concerned(await rights.directories(log, state), scope)
        await _put(log, state, place, rights.revoked(subject, role, scope))


async def _put(log: Log, state: State, place: Place, event: Event) -> None:
    if not await rights.put(log, state, place, [event], FOLDED_WITHIN_S):
        typer.echo(
            f"On the log; it holds once a worker has folded it, and none did in {FOLDED_WITHIN_S:g} s.", err=True
        )


@app.command(epilog=EPILOG)
def token(
    role: RoleName,
    scope: Scope,
    subject: Annotated[str | None, typer.Option("--subject", help="Who; default: local- and the role.")] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, max=60 * 24 * 31, help="How long it proves it.")] = 60,
    link: Annotated[
        bool, typer.Option("--link", help="Print a link that signs a person in, instead of a token.")
    ] = False,
) -> None:
    """Give a right and print a token for it: local issuer only, for trying and testing."""
    at, who = here(), subject or f"local-{role.replace('_', '-')}"
    issuer = accounts.local_issuer(at)
    told(_give(at, who, role, scope, None, None))
    typer.echo(accounts.link(Path(at.home), address_here(), who, minutes) if link else issuer.issue(who, minutes))


@app.command("sign-out", epilog=EPILOG)
def sign_out(subject: Subject) -> None:
    """Sign somebody out everywhere, as where a telephone is lost: sessions, links, and devices that are pushed to."""
    named = Path(environment.read(os.environ).home)
    found = home.found(os.environ, named)
    sessions, browsers = accounts.sign_out(named if found is None else found[0], subject)
    typer.echo(f"{subject}: {sessions} sign-ins ended, {browsers} browsers no longer pushed to")


# --- dead letters ----------------------------------------------------------------------------------------------------


@dead_letters_app.command("list", epilog=EPILOG)
def list_(
    most: Annotated[int, typer.Option("--most", min=1, help="How many of the newest.")] = 100,
) -> None:
    """List what could not be folded: when, where it stood on the log, and why. Contents are not shown."""
    letters = told(_letters(here()))
    for letter in letters[-most:]:
        at = datetime.fromtimestamp(letter.at / 1000, UTC).isoformat(timespec="seconds")
        typer.echo(f"{letter.id}  {at}  {letter.shard}  offset {letter.offset}  {letter.reason}")
    typer.echo(f"{len(letters)} dead letters", err=True)


@dead_letters_app.command("replay", epilog=EPILOG)
def redrive(
    ids: Annotated[list[str] | None, typer.Argument(help="Which: the ids that `list` prints.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Put dead letters on the log again, under new ids: once what they failed at has been mended."""
    if bool(ids) == every:
        raise typer.BadParameter("name ids, or --all")
    for line in told(_redrive(here(), ids or [])):
        typer.echo(line)


async def _letters(at: Settings) -> list[dead_letters.DeadLetter]:
    async with KafkaLog(at.kafka_url) as log:
        return [letter async for letter in dead_letters.letters(log)]


async def _redrive(at: Settings, ids: list[str]) -> list[str]:
    async with KafkaLog(at.kafka_url) as log:
        by_id = {letter.id: letter async for letter in dead_letters.letters(log)}
        unknown = [id_ for id_ in ids if id_ not in by_id]
        if unknown:
            raise NotRedriven(f"no dead letter {', '.join(unknown)}")
        chosen = [by_id[id_] for id_ in ids] if ids else list(by_id.values())
        return [
            f"{one.id} is on the log again as {await dead_letters.redrive(log, one, regions.now())}" for one in chosen
        ]
