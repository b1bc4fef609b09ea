"""One update in flight for each request, however often it is sent and by however many processes.

On a real Temporal server, which refuses the eleventh update in flight of a workflow.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

import activities.bill_locks
from activities.bill_locks import BillLocks
from activities.contract.records import WithdrawHolder
from activities.step_log import StepLog
from domain.states import PaymentState
from security.crypto.payload_codec import data_converter
from tests.support.scripted.activities import CENTRE_DOWN, waiting
from tests.support.scripted.payments import working
from tests.support.stack.api_server import (
    PRE_SETTLE,
    SETTLE,
    Answer,
    ApiServer,
    bill,
    prepare,
    serving_api,
    writing_back,
)
from tests.support.stack.recorded import PAID, TO_PRE_SETTLED, given
from tests.support.stack.stepping import take
from tests.support.stack.temporal_dev_server import temporal_server
from tests.support.values.orders import outpatient
from tests.support.waiting import eventually
from workflows.limits import REQUESTS_MAX

S = PaymentState
IN_FLIGHT_MAX = 10
"""Temporal's own limit."""
PROCESSING = (202, "PROCESSING")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal() -> AsyncIterator[str]:
    async with temporal_server() as address:
        yield address


@pytest_asyncio.fixture(loop_scope="module")
async def apis(temporal: str, tmp_path: Path) -> AsyncIterator[list[ApiServer]]:
    """Three, on the same records: none knows of another's calls."""
    settings = prepare(tmp_path, temporal, task_queue=uuid.uuid4().hex, sync_wait_s=3)
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving_api(settings)) for _ in range(3)]


@pytest.fixture
def number() -> str:
    return uuid.uuid4().hex[:20]


async def accepted(api: ApiServer, number: str) -> Counter[str]:
    """How many updates the payment's workflow has taken, by name."""
    history = await (await client_of(api)).get_workflow_handle(outpatient(number).workflow_id).fetch_history()
    taken = [event.workflow_execution_update_accepted_event_attributes for event in history.events]
    return Counter(each.accepted_request.input.name for each in taken if each.accepted_request.input.name)


async def client_of(api: ApiServer) -> Client:
    return await Client.connect(api.settings.temporal_address, data_converter=data_converter(api.keyring))


async def pre_settled(api: ApiServer, number: str, *way: PaymentState) -> None:
    async with working(api):
        assert (await until_answered(api, PRE_SETTLE, bill(medOrgOrd=number))).json["CODE"] == 0
    await given(api, outpatient(number), *(way or TO_PRE_SETTLED))


class TestRepeatedWhileNobodyAnswers:
    async def test_settle_is_one_update(self, apis: list[ApiServer], number: str) -> None:
        await pre_settled(apis[0], number)
        for _ in range(5):
            answers = await asyncio.gather(*(api.post(SETTLE, writing_back(medOrgOrd=number)) for api in apis))
            assert [answer.outcome for answer in answers] == [PROCESSING] * 3
        async with working(apis[0]) as script:
            script.will("ask_order", "paid")
            answer = await until_answered(apis[1], SETTLE, writing_back(medOrgOrd=number))
            assert answer.json["DATA"]["revsToken"] == "REVS"
        assert (await accepted(apis[0], number))["settle"] == 1

    async def test_cancel_is_one_update(self, apis: list[ApiServer], number: str) -> None:
        await pre_settled(apis[0], number)
        path = f"/api/v1/payments/{number}/cancel"
        for _ in range(4):
            answers = await asyncio.gather(*(api.call("POST", path) for api in apis))
            assert [answer.outcome for answer in answers] == [PROCESSING] * 3
        async with working(apis[0]):
            answer = await until_answered(apis[1], path, None)
            assert answer.json["DATA"]["state"] == "CANCELLED"
        assert (await accepted(apis[0], number))["cancel"] == 1

    async def test_more_different_ones_than_temporal_takes_are_too_many(
        self, apis: list[ApiServer], number: str
    ) -> None:
        await pre_settled(apis[0], number)
        wishes = [writing_back(medOrgOrd=number, VISIT_ID=f"V{at}") for at in range(IN_FLIGHT_MAX + 1)]
        # The SDK repeats what Temporal refuses for 2 s.
        async with serving_api(apis[0].settings.model_copy(update={"sync_wait_s": 6})) as patient:
            answers = await asyncio.gather(*(patient.post(SETTLE, wish) for wish in wishes))
        refused = [answer for answer in answers if answer.outcome != PROCESSING]
        assert [answer.outcome for answer in refused] == [(429, "RATE_LIMITED")]
        assert ("该订单的请求过多" in refused[0].json["MSG"], bool(refused[0].headers["Retry-After"])) == (True, True)


class TestDifferentRequestsAtATime:
    async def test_are_no_more_than_the_payment_takes(self, apis: list[ApiServer], number: str) -> None:
        """It refuses the seventh itself, before Temporal has to."""
        await pre_settled(apis[0], number)
        wishes = [writing_back(medOrgOrd=number, VISIT_ID=f"V{at}") for at in range(REQUESTS_MAX)]
        async with working(apis[0]) as script:
            script.will("ask_order", CENTRE_DOWN)
            answers = await asyncio.gather(*(api.post(SETTLE, wish) for api in apis for wish in wishes))
            assert {answer.outcome for answer in answers} == {PROCESSING}
            seventh = await until_answered(apis[1], SETTLE, writing_back(medOrgOrd=number, VISIT_ID="V7"))
            assert seventh.outcome == (429, "RATE_LIMITED")
            assert (await accepted(apis[0], number))["settle"] == REQUESTS_MAX


class TestAnAnswerThatNobodyWaitedFor:
    async def test_is_not_told_to_who_asks_later(self, apis: list[ApiServer], number: str) -> None:
        """NOT_PAID was true when the first call's update was answered; since then the patient has paid."""
        await pre_settled(apis[0], number)
        assert (await apis[0].post(SETTLE, writing_back(medOrgOrd=number))).outcome == PROCESSING
        async with working(apis[0]) as script:
            script.will("ask_order", waiting())
            handle = (await client_of(apis[0])).get_workflow_handle(outpatient(number).workflow_id)

            async def answered() -> bool:
                events = (await handle.fetch_history()).events
                return (
                    sum(event.HasField("workflow_execution_update_completed_event_attributes") for event in events) > 1
                )

            await eventually(answered)
            script.will("ask_order", "paid")
            answer = await until_answered(apis[1], SETTLE, writing_back(medOrgOrd=number))
            assert (answer.code, answer.json["CODE"]) == ("", 0)

    async def test_is_asked_anew_also_by_who_was_refused(self, apis: list[ApiServer], number: str) -> None:
        await pre_settled(apis[0], number)
        async with working(apis[0]) as script:
            script.will("ask_order", waiting())
            for api in apis:
                assert (await until_answered(api, SETTLE, writing_back(medOrgOrd=number))).code == "NOT_PAID"
            assert (script.asked.count("ask_order"), (await accepted(apis[0], number))["settle"]) == (3, 3)


class TestTheRowIsLookedAtAgain:
    async def test_a_split_whose_order_is_revoked_is_not_told(self, apis: list[ApiServer], number: str) -> None:
        async def meanwhile() -> None:
            await given(apis[0], outpatient(number), S.PRICED, S.CANCELLED)

        async with working(apis[0]) as script:
            script.on("upload_fees", meanwhile)
            answer = await until_answered(apis[0], PRE_SETTLE, bill(medOrgOrd=number))
            assert (answer.json["CODE"], "DATA" in answer.json) == (-1, False)

    async def test_an_end_in_the_row_is_the_answer(self, apis: list[ApiServer], number: str) -> None:
        async def meanwhile() -> None:
            await given(apis[0], outpatient(number), S.PAID, S.REVERSING, S.REVERSED, facts=PAID, revision=10)

        await pre_settled(apis[0], number)
        async with working(apis[0]) as script:
            script.will("ask_order", "paid")
            script.on("settle", meanwhile)
            answer = await until_answered(apis[0], SETTLE, writing_back(medOrgOrd=number))
            assert answer.json["CODE"] == -1


class TestAHolderThatCannotAnswer:
    async def test_gets_one_update_from_each_newcomer(
        self, apis: list[ApiServer], number: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(activities.bill_locks, "_ANSWER_WAIT", timedelta(seconds=0.3))
        await pre_settled(apis[0], number)
        step = WithdrawHolder(hospital="main", med_org_ord=f"{number}B", revision=1, holder=number)
        async with apis[0].records() as database:
            locks = BillLocks(StepLog(database), await client_of(apis[0]))
            for attempt in range(IN_FLIGHT_MAX + 2):
                with pytest.raises(ApplicationError, match="先前的订单尚未答复"):
                    await take(locks.withdraw_holder, step.model_copy(update={"revision": attempt}))
            async with working(apis[0]):

                async def withdrawn() -> bool:
                    return (await accepted(apis[0], number))["cancel"] > 0

                await eventually(withdrawn)
        assert (await accepted(apis[0], number))["cancel"] == 1


async def until_answered(api: ApiServer, path: str, body: object) -> Answer:
    answers: list[Answer] = []

    async def is_answered() -> bool:
        answers.append(await (api.call("POST", path) if body is None else api.post(path, body)))
        return answers[-1].outcome != PROCESSING

    await eventually(is_answered)
    return answers[-1]
