"""What tests share: real engines on loopback, names of their own on them, and a browser."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from launch.embedded import Engine
from tests.engines.chosen import EngineSet, chosen

CHROMIUM_FOUND = Path(__file__).parent.parent / ".engines" / "chromium"  # written by make/browser.sh
# A closed network refuses what Chromium asks for at start, many times over; as root it has no sandbox.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

# Examples run beside brokers and browsers on few cores: how long one took says nothing.
hypothesis.settings.register_profile("vigilits", deadline=None)
hypothesis.settings.load_profile("vigilits")


@pytest.fixture(scope="session")
def engines() -> EngineSet:
    """Return the makers of the chosen engines, for what neither a shared nor an own engine's fixture gives."""
    return chosen()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[Engine]:
    """Return a Kafka that all tests share: take topic names from `topic_prefix`, and leave it running."""
    engine = engines.kafka(tmp_path_factory.mktemp("kafka"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def redis_engine(tmp_path_factory: pytest.TempPathFactory, engines: EngineSet) -> Iterator[Engine]:
    """Return a Redis that all tests share: take key names from `topic_prefix`, and leave it running."""
    engine = engines.redis(tmp_path_factory.mktemp("redis"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def topic_prefix() -> str:
    """Return the start of topic and key names that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture
def own_kafka(tmp_path: Path, engines: EngineSet) -> Iterator[Callable[[], Engine]]:
    """Return what starts a Kafka of the test's own, to be killed and restarted at will."""
    with ExitStack() as running:
        yield _starter(running, engines.kafka, tmp_path / "own-kafka")


@pytest.fixture
def own_redis(tmp_path: Path, engines: EngineSet) -> Iterator[Callable[[], Engine]]:
    """Return what starts a Redis of the test's own, to be killed and restarted at will."""
    with ExitStack() as running:
        yield _starter(running, engines.redis, tmp_path / "own-redis")


def _starter(running: ExitStack, make: Callable[[Path], Engine], directory: Path) -> Callable[[], Engine]:
    def start() -> Engine:
        engine = make(directory / uuid.uuid4().hex[:8])
        running.callback(engine.stop)
        engine.start()
        return engine

    return start


@pytest.fixture(scope="session")
def chromium_launch() -> dict[str, Any]:
    """Return the arguments of Playwright's `chromium.launch`, for the browser that make/browser.sh found."""
    told = CHROMIUM_FOUND.read_text().strip() if CHROMIUM_FOUND.exists() else ""
    path = os.environ.get("VIGILITS_CHROMIUM") or told or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no Chromium on this machine: `make test` says what it tried")
    return {"executable_path": path, "args": CHROMIUM_ARGS, "headless": True}
