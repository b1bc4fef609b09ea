"""The call log: every remote call has a row, written before the call leaves.

The outcome is written in the same transaction as what follows from the answer. A row without an outcome is an unknown
one: the call may have arrived, but whoever made it died before its end (product rule 4).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TypeVar

from domain.base import PaymentKey
from domain.errors import Outcome, PaymentError, Refused, RemoteCallError, Transaction
from domain.notifications import NotificationEvent
from storage.records import EndedCall
from storage.session import Database, Unit

T = TypeVar("T")

Clock = Callable[[], datetime]
"""An aware time, UTC."""


def wall_clock() -> datetime:
    return datetime.now(UTC)


CLOCK: ContextVar[Clock] = ContextVar("CLOCK", default=wall_clock)
"""The clock of the running activity. Only tests set it, when their Temporal server skips time."""


def now() -> datetime:
    return CLOCK.get()()


class _Stopwatch:
    """Times one question, starting now."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._begun_at = now()
        self._began_at_s = time.perf_counter()

    def ended(self, outcome: Outcome, message: str = "") -> EndedCall:
        return EndedCall(
            transaction=self._transaction,
            begun_at=self._begun_at,
            outcome=outcome,
            duration_ms=_ms_since(self._began_at_s),
            message=message,
        )


class Call:
    """A call that changes something outside. `our_ref`: our id that it carries."""

    def __init__(self, database: Database, call_id: int, our_ref: str) -> None:
        self.our_ref = our_ref
        self.is_finished = False
        self._database = database
        self._id = call_id
        self._left_at_s = time.perf_counter()

    @asynccontextmanager
    async def done(self) -> AsyncIterator[Unit]:
        """A transaction that writes the outcome; the block writes what follows from it."""
        async with self._finishing(Outcome.DONE) as unit:
            yield unit

    async def finish(self, outcome: Outcome, message: str = "") -> None:
        """Write an outcome from which nothing follows. Does nothing after `done`, even if that failed."""
        if not self.is_finished:
            async with self._finishing(outcome, message):
                return

    @asynccontextmanager
    async def _finishing(self, outcome: Outcome, message: str = "") -> AsyncIterator[Unit]:
        self.is_finished, duration_ms = True, _ms_since(self._left_at_s)
        async with self._database.begin() as unit:
            await unit.calls.finish(self._id, outcome, duration_ms, message)
            yield unit


class Questions:
    """The queries of one step, which change nothing outside. They may run concurrently and are logged together."""

    def __init__(self, database: Database, key: PaymentKey) -> None:
        self.is_logged = False
        self._database = database
        self._key = key
        self._ended: list[EndedCall] = []
        self._started: list[asyncio.Task[Any]] = []

    def start(self, transaction: Transaction, answer: Awaitable[T]) -> asyncio.Task[T]:
        """Ask concurrently with others; `answered` waits for all of them."""
        task = asyncio.create_task(self.ask(transaction, answer))
        self._started.append(task)
        return task

    async def answered(self) -> None:
        """Wait for all started questions; raise the error of the first one, in the order of asking, that failed."""
        for result in await asyncio.gather(*self._started, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def ask(self, transaction: Transaction, answer: Awaitable[T]) -> T:
        """Await and time `answer`."""
        call = _Stopwatch(transaction)
        try:
            result = await answer
        except RemoteCallError as error:
            # A refusal's message may name the patient, whose name is not known here to remove: keep its reason.
            self._ended.append(call.ended(error.outcome, error.reason if isinstance(error, Refused) else error.message))
            raise
        self._ended.append(call.ended(Outcome.DONE))
        return result

    @asynccontextmanager
    async def done(self) -> AsyncIterator[Unit]:
        """A transaction that logs the questions; the block writes what follows from the answers."""
        self.is_logged = True
        async with self._database.begin() as unit:
            yield unit
            await unit.calls.note(self._key, self._ended)

    async def write(self) -> None:
        """Log questions from which nothing follows. Does nothing after `done`, even if that failed."""
        if not self.is_logged:
            async with self.done():
                return


class CallLog:
    """Logs the remote calls of this process."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def leaving(
        self, key: PaymentKey, transaction: Transaction | NotificationEvent, our_ref: str | Callable[[int], str] = ""
    ) -> AsyncIterator[Call]:
        """Log a call that changes something outside; the block makes it, and ends it by `Call.done` or by returning.

        `our_ref`: a fixed id, or a function of the call's number. A `RemoteCallError` raised in the block becomes the
        outcome; any other exception leaves the row without one.
        """
        begun_at = now()
        async with self.database.begin() as unit:
            if callable(our_ref):
                our_ref = our_ref(await unit.calls.next_number(key, transaction))
            call_id = await unit.calls.begin(key, transaction, begun_at, our_ref)
        call = Call(self.database, call_id, our_ref)
        try:
            yield call
        except RemoteCallError as error:
            await call.finish(error.outcome, error.message)
            raise
        await call.finish(Outcome.DONE)

    @asynccontextmanager
    async def asking(self, key: PaymentKey) -> AsyncIterator[Questions]:
        """Log queries; the block makes them, and ends them by `Questions.done` or by returning."""
        questions = Questions(self.database, key)
        try:
            yield questions
        except (RemoteCallError, PaymentError):
            await questions.write()
            raise
        await questions.write()

    async def last_left_at(self, key: PaymentKey, transaction: Transaction) -> datetime | None:
        """When the latest call left that may have arrived. None: there is none."""
        async with self.database.read() as unit:
            return await unit.calls.last_begun_at(key, transaction)


def _ms_since(began_at_s: float) -> int:
    return round((time.perf_counter() - began_at_s) * 1000)
