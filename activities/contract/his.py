"""Steps with the hospital information system."""

from abc import ABC, abstractmethod
from datetime import datetime

from activities.contract.base import Step
from activities.reporting import Activities, declared
from domain.base import Frozen
from domain.bills import Bill
from domain.errors import ErrorCode, Transaction
from domain.orders import Category, HisPayment, Order
from domain.values.fen import Fen


class PriceBill(Step):
    """Ask HIS for patient, fees and visit, compare them with the order, take its number at the centre, lock the bills;
    records PRICED."""

    order: Order
    accepted_at: datetime
    centre_account: str
    payable_s: int


class PricedBill(Bill):
    """HIS's bill, locked for this payment unless `held_by` another live one, given by medOrgOrd (product rule 3)."""

    held_by: str | None = None


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

    @property
    def subject(self) -> str:
        return self.visit_id or ""


class CancelRegistration(Step):
    """Cancel a visit that we registered."""

    patient_id: str
    visit_id: str

    @property
    def subject(self) -> str:
        return self.visit_id


class TellRefund(Step):
    """Tell HIS that money went back; recorded with the refund, if there is one. `refund_no` identifies repeats."""

    refund_no: str
    total_fen: Fen

    @property
    def subject(self) -> str:
        return self.refund_no

    @property
    def sent_as(self) -> str:
        return self.refund_no


class HisActivities(Activities, ABC, refused_as=ErrorCode.HIS_REFUSED):
    """The hospital information system."""

    @declared("his_price_bill", adopted=True)
    @abstractmethod
    async def price_bill(self, step: PriceBill) -> PricedBill:
        """PATIENT_MISMATCH, BILL_NOT_FOUND, BILL_ALREADY_PAID, TOTAL_MISMATCH, HIS_REFUSED; ORDER_CONFLICT if another
        hospital at the same account has used the medOrgOrd; not_sent, unknown."""

    @declared("his_find_booking")
    @abstractmethod
    async def find_booking(self, step: FindBooking) -> Booking:
        """not_sent, unknown."""

    @declared("his_register", adopted=True, sends=Transaction.REGISTER)
    @abstractmethod
    async def register(self, step: BookPayment) -> Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_settle", adopted=True, sends=Transaction.SETTLE)
    @abstractmethod
    async def settle(self, step: BookPayment) -> Booking:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_cancel_registration", adopted=True, sends=Transaction.CANCEL_REGISTRATION)
    @abstractmethod
    async def cancel_registration(self, step: CancelRegistration) -> None:
        """HIS_REFUSED; not_sent, unknown."""

    @declared("his_tell_refund", adopted=True, sends=Transaction.TELL_REFUND)
    @abstractmethod
    async def tell_refund(self, step: TellRefund) -> None:
        """HIS_REFUSED; not_sent, unknown."""
