"""Somebody resets a workflow in Temporal: the new run takes what the records say, and so does all that it shows."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from temporalio.client import Client

from security.crypto.payload_codec import data_converter
from tests.faults.people import approved, key_of, proposed
from tests.faults.people import shown as case_of
from tests.faults.test_refunds import refund, refund_call
from tests.support.stack.resets import Run, closed, reset, tasks_of
from tests.support.stack.running import Stack, data_of, outpatient_call, registration_call, running_stack
from tests.support.waiting import eventually


async def settled(stack: Stack, number: str) -> None:
    order = outpatient_call(number, TOTAL="10.00", ORDER_ID=f"9{uuid.uuid4().int % 10**8:08d}00999")
    await stack.settled(order, await stack.paid(order))


async def registered(stack: Stack, number: str) -> None:
    order = registration_call(number)
    await stack.settled(order, await stack.paid(order))


async def expired(stack: Stack, number: str) -> None:
    await stack.quoted(outpatient_call(number))


async def rejected(stack: Stack, number: str) -> None:
    assert (await stack.pre_settle(outpatient_call(number, TOTAL="0.01"))).code == "TOTAL_MISMATCH"


async def cancelled(stack: Stack, number: str) -> None:
    await stack.quoted(outpatient_call(number))
    await stack.answered(f"/api/v1/payments/{number}/cancel", {})


async def reversed_(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_his(txn="settle", kind="refuse", times=1)
    assert (await stack.settle(order, pay_ord_id)).code == "REVERSED"


async def reviewed(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = (await stack.quoted(order))["payOrdId"]
    await stack.patient_acts(pay_ord_id, "abnormal")
    assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"


async def refund_refused(stack: Stack, number: str) -> None:
    await settled(stack, number)
    await stack.others.break_centre(txn="6203", kind="refuse", times=1)
    assert (await refund(stack, number, "R1")).code == "INSURANCE_REFUSED"


async def refunded(stack: Stack, number: str) -> None:
    await settled(stack, number)
    assert (await refund(stack, number, "R1")).code == ""


async def partly_refunded(stack: Stack, number: str) -> None:
    await settled(stack, number)
    assert (await refund(stack, number, "R1", type="CASH", amount="0.50")).code == ""


WAYS: dict[str, tuple[Callable[[Stack, str], Awaitable[None]], str]] = {
    "settled": (settled, "SETTLED"),
    "registered": (registered, "SETTLED"),
    "expired": (expired, "EXPIRED"),
    "rejected": (rejected, "REJECTED"),
    "cancelled": (cancelled, "CANCELLED"),
    "reversed": (reversed_, "REVERSED"),
    "in review": (reviewed, "IN_REVIEW"),
    "refund refused": (refund_refused, "SETTLED"),
    "refunded": (refunded, "REFUNDED"),
    "partly refunded": (partly_refunded, "PARTIALLY_REFUNDED"),
}
WINDOW_S, BUDGET_S = 20, 15
"""Neither is spent by a machine that is busy for 10 s."""

STAYS_OPEN = {"reversed", "in review"}
"""After a reversal HIS is asked for half an hour whether a booking came late; a review waits for people."""


@dataclass(frozen=True)
class Ended:
    """Payments that have ended in every way, by name, and longer ago than a pre-settlement may take."""

    stack: Stack
    temporal: Client
    numbers: dict[str, str]


async def shown(run: Run) -> tuple[str, bool]:
    """PaymentState and NeedsAttention."""
    attributes = {pair.key.name: pair.value for pair in (await run.describe()).typed_search_attributes}
    return str(attributes["PaymentState"]), bool(attributes["NeedsAttention"])


@pytest_asyncio.fixture(scope="module")
async def own_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack where a payment ends soon, and a pre-settlement after it has had its time."""
    folder = tmp_path_factory.mktemp("resets")
    async with running_stack(
        folder, payment_window_s=WINDOW_S, pre_settle_budget_s=BUDGET_S, auto_finish_after_s=1
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def ended(own_stack: Stack) -> Ended:
    numbers = {name: uuid.uuid4().hex[:20] for name in WAYS}
    for name, (way, _) in WAYS.items():
        await way(own_stack, numbers[name])
    ends_at = time.monotonic() + BUDGET_S
    await own_stack.others.repair()

    async def all_over() -> bool:
        states = await asyncio.gather(*(own_stack.state(numbers[name]) for name in WAYS))
        return time.monotonic() > ends_at and states == [state for _, state in WAYS.values()]

    await eventually(all_over)
    converter = data_converter(own_stack.api.keyring)
    temporal = await Client.connect(own_stack.embedded.settings.temporal_address, data_converter=converter)
    return Ended(own_stack, temporal, numbers)


class TestAPayment:
    @pytest.mark.parametrize("name", sorted(WAYS.keys() - STAYS_OPEN))
    async def test_ends_again_as_its_row_has_it(self, ended: Ended, name: str) -> None:
        """From each of its tasks, however long ago it was."""
        number, state = ended.numbers[name], WAYS[name][1]
        workflow_id = f"payment-main-{number}"
        await closed(ended.temporal.get_workflow_handle(workflow_id))
        before = await ended.stack.asked_of_centre(number)
        for event_id in reversed(await tasks_of(ended.temporal, workflow_id)):
            run = await reset(ended.temporal, workflow_id, event_id)
            await closed(run)
            assert (await run.result(), await shown(run)) == (state, (state, False)), event_id
        assert await ended.stack.state(number) == state
        changes = {"6201", "6202", "6203", "6401"}
        calls = await ended.stack.asked_of_centre(number)
        assert [call for call in calls if call in changes] == [call for call in before if call in changes]

    @pytest.mark.parametrize("name", sorted(STAYS_OPEN))
    async def test_that_stays_open_shows_its_row(self, ended: Ended, name: str) -> None:
        number, state = ended.numbers[name], WAYS[name][1]
        workflow_id = f"payment-main-{number}"
        for event_id in reversed((await tasks_of(ended.temporal, workflow_id))[:-1]):
            run = await reset(ended.temporal, workflow_id, event_id)

            async def is_shown(run: Run = run) -> bool:
                return await shown(run) == (state, name == "in review")

            await eventually(is_shown)
        assert (await ended.stack.asked_of_centre(number)).count("6203") <= 1


class TestARefund:
    @pytest.mark.parametrize(
        ("name", "state"),
        [("refunded", "REFUNDED"), ("partly refunded", "PARTIALLY_REFUNDED"), ("refund refused", "REFUND_FAILED")],
    )
    async def test_ends_again_as_its_row_has_it(self, ended: Ended, name: str, state: str) -> None:
        number = ended.numbers[name]
        workflow_id = f"refund-main-{number}:R1"
        await closed(ended.temporal.get_workflow_handle(workflow_id))
        for event_id in reversed(await tasks_of(ended.temporal, workflow_id)):
            run = await reset(ended.temporal, workflow_id, event_id)
            await closed(run)
            assert (await run.result(), await shown(run)) == (state, (state, False)), event_id
        assert await ended.stack.state(number) == WAYS[name][1]
        assert (await ended.stack.asked_of_centre(number)).count("6203") == 1


class TestPeoplesWords:
    """A reset sends every update of the workflow again, under its old id: nobody has said so anew."""

    async def test_a_proposal_is_to_be_made_again(self, stack: Stack, number: str) -> None:
        await under_review(stack, number)
        await case_of(stack, number)
        before = await last_task(stack, number)  # of the look: in the new run, too, the case is open by then
        old = await proposed(stack, number, "REVERSE")
        await reset_to(stack, number, before)

        await noted(stack, number, ("refused", "operator"))

        assert "重置" in (await case_of(stack, number))["events"][-1]["reason"]
        assert (await case_of(stack, number))["proposed"] == {}
        refused = await approved(stack, number, old)
        assert (refused.code, await stack.ord_stas(number)) == ("ACTION_REFUSED", [6])
        assert data_of(await approved(stack, number, await proposed(stack, number, "REVERSE")))["state"] == "REVERSED"
        assert (await stack.asked_of_centre(number)).count("6203") == 1

    async def test_an_approval_that_was_carried_out_is_not_doubled(self, stack: Stack, number: str) -> None:
        await under_review(stack, number)
        before = await last_task(stack, number)
        assert data_of(await approved(stack, number, await proposed(stack, number, "REVERSE")))["state"] == "REVERSED"
        run = await reset_to(stack, number, before)

        async def goes_on() -> bool:
            return await shown(run) == ("REVERSED", False)

        await eventually(goes_on)
        assert (await stack.state(number), await stack.ord_stas(number)) == ("REVERSED", [7])
        assert (await stack.asked_of_centre(number)).count("6203") == 1

    async def test_an_operator_s_refund_is_to_be_proposed_again(self, stack: Stack, number: str) -> None:
        await settled(stack, number)
        wish = refund_call("R1", payAuthNo=f"AUTH-{number}")
        path, key = f"/api/v1/payments/{number}/refunds", key_of(stack, "operator")
        old = await stack.api.post(path, wish, key=key)
        temporal = await temporal_of(stack)
        workflow_id = f"refund-main-{number}:R1"
        (first, *_) = await tasks_of(temporal, workflow_id)
        await reset(temporal, workflow_id, first)

        assert (await approved(stack, number, old, refundNo="R1")).code == "ACTION_REFUSED"
        assert "6203" not in await stack.asked_of_centre(number)
        again = await stack.api.post(path, wish, key=key)
        assert again.json["DATA"]["proposal"] != old.json["DATA"]["proposal"]
        assert data_of(await approved(stack, number, again, refundNo="R1"))["state"] == "REFUNDED"
        assert (await stack.asked_of_centre(number)).count("6203") == 1


async def under_review(stack: Stack, number: str) -> None:
    order = outpatient_call(number)
    pay_ord_id = await stack.paid(order)
    await stack.others.break_centre(txn="6301", kind="wrong_amount", times=-1)
    assert (await stack.settle(order, pay_ord_id)).code == "IN_REVIEW"


async def temporal_of(stack: Stack) -> Client:
    converter = data_converter(stack.api.keyring)
    return await Client.connect(stack.embedded.settings.temporal_address, data_converter=converter)


async def last_task(stack: Stack, number: str) -> int:
    """The last event at which the payment's workflow completed a task, by now."""
    return (await tasks_of(await temporal_of(stack), f"payment-main-{number}"))[-1]


async def reset_to(stack: Stack, number: str, event_id: int) -> Run:
    return await reset(await temporal_of(stack), f"payment-main-{number}", event_id)


async def noted(stack: Stack, number: str, event: tuple[str, str]) -> None:
    async def is_noted() -> bool:
        return event in [(one["event"], one["by"]) for one in (await case_of(stack, number))["events"]]

    await eventually(is_noted)
