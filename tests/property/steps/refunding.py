"""Refunds in a run: callers ask for them as the API does."""

from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateStage

from domain.base import PaymentKey
from domain.errors import PaymentError
from domain.insurance import RefundType
from domain.orders import Order
from domain.refunds import RefundOrder, RefundStart, parts_to_refund
from domain.states import REFUND_TERMINAL, SETTLED_STATES, RefundState
from domain.values.fen import Fen
from storage.records import RefundRecord
from tests.property.answers import all_answered, shown_state
from tests.property.run import RPC_TIMEOUT, Run
from workflows.refund.workflow import RefundWorkflow
from workflows.start import refund_operation

_AT_REST = REFUND_TERMINAL | {RefundState.IN_REVIEW}


async def ask_refund(run: Run, order: Order, refund_no: str, refund_type: RefundType, amount_fen: Fen | None) -> None:
    """The refund route: only a settled payment gets this far, and a refundNo that is known starts nothing."""
    wish = RefundOrder(
        hospital=order.hospital,
        med_org_ord=order.med_org_ord,
        refund_no=refund_no,
        refund_type=refund_type,
        amount_fen=amount_fen if refund_type is RefundType.CASH else None,
        pay_auth_no=f"AUTH-{order.med_org_ord}-{refund_no}",
        reason="退药",
        requested_by="wechat",
    )
    if wish.workflow_id in run.refunds:
        await run.told(
            _handle(run, wish).start_update(
                RefundWorkflow.refund, wish, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=RPC_TIMEOUT
            )
        )
        return
    if not await _may_begin(run, order, wish):
        return
    run.refunds[wish.workflow_id] = wish
    await run.told(
        run.stage.client.start_update_with_start_workflow(
            RefundWorkflow.refund,
            wish,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            start_workflow_operation=refund_operation(RefundStart(order=wish, terms=run.terms), run.stage.task_queue),
            rpc_timeout=RPC_TIMEOUT,
        )
    )


async def _may_begin(run: Run, order: Order, wish: RefundOrder) -> bool:
    """What the API looks at before a workflow is started, and a refundNo used up."""
    row = await run.row(order)
    if row is None or row.state not in SETTLED_STATES:
        return False
    try:
        if not row.refunding:
            parts_to_refund(wish, row.paid, row.refunded, run.hospital.cash_refunded_by)
    except PaymentError:
        return False
    return True


def refund_handle(run: Run, order: Order, refund_no: str) -> WorkflowHandle[Any, Any] | None:
    """The refund's workflow, if it was asked for."""
    for wish in run.refunds.values():
        if (wish.med_org_ord, wish.refund_no) == (order.med_org_ord, refund_no):
            return run.stage.client.get_workflow_handle(wish.workflow_id)
    return None


async def refunds_at_rest(run: Run) -> bool:
    """Whether every refund is over or waits for a person. HIS may be told for a day after that."""
    for wish in run.refunds.values():
        row = await refund_row(run, wish)
        # The row is written a moment before the workflow has come there.
        handle = _handle(run, wish)
        if row is None or row.state not in _AT_REST or await shown_state(handle) != row.state:
            return False
        if not await all_answered(handle):
            return False
    return True


async def end_refunds(run: Run) -> None:
    """End what is still open, for the next run's sake."""
    for wish in run.refunds.values():
        handle = _handle(run, wish)
        described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
        if described.status is WorkflowExecutionStatus.RUNNING:
            await handle.terminate(rpc_timeout=RPC_TIMEOUT)


async def refund_row(run: Run, wish: RefundOrder) -> RefundRecord | None:
    """The refund as our row has it."""
    key = PaymentKey(hospital=wish.hospital, med_org_ord=wish.med_org_ord)
    async with run.stage.database.read() as unit:
        return await unit.refunds.find(key, wish.refund_no)


def _handle(run: Run, wish: RefundOrder) -> WorkflowHandle[RefundWorkflow, RefundState]:
    return run.stage.client.get_workflow_handle_for(RefundWorkflow.run, wish.workflow_id)
