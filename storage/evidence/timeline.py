"""A payment's timeline: states, calls, notices, notifications, refunds and decisions, in order of time."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, select

from domain.base import PaymentKey
from domain.notifications import EVENT_NAMES
from domain.states import RefundState
from storage.evidence.refused_payloads import RefusedPayload
from storage.notices import SettlementNotice
from storage.records import TimelineEntry, TimelineKind
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, table_of
from storage.tables import CallLog, Notification, Refund, ReviewEvent, StateChange

HIS_TOLD = "HIS_TOLD"
"""The name of the entry that HIS was told of a refund."""

NOTICES_SHOWN_MAX = 50
"""Only the latest notices are shown, although all are kept."""

_NOTICE_TRANSACTION = "6302"
_GIVEN_UP = "未能送达, 已放弃; 可用 medpay notifications replay 重发"


class TimelineRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def of_payment(self, key: PaymentKey) -> list[TimelineEntry]:
        """Everything that happened to the payment and its refunds. A state comes after a call of the same moment."""
        entries = [
            *(_notice(row) for row in reversed(await self._rows(_NOTICES, key))),
            *(_call(row) for row in await self._rows(_CALLS, key)),
            *(_state(row) for row in await self._rows(_STATES, key)),
            *(_given_up(row) for row in await self._rows(_GIVEN_UP_NOTIFICATIONS, key)),
            *(_decision(row) for row in await self._rows(_DECISIONS, key)),
            *(_foreign(row) for row in await self._rows(_FOREIGN, key)),
            *(entry for row in await self._rows(_REFUNDS, key) for entry in _refund(row)),
        ]
        return sorted(entries, key=lambda entry: entry.at)

    async def _rows(self, statement: Select[Any], key: PaymentKey) -> Sequence[RowMapping]:
        return (await self._connection.execute(statement, key_of(key))).mappings().all()


def _notice(row: RowMapping) -> TimelineEntry:
    message = f"ordStas {row['ord_stas']}: {row['message']}" if row["ord_stas"] else row["message"]
    return TimelineEntry(at=row["received_at"], kind=TimelineKind.NOTICE, name=_NOTICE_TRANSACTION, message=message)


def _call(row: RowMapping) -> TimelineEntry:
    return TimelineEntry(
        at=row["begun_at"],
        kind=TimelineKind.WEBHOOK if row["transaction"] in EVENT_NAMES else TimelineKind.CALL,
        name=row["transaction"],
        outcome=row["outcome"],
        duration_ms=row["duration_ms"],
        message=row["message"] or "",
    )


def _state(row: RowMapping) -> TimelineEntry:
    return TimelineEntry(at=row["at"], kind=TimelineKind.STATE, name=row["state"])


def _given_up(row: RowMapping) -> TimelineEntry:
    """The attempts themselves are in the call log, like other calls."""
    return TimelineEntry(at=row["given_up_at"], kind=TimelineKind.WEBHOOK, name=row["event"], message=_GIVEN_UP)


def _decision(row: RowMapping) -> TimelineEntry:
    words = filter(None, (row["refund_no"], f"{row['event']} {row['by_name']}: {row['reason']}"))
    return TimelineEntry(at=row["at"], kind=TimelineKind.DECISION, name=row["action"], message=" ".join(words))


def _foreign(row: RowMapping) -> TimelineEntry:
    message = f"Temporal中有{row['refused']}次未经本系统密封的内容, 已拒绝, 支付不受其影响; 请查Temporal的访问权限"
    return TimelineEntry(at=row["last_at"], kind=TimelineKind.FOREIGN, name=row["why"], message=message)


def _refund(row: RowMapping) -> Iterable[TimelineEntry]:
    """When a refund was requested, reached its present state, and was reported to HIS."""
    moments = [(row["requested_at"], RefundState.REFUNDING.value)]
    if row["state"] != RefundState.REFUNDING:
        moments.append((row["updated_at"], row["state"]))
    if row["his_told_at"] is not None:
        moments.append((row["his_told_at"], HIS_TOLD))
    return [TimelineEntry(at=at, kind=TimelineKind.REFUND, name=name, message=row["refund_no"]) for at, name in moments]


_NOTICE, _CALL, _STATE = table_of(SettlementNotice), table_of(CallLog), table_of(StateChange)
_REFUSED = table_of(RefusedPayload)
_NOTIFICATION, _EVENT, _REFUND = table_of(Notification), table_of(ReviewEvent), table_of(Refund)
_NOTICES = select(_NOTICE).where(*here(_NOTICE)).order_by(_NOTICE.c.id.desc()).limit(NOTICES_SHOWN_MAX)
_CALLS = select(_CALL).where(*here(_CALL)).order_by(_CALL.c.id)
_STATES = select(_STATE).where(*here(_STATE)).order_by(_STATE.c.id)
_GIVEN_UP_NOTIFICATIONS = (
    select(_NOTIFICATION.c.given_up_at, _NOTIFICATION.c.event)
    .where(*here(_NOTIFICATION), _NOTIFICATION.c.given_up_at.is_not(None))
    .order_by(_NOTIFICATION.c.id)
)
_DECISIONS = select(_EVENT).where(*here(_EVENT)).order_by(_EVENT.c.id)
_FOREIGN = select(_REFUSED).where(*here(_REFUSED)).order_by(_REFUSED.c.last_at)
_REFUNDS = select(_REFUND).where(*here(_REFUND)).order_by(_REFUND.c.requested_at, _REFUND.c.refund_no)
