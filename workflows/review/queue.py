"""The review queue of payments and refunds: people inspect, propose and approve (product rule 15).

Update handlers submit requests and wait; `Review` serves them one at a time (`workflows.review.serving`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.base import Joined
from domain.errors import ErrorCode
from domain.reviews import Approval, Decision, Inspection, Proposal, ReviewView, Waiting
from workflows import limits

A = TypeVar("A")
J = TypeVar("J", bound=Joined)


def _not_yet() -> None:
    """No answer yet."""


@dataclass
class Ticket(Generic[A]):
    """One waiting request. It is over when `answer` returns something, or when `refusal` is set.

    `update_id`: of the update that brought it.
    """

    update_id: str = ""
    answer: Callable[[], A | None] = _not_yet
    refusal: ApplicationError | None = None

    async def answered(self) -> A:
        """Wait for the answer. Raises the refusal, an `ApplicationError`."""
        await workflow.wait_condition(lambda: self.refusal is not None or self.answer() is not None)
        if self.refusal is not None:
            raise self.refusal
        answer = self.answer()
        if answer is None:
            raise AssertionError("an answer was taken back")
        return answer


@dataclass
class ReviewQueue:
    """Waiting requests, and the proposal that awaits a second person. `subject`: what is reviewed, in Chinese.

    `updates_count`: how many updates this run has taken for its reviews.
    """

    subject: str
    waiting: Waiting | None = None
    is_open: bool = False
    looks: list[Ticket[ReviewView]] = field(default_factory=list)
    requests: list[tuple[Proposal | Approval, Ticket[Decision]]] = field(default_factory=list)
    updates_count: int = 0
    is_full: bool = False
    """Whether nothing but an approval is taken before a new run begins: Temporal takes so many updates of one run."""

    async def inspect(self) -> ReviewView:
        """Raises `ApplicationError`."""
        self._count()
        self.looks.append(ticket := Ticket[ReviewView]())
        return await ticket.answered()

    async def decide(self, request: Proposal | Approval) -> Decision:
        """Raises `ApplicationError`."""
        self._count()
        update = workflow.current_update_info()
        self.requests.append((request, ticket := Ticket[Decision](update.id if update is not None else "")))
        return await ticket.answered()

    def check_open(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if not self.is_open:
            refuse(self._no_case)

    def check_room(self) -> None:
        """Raises `ApplicationError` RATE_LIMITED."""
        if len(self.requests) >= limits.REVIEW_REQUESTS_MAX:
            message = f"该{self.subject}核查的请求过多, 请稍后重试"
            raise ApplicationError(message, type=ErrorCode.RATE_LIMITED.value)

    def check_full(self) -> None:
        """Raises `ApplicationError` RATE_LIMITED."""
        if self.is_full:
            message = f"该{self.subject}核查的查询和提议过多, 正在整理, 请稍后重试"
            raise ApplicationError(message, type=ErrorCode.RATE_LIMITED.value)

    def check_approval(self, approval: Approval) -> Proposal:
        """Returns the approved proposal. Raises `ApplicationError` ACTION_REFUSED, or FORBIDDEN to its proposer."""
        self.check_open()
        if self.waiting is None:
            refuse("没有待复核的提议")
        proposal = self.waiting.proposal
        if proposal.number != approval.proposal:
            refuse(f"该提议(proposal)已被{proposal.by}的提议{proposal.action.value}取代, 请重新查看后再复核")
        if proposal.by == approval.by:
            raise ApplicationError("不能复核自己的提议, 须由另一人复核", type=ErrorCode.FORBIDDEN.value)
        if proposal.action is not approval.action:
            refuse(f"待复核的操作(action)是{proposal.action.value}, 不是{approval.action.value}")
        return proposal

    def propose(self, proposal: Proposal) -> Proposal:
        """Await a second person's approval; what awaits it now. An earlier proposal is replaced, unless it is the same.

        So a repeated call leaves the id valid that its first answer named.
        """
        if self.waiting is None or not self.waiting.proposal.is_same_as(proposal):
            self.waiting = Waiting(proposal=proposal, at=workflow.now())
        return self.waiting.proposal

    def withdraw(self) -> None:
        """The proposal has been decided on, one way or the other."""
        self.waiting = None

    def close(self) -> None:
        """The case is over: refuse everybody who is still waiting."""
        self.is_open = False
        self.withdraw()
        over = ApplicationError(self._no_case, type=ErrorCode.ACTION_REFUSED.value)
        for look in self.looks:
            look.refusal = over
        for _, decision in self.requests:
            decision.refusal = over
        self.looks, self.requests = [], []

    def _count(self) -> None:
        """Count an update. Temporal itself says when its limit is near, whatever that is: after nine tenths of it.

        It is asked here, since a refused update leaves nothing to go on from, not even that it was too much.
        """
        self.updates_count += 1
        is_near = workflow.info().is_continue_as_new_suggested()
        self.is_full = is_near or self.updates_count >= limits.REVIEW_UPDATES_MAX

    @property
    def _no_case(self) -> str:
        return f"该{self.subject}不在人工核查中"


def refuse(message: str) -> NoReturn:
    """Raises `ApplicationError` ACTION_REFUSED."""
    raise ApplicationError(message, type=ErrorCode.ACTION_REFUSED.value)


class ReviewHandlers:
    """The updates of a workflow with a review queue. The workflow itself must run `Review` to serve them."""

    _review: ReviewQueue

    @workflow.update
    async def inspect(self, inspection: Inspection) -> ReviewView:
        """What each side says now, and what is safe. Raises `ApplicationError` ACTION_REFUSED if no case is open."""
        return await _told(inspection, self._review.inspect())

    @inspect.validator
    def _may_inspect(self, inspection: Inspection) -> None:  # noqa: ARG002 - everybody sees the same
        self._review.check_open()
        self._review.check_full()

    @workflow.update
    async def propose(self, proposal: Proposal) -> Decision:
        """Propose an action to a second person; ASK_AGAIN is done at once. Raises `ApplicationError` ACTION_REFUSED."""
        return await _told(proposal, self._review.decide(proposal))

    @propose.validator
    def _may_propose(self, proposal: Proposal) -> None:  # noqa: ARG002 - only the other sides know what is safe
        self._review.check_open()
        self._review.check_full()
        self._review.check_room()

    @workflow.update
    async def approve(self, approval: Approval) -> Decision:
        """Carry out another person's proposal, if still safe. Raises `ApplicationError` ACTION_REFUSED, FORBIDDEN."""
        return await _told(approval, self._review.decide(approval))

    @approve.validator
    def _may_approve(self, approval: Approval) -> None:
        self._review.check_approval(approval)
        self._review.check_room()


async def _told(request: Joined, answering: Awaitable[J]) -> J:
    """The answer or refusal, which names the call that began the update."""
    try:
        answer = await answering
    except ApplicationError as refused:
        raise ApplicationError(refused.message, request.call, type=refused.type) from refused
    return answer.model_copy(update={"call": request.call})
