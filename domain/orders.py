"""What the caller orders: interface 1 (医保支付下单) after validation, and interface 2 (医保支付结果回写)."""

from datetime import datetime
from enum import StrEnum

from domain.base import Frozen, PaymentKey
from domain.bills import Bill, Patient
from domain.china_time import to_china
from domain.errors import ErrorCode, PaymentError
from domain.fen import Fen, yuan
from domain.ids import payment_workflow_id
from domain.insurance import PreSettlement, Settlement, Split, UploadedFees
from domain.states import PaymentState


class Category(StrEnum):
    REGISTRATION = "1"
    OUTPATIENT = "2"


class Channel(StrEnum):
    WECHAT = "WeChat"
    ALIPAY = "Alipay"


class Order(PaymentKey):
    """One validated call of interface 1 for one hospital. `id_no` has an upper-case X, texts are trimmed."""

    pay_auth_no: str
    uld_latlnt: str
    patient_id: str
    category: Category
    id_no: str
    total_fen: Fen
    channel: Channel
    visit_id: str | None = None
    clinic_id: str | None = None
    order_ids: tuple[str, ...] = ()
    patient_name: str | None = None

    @property
    def workflow_id(self) -> str:
        return payment_workflow_id(self.hospital, self.med_org_ord)

    def fingerprint_fields(self) -> dict[str, str]:
        """The stable facts that make two calls the same transaction (product rule 2), by their interface names.

        Never payAuthNo, uldLatlnt, time or ciphertext: they differ on each honest repeat.
        """
        return {
            "PATIENT_ID": self.patient_id,
            "ID_NO": self.id_no,
            "CATEGORY": self.category.value,
            "CLINIC_ID": self.clinic_id or "",
            "ORDER_ID": "|".join(sorted(self.order_ids)),
            "TOTAL": yuan(self.total_fen),
            "CHANNEL": self.channel.value,
        }

    def differing_field(self, other: "Order") -> str | None:
        """The first fingerprint field in which `other` is another transaction, or None."""
        ours, theirs = self.fingerprint_fields(), other.fingerprint_fields()
        return next((field for field, value in ours.items() if theirs[field] != value), None)


class SettleRequest(PaymentKey):
    """One validated call of interface 2."""

    pay_ord_id: str
    patient_id: str
    visit_id: str | None = None
    channel: Channel | None = None

    @property
    def workflow_id(self) -> str:
        return payment_workflow_id(self.hospital, self.med_org_ord)


class Registers(StrEnum):
    """Who makes the visit of a registration in HIS (product rule 9)."""

    MEDPAY = "medpay"
    CALLER = "caller"


class CashRefundedBy(StrEnum):
    """Who gives the cash part back (product rule 10): the centre by 6203, or the caller in the payment channel."""

    CENTRE = "centre"
    CHANNEL = "channel"


class PaymentTerms(Frozen):
    """The hospital's limits for one payment, fixed when it starts: a later change of settings never moves them."""

    pre_settle_budget_s: int
    payment_window_s: int
    auto_finish_after_s: int
    his_retry_budget_s: int
    reversal_window_s: int
    registers: Registers = Registers.MEDPAY
    cash_refunded_by: CashRefundedBy = CashRefundedBy.CENTRE
    call_timeout_s: int = 20
    """The longest that one remote call may take, of all of the centre's transactions and HIS's."""
    his_timeout_s: int = 20
    """The longest that one call to HIS may take: a booking may still arrive until that has passed twice."""
    paid_shown_after_ms: int = 0
    """For how long a payment must be PAID before Temporal's search attributes say so. 0, as payments that began
    before 2026-12 have it: at once."""


def check_bill(order: Order, bill: Bill, visit_patient_id: str | None) -> None:
    """Raise `PaymentError` if `bill` may not be paid as `order` asks.

    `visit_patient_id`: whose the order's VISIT_ID is by HIS; None where the order names no visit.
    """
    _check_patient(order, bill)
    if bill.fees.patient_id != order.patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "处方ID(ORDER_ID)不属于患者ID(PATIENT_ID)所指的患者")
    if visit_patient_id is not None:
        check_visit(order.patient_id, visit_patient_id)
    if bill.fees.total_fen != order.total_fen:
        message = f"总金额(TOTAL)与医院费用合计不符: 下单{yuan(order.total_fen)}元, 医院{yuan(bill.fees.total_fen)}元"
        raise PaymentError(ErrorCode.TOTAL_MISMATCH, message)


def check_visit(patient_id: str, visit_patient_id: str) -> None:
    """Raise `PaymentError` if a VISIT_ID is another patient's, or unknown to HIS (an empty `visit_patient_id`)."""
    if visit_patient_id != patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "就诊ID(VISIT_ID)不属于患者ID(PATIENT_ID)所指的患者")


def _check_patient(order: Order, bill: Bill) -> None:
    patient = bill.patient
    if patient.id_no.upper() != order.id_no:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "身份证号(ID_NO)与医院登记的患者不一致")
    if order.patient_name is not None and patient.name != order.patient_name:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "患者姓名(PATIENT_NAME)与医院登记的患者不一致")
    if not patient.psn_no:
        raise PaymentError(ErrorCode.HIS_REFUSED, "医院未登记该患者的医保参保信息, 不能使用医保支付")


REGISTRATION = "registration:"
"""How a registration's bill starts: its lock ends when the registration is settled, another one may follow."""


def bills_of(order: Order, accepted_at: datetime) -> tuple[str, ...]:
    """The bills that an order would pay, in the order in which they are locked: two who meet can't wait for each other.

    A registration is the patient's at a clinic on the (Chinese) day on which it was ordered.
    """
    if order.category is Category.REGISTRATION:
        day = to_china(accepted_at)[:10]
        return (f"{REGISTRATION}{day}:{order.patient_id}:{order.clinic_id}",)
    return tuple(sorted(f"prescription:{order_id}" for order_id in order.order_ids))


class PaymentEnd(Frozen):
    """How a payment ended short of SETTLED, or why it is under review."""

    state: PaymentState
    code: ErrorCode
    message: str
    note: str = ""
    """An operator's word on it, such as UPLOAD_ORPHANED or an attention reason. Never personal data."""


class HisPayment(PaymentKey):
    """The fields that the interface names for HIS (product rule 9), for `register` and `settle`.

    They record REGISTERED with the visit, and SETTLED with the settlement number.
    """

    category: Category
    patient_id: str
    patient_name: str
    """Not sent: HIS's own words are passed on without it."""
    clinic_id: str | None
    order_ids: tuple[str, ...]
    visit_id: str | None
    pay_ord_id: str
    patient_type_id: str
    ipt_otp_no: str
    si_personal_no: str
    balance_fen: Fen | None
    settlement: Settlement


class SettlementAnswer(Frozen):
    """The answer of interface 2."""

    pay_ord_id: str
    med_org_ord: str
    settlement: Settlement
    visit_id: str | None


class PreSettleAnswer(Frozen):
    """The answer of interface 1."""

    pay_ord_id: str
    med_org_ord: str
    split: Split
    patient_type_id: str
    ipt_otp_no: str
    balance_fen: Fen | None
    si_personal_no: str


class CancelRequest(PaymentKey):
    """Withdraw a payment before it is paid. `by`: the key's name, or the medOrgOrd of the newer payment of the bill."""

    by: str
    superseded: bool = False


class Reopened(Frozen):
    """A payment whose workflow is closed, as our row has it. Without `pre_settlement` it had no split, without
    `uploaded` no order at the centre: then nothing can have been paid.

    It ended unpaid, and there is word of money (product rule 8); or it had not ended, and somebody terminated it.
    """

    accepted_at: datetime
    state: PaymentState
    state_since: datetime
    end: PaymentEnd
    revision: int
    patient: Patient
    uploaded: UploadedFees | None
    pre_settlement: PreSettlement | None
    visit_id: str | None
    visit_is_ours: bool = False
    settlement: Settlement | None = None

    def counts_from(self, started_at: datetime) -> int:
        """Where the revisions of a run begin that started then: above all that an earlier run can have given out.

        The row's own would not do. A run counts every request, also those that wrote nothing: what a terminated run
        left under way carries a higher number than the row, and would win over what the new run has written. So a run
        counts from the microsecond of its start, which no earlier one has reached: a request takes longer than one.
        """
        return max(self.revision, round(started_at.timestamp() * 1_000_000))


class PaymentStart(Frozen):
    """The workflow's one argument."""

    order: Order
    terms: PaymentTerms
    reopened: Reopened | None = None
