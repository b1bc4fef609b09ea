"""The hospital information system as the activities see it. Every method raises `Refused`, `NotSent` or `Unknown`.

`Refused.reason` of the reading operations is one of `REASONS` where HIS gave one.
"""

from typing import Protocol

from domain.base import Frozen
from domain.bills import Fees, Patient
from domain.fen import Fen
from domain.orders import HisPayment

PATIENT_NOT_FOUND = "PATIENT_NOT_FOUND"
CLINIC_NOT_FOUND = "CLINIC_NOT_FOUND"
BILL_NOT_FOUND = "BILL_NOT_FOUND"
BILL_ALREADY_PAID = "BILL_ALREADY_PAID"
VISIT_NOT_FOUND = "VISIT_NOT_FOUND"
REASONS = (PATIENT_NOT_FOUND, CLINIC_NOT_FOUND, BILL_NOT_FOUND, BILL_ALREADY_PAID, VISIT_NOT_FOUND)


class Registration(Frozen):
    """A visit that HIS made for a medOrgOrd."""

    visit_id: str
    patient_id: str


class HisRefund(Frozen):
    """What HIS is told of a refund or a reversal."""

    med_org_ord: str
    refund_no: str
    total_fen: Fen


class HospitalSystem(Protocol):
    async def patient(self, patient_id: str) -> Patient:
        """The patient, insured or not."""

    async def registration_fees(self, clinic_id: str, patient_id: str) -> Fees:
        """The price of a registration at this clinic."""

    async def prescription_fees(self, order_ids: tuple[str, ...], patient_id: str) -> Fees:
        """The unpaid prescriptions' fee lines; `Fees.patient_id` says whose they are."""

    async def visit_patient(self, visit_id: str) -> str:
        """The PATIENT_ID of a visit."""

    async def register(self, payment: HisPayment) -> str:
        """Make the visit; its VISIT_ID."""

    async def registration_query(self, med_org_ord: str) -> Registration | None:
        """The live (not cancelled) visit made for this medOrgOrd."""

    async def settle(self, payment: HisPayment) -> str:
        """Write the settlement record; its number."""

    async def settlement_query(self, med_org_ord: str) -> str | None:
        """The settlement number written for this medOrgOrd."""

    async def cancel_registration(self, med_org_ord: str, visit_id: str, patient_id: str) -> None:
        """Take back a visit."""

    async def refund(self, refund: HisRefund) -> None:
        """Tell HIS that money went back."""
