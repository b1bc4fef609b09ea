"""The HIS simulator on a free port, with its control calls."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from simulator.his.server import build_app
from tests.support.parties.listening import serving


class HisSimulator:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def control(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        """One call; its status and JSON. `body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self._session.request(method, self.url + path, data=data) as response:
            return response.status, json.loads(await response.read())

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """A control call that answers a list."""
        status, rows = await self.control("GET", path)
        assert status == 200
        assert isinstance(rows, list)
        return rows

    async def fault(self, txn: str, kind: str, times: int = 1, **more: object) -> None:
        status, _ = await self.control("POST", "/_sim/faults", {"txn": txn, "kind": kind, "times": times, **more})
        assert status == 200


@asynccontextmanager
async def his_simulator(database: Path) -> AsyncIterator[HisSimulator]:
    async with serving(build_app(database)) as url, aiohttp.ClientSession() as session:
        yield HisSimulator(url, session)
