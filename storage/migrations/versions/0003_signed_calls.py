"""Nonces of signed calls, and each of the centre's notices once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "used_nonce",
        sa.Column("hospital", sa.String(32), nullable=False),
        sa.Column("key_name", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("serves_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hospital", "key_name", "nonce"),
    )
    op.create_index("used_nonce_by_time", "used_nonce", ["serves_until"])
    with op.batch_alter_table("settlement_notice") as notice:
        notice.add_column(sa.Column("signature_digest", sa.String(64), nullable=True))
        notice.add_column(sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("settlement_notice_once", "settlement_notice", ["hospital", "signature_digest"], unique=True)


def downgrade() -> None:
    op.drop_index("settlement_notice_once", "settlement_notice")
    with op.batch_alter_table("settlement_notice") as notice:
        notice.drop_column("followed_at")
        notice.drop_column("signature_digest")
    op.drop_table("used_nonce")
