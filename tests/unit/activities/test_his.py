"""What HIS answers is recorded only where the row can still follow it. HIS is the simulator."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.call_log import CallLog
from activities.contract.his import Booking, BookPayment, FindBooking, PriceBill
from activities.his import His
from domain.orders import Order, bills_of
from domain.states import PaymentState
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from security.crypto.keyring import Keyring
from storage.records import PaymentRecord
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.parties.his_simulator import his_simulator
from tests.support.stack.database import rows
from tests.support.stack.recorded import PAID, reach
from tests.support.stack.stepping import finds_row_moved, take
from tests.support.values.his_payments import his_payment
from tests.support.values.orders import TERMS, outpatient
from tests.support.values.records import AT, key_of

S = PaymentState
ORDER = outpatient("H1")
STEP = {"hospital": ORDER.hospital, "med_org_ord": ORDER.med_org_ord, "revision": 99}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    async with Database(url, Keyring.generate()) as database:
        yield database


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[HttpHospitalSystem]:
    async with his_simulator(tmp_path / "his.db") as simulator, HttpCaller() as http:
        yield HttpHospitalSystem(http, simulator.url, timeout_s=5)


@pytest.fixture
def his(database: Database, system: HttpHospitalSystem) -> His:
    return His(CallLog(database), {ORDER.hospital: system})


async def comes_to(database: Database, *way: PaymentState) -> None:
    async with database.begin() as unit:
        await reach(unit, ORDER, *way, facts=PAID)


async def found(database: Database) -> PaymentRecord:
    async with database.read() as unit:
        record = await unit.payments.find(key_of(ORDER))
    assert record is not None
    return record


async def booked(database: Database) -> list[str | None]:
    """HIS's number in the settlement's own row."""
    return [
        row["settlement_no"] for row in await rows(database._engines.reader, "SELECT settlement_no FROM settlement")
    ]


def payment(total_fen: int) -> BookPayment:
    return BookPayment(**STEP, **his_payment("H1", total_fen).model_dump(exclude={"hospital", "med_org_ord"}))


def question() -> FindBooking:
    return FindBooking(**STEP, category=ORDER.category, patient_id="100001", visit_id=None, record=True)


async def find(his: His) -> Booking:
    return await take(his.find_booking, question())


class TestABooking:
    @pytest.fixture
    async def settlement_no(self, system: HttpHospitalSystem) -> str:
        """HIS has booked it: the caller did so directly."""
        return await system.settle(payment(await _price(system)))

    @pytest.mark.parametrize("state", [S.PAID, S.REGISTERED])
    async def test_that_is_found_makes_it_settled(
        self, database: Database, his: His, settlement_no: str, state: PaymentState
    ) -> None:
        await comes_to(database, state)
        assert (await find(his)).settlement_no == settlement_no
        record = await found(database)
        assert (record.state, record.settlement_no) == (S.SETTLED, settlement_no)
        assert await booked(database) == [settlement_no]

    @pytest.mark.usefixtures("settlement_no")
    @pytest.mark.parametrize(
        "way", [(S.PAID, S.IN_REVIEW), (S.REVERSING,), (S.REVERSED,)], ids=lambda way: str(way[-1])
    )
    async def test_that_is_found_moves_nothing_else(
        self, database: Database, his: His, way: tuple[PaymentState, ...]
    ) -> None:
        await comes_to(database, *way)
        before = await found(database)
        assert (await finds_row_moved(his.find_booking, question())).state is way[-1]
        assert await found(database) == before
        assert await booked(database) == [None]

    async def test_that_we_made_is_not_hidden_by_a_review(
        self, database: Database, his: His, system: HttpHospitalSystem
    ) -> None:
        """Our own settle is a change, not an answer: what HIS did is what the payment is."""
        await comes_to(database, S.PAID, S.IN_REVIEW)
        made = await take(his.settle, payment(await _price(system)))
        record = await found(database)
        assert (record.state, record.settlement_no) == (S.SETTLED, made.settlement_no)


class TestAPrice:
    @pytest.mark.parametrize("end", [S.REJECTED, S.CANCELLED, S.EXPIRED])
    async def test_that_comes_after_the_end_writes_no_lines_and_locks_no_bill(
        self, database: Database, his: His, system: HttpHospitalSystem, end: PaymentState
    ) -> None:
        await comes_to(database, end)
        before = await found(database)
        order = await _order(system)
        known = await finds_row_moved(his.price_bill, _pricing(order))
        assert known.state is end
        assert await found(database) == before
        assert await rows(database._engines.reader, "SELECT * FROM fee_line") == []
        assert await rows(database._engines.reader, "SELECT * FROM bill_lock") == []

    async def test_in_time_writes_both(self, database: Database, his: His, system: HttpHospitalSystem) -> None:
        order = await _order(system)
        for _ in range(2):
            await take(his.price_bill, _pricing(order))
        assert (await found(database)).state is S.PRICED
        assert await rows(database._engines.reader, "SELECT * FROM fee_line") != []
        locks = await rows(database._engines.reader, "SELECT bill FROM bill_lock")
        assert [lock["bill"] for lock in locks] == list(bills_of(order, AT, TERMS.payable_s))


def _pricing(order: Order) -> PriceBill:
    account, payable_s = TERMS.centre_account, TERMS.payable_s
    return PriceBill(**STEP, order=order, accepted_at=AT, centre_account=account, payable_s=payable_s)


async def _price(system: HttpHospitalSystem) -> int:
    return (await system.prescription_fees(ORDER.order_ids, ORDER.patient_id)).total_fen


async def _order(system: HttpHospitalSystem) -> Order:
    return ORDER.model_copy(update={"total_fen": await _price(system)})
