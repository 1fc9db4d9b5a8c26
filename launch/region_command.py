"""`vigilits region build | boundaries | replay-data`: what makes a region directory."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from config.reading import DirectoryErrors
from domain.places import Departement
from launch import boundaries as outlines
from launch import region_build, replay_data
from launch.departements import UnknownDepartement, named

region_app = typer.Typer(no_args_is_help=True, help="Make, check and publish a region directory.")

Departements = Annotated[str, typer.Option("--departements", help="Their codes, joined by commas: 09,11,12")]
Sae = Annotated[Path, typer.Option("--sae", help="Beds by site and year, as in DREES' SAE (CSV).")]
Finess = Annotated[
    list[Path],
    typer.Option("--finess", help="Sites with coordinates (CSV); may be repeated, the first that knows wins."),
]


@region_app.command()
def build(
    sae: Sae,
    finess: Finess,
    departements: Departements,
    out: Annotated[Path, typer.Option("--out", help="The directory to write; its name is the region's code.")],
    code: Annotated[str | None, typer.Option(help="The region's code, if not the directory's name.")] = None,
    insee: Annotated[str | None, typer.Option(help="The region's INSEE number, if not the SAE file's.")] = None,
    name: Annotated[str | None, typer.Option(help="The region's name, if not that of its INSEE number.")] = None,
    year: Annotated[int, typer.Option(help="Which year of the SAE file.")] = 2023,
) -> None:
    """Make a region directory, and name every row that was left out, and why."""
    try:
        report = region_build.build(sae, finess, _codes(departements), out, code, insee, name, year)
    except DirectoryErrors as errors:
        _stop(str(errors))
    typer.echo("\n".join(report.lines()))


@region_app.command()
def boundaries(
    departements: Departements,
    out: Annotated[Path, typer.Option("--out", help="The GeoJSON file to write.")],
    file: Annotated[
        Path | None, typer.Option("--file", help=f"A local {outlines.MAP}, instead of fetching {outlines.PACKAGE}.")
    ] = None,
) -> None:
    """Make the départements' outlines (GeoJSON) from the npm package jvectormap-content."""
    places = _named(_codes(departements))
    try:
        content = outlines.download() if file is None else file.read_text(encoding="utf-8")
        made = outlines.make(content, places)
    except (outlines.UnreadableMap, OSError, UnicodeDecodeError) as error:
        _stop(str(error))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(made)
    typer.echo(f"{out}: {len(places)} départements, {len(made)} bytes")


@region_app.command("replay-data")
def replay_files(
    directory: Annotated[Path, typer.Argument(help="A region directory; its replay/ is written.")],
    sae: Sae,
    beds_2018: Annotated[
        Path, typer.Option("--beds-2018", help="Critical-care beds by département before 2020 (CSV).")
    ],
    sivic: Annotated[Path, typer.Option("--sivic", help="COVID patients in hospital by day and département (CSV).")],
    first: Annotated[str, typer.Option("--from", help="First day.")] = "2020-03-18",
    last: Annotated[str, typer.Option("--to", help="Last day.")] = "2020-06-30",
) -> None:
    """Make what `vigilits replay` needs from the open data, so that it runs without them afterwards."""
    try:
        lines = replay_data.make(directory, sae, beds_2018, sivic, first, last)
    except DirectoryErrors as errors:
        _stop(str(errors))
    typer.echo("\n".join(lines))


def _codes(joined: str) -> list[str]:
    codes = [code.strip().upper() for code in joined.split(",") if code.strip()]
    _named(codes)
    return codes


def _named(codes: list[str]) -> list[Departement]:
    if not codes:
        _stop("--departements names none")
    try:
        return named(codes)
    except UnknownDepartement as error:
        _stop(str(error))


def _stop(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)
