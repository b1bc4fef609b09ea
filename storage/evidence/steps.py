"""Steps: what a workflow's step did or decided, kept so that whoever runs it again gets the same result."""

from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from domain.base import PaymentKey
from domain.errors import Outcome
from security.crypto.keyring import Keyring
from storage.records import FinishedStep, StepKey
from storage.sealing import RowSeal
from storage.sql.engines import AnyConnection
from storage.sql.statements import insert_if_new, place_of, table_of
from storage.tables import Step

RESULT_CHARS_MAX = 64 * 1024
NOTHING = "null"
"""The result, as JSON, of a step that has none. There is nothing to seal or to erase, and no digest."""


class ResultTooLongError(ValueError):
    """A result is longer than `RESULT_CHARS_MAX`."""


class StepRepository:
    def __init__(self, connection: AnyConnection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def find(self, key: PaymentKey, step: StepKey) -> FinishedStep | None:
        """The step, if it is finished. Raises `security.crypto.keyring.SealBrokenError`."""
        row = (await self._connection.execute(_FIND, _key_of(step))).mappings().one_or_none()
        if row is None:
            return None
        result = NOTHING
        if row["result_digest"]:
            result = self._seal(key, step).values({"result_sealed": row["result_sealed"]})["result"]
        return FinishedStep(outcome=Outcome(row["outcome"]), subject=row["subject"], result=result)

    async def finish(self, key: PaymentKey, step: StepKey, finished: FinishedStep, at: datetime) -> bool:
        """Keep the step's result. False if it was finished before: that result stands.

        Raises `ResultTooLongError`.
        """
        result = "" if finished.result in {None, NOTHING} else finished.result
        if len(result) > RESULT_CHARS_MAX:
            raise ResultTooLongError(f"the result of {step.name} has {len(result)} characters")
        values = {
            **place_of(key),
            **step.model_dump(),
            **self._seal(key, step).columns({"result": result}),
            "subject": finished.subject,
            "outcome": finished.outcome.value,
            "result_digest": self._keyring.digest(result) if result else "",
            "finished_at": at,
        }
        return (await self._connection.execute(insert_if_new(self._connection, _STEP), values)).rowcount == 1

    async def shorten(self, key: PaymentKey, step: StepKey, result: str) -> None:
        """Keep only `result` of the step's result: the rest is not needed any more. Its digest stays."""
        values = self._seal(key, step).columns({"result": result})
        await self._connection.execute(_SHORTENED, values | _key_of(step))

    async def counts(self, workflow_id: str) -> dict[str, int]:
        """By name: the number of the workflow's last finished step."""
        found = await self._connection.execute(_COUNTS, {"key_workflow_id": workflow_id})
        return {row["name"]: row["number"] for row in found.mappings()}

    def _seal(self, key: PaymentKey, step: StepKey) -> RowSeal:
        return RowSeal(self._keyring, key, step.workflow_id, step.name, str(step.number))


async def erase_results(connection: AnyConnection, workflow_id: str) -> None:
    """Erase the results of a workflow's steps, as its end is recorded. Outcomes and digests stay."""
    await connection.execute(_ERASED, {"key_workflow_id": workflow_id})


def _key_of(step: StepKey) -> dict[str, str | int]:
    return {f"key_{name}": value for name, value in step.model_dump().items()}


_STEP = table_of(Step)
_OF_WORKFLOW = _STEP.c.workflow_id == bindparam("key_workflow_id")
_THIS = (_OF_WORKFLOW, _STEP.c.name == bindparam("key_name"), _STEP.c.number == bindparam("key_number"))
_FIND = select(_STEP.c.outcome, _STEP.c.subject, _STEP.c.result_sealed, _STEP.c.result_digest).where(*_THIS)
_SHORTENED = update(_STEP).where(*_THIS, _STEP.c.result_sealed.is_not(None))
_ERASED = update(_STEP).where(_OF_WORKFLOW, _STEP.c.result_sealed.is_not(None)).values(result_sealed=None)
_COUNTS = select(_STEP.c.name, func.max(_STEP.c.number).label("number")).where(_OF_WORKFLOW).group_by(_STEP.c.name)
