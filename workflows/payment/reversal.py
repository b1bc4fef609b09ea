"""REVERSING: the money goes back. With revsToken where HIS can't book (product rule 10), else as a person decided."""

from datetime import timedelta

from temporalio import workflow

from activities.contract import Booking, CentreActivities, HisActivities, Reverse
from domain.base import for_operators
from domain.errors import ErrorCode
from domain.fen import yuan
from domain.insurance import RefundType
from domain.orders import PaymentEnd
from domain.states import PaymentState
from workflows import limits
from workflows.calls import Refusal, Unresolved, local_then_remote, remote
from workflows.payment.look_ahead import booking_question
from workflows.payment.progress import Progress
from workflows.payment.recording import record_end
from workflows.payment.visits import cancel_our_visit


class ReversalSteps:
    """From REVERSING to REVERSED, or IN_REVIEW where nobody can say that the money went back."""

    def __init__(self, progress: Progress, cause: str, pay_auth_no: str = "") -> None:
        """`pay_auth_no`: the patient's, for a refund that two people decided on; else it is the reversal."""
        self._progress = progress
        self._cause = cause
        self._pay_auth_no = pay_auth_no

    async def run(self) -> None:
        if await self.give_back():
            await self.clear_up()

    async def give_back(self) -> bool:
        """6203. REVERSED, or False: IN_REVIEW."""
        progress = self._progress
        progress.enter(PaymentState.REVERSING)
        progress.tell(f"{self._kind}: {self._cause}", progress.settled_by_centre.reversal_deadline)
        end = PaymentEnd(state=PaymentState.REVERSED, code=ErrorCode.REVERSED, message=self._message())
        if self._nothing_to_send_back():
            await record_end(progress, end)
            return True
        summary = f"6203 {self._kind} ({'payAuthNo' if self._pay_auth_no else 'revsToken'})"
        try:
            await remote(CentreActivities.reverse, self._step(end), progress.terms, self._budget(), summary)
        except Refusal:
            await self._refused()
        except Unresolved:
            await self._unknown()
        else:
            progress.finish(end)
            return True
        return False

    async def clear_up(self) -> None:
        """After the money: the visit that we made, and a booking that may still arrive late."""
        if not await self._cancel_visit():
            return
        booking: Booking | None = None
        for wait, budget in limits.LATE_BOOKING_CHECKS:
            await workflow.sleep(wait, summary=for_operators("冲正后核对入账 (late booking check)"))
            booking = await self._booked_late(budget)
            if booking is None:
                continue
            if booking.settlement_no is not None:
                await self._review("BOOKED_AFTER_REVERSAL", "款项已冲正, 医院却已入账, 已转人工核查")
                return
            if not await self._cancel_late_visit(booking.visit_id):
                return
        if booking is None:
            await self._review("LATE_BOOKING_UNCHECKED", "款项已冲正, 未能确认医院没有入账, 已转人工核查")

    async def _refused(self) -> None:
        if self._pay_auth_no:
            await self._review("REFUND_REFUSED", "医保中心拒绝退费, 已转人工核查")
        else:
            await self._review("REVERSAL_REFUSED", "医保中心拒绝冲正, 已转人工核查")

    async def _unknown(self) -> None:
        if self._pay_auth_no:
            await self._review("REFUND_UNKNOWN", "医保退费结果未知, 已转人工核查")
        else:
            await self._review("REVERSAL_WINDOW_CLOSED", "冲正期限已过, 结果未知, 已转人工核查")

    async def _booked_late(self, budget: timedelta) -> Booking | None:
        """None: HIS does not answer, and nobody knows."""
        progress = self._progress
        question = booking_question(progress, None, record=False)
        try:
            return await local_then_remote(
                HisActivities.find_booking, question, progress.terms, budget, "HIS: 冲正后核对入账"
            )
        except (Refusal, Unresolved):
            return None

    async def _cancel_late_visit(self, visit_id: str | None) -> bool:
        """A `register` of ours whose outcome was unknown may have arrived after the money went back."""
        progress = self._progress
        if visit_id is None or not progress.register_sent:
            return True
        progress.visit_id, progress.visit_is_ours = visit_id, True
        return await self._cancel_visit()

    async def _cancel_visit(self) -> bool:
        if await cancel_our_visit(self._progress, limits.CANCEL_VISIT_BUDGET):
            return True
        await self._review("VISIT_NOT_CANCELLED", "款项已冲正, 但医院挂号未能取消, 已转人工核查")
        return False

    def _step(self, end: PaymentEnd) -> Reverse:
        progress = self._progress
        return Reverse(
            **progress.step(),
            reference=progress.reference,
            settlement=progress.settled_by_centre,
            refund_type=RefundType.ALL if self._centre_refunds_cash() else RefundType.HI,
            end=end,
            pay_auth_no=self._pay_auth_no,
        )

    @property
    def _kind(self) -> str:
        return "退费" if self._pay_auth_no else "冲正"

    def _budget(self) -> timedelta:
        if self._pay_auth_no:
            return limits.REFUND_BUDGET
        left = self._progress.settled_by_centre.reversal_deadline - workflow.now()
        return max(left, limits.REVERSAL_LAST_TRY)

    def _centre_refunds_cash(self) -> bool:
        return self._progress.terms.cash_refunded_by == "centre"

    def _nothing_to_send_back(self) -> bool:
        """The channel refunds the cash, and there was only cash: a 6203 of 0.00 would say nothing."""
        split = self._progress.settled_by_centre.split
        return not self._centre_refunds_cash() and split.psn_acct_fen + split.fund_fen == 0

    def _message(self) -> str:
        """What went back, and what is left for the caller to do (contract 2.3)."""
        progress = self._progress
        split = progress.settled_by_centre.split
        parts = [self._cause if self._pay_auth_no else f"医院入账失败({self._cause})"]
        if self._centre_refunds_cash() or split.own_pay_fen == 0:
            parts.append(f"已全额{self._kind}退回{yuan(split.fee_sum_fen)}元")
        elif self._nothing_to_send_back():
            parts.append(f"现金{yuan(split.own_pay_fen)}元请在支付渠道退款")
        else:
            back = split.psn_acct_fen + split.fund_fen
            parts.append(
                f"医保部分{yuan(back)}元已{self._kind}退回, 现金部分{yuan(split.own_pay_fen)}元请在支付渠道退款"
            )
        if progress.visit_id is not None and progress.visit_is_ours:
            parts.append("本系统登记的挂号将取消")
        elif progress.visit_id is not None:
            parts.append(f"就诊ID(VISIT_ID) {progress.visit_id} 由调用方登记, 请自行处理")
        return ", ".join(parts)

    async def _review(self, reason: str, message: str) -> None:
        await record_end(self._progress, self._progress.review(reason, message))
