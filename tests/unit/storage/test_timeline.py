"""All that happened to a payment, in order of time."""

from domain.errors import Outcome
from domain.states import PaymentState
from storage.records import TimelineEntry, TimelineKind
from storage.session import Database
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, key_of, later


async def test_states_and_calls_in_order_of_time(database: Database) -> None:
    order = outpatient("TIME1")
    key = key_of(order)
    async with database.begin() as unit:
        await unit.payments.receive(order, AT)
        await unit.payments.record(key, 1, later(1), state=PaymentState.PRICED)
        first = await unit.calls.begin(key, "6201", later(2))
        await unit.calls.finish(first, Outcome.DONE, 35)
        await unit.payments.record(key, 2, later(2.1), state=PaymentState.FEE_UPLOADED)
        await unit.calls.begin(key, "6202", later(3))
        refused = await unit.calls.begin(key, "patient", later(0.5))
        await unit.calls.finish(refused, Outcome.REFUSED, 4, "没有")
    async with database.read() as unit:
        timeline = await unit.timeline.of_payment(key)
    call, state = TimelineKind.CALL, TimelineKind.STATE
    assert timeline == [
        TimelineEntry(at=AT, kind=state, name="RECEIVED"),
        TimelineEntry(at=later(0.5), kind=call, name="patient", outcome=Outcome.REFUSED, duration_ms=4, message="没有"),
        TimelineEntry(at=later(1), kind=state, name="PRICED"),
        TimelineEntry(at=later(2), kind=call, name="6201", outcome=Outcome.DONE, duration_ms=35),
        TimelineEntry(at=later(2.1), kind=state, name="FEE_UPLOADED"),
        TimelineEntry(at=later(3), kind=call, name="6202"),
    ]
