"""People who decide cases in a run, two by two, as the API lets them; and what is written of it (product rule 15)."""

from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateStage

from domain.base import PaymentKey
from domain.orders import Order
from domain.reviews import ALONE, CaseEvent, ReviewAction
from storage.records import CaseEventRecord
from tests.property.run import RPC_TIMEOUT, Run
from tests.property.steps.refunding import refund_handle
from tests.support.values.commands import approval, proposal

PROPOSER, APPROVER = "op-li", "chief-wang"


async def propose(run: Run, order: Order, refund_no: str, action: ReviewAction) -> None:
    """Somebody wishes for `action`. Where there is no case it is refused, or nobody is there to ask."""
    case = _case(run, order, refund_no)
    if case is not None:
        now = await run.stage.environment.get_current_time()
        wish = proposal(action, PROPOSER, now, reason="已与患者核对", pay_auth_no=f"AUTH-{order.med_org_ord}-RVW")
        await run.told(
            case.start_update("propose", wish, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=RPC_TIMEOUT)
        )


async def approve(run: Run, order: Order, refund_no: str, action: ReviewAction, by: str) -> None:
    """Somebody agrees to the last proposal of `action`."""
    case = _case(run, order, refund_no)
    if case is not None:
        events = await events_of(run, order, refund_no)
        named = [one.proposal for one in events if (one.event, one.action) == (CaseEvent.PROPOSED, action)]
        now = await run.stage.environment.get_current_time()
        word = approval(action, named[-1] if named else "none", by, now)
        await run.told(
            case.start_update("approve", word, wait_for_stage=WorkflowUpdateStage.ACCEPTED, rpc_timeout=RPC_TIMEOUT)
        )


async def events_of(run: Run, order: Order, refund_no: str) -> list[CaseEventRecord]:
    """What people did with the cases of this payment, or of its refund."""
    key = PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)
    async with run.stage.database.read() as unit:
        return await unit.reviews.events(key, refund_no)


def decided(events: list[CaseEventRecord]) -> frozenset[ReviewAction]:
    """What was carried out. Raises AssertionError for money that one person alone decided on."""
    waiting: dict[ReviewAction, str] = {}
    agreed: set[ReviewAction] = set()
    done: set[ReviewAction] = set()
    for each in events:
        if each.event is CaseEvent.PROPOSED:
            waiting[each.action] = each.by
        elif each.event is CaseEvent.APPROVED:
            proposer = waiting.pop(each.action, None)
            assert proposer is not None, f"{each.action} was approved and not proposed"
            assert proposer != each.by, f"{each.action} was proposed and approved by {each.by}"
            agreed.add(each.action)
        elif each.event is CaseEvent.CARRIED_OUT:
            assert each.action in agreed | ALONE, f"{each.action} was carried out by one person's word"
            done.add(each.action)
    return frozenset(done | agreed)


def _case(run: Run, order: Order, refund_no: str) -> WorkflowHandle[Any, Any] | None:
    if order.med_org_ord not in run.begun:
        return None
    if not refund_no:
        return run.stage.client.get_workflow_handle(order.workflow_id)
    return refund_handle(run, order, refund_no)
