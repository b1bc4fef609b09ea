"""What operators find in Temporal: PAID, which mostly passes within moments, only if it lasts."""

import json
from datetime import datetime, timedelta

import pytest
from temporalio.api.history.v1 import UpsertWorkflowSearchAttributesEventAttributes
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

from domain.orders import Order, PaymentStart
from tests.support.orders import outpatient, registration, settle_call, start
from tests.support.scripted import HIS_DOWN, HIS_REFUSES
from tests.workflow.conftest import Desk
from workflows.payment.workflow import PaymentWorkflow

LONG_MS = 60_000
"""Longer than a quick payment takes on the busiest machine."""

Shown = dict[str, object]


async def shown(desk: Desk, order: Order) -> list[Shown]:
    """Each time that search attributes were written after the start, with when."""
    history = await desk.handle(order.workflow_id).fetch_history()
    return [
        {"at": event.event_time.ToDatetime()} | _values(event.upsert_workflow_search_attributes_event_attributes)
        for event in history.events
        if event.HasField("upsert_workflow_search_attributes_event_attributes")
    ]


def _values(written: UpsertWorkflowSearchAttributesEventAttributes) -> Shown:
    fields = written.search_attributes.indexed_fields
    return {name: json.loads(payload.data) for name, payload in fields.items() if payload.data}


def states(written: list[Shown]) -> list[object]:
    return [one["PaymentState"] for one in written if "PaymentState" in one]


async def settled(desk: Desk, begun: PaymentStart) -> None:
    await desk.pre_settle(begun)
    desk.script.will("ask_order", "paid")
    await desk.settle(settle_call(begun.order))


async def held_up(desk: Desk, begun: PaymentStart) -> None:
    """Paid, called, and HIS does not answer."""
    await desk.pre_settle(begun)
    desk.script.will("ask_order", "paid")
    desk.script.will("settle", HIS_DOWN)
    accepted = WorkflowUpdateStage.ACCEPTED
    handle = desk.handle(begun.order.workflow_id)
    await handle.start_update(PaymentWorkflow.settle, settle_call(begun.order), wait_for_stage=accepted)
    await desk.environment.sleep(5)


async def test_paid_is_not_shown_where_his_books_at_once(desk: Desk, order_no: str) -> None:
    order = outpatient(order_no)
    await settled(desk, start(order, paid_shown_after_ms=LONG_MS))

    written = await shown(desk, order)
    assert states(written) == ["PRE_SETTLED", "SETTLED"]
    # The deadline is a fact of the payment, whatever was shown between.
    assert "ReversalDeadline" in written[-1]


async def test_paid_is_shown_once_it_lasts_and_since_when(desk: Desk, order_no: str) -> None:
    begun = start(outpatient(order_no))
    await held_up(desk, begun)

    assert await desk.state(begun) == "PAID"
    paid = (await shown(desk, begun.order))[-1]
    since = datetime.fromisoformat(str(paid["PaymentStateSince"])).replace(tzinfo=None)
    at = paid["at"]
    assert isinstance(at, datetime)
    assert at - since >= timedelta(milliseconds=begun.terms.paid_shown_after_ms)
    assert "ReversalDeadline" in paid


async def test_a_registration_that_hangs_in_registered_is_shown_as_paid(desk: Desk, order_no: str) -> None:
    begun = start(registration(order_no))
    await held_up(desk, begun)

    assert {"register", "settle"} <= set(desk.script.asked)
    assert await desk.state(begun) == "PAID"


async def test_a_reversal_shows_the_deadline_that_paid_would_have_shown(desk: Desk, order_no: str) -> None:
    desk.script.will("settle", HIS_REFUSES)
    order = outpatient(order_no)
    with pytest.raises(WorkflowUpdateFailedError):
        await settled(desk, start(order, paid_shown_after_ms=LONG_MS))

    written = await shown(desk, order)
    assert states(written)[:2] == ["PRE_SETTLED", "REVERSING"]
    assert "ReversalDeadline" in written[1]


async def test_a_payment_that_began_before_shows_paid_at_once(desk: Desk, order_no: str) -> None:
    """Its terms say nothing of it: its history must replay."""
    order = outpatient(order_no)
    await settled(desk, start(order, paid_shown_after_ms=0))

    assert states(await shown(desk, order)) == ["PRE_SETTLED", "PAID", "SETTLED"]
