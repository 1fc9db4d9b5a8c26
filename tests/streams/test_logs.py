"""What a worker says, and how often."""

import json
import logging
import subprocess
import sys

from streams.logs import REPEATED_AFTER_S, SeldomRepeated

SAYS = """
import logging, structlog
from streams.logs import log_as_json
log_as_json("info")
structlog.get_logger("streams.capacity").info("folds", shard="capacity:ici")
structlog.get_logger("streams.capacity").debug("hidden")
for n in range(5):
    logging.getLogger("aiokafka").error("no connection to %s", n)
    logging.getLogger("faust").info("hidden")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("streams.app").exception("failed")
"""


def test_every_line_is_json_and_a_librarys_complaint_comes_once() -> None:
    said = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["folds", "no connection to 0", "failed"]
    assert lines[0]["shard"] == "capacity:ici"
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert {"level", "logger", "timestamp"} <= lines[0].keys() & lines[1].keys()


def test_a_complaint_is_repeated_after_a_while() -> None:
    now = [0.0]
    seldom = SeldomRepeated(lambda: now[0])
    line = logging.LogRecord("aiokafka", logging.ERROR, "f", 1, "no connection to %s", ("a",), None)
    assert seldom.filter(line)
    assert not seldom.filter(line)
    now[0] += REPEATED_AFTER_S
    assert seldom.filter(line)
