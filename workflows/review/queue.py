"""The review queue, for payments and refunds alike: who looks, who proposes, who approves (product rule 15).

Handlers put people's wishes down and wait; the story takes them up, one at a time, and asks the sides anew each time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NoReturn, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.contract import NoteCase, RecordActivities, StepStart
from domain.errors import ErrorCode
from domain.orders import PaymentTerms
from domain.reviews import (
    ALONE,
    Approval,
    CaseEvent,
    Decision,
    Proposal,
    Proposed,
    ReviewAction,
    ReviewView,
)
from workflows import limits
from workflows.calls import local_then_remote

A = TypeVar("A")
F = TypeVar("F")
"""What the sides say of a case, asked live."""

Wish = Proposal | Approval


def _not_yet() -> None:
    """No answer."""


@dataclass
class Ticket(Generic[A]):
    """One wish. `answer` is asked for its outcome until there is one; `refusal` is the answer no."""

    answer: Callable[[], A | None] = _not_yet
    refusal: ApplicationError | None = None

    async def answered(self) -> A:
        """Wait for the story. Raises `ApplicationError`."""
        await workflow.wait_condition(lambda: self.refusal is not None or self.answer() is not None)
        if self.refusal is not None:
            raise self.refusal
        answer = self.answer()
        if answer is None:
            raise AssertionError("an answer was taken back")
        return answer


@dataclass
class ReviewQueue:
    """Wishes that wait, and the proposal that waits for a second person. `subject`: what is reviewed, in Chinese."""

    subject: str
    is_open: bool = False
    proposal: Proposal | None = None
    proposed: Proposed | None = None
    looks: list[Ticket[ReviewView]] = field(default_factory=list)
    wishes: list[tuple[Wish, Ticket[Decision]]] = field(default_factory=list)
    looks_count: int = 0

    async def inspect(self) -> ReviewView:
        """Raises `ApplicationError`."""
        self.looks_count += 1
        self.looks.append(ticket := Ticket[ReviewView]())
        return await ticket.answered()

    async def decide(self, wish: Wish) -> Decision:
        """Raises `ApplicationError`."""
        self.wishes.append((wish, ticket := Ticket[Decision]()))
        return await ticket.answered()

    def demand_case(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if not self.is_open:
            refuse(self._no_case)

    def check_look(self) -> None:
        """Raises `ApplicationError` ACTION_REFUSED, RATE_LIMITED."""
        self.demand_case()
        if self.looks_count >= limits.REVIEW_LOOKS_MAX:
            message = f"该{self.subject}核查查询次数过多, 只能再作决定"
            raise ApplicationError(message, type=ErrorCode.RATE_LIMITED.value)

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
        over = ApplicationError(self._no_case, type=ErrorCode.ACTION_REFUSED.value)
        for look in self.looks:
            look.refusal = over
        for _, decision in self.wishes:
            decision.refusal = over
        self.looks, self.wishes = [], []

    @property
    def _no_case(self) -> str:
        return f"该{self.subject}不在人工核查中"


def refuse(message: str) -> NoReturn:
    """Raises `ApplicationError` ACTION_REFUSED."""
    raise ApplicationError(message, type=ErrorCode.ACTION_REFUSED.value)


class ReviewHandlers:
    """The updates of a workflow with a review queue. The story that serves `_review` is the workflow's own."""

    _review: ReviewQueue

    @workflow.update
    async def inspect(self) -> ReviewView:
        """What each side says now, and what is safe. ACTION_REFUSED where there is no case."""
        return await self._review.inspect()

    @inspect.validator
    def _may_inspect(self) -> None:
        self._review.check_look()

    @workflow.update
    async def propose(self, proposal: Proposal) -> Decision:
        """Ask again at once, or put an action before a second person. ACTION_REFUSED with the reason."""
        return await self._review.decide(proposal)

    @propose.validator
    def _may_propose(self, proposal: Proposal) -> None:  # noqa: ARG002 - what is safe only the other sides know
        self._review.demand_case()

    @workflow.update
    async def approve(self, approval: Approval) -> Decision:
        """Carry out what another person proposed, if it is still safe. ACTION_REFUSED, FORBIDDEN with the reason."""
        return await self._review.decide(approval)

    @approve.validator
    def _may_approve(self, approval: Approval) -> None:
        self._review.check_approval(approval)


class Owner(Protocol):
    """The payment or refund that is reviewed, as its workflow keeps it."""

    terms: PaymentTerms

    def step(self) -> StepStart:
        """The start of an activity's argument."""

    def tell(self, waiting_for: str) -> None:
        """Show in the Temporal UI what it waits for."""


@dataclass(frozen=True)
class CarriedOut:
    """What came of an action. `then`: what is left to do once the person is told."""

    message: str = ""
    """For the person; empty where the payment's story has to say it first."""
    then: Callable[[], Awaitable[None]] | None = None


class Case(Protocol[F]):
    """What the queue has to know of whatever is under review."""

    @property
    def owner(self) -> Owner:
        """Who is reviewed."""

    @property
    def refund_no(self) -> str:
        """Empty where the case is the payment itself."""

    @property
    def state(self) -> str:
        """Where the payment or refund stands."""

    @property
    def is_open(self) -> bool:
        """Whether it is still this case that a person must decide."""

    @property
    def message(self) -> str:
        """What the case waits for."""

    async def look(self) -> F:
        """Ask every side, each within the look's budget."""

    def view(self, found: F) -> ReviewView:
        """The case as a person sees it, but for what is proposed."""

    def refusal(self, wish: Proposal, found: F) -> str:
        """Why the wish is not safe on what was found, in Chinese; empty where it is."""

    async def follow_the_rules(self, found: F) -> CarriedOut | None:
        """Do what is clear by now. None: it is still a person's to decide."""

    async def carry_out(self, wish: Proposal, found: F) -> CarriedOut:
        """Do what two people want. Raises `ApplicationError` ACTION_REFUSED, and nothing has changed."""

    def still_open(self, found: F) -> str:
        """What a person who asked again is told where nothing is clear."""

    def decision(self, message: str) -> Decision | None:
        """The answer, once there is one."""


class Review(Generic[F]):
    """Serves one case's queue until the case is decided, or has become another one."""

    def __init__(self, queue: ReviewQueue, case: Case[F]) -> None:
        self._queue = queue
        self._case = case

    async def run(self) -> None:
        queue = self._queue
        queue.is_open = True
        while queue.is_open:
            await workflow.wait_condition(lambda: bool(queue.looks or queue.wishes))
            if queue.looks:
                await self._show()
            else:
                await self._serve(*queue.wishes.pop(0))

    async def _show(self) -> None:
        """One answer for everybody who looks at this moment."""
        looking, self._queue.looks = self._queue.looks, []
        view = self._case.view(await self._case.look()).model_copy(update={"proposed": self._queue.proposed})
        for ticket in looking:
            ticket.answer = lambda: view

    async def _serve(self, wish: Wish, ticket: Ticket[Decision]) -> None:
        try:
            if isinstance(wish, Proposal):
                await self._propose(wish, ticket)
            else:
                await self._approve(wish, ticket)
        except ApplicationError as refused:
            await self._note(CaseEvent.REFUSED, wish.action, wish.by, refused.message)
            ticket.refusal = refused
            self._case.owner.tell(self._case.message)

    async def _propose(self, wish: Proposal, ticket: Ticket[Decision]) -> None:
        found = await self._case.look()
        if wish.action in ALONE:
            await self._ask_again(wish, ticket, found)
            return
        self._check(wish, found)
        await self._note(CaseEvent.PROPOSED, wish.action, wish.by, wish.reason)
        self._queue.propose(wish)
        self._case.owner.tell(f"人工核查: 已提议 {wish.action.value}, 待另一人复核")
        waiting = Decision(state=self._case.state, message="已提议, 待另一人复核", waiting=True)
        ticket.answer = lambda: waiting

    async def _ask_again(self, wish: Proposal, ticket: Ticket[Decision], found: F) -> None:
        done = await self._case.follow_the_rules(found)
        if done is None:
            done = CarriedOut(f"已重新查询, 仍需人工决定: {self._case.still_open(found)}")
        await self._carried_out(done, wish.action, wish.by, ticket)

    async def _approve(self, word: Approval, ticket: Ticket[Decision]) -> None:
        # Another approval or proposal may have been served since this one was let in.
        wish = self._queue.check_approval(word)
        found = await self._case.look()
        self._queue.withdraw()
        self._check(wish, found)
        await self._note(CaseEvent.APPROVED, wish.action, word.by, wish.reason)
        await self._carried_out(await self._case.carry_out(wish, found), wish.action, word.by, ticket)

    async def _carried_out(self, done: CarriedOut, action: ReviewAction, by: str, ticket: Ticket[Decision]) -> None:
        if not self._case.is_open:
            self._queue.close()
        await self._note(CaseEvent.CARRIED_OUT, action, by, self._case.state)
        ticket.answer = lambda: self._case.decision(done.message)
        if done.then is not None:
            await done.then()

    def _check(self, wish: Proposal, found: F) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if why := self._case.refusal(wish, found):
            refuse(why)

    async def _note(self, event: CaseEvent, action: ReviewAction, by: str, reason: str) -> None:
        """What people did goes into our records, beside the history."""
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
        await local_then_remote(RecordActivities.record_case_event, note, owner.terms, limits.RECORD_BUDGET, summary)
