"""Payments, their fee lines, settlements, remote calls and states."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATES = (
    "'RECEIVED', 'PRICED', 'FEE_UPLOADED', 'PRE_SETTLED', 'PAID', 'REGISTERED', 'SETTLED', "
    "'REJECTED', 'EXPIRED', 'CANCELLED', 'REVERSING', 'REVERSED', 'IN_REVIEW'"
)
SPLIT = ("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen", "other_fen", "hospital_part_fen")


def upgrade() -> None:
    create_payment()
    create_fee_line()
    create_settlement()
    create_remote_call()
    create_state_change()


def downgrade() -> None:
    for table in ("state_change", "remote_call", "settlement", "fee_line", "payment"):
        op.drop_table(table)


def create_payment() -> None:
    op.create_table(
        "payment",
        *payment_key(),
        sa.Column("revision", sa.Integer(), nullable=False),
        text("state", 64),
        moment("state_since"),
        moment("accepted_at"),
        moment("updated_at"),
        text("patient_id", 128),
        text("category", 1),
        text("channel", 64),
        fen("total_fen"),
        text("clinic_id", 128, nullable=True),
        text("order_ids", 2000),
        text("ordered_visit_id", 128, nullable=True),
        sealed("id_no_sealed"),
        sealed("patient_name_sealed", nullable=True),
        sealed("pay_auth_no_sealed"),
        sealed("uld_latlnt_sealed"),
        text("pay_ord_id", 128, nullable=True),
        sealed("pay_token_sealed", nullable=True),
        text("patient_type_id", 128, nullable=True),
        text("ipt_otp_no", 128, nullable=True),
        sealed("si_personal_no_sealed", nullable=True),
        fen("balance_fen", nullable=True),
        *(fen(part, nullable=True) for part in SPLIT),
        moment("window_ends_at", nullable=True),
        text("visit_id", 128, nullable=True),
        sa.Column("registered_by_us", sa.Boolean(), nullable=True),
        text("settlement_no", 128, nullable=True),
        text("error_code", 64, nullable=True),
        text("error_message", 500, nullable=True),
        text("note", 500, nullable=True),
        sa.CheckConstraint(f"state IN ({STATES})", name="state_known"),
        sa.CheckConstraint("category IN ('1', '2')", name="category_known"),
        sa.CheckConstraint("channel IN ('WeChat', 'Alipay')", name="channel_known"),
        sa.CheckConstraint("total_fen BETWEEN 1 AND 999999999", name="total_fen_payable"),
        sa.CheckConstraint("revision >= 0", name="revision_not_negative"),
        *(sa.CheckConstraint(f"{part} >= 0", name=f"{part}_not_negative") for part in SPLIT),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord"),
    )


def create_fee_line() -> None:
    op.create_table(
        "fee_line",
        *payment_key(),
        sa.Column("position", sa.Integer(), nullable=False),
        text("serial", 128),
        text("order_id", 128),
        moment("occurred_at"),
        text("national_code", 128),
        text("hospital_code", 128),
        text("name", 500),
        text("specification", 500),
        text("quantity", 64),
        text("unit_price", 64),
        fen("amount_fen"),
        text("department_code", 128),
        text("department_name", 500),
        text("doctor_code", 128),
        text("doctor_name", 500),
        sa.CheckConstraint("amount_fen >= 0", name="amount_fen_not_negative"),
        of_payment(),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord", "position"),
    )


def create_settlement() -> None:
    op.create_table(
        "settlement",
        *payment_key(),
        moment("trace_time"),
        text("setl_type", 64),
        *(fen(part) for part in SPLIT),
        sealed("revs_token_sealed", nullable=True),
        moment("reversal_deadline"),
        text("settlement_no", 128, nullable=True),
        moment("booked_at", nullable=True),
        sa.CheckConstraint("setl_type IN ('ALL', 'CASH', 'HI')", name="setl_type_known"),
        of_payment(),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord"),
    )


def create_remote_call() -> None:
    op.create_table(
        "remote_call",
        serial_id(),
        *payment_key(),
        text("transaction", 64),
        text("our_ref", 128),
        moment("begun_at"),
        text("outcome", 64, nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        text("message", 500, nullable=True),
        sa.CheckConstraint("outcome IN ('done', 'refused', 'not_sent', 'unknown')", name="outcome_known"),
        sa.CheckConstraint("duration_ms >= 0", name="duration_ms_not_negative"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("remote_call_of_payment", "remote_call", ["hospital", "med_org_ord", "transaction"])


def create_state_change() -> None:
    op.create_table(
        "state_change",
        serial_id(),
        *payment_key(),
        sa.Column("revision", sa.Integer(), nullable=False),
        text("state", 64),
        moment("at"),
        sa.CheckConstraint(f"state IN ({STATES})", name="state_known"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("state_change_of_payment", "state_change", ["hospital", "med_org_ord"])


def payment_key() -> tuple[sa.Column[str], sa.Column[str]]:
    return text("hospital", 32), text("med_org_ord", 64)


def of_payment() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"])


def serial_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def text(name: str, chars_max: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(chars_max), nullable=nullable)


def sealed(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def fen(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
