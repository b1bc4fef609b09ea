"""What the workflows may ask for, without what it takes to do it: no HTTP, no database is imported here.

Each method is an activity. Its docstring says how it ends besides well: an `ApplicationError` whose `type` is an
`ErrorCode` (a refusal that a caller is told) or an `Outcome` (`not_sent`, `unknown`: repeated within the budget).
"""

from abc import ABC, abstractmethod

from temporalio import activity

from domain import steps
from domain.insurance import UploadedFees
from domain.notifications import Delivery, Notify


class HisActivities(ABC):
    """The hospital information system."""

    @activity.defn(name="his_price_bill")
    @abstractmethod
    async def price_bill(self, step: steps.PriceBill) -> steps.PricedBill:
        """PATIENT_MISMATCH, BILL_NOT_FOUND, BILL_ALREADY_PAID, TOTAL_MISMATCH, HIS_REFUSED; not_sent, unknown."""

    @activity.defn(name="his_find_booking")
    @abstractmethod
    async def find_booking(self, step: steps.FindBooking) -> steps.Booking:
        """not_sent, unknown."""

    @activity.defn(name="his_register")
    @abstractmethod
    async def register(self, step: steps.HisPayment) -> steps.Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @activity.defn(name="his_settle")
    @abstractmethod
    async def settle(self, step: steps.HisPayment) -> steps.Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @activity.defn(name="his_cancel_registration")
    @abstractmethod
    async def cancel_registration(self, step: steps.CancelRegistration) -> None:
        """HIS_REFUSED; not_sent, unknown."""


class InsuranceActivities(ABC):
    """The insurance centre."""

    @activity.defn(name="insurance_6201_upload_fees")
    @abstractmethod
    async def upload_fees(self, step: steps.UploadFees) -> UploadedFees:
        """INSURANCE_REFUSED; not_sent, unknown. A refused repeat carries UPLOAD_ORPHANED in its details."""

    @activity.defn(name="insurance_6202_place_order")
    @abstractmethod
    async def place_order(self, step: steps.PlaceOrder) -> steps.PreSettlement:
        """INSURANCE_REFUSED, AMOUNT_INCONSISTENT; not_sent, unknown."""

    @activity.defn(name="insurance_6301_ask_order")
    @abstractmethod
    async def ask_order(self, step: steps.AskOrder) -> steps.OrderAnswer:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @activity.defn(name="insurance_6401_revoke_order")
    @abstractmethod
    async def revoke_order(self, step: steps.RevokeOrder) -> steps.Revoked:
        """INSURANCE_REFUSED; not_sent, unknown."""

    @activity.defn(name="insurance_6203_reverse")
    @abstractmethod
    async def reverse(self, step: steps.Reverse) -> steps.Reversed:
        """INSURANCE_REFUSED; not_sent, unknown."""


class HolderActivities(ABC):
    """The other payment of the same bill."""

    @activity.defn(name="withdraw_holder")
    @abstractmethod
    async def withdraw_holder(self, step: steps.WithdrawHolder) -> None:
        """BILL_ALREADY_PAID where it is paid, or a person must decide it; unknown while it is undecided."""


class RecordActivities(ABC):
    """Our own records."""

    @activity.defn(name="record_end")
    @abstractmethod
    async def record_end(self, step: steps.RecordEnd) -> None:
        """Only the database's own failures, which are repeated."""

    @activity.defn(name="claim_bills")
    @abstractmethod
    async def claim_bills(self, step: steps.ClaimBills) -> steps.Claimed:
        """Only the database's own failures, which are repeated."""


class NotificationActivities(ABC):
    """Whoever asked for a payment is told how it ended."""

    @activity.defn(name="webhook_deliver")
    @abstractmethod
    async def deliver(self, notice: Notify) -> Delivery:
        """DELIVERED, GONE or SUPERSEDED; not_sent, unknown."""

    @activity.defn(name="webhook_give_up")
    @abstractmethod
    async def give_up(self, notice: Notify) -> None:
        """Only the database's own failures, which are repeated."""
