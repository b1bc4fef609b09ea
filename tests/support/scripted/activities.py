"""Activities that answer by a script: the workflow's own tests need other sides that fail at a chosen moment.

Each name has a list of answers; the last one stays. An exception in it is raised. `asked` is what was called, in order.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import NoneType
from typing import Any, TypeVar

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.contract.base import MOVED, Step
from activities.contract.centre import (
    AskOrder,
    CentreActivities,
    OrderAnswer,
    PlaceOrder,
    Reverse,
    Reversed,
    Revoked,
    RevokeOrder,
    UploadFees,
)
from activities.contract.his import (
    Booking,
    BookPayment,
    CancelRegistration,
    FindBooking,
    HisActivities,
    PriceBill,
    PricedBill,
    TellRefund,
)
from activities.contract.records import (
    BillLockActivities,
    GivenUp,
    GiveUp,
    LockBills,
    LockedBills,
    NoteCase,
    RecordActivities,
    RecordEnd,
    RecordLook,
    RecordReversing,
    ResolveCase,
    UseCommand,
    WithdrawHolder,
)
from activities.in_flight import InFlight
from activities.reporting import Declaration, refusal
from activities.step_log import key_of_step
from domain import insurance, orders
from domain.bills import Bill
from domain.errors import ErrorCode, Outcome
from domain.insurance import OrderStatus, SetlType, UploadedFees
from domain.reviews import CommandVerdict
from domain.states import PaymentState
from storage.records import StepKey
from tests.support.values.orders import SPLIT, bill_of
from workflows.payment.workflow import PaymentWorkflow
from workflows.sandbox import sandbox

T = TypeVar("T")

HIS_DOWN = ApplicationError("HIS does not answer", type="not_sent")
HIS_SILENT = ApplicationError("HIS's reply was lost", type="unknown")
HIS_REFUSES = refusal(ErrorCode.HIS_REFUSED, "科室已停诊")
CENTRE_DOWN = ApplicationError("the centre does not answer", type="not_sent")
CENTRE_SILENT = ApplicationError("the centre's reply was lost", type="unknown")
CENTRE_REFUSES = refusal(ErrorCode.INSURANCE_REFUSED, "预结算金额不匹配")


def paid(clock: datetime, *, consistent: bool = True, hour: timedelta = timedelta(hours=1)) -> OrderAnswer:
    settlement = insurance.Settlement(
        trace_time=clock,
        setl_type=SetlType.ALL,
        split=SPLIT,
        revs_token="REVS",
        reversal_deadline=clock + hour,
    )
    status = OrderStatus(pay_ord_id="ORD1", ord_stas=6, split=SPLIT, trace_time=clock, revs_token="REVS")
    return OrderAnswer(status=status, settlement=settlement, consistent=consistent)


def waiting(ord_stas: int = 1) -> OrderAnswer:
    return OrderAnswer(status=OrderStatus(pay_ord_id="ORD1", ord_stas=ord_stas))


def moved(known: orders.KnownPayment) -> ApplicationError:
    """The payment's row is elsewhere: how an activity says so."""
    return ApplicationError("the payment's row is ahead", known, type=MOVED, non_retryable=True)


class _Kept:
    """What the step log does, without a database: a step that is taken again gets its result, or joins its call."""

    def __init__(self) -> None:
        self._results: dict[StepKey, Any] = {}
        self._told: dict[StepKey, str | None] = {}
        self._in_flight = InFlight[Any]()

    async def run(self, declaration: Declaration, step: Step, work: Callable[[], Awaitable[T]]) -> T:
        key = key_of_step(step)
        if key in self._results:
            kept: T = self._results[key]
            return kept

        async def keeping() -> T:
            try:
                made = await work()
            except ApplicationError as error:
                self._told[key] = error.type
                raise
            if declaration.adopted:
                self._results[key] = made
            return made

        result: T = await self._in_flight.join(key, keeping)
        return result

    def misplaced(self, workflow_id: str) -> None:
        raise AssertionError(f"a step found elsewhere: {workflow_id}")

    def given_up(self, step: GiveUp) -> GivenUp:
        """As the database would have it: a call that left may have arrived."""
        key = key_of_step(step).model_copy(update={"name": step.given_up, "number": step.of_number})
        if self._told.get(key) == Outcome.NOT_SENT:
            return GivenUp(outcome=Outcome.NOT_SENT)
        return GivenUp(outcome=Outcome.UNKNOWN)


class Script(HisActivities, CentreActivities, BillLockActivities, RecordActivities):
    def __init__(self) -> None:
        self.keeper = self._kept = _Kept()
        self.asked: list[str] = []
        self.recorded: list[orders.PaymentEnd] = []
        self.payments: list[BookPayment] = []
        self.withdrawn: list[str] = []
        self.reversals: list[Reverse] = []
        self.noted: list[NoteCase] = []
        self.commands: list[UseCommand] = []
        self.resolved: list[ResolveCase] = []
        self.questions: list[AskOrder] = []
        self.answers: dict[str, list[Any]] = {
            "find_booking": [Booking()],
            "register": [Booking(visit_id="V900")],
            "settle": [Booking(settlement_no="S1")],
            "cancel_registration": [None],
            "upload_fees": [UploadedFees(pay_ord_id="ORD1", pay_token="TOKEN", mdtrt_id="MD1")],
            "ask_order": [waiting()],
            "revoke_order": [Revoked(ord_stas=12)],
            "reverse": [Reversed(refd_sn="R1")],
            "record_end": [None],
            "record_reversing": [None],
            "look_at_record": [RecordLook(state=PaymentState.PAID)],
            "lock_bills": [LockedBills()],
            "withdraw_holder": [None],
            "tell_refund": [None],
            "use_command": [CommandVerdict.ACCEPTED],
            "record_case_event": [None],
            "record_resolution": [None],
        }
        self.held_by: str | None = None
        self._acts: dict[str, Callable[[], Awaitable[object]]] = {}

    def worker(self, client: Client, task_queue: str, **options: Any) -> Worker:
        """Of payments whose other sides follow this script."""
        return Worker(
            client,
            task_queue=task_queue,
            workflows=[PaymentWorkflow],
            activities=self.activities(),
            workflow_runner=sandbox(),
            **options,
        )

    def on(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Do this once, while that activity runs, before it answers. `ask_order_again`: as a remote one."""
        self._acts[name] = act

    def will(self, name: str, *answers: object) -> None:
        self.answers[name] = list(answers)

    def _next(self, name: str, kind: type[T]) -> T:
        self.asked.append(name)
        script = self.answers[name]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        assert isinstance(answer, kind)
        return answer

    async def _act(self, name: str) -> None:
        if act := self._acts.pop(name, None):
            await act()

    async def price_bill(self, step: PriceBill) -> PricedBill:
        await self._act("price_bill")
        self.answers.setdefault("price_bill", [bill_of(step.order)])
        answer = self._next("price_bill", Bill)
        return PricedBill(patient=answer.patient, fees=answer.fees, held_by=self.held_by)

    async def find_booking(self, step: FindBooking) -> Booking:  # noqa: ARG002 - scripted
        await self._act("find_booking")
        return self._next("find_booking", Booking)

    async def register(self, step: BookPayment) -> Booking:
        self.payments.append(step)
        return self._next("register", Booking)

    async def settle(self, step: BookPayment) -> Booking:
        await self._act("settle")
        self.payments.append(step)
        return self._next("settle", Booking)

    async def cancel_registration(self, step: CancelRegistration) -> None:  # noqa: ARG002 - scripted
        self._next("cancel_registration", NoneType)

    async def tell_refund(self, step: TellRefund) -> None:  # noqa: ARG002 - scripted
        self._next("tell_refund", NoneType)

    async def upload_fees(self, step: UploadFees) -> UploadedFees:  # noqa: ARG002 - scripted
        await self._act("upload_fees")
        return self._next("upload_fees", UploadedFees)

    async def place_order(self, step: PlaceOrder) -> insurance.PreSettlement:
        default = insurance.PreSettlement(
            pay_ord_id="ORD1",
            split=SPLIT,
            balance_fen=None,
            window_ends_at=activity.info().current_attempt_scheduled_time + timedelta(seconds=step.payment_window_s),
        )
        self.answers.setdefault("place_order", [default])
        return self._next("place_order", insurance.PreSettlement)

    async def ask_order(self, step: AskOrder) -> OrderAnswer:
        self.questions.append(step)
        await self._act("ask_order")
        if not activity.info().is_local:
            await self._act("ask_order_again")
        answer = self._next("ask_order", object)
        if isinstance(answer, OrderAnswer):
            return answer
        return paid(step.accepted_at, hour=timedelta(seconds=step.reversal_window_s))

    async def revoke_order(self, step: RevokeOrder) -> Revoked:  # noqa: ARG002 - scripted
        await self._act("revoke_order")
        return self._next("revoke_order", Revoked)

    async def reverse(self, step: Reverse) -> Reversed:
        self.reversals.append(step)
        answer = self._next("reverse", Reversed)
        self.recorded.append(step.end)
        return answer

    async def record_end(self, step: RecordEnd) -> None:
        await self._act("record_end")
        self._next("record_end", NoneType)
        self.recorded.append(step.end)

    async def record_reversing(self, step: RecordReversing) -> None:  # noqa: ARG002 - scripted
        self._next("record_reversing", NoneType)

    async def look_at_record(self, step: Step) -> RecordLook:  # noqa: ARG002 - scripted
        return self._next("look_at_record", RecordLook)

    async def give_up(self, step: GiveUp) -> GivenUp:
        return self._kept.given_up(step)

    async def lock_bills(self, step: LockBills) -> LockedBills:  # noqa: ARG002 - scripted
        return self._next("lock_bills", LockedBills)

    async def withdraw_holder(self, step: WithdrawHolder) -> None:
        self.withdrawn.append(step.holder)
        self._next("withdraw_holder", NoneType)

    async def known_payment(self, step: Step) -> orders.KnownPayment:  # noqa: ARG002 - scripted
        return self._next("known_payment", orders.KnownPayment)

    async def use_command(self, step: UseCommand) -> CommandVerdict:
        self.commands.append(step)
        return self._next("use_command", CommandVerdict)

    async def record_case_event(self, step: NoteCase) -> None:
        self._next("record_case_event", NoneType)
        self.noted.append(step)

    async def record_resolution(self, step: ResolveCase) -> None:
        self._next("record_resolution", NoneType)
        self.resolved.append(step)
