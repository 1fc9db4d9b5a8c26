"""`vigilits pathway check` as somebody at a keyboard meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.reading import DirectoryErrors
from launch.pathway_command import pathway_app


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
