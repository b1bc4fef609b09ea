"""Paid, and nobody calls interface 2: the payment is finished all the same (product rule 8)."""

from activities.contract import Booking
from domain.orders import Order, Registers
from domain.states import PaymentState
from tests.support.orders import outpatient, registration, settle_call, start
from tests.workflow.conftest import Desk


async def paid_unreported(desk: Desk, order: Order) -> None:
    """The patient has paid, and our own question has found it."""
    await desk.pre_settle(start(order))
    desk.script.will("ask_order", "paid")
    await desk.environment.sleep(34)
    assert await desk.state(start(order)) == "PAID"


class TestNobodyCalls:
    async def test_a_bill_is_settled(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(desk, order)

        await desk.environment.sleep(240)
        assert "settle" not in desk.script.asked
        assert await desk.result(start(order), 30) is PaymentState.SETTLED

    async def test_a_registration_is_registered_and_settled(self, desk: Desk, order_no: str) -> None:
        order = registration(order_no)
        await paid_unreported(desk, order)

        assert await desk.result(start(order)) is PaymentState.SETTLED
        assert desk.script.asked[-2:] == ["register", "settle"]

    async def test_a_booking_that_the_caller_made_is_taken(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(desk, order)
        desk.script.will("find_booking", Booking(settlement_no="S77"))

        assert await desk.result(start(order)) is PaymentState.SETTLED
        assert "settle" not in desk.script.asked

    async def test_a_visit_that_only_callers_make_is_a_persons(self, desk: Desk, order_no: str) -> None:
        begun = start(registration(order_no), registers=Registers.CALLER)
        await desk.pre_settle(begun)
        desk.script.will("ask_order", "paid")
        await desk.environment.sleep(400)

        assert await desk.attention(begun) == "VISIT_MISSING"


class TestSomebodyCallsInTime:
    async def test_is_answered_at_once(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await paid_unreported(desk, order)
        before = await desk.environment.get_current_time()

        await desk.settle(settle_call(order))

        assert (await desk.environment.get_current_time() - before).total_seconds() < 60
        assert desk.script.asked.count("settle") == 1
