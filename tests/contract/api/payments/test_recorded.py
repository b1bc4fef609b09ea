"""What the API answers from our rows alone: Temporal is away, and a finished payment is answered all the same."""

import json
from typing import Any

import pytest

from domain.errors import ErrorCode, Outcome
from domain.states import PaymentState
from storage.records import PaymentFacts
from tests.support.stack.api_server import KEYS, PRE_SETTLE, SETTLE, ApiServer, bill, writing_back
from tests.support.stack.recorded import PAID, TO_PAID, TO_PRE_SETTLED, TO_SETTLED, given
from tests.support.values.orders import outpatient, registration
from tests.support.values.records import key_of, later

S = PaymentState


async def paid_for_zhang(api: ApiServer) -> None:
    """A row that came to PAID, with one remote call."""
    order = outpatient("M1", patient_name="张三")
    await given(api, order, *TO_PAID, facts=PAID)
    async with api.records() as database, database.begin() as unit:
        call = await unit.calls.begin(key_of(order), "6202", later(1))
        await unit.calls.finish(call, Outcome.DONE, 12)


class TestASettledPayment:
    async def test_answers_both_interfaces_again(self, api: ApiServer) -> None:
        order = outpatient("M1")
        settled = PAID.model_copy(update={"visit_id": "V1", "settlement_no": "S1"})
        await given(api, order, *TO_SETTLED, facts=PaymentFacts(**settled.model_dump(exclude_unset=True)))
        first = await api.post(PRE_SETTLE, bill(payAuthNo="another"))
        assert (first.status, first.json["CODE"], first.json["MSG"]) == (200, 0, "")
        assert first.json["DATA"]["payOrdId"] == "ORD1"
        assert "X-Error-Code" not in first.headers
        second = await api.post(SETTLE, writing_back())
        assert second.json["CODE"] == 0
        assert all(isinstance(value, str) for value in second.json["DATA"].values())
        assert second.json["DATA"]["revsToken"] == ""
        assert second.json["DATA"]["VISIT_ID"] == "V1"

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"payOrdId": "ORD2"}, "ORDER_CONFLICT", "payOrdId"),
            ({"PATIENT_ID": "100002"}, "PATIENT_MISMATCH", "PATIENT_ID"),
            ({"CHANNEL": "Alipay"}, "ORDER_CONFLICT", "CHANNEL"),
            ({"VISIT_ID": "V2"}, "ORDER_CONFLICT", "VISIT_ID"),
            ({"VISIT_ID": None}, "MISSING_FIELD", "VISIT_ID"),
        ],
    )
    async def test_refuses_what_is_not_its_own(
        self, api: ApiServer, changes: dict[str, Any], code: str, field: str
    ) -> None:
        facts = PaymentFacts(**(PAID.model_dump(exclude_unset=True) | {"visit_id": "V1"}))
        await given(api, outpatient("M1"), *TO_SETTLED, facts=facts)
        answer = await api.post(SETTLE, writing_back(**changes))
        assert answer.outcome == (200, code)
        assert f"({field})" in answer.json["MSG"]

    async def test_is_another_hospital_s_business(self, api: ApiServer) -> None:
        await given(api, outpatient("M1"), *TO_SETTLED, facts=PAID)
        answer = await api.call("GET", "/api/v1/payments/M1", key=KEYS["west"])
        assert answer.outcome == (503, "UNAVAILABLE")


class TestAnotherTransaction:
    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"TOTAL": "128.51"}, "总金额(TOTAL)"),
            ({"ORDER_ID": "300001|300002"}, "处方ID(ORDER_ID)"),
            ({"CHANNEL": "Alipay"}, "渠道(CHANNEL)"),
            ({"ID_NO": "11010119900307109x"}, "身份证号(ID_NO)"),
        ],
    )
    async def test_under_the_same_number_is_a_conflict(
        self, api: ApiServer, changes: dict[str, Any], title: str
    ) -> None:
        await given(api, outpatient("M1"), S.PRICED, facts=PaymentFacts())
        answer = await api.post(PRE_SETTLE, bill(**changes))
        assert answer.outcome == (200, "ORDER_CONFLICT")
        assert title in answer.json["MSG"]


class TestADeadPayment:
    async def test_answers_with_its_end(self, api: ApiServer) -> None:
        end = PaymentFacts(error_code=ErrorCode.TOTAL_MISMATCH, error_message="总金额(TOTAL)与医院费用合计不符")
        await given(api, outpatient("M1"), S.REJECTED, facts=end)
        for path, body in ((PRE_SETTLE, bill()), (SETTLE, writing_back())):
            answer = await api.post(path, body)
            assert answer.outcome == (200, "TOTAL_MISMATCH")
            assert answer.json == {"CODE": -1, "MSG": "总金额(TOTAL)与医院费用合计不符"}


class TestWhoRegisters:
    @pytest.mark.parametrize(("key", "told"), [("west", "MISSING_FIELD"), (None, "UNAVAILABLE")])
    async def test_decides_whether_a_registration_needs_a_visit(
        self, api: ApiServer, key: str | None, told: str
    ) -> None:
        order = registration("R1", hospital="west" if key else "main")
        await given(api, order, *TO_PRE_SETTLED)
        call = writing_back(medOrgOrd="R1", VISIT_ID=None)
        answer = await (api.post(SETTLE, call, key=KEYS[key]) if key else api.post(SETTLE, call))
        assert answer.code == told


class TestTheView:
    async def test_shows_state_amounts_deadlines_and_timeline(self, api: ApiServer) -> None:
        await paid_for_zhang(api)
        answer = await api.call("GET", "/api/v1/payments/M1", key=KEYS["auditor"])
        assert (answer.status, answer.json["CODE"]) == (200, 0)
        data = answer.json["DATA"]
        assert (data["state"], data["payOrdId"], data["workflowId"]) == ("PAID", "ORD1", "payment-main-M1")
        assert data["amounts"] == {
            "TOTAL": "128.50",
            "feeSumamt": "128.50",
            "ownPayAmt": "25.70",
            "psnAcctPay": "25.70",
            "fundPay": "77.10",
        }
        assert data["deadlines"] == {
            "paymentWindowEndsAt": "2026-01-05T01:30:00.123+00:00",
            "reversalDeadline": "2026-01-05T02:00:00.123+00:00",
        }
        assert [entry["name"] for entry in data["timeline"]] == [
            "RECEIVED",
            "6202",
            "PRICED",
            "FEE_UPLOADED",
            "PRE_SETTLED",
            "PAID",
        ]
        assert data["timeline"][1] == {
            "at": "2026-01-05T01:00:01.123+00:00",
            "kind": "call",
            "name": "6202",
            "outcome": "done",
            "durationMs": "12",
        }

    async def test_has_no_secret_and_no_person(self, api: ApiServer) -> None:
        await paid_for_zhang(api)
        shown = json.dumps((await api.call("GET", "/api/v1/payments/M1")).json, ensure_ascii=False)
        assert "1101**********0134" in shown
        for secret in ("110101199003070134", "张三", "REVS-MARKER-7", "PAY-TOKEN-MARKER", "AUTHM1"):
            assert secret not in shown
