"""Starting workflows, with their ids, policies, summaries and search attributes. API and worker share it."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.base import for_operators
from domain.notifications import Notify
from domain.orders import Category, Order, PaymentStart
from domain.refunds import RefundOrder, RefundStart
from workflows import search_attributes as sa
from workflows.limits import NOTIFICATION_START_TIMEOUT, TASK_TIMEOUT
from workflows.notification import NotificationWorkflow
from workflows.payment.workflow import PaymentWorkflow
from workflows.refund.workflow import RefundWorkflow

WORKFLOWS = (PaymentWorkflow, RefundWorkflow, NotificationWorkflow)
"""All workflows, for the worker and the replayer."""

NOTICE = "notice"
"""The signal `PaymentWorkflow.notice`."""


class _Start(TypedDict):
    id: str
    task_queue: str
    id_conflict_policy: WorkflowIDConflictPolicy
    id_reuse_policy: WorkflowIDReusePolicy
    task_timeout: timedelta
    static_summary: str
    search_attributes: TypedSearchAttributes


def _start(workflow_id: str, task_queue: str, summary: str, found_by: TypedSearchAttributes) -> _Start:
    """Start the workflow or join the running one; a closed one is not started again."""
    return {
        "id": workflow_id,
        "task_queue": task_queue,
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
        "task_timeout": TASK_TIMEOUT,
        "static_summary": for_operators(summary),
        "search_attributes": found_by,
    }


def start_operation(start: PaymentStart, task_queue: str) -> WithStartWorkflowOperation[PaymentWorkflow, Any]:
    """The payment's start, for an update-with-start. Single-use."""
    order = start.order
    found_by = sa.of_payment(order, datetime.now(UTC))
    how = _start(order.workflow_id, task_queue, _summary(order), found_by)
    return WithStartWorkflowOperation(PaymentWorkflow.run, start, **how)


def refund_operation(start: RefundStart, task_queue: str) -> WithStartWorkflowOperation[RefundWorkflow, Any]:
    """The refund's start, for an update-with-start. Single-use."""
    order = start.order
    found_by = sa.of_refund(order, datetime.now(UTC), proposed=False)
    how = _start(order.workflow_id, task_queue, _refund_summary(order), found_by)
    return WithStartWorkflowOperation(RefundWorkflow.run, start, **how)


async def begin_proposed_refund(client: Client, start: RefundStart, task_queue: str, rpc_timeout: timedelta) -> None:
    """Start an operator's refund, which waits for approval, unless it runs. Raises `WorkflowAlreadyStartedError` if it
    has closed, and `temporalio.service.RPCError`.
    """
    order = start.order
    found_by = sa.of_refund(order, datetime.now(UTC), proposed=True)
    how = _start(order.workflow_id, task_queue, _refund_summary(order), found_by)
    await client.start_workflow(RefundWorkflow.run, start, rpc_timeout=rpc_timeout, **how)


async def reopen(client: Client, start: PaymentStart, task_queue: str, rpc_timeout: timedelta | None = None) -> None:
    """Start a closed payment again under its id, or signal the run that is under way.

    The signal is sent in both cases: a hint that arrives while 6301 is in flight makes the workflow ask again. Raises
    `temporalio.service.RPCError`.
    """
    if start.reopened is None:
        raise AssertionError("nothing is known of the payment's end")
    found_by = sa.of_reopened(start.order, start.reopened)
    how = _start(start.order.workflow_id, task_queue, _summary(start.order), found_by)
    how["id_reuse_policy"] = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    await client.start_workflow(PaymentWorkflow.run, start, start_signal=NOTICE, rpc_timeout=rpc_timeout, **how)


async def start_notification(client: Client, task_queue: str, run: Notify) -> None:
    """Start this run's workflow, unless it runs or has run already. Raises `temporalio.service.RPCError`."""
    summary = f"通知 {run.event.value} {run.med_org_ord} ({run.hospital})"
    how = _start(run.workflow_id, task_queue, summary, sa.of_notification(run))
    with suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(NotificationWorkflow.run, run, rpc_timeout=NOTIFICATION_START_TIMEOUT, **how)


def _refund_summary(order: RefundOrder) -> str:
    return f"退费 {order.med_org_ord} {order.refund_no} ({order.hospital})"


def _summary(order: Order) -> str:
    kind = "挂号" if order.category is Category.REGISTRATION else "门诊缴费"
    return f"{kind} {order.med_org_ord} ({order.channel.value}, {order.hospital})"
