"""A region's pathways are checked as a whole, and each mistake says where it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.pathways import PATHWAYS, load
from config.reading import DirectoryErrors
from domain.errors import Unreadable
from domain.followup import fhir
from domain.followup.pathway import Pathway, unstaffed_minutes

OCCITANIE = Path(__file__).resolve().parents[2] / "config" / "regions" / "occitanie"
IDS = ("after-discharge", "ars-case", "ars-contact", "ehpad-resident", "medical-covid")
COVID = (OCCITANIE / PATHWAYS / "medical-covid.yaml").read_text(encoding="utf-8")
ASKED = (OCCITANIE / PATHWAYS / "medical-covid.json").read_text(encoding="utf-8")


@pytest.fixture
def wrong(tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function from changes of the medical pathway's two files to all that is then wrong."""

    def told(*changes: tuple[str, str], questions: tuple[tuple[str, str], ...] = ()) -> list[str]:
        texts = {"medical-covid.yaml": (COVID, changes), "medical-covid.json": (ASKED, questions)}
        shutil.rmtree(tmp_path / PATHWAYS, ignore_errors=True)
        (tmp_path / PATHWAYS).mkdir()
        for name, (content, replaced) in texts.items():
            for before, after in replaced:
                assert before in content
                content = content.replace(before, after, 1)
            (tmp_path / PATHWAYS / name).write_text(content, encoding="utf-8")
        try:
            load(tmp_path)
        except DirectoryErrors as errors:
            return [str(error).removeprefix(f"{PATHWAYS}/medical-covid.") for error in errors.errors]
        return []

    return told


def line_of(content: str, needle: str) -> int:
    """Return the line on which a text first stands."""
    return content[: content.index(needle)].count("\n") + 1


def test_the_pathways_that_come_with_vigilits_have_no_mistake() -> None:
    found = {pathway.id: pathway for pathway in load(OCCITANIE)}
    assert tuple(found) == IDS
    for id_ in ("medical-covid", "ars-case", "ars-contact"):
        assert found[id_].slots.days == (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14)
    assert {id_ for id_, pathway in found.items() if pathway.end.how == "erase"} == {"ars-case", "ars-contact"}
    assert {id_ for id_, pathway in found.items() if pathway.first_call} == {"ars-case", "ars-contact"}
    cluster = found["ehpad-resident"].cluster
    assert cluster is not None
    assert (cluster.cases, cluster.days) == (3, 4)
    assert (cluster.told, cluster.on_call) == (("ehpad", "coordinator", "tracing_team"), "tracage")
    assert found["medical-covid"].no_answer.risk_days == (6, 12)
    assert all(unstaffed_minutes(pathway.staffed) and len(pathway.outside) == 2 for pathway in found.values())


def test_a_pathway_is_the_same_after_it_was_published() -> None:
    for pathway in load(OCCITANIE):
        assert msgspec.json.decode(msgspec.json.encode(pathway), type=Pathway) == pathway


def test_nothing_in_their_titles_and_scripts_is_without_english() -> None:
    for pathway in load(OCCITANIE):
        for item in pathway.questionnaire.item_of.values():
            assert item.text.fr != item.text.en or item.link == "consciousness", item.link


NIGHT = """\
outside:
  orange: {on_call: telesuivi}
  red: {call_15: true}
"""


@pytest.mark.parametrize(
    ("before", "after", "needle", "message"),
    [
        (NIGHT, "", None, "says nothing about orange at night"),
        ("  red: {call_15: true}\n", "", "outside:", "says nothing about red at night"),
        ("red: {call_15: true}", "red: {}", "  red: {}", "must be exactly one of on_call and call_15"),
        ('  - {from: "08:00", to: "20:00"}\n', "  []\n", "  []", "says nothing about when somebody is there"),
        ("red: 9m", "red: 10m", "red: 10m", "within 9 minutes at most"),
        ("red: 7, single_3", "red: 8, single_3", "news2:", "the RCP has an emergency: never later"),
        ("single_3: orange", "single_3: yellow", "news2:", "at least orange"),
        ("floor: 88}", "floor: 96}", "oximetry:", "must not be stricter than the HAS's 95"),
        ("oximetry: {samu: red", "oximetry: {samu: orange", "oximetry:", "SAMU or hospital: red"),
        ("floor: 39, ", "floor: 38, ", "id: fever", "the default must not be looser than the floor"),
        ("at_least: 38.5", "at_least: 385", "id: fever", "compares a number with one that can be answered"),
        ("is: at-rest", "is: lying", "id: breathless-at-rest", "is compares with true or false, or with a code"),
        ("includes: chest-pain", "includes: chest-paint", "id: chest-pain", "includes is of several choices"),
        ("item: temperature, ", "item: temprature, ", "id: fever", "the questionnaire has no item 'temprature'"),
        ("pulse: pulse", "pulse: breathless", "pulse: breathless", "must be the answer to a question of its kind"),
        ("days: [1-8, 10", "days: [1-8, 8, 10", "slots:", "must rise, each once"),
        ("again: 4h", "again: 1h", "reminders:", "must be one after another"),
        ("closes: 12h", "closes: 5h", "limits:", "a slot must stay open until it is taken as not answered"),
        ("closes: 12h", "closes: 23h", "limits:", "two slots would be open at once"),
        ("orange: nurse_visit", "orange: samu, yellow: samu", "  care: {", "'yellow' is given twice"),
        ("red: samu}", "red: teleconsultation}", "  care: {", "a graver colour must not suggest less care"),
        ("care: {yellow", "care: {green: nurse_visit, yellow", "  care: {", "no score says that less care is enough"),
        ("  red: [circle, on_call]\n", "", "told:", "nobody is told of red"),
        ("[circle, on_call]", "[circle, nobody]", "[circle, nobody]", "'nobody' is none of"),
        ("keep_days: 30", "keep_days: 5", "end:", "a summary needs days that it is kept"),
        ("how: summary", "how: erase", "end:", "what is erased at its end is not kept"),
        ("id: medical-covid", "id: medical", "id: medical", "must be the file's name"),
        ("no_answer: {colour: orange", "no_answer: {colour: green", "no_answer: {colour", "at least yellow"),
        ("reminders: {first: 2h", "reminders: {first: soon", "reminders:", "first must be a duration"),
        ('times: ["09:00"]', 'times: ["9"]', "slots:", "must be a time of the day"),
        ("corrections: 5}", "corrections: 5, colour: red}", "limits:", "limits has no field 'colour'"),
        (', en: "Medical COVID follow-up"', "", "title:", "title (fr and en) lacks en"),
        ("outside:\n", "cluster: {cases: 3, days: 4}\noutside:\n", "cluster:", "names nobody"),
        (
            "outside:\n",
            "cluster: {cases: 1, days: 4, told: [ehpad]}\noutside:\n",
            "cluster:",
            "at least 2 cases within 1 to 60 days",
        ),
        (
            "outside:\n",
            "cluster: {cases: 3, days: 4, told: [circle], on_call: telesuivi}\noutside:\n",
            "cluster:",
            "names roles one by one",
        ),
        (
            "outside:\n",
            "cluster: {cases: 3, days: 4, told: [ehpad, cook]}\noutside:\n",
            "cluster:",
            "'cook' is none of",
        ),
        (
            "systolic: systolic\n",
            "systolic: systolic\n  weight: pulse\n",
            "  weight:",
            "readings has no field 'weight'",
        ),
    ],
)
def test_a_mistake_says_where_it_is(
    wrong: Callable[..., list[str]], before: str, after: str, needle: str | None, message: str
) -> None:
    found = wrong((before, after))
    line = 1 if needle is None else line_of(COVID.replace(before, after, 1), needle)
    at = [error for error in found if message in error]
    assert at, found
    if needle is not None:
        assert at[0].startswith(f"yaml:{line}: ") or at[0].startswith(f"yaml:{line + 1}: "), (line, at)


def test_all_mistakes_of_all_files_are_told_at_once(wrong: Callable[..., list[str]]) -> None:
    found = wrong(
        ("corrections: 5", "corrections: many"),
        ("yellow: [nurse]", "yellow: [aunt]"),
        questions=(('"required": true', '"required": 1'),),
    )
    assert len(found) == 3


@pytest.mark.parametrize(
    ("before", "after", "needle", "message"),
    [
        ('"type": "integer"', '"type": "quantity"', '"type": "quantity"', "must be one of group"),
        ('"required": true', '"required": 1', '"required": 1', "Expected `bool`"),
        ('"linkId": "pulse"', '"linkId": "spo2"', '"linkId": "spo2"', "'spo2': linkId is an earlier item's too"),
        ('"linkId": "at-rest"', '"linkID": "at-rest"', '"linkID"', "linkI"),
        ('"valueInteger": 30', '"valueInteger": 100', '"linkId": "spo2"', "minValue must be below maxValue"),
        (
            '"question": "spo2"',
            '"question": "spo3"',
            '"linkId": "spo2-effort"',
            "must be a question that is asked earlier",
        ),
        ('"status": "active"', '"status": "active" "x"', '"status"', "not JSON"),
        ('"language": "fr"', '"language": "en"', '"language"', "must be fr"),
        ('"status": "active"', '"status": "active", "url": "b"', '"status"', "'url' is given twice"),
        ('"code": "no"', '"code": "on-effort"', '"linkId": "breathless"', "two options have the same code"),
    ],
)
def test_a_mistake_in_the_questionnaire_says_where_it_is(
    wrong: Callable[..., list[str]], before: str, after: str, needle: str, message: str
) -> None:
    found = wrong(questions=((before, after),))
    content = ASKED.replace(before, after, 1)
    lines = [n for n, line in enumerate(content.split("\n"), 1) if needle in line]
    assert any(message in error and int(error.split(":")[1]) in (*lines, lines[0] - 1) for error in found), found


def test_a_directory_without_pathways_a_lone_file_and_a_missing_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(DirectoryErrors, match="has no pathway"):
        load(tmp_path)
    (tmp_path / PATHWAYS).mkdir()
    (tmp_path / PATHWAYS / "a.json").write_text("{}")
    (tmp_path / PATHWAYS / "b.yaml").write_text(COVID)
    with pytest.raises(DirectoryErrors) as caught:
        load(tmp_path)
    told = str(caught.value)
    assert "pathways/a.json: belongs to no pathway" in told
    assert "pathways/b.json: missing; the pathway's FHIR R4 Questionnaire" in told
    assert "must be the file's name, 'b'" in told


@given(st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_makes_the_check_raise_anything_but_its_mistakes(tmp_path: Path, data: st.DataObject) -> None:
    """What somebody cuts, doubles or mistypes is told, whatever it is."""
    (tmp_path / PATHWAYS).mkdir(exist_ok=True)
    which = data.draw(st.sampled_from(["yaml", "json"]))
    texts = {"yaml": COVID, "json": ASKED}
    lines = texts[which].split("\n")
    first = data.draw(st.integers(0, len(lines) - 1))
    put = data.draw(
        st.sampled_from(["", "x", "{", "]", "- a", '"item": 5,', "score: []", "  flags: {}", lines[first] * 2])
    )
    texts[which] = "\n".join([*lines[:first], put, *lines[first + data.draw(st.integers(0, 3)) :]])
    for suffix, content in texts.items():
        (tmp_path / PATHWAYS / f"medical-covid.{suffix}").write_text(content, encoding="utf-8")
    try:
        load(tmp_path)
    except DirectoryErrors:
        return


PATHS = st.lists(st.integers(0, 9), max_size=8)


def changed(value: Any, path: list[int], put: Any) -> Any:
    """Return a JSON value with another one at a path of places."""
    if not path or not isinstance(value, (dict, list)) or not value:
        return put
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = keys[path[0] % len(keys)]
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = changed(value[key], path[1:], put)
    return copy


@given(PATHS, st.sampled_from([None, True, 5, -1.5, "x", "group", [], {}, [1], {"url": "x"}, "\ud800"]))
def test_a_questionnaire_that_is_wrong_anywhere_is_read_or_unreadable(path: list[int], put: Any) -> None:
    try:
        fhir.read_questionnaire(json.dumps(changed(json.loads(ASKED), path, put)).encode())
    except Unreadable:
        return
