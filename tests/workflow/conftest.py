"""The real workflow on Temporal's time-skipping test server, with scripted other sides."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.support.scripted.activities import Script
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import start_time_skipping
from workflows.payment.workflow import PaymentWorkflow
from workflows.sandbox import sandbox


@pytest_asyncio.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A server for each test, 0.1 s: what one leaves behind, such as a lock on the clock, would stop the next one's."""
    async with await start_time_skipping() as started:
        yield started


@pytest_asyncio.fixture
async def work(environment: WorkflowEnvironment) -> AsyncIterator[PaymentsAtWork]:
    script = Script()
    work = PaymentsAtWork(environment, script)
    async with Worker(
        environment.client,
        task_queue=work.task_queue,
        workflows=[PaymentWorkflow],
        activities=script.activities(),
        workflow_runner=sandbox(),
    ):
        yield work
        await work.clear()


@pytest.fixture
def order_no() -> str:
    return uuid.uuid4().hex[:20]
