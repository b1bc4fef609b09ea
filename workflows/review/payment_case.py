"""IN_REVIEW: people look, propose and approve; the story asks both sides and acts, one wish at a time (rule 15)."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.attention import AttentionReason
from domain.fen import Fen
from domain.reviews import (
    ALONE,
    Approval,
    CaseEvent,
    Decision,
    Proposal,
    Proposed,
    ReviewAction,
    ReviewFacts,
    ReviewView,
    clear_by_now,
    refused_actions,
)
from workflows.payment.inbox import SettleInbox
from workflows.payment.progress import Progress
from workflows.review.notes import note
from workflows.review.payment_actions import ActionRefused, ReviewActions
from workflows.review.payment_facts import Findings, look
from workflows.review.queue import AnyTicket, ReviewQueue

_NO_AUTHORISATION = "退费须提供患者新的支付授权码(payAuthNo)"


class ReviewSteps:
    """From IN_REVIEW to an end, or back into the story at PAID; or to another case, where an action failed."""

    def __init__(self, progress: Progress, settle_desk: SettleInbox, desk: ReviewQueue) -> None:
        self._progress = progress
        self._settle_desk = settle_desk
        self._desk = desk
        self._actions = ReviewActions(progress, desk)
        self._opened_at = workflow.now()

    async def run(self) -> None:
        self._desk.is_open = True
        while self._desk.is_open:
            await workflow.wait_condition(lambda: self._desk.is_waited_for)
            if self._desk.inspecting:
                await self._show()
            else:
                await self._serve(self._desk.deciding.pop(0))

    async def _show(self) -> None:
        """One answer for everybody who looks at this moment."""
        looking, self._desk.inspecting = self._desk.inspecting, []
        view = self._view((await self._look()).facts)
        for ticket in looking:
            ticket.answer = lambda: view

    async def _serve(self, ticket: AnyTicket) -> None:
        try:
            if isinstance(ticket.wish, Proposal):
                await self._propose(ticket, ticket.wish)
            else:
                await self._approve(ticket, ticket.wish)
        except ActionRefused as refused:
            await note(self._progress, CaseEvent.REFUSED, ticket.wish.action, ticket.wish.by, refused.message)
            ticket.refuse(refused.message)
            self._progress.tell(self._message)
        except ApplicationError as refused:
            ticket.refusal = refused

    async def _propose(self, ticket: AnyTicket, wish: Proposal) -> None:
        findings = await self._look()
        if wish.action in ALONE:
            await self._ask_again(ticket, wish, findings)
            return
        self._check(wish, findings.facts)
        await note(self._progress, CaseEvent.PROPOSED, wish.action, wish.by, wish.reason)
        self._desk.wish = wish
        self._desk.proposed = Proposed(action=wish.action, by=wish.by, reason=wish.reason, at=workflow.now())
        self._progress.tell(f"人工核查: 已提议 {wish.action.value}, 待另一人复核")
        waiting = Decision(state=self._progress.state.value, message="已提议, 待另一人复核", waiting=True)
        ticket.answer = lambda: waiting

    async def _approve(self, ticket: AnyTicket, word: Approval) -> None:
        # Another approval or proposal may have been served since this one was let in.
        self._desk.check_approval(word)
        findings = await self._look()
        wish = self._desk.take_proposal()
        self._check(wish, findings.facts)
        await note(self._progress, CaseEvent.APPROVED, wish.action, word.by, wish.reason)
        await self._actions.carry_out(ticket, wish, word.by, findings)

    async def _ask_again(self, ticket: AnyTicket, wish: Proposal, findings: Findings) -> None:
        state = clear_by_now(AttentionReason(self._reason), findings.facts)
        if state is None or not await self._actions.follow_the_rules(ticket, wish, state, findings):
            stays = Decision(
                state=self._progress.state.value, message=f"已重新查询, 仍需人工决定: {_said(findings.facts)}"
            )
            await note(self._progress, CaseEvent.CARRIED_OUT, wish.action, wish.by, stays.state)
            ticket.answer = lambda: stays

    def _check(self, wish: Proposal, facts: ReviewFacts) -> None:
        """Raises `ActionRefused`."""
        why = refused_actions(facts, workflow.now()).get(wish.action, "")
        if not why and wish.action is ReviewAction.REFUND and not facts.went_back and not wish.pay_auth_no:
            why = _NO_AUTHORISATION
        if why:
            raise ActionRefused(why)

    async def _look(self) -> Findings:
        return await look(self._progress, self._settle_desk.offered_visit())

    def _view(self, facts: ReviewFacts) -> ReviewView:
        return ReviewView(
            reason=self._reason,
            message=self._message,
            opened_at=self._opened_at,
            deadline=self._deadline,
            at_risk_fen=self._at_risk_fen(facts),
            facts=facts,
            refused=refused_actions(facts, workflow.now()),
            proposed=self._desk.proposed,
        )

    @property
    def _reason(self) -> str:
        return self._progress.end.note if self._progress.end is not None else ""

    @property
    def _message(self) -> str:
        return self._progress.end.message if self._progress.end is not None else ""

    @property
    def _deadline(self) -> datetime | None:
        settlement = self._progress.settlement
        return settlement.reversal_deadline if settlement is not None else None

    def _at_risk_fen(self, facts: ReviewFacts) -> Fen:
        """What the centre holds or may hold. Nothing once all of it is back."""
        if facts.went_back and not facts.settlement_no:
            return Fen(0)
        return facts.settled.fee_sum_fen if facts.settled is not None else self._progress.order.total_fen


def _said(facts: ReviewFacts) -> str:
    centre = "医保中心未答复" if facts.ord_stas is None else f"医保中心 ordStas {facts.ord_stas}"
    if not facts.his_answers:
        return f"{centre}, 医院未答复"
    return f"{centre}, 医院{'已入账' if facts.settlement_no else '未入账'}"
