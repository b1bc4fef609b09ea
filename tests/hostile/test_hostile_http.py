"""Some hundreds of hostile requests at a real API process; thousands are sent by `python -m tests.hostile.run`."""

import json
from pathlib import Path

import pytest
import pytest_asyncio

from tests.hostile.api_process import lonely_api
from tests.hostile.corpus import request
from tests.hostile.judge import complaints
from tests.hostile.raw_corpus import RAW
from tests.hostile.run import Verdict, campaign, corpus
from tests.hostile.wire import Attack, send
from tests.support.stack.api_server import KEY, KEYS

REQUESTS = 600


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    async with lonely_api(tmp_path_factory.mktemp("hostile") / "api") as api:
        return await campaign(api, REQUESTS, 1, (KEY, KEYS["operator"]))


class TestHostileRequests:
    def test_are_answered_as_every_request_must_be(self, verdict: Verdict) -> None:
        assert verdict.found == {}, verdict.shown
        assert verdict.sent >= REQUESTS

    def test_are_of_every_kind(self, verdict: Verdict) -> None:
        kinds = set(verdict.kinds)
        assert {f"raw: {name}" for name in RAW} <= kinds
        assert {"path", "query", "header", "method", "media type", "body: deep", "body: huge", "schemathesis"} <= kinds
        assert {200, 400, 401, 403, 404, 405, 413, 415, 422} <= set(verdict.statuses)


async def test_what_is_no_http_is_answered_in_the_envelope(tmp_path: Path) -> None:
    async with lonely_api(tmp_path / "api") as api:
        (reply,) = await send(api.host, api.port, Attack("noise", RAW["noise"], whole=True))
        assert (reply.status, reply.headers["x-error-code"]) == (400, "BAD_REQUEST")
        assert json.loads(reply.body) == {"CODE": -1, "MSG": "不是有效的HTTP请求"}
        upgrade = request("upgrade", "GET", "/api/v1/payments", header="Upgrade: websocket\r\nConnection: Upgrade")
        (reply,) = await send(api.host, api.port, upgrade)
        assert list(complaints(reply.status, reply.headers, reply.body)) == []
        assert "pip install" not in api.log.read_text(encoding="utf-8")


class TestTheJudge:
    @pytest.mark.parametrize(
        ("status", "headers", "body", "complaint"),
        [
            (500, {"x-error-code": "INTERNAL"}, b'{"CODE":-1,"MSG":""}', "status 500"),
            (404, {"content-type": "text/plain"}, b"Not Found", "is no JSON"),
            (404, {}, b'{"detail":"Not Found"}', "is not in the envelope"),
            (422, {"x-error-code": "X"}, b'{"CODE":-1,"MSG":"Traceback (most"}', "tells b'Traceback'"),
            (422, {"x-error-code": "X"}, b'{"CODE":-1,"MSG":"","DATA":{}}', "is not in the envelope"),
            (200, {"server": "uvicorn"}, b'{"CODE":0,"MSG":"","DATA":{}}', "tells what it runs on"),
            (200, {"x-request-id": ""}, b'{"CODE":0,"MSG":"","DATA":{}}', "has no X-Request-Id"),
        ],
    )
    def test_finds_what_is_wrong(self, status: int, headers: dict[str, str], body: bytes, complaint: str) -> None:
        headers = {"content-type": "application/json", "x-request-id": "r"} | headers
        assert any(complaint in found for found in complaints(status, headers, body))

    async def test_finds_an_api_that_is_gone(self, tmp_path: Path) -> None:
        async with lonely_api(tmp_path / "api") as api:
            pass
        verdict = Verdict()
        await corpus(api, 3, 1, verdict)
        assert verdict.found.total() == 3
