"""A region directory is made from open data, and every row that was left out is named."""

import csv
from pathlib import Path

import pytest

from config.reading import DirectoryErrors
from config.region import BOUNDARIES, load
from launch import region_build
from launch.departements import UnknownDepartement, named
from launch.region_build import BEDS, IDENTITY, Report, build, csv_text

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
OCCITANIES = "09 11 12 30 31 32 34 46 48 65 66 81 82".split()

SITES: list[dict[str, str]] = [
    {"finess_et": "090000175", "name": "CHIVA SITE ST JEAN DE VERGES", "rea_adulte": "8", "medecine_lits": "158"},
    {
        "finess_et": "090000019",
        "name": "CH SAINT LOUIS AX LES THERMES",
        "ssr_lits": "50",
        "chirurgie_lits": "0",
        "commune": "AX LES THERMES",
    },
    {"finess_et": "090003823", "name": "USLD ST LIZIER", "usld_lits": "20"},
    {"finess_et": "090000999", "name": "RIEN", "medecine_lits": "0"},
    {"finess_et": "090000175", "name": "CHIVA", "rea_adulte": "7", "annee": "2022"},
    {"finess_et": "310000013", "name": "LUCHON", "ssr_lits": "30", "departement": "31"},
]
USUAL = {
    "annee": "2023",
    "finess_ej": "090781774",
    "region": "76",
    "departement": "09",
    "commune": "SAINT JEAN DE VERGES",
}
PLACES = [["090000175", "43.02856", "1.61588"], ["090000019", "", ""]]

OUTLINE = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"09","name":"Ariège"},'
    '"geometry":{"type":"Polygon","coordinates":[[[0.8,42.5],[2.2,42.5],[2.2,43.3],[0.8,43.3],[0.8,42.5]]]}}]}'
)


def sae(path: Path, sites: list[dict[str, str]]) -> Path:
    """Return a file shaped like the SAE's."""
    columns = (*IDENTITY, *BEDS)
    rows = [[(USUAL | site).get(column, "") for column in columns] for site in sites]
    path.write_text(csv_text(columns, rows), encoding="utf-8")
    return path


def finess(path: Path, places: list[list[str]]) -> Path:
    """Return a file shaped like the geocoded FINESS register."""
    path.write_text(csv_text(("finess_et", "lat", "lon"), places), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a directory that has its outlines already."""
    directory = tmp_path / "ariege"
    directory.mkdir()
    (directory / BOUNDARIES).write_text(OUTLINE, encoding="utf-8")
    return directory


def built(out: Path, sites: list[dict[str, str]] = SITES, places: list[list[str]] = PLACES) -> Report:
    """Return the report of a build from these rows."""
    directory = out.parent
    return build(sae(directory / "sae.csv", sites), [finess(directory / "finess.csv", places)], ["09"], out)


def test_what_is_built_holds_as_a_region_directory(out: Path) -> None:
    built(out)
    region = load(out)
    assert (region.code, region.insee, region.name) == ("ariege", "76", "Occitanie")
    assert [(each.finess_et, each.name) for each in region.facilities] == [
        ("090000019", "CH Saint-Louis Ax-les-Thermes"),
        ("090000175", "CHIVA Site Saint-Jean-de-Verges"),
    ]
    assert {ward.id: ward.installed for ward in region.wards} == {
        "090000019/smr": 50,
        "090000175/rea-adulte": 8,
        "090000175/medecine": 158,
    }


def test_neither_a_blank_nor_a_zero_makes_a_ward(out: Path) -> None:
    report = built(out)
    assert report.cells["chirurgie"] == (0, 1, 1, 0)
    assert report.cells["medecine"] == (1, 0, 1, 158)
    assert "090000019/chirurgie" not in load(out).ward_of


def test_every_row_left_out_says_why(out: Path) -> None:
    report = built(out)
    assert [(row.finess_et, row.reason) for row in report.left_out] == [
        ("090003823", "no critical care, medicine, SMR or HAD (only usld_lits 20)"),
        ("090000999", "no critical care, medicine, SMR or HAD (only blanks and zeros)"),
    ]
    assert report.other_rows == {"of another year": 1, "of other départements": 1}
    printed = "\n".join(report.lines())
    assert "090003823 USLD ST LIZIER: no critical care" in printed
    assert "1 rows: of another year" in printed


def test_every_site_without_coordinates_says_why(out: Path) -> None:
    places = [["090000175", "43.9", "1.61588"]]
    reasons = [(row.finess_et, row.reason) for row in built(out, places=places).not_located]
    assert reasons == [
        ("090000019", "not in the FINESS files"),
        ("090000175", "43.9, 1.61588 is outside département 09"),
    ]
    assert load(out).facility_of["090000175"].lat is None


def test_the_first_finess_file_that_knows_gives_the_coordinates(out: Path) -> None:
    directory = out.parent
    first = finess(directory / "first.csv", [["090000175", "", ""]])
    second = finess(directory / "second.csv", [["090000175", "43.02856", "1.61588"], ["090000019", "42.7", "1.8"]])
    third = finess(directory / "third.csv", [["090000019", "42.9", "1.9"]])
    build(sae(directory / "sae.csv", SITES), [first, second, third], ["09"], out)
    region = load(out)
    assert [(each.lat, each.lon) for each in region.facilities] == [(42.7, 1.8), (43.02856, 1.61588)]


def test_what_an_operator_set_stays_when_the_region_is_built_again(out: Path) -> None:
    built(out)
    settings = out / "region.yaml"
    settings.write_text(settings.read_text().replace("in_tension: false", "in_tension: true"))
    report = built(out, SITES[:1])
    assert report.kept_files == ["region.yaml", "bed_kinds.yaml"]
    region = load(out)
    assert region.freshness.in_tension
    assert len(region.facilities) == 1


def test_all_mistakes_of_the_sources_are_told_and_nothing_is_written(out: Path) -> None:
    sites = [
        SITES[0] | {"rea_adulte": "eight"},
        SITES[1] | {"finess_ej": "1"},
        SITES[2],
        {**SITES[0], "finess_et": "090000183"},
        {**SITES[0], "finess_et": "090000183"},
    ]
    with pytest.raises(DirectoryErrors) as raised:
        built(out, sites, [["090000175", "north", "1.6"]])
    assert [str(error).partition(" must")[0] for error in raised.value.errors] == [
        "finess.csv:2: 'north', '1.6' are not coordinates",
        "sae.csv:2: rea_adulte 'eight'",
        "sae.csv:3: finess_ej '1' is not a FINESS number (9 characters)",
        "sae.csv:6: FINESS '090000183' is on line 5",
    ]
    assert [path.name for path in out.iterdir()] == [BOUNDARIES]


def test_a_year_or_a_department_without_sites_is_a_mistake(out: Path) -> None:
    file = sae(out.parent / "sae.csv", SITES)
    register = finess(out.parent / "finess.csv", PLACES)
    with pytest.raises(DirectoryErrors, match=r"sae.csv: no site of 46 in 2023"):
        build(file, [register], ["46"], out)
    with pytest.raises(DirectoryErrors, match=r"sae.csv: no site of 09 in 1999"):
        build(file, [register], ["09"], out, year=1999)


def test_departements_of_two_regions_need_to_know_which(out: Path) -> None:
    sites = [SITES[0], SITES[5] | {"region": "84"}]
    file = sae(out.parent / "sae.csv", sites)
    register = finess(out.parent / "finess.csv", PLACES)
    with pytest.raises(DirectoryErrors, match="the départements are of regions 76, 84; say which with --insee"):
        build(file, [register], ["09", "31"], out)
    report = build(file, [register], ["09", "31"], out, insee="76", name="Ici")
    assert report.facilities == 2


def test_a_code_of_no_departement_is_refused() -> None:
    with pytest.raises(UnknownDepartement, match="'20' is not a département's code"):
        named(["09", "20"])
    assert [departement.name for departement in named(["2B", "09", "09", "974"])] == [
        "Ariège",
        "Haute-Corse",
        "La Réunion",
    ]


def test_every_kind_of_the_table_has_its_column(out: Path) -> None:
    built(out)
    assert [kind.code for kind in load(out).kinds if kind.code not in region_build.COLUMNS] == []
    assert set(region_build.COLUMNS) == {kind.code for kind in load(out).kinds}


# --- with the real files, where they are -----------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_occitanie_as_it_is_kept_is_what_the_real_files_make(tmp_path: Path) -> None:
    """Where the shared data is not there, the kept directory stands for itself."""
    if not SHARED.is_dir():
        assert len(load(OCCITANIE).facilities) == 267
        return
    out = tmp_path / "occitanie"
    out.mkdir()
    (out / BOUNDARIES).write_bytes((OCCITANIE / BOUNDARIES).read_bytes())
    files = [SHARED / "finess_hospitals.csv", SHARED / "occitanie_facilities.csv"]
    report = build(SHARED / "sae_etablissements_2022_2023.csv", files, OCCITANIES, out)
    assert (report.facilities, report.located, report.wards, len(report.left_out)) == (267, 242, 859, 23)
    for file in ("facilities.csv", "wards.csv", "bed_kinds.yaml"):
        assert (out / file).read_text() == (OCCITANIE / file).read_text()
    theirs = rows_of(SHARED / "occitanie_facilities.csv")
    region = load(out)
    assert {each.finess_et for each in region.facilities} == {row["finess_et"] for row in theirs}
    for row in theirs:
        facility = region.facility_of[row["finess_et"]]
        assert (facility.finess_ej, facility.departement) == (row["finess_ej"], row["departement"])
        assert (facility.lat, facility.lon) == tuple(float(row[c]) if row[c] else None for c in ("lat", "lon"))
        declared = [int(row[column] or 0) for column in ("ssr", "ssr_places", "had_places", "medecine")]
        wards = [f"{facility.finess_et}/{kind}" for kind in ("smr", "smr-places", "had", "medecine")]
        assert [getattr(region.ward_of.get(ward), "installed", 0) for ward in wards] == declared


def test_ile_de_france_can_be_made_too(tmp_path: Path) -> None:
    """Any region: without its outlines, they are what is missing, and the message says how to make them."""
    if not SHARED.is_dir():
        assert len(named("75 77 78 91 92 93 94 95".split())) == 8
        return
    out = tmp_path / "ile-de-france"
    files = [SHARED / "finess_hospitals.csv", SHARED / "idf_facilities.csv"]
    codes = "75 77 78 91 92 93 94 95".split()
    report = build(SHARED / "sae_etablissements_2022_2023.csv", files, codes, out)
    assert (report.facilities, report.located) == (319, 298)
    with pytest.raises(DirectoryErrors) as raised:
        load(out)
    (missing,) = raised.value.errors
    assert missing.file == BOUNDARIES
