"""How payments and refunds start: ids, policies, summaries and search attributes, for the API, tests and benchmarks."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.base import for_operators
from domain.notifications import Notify
from domain.orders import Category, Order, PaymentStart
from domain.refunds import RefundStart
from workflows import search_attributes
from workflows import search_attributes as sa
from workflows.limits import TASK_TIMEOUT
from workflows.notification import NotificationWorkflow
from workflows.payment.workflow import PaymentWorkflow
from workflows.refund.workflow import RefundWorkflow

NOTICE = "notice"
"""`PaymentWorkflow.notice`."""


def start_operation(start: PaymentStart, task_queue: str) -> WithStartWorkflowOperation[PaymentWorkflow, Any]:
    """Start this payment, or meet the one that is under way. A closed one is never started again. Single-use."""
    order = start.order
    return WithStartWorkflowOperation(
        PaymentWorkflow.run,
        start,
        id=order.workflow_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=_summary(order),
        search_attributes=search_attributes.at_start(order, datetime.now(UTC)),
    )


async def reopen(client: Client, start: PaymentStart, task_queue: str, rpc_timeout: timedelta | None = None) -> None:
    """Start a payment that had ended unpaid once more, under its id, or tell the run that is under way.

    The signal goes to whichever of the two it is: word that comes while an earlier question is on its way asks again.
    Raises `temporalio.service.RPCError`.
    """
    if start.reopened is None:
        raise AssertionError("nothing is known of the payment's end")
    await client.start_workflow(
        PaymentWorkflow.run,
        start,
        id=start.order.workflow_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        start_signal=NOTICE,
        static_summary=_summary(start.order),
        search_attributes=search_attributes.at_reopening(start.order, start.reopened),
        rpc_timeout=rpc_timeout,
    )


def _summary(order: Order) -> str:
    kind = "挂号" if order.category is Category.REGISTRATION else "门诊缴费"
    return for_operators(f"{kind} {order.med_org_ord} ({order.channel.value}, {order.hospital})")


def refund_operation(start: RefundStart, task_queue: str) -> WithStartWorkflowOperation[RefundWorkflow, Any]:
    """Start this refund, or meet the one that is under way. A closed one is never started again. Single-use."""
    order = start.order
    return WithStartWorkflowOperation(
        RefundWorkflow.run,
        start,
        id=order.workflow_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=for_operators(f"退费 {order.med_org_ord} {order.refund_no} ({order.hospital})"),
        search_attributes=search_attributes.at_refund_start(order, datetime.now(UTC)),
    )


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


KNOWN = (PaymentWorkflow, RefundWorkflow, NotificationWorkflow)
