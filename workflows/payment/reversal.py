"""REVERSING: sending the money back by 6203, as HIS cannot book (product rule 10) or as a review decided."""

from datetime import timedelta

from temporalio import workflow

from activities.contract.centre import CentreActivities, Reverse
from activities.contract.his import Booking
from activities.contract.records import RecordActivities, RecordReversing
from domain.attention import AttentionReason
from domain.base import for_operators
from domain.errors import ErrorCode
from domain.insurance import RefundType
from domain.orders import CashRefundedBy, PaymentEnd, gone_back_elsewhere
from domain.states import PaymentState
from domain.values.fen import yuan
from workflows import limits
from workflows.calls import Refusal, Unresolved
from workflows.payment.progress import Progress
from workflows.payment.steps import booking_question, cancel_our_visit, find_booking, open_review, record_end


class ReversalSteps:
    """From REVERSING to REVERSED, or to IN_REVIEW if it is not certain that the money went back."""

    def __init__(self, progress: Progress, cause: str = "", pay_auth_no: str = "") -> None:
        """`cause`: empty where our row says that the reversal has begun.

        `pay_auth_no`: the patient's, for a refund that a review decided on; empty for a reversal with revsToken.
        """
        self._progress = progress
        self._cause = cause
        self._pay_auth_no = pay_auth_no

    async def run(self) -> None:
        if await self.give_back():
            await self.clear_up()

    async def give_back(self) -> bool:
        """6203. True: REVERSED; False: IN_REVIEW."""
        progress = self._progress
        message = await self._begin()
        progress.show(f"{self._kind}: {self._cause}", progress.settled_by_centre.reversal_deadline)
        end = PaymentEnd(state=PaymentState.REVERSED, code=ErrorCode.REVERSED, message=message)
        if self._nothing_to_send_back():
            await record_end(progress, end)
            return True
        summary = f"6203 {self._kind} ({'payAuthNo' if self._pay_auth_no else 'revsToken'})"
        try:
            back = await progress.steps.first_local(CentreActivities.reverse, self._step(end), self._budget(), summary)
        except Refusal:
            await self._refused()
        except Unresolved:
            await self._unknown()
        else:
            progress.finish(gone_back_elsewhere(end) if back.elsewhere else end)
            return True
        return False

    async def clear_up(self) -> None:
        """Once the money is back: cancel our visit, and check for a booking that arrived late."""
        self._progress.cleared_up()
        if not await self._cancel_visit():
            return
        booking: Booking | None = None
        for wait, budget in limits.LATE_BOOKING_CHECKS:
            await workflow.sleep(wait, summary=for_operators("冲正后核对入账 (late booking check)"))
            question = booking_question(self._progress, None, record=False)
            booking = await find_booking(question, self._progress, budget, "HIS: 冲正后核对入账")
            if booking is None:
                continue
            if booking.settlement_no is not None:
                await open_review(self._progress, AttentionReason.BOOKED_AFTER_REVERSAL)
                return
            if not await self._cancel_late_visit(booking.visit_id):
                return
        if booking is None:
            await open_review(self._progress, AttentionReason.LATE_BOOKING_UNCHECKED)

    async def _begin(self) -> str:
        """REVERSING, first in our row. The message to the caller once the money is back."""
        progress = self._progress
        if progress.state is PaymentState.REVERSING:
            # Begun before, by a run of this workflow whose task was lost.
            return progress.end.message if progress.end is not None else self._message()
        message = self._message()
        step = RecordReversing(**progress.step(), message=message)
        summary = f"记录 {PaymentState.REVERSING.value}"
        await progress.steps.first_local(RecordActivities.record_reversing, step, limits.RECORD_BUDGET, summary)
        progress.reversing()
        return message

    async def _refused(self) -> None:
        if self._pay_auth_no:
            await open_review(self._progress, AttentionReason.REFUND_REFUSED)
        else:
            await open_review(self._progress, AttentionReason.REVERSAL_REFUSED)

    async def _unknown(self) -> None:
        if self._pay_auth_no:
            await open_review(self._progress, AttentionReason.REFUND_UNKNOWN)
        else:
            await open_review(self._progress, AttentionReason.REVERSAL_WINDOW_CLOSED)

    async def _cancel_late_visit(self, visit_id: str | None) -> bool:
        """A `register` of ours with an unknown outcome may have arrived after the money went back."""
        progress = self._progress
        if visit_id is None or not progress.register_sent:
            return True
        progress.visit_found(visit_id, ours=True)
        return await self._cancel_visit()

    async def _cancel_visit(self) -> bool:
        if await cancel_our_visit(self._progress, limits.CANCEL_VISIT_BUDGET):
            return True
        await open_review(self._progress, AttentionReason.VISIT_NOT_CANCELLED)
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
        return self._progress.terms.cash_refunded_by is CashRefundedBy.CENTRE

    def _nothing_to_send_back(self) -> bool:
        """The channel refunds the cash and only cash was paid: a 6203 of 0.00 would be pointless."""
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
