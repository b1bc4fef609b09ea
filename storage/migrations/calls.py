"""The tables of revision 0001 that are about calls rather than about payments. What is here never changes either."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.parts import moment, text

TABLES_OF_CALLS = ("ended_session", "used_command", "update_number", "used_nonce")


def create_tables_of_calls() -> None:
    create_used_nonce()
    create_update_number()
    create_used_command()
    create_ended_session()


def create_used_nonce() -> None:
    op.create_table(
        "used_nonce",
        text("hospital", 32),
        text("key_name", 64),
        text("nonce", 64),
        moment("serves_until"),
        sa.PrimaryKeyConstraint("hospital", "key_name", "nonce"),
    )
    op.create_index("used_nonce_by_time", "used_nonce", ["serves_until"])


def create_update_number() -> None:
    op.create_table(
        "update_number",
        text("workflow_id", 500),
        text("name", 128),
        sa.Column("number", sa.BigInteger(), nullable=False),
        moment("moved_at"),
        sa.PrimaryKeyConstraint("workflow_id", "name"),
    )
    op.create_index("update_number_by_time", "update_number", ["moved_at"])


def create_used_command() -> None:
    op.create_table(
        "used_command",
        text("number", 64),
        text("workflow_id", 500),
        text("update_id", 500),
        text("run_id", 64),
        moment("used_at"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("used_command_by_time", "used_command", ["used_at"])


def create_ended_session() -> None:
    op.create_table(
        "ended_session",
        text("session", 64),
        moment("serves_until"),
        sa.PrimaryKeyConstraint("session"),
    )
    op.create_index("ended_session_by_time", "ended_session", ["serves_until"])
