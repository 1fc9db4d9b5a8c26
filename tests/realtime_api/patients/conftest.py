"""A house with followup shards for every test that needs one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.realtime_api.house import House, open_house
from tests.realtime_api.patients.followed import set_up


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[House]:
    """Return a running API over a small region whose patients are followed."""
    providers = "Téléo=https://teleo.example/visio, ORTIF=https://ortif.example"
    async with open_house(tmp_path / "home", patients=True, teleconsultation=providers) as opened:
        await set_up(opened)
        yield opened
