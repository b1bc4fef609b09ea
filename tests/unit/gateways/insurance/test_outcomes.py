"""Done, refused or unknown: what the client makes of every answer that a centre can give."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import NotSent, Refused, RemoteCallError, Unknown
from domain.insurance import OrderStatus, RefundAnswer, RefundStatus, SetlType
from domain.values.fen import Fen
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from tests.support.parties.centre_stub import CentreStub, centre_stub
from tests.support.parties.raw_server import HANG_UP, raw_server
from tests.support.values import centres
from tests.support.values.centres import PLACEMENT, REFERENCE, REVERSAL
from tests.support.values.orders import SPLIT, bill_of, outpatient

Both = tuple[CentreStub, HttpInsuranceCentre]
Call = Callable[[HttpInsuranceCentre], Awaitable[object]]
PARTS = {"feeSumamt": "128.50", "ownPayAmt": "25.70", "psnAcctPay": "25.70", "fundPay": "77.10"}
PLACED = {"payOrdId": "ORD1", "ordStas": "1", **PARTS}
SETTLED = {"payOrdId": "ORD1", "ordStas": "6", **PARTS, "traceTime": "2026-01-06 00:30:00", "revsToken": "R1"}

CALLS: dict[str, Call] = {
    "6201": lambda centre: centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1"),
    "6202": lambda centre: centre.place_order(PLACEMENT),
    "6301": lambda centre: centre.query_order(REFERENCE),
    "6401": lambda centre: centre.revoke_order(REFERENCE),
    "6203": lambda centre: centre.refund(REVERSAL),
}
every_transaction = pytest.mark.parametrize("transaction", CALLS)


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with centre_stub() as pair:
        yield pair


async def outcome(transaction: str, centre: HttpInsuranceCentre) -> RemoteCallError:
    with pytest.raises(RemoteCallError) as caught:
        await CALLS[transaction](centre)
    assert caught.value.transaction == transaction
    return caught.value


async def unknown(transaction: str, centre: HttpInsuranceCentre) -> Unknown:
    error = await outcome(transaction, centre)
    assert isinstance(error, Unknown)
    return error


class TestDone:
    async def test_6201(self, both: Both) -> None:
        stub, centre = both
        stub.data = {"payOrdId": " ORD1 ", "payToken": "PT1", "medOrgOrd": "M1", "extData": {"mdtrtId": "MD9"}}
        uploaded = await centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")
        assert (uploaded.pay_ord_id, uploaded.pay_token, uploaded.mdtrt_id) == ("ORD1", "PT1", "MD9")

    @pytest.mark.parametrize("ext_data", [None, "", "{", '{"mdtrtId": ""}', [1], {"mdtrtId": {}}])
    async def test_6201_keeps_our_mdtrt_id_where_the_centre_gives_none(self, both: Both, ext_data: object) -> None:
        stub, centre = both
        stub.data = {"payOrdId": "ORD1", "payToken": "PT1", "extData": ext_data}
        uploaded = await centre.upload_fees(outpatient("M1"), bill_of(outpatient("M1")), "M1")
        assert uploaded.mdtrt_id == "MD1"

    @pytest.mark.parametrize("own", ["ownPayAmt", "ownpayAmt"])
    @pytest.mark.parametrize("ext_data", [{"preSetl": {"balc": "500.00"}}, '{"preSetl": {"balc": 500.0}}'])
    async def test_6202(self, both: Both, own: str, ext_data: object) -> None:
        stub, centre = both
        stub.data = {
            "payOrdId": "ORD1",
            "ordStas": 1,
            "extData": ext_data,
            **PARTS,
            "othFeeAmt": "1",
            "hospPartAmt": "2.5",
        }
        stub.data[own] = stub.data.pop("ownPayAmt")
        placed = await centre.place_order(PLACEMENT)
        added = SPLIT.model_copy(update={"other_fen": Fen(100), "hospital_part_fen": Fen(250)})
        assert (placed.pay_ord_id, placed.ord_stas, placed.split, placed.balance_fen) == ("ORD1", 1, added, 50000)

    @pytest.mark.parametrize("balc", ["", "n/a", None, [], "1e-3"])
    async def test_6202_without_a_readable_balance(self, both: Both, balc: object) -> None:
        stub, centre = both
        stub.data = PLACED | {"extData": {"preSetl": {"balc": balc}}}
        assert (await centre.place_order(PLACEMENT)).balance_fen is None

    async def test_6301_settled(self, both: Both) -> None:
        stub, centre = both
        stub.data = SETTLED | {"setlType": "ALL"}
        status = await centre.query_order(REFERENCE)
        assert status == OrderStatus(
            pay_ord_id="ORD1",
            ord_stas=6,
            split=SPLIT,
            trace_time=datetime(2026, 1, 5, 16, 30, tzinfo=UTC),
            setl_type=SetlType.ALL,
            revs_token="R1",
        )

    @pytest.mark.parametrize("more", [{}, {"feeSumamt": "128.50"}, PARTS | {"fundPay": "?"}])
    async def test_6301_while_not_settled_needs_no_amounts(self, both: Both, more: dict[str, str]) -> None:
        stub, centre = both
        stub.data = {"payOrdId": "ORD1", "ordStas": "2", **more}
        assert await centre.query_order(REFERENCE) == OrderStatus(pay_ord_id="ORD1", ord_stas=2)

    async def test_6301_while_not_settled_takes_amounts_that_are_there(self, both: Both) -> None:
        stub, centre = both
        stub.data = PLACED
        assert (await centre.query_order(REFERENCE)).split == SPLIT

    @pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01 00:00:00", "2026-01-06"])
    async def test_6301_with_a_trace_time_and_a_type_that_say_nothing(self, both: Both, time: str) -> None:
        stub, centre = both
        stub.data = SETTLED | {"traceTime": time, "setlType": "?"}
        status = await centre.query_order(REFERENCE)
        assert (status.trace_time, status.setl_type, status.ord_stas) == (None, None, 6)

    @pytest.mark.parametrize("data", [{}, {"payOrdId": "ORD1"}, {"payOrdId": "ORD1", "ordStas": "12"}])
    async def test_6401(self, both: Both, data: dict[str, str]) -> None:
        stub, centre = both
        stub.data = data
        await centre.revoke_order(REFERENCE)
        assert len(stub.requests) == 1

    @pytest.mark.parametrize("status", RefundStatus)
    async def test_6203(self, both: Both, status: RefundStatus) -> None:
        stub, centre = both
        stub.data = {"refStatus": status.value.lower(), "refdSn": "RF1", "appRefdSn": "M1-REV"}
        assert await centre.refund(REVERSAL) == RefundAnswer(status=status, refd_sn="RF1")

    @pytest.mark.parametrize("code", ["0", "0000"])
    async def test_a_business_code_that_says_yes(self, both: Both, code: str) -> None:
        stub, centre = both
        stub.data = PLACED | {"respCode": code}
        assert (await centre.place_order(PLACEMENT)).ord_stas == 1

    @pytest.mark.parametrize("gone", [{"ownPayAmt": ""}, {"fundPay": "1e-3"}, dict.fromkeys(PARTS, "")])
    async def test_settled_without_its_amounts_is_settled_all_the_same(self, both: Both, gone: dict[str, str]) -> None:
        """The money has moved: forgetting it would be worse than not knowing its parts."""
        stub, centre = both
        stub.data = SETTLED | gone
        status = await centre.query_order(REFERENCE)
        assert (status.ord_stas, status.split) == (6, None)


class TestRefused:
    @every_transaction
    async def test_a_signed_error_is_confirmed(self, both: Both, transaction: str) -> None:
        stub, centre = both
        stub.head = {"code": 114, "message": "预结算金额不匹配", "success": False}
        refused = await outcome(transaction, centre)
        assert isinstance(refused, Refused)
        assert (refused.message, refused.reason, refused.confirmed) == ("预结算金额不匹配", "114", True)

    @every_transaction
    async def test_an_error_in_clear_is_not(self, both: Both, transaction: str) -> None:
        stub, centre = both
        stub.body = b'{"respCode": "E9", "errorMsg": "serial_no REPEAT"}'
        refused = await outcome(transaction, centre)
        assert isinstance(refused, Refused)
        assert (refused.message, refused.reason, refused.confirmed) == ("serial_no REPEAT", "E9", False)

    @every_transaction
    async def test_a_business_error_within_an_accepted_answer(self, both: Both, transaction: str) -> None:
        stub, centre = both
        stub.data = SETTLED | {"respCode": 7, "respMessage": "该笔记录已结算"}
        refused = await outcome(transaction, centre)
        assert isinstance(refused, Refused)
        assert (refused.message, refused.reason, refused.confirmed) == ("该笔记录已结算", "7", True)

    async def test_an_error_with_a_4xx(self, both: Both) -> None:
        stub, centre = both
        stub.status, stub.head = 400, {"code": 3, "message": "参数错误", "success": False}
        assert isinstance(await outcome("6202", centre), Refused)

    async def test_without_words_the_code_is_told(self, both: Both) -> None:
        stub, centre = both
        stub.head = {"code": 5, "success": False}
        assert "代码5" in (await outcome("6202", centre)).message

    async def test_the_centres_words_are_trimmed_and_keep_no_secret(self, both: Both) -> None:
        stub, centre = both
        words = " 参保人张三\r\n(110101199003070134)\x00的授权码AUTH1 已用, 电话13800138000\u202e, PT1, 订单ORD1 "
        stub.head = {"code": 5, "message": words + "长" * 500, "success": False}
        message = (await outcome("6202", centre)).message
        assert message.startswith("参保人张三 (***) 的授权码*** 已用, 电话*** , ***, 订单ORD1 长长")
        assert len(message) == 120
        assert "张三" not in (await outcome("6301", centre)).message


class TestUnknown:
    @every_transaction
    @pytest.mark.parametrize("signed", [True, False], ids=["signed", "in clear"])
    async def test_a_busy_code(self, transaction: str, *, signed: bool) -> None:
        async with centre_stub(busy_codes=("9001",)) as (stub, centre):
            stub.head = {"code": 9001, "message": "系统繁忙", "success": False}
            if not signed:
                stub.body = b'{"code": "9001", "msg": "busy"}'
            assert (await unknown(transaction, centre)).answered

    @every_transaction
    @pytest.mark.parametrize(
        "laid_over",
        [{"signData": "A" * 86 + "=="}, {"code": 5}, {"message": "x"}, {"encData": "00"}, {"appId": "x"}],
        ids=["signature", "code", "message", "ciphertext", "appId"],
    )
    async def test_an_answer_that_was_changed(self, both: Both, transaction: str, laid_over: dict[str, object]) -> None:
        stub, centre = both
        stub.data, stub.laid_over = SETTLED, laid_over
        assert (await unknown(transaction, centre)).answered

    @every_transaction
    @pytest.mark.parametrize("body", [b"", b"OK", b"[]", b'{"status": 404, "error": "Not Found"}', b'{"code": 0}'])
    async def test_garbage(self, both: Both, transaction: str, body: bytes) -> None:
        stub, centre = both
        stub.body = body
        assert (await unknown(transaction, centre)).answered

    @every_transaction
    @pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503, 504])
    async def test_http_says_trouble(self, both: Both, transaction: str, status: int) -> None:
        stub, centre = both
        stub.status, stub.body = status, b'{"code": 5, "message": "no"}'
        assert (await unknown(transaction, centre)).answered == (status not in {502, 503, 504})

    async def test_accepted_with_a_4xx(self, both: Both) -> None:
        stub, centre = both
        stub.status, stub.data = 400, PLACED
        assert (await unknown("6202", centre)).answered

    @pytest.mark.parametrize(("where", "value"), [("head", False), ("data", False), ("data", "FALSE")])
    async def test_code_0_without_success(self, both: Both, where: str, value: object) -> None:
        stub, centre = both
        stub.data = PLACED | ({"success": value} if where == "data" else {})
        stub.head = {"success": value} if where == "head" else {}
        assert (await unknown("6202", centre)).answered

    @pytest.mark.parametrize(
        ("transaction", "data", "field"),
        [
            ("6201", {"payToken": "PT1"}, "payOrdId"),
            ("6201", {"payOrdId": "ORD1"}, "payToken"),
            ("6201", {"payOrdId": "ORD1", "payToken": "PT1", "medOrgOrd": "M2"}, "medOrgOrd"),
            ("6202", PLACED | {"payOrdId": "ORD2"}, "payOrdId"),
            ("6202", PLACED | {"payOrdId": ""}, "payOrdId"),
            ("6202", PLACED | {"ordStas": ""}, "ordStas"),
            ("6202", PLACED | {"ordStas": "-1"}, "ordStas"),
            ("6202", PLACED | {"ordStas": "１"}, "ordStas"),
            ("6202", PLACED | {"fundPay": ""}, "fundPay"),
            ("6202", PLACED | {"fundPay": "1e-3"}, "fundPay"),
            ("6202", PLACED | {"feeSumamt": "1.005"}, "feeSumamt"),
            ("6202", PLACED | {"psnAcctPay": ["1"]}, "psnAcctPay"),
            ("6202", PLACED | {"othFeeAmt": "?"}, "othFeeAmt"),
            ("6202", {"payOrdId": "ORD1", "ordStas": "1"}, "feeSumamt"),
            ("6301", SETTLED | {"payOrdId": "ORD2"}, "payOrdId"),
            ("6301", SETTLED | {"ordStas": "settled"}, "ordStas"),
            ("6301", {}, "payOrdId"),
            ("6401", {"payOrdId": "ORD2"}, "payOrdId"),
            ("6401", {"payOrdId": "ORD1", "ordStas": "6"}, "ordStas"),
            ("6203", {}, "refStatus"),
            ("6203", {"refStatus": "MAYBE"}, "refStatus"),
            ("6203", {"refStatus": "SUCC", "appRefdSn": "M2-REV"}, "appRefdSn"),
            ("6203", {"refStatus": "SUCC", "payOrdId": "ORD2"}, "payOrdId"),
        ],
    )
    async def test_a_field_missing_or_not_ours(
        self, both: Both, transaction: str, data: dict[str, Any], field: str
    ) -> None:
        stub, centre = both
        stub.data = data
        ill_formed = await unknown(transaction, centre)
        assert field in ill_formed.message
        assert ill_formed.answered

    async def test_an_answer_signed_under_another_user_id(self, both: Both) -> None:
        stub, centre = both
        stranger = centres.centre_side(centres.profile(sm2_user_id="another"))
        stub.body = json.dumps(await stranger.seal_answer(SETTLED)).encode()
        assert (await unknown("6301", centre)).answered

    @every_transaction
    async def test_each_transaction_has_its_own_timeout(self, transaction: str) -> None:
        async with raw_server() as peer, HttpCaller() as http:
            profile = centres.profile(peer.url, timeouts_s={transaction: 0.2})
            late = await unknown(transaction, HttpInsuranceCentre(http, profile, centres.ACCOUNT))
            assert "超时" in late.message
            assert not late.answered
            assert len(peer.requests) == 1

    @every_transaction
    async def test_the_connection_closes_without_a_word(self, transaction: str) -> None:
        async with raw_server(HANG_UP) as peer, HttpCaller() as http:
            centre = HttpInsuranceCentre(http, centres.profile(peer.url), centres.ACCOUNT)
            assert not (await unknown(transaction, centre)).answered
            assert len(peer.requests) == 1


class TestNotSent:
    @every_transaction
    async def test_nobody_listens(self, transaction: str) -> None:
        async with centre_stub() as (stub, _):
            gone = stub.profile
        async with HttpCaller() as http:
            not_sent = await outcome(transaction, HttpInsuranceCentre(http, gone, centres.ACCOUNT))
        assert isinstance(not_sent, NotSent)
        assert not_sent.retry_after_s is None


class TestSetUp:
    @pytest.mark.parametrize(
        ("profile", "account", "reason"),
        [
            ({"platform_public_key": "AAAA"}, {}, "public key"),
            ({}, {"private_key": "AAAA"}, "private key"),
            ({}, {"app_id": "short"}, "app_id"),
        ],
    )
    def test_what_can_not_be_used_stops_the_start(
        self, profile: dict[str, str], account: dict[str, str], reason: str
    ) -> None:
        with pytest.raises(ValueError, match=reason):
            HttpInsuranceCentre(HttpCaller(), centres.profile(**profile), centres.ACCOUNT.model_copy(update=account))
