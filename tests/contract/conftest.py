"""The adapter, and what it may be pointed at."""

from collections.abc import AsyncIterator

import pytest

from gateways.http import HttpCaller
from tests.support.parties.odd_server import OddServer, odd_server


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as http:
        yield http


@pytest.fixture
async def odd() -> AsyncIterator[OddServer]:
    async with odd_server() as server:
        yield server
