"""The call log: remote calls, written before they leave and finished when they are back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, or_, select, update

from domain.base import PaymentKey
from domain.errors import Outcome
from storage.records import EndedCall
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, CallLog, Payment

_CERTAINLY_NOTHING = (Outcome.NOT_SENT.value, Outcome.REFUSED.value)


class CallLogRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def begin(self, key: PaymentKey, transaction: str, at: datetime, our_ref: str = "") -> int:
        """Write a call that is about to leave; its id. `our_ref`: the id of ours that it carries."""
        values = place_of(key) | {"transaction": transaction, "our_ref": our_ref, "begun_at": at}
        return int((await self._connection.execute(_BEGUN, values)).scalar_one())

    async def finish(self, call_id: int, outcome: Outcome, duration_ms: int, message: str = "") -> None:
        """Write how a call ended. A second finish changes nothing."""
        values = {"outcome": outcome.value, "duration_ms": duration_ms, "message": message[:MESSAGE_CHARS_MAX]}
        await self._connection.execute(_FINISHED, values | {"key_id": call_id})

    async def note(self, key: PaymentKey, calls: Sequence[EndedCall]) -> None:
        """Write calls that changed nothing, all at once after they ended."""
        if not calls:
            return
        owner = place_of(key) | {"our_ref": ""}
        values = [
            owner | call.model_dump() | {"outcome": call.outcome.value, "message": call.message[:MESSAGE_CHARS_MAX]}
            for call in calls
        ]
        await self._connection.execute(_NOTED, values)

    async def next_number(self, key: PaymentKey, transaction: str) -> int:
        """The number, from 1, of the payment's next call of this transaction. Locks the payment: no other gets it."""
        await self._connection.execute(_LOCKED, key_of(key))
        return await self.count(key, transaction) + 1

    async def count(self, key: PaymentKey, transaction: str) -> int:
        """How many calls of this transaction have begun, however they ended."""
        counted = await self._connection.execute(_COUNTED, key_of(key) | {"key_transaction": transaction})
        return int(counted.scalar_one())

    async def count_sent(self, key: PaymentKey, transaction: str, our_ref: str) -> int:
        """How many calls with `our_ref` may have reached the other side."""
        values = key_of(key) | {"key_transaction": transaction, "key_our_ref": our_ref}
        return int((await self._connection.execute(_COUNTED_SENT, values)).scalar_one())

    async def last_begun_at(self, key: PaymentKey, transaction: str, our_ref: str | None = None) -> datetime | None:
        """When the latest call began that may have reached, or may still reach, the other side; None if there is none.

        `our_ref`: counts only calls that carried it.
        """
        if our_ref is None:
            return await self._begun_at(_LAST_BEGUN, key, transaction)
        return await self._begun_at(_LAST_BEGUN_WITH, key, transaction, {"key_our_ref": our_ref})

    async def _begun_at(
        self, which: Select[Any], key: PaymentKey, transaction: str, more: dict[str, str] | None = None
    ) -> datetime | None:
        values = key_of(key) | {"key_transaction": transaction} | (more or {})
        begun_at: datetime | None = (await self._connection.execute(which, values)).scalar_one()
        return begun_at


_CALL, _PAYMENT = table_of(CallLog), table_of(Payment)
_OF_TRANSACTION = (*here(_CALL), _CALL.c.transaction == bindparam("key_transaction"))
_MAY_HAVE_ARRIVED = or_(_CALL.c.outcome.is_(None), _CALL.c.outcome.not_in(_CERTAINLY_NOTHING))
_LOCKED = select(_PAYMENT.c.med_org_ord).where(*here(_PAYMENT)).with_for_update()
_COUNTED = select(func.count()).select_from(_CALL).where(*_OF_TRANSACTION)
_COUNTED_SENT = _COUNTED.where(_MAY_HAVE_ARRIVED, _CALL.c.our_ref == bindparam("key_our_ref"))
_LAST_BEGUN = select(func.max(_CALL.c.begun_at)).where(*_OF_TRANSACTION, _MAY_HAVE_ARRIVED)
_LAST_BEGUN_WITH = _LAST_BEGUN.where(_CALL.c.our_ref == bindparam("key_our_ref"))
_BEGUN = insert(_CALL).returning(_CALL.c.id)
_NOTED = insert(_CALL)
_FINISHED = update(_CALL).where(_CALL.c.id == bindparam("key_id"), _CALL.c.outcome.is_(None))
