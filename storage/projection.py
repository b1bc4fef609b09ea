"""Where payments and refunds stand: each transition is written here, in one transaction with what follows from it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Update, and_, bindparam, insert, or_, select, update

from domain.attention import puts_money_at_risk
from domain.base import PaymentKey
from domain.fen import Fen
from domain.ids import payment_workflow_id, refund_workflow_id
from domain.insurance import RefundParts
from domain.refunds import RefundEnd
from domain.states import REFUND_TRANSITIONS, PaymentState, RefundState, may_follow
from domain.transitions import CaseChange, Effects, Release, effects_of, effects_of_refund
from storage.bill_locks import BillLockRepository
from storage.notifications import NotificationRepository
from storage.records import CaseOpening
from storage.reviews import ReviewRepository
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, refund_of, table_of, this_refund
from storage.tables import Payment, Refund, Settlement, StateChange

_BEFORE_THE_FIRST = 0
"""The revision of a row that was only just inserted; the workflow counts from 1."""


class Projection:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def receive(self, key: PaymentKey, accepted_at: datetime, columns: Mapping[str, Any]) -> None:
        """Make a payment's row, RECEIVED. One that is there already stays as it is."""
        begun = {
            "revision": _BEFORE_THE_FIRST,
            "state": PaymentState.RECEIVED.value,
            "state_since": accepted_at,
            "accepted_at": accepted_at,
            "updated_at": accepted_at,
        }
        statement = insert_if_new(self._connection, _PAYMENT)
        if (await self._connection.execute(statement, {**columns, **begun})).rowcount == 1:
            await self._note(key, _BEFORE_THE_FIRST, PaymentState.RECEIVED, accepted_at)

    async def write(
        self, key: PaymentKey, revision: int, at: datetime, state: PaymentState | None, columns: Mapping[str, Any]
    ) -> bool:
        """Bring a payment to `state` with `columns`, or write `columns` in the state that it has; whether it was done.

        It is not where a newer revision has written. Each is one conditional UPDATE, safe in a race.
        """
        values = {**columns, **key_of(key), "key_revision": revision, "revision": revision, "updated_at": at}
        if state is None:
            return await self._written(_FACTS, values)
        moved = await self._connection.execute(_move_to(state), values | {"state": state.value, "state_since": at})
        came_from = moved.scalar_one_or_none()
        if came_from is None:
            return await self._written(_STAY, values | {"key_state": state.value})
        await self._note(key, revision, state, at)
        await self._apply(effects_of(PaymentState(came_from), state), key, state, at)
        return True

    async def end_refund(
        self, key: PaymentKey, refund_no: str, end: RefundEnd, at: datetime, columns: Mapping[str, Any]
    ) -> bool:
        """Bring a refund to `end` with `columns`; whether it was done. It is not where the refund is there or past it.

        REFUND_FAILED gives its reservation back; every good end shows in the payment's state, and frees it for the
        next refund.
        """
        statement = _end_refund_at(end.state, tuple(sorted(columns)))
        row = (await self._connection.execute(statement, {**columns, **refund_of(key, refund_no)})).mappings().first()
        if row is None:
            return False
        effects = effects_of_refund(end.state)
        parts = RefundParts(**row)
        if effects.case is CaseChange.OPENS:
            await self._open_refund_case(key, refund_no, end, parts.total_fen, at)
        elif effects.case is CaseChange.CLOSES:
            await ReviewRepository(self._connection).closed(key, refund_no, end.state.value, at)
        if effects.shows is not None:
            # The refund has no revision of the payment's own: it goes forward on whichever the row has.
            freed = await self._connection.execute(_FREE, _under_way(key, refund_no))
            await self.write(key, freed.scalar_one(), at, effects.shows, {})
        if effects.gives_back:
            reserved = {f"part_{name}": fen for name, fen in parts.model_dump().items()}
            await self._connection.execute(_GIVE_BACK, _under_way(key, refund_no) | reserved)
        if effects.tells is not None:
            await NotificationRepository(self._connection).add(key, effects.tells, at, refund_no)
        return True

    async def _written(self, statement: Update, values: Mapping[str, Any]) -> bool:
        return (await self._connection.execute(statement, values)).rowcount == 1

    async def _note(self, key: PaymentKey, revision: int, state: PaymentState, at: datetime) -> None:
        values = place_of(key) | {"revision": revision, "state": state.value, "at": at}
        await self._connection.execute(_CHANGED, values)

    async def _apply(self, effects: Effects, key: PaymentKey, state: PaymentState, at: datetime) -> None:
        match effects.releases:
            case Release.EVERY_BILL:
                await BillLockRepository(self._connection).release(key, at)
            case Release.REGISTRATION:
                await BillLockRepository(self._connection).release_registration(key, at)
        if effects.tells is not None:
            await NotificationRepository(self._connection).add(key, effects.tells, at)
        match effects.case:
            case CaseChange.OPENS:
                await self._open_case(key, at)
            case CaseChange.CLOSES:
                await ReviewRepository(self._connection).closed(key, "", state.value, at)

    async def _open_case(self, key: PaymentKey, at: datetime) -> None:
        row = (await self._connection.execute(_REVIEWED, key_of(key))).mappings().one()
        reason = row["note"] or ""
        fen = (row["settled_fen"], row["split_fen"], row["total_fen"] if row["pay_ord_id"] else 0)
        at_risk_fen = next(amount for amount in fen if amount is not None)
        opening = CaseOpening(
            key=key,
            workflow_id=payment_workflow_id(key.hospital, key.med_org_ord),
            reason=reason,
            message=row["error_message"] or "",
            # The centre's amounts are kept as it said them, so they may be anything.
            at_risk_fen=Fen(max(0, at_risk_fen) if puts_money_at_risk(reason) else 0),
            opened_at=at,
            deadline=row["reversal_deadline"],
        )
        await ReviewRepository(self._connection).opened(opening)

    async def _open_refund_case(
        self, key: PaymentKey, refund_no: str, end: RefundEnd, at_risk_fen: Fen, at: datetime
    ) -> None:
        opening = CaseOpening(
            key=key,
            refund_no=refund_no,
            workflow_id=refund_workflow_id(key, refund_no),
            reason=end.note,
            message=end.message,
            at_risk_fen=at_risk_fen,
            opened_at=at,
        )
        await ReviewRepository(self._connection).opened(opening)


def _under_way(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refunding": refund_no}


_PAYMENT, _SETTLEMENT, _REFUND = table_of(Payment), table_of(Settlement), table_of(Refund)
_FACTS = update(_PAYMENT).where(*here(_PAYMENT), _PAYMENT.c.revision <= bindparam("key_revision"))
_STAY = _FACTS.where(_PAYMENT.c.state == bindparam("key_state"))
_CHANGED = insert(table_of(StateChange))
_REFUNDED = (PaymentState.PARTIALLY_REFUNDED.value, PaymentState.REFUNDED.value)
_IS_UNDER_WAY = _PAYMENT.c.refunding == bindparam("key_refunding")
_FREE = update(_PAYMENT).where(*here(_PAYMENT), _IS_UNDER_WAY).values(refunding=None).returning(_PAYMENT.c.revision)
REFUNDED_PARTS = {
    "own_pay_fen": _PAYMENT.c.refunded_own_fen,
    "psn_acct_fen": _PAYMENT.c.refunded_acct_fen,
    "fund_fen": _PAYMENT.c.refunded_fund_fen,
}
"""By part: the payment's column of what went back of it, or is reserved."""
_GIVE_BACK = (
    update(_PAYMENT)
    .where(*here(_PAYMENT), _IS_UNDER_WAY)
    .values(
        {back: back - bindparam(f"part_{part}") for part, back in REFUNDED_PARTS.items()} | {_PAYMENT.c.refunding: None}
    )
)
_REVIEWED = (
    select(
        _PAYMENT.c.note,
        _PAYMENT.c.error_message,
        _PAYMENT.c.pay_ord_id,
        _PAYMENT.c.total_fen,
        _PAYMENT.c.fee_sum_fen.label("split_fen"),
        _SETTLEMENT.c.fee_sum_fen.label("settled_fen"),
        _SETTLEMENT.c.reversal_deadline,
    )
    .select_from(
        _PAYMENT.outerjoin(
            _SETTLEMENT,
            (_PAYMENT.c.hospital == _SETTLEMENT.c.hospital) & (_PAYMENT.c.med_org_ord == _SETTLEMENT.c.med_org_ord),
        )
    )
    .where(*here(_PAYMENT))
)


@cache
def _move_to(state: PaymentState) -> Update:
    """The row is in another state, and an older revision wrote it; or the same one did, and `state` lies ahead.

    A payment that was refunded only goes forward, whoever writes: its refunds know nothing of its workflow's revisions.
    What it gives is the state that the row was in.
    """
    before = [earlier.value for earlier in PaymentState if may_follow(earlier, state)]
    revision: BindParameter[int] = bindparam("key_revision")
    current, written_by = _PAYMENT.c.state, _PAYMENT.c.revision
    newer = and_(written_by < revision, current.not_in(_REFUNDED))
    ahead = and_(written_by <= revision, current.in_(before))
    moved = update(_PAYMENT).where(*here(_PAYMENT), current != state.value, or_(newer, ahead))
    return moved.values({_PAYMENT.c.came_from: current}).returning(_PAYMENT.c.came_from)


@cache
def _end_refund_at(state: RefundState, columns: tuple[str, ...]) -> Update:
    """From a state that it may follow. A repeated step, and one that comes late, changes nothing."""
    before = [earlier.value for earlier, following in REFUND_TRANSITIONS.items() if state in following]
    values: dict[str, BindParameter[Any]] = {column: bindparam(column) for column in columns}
    moved = update(_REFUND).where(this_refund(_REFUND), _REFUND.c.state.in_(before)).values(values)
    return moved.returning(*(_REFUND.c[part] for part in RefundParts.model_fields))
