"""Declares activities and reports their outcomes to the workflow: results and final failures, the rest is retried.

Results and final failures are returned, sealed and named after their step. What is raised is retried by Temporal, and
means no more to the workflow than that the step is not known to be done: anybody who reaches Temporal can write that.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar, Protocol, TypeVar, get_type_hints

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract.base import (
    GIVEN_UP,
    MOVED,
    NOT_KEPT,
    OTHER_RUN,
    FailureKind,
    Step,
    StepFailure,
    StepResult,
)
from domain.base import PaymentKey
from domain.errors import ErrorCode, Outcome, PaymentError, Refused, RemoteCallError, Transaction
from domain.ids import is_of
from domain.orders import KnownPayment

HEARTBEAT_EVERY_S = 2.0
"""A quarter of the workflow's heartbeat timeout. A call that ends sooner sends none."""

RETRY_S_MAX = 30.0
"""The longest pause between two attempts (product rule 10)."""

R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """An activity as its abstract method declares it.

    `adopted`: whether its result is kept for whoever runs the same step again. `sends`: what it calls outside to change
    something there. `refused_as`: the error code of a refusal by the other side; None: the activity calls no other one.
    """

    name: str
    adopted: bool
    sends: Transaction | None
    kind: Any
    refused_as: ErrorCode | None = None

    @functools.cached_property
    def result(self) -> TypeAdapter[Any]:
        """Reads and writes its result as JSON."""
        return TypeAdapter(self.kind)

    @functools.cached_property
    def returns(self) -> type[StepResult[Any]]:
        """What the activity returns."""
        return StepResult[self.kind]  # type: ignore[name-defined]  # a class that only the declaration knows


_declared: dict[FunctionType, Declaration] = {}
"""By abstract method; `refused_as` is known only to its class."""


def declared(name: str, *, adopted: bool = False, sends: Transaction | None = None) -> Callable[[M], M]:
    """Decorates an abstract method of an `Activities` class as the activity `name`; the rest as in `Declaration`."""

    def declare(method: M) -> M:
        if isinstance(method, FunctionType):
            _declared[method] = Declaration(name, adopted, sends, get_type_hints(method)["return"])
        return method

    return declare


def declaration_of(method: Callable[..., Any]) -> Declaration:
    """What an abstract method declares."""
    if not isinstance(method, FunctionType) or method not in _declared:
        raise AssertionError(f"{method} declares no activity")
    return _declared[method]


def name_of(method: Callable[..., Any]) -> str:
    """The name of the activity that an abstract method declares."""
    return declaration_of(method).name


class Keeper(Protocol):
    """Keeps the results of steps: the step log."""

    async def run(self, declaration: Declaration, step: Step, work: Callable[[], Awaitable[R]]) -> R:
        """The result of `work`, or of an earlier run of the same step."""

    def misplaced(self, workflow_id: str) -> None:
        """A sealed step was found where it does not belong."""


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
                    declarations[method] = replace(found, refused_as=refused_as)
                elif method in declarations:
                    setattr(cls, method, _reported(function, declarations[method]))
        cls.declarations = declarations

    def activities(self) -> list[Callable[..., Any]]:
        """All activities, for a worker."""
        return [getattr(self, method) for method in self.declarations]


def _reported(method: Callable[..., Any], declaration: Declaration) -> Callable[..., Any]:
    """Run the method as a step; its outcome becomes what the activity returns or raises. Send heartbeats."""

    async def reported(self: Activities, step: PaymentKey) -> StepResult[Any]:
        number = _checked(declaration, step, self.keeper)
        async with _heartbeats():
            try:
                if isinstance(step, Step) and self.keeper is not None:
                    value = await self.keeper.run(declaration, step, lambda: method(self, step))
                else:
                    value = await method(self, step)
            except (PaymentError, RemoteCallError) as error:
                failed = failure_of(error, declaration)
                if (failure := _final(failed)) is None:
                    raise failed from error
            except ApplicationError as error:
                if (failure := _final(error)) is None:
                    raise
            else:
                return declaration.returns(name=declaration.name, number=number, value=value)
        return declaration.returns(name=declaration.name, number=number, failure=failure)

    functools.update_wrapper(reported, method, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    del reported.__wrapped__  # type: ignore[attr-defined]  # it takes and returns something else
    (argument,) = (kind for name, kind in get_type_hints(method).items() if name != "return")
    # The SDK reads which types to read and write, and leaves out `self` only where it has none.
    reported.__annotations__ = {"step": argument, "return": declaration.returns}
    return activity.defn(name=declaration.name)(reported)


def _checked(declaration: Declaration, step: object, keeper: Keeper | None) -> int:
    """The step's number. Raises `ApplicationError` for a step of another activity, payment or run."""
    if not isinstance(step, Step):
        return 0  # of a notification, whose only step it is
    info = activity.info()
    if step.name != declaration.name or not is_of(info.workflow_id or "", step):
        if keeper is not None:
            keeper.misplaced(info.workflow_id or "")
        raise ApplicationError("a step of another activity or payment", type=Outcome.UNKNOWN.value, non_retryable=True)
    if step.run_id != info.workflow_run_id:
        raise ApplicationError("a step of another run", type=OTHER_RUN, non_retryable=True)
    return step.number


def _final(error: ApplicationError) -> StepFailure | None:
    """What is returned to the workflow; None if it is raised, and so retried."""
    if error.type is not None and error.type in ErrorCode.__members__:
        note = error.details[0] if error.details else ""
        return StepFailure(kind=FailureKind.REFUSED, code=ErrorCode(error.type), message=error.message, note=note)
    if error.type == MOVED:
        known: KnownPayment = error.details[0]
        return StepFailure(kind=FailureKind.MOVED, known=known)
    if error.type == NOT_KEPT:
        return StepFailure(kind=FailureKind.NOT_KEPT, message=error.message)
    if error.type == GIVEN_UP:
        return StepFailure(kind=FailureKind.GIVEN_UP)
    if error.type == Outcome.UNKNOWN and error.non_retryable:
        return StepFailure(kind=FailureKind.UNKNOWN, message=error.message)
    return None


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
