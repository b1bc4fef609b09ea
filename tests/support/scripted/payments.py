"""The real payment workflow on the time-skipping server; every activity answers by a script."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from domain.orders import (
    CancelAnswer,
    CancelRequest,
    Order,
    PaymentStart,
    PreSettleAnswer,
    SettlementAnswer,
    SettleRequest,
)
from domain.states import PaymentState
from security.crypto.payload_codec import data_converter
from tests.support.scripted.activities import Script
from tests.support.stack.api_server import ApiServer
from tests.support.stack.time_skipping import STEPS_MAX, in_time
from workflows.payment.workflow import PaymentWorkflow
from workflows.start import start_operation

T = TypeVar("T")


@dataclass
class PaymentsAtWork:
    """One worker with its script, and the calls that a test makes."""

    environment: WorkflowEnvironment
    script: Script
    task_queue: str = field(default_factory=lambda: uuid.uuid4().hex)
    begun: list[str] = field(default_factory=list)

    async def pre_settle(self, start: PaymentStart, step_s: int = 30) -> PreSettleAnswer:
        return await self.answer(await self.begin(start), step_s)

    async def settle(self, request: SettleRequest, step_s: int = 30) -> SettlementAnswer:
        return await self.answer(await self.begin_settle(request), step_s)

    async def begin_settle(self, request: SettleRequest) -> WorkflowUpdateHandle[SettlementAnswer]:
        """A settle call that is accepted and not yet answered."""
        handle = self.handle(request.workflow_id)
        accepted = WorkflowUpdateStage.ACCEPTED
        return await handle.start_update(PaymentWorkflow.settle, request, wait_for_stage=accepted)

    async def cancel(self, order: Order, step_s: int = 30) -> str:
        return (await self.answer(await self.begin_cancel(order), step_s)).state.value

    async def begin_cancel(self, order: Order) -> WorkflowUpdateHandle[CancelAnswer]:
        """A cancel that is accepted and not yet answered."""
        request = CancelRequest(hospital=order.hospital, med_org_ord=order.med_org_ord, by="backend")
        handle = self.handle(order.workflow_id)
        accepted = WorkflowUpdateStage.ACCEPTED
        return await handle.start_update(PaymentWorkflow.cancel, request, wait_for_stage=accepted)

    async def begin(self, start: PaymentStart) -> WorkflowUpdateHandle[PreSettleAnswer]:
        """Interface 1, without waiting for the answer."""
        self.begun.append(start.order.workflow_id)
        return await self.environment.client.start_update_with_start_workflow(
            PaymentWorkflow.pre_settle,
            start.order,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            start_workflow_operation=start_operation(start, self.task_queue),
            id=f"pre-settle-{start.order.med_org_ord}",
        )

    async def answer(self, update: WorkflowUpdateHandle[T], step_s: int = 30) -> T:
        return await in_time(self.environment, update, step_s)

    def handle(self, workflow_id: str) -> WorkflowHandle[PaymentWorkflow, PaymentState]:
        return self.environment.client.get_workflow_handle_for(PaymentWorkflow.run, workflow_id)

    async def result(self, start: PaymentStart, step_s: int = 120) -> PaymentState:
        """The end of the payment, however long it takes."""
        handle = self.handle(start.order.workflow_id)
        for _ in range(STEPS_MAX):
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return await handle.result()
            await self.environment.sleep(step_s)
        raise TimeoutError(f"not ended after {STEPS_MAX * step_s} s")

    async def clear(self) -> None:
        """End what is still open: a task that no worker takes would hold the test server's clock for the next test."""
        for workflow_id in self.begun:
            handle = self.handle(workflow_id)
            if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                # It may close just now.
                with suppress(RPCError):
                    await handle.terminate()

    async def state(self, start: PaymentStart) -> str:
        return await self._attribute(start, "PaymentState")

    async def attention(self, start: PaymentStart) -> str:
        return await self._attribute(start, "AttentionReason")

    async def _attribute(self, start: PaymentStart, name: str) -> str:
        """Read raw: the test server keeps an unset datetime as a null that the SDK can't decode."""
        described = await self.handle(start.order.workflow_id).describe()
        fields = described.raw_description.workflow_execution_info.search_attributes.indexed_fields
        return str(json.loads(fields[name].data))


@asynccontextmanager
async def working(api: ApiServer) -> AsyncIterator[Script]:
    """The script that a worker of this API's payments follows."""
    script = Script()
    client = await Client.connect(api.settings.temporal_address, data_converter=data_converter(api.keyring))
    async with script.worker(client, api.settings.task_queue):
        yield script
