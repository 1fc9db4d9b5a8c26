"""`vigilits pathway`: what patients at home are asked, when, and what happens with their answers."""

from pathlib import Path
from typing import Annotated

import typer

from config import pathways
from launch import regions

EPILOG = "Exit status: 0 done, 1 failed, 2 asked for wrongly, 3 an engine is away."

pathway_app = typer.Typer(no_args_is_help=True, help="Check the pathways of patients who are followed at home.")


@pathway_app.callback()
def pathway() -> None:
    """Check the pathways of patients who are followed at home."""


@pathway_app.command(epilog=EPILOG)
def check(
    directory: Annotated[
        Path | None, typer.Argument(help="A region directory. Default: all that we know and that have pathways.")
    ] = None,
) -> None:
    """Check pathways and their questionnaires as a whole: all mistakes at once, with file and line."""
    known = [regions.DIRECTORIES / code for code in regions.known()]
    for region in [each for each in known if pathways.is_there(each)] if directory is None else [directory]:
        for found in pathways.load(region):
            asked = [item for item in found.questionnaire.item_of.values() if item.kind not in ("group", "display")]
            slots = len(found.slots.days) * len(found.slots.times)
            typer.echo(
                f"{region.name}: {found.id} {found.version}: {slots} slots, {len(asked)} questions, nothing wrong"
            )
