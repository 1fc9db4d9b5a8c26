"""The real figures behind a replay, `config/regions/<code>/replay/`: made from open data, loaded and checked."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from config.reading import Findings, Row, count, shown, table, text
from config.region import load as load_region
from domain.places import Region
from launch.region_build import csv_text
from launch.scenario import GROUPS, UNITS, BedDays, Covid, Tables

DIRECTORY = "replay"
COVID, BEDS, BED_DAYS = "sivic.csv", "beds_2018.csv", "bed_days.csv"
COVID_COLUMNS = ("date", "departement", "hosp", "critical")
BEDS_COLUMNS = ("departement", "group", "beds")
BED_DAYS_COLUMNS = ("facility", "unit", "year", "available", "used")

# Where the figures stand in the open data.
GROUP_COLUMNS = {
    "rea": "rea",
    "usic": "si_usic",
    "usinv": "si_neurovasc",
    "si-autres": "si_autres",
    "sc": "surv_continue",
}
UNIT_COLUMNS = {"rea-adulte": "rea_adulte", "si": "si", "sc-adulte": "sc_adulte", "mco": "mco"}
YEARS = ("2023", "2022")  # the first in which a unit declares bed-days counts


def load(directory: Path, region: Region) -> Tables:
    """Return the replay's figures of a region directory; raises DirectoryErrors with everything wrong in them."""
    findings = Findings()
    codes = {departement.code for departement in region.departements}
    tables = Tables(
        covid=_covid(_read(directory, COVID, COVID_COLUMNS, findings), codes, findings),
        beds_2018=_beds(_read(directory, BEDS, BEDS_COLUMNS, findings), codes, findings),
        bed_days=_bed_days(_read(directory, BED_DAYS, BED_DAYS_COLUMNS, findings), region, findings),
    )
    findings.settle()
    return tables


def _read(directory: Path, file: str, columns: tuple[str, ...], findings: Findings) -> list[Row]:
    content = text(directory / DIRECTORY / file, f"{DIRECTORY}/{file}", findings, "this region has no replay")
    return [] if content is None else table(f"{DIRECTORY}/{file}", content, columns, findings)


def _covid(rows: list[Row], codes: set[str], findings: Findings) -> dict[tuple[date, str], Covid]:
    found: dict[tuple[date, str], Covid] = {}
    for row in rows:
        day = day_of(row["date"])
        hospital, critical = count(row["hosp"]), count(row["critical"])
        if day is None:
            findings.add(f"{DIRECTORY}/{COVID}", row.line, f"{shown(row['date'])} is not a date (2020-03-18)")
        elif row["departement"] not in codes:
            findings.add(
                f"{DIRECTORY}/{COVID}", row.line, f"département {shown(row['departement'])} is not the region's"
            )
        elif hospital is None or critical is None or critical > hospital:
            findings.add(
                f"{DIRECTORY}/{COVID}", row.line, "hosp and critical must be whole numbers, critical within hosp"
            )
        elif (day, row["departement"]) in found:
            findings.add(f"{DIRECTORY}/{COVID}", row.line, f"{day} of {row['departement']} is given twice")
        else:
            found[day, row["departement"]] = Covid(hospital, critical)
    days = sorted({day for day, _ in found})
    for day in days:
        # A hole would be read as no patients.
        missing = [code for code in sorted(codes) if (day, code) not in found]
        if missing:
            findings.add(f"{DIRECTORY}/{COVID}", 0, f"{day} lacks {', '.join(missing)}")
    if days and (days[-1] - days[0]).days + 1 != len(days):
        findings.add(f"{DIRECTORY}/{COVID}", 0, "days are missing between the first and the last")
    return found


def _beds(rows: list[Row], codes: set[str], findings: Findings) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        beds = count(row["beds"])
        if row["departement"] not in codes or row["group"] not in GROUPS:
            findings.add(f"{DIRECTORY}/{BEDS}", row.line, "not a département of the region and a group of beds")
        elif beds is None:
            findings.add(f"{DIRECTORY}/{BEDS}", row.line, f"beds {shown(row['beds'])} must be a whole number")
        else:
            found[row["departement"], row["group"]] = beds
    return found


def _bed_days(rows: list[Row], region: Region, findings: Findings) -> dict[tuple[str, str], BedDays]:
    found: dict[tuple[str, str], BedDays] = {}
    units = set(UNITS.values())
    for row in rows:
        available, used = count(row["available"]), count(row["used"])
        if row["facility"] not in region.facility_of or row["unit"] not in units:
            findings.add(f"{DIRECTORY}/{BED_DAYS}", row.line, "not a facility of the region and a unit")
        elif not available or used is None:
            findings.add(f"{DIRECTORY}/{BED_DAYS}", row.line, "available must be above 0, and used a whole number")
        else:
            found[row["facility"], row["unit"]] = BedDays(available, used)
    return found


def day_of(words: str) -> date | None:
    """Return the day of an ISO date, or None where the text is none."""
    try:
        day = date.fromisoformat(words)
    except ValueError:
        return None
    return day if day.isoformat() == words else None  # not 20200318, nor 2020-W12-3


# --- making ----------------------------------------------------------------------------------------------------------


def make(directory: Path, sae: Path, beds_2018: Path, sivic: Path, first: str, last: str) -> list[str]:
    """Return what was written, line by line; raises DirectoryErrors, and then nothing is."""
    region = load_region(directory)
    codes = [departement.code for departement in region.departements]
    findings = Findings()
    for option, words in (("--from", first), ("--to", last)):
        if day_of(words) is None:
            findings.add(option, 0, f"{shown(words)} is not a date (2020-03-18)")
    covid = [
        [row["date"], row["dep"], row["hosp"], row["rea"]]
        for row in _source(sivic, ("date", "dep", "hosp", "rea"), findings)
        if row["dep"] in codes and first <= row["date"] <= last
    ]
    beds = [
        [row["departement"], group, row[column]]
        for row in _source(beds_2018, ("departement", *GROUP_COLUMNS.values()), findings)
        if row["departement"] in codes
        for group, column in GROUP_COLUMNS.items()
        if row[column]
    ]
    used = list(_used(sae, region, findings))
    findings.settle()
    out = directory / DIRECTORY
    out.mkdir(exist_ok=True)
    made = {
        COVID: (COVID_COLUMNS, sorted(covid)),
        BEDS: (BEDS_COLUMNS, sorted(beds)),
        BED_DAYS: (BED_DAYS_COLUMNS, sorted(used)),
    }
    for file, (columns, rows) in made.items():
        (out / file).write_text(csv_text(columns, rows), encoding="utf-8")
    load(directory, region)  # what was just written must hold
    return [f"{out / file}: {len(rows)} rows" for file, (_, rows) in made.items()]


def _source(path: Path, columns: tuple[str, ...], findings: Findings) -> list[Row]:
    content = text(path, path.name, findings)
    return [] if content is None else table(path.name, content, columns, findings, strict=False)


def _used(sae: Path, region: Region, findings: Findings) -> Iterable[list[str]]:
    """Yield the bed-days of each unit of the region's facilities, of the newest year that has them."""
    columns = tuple(f"{name}_{what}" for name in UNIT_COLUMNS.values() for what in ("jli", "jou"))
    rows = _source(sae, ("annee", "finess_et", *columns), findings)
    of_year = {(row["annee"], row["finess_et"]): row for row in rows}
    for facility in region.facility_of:
        for unit, name in UNIT_COLUMNS.items():
            for year in YEARS:
                row = of_year.get((year, facility))
                if row and count(row[f"{name}_jli"]) and row[f"{name}_jou"]:
                    yield [facility, unit, year, row[f"{name}_jli"], row[f"{name}_jou"]]
                    break
