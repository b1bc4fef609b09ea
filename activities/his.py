"""Calls to the hospital information system."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import NoReturn, TypeVar

from activities.call_log import CallLog, Questions, Repeat, nothing_to_ask
from activities.contract.base import Step
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
from activities.step_log import Decision, Finished, move
from domain.bills import Bill
from domain.errors import ErrorCode, PaymentError, Refused, RemoteCallError, Transaction
from domain.orders import Category, Order, bills_of, check_bill
from domain.states import PaymentState
from gateways.his.port import (
    BILL_ALREADY_PAID,
    BILL_NOT_FOUND,
    CLINIC_NOT_FOUND,
    PATIENT_NOT_FOUND,
    VISIT_NOT_FOUND,
    HisRefund,
    HospitalSystem,
    Registration,
)
from gateways.http import shown
from storage.evidence.steps import NOTHING
from storage.records import EarlierCall, PaymentFacts

R = TypeVar("R")

_REFUSALS = {
    PATIENT_NOT_FOUND: (ErrorCode.PATIENT_MISMATCH, "医院没有该患者ID(PATIENT_ID)"),
    CLINIC_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该号类ID(CLINIC_ID)"),
    BILL_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该处方ID(ORDER_ID)"),
    BILL_ALREADY_PAID: (ErrorCode.BILL_ALREADY_PAID, "处方ID(ORDER_ID)已在医院缴费"),
}
_NUMBER_TAKEN = "医院订单号(medOrgOrd)已由共用同一医保账户的另一家医院使用, 未发生扣款, 请用新的医院订单号重新下单"


class His(HisActivities):
    """`systems`: by hospital."""

    def __init__(self, call_log: CallLog, systems: Mapping[str, HospitalSystem]) -> None:
        self.keeper = self._steps = call_log.steps
        self._call_log = call_log
        self._database = call_log.database
        self._systems = systems

    async def price_bill(self, step: PriceBill) -> PricedBill:
        try:
            await self._steps.check(step)
        except Finished as finished:
            return await self._priced_before(step, finished)
        async with self._call_log.asking(step) as questions:
            try:
                bill = await self._price(step.order, questions)
                async with questions.deciding(step) as decision:
                    priced = await _record_priced(decision, step, bill)
                    decision.result = _without_lines(priced).model_dump_json()
            except (RemoteCallError, PaymentError):
                async with questions.done() as asked:
                    await asked.unit.payments.receive(step.order, step.accepted_at)
                raise
        return priced

    async def find_booking(self, step: FindBooking) -> Booking:
        async with self._call_log.asking(step) as questions:
            booking = await self._find(step, questions)
            if step.record and booking.settlement_no is not None:
                async with questions.done() as answered:
                    await _record_booking(answered, step, booking)
        return booking

    async def register(self, step: BookPayment) -> Booking:
        repeat = self._repeat(step, Transaction.REGISTER, partial(self._find_visit, step))
        async with self._call_log.leaving(step, Transaction.REGISTER, repeat=repeat) as call:
            booking = Booking(visit_id=await self._systems[step.hospital].register(step))
            async with call.done(booking) as done:
                await _record_booking(done, step, booking)
        return booking

    async def settle(self, step: BookPayment) -> Booking:
        repeat = self._repeat(step, Transaction.SETTLE, partial(self._find_settlement, step))
        async with self._call_log.leaving(step, Transaction.SETTLE, repeat=repeat) as call:
            settlement_no = await self._systems[step.hospital].settle(step)
            booking = Booking(visit_id=step.visit_id, settlement_no=settlement_no)
            async with call.done(booking) as done:
                await _record_booking(done, step, booking)
        return booking

    async def cancel_registration(self, step: CancelRegistration) -> None:
        repeat = self._repeat(step, Transaction.CANCEL_REGISTRATION, partial(self._find_no_visit, step))
        his = self._systems[step.hospital]
        async with self._call_log.leaving(step, Transaction.CANCEL_REGISTRATION, repeat=repeat) as call:
            await his.cancel_registration(step.med_org_ord, step.visit_id, step.patient_id)
            async with call.done() as done:
                await _record_no_visit(done, step)

    async def tell_refund(self, step: TellRefund) -> None:
        told = HisRefund(med_org_ord=step.med_org_ord, refund_no=step.refund_no, total_fen=step.total_fen)
        # HIS has no question about it: the same refundNo again is the same refund.
        repeat = self._repeat(step, Transaction.TELL_REFUND, nothing_to_ask)
        async with self._call_log.leaving(step, Transaction.TELL_REFUND, step.refund_no, repeat) as call:
            await self._systems[step.hospital].refund(told)
            async with call.done() as done:
                await done.unit.refunds.told(step, step.refund_no, done.at)

    async def _price(self, order: Order, questions: Questions) -> Bill:
        """Ask for patient, fees and visit concurrently. Raises `PaymentError` if refused, or by `check_bill`."""
        his = self._systems[order.hospital]
        patient = questions.start(Transaction.PATIENT, his.patient(order.patient_id))
        if order.category is Category.REGISTRATION:
            prices = his.registration_fees(order.clinic_id or "", order.patient_id)
            fees = questions.start(Transaction.REGISTRATION_FEES, prices)
        else:
            prices = his.prescription_fees(order.order_ids, order.patient_id)
            fees = questions.start(Transaction.PRESCRIPTION_FEES, prices)
        visit = questions.start(Transaction.VISIT, _visit_patient(his, order.visit_id)) if order.visit_id else None
        try:
            await questions.answered()
        except Refused as refused:
            known = [order.patient_name or "", order.id_no]
            if patient.exception() is None:
                known += [patient.result().name, patient.result().psn_no]
            raise _refusal_for_caller(refused, known) from None
        bill = Bill(patient=patient.result(), fees=fees.result())
        check_bill(order, bill, visit.result() if visit else None)
        return bill

    async def _find(self, step: FindBooking, questions: Questions) -> Booking:
        his = self._systems[step.hospital]
        settlement_no = questions.start(Transaction.SETTLEMENT_QUERY, his.settlement_query(step.med_org_ord))
        visit = questions.start(Transaction.VISIT, _visit_patient(his, step.visit_id)) if step.visit_id else None
        made = None
        if step.category is Category.REGISTRATION:
            made = questions.start(Transaction.REGISTRATION_QUERY, his.registration_query(step.med_org_ord))
        await questions.answered()
        registration = made.result() if made else None
        return Booking(
            visit_id=registration.visit_id if registration else None,
            settlement_no=settlement_no.result(),
            visit_patient_id=visit.result() if visit else None,
        )

    async def _priced_before(self, step: PriceBill, finished: Finished) -> PricedBill:
        """The bill as it was priced; its lines are in a table of their own."""
        priced = PricedBill.model_validate_json(finished.result)
        async with self._database.read() as unit:
            lines = await unit.fee_lines.of_payment(step)
        return priced.model_copy(update={"fees": priced.fees.model_copy(update={"lines": lines})})

    def _repeat(self, step: Step, transaction: Transaction, ask: Callable[[EarlierCall], Awaitable[None]]) -> Repeat:
        """A call whose answer was lost may still arrive until its timeout has passed twice (product rule 10).

        The caller may have registered or booked in HIS itself while ours could not leave.

        Where HIS is known to take repeats, only a call that may be in progress elsewhere is waited for.
        """
        his = self._systems[step.hospital]
        timeout = timedelta(seconds=his.timeout_s(transaction))
        if his.repeats_safely:
            return Repeat(ask, in_progress=timeout, unanswered=timedelta(0), others_act=True)
        return Repeat(ask, in_progress=2 * timeout, unanswered=2 * timeout, others_act=True)

    async def _find_visit(self, step: BookPayment, _: EarlierCall) -> None:
        """Raises `Finished` if HIS has our visit."""
        registration = await self._registration(step)
        if registration is not None:
            await self._found(step, Booking(visit_id=registration.visit_id))

    async def _find_settlement(self, step: BookPayment, _: EarlierCall) -> None:
        """Raises `Finished` if HIS has written the settlement record."""
        query = self._systems[step.hospital].settlement_query(step.med_org_ord)
        settlement_no = await self._ask(step, Transaction.SETTLEMENT_QUERY, query)
        if settlement_no is not None:
            await self._found(step, Booking(visit_id=step.visit_id, settlement_no=settlement_no))

    async def _find_no_visit(self, step: CancelRegistration, _: EarlierCall) -> None:
        """Raises `Finished` if HIS has cancelled the visit."""
        if await self._registration(step) is None:
            async with self._steps.deciding(step) as decision:
                await _record_no_visit(decision, step)
            raise Finished(NOTHING)

    async def _found(self, step: BookPayment, booking: Booking) -> NoReturn:
        """Record what HIS has booked, as the step's result. Raises `Finished`."""
        async with self._steps.deciding(step) as decision:
            await _record_booking(decision, step, booking)
            decision.result = booking.model_dump_json()
        raise Finished(decision.result)

    async def _registration(self, step: Step) -> Registration | None:
        query = self._systems[step.hospital].registration_query(step.med_org_ord)
        return await self._ask(step, Transaction.REGISTRATION_QUERY, query)

    async def _ask(self, step: Step, transaction: Transaction, answer: Awaitable[R]) -> R:
        """One query to HIS, logged."""
        async with self._call_log.asking(step) as questions:
            return await questions.ask(transaction, answer)


async def _record_priced(decision: Decision, step: PriceBill, bill: Bill) -> PricedBill:
    """Raises `PaymentError` ORDER_CONFLICT."""
    unit = decision.unit
    await unit.payments.receive(step.order, step.accepted_at)
    if not await unit.centre_orders.take(step.centre_account, step):
        raise PaymentError(ErrorCode.ORDER_CONFLICT, _NUMBER_TAKEN)
    await move(decision, step, PaymentState.PRICED)
    await unit.fee_lines.replace(step, bill.fees.lines)
    # Only after pricing, so that a wrong PATIENT_ID cannot disturb another payment (product rule 3).
    bills = bills_of(step.order, step.accepted_at, step.payable_s)
    held_by = await unit.bill_locks.take(step, bills, decision.at)
    return PricedBill(patient=bill.patient, fees=bill.fees, held_by=held_by)


def _without_lines(priced: PricedBill) -> PricedBill:
    """What is kept of the result: the lines are in a table of their own."""
    return priced.model_copy(update={"fees": priced.fees.model_copy(update={"lines": ()})})


async def _record_booking(decision: Decision, step: FindBooking | BookPayment, booking: Booking) -> None:
    """Record SETTLED or REGISTERED, whichever HIS has."""
    if booking.settlement_no is not None:
        await decision.unit.settlements.booked(step, booking.settlement_no, decision.at)
        state, facts = PaymentState.SETTLED, PaymentFacts(settlement_no=booking.settlement_no)
        agreed = step.agreed_visit_id if isinstance(step, FindBooking) else step.visit_id
        if visit_id := booking.visit_id or agreed:
            facts = facts.model_copy(update={"visit_id": visit_id})
    else:
        state, facts = PaymentState.REGISTERED, PaymentFacts(visit_id=booking.visit_id, registered_by_us=True)
    asked = isinstance(step, FindBooking)
    await move(decision, step, state, facts, by_question=asked, made=not asked)


async def _record_no_visit(decision: Decision, step: CancelRegistration) -> None:
    no_visit = PaymentFacts(visit_id=None, registered_by_us=False)
    await decision.unit.payments.record(step, step.revision, decision.at, facts=no_visit)


async def _visit_patient(his: HospitalSystem, visit_id: str) -> str:
    """The visit's patient id; empty if HIS has no such visit."""
    try:
        return await his.visit_patient(visit_id)
    except Refused as refused:
        if refused.reason == VISIT_NOT_FOUND:
            return ""
        raise


def _refusal_for_caller(refused: Refused, known: Iterable[str]) -> PaymentError:
    """HIS's refusal of a query, as an error for the caller, without what is `known` of the patient."""
    code, message = _REFUSALS.get(refused.reason, (ErrorCode.HIS_REFUSED, shown(refused.message, known)))
    return PaymentError(code, message)
