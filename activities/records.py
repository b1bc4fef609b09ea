"""Writes to our own records that do not follow from a remote call."""

from activities.call_log import now
from activities.contract import NoteCase, RecordActivities, RecordEnd, ResolveCase, Step
from domain.errors import ErrorCode, PaymentError
from domain.orders import PaymentEnd
from domain.states import PaymentState
from storage.records import CaseEventRecord, PaymentFacts
from storage.sealing import fit_to_keep
from storage.session import Database, Unit


class Records(RecordActivities):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_end(self, step: RecordEnd) -> None:
        async with self._database.begin() as unit:
            await unit.payments.receive(step.order, step.accepted_at)
            await write_end(unit, step, step.end)

    async def record_case_event(self, step: NoteCase) -> None:
        async with self._database.begin() as unit:
            reason = fit_to_keep(step.reason, await unit.payments.find(step))
            event = CaseEventRecord(event=step.event, action=step.action, by=step.by, reason=reason, at=step.at)
            await unit.reviews.noted(step, step.refund_no, event)

    async def record_resolution(self, step: ResolveCase) -> None:
        async with self._database.begin() as unit:
            facts = _resolved_facts(step)
            if not await unit.payments.record(step, step.revision, now(), state=step.state, facts=facts):
                return
            holder = await unit.bill_locks.take(step, step.bills, now())
            if holder not in {None, step.med_org_ord}:
                message = f"该费用已由另一笔支付占用, 医院订单号(medOrgOrd) {holder}, 不能入账"
                raise PaymentError(ErrorCode.BILL_ALREADY_PAID, message)
            if step.settlement_no is not None:
                await unit.settlements.booked(step, step.settlement_no, now())


async def write_end(unit: Unit, step: Step, end: PaymentEnd) -> bool:
    """Record a payment's end in its row; whether the payment is at that end now."""
    facts = PaymentFacts(error_code=end.code, error_message=end.message, note=end.note)
    if await unit.payments.record(step, step.revision, now(), state=end.state, facts=facts):
        return True
    if end.state is not PaymentState.REVERSED:
        return False
    # The money was back, or none had to be sent back, before the row was REVERSING: then it is for a moment.
    await unit.payments.record(step, step.revision, now(), state=PaymentState.REVERSING)
    return await unit.payments.record(step, step.revision, now(), state=end.state, facts=facts)


def _resolved_facts(step: ResolveCase) -> PaymentFacts:
    """The facts that are known, with the error cleared."""
    known = {name: getattr(step, name) for name in ("settlement", "split", "settlement_no", "visit_id")}
    found = {name: value for name, value in known.items() if value is not None}
    return PaymentFacts(error_code=None, error_message="", note="", **found)
