"""Which keys the rows need, and sealing rows anew with the active one, some at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, func, or_, select, tuple_, update
from sqlmodel import SQLModel

from domain.base import PaymentKey
from security.crypto.keyring import Keyring, SealBrokenError
from storage.sealing import ERASED, SUFFIX, RowSeal
from storage.sql.engines import AnyConnection


@dataclass(frozen=True)
class Resealed:
    """One round. `last`: the primary key of the last row looked at; None when the table is through."""

    rows: int
    broken: int
    last: tuple[Any, ...] | None


def sealed_tables() -> Mapping[Table, Sequence[Column[Any]]]:
    """Every table with sealed columns: found by their names, so that a new one can't be forgotten."""
    found = {
        table: [column for column in table.columns if column.name.endswith(SUFFIX)]
        for table in SQLModel.metadata.sorted_tables
    }
    return {table: columns for table, columns in found.items() if columns}


class ResealRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def key_ids(self) -> Counter[str]:
        """How many sealed texts there are of each key."""
        counts: Counter[str] = Counter()
        for column in (column for columns in sealed_tables().values() for column in columns):
            key_id = self._key_id(column).label("key_id")
            found = select(key_id, func.count().label("texts")).where(column.is_not(None), column != ERASED)
            for row in (await self._connection.execute(found.group_by(key_id))).mappings():
                counts[row["key_id"]] += row["texts"]
        return counts

    async def reseal(self, table: Table, after: tuple[Any, ...] | None, rows_max: int) -> Resealed:
        """Seal the next rows that need it with the active key. A value that changed meanwhile is left to a next run."""
        columns, keys = sealed_tables()[table], list(table.primary_key.columns)
        old = [self._needs_it(column) for column in columns]
        statement = select(*keys, *columns).where(or_(*old)).order_by(*keys).limit(rows_max)
        if after is not None:
            statement = statement.where(tuple_(*keys) > tuple_(*after))
        rows = [{**row} for row in (await self._connection.execute(statement)).mappings()]
        broken = 0
        for row in rows:
            broken += not await self._reseal_row(table, columns, row)
        last = tuple(rows[-1][key.name] for key in keys) if len(rows) == rows_max else None
        return Resealed(len(rows) - broken, broken, last)

    async def _reseal_row(self, table: Table, columns: Sequence[Column[Any]], row: Mapping[str, Any]) -> bool:
        """False if a seal of it does not open."""
        place = PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"])
        seal = RowSeal(self._keyring, place, row.get("refund_no", ""))
        before = {column.name: row[column.name] for column in columns if row[column.name]}
        try:
            after = seal.columns(seal.values(before))
        except SealBrokenError:
            return False
        unchanged = [table.c[name] == value for name, value in before.items()]
        here = [key == row[key.name] for key in table.primary_key.columns]
        await self._connection.execute(update(table).where(*here, *unchanged).values(after))
        return True

    def _needs_it(self, column: Column[Any]) -> ColumnElement[bool]:
        ours = column.startswith(f"{self._keyring.active}:", autoescape=True)
        return column.is_not(None) & (column != ERASED) & ~ours

    def _key_id(self, column: Column[Any]) -> ColumnElement[str]:
        if self._connection.dialect.name == "sqlite":
            return func.substr(column, 1, func.instr(column, ":") - 1)
        return func.split_part(column, ":", 1)
