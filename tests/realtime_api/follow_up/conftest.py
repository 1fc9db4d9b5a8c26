"""A house that follows patients at home, for every test that needs one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime_api.followed import FollowedHouse, open_followed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[FollowedHouse]:
    """Return a running API over a region that follows patients at home."""
    async with open_followed(tmp_path / "home") as opened:
        yield opened
