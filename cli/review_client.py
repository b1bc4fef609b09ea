"""The review queue's HTTP calls, made with a person's key."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from cli.failures import WRONG_USE, CommandError

CALL_S_MAX = 60.0
PATH = "/api/v1/reviews"
_NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
Data = dict[str, Any]


@dataclass(frozen=True)
class ReviewClient:
    """`url`: the API's, without a path. `key`: a person's."""

    url: str
    key: str

    def pages(self) -> list[Data]:
        """Every open case of the key's hospital. Raises `CommandError`."""
        cases: list[Data] = []
        cursor = ""
        while True:
            page = self._call("GET", "", params={"cursor": cursor} if cursor else {})
            cases += page["cases"]
            cursor = page["nextCursor"]
            if not cursor:
                return cases

    def show(self, med_org_ord: str, refund_no: str) -> Data:
        """A case with what both sides say now. Raises `CommandError`."""
        return self._call("GET", f"/{med_org_ord}", params={"refundNo": refund_no} if refund_no else {})

    def send(self, med_org_ord: str, what: str, fields: Mapping[str, str]) -> Data:
        """`what`: proposals or approvals. Raises `CommandError`."""
        body = {name: value for name, value in fields.items() if value}
        return self._call("POST", f"/{med_org_ord}/{what}", json=body)

    def _call(self, method: str, path: str, **kwargs: Any) -> Data:  # noqa: ANN401 - aiohttp's
        return asyncio.run(self._request(method, f"{self.url}{PATH}{path}", **kwargs))

    async def _request(self, method: str, url: str, **kwargs: Any) -> Data:  # noqa: ANN401 - aiohttp's
        timeout = aiohttp.ClientTimeout(total=CALL_S_MAX)
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(method, url, **kwargs) as response,
            ):
                body = await response.json()
                code = response.headers.get("X-Error-Code", "")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise CommandError(f"--api: no answer of medpay's API at {self.url}") from None
        if not isinstance(body, dict) or body.get("CODE") != 0:
            message = body.get("MSG", "") if isinstance(body, dict) else ""
            wrong = WRONG_USE if response.status in _NOT_ALLOWED else 1
            raise CommandError(f"{code}: {message}", exit_code=wrong)
        data: Data = body["DATA"]
        return data
