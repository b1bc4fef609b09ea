"""How workflows call activities: locally first, remotely what takes longer or fails; and how a call may fail."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState

from activities.contract.base import FailureKind, Step, StepFailure, StepResult
from activities.contract.records import GiveUp, RecordActivities
from activities.reporting import Declaration, declaration_of
from domain.base import for_operators
from domain.errors import ErrorCode, Outcome, Transaction
from domain.orders import KnownPayment, PaymentTerms
from domain.states import PaymentState
from workflows import limits

S = TypeVar("S", bound=Step)
R = TypeVar("R")
Method = Callable[[Any, S], Awaitable[R]]
"""An activity, as declared in `activities.contract`."""


class Refusal(Exception):
    """The other side, or one of our rules, said no. The call is never repeated. `note`: for operators."""

    def __init__(self, code: ErrorCode, message: str, note: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.note = note


class Unresolved(Exception):
    """The budget is spent without an answer. `outcome`: not_sent only if nothing can have arrived, else unknown."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Foreign(Exception):
    """An activity was completed with something that is not the result of its step: not by us."""


class NotKept(Exception):
    """The other side has answered, and our database will never take what it said: a person must look."""


class Moved(Exception):
    """The payment's row is ahead of its workflow, which must go on from there: a task of its own was lost."""

    def __init__(self, known: KnownPayment) -> None:
        super().__init__(known.state)
        self.known = known


class Steps:
    """Takes the steps of one workflow. `state`: the payment's as the workflow knows it; None in a refund.

    Every step has a number, by which our database knows whether it was taken before. Its first try is a local
    activity, which costs next to nothing; what takes longer, fails or is unknown runs as a remote one, where operators
    see it. A change may run locally, since its result is kept whatever becomes of this workflow task.
    """

    def __init__(self, terms: PaymentTerms, state: Callable[[], PaymentState | None]) -> None:
        self._terms = terms
        self._state = state
        self._numbers = Counter[str]()
        self._revision = 0
        self._task = 0
        self._task_began_at = workflow.now()

    def count_from(self, finished: Mapping[str, int], revision: int) -> None:
        """Go on counting after the steps that are finished, in whatever run. One that is not is taken again.

        `revision`: the row's. Where the clock went back, ours would stay below it, and nothing more would be written.
        """
        self._revision = max(self._revision, revision)
        for name, number in finished.items():
            self._numbers[name] = max(self._numbers[name], number)

    def taken(self) -> dict[str, int]:
        """By name: the number of the last step that was taken."""
        return dict(self._numbers)

    def begin_again(self) -> None:
        """Count from the beginning, so that every step is taken again."""
        self._numbers.clear()

    async def first_local(
        self,
        method: Method[S, R],
        step: S,
        budget: timedelta,
        summary: str,
        *,
        retry: RetryPolicy = limits.REMOTE_RETRY,
    ) -> R:
        """One local attempt, for as long as this workflow task has time left; then as a remote activity, repeated.

        Raises `Refusal`, `Moved`, `NotKept`, or `Unresolved` when the budget is spent.
        """
        taken, gives_up_at = self._taken(method, step, summary, retry), workflow.now() + budget
        if budget <= timedelta(0):
            raise Unresolved(Outcome.NOT_SENT)
        told = Outcome.NOT_SENT
        if (left := self._local_time_left()) > limits.LOCAL_TIME_MIN:
            try:
                return await _local(taken, min(left, budget))
            except (FailureError, _Foreign) as error:
                told = _told(error)
        return await self._remote(taken, gives_up_at, told)

    async def only_remote(
        self,
        method: Method[S, R],
        step: S,
        budget: timedelta,
        summary: str,
        *,
        retry: RetryPolicy = limits.REMOTE_RETRY,
    ) -> R:
        """What waits for another workflow, which a local activity must not. Raises as `first_local`."""
        if budget <= timedelta(0):
            raise Unresolved(Outcome.NOT_SENT)
        taken = self._taken(method, step, summary, retry)
        return await self._remote(taken, workflow.now() + budget, Outcome.NOT_SENT)

    async def only_local(self, method: Method[S, R], step: S, summary: str) -> R | None:
        """A query that nothing depends on: one local attempt. None if it fails, is slow, or there is no time for it."""
        taken = self._taken(method, step, summary, limits.LOCAL_RETRY)
        if (left := self._local_time_left()) <= limits.LOCAL_TIME_MIN:
            return None
        try:
            return await _local(taken, left)
        except (FailureError, _Foreign):
            return None

    def _taken(self, method: Method[S, R], step: S, summary: str, retry: RetryPolicy) -> "_Taken[R]":
        declaration = declaration_of(method)
        name = declaration.name
        self._numbers[name] += 1
        # By the clock, so that a run which lost a task writes over what it wrote in that task.
        self._revision = max(self._revision + 1, round(workflow.now().timestamp() * 1_000_000))
        stamp = {
            "revision": self._revision,
            "number": self._numbers[name],
            "known_state": self._state(),
            "name": name,
            "run_id": workflow.info().run_id,
        }
        return _Taken(declaration, step.model_copy(update=stamp), for_operators(summary), retry)

    def _local_time_left(self) -> timedelta:
        """Of this workflow task. The history grows with each task, and only with tasks."""
        if (task := workflow.info().get_current_history_length()) != self._task:
            self._task, self._task_began_at = task, workflow.now()
        return limits.LOCAL_TIME_MAX - (workflow.now() - self._task_began_at)

    async def _remote(self, taken: "_Taken[R]", gives_up_at: datetime, told: Outcome) -> R:
        """Remotely until `gives_up_at`. `told`: what the attempt before said.

        An activity that ends before its time was ended by somebody else, or passed on by a reset: it is begun anew.
        """
        tries = 0
        while (left := gives_up_at - workflow.now()) > timedelta(0) and tries < limits.TRIES_MAX:
            tries += 1
            try:
                return await self._tried(taken, left)
            except (FailureError, _Foreign) as error:
                told = _told(error)
                if not _was_ended_by_others(error):
                    break
        if taken.declaration.sends is None:
            raise Unresolved(told)
        return await self._given_up(taken, taken.declaration.sends)

    async def _tried(self, taken: "_Taken[R]", budget: timedelta) -> R:
        result = await workflow.execute_activity(
            taken.declaration.name,
            taken.step,
            result_type=taken.declaration.returns,
            # The question before the call and the call itself, each up to the longest timeout.
            start_to_close_timeout=timedelta(seconds=2 * self._terms.call_timeout_s + limits.MARGIN_S),
            schedule_to_close_timeout=budget,
            heartbeat_timeout=limits.HEARTBEAT_TIMEOUT,
            retry_policy=taken.retry,
            summary=taken.summary,
        )
        return taken.value_of(result)

    async def _given_up(self, taken: "_Taken[R]", transaction: Transaction) -> R:
        """What our database knows of a step about which its attempts told nothing: what they say may be forged.

        Raises `Unresolved`: NOT_SENT only where its call did not leave, and from now on never will.
        """
        step = taken.step
        give_up = GiveUp(
            hospital=step.hospital,
            med_org_ord=step.med_org_ord,
            given_up=step.name,
            of_number=step.number,
            of_subject=step.subject,
            transaction=transaction,
            carries=step.sent_as,
        )
        given_up = await self.first_local(RecordActivities.give_up, give_up, limits.RECORD_BUDGET, f"放弃 {step.name}")
        if given_up.outcome is Outcome.DONE and taken.declaration.adopted and given_up.result is not None:
            result: R = taken.declaration.result.validate_json(given_up.result)
            return result
        raise Unresolved(Outcome.NOT_SENT if given_up.outcome is Outcome.NOT_SENT else Outcome.UNKNOWN)


@dataclass(frozen=True)
class _Taken(Generic[R]):
    """A step as it is taken: numbered, and how its activity is called."""

    declaration: Declaration
    step: Step
    summary: str
    retry: RetryPolicy

    def value_of(self, result: StepResult[R] | None) -> R:
        """Raises the step's final failure; `_Foreign` for what is not this step's result, such as nothing at all."""
        if result is None or (result.name, result.number) != (self.declaration.name, self.step.number):
            raise _Foreign(self.step.name)
        if result.failure is not None:
            raise _failure(result.failure)
        # None is a result too.
        value: R = result.value  # type: ignore[assignment]
        return value


async def _local(taken: _Taken[R], lasts_max: timedelta) -> R:
    result = await workflow.execute_local_activity(
        taken.declaration.name,
        taken.step,
        result_type=taken.declaration.returns,
        start_to_close_timeout=lasts_max,
        retry_policy=limits.LOCAL_RETRY,
        summary=taken.summary,
    )
    return taken.value_of(result)


def _failure(failure: StepFailure) -> Refusal | Moved | NotKept | Unresolved:
    match failure:
        case StepFailure(kind=FailureKind.REFUSED, code=ErrorCode() as code):
            return Refusal(code, failure.message, failure.note)
        case StepFailure(kind=FailureKind.MOVED, known=KnownPayment() as known):
            return Moved(known)
        case StepFailure(kind=FailureKind.NOT_KEPT):
            return NotKept(failure.message)
        case StepFailure(kind=FailureKind.GIVEN_UP):
            return Unresolved(Outcome.NOT_SENT)
    return Unresolved(Outcome.UNKNOWN)


def _was_ended_by_others(error: Exception) -> bool:
    """Whether the activity has ended though nothing was said about the step, and its time was not over."""
    return isinstance(error, _Foreign) or (
        isinstance(error, ActivityError) and error.retry_state is RetryState.NON_RETRYABLE_FAILURE
    )


def _told(error: Exception) -> Outcome:
    """What an attempt says of itself: words for a question, never the truth about a change.

    A remote activity's failure comes wrapped in an `ActivityError`, a local one's may not.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    not_sent = isinstance(cause, ApplicationError) and cause.type == Outcome.NOT_SENT
    return Outcome.NOT_SENT if not_sent else Outcome.UNKNOWN
