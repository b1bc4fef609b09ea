"""The review queue: cases that a person must decide, and what people did with them. Events are only added."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, insert, select, update

from domain.base import PaymentKey
from domain.reviews import CaseEvent, ReviewAction
from storage.records import CaseEventRecord, CaseRecord
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, ReviewCase, ReviewEvent


class ReviewRepository:
    """`refund_no` is empty where the case is the payment itself."""

    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def opened(  # noqa: PLR0917 - one row
        self,
        key: PaymentKey,
        refund_no: str,
        workflow_id: str,
        reason: str,
        message: str,
        at_risk_fen: int,
        deadline: datetime | None,
        at: datetime,
    ) -> None:
        """Open a case, unless one of this payment or refund is open. `workflow_id`: who is asked about it."""
        values = place_of(key) | {
            "refund_no": refund_no,
            "workflow_id": workflow_id,
            "reason": reason,
            "message": message[:MESSAGE_CHARS_MAX],
            "at_risk_fen": at_risk_fen,
            "opened_at": at,
            "deadline": deadline,
            "closed_at": None,
            "outcome": None,
        }
        await self._connection.execute(insert_if_new(self._connection, _CASE), values)

    async def closed(self, key: PaymentKey, refund_no: str, outcome: str, at: datetime) -> None:
        """Close the open case, if there is one. `outcome`: the state that the decision led to."""
        values = _key_of(key, refund_no) | {"outcome": outcome, "closed_at": at}
        await self._connection.execute(_CLOSE, values)

    async def noted(  # noqa: PLR0917 - one row
        self,
        key: PaymentKey,
        refund_no: str,
        event: CaseEvent,
        action: ReviewAction,
        by_name: str,
        reason: str,
        at: datetime,
    ) -> None:
        """Write down what somebody did at `at`. The same once more, by a repeated activity, is written once."""
        values = place_of(key) | {
            "refund_no": refund_no,
            "event": event.value,
            "action": action.value,
            "by_name": by_name,
            "reason": reason[:MESSAGE_CHARS_MAX],
            "at": at,
        }
        known = _key_of(key, refund_no) | {f"key_{name}": values[name] for name in ("event", "action", "at")}
        if (await self._connection.execute(_NOTED_BEFORE, known)).first() is None:
            await self._connection.execute(_NOTE, values)

    async def open_cases(self, hospital: str, cursor: int, limit: int) -> list[CaseRecord]:
        """The hospital's open cases, the oldest first, at most `limit`, after the case with the id `cursor`."""
        values = {"key_hospital": hospital, "key_cursor": cursor, "key_limit": limit}
        return [_case(row) for row in (await self._connection.execute(_OPEN_CASES, values)).mappings()]

    async def find(self, key: PaymentKey, refund_no: str) -> CaseRecord | None:
        """The newest case, open or closed."""
        row = (await self._connection.execute(_NEWEST, _key_of(key, refund_no))).mappings().first()
        return None if row is None else _case(row)

    async def events(self, key: PaymentKey, refund_no: str) -> list[CaseEventRecord]:
        """What people did with this payment's or refund's cases, in order."""
        rows = (await self._connection.execute(_EVENTS, _key_of(key, refund_no))).mappings()
        return [
            CaseEventRecord(
                event=CaseEvent(row["event"]),
                action=ReviewAction(row["action"]),
                by=row["by_name"],
                reason=row["reason"],
                at=row["at"],
            )
            for row in rows
        ]


def _key_of(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refund_no": refund_no}


def _case(row: RowMapping) -> CaseRecord:
    values = {name: row[name] for name in CaseRecord.model_fields if name != "key"}
    return CaseRecord(key=PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"]), **values)


_CASE, _EVENT = table_of(ReviewCase), table_of(ReviewEvent)
_OPEN: ColumnElement[bool] = _CASE.c.closed_at.is_(None)
_THIS = and_(*here(_CASE), _CASE.c.refund_no == bindparam("key_refund_no"))
_CLOSE = update(_CASE).where(_THIS, _OPEN)
_NEWEST = select(_CASE).where(_THIS).order_by(_CASE.c.id.desc()).limit(1)
_OPEN_CASES = (
    select(_CASE)
    .where(_CASE.c.hospital == bindparam("key_hospital"), _CASE.c.id > bindparam("key_cursor"), _OPEN)
    .order_by(_CASE.c.id)
    .limit(bindparam("key_limit"))
)
_ITS_EVENTS = and_(*here(_EVENT), _EVENT.c.refund_no == bindparam("key_refund_no"))
_EVENTS = select(_EVENT).where(_ITS_EVENTS).order_by(_EVENT.c.id)
_NOTE = insert(_EVENT)
_NOTED_BEFORE = select(_EVENT.c.id).where(
    _ITS_EVENTS,
    _EVENT.c.event == bindparam("key_event"),
    _EVENT.c.action == bindparam("key_action"),
    _EVENT.c.at == bindparam("key_at"),
)
