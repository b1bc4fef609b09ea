"""What follows from a payment's new state in the same transaction, whoever brought it about."""

from datetime import datetime

from domain.notifications import event_of
from domain.states import RELEASING, PaymentState
from domain.steps import PaymentKey
from storage.claims import ClaimRepository
from storage.engines import AnyConnection
from storage.notifications import NotificationRepository


class Consequences:
    def __init__(self, connection: AnyConnection) -> None:
        self._claims = ClaimRepository(connection)
        self._notifications = NotificationRepository(connection)

    async def follow(self, key: PaymentKey, state: PaymentState, at: datetime, refund_no: str = "") -> None:
        """`key` has come to `state`; `refund_no` names the refund that brought it there."""
        if state in RELEASING:
            await self._claims.release(key, at)
        elif state is PaymentState.SETTLED:
            await self._claims.release_registration(key, at)
        if (event := event_of(state)) is not None:
            await self._notifications.add(key, event, at, refund_no)
