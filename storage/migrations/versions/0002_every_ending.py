"""Claims on bills, refunds, reviews, notifications to callers, and the centre's notices."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_STATES = (
    "'RECEIVED', 'PRICED', 'FEE_UPLOADED', 'PRE_SETTLED', 'PAID', 'REGISTERED', 'SETTLED', "
    "'REJECTED', 'EXPIRED', 'CANCELLED', 'REVERSING', 'REVERSED', 'IN_REVIEW'"
)
STATES = f"{OLD_STATES}, 'PARTIALLY_REFUNDED', 'REFUNDED'"
REFUND_STATES = "'REFUNDING', 'REFUNDED', 'PARTIALLY_REFUNDED', 'REFUND_FAILED', 'IN_REVIEW'"
REFUNDED = {"refunded_own_fen": "own_pay_fen", "refunded_acct_fen": "psn_acct_fen", "refunded_fund_fen": "fund_fen"}
PAYMENT_INDEXES = {
    "payment_by_time": ["accepted_at"],
    "payment_by_state": ["state", "accepted_at"],
    "payment_by_pay_ord_id": ["pay_ord_id"],
}
TABLES = ("settlement_notice", "notification", "review_event", "review_case", "refund", "bill_claim")


def upgrade() -> None:
    extend_payment()
    know_states("payment", STATES)
    know_states("state_change", STATES)
    create_bill_claim()
    create_refund()
    create_review()
    create_notification()
    create_settlement_notice()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    know_states("state_change", OLD_STATES)
    for index in PAYMENT_INDEXES:
        op.drop_index(index, "payment")
    with op.batch_alter_table("payment") as payment:
        for back in REFUNDED:
            payment.drop_constraint(f"{back}_paid", type_="check")
        for column in (*REFUNDED, "refunding", "insured_name_sealed"):
            payment.drop_column(column)
    know_states("payment", OLD_STATES)


def extend_payment() -> None:
    with op.batch_alter_table("payment") as payment:
        payment.add_column(sa.Column("insured_name_sealed", sa.Text(), nullable=True))
        for back in REFUNDED:
            payment.add_column(sa.Column(back, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
        payment.add_column(text("refunding", 64, nullable=True))
        for back, paid in REFUNDED.items():
            payment.create_check_constraint(f"{back}_paid", f"{back} BETWEEN 0 AND COALESCE({paid}, 0)")
    for index, columns in PAYMENT_INDEXES.items():
        op.create_index(index, "payment", ["hospital", *columns])


def know_states(table: str, states: str) -> None:
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint("state_known", type_="check")
        altered.create_check_constraint("state_known", f"state IN ({states})")


def create_bill_claim() -> None:
    op.create_table(
        "bill_claim",
        serial_id(),
        text("hospital", 32),
        text("bill", 300),
        text("med_org_ord", 64),
        moment("claimed_at"),
        moment("released_at", nullable=True),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    only_one("bill_claim_live", "bill_claim", ["hospital", "bill"], "released_at IS NULL")
    op.create_index("bill_claim_of_payment", "bill_claim", ["hospital", "med_org_ord"])


def create_refund() -> None:
    op.create_table(
        "refund",
        *payment_key(),
        text("refund_no", 64),
        text("state", 64),
        text("refund_type", 64),
        *(sa.Column(part, sa.BigInteger(), nullable=False) for part in REFUNDED.values()),
        sa.Column("pay_auth_no_sealed", sa.Text(), nullable=True),
        text("reason", 500),
        text("requested_by", 128),
        text("app_refd_sn", 256),
        text("refd_sn", 128, nullable=True),
        moment("requested_at"),
        moment("updated_at"),
        moment("his_told_at", nullable=True),
        text("error_code", 64, nullable=True),
        text("error_message", 500, nullable=True),
        text("note", 500, nullable=True),
        sa.CheckConstraint(f"state IN ({REFUND_STATES})", name="state_known"),
        sa.CheckConstraint("refund_type IN ('ALL', 'CASH', 'HI')", name="refund_type_known"),
        *(sa.CheckConstraint(f"{part} >= 0", name=f"{part}_not_negative") for part in REFUNDED.values()),
        of_payment(),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord", "refund_no"),
    )


def create_review() -> None:
    op.create_table(
        "review_case",
        serial_id(),
        *payment_key(),
        text("refund_no", 64),
        text("workflow_id", 500),
        text("reason", 64),
        text("message", 500),
        sa.Column("at_risk_fen", sa.BigInteger(), nullable=False),
        moment("opened_at"),
        moment("deadline", nullable=True),
        moment("closed_at", nullable=True),
        text("outcome", 64, nullable=True),
        sa.CheckConstraint("at_risk_fen >= 0", name="at_risk_fen_not_negative"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    only_one("review_case_open", "review_case", ["hospital", "med_org_ord", "refund_no"], "closed_at IS NULL")
    op.create_table(
        "review_event",
        serial_id(),
        *payment_key(),
        text("refund_no", 64),
        text("event", 64),
        text("action", 64),
        text("by_name", 128),
        text("reason", 500),
        moment("at"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("review_event_of_payment", "review_event", ["hospital", "med_org_ord"])


def create_notification() -> None:
    op.create_table(
        "notification",
        serial_id(),
        *payment_key(),
        text("refund_no", 64),
        text("event", 64),
        sa.Column("body", sa.Text(), nullable=False),
        moment("created_at"),
        moment("started_at", nullable=True),
        moment("delivered_at", nullable=True),
        moment("given_up_at", nullable=True),
        sa.Column("runs", sa.Integer(), nullable=False, server_default=sa.text("0")),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notification_waiting", "notification", ["started_at", "id"])
    op.create_index("notification_of_payment", "notification", ["hospital", "med_org_ord"])


def create_settlement_notice() -> None:
    op.create_table(
        "settlement_notice",
        serial_id(),
        *payment_key(),
        text("pay_ord_id", 128),
        text("ord_stas", 64),
        moment("received_at"),
        text("message", 500),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_notice_of_payment", "settlement_notice", ["hospital", "med_org_ord"])


def only_one(name: str, table: str, columns: list[str], where: str) -> None:
    """At most one row for `columns` among those that `where` takes."""
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def payment_key() -> tuple[sa.Column[str], sa.Column[str]]:
    return text("hospital", 32), text("med_org_ord", 64)


def of_payment() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"])


def serial_id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def text(name: str, chars_max: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(chars_max), nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
