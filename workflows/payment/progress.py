"""Where one payment stands: the facts so far, its state, and what an operator sees of it in the Temporal UI."""

from datetime import datetime, timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from domain.bills import Patient
from domain.china_time import to_china
from domain.errors import ErrorCode
from domain.insurance import OrderReference, PreSettlement, Settlement, UploadedFees
from domain.orders import PaymentEnd, PaymentStart, Reopened
from domain.states import TERMINAL, PaymentState, may_follow
from workflows import search_attributes as sa
from workflows.showing import Showing

_UNSEEN = frozenset({PaymentState.PRICED, PaymentState.FEE_UPLOADED, PaymentState.REGISTERED})
"""States that pass within moments: an upsert each would cost an event and find nothing."""


_CALM: tuple[SearchAttributeUpdate[Any], ...] = (
    sa.NEEDS_ATTENTION.value_set(False),  # noqa: FBT003 - the SDK's signature
    sa.ATTENTION_REASON.value_unset(),
)
"""What a payment shows that nobody has to look after any more."""


class StepStart(TypedDict):
    hospital: str
    med_org_ord: str
    revision: int


class Progress:
    """The mutable heart of a payment. Only the story changes it; handlers read it."""

    def __init__(self, start: PaymentStart) -> None:
        self.order = start.order
        self.terms = start.terms
        self.accepted_at = workflow.info().workflow_start_time
        self.state = PaymentState.RECEIVED
        self.patient: Patient | None = None
        self.uploaded: UploadedFees | None = None
        self.pre_settlement: PreSettlement | None = None
        self.settlement: Settlement | None = None
        self.visit_id: str | None = start.order.visit_id
        self.visit_is_ours = False
        self.register_sent = False
        """Whether a `register` of ours has left: it may arrive late."""
        self.end: PaymentEnd | None = None
        self.finish_now = False
        """Whether booking waits for no caller any more: a person has decided it."""
        self._revision = 0
        self._showing = Showing()
        self.is_reopened = start.reopened is not None
        """Whether this run is not the payment's first."""
        if start.reopened is not None:
            self._restore(start.reopened)

    def _restore(self, known: Reopened) -> None:
        """Stand where the payment's first run ended, by our row."""
        self.accepted_at = known.accepted_at
        self.state = known.state
        self.end = known.end
        self.patient = known.patient
        self.uploaded = known.uploaded
        self.pre_settlement = known.pre_settlement
        self.visit_id = known.visit_id
        self.visit_is_ours = known.visit_is_ours
        self.settlement = known.settlement
        self._revision = known.counts_from(workflow.info().workflow_start_time)

    @property
    def decided(self) -> bool:
        """Whether a waiting caller can be told how it went: at an end, or in somebody's review queue."""
        return self.state in TERMINAL or self.state is PaymentState.IN_REVIEW

    @property
    def reference(self) -> OrderReference:
        """What 6301 and 6401 name this order by. Only once 6201 has answered."""
        if self.uploaded is None or self.patient is None:
            raise AssertionError("no order at the centre yet")
        return OrderReference(
            pay_ord_id=self.uploaded.pay_ord_id,
            pay_token=self.uploaded.pay_token,
            id_no=self.order.id_no,
            user_name=self.patient.name,
        )

    def step(self) -> StepStart:
        """The start of every activity's argument, with the number of the next thing that is asked to be written."""
        self._revision += 1
        return {"hospital": self.order.hospital, "med_org_ord": self.order.med_org_ord, "revision": self._revision}

    @property
    def pre_settled(self) -> PreSettlement:
        if self.pre_settlement is None:
            raise AssertionError("no pre-settlement yet")
        return self.pre_settlement

    @property
    def settled_by_centre(self) -> Settlement:
        if self.settlement is None:
            raise AssertionError("the centre has not settled yet")
        return self.settlement

    def enter(self, state: PaymentState) -> None:
        """Move on. A move that the state machine does not know is a bug: the task waits for a mended worker."""
        if not may_follow(self.state, state):
            raise AssertionError(f"{state} may not follow {self.state}")
        reviewed = self.state is PaymentState.IN_REVIEW
        self.state = state
        if self.end is not None and self.end.state is not state:
            self.end = None
        if state in _UNSEEN:
            return
        updates = [*self._attributes(), *(_CALM if reviewed else ())]
        if state is PaymentState.PAID and not reviewed and self.terms.paid_shown_after_ms:
            self._showing.if_it_lasts(updates, timedelta(milliseconds=self.terms.paid_shown_after_ms))
        else:
            self._showing.now(updates)

    def finish(self, end: PaymentEnd) -> None:
        """End short of SETTLED, or open a review, with the reason that callers and operators are given."""
        self.end = end
        self.enter(end.state)
        self.tell(end.message)

    def review(self, reason: str, message: str) -> PaymentEnd:
        """The end that hands this payment to a person. `reason` is an operator's word, searchable."""
        return PaymentEnd(state=PaymentState.IN_REVIEW, code=ErrorCode.IN_REVIEW, message=message, note=reason)

    def tell(self, waiting_for: str, until: datetime | None = None) -> None:
        """What the Temporal UI shows of a payment: what it waits for, since when, until when (China time)."""
        lines = [f"**{self.state.value}** {waiting_for}", f"- 自 {to_china(workflow.now())} 起"]
        if until is not None:
            lines.append(f"- 至 {to_china(until)} 止")
        if self.settlement is not None and self.state is not PaymentState.SETTLED:
            lines.append(f"- 冲正期限 {to_china(self.settlement.reversal_deadline)}")
        if self.end is not None and self.end.note:
            lines.append(f"- 原因 {self.end.note}")
        workflow.set_current_details("\n".join(lines))

    def _attributes(self) -> list[SearchAttributeUpdate[Any]]:
        updates: list[SearchAttributeUpdate[Any]] = [
            sa.PAYMENT_STATE.value_set(self.state.value),
            sa.PAYMENT_STATE_SINCE.value_set(workflow.now()),
        ]
        if self.state is PaymentState.PRE_SETTLED and self.uploaded is not None:
            updates.append(sa.PAY_ORD_ID.value_set(self.uploaded.pay_ord_id))
        if self.state in {PaymentState.PAID, PaymentState.IN_REVIEW} and self.settlement is not None:
            updates.append(sa.REVERSAL_DEADLINE.value_set(self.settlement.reversal_deadline))
        if self.state is PaymentState.IN_REVIEW and self.end is not None:
            updates.append(sa.NEEDS_ATTENTION.value_set(True))  # noqa: FBT003 - the SDK's signature
            updates.append(sa.ATTENTION_REASON.value_set(self.end.note))
        return updates
