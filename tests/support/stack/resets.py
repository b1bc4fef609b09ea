"""Resets of workflows, as an operator makes them in Temporal."""

import uuid

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from domain.notifications import Delivery
from domain.states import PaymentState, RefundState
from tests.support.waiting import eventually

Run = WorkflowHandle[object, object]
_RESULTS: dict[str, type[object]] = {"payment": PaymentState, "refund": RefundState, "notify": Delivery}
_TASK = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


async def tasks_of(temporal: Client, workflow_id: str) -> list[int]:
    """The events at which the workflow's last run completed a task."""
    events = temporal.get_workflow_handle(workflow_id).fetch_history_events()
    return [event.event_id async for event in events if event.event_type == _TASK]


async def reset(temporal: Client, workflow_id: str, event_id: int) -> Run:
    """The run that goes on from before that task of the workflow's last run."""
    last = await temporal.get_workflow_handle(workflow_id).describe()
    request = ResetWorkflowExecutionRequest(
        namespace=temporal.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=last.run_id),
        reason="test",
        workflow_task_finish_event_id=event_id,
        request_id=uuid.uuid4().hex,
    )
    made = await temporal.workflow_service.reset_workflow_execution(request)
    result = _RESULTS[workflow_id.partition("-")[0]]
    return temporal.get_workflow_handle(workflow_id, run_id=made.run_id, result_type=result)


async def closed(run: Run) -> None:
    """Wait until it has closed by itself."""

    async def is_closed() -> bool:
        return (await run.describe()).status is WorkflowExecutionStatus.COMPLETED

    await eventually(is_closed)
