"""Refunds beside payments: what two people decide of either."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from tests.support.scripted.refunds import RefundsAtWork, refunds_at_work


@pytest_asyncio.fixture
async def refunds(environment: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[RefundsAtWork]:
    async with refunds_at_work(environment, tmp_path) as started:
        yield started
