"""The starts and updates that the API sends to refunds."""

from datetime import timedelta

from api.reviews.service import ReviewWorkflows
from api.temporal import delivered
from domain.refunds import RefundOrder, RefundStart
from domain.reviews import Decision, Proposal
from domain.states import RefundState
from workflows.refund.workflow import RefundWorkflow
from workflows.start import begin_proposed_refund, refund_operation

_START_WAIT = timedelta(seconds=5)


class RefundWorkflows(ReviewWorkflows):
    """Methods raise as those of `JoinedUpdates`."""

    async def refund(self, start: RefundStart, fingerprint: str) -> RefundState:
        """Start a caller's refund, or join it if it is running, and wait for its end."""
        operation = refund_operation(start, self.task_queue)
        return await self.start(operation, RefundWorkflow.refund, start.order, f"refund-{fingerprint}")

    async def propose_refund(self, order: RefundOrder, start: RefundStart, proposal: Proposal) -> Decision:
        """Start an operator's refund, or find it waiting, and propose it to a second person."""
        client = await self._link.client()
        begun = begin_proposed_refund(client, start, self.task_queue, _START_WAIT)
        await delivered(begun, _START_WAIT)
        return await self.propose(order.workflow_id, proposal)
