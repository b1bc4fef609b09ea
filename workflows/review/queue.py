"""The review queue of payments and refunds: people inspect, propose and approve (product rule 15).

Update handlers submit requests and wait; `Review` serves them one at a time and asks both sides again for each.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NoReturn, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.contract.base import StepStart
from activities.contract.records import NoteCase, RecordActivities
from domain.base import Joined
from domain.errors import ErrorCode
from domain.orders import PaymentTerms
from domain.reviews import (
    ALONE,
    Approval,
    CaseEvent,
    Decision,
    Inspection,
    Proposal,
    Proposed,
    ReviewAction,
    ReviewView,
)
from workflows import limits
from workflows.calls import Steps

A = TypeVar("A")
J = TypeVar("J", bound=Joined)
F = TypeVar("F")
"""What both sides say about a case now."""


def _not_yet() -> None:
    """No answer yet."""


@dataclass
class Ticket(Generic[A]):
    """One waiting request. It is over when `answer` returns something, or when `refusal` is set."""

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
    """Waiting requests, and the proposal that awaits a second person. `subject`: what is reviewed, in Chinese."""

    subject: str
    is_open: bool = False
    proposal: Proposal | None = None
    proposed: Proposed | None = None
    looks: list[Ticket[ReviewView]] = field(default_factory=list)
    requests: list[tuple[Proposal | Approval, Ticket[Decision]]] = field(default_factory=list)
    looks_count: int = 0

    async def inspect(self) -> ReviewView:
        """Raises `ApplicationError`."""
        self.looks_count += 1
        self.looks.append(ticket := Ticket[ReviewView]())
        return await ticket.answered()

    async def decide(self, request: Proposal | Approval) -> Decision:
        """Raises `ApplicationError`."""
        self.requests.append((request, ticket := Ticket[Decision]()))
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

    def check_look(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED, RATE_LIMITED."""
        self.check_open()
        if self.looks_count >= limits.REVIEW_LOOKS_MAX:
            message = f"该{self.subject}核查查询次数过多, 只能再作决定"
            raise ApplicationError(message, type=ErrorCode.RATE_LIMITED.value)

    def check_approval(self, approval: Approval) -> Proposal:
        """Returns the approved proposal. Raises `ApplicationError` ACTION_REFUSED, or FORBIDDEN to its proposer."""
        self.check_open()
        if self.proposal is None:
            refuse("没有待复核的提议")
        if self.proposal.by == approval.by:
            raise ApplicationError("不能复核自己的提议, 须由另一人复核", type=ErrorCode.FORBIDDEN.value)
        if self.proposal.action is not approval.action:
            refuse(f"待复核的操作(action)是{self.proposal.action.value}, 不是{approval.action.value}")
        return self.proposal

    def propose(self, proposal: Proposal) -> None:
        """Await a second person's approval. An earlier proposal is replaced."""
        self.proposal = proposal
        self.proposed = Proposed(action=proposal.action, by=proposal.by, reason=proposal.reason, at=workflow.now())

    def withdraw(self) -> None:
        """The proposal has been decided on, one way or the other."""
        self.proposal = self.proposed = None

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
        self._review.check_look()

    @workflow.update
    async def propose(self, proposal: Proposal) -> Decision:
        """Propose an action to a second person; ASK_AGAIN is done at once. Raises `ApplicationError` ACTION_REFUSED."""
        return await _told(proposal, self._review.decide(proposal))

    @propose.validator
    def _may_propose(self, proposal: Proposal) -> None:  # noqa: ARG002 - only the other sides know what is safe
        self._review.check_open()
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


class Sleeper(Protocol):
    """A payment that waits, and may be woken to look at its row."""

    woken: bool

    async def look_at_record(self) -> object:
        """Raises `workflows.calls.Moved` if the row is ahead."""


class Owner(Protocol):
    """The progress of the payment or refund under review."""

    terms: PaymentTerms
    steps: Steps

    def step(self) -> StepStart:
        """The fields that every activity's argument starts with."""

    def show(self, waiting_for: str) -> None:
        """Show in the Temporal UI what it waits for."""


@dataclass(frozen=True)
class CarriedOut:
    """The outcome of an action. `then`: what is left to do after the person has been answered."""

    message: str = ""
    """For the person; empty if the payment's workflow has to go on first."""
    then: Callable[[], Awaitable[None]] | None = None


class Case(Protocol[F]):
    """What the queue needs to know about a payment or a refund under review."""

    @property
    def owner(self) -> Owner:
        """The payment or refund."""

    @property
    def refund_no(self) -> str:
        """Empty if the payment itself is under review."""

    @property
    def state(self) -> str:
        """State of the payment or refund."""

    @property
    def is_open(self) -> bool:
        """Whether this case still has to be decided."""

    @property
    def message(self) -> str:
        """What the Temporal UI shows while the case is open."""

    async def look(self) -> F:
        """Ask both sides, each within `REVIEW_LOOK_BUDGET`."""

    def view(self, found: F) -> ReviewView:
        """The case as shown to people, without the proposal."""

    def refusal(self, proposal: Proposal, found: F) -> str:
        """Why the proposal is not safe, in Chinese; empty if it is."""

    async def follow_the_rules(self, found: F) -> CarriedOut | None:
        """Do what has become clear. None: a person must still decide."""

    async def carry_out(self, proposal: Proposal, found: F) -> CarriedOut:
        """Do what two people have decided. Raises `ApplicationError` ACTION_REFUSED if nothing was changed."""

    def still_open(self, found: F) -> str:
        """What a person who asked again is told if nothing has become clear."""

    def decision(self, message: str) -> Decision | None:
        """The answer to the person; None as long as the workflow has not got there."""


class Review(Generic[F]):
    """Serves one case's queue until the case is decided or followed by another one."""

    def __init__(self, queue: ReviewQueue, case: Case[F], sleeper: Sleeper | None = None) -> None:
        """`sleeper`: what may be woken meanwhile, because its row is ahead; None: nobody wakes this workflow."""
        self._queue = queue
        self._case = case
        self._sleeper = sleeper

    async def run(self) -> None:
        queue, sleeper = self._queue, self._sleeper
        queue.is_open = True
        while queue.is_open:
            await workflow.wait_condition(
                lambda: bool(queue.looks or queue.requests) or (sleeper is not None and sleeper.woken)
            )
            if sleeper is not None and sleeper.woken:
                await sleeper.look_at_record()
            elif queue.looks:
                await self._serve_looks()
            else:
                await self._serve(*queue.requests.pop(0))

    async def _serve_looks(self) -> None:
        """One answer for everybody who is looking at this moment."""
        looking, self._queue.looks = self._queue.looks, []
        view = self._case.view(await self._case.look()).model_copy(update={"proposed": self._queue.proposed})
        for ticket in looking:
            ticket.answer = lambda: view

    async def _serve(self, request: Proposal | Approval, ticket: Ticket[Decision]) -> None:
        try:
            if isinstance(request, Proposal):
                await self._propose(request, ticket)
            else:
                await self._approve(request, ticket)
        except ApplicationError as refused:
            await self._note(CaseEvent.REFUSED, request.action, request.by, refused.message)
            ticket.refusal = refused
            self._case.owner.show(self._case.message)

    async def _propose(self, proposal: Proposal, ticket: Ticket[Decision]) -> None:
        found = await self._case.look()
        if proposal.action in ALONE:
            await self._ask_again(proposal, ticket, found)
            return
        self._check(proposal, found)
        await self._note(CaseEvent.PROPOSED, proposal.action, proposal.by, proposal.reason)
        self._queue.propose(proposal)
        self._case.owner.show(f"人工核查: 已提议 {proposal.action.value}, 待另一人复核")
        waiting = Decision(state=self._case.state, message="已提议, 待另一人复核", waiting=True)
        ticket.answer = lambda: waiting

    async def _ask_again(self, proposal: Proposal, ticket: Ticket[Decision], found: F) -> None:
        done = await self._case.follow_the_rules(found)
        if done is None:
            done = CarriedOut(f"已重新查询, 仍需人工决定: {self._case.still_open(found)}")
        await self._carried_out(done, proposal.action, proposal.by, ticket)

    async def _approve(self, approval: Approval, ticket: Ticket[Decision]) -> None:
        # Another approval or proposal may have been served since the validator accepted this one.
        proposal = self._queue.check_approval(approval)
        found = await self._case.look()
        self._queue.withdraw()
        self._check(proposal, found)
        await self._note(CaseEvent.APPROVED, proposal.action, approval.by, proposal.reason)
        await self._carried_out(await self._case.carry_out(proposal, found), proposal.action, approval.by, ticket)

    async def _carried_out(self, done: CarriedOut, action: ReviewAction, by: str, ticket: Ticket[Decision]) -> None:
        if not self._case.is_open:
            self._queue.close()
        await self._note(CaseEvent.CARRIED_OUT, action, by, self._case.state)
        ticket.answer = lambda: self._case.decision(done.message)
        if done.then is not None:
            await done.then()

    def _check(self, proposal: Proposal, found: F) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if why := self._case.refusal(proposal, found):
            refuse(why)

    async def _note(self, event: CaseEvent, action: ReviewAction, by: str, reason: str) -> None:
        """Record in our database what was done with the case."""
        owner, at = self._case.owner, workflow.now()
        note = NoteCase(
            **owner.step(),
            refund_no=self._case.refund_no,
            event=event,
            action=action,
            by=by,
            reason=reason,
            at=at,
        )
        summary = f"人工核查: {event.value} {action.value}"
        await owner.steps.first_local(RecordActivities.record_case_event, note, limits.RECORD_BUDGET, summary)
