"""Valid orders, bills and splits to start from. Made-up people."""

from datetime import UTC, datetime

from domain.bills import Bill, FeeLine, Fees, Patient
from domain.insurance import Split
from domain.orders import Category, Channel, Order, PaymentStart, PaymentTerms, SettleRequest
from domain.values.fen import Fen
from hospitals.terms import PAID_SHOWN_AFTER_MS

TERMS = PaymentTerms(
    centre_account="ACCOUNT",
    pre_settle_budget_s=120,
    payment_window_s=1800,
    auto_finish_after_s=300,
    his_retry_budget_s=1200,
    reversal_window_s=3600,
    paid_shown_after_ms=PAID_SHOWN_AFTER_MS,
)
SPLIT = Split(fee_sum_fen=Fen(12850), own_pay_fen=Fen(2570), psn_acct_fen=Fen(2570), fund_fen=Fen(7710))
PATIENT = Patient(
    patient_id="100001",
    name="张三",
    id_no="110101199003070134",
    patient_type_id="310",
    ipt_otp_no="M0001",
    psn_no="P100001",
    insutype="310",
    insu_code="110100",
)


def outpatient(med_org_ord: str, **changes: object) -> Order:
    order = Order(
        hospital="main",
        med_org_ord=med_org_ord,
        pay_auth_no="AUTH" + med_org_ord,
        uld_latlnt="116.40,39.90",
        patient_id="100001",
        category=Category.OUTPATIENT,
        id_no="110101199003070134",
        total_fen=Fen(12850),
        channel=Channel.WECHAT,
        order_ids=("300001",),
    )
    return order.model_copy(update=changes)


def registration(med_org_ord: str, **changes: object) -> Order:
    facts = {"category": Category.REGISTRATION, "order_ids": (), "clinic_id": "200001"}
    return outpatient(med_org_ord, **(facts | changes))


def start(order: Order, **terms: object) -> PaymentStart:
    return PaymentStart(order=order, terms=TERMS.model_copy(update=terms))


def bill_of(order: Order, patient: Patient = PATIENT) -> Bill:
    at = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
    line = FeeLine(
        serial="1",
        order_id="300001",
        occurred_at=at,
        national_code="XA01",
        hospital_code="H01",
        name="阿莫西林胶囊",
        quantity="1",
        unit_price="128.50",
        amount_fen=order.total_fen,
        department_code="D1",
        department_name="内科",
        doctor_code="DR1",
        doctor_name="李医生",
    )
    fees = Fees(
        patient_id=order.patient_id,
        mdtrt_id="MD1",
        department_code="D1",
        department_name="内科",
        caty="A03",
        doctor_code="DR1",
        doctor_name="李医生",
        began_at=at,
        diagnoses=(),
        lines=(line,),
    )
    return Bill(patient=patient, fees=fees)


def settle_call(order: Order, pay_ord_id: str = "ORD1", **changes: object) -> SettleRequest:
    request = SettleRequest(
        hospital=order.hospital,
        med_org_ord=order.med_org_ord,
        pay_ord_id=pay_ord_id,
        patient_id=order.patient_id,
    )
    return request.model_copy(update=changes)
