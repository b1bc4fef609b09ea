"""Calls that wait for an answer. Handlers put them down; the story takes them up, one round at a time."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode
from domain.orders import CancelRequest, SettleRequest

R = TypeVar("R")


@dataclass
class Ticket(Generic[R]):
    """One call. `refusal` answers it; without one it waits until the payment is decided."""

    request: R
    refusal: ApplicationError | None = None

    def refuse(self, code: ErrorCode, message: str) -> None:
        self.refusal = ApplicationError(message, type=code.value)


@dataclass
class SettleInbox:
    """`waiting` holds what no round has served yet; `offered_visit` is the newest VISIT_ID that a caller named."""

    waiting: list[Ticket[SettleRequest]] = field(default_factory=list)
    served: list[Ticket[SettleRequest]] = field(default_factory=list)

    def submit(self, request: SettleRequest) -> Ticket[SettleRequest]:
        ticket = Ticket(request)
        self.waiting.append(ticket)
        return ticket

    def take(self) -> list[Ticket[SettleRequest]]:
        """Start a round: what comes later is a later round's."""
        taken, self.waiting = self.waiting, []
        self.served = [ticket for ticket in self.served if ticket.refusal is None] + taken
        return taken

    def refuse_served(self, code: ErrorCode, message: str) -> None:
        """Answer everyone whom this round was to serve."""
        for ticket in self.served:
            ticket.refuse(code, message)
        self.served = []

    def offered_visit(self) -> str | None:
        """The newest VISIT_ID among the calls that still wait."""
        offers = [t.request.visit_id for t in (*self.served, *self.waiting) if t.refusal is None and t.request.visit_id]
        return offers[-1] if offers else None


@dataclass
class CancelInbox:
    """Who wants the payment withdrawn. `wanted` outlives an answer that came too early: the wish still stands."""

    waiting: list[Ticket[CancelRequest]] = field(default_factory=list)
    wanted: CancelRequest | None = None
    unserved: bool = False

    def submit(self, request: CancelRequest) -> Ticket[CancelRequest]:
        ticket = Ticket(request)
        self.waiting.append(ticket)
        self.wanted, self.unserved = request, True
        return ticket

    def take(self) -> None:
        """Start a round: who comes later wakes a later one."""
        self.unserved = False

    def answer(self, code: ErrorCode, message: str) -> None:
        """Tell all who wait that it is not withdrawn, or not yet."""
        for ticket in self.waiting:
            ticket.refuse(code, message)
        self.waiting = []

    def dismiss(self, code: ErrorCode, message: str) -> None:
        """The same, and for good: nothing is withdrawn any more."""
        self.answer(code, message)
        self.wanted, self.unserved = None, False


@dataclass
class Inbox:
    """Whoever wants something of a payment. `noticed`: the centre hinted by 6302 that something happened."""

    settle: SettleInbox = field(default_factory=SettleInbox)
    cancel: CancelInbox = field(default_factory=CancelInbox)
    noticed: bool = False

    @property
    def call(self) -> bool:
        """Whether somebody wants a decision now."""
        return bool(self.settle.waiting) or self.cancel.unserved or self.noticed

    def take(self) -> None:
        """Start a round. Cleared before anything is awaited, so that what comes meanwhile is not lost."""
        self.settle.take()
        self.cancel.take()
        self.noticed = False
