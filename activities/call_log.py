"""The call log: every remote call has a row, written before the call leaves.

The outcome is written in the same transaction as what follows from the answer. A row without an outcome is an unknown
one: the call may have arrived, but whoever made it died before its end (product rule 4).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from activities.contract.base import Step
from activities.step_log import Decision, Overtaken, RowMoved, StepLog, key_of_step
from domain.base import Frozen, PaymentKey
from domain.errors import NotSent, Outcome, PaymentError, Refused, RemoteCallError, Transaction, Unknown
from domain.notifications import NotificationEvent
from security.crypto.sealed_values import Report, to_nobody
from storage.evidence.steps import ResultTooLongError
from storage.records import EarlierCall, EndedCall
from storage.session import Database, Unit
from storage.sql.refusals import RowRefusedError

T = TypeVar("T")

ANSWERED_PAUSE = timedelta(seconds=1)
"""After a call that was answered, but not clearly: it is over, and may be repeated (product rule 4)."""


@dataclass(frozen=True)
class Repeat:
    """How a call is repeated whose predecessor may have arrived.

    `ask`: finds out what became of it, and raises `Finished` if it happened. `in_progress`: how long one whose end
    nobody recorded may be at work after it left. `unanswered`: the same of one that we gave up. `others_act`: whether
    others may have done the same meanwhile, so that even after a call that was not sent one asks.
    """

    ask: Callable[[EarlierCall], Awaitable[None]]
    in_progress: timedelta
    unanswered: timedelta
    others_act: bool = False

    def not_before(self, earlier: EarlierCall) -> datetime:
        """When the call may leave again."""
        if earlier.outcome is Outcome.NOT_SENT:
            return earlier.begun_at
        if earlier.ended_at is None:
            return earlier.begun_at + self.in_progress
        if earlier.answered:
            return earlier.ended_at + ANSWERED_PAUSE
        return earlier.begun_at + self.unanswered


async def nothing_to_ask(_: EarlierCall) -> None:
    """Of a call about which the other side cannot be asked."""


class _Stopwatch:
    """Times one question, starting now."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._began_at_s = time.perf_counter()
        self._outcome = Outcome.DONE
        self._message = ""
        self._answered = True
        self._duration_ms = 0

    def ended(self, error: RemoteCallError | None = None) -> None:
        self._duration_ms = _ms_since(self._began_at_s)
        if error is not None:
            # A refusal's message may name the patient, whose name is not known here to remove: keep its reason.
            self._message = error.reason if isinstance(error, Refused) else error.message
            self._outcome = error.outcome
            self._answered = _is_answered(error)

    def as_of(self, at: datetime) -> EndedCall:
        """The call, now that it is `at`."""
        return EndedCall(
            transaction=self._transaction,
            begun_at=at - timedelta(seconds=time.perf_counter() - self._began_at_s),
            outcome=self._outcome,
            duration_ms=self._duration_ms,
            message=self._message,
            answered=self._answered,
        )


class Call:
    """A call that changes something outside, and has left. `our_ref`: our id that it carries.

    `left_at`: by the database's time. `repeats`: whether an earlier one may have arrived.
    """

    def __init__(self, log: "CallLog", step: PaymentKey, call_id: int, our_ref: str, left_at: datetime) -> None:
        self.our_ref = our_ref
        self.left_at = left_at
        self.is_finished = False
        self.repeats = False
        self._log = log
        self._step = step
        self._id = call_id
        self._left_at_s = time.perf_counter()

    @asynccontextmanager
    async def done(self, result: Frozen | None = None) -> AsyncIterator[Decision]:
        """A transaction that writes the outcome and keeps the step's result; the block writes what follows from it.

        Raises `RowMoved`, `Overtaken`, `RowRefusedError`, or the block's `PaymentError`: the outcome alone is then
        written, since the call was made in any case.
        """
        self.is_finished, duration_ms = True, _ms_since(self._left_at_s)
        try:
            async with self._log.database.begin() as unit:
                await unit.calls.finish(self._id, Outcome.DONE, duration_ms)
                decision = Decision(unit, await unit.now())
                if result is not None:
                    decision.result = result.model_dump_json()
                yield decision
                if isinstance(self._step, Step):
                    await self._log.steps.finish(decision, self._step)
        except (RowMoved, Overtaken, RowRefusedError, PaymentError):
            async with self._log.database.begin() as unit:
                await unit.calls.finish(self._id, Outcome.DONE, duration_ms)
            raise
        except ResultTooLongError as error:
            raise Unknown(self._step.med_org_ord, "对方系统答复过大, 结果未知", answered=True) from error

    async def finish(self, outcome: Outcome, message: str = "", *, answered: bool = True) -> None:
        """Write an outcome from which nothing follows. Does nothing after `done`, even if that failed."""
        if not self.is_finished:
            self.is_finished, duration_ms = True, _ms_since(self._left_at_s)
            async with self._log.database.begin() as unit:
                await unit.calls.finish(self._id, outcome, duration_ms, message, answered=answered)


class Questions:
    """The queries of one step, which change nothing outside. They may run concurrently and are logged together."""

    def __init__(self, log: "CallLog", step: PaymentKey) -> None:
        self.is_logged = False
        self._log = log
        self._step = step
        self._asked: list[_Stopwatch] = []
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
        self._asked.append(call)
        try:
            result = await answer
        except RemoteCallError as error:
            call.ended(error)
            raise
        call.ended()
        return result

    @asynccontextmanager
    async def done(self) -> AsyncIterator[Decision]:
        """A transaction that logs the questions; the block writes what follows from the answers."""
        self.is_logged = True
        async with self._log.database.begin() as unit:
            decision = Decision(unit, await unit.now())
            yield decision
            await self._note(decision)

    @asynccontextmanager
    async def deciding(self, step: Step) -> AsyncIterator[Decision]:
        """As `done`, where the answers decide something: it finishes the step. Raises as `StepLog.deciding`."""
        self.is_logged = True
        async with self._log.steps.deciding(step) as decision:
            yield decision
            await self._note(decision)

    async def write(self) -> None:
        """Log questions from which nothing follows. Does nothing after `done`, even if that failed."""
        if not self.is_logged:
            async with self.done():
                return

    async def _note(self, decision: Decision) -> None:
        await decision.unit.calls.note(self._step, [call.as_of(decision.at) for call in self._asked])


class CallLog:
    """Logs the remote calls of this process. `report`: as of `StepLog`."""

    def __init__(self, database: Database, report: Report = to_nobody) -> None:
        self.database = database
        self.steps = StepLog(database, report)

    @asynccontextmanager
    async def leaving(
        self,
        step: PaymentKey,
        transaction: Transaction | NotificationEvent,
        our_ref: str | Callable[[int], str] = "",
        repeat: Repeat | None = None,
    ) -> AsyncIterator[Call]:
        """Log a call that changes something outside; the block makes it, and ends it by `Call.done` or by returning.

        `our_ref`: a fixed id, or a function of the call's number. If an earlier call may have arrived, `repeat` says
        whether this one may leave; None: the block knows by itself.

        A `RemoteCallError` raised in the block becomes the outcome; any other exception leaves the row without one.
        Raises as `StepLog.check`; `Refused` if the other side has refused this step before; `Unknown` if it is too
        early to repeat the call.
        """
        earlier = None
        call = await self._leave(step, transaction, our_ref, repeat, earlier)
        if isinstance(call, EarlierCall):
            earlier = call
            call = await self._repeated(step, transaction, our_ref, repeat, earlier)
        try:
            yield call
        except RemoteCallError as error:
            await call.finish(error.outcome, error.message, answered=_is_answered(error))
            if call.repeats and isinstance(error, NotSent):
                raise _unresolved(transaction, error) from error
            raise
        await call.finish(Outcome.DONE)

    @asynccontextmanager
    async def asking(self, step: PaymentKey) -> AsyncIterator[Questions]:
        """Log queries; the block makes them, and ends them by `Questions.done` or by returning."""
        questions = Questions(self, step)
        try:
            yield questions
        except (RemoteCallError, PaymentError):
            await questions.write()
            raise
        await questions.write()

    async def may_have_arrived(self, key: PaymentKey, transaction: Transaction) -> bool:
        """Whether a call of this transaction left whose outcome is unknown."""
        async with self.database.read() as unit:
            return await unit.calls.unresolved(key, transaction) is not None

    async def _leave(
        self,
        step: PaymentKey,
        transaction: Transaction | NotificationEvent,
        our_ref: str | Callable[[int], str],
        repeat: Repeat | None,
        asked_about: EarlierCall | None,
    ) -> Call | EarlierCall:
        """Write the call that leaves now; or return the earlier one that must be asked about first."""
        async with self.database.begin() as unit:
            earlier = await self._earlier(unit, step, transaction, our_ref, repeat)
            if repeat is not None and earlier is not None and earlier != asked_about:
                return earlier
            left_at = await unit.now()
            if repeat is not None and earlier is not None and left_at < (due := repeat.not_before(earlier)):
                wait_s = (due - left_at).total_seconds()
                raise Unknown(transaction, "earlier call may still arrive", retry_after_s=wait_s)
            if callable(our_ref):
                our_ref = our_ref(await unit.calls.count(step, transaction) + 1)
            owner = key_of_step(step) if isinstance(step, Step) else None
            call_id = await unit.calls.begin(step, transaction, left_at, our_ref, owner)
        call = Call(self, step, call_id, our_ref, left_at)
        call.repeats = earlier is not None and earlier.outcome is not Outcome.NOT_SENT
        return call

    async def _repeated(
        self,
        step: PaymentKey,
        transaction: Transaction | NotificationEvent,
        our_ref: str | Callable[[int], str],
        repeat: Repeat | None,
        earlier: EarlierCall,
    ) -> Call:
        if repeat is None:
            raise AssertionError("nobody wants to know about earlier calls")
        try:
            await repeat.ask(earlier)
        except RemoteCallError as error:
            if earlier.outcome is Outcome.NOT_SENT:
                raise NotSent(transaction, error.message, retry_after_s=error.retry_after_s) from error
            raise _unresolved(transaction, error) from error
        if earlier.answered:
            # It is over, so that what was asked stays true for this moment.
            async with self.database.read() as unit:
                left = repeat.not_before(earlier) - await unit.now()
            await asyncio.sleep(max(0.0, left.total_seconds()))
        call = await self._leave(step, transaction, our_ref, repeat, earlier)
        if isinstance(call, EarlierCall):
            raise Unknown(transaction, "another call has left meanwhile", retry_after_s=ANSWERED_PAUSE.total_seconds())
        return call

    async def _earlier(
        self,
        unit: Unit,
        step: PaymentKey,
        transaction: str,
        our_ref: str | Callable[[int], str],
        repeat: Repeat | None,
    ) -> EarlierCall | None:
        """Raises as `StepLog.check`, and `Refused`."""
        if not isinstance(step, Step):
            return None
        await self.steps.check_locked(unit, step)
        fixed = our_ref if isinstance(our_ref, str) and our_ref else None
        earlier = await unit.calls.before(step, key_of_step(step), transaction, fixed)
        if earlier is not None and earlier.outcome is Outcome.REFUSED:
            raise Refused(transaction, earlier.message)
        if earlier is None or earlier.outcome is not Outcome.NOT_SENT:
            return earlier
        older = await unit.calls.unresolved(step, transaction, fixed)
        return earlier if older is None and repeat is not None and repeat.others_act else older


def _unresolved(transaction: str, error: RemoteCallError) -> Unknown:
    """An earlier call may have arrived, and nobody can say whether it did."""
    message = f"earlier call unresolved: {error.message}"
    return Unknown(transaction, message, retry_after_s=error.retry_after_s)


def _is_answered(error: RemoteCallError) -> bool:
    return error.answered if isinstance(error, Unknown) else isinstance(error, Refused)


def _ms_since(began_at_s: float) -> int:
    return round((time.perf_counter() - began_at_s) * 1000)
