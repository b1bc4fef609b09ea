"""One run: a hospital, its other sides, its payments. Steps act on it; every wait in it is bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.base import Frozen, PaymentKey
from domain.orders import (
    CancelRequest,
    CashRefundedBy,
    Category,
    Order,
    PaymentStart,
    PaymentTerms,
    Registers,
    SettleRequest,
)
from domain.refunds import RefundOrder
from domain.states import SETTLED_STATES, TERMINAL, PaymentState
from domain.values.fen import Fen
from gateways.his.http import HttpHospitalSystem
from gateways.insurance.profile import CentreProfile
from simulator.insurance.orders import CentreOrder
from storage.records import PaymentRecord
from tests.property.answers import all_answered, shown_state
from tests.property.sides.centre import CentreSide
from tests.property.sides.faults import Faults
from tests.property.sides.his import HisSide
from tests.property.stage import RECORDS, Stage, pauses
from tests.support.stack.time_skipping import by_servers_time
from tests.support.values import orders
from workflows.payment.workflow import PaymentWorkflow
from workflows.start import start_operation

RPC_TIMEOUT = timedelta(seconds=10)
OVERDUE = timedelta(hours=1)
MOMENT_S = 1
"""Of the server's time, which it skips once nothing is under way: enough for everything that needs no waiting."""

BILLS = {"900000": Fen(1), "907629": Fen(7630), "912849": Fen(12850)}
"""Prescriptions that exist for whoever asks, and their prices: 1 fen has no insurance part."""

CLINICS = {"200001": Fen(2500), "200002": Fen(5000)}
PATIENT, VISIT, ANOTHERS_VISIT = "100001", "V1", "V2"


class HospitalSpec(Frozen):
    """How the run's hospital and centre are set up."""

    registers: Registers = Registers.MEDPAY
    cash_refunded_by: CashRefundedBy = CashRefundedBy.CENTRE
    repeated_upload: Literal["same_order", "refused"] = "same_order"
    full_refund: Literal["refunded", "by_kind"] = "refunded"


class OrderSpec(Frozen):
    """What is ordered: prescriptions, or a registration where there is a clinic."""

    bills: tuple[str, ...] = ()
    clinic: str | None = None
    names_visit: bool = False

    def order(self, hospital: str, med_org_ord: str) -> Order:
        facts = {"hospital": hospital, "visit_id": VISIT if self.names_visit else None}
        if self.clinic is not None:
            total = CLINICS[self.clinic]
            return orders.registration(med_org_ord, total_fen=total, clinic_id=self.clinic, **facts)
        total = Fen(sum(BILLS[bill] for bill in self.bills))
        return orders.outpatient(med_org_ord, total_fen=total, order_ids=self.bills, **facts)


class Run:
    """`orders`: the payments that may be made, by their place. `refunds`: those asked for, by workflow id.

    `paid_late`: the medOrgOrds that were paid when the centre had closed them; `hinted`: those we were told of.
    """

    def __init__(self, stage: Stage, name: str, hospital: HospitalSpec, specs: tuple[OrderSpec, ...]) -> None:
        self.stage = stage
        self.orders = [spec.order(name, f"{name}-{place}") for place, spec in enumerate(specs)]
        self.begun: set[str] = set()
        self.refunds: dict[str, RefundOrder] = {}
        self.paid_late: set[str] = set()
        self.hinted: set[str] = set()
        self.callers_visits: dict[str, str] = {}
        self.faults = Faults()
        self.calm = False
        profile = CentreProfile(url="", platform_public_key="-", cash_refunded_by=hospital.cash_refunded_by)
        self.hospital = hospital
        habits = hospital.model_dump(include={"repeated_upload", "full_refund"})
        self.centre = CentreSide(profile, self.faults, **habits)
        self.his = HisSide(self.faults)
        stage.centres[name] = self.centre
        stage.systems[name] = HttpHospitalSystem(self.his, "")
        stage.database.faults = self.faults

    @property
    def terms(self) -> PaymentTerms:
        changes = {"registers": self.hospital.registers, "cash_refunded_by": self.hospital.cash_refunded_by}
        return orders.TERMS.model_copy(update=changes)

    def order(self, place: int) -> Order:
        return self.orders[place % len(self.orders)]

    def at_centre(self, order: Order) -> CentreOrder | None:
        return self.centre.books.orders.of_hospital(order.med_org_ord)

    async def moment(self, seconds: int = MOMENT_S) -> None:
        """Let the server's time pass, and with it all that is due; and what that has set going come to a pause.

        On a busy machine the worker may get its task only after the server's time has passed.
        """
        await self.stage.environment.sleep(seconds)
        await pauses(self.stage, [self.handle(order) for order in self.begun_orders()])
        await by_servers_time(self.stage.environment)
        self.centre.on_its_way.deliver()
        self.his.on_its_way.deliver()

    async def row(self, order: Order) -> PaymentRecord | None:
        key = PaymentKey(hospital=order.hospital, med_org_ord=order.med_org_ord)
        async with self.stage.database.read() as unit:
            return await unit.payments.find(key)

    async def pre_settle(self, order: Order) -> None:
        """Interface 1, as the API has it: a payment whose row is at an end is not started again."""
        row = await self.row(order)
        if row is not None and row.state in TERMINAL:
            return
        self.begun.add(order.med_org_ord)
        start = PaymentStart(order=order, terms=self.terms)
        await self.told(
            self.stage.client.start_update_with_start_workflow(
                PaymentWorkflow.pre_settle,
                order,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                start_workflow_operation=start_operation(start, self.stage.task_queue),
                id=f"pre-settle-{order.med_org_ord}",
                rpc_timeout=RPC_TIMEOUT,
            )
        )

    async def settle(self, order: Order, visit_id: str | None) -> None:
        """Interface 2, once 6201 has told its payOrdId to the caller."""
        known = self.at_centre(order)
        if known is None or order.med_org_ord not in self.begun:
            return
        request = SettleRequest(
            hospital=order.hospital,
            med_org_ord=order.med_org_ord,
            pay_ord_id=known.pay_ord_id,
            patient_id=order.patient_id,
            visit_id=visit_id,
        )
        await self.told(
            self.handle(order).start_update(
                PaymentWorkflow.settle,
                request,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=RPC_TIMEOUT,
            )
        )

    async def cancel(self, order: Order) -> None:
        """The caller withdraws."""
        if order.med_org_ord not in self.begun:
            return
        request = CancelRequest(hospital=order.hospital, med_org_ord=order.med_org_ord, by="caller")
        await self.told(
            self.handle(order).start_update(
                PaymentWorkflow.cancel,
                request,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=RPC_TIMEOUT,
            )
        )

    async def told(self, call: Any) -> None:  # noqa: ANN401 - any of the client's calls
        """A refusal, or a payment that is over, is an answer; anything else is the harness's own failure."""
        try:
            await call
        except (WorkflowUpdateFailedError, WorkflowAlreadyStartedError):
            return
        except RPCError as error:
            if error.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}:
                raise

    def handle(self, order: Order) -> WorkflowHandle[PaymentWorkflow, PaymentState]:
        return self.stage.client.get_workflow_handle_for(PaymentWorkflow.run, order.workflow_id)

    async def is_running(self, order: Order) -> bool:
        described = await self.handle(order).describe(rpc_timeout=RPC_TIMEOUT)
        return described.status is WorkflowExecutionStatus.RUNNING

    async def at_rest(self) -> bool:
        """Whether every payment is over or waits for a person."""
        return all([await self._rests(order) for order in self.begun_orders()])

    async def _rests(self, order: Order) -> bool:
        row = await self.row(order)
        # The row is written a moment before the workflow has come there.
        if row is None or await shown_state(self.handle(order)) != shown_of(row.state):
            return False
        if row.state is PaymentState.IN_REVIEW:
            return await all_answered(self.handle(order))
        return not await self.is_running(order)

    async def server_lost_count(self) -> bool:
        """Whether an activity is still tried that should have timed out: under load the test server may forget to.

        Temporal's own server never tries one again that is past its schedule-to-close time.
        """
        now = await self.stage.environment.get_current_time()
        for order in self.begun_orders():
            handle = self.handle(order)
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            pending = {each.activity_id for each in described.raw_description.pending_activities}
            async for event in handle.fetch_history_events():
                scheduled = event.activity_task_scheduled_event_attributes
                limit = scheduled.schedule_to_close_timeout.ToTimedelta()
                if scheduled.activity_id in pending and limit and now > _aware(event) + limit + OVERDUE:
                    return True
        return False

    def begun_orders(self) -> list[Order]:
        return [order for order in self.orders if order.med_org_ord in self.begun]

    async def close(self) -> None:
        """End what is still open: a task that no worker takes would hold the server's clock for the next run."""
        self.faults.clear()
        for order in self.begun_orders():
            if await self.is_running(order):
                await self.handle(order).terminate(rpc_timeout=RPC_TIMEOUT)
        self.centre.close()
        self.his.close()
        name = self.orders[0].hospital
        del self.stage.centres[name], self.stage.systems[name]


def _aware(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)


def is_registration(order: Order) -> bool:
    return order.category is Category.REGISTRATION


def shown_of(state: PaymentState) -> str:
    """What the payment's workflow says where its row says `state`: refunds show in the row alone."""
    return PaymentState.SETTLED.value if state in SETTLED_STATES else state.value


__all__ = ["RECORDS", "HospitalSpec", "OrderSpec", "Run", "is_registration", "shown_of"]
