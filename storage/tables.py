"""The tables. A row belongs to one payment: its hospital and medOrgOrd (product rule 14).

A column `…_sealed` holds text that only the keyring can open. Amounts are fen, as BIGINT to fit whatever a centre
sends. Only what our own rules guarantee is checked: what the centre or HIS sends is stored as it is, since a record
refused by the database would be money without evidence.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from domain.errors import Outcome
from domain.insurance import RefundType, SetlType
from domain.orders import Category, Channel
from domain.states import PaymentState, RefundState
from domain.values.fen import TOTAL_FEN_MAX
from storage.sql.columns import UtcDateTime, serial_id

HOSPITAL_CHARS_MAX = 32
MED_ORG_ORD_CHARS_MAX = 64
ID_CHARS_MAX = 128
ORDER_IDS_CHARS_MAX = 2_000
BILL_CHARS_MAX = 300
REFUND_NO_CHARS_MAX = 64
MESSAGE_CHARS_MAX = 500
DIGEST_CHARS = 64
WORD_CHARS_MAX = 64
"""For state names, codes and transactions."""


def _one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    names = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=f"{column}_known")


def _not_negative(*columns: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def _of_payment() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"])


REFUNDED_COLUMNS = {
    "own_pay_fen": "refunded_own_fen",
    "psn_acct_fen": "refunded_acct_fen",
    "fund_fen": "refunded_fund_fen",
}
"""By part: the payment's column of what was refunded of it or is reserved."""


def _never_more_back_than_paid() -> list[CheckConstraint]:
    """Product rule 16, enforced by the database."""
    return [
        CheckConstraint(f"{back} BETWEEN 0 AND COALESCE({paid}, 0)", name=f"{back}_paid")
        for paid, back in REFUNDED_COLUMNS.items()
    ]


class Payment(SQLModel, table=True):
    """A payment, as the projection of its workflow. `revision`: numbers the workflow's writes.

    `came_from`: the previous state. `refunding`: the refundNo of the refund in progress.
    `refunded_…_fen`: what was refunded of each part, or is reserved for the refund in progress.
    """

    __table_args__ = (
        _one_of("state", PaymentState),
        _one_of("came_from", PaymentState),
        _one_of("category", Category),
        _one_of("channel", Channel),
        CheckConstraint(f"total_fen BETWEEN 1 AND {TOTAL_FEN_MAX}", name="total_fen_payable"),
        CheckConstraint("revision >= 0", name="revision_not_negative"),
        *_not_negative("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen", "other_fen", "hospital_part_fen"),
        *_never_more_back_than_paid(),
        Index("payment_by_time", "hospital", "accepted_at"),
        Index("payment_by_state", "hospital", "state", "accepted_at"),
        Index("payment_by_pay_ord_id", "hospital", "pay_ord_id"),
        Index("payment_watched", "watched_from"),
    )

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    revision: int = Field(sa_type=BigInteger)
    state: str = Field(max_length=WORD_CHARS_MAX)
    came_from: str | None = Field(max_length=WORD_CHARS_MAX)
    state_since: datetime = Field(sa_type=UtcDateTime)
    accepted_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    patient_id: str = Field(max_length=ID_CHARS_MAX)
    category: str = Field(max_length=1)
    channel: str = Field(max_length=WORD_CHARS_MAX)
    total_fen: int = Field(sa_type=BigInteger)
    clinic_id: str | None = Field(max_length=ID_CHARS_MAX)
    order_ids: str = Field(max_length=ORDER_IDS_CHARS_MAX)
    ordered_visit_id: str | None = Field(max_length=ID_CHARS_MAX)
    id_no_sealed: str = Field(sa_type=Text)
    patient_name_sealed: str | None = Field(sa_type=Text)
    pay_auth_no_sealed: str | None = Field(sa_type=Text)
    uld_latlnt_sealed: str = Field(sa_type=Text)
    pay_ord_id: str | None = Field(max_length=ID_CHARS_MAX)
    pay_token_sealed: str | None = Field(sa_type=Text)
    patient_type_id: str | None = Field(max_length=ID_CHARS_MAX)
    ipt_otp_no: str | None = Field(max_length=ID_CHARS_MAX)
    si_personal_no_sealed: str | None = Field(sa_type=Text)
    balance_fen: int | None = Field(sa_type=BigInteger)
    fee_sum_fen: int | None = Field(sa_type=BigInteger)
    own_pay_fen: int | None = Field(sa_type=BigInteger)
    psn_acct_fen: int | None = Field(sa_type=BigInteger)
    fund_fen: int | None = Field(sa_type=BigInteger)
    other_fen: int | None = Field(sa_type=BigInteger)
    hospital_part_fen: int | None = Field(sa_type=BigInteger)
    window_ends_at: datetime | None = Field(sa_type=UtcDateTime)
    visit_id: str | None = Field(max_length=ID_CHARS_MAX)
    registered_by_us: bool | None
    settlement_no: str | None = Field(max_length=ID_CHARS_MAX)
    reversal_sn: str | None = Field(max_length=ID_CHARS_MAX)
    error_code: str | None = Field(max_length=WORD_CHARS_MAX)
    error_message: str | None = Field(max_length=MESSAGE_CHARS_MAX)
    note: str | None = Field(max_length=MESSAGE_CHARS_MAX)
    insured_name_sealed: str | None = Field(sa_type=Text)
    """The patient's name in HIS, which 6301 and 6401 need even after the payment has ended."""
    refunded_own_fen: int = Field(sa_type=BigInteger, default=0, sa_column_kwargs={"server_default": text("0")})
    refunded_acct_fen: int = Field(sa_type=BigInteger, default=0, sa_column_kwargs={"server_default": text("0")})
    refunded_fund_fen: int = Field(sa_type=BigInteger, default=0, sa_column_kwargs={"server_default": text("0")})
    refunding: str | None = Field(max_length=REFUND_NO_CHARS_MAX)
    watched_from: datetime | None = Field(sa_type=UtcDateTime)
    """Since when the workflow should have gone on, or should be closed. None: nobody has to look."""


class BillLock(SQLModel, table=True):
    """The payment that holds a bill (product rule 3): of a bill's locks, one is live. `bill`: see `domain.orders`."""

    __tablename__ = "bill_lock"
    __table_args__ = (
        _of_payment(),
        Index(
            "bill_lock_live",
            "hospital",
            "bill",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index("bill_lock_of_payment", "hospital", "med_org_ord"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    bill: str = Field(max_length=BILL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    locked_at: datetime = Field(sa_type=UtcDateTime)
    released_at: datetime | None = Field(sa_type=UtcDateTime)


class FeeLine(SQLModel, table=True):
    """One line of the priced bill, as sent by 6201. Keyed by `position`, since HIS's `serial` need not be unique."""

    __tablename__ = "fee_line"
    __table_args__ = (_of_payment(), *_not_negative("amount_fen"))

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    position: int = Field(primary_key=True)
    serial: str = Field(max_length=ID_CHARS_MAX)
    order_id: str = Field(max_length=ID_CHARS_MAX)
    occurred_at: datetime = Field(sa_type=UtcDateTime)
    national_code: str = Field(max_length=ID_CHARS_MAX)
    hospital_code: str = Field(max_length=ID_CHARS_MAX)
    name: str = Field(max_length=MESSAGE_CHARS_MAX)
    specification: str = Field(max_length=MESSAGE_CHARS_MAX)
    quantity: str = Field(max_length=WORD_CHARS_MAX)
    unit_price: str = Field(max_length=WORD_CHARS_MAX)
    amount_fen: int = Field(sa_type=BigInteger)
    department_code: str = Field(max_length=ID_CHARS_MAX)
    department_name: str = Field(max_length=MESSAGE_CHARS_MAX)
    doctor_code: str = Field(max_length=ID_CHARS_MAX)
    doctor_name: str = Field(max_length=MESSAGE_CHARS_MAX)


class Settlement(SQLModel, table=True):
    """What the centre settled, and HIS's settlement number once it has booked it."""

    __table_args__ = (_of_payment(), _one_of("setl_type", SetlType))

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    trace_time: datetime = Field(sa_type=UtcDateTime)
    setl_type: str = Field(max_length=WORD_CHARS_MAX)
    fee_sum_fen: int = Field(sa_type=BigInteger)
    own_pay_fen: int = Field(sa_type=BigInteger)
    psn_acct_fen: int = Field(sa_type=BigInteger)
    fund_fen: int = Field(sa_type=BigInteger)
    other_fen: int = Field(sa_type=BigInteger)
    hospital_part_fen: int = Field(sa_type=BigInteger)
    revs_token_sealed: str | None = Field(sa_type=Text)
    reversal_deadline: datetime = Field(sa_type=UtcDateTime)
    settlement_no: str | None = Field(max_length=ID_CHARS_MAX)
    booked_at: datetime | None = Field(sa_type=UtcDateTime)


class Step(SQLModel, table=True):
    """A step of a workflow that is finished: it changed or decided something, or was given up before it did (not_sent).

    It is never done again.

    `number`: counts the workflow's steps of this name, from 1. `subject`: what the step was about, where its number
    alone would not say. `result`: what the workflow needs to go on, erased when the payment ends; its digest stays.
    """

    __table_args__ = (
        _of_payment(),
        CheckConstraint("outcome IN ('done', 'refused', 'not_sent')", name="outcome_final"),
        Index("step_once", "workflow_id", "name", "number", unique=True),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    workflow_id: str = Field(max_length=MESSAGE_CHARS_MAX)
    name: str = Field(max_length=WORD_CHARS_MAX)
    number: int
    subject: str = Field(max_length=MESSAGE_CHARS_MAX)
    outcome: str = Field(max_length=WORD_CHARS_MAX)
    result_sealed: str | None = Field(sa_type=Text)
    result_digest: str = Field(max_length=DIGEST_CHARS)
    finished_at: datetime = Field(sa_type=UtcDateTime)


class CallLog(SQLModel, table=True):
    """A call to the centre, HIS or a caller. No outcome: it left, and its end was never recorded.

    `workflow_id`, `step`, `number`: the step that it belongs to; empty and 0 for a question, which belongs to none.
    `answered`: whether a whole answer came, so that the call is over even where its outcome is unknown.
    """

    __tablename__ = "call_log"
    __table_args__ = (
        _of_payment(),
        _one_of("outcome", Outcome),
        CheckConstraint("duration_ms >= 0", name="duration_ms_not_negative"),
        Index("call_log_of_payment", "hospital", "med_org_ord", "transaction"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    workflow_id: str = Field(max_length=MESSAGE_CHARS_MAX)
    step: str = Field(max_length=WORD_CHARS_MAX)
    number: int
    transaction: str = Field(max_length=WORD_CHARS_MAX)
    our_ref: str = Field(max_length=ID_CHARS_MAX)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(max_length=WORD_CHARS_MAX)
    answered: bool | None
    duration_ms: int | None = Field(sa_type=BigInteger)
    message: str | None = Field(max_length=MESSAGE_CHARS_MAX)


class StateChange(SQLModel, table=True):
    """A state that a payment reached, and when."""

    __tablename__ = "state_change"
    __table_args__ = (
        _of_payment(),
        _one_of("state", PaymentState),
        Index("state_change_of_payment", "hospital", "med_org_ord"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    revision: int = Field(sa_type=BigInteger)
    state: str = Field(max_length=WORD_CHARS_MAX)
    at: datetime = Field(sa_type=UtcDateTime)


class Refund(SQLModel, table=True):
    """A refund (6203). `refund_no`: the caller's number. `app_refd_sn`: our number at the centre."""

    __table_args__ = (
        _of_payment(),
        _one_of("state", (state for state in RefundState if state is not RefundState.PROPOSED)),
        _one_of("refund_type", RefundType),
        *_not_negative("own_pay_fen", "psn_acct_fen", "fund_fen"),
    )

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    refund_no: str = Field(primary_key=True, max_length=REFUND_NO_CHARS_MAX)
    state: str = Field(max_length=WORD_CHARS_MAX)
    refund_type: str = Field(max_length=WORD_CHARS_MAX)
    own_pay_fen: int = Field(sa_type=BigInteger)
    psn_acct_fen: int = Field(sa_type=BigInteger)
    fund_fen: int = Field(sa_type=BigInteger)
    pay_auth_no_sealed: str | None = Field(sa_type=Text)
    reason: str = Field(max_length=MESSAGE_CHARS_MAX)
    requested_by: str = Field(max_length=ID_CHARS_MAX)
    app_refd_sn: str = Field(max_length=ID_CHARS_MAX * 2)
    refd_sn: str | None = Field(max_length=ID_CHARS_MAX)
    requested_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    his_told_at: datetime | None = Field(sa_type=UtcDateTime)
    error_code: str | None = Field(max_length=WORD_CHARS_MAX)
    error_message: str | None = Field(max_length=MESSAGE_CHARS_MAX)
    note: str | None = Field(max_length=MESSAGE_CHARS_MAX)


class ReviewCase(SQLModel, table=True):
    """A payment or refund that a person must decide. `refund_no` is empty for the payment's own case.

    `at_risk_fen`: the money whose whereabouts are uncertain. `outcome`: the state that the decision led to.
    """

    __tablename__ = "review_case"
    __table_args__ = (
        _of_payment(),
        *_not_negative("at_risk_fen"),
        Index(
            "review_case_open",
            "hospital",
            "med_org_ord",
            "refund_no",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    refund_no: str = Field(max_length=REFUND_NO_CHARS_MAX)
    workflow_id: str = Field(max_length=MESSAGE_CHARS_MAX)
    reason: str = Field(max_length=WORD_CHARS_MAX)
    message: str = Field(max_length=MESSAGE_CHARS_MAX)
    at_risk_fen: int = Field(sa_type=BigInteger)
    opened_at: datetime = Field(sa_type=UtcDateTime)
    deadline: datetime | None = Field(sa_type=UtcDateTime)
    closed_at: datetime | None = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(max_length=WORD_CHARS_MAX)


class ReviewEvent(SQLModel, table=True):
    """What people did about a case: who proposed, approved or was refused what, and why. Append-only."""

    __tablename__ = "review_event"
    __table_args__ = (_of_payment(), Index("review_event_of_payment", "hospital", "med_org_ord"))

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    refund_no: str = Field(max_length=REFUND_NO_CHARS_MAX)
    event: str = Field(max_length=WORD_CHARS_MAX)
    proposal: str = Field(max_length=WORD_CHARS_MAX)
    action: str = Field(max_length=WORD_CHARS_MAX)
    by_name: str = Field(max_length=ID_CHARS_MAX)
    reason: str = Field(max_length=MESSAGE_CHARS_MAX)
    at: datetime = Field(sa_type=UtcDateTime)


class Notification(SQLModel, table=True):
    """A notification to a caller, written in the transaction that made it true and sent later (an outbox).

    `body`: without personal data and tokens. `runs`: how many workflows were started to deliver it.
    """

    __table_args__ = (
        _of_payment(),
        Index("notification_waiting", "started_at", "id"),
        Index("notification_of_payment", "hospital", "med_org_ord"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    refund_no: str = Field(max_length=REFUND_NO_CHARS_MAX)
    event: str = Field(max_length=WORD_CHARS_MAX)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(sa_type=UtcDateTime)
    given_up_at: datetime | None = Field(sa_type=UtcDateTime)
    runs: int
