"""`vigilits keys`: the master key changed, the store saved and brought back, what is destroyed or lost, what signs."""

import asyncio
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from config import settings as environment
from event_log.log import LogAway
from launch import home, lost_keys, regions
from launch.engines_here import NoEngines, here
from live_state.state import StateAway
from people.keys import BACKUP_LIFE_MS, DAY_MS, Keys
from people.masters import named
from people.signing import Signing

EPILOG = "Exit status: 0 done, 1 failed, 2 asked for wrongly, 3 the key store, its master key or an engine is away."
STAMP = "%Y%m%dT%H%M%SZ"
BACKUP = re.compile(r"keys-\d{8}T\d{6}Z-until-(\d{8}T\d{6}Z)\.sqlite3")

keys_app = typer.Typer(no_args_is_help=True, help="Patients' keys: change the master key, save them, bring them back.")


@keys_app.command("rotate", epilog=EPILOG)
def rotate() -> None:
    """Wrap every patient's key by a new master key and retire the old one, while all goes on. Again, if broken off."""
    done = _store().rotate(lambda so_far: typer.echo(f"{so_far} keys", err=True))
    typer.echo(f"{done} keys are wrapped by a new master key, and the old one is retired: make a backup now")


@keys_app.command("backup", epilog=EPILOG)
def backup(
    directory: Annotated[Path, typer.Argument(help="Where it goes; ours there that are over are deleted.")],
    days: Annotated[
        float, typer.Option("--days", min=0.01, max=35, help="How long it may be brought back.")
    ] = BACKUP_LIFE_MS / DAY_MS,
) -> None:
    """Save the key store under a name that says until when it may be brought back, and delete those that are over."""
    now, store = regions.now(), _store()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    life = round(days * DAY_MS)
    made = store.backup(directory / f"keys-{_stamp(now)}-until-{_stamp(now + life)}.sqlite3", now, life)
    over = [file for file in directory.iterdir() if (found := BACKUP.fullmatch(file.name)) and found[1] <= _stamp(now)]
    for file in over:
        file.unlink()
    typer.echo(f"{made.path.name}; {len(over)} that were over are deleted")


@keys_app.command("restore", epilog=EPILOG)
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    erased: Annotated[
        Path | None,
        typer.Option("--erased", help="What `keys erased` printed last; needed where the store was lost."),
    ] = None,
) -> None:
    """Bring back the keys that are missing here, and none that was destroyed; say which of the log's are lost still."""
    told = None if erased is None else [line.split()[0] for line in erased.read_text().splitlines() if line.strip()]
    store = _store()
    done = store.restore(file, regions.now(), told)
    typer.echo(f"{done.keys} keys are back; {done.stay_erased} of the backup's stay destroyed")
    try:
        _tell_lost(store)
    except (NoEngines, LogAway, StateAway) as why:
        typer.echo(f"which keys are lost still, the log alone can tell ({why}): `vigilits keys lost`", err=True)


@keys_app.command("lost", epilog=EPILOG)
def lost() -> None:
    """Print the patients, by pseudonym, whose key is neither here nor destroyed: what they sent opens to nobody."""
    _tell_lost(_store())


@keys_app.command("erased", epilog=EPILOG)
def erased() -> None:
    """Print the keys that were destroyed, and when: no content. Keep it apart, for a store that is lost."""
    for key_id, erased_at in _store().erased():
        typer.echo(f"{key_id} {_stamp(erased_at)}")


@keys_app.command("signing", epilog=EPILOG)
def signing() -> None:
    """Print the public key by which summaries are ours, for whoever verifies one: a JWK with its certificates."""
    typer.echo(json.dumps({"keys": [Signing(_home(environment.read(os.environ))).public()]}, indent=2))


def _tell_lost(store: Keys) -> None:
    found = lost_keys.lost(store, asyncio.run(_named(here())))
    for patient, key_id in found.items():
        typer.echo(f"{patient} {key_id}")
    typer.echo(f"{len(found)} keys are lost", err=True)


async def _named(at: environment.Settings) -> dict[str, str]:
    async with regions.stores(at.kafka_url, at.redis_url) as (log, state):
        return await lost_keys.keys_named(log, state)


def _home(settings: environment.Settings) -> Path:
    """Return the home of the vigilits that runs here, else the one that is named."""
    found = home.found(os.environ, Path(settings.home))
    return Path(settings.home) if found is None else found[0]


def _stamp(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).strftime(STAMP)


def _store() -> Keys:
    """Return the key store of that home."""
    settings = environment.read(os.environ)
    where = _home(settings)
    return Keys(where, named(where, settings.master_keys, settings.kms_command))
