"""What follows from a payment's new state in the same transaction, whoever brought it about."""

from datetime import datetime

from sqlalchemy import select

from domain.base import PaymentKey
from domain.ids import payment_workflow_id
from domain.notifications import event_of
from domain.states import RELEASING, SETTLED_STATES, TRANSITIONS, PaymentState
from storage.bill_locks import ClaimRepository
from storage.notifications import NotificationRepository
from storage.reviews import ReviewRepository
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, table_of
from storage.tables import Payment, Settlement

_THE_PAYMENT_ITSELF = ""
_MONEY_IS_BACK = frozenset({"VISIT_NOT_CANCELLED", "LATE_BOOKING_UNCHECKED"})
"""Reasons for a review that put no money at risk."""

_BY_REFUNDS = SETTLED_STATES - {PaymentState.SETTLED}
"""Told of where the refund is written: two in a row may leave the payment in one state, and both are told of."""

_FROM_REVIEW = TRANSITIONS[PaymentState.IN_REVIEW]


class Consequences:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection
        self._claims = ClaimRepository(connection)
        self._notifications = NotificationRepository(connection)
        self._reviews = ReviewRepository(connection)

    async def follow(self, key: PaymentKey, state: PaymentState, at: datetime) -> None:
        """`key` has come to `state`."""
        if state in RELEASING:
            await self._claims.release(key, at)
        elif state is PaymentState.SETTLED:
            await self._claims.release_registration(key, at)
        if state not in _BY_REFUNDS and (event := event_of(state)) is not None:
            await self._notifications.add(key, event, at)
        if state is PaymentState.IN_REVIEW:
            await self._open_review(key, at)
        elif state in _FROM_REVIEW:
            await self._reviews.closed(key, _THE_PAYMENT_ITSELF, state.value, at)

    async def _open_review(self, key: PaymentKey, at: datetime) -> None:
        row = (await self._connection.execute(_REVIEWED, key_of(key))).mappings().one()
        reason = row["note"] or ""
        fen = (row["settled_fen"], row["split_fen"], row["total_fen"] if row["pay_ord_id"] else 0)
        at_risk_fen = next(amount for amount in fen if amount is not None)
        await self._reviews.opened(
            key,
            _THE_PAYMENT_ITSELF,
            payment_workflow_id(key.hospital, key.med_org_ord),
            reason,
            row["error_message"] or "",
            # The centre's amounts are kept as it said them, so they may be anything.
            0 if reason in _MONEY_IS_BACK else max(0, at_risk_fen),
            row["reversal_deadline"],
            at,
        )


_PAYMENT, _SETTLEMENT = table_of(Payment), table_of(Settlement)
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
