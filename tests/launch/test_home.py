"""One vigilits a home, and the way for other commands to find it."""

import os
from pathlib import Path

import pytest

from launch import demo, home
from launch.home import Running

RUNNING = Running(os.getpid(), "127.0.0.1:1", "redis://127.0.0.1:2", "http://127.0.0.1:3", {"api": 4, "worker 1": None})


def test_a_home_is_held_by_one(tmp_path: Path) -> None:
    with home.taken(tmp_path), pytest.raises(home.HomeTaken, match="another vigilits runs in"), home.taken(tmp_path):
        pass
    with home.taken(tmp_path):
        pass


def test_what_runs_is_found_in_the_named_home(tmp_path: Path) -> None:
    with home.taken(tmp_path):
        home.tell(tmp_path, RUNNING)
        assert home.found({"VIGILITS_HOME": str(tmp_path)}, tmp_path) == (tmp_path, RUNNING)


def test_what_is_told_is_for_its_owner_alone(tmp_path: Path) -> None:
    with home.taken(own := tmp_path / "own"):
        home.tell(own, RUNNING)
        assert (own.stat().st_mode & 0o077, (own / home.ENGINES).stat().st_mode & 0o077) == (0, 0)


def test_a_demo_here_comes_before_what_runs_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with home.taken(own := tmp_path / "own"), home.taken(home.DEMO):
        home.tell(own, Running(1, "a", "b"))
        home.tell(home.DEMO, RUNNING)
        assert home.found({}, own) == (tmp_path / home.DEMO, RUNNING)
    with home.taken(own):
        assert home.found({}, own) == (own, Running(1, "a", "b"))


def test_the_file_of_one_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    home.tell(tmp_path, RUNNING)
    assert home.running(tmp_path) is None
    with home.taken(tmp_path):
        assert home.running(tmp_path) == RUNNING
        home.hush(tmp_path)
        assert home.running(tmp_path) is None


def test_a_second_demo_takes_the_next_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = demo.own_home({})
    assert first == tmp_path / ".vigilits" / "demo"
    with home.taken(first):
        assert demo.own_home({}) == tmp_path / ".vigilits" / "demo-2"
    assert demo.own_home({"VIGILITS_HOME": str(tmp_path / "mine")}) == tmp_path / "mine"
