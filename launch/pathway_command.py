"""`vigilits pathway`: what patients at home are asked, when, and what happens with their answers."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from config import pathways
from config.region import REGION
from config.settings import Settings
from domain.followup.pathway import Pathway
from event_log.log import LogKeeper
from event_log.topics import FOLLOWUP
from launch import publish, regions
from launch.alert_command import NotPublished
from launch.engines_here import here
from launch.pathways import altered, settings_of
from launch.publish import Held
from launch.regions import UnknownRegion
from live_state.state import State

EPILOG = "Exit status: 0 done, 1 failed, 2 asked for wrongly, 3 an engine is away."

pathway_app = typer.Typer(no_args_is_help=True, help="Check and publish the pathways of patients at home.")


@pathway_app.callback()
def pathway() -> None:
    """Check and publish the pathways of patients at home."""


@pathway_app.command(epilog=EPILOG)
def check(
    directory: Annotated[
        Path | None, typer.Argument(help="A region directory. Default: all that we know and that have pathways.")
    ] = None,
) -> None:
    """Check pathways and their questionnaires as a whole: all mistakes at once, with file and line."""
    known = [regions.DIRECTORIES / code for code in regions.known()]
    for region in [each for each in known if pathways.is_there(each)] if directory is None else [directory]:
        for found in _checked(region):
            asked = [item for item in found.questionnaire.item_of.values() if item.kind not in ("group", "display")]
            slots = len(found.slots.days) * len(found.slots.times)
            typer.echo(
                f"{region.name}: {found.id} {found.version}: {slots} slots, {len(asked)} questions, nothing wrong"
            )


def _checked(region: Path) -> tuple[Pathway, ...]:
    """Return a directory's pathways, beside the rest of it where it is a whole region's."""
    return regions.read(None, region).pathways if (region / REGION).is_file() else pathways.load(region)


@pathway_app.command("publish", epilog=EPILOG)
def publish_pathways(
    region: Annotated[
        str | None, typer.Option("--region", help="The region's code. Default: all on the log that have pathways.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", help="Its directory, where it is not one that comes with vigilits.")
    ] = None,
) -> None:
    """Put a directory's pathways in force beside those that are: all of them, or none where anything is wrong.

    Patients stay on the version that they began; a changed pathway needs another version.
    """
    if region is None and directory is not None:
        region = regions.read(None, directory).code
    for line in asyncio.run(_publish(here(), region, directory)):
        typer.echo(line)


async def _publish(at: Settings, code: str | None, directory: Path | None) -> list[str]:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        standing = await regions.places(log)
        if code is None:
            codes = [each for each in regions.known() if each in standing and pathways.is_there(_directory(each))]
        elif code in standing:
            codes = [code]
        else:
            raise UnknownRegion(f"the log has no {code!r}: `vigilits region init` makes it")
        return [f"{each}: {await published(log, state, regions.read(each, directory))}" for each in codes]


async def published(log: LogKeeper, state: State, document: regions.Document) -> str:
    """Return what had to be done; raise NotPublished where a version is in force otherwise: then nothing is changed."""
    wanted = settings_of(document.pathways)
    if not wanted:
        raise NotPublished(f"the directory of {document.code!r} has no {pathways.PATHWAYS}/")
    for place in await regions.places_of(log, document.code, FOLLOWUP):
        taken = altered(wanted, (await publish.held(log, state, place)).settings)
        if taken:
            raise NotPublished(
                f"{', '.join(taken)}: in force otherwise, and patients stay on a version as it is; "
                "give what is changed another version. Nothing is changed"
            )
    return await regions.settle(log, state, document.code, Held(wanted, {}))


def _directory(code: str) -> Path:
    return regions.DIRECTORIES / code
