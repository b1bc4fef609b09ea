"""The review queue: cases that a person must decide, and the append-only events of what people did about them."""

from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, bindparam, insert, select, update

from domain.base import PaymentKey
from domain.reviews import CaseEvent, ReviewAction
from storage.records import CaseEventRecord, CaseOpening, CaseRecord
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, place_of, refund_of, table_of, this_refund
from storage.tables import MESSAGE_CHARS_MAX, ReviewCase, ReviewEvent


class ReviewRepository:
    """`refund_no` is empty for the payment's own case."""

    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def opened(self, case: CaseOpening) -> None:
        """Open a case, unless this payment or refund has an open one."""
        values = place_of(case.key) | case.model_dump(exclude={"key"})
        values |= {"message": case.message[:MESSAGE_CHARS_MAX], "closed_at": None, "outcome": None}
        await self._connection.execute(insert_if_new(self._connection, _CASE), values)

    async def closed(self, key: PaymentKey, refund_no: str, outcome: str, at: datetime) -> None:
        """Close the open case, if any. `outcome`: the state that the decision led to."""
        values = refund_of(key, refund_no) | {"outcome": outcome, "closed_at": at}
        await self._connection.execute(_CLOSE, values)

    async def noted(self, key: PaymentKey, refund_no: str, event: CaseEventRecord) -> None:
        """Add an event. The same event again, from a retried activity, is not added twice."""
        values = place_of(key) | {
            "refund_no": refund_no,
            "event": event.event.value,
            "proposal": event.proposal,
            "action": event.action.value,
            "by_name": event.by,
            "reason": event.reason[:MESSAGE_CHARS_MAX],
            "at": event.at,
        }
        known = refund_of(key, refund_no) | {f"key_{name}": values[name] for name in ("event", "action", "at")}
        if (await self._connection.execute(_NOTED_BEFORE, known)).first() is None:
            await self._connection.execute(_NOTE, values)

    async def open_cases(self, hospital: str, cursor: int, limit: int) -> list[CaseRecord]:
        """At most `limit` open cases of the hospital, oldest first, after the case with the id `cursor`."""
        values = {"key_hospital": hospital, "key_cursor": cursor, "key_limit": limit}
        return [_case(row) for row in (await self._connection.execute(_OPEN_CASES, values)).mappings()]

    async def find(self, key: PaymentKey, refund_no: str) -> CaseRecord | None:
        """The newest case, open or closed."""
        row = (await self._connection.execute(_NEWEST, refund_of(key, refund_no))).mappings().first()
        return None if row is None else _case(row)

    async def events(self, key: PaymentKey, refund_no: str) -> list[CaseEventRecord]:
        """What people did about this payment's or refund's cases, in order."""
        rows = (await self._connection.execute(_EVENTS, refund_of(key, refund_no))).mappings()
        return [
            CaseEventRecord(
                event=CaseEvent(row["event"]),
                action=ReviewAction(row["action"]),
                by=row["by_name"],
                reason=row["reason"],
                at=row["at"],
                proposal=row["proposal"],
            )
            for row in rows
        ]


def _case(row: RowMapping) -> CaseRecord:
    values = {name: row[name] for name in CaseRecord.model_fields if name != "key"}
    return CaseRecord(key=PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"]), **values)


_CASE, _EVENT = table_of(ReviewCase), table_of(ReviewEvent)
_OPEN: ColumnElement[bool] = _CASE.c.closed_at.is_(None)
_THIS = this_refund(_CASE)
_CLOSE = update(_CASE).where(_THIS, _OPEN)
_NEWEST = select(_CASE).where(_THIS).order_by(_CASE.c.id.desc()).limit(1)
_OPEN_CASES = (
    select(_CASE)
    .where(_CASE.c.hospital == bindparam("key_hospital"), _CASE.c.id > bindparam("key_cursor"), _OPEN)
    .order_by(_CASE.c.id)
    .limit(bindparam("key_limit"))
)
_ITS_EVENTS = this_refund(_EVENT)
_EVENTS = select(_EVENT).where(_ITS_EVENTS).order_by(_EVENT.c.id)
_NOTE = insert(_EVENT)
_NOTED_BEFORE = select(_EVENT.c.id).where(
    _ITS_EVENTS,
    _EVENT.c.event == bindparam("key_event"),
    _EVENT.c.action == bindparam("key_action"),
    _EVENT.c.at == bindparam("key_at"),
)
