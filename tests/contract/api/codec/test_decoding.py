"""The codec server over HTTP: who may decode what, from which page, and the trace that it leaves."""

import io
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import Payload

from domain.base import for_operators
from storage.sql.engines import open_engines
from tests.contract.api.codec.payloads import (
    DECODE,
    JSON,
    OURS,
    THEIRS,
    UI,
    body_of,
    plain,
    sealed,
    texts_in,
)
from tests.support.stack.api_server import KEY, KEYS, Answer, ApiServer, free_port, serving_api, settings_for
from tests.support.stack.database import Recorded, log_of

AUDITOR = ("main", "auditor-key", "auditor")


async def decode(api: ApiServer, *payloads: Payload, key: str | None = KEYS["auditor"], **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call("POST", DECODE, key=key, data=body_of(*payloads), headers=JSON | sent)


@pytest.fixture
async def alone(prepared_folder: Path, tmp_path: Path) -> AsyncIterator[ApiServer]:
    """An installation of one hospital, with an approver."""
    folder = shutil.copytree(prepared_folder, tmp_path / "alone")
    file = folder / "hospitals.toml"
    tables = re.split(r"(?m)^(?=\[)", file.read_text(encoding="utf-8"))
    ours = [table for table in tables if "hospitals.west" not in table]
    file.write_text("".join(ours), encoding="utf-8")
    async with serving_api(settings_for(folder, f"127.0.0.1:{free_port()}")) as server:
        yield server


class TestDecoding:
    @pytest.mark.parametrize("role", ["auditor", "operator"])
    async def test_gives_back_what_the_workflow_wrote_and_records_it(self, api: ApiServer, role: str) -> None:
        payload = await sealed(api.keyring, OURS, "张三")
        answer = await decode(api, payload, key=KEYS[role])
        assert (answer.status, texts_in(answer.text)) == (200, ["张三"])
        assert answer.headers["Cache-Control"] == "no-store"
        who = ("main", f"{role}-key", role)
        assert await log_of(api) == [Recorded("codec:payload:decoded", who, OURS, {"payloads": 1})]

    async def test_of_several_workflows_names_them_all(self, api: ApiServer) -> None:
        payloads = [await sealed(api.keyring, f"payment-main-M{number}", str(number)) for number in (2, 1, 2)]
        answer = await decode(api, *payloads)
        assert texts_in(answer.text) == ["2", "1", "2"]
        (record,) = await log_of(api)
        assert (record.subject, record.details) == (
            "",
            {"payloads": 3, "workflows": ["payment-main-M1", "payment-main-M2"]},
        )

    async def test_of_what_was_never_sealed_passes_it_through_unrecorded(self, api: ApiServer) -> None:
        answer = await decode(api, plain(for_operators("等待付款")), plain("signal"))
        assert texts_in(answer.text) == [for_operators("等待付款"), "signal"]
        assert await log_of(api) == []

    async def test_no_record_no_answer(self, api: ApiServer) -> None:
        engines = open_engines(api.settings.database)
        async with engines.writer.begin() as connection:
            await connection.execute(text("ALTER TABLE access_log RENAME TO gone"))
        await engines.dispose()
        answer = await decode(api, await sealed(api.keyring, OURS, "MARKER"))
        assert answer.outcome == (503, "UNAVAILABLE")
        assert "MARKER" not in answer.text

    async def test_there_is_no_encoding(self, api: ApiServer) -> None:
        answer = await api.call("POST", "/codec/encode", key=KEYS["auditor"], data=body_of(plain("x")), headers=JSON)
        assert answer.status == 404


class TestHospitals:
    async def test_another_one_s_payload_is_refused_and_that_is_recorded(self, api: ApiServer) -> None:
        answer = await decode(api, await sealed(api.keyring, OURS, "a"), await sealed(api.keyring, THEIRS, "MARKER"))
        assert answer.outcome == (403, "FORBIDDEN")
        assert await log_of(api) == [Recorded("codec:payload:refused", AUDITOR, THEIRS, {})]

    async def test_a_payload_that_is_said_to_be_ours_stays_sealed(self, api: ApiServer) -> None:
        """The workflow that a payload names is part of its seal: nobody opens it by writing another one over it."""
        forged = await sealed(api.keyring, THEIRS, "MARKER")
        forged.metadata["workflow-id"] = OURS.encode()
        answer = await decode(api, forged)
        assert answer.outcome == (422, "INVALID_FIELD")
        assert "MARKER" not in answer.text

    @pytest.mark.parametrize("foreign", ["refund-west-M1:R1", "notify-west-M1-1", "batch-of-nobody"])
    async def test_neither_is_any_other_workflow_of_theirs_or_of_nobody(self, api: ApiServer, foreign: str) -> None:
        assert (await decode(api, await sealed(api.keyring, foreign, "MARKER"))).status == 403

    async def test_one_that_does_not_say_whose_it_is_stays_sealed(self, api: ApiServer) -> None:
        nameless = await sealed(api.keyring, OURS, "MARKER")
        del nameless.metadata["workflow-id"]
        assert (await decode(api, nameless)).outcome == (422, "INVALID_FIELD")


class TestKeys:
    @pytest.mark.parametrize(("key", "status"), [(KEY, 403), ("approver-key", 403), ("wrong", 401), (None, 401)])
    async def test_of_other_roles_or_of_nobody_decode_nothing(
        self, alone: ApiServer, key: str | None, status: int
    ) -> None:
        answer = await decode(alone, await sealed(alone.keyring, OURS, "MARKER"), key=key)
        assert answer.status == status
        assert [record.event for record in await log_of(alone)] == ["api:key:refused"]


class TestBrokenRequests:
    async def test_a_payload_that_was_changed(self, api: ApiServer) -> None:
        payload = await sealed(api.keyring, OURS, "x")
        payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
        assert (await decode(api, payload)).outcome == (422, "INVALID_FIELD")

    async def test_a_payload_of_another_keyring(self, api: ApiServer) -> None:
        payload = await sealed(api.keyring, OURS, "x")
        payload.metadata["key-id"] = b"k9"
        assert (await decode(api, payload)).outcome == (422, "INVALID_FIELD")

    async def test_too_many_payloads(self, api: ApiServer) -> None:
        assert (await decode(api, *[plain("x")] * 1_001)).outcome == (413, "TOO_LARGE")

    @pytest.mark.parametrize(
        ("body", "headers", "outcome"),
        [
            (b"{", JSON, (422, "MALFORMED_JSON")),
            (b"[" * 100_000, JSON, (422, "MALFORMED_JSON")),
            (b'{"payloads": [{"data": 5}]}', JSON, (422, "MALFORMED_JSON")),
            (b'{"payloads": 1}', JSON, (422, "MALFORMED_JSON")),
            (b'[{"payloads": []}]', JSON, (422, "MALFORMED_JSON")),
            (b'{"payloads": [' + b'{"data":""},' * 2_000 + b"{}]}", JSON, (413, "TOO_LARGE")),
            (b"x" * (1024 * 1024 + 1), JSON, (413, "TOO_LARGE")),
            (b"{}", {"Content-Type": "text/plain"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
            (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ],
        ids=["not whole", "deep", "no base64", "no list", "no object", "many", "large", "text", "form"],
    )
    async def test_a_body_that_is_none(self, api: ApiServer, body: bytes, headers: Any, outcome: Any) -> None:  # noqa: ANN401
        answer = await api.call("POST", DECODE, key=KEYS["auditor"], data=io.BytesIO(body), headers=headers)
        assert answer.outcome == outcome


class TestPages:
    async def preflight(self, api: ApiServer, origin: str) -> Answer:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
        return await api.call("OPTIONS", DECODE, key=None, headers={"Origin": origin, **asks})

    async def test_the_ui_s_may_call(self, api: ApiServer) -> None:
        answer = await self.preflight(api, UI)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == UI
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        granted = await decode(api, await sealed(api.keyring, OURS, "x"), Origin=UI)
        assert granted.headers["Access-Control-Allow-Origin"] == UI

    async def test_the_ui_s_may_read_why_it_is_refused(self, api: ApiServer) -> None:
        refused = await decode(api, plain("x"), key=None, Origin=UI)
        assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, UI)

    @pytest.mark.parametrize(
        "origin", ["http://localhost:8233", "https://127.0.0.1:8233", "http://evil.example", "null"]
    )
    async def test_no_other_may(self, api: ApiServer, origin: str) -> None:
        answer = await self.preflight(api, origin)
        assert answer.status == 400
        assert "Access-Control-Allow-Origin" not in answer.headers

    async def test_nothing_else_is_open_to_it(self, api: ApiServer) -> None:
        answer = await api.call("GET", "/api/v1/payments", key=KEYS["auditor"], headers={"Origin": UI})
        assert "Access-Control-Allow-Origin" not in answer.headers
