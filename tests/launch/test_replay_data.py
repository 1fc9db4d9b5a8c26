"""The figures behind a replay are made from open data, and checked as a whole."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from config.reading import DirectoryErrors
from config.region import load as load_region
from launch import replay_data
from launch.replay_data import BED_DAYS, BEDS, COVID, DIRECTORY, load, make
from launch.scenario import BedDays
from launch.scenario import Covid as Patients

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of Occitanie's directory, to be spoilt."""
    return Path(shutil.copytree(OCCITANIE, tmp_path / "occitanie"))


def change(directory: Path, file: str, before: str, after: str) -> None:
    """Put other words into a file of the replay; they must have been there."""
    path = directory / DIRECTORY / file
    content = path.read_text(encoding="utf-8")
    assert before in content
    path.write_text(content.replace(before, after, 1), encoding="utf-8")


def test_occitanies_figures_are_those_of_the_sources() -> None:
    tables = load(OCCITANIE, load_region(OCCITANIE))
    assert tables.covid[date(2020, 4, 8), "31"] == Patients(hospital=229, critical=108)
    assert tables.beds_2018["31", "rea"] == 161
    assert ("46", "usic") not in tables.beds_2018, "blank in 2018 is unknown, not zero"
    assert tables.bed_days["090000175", "rea-adulte"] == BedDays(available=3504, used=3400)
    assert len(tables.covid) == 105 * 13


def test_they_are_made_again_from_the_open_data(copy: Path) -> None:
    """Where the shared data is not there, the kept files stand for themselves."""
    if not SHARED.is_dir():
        assert load(copy, load_region(copy)) == load(OCCITANIE, load_region(OCCITANIE))
        return
    for file in (COVID, BEDS, BED_DAYS):
        (copy / DIRECTORY / file).unlink()
    told = make(
        copy,
        SHARED / "sae_etablissements_2022_2023.csv",
        SHARED / "lits_soins_critiques_departement_2018.csv",
        SHARED / "sivic_departements_daily.csv",
        "2020-03-18",
        "2020-06-30",
    )
    assert len(told) == 3
    for file in (COVID, BEDS, BED_DAYS):
        assert (copy / DIRECTORY / file).read_text() == (OCCITANIE / DIRECTORY / file).read_text()


def test_all_mistakes_are_told_at_once_with_file_and_line(copy: Path) -> None:
    change(copy, COVID, "2020-03-18,09,1,1", "2020-03-18,09,1,2")
    change(copy, COVID, "2020-03-18,12,", "18/03/2020,12,")
    change(copy, COVID, "2020-03-18,30,", "2020-03-18,75,")
    change(copy, COVID, "2020-03-18,34,", "2020-03-18,32,")
    change(copy, BEDS, "09,rea,8", "09,rea,eight")
    change(copy, BEDS, "09,sc,", "09,usc,")
    change(copy, BED_DAYS, "090000175,mco,2023,", "090000175,mco,2023,0")
    change(copy, BED_DAYS, "090000175,rea-adulte", "999999999,rea-adulte")
    with pytest.raises(DirectoryErrors) as raised:
        load(copy, load_region(copy))
    told = [str(error) for error in raised.value.errors]
    assert any(line.startswith("replay/bed_days.csv:3: not a facility of the region") for line in told), told
    assert "replay/beds_2018.csv:2: beds 'eight' must be a whole number" in told
    assert "replay/beds_2018.csv:3: not a département of the region and a group of beds" in told
    assert "replay/sivic.csv:2: hosp and critical must be whole numbers, critical within hosp" in told
    assert "replay/sivic.csv:4: '18/03/2020' is not a date (2020-03-18)" in told
    assert "replay/sivic.csv:5: département '75' is not the region's" in told
    assert "replay/sivic.csv:8: 2020-03-18 of 32 is given twice" in told
    assert "replay/sivic.csv: 2020-03-18 lacks 09, 12, 30, 34" in told


def test_a_missing_day_is_a_mistake_and_not_a_day_without_patients(copy: Path) -> None:
    path = copy / DIRECTORY / COVID
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "2020-05-01" not in line))
    with pytest.raises(DirectoryErrors, match="days are missing between the first and the last"):
        load(copy, load_region(copy))


def test_a_region_without_a_replay_says_so(copy: Path) -> None:
    shutil.rmtree(copy / DIRECTORY)
    with pytest.raises(DirectoryErrors, match=r"replay/sivic\.csv: missing; this region has no replay"):
        load(copy, load_region(copy))


def test_what_can_not_be_made_is_not_begun(copy: Path, tmp_path: Path) -> None:
    before = (copy / DIRECTORY / COVID).read_bytes()
    nowhere = tmp_path / "nowhere.csv"
    with pytest.raises(DirectoryErrors) as raised:
        make(copy, nowhere, nowhere, nowhere, "yesterday", "2020-06-30")
    assert [str(error) for error in raised.value.errors] == [
        "--from: 'yesterday' is not a date (2020-03-18)",
        "nowhere.csv: missing",
    ]
    assert (copy / DIRECTORY / COVID).read_bytes() == before


@pytest.mark.parametrize("words", ["2020-02-30", "20200318", "2020-W12-3", "", "2020-3-1800"])
def test_only_plain_dates_are_dates(words: str) -> None:
    assert replay_data.day_of(words) is None
