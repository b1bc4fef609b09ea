"""Parts of statements. Statements are built once and take parameters, since building one costs more than running it.

Parameters that select rows are named `key_…`, so that they never collide with a column to be written.
"""

from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from domain.base import PaymentKey
from storage.sql.engines import AnyConnection

Insert = postgresql.Insert | sqlite.Insert


def table_of(model: type[SQLModel]) -> Table:
    """The plain table, since statements on the mapped class carry the ORM's overhead."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel adds it


def here(table: Table) -> tuple[ColumnElement[bool], ...]:
    """Selects the rows of the payment given by `key_of`."""
    return table.c.hospital == bindparam("key_hospital"), table.c.med_org_ord == bindparam("key_med_org_ord")


def key_of(key: PaymentKey) -> dict[str, Any]:
    return {"key_hospital": key.hospital, "key_med_org_ord": key.med_org_ord}


def this_refund(table: Table) -> ColumnElement[bool]:
    """Selects the rows of the refund given by `refund_of`, or the payment's own if its number is empty."""
    return and_(*here(table), table.c.refund_no == bindparam("key_refund_no"))


def refund_of(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refund_no": refund_no}


def place_of(key: PaymentKey) -> dict[str, Any]:
    """The key columns of the payment's rows."""
    return {"hospital": key.hospital, "med_org_ord": key.med_org_ord}


def insert_if_new(connection: AnyConnection, table: Table) -> Insert:
    """An INSERT that leaves an existing row as it is."""
    return _insert_if_new(connection.dialect.name, table)


def insert_or_replace(connection: AnyConnection, table: Table, columns: tuple[str, ...]) -> Insert:
    """An INSERT that updates `columns` if the payment has a row already."""
    return _insert_or_replace(connection.dialect.name, table, columns)


@cache
def _insert_if_new(dialect: str, table: Table) -> Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_replace(dialect: str, table: Table, columns: tuple[str, ...]) -> Insert:
    statement = _insert(dialect, table)
    news = {name: statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=["hospital", "med_org_ord"], set_=news)


def _insert(dialect: str, table: Table) -> Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
