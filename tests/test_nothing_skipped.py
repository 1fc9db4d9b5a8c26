"""A skipped test is named, and fails the run in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ONE_SKIPPED = """
import pytest

def test_that_runs(): pass

@pytest.mark.skip(reason="no such thing here")
def test_that_does_not(): pass
"""


@pytest.mark.parametrize(("ci", "expected"), [("true", 1), ("", 0)])
def test_a_skipped_test_is_named_and_fails_the_run_in_ci_alone(ci: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_one.py").write_text(ONE_SKIPPED)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.nothing_skipped", "-q", str(tmp_path)],
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == expected, run.stdout + run.stderr
    assert "NOT RUN: 1" in run.stdout
    assert "test_that_does_not: Skipped: no such thing here" in run.stdout
