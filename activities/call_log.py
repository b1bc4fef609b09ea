"""What time it is for the activities. A test whose Temporal server skips time has them live by that server's clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from domain.base import PaymentKey
from domain.errors import Outcome, PaymentError, Refused, RemoteCallError
from storage.records import EndedCall
from storage.session import Database, Unit

Clock = Callable[[], datetime]
"""An aware time, UTC."""


def wall_clock() -> datetime:
    return datetime.now(UTC)


CLOCK: ContextVar[Clock] = ContextVar("CLOCK", default=wall_clock)
"""Of the activity that is running. Nothing in the product sets it."""

T = TypeVar("T")

R = TypeVar("R")


def now() -> datetime:
    return CLOCK.get()()


@dataclass(frozen=True)
class _Stopwatch:
    transaction: str
    begun_at: datetime
    started: float

    def ended(self, outcome: Outcome, message: str = "") -> EndedCall:
        return EndedCall(
            transaction=self.transaction,
            begun_at=self.begun_at,
            outcome=outcome,
            duration_ms=round((time.perf_counter() - self.started) * 1000),
            message=message,
        )


def _begin(transaction: str) -> _Stopwatch:
    return _Stopwatch(transaction, now(), time.perf_counter())


@dataclass
class Questions:
    """Calls that change nothing: asked, several at once if need be, and written down together afterwards."""

    _ended: list[EndedCall] = field(default_factory=list)
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
        try:
            result = await answer
        except RemoteCallError as error:
            # A refusal's own words may name the patient, whom nobody here knows yet: its reason is kept instead.
            words = error.reason if isinstance(error, Refused) else error.message
            self._ended.append(call.ended(error.outcome, words))
            raise
        except asyncio.CancelledError:
            self._ended.append(call.ended(Outcome.UNKNOWN, "given up"))
            raise
        self._ended.append(call.ended(Outcome.DONE))
        return result

    async def write(self, unit: Unit, key: PaymentKey) -> None:
        """Write down every question that has ended."""
        await unit.calls.note(key, self._ended)


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
    """What is sent, for which payment, and the id of ours that it carries: always the same, or made of its number."""

    key: PaymentKey
    transaction: str
    our_ref: str | Callable[[int], str] = ""


async def send(
    database: Database,
    change: Change,
    call: Callable[[str], Awaitable[T]],
    record: Callable[[Unit, T], Awaitable[R]],
) -> R:
    """A call that changes the outside, given its `our_ref`, and what `record` makes of it.

    Its row is there before it leaves, without an outcome: that is what remains if we die in between. `record` runs in
    the transaction that writes the outcome.
    """
    begun = _begin(change.transaction)
    async with database.begin() as unit:
        our_ref = change.our_ref
        if callable(our_ref):
            our_ref = our_ref(await unit.calls.next_number(change.key, change.transaction))
        call_id = await unit.calls.begin(change.key, change.transaction, begun.begun_at, our_ref)
    sent = _begin(change.transaction)
    try:
        result = await call(our_ref)
    except RemoteCallError as error:
        ended = sent.ended(error.outcome, error.message)
        async with database.begin() as unit:
            await unit.calls.finish(call_id, ended.outcome, ended.duration_ms, ended.message)
        raise
    ended = sent.ended(Outcome.DONE)
    async with database.begin() as unit:
        await unit.calls.finish(call_id, ended.outcome, ended.duration_ms, ended.message)
        return await record(unit, result)
