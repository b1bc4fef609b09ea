"""What the workflow asks of its activities, and what it is told: one argument and one result each.

Every request carries a `revision`, which the workflow counts up with each request. A record keeps the newest: an
activity that was given up for dead and finishes late can't take a payment back.
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
    """The start of every activity's argument."""

    revision: int


class StepStart(TypedDict):
    """A step's own fields, as a workflow gives them."""

    hospital: str
    med_org_ord: str
    revision: int


class PriceBill(Step):
    """Ask HIS for patient, fees and visit, compare them with the order, record PRICED."""

    order: Order
    accepted_at: datetime


class PricedBill(Bill):
    """HIS's bill, locked for this payment; or `held_by`, the medOrgOrd of the live payment that has it (rule 3)."""

    held_by: str | None = None


class WithdrawHolder(Step):
    """Ask the payment that holds a bill of ours to withdraw: 6301, and if it is not paid 6401."""

    holder: str


class LockBills(Step):
    """Lock the order's bills once more, after their holder has given them free."""

    order: Order
    accepted_at: datetime


class LockedBills(Frozen):
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


class Recorded(StrEnum):
    """What a settlement that the centre tells of becomes in the payment's row."""

    PAID = "paid"
    """PAID, if the amounts are those of the pre-settlement."""
    SETTLEMENT = "settlement"
    """The settlement alone: money that came after an unpaid end."""
    NOTHING = "nothing"
    """A finding, for a person who looks."""


class AskOrder(Step):
    """6301; records PAID, with the settlement and the reversal deadline, if the centre has settled `split`.

    `split`: 6202's; None where there was none.
    """

    reference: OrderReference
    split: Split | None
    accepted_at: datetime
    reversal_window_s: int
    record: Recorded = Recorded.PAID


class OrderAnswer(Frozen):
    """6301 as read: the status, and where the money has moved the settlement. `consistent` is rule 11's comparison."""

    status: OrderStatus
    settlement: Settlement | None = None
    consistent: bool = True


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


class BookPayment(HisPayment, Step):
    """`register` and `settle` in HIS: they record REGISTERED with the visit, and SETTLED with the settlement number."""


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
    """Tell HIS that money went back, and record it of the refund if it was one. HIS knows a repeat by `refund_no`."""

    refund_no: str
    total_fen: Fen


class NoteCase(Step):
    """Write down what somebody did with a case. `refund_no` is empty where the case is the payment itself."""

    refund_no: str = ""
    event: CaseEvent
    action: ReviewAction
    by: str
    reason: str
    at: datetime


class ResolveCase(Step):
    """Take a payment out of review: to PAID, where its story goes on, or to SETTLED. What is None is not written.

    `bills`: those that it locks anew, since an end that came before may have given them free (product rule 3).
    """

    state: PaymentState
    settlement: Settlement | None
    split: Split | None = None
    settlement_no: str | None = None
    visit_id: str | None = None
    bills: tuple[str, ...] = ()


class ReserveRefund(Step):
    """Take the parts out of what may still go back. `last_try`: another refund under way is then a refusal."""

    order: RefundOrder
    cash_refunded_by: CashRefundedBy
    last_try: bool


class RefundStep(Step):
    """A step of a refund whose parts are reserved."""

    refund_no: str
    reserved: Reserved


class RefundMoney(RefundStep):
    """6203, asking 6301 first wherever an earlier one may have arrived; records the good end.

    `sends_max`: how many 6203 of this refund may arrive in all, those of earlier steps included.
    """

    refund_type: RefundType
    pay_auth_no: str
    reason: str
    sends_max: int


class RefundMade(Frozen):
    """The money went back. `refd_sn` is the centre's number, empty where only 6301 said so."""

    refd_sn: str


class AskRefund(RefundStep):
    """6301, to see whether the refund was made."""


class EndRefund(Step):
    """Write `end`. REFUND_FAILED gives the reservation back; IN_REVIEW opens a case, every other end closes it."""

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
        """HIS_REFUSED; not_sent, unknown. HIS knows a repeat by its refund_no."""


class CentreActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """The insurance centre."""

    @declared("insurance_6201_upload_fees")
    @abstractmethod
    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        """INSURANCE_REFUSED; not_sent, unknown. A refused repeat carries UPLOAD_ORPHANED in its details."""

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
    """A payment's bills, and the other payment that has one of them."""

    @declared("lock_bills")
    @abstractmethod
    async def lock_bills(self, step: LockBills) -> LockedBills:
        """Only the database's own failures, which are repeated."""

    @declared("withdraw_holder")
    @abstractmethod
    async def withdraw_holder(self, step: WithdrawHolder) -> None:
        """BILL_ALREADY_PAID where it is paid, or a person must decide it; unknown while it is undecided."""


class RecordActivities(Activities, ABC):
    """Our own records."""

    @declared("record_end")
    @abstractmethod
    async def record_end(self, step: RecordEnd) -> None:
        """Only the database's own failures, which are repeated."""

    @declared("record_case_event")
    @abstractmethod
    async def record_case_event(self, step: NoteCase) -> None:
        """Only the database's own failures, which are repeated. A repeat writes nothing again."""

    @declared("record_resolution")
    @abstractmethod
    async def record_resolution(self, step: ResolveCase) -> None:
        """BILL_ALREADY_PAID: another payment has the bill by now, and nothing is written."""


class WebhookActivities(Activities, ABC):
    """Whoever asked for a payment is told how it ended."""

    @declared("webhook_deliver")
    @abstractmethod
    async def deliver(self, notice: Notify) -> Delivery:
        """DELIVERED, GONE or SUPERSEDED; not_sent, unknown."""

    @declared("webhook_give_up")
    @abstractmethod
    async def give_up(self, notice: Notify) -> None:
        """Only the database's own failures, which are repeated."""


class RefundActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """Refunds of settled payments, from the reservation to the end."""

    @declared("refund_reserve")
    @abstractmethod
    async def reserve(self, step: ReserveRefund) -> Reserved | None:
        """None: another one is under way. NOT_REFUNDABLE, REFUND_EXCEEDS_PAID, REFUND_CONFLICT: it is REFUND_FAILED."""

    @declared("insurance_6203_refund")
    @abstractmethod
    async def refund(self, step: RefundMoney) -> RefundMade:
        """INSURANCE_REFUSED; not_sent: nothing can have arrived; unknown, finally so once `sends_max` are out."""

    @declared("insurance_6301_ask_refund")
    @abstractmethod
    async def ask_refund(self, step: AskRefund) -> RefundLook:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("refund_end")
    @abstractmethod
    async def end_refund(self, step: EndRefund) -> None:
        """Only the database's own failures, which are repeated."""
