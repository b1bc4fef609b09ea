"""Somebody completes our activities, or lets them fail, in the worker's place: the payment goes its own way."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from temporalio.client import AsyncActivityHandle, Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities.contract.base import OTHER_RUN
from activities.contract.his import Booking
from domain.orders import PaymentStart, PreSettleAnswer
from domain.states import PaymentState
from security.crypto.keyring import Keyring
from security.crypto.payload_codec import data_converter
from tests.support.parties.stranger import Stranger, stranger_at
from tests.support.scripted.activities import HIS_DOWN, Script
from tests.support.stack.resets import reset, tasks_of
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import bill_of, outpatient, settle_call, start
from tests.support.waiting import eventually
from workflows.payment.workflow import PaymentWorkflow
from workflows.start import start_operation

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUEUE = "forged"
CONVERTER = data_converter(Keyring("k1", {"k1": b"1" * 16}, b"d" * 32))
FORGERIES = ["completed", "completed with nothing", "completed with what another step gave", "refused", "never sent"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(temporal: str) -> AsyncIterator[Stranger]:
    async with stranger_at(temporal) as stranger:
        yield stranger


@dataclass
class Held:
    """A payment whose remote activity is held, so that somebody else can end it."""

    script: Script
    client: Client
    begun: PaymentStart

    def __post_init__(self) -> None:
        self.release = asyncio.Event()
        self.is_held = asyncio.Event()

    def hold(self, step: str) -> None:
        """The first remote attempt at this step waits until it is released; the local one before it fails."""

        async def later() -> None:
            self.script.on(step, self._hold)

        self.script.on(step, later)

    async def _hold(self) -> None:
        self.is_held.set()
        await self.release.wait()

    async def forge(self, stranger: Stranger, how: str) -> None:
        """End the held activity in its worker's place."""
        await self.is_held.wait()
        handle = stranger.client.get_workflow_handle(self.begun.order.workflow_id)
        (pending,) = (await handle.describe()).raw_description.pending_activities
        activity: AsyncActivityHandle = stranger.client.get_async_activity_handle(
            workflow_id=handle.id, run_id=None, activity_id=pending.activity_id
        )
        match how:
            case "completed":
                await activity.complete({"name": pending.activity_type.name, "number": 1, "value": {"visit_id": "V9"}})
            case "completed with nothing":
                await activity.complete()
            case "completed with what another step gave":
                await activity.complete(RawValue((await stranger.sealed(handle.id))[-1]))
            case "refused":
                await activity.fail(ApplicationError("科室已停诊", type="HIS_REFUSED", non_retryable=True))
            case _:
                await activity.fail(ApplicationError("no connection", type="not_sent", non_retryable=True))
        self.release.set()


@pytest_asyncio.fixture(loop_scope="module")
async def held(temporal: str) -> AsyncIterator[Held]:
    client, script = await Client.connect(temporal, data_converter=CONVERTER), Script()
    async with script.worker(client, QUEUE):
        yield Held(script, client, start(outpatient(uuid.uuid4().hex[:20])))


class TestAnActivityThatSomebodyElseEnds:
    @pytest.mark.parametrize("how", FORGERIES)
    async def test_is_begun_anew_before_the_split(self, held: Held, stranger: Stranger, how: str) -> None:
        held.script.will("price_bill", HIS_DOWN, bill_of(held.begun.order))
        held.hold("price_bill")
        _, answer = await asyncio.gather(held.forge(stranger, how), pre_settle(held))
        assert answer == "ORD1"
        assert held.script.recorded == []

    @pytest.mark.parametrize("how", FORGERIES)
    async def test_is_begun_anew_where_money_would_go_back(self, held: Held, stranger: Stranger, how: str) -> None:
        """HIS's refusal, or a call that never left, sends the money back: nobody else can say either."""
        held.script.will("settle", HIS_DOWN, Booking(settlement_no="S1"))
        held.hold("settle")
        await pre_settle(held)
        held.script.will("ask_order", "paid")
        handle = held.client.get_workflow_handle(held.begun.order.workflow_id, result_type=PaymentState)
        settling = handle.execute_update(PaymentWorkflow.settle, settle_call(held.begun.order))
        _, answer = await asyncio.gather(held.forge(stranger, how), settling)
        assert answer.pay_ord_id == "ORD1"
        assert "reverse" not in held.script.asked
        assert await handle.result() is PaymentState.SETTLED


class TestAnActivityThatAResetPassesOn:
    async def test_is_begun_anew_by_the_run_that_goes_on(self, held: Held) -> None:
        """Temporal gives the new run the old one's step, which is of no use there."""
        held.script.will("price_bill", HIS_DOWN, bill_of(held.begun.order))
        held.hold("price_bill")
        first = asyncio.create_task(pre_settle(held))
        await held.is_held.wait()
        workflow_id = held.begun.order.workflow_id
        before = len(await tasks_of(held.client, workflow_id))
        await held.client.get_workflow_handle(workflow_id).signal(PaymentWorkflow.notice)

        async def one_more_task() -> bool:
            return len(await tasks_of(held.client, workflow_id)) > before

        await eventually(one_more_task)
        run = await reset(held.client, workflow_id, (await tasks_of(held.client, workflow_id))[-1])
        held.release.set()
        again = run.execute_update("pre_settle", held.begun.order, result_type=PreSettleAnswer)
        assert (await again).pay_ord_id == "ORD1"
        events = [each async for each in run.fetch_history_events()]
        types = [each.activity_task_failed_event_attributes.failure.application_failure_info.type for each in events]
        assert types.count(OTHER_RUN) == 1
        first.cancel()
        await asyncio.wait([first])


async def pre_settle(held: Held) -> str:
    operation = start_operation(held.begun, QUEUE)
    answer = await held.client.execute_update_with_start_workflow(
        PaymentWorkflow.pre_settle, held.begun.order, start_workflow_operation=operation
    )
    return answer.pay_ord_id
