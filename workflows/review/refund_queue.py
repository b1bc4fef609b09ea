"""People's wishes on a refund under review: handlers put them down and wait, the story takes them up one at a time."""

from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode
from domain.reviews import Approval, Decision, Proposal, Proposed, ReviewView

A = TypeVar("A")
Wish = Proposal | Approval

INSPECTIONS_MAX = 1_000
"""Temporal takes 2,000 updates of one workflow: looking leaves enough of them for deciding."""


@dataclass
class Ticket(Generic[A]):
    """One wish that waits for the story's answer, or for its no."""

    answer: A | None = None
    refusal: ApplicationError | None = None

    async def answered(self) -> A:
        """Raises `ApplicationError`."""
        await workflow.wait_condition(lambda: self.answer is not None or self.refusal is not None)
        if self.refusal is not None:
            raise self.refusal
        if self.answer is None:
            raise AssertionError("an answer was taken back")
        return self.answer


@dataclass
class RefundReviewQueue:
    """`is_open`: whether there is a case. `proposal` waits for a second person since `proposed.at`."""

    is_open: bool = False
    proposal: Proposal | None = None
    proposed: Proposed | None = None
    looks: list[Ticket[ReviewView]] = field(default_factory=list)
    wishes: list[tuple[Wish, Ticket[Decision]]] = field(default_factory=list)
    inspections: int = 0

    async def inspect(self) -> ReviewView:
        self.inspections += 1
        self.looks.append(ticket := Ticket[ReviewView]())
        return await ticket.answered()

    async def decide(self, wish: Wish) -> Decision:
        self.wishes.append((wish, ticket := Ticket[Decision]()))
        return await ticket.answered()

    def demand_case(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if not self.is_open:
            refuse("该退款不在人工核查中")

    def check_inspection(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED, RATE_LIMITED."""
        self.demand_case()
        if self.inspections >= INSPECTIONS_MAX:
            raise ApplicationError("该退款核查查询次数过多, 只能再作决定", type=ErrorCode.RATE_LIMITED.value)

    def check_approval(self, approval: Approval) -> Proposal:
        """The proposal that it approves. Raises `ApplicationError` unless it is a second person's word on that."""
        self.demand_case()
        if self.proposal is None:
            refuse("没有待复核的提议")
        if self.proposal.by == approval.by:
            raise ApplicationError("不能复核自己的提议, 须由另一人复核", type=ErrorCode.FORBIDDEN.value)
        if self.proposal.action is not approval.action:
            refuse(f"待复核的操作(action)是{self.proposal.action.value}, 不是{approval.action.value}")
        return self.proposal

    def propose(self, proposal: Proposal) -> None:
        """Put it before a second person, instead of one that was proposed earlier."""
        self.proposal = proposal
        self.proposed = Proposed(action=proposal.action, by=proposal.by, reason=proposal.reason, at=workflow.now())

    def withdraw(self) -> None:
        """It was decided on, one way or the other."""
        self.proposal = self.proposed = None

    def close(self) -> None:
        """The case is over: whoever still waits is told so."""
        self.is_open = False
        self.withdraw()
        over = ApplicationError("该退款已不在人工核查中", type=ErrorCode.ACTION_REFUSED.value)
        for ticket in self.looks:
            ticket.refusal = over
        for _, decision in self.wishes:
            decision.refusal = over
        self.looks, self.wishes = [], []


def refuse(message: str) -> NoReturn:
    """Raises `ApplicationError` ACTION_REFUSED."""
    raise ApplicationError(message, type=ErrorCode.ACTION_REFUSED.value)
