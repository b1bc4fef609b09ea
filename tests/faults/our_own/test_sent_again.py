"""What Temporal has is sent again by somebody without keys: callers' commands change nothing, people's are refused."""

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from tests.faults.people import approved, key_of, proposed, shown
from tests.faults.test_refunds import refund, refund_call, refunds_of
from tests.faults.test_refunds import settled as settled_bill
from tests.support.stack.running import Stack, data_of, outpatient_call
from tests.support.stack.sent_again import start_again, update_again
from tests.support.waiting import eventually

CHANGES = {"6201", "6202", "6203", "6401"}


async def plain(stack: Stack) -> Client:
    """Without a key of ours."""
    return await Client.connect(stack.embedded.settings.temporal_address)


async def changes(stack: Stack, number: str) -> list[str]:
    """What the centre was told to do, and HIS's bookings."""
    told = [call for call in await stack.asked_of_centre(number) if call in CHANGES]
    return [*told, *["booked"] * await stack.bookings(number)]


async def closed(temporal: Client, workflow_id: str) -> None:
    async def is_closed() -> bool:
        described = await temporal.get_workflow_handle(workflow_id).describe()
        return described.status is not WorkflowExecutionStatus.RUNNING

    await eventually(is_closed)


async def nobody_takes(temporal: Client, workflow_id: str, update: str) -> None:
    with pytest.raises(RPCError) as refused:
        await update_again(temporal, workflow_id, update)
    assert refused.value.status is RPCStatusCode.NOT_FOUND


class TestACaller:
    async def test_pre_settle_is_answered_again(self, stack: Stack, number: str) -> None:
        await stack.quoted(outpatient_call(number))
        before = await changes(stack, number)

        outcome = await update_again(await plain(stack), f"payment-main-{number}", "pre_settle")

        assert outcome.HasField("success")
        assert await changes(stack, number) == before == ["6201", "6202"]

    async def test_settle_asks_and_books_once(self, stack: Stack, number: str) -> None:
        order, temporal, workflow_id = outpatient_call(number), await plain(stack), f"payment-main-{number}"
        pay_ord_id = (await stack.quoted(order))["payOrdId"]
        assert (await stack.settle(order, pay_ord_id)).code == "NOT_PAID"
        before = await changes(stack, number)
        assert (await update_again(temporal, workflow_id, "settle")).HasField("failure")
        assert (await changes(stack, number), await stack.state(number)) == (before, "PRE_SETTLED")
        await stack.others.patient_pays(pay_ord_id)

        assert (await update_again(temporal, workflow_id, "settle")).HasField("success")

        await closed(temporal, workflow_id)
        await nobody_takes(temporal, workflow_id, "settle")
        assert await changes(stack, number) == [*before, "booked"]
        assert (await stack.settled(order, pay_ord_id))["payOrdId"] == pay_ord_id

    async def test_cancel_revokes_once(self, stack: Stack, number: str) -> None:
        temporal, workflow_id = await plain(stack), f"payment-main-{number}"
        await stack.quoted(outpatient_call(number))
        await stack.answered(f"/api/v1/payments/{number}/cancel", {})
        await closed(temporal, workflow_id)
        before = await changes(stack, number)

        await nobody_takes(temporal, workflow_id, "cancel")

        assert (await changes(stack, number), await stack.state(number)) == (before, "CANCELLED")
        assert before == ["6201", "6202", "6401"]

    async def test_refund_is_made_once_also_where_its_workflow_is_started_again(
        self, stack: Stack, number: str
    ) -> None:
        temporal, workflow_id = await plain(stack), f"refund-main-{number}:R1"
        await settled_bill(stack, number)
        assert data_of(await refund(stack, number, "R1"))["state"] == "REFUNDED"
        await closed(temporal, workflow_id)
        before = await changes(stack, number)
        await nobody_takes(temporal, workflow_id, "refund")

        await start_again(temporal, workflow_id)
        await closed(temporal, workflow_id)

        assert (await changes(stack, number), before.count("6203")) == (before, 1)
        assert await stack.state(number) == "REFUNDED"


class TestAPerson:
    async def test_proposal_is_refused_and_noted(self, stack: Stack, number: str) -> None:
        temporal, workflow_id = await plain(stack), f"payment-main-{number}"
        order = outpatient_call(number)
        pay_ord_id = await stack.paid(order)
        await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
        assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"
        wish = await proposed(stack, number, "REVERSE")

        assert (await update_again(temporal, workflow_id, "propose")).HasField("failure")

        case = await shown(stack, number)
        assert (case["events"][-1]["event"], "不能重复使用" in case["events"][-1]["reason"]) == ("refused", True)
        assert case["proposed"]["proposal"] == data_of(wish)["proposal"]
        assert data_of(await approved(stack, number, wish))["state"] == "REVERSED"
        for update in ("propose", "approve"):
            assert (await update_again(temporal, workflow_id, update)).HasField("failure")
        assert (await changes(stack, number)).count("6203") == 1

    async def test_refund_that_was_approved_is_not_made_again(self, stack: Stack, number: str) -> None:
        """Its start, its proposal and its approval, one after the other."""
        temporal, workflow_id = await plain(stack), f"refund-main-{number}:R1"
        await settled_bill(stack, number)
        wish = refund_call("R1", type="CASH", amount="0.50", payAuthNo=f"AUTH-{number}")
        proposal = await stack.api.post(refunds_of(number), wish, key=key_of(stack, "operator"))
        assert data_of(await approved(stack, number, proposal, refundNo="R1"))["state"] == "PARTIALLY_REFUNDED"
        await closed(temporal, workflow_id)

        await start_again(temporal, workflow_id)
        await closed(temporal, workflow_id)

        assert (await changes(stack, number)).count("6203") == 1
