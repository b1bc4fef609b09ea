"""How an activity is declared, and how its outcome reaches the workflow: a refusal is final, the rest is repeated."""

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
"""A fourth of the workflow's heartbeat timeout. A call that answers at once costs none."""

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])

_names: dict[FunctionType, str] = {}
"""The activity of each abstract method that declares one."""


def declared(name: str) -> Callable[[M], M]:
    """An abstract method of an `Activities` class as the activity `name`."""

    def declare(method: M) -> M:
        if isinstance(method, FunctionType):
            _names[method] = name
        return activity.defn(name=name)(method)

    return declare


@dataclass(frozen=True)
class Declaration:
    """An activity's name, and what a refusal by the other side is reported as. None: it asks no other side."""

    name: str
    refused_as: ErrorCode | None


class Activities:
    """Activities of one noun. `declarations`: by method, those that the class has declared or inherits.

    A subclass that overrides a method carries the activity out: it may raise what gateways and rules raise, and its
    heart beats meanwhile.
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
        """All of them, for a worker."""
        return [getattr(self, method) for method in self.declarations]


def _reported(method: Callable[P, Coroutine[Any, Any, R]], declaration: Declaration) -> Callable[P, Any]:
    """Turn what a gateway or a rule raises into what the workflow reads; keep a slow activity's heart beating."""

    @activity.defn(name=declaration.name)
    @functools.wraps(method)
    async def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        async with _beating():
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
