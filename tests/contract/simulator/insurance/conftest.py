"""A fresh centre for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.parties.centre_simulator import SimulatedCentre, simulated_centre


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[SimulatedCentre]:
    async with simulated_centre(tmp_path / "centre.db") as centre:
        yield centre
