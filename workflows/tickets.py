"""Settle calls that wait for an answer. Handlers put them down; the story takes them up, one round at a time."""

from dataclasses import dataclass, field

from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode
from domain.orders import SettleRequest


@dataclass
class Ticket:
    """One settle call. `refusal` answers it; without one it waits until the payment is decided."""

    request: SettleRequest
    refusal: ApplicationError | None = None

    def refuse(self, code: ErrorCode, message: str) -> None:
        self.refusal = ApplicationError(message, type=code.value)


@dataclass
class SettleDesk:
    """`waiting` holds what no round has served yet; `offered_visit` is the newest VISIT_ID that a caller named."""

    waiting: list[Ticket] = field(default_factory=list)
    served: list[Ticket] = field(default_factory=list)

    def submit(self, request: SettleRequest) -> Ticket:
        ticket = Ticket(request)
        self.waiting.append(ticket)
        return ticket

    def take(self) -> list[Ticket]:
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
