"""A payment that is PAID, and HIS."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.states import PaymentState
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from security.crypto.keyring import Keyring
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.parties.his_simulator import his_simulator
from tests.support.stack.recorded import PAID, reach
from tests.unit.activities.steps.at_his import ORDER, AtHis


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as http:
        yield http


@pytest.fixture
async def at_his(tmp_path: Path, http: HttpCaller) -> AsyncIterator[AtHis]:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    async with Database(url, Keyring.generate()) as database, his_simulator(tmp_path / "his.db") as simulator:
        async with database.begin() as unit:
            await reach(unit, ORDER, PaymentState.PAID, facts=PAID)
        yield AtHis(simulator, HttpHospitalSystem(http, simulator.url, timeout_s=5), database)
