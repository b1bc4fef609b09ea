"""What follows from a payment's new state in the same transaction, whoever brought it about."""

from datetime import datetime

from domain.states import RELEASING, PaymentState
from domain.steps import PaymentKey
from storage.claims import ClaimRepository
from storage.engines import AnyConnection


class Consequences:
    def __init__(self, connection: AnyConnection) -> None:
        self._claims = ClaimRepository(connection)

    async def follow(self, key: PaymentKey, state: PaymentState, at: datetime) -> None:
        """`key` has come to `state`."""
        if state in RELEASING:
            await self._claims.release(key, at)
        elif state is PaymentState.SETTLED:
            await self._claims.release_registration(key, at)
