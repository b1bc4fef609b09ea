"""Bill locks: a partial unique index allows one payment to hold a bill, so nothing is checked before inserting."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, select, update

from domain.base import PaymentKey
from domain.orders import REGISTRATION
from domain.states import TERMINAL
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, table_of
from storage.tables import BillLock, Payment


class BillLockRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def take(self, key: PaymentKey, bills: Sequence[str], at: datetime) -> str | None:
        """Lock all `bills`, which must be sorted, or none. None if this payment holds them now.

        Else the medOrgOrd of a payment that holds one of them. A payment that has ended locks nothing, and gets None.
        """
        if await self._is_over(key):
            return None
        for bill in bills:
            holder = await self._take_one(key, bill, at)
            if holder != key.med_org_ord:
                # Takes back only locks taken just now, since a payment locks all of its bills or none.
                await self._connection.execute(_TAKE_BACK, key_of(key))
                return holder
        return None

    async def release(self, key: PaymentKey, at: datetime) -> None:
        """Release this payment's bills."""
        await self._connection.execute(_RELEASE, key_of(key) | {"released_at": at})

    async def release_registration(self, key: PaymentKey, at: datetime) -> None:
        """Release this payment's bill if it is a registration."""
        await self._connection.execute(_RELEASE_REGISTRATION, key_of(key) | {"released_at": at})

    async def _take_one(self, key: PaymentKey, bill: str, at: datetime) -> str:
        """The medOrgOrd that holds the bill now. Tries again if it is released between our insert and our query."""
        values = place_of(key) | {"bill": bill, "locked_at": at, "released_at": None}
        while True:
            if (await self._connection.execute(insert_if_new(self._connection, _LOCK), values)).rowcount == 1:
                return key.med_org_ord
            found = await self._connection.execute(_HOLDER, {"key_hospital": key.hospital, "key_bill": bill})
            if holder := found.scalar_one_or_none():
                return str(holder)

    async def _is_over(self, key: PaymentKey) -> bool:
        return (await self._connection.execute(_OVER, key_of(key))).first() is not None


_LOCK, _PAYMENT = table_of(BillLock), table_of(Payment)
_LIVE = _LOCK.c.released_at.is_(None)
_TAKE_BACK = delete(_LOCK).where(*here(_LOCK), _LIVE)
_RELEASE = update(_LOCK).where(*here(_LOCK), _LIVE)
_HOLDER = select(_LOCK.c.med_org_ord).where(
    and_(_LOCK.c.hospital == bindparam("key_hospital"), _LOCK.c.bill == bindparam("key_bill"), _LIVE)
)
_RELEASE_REGISTRATION = _RELEASE.where(_LOCK.c.bill.startswith(REGISTRATION))
_OVER = (
    select(_PAYMENT.c.state)
    .where(*here(_PAYMENT), _PAYMENT.c.state.in_([state.value for state in TERMINAL]))
    .with_for_update()
)
