"""Declares activities and reports their failures to the workflow: a refusal is final, the rest is retried."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar, ParamSpec, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode, PaymentError, Refused, RemoteCallError

HEARTBEAT_EVERY_S = 2.0
"""A quarter of the workflow's heartbeat timeout. A call that ends sooner sends none."""

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])

_names: dict[FunctionType, str] = {}
"""Activity name by abstract method."""


def declared(name: str) -> Callable[[M], M]:
    """Decorates an abstract method of an `Activities` class as the activity `name`."""

    def declare(method: M) -> M:
        if isinstance(method, FunctionType):
            _names[method] = name
        return activity.defn(name=name)(method)

    return declare


@dataclass(frozen=True)
class Declaration:
    """`refused_as`: the error code of a refusal by the other side. None: the activity calls no other side."""

    name: str
    refused_as: ErrorCode | None


class Activities:
    """Base class of the activities of one noun. `declarations`: by method name, inherited ones included.

    A method that overrides a declared one implements the activity: it may raise `PaymentError` and `RemoteCallError`,
    and heartbeats are sent while it runs.
    """

    declarations: ClassVar[Mapping[str, Declaration]] = {}

    def __init_subclass__(cls, *, refused_as: ErrorCode | None = None) -> None:
        super().__init_subclass__()
        declarations: dict[str, Declaration] = {}
        for base in cls.__bases__:
            if issubclass(base, Activities):
                declarations.update(base.declarations)
        for method, function in list(vars(cls).items()):
            if isinstance(function, FunctionType):
                if name := _names.get(function):
                    declarations[method] = Declaration(name, refused_as)
                elif method in declarations:
                    setattr(cls, method, _reported(function, declarations[method]))
        cls.declarations = declarations

    def activities(self) -> list[Callable[..., Any]]:
        """All activities, for a worker."""
        return [getattr(self, method) for method in self.declarations]


def _reported(method: Callable[P, Coroutine[Any, Any, R]], declaration: Declaration) -> Callable[P, Any]:
    """Turn `PaymentError` and `RemoteCallError` into an `ApplicationError` for the workflow; send heartbeats."""

    @activity.defn(name=declaration.name)
    @functools.wraps(method)
    async def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        async with _heartbeats():
            try:
                return await method(*args, **kwargs)
            except PaymentError as error:
                raise refusal(error.code, error.message) from error
            except RemoteCallError as error:
                if isinstance(error, Refused) and declaration.refused_as is not None:
                    raise refusal(declaration.refused_as, error.message) from error
                raise ApplicationError(error.message, type=error.outcome.value) from error

    return reported


def refusal(code: ErrorCode, message: str, note: str = "") -> ApplicationError:
    """An error that is not retried. `note`: for operators."""
    return ApplicationError(message, *([note] if note else []), type=code.value, non_retryable=True)


def is_first_attempt() -> bool:
    """False means that an earlier attempt may have reached the other side (product rule 4)."""
    return activity.info().attempt == 1


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
