"""Refunds over HTTP, answered from the request and from our rows alone: nothing listens at the Temporal address."""

import pytest

from domain.errors import ErrorCode, PaymentError
from domain.insurance import RefundParts, RefundType
from domain.refunds import RefundEnd, RefundOrder
from domain.states import PaymentState, RefundState
from domain.values.fen import Fen
from storage.records import PaymentFacts
from tests.support.stack.api_server import KEYS, ApiServer
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient
from tests.support.values.records import AT, SETTLEMENT, SPLIT, key_of, later

ORDER = outpatient("M1")
KEY = key_of(ORDER)
PATH = "/api/v1/payments/M1/refunds"
CASH = RefundParts(own_pay_fen=Fen(1000))
DATA = {
    "refundNo": "R1",
    "medOrgOrd": "M1",
    "state": "PARTIALLY_REFUNDED",
    "refdType": "CASH",
    "totlRefdAmt": "10.00",
    "cashRefdAmt": "10.00",
    "psnAcctRefdAmt": "0.00",
    "fundRefdAmt": "0.00",
    "refdSn": "RF1",
    "errorCode": "",
    "errorMessage": "",
}
FAILED = RefundEnd(state=RefundState.REFUND_FAILED, code=ErrorCode.INSURANCE_REFUSED, message="支付授权码已过期")
REVIEWED = RefundEnd(state=RefundState.IN_REVIEW, code=ErrorCode.IN_REVIEW, message="结果未知", note="UNKNOWN")
MADE = RefundEnd(state=RefundState.PARTIALLY_REFUNDED)


def wish(**changes: object) -> dict[str, object]:
    """10.00 of the cash; a change of None leaves a field out."""
    fields: dict[str, object] = {
        "refundNo": "R1",
        "type": "CASH",
        "amount": "10.00",
        "payAuthNo": "AUTH-MARKER-1",
        "reason": "退药",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


async def given(api: ApiServer, state: PaymentState = PaymentState.SETTLED, *ends: RefundEnd) -> None:
    """A payment of 25.70 cash, 25.70 account and 77.10 fund; with `ends`, a refund R1 of 10.00 that came to them."""
    facts = PaymentFacts(pay_ord_id="ORD1", split=SPLIT, settlement=SETTLEMENT)
    order = RefundOrder(
        **KEY.model_dump(),
        refund_no="R1",
        refund_type=RefundType.CASH,
        pay_auth_no="AUTH",
        reason="退药",
        requested_by="wechat",
    )
    async with api.records() as database, database.begin() as unit:
        await reach(unit, ORDER, state, facts=facts, at=AT)
        if ends:
            assert await unit.refunds.reserve(order, CASH, RefundParts(), AT)
        for seconds, end in enumerate(ends, start=1):
            await unit.refunds.end(KEY, "R1", end, later(seconds), "RF1")


class TestAWish:
    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"refundNo": None}, "MISSING_FIELD", "退款单号(refundNo)"),
            ({"refundNo": "a:b"}, "INVALID_FIELD", "退款单号(refundNo)"),
            ({"refundNo": "R" * 65}, "INVALID_FIELD", "退款单号(refundNo)"),
            ({"type": "HALF"}, "INVALID_FIELD", "退款类型(type)"),
            ({"type": None}, "MISSING_FIELD", "退款类型(type)"),
            ({"amount": "0.00"}, "INVALID_FIELD", "退款金额(amount)"),
            ({"amount": "1.001"}, "INVALID_FIELD", "退款金额(amount)"),
            ({"type": "ALL"}, "INVALID_FIELD", "退款金额(amount)"),
            ({"payAuthNo": None}, "MISSING_FIELD", "支付授权码(payAuthNo)"),
            ({"reason": " "}, "MISSING_FIELD", "退款原因(reason)"),
        ],
    )
    async def test_that_is_not_valid_names_the_field(
        self, api: ApiServer, changes: dict[str, object], code: str, field: str
    ) -> None:
        await given(api)
        answer = await api.post(PATH, wish(**changes))
        assert answer.outcome == (200, code)
        assert field in answer.json["MSG"]
        assert "AUTH-MARKER" not in answer.text

    @pytest.mark.parametrize("body", [{"P_JSON": wish()}, wish(amount=10, unknown="x")])
    async def test_comes_in_every_form(self, api: ApiServer, body: dict[str, object]) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        assert (await api.post(PATH, body)).json["DATA"] == DATA

    async def test_comes_as_a_form_too(self, api: ApiServer) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        form = {"P_JSON": '{" refundNo ": " R1 ", "type": "CASH", "payAuthNo": "A", "reason": "退药"}'}
        assert (await api.call("POST", PATH, data=form)).json["DATA"] == DATA

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"amount": "25.71"}, "REFUND_EXCEEDS_PAID"),
            ({"refundNo": "R2", "type": "HI", "amount": None}, "UNAVAILABLE"),
        ],
    )
    async def test_is_judged_by_our_row_first(self, api: ApiServer, changes: dict[str, object], code: str) -> None:
        await given(api)
        assert (await api.post(PATH, wish(**changes))).code == code

    @pytest.mark.parametrize(
        "state", [PaymentState.PAID, PaymentState.REVERSED, PaymentState.EXPIRED, PaymentState.IN_REVIEW]
    )
    async def test_for_what_is_not_settled_is_refused(self, api: ApiServer, state: PaymentState) -> None:
        await given(api, state)
        assert (await api.post(PATH, wish())).outcome == (200, "NOT_REFUNDABLE")

    async def test_beside_one_under_review_is_refused_at_once(self, api: ApiServer) -> None:
        await given(api, PaymentState.SETTLED, REVIEWED)
        answer = await api.post(PATH, wish(refundNo="R2"))
        assert answer.outcome == (200, "REFUND_CONFLICT")
        assert "R1" in answer.json["MSG"]


class TestARecordedRefund:
    async def test_is_answered_again(self, api: ApiServer) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        answer = await api.post(PATH, wish(payAuthNo="ANOTHER", reason="换个说法"))
        assert (answer.json["CODE"], answer.json["DATA"]) == (0, DATA)
        assert (await api.call("GET", f"{PATH}/R1", key=KEYS["auditor"])).json["DATA"] == DATA

    @pytest.mark.parametrize("changes", [{"type": "HI", "amount": None}, {"amount": "10.01"}])
    async def test_is_no_other_refund(self, api: ApiServer, changes: dict[str, object]) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        assert (await api.post(PATH, wish(**changes))).outcome == (200, "REFUND_CONFLICT")

    @pytest.mark.parametrize(("end", "code"), [(FAILED, "INSURANCE_REFUSED"), (REVIEWED, "IN_REVIEW")])
    async def test_that_was_not_made_says_why(self, api: ApiServer, end: RefundEnd, code: str) -> None:
        await given(api, PaymentState.SETTLED, end)
        answer = await api.post(PATH, wish())
        assert (answer.outcome, answer.json) == ((200, code), {"CODE": -1, "MSG": end.message})
        data = (await api.call("GET", f"{PATH}/R1")).json["DATA"]
        assert (data["state"], data["errorCode"], data["errorMessage"]) == (end.state.value, code, end.message)

    async def test_that_was_refused_before_anything_was_reserved_is_there(self, api: ApiServer) -> None:
        await given(api)
        order = RefundOrder(
            **KEY.model_dump(),
            refund_no="R9",
            refund_type=RefundType.ALL,
            pay_auth_no="A",
            reason="退药",
            requested_by="wechat",
        )
        async with api.records() as database, database.begin() as unit:
            await unit.refunds.refuse(order, PaymentError(ErrorCode.REFUND_CONFLICT, "另一笔退款仍在进行"), AT)
        answer = await api.post(PATH, wish(refundNo="R9", type="ALL", amount=None))
        assert answer.outcome == (200, "REFUND_CONFLICT")

    async def test_stands_in_the_payment_and_on_its_timeline(self, api: ApiServer) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        view = (await api.call("GET", "/api/v1/payments/M1")).json["DATA"]
        assert view["state"] == "PARTIALLY_REFUNDED"
        assert view["refunded"] == {name: DATA[name] for name in view["refunded"]}
        (shown,) = view["refunds"]
        assert shown.items() >= DATA.items()
        assert (shown["requestedBy"], shown["reason"], shown["hisToldAt"]) == ("wechat", "退药", "")
        names = [entry["name"] for entry in view["timeline"] if entry["kind"] == "refund"]
        assert names == ["REFUNDING", "PARTIALLY_REFUNDED"]
        assert "AUTH" not in str(view)


class TestWhoMay:
    @pytest.mark.parametrize(("key", "outcome"), [("operator", (200, "")), ("auditor", (403, "FORBIDDEN"))])
    async def test_refund(self, api: ApiServer, key: str, outcome: tuple[int, str]) -> None:
        await given(api, PaymentState.SETTLED, MADE)
        assert (await api.post(PATH, wish(), key=KEYS[key])).outcome == outcome

    async def test_not_without_a_key(self, api: ApiServer) -> None:
        assert (await api.post(PATH, wish(), key=None)).outcome == (401, "UNAUTHORIZED")


class TestUnknown:
    @pytest.mark.parametrize("path", ["/api/v1/payments/a b/refunds/R1", "/api/v1/payments/M1/refunds/a:b"])
    async def test_is_what_can_be_nobodys(self, api: ApiServer, path: str) -> None:
        assert (await api.call("GET", path)).outcome == (404, "UNKNOWN_ORDER")

    async def test_can_not_be_told_while_temporal_is_away(self, api: ApiServer) -> None:
        """A refund that runs and has no row yet is known there alone."""
        assert (await api.post(PATH, wish())).outcome == (503, "UNAVAILABLE")
        assert (await api.call("GET", f"{PATH}/R1")).outcome == (503, "UNAVAILABLE")


class TestTheDocument:
    async def test_has_every_field_and_examples_that_are_valid(self, api: ApiServer) -> None:
        await given(api)
        document = (await api.call("GET", "/openapi.json", key=None)).json
        operation = document["paths"]["/api/v1/payments/{medOrgOrd}/refunds"]["post"]
        for name in wish():
            assert f"| `{name}` |" in operation["description"]
        assert {"200", "202", "401", "403", "422", "503"} <= set(operation["responses"])
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        assert set(examples) == {"object", "p_json_object", "p_json_text", "all"}
        for sample in examples.values():
            assert (await api.post(PATH, sample["value"])).outcome == (503, "UNAVAILABLE")
