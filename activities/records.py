"""Writes to our own records that do not follow from a remote call."""

from temporalio import activity

from activities.contract.base import Step
from activities.contract.records import (
    GivenUp,
    GiveUp,
    NoteCase,
    RecordActivities,
    RecordEnd,
    RecordLook,
    RecordReversing,
    ResolveCase,
    UseCommand,
)
from activities.step_log import Decision, StepLog, move
from domain.errors import ErrorCode, PaymentError, Transaction
from domain.orders import KnownPayment, PaymentEnd
from domain.reviews import CommandVerdict
from domain.states import PaymentState
from storage.callers.commands import UsedBy
from storage.known import known_payment
from storage.records import CaseEventRecord, PaymentFacts
from storage.sealing import fit_to_keep


class Records(RecordActivities):
    def __init__(self, step_log: StepLog) -> None:
        self.keeper = self._steps = step_log

    async def record_end(self, step: RecordEnd) -> None:
        async with self._steps.deciding(step) as decision:
            await decision.unit.payments.receive(step.order, step.accepted_at)
            await write_end(decision, step, step.end)

    async def record_reversing(self, step: RecordReversing) -> None:
        async with self._steps.deciding(step) as decision:
            # Not the payment's error yet: the reason, should another run have to go on from the row.
            facts = PaymentFacts(error_code=ErrorCode.REVERSED, error_message=step.message)
            await move(decision, step, PaymentState.REVERSING, facts)

    async def look_at_record(self, step: Step) -> RecordLook:
        await self._steps.check(step)
        async with self._steps.database.read() as unit:
            state = await unit.payments.state_of(step)
            sent = [await unit.calls.unresolved(step, sent) for sent in (Transaction.REGISTER, Transaction.SETTLE)]
        return RecordLook(state=state or PaymentState.RECEIVED, booking_sent=any(sent))

    async def give_up(self, step: GiveUp) -> GivenUp:
        return await self._steps.give_up(step)

    async def known_payment(self, step: Step) -> KnownPayment:
        async with self._steps.database.read() as unit:
            record = await unit.payments.find(step)
            if record is None:
                raise AssertionError("a payment under review without a row")
            return await known_payment(unit, record)

    async def use_command(self, step: UseCommand) -> CommandVerdict:
        info = activity.info()
        by = UsedBy(workflow_id=info.workflow_id or "", update_id=step.update_id, run_id=info.workflow_run_id or "")
        async with self._steps.database.begin() as unit:
            return await unit.commands.use(step.command, by, await unit.now(), step.expires_at)

    async def record_case_event(self, step: NoteCase) -> None:
        async with self._steps.database.begin() as unit:
            reason = fit_to_keep(step.reason, await unit.payments.find(step))
            event = CaseEventRecord(
                event=step.event, action=step.action, by=step.by, reason=reason, at=step.at, proposal=step.proposal
            )
            await unit.reviews.noted(step, step.refund_no, event)

    async def record_resolution(self, step: ResolveCase) -> None:
        async with self._steps.deciding(step) as decision:
            unit, at = decision.unit, decision.at
            holder = await unit.bill_locks.take(step, step.bills, at)
            if holder not in {None, step.med_org_ord}:
                message = f"该费用已由另一笔支付占用, 医院订单号(medOrgOrd) {holder}, 不能入账"
                raise PaymentError(ErrorCode.BILL_ALREADY_PAID, message)
            await move(decision, step, step.state, _resolved_facts(step))
            if step.settlement_no is not None:
                await unit.settlements.booked(step, step.settlement_no, at)


async def write_end(
    decision: Decision, step: Step, end: PaymentEnd, *, made: bool = False, reversal_sn: str = ""
) -> None:
    """Record a payment's end in its row. `made`: the other side has brought it about. `reversal_sn`: its refdSn."""
    facts = PaymentFacts(error_code=end.code, error_message=end.message, note=end.note)
    if reversal_sn:
        facts = facts.model_copy(update={"reversal_sn": reversal_sn})
    await move(decision, step, end.state, facts, made=made)


def _resolved_facts(step: ResolveCase) -> PaymentFacts:
    """The facts that are known, with the error cleared."""
    known = {name: getattr(step, name) for name in ("settlement", "split", "settlement_no", "visit_id")}
    found = {name: value for name, value in known.items() if value is not None}
    return PaymentFacts(error_code=None, error_message="", note="", **found)
