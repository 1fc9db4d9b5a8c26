"""Which engines a command speaks to: those that the environment names, else those of a vigilits that runs here."""

import os
from pathlib import Path

import msgspec

from config import settings as environment
from config.settings import Settings
from launch import home


class NoEngines(Exception):
    """No engines are named, and none are running here."""


def here() -> Settings:
    """Return the settings with engines: those that the environment names, else those of a vigilits that runs here."""
    settings = environment.read(os.environ)
    if settings.kafka_url:
        return settings
    found = home.found(os.environ, Path(settings.home))
    if found is None:
        raise NoEngines(
            "no engines: set KAFKA_URL and REDIS_URL, or start `vigilits up` or `vigilits demo` here first "
            "(VIGILITS_HOME says which of several is meant)"
        )
    directory, running = found
    return msgspec.structs.replace(
        settings, kafka_url=running.kafka_url, redis_url=running.redis_url, home=str(directory)
    )
