"""Histories on a real Temporal server: each payload bound to its payment, readable across upgrades and rotations."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer

from activities.reporting import refusal
from domain.base import MARK
from domain.errors import ErrorCode
from domain.orders import PaymentStart
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import ENCODINGS, WORKFLOW_ID, data_converter
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


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload in it, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        for child in _children(field, value):
            yield from payloads(child)


def _children(field: Any, value: Any) -> list[Message]:  # noqa: ANN401 - protobuf's reflection
    if field.message_type is None:
        return []
    if field.message_type.GetOptions().map_entry:
        return [child for child in value.values() if isinstance(child, Message)]
    return [value] if isinstance(value, Message) else list(value)


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
            return any(map(_failed, (await history_of(client, payment)).events))

        await eventually(is_written)
        events = list((await history_of(client, payment)).events)
        await handle.terminate()
    sealed = [payload for event in events for payload in payloads(event) if is_ours(payload)]
    assert {payload.metadata[WORKFLOW_ID] for payload in sealed} == {payment.order.workflow_id.encode()}
    assert len(sealed) > 5
    raw = b"".join(event.SerializeToString() for event in events)
    assert b"NAME-MARKER" not in raw
    assert b"scripted.py" not in raw


def _failed(event: HistoryEvent) -> bool:
    """Whether an activity failed: locally, or where that took too long remotely."""
    local = event.marker_recorded_event_attributes.HasField("failure")
    return local or event.HasField("activity_task_failed_event_attributes")


async def _reached(script: Script, step: str) -> bool:
    return step in script.asked


async def test_nothing_is_clear_but_what_is_meant_to_be(temporal: str, payment: PaymentStart) -> None:
    async with worker(temporal, data_converter(OLD), Script()) as client:
        await pre_settle(client, payment)
        events = list((await history_of(client, payment)).events)
    for event in events:
        if event.event_type != EventType.EVENT_TYPE_MARKER_RECORDED:  # the SDK's own: which local activity, which patch
            clear = [payload for payload in payloads(event) if not is_ours(payload)]
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
        keys = {p.metadata["key-id"] for event in history.events for p in payloads(event) if is_ours(p)}
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
            request = StartWorkflowExecutionRequest(
                namespace="default",
                workflow_id=thief,
                workflow_type=begun.workflow_type,
                task_queue=TaskQueue(name="bound"),
                input=begun.input,
                request_id=uuid.uuid4().hex,
            )
            await client.workflow_service.start_workflow_execution(request)
            failure = await _task_failure(client, thief)
            await client.get_workflow_handle(thief).terminate()
        told = str(await data_converter(OLD).decode_failure(failure))
        assert f"a payload of '{payment.order.workflow_id}' was found in '{thief}'" in told

    async def test_a_history_does_not_replay_as_anothers(self, temporal: str, payment: PaymentStart) -> None:
        async with worker(temporal, data_converter(OLD), Script()) as client:
            await pre_settle(client, payment)
            history = await history_of(client, payment)
        await _replays(history, data_converter(OLD))
        moved = WorkflowHistory("payment-main-OTHER", history.events)
        moved.events[0].workflow_execution_started_event_attributes.workflow_id = "payment-main-OTHER"
        with pytest.raises(RuntimeError):
            await _replays(moved, data_converter(OLD))


async def _task_failure(client: Client, workflow_id: str) -> Failure:
    found: list[Failure] = []

    async def failed() -> bool:
        events = (await client.get_workflow_handle(workflow_id).fetch_history()).events
        found.extend(
            event.workflow_task_failed_event_attributes.failure
            for event in events
            if event.HasField("workflow_task_failed_event_attributes")
        )
        return bool(found)

    await eventually(failed)
    return found[0]


async def _replays(history: WorkflowHistory, converter: DataConverter) -> None:
    replayer = Replayer(workflows=[PaymentWorkflow], data_converter=converter, workflow_runner=sandbox())
    await replayer.replay_workflow(history)
