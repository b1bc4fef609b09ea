"""Payments that nobody drives any more, on a real Temporal server: each is found once, and woken or started again."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.watcher import AtTemporal, Watcher
from domain.orders import Order, PaymentStart
from domain.states import PaymentState
from storage.records import PaymentFacts
from storage.session import Database
from tests.support.stack.database import rows
from tests.support.stack.recorded import reach
from tests.support.values.orders import TERMS, outpatient
from tests.support.waiting import eventually

S = PaymentState
PLACED = PaymentFacts(pay_ord_id="ORD1", pay_token="TOKEN", insured_name="张三")


@workflow.defn(name="PaymentWorkflow")
class Sleeping:
    """Counts how often it is woken, and ends when it is told to."""

    def __init__(self) -> None:
        self._woken = 0
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.signal
    def wake(self) -> None:
        self._woken += 1

    @workflow.signal
    def end(self) -> None:
        self._over = True

    @workflow.query
    def woken(self) -> int:
        return self._woken


class Watched:
    """One payment's row and workflow, and a watcher that looks at once."""

    def __init__(self, database: Database, client: Client) -> None:
        self.database = database
        self.client = client
        self.order = outpatient(uuid.uuid4().hex[:20])
        self.restarted: list[PaymentStart] = []

    def watcher(self, after_s: float = 0) -> Watcher:
        async def restart(start: PaymentStart) -> None:
            self.restarted.append(start)

        terms = {self.order.hospital: TERMS}
        return Watcher(self.database, AtTemporal(self.client, "watched", restart), terms, timedelta(seconds=after_s))

    async def running(self) -> WorkflowHandle[Sleeping, None]:
        """The workflow, once Temporal lists it."""
        handle = await self.client.start_workflow(Sleeping.run, id=self.order.workflow_id, task_queue="watched")
        await self.is_listed("Running")
        return handle

    async def is_listed(self, status: str) -> None:
        query = f"ExecutionStatus = '{status}' AND WorkflowId = '{self.order.workflow_id}'"

        async def listed() -> bool:
            return [each.id async for each in self.client.list_workflows(query)] != []

        await eventually(listed)

    async def row(self, *way: PaymentState) -> None:
        async with self.database.begin() as unit:
            await reach(unit, self.order, *way, facts=PLACED, at=datetime.now(UTC) - timedelta(hours=1))

    async def watched_from(self) -> object:
        (row,) = await rows(self.database._engines.reader, "SELECT watched_from FROM payment")
        return row["watched_from"]


@pytest.fixture
async def watched(database: Database, client: Client) -> AsyncIterator[Watched]:
    async with Worker(client, task_queue="watched", workflows=[Sleeping], workflow_runner=UnsandboxedWorkflowRunner()):
        yield Watched(database, client)


async def test_two_watchers_wake_a_payment_once(watched: Watched) -> None:
    handle = await watched.running()
    await watched.row(S.PAID)
    await asyncio.gather(watched.watcher().look(), watched.watcher().look())
    assert await handle.query(Sleeping.woken) == 1
    assert watched.restarted == []


async def test_one_that_has_just_moved_is_left_alone(watched: Watched) -> None:
    handle = await watched.running()
    await watched.row(S.PAID)
    await watched.watcher(after_s=7200).look()
    assert await handle.query(Sleeping.woken) == 0


async def test_one_that_has_ended_and_not_closed_is_woken(watched: Watched) -> None:
    handle = await watched.running()
    await watched.row(S.SETTLED)
    await watched.watcher().look()
    assert (await handle.query(Sleeping.woken), await watched.watched_from() is None) == (1, False)


async def test_one_that_has_ended_and_closed_is_watched_no_longer(watched: Watched) -> None:
    handle = await watched.running()
    await handle.signal(Sleeping.end)
    await handle.result()
    await watched.is_listed("Completed")
    await watched.row(S.SETTLED)
    await watched.watcher().look()
    assert await watched.watched_from() is None


async def test_one_whose_workflow_was_terminated_is_started_again(watched: Watched) -> None:
    handle = await watched.running()
    await handle.terminate()
    await watched.is_listed("Terminated")
    await watched.row(S.PAID)
    await watched.watcher().look()
    assert [_order_and_state(start) for start in watched.restarted] == [(watched.order, S.PAID)]


@workflow.defn(name="Stranger")
class Squatting:
    """Somebody else's, under the id of a payment."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


@pytest.mark.parametrize(("what", "queue"), [(Squatting.run, "watched"), (Sleeping.run, "elsewhere")])
async def test_somebody_elses_workflow_under_its_id_is_not_its_own(
    watched: Watched, what: Callable[..., Awaitable[None]], queue: str
) -> None:
    squatter = await watched.client.start_workflow(what, id=watched.order.workflow_id, task_queue=queue)
    await watched.is_listed("Running")
    await watched.row(S.PAID)
    await watched.watcher().look()
    assert [_order_and_state(start) for start in watched.restarted] == [(watched.order, S.PAID)]
    assert (await squatter.describe()).status is WorkflowExecutionStatus.TERMINATED


def _order_and_state(start: PaymentStart) -> tuple[Order, PaymentState | None]:
    order = start.order.model_copy(update={"pay_auth_no": outpatient(start.order.med_org_ord).pay_auth_no})
    return order, start.reopened.state if start.reopened is not None else None
