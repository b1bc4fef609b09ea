"""A refund under review: what centre and HIS say about it now, what is safe, and what is done (product rule 15)."""

import asyncio
from dataclasses import dataclass

from temporalio import workflow

from activities.contract.his import Booking, FindBooking, HisActivities
from activities.contract.refunds import AskRefund, RefundActivities
from domain.errors import ErrorCode
from domain.ord_stas import RefundLook, RefundVerdict
from domain.refunds import RefundEnd, RefundStart
from domain.reviews import Decision, Proposal, ReviewAction, ReviewFacts, ReviewView, Waiting, refused_on_refund
from domain.states import RefundState
from workflows import limits
from workflows.calls import NotKept, Refusal, Unresolved
from workflows.refund.progress import RefundProgress
from workflows.refund.steps import failed, send_6203
from workflows.review.serving import CarriedOut


@dataclass(frozen=True)
class Findings:
    """What each side says. None: it does not answer."""

    look: RefundLook | None
    booking: Booking | None

    @property
    def went_back(self) -> bool:
        return self.look is not None and self.look.verdict is RefundVerdict.DONE


class RefundCase:
    """From IN_REVIEW to an end."""

    def __init__(self, progress: RefundProgress) -> None:
        self.owner = progress
        self.refund_no = progress.order.refund_no
        self._progress = progress
        self._opened_at = workflow.now()

    @property
    def state(self) -> str:
        return self._progress.state.value

    @property
    def is_open(self) -> bool:
        return self._progress.state is RefundState.IN_REVIEW

    @property
    def message(self) -> str:
        return self._progress.end.message if self._progress.end is not None else ""

    async def look(self) -> Findings:
        """Both sides, concurrently."""
        look, booking = await asyncio.gather(self._ask_centre(), self._ask_his())
        return Findings(look, booking)

    def view(self, found: Findings) -> ReviewView:
        progress, look, booking = self._progress, found.look, found.booking
        return ReviewView(
            reason=progress.end.note if progress.end is not None else "",
            message=self.message,
            opened_at=self._opened_at,
            deadline=None,
            at_risk_fen=progress.reserved.parts.total_fen,
            facts=ReviewFacts(
                ord_stas=look.ord_stas if look is not None else None,
                his_answers=booking is not None,
                settlement_no=booking.settlement_no if booking is not None else None,
                visit_id=booking.visit_id if booking is not None else None,
                reversible_until=None,
                went_back=found.went_back,
            ),
            refused=refused_on_refund(look),
            proposed=None,
        )

    def refusal(self, proposal: Proposal, found: Findings) -> str:
        return refused_on_refund(found.look).get(proposal.action, "")

    async def follow_the_rules(self, found: Findings) -> CarriedOut | None:
        if not found.went_back:
            return None
        await self._progress.record(RefundEnd(state=self._progress.reserved.good_end))
        return CarriedOut("医保中心显示已退费")

    async def carry_out(self, proposal: Proposal, found: Findings) -> CarriedOut:  # noqa: ARG002 - part of `Case`, for payments
        """Do what two people have decided."""
        if proposal.action is ReviewAction.REFUND:
            return CarriedOut(await self._refund_again(proposal))
        if proposal.action is ReviewAction.ACCEPT:
            await self._progress.record(RefundEnd(state=self._progress.reserved.good_end))
            return CarriedOut("已认定为已退费")
        message = "经人工核查, 该退款未办理; 如需退款请用新的退款单号(refundNo)"
        await self._progress.record(failed(Refusal(ErrorCode.INSURANCE_UNAVAILABLE, message)))
        return CarriedOut("已按未退费关闭")

    def still_open(self, found: Findings) -> str:
        return "医保中心未答复" if found.look is None else f"医保中心 ordStas {found.look.ord_stas}"

    def decision(self, message: str) -> Decision:
        return Decision(state=self.state, message=message)

    async def next_run(self, waiting: Waiting | None) -> RefundStart:
        """From this run's memory."""
        return self._progress.next_run(waiting)

    async def _refund_again(self, proposal: Proposal) -> str:
        """6203 once more with the same appRefdSn, and the patient's new payAuthNo if there is one."""
        progress = self._progress
        sends_max = progress.one_send_more()
        try:
            made = await send_6203(progress, proposal.pay_auth_no or progress.order.pay_auth_no, sends_max)
        except Refusal as refusal:
            await progress.record(failed(refusal))
            return f"医保中心拒绝退费: {refusal.message}"
        except (Unresolved, NotKept):
            return "已再次发送, 结果仍未知, 仍需人工决定"
        progress.enter(RefundEnd(state=made.state, note=made.note))
        return "已退费"

    async def _ask_centre(self) -> RefundLook | None:
        """6301. None: refused, or no answer."""
        progress = self._progress
        step = AskRefund(**progress.step(), refund_no=self.refund_no, reserved=progress.reserved)
        try:
            return await progress.steps.first_local(
                RefundActivities.ask_refund, step, limits.REVIEW_LOOK_BUDGET, "6301 核查: 查询医保订单"
            )
        except (Refusal, Unresolved):
            return None

    async def _ask_his(self) -> Booking | None:
        """None: refused, or no answer."""
        progress = self._progress
        step = FindBooking(
            **progress.step(),
            category=progress.reserved.category,
            patient_id=progress.reserved.patient_id,
            visit_id=None,
            record=False,
        )
        try:
            return await progress.steps.first_local(
                HisActivities.find_booking, step, limits.REVIEW_LOOK_BUDGET, "HIS: 核查: 查询入账情况"
            )
        except (Refusal, Unresolved):
            return None
