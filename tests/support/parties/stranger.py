"""Somebody who reaches Temporal's frontend, and has none of our keys: what they can do there, they do here."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue, RetryPolicy
from temporalio.worker import Worker

from security.crypto.payload_codec import KEY_ID, is_sealed

ONCE = RetryPolicy(maximum_attempts=1)


@dataclass
class Errand:
    """What a stranger's workflow asks of a worker of ours. `argument`: a payload as bytes; empty: none."""

    activity: str
    task_queue: str
    argument: bytes = b""


@workflow.defn(name="Stranger", sandboxed=False)
class StrangersWorkflow:
    @workflow.run
    async def run(self, errand: Errand) -> str:
        arguments = [RawValue(Payload.FromString(errand.argument))] if errand.argument else []
        result: RawValue = await workflow.execute_activity(
            errand.activity,
            args=arguments,
            task_queue=errand.task_queue,
            result_type=RawValue,
            retry_policy=ONCE,
            schedule_to_close_timeout=timedelta(seconds=60),
        )
        return result.payload.SerializeToString().hex()


@dataclass
class Stranger:
    client: Client
    queue: str = field(default_factory=lambda: f"stranger-{uuid.uuid4().hex}")

    async def start(
        self, workflow_type: str, workflow_id: str, task_queue: str, *payloads: Payload
    ) -> WorkflowHandle[Any, Any]:
        arguments = [RawValue(payload) for payload in payloads]
        return await self.client.start_workflow(workflow_type, args=arguments, id=workflow_id, task_queue=task_queue)

    async def update(self, workflow_id: str, name: str, *payloads: Payload) -> Any:  # noqa: ANN401 - any answer
        handle = self.client.get_workflow_handle(workflow_id)
        return await handle.execute_update(name, args=[RawValue(payload) for payload in payloads])

    async def signal(self, workflow_id: str, name: str, *payloads: Payload) -> None:
        handle = self.client.get_workflow_handle(workflow_id)
        await handle.signal(name, args=[RawValue(payload) for payload in payloads])

    async def schedule(self, errand: Errand, workflow_id: str = "") -> str:
        """Have a worker of ours run an activity. Raises `temporalio.client.WorkflowFailureError` if it fails."""
        name = workflow_id or f"stranger-{uuid.uuid4().hex}"
        result: str = await self.client.execute_workflow(
            StrangersWorkflow.run, errand, id=name, task_queue=self.queue, execution_timeout=timedelta(seconds=90)
        )
        return result

    async def events(self, workflow_id: str) -> list[HistoryEvent]:
        return list((await self.client.get_workflow_handle(workflow_id).fetch_history()).events)

    async def sealed(self, workflow_id: str) -> list[Payload]:
        """Everything of ours that can be read in a history, still sealed."""
        return [each for event in await self.events(workflow_id) for each in payloads_in(event) if is_sealed(each)]


@asynccontextmanager
async def stranger_at(address: str) -> AsyncIterator[Stranger]:
    stranger = Stranger(await Client.connect(address))
    async with Worker(stranger.client, task_queue=stranger.queue, workflows=[StrangersWorkflow]):
        yield stranger


def plain(text: str = "{}") -> Payload:
    """As anybody writes one."""
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def with_a_made_up_key(payload: Payload) -> Payload:
    made_up = Payload()
    made_up.CopyFrom(payload)
    made_up.metadata[KEY_ID] = b"k99"
    return made_up


def broken(payload: Payload) -> Payload:
    """With its last byte changed."""
    return Payload(metadata=payload.metadata, data=payload.data[:-1] + bytes([payload.data[-1] ^ 1]))


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload in it, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for descriptor, value in message.ListFields():
        for child in _children(descriptor, value):
            yield from payloads_in(child)


def _children(descriptor: Any, value: Any) -> list[Message]:  # noqa: ANN401 - protobuf's reflection
    if descriptor.message_type is None:
        return []
    if descriptor.message_type.GetOptions().map_entry:
        return [child for child in value.values() if isinstance(child, Message)]
    return [value] if isinstance(value, Message) else list(value)
