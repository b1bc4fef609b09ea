"""Sends 6302 结算结果通知 to the hospital, once; a failure is only logged."""

import logging
from types import TracebackType
from typing import Any, Self

import aiohttp

from gateways.insurance.envelope import Envelope

NOTICE_S_MAX = 5.0
_log = logging.getLogger(__name__)


class Notices:
    """Use as `async with Notices(url, envelope)`. Nothing is sent if `url` is None."""

    def __init__(self, url: str | None, envelope: Envelope) -> None:
        self._url = url
        self._envelope = envelope
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=NOTICE_S_MAX)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, status: dict[str, Any]) -> bool:
        """Send a notice; whether the hospital accepted it. `status`: 6301's fields."""
        if self._session is None:
            raise RuntimeError("Notices is used outside of its `async with`")
        if self._url is None:
            _log.warning("6302 not sent: there is no notice_url")
            return False
        sealed = await self._envelope.seal_request({**status, "callType": "02"})
        try:
            async with self._session.post(self._url, json=sealed, allow_redirects=False) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("6302 failed: %s", type(error).__name__)
            return False
        taken = isinstance(answer, dict) and answer.get("success") is True
        if not taken:
            _log.warning("6302 not taken: HTTP %s", response.status)
        return taken
