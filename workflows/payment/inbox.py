"""Update calls that wait for an answer: handlers submit them, the workflow's loop serves them round by round."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.base import Joined, for_operators
from domain.errors import ErrorCode
from domain.orders import CancelRequest, SettleRequest
from workflows import limits

R = TypeVar("R", bound=Joined)


@dataclass
class Ticket(Generic[R]):
    """One waiting call. It is answered by `refusal`, or else once the payment is decided."""

    request: R
    refusal: ApplicationError | None = None

    def refuse(self, code: ErrorCode, message: str) -> None:
        self.refusal = refused(self.request, code, message)


@dataclass
class SettleInbox:
    """Settle calls. `waiting`: for the next round. `served`: those of the current round and earlier, not refused."""

    waiting: list[Ticket[SettleRequest]] = field(default_factory=list)
    served: list[Ticket[SettleRequest]] = field(default_factory=list)

    def submit(self, request: SettleRequest) -> Ticket[SettleRequest]:
        ticket = Ticket(request)
        self.waiting.append(ticket)
        return ticket

    def take(self) -> None:
        """Start a round with all waiting calls; those that arrive later wait for the next round."""
        taken, self.waiting = self.waiting, []
        self.served = [ticket for ticket in self.served if ticket.refusal is None] + taken

    def refuse_served(self, code: ErrorCode, message: str) -> None:
        """Refuse all calls of this round."""
        for ticket in self.served:
            ticket.refuse(code, message)
        self.served = []

    def offered_visit(self) -> str | None:
        """The newest VISIT_ID among the calls that are not answered yet."""
        offers = [t.request.visit_id for t in (*self.served, *self.waiting) if t.refusal is None and t.request.visit_id]
        return offers[-1] if offers else None


@dataclass
class CancelInbox:
    """Cancel calls. `wanted` stays after the caller was told PROCESSING: the payment is still to be cancelled.

    `unserved`: a call came that no round has taken yet.
    """

    waiting: list[Ticket[CancelRequest]] = field(default_factory=list)
    wanted: CancelRequest | None = None
    unserved: bool = False

    def submit(self, request: CancelRequest) -> Ticket[CancelRequest]:
        ticket = Ticket(request)
        self.waiting.append(ticket)
        self.wanted, self.unserved = request, True
        return ticket

    def take(self) -> None:
        """Start a round; a call that arrives later starts another one."""
        self.unserved = False

    def answer(self, code: ErrorCode, message: str) -> None:
        """Tell all waiting callers that the payment is not cancelled, or not yet."""
        for ticket in self.waiting:
            ticket.refuse(code, message)
        self.waiting = []

    def dismiss(self, code: ErrorCode, message: str) -> None:
        """Tell all waiting callers that the payment can no longer be cancelled."""
        self.answer(code, message)
        self.wanted, self.unserved = None, False


@dataclass
class Inbox:
    """Everything that asks a payment for a decision. `noticed`: there is a hint (6302) that money may have moved."""

    settle: SettleInbox = field(default_factory=SettleInbox)
    cancel: CancelInbox = field(default_factory=CancelInbox)
    noticed: bool = False
    _followed: bool = False
    _hinted_at: datetime | None = None
    requests: int = 0
    """Update calls that are not answered yet. Each is another request, since equal ones join."""

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While one update call is being answered."""
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    def check_room(self) -> None:
        """Raises `ApplicationError` RATE_LIMITED."""
        if self.requests >= limits.REQUESTS_MAX:
            raise ApplicationError("该订单的请求过多, 请稍后重试", type=ErrorCode.RATE_LIMITED.value)

    @property
    def asks(self) -> bool:
        """Whether a decision is wanted now."""
        return self._is_called or self.noticed

    @property
    def _is_called(self) -> bool:
        return bool(self.settle.waiting) or self.cancel.unserved

    async def pace_hints(self) -> None:
        """Return at once if somebody calls; a hint that closely follows another waits for `HINT_PAUSE`."""
        if not self.noticed:
            return
        left = timedelta(0) if self._hinted_at is None else self._hinted_at + limits.HINT_PAUSE - workflow.now()
        if left > timedelta(0) and not self._is_called:
            with suppress(TimeoutError):
                words = for_operators("下一次核实 (hints are followed one by one)")
                await workflow.wait_condition(lambda: self._is_called, timeout=left, timeout_summary=words)
        self._hinted_at = workflow.now()

    def take(self) -> None:
        """Start a round. Flags are cleared before anything is awaited, so that nothing that arrives later is lost."""
        self.settle.take()
        self.cancel.take()
        self._followed, self.noticed = self.noticed, False

    def broken_off(self) -> None:
        """The round has ended before its question was answered: the hint that it followed is still to be followed."""
        self.noticed = self.noticed or self._followed


def refused(request: Joined, code: ErrorCode, message: str) -> ApplicationError:
    """A handler's refusal, which names the call that began the update. A validator's does not: it leaves no update."""
    return ApplicationError(message, request.call, type=code.value)
