"""Engines for a run: fresh ones, in a directory that is gone after."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from launch.embedded import Engine
from tests.engines.chosen import SETS


class Engines(NamedTuple):
    """A Kafka and a Redis that run, and a directory for whatever else runs beside them."""

    kafka: Engine
    redis: Engine
    directory: Path


@contextmanager
def started(name: str) -> Iterator[Engines]:
    """Lend fresh engines of the named set; they are stopped after, and what they wrote is gone."""
    with tempfile.TemporaryDirectory(prefix="vigilits-load-") as directory, ExitStack() as running:
        home = Path(directory)
        engines = Engines(SETS[name].kafka(home / "kafka"), SETS[name].redis(home / "redis"), home)
        for engine in engines[:2]:
            running.callback(engine.stop)
            engine.start()
        yield engines
