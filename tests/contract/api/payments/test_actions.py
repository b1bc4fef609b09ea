"""Cancel and recheck from our rows alone, while Temporal is away."""

import pytest

from domain.errors import ErrorCode
from domain.states import PaymentState
from storage.records import PaymentFacts
from tests.support.stack.api_server import KEYS, ApiServer
from tests.support.stack.recorded import PAID, TO_PAID, TO_PRE_SETTLED, TO_SETTLED, given
from tests.support.values.orders import outpatient

S = PaymentState
CANCEL, RECHECK = "/api/v1/payments/M1/cancel", "/api/v1/payments/M1/recheck"
REVERSED = (*TO_PAID, S.REVERSING, S.REVERSED)
JSON_TYPE = {"Content-Type": "application/json"}


class TestACancel:
    async def test_that_was_done_is_answered_again(self, api: ApiServer) -> None:
        end = PaymentFacts(error_code=ErrorCode.CANCELLED, error_message="订单已取消")
        await given(api, outpatient("M1"), S.PRICED, S.CANCELLED, facts=end)
        for key in ("test-caller-key", KEYS["operator"]):
            answer = await api.call("POST", CANCEL, key=key)
            assert answer.json == {"CODE": 0, "MSG": "", "DATA": {"medOrgOrd": "M1", "state": "CANCELLED"}}

    async def test_of_a_paid_one_loses(self, api: ApiServer) -> None:
        await given(api, outpatient("M1"), *TO_SETTLED, facts=PAID)
        answer = await api.call("POST", CANCEL)
        assert answer.outcome == (200, "BILL_ALREADY_PAID")
        assert "(medOrgOrd)" in answer.json["MSG"]

    async def test_of_an_expired_one_is_its_end(self, api: ApiServer) -> None:
        end = PaymentFacts(error_code=ErrorCode.EXPIRED, error_message="超过付款时限")
        await given(api, outpatient("M1"), *TO_PRE_SETTLED, S.EXPIRED, facts=end)
        answer = await api.call("POST", CANCEL)
        assert (answer.outcome, answer.json["MSG"]) == ((200, "EXPIRED"), "超过付款时限")

    async def test_of_an_open_one_needs_temporal(self, api: ApiServer) -> None:
        await given(api, outpatient("M1"), *TO_PRE_SETTLED, facts=PaymentFacts())
        answer = await api.call("POST", CANCEL)
        assert answer.outcome == (503, "UNAVAILABLE")
        assert answer.headers["Retry-After"]

    @pytest.mark.parametrize("number", ["a.b", "x" * 65, "%20", "订单"])
    async def test_of_an_impossible_number_is_of_nobody(self, api: ApiServer, number: str) -> None:
        assert (await api.call("POST", f"/api/v1/payments/{number}/cancel")).outcome == (200, "UNKNOWN_ORDER")


class TestARecheck:
    async def test_of_a_reversed_one_needs_nothing(self, api: ApiServer) -> None:
        await given(api, outpatient("M1"), *REVERSED, facts=PAID)
        answer = await api.call("POST", RECHECK, key=KEYS["operator"])
        assert answer.json["DATA"] == {
            "medOrgOrd": "M1",
            "followed": "NOT_NEEDED",
            "message": "订单已付款或已冲正, 无需核实",
        }


class TestKeys:
    @pytest.mark.parametrize(
        ("path", "key", "status"),
        [(CANCEL, "auditor", 403), (RECHECK, "auditor", 403), (RECHECK, None, 403), (CANCEL, "wrong", 401)],
    )
    async def test_of_other_roles_do_not_open(self, api: ApiServer, path: str, key: str | None, status: int) -> None:
        answer = await (api.call("POST", path, key=KEYS.get(key, "wrong")) if key else api.call("POST", path))
        assert answer.status == status


class TestBodies:
    @pytest.mark.parametrize(
        ("headers", "body", "status"),
        [
            (JSON_TYPE, b"", 200),
            (JSON_TYPE, b"{}", 200),
            (JSON_TYPE, b'{"reason": "x"}', 200),
            ({"Content-Type": "application/x-www-form-urlencoded"}, b"", 200),
            (JSON_TYPE, b"[]", 422),
            (JSON_TYPE, b"{", 422),
            ({"Content-Type": "text/plain"}, b"{}", 415),
        ],
    )
    @pytest.mark.parametrize("path", [CANCEL, RECHECK])
    async def test_may_be_empty_or_an_object(
        self, api: ApiServer, path: str, headers: dict[str, str], body: bytes, status: int
    ) -> None:
        await given(api, outpatient("M1"), *REVERSED, facts=PAID)
        key = KEYS["operator"]
        assert (await api.call("POST", path, key=key, data=body, headers=headers)).status == status
