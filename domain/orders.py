"""What the caller orders: interface 1 (医保支付下单) after validation, and interface 2 (医保支付结果回写)."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.fen import Fen, yuan


class Category(StrEnum):
    REGISTRATION = "1"
    OUTPATIENT = "2"


class Channel(StrEnum):
    WECHAT = "WeChat"
    ALIPAY = "Alipay"


class Frozen(BaseModel):
    """An immutable value that may cross a workflow's border."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(Frozen):
    """One validated call of interface 1 for one hospital. `id_no` has an upper-case X, texts are trimmed."""

    hospital: str
    med_org_ord: str
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
        """The stable facts that make two calls the same transaction (product rule 2), by their interface names.

        Never payAuthNo, uldLatlnt, time or ciphertext: they differ on each honest repeat.
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
        """The first fingerprint field in which `other` is another transaction, or None."""
        ours, theirs = self.fingerprint_fields(), other.fingerprint_fields()
        return next((field for field, value in ours.items() if theirs[field] != value), None)


class SettleRequest(Frozen):
    """One validated call of interface 2."""

    hospital: str
    med_org_ord: str
    pay_ord_id: str
    patient_id: str
    visit_id: str | None = None
    channel: Channel | None = None

    @property
    def workflow_id(self) -> str:
        return payment_workflow_id(self.hospital, self.med_org_ord)


class Registers(StrEnum):
    """Who makes the visit of a registration in HIS (product rule 9)."""

    MEDPAY = "medpay"
    CALLER = "caller"


class PaymentTerms(Frozen):
    """The hospital's limits for one payment, fixed when it starts: a later change of settings never moves them."""

    pre_settle_budget_s: int
    payment_window_s: int
    auto_finish_after_s: int
    his_retry_budget_s: int
    reversal_window_s: int
    registers: Registers = Registers.MEDPAY
    cash_refunded_by: Literal["centre", "channel"] = "centre"
    call_timeout_s: int = 20
    """The longest that one remote call may take, of all of the centre's transactions and HIS's."""
    his_timeout_s: int = 20
    """The longest that one call to HIS may take: a booking may still arrive until that has passed twice."""
    paid_shown_after_ms: int = 0
    """For how long a payment must be PAID before Temporal's search attributes say so. 0, as payments that began
    before 2026-12 have it: at once."""


def payment_workflow_id(hospital: str, med_org_ord: str) -> str:
    return f"payment-{hospital}-{med_org_ord}"
