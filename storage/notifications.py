"""The outbox: notifications are written in the transaction that makes them true, and sent later by a worker."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, insert, select, update

from domain.base import PaymentKey
from domain.notifications import NotificationEvent, Notify, ToldFacts, body_of
from security.masking.values import mask_text
from storage.records import NotificationRecord
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, place_of, table_of
from storage.tables import Notification, Payment

BATCH_MAX = 50
LISTED_MAX = 200


class NotificationRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def add(self, key: PaymentKey, event: NotificationEvent, at: datetime, refund_no: str = "") -> None:
        """Add a notification of `event`, with the payment as its row is now. `refund_no`: of a refund's event."""
        row = (await self._connection.execute(_PAYMENT_FACTS, key_of(key))).mappings().one()
        values = place_of(key) | {
            "refund_no": refund_no,
            "event": event.value,
            "body": body_of(event, at, key, _facts({**row}, refund_no)),
            "created_at": at,
            "runs": 0,
        }
        await self._connection.execute(_ADDED, values)

    async def waiting(self) -> list[Notify]:
        """The oldest `BATCH_MAX` runs to be started."""
        rows = (await self._connection.execute(_WAITING)).mappings()
        return [
            Notify(
                hospital=row["hospital"],
                med_org_ord=row["med_org_ord"],
                notification_id=row["id"],
                run=row["runs"] + 1,
                event=row["event"],
            )
            for row in rows
        ]

    async def started(self, runs: Sequence[Notify], at: datetime) -> None:
        """Mark runs whose workflows were started. One overtaken by a replay keeps waiting."""
        await self._taken(runs, at, counted=1)

    async def left(self, runs: Sequence[Notify], at: datetime) -> None:
        """Mark notifications that have no receiver: they stop waiting without a run."""
        await self._taken(runs, at, counted=0)

    async def find(self, notification_id: int) -> NotificationRecord | None:
        row = (await self._connection.execute(_FIND, {"key_id": notification_id})).mappings().one_or_none()
        return None if row is None else NotificationRecord(**row)

    async def delivered(self, run: Notify, at: datetime) -> None:
        """Mark it as delivered."""
        values = {"key_id": run.notification_id, "delivered_at": at, "given_up_at": None}
        await self._connection.execute(_CHANGED, values)

    async def given_up(self, run: Notify, at: datetime) -> None:
        """Mark it as given up, unless it was delivered or a later run is trying."""
        values = {"key_id": run.notification_id, "key_run": run.run, "given_up_at": at}
        await self._connection.execute(_GAVE_UP, values)

    async def replay(self, key: PaymentKey, event: NotificationEvent | None = None) -> list[NotificationRecord]:
        """Queue the payment's notifications, or only those of `event`, to be sent again; the notifications queued."""
        anew: dict[str, None] = {"started_at": None, "delivered_at": None, "given_up_at": None}
        found = await self._matching(_OF_PAYMENT, key_of(key))
        chosen = [record for record in found if event in {None, record.event}]
        if chosen:
            await self._connection.execute(_CHANGED, [{"key_id": record.id} | anew for record in chosen])
        return [record.model_copy(update=anew) for record in chosen]

    async def newest(self, hospital: str, *, failed: bool = False) -> list[NotificationRecord]:
        """The hospital's newest `LISTED_MAX`, newest first. `failed`: only those given up."""
        return await self._matching(_FAILED if failed else _NEWEST, {"key_hospital": hospital})

    async def _taken(self, runs: Sequence[Notify], at: datetime, counted: int) -> None:
        values = [
            {"key_id": run.notification_id, "key_runs": run.run - 1, "runs": run.run - 1 + counted, "started_at": at}
            for run in runs
        ]
        if values:
            await self._connection.execute(_TAKEN, values)

    async def _matching(self, statement: Select[Any], values: Mapping[str, Any]) -> list[NotificationRecord]:
        return [NotificationRecord(**row) for row in (await self._connection.execute(statement, values)).mappings()]


def _facts(row: Mapping[str, Any], refund_no: str) -> ToldFacts:
    """6202's amounts serve as the settled ones: if they differed, the payment is under review (product rule 11)."""
    texts = {name: row[name] or "" for name in ("pay_ord_id", "error_code")}
    texts |= {"error_message": mask_text(row["error_message"] or ""), "refund_no": refund_no}
    return ToldFacts(**{**row} | texts)


_PAYMENT, _NOTIFICATION = table_of(Payment), table_of(Notification)
_COLUMN = _NOTIFICATION.c
_THIS = _COLUMN.id == bindparam("key_id")
_PAYMENT_FACTS = select(*(_PAYMENT.c[name] for name in ToldFacts.model_fields if name != "refund_no")).where(
    *here(_PAYMENT)
)
_ADDED = insert(_NOTIFICATION)
_WAITING = (
    select(_COLUMN.id, _COLUMN.hospital, _COLUMN.med_org_ord, _COLUMN.event, _COLUMN.runs)
    .where(_COLUMN.started_at.is_(None))
    .order_by(_COLUMN.id)
    .limit(BATCH_MAX)
)
_TAKEN = update(_NOTIFICATION).where(_THIS, _COLUMN.started_at.is_(None), _COLUMN.runs == bindparam("key_runs"))
_FIND = select(_NOTIFICATION).where(_THIS)
_CHANGED = update(_NOTIFICATION).where(_THIS)
_GAVE_UP = update(_NOTIFICATION).where(_THIS, _COLUMN.delivered_at.is_(None), _COLUMN.runs <= bindparam("key_run"))
_OF_PAYMENT = select(_NOTIFICATION).where(*here(_NOTIFICATION)).order_by(_COLUMN.id)
_NEWEST = (
    select(_NOTIFICATION)
    .where(_COLUMN.hospital == bindparam("key_hospital"))
    .order_by(_COLUMN.id.desc())
    .limit(LISTED_MAX)
)
_FAILED = _NEWEST.where(_COLUMN.given_up_at.is_not(None))
