"""`vigilits region …` as it is typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.region import BOUNDARIES, load
from launch.region_command import region_app
from tests.launch.test_boundaries import MAP
from tests.launch.test_region_build import PLACES, SITES, finess, sae

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"


def vigilits(*words: str | Path) -> Result:
    """Return what the command came to."""
    return CliRunner().invoke(region_app, [str(word) for word in words])


@pytest.fixture
def sources(tmp_path: Path) -> list[str | Path]:
    """Return the options that name the sources."""
    return ["--sae", sae(tmp_path / "sae.csv", SITES), "--finess", finess(tmp_path / "finess.csv", PLACES)]


def test_a_region_is_built_and_its_report_printed(tmp_path: Path, sources: list[str | Path]) -> None:
    out = tmp_path / "ariege"
    done = vigilits("build", *sources, "--departements", "09, 09", "--out", out)
    assert done.exit_code == 0, done.output
    assert "2 facilities, 1 with coordinates, 3 wards" in done.output
    assert "Rows left out (2):" in done.output
    (out / BOUNDARIES).write_bytes((OCCITANIE / BOUNDARIES).read_bytes())
    assert "region.yaml" in {path.name for path in out.iterdir()}


def test_mistakes_in_the_sources_are_printed_and_end_with_2(tmp_path: Path, sources: list[str | Path]) -> None:
    done = vigilits("build", *sources, "--departements", "46", "--out", tmp_path / "lot")
    assert done.exit_code == 2
    assert "sae.csv: no site of 46 in 2023" in done.output
    assert not (tmp_path / "lot").exists()


@pytest.mark.parametrize(("codes", "said"), [("9", "'9' is not a département's code"), (" , ", "names none")])
def test_departements_must_be_some(tmp_path: Path, sources: list[str | Path], codes: str, said: str) -> None:
    done = vigilits("build", *sources, "--departements", codes, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert said in done.output


def test_boundaries_are_made_from_a_local_map(tmp_path: Path) -> None:
    (tmp_path / "fr-merc.js").write_text(MAP, encoding="utf-8")
    out = tmp_path / "lot" / BOUNDARIES
    done = vigilits("boundaries", "--departements", "46", "--out", out, "--file", tmp_path / "fr-merc.js")
    assert done.exit_code == 0, done.output
    assert b'"name":"Lot"' in out.read_bytes()


def test_a_map_that_lacks_a_departement_is_said(tmp_path: Path) -> None:
    (tmp_path / "fr-merc.js").write_text(MAP, encoding="utf-8")
    out = tmp_path / BOUNDARIES
    done = vigilits("boundaries", "--departements", "46,31", "--out", out, "--file", tmp_path / "fr-merc.js")
    assert done.exit_code == 2
    assert "département 31 is not on the map" in done.output
    assert not out.exists()
    assert vigilits("boundaries", "--departements", "46", "--out", out, "--file", tmp_path / "no.js").exit_code == 2


def test_replay_data_says_what_it_lacks(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.csv"
    done = vigilits("replay-data", OCCITANIE, "--sae", nothing, "--beds-2018", nothing, "--sivic", nothing)
    assert done.exit_code == 2
    assert "nothing.csv: missing" in done.output
    load(OCCITANIE)
