"""Serves a review's requests one at a time, and asks both sides again for each (product rule 15)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.contract.base import StepStart
from activities.contract.records import NoteCase, RecordActivities, UseCommand
from domain.base import Frozen
from domain.orders import PaymentTerms
from domain.reviews import (
    ALONE,
    COMMAND_REFUSED,
    Approval,
    CaseEvent,
    Command,
    CommandVerdict,
    Decision,
    Proposal,
    ReviewView,
    Waiting,
)
from workflows import limits
from workflows.calls import Steps
from workflows.review.queue import ReviewQueue, Ticket, refuse

F = TypeVar("F")
"""What both sides say about a case now."""


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

    async def next_run(self, waiting: Waiting | None) -> Frozen:
        """The start of a run that goes on with this case, and with the proposal that waits in it."""


class Review(Generic[F]):
    """Serves one case's queue until the case is decided or followed by another one."""

    def __init__(
        self, queue: ReviewQueue, case: Case[F], sleeper: Sleeper | None = None, until: datetime | None = None
    ) -> None:
        """`sleeper`: what may be woken meanwhile, because its row is ahead; None: nobody wakes this workflow.

        `until`: when the case is over although nobody has decided it.
        """
        self._queue = queue
        self._case = case
        self._sleeper = sleeper
        self._until = until

    async def run(self) -> None:
        queue, sleeper = self._queue, self._sleeper
        queue.is_open = True
        while queue.is_open:
            if not await self._something_to_do():
                queue.close()
            elif sleeper is not None and sleeper.woken:
                await sleeper.look_at_record()
            elif queue.looks:
                await self._serve_looks()
            elif queue.requests:
                await self._serve(*queue.requests.pop(0))
            else:
                await self._go_on_in_a_new_run()

    async def _something_to_do(self) -> bool:
        """False: the time is over."""
        left = None if self._until is None else self._until - workflow.now()
        if left is not None and left <= timedelta(0):
            return False
        try:
            await workflow.wait_condition(self._is_called, timeout=left)
        except asyncio.TimeoutError:  # noqa: UP041 - what the SDK raises, in every version of Python
            return False
        return True

    def _is_called(self) -> bool:
        queue, sleeper = self._queue, self._sleeper
        return bool(queue.looks or queue.requests) or (sleeper is not None and sleeper.woken) or self._may_begin_anew()

    def _may_begin_anew(self) -> bool:
        """Whether this run has taken so much that it should end, and everybody has been answered."""
        is_near = self._queue.is_full or workflow.info().is_continue_as_new_suggested()
        return self._until is None and is_near and workflow.all_handlers_finished()

    async def _go_on_in_a_new_run(self) -> None:
        """Temporal takes only so many updates of a run: a case that waits for long must not come to its last one."""
        self._queue.is_full = True
        start = await self._case.next_run(self._queue.waiting)
        if self._may_begin_anew():
            workflow.continue_as_new(start)

    async def _serve_looks(self) -> None:
        """One answer for everybody who is looking at this moment."""
        looking, self._queue.looks = self._queue.looks, []
        found, waiting = await self._case.look(), self._queue.waiting
        proposed = waiting.shown() if waiting is not None else None
        view = self._case.view(found).model_copy(update={"proposed": proposed})
        for ticket in looking:
            ticket.answer = lambda: view

    async def _serve(self, request: Proposal | Approval, ticket: Ticket[Decision]) -> None:
        try:
            await self._use(request, ticket.update_id)
            if isinstance(request, Proposal):
                await self._propose(request, ticket)
            else:
                await self._approve(request, ticket)
        except ApplicationError as refused:
            await self._note(CaseEvent.REFUSED, request, request.by, refused.message)
            ticket.refusal = refused
            self._case.owner.show(self._case.message)

    async def _use(self, command: Command, update_id: str) -> None:
        """Use the command's number. Raises `ApplicationError` ACTION_REFUSED unless it is new.

        What the database says stands in the history: a replay of it says the same.
        """
        owner = self._case.owner
        step = UseCommand(**owner.step(), command=command.number, expires_at=command.expires_at, update_id=update_id)
        used = await owner.steps.first_local(
            RecordActivities.use_command, step, limits.RECORD_BUDGET, "人工核查: 核对操作编号 (used once)"
        )
        if used is not CommandVerdict.ACCEPTED:
            refuse(COMMAND_REFUSED[used])

    async def _propose(self, proposal: Proposal, ticket: Ticket[Decision]) -> None:
        found = await self._case.look()
        if proposal.action in ALONE:
            await self._ask_again(proposal, ticket, found)
            return
        self._check(proposal, found)
        waiting = self._queue.propose(proposal)
        if waiting is proposal:
            await self._note(CaseEvent.PROPOSED, proposal, proposal.by, proposal.reason)
        self._case.owner.show(f"人工核查: 已提议 {proposal.action.value}, 待另一人复核")
        decision = Decision(
            state=self._case.state, message="已提议, 待另一人复核", waiting=True, proposal=waiting.number
        )
        ticket.answer = lambda: decision

    async def _ask_again(self, proposal: Proposal, ticket: Ticket[Decision], found: F) -> None:
        done = await self._case.follow_the_rules(found)
        if done is None:
            done = CarriedOut(f"已重新查询, 仍需人工决定: {self._case.still_open(found)}")
        await self._carried_out(done, proposal, proposal.by, ticket)

    async def _approve(self, approval: Approval, ticket: Ticket[Decision]) -> None:
        # Another approval or proposal may have been served since the validator accepted this one.
        proposal = self._queue.check_approval(approval)
        found = await self._case.look()
        self._queue.withdraw()
        self._check(proposal, found)
        await self._note(CaseEvent.APPROVED, proposal, approval.by, proposal.reason)
        await self._carried_out(await self._case.carry_out(proposal, found), proposal, approval.by, ticket)

    async def _carried_out(self, done: CarriedOut, proposal: Proposal, by: str, ticket: Ticket[Decision]) -> None:
        if not self._case.is_open:
            self._queue.close()
        await self._note(CaseEvent.CARRIED_OUT, proposal, by, self._case.state)
        ticket.answer = lambda: self._decision(done.message, proposal)
        if done.then is not None:
            await done.then()

    def _decision(self, message: str, proposal: Proposal) -> Decision | None:
        decision = self._case.decision(message)
        return decision and decision.model_copy(update={"proposal": _id_of(proposal)})

    def _check(self, proposal: Proposal, found: F) -> None:
        """Raises `ApplicationError` ACTION_REFUSED."""
        if why := self._case.refusal(proposal, found):
            refuse(why)

    async def _note(self, event: CaseEvent, about: Proposal | Approval, by: str, reason: str) -> None:
        """Record in our database what was done with the case."""
        owner, at = self._case.owner, workflow.now()
        note = NoteCase(
            **owner.step(),
            refund_no=self._case.refund_no,
            event=event,
            action=about.action,
            by=by,
            reason=reason,
            at=at,
            proposal=_id_of(about),
        )
        summary = f"人工核查: {event.value} {about.action.value}"
        await owner.steps.first_local(RecordActivities.record_case_event, note, limits.RECORD_BUDGET, summary)


def _id_of(about: Proposal | Approval) -> str:
    """The id of the proposal; empty for what one person does alone."""
    if isinstance(about, Approval):
        return about.proposal
    return "" if about.action in ALONE else about.number
