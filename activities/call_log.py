"""The call log: each call that leaves us has a row, written by the activities' clock before it leaves.

The outcome is written in the transaction of what the answer makes true. A row without one is an unknown outcome: the
call may have arrived, and whoever made it never came back to say (product rule 4).
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
"""Of the activity that is running. Nothing in the product sets it: a test whose Temporal server skips time does."""


def now() -> datetime:
    return CLOCK.get()()


class _Stopwatch:
    """A question, from now on."""

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
    """A call that is leaving. `our_ref`: the id of ours that it carries."""

    def __init__(self, database: Database, call_id: int, our_ref: str) -> None:
        self.our_ref = our_ref
        self.is_over = False
        self._database = database
        self._id = call_id
        self._left_at_s = time.perf_counter()

    @asynccontextmanager
    async def done(self) -> AsyncIterator[Unit]:
        """The transaction of the answer: it writes the outcome, and the block what follows from it."""
        async with self._over(Outcome.DONE) as unit:
            yield unit

    async def finish(self, outcome: Outcome, message: str = "") -> None:
        """Write the outcome where nothing follows from it. Nothing after `done`, even one that failed."""
        if not self.is_over:
            async with self._over(outcome, message):
                return

    @asynccontextmanager
    async def _over(self, outcome: Outcome, message: str = "") -> AsyncIterator[Unit]:
        self.is_over, duration_ms = True, _ms_since(self._left_at_s)
        async with self._database.begin() as unit:
            await unit.calls.finish(self._id, outcome, duration_ms, message)
            yield unit


class Questions:
    """Calls of one step that change nothing: asked, several at once if need be, and written down together."""

    def __init__(self, database: Database, key: PaymentKey) -> None:
        self.is_written = False
        self._database = database
        self._key = key
        self._ended: list[EndedCall] = []
        self._started: list[asyncio.Task[Any]] = []

    def start(self, transaction: Transaction, answer: Awaitable[T]) -> asyncio.Task[T]:
        """Ask beside others; `answered` waits for all of them."""
        task = asyncio.create_task(self.ask(transaction, answer))
        self._started.append(task)
        return task

    async def answered(self) -> None:
        """Wait until every started question is answered; raise the first that failed, in the order of asking."""
        for result in await asyncio.gather(*self._started, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def ask(self, transaction: Transaction, answer: Awaitable[T]) -> T:
        """Await `answer`."""
        call = _Stopwatch(transaction)
        try:
            result = await answer
        except RemoteCallError as error:
            # A refusal's own words may name the patient, whom nobody here knows yet: its reason is kept instead.
            self._ended.append(call.ended(error.outcome, error.reason if isinstance(error, Refused) else error.message))
            raise
        self._ended.append(call.ended(Outcome.DONE))
        return result

    @asynccontextmanager
    async def done(self) -> AsyncIterator[Unit]:
        """The transaction of the answers: the block writes what follows from them, and then they are written down."""
        self.is_written = True
        async with self._database.begin() as unit:
            yield unit
            await unit.calls.note(self._key, self._ended)

    async def write(self) -> None:
        """Write them down where nothing follows from them. Nothing after `done`, even one that failed."""
        if not self.is_written:
            async with self.done():
                return


class CallLog:
    """The log of all calls of this process."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def leaving(
        self, key: PaymentKey, transaction: Transaction | NotificationEvent, our_ref: str | Callable[[int], str] = ""
    ) -> AsyncIterator[Call]:
        """A call that changes the outside: made in the block, and done when the block ends, or by `Call.done` before.

        `our_ref`: always the same, or made of the call's number. A `RemoteCallError` of the block is the call's
        outcome. Anything else that ends it leaves the row without one.
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
        """Calls that change nothing, made in the block; written down when it ends, or by `Questions.done` before."""
        questions = Questions(self.database, key)
        try:
            yield questions
        except (RemoteCallError, PaymentError):
            await questions.write()
            raise
        await questions.write()

    async def last_left_at(self, key: PaymentKey, transaction: Transaction) -> datetime | None:
        """When the latest call left that may have reached the other side. None: none may have."""
        async with self.database.read() as unit:
            return await unit.calls.last_begun_at(key, transaction)


def _ms_since(began_at_s: float) -> int:
    return round((time.perf_counter() - began_at_s) * 1000)
