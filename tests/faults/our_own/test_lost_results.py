"""The worker dies after a step is committed, before Temporal knows: what was told stays true, nothing is done twice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus

from tests.support.stack.api_server import PRE_SETTLE, SETTLE
from tests.support.stack.running import Stack, data_of, outpatient_call, registration_call, running_stack, settle_call
from tests.support.waiting import eventually


@pytest_asyncio.fixture(scope="module")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("lost")
    async with running_stack(folder, pre_settle_budget_s=20, his_retry_budget_s=60, sync_wait_s=1) as running:
        yield running


@pytest_asyncio.fixture
async def mortal(own_stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose worker may die."""
    yield own_stack
    await own_stack.others.repair()


async def closed(stack: Stack, number: str) -> None:
    """Wait until the payment's workflow has closed."""
    client = await Client.connect(stack.embedded.settings.temporal_address)
    handle = client.get_workflow_handle(f"payment-main-{number}")

    async def is_closed() -> bool:
        return (await handle.describe()).status is WorkflowExecutionStatus.COMPLETED

    await eventually(is_closed)


class TestTheResultIsLostOf:
    async def test_6202_whose_split_was_told_and_paid(self, mortal: Stack, number: str) -> None:
        """Once this sent 6202 again, and 6401 on a paid order."""
        order = outpatient_call(number)
        await mortal.start_dying_worker("insurance_6202_place_order")
        quoted = data_of(await mortal.pre_settle(order))
        await mortal.others.patient_pays(quoted["payOrdId"])
        await mortal.start_worker()
        await mortal.settled(order, quoted["payOrdId"])
        asked = await mortal.asked_of_centre(number)
        assert (asked.count("6201"), asked.count("6202"), asked.count("6401")) == (1, 1, 0)
        await closed(mortal, number)

    async def test_6201_after_which_the_centre_is_away(self, mortal: Stack, number: str) -> None:
        """Once the order was never revoked."""
        order = outpatient_call(number)
        await mortal.start_dying_worker("insurance_6201_upload_fees")
        assert (await mortal.api.post(PRE_SETTLE, order)).status == 202
        await mortal.others.break_centre(txn="6202", kind="http_500", times=-1)
        await mortal.start_worker()
        assert (await mortal.pre_settle(order)).outcome == (200, "INSURANCE_UNAVAILABLE")
        assert (await mortal.asked_of_centre(number)).count("6201") == 1
        assert await mortal.ord_stas(number) == [12]
        await closed(mortal, number)

    async def test_a_refusal_that_was_told(self, mortal: Stack, number: str) -> None:
        order = outpatient_call(number)
        await mortal.others.break_his(txn="prescription_fees", kind="refuse", times=1)
        await mortal.start_dying_worker("record_end")
        refused = await mortal.pre_settle(order)
        assert refused.code not in {"", "PROCESSING"}
        await mortal.start_worker()
        await closed(mortal, number)
        assert (await mortal.pre_settle(order)).outcome == refused.outcome
        assert (await mortal.state(number), await mortal.asked_of_centre(number)) == ("REJECTED", [])

    async def test_6401_after_which_cancelled_was_told(self, mortal: Stack, number: str) -> None:
        """Once the payment was payable again."""
        order = outpatient_call(number)
        pay_ord_id = (await mortal.quoted(order))["payOrdId"]
        await mortal.start_dying_worker("insurance_6401_revoke_order")
        path = f"/api/v1/payments/{number}/cancel"
        assert data_of(await mortal.answered(path, {}))["state"] == "CANCELLED"
        await mortal.start_worker()
        assert (await mortal.settle(order, pay_ord_id)).outcome == (200, "CANCELLED")
        await closed(mortal, number)
        assert (await mortal.state(number), await mortal.ord_stas(number)) == ("CANCELLED", [12])
        assert (await mortal.asked_of_centre(number)).count("6401") == 1

    async def test_a_booking_after_which_his_is_away(self, mortal: Stack, number: str) -> None:
        """Once SETTLED became IN_REVIEW."""
        order = outpatient_call(number)
        pay_ord_id = await mortal.paid(order)
        await mortal.start_dying_worker("his_settle")
        assert data_of(await mortal.settle(order, pay_ord_id))["payOrdId"] == pay_ord_id
        for question in ("settlement_query", "settle"):
            await mortal.others.break_his(txn=question, kind="drop_before", times=-1)
        await mortal.start_worker()
        await closed(mortal, number)
        assert (await mortal.state(number), await mortal.bookings(number)) == ("SETTLED", 1)

    async def test_a_visit(self, mortal: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await mortal.paid(order)
        await mortal.start_dying_worker("his_register")
        assert (await mortal.api.post(SETTLE, settle_call(order, pay_ord_id))).status == 202
        await mortal.start_worker()
        await mortal.settled(order, pay_ord_id)
        assert (len(await mortal.visits(number)), await mortal.bookings(number)) == (1, 1)

    @pytest.mark.parametrize("line", ["record_reversing", "insurance_6203_reverse"])
    async def test_a_reversal(self, mortal: Stack, number: str, line: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await mortal.paid(order)
        await mortal.others.break_his(txn="settle", kind="refuse", times=-1)
        await mortal.start_dying_worker(line)
        call = settle_call(order, pay_ord_id)
        assert (await mortal.api.post(SETTLE, call)).code in {"PROCESSING", "REVERSED"}
        await mortal.start_worker()
        assert (await mortal.settle(order, pay_ord_id)).outcome == (200, "REVERSED")
        (known,) = await mortal.others.centre_orders(number)
        assert (known["ordStas"], len(known["refunds"])) == (7, 1)


async def test_temporal_dies_between_a_booking_and_the_tasks_end(mortal: Stack, number: str) -> None:
    """And the caller never comes back: nobody but our own watching wakes the payment."""
    order = outpatient_call(number)
    pay_ord_id = await mortal.paid(order)
    await mortal.start_dying_worker("his_settle")

    async def is_booked() -> bool:
        # Temporal first waits in vain for the worker before, which had the payment in its cache.
        assert (await mortal.api.post(SETTLE, settle_call(order, pay_ord_id))).status in {200, 202}
        return await mortal.bookings(number) == 1

    await eventually(is_booked)
    await mortal.kill("temporal")
    await mortal.start_temporal()
    await mortal.start_worker()
    await closed(mortal, number)
    assert (await mortal.state(number), await mortal.bookings(number)) == ("SETTLED", 1)
