"""The log of access: a table whose rows are only added."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REFUSAL = "access_log is append-only"


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            autoincrement=False,
        ),
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
    if op.get_bind().dialect.name == "postgresql":
        refuse_changes_on_postgresql()
    else:
        refuse_changes_on_sqlite()


def downgrade() -> None:
    op.drop_table("access_log")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION access_log_refuse()")


def refuse_changes_on_sqlite() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER access_log_no_{change.lower()} BEFORE {change} ON access_log "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def refuse_changes_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION access_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER access_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION access_log_refuse()"
    )


def text(name: str, chars_max: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(chars_max), nullable=False)
