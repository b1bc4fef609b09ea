"""Many payments at once, the newest first, a page at a time: by the place where the last page ended, not by a count."""

from typing import Any

from sqlalchemy import Select, and_, or_, select

from storage.records import PaymentLine, PaymentQuery, Place
from storage.sql.engines import AnyConnection
from storage.sql.statements import table_of
from storage.tables import Payment


class PaymentListRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def page(self, query: PaymentQuery, rows_max: int, after: Place | None = None) -> list[PaymentLine]:
        """At most `rows_max` payments from `after` on, which is itself not among them."""
        found = await self._connection.execute(_statement(query, after).limit(rows_max))
        return [PaymentLine(**row) for row in found.mappings()]


_PAYMENT = table_of(Payment)
_COLUMNS = [_PAYMENT.c[name] for name in PaymentLine.model_fields]


def _statement(query: PaymentQuery, after: Place | None) -> Select[Any]:
    accepted_at, med_org_ord = _PAYMENT.c.accepted_at, _PAYMENT.c.med_org_ord
    statement = select(*_COLUMNS).where(_PAYMENT.c.hospital == query.hospital)
    for name, wanted in (("state", query.state), ("channel", query.channel), ("category", query.category)):
        if wanted is not None:
            statement = statement.where(_PAYMENT.c[name] == wanted.value)
    if query.begins is not None:
        statement = statement.where(accepted_at >= query.begins)
    if query.ends is not None:
        statement = statement.where(accepted_at < query.ends)
    if after is not None:
        # The first condition alone is what an index can begin at.
        same_moment = and_(accepted_at == after.accepted_at, med_org_ord < after.med_org_ord)
        statement = statement.where(accepted_at <= after.accepted_at, or_(accepted_at < after.accepted_at, same_moment))
    return statement.order_by(accepted_at.desc(), med_org_ord.desc())
