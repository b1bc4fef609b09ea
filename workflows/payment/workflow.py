"""One payment from order to end: `_story` decides every step; update handlers only submit requests and wait."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.attention import AttentionReason
from domain.errors import ErrorCode
from domain.orders import (
    CancelAnswer,
    CancelRequest,
    Order,
    PaymentEnd,
    PaymentStart,
    PreSettleAnswer,
    SettlementAnswer,
    SettleRequest,
)
from domain.states import SETTLED_STATES, TERMINAL, UNPAID_ENDS, PaymentState, has_reached
from workflows.calls import Moved, NotKept
from workflows.payment.booking import BookingSteps, CannotBook
from workflows.payment.inbox import Inbox, refused
from workflows.payment.look_ahead import LookAhead
from workflows.payment.pre_settlement import PreSettlementSteps
from workflows.payment.progress import Progress
from workflows.payment.reopening import LateMoney, RefundsElsewhere, broken_off
from workflows.payment.reversal import ReversalSteps
from workflows.payment.steps import end_unpaid, open_review, record_end
from workflows.payment.window import ALREADY_PAID, PaymentWindow
from workflows.review.payment_case import PaymentCase
from workflows.review.queue import ReviewHandlers, ReviewQueue
from workflows.review.serving import Review


@workflow.defn(name="PaymentWorkflow")
class PaymentWorkflow(ReviewHandlers):
    """The only writer of a payment (product rule 1). Workflow id: `payment-{hospital}-{medOrgOrd}`."""

    @workflow.init
    def __init__(self, start: PaymentStart) -> None:
        self._progress = Progress(start)
        self._inbox = Inbox(noticed=start.reopened is not None)
        self._look_ahead = LookAhead(self._progress, self._inbox.settle)
        reviewed = start.reopened is not None and start.reopened.state is PaymentState.IN_REVIEW
        self._review = ReviewQueue("订单", start.waiting, is_open=reviewed)

    @workflow.run
    async def run(self, start: PaymentStart) -> PaymentState:  # noqa: ARG002 - `__init__` has it; Temporal wants both
        """Run to the end. A cancellation from the Temporal UI is ignored: it would leave money without an owner."""
        story = asyncio.create_task(self._story())
        while not story.done():
            try:
                await asyncio.shield(story)
            except asyncio.CancelledError:
                workflow.logger.warning("cancellation of a payment refused: it would leave money without an owner")
        return await story

    @workflow.update
    async def pre_settle(self, order: Order) -> PreSettleAnswer:  # noqa: ARG002 - the validator compares it
        """Interface 1: wait for the split. Raises `ApplicationError` with the end's `ErrorCode` if there is none."""
        progress = self._progress
        # The split of a payment to be cancelled is not answered: its payOrdId is about to be revoked.
        await workflow.wait_condition(lambda: self._is_payable() or progress.decided)
        if progress.end is not None:
            raise ApplicationError(progress.end.message, type=progress.end.code.value)
        if progress.patient is None:
            raise AssertionError("pre-settled without a patient")
        return PreSettleAnswer(
            pay_ord_id=progress.pre_settled.pay_ord_id,
            med_org_ord=progress.order.med_org_ord,
            split=progress.pre_settled.split,
            patient_type_id=progress.patient.patient_type_id,
            ipt_otp_no=progress.patient.ipt_otp_no,
            balance_fen=progress.pre_settled.balance_fen,
            si_personal_no=progress.patient.psn_no,
        )

    @pre_settle.validator
    def _same_transaction(self, order: Order) -> None:
        field = self._progress.order.differing_field(order)
        if field is not None:
            message = f"医院订单号(medOrgOrd)已用于另一笔交易: {field} 不一致"
            raise ApplicationError(message, type=ErrorCode.ORDER_CONFLICT.value)

    @workflow.update
    async def settle(self, request: SettleRequest) -> SettlementAnswer:
        """Interface 2: wait until the payment is booked.

        Raises `ApplicationError` with NOT_PAID, PROCESSING, ORDER_CONFLICT or the end's `ErrorCode`.
        """
        progress = self._progress
        with self._inbox.answering():
            ticket = self._inbox.settle.submit(request)
            await workflow.wait_condition(lambda: ticket.refusal is not None or progress.decided)
        if ticket.refusal is not None:
            raise ticket.refusal
        if progress.end is not None:
            raise refused(request, progress.end.code, progress.end.message)
        if progress.visit_id is not None and request.visit_id not in {None, progress.visit_id}:
            raise refused(request, ErrorCode.ORDER_CONFLICT, "该订单已结算, 就诊ID(VISIT_ID)不一致")
        return SettlementAnswer(
            pay_ord_id=progress.pre_settled.pay_ord_id,
            med_org_ord=progress.order.med_org_ord,
            settlement=progress.settled_by_centre,
            visit_id=progress.visit_id or request.visit_id,
        )

    @settle.validator
    def _same_payment(self, request: SettleRequest) -> None:
        """The call must name this payment. A refusal by a validator adds no event to the history."""
        progress = self._progress
        if progress.uploaded is None or progress.pre_settlement is None:
            raise ApplicationError("预结算尚未完成, 请稍后重试", type=ErrorCode.PROCESSING.value)
        if request.pay_ord_id != progress.uploaded.pay_ord_id:
            message = "医院订单号(medOrgOrd)与医保订单号(payOrdId)不对应"
            raise ApplicationError(message, type=ErrorCode.ORDER_CONFLICT.value)
        if request.patient_id != progress.order.patient_id:
            raise ApplicationError("患者ID(PATIENT_ID)与该订单不一致", type=ErrorCode.PATIENT_MISMATCH.value)
        if request.channel not in {None, progress.order.channel}:
            raise ApplicationError("渠道(CHANNEL)与该订单不一致", type=ErrorCode.ORDER_CONFLICT.value)
        self._inbox.check_room()

    @workflow.update
    async def cancel(self, request: CancelRequest) -> CancelAnswer:
        """Cancel before payment: 6301, and if it is not paid 6401.

        Raises `ApplicationError` with BILL_ALREADY_PAID once it is paid, or with PROCESSING while the patient is
        paying: the payment is then still cancelled as soon as it can be.
        """
        progress = self._progress
        with self._inbox.answering():
            ticket = self._inbox.cancel.submit(request)
            await workflow.wait_condition(lambda: ticket.refusal is not None or progress.decided)
        if ticket.refusal is not None:
            raise ticket.refusal
        if progress.end is not None and progress.state is not PaymentState.CANCELLED:
            raise refused(request, progress.end.code, progress.end.message)
        return CancelAnswer(state=progress.state)

    @cancel.validator
    def _not_paid_yet(self, request: CancelRequest) -> None:  # noqa: ARG002 - whoever asks for it
        if has_reached(self._progress.state, PaymentState.PAID):
            raise ApplicationError(ALREADY_PAID, type=ErrorCode.BILL_ALREADY_PAID.value)
        self._inbox.check_room()

    @workflow.signal
    async def notice(self) -> None:
        """A hint (6302) that money may have moved; 6301 decides whether it did."""
        self._inbox.noticed = True

    @workflow.signal
    async def wake(self) -> None:
        """Our row may be ahead of this workflow, since a task of it was lost."""
        self._progress.wake()

    async def _story(self) -> PaymentState:
        """The life of a payment, or what follows its end. Returns the final state."""
        await self._following(self._break_off if self._progress.is_reopened else self._pre_settle)
        while not (self._is_over() and workflow.all_handlers_finished()):
            await self._following(self._next_step)
            if self._is_over():
                await self._look_ahead.forget()
        return self._progress.state

    async def _following(self, part: Callable[[], Awaitable[None]]) -> None:
        """A part of the story, which ends early where our row is ahead, or will never take what became known.

        The story goes on from the row, or in a review.
        """
        try:
            await part()
        except Moved as moved:
            # Whoever waits for a review is told that it is over.
            self._review.close()
            self._inbox.broken_off()
            self._progress.adopt(moved.known)
            await self._look_ahead.forget()
        except NotKept:
            self._review.close()
            self._inbox.broken_off()
            if not self._is(PaymentState.IN_REVIEW):
                await open_review(self._progress, AttentionReason.RECORD_REFUSED)

    async def _next_step(self) -> None:
        if self._is_over():
            await workflow.wait_condition(lambda: workflow.all_handlers_finished() or not self._is_over())
        elif self._is(PaymentState.PRE_SETTLED):
            await PaymentWindow(self._progress, self._inbox, self._look_ahead).run()
        elif self._is(PaymentState.PAID, PaymentState.REGISTERED):
            await self._book_or_reverse()
        elif self._is(PaymentState.REVERSING):
            await ReversalSteps(self._progress).run()
        elif self._is(PaymentState.REVERSED):
            await ReversalSteps(self._progress).clear_up()
        elif self._is(*UNPAID_ENDS):
            await LateMoney(self._progress, self._inbox).run()
        elif self._is(*SETTLED_STATES):
            await RefundsElsewhere(self._progress, self._inbox).run()
        elif self._is(PaymentState.IN_REVIEW):
            await self._wait_for_decision()
        else:
            await self._resume_pre_settlement()

    async def _break_off(self) -> None:
        """End a payment that cannot go on where it is."""
        if not self._is(PaymentState.IN_REVIEW, *TERMINAL):
            await record_end(self._progress, broken_off(self._progress))

    async def _pre_settle(self) -> None:
        self._progress.show("等待医院信息系统核价")
        end = await PreSettlementSteps(self._progress, self._inbox.cancel).run()
        if end is not None:
            await self._end_unpaid(end)

    async def _resume_pre_settlement(self) -> None:
        """A task was lost in it. Its steps get their results as long as there is time; else what was begun is ended."""
        too_late = PreSettlementSteps(self._progress, self._inbox.cancel).too_late()
        if too_late is not None:
            await self._end_unpaid(too_late)
            return
        self._progress.begin_again()
        await self._pre_settle()

    async def _end_unpaid(self, end: PaymentEnd) -> None:
        if await end_unpaid(self._progress, end) is not None:
            await open_review(self._progress, AttentionReason.REVOCATION_REFUSED)

    async def _book_or_reverse(self) -> None:
        try:
            await BookingSteps(self._progress, self._inbox.settle, self._look_ahead).run()
        except CannotBook as cause:
            await ReversalSteps(self._progress, cause.message).run()

    async def _wait_for_decision(self) -> None:
        """A payment under review stays open, found by NeedsAttention, until it is decided (product rule 15)."""
        case = PaymentCase(self._progress, self._inbox.settle, self._review.close)
        await Review(self._review, case, self._progress).run()
        # HIS's answer from before the review is out of date.
        await self._look_ahead.forget()

    def _is_over(self) -> bool:
        """In a final state, and nothing is left to do: no hint to follow up, no reversal to clear up after."""
        follows = UNPAID_ENDS | SETTLED_STATES if self._progress.is_reopened else UNPAID_ENDS
        if (self._is(*follows) and self._inbox.noticed) or self._progress.clear_up_due:
            return False
        return self._is(*TERMINAL)

    def _is(self, *states: PaymentState) -> bool:
        return self._progress.state in states

    def _is_payable(self) -> bool:
        return self._progress.pre_settlement is not None and self._inbox.cancel.wanted is None
