"""Our own processes die: nothing is lost, nothing is done twice, and nobody waits for ever."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.stack.api_server import PRE_SETTLE, SETTLE
from tests.support.stack.running import Stack, outpatient_call, registration_call, running_stack, settle_call
from tests.support.waiting import eventually

BUDGET_S = 15


@pytest_asyncio.fixture(scope="module")
async def hurried_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("hurried")
    async with running_stack(folder, pre_settle_budget_s=BUDGET_S, his_retry_budget_s=2, sync_wait_s=1) as running:
        yield running


@pytest_asyncio.fixture
async def hurried(hurried_stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose pre-settlements have 15 s, and whose bookings in HIS have 2 s."""
    yield hurried_stack
    await hurried_stack.others.repair()


async def reached_the_centre(stack: Stack, number: str, transaction: str) -> None:
    async def seen() -> bool:
        return transaction in await stack.asked_of_centre(number)

    await eventually(seen)


class TestBudgetSpent:
    async def test_by_his(self, hurried: Stack, number: str) -> None:
        await hurried.others.break_his(txn="patient", kind="drop_before", times=-1)
        answer = await hurried.pre_settle(outpatient_call(number))
        assert answer.outcome == (200, "HIS_UNAVAILABLE")
        assert (await hurried.state(number), await hurried.asked_of_centre(number)) == ("REJECTED", [])

    async def test_by_6202_what_was_uploaded_is_revoked(self, hurried: Stack, number: str) -> None:
        await hurried.others.break_centre(txn="6202", kind="drop_after", times=-1)
        await hurried.others.break_centre(txn="6301", kind="http_500", times=-1)
        answer = await hurried.pre_settle(outpatient_call(number))
        assert answer.outcome == (200, "INSURANCE_UNAVAILABLE")
        assert (await hurried.state(number), await hurried.ord_stas(number)) == ("REJECTED", [12])

    async def test_by_his_after_the_money_which_goes_back(self, hurried: Stack, number: str) -> None:
        """Unknown is not refused: HIS says that it has not booked before 6203 is sent."""
        order = outpatient_call(number)
        pay_ord_id = await hurried.paid(order)
        await hurried.others.break_his(txn="settle", kind="http_500", times=-1)
        assert (await hurried.settle(order, pay_ord_id)).outcome == (200, "REVERSED")
        assert (await hurried.ord_stas(number), await hurried.bookings(number)) == ([7], 0)

    async def test_by_our_worker(self, hurried: Stack, number: str) -> None:
        order = outpatient_call(number)
        await hurried.kill("worker")
        asked_at = time.monotonic()
        assert (await hurried.api.post(PRE_SETTLE, order)).outcome == (202, "PROCESSING")
        assert await hurried.state(number) == "RECEIVED"

        async def too_late() -> bool:
            return time.monotonic() > asked_at + BUDGET_S

        await eventually(too_late)
        await hurried.start_worker()
        answer = await hurried.pre_settle(order)
        assert answer.outcome == (200, "HIS_UNAVAILABLE")
        assert (await hurried.state(number), await hurried.asked_of_centre(number)) == ("REJECTED", [])


class TestTheWorkerDies:
    async def test_and_is_back_within_the_budget(self, stack: Stack, number: str) -> None:
        order = outpatient_call(number)
        waiting = outpatient_call(f"{number}-paid")
        pay_ord_id = await stack.paid(waiting)
        await stack.kill("worker")
        answers = await asyncio.gather(
            stack.api.post(PRE_SETTLE, order), stack.api.post(SETTLE, settle_call(waiting, pay_ord_id))
        )
        assert [answer.outcome for answer in answers] == [(202, "PROCESSING")] * 2
        assert all(answer.headers["Retry-After"] for answer in answers)
        await stack.start_worker()
        await stack.quoted(order)
        assert await stack.asked_of_centre(number) == ["6201", "6202"]
        await stack.settled(waiting, pay_ord_id)
        assert await stack.bookings(f"{number}-paid") == 1


class TestTemporalDies:
    async def test_callers_are_told_and_go_on_where_they_were(self, stack: Stack, number: str) -> None:
        paid, fresh = registration_call(f"{number}-paid"), outpatient_call(number)
        settled = outpatient_call(f"{number}-settled")
        pay_ord_id = await stack.paid(paid)
        settled_as = await stack.paid(settled)
        recorded = await stack.settled(settled, settled_as)
        await stack.kill("temporal")
        for path, body in ((PRE_SETTLE, fresh), (SETTLE, settle_call(paid, pay_ord_id))):
            answer = await stack.api.post(path, body)
            assert answer.outcome == (503, "UNAVAILABLE")
            assert answer.headers["Retry-After"]
        assert await stack.settled(settled, settled_as) == recorded
        assert await stack.state(f"{number}-paid") == "PRE_SETTLED"
        await stack.start_temporal()
        await stack.settled(paid, pay_ord_id)
        assert (await stack.bookings(f"{number}-paid"), await stack.ord_stas(f"{number}-paid")) == (1, [6])
        await stack.quoted(fresh)
        assert await stack.asked_of_centre(number) == ["6201", "6202"]


async def test_everything_is_restarted_in_the_same_folder(tmp_path: Path, number: str) -> None:
    """Killed in the middle of 6202, with another payment waiting for its money."""
    waiting, cut = outpatient_call(f"{number}-paid"), outpatient_call(number)
    async with running_stack(tmp_path) as first:
        pay_ord_id = await first.paid(waiting)
        await first.others.break_centre(txn="6202", kind="delay", times=1, seconds=60)
        call = asyncio.create_task(first.api.post(PRE_SETTLE, cut))
        await reached_the_centre(first, number, "6202")
        for name in first.embedded.supervisor.pids:
            if name != "api":
                await first.kill(name)
        assert (await call).status in {202, 503}
    async with running_stack(tmp_path) as second:
        await second.settled(waiting, pay_ord_id)
        assert (await second.bookings(f"{number}-paid"), await second.state(f"{number}-paid")) == (1, "SETTLED")
        await second.quoted(cut)
        assert await second.ord_stas(number) == [1]
        assert (await second.asked_of_centre(number))[:3] == ["6201", "6202", "6301"]
