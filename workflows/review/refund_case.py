"""A refund under review: the story asks the other sides and acts on people's wishes, until it is at an end."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.contract import (
    AskRefund,
    Booking,
    FindBooking,
    HisActivities,
    NoteCase,
    RecordActivities,
    RefundActivities,
)
from domain.errors import ErrorCode
from domain.ord_stas import RefundVerdict
from domain.refunds import RefundEnd, RefundLook
from domain.reviews import (
    ALONE,
    Approval,
    CaseEvent,
    Decision,
    Proposal,
    ReviewAction,
    ReviewFacts,
    ReviewView,
    refused_on_refund,
)
from domain.states import RefundState
from workflows import limits
from workflows.calls import Refusal, Unresolved, local_then_remote
from workflows.refund.progress import RefundProgress
from workflows.refund.steps import failed, send_6203
from workflows.review.refund_queue import RefundReviewQueue, Ticket, Wish, refuse


class RefundReview:
    """From IN_REVIEW to an end."""

    def __init__(self, progress: RefundProgress, desk: RefundReviewQueue) -> None:
        self._progress = progress
        self._desk = desk
        self._sends_max = limits.REFUND_SENDS_MAX
        self._opened_at = workflow.now()

    async def run(self) -> None:
        desk = self._desk
        desk.is_open = True
        while self._progress.state is RefundState.IN_REVIEW:
            await workflow.wait_condition(lambda: bool(desk.looks or desk.wishes))
            if desk.looks:
                await self._show()
            else:
                await self._serve(*desk.wishes.pop(0))
        desk.close()

    async def _show(self) -> None:
        """One answer for everybody who looks at this moment."""
        looking, self._desk.looks = self._desk.looks, []
        look, booking = await asyncio.gather(self._ask_centre(record=False), self._ask_his())
        view = self._view(look, booking)
        for ticket in looking:
            ticket.answer = view

    async def _serve(self, wish: Wish, ticket: Ticket[Decision]) -> None:
        try:
            if isinstance(wish, Proposal):
                ticket.answer = await self._propose(wish)
            else:
                ticket.answer = await self._approve(wish)
        except ApplicationError as refusal:
            await self._note(CaseEvent.REFUSED, wish.action, wish.by, refusal.message)
            ticket.refusal = refusal

    async def _propose(self, proposal: Proposal) -> Decision:
        if proposal.action in ALONE:
            return await self._ask_again(proposal)
        await self._check(proposal.action)
        await self._note(CaseEvent.PROPOSED, proposal.action, proposal.by, proposal.reason)
        self._desk.propose(proposal)
        self._progress.tell(f"人工核查: 已提议 {proposal.action.value}, 待另一人复核")
        return Decision(state=self._progress.state.value, message="已提议, 待另一人复核", waiting=True)

    async def _approve(self, approval: Approval) -> Decision:
        # Another approval may have been served since this one was let in.
        proposal = self._desk.check_approval(approval)
        self._desk.withdraw()
        await self._check(proposal.action)
        await self._note(CaseEvent.APPROVED, proposal.action, approval.by, proposal.reason)
        message = await self._carry_out(proposal)
        await self._note(CaseEvent.CARRIED_OUT, proposal.action, approval.by, self._progress.state.value)
        return Decision(state=self._progress.state.value, message=message)

    async def _ask_again(self, proposal: Proposal) -> Decision:
        look = await self._ask_centre(record=True)
        if look is not None and look.verdict is RefundVerdict.DONE:
            self._progress.enter(RefundEnd(state=self._progress.reserved.good_end))
            message = "医保中心显示已退费"
        else:
            message = f"已重新查询, 仍需人工决定: {_said(look)}"
        await self._note(CaseEvent.CARRIED_OUT, proposal.action, proposal.by, self._progress.state.value)
        return Decision(state=self._progress.state.value, message=message)

    async def _check(self, action: ReviewAction) -> None:
        """Raises `ApplicationError` ACTION_REFUSED for what is not safe on what the centre says now."""
        why = refused_on_refund(await self._ask_centre(record=False)).get(action)
        if why is not None:
            refuse(why)

    async def _carry_out(self, proposal: Proposal) -> str:
        """Do what two people want. What came of it, in words."""
        if proposal.action is ReviewAction.REFUND:
            return await self._refund_again(proposal)
        if proposal.action is ReviewAction.ACCEPT:
            await self._progress.record(RefundEnd(state=self._progress.reserved.good_end))
            return "已认定为已退费"
        message = "经人工核查, 该退款未办理; 如需退款请用新的退款单号(refundNo)"
        await self._progress.record(failed(ErrorCode.INSURANCE_UNAVAILABLE, message))
        return "已按未退费关闭"

    async def _refund_again(self, proposal: Proposal) -> str:
        """The same appRefdSn once more, with the patient's new payAuthNo if there is one."""
        progress = self._progress
        self._sends_max += 1
        try:
            await send_6203(progress, proposal.pay_auth_no or progress.order.pay_auth_no, self._sends_max)
        except Refusal as refusal:
            await progress.record(failed(refusal.code, refusal.message))
            return f"医保中心拒绝退费: {refusal.message}"
        except Unresolved:
            return "已再次发送, 结果仍未知, 仍需人工决定"
        progress.enter(RefundEnd(state=progress.reserved.good_end))
        return "已退费"

    async def _ask_centre(self, *, record: bool) -> RefundLook | None:
        """None: it does not answer."""
        progress = self._progress
        step = AskRefund(
            **progress.step(), refund_no=progress.order.refund_no, reserved=progress.reserved, record=record
        )
        try:
            return await local_then_remote(
                RefundActivities.ask_refund, step, progress.terms, limits.REVIEW_LOOK_BUDGET, "6301 核查: 查询医保订单"
            )
        except (Refusal, Unresolved):
            return None

    async def _ask_his(self) -> Booking | None:
        """None: it does not answer."""
        progress = self._progress
        step = FindBooking(
            **progress.step(),
            category=progress.reserved.category,
            patient_id=progress.reserved.patient_id,
            visit_id=None,
            record=False,
        )
        try:
            return await local_then_remote(
                HisActivities.find_booking, step, progress.terms, limits.REVIEW_LOOK_BUDGET, "HIS: 核查: 查询入账情况"
            )
        except (Refusal, Unresolved):
            return None

    async def _note(self, event: CaseEvent, action: ReviewAction, by: str, reason: str) -> None:
        progress, at = self._progress, workflow.now()
        note = NoteCase(
            **progress.step(),
            refund_no=progress.order.refund_no,
            event=event,
            action=action,
            by=by,
            reason=reason,
            at=at,
        )
        await local_then_remote(
            RecordActivities.record_case_event, note, progress.terms, limits.RECORD_BUDGET, f"记录核查 {event.value}"
        )

    def _view(self, look: RefundLook | None, booking: Booking | None) -> ReviewView:
        progress = self._progress
        return ReviewView(
            reason=progress.end.note if progress.end is not None else "",
            message=progress.end.message if progress.end is not None else "",
            opened_at=self._opened_at,
            deadline=None,
            at_risk_fen=progress.reserved.parts.total_fen,
            facts=ReviewFacts(
                ord_stas=look.ord_stas if look is not None else None,
                his_answers=booking is not None,
                settlement_no=booking.settlement_no if booking is not None else None,
                visit_id=booking.visit_id if booking is not None else None,
                reversible_until=None,
                went_back=look is not None and look.verdict is RefundVerdict.DONE,
            ),
            refused=refused_on_refund(look),
            proposed=self._desk.proposed,
        )


def _said(look: RefundLook | None) -> str:
    return "医保中心未答复" if look is None else f"医保中心 ordStas {look.ord_stas}"
