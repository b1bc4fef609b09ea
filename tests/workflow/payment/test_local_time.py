"""All local work of one workflow task has two seconds; what would take longer goes on as a remote activity."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from temporalio.api.enums.v1 import EventType

from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, start
from tests.support.waiting import eventually, until
from workflows.limits import LOCAL_TIME_MAX

UPLOAD = "insurance_6201_upload_fees"


async def remote(work: PaymentsAtWork, workflow_id: str) -> list[str]:
    """The steps that were scheduled as remote activities, in order."""
    history = await work.handle(workflow_id).fetch_history()
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


def takes(part: float) -> Callable[[], Awaitable[None]]:
    """So much of the time of one workflow task."""

    async def passes() -> None:
        ends_at = time.monotonic() + part * LOCAL_TIME_MAX.total_seconds()
        await until(lambda: time.monotonic() >= ends_at)

    return passes


async def test_a_quick_story_has_no_remote_activity(work: PaymentsAtWork, order_no: str) -> None:
    order = outpatient(order_no)
    await work.pre_settle(start(order))

    assert await remote(work, order.workflow_id) == []


async def test_a_step_that_takes_longer_is_joined_remotely(work: PaymentsAtWork, order_no: str) -> None:
    order, answers = outpatient(order_no), asyncio.Event()

    async def is_slow() -> None:
        await answers.wait()

    work.script.on("upload_fees", is_slow)
    update = await work.begin(start(order))

    async def is_remote() -> bool:
        return await remote(work, order.workflow_id) == [UPLOAD]

    await eventually(is_remote)
    answers.set()

    assert (await work.answer(update, 1)).pay_ord_id == "ORD1"
    assert work.script.asked.count("upload_fees") == 1


async def test_the_time_is_that_of_all_steps_together(work: PaymentsAtWork, order_no: str) -> None:
    order = outpatient(order_no)
    work.script.on("price_bill", takes(0.6))
    work.script.on("upload_fees", takes(0.6))

    assert (await work.pre_settle(start(order), 1)).pay_ord_id == "ORD1"
    assert await remote(work, order.workflow_id) == [UPLOAD]
    assert work.script.asked[:3] == ["price_bill", "upload_fees", "place_order"]
