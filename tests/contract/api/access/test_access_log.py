"""What people's keys look at over HTTP is recorded before they see it; refused keys are too, within limits."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from api.access.recording import EVENTS
from api.app import create_app
from storage.sql.engines import open_engines
from tests.support.stack.api_server import KEYS, PRE_SETTLE, ApiServer, bill, free_port, serving_api, settings_for
from tests.support.stack.database import Recorded, log_of
from tests.support.stack.recorded import PAID, TO_SETTLED, given
from tests.support.values.orders import outpatient

PAYMENT = "/api/v1/payments/M1"
OPERATOR = ("main", "operator-key", "operator")
AUDITOR = ("main", "auditor-key", "auditor")
NOT_RECORDED = {
    ("POST", "/api/v1/insurance/pre-settle"),
    ("POST", "/api/v1/insurance/settle"),
    ("POST", "/api/v1/insurance/settlement-notice"),
}
"""Calls that stand in the payment's own history: no person's key opens them."""


@pytest.fixture
async def settled(api: ApiServer) -> ApiServer:
    await given(api, outpatient("M1"), *TO_SETTLED, facts=PAID)
    return api


def test_every_route_has_an_event_or_a_reason(prepared_folder: Path) -> None:
    app = create_app(settings_for(prepared_folder, "127.0.0.1:9"))
    routes = {
        (method, path)
        for path, methods in app.openapi()["paths"].items()
        for method in map(str.upper, methods)
        if path.startswith("/api/")
    }
    assert routes == EVENTS.keys() | NOT_RECORDED


class TestPeople:
    async def test_a_payment_that_is_read(self, settled: ApiServer) -> None:
        assert (await settled.call("GET", PAYMENT, key=KEYS["auditor"])).status == 200
        assert await log_of(settled) == [Recorded("api:payment:read", AUDITOR, "payment-main-M1", {"answer": "OK"})]

    @pytest.mark.parametrize(
        ("asked", "event", "subject", "answered"),
        [
            ("GET /api/v1/payments", "api:payment:listed", "", "OK"),
            ("GET /api/v1/payments/M2", "api:payment:read", "payment-main-M2", "UNAVAILABLE"),
            (f"POST {PAYMENT}/cancel", "api:payment:cancelled", "payment-main-M1", "BILL_ALREADY_PAID"),
            (f"POST {PAYMENT}/recheck", "api:payment:rechecked", "payment-main-M1", "OK"),
            (f"GET {PAYMENT}/refunds/R1", "api:refund:read", "payment-main-M1", "UNAVAILABLE"),
            (f"POST {PAYMENT}/refunds", "api:refund:requested", "payment-main-M1", "MISSING_FIELD"),
            ("GET /api/v1/reviews", "api:review:listed", "", "OK"),
            ("GET /api/v1/reviews/M1", "api:review:read", "payment-main-M1", "UNKNOWN_ORDER"),
            ("POST /api/v1/reviews/M1/proposals", "api:review:proposed", "payment-main-M1", "MISSING_FIELD"),
        ],
    )
    async def test_everything_else_that_a_person_may_ask(
        self, settled: ApiServer, asked: str, event: str, subject: str, answered: str
    ) -> None:
        method, path = asked.split()
        body = {} if method == "GET" else {"json": {"unknown": "1"}}
        await settled.call(method, path, key=KEYS["operator"], **body)
        assert await log_of(settled) == [Recorded(event, OPERATOR, subject, {"answer": answered})]

    async def test_an_identity_number_typed_as_an_order_s_is_masked(self, settled: ApiServer) -> None:
        await settled.call("GET", "/api/v1/payments/110101199003070134", key=KEYS["operator"])
        assert [record.subject for record in await log_of(settled)] == ["payment-main-1101**********0134"]

    async def test_no_record_no_answer(self, settled: ApiServer) -> None:
        engines = open_engines(settled.settings.database)
        async with engines.writer.begin() as connection:
            await connection.execute(text("ALTER TABLE access_log RENAME TO gone"))
        await engines.dispose()
        answer = await settled.call("GET", PAYMENT, key=KEYS["auditor"])
        assert answer.outcome == (503, "UNAVAILABLE")
        assert answer.json == {"CODE": -1, "MSG": "访问记录暂不可写, 未予答复, 请稍后重试"}
        assert (await settled.call("GET", PAYMENT)).status == 200


class TestCallers:
    async def test_their_calls_stand_in_the_payment_s_history_alone(self, settled: ApiServer) -> None:
        assert (await settled.call("GET", PAYMENT)).status == 200
        assert (await settled.post(PRE_SETTLE, bill())).status == 200
        assert await log_of(settled) == []


class TestRefusedKeys:
    async def test_an_unknown_one_is_recorded_by_its_address_without_the_key(self, settled: ApiServer) -> None:
        await settled.call("GET", PAYMENT, key="MARKER-KEY")
        (record,) = await log_of(settled)
        assert record == Recorded(
            "api:key:refused",
            ("", "127.0.0.1", ""),
            "",
            {"answer": "UNAUTHORIZED", "route": "GET /api/v1/payments/{medOrgOrd}"},
        )

    async def test_one_without_the_role_is_recorded_by_its_name(self, settled: ApiServer) -> None:
        await settled.call("POST", f"{PAYMENT}/recheck", key=KEYS["auditor"])
        (record,) = await log_of(settled)
        assert (record.event, record.who) == ("api:key:refused", AUDITOR)
        assert record.details["answer"] == "FORBIDDEN"

    async def test_a_flood_is_one_record_and_its_count(self, prepared_folder: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(prepared_folder, tmp_path / "flood")
        async with serving_api(settings_for(folder, f"127.0.0.1:{free_port()}")) as api:
            for number in range(50):
                assert (await api.call("GET", PAYMENT, key=f"wrong {number}")).status == 401
            assert [record.details.get("more") for record in await log_of(api)] == [None]
        assert [record.details.get("more") for record in await log_of(api)] == [None, 49]
