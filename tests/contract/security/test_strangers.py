"""Somebody who reaches Temporal's frontend without our keys changes nothing, whichever way they come in.

Every workflow, update, signal and activity is tried: a new one cannot be forgotten. Temporal is the real one.
"""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import Worker

from activities.contract import centre, his, records, refunds
from activities.contract.base import Step
from activities.reporting import Activities, Declaration
from domain.insurance import RefundType
from domain.notifications import NotificationEvent, Notify
from domain.refunds import RefundOrder, RefundStart
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from security.crypto.sealed_values import NOT_SEALED, Why
from tests.support.parties.stranger import Errand, Stranger, broken, plain, stranger_at, with_a_made_up_key
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import TERMS, outpatient, start
from tests.support.waiting import eventually
from workflows.sandbox import sandbox
from workflows.start import WORKFLOWS

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEYRING = Keyring("k1", {"k1": b"1" * 16}, b"d" * 32)
CONTRACTS = [
    each
    for room in (centre, his, records, refunds)
    for each in vars(room).values()
    if isinstance(each, type) and issubclass(each, Activities) and each is not Activities
]
ACTIVITIES = sorted(declaration.name for each in CONTRACTS for declaration in each.declarations.values())
DEFINITIONS = {definition.name or "": definition for definition in map(workflow._Definition.must_from_class, WORKFLOWS)}
UPDATES = [(name, update) for name, each in DEFINITIONS.items() for update in each.updates]
SIGNALS = [(name, signal) for name, each in DEFINITIONS.items() for signal in each.signals]


class NeverDone(ApplicationError):
    """Every activity of this worker fails in a way that is repeated, so that each workflow stays where it is."""

    def __init__(self) -> None:
        super().__init__("the other side is down", type="not_sent")


def noting(contract: type[Activities], ran: list[str]) -> Activities:
    """The contract's activities, which only note that they ran."""

    def method(declaration: Declaration) -> Callable[..., Any]:
        async def run(self: Activities, step: Step) -> None:  # noqa: ARG001 - as every activity
            ran.append(declaration.name)
            raise NeverDone

        return run

    methods: dict[str, Any] = {}
    for name, declaration in contract.declarations.items():
        methods[name] = method(declaration)
        methods[name].__annotations__ = getattr(contract, name).__annotations__
    made: Activities = type(f"Noting{contract.__name__}", (contract,), methods)()
    return made


@dataclass
class Ours:
    """A worker with all our workflows, and what it ran and refused."""

    client: Client
    stranger: Stranger
    queue: str = field(default_factory=lambda: uuid.uuid4().hex)
    ran: list[str] = field(default_factory=list)
    refused: list[tuple[str, Why]] = field(default_factory=list)

    async def running(self, workflow_type: str) -> WorkflowHandle[Any, Any]:
        """A workflow of ours, begun by us."""
        order = outpatient(uuid.uuid4().hex[:20])
        refund = RefundOrder(
            hospital="main",
            med_org_ord=order.med_org_ord,
            refund_no="R1",
            refund_type=RefundType.ALL,
            pay_auth_no="AUTH",
            reason="退药",
            requested_by="wechat",
        )
        notify = Notify(
            hospital="main",
            med_org_ord=order.med_org_ord,
            notification_id=1,
            run=1,
            event=next(iter(NotificationEvent)),
        )
        arguments = {
            "PaymentWorkflow": (start(order), order.workflow_id),
            "RefundWorkflow": (RefundStart(order=refund, terms=TERMS), refund.workflow_id),
            "NotificationWorkflow": (notify, notify.workflow_id),
        }
        argument, workflow_id = arguments[workflow_type]
        handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
            workflow_type, argument, id=workflow_id, task_queue=self.queue
        )
        at_work = len(self.ran)
        await eventually(lambda: _is_longer(self.ran, at_work))
        return handle

    async def sealed_for(self, workflow_id: str, value: object) -> Payload:
        context = WorkflowSerializationContext("default", workflow_id)
        return (await self.client.data_converter.with_context(context).encode([value]))[0]

    async def foreign(self, workflow_id: str) -> dict[str, tuple[Payload, ...]]:
        """By why it must be refused: the arguments that a stranger could bring."""
        own = (await self.stranger.sealed(workflow_id))[0]
        other = await self.sealed_for("payment-main-OTHER", outpatient("OTHER"))
        return {
            "plain": (plain(f'{{"by":"boss","at":"{datetime.now(UTC).isoformat()}"}}'),),
            "nothing": (),
            "two": (own, own),
            "sealed for another workflow": (other,),
            "sealed for another place": (own,),
            "changed": (broken(own),),
            "sealed with a key that nobody has": (with_a_made_up_key(own),),
        }


async def _is_longer(texts: list[str], than: int) -> bool:
    return len(texts) > than


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours() -> AsyncIterator[Ours]:
    async with temporal_server() as address, stranger_at(address) as stranger:
        refused: list[tuple[str, Why]] = []
        converter = data_converter(KEYRING, lambda workflow_id, why: refused.append((workflow_id, why)))
        client = await Client.connect(address, data_converter=converter)
        made = Ours(client, stranger, refused=refused)
        groups = [noting(contract, made.ran) for contract in CONTRACTS]
        async with Worker(
            client,
            task_queue=made.queue,
            workflows=WORKFLOWS,
            activities=[each for group in groups for each in group.activities()],
            workflow_runner=sandbox(),
        ):
            yield made


def _new_id() -> str:
    return f"payment-main-{uuid.uuid4().hex[:20]}"


async def _tasks_failed(ours: Ours, workflow_id: str) -> bool:
    events = await ours.stranger.events(workflow_id)
    return any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for event in events)


class TestStarts:
    @pytest.mark.parametrize("workflow_type", DEFINITIONS)
    async def test_of_what_we_did_not_seal_end_at_once(self, ours: Ours, workflow_type: str) -> None:
        bystander = await ours.running(workflow_type)
        foreign = await ours.foreign(bystander.id)
        await bystander.terminate()
        for what, payloads in foreign.items():
            ran = list(ours.ran)
            handle = await ours.stranger.start(workflow_type, _new_id(), ours.queue, *payloads)
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
            cause = failed.value.cause
            assert isinstance(cause, ApplicationError), what
            assert cause.type == NOT_SEALED, what
            assert ours.ran == ran, what

    @pytest.mark.parametrize("workflow_type", DEFINITIONS)
    async def test_with_a_key_that_nobody_has_do_nothing(self, ours: Ours, workflow_type: str) -> None:
        """The key may come yet: the workflow waits for it."""
        workflow_id = _new_id()
        payload = with_a_made_up_key(await ours.sealed_for(workflow_id, outpatient("M1")))
        handle = await ours.stranger.start(workflow_type, workflow_id, ours.queue, payload)
        await eventually(lambda: _tasks_failed(ours, handle.id))
        events = await ours.stranger.events(handle.id)
        assert not any(event.HasField("activity_task_scheduled_event_attributes") for event in events)
        await handle.terminate()


class TestUpdates:
    @pytest.mark.parametrize(("workflow_type", "update"), UPDATES)
    async def test_that_we_did_not_seal_are_refused(self, ours: Ours, workflow_type: str, update: str) -> None:
        """None is accepted, none stops the workflow, and none uses up an update id."""
        handle = await ours.running(workflow_type)
        for what, payloads in (await ours.foreign(handle.id)).items():
            with pytest.raises(WorkflowUpdateFailedError):
                await ours.stranger.update(handle.id, update, *payloads)
            events = await ours.stranger.events(handle.id)
            accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
            assert not [event for event in events if event.event_type == accepted], what
            assert not await _tasks_failed(ours, handle.id), what
        assert {Why.UNSEALED, Why.MOVED, Why.BROKEN, Why.UNKNOWN_KEY, Why.MISPLACED} <= {
            why for workflow_id, why in ours.refused if workflow_id == handle.id
        }
        await handle.terminate()


class TestSignals:
    @pytest.mark.parametrize(("workflow_type", "signal"), SIGNALS)
    async def test_say_nothing(self, ours: Ours, workflow_type: str, signal: str) -> None:
        """They have no argument; what somebody sends with one is not read."""
        assert DEFINITIONS[workflow_type].signals[signal].arg_types == []
        handle = await ours.running(workflow_type)
        for payloads in (await ours.foreign(handle.id)).values():
            if payloads:
                await ours.stranger.signal(handle.id, signal, *payloads)
        ran = len(ours.ran)
        await eventually(lambda: _is_longer(ours.ran, ran))
        assert not await _tasks_failed(ours, handle.id)
        await handle.terminate()


class TestActivities:
    @pytest.mark.parametrize("activity", ACTIVITIES)
    async def test_run_for_nobody_else(self, ours: Ours, activity: str) -> None:
        payment = await ours.running("PaymentWorkflow")
        stolen = await _argument(ours, payment.id)
        others = "his_settle" if activity == "his_price_bill" else "his_price_bill"
        attempts = [
            (activity, b"", ""),
            (activity, plain().SerializeToString(), ""),
            (activity, plain('{"hospital":"main","med_org_ord":"M1"}').SerializeToString(), payment.id),
            (activity, stolen.SerializeToString(), ""),
            (activity, broken(stolen).SerializeToString(), payment.id),
            (activity, with_a_made_up_key(stolen).SerializeToString(), payment.id),
            (others, stolen.SerializeToString(), payment.id),
            (activity, stolen.SerializeToString(), payment.id),
        ]
        # Under the payment's own id, too: it is free once somebody has terminated the payment.
        await payment.terminate()
        await eventually(lambda: _is_still(ours))
        for name, argument, workflow_id in attempts:
            ran = list(ours.ran)
            with pytest.raises(WorkflowFailureError) as failed:
                await ours.stranger.schedule(Errand(name, ours.queue, argument), workflow_id)
            assert isinstance(failed.value.cause, ActivityError)
            assert ours.ran == ran


async def _argument(ours: Ours, workflow_id: str) -> Payload:
    """What a remote activity of this workflow was given, as its history shows it."""
    found: list[Payload] = []

    async def scheduled() -> bool:
        for event in await ours.stranger.events(workflow_id):
            found.extend(event.activity_task_scheduled_event_attributes.input.payloads)
        return bool(found)

    await eventually(scheduled)
    return found[0]


async def _is_still(ours: Ours) -> bool:
    """Whether nothing of a terminated workflow runs any more: what it had scheduled is not delivered."""
    description = await ours.client.count_workflows("ExecutionStatus = 'Running'")
    return description.count == 0
