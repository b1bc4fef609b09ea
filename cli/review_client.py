"""The review queue's HTTP calls, made with a person's key."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from cli.failures import CHECK_FAILED, WRONG_USE, CommandError

CALL_S_MAX = 60.0
REPEATS_MAX = 10
REPEAT_AFTER_S = 2.0
PATH = "/api/v1/reviews"
_NOT_ALLOWED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
Data = dict[str, Any]


class StillProcessing(CommandError):
    """The outcome is open."""


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

    def propose(self, med_org_ord: str, fields: Mapping[str, str]) -> Data:
        """Raises `CommandError`."""
        return self._call("POST", f"/{med_org_ord}/proposals", json=_given(fields))

    def approve(self, med_org_ord: str, fields: Mapping[str, str]) -> Data:
        """Repeated while it is under way: the same approval again is answered. Raises `CommandError`."""
        path, body = f"/{med_org_ord}/approvals", _given(fields)
        for _ in range(REPEATS_MAX):
            try:
                return self._call("POST", path, json=body)
            except StillProcessing:
                time.sleep(REPEAT_AFTER_S)
        return self._call("POST", path, json=body)

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
            if response.status == HTTPStatus.ACCEPTED:
                raise StillProcessing(f"{code}: {message}")
            exit_code = WRONG_USE if response.status in _NOT_ALLOWED else CHECK_FAILED
            raise CommandError(f"{code}: {message}", exit_code=exit_code)
        data: Data = body["DATA"]
        return data


def _given(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
