"""6302 over real sockets while Temporal is away: who is believed, what is kept, and what the centre is told."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.notices.routes import BODY_BYTES_MAX
from api.web.body import SEPARATORS_MAX
from domain.errors import ErrorCode
from domain.states import PaymentState
from gateways.insurance.envelope import Envelope
from security.crypto.sm import generate_key_pair
from storage.records import PaymentFacts
from tests.support.stack import recorded
from tests.support.stack.api_server import (
    KEYS,
    NOTICE,
    Answer,
    ApiServer,
    centre_side,
    free_port,
    prepare,
    serving_api,
    settings_for,
)
from tests.support.stack.database import rows
from tests.support.stack.recorded import TO_PAID, TO_PRE_SETTLED
from tests.support.values.orders import SPLIT, outpatient
from tests.support.values.records import AT

S = PaymentState
PAID = {"payOrdId": "ORD1", "medOrgOrd": "M1", "ordStas": "6", "callType": "02", "revsToken": "REVS-MARKER-7"}
TO = {
    S.PRE_SETTLED: TO_PRE_SETTLED[:-1],
    S.EXPIRED: TO_PRE_SETTLED,
    S.SETTLED: TO_PAID,
    S.REVERSED: (*TO_PAID, S.REVERSING),
    S.REJECTED: (S.PRICED,),
}
ODD = json.dumps({name: {"a": [1]} for name in ("appId", "timestamp", "encData", "signData")}).encode()
FACTS = PaymentFacts(pay_ord_id="ORD1", pay_token="TOKEN", insured_name="张三", split=SPLIT, window_ends_at=AT)


async def given(api: ApiServer, state: PaymentState, facts: PaymentFacts = FACTS, hospital: str = "main") -> None:
    order = outpatient("M1", hospital=hospital)
    await recorded.given(api, order, *TO[state], state, facts=facts)


async def told(api: ApiServer, data: dict[str, str] = PAID, centre: Envelope | None = None) -> Answer:
    return await api.post(NOTICE, await (centre or centre_side()).seal_request(data), key=None)


async def kept(api: ApiServer) -> list[dict[str, Any]]:
    async with api.records() as database:
        return await rows(database._engines.reader, "SELECT * FROM settlement_notice ORDER BY id")


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert answer.outcome == (status, code)
    assert answer.json.keys() == {"success", "message"}
    assert answer.json["success"] is False
    assert answer.json["message"]


class TestWhoIsBelieved:
    async def test_a_stranger_is_not(self, api: ApiServer) -> None:
        assert_refused(await told(api, centre=centre_side(generate_key_pair())), 401, "UNAUTHORIZED")
        assert await kept(api) == []

    @pytest.mark.parametrize("hours", [-1, 1])
    async def test_nor_is_an_old_notice(self, api: ApiServer, hours: int) -> None:
        then = datetime.now(UTC) + timedelta(hours=hours)
        answer = await told(api, centre=centre_side(clock=lambda: then))
        assert_refused(answer, 401, "UNAUTHORIZED")
        assert "timestamp" in answer.json["message"]
        assert await kept(api) == []

    async def test_a_key_of_ours_does_not_help(self, api: ApiServer) -> None:
        body = await centre_side(generate_key_pair()).seal_request(PAID)
        assert_refused(await api.post(NOTICE, body), 401, "UNAUTHORIZED")

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"", 422, "MALFORMED_JSON"),
            (b"[]", 422, "MALFORMED_JSON"),
            (b"{", 422, "MALFORMED_JSON"),
            (b"\xff\xfe", 422, "MALFORMED_JSON"),
            (b'{"a":' * 10_000, 422, "MALFORMED_JSON"),
            (b"{}", 400, "MISSING_FIELD"),
            (ODD, 401, "UNAUTHORIZED"),
            (b" " * (BODY_BYTES_MAX + 1), 413, "TOO_LARGE"),
            (b"[" + b"1," * SEPARATORS_MAX + b"1,1]", 413, "TOO_LARGE"),
        ],
    )
    async def test_what_is_no_envelope_is_refused_in_the_centre_s_form(
        self, api: ApiServer, body: bytes, status: int, code: str
    ) -> None:
        assert_refused(await api.call("POST", NOTICE, key=None, data=BytesIO(body)), status, code)

    @pytest.mark.parametrize("body", [b"{", b"{}", ODD, b" " * (BODY_BYTES_MAX + 1)])
    async def test_who_sends_such_often_is_held_back(self, prepared_folder: Path, body: bytes) -> None:
        settings = settings_for(prepared_folder, f"127.0.0.1:{free_port()}", refusals_per_minute=2)
        async with serving_api(settings) as api:
            for _ in range(2):
                assert (await api.call("POST", NOTICE, key=None, data=BytesIO(body))).status in {400, 401, 413, 422}
            assert_refused(await api.call("POST", NOTICE, key=None, data=BytesIO(body)), 429, "RATE_LIMITED")

    @pytest.mark.parametrize(
        ("encoding", "content_type"),
        [
            ("utf-8-sig", "application/json"),
            ("gbk", "application/json; charset=GBK"),
            ("gb18030", 'text/plain; charset="gb18030"'),
            ("utf-8", "application/json; charset=iso-8859-1"),
        ],
    )
    async def test_in_the_encoding_that_it_names(self, api: ApiServer, encoding: str, content_type: str) -> None:
        sealed = await centre_side().seal_answer(PAID, message="结算完成通知")
        body = json.dumps(sealed, ensure_ascii=False).encode(encoding)
        answer = await api.call("POST", NOTICE, key=None, data=body, headers={"Content-Type": content_type})
        assert answer.outcome == (200, "")

    async def test_in_gbk_that_it_does_not_name_is_refused_in_words(self, api: ApiServer) -> None:
        body = '{"message": "结算完成通知"}'.encode("gbk")
        answer = await api.call("POST", NOTICE, key=None, data=body, headers={"Content-Type": "application/json"})
        assert_refused(answer, 422, "MALFORMED_JSON")
        assert answer.json["message"] == "报文不是UTF-8编码, 疑为GBK, 报文头(Content-Type)也未注明编码"

    async def test_without_an_order_is_malformed(self, api: ApiServer) -> None:
        assert_refused(await told(api, {"ordStas": "6"}), 400, "INVALID_FIELD")


class TestWhatIsKept:
    async def test_a_notice_of_an_order_that_nobody_has(self, api: ApiServer) -> None:
        answer = await told(api)
        assert (answer.outcome, answer.json) == ((200, ""), {"success": True, "message": "没有这个订单, 仅记录"})
        (row,) = await kept(api)
        assert (row["hospital"], row["med_org_ord"], row["pay_ord_id"], row["ord_stas"]) == ("main", "M1", "ORD1", "6")
        assert row["message"] == "没有这个订单, 仅记录"

    async def test_no_secret(self, api: ApiServer) -> None:
        await given(api, S.SETTLED)
        with structlog.testing.capture_logs() as logs:
            await told(api)
        everything = json.dumps([logs, await kept(api)], ensure_ascii=False, default=str)
        assert "M1" in everything
        for secret in ("REVS-MARKER-7", "TOKEN", "张三"):
            assert secret not in everything

    async def test_a_notice_of_another_order_under_our_number_is_not_ours(self, api: ApiServer) -> None:
        await given(api, S.SETTLED)
        answer = await told(api, PAID | {"payOrdId": "ORD2"})
        assert answer.json["message"] == "没有这个订单, 仅记录"


class TestTheSameNotice:
    """Somebody who listened can send it again while its timestamp is fresh."""

    async def test_is_one_row_and_the_same_answer(self, api: ApiServer) -> None:
        await given(api, S.SETTLED)
        body = await centre_side().seal_request(PAID)
        answers = [await api.post(NOTICE, {**body, "extra": f"{number}"}, key=None) for number in range(5)]
        assert {(answer.status, answer.json["message"]) for answer in answers} == {
            (200, "订单已付款或已冲正, 无需核实")
        }
        assert len(await kept(api)) == 1

    async def test_is_followed_until_it_could_be(self, api: ApiServer) -> None:
        await given(api, S.PRE_SETTLED)
        body = await centre_side().seal_request(PAID)
        for _ in range(2):
            assert_refused(await api.post(NOTICE, body, key=None), 503, "UNAVAILABLE")
        (row,) = await kept(api)
        assert row["followed_at"] is None

    async def test_of_an_order_that_nobody_has_is_one_row(self, api: ApiServer) -> None:
        body = await centre_side().seal_request(PAID)
        for _ in range(3):
            assert (await api.post(NOTICE, body, key=None)).status == 200
        assert len(await kept(api)) == 1


class TestWhatIsPaidAlready:
    @pytest.mark.parametrize("state", [S.SETTLED, S.REVERSED])
    async def test_needs_no_temporal(self, api: ApiServer, state: PaymentState) -> None:
        await given(api, state)
        for _ in range(2):
            answer = await told(api)
            assert (answer.status, answer.json["success"]) == (200, True)
        data = (await api.call("GET", "/api/v1/payments/M1")).json["DATA"]
        notices = [entry for entry in data["timeline"] if entry["kind"] == "notice"]
        assert [(entry["name"], entry["message"]) for entry in notices] == [
            ("6302", "ordStas 6: 订单已付款或已冲正, 无需核实")
        ] * 2
        assert data["state"] == state

    async def test_is_found_by_pay_ord_id_alone(self, api: ApiServer) -> None:
        await given(api, S.SETTLED)
        await told(api, {"payOrdId": "ORD1"})
        (row,) = await kept(api)
        assert (row["med_org_ord"], row["ord_stas"]) == ("M1", "")

    async def test_is_found_at_the_hospital_that_has_it(self, api: ApiServer) -> None:
        """Both hospitals share their account at the centre."""
        await given(api, S.SETTLED, hospital="west")
        await told(api)
        assert [row["hospital"] for row in await kept(api)] == ["west"]
        seen = await api.call("GET", "/api/v1/payments/M1", key=KEYS["west"])
        assert seen.json["DATA"]["timeline"][-1]["kind"] == "notice"


class TestWhatCannotBeAsked:
    async def test_is_only_kept(self, api: ApiServer) -> None:
        """6201's answer was lost: there is no payOrdId to ask 6301 for."""
        facts = PaymentFacts(error_code=ErrorCode.INSURANCE_UNAVAILABLE, note="UPLOAD_ORPHANED")
        await given(api, S.REJECTED, facts)
        answer = await told(api)
        assert (answer.status, answer.json["success"]) == (200, True)
        assert "无法向医保中心核实" in answer.json["message"]


class TestWithoutTemporal:
    @pytest.mark.parametrize("state", [S.PRE_SETTLED, S.EXPIRED])
    async def test_it_is_kept_and_wanted_again(self, api: ApiServer, state: PaymentState) -> None:
        await given(api, state)
        answer = await told(api)
        assert_refused(answer, 503, "UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
        (row,) = await kept(api)
        assert row["message"] == answer.json["message"] == "支付服务暂不可用, 请稍后重发"


@pytest.fixture
async def lost(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """An API whose database is gone."""
    settings = prepare(tmp_path, f"127.0.0.1:{free_port()}", database_url=f"sqlite:///{tmp_path}/a.db")
    gone = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/gone/a.db"})
    gone.__dict__.pop("database", None)
    async with serving_api(gone) as server:
        yield server


class TestWithoutADatabase:
    async def test_it_is_wanted_again(self, lost: ApiServer) -> None:
        answer = await told(lost)
        assert_refused(answer, 503, "UNAVAILABLE")
        assert answer.headers["Retry-After"]
