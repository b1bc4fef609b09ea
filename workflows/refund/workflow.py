"""One refund of a settled payment: `_story` decides every step; update handlers only wait."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode, PaymentError
from domain.refunds import RefundOrder, RefundStart, check_same_refund
from domain.states import REFUND_DONE, RefundState
from workflows.limits import PROPOSED_REFUND_SERVES
from workflows.refund.progress import RefundProgress
from workflows.refund.steps import end_proposal, open_proposal, reserve, send_money, tell_his
from workflows.review.proposed_refund import ProposedRefund
from workflows.review.queue import ReviewHandlers, ReviewQueue
from workflows.review.refund_case import RefundCase
from workflows.review.serving import Review


@workflow.defn(name="RefundWorkflow")
class RefundWorkflow(ReviewHandlers):
    """The only writer of a refund. Workflow id: `refund-{hospital}-{medOrgOrd}:{refundNo}`."""

    @workflow.init
    def __init__(self, start: RefundStart) -> None:
        self._progress = RefundProgress(start)
        # What comes with the start of the workflow comes before anything is done.
        self._review = ReviewQueue("退款", start.waiting, is_open=start.proposed or start.reviewed is not None)

    @workflow.run
    async def run(self, start: RefundStart) -> RefundState:  # noqa: ARG002 - `__init__` has it; Temporal wants both
        """Run to the end. A cancellation from the Temporal UI is ignored: it would leave money without an owner."""
        story = asyncio.create_task(self._story())
        while not story.done():
            try:
                await asyncio.shield(story)
            except asyncio.CancelledError:
                workflow.logger.warning("cancellation of a refund refused: it would leave money without an owner")
        return await story

    @workflow.update
    async def refund(self, order: RefundOrder) -> RefundState:  # noqa: ARG002 - the validator compares it
        """Wait for the refund's end. Raises `ApplicationError` with its `ErrorCode` unless it succeeded."""
        progress = self._progress
        await workflow.wait_condition(lambda: progress.decided)
        if progress.end is not None and progress.end.code is not None:
            raise ApplicationError(progress.end.message, type=progress.end.code.value)
        return progress.state

    @refund.validator
    def _same_refund(self, order: RefundOrder) -> None:
        progress = self._progress
        if progress.state is RefundState.PROPOSED:
            message = "该退款单号(refundNo)的退款由操作人提议, 待另一人复核; 如需另行退款请用新的退款单号"
            raise ApplicationError(message, type=ErrorCode.REFUND_CONFLICT.value)
        try:
            check_same_refund(order, progress.order.refund_type, progress.amount_fen)
        except PaymentError as error:
            raise ApplicationError(error.message, type=error.code.value) from error

    async def _story(self) -> RefundState:
        """The life of a refund. Returns the final state."""
        if self._progress.state is RefundState.PROPOSED:
            await self._wait_for_approval()
        if self._progress.state is RefundState.REFUNDING and await reserve(self._progress):
            await send_money(self._progress)
        if self._progress.state is RefundState.IN_REVIEW:
            await Review(self._review, RefundCase(self._progress)).run()
        if self._progress.state in REFUND_DONE:
            await tell_his(self._progress)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._progress.state

    async def _wait_for_approval(self) -> None:
        """REFUNDING once a second person has approved it, or REFUND_FAILED."""
        until = workflow.now() + PROPOSED_REFUND_SERVES
        if not await open_proposal(self._progress, until):
            self._review.close()
            return
        await Review(self._review, ProposedRefund(self._progress, until), until=until).run()
        await end_proposal(self._progress)
