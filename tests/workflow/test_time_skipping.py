"""What the workflow's tests stand on: the test server keeps every activity's deadline."""

from datetime import timedelta

from tests.support.scripted.activities import CENTRE_DOWN
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, start


async def test_no_activity_is_given_a_deadline_at_a_whole_second(work: PaymentsAtWork, order_no: str) -> None:
    begun = start(outpatient(order_no))
    work.script.will("upload_fees", CENTRE_DOWN, *work.script.answers["upload_fees"])
    await work.pre_settle(begun)

    history = await work.handle(begun.order.workflow_id).fetch_history()

    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert scheduled
    for activity in scheduled:
        budget = activity.schedule_to_close_timeout.ToTimedelta()
        assert budget % timedelta(milliseconds=1) == timedelta(microseconds=1)
