"""The set of engines that VIGILITS_ENGINES names: `embedded` (Valkey, Tansu) or `apache` (Redis, Apache Kafka)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from launch.embedded import Engine, Tansu, Valkey
from tests.engines.apache_kafka import ApacheKafka
from tests.engines.redis_server import RedisServer


class EngineSet(NamedTuple):
    """How to make an engine of each sort in a directory, and whether its Kafka keeps its log over a restart."""

    kafka: Callable[[Path], Engine]
    redis: Callable[[Path], Engine]
    kafka_persists: bool


SETS = {
    "embedded": EngineSet(Tansu, Valkey, kafka_persists=False),
    "apache": EngineSet(ApacheKafka, RedisServer, kafka_persists=True),
}


def chosen() -> EngineSet:
    """Return the set that the environment names, the embedded one where it names none."""
    return SETS[os.environ.get("VIGILITS_ENGINES") or "embedded"]
