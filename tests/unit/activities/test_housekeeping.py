"""A worker deletes the tokens whose hour is over."""

from pathlib import Path

from activities.housekeeping import tokens_forgotten
from security.keyring import Keyring
from storage.migrate import upgrade
from storage.session import Database
from tests.support.eventually import eventually
from tests.support.orders import outpatient
from tests.support.records import AT, SETTLEMENT, key_of


async def test_an_old_token_goes_and_the_settlement_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    order = outpatient("M1")
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.payments.record(key_of(order), 1, AT, order=order)
            await unit.settlements.settled(key_of(order), SETTLEMENT)

        async def forgotten() -> bool:
            async with database.read() as unit:
                found = await unit.settlements.find(key_of(order))
            return found == SETTLEMENT.model_copy(update={"revs_token": ""})

        assert not await forgotten()
        async with tokens_forgotten(database):
            await eventually(forgotten, within_s=5)
        assert await forgotten()
