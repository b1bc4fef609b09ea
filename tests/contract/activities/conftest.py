"""Our records, and a Temporal server beside them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from security.crypto.keyring import Keyring
from storage.session import Database
from storage.sql.migrate import upgrade
from tests.support.stack.temporal_dev_server import temporal_server


@pytest_asyncio.fixture(scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest.fixture
async def client(temporal: str) -> Client:
    return await Client.connect(temporal)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    upgrade(url := f"sqlite:///{tmp_path / 'records.db'}")
    async with Database(url, Keyring.generate()) as database:
        yield database
