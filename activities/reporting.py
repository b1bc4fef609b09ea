"""Declares activities and reports their failures to the workflow: a refusal is final, the rest is retried."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar, get_type_hints

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract.base import Step
from domain.errors import ErrorCode, PaymentError, Refused, RemoteCallError

HEARTBEAT_EVERY_S = 2.0
"""A quarter of the workflow's heartbeat timeout. A call that ends sooner sends none."""

RETRY_S_MAX = 30.0
"""The longest pause between two attempts (product rule 10)."""

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """An activity as its abstract method declares it.

    `adopted`: whether its result is kept for whoever runs the same step again. `refused_as`: the error code of a
    refusal by the other side. None: the activity calls no other side.
    """

    name: str
    adopted: bool
    result: TypeAdapter[Any]
    refused_as: ErrorCode | None = None


_declared: dict[FunctionType, tuple[str, bool]] = {}
"""Name and `adopted` by abstract method."""


def declared(name: str, *, adopted: bool = False) -> Callable[[M], M]:
    """Decorates an abstract method of an `Activities` class as the activity `name`. `adopted`: see `Declaration`."""

    def declare(method: M) -> M:
        if isinstance(method, FunctionType):
            _declared[method] = name, adopted
        return activity.defn(name=name)(method)

    return declare


def name_of(method: Callable[..., Any]) -> str:
    """The name of the activity that an abstract method declares."""
    if not isinstance(method, FunctionType) or method not in _declared:
        raise AssertionError(f"{method} declares no activity")
    return _declared[method][0]


class Keeper(Protocol):
    """Keeps the results of steps: the step log."""

    async def run(self, declaration: Declaration, step: Step, work: Callable[[], Awaitable[R]]) -> R:
        """The result of `work`, or of an earlier run of the same step."""


class Activities:
    """Base class of the activities of one noun. `declarations`: by method name, inherited ones included.

    A method that overrides a declared one implements the activity: it may raise `PaymentError` and `RemoteCallError`,
    and heartbeats are sent while it runs. `keeper`: None where nothing is kept.
    """

    declarations: ClassVar[Mapping[str, Declaration]] = {}
    keeper: Keeper | None = None

    def __init_subclass__(cls, *, refused_as: ErrorCode | None = None) -> None:
        super().__init_subclass__()
        declarations: dict[str, Declaration] = {}
        for base in cls.__bases__:
            if issubclass(base, Activities):
                declarations.update(base.declarations)
        for method, function in list(vars(cls).items()):
            if isinstance(function, FunctionType):
                if found := _declared.get(function):
                    result = TypeAdapter(get_type_hints(function)["return"])
                    declarations[method] = Declaration(*found, result, refused_as)
                elif method in declarations:
                    setattr(cls, method, _reported(function, declarations[method]))
        cls.declarations = declarations

    def activities(self) -> list[Callable[..., Any]]:
        """All activities, for a worker."""
        return [getattr(self, method) for method in self.declarations]


def _reported(method: Callable[P, Coroutine[Any, Any, R]], declaration: Declaration) -> Callable[P, Any]:
    """Run the method as a step, and turn its failures into an `ApplicationError` for the workflow; send heartbeats."""

    @activity.defn(name=declaration.name)
    @functools.wraps(method)
    async def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        group, step = args[0], args[-1]
        async with _heartbeats():
            try:
                if isinstance(group, Activities) and isinstance(step, Step) and group.keeper is not None:
                    return await group.keeper.run(declaration, step, lambda: method(*args, **kwargs))
                return await method(*args, **kwargs)
            except (PaymentError, RemoteCallError) as error:
                raise failure_of(error, declaration) from error

    return reported


def failure_of(error: PaymentError | RemoteCallError, declaration: Declaration) -> ApplicationError:
    """What the workflow is told."""
    if isinstance(error, PaymentError):
        return refusal(error.code, error.message)
    if isinstance(error, Refused) and declaration.refused_as is not None:
        return refusal(declaration.refused_as, error.message)
    return ApplicationError(error.message, type=error.outcome.value, next_retry_delay=_next_retry(error))


def refusal(code: ErrorCode, message: str, note: str = "") -> ApplicationError:
    """An error that is not retried. `note`: for operators."""
    return ApplicationError(message, *([note] if note else []), type=code.value, non_retryable=True)


def _next_retry(error: RemoteCallError) -> timedelta | None:
    """When it is known exactly that a repeat is possible, not later than the doubling pauses would have it."""
    if error.retry_after_s is None:
        return None
    doubling_s = min(2.0 ** min(activity.info().attempt - 1, 10), RETRY_S_MAX)
    return timedelta(seconds=max(min(error.retry_after_s, doubling_s), 0.05))


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    if activity.info().is_local:
        yield
        return
    task = asyncio.create_task(_send_heartbeats())
    try:
        yield
    finally:
        task.cancel()


async def _send_heartbeats() -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_EVERY_S)
        activity.heartbeat()
