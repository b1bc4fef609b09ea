"""How payments and refunds start: ids, policies, summaries and search attributes, for the API, tests and benchmarks."""

from datetime import UTC, datetime
from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from domain.operators import for_operators
from domain.orders import Category
from domain.refunds import RefundStart
from domain.starting import PaymentStart
from workflows import search_attributes
from workflows.payment import PaymentWorkflow
from workflows.refund import RefundWorkflow
from workflows.tuning import TASK_TIMEOUT


def start_operation(start: PaymentStart, task_queue: str) -> WithStartWorkflowOperation[PaymentWorkflow, Any]:
    """Start this payment, or meet the one that is under way. A closed one is never started again. Single-use."""
    order = start.order
    kind = "挂号" if order.category is Category.REGISTRATION else "门诊缴费"
    return WithStartWorkflowOperation(
        PaymentWorkflow.run,
        start,
        id=order.workflow_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
        static_summary=for_operators(f"{kind} {order.med_org_ord} ({order.channel.value}, {order.hospital})"),
        search_attributes=search_attributes.at_start(order, datetime.now(UTC)),
    )


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
