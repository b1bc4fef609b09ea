"""Hospitals with one account at the centre: an order that is another payment's is left alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog
from activities.centre import Centre
from activities.contract.centre import UploadFees
from domain.orders import Order
from domain.states import PaymentState
from gateways.insurance.client import HttpInsuranceCentre
from security.crypto.keyring import Keyring
from storage.records import PaymentRecord
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.parties.centre_stub import CentreStub, centre_stub
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.stack.stepping import take
from tests.support.values.orders import TERMS, bill_of, outpatient
from tests.support.values.records import key_of

FIRST, SECOND = outpatient("M1"), outpatient("M2", hospital="annex")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    async with Database(url, Keyring.generate()) as database:
        async with database.begin() as unit:
            for order in (FIRST, SECOND):
                await reach(unit, order, PaymentState.PRICED)
                assert await unit.centre_orders.take(TERMS.centre_account, key_of(order))
        yield database


@pytest.fixture
async def parties() -> AsyncIterator[tuple[CentreStub, HttpInsuranceCentre]]:
    async with centre_stub() as made:
        yield made


def uploading(order: Order) -> UploadFees:
    stamp = {"revision": 99, "number": 1, "known_state": PaymentState.PRICED}
    facts = {"order": order, "bill": bill_of(order), "centre_account": TERMS.centre_account}
    return UploadFees(**key_of(order).model_dump(), **stamp, **facts)


async def found(database: Database, order: Order) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(key_of(order))
    assert record is not None
    return record


async def test_the_answer_with_another_payments_order_is_a_conflict(
    database: Database, parties: tuple[CentreStub, HttpInsuranceCentre]
) -> None:
    """It is not recorded, so that nothing of ours ever places, revokes or refunds it."""
    stub, centre = parties
    stub.data = {"payOrdId": "ORD1", "payToken": "PT1", "extData": {"mdtrtId": "MD1"}}
    activities = Centre(CallLog(database), {"main": centre, "annex": centre})
    await take(activities.upload_fees, uploading(FIRST))

    for _ in range(2):
        with pytest.raises(ApplicationError) as raised:
            await take(activities.upload_fees, uploading(SECOND))
        assert (raised.value.type, raised.value.non_retryable) == ("ORDER_CONFLICT", True)
        assert "payOrdId" in raised.value.message

    assert [(await found(database, order)).pay_ord_id for order in (FIRST, SECOND)] == ["ORD1", None]
    assert (await found(database, SECOND)).state is PaymentState.PRICED
    calls = await rows(database._engines.reader, "SELECT med_org_ord, outcome FROM call_log ORDER BY id")
    assert [(call["med_org_ord"], call["outcome"]) for call in calls] == [("M1", "done"), ("M2", "done")]
    assert len(stub.requests) == 2
