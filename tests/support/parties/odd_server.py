"""A peer on a loopback socket that answers whatever a test tells it to, and remembers what it was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.parties.listening import serving


class OddServer:
    """`answer`: what the next calls get, bytes or an object to be sent as JSON; `status`: with which HTTP status."""

    def __init__(self) -> None:
        self.url = ""
        self.answer: bytes | dict[str, Any] = {}
        self.status = 200
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.json()))
        body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return web.Response(body=body, status=self.status, content_type="application/json")


@asynccontextmanager
async def odd_server() -> AsyncIterator[OddServer]:
    odd = OddServer()
    app = web.Application()
    app.router.add_post("/{path:.*}", odd.handle)
    async with serving(app) as url:
        odd.url = url
        yield odd
