"""What the workflow asks of its activities, and what it is told: one argument and one result each.

Every request carries a `revision`, which the workflow counts up with each request. A record keeps the newest: an
activity that was given up for dead and finishes late can't take a payment back.
"""

from datetime import datetime
from typing import Literal

from domain.bills import Bill
from domain.errors import ErrorCode
from domain.fen import Fen
from domain.insurance import OrderReference, OrderStatus, RefundType, SetlType, Split, UploadedFees
from domain.orders import Category, Frozen, Order
from domain.states import PaymentState


class PaymentKey(Frozen):
    """One payment: medOrgOrd is unique within a hospital."""

    hospital: str
    med_org_ord: str


class Step(PaymentKey):
    """The start of every activity's argument."""

    revision: int


class PriceBill(Step):
    """Ask HIS for patient, fees and visit, compare them with the order, record PRICED."""

    order: Order
    accepted_at: datetime


class PricedBill(Bill):
    """HIS's bill, claimed for this payment; or `held_by`, the medOrgOrd of the live payment that has it (rule 3)."""

    held_by: str | None = None


class WithdrawHolder(Step):
    """Ask the payment that holds a bill of ours to withdraw: 6301, and if it is not paid 6401."""

    holder: str


class ClaimBills(Step):
    """Claim the order's bills once more, after their holder has given them free."""

    order: Order
    accepted_at: datetime


class Claimed(Frozen):
    """`held_by`: None, or the medOrgOrd of the live payment that has a bill of ours."""

    held_by: str | None = None


class UploadFees(Step):
    """6201; records FEE_UPLOADED."""

    order: Order
    bill: Bill


class PlaceOrder(Step):
    """6202; records PRE_SETTLED with the split and the end of the payment window."""

    pay_auth_no: str
    total_fen: Fen
    uploaded: UploadedFees
    reference: OrderReference
    payment_window_s: int


class PreSettlement(Frozen):
    """6202's result as recorded: the answer of interface 1, and until when the patient may pay."""

    pay_ord_id: str
    split: Split
    balance_fen: Fen | None
    window_ends_at: datetime


class AskOrder(Step):
    """6301; records PAID, with the settlement and the reversal deadline, if the centre has settled `split`.

    `split`: 6202's; None where there was none.
    """

    reference: OrderReference
    split: Split | None
    accepted_at: datetime
    reversal_window_s: int
    record: Literal["paid", "settlement", "nothing"] = "paid"
    """Of a settlement: after an unpaid end it does not make the payment PAID; under review it is only a finding."""


class Settlement(Frozen):
    """The centre's settlement. `reversal_deadline`: until when revsToken serves."""

    trace_time: datetime
    setl_type: SetlType
    split: Split
    revs_token: str
    reversal_deadline: datetime


class OrderAnswer(Frozen):
    """6301 as read: the status, and where the money has moved the settlement. `consistent` is rule 11's comparison."""

    status: OrderStatus
    settlement: Settlement | None = None
    consistent: bool = True


class PaymentEnd(Frozen):
    """How a payment ended short of SETTLED, or why it is under review."""

    state: PaymentState
    code: ErrorCode
    message: str
    note: str = ""
    """An operator's word on it, such as UPLOAD_ORPHANED or an attention reason. Never personal data."""


class RecordEnd(Step):
    """Write an end, or a state, that no remote call wrote."""

    order: Order
    accepted_at: datetime
    end: PaymentEnd


class RevokeOrder(Step):
    """6401, asking 6301 first where an earlier attempt may have arrived; records `end`."""

    reference: OrderReference
    end: PaymentEnd


class Revoked(Frozen):
    """`ord_stas`: 12 where the order is revoked. Else 6401 was refused and this is what 6301 says now."""

    ord_stas: int


class FindBooking(Step):
    """Ask HIS by medOrgOrd what it has booked, and whose `visit_id` is where one is to be checked."""

    category: Category
    patient_id: str
    visit_id: str | None
    record: bool
    """Whether a settlement that HIS has is recorded as SETTLED. Not after a reversal: there it is a finding."""
    agreed_visit_id: str | None = None
    """The visit that the payment has, for its record: HIS knows by medOrgOrd only the visits that were made for it."""


class Booking(Frozen):
    """What HIS has for this medOrgOrd. None: nothing. `visit_patient_id`: whose the caller's VISIT_ID is."""

    visit_id: str | None = None
    settlement_no: str | None = None
    visit_patient_id: str | None = None


class HisPayment(Step):
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


class Reverse(Step):
    """6203 with revsToken, asking 6301 first on every further attempt; records REVERSED with `end`.

    With `pay_auth_no`, which the patient gave a person of the review queue, it is a refund with that instead.
    """

    reference: OrderReference
    settlement: Settlement
    refund_type: RefundType
    end: PaymentEnd
    pay_auth_no: str = ""


class Reversed(Frozen):
    """The money went back. `refd_sn` is the centre's refund number where it gave one."""

    refd_sn: str


class CancelRegistration(Step):
    """Take back a visit that we registered."""

    patient_id: str
    visit_id: str


class TellRefund(Step):
    """Tell HIS that money of a payment which it has booked went back. A repeat carries the same `refund_no`."""

    refund_no: str
    total_fen: Fen


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
