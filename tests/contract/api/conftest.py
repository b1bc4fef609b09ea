"""One API for all contract tests that need no Temporal, and one that has a Temporal server but no worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.api_server import ApiServer, free_port, prepare, serving_api


@pytest.fixture(scope="session")
def api_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest_asyncio.fixture
async def api(api_folder: Path) -> AsyncIterator[ApiServer]:
    """Nothing listens at its Temporal address: what it answers, it answers from the request and from its rows."""
    settings = prepare(api_folder / str(free_port()), f"127.0.0.1:{free_port()}")
    async with serving_api(settings) as server:
        yield server
