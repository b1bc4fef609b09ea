"""The state of one payment: its facts so far, and what the Temporal UI shows."""

from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from activities.contract.base import Step, StepStart
from activities.contract.records import RecordActivities, RecordLook
from domain.attention import ATTENTION, AttentionReason
from domain.bills import Bill, Patient
from domain.errors import ErrorCode
from domain.insurance import OrderReference, PreSettlement, Settlement, UploadedFees
from domain.orders import KnownPayment, PaymentEnd, PaymentStart
from domain.states import SETTLED_STATES, TERMINAL, PaymentState, has_reached, may_follow
from domain.values.china_time import to_china
from workflows import search_attributes as sa
from workflows.calls import Steps
from workflows.limits import RECORD_BUDGET

_NOT_SHOWN = frozenset({PaymentState.PRICED, PaymentState.FEE_UPLOADED, PaymentState.REGISTERED})
"""States that last only moments: nobody would search for them, and each upsert costs an event."""
_ELSEWHERE = AttentionReason.REFUNDED_ELSEWHERE


class Progress:
    """A payment's mutable state. The workflow's steps change it by the methods below; handlers only read or wake it."""

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
        """Whether we have sent a `register`, which may arrive late."""
        self.end: PaymentEnd | None = None
        self.finish_now = False
        """Whether to book without waiting for a settle call, since a review has decided so."""
        self.steps = Steps(start.terms, lambda: self.state)
        self._shown = sa.Shown()
        self.woken = False
        """Whether somebody saw that our row may be ahead of this workflow."""
        self.clear_up_due = False
        """Whether a reversal was found made: what follows one is still to do."""
        self.is_reopened = start.reopened is not None
        """Whether an earlier run of this payment has closed."""
        if start.reopened is not None:
            self._restore(start.reopened)

    def _restore(self, known: KnownPayment) -> None:
        """Continue from our row, where the earlier run ended."""
        self.accepted_at = known.accepted_at
        self.state = known.state
        self.end = known.end
        self.patient = known.patient
        self.uploaded = known.uploaded
        self.pre_settlement = known.pre_settlement
        self.visit_id = known.visit_id
        self.visit_is_ours = known.visit_is_ours
        self.settlement = known.settlement
        self.steps.count_from(known.steps, known.revision)
        if self.state in SETTLED_STATES or has_reached(self.state, PaymentState.RECEIVED):
            self.end = None

    @property
    def decided(self) -> bool:
        """Whether waiting callers can be answered: the payment has ended or is under review."""
        return self.state in TERMINAL or self.state is PaymentState.IN_REVIEW

    @property
    def reference(self) -> OrderReference:
        """How 6301 and 6401 identify this order. Available once 6201 has answered."""
        if self.uploaded is None or self.patient is None:
            raise AssertionError("no order at the centre yet")
        return OrderReference(
            pay_ord_id=self.uploaded.pay_ord_id,
            pay_token=self.uploaded.pay_token,
            id_no=self.order.id_no,
            user_name=self.patient.name,
        )

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

    def step(self) -> StepStart:
        """The fields that every activity's argument starts with."""
        return {"hospital": self.order.hospital, "med_org_ord": self.order.med_org_ord}

    def priced(self, bill: Bill) -> None:
        """PRICED: HIS's bill matches the order."""
        self.patient = bill.patient
        self._enter(PaymentState.PRICED)

    def fees_uploaded(self, uploaded: UploadedFees) -> None:
        """FEE_UPLOADED: the centre has the order (6201)."""
        self.uploaded = uploaded
        self._enter(PaymentState.FEE_UPLOADED)

    def order_placed(self, pre_settlement: PreSettlement) -> None:
        """PRE_SETTLED: the bill is split (6202), and the patient may pay."""
        self.pre_settlement = pre_settlement
        self._enter(PaymentState.PRE_SETTLED)
        self.show("等待患者付款和结果回写 (接口2)", pre_settlement.window_ends_at)

    def money_seen(self, settlement: Settlement | None) -> None:
        """The centre has settled (6301). The state does not change yet."""
        self.settlement = settlement

    def paid(self) -> None:
        """PAID: the settlement matches the pre-settlement."""
        self._enter(PaymentState.PAID)
        self.show("等待医院信息系统入账", self.settled_by_centre.reversal_deadline)

    def visit_agreed(self, visit_id: str | None) -> None:
        """The visit to book: the caller's, or one that HIS has. None: there is none yet."""
        self.visit_id = visit_id

    def visit_found(self, visit_id: str, *, ours: bool) -> None:
        """HIS has a visit for this payment. `ours`: made by our `register`."""
        self.visit_id, self.visit_is_ours = visit_id, ours

    def register_leaves(self) -> None:
        """A `register` is about to be sent."""
        self.register_sent = True

    def registered(self, visit_id: str) -> None:
        """REGISTERED: HIS has made our visit."""
        self.visit_found(visit_id, ours=True)
        self._enter(PaymentState.REGISTERED)

    def visit_cancelled(self) -> None:
        """HIS has cancelled our visit."""
        self.visit_id, self.visit_is_ours = None, False

    def adopt(self, known: KnownPayment) -> None:
        """Go on from our row, which is ahead: a task of this workflow was lost after it had written there."""
        reviewed = self.state is PaymentState.IN_REVIEW
        self._restore(known)
        self.register_sent = self.register_sent or known.register_sent
        self.finish_now = self.finish_now or reviewed or self.state is PaymentState.REGISTERED
        self.clear_up_due = self.state is PaymentState.REVERSED
        self._show_state(reviewed=reviewed)
        self.show("从记录恢复 (restored from the record)")

    def wake(self) -> None:
        """Our row may be ahead: have it looked at."""
        self.woken = True

    async def look_at_record(self) -> RecordLook:
        """Our row, which may be ahead of us on the happy path. Raises `Moved` if we must follow it elsewhere."""
        self.woken = False
        question = RecordActivities.look_at_record
        return await self.steps.first_local(question, Step(**self.step()), RECORD_BUDGET, "核对记录 (our record)")

    def cleared_up(self) -> None:
        """What follows a reversal is done."""
        self.clear_up_due = False

    def begin_again(self) -> None:
        """RECEIVED: every step of the pre-settlement is taken again, and gets its result."""
        self.state = PaymentState.RECEIVED
        self.steps.begin_again()

    def refunded_elsewhere(self, ord_stas: int) -> None:
        """The centre shows money back that our refunds do not explain: the state stays, and a person must look."""
        workflow.upsert_search_attributes(sa.attention_updates(_ELSEWHERE.value))
        self.show(f"{ATTENTION[_ELSEWHERE].message} (ordStas {ord_stas})")

    def settled(self) -> None:
        """SETTLED: HIS has written the settlement record."""
        self._enter(PaymentState.SETTLED)
        self.show("已结算")

    def reversing(self) -> None:
        """REVERSING: the money is being sent back."""
        self._enter(PaymentState.REVERSING)

    def resolved(self, state: PaymentState, settlement: Settlement, pre_settlement: PreSettlement) -> None:
        """A review has led to PAID, to be booked at once, or to SETTLED."""
        self.settlement, self.pre_settlement = settlement, pre_settlement
        self.finish_now = True
        if state is PaymentState.PAID:
            self.paid()
        else:
            self.settled()

    def finish(self, end: PaymentEnd) -> None:
        """Enter an end other than SETTLED, or IN_REVIEW, with the reason for callers and operators."""
        self.end = end
        self._enter(end.state)
        self.show(end.message)

    def show(self, waiting_for: str, until: datetime | None = None) -> None:
        """Show in the Temporal UI what the payment waits for, since when and until when (China time)."""
        lines = [f"**{self.state.value}** {waiting_for}", f"- 自 {to_china(workflow.now())} 起"]
        if until is not None:
            lines.append(f"- 至 {to_china(until)} 止")
        if self.settlement is not None and self.state is not PaymentState.SETTLED:
            lines.append(f"- 冲正期限 {to_china(self.settlement.reversal_deadline)}")
        if self.end is not None and self.end.note:
            lines.append(f"- 原因 {self.end.note}")
        workflow.set_current_details("\n".join(lines))

    def _enter(self, state: PaymentState) -> None:
        """Change the state. A forbidden transition is a bug: the workflow task then fails until a worker is fixed."""
        if not may_follow(self.state, state):
            raise AssertionError(f"{state} may not follow {self.state}")
        reviewed = self.state is PaymentState.IN_REVIEW
        self.state = state
        if self.end is not None and self.end.state is not state:
            self.end = None
        if state not in _NOT_SHOWN:
            self._show_state(reviewed=reviewed)

    def _show_state(self, *, reviewed: bool) -> None:
        """Show the state in Temporal's search attributes. `reviewed`: it was IN_REVIEW until now."""
        updates = [*(sa.NO_ATTENTION if reviewed else ()), *self._attributes()]
        if self.state is PaymentState.PAID and not reviewed and self.terms.paid_shown_after_ms:
            self._shown.write_if_it_lasts(updates, timedelta(milliseconds=self.terms.paid_shown_after_ms))
        else:
            self._shown.write(updates)

    def _attributes(self) -> list[SearchAttributeUpdate[Any]]:
        updates = sa.state_updates(self.state, workflow.now())
        if self.state is PaymentState.PRE_SETTLED and self.uploaded is not None:
            updates.append(sa.PAY_ORD_ID.value_set(self.uploaded.pay_ord_id))
        if self.state in {PaymentState.PAID, PaymentState.IN_REVIEW} and self.settlement is not None:
            updates.append(sa.REVERSAL_DEADLINE.value_set(self.settlement.reversal_deadline))
        if self.end is not None and (self.state is PaymentState.IN_REVIEW or self.end.note == _ELSEWHERE):
            updates += sa.attention_updates(self.end.note)
        return updates


def review(reason: AttentionReason) -> PaymentEnd:
    """IN_REVIEW for `reason`, as a `PaymentEnd`."""
    message = ATTENTION[reason].message
    return PaymentEnd(state=PaymentState.IN_REVIEW, code=ErrorCode.IN_REVIEW, message=message, note=reason.value)
