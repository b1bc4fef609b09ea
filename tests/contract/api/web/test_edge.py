"""Transport: keys, sizes, formats, unknown paths; the same envelope in all, and no stack trace in any."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import pytest_asyncio

from api.web.body import BODY_BYTES_MAX
from tests.support.stack.api_server import (
    KEYS,
    PRE_SETTLE,
    SETTLE,
    Answer,
    ApiServer,
    bill,
    free_port,
    serving_api,
    settings_for,
    writing_back,
)

JSON_TYPE = {"Content-Type": "application/json"}
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(prepared_folder: Path) -> AsyncIterator[ApiServer]:
    """One for all: nothing here leaves a trace in it."""
    async with serving_api(settings_for(prepared_folder, f"127.0.0.1:{free_port()}")) as server:
        yield server


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert answer.outcome == (status, code)
    assert list(answer.json) == ["CODE", "MSG"]
    assert answer.json["CODE"] == -1
    assert answer.json["MSG"]
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"


class TestKeys:
    @pytest.mark.parametrize("path", [PRE_SETTLE, SETTLE])
    async def test_are_needed(self, api: ApiServer, path: str) -> None:
        for key in (None, "wrong"):
            answer = await api.post(path, bill(), key=key)
            assert_refused(answer, 401, "UNAUTHORIZED")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert_refused(await api.call("GET", "/api/v1/payments/M1", key=None), 401, "UNAUTHORIZED")

    async def test_of_other_schemes_do_not_open(self, api: ApiServer) -> None:
        basic = await api.call("POST", PRE_SETTLE, key=None, json=bill(), headers={"Authorization": "Basic dGVzdA=="})
        assert_refused(basic, 401, "UNAUTHORIZED")

    @pytest.mark.parametrize("role", ["operator", "auditor"])
    async def test_of_people_do_not_pay(self, api: ApiServer, role: str) -> None:
        assert_refused(await api.post(PRE_SETTLE, bill(), key=KEYS[role]), 403, "FORBIDDEN")
        assert_refused(await api.post(SETTLE, writing_back(), key=KEYS[role]), 403, "FORBIDDEN")
        # Temporal is away, so the question itself can't be answered; the key was let in.
        assert_refused(await api.call("GET", "/api/v1/payments/M1", key=KEYS[role]), 503, "UNAVAILABLE")

    async def test_come_before_the_body(self, api: ApiServer) -> None:
        assert_refused(await api.call("POST", PRE_SETTLE, key=None, data=b"{", headers=JSON_TYPE), 401, "UNAUTHORIZED")


class TestForms:
    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (JSON_TYPE, json.dumps(bill())),
            ({"Content-Type": "application/json; charset=UTF-8"}, json.dumps(bill())),
            ({"Content-Type": "application/JSON;charset=utf8"}, "\ufeff" + json.dumps(bill())),
            (JSON_TYPE, json.dumps({"P_JSON": bill()})),
            (JSON_TYPE, json.dumps({"P_JSON": json.dumps(bill())})),
            (JSON_TYPE, json.dumps({"P_JSON": {"P_JSON": json.dumps(bill())}})),
            (JSON_TYPE, json.dumps({f" {name} ": f" {value} " for name, value in bill().items()})),
            (JSON_TYPE, json.dumps(bill(TOTAL=128.50, PATIENT_ID=100001, note={"deep": [1]}))),
            (FORM_TYPE, urlencode({"P_JSON": json.dumps(bill())})),
            (FORM_TYPE, urlencode({"other": "1", " P_JSON ": json.dumps(bill(), ensure_ascii=False)})),
            (FORM_TYPE, "P_JSON=" + json.dumps(bill(payAuthNo="AB+cd/ef=&%2B", uldLatlnt="+38.1,-112.9"))),
            (FORM_TYPE, "\ufeffP_JSON=" + json.dumps(bill(), ensure_ascii=False) + "&other=1\r\n"),
        ],
    )
    async def test_all_are_taken(self, api: ApiServer, headers: dict[str, str], body: str) -> None:
        """The call is valid: it gets as far as Temporal, which is away."""
        answer = await api.call("POST", PRE_SETTLE, data=body.encode(), headers=headers)
        assert_refused(answer, 503, "UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            (JSON_TYPE, b""),
            (JSON_TYPE, b"{"),
            (JSON_TYPE, b"[]"),
            (JSON_TYPE, b'"text"'),
            (JSON_TYPE, b'{"TOTAL": NaN}'),
            (JSON_TYPE, b'{"P_JSON": "{"}'),
            (JSON_TYPE, b"\xff\xfe{}"),
            (JSON_TYPE, '{"PATIENT_NAME": "张三"}'.encode("gbk")),
            (JSON_TYPE, b"[" * 500_000),
            (JSON_TYPE, b'{"a":' * 150_000),
            (FORM_TYPE, b""),
            (FORM_TYPE, b"payAuthNo=1&TOTAL=2"),
            (FORM_TYPE, b"P_JSON=%FF%FE"),
            (FORM_TYPE, b"P_JSON="),
            (FORM_TYPE, b"P_JSON=%7B%7D&P_JSON=%7B%7D"),
            (FORM_TYPE, b"a=1&" * 1000),
        ],
    )
    async def test_what_is_not_json_is_422(self, api: ApiServer, headers: dict[str, str], body: bytes) -> None:
        assert_refused(await api.call("POST", PRE_SETTLE, data=body, headers=headers), 422, "MALFORMED_JSON")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/plain"},
            {"Content-Type": "text/xml"},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "application/json; charset=gbk"},
            {"Content-Type": "nonsense"},
            {"Content-Type": ""},
            {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        ],
    )
    async def test_other_formats_are_415(self, api: ApiServer, headers: dict[str, str]) -> None:
        answer = await api.call("POST", PRE_SETTLE, data=json.dumps(bill()).encode(), headers=headers)
        assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


class TestSize:
    async def test_up_to_the_limit_is_read(self, api: ApiServer) -> None:
        body = json.dumps(bill()).ljust(BODY_BYTES_MAX).encode()
        assert_refused(await api.call("POST", PRE_SETTLE, data=body, headers=JSON_TYPE), 503, "UNAVAILABLE")

    async def test_announced_beyond_it_is_413(self, api: ApiServer) -> None:
        """Before a byte of it is sent."""
        where = urlsplit(api.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        head = f"POST {PRE_SETTLE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-caller-key\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode())
        await writer.drain()
        status_line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        assert b" 413 " in status_line

    async def test_counted_beyond_it_is_413(self, api: ApiServer) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * 65_536

        assert_refused(await api.call("POST", PRE_SETTLE, data=chunks(), headers=JSON_TYPE), 413, "TOO_LARGE")


class TestOtherPaths:
    @pytest.mark.parametrize("path", ["/", "/api/v1", "/nowhere", PRE_SETTLE + "/", "/api/v1/payments/a/b"])
    async def test_are_404(self, api: ApiServer, path: str) -> None:
        assert_refused(await api.call("GET", path), 404, "NOT_FOUND")

    async def test_other_methods_are_405(self, api: ApiServer) -> None:
        answer = await api.call("GET", PRE_SETTLE)
        assert_refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert answer.headers["Allow"] == "POST"

    @pytest.mark.parametrize("order", ["%20", "a%20b", "x" * 65, "%00", "订单", "a.b"])
    async def test_impossible_orders_are_404(self, api: ApiServer, order: str) -> None:
        assert_refused(await api.call("GET", f"/api/v1/payments/{order}"), 404, "UNKNOWN_ORDER")


class TestRequestId:
    async def test_is_the_caller_s_own_where_it_is_harmless(self, api: ApiServer) -> None:
        given = await api.call("GET", "/health/live", headers={"X-Request-Id": "abc-1.2"})
        assert given.headers["X-Request-Id"] == "abc-1.2"

    @pytest.mark.parametrize("bad", ["a b", "x" * 65, '"><'])
    async def test_is_a_new_one_else(self, api: ApiServer, bad: str) -> None:
        answer = await api.call("GET", "/health/live", headers={"X-Request-Id": bad})
        assert answer.headers["X-Request-Id"] != bad
        assert len(answer.headers["X-Request-Id"]) == 32
