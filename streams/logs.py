"""Log lines as JSON, those of Faust and aiokafka included, and no line of theirs ten times a second."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

REPEATED_AFTER_S = 10.0


class SeldomRepeated(logging.Filter):
    """Lets the same complaint through once in a while: without a broker aiokafka has thirty a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}  # by the line before its values: as many as there are in the code

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line was not said lately."""
        line, now = (record.name, str(record.msg)), self._clock()
        if now - self._said.get(line, -REPEATED_AFTER_S) < REPEATED_AFTER_S:
            return False
        self._said[line] = now
        return True


def log_as_json(level: str) -> None:
    """Have every log line be one JSON object."""
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    ours, theirs = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stdout)
    theirs.addFilter(SeldomRepeated())
    for handler in (ours, theirs):
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            )
        )
    logging.basicConfig(handlers=[theirs], level=logging.WARNING, force=True)
    for name in ("streams", "event_log", "live_state"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [ours], False
        logger.setLevel(level.upper())
    spoken_for = logging.getLogger("streams.batches")  # there Faust speaks in our name
    spoken_for.handlers, spoken_for.propagate = [theirs], False
    spoken_for.setLevel(logging.WARNING)
