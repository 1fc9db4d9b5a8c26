"""Whose keys are lost, as it is told after a restore: patients of the log, folded or not, whom the store can't open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from event_log.memory import MemoryLog
from launch import regions
from launch.keys_command import keys_app
from launch.lost_keys import keys_named, lost
from live_state.memory import MemoryState
from people.keys import Keys
from people.masters import named
from tests.small_followup import MINUTE, START, Patients, Store, pseudonym, tick
from tests.streams.test_followup_shard import folded, log_of, put

NOW = START + MINUTE


def key_of(number: int) -> str:
    return Store().key(pseudonym(number)).id


async def test_patients_are_named_by_the_live_state_and_by_what_follows_on_the_log() -> None:
    store, state = Store(), MemoryState()
    patients = Patients(store)
    log = await log_of([patients.enrolled(0), patients.enrolled(1), patients.enrolled(2), patients.erased(2, NOW)])
    await folded(log, state, store)
    for event in (b"\xc1", patients.enrolled(3, NOW), patients.erased(1, NOW), tick(NOW)):
        await put(log, event)
    wanted = {pseudonym(number): key_of(number) for number in (0, 3)}
    assert await keys_named(log, state) == wanted
    assert await keys_named(log, MemoryState()) == wanted, "as when it is to be folded anew"
    assert await keys_named(MemoryLog(), state) == {}, "a live state of another log names nobody"


async def test_a_key_that_was_destroyed_is_not_lost(tmp_path: Path) -> None:
    keys = Keys(tmp_path, named(tmp_path))
    here, gone = keys.create(pseudonym(0)), keys.create(pseudonym(1))
    keys.destroy(gone, NOW)
    of = {pseudonym(0): here, pseudonym(1): gone}
    assert lost(keys, of) == {}
    assert lost(keys, of | {pseudonym(2): "nowhere"}) == {pseudonym(2): "nowhere"}


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> tuple[MemoryLog, MemoryState]:
    """Have the command find engines in memory."""
    log, state = MemoryLog(), MemoryState()

    @asynccontextmanager
    async def stores(*_: str) -> AsyncIterator[tuple[Any, Any]]:
        yield log, state

    monkeypatch.setenv("KAFKA_URL", "localhost:1")
    monkeypatch.setenv("REDIS_URL", "redis://localhost:1")
    monkeypatch.setattr(regions, "stores", stores)
    monkeypatch.setattr(regions, "now", lambda: NOW)
    return log, state


def test_after_a_restore_the_keys_younger_than_the_backup_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engines: tuple[MemoryLog, MemoryState]
) -> None:
    log, _ = engines
    home, saved = tmp_path / "home", tmp_path / "saved"
    keys = Keys(home, named(home))
    patients = Patients(Store())
    old = keys.create(pseudonym(0))
    keys.backup(saved, NOW)
    young = keys.create(pseudonym(1))
    made = asyncio.run(log_of([patients.enrolled(0, key=old), patients.enrolled(1, key=young)]))
    monkeypatch.setattr(log, "__dict__", made.__dict__)
    for each in home.glob("keys.sqlite3*"):
        each.unlink()
    (tmp_path / "erased").touch()
    told = CliRunner().invoke(
        keys_app, ["restore", str(saved), "--erased", str(tmp_path / "erased")], env={"VIGILITS_HOME": str(home)}
    )
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == ["1 keys are back; 0 of the backup's stay destroyed", f"{pseudonym(1)} {young}"]
    again = CliRunner().invoke(keys_app, ["lost"], env={"VIGILITS_HOME": str(home)})
    assert (again.stdout, again.stderr) == (f"{pseudonym(1)} {young}\n", "1 keys are lost\n")


def test_without_engines_a_restore_is_done_and_says_what_it_can_t_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("KAFKA_URL", "REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    keys = Keys(tmp_path, named(tmp_path))
    keys.create(pseudonym(0))
    keys.backup(tmp_path / "saved", regions.now())
    told = CliRunner().invoke(keys_app, ["restore", str(tmp_path / "saved")], env={"VIGILITS_HOME": str(tmp_path)})
    assert told.exit_code == 0, told.output
    assert told.stdout == "0 keys are back; 0 of the backup's stay destroyed\n"
    assert "`vigilits keys lost`" in told.stderr
