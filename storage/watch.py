"""Which payments have made no progress for long, or have ended and not closed their workflow."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, tuple_, update

from domain.base import PaymentKey
from storage.records import WatchedPayment
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, table_of
from storage.tables import Payment

BATCH_MAX = 50


class WatchRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def any_due(self, before: datetime) -> bool:
        """Whether a payment has been watched since `before` or longer."""
        return (await self._connection.execute(_ANY_DUE, {"before": before})).first() is not None

    async def take(self, before: datetime, until: datetime) -> Sequence[WatchedPayment]:
        """At most `BATCH_MAX` of them, those watched for longest. Nobody else gets them before `until`."""
        values = {"before": before, "watched_from": until}
        found = await self._connection.execute(_TAKEN, values)
        return [WatchedPayment(**row) for row in found.mappings()]

    async def again(self, payment: WatchedPayment, at: datetime) -> None:
        """Watch the payment from `at` on, unless it has moved meanwhile."""
        await self._connection.execute(_AGAIN, {**_as_found(payment), "watched_from": at})

    async def enough(self, payment: WatchedPayment) -> None:
        """Nobody has to look any more, unless the payment has moved meanwhile."""
        await self._connection.execute(_AGAIN, {**_as_found(payment), "watched_from": None})


def _as_found(payment: WatchedPayment) -> dict[str, object]:
    key = PaymentKey(hospital=payment.hospital, med_org_ord=payment.med_org_ord)
    return {**key_of(key), "key_state": payment.state.value}


_PAYMENT = table_of(Payment)
_KEY = (_PAYMENT.c.hospital, _PAYMENT.c.med_org_ord)
_DUE = (
    select(*_KEY)
    .where(_PAYMENT.c.watched_from <= bindparam("before"))
    .order_by(_PAYMENT.c.watched_from)
    .limit(BATCH_MAX)
)
_ANY_DUE = _DUE.limit(1)
_TAKEN = (
    update(_PAYMENT)
    .where(tuple_(*_KEY).in_(_DUE.with_for_update(skip_locked=True)))
    .returning(*_KEY, _PAYMENT.c.state, _PAYMENT.c.state_since)
)
_AGAIN = update(_PAYMENT).where(*here(_PAYMENT), _PAYMENT.c.state == bindparam("key_state"))
