"""How a notification starts: its ids, policies, summary and search attributes."""

from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.notifications import Notify
from domain.operators import for_operators
from workflows import search_attributes as sa
from workflows.notification import NotificationWorkflow
from workflows.tuning import TASK_TIMEOUT

_START_TIMEOUT = timedelta(seconds=10)


async def start_notification(client: Client, task_queue: str, notice: Notify) -> None:
    """Start this run's workflow. One that is there already, or has been, is left alone. Raises `RPCError`."""
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            NotificationWorkflow.run,
            notice,
            id=notice.workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            task_timeout=TASK_TIMEOUT,
            static_summary=for_operators(f"通知 {notice.event.value} {notice.med_org_ord} ({notice.hospital})"),
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(sa.HOSPITAL, notice.hospital),
                    SearchAttributePair(sa.MED_ORG_ORD, notice.med_org_ord),
                    SearchAttributePair(sa.NEEDS_ATTENTION, value=False),
                ]
            ),
            rpc_timeout=_START_TIMEOUT,
        )
