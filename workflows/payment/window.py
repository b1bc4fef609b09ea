"""PRE_SETTLED: waiting to be paid. Whatever wakes the window, 6301 decides (product rules 6 and 7)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, repeat

from temporalio import workflow

from activities.contract.centre import OrderAnswer, Recorded
from domain.attention import AttentionReason, of_status
from domain.base import for_operators
from domain.errors import ErrorCode
from domain.ord_stas import PAYING, REVOCABLE, OrderVerdict, OrdStas, verdict
from domain.orders import CancelRequest, PaymentEnd
from domain.states import PaymentState
from workflows import limits
from workflows.payment.inbox import Inbox
from workflows.payment.look_ahead import LookAhead
from workflows.payment.progress import Progress
from workflows.payment.steps import ask_order, end_unpaid, open_review, order_question, record_end

ALREADY_PAID = "患者已付款, 不能取消"
PAYING_NOW = "患者正在支付, 请稍后再查询"
_PROCESSING = "暂未取得医保中心的结算结果, 请稍后以相同参数重试"
_NOT_PAID = "患者尚未完成支付"


class PaymentWindow:
    """Waits until the payment is PAID, has ended unpaid or is IN_REVIEW."""

    def __init__(self, progress: Progress, inbox: Inbox, look_ahead: LookAhead) -> None:
        self._progress = progress
        self._inbox = inbox
        self._look_ahead = look_ahead
        self._ends_at = progress.pre_settled.window_ends_at
        self._intervals = _intervals()
        self._wake_at = self._next_question()
        self._deciding_since: datetime | None = None

    async def run(self) -> None:
        while self._progress.state is PaymentState.PRE_SETTLED:
            await self._wake()
            self._inbox.take()
            self._look_ahead.begin()
            question = order_question(self._progress, self._progress.pre_settled.split, Recorded.PAID)
            answer = await ask_order(question, self._progress, limits.SETTLE_ASK_BUDGET, "6301 医保订单结算结果查询")
            if answer is None:
                await self._no_answer()
            else:
                await self._decide(answer)

    async def _wake(self) -> None:
        """Sleep until somebody calls or the next own question is due. Which of them it was makes no difference."""
        left = self._wake_at - workflow.now()
        if left > timedelta(0) and not self._inbox.asks:
            words = "付款窗口 (payment window)" if self._wake_at == self._ends_at else "主动查询 (own question)"
            try:
                await workflow.wait_condition(
                    lambda: self._inbox.asks or self._progress.woken,
                    timeout=left,
                    timeout_summary=for_operators(words),
                )
            except TimeoutError:
                workflow.logger.debug("nobody called")
        await self._inbox.pace_hints()
        if self._progress.woken:
            await self._progress.look_at_record()
        if workflow.now() >= self._wake_at:
            self._wake_at = self._next_question()

    def _next_question(self) -> datetime:
        """At growing intervals, so that a lost callback costs minutes, and at the window's end."""
        asked_at = workflow.now() + next(self._intervals)
        return min(asked_at, self._ends_at) if workflow.now() < self._ends_at else asked_at

    async def _no_answer(self) -> None:
        self._inbox.settle.refuse_served(ErrorCode.PROCESSING, _PROCESSING)
        if self._must_decide():
            await self._extend(AttentionReason.ORDER_STATUS_UNKNOWN, _PROCESSING)

    async def _decide(self, answer: OrderAnswer) -> None:
        ord_stas = answer.status.ord_stas
        match verdict(ord_stas):
            case OrderVerdict.PAID:
                await self._paid(answer)
            case OrderVerdict.FAILED:
                await self._end(_failed())
            case OrderVerdict.REVOKED:
                await record_end(self._progress, self._cancelled("医保订单已被撤销, 未发生扣款"))
            case OrderVerdict.REVIEW:
                await open_review(self._progress, of_status(ord_stas))
            case OrderVerdict.WAIT:
                await self._not_paid(ord_stas)

    async def _paid(self, answer: OrderAnswer) -> None:
        self._progress.money_seen(answer.settlement)
        if not answer.consistent:
            await open_review(self._progress, AttentionReason.AMOUNT_INCONSISTENT)
            return
        self._progress.paid()
        self._inbox.cancel.dismiss(ErrorCode.BILL_ALREADY_PAID, ALREADY_PAID)

    async def _not_paid(self, ord_stas: int) -> None:
        """Paid beats cancel beats expiry, and this order is not paid."""
        self._inbox.settle.refuse_served(ErrorCode.NOT_PAID, PAYING_NOW if ord_stas in PAYING else _NOT_PAID)
        if not self._must_decide():
            return
        if ord_stas not in REVOCABLE:
            await self._extend(AttentionReason.STILL_PAYING, PAYING_NOW)
        elif self._inbox.cancel.wanted is not None:
            await self._end(self._cancelled())
        else:
            await self._end(_expired())

    async def _end(self, end: PaymentEnd) -> None:
        refused_at = await end_unpaid(self._progress, end)
        if refused_at == OrdStas.SETTLED:
            self._wake_at = workflow.now()
        elif refused_at is not None:
            await self._extend(AttentionReason.REVOCATION_REFUSED, _PROCESSING)

    async def _extend(self, reason: AttentionReason, now: str) -> None:
        """A decision is due but not possible: keep asking for `PAYING_EXTENSION`, then open a review."""
        self._inbox.cancel.answer(ErrorCode.PROCESSING, now)
        gives_up_at = (self._deciding_since or workflow.now()) + limits.PAYING_EXTENSION
        if workflow.now() >= gives_up_at:
            await open_review(self._progress, reason)
            return
        self._wake_at = min(workflow.now() + limits.PAYING_POLL, gives_up_at)
        self._progress.show("不能关闭: 患者可能正在支付, 继续查询 (6301)", gives_up_at)

    def _must_decide(self) -> bool:
        """Whether the window has closed or the payment is to be cancelled; remembers since when."""
        if workflow.now() < self._ends_at and self._inbox.cancel.wanted is None:
            self._deciding_since = None
            return False
        self._deciding_since = self._deciding_since or workflow.now()
        return True

    def _cancelled(self, message: str = "") -> PaymentEnd:
        request = self._inbox.cancel.wanted
        return cancelled(request) if request is not None else cancelled(None, message)


def cancelled(request: CancelRequest | None, message: str = "订单已取消, 未发生扣款") -> PaymentEnd:
    """CANCELLED, with a note of who asked for it. `request` None: the centre shows the order as revoked."""
    if request is None:
        return PaymentEnd(state=PaymentState.CANCELLED, code=ErrorCode.CANCELLED, message=message)
    why = f"同一费用已重新下单({request.by}), 本订单已取消, 未发生扣款" if request.superseded else message
    note = f"{'SUPERSEDED_BY' if request.superseded else 'CANCELLED_BY'} {request.by}"
    return PaymentEnd(state=PaymentState.CANCELLED, code=ErrorCode.CANCELLED, message=why, note=note)


def _failed() -> PaymentEnd:
    message = "患者支付失败, 未发生扣款"
    return PaymentEnd(state=PaymentState.REJECTED, code=ErrorCode.INSURANCE_REFUSED, message=message)


def _expired() -> PaymentEnd:
    message = "超过付款时限未支付, 订单已关闭, 请重新下单"
    return PaymentEnd(state=PaymentState.EXPIRED, code=ErrorCode.EXPIRED, message=message)


def _intervals() -> Iterator[timedelta]:
    """With jitter, so that the payments of a busy minute do not all ask in the same second."""
    last = limits.OWN_QUESTIONS[-1]
    for interval in chain(limits.OWN_QUESTIONS, repeat(last)):
        yield interval * workflow.random().uniform(0.9, 1.1)
