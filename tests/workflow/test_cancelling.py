"""A payment is withdrawn before it is paid: 6301, then 6401. A cancel that meets a payment loses."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.contract import Revoked
from domain.orders import Order
from domain.states import PaymentState
from tests.support.orders import outpatient, settle_call, start
from tests.support.scripted import CENTRE_DOWN, CENTRE_SILENT, waiting
from tests.workflow.conftest import Desk


async def refused(desk: Desk, order: Order, step_s: int = 30) -> ApplicationError:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await desk.cancel(order, step_s)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


class TestBeforePayment:
    async def test_is_asked_then_revoked_then_cancelled(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))

        assert await desk.cancel(order) == "CANCELLED"
        assert desk.script.asked[3:] == ["ask_order", "revoke_order"]
        assert await desk.result(start(order)) is PaymentState.CANCELLED

    async def test_while_the_order_is_placed_answers_no_split(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        desk.script.will("upload_fees", CENTRE_SILENT, CENTRE_SILENT, desk.script.answers["upload_fees"][0])
        update = await desk.begin(start(order))

        answer, state = await asyncio.gather(desk.answer(update, 1), desk.cancel(order, 1), return_exceptions=True)

        assert state == "CANCELLED"
        assert isinstance(answer, WorkflowUpdateFailedError)
        assert isinstance(answer.cause, ApplicationError)
        assert answer.cause.type == "CANCELLED"
        assert desk.script.asked[-1] == "revoke_order"

    async def test_that_the_centre_had_revoked_already_is_cancelled(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", waiting(12))

        assert await desk.cancel(order) == "CANCELLED"
        assert "revoke_order" not in desk.script.asked

    async def test_twice_at_once_revokes_once(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))

        assert set(await asyncio.gather(desk.cancel(order), desk.cancel(order))) == {"CANCELLED"}
        assert desk.script.asked.count("revoke_order") == 1


class TestWhileThePatientPays:
    async def test_is_told_to_come_again_and_the_wish_stands(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", waiting(2), waiting(1))

        assert (await refused(desk, order, 1)).type == "PROCESSING"
        await desk.environment.sleep(70)

        assert await desk.result(start(order)) is PaymentState.CANCELLED

    async def test_for_too_long_is_a_persons(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order, payment_window_s=86_400))
        desk.script.will("ask_order", waiting(3))

        assert (await refused(desk, order, 1)).type == "PROCESSING"
        await desk.environment.sleep(1_900)

        assert await desk.attention(start(order)) == "STILL_PAYING"

    async def test_with_a_centre_that_is_silent_is_told_to_come_again(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", CENTRE_DOWN)

        assert (await refused(desk, order)).type == "PROCESSING"
        assert await desk.state(start(order)) == "PRE_SETTLED"


class TestAPaymentWins:
    async def test_that_the_centre_has(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", "paid")

        assert (await refused(desk, order)).type == "BILL_ALREADY_PAID"
        assert (await desk.settle(settle_call(order))).settlement.revs_token == "REVS"

    async def test_that_came_between_6301_and_6401(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", waiting(1), "paid")
        desk.script.will("revoke_order", Revoked(ord_stas=6))

        assert (await refused(desk, order)).type == "BILL_ALREADY_PAID"
        assert await desk.result(start(order)) is PaymentState.SETTLED

    async def test_at_the_same_moment_as_a_settle_call(self, desk: Desk, order_no: str) -> None:
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", "paid")

        settled, cancelled = await asyncio.gather(
            desk.settle(settle_call(order)), desk.cancel(order), return_exceptions=True
        )

        assert not isinstance(settled, BaseException)
        assert isinstance(cancelled, WorkflowUpdateFailedError)

    async def test_when_it_is_asked_for_later(self, desk: Desk, order_no: str) -> None:
        """A refusal by the validator leaves no event."""
        order = outpatient(order_no)
        await desk.pre_settle(start(order))
        desk.script.will("ask_order", "paid")
        await desk.environment.sleep(34)

        assert await desk.state(start(order)) == "PAID"
        assert (await refused(desk, order)).type == "BILL_ALREADY_PAID"
