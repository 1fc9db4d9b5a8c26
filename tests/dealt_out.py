"""A pytest plugin: which tests a process gets where several run them (pytest-xdist)."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Whose tests look at one running system, which takes as long to start as all of them take.
TOGETHER = frozenset(
    f"tests/end_to_end/test_{name}.py" for name in ("a_report", "parts_stop", "poison", "replay", "who_may_look")
)


class Dealing(LoadFileScheduling):
    """A file at a time, since its tests may share what they start, and some files together for the same reason."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "together" if file in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Dealing:
    """Return who deals the tests out."""
    return Dealing(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what waits for engines and whole systems first: begun at the end, it would leave one process alone at it."""
    slow = {item.path for item in items if any(item.iter_markers("engines")) or any(item.iter_markers("timeout"))}
    items.sort(key=lambda item: item.path not in slow)
