"""What an operator finds in Temporal without knowing any code: one query, a story, and no person in clear text."""

import pytest_asyncio
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle

from domain.ids import payment_workflow_id
from tests.support.stack.running import Stack, outpatient_call
from tests.support.waiting import eventually
from workflows.payment.workflow import PaymentWorkflow


@pytest_asyncio.fixture
async def temporal(stack: Stack) -> Client:
    """As the operator's own: without keys."""
    return await Client.connect(stack.embedded.settings.temporal_address)


def payment(temporal: Client, number: str) -> WorkflowHandle[PaymentWorkflow, object]:
    return temporal.get_workflow_handle(payment_workflow_id("main", number))


async def found(temporal: Client, query: str) -> list[str]:
    """The ids of what the query finds, as soon as it finds anything: visibility comes a moment later."""
    ids: list[str] = []

    async def any_found() -> bool:
        ids[:] = [workflow.id async for workflow in temporal.list_workflows(query)]
        return bool(ids)

    await eventually(any_found)
    return ids


async def test_a_stuck_payment_is_one_query_away(stack: Stack, temporal: Client, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
    assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"
    query = f"NeedsAttention = true AND AttentionReason = 'AMOUNT_INCONSISTENT' AND MedOrgOrd = '{number}'"
    assert await found(temporal, query) == [payment_workflow_id("main", number)]
    metadata = await payment(temporal, number).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert "**IN_REVIEW**" in metadata.current_details
    assert "AMOUNT_INCONSISTENT" in metadata.current_details


async def test_a_payment_that_waits_says_for_what_and_until_when(stack: Stack, temporal: Client, number: str) -> None:
    quoted = await stack.quoted(outpatient_call(number))
    query = f"PaymentState = 'PRE_SETTLED' AND PayOrdId = '{quoted['payOrdId']}' AND Hospital = 'main'"
    assert await found(temporal, query) == [payment_workflow_id("main", number)]
    metadata = await payment(temporal, number).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    lines = metadata.current_details.splitlines()
    assert lines[0].startswith("**PRE_SETTLED** 等待患者付款")
    assert [line[:3] for line in lines[1:]] == ["- 自", "- 至"]
    description = await payment(temporal, number).describe()
    shown = str(description.typed_search_attributes)
    assert number in shown
    assert "WeChat" in shown
    assert not any(secret in shown for secret in ("张三", "1101011990", "100001", str(quoted["feeSumamt"])))


async def test_the_interface_document_is_served(stack: Stack) -> None:
    described = await stack.api.call("GET", "/openapi.json", key=None)
    assert {"/api/v1/insurance/pre-settle", "/api/v1/insurance/settle"} <= described.json["paths"].keys()
    for path in ("/docs", "/health/live", "/health/ready", "/metrics"):
        assert (await stack.api.call("GET", path, key=None)).status == 200
