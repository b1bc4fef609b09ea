"""The state of one refund: its reservation, its end, and what the Temporal UI shows."""

from temporalio import workflow

from activities.contract.base import StepStart
from activities.contract.refunds import EndRefund, RefundActivities
from domain.attention import AttentionReason
from domain.refunds import RefundEnd, RefundStart, Reserved
from domain.states import REFUND_TRANSITIONS, RefundState
from domain.values.china_time import to_china
from domain.values.fen import Fen
from workflows import search_attributes as sa
from workflows.calls import Steps
from workflows.limits import RECORD_BUDGET


class RefundProgress:
    """A refund's mutable state. The workflow's steps change it by the methods below; handlers only read it."""

    def __init__(self, start: RefundStart) -> None:
        self.order = start.order
        self.terms = start.terms
        self.state = RefundState.REFUNDING
        self.end: RefundEnd | None = None
        self.steps = Steps(start.terms, lambda: None)
        self._reserved: Reserved | None = None

    @property
    def decided(self) -> bool:
        """Whether waiting callers can be answered: the refund has ended or is under review."""
        return self.state is not RefundState.REFUNDING

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

    async def record(self, end: RefundEnd) -> None:
        """Write `end` to our records, then enter it."""
        step = EndRefund(**self.step(), refund_no=self.order.refund_no, end=end)
        await self.steps.first_local(RefundActivities.end_refund, step, RECORD_BUDGET, f"记录 {end.state.value}")
        self.enter(end)

    def enter(self, end: RefundEnd) -> None:
        """Enter `end`, which is recorded already. One with a note needs attention. A forbidden transition is a bug."""
        if end.state not in REFUND_TRANSITIONS[self.state]:
            raise AssertionError(f"{end.state} may not follow {self.state}")
        updates = sa.state_updates(end.state, workflow.now())
        if end.note:
            updates += sa.attention_updates(end.note)
        elif self.state is RefundState.IN_REVIEW:
            updates += sa.NO_ATTENTION
        self.state, self.end = end.state, end
        workflow.upsert_search_attributes(updates)
        self.show(end.message)

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
