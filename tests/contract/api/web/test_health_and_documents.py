"""Health, metrics, logs and the interface document."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy import make_url

from api.payments.schemas import PreSettleCall, SettleCall
from api.web.documentation import ERRORS
from api.web.models import fields_of
from domain.errors import ErrorCode
from tests.support.stack.api_server import KEY, PRE_SETTLE, SETTLE, ApiServer, bill, free_port, prepare, serving_api

DEMANDED = {
    PRE_SETTLE: {
        **dict.fromkeys(("payAuthNo", "uldLatlnt", "PATIENT_ID", "CATEGORY"), "是"),
        "VISIT_ID": "否",
        "CLINIC_ID": "CATEGORY=1时",
        "ORDER_ID": "CATEGORY=2时",
        "ID_NO": "是",
        "PATIENT_NAME": "否",
        "medOrgOrd": "是",
        "TOTAL": "是",
        "CHANNEL": "否",
    },
    SETTLE: {"payOrdId": "是", "PATIENT_ID": "是", "VISIT_ID": "CATEGORY=2时", "medOrgOrd": "是", "CHANNEL": "否"},
}
"""The interface's fields, in order, and when each is demanded."""


class TestHealth:
    async def test_live_needs_nothing(self, api: ApiServer) -> None:
        answer = await api.call("GET", "/health/live", key=None)
        assert (answer.status, answer.json["CODE"]) == (200, 0)

    async def test_ready_says_what_is_away(self, api: ApiServer) -> None:
        answer = await api.call("GET", "/health/ready", key=None)
        assert answer.outcome == (503, "UNAVAILABLE")
        assert answer.json == {"CODE": -1, "MSG": "Temporal不可用"}

    async def test_ready_notices_a_lost_database(self, tmp_path: Path) -> None:
        settings = prepare(tmp_path, f"127.0.0.1:{free_port()}", database_url=f"sqlite:///{tmp_path}/a.db")
        lost = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/gone/a.db"})
        lost.__dict__.pop("database", None)
        async with serving_api(lost) as server:
            ready = await server.call("GET", "/health/ready")
            assert "数据库(database)" in ready.json["MSG"]
            answer = await server.post(PRE_SETTLE, bill())
            assert answer.outcome == (503, "UNAVAILABLE")

    async def test_ready_notices_a_database_that_can_only_be_read(self, api: ApiServer) -> None:
        file = make_url(api.settings.database).database
        assert file is not None
        with closing(sqlite3.connect(file, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            ready = await api.call("GET", "/health/ready")
            assert (ready.outcome, ready.json["MSG"]) == ((503, "UNAVAILABLE"), "数据库(database)、Temporal不可用")
            another.execute("ROLLBACK")
        assert (await api.call("GET", "/health/ready")).json["MSG"] == "Temporal不可用"


class TestMetricsAndLogs:
    async def test_count_by_route_and_code_without_ids(self, api: ApiServer) -> None:
        await api.post(PRE_SETTLE, bill(medOrgOrd="MARKER-ORDER", TOTAL="0"))
        await api.call("GET", "/api/v1/payments/MARKER-ORDER")
        await api.call("GET", "/secret-path-77")
        text = (await api.call("GET", "/metrics", key=None)).text
        counted = re.findall(r"medpay_http_requests_total\{(.*)\} 1\.0", text)
        assert 'code="INVALID_FIELD",method="POST",route="/api/v1/insurance/pre-settle",status="200"' in counted
        assert 'code="UNAVAILABLE",method="GET",route="/api/v1/payments/{medOrgOrd}",status="503"' in counted
        assert 'code="NOT_FOUND",method="GET",route="unmatched",status="404"' in counted
        assert "medpay_http_request_duration_seconds_bucket" in text
        assert "medpay_http_backlog 0.0" in text
        assert "MARKER-ORDER" not in text
        assert "secret-path-77" not in text

    async def test_log_who_and_what_but_no_person(self, api: ApiServer) -> None:
        with structlog.testing.capture_logs() as logs:
            answer = await api.post(PRE_SETTLE, bill(medOrgOrd="LOGGED-1", oddKey="odd-value-9"))
        line = next(line for line in logs if line["event"] == "request")
        assert line.pop("duration_ms") >= 0
        assert line == {
            "event": "request",
            "log_level": "info",
            "request_id": answer.headers["X-Request-Id"],
            "method": "POST",
            "route": PRE_SETTLE,
            "status": 503,
            "error_code": "UNAVAILABLE",
            "hospital": "main",
            "key_name": "MEDPAY_API_KEY",
            "medOrgOrd": "LOGGED-1",
        }
        unknown = next(line for line in logs if line["event"] == "unknown_fields")
        assert unknown["names"] == ["oddKey"]
        everything = json.dumps(logs, ensure_ascii=False)
        for secret in ("AUTH-MARKER-1", "110101199003070134", "张三", "odd-value-9", KEY):
            assert secret not in everything


class TestDocument:
    async def test_needs_no_internet(self, api: ApiServer) -> None:
        page = await api.call("GET", "/docs", key=None)
        assert page.status == 200
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
        for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert (await api.call("GET", asset, key=None)).status == 200

    async def test_has_every_field_with_its_rule(self, api: ApiServer) -> None:
        document = (await api.call("GET", "/openapi.json", key=None)).json
        for path, call in ((PRE_SETTLE, PreSettleCall), (SETTLE, SettleCall)):
            operation = document["paths"][path]["post"]
            assert [name for name, _ in fields_of(call)] == list(DEMANDED[path])
            for name, field in fields_of(call):
                row = f"| `{name}` | {field.title} | {DEMANDED[path][name]} | {field.description} |"
                assert row.replace("以|分隔", "以&#124;分隔") in operation["description"]
            content = operation["requestBody"]["content"]
            assert set(content["application/json"]["examples"]) == {
                "object",
                "p_json_object",
                "p_json_text",
                "registration",
            }
            assert content["application/x-www-form-urlencoded"]
            assert {"200", "202", "401", "403", "413", "415", "422", "503"} <= set(operation["responses"])
            assert operation["security"]

    async def test_promises_no_other_envelope(self, api: ApiServer) -> None:
        document = (await api.call("GET", "/openapi.json", key=None)).text
        assert r"\|" not in document, "Swagger's Markdown would break the field table there"
        assert "HTTPValidationError" not in document
        assert "/api/v1/payments/{medOrgOrd}" in document

    async def test_its_examples_are_valid_calls(self, api: ApiServer) -> None:
        document = (await api.call("GET", "/openapi.json", key=None)).json
        content = document["paths"][PRE_SETTLE]["post"]["requestBody"]["content"]
        for sample in content["application/json"]["examples"].values():
            answer = await api.post(PRE_SETTLE, sample["value"])
            assert answer.outcome == (503, "UNAVAILABLE"), sample

    def test_explains_every_reason(self) -> None:
        assert set(ERRORS) == set(ErrorCode)
