"""What the centre told us unasked (6302): a hint, kept as it came, also about an order that we don't know."""

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from domain.steps import PaymentKey
from storage.engines import AnyConnection
from storage.records import TimelineEntry, TimelineKind
from storage.statements import here, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, Payment, SettlementNotice

TRANSACTION = "6302"
SHOWN_MAX = 50
"""On one payment's timeline: the latest ones. All are kept."""


class NoticeRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def keep(self, key: PaymentKey, pay_ord_id: str, ord_stas: str, at: datetime, message: str) -> int:
        """A notice that came; its id. `key` need not be a payment of ours. `message`: what is made of it."""
        values = {"pay_ord_id": pay_ord_id, "ord_stas": ord_stas, "received_at": at}
        kept = place_of(key) | values | {"message": message[:MESSAGE_CHARS_MAX]}
        return int((await self._connection.execute(_KEPT, kept)).scalar_one())

    async def remark(self, notice_id: int, message: str) -> None:
        """What came of it in the end."""
        await self._connection.execute(_REMARKED, {"key_id": notice_id, "message": message[:MESSAGE_CHARS_MAX]})

    async def about(self, hospital: str, pay_ord_id: str) -> PaymentKey | None:
        """Whose order the centre means; the newest payment's, if the centre ever gave one payOrdId to two."""
        values = {"key_hospital": hospital, "key_pay_ord_id": pay_ord_id}
        found = (await self._connection.execute(_ABOUT, values)).all()
        if not found:
            return None
        return PaymentKey(hospital=hospital, med_org_ord=max(found, key=lambda row: row.accepted_at).med_org_ord)

    async def timeline(self, key: PaymentKey) -> list[TimelineEntry]:
        """The latest notices about a payment, in the order in which they came."""
        rows = (await self._connection.execute(_OF_PAYMENT, key_of(key))).mappings().all()
        return [
            TimelineEntry(
                at=row["received_at"],
                kind=TimelineKind.NOTICE,
                name=TRANSACTION,
                message=f"ordStas {row['ord_stas']}: {row['message']}" if row["ord_stas"] else row["message"],
            )
            for row in reversed(rows)
        ]


_NOTICE, _PAYMENT = table_of(SettlementNotice), table_of(Payment)
_KEPT = insert(_NOTICE).returning(_NOTICE.c.id)
_REMARKED = update(_NOTICE).where(_NOTICE.c.id == bindparam("key_id"))
_OF_PAYMENT = select(_NOTICE).where(*here(_NOTICE)).order_by(_NOTICE.c.id.desc()).limit(SHOWN_MAX)
# Not sorted here: SQLite would rather walk through all payments by time than sort the one that it found.
_ABOUT = select(_PAYMENT.c.med_org_ord, _PAYMENT.c.accepted_at).where(
    _PAYMENT.c.hospital == bindparam("key_hospital"), _PAYMENT.c.pay_ord_id == bindparam("key_pay_ord_id")
)
