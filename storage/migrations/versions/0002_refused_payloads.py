"""What was found in Temporal that none of our keys had sealed."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.parts import moment, not_negative, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_payload",
        text("workflow_id", 500),
        text("hospital", 32),
        text("med_org_ord", 64),
        text("why", 64),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        moment("first_at"),
        moment("last_at"),
        moment("recorded_at", nullable=True),
        not_negative("refused"),
        sa.PrimaryKeyConstraint("workflow_id"),
    )
    op.create_index("refused_payload_by_payment", "refused_payload", ["hospital", "med_org_ord"])


def downgrade() -> None:
    op.drop_table("refused_payload")
