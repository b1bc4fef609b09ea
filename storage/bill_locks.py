"""Bill locks: a partial unique index says that one payment alone has a bill; nobody looks before inserting."""

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
        """Lock all `bills`, which must be sorted, or none. None: they are this payment's, as they may have been.

        Else the medOrgOrd of the payment that holds one of them. A payment that is over locks nothing more.
        """
        if await self._is_over(key):
            return None
        for bill in bills:
            holder = await self._take_one(key, bill, at)
            if holder != key.med_org_ord:
                # Only what was locked now: the locks of a payment are all or none.
                await self._connection.execute(_TAKE_BACK, key_of(key))
                return holder
        return None

    async def release(self, key: PaymentKey, at: datetime) -> None:
        """Give this payment's bills free."""
        await self._connection.execute(_RELEASE, key_of(key) | {"released_at": at})

    async def release_registration(self, key: PaymentKey, at: datetime) -> None:
        """Give them free if they are a registration."""
        await self._connection.execute(_RELEASE_REGISTRATION, key_of(key) | {"released_at": at})

    async def _take_one(self, key: PaymentKey, bill: str, at: datetime) -> str:
        """The medOrgOrd that has the bill now. It may be given free between our try and our look: then try again."""
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
