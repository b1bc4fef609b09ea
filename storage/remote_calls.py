"""The calls that left us: written before they leave, finished when they are back."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, insert, or_, select, update
from sqlmodel import col

from domain.outcomes import Outcome
from domain.steps import PaymentKey
from storage.engines import AnyConnection
from storage.records import EndedCall
from storage.statements import place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, Payment, RemoteCall

_CERTAINLY_NOTHING = (Outcome.NOT_SENT.value, Outcome.REFUSED.value)


class RemoteCallRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def begin(self, key: PaymentKey, transaction: str, at: datetime, our_ref: str = "") -> int:
        """A call about to leave; its id. `our_ref`: the id of ours that it carries."""
        values = place_of(key) | {"transaction": transaction, "our_ref": our_ref, "begun_at": at}
        return int((await self._connection.execute(_BEGUN, values)).scalar_one())

    async def finish(self, call_id: int, outcome: Outcome, duration_ms: int, message: str = "") -> None:
        """How a call ended. What is once written stays: a second finish changes nothing."""
        values = {"outcome": outcome.value, "duration_ms": duration_ms, "message": message[:MESSAGE_CHARS_MAX]}
        await self._connection.execute(_FINISHED, values | {"key_id": call_id})

    async def note(self, key: PaymentKey, calls: Sequence[EndedCall]) -> None:
        """Calls that changed nothing, written down together once they ended."""
        if not calls:
            return
        owner = place_of(key) | {"our_ref": ""}
        values = [
            owner | call.model_dump() | {"outcome": call.outcome.value, "message": call.message[:MESSAGE_CHARS_MAX]}
            for call in calls
        ]
        await self._connection.execute(_NOTED, values)

    async def next_number(self, key: PaymentKey, transaction: str) -> int:
        """The number of the call that this transaction is about to begin, from 1. No other can take it."""
        payment = (col(Payment.hospital) == key.hospital, col(Payment.med_org_ord) == key.med_org_ord)
        await self._connection.execute(select(col(Payment.med_org_ord)).where(*payment).with_for_update())
        return await self.count(key, transaction) + 1

    async def count(self, key: PaymentKey, transaction: str) -> int:
        """How many calls of this transaction were begun, however they ended."""
        statement = select(func.count()).where(*_calls_of(key, transaction))
        return (await self._connection.execute(statement)).scalar_one()

    async def count_sent(self, key: PaymentKey, transaction: str, our_ref: str) -> int:
        """How many calls that carried `our_ref` may have reached the other side."""
        ours = (*_calls_of(key, transaction), _may_have_arrived(), col(RemoteCall.our_ref) == our_ref)
        return (await self._connection.execute(select(func.count()).where(*ours))).scalar_one()

    async def first_begun_at(self, key: PaymentKey, transaction: str) -> datetime | None:
        """When the first call began that may have reached the other side. None: none may have."""
        return await self._begun_at(func.min(RemoteCall.begun_at), key, transaction)

    async def last_begun_at(self, key: PaymentKey, transaction: str) -> datetime | None:
        """When the latest call began that may have reached the other side: it may arrive until its time is over."""
        return await self._begun_at(func.max(RemoteCall.begun_at), key, transaction)

    async def _begun_at(self, which: ColumnElement[datetime], key: PaymentKey, transaction: str) -> datetime | None:
        statement = select(which).where(*_calls_of(key, transaction), _may_have_arrived())
        return (await self._connection.execute(statement)).scalar_one()


def _calls_of(key: PaymentKey, transaction: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(RemoteCall.hospital) == key.hospital,
        col(RemoteCall.med_org_ord) == key.med_org_ord,
        col(RemoteCall.transaction) == transaction,
    )


def _may_have_arrived() -> ColumnElement[bool]:
    outcome = col(RemoteCall.outcome)
    return or_(outcome.is_(None), outcome.not_in(_CERTAINLY_NOTHING))


_CALL = table_of(RemoteCall)
_BEGUN = insert(_CALL).returning(_CALL.c.id)
_NOTED = insert(_CALL)
_FINISHED = update(_CALL).where(_CALL.c.id == bindparam("key_id"), _CALL.c.outcome.is_(None))
