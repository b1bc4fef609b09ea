"""Somebody who reaches Temporal's frontend and has no key sends again what is written there: starts and updates."""

import uuid
from collections.abc import AsyncIterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.enums.v1 import WorkflowIdReusePolicy
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Input, Meta, Outcome, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest
from temporalio.client import Client

from tests.support.waiting import eventually


async def update_again(temporal: Client, workflow_id: str, name: str) -> Outcome:
    """The workflow's last update of this name once more, under another id; what comes of it.

    Raises `temporalio.service.RPCError` where nobody is there to take it.
    """
    written = [given async for given in _inputs(temporal, workflow_id) if given.name == name]
    request = UpdateWorkflowExecutionRequest(
        namespace=temporal.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        wait_policy=WaitPolicy(lifecycle_stage=Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED),
        request=Request(meta=Meta(update_id=uuid.uuid4().hex, identity="somebody"), input=written[-1]),
    )
    outcomes: list[Outcome] = []

    async def answered() -> bool:
        answer = await temporal.workflow_service.update_workflow_execution(request)
        outcomes.append(answer.outcome)
        return answer.HasField("outcome")

    await eventually(answered)
    return outcomes[-1]


async def start_again(temporal: Client, workflow_id: str) -> None:
    """A closed workflow once more, with the input that it was started with."""
    first, *_ = [event async for event in _events(temporal, workflow_id)]
    begun = first.workflow_execution_started_event_attributes
    request = StartWorkflowExecutionRequest(
        namespace=temporal.namespace,
        workflow_id=workflow_id,
        workflow_type=begun.workflow_type,
        task_queue=begun.task_queue,
        input=begun.input,
        search_attributes=begun.search_attributes,
        request_id=uuid.uuid4().hex,
        workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
    )
    await temporal.workflow_service.start_workflow_execution(request)


async def _inputs(temporal: Client, workflow_id: str) -> AsyncIterator[Input]:
    """Of every update that was accepted, in all runs' histories that are kept."""
    async for event in _events(temporal, workflow_id):
        accepted = event.workflow_execution_update_accepted_event_attributes
        if accepted.accepted_request.input.name:
            yield accepted.accepted_request.input


async def _events(temporal: Client, workflow_id: str) -> AsyncIterator[HistoryEvent]:
    async for event in temporal.get_workflow_handle(workflow_id).fetch_history_events():
        yield event
