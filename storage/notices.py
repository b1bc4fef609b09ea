"""Settlement notices (6302), kept as they came, even if about an order that we don't know."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Index, bindparam, select, update
from sqlmodel import Field, SQLModel

from domain.base import PaymentKey
from storage.records import ReceivedNotice
from storage.sql.columns import UtcDateTime, serial_id
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, place_of, table_of
from storage.tables import (
    DIGEST_CHARS,
    HOSPITAL_CHARS_MAX,
    ID_CHARS_MAX,
    MED_ORG_ORD_CHARS_MAX,
    MESSAGE_CHARS_MAX,
    WORD_CHARS_MAX,
    Payment,
)


class SettlementNotice(SQLModel, table=True):
    """A 6302 with a valid signature, kept as it came. It may be about an order that we don't know.

    `signature_digest`: makes the same notice sent again by anyone the same row.
    """

    __tablename__ = "settlement_notice"
    __table_args__ = (
        Index("settlement_notice_of_payment", "hospital", "med_org_ord"),
        Index("settlement_notice_once", "hospital", "signature_digest", unique=True),
    )

    id: int = Field(sa_column=serial_id())
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    med_org_ord: str = Field(max_length=MED_ORG_ORD_CHARS_MAX)
    pay_ord_id: str = Field(max_length=ID_CHARS_MAX)
    ord_stas: str = Field(max_length=WORD_CHARS_MAX)
    received_at: datetime = Field(sa_type=UtcDateTime)
    message: str = Field(max_length=MESSAGE_CHARS_MAX)
    signature_digest: str = Field(max_length=DIGEST_CHARS)
    followed_at: datetime | None = Field(sa_type=UtcDateTime)


class KeptNotice(NamedTuple):
    """`followed`: what came of it, if the same notice was received and followed up before."""

    id: int
    followed: str | None


class NoticeRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def keep(self, key: PaymentKey, notice: ReceivedNotice) -> KeptNotice:
        """Keep a notice. `key` need not be a payment of ours. The same notice again adds no row."""
        kept = place_of(key) | notice.model_dump() | {"message": notice.message[:MESSAGE_CHARS_MAX]}
        inserting = insert_if_new(self._connection, _NOTICE).returning(_NOTICE.c.id)
        new_id = (await self._connection.execute(inserting, kept)).scalar_one_or_none()
        if new_id is not None:
            return KeptNotice(int(new_id), None)
        same = {"key_hospital": key.hospital, "key_digest": notice.signature_digest}
        row = (await self._connection.execute(_SAME, same)).one()
        return KeptNotice(int(row.id), None if row.followed_at is None else str(row.message))

    async def remark(self, notice_id: int, message: str, followed_at: datetime | None = None) -> None:
        """Write what came of it. `followed_at`: when it was followed up, None if that is still to be done."""
        remark = {"message": message[:MESSAGE_CHARS_MAX], "followed_at": followed_at}
        await self._connection.execute(_REMARKED, {"key_id": notice_id} | remark)

    async def about(self, hospital: str, pay_ord_id: str) -> PaymentKey | None:
        """The payment with this payOrdId; the newest, should the centre ever have given one payOrdId to two."""
        values = {"key_hospital": hospital, "key_pay_ord_id": pay_ord_id}
        found = (await self._connection.execute(_ABOUT, values)).all()
        if not found:
            return None
        return PaymentKey(hospital=hospital, med_org_ord=max(found, key=lambda row: row.accepted_at).med_org_ord)


_NOTICE, _PAYMENT = table_of(SettlementNotice), table_of(Payment)
_SAME = select(_NOTICE.c.id, _NOTICE.c.message, _NOTICE.c.followed_at).where(
    _NOTICE.c.hospital == bindparam("key_hospital"), _NOTICE.c.signature_digest == bindparam("key_digest")
)
_REMARKED = update(_NOTICE).where(_NOTICE.c.id == bindparam("key_id"))
# Not sorted here: SQLite would walk through all payments by time rather than sort the one that it found.
_ABOUT = select(_PAYMENT.c.med_org_ord, _PAYMENT.c.accepted_at).where(
    _PAYMENT.c.hospital == bindparam("key_hospital"), _PAYMENT.c.pay_ord_id == bindparam("key_pay_ord_id")
)
