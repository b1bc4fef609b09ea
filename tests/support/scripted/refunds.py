"""The real refund workflow, activities and records on the time-skipping server; centre and HIS by a script."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.call_log import CallLog
from activities.his import His
from activities.records import Records
from activities.refunds import Refunds
from domain.base import PaymentKey
from domain.errors import NotSent, Refused, Unknown
from domain.insurance import OrderReference, OrderStatus, RefundAnswer, RefundStatus, RefundType
from domain.refunds import RefundOrder, RefundStart
from domain.reviews import Command, Decision, Inspection, ReviewAction, ReviewView
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen
from gateways.his.port import HisRefund
from gateways.insurance.port import RefundRequest
from security.crypto.keyring import Keyring
from storage.records import CaseEventRecord, CaseRecord, PaymentFacts, PaymentRecord, RefundRecord
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.recorded import reach
from tests.support.stack.time_skipping import STEPS_MAX, ServersTime, in_time, refusal_of
from tests.support.values.commands import approval, proposal
from tests.support.values.orders import TERMS, outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT
from workflows.refund.workflow import RefundWorkflow
from workflows.sandbox import sandbox
from workflows.start import begin_proposed_refund, refund_operation

T = TypeVar("T")

MADE = RefundAnswer(status=RefundStatus.SUCC, refd_sn="RF1")
EXP = RefundAnswer(status=RefundStatus.EXP)
LOST = Unknown("6203", "reply lost")
DOWN = NotSent("6203", "no connection")
REFUSED = Refused("6203", "支付授权码已过期")
UNSIGNED = Refused("6203", "系统异常", confirmed=False)
SILENT = Unknown("6301", "reply lost")
HIS_DOWN = NotSent("refund", "no connection")
HIS_REFUSES = Refused("refund", "已日结")


class ScriptedSides:
    """Both other sides, as far as a refund asks them. The last answer of each list stays; exceptions are raised."""

    repeats_safely = False

    def __init__(self) -> None:
        self.refunds: list[RefundAnswer | Exception] = [MADE]
        self.ord_stas: list[int | Exception] = [6]
        self.his: list[Exception | None] = [None]
        self.requests: list[RefundRequest] = []
        self.told: list[HisRefund] = []
        self.asked = 0
        self.call_timeout_s = 0.0

    def timeout_s(self, transaction: str) -> float:  # noqa: ARG002 - all the same
        return self.call_timeout_s

    async def refund(self, request: Any) -> Any:  # noqa: ANN401 - 6203 of the centre and `refund` of HIS have one name
        if isinstance(request, HisRefund):
            _next(self.his)
            self.told.append(request)
            return None
        self.requests.append(request)
        return _next(self.refunds)

    async def query_order(self, reference: OrderReference) -> OrderStatus:
        self.asked += 1
        return OrderStatus(pay_ord_id=reference.pay_ord_id, ord_stas=_next(self.ord_stas))

    async def settlement_query(self, med_org_ord: str) -> str:
        return f"S-{med_org_ord}"


def _next(script: list[Any]) -> Any:  # noqa: ANN401 - whatever the script says
    answer = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(answer, Exception):
        raise answer.with_traceback(None)
    return answer


@dataclass
class RefundsAtWork:
    """One worker, one settled payment of 25.70 cash, 25.70 account and 77.10 fund, and the calls of a test."""

    environment: WorkflowEnvironment
    database: Database
    sides: ScriptedSides
    key: PaymentKey
    task_queue: str = field(default_factory=lambda: uuid.uuid4().hex)
    begun: list[RefundOrder] = field(default_factory=list)
    proposals: dict[str, str] = field(default_factory=dict)
    """By refundNo: the id of the last proposal."""

    def order(self, refund_no: str = "R1", **changes: object) -> RefundOrder:
        order = RefundOrder(
            hospital=self.key.hospital,
            med_org_ord=self.key.med_org_ord,
            refund_no=refund_no,
            refund_type=RefundType.ALL,
            pay_auth_no=f"AUTH-{refund_no}",
            reason="退药",
            requested_by="wechat",
        )
        return order.model_copy(update=changes)

    def cash(self, refund_no: str, fen: int) -> RefundOrder:
        return self.order(refund_no, refund_type=RefundType.CASH, amount_fen=Fen(fen))

    async def begin(self, order: RefundOrder, **terms: object) -> WorkflowUpdateHandle[RefundState]:
        self.begun.append(order)
        start = RefundStart(order=order, terms=TERMS.model_copy(update=terms))
        return await self.environment.client.start_update_with_start_workflow(
            RefundWorkflow.refund,
            order,
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            start_workflow_operation=refund_operation(start, self.task_queue),
        )

    async def again(self, order: RefundOrder) -> WorkflowUpdateHandle[RefundState]:
        """The same call once more. Update-with-start of a workflow that runs would hold the test server's clock."""
        accepted = WorkflowUpdateStage.ACCEPTED
        return await self.handle(order).start_update(RefundWorkflow.refund, order, wait_for_stage=accepted)

    async def propose_refund(self, order: RefundOrder, by: str = "anna", **more: str) -> Decision:
        """An operator's refund, as the API begins it."""
        self.begun.append(order)
        start = RefundStart(order=order, terms=TERMS, proposed=True)
        await begin_proposed_refund(self.environment.client, start, self.task_queue, timedelta(seconds=10))
        wish = {"pay_auth_no": order.pay_auth_no, "refund": order.wanted} | more
        return await self.propose(order, ReviewAction.REFUND, by, **wish)

    async def refund(self, order: RefundOrder, step_s: int = 10, **terms: object) -> RefundState:
        return await self.in_time(await self.begin(order, **terms), step_s)

    async def refused(self, order: RefundOrder, step_s: int = 10, **terms: object) -> ApplicationError:
        return await self.failure(await self.begin(order, **terms), step_s)

    async def in_time(self, update: WorkflowUpdateHandle[T], step_s: int = 10) -> T:
        return await in_time(self.environment, update, step_s)

    async def failure(self, update: WorkflowUpdateHandle[Any], step_s: int = 10) -> ApplicationError:
        return await refusal_of(self.in_time(update, step_s))

    async def inspect(self, order: RefundOrder) -> ReviewView:
        update = await self.handle(order).start_update(
            RefundWorkflow.inspect, Inspection(), wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        return await self.in_time(update)

    async def propose(self, order: RefundOrder, action: ReviewAction, by: str = "anna", **more: str) -> Decision:
        decision = await self.send(order, "propose", proposal(action, by, await self.now(), **more))
        self.proposals[order.refund_no] = decision.proposal
        return decision

    async def approve(self, order: RefundOrder, action: ReviewAction, by: str = "bert") -> Decision:
        """Approve the last proposal of this refund."""
        named = self.proposals.get(order.refund_no, "none")
        return await self.send(order, "approve", approval(action, named, by, await self.now()))

    async def send(self, order: RefundOrder, update: str, command: Command, update_id: str | None = None) -> Decision:
        """A person's command, as it is written."""
        sent = await self.handle(order).start_update(
            update, command, wait_for_stage=WorkflowUpdateStage.ACCEPTED, id=update_id, result_type=Decision
        )
        return await self.in_time(sent)

    async def now(self) -> datetime:
        return await self.environment.get_current_time()

    def handle(self, order: RefundOrder) -> WorkflowHandle[RefundWorkflow, RefundState]:
        return self.environment.client.get_workflow_handle_for(RefundWorkflow.run, order.workflow_id)

    async def closed(self, order: RefundOrder, step_s: int = 600) -> RefundState:
        """The end of the workflow, however long it takes."""
        handle = self.handle(order)
        for _ in range(3 * STEPS_MAX):
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                return await handle.result()
            await self.environment.sleep(step_s)
        raise TimeoutError("not ended")

    async def attribute(self, order: RefundOrder, name: str) -> str:
        """Read raw: the test server keeps an unset value as a null that the SDK can't decode."""
        described = await self.handle(order).describe()
        fields = described.raw_description.workflow_execution_info.search_attributes.indexed_fields
        return str(json.loads(fields[name].data)) if name in fields else ""

    async def rows(self, refund_no: str = "R1") -> tuple[PaymentRecord, RefundRecord]:
        async with self.database.read() as unit:
            payment, refund = await unit.payments.find(self.key), await unit.refunds.find(self.key, refund_no)
        assert payment is not None
        assert refund is not None
        return payment, refund

    async def case(self, refund_no: str = "R1") -> tuple[CaseRecord | None, list[CaseEventRecord]]:
        async with self.database.read() as unit:
            return await unit.reviews.find(self.key, refund_no), await unit.reviews.events(self.key, refund_no)

    async def clear(self) -> None:
        """End what is still open: a task that no worker takes would hold the test server's clock for the next test."""
        for order in self.begun:
            handle = self.handle(order)
            try:
                await handle.terminate()
            except RPCError as error:
                # It has ended by itself.
                assert error.status is RPCStatusCode.NOT_FOUND  # noqa: PT017 - any other failure is one


@asynccontextmanager
async def refunds_at_work(environment: WorkflowEnvironment, folder: Path) -> AsyncIterator[RefundsAtWork]:
    url = f"sqlite:///{folder / 'records.db'}"
    upgrade(url)
    async with Database(url, Keyring.generate()) as database:
        order = outpatient(uuid.uuid4().hex[:20])
        key = PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)
        facts = PaymentFacts(
            pay_ord_id="ORD1", pay_token="TOKEN", insured_name="张三", split=SPLIT, settlement=SETTLEMENT
        )
        async with database.begin() as unit:
            await reach(unit, order, PaymentState.SETTLED, facts=facts, at=AT)
        sides: Any = ScriptedSides()
        work = RefundsAtWork(environment, database, sides, key)
        call_log, by_hospital = CallLog(database), {key.hospital: sides}
        groups = [Refunds(call_log, by_hospital), His(call_log, by_hospital), Records(call_log.steps)]
        async with Worker(
            environment.client,
            task_queue=work.task_queue,
            workflows=[RefundWorkflow],
            activities=[each for group in groups for each in group.activities()],
            workflow_runner=sandbox(),
            interceptors=[ServersTime(environment)],
        ):
            yield work
            await work.clear()
