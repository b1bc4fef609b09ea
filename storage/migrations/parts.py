"""Columns and constraints of revisions. Revisions outlive our code: what one of them uses here never changes."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op


def only_one(name: str, table: str, columns: list[str], where: str) -> None:
    """A partial unique index: one row for `columns` among those that match `where`."""
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def append_only(table: str, refusal: str) -> None:
    """Triggers refuse every change of the rows. PostgreSQL's function for it stays when the table is dropped."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        )


def payment_key() -> tuple[sa.Column[str], sa.Column[str]]:
    return text("hospital", 32), text("med_org_ord", 64)


def of_payment() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"])


def wide_or_sqlite_integer() -> sa.types.TypeEngine[int]:
    """SQLite autoincrements only columns of type INTEGER."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def serial_id() -> sa.Column[int]:
    return sa.Column("id", wide_or_sqlite_integer(), nullable=False)


def text(name: str, chars_max: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(chars_max), nullable=nullable)


def sealed(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def fen(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def known(column: str, values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


def not_negative(column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")
