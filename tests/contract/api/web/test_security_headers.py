"""What every answer says to a browser, and what none says to a stranger."""

import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import aiohttp
import pytest
import pytest_asyncio

from api.payments.service import PaymentsService
from api.web.headers import document_policy
from tests.support.stack.api_server import (
    NOTICE,
    PRE_SETTLE,
    Answer,
    ApiServer,
    bill,
    free_port,
    serving_api,
    settings_for,
)
from tests.support.tls.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
ANSWERS = [
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 503),
    ("GET", "/metrics", 200),
    ("GET", "/docs", 200),
    ("GET", "/docs/assets/swagger-ui.css", 200),
    ("GET", "/docs/assets/nothing.css", 404),
    ("GET", "/docs/assets/..%2f..%2fapp.py", 404),
    ("GET", "/openapi.json", 200),
    ("GET", "/nowhere", 404),
    ("GET", PRE_SETTLE, 405),
    ("POST", PRE_SETTLE, 415),
    ("POST", NOTICE, 422),
    ("GET", "/api/v1/payments", 200),
    ("GET", "/api/v1/reviews", 403),
]
TELLING = re.compile(
    r"uvicorn|starlette|fastapi/|python/|Traceback|site-packages|127\.0\.0\.1|localhost|\.py\b", re.IGNORECASE
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    async with serving_api(settings_for(prepared_folder, f"127.0.0.1:{free_port()}")) as server:
        yield server


def assert_closed(answer: Answer) -> None:
    assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers
    assert not TELLING.search(str(dict(answer.headers)))


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_stand_on_every_answer(api: ApiServer, method: str, path: str, status: int) -> None:
    answer = await api.call(method, path, data=b"x" if method == "POST" else None)
    assert answer.status == status
    assert_closed(answer)
    if not path.startswith("/docs/assets/swagger"):
        assert answer.headers["Cache-Control"] == "no-store"
        assert not TELLING.search(answer.text), TELLING.search(answer.text)


async def test_stand_on_a_failure_that_nobody_foresaw(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError("a secret of /srv/medpay on 10.1.2.3")

    monkeypatch.setattr(PaymentsService, "pre_settle", broken)
    answer = await api.post(PRE_SETTLE, bill())
    assert answer.outcome == (500, "INTERNAL")
    assert_closed(answer)
    assert "secret" not in answer.text
    assert not TELLING.search(answer.text)


class TestTheDocument:
    async def test_may_run_its_own_script_and_no_other(self, api: ApiServer) -> None:
        page = await api.call("GET", "/docs", key=None)
        policy = page.headers["Content-Security-Policy"]
        assert policy == document_policy(page.text.encode())
        assert re.findall(r"script-src ([^;]*)", policy)[0].startswith("'self' 'sha256-")
        assert "unsafe-inline" not in re.findall(r"script-src ([^;]*)", policy)[0]

    async def test_s_files_may_be_kept(self, api: ApiServer) -> None:
        asset = await api.call("GET", "/docs/assets/swagger-ui-bundle.js", key=None)
        assert asset.headers["Cache-Control"] == "public, max-age=86400"


async def test_https_is_said_to_be_for_good(prepared_folder: Path, tmp_path: Path) -> None:
    """And the API speaks it, with a certificate of its own."""
    authority = Authority(tmp_path)
    ours = authority.issue("api")
    settings = settings_for(prepared_folder, f"127.0.0.1:{free_port()}", api_tls_cert=ours.cert, api_tls_key=ours.key)
    async with serving_api(settings) as server:
        trusting = ssl.create_default_context(cafile=str(authority.ca))
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/health/live", ssl=trusting) as answer:
            assert answer.status == 200
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert server.url.startswith("https://")
