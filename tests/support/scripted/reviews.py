"""Payments under review for the workflow's own tests, and the people who decide them."""

from dataclasses import dataclass, field

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

from activities.contract.his import Booking
from domain.orders import Order, PaymentStart
from domain.reviews import CaseEvent, Command, Decision, Inspection, ReviewAction, ReviewView
from domain.states import PaymentState
from tests.support.scripted.activities import CENTRE_REFUSES, HIS_REFUSES, HIS_SILENT, paid, waiting
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.commands import approval, proposal
from tests.support.values.orders import settle_call, start
from workflows.payment.workflow import PaymentWorkflow

A = ReviewAction
BOOKED = Booking(settlement_no="S9")


@dataclass
class Case:
    """A payment under review, and the people who decide it."""

    work: PaymentsAtWork
    begun: PaymentStart
    proposals: dict[ReviewAction, str] = field(default_factory=dict)
    """By action: the id of the last proposal."""

    async def inspect(self) -> ReviewView:
        handle = self.work.handle(self.begun.order.workflow_id)
        accepted = WorkflowUpdateStage.ACCEPTED
        update = await handle.start_update(PaymentWorkflow.inspect, Inspection(), wait_for_stage=accepted)
        return await self.work.answer(update)

    async def propose(self, action: ReviewAction, by: str = "op", pay_auth_no: str = "") -> Decision:
        decision = await self.send("propose", proposal(action, by, pay_auth_no=pay_auth_no))
        self.proposals[action] = decision.proposal
        return decision

    async def approve(self, action: ReviewAction, by: str = "boss", step_s: int = 30) -> Decision:
        """Approve the last proposal of this action."""
        return await self.send("approve", approval(action, self.proposals.get(action, "none"), by), step_s)

    async def send(self, update: str, command: Command, step_s: int = 30, update_id: str | None = None) -> Decision:
        """A person's command, as it is written."""
        handle, accepted = self.work.handle(self.begun.order.workflow_id), WorkflowUpdateStage.ACCEPTED
        sent = await handle.start_update(update, command, wait_for_stage=accepted, id=update_id, result_type=Decision)
        return await self.work.answer(sent, step_s)

    async def decide(self, action: ReviewAction, pay_auth_no: str = "", step_s: int = 30) -> Decision:
        assert (await self.propose(action, pay_auth_no=pay_auth_no)).waiting
        return await self.approve(action, step_s=step_s)

    async def result(self) -> PaymentState:
        return await self.work.result(self.begun)

    @property
    def events(self) -> list[tuple[CaseEvent, str]]:
        return [(noted.event, noted.by) for noted in self.work.script.noted]


async def under_review(work: PaymentsAtWork, order: Order, reason: str, step_s: int = 120, **terms: object) -> Case:
    """Placed, then called for until it is under review for `reason`, as the script has it."""
    begun = start(order, **terms)
    await work.pre_settle(begun)
    with pytest.raises(WorkflowUpdateFailedError):
        await work.settle(settle_call(order), step_s)
    assert await work.attention(begun) == reason
    return Case(work, begun)


async def his_outcome_unknown(work: PaymentsAtWork, order: Order) -> Case:
    work.script.will("settle", HIS_SILENT)
    work.script.will("find_booking", Booking(), HIS_SILENT)
    work.script.will("ask_order", "paid")
    case = await under_review(work, order, "HIS_OUTCOME_UNKNOWN", his_retry_budget_s=60, reversal_window_s=600)
    work.script.will("find_booking", Booking())
    work.script.will("settle", Booking(settlement_no="S1"))
    return case


async def reversal_refused(work: PaymentsAtWork, order: Order) -> Case:
    work.script.will("settle", HIS_REFUSES)
    work.script.will("reverse", CENTRE_REFUSES)
    work.script.will("ask_order", "paid")
    return await under_review(work, order, "REVERSAL_REFUSED")


async def amounts_differ(work: PaymentsAtWork, order: Order) -> Case:
    await work.environment.sleep(0)
    differing = paid(await work.environment.get_current_time(), consistent=False)
    work.script.will("ask_order", differing)
    return await under_review(work, order, "AMOUNT_INCONSISTENT")


async def status(work: PaymentsAtWork, order: Order, ord_stas: int) -> Case:
    work.script.will("ask_order", waiting(ord_stas))
    return await under_review(work, order, f"ORDER_STATUS_{ord_stas}")
