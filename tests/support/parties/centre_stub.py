"""A centre on a loopback socket that opens what it is sent and answers whatever a test tells it to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from tests.support.parties.listening import serving
from tests.support.values import centres


class CentreStub:
    """`data` is sealed into the answer together with `head` (code, message, success); `laid_over` changes the result.

    `body`, if set, is answered instead, as it is; `status` is HTTP's.
    """

    def __init__(self, **form: object) -> None:
        self.url = ""
        self.profile = centres.profile(**form)
        self.envelope = centres.centre_side(self.profile)
        self.data: dict[str, Any] = {}
        self.head: dict[str, Any] = {}
        self.laid_over: dict[str, Any] = {}
        self.body: bytes | None = None
        self.status = 200
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []

    @property
    def asked(self) -> dict[str, Any]:
        """The data of the last request."""
        return self.requests[-1]

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.paths.append(request.path)
        self.bodies.append(body)
        self.requests.append(await self.envelope.open_request(body))
        answer = await self.envelope.seal_answer(self.data, **self.head) | self.laid_over
        content = self.body if self.body is not None else json.dumps(answer).encode()
        return web.Response(body=content, status=self.status, content_type="application/json")


@asynccontextmanager
async def centre_stub(**form: object) -> AsyncIterator[tuple[CentreStub, HttpInsuranceCentre]]:
    """The stub, and our client that talks to it."""
    stub = CentreStub(**form)
    app = web.Application()
    app.router.add_post("/{path:.*}", stub.handle)
    async with serving(app) as url, HttpCaller() as http:
        stub.url = url + "/"
        profile = stub.profile.model_copy(update={"url": stub.url})
        yield stub, HttpInsuranceCentre(http, profile, centres.ACCOUNT)
