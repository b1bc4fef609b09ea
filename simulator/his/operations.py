"""HIS's ten operations. Every `register` and `settle` is booked: a call made twice shows as two rows."""

from collections.abc import Callable

from domain.values.fen import yuan
from simulator.his import fees
from simulator.his.books import Books
from simulator.his.catalogue import PEOPLE, Clinic, Person, Prescription, clinic_of
from simulator.his.wire import (
    CancelAsked,
    HisRefusal,
    PatientAsked,
    PrescriptionFeesAsked,
    QueryAsked,
    RefundAsked,
    RegisterAsked,
    RegistrationFeesAsked,
    SettleAsked,
    VisitAsked,
    asked,
)

Data = dict[str, object]
Operation = Callable[[Books, object], Data | None]
"""Takes the request's JSON and returns the answer's DATA, or None for a repeat. Raises `HisRefusal`."""


def patient(_: Books, body: object) -> Data:
    person = _person(asked(PatientAsked, body).patient_id)
    data: Data = {
        "PATIENT_NAME": person.name,
        "ID_NO": person.id_no,
        "patientTypeId": "1",
        "iptOtpNo": f"MZ{person.patient_id}",
    }
    return data | {"psnNo": person.psn_no, "insutype": "310", "insuCode": "110101"} if person.psn_no else data


def registration_fees(_: Books, body: object) -> Data:
    request = asked(RegistrationFeesAsked, body)
    _person(request.patient_id)
    return fees.registration_fees(request.clinic_id, _clinic(request.clinic_id), request.patient_id)


def prescription_fees(books: Books, body: object) -> Data:
    request = asked(PrescriptionFeesAsked, body)
    _person(request.patient_id)
    bills = _bills(books, request.order_id, request.patient_id)
    if any(books.paid_under(bill.order_id) for bill in bills):
        raise _already_paid()
    others = [bill.patient_id for bill in bills if bill.patient_id != request.patient_id]
    return fees.prescription_fees(bills, others[0] if others else request.patient_id)


def visit(books: Books, body: object) -> Data:
    owner = books.visit_patient(asked(VisitAsked, body).visit_id)
    if owner is None:
        raise _no_visit()
    return {"PATIENT_ID": owner}


def register(books: Books, body: object) -> Data:
    request = asked(RegisterAsked, body)
    _person(request.patient_id)
    _clinic(request.clinic_id)
    return {"VISIT_ID": books.register(request)}


def registration_query(books: Books, body: object) -> Data:
    found = books.live_registration(asked(QueryAsked, body).med_org_ord)
    return {"FOUND": True, "VISIT_ID": found[0], "PATIENT_ID": found[1]} if found else {"FOUND": False}


def settle(books: Books, body: object) -> Data:
    request = asked(SettleAsked, body)
    _person(request.patient_id)
    if request.visit_id is not None and books.visit_patient(request.visit_id) != request.patient_id:
        raise _no_visit()
    bills = _bills_to_settle(books, request)
    price = _clinic(request.clinic_id or "").price_fen if not bills else sum(bill.amount_fen for bill in bills)
    if not request.adds_up or request.fee_sum_fen != price:
        raise HisRefusal(f"结算金额不符: 医院应收{yuan(price)}元")
    return {"settlementNo": books.settle(request, [bill.order_id for bill in bills])}


def settlement_query(books: Books, body: object) -> Data:
    number = books.settlement_no(asked(QueryAsked, body).med_org_ord)
    return {"FOUND": True, "settlementNo": number} if number else {"FOUND": False}


def cancel_registration(books: Books, body: object) -> Data | None:
    request = asked(CancelAsked, body)
    cancelled = books.is_cancelled(request)
    if cancelled is None:
        raise _no_visit()
    if cancelled:
        return None
    books.cancel(request)
    return {}


def refund(books: Books, body: object) -> Data | None:
    """Refunds of payments that HIS never booked are recorded as well: reversals are reported too."""
    request = asked(RefundAsked, body)
    known = books.refunded(request)
    if known is not None:
        if known != request.amount_fen:
            raise HisRefusal("退款单号已用于另一笔退款")
        return None
    left = books.left_to_refund(request.med_org_ord)
    if left is not None and request.amount_fen > left:
        raise HisRefusal(f"退款金额超过可退金额{yuan(left)}元")
    books.refund(request)
    return {}


OPERATIONS: dict[str, Operation] = {
    "patient": patient,
    "registration_fees": registration_fees,
    "prescription_fees": prescription_fees,
    "visit": visit,
    "register": register,
    "registration_query": registration_query,
    "settle": settle,
    "settlement_query": settlement_query,
    "cancel_registration": cancel_registration,
    "refund": refund,
}
"""By transaction name; the path has hyphens instead of underscores."""


def _person(patient_id: str) -> Person:
    if patient_id not in PEOPLE:
        raise HisRefusal("患者不存在", "PATIENT_NOT_FOUND")
    return PEOPLE[patient_id]


def _clinic(clinic_id: str) -> Clinic:
    clinic = clinic_of(clinic_id)
    if clinic is None:
        raise HisRefusal("号类不存在", "CLINIC_NOT_FOUND")
    return clinic


def _bills(books: Books, order_id: str, patient_id: str) -> list[Prescription]:
    order_ids = order_id.split("|")
    if len(set(order_ids)) != len(order_ids):
        raise HisRefusal("处方ID重复")
    found = [bill for each in order_ids if (bill := books.bill(each, patient_id)) is not None]
    if len(found) != len(order_ids):
        raise _no_bill()
    return found


def _bills_to_settle(books: Books, request: SettleAsked) -> list[Prescription]:
    """Empty for a registration. A repeated medOrgOrd is deliberately booked again."""
    if request.category == "1":
        return []
    bills = _bills(books, request.order_id or "", request.patient_id)
    if any(bill.patient_id != request.patient_id for bill in bills):
        raise _no_bill()
    if any(set(books.paid_under(bill.order_id)) - {request.med_org_ord} for bill in bills):
        raise _already_paid()
    return bills


def _no_bill() -> HisRefusal:
    return HisRefusal("处方不存在", "BILL_NOT_FOUND")


def _already_paid() -> HisRefusal:
    return HisRefusal("处方已缴费", "BILL_ALREADY_PAID")


def _no_visit() -> HisRefusal:
    return HisRefusal("就诊记录不存在", "VISIT_NOT_FOUND")
