"""A payment is withdrawn before it is paid: 6301, then 6401. A cancel that meets a payment loses."""

import asyncio

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateHandle
from temporalio.exceptions import ApplicationError

from activities.contract.centre import Revoked
from domain.orders import CancelAnswer, Order
from domain.states import PaymentState
from tests.support.scripted.activities import CENTRE_DOWN, CENTRE_SILENT, waiting
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import refusal_of
from tests.support.values.orders import outpatient, settle_call, start


async def refused(work: PaymentsAtWork, order: Order, step_s: int = 30) -> ApplicationError:
    return await refusal_of(work.cancel(order, step_s))


class TestBeforePayment:
    async def test_is_asked_then_revoked_then_cancelled(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))

        assert await work.cancel(order) == "CANCELLED"
        assert work.script.asked[3:] == ["ask_order", "revoke_order"]
        assert await work.result(start(order)) is PaymentState.CANCELLED

    async def test_while_the_order_is_placed_answers_no_split(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        work.script.will("upload_fees", CENTRE_SILENT, CENTRE_SILENT, work.script.answers["upload_fees"][0])
        cancels: asyncio.Queue[WorkflowUpdateHandle[CancelAnswer]] = asyncio.Queue()

        async def cancel() -> None:
            """Accepted before the first 6201 fails: sent beside it, it could come when the order is placed."""
            await cancels.put(await work.begin_cancel(order))

        work.script.on("upload_fees", cancel)
        update = await work.begin(start(order))

        answer, state = await asyncio.gather(
            work.answer(update, 1), work.answer(await cancels.get(), 1), return_exceptions=True
        )

        assert state == CancelAnswer(state=PaymentState.CANCELLED)
        assert isinstance(answer, WorkflowUpdateFailedError)
        assert isinstance(answer.cause, ApplicationError)
        assert answer.cause.type == "CANCELLED"
        assert work.script.asked[-1] == "revoke_order"

    async def test_that_the_centre_had_revoked_already_is_cancelled(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(12))

        assert await work.cancel(order) == "CANCELLED"
        assert "revoke_order" not in work.script.asked

    async def test_twice_at_once_revokes_once(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))

        assert set(await asyncio.gather(work.cancel(order), work.cancel(order))) == {"CANCELLED"}
        assert work.script.asked.count("revoke_order") == 1


class TestWhileThePatientPays:
    async def test_is_told_to_come_again_and_the_wish_stands(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(2), waiting(1))

        assert (await refused(work, order, 1)).type == "PROCESSING"
        await work.environment.sleep(70)

        assert await work.result(start(order)) is PaymentState.CANCELLED

    async def test_for_too_long_is_a_persons(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order, payment_window_s=86_400))
        work.script.will("ask_order", waiting(3))

        assert (await refused(work, order, 1)).type == "PROCESSING"
        await work.environment.sleep(1_900)

        assert await work.attention(start(order)) == "STILL_PAYING"

    async def test_with_a_centre_that_is_silent_is_told_to_come_again(
        self, work: PaymentsAtWork, order_no: str
    ) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", CENTRE_DOWN)

        assert (await refused(work, order)).type == "PROCESSING"
        assert await work.state(start(order)) == "PRE_SETTLED"


class TestAPaymentWins:
    async def test_that_the_centre_has(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")

        assert (await refused(work, order)).type == "BILL_ALREADY_PAID"
        assert (await work.settle(settle_call(order))).settlement.revs_token == "REVS"

    async def test_that_came_between_6301_and_6401(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", waiting(1), "paid")
        work.script.will("revoke_order", Revoked(ord_stas=6))

        assert (await refused(work, order)).type == "BILL_ALREADY_PAID"
        assert await work.result(start(order)) is PaymentState.SETTLED

    async def test_at_the_same_moment_as_a_settle_call(self, work: PaymentsAtWork, order_no: str) -> None:
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")

        settled, cancelled = await asyncio.gather(
            work.settle(settle_call(order)), work.cancel(order), return_exceptions=True
        )

        assert not isinstance(settled, BaseException)
        assert isinstance(cancelled, WorkflowUpdateFailedError)

    async def test_when_it_is_asked_for_later(self, work: PaymentsAtWork, order_no: str) -> None:
        """A refusal by the validator leaves no event."""
        order = outpatient(order_no)
        await work.pre_settle(start(order))
        work.script.will("ask_order", "paid")
        await work.environment.sleep(34)

        assert await work.state(start(order)) == "PAID"
        assert (await refused(work, order)).type == "BILL_ALREADY_PAID"
