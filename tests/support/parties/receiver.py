"""A caller's receiver of webhooks on a real socket: it verifies each with the library, as receivers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from security.keys.signing import new_webhook_secret
from tests.support.parties.listening import serving


@dataclass
class Receiver:
    """`statuses`: of the next answers; the last one stays. `told`: what came with a valid signature, in order.

    It answers while `open` is set, and hangs while it isn't.
    """

    secret: str = field(default_factory=new_webhook_secret)
    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def receive(self, request: web.Request) -> web.Response:
        headers = dict(request.headers)
        self.told.append(Webhook(self.secret).verify(await request.read(), headers))
        self.headers.append({name.lower(): value for name, value in headers.items()})
        await self.open.wait()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": self.url} if status == 307 else {}, body=b"x" * 100_000)

    def about(self, number: str) -> list[dict[str, Any]]:
        """What was told of one payment."""
        return [body for body in self.told if body["data"]["medOrgOrd"] == number]

    def ids(self, number: str) -> list[str]:
        """The webhook-ids of what was told of one payment."""
        both = zip(self.told, self.headers, strict=True)
        return [headers["webhook-id"] for body, headers in both if body["data"]["medOrgOrd"] == number]


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """`receiver` with its address, while it runs."""
    app = web.Application()
    app.router.add_post("/hook/", receiver.receive)
    async with serving(app) as url:
        receiver.url = f"{url}/hook/"
        yield receiver
