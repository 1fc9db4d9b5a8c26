"""A house of one's own for every test that needs one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime_api.house import House, open_house


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
