"""Nobody pays, nobody calls, or somebody thinks better of it: the payment ends by itself, and centre and HIS agree."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.stack.running import Stack, outpatient_call, registration_call, running_stack
from tests.support.waiting import eventually


@pytest_asyncio.fixture(scope="module")
async def short_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path_factory.mktemp("short"), payment_window_s=2, auto_finish_after_s=1) as running:
        yield running


@pytest_asyncio.fixture
async def short(short_stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose payment window is 2 s, and where nobody is waited for longer than 1 s."""
    yield short_stack
    await short_stack.others.repair()


async def comes_to(stack: Stack, number: str, state: str) -> None:
    async def is_there() -> bool:
        return await stack.state(number) == state

    await eventually(is_there)


class TestNobodyPays:
    async def test_it_expires_and_can_be_paid_no_more(self, short: Stack, number: str) -> None:
        order = outpatient_call(number)
        await short.quoted(order)
        await comes_to(short, number, "EXPIRED")
        assert await short.ord_stas(number) == [12]
        assert (await short.pre_settle(order)).outcome == (200, "EXPIRED")

    async def test_though_the_revocations_reply_is_lost(self, short: Stack, number: str) -> None:
        await short.others.break_centre(txn="6401", kind="drop_after", times=1)
        await short.quoted(outpatient_call(number))
        await comes_to(short, number, "EXPIRED")
        assert await short.ord_stas(number) == [12]

    async def test_and_the_bill_can_be_ordered_again(self, short: Stack, number: str) -> None:
        order = outpatient_call(number)
        await short.quoted(order)
        await comes_to(short, number, "EXPIRED")
        again = {**order, "medOrgOrd": f"{number}B", "payAuthNo": "another"}
        await short.settled(again, await short.paid(again))
        assert (await short.bookings(f"{number}B"), await short.bookings(number)) == (1, 0)


class TestNobodyCalls:
    async def test_a_bill_is_settled_and_a_late_call_gets_the_recorded_answer(self, short: Stack, number: str) -> None:
        order = outpatient_call(number)
        pay_ord_id = await short.paid(order)
        await comes_to(short, number, "SETTLED")
        assert (await short.settled(order, pay_ord_id))["payOrdId"] == pay_ord_id
        assert (await short.bookings(number), await short.ord_stas(number)) == (1, [6])

    async def test_a_registration_is_registered_and_settled(self, short: Stack, number: str) -> None:
        order = registration_call(number)
        pay_ord_id = await short.paid(order)
        await comes_to(short, number, "SETTLED")
        assert [(await short.settled(order, pay_ord_id))["VISIT_ID"]] == await short.visits(number)
        assert await short.bookings(number) == 1

    async def test_what_the_caller_booked_itself_is_not_booked_again(self, short: Stack, number: str) -> None:
        order = outpatient_call(number, ORDER_ID="905555", TOTAL="55.56")
        await short.paid(order)
        await short.caller_books(order, total_fen=5556)
        await comes_to(short, number, "SETTLED")
        assert await short.bookings(number) == 1
