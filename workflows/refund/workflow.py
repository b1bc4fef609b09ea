"""One refund of a settled payment: `_story` decides every step; update handlers only wait."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.errors import PaymentError
from domain.refunds import RefundOrder, RefundStart, check_same_refund
from domain.states import REFUND_DONE, RefundState
from workflows.refund.progress import RefundProgress
from workflows.refund.steps import reserve, send_money, tell_his
from workflows.review.queue import Review, ReviewHandlers, ReviewQueue
from workflows.review.refund_case import RefundCase


@workflow.defn(name="RefundWorkflow")
class RefundWorkflow(ReviewHandlers):
    """The only writer of a refund. Workflow id: `refund-{hospital}-{medOrgOrd}:{refundNo}`."""

    @workflow.init
    def __init__(self, start: RefundStart) -> None:
        self._progress = RefundProgress(start)
        self._review = ReviewQueue("退款")

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
        try:
            check_same_refund(order, progress.order.refund_type, progress.amount_fen)
        except PaymentError as error:
            raise ApplicationError(error.message, type=error.code.value) from error

    async def _story(self) -> RefundState:
        """The life of a refund. Returns the final state."""
        if await reserve(self._progress):
            await send_money(self._progress)
        if self._progress.state is RefundState.IN_REVIEW:
            await Review(self._review, RefundCase(self._progress)).run()
        if self._progress.state in REFUND_DONE:
            await tell_his(self._progress)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._progress.state
