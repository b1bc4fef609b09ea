"""A worker deletes the tokens whose hour is over, and the nonces that can't come again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.housekeeping import tokens_forgotten
from security.keyring import Keyring
from storage.migrate import upgrade
from storage.session import Database
from tests.support.eventually import eventually
from tests.support.orders import outpatient
from tests.support.records import AT, SETTLEMENT, key_of, rows


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


async def test_nonces_go_when_their_time_is_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            await unit.nonces.use("main", "key", "old-nonce-0123456", datetime.now(UTC) - timedelta(seconds=1))
            await unit.nonces.use("main", "key", "new-nonce-0123456", datetime.now(UTC) + timedelta(hours=1))

        async def left() -> list[str]:
            return [row["nonce"] for row in await rows(database._engines.reader, "SELECT nonce FROM used_nonce")]

        async def is_forgotten() -> bool:
            return await left() == ["new-nonce-0123456"]

        assert len(await left()) == 2
        async with tokens_forgotten(database):
            await eventually(is_forgotten, within_s=5)
