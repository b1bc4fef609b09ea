"""The contract between workflows and activities: names, arguments, results and failures.

The docstring of an activity lists how it may fail: first the error codes of refusals, then not_sent and unknown. Every
argument carries a `revision`, which the workflow increases with each call. A row keeps the highest revision, so that
an activity which finishes after it was given up cannot set a payment back.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from activities.reporting import Activities, declared
from domain.base import Frozen, PaymentKey
from domain.bills import Bill
from domain.errors import ErrorCode
from domain.fen import Fen
from domain.insurance import OrderReference, OrderStatus, PreSettlement, RefundType, Settlement, Split, UploadedFees
from domain.notifications import Delivery, Notify
from domain.orders import CashRefundedBy, Category, HisPayment, Order, PaymentEnd
from domain.refunds import RefundEnd, RefundLook, RefundOrder, Reserved
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState


class Step(PaymentKey):
    """The fields that every activity's argument starts with."""

    revision: int


class StepStart(TypedDict):
    """The fields of `Step`, as keyword arguments."""

    hospital: str
    med_org_ord: str
    revision: int


class PriceBill(Step):
    """Ask HIS for patient, fees and visit, compare them with the order, lock the bills; records PRICED."""

    order: Order
    accepted_at: datetime


class PricedBill(Bill):
    """HIS's bill, locked for this payment unless `held_by` another live one, given by medOrgOrd (product rule 3)."""

    held_by: str | None = None


class WithdrawHolder(Step):
    """Ask the payment that holds our bill lock to withdraw: by 6301, and 6401 if it is not paid."""

    holder: str


class LockBills(Step):
    """Lock the order's bills after their holder has withdrawn."""

    order: Order
    accepted_at: datetime


class LockedBills(Frozen):
    """`held_by`: the medOrgOrd of another live payment that holds one of the bills. None: they are locked for us."""

    held_by: str | None = None


class UploadFees(Step):
    """6201; records FEE_UPLOADED."""

    order: Order
    bill: Bill


class PlaceOrder(Step):
    """6202; records PRE_SETTLED with the split and when the payment window closes."""

    pay_auth_no: str
    total_fen: Fen
    uploaded: UploadedFees
    reference: OrderReference
    payment_window_s: int


class Recorded(StrEnum):
    """What the payment's row takes from a settlement that 6301 reports."""

    PAID = "paid"
    """The settlement, and PAID if its amounts are those of the pre-settlement."""
    SETTLEMENT = "settlement"
    """The settlement without a new state: late money after an unpaid end."""
    NOTHING = "nothing"
    """Nothing: a person in the review queue is looking."""


class AskOrder(Step):
    """6301; records a settlement as `record` says. `split`: 6202's, None if its answer never came."""

    reference: OrderReference
    split: Split | None
    accepted_at: datetime
    reversal_window_s: int
    record: Recorded = Recorded.PAID


class OrderAnswer(Frozen):
    """6301's answer, with the settlement if it is paid. `consistent`: the amounts are `split`'s (product rule 11)."""

    status: OrderStatus
    settlement: Settlement | None = None
    consistent: bool = True


class RecordEnd(Step):
    """Record an end, or IN_REVIEW, that no remote call has recorded."""

    order: Order
    accepted_at: datetime
    end: PaymentEnd


class RevokeOrder(Step):
    """6401, after 6301 if an earlier attempt may have arrived; records `end`."""

    reference: OrderReference
    end: PaymentEnd


class Revoked(Frozen):
    """`ord_stas`: 12 if the order is revoked. Else 6401 was refused, and this is 6301's current answer."""

    ord_stas: int


class FindBooking(Step):
    """Ask HIS by medOrgOrd what it has booked, and whose visit `visit_id` is, if there is one to check."""

    category: Category
    patient_id: str
    visit_id: str | None
    record: bool
    """Whether a settlement in HIS is recorded as SETTLED. False where it is only a finding, as after a reversal."""
    agreed_visit_id: str | None = None
    """The payment's visit, to record it: by medOrgOrd HIS finds only visits that were registered with it."""


class Booking(Frozen):
    """What HIS has for this medOrgOrd, None for nothing. `visit_patient_id`: whose visit the one asked about is."""

    visit_id: str | None = None
    settlement_no: str | None = None
    visit_patient_id: str | None = None


class BookPayment(HisPayment, Step):
    """`register`, which records REGISTERED with the visit, and `settle`, which records SETTLED with its number."""


class Reverse(Step):
    """6203 with revsToken, after 6301 on every further attempt; records `end`, REVERSED.

    With `pay_auth_no`, which the patient has given for a review's decision, it is sent instead of revsToken.
    """

    reference: OrderReference
    settlement: Settlement
    refund_type: RefundType
    end: PaymentEnd
    pay_auth_no: str = ""


class Reversed(Frozen):
    """The money went back. `refd_sn`: the centre's refund number, empty if only 6301 says so."""

    refd_sn: str


class CancelRegistration(Step):
    """Cancel a visit that we registered."""

    patient_id: str
    visit_id: str


class TellRefund(Step):
    """Tell HIS that money went back; recorded with the refund, if there is one. `refund_no` identifies repeats."""

    refund_no: str
    total_fen: Fen


class NoteCase(Step):
    """Record what somebody did with a case. `refund_no`: empty if the payment itself is under review."""

    refund_no: str = ""
    event: CaseEvent
    action: ReviewAction
    by: str
    reason: str
    at: datetime


class ResolveCase(Step):
    """Take a payment out of review: to PAID, to be booked next, or to SETTLED. Fields that are None are not written.

    `bills`: to be locked again, since an earlier end may have released them (product rule 3).
    """

    state: PaymentState
    settlement: Settlement | None
    split: Split | None = None
    settlement_no: str | None = None
    visit_id: str | None = None
    bills: tuple[str, ...] = ()


class ReserveRefund(Step):
    """Reserve the parts to refund. `last_try`: refuse if another refund is under way, instead of waiting for it."""

    order: RefundOrder
    cash_refunded_by: CashRefundedBy
    last_try: bool


class RefundStep(Step):
    """A step of a refund whose parts are reserved."""

    refund_no: str
    reserved: Reserved


class RefundMoney(RefundStep):
    """6203, after 6301 if an earlier one may have arrived; records the refund as made.

    `sends_max`: how often 6203 may be sent for this refund in all, including earlier steps.
    """

    refund_type: RefundType
    pay_auth_no: str
    reason: str
    sends_max: int


class RefundMade(Frozen):
    """The money went back. `refd_sn`: the centre's refund number, empty if only 6301 says so."""

    refd_sn: str


class AskRefund(RefundStep):
    """6301, to see whether the refund was made."""


class EndRefund(Step):
    """Record `end`. REFUND_FAILED releases the reservation; IN_REVIEW opens a case, every other end closes it."""

    refund_no: str
    end: RefundEnd


class HisActivities(Activities, ABC, refused_as=ErrorCode.HIS_REFUSED):
    """The hospital information system."""

    @declared("his_price_bill")
    @abstractmethod
    async def price_bill(self, step: PriceBill) -> PricedBill:
        """PATIENT_MISMATCH, BILL_NOT_FOUND, BILL_ALREADY_PAID, TOTAL_MISMATCH, HIS_REFUSED; not_sent, unknown."""

    @declared("his_find_booking")
    @abstractmethod
    async def find_booking(self, step: FindBooking) -> Booking:
        """not_sent, unknown."""

    @declared("his_register")
    @abstractmethod
    async def register(self, step: BookPayment) -> Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_settle")
    @abstractmethod
    async def settle(self, step: BookPayment) -> Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_cancel_registration")
    @abstractmethod
    async def cancel_registration(self, step: CancelRegistration) -> None:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_tell_refund")
    @abstractmethod
    async def tell_refund(self, step: TellRefund) -> None:
        """HIS_REFUSED; not_sent, unknown."""


class CentreActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """The insurance centre."""

    @declared("insurance_6201_upload_fees")
    @abstractmethod
    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        """INSURANCE_REFUSED; INSURANCE_UNAVAILABLE with the note UPLOAD_ORPHANED for a repeat; not_sent, unknown."""

    @declared("insurance_6202_place_order")
    @abstractmethod
    async def place_order(self, step: PlaceOrder) -> PreSettlement:
        """INSURANCE_REFUSED, AMOUNT_INCONSISTENT; not_sent, unknown."""

    @declared("insurance_6301_ask_order")
    @abstractmethod
    async def ask_order(self, step: AskOrder) -> OrderAnswer:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("insurance_6401_revoke_order")
    @abstractmethod
    async def revoke_order(self, step: RevokeOrder) -> Revoked:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("insurance_6203_reverse")
    @abstractmethod
    async def reverse(self, step: Reverse) -> Reversed:
        """INSURANCE_REFUSED; not_sent, unknown."""


class BillLockActivities(Activities, ABC, refused_as=ErrorCode.BILL_ALREADY_PAID):
    """A payment's bill locks, and the other payment that holds one of them."""

    @declared("lock_bills")
    @abstractmethod
    async def lock_bills(self, step: LockBills) -> LockedBills:
        """Only failures of our database, which are repeated."""

    @declared("withdraw_holder")
    @abstractmethod
    async def withdraw_holder(self, step: WithdrawHolder) -> None:
        """BILL_ALREADY_PAID if the holder is paid or under review; unknown while it is undecided."""


class RecordActivities(Activities, ABC):
    """Our own records."""

    @declared("record_end")
    @abstractmethod
    async def record_end(self, step: RecordEnd) -> None:
        """Only failures of our database, which are repeated."""

    @declared("record_case_event")
    @abstractmethod
    async def record_case_event(self, step: NoteCase) -> None:
        """Only failures of our database, which are repeated. A repeat adds nothing."""

    @declared("record_resolution")
    @abstractmethod
    async def record_resolution(self, step: ResolveCase) -> None:
        """BILL_ALREADY_PAID if another payment holds the bill by now; nothing is written then."""


class WebhookActivities(Activities, ABC):
    """Notifications to callers."""

    @declared("webhook_deliver")
    @abstractmethod
    async def deliver(self, notification: Notify) -> Delivery:
        """DELIVERED, GONE or SUPERSEDED; not_sent, unknown."""

    @declared("webhook_give_up")
    @abstractmethod
    async def give_up(self, notification: Notify) -> None:
        """Only failures of our database, which are repeated."""


class RefundActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """Refunds of settled payments, from the reservation to the end."""

    @declared("refund_reserve")
    @abstractmethod
    async def reserve(self, step: ReserveRefund) -> Reserved | None:
        """UNKNOWN_ORDER; NOT_REFUNDABLE, REFUND_EXCEEDS_PAID, REFUND_CONFLICT, each recorded as REFUND_FAILED.

        Returns None while another refund of the payment is under way.
        """

    @declared("insurance_6203_refund")
    @abstractmethod
    async def refund(self, step: RefundMoney) -> RefundMade:
        """INSURANCE_REFUSED; not_sent if nothing can have arrived; unknown, without retry once `sends_max` are out."""

    @declared("insurance_6301_ask_refund")
    @abstractmethod
    async def ask_refund(self, step: AskRefund) -> RefundLook:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("refund_end")
    @abstractmethod
    async def end_refund(self, step: EndRefund) -> None:
        """Only failures of our database, which are repeated."""
