"""A worker that is older than the API: it must leave alone what it can't read."""

from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import WorkflowExecutionStatus

from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, start
from tests.support.waiting import eventually
from workflows.limits import TASK_TIMEOUT

UNREADABLE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE


async def test_a_term_of_a_later_release_stops_the_payment_before_anything_is_called(
    work: PaymentsAtWork, order_no: str
) -> None:
    begun = start(outpatient(order_no))
    later = begun.model_dump(mode="json")
    later["terms"]["a_term_of_a_later_release"] = 1
    work.begun.append(begun.order.workflow_id)
    handle = await work.environment.client.start_workflow(
        "PaymentWorkflow",
        later,
        id=begun.order.workflow_id,
        task_queue=work.task_queue,
        task_timeout=TASK_TIMEOUT,
    )

    async def refused() -> bool:
        history = await handle.fetch_history()
        return any(event.workflow_task_failed_event_attributes.cause == UNREADABLE for event in history.events)

    await eventually(refused, within_s=10)
    assert work.script.asked == []
    assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
