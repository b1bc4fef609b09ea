"""Rows say which keys they need, and are sealed anew with the active one."""

from collections import Counter

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from domain.errors import Outcome
from domain.orders import Order
from domain.states import PaymentState
from security.crypto.gcm import SealCipher
from security.crypto.keyring import Keyring
from storage.records import FinishedStep, PaymentFacts, StepKey
from storage.sealing import SEALED, SUFFIX, sealed_tables
from storage.session import Database
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, key_of

ORDERS = [outpatient(f"M{number}", patient_name="张三") for number in range(5)]
FACTS = PaymentFacts(pay_token="TOKEN", settlement=SETTLEMENT)


STEP = FinishedStep(outcome=Outcome.DONE, subject="", result='{"pay_ord_id":"ORD1"}')


def step_of(order: Order) -> StepKey:
    return StepKey(workflow_id=order.workflow_id, name="insurance_6201_upload_fees", number=1)


@pytest.fixture
async def written(database: Database) -> None:
    async with database.begin() as unit:
        for order in ORDERS:
            await reach(unit, order, PaymentState.PRE_SETTLED, facts=FACTS, at=AT)
            await unit.steps.finish(key_of(order), step_of(order), STEP, AT)


async def reseal(database: Database, rows_max: int) -> tuple[int, int]:
    """All tables; how many rows were sealed anew, how many were broken."""
    done = broken = 0
    for table in sealed_tables():
        after = None
        while True:
            async with database.begin() as unit:
                round_ = await unit.seals.reseal(table, after, rows_max)
            done, broken, after = done + round_.rows, broken + round_.broken, round_.last
            if after is None:
                break
    return done, broken


async def key_ids(database: Database) -> Counter[str]:
    async with database.read() as unit:
        return await unit.seals.key_ids()


def test_every_sealed_column_is_known() -> None:
    names = {column.name.removesuffix(SUFFIX) for columns in sealed_tables().values() for column in columns}
    assert names == SEALED
    assert {table.name for table in sealed_tables()} == {"payment", "settlement", "refund", "step"}
    assert set(sealed_tables()) <= set(SQLModel.metadata.tables.values())


@pytest.mark.usefixtures("written")
class TestResealing:
    async def test_after_it_no_row_needs_the_old_key(
        self, database: Database, keyring: Keyring, records_url: str
    ) -> None:
        before = await key_ids(database)
        assert before.keys() == {"k1"}
        rotated = keyring.rotated(SealCipher.AES_256)
        async with Database(records_url, rotated) as later:
            assert await reseal(later, rows_max=2) == (15, 0)
            assert await key_ids(later) == Counter({"k2": before["k1"]})
            assert await reseal(later, rows_max=2) == (0, 0)
        async with Database(records_url, rotated.without(["k1"])) as alone, alone.read() as unit:
            found = await unit.payments.find(key_of(ORDERS[0]))
            assert await unit.steps.find(key_of(ORDERS[0]), step_of(ORDERS[0])) == STEP
        assert found is not None
        assert (found.order.id_no, found.order.patient_name) == (ORDERS[0].id_no, "张三")
        assert (found.pay_token, found.settlement) == ("TOKEN", SETTLEMENT)

    async def test_it_goes_on_where_it_was_stopped(self, keyring: Keyring, records_url: str) -> None:
        async with Database(records_url, keyring.rotated(SealCipher.SM4)) as later:
            async with later.begin() as unit:
                first = await unit.seals.reseal(next(iter(sealed_tables())), None, 2)
            assert (first.rows, first.broken) == (2, 0)
            assert first.last is not None
            assert await reseal(later, rows_max=100) == (13, 0)

    async def test_a_broken_seal_stays_and_is_counted(
        self, database: Database, keyring: Keyring, records_url: str
    ) -> None:
        async with database._engines.writer.begin() as connection:
            spoilt = "UPDATE payment SET pay_token_sealed = 'k1:AAAA' WHERE med_org_ord = 'M3'"
            await connection.execute(text(spoilt))
        async with Database(records_url, keyring.rotated(SealCipher.SM4)) as later:
            assert await reseal(later, rows_max=2) == (14, 1)
            assert (await key_ids(later))["k1"] > 0
