"""Bill locks: one live payment per bill; its holder's workflow is asked to withdraw (product rules 1 and 3)."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from activities.contract.records import BillLockActivities, LockBills, LockedBills, WithdrawHolder
from activities.step_log import StepLog
from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError, ToldRefusal, Unknown
from domain.ids import payment_workflow_id
from domain.orders import CancelAnswer, CancelRequest, bills_of
from domain.states import RELEASING, PaymentState, has_reached
from security.crypto.gcm import SealBrokenError
from security.crypto.sealed_values import NotSealedError, detail_of
from storage.records import PaymentRecord

_WITHDRAWAL = "withdraw_holder"
_ANSWER_WAIT = timedelta(seconds=10)
"""How long one attempt waits for the holder's answer; further attempts ask again."""
_PAID = "该费用已由另一笔订单支付"
_UNDER_REVIEW = "该费用的另一笔订单正在人工核查, 不能重新下单, 请联系医院"


class BillLocks(BillLockActivities):
    def __init__(self, step_log: StepLog, client: Client) -> None:
        self.keeper = self._steps = step_log
        self._database = step_log.database
        self._client = client

    async def lock_bills(self, step: LockBills) -> LockedBills:
        async with self._steps.deciding(step) as decision:
            bills = bills_of(step.order, step.accepted_at, step.payable_s)
            locked = LockedBills(held_by=await decision.unit.bill_locks.take(step, bills, decision.at))
            decision.result = locked.model_dump_json()
        return locked

    async def withdraw_holder(self, step: WithdrawHolder) -> None:
        holder = PaymentKey(hospital=step.hospital, med_org_ord=step.holder)
        workflow_id, name = payment_workflow_id(holder.hospital, holder.med_org_ord), f"superseded-{step.med_org_ord}"
        async with self._database.read() as unit:
            record = await unit.payments.find(holder)
            number = await unit.update_numbers.current(workflow_id, name)
        if _is_free(record):
            return
        request = CancelRequest(
            hospital=holder.hospital, med_org_ord=holder.med_org_ord, by=step.med_org_ord, superseded=True
        )
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            # rpc_timeout ends once the update is accepted; without wait_for the SDK would then wait for ever.
            await asyncio.wait_for(
                handle.execute_update(
                    "cancel", request, id=f"{name}-{number}", rpc_timeout=_ANSWER_WAIT, result_type=CancelAnswer
                ),
                _ANSWER_WAIT.total_seconds(),
            )
        except WorkflowUpdateFailedError as error:
            # Until it is answered, every attempt joins the same update: a holder takes only ten at a time.
            await self._answered(workflow_id, name, number)
            raise _refusal(detail_of(error.cause, ToldRefusal), f"{name}-{number}") from None
        except (NotSealedError, SealBrokenError) as error:
            # The holder did not say that: the next attempt asks anew, and its row decides.
            await self._answered(workflow_id, name, number)
            raise Unknown(_WITHDRAWAL, "先前的订单尚未答复") from error
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError, RPCError) as error:
            # The holder has closed meanwhile, or no worker answers: the next attempt reads its row.
            raise Unknown(_WITHDRAWAL, "先前的订单尚未答复") from error

    async def _answered(self, workflow_id: str, name: str, number: int) -> None:
        async with self._database.begin() as unit:
            await unit.update_numbers.answered(workflow_id, name, number, await unit.now())


def _is_free(holder: PaymentRecord | None) -> bool:
    """Whether the holder's row shows the lock as released. Raises `PaymentError` if it is paid or under review."""
    if holder is None or holder.state in RELEASING:
        return True
    if holder.state is PaymentState.IN_REVIEW:
        raise PaymentError(ErrorCode.ORDER_CONFLICT, _UNDER_REVIEW)
    if has_reached(holder.state, PaymentState.PAID):
        raise PaymentError(ErrorCode.BILL_ALREADY_PAID, _PAID)
    return False


def _refusal(told: ToldRefusal | None, update_id: str) -> Exception:
    """What the holder's refusal means to the newer payment. At an end that releases the lock, the row decides."""
    code = told.code if told is not None and told.update_id == update_id else None
    if code is ErrorCode.BILL_ALREADY_PAID:
        return PaymentError(ErrorCode.BILL_ALREADY_PAID, _PAID)
    if code is ErrorCode.IN_REVIEW:
        return PaymentError(ErrorCode.ORDER_CONFLICT, _UNDER_REVIEW)
    return Unknown(_WITHDRAWAL, "先前的订单尚未撤回")
