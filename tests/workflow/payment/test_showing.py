"""What operators find in Temporal: PAID, which mostly passes within moments, only if it lasts."""

import json
from datetime import datetime, timedelta

import pytest
from temporalio.api.history.v1 import UpsertWorkflowSearchAttributesEventAttributes
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

from domain.orders import Order, PaymentStart
from tests.support.scripted.activities import HIS_DOWN, HIS_REFUSES
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.values.orders import outpatient, registration, settle_call, start
from workflows.payment.workflow import PaymentWorkflow

LONG_MS = 60_000
"""Longer than a quick payment takes on the busiest machine."""

Shown = dict[str, object]


async def shown(work: PaymentsAtWork, order: Order) -> list[Shown]:
    """Each time that search attributes were written after the start, with when."""
    history = await work.handle(order.workflow_id).fetch_history()
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


async def settled(work: PaymentsAtWork, begun: PaymentStart) -> None:
    await work.pre_settle(begun)
    work.script.will("ask_order", "paid")
    await work.settle(settle_call(begun.order))


async def held_up(work: PaymentsAtWork, begun: PaymentStart) -> None:
    """Paid, called, and HIS does not answer."""
    await work.pre_settle(begun)
    work.script.will("ask_order", "paid")
    work.script.will("settle", HIS_DOWN)
    accepted = WorkflowUpdateStage.ACCEPTED
    handle = work.handle(begun.order.workflow_id)
    await handle.start_update(PaymentWorkflow.settle, settle_call(begun.order), wait_for_stage=accepted)
    await work.environment.sleep(5)


async def test_paid_is_not_shown_where_his_books_at_once(work: PaymentsAtWork, order_no: str) -> None:
    order = outpatient(order_no)
    await settled(work, start(order, paid_shown_after_ms=LONG_MS))

    written = await shown(work, order)
    assert states(written) == ["PRE_SETTLED", "SETTLED"]
    # The deadline is a fact of the payment, whatever was shown between.
    assert "ReversalDeadline" in written[-1]


async def test_paid_is_shown_once_it_lasts_and_since_when(work: PaymentsAtWork, order_no: str) -> None:
    begun = start(outpatient(order_no))
    await held_up(work, begun)

    assert await work.state(begun) == "PAID"
    paid = (await shown(work, begun.order))[-1]
    since = datetime.fromisoformat(str(paid["PaymentStateSince"])).replace(tzinfo=None)
    at = paid["at"]
    assert isinstance(at, datetime)
    assert at - since >= timedelta(milliseconds=begun.terms.paid_shown_after_ms)
    assert "ReversalDeadline" in paid


async def test_a_registration_that_hangs_in_registered_is_shown_as_paid(work: PaymentsAtWork, order_no: str) -> None:
    begun = start(registration(order_no))
    await held_up(work, begun)

    assert {"register", "settle"} <= set(work.script.asked)
    assert await work.state(begun) == "PAID"


async def test_a_reversal_shows_the_deadline_that_paid_would_have_shown(work: PaymentsAtWork, order_no: str) -> None:
    work.script.will("settle", HIS_REFUSES)
    order = outpatient(order_no)
    with pytest.raises(WorkflowUpdateFailedError):
        await settled(work, start(order, paid_shown_after_ms=LONG_MS))

    written = await shown(work, order)
    assert states(written)[:2] == ["PRE_SETTLED", "REVERSING"]
    assert "ReversalDeadline" in written[1]


async def test_a_payment_that_began_before_shows_paid_at_once(work: PaymentsAtWork, order_no: str) -> None:
    """Its terms say nothing of it: its history must replay."""
    order = outpatient(order_no)
    await settled(work, start(order, paid_shown_after_ms=0))

    assert states(await shown(work, order)) == ["PRE_SETTLED", "PAID", "SETTLED"]
