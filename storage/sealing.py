"""Secrets in rows: which columns are sealed, and sealing them anew after a key rotation.

A sealed text opens only in its own row and column. Free text in clear columns is masked by `fit_to_keep`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, func, or_, select, tuple_, update
from sqlmodel import SQLModel

from domain.base import PaymentKey
from security.crypto.keyring import Keyring, SealBrokenError
from security.masking.spellings import hide_spellings
from security.masking.values import MASK, mask_id_no, mask_name, mask_text
from storage.records import PaymentRecord
from storage.sql.engines import AnyConnection

SUFFIX = "_sealed"

SEALED = frozenset(
    {
        "id_no",
        "insured_name",
        "patient_name",
        "pay_auth_no",
        "pay_token",
        "result",
        "revs_token",
        "si_personal_no",
        "uld_latlnt",
    }
)


_PLACE = ("refund_no", "workflow_id", "name", "number")
"""Columns that say to which of a payment's rows a sealed text belongs, in this order."""


class RowSeal:
    """Seals and opens the secrets of one payment's rows. `within`: which of them, by its columns in `_PLACE`."""

    def __init__(self, keyring: Keyring, key: PaymentKey, *within: str) -> None:
        self._keyring = keyring
        self._place = "/".join(filter(None, (key.hospital, key.med_org_ord, *within)))

    def columns(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column values for `values`, with each secret in its `…_sealed` column. An empty secret is NULL."""
        return dict(self._column(name, value) for name, value in values.items())

    def values(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The reverse of `columns`. Raises `security.crypto.keyring.SealBrokenError`."""
        return dict(self._value(name, value) for name, value in columns.items())

    def _column(self, name: str, value: object) -> tuple[str, object]:
        if name not in SEALED:
            return name, value
        return f"{name}{SUFFIX}", self._keyring.seal(str(value), self._context(name)) if value else None

    def _value(self, column: str, value: object) -> tuple[str, object]:
        name = column.removesuffix(SUFFIX)
        if name == column:
            return column, value
        return name, self._keyring.open(str(value), self._context(name)) if value else value

    def _context(self, name: str) -> str:
        return f"{self._place}/{name}"


@dataclass(frozen=True)
class Resealed:
    """One batch. `last`: the primary key of the last row in it; None when the table is done."""

    rows: int
    broken: int
    last: tuple[Any, ...] | None


def sealed_tables() -> Mapping[Table, Sequence[Column[Any]]]:
    """Every table with sealed columns, found by the columns' names, so that none can be forgotten."""
    found = {
        table: [column for column in table.columns if column.name.endswith(SUFFIX)]
        for table in SQLModel.metadata.sorted_tables
    }
    return {table: columns for table, columns in found.items() if columns}


class ResealRepository:
    """Counts the keys that rows need, and seals rows anew with the active key, in batches."""

    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def key_ids(self) -> Counter[str]:
        """How many sealed texts there are for each key id."""
        counts: Counter[str] = Counter()
        for column in (column for columns in sealed_tables().values() for column in columns):
            key_id = self._key_id(column).label("key_id")
            found = select(key_id, func.count().label("texts")).where(column.is_not(None))
            for row in (await self._connection.execute(found.group_by(key_id))).mappings():
                counts[row["key_id"]] += row["texts"]
        return counts

    async def reseal(self, table: Table, after: tuple[Any, ...] | None, rows_max: int) -> Resealed:
        """Seal the next rows that need it with the active key. A row changed meanwhile is left for the next run."""
        columns, keys = sealed_tables()[table], list(table.primary_key.columns)
        place = [table.c[name] for name in ("hospital", "med_org_ord", *_PLACE) if name in table.c]
        old = [self._needs_it(column) for column in columns]
        # A column that is in both lists is selected once.
        statement = select(*dict.fromkeys((*keys, *place, *columns))).where(or_(*old)).order_by(*keys).limit(rows_max)
        if after is not None:
            statement = statement.where(tuple_(*keys) > tuple_(*after))
        rows = [{**row} for row in (await self._connection.execute(statement)).mappings()]
        broken = 0
        for row in rows:
            broken += not await self._reseal_row(table, columns, row)
        last = tuple(rows[-1][key.name] for key in keys) if len(rows) == rows_max else None
        return Resealed(len(rows) - broken, broken, last)

    async def _reseal_row(self, table: Table, columns: Sequence[Column[Any]], row: Mapping[str, Any]) -> bool:
        """False if one of its seals does not open."""
        place = PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"])
        seal = RowSeal(self._keyring, place, *(str(row[name]) for name in _PLACE if name in row))
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
        return column.is_not(None) & ~ours

    def _key_id(self, column: Column[Any]) -> ColumnElement[str]:
        if self._connection.dialect.name == "sqlite":
            return func.substr(column, 1, func.instr(column, ":") - 1)
        return func.split_part(column, ":", 1)


def fit_to_keep(text: str, payment: PaymentRecord | None) -> str:
    """`text` with the patient's data and the payment's tokens masked, and whatever else looks personal or secret.

    For text written by hand, where people can't be kept from naming the patient.
    """
    if payment is not None:
        order, settlement = payment.order, payment.settlement
        tokens = (order.pay_auth_no, payment.pay_token, settlement.revs_token if settlement else "")
        shown = {secret: MASK for secret in (*tokens, payment.si_personal_no) if secret}
        shown |= {name: mask_name(name) for name in (payment.insured_name, order.patient_name) if name}
        text = hide_spellings(text, shown | {order.id_no: mask_id_no(order.id_no)})
    return mask_text(text)
