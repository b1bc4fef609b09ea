"""Two stacks for the whole session; each test leaves the simulators without faults."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stack.running import Stack, running_stack

SHORT_WINDOW_S = 12
"""Of a payment on the short stack: what must be done within it may find the machine busy for 10 s."""


@pytest_asyncio.fixture(scope="session")
async def session_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("stack"), annex=True) as running:
        yield running


@pytest_asyncio.fixture
async def stack(session_stack: Stack) -> AsyncIterator[Stack]:
    yield session_stack
    await session_stack.others.repair()


@pytest_asyncio.fixture(scope="session")
async def short_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("short")
    async with running_stack(folder, payment_window_s=SHORT_WINDOW_S, auto_finish_after_s=1) as running:
        yield running


@pytest_asyncio.fixture
async def short(short_stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose payment window is 12 s, and where nobody is waited for longer than 1 s."""
    yield short_stack
    await short_stack.others.repair()


@pytest.fixture
def number() -> str:
    """A medOrgOrd that nobody has used."""
    return uuid.uuid4().hex[:20]
