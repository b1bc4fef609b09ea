"""Every 202, 429 and 503 that Temporal is the cause of says what is so. The table: docs/open-answers.md.

On a real server, behind a link that falls silent or is cut; it takes four updates of a workflow.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import RETRY_AFTER_LIMIT_S
from domain.orders import NOT_ORDERED, Order
from domain.states import PaymentState
from security.crypto.payload_codec import data_converter
from tests.support.scripted.activities import waiting
from tests.support.scripted.payments import working
from tests.support.stack.api_server import (
    KEY,
    KEYS,
    NOTICE,
    PRE_SETTLE,
    SETTLE,
    Answer,
    ApiServer,
    bill,
    centre_side,
    prepare,
    serving_api,
    writing_back,
)
from tests.support.stack.link import Link, link_to
from tests.support.stack.recorded import PAID, TO_PAID, TO_PRE_SETTLED, TO_SETTLED, given
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import outpatient
from tests.support.waiting import eventually

S = PaymentState
Way = tuple[PaymentState, ...]
UPDATES_MAX = 4
PROCESSING, UNAVAILABLE, RATE_LIMITED = (202, "PROCESSING"), (503, "UNAVAILABLE"), (429, "RATE_LIMITED")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server(f"history.maxTotalUpdates={UPDATES_MAX}") as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def far(temporal: str) -> AsyncIterator[Link]:
    async with link_to(temporal) as link:
        yield link


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(far: Link, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiServer]:
    settings = prepare(tmp_path_factory.mktemp("api"), far.address, task_queue=uuid.uuid4().hex, sync_wait_s=3)
    async with serving_api(settings) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def link(far: Link, api: ApiServer) -> AsyncIterator[Link]:
    """The API has its connection, so that calls fail later than in making one."""

    async def ready() -> bool:
        return (await api.call("GET", "/health/ready")).status == 200

    await eventually(ready)
    yield far
    far.mend()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(temporal: str, api: ApiServer) -> Client:
    """Not over the link."""
    return await Client.connect(temporal, data_converter=data_converter(api.keyring))


@pytest.fixture
def order() -> Order:
    return new_order()


def new_order() -> Order:
    return outpatient(uuid.uuid4().hex[:20])


async def call(api: ApiServer, name: str, order: Order, pay_ord_id: str = "ORD1") -> Answer:
    """One call of each interface that needs Temporal."""
    number = order.med_org_ord
    at = f"/api/v1/payments/{number}"
    refund = {"refundNo": "R1", "type": "ALL", "payAuthNo": "AUTH", "reason": "退药"}
    notice = {"payOrdId": pay_ord_id, "medOrgOrd": number, "ordStas": "6", "callType": "02"}
    method, path, body, key = {
        "pre-settle": ("POST", PRE_SETTLE, bill(medOrgOrd=number), KEY),
        "settle": ("POST", SETTLE, writing_back(medOrgOrd=number, payOrdId=pay_ord_id), KEY),
        "cancel": ("POST", f"{at}/cancel", {}, KEY),
        "recheck": ("POST", f"{at}/recheck", {}, KEYS["operator"]),
        "refund": ("POST", f"{at}/refunds", refund, KEY),
        "notice": ("POST", NOTICE, await centre_side().seal_request(notice), None),
        "look": ("GET", at, None, KEY),
        "look at a refund": ("GET", f"{at}/refunds/R1", None, KEY),
    }[name]
    return await api.call(method, path, key=key, json=body)


async def calls(api: ApiServer, cases: Sequence[tuple[str, Way]]) -> list[tuple[str, Way, tuple[int, str], bool]]:
    """All at once, each about a payment of its own: its outcome, and whether it says when to call again."""

    async def one(name: str, way: Way) -> Answer:
        order = new_order()
        pay_ord_id = f"ORD-{order.med_org_ord}"
        if way:
            await given(api, order, *way, facts=PAID.model_copy(update={"pay_ord_id": pay_ord_id}))
        return await call(api, name, order, pay_ord_id)

    answers = await asyncio.gather(*(one(*case) for case in cases))
    return [
        (name, way, answer.outcome, int(answer.headers.get("Retry-After", 0)) > 0)
        for (name, way), answer in zip(cases, answers, strict=True)
    ]


async def is_known(client: Client, workflow_id: str) -> bool:
    try:
        await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


class TestTemporalIsSilent:
    """The connection is there, and nothing comes back: nothing was begun, and nobody is told that it was."""

    async def test_is_503(self, api: ApiServer, link: Link) -> None:
        cases: list[tuple[str, Way]] = [
            ("pre-settle", ()),
            ("settle", ()),
            ("settle", TO_PRE_SETTLED),
            ("cancel", ()),
            ("cancel", TO_PRE_SETTLED),
            ("recheck", TO_PRE_SETTLED),
            ("notice", TO_PRE_SETTLED),
            ("refund", TO_SETTLED),
            ("look", ()),
            ("look at a refund", TO_SETTLED),
        ]
        link.silence()
        assert await calls(api, cases) == [(*case, UNAVAILABLE, True) for case in cases]

    async def test_nothing_has_begun(self, api: ApiServer, link: Link, client: Client, order: Order) -> None:
        link.silence()
        assert (await call(api, "pre-settle", order)).outcome == UNAVAILABLE
        link.mend()
        assert not await is_known(client, order.workflow_id)

    async def test_a_refund_is_told_by_its_own_number(self, api: ApiServer, link: Link, order: Order) -> None:
        await given(api, order, *TO_SETTLED, facts=PAID)
        link.silence()
        assert "(refundNo)" in (await call(api, "refund", order)).json["MSG"]

    async def test_we_are_not_ready(self, api: ApiServer, link: Link) -> None:
        link.silence()
        answer = await api.call("GET", "/health/ready")
        assert (answer.outcome, answer.json["MSG"]) == (UNAVAILABLE, "Temporal不可用")
        assert answer.headers["Retry-After"]


class TestTheConnectionBreaks:
    async def test_and_our_row_says_that_it_goes_on(self, api: ApiServer, link: Link) -> None:
        cases: list[tuple[str, Way]] = [
            ("pre-settle", (S.PRICED,)),
            ("pre-settle", (S.PRICED, S.FEE_UPLOADED)),
            ("settle", TO_PAID),
            ("settle", (*TO_PAID, S.REVERSING)),
        ]
        link.cut()
        assert await calls(api, cases) == [(*case, PROCESSING, True) for case in cases]

    async def test_while_the_answer_is_waited_for(
        self, temporal: str, link: Link, tmp_path: Path, order: Order
    ) -> None:
        """Started, and on its way: the same call joins it once there is a connection."""
        settings = prepare(tmp_path, link.address, task_queue=uuid.uuid4().hex, sync_wait_s=10)
        async with serving_api(settings) as api:
            client = await Client.connect(temporal)
            waits = asyncio.create_task(call(api, "pre-settle", order))

            async def started() -> bool:
                return await is_known(client, order.workflow_id)

            await eventually(started)
            await given(api, order, S.PRICED)
            link.cut()
            assert (await waits).outcome == PROCESSING
            link.mend()
            near = api.settings.model_copy(update={"temporal_address": temporal})
            async with working(ApiServer(api.url, near, api.keyring, api.session)) as script:

                async def answered() -> bool:
                    return (await call(api, "pre-settle", order)).status == 200

                await eventually(answered)
                assert script.asked.count("upload_fees") == 1


class TestANamespaceThatTemporalDoesNotHave:
    """Temporal says NOT_FOUND of the namespace: that is not said of the order."""

    async def test_is_503_and_not_ready(self, temporal: str, tmp_path: Path, order: Order) -> None:
        settings = prepare(tmp_path, temporal, temporal_namespace="elsewhere", sync_wait_s=3)
        async with serving_api(settings) as api:
            for name in ("pre-settle", "settle", "cancel", "recheck", "look"):
                assert (name, (await call(api, name, order)).outcome) == (name, UNAVAILABLE)
            await given(api, order, *TO_PRE_SETTLED)
            for name in ("settle", "cancel", "recheck", "notice"):
                assert (name, (await call(api, name, order)).outcome) == (name, UNAVAILABLE)
            assert (await api.call("GET", "/health/ready")).outcome == UNAVAILABLE


class TestAWorkflowTerminatedBeforeItHadARow:
    async def test_is_over_and_nobody_is_told_to_wait(self, api: ApiServer, client: Client, order: Order) -> None:
        assert (await call(api, "pre-settle", order)).outcome == PROCESSING
        assert (await call(api, "settle", order)).outcome == PROCESSING
        await client.get_workflow_handle(order.workflow_id).terminate("by mistake")
        for name in ("pre-settle", "settle", "cancel"):
            answer = await call(api, name, order)
            assert (answer.outcome, answer.json["MSG"]) == ((200, "INSURANCE_UNAVAILABLE"), NOT_ORDERED)
        assert (await call(api, "look", order)).outcome == (404, "UNKNOWN_ORDER")
        assert (await call(api, "refund", order)).outcome == (200, "UNKNOWN_ORDER")


class TestSomebodyElsesWorkflowUnderTheIdOfAPayment:
    async def test_is_ended_and_nobody_waits_for_it(self, temporal: str, api: ApiServer, order: Order) -> None:
        stranger = await Client.connect(temporal)
        squatter = await stranger.start_workflow("Stranger", id=order.workflow_id, task_queue="elsewhere")
        assert (await call(api, "pre-settle", order)).outcome == UNAVAILABLE
        assert (await squatter.describe()).status is WorkflowExecutionStatus.TERMINATED
        answer = await call(api, "pre-settle", order)
        assert (answer.outcome, answer.json["MSG"]) == ((200, "INSURANCE_UNAVAILABLE"), NOT_ORDERED)


class TestAPaymentThatHasUsedUpItsUpdates:
    async def test_takes_no_more_and_goes_on_by_itself(self, temporal: str, api: ApiServer, order: Order) -> None:
        near = api.settings.model_copy(update={"temporal_address": temporal})
        async with working(ApiServer(api.url, near, api.keyring, api.session)) as script:
            await call(api, "pre-settle", order)
            await given(api, order, *TO_PRE_SETTLED)
            script.will("ask_order", waiting())
            for _ in range(UPDATES_MAX - 1):
                assert (await call(api, "settle", order)).outcome == (200, "NOT_PAID")
            for name in ("settle", "cancel"):
                answer = await call(api, name, order)
                assert answer.outcome == RATE_LIMITED
                assert answer.headers["Retry-After"] == str(RETRY_AFTER_LIMIT_S)
                assert "支付仍会自动完成" in answer.json["MSG"]
            assert script.asked.count("ask_order") == UPDATES_MAX - 1
