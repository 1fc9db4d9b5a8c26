"""A house of one's own for every test that needs one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime_api import app
from tests.realtime_api.house import House, open_house


@pytest.fixture(autouse=True)
def checks_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what ends sockets be looked at sooner than it is; one test shows that it is soon enough as it is."""
    monkeypatch.setattr(app, "CHECKS_EVERY_S", 0.1)
    monkeypatch.setattr(app, "COOKIES_EVERY_S", 0.15)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API over a small region."""
    async with open_house(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API over a small region with a notices shard."""
    async with open_house(tmp_path / "home", alerts=True, push_contact="mailto:astreinte@example.fr") as opened:
        yield opened
