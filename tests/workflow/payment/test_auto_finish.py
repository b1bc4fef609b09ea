"""Paid, and nobody calls interface 2: the payment is finished all the same (product rule 8)."""

from activities.contract.his import Booking
from domain.orders import Order, Registers
from domain.states import PaymentState
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, registration, settle_call, start


async def paid_unreported(work: PaymentsAtWork, order: Order) -> None:
    """The patient has paid, and our own question has found it."""
    await work.pre_settle(start(order))
    work.script.will("ask_order", "paid")
    await work.environment.sleep(34)
    assert await work.state(start(order)) == "PAID"


class TestNobodyCalls:
    async def test_a_bill_is_settled(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(work, order)

        await work.environment.sleep(240)
        assert "settle" not in work.script.asked
        assert await work.result(start(order), 30) is PaymentState.SETTLED

    async def test_a_registration_is_registered_and_settled(self, work: PaymentsAtWork, order_no: str) -> None:
        order = registration(order_no)
        await paid_unreported(work, order)

        assert await work.result(start(order)) is PaymentState.SETTLED
        assert work.script.asked[-2:] == ["register", "settle"]

    async def test_a_booking_that_the_caller_made_is_taken(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(work, order)
        work.script.will("find_booking", Booking(settlement_no="S77"))

        assert await work.result(start(order)) is PaymentState.SETTLED
        assert "settle" not in work.script.asked

    async def test_a_visit_that_only_callers_make_is_a_persons(self, work: PaymentsAtWork, order_no: str) -> None:
        begun = start(registration(order_no), registers=Registers.CALLER)
        await work.pre_settle(begun)
        work.script.will("ask_order", "paid")
        await work.environment.sleep(400)

        assert await work.attention(begun) == "VISIT_MISSING"


class TestSomebodyCallsInTime:
    async def test_is_answered_at_once(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(work, order)
        before = await work.environment.get_current_time()

        await work.settle(settle_call(order))

        assert (await work.environment.get_current_time() - before).total_seconds() < 60
        assert work.script.asked.count("settle") == 1


class TestWhoCallsWhileItIsBooked:
    async def test_gets_the_visit_that_they_named(self, work: PaymentsAtWork, order_no: str) -> None:
        """The payment knows of no visit: HIS is told without one, and the caller's own is answered."""
        order, told = outpatient(order_no), []

        async def caller_comes() -> None:
            told.append(await work.begin_settle(settle_call(order, visit_id="V1")))

        await paid_unreported(work, order)
        work.script.on("settle", caller_comes)

        assert await work.result(start(order), 30) is PaymentState.SETTLED
        assert (await told[0].result()).visit_id == "V1"
