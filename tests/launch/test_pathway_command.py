"""`vigilits pathway check` as somebody at a keyboard meets it."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from config import pathways as files
from config.reading import DirectoryErrors, Findings
from domain.followup.pathway import Pathway
from event_log.memory import MemoryLog
from event_log.topics import FOLLOWUP
from launch import pathways, publish, regions
from launch.alert_command import NotPublished
from launch.pathway_command import pathway_app, published
from launch.regions import Document
from live_state.memory import MemoryState


def test_check_names_each_pathway_that_comes_with_vigilits() -> None:
    result = CliRunner().invoke(pathway_app, ["check"])
    assert result.exit_code == 0
    assert "occitanie: medical-covid 1: 11 slots, 14 questions, nothing wrong" in result.output
    assert len(result.output.splitlines()) == 5


def test_check_tells_all_that_is_wrong_in_a_directory(tmp_path: Path) -> None:
    """What it raises, the command says in as many lines, and ends with 2: it was asked for wrongly."""
    (tmp_path / "pathways").mkdir()
    (tmp_path / "pathways" / "mine.yaml").write_text("id: mine\nversion: '1'\nnights: no\n")
    with pytest.raises(DirectoryErrors) as caught:
        CliRunner().invoke(pathway_app, ["check", str(tmp_path)], catch_exceptions=False)
    told = str(caught.value).splitlines()
    assert "pathways/mine.json: missing; the pathway's FHIR R4 Questionnaire" in told
    assert "pathways/mine.yaml:3: the pathway has no field 'nights'" in told
    assert "pathways/mine.yaml:1: the pathway lacks slots" in told


def of_occitanie(*changed: Pathway) -> Document:
    """Return the region that comes with vigilits, with other pathways where any are named."""
    document = regions.read("occitanie")
    return document._replace(pathways=changed or document.pathways)


async def in_force(log: MemoryLog) -> list[dict[str, bytes]]:
    """Return what is in force on each followup shard."""
    places = await regions.places_of(log, "occitanie", FOLLOWUP)
    return [dict((await publish.held(log, MemoryState(), place)).settings) for place in places]


async def test_pathways_are_in_force_on_all_four_shards_and_published_once() -> None:
    log, state = MemoryLog(), MemoryState()
    said = await published(log, state, of_occitanie())
    assert "published pathway/after-discharge/1 and pathway/ars-case/1" in said
    wanted = pathways.settings_of(of_occitanie().pathways)
    assert len(wanted) == 5
    assert await in_force(log) == [wanted] * 4
    assert await published(log, state, of_occitanie()) == "all settings in force already"


async def test_a_new_version_stands_beside_the_old_one() -> None:
    log, state = MemoryLog(), MemoryState()
    first = of_occitanie().pathways[0]
    second = msgspec.structs.replace(first, version="2")
    await published(log, state, of_occitanie(first))
    assert await published(log, state, of_occitanie(second)) == "followup: published pathway/after-discharge/2"
    [held, *_] = await in_force(log)
    assert held.keys() == {"pathway/after-discharge/1", "pathway/after-discharge/2"}


async def test_a_version_that_is_in_force_is_never_changed() -> None:
    log, state = MemoryLog(), MemoryState()
    first = of_occitanie().pathways[0]
    await published(log, state, of_occitanie(first))
    before = await in_force(log)
    other = msgspec.structs.replace(first, answer_within_s={"orange": 60.0, "red": 60.0})
    new = msgspec.structs.replace(first, id="new")
    with pytest.raises(NotPublished, match="after-discharge/1: in force otherwise"):
        await published(log, state, of_occitanie(other, new))
    assert await in_force(log) == before
    wanted = publish.Held(of_occitanie(other, new).settings, {})
    said = await regions.settle(log, state, "occitanie", wanted)  # as a start does, which must go on
    assert "published pathway/new/1, left after-discharge/1 as it is in force" in said
    assert (await in_force(log))[0] == before[0] | pathways.settings_of([new])


async def test_a_directory_without_pathways_has_none_to_publish() -> None:
    log, state = MemoryLog(), MemoryState()
    with pytest.raises(NotPublished, match="has no pathways/"):
        await published(log, state, regions.read("occitanie")._replace(pathways=()))


async def test_a_new_log_is_given_every_version_that_was_in_force_on_the_lost_one() -> None:
    first = of_occitanie().pathways[0]
    versions = [first, msgspec.structs.replace(first, version="2")]
    held = publish.Held(pathways.settings_of(versions), {})
    log = MemoryLog()
    await regions.settle(log, MemoryState(), "occitanie", held, held)
    assert await in_force(log) == [held.settings] * 4


def test_who_is_on_call_for_patients_must_be_on_a_schedule_of_the_region() -> None:
    findings = Findings()
    files.read(regions.DIRECTORIES / "occitanie", findings, ("cellule", "telesuivi"))
    told = [str(mistake) for mistake in findings.mistakes]
    assert len(told) == 5
    told_of = {line.partition("has no schedule ")[2] for line in told if "ehpad-resident.yaml" in line}
    assert told_of == {f"{schedule}; there is cellule, telesuivi" for schedule in ("'geriatrie'", "'tracage'")}
