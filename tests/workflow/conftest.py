"""The real workflow on Temporal's time-skipping test server, with scripted other sides."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.support.scripted.activities import Script
from tests.support.scripted.payments import PaymentsAtWork
from tests.support.stack.time_skipping import start_time_skipping


@pytest_asyncio.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    """A server for each test, 0.1 s: what one leaves behind, such as a lock on the clock, would stop the next one's."""
    async with await start_time_skipping() as started:
        yield started


@pytest_asyncio.fixture
async def work(environment: WorkflowEnvironment) -> AsyncIterator[PaymentsAtWork]:
    work = PaymentsAtWork(environment, Script())
    async with work.script.worker(environment.client, work.task_queue):
        yield work
        await work.clear()


@pytest.fixture
def order_no() -> str:
    return uuid.uuid4().hex[:20]
