"""The fee lines behind a payment's total."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlmodel import col

from domain import bills
from domain.steps import PaymentKey
from storage.engines import AnyConnection
from storage.tables import FeeLine, Payment


class FeeLineRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def replace(self, key: PaymentKey, lines: Sequence[bills.FeeLine]) -> None:
        """Let `lines` be the payment's fee lines. The payment's row must be there."""
        # Two who replace at once take turns at the payment's row, else both would insert the same places.
        payment = select(col(Payment.revision)).where(
            col(Payment.hospital) == key.hospital, col(Payment.med_org_ord) == key.med_org_ord
        )
        await self._connection.execute(payment.with_for_update())
        await self._connection.execute(
            delete(FeeLine).where(col(FeeLine.hospital) == key.hospital, col(FeeLine.med_org_ord) == key.med_org_ord)
        )
        rows = [
            {"hospital": key.hospital, "med_org_ord": key.med_org_ord, "position": position, **line.model_dump()}
            for position, line in enumerate(lines, start=1)
        ]
        if rows:
            await self._connection.execute(insert(FeeLine), rows)
