"""How an activity's outcome reaches the workflow: a refusal is final, everything else is repeated."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode, PaymentError, Refused, RemoteCallError

HEARTBEAT_EVERY_S = 2.0
"""A fourth of the workflow's heartbeat timeout. A call that answers at once costs none."""

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")
Method = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]


def reports(refused_as: ErrorCode) -> Callable[[Method[S, P, R]], Method[S, P, R]]:
    """Turn what a gateway or a rule raises into what the workflow reads; keep a slow activity's heart beating."""

    def decorate(method: Method[S, P, R]) -> Method[S, P, R]:
        @functools.wraps(method)
        async def reported(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            async with _beating():
                try:
                    return await method(self, *args, **kwargs)
                except PaymentError as error:
                    raise refusal(error.code, error.message) from error
                except Refused as error:
                    raise refusal(refused_as, error.message) from error
                except RemoteCallError as error:
                    raise ApplicationError(error.message, type=error.outcome.value) from error

        return reported

    return decorate


def refusal(code: ErrorCode, message: str, note: str = "") -> ApplicationError:
    """Final. `note` is an operator's word for it."""
    return ApplicationError(message, *([note] if note else []), type=code.value, non_retryable=True)


def is_first_attempt() -> bool:
    """A further attempt is itself an unknown outcome: the first may have reached the other side (product rule 4)."""
    return activity.info().attempt == 1


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    if activity.info().is_local:
        yield
        return
    task = asyncio.create_task(_beat())
    try:
        yield
    finally:
        task.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_EVERY_S)
        activity.heartbeat()
