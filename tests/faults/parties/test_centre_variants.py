"""A centre that refuses a known medOrgOrd, has revsToken in another field, and leaves the cash to the channel."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hospitals import load_hospitals
from tests.support.stack.running import Stack, outpatient_call, own_hospitals, running_stack

VARIANTS = 'repeated_upload = "refused"\nreversal_token_field = "revsToken"\ncash_refunded_by = "channel"\n'


@pytest_asyncio.fixture(scope="module")
async def variant_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("variants")
    settings = own_hospitals(folder, lambda made: made.replace("\n[hospitals", f"{VARIANTS}\n[hospitals", 1))
    assert load_hospitals(settings["hospitals_file"])["main"].centre.model_dump()["repeated_upload"] == "refused"
    async with running_stack(folder, **settings) as running:
        yield running


@pytest_asyncio.fixture
async def variant(variant_stack: Stack) -> AsyncIterator[Stack]:
    yield variant_stack
    await variant_stack.others.repair()


async def test_a_lost_6201_leaves_nothing_payable_and_is_noted(variant: Stack, number: str) -> None:
    order = outpatient_call(number)
    await variant.others.break_centre(txn="6201", kind="drop_after", times=1)
    assert (await variant.pre_settle(order)).outcome == (200, "INSURANCE_UNAVAILABLE")
    assert (await variant.state(number), await variant.ord_stas(number)) == ("REJECTED", [0])
    shown = await variant.api.call("GET", f"/api/v1/payments/{number}")
    assert shown.json["DATA"]["note"] == "UPLOAD_ORPHANED"


async def test_a_6201_that_never_arrived_is_repeated(variant: Stack, number: str) -> None:
    await variant.others.break_centre(txn="6201", kind="drop_before", times=1)
    await variant.quoted(outpatient_call(number))
    assert await variant.ord_stas(number) == [1]


async def test_a_reversal_gives_back_the_insurances_part_and_names_the_cash(variant: Stack, number: str) -> None:
    order = outpatient_call(number, ORDER_ID="909999", TOTAL="100.00")
    pay_ord_id = await variant.paid(order)
    await variant.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
    answer = await variant.settle(order, pay_ord_id)
    assert answer.outcome == (200, "REVERSED")
    assert "医保部分80.00元已冲正退回" in answer.json["MSG"]
    assert "现金部分20.00元请在支付渠道退款" in answer.json["MSG"]
    assert await variant.ord_stas(number) == [8]


async def test_a_reversal_of_cash_alone_asks_the_centre_for_nothing(variant: Stack, number: str) -> None:
    order = outpatient_call(number, ORDER_ID="300003", TOTAL="0.01")
    pay_ord_id = await variant.paid(order)
    await variant.others.break_his(txn="settle", kind="refuse", times=-1, message="科室已停诊")
    answer = await variant.settle(order, pay_ord_id)
    assert answer.outcome == (200, "REVERSED")
    assert "现金0.01元请在支付渠道退款" in answer.json["MSG"]
    assert (await variant.state(number), await variant.bookings(number)) == ("REVERSED", 0)
    assert "6203" not in await variant.asked_of_centre(number)
