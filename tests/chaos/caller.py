"""A caller as real ones are: it repeats what is not answered, at the next API, and keeps every answer."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from tests.chaos.plan import Wish
from tests.chaos.processes import CALLERS_KEY, Site
from tests.chaos.told import Answer, Asked, Told, answer_of
from tests.support.stack.api_server import KEY, PRE_SETTLE, SETTLE

CALL_S_MAX = 6.0
"""Longer than an API that is well waits for an answer, shorter than some freezes."""

REPEAT_S_MAX = 2.0
PATIENCE_S = 110.0
AT_ONCE_MAX = 24
"""Calls under way, of all callers together."""

_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError, ValueError)


class Callers:
    """All callers of a campaign. `told`: what they were answered."""

    def __init__(self, site: Site, session: aiohttp.ClientSession, told: Told) -> None:
        self.told = told
        self.session = session
        self._urls = site.api_urls
        self._under_way = asyncio.Semaphore(AT_ONCE_MAX)
        self._next = 0

    async def pre_settle(self, wish: Wish, body: Mapping[str, str], patience_s: float = PATIENCE_S) -> Answer:
        return await self.answered(wish, Asked.PRE_SETTLE, PRE_SETTLE, body, patience_s)

    async def settle(self, wish: Wish, body: Mapping[str, str], patience_s: float = PATIENCE_S) -> Answer:
        return await self.answered(wish, Asked.SETTLE, SETTLE, body, patience_s)

    async def cancel(self, wish: Wish) -> Answer:
        return await self.answered(wish, Asked.CANCEL, f"/api/v1/payments/{wish.number}/cancel", {})

    async def refund(self, wish: Wish, body: Mapping[str, str]) -> Answer:
        return await self.answered(wish, Asked.REFUND, f"/api/v1/payments/{wish.number}/refunds", body)

    async def look(self, wish: Wish, patience_s: float = PATIENCE_S) -> Answer:
        return await self.answered(wish, Asked.LOOK, f"/api/v1/payments/{wish.number}", None, patience_s)

    async def answered(
        self, wish: Wish, asked: Asked, path: str, body: Mapping[str, str] | None, patience_s: float = PATIENCE_S
    ) -> Answer:
        """The same call again until it is answered; the last answer when patience is at its end."""
        deadline = time.monotonic() + patience_s
        while True:
            answer, retry_after_s = await self._once(wish, asked, path, body)
            self.told.note(wish.number, answer)
            if answer.is_final or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(min(retry_after_s, REPEAT_S_MAX))

    async def _once(self, wish: Wish, asked: Asked, path: str, body: Mapping[str, str] | None) -> tuple[Answer, float]:
        self._next += 1
        url = self._urls[self._next % len(self._urls)] + path
        headers = {"Authorization": f"Bearer {KEY if wish.hospital == 'main' else CALLERS_KEY}"}
        method = "GET" if body is None else "POST"
        async with self._under_way:
            began = time.time()
            try:
                async with self.session.request(
                    method, url, json=body and dict(body), headers=headers, timeout=aiohttp.ClientTimeout(CALL_S_MAX)
                ) as response:
                    content: Any = await response.json()
                    code = response.headers.get("X-Error-Code", "")
                    answer = answer_of(
                        asked, began, time.time(), status=response.status, code=code, data=content.get("DATA")
                    )
                    return answer, float(response.headers.get("Retry-After", "0.5"))
            except _NO_ANSWER as error:
                return Answer(began, time.time(), asked, 0, type(error).__name__), 0.5
