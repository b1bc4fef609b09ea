"""Notices, rechecks and cancels that reach a workflow: the API over a real Temporal server, with scripted other sides.

Rows are written here, since scripted activities write none.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus

from domain.attention import AttentionReason
from domain.errors import ErrorCode
from domain.orders import Order
from domain.states import PaymentState
from security.crypto.payload_codec import data_converter
from storage.records import PaymentFacts
from tests.support.scripted.activities import CENTRE_DOWN, Script, waiting
from tests.support.scripted.payments import working
from tests.support.stack.api_server import (
    KEYS,
    NOTICE,
    PRE_SETTLE,
    Answer,
    ApiServer,
    bill,
    centre_side,
    prepare,
    serving_api,
)
from tests.support.stack.recorded import TO_PRE_SETTLED, given
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import SPLIT, outpatient
from tests.support.values.records import AT
from tests.support.waiting import eventually

S = PaymentState
ORDERED = PaymentFacts(pay_ord_id="ORD1", pay_token="TOKEN", insured_name="张三", split=SPLIT, window_ends_at=AT)
ENDED = PaymentFacts(
    **ORDERED.model_dump(exclude_unset=True), error_code=ErrorCode.EXPIRED, error_message="超过付款时限"
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def api(temporal: str, tmp_path: Path) -> AsyncIterator[ApiServer]:
    settings = prepare(tmp_path, temporal, task_queue=uuid.uuid4().hex, sync_wait_s=2)
    async with serving_api(settings) as server:
        yield server


@pytest.fixture
def order() -> Order:
    return outpatient(uuid.uuid4().hex[:20])


async def expired(api: ApiServer, order: Order) -> None:
    """A payment that ended unpaid so long ago that Temporal has forgotten it."""
    await given(api, order, *TO_PRE_SETTLED, S.EXPIRED, facts=ENDED)


async def notified(api: ApiServer, order: Order) -> Answer:
    data = {"payOrdId": "ORD1", "medOrgOrd": order.med_org_ord, "ordStas": "6", "callType": "02"}
    return await api.post(NOTICE, await centre_side().seal_request(data), key=None)


async def rechecked(api: ApiServer, order: Order) -> Answer:
    return await api.call("POST", f"/api/v1/payments/{order.med_org_ord}/recheck", key=KEYS["operator"])


async def cancelled(api: ApiServer, order: Order) -> Answer:
    return await api.call("POST", f"/api/v1/payments/{order.med_org_ord}/cancel")


async def runs(api: ApiServer, order: Order) -> list[WorkflowExecutionStatus | None]:
    client = await Client.connect(api.settings.temporal_address, data_converter=data_converter(api.keyring))
    return [found.status async for found in client.list_workflows(f'WorkflowId = "{order.workflow_id}"')]


async def has_ended(api: ApiServer, order: Order, count: int = 1) -> bool:
    return await runs(api, order) == [WorkflowExecutionStatus.COMPLETED] * count


async def under_review(script: Script, reason: str = AttentionReason.LATE_MONEY) -> None:
    async def reviewed() -> bool:
        return [end.note for end in script.recorded] == [reason]

    await eventually(reviewed)


class TestAClosedPayment:
    async def test_that_was_paid_after_all_comes_under_review(self, api: ApiServer, order: Order) -> None:
        await expired(api, order)
        async with working(api) as script:
            script.will("ask_order", "paid")
            answer = await notified(api, order)
            assert answer.json == {"success": True, "message": "订单已关闭未付款, 重新向医保中心核实(6301)"}
            await under_review(script)
            assert script.questions[0].reference.user_name == "张三"
            assert script.questions[0].revision > 1_000_000 * AT.timestamp()
            assert script.questions[0].record == "settlement"

    async def test_that_was_not_stays_as_it_was_however_often_it_is_asked(self, api: ApiServer, order: Order) -> None:
        await expired(api, order)
        async with working(api) as script:
            script.will("ask_order", waiting(12))
            for count in (1, 2):
                assert (await rechecked(api, order)).json["DATA"]["followed"] == "REOPENED"
                await eventually(lambda count=count: has_ended(api, order, count))  # type: ignore[misc]
            assert script.recorded == []
            assert (await cancelled(api, order)).outcome == (200, "EXPIRED")

    async def test_is_asked_for_by_one_run_however_many_notices_come(self, api: ApiServer, order: Order) -> None:
        await expired(api, order)
        async with working(api) as script:
            script.will("ask_order", CENTRE_DOWN, CENTRE_DOWN, "paid")
            answers = await asyncio.gather(*(notified(api, order) for _ in range(5)))
            assert {answer.status for answer in answers} == {200}
            await under_review(script)
            assert await runs(api, order) == [WorkflowExecutionStatus.RUNNING]

    async def test_keeps_word_that_comes_before_a_worker_does(self, api: ApiServer, order: Order) -> None:
        await expired(api, order)
        assert (await notified(api, order)).status == 200
        async with working(api) as script:
            script.will("ask_order", "paid")
            await under_review(script)


class TestAnOpenPayment:
    async def test_asks_at_once_when_it_is_noticed(self, api: ApiServer, order: Order) -> None:
        async with working(api) as script:
            await api.post(PRE_SETTLE, bill(medOrgOrd=order.med_org_ord))
            await given(api, order, *TO_PRE_SETTLED)
            for count, tell in enumerate((notified, rechecked, notified), start=1):
                assert (await tell(api, order)).status == 200

                async def asked(count: int = count) -> bool:
                    return script.asked.count("ask_order") == count

                await eventually(asked)

    async def test_that_somebody_terminated_is_for_a_person(self, api: ApiServer, order: Order) -> None:
        await given(api, order, *TO_PRE_SETTLED, facts=ORDERED)
        async with working(api) as script:
            assert (await rechecked(api, order)).json["DATA"]["followed"] == "TAKEN_UP"
            await under_review(script, "BROKEN_OFF")

    async def test_that_somebody_terminated_is_found_by_its_callers_too(self, api: ApiServer, order: Order) -> None:
        await given(api, order, *TO_PRE_SETTLED, facts=ORDERED)
        async with working(api) as script:
            assert (await cancelled(api, order)).outcome == (200, "IN_REVIEW")
            await under_review(script, "BROKEN_OFF")

    @pytest.mark.parametrize("state", [S.RECEIVED, S.PRICED])
    async def test_that_was_terminated_before_the_centre_knew_is_closed(
        self, api: ApiServer, order: Order, state: PaymentState
    ) -> None:
        """Its bill would have been held for ever."""
        await given(api, order, state, facts=PaymentFacts())
        async with working(api) as script:
            assert (await rechecked(api, order)).json["DATA"]["followed"] == "BROKEN_OFF"

            async def closed() -> bool:
                return [end.state for end in script.recorded] == [S.REJECTED]

            await eventually(closed)
        (end,) = script.recorded
        assert (end.code, end.note) == (ErrorCode.INSURANCE_UNAVAILABLE, "BROKEN_OFF")
        assert not {"price_bill", "upload_fees"} & set(script.asked)

    async def test_that_was_terminated_before_the_centre_knew_is_answered(self, api: ApiServer, order: Order) -> None:
        await given(api, order, S.PRICED, facts=PaymentFacts())
        assert (await cancelled(api, order)).outcome == (202, "PROCESSING")

    async def test_that_nobody_has_is_told(self, api: ApiServer, order: Order) -> None:
        assert (await rechecked(api, order)).outcome == (200, "UNKNOWN_ORDER")
        assert (await cancelled(api, order)).outcome == (200, "UNKNOWN_ORDER")


class TestACancel:
    async def test_withdraws_once_however_many_ask(self, api: ApiServer, order: Order) -> None:
        async with working(api) as script:
            await api.post(PRE_SETTLE, bill(medOrgOrd=order.med_org_ord))
            await given(api, order, *TO_PRE_SETTLED)
            answers = await asyncio.gather(*(cancelled(api, order) for _ in range(20)))
            assert {answer.text for answer in answers} == {answers[0].text}
            assert answers[0].json["DATA"] == {"medOrgOrd": order.med_org_ord, "state": "CANCELLED"}
            assert script.asked.count("revoke_order") == 1

    async def test_that_meets_a_payment_loses(self, api: ApiServer, order: Order) -> None:
        async with working(api) as script:
            await api.post(PRE_SETTLE, bill(medOrgOrd=order.med_org_ord))
            await given(api, order, *TO_PRE_SETTLED)
            script.will("ask_order", "paid")
            assert (await cancelled(api, order)).outcome == (200, "BILL_ALREADY_PAID")

    async def test_without_a_worker_is_still_open(self, api: ApiServer, order: Order) -> None:
        await api.post(PRE_SETTLE, bill(medOrgOrd=order.med_org_ord))
        assert (await cancelled(api, order)).outcome == (202, "PROCESSING")
