"""The hospital information system: asked, told, and recorded."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar

from temporalio import activity

from activities.call_log import Change, Questions, ask, now, send
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
from activities.reporting import is_first_attempt, reports
from domain.bills import Bill
from domain.errors import ErrorCode, NotSent, PaymentError, Refused, RemoteCallError, Unknown
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
)
from gateways.messages import shown
from storage.records import PaymentFacts
from storage.session import Database, Unit

R = TypeVar("R")

_REASONS = {
    PATIENT_NOT_FOUND: (ErrorCode.PATIENT_MISMATCH, "医院没有该患者ID(PATIENT_ID)"),
    CLINIC_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该号类ID(CLINIC_ID)"),
    BILL_NOT_FOUND: (ErrorCode.BILL_NOT_FOUND, "医院没有该处方ID(ORDER_ID)"),
    BILL_ALREADY_PAID: (ErrorCode.BILL_ALREADY_PAID, "处方ID(ORDER_ID)已在医院缴费"),
}


class HospitalActivities(HisActivities):
    """`call_timeout_s`: how long one call to HIS may take; a booking may still arrive until that has passed twice."""

    def __init__(self, database: Database, systems: Mapping[str, HospitalSystem], call_timeout_s: float) -> None:
        self._database = database
        self._systems = systems
        self._arrives_within = timedelta(seconds=2 * call_timeout_s)

    @activity.defn(name="his_price_bill")
    @reports(ErrorCode.HIS_REFUSED)
    async def price_bill(self, step: PriceBill) -> PricedBill:
        questions = Questions()
        try:
            bill = await self._price(step.order, questions)
        except (RemoteCallError, PaymentError):
            async with self._database.begin() as unit:
                await self._record_order(unit, step, questions, PaymentState.RECEIVED)
            raise
        async with self._database.begin() as unit:
            await self._record_order(unit, step, questions, PaymentState.PRICED)
            await unit.fee_lines.replace(step, bill.fees.lines)
            # After pricing, so that a wrong patient number can't disturb another's payment (product rule 3).
            held_by = await unit.bill_locks.take(step, bills_of(step.order, step.accepted_at), now())
        return PricedBill(patient=bill.patient, fees=bill.fees, held_by=held_by)

    @activity.defn(name="his_find_booking")
    @reports(ErrorCode.HIS_REFUSED)
    async def find_booking(self, step: FindBooking) -> Booking:
        async def record(unit: Unit, booking: Booking) -> Booking:
            if step.record:
                await self._record_booking(unit, step, booking)
            return booking

        questions = Questions()
        return await ask(self._database, step, questions, self._find(step, questions), record)

    @activity.defn(name="his_register")
    @reports(ErrorCode.HIS_REFUSED)
    async def register(self, step: BookPayment) -> Booking:
        his = self._systems[step.hospital]

        async def register(_: str) -> Booking:
            return Booking(visit_id=await his.register(step))

        async def look() -> Booking | None:
            found = await his.registration_query(step.med_org_ord)
            return None if found is None else Booking(visit_id=found.visit_id)

        return await self._book(step, "register", register, "registration_query", look)

    @activity.defn(name="his_settle")
    @reports(ErrorCode.HIS_REFUSED)
    async def settle(self, step: BookPayment) -> Booking:
        his = self._systems[step.hospital]

        async def settle(_: str) -> Booking:
            return Booking(visit_id=step.visit_id, settlement_no=await his.settle(step))

        async def look() -> Booking | None:
            found = await his.settlement_query(step.med_org_ord)
            return None if found is None else Booking(visit_id=step.visit_id, settlement_no=found)

        return await self._book(step, "settle", settle, "settlement_query", look)

    @activity.defn(name="his_cancel_registration")
    @reports(ErrorCode.HIS_REFUSED)
    async def cancel_registration(self, step: CancelRegistration) -> None:
        his = self._systems[step.hospital]
        if not is_first_attempt():
            found = await self._look(step, "registration_query", his.registration_query(step.med_org_ord))
            if found is None:
                async with self._database.begin() as unit:
                    await self._record_no_visit(unit, step)
                return

        async def cancel(_: str) -> None:
            await his.cancel_registration(step.med_org_ord, step.visit_id, step.patient_id)

        async def record(unit: Unit, _: None) -> None:
            await self._record_no_visit(unit, step)

        await send(self._database, Change(step, "cancel_registration"), cancel, record)

    @activity.defn(name="his_tell_refund")
    @reports(ErrorCode.HIS_REFUSED)
    async def tell_refund(self, step: TellRefund) -> None:
        his = self._systems[step.hospital]

        async def tell(refund_no: str) -> None:
            await his.refund(HisRefund(med_org_ord=step.med_org_ord, refund_no=refund_no, total_fen=step.total_fen))

        await send(self._database, Change(step, "refund", step.refund_no), tell, _as_it_is)

    async def _price(self, order: Order, questions: Questions) -> Bill:
        """Patient, fees and visit at once. A refusal, or a bill that is not the ordered one, is a `PaymentError`."""
        his = self._systems[order.hospital]
        patient = questions.start("patient", his.patient(order.patient_id))
        if order.category is Category.REGISTRATION:
            fees = questions.start("registration_fees", his.registration_fees(order.clinic_id or "", order.patient_id))
        else:
            fees = questions.start("prescription_fees", his.prescription_fees(order.order_ids, order.patient_id))
        visit = questions.start("visit", _visit_patient(his, order.visit_id)) if order.visit_id else None
        try:
            await questions.answered()
        except Refused as refused:
            names = [order.patient_name or ""]
            if patient.exception() is None:
                names.append(patient.result().name)
            raise _told(refused, names) from None
        bill = Bill(patient=patient.result(), fees=fees.result())
        check_bill(order, bill, visit.result() if visit else None)
        return bill

    async def _find(self, step: FindBooking, questions: Questions) -> Booking:
        his = self._systems[step.hospital]
        settlement_no = questions.start("settlement_query", his.settlement_query(step.med_org_ord))
        visit = questions.start("visit", _visit_patient(his, step.visit_id)) if step.visit_id else None
        made = None
        if step.category is Category.REGISTRATION:
            made = questions.start("registration_query", his.registration_query(step.med_org_ord))
        await questions.answered()
        registration = made.result() if made else None
        return Booking(
            visit_id=registration.visit_id if registration else None,
            settlement_no=settlement_no.result(),
            visit_patient_id=visit.result() if visit else None,
        )

    async def _book(
        self,
        step: BookPayment,
        transaction: str,
        call: Callable[[str], Awaitable[Booking]],
        question: str,
        look: Callable[[], Awaitable[Booking | None]],
    ) -> Booking:
        """Tell HIS. A further attempt asks first, and tells again only when the earlier one can't arrive any more."""
        if not is_first_attempt() and (found := await self._booked_before(step, transaction, question, look)):
            async with self._database.begin() as unit:
                await self._record_booking(unit, step, found)
            return found

        async def record(unit: Unit, booking: Booking) -> Booking:
            await self._record_booking(unit, step, booking)
            return booking

        return await send(self._database, Change(step, transaction), call, record)

    async def _booked_before(
        self, step: BookPayment, transaction: str, question: str, look: Callable[[], Awaitable[Booking | None]]
    ) -> Booking | None:
        """Asked even where nothing of ours has left: meanwhile a caller may have gone to HIS by itself."""
        async with self._database.read() as unit:
            sent_at = await unit.calls.last_begun_at(step, transaction)
        try:
            found = await self._look(step, question, look())
        except RemoteCallError as error:
            if sent_at is None:
                raise NotSent(transaction, error.message) from error
            raise Unknown(transaction, f"earlier call unresolved: {error.message}") from error
        if found is None and sent_at is not None and now() < sent_at + self._arrives_within:
            raise Unknown(transaction, "earlier call may still arrive")
        return found

    async def _look(self, step: Step, question: str, answer: Awaitable[R]) -> R:
        """One question to HIS, written down."""
        questions = Questions()
        return await ask(self._database, step, questions, questions.ask(question, answer), _as_it_is)

    async def _record_order(self, unit: Unit, step: PriceBill, questions: Questions, state: PaymentState) -> None:
        await unit.payments.receive(step.order, step.accepted_at)
        await unit.payments.record(step, step.revision, now(), state=state)
        await questions.write(unit, step)

    async def _record_no_visit(self, unit: Unit, step: CancelRegistration) -> None:
        facts = PaymentFacts(visit_id=None, registered_by_us=False)
        await unit.payments.record(step, step.revision, now(), facts=facts)

    async def _record_booking(self, unit: Unit, step: FindBooking | BookPayment, booking: Booking) -> None:
        """SETTLED or REGISTERED, whichever HIS has."""
        if booking.settlement_no is not None:
            state, facts = PaymentState.SETTLED, PaymentFacts(settlement_no=booking.settlement_no)
            agreed = step.agreed_visit_id if isinstance(step, FindBooking) else step.visit_id
            if visit_id := booking.visit_id or agreed:
                facts = facts.model_copy(update={"visit_id": visit_id})
            await unit.settlements.booked(step, booking.settlement_no, now())
        elif isinstance(step, BookPayment) and booking.visit_id is not None:
            state, facts = PaymentState.REGISTERED, PaymentFacts(visit_id=booking.visit_id, registered_by_us=True)
        else:
            return
        await unit.payments.record(step, step.revision, now(), state=state, facts=facts)


async def _as_it_is(_: Unit, answer: R) -> R:
    return answer


async def _visit_patient(his: HospitalSystem, visit_id: str) -> str:
    """Whose visit it is; empty where HIS has no such visit."""
    try:
        return await his.visit_patient(visit_id)
    except Refused as refused:
        if refused.reason == VISIT_NOT_FOUND:
            return ""
        raise


def _told(refused: Refused, names: Iterable[str]) -> PaymentError:
    """HIS's refusal of a reading, as the caller is told it, without the patient's `names`."""
    code, message = _REASONS.get(refused.reason, (ErrorCode.HIS_REFUSED, shown(refused.message, names)))
    return PaymentError(code, message)
