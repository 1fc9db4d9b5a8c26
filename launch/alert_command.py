"""`vigilits rules | contacts | on-call`: what alerts are raised, who is told, and who is on call."""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import typer

from config import alerts, on_call
from config import settings as environment
from config.alerts import RULES as RULES_FILE
from config.alerts import seconds
from config.region import SLUG
from config.settings import Settings
from domain.alerts.notice import Override
from domain.alerts.oncall import on_duty
from domain.alerts.routing import OnCall, People, Routing, mistakes
from domain.alerts.rule import Ruleset
from domain.places import Region as Places
from event_log.log import Log, LogKeeper
from event_log.topics import NOTICES
from launch import alerting, home, publish, regions, rules_tried
from launch.engines_here import here
from launch.publish import Held, Place
from launch.regions import UnknownRegion
from launch.rules_tried import Outcome, Past
from live_state import notices
from live_state.state import State
from people import reach
from people.directory import People as Directory
from streams.on_call import FETCHED_WITHIN_S, FILE, MOST_BYTES, NotFetched, fetching, published, setting, source_of

EPILOG = "Exit status: 0 done, 1 failed, 2 asked for wrongly, 3 an engine is away."
MOST_SHOWN = 5  # shifts to come
SECRET_BYTES = 32

T = TypeVar("T")

rules_app = typer.Typer(no_args_is_help=True, help="Check, publish and try alert rules and their routing.")
contacts_app = typer.Typer(no_args_is_help=True, help="The people who can be told.")
webhooks_app = typer.Typer(no_args_is_help=True, help="Receivers of alerts in Alertmanager's payload, signed.")
on_call_app = typer.Typer(no_args_is_help=True, help="Who is on call, and which calendars say so.")

Region = Annotated[str, typer.Option("--region", help="The region's code, such as occitanie.")]
Directory_ = Annotated[
    Path | None, typer.Option("--directory", help="Its directory, where it is not one that comes with vigilits.")
]


class NotPublished(Exception):
    """What was to be put in force can't be, and why; nothing has changed."""


class InForce(NamedTuple):
    """Where a region's shards stand, and what is in force on them."""

    capacity: Place
    notices: Place
    settings: dict[str, bytes]

    @property
    def people(self) -> People | None:
        """Return the people in force, None where there are none."""
        content = self.settings.get(alerting.PEOPLE)
        return None if content is None else msgspec.json.decode(content, type=People)

    @property
    def routing(self) -> Routing | None:
        """Return the routing in force, None where there is none."""
        content = self.settings.get(alerting.ROUTING)
        return None if content is None else msgspec.json.decode(content, type=Routing)

    @property
    def places(self) -> Places:
        """Return the region directory in force."""
        return msgspec.msgpack.decode(self.settings["region"], type=Places)

    @property
    def speed(self) -> float:
        """Return how many times faster than life the region's time goes: a demo's days pass in seconds."""
        return self.places.freshness.divided_by

    def schedule(self, name: str) -> OnCall | None:
        """Return what is in force of a schedule."""
        content = self.settings.get(setting(name))
        return None if content is None else msgspec.json.decode(content, type=OnCall)


async def in_force(log: Log, state: State, code: str) -> InForce:
    """Return what is in force of a region; raise UnknownRegion where the log has not both of its shards."""
    found = (await regions.places(log)).get(code), (await regions.places(log, NOTICES)).get(code)
    if found[0] is None or found[1] is None:
        raise UnknownRegion(f"the log has no {code!r}: `vigilits region init` makes it")
    held = [await publish.held(log, state, place) for place in found if place is not None]
    return InForce(found[0], found[1], {**held[0].settings, **held[1].settings})


async def _with_stores(at: Settings, work: Callable[[LogKeeper, State, Path], Awaitable[T]]) -> T:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        return await work(log, state, Path(at.home))


# --- rules -----------------------------------------------------------------------------------------------------------


@rules_app.command(epilog=EPILOG)
def check(
    directory: Annotated[Path | None, typer.Argument(help="A region directory. Default: all that we know.")] = None,
) -> None:
    """Check rules, routing, contacts and calendars as a whole: all mistakes at once, with file and line."""
    documents = (
        [regions.read(code) for code in regions.known()] if directory is None else [regions.read(None, directory)]
    )
    for document in documents:
        if document.alerting is None:
            typer.echo(f"{document.region.name}: nothing is said of alerts")
            continue
        of = document.alerting
        typer.echo(
            f"{document.region.name}: {len(of.rules.rules)} rules, {len(of.routing.chains)} chains, "
            f"{len(of.people.people)} people, {len(of.on_call)} calendars, nothing wrong"
        )


@rules_app.command("publish", epilog=EPILOG)
def publish_rules(region: Region, directory: Directory_ = None) -> None:
    """Put a directory's rules, routing and calendars in force: all of it, or nothing where anything is wrong."""
    document, at = regions.read(region, directory), here()
    if document.alerting is None:
        raise NotPublished(f"the directory of {region!r} has no {RULES_FILE}")
    work = partial(published_whole, document=document, directory=directory or regions.DIRECTORIES / region)
    for line in asyncio.run(_with_stores(at, work)):
        typer.echo(line)


async def published_whole(
    log: LogKeeper, state: State, home: Path, *, document: regions.Document, directory: Path
) -> list[str]:
    """Return what was changed on the logs, in lines; raise DirectoryErrors where what is in force does not fit."""
    now = await in_force(log, state, document.code)
    told = document.alerting
    assert told is not None
    if now.people is not None:  # they may have come from elsewhere: what is published must fit them
        told = alerts.load(directory, document.region, regions.now(), now.people)
    told = alerting.hastened(told, now.speed)
    due = alerting.due(alerting.settings_of(told), now.settings)
    lines = [line for name, content in due.items() for line in alerting.changes(now.settings.get(name), content, name)]
    await asyncio.to_thread(alerting.fill, home, document.code, told)
    lines.append(await regions.settle(log, state, document.code, Held(due, {})))
    if now.people is not None and now.people != told.people:
        lines.append("contacts.csv is not what is in force: `vigilits contacts import` puts it in force")
    return lines


@rules_app.command("replay", epilog=EPILOG)
def replay_rules(
    region: Region,
    since: Annotated[str, typer.Option("--since", help="How far back: 7d, 12h, or a date (2026-03-01).")] = "7d",
    rules: Annotated[Path | None, typer.Option("--rules", help="The rules to try. Default: the directory's.")] = None,
    directory: Directory_ = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Try rules on the past, in memory: how many alerts, to whom, which are new, which gone. Nothing is changed."""
    work = partial(tried, code=region, since=since, rules=rules, directory=directory)
    found = asyncio.run(_with_stores(here(), work))
    typer.echo(msgspec.json.encode(found).decode() if as_json else "\n".join(rules_tried.table(found)))


async def tried(
    log: LogKeeper, state: State, home: Path, *, code: str, since: str, rules: Path | None, directory: Path | None
) -> Outcome:
    """Return what rules raise of the past otherwise than those in force."""
    now = await in_force(log, state, code)
    candidate = alerting.hastened_rules(_candidate(now.places, code, rules, directory), now.speed)
    begin = _since(since, now.places.time_zone)
    held = now.settings.get(alerting.RULES)
    before = Ruleset(()) if held is None else msgspec.json.decode(held, type=Ruleset)
    told_by = {name: now.settings[name] for name in (alerting.ROUTING, alerting.PEOPLE) if name in now.settings}
    told_by |= await rules_tried.calendars_of(log, now.notices)
    pasts = Past(before, code, told_by), Past(candidate, code, told_by)
    async for items in rules_tried.items_of(log, now.capacity):
        for past in pasts:
            await asyncio.to_thread(past.fold, items)
    for past in pasts:
        past.end()
    return rules_tried.outcome(*pasts, candidate, begin)


def _candidate(places: Places, code: str, rules: Path | None, directory: Path | None) -> Ruleset:
    if rules is not None:
        return alerts.load_rules(rules, places)
    told = regions.read(code, directory).alerting
    if told is None:
        raise NotPublished(f"the directory of {code!r} has no {RULES_FILE}")
    return told.rules


def _since(told: str, time_zone: str) -> int:
    """Return a span before now, or a date in the region's own time, in milliseconds."""
    span = seconds(told)
    if span is not None:
        return regions.now() - round(span * 1000)
    try:
        day = datetime.fromisoformat(told)
    except ValueError:
        raise typer.BadParameter(f"{told!r} is neither a span (7d, 12h) nor a date (2026-03-01)") from None
    return round((day if day.tzinfo else day.replace(tzinfo=ZoneInfo(time_zone))).timestamp() * 1000)


# --- contacts --------------------------------------------------------------------------------------------------------


@contacts_app.command("import", epilog=EPILOG)
def import_contacts(
    region: Region, file: Annotated[Path, typer.Argument(help="The contacts (CSV): all of the region's people.")]
) -> None:
    """Take a region's people from a file: names and addresses into the store here, who can be told onto the log."""
    rows, people = alerts.contacts(file)
    typer.echo(asyncio.run(_with_stores(here(), partial(imported, code=region, rows=rows, people=people))))


async def imported(
    log: LogKeeper, state: State, home: Path, *, code: str, rows: Sequence[Mapping[str, str]], people: People
) -> str:
    """Return what changed; raise NotPublished where the routing in force names somebody who would be gone."""
    now = await in_force(log, state, code)
    wrong = [] if now.routing is None else mistakes(now.routing, people)
    if wrong:
        told = "\n".join(f"  {path}: {message}" for path, message in wrong)
        raise NotPublished(f"the routing in force does not fit these people; nothing is changed:\n{told}")
    done = await asyncio.to_thread(alerting.import_contacts, home, code, rows)
    said = await regions.settle(log, state, code, Held({alerting.PEOPLE: msgspec.json.encode(people)}, {}))
    return f"{done.added} added, {done.changed} changed, {done.removed} removed; {said}"


# --- on call ---------------------------------------------------------------------------------------------------------

Schedule = Annotated[str, typer.Argument(help="The schedule's name, as the routing has it.")]


@on_call_app.command(epilog=EPILOG)
def show(region: Region) -> None:
    """Show who is on call now and next, where each schedule was read from, and when."""
    for line in asyncio.run(_with_stores(here(), partial(who_is_on_call, code=region))):
        typer.echo(line)


async def who_is_on_call(log: LogKeeper, state: State, home: Path, *, code: str) -> list[str]:
    """Return every schedule in force in lines: who has it, from where that is known, and who is next."""
    now = await in_force(log, state, code)
    overrides = await _overrides(state, now.notices)
    names = {who: one.name for who, one in (await asyncio.to_thread(Directory(home).names, code)).items()}
    if now.routing is None or not now.routing.schedules:
        return ["no schedule is in force"]
    zone = ZoneInfo(now.places.time_zone)
    shown = (_shown(each, now.schedule(each), overrides, names, zone) for each in now.routing.schedules)
    return [line for lines in shown for line in lines]


async def _overrides(state: State, place: Place) -> list[Override]:
    """Return the stand-ins, as far as a worker has folded them."""
    build = await state.current(place.shard)
    if build is None or build.epoch != place.epoch:
        return []
    loaded = await state.load(build, ("overrides",))
    return [] if loaded is None else list(notices.load(*loaded).overrides.values())


def _shown(
    schedule: str, told: OnCall | None, overrides: list[Override], names: dict[str, str], zone: ZoneInfo
) -> list[str]:
    def local(at: int) -> str:
        return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M")

    at = regions.now()
    duty = on_duty(schedule, told, overrides, at)
    who = "nobody" if duty.person is None else f"{duty.person} ({names.get(duty.person, 'not in the store here')})"
    until = f" until {local(duty.until)}" if duty.until else ""
    stands_in = ", standing in" if duty.override else ""
    lines = [f"{schedule}: {who}{until}{stands_in}"]
    if told is None:
        return [*lines, "  no calendar was read: `vigilits on-call add` names one"]
    lines.append(f"  read from {told.source or 'nowhere'} at {local(told.read_at)}")
    lines += [f"  trouble: {told.trouble}; what was read before stands"] if told.trouble else []
    next_ = [shift for shift in told.shifts if shift.since > at][:MOST_SHOWN]
    return lines + [f"  {local(shift.since)}  {shift.person}" for shift in next_]


@on_call_app.command(epilog=EPILOG)
def add(
    region: Region,
    schedule: Schedule,
    file: Annotated[Path | None, typer.Option("--file", help="An iCalendar file; a copy is kept here.")] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="An https address, kept here as a secret; `-` reads it from the input.")
    ] = None,
) -> None:
    """Name the calendar of a schedule: read at once, and from now on every five minutes by a worker."""
    if (file is None) == (url is None):
        raise typer.BadParameter("name --file or --url")
    address = sys.stdin.readline().strip() if url == "-" else url
    work = partial(calendar_added, code=region, schedule=schedule, file=file, url=address)
    typer.echo(asyncio.run(_with_stores(here(), work)))


async def calendar_added(
    log: LogKeeper, state: State, home: Path, *, code: str, schedule: str, file: Path | None, url: str | None
) -> str:
    """Return what the calendar says, now in force; raise NotPublished where it can't be had or read."""
    now = await in_force(log, state, code)
    routing, people = now.routing, now.people
    if routing is None or people is None:
        raise NotPublished(f"{code!r} has no routing in force: `vigilits rules publish` first")
    if schedule not in routing.schedules:
        there = ", ".join(routing.schedules) or "none"
        raise NotPublished(f"the routing has no schedule {schedule!r}; there is {there}")
    content = await _fetched(home, code, url) if url is not None else _content(file)
    at = regions.now()
    shifts, trouble = on_call.read(content, people.people, routing.zone.name, at)
    if trouble:
        raise NotPublished(f"the calendar can't be read, and nothing is changed: {trouble}")
    if url is None:
        await asyncio.to_thread(alerting.keep_calendar, home, code, schedule, content)
    else:
        await asyncio.to_thread(Directory(home).set_calendar, code, schedule, url)
    told = OnCall(shifts=shifts, read_at=at, source=source_of(url or f"{FILE}{schedule}.ics"))
    await publish.append(log, now.notices, published(schedule, told, at))
    return f"{schedule}: {len(shifts)} shifts from {told.source}"


def _content(file: Path | None) -> bytes:
    assert file is not None
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


async def _fetched(home: Path, code: str, url: str) -> bytes:
    why_not = reach.why_not(url)
    if why_not is not None:
        raise NotPublished(f"the calendar's address {why_not}")
    async with reach.client(within_s=FETCHED_WITHIN_S) as http:
        try:
            return await fetching(home, code, http)(url)
        except NotFetched as why:
            raise NotPublished(f"the calendar can't be had, and nothing is changed: {why}") from None


# --- webhooks --------------------------------------------------------------------------------------------------------

Name = Annotated[str, typer.Argument(help="The receiver's name, as routes have it under `webhooks`.")]


@webhooks_app.command("set", epilog=EPILOG)
def set_webhook(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Its https address, kept here as a secret; `-` reads it.")],
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Let the address be on a private network, and without TLS.")
    ] = False,
) -> None:
    """Name a receiver, in place of what had that name, and print the secret by which it can tell that we wrote."""
    settings, address = environment.read(os.environ), sys.stdin.readline().strip() if url == "-" else url
    why_not = reach.why_not(address, allow_private=allow_private)
    if not SLUG.fullmatch(name):
        raise NotPublished(f"a receiver's name must be lower-case words joined by hyphens, and {name!r} is not")
    if why_not is not None:
        raise NotPublished(f"the receiver's address {why_not}")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    _directory(settings).set_webhook(name, address, secret, allow_private=allow_private)
    typer.echo(secret)


@webhooks_app.command("list", epilog=EPILOG)
def list_webhooks() -> None:
    """List the receivers' names; addresses and secrets are not shown."""
    for name in _directory(environment.read(os.environ)).webhooks():
        typer.echo(name)


@webhooks_app.command("drop", epilog=EPILOG)
def drop_webhook(name: Name) -> None:
    """Forget a receiver."""
    if not _directory(environment.read(os.environ)).drop_webhook(name):
        raise NotPublished(f"there is no receiver {name!r}")


def _directory(settings: Settings) -> Directory:
    """Return the directory store of the vigilits that runs here, else of the home that is named."""
    found = home.found(os.environ, Path(settings.home))
    return Directory(Path(settings.home) if found is None else found[0])
