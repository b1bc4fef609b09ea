"""The state of one refund: its reservation, its end, and what the Temporal UI shows."""

from temporalio import workflow

from activities.contract.base import StepStart
from activities.contract.refunds import EndRefund, RefundActivities
from domain.attention import AttentionReason
from domain.refunds import RefundEnd, RefundStart, Reserved, ReviewedRefund
from domain.reviews import Proposal, Waiting
from domain.states import REFUND_TRANSITIONS, RefundState
from domain.values.china_time import to_china
from domain.values.fen import Fen
from workflows import search_attributes as sa
from workflows.calls import Steps
from workflows.limits import RECORD_BUDGET, REFUND_SENDS_MAX


class RefundProgress:
    """A refund's mutable state. The workflow's steps change it by the methods below; handlers only read it."""

    def __init__(self, start: RefundStart) -> None:
        self.order = start.order
        self.terms = start.terms
        self.state = RefundState.PROPOSED if start.proposed else RefundState.REFUNDING
        self.end: RefundEnd | None = None
        self.steps = Steps(start.terms, lambda: None)
        self.sends_max = REFUND_SENDS_MAX
        """How often 6203 may be sent in all."""
        self._reserved: Reserved | None = None
        if start.reviewed is not None:
            self._restore(start.reviewed)

    def _restore(self, reviewed: ReviewedRefund) -> None:
        """Go on with the review of an earlier run."""
        self.state, self.end = reviewed.end.state, reviewed.end
        self.sends_max, self._reserved = reviewed.sends_max, reviewed.reserved
        self.steps.count_from(reviewed.steps, 0)

    @property
    def decided(self) -> bool:
        """Whether waiting callers can be answered: the refund has ended or is under review."""
        return self.state not in {RefundState.PROPOSED, RefundState.REFUNDING}

    @property
    def amount_fen(self) -> Fen | None:
        """The cash to refund. None: all that is left, which is not known before the reservation."""
        return self.order.amount_fen if self._reserved is None else self._reserved.parts.own_pay_fen

    @property
    def reserved(self) -> Reserved:
        if self._reserved is None:
            raise AssertionError("nothing is reserved")
        return self._reserved

    def step(self) -> StepStart:
        """The fields that every activity's argument starts with."""
        return {"hospital": self.order.hospital, "med_org_ord": self.order.med_org_ord}

    def parts_reserved(self, reserved: Reserved) -> None:
        self._reserved = reserved

    def one_send_more(self) -> int:
        """Two people have decided that 6203 is sent once more; how often it may be sent in all."""
        self.sends_max += 1
        return self.sends_max

    def next_run(self, waiting: Waiting | None) -> RefundStart:
        """The start of a run that goes on with the review of this one."""
        if self.end is None:
            raise AssertionError("a review without its reason")
        reviewed = ReviewedRefund(
            reserved=self.reserved, end=self.end, sends_max=self.sends_max, steps=self.steps.taken()
        )
        return RefundStart(order=self.order, terms=self.terms, reviewed=reviewed, waiting=waiting)

    def approved(self, proposal: Proposal) -> None:
        """REFUNDING: a second person has approved it, with the payAuthNo and for the reason that were proposed last."""
        self.order = self.order.model_copy(update={"pay_auth_no": proposal.pay_auth_no, "reason": proposal.reason})
        self.begun()

    def begun(self) -> None:
        """REFUNDING."""
        self._may_enter(RefundState.REFUNDING)
        self.state = RefundState.REFUNDING
        updates = sa.state_updates(self.state, workflow.now())
        workflow.upsert_search_attributes([*updates, *sa.NO_ATTENTION])

    async def record(self, end: RefundEnd) -> None:
        """Write `end` to our records, then enter it."""
        step = EndRefund(**self.step(), refund_no=self.order.refund_no, end=end)
        await self.steps.first_local(RefundActivities.end_refund, step, RECORD_BUDGET, f"记录 {end.state.value}")
        self.enter(end)

    def enter(self, end: RefundEnd) -> None:
        """Enter `end`, which is recorded already. One with a note needs attention. A forbidden transition is a bug."""
        self._may_enter(end.state)
        updates = sa.state_updates(end.state, workflow.now())
        if end.note:
            updates += sa.attention_updates(end.note)
        elif self.state in {RefundState.PROPOSED, RefundState.IN_REVIEW}:
            updates += sa.NO_ATTENTION
        self.state, self.end = end.state, end
        workflow.upsert_search_attributes(updates)
        self.show(end.message)

    def _may_enter(self, state: RefundState) -> None:
        if state not in REFUND_TRANSITIONS[self.state]:
            raise AssertionError(f"{state} may not follow {self.state}")

    def want_attention(self, reason: AttentionReason) -> None:
        """Set NeedsAttention."""
        workflow.upsert_search_attributes(sa.attention_updates(reason.value))

    def clear_attention(self) -> None:
        """Clear NeedsAttention."""
        workflow.upsert_search_attributes(list(sa.NO_ATTENTION))

    def show(self, waiting_for: str) -> None:
        """Show in the Temporal UI what the refund waits for, and since when (China time)."""
        lines = [f"**{self.state.value}** {waiting_for}", f"- 自 {to_china(workflow.now())} 起"]
        if self.end is not None and self.end.note:
            lines.append(f"- 原因 {self.end.note}")
        workflow.set_current_details("\n".join(lines))
