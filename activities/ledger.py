"""Every remote call leaves a row: what, when, how it ended. A change leaves it before it is sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from domain.errors import PaymentError
from domain.outcomes import Outcome, RemoteCallError
from domain.steps import PaymentKey
from storage.session import Database, Unit

T = TypeVar("T")
R = TypeVar("R")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Call:
    transaction: str
    at: datetime
    began: float
    outcome: Outcome = Outcome.UNKNOWN
    message: str = ""
    duration_ms: int = 0

    def ended(self, outcome: Outcome, message: str = "") -> None:
        self.outcome, self.message = outcome, message
        self.duration_ms = round((time.perf_counter() - self.began) * 1000)


def _begin(transaction: str) -> _Call:
    return _Call(transaction, now(), time.perf_counter())


@dataclass
class Questions:
    """Calls that change nothing: asked, several at once if need be, and written down together afterwards."""

    _calls: list[_Call] = field(default_factory=list)
    _started: list[asyncio.Task[Any]] = field(default_factory=list)

    def start(self, transaction: str, answer: Awaitable[T]) -> asyncio.Task[T]:
        """Ask beside others; `answered` waits for all of them."""
        task = asyncio.create_task(self.ask(transaction, answer))
        self._started.append(task)
        return task

    async def answered(self) -> None:
        """Wait until every started question is answered; raise the first that failed, in the order of asking."""
        for result in await asyncio.gather(*self._started, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def ask(self, transaction: str, answer: Awaitable[T]) -> T:
        """Await `answer`; how it ended is written by `write`."""
        call = _begin(transaction)
        self._calls.append(call)
        try:
            result = await answer
        except RemoteCallError as error:
            call.ended(error.outcome, error.message)
            raise
        except asyncio.CancelledError:
            call.ended(Outcome.UNKNOWN, "given up")
            raise
        call.ended(Outcome.DONE)
        return result

    async def write(self, unit: Unit, key: PaymentKey) -> None:
        for call in self._calls:
            call_id = await unit.calls.begin(key, call.transaction, call.at)
            await unit.calls.finish(call_id, call.outcome, call.duration_ms, call.message)


async def ask(
    database: Database,
    key: PaymentKey,
    questions: Questions,
    answer: Awaitable[T],
    record: Callable[[Unit, T], Awaitable[R]],
) -> R:
    """Await `answer`, which asks by way of `questions`; write them down, with what `record` makes of the answer."""
    try:
        result = await answer
    except (RemoteCallError, PaymentError):
        async with database.begin() as unit:
            await questions.write(unit, key)
        raise
    async with database.begin() as unit:
        await questions.write(unit, key)
        return await record(unit, result)


@dataclass(frozen=True)
class Change:
    """What is sent, for which payment. `our_ref` is the id of ours that the call carries, kept before it leaves."""

    key: PaymentKey
    transaction: str
    our_ref: str = ""


async def send(
    database: Database,
    change: Change,
    call: Callable[[], Awaitable[T]],
    record: Callable[[Unit, T], Awaitable[R]],
) -> R:
    """A call that changes the outside, and what `record` makes of it.

    Its row is there before it leaves, without an outcome: that is what remains if we die in between. `record` runs in
    the transaction that writes the outcome.
    """
    begun = _begin(change.transaction)
    async with database.begin() as unit:
        call_id = await unit.calls.begin(change.key, change.transaction, begun.at, change.our_ref)
    try:
        result = await call()
    except RemoteCallError as error:
        begun.ended(error.outcome, error.message)
        async with database.begin() as unit:
            await unit.calls.finish(call_id, begun.outcome, begun.duration_ms, begun.message)
        raise
    begun.ended(Outcome.DONE)
    async with database.begin() as unit:
        await unit.calls.finish(call_id, begun.outcome, begun.duration_ms, begun.message)
        return await record(unit, result)
