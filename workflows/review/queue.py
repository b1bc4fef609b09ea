"""People's wishes on a payment under review. Handlers put them down and wait; the story takes them up one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.errors import ErrorCode
from domain.reviews import Approval, Decision, Proposal, Proposed, ReviewView

W = TypeVar("W")
A = TypeVar("A")

_NO_CASE = "该订单不在人工核查中"
INSPECTIONS_MAX = 1_000
"""Temporal takes 2,000 updates of one workflow: looking leaves enough of them for deciding."""


def _not_yet() -> None:
    """No answer."""


@dataclass
class Ticket(Generic[W, A]):
    """One wish. `answer` is asked for its outcome until there is one; `refusal` is the answer no."""

    wish: W
    answer: Callable[[], A | None] = _not_yet
    refusal: ApplicationError | None = None

    def refuse(self, message: str) -> None:
        self.refusal = ApplicationError(message, type=ErrorCode.ACTION_REFUSED.value)

    async def answered(self) -> A:
        """Wait for the story. Raises `ApplicationError`."""
        await workflow.wait_condition(lambda: self.refusal is not None or self.answer() is not None)
        if self.refusal is not None:
            raise self.refusal
        answer = self.answer()
        if answer is None:
            raise AssertionError("an answer was taken back")
        return answer


AnyTicket = Ticket[Proposal | Approval, Decision]


@dataclass
class ReviewQueue:
    """`is_open`: whether there is a case. `proposed`, and the wish behind it, waits for a second person."""

    is_open: bool = False
    proposed: Proposed | None = None
    wish: Proposal | None = None
    inspecting: list[Ticket[None, ReviewView]] = field(default_factory=list)
    deciding: list[AnyTicket] = field(default_factory=list)
    inspections: int = 0

    @property
    def is_waited_for(self) -> bool:
        return bool(self.inspecting or self.deciding)

    def inspect(self) -> Ticket[None, ReviewView]:
        self.inspections += 1
        ticket: Ticket[None, ReviewView] = Ticket(None)
        self.inspecting.append(ticket)
        return ticket

    def decide(self, wish: Proposal | Approval) -> AnyTicket:
        ticket: AnyTicket = Ticket(wish)
        self.deciding.append(ticket)
        return ticket

    def take_proposal(self) -> Proposal:
        """What waits for a second person, which has come."""
        wish = self.wish
        if wish is None:
            raise AssertionError("approved without a proposal")
        self.proposed, self.wish = None, None
        return wish

    def check_approval(self, approval: Approval) -> None:
        """Raises `ApplicationError` unless it is a second person's word on what was proposed."""
        if self.proposed is None:
            refuse("没有待复核的提议")
        if self.proposed.by == approval.by:
            raise ApplicationError("不能复核自己的提议, 须由另一人复核", type=ErrorCode.FORBIDDEN.value)
        if self.proposed.action is not approval.action:
            refuse(f"待复核的操作(action)是{self.proposed.action.value}, 不是{approval.action.value}")

    def close(self) -> None:
        """The case is over: whoever still waits is told so."""
        self.is_open, self.proposed, self.wish = False, None, None
        for looking in self.inspecting:
            looking.refuse(_NO_CASE)
        for deciding in self.deciding:
            deciding.refuse(_NO_CASE)
        self.inspecting, self.deciding = [], []


def refuse(message: str) -> NoReturn:
    """Raises `ApplicationError` ACTION_REFUSED."""
    raise ApplicationError(message, type=ErrorCode.ACTION_REFUSED.value)


class ReviewHandlers:
    """The updates of a workflow with a review queue. The story that serves `_review` is the workflow's own."""

    _review: ReviewQueue

    @workflow.update
    async def inspect(self) -> ReviewView:
        """What each side says now, and what is safe. ACTION_REFUSED where there is no case."""
        return await self._review.inspect().answered()

    @inspect.validator
    def _may_inspect(self) -> None:
        self._demand_case()
        if self._review.inspections >= INSPECTIONS_MAX:
            raise ApplicationError("该订单核查查询次数过多, 只能再作决定", type=ErrorCode.RATE_LIMITED.value)

    @workflow.update
    async def propose(self, proposal: Proposal) -> Decision:
        """Ask again at once, or put an action before a second person. ACTION_REFUSED with the reason."""
        return await self._review.decide(proposal).answered()

    @propose.validator
    def _may_propose(self, proposal: Proposal) -> None:  # noqa: ARG002 - what is safe only the other sides know
        self._demand_case()

    @workflow.update
    async def approve(self, approval: Approval) -> Decision:
        """Carry out what another person proposed, if it is still safe. ACTION_REFUSED, FORBIDDEN with the reason."""
        return await self._review.decide(approval).answered()

    @approve.validator
    def _may_approve(self, approval: Approval) -> None:
        self._demand_case()
        self._review.check_approval(approval)

    def _demand_case(self) -> None:
        if not self._review.is_open:
            refuse(_NO_CASE)
