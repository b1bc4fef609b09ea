"""How workflows call activities: locally first, remotely what takes longer or fails; and how a call may fail."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.contract.base import MOVED, NOT_KEPT, Step
from activities.reporting import name_of
from domain.base import for_operators
from domain.errors import ErrorCode, Outcome
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
        stamped, gives_up_at = self._stamped(method, step), workflow.now() + budget
        if budget <= timedelta(0):
            raise Unresolved(Outcome.NOT_SENT)
        known = Outcome.NOT_SENT
        if (left := self._local_time_left()) > limits.LOCAL_TIME_MIN:
            try:
                return await _local(method, stamped, min(left, budget), summary)
            except FailureError as error:
                failure = _failure(error)
                if not isinstance(failure, Unresolved):
                    raise failure from error
                known = failure.outcome
        left = gives_up_at - workflow.now()
        if left <= timedelta(0):
            raise Unresolved(known)
        return await self._remote(method, stamped, left, summary, retry)

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
        return await self._remote(method, self._stamped(method, step), budget, summary, retry)

    async def only_local(self, method: Method[S, R], step: S, summary: str) -> R | None:
        """A query that nothing depends on: one local attempt. None if it fails, is slow, or there is no time for it."""
        stamped = self._stamped(method, step)
        if (left := self._local_time_left()) <= limits.LOCAL_TIME_MIN:
            return None
        try:
            return await _local(method, stamped, left, summary)
        except FailureError:
            return None

    def _stamped(self, method: Method[S, R], step: S) -> S:
        name = name_of(method)
        self._numbers[name] += 1
        # By the clock, so that a run which lost a task writes over what it wrote in that task.
        self._revision = max(self._revision + 1, round(workflow.now().timestamp() * 1_000_000))
        stamp = {"revision": self._revision, "number": self._numbers[name], "known_state": self._state()}
        return step.model_copy(update=stamp)

    def _local_time_left(self) -> timedelta:
        """Of this workflow task. The history grows with each task, and only with tasks."""
        if (task := workflow.info().get_current_history_length()) != self._task:
            self._task, self._task_began_at = task, workflow.now()
        return limits.LOCAL_TIME_MAX - (workflow.now() - self._task_began_at)

    async def _remote(self, method: Method[S, R], step: S, budget: timedelta, summary: str, retry: RetryPolicy) -> R:
        try:
            return await workflow.execute_activity_method(
                method,
                step,
                # The question before the call and the call itself, each up to the longest timeout.
                start_to_close_timeout=timedelta(seconds=2 * self._terms.call_timeout_s + limits.MARGIN_S),
                schedule_to_close_timeout=budget,
                heartbeat_timeout=limits.HEARTBEAT_TIMEOUT,
                retry_policy=retry,
                summary=for_operators(summary),
            )
        except FailureError as error:
            raise _failure(error) from error


async def _local(method: Method[S, R], step: S, lasts_max: timedelta, summary: str) -> R:
    return await workflow.execute_local_activity_method(
        method,
        step,
        start_to_close_timeout=lasts_max,
        retry_policy=limits.LOCAL_RETRY,
        summary=for_operators(summary),
    )


def _failure(error: FailureError) -> Refusal | Moved | NotKept | Unresolved:
    """What an activity's failure means. Only a known refusal is a refusal; anything else is unresolved.

    A remote activity's failure comes wrapped in an `ActivityError`, a local one's may not. A timeout is unknown
    whatever the attempt before it reported: the call of the last attempt may have arrived.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        if cause.type == MOVED:
            return Moved(KnownPayment.model_validate(cause.details[0]))
        if cause.type == NOT_KEPT:
            return NotKept(cause.message)
        if cause.type is not None and cause.type in ErrorCode.__members__:
            note = cause.details[0] if cause.details else ""
            return Refusal(ErrorCode(cause.type), cause.message, note)
        if cause.type == Outcome.NOT_SENT:
            return Unresolved(Outcome.NOT_SENT)
    return Unresolved(Outcome.UNKNOWN)
