"""Whose an order at the centre is: hospitals that share an account there share its numbers (protocol 3.2).

A number belongs to the payment that was priced with it first, and a payOrdId to the payment whose 6201 it answered
first. Nobody else may ask about, revoke or refund it.
"""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, and_, bindparam, exists, select, update
from sqlmodel import Field, SQLModel

from domain.base import PaymentKey
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, place_of, table_of
from storage.tables import DIGEST_CHARS, HOSPITAL_CHARS_MAX, ID_CHARS_MAX, MED_ORG_ORD_CHARS_MAX


class CentreOrder(SQLModel, table=True):
    """The payment that a medOrgOrd and a payOrdId belong to at the centre. `account`: a digest, see `PaymentTerms`."""

    __tablename__ = "centre_order"
    __table_args__ = (
        ForeignKeyConstraint(["hospital", "med_org_ord"], ["payment.hospital", "payment.med_org_ord"]),
        CheckConstraint("account <> ''", name="account_known"),
        Index("centre_order_by_pay_ord_id", "account", "pay_ord_id", unique=True),
    )

    account: str = Field(primary_key=True, max_length=DIGEST_CHARS)
    med_org_ord: str = Field(primary_key=True, max_length=MED_ORG_ORD_CHARS_MAX)
    hospital: str = Field(max_length=HOSPITAL_CHARS_MAX)
    pay_ord_id: str | None = Field(max_length=ID_CHARS_MAX)


class CentreOrderRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def take(self, account: str, key: PaymentKey) -> bool:
        """Take the payment's medOrgOrd at this account. False: another hospital's payment has it."""
        values = {"account": account, **place_of(key), "pay_ord_id": None}
        if (await self._connection.execute(insert_if_new(self._connection, _ORDER), values)).rowcount == 1:
            return True
        return await self.owner(account, key.med_org_ord) == key.hospital

    async def owner(self, account: str, med_org_ord: str) -> str | None:
        """The hospital whose payment has this medOrgOrd at the account. None: nobody has."""
        values = {"key_account": account, "key_med_org_ord": med_org_ord}
        owner = (await self._connection.execute(_OWNER, values)).scalar_one_or_none()
        return None if owner is None else str(owner)

    async def own(self, account: str, key: PaymentKey, pay_ord_id: str) -> bool:
        """Take the payOrdId with which 6201 was answered. False: it is another payment's.

        Raises `sqlalchemy.exc.IntegrityError` if another payment takes it in the same moment.
        """
        values = {
            "key_account": account,
            "key_hospital": key.hospital,
            "key_med_org_ord": key.med_org_ord,
            "key_pay_ord_id": pay_ord_id,
        }
        return (await self._connection.execute(_OWN, values)).rowcount == 1


_ORDER = table_of(CentreOrder)
_OTHER = _ORDER.alias("other")
_NUMBER = and_(_ORDER.c.account == bindparam("key_account"), _ORDER.c.med_org_ord == bindparam("key_med_org_ord"))
_OWNER = select(_ORDER.c.hospital).where(_NUMBER)
_ANOTHERS = exists().where(
    _OTHER.c.account == bindparam("key_account"),
    _OTHER.c.pay_ord_id == bindparam("key_pay_ord_id"),
    _OTHER.c.med_org_ord != bindparam("key_med_org_ord"),
)
_OWN = (
    update(_ORDER)
    .where(_NUMBER, _ORDER.c.hospital == bindparam("key_hospital"), ~_ANOTHERS)
    .values(pay_ord_id=bindparam("key_pay_ord_id"))
)
