"""What the repositories give and take: plain values with every secret opened."""

from datetime import datetime
from enum import StrEnum

from domain.errors import ErrorCode
from domain.fen import Fen
from domain.insurance import Split
from domain.notifications import NotificationEvent, NotificationStatus, webhook_id
from domain.orders import Frozen, Order
from domain.outcomes import Outcome
from domain.states import PaymentState
from domain.steps import PaymentKey, Settlement


class PaymentFacts(Frozen):
    """What became known of a payment. Only the fields that are set are written; a None that is set erases."""

    pay_ord_id: str | None = None
    pay_token: str | None = None
    patient_type_id: str = ""
    ipt_otp_no: str = ""
    si_personal_no: str = ""
    insured_name: str = ""
    """The patient's name as HIS has it."""
    balance_fen: Fen | None = None
    split: Split | None = None
    """6202's. What was settled in the end stands in `settlement`."""
    window_ends_at: datetime | None = None
    settlement: Settlement | None = None
    visit_id: str | None = None
    """The visit that HIS has now. The caller's VISIT_ID of interface 1 stands in the order."""
    registered_by_us: bool = False
    settlement_no: str | None = None
    error_code: ErrorCode | None = None
    error_message: str = ""
    note: str = ""


class PaymentRecord(PaymentFacts):
    """A payment as our row has it."""

    order: Order
    state: PaymentState
    state_since: datetime
    accepted_at: datetime
    updated_at: datetime
    revision: int
    refunded_own_fen: Fen = Fen(0)
    refunded_acct_fen: Fen = Fen(0)
    refunded_fund_fen: Fen = Fen(0)
    """What went back of each part, or is reserved for the refund under way."""
    refunding: str = ""
    """The refundNo of the refund under way."""


class EndedCall(Frozen):
    """A remote call that is over, with what came of it."""

    transaction: str
    begun_at: datetime
    outcome: Outcome
    duration_ms: int
    message: str


class TimelineKind(StrEnum):
    STATE = "state"
    CALL = "call"
    WEBHOOK = "webhook"


class TimelineEntry(Frozen):
    """A state that was reached, or a call that was made. `name`: the state, the transaction, or a webhook's event.

    A call without an outcome is under way, or nobody came back from it.
    """

    at: datetime
    kind: TimelineKind
    name: str
    outcome: Outcome | None = None
    duration_ms: int | None = None
    message: str = ""


class NotificationRecord(PaymentKey):
    """What a caller is told, and how far that has come. `runs`: how often a delivery was started."""

    id: int
    refund_no: str
    event: NotificationEvent
    body: str
    created_at: datetime
    started_at: datetime | None
    delivered_at: datetime | None
    given_up_at: datetime | None
    runs: int

    @property
    def webhook_id(self) -> str:
        return webhook_id(self, self.id)

    @property
    def status(self) -> NotificationStatus:
        if self.started_at is None:
            return NotificationStatus.WAITING
        if self.delivered_at is not None:
            return NotificationStatus.DELIVERED
        if self.given_up_at is not None:
            return NotificationStatus.GIVEN_UP
        return NotificationStatus.SENDING if self.runs else NotificationStatus.NO_WEBHOOK
