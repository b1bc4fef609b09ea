"""The fee lines behind a payment's total."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from domain import bills
from domain.base import PaymentKey
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, place_of, table_of
from storage.tables import FeeLine, Payment


class FeeLineRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def replace(self, key: PaymentKey, lines: Sequence[bills.FeeLine]) -> None:
        """Let `lines` be the payment's fee lines. The payment's row must be there."""
        # Two who replace at once take turns at the payment's row, else both would insert the same places.
        await self._connection.execute(_LOCKED, key_of(key))
        await self._connection.execute(_DELETED, key_of(key))
        rows = [
            place_of(key) | {"position": position, **line.model_dump()} for position, line in enumerate(lines, start=1)
        ]
        if rows:
            await self._connection.execute(_INSERTED, rows)


_LINE, _PAYMENT = table_of(FeeLine), table_of(Payment)
_LOCKED = select(_PAYMENT.c.revision).where(*here(_PAYMENT)).with_for_update()
_DELETED = delete(_LINE).where(*here(_LINE))
_INSERTED = insert(_LINE)
