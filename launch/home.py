"""VIGILITS_HOME: the directory of one running vigilits, and the file in it by which other commands find its engines."""

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

ENGINES = "engines.json"
LOCK = "lock"
TRIES = 10
DEMO = Path(".vigilits") / "demo"


class HomeTaken(Exception):
    """Another vigilits runs in this home."""


class Running(msgspec.Struct, frozen=True):
    """What a running `vigilits up` tells other commands: where its engines and its pages are, and who runs."""

    pid: int
    kafka_url: str
    redis_url: str
    url: str | None = None
    pids: dict[str, int | None] = {}


@contextmanager
def taken(directory: Path) -> Iterator[None]:
    """Hold a home for oneself; raise HomeTaken where another process holds it. It falls with the process."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)  # keys and links are kept here
    with (directory / LOCK).open("w") as lock:
        for _ in range(TRIES):  # someone who only looks holds it for a moment
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                break
        else:
            raise HomeTaken(f"another vigilits runs in {directory}")
        yield


def tell(directory: Path, running: Running) -> None:
    """Write down what runs here, whole or not at all."""
    fresh = directory / f"{ENGINES}.new"
    fresh.touch(mode=0o600)  # a REDIS_URL may hold a password
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(running), indent=2))
    fresh.replace(directory / ENGINES)


def hush(directory: Path) -> None:
    """Forget what ran here."""
    (directory / ENGINES).unlink(missing_ok=True)


def is_taken(directory: Path) -> bool:
    """Return whether a vigilits runs in a home."""
    try:
        with (directory / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def running(directory: Path) -> Running | None:
    """Return what runs in a home, None where nothing does (any more): whoever wrote the file may have been killed."""
    if not is_taken(directory):
        return None
    try:
        return msgspec.json.decode((directory / ENGINES).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None  # it is only starting


def found(environ: Mapping[str, str], own: Path) -> tuple[Path, Running] | None:
    """Return the running vigilits that a command is meant for: in the named home, else a demo here, else ours."""
    for directory in [own] if environ.get("VIGILITS_HOME") else [DEMO, own]:
        what = running(directory) if directory.is_dir() else None
        if what is not None:
            return directory.absolute(), what
    return None
