"""Our own records, where no remote call wrote them."""

from temporalio import activity

from activities.ledger import now
from activities.signatures import RecordActivities
from domain.steps import PaymentEnd, RecordEnd
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
