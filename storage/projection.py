"""Writes the transitions of payments and refunds, each in one transaction with its effects."""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Update, bindparam, insert, select, update

from domain.attention import puts_money_at_risk
from domain.base import PaymentKey
from domain.ids import payment_workflow_id, refund_workflow_id
from domain.insurance import RefundParts
from domain.refunds import RefundEnd
from domain.states import REFUND_TERMINAL, REFUND_TRANSITIONS, TERMINAL, PaymentState, RefundState, may_follow
from domain.transitions import CaseChange, Effects, Release, effects_of, effects_of_refund
from domain.values.fen import Fen
from storage.bill_locks import BillLockRepository
from storage.evidence.steps import erase_results
from storage.notifications import NotificationRepository
from storage.records import CaseOpening
from storage.reviews import ReviewRepository
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, insert_if_new, key_of, place_of, refund_of, table_of, this_refund
from storage.tables import REFUNDED_COLUMNS, Payment, Refund, Settlement, StateChange

_BEFORE_THE_FIRST = 0
"""The revision of a newly inserted row; the workflow counts from 1."""


class Written(IntEnum):
    """What a write did to a payment's row. Only REFUSED is false."""

    REFUSED = 0
    STANDS = 1
    """The payment had come to that end before: what was told of it stands."""
    WRITTEN = 2


class Projection:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def receive(self, key: PaymentKey, accepted_at: datetime, columns: Mapping[str, Any]) -> None:
        """Insert a payment's row, RECEIVED. An existing row stays as it is."""
        begun = {
            "revision": _BEFORE_THE_FIRST,
            "state": PaymentState.RECEIVED.value,
            "state_since": accepted_at,
            "accepted_at": accepted_at,
            "updated_at": accepted_at,
            "watched_from": accepted_at,
        }
        statement = insert_if_new(self._connection, _PAYMENT)
        if (await self._connection.execute(statement, {**columns, **begun})).rowcount == 1:
            await self._note(key, _BEFORE_THE_FIRST, PaymentState.RECEIVED, accepted_at)

    async def write(
        self,
        key: PaymentKey,
        revision: int,
        at: datetime,
        state: PaymentState,
        columns: Mapping[str, Any],
        *,
        by_question: bool = False,
    ) -> Written:
        """Move a payment to `state` and write `columns`, or only these if it is in that state and not at an end.

        Refused, with all its effects, if a newer revision was written or `state` may not follow the row's. Each write
        is one conditional UPDATE, safe in a race. `by_question`: the writer has only asked. No answer takes a payment
        out of IN_REVIEW.
        """
        values = {**columns, **_written_at(key, revision, at)}
        statement = _move_to(state, by_question=by_question)
        watched_from = columns.get("window_ends_at") if state is PaymentState.PRE_SETTLED else at
        moving = {"state": state.value, "state_since": at, "watched_from": watched_from}
        moved = await self._connection.execute(statement, values | moving)
        came_from = moved.scalar_one_or_none()
        if came_from is not None:
            await self._note(key, revision, state, at)
            await self._apply(effects_of(PaymentState(came_from), state), key, state, at)
            return Written.WRITTEN
        there = {"key_state": state.value}
        if state in TERMINAL:
            stands = await self._written(_STAY, _written_at(key, revision, at) | there)
            return Written.STANDS if stands else Written.REFUSED
        return Written.WRITTEN if await self._written(_STAY, values | there) else Written.REFUSED

    async def learn(
        self,
        key: PaymentKey,
        revision: int,
        at: datetime,
        columns: Mapping[str, Any],
        states: frozenset[PaymentState],
    ) -> Written:
        """Write `columns` to a payment in one of `states`, unless a newer revision was written."""
        values = {**columns, **_written_at(key, revision, at)}
        return Written.WRITTEN if await self._written(_learn_at(states), values) else Written.REFUSED

    async def end_refund(
        self, key: PaymentKey, refund_no: str, end: RefundEnd, at: datetime, columns: Mapping[str, Any]
    ) -> bool:
        """Move a refund to `end` and write `columns`; whether it was done. It is not if the refund is there or past it.

        REFUND_FAILED returns the reservation. Every other final state shows in the payment's state, and frees the
        payment for the next refund.
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
            # Refunds don't know the payment's revision, so they move it forward on the one in the row.
            freed = await self._connection.execute(_FREE, _in_progress(key, refund_no))
            await self.write(key, freed.scalar_one(), at, effects.shows, {})
        if end.state in REFUND_TERMINAL:
            await erase_results(self._connection, refund_workflow_id(key, refund_no))
        if effects.gives_back:
            await self._connection.execute(_GIVE_BACK, _in_progress(key, refund_no) | named_parts("part", parts))
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
        if state in TERMINAL:
            await erase_results(self._connection, payment_workflow_id(key.hospital, key.med_org_ord))
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
            # Amounts are stored as the centre sent them, so they may be negative.
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


def named_parts(prefix: str, parts: RefundParts) -> dict[str, Any]:
    """The parts by their names as parameters."""
    return {f"{prefix}_{name}": fen for name, fen in parts.model_dump().items()}


def _written_at(key: PaymentKey, revision: int, at: datetime) -> dict[str, Any]:
    """The payment, and what every write of its row says."""
    return key_of(key) | {"key_revision": revision, "revision": revision, "updated_at": at}


def _in_progress(key: PaymentKey, refund_no: str) -> dict[str, Any]:
    return key_of(key) | {"key_refunding": refund_no}


_PAYMENT, _SETTLEMENT, _REFUND = table_of(Payment), table_of(Settlement), table_of(Refund)
_NOT_LATE = update(_PAYMENT).where(*here(_PAYMENT), _PAYMENT.c.revision <= bindparam("key_revision"))
_STAY = _NOT_LATE.where(_PAYMENT.c.state == bindparam("key_state"))
_CHANGED = insert(table_of(StateChange))
_IS_IN_PROGRESS = _PAYMENT.c.refunding == bindparam("key_refunding")
_FREE = update(_PAYMENT).where(*here(_PAYMENT), _IS_IN_PROGRESS).values(refunding=None).returning(_PAYMENT.c.revision)
REFUNDED_PARTS = {part: _PAYMENT.c[column] for part, column in REFUNDED_COLUMNS.items()}
"""By part: the payment's column of what was refunded of it or is reserved."""
_GIVE_BACK = (
    update(_PAYMENT)
    .where(*here(_PAYMENT), _IS_IN_PROGRESS)
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
def _move_to(state: PaymentState, *, by_question: bool) -> Update:
    """Moves a row from any state that `state` may follow (`domain.states.TRANSITIONS`), unless a newer revision wrote.

    Returns the state that the row was in.
    """
    before = {earlier for earlier in PaymentState if may_follow(earlier, state)}
    if by_question:
        before.discard(PaymentState.IN_REVIEW)
    current = _PAYMENT.c.state
    moved = _NOT_LATE.where(current.in_(sorted(earlier.value for earlier in before)))
    return moved.values({_PAYMENT.c.came_from: current}).returning(_PAYMENT.c.came_from)


@cache
def _learn_at(states: frozenset[PaymentState]) -> Update:
    return _NOT_LATE.where(_PAYMENT.c.state.in_(sorted(state.value for state in states)))


@cache
def _end_refund_at(state: RefundState, columns: tuple[str, ...]) -> Update:
    """Moves a refund from any state that `state` may follow. A repeated or late step changes nothing."""
    before = [earlier.value for earlier, following in REFUND_TRANSITIONS.items() if state in following]
    values: dict[str, BindParameter[Any]] = {column: bindparam(column) for column in columns}
    moved = update(_REFUND).where(this_refund(_REFUND), _REFUND.c.state.in_(before)).values(values)
    return moved.returning(*(_REFUND.c[part] for part in RefundParts.model_fields))
