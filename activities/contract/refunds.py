"""Steps of refunds, and of notifications to callers."""

from abc import ABC, abstractmethod
from datetime import datetime

from activities.contract.base import Step
from activities.reporting import Activities, declared
from domain.base import Frozen
from domain.errors import ErrorCode, Transaction
from domain.insurance import OrderReference, RefundType
from domain.notifications import Delivery, Notify
from domain.ord_stas import RefundLook
from domain.orders import CashRefundedBy
from domain.refunds import RefundEnd, RefundOrder, Reserved
from domain.states import RefundState


class ReserveRefund(Step):
    """Reserve the parts to refund. `last_try`: refuse if another refund is under way, instead of waiting for it."""

    order: RefundOrder
    cash_refunded_by: CashRefundedBy
    last_try: bool


class ProposeRefund(Step):
    """Open the case of a refund that an operator proposes, until somebody approves it or `expires_at`."""

    order: RefundOrder
    cash_refunded_by: CashRefundedBy
    expires_at: datetime


class EndProposal(Step):
    """Close the case of a proposed refund. `message`: why it is not made; empty: it was approved."""

    order: RefundOrder
    message: str = ""


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

    @property
    def sent_as(self) -> str:
        return self.refund_no


class RefundMade(Frozen):
    """The money went back. `refd_sn`: the centre's refund number; empty: it was lost, and a repeat did not bring it.

    `state`: the refund's, as recorded: what was refunded since would make it look different. `note`: for operators.
    """

    refd_sn: str
    state: RefundState
    note: str = ""


class AskRefund(RefundStep):
    """6301, to see whether the refund was made."""


class CheckRefunds(Step):
    """6301 about a settled payment: whether money went back past us; recorded in the payment's note."""

    reference: OrderReference


class RefundsSeen(Frozen):
    """`elsewhere`: the status shows money back that our refunds do not explain."""

    ord_stas: int
    elsewhere: bool


class EndRefund(Step):
    """Record `end`. REFUND_FAILED releases the reservation; IN_REVIEW opens a case, every other end closes it."""

    refund_no: str
    end: RefundEnd


class RefundActivities(Activities, ABC, refused_as=ErrorCode.INSURANCE_REFUSED):
    """Refunds of settled payments, from the reservation to the end."""

    @declared("refund_propose")
    @abstractmethod
    async def propose(self, step: ProposeRefund) -> bool:
        """UNKNOWN_ORDER; NOT_REFUNDABLE, REFUND_EXCEEDS_PAID, each recorded as REFUND_FAILED.

        Returns False if it was approved before: its row is there.
        """

    @declared("refund_end_proposal")
    @abstractmethod
    async def end_proposal(self, step: EndProposal) -> None:
        """Only failures of our database, which are repeated."""

    @declared("refund_reserve")
    @abstractmethod
    async def reserve(self, step: ReserveRefund) -> Reserved | None:
        """UNKNOWN_ORDER; NOT_REFUNDABLE, REFUND_EXCEEDS_PAID, REFUND_CONFLICT, each recorded as REFUND_FAILED.

        Returns None while another refund of the payment is under way.
        """

    @declared("insurance_6203_refund", sends=Transaction.REFUND)
    @abstractmethod
    async def refund(self, step: RefundMoney) -> RefundMade:
        """INSURANCE_REFUSED; NOT_REFUNDABLE with the note REFUNDED_ELSEWHERE if 6301 then shows money back past us;
        not_sent if nothing can have arrived; unknown, without retry once `sends_max` are out.
        """

    @declared("insurance_6301_ask_refund")
    @abstractmethod
    async def ask_refund(self, step: AskRefund) -> RefundLook:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("insurance_6301_check_refunds")
    @abstractmethod
    async def check_refunds(self, step: CheckRefunds) -> RefundsSeen:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @declared("refund_end")
    @abstractmethod
    async def end_refund(self, step: EndRefund) -> None:
        """Only failures of our database, which are repeated."""


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
