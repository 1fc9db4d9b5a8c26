"""`vigilits keys …` as it is typed."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from launch import regions
from launch.keys_command import BACKUP, keys_app
from people.keys import Erased, Keys, KeysAway, NotRestored, pseudonym
from people.masters import FILE as MASTERS
from people.masters import FileMasters, named
from people.sealing import Key
from people.signing import Signing

KMS = Path(__file__).parents[1] / "people" / "kms.py"
NOW = 1_772_000_000_000
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the same day in every test, and nothing configured but what a test says."""
    monkeypatch.setattr(regions, "now", lambda: NOW)
    for variable in ("KAFKA_URL", "REDIS_URL", "MASTER_KEYS", "KMS_COMMAND"):
        monkeypatch.delenv(variable, raising=False)


def vigilits(home: Path, *words: str | Path, **environment: str) -> Result:
    """Return what the command came to."""
    told = {"VIGILITS_HOME": str(home), **environment}
    return CliRunner().invoke(keys_app, [str(word) for word in words], env=told)


def test_the_master_key_is_changed_and_every_key_stays(tmp_path: Path) -> None:
    keys = Keys(tmp_path, named(tmp_path))
    key_id = keys.create(pseudonym())
    held, before = keys.look(key_id), (tmp_path / MASTERS).read_bytes()
    done = vigilits(tmp_path, "rotate")
    assert done.exit_code == 0, done.output
    assert "1 keys are wrapped by a new master key" in done.output
    assert (tmp_path / MASTERS).read_bytes() != before
    assert Keys(tmp_path, named(tmp_path)).look(key_id) == held


def test_the_master_key_is_where_the_settings_say(tmp_path: Path) -> None:
    apart = tmp_path / "apart.json"
    assert vigilits(tmp_path / "home", "rotate", MASTER_KEYS=str(apart)).exit_code == 0
    assert apart.exists()
    assert not (tmp_path / "home" / MASTERS).exists()
    lost = vigilits(tmp_path / "home", "rotate", MASTER_KEYS=str(tmp_path / "elsewhere.json"))
    assert isinstance(lost.exception, KeysAway)


def test_a_backup_names_its_end_and_those_that_are_over_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "saved"
    keys = Keys(tmp_path / "home", named(tmp_path / "home"))
    key_id = keys.create(pseudonym())
    done = vigilits(tmp_path / "home", "backup", saved, "--days", "2")
    assert done.exit_code == 0, done.output
    assert [file.name for file in saved.iterdir()] == ["keys-20260225T061320Z-until-20260227T061320Z.sqlite3"]
    (saved / "mine.sqlite3").touch()
    monkeypatch.setattr(regions, "now", lambda: NOW + 2 * DAY_MS)
    [old] = saved.glob("keys-*")
    assert isinstance(vigilits(tmp_path / "home", "restore", old).exception, NotRestored)
    done = vigilits(tmp_path / "home", "backup", saved)
    assert "1 that were over are deleted" in done.output
    assert len([file for file in saved.iterdir() if BACKUP.fullmatch(file.name)]) == 1
    assert (saved / "mine.sqlite3").exists()
    assert isinstance(keys.look(key_id), Key)


def test_a_lost_store_comes_back_with_what_was_kept_apart(tmp_path: Path) -> None:
    """A backup, the master key, and the list of what was destroyed: three things in three places."""
    home, master = tmp_path / "home", str(tmp_path / "apart.json")
    keys = Keys(home, FileMasters(Path(master)))
    kept, gone = keys.create(pseudonym()), keys.create(pseudonym())
    held = keys.look(kept)
    assert vigilits(home, "backup", tmp_path / "saved", MASTER_KEYS=master).exit_code == 0
    keys.destroy(gone, NOW)
    listed = vigilits(home, "erased", MASTER_KEYS=master).stdout
    assert listed == f"{gone} 20260225T061320Z\n"
    (tmp_path / "erased").write_text(listed)
    [saved] = (tmp_path / "saved").iterdir()
    new = tmp_path / "new"
    assert isinstance(vigilits(new, "restore", saved, MASTER_KEYS=master).exception, NotRestored)
    done = vigilits(new, "restore", saved, "--erased", tmp_path / "erased", MASTER_KEYS=master)
    assert "1 keys are back; 1 of the backup's stay destroyed" in done.output
    found = Keys(new, FileMasters(Path(master)))
    assert found.look_many([kept, gone]) == {kept: held, gone: Erased(gone, NOW)}


def test_a_rotation_killed_with_9_is_continued_by_the_same_command(tmp_path: Path) -> None:
    """As it is typed, in a process of its own, with a KMS behind a command in another."""
    kms, home = tmp_path / "kms", tmp_path / "home"
    kms.mkdir()
    os.mkfifo(kms / "gate")
    kms_command = shlex.join((sys.executable, str(KMS), str(kms)))
    keys = Keys(home, named(home, command=kms_command))
    ids = [keys.create(pseudonym()) for _ in range(3)]
    held = keys.look_many(ids)
    (kms / "mood").write_text("held at retire")
    environment = {"PATH": os.environ["PATH"], "VIGILITS_HOME": str(home), "KMS_COMMAND": kms_command}
    typed = [sys.executable, "-c", "from launch.command import main; main()", "keys", "rotate"]
    killed = subprocess.Popen(typed, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    with (kms / "gate").open("w"):  # opens once the KMS is asked to retire the old master
        os.killpg(killed.pid, signal.SIGKILL)
        assert killed.wait(30) == -signal.SIGKILL
    assert len(list(kms.glob("*.master"))) == 2
    assert Keys(home, named(home, command=kms_command)).look_many(ids) == held
    (kms / "mood").unlink()
    done = subprocess.run(typed, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 keys are wrapped" in done.stdout
    assert len(list(kms.glob("*.master"))) == 1
    assert Keys(home, named(home, command=kms_command)).look_many(ids) == held


def test_what_goes_wrong_is_a_sentence_and_a_status(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VIGILITS_HOME": str(tmp_path), "KMS_COMMAND": "no-such-command"}
    typed = [sys.executable, "-c", "from launch.command import main; main()", "keys", "rotate"]
    done = subprocess.run(typed, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        "vigilits: the key store can't open its keys: the command of the KMS can't be run: FileNotFoundError\n"
    )


def test_whoever_verifies_a_summary_is_told_the_public_key_alone(tmp_path: Path) -> None:
    done = vigilits(tmp_path, "signing")
    assert done.exit_code == 0, done.output
    [told] = json.loads(done.output)["keys"]
    assert told == Signing(tmp_path).public()
    assert "d" not in told
