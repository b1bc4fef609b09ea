"""Our own records, where no remote call wrote them."""

from temporalio import activity

from activities.ledger import now
from activities.signatures import RecordActivities
from domain.claims import bills_of
from domain.steps import ClaimBills, Claimed, PaymentEnd, RecordEnd
from storage.records import PaymentFacts
from storage.session import Database


def end_facts(end: PaymentEnd) -> PaymentFacts:
    """How a payment ended, for its row."""
    return PaymentFacts(error_code=end.code, error_message=end.message, note=end.note)


class DatabaseRecords(RecordActivities):
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="record_end")
    async def record_end(self, step: RecordEnd) -> None:
        async with self._database.begin() as unit:
            await unit.payments.record(
                step,
                step.revision,
                now(),
                state=step.end.state,
                facts=end_facts(step.end),
                order=step.order,
                accepted_at=step.accepted_at,
            )

    @activity.defn(name="claim_bills")
    async def claim_bills(self, step: ClaimBills) -> Claimed:
        async with self._database.begin() as unit:
            return Claimed(held_by=await unit.claims.claim(step, bills_of(step.order, step.accepted_at), now()))
