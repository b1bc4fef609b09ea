"""One stack for the whole session; each test leaves the simulators without faults."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stack.running import Stack, running_stack


@pytest_asyncio.fixture(scope="session")
async def session_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest_asyncio.fixture
async def stack(session_stack: Stack) -> AsyncIterator[Stack]:
    yield session_stack
    await session_stack.others.repair()


@pytest.fixture
def number() -> str:
    """A medOrgOrd that nobody has used."""
    return uuid.uuid4().hex[:20]
