"""How workflows call activities: locally first, or always remotely; and how a call may fail."""

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


async def local_then_remote(
    method: Method[S, R],
    step: S,
    terms: PaymentTerms,
    budget: timedelta,
    summary: str,
    *,
    retry: RetryPolicy = limits.REMOTE_RETRY,
) -> R:
    """A query, or a write to our own records. A local attempt for speed; if it fails or is slow, as `remote`.

    Raises `Refusal`, or `Unresolved` when the budget is spent.
    """
    if budget <= timedelta(0):
        raise Unresolved(Outcome.NOT_SENT)
    try:
        return await _local(method, step, min(limits.LOCAL_TIMEOUT, budget), summary)
    except FailureError as error:
        if isinstance(failure := _failure(error), Refusal):
            raise failure from error
    return await remote(method, step, terms, budget, summary, retry=retry)


async def local_once(method: Method[S, R], step: S, summary: str) -> R | None:
    """A query that nothing depends on: one local attempt. None if it fails or is slow."""
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
    """A call that may change something outside, always as a remote activity: repeated within `budget`.

    Further attempts ask what became of the earlier ones before they act (product rule 4). Raises `Refusal`, or
    `Unresolved` when the budget is spent.
    """
    if budget <= timedelta(0):
        raise Unresolved(Outcome.NOT_SENT)
    try:
        return await workflow.execute_activity_method(
            method,
            step,
            # The question before the call and the call itself, each up to the longest timeout.
            start_to_close_timeout=timedelta(seconds=2 * terms.call_timeout_s + limits.MARGIN_S),
            schedule_to_close_timeout=budget,
            heartbeat_timeout=limits.HEARTBEAT_TIMEOUT,
            retry_policy=retry,
            summary=for_operators(summary),
        )
    except FailureError as error:
        raise _failure(error) from error


def _failure(error: FailureError) -> Refusal | Unresolved:
    """What an activity's failure means. Only a known refusal is a refusal; anything else is unresolved.

    A remote activity's failure comes wrapped in an `ActivityError`, a local one's does not. A timeout is unknown
    whatever the attempt before it reported: the call of the last attempt may have arrived.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        if cause.type is not None and cause.type in ErrorCode.__members__:
            note = cause.details[0] if cause.details else ""
            return Refusal(ErrorCode(cause.type), cause.message, note)
        if cause.type == Outcome.NOT_SENT:
            return Unresolved(Outcome.NOT_SENT)
    return Unresolved(Outcome.UNKNOWN)
