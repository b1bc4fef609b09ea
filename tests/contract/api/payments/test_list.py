"""`GET /api/v1/payments` from our rows alone."""

import pytest

from domain.errors import ErrorCode
from domain.orders import Channel
from domain.states import PaymentState
from storage.records import PaymentFacts
from tests.support.stack.api_server import KEYS, ApiServer
from tests.support.stack.recorded import reach
from tests.support.values.orders import outpatient, registration
from tests.support.values.records import AT, later

S = PaymentState
LIST = "/api/v1/payments"


async def given(api: ApiServer, count: int, hospital: str = "main") -> None:
    async with api.records() as database, database.begin() as unit:
        for number in range(count):
            order = outpatient(f"M{number:03d}", hospital=hospital, patient_name="张三")
            at = later(number // 2)
            facts = PaymentFacts(pay_ord_id=f"ORD{number}")
            await reach(unit, order, S.PRICED, facts=facts, at=at)


async def names(api: ApiServer, query: str, key: str = KEYS["auditor"]) -> list[str]:
    answer = await api.call("GET", f"{LIST}{query}", key=key)
    assert (answer.status, answer.json["CODE"]) == (200, 0), answer.text
    return [row["medOrgOrd"] for row in answer.json["DATA"]]


class TestAPage:
    async def test_of_nothing_is_an_empty_array(self, api: ApiServer) -> None:
        answer = await api.call("GET", LIST)
        assert answer.json == {"CODE": 0, "MSG": "", "DATA": []}
        assert "X-Next-Cursor" not in answer.headers

    async def test_shows_masked_rows_as_strings(self, api: ApiServer) -> None:
        await given(api, 1)
        answer = await api.call("GET", LIST)
        assert answer.json["DATA"] == [
            {
                "medOrgOrd": "M000",
                "state": "PRICED",
                "stateSince": "2026-01-05T01:00:00.123+00:00",
                "CATEGORY": "2",
                "CHANNEL": "WeChat",
                "TOTAL": "128.50",
                "payOrdId": "ORD0",
                "acceptedAt": "2026-01-05T01:00:00.123+00:00",
                "errorCode": "",
                "note": "",
            }
        ]

    async def test_leads_to_the_next_one_and_the_last_to_none(self, api: ApiServer) -> None:
        await given(api, 120)
        cursor, found, sizes = "", [], []
        while True:
            answer = await api.call("GET", LIST, params={"cursor": cursor})
            page = [row["medOrgOrd"] for row in answer.json["DATA"]]
            found += page
            sizes.append(len(page))
            cursor = answer.headers.get("X-Next-Cursor", "")
            if not cursor:
                break
        assert sizes == [50, 50, 20]
        assert found == [f"M{number:03d}" for number in reversed(range(120))]

    async def test_that_is_full_and_last_leads_nowhere(self, api: ApiServer) -> None:
        await given(api, 50)
        answer = await api.call("GET", LIST)
        assert (len(answer.json["DATA"]), answer.headers.get("X-Next-Cursor")) == (50, None)

    async def test_is_the_caller_s_own_hospital_s_whoever_s_cursor_it_is(self, api: ApiServer) -> None:
        await given(api, 51)
        await given(api, 1, hospital="west")
        cursor = (await api.call("GET", LIST)).headers["X-Next-Cursor"]
        assert await names(api, "", KEYS["west"]) == ["M000"]
        assert await names(api, f"?cursor={cursor}", KEYS["west"]) == ["M000"]


class TestAFilter:
    async def test_is_obeyed(self, api: ApiServer) -> None:
        async with api.records() as database, database.begin() as unit:
            dead = PaymentFacts(error_code=ErrorCode.BILL_NOT_FOUND)
            for order, state, facts in (
                (outpatient("BILL"), S.PRICED, None),
                (registration("REG", channel=Channel.ALIPAY), S.REJECTED, dead),
            ):
                await reach(unit, order, state, facts=facts, at=AT)
        assert await names(api, "?state=REJECTED") == ["REG"]
        assert await names(api, "?channel=WeChat") == ["BILL"]
        assert await names(api, "?category=1&state=PRICED") == []
        assert await names(api, "?from=2026-01-05&to=2026-01-05") == ["REG", "BILL"]
        assert await names(api, "?from=2026-01-06") == []
        assert await names(api, "?to=2026-01-05T09:00:00%2B08:00") == []
        assert await names(api, "?state=&channel=&category=&from=&to=&cursor=&other=1") == ["REG", "BILL"]

    @pytest.mark.parametrize(
        "query",
        ["state=nowhere", "channel=x", "category=9", "from=x", "to=x", "cursor=x", "state=PAID&state=PAID", "from=%00"],
    )
    async def test_that_means_nothing_is_refused_by_name(self, api: ApiServer, query: str) -> None:
        answer = await api.call("GET", f"{LIST}?{query}")
        assert answer.outcome == (200, "INVALID_FIELD")
        assert f"({query.partition('=')[0]})" in answer.json["MSG"]


class TestKeys:
    @pytest.mark.parametrize("key", [None, "wrong"])
    async def test_are_needed(self, api: ApiServer, key: str | None) -> None:
        assert (await api.call("GET", LIST, key=key)).outcome == (401, "UNAUTHORIZED")

    @pytest.mark.parametrize("key", ["operator", "auditor"])
    async def test_of_every_role_may_look(self, api: ApiServer, key: str) -> None:
        await given(api, 1)
        assert await names(api, "", KEYS[key]) == ["M000"]
