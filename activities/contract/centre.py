"""Steps with the insurance centre."""

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum

from activities.contract.base import Step
from activities.reporting import Activities, declared
from domain.base import Frozen
from domain.bills import Bill
from domain.errors import ErrorCode, Transaction
from domain.insurance import OrderReference, OrderStatus, PreSettlement, RefundType, Settlement, Split, UploadedFees
from domain.orders import Order, PaymentEnd
from domain.values.fen import Fen


class UploadFees(Step):
    """6201; records FEE_UPLOADED."""

    order: Order
    bill: Bill
    centre_account: str


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


class RevokeOrder(Step):
    """6401, after 6301 if an earlier attempt may have arrived; records `end`."""

    ends = True

    reference: OrderReference
    end: PaymentEnd

    @property
    def subject(self) -> str:
        return self.end.state.value


class Revoked(Frozen):
    """`ord_stas`: 12 if the order is revoked. Else 6401 was refused, and this is 6301's current answer."""

    ord_stas: int


class Reverse(Step):
    """6203 with revsToken, after 6301 on every further attempt; records `end`, REVERSED.

    With `pay_auth_no`, which the patient has given for a review's decision, it is sent instead of revsToken.
    """

    ends = True

    reference: OrderReference
    settlement: Settlement
    refund_type: RefundType
    end: PaymentEnd
    pay_auth_no: str = ""

    @property
    def subject(self) -> str:
        return f"{self.refund_type.value} {'payAuthNo' if self.pay_auth_no else 'revsToken'}"


class Reversed(Frozen):
    """The money went back. `refd_sn`: the centre's refund number; empty: it was lost, and a repeat did not bring it.

    `elsewhere`: 6203 was refused, since the money had gone back past us.
    """

    refd_sn: str
    elsewhere: bool = False


class CentreActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """The insurance centre."""

    @declared("insurance_6201_upload_fees", adopted=True, sends=Transaction.UPLOAD_FEES)
    @abstractmethod
    async def upload_fees(self, step: UploadFees) -> UploadedFees:
        """INSURANCE_REFUSED; INSURANCE_UNAVAILABLE with the note UPLOAD_ORPHANED for a repeat; ORDER_CONFLICT if the
        payOrdId is another payment's; not_sent, unknown."""

    @declared("insurance_6202_place_order", adopted=True, sends=Transaction.PLACE_ORDER)
    @abstractmethod
    async def place_order(self, step: PlaceOrder) -> PreSettlement:
        """INSURANCE_REFUSED, AMOUNT_INCONSISTENT; not_sent, unknown."""

    @declared("insurance_6301_ask_order")
    @abstractmethod
    async def ask_order(self, step: AskOrder) -> OrderAnswer:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("insurance_6401_revoke_order", adopted=True, sends=Transaction.REVOKE_ORDER)
    @abstractmethod
    async def revoke_order(self, step: RevokeOrder) -> Revoked:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("insurance_6203_reverse", adopted=True, sends=Transaction.REFUND)
    @abstractmethod
    async def reverse(self, step: Reverse) -> Reversed:
        """INSURANCE_REFUSED; not_sent, unknown."""
