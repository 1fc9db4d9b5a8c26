"""A region directory is checked as a whole, and a mistake says where it is."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.reading import DirectoryErrors
from config.region import BOUNDARIES, FACILITIES, KINDS, REGION, WARDS, boundaries, load
from domain.places import NATURE_PLACE, Words

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
NATIONAL_KINDS = OCCITANIE.parents[1] / KINDS
FILES = (REGION, KINDS, FACILITIES, WARDS, BOUNDARIES)

SMALL = {
    REGION: """\
code: ici
insee: "99"
name: Ici
time_zone: Europe/Paris
kinds_version: "1"
departements:
  - {code: "09", name: Ariège}
  - code: 2A
    name: Corse-du-Sud
freshness:
  ordinary_hours: 24
  slow_hours: 72
  critical_in_tension_hours: 12
  in_tension: true
sources:
  - {name: SAE, licence: Licence Ouverte, url: https://example.org}
no_data:
  - label: {fr: Néonatologie, en: Newborn}
    reason: {fr: pas de colonne, en: no column}
""",
    KINDS: """\
version: "1"
kinds:
  - code: rea-adulte
    label: {fr: Réanimation adulte, en: Adult intensive care}
    short: {fr: Réa, en: ICU}
    ror: ["126", "127"]
    critical: true
  - code: had
    label: {fr: HAD, en: Hospital at home}
    short: {fr: HAD, en: At home}
    nature: "02"
    ror_mode: ["31"]
    slow: true
""",
    FACILITIES: """\
finess_et,finess_ej,name,commune,departement,lat,lon
090000175,090781774,CHIVA,Saint-Jean-de-Verges,09,43.02856,1.61588
2A0000014,2A0000022,"CH d'Ajaccio, Miséricorde",Ajaccio,2A,,
""",
    WARDS: """\
id,facility,kind,installed
090000175/rea-adulte,090000175,rea-adulte,8
2A0000014/had,2A0000014,had,
""",
    BOUNDARIES: """\
{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"09","name":"Ariège"},"geometry":{"type":"Polygon","coordinates":\
[[[0.8,42.5],[2.2,42.5],[2.2,43.3],[0.8,43.3],[0.8,42.5]]]}},
{"type":"Feature","properties":{"code":"2A","name":"Corse-du-Sud"},"geometry":{"type":"MultiPolygon","coordinates":\
[[[[8.5,41.3],[9.4,41.3],[9.4,42.4],[8.5,41.3]]]]}}
]}
""",
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a directory with nothing wrong in it."""
    for file, content in SMALL.items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    return tmp_path


def change(directory: Path, file: str, before: str, after: str) -> None:
    """Put other words into a file; they must have been there."""
    content = (directory / file).read_text(encoding="utf-8")
    assert before in content
    (directory / file).write_text(content.replace(before, after), encoding="utf-8")


def mistakes(directory: Path) -> list[str]:
    """Return what is wrong, as it is printed."""
    with pytest.raises(DirectoryErrors) as raised:
        load(directory)
    return str(raised.value).splitlines()


def test_a_directory_is_read_as_it_is_written(small: Path) -> None:
    region = load(small)
    assert (region.code, region.insee, region.name, region.kinds_version) == ("ici", "99", "Ici", "1")
    assert [departement.code for departement in region.departements] == ["09", "2A"]
    assert region.freshness.in_tension
    assert region.freshness.limit_ms(region.kind_of["rea-adulte"]) == 12 * 3_600_000
    assert region.freshness.limit_ms(region.kind_of["had"]) == 72 * 3_600_000
    assert region.kind_of["had"].nature == NATURE_PLACE
    assert region.facility_of["2A0000014"].name == "CH d'Ajaccio, Miséricorde"
    assert (region.facility_of["090000175"].lat, region.facility_of["090000175"].lon) == (43.02856, 1.61588)
    assert region.no_data[0].label == Words(fr="Néonatologie", en="Newborn")


def test_a_blank_is_unknown_and_not_zero(small: Path) -> None:
    region = load(small)
    assert region.ward_of["2A0000014/had"].installed is None
    assert (region.facility_of["2A0000014"].lat, region.facility_of["2A0000014"].lon) == (None, None)
    change(small, WARDS, "had,\n", "had,0\n")
    assert load(small).ward_of["2A0000014/had"].installed == 0


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(small: Path) -> None:
    expected = load(small)
    for file in FILES:
        content = (small / file).read_bytes()
        (small / file).write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert load(small) == expected


# What is put wrong -> the one line that must come out, as far as it matters.
WRONG: dict[str, tuple[str, str, str, str]] = {
    "unknown département": (FACILITIES, ",Saint-Jean-de-Verges,09", ",Là,31", "facilities.csv:2: département '31'"),
    "FINESS too short": (FACILITIES, "090781774", "9078177", "facilities.csv:2: finess_ej '9078177'"),
    "name blank": (FACILITIES, "CHIVA", " ", "facilities.csv:2: name is blank"),
    "half a coordinate": (FACILITIES, "43.02856,1.61588", "43.02856,", "facilities.csv:2: coordinates '43.02856', ''"),
    "not a number": (FACILITIES, "43.02856", "nan", "facilities.csv:2: coordinates 'nan', '1.61588'"),
    "off the globe": (FACILITIES, "43.02856", "143.0", "facilities.csv:2: coordinates '143.0'"),
    "swapped": (
        FACILITIES,
        "43.02856,1.61588",
        "1.61588,43.02856",
        "facilities.csv:2: coordinates 1.61588, 43.02856 are more",
    ),
    "beyond the slack": (FACILITIES, "43.02856", "43.32", "facilities.csv:2: coordinates 43.32"),
    "a cell too many": (FACILITIES, ",1.61588", ",1.61588,x", "facilities.csv:2: 8 cells where the header has 7"),
    "an open quote": (FACILITIES, "CHIVA", '"CHIVA', "facilities.csv:3: not CSV"),
    "a column missing": (FACILITIES, "finess_et,", "finess,", "facilities.csv:1: no column finess_et"),
    "a column too many": (WARDS, "installed\n", "installed,staffed\n", "wards.csv:1: unknown column 'staffed'"),
    "ward of no facility": (WARDS, "090000175", "310000000", "wards.csv:2: facility '310000000' is not"),
    "ward of no kind": (WARDS, "had", "uhcd", "wards.csv:3: bed kind 'uhcd' is not"),
    "id and columns disagree": (WARDS, "090000175/", "090000176/", "wards.csv:2: id '090000176/rea-adulte' must be"),
    "negative beds": (WARDS, "adulte,8", "adulte,-8", "wards.csv:2: installed '-8' must be a whole number"),
    "half a bed": (WARDS, "adulte,8", "adulte,8.5", "wards.csv:2: installed '8.5' must be a whole number"),
    "digits of another script": (WARDS, "adulte,8", "adulte,٨", "wards.csv:2: installed '٨' must be a whole number"),
    "label missing": (
        KINDS,
        "label: {fr: HAD, en: Hospital at home}",
        "label: {fr: HAD}",
        "bed_kinds.yaml:9: label (fr and en) lacks en",
    ),
    "label empty": (KINDS, "en: ICU", "en: ''", "bed_kinds.yaml:5: en must be a text"),
    "nature": (KINDS, 'nature: "02"', 'nature: "03"', "bed_kinds.yaml:11: nature '03' must be"),
    "a flag that is none": (KINDS, "slow: true", "slow: maybe", "bed_kinds.yaml:13: slow must be true or false"),
    "one activity, two kinds": (
        KINDS,
        'ror_mode: ["31"]',
        'ror: ["127"]',
        "bed_kinds.yaml:12: ROR activity '127' is rea-adulte's",
    ),
    "no code of the ROR": (KINDS, '"126"', '"12six"', "bed_kinds.yaml:6: ror '12six' must be"),
    "kind's code": (KINDS, "code: had", "code: H A D", "bed_kinds.yaml:8: code 'H A D' must be lower-case"),
    "unknown key": (REGION, "name: Ici", "nom: Ici\nname: Ici", "region.yaml:3: the region has no field 'nom'"),
    "key missing": (REGION, "name: Ici\n", "", "region.yaml:1: the region lacks name"),
    "key twice": (REGION, "name: Ici", "name: Ici\nname: Ici", "region.yaml:4: 'name' is given twice"),
    "code": (REGION, "code: ici", "code: Ici Même", "region.yaml:1: code 'Ici Même' must be lower-case"),
    "time zone": (REGION, "Europe/Paris", "Europe/Toulouse", "region.yaml:4: time zone 'Europe/Toulouse' is not known"),
    "limit": (REGION, "slow_hours: 72", "slow_hours: -1", "region.yaml:12: slow_hours must be a number above 0"),
    "versions": (
        REGION,
        'kinds_version: "1"',
        'kinds_version: "2"',
        "region.yaml:5: kinds_version '2' is not the version '1' of bed_kinds.yaml:1",
    ),
    "tension is longer": (
        REGION,
        "tension_hours: 12",
        "tension_hours: 36",
        "region.yaml:13: critical_in_tension_hours (line 13) is longer than ordinary_hours (line 11)",
    ),
    "slow is shorter": (
        REGION,
        "slow_hours: 72",
        "slow_hours: 20",
        "region.yaml:12: slow_hours (line 12) is shorter than ordinary_hours (line 11)",
    ),
    "département's code": (REGION, 'code: "09"', "code: 9", "region.yaml:7: '9' is not a département's code"),
    "no licence": (REGION, "licence: Licence Ouverte, ", "", "region.yaml:16: a source lacks licence"),
    "an alias": (REGION, "name: Ici", "name: *ici", "region.yaml:3: an alias (*) is not taken here"),
    "a tag": (REGION, "name: Ici", "name: !!python/name:os.system Ici", "region.yaml:3: anchors (&) and tags (!)"),
    "a second document": (REGION, "name: Ici", "---\nname: Ici", "region.yaml:3: a second document"),
    "not YAML": (REGION, "name: Ici", "name: [Ici", "region.yaml:4: not YAML"),
    "a ring left open": (
        BOUNDARIES,
        "[0.8,42.5]]]",
        "[0.8,42.6]]]",
        "boundaries.geojson:2: feature 1: a ring must end",
    ),
    "a position of text": (
        BOUNDARIES,
        "[9.4,42.4]",
        '["9.4",42.4]',
        "boundaries.geojson:3: feature 2: a position must be",
    ),
    "not a number in JSON": (BOUNDARIES, "[9.4,42.4]", "[NaN,42.4]", "boundaries.geojson: not JSON: NaN"),
    "an outline missing": (
        BOUNDARIES,
        '"code":"2A"',
        '"code":"2B"',
        "boundaries.geojson: no outline of département '2A'",
    ),
    "no code": (BOUNDARIES, '"code":"09",', "", "boundaries.geojson:2: feature 1: properties must have"),
    "not JSON": (BOUNDARIES, '"2A",', '"2A"', "boundaries.geojson:3: not JSON"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_names_its_file_and_line(small: Path, what: str) -> None:
    file, before, after, expected = WRONG[what]
    change(small, file, before, after)
    assert any(line.startswith(expected) for line in mistakes(small)), mistakes(small)


def test_all_mistakes_of_all_files_are_told_at_once(small: Path) -> None:
    change(small, REGION, "Europe/Paris", "Mars/Olympus")
    change(small, REGION, "slow_hours: 72", "slow_hours: 20")
    change(small, KINDS, "critical: true", "critical: 1")
    change(small, FACILITIES, "090781774", "x")
    change(small, WARDS, "adulte,8", "adulte,many")
    places = [line.partition(": ")[0] for line in mistakes(small)]
    assert places == ["bed_kinds.yaml:7", "facilities.csv:2", "region.yaml:4", "region.yaml:12", "wards.csv:2"]


def test_a_facility_or_a_ward_given_twice_names_the_first_line(small: Path) -> None:
    for file in (FACILITIES, WARDS):
        content = (small / file).read_text(encoding="utf-8")
        (small / file).write_text(content + content.splitlines()[1] + "\n", encoding="utf-8")
    assert mistakes(small) == [
        "facilities.csv:4: FINESS '090000175' is on line 2 already",
        "wards.csv:4: ward '090000175/rea-adulte' is on line 2 already",
    ]


def test_a_mistake_is_not_told_again_by_what_builds_on_it(small: Path) -> None:
    """Without a table of kinds every ward would otherwise be of an unknown kind."""
    (small / KINDS).unlink()
    assert mistakes(small) == ["bed_kinds.yaml: missing"]


def test_missing_boundaries_say_how_to_make_them(small: Path) -> None:
    (small / BOUNDARIES).unlink()
    assert "vigilits region boundaries --departements 09,2A" in mistakes(small)[0]


def test_a_file_that_is_no_text_is_a_mistake(small: Path) -> None:
    (small / WARDS).write_bytes(b"id,facility,kind,installed\n\n\xff\n")
    (small / FACILITIES).unlink()
    (small / FACILITIES).mkdir()
    assert mistakes(small) == ["facilities.csv: can't be read: Is a directory", "wards.csv:3: not UTF-8"]


def test_a_directory_that_is_not_there_is_all_of_its_files_missing(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path / "nowhere")) == len(FILES)


def test_a_very_deep_file_is_refused_and_not_followed(small: Path) -> None:
    (small / REGION).write_text("[" * 100_000)
    (small / BOUNDARIES).write_text("[" * 100_000)
    found = mistakes(small)
    assert "region.yaml:1: nested too deeply" in found
    assert any(line.startswith("boundaries.geojson: not JSON") for line in found)


def test_points_near_the_edge_are_inside(small: Path) -> None:
    """Outlines are simplified: up to 2 km beyond them is not yet a mistake."""
    change(small, FACILITIES, "43.02856", "43.317")
    assert load(small).facility_of["090000175"].lat == 43.317


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw a way to spoil a file: other bytes altogether, or some of it cut, repeated or overwritten."""
    noise = draw(
        st.one_of(st.binary(max_size=60), st.text(max_size=40).map(lambda words: words.encode("utf-8", "ignore")))
    )
    seed = draw(st.integers(0, 2**32))
    how = draw(st.sampled_from(["replace", "insert", "cut", "repeat", "overwrite"]))

    def spoil(content: bytes) -> bytes:
        dice = random.Random(seed)
        begin, end = sorted((dice.randrange(len(content) + 1), dice.randrange(len(content) + 1)))
        match how:
            case "replace":
                return noise
            case "insert":
                return content[:begin] + noise + content[begin:]
            case "cut":
                return content[:begin] + content[end:]
            case "repeat":
                return content[:end] + content[begin:]
            case _:
                return content[:begin] + noise + content[begin + len(noise) :]

    return spoil


@given(file=st.sampled_from(FILES), spoil=damage())
def test_no_bytes_raise_anything_but_directory_errors(
    tmp_path_factory: pytest.TempPathFactory, file: str, spoil: Callable[[bytes], bytes]
) -> None:
    directory = tmp_path_factory.mktemp("spoilt")
    for name, content in SMALL.items():
        data = content.encode()
        (directory / name).write_bytes(spoil(data) if name == file else data)
    told: list[str] | None = None
    try:
        load(directory)
    except DirectoryErrors as errors:
        told = [str(error) for error in errors.errors]
    assert told is None or told
    assert all(re.match(r"[a-z_]+\.(yaml|csv|geojson)(:\d+)?: .", line) for line in told or [])


# --- Occitanie -------------------------------------------------------------------------------------------------------


def test_occitanie_has_its_sites_wards_and_beds() -> None:
    region = load(OCCITANIE)
    assert len(region.facilities) == 267
    assert sum(facility.lat is not None for facility in region.facilities) == 242
    critical = {ward.facility for ward in region.wards if region.kind_of[ward.kind].critical}
    assert len(critical) == 69
    unlocated = [finess for finess in critical if region.facility_of[finess].lat is None]
    assert unlocated == ["340024314"]
    assert len({ward.facility for ward in region.wards if ward.kind == "smr"}) == 180
    beds: Counter[str] = Counter()
    for ward in region.wards:
        beds[ward.kind] += ward.installed or 0
    assert beds["rea-adulte"] + beds["rea-enfant"] == 527
    assert beds["usic"] + beds["usinv"] + beds["si-autres"] == 589
    assert beds["sc-adulte"] + beds["sc-enfant"] == 816
    assert all(ward.installed for ward in region.wards)


def test_occitanies_critical_beds_stay_within_those_that_contain_them() -> None:
    """The SAE counts them inside medicine, surgery and obstetrics, which are therefore marked."""
    region = load(OCCITANIE)
    assert [kind.code for kind in region.kinds if kind.contains_critical] == ["medecine", "chirurgie", "obstetrique"]
    for facility in region.facilities:
        wards = [ward for ward in region.wards if ward.facility == facility.finess_et]
        critical = sum(ward.installed or 0 for ward in wards if region.kind_of[ward.kind].critical)
        containing = sum(ward.installed or 0 for ward in wards if region.kind_of[ward.kind].contains_critical)
        assert critical <= containing


def test_occitanie_has_no_newborn_ward_and_says_that_it_has_no_data() -> None:
    region = load(OCCITANIE)
    assert "Newborn" in region.no_data[0].label.en
    assert not {"128", "369"} & {code for kind in region.kinds for code in kind.ror}


def test_occitanies_kinds_are_the_national_table() -> None:
    assert (OCCITANIE / KINDS).read_text() == NATIONAL_KINDS.read_text()


def test_haute_garonne_is_where_it_is() -> None:
    features = json.loads(boundaries(OCCITANIE))["features"]
    (feature,) = (each for each in features if each["properties"]["code"] == "31")
    points = [point for ring in feature["geometry"]["coordinates"] for point in ring]
    lons, lats = [point[0] for point in points], [point[1] for point in points]
    assert [round(edge, 2) for edge in (min(lons), max(lons))] == [0.45, 2.05]
    assert [round(edge, 2) for edge in (min(lats), max(lats))] == [42.69, 43.91]
    assert feature["properties"]["name"] == "Haute-Garonne"
