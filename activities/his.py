"""Calls to the hospital information system."""

from collections.abc import Awaitable, Iterable, Mapping
from datetime import timedelta
from typing import Literal, TypeVar

from activities.call_log import CallLog, Questions, now
from activities.contract import (
    Booking,
    BookPayment,
    CancelRegistration,
    FindBooking,
    HisActivities,
    PriceBill,
    PricedBill,
    Step,
    TellRefund,
)
from activities.reporting import is_first_attempt
from domain.bills import Bill
from domain.errors import ErrorCode, NotSent, PaymentError, Refused, RemoteCallError, Transaction, Unknown
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
from storage.records import PaymentFacts
from storage.session import Unit

R = TypeVar("R")
Booked = Literal[Transaction.REGISTER, Transaction.SETTLE]

_REFUSALS = {
    PATIENT_NOT_FOUND: (ErrorCode.PATIENT_MISMATCH, "医院没有该患者ID(PATIENT_ID)"),
    CLINIC_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该号类ID(CLINIC_ID)"),
    BILL_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该处方ID(ORDER_ID)"),
    BILL_ALREADY_PAID: (ErrorCode.BILL_ALREADY_PAID, "处方ID(ORDER_ID)已在医院缴费"),
}


class His(HisActivities):
    """`systems`: by hospital. `call_timeout_s`: of one call; a booking may still arrive until twice this has passed."""

    def __init__(self, call_log: CallLog, systems: Mapping[str, HospitalSystem], call_timeout_s: float) -> None:
        self._call_log = call_log
        self._database = call_log.database
        self._systems = systems
        self._arrives_within = timedelta(seconds=2 * call_timeout_s)

    async def price_bill(self, step: PriceBill) -> PricedBill:
        async with self._call_log.asking(step) as questions:
            try:
                bill = await self._price(step.order, questions)
            except (RemoteCallError, PaymentError):
                async with questions.done() as unit:
                    await self._record_order(unit, step, PaymentState.RECEIVED)
                raise
            async with questions.done() as unit:
                held_by = None
                if await self._record_order(unit, step, PaymentState.PRICED):
                    await unit.fee_lines.replace(step, bill.fees.lines)
                    # Only after pricing, so that a wrong PATIENT_ID cannot disturb another payment (product rule 3).
                    held_by = await unit.bill_locks.take(step, bills_of(step.order, step.accepted_at), now())
        return PricedBill(patient=bill.patient, fees=bill.fees, held_by=held_by)

    async def find_booking(self, step: FindBooking) -> Booking:
        async with self._call_log.asking(step) as questions:
            booking = await self._find(step, questions)
            if step.record:
                async with questions.done() as unit:
                    await self._record_booking(unit, step, booking)
        return booking

    async def register(self, step: BookPayment) -> Booking:
        if found := await self._already_booked(step, Transaction.REGISTER):
            return found
        async with self._call_log.leaving(step, Transaction.REGISTER) as call:
            booking = Booking(visit_id=await self._systems[step.hospital].register(step))
            async with call.done() as unit:
                await self._record_booking(unit, step, booking)
        return booking

    async def settle(self, step: BookPayment) -> Booking:
        if found := await self._already_booked(step, Transaction.SETTLE):
            return found
        async with self._call_log.leaving(step, Transaction.SETTLE) as call:
            settlement_no = await self._systems[step.hospital].settle(step)
            booking = Booking(visit_id=step.visit_id, settlement_no=settlement_no)
            async with call.done() as unit:
                await self._record_booking(unit, step, booking)
        return booking

    async def cancel_registration(self, step: CancelRegistration) -> None:
        no_visit = PaymentFacts(visit_id=None, registered_by_us=False)
        if not is_first_attempt() and await self._registration(step) is None:
            async with self._database.begin() as unit:
                await unit.payments.record(step, step.revision, now(), facts=no_visit)
            return
        his = self._systems[step.hospital]
        async with self._call_log.leaving(step, Transaction.CANCEL_REGISTRATION) as call:
            await his.cancel_registration(step.med_org_ord, step.visit_id, step.patient_id)
            async with call.done() as unit:
                await unit.payments.record(step, step.revision, now(), facts=no_visit)

    async def tell_refund(self, step: TellRefund) -> None:
        told = HisRefund(med_org_ord=step.med_org_ord, refund_no=step.refund_no, total_fen=step.total_fen)
        async with self._call_log.leaving(step, Transaction.TELL_REFUND, step.refund_no) as call:
            await self._systems[step.hospital].refund(told)
            async with call.done() as unit:
                await unit.refunds.told(step, step.refund_no, now())

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
            names = [order.patient_name or ""]
            if patient.exception() is None:
                names.append(patient.result().name)
            raise _refusal_for_caller(refused, names) from None
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

    async def _already_booked(self, step: BookPayment, transaction: Booked) -> Booking | None:
        """On a further attempt: what HIS has booked, recorded. None: nothing, and no earlier call can arrive any more.

        HIS is asked even if no call of ours has left: the caller may have booked there directly.
        """
        if is_first_attempt():
            return None
        sent_at = await self._call_log.last_left_at(step, transaction)
        try:
            found = await self._booked(step, transaction)
        except RemoteCallError as error:
            if sent_at is None:
                raise NotSent(transaction, error.message) from error
            raise Unknown(transaction, f"earlier call unresolved: {error.message}") from error
        if found is not None:
            async with self._database.begin() as unit:
                await self._record_booking(unit, step, found)
        elif sent_at is not None and now() < sent_at + self._arrives_within:
            raise Unknown(transaction, "earlier call may still arrive")
        return found

    async def _booked(self, step: BookPayment, transaction: Booked) -> Booking | None:
        if transaction is Transaction.REGISTER:
            registration = await self._registration(step)
            return None if registration is None else Booking(visit_id=registration.visit_id)
        query = self._systems[step.hospital].settlement_query(step.med_org_ord)
        settlement_no = await self._ask(step, Transaction.SETTLEMENT_QUERY, query)
        return None if settlement_no is None else Booking(visit_id=step.visit_id, settlement_no=settlement_no)

    async def _registration(self, step: Step) -> Registration | None:
        query = self._systems[step.hospital].registration_query(step.med_org_ord)
        return await self._ask(step, Transaction.REGISTRATION_QUERY, query)

    async def _ask(self, step: Step, transaction: Transaction, answer: Awaitable[R]) -> R:
        """One query to HIS, logged."""
        async with self._call_log.asking(step) as questions:
            return await questions.ask(transaction, answer)

    async def _record_order(self, unit: Unit, step: PriceBill, state: PaymentState) -> bool:
        await unit.payments.receive(step.order, step.accepted_at)
        return await unit.payments.record(step, step.revision, now(), state=state)

    async def _record_booking(self, unit: Unit, step: FindBooking | BookPayment, booking: Booking) -> None:
        """Record SETTLED or REGISTERED, whichever HIS has, unless the row has gone another way."""
        if booking.settlement_no is not None:
            state, facts = PaymentState.SETTLED, PaymentFacts(settlement_no=booking.settlement_no)
            agreed = step.agreed_visit_id if isinstance(step, FindBooking) else step.visit_id
            if visit_id := booking.visit_id or agreed:
                facts = facts.model_copy(update={"visit_id": visit_id})
        elif isinstance(step, BookPayment) and booking.visit_id is not None:
            state, facts = PaymentState.REGISTERED, PaymentFacts(visit_id=booking.visit_id, registered_by_us=True)
        else:
            return
        asked = isinstance(step, FindBooking)
        written = await unit.payments.record(step, step.revision, now(), state=state, facts=facts, by_question=asked)
        if written and booking.settlement_no is not None:
            await unit.settlements.booked(step, booking.settlement_no, now())


async def _visit_patient(his: HospitalSystem, visit_id: str) -> str:
    """The visit's patient id; empty if HIS has no such visit."""
    try:
        return await his.visit_patient(visit_id)
    except Refused as refused:
        if refused.reason == VISIT_NOT_FOUND:
            return ""
        raise


def _refusal_for_caller(refused: Refused, names: Iterable[str]) -> PaymentError:
    """HIS's refusal of a query, as an error for the caller, with the patient's `names` removed."""
    code, message = _REFUSALS.get(refused.reason, (ErrorCode.HIS_REFUSED, shown(refused.message, names)))
    return PaymentError(code, message)
