"""The records' tables: payments and what belongs to them, the access log, and what is kept about calls."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.calls import TABLES_OF_CALLS, create_tables_of_calls
from storage.migrations.parts import (
    append_only,
    fen,
    known,
    moment,
    not_negative,
    of_payment,
    only_one,
    payment_key,
    sealed,
    serial_id,
    text,
    wide_or_sqlite_integer,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATES = (
    "'RECEIVED', 'PRICED', 'FEE_UPLOADED', 'PRE_SETTLED', 'PAID', 'REGISTERED', 'SETTLED', 'REJECTED', 'EXPIRED', "
    "'CANCELLED', 'REVERSING', 'REVERSED', 'IN_REVIEW', 'PARTIALLY_REFUNDED', 'REFUNDED'"
)
REFUND_STATES = "'REFUNDING', 'REFUNDED', 'PARTIALLY_REFUNDED', 'REFUND_FAILED', 'IN_REVIEW'"
SPLIT = ("fee_sum_fen", "own_pay_fen", "psn_acct_fen", "fund_fen", "other_fen", "hospital_part_fen")
REFUNDED = {"refunded_own_fen": "own_pay_fen", "refunded_acct_fen": "psn_acct_fen", "refunded_fund_fen": "fund_fen"}
TABLES = (
    *TABLES_OF_CALLS,
    *("access_log", "settlement_notice", "notification", "review_event"),
    *("review_case", "refund", "state_change", "call_log", "step", "settlement", "fee_line", "bill_lock"),
    *("centre_order", "payment"),
)
REFUSAL = "access_log is append-only"


def upgrade() -> None:
    create_payment()
    create_centre_order()
    create_bill_lock()
    create_fee_line()
    create_settlement()
    create_step()
    create_call_log()
    create_state_change()
    create_refund()
    create_review()
    create_notification()
    create_settlement_notice()
    create_access_log()
    create_tables_of_calls()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION access_log_refuse()")


def create_payment() -> None:
    op.create_table(
        "payment",
        *payment_key(),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        text("state", 64),
        text("came_from", 64, nullable=True),
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
        sealed("pay_auth_no_sealed", nullable=True),
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
        text("reversal_sn", 128, nullable=True),
        text("error_code", 64, nullable=True),
        text("error_message", 500, nullable=True),
        text("note", 500, nullable=True),
        sealed("insured_name_sealed", nullable=True),
        *(sa.Column(back, sa.BigInteger(), nullable=False, server_default=sa.text("0")) for back in REFUNDED),
        text("refunding", 64, nullable=True),
        moment("watched_from", nullable=True),
        known("state", STATES),
        known("came_from", STATES),
        known("category", "'1', '2'"),
        known("channel", "'WeChat', 'Alipay'"),
        sa.CheckConstraint("total_fen BETWEEN 1 AND 999999999", name="total_fen_payable"),
        not_negative("revision"),
        *(not_negative(part) for part in SPLIT),
        *(
            sa.CheckConstraint(f"{back} BETWEEN 0 AND COALESCE({paid}, 0)", name=f"{back}_paid")
            for back, paid in REFUNDED.items()
        ),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord"),
    )
    op.create_index("payment_by_time", "payment", ["hospital", "accepted_at"])
    op.create_index("payment_by_state", "payment", ["hospital", "state", "accepted_at"])
    op.create_index("payment_watched", "payment", ["watched_from"])
    op.create_index("payment_by_pay_ord_id", "payment", ["hospital", "pay_ord_id"])


def create_centre_order() -> None:
    op.create_table(
        "centre_order",
        text("account", 64),
        text("med_org_ord", 64),
        text("hospital", 32),
        text("pay_ord_id", 128, nullable=True),
        sa.CheckConstraint("account <> ''", name="account_known"),
        of_payment(),
        sa.PrimaryKeyConstraint("account", "med_org_ord"),
    )
    op.create_index("centre_order_by_pay_ord_id", "centre_order", ["account", "pay_ord_id"], unique=True)


def create_bill_lock() -> None:
    op.create_table(
        "bill_lock",
        serial_id(),
        text("hospital", 32),
        text("bill", 300),
        text("med_org_ord", 64),
        moment("locked_at"),
        moment("released_at", nullable=True),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    only_one("bill_lock_live", "bill_lock", ["hospital", "bill"], "released_at IS NULL")
    op.create_index("bill_lock_of_payment", "bill_lock", ["hospital", "med_org_ord"])


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
        not_negative("amount_fen"),
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
        known("setl_type", "'ALL', 'CASH', 'HI'"),
        of_payment(),
        sa.PrimaryKeyConstraint("hospital", "med_org_ord"),
    )


def create_step() -> None:
    op.create_table(
        "step",
        serial_id(),
        *payment_key(),
        text("workflow_id", 500),
        text("name", 64),
        sa.Column("number", sa.Integer(), nullable=False),
        text("subject", 500),
        text("outcome", 64),
        sa.Column("result_sealed", sa.Text(), nullable=True),
        text("result_digest", 64),
        moment("finished_at"),
        sa.CheckConstraint("outcome IN ('done', 'refused', 'not_sent')", name="outcome_final"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("step_once", "step", ["workflow_id", "name", "number"], unique=True)


def create_call_log() -> None:
    op.create_table(
        "call_log",
        serial_id(),
        *payment_key(),
        text("workflow_id", 500),
        text("step", 64),
        sa.Column("number", sa.Integer(), nullable=False),
        text("transaction", 64),
        text("our_ref", 128),
        moment("begun_at"),
        text("outcome", 64, nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        text("message", 500, nullable=True),
        known("outcome", "'done', 'refused', 'not_sent', 'unknown'"),
        not_negative("duration_ms"),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("call_log_of_payment", "call_log", ["hospital", "med_org_ord", "transaction"])


def create_state_change() -> None:
    op.create_table(
        "state_change",
        serial_id(),
        *payment_key(),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        text("state", 64),
        moment("at"),
        known("state", STATES),
        of_payment(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("state_change_of_payment", "state_change", ["hospital", "med_org_ord"])


def create_refund() -> None:
    op.create_table(
        "refund",
        *payment_key(),
        text("refund_no", 64),
        text("state", 64),
        text("refund_type", 64),
        *(fen(part) for part in REFUNDED.values()),
        sealed("pay_auth_no_sealed", nullable=True),
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
        known("state", REFUND_STATES),
        known("refund_type", "'ALL', 'CASH', 'HI'"),
        *(not_negative(part) for part in REFUNDED.values()),
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
        fen("at_risk_fen"),
        moment("opened_at"),
        moment("deadline", nullable=True),
        moment("closed_at", nullable=True),
        text("outcome", 64, nullable=True),
        not_negative("at_risk_fen"),
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
        text("proposal", 64),
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
        sa.Column("runs", sa.Integer(), nullable=False),
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
        text("signature_digest", 64),
        moment("followed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("settlement_notice_of_payment", "settlement_notice", ["hospital", "med_org_ord"])
    op.create_index("settlement_notice_once", "settlement_notice", ["hospital", "signature_digest"], unique=True)


def create_access_log() -> None:
    op.create_table(
        "access_log",
        sa.Column("sequence", wide_or_sqlite_integer(), nullable=False, autoincrement=False),
        text("at", 32),
        text("event", 64),
        text("hospital", 32),
        text("actor", 128),
        text("role", 64),
        text("subject", 500),
        sa.Column("details", sa.Text(), nullable=False),
        text("previous", 64),
        text("digest", 64),
        sa.CheckConstraint("sequence > 0", name="sequence_positive"),
        sa.PrimaryKeyConstraint("sequence"),
    )
    append_only("access_log", REFUSAL)
