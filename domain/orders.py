"""The caller's requests and answers: interface 1 (医保支付下单) and interface 2 (医保支付结果回写), validated."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from domain.attention import AttentionReason
from domain.base import Frozen, Joined, PaymentKey
from domain.bills import Bill, Patient
from domain.errors import ErrorCode, PaymentError
from domain.ids import payment_workflow_id
from domain.insurance import PreSettlement, Settlement, Split, UploadedFees
from domain.reviews import Waiting
from domain.states import PaymentState
from domain.values import identity, names
from domain.values.china_time import to_china
from domain.values.fen import Fen, yuan


class Category(StrEnum):
    REGISTRATION = "1"
    OUTPATIENT = "2"


class Channel(StrEnum):
    WECHAT = "WeChat"
    ALIPAY = "Alipay"


class Order(PaymentKey):
    """One validated call of interface 1. `id_no` and `patient_name` are in their clean forms, texts are trimmed."""

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
        """What makes two calls the same transaction (product rule 2), by interface field name.

        Not payAuthNo, uldLatlnt, times or ciphertext: they change with every legitimate repeat.
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
        """The first fingerprint field that differs in `other`; None if both are the same transaction."""
        ours, theirs = self.fingerprint_fields(), other.fingerprint_fields()
        return next((field for field, value in ours.items() if theirs[field] != value), None)


class SettleRequest(PaymentKey, Joined):
    """One validated call of interface 2."""

    pay_ord_id: str
    patient_id: str
    visit_id: str | None = None
    channel: Channel | None = None

    @property
    def workflow_id(self) -> str:
        return payment_workflow_id(self.hospital, self.med_org_ord)


class Registers(StrEnum):
    """Who registers the visit in HIS (product rule 9)."""

    MEDPAY = "medpay"
    CALLER = "caller"


class CashRefundedBy(StrEnum):
    """Who refunds the cash part (product rule 10): the centre by 6203, or the caller in the payment channel."""

    CENTRE = "centre"
    CHANNEL = "channel"


class PaymentTerms(Frozen):
    """The hospital's settings for one payment, fixed when it starts: later changes do not affect it.

    `centre_account`: a digest of the hospital's account at the centre, under which medOrgOrd must be unique.
    """

    centre_account: str
    pre_settle_budget_s: int
    payment_window_s: int
    auto_finish_after_s: int
    his_retry_budget_s: int
    reversal_window_s: int
    registers: Registers = Registers.MEDPAY
    cash_refunded_by: CashRefundedBy = CashRefundedBy.CENTRE
    call_timeout_s: int = 20
    """The longest timeout of all calls to the centre and to HIS."""
    his_timeout_s: int = 20
    """The timeout of a call to HIS. A booking whose answer was lost may still arrive until twice this has passed."""
    paid_shown_after_ms: int = 0
    """How long a payment must stay PAID before Temporal's search attributes show it. 0: at once."""

    @property
    def payable_s(self) -> int:
        """How long after its acceptance a payment may still be paid: its window opens once it is pre-settled."""
        return self.pre_settle_budget_s + self.payment_window_s


def check_bill(order: Order, bill: Bill, visit_patient_id: str | None) -> None:
    """Raise `PaymentError` unless `bill` may be paid as ordered: PATIENT_MISMATCH, TOTAL_MISMATCH or HIS_REFUSED.

    `visit_patient_id`: the patient to whom the order's VISIT_ID belongs in HIS; None if the order names no visit.
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
    """Raise PATIENT_MISMATCH if a VISIT_ID is another patient's, or unknown to HIS (`visit_patient_id` is empty)."""
    if visit_patient_id != patient_id:
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "就诊ID(VISIT_ID)不属于患者ID(PATIENT_ID)所指的患者")


def _check_patient(order: Order, bill: Bill) -> None:
    patient = bill.patient
    if not identity.is_same(order.id_no, patient.id_no):
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "身份证号(ID_NO)与医院登记的患者不一致")
    named = order.patient_name
    if named is not None and names.comparable(patient.name) != names.comparable(named):
        raise PaymentError(ErrorCode.PATIENT_MISMATCH, "患者姓名(PATIENT_NAME)与医院登记的患者不一致")
    if not patient.psn_no:
        raise PaymentError(ErrorCode.HIS_REFUSED, "医院未登记该患者的医保参保信息, 不能使用医保支付")


REGISTRATION = "registration:"
"""Prefix of a registration's bill. Its lock ends with SETTLED, since another registration may follow."""


def bills_of(order: Order, accepted_at: datetime, payable_s: int) -> tuple[str, ...]:
    """The bills that an order would pay, sorted, so that two payments cannot deadlock when they lock them.

    A registration's bill is the patient, the clinic and the day of the order in China. An order of yesterday may still
    be paid until `payable_s` after midnight: until then yesterday's bill is today's too.
    """
    if order.category is Category.REGISTRATION:
        earliest, midnight = accepted_at - timedelta(seconds=payable_s), timedelta(days=1)
        days = (payable_s // int(midnight.total_seconds())) + 2
        moments = (max(earliest, accepted_at - midnight * back) for back in reversed(range(days)))
        bills = {f"{REGISTRATION}{to_china(at)[:10]}:{order.patient_id}:{order.clinic_id}" for at in moments}
        return tuple(sorted(bills))
    return tuple(sorted(f"prescription:{order_id}" for order_id in order.order_ids))


NOT_ORDERED = "该订单的处理曾被中断, 未下单, 未发生扣款, 请用新的医院订单号(medOrgOrd)重新下单"
"""Told of a payment whose workflow was terminated before the centre had an order for it."""


class PaymentEnd(Frozen):
    """How a payment ended short of SETTLED, or why it is under review."""

    state: PaymentState
    code: ErrorCode
    message: str
    note: str = ""
    """For operators: UPLOAD_ORPHANED, an attention reason and the like. Never personal data."""


def gone_back_elsewhere(end: PaymentEnd) -> PaymentEnd:
    """REVERSED, where somebody else gave the money back: `end` says what we wanted to do."""
    message = f"{end.message} (医保中心显示款项是在本系统之外退回的)"
    return end.model_copy(update={"message": message, "note": AttentionReason.REFUNDED_ELSEWHERE.value})


class HisPayment(PaymentKey):
    """What HIS is sent by `register` and `settle`: the fields that the interface names for it (product rule 9)."""

    category: Category
    patient_id: str
    patient_name: str
    """Not sent: it is removed from HIS's messages before they are passed on."""
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


class CancelRequest(PaymentKey, Joined):
    """Cancel a payment before it is paid. `by`: the key's name, or the medOrgOrd of the bill's newer payment."""

    by: str
    superseded: bool = False


class CancelAnswer(Frozen):
    """The payment is cancelled. `state`: CANCELLED."""

    state: PaymentState


class KnownPayment(Frozen):
    """A payment as our row knows it, from which its workflow goes on.

    A closed one that is started again: it ended unpaid and there is a hint of money (product rule 8), or its workflow
    was terminated. Or a running one that finds its row ahead of it, since a task of its own was lost. Without
    `pre_settlement` it never had a split; without `uploaded` it has no order at the centre and cannot have been paid.
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
    register_sent: bool = False
    """Whether a `register` of ours left, which may arrive late."""
    settlement: Settlement | None = None
    steps: dict[str, int] = Field(default_factory=dict)
    """By name of a step: the number of the last one that is finished."""


class PaymentStart(Frozen):
    """The workflow's one argument. `waiting`: the proposal of a review that goes on in a new run."""

    order: Order
    terms: PaymentTerms
    reopened: KnownPayment | None = None
    waiting: Waiting | None = None
