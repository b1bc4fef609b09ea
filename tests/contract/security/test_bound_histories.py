"""Histories on a real Temporal server: each payload bound to its payment, readable across upgrades and rotations."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.reporting import refusal
from domain.base import MARK
from domain.errors import ErrorCode
from domain.orders import PaymentStart
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import ENCODINGS, WORKFLOW_ID, data_converter
from tests.support.parties.stranger import payloads_in, stranger_at
from tests.support.scripted.activities import Script
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import outpatient, start
from tests.support.waiting import eventually
from workflows.payment.workflow import PaymentWorkflow
from workflows.sandbox import sandbox
from workflows.start import start_operation

pytestmark = pytest.mark.asyncio(loop_scope="module")
OLD = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
ROTATED = Keyring("k2", {"k1": b"1" * 16, "k2": b"2" * 32}, b"d" * 32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest.fixture
def payment() -> PaymentStart:
    return start(outpatient(uuid.uuid4().hex[:20]), auto_finish_after_s=1)


@asynccontextmanager
async def worker(address: str, converter: DataConverter, script: Script) -> AsyncIterator[Client]:
    client = await Client.connect(address, data_converter=converter)
    # Each task reads the whole history again, as after a restart.
    async with script.worker(client, "bound", max_cached_workflows=0):
        yield client


async def pre_settle(client: Client, payment: PaymentStart) -> None:
    operation = start_operation(payment, "bound")
    await client.execute_update_with_start_workflow(
        PaymentWorkflow.pre_settle, payment.order, start_workflow_operation=operation
    )


async def history_of(client: Client, payment: PaymentStart) -> WorkflowHistory:
    return await client.get_workflow_handle(payment.order.workflow_id).fetch_history()


def is_ours(payload: Payload) -> bool:
    """Clear by intent: Temporal's own search attributes and bookkeeping, and the words for operators."""
    return payload.metadata["encoding"] in ENCODINGS


async def test_every_payload_of_a_payment_is_bound_to_it(temporal: str, payment: PaymentStart) -> None:
    script = Script()
    script.will("settle", refusal(ErrorCode.HIS_REFUSED, "NAME-MARKER"))
    async with worker(temporal, data_converter(OLD), script) as client:
        await pre_settle(client, payment)
        script.will("ask_order", "paid")
        handle = client.get_workflow_handle(payment.order.workflow_id)
        await handle.signal(PaymentWorkflow.notice)
        await eventually(lambda: _reached(script, "reverse"))

        async def is_written() -> bool:
            """Local activities are written when their workflow task ends."""
            events = (await history_of(client, payment)).events
            return any(b"insurance_6203_reverse" in event.SerializeToString() for event in events)

        await eventually(is_written)
        events = list((await history_of(client, payment)).events)
        await handle.terminate()
    sealed = [payload for event in events for payload in payloads_in(event) if is_ours(payload)]
    assert {payload.metadata[WORKFLOW_ID] for payload in sealed} == {payment.order.workflow_id.encode()}
    assert len(sealed) > 5
    raw = b"".join(event.SerializeToString() for event in events)
    assert b"NAME-MARKER" not in raw
    assert b"scripted.py" not in raw


async def _reached(script: Script, step: str) -> bool:
    return step in script.asked


async def test_nothing_is_clear_but_what_is_meant_to_be(temporal: str, payment: PaymentStart) -> None:
    async with worker(temporal, data_converter(OLD), Script()) as client:
        await pre_settle(client, payment)
        events = list((await history_of(client, payment)).events)
    for event in events:
        if event.event_type != EventType.EVENT_TYPE_MARKER_RECORDED:  # the SDK's own: which local activity, which patch
            clear = [payload for payload in payloads_in(event) if not is_ours(payload)]
            assert all(_is_meant_to_be_clear(payload) for payload in clear), event


def _is_meant_to_be_clear(payload: Payload) -> bool:
    """A search attribute, which says its type, or words for operators."""
    return "type" in payload.metadata or payload.data.startswith(b'"' + MARK.encode())


class TestRotation:
    async def test_a_payment_goes_on_and_replays(self, temporal: str, payment: PaymentStart) -> None:
        script = Script()
        async with worker(temporal, data_converter(OLD), script) as client:
            await pre_settle(client, payment)
        async with worker(temporal, data_converter(ROTATED), script) as client:
            script.will("ask_order", "paid")
            handle = client.get_workflow_handle(payment.order.workflow_id)
            await handle.signal(PaymentWorkflow.notice)
            await handle.result()
            history = await history_of(client, payment)
        keys = {p.metadata["key-id"] for event in history.events for p in payloads_in(event) if is_ours(p)}
        assert keys == {b"k1", b"k2"}
        await _replays(history, data_converter(ROTATED))
        with pytest.raises(Exception, match=r"not in the keyring|Failed|failed"):
            await _replays(history, data_converter(OLD))


class TestMoved:
    async def test_a_payload_moved_to_another_payment_stops_it_clearly(
        self, temporal: str, payment: PaymentStart
    ) -> None:
        async with worker(temporal, data_converter(OLD), Script()) as client:
            await pre_settle(client, payment)
            begun = (await history_of(client, payment)).events[0].workflow_execution_started_event_attributes
            thief = f"payment-main-{uuid.uuid4().hex[:20]}"
            (sealed,) = begun.input.payloads
            async with stranger_at(temporal) as stranger:
                await stranger.start("PaymentWorkflow", thief, "bound", sealed)
            with pytest.raises(WorkflowFailureError) as failed:
                await client.get_workflow_handle(thief).result()
        told = str(failed.value.cause)
        assert f"a payload of '{payment.order.workflow_id}' was found in '{thief}'" in told

    async def test_a_history_does_not_replay_as_anothers(self, temporal: str, payment: PaymentStart) -> None:
        async with worker(temporal, data_converter(OLD), Script()) as client:
            await pre_settle(client, payment)
            history = await history_of(client, payment)
        await _replays(history, data_converter(OLD))
        moved = WorkflowHistory("payment-main-OTHER", history.events)
        moved.events[0].workflow_execution_started_event_attributes.workflow_id = "payment-main-OTHER"
        with pytest.raises(NondeterminismError):
            await _replays(moved, data_converter(OLD))


async def _replays(history: WorkflowHistory, converter: DataConverter) -> None:
    replayer = Replayer(workflows=[PaymentWorkflow], data_converter=converter, workflow_runner=sandbox())
    await replayer.replay_workflow(history)
