"""The updates and signals that the API sends to payments."""

from datetime import timedelta

from api.temporal import delivered
from api.updates import JoinedUpdates, Question
from domain.ids import payment_workflow_id
from domain.orders import (
    CancelAnswer,
    CancelRequest,
    PaymentStart,
    PreSettleAnswer,
    SettlementAnswer,
    SettleRequest,
)
from domain.states import PaymentState
from workflows.payment.workflow import PaymentWorkflow
from workflows.start import reopen, start_operation

_SIGNAL_WAIT = timedelta(seconds=5)


class PaymentWorkflows(JoinedUpdates):
    """Methods raise as those of `JoinedUpdates`."""

    async def pre_settle(self, start: PaymentStart, fingerprint: str) -> PreSettleAnswer:
        """Start the payment, or join it if it is running, and wait for its split."""
        operation = start_operation(start, self.task_queue)
        return await self.start(operation, PaymentWorkflow.pre_settle, start.order, f"pre-settle-{fingerprint}")

    def settling(self, request: SettleRequest) -> Question:
        """What asks the payment to settle."""
        return self.question(request.workflow_id, "settle", request)

    def cancelling(self, request: CancelRequest) -> Question:
        """What asks the payment to withdraw."""
        return self.question(payment_workflow_id(request.hospital, request.med_org_ord), "cancel", request)

    async def settle(self, question: Question, number: int) -> SettlementAnswer:
        """Ask the payment to settle. `number`: as of `ask`."""
        return await self.ask(question, SettlementAnswer, number)

    async def cancel(self, question: Question, number: int) -> PaymentState:
        """Ask the payment to withdraw; its state afterwards. `number`: as of `ask`."""
        return (await self.ask(question, CancelAnswer, number)).state

    async def notice(self, workflow_id: str) -> None:
        """Hint to the payment that something happened at the centre."""
        client = await self._link.client()
        handle = client.get_workflow_handle(workflow_id)
        await delivered(handle.signal(PaymentWorkflow.notice, rpc_timeout=_SIGNAL_WAIT), _SIGNAL_WAIT)

    async def reopen(self, start: PaymentStart) -> None:
        """Start a closed payment again, or hint to it if it is running."""
        client = await self._link.client()
        await delivered(reopen(client, start, self.task_queue, _SIGNAL_WAIT), _SIGNAL_WAIT)
