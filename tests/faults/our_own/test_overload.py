"""Too many calls: repeated ones are one update of their payment, and new payments are refused before the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from cli.stack import components
from cli.stack.supervisor import Supervisor
from domain.ids import payment_workflow_id
from tests.support.stack.api_server import PRE_SETTLE, SETTLE, Answer, ApiServer, free_port
from tests.support.stack.forked import forked_components
from tests.support.stack.running import Stack, outpatient_call, running_stack, settle_call
from tests.support.waiting import eventually

WAIT_S = 1
PROCESSES = 3
WAITS = 4
"""Of each process: together more than Temporal's ten updates in flight."""


@pytest_asyncio.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack whose calls wait for 1 s, and that takes one new payment at a time."""
    folder = tmp_path_factory.mktemp("hasty")
    async with running_stack(folder, sync_wait_s=WAIT_S, calls_at_once=1) as running:
        yield running
        await running.others.repair()


@asynccontextmanager
async def api_process(stack: Stack, logs: Path) -> AsyncIterator[ApiServer]:
    """Another process of the API beside the stack's own."""
    settings = stack.embedded.settings.model_copy(update={"api_port": free_port()})
    async with Supervisor(logs) as supervisor:
        with forked_components():
            await supervisor.start(components.api(settings))
        yield replace(stack.api, url=components.api_url(settings))


async def updates_taken(stack: Stack, number: str) -> Counter[str]:
    """By the payment's workflow, by name."""
    client = await Client.connect(stack.embedded.settings.temporal_address)
    history = await client.get_workflow_handle(payment_workflow_id("main", number)).fetch_history()
    taken = [event.workflow_execution_update_accepted_event_attributes for event in history.events]
    return Counter(each.accepted_request.input.name for each in taken if each.protocol_instance_id)


async def test_settle_is_one_update_while_his_is_silent(
    hasty: Stack, number: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    order = outpatient_call(number)
    body = settle_call(order, await hasty.paid(order))
    await hasty.others.break_his(txn="settle", kind="delay", times=-1, seconds=60)
    await hasty.others.break_his(txn="settlement_query", kind="delay", times=-1, seconds=60)
    async with AsyncExitStack() as exits:
        others = [api_process(hasty, tmp_path_factory.mktemp("logs")) for _ in range(1, PROCESSES)]
        apis = [hasty.api, *[await exits.enter_async_context(other) for other in others]]
        for _ in range(WAITS):
            answers = await asyncio.gather(*(api.post(SETTLE, body) for api in apis))
            assert {answer.outcome for answer in answers} == {(202, "PROCESSING")}
        assert (await updates_taken(hasty, number))["settle"] == 1
    await hasty.others.repair()
    assert (await hasty.answered(SETTLE, body)).json["CODE"] == 0
    assert await hasty.bookings(number) == 1


async def test_a_new_payment_is_refused_while_another_waits_for_us(hasty: Stack, number: str) -> None:
    """The payment that is under way is served all the same."""
    order = outpatient_call(number)
    body = settle_call(order, await hasty.paid(order))
    await hasty.others.break_his(txn="patient", kind="http_500", times=-1)
    seen: list[tuple[Answer, list[Answer]]] = []

    async def one_is_refused() -> bool:
        """Of two that come at once; on a busy machine the first may wait no more, or one of before may wait still."""
        new = [outpatient_call(f"{number}{len(seen)}{letter}") for letter in "BC"]
        calls = [hasty.api.post(SETTLE, body), *(hasty.api.post(PRE_SETTLE, order) for order in new)]
        served, *answers = await asyncio.gather(*calls)
        seen.append((served, sorted(answers, key=lambda answer: answer.status)))
        return [answer.status for answer in seen[-1][1]] == [202, 429]

    await eventually(one_is_refused)
    served, (taken, refused) = seen[-1]
    assert refused.outcome == (429, "RATE_LIMITED")
    assert int(refused.headers["Retry-After"]) > 0
    assert taken.outcome == (202, "PROCESSING")
    assert served.status in {200, 202}
    assert (await hasty.answered(SETTLE, body)).json["CODE"] == 0
