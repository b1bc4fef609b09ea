"""What is done once a case is decided: each action, and what the rules do alone when all is clear."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from activities.contract import (
    CentreActivities,
    HisActivities,
    RecordActivities,
    ResolveCase,
    RevokeOrder,
    TellRefund,
)
from domain.errors import ErrorCode
from domain.ids import review_refund_no
from domain.insurance import PreSettlement
from domain.orders import PaymentEnd, Registers, bills_of
from domain.reviews import CaseEvent, Decision, Proposal, ReviewAction, ReviewFacts, is_revocable
from domain.states import PaymentState
from workflows import limits
from workflows.calls import Refusal, Unresolved, local_then_remote, remote
from workflows.payment.progress import Progress
from workflows.payment.recording import REVOKED, record_end
from workflows.payment.reversal import ReversalSteps
from workflows.payment.visits import cancel_our_visit
from workflows.review.notes import note
from workflows.review.payment_facts import Findings
from workflows.review.queue import AnyTicket, ReviewQueue

_CANCELLED = "人工核查: 按未付款关闭"
_REVERSED = "人工核查: 款项已退回"
_FAILED = "患者支付失败, 未发生扣款"
_REVOKED = "医保订单已被撤销, 未发生扣款"


class ActionRefused(Exception):
    """It is not safe, or could not be done; the case stays open. `message` is for the person who wished it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ReviewActions:
    """Each leaves IN_REVIEW, closes the desk, and answers the ticket; or raises `ActionRefused` and changed nothing."""

    def __init__(self, progress: Progress, desk: ReviewQueue) -> None:
        self._progress = progress
        self._desk = desk

    async def carry_out(self, ticket: AnyTicket, wish: Proposal, by: str, findings: Findings) -> None:
        """The approved `wish`, which is safe on these `findings`. `by`: who approved it."""
        match wish.action:
            case ReviewAction.BOOK:
                await self._resolve(PaymentState.PAID, findings)
            case ReviewAction.ACCEPT:
                await self._resolve(PaymentState.SETTLED, findings)
            case ReviewAction.CLOSE_UNPAID:
                await self._close_unpaid(findings)
            case ReviewAction.REFUND if findings.facts.went_back:
                await self._only_tell_his()
            case _:
                await self._give_back(ticket, wish, by, findings)
                return
        await self._carried_out(ticket, wish.action, by)

    async def follow_the_rules(
        self, ticket: AnyTicket, wish: Proposal, state: PaymentState, findings: Findings
    ) -> bool:
        """Bring the payment to `state`, which is clear by now. False: it could not be brought there."""
        match state:
            case PaymentState.PAID | PaymentState.SETTLED:
                await self._resolve(state, findings)
            case PaymentState.REVERSED:
                if not await cancel_our_visit(self._progress, limits.REVIEW_ACT_BUDGET):
                    return False
                await record_end(self._progress, _end(state, ErrorCode.REVERSED, self._back()))
            case PaymentState.REJECTED:
                await record_end(self._progress, _end(state, ErrorCode.INSURANCE_REFUSED, _FAILED))
            case _:
                await record_end(self._progress, _end(PaymentState.CANCELLED, ErrorCode.CANCELLED, _REVOKED))
        await self._carried_out(ticket, wish.action, wish.by)
        return True

    async def _resolve(self, state: PaymentState, findings: Findings) -> None:
        """To PAID, for the story to book, or to SETTLED as HIS has booked. By what the centre says today."""
        progress, facts = self._progress, findings.facts
        if findings.settlement is None or progress.uploaded is None:
            raise AssertionError("paid, and the centre has no settlement")
        pre_settlement = progress.pre_settlement or PreSettlement(
            pay_ord_id=progress.uploaded.pay_ord_id,
            split=findings.settlement.split,
            balance_fen=None,
            window_ends_at=workflow.now(),
        )
        step = ResolveCase(
            **progress.step(),
            state=state,
            settlement=findings.settlement,
            split=pre_settlement.split,
            settlement_no=facts.settlement_no,
            visit_id=facts.visit_id,
            bills=bills_of(progress.order, progress.accepted_at) if state is PaymentState.PAID else (),
        )
        summary = f"人工核查: 记录 {state.value}"
        try:
            await local_then_remote(
                RecordActivities.record_resolution, step, progress.terms, limits.RECORD_BUDGET, summary
            )
        except Refusal as refusal:
            raise ActionRefused(refusal.message) from refusal
        progress.settlement, progress.pre_settlement = findings.settlement, pre_settlement
        self._take_visit(facts)
        progress.finish_now = True
        progress.enter(state)
        progress.tell("等待医院信息系统入账" if state is PaymentState.PAID else "已结算")

    def _take_visit(self, facts: ReviewFacts) -> None:
        """A visit that HIS has by now. It is ours if we had asked for one and nobody could say what came of it."""
        progress = self._progress
        if progress.visit_id is not None or facts.visit_id is None:
            return
        asked_by_us = progress.end is not None and progress.end.note == "HIS_OUTCOME_UNKNOWN"
        progress.visit_id = facts.visit_id
        progress.visit_is_ours = asked_by_us and progress.terms.registers is Registers.MEDPAY

    async def _close_unpaid(self, findings: Findings) -> None:
        if findings.facts.went_back:
            await record_end(self._progress, _end(PaymentState.REVERSED, ErrorCode.REVERSED, self._back()))
            return
        end = _end(PaymentState.CANCELLED, ErrorCode.CANCELLED, _CANCELLED)
        if is_revocable(findings.facts):
            await self._revoke(end)
        else:
            await record_end(self._progress, end)

    async def _revoke(self, end: PaymentEnd) -> None:
        progress = self._progress
        step = RevokeOrder(**progress.step(), reference=progress.reference, end=end)
        try:
            revoked = await remote(
                CentreActivities.revoke_order,
                step,
                progress.terms,
                limits.REVIEW_ACT_BUDGET,
                "6401 费用明细上传撤销",
            )
        except (Refusal, Unresolved):
            raise ActionRefused("医保订单撤销结果未知, 请重新查询") from None
        if revoked.ord_stas != REVOKED:
            raise ActionRefused(f"医保订单不能撤销(ordStas {revoked.ord_stas}), 请重新查询")
        progress.finish(end)

    async def _only_tell_his(self) -> None:
        """The money is back, and HIS does not know."""
        if not await self._tell_his(limits.REVIEW_ACT_BUDGET):
            raise ActionRefused("未能告知医院信息系统退款, 请稍后再试")
        await record_end(self._progress, _end(PaymentState.REVERSED, ErrorCode.REVERSED, self._back()))

    async def _give_back(self, ticket: AnyTicket, wish: Proposal, by: str, findings: Findings) -> None:
        """6203. The person is told as soon as the money is back, or could not be sent back; the rest takes longer."""
        self._progress.settlement = findings.settlement
        self._take_visit(findings.facts)
        pay_auth_no = wish.pay_auth_no if wish.action is ReviewAction.REFUND else ""
        steps = ReversalSteps(self._progress, "人工核查", pay_auth_no)
        self._desk.close()
        if not await steps.give_back():
            ticket.answer = self._decided()
            return
        await self._carried_out(ticket, wish.action, by)
        if findings.facts.settlement_no is None:
            await steps.clear_up()
        elif not await self._tell_his(limits.TELL_HIS_BUDGET):
            review = self._progress.review("HIS_NOT_TOLD", "款项已退回, 但未能告知医院信息系统, 已转人工核查")
            await record_end(self._progress, review)

    async def _tell_his(self, budget: timedelta) -> bool:
        """All of it: what the channel refunds is back, too, as far as HIS is concerned."""
        progress = self._progress
        number = review_refund_no(progress.order.med_org_ord)
        step = TellRefund(**progress.step(), refund_no=number, total_fen=progress.order.total_fen)
        try:
            await remote(HisActivities.tell_refund, step, progress.terms, budget, "HIS: 告知退款")
        except (Refusal, Unresolved):
            return False
        return True

    async def _carried_out(self, ticket: AnyTicket, action: ReviewAction, by: str) -> None:
        self._desk.close()
        await note(self._progress, CaseEvent.CARRIED_OUT, action, by, self._progress.state.value)
        ticket.answer = self._decided()

    def _decided(self) -> Callable[[], Decision | None]:
        """The answer once the story has come to an end, or to another case."""
        progress = self._progress

        def answer() -> Decision | None:
            if not progress.decided:
                return None
            message = progress.end.message if progress.end is not None else "已结算"
            return Decision(state=progress.state.value, message=message)

        return answer

    def _back(self) -> str:
        """What a caller is told of money that is back."""
        if self._progress.terms.cash_refunded_by == "centre":
            return _REVERSED
        return f"{_REVERSED}; 现金部分请在支付渠道退款"


def _end(state: PaymentState, code: ErrorCode, message: str) -> PaymentEnd:
    return PaymentEnd(state=state, code=code, message=message)
