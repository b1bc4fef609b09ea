"""How the story asks the outside: a read locally first, a change always as a remote activity; and how each may fail."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.contract import Step
from domain.base import for_operators
from domain.errors import ErrorCode, Outcome
from domain.orders import PaymentTerms
from workflows import limits

S = TypeVar("S", bound=Step)
R = TypeVar("R")
Method = Callable[[Any, S], Awaitable[R]]
"""An activity as `activities.contract` names it."""


class Refusal(Exception):
    """The other side, or a rule, said no. It is never repeated."""

    def __init__(self, code: ErrorCode, message: str, note: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.note = note


class Unresolved(Exception):
    """The budget is spent without an answer. `outcome` is not_sent only if nothing can have arrived."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


async def local_then_remote(
    method: Method[S, R],
    step: S,
    terms: PaymentTerms,
    budget: timedelta,
    summary: str,
    *,
    retry: RetryPolicy = limits.REMOTE_RETRY,
) -> R:
    """A read. Locally for speed; where that fails or is slow, remotely, where operators see it. Raises as `remote`."""
    if budget <= timedelta(0):
        raise Unresolved(Outcome.NOT_SENT)
    try:
        return await _local(method, step, min(limits.LOCAL_TIMEOUT, budget), summary)
    except FailureError as error:
        if isinstance(failure := _failure(error), Refusal):
            raise failure from error
    return await remote(method, step, terms, budget, summary, retry=retry)


async def glance(method: Method[S, R], step: S, summary: str) -> R | None:
    """A read ahead of its time, beside another: locally and once. None: somebody asks properly when it matters."""
    try:
        return await _local(method, step, limits.LOCAL_TIMEOUT, summary)
    except FailureError:
        return None


async def _local(method: Method[S, R], step: S, lasts_max: timedelta, summary: str) -> R:
    return await workflow.execute_local_activity_method(
        method,
        step,
        start_to_close_timeout=lasts_max,
        retry_policy=limits.LOCAL_RETRY,
        summary=for_operators(summary),
    )


async def remote(
    method: Method[S, R],
    step: S,
    terms: PaymentTerms,
    budget: timedelta,
    summary: str,
    *,
    retry: RetryPolicy = limits.REMOTE_RETRY,
) -> R:
    """Something that changes the outside. Repeated within `budget`; every attempt but the first asks before it acts.

    Raises `Refusal`, or `Unresolved` when the budget is spent.
    """
    if budget <= timedelta(0):
        raise Unresolved(Outcome.NOT_SENT)
    try:
        return await workflow.execute_activity_method(
            method,
            step,
            # A question and the call itself, each within its own timeout.
            start_to_close_timeout=timedelta(seconds=2 * terms.call_timeout_s + limits.MARGIN_S),
            schedule_to_close_timeout=budget,
            heartbeat_timeout=limits.HEARTBEAT_TIMEOUT,
            retry_policy=retry,
            summary=for_operators(summary),
        )
    except FailureError as error:
        raise _failure(error) from error


def _failure(error: FailureError) -> Refusal | Unresolved:
    """What an activity's failure means. Anything but a known refusal is unresolved: never guessed to be a no.

    A local activity's failure arrives as it was raised, a remote one's wrapped in an `ActivityError`. A timeout is
    unknown whatever the attempt before it said: the one that was cut off may have arrived.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        if cause.type is not None and cause.type in ErrorCode.__members__:
            note = cause.details[0] if cause.details else ""
            return Refusal(ErrorCode(cause.type), cause.message, note)
        if cause.type == Outcome.NOT_SENT:
            return Unresolved(Outcome.NOT_SENT)
    return Unresolved(Outcome.UNKNOWN)
