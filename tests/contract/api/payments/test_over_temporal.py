"""The API over a real Temporal server: without a worker, with one, with a payment that ended, and with the server gone.

The other sides are scripted; rows are written here, since scripted activities write none.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.reporting import refusal
from api.payments.not_paid import FREE_ANSWERS
from domain.errors import ErrorCode
from domain.orders import PaymentEnd
from domain.states import PaymentState
from storage.records import PaymentFacts
from tests.support.scripted.activities import CENTRE_DOWN, waiting
from tests.support.scripted.payments import working
from tests.support.stack.api_server import PRE_SETTLE, SETTLE, ApiServer, bill, prepare, serving_api, writing_back
from tests.support.stack.recorded import TO_PRE_SETTLED, given
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import outpatient
from tests.support.waiting import WAIT_S_MAX, eventually

S = PaymentState
TOLD_S_MAX = 60
"""Three calls that wait for 5 s each, on a machine that may be busy."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def api(temporal: str, tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with serving_api(prepare(tmp_path, temporal, task_queue=uuid.uuid4().hex, sync_wait_s=20)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def brief(temporal: str, tmp_path: Path) -> AsyncIterator[ApiServer]:
    """An API that waits for no answer: 202 comes soon."""
    async with serving_api(prepare(tmp_path, temporal, task_queue=uuid.uuid4().hex, sync_wait_s=1)) as server:
        yield server


@pytest.fixture
def number() -> str:
    return uuid.uuid4().hex[:20]


class TestWithoutAWorker:
    async def test_a_payment_is_taken_and_answered_later(self, brief: ApiServer, number: str) -> None:
        answer = await brief.post(PRE_SETTLE, bill(medOrgOrd=number))
        assert answer.outcome == (202, "PROCESSING")
        assert answer.headers["Retry-After"]
        seen = await brief.call("GET", f"/api/v1/payments/{number}")
        assert (seen.status, seen.json["DATA"]["state"]) == (200, "RECEIVED")
        early = await brief.post(SETTLE, writing_back(medOrgOrd=number))
        assert early.outcome == (202, "PROCESSING")
        async with working(brief) as script:

            async def is_answered() -> bool:
                again = await brief.post(PRE_SETTLE, bill(medOrgOrd=number))
                return again.status == 200 and again.json["DATA"]["payOrdId"] == "ORD1"

            await eventually(is_answered)
            assert script.asked.count("upload_fees") == 1

    async def test_an_unknown_order_is_told(self, brief: ApiServer, number: str) -> None:
        assert (await brief.post(SETTLE, writing_back(medOrgOrd=number))).outcome == (200, "UNKNOWN_ORDER")
        assert (await brief.call("GET", f"/api/v1/payments/{number}")).outcome == (404, "UNKNOWN_ORDER")

    async def test_we_are_ready_all_the_same(self, brief: ApiServer) -> None:
        assert (await brief.call("GET", "/health/ready")).status == 200


class TestWithAWorker:
    async def test_calls_at_once_place_one_order(self, api: ApiServer, number: str) -> None:
        async with working(api) as script:
            calls = [api.post(PRE_SETTLE, bill(medOrgOrd=number, payAuthNo=f"A{i}")) for i in range(20)]
            answers = await asyncio.gather(*calls)
            assert {answer.text for answer in answers} == {answers[0].text}
            assert answers[0].json["DATA"]["ownPayAmt"] == "25.70"
            assert script.asked.count("upload_fees") == 1

    async def test_another_total_is_a_conflict_even_without_a_row(self, api: ApiServer, number: str) -> None:
        async with working(api):
            await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            answer = await api.post(PRE_SETTLE, bill(medOrgOrd=number, TOTAL="1.00"))
            assert answer.outcome == (200, "ORDER_CONFLICT")

    async def test_not_paid_then_settled(self, api: ApiServer, number: str) -> None:
        order = outpatient(number)
        async with working(api) as script:
            await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            await given(api, order, *TO_PRE_SETTLED)
            assert (await api.post(SETTLE, writing_back(medOrgOrd=number))).outcome == (200, "NOT_PAID")
            script.will("ask_order", "paid")
            both = await asyncio.gather(*(api.post(SETTLE, writing_back(medOrgOrd=number)) for _ in range(2)))
            assert [answer.json["DATA"]["revsToken"] for answer in both] == ["REVS", "REVS"]
            assert script.asked.count("settle") == 1

    async def test_who_asks_on_and_on_is_held_back(self, api: ApiServer, number: str) -> None:
        async with working(api) as script:
            await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            await given(api, outpatient(number), *TO_PRE_SETTLED)
            script.will("ask_order", waiting())
            answers = [await api.post(SETTLE, writing_back(medOrgOrd=number)) for _ in range(FREE_ANSWERS + 1)]
            assert {answer.outcome for answer in answers} == {(200, "NOT_PAID")}
            assert answers[-1].headers["Retry-After"] == "2"
            assert "Retry-After" not in answers[0].headers
            assert script.asked.count("ask_order") == FREE_ANSWERS

    async def test_a_closed_one_is_answered_by_its_row(self, api: ApiServer, number: str) -> None:
        end = PaymentEnd(state=S.REJECTED, code=ErrorCode.HIS_REFUSED, message="科室已停诊")
        facts = PaymentFacts(error_code=end.code, error_message=end.message)
        async with working(api) as script:
            script.will("price_bill", refusal(end.code, end.message))
            first = await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            assert (first.outcome, first.json["MSG"]) == ((200, "HIS_REFUSED"), "科室已停诊")
            await given(api, outpatient(number), S.REJECTED, facts=facts)
            for path, body in ((PRE_SETTLE, bill(medOrgOrd=number)), (SETTLE, writing_back(medOrgOrd=number))):
                assert (await api.post(path, body)).outcome == (200, "HIS_REFUSED")
            assert script.asked.count("price_bill") == 1

    async def test_one_that_somebody_terminated_is_for_a_person(self, api: ApiServer, number: str) -> None:
        order = outpatient(number)
        async with working(api):
            await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            await given(api, order, *TO_PRE_SETTLED)
            client = await Client.connect(api.settings.temporal_address)
            await client.get_workflow_handle(order.workflow_id).terminate("rehearsed")
            assert (await api.post(SETTLE, writing_back(medOrgOrd=number))).outcome == (200, "IN_REVIEW")


class TestAnAnswerThatTakesLong:
    async def test_is_processing_also_where_temporal_ends_its_wait_before_us(self, tmp_path: Path, number: str) -> None:
        """It does after 20 s, here after 1; the SDK then asks again, without a limit."""
        async with temporal_server('history.longPollExpirationInterval="1s"') as address:
            settings = prepare(tmp_path, address, task_queue=uuid.uuid4().hex, sync_wait_s=3)
            async with serving_api(settings) as api, working(api) as script:
                script.will("upload_fees", CENTRE_DOWN)
                answer = await asyncio.wait_for(api.post(PRE_SETTLE, bill(medOrgOrd=number)), WAIT_S_MAX)
        assert answer.outcome == (202, "PROCESSING")


class TestWithTheServerGone:
    async def test_every_call_is_told_in_time_and_nothing_is_lost(self, tmp_path: Path, number: str) -> None:
        async with temporal_server() as address:
            settings = prepare(tmp_path, address, task_queue=uuid.uuid4().hex, sync_wait_s=5)
            stack = serving_api(settings)
            api = await stack.__aenter__()
            assert (await api.call("GET", "/health/ready")).status == 200
        try:
            started = time.monotonic()
            answer = await api.post(PRE_SETTLE, bill(medOrgOrd=number))
            assert answer.outcome == (503, "UNAVAILABLE")
            assert answer.headers["Retry-After"]
            assert (await api.post(SETTLE, writing_back(medOrgOrd=number))).outcome == (503, "UNAVAILABLE")
            assert (await api.call("GET", "/health/ready")).outcome == (503, "UNAVAILABLE")
            assert time.monotonic() - started < TOLD_S_MAX
        finally:
            await stack.__aexit__(None, None, None)


class TestARefund:
    async def test_that_nobody_works_on_is_open_and_known(self, brief: ApiServer) -> None:
        """No worker: it is started, and 202; its row comes with its reservation, until then Temporal knows of it."""
        order = outpatient(uuid.uuid4().hex[:20])
        path = f"/api/v1/payments/{order.med_org_ord}/refunds"
        wish = {"refundNo": "R1", "type": "ALL", "payAuthNo": "AUTH", "reason": "退药"}
        await given(brief, order, S.SETTLED)
        for _ in range(2):
            answer = await brief.post(path, wish)
            assert answer.outcome == (202, "PROCESSING")
            assert "refundNo" in answer.json["MSG"]
            assert int(answer.headers["Retry-After"]) > 0
        data = (await brief.call("GET", f"{path}/R1")).json["DATA"]
        assert (data["refundNo"], data["state"], data["totlRefdAmt"]) == ("R1", "REFUNDING", "")
        assert (await brief.call("GET", f"{path}/R2")).outcome == (404, "UNKNOWN_ORDER")
        unknown = path.replace(order.med_org_ord, uuid.uuid4().hex)
        assert (await brief.post(unknown, wish)).outcome == (200, "UNKNOWN_ORDER")
