"""The replay's deal: what is real stays exact, and nothing is invented that could not be."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.region import load
from domain.capacity.figures import mistakes_in
from domain.events import AVAILABLE, CLOSED, INSTALLED, OCCUPIED, SUPPLEMENTARY
from domain.places import BedKind, Departement, Facility, Region, Ward, Words
from launch import replay_data
from launch.scenario import (
    GROUPS,
    ORDINARY,
    TAKES_COVID,
    UNITS,
    BedDays,
    BedReport,
    Covid,
    Figure,
    NoPlace,
    Row,
    Scenario,
    Tables,
    cancelled,
    capacities,
    chance,
    share,
)

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
FIRST = date(2020, 3, 18)
PEAK = date(2020, 4, 8)
LIMIT_H, LIMIT_IN_TENSION_H = 24, 12


@pytest.fixture(scope="module")
def occitanie() -> Scenario:
    """Return the spring of 2020 in Occitanie."""
    region = load(OCCITANIE)
    return Scenario(region, replay_data.load(OCCITANIE, region))


@pytest.fixture(scope="module")
def days(occitanie: Scenario) -> dict[date, list[BedReport]]:
    """Return all of its 105 days."""
    return {day: occitanie.day(day) for day in occitanie.days}


def folded(days: dict[date, list[BedReport]]) -> dict[date, dict[tuple[str, str], Row]]:
    """Return what stands at the end of each day when each row replaces the one before it."""
    standing: dict[tuple[str, str], Row] = {}
    at_the_end = {}
    for day, reports in days.items():
        for report in reports:
            for row in report.rows:
                standing[row.ward, row.status] = row
        at_the_end[day] = dict(standing)
    return at_the_end


def total(row: Row | None) -> int:
    """Return the sum of a row's splits."""
    return sum(split.count for split in row.splits) if row else 0


# --- Occitanie, all 105 days -----------------------------------------------------------------------------------------


def test_the_days_are_those_of_the_first_wave(occitanie: Scenario) -> None:
    assert (occitanie.days[0], occitanie.days[-1], len(occitanie.days)) == (FIRST, date(2020, 6, 30), 105)


def test_every_day_ends_with_si_vics_covid_patients_in_each_departement(
    occitanie: Scenario, days: dict[date, list[BedReport]]
) -> None:
    region = occitanie.region
    for day, standing in folded(days).items():
        found: dict[str, int] = defaultdict(int)
        for (ward, status), row in standing.items():
            if status == OCCUPIED and region.kind_of[region.ward_of[ward].kind].critical:
                departement = region.facility_of[region.ward_of[ward].facility].departement
                found[departement] += sum(split.count for split in row.splits if split.assignment == "02")
        assert found == occitanie.covid_in_critical_care(day)


def test_four_departements_exceed_their_reanimation_beds(occitanie: Scenario) -> None:
    """Aude, Lot, Tarn and Pyrénées-Orientales had more COVID patients in critical care than réanimation beds."""
    beds: dict[str, int] = defaultdict(int)
    for ward in occitanie.region.wards:
        if ward.kind == "rea-adulte":
            beds[occitanie.region.facility_of[ward.facility].departement] += occitanie.beds[ward.id]
    exceeding: dict[str, int] = defaultdict(int)
    for day in occitanie.days:
        for departement, patients in occitanie.covid_in_critical_care(day).items():
            exceeding[departement] += patients > beds[departement]
    assert {code: count for code, count in exceeding.items() if count} == {"11": 10, "46": 8, "66": 11, "81": 1}


def test_every_row_is_one_that_the_fold_takes(occitanie: Scenario, days: dict[date, list[BedReport]]) -> None:
    region = occitanie.region
    for reports in days.values():
        for report in reports:
            kind = region.kind_of[region.ward_of[report.ward].kind]
            for row in report.rows:
                assert row.ward == report.ward
                assert row.nature == kind.nature
                assert mistakes_in(row.nature, row.status, row.temporality, row.splits) == []


def test_only_adult_critical_care_takes_covid_patients(occitanie: Scenario, days: dict[date, list[BedReport]]) -> None:
    for reports in days.values():
        for report in reports:
            kind = occitanie.region.kind_of[occitanie.region.ward_of[report.ward].kind]
            for row in report.rows:
                covid = sum(split.count for split in row.splits if split.assignment == "02")
                assert not covid or kind.code in TAKES_COVID
                assert row.status != SUPPLEMENTARY or kind.code in TAKES_COVID
                if row.status == OCCUPIED:
                    said = {split.assignment for split in row.splits}
                    assert said == ({"02", "03"} if kind.critical else {"01"})


def test_reanimation_is_filled_before_the_rest(occitanie: Scenario) -> None:
    """Where the second tier has a COVID patient, the first has no bed that could have taken one."""
    region = occitanie.region
    for day in occitanie.days:
        figures = occitanie.figures(day)
        second: set[str] = set()
        free: dict[str, int] = defaultdict(int)
        for ward in region.wards:
            departement = region.facility_of[ward.facility].departement
            if ward.kind in TAKES_COVID - {"rea-adulte"} and figures[ward.id].covid:
                second.add(departement)
            if ward.kind == "rea-adulte":
                free[departement] += occitanie.beds[ward.id] - figures[ward.id].occupied
        assert all(free[departement] == 0 for departement in second)


def test_every_ward_with_covid_patients_reports_that_day_and_in_time(
    occitanie: Scenario, days: dict[date, list[BedReport]]
) -> None:
    """No gap reaches the limit of tension, over midnight neither."""
    told_at: dict[str, float] = {}
    for place, (day, reports) in enumerate(days.items()):
        reporting = {report.ward for report in reports}
        figures = occitanie.figures(day)
        assert not [ward for ward, figure in figures.items() if figure.covid and ward not in reporting]
        for report in reports:
            if occitanie.region.ward_of[report.ward].kind in TAKES_COVID:
                at = 24 * place + report.hour
                assert at - told_at.get(report.ward, at) < LIMIT_IN_TENSION_H
                told_at[report.ward] = at


def test_wards_fall_silent_past_their_limit_only_without_covid_patients(
    occitanie: Scenario, days: dict[date, list[BedReport]]
) -> None:
    """Stale and unknown are to be seen in a replay, but no sum may be wrong because somebody slept."""
    region = occitanie.region
    heard: dict[str, int] = defaultdict(int)
    longest: dict[str, int] = defaultdict(int)
    last: dict[str, int] = {}
    for place, reports in enumerate(days.values()):
        for ward in {report.ward for report in reports}:
            heard[ward] += 1
            longest[ward] = max(longest[ward], place - last.get(ward, place))
            last[ward] = place
    never = {ward.id for ward in region.wards if not heard[ward.id]}
    silent = {ward.id for ward in region.wards if longest[ward.id] > (4 if region.kind_of[ward.kind].slow else 2)}
    assert 0 < len(never) < 40
    assert 100 < len(silent) < 600
    assert not [ward for ward in never | silent if region.ward_of[ward].kind in TAKES_COVID]
    for day in list(days)[::10]:
        quiet = sum(occitanie.is_silent(ward, day) for ward in region.wards)
        assert 0.02 < quiet / len(region.wards) < 0.10


def test_occupied_exceeds_open_only_where_the_real_yearly_mean_does(
    occitanie: Scenario, days: dict[date, list[BedReport]]
) -> None:
    over: set[str] = set()
    for standing in folded(days).values():
        for ward in {ward for ward, _ in standing}:
            installed, closed, extra, occupied = (
                total(standing.get((ward, status))) for status in (INSTALLED, CLOSED, SUPPLEMENTARY, OCCUPIED)
            )
            if (ward, CLOSED) in standing and occupied > installed - closed + extra:
                over.add(ward)
    assert 0 < len(over) < 15
    tables = replay_data.load(OCCITANIE, occitanie.region)
    for ward in over:
        facility, kind = ward.split("/")
        unit = tables.bed_days[facility, UNITS[kind]]
        assert unit.used > unit.available


def test_a_day_ends_with_the_days_figure(occitanie: Scenario, days: dict[date, list[BedReport]]) -> None:
    standing = folded(days)[PEAK]
    spoken = {report.ward for report in days[PEAK]}
    for ward in spoken:
        figure = occitanie.figures(PEAK)[ward]
        assert total(standing[ward, OCCUPIED]) == figure.occupied
        assert total(standing[ward, INSTALLED]) == occitanie.beds[ward]
        if (ward, SUPPLEMENTARY) in standing:
            assert total(standing[ward, SUPPLEMENTARY]) == figure.supplementary


def test_available_is_never_more_than_is_open_and_empty(days: dict[date, list[BedReport]]) -> None:
    for standing in folded(days).values():
        for ward in {ward for ward, _ in standing}:
            free = total(standing.get((ward, INSTALLED))) + total(standing.get((ward, SUPPLEMENTARY)))
            free -= total(standing.get((ward, CLOSED))) + total(standing.get((ward, OCCUPIED)))
            assert total(standing[ward, AVAILABLE]) <= max(0, free)


def test_reports_come_at_believable_hours(occitanie: Scenario, days: dict[date, list[BedReport]]) -> None:
    for reports in days.values():
        assert reports == sorted(reports, key=lambda report: (report.hour, report.ward))
        assert all(0 <= report.hour < 24 for report in reports)
        last_hour = {report.ward: report.hour for report in reports}
        assert all(report.last == (report.hour == last_hour[report.ward]) for report in reports)
    by_hand = [report.hour for reports in days.values() for report in reports if report.source_type == "01"]
    assert min(by_hand) > 5.5
    night = sum(hour > 22.7 for hour in by_hand) / len(by_hand)
    assert 0 < night < 0.01, "a few late ones come late in the evening"


def test_ordinary_patients_recede_and_come_back(occitanie: Scenario) -> None:
    def ordinary(day: date, kind: str) -> int:
        figures = occitanie.figures(day)
        return sum(figures[ward.id].ordinary for ward in occitanie.region.wards if ward.kind == kind)

    surgery = [ordinary(day, "chirurgie") for day in (FIRST, PEAK, date(2020, 6, 30))]
    assert surgery[1] < 0.6 * surgery[0]
    assert surgery[2] > 1.5 * surgery[1]
    assert ordinary(PEAK, "obstetrique") > 0.85 * ordinary(FIRST, "obstetrique")


def test_day_places_are_closed_at_weekends(occitanie: Scenario) -> None:
    saturday = occitanie.figures(date(2020, 4, 11))
    for ward in occitanie.region.wards:
        if ward.kind in ("mco-places", "smr-places"):
            assert (saturday[ward.id].ordinary, saturday[ward.id].closed) == (0, occitanie.beds[ward.id])


def test_the_same_seed_tells_the_same_and_another_does_not(occitanie: Scenario) -> None:
    tables = replay_data.load(OCCITANIE, occitanie.region)
    again = Scenario(occitanie.region, tables)
    assert again.day(PEAK) == occitanie.day(PEAK)
    other = Scenario(occitanie.region, tables, seed=7)
    assert other.day(PEAK) != occitanie.day(PEAK)
    assert other.covid_in_critical_care(PEAK) == occitanie.covid_in_critical_care(PEAK)


def test_a_day_can_be_told_alone_or_again(occitanie: Scenario) -> None:
    """After another day than the one before it, what stands in the end is the same."""
    usual, again = occitanie.day(PEAK), occitanie.day(PEAK, after=PEAK)
    assert folded({PEAK: usual}) == folded({PEAK: again})
    assert [report.hour for report in usual] == [report.hour for report in again]


def test_2018s_beds_are_spread_within_departement_and_kind(occitanie: Scenario) -> None:
    region = occitanie.region
    tables = replay_data.load(OCCITANIE, region)
    spread: dict[tuple[str, str], int] = defaultdict(int)
    sites_2023: dict[tuple[str, str], int] = defaultdict(int)
    for ward in region.wards:
        key = region.facility_of[ward.facility].departement, ward.kind
        spread[key] += occitanie.beds[ward.id]
        sites_2023[key] += ward.installed or 0
    for departement in region.departements:
        for group, (kind, child) in GROUPS.items():
            key = departement.code, kind
            expected = sites_2023[key]
            if (departement.code, group) in tables.beds_2018 and expected:
                expected = tables.beds_2018[departement.code, group] - sites_2023[departement.code, child or ""]
            assert spread[key] == expected
    assert spread["31", "rea-adulte"] == 161 - 12, "2018 mixes adults and children"
    assert occitanie.beds["310016977/rea-enfant"] == region.ward_of["310016977/rea-enfant"].installed


# --- any region ------------------------------------------------------------------------------------------------------

KINDS = ("rea-adulte", "rea-enfant", "usic", "si-autres", "sc-adulte", "medecine", "chirurgie", "had", "inconnu")


def region_of(wards: list[tuple[str, str, int]]) -> Region:
    """Return a region with these (département, kind, beds), a facility for each."""
    kinds = tuple(
        BedKind(
            code=code,
            label=Words(code, code),
            short=Words(code, code),
            critical=code in {"rea-adulte", "rea-enfant", "usic", "si-autres", "sc-adulte"},
            slow=code == "had",
            nature="02" if code == "had" else "01",
        )
        for code in KINDS
    )
    facilities = tuple(
        Facility(f"{place:09}", f"{place:09}", "site", "ville", departement)
        for place, (departement, _, _) in enumerate(wards)
    )
    return Region(
        code="ici",
        insee="99",
        name="Ici",
        departements=(Departement("09", "Ariège"), Departement("46", "Lot")),
        kinds=kinds,
        facilities=facilities,
        wards=tuple(
            Ward(f"{place:09}/{kind}", f"{place:09}", kind, beds) for place, (_, kind, beds) in enumerate(wards)
        ),
    )


WARDS = st.lists(st.tuples(st.sampled_from(["09", "46"]), st.sampled_from(KINDS), st.integers(0, 40)), max_size=12)
ALWAYS = [("09", "rea-adulte", 8), ("46", "sc-adulte", 4)]


@settings(max_examples=60)
@given(
    wards=WARDS,
    beds_2018=st.dictionaries(
        st.tuples(st.sampled_from(["09", "46"]), st.sampled_from(sorted(GROUPS))), st.integers(0, 60)
    ),
    patients=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 200)), min_size=2, max_size=2),
    bed_days=st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 1600)), max_size=4),
    day=st.dates(date(2020, 2, 1), date(2021, 2, 1)),
    seed=st.integers(0, 1000),
)
def test_whatever_the_figures_covid_patients_add_up_and_nothing_is_negative(
    wards: list[tuple[str, str, int]],
    beds_2018: dict[tuple[str, str], int],
    patients: list[tuple[int, int]],
    bed_days: list[tuple[int, int]],
    day: date,
    seed: int,
) -> None:
    region = region_of([*ALWAYS, *wards])
    covid = {
        (when, departement): Covid(hospital=critical + others, critical=critical)
        for when in (day, day + timedelta(days=1))
        for departement, (critical, others) in zip(("09", "46"), patients, strict=True)
    }
    used = {
        (f"{place:09}", unit): BedDays(*each) for place, each in enumerate(bed_days) for unit in ("rea-adulte", "mco")
    }
    scenario = Scenario(region, Tables(covid, beds_2018, used), seed)
    for when in scenario.days:
        found: dict[str, int] = defaultdict(int)
        for id_, figure in scenario.figures(when).items():
            ward = region.ward_of[id_]
            assert min(figure) >= 0
            found[region.facility_of[ward.facility].departement] += figure.covid
            assert not figure.covid or ward.kind in TAKES_COVID
            assert not figure.supplementary or ward.kind in TAKES_COVID
            if figure.covid:
                assert figure.occupied <= scenario.beds[id_] + figure.supplementary - figure.closed
        assert {code: found[code] for code in ("09", "46")} == scenario.covid_in_critical_care(when)
        for report in scenario.day(when):
            assert all(split.count >= 0 for row in report.rows for split in row.splits)


def test_supplementary_beds_are_opened_where_all_others_are_taken() -> None:
    region = region_of([("09", "rea-adulte", 8), ("09", "sc-adulte", 6), ("46", "sc-adulte", 4)])
    covid = {(PEAK, "09"): Covid(60, 25), (PEAK, "46"): Covid(9, 9)}
    scenario = Scenario(region, Tables(covid, {}, {}))
    figures = list(scenario.figures(PEAK).values())
    assert sum(figure.covid for figure in figures[:2]) == 25
    assert figures[0].supplementary >= figures[0].covid - 8 > 0
    assert figures[1].supplementary == 0, "réanimation opens them, not surveillance continue"
    assert figures[2].supplementary >= 5, "but where there is no réanimation, the next tier does"
    assert all(figure.supplementary % 2 == 0 for figure in figures)
    extra = [row for report in scenario.day(PEAK) for row in report.rows if row.status == SUPPLEMENTARY]
    assert {(split.extra, split.crisis) for row in extra for split in row.splits} == {("01", "02")}


def test_a_departement_with_patients_and_no_ward_for_them_is_said_at_once() -> None:
    region = region_of([("09", "rea-enfant", 8), ("46", "rea-adulte", 4)])
    covid = {(PEAK, "09"): Covid(3, 2), (PEAK, "46"): Covid(0, 0)}
    with pytest.raises(NoPlace, match="09 has 2 COVID patients in critical care on 2020-04-08"):
        Scenario(region, Tables(covid, {}, {}))


def test_a_ward_whose_beds_are_unknown_stays_silent() -> None:
    region = region_of([("09", "rea-adulte", 8), ("46", "rea-adulte", 4)])
    unknown = Ward("000000001/rea-adulte", "000000001", "rea-adulte")
    region = Region(
        code="ici",
        insee="99",
        name="Ici",
        departements=region.departements,
        kinds=region.kinds,
        facilities=region.facilities,
        wards=(region.wards[0], unknown),
    )
    scenario = Scenario(region, Tables({(PEAK, "09"): Covid(1, 1), (PEAK, "46"): Covid(0, 0)}, {("46", "rea"): 9}, {}))
    assert {report.ward for report in scenario.day(PEAK)} == {"000000000/rea-adulte"}


def test_a_unit_that_declares_twice_its_bed_days_is_not_believed() -> None:
    region = region_of([("09", "rea-adulte", 100), ("46", "rea-adulte", 100)])
    used = {("000000000", "rea-adulte"): BedDays(100, 190), ("000000001", "rea-adulte"): BedDays(9900, 4950)}
    day = date(2020, 3, 1)
    scenario = Scenario(region, Tables({(day, "09"): Covid(0, 0), (day, "46"): Covid(0, 0)}, {}, used))
    figures = scenario.figures(day)
    assert figures["000000000/rea-adulte"].ordinary < 60, "the mean of all units stands in"
    assert 45 < figures["000000001/rea-adulte"].ordinary < 55


# --- parts -----------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.one_of(st.integers(0, 90), st.floats(0, 90)), st.integers(0, 60)), max_size=9),
)
def test_a_share_adds_up_and_keeps_within_its_bounds(total_: int, parts: list[tuple[float, int]]) -> None:
    weights, most = [weight for weight, _ in parts], [bound for _, bound in parts]
    bounded = share(total_, weights, most)
    assert sum(bounded) == min(total_, sum(most))
    assert all(0 <= one <= bound for one, bound in zip(bounded, most, strict=True))
    if parts:
        assert sum(share(total_, weights)) == total_


def test_the_largest_remainder_gets_what_is_left() -> None:
    assert share(10, [1, 1, 1]) == [4, 3, 3]
    assert share(10, [5, 3, 1]) == [6, 3, 1]  # 5.56, 3.33, 1.11
    assert share(7, [0, 0]) == [4, 3]
    assert share(7, [9, 1], [3, 9]) == [3, 4]


def test_a_kind_without_a_site_of_2023_or_without_2018_stays_as_it_is() -> None:
    region = region_of([("09", "rea-adulte", 8), ("09", "rea-enfant", 2), ("46", "usic", 6)])
    beds = capacities(region, {("09", "rea"): 12, ("09", "usic"): 9})
    assert beds == {"000000000/rea-adulte": 10, "000000001/rea-enfant": 2, "000000002/usic": 6}


def test_operations_are_cancelled_and_resumed() -> None:
    assert [
        cancelled(date(2020, month, day)) for month, day in ((3, 1), (3, 12), (3, 21), (4, 15), (6, 1), (7, 1))
    ] == [
        0,
        0,
        pytest.approx(0.5),
        1,
        pytest.approx(0.5),
        0,
    ]


def test_chance_depends_on_its_words_alone() -> None:
    assert chance(1, "a", date(2020, 3, 18)) == chance(1, "a", date(2020, 3, 18))
    drawn = [chance(2020, ward) for ward in range(2000)]
    assert all(0 <= each < 1 for each in drawn)
    assert 0.47 < sum(drawn) / len(drawn) < 0.53
    assert len(set(drawn)) == 2000


def test_every_kind_of_occitanie_has_its_ordinary_patients(occitanie: Scenario) -> None:
    assert set(ORDINARY) == {kind.code for kind in occitanie.region.kinds}
    assert Figure(3, 2, 0, 0, 0).occupied == 5
