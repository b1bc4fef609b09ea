"""The call log: remote calls, written before they leave and finished when they are back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Text, and_, bindparam, func, insert, or_, select, update

from domain.base import PaymentKey
from domain.errors import Outcome
from storage.records import EarlierCall, EndedCall, StepKey
from storage.sql.engines import AnyConnection
from storage.sql.statements import here, key_of, place_of, table_of
from storage.tables import MESSAGE_CHARS_MAX, CallLog

_CERTAIN = (Outcome.DONE.value, Outcome.NOT_SENT.value, Outcome.REFUSED.value)
_CERTAINLY_NOTHING = (Outcome.NOT_SENT.value, Outcome.REFUSED.value)
_OF_NO_STEP = {"workflow_id": "", "step": "", "number": 0}


class CallLogRepository:
    def __init__(self, connection: AnyConnection) -> None:
        self._connection = connection

    async def begin(
        self, key: PaymentKey, transaction: str, at: datetime, our_ref: str = "", step: StepKey | None = None
    ) -> int:
        """Write a call that is about to leave; its id. `our_ref`: the id of ours that it carries."""
        owner = _OF_NO_STEP if step is None else _columns_of(step)
        values = place_of(key) | owner | {"transaction": transaction, "our_ref": our_ref, "begun_at": at}
        return int((await self._connection.execute(_BEGUN, values)).scalar_one())

    async def finish(
        self, call_id: int, outcome: Outcome, duration_ms: int, message: str = "", *, answered: bool = True
    ) -> None:
        """Write how a call ended. A second finish changes nothing."""
        values = {"outcome": outcome.value, "duration_ms": duration_ms, "message": message[:MESSAGE_CHARS_MAX]}
        await self._connection.execute(_FINISHED, values | {"answered": answered, "key_id": call_id})

    async def note(self, key: PaymentKey, calls: Sequence[EndedCall]) -> None:
        """Write calls that changed nothing, all at once after they ended."""
        if not calls:
            return
        owner = place_of(key) | _OF_NO_STEP | {"our_ref": ""}
        values = [
            owner | call.model_dump() | {"outcome": call.outcome.value, "message": call.message[:MESSAGE_CHARS_MAX]}
            for call in calls
        ]
        await self._connection.execute(_NOTED, values)

    async def count(self, key: PaymentKey, transaction: str) -> int:
        """How many calls of this transaction have begun, however they ended."""
        counted = await self._connection.execute(_COUNTED, key_of(key) | {"key_transaction": transaction})
        return int(counted.scalar_one())

    async def count_sent(self, key: PaymentKey, transaction: str, our_ref: str) -> int:
        """How many calls with `our_ref` may have reached the other side."""
        values = key_of(key) | {"key_transaction": transaction, "key_our_ref": our_ref}
        return int((await self._connection.execute(_COUNTED_SENT, values)).scalar_one())

    async def unresolved(self, key: PaymentKey, transaction: str, our_ref: str | None = None) -> EarlierCall | None:
        """The latest call of this transaction that may have reached the other side, or may still reach it.

        `our_ref`: only calls that carried it.
        """
        return await self._earlier(_UNRESOLVED, key, transaction, our_ref, {})

    async def may_have_arrived(
        self, key: PaymentKey, step: StepKey, transaction: str, our_ref: str | None = None
    ) -> bool:
        """Whether a call of this step may have reached the other side, or an open one of the same transaction."""
        values = {**key_of(key), **_key_of_step(step), "key_transaction": transaction, "key_our_ref": our_ref}
        return (await self._connection.execute(_ARRIVED, values)).first() is not None

    async def before(
        self, key: PaymentKey, step: StepKey, transaction: str, our_ref: str | None = None
    ) -> EarlierCall | None:
        """The same, or this step's latest call, however it ended: the step itself is not finished."""
        return await self._earlier(_BEFORE, key, transaction, our_ref, _key_of_step(step))

    async def _earlier(
        self, which: Select[Any], key: PaymentKey, transaction: str, our_ref: str | None, more: Mapping[str, Any]
    ) -> EarlierCall | None:
        values = {**key_of(key), **more, "key_transaction": transaction, "key_our_ref": our_ref}
        row = (await self._connection.execute(which, values)).mappings().first()
        if row is None:
            return None
        outcome = Outcome(row["outcome"]) if row["outcome"] is not None else None
        return EarlierCall(
            begun_at=row["begun_at"],
            ended_at=row["begun_at"] + timedelta(milliseconds=row["duration_ms"] or 0) if outcome is not None else None,
            outcome=outcome,
            answered=bool(row["answered"]),
            message=row["message"] or "",
        )


def _key_of_step(step: StepKey) -> dict[str, str | int]:
    return {f"key_{name}": value for name, value in _columns_of(step).items()}


def _columns_of(step: StepKey) -> dict[str, str | int]:
    return {"workflow_id": step.workflow_id, "step": step.name, "number": step.number}


_CALL = table_of(CallLog)
_OF_TRANSACTION = (*here(_CALL), _CALL.c.transaction == bindparam("key_transaction"))
_MAY_HAVE_ARRIVED = or_(_CALL.c.outcome.is_(None), _CALL.c.outcome.not_in(_CERTAINLY_NOTHING))
_COUNTED = select(func.count()).select_from(_CALL).where(*_OF_TRANSACTION)
_COUNTED_SENT = _COUNTED.where(_MAY_HAVE_ARRIVED, _CALL.c.our_ref == bindparam("key_our_ref"))
_WITH_OUR_REF = or_(bindparam("key_our_ref", type_=Text).is_(None), _CALL.c.our_ref == bindparam("key_our_ref"))
_EARLIER = (
    select(_CALL.c.begun_at, _CALL.c.outcome, _CALL.c.duration_ms, _CALL.c.answered, _CALL.c.message)
    .where(*_OF_TRANSACTION, _WITH_OUR_REF)
    .order_by(_CALL.c.id.desc())
    .limit(1)
)
_OPEN = or_(_CALL.c.outcome.is_(None), _CALL.c.outcome.not_in(_CERTAIN))
_OF_STEP = and_(*(_CALL.c[name] == bindparam(f"key_{name}") for name in _OF_NO_STEP))
_UNRESOLVED = _EARLIER.where(_OPEN)
_BEFORE = _EARLIER.where(or_(_OPEN, _OF_STEP))
_ARRIVED = _EARLIER.where(or_(_OPEN, and_(_OF_STEP, _MAY_HAVE_ARRIVED)))
_BEGUN = insert(_CALL).returning(_CALL.c.id)
_NOTED = insert(_CALL)
_FINISHED = update(_CALL).where(_CALL.c.id == bindparam("key_id"), _CALL.c.outcome.is_(None))
