"""The values that repositories take and return, with every secret opened."""

from datetime import datetime
from enum import StrEnum

from domain.base import Frozen, PaymentKey
from domain.errors import ErrorCode, Outcome, Transaction
from domain.insurance import RefundParts, RefundType, Settlement, Split, paid_parts
from domain.notifications import NotificationEvent, NotificationStatus, webhook_id
from domain.orders import Category, Channel, Order
from domain.reviews import CaseEvent, ReviewAction
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen


class PaymentFacts(Frozen):
    """What became known about a payment. Only fields that are set are written; one set to None is erased."""

    pay_ord_id: str | None = None
    pay_token: str | None = None
    patient_type_id: str = ""
    ipt_otp_no: str = ""
    si_personal_no: str = ""
    insured_name: str = ""
    """The patient's name in HIS."""
    balance_fen: Fen | None = None
    split: Split | None = None
    """6202's. What was finally settled is in `settlement`."""
    window_ends_at: datetime | None = None
    settlement: Settlement | None = None
    visit_id: str | None = None
    """The visit in HIS now. The VISIT_ID of interface 1 is in the order."""
    registered_by_us: bool = False
    settlement_no: str | None = None
    reversal_sn: str = ""
    """The refdSn of the reversal. Empty: there was none, or its answer was lost."""
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
    """What was refunded of each part, or is reserved for the refund in progress."""
    refunding: str = ""
    """The refundNo of the refund in progress."""

    @property
    def paid(self) -> RefundParts:
        """What can be refunded in all: the parts as settled, or else as pre-settled."""
        split = self.settlement.split if self.settlement else self.split
        return RefundParts() if split is None else paid_parts(split)

    @property
    def refunded(self) -> RefundParts:
        """What was refunded or is reserved."""
        return RefundParts(
            own_pay_fen=self.refunded_own_fen, psn_acct_fen=self.refunded_acct_fen, fund_fen=self.refunded_fund_fen
        )


class PaymentLine(Frozen):
    """A payment in a list, without personal data."""

    hospital: str
    med_org_ord: str
    state: PaymentState
    state_since: datetime
    accepted_at: datetime
    category: Category
    channel: Channel
    total_fen: Fen
    pay_ord_id: str | None
    error_code: ErrorCode | None
    note: str | None


class PaymentQuery(Frozen):
    """Selects payments of a hospital, accepted from `begins` on and before `ends`. None: no restriction."""

    hospital: str
    state: PaymentState | None = None
    channel: Channel | None = None
    category: Category | None = None
    begins: datetime | None = None
    ends: datetime | None = None


class Place(Frozen):
    """A payment's position in the list."""

    accepted_at: datetime
    med_org_ord: str


class WatchedPayment(PaymentKey):
    """A payment whose workflow may need to be woken, or to be started again."""

    state: PaymentState
    state_since: datetime


class StepKey(Frozen):
    """Identifies a step. `number`: counts the workflow's steps of this name, from 1."""

    workflow_id: str
    name: str
    number: int


class FinishedStep(Frozen):
    """How a step ended: done or refused. `result`: its result as JSON; None once it is erased."""

    outcome: Outcome
    subject: str
    result: str | None


class EarlierCall(Frozen):
    """An earlier call of a step that is not finished, or one that may have reached the other side.

    `outcome`: None if it may be in progress, or was lost with its process. `answered`: a whole answer came, so that it
    is over, even if its outcome is unknown. `message`: the refusal's.
    """

    begun_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    answered: bool
    message: str


class EndedCall(Frozen):
    """A remote call that has ended, with its outcome."""

    transaction: Transaction
    begun_at: datetime
    outcome: Outcome
    duration_ms: int
    message: str
    answered: bool = True


class TimelineKind(StrEnum):
    STATE = "state"
    CALL = "call"
    NOTICE = "notice"
    WEBHOOK = "webhook"
    REFUND = "refund"
    """A refund reached a state, or was reported to HIS."""
    DECISION = "decision"
    """What a person did about a case in the review queue."""
    FOREIGN = "foreign"
    """Something was found in Temporal that we had not sealed, and was refused."""


class TimelineEntry(Frozen):
    """A state reached, a call made, a notice received, a decision, or a notification given up.

    `name`: the state, the transaction, the action or the event. A call without an outcome is in progress or was lost.
    """

    at: datetime
    kind: TimelineKind
    name: str
    outcome: Outcome | None = None
    duration_ms: int | None = None
    message: str = ""


class ReceivedNotice(Frozen):
    """A 6302 that was received. `message`: what was done about it, in Chinese.

    `signature_digest`: equal for the same notice sent again by anyone.
    """

    pay_ord_id: str
    ord_stas: str
    received_at: datetime
    message: str
    signature_digest: str


class NotificationRecord(PaymentKey):
    """A notification to a caller with its delivery status. `runs`: how often a delivery was started."""

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


class CaseOpening(Frozen):
    """A new case for the review queue. `refund_no` is empty for the payment's own case.

    `workflow_id`: the workflow that owns the case. `at_risk_fen`: the money whose whereabouts are uncertain.
    """

    key: PaymentKey
    refund_no: str = ""
    workflow_id: str
    reason: str
    message: str
    at_risk_fen: Fen
    opened_at: datetime
    deadline: datetime | None = None


class CaseRecord(CaseOpening):
    """A case as our row has it. `outcome`: the state that the decision led to, once closed."""

    id: int
    closed_at: datetime | None
    outcome: str | None


class CaseEventRecord(Frozen):
    """What someone did about a case, or was refused, and why. `proposal`: the proposal's id; empty if there is none."""

    event: CaseEvent
    action: ReviewAction
    by: str
    reason: str
    at: datetime
    proposal: str = ""


class RefundRecord(Frozen):
    """A refund as our row has it, without its payAuthNo, which is never read from there."""

    key: PaymentKey
    refund_no: str
    state: RefundState
    refund_type: RefundType
    parts: RefundParts
    """What is reserved or was refunded; of a failed refund, what would have been."""
    reason: str
    requested_by: str
    app_refd_sn: str
    refd_sn: str
    requested_at: datetime
    updated_at: datetime
    his_told_at: datetime | None
    error_code: ErrorCode | None
    error_message: str
    note: str
