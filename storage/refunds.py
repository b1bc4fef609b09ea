"""Refunds: one conditional UPDATE reserves the parts, so that two at once can't exceed what was paid (rule 16)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Update, and_, bindparam, select, update

from domain.base import PaymentKey
from domain.errors import ErrorCode, PaymentError
from domain.fen import Fen
from domain.ids import refund_sn, refund_workflow_id
from domain.insurance import RefundParts, RefundType
from domain.notifications import NotificationEvent
from domain.refunds import RefundEnd, RefundOrder
from domain.states import REFUND_DONE, REFUND_TRANSITIONS, SETTLED_STATES, PaymentState, RefundState
from security.crypto.keyring import Keyring
from storage.free_text import fit_to_keep
from storage.notifications import NotificationRepository
from storage.payments import PaymentRepository
from storage.records import RefundRecord, TimelineEntry, TimelineKind
from storage.reviews import ReviewRepository
from storage.sealing import RowSeal
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, Payment, Refund

HIS_TOLD = "HIS_TOLD"
"""On the timeline: HIS knows of the refund."""


class RefundRepository:
    """A payment's row comes to its refunded states by `payments`, as it comes to every other one."""

    def __init__(
        self, connection: AnyConnection, keyring: Keyring, payments: PaymentRepository, reviews: ReviewRepository
    ) -> None:
        self._connection = connection
        self._keyring = keyring
        self._payments = payments
        self._reviews = reviews
        self._notifications = NotificationRepository(connection)

    async def reserve(self, order: RefundOrder, parts: RefundParts, before: RefundParts, at: datetime) -> bool:
        """REFUNDING: take `parts` out of what may go back, if that is still `before`. False: nothing was done.

        Another refund is under way then, or has changed `before`.
        """
        values = key_of(order) | _named("part", parts) | _named("before", before) | {"refunding": order.refund_no}
        if (await self._connection.execute(_RESERVE, values)).rowcount != 1:
            return False
        await self._insert(order, parts, RefundState.REFUNDING, at, None)
        return True

    async def refuse(self, order: RefundOrder, error: PaymentError, at: datetime) -> None:
        """REFUND_FAILED without a reservation. A row that is there already stays."""
        wanted = RefundParts(own_pay_fen=order.amount_fen or Fen(0))
        await self._insert(order, wanted, RefundState.REFUND_FAILED, at, error)

    async def end(self, key: PaymentKey, refund_no: str, end: RefundEnd, at: datetime, refd_sn: str = "") -> bool:
        """Bring a refund to `end`, unless it is there or past it; whether it was brought there.

        REFUND_FAILED gives its reservation back; every good end shows in the payment's state, and frees it for the
        next refund. payAuthNo is deleted with every end but IN_REVIEW, and when its minutes are over.
        """
        values = _end_values(end, at) | ({"refd_sn": refd_sn} if refd_sn else {})
        names = tuple(sorted(values))
        found = await self._connection.execute(_move_to(end.state, names), values | _key_of(key, refund_no))
        if found.rowcount != 1:
            return False
        if end.state is RefundState.IN_REVIEW:
            await self._open_review(key, refund_no, end, at)
            return True
        await self._reviews.closed(key, refund_no, end.state.value, at)
        if end.state in REFUND_DONE:
            await self._show_in_payment(key, refund_no, PaymentState(end.state.value), at)
        else:
            await self._give_back(key, refund_no)
        return True

    async def told(self, key: PaymentKey, refund_no: str, at: datetime) -> None:
        """HIS knows of it since `at`. The first time stays."""
        await self._connection.execute(_TOLD, _key_of(key, refund_no) | {"his_told_at": at})

    async def forget_authorisations(self, requested_before: datetime) -> int:
        """Delete the payAuthNo of each refund that was asked for before then; how many (product rule 12)."""
        return (await self._connection.execute(_FORGET, {"requested_before": requested_before})).rowcount

    async def find(self, key: PaymentKey, refund_no: str) -> RefundRecord | None:
        row = (await self._connection.execute(_FIND, _key_of(key, refund_no))).mappings().one_or_none()
        return None if row is None else _record({**row})

    async def of_payment(self, key: PaymentKey) -> list[RefundRecord]:
        """All of a payment's refunds, the oldest first."""
        return [_record({**row}) for row in (await self._connection.execute(_ALL, key_of(key))).mappings()]

    async def _insert(
        self,
        order: RefundOrder,
        parts: RefundParts,
        state: RefundState,
        at: datetime,
        error: PaymentError | None = None,
    ) -> None:
        reason = fit_to_keep(order.reason, await self._payments.find(order))
        values = parts.model_dump() | {
            "refund_no": order.refund_no,
            "state": state.value,
            "refund_type": order.refund_type.value,
            "pay_auth_no": None if error else order.pay_auth_no,
            "reason": reason[:MESSAGE_CHARS_MAX],
            "requested_by": order.requested_by,
            "app_refd_sn": refund_sn(order.med_org_ord, order.refund_no),
            "requested_at": at,
            "updated_at": at,
            "error_code": error.code.value if error else None,
            "error_message": error.message[:MESSAGE_CHARS_MAX] if error else None,
        }
        sealed = RowSeal(self._keyring, order, order.refund_no).columns(values)
        await self._connection.execute(insert_if_new(self._connection, _REFUND), place_of(order) | sealed)

    async def _show_in_payment(self, key: PaymentKey, refund_no: str, state: PaymentState, at: datetime) -> None:
        """The refund has no revision of the payment's own: it goes forward on whichever the row has."""
        freed = await self._connection.execute(_FREE, _under_way(key, refund_no))
        await self._payments.record(key, freed.scalar_one(), at, state=state)
        await self._notifications.add(key, NotificationEvent[state.name], at, refund_no)

    async def _give_back(self, key: PaymentKey, refund_no: str) -> None:
        record = await self.find(key, refund_no)
        if record is None:
            raise AssertionError("a refund without a row was ended")
        await self._connection.execute(_GIVE_BACK, _under_way(key, refund_no) | _named("part", record.parts))

    async def _open_review(self, key: PaymentKey, refund_no: str, end: RefundEnd, at: datetime) -> None:
        record = await self.find(key, refund_no)
        at_risk_fen = record.parts.total_fen if record is not None else Fen(0)
        workflow_id = refund_workflow_id(key, refund_no)
        await self._reviews.opened(key, refund_no, workflow_id, end.note, end.message, at_risk_fen, None, at)
        await self._notifications.add(key, NotificationEvent.IN_REVIEW, at, refund_no)


def with_refunds(timeline: Iterable[TimelineEntry], refunds: Iterable[RefundRecord]) -> list[TimelineEntry]:
    """A payment's timeline, and when each refund was asked for, came to where it is, and was told to HIS."""
    of_refunds = [entry for record in refunds for entry in _entries(record)]
    return sorted([*timeline, *of_refunds], key=lambda entry: entry.at)


def _entries(record: RefundRecord) -> list[TimelineEntry]:
    moments = [(record.requested_at, RefundState.REFUNDING.value)]
    if record.state is not RefundState.REFUNDING:
        moments.append((record.updated_at, record.state.value))
    if record.his_told_at is not None:
        moments.append((record.his_told_at, HIS_TOLD))
    return [TimelineEntry(at=at, kind=TimelineKind.REFUND, name=name, message=record.refund_no) for at, name in moments]


def _end_values(end: RefundEnd, at: datetime) -> dict[str, Any]:
    """What was said before is over with a new end."""
    values = {
        "state": end.state.value,
        "updated_at": at,
        "error_code": end.code.value if end.code else None,
        "error_message": end.message[:MESSAGE_CHARS_MAX] or None,
        "note": end.note or None,
    }
    return values if end.state is RefundState.IN_REVIEW else values | {"pay_auth_no_sealed": None}


def _record(row: Mapping[str, Any]) -> RefundRecord:
    texts = ("refd_sn", "error_message", "note")
    same = ("refund_no", "reason", "requested_by", "app_refd_sn", "requested_at", "updated_at", "his_told_at")
    return RefundRecord(
        key=PaymentKey(hospital=row["hospital"], med_org_ord=row["med_org_ord"]),
        state=RefundState(row["state"]),
        refund_type=RefundType(row["refund_type"]),
        parts=RefundParts(**{name: row[name] for name in RefundParts.model_fields}),
        error_code=ErrorCode(row["error_code"]) if row["error_code"] else None,
        **{name: row[name] for name in same},
        **{name: row[name] or "" for name in texts},
    )


def _key_of(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refund_no": refund_no}


def _under_way(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refunding": refund_no}


def _named(prefix: str, parts: RefundParts) -> dict[str, Any]:
    return {f"{prefix}_{name}": fen for name, fen in parts.model_dump().items()}


_PAYMENT, _REFUND = table_of(Payment), table_of(Refund)
_BACK = {
    "own_pay_fen": _PAYMENT.c.refunded_own_fen,
    "psn_acct_fen": _PAYMENT.c.refunded_acct_fen,
    "fund_fen": _PAYMENT.c.refunded_fund_fen,
}
_RESERVE = (
    update(_PAYMENT)
    .where(
        *here(_PAYMENT),
        _PAYMENT.c.refunding.is_(None),
        _PAYMENT.c.state.in_(sorted(state.value for state in SETTLED_STATES)),
        *(back == bindparam(f"before_{part}") for part, back in _BACK.items()),
        *(back + bindparam(f"part_{part}") <= _PAYMENT.c[part] for part, back in _BACK.items()),
    )
    .values(
        {back: back + bindparam(f"part_{part}") for part, back in _BACK.items()}
        | {_PAYMENT.c.refunding: bindparam("refunding")}
    )
)
_IS_UNDER_WAY = _PAYMENT.c.refunding == bindparam("key_refunding")
_FREE = update(_PAYMENT).where(*here(_PAYMENT), _IS_UNDER_WAY).values(refunding=None).returning(_PAYMENT.c.revision)
_GIVE_BACK = (
    update(_PAYMENT)
    .where(*here(_PAYMENT), _IS_UNDER_WAY)
    .values({back: back - bindparam(f"part_{part}") for part, back in _BACK.items()} | {_PAYMENT.c.refunding: None})
)
_THIS = and_(*here(_REFUND), _REFUND.c.refund_no == bindparam("key_refund_no"))
_FIND = select(_REFUND).where(_THIS)
_ALL = select(_REFUND).where(*here(_REFUND)).order_by(_REFUND.c.requested_at, _REFUND.c.refund_no)
_FORGET = (
    update(_REFUND)
    .where(_REFUND.c.pay_auth_no_sealed.is_not(None), _REFUND.c.requested_at <= bindparam("requested_before"))
    .values(pay_auth_no_sealed=None)
)
_TOLD = update(_REFUND).where(_THIS, _REFUND.c.his_told_at.is_(None))


@cache
def _move_to(state: RefundState, columns: tuple[str, ...]) -> Update:
    """From a state that it may follow. A repeated step, and one that comes late, changes nothing."""
    before = [earlier.value for earlier, following in REFUND_TRANSITIONS.items() if state in following]
    values: dict[str, BindParameter[Any]] = {column: bindparam(column) for column in columns}
    return update(_REFUND).where(_THIS, _REFUND.c.state.in_(before)).values(values)
