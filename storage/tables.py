"""The tables. A row belongs to one payment: its hospital and medOrgOrd (product rule 14).

A column `…_sealed` holds text that only the keyring opens. Amounts are fen, wide enough for whatever an insurance
centre says. The checks stand where our own rules promise them; what the centre or HIS says is kept as it was said,
since a record that the database refuses would be money without evidence.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text
from sqlmodel import Field, SQLModel

from domain.fen import TOTAL_FEN_MAX
from domain.insurance import SetlType
from domain.orders import Category, Channel
from domain.outcomes import Outcome
from domain.states import PaymentState
from storage.columns import UtcDateTime, serial_id

HOSPITAL_CHARS_MAX = 32
MED_ORG_ORD_CHARS_MAX = 64
ID_CHARS_MAX = 128
ORDER_IDS_CHARS_MAX = 2_000
MESSAGE_CHARS_MAX = 500
WORD_CHARS_MAX = 64
"""State names, codes, transactions."""


def _one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    names = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=f"{column}_known")


def _not_negative(*columns: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative") for column in columns]


def _of_payment() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"])


class Payment(SQLModel, table=True):
    """Where a payment stands: the projection of its workflow. `revision` numbers the workflow's requests."""

    __table_args__ = (
        _one_of("state", PaymentState),
        _one_of("category", Category),
        _one_of("channel", Channel),
        CheckConstraint(f"total_fen BETWEEN 1 AND {TOTAL_FEN_MAX}", name="total_fen_payable"),
        CheckConstraint("revision >= 0", name="revision_not_negative"),
        *_not_negative("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen", "other_fen", "hospital_part_fen"),
    )

    hospital: str = Field(primary_key=True, max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    revision: int
    state: str = Field(max_length=WORD_CHARS_MAX)
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
    pay_auth_no_sealed: str = Field(sa_type=Text)
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
    error_code: str | None = Field(max_length=WORD_CHARS_MAX)
    error_message: str | None = Field(max_length=MESSAGE_CHARS_MAX)
    note: str | None = Field(max_length=MESSAGE_CHARS_MAX)


class FeeLine(SQLModel, table=True):
    """One line of the priced bill, as 6201 sends it. HIS's own serial need not be unique, its place is."""

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
    """What the centre settled, and HIS's number once it is booked there."""

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


class RemoteCall(SQLModel, table=True):
    """One call to the centre or HIS. No outcome: it was begun, and whoever began it never came back."""

    __tablename__ = "remote_call"
    __table_args__ = (
        _of_payment(),
        _one_of("outcome", Outcome),
        CheckConstraint("duration_ms >= 0", name="duration_ms_not_negative"),
        Index("remote_call_of_payment", "hospital", "med_org_ord", "transaction"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    transaction: str = Field(max_length=WORD_CHARS_MAX)
    our_ref: str = Field(max_length=ID_CHARS_MAX)
    begun_at: datetime = Field(sa_type=UtcDateTime)
    outcome: str | None = Field(max_length=WORD_CHARS_MAX)
    duration_ms: int | None = Field(sa_type=BigInteger)
    message: str | None = Field(max_length=MESSAGE_CHARS_MAX)


class StateChange(SQLModel, table=True):
    """A state that a payment came to, and when."""

    __tablename__ = "state_change"
    __table_args__ = (
        _of_payment(),
        _one_of("state", PaymentState),
        Index("state_change_of_payment", "hospital", "med_org_ord"),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    revision: int
    state: str = Field(max_length=WORD_CHARS_MAX)
    at: datetime = Field(sa_type=UtcDateTime)
