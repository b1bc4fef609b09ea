"""A payment is woken where its row may be ahead of it, since a task of it was lost."""

import pytest

from activities.contract.records import RecordLook
from domain.states import PaymentState
from tests.support.scripted.activities import moved
from tests.support.scripted.known import known_as
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.scripted.reviews import his_outcome_unknown
from tests.support.values.orders import outpatient, start
from tests.support.waiting import eventually
from workflows.payment.workflow import PaymentWorkflow

S = PaymentState


async def wake(work: PaymentsAtWork, workflow_id: str) -> None:
    """Return once it has looked."""
    looks = work.script.asked.count("look_at_record")
    await work.handle(workflow_id).signal(PaymentWorkflow.wake)

    async def has_looked() -> bool:
        return work.script.asked.count("look_at_record") > looks

    await eventually(has_looked)


class TestInTheWindow:
    async def test_the_centre_is_asked_at_once(self, work: PaymentsAtWork, order_no: str) -> None:
        begun = start(outpatient(order_no), payment_window_s=86_400)
        await work.pre_settle(begun)
        work.script.will("look_at_record", RecordLook(state=S.PRE_SETTLED))
        work.script.will("ask_order", "paid")
        await wake(work, begun.order.workflow_id)

        async def is_asked() -> bool:
            return work.script.asked[-2:] == ["look_at_record", "ask_order"]

        await eventually(is_asked)

    async def test_an_end_in_the_row_is_followed(self, work: PaymentsAtWork, order_no: str) -> None:
        begun = start(outpatient(order_no))
        await work.pre_settle(begun)
        at = await work.environment.get_current_time()
        work.script.will("look_at_record", moved(known_as(S.CANCELLED, at)))
        await wake(work, begun.order.workflow_id)

        assert await work.result(begun, 1) is S.CANCELLED
        assert "revoke_order" not in work.script.asked


class TestPaid:
    async def paid(self, work: PaymentsAtWork, order_no: str, look: object) -> PaymentState:
        """Waits for a settle call that does not come; woken long before it would finish by itself."""
        begun = start(outpatient(order_no), auto_finish_after_s=1_800)
        await work.pre_settle(begun)
        work.script.will("ask_order", "paid")
        await work.environment.sleep(40)
        assert await work.state(begun) == "PAID"
        work.script.will("look_at_record", look)
        await wake(work, begun.order.workflow_id)
        return PaymentState(await work.state(begun))

    async def test_goes_on_waiting_where_the_row_says_so_too(self, work: PaymentsAtWork, order_no: str) -> None:
        assert await self.paid(work, order_no, RecordLook(state=S.PAID)) is S.PAID
        assert "settle" not in work.script.asked

    async def test_books_on_where_a_lost_task_had_begun_to(self, work: PaymentsAtWork, order_no: str) -> None:
        await self.paid(work, order_no, RecordLook(state=S.REGISTERED))

        async def is_booked() -> bool:
            return work.script.asked[-1] == "settle"

        await eventually(is_booked)

    @pytest.mark.parametrize("state", [S.SETTLED, S.REVERSED])
    async def test_follows_an_end(self, work: PaymentsAtWork, order_no: str, state: PaymentState) -> None:
        at = await work.environment.get_current_time()
        await self.paid(work, order_no, moved(known_as(state, at)))

        assert await work.result(start(outpatient(order_no))) is state
        assert "settle" not in work.script.asked


async def test_in_a_review_it_goes_on_waiting_where_the_row_says_so_too(work: PaymentsAtWork, order_no: str) -> None:
    case = await his_outcome_unknown(work, outpatient(order_no))
    work.script.will("look_at_record", RecordLook(state=S.IN_REVIEW))
    await wake(work, case.begun.order.workflow_id)

    assert await work.state(case.begun) == S.IN_REVIEW
