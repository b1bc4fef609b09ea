"""A payment under review: what centre and HIS say about it now, and which actions are safe (product rule 15)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from temporalio import workflow

from activities.contract.base import Step
from activities.contract.centre import OrderAnswer, Recorded
from activities.contract.records import RecordActivities
from domain.attention import AttentionReason
from domain.insurance import RefundParts, Settlement, Split, paid_parts
from domain.ord_stas import money_is_back
from domain.orders import CashRefundedBy, Category, PaymentStart, Registers
from domain.reviews import (
    Decision,
    Proposal,
    ReviewAction,
    ReviewFacts,
    ReviewView,
    Waiting,
    clear_by_now,
    refused_actions,
)
from domain.values.fen import Fen
from workflows import limits
from workflows.payment.inbox import SettleInbox
from workflows.payment.progress import Progress
from workflows.payment.steps import ask_order, booking_question, find_booking, order_question
from workflows.review.payment_actions import PaymentActions
from workflows.review.serving import CarriedOut

_NO_AUTHORISATION = "退费须提供患者新的支付授权码(payAuthNo)"


@dataclass(frozen=True)
class Findings:
    """The facts, and the settlement that an action would use. None: the centre has never reported one."""

    facts: ReviewFacts
    settlement: Settlement | None


class PaymentCase:
    """From IN_REVIEW to an end, back to PAID, or to another case if an action fails.

    `leave`: closes the queue before an action that takes long.
    """

    refund_no = ""

    def __init__(self, progress: Progress, settle: SettleInbox, leave: Callable[[], None]) -> None:
        self.owner = progress
        self._progress = progress
        self._settle = settle
        self._opened_for = progress.end
        self._opened_at = workflow.now()
        self._actions = PaymentActions(progress, leave)

    @property
    def state(self) -> str:
        return self._progress.state.value

    @property
    def is_open(self) -> bool:
        return self._progress.end is self._opened_for

    @property
    def message(self) -> str:
        return self._opened_for.message if self._opened_for is not None else ""

    async def look(self) -> Findings:
        """Both sides, concurrently."""
        progress = self._progress
        centre = order_question(progress, _expected(progress), Recorded.NOTHING)
        his = booking_question(progress, None, record=False)
        budget = limits.REVIEW_LOOK_BUDGET
        answer, booking = await asyncio.gather(
            ask_order(centre, progress, budget, "6301 核查: 查询医保订单"),
            find_booking(his, progress, budget, "HIS: 核查: 查询入账情况"),
        )
        settlement = _settlement(progress, answer)
        settled = answer.status.split if answer is not None and answer.settlement is not None else None
        visit_id = (booking.visit_id if booking else None) or progress.visit_id
        offered_visit = self._settle.offered_visit()
        return Findings(
            settlement=settlement,
            facts=ReviewFacts(
                ord_stas=None if answer is None else answer.status.ord_stas,
                his_answers=booking is not None,
                settlement_no=booking.settlement_no if booking else None,
                visit_id=visit_id,
                reversible_until=_reversible_until(settlement),
                went_back=_went_back(progress, answer, settlement),
                settled=settled,
                same_amounts=answer is None or (answer.consistent and progress.pre_settlement is not None),
                adds_up=answer is None or answer.settlement is None or _adds_up(progress, settled),
                visit_missing=visit_id is None and offered_visit is None and _caller_registers(progress),
            ),
        )

    def view(self, found: Findings) -> ReviewView:
        settlement = self._progress.settlement
        return ReviewView(
            reason=self._reason,
            message=self.message,
            opened_at=self._opened_at,
            deadline=settlement.reversal_deadline if settlement is not None else None,
            at_risk_fen=self._at_risk_fen(found.facts),
            facts=found.facts,
            refused=refused_actions(found.facts, workflow.now()),
            proposed=None,
        )

    def refusal(self, proposal: Proposal, found: Findings) -> str:
        why = refused_actions(found.facts, workflow.now()).get(proposal.action, "")
        sends_refund = proposal.action is ReviewAction.REFUND and not found.facts.went_back
        return _NO_AUTHORISATION if not why and sends_refund and not proposal.pay_auth_no else why

    async def follow_the_rules(self, found: Findings) -> CarriedOut | None:
        state = clear_by_now(AttentionReason(self._reason), found.facts)
        if state is None or not await self._actions.bring_to(state, found.facts, found.settlement):
            return None
        return CarriedOut()

    async def carry_out(self, proposal: Proposal, found: Findings) -> CarriedOut:
        return await self._actions.carry_out(proposal, found.facts, found.settlement)

    def still_open(self, found: Findings) -> str:
        facts = found.facts
        centre = "医保中心未答复" if facts.ord_stas is None else f"医保中心 ordStas {facts.ord_stas}"
        if not facts.his_answers:
            return f"{centre}, 医院未答复"
        return f"{centre}, 医院{'已入账' if facts.settlement_no else '未入账'}"

    def decision(self, message: str) -> Decision | None:
        """Without a `message`, only once the workflow has reached an end or another case."""
        progress = self._progress
        if not message and not progress.decided:
            return None
        said = progress.end.message if progress.end is not None else "已结算"
        return Decision(state=progress.state.value, message=message or said)

    async def next_run(self, waiting: Waiting | None) -> PaymentStart:
        """From our row, as after a termination."""
        progress = self._progress
        known = await progress.steps.first_local(
            RecordActivities.known_payment, Step(**progress.step()), limits.RECORD_BUDGET, "读取记录 (our record)"
        )
        return PaymentStart(order=progress.order, terms=progress.terms, reopened=known, waiting=waiting)

    @property
    def _reason(self) -> str:
        return self._opened_for.note if self._opened_for is not None else ""

    def _at_risk_fen(self, facts: ReviewFacts) -> Fen:
        """What the centre has, or may have, been paid. Zero once all of it is back."""
        if facts.went_back and not facts.settlement_no:
            return Fen(0)
        return facts.settled.fee_sum_fen if facts.settled is not None else self._progress.order.total_fen


def _expected(progress: Progress) -> Split:
    """6202's split. If its answer was lost, only the total is known."""
    if progress.pre_settlement is not None:
        return progress.pre_settlement.split
    total_fen = progress.order.total_fen
    return Split(fee_sum_fen=total_fen, own_pay_fen=total_fen, psn_acct_fen=Fen(0), fund_fen=Fen(0))


def _adds_up(progress: Progress, settled: Split | None) -> bool:
    return settled is not None and settled.adds_up_to(progress.order.total_fen)


def _settlement(progress: Progress, answer: OrderAnswer | None) -> Settlement | None:
    """The centre's latest settlement, with the reversal deadline that we recorded first.

    A split that does not add up to TOTAL cannot be what was paid: 6202's replaces it, so that the money goes back in
    the parts that were paid.
    """
    known, said = progress.settlement, answer.settlement if answer is not None else None
    if said is None:
        return known
    if not said.split.adds_up_to(progress.order.total_fen) and progress.pre_settlement is not None:
        said = said.model_copy(update={"split": progress.pre_settlement.split})
    if known is None:
        return said
    first = {"trace_time": known.trace_time, "reversal_deadline": known.reversal_deadline}
    return said.model_copy(update=first | {"revs_token": said.revs_token or known.revs_token})


def _reversible_until(settlement: Settlement | None) -> datetime | None:
    return settlement.reversal_deadline if settlement is not None and settlement.revs_token else None


def _went_back(progress: Progress, answer: OrderAnswer | None, settlement: Settlement | None) -> bool:
    return answer is not None and money_is_back(answer.status.ord_stas, _to_give_back(progress, settlement))


def _to_give_back(progress: Progress, settlement: Settlement | None) -> RefundParts:
    """What the centre would have to refund: without the cash, if the channel refunds that."""
    paid = paid_parts(settlement.split if settlement is not None else _expected(progress))
    return (
        paid
        if progress.terms.cash_refunded_by is CashRefundedBy.CENTRE
        else paid.model_copy(update={"own_pay_fen": Fen(0)})
    )


def _caller_registers(progress: Progress) -> bool:
    registration = progress.order.category is Category.REGISTRATION
    return registration and progress.terms.registers is Registers.CALLER
