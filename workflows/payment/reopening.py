"""A closed payment that runs again: after a hint of money behind an unpaid end (product rule 8), or of money that went
back behind a settled one; or after a termination."""

from activities.contract.centre import CentreActivities, OrderAnswer, Recorded
from activities.contract.refunds import CheckRefunds, RefundActivities
from domain.attention import AttentionReason
from domain.errors import ErrorCode
from domain.ord_stas import OrderVerdict, verdict
from domain.orders import NOT_ORDERED, PaymentEnd
from domain.states import PaymentState
from workflows import limits
from workflows.calls import NotKept, Refusal, Unresolved
from workflows.payment.inbox import Inbox
from workflows.payment.progress import Progress, review
from workflows.payment.steps import open_review, order_question


def broken_off(progress: Progress) -> PaymentEnd:
    """The end of a payment whose workflow was terminated before it ended: nobody has watched it since.

    IN_REVIEW; or REJECTED if the centre has no order for it, since then nothing can have been paid.
    """
    if progress.uploaded is not None:
        return review(AttentionReason.BROKEN_OFF)
    return PaymentEnd(
        state=PaymentState.REJECTED,
        code=ErrorCode.INSURANCE_UNAVAILABLE,
        message=NOT_ORDERED,
        note=AttentionReason.BROKEN_OFF.value,
    )


class LateMoney:
    """Asks 6301 about a payment that ended unpaid. ordStas 6 opens a review; anything else changes nothing."""

    def __init__(self, progress: Progress, inbox: Inbox) -> None:
        self._progress = progress
        self._inbox = inbox

    async def run(self) -> None:
        await self._inbox.pace_hints()
        # Cleared before the question, so that a hint which arrives meanwhile makes us ask again.
        self._inbox.noticed = False
        if self._progress.uploaded is None:
            return
        self._progress.show("订单已关闭, 核实是否另有到账 (6301)")
        split = self._progress.pre_settlement.split if self._progress.pre_settlement is not None else None
        question = order_question(self._progress, split, Recorded.SETTLEMENT)
        try:
            answer = await self._progress.steps.first_local(
                CentreActivities.ask_order,
                question,
                limits.LATE_MONEY_BUDGET,
                "6301 医保订单结算结果查询 (关闭后核实)",
                retry=limits.LATE_MONEY_RETRY,
            )
        except Refusal:
            self._progress.show("医保中心拒绝查询该订单, 状态不变")
        except Unresolved:
            await open_review(self._progress, AttentionReason.LATE_MONEY_UNCONFIRMED)
        else:
            await self._decide(answer)

    async def _decide(self, answer: OrderAnswer) -> None:
        if verdict(answer.status.ord_stas) is not OrderVerdict.PAID:
            self._progress.show(f"已核实: 未到账 (ordStas {answer.status.ord_stas}), 状态不变")
            return
        self._progress.money_seen(answer.settlement)
        await open_review(self._progress, AttentionReason.LATE_MONEY)


class RefundsElsewhere:
    """Asks 6301 about a settled payment: NeedsAttention if money went back past us. The payment stays as it is."""

    def __init__(self, progress: Progress, inbox: Inbox) -> None:
        self._progress = progress
        self._inbox = inbox

    async def run(self) -> None:
        await self._inbox.pace_hints()
        # As in `LateMoney`.
        self._inbox.noticed = False
        self._progress.show("订单已结算, 核实是否另有退费 (6301)")
        step = CheckRefunds(**self._progress.step(), reference=self._progress.reference)
        try:
            seen = await self._progress.steps.first_local(
                RefundActivities.check_refunds,
                step,
                limits.LATE_MONEY_BUDGET,
                "6301 医保订单结算结果查询 (结算后核实)",
                retry=limits.LATE_MONEY_RETRY,
            )
        except (Refusal, Unresolved, NotKept):
            self._progress.show("未能核实是否另有退费, 状态不变")
            return
        if seen.elsewhere:
            self._progress.refunded_elsewhere(seen.ord_stas)
        else:
            self._progress.show(f"已核实: 没有其他退费 (ordStas {seen.ord_stas})")
