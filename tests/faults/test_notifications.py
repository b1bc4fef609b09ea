"""The whole stack with a caller's receiver: told once, told later, told again, and no payment waits for it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from security.crypto.payload_codec import data_converter
from tests.support.parties.receiver import Receiver, receiving
from tests.support.stack.medpay_up import medpay_environment, run_medpay
from tests.support.stack.resets import closed, reset, tasks_of
from tests.support.stack.running import Stack, outpatient_call, running_stack
from tests.support.waiting import eventually

Entry = dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(Receiver()) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def telling(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own, whose hospital gets a webhook; the worker reads it at its start."""
    async with running_stack(tmp_path_factory.mktemp("told")) as running:
        with running.embedded.settings.hospitals_path.open("a", encoding="utf-8") as hospitals:
            hospitals.write(f'\n[hospitals.main.webhook]\nurl = "{receiver.url}"\nsecret = "{receiver.secret}"\n')
        await running.kill("worker")
        await running.start_worker()
        yield running


async def settled(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    await stack.settled(order, await stack.paid(order))


async def webhooks(stack: Stack, number: str) -> list[Entry]:
    """What the payment's timeline says of them."""
    seen = await stack.api.call("GET", f"/api/v1/payments/{number}")
    return [entry for entry in seen.json["DATA"]["timeline"] if entry["kind"] == "webhook"]


async def told(receiver: Receiver, number: str, times: int) -> None:
    async def so_often() -> bool:
        return len(receiver.about(number)) >= times

    await eventually(so_often)


async def outcomes(stack: Stack, number: str, *expected: str | None) -> list[Entry]:
    """The timeline's webhooks, once they have ended like this."""
    entries: list[Entry] = []

    async def ended_so() -> bool:
        entries[:] = await webhooks(stack, number)
        return [entry.get("outcome") for entry in entries] == list(expected)

    await eventually(ended_so)
    return entries


async def delivered(stack: Stack, number: str) -> None:
    async def is_delivered() -> bool:
        return "done" in [entry.get("outcome") for entry in await webhooks(stack, number)]

    await eventually(is_delivered)


async def notifications(stack: Stack, *arguments: str) -> tuple[int, Any, str]:
    """`medpay notifications …`: exit code, its JSON, its errors."""
    folder = stack.embedded.settings.data_dir
    code, output, errors = await run_medpay(
        "notifications", *arguments, "--json", cwd=folder, environment=medpay_environment(folder)
    )
    return code, json.loads(output or "null"), errors


async def test_a_settled_payment_is_told_once(telling: Stack, receiver: Receiver, number: str) -> None:
    await settled(telling, number)
    await told(receiver, number, times=1)
    [shown] = await outcomes(telling, number, "done")
    assert shown["name"] == "payment.settled"
    [body] = receiver.about(number)
    assert (body["type"], body["data"]["state"]) == ("payment.settled", "SETTLED")
    assert body["data"]["payOrdId"] == (await telling.others.centre_orders(number))[0]["payOrdId"]
    assert not any(personal in str(body) for personal in ("110101199003070134", "张三", "100001", "REVS"))


async def test_a_reversed_payment_is_told_with_its_reason(telling: Stack, receiver: Receiver, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await telling.paid(order)
    await telling.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
    answer = await telling.settle(order, pay_ord_id)
    await telling.others.repair()
    await told(receiver, number, times=1)
    [body] = receiver.about(number)
    assert (body["type"], body["data"]["errorCode"]) == ("payment.reversed", answer.code)
    assert body["data"]["errorMessage"] == answer.json["MSG"]


async def test_a_receiver_in_trouble_is_told_later(telling: Stack, receiver: Receiver, number: str) -> None:
    receiver.statuses = [503, 204]
    await settled(telling, number)
    shown = await outcomes(telling, number, "unknown", "done")
    assert "503" in shown[0]["message"]
    assert len(set(receiver.ids(number))) == 1
    assert await telling.state(number) == "SETTLED"


async def test_no_payment_waits_for_a_receiver_that_hangs(telling: Stack, receiver: Receiver, number: str) -> None:
    receiver.open.clear()
    try:
        await settled(telling, f"{number}-1")
        await told(receiver, f"{number}-1", times=1)
        await settled(telling, f"{number}-2")
        assert await telling.bookings(f"{number}-2") == 1
        assert "done" not in [entry.get("outcome") for entry in await webhooks(telling, f"{number}-1")]
    finally:
        receiver.open.set()
    await told(receiver, f"{number}-2", times=1)
    for payment in (f"{number}-1", f"{number}-2"):
        await delivered(telling, payment)


async def test_a_replay_comes_under_the_same_id(telling: Stack, receiver: Receiver, number: str) -> None:
    await settled(telling, number)
    await outcomes(telling, number, "done")
    code, replayed, _ = await notifications(telling, "replay", number, "--event", "payment.settled")
    assert (code, [(one["medOrgOrd"], one["status"]) for one in replayed]) == (0, [(number, "waiting")])
    await outcomes(telling, number, "done", "done")
    first, second = receiver.ids(number)
    assert first == second == replayed[0]["webhookId"]
    assert receiver.about(number)[0] == receiver.about(number)[1]


async def test_who_wants_no_more_is_listed_as_failed(telling: Stack, receiver: Receiver, number: str) -> None:
    receiver.statuses = [410, 204]
    await settled(telling, number)
    shown = await outcomes(telling, number, "refused", None)
    assert "medpay notifications replay" in shown[1]["message"]
    code, failed, _ = await notifications(telling, "list", "--failed")
    assert (code, [(one["medOrgOrd"], one["status"]) for one in failed]) == (0, [(number, "given_up")])


async def test_a_replay_of_nothing_says_so(telling: Stack, number: str) -> None:
    code, _, errors = await notifications(telling, "replay", number)
    assert (code, errors) == (1, f"main has no notification of any kind for {number}\n")
    await settled(telling, number)
    code, _, errors = await notifications(telling, "replay", number, "--event", "payment.reversed")
    assert (code, errors) == (1, f"main has no notification of payment.reversed for {number}\n")


class TestAReset:
    async def test_of_one_that_was_delivered_tells_nobody_again(
        self, telling: Stack, receiver: Receiver, number: str
    ) -> None:
        await settled(telling, number)
        await delivered(telling, number)
        temporal = await Client.connect(
            telling.embedded.settings.temporal_address, data_converter=data_converter(telling.api.keyring)
        )
        (workflow_id,) = receiver.ids(number)
        await closed(temporal.get_workflow_handle(workflow_id))
        for event_id in reversed(await tasks_of(temporal, workflow_id)):
            run = await reset(temporal, workflow_id, event_id)
            await closed(run)
            assert await run.result() == "delivered"
        assert len(receiver.about(number)) == 1
