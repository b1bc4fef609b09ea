"""Steps: a change or decision is made once, and whoever runs its step again gets the same result.

The result is kept in the transaction that makes it true. So it does not matter how often a step runs, on which attempt
or worker, after a crash or a reset: the database commits, the workflow decides what is next (product rule 1).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract.base import GIVEN_UP, MOVED, NOT_KEPT, Step
from activities.contract.records import GivenUp, GiveUp
from activities.in_flight import InFlight
from activities.reporting import Declaration, failure_of, refusal
from domain.base import Frozen
from domain.errors import ErrorCode, Outcome, PaymentError, Refused
from domain.states import PaymentState, has_moved_on, has_reached
from security.crypto.sealed_values import Report, Why, to_nobody
from storage.evidence.steps import NOTHING
from storage.known import known_payment
from storage.records import FinishedStep, PaymentFacts, StepKey
from storage.session import Database, Unit
from storage.sql.refusals import RowRefusedError

R = TypeVar("R")


class Finished(Exception):
    """The step has a result already. `result`: as JSON."""

    def __init__(self, result: str) -> None:
        super().__init__("finished before")
        self.result = result


class RowMoved(Exception):
    """The payment's row is elsewhere than its workflow believes: the workflow must follow it first."""


class Overtaken(Exception):
    """Another run of the same step has finished it meanwhile."""


class _Refusal(Frozen):
    """How a step was refused."""

    code: ErrorCode
    message: str
    note: str = ""


@dataclass
class Decision:
    """A transaction that finishes a step. `result`: what is kept, as JSON."""

    unit: Unit
    at: datetime
    result: str = NOTHING


def key_of_step(step: Step) -> StepKey:
    """The running activity's step."""
    info = activity.info()
    return StepKey(workflow_id=info.workflow_id or "", name=info.activity_type, number=step.number)


class StepLog:
    """The steps of this process. `report`: told of sealed steps that were found elsewhere."""

    def __init__(self, database: Database, report: Report = to_nobody) -> None:
        self.database = database
        self._report = report
        self._in_flight = InFlight[Any]()

    async def run(self, declaration: Declaration, step: Step, work: Callable[[], Awaitable[R]]) -> R:
        """The result of `work`; of the same step's run in flight; or the kept one.

        A call in flight is not broken off when the activity that began it is given up: the next one joins it. What the
        database will never take fails the step for good.
        """
        key = key_of_step(step)
        try:
            result: R = await self._in_flight.join(key, lambda: self._run(declaration, step, work))
        except RowRefusedError as error:
            raise ApplicationError(f"the database refuses it: {error}", type=NOT_KEPT, non_retryable=True) from error
        return result

    def misplaced(self, workflow_id: str) -> None:
        """A sealed step was found in another activity, or in a workflow that is not its payment's."""
        self._report(workflow_id, Why.MISPLACED)

    async def drained(self) -> None:
        """Return once no step is running."""
        await self._in_flight.drained()

    async def check(self, step: Step) -> None:
        """Raises `Finished`, its refusal, or `RowMoved`."""
        async with self.database.read() as unit:
            await self._check(unit, step, await unit.payments.state_of(step))

    async def check_locked(self, unit: Unit, step: Step) -> None:
        """As `check`; no other run of a step of this payment gets past here before `unit` has ended."""
        await self._check(unit, step, await unit.payments.lock(step))

    @asynccontextmanager
    async def deciding(self, step: Step) -> AsyncIterator[Decision]:
        """The transaction of a decision that calls nobody. Raises as `check`."""
        async with self.database.begin() as unit:
            await self.check_locked(unit, step)
            decision = Decision(unit, await unit.now())
            yield decision
            await self.finish(decision, step)

    async def finish(self, decision: Decision, step: Step, outcome: Outcome = Outcome.DONE) -> None:
        """Keep the step's result. Raises `Overtaken`."""
        finished = FinishedStep(outcome=outcome, subject=step.subject, result=decision.result)
        if not await decision.unit.steps.finish(step, key_of_step(step), finished, decision.at):
            raise Overtaken

    async def give_up(self, step: GiveUp) -> GivenUp:
        """What became of another step. If its call has not left it is finished here, so that it never will.

        Raises the step's refusal, or MOVED if its result was erased meanwhile.
        """
        key = key_of_step(step).model_copy(update={"name": step.given_up, "number": step.of_number})
        async with self.database.begin() as unit:
            await unit.payments.lock(step)
            finished = await unit.steps.find(step, key)
            if finished is None:
                if await unit.calls.may_have_arrived(step, key, step.transaction, step.carries):
                    return GivenUp(outcome=Outcome.UNKNOWN)
                never = FinishedStep(outcome=Outcome.NOT_SENT, subject=step.of_subject, result=NOTHING)
                await unit.steps.finish(step, key, never, await unit.now())
                return GivenUp(outcome=Outcome.NOT_SENT)
        if finished.result is None or finished.subject != step.of_subject:
            raise await self._moved(step)
        if finished.outcome is Outcome.REFUSED:
            raise _refused_before(finished.result)
        return GivenUp(outcome=finished.outcome, result=finished.result)

    async def _check(self, unit: Unit, step: Step, state: PaymentState | None) -> None:
        if step.known_state is not None and state is not None:
            is_elsewhere = state is not step.known_state if step.ends else has_moved_on(step.known_state, state)
            if is_elsewhere:
                raise RowMoved
        finished = await unit.steps.find(step, key_of_step(step))
        if finished is None:
            return
        if finished.subject != step.subject or finished.result is None:
            raise RowMoved
        if finished.outcome is Outcome.REFUSED:
            raise _refused_before(finished.result)
        if finished.outcome is Outcome.NOT_SENT:
            raise ApplicationError("given up before it was sent", type=GIVEN_UP, non_retryable=True)
        raise Finished(finished.result)

    async def _run(self, declaration: Declaration, step: Step, work: Callable[[], Awaitable[R]]) -> R:
        try:
            try:
                return await work()
            except Overtaken:
                await self.check(step)
                raise AssertionError("a step was finished meanwhile, and has no result") from None
            except (PaymentError, Refused) as error:
                refused = failure_of(error, declaration)
                await self._refuse(declaration, step, refused)
                raise refused from error
            except ApplicationError as refused:
                await self._refuse(declaration, step, refused)
                raise
        except Finished as finished:
            result: R = declaration.result.validate_json(finished.result)
            return result
        except RowMoved:
            raise await self._moved(step) from None

    async def _refuse(self, declaration: Declaration, step: Step, refused: ApplicationError) -> None:
        """Keep a refusal, which is a result like any other. Raises as `check` if another run was faster."""
        if not declaration.adopted or refused.type is None or refused.type not in ErrorCode.__members__:
            return
        note = refused.details[0] if refused.details else ""
        kept = _Refusal(code=ErrorCode(refused.type), message=refused.message, note=note)
        try:
            async with self.database.begin() as unit:
                decision = Decision(unit, await unit.now(), kept.model_dump_json())
                await self.finish(decision, step, Outcome.REFUSED)
        except Overtaken:
            await self.check(step)

    async def _moved(self, step: Step) -> ApplicationError:
        async with self.database.read() as unit:
            record = await unit.payments.find(step)
            if record is None:
                raise AssertionError("a payment's row was deleted")
            known = await known_payment(unit, record)
        return ApplicationError("the payment's row is ahead", known, type=MOVED, non_retryable=True)


def _refused_before(result: str) -> ApplicationError:
    refused = _Refusal.model_validate_json(result)
    return refusal(refused.code, refused.message, refused.note)


async def move(
    decision: Decision,
    step: Step,
    state: PaymentState,
    facts: PaymentFacts | None = None,
    *,
    by_question: bool = False,
    made: bool = False,
) -> None:
    """Move the payment's row to `state`, unless it is there or past it on the happy path.

    `by_question`: nothing was changed outside, only asked. `made`: it was, and stays true however late the step is,
    also after a newer write by another run of the same workflow task.

    Raises `RowMoved` if the row is elsewhere: what the step made is then not true there.
    """
    unit, at = decision.unit, decision.at
    if await unit.payments.record(step, step.revision, at, state=state, facts=facts, by_question=by_question):
        return
    recorded = await unit.payments.lock(step)
    if recorded is None or not has_reached(recorded, state):
        follows = recorded is not None and step.known_state is not None and not has_moved_on(step.known_state, recorded)
        if not (made and follows):
            raise RowMoved
        revision = await unit.payments.revision_of(step)
        if not await unit.payments.record(step, revision, at, state=state, facts=facts):
            raise RowMoved
