"""A row that the database will never take is told apart from one that can wait, and fails its step for good."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from temporalio.exceptions import ApplicationError

from activities.call_log import CallLog
from activities.centre import Centre
from activities.contract.base import NOT_KEPT
from activities.contract.centre import AskOrder
from activities.contract.his import Booking, BookPayment
from activities.his import His
from domain.insurance import OrderReference, OrderStatus
from domain.orders import HisPayment
from domain.states import PaymentState
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from storage.records import PaymentFacts
from storage.session import Database
from storage.sql.refusals import RowRefusedError
from tests.support.stack.database import rows
from tests.support.stack.recorded import PAID, PLACED, reach
from tests.support.stack.stepping import take
from tests.support.values import centres
from tests.support.values.his_payments import his_payment
from tests.support.values.orders import outpatient
from tests.support.values.records import key_of, later

ORDER = outpatient("R1")
KEY = key_of(ORDER)
SPLIT = PLACED.split
BEYOND = Fen(2**63)
AGAIN = "INSERT INTO bill_lock (hospital, bill, med_org_ord, locked_at) VALUES ('main', 'b', 'R1', '2026-01-01')"


@pytest.fixture
async def paid(database: Database) -> Database:
    async with database.begin() as unit:
        await reach(unit, ORDER, PaymentState.PAID, facts=PAID)
    return database


async def learn(database: Database, **facts: Any) -> None:
    async with database.begin() as unit:
        await unit.payments.record(KEY, 50, later(0), facts=PaymentFacts(**facts))


class TestARowThatIsRefused:
    @pytest.mark.parametrize(
        "facts",
        [
            {"settlement_no": "S\ud8001"},
            {"insured_name": "张\udfff三"},
            {"balance_fen": BEYOND},
            {"balance_fen": -BEYOND - 1},
            {"split": SPLIT.model_copy(update={"fund_fen": Fen(-1)}) if SPLIT else None},
            {"split": SPLIT.model_copy(update={"other_fen": BEYOND}) if SPLIT else None},
        ],
    )
    async def test_on_both_databases(self, paid: Database, facts: dict[str, Any]) -> None:
        with pytest.raises(RowRefusedError) as refused:
            await learn(paid, **facts)
        assert not any(word in str(refused.value) for word in ("S1", "张", "三", str(BEYOND)))
        assert refused.value.__cause__ is None

    @pytest.mark.parametrize("facts", [{"settlement_no": "S" * 129}, {"visit_id": "V\x001"}, {"pay_ord_id": "P" * 500}])
    async def test_on_postgresql(self, paid: Database, dialect: str, facts: dict[str, Any]) -> None:
        if dialect == "sqlite":
            await learn(paid, **facts)
            return
        with pytest.raises(RowRefusedError, match="SQLSTATE 22"):
            await learn(paid, **facts)

    async def test_leaves_the_row_as_it_was(self, paid: Database) -> None:
        with pytest.raises(RowRefusedError):
            await learn(paid, settlement_no="S1", balance_fen=BEYOND)
        async with paid.read() as unit:
            record = await unit.payments.find(KEY)
        assert record is not None
        assert record.settlement_no is None

    @pytest.mark.parametrize(
        ("statement", "kind"), [(AGAIN, IntegrityError), ("SELECT nothing FROM nowhere", DBAPIError)]
    )
    async def test_is_not_one_that_a_key_keeps_out_or_a_mistake_of_ours(
        self, paid: Database, statement: str, kind: type[DBAPIError]
    ) -> None:
        async def twice() -> None:
            async with paid.begin() as unit:
                for _ in range(2):
                    await unit.connection.execute(text(statement))

        with pytest.raises(kind):
            await twice()


class OwnHis(HttpHospitalSystem):
    """A hospital's own adapter, which bounds and cleans nothing."""

    number = "S" * 600

    async def settle(self, payment: HisPayment) -> str:
        return f"{self.number}{payment.med_org_ord}"


class OwnCentre(HttpInsuranceCentre):
    """A centre's own adapter, which believes every number."""

    async def query_order(self, reference: OrderReference) -> OrderStatus:
        split = SPLIT.model_copy(update={"other_fen": BEYOND}) if SPLIT else None
        return OrderStatus(pay_ord_id=reference.pay_ord_id, ord_stas=6, split=split)


class TestAStep:
    async def test_whose_settlement_is_refused_fails_for_good(self, paid: Database) -> None:
        async with HttpCaller() as http:
            centre = OwnCentre(http, centres.profile(), centres.ACCOUNT)
            stamp = {"revision": 99, "number": 1, "known_state": PaymentState.PAID}
            facts = {"reference": centres.REFERENCE, "accepted_at": later(0), "reversal_window_s": 3600}
            step = AskOrder(**KEY.model_dump(), **stamp, split=SPLIT, **facts)
            with pytest.raises(ApplicationError) as failed:
                await take(Centre(CallLog(paid), {"main": centre}).ask_order, step)
        assert (failed.value.type, failed.value.non_retryable) == (NOT_KEPT, True)

    @pytest.mark.parametrize("number", ["S" * 600, "S\x00"])
    async def test_whose_booking_is_refused_fails_for_good_and_its_call_is_logged(
        self, paid: Database, dialect: str, number: str
    ) -> None:
        async with HttpCaller() as http:
            own = OwnHis(http, "http://127.0.0.1:9")
            own.number = number
            payment = his_payment("R1", 12850).model_dump(exclude={"hospital", "med_org_ord"})
            step = BookPayment(**KEY.model_dump(), revision=99, number=1, known_state=PaymentState.PAID, **payment)
            settle = His(CallLog(paid), {"main": own}).settle
            if dialect == "sqlite":
                assert await take(settle, step) == Booking(settlement_no=f"{number}R1")
                return
            with pytest.raises(ApplicationError) as failed:
                await take(settle, step)
        assert (failed.value.type, failed.value.non_retryable) == (NOT_KEPT, True)
        logged = await rows(paid._engines.reader, """SELECT outcome FROM call_log WHERE "transaction" = 'settle'""")
        assert [row["outcome"] for row in logged] == ["done"]
