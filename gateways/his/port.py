"""The port to the hospital information system. Every method raises `Refused`, `NotSent` or `Unknown`.

For read operations `Refused.reason` is one of `REASONS` if HIS gave one, else empty.
"""

from enum import StrEnum
from typing import Protocol

from domain.base import Frozen
from domain.bills import Fees, Patient
from domain.errors import Transaction
from domain.orders import HisPayment
from domain.values.fen import Fen

PATIENT_NOT_FOUND = "PATIENT_NOT_FOUND"
CLINIC_NOT_FOUND = "CLINIC_NOT_FOUND"
BILL_NOT_FOUND = "BILL_NOT_FOUND"
BILL_ALREADY_PAID = "BILL_ALREADY_PAID"
VISIT_NOT_FOUND = "VISIT_NOT_FOUND"
REASONS = (PATIENT_NOT_FOUND, CLINIC_NOT_FOUND, BILL_NOT_FOUND, BILL_ALREADY_PAID, VISIT_NOT_FOUND)


class HisRepeats(StrEnum):
    """What HIS does with a change that arrives while an earlier one with the same key is still at work.

    SAFE: it is known to write one record and to answer both with it. ASK: nobody knows.
    """

    SAFE = "safe"
    ASK = "ask"


class Registration(Frozen):
    """The visit that HIS created for a medOrgOrd."""

    visit_id: str
    patient_id: str


class HisRefund(Frozen):
    """A refund or reversal, as reported to HIS."""

    med_org_ord: str
    refund_no: str
    total_fen: Fen


class HospitalSystem(Protocol):
    @property
    def repeats_safely(self) -> bool:
        """Whether a call may be repeated while the one before it may still be at work, see `HisRepeats`."""

    def timeout_s(self, transaction: Transaction) -> float:
        """The limit of one call, in seconds. A call may still take effect until twice that time has passed."""

    async def patient(self, patient_id: str) -> Patient:
        """The patient, insured or not."""

    async def registration_fees(self, clinic_id: str, patient_id: str) -> Fees:
        """The fee lines of a registration at this clinic."""

    async def prescription_fees(self, order_ids: tuple[str, ...], patient_id: str) -> Fees:
        """The fee lines of unpaid prescriptions, which may be another patient's: see `Fees.patient_id`."""

    async def visit_patient(self, visit_id: str) -> str:
        """The PATIENT_ID of a visit."""

    async def register(self, payment: HisPayment) -> str:
        """Create the visit; its VISIT_ID."""

    async def registration_query(self, med_org_ord: str) -> Registration | None:
        """The visit created for this medOrgOrd, unless it is cancelled."""

    async def settle(self, payment: HisPayment) -> str:
        """Write the settlement record; its number."""

    async def settlement_query(self, med_org_ord: str) -> str | None:
        """The settlement number written for this medOrgOrd."""

    async def cancel_registration(self, med_org_ord: str, visit_id: str, patient_id: str) -> None:
        """Cancel a visit."""

    async def refund(self, refund: HisRefund) -> None:
        """Report to HIS that money was refunded."""
