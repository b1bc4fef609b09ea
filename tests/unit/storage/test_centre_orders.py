"""A number at a centre's account, and the order behind it, belong to one payment, whoever comes at the same instant."""

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from domain.base import PaymentKey
from storage.session import Database
from tests.support.values.orders import outpatient
from tests.support.values.records import AT

EAST, WEST = (PaymentKey(hospital=name, med_org_ord="M1") for name in ("east", "west"))
EAST_TWO = PaymentKey(hospital="east", med_org_ord="M2")


@pytest.fixture(autouse=True)
async def received(database: Database) -> None:
    async with database.begin() as unit:
        for key in (EAST, WEST, EAST_TWO):
            await unit.payments.receive(outpatient(key.med_org_ord, hospital=key.hospital), AT)


async def take(database: Database, account: str, key: PaymentKey) -> bool:
    async with database.begin() as unit:
        return await unit.centre_orders.take(account, key)


async def own(database: Database, account: str, key: PaymentKey, pay_ord_id: str) -> bool:
    async with database.begin() as unit:
        return await unit.centre_orders.own(account, key, pay_ord_id)


class TestANumber:
    async def test_is_the_first_ones(self, database: Database) -> None:
        assert [await take(database, "A", key) for key in (EAST, EAST, WEST, EAST_TWO)] == [True, True, False, True]
        async with database.read() as unit:
            assert [await unit.centre_orders.owner("A", number) for number in ("M1", "M2", "M3")] == [
                "east",
                "east",
                None,
            ]

    async def test_of_another_account_is_another_number(self, database: Database) -> None:
        assert await take(database, "A", EAST)
        assert await take(database, "B", WEST)

    async def test_at_the_same_instant_is_one_hospitals(self, database: Database) -> None:
        for account in map(str, range(20)):
            taken = await asyncio.gather(take(database, account, EAST), take(database, account, WEST))
            assert sorted(taken) == [False, True]


class TestAnOrder:
    async def test_is_the_first_payments(self, database: Database) -> None:
        for key in (EAST, EAST_TWO):
            await take(database, "A", key)
        assert await own(database, "A", EAST, "ORD1")
        # 6201 repeated gives the same payOrdId.
        assert await own(database, "A", EAST, "ORD1")
        assert not await own(database, "A", EAST_TWO, "ORD1")
        assert await own(database, "A", EAST_TWO, "ORD2")

    async def test_belongs_to_nobody_without_the_number(self, database: Database) -> None:
        await take(database, "A", EAST)
        assert not await own(database, "A", WEST, "ORD1")
        assert not await own(database, "A", EAST_TWO, "ORD1")

    async def test_at_the_same_instant_is_one_payments(self, database: Database) -> None:
        for at in range(10):
            account = str(at)
            for key in (EAST, EAST_TWO):
                await take(database, account, key)
            both = (own(database, account, key, "ORD1") for key in (EAST, EAST_TWO))
            owned = await asyncio.gather(*both, return_exceptions=True)
            assert owned.count(True) == 1
            assert all(isinstance(each, bool | IntegrityError) for each in owned)
