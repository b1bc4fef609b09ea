"""What is done with a payment under review: the approved actions, and what the rules do alone once all is clear."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from activities.contract.his import HisActivities, TellRefund
from activities.contract.records import RecordActivities, ResolveCase
from domain.attention import ATTENTION, AttentionReason
from domain.errors import ErrorCode
from domain.ids import review_refund_no
from domain.insurance import PreSettlement, Settlement
from domain.orders import CashRefundedBy, PaymentEnd, Registers, bills_of
from domain.reviews import Proposal, ReviewAction, ReviewFacts, is_revocable
from domain.states import PaymentState
from workflows import limits
from workflows.calls import NotKept, Refusal, Unresolved
from workflows.payment.progress import Progress
from workflows.payment.reversal import ReversalSteps
from workflows.payment.steps import cancel_our_visit, open_review, record_end, revoke
from workflows.review.queue import refuse
from workflows.review.serving import CarriedOut

_CANCELLED = "人工核查: 按未付款关闭"
_REVERSED = "人工核查: 款项已退回"
_FAILED = "患者支付失败, 未发生扣款"
_REVOKED = "医保订单已被撤销, 未发生扣款"


class PaymentActions:
    """Each action ends the case, or raises `ApplicationError` ACTION_REFUSED and changes nothing.

    `leave`: closes the queue before an action that takes long.
    """

    def __init__(self, progress: Progress, leave: Callable[[], None]) -> None:
        self._progress = progress
        self._leave = leave

    async def carry_out(self, proposal: Proposal, facts: ReviewFacts, settlement: Settlement | None) -> CarriedOut:
        """Do what was approved, which is safe on these facts."""
        match proposal.action:
            case ReviewAction.BOOK:
                await self._resolve(PaymentState.PAID, facts, settlement)
            case ReviewAction.ACCEPT:
                await self._resolve(PaymentState.SETTLED, facts, settlement)
            case ReviewAction.CLOSE_UNPAID:
                await self._close_unpaid(facts)
            case ReviewAction.REFUND if facts.went_back:
                await self._only_tell_his()
            case _:
                return await self._give_back(proposal, facts, settlement)
        return CarriedOut()

    async def bring_to(self, state: PaymentState, facts: ReviewFacts, settlement: Settlement | None) -> bool:
        """Bring the payment to `state`, as the rules demand. False: it failed, and the case stays open."""
        match state:
            case PaymentState.PAID | PaymentState.SETTLED:
                await self._resolve(state, facts, settlement)
            case PaymentState.REVERSED:
                if not await cancel_our_visit(self._progress, limits.REVIEW_ACT_BUDGET):
                    return False
                await self._end(state, ErrorCode.REVERSED, self._back_message())
            case PaymentState.REJECTED:
                await self._end(state, ErrorCode.INSURANCE_REFUSED, _FAILED)
            case _:
                await self._end(PaymentState.CANCELLED, ErrorCode.CANCELLED, _REVOKED)
        return True

    async def _resolve(self, state: PaymentState, facts: ReviewFacts, settlement: Settlement | None) -> None:
        """To PAID, to be booked next, or to SETTLED if HIS has booked; with the centre's current settlement."""
        progress = self._progress
        if settlement is None or progress.uploaded is None:
            raise AssertionError("paid, and the centre has no settlement")
        pre_settlement = progress.pre_settlement or PreSettlement(
            pay_ord_id=progress.uploaded.pay_ord_id,
            split=settlement.split,
            balance_fen=None,
            window_ends_at=workflow.now(),
        )
        step = ResolveCase(
            **progress.step(),
            state=state,
            settlement=settlement,
            split=pre_settlement.split,
            settlement_no=facts.settlement_no,
            visit_id=facts.visit_id,
            bills=self._bills() if state is PaymentState.PAID else (),
        )
        summary = f"人工核查: 记录 {state.value}"
        try:
            await progress.steps.first_local(RecordActivities.record_resolution, step, limits.RECORD_BUDGET, summary)
        except Refusal as refusal:
            refuse(refusal.message)
        except NotKept:
            refuse(ATTENTION[AttentionReason.RECORD_REFUSED].message)
        self._use_visit(facts)
        progress.resolved(state, settlement, pre_settlement)

    def _bills(self) -> tuple[str, ...]:
        progress = self._progress
        return bills_of(progress.order, progress.accepted_at, progress.terms.payable_s)

    def _use_visit(self, facts: ReviewFacts) -> None:
        """Use a visit that HIS has by now. It is ours if our `register` had an unknown outcome."""
        progress = self._progress
        if progress.visit_id is not None or facts.visit_id is None:
            return
        asked_by_us = progress.end is not None and progress.end.note == AttentionReason.HIS_OUTCOME_UNKNOWN
        progress.visit_found(facts.visit_id, ours=asked_by_us and progress.terms.registers is Registers.MEDPAY)

    async def _close_unpaid(self, facts: ReviewFacts) -> None:
        if facts.went_back:
            await self._end(PaymentState.REVERSED, ErrorCode.REVERSED, self._back_message())
        elif is_revocable(facts):
            await self._revoke(_end(PaymentState.CANCELLED, ErrorCode.CANCELLED, _CANCELLED))
        else:
            await self._end(PaymentState.CANCELLED, ErrorCode.CANCELLED, _CANCELLED)

    async def _revoke(self, end: PaymentEnd) -> None:
        try:
            refused_at = await revoke(self._progress, end, limits.REVIEW_ACT_BUDGET)
        except (Refusal, Unresolved):
            refuse("医保订单撤销结果未知, 请重新查询")
        if refused_at is not None:
            refuse(f"医保订单不能撤销(ordStas {refused_at}), 请重新查询")

    async def _only_tell_his(self) -> None:
        """The money is back, but HIS has not been told."""
        if not await self._tell_his(limits.REVIEW_ACT_BUDGET):
            refuse("未能告知医院信息系统退款, 请稍后再试")
        await self._end(PaymentState.REVERSED, ErrorCode.REVERSED, self._back_message())

    async def _give_back(self, proposal: Proposal, facts: ReviewFacts, settlement: Settlement | None) -> CarriedOut:
        """6203. The person is answered once its outcome is known; what follows takes longer."""
        self._progress.money_seen(settlement)
        self._use_visit(facts)
        pay_auth_no = proposal.pay_auth_no if proposal.action is ReviewAction.REFUND else ""
        steps = ReversalSteps(self._progress, "人工核查", pay_auth_no)
        self._leave()
        if not await steps.give_back():
            return CarriedOut()
        return CarriedOut(then=steps.clear_up if facts.settlement_no is None else self._tell_his_or_review)

    async def _tell_his_or_review(self) -> None:
        if not await self._tell_his(limits.TELL_HIS_BUDGET):
            await open_review(self._progress, AttentionReason.HIS_NOT_TOLD)

    async def _tell_his(self, budget: timedelta) -> bool:
        """HIS is told the total, including the cash that the channel refunds."""
        progress = self._progress
        number = review_refund_no(progress.order.med_org_ord)
        step = TellRefund(**progress.step(), refund_no=number, total_fen=progress.order.total_fen)
        try:
            await progress.steps.first_local(HisActivities.tell_refund, step, budget, "HIS: 告知退款")
        except (Refusal, Unresolved):
            return False
        return True

    async def _end(self, state: PaymentState, code: ErrorCode, message: str) -> None:
        await record_end(self._progress, _end(state, code, message))

    def _back_message(self) -> str:
        """The message to the caller once the money is back."""
        if self._progress.terms.cash_refunded_by is CashRefundedBy.CENTRE:
            return _REVERSED
        return f"{_REVERSED}; 现金部分请在支付渠道退款"


def _end(state: PaymentState, code: ErrorCode, message: str) -> PaymentEnd:
    return PaymentEnd(state=state, code=code, message=message)
