"""Calls of a key that signs, over real sockets: the signature verifies, is of now, and comes once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.web.body import BODY_BYTES_MAX
from security.keys.signing import FRESH_FOR, new_signing_secret, signature, signed_headers
from storage.session import Database
from tests.support.stack.api_server import (
    PRE_SETTLE,
    SIGNING_KEY,
    SIGNING_SECRET,
    Answer,
    ApiServer,
    bill,
    free_port,
    serving_api,
    settings_for,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = json.dumps(bill()).encode()
LIST = "/api/v1/payments?state=SETTLED&channel=WeChat"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    async with serving_api(settings_for(prepared_folder, f"127.0.0.1:{free_port()}")) as server:
        yield server


async def post(api: ApiServer, headers: dict[str, str], body: bytes | BytesIO = BODY) -> Answer:
    headers = {"Content-Type": "application/json", **headers}
    return await api.call("POST", PRE_SETTLE, key=SIGNING_KEY, data=body, headers=headers)


def signed(body: bytes = BODY, target: str = PRE_SETTLE, secret: str = SIGNING_SECRET) -> dict[str, str]:
    return signed_headers(secret, "POST", target, body)


def signed_at(timestamp: str, nonce: str = "0123456789abcdef") -> dict[str, str]:
    made = signature(SIGNING_SECRET, "POST", PRE_SETTLE, BODY, timestamp=timestamp, nonce=nonce)
    return {"X-Timestamp": timestamp, "X-Nonce": nonce, "X-Signature": made}


def assert_unauthorized(answer: Answer, words: str) -> None:
    assert answer.outcome == (401, "UNAUTHORIZED")
    assert words in answer.json["MSG"]


class TestSigned:
    async def test_is_let_in_with_its_body(self, api: ApiServer) -> None:
        """The call is valid: it gets as far as Temporal, which is away."""
        assert (await post(api, signed())).outcome == (503, "UNAVAILABLE")

    async def test_in_capitals_too(self, api: ApiServer) -> None:
        headers = signed()
        assert (await post(api, headers | {"X-Signature": headers["X-Signature"].upper()})).status == 503

    async def test_without_a_body_and_with_a_query(self, api: ApiServer) -> None:
        headers = signed_headers(SIGNING_SECRET, "GET", LIST, b"")
        assert (await api.call("GET", LIST, key=SIGNING_KEY, headers=headers)).outcome == (200, "")

    async def test_with_a_path_as_it_was_sent(self, api: ApiServer) -> None:
        target = "/api/v1/payments/%4D1"
        headers = signed_headers(SIGNING_SECRET, "GET", target, b"")
        assert_unauthorized(
            await api.call("GET", "/api/v1/payments/M1", key=SIGNING_KEY, headers=headers), "签名不正确"
        )

    async def test_a_large_body_is_too_large_before_it_is_read(self, api: ApiServer) -> None:
        body = b" " * (BODY_BYTES_MAX + 1)
        answer = await post(api, signed(body), BytesIO(body))
        assert answer.outcome == (413, "TOO_LARGE")

    async def test_is_what_uses_up_the_key_s_calls_and_nothing_else(self, prepared_folder: Path) -> None:
        """Whoever has the key but not its secret must not be able to shut its holder out."""
        limits = {"rate_limit_per_minute": 2, "refusals_per_minute": 3}
        async with serving_api(settings_for(prepared_folder, f"127.0.0.1:{free_port()}", **limits)) as api:
            heard = signed()
            assert (await post(api, heard)).status == 503
            for stolen in ({}, signed(secret=new_signing_secret()), heard):
                assert (await post(api, stolen)).status == 401
            assert (await post(api, {})).outcome == (429, "RATE_LIMITED")
            assert (await post(api, signed())).status == 503
            assert (await post(api, signed())).outcome == (429, "RATE_LIMITED")


class TestNotSigned:
    @pytest.mark.parametrize(
        "changed",
        [
            {"X-Signature": ""},
            {"X-Timestamp": "now"},
            {"X-Timestamp": "1" * 12},
            {"X-Nonce": "short"},
            {"X-Nonce": "x" * 65},
            {"X-Nonce": "with space in it ...."},
        ],
    )
    async def test_as_it_must_be(self, api: ApiServer, changed: dict[str, str]) -> None:
        assert_unauthorized(await post(api, signed() | changed), "必须签名")

    async def test_with_this_secret(self, api: ApiServer) -> None:
        assert_unauthorized(await post(api, signed(secret=new_signing_secret())), "签名不正确")

    async def test_of_another_body_path_query_method_time_or_nonce(self, api: ApiServer) -> None:
        later = str(int(time.time()) + 60)
        for answer in (
            await post(api, signed(b"{}")),
            await post(api, signed(target="/api/v1/insurance/settle")),
            await post(api, signed(target=PRE_SETTLE + "?a=1")),
            await post(api, signed_headers(SIGNING_SECRET, "PUT", PRE_SETTLE, BODY)),
            await post(api, signed() | {"X-Timestamp": later}),
            await post(api, signed() | {"X-Nonce": "another-nonce-0000"}),
        ):
            assert_unauthorized(answer, "签名不正确")

    @pytest.mark.parametrize("off_s", [-FRESH_FOR.seconds - 5, FRESH_FOR.seconds + 5, -(10**9)])
    async def test_now(self, api: ApiServer, off_s: int) -> None:
        assert_unauthorized(await post(api, signed_at(str(int(time.time()) + off_s))), "X-Timestamp")


class TestReplayed:
    async def test_is_refused_once_it_was_let_in(self, api: ApiServer) -> None:
        headers = signed()
        assert (await post(api, headers)).status == 503
        assert_unauthorized(await post(api, headers), "已处理过")

    async def test_at_another_process_too(self, api: ApiServer) -> None:
        headers = signed()
        async with serving_api(api.settings) as other:
            assert (await post(api, headers)).status == 503
            assert_unauthorized(await post(other, headers), "已处理过")

    async def test_many_at_once_are_let_in_once(self, api: ApiServer) -> None:
        headers = signed()
        answers = await asyncio.gather(*(post(api, headers) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [401] * 7 + [503]

    async def test_a_refused_one_spends_no_nonce(self, api: ApiServer) -> None:
        headers = signed()
        assert_unauthorized(await post(api, headers | {"X-Signature": "0" * 64}), "签名不正确")
        assert (await post(api, headers)).status == 503


async def test_without_a_database_nobody_is_let_in(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OSError("away")

    monkeypatch.setattr(Database, "begin", away)
    assert (await post(api, signed())).outcome == (503, "UNAVAILABLE")


async def test_the_document_s_python_is_let_in(api: ApiServer) -> None:
    text = (Path(__file__).parents[4] / "docs" / "access.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)  # noqa: S102 - our own document
    assert (await post(api, names["signed"](SIGNING_SECRET, "POST", PRE_SETTLE, BODY))).outcome == (503, "UNAVAILABLE")
