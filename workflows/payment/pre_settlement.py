"""From the order to the split: price, bill lock, 6201, 6202. If it fails, nothing may stay payable."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from activities.contract.centre import CentreActivities, PlaceOrder, UploadFees
from activities.contract.his import HisActivities, PriceBill
from activities.contract.records import BillLockActivities, LockBills, WithdrawHolder
from domain.errors import UPLOAD_ORPHANED, ErrorCode, Outcome
from domain.orders import CancelRequest, Category, PaymentEnd
from domain.states import PaymentState
from workflows.calls import NotKept, Refusal, Unresolved
from workflows.payment.inbox import CancelInbox
from workflows.payment.progress import Progress
from workflows.payment.window import cancelled

_TOO_LATE = {
    PaymentState.RECEIVED: (ErrorCode.HIS_UNAVAILABLE, "医院信息系统在时限内未响应, 未发生扣款, 请重新下单"),
    PaymentState.PRICED: (ErrorCode.INSURANCE_UNAVAILABLE, "医保中心在时限内未响应, 未发生扣款, 请重新下单"),
    PaymentState.FEE_UPLOADED: (ErrorCode.INSURANCE_UNAVAILABLE, "医保中心在时限内未响应, 未发生扣款, 请重新下单"),
}


_WHOSE = {ErrorCode.HIS_UNAVAILABLE: "医院信息系统", ErrorCode.INSURANCE_UNAVAILABLE: "医保中心"}


class Withdrawn(Exception):
    """The payment is to be cancelled before it has a split."""

    def __init__(self, request: CancelRequest) -> None:
        super().__init__(request.by)
        self.request = request


class PreSettlementSteps:
    """Price, upload and place the order within the pre-settlement budget."""

    def __init__(self, progress: Progress, cancel: CancelInbox) -> None:
        self._progress = progress
        self._cancel = cancel

    async def run(self) -> PaymentEnd | None:
        """None once PRE_SETTLED; else the end to bring the payment to (after 6401, if 6201 has succeeded)."""
        try:
            await self._steps()
        except Refusal as refusal:
            return PaymentEnd(
                state=PaymentState.REJECTED, code=refusal.code, message=refusal.message, note=refusal.note
            )
        except Unresolved as unresolved:
            return self._budget_spent(unresolved)
        except NotKept:
            return self._not_kept()
        except Withdrawn as withdrawn:
            return cancelled(withdrawn.request)
        return None

    def too_late(self) -> PaymentEnd | None:
        """The end of a pre-settlement whose time is over where it is. None: there is time left."""
        return self._budget_spent(Unresolved(Outcome.UNKNOWN)) if self._time_left() <= timedelta(0) else None

    async def _steps(self) -> None:
        progress, order = self._progress, self._progress.order
        if self._time_left() <= timedelta(0):
            # Not UNAVAILABLE, which tells callers to repeat the call: this payment is over.
            raise Refusal(ErrorCode.HIS_UNAVAILABLE, "支付服务未能在时限内处理该订单, 未发生扣款, 请重新下单")
        kind = "挂号费" if order.category is Category.REGISTRATION else "处方费用"
        bill = await progress.steps.first_local(
            HisActivities.price_bill,
            PriceBill(
                **progress.step(),
                order=order,
                accepted_at=progress.accepted_at,
                centre_account=progress.terms.centre_account,
                payable_s=progress.terms.payable_s,
            ),
            self._time_left(),
            f"HIS: 查询患者和{kind}",
        )
        progress.priced(bill)
        if bill.held_by is not None:
            await take_over(progress, bill.held_by, self._time_left)
        self._heed_cancel()
        progress.show("等待医保中心接收费用明细 (6201)", self._ends_at)
        uploaded = await progress.steps.first_local(
            CentreActivities.upload_fees,
            UploadFees(**progress.step(), order=order, bill=bill, centre_account=progress.terms.centre_account),
            self._time_left(),
            "6201 费用明细上传",
        )
        progress.fees_uploaded(uploaded)
        self._heed_cancel()
        progress.show("等待医保中心预结算 (6202)", self._ends_at)
        await self._place_order()

    async def _place_order(self) -> None:
        progress = self._progress
        if progress.uploaded is None:
            raise AssertionError("6202 comes after 6201")
        step = PlaceOrder(
            **progress.step(),
            pay_auth_no=progress.order.pay_auth_no,
            total_fen=progress.order.total_fen,
            uploaded=progress.uploaded,
            reference=progress.reference,
            payment_window_s=progress.terms.payment_window_s,
        )
        summary = "6202 支付下单"
        placed = await progress.steps.first_local(CentreActivities.place_order, step, self._time_left(), summary)
        progress.order_placed(placed)

    def _heed_cancel(self) -> None:
        if self._cancel.wanted is not None:
            raise Withdrawn(self._cancel.wanted)

    def _not_kept(self) -> PaymentEnd:
        """The answer was lost as if nobody had given it, but for what the caller is told."""
        end = self._budget_spent(Unresolved(Outcome.UNKNOWN))
        return end.model_copy(update={"message": f"{_WHOSE[end.code]}返回的内容无法保存, 未发生扣款"})

    def _budget_spent(self, unresolved: Unresolved) -> PaymentEnd:
        state = self._progress.state
        code, message = _TOO_LATE[state]
        orphaned = state is PaymentState.PRICED and unresolved.outcome is Outcome.UNKNOWN
        note = UPLOAD_ORPHANED if orphaned else ""
        return PaymentEnd(state=PaymentState.REJECTED, code=code, message=message, note=note)

    @property
    def _ends_at(self) -> datetime:
        return self._progress.accepted_at + timedelta(seconds=self._progress.terms.pre_settle_budget_s)

    def _time_left(self) -> timedelta:
        return self._ends_at - workflow.now()


_UNDECIDED = "该费用的另一笔订单在时限内未能撤回(患者可能正在支付), 未发生扣款, 请稍后重新下单"


async def take_over(progress: Progress, holder: str, left: Callable[[], timedelta]) -> None:
    """Have `holder`, and whoever holds the bill next, withdraw until we have the bill lock.

    `left`: what remains of the pre-settlement budget. Raises `Refusal` BILL_ALREADY_PAID, or ORDER_CONFLICT while it
    is undecided whether the holder will be paid.
    """
    held_by: str | None = holder
    while held_by is not None:
        progress.show(f"等待同一费用的先前订单 {held_by} 撤回")
        try:
            withdrawal = WithdrawHolder(**progress.step(), holder=held_by)
            summary = f"请 {held_by} 撤回"
            await progress.steps.only_remote(BillLockActivities.withdraw_holder, withdrawal, left(), summary)
            lock = LockBills(
                **progress.step(),
                order=progress.order,
                accepted_at=progress.accepted_at,
                payable_s=progress.terms.payable_s,
            )
            locked = await progress.steps.first_local(
                BillLockActivities.lock_bills, lock, left(), "占用费用 (bill lock)"
            )
        except Unresolved as unresolved:
            raise Refusal(ErrorCode.ORDER_CONFLICT, _UNDECIDED) from unresolved
        held_by = locked.held_by
